"""What is done to configurations is what is said to be done, and nothing else."""

import numpy as np
import pytest
from scipy import stats

from beable.errors import DataError, UsageError
from beable.systems.lennard_jones.corruptions import SOURCE_BLOCKS, block, moved, source_size, uniform

BOX = 10.0


@pytest.fixture
def positions():
    return np.random.default_rng(0).uniform(0, BOX, size=(400, 30, 2))


def test_uniform_points_are_uniform():
    x = uniform(500, 30, 2, BOX, rng=1)
    assert x.shape == (500, 30, 2)
    assert stats.kstest(x.ravel() / BOX, "uniform").pvalue > 0.01
    assert stats.kstest((x.ravel() / BOX) ** 1.1, "uniform").pvalue < 0.01  # the check notices another law


@pytest.mark.parametrize("box", [None, BOX])
@pytest.mark.parametrize("particles", [1, 4])
def test_only_the_marked_particles_are_moved_and_no_further_than_asked(positions, box, particles):
    found = moved(positions, 2.83, particles=particles, box=box, rng=3)
    shift = found.positions - positions
    assert (found.moved.sum(axis=1) == particles).all()
    assert (shift[~found.moved] == 0).all()
    assert (shift[found.moved] != 0).all()
    assert np.abs(shift).max() <= 2.83
    assert bool(((found.positions >= 0) & (found.positions <= BOX)).all()) is (box is not None)


def test_every_particle_is_moved_as_often_and_evenly(positions):
    found = moved(positions, 2.0, rng=5)
    assert stats.chisquare(found.moved.sum(axis=0)).pvalue > 0.01
    shift = (found.positions - positions)[found.moved].ravel()
    assert stats.kstest(shift / 4 + 0.5, "uniform").pvalue > 0.01


def test_the_same_seed_moves_the_same_particles(positions):
    one, two, other = (moved(positions, 1.0, rng=seed).positions for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_the_size_of_the_source_is_a_fifth_of_the_diagonal():
    assert source_size(BOX) == pytest.approx(2.8284, abs=1e-4)
    assert source_size(BOX, dimensions=3) == pytest.approx(3.4641, abs=1e-4)


@pytest.mark.parametrize(("first", "length"), SOURCE_BLOCKS)
def test_a_block_hides_the_pairs_of_its_particles(first, length):
    hidden, inside = block(30, first, length), np.arange(first, first + length)
    assert hidden.sum() == length**2
    assert hidden[np.ix_(inside, inside)].all()


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda: moved(np.zeros((2, 5, 2)), 1.0, particles=6), UsageError),
        (lambda: moved(np.zeros((2, 5, 2)), -1.0), UsageError),
        (lambda: moved(np.full((2, 5, 2), 11.0), 1.0, box=BOX), DataError),
        (lambda: moved(np.zeros((5, 2)), 1.0), DataError),
        (lambda: uniform(0, 5, 2, BOX), UsageError),
        (lambda: uniform(1, 5, 2, np.nan), UsageError),
        (lambda: block(5, 3, 3), UsageError),
        (lambda: block(5, -1, 3), UsageError),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(attempt, error):
    with pytest.raises(error) as caught:
        attempt()
    assert "\n" not in str(caught.value)
