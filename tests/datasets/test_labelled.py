"""One meaning under all labelled files: packing, missing numbers, groups, names of axes, links."""

from itertools import cycle

import field_files as files
import numpy as np
import pytest

from beable.datasets.importing import import_file, taken_for
from beable.errors import DataError, UsageError

h5py = pytest.importorskip("h5py")
xarray = pytest.importorskip("xarray")
ROWS, X, Y = 9, 16, 12
WAVE = np.random.default_rng(0).normal(size=(ROWS, X, Y)).astype(np.float32)
COUNTS = np.rint(1000 * WAVE).astype("i2")
CF_WRITERS = {
    "a.nc": {},
    "b.h5": {},
    "c.nc": {"engine": "scipy"},
    "d.zarr": {"engine": "zarr2"},
    "e.zarr": {"engine": "zarr3"},
}
INSIDE = {"a.nc": {"group": "case/flow"}, "b.hdf5": {"group": "case"}}


def counts(path, **attributes):
    """An array of packed numbers (sample, x, y)."""
    with h5py.File(path, "w") as file:
        file["p"] = COUNTS
        file["p"].attrs.update(attributes)
    return path


@pytest.mark.parametrize(("name", "packed"), list(zip(CF_WRITERS, cycle([False, True]))))
def test_the_same_content_gives_the_same_data_set_whatever_the_suffix(tmp_path, name, packed):
    files.cf(tmp_path / name, packed=packed, **CF_WRITERS[name])
    store = import_file(tmp_path / name, tmp_path / "store.zarr", rows=["run", "time"])
    assert store.rows == files.RUNS * files.TIMES
    assert {v.name: (v.dims, v.unit) for v in store.variables} == dict.fromkeys("uvp", (("y", "x"), "m s-1"))
    assert [(f.name, f.unit) for f in store.factors] == [("angle", "degree"), ("reynolds", "1")]
    np.testing.assert_array_equal(store.factor_values[:, 0], np.repeat(files.ANGLE, files.TIMES))
    np.testing.assert_array_equal(store.read("u"), files.VX.reshape(-1, files.X, files.Y).swapaxes(1, 2))
    np.testing.assert_allclose(store.read("p"), files.ROWS["pressure"].swapaxes(1, 2), atol=6e-4 if packed else 0)
    assert {dim: unit for dim, (_, unit) in store.coordinates.items()} == {"x": "m", "y": "m"}
    assert {n: float(store.constants[n]) for n in ("height", "gravity")} == {"height": 2.5, "gravity": 9.81}
    assert store.constants["area"].shape == (files.Y, files.X)


@pytest.mark.parametrize("name", INSIDE)
def test_variables_in_groups_are_found_at_any_depth(tmp_path, name):
    files.cf(tmp_path / name, **INSIDE[name])
    group = INSIDE[name]["group"].replace("/", "_")
    store = import_file(tmp_path / name, tmp_path / "a.zarr", rows=["run", "time"], variables=["u", f"{group}_p"])
    assert [v.name for v in store.variables] == [f"{group}_u", f"{group}_p"]
    assert store.variables[0].dims == ("y", "x")


def test_rows_of_two_axes_are_asked_about_with_both_options(tmp_path):
    files.cf(tmp_path / "wake.nc")
    with pytest.raises(UsageError) as caught:
        import_file(tmp_path / "wake.nc", tmp_path / "store.zarr")
    assert "--rows run time for 30 rows, or --rows run for 5 rows" in str(caught.value)
    store = import_file(tmp_path / "wake.nc", tmp_path / "a.zarr", rows=["run"], factors=["reynolds"])
    assert (store.rows, store.variables[0].dims) == (5, ("time", "y", "x"))
    store = import_file(tmp_path / "wake.nc", tmp_path / "b.zarr", time="last")
    np.testing.assert_array_equal(store.read("u"), files.VX[:, -1].swapaxes(1, 2))
    swapped = import_file(tmp_path / "wake.nc", tmp_path / "c.zarr", rows=["time", "run"], factors=["time", "angle"])
    np.testing.assert_array_equal(swapped.read("u")[: files.RUNS], files.VX[:, 0].swapaxes(1, 2))
    np.testing.assert_array_equal(swapped.factor_values[: files.RUNS, 1], files.ANGLE)


def test_rows_are_known_by_name_wherever_they_stand(tmp_path):
    data = xarray.Dataset({"u": (("x", "y", "ensemble_member"), np.moveaxis(WAVE, 0, 2))})
    data.to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    store = import_file(tmp_path / "mine.nc", tmp_path / "store.zarr")
    np.testing.assert_array_equal(store.read("u"), WAVE)


def test_a_single_map_has_no_rows(tmp_path):
    xarray.Dataset({"u": (("lat", "lon"), WAVE[0])}).to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    with pytest.raises(UsageError, match=r"no axis of lat \(16\), lon \(12\) is known as rows: say --rows NAME"):
        import_file(tmp_path / "map.nc", tmp_path / "store.zarr")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"scale_factor": np.float32(0.5), "add_offset": np.float32(3)}, COUNTS * 0.5 + 3),
        ({"scale_factor": 0.001}, COUNTS * 0.001),
        ({"_FillValue": COUNTS[3, 4, 5]}, np.where(COUNTS[3, 4, 5] == COUNTS, np.nan, COUNTS)),
        ({"missing_value": COUNTS[:2, 0, 0]}, np.where(np.isin(COUNTS, COUNTS[:2, 0, 0]), np.nan, COUNTS)),
        ({"valid_min": np.int16(-3000)}, np.where(COUNTS < -3000, np.nan, COUNTS)),
        (
            {"valid_range": np.array([-3000, 3000], "i2"), "scale_factor": 0.1},
            np.where(abs(COUNTS) > 3000, np.nan, 0.1 * COUNTS),
        ),
        ({"valid_max": 300.0, "scale_factor": 0.1}, np.where(0.1 * COUNTS > 300, np.nan, 0.1 * COUNTS)),
        ({"_Unsigned": "true"}, COUNTS.view("u2")),
    ],
)
def test_packed_and_missing_numbers_are_what_they_mean(tmp_path, attributes, expected):
    path = counts(tmp_path / "mine.h5", units="K", **attributes)
    store = import_file(path, tmp_path / "store.zarr", drop_invalid=True)
    good = np.isfinite(expected).all(axis=(1, 2))
    assert store.valid_rows.tolist() == np.flatnonzero(good).tolist()
    np.testing.assert_allclose(store.read("p", good), expected[good], rtol=1e-6, atol=1e-6)
    assert store.variables[0].unit == "K"


def test_a_packed_file_is_not_taken_for_its_counts(tmp_path):
    """The twin: without the attributes the same numbers are counts."""
    plain = import_file(counts(tmp_path / "a.h5"), tmp_path / "a.zarr")
    scaled = import_file(counts(tmp_path / "b.h5", scale_factor=0.001), tmp_path / "b.zarr")
    assert abs(plain.read("p")).max() > 500 * abs(scaled.read("p")).max()


def test_numbers_that_were_never_written_are_missing(tmp_path):
    """NetCDF fills them with a number of its own."""
    with h5py.File(tmp_path / "mine.nc", "w") as file:
        fill = 9.969209968386869e36
        file.create_dataset(
            "u", data=np.where(np.arange(ROWS)[:, None, None] == 2, np.float32(fill), WAVE), fillvalue=fill
        )
    store = import_file(tmp_path / "mine.nc", tmp_path / "store.zarr", drop_invalid=True)
    assert store.valid_rows.tolist() == [0, 1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_without_names_of_axes_reads_like_any_array(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "plain.zarr", mode="w", zarr_format=version)
    group.create_array("flow/u", shape=WAVE.shape, chunks=(4, X, Y), dtype="f4")[:] = WAVE
    group.create_array("a", shape=(ROWS,), dtype="f8")[:] = np.arange(ROWS) % 3
    store = import_file(tmp_path / "plain.zarr", tmp_path / "store.zarr", factors=["a"])
    np.testing.assert_array_equal(store.read("flow_u"), WAVE)
    assert store.factor_values[:, 0].tolist() == [0, 1, 2] * 3


def test_links_are_refused_with_the_true_reason(tmp_path):
    with h5py.File(tmp_path / "there.h5", "w") as file:
        file["u"] = WAVE
    layout = h5py.VirtualLayout(WAVE.shape, "f4")
    layout[:] = h5py.VirtualSource("there.h5", "u", WAVE.shape)
    with h5py.File(tmp_path / "here.h5", "w") as file:
        file.create_virtual_dataset("v", layout)
        file["w"] = h5py.ExternalLink("there.h5", "/u")
        file["own"], file["alias"] = WAVE, h5py.SoftLink("/own")
        file["own_group/self"] = file["/"]
    for name, words in {"v": r"virtual data set, .*\(there.h5\)", "w": "is a link to /u in the file there.h5"}.items():
        with pytest.raises(DataError, match=words) as caught:
            import_file(tmp_path / "here.h5", tmp_path / "store.zarr", variables=[name])
        assert "check the file" not in str(caught.value)
    with pytest.raises(DataError):
        import_file(tmp_path / "here.h5", tmp_path / "store.zarr")
    store = import_file(tmp_path / "here.h5", tmp_path / "store.zarr", variables=["own"])
    np.testing.assert_array_equal(store.read("own"), WAVE)
    left = {t.name: t.why for t in taken_for(tmp_path / "here.h5", variables=["own"]) if t.kind == "left out"}
    assert left["alias"] == "a link to /own in this file, read there"


def test_groups_of_equal_content_are_rows_in_the_order_of_their_numbers(tmp_path):
    with h5py.File(tmp_path / "runs.h5", "w") as file:
        for i in range(12):
            group = file.create_group(f"cases/run_{i}")
            group["u"] = WAVE[i % ROWS] + i
            group.attrs["viscosity"], group.attrs["solver"], group.attrs["density"] = 0.1 * i, "a", 1.0
    store = import_file(tmp_path / "runs.h5", tmp_path / "store.zarr")
    assert [v.name for v in store.variables] == ["cases_u"]
    np.testing.assert_array_equal(store.read("cases_u")[10], WAVE[1] + 10)
    assert [f.name for f in store.factors] == ["cases_viscosity"]
    np.testing.assert_allclose(store.factor_values[:, 0], 0.1 * np.arange(12))
    assert float(store.constants["cases_density"]) == 1.0


def test_attributes_of_groups_that_are_no_single_number_are_factors_or_said(tmp_path):
    with h5py.File(tmp_path / "runs.h5", "w") as file:
        file.attrs["nodes"] = [1.0, 2.0]
        for i in range(3):
            group = file.create_group(f"run_{i}")
            group["u"] = WAVE[i]
            group.attrs.update({"theta": [i, 2.0 * i], "solver": "ab"[i % 2], "code": "mine", "Re": str(10 * i)})
    store = import_file(tmp_path / "runs.h5", tmp_path / "a.zarr")
    assert [f.name for f in store.factors] == ["theta_1", "theta_2"]
    np.testing.assert_array_equal(store.factor_values, [[0, 0], [1, 2], [2, 4]])
    told = {t.name: (t.kind, t.why) for t in taken_for(tmp_path / "runs.h5")}
    assert told["solver"][0] == told["Re"][0] == "label"
    assert "factors (--factors)" in told["solver"][1]
    assert told["nodes"] == ("left out", "an attribute of 2 numbers")
    store = import_file(tmp_path / "runs.h5", tmp_path / "b.zarr", factors=["solver", "Re"])
    assert [f.classes for f in store.factors] == [("a", "b"), ("0", "10", "20")]


def test_groups_whose_names_do_not_tell_are_asked_about(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for i, name in enumerate(("cold", "warm", "hot")):
            file[f"{name}/u"] = WAVE[i]
    with pytest.raises(UsageError, match=r"3 groups hold arrays of equal names .*--rows group if each is a row"):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr")
    assert import_file(tmp_path / "mine.h5", tmp_path / "a.zarr", rows=["group"]).rows == 3
    one = import_file(tmp_path / "mine.h5", tmp_path / "b.zarr", variables=["cold/u", "hot/u"])
    assert (one.rows, [v.name for v in one.variables]) == (X, ["cold_u", "hot_u"])


def test_numbered_arrays_are_asked_about(tmp_path):
    np.savez(tmp_path / "mine.npz", **{f"u_{i}": WAVE[i % ROWS] for i in range(11)})
    with pytest.raises(UsageError, match="11 arrays have one shape and numbers in their names"):
        import_file(tmp_path / "mine.npz", tmp_path / "store.zarr")
    store = import_file(tmp_path / "mine.npz", tmp_path / "store.zarr", rows=["group"])
    np.testing.assert_array_equal(store.read("u")[10], WAVE[1])


def test_what_is_left_unread_is_listed(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["u"], file["note"], file["z"] = WAVE, "words", np.linspace(0, 1, 7)
        file.attrs["author"], file.attrs["mach"] = "nobody", 0.3
    with pytest.raises(DataError, match=r"differ in their number of rows \(u 9, z 7\)"):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr")
    taken = {t.name: t.kind for t in taken_for(tmp_path / "mine.h5", variables=["u"])}
    assert taken == {"u": "variable", "z": "left out", "note": "left out", "author": "attribute", "mach": "constant"}


def test_a_time_of_its_length_makes_the_second_axis_time(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["u"], file["t"] = WAVE.reshape(3, 3, X, Y).repeat(2, axis=1), np.linspace(0, 1, 6)
    with pytest.raises(UsageError, match=r"row \(3\) and t \(6\) can be rows: say --rows row t for 18 rows"):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr")
    assert import_file(tmp_path / "mine.h5", tmp_path / "store.zarr", time="last").rows == 3


def test_arrays_of_different_rows_are_named(tmp_path):
    data = xarray.Dataset({"u": (("time", "x"), WAVE[:, :, 0]), "v": (("time_2", "x"), WAVE[:5, :, 1])})
    data.to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    with pytest.raises(UsageError, match=r"different rows \(u along time \(9\), v along time_2 \(5\)\).*--variables"):
        import_file(tmp_path / "mine.nc", tmp_path / "store.zarr")
    assert import_file(tmp_path / "mine.nc", tmp_path / "store.zarr", variables=["v"]).rows == 5


def test_coordinates_in_words_and_names_that_cannot_be_are_no_hindrance(tmp_path):
    names = np.array([f"run {i}" for i in range(ROWS)])
    data = xarray.Dataset({"u": (("sample", "x"), WAVE[:, :, 0])}, {"sample": names}, {"2nd": 1.0, "mach": 0.3})
    for name, options in {"a.nc": {"engine": "h5netcdf"}, "b.nc": {"engine": "scipy"}}.items():
        data.to_netcdf(tmp_path / name, **options)
        store = import_file(tmp_path / name, tmp_path / f"{name}.zarr")
        assert ([v.name for v in store.variables], set(store.constants)) == (["u"], {"mach"})


def test_one_name_of_axes_in_two_groups_may_have_two_lengths(tmp_path):
    for n, group in ((16, "coarse"), (24, "fine")):
        data = xarray.Dataset({"u": (("sample", "x"), np.ones((5, n)))}, {"x": np.linspace(0, 1, n)})
        data.to_netcdf(tmp_path / "mine.nc", engine="h5netcdf", group=group, mode="a")
    store = import_file(tmp_path / "mine.nc", tmp_path / "store.zarr")
    assert {v.name: v.shape for v in store.variables} == {"coarse_u": (16,), "fine_u": (24,)}
    assert len(store.coordinates["x"][0]) == 16


def test_a_mask_beside_fields_of_two_axes_of_rows_is_a_constant(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["u"], file["load"], file["mask"] = (
            np.repeat(WAVE.reshape(3, 3, X, Y), 3, axis=1),
            np.arange(3.0),
            np.ones((X, Y)),
        )
        file["x"], file["y"] = np.linspace(0, 1, X), np.linspace(0, 2, Y)
    with pytest.raises(
        UsageError, match="--rows run time if 3 x 9 are rows, --rows run if 3 are rows of fields on 9 x 16"
    ):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr", factors=["load"])
    store = import_file(tmp_path / "mine.h5", tmp_path / "a.zarr", rows=["run", "time"], factors=["load"])
    assert (store.rows, [v.dims for v in store.variables], set(store.constants)) == (27, [("x", "y")], {"mask"})
    assert store.factor_values[:, 0].tolist() == np.repeat([0, 1, 2], 9).tolist()
    np.testing.assert_array_equal(store.coordinates["y"][0], np.linspace(0, 2, Y))


def test_groups_that_hold_several_rows_each_are_asked_about_by_their_name(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for i in range(3):
            file[f"batch_{i}/u"], file[f"batch_{i}/a"] = WAVE + i, np.arange(9.0) + 9 * i
    with pytest.raises(UsageError, match="--rows batch time if 3 x 9 are rows, --rows batch if 3 are rows"):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr")
    store = import_file(tmp_path / "mine.h5", tmp_path / "a.zarr", rows=["batch", "time"], factors=["a"])
    np.testing.assert_array_equal(store.read("u")[18:], WAVE + 2)
    assert store.factor_values[:, 0].tolist() == list(range(27))


PHASE = np.array(["gas", "liquid", "gas", "solid", "gas", "liquid", "gas", "gas", "solid"])
PLACE = {"gas": 0.0, "liquid": 1.0, "solid": 2.0}


def phases_of_hdf5(path):
    with h5py.File(path, "w") as file:
        file["u"], file["phase"] = WAVE, PHASE.astype(object)


def phases_of_fixed_length(path):
    with h5py.File(path, "w") as file:
        file["u"], file["phase"] = WAVE, PHASE.astype("S")


def phases_of_an_enumeration(path):
    with h5py.File(path, "w") as file:
        file["u"] = WAVE
        kind = h5py.enum_dtype({"gas": 5, "liquid": 7, "solid": 9}, basetype="i1")
        file.create_dataset("phase", data=np.array([5 + 2 * PLACE[p] for p in PHASE], "i1"), dtype=kind)


def phases_of_flags(path):
    flags = {"flag_values": np.array([5, 7, 9], "i1"), "flag_meanings": "gas liquid solid"}
    coded = np.array([5 + 2 * PLACE[p] for p in PHASE], "i1")
    data = {"u": (("sample", "x", "y"), WAVE), "phase": (("sample",), coded, flags)}
    xarray.Dataset(data).to_netcdf(path, engine="scipy")


def phases_of_xarray(path, **options):
    data = xarray.Dataset({"u": (("sample", "x", "y"), WAVE)}, {"phase": ("sample", PHASE.astype(object))})
    (data.to_zarr if path.suffix == ".zarr" else data.to_netcdf)(path, **options)


def phases_of_zarr(path):
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    for name, values in {"u": WAVE, "phase": PHASE}.items():
        group.create_array(name, data=values)


PHASES = {
    "a.h5": phases_of_hdf5,
    "fixed.h5": phases_of_fixed_length,
    "enumerated.h5": phases_of_an_enumeration,
    "flags.nc": phases_of_flags,
    "letters.nc": lambda path: phases_of_xarray(path, engine="scipy"),
    "a.nc": lambda path: phases_of_xarray(path, engine="h5netcdf"),
    "v2.zarr": lambda path: phases_of_xarray(path, zarr_format=2, consolidated=False),
    "v3.zarr": lambda path: phases_of_xarray(path, zarr_format=3, consolidated=False),
    "plain.zarr": phases_of_zarr,
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of Zarr's own formats of words
@pytest.mark.parametrize("name", PHASES)
def test_words_along_the_rows_are_classes_when_they_are_named(tmp_path, name):
    PHASES[name](tmp_path / name)
    store = import_file(tmp_path / name, tmp_path / "store.zarr", factors=["phase"])
    assert [v.name for v in store.variables] == ["u"]
    assert store.factors[0].classes == ("gas", "liquid", "solid")
    assert store.factor_values[:, 0].tolist() == [PLACE[p] for p in PHASE]
    learned = import_file(tmp_path / name, tmp_path / "learned.zarr", variables=["u"], classes=["phase"])
    assert next(v for v in learned.variables if v.name == "phase").classes == ("gas", "liquid", "solid")


def test_words_that_nobody_asked_for_are_refused_with_what_to_say(tmp_path):
    phases_of_hdf5(tmp_path / "a.h5")
    with pytest.raises(DataError, match=r"phase holds words, .*--exclude phase, .*--factors phase, .*--classes phase"):
        import_file(tmp_path / "a.h5", tmp_path / "store.zarr")
