"""A stand-in for the part of pyvista that is used: grids, meshes and series of made-up numbers."""

import sys
from types import SimpleNamespace

import numpy as np

HEAT = np.random.default_rng(0).normal(size=(3, 4, 5))  # times, x, y
FLOW = np.random.default_rng(1).normal(size=(3, 4, 5, 3))


def grid(time):
    """An even grid whose points hold a scalar and a vector, x running fastest."""
    points = {"heat": HEAT[time].ravel(order="F"), "flow": FLOW[time].reshape(20, 3, order="F")}
    return SimpleNamespace(
        point_data=points, cell_data={}, field_data={"load": np.array([float(time)])},
        dimensions=(4, 5, 1), origin=(1.0, 0.0, 0.0), spacing=(0.5, 0.25, 1.0),
    )  # fmt: skip


def mesh(time):
    """A mesh without order, whose cells hold a scalar."""
    return SimpleNamespace(point_data={}, cell_data={"heat": HEAT[time].ravel()}, field_data={})


class Series:
    """A reader of many times."""

    time_values = (0.0, 0.5, 1.5)

    def __init__(self, kind):
        self.kind = kind

    def set_active_time_point(self, time):
        self.time = time

    def read(self):
        return self.kind(self.time)


def install(monkeypatch, read=None):
    """Put it in place of pyvista; the number in the name of a file is its time, or the row that it is read as."""
    made = SimpleNamespace(
        read=lambda path: (read or (grid if path.suffix == ".vti" else mesh))(int(path.stem.rpartition("_")[2])),
        get_reader=lambda path: Series(grid if path.suffix == ".pvd" else mesh),
    )
    monkeypatch.setitem(sys.modules, "pyvista", made)
