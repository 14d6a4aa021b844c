"""Coordinates, distance matrices and both: order, likelihood, range, way back."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch

from beable.errors import DataError, UsageError
from beable.representations import Coordinates, DistanceMatrix, Joint
from beable.representations.assignment import assigned, template
from beable.representations.orders import ORDERS, Order
from beable.representations.spherical import from_spherical, to_spherical
from beable.vae.distributions import GroupedNormal

BOX, ROWS = 10.0, 200


def gas(rows=ROWS, particles=6, dimensions=2, seed=0):
    """Particles above the floor, denser there, by as much as a hidden factor of the row says."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, BOX, size=(rows, particles, dimensions))
    x[..., -1] *= rng.uniform(0.2, 1, size=(rows, 1))
    return {"positions": x.astype(np.float32)}


def density(representation, coded, guess, variance):
    """log p of coded rows around a guess, as a model has it, in nats of the physical outputs."""
    code = representation.code
    groups = len(code.dimension)
    p = GroupedNormal(
        torch.tensor(guess.reshape(1, len(guess), -1), dtype=torch.float64),
        torch.full((1, groups), np.log(variance), dtype=torch.float64),
        torch.tensor(code.group),
        torch.tensor(code.dimension),
    )
    values = torch.tensor(coded.values.reshape(1, len(guess), -1), dtype=torch.float64)
    return (
        p.log_prob(values, torch.tensor(coded.residual_energy, dtype=torch.float64)[None])[0].numpy() - code.log_volume
    )


# Orders


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("lexicographic", lambda x: x[..., 0]),
        ("height", lambda x: x[..., -1]),
        ("origin", lambda x: np.linalg.norm(x, axis=-1)),
        ("centre", lambda x: np.linalg.norm(x - x.mean(-2, keepdims=True), axis=-1)),
    ],
)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_an_order_sorts_by_its_key(order, key, dimensions):
    x = gas(dimensions=dimensions)["positions"].astype(np.float64)
    assert (np.diff(key(Order(order).apply(x)), axis=-1) >= -1e-12).all()
    assert (np.diff(key(x), axis=-1) < 0).any()


@pytest.mark.parametrize("order", ORDERS[2:])
def test_equal_keys_are_told_apart_by_coordinates(order):
    tied = np.array([[[1.0, 3], [3, 1], [3, 3], [1, 1]]])
    orders = [Order(order).apply(tied[:, list(p)]) for p in permutations(range(4))]
    assert all(np.array_equal(orders[0], other) for other in orders)


def test_no_permutation_is_nearer_to_the_template_than_the_assigned_one():
    x = gas(30, particles=5)["positions"].astype(np.float64)
    sites = template(Order("lexicographic").apply(x))
    every = np.stack([x[:, list(p)] for p in permutations(range(5))])
    least = ((every - sites) ** 2).sum((2, 3)).min(0)
    np.testing.assert_allclose(((assigned(x, sites) - sites) ** 2).sum((1, 2)), least)
    sorted_alone = ((Order("height").apply(x) - sites) ** 2).sum((1, 2))
    assert (sorted_alone > least + 1e-6).any()


def test_the_template_is_the_mean_of_what_is_assigned_to_it():
    x = gas(400)["positions"]
    coordinates = Coordinates().fit({"positions": x})
    mean = coordinates.ordered(x).mean(0, dtype=np.float64)
    np.testing.assert_allclose(mean, coordinates.order.sites, atol=0.1)
    assert np.abs(Order("origin").apply(x).mean(0) - coordinates.order.sites).max() > 0.5


def test_assignment_leaves_least_to_linear_models():
    """Error of two principal components, in σ: what makes one order better than another."""
    train, held = gas(1000, particles=10), gas(300, particles=10, seed=1)
    error = {order: two_components(Coordinates(order), train, held) for order in ("assignment", "origin", "none")}
    assert error["assignment"] < 0.75 * error["origin"] < 0.75 * error["none"]


def flat(snapshots):
    return snapshots["positions"].reshape(len(snapshots["positions"]), -1).astype(np.float64)


def two_components(representation, train, held):
    known, new = (flat(representation.fit(train).canonical(part)) for part in (train, held))
    mean = known.mean(0)
    axes = np.linalg.svd(known - mean, full_matrices=False)[2][:2]
    return np.sqrt((((new - mean) - (new - mean) @ axes.T @ axes) ** 2).mean())


# Likelihood


@pytest.mark.parametrize(
    "options", [{}, {"scaling": "box", "box": BOX}, {"scaling": "range"}, {"order": "origin"}], ids=str
)
@pytest.mark.parametrize("centred", [False, True])
def test_the_likelihood_of_coordinates_is_that_of_positions(options, centred):
    data = gas()
    coordinates = Coordinates(centred=centred, **options).fit(data)
    coded = coordinates.transform(data)
    guess = coded.values[::-1] * 0.7
    true, decoded = flat(coordinates.canonical(data)), flat(coordinates.inverse(guess))
    sigma = np.sqrt(0.3) * coordinates.affine.scale
    full = scipy.stats.norm(decoded, sigma).logpdf(true).sum(1)
    # a centred guess has no centre of mass: its codes around the offset sum to nothing
    rest = guess + coordinates.affine.offset / coordinates.affine.scale
    if centred:
        shift = rest.reshape(ROWS, 6, 2).mean(1) - coordinates.centre / coordinates.affine.scale[0]
        guess = (guess.reshape(ROWS, 6, 2) - shift[:, None]).reshape(ROWS, -1)
    found = density(coordinates, coded, guess, 0.3)
    np.testing.assert_allclose(found, full, rtol=1e-4, atol=1e-3)
    without = density(coordinates, coded._replace(residual_energy=0 * coded.residual_energy), guess, 0.3)
    assert centred == bool(np.abs(without - full).max() > 0.1)


def test_a_guess_with_a_centre_of_mass_of_its_own_is_charged_for_it():
    data = gas()
    coordinates = Coordinates(centred=True).fit(data)
    coded = coordinates.transform(data)
    moved = coded.values + 0.5
    charged, free = (density(coordinates, coded, guess, 1.0) for guess in (moved, coded.values))
    np.testing.assert_allclose(free - charged, 12 * 0.5**2 / 2, rtol=1e-3)
    for one, two in zip(coordinates.inverse(moved).values(), coordinates.inverse(coded.values).values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("form", ["triangle", "flat", "image"])
@pytest.mark.parametrize("scaling", ["diagonal", "deviation", "none"])
def test_the_likelihood_of_a_matrix_counts_every_pair_once(form, scaling):
    data, upper = gas(), np.triu_indices(6, 1)
    matrix = DistanceMatrix(form=form, scaling=scaling, box=BOX).fit(data)
    coded = matrix.transform(data)
    guess = coded.values[::-1] * 0.9
    true, decoded = (matrix.matrices(v)[:, *upper] for v in (coded.values, guess))
    twice = 1.0 if form == "triangle" else 0.5
    sigma = np.sqrt(0.3 * twice) * matrix.affine.scale
    full = scipy.stats.norm(decoded, sigma).logpdf(true).sum(1)
    np.testing.assert_allclose(density(matrix, coded, guess, 0.3), full, rtol=1e-3, atol=1e-2)
    if form != "triangle":
        lopsided = guess + 0.05 * np.triu(np.ones((6, 6))).reshape(guess.shape[1:])
        assert (density(matrix, coded, lopsided, 0.3) < matrix_density(matrix, coded, lopsided, sigma)).all()


def matrix_density(matrix, coded, guess, sigma):
    """log p of the pairs around the symmetric part of a guess; the guess's own density is a bound from below."""
    square = guess.reshape(-1, 6, 6)
    upper = np.triu_indices(6, 1)
    mean = matrix.affine.undo(((square + square.swapaxes(1, 2)) / 2)[:, *upper])
    return scipy.stats.norm(mean, sigma).logpdf(matrix.matrices(coded.values)[:, *upper]).sum(1)


def test_both_groups_of_a_joint_code_have_their_own_likelihood():
    data = gas()
    joint = Joint().fit(data)
    alone = [joint.coordinates, joint.distances]
    coded = [alone[0].transform(data), alone[1].transform(alone[0].canonical(data))]
    expected = sum(density(r, c, c.values[::-1] * 0.8, 0.3) for r, c in zip(alone, coded, strict=True))
    whole = joint.transform(data)
    np.testing.assert_allclose(density(joint, whole, whole.values[::-1] * 0.8, 0.3), expected, rtol=1e-6)
    assert joint.code.dimension.tolist() == [12.0, 15.0]


# Range


@pytest.mark.parametrize("form", ["triangle", "flat", "image"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_distances_over_the_diagonal_lie_in_the_unit_interval(form, dimensions):
    corners = np.zeros((2, 4, dimensions), np.float32)
    corners[1, 0], corners[0, 1] = BOX, 1.0
    values = DistanceMatrix("none", form, box=BOX).fit({"positions": corners}).transform({"positions": corners}).values
    assert values.min() == 0
    assert values.max() == pytest.approx(1)


def test_ranges_and_deviations_are_as_named():
    data = gas()
    within = Coordinates(scaling="range").fit(data).transform(data).values
    assert np.abs(within).max() == pytest.approx(1, abs=1e-5)
    assert np.abs(within).max() < 1
    polar = Coordinates(scaling="range", polar=True).fit(data).transform(data).values.reshape(ROWS, 6, 2)
    np.testing.assert_allclose(np.abs(polar).max((0, 1)), 1, atol=1e-5)
    box = Coordinates(scaling="box", box=BOX).fit(data).transform(data).values
    assert box.min() >= 0
    assert box.max() <= 1 / np.sqrt(2)
    deviation = Coordinates().fit(data).transform(data).values
    np.testing.assert_allclose([deviation.mean(), deviation.std()], [0, 1], atol=1e-5)


# The way back


def test_the_affine_map_takes_codes_to_positions():
    """Also of centred codes, so that a physical penalty can be computed where the codes are."""
    data = gas()
    for centred in (False, True):
        coordinates = Coordinates(centred=centred).fit(data)
        values = coordinates.transform(data).values
        offset, scale = coordinates.affine
        np.testing.assert_allclose(
            (values * scale + offset).reshape(ROWS, 6, 2), coordinates.inverse(values)["positions"], atol=1e-4
        )


@pytest.mark.parametrize("dimensions", [2, 3])
def test_angles_are_measured_as_stated(dimensions):
    x = gas(dimensions=dimensions)["positions"] - 5
    numbers = to_spherical(x)
    np.testing.assert_allclose(from_spherical(numbers), x, atol=1e-5)
    np.testing.assert_allclose(numbers[..., 0], np.linalg.norm(x, axis=-1), rtol=1e-6)
    up = np.zeros(dimensions)
    up[-1] = 2.0
    assert to_spherical(up)[1] == pytest.approx(np.pi / 2 if dimensions == 2 else 0)


@pytest.mark.numerical
@pytest.mark.parametrize("form", ["triangle", "flat", "image"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_distances_to_positions_to_distances(form, dimensions):
    data = gas(20, dimensions=dimensions)
    matrix = DistanceMatrix(form=form, box=BOX).fit(data)
    values = matrix.transform(data).values
    found = matrix.transform(matrix.inverse(values)).values
    ordered = DistanceMatrix("none", form, box=BOX).fit(data).transform(matrix.inverse(values)).values
    np.testing.assert_allclose(ordered, values, atol=2e-5)
    assert found.shape == values.shape


def test_an_image_is_symmetric_with_a_zero_diagonal_and_noise_becomes_so():
    data = gas()
    matrix = DistanceMatrix(box=BOX).fit(data)
    image = matrix.transform(data).values[:, 0]
    np.testing.assert_array_equal(image, image.swapaxes(1, 2))
    assert not image[:, range(6), range(6)].any()
    noisy = image + np.random.default_rng(0).normal(0, 0.3, size=image.shape)
    clean = matrix.matrices(noisy[:, None])
    np.testing.assert_array_equal(clean, matrix.matrices(noisy.swapaxes(1, 2)[:, None]))
    np.testing.assert_array_equal(clean, clean.swapaxes(1, 2))
    assert not clean[:, range(6), range(6)].any()
    assert clean.min() == 0
    assert clean.shape == image.shape


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("particles", [12, 29])
def test_refined_positions_are_as_near_to_the_true_distances_as_numbers_allow(particles, seed):
    """Of the noise that part stays that 2N − 3 coordinates can follow; unrefined ones leave half as much again."""
    data, error = gas(40, particles=particles, seed=seed), {}
    for refine in (False, True):
        matrix = DistanceMatrix("assignment", "triangle", "none", box=BOX, refine=refine, orientation="mean").fit(data)
        values = matrix.transform(data).values
        noisy = values + np.random.default_rng(seed).normal(0, 0.3, size=values.shape)
        back = DistanceMatrix("none", "triangle", "none", BOX).fit(data).transform(matrix.inverse(noisy)).values
        error[refine] = np.sqrt(((back - values) ** 2).mean())
    assert error[True] == pytest.approx(0.3 * np.sqrt((2 * particles - 3) / values.shape[1]), rel=0.1)
    assert error[True] < 0.75 * error[False]


@pytest.mark.parametrize("orientation", ["floor", "mean"])
def test_a_turned_configuration_is_laid_down_as_the_unturned_one(orientation):
    data = gas(50)
    matrix = DistanceMatrix(box=BOX, orientation=orientation).fit(data)
    there = matrix.canonical(data)["positions"]
    np.testing.assert_allclose(matrix.inverse(matrix.transform(data).values)["positions"], there, atol=2e-3)
    assert np.abs(there - matrix.order.apply(data["positions"])).max() > 0.1
    if orientation == "floor":
        np.testing.assert_allclose(there[..., 1].min(1), 0, atol=1e-5)


def test_a_joint_code_gives_coordinates_and_matrices():
    data = gas()
    for form in ("triangle", "flat"):
        joint = Joint(form=form).fit(data)
        both = joint.both(joint.transform(data).values)
        np.testing.assert_allclose(both.positions, joint.canonical(data)["positions"], atol=1e-5)
        apart = np.linalg.norm(both.positions[:, :, None] - both.positions[:, None], axis=-1)
        np.testing.assert_allclose(both.matrices, apart, atol=1e-4)


def test_a_joint_code_of_distances_alone_hides_the_coordinates_and_keeps_its_choice():
    data = gas()
    joint, alone = Joint().fit(data), Joint(encoded="distances").fit(data)
    assert (joint.code.unseen, alone.code.unseen) == (0, alone.coordinates.code.group.size)
    assert "encoded" not in joint.settings()
    assert Joint(**alone.settings()).encoded == "distances"
    with pytest.raises(UsageError, match="encoded"):
        Joint(encoded="neither")


# One particle


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_particle_is_a_configuration(order, dimensions):
    data = gas(particles=1, dimensions=dimensions)
    coordinates = Coordinates(order).fit(data)
    np.testing.assert_allclose(
        coordinates.inverse(coordinates.transform(data).values)["positions"], data["positions"], atol=1e-5
    )


@pytest.mark.parametrize("representation", [DistanceMatrix(box=BOX), Joint()], ids=["distances", "joint"])
def test_one_particle_has_no_distances(representation):
    with pytest.raises(DataError, match="1 particle has no distances"):
        representation.fit(gas(particles=1))


@pytest.mark.parametrize("options", [{"centred": True}, {"polar": True}], ids=str)
def test_one_particle_is_its_own_centre(options):
    with pytest.raises(DataError, match="the same in all"):
        Coordinates(**options).fit(gas(particles=1))


def test_one_dimension_has_no_angles_and_no_floor():
    with pytest.raises(DataError, match="polar coordinates need 2 or 3"):
        Coordinates(polar=True).fit(gas(dimensions=1))
    with pytest.raises(DataError, match="no floor in 1 dimensions"):
        DistanceMatrix(box=BOX).fit(gas(dimensions=1))
    line = DistanceMatrix(box=BOX, orientation="mean").fit(gas(dimensions=1))
    assert line.inverse(line.transform(gas(dimensions=1)).values)["positions"].shape == (ROWS, 6, 1)
