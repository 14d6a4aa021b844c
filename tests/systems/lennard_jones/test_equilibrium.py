"""The verdict on sets whose law is known: free particles with exponential heights, and what is not in equilibrium."""

import json

import numpy as np
import pytest
from scipy import stats

from beable.errors import DataError
from beable.records import plain
from beable.systems.lennard_jones.equilibrium import FEWEST, LEVEL, Verdict, slope_test, verdict, wall_sum_rule

Array = np.ndarray
N, L, T = 10, 8.0, 0.75
GRAVITIES = (0.1, 0.4, 0.7, 1.0)


def free(gravity: float, rows: int, seed: int, temperature: float = T, box: float = L, dimensions: int = 2) -> Array:
    """Independent particles in equilibrium: uniform but for the last coordinate, which is exponential."""
    x, b = np.random.default_rng(seed).random((rows, N, dimensions)), gravity / temperature
    return np.concatenate([box * x[..., :-1], -np.log1p(x[..., -1:] * np.expm1(-box * b)) / b], axis=2)


def potential(x: Array, gravity: Array | float) -> Array:
    return gravity * x[..., -1].sum(axis=1)


def whole_set(rows: int, seed: int = 0, gravities: tuple[float, ...] = GRAVITIES) -> tuple[Array, Array]:
    """Positions and γ of several levels."""
    x = np.concatenate([free(g, rows, seed + 1000 * i) for i, g in enumerate(gravities)])
    return x, np.repeat(gravities, rows)


def judge(x: Array, gravity: Array, **others: object) -> Verdict:
    given = {"temperature": T, "box": L, "gravity": gravity} | others
    return verdict(x, potential(x, gravity), **given)


@pytest.mark.numerical
@pytest.mark.parametrize("gravity", [0.05, 0.4, 1.0, 6.0])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_sum_rule_of_free_particles(gravity: float, dimensions: int) -> None:
    check = wall_sum_rule(free(gravity, 8000, 1, dimensions=dimensions), gravity, T, L)
    assert check.expected == pytest.approx(N * gravity / T)
    assert abs(check.z) < 3
    assert check.error < 0.06 * N * (gravity + 0.2) / T


@pytest.mark.parametrize("broken", [lambda x: L - x, lambda x: np.clip(1.05 * x - 0.02, 0, L), lambda x: 0.8 * x])
def test_sum_rule_notices(broken: object) -> None:
    """Gravity upside down, particles clamped to the floor, and the heights of a lower temperature."""
    assert abs(wall_sum_rule(broken(free(0.7, 8000, 1)), 0.7, T, L).z) > 5


def test_sum_rule_is_silent_about_few_particles() -> None:
    check = wall_sum_rule(free(0.4, 30, 0), 0.4, T, L)
    assert np.isnan(check.value)
    assert (check.p, check.sharp) == (1.0, False)


def test_slope_of_free_particles_and_of_wrong_ones() -> None:
    low, high = (free(g, 5000, i)[..., -1].sum(axis=1) for i, g in enumerate((0.4, 0.7)))
    assert abs(slope_test(low, high, -0.3 / T).z) < 3
    assert abs(slope_test(high, low, 0.3 / T).z) < 3
    assert abs(slope_test(low, high, 0.3 / T).z) > 5
    assert abs(slope_test(1.2 * low, 1.2 * high, -0.3 / T).z) > 5


@pytest.mark.numerical
def test_slope_of_normal_sets_is_known_exactly() -> None:
    """Two normal laws of one variance: slope (μ₂ − μ₁)/σ², with its least possible error."""
    rng = np.random.default_rng(0)
    check = slope_test(rng.normal(0, 3, 40_000), rng.normal(1.5, 3, 10_000), 1.5 / 9)
    assert abs(check.z) < 3
    linear_discriminant = np.sqrt((1 / 40_000 + 1 / 10_000 + (0.5**2 / 50_000)) / 9)
    assert check.error == pytest.approx(linear_discriminant, rel=0.1)


def test_sets_that_do_not_overlap() -> None:
    check = slope_test(np.arange(10.0), np.arange(100.0, 110.0), 1.0)
    assert np.isnan(check.value)
    assert (check.z, check.p, check.sharp) == (0.0, 1.0, False)


def checks_over_seeds(repeat: int, told: bool, rows: int = 200, seeds: int = 20) -> Array:
    """p of all checks of sets in which each row comes ``repeat`` times, which is a chain that stands still."""
    found = []
    for seed in range(seeds):
        x, gravity = whole_set(rows, seed, (0.7, 1.0))
        chain = np.repeat(np.arange(len(x)), repeat)
        x, gravity = np.repeat(x, repeat, axis=0), np.repeat(gravity, repeat)
        found += [check.p for check in judge(x, gravity, chain=chain if told else None).checks]
    return np.array(found)


def too_many(p: Array, level: float) -> bool:
    return bool(stats.binomtest(int((p < level).sum()), len(p), level, "greater").pvalue < 1e-3)


def test_false_alarms_are_as_rare_as_stated() -> None:
    p = checks_over_seeds(repeat=1, told=True, rows=320)
    assert len(p) == 60
    assert not too_many(p, 0.05)
    assert 0.3 < p.mean() < 0.7


def test_rows_of_one_chain_do_not_count_as_independent() -> None:
    assert not too_many(checks_over_seeds(repeat=4, told=True), 0.05)
    assert too_many(checks_over_seeds(repeat=4, told=False), 0.05)


def test_one_long_chain_is_judged_by_its_blocks() -> None:
    """Rows of one chain that moves by a fifth of its particles at a time."""
    p = []
    for seed in range(10):
        moved = np.random.default_rng(seed).random((3000, N, 1)) < 0.2
        x, fresh = free(1.0, 3000, seed), free(1.0, 1, seed + 5000)[0]
        for i in range(len(x)):
            x[i] = fresh = np.where(moved[i], x[i], fresh)
        found = judge(x, np.full(3000, 1.0), chain=np.zeros(3000))
        assert found.levels[0].chains == 1
        assert 150 < found.levels[0].samples < 1000
        p += [check.p for check in found.checks]
    assert len(p) == 10
    assert not too_many(np.array(p), 0.05)


def test_whole_set_in_equilibrium() -> None:
    x, gravity = whole_set(4000)
    found = judge(x, gravity)
    assert found.equilibrated is True
    assert found.reasons == ()
    assert [len(level) for level in (found.levels, found.checks)] == [4, 7]
    assert found.threshold == pytest.approx(LEVEL / 7)
    exact = [stats.truncexpon(L * g / T, scale=T / g).mean() for g in GRAVITIES]
    for level, height in zip(found.levels, exact, strict=True):
        assert abs(level.height - height) < 4 * level.height_error
        assert level.samples == level.rows == 4000


def test_one_bad_level_is_named() -> None:
    x, gravity = whole_set(4000)
    x[gravity == 0.4] = free(0.3, 4000, 9)
    found = judge(x, gravity)
    assert found.equilibrated is False
    assert all("γ 0.4" in reason and "z = " in reason for reason in found.reasons)


def test_drift_against_an_earlier_energy() -> None:
    x, gravity = whole_set(2000, gravities=(0.7, 1.0))
    energy = potential(x, gravity)
    before = potential(whole_set(2000, 50, (0.7, 1.0))[0], gravity)
    assert judge(x, gravity, early_energy=before).equilibrated is True
    late = judge(x, gravity, early_energy=before + 0.4)
    assert late.equilibrated is False
    assert all("drift of the energy" in reason for reason in late.reasons)
    sparse = np.where(np.arange(len(energy)) % 2, np.nan, before + 0.8)
    assert judge(x, gravity, early_energy=sparse).equilibrated is False
    assert len(judge(x, gravity, early_energy=np.full(len(x), np.nan)).checks) == 3


def test_drift_within_chains() -> None:
    x, gravity = whole_set(2000, gravities=(0.7, 1.0))
    chain = np.arange(4000) % 50 + 100 * (gravity == 1.0)
    energy = potential(x, gravity)
    still = verdict(x, energy, gravity=gravity, temperature=T, box=L, chain=chain)
    assert [check.name for check in still.checks].count("drift of the energy") == 2
    assert still.equilibrated is True
    settling = energy + np.where(np.arange(4000) % 2000 < 1000, 0.5, 0.0)
    assert verdict(x, settling, gravity=gravity, temperature=T, box=L, chain=chain).equilibrated is False


def test_levels_of_temperature_and_box() -> None:
    cases = [(0.7, 0.75, 8.0), (0.7, 0.9, 8.0), (1.0, 0.75, 8.0), (0.7, 0.75, 6.0)]
    x = np.concatenate([free(g, 3000, i, t, box) for i, (g, t, box) in enumerate(cases)])
    factors = dict(zip(("gravity", "temperature", "box"), np.repeat(cases, 3000, axis=0).T, strict=True))
    found = judge(x, **factors)
    assert found.equilibrated is True
    assert sorted(check.name for check in found.checks) == ["n(0) − n(L)"] * 4 + ["slope in U", "slope in Σy"]
    wrong = judge(x, **factors | {"temperature": np.where(factors["temperature"] == 0.9, 1.0, 0.75)})
    assert wrong.equilibrated is False
    assert any("slope in U" in reason for reason in wrong.reasons)


def drawn(rows: int, seed: int, repeat: int = 1, steady: bool = True) -> tuple[Array, Array, Array, Array]:
    """Chains each of a γ, and unless ``steady`` a T, of its own: positions, γ, T and chain."""
    rng = np.random.default_rng(seed)
    gravity, temperature = rng.uniform(0.2, 1.0, rows), np.full(rows, T) if steady else rng.uniform(0.6, 0.9, rows)
    b, x = (gravity / temperature)[:, None], rng.random((rows, N, 2))
    x = np.stack([L * x[..., 0], -np.log1p(x[..., 1] * np.expm1(-L * b)) / b], axis=2)
    chain = np.repeat(np.arange(rows), repeat)
    return np.repeat(x, repeat, axis=0), np.repeat(gravity, repeat), np.repeat(temperature, repeat), chain


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize("repeat", [1, 3])
def test_settings_of_each_chain_its_own(repeat: int, steady: bool) -> None:
    x, gravity, temperature, chain = drawn(3000, 0, repeat, steady)
    found = judge(x, gravity, temperature=temperature, chain=chain)
    assert [check.name for check in found.checks if "drift" not in check.name] == [
        "n(0) − n(L)",
        "exchange of settings",
    ]
    assert found.equilibrated is True
    assert found.levels[0].chains == 3000


def test_exchange_notices_what_is_not_equilibrium() -> None:
    x, gravity, _, _ = drawn(8000, 0)
    squeezed = np.concatenate([x[..., :1], 0.7 * x[..., 1:]], axis=2)
    failed = [check.name for check in judge(squeezed, gravity).checks if check.p < 1e-4]
    assert failed == ["n(0) − n(L)", "exchange of settings"]
    shuffled = judge(x, np.random.default_rng(0).permutation(gravity))
    assert shuffled.equilibrated is False


def test_exchange_is_as_exact_as_it_says() -> None:
    p, blind = [], []
    for seed in range(26):
        x, gravity, _, chain = drawn(120, seed, repeat=7)  # more rows of a chain would be a level of their own
        for told, found in ((True, p), (False, blind)):
            checks = judge(x, gravity, chain=chain if told else None).checks
            found += [check.p for check in checks if check.name == "exchange of settings"]
    assert len(p) == len(blind) == 26
    assert not too_many(np.array(p), 0.05)
    assert too_many(np.array(blind), 0.05)


@pytest.mark.parametrize("rows", [1, FEWEST - 1, FEWEST, 60])
def test_few_rows_cannot_tell(rows: int) -> None:
    found = judge(*whole_set(rows))
    assert found.equilibrated is None
    assert len(found.reasons) >= 1


def test_no_rows_at_all() -> None:
    found = judge(np.full((5, N, 2), np.nan), np.full(5, 0.4))
    assert found.equilibrated is None
    assert found.levels == ()


def test_one_level_alone_and_without_gravity() -> None:
    assert judge(free(0.7, 6000, 0), np.full(6000, 0.7)).equilibrated is True
    flat = L * np.random.default_rng(0).random((6000, N, 2))
    nothing = judge(flat, np.zeros(6000))
    assert nothing.equilibrated is None
    assert "no check is sharp enough" in nothing.reasons[0]
    assert judge(flat, np.full(6000, 0.7)).equilibrated is False


def test_failed_rows_are_left_out() -> None:
    x, gravity = whole_set(4000)
    x[::7] = np.nan
    found = judge(x, gravity)
    assert found.equilibrated is True
    assert sum(level.rows for level in found.levels) == np.isfinite(x[:, 0, 0]).sum()


def test_periodic_walls_have_no_sum_rule() -> None:
    assert len(judge(*whole_set(500), hard_walls=False).checks) == 3


def test_json() -> None:
    for rows in (3, 30, 2000):
        record = plain(judge(*whole_set(rows)))
        assert json.loads(json.dumps(record, allow_nan=False)) == record | {
            "checks": [check | {"levels": list(check["levels"])} for check in record["checks"]]
        }
        assert set(record) == {"equilibrated", "reasons", "levels", "checks", "threshold"}


@pytest.mark.parametrize(
    ("x", "energy", "chain", "words"),
    [
        (np.zeros((5, 4)), np.zeros(5), None, "positions"),
        (np.zeros((5, 4, 2)), np.zeros(4), None, "do not fit"),
        (np.zeros((5, 4, 2)), np.zeros(5), np.zeros(3), "chain must be one number"),
    ],
)
def test_what_does_not_fit(x: Array, energy: Array, chain: Array | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        verdict(x, energy, gravity=1.0, temperature=1.0, box=1.0, chain=chain)
