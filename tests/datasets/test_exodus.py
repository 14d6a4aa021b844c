"""Results of finite elements in Exodus: time steps are rows, variables lie on nodes and elements."""

import numpy as np
import pytest

from beable.datasets.importing import import_file, taken_for
from beable.errors import BeableError, UsageError

xarray = pytest.importorskip("xarray")
TIMES = np.array([0.0, 0.5, 1.5])
HEAT, DISPLACEMENT = np.random.default_rng(0).normal(size=(2, 3, 6))
STRESS = np.random.default_rng(1).normal(size=(3, 5))
ENERGY = np.array([3.0, 2.0, 1.0])


def letters(kind, names):
    """Names as letters, padded with zeros."""
    return (kind,), np.array(names, "S33"), {}, {"char_dim_name": "len_name"}


def exodus(path, engine, elements=True):
    """Two nodal variables, one of elements in two blocks, one of the whole mesh."""
    steps, nodes = ("time_step", "num_nodes"), ("num_nodes",)
    data = {
        "time_whole": (("time_step",), TIMES),
        "coordx": (nodes, np.arange(6.0)),
        "coordy": (nodes, np.zeros(6)),
        "connect1": (("num_el_in_blk1", "num_nod_per_el1"), np.ones((2, 4), np.int32)),
        "connect2": (("num_el_in_blk2", "num_nod_per_el2"), np.ones((3, 3), np.int32)),
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
