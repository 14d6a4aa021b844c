"""Users' own files: which arrays they hold, and what is known about them.

A reader opens a file and says which arrays it holds, how large they are and what is known about them; numbers are
read only of those that are wanted. A file is somebody else's work and is believed in nothing: no pickles, no array
larger than its file can hold or than memory, no numbers from another file than the one that was named.
"""

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from beable.datasets.columns import Columns, Reading, column_names, contents_of_columns, read_text
from beable.datasets.labelled import Labelled, groups_in_doubt, is_number, joined_groups, opened
from beable.datasets.other_tables import frame
from beable.datasets.published import published
from beable.datasets.sources import UNKNOWN, Array, Contents, Source, fixed
from beable.errors import DataError

MEMORY_SHARE = 0.5
TEXT_GROWTH = 4  # a number of one digit and its comma become eight bytes
READING = Reading()


@contextmanager
def npy(path: Path) -> Iterator[Contents]:
    """One array, named after the file."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    source = Source(array.shape, array.dtype, lambda: np.array(array), axes=_nameless(array.shape))
    yield Contents({path.stem: source})


def _nameless(shape: Sequence[int]) -> tuple[str, ...]:
    return (UNKNOWN,) * len(shape)


@contextmanager
def npz(path: Path) -> Iterator[Contents]:
    """Arrays of NumPy's archive."""
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
        yield Contents({m.filename.removesuffix(".npy"): _member(archive, m) for m in members})


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    """An array of an archive, whose header must describe exactly the bytes that there are."""
    with archive.open(member) as file:
        shape, dtype = _header(file)
        size = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and file.tell() + size != member.file_size:
            raise ValueError(f"{member.filename}: shape {shape} of {dtype} does not fit its {member.file_size} bytes")
    return Source(shape, dtype, partial(_load_member, archive, member), axes=_nameless(shape))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} holds no plain numbers")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _load_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
        return array


@contextmanager
def labelled(path: Path) -> Iterator[Contents]:
    """Arrays of an HDF5, NetCDF or Zarr file; layouts of published data sets are known."""
    with opened(path) as held:
        yield contents_of(path, held)


def contents_of(path: Path, held: Labelled) -> Contents:
    """What a labelled file holds, its groups of equal content joined."""
    joined = joined_groups(held)
    found = published(joined)
    others = {
        "plain": lambda: _plain_contents(joined),
        "groups": lambda: _plain_contents(joined_groups(held, all_alike=True)),
    }
    found = _plain_contents(joined)._replace(doubt=groups_in_doubt(joined)) if found is None else _noted(joined, found)
    return found._replace(others=others)


def _noted(held: Labelled, found: Contents) -> Contents:
    """Contents with the attributes of the file: numbers are constants, words are left unread."""
    attributes = held.groups.get("", {})
    noted = {n: fixed(v, (), said="attribute of the file") for n, v in attributes.items() if is_number(v)}
    noted = {n: s for n, s in noted.items() if n not in found.sources}
    words = tuple(n for n, v in attributes.items() if isinstance(v, str))
    return found._replace(constants={**noted, **found.constants}, words=words)


def _plain_contents(held: Labelled) -> Contents:
    """Arrays of a file of no published layout; what some array calls its coordinates and is no axis is a factor."""
    sources, left = dict(held.sources), dict(held.left)
    for name, source in list(sources.items()):
        word = name.rsplit("/", 1)[-1]
        if not source.numeric and not source.refused and (word in held.auxiliary or word in (source.axes or ())):
            left[name] = "a coordinate in words"
            del sources[name]
        elif word in held.auxiliary and source.role == "variable" and source.axes != (word,):
            sources[name] = replace(source, role="factor", said=", ".join(filter(None, ("a coordinate", source.said))))
    return _noted(held, Contents(sources, left=left))


def read_header(path: Path | str) -> list[str]:
    """Names of the columns of a text file, as its header has them."""
    return column_names(Path(path))


def read_columns(path: Path | str, reading: Reading = READING) -> Columns:
    r"""All columns of a text file under a header.

    Args:
        path: the file; how it holds its table is recognised.
        reading: what the user says of it.

    Raises:
        DataError: no text, no header, no rows, names that are not distinct, or a table that can be read in two ways.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text("size,flow\n1,2.5\n2,much\n")
    >>> read_columns(path).values.tolist(), read_columns(path).bad
    ([[1.0, 2.5], [2.0, nan]], {'flow': "'much' in row 1 (line 3)"})
    """
    path = Path(path)
    check_room(path, path.stat().st_size * TEXT_GROWTH)
    return read_text(path, reading.form, reading.missing)


@contextmanager
def columns(path: Path, reading: Reading = READING) -> Iterator[Contents]:
    """Columns of a text file, one number a row each."""
    yield contents_of_columns(path, read_columns(path, reading), reading)


READERS: dict[str, Callable[[Path], AbstractContextManager[Contents]]] = {
    ".npy": npy,
    ".npz": npz,
    ".h5": labelled,
    ".hdf5": labelled,
    ".he5": labelled,
    ".nc": labelled,
    ".nc4": labelled,
    ".cdf": labelled,
    ".zarr": labelled,
}
#: readers of tables, which take a `Reading` as well
TABLES: dict[str, Callable[..., AbstractContextManager[Contents]]] = {
    ".csv": columns,
    ".tsv": columns,
    ".tab": columns,
    ".txt": columns,
    ".dat": columns,
    ".parquet": frame,
    ".xlsx": frame,
}
READERS |= TABLES


def check_room(path: Path, asked: int) -> None:
    room = _memory() * MEMORY_SHARE
    if asked > room:
        raise DataError(
            f"{path}: {asked / 1e9:.3g} GB of numbers, memory allows {room / 1e9:.3g} GB: name fewer arrays to take "
            "(variables, --variables)"
        )


def _memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
