"""Which fields a page draws as curves, on a plane, or by a slice, and the numbers that are drawn."""

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.report.curves import alike, along, channels, is_curve
from beable.report.planes import planes
from beable.simulator import Variable

RNG = np.random.default_rng(0)
#: numbers of a row by how a page draws them
SHAPES = {
    "heat": ("curve", ("z",), (9,)),
    "wind": ("curve", ("component", "z"), (3, 9)),
    "p": ("plane", ("x", "y"), (8, 7)),
    "u": ("plane", ("component", "x", "y"), (2, 8, 7)),
    "w": ("plane", ("component", "x", "y"), (3, 8, 7)),
    "rho": ("slice", ("x", "y", "h"), (8, 7, 6)),
    "v": ("slice", ("component", "x", "h", "y"), (3, 8, 6, 7)),
    "last": ("plane", ("x", "y", "component"), (8, 7, 2)),
    "share": ("nothing", ("component",), (4,)),
    "T": ("nothing", (), ()),
    "charge": ("nothing", ("particle",), (5,)),
    "s": ("nothing", ("node",), (11,)),
}


def kept(folder, *names):
    arrays = {name: RNG.normal(size=(4, *SHAPES[name][2])) for name in names}
    places = {"h": (np.linspace(0, 1, 6), "m"), "z": (np.arange(9.0), "km")}
    used = {dim for name in names for dim in SHAPES[name][1]}
    store = Store.from_arrays(
        folder / "a.zarr",
        arrays,
        dims={name: SHAPES[name][1] for name in names if SHAPES[name][1]},
        coordinates={dim: place for dim, place in places.items() if dim in used},
    )
    return store, arrays


@pytest.mark.parametrize("name", SHAPES)
def test_every_variable_is_drawn_in_one_way(tmp_path, name):
    store, arrays = kept(tmp_path, name)
    v = store.variables[0]
    found = planes(store, [v])
    way = "curve" if is_curve(v) else ("slice" if found[0].place else "plane") if found else "nothing"
    assert way == SHAPES[name][0]
    if found:
        assert found[0].drawn(arrays[name]).shape[-2:] == (8, 7)
        sizes = dict(zip(*SHAPES[name][1:], strict=True))
        assert len(found[0].names) == sizes.get("component", 1)


def test_a_slice_is_that_of_the_middle_of_the_shortest_axis(tmp_path):
    store, arrays = kept(tmp_path, "rho", "v")
    rho, v = planes(store, store.variables)
    assert rho.title == "rho, h = 0.6 m"
    assert np.array_equal(rho.of(arrays["rho"]), arrays["rho"][:, :, :, 3])
    assert np.array_equal(v.of(arrays["v"]), arrays["v"][:, :, :, 3, :])
    assert np.array_equal(v.drawn(arrays["v"]), np.linalg.norm(arrays["v"][:, :, :, 3, :], axis=1))
    steps = np.stack([arrays["v"], arrays["v"] + 1])  # more axes before those of the field
    assert np.array_equal(v.of(steps)[1], v.of(arrays["v"] + 1))


def test_components_come_first_wherever_they_lie(tmp_path):
    store, arrays = kept(tmp_path, "last")
    (plane,) = planes(store, store.variables)
    assert np.array_equal(plane.of(arrays["last"]), np.moveaxis(arrays["last"], -1, 1))
    assert plane.names == ["last 0", "last 1"]


def test_only_fields_on_one_grid_are_drawn_together(tmp_path):
    other = Variable("q", ("a", "b"), (5, 5))
    store, _ = kept(tmp_path, "p", "u", "heat")
    assert [plane.variable.name for plane in planes(store, [*store.variables, other])] == ["p", "u"]


def test_curves_on_one_axis_are_drawn_together_a_channel_each(tmp_path):
    store, arrays = kept(tmp_path, "heat", "wind", "p")
    found = alike([*store.variables, Variable("q", ("k",), (9,))])
    assert [v.name for v in found] == ["heat", "wind"]
    names, _, values = channels(found, arrays)
    assert names == ["heat", "wind 0", "wind 1", "wind 2"]
    assert np.array_equal(values[3], arrays["wind"][:, 2])
    assert along(store, found[0])[1] == "z (km)"
    assert along(store, Variable("q", ("k",), (3,)))[1] == "place along k"
