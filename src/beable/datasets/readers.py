"""Users' own files: which arrays they hold, and what is known about them.

A reader opens a file and says which arrays it holds, how large they are and what is known about them; numbers are
read only of those that are wanted. A file is somebody else's work, and nothing in it is taken on trust: no pickles, no
array larger than its file can hold or than memory, no numbers from another file than the one that was named.
"""

import math
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from beable import inputs, memory
from beable.datasets import exodus
from beable.datasets.columns import Columns, Reading, column_names, contents_of_columns, read_text
from beable.datasets.labelled import (
    MOST_PARTS,
    Labelled,
    groups_in_doubt,
    is_number,
    joined_groups,
    opened,
)
from beable.datasets.other_tables import frame
from beable.datasets.published import published
from beable.datasets.sources import PIECE_BYTES, UNKNOWN, Array, Contents, Loader, Source, fixed, held_back, refuse_many
from beable.datasets.vtk import KINDS, vtk
from beable.errors import DataError, UsageError

#: text files of columns, whose numbers are no more than a few times as long as the file
TEXTS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".xy")
TEXT_GROWTH = 4  # a number of one digit and its comma become eight bytes
READING = Reading()


@contextmanager
def npy(path: Path) -> Iterator[Contents]:
    """One array, named after the file."""
    with open(path, "rb") as file:
        shape, by_columns, dtype = inputs.npy_header(file)
        begin, length = file.tell(), path.stat().st_size
    if not dtype.hasobject and begin + math.prod(shape) * dtype.itemsize != length:
        raise ValueError(f"shape {shape} of {dtype} does not fit its {length} bytes")
    load = Loader(partial(_part_of_file, path, shape, dtype, begin, "F" if by_columns else "C"))
    source = Source(shape, dtype, load, axes=_nameless(shape))
    yield Contents({path.stem: held_back(path, path.stem, source, inputs.stored(path))})


def _part_of_file(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], begin: int, order: Any, places: Mapping[int, slice]
) -> Array:
    """Numbers of a file, which takes memory only for what is read."""
    whole = np.memmap(path, dtype, "r", begin, shape, order) if math.prod(shape) else np.empty(shape, dtype)
    return np.array(Loader.of(whole).part(places))


def _nameless(shape: Sequence[int]) -> tuple[str, ...]:
    return (UNKNOWN,) * len(shape)


@contextmanager
def npz(path: Path) -> Iterator[Contents]:
    """Arrays of NumPy's archive."""
    with zipfile.ZipFile(path) as archive, ExitStack() as open_:
        members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
        names = [m.filename.removesuffix(".npy") for m in members]
        if twice := named_twice(names):
            raise DataError(f"{path}: two arrays are named {twice!r}: rename one")
        refuse_many(path, len(names), most=MOST_PARTS)
        stored, found = inputs.stored(path), zip(names, members, strict=True)
        yield Contents({name: held_back(path, name, _member(archive, m, open_), stored) for name, m in found})


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, stack: ExitStack) -> Source:
    """An array of an archive, whose header must describe exactly the bytes that there are."""
    with archive.open(member) as file:
        shape, by_columns, dtype = inputs.npy_header(file)
        size = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and file.tell() + size != member.file_size:
            raise ValueError(f"{member.filename}: shape {shape} of {dtype} does not fit its {member.file_size} bytes")
    load = Loader(_Member(archive, member, stack, shape, by_columns, dtype).part)
    return Source(shape, dtype, load, axes=_nameless(shape))


class _Member:
    """An array of an archive, read from front to back, so that its checksum is taken when all of it has been read.

    Args:
        archive, member: where it lies.
        stack: closes it.
        shape, dtype: what its header says.
        by_columns: whether its first axis runs fastest, so that it is read as a whole.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        stack: ExitStack,
        shape: tuple[int, ...],
        by_columns: bool,
        dtype: np.dtype[Any],
    ) -> None:
        self.archive, self.member, self.shape, self.by_columns, self.dtype = archive, member, shape, by_columns, dtype
        self.stack, self.row = stack, 0
        self.file: IO[bytes] | None = None

    def part(self, places: Mapping[int, slice]) -> Array:
        if not self.shape or 0 not in places or self.by_columns:
            with self.archive.open(self.member) as file:
                whole: Array = np.lib.format.read_array(file, allow_pickle=False)
            return Loader.of(whole).part(places)
        start, stop, step = places[0].indices(self.shape[0])
        rest = {axis: place for axis, place in places.items() if axis} | {0: slice(None, None, step)}
        return Loader.of(self._rows(start, max(start, stop))).part(rest)

    def _rows(self, start: int, stop: int) -> Array:
        """Rows that follow each other; those before the last ones read make it begin again."""
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        if self.file is None or start < self.row:
            if self.file is not None:
                self.file.close()
            self.file, self.row = self.stack.enter_context(self.archive.open(self.member)), 0
            inputs.npy_header(self.file)
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
    if any(group.get("label") == "CGNSBase_t" for group in held.groups.values()):
        raise DataError(f"{path}: is a file of CGNS: give its name the ending .cgns, by which it is read as such")
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
    several = {n: f"an attribute of {v.size} numbers" for n, v in attributes.items() if isinstance(v, np.ndarray)}
    return found._replace(constants={**noted, **found.constants}, words=words, left={**several, **found.left})


def _plain_contents(held: Labelled) -> Contents:
    """Arrays of a file of no published layout; what some array calls its coordinates and is no axis is a factor."""
    sources, left = dict(held.sources), dict(held.left)
    for name, source in list(sources.items()):
        word = name.rsplit("/", 1)[-1]
        if not source.numeric and not source.refused and (word in held.auxiliary or word in (source.axes or ())):
            del sources[name]
            if len(source.shape) == 1 and _is_along(source, held):
                sources[name] = replace(source, role="label", said="words: name it in --factors to keep it, as classes")
            else:
                left[name] = "a coordinate in words"
        elif word in held.auxiliary and source.role == "variable" and source.axes != (word,):
            sources[name] = replace(source, role="factor", said=", ".join(filter(None, ("a coordinate", source.said))))
    return _noted(held, Contents(sources, left=left))


def _is_along(source: Source, held: Labelled) -> bool:
    """Whether an array lies along an axis of some array of numbers."""
    axes = {axis for other in held.sources.values() if other.numeric for axis in other.axes or ()}
    return set(source.axes or ()) <= axes - {UNKNOWN}


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
    check_room(path, path.stat().st_size * TEXT_GROWTH, grown=False)
    return read_text(path, reading)


def named_twice(names: Sequence[str]) -> str:
    """The first name that stands there more than once; empty where none does.

    >>> named_twice(["p", "T", "p"]), named_twice(["p"])
    ('p', '')
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


@contextmanager
def columns(path: Path, reading: Reading = READING) -> Iterator[Contents]:
    """Columns of a text file, one number a row each."""
    yield contents_of_columns(path, read_text(path, reading), reading)


READERS: dict[str, Callable[[Path], AbstractContextManager[Contents]]] = {
    ".npy": npy,
    ".npz": npz,
    ".h5": labelled,
    ".hdf5": labelled,
    ".he5": labelled,
    ".nc": labelled,
    ".nc4": labelled,
    ".cdf": labelled,
    **dict.fromkeys(exodus.KINDS, labelled),
    ".zarr": labelled,
    **dict.fromkeys(KINDS, vtk),
}
#: readers of tables, which take a `Reading` as well
TABLES: dict[str, Callable[..., AbstractContextManager[Contents]]] = {
    **dict.fromkeys(TEXTS, columns),
    ".parquet": frame,
    ".xlsx": frame,
}
READERS |= TABLES


def check_room(path: Path, asked: int, before: int = 0, *, grown: bool = True) -> None:
    """Refuse numbers that memory does not hold, or that are far more than the file is long.

    Args:
        path: the file.
        asked: bytes of its numbers.
        before: bytes of numbers of other files that are held already.
        grown: whether the numbers of a file of this length are known to be no more than a few times as long.

    Raises:
        DataError: they are.
    """
    if grown:
        memory.refuse_growth(path, asked, inputs.stored(path))
    try:
        memory.refuse(f"{path}: its numbers", before + asked, "name fewer arrays to take (variables, --variables)")
    except UsageError as error:
        raise DataError(str(error)) from None


def check_disk(path: Path, asked: int, place: Path) -> None:
    """Refuse numbers that the disk does not hold where they are written to.

    Args:
        path: the file.
        asked: bytes of its numbers.
        place: where they are written to, which need not exist.

    Raises:
        DataError: it does not.
    """
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    if asked > (room := shutil.disk_usage(there).free):
        raise DataError(
            f"{path}: {memory.in_gb(asked)} of numbers, the disk allows {memory.in_gb(room)}: name fewer arrays to "
            "take (variables, --variables)"
        )
