"""Laws of every representation, and the exactness of the modes likelihood."""

import numpy as np
import pytest
import scipy.stats
import torch

from beable.errors import DataError, UsageError
from beable.representations import REPRESENTATIONS, Modes, make
from beable.representations.modes import RESOLVED
from beable.representations.orders import ORDERS
from beable.vae.distributions import GroupedNormal

ROWS, GRID = 24, (9, 7)
VARIANTS = {
    "fields": [{}, {"scaling": "none"}, {"centre": False}],
    "modes": [{}, {"modes": 3}, {"scaling": "none"}, {"separate": True, "modes": 4}],
}
BOX, PARTICLES = 10.0, (6, 2)
PARTICLE_VARIANTS = {
    "coordinates": [
        *({"order": order} for order in ORDERS),
        {"centred": True},
        {"polar": True},
        {"scaling": "box", "box": BOX},
        {"scaling": "range"},
        {"scaling": "none", "centred": True},
    ],
    "distances": [
        *({"form": form, "box": BOX} for form in ("image", "flat", "triangle")),
        *({"order": order, "form": "triangle", "box": BOX} for order in ORDERS),
        {"scaling": "deviation", "orientation": "mean", "order": "assignment"},
        {"scaling": "none", "orientation": "mean", "refine": False},
    ],
    "density": [{"cells": 8, "box": BOX, "value": value} for value in ("count", "max", "one")],
    "periodic": [{"box": BOX}, {"box": BOX, "order": "none"}],
    "joint": [{}, {"form": "flat"}, {"scaling": "box", "box": BOX}],
}
EVERY = VARIANTS | PARTICLE_VARIANTS
ALL = [(kind, options) for kind in VARIANTS for options in VARIANTS[kind]]
ALL_OF_PARTICLES = [(kind, options) for kind in PARTICLE_VARIANTS for options in PARTICLE_VARIANTS[kind]]


def snapshots(rows=ROWS, seed=0):
    """Smooth fields of four factors, on different scales, with a little noise."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in GRID), indexing="ij")
    waves = np.stack([np.sin(3 * x + k * y) for k in range(4)])
    theta = rng.normal(size=(rows, 4))
    p = np.tensordot(theta, waves, 1) + 0.01 * rng.normal(size=(rows, *GRID))
    u = 30 * np.stack([np.tensordot(theta**2, waves, 1), np.tensordot(np.sin(theta), waves, 1)], 1)
    return {"pressure": p.astype(np.float32), "flux": u.astype(np.float32)}


def gas(rows=ROWS, seed=0, shape=PARTICLES):
    """Particles that lie on each other's heels near the floor of the box, more or less so from row to row."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, BOX, size=(rows, *shape))
    x[..., -1] *= rng.uniform(0.2, 1, size=(rows, 1))
    return {"positions": x.astype(np.float32)}


def vector(snapshots):
    return np.concatenate([v.reshape(len(v), -1) for v in snapshots.values()], 1).astype(np.float64)


@pytest.fixture(scope="module", params=ALL, ids=lambda p: f"{p[0]}-{'-'.join(map(str, p[1].values()))}")
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
    found = ((coded.values - other) ** 2).reshape(ROWS, -1).sum(1) + coded.residual_energy.sum(1)
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
    layout = make(kind, **fitted.settings()).layout(fitted.state(), shapes)
    assert layout == {name: np.shape(array) for name, array in fitted.state().items()}
    again = make(kind, **fitted.settings()).restore(fitted.state(), shapes)
    coded = (r.transform(snapshots(seed=2))[:2] for r in (fitted, again))
    for one, two in zip(*coded, strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.code.shape == fitted.code.shape


def test_code_describes_the_values(fitted):
    coded, code = fitted.transform(snapshots()), fitted.code
    assert coded.values.shape[1:] == code.shape
    assert coded.values.dtype == coded.residual_energy.dtype == np.float32
    assert coded.residual_energy.shape == (ROWS, len(code.dimension))
    assert code.group.size == np.prod(code.shape) == code.scale.size
    assert code.dimension.sum() == 3 * np.prod(GRID)
    assert code.pixels == np.prod(GRID)


def test_a_row_is_coded_the_same_beside_any_others(fitted):
    data = snapshots()
    alone = fitted.transform({name: v[5:6] for name, v in data.items()})
    np.testing.assert_allclose(alone.values[0], fitted.transform(data).values[5], rtol=1e-5, atol=1e-5)


@pytest.mark.numerical
@pytest.mark.parametrize("options", VARIANTS["modes"], ids=str)
@pytest.mark.parametrize("separate_variances", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_likelihood_of_modes_is_that_of_every_output(options, separate_variances, seed):
    """To the single precision of the codes: unscaled they are thousands, and so is the log density."""
    rtol = 3e-6 if options.get("scaling") == "none" else 2e-8
    data = snapshots(seed=seed)
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
    values, residual_energy = (torch.tensor(a, dtype=torch.float64)[None] for a in coded[:2])
    found = p.log_prob(values, residual_energy)[0].numpy() - code.log_volume
    np.testing.assert_allclose(found, full, rtol=rtol)
    without = p.log_prob(values, torch.zeros_like(residual_energy))[0].numpy() - code.log_volume
    if coded.residual_energy.mean() > 1e-4:
        assert abs(without / full - 1).max() > 2 * rtol


def test_kept_energy_decides_the_number_of_modes():
    few, many = (Modes(energy=e).fit(snapshots()) for e in (0.9, 0.9999))
    assert few.code.shape < many.code.shape
    coded = many.transform(snapshots())
    lost = coded.residual_energy.sum() / (coded.residual_energy.sum() + (coded.values**2).sum())
    assert lost < 1e-4


@pytest.mark.numerical
def test_modes_are_orthonormal_and_their_energies_fall():
    modes = Modes().fit(snapshots())
    (basis,), (energies,) = modes.bases, modes.energies
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10)
    assert (np.diff(energies) <= 0).all()


@pytest.mark.numerical
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(5))
def test_rounding_is_no_mode(kind, seed):
    """Fields of five factors have five modes, however the eigenvalues of the others round."""
    rng = np.random.default_rng(seed)
    field = np.tensordot(rng.normal(size=(300, 5)), rng.normal(size=(5, *GRID)), 1).astype(kind)
    modes = Modes(energy=1.0, scaling="none").fit({"pressure": field})
    assert modes.code.shape == (5,)
    with pytest.raises(DataError, match="hold only 5"):
        Modes(modes=6).fit({"pressure": field})
    centred = (field - field.mean(0)).reshape(300, -1).astype(np.float64)
    energies = np.linalg.eigvalsh(centred @ centred.T)
    assert (energies > 0).sum() > 5
    assert energies[-5] > 100 * RESOLVED * energies[-1] > 1e4 * energies[-6]


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_turn_a_mode_whose_ends_are_alike(seed):
    """A sine is largest at two nodes, with different signs: the first makes the mode positive."""
    x = np.linspace(0, 1, 17)
    rng = np.random.default_rng(seed)
    field = np.outer(rng.normal(size=20), np.sin(2 * np.pi * x)) * (1 + 1e-15 * rng.normal(size=(20, 17)))
    (basis,) = Modes(modes=1).fit({"pressure": field}).bases
    np.testing.assert_allclose(basis[:, 0], np.sin(2 * np.pi * x) / np.sqrt(8), atol=1e-12)


BAD = {
    "infinite": (
        lambda d: d | {"pressure": np.where(np.arange(ROWS)[:, None, None] == 3, np.inf, d["pressure"])},
        "first row 3",
    ),
    "all missing": (lambda d: d | {"pressure": np.nan * d["pressure"]}, "pressure is missing in all 24 training rows"),
    "constant": (lambda d: {"pressure": np.ones((ROWS, 4, 4))}, "the same in all 24"),
    "one row": (lambda d: {name: v[:1] for name, v in d.items()}, "row"),
    "different rows": (lambda d: d | {"flux": d["flux"][:5]}, "different numbers of rows"),
    "different grids": (lambda d: d | {"flux": d["flux"][..., :3]}, "one grid"),
    "nothing": (lambda d: {}, "no variable"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", VARIANTS)
def test_bad_data_are_refused_in_one_line(kind, case):
    change, words = BAD[case]
    with pytest.raises(DataError, match=words) as caught:
        make(kind).fit(change(snapshots()))
    assert "\n" not in str(caught.value)


def test_more_modes_than_rows_are_refused():
    with pytest.raises(DataError, match="24 modes need at least 25 training rows, got 24"):
        Modes(modes=24).fit(snapshots())


def test_unknown_names_and_settings_are_refused():
    with pytest.raises(UsageError, match="did you mean 'modes'"):
        make("mode")
    with pytest.raises(UsageError, match="did you mean 'energy'"):
        make("modes", enery=0.9)
    with pytest.raises(UsageError, match="scaling"):
        make("fields", scaling="pixel")
    with pytest.raises(UsageError, match="kept energy"):
        make("modes", energy=1.5)


# Representations of particles


def test_every_representation_is_swept():
    assert set(EVERY) | {"table", "internal"} == set(REPRESENTATIONS)  # tables and chains have laws of their own


def label(case):
    return "-".join([case[0], *(f"{name}={value}" for name, value in case[1].items())])


@pytest.fixture(scope="module", params=ALL_OF_PARTICLES, ids=label)
def particles(request):
    kind, options = request.param
    return make(kind, **options).fit(gas())


def same_codes(one, two):
    return np.array_equal(one.values, two.values) and np.array_equal(one.residual_energy, two.residual_energy)


def test_the_labels_of_particles_do_not_change_the_code(particles):
    """Nor do they change what is learned; order "none" is the one that sees them."""
    rng = np.random.default_rng(3)
    shuffled = {"positions": np.stack([rng.permutation(row) for row in gas()["positions"]])}
    again = make(name_of(particles), **particles.settings()).fit(shuffled)
    blind = particles.settings().get("order") != "none"
    assert same_codes(particles.transform(gas()), particles.transform(shuffled)) == blind
    assert not blind or same_codes(again.transform(gas()), particles.transform(gas()))


def name_of(representation):
    return next(name for name, cls in REPRESENTATIONS.items() if type(representation) is cls)


def test_particles_come_back_as_they_were_sorted(particles):
    coded = particles.transform(gas(seed=1))
    back, true = particles.inverse(coded.values)["positions"], particles.canonical(gas(seed=1))["positions"]
    assert back.dtype == true.dtype == np.float32
    assert back.shape == true.shape == (ROWS, *PARTICLES)
    difference = np.abs(back - true)
    if "where in its cell" in particles.forgets:
        kept = particles.lost(gas(seed=1)) == 0 if particles.value == "one" else np.full(ROWS, True)
        assert kept.mean() > 0.5
        assert difference[kept].max() <= BOX / 8 / 2 + 1e-5
    elif "centre of mass" in particles.forgets:
        shift = (back - true).mean(1, keepdims=True)
        assert np.abs(shift).max() > 0.1
        np.testing.assert_allclose(back, true + shift, atol=1e-4)
    else:
        assert difference.max() < (2e-3 if name_of(particles) == "distances" else 1e-4)


def test_particles_restore_the_same_representation(particles):
    layout = particles.layout(particles.state(), {"positions": PARTICLES})
    assert layout == {name: np.shape(array) for name, array in particles.state().items()}
    again = make(name_of(particles), **particles.settings()).restore(particles.state(), {"positions": PARTICLES})
    one, two = particles.transform(gas(seed=2)), again.transform(gas(seed=2))
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.residual_energy, two.residual_energy)
    assert again.settings() == particles.settings()
    np.testing.assert_array_equal(again.inverse(one.values)["positions"], particles.inverse(one.values)["positions"])
    for first, second in zip(again.code, particles.code, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_code_of_particles_describes_the_values(particles):
    coded, code = particles.transform(gas()), particles.code
    assert coded.values.shape == (ROWS, *code.shape)
    assert coded.values.dtype == coded.residual_energy.dtype == np.float32
    assert coded.residual_energy.shape == (ROWS, len(code.dimension))
    assert code.group.size == np.prod(code.shape) == code.scale.size
    values = coded.values.reshape(ROWS, -1).astype(np.float64)
    for group in np.unique(code.group):
        size = np.sqrt((values[:, code.group == group] ** 2).mean())
        np.testing.assert_allclose(code.scale[code.group == group], size, rtol=1e-5)


def test_rows_of_particles_have_the_same_bytes_in_any_block(particles):
    data = gas(seed=4)["positions"]
    whole = particles.transform({"positions": data})
    for size in (1, 7):
        parts = [particles.transform({"positions": data[i : i + size]}) for i in range(0, ROWS, size)]
        np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), whole.values)
        np.testing.assert_array_equal(np.concatenate([p.residual_energy for p in parts]), whole.residual_energy)


@pytest.mark.parametrize("case", ALL_OF_PARTICLES, ids=label)
def test_particles_in_space_and_flat_codes(case):
    kind, options = case
    data = gas(shape=(7, 3))
    fitted = make(kind, **options).fit(data)
    values = fitted.transform(data).values
    back = fitted.inverse(values.reshape(ROWS, -1))["positions"]
    assert back.shape == (ROWS, 7, 3)
    if kind == "density" and options["value"] != "one":
        np.testing.assert_array_equal(fitted.transform({"positions": back}).values, values)
    if kind == "distances":
        upper = np.triu_indices(7, 1)
        found = np.linalg.norm(back[:, upper[0]] - back[:, upper[1]], axis=-1)
        np.testing.assert_allclose(found, fitted.matrices(values)[:, *upper], atol=1e-3)


BAD_PARTICLES = {
    "nan": (lambda x: np.where(np.arange(ROWS)[:, None, None] == 3, np.nan, x), "first row 3"),
    "infinite": (lambda x: np.where(np.arange(ROWS)[:, None, None] == 5, np.inf, x), "first row 5"),
    "constant": (lambda x: np.repeat(x[:1], ROWS, 0), "the same in all 24"),
    "one row": (lambda x: x[:1], "the same in all 1"),
    "no rows": (lambda x: x[:0], "no training rows"),
    "a field": (lambda x: np.ones((ROWS, 9, 9)), r"got shape \(9, 9\)"),
    "flat": (lambda x: x.reshape(ROWS, -1), "expected \\(particle, dimension\\)"),
    "no particles": (lambda x: x[:, :0], "got shape"),
}


@pytest.mark.parametrize("case", BAD_PARTICLES)
@pytest.mark.parametrize("kind", PARTICLE_VARIANTS)
def test_bad_particles_are_refused_in_one_line(kind, case):
    change, words = BAD_PARTICLES[case]
    with pytest.raises(DataError, match=words) as caught:
        make(kind, **PARTICLE_VARIANTS[kind][0]).fit({"positions": change(gas()["positions"])})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", PARTICLE_VARIANTS)
def test_other_particles_and_other_variables_are_refused(kind):
    fitted = make(kind, **PARTICLE_VARIANTS[kind][0]).fit(gas())
    with pytest.raises(DataError, match="one variable, positions"):
        make(kind, **PARTICLE_VARIANTS[kind][0]).fit(gas() | {"velocities": gas()["positions"]})
    with pytest.raises(DataError, match="what the model was trained on"):
        fitted.transform({"positions": gas()["positions"][:, :4]})
    with pytest.raises(DataError, match="what the model was trained on"):
        fitted.transform({"places": gas()["positions"]})
    with pytest.raises(DataError, match="first row 2"):
        fitted.transform({"positions": np.where(np.arange(ROWS)[:, None, None] == 2, np.nan, gas()["positions"])})


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("coordinates", {"order": "heigth"}, "did you mean 'height'"),
        ("coordinates", {"scaling": "diagonal"}, "unknown scaling"),
        ("coordinates", {"scaling": "box"}, "representation.box"),
        ("coordinates", {"scaling": "box", "box": -1.0}, "greater than 0"),
        ("distances", {}, "representation.box"),
        ("distances", {"scaling": "none"}, "orientation 'floor'"),
        ("distances", {"form": "matrix", "box": BOX}, "unknown form"),
        ("distances", {"orientation": "up", "box": BOX}, "unknown orientation"),
        ("density", {}, "needs cells and box"),
        ("density", {"cells": 0, "box": BOX}, "whole number"),
        ("density", {"cells": 2.5, "box": BOX}, "whole number"),
        ("density", {"cells": 2, "box": float("nan")}, "greater than 0"),
        ("density", {"cells": 2, "box": BOX, "value": "mean"}, "unknown value"),
        ("joint", {"scaling": "none"}, "unknown scaling"),
        ("joint", {"form": "image"}, "unknown form"),
    ],
)
def test_settings_of_particles_are_checked(kind, options, words):
    with pytest.raises(UsageError, match=words) as caught:
        make(kind, **options)
    assert "\n" not in str(caught.value)
