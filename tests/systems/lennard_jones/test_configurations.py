"""Measures of configurations against lattices, ideal gases and other known answers."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

from beable.errors import DataError, UsageError
from beable.systems.lennard_jones.configurations import (
    contacts,
    gyration,
    height_profile,
    inside,
    jensen_shannon,
    matched_error,
    pair_density,
    radial_distribution,
    smallest_distance,
    valid,
)

BOX = 10.0


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def square_lattice(side: int = 4, spacing: float = 1.1) -> np.ndarray:
    x, y = np.meshgrid(*[1 + spacing * np.arange(side)] * 2)
    return np.column_stack([x.ravel(), y.ravel()])[None]


TWO = np.array([[[0.0, 0, 0], [1, 2, 2]]])
TRIANGLE = np.array([[[0.0, 0], [1, 0], [0.5, np.sqrt(0.75)]]])


# One number a row


def test_smallest_distance_of_known_sets() -> None:
    assert smallest_distance(TWO) == pytest.approx([3])
    assert smallest_distance(TRIANGLE) == pytest.approx([1])
    assert smallest_distance(square_lattice()) == pytest.approx([1.1])
    assert smallest_distance(np.zeros((2, 1, 2))).tolist() == [np.inf] * 2


def test_rows_are_judged_one_by_one() -> None:
    near = np.array([[2.0, 2], [2, 2.79]])
    rows = np.array([[[2.0, 2], [2, 2.81]], near, [[2, 2], [2, 10.01]]])
    assert valid(rows, BOX).tolist() == [True, False, False]
    assert valid(rows).tolist() == [True, False, True]
    assert valid(rows, core=0.7).tolist() == [True, True, True]
    assert inside(rows, BOX).tolist() == [True, True, False]


def test_walls_are_inside() -> None:
    assert inside([[[0, 0], [BOX, BOX]], [[-1e-6, 0], [1, 1]]], BOX).tolist() == [True, False]


def test_contacts_of_known_sets() -> None:
    assert contacts(square_lattice()).tolist() == [24]  # 2 · 4 · 3 neighbours; diagonals are at 1.56
    assert contacts(square_lattice(), high=1.6).tolist() == [24 + 18]
    assert contacts(1.01 * TRIANGLE).tolist() == [3]
    assert contacts(TRIANGLE, low=1.01).tolist() == [0]


def test_gyration_of_known_sets() -> None:
    assert gyration(TWO) == pytest.approx([1.5])
    assert gyration(TRIANGLE) == pytest.approx([1 / np.sqrt(3)])
    assert gyration(TRIANGLE + 7) == pytest.approx(gyration(TRIANGLE))


def test_matched_error_forgets_the_order() -> None:
    x = draw().uniform(0, BOX, size=(5, 12, 2))
    shuffled = draw(1).permuted(np.broadcast_to(np.arange(12), (5, 12)), axis=1)
    moved = np.take_along_axis(x, shuffled[:, :, None], axis=1)
    moved[:, 0, 1] += 0.02
    assert matched_error(moved, x) == pytest.approx(np.full(5, 0.02 / np.sqrt(12)))
    in_order = np.sqrt(np.square(moved - x).sum(axis=2).mean(axis=1))
    assert (in_order > 1).all()  # the order must have mattered


# Pair correlation


@pytest.mark.parametrize(("dimensions", "mean"), [(2, 0.5214054331647207), (3, 0.6617071822671763)])
def test_pair_density_is_one_and_has_the_known_mean(dimensions: int, mean: float) -> None:
    kinks = [0, 1, np.sqrt(2), np.sqrt(3)][: dimensions + 1]
    for power, expected in ((0, 1.0), (1, mean)):
        parts = [
            integrate.quad(lambda r, k=power: r**k * pair_density(r, dimensions), a, b)[0] for a, b in pairwise(kinks)
        ]
        assert sum(parts) == pytest.approx(expected, abs=1e-7)


def deviations(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(g − 1) in standard errors."""
    found = radial_distribution(x, BOX, edges)
    return (found.g - 1) / found.standard_error


@pytest.mark.parametrize("dimensions", [2, 3])
def test_ideal_gas_has_no_correlation(dimensions: int) -> None:
    edges = np.linspace(0.5, 0.85 * BOX * np.sqrt(dimensions), 30)
    z = deviations(draw().uniform(0, BOX, size=(4000, 10, dimensions)), edges)
    assert np.abs(z).max() < 4
    assert 0.4 < np.square(z).mean() < 1.8
    clumped = draw().beta(1.1, 1.1, size=(4000, 10, dimensions)) * BOX
    assert np.abs(deviations(clumped, edges)).max() > 10


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_periodic_normalisation_would_be_seen(dimensions: int) -> None:
    edges = np.linspace(1, BOX / 2, 9)
    x = draw().uniform(0, BOX, size=(1000, 10, dimensions))
    found = radial_distribution(x, BOX, edges)
    shell = np.diff({2: np.pi, 3: 4 * np.pi / 3}[dimensions] * edges**dimensions) / BOX**dimensions
    own = np.diff([integrate.quad(lambda r: pair_density(r, dimensions), 0, e / BOX)[0] for e in edges])
    periodic = found.g * own / shell
    assert np.abs(found.g - 1).max() < 0.1
    assert periodic[-1] < 0.65


def test_two_particles_have_the_boltzmann_factor() -> None:
    x = draw().uniform(0, BOX, size=(400_000, 2, 2))
    r = np.linalg.norm(x[:, 0] - x[:, 1], axis=1).clip(0.3)
    factor = np.exp(-4 * (r**-12 - r**-6) / 0.75)
    x = x[draw(1).uniform(0, np.exp(1 / 0.75), size=len(r)) < factor]
    found = radial_distribution(x, BOX, np.linspace(1, 5, 41))
    expected = np.exp(-4 * (found.r**-12 - found.r**-6) / 0.75) / factor.mean()
    assert np.abs((found.g - expected) / found.standard_error).max() < 4.5
    assert np.abs((found.g - 1) / found.standard_error).max() > 20


def test_pairs_are_counted_once_and_beyond_the_diagonal_is_nothing() -> None:
    found = radial_distribution(square_lattice(), BOX, [1.0, 1.2, 20.0, 30.0])
    share = integrate.quad(lambda r: pair_density(r, 2), 0.1, 0.12)[0]
    assert found.g[0] == pytest.approx(24 / (120 * share))
    assert np.isnan(found.g[2])
    assert np.isnan(found.standard_error).all()  # one row has no spread


# Heights


def barometric(rows: int, particles: int, scale: float) -> np.ndarray:
    """Ideal gas of a scale height in the box, up is last."""
    x = draw().uniform(size=(rows, particles, 2))
    x[..., 1] = -scale * np.log1p(-x[..., 1] * -np.expm1(-BOX / scale)) / BOX
    return BOX * x


def test_profile_of_an_ideal_gas() -> None:
    x, scale = barometric(3000, 20, 1.875), 1.875
    found = height_profile(x, BOX, bins=25)
    cdf = np.expm1(-np.linspace(0, BOX, 26) / scale) / np.expm1(-BOX / scale)
    z = (found.density - 20 * np.diff(cdf) * 25 / BOX) / np.maximum(found.standard_error, 1e-4)
    assert np.abs(z).max() < 4
    assert found.density.sum() * BOX / 25 == pytest.approx(20)
    assert found.outside == 0
    sideways = height_profile(x[..., ::-1], BOX, bins=25)
    assert np.abs(sideways.density - found.density).max() > 5  # the last dimension is up


def test_what_is_outside_is_told() -> None:
    found = height_profile([[[1, -1], [1, 0], [1, BOX], [1, 4]]], BOX, bins=5)
    assert found.outside == 0.25
    assert found.density.tolist() == [0.5, 0, 0.5, 0, 0.5]


# Two samples


def test_divergence_is_scipys() -> None:
    a, b = draw().normal(size=400), draw(1).normal(0.5, 1.2, size=300)
    found = jensen_shannon(a, b, 30, range=(-8, 8))
    histograms = [np.histogram(x, 30, (-8, 8))[0] for x in (a, b)]
    assert found.distance == pytest.approx(jensenshannon(*histograms))
    assert found.divergence == pytest.approx(found.distance**2)
    assert found.overflow == (0, 0)


def test_ends_of_the_divergence() -> None:
    a = draw().normal(size=200)
    assert jensen_shannon(a, a).distance == 0
    assert jensen_shannon(a, a + 100).divergence == pytest.approx(np.log(2))
    assert jensen_shannon([1.0], [1.0, 1.0]).distance == 0


def test_luck_alone_has_a_distance_and_the_floor_says_so() -> None:
    drawn = [jensen_shannon(draw(s).normal(size=100), draw(s + 999).normal(size=100), rng=s) for s in range(200)]
    distances, floors = [np.array([getattr(d, name) for d in drawn]) for name in ("distance", "floor")]
    assert distances.min() > 0.185  # without a floor each of these would pass for a difference
    assert distances.mean() == pytest.approx(floors.mean(), rel=0.02)
    assert np.mean([d.p <= 0.05 for d in drawn]) == pytest.approx(0.05, abs=0.045)


def test_a_difference_is_above_the_floor() -> None:
    found = jensen_shannon(draw().normal(size=2000), draw(1).normal(0.3, 1, size=2000))
    assert found.p <= 0.01
    assert found.distance > 1.3 * found.floor


def test_size_of_a_known_difference() -> None:
    grid = np.linspace(-8, 9, 4001)
    p, q = norm.pdf(grid), norm.pdf(grid, 1)
    found = jensen_shannon(draw().normal(size=200_000), draw(1).normal(1, 1, size=200_000), 100, repeats=9)
    assert found.distance == pytest.approx(jensenshannon(p, q), rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_heavy_tails_do_not_spoil_the_bins(seed: int) -> None:
    a, b = draw(seed).normal(size=1000), draw(seed + 50).normal(0.5, 1, size=1000)
    plain, stretched = jensen_shannon(a, b), jensen_shannon(np.exp(6 * a), np.exp(6 * b))
    assert stretched.distance == pytest.approx(plain.distance)
    tail = np.append(np.exp(6 * a), np.inf)
    wide = np.histogram_bin_edges(tail[:-1], 50)
    assert np.mean(tail < wide[1]) > 0.95  # bins of equal width would hold everything in one
    assert jensen_shannon(tail, np.exp(6 * b)).p <= 0.01
    cut = [jensen_shannon(np.where(a > 1, top, a), np.where(b > 1, top, b)).distance for top in (9, np.inf)]
    assert cut[0] == cut[1]


def test_what_is_outside_the_range_counts() -> None:
    a, b = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, np.inf])
    found = jensen_shannon(a, b, 4, range=(0.5, 4.5))
    assert found.overflow == (0, 0.25)
    assert found.distance > 0.2


# Bad input


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: smallest_distance(np.zeros((3, 2))), DataError, r"positions\[None\]"),
        (lambda: contacts([[[0, np.nan]]]), DataError, "not finite, first row 0"),
        (lambda: inside(TWO, 0), UsageError, "box"),
        (lambda: valid(TWO, np.inf), UsageError, "box"),
        (lambda: matched_error(TWO, TRIANGLE), DataError, "one shape"),
        (lambda: radial_distribution(TRIANGLE, BOX, [1, 0]), DataError, "ascend"),
        (lambda: radial_distribution(np.zeros((0, 3, 2)), BOX, [0, 1]), DataError, "no rows"),
        (lambda: radial_distribution(np.zeros((1, 3, 4)), BOX, [0, 1]), DataError, "2 and 3 dimensions"),
        (lambda: height_profile(TWO, BOX, 0), UsageError, "bins"),
        (lambda: jensen_shannon([1, np.nan], [1, 2]), DataError, "1 NaN"),
        (lambda: jensen_shannon([], [1, 2]), DataError, "column"),
        (lambda: jensen_shannon([1], [2], 1), UsageError, "bins"),
        (lambda: jensen_shannon([1], [2], range=(2, 1)), UsageError, "range"),
    ],
)
def test_bad_input_is_one_line(call, error, says) -> None:
    with pytest.raises(error, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
