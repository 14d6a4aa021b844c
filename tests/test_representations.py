"""Laws of every representation, and the exactness of the modes likelihood."""

import numpy as np
import pytest
import scipy.stats
import torch

from beable.distributions import GroupedNormal
from beable.errors import DataError, UsageError
from beable.representations import REPRESENTATIONS, Modes, make

ROWS, GRID = 40, (9, 7)
VARIANTS = {
    "fields": [{}, {"scaling": "none"}, {"centre": False}],
    "modes": [{}, {"modes": 3}, {"scaling": "none"}, {"separate": True, "modes": 4}],
}
ALL = [(kind, options) for kind in REPRESENTATIONS for options in VARIANTS[kind]]


def snapshots(rows=ROWS, seed=0):
    """Smooth fields of four factors, on different scales, with a little noise."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in GRID), indexing="ij")
    waves = np.stack([np.sin(3 * x + k * y) for k in range(4)])
    theta = rng.normal(size=(rows, 4))
    p = np.tensordot(theta, waves, 1) + 0.01 * rng.normal(size=(rows, *GRID))
    u = 30 * np.stack([np.tensordot(theta**2, waves, 1), np.tensordot(np.sin(theta), waves, 1)], 1)
    return {"pressure": p.astype(np.float32), "flux": u.astype(np.float32)}


def vector(snapshots):
    return np.concatenate([v.reshape(len(v), -1) for v in snapshots.values()], 1).astype(np.float64)


@pytest.fixture(params=ALL, ids=lambda p: f"{p[0]}-{'-'.join(map(str, p[1].values()))}")
def fitted(request):
    kind, options = request.param
    return make(kind, **options).fit(snapshots())


def test_a_code_and_its_leftover_hold_every_squared_distance(fitted):
    """|y - y'|^2 / s^2 = |c - c'|^2 + r for the field y' of any code c'."""
    data = snapshots(seed=1)
    coded = fitted.transform(data)
    other = coded.values[::-1] * 0.7
    scale = np.concatenate([np.full(v[0].size, 1.0) for v in data.values()])
    state = fitted.state()
    scale = np.repeat(state["channel_scale"], np.prod(GRID))
    distance = (((vector(data) - vector(fitted.inverse(other))) / scale) ** 2).sum(1)
    found = ((coded.values - other) ** 2).reshape(ROWS, -1).sum(1) + coded.leftover.sum(1)
    np.testing.assert_allclose(found, distance, rtol=1e-4)


def test_the_inverse_gives_the_shapes_and_what_the_code_holds(fitted):
    data = snapshots()
    back = fitted.inverse(fitted.transform(data).values)
    assert {name: v.shape for name, v in back.items()} == {name: v.shape for name, v in data.items()}
    again = fitted.transform(back)
    np.testing.assert_allclose(again.values, fitted.transform(data).values, atol=2e-3, rtol=1e-3)


def test_state_and_settings_restore_the_same_representation(fitted):
    kind = next(name for name, cls in REPRESENTATIONS.items() if isinstance(fitted, cls))
    shapes = {name: v.shape[1:] for name, v in snapshots().items()}
    again = make(kind, **fitted.settings()).restore(fitted.state(), shapes)
    for one, two in zip(fitted.transform(snapshots(seed=2)), again.transform(snapshots(seed=2)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.code.shape == fitted.code.shape


def test_code_describes_the_values(fitted):
    coded, code = fitted.transform(snapshots()), fitted.code
    assert coded.values.shape[1:] == code.shape
    assert coded.values.dtype == coded.leftover.dtype == np.float32
    assert coded.leftover.shape == (ROWS, len(code.dimension))
    assert code.group.size == np.prod(code.shape) == code.scale.size
    assert code.dimension.sum() == 3 * np.prod(GRID)
    assert code.pixels == np.prod(GRID)


def test_a_row_is_coded_the_same_beside_any_others(fitted):
    data = snapshots()
    alone = fitted.transform({name: v[5:6] for name, v in data.items()})
    np.testing.assert_allclose(alone.values[0], fitted.transform(data).values[5], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", VARIANTS["modes"], ids=str)
@pytest.mark.parametrize("separate_variances", [False, True])
def test_the_likelihood_of_modes_is_that_of_every_output(options, separate_variances):
    data = snapshots()
    modes = Modes(**options).fit(data)
    coded, code = modes.transform(data), modes.code
    groups = len(code.dimension)
    variance = np.linspace(0.5, 2, groups) if separate_variances else np.full(groups, 0.7)
    guess = coded.values * 0.9
    scale = np.repeat(modes.state()["channel_scale"], np.prod(GRID))
    sigma = scale * np.sqrt(np.repeat(variance, code.dimension.astype(int)))
    full = scipy.stats.norm(vector(modes.inverse(guess)), sigma).logpdf(vector(data)).sum(1)
    p = GroupedNormal(
        torch.tensor(guess, dtype=torch.float64)[None],
        torch.tensor(np.log(variance))[None],
        torch.tensor(code.group),
        torch.tensor(code.dimension),
    )
    values, leftover = (torch.tensor(a, dtype=torch.float64)[None] for a in coded)
    found = p.log_prob(values, leftover)[0].numpy() - code.log_volume
    np.testing.assert_allclose(found, full, rtol=1e-6)
    without = p.log_prob(values, torch.zeros_like(leftover))[0].numpy() - code.log_volume
    if coded.leftover.mean() > 1e-2:
        assert abs(without / full - 1).max() > 1e-6


def test_kept_energy_decides_the_number_of_modes():
    few, many = (Modes(energy=e).fit(snapshots()) for e in (0.9, 0.9999))
    assert few.code.shape < many.code.shape
    coded = many.transform(snapshots())
    lost = coded.leftover.sum() / (coded.leftover.sum() + (coded.values**2).sum())
    assert lost < 1e-4


def test_modes_are_orthonormal_and_their_energies_fall():
    modes = Modes().fit(snapshots())
    (basis,), (energies,) = modes.bases, modes.energies
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10)
    assert (np.diff(energies) <= 0).all()


BAD = {
    "nan": (
        lambda d: d | {"pressure": np.where(np.arange(ROWS)[:, None, None] == 3, np.nan, d["pressure"])},
        "first row 3",
    ),
    "constant": (lambda d: {"pressure": np.ones((ROWS, 4, 4))}, "the same in all 40"),
    "one row": (lambda d: {name: v[:1] for name, v in d.items()}, "row"),
    "different rows": (lambda d: d | {"flux": d["flux"][:5]}, "different numbers of rows"),
    "different grids": (lambda d: d | {"flux": d["flux"][..., :3]}, "one grid"),
    "nothing": (lambda d: {}, "no variable"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", REPRESENTATIONS)
def test_bad_data_are_refused_in_one_line(kind, case):
    change, words = BAD[case]
    with pytest.raises(DataError, match=words) as caught:
        make(kind).fit(change(snapshots()))
    assert "\n" not in str(caught.value)


def test_more_modes_than_rows_are_refused():
    with pytest.raises(DataError, match="40 modes need at least 41 training rows, got 40"):
        Modes(modes=40).fit(snapshots())


def test_unknown_names_and_settings_are_refused():
    with pytest.raises(UsageError, match="did you mean 'modes'"):
        make("mode")
    with pytest.raises(UsageError, match="did you mean 'energy'"):
        make("modes", enery=0.9)
    with pytest.raises(UsageError, match="scaling"):
        make("fields", scaling="pixel")
    with pytest.raises(UsageError, match="kept energy"):
        make("modes", energy=1.5)
