"""Particles on grids: counts, the way back, draws, memory."""

import tracemalloc
from itertools import combinations_with_replacement

import numpy as np
import pytest
import scipy.stats

from beable.errors import DataError
from beable.representations import DensityGrid

BOX, ROWS = 10.0, 60


def gas(rows=ROWS, particles=12, dimensions=2, seed=0):
    rng = np.random.default_rng(seed)
    return {"positions": rng.uniform(0, BOX, size=(rows, particles, dimensions)).astype(np.float32)}


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("cells", [1, 2, 7, 40])
def test_counts_are_those_of_a_histogram(cells, dimensions):
    data = gas(dimensions=dimensions)
    grid = DensityGrid(cells + 1, BOX).fit(data)
    values = grid.transform(data).values
    assert values.shape == (ROWS, 1, *[cells + 1] * dimensions)
    np.testing.assert_array_equal(values.reshape(ROWS, -1).sum(1), 12)
    expected = np.histogramdd(data["positions"][5], bins=cells + 1, range=[(0, BOX)] * dimensions)[0]
    np.testing.assert_array_equal(values[5, 0], expected)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("cells", [3, 16])
@pytest.mark.parametrize("value", ["count", "max"])
def test_a_grid_comes_back_exactly_and_positions_within_half_a_cell(cells, dimensions, value):
    data = gas(dimensions=dimensions)
    grid = DensityGrid(cells, BOX, value).fit(data)
    values = grid.transform(data).values
    back = grid.inverse(values)
    np.testing.assert_array_equal(grid.transform(back).values, values)
    error = np.abs(back["positions"] - grid.canonical(data)["positions"])
    assert error.max() <= BOX / cells / 2 * (1 + 1e-5)
    assert error.max() > BOX / cells / 2 * 0.9


def test_max_divides_by_the_largest_count():
    data = gas()
    counts = DensityGrid(4, BOX).fit(data).transform(data).values
    most = DensityGrid(4, BOX, "max").fit(data)
    np.testing.assert_allclose(most.transform(data).values, counts / counts.max(), rtol=1e-6)
    assert most.code.log_volume == pytest.approx(16 * np.log(counts.max()))


def test_the_walls_belong_to_the_box():
    corner = {"positions": np.array([[[0, 0], [BOX, BOX]], [[5, 5], [BOX, 0]]], np.float32)}
    values = DensityGrid(3, BOX).fit(corner).transform(corner).values
    assert values[0, 0, 0, 0] == values[0, 0, 2, 2] == values[1, 0, 2, 0] == 1


def test_one_a_cell_loses_what_it_says():
    data = gas(particles=30)
    grid, counts = DensityGrid(20, BOX, "one").fit(data), DensityGrid(20, BOX).fit(data).transform(data).values
    values = grid.transform(data).values
    np.testing.assert_array_equal(values, counts.clip(0, 1))
    np.testing.assert_array_equal(grid.lost(data), 30 - values.reshape(ROWS, -1).sum(1))
    assert grid.lost(data).max() > 0
    again = grid.inverse(values)
    assert not grid.lost(again).any()
    assert (grid.transform(again).values >= values).all()
    with pytest.raises(DataError, match="30 particles do not fit one by one into 25 cells"):
        DensityGrid(5, BOX, "one").fit(data)


def test_decoding_gives_the_nearest_whole_counts():
    grid = DensityGrid(2, BOX).fit(gas(particles=3))
    decoded = np.random.default_rng(1).normal(0.75, 1, size=(50, 1, 2, 2))
    found = grid.transform(grid.inverse(decoded)).values.reshape(50, -1)
    every = np.array([np.bincount(c, minlength=4) for c in combinations_with_replacement(range(4), 3)])
    distance = ((decoded.reshape(50, 1, -1) - every) ** 2).sum(2)
    np.testing.assert_array_equal(found, every[distance.argmin(1)])
    highest = (decoded.reshape(50, 4).argsort(1).argsort(1) > 0).astype(int)  # one in each of the three highest
    assert (found != highest).any()


@pytest.mark.parametrize("fair", [True, False])
def test_draws_follow_the_values(fair):
    grid = DensityGrid(2, BOX).fit(gas(particles=1))
    weight = np.array([0.1, 0.2, 0.3, 0.4])
    shown = weight if fair else np.full(4, 0.25)
    drawn = grid.draw(np.tile(shown, (4000, 1)), np.random.default_rng(0))
    counts = grid.transform(drawn).values.reshape(4000, 4).sum(0)
    assert (scipy.stats.chisquare(counts, 4000 * weight).pvalue > 1e-3) == fair


def test_draws_are_without_replacement_and_follow_the_generator():
    data = gas(particles=12)
    grid = DensityGrid(6, BOX).fit(data)
    flat = np.full((ROWS, 36), 0.01)
    one, two, other = (grid.draw(flat, np.random.default_rng(seed))["positions"] for seed in (0, 0, 1))
    assert not grid.lost({"positions": one}).any()
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    spaced = DensityGrid(200, BOX, "one").fit(data)
    whole = np.flatnonzero(spaced.lost(data) == 0)
    values = spaced.transform(data).values[whole]
    drawn = spaced.draw(values, np.random.default_rng(0))
    np.testing.assert_array_equal(spaced.transform(drawn).values, values)
    with pytest.raises(DataError, match="row 0 has fewer than 12 cells above zero"):
        grid.draw(np.eye(36)[:2], np.random.default_rng(0))


def test_positions_outside_the_box_and_broken_grids_are_refused():
    data = gas()
    grid = DensityGrid(4, BOX).fit(data)
    for broken in (data["positions"] + 5, data["positions"] - 5):
        with pytest.raises(DataError, match="leave the box"):
            grid.transform({"positions": broken})
    values = grid.transform(data).values
    values[7, 0, 1, 1] = np.nan
    with pytest.raises(DataError, match="first row 7"):
        grid.inverse(values)


def test_fine_grids_cost_no_more_than_their_codes():
    data = gas(1024, 30, 3)
    tracemalloc.start()
    grid = DensityGrid(50, BOX).fit(data)
    assert tracemalloc.get_traced_memory()[1] < 30e6
    few = {"positions": data["positions"][:50]}
    values = grid.transform(few).values
    grid.inverse(values)
    assert tracemalloc.get_traced_memory()[1] < 1.5 * values.nbytes + 30e6
    tracemalloc.stop()


@pytest.mark.parametrize(("cells", "found"), [(4, 0.0), (20, 1.0)])
def test_a_threshold_finds_particles_of_fine_grids_alone(cells, found):
    """12 particles one by one: 5 deviations need more than 26 cells for each, 312."""
    data = gas()
    grid = DensityGrid(cells, BOX, "one").fit(data)
    values = grid.transform(data).values.reshape(ROWS, -1)
    assert (grid.above(values) & (values > 0)).sum() / values.sum() == found
    assert not (grid.above(values) & (values == 0)).any()


def test_the_least_grid_of_a_threshold_is_the_stated_one():
    data = gas(particles=1, dimensions=1)
    for cells, found in ((25, False), (27, True)):
        grid = DensityGrid(cells, BOX).fit(data)
        assert bool(grid.above(grid.transform(data).values).any()) is found
