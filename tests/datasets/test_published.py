"""Layouts of published data sets, without any option: rows are trajectory and time, axes have coordinates."""

import field_files as files
import numpy as np
import pytest

from beable.datasets.importing import import_file, taken_for
from beable.errors import UsageError

pytest.importorskip("h5py")
ALL = files.RUNS * files.TIMES


def test_the_well(tmp_path):
    files.well(tmp_path / "wake.hdf5")
    store = import_file(tmp_path / "wake.hdf5", tmp_path / "store.zarr")
    assert store.rows == ALL
    shapes = {v.name: (v.dims, v.shape) for v in store.variables}
    assert shapes["pressure"] == (("x", "y"), (files.X, files.Y))
    assert shapes["velocity"] == (("component", "x", "y"), (2, files.X, files.Y))
    assert shapes["stress"][1] == (4, files.X, files.Y)
    for name, values in files.ROWS.items():
        np.testing.assert_array_equal(store.read(name), values)
    np.testing.assert_array_equal(store.read("stress")[:, 1], files.ROWS["velocity"].prod(axis=1))
    assert [f.name for f in store.factors] == ["Re", "angle"]
    np.testing.assert_array_equal(store.factor_values[:, 0], np.repeat(files.REYNOLDS, files.TIMES))
    np.testing.assert_allclose(store.coordinates["y"][0], files.PLACES["y"], atol=1e-7)
    assert {"gamma", "prandtl", "porosity"} < set(store.constants)
    assert store.constants["porosity"].shape == (files.X, files.Y)
    left = {t.name: t.why for t in taken_for(tmp_path / "wake.hdf5") if t.kind == "left out"}
    assert set(left) == {"boundary_conditions/wall/mask"}


def test_the_well_keeps_trajectory_and_time_where_they_are_asked_for(tmp_path):
    files.well(tmp_path / "wake.hdf5")
    store = import_file(
        tmp_path / "wake.hdf5", tmp_path / "s", variables=["pressure"], factors=["trajectory", "time", "Re"]
    )
    runs, times = np.divmod(np.arange(ALL), files.TIMES)
    np.testing.assert_array_equal(store.factor_values[:, 0], runs)
    np.testing.assert_allclose(store.factor_values[:, 1], files.CLOCK[times], atol=1e-7)


def test_fields_of_the_well_are_found_by_the_path_that_the_file_has(tmp_path):
    files.well(tmp_path / "a.hdf5")
    for i, name in enumerate(("t0_fields/pressure", "t0_fields_pressure", "pressure")):
        store = import_file(tmp_path / "a.hdf5", tmp_path / f"{i}.zarr", variables=[name])
        assert [(v.name, v.shape) for v in store.variables] == [("pressure", (files.X, files.Y))]
        assert [f.name for f in store.factors] == ["Re", "angle"]
    with pytest.raises(UsageError, match=r"'presure'.*did you mean 'pressure'"):
        import_file(tmp_path / "a.hdf5", tmp_path / "b.zarr", variables=["presure"])


@pytest.mark.parametrize(
    ("time", "rows", "dims"),
    [
        ("rows", ALL, ("x", "y")),
        ("first", files.RUNS, ("x", "y")),
        ("last", files.RUNS, ("x", "y")),
        ("every=4", files.RUNS * 2, ("x", "y")),
        ("axis", files.RUNS, ("time", "x", "y")),
    ],
)
def test_what_becomes_of_time_is_said(tmp_path, time, rows, dims):
    files.pdebench_flow(tmp_path / "flow.hdf5")
    store = import_file(tmp_path / "flow.hdf5", tmp_path / "store.zarr", variables=["pressure"], time=time)
    assert (store.rows, store.variables[0].dims) == (rows, dims)
    taken = {"first": np.s_[:, 0], "last": np.s_[:, -1], "every=4": np.s_[:, ::4]}.get(time, np.s_[:])
    shape = store.read("pressure").shape
    np.testing.assert_array_equal(store.read("pressure"), files.PRESSURE[taken].reshape(shape))
    if time == "axis":
        np.testing.assert_array_equal(store.coordinates["time"][0], files.CLOCK)


def test_a_word_for_time_that_means_nothing_is_refused(tmp_path):
    files.pdebench_flow(tmp_path / "flow.hdf5")
    for word, said in {"some": "rows, first, last, every=K or axis", "every=0": "at least 1"}.items():
        with pytest.raises(UsageError, match=said):
            import_file(tmp_path / "flow.hdf5", tmp_path / "store.zarr", time=word)


def test_pdebench_arrays(tmp_path):
    files.pdebench_flow(tmp_path / "flow.hdf5")
    store = import_file(tmp_path / "flow.hdf5", tmp_path / "store.zarr", factors=["time"])
    assert [(v.name, v.dims) for v in store.variables] == [(n, ("x", "y")) for n in ("Vx", "Vy", "pressure")]
    np.testing.assert_array_equal(store.read("Vx"), files.VX.reshape(ALL, files.X, files.Y))
    np.testing.assert_array_equal(store.factor_values[:, 0], np.tile(files.CLOCK, files.RUNS))
    np.testing.assert_array_equal(store.coordinates["x"][0], files.PLACES["x"])
    assert float(store.constants["eta"]) == 1e-8


def test_pdebench_tensors(tmp_path):
    files.pdebench_tensor(tmp_path / "line.hdf5")
    store = import_file(tmp_path / "line.hdf5", tmp_path / "line.zarr")
    assert (store.rows, store.variables[0].dims) == (ALL, ("x",))
    files.pdebench_darcy(tmp_path / "darcy.hdf5")
    store = import_file(tmp_path / "darcy.hdf5", tmp_path / "darcy.zarr")
    assert store.rows == files.RUNS
    assert {v.name: v.dims for v in store.variables} == {"nu": ("x", "y"), "tensor": ("x", "y")}
    np.testing.assert_array_equal(store.read("tensor"), files.PRESSURE[:, 0])


def test_pdebench_groups(tmp_path):
    files.pdebench_groups(tmp_path / "groups.h5")
    store = import_file(tmp_path / "groups.h5", tmp_path / "store.zarr")
    assert store.rows == ALL
    assert store.variables[0].dims == ("component", "x", "y")
    np.testing.assert_array_equal(store.read("data"), files.ROWS["velocity"])
    assert set(store.coordinates) == {"x", "y"}


def test_what_the_user_says_of_a_published_layout_wins(tmp_path):
    files.pdebench_flow(tmp_path / "flow.hdf5")
    store = import_file(
        tmp_path / "flow.hdf5", tmp_path / "a.zarr", variables=["Vx"], dims={"Vx": ["run", "t", "a", "b"]}, rows=["run"]
    )
    assert (store.rows, store.variables[0].dims) == (files.RUNS, ("t", "a", "b"))


def test_pdebench_with_one_sample(tmp_path):
    import h5py

    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["0000/data"], file["0000/grid/x"], file["0000/grid/y"] = files.VELOCITY[0], *files.PLACES.values()
    store = import_file(tmp_path / "one.h5", tmp_path / "store.zarr")
    np.testing.assert_array_equal(store.read("data"), files.ROWS["velocity"][: files.TIMES])
