"""HDF5 files with which the library would not come to an end are refused before it sees them."""

import mmap
import struct

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets import hdf5_files
from beable.datasets.hdf5_files import HEAD, OBJECT, is_hdf5, opened_hdf5, refuse_endless
from beable.datasets.store import Store
from beable.errors import DataError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def file(tmp_path):
    """With a string of any length as an attribute."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as made:
        made["u"] = np.arange(24.0).reshape(6, 4)
        made["u"].attrs["units"] = "K"
    return path


def broken(path):
    """Free space behind the first string, of no bytes."""
    data = bytearray(path.read_bytes())
    start = data.index(b"GCOL")
    number, _, _, length = OBJECT.unpack_from(data, start + HEAD.size)
    free = start + HEAD.size + OBJECT.size + -(-length // 8) * 8
    assert (number, OBJECT.unpack_from(data, free)[0]) == (1, 0)
    struct.pack_into("<Q", data, free + 8, 0)
    path.write_bytes(data)
    return path


def test_an_honest_file_is_opened(file):
    with opened_hdf5(file) as opened:
        assert opened["u"].attrs["units"] == "K"


@pytest.mark.parametrize("before", [512, 2048])
def test_a_file_with_a_block_of_its_program_before_it_is_read(tmp_path, before):
    path = tmp_path / "from_matlab.h5"
    with h5py.File(path, "w", userblock_size=before) as made:
        made["u"] = np.arange(24.0).reshape(6, 4)
    assert is_hdf5(path)
    assert cli.run(["import", str(path), "-o", str(tmp_path / "out.zarr")]) == 0
    assert np.array_equal(Store.open(tmp_path / "out.zarr").read("u"), np.arange(24.0).reshape(6, 4))


@pytest.mark.parametrize("suffix", [".h5", ".nc", ".h5md"])
def test_free_space_of_no_bytes_is_refused_in_one_line(file, tmp_path, suffix, capsys):
    path = broken(file).rename(tmp_path / f"b{suffix}")
    assert cli.run(["import", str(path), "-o", str(tmp_path / "out.zarr")]) == DataError.exit_code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "free space of no bytes among its strings" in lines[0]
    assert not (tmp_path / "out.zarr").exists()


def test_large_files_are_searched_at_both_ends(file, tmp_path, monkeypatch):
    page = mmap.ALLOCATIONGRANULARITY
    monkeypatch.setattr(hdf5_files, "SEARCHED", page)
    monkeypatch.setattr(hdf5_files, "PIECE", page)
    begin = broken(file).read_bytes()
    start = begin.index(b"GCOL")
    for name, data in {
        "front": begin[start:] + bytes(5 * page),
        "border": bytes(page - 2) + begin[start : start + 4096] + bytes(5 * page),
        "end": bytes(5 * page) + begin[start : start + 4096],
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match="damaged"):
            refuse_endless(tmp_path / name)
    (tmp_path / "middle").write_bytes(bytes(2 * page) + begin[start : start + 4096] + bytes(3 * page))
    refuse_endless(tmp_path / "middle")


@pytest.mark.parametrize("data", [b"GCOL", b"GCOL\x01\0\0\0" + b"\xff" * 8, b"GCOL\x02\0\0\0" + bytes(64), b"x"])
def test_what_only_looks_like_a_collection_is_left_alone(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    refuse_endless(tmp_path / "a")
