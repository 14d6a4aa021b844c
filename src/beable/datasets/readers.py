"""Users' own files: which arrays they hold, and what is known about them.

A reader opens a file and says which arrays it holds, how large they are and what is known about them; numbers are
read only of those that are wanted. A file is somebody else's work and is believed in nothing: no pickles, no array
larger than its file can hold or than memory, no numbers from another file than the one that was named.
"""

import csv
import math
import os
import shutil
import zipfile
from array import array as growing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.labelled import Labelled, groups_in_doubt, is_number, joined_groups, opened
from beable.datasets.names import plain_dim
from beable.datasets.published import published
from beable.datasets.sources import PIECE_BYTES, UNKNOWN, Array, Contents, Loader, Source, fixed
from beable.datasets.vtk import KINDS, vtk
from beable.errors import DataError

MEMORY_SHARE = 0.5
TEXT_GROWTH = 4  # a number of one digit and its comma become eight bytes
MOST_PACKED = 1000  # times smaller than its numbers a compressed file of many may be
MOST_HEADER, MOST_QUOTED = 2**16, 40


@contextmanager
def npy(path: Path) -> Iterator[Contents]:
    """One array, named after the file."""
    array = _mapped(path)
    load = Loader(lambda places: np.array(Loader.of(_mapped(path)).part(places)))
    yield Contents({path.stem: Source(array.shape, array.dtype, load, axes=_nameless(array.shape))})


def _mapped(path: Path) -> Array:
    """The array of a file, which takes memory only while it is mapped and only for what is read."""
    array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


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
        shape, _, dtype = _header(file)
        size = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and file.tell() + size != member.file_size:
            raise ValueError(f"{member.filename}: shape {shape} of {dtype} does not fit its {member.file_size} bytes")
    load = Loader(_Member(archive, member, shape, dtype).part)
    return Source(shape, dtype, load, axes=_nameless(shape))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis runs fastest, and number format."""
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} holds no plain numbers")
    shape, turned, dtype = readers[version](file)
    return shape, turned, dtype


class _Member:
    """An array of an archive, read from front to back, so that its checksum is taken when all of it has been read.

    Args:
        archive, member: where it lies.
        shape, dtype: what its header says.
    """

    def __init__(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.archive, self.member, self.shape, self.dtype = archive, member, shape, dtype
        self.file: IO[bytes] | None = None
        self.row = 0

    def part(self, places: Mapping[int, slice]) -> Array:
        if not self.shape or 0 not in places or self._turned():
            with self.archive.open(self.member) as file:
                whole: Array = np.lib.format.read_array(file, allow_pickle=False)
            return Loader.of(whole).part(places)
        start, stop, step = places[0].indices(self.shape[0])
        rest = {axis: place for axis, place in places.items() if axis} | {0: slice(None, None, step)}
        return Loader.of(self._rows(start, max(start, stop))).part(rest)

    def _turned(self) -> bool:
        with self.archive.open(self.member) as file:
            return _header(file)[1]

    def _rows(self, start: int, stop: int) -> Array:
        """Rows that follow each other; those before the last ones read make it begin again."""
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        if self.file is None or start < self.row:
            self.file, self.row = self.archive.open(self.member), 0
            _header(self.file)
        while self.row < start:
            skipped = min(start - self.row, max(1, PIECE_BYTES // max(1, width)))
            self.file.read(skipped * width)
            self.row += skipped
        found = self.file.read((stop - start) * width)
        self.row = stop
        return np.frombuffer(found, self.dtype).reshape(stop - start, *self.shape[1:])


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


class Columns(NamedTuple):
    """What a text file of columns holds.

    Args:
        names: of the columns, as the header has them.
        values: numbers (rows, columns), NaN where an entry is no number.
        lines: line of the file that each row ends on, (rows).
        bad: the first entry of a column that is no finite number, in words, by name.
    """

    names: list[str]
    values: NDArray[np.float64]
    lines: NDArray[np.int64]
    bad: dict[str, str]

    def column(self, name: str) -> NDArray[np.float64]:
        return self.values[:, self.names.index(name)]


def read_header(path: Path | str) -> list[str]:
    """Names of the columns of a text file; a byte order mark is no part of the first."""
    with _text(Path(path)) as reader:
        return [name.strip() for name in next(reader, [])]


def read_columns(path: Path | str) -> Columns:
    r"""All columns of a text file under a header, with commas, semicolons or tabs between.

    Args:
        path: the file, UTF-8 with or without a byte order mark.

    Raises:
        DataError: no text, no header, no rows, names that are not distinct, or a row of another length.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text("size,flow\n1,2.5\n2,much\n")
    >>> read_columns(path).values.tolist(), read_columns(path).bad
    ([[1.0, 2.5], [2.0, nan]], {'flow': "'much' in row 1 (line 3)"})
    """
    path = Path(path)
    check_room(path, path.stat().st_size * TEXT_GROWTH)
    names = read_header(path)
    _check_header(path, names)
    numbers, lines, bad = growing("d"), growing("q"), dict[str, str]()
    with _text(path) as reader:
        next(reader)
        for cells in filter(None, reader):
            place = f"row {len(lines)} (line {reader.line_num})"
            if len(cells) != len(names):
                raise DataError(f"{path}: {place} has {len(cells)} entries, the header {len(names)}: mend the row")
            found = list(map(_number, cells))
            numbers.extend(found)
            lines.append(reader.line_num)
            for name, cell, number in () if all(map(math.isfinite, found)) else zip(names, cells, found, strict=True):
                if not math.isfinite(number):
                    bad.setdefault(name, f"{cell.strip()[:MOST_QUOTED]!r} in {place}")
    if not lines:
        raise DataError(f"{path}: no rows under the header, cannot be read as {path.suffix}: check the file")
    values = np.frombuffer(numbers).reshape(len(lines), -1)  # no copy
    return Columns(names, values, np.frombuffer(lines, np.int64), bad)


@contextmanager
def _text(path: Path) -> Iterator[Any]:
    """Lines of a text file as lists of entries; what is no such text becomes one line."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield csv.reader(file, delimiter=_delimiter(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix} ({error}): check the file") from error


def _delimiter(file: IO[str]) -> str:
    """What stands between the names of a header."""
    first = file.readline(MOST_HEADER)
    file.seek(0)
    return max(",;\t", key=first.count)


def _check_header(path: Path, names: Sequence[str]) -> None:
    if any(math.isfinite(_number(name)) for name in names):
        raise DataError(f"{path}: line 1 holds numbers: a file of columns begins with a header of their names")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}: rename one")


def _number(cell: str) -> float:
    """A decimal number; NaN where it is none."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


@contextmanager
def columns(path: Path) -> Iterator[Contents]:
    """Columns of a text file, one number a row each."""
    held = read_columns(path)
    places = {_heading(name, i): i for i, name in enumerate(held.names)}
    if len(places) < len(held.names):
        raise DataError(f"{path}: two columns have the same name but for special characters: rename one")
    yield Contents({name: _column(held, i) for name, i in places.items()})


def _column(held: Columns, place: int) -> Source:
    values = held.values[:, place]
    return Source(values.shape, values.dtype, Loader.of(values), bad=held.bad.get(held.names[place], ""))


def _heading(name: str, place: int) -> str:
    """A column's name as a word.

    >>> [_heading(name, 0) for name in ("flow (m/s)", "", "2nd", "row")]
    ['flow__m_s_', 'column_1', 'column_2nd', 'row_']
    """
    word = plain_dim(name or str(place + 1))
    return word if word[0].isalpha() else f"column_{word}"


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
    ".csv": columns,
    ".tsv": columns,
    **dict.fromkeys(KINDS, vtk),
}


def check_room(path: Path, asked: int, place: Path | None = None) -> None:
    """Refuse numbers that fill too much of the memory, or of the disk at a place that they are written to."""
    room = _memory() * MEMORY_SHARE if place is None else _free(place)
    if place is not None and asked > _memory() * MEMORY_SHARE and asked > MOST_PACKED * _size(path):
        raise DataError(
            f"{path}: {asked / 1e9:.3g} GB of numbers in a file of {_size(path) / 1e9:.3g} GB: check the file"
        )
    if asked > room:
        raise DataError(
            f"{path}: {asked / 1e9:.3g} GB of numbers, {'memory' if place is None else 'the disk'} allows "
            f"{room / 1e9:.3g} GB: name fewer arrays to take (variables, --variables)"
        )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return path.stat().st_size if path.is_file() else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def _free(place: Path) -> int:
    """Bytes that the disk at a place, which need not exist, has left."""
    held = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    return shutil.disk_usage(held).free


def _memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
