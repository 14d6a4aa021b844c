"""A network from matrices to coordinates: right where a matrix decides, the mean of two mirror images where not."""

import numpy as np
import pytest

from beable.datasets.superposed import align
from beable.errors import DataError
from beable.representations.distance_geometry import distances_of
from beable.systems.lennard_jones.coordinate_network import fit_network

SIDE = 4.0


def triangles(rows, mirrored):
    """Three points whose middle one moves; the same with left and right exchanged at random."""
    rng = np.random.default_rng(0)
    x = np.tile([[0.5, 0.5], [1.5, 2.0], [1.0, 3.5]], (rows, 1, 1))
    x[:, 1] += rng.uniform(-0.4, 0.4, (rows, 2))
    flipped = (rng.random(rows) < 0.5) & mirrored
    x[flipped, :, 0] = SIDE - x[flipped, :, 0]
    return x


def test_coordinates_come_back_where_a_matrix_decides():
    x = triangles(300, mirrored=False)
    made = fit_network(x[:200], steps=60)(distances_of(x[200:]))
    assert np.sqrt(np.square(made - x[200:]).sum(2).mean()) < 0.08


def test_mirror_images_are_averaged_unless_either_counts():
    x = triangles(300, mirrored=True)
    known, rows = x[:200], x[200:]
    mean, either = (fit_network(known, mirror=m, steps=60)(distances_of(rows)) for m in (None, SIDE))
    assert np.abs(mean[..., 0] - SIDE / 2).mean() < 0.25  # every particle in the middle
    assert np.median(align(either, rows).error) < 0.1 < np.median(align(mean, rows).error)


def test_the_same_seed_gives_the_same_network():
    x = triangles(100, mirrored=False)
    one, other = (fit_network(x, steps=3, seed=1)(distances_of(x)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_one_configuration_is_refused():
    with pytest.raises(DataError, match="too few"):
        fit_network(triangles(1, mirrored=False))
