"""HDF5 files, opened once it is known that the library comes to an end with them.

Strings of any length lie in collections of objects, each of which begins with ``GCOL`` (HDF5 File Format Specification
3.0, III.E). Of what is free there the library reads the size and goes on behind it: a free piece of no bytes, as damage
may leave it, keeps HDF5 2.0 at the same place for ever, where neither Ctrl-C nor a signal reaches Python.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beable.checks import library
from beable.errors import DataError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
COLLECTION, VERSION = b"GCOL", b"\x01\x00\x00\x00"
#: of a collection, and of an object in it: number, references, nothing, size
HEAD, OBJECT = struct.Struct("<4s4sQ"), struct.Struct("<HHIQ")
#: bytes at both ends of a file in which collections are looked for
SEARCHED = 1 << 28
#: bytes of it that are in memory at once, whole pages
PIECE = 1 << 24


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5: its signature stands at byte 0, 512, 1024, …, behind what a program has put before it.

    >>> is_hdf5(Path(__file__))
    False
    """
    with path.open("rb") as file:
        size, at = path.stat().st_size, 0
        while at < size:
            file.seek(at)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            at = 2 * at or 512
    return False


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file to read from.

    Raises:
        DataError: the library would not come to an end.
        UsageError: h5py is not installed.
    """
    h5py = library("h5py", "hdf5")
    refuse_endless(path)
    with h5py.File(path, "r", locking=False) as file:
        yield file


def refuse_endless(path: Path) -> None:
    """Look through the collections of strings of a file.

    Raises:
        DataError: one holds a free piece of no bytes.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for begin, end in _pieces(len(data)):
            at = data.find(COLLECTION, begin, end + len(COLLECTION) - 1)
            while at >= 0:
                if _is_endless(data, at):
                    raise DataError(
                        f"{path}: damaged: free space of no bytes among its strings, at byte {at}, which the HDF5 "
                        "library would read for ever: restore it from a copy"
                    )
                at = data.find(COLLECTION, at + len(COLLECTION), end + len(COLLECTION) - 1)
            if hasattr(mmap, "MADV_DONTNEED"):
                data.madvise(mmap.MADV_DONTNEED, begin, end - begin)  # what was searched need not stay in memory


def _pieces(size: int) -> Iterator[tuple[int, int]]:
    """Where collections are looked for, one piece after the other: everywhere, or at both ends of a large file."""
    for begin in range(0, size, PIECE):
        if begin < SEARCHED or begin + PIECE > size - SEARCHED:
            yield begin, min(begin + PIECE, size)


def _is_endless(data: mmap.mmap, start: int) -> bool:
    """Whether what begins there is a collection with a free piece of no bytes."""
    if start + HEAD.size > len(data):
        return False
    _, version, size = HEAD.unpack_from(data, start)
    at, end = start + HEAD.size, start + size
    if version != VERSION or end > len(data):
        return False
    while at + OBJECT.size <= end:
        number, _, _, length = OBJECT.unpack_from(data, at)
        if not number and not length:
            return True
        at += OBJECT.size + -(-length // 8) * 8 if number else length
    return False


def refuse_elsewhere(path: Path) -> None:
    """Refuse a file that takes numbers from another file: by a link, as external storage or as a virtual array.

    Raises:
        DataError: naming the array.
        UsageError: h5py is not installed.
    """
    with opened_hdf5(path) as file:
        for name, where in _elsewhere(library("h5py", "hdf5"), file, "", {0}):
            raise DataError(f"{path}: {name} takes its numbers from {where}: copy them into the file")


def _elsewhere(h5py: Any, group: Any, place: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Arrays and groups below a group that lie in another file, and where."""
    for key in group:
        name, link = f"{place}{key}", group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield name, f"the file {link.filename}"
            continue
        item = group.get(key)
        if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
            yield name, "other files"
        elif isinstance(item, h5py.Group) and (address := h5py.h5o.get_info(item.id).addr) not in seen:
            seen.add(address)
            yield from _elsewhere(h5py, item, f"{name}/", seen)
