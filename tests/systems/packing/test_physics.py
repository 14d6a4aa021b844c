"""Physics of whole deposits, each beside a deposition that is wrong on purpose and that the same check notices.

Wrong are: without the guard against contacts that have just let go, without images across the periodic sides, and
with the spheres released in the order of their sizes.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest

from beable.systems.packing.close_packing import close_packing_estimate
from beable.systems.packing.deposition import deposit
from beable.systems.packing.packed_beds import (
    Bed,
    Measured,
    Slab,
    bulk_slab,
    composition,
    contacts,
    coordination,
    largest_overlap,
    packing_fraction,
    packing_fraction_of_beds,
    radial_distribution,
    unsupported,
)

Array = np.ndarray
Wrong = Literal["", "no guard", "no images", "sorted"]

EQUAL = 0.5816
#: packing fractions of lognormal numbers of spheres, spreads cut at three of them, from another program
LOGNORMAL = {0.1: 0.583, 0.2: 0.591, 0.3: 0.601, 0.4: 0.614, 0.5: 0.628}
#: spheres and side, in diameters of the large ones, of beds of two sizes
RATIOS = {1: (4000, 10.0), 2: (4000, 7.0), 3: (6000, 6.0), 5: (14_000, 5.5)}
FINE = 0.28


def one_size(spheres: int) -> Array:
    return np.full(spheres, 0.5)


def two_sizes(ratio: float, spheres: int) -> Array:
    """Radii in random order, with a given volume of fine ones."""
    fine = round(spheres * FINE * ratio**3 / (FINE * ratio**3 + 1 - FINE))
    return np.random.default_rng(0).permutation(np.repeat([0.5 / ratio, 0.5], [fine, spheres - fine]))


def lognormal(spread: float, spheres: int) -> Array:
    normal = np.random.default_rng(1).normal(size=2 * spheres)
    return 0.5 * np.exp(spread * normal[np.abs(normal) < 3][:spheres])


@cache
def deposited(kind: str, size: float, spheres: int, box: float, seed: int = 0, wrong: Wrong = "") -> Bed:
    """A bed of one kind of powder; the large spheres are component 1."""
    radii = {"equal": lambda s, n: one_size(n), "two": two_sizes, "lognormal": lognormal}[kind](size, spheres)
    radii = np.sort(radii) if wrong == "sorted" else radii
    found = deposit(radii, box, seed, guard=wrong != "no guard", images=wrong != "no images")
    return Bed.of(found.positions, radii, box, (radii > 0.49).astype(int))


def equal(spheres: int = 4000, box: float = 10.0, seed: int = 0, wrong: Wrong = "") -> Bed:
    return deposited("equal", 1.0, spheres, box, seed, wrong)


def binary(ratio: int, wrong: Wrong = "") -> Bed:
    return deposited("two", float(ratio), *RATIOS[ratio], 0, wrong)


def spread(s: float, wrong: Wrong = "") -> Bed:
    return deposited("lognormal", s, 10_000, 16.0, 0, wrong)


# --- solid spheres at rest ------------------------------------------------------------------------------------------


def overlaps(bed: Bed) -> bool:
    return largest_overlap(bed) > 1e-10


def falls(bed: Bed) -> bool:
    """Whether a sphere came to rest where those before it do not hold it."""
    return len(unsupported(bed, earlier=True)) > 0


@pytest.mark.parametrize("bed", [equal, lambda: binary(2), lambda: binary(5), lambda: spread(0.5)])
def test_solid_and_at_rest(bed: Callable[[], Bed]) -> None:
    """The spheres that came first: what later ones do moves none of them."""
    first, whole = slice(3000), bed()
    lower = Bed(whole.positions[first], whole.radii[first], whole.box, whole.component[first])
    assert not overlaps(lower)
    assert not falls(lower)
    assert not len(unsupported(lower))


def test_sides_without_images_are_noticed() -> None:
    assert overlaps(equal(spheres=1000, wrong="no images"))


def test_contacts_without_a_guard_are_noticed() -> None:
    assert falls(equal(spheres=1000, wrong="no guard"))
    assert falls(deposited("two", 2.0, 1000, RATIOS[2][1], 0, "no guard"))


# --- density --------------------------------------------------------------------------------------------------------


def literature(found: Measured) -> bool:
    return abs(found.value - EQUAL) < 0.002


def test_density_of_equal_spheres() -> None:
    assert literature(packing_fraction_of_beds([equal(seed=seed) for seed in range(6)]))
    assert not literature(packing_fraction(equal(wrong="no guard")))


def grows(beds: list[Bed]) -> bool:
    """Whether the density of beds rises from each to the next, by more than three standard errors."""
    value, error = np.array([packing_fraction(bed) for bed in beds]).T
    return bool((np.diff(value) > 3 * np.hypot(error[1:], error[:-1])).all())


def test_density_grows_with_the_ratio_of_sizes() -> None:
    assert grows([binary(ratio) for ratio in RATIOS])
    assert not grows([binary(ratio, wrong="sorted") for ratio in RATIOS])


def mixed(bed: Bed) -> bool:
    """Whether the lower and the upper half of the bulk have one composition, within a twentieth."""
    low, high = bulk_slab(bed)
    halves = [composition(bed, Slab(*ends)) for ends in ((low, (low + high) / 2), ((low + high) / 2, high))]
    return bool(np.abs(halves[0] - halves[1]).max() < 0.05)


@pytest.mark.parametrize("ratio", [2, 3, 5])
def test_sizes_stay_mixed(ratio: int) -> None:
    assert mixed(binary(ratio))
    assert not mixed(binary(ratio, wrong="sorted"))


@pytest.mark.parametrize("s", [0.1, 0.3, 0.5])
def test_density_of_lognormal_sizes(s: float) -> None:
    assert packing_fraction(spread(s)).value == pytest.approx(LOGNORMAL[s], abs=0.004)


def test_other_spreads_and_orders_are_noticed() -> None:
    for s, wrong in ((0.1, 0.2), (0.3, 0.4), (0.5, 0.4)):
        assert packing_fraction(spread(s)).value != pytest.approx(LOGNORMAL[wrong], abs=0.004)
    assert packing_fraction(spread(0.5, wrong="sorted")).value != pytest.approx(LOGNORMAL[0.5], abs=0.004)


def looser_than_close(bed: Bed) -> bool:
    """Whether a bed is below random close packing of its sizes, by Farr and Groot (2009)."""
    sizes, number = np.unique(np.round(2 * bed.radii, 3), return_counts=True)
    volumes = number * sizes**3
    return packing_fraction(bed).value < close_packing_estimate(sizes, volumes / volumes.sum())


@pytest.mark.parametrize("bed", [equal, *(lambda r=r: binary(r) for r in (2, 3, 5)), lambda: spread(0.5)])
def test_looser_than_random_close_packing(bed: Callable[[], Bed]) -> None:
    assert looser_than_close(bed())


def test_crystals_are_not_looser_than_random_close_packing() -> None:
    layer, y, x = np.indices((60, 8, 8)).reshape(3, -1)
    centres = np.column_stack([x + layer % 2 / 2, y + layer % 2 / 2, 0.5 + layer / 2**0.5])
    crystal = Bed.of(centres, one_size(len(centres)), 8.0)
    assert not overlaps(crystal)
    assert not falls(crystal)
    assert not looser_than_close(crystal)


# --- what must not matter -------------------------------------------------------------------------------------------


def agree(found: Measured, other: Measured) -> bool:
    return abs(found.value - other.value) < 4 * np.hypot(found.standard_error, other.standard_error)


def parts(slab: Slab, number: int) -> list[Slab]:
    ends = np.linspace(*slab, number + 1)
    return [Slab(*pair) for pair in pairwise(ends)]


@pytest.mark.parametrize("bed", [lambda: equal(spheres=10_000, box=14.0), lambda: spread(0.3)])
def test_density_is_independent_of_the_slab(bed: Callable[[], Bed]) -> None:
    whole, slab = packing_fraction(bed()), bulk_slab(bed())
    for part in [*parts(slab, 2), *parts(slab, 3)]:
        assert agree(packing_fraction(bed(), part), whole)


def test_floor_and_top_are_not_bulk() -> None:
    bed = equal(spheres=10_000, box=14.0)
    whole, top = packing_fraction(bed), float(bed.positions[:, 2].max())
    assert not agree(packing_fraction(bed, Slab(0, top)), whole)
    assert not agree(packing_fraction(bed, Slab(0, 1.5)), whole)


def test_density_is_independent_of_the_seed() -> None:
    beds = [equal(seed=seed) for seed in range(6)]
    mean = packing_fraction_of_beds(beds)
    assert all(agree(packing_fraction(bed), mean) for bed in beds)
    assert not agree(packing_fraction(equal(wrong="no guard")), mean)


def dropped(radii: Array, box: float, scale: float) -> Array:
    return deposit(radii * scale, box * scale, 3).positions / scale


@pytest.mark.parametrize("scale", [2.0**-20, 4.0])
def test_scale_by_a_power_of_two_changes_nothing(scale: float) -> None:
    radii = two_sizes(3, 2000)
    np.testing.assert_array_equal(dropped(radii, 4.5, scale), dropped(radii, 4.5, 1.0))


@pytest.mark.parametrize("scale", [3.7, 1e-6, 1e6])
def test_scale_changes_nothing_but_rounding(scale: float) -> None:
    radii = two_sizes(3, 1000)
    np.testing.assert_allclose(dropped(radii, 4.5, scale), dropped(radii, 4.5, 1.0), atol=1e-6)


# --- contacts -------------------------------------------------------------------------------------------------------


def rests_on(bed: Bed) -> Array:
    """Earlier spheres that each sphere of the bulk touches."""
    low, high = bulk_slab(bed)
    z = bed.positions[:, 2]
    return np.bincount(contacts(bed).pairs[:, 1], minlength=len(z))[(z > low) & (z < high)]


@pytest.mark.parametrize("bed", [equal, lambda: binary(3), lambda: spread(0.3)])
def test_every_sphere_rests_on_three(bed: Callable[[], Bed]) -> None:
    assert set(rests_on(bed())) == {3}


def test_spheres_that_do_not_rest_on_three_are_noticed() -> None:
    assert set(rests_on(equal(wrong="no guard"))) != {3}


def six_contacts(bed: Bed) -> bool:
    """Whether spheres of the bulk have six contacts on average: three below each, so three above."""
    low, high = bulk_slab(bed)
    z = bed.positions[:, 2]
    return abs(float(coordination(bed)[(z > low) & (z < high)].mean()) - 6) < 0.05


@pytest.mark.parametrize("bed", [equal, lambda: binary(3)])
def test_six_contacts_on_average(bed: Callable[[], Bed]) -> None:
    assert six_contacts(bed())


def test_another_number_of_contacts_is_noticed() -> None:
    assert not six_contacts(equal(wrong="no guard"))


def steepness(normals: Array) -> float:
    """Mean square of the vertical component, above the third of directions without preference, in standard errors."""
    squares = normals[:, 2] ** 2
    return float((squares.mean() - 1 / 3) / (squares.std() / len(squares) ** 0.5))


def test_contacts_are_steep() -> None:
    assert steepness(contacts(equal()).normals) > 5
    directions = np.random.default_rng(0).normal(size=(12_000, 3))
    assert abs(steepness(directions / np.linalg.norm(directions, axis=1)[:, None])) < 4


def test_shells_of_a_deposit() -> None:
    bed = equal()
    g = radial_distribution(bed, bulk_slab(bed), [0, 1, 1.02, 1.3, 1.5, 1.9, 2.0, 2.05, 4, 4.5]).g
    assert g[0] == 0
    assert g[1] > 8  # contacts
    assert g[6] < g[5]  # neighbours of one sphere are at most two diameters apart
    assert g[-1] == pytest.approx(1, abs=0.03)


def test_a_very_wide_ratio_takes_no_more_cells_than_spheres_need():
    radii = np.concatenate([np.full(40, 0.25), [500.0], np.full(40, 0.25)])
    bed = deposit(radii, 4000.0, 0)
    assert bed.overlap < 1e-10
    assert not len(bed.stuck)
