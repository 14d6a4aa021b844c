"""Whole numbers that floating-point ones would round: refused by name in files of every kind, or taken as classes."""

from functools import partial

import h5py
import numpy as np
import pytest

from beable.datasets.importing import import_file
from beable.datasets.sources import are_exact, exact
from beable.datasets.store import Store
from beable.errors import DataError

LONG = 2**53 + 1
FEW = [LONG, LONG + 1, LONG, 7]
SIZES = [0.5, 1.5, 2.5, 4.5]


def csv(path, ids):
    path.write_text("size,ident\n" + "".join(f"{s},{i}\n" for s, i in zip(SIZES, ids, strict=True)))


def spaced(path, ids):
    path.write_text("size ident\n" + "".join(f"{s} {i}\n" for s, i in zip(SIZES, ids, strict=True)))


def parquet(path, ids, dtype="int64"):
    pytest.importorskip("pyarrow")
    import pandas

    pandas.DataFrame({"size": SIZES, "ident": pandas.array(ids, dtype)}).to_parquet(path)


def arrays(path, ids):
    np.savez(path, size=SIZES, ident=np.array(ids))


def hdf5(path, ids):
    with h5py.File(path, "w") as file:
        file["size"], file["ident"] = SIZES, np.array(ids)
        file["ident"].attrs["_FillValue"] = np.int64(-1)


KINDS = {
    "a.csv": csv,
    "a.dat": spaced,
    "a.parquet": parquet,
    "b.parquet": partial(parquet, dtype="Int64"),
    "a.npz": arrays,
    "a.h5": hdf5,
}
#: those without a fill value, with which numbers are floating-point ones before anything is asked
PLAIN = [name for name in KINDS if name != "a.h5"]


@pytest.mark.parametrize("name", KINDS)
def test_they_are_refused_by_name(tmp_path, name):
    path, out = tmp_path / name, tmp_path / "out.zarr"
    KINDS[name](path, FEW)
    with pytest.raises(DataError, match=r"ident.*(more digits than are kept, such as 9007199254740993|too large)"):
        import_file(path, out)
    assert not out.exists()
    import_file(path, tmp_path / "without.zarr", exclude=["ident"])


@pytest.mark.parametrize("name", KINDS)
def test_those_that_are_kept_whole_are_taken(tmp_path, name):
    path, out = tmp_path / name, tmp_path / "out.zarr"
    ids = [2**53, 2**60, 2**53 + 2, -(2**53) - 2]
    KINDS[name](path, ids)
    import_file(path, out)
    assert Store.open(out).read("ident").tolist() == [float(i) for i in ids]


@pytest.mark.parametrize("name", PLAIN)
def test_they_are_distinct_as_classes(tmp_path, name):
    path, out = tmp_path / name, tmp_path / "out.zarr"
    KINDS[name](path, FEW)
    import_file(path, out, classes=["ident"])
    store = Store.open(out)
    assert store.read("ident").tolist() == [1, 2, 1, 0]
    assert {v.name: v for v in store.variables}["ident"].classes == ("7", str(LONG), str(LONG + 1))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("gone", [2**63 - 1, -(2**63)])
def test_one_that_stands_for_a_missing_number_is_none_of_them(tmp_path, name, gone):
    path, out = tmp_path / name, tmp_path / "out.zarr"
    KINDS[name](path, [gone, 1, 5, 3])
    import_file(path, out, missing_values=[str(gone)], missing="keep")
    np.testing.assert_array_equal(Store.open(out).read("ident"), [np.nan, 1, 5, 3])


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_those_beside_a_missing_number_are_refused_too(tmp_path, name):
    path = tmp_path / name
    KINDS[name](path, [-1, LONG, 5, 3])
    with pytest.raises(DataError, match=r"ident.*too large"):
        import_file(path, tmp_path / "out.zarr", missing_values=["-1"], missing="keep")


def test_numbers_with_a_point_are_rounded_as_ever(tmp_path):
    path, out = tmp_path / "a.csv", tmp_path / "out.zarr"
    csv(path, ["1e20", "3.14159265358979323846", "9007199254740993.0", "2.5"])
    import_file(path, out)
    assert Store.open(out).read("ident")[1] == np.pi


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.int8])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_exact_is_what_python_says(dtype, kind):
    rng, edge = np.random.default_rng(0), np.iinfo(dtype)
    drawn = [
        int(v) >> int(s) << int(s)
        for v, s in zip(rng.integers(0, edge.max, 200, dtype), rng.integers(0, 40, 200), strict=True)
    ]
    for value in [edge.min, edge.max, 0, 1, *drawn]:
        same = int(kind(value)) == value
        assert are_exact(np.array([value], dtype), kind) == same, value
        if not same:
            with pytest.raises(DataError, match="n: integers too large"):
                exact("n", np.array([0, value], dtype), kind)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_classes_of_numbers_have_the_digits_that_were_written(tmp_path, dtype):
    path, out = tmp_path / "a.npz", tmp_path / "out.zarr"
    np.savez(path, size=SIZES, level=np.array([0.1, -999, 2, 0.1], dtype))
    import_file(path, out, classes=["level"], missing_values=["-999"], missing="keep")
    level = {v.name: v for v in Store.open(out).variables}["level"]
    assert level.classes == ("0.1", "2")
    np.testing.assert_array_equal(Store.open(out).read("level"), [0, np.nan, 1, 0])
