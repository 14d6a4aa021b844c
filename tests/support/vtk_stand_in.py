"""A stand-in for the part of pyvista that is used: grids, meshes and cases of made-up numbers."""

import sys
from types import SimpleNamespace

import numpy as np

HEAT = np.random.default_rng(0).normal(size=(3, 4, 5))  # times, x, y
FLOW = np.random.default_rng(1).normal(size=(3, 4, 5, 3))


def grid(time):
    """An even grid whose points hold a scalar and a vector, x running fastest."""
    points = {"heat": HEAT[time].ravel(order="F"), "flow": FLOW[time].reshape(20, 3, order="F")}
    return SimpleNamespace(
        point_data=points, cell_data={}, field_data={"load": np.array([float(time)])}, n_points=20, n_cells=12,
        dimensions=(4, 5, 1), origin=(1.0, 0.0, 0.0), spacing=(0.5, 0.25, 1.0),
    )  # fmt: skip


def mesh(time):
    """A mesh without order, twenty triangles in a row whose cells hold a scalar."""
    points = np.random.default_rng(2).normal(size=(22, 3))
    return SimpleNamespace(
        point_data={}, cell_data={"heat": HEAT[time].ravel()}, field_data={}, n_points=22, n_cells=20, points=points,
        cell_centers=lambda: SimpleNamespace(points=(points[:-2] + points[1:-1] + points[2:]) / 3),
        cell_connectivity=(np.arange(20)[:, None] + np.arange(3)).ravel(), offset=3 * np.arange(21),
        celltypes=np.full(20, 5, np.uint8),
    )  # fmt: skip


class Case:
    """A reader of many times, or of a file of VTKHDF of one step."""

    time_values = (0.0, 0.5, 1.5)
    time = 0

    def __init__(self, path):
        self.time = int("0" + path.stem.rpartition("_")[2]) if path.suffix == ".vtkhdf" else 0
        self.reader = SimpleNamespace(
            UpdateInformation=lambda: None, GetNumberOfSteps=lambda: 0, SetStep=lambda place: None
        )

    def set_active_time_point(self, time):
        self.time = time

    def read(self):
        return mesh(self.time)


def series(path, count=3, kind="vti"):
    """Write a list of files with their times, 0, 0.5 and 1.5, and the files, which are empty."""
    names = [f"{path.stem}_{i}.{kind}" for i in range(count)]
    sets = zip(Case.time_values, names, strict=False)
    lines = "".join(f'<DataSet timestep="{time}" file="{name}"/>' for time, name in sets)
    path.write_text(f"<VTKFile><Collection>{lines}</Collection></VTKFile>")
    for name in names:
        path.with_name(name).touch()


def install(monkeypatch, read=None):
    """Put it in place of pyvista; the number in the name of a file is its time, or the row that it is read as."""
    made = SimpleNamespace(
        read=lambda path: (read or (grid if path.suffix == ".vti" else mesh))(int(path.stem.rpartition("_")[2])),
        get_reader=Case,
    )
    monkeypatch.setitem(sys.modules, "pyvista", made)
