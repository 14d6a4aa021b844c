"""From distances back to points, onto references and onto the floor."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.stats import special_ortho_group

from beable.datasets.superposed import align
from beable.errors import DataError, UsageError
from beable.representations.completion import complete, trilaterate
from beable.representations.distance_geometry import (
    Embedding,
    as_distances,
    classical_scaling,
    distances_of,
    laplacian_inverse,
    refine,
)
from beable.representations.orientation import settle
from beable.systems.lennard_jones.simulator import LennardJones

BOX = 10.0


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def gas(rows: int = 40, particles: int = 30, dimensions: int = 2, seed: int = 0) -> np.ndarray:
    return draw(seed).uniform(0, BOX, size=(rows, particles, dimensions))


def noisy(distances: np.ndarray, size: float, seed: int = 5) -> np.ndarray:
    noise = np.triu(draw(seed).normal(size=distances.shape), 1)
    return as_distances(distances + size * (noise + noise.swapaxes(1, 2)))


def turns(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Random rotations (rows, d, d), half of them with a reflection."""
    found = special_ortho_group.rvs(dimensions, size=rows, random_state=seed).reshape(rows, dimensions, dimensions)
    found[::2, :, 0] *= -1
    return found


@pytest.fixture(scope="module")
def fluid() -> dict[float, np.ndarray]:
    """Equilibrium configurations by gravity."""
    moves = {0.1: (0.8, 0.4), 0.4: (0.7, 0.3), 0.7: (0.5, 0.2), 1.0: (0.45, 0.1)}
    system = LennardJones()
    return {
        gravity: system.relax(
            gas(100, seed=i), np.full((100, 1), gravity), 1000, draw(i), step=step, teleport=teleport
        ).astype(np.float64)
        for i, (gravity, (step, teleport)) in enumerate(moves.items())
    }


# Distances to points


@pytest.mark.numerical
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("particles", [4, 30])
def test_distances_to_points_to_distances(dimensions: int, particles: int) -> None:
    true = distances_of(gas(20, particles, dimensions))
    found = classical_scaling(true, dimensions)
    assert np.abs(distances_of(found.positions) - true).max() < 1e-10
    assert found.negative_mass.max() < 1e-12
    assert found.third_ratio.max() < 1e-12
    assert np.abs(found.positions.mean(axis=1)).max() < 1e-12


def test_the_squares_must_be_centred() -> None:
    true = distances_of(gas())
    unsquared = classical_scaling(np.sqrt(true)).positions
    assert np.abs(distances_of(unsquared) - true).max() > 0.1


def test_too_few_dimensions_are_told() -> None:
    found = classical_scaling(distances_of(gas(dimensions=3)), 2)
    assert found.third_ratio.min() > 0.1
    assert found.negative_mass.max() < 1e-12


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_points_on_a_line_need_no_third_dimension(seed: int) -> None:
    """Their second eigenvalue and their third are rounding: their ratio would be any number."""
    line = np.matmul(gas(20, 30, 1, seed) * [1.0, 0.0], turns(20, 2, seed))
    assert not classical_scaling(distances_of(line)).third_ratio.any()
    assert classical_scaling(distances_of(line + 1e-3 * gas(20, seed=seed)), 1).third_ratio.min() > 1e-8


@pytest.mark.numerical
def test_negative_eigenvalues_do_not_become_dimensions() -> None:
    """Three points and one in the middle at no distance from any: −1/8 is the largest eigenvalue but one by size."""
    impossible = np.array([[[0, 2, 2, 0.1], [2, 0, 2, 0.1], [2, 2, 0, 0.1], [0.1, 0.1, 0.1, 0]]])
    found = classical_scaling(impossible, 3)
    squares = impossible[0] ** 2
    centre = np.eye(4) - 0.25
    values = np.linalg.eigvalsh(-0.5 * centre @ squares @ centre)
    assert values[0] < -0.4
    assert found.negative_mass[0] == pytest.approx(-values[0] / values[2:].sum())
    assert np.linalg.matrix_rank(found.positions[0], tol=1e-6) == 2


def test_decoded_matrices_are_made_distances() -> None:
    given = draw().normal(size=(3, 5, 5))
    made = as_distances(given)
    assert np.array_equal(made, made.swapaxes(1, 2))
    assert (made >= 0).all()
    assert not np.diagonal(made, axis1=1, axis2=2).any()
    true = distances_of(gas(4))
    lopsided = true + np.triu(0.2 * np.ones(true.shape)) - np.tril(0.2 * np.ones(true.shape))
    assert np.abs(distances_of(classical_scaling(lopsided).positions) - true).max() < 1e-10


@pytest.mark.parametrize("particles", [1, 2])
def test_fewer_points_than_dimensions(particles: int) -> None:
    x = gas(3, particles)
    found = classical_scaling(distances_of(x), 3)
    assert found.positions.shape == (3, particles, 3)
    assert np.abs(distances_of(found.positions) - distances_of(x)).max() < 1e-10
    assert found.third_ratio.tolist() == [0, 0, 0]


# The pseudo-inverse behind every step

SIZES = [*range(3, 25), 29, 48, 56, 62, 63, 78, 79, 83, 110, 130]  # from 29 on: where a library's cut-off failed


def even(particles: int) -> np.ndarray:
    return 1.0 - np.eye(particles)


def uneven(particles: int, seed: int = 0) -> np.ndarray:
    weights = np.triu(draw(seed).uniform(0.1, 3, size=(particles, particles)), 1)
    return weights + weights.T


def parted(particles: int) -> np.ndarray:
    """Two groups of points, one with weights in another unit, and a point on its own where three would be left."""
    weights = uneven(particles)
    group = np.arange(particles) % 2 + 1
    group[4:5] = 0
    return np.where(group == group[:, None], weights, 0) * np.where(group == 1, 1e-9, 1)


def inverse_error(weights: np.ndarray, inverse: np.ndarray) -> float:
    """Largest entry of V V⁺ − J, and of V⁺ − V⁺ J beside V⁺; J takes out the mean of each part that weights tie."""
    part = connected_components(weights > 0, directed=False)[1]
    same = part == part[:, None]
    centring = np.eye(len(weights)) - same / same.sum(axis=0)
    laplacian = np.diag(weights.sum(axis=0)) - weights
    constants = np.abs(inverse - inverse @ centring).max() / np.abs(inverse).max()
    return max(float(np.abs(laplacian @ inverse - centring).max()), float(constants))


@pytest.mark.numerical
@pytest.mark.parametrize("weights", [even, uneven, parted, lambda n: 1e-9 * even(n), lambda n: 1e9 * uneven(n)])
def test_the_inverse_of_the_laplacian_inverts_all_but_constants(weights: Callable[[int], np.ndarray]) -> None:
    errors = [inverse_error(w, laplacian_inverse(w[None])[0]) for w in map(weights, SIZES)]
    assert max(errors) < 1e-10


@pytest.mark.numerical
def test_a_null_vector_that_rounding_lifts_over_a_cut_off_spoils_the_inverse() -> None:
    """The twin: a zero eigenvalue of 1e-13 is divided by."""
    weights = even(12)
    laplacian = np.diag(weights.sum(axis=0)) - weights
    assert inverse_error(weights, np.linalg.pinv(laplacian + 1e-13 / 12, hermitian=True)) > 0.01


@pytest.mark.numerical
def test_each_row_has_the_inverse_of_its_own_weights() -> None:
    rows = np.stack([even(9), uneven(9), parted(9)])
    together = laplacian_inverse(rows)
    for weights, inverse in zip(rows, together, strict=True):
        assert np.array_equal(inverse, laplacian_inverse(weights[None])[0])
        assert inverse_error(weights, inverse) < 1e-10


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_rounding_of_the_weights_does_not_change_the_inverse(seed: int) -> None:
    weights = uneven(40, seed) * (draw(seed).random((40, 40)) < 0.1)
    weights += weights.T
    noise = np.triu(1 + 1e-15 * draw(seed).normal(size=(40, 40)))
    nudged = weights * np.triu(noise, 1) + weights * np.triu(noise, 1).T
    there, here = (laplacian_inverse(w[None]) for w in (nudged, weights))
    assert np.abs(there - here).max() < 1e-10 * np.abs(here).max()


# Least stress


def test_stress_is_that_of_scikit_learn() -> None:
    from sklearn.manifold import smacof

    given = noisy(distances_of(gas(4)), 0.3)
    start = classical_scaling(given).positions
    ours = refine(given, start, steps=3000, tolerance=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = [
            smacof(d, init=x, n_init=1, eps=1e-12, max_iter=5000, normalized_stress=False)[1]
            for d, x in zip(given, start, strict=True)
        ]
    assert ours.stress == pytest.approx(np.sqrt(np.array(theirs) / (30 * 29 / 2)), rel=1e-6)


def test_the_default_tolerance_is_enough() -> None:
    given = noisy(distances_of(gas(25)), 0.25)
    start = classical_scaling(given).positions
    quick, exact = refine(given, start), refine(given, start, steps=3000, tolerance=1e-12)
    assert align(quick.positions, exact.positions).error.max() < 0.003  # a hundredth of the noise
    assert exact.steps.mean() > 2 * quick.steps.mean()


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_no_step_raises_the_stress(seed: int) -> None:
    given, start = noisy(distances_of(gas(6, seed=seed)), 2.0, seed + 5), gas(6, seed=seed + 30)
    stress = np.array([refine(given, start, steps=k, tolerance=0).stress for k in (*range(1, 9), 20, 39)])
    assert (np.diff(stress, axis=0) < 1e-12).all()
    assert (stress[-1] < 0.9 * stress[0]).all()
    assert np.median(stress[-1] / stress[0]) < 0.75  # 0.6 of a typical row


def test_the_size_of_the_start_does_not_matter() -> None:
    given, start = noisy(distances_of(gas(6)), 0.3), gas(6, seed=3)
    small, large = refine(given, 0.1 * start), refine(given, 7 * start)
    assert np.array_equal(small.steps, large.steps)
    assert np.allclose(small.positions, large.positions)


@pytest.mark.numerical
def test_weights_are_those_of_least_squares() -> None:
    given, start = noisy(distances_of(gas(2, 8)), 0.5), gas(2, 8)
    weights = draw(2).uniform(0.1, 3, size=(2, 8, 8))
    weights += weights.swapaxes(1, 2)
    found = refine(given, start, weights=weights, steps=5000, tolerance=1e-14)
    upper = np.triu_indices(8, 1)
    for row in range(2):

        def stress(flat: np.ndarray, row: int = row) -> float:
            d = distances_of(flat.reshape(1, 8, 2))[0]
            return float((weights[row] * np.square(d - given[row]))[upper].sum())

        best = minimize(stress, found.positions[row].ravel(), options={"gtol": 1e-9}).fun
        share = weights[row][upper].sum()
        assert found.stress[row] == pytest.approx(np.sqrt(best / share), rel=1e-6)
    even = refine(given, start, steps=5000, tolerance=1e-14)
    assert align(even.positions, found.positions).error.min() > 0.01


def test_rows_are_refined_one_by_one() -> None:
    given, start = noisy(distances_of(gas(5)), 0.3), gas(5, seed=1)
    together = refine(given, start)
    for row in range(5):
        alone = refine(given[[row]], start[[row]])
        assert np.allclose(alone.positions[0], together.positions[row], atol=1e-12)
        assert alone.steps[0] == together.steps[row]


def test_no_rows_is_no_error() -> None:
    assert refine(np.zeros((0, 4, 4)), np.zeros((0, 4, 2))).positions.shape == (0, 4, 2)


# What noise does, in the fluid. Columns: size of the noise, negative mass, λ₃/λ₂, error of a point and smallest
# distance by classical scaling, the same after refinement; means over equal numbers at gravity 0.1, 0.4, 0.7 and 1.
NOISE = [
    (0.02, 0.016, 0.014, 0.013, 0.99, 0.008, 0.99),
    (0.05, 0.039, 0.034, 0.032, 0.98, 0.020, 0.98),
    (0.10, 0.075, 0.069, 0.064, 0.94, 0.041, 0.98),
    (0.25, 0.17, 0.17, 0.162, 0.77, 0.102, 0.87),
    (0.50, 0.29, 0.32, 0.33, 0.51, 0.20, 0.72),
]


def smallest(positions: np.ndarray) -> float:
    return float((distances_of(positions) + 99 * np.eye(positions.shape[1])).min(axis=(1, 2)).mean())


def noise_row(fluid: dict[float, np.ndarray], size: float, steps: int) -> np.ndarray:
    x = np.concatenate([each[:50] for each in fluid.values()])
    given = noisy(distances_of(x), size)
    first = classical_scaling(given)
    second = refine(given, first.positions, steps=steps).positions if steps else first.positions
    judged = [v for p in (first.positions, second) for v in (align(p, x).error.mean(), smallest(p))]
    return np.array([size, first.negative_mass.mean(), first.third_ratio.mean(), *judged])


@pytest.mark.parametrize(
    "expected",
    [pytest.param(row, id=str(row[0]), marks=[pytest.mark.slow] if i % 2 else []) for i, row in enumerate(NOISE)],
)
def test_noise_on_the_distances(fluid: dict[float, np.ndarray], expected: tuple[float, ...]) -> None:
    assert noise_row(fluid, expected[0], 300) == pytest.approx(np.array(expected), rel=0.2)
    unrefined = noise_row(fluid, expected[0], 0)
    assert unrefined[5] > 1.3 * expected[5]


def energy(positions: np.ndarray) -> np.ndarray:
    """Lennard-Jones, cut at 3."""
    r = distances_of(positions)[:, *np.triu_indices(positions.shape[1], 1)]
    return np.where(r <= 3, 4 * (r**-12 - r**-6), 0).sum(axis=1)


def test_refinement_saves_energy(fluid: dict[float, np.ndarray]) -> None:
    x = np.concatenate(list(fluid.values()))
    given = noisy(distances_of(x), 0.25)
    first = classical_scaling(given).positions
    errors = [np.median(np.abs(energy(p) - energy(x))) for p in (first, refine(given, first).positions)]
    assert errors == pytest.approx([115, 20], rel=0.3)


# Hidden distances


def hidden(first: int, count: int, particles: int = 30) -> np.ndarray:
    """Mask without the block of some points among themselves."""
    known = np.ones((particles, particles), dtype=bool)
    known[first : first + count, first : first + count] = False
    return known


@pytest.mark.numerical
@pytest.mark.parametrize(("first", "count"), [(0, 10), (8, 10), (0, 20)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_hidden_blocks_are_completed(first: int, count: int, dimensions: int) -> None:
    true, known = distances_of(gas(8, dimensions=dimensions)), hidden(first, count)
    found = complete(np.where(known, true, np.nan), known, dimensions)
    assert np.abs(distances_of(found.positions) - true).max() < 1e-8
    assert found.third_ratio.max() < 1e-8
    zeroed = classical_scaling(np.where(known, true, 0), dimensions)  # a block of zeros is not a block unknown
    assert np.abs(distances_of(zeroed.positions) - true).max() > 1
    assert zeroed.negative_mass.min() > 0.05


@pytest.mark.numerical
def test_each_point_on_three_known_distances() -> None:
    """The first points form a rigid core, each of the others is tied by three of them."""
    known = np.zeros((20, 20), dtype=bool)
    known[:8, :8] = True
    for point in range(8, 20):
        known[point, draw(point).choice(8, 3, replace=False)] = True
    known |= known.T
    true = distances_of(gas(8, 20))
    errors = np.abs(distances_of(complete(true, known).positions) - true).max(axis=(1, 2))
    assert errors.max() < 1e-6
    some = true[:7]
    paths = np.array([shortest_path(np.where(known, row, 0)) for row in some])
    alone = refine(some, classical_scaling(paths).positions, weights=known, steps=1000).positions
    assert np.median(np.abs(distances_of(alone) - some).max(axis=(1, 2))) > 1  # another valley


@pytest.mark.numerical
@pytest.mark.parametrize("unit", [1.0, 3.4e-10])
def test_points_that_coincide_and_the_unit_do_not_matter(unit: float) -> None:
    """All points tied, some through others that they coincide with; distances of atoms in metres are tiny numbers."""
    x = gas(20, 12)
    x[:, 6:9] = x[:, :3]
    true, known = distances_of(x), hidden(0, 5, 12)
    found = complete(unit * true, known).positions
    assert np.abs(distances_of(found) - unit * true).max() < 1e-6 * unit


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("off", [0.0, 1e-15, 1e-12, 1e-9])
def test_anchors_on_a_line_put_a_point_onto_it(off: float, seed: int) -> None:
    """Whatever rounding, or the root of it, takes them off the line: on which side the point lies, they do not tell."""
    x = gas(50, 7, seed=seed)
    foot = x[:, 6].copy()
    x[:, :6, 1] = BOX * off * draw(seed).normal(size=(50, 6))
    foot[:, 1] = 0
    turn = turns(50, 2, seed)
    radii = np.linalg.norm(x[:, :6] - x[:, 6:], axis=2)
    found = trilaterate(np.matmul(x[:, :6], turn), radii)
    assert np.abs(found - np.matmul(foot[:, None], turn)[:, 0]).max() < 1e-5


def test_anchors_a_little_off_a_line_place_a_point_exactly() -> None:
    x = gas(50, 7)
    x[:, :6, 1] *= 1e-3
    radii = np.linalg.norm(x[:, :6] - x[:, 6:], axis=2)
    assert np.abs(trilaterate(x[:, :6], radii) - x[:, 6]).max() < 1e-6


def test_completion_of_noisy_distances_is_refined() -> None:
    true, known = distances_of(gas(40)), hidden(0, 10)
    found = distances_of(complete(noisy(true, 0.05), known).positions)
    error = np.sqrt(np.mean(np.square(found - true)[:, ~known]))
    assert 0.01 < error < 0.05


# Onto a reference


@pytest.mark.numerical
@pytest.mark.parametrize("dimensions", [2, 3])
def test_alignment_recovers_any_move(dimensions: int) -> None:
    x, turn = gas(30, 12, dimensions), turns(30, dimensions)
    moved = np.matmul(x, turn) + draw(1).normal(size=(30, 1, dimensions))
    found = align(moved, x)
    assert found.error.max() < 1e-12
    assert np.abs(found.positions - x).max() < 1e-12
    assert np.abs(found.rotation - turn).max() < 1e-12
    proper = align(moved, x, reflection=False)
    assert np.allclose(np.linalg.det(proper.rotation), 1)
    assert proper.error[1::2].max() < 1e-12
    assert proper.error[::2].min() > 0.5  # mirrored ones need a reflection
    assert align(moved, x, translation=False).error.min() > 0.01


def test_alignment_is_the_best_of_many_turns() -> None:
    x, y = gas(8, 7), gas(8, 7, seed=9)
    errors = {True: np.full(8, np.inf), False: np.full(8, np.inf)}
    for angle in np.linspace(0, 2 * np.pi, 720):
        for mirror in (1, -1):
            turn = np.array([[np.cos(angle), np.sin(angle)], [-mirror * np.sin(angle), mirror * np.cos(angle)]])
            moved = (x - x.mean(axis=1, keepdims=True)) @ turn + y.mean(axis=1, keepdims=True)
            error = np.sqrt(np.square(moved - y).sum(axis=2).mean(axis=1))
            errors[True] = np.minimum(errors[True], error)
            errors[False] = np.minimum(errors[False], error) if mirror == 1 else errors[False]
    for reflection, best in errors.items():
        assert align(x, y, reflection=reflection).error == pytest.approx(best, rel=1e-4)
    assert (errors[True] < errors[False] - 0.01).any()


# Onto the floor


def down_error(true: np.ndarray, rule: str, seed: int = 3) -> np.ndarray:
    """Degrees between the true down and the one found after a random turn."""
    settled = settle(np.matmul(true, turns(len(true), true.shape[2], seed)), BOX, rule)
    up = align(settled, true).rotation[:, -1, -1]
    return np.degrees(np.arccos(up.clip(-1, 1)))


# gravity, rule, median error in degrees (at most), share below 10 degrees (at least)
DOWN = [
    (0.4, "hull", 2.0, 0.94),
    (0.4, "height", 2.0, 0.94),
    (0.7, "hull", 0.9, 0.98),
    (1.0, "hull", 0.8, 0.99),
]


@pytest.mark.parametrize(("gravity", "rule", "median", "share"), DOWN)
def test_the_fluid_finds_its_floor(
    fluid: dict[float, np.ndarray], gravity: float, rule: str, median: float, share: float
) -> None:
    error = down_error(fluid[gravity], rule)
    assert np.median(error) < median
    assert np.mean(error < 10) >= share


def test_weak_gravity_does_not_tell_down(fluid: dict[float, np.ndarray]) -> None:
    hull, height = (down_error(fluid[0.1], rule) for rule in ("hull", "height"))
    assert 0.4 < np.mean(hull < 10) < 0.65
    assert np.mean(hull < 10) <= np.mean(height < 10) < 0.75
    assert np.mean(down_error(-fluid[1.0], "hull") < 10) == 0  # the twin: gravity upwards


@pytest.mark.parametrize("rule", ["hull", "height"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_settling_is_a_rigid_move_onto_the_floor(rule: str, dimensions: int) -> None:
    x = gas(6, 20, dimensions)
    found = settle(x, BOX, rule)
    assert np.abs(distances_of(found) - distances_of(x)).max() < 1e-12
    assert found[..., -1].min(axis=1) == pytest.approx(0)
    middle = (found[..., :-1].max(axis=1) + found[..., :-1].min(axis=1)) / 2
    assert middle == pytest.approx(np.full(middle.shape, BOX / 2))
    assert rule == "hull" or ((found > -1e-9) & (found < BOX + 1e-9)).all()


def brick(*sides: float) -> np.ndarray:
    """Corners of a block, (1, 2^d, d)."""
    return np.stack(np.meshgrid(*[(0, side) for side in sides]), axis=-1).reshape(1, -1, len(sides)).astype(float)


@pytest.mark.parametrize("rule", ["hull", "height"])
@pytest.mark.parametrize("sides", [(4, 1), (1, 4), (4, 3, 1), (1, 4, 3)])
def test_a_brick_lies_on_its_largest_side(rule: str, sides: tuple[float, ...]) -> None:
    turned = brick(*sides) @ turns(2, len(sides))[1]
    assert settle(turned, BOX, rule)[0, :, -1].mean() == pytest.approx(0.5)


def test_a_tile_is_turned_between_the_walls() -> None:
    tiles = np.matmul(np.repeat(brick(9, 9, 1), 20, axis=0), turns(20, 3))
    found = settle(tiles, BOX)
    assert np.ptp(found, axis=1).max() <= BOX + 1e-9  # its diagonal is 12.7


def test_a_rod_longer_than_the_box_leans() -> None:
    rod = brick(11, 0.5)
    flat, leaning = settle(rod, BOX, "hull"), settle(rod, BOX, "height")
    assert np.ptp(flat[0, :, 0]) == pytest.approx(11)
    assert np.ptp(leaning, axis=1).max() <= BOX + 1e-9
    assert leaning[0, :, 1].mean() > flat[0, :, 1].mean()


DEGENERATE = {
    "one": np.full((1, 1, 2), 3.0),
    "coincident": np.full((1, 6, 2), 3.0),
    "two": np.array([[[1.0, 2], [4, 7]]]),
    "two and a copy": np.array([[[1.0, 2], [4, 7], [1, 2]]]),
    "line": np.linspace([[1.0, 1]], [[3.0, 4]], 9).swapaxes(0, 1),
    "plane in space": np.concatenate([gas(1, 9), np.ones((1, 9, 1))], axis=2) @ turns(2, 3)[1],
    "line in space": np.linspace([[1.0, 1, 2]], [[3.0, 4, 0]], 9).swapaxes(0, 1),
}


@pytest.mark.numerical
@pytest.mark.parametrize("rule", ["hull", "height"])
@pytest.mark.parametrize("points", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_flat_sets_lie_flat(points: np.ndarray, rule: str) -> None:
    found = settle(points, 20.0, rule)
    assert found[..., -1] == pytest.approx(0, abs=1e-9)
    assert np.abs(distances_of(found) - distances_of(points)).max() < 1e-9


NEARLY_TIED = {
    "gas in space": gas(4, 12, 3),
    "two": gas(4, 2),
    "two in space": gas(4, 2, 3),
    "line": gas(4, 9, 1) * [0.6, 0.8],
    "line at half a right angle": gas(4, 9, 1) * [0.5, 0.5, 0.1],
    "plane": np.concatenate([gas(4, 9), np.ones((4, 9, 1))], axis=2) @ turns(2, 3)[1],
}


@pytest.mark.numerical
@pytest.mark.parametrize("rule", ["hull", "height"])
@pytest.mark.parametrize("points", NEARLY_TIED.values(), ids=NEARLY_TIED.keys())
def test_rounding_does_not_choose_between_turns_that_are_as_good(points: np.ndarray, rule: str) -> None:
    """All turns about the vertical that fit, and both sides of a flat set, are as good: the first is taken."""
    settled = settle(points, 20.0, rule)
    for seed in range(2):
        nudged = points * (1 + 1e-15 * draw(seed).normal(size=points.shape))
        assert np.abs(settle(nudged, 20.0, rule) - settled).max() < 1e-6


# Bad input

SQUARE = np.array([[[0.0, 0], [1, 0], [1, 1], [0, 1]]])
SIDES = distances_of(SQUARE)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: classical_scaling(np.zeros((3, 3))), DataError, r"distances\[None\]"),
        (lambda: classical_scaling(np.zeros((1, 3, 4))), DataError, "particles, particles"),
        (lambda: classical_scaling(np.full((2, 3, 3), np.nan)), DataError, "2 rows are not finite"),
        (lambda: classical_scaling(SIDES, 0), UsageError, "dimensions"),
        (lambda: distances_of([[0, 1]]), DataError, r"positions\[None\]"),
        (lambda: refine(SIDES, SQUARE[:, :3]), DataError, "do not belong"),
        (lambda: refine(SIDES, SQUARE, weights=np.ones(4)), DataError, "weights must be"),
        (lambda: refine(SIDES, SQUARE, weights=-np.ones((4, 4))), DataError, "not negative"),
        (lambda: refine(SIDES, SQUARE, weights=np.triu(np.ones((4, 4)))), DataError, "symmetric"),
        (lambda: refine(SIDES, SQUARE, weights=np.zeros((4, 4))), DataError, "all weights are zero"),
        (lambda: refine(SIDES, SQUARE, steps=0), UsageError, "steps"),
        (lambda: complete(SIDES, np.ones((3, 3))), DataError, "symmetric mask"),
        (lambda: complete(SIDES, np.zeros((4, 4))), DataError, "4 groups"),
        (lambda: complete(SIDES, hidden(0, 4, 4)), DataError, "untied"),
        (lambda: complete(SIDES, hidden(0, 2, 4)), DataError, "fewer than 3"),
        (lambda: align(SQUARE, SQUARE[:, :3]), DataError, "one shape"),
        (lambda: settle(SQUARE, 10, "hill"), UsageError, "did you mean 'hull'"),
        (lambda: settle(SQUARE, 0), UsageError, "box"),
        (lambda: settle(np.zeros((1, 3, 4)), 1), DataError, "2 or 3 dimensions"),
    ],
)
def test_bad_input_is_one_line(call, error, says) -> None:
    with pytest.raises(error, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_records_have_rows_first() -> None:
    found = classical_scaling(SIDES)
    assert isinstance(found, Embedding)
    assert found.negative_mass.shape == found.third_ratio.shape == (1,)
