"""Users' own files: what goes in comes out with names and units; hostile files are refused in one line."""

import builtins
import io
import json
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from beable.commands.imports import import_
from beable.datasets import exodus, readers
from beable.datasets.importing import import_file, taken_for
from beable.datasets.other_tables import ENGINES
from beable.datasets.readers import READERS, TABLES
from beable.datasets.store import Store
from beable.datasets.vtk import KINDS
from beable.errors import BeableError, DataError, OutputError, UsageError

ROWS, X, Y = 6, 5, 4
RNG = np.random.default_rng(0)
PRESSURE = RNG.normal(size=(ROWS, X, Y)).astype(np.float32)
FLUX = RNG.normal(size=(ROWS, 2, X, Y))
THETA = RNG.normal(size=(ROWS, 2))
LOAD = np.arange(ROWS)


def as_npz(path):
    np.savez_compressed(path, pressure=PRESSURE, flux=FLUX, theta=THETA, load=LOAD)


def as_hdf5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("pressure", data=PRESSURE, chunks=(2, X, Y), compression="gzip").attrs["units"] = "Pa"
        file.create_dataset("flux", data=FLUX.astype(">f8")).attrs["units"] = "m s-1"
        file["theta"], file["load"] = THETA, LOAD


def as_labelled(path):
    data = dataset()
    data.to_zarr(path, consolidated=False) if path.suffix == ".zarr" else data.to_netcdf(path, engine="scipy")


def dataset():
    """The same with labels, as xarray holds it."""
    xarray = pytest.importorskip("xarray")
    grid = {"x": ("x", np.linspace(0, 1, X), {"units": "m"}), "y": ("y", np.linspace(0, 2, Y), {"units": "m"})}
    return xarray.Dataset(
        {
            "pressure": (("sample", "x", "y"), PRESSURE, {"units": "Pa"}),
            "flux": (("sample", "component", "x", "y"), FLUX, {"units": "m s-1"}),
            "theta": (("sample", "factor"), THETA),
            "load": (("sample",), LOAD.astype(np.float64)),
        },
        coords={**grid, "sample": np.arange(ROWS) * 10},
    )


WRITERS = {".npz": as_npz, ".h5": as_hdf5, ".hdf5": as_hdf5, ".he5": as_hdf5, ".nc4": as_hdf5}
WRITERS |= {".nc": as_labelled, ".cdf": as_labelled, ".zarr": as_labelled}


def test_every_reader_is_tested():
    assert {*WRITERS, ".npy", *TABLES, *KINDS, *exodus.KINDS} == {*READERS}


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_goes_in_comes_out(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"mine{suffix}")
    store = import_file(tmp_path / f"mine{suffix}", tmp_path / "store.zarr", factors=["theta", "load"])
    assert {v.name: v.shape for v in store.variables} == {"pressure": (X, Y), "flux": (2, X, Y)}
    assert np.array_equal(store.read("pressure"), PRESSURE)
    assert np.array_equal(store.read("flux"), FLUX)
    assert [f.name for f in store.factors] == ["theta_1", "theta_2", "load"]
    assert np.array_equal(store.factor_values, np.column_stack([THETA, LOAD]))
    assert store.verify() == []


@pytest.mark.parametrize("suffix", [".h5", ".nc", ".zarr"])
def test_units_come_from_the_file_and_the_user_has_the_last_word(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"mine{suffix}")
    units = {"pressure": "bar", "load": "N"}
    store = import_file(tmp_path / f"mine{suffix}", tmp_path / "store.zarr", factors=["load"], units=units)
    assert {v.name: v.unit for v in store.variables} == {"pressure": "bar", "flux": "m s-1", "theta": "1"}
    assert store.factors[0].unit == "N"


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_dimensions_and_coordinates_are_kept(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"mine{suffix}")
    store = import_file(tmp_path / f"mine{suffix}", tmp_path / "store.zarr", variables=["flux"], factors=["theta"])
    assert store.variables[0].dims == ("component", "x", "y")
    assert {dim: unit for dim, (_, unit) in store.coordinates.items()} == {"x": "m", "y": "m"}
    assert np.array_equal(store.coordinates["y"][0], np.linspace(0, 2, Y))


def test_netcdf_of_the_newer_kind_is_read_or_its_reader_named(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    pytest.importorskip("xarray")
    as_hdf5(tmp_path / "mine.nc")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"h5py is not installed: pip install 'beable\[hdf5\]'"):
        import_file(tmp_path / "mine.nc", tmp_path / "store.zarr")


def test_netcdf_4(tmp_path):
    pytest.importorskip("h5netcdf")
    dataset().to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    store = import_file(tmp_path / "mine.nc", tmp_path / "store.zarr", variables=["pressure"])
    assert np.array_equal(store.read("pressure"), PRESSURE)


def test_one_array_is_named_after_its_file(tmp_path):
    np.save(tmp_path / "run 1-u.npy", PRESSURE)
    store = import_file(tmp_path / "run 1-u.npy", tmp_path / "store.zarr")
    assert [v.name for v in store.variables] == ["run_1_u"]
    assert np.array_equal(store.read("run_1_u"), PRESSURE)


def test_groups_of_hdf5_are_part_of_the_name(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["solver/p"], file["notes"], file["names"] = PRESSURE, "words", ["words"] * ROWS
        file["x"] = np.linspace(0, 1, X)
        file["x"].make_scale("x")
    with pytest.raises(DataError, match="names holds words, not real numbers"):
        import_file(tmp_path / "mine.h5", tmp_path / "store.zarr")
    assert "notes" in [t.name for t in taken_for(tmp_path / "mine.h5", variables=["solver/p"]) if t.kind == "left out"]
    store = import_file(tmp_path / "mine.h5", tmp_path / "store.zarr", variables=["solver/p"])
    assert [v.name for v in store.variables] == ["solver_p"]
    assert np.array_equal(store.coordinates["x"][0], np.linspace(0, 1, X))


def test_the_files_of_the_darcy_paper_are_turned_to_our_axes(tmp_path):
    """Their images hold the field at (x1, x2) = (a, n-1-b) in pixel [a, b]; channels p, u1, u2."""
    h5py = pytest.importorskip("h5py")
    n = 5
    x1, x2 = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    fields = np.stack([10 * x1 + x2, 100 + x1, 200 + x2])[None] * np.arange(1, 4)[:, None, None, None]
    images = fields[..., ::-1].astype(np.float32)
    with h5py.File(tmp_path / "kle2.hdf5", "w") as file:
        file["generative_params"], file["permeability"], file["output"] = THETA[:3], images[:, :1], images
    store = import_file(tmp_path / "kle2.hdf5", tmp_path / "store.zarr")
    assert [f.name for f in store.factors] == ["theta_1", "theta_2"]
    assert np.array_equal(store.read("pressure"), fields[:, 0])
    assert np.array_equal(store.read("flux"), fields[:, 1:])
    assert np.array_equal(store.read("permeability"), fields[:, 0])
    assert {v.name: v.dims for v in store.variables}["flux"] == ("component", "x", "y")
    assert store.coordinates["x"][0][-1] == 1.0


def test_arrays_only_named_like_the_papers_are_left_as_they_are(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["generative_params"], file["permeability"], file["output"] = THETA, PRESSURE, PRESSURE
    store = import_file(tmp_path / "mine.h5", tmp_path / "store.zarr", variables=["output"])
    assert np.array_equal(store.read("output"), PRESSURE)


def test_rows_that_are_not_finite_are_refused_or_kept_out(tmp_path):
    holed = PRESSURE.copy()
    holed[2, 0, 0] = np.nan
    np.savez(tmp_path / "mine.npz", pressure=holed)
    with pytest.raises(DataError, match="1 of 6 rows are not finite"):
        import_file(tmp_path / "mine.npz", tmp_path / "store.zarr")
    store = import_file(tmp_path / "mine.npz", tmp_path / "store.zarr", drop_invalid=True)
    assert store.valid_rows.tolist() == [0, 1, 3, 4, 5]


TABLE = "size,flow (m/s),2nd\n1,0.5,7\n2,-1e-3,8\n4,3,9\n"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_of_text_are_variables_by_name(tmp_path, delimiter, end, mark):
    path = tmp_path / ("mine.tsv" if delimiter == "\t" else "mine.csv")
    path.write_bytes((mark + TABLE.replace(",", delimiter).replace("\n", end)).encode())
    units = {"flow__m_s_": "m s-1"}  # the name as a word, unit and all
    store = import_file(path, tmp_path / "store.zarr", factors=["column_2nd"], units=units)
    assert {v.name: (v.dims, v.unit) for v in store.variables} == {"size": ((), "1"), "flow": ((), "m s-1")}
    assert store.read("flow").tolist() == [0.5, -1e-3, 3]
    assert store.factor_values.tolist() == [[7], [8], [9]]
    assert store.verify() == []


def test_columns_are_named_as_the_header_has_them(tmp_path):
    (tmp_path / "mine.csv").write_text(TABLE)
    store = import_file(tmp_path / "mine.csv", tmp_path / "store.zarr", variables=["flow (m/s)"], factors=["size"])
    assert [(v.name, v.unit, v.long_name) for v in store.variables] == [("flow", "m/s", "")]
    assert [f.name for f in store.factors] == ["size"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0.5", "much", r"flow is 'much' in row 0 \(line 2\), a finite number is expected"),
        ("-1e-3", "", r"flow is '' in row 1 \(line 3\)"),
        ("4", "NaN", r"size is 'NaN' in row 2 \(line 4\)"),
        ("4", "inf", r"size is 'inf' in row 2 \(line 4\)"),
        ("4", "1_000", r"size is '1_000' in row 2"),
        ("4", "0,5", r"row 2 \(line 4\) has 4 entries, the header 3"),
        ("size,flow (m/s),2nd\n", "", "line 1 holds numbers: a file of columns begins with a header"),
        ("2nd", "size", "two columns are named 'size'"),
        (TABLE[20:], "", "no rows under the header"),
        ("4", "é", r"size is 'é' in row 2"),
    ],
)
def test_text_that_holds_no_numbers_is_refused_with_row_and_column(tmp_path, old, new, words):
    (tmp_path / "mine.csv").write_text(TABLE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=words) as caught:
        import_file(tmp_path / "mine.csv", tmp_path / "store.zarr")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store.zarr").exists()


def test_rows_of_text_without_numbers_are_kept_out_or_their_columns_left_alone(tmp_path):
    (tmp_path / "mine.csv").write_text("name,size,p\na,1,5\nb,2,6\nc,,7\n\nd,4,8\n")
    with pytest.raises(DataError, match="name is 'a' in row 0"):
        import_file(tmp_path / "mine.csv", tmp_path / "store.zarr")
    with pytest.raises(DataError, match=r"size is '' in row 2 \(line 4\)"):
        import_file(tmp_path / "mine.csv", tmp_path / "store.zarr", variables=["size"])
    with pytest.raises(DataError, match=r"size is '' in row 2 \(line 4\)"):
        import_file(tmp_path / "mine.csv", tmp_path / "store.zarr", variables=["p"], factors=["size"])
    for i, choice in enumerate(({"variables": ["size"]}, {"variables": ["p"], "factors": ["size"]})):
        store = import_file(tmp_path / "mine.csv", tmp_path / f"{i}.zarr", drop_invalid=True, **choice)
        assert store.valid_rows.tolist() == [0, 1, 3]


def test_text_that_is_no_text_or_too_much_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_bytes(b"a,b\n1,\xff\xfe\n")
    with pytest.raises(DataError, match=r"cannot be read as \.csv"):
        import_file(tmp_path / "mine.csv", tmp_path / "store.zarr")
    (tmp_path / "mine.csv").write_text(TABLE)
    monkeypatch.setattr(readers.memory, "available", lambda: 100)
    with pytest.raises(DataError, match="of memory"):
        readers.read_columns(tmp_path / "mine.csv")


def archive(path, **members):
    """An archive of arrays from raw bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


def header(shape, dtype="<f8"):
    """The header of an array, without the array."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()


class Trap:
    """What a pickle would run."""

    def __reduce__(self):
        return builtins.exit, (99,)


HUGE = 10**13


def object_npz(folder):
    np.savez(folder / "mine.npz", wave=np.array([Trap()], dtype=object))
    return folder / "mine.npz", "object, not real numbers"


def object_npy(folder):
    np.save(folder / "mine.npy", np.array([Trap()], dtype=object))
    return folder / "mine.npy", "holds object, not real numbers"


def complex_npz(folder):
    np.savez(folder / "mine.npz", wave=np.ones((3, 2)) * 1j)
    return folder / "mine.npz", "complex128, not real numbers"


def words_npz(folder):
    np.savez(folder / "mine.npz", wave=np.array(["a", "b"]))
    return folder / "mine.npz", "not real numbers"


def bomb_npz(folder):
    archive(folder / "mine.npz", wave=header((HUGE, 8)))
    return folder / "mine.npz", "does not fit its"


def negative_npz(folder):
    archive(folder / "mine.npz", wave=header((-1, -8)) + b"\0" * 64)
    return folder / "mine.npz", "cannot be read"


def bomb_npy(folder):
    (folder / "mine.npy").write_bytes(header((HUGE, 8)))
    return folder / "mine.npy", "cannot be read as .npy"


def bomb_hdf5(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "mine.h5", "w") as file:
        file.create_dataset("wave", (HUGE, 8), "f8", chunks=(1000, 8))
    return folder / "mine.h5", "GB of numbers in a file of"


def bomb_zarr(folder):
    pytest.importorskip("xarray")
    import zarr

    zarr.open_group(folder / "mine.zarr", mode="w").create_array(
        "wave", shape=(HUGE, 8), chunks=(1000, 8), dtype="f8", dimension_names=("row", "x")
    )
    return folder / "mine.zarr", "GB of numbers in a file of"


def foreign_hdf5(folder):
    h5py = pytest.importorskip("h5py")
    (folder / "secret").write_bytes(b"12345678" * 10)
    with h5py.File(folder / "mine.h5", "w") as file:
        file.create_dataset("wave", (10,), "f8", external=[(str(folder / "secret"), 0, 80)])
    return folder / "mine.h5", "takes its numbers from another file"


def text(name):
    def write(folder):
        pytest.importorskip(ENGINES.get(f".{name.rsplit('.')[-1]}", "csv"))
        (folder / name).write_text("these are no numbers")
        return folder / name, "cannot be read as"

    return write


HOSTILE = [
    object_npz, object_npy, complex_npz, words_npz, bomb_npz, negative_npz, bomb_npy, bomb_hdf5, bomb_zarr,
    foreign_hdf5, *(text(f"mine{suffix}") for suffix in READERS if suffix not in KINDS),
]  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_and_leaves_nothing(tmp_path, make):
    if make.__name__ == "write":
        pytest.importorskip("h5py")
        pytest.importorskip("xarray")
    path, words = make(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(DataError) as caught:
        import_file(path, tmp_path / "store.zarr")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".h5", ".nc"])
def test_a_file_that_was_cut_short_or_bent_is_refused_or_gives_arrays(tmp_path, suffix):
    """Wherever it is cut it is refused; a flipped byte is noticed or is a number, never another kind of error."""
    path = tmp_path / f"mine{suffix}"
    np.save(path, PRESSURE) if suffix == ".npy" else WRITERS[suffix](path)
    whole = path.read_bytes()
    for i, place in enumerate(np.linspace(0, len(whole) - 1, 12).astype(int)):
        path.write_bytes(whole[:place])
        with pytest.raises(BeableError):
            import_file(path, tmp_path / f"cut{i}.zarr")
        bent = bytearray(whole)
        bent[place] ^= 0x55
        path.write_bytes(bent)
        with suppress(BeableError):
            import_file(path, tmp_path / f"bent{i}.zarr", variables=["pressure"] if suffix != ".npy" else None)


@pytest.mark.parametrize(
    ("suffix", "name", "extra"),
    [
        (".parquet", "pandas", "tables"),
        (".xlsx", "pandas", "tables"),
        (".h5", "h5py", "hdf5"),
        (".nc", "xarray", "xarray"),
        (".zarr", "xarray", "xarray"),
        (".zarr", "zarr", "xarray"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch, suffix, name, extra):
    WRITERS.get(suffix, lambda path: path.write_bytes(b"PAR1"))(tmp_path / f"mine{suffix}")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"{name} is not installed: pip install 'beable\[{extra}\]'"):
        import_file(tmp_path / f"mine{suffix}", tmp_path / "store.zarr")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"variables": ["presure"]}, UsageError, "did you mean 'pressure'? known: flux, load, pressure, theta"),
        ({"factors": ["thetta"]}, UsageError, "did you mean 'theta'?"),
        ({"factors": ["flux"]}, DataError, "one number a row, or (rows, factors)"),
        ({"units": {"presure": "Pa"}}, UsageError, "did you mean 'pressure'?"),
    ],
)
def test_what_the_file_does_not_hold_is_named(tmp_path, options, kind, words):
    as_npz(tmp_path / "mine.npz")
    with pytest.raises(BeableError) as caught:
        import_file(tmp_path / "mine.npz", tmp_path / "store.zarr", **options)
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_paths_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"unknown kind of file '\.mat'"):
        import_file(tmp_path / "mine.mat", tmp_path / "store.zarr")
    with pytest.raises(UsageError, match="no such file"):
        import_file(tmp_path / "mine.npz", tmp_path / "store.zarr")
    as_npz(tmp_path / "mine.npz")
    with pytest.raises(OutputError, match="exists already"):
        import_file(tmp_path / "mine.npz", tmp_path)
    Store.from_arrays(tmp_path / "store.zarr", {"pressure": PRESSURE})
    pytest.importorskip("xarray")
    with pytest.raises(UsageError, match="a beable data set already"):
        import_file(tmp_path / "store.zarr", tmp_path / "again.zarr")


def test_two_arrays_of_one_name_are_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", **{"u-x": PRESSURE, "u_x": PRESSURE})
    with pytest.raises(DataError, match="rename one"):
        import_file(tmp_path / "mine.npz", tmp_path / "store.zarr")


def test_the_verb_prints_what_came_of_it(tmp_path, capsys):
    as_npz(tmp_path / "mine.npz")
    import_(tmp_path / "mine.npz", output=tmp_path / "store.zarr", factors=["theta"], units=["flux=m s-1"], json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == ROWS
    assert told["variables"] == ["pressure", "flux", "load"]
    assert told["factors"] == ["theta_1", "theta_2"]
    assert Store.open(told["path"]).variables[1].unit == "m s-1"
    with pytest.raises(UsageError, match="such as pressure=Pa"):
        import_(tmp_path / "mine.npz", output=tmp_path / "again.zarr", units=["flux"])
