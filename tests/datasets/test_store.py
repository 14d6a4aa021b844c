"""The store: what goes in comes out, through zarr and xarray too; damage is found before a number is used."""

import json
import random
import shutil
import sys
import time
import warnings

import google_crc32c
import numpy as np
import pytest

from beable.datasets import store as store_module
from beable.datasets.layout import ArrayLayout, block_rows
from beable.datasets.store import Store, verify
from beable.errors import CorruptError, DataError, OutputError, UsageError
from beable.files import artefacts, disk, json_files
from beable.simulator import Factor, Variable

ROWS, GRID = 22, (6, 5)


def arrays(rows=ROWS):
    rng = np.random.default_rng(1)
    return {
        "pressure": rng.normal(size=(rows, *GRID)).astype(np.float32),
        "flux": rng.normal(size=(rows, 2, *GRID)),
        "heat": np.arange(rows),
    }


def causes(rows=ROWS):
    return {"wind": np.linspace(0, 1, rows), "rain": np.arange(rows)}


def make(path, **options):
    given = {"units": {"pressure": "Pa", "wind": "m s-1"}, "symbols": {"wind": "w"}, "block": 8}
    given |= {"coordinates": {"x": (np.linspace(0, 1, GRID[0]), "m")}, "title": "Weather"}
    return Store.from_arrays(path, arrays(), causes(), **(given | options))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data") / "weather.zarr").path


@pytest.fixture
def store(original, tmp_path):
    """A store of its own for a test to spoil."""
    return Store.open(shutil.copytree(original, tmp_path / "weather.zarr"))


# --- what goes in comes out --------------------------------------------------------------------------------------


def test_arrays_come_back_with_names_and_units(store):
    for name, values in arrays().items():
        assert np.array_equal(store.read(name), values)
    assert [(v.name, v.dims, v.shape, v.unit, v.dtype) for v in store.variables] == [
        ("pressure", ("x", "y"), GRID, "Pa", "float32"),
        ("flux", ("component", "x", "y"), (2, *GRID), "1", "float64"),
        ("heat", (), (), "1", "float32"),
    ]
    assert store.factors == (Factor("wind", "w", "m s-1"), Factor("rain", "rain"))
    assert np.array_equal(store.factor_values, np.stack(list(causes().values()), axis=1))
    assert store.coordinates.keys() == {"x"}
    assert store.coordinates["x"][1] == "m"
    assert (store.rows, store.title, store.seed, store.simulator, store.settings) == (ROWS, "Weather", None, None, {})
    assert store.failures == {}
    assert np.array_equal(store.valid_rows, np.arange(ROWS))
    assert store.verify() == []


def test_the_same_arrays_give_the_same_identity(store, tmp_path):
    assert make(tmp_path / "again.zarr").id == store.id
    assert make(tmp_path / "other.zarr", units={"pressure": "bar"}).id != store.id


def test_info_goes_into_json(store):
    info = json.loads(json.dumps(store.info(), allow_nan=False))
    assert info["rows"] == ROWS
    assert info["variables"][0]["unit"] == "Pa"
    assert info["factors"][0] == {"name": "wind", "symbol": "w", "unit": "m s-1", "low": None, "high": None}
    assert (
        info["bytes"]
        == sum(p.stat().st_size for p in store.path.rglob("*") if p.is_file())
        - (store.path / "manifest.json").stat().st_size
    )


@pytest.mark.parametrize(
    "rows", [[0], [21, 0, 8, 7, 8], [], slice(3, 17, 5), slice(None), np.arange(ROWS) % 3 == 0, np.array([9], np.uint8)]
)
def test_rows_are_read_in_any_order(store, rows):
    for name, values in arrays().items():
        found = store.read(name, rows)
        assert np.array_equal(found, values[rows])
        assert found.flags.writeable
        assert found.flags.c_contiguous


@pytest.mark.parametrize("rows", [[-1], [ROWS], [[0]], [0.0], np.ones(3, bool), ["a"], 3])
def test_rows_that_are_not_there_are_refused(store, rows):
    with pytest.raises(DataError, match="rows"):
        store.read("flux", rows)


def test_a_misspelt_variable_is_guessed(store):
    with pytest.raises(UsageError, match="did you mean 'flux'"):
        store.read("fluks")


def test_zarr_reads_the_same_numbers(store):
    zarr = pytest.importorskip("zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group = zarr.open_group(store.path, mode="r", zarr_format=3)
        for name, values in arrays().items():
            assert np.array_equal(group[name][:], values)
            assert group[name].shape == values.shape
        assert group["pressure"].attrs["units"] == "Pa"
        assert np.isnan(group["pressure"].fill_value)
    flip(store.path / "flux/c.1.0.0.0", 99)
    with pytest.raises(ValueError, match="checksum"):
        group["flux"][:]


def test_xarray_opens_it_with_dimensions_coordinates_and_units(store):
    xarray = pytest.importorskip("xarray")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = xarray.open_zarr(store.path)
        named = store.to_xarray()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Object at manifest.json")  # zarr's remark on every file not its own
        plain = xarray.open_zarr(store.path, consolidated=False)
    assert plain.identical(data)
    assert dict(data.sizes) == {"row": ROWS, "x": 6, "y": 5, "component": 2, "factor": 2}
    assert (data.pressure.attrs["units"], data.x.attrs["units"], data.attrs["title"]) == ("Pa", "m", "Weather")
    assert np.isnan(data.pressure.encoding["_FillValue"])
    assert list(data.coords) == ["factor", "x"]
    assert np.array_equal(named.factors.sel(factor="rain"), causes()["rain"])
    assert list(named) == ["pressure", "flux", "heat", "factors"]
    for name, values in arrays().items():
        assert np.array_equal(data[name], values)
    assert all(isinstance(a, str | int | float) for v in (named, *named.values()) for a in v.attrs.values())


@pytest.mark.parametrize("missing", ["xarray", "zarr"])
def test_what_xarray_needs_is_named_where_it_is_missing(store, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    assert np.array_equal(store.read("heat"), np.arange(ROWS))
    with pytest.raises(UsageError, match=rf"{missing} is not installed: pip install 'beable\[xarray\]'"):
        store.to_xarray()


def test_reading_costs_little_more_than_the_bytes_and_their_checksums(tmp_path):
    """CPU time of 512 rows of 2 × 65 × 65 numbers, the least of three."""
    flux = np.random.default_rng(0).normal(size=(512, 2, 65, 65)).astype(np.float32)
    path = Store.from_arrays(tmp_path / "fast.zarr", {"flux": flux}).path
    store = Store.open(path)

    def plain():
        for chunk in (path / "flux").glob("c*"):
            google_crc32c.value(chunk.read_bytes())

    assert np.array_equal(store.read("flux"), flux)
    assert cpu_seconds(lambda: store.read("flux")) < 6 * cpu_seconds(plain)


def cpu_seconds(work):
    """The least of three."""
    found = []
    for _ in range(3):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


@pytest.mark.parametrize(
    ("shape", "rows", "expected"),
    [
        ((2, 65, 65), 1024, 64),
        ((), 10**5, 256),
        ((), 10**6, 4096),
        ((128, 128, 128), 64, 1),
        ((65, 65), 8, 8),
        ((65, 65), 1024, 64),
        ((65, 65), 9000, 128),
    ],
)
def test_a_block_is_at_most_four_megabytes(shape, rows, expected):
    assert block_rows([Variable("field", tuple("abc"[: len(shape)]), shape)], rows) == expected


# --- arrays that cannot be snapshots -----------------------------------------------------------------------------


def with_nan(row):
    bad = arrays()
    bad["pressure"][row, 2, 3] = np.nan
    return bad


BAD = {
    "nothing": ({}, {}, DataError, "no arrays"),
    "no rows": ({"a": np.empty((0, 3))}, {}, DataError, "at least one row"),
    "empty fields": ({"a": np.empty((3, 0))}, {}, DataError, "one number a row"),
    "one number": ({"a": 3.0}, {}, DataError, "at least one row"),
    "other rows": ({"a": np.ones(3), "b": np.ones(4)}, {}, DataError, "a 3, b 4"),
    "words": ({"a": ["x", "y"]}, {}, DataError, "a: <U1"),
    "objects": ({"a": [None, 1]}, {}, DataError, "a: object"),
    "complex": ({"a": np.ones(3, complex)}, {}, DataError, "a: complex128"),
    "dates": ({"a": np.zeros(3, "M8[s]")}, {}, DataError, "a: datetime64"),
    "long doubles": ({"a": np.ones(3, np.longdouble)}, {}, DataError, "at most 64 bits"),
    "huge integers": ({"a": np.array([2**62 + 1])}, {}, DataError, "too large"),
    "NaN": (with_nan(7), {}, DataError, "1 of 22 rows.*row 7: not finite: pressure"),
    "infinite": ({"a": [1.0, np.inf]}, {}, DataError, "row 1: not finite: a"),
    "only NaN": ({"a": [np.nan, np.nan]}, {}, DataError, "no row is usable"),
    "NaN factor": ({"a": np.ones(2)}, {"f": [1.0, np.nan]}, DataError, "row 1: not finite: factors"),
    "factor of many numbers": ({"a": np.ones(2)}, {"f": np.ones((2, 2))}, DataError, "one number a row"),
    "odd name": ({"my field": np.ones(2)}, {}, UsageError, "my field"),
    "path as name": ({"../a": np.ones(2)}, {}, UsageError, "letters"),
    "taken name": ({"factors": np.ones(2)}, {}, UsageError, "another meaning"),
    "name of a dimension": ({"x": np.ones((2, 3))}, {}, UsageError, "another meaning"),
    "many dimensions": ({"a": np.ones((2, 1, 1, 1, 1))}, {}, UsageError, "name its 4 dimensions"),
}


@pytest.mark.parametrize("bad", BAD)
def test_arrays_that_cannot_be_snapshots_are_refused(tmp_path, bad):
    given, factors, error, words = BAD[bad]
    with pytest.raises(error, match=words) as caught:
        Store.from_arrays(tmp_path / "bad.zarr", given, factors)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"units": {"presure": "Pa"}}, "did you mean 'pressure'"),
        ({"dims": {"flux": ("x",)}}, "do not fit"),
        ({"dims": {"flux": ("row", "x", "y")}}, "another meaning"),
        ({"dims": {"flux": ("y", "x", "z"), "pressure": ("y", "x")}}, "elsewhere"),
        ({"coordinates": {"x": (np.arange(3), "m")}}, "coordinate 'x'"),
        ({"coordinates": {"w": (np.arange(3), "m")}}, "coordinate 'w'"),
        ({"block": 0}, "block"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        make(tmp_path / "bad.zarr", **options)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_not_finite_can_be_kept_out_by_name(tmp_path):
    given = with_nan(7)
    store = Store.from_arrays(tmp_path / "some.zarr", given, causes(), allow_failed=True)
    assert store.failures == {7: "not finite: pressure"}
    assert np.array_equal(store.valid_rows, np.delete(np.arange(ROWS), 7))
    assert np.isnan(store.read("flux", [7])).all()
    assert np.array_equal(store.read("flux", store.valid_rows), given["flux"][store.valid_rows])


def test_the_arrays_given_are_left_as_they_were(tmp_path):
    given, before = with_nan(7), with_nan(7)
    Store.from_arrays(tmp_path / "some.zarr", given, allow_failed=True)
    assert all(np.array_equal(given[name], before[name], equal_nan=True) for name in given)


def test_a_folder_that_exists_is_left_alone(store):
    with pytest.raises(OutputError, match="exists already"):
        make(store.path)
    assert Store.open(store.path).id == store.id


@pytest.mark.parametrize(
    "values",
    [
        np.asfortranarray(np.arange(60.0).reshape(4, 3, 5)),
        np.arange(120.0).reshape(4, 3, 10)[:, :, ::-2],
        np.arange(60).reshape(4, 3, 5).astype(">f8"),
        np.arange(60).reshape(4, 3, 5).astype(np.float16),
        np.arange(60, dtype=np.int64).reshape(4, 3, 5) * 2**30,
        (np.arange(60) % 2 == 0).reshape(4, 3, 5),
    ],
)
def test_any_layout_and_number_format_is_stored_exactly(tmp_path, values):
    found = Store.from_arrays(tmp_path / "a.zarr", {"a": values}).read("a")
    assert np.array_equal(found, values)
    assert found.dtype in (np.float32, np.float64)


# --- what is not a whole store -----------------------------------------------------------------------------------


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def incomplete(store):
    (store.path / "manifest.json").unlink()
    (store.path / "done/1.json").unlink()


def of_version(version):
    def change(store):
        path = store.path / "manifest.json"
        body = json.loads(path.read_text())
        reseal(path, body | {"version": version})

    return change


def reseal(path, body):
    body = {key: value for key, value in body.items() if key != "sha256"}
    own = artefacts.sha256(json_files.encode_json(body, path))
    path.write_bytes(json_files.encode_json(body | {"sha256": own}, path))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: shutil.rmtree(s.path), "no such folder"),
        (lambda s: (shutil.rmtree(s.path), s.path.write_text("x")), "a file, not a data set"),
        (lambda s: (shutil.rmtree(s.path), s.path.mkdir()), "not a beable data set"),
        (lambda s: [(s.path / n).unlink() for n in ("manifest.json", "zarr.json")], "not a beable data set"),
        (incomplete, r"incomplete, 16 of 22 rows and no manifest\.json"),
        (of_version(2), "version 2, this beable reads version 1"),
        (lambda s: artefacts.seal(s.path, "beable-run", 1, {}), "a beable-run where a beable-store"),
        (lambda s: (s.path / "flux/c.2.0.0.0").write_bytes(b"x"), r"flux/c\.2\.0\.0\.0: 1 bytes instead of 3844"),
        (lambda s: (s.path / "pressure/c.0.0.0").unlink(), r"pressure/c\.0\.0\.0: missing"),
        (lambda s: flip(s.path / "flux/zarr.json", 200), r"flux/zarr\.json: sha256"),
        (lambda s: flip(s.path / "manifest.json", 900), "manifest.json"),
    ],
)
def test_what_is_not_a_whole_store_is_not_opened(store, spoil, words):
    spoil(store)
    with pytest.raises((UsageError, CorruptError), match=words) as caught:
        Store.open(store.path)
    assert "\n" not in str(caught.value)
    assert str(store.path) in str(caught.value)
    assert verify(store.path) != []


def data_files(path):
    return sorted(p for p in path.rglob("*") if p.is_file())


def damage(path, kind, rng):
    data = path.read_bytes()
    if kind == "flip":
        flip(path, rng.randrange(8 * len(data)))
    elif kind == "truncate":
        path.write_bytes(data[: rng.randrange(len(data))])
    elif kind == "delete":
        path.unlink()
    elif kind == "append":
        path.write_bytes(data + rng.randbytes(rng.randint(1, 9)))
    else:
        path.write_bytes(bytes(len(data)))


def swap(first, second):
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)


KINDS = ("flip", "truncate", "delete", "append", "zero", "swap")


def test_sixty_damages_are_all_found_and_named(store, original):
    """Sizes alone, the control, miss flips and swaps."""
    rng, missed_by_size = random.Random(5), 0
    everything = data_files(store.path)
    chunks = [p for p in everything if p.name.startswith("c.")]
    for i in range(60):
        kind = KINDS[i % len(KINDS)]
        spoilt = [rng.choice(everything)]
        if kind == "swap":
            one = rng.choice(chunks)
            spoilt = [one, rng.choice([p for p in chunks if p.read_bytes() != one.read_bytes()])]
            swap(*spoilt)
        else:
            damage(spoilt[0], kind, rng)
        problems = verify(store.path)
        for path in spoilt:
            name = path.relative_to(store.path).as_posix()
            assert any(name in problem for problem in problems), (kind, name, problems)
        assert all("remove" in p or "restore" in p or "again" in p for p in problems), problems
        missed_by_size += not artefacts.size_problems(store.path, store._manifest.files)
        for path in spoilt:
            shutil.copyfile(original / path.relative_to(store.path), path)
    assert verify(store.path) == []
    assert missed_by_size > 15


@pytest.mark.parametrize("kind", ["flip", "zero", "swap"])
def test_no_number_of_a_damaged_chunk_is_ever_given(store, kind):
    """A swap of two whole chunks passes the crc32c and is seen by the sha256."""
    first, second = (store.path / f"flux/c.{i}.0.0.0" for i in (0, 1))
    if kind == "swap":
        swap(first, second)
    else:
        damage(second, kind, random.Random(0))
    opened = Store.open(store.path)
    with pytest.raises(CorruptError, match=r"flux/c\.1\.0\.0\.0"):
        opened.read("flux", [8])
    assert np.array_equal(opened.read("flux", [17]), arrays()["flux"][[17]])
    assert np.array_equal(opened.read("pressure"), arrays()["pressure"])


def test_a_chunk_that_is_spoilt_after_it_was_read_is_seen_too(store):
    store.read("flux")
    flip(store.path / "flux/c.1.0.0.0", 1000)
    with pytest.raises(CorruptError, match=r"flux/c\.1\.0\.0\.0: its crc32c"):
        store.read("flux")


# --- stores made to harm -----------------------------------------------------------------------------------------


def rewrite(store, name, change):
    """Change a zarr.json and seal the store again, so that all sums are right."""
    path = store.path / name
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))
    artefacts.seal(store.path, "beable-store", 1, dict(store._manifest.about))


HOSTILE = {
    "more rows than chunks": ("flux/zarr.json", lambda t: t["shape"].__setitem__(0, 10**12)),
    "larger chunks": (
        "flux/zarr.json",
        lambda t: t["chunk_grid"]["configuration"]["chunk_shape"].__setitem__(0, 10**9),
    ),
    "larger fields": ("flux/zarr.json", lambda t: t.update(shape=[22, 2, 10**6, 10**6])),
    "negative": ("flux/zarr.json", lambda t: t["shape"].__setitem__(1, -2)),
    "truth as length": ("flux/zarr.json", lambda t: t["shape"].__setitem__(1, True)),
    "objects": ("flux/zarr.json", lambda t: t.update(data_type="object")),
    "other numbers": ("flux/zarr.json", lambda t: t.update(data_type="float32")),
    "compressed": ("flux/zarr.json", lambda t: t["codecs"].append({"name": "zstd"})),
    "pickled": ("flux/zarr.json", lambda t: t.update(codecs=[{"name": "numcodecs.pickle"}])),
    "unsummed": ("flux/zarr.json", lambda t: t["codecs"].pop()),
    "other keys": ("flux/zarr.json", lambda t: t.pop("chunk_key_encoding")),
    "no attributes": ("flux/zarr.json", lambda t: t.pop("attributes")),
    "no list": ("flux/zarr.json", lambda t: t.update(shape=7)),
    "not a tree": ("factors/zarr.json", lambda t: t["attributes"].update(ranges=[[1]])),
    "fewer names": ("factors/zarr.json", lambda t: t["attributes"]["names"].pop()),
    "strange variables": ("zarr.json", lambda t: t["attributes"].update(variables=["nothing"])),
    "strange rows": ("zarr.json", lambda t: t["attributes"].update(rows=23)),
    "no group": ("zarr.json", lambda t: t.pop("attributes")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_store_whose_sums_are_right_but_whose_words_are_not_is_refused(store, name):
    rewrite(store, *HOSTILE[name])
    with pytest.raises(CorruptError) as caught:
        Store.open(store.path)
    assert "\n" not in str(caught.value)
    assert verify(store.path) != []


def test_failures_of_rows_that_are_not_there_are_refused(store):
    artefacts.seal(store.path, "beable-store", 1, {"title": "", "rows": ROWS, "failures": {"22": "x"}})
    with pytest.raises(CorruptError, match="failures"):
        Store.open(store.path)


def test_a_link_in_place_of_a_chunk_is_not_followed(store, tmp_path):
    chunk = store.path / "flux/c.0.0.0.0"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptError, match="link"):
        Store.open(store.path)


def test_numbers_of_a_chunk_are_little_endian_and_end_with_their_sum():
    layout = ArrayLayout("a", ("row", "x"), (3, 2), 2, "float32", {})
    data = layout.encode(np.array([[1.0, 2.0]], ">f4"))
    assert data[:16] == np.array([1, 2, np.nan, np.nan], "<f4").tobytes()
    assert len(data) == layout.chunk_bytes == 20
    assert layout.file(1) == "a/c.1.0"
    assert layout.chunks == 2
    with pytest.raises(ValueError, match="crc32c"):
        layout.decode(data[:-1] + b"\0")
    with pytest.raises(ValueError, match="19 bytes"):
        layout.decode(data[:-1])


def test_a_failure_names_variables_and_diagnostics(tmp_path):
    variables = (Variable("p", (), ()), Variable("q", ("x",), (2,)), Variable("r", (), (), diagnostic=True))
    layouts = {v.name: ArrayLayout(v.name, ("row", *v.dims), (3, *v.shape), 3, v.dtype, {}) for v in variables}
    blocks = store_module.Blocks(tmp_path, 3, 3, variables, layouts)
    for name in (*layouts, "done"):
        disk.make_folder(tmp_path / name)
    given = {"p": np.ones(3), "q": np.array([[1, 2], [1e300, 1], [1, 1]]), "r": np.array([np.nan, 3e-2, 0])}
    note = blocks.write(0, np.empty((3, 0)), given)
    assert note.failures == {"1": "not finite: q; r = 0.03"}
    assert np.isnan(layouts["p"].decode((tmp_path / "p/c.0").read_bytes())).tolist() == [False, True, False]
    assert np.isnan(layouts["r"].decode((tmp_path / "r/c.0").read_bytes())).tolist() == [True, False, False]
    assert blocks.done() == {0: note}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"p": np.ones(3)}, "missing or not in the data set: q"),
        ({"p": np.ones(3), "q": np.ones((3, 3))}, "q has shape"),
    ],
)
def test_arrays_other_than_planned_are_not_written(tmp_path, given, words):
    variables = (Variable("p", (), ()), Variable("q", ("x",), (2,)))
    layouts = {v.name: ArrayLayout(v.name, ("row", *v.dims), (3, *v.shape), 3, v.dtype, {}) for v in variables}
    with pytest.raises(DataError, match=words):
        store_module.Blocks(tmp_path, 3, 3, variables, layouts).write(0, np.empty((3, 0)), given)
    assert list(tmp_path.iterdir()) == []
