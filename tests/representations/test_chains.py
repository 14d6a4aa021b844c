"""Chains by bonds, angles and dihedral angles, and boxes that repeat: what comes back, what is forgotten."""

import numpy as np
import pytest

from beable.errors import DataError, UsageError
from beable.representations import Internal, Periodic, make
from beable.representations.internal import chain
from beable.representations.pairs import in_places
from beable.representations.periodic import nearest_image

RNG = np.random.default_rng(4)
CHAIN = RNG.normal(size=(20, 9, 3)).cumsum(1).astype(np.float32)
X = RNG.uniform(0, 4, (24, 6, 2)).astype(np.float32)
LEANING = np.array([[4.0, 0.0], [1.5, 3.0]])


def turned(positions, seed):
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return (positions @ rotation + 7).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_comes_back_and_its_code_knows_no_rotation_but_knows_a_mirror(seed):
    inner = Internal().fit({"positions": CHAIN})
    code = inner.transform({"positions": CHAIN}).values
    np.testing.assert_allclose(inner.transform({"positions": turned(CHAIN, seed)}).values, code, atol=2e-3)
    assert np.abs(inner.transform({"positions": -CHAIN}).values - code).max() > 0.1
    back, true = inner.inverse(code)["positions"], inner.canonical({"positions": CHAIN})["positions"]
    np.testing.assert_allclose(back, true, atol=1e-3)
    again = make("internal").restore(inner.state(), {"positions": CHAIN.shape[1:]})
    np.testing.assert_array_equal(again.inverse(code)["positions"], back)
    assert inner.layout(inner.state(), {"positions": (9, 3)}) == {n: np.shape(a) for n, a in inner.state().items()}


def test_a_dihedral_angle_counts_once():
    code = Internal().fit({"positions": CHAIN}).code
    assert code.shape == (8 + 7 + 2 * 6,)
    assert code.dimension.sum() == 8 + 7 + 6


def test_a_helix_has_the_angles_that_it_was_made_with():
    made = chain(np.full((1, 11), 3.8), np.full((1, 10), 1.6), np.full((1, 9), 0.9))
    inner = Internal().fit({"positions": np.concatenate([made, CHAIN[:1, :1] * 0 + made * 1.1])})
    numbers = inner._numbers(made)[0]
    np.testing.assert_allclose(numbers[:11], 3.8, atol=1e-9)
    np.testing.assert_allclose(numbers[11:21] / inner._length, 1.6, atol=1e-9)
    np.testing.assert_allclose(np.arctan2(numbers[30:], numbers[21:30]), 0.9, atol=1e-9)


def test_chains_that_have_no_dihedral_angles_are_refused():
    for positions in (CHAIN[:, :3], CHAIN[..., :2]):
        with pytest.raises(DataError, match=r"dihedral angles.*representation.kind = 'coordinates'"):
            Internal().fit({"positions": positions})


@pytest.mark.parametrize("box", [4.0, [4.0, 3.0], LEANING.ravel().tolist()])
@pytest.mark.parametrize("order", ["none", "assignment"])
def test_places_do_not_depend_on_the_walls_they_went_through(box, order):
    angles = Periodic(order, box).fit({"positions": X})
    went = RNG.integers(-2, 3, X.shape) @ angles.edges
    one, two = (angles.transform({"positions": p.astype(np.float32)}).values for p in (X, X + went))
    np.testing.assert_allclose(one, two, atol=1e-4)
    wanted = angles.canonical({"positions": X})
    found = angles.beside({"positions": wanted["positions"] + angles.edges.sum(0).astype(np.float32)}, wanted)
    np.testing.assert_allclose(found["positions"], wanted["positions"], atol=1e-5)


def test_a_step_over_a_wall_is_a_small_one_and_with_plain_coordinates_it_is_not():
    near = np.array([[[0.05, 1.0], [2.0, 2.0]], [[3.95, 1.0], [2.0, 2.0]]], np.float32)
    angles, plain = (
        Periodic("none", 4.0).fit({"positions": X[:, :2]}),
        make("coordinates", order="none", scaling="none"),
    )
    plain.fit({"positions": X[:, :2]})
    steps = [np.linalg.norm(np.diff(r.transform({"positions": near}).values, axis=0)) for r in (angles, plain)]
    assert steps[0] * angles.affine.scale[0] == pytest.approx(0.1, rel=0.01)
    assert steps[1] > 3


def test_a_box_of_each_row_comes_back_with_the_particles():
    boxes = LEANING * RNG.uniform(0.9, 1.1, (len(X), 1, 1))
    data = {"positions": X, "box": boxes.astype(np.float32)}
    angles = Periodic("none").fit(data)
    back = angles.beside(angles.inverse(angles.transform(data).values), data)
    for name, values in data.items():
        np.testing.assert_allclose(back[name], values, atol=1e-4)
    assert angles.code.dimension.tolist() == [12.0, 4.0]
    with pytest.raises(UsageError, match=r"set representation.box"):
        Periodic("none").fit({"positions": X})


def test_nearest_images_of_a_leaning_box_are_no_farther_than_plain_differences():
    apart = X[:, :1] - X[:, 1:]
    near = nearest_image(apart.astype(float), LEANING, (True, True))
    assert np.linalg.norm(near, axis=-1).mean() < np.linalg.norm(apart, axis=-1).mean()
    turns = (apart - near) @ np.linalg.inv(LEANING)
    np.testing.assert_allclose(turns, turns.round(), atol=1e-6)


def test_configurations_come_back_from_distances_of_nearest_images():
    matrices = make("distances", order="none", box=4.0, periodic=True, form="triangle").fit({"positions": X})
    code = matrices.transform({"positions": X}).values
    back = {"positions": matrices.inverse(code)["positions"]}
    np.testing.assert_allclose(matrices.transform(back).values, code, atol=1e-4)
    wanted = matrices.canonical({"positions": X})
    np.testing.assert_allclose(matrices.beside(back, wanted)["positions"], wanted["positions"], atol=1e-3)


def test_chosen_distances_are_learned_beside_the_chain_and_decoded():
    inner = Internal("0-8, 2-6").fit({"positions": CHAIN})
    plain = Internal().fit({"positions": CHAIN})
    coded = inner.transform({"positions": CHAIN}).values
    assert (inner.code.shape, inner.code.dimension.sum()) == ((27 + 2,), 21 + 2)
    numbers = inner.affine.undo(coded)
    np.testing.assert_allclose(numbers[:, -2], np.linalg.norm(CHAIN[:, 0] - CHAIN[:, 8], axis=1), atol=1e-3)
    np.testing.assert_allclose(
        numbers[:, :-2], plain.affine.undo(plain.transform({"positions": CHAIN}).values), atol=1e-3
    )
    back = inner.inverse(coded)["positions"]
    np.testing.assert_allclose(back, inner.canonical({"positions": CHAIN})["positions"], atol=1e-3)
    again = make("internal", distances="0-8, 2-6").restore(inner.state(), {"positions": CHAIN.shape[1:]})
    np.testing.assert_array_equal(again.inverse(coded)["positions"], back)
    assert inner.layout(inner.state(), {"positions": (9, 3)}) == {n: np.shape(a) for n, a in inner.state().items()}


def test_a_chain_is_bent_to_the_distance_that_is_told_and_stays_a_chain():
    inner = Internal("0-8").fit({"positions": CHAIN})
    numbers = inner.affine.undo(inner.transform({"positions": CHAIN}).values)
    wanted = numbers[:, -1] * 1.1
    moved = inner.inverse(inner.affine.apply(np.column_stack([numbers[:, :-1], wanted])).astype(np.float32))[
        "positions"
    ]
    found = np.linalg.norm(moved[:, 0] - moved[:, 8], axis=1)
    before = numbers[:, -1]
    assert np.abs(found - wanted).mean() < 0.3 * np.abs(before - wanted).mean()  # without it, the twin, they are before
    bonds = [np.linalg.norm(np.diff(x, axis=1), axis=2) for x in (moved, CHAIN)]
    assert np.abs(bonds[0] - bonds[1]).mean() < 0.1 * bonds[1].mean()


NAMES = {"residue_names": ["ALA", "LEU", "LEU"], "residue_numbers": [5, 6, 6], "atom_names": ["CA", "CA", "CB"]}


def test_particles_of_a_distance_are_named_by_residue_and_atom():
    assert in_places("ALA5-LEU6.CB, 0-6.CA", NAMES) == "0-2, 0-1"
    for text, told in {
        "ALA5-LEU6": "means 2 particles: add the atom",
        "ALA5-GLY7": "'GLY7' means no particle",
    }.items():
        with pytest.raises(UsageError, match=told):
            in_places(text, NAMES)
    for text, told in {"0": "two places", "3-3": "two different places", "0-9": "from 0 to 8"}.items():
        with pytest.raises(UsageError, match=told):
            Internal(text).fit({"positions": CHAIN})
