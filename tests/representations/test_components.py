"""Components along any axis are channels of their own; decoded numbers have the precision of the data."""

import numpy as np
import pytest

from beable.datasets.readings import component_axes
from beable.errors import DataError
from beable.representations import Fields, Modes
from beable.simulator import Variable

ROWS, GRID = 30, (16, 12)


def pair(axis, ratio=1e7, seed=0):
    """Two independent fields of two factors each, one smaller than the other, as components."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=(2, ROWS, 2)) @ rng.normal(size=(2, 2, np.prod(GRID)))
    return np.stack([(ratio * one).reshape(ROWS, *GRID), two.reshape(ROWS, *GRID)], axis + 1)


def told(representation, axis):
    representation.components = {"state": axis}
    return representation


def lost(representation, field, axis):
    """Share of each component that is missed by what a representation keeps."""
    back = representation.inverse(representation.transform({"state": field}).values)["state"]
    other = tuple(i for i in range(4) if i != axis + 1)
    spread = ((field - field.mean(0)) ** 2).sum(other)
    return ((back - field) ** 2).sum(other) / spread


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("make", [Modes, Fields])
def test_a_component_is_kept_beside_one_of_any_size(make, axis):
    field = np.moveaxis(pair(0), 1, axis + 1)
    fitted = told(make(), axis).fit({"state": field})
    assert (lost(fitted, field, axis) < 1e-5).all()
    assert fitted.code.dimension.sum() == 2 * np.prod(GRID)
    state = fitted.state()
    again = make(**fitted.settings()).restore(state, {"state": field.shape[1:]})
    np.testing.assert_array_equal(*(r.transform({"state": field}).values for r in (again, fitted)))
    np.testing.assert_array_equal(*(r.inverse(r.transform({"state": field}).values)["state"] for r in (again, fitted)))


def test_taken_for_a_grid_the_small_one_was_lost():
    field = pair(0)
    assert lost(Modes().fit({"state": field}), field, 0)[1] > 0.5


def test_the_log_volume_counts_each_scale():
    field = pair(2, ratio=100.0)
    fitted = told(Modes(), 2).fit({"state": field})
    deviation = np.sqrt(((field - field.mean(0)) ** 2).mean(axis=(0, 1, 2)))
    assert fitted.code.log_volume == pytest.approx(192 * np.log(deviation).sum(), rel=1e-10)


def test_a_constant_component_is_kept_and_a_constant_variable_refused():
    field = pair(0)
    field[:, 1] = 3.0
    fitted = told(Modes(), 0).fit({"state": field})
    back = fitted.inverse(fitted.transform({"state": field}).values)["state"]
    np.testing.assert_allclose(back[:, 1], 3.0, rtol=1e-6)
    with pytest.raises(DataError, match=r"state\[1\] is the same.*representation.kind = 'modes'"):
        told(Fields(), 0).fit({"state": field})
    with pytest.raises(DataError, match="wall is the same in all 30 training rows"):
        Modes().fit({"state": field[:, 0], "wall": np.ones((ROWS, *GRID))})


def variables(**shapes):
    return [Variable(name, ("x", "y", "z")[: len(shape)], shape) for name, shape in shapes.items()]


@pytest.mark.parametrize(
    ("given", "coordinates", "axes"),
    [
        (variables(state=(2, 16, 12)), [], {"state": 0}),
        (variables(state=(16, 12, 4)), [], {"state": 2}),
        (variables(state=(16, 12, 4)), ["z"], {}),
        (variables(state=(16, 12, 5)), [], {}),
        (variables(state=(2, 3, 12)), [], {}),
        (variables(state=(4, 4)), [], {}),
        (variables(state=(16, 12)), [], {}),
        (variables(state=(3,)), [], {}),
        (variables(state=(16, 12, 2), heat=(16, 12)), [], {"state": 2}),
        (variables(state=(2, 16), heat=(16, 12)), [], {}),
        ([Variable("flux", ("component", "x", "y"), (2, 9, 7))], [], {"flux": 0}),
        ([Variable("state", ("x", "y", "layer"), (16, 12, 2))], [], {}),
        ([Variable("position", ("particle", "dimension"), (40, 2))], [], {}),
    ],
    ids=str,
)
def test_which_axis_holds_components(given, coordinates, axes):
    assert component_axes(given, coordinates) == axes


@pytest.mark.parametrize("make", [Modes, Fields])
@pytest.mark.parametrize("scaling", ["channel", "none"])
def test_a_small_fluctuation_about_a_large_mean_comes_back(make, scaling):
    """Mean 1e8, fluctuation 1: float32 steps there by 8, so that little of it would be left."""
    field = 1e8 + pair(0, 1.0)[:, 0]
    fitted = make(scaling=scaling).fit({"p": field})
    back = fitted.inverse(fitted.transform({"p": field}).values)["p"]
    assert back.dtype == np.float64
    assert (back - field).std() < 1e-4 * field.std()
    assert (back.astype(np.float32) - field).std() > 0.5 * field.std()


@pytest.mark.parametrize("make", [Modes, Fields])
def test_ordinary_fields_are_decoded_in_single_precision(make):
    field = pair(0, 1.0)[:, 0]
    fitted = make().fit({"p": field})
    assert fitted.inverse(fitted.transform({"p": field}).values)["p"].dtype == np.float32


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e300, 1e25, 1e-30])
@pytest.mark.parametrize("make", [Modes, Fields])
def test_numbers_of_any_size_have_the_codes_of_ordinary_ones(make, size):
    field = pair(0, 1.0)[:, 0] + 2
    fitted, ordinary = make().fit({"p": size * field}), make().fit({"p": field})
    codes = fitted.transform({"p": size * field})
    np.testing.assert_allclose(codes.values, ordinary.transform({"p": field}).values, atol=1e-5)
    back = fitted.inverse(codes.values)["p"]
    np.testing.assert_allclose(back / size, field, atol=1e-4)
    shift = fitted.code.log_volume - ordinary.code.log_volume
    assert shift == pytest.approx(field[0].size * np.log(size), rel=1e-9)


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("make", [Modes, Fields])
def test_extreme_numbers_are_refused_unscaled(make, size):
    with pytest.raises(DataError, match=r"single precision.*scaling = 'channel'"):
        make(scaling="none").fit({"p": size * pair(0, 1.0)[:, 0]})


@pytest.mark.parametrize("seed", range(5))
def test_one_row_does_not_decide_how_many_modes_are_kept(seed):
    """A number a million times larger took the share of energy of all modes: one was kept, of two factors."""
    field = pair(0, 1.0, seed)[:, 0]
    assert Modes().fit({"u": field}).code.shape == (2,)
    for number, spikes in enumerate(([11], [11, 17]), 1):
        field[spikes, 3, [row % 12 for row in spikes]] = 1e6
        fitted = Modes().fit({"u": field})
        assert fitted.code.shape == (2 + number,)
        share = np.cumsum(fitted.energies[0]) / fitted.energies[0].sum()
        assert share[number - 1] > fitted.energy
