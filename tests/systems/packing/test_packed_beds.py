"""Measurements on beds whose answers are known: lattices, single spheres, spheres placed at random."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from beable.errors import DataError, UsageError
from beable.systems.packing import packed_beds
from beable.systems.packing.deposition import deposit
from beable.systems.packing.packed_beds import (
    Bed,
    Slab,
    bulk_slab,
    composition,
    contacts,
    coordination,
    height_profile,
    largest_overlap,
    packing_fraction,
    packing_fraction_of_beds,
    radial_distribution,
    solid_below,
    unsupported,
)

Array = np.ndarray

#: centres in the cubic cell, radius over its edge, packing fraction, contacts of a sphere
LATTICES = {
    "simple cubic": ([(0, 0, 0)], 1 / 2, np.pi / 6, 6),
    "body-centred": ([(0, 0, 0), (0.5, 0.5, 0.5)], 3**0.5 / 4, np.pi * 3**0.5 / 8, 8),
    "face-centred": ([(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)], 2**0.5 / 4, np.pi * 2**0.5 / 6, 12),
}
WIDE = [1.0, 3.0, 30.0]


def lattice(name: str, cells: int = 4, layers: int = 16, edge: float = 1.0) -> Bed:
    """Cells of a lattice standing on the floor."""
    centres, radius, _, _ = LATTICES[name]
    corners = np.array(list(product(range(cells), range(cells), range(layers))), float)
    x = edge * (corners[:, None] + np.array(centres)).reshape(-1, 3)
    x[:, 2] += edge * radius
    return Bed.of(x, np.full(len(x), edge * radius), edge * cells)


def gas(spheres: int, ratio: float, seed: int = 0, box: float = 10.0, height: float = 12.0) -> Bed:
    """Centres placed at random, radii up to a ratio."""
    rng = np.random.default_rng(seed)
    radii = 0.5 * ratio ** -rng.random(spheres)
    return Bed.of(rng.random((spheres, 3)) * (box, box, height), radii, box, (radii > 0.3).astype(int))


def pyramid(*others: tuple[float, float, float], top: tuple[float, float, float]) -> Bed:
    """Unit spheres around a last one, each where it touches a unit sphere in that direction from the last."""
    directions = np.array(others, float).reshape(-1, 3)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    x = np.vstack([np.array(top) + 2 * directions, top])
    return Bed.of(x, np.ones(len(x)), 20.0)


# --- density --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATTICES)
@pytest.mark.parametrize("edge", [1.0, 0.37])
def test_density_of_lattices(name: str, edge: float) -> None:
    found = packing_fraction(lattice(name, edge=edge), Slab(2.25 * edge, 12.25 * edge))
    assert found.value == pytest.approx(LATTICES[name][2], rel=1e-12)
    assert found.standard_error < 1e-12


@pytest.mark.parametrize("name", LATTICES)
def test_density_of_the_bulk_by_default(name: str) -> None:
    assert packing_fraction(lattice(name, layers=40)).value == pytest.approx(LATTICES[name][2], rel=0.02)


def test_volume_of_spheres_cut_by_the_slab() -> None:
    bed, slab = gas(200, 3.0), Slab(2.0, 3.1)
    z = np.linspace(*slab, 20_001)
    areas = np.pi * np.maximum(bed.radii**2 - (z[:, None] - bed.positions[:, 2]) ** 2, 0).sum(axis=1)
    by_hand = np.trapezoid(areas, z) / (bed.box**2 * (slab.high - slab.low))
    assert packing_fraction(bed, slab).value == pytest.approx(by_hand, rel=1e-6)
    centres = (bed.positions[:, 2] > slab.low) & (bed.positions[:, 2] < slab.high)
    assigned = (4 / 3 * np.pi * bed.radii[centres] ** 3).sum() / (bed.box**2 * (slab.high - slab.low))
    assert abs(assigned / by_hand - 1) > 0.01  # whole spheres by their centres would be wrong


def test_volume_below() -> None:
    bed = Bed.of([[0, 0, 1], [0, 0, 5]], [1, 2], 20.0)
    whole = 4 / 3 * np.pi * bed.radii**3
    np.testing.assert_allclose(
        solid_below(bed, [-1, 1, 5, 9]) / whole, [[0, 0], [0.5, 0], [1, 0.5], [1, 1]], atol=1e-15
    )


@pytest.mark.parametrize("layers", [1, 7, 50])
def test_height_profile_holds_all_spheres(layers: int) -> None:
    bed = gas(500, 3.0)
    bed = bed._replace(positions=bed.positions + np.array([0, 0, 0.5]))
    found = height_profile(bed, layers)
    thickness = (bed.positions[:, 2] + bed.radii).max() / layers
    volumes = np.bincount(bed.component, weights=4 / 3 * np.pi * bed.radii**3)
    np.testing.assert_allclose(found.by_component.sum(axis=1) * thickness * bed.box**2, volumes, rtol=1e-12)
    np.testing.assert_allclose(found.by_component.sum(axis=0), found.total)
    np.testing.assert_allclose(found.z, thickness * (np.arange(layers) + 0.5))


def test_composition_of_the_slab_is_not_that_of_the_bed() -> None:
    bed = lattice("simple cubic")
    bed = bed._replace(component=(bed.positions[:, 2] > 8).astype(np.intp))
    np.testing.assert_allclose(composition(bed, Slab(2.0, 14.0)), [0.5, 0.5])
    np.testing.assert_allclose(composition(bed, Slab(6.0, 14.0)), [0.25, 0.75])


def test_bulk_stays_away_from_floor_and_top() -> None:
    bed = lattice("simple cubic", layers=100)
    slab = bulk_slab(bed)
    assert slab.low == 2.0
    assert slab.high == pytest.approx(0.9 * np.percentile(bed.positions[:, 2], 99))
    assert bulk_slab(lattice("simple cubic", layers=12)).high == pytest.approx(11.5 - 2.0)


def test_beds_together() -> None:
    beds = [lattice(name, layers=40) for name in LATTICES]
    values = [packing_fraction(bed).value for bed in beds]
    found = packing_fraction_of_beds(beds)
    assert found.value == pytest.approx(np.mean(values))
    assert found.standard_error == pytest.approx(np.std(values, ddof=1) / 3**0.5)


def unlike(errors: Array, values: Array) -> bool:
    """Whether errors are not 1.0 to 1.5 times the spread of values, (kind, bed), by three errors of that spread."""
    found = (np.sqrt(np.square(errors).mean(axis=1)) / values.std(axis=1, ddof=1)).mean()
    unsure = 3 / np.sqrt(2 * values.size)
    return not 1 - unsure < found < 1.5 * (1 + unsure)


def test_standard_error_is_the_spread_over_seeds() -> None:
    found = []
    for ratio in (1.0, 2.0):
        radii = np.random.default_rng(0).permutation(np.repeat([0.5, 0.5 / ratio], [300, 600]))
        beds = [Bed.of(deposit(radii, 5.5, seed).positions, radii, 5.5) for seed in range(60)]
        found.append(list(map(packing_fraction, beds)))
    values, errors = np.moveaxis(np.array(found), 2, 0)
    assert not unlike(errors, values)
    assert unlike(2 * errors, values)
    assert unlike(errors / 2, values)


# --- contacts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATTICES)
def test_contacts_of_lattices(name: str) -> None:
    bed = lattice(name)
    inner = (bed.positions[:, 2] > 2) & (bed.positions[:, 2] < 14)
    assert set(coordination(bed)[inner]) == {LATTICES[name][3]}
    assert largest_overlap(bed) < 1e-14
    assert not len(unsupported(bed))


def test_floor_is_a_contact() -> None:
    assert coordination(Bed.of([[0, 0, 1], [5, 5, 1.1]], [1, 1], 10.0)).tolist() == [1, 0]


def by_hand(bed: Bed, images: bool = True) -> set[tuple[int, int]]:
    """Overlapping pairs, each sphere with each."""
    apart = bed.positions[:, None] - bed.positions
    if images:
        apart[..., :2] -= bed.box * np.rint(apart[..., :2] / bed.box)
    touch = np.linalg.norm(apart, axis=-1) <= bed.radii[:, None] + bed.radii
    return set(zip(*np.nonzero(np.triu(touch, 1)), strict=True))


@pytest.mark.parametrize("ratio", WIDE)
def test_contacts_by_hand(ratio: float) -> None:
    bed = gas(800, ratio)
    found = contacts(bed)
    pairs = set(map(tuple, found.pairs.tolist()))
    assert pairs == by_hand(bed)
    assert len(pairs) == len(found.pairs) > 40
    assert pairs != by_hand(bed, images=False)


def test_neighbours_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = contacts(gas(800, 3.0)).pairs.tolist()
    monkeypatch.setattr(packed_beds, "PAIRS", 50)
    assert sorted(contacts(gas(800, 3.0)).pairs.tolist()) == sorted(whole)


def test_one_sphere_inside_another() -> None:
    assert largest_overlap(Bed.of([[1, 1, 1], [1, 1, 1]], [1, 1], 10.0)) == 1.0


@pytest.mark.parametrize("ratio", WIDE)
def test_gaps_and_normals(ratio: float) -> None:
    bed = gas(800, ratio)
    found = contacts(bed)
    i, j = found.pairs.T
    apart = bed.positions[j] + (found.gaps + bed.radii[i] + bed.radii[j])[:, None] * found.normals - bed.positions[i]
    apart[:, :2] -= bed.box * np.rint(apart[:, :2] / bed.box)
    np.testing.assert_allclose(apart, 0, atol=1e-12)
    assert (found.gaps <= 0).all()


@pytest.mark.parametrize(
    ("second", "depth"),
    [((2.5, 1, 1), 0.25), ((9.5, 1, 1), 0.25), ((9.5, 9.5, 1), (2 - 4.5**0.5) / 2), ((5, 5, 0.9), 0.1), ((5, 5, 3), 0)],
)
def test_depth_of_overlaps(second: tuple[float, float, float], depth: float) -> None:
    expected = max(0.0, depth)
    assert largest_overlap(Bed.of([[1, 1, 1], second], [1, 1], 10.0)) == pytest.approx(expected, abs=1e-15)


def test_tolerance_is_in_radii_of_the_smaller_sphere() -> None:
    bed = Bed.of([[1, 1, 1], [2.11, 1, 1]], [1, 0.1], 10.0)
    assert [len(contacts(bed, tolerance).pairs) for tolerance in (0.09, 0.11)] == [0, 1]


# --- standing -------------------------------------------------------------------------------------------------------

FALLING = {
    "nothing below": pyramid(top=(5, 5, 5)),
    "on one, aside": pyramid((0.1, 0, -1), top=(5, 5, 5)),
    "between two, aside": pyramid((1, 0.1, -1), (-1, 0.1, -1), top=(5, 5, 5)),
    "three on one side": pyramid((1, 0.1, -1), (-1, 0.1, -1), (0, 1, -1), top=(5, 5, 5)),
    "hanging": pyramid((0.5, 0, 1), (-0.5, 0.4, 1), (-0.5, -0.4, 1), top=(5, 5, 5)),
    "wedge that opens": pyramid((1, 0, -0.1), (-1, 0, 0.2), top=(5, 5, 5)),
}
RESTING = {
    "on the top of one": pyramid((0, 0, -1), top=(5, 5, 5)),
    "astride two": pyramid((1, 0, -1), (-1, 0, -1), top=(5, 5, 5)),
    "on three": pyramid((1, 0, -1), (-0.5, 0.9, -1), (-0.5, -0.9, -1), top=(5, 5, 5)),
    "across a side": pyramid((1, 0, -1), (-0.5, 0.9, -1), (-0.5, -0.9, -1), top=(0, 0, 5)),
    "wedged below one that hangs over": pyramid((1, 0, -0.2), (-1, 0, 0.1), top=(5, 5, 5)),
    "on the floor": pyramid(top=(5, 5, 1)),
}


@pytest.mark.parametrize("case", FALLING)
def test_spheres_that_would_fall(case: str) -> None:
    last = len(FALLING[case].radii) - 1
    assert last in unsupported(FALLING[case])
    assert last in unsupported(FALLING[case], earlier=True)


@pytest.mark.parametrize("case", RESTING)
def test_spheres_that_rest(case: str) -> None:
    last = len(RESTING[case].radii) - 1
    assert last not in unsupported(RESTING[case])
    assert last not in unsupported(RESTING[case], earlier=True)


def test_spheres_that_came_later_carry_only_if_asked() -> None:
    bed = RESTING["on three"]
    turned = Bed(bed.positions[::-1], bed.radii, bed.box, bed.component)
    assert 0 not in unsupported(turned)
    assert 0 in unsupported(turned, earlier=True)


def free(bed: Bed) -> bool:
    """Whether the last sphere has a velocity down that leaves all contacts, by linear programming."""
    found = contacts(bed)
    last = len(bed.radii) - 1
    normals = -found.normals[(found.pairs == last).any(axis=1)]
    best = linprog([0, 0, 1], A_ub=-normals, b_ub=np.zeros(len(normals)), bounds=[(-1, 1)] * 3)
    return bool(best.fun < -1e-6)


def test_resting_by_linear_programming() -> None:
    rng, answers = np.random.default_rng(0), []
    for _ in range(40):
        directions = rng.normal(size=(rng.integers(1, 6), 3)) - (0, 0, 0.6)
        bed = pyramid(*map(tuple, directions), top=(10, 10, 10))
        answers.append((free(bed), len(bed.radii) - 1 in unsupported(bed)))
    assert all(expected == found for expected, found in answers)
    assert 8 < sum(expected for expected, _ in answers) < 32


# --- radial distribution --------------------------------------------------------------------------------------------

EDGES = {"centre": np.linspace(0, 4.5, 6), "gap": np.linspace(0, 3.5, 6), "reduced": np.linspace(0.5, 4.5, 6)}


def structure(g: Array) -> bool:
    """Whether the mean of g over beds, (bed, bin), differs from 1 by 4 standard errors, with 0.1 % of tolerance."""
    error = np.hypot(g.std(axis=0, ddof=1) / len(g) ** 0.5, 1e-3)
    return bool((np.abs(g.mean(axis=0) - 1) > 4 * error).any())


@cache
def measured(by: str) -> Array:
    return np.array([radial_distribution(gas(800, 2.0, seed), Slab(3, 8), EDGES[by], by).g for seed in range(12)])


@pytest.mark.parametrize("by", EDGES)
def test_random_centres_have_no_structure(by: str) -> None:
    assert not structure(measured(by))


def test_a_slab_taken_for_endless_is_noticed() -> None:
    t = EDGES["centre"]
    endless, slab = np.diff(t**3), np.diff(t**3 - 3 * t**4 / (8 * 5.0))
    assert structure(measured("centre") * slab / endless)


def test_shells_of_a_lattice() -> None:
    bed = lattice("simple cubic", cells=8)
    found = radial_distribution(bed, Slab(2.0, 12.0), [0.9, 1.1, 1.3, 1.5, 1.6, 1.8])
    layer, layers = 64, 10
    assert found.pairs.tolist() == [
        layer * (2 * layers + layers - 1),
        0,
        layer * (2 * layers + 4 * (layers - 1)),
        0,
        layer * 4 * (layers - 1),
    ]


@pytest.mark.parametrize(("by", "first"), [("centre", 1.0), ("gap", 0.0), ("reduced", 1.0)])
def test_contacts_fall_into_the_bin_that_begins_with_them(by: str, first: float) -> None:
    bed = lattice("simple cubic", cells=7, edge=1.0)
    x = bed.positions + 1e-12 * np.random.default_rng(0).normal(size=bed.positions.shape)
    found = radial_distribution(bed._replace(positions=x), Slab(2.0, 12.0), [first, first + 0.1], by)
    assert found.pairs.tolist() == [49 * 29]


# --- what cannot be measured ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Bed.of([[0, 0, 1]], [1, 1], 9.0), r"\(n, 3\)"),
        (lambda: Bed.of(np.zeros((0, 3)), [], 9.0), "n > 0"),
        (lambda: Bed.of([[0, 0, np.nan]], [1], 9.0), "finite"),
        (lambda: Bed.of([[0, 0, 1]], [0], 9.0), "greater than 0; index 0"),
        (lambda: Bed.of([[0, 0, 1]], [1], 9.0, [0.5]), "whole numbers"),
        (lambda: bulk_slab(lattice("simple cubic", layers=4)), r"at least 1.8 times as many spheres"),
        (lambda: packing_fraction(lattice("simple cubic"), Slab(2, 40)), "not within the bed"),
        (lambda: packing_fraction(lattice("simple cubic"), Slab(5, 5)), "not within the bed"),
        (lambda: composition(Bed.of([[0, 0, 1], [0, 0, 9]], [1, 1], 9.0), Slab(3, 4)), "no sphere reaches"),
        (lambda: packing_fraction_of_beds([lattice("simple cubic")]), "at least 2"),
        (lambda: contacts(Bed.of([[0, 0, 1]], [1], 3.9)), "at least 4 is needed"),
        (lambda: radial_distribution(gas(50, 1.0), Slab(2, 8), [0, 5.5]), "at least 11 is needed"),
        (lambda: radial_distribution(gas(50, 1.0), Slab(2, 4), [0, 3]), "higher slab"),
        (lambda: radial_distribution(gas(50, 1.0), Slab(2, 8), [0, 2, 1]), "rise"),
        (lambda: radial_distribution(gas(50, 1.0), Slab(13, 18), [0, 1]), "0 centres"),
    ],
)
def test_what_cannot_be_measured(call: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        call()


def test_bad_settings() -> None:
    with pytest.raises(UsageError, match="did you mean 'centre'"):
        radial_distribution(gas(50, 1.0), Slab(2, 8), [0, 1], "center")
    with pytest.raises(UsageError, match="layers"):
        height_profile(gas(50, 1.0), 0)
    with pytest.raises(UsageError, match="box"):
        Bed.of([[0, 0, 1]], [1], 0)
