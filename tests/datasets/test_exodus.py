"""Results of finite elements in Exodus: time steps are rows, variables lie on nodes and elements."""

import numpy as np
import pytest

from beable.datasets.importing import import_file, taken_for
from beable.errors import BeableError, UsageError
from beable.report.meshes import triangles

xarray = pytest.importorskip("xarray")
TIMES = np.array([0.0, 0.5, 1.5])
HEAT, DISPLACEMENT = np.random.default_rng(0).normal(size=(2, 3, 6))
STRESS = np.random.default_rng(1).normal(size=(3, 5))
ENERGY = np.array([3.0, 2.0, 1.0])


def letters(kind, names):
    """Names as letters, padded with zeros."""
    return (kind,), np.array(names, "S33"), {}, {"char_dim_name": "len_name"}


QUADS = np.array([[1, 2, 5, 4], [2, 3, 6, 5]], np.int32)
TRIANGLES = np.array([[1, 2, 4, 7, 7, 7], [2, 3, 5, 7, 7, 7], [2, 5, 4, 7, 7, 7]], np.int32)  # with middles of edges


def exodus(path, engine, elements=True, second="TRI6"):
    """Two nodal variables, one of elements in two blocks, one of the whole mesh."""
    steps, nodes = ("time_step", "num_nodes"), ("num_nodes",)
    data = {
        "time_whole": (("time_step",), TIMES),
        "coordx": (nodes, np.arange(6.0)),
        "coordy": (nodes, np.zeros(6)),
        "connect1": (("num_el_in_blk1", "num_nod_per_el1"), QUADS, {"elem_type": "QUAD4"}),
        "connect2": (("num_el_in_blk2", "num_nod_per_el2"), TRIANGLES, {"elem_type": second}),
        "eb_prop1": (("num_el_blk",), np.array([1, 2], np.int32)),
        "name_nod_var": letters("num_nod_var", ["heat", "disp_x"]),
        "vals_nod_var1": (steps, HEAT),
        "vals_nod_var2": (steps, DISPLACEMENT),
        "name_elem_var": letters("num_elem_var", ["stress"]),
        "vals_elem_var1eb1": (("time_step", "num_el_in_blk1"), STRESS[:, :2]),
        "name_glo_var": letters("num_glo_var", ["energy"]),
        "vals_glo_var": (("time_step", "num_glo_var"), ENERGY[:, None]),
    }
    if elements:
        data["vals_elem_var1eb2"] = (("time_step", "num_el_in_blk2"), STRESS[:, 2:])
    xarray.Dataset(data, attrs={"api_version": np.float32(5.1), "title": "a plate"}).to_netcdf(path, engine=engine)


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_time_steps_are_rows_and_variables_have_their_names(tmp_path, engine):
    pytest.importorskip(engine)
    exodus(tmp_path / "plate.exo", engine)
    store = import_file(tmp_path / "plate.exo", tmp_path / "store.zarr", factors=["time", "energy"])
    assert {v.name: v.dims for v in store.variables} == {"heat": ("node",), "disp_x": ("node",), "stress": ("cell",)}
    for name, values in {"heat": HEAT, "disp_x": DISPLACEMENT, "stress": STRESS}.items():
        assert np.array_equal(store.read(name), values)
    assert np.array_equal(store.factor_values, np.stack([TIMES, ENERGY], 1))
    assert np.array_equal(store.constants["node_x"], np.arange(6.0))


def test_the_mesh_comes_along_as_of_other_files_its_edges_without_their_middles(tmp_path):
    exodus(tmp_path / "plate.exo", "scipy")
    held = import_file(tmp_path / "plate.exo", tmp_path / "store.zarr").constants
    assert held["cell_nodes"].tolist() == [0, 1, 4, 3, 1, 2, 5, 4, 0, 1, 3, 1, 2, 4, 1, 4, 3]
    assert held["cell_ends"].tolist() == [4, 8, 11, 14, 17]
    assert held["cell_kinds"].tolist() == [9, 9, 5, 5, 5]
    assert held["node_z"].tolist() == [0.0] * 6
    assert triangles(held) is not None
    exodus(tmp_path / "other.exo", "scipy", second="NSIDED")
    assert "cell_nodes" not in import_file(tmp_path / "other.exo", tmp_path / "others.zarr").constants


def test_what_some_blocks_lack_is_left_out_and_said(tmp_path):
    exodus(tmp_path / "plate.e", "scipy", elements=False)
    told = {t.name: t for t in taken_for(tmp_path / "plate.e")}
    assert (told["layout"].axes or told["layout"].why) == "Exodus"
    assert (told["stress"].kind, told["stress"].why) == ("left out", "has values in 1 of 2 blocks of elements")
    assert told["energy"].kind == "label"
    with pytest.raises(UsageError, match="stress"):
        import_file(tmp_path / "plate.e", tmp_path / "store.zarr", variables=["stress"])


def test_cgns_of_another_name_is_refused_with_the_name_that_it_needs(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "wing.h5", "w") as file:
        file.create_group("Base").attrs["label"] = "CGNSBase_t"
        file["Base/Zone/FlowSolution/Pressure/ data"] = np.ones((3, 4))
    with pytest.raises(BeableError, match=r"is a file of CGNS: give its name the ending \.cgns"):
        import_file(tmp_path / "wing.h5", tmp_path / "store.zarr")
