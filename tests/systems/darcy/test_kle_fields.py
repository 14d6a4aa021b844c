"""Flows with more and more modes: one field that gains detail."""

import numpy as np
import pytest

from beable import Darcy
from beable.errors import UsageError
from beable.streams import RowStreams
from beable.systems.darcy.figures.kle import kle_figure
from beable.systems.darcy.kle_fields import kle_fields


@pytest.fixture(scope="module")
def found():
    return kle_fields((2, 10, 40), grid=9)


def test_factors_of_few_modes_are_the_first_of_many(found):
    simulator = Darcy(modes=40, grid=9)
    theta = simulator.draw(RowStreams(seed=0, start=0, rows=1))[0]
    for p, field in zip(found.modes, found.permeability, strict=True):
        few = np.where(np.arange(40) < p, theta, 0.0)
        np.testing.assert_allclose(field, simulator.permeability(few), rtol=1e-5)


def test_a_row_is_that_of_a_data_set(found):
    simulator, streams = Darcy(modes=40, grid=9), RowStreams(seed=0, start=0, rows=1)
    snapshot = simulator.simulate(simulator.draw(streams), streams)
    np.testing.assert_array_equal(found.flux[-1], snapshot["flux"][0])


def test_detail_grows_with_the_number_of_modes(found):
    rough = [np.abs(np.diff(np.log(field), axis=0)).mean() for field in found.permeability]
    assert rough == sorted(rough)


def test_the_figure_has_a_row_for_each_number():
    figure = kle_figure(kle_fields((2, 10), grid=9))
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes[:6:3]] == ["2 modes", "10 modes"]


def test_more_modes_than_nodes_are_refused():
    with pytest.raises(UsageError, match="modes must be at most 81"):
        kle_fields((2, 100), grid=9)
    with pytest.raises(UsageError, match="at least one number"):
        kle_fields(())
