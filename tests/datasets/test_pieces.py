"""Files are read piece by piece: the same data set whatever the size of a piece, and no more than is asked for."""

import zipfile

import field_files
import numpy as np
import pytest

from beable.datasets import sources
from beable.datasets.arranged import boxes
from beable.datasets.importing import import_file
from beable.datasets.layout import MANY_ROWS, block_rows
from beable.datasets.readers import READERS
from beable.datasets.sources import LazyRows, Loader, joined_rows, ranged
from beable.errors import DataError
from beable.simulator import Variable

RNG = np.random.default_rng(0)
HEAT = RNG.normal(size=(70, 6, 5)).astype("f4")


def written(folder):
    """One file of each kind that is read piece by piece, with what the user says of it."""
    np.save(folder / "plain.npy", HEAT)
    np.save(folder / "turned.npy", np.asfortranarray(HEAT))
    np.savez(folder / "stored.npz", heat=HEAT, count=np.arange(70))
    np.savez_compressed(folder / "packed.npz", heat=HEAT, count=np.arange(70))
    (folder / "table.csv").write_text("a,b\n" + "".join(f"{i},{i / 8}\n" for i in range(70)))
    files = {name: {} for name in ("plain.npy", "turned.npy", "stored.npz", "packed.npz", "table.csv")}
    try:
        import h5py  # noqa: F401
    except ImportError:
        return files
    field_files.well(folder / "well.hdf5")
    field_files.pdebench_flow(folder / "flow.hdf5")
    return files | {"well.hdf5": {}, "flow.hdf5": {"time": "every=2"}}


def test_pieces_of_any_size_give_the_same_bytes(tmp_path, monkeypatch):
    for name, said in written(tmp_path).items():
        whole = import_file(tmp_path / name, tmp_path / f"{name}.whole.zarr", **said)
        with monkeypatch.context() as small:
            small.setattr(sources, "PIECE_BYTES", 700)
            pieces = import_file(tmp_path / name, tmp_path / f"{name}.pieces.zarr", **said)
        assert pieces.id == whole.id, name


def test_several_files_are_read_one_after_the_other(tmp_path, monkeypatch):
    for i, rows in enumerate(np.split(HEAT, [20, 50])):
        np.savez(tmp_path / f"part_{i}.npz", heat=rows)
    whole = import_file(tmp_path / "part_*.npz", tmp_path / "whole.zarr")
    monkeypatch.setattr("beable.datasets.importing.KEPT_BYTES", 0)
    monkeypatch.setattr(sources, "PIECE_BYTES", 3000)
    assert import_file(tmp_path / "part_*.npz", tmp_path / "pieces.zarr").id == whole.id
    assert np.array_equal(whole.read("heat"), HEAT)


def test_only_the_rows_that_are_asked_for_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", heat=HEAT)
    with READERS[".npz"](tmp_path / "a.npz") as contents:
        load = contents.sources["heat"].load
        assert np.array_equal(load.part({0: slice(10, 12)}), HEAT[10:12])
        assert np.array_equal(load.part({0: slice(2, 9, 3), 2: slice(1, 3)}), HEAT[2:9:3, :, 1:3])
        assert np.array_equal(load(), HEAT)


def test_a_damaged_archive_is_told_and_leaves_nothing(tmp_path):
    np.savez(tmp_path / "a.npz", heat=HEAT)
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        start = file.infolist()[0].header_offset + 400
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[start] ^= 255
    (tmp_path / "a.npz").write_bytes(bytes(data))
    with pytest.raises(DataError, match="CRC"):
        import_file(tmp_path / "a.npz", tmp_path / "store.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_ranges_of_rows_of_several_axes_follow_each_other():
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    for start in range(24):
        for stop in range(start + 1, 25):
            found = [array[ranges].reshape(-1, 5) for ranges in boxes(start, stop, (2, 3, 4))]
            assert np.array_equal(np.concatenate(found), array.reshape(-1, 5)[start:stop])


def test_changes_of_an_array_hold_for_its_ranges():
    array = np.arange(24.0).reshape(4, 3, 2)
    load = Loader.of(array).then(lambda a: 2 * a).then(lambda a: a[:, ::-1], {0: 0, 2: 2})
    assert np.array_equal(load.part({0: slice(1, 3), 1: slice(0, 1)}), (2 * array[:, ::-1])[1:3, 0:1])
    read = []
    once = ranged(lambda: read.append(1) or array)
    assert np.array_equal(once.part({0: slice(2)}), array[:2])
    assert np.array_equal(once(), array)
    assert read == [1]


def test_rows_that_are_read_when_needed_are_read_in_pieces():
    asked = []
    rows = LazyRows(HEAT.shape, HEAT.dtype, lambda a, b: asked.append((a, b)) or HEAT[a:b], 10 * 240)
    blocks = [rows[i : i + 4] for i in range(0, 70, 4)]
    assert np.array_equal(np.concatenate(blocks), HEAT)
    assert max(b - a for a, b in asked) == rows.piece
    both = joined_rows([rows, LazyRows.over(HEAT[:3].astype("f8"))])
    assert both.dtype == np.float64
    assert np.array_equal(both[68:72], np.concatenate([HEAT[68:], HEAT[:2]]))


def test_tables_of_many_rows_are_not_many_files():
    number = [Variable("a", (), ())]
    assert block_rows(number, MANY_ROWS - 1) == 256
    assert block_rows(number, 10**6) == 4096
