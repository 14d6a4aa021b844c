"""What a reader finds in a file: arrays that are not read yet, with all that the file says of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable import memory
from beable.errors import DataError

#: arrays, or columns, that a data set can have
MOST_ARRAYS = 10_000
Array = NDArray[Any]
UNKNOWN = ""
#: rows are read in pieces of so many bytes, which hold several blocks of a store: files are cut another way than stores
PIECE_BYTES = 1 << 25


class Loader:
    """Reads an array, or ranges of it along some of its axes.

    Args:
        part: reads the range of each axis that is named, (axis: slice), and all of the others.
        whole: whether all of it is in memory, whatever is asked for.

    >>> load = Loader.of(np.arange(12).reshape(4, 3))
    >>> load.part({0: slice(1, 3)}).tolist(), load().shape
    ([[3, 4, 5], [6, 7, 8]], (4, 3))
    """

    def __init__(self, part: Callable[[Mapping[int, slice]], Array], whole: bool = False) -> None:
        self.part, self.whole = part, whole

    def __call__(self) -> Array:
        return self.part({})

    @classmethod
    def of(cls, array: Any) -> "Loader":
        """The loader of anything that is indexed as an array, such as one of h5py or zarr."""
        return cls(lambda places: np.asarray(array[_index(len(array.shape), places)]))

    @classmethod
    def rows(cls, read: Callable[[int, int], Array], count: int) -> "Loader":
        """The loader of so many rows, which are read from one number to another."""

        def part(places: Mapping[int, slice]) -> Array:
            start, stop, step = places.get(0, slice(None)).indices(count)
            rest = {axis: place for axis, place in places.items() if axis} | {0: slice(None, None, step)}
            found = read(start, max(start, stop))
            return found[_index(found.ndim, rest)]

        return cls(part)

    def then(self, change: Callable[[Array], Array], axes: Mapping[int, int] | None = None) -> "Loader":
        """The loader of the changed array.

        Args:
            change: what becomes of the array, and of a range of it.
            axes: for axes of the changed array, the axis before along which a range is the same; all by default.
        """

        def part(places: Mapping[int, slice]) -> Array:
            known = {axis: p for axis, p in places.items() if axes is None or axis in axes}
            found = change(self.part(known if axes is None else {axes[axis]: p for axis, p in known.items()}))
            rest = {axis: p for axis, p in places.items() if axis not in known}
            return found[_index(found.ndim, rest)] if rest else found

        return Loader(part, self.whole)


def _index(dimensions: int, places: Mapping[int, slice]) -> tuple[slice, ...]:
    return tuple(places.get(axis, slice(None)) for axis in range(dimensions))


def ranged(load: Callable[[], Array]) -> Loader:
    """A way to read ranges; where there is none, the whole array is read once and kept."""
    return load if isinstance(load, Loader) else Loader(_kept(load), whole=True)


def _kept(load: Callable[[], Array]) -> Callable[[Mapping[int, slice]], Array]:
    held: list[Array] = []

    def part(places: Mapping[int, slice]) -> Array:
        if not held:
            held.append(load())
        return held[0][_index(held[0].ndim, places)] if places else held[0]

    return part


class LazyRows:
    """Rows of an array that are read when they are asked for.

    Args:
        shape: of the array, (rows, ...).
        dtype: its number format.
        read: the rows from one number to another.
        most: bytes of the rows that are read at once and kept.

    >>> rows = LazyRows((4, 3), np.dtype(float), lambda start, stop: np.ones((stop - start, 3)))
    >>> rows[1:3].shape, len(rows)
    ((2, 3), 4)
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], read: Callable[[int, int], Array], most: int = PIECE_BYTES
    ) -> None:
        self.shape, self.dtype, self.read, self.most = shape, np.dtype(dtype), read, most
        self._first, self._piece = 0, np.empty((0, *shape[1:]), dtype)

    @classmethod
    def of(cls, source: "Source", beside: int = 1) -> "LazyRows":
        """Rows of an array of a file, one of so many whose rows are kept at once."""
        load, most = ranged(source.load), PIECE_BYTES // beside
        return cls(source.shape, source.dtype, lambda start, stop: load.part({0: slice(start, stop)}), most)

    @classmethod
    def over(cls, array: Array) -> "LazyRows":
        """Rows of an array in memory."""
        return cls(array.shape, array.dtype, lambda start, stop: array[start:stop])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def piece(self) -> int:
        """Rows that are read at once."""
        return max(1, self.most // max(1, self.nbytes // max(1, len(self))))

    def __getitem__(self, places: slice) -> Array:
        start, stop, _ = places.indices(len(self))
        if not (self._first <= start and stop <= self._first + len(self._piece)):
            self._piece = np.empty((0, *self.shape[1:]), self.dtype)  # not two pieces at a time
            self._first, self._piece = start, self.read(start, min(len(self), max(stop, start + self.piece)))
        return self._piece[start - self._first : stop - self._first]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.read(0, len(self)), dtype)

    def pieces(self) -> Iterator[Array]:
        """All rows, one piece after the other."""
        return (self.read(i, min(len(self), i + self.piece)) for i in range(0, len(self), self.piece))

    def changed(self, change: Callable[[Array], Array], dtype: np.dtype[Any]) -> "LazyRows":
        """The rows after a change of each number by itself."""
        return LazyRows(self.shape, dtype, lambda start, stop: change(self.read(start, stop)), self.most)


def pieces_of(array: Array | LazyRows) -> Iterator[Array]:
    """All rows of an array: at once, or one piece after the other where they are read when they are needed."""
    return array.pieces() if isinstance(array, LazyRows) else iter([array])


def joined_rows(parts: Sequence[LazyRows]) -> LazyRows:
    """Rows after each other, each part with the shape of a row of the first."""
    ends = np.cumsum([len(part) for part in parts]).tolist()

    def read(start: int, stop: int) -> Array:
        spans = zip(parts, [0, *ends], ends, strict=False)
        found = [p.read(max(start, a) - a, min(stop, b) - a) for p, a, b in spans if a < stop and b > start]
        return np.concatenate(found) if len(found) > 1 else found[0]

    dtype = np.result_type(*(part.dtype for part in parts))
    return LazyRows((ends[-1], *parts[0].shape[1:]), dtype, read, parts[0].most)


@dataclass(frozen=True)
class Source:
    """One array of a file.

    Args:
        shape: its lengths; (rows, ...) once its axes are arranged.
        dtype: number format after decoding.
        load: reads it; a `Loader` reads ranges of it as well.
        dims: names of its dimensions after the rows; empty where nobody named them.
        unit: UDUNITS string; empty where the file has none.
        bad: its first entry that is no finite number, in words; empty where none is known.
        axes: names of all its axes as the file has them, "" for one without a name; None where a reader has put the
            rows first already.
        refused: why it cannot be read, in words; empty where it can.
        role: what the file says that it is: "variable", "factor" or "label", a number a row that is named when wanted.
        said: how it was found and what was done to it, in words.
        words: reads it as words, for a column of a table; None where `load` gives all there is.
        held: words that a column of a table holds beside numbers, and how often, the first of them.
        long_name: its name as the file has it, where a data set cannot have that; empty otherwise.
        classes: names of what its numbers 0, 1, … stand for; none where they are numbers.
        components: names of the numbers of a row.
        flags: what some of its numbers stand for, each number with a word.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Array]
    dims: tuple[str, ...] = ()
    unit: str = ""
    bad: str = ""
    axes: tuple[str, ...] | None = None
    refused: str = ""
    role: str = "variable"
    said: str = ""
    words: Callable[[], Array] | None = None
    held: tuple[tuple[str, int], ...] = ()
    long_name: str = ""
    classes: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    flags: tuple[tuple[float, str], ...] = ()

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def numeric(self) -> bool:
        return self.dtype.kind in "fiub"


class Contents(NamedTuple):
    """What a file holds.

    Args:
        sources: arrays by name.
        coordinates: values and unit by name of dimension.
        factors: names of the arrays that are factors, where the file's layout says so.
        constants: arrays that are the same for all rows, by name.
        left: what was left unread, and why, by name.
        words: names of attributes that hold words.
        layout: name of a published layout that was recognised; empty for any other file.
        time: name of the axis of time, where the layout has one.
        rows: names of the axes that are rows, in their order.
        doubt: why the user must be asked about groups before anything is read; empty where there is no doubt.
        others: other contents of the same file: "plain", without its published layout; "groups", with a row a group.
        notes: what was recognised of how the file holds its numbers, in words.
        aliases: names of arrays, by other names by which the user may ask for them.
        broken: a row that has no place in a table, in words; empty where there is none.
        places: names of the constants that say where the numbers of a mesh lie, the same in all files of an import.
    """

    sources: Mapping[str, Source]
    coordinates: Mapping[str, tuple[Array, str]] = {}
    factors: Sequence[str] = ()
    constants: Mapping[str, Source] = {}
    left: Mapping[str, str] = {}
    words: Sequence[str] = ()
    layout: str = ""
    time: str = ""
    rows: Sequence[str] = ()
    doubt: str = ""
    others: Mapping[str, Callable[[], "Contents"]] = {}
    notes: Sequence[str] = ()
    aliases: Mapping[str, str] = {}
    broken: str = ""
    places: Sequence[str] = ()


def held_back(path: Path, name: str, source: Source, stored: int) -> Source:
    """A source that is not read where it declares far more numbers than its file can hold.

    Args:
        path: the file.
        name: of the source.
        source: in the file.
        stored: bytes of the file.
    """
    try:
        memory.refuse_growth(path, source.bytes, stored)
    except DataError as error:
        why = f"declares {str(error).partition(': ')[2]}"

        def refuse(places: Mapping[int, slice]) -> Array:
            raise DataError(f"{path}: {name} {why}")

        return replace(source, load=Loader(refuse), refused=source.refused or why)
    return source


def exact(name: str, whole: Array, dtype: "np.dtype[Any] | type[np.floating]") -> Array:
    """Whole numbers as floating-point ones that equal them.

    Raises:
        DataError: some have more digits than these keep.

    >>> exact("n", np.array([2**53, 2**60]), np.float64).tolist()
    [9007199254740992.0, 1.152921504606847e+18]
    """
    if not are_exact(whole, dtype):
        raise DataError(f"{name}: integers too large for floating-point numbers: scale them first")
    return whole.astype(dtype)


def are_exact(whole: Array, dtype: "np.dtype[Any] | type[np.floating]") -> bool:
    """Whether floating-point numbers of a format equal these whole numbers.

    >>> are_exact(np.array([2**53, 2**60]), np.float64), are_exact(np.array([2**53 + 1]), np.float64)
    (True, False)
    """
    most = 2 ** (np.finfo(dtype).nmant + 1)
    if not whole.size or (int(whole.max()) <= most and int(whole.min()) >= -most):
        return True
    wide = whole if whole.dtype.kind == "u" else np.abs(whole.astype(np.int64))
    size = wide.astype(np.uint64)  # the least int64 has no positive one: it stays, and is read as its size
    lowest = size & (~size + np.uint64(1))  # the last bit that is set
    return bool((size // np.maximum(lowest, np.uint64(1)) < most).all())


def fixed(values: Any, axes: tuple[str, ...] | None = None, **more: Any) -> Source:
    """An array in memory as a source."""
    array = np.asarray(values)
    return Source(array.shape, array.dtype, Loader.of(array), axes=axes, **more)


def refuse_many(path: Path, number: int, what: str = "arrays", most: int = MOST_ARRAYS) -> None:
    """Refuse more arrays than a data set can have, before each is looked at with all others.

    Raises:
        DataError: there are more.
    """
    if number > most:
        raise DataError(
            f"{path}: {number:,} {what}, where at most {most:,} can be taken: write numbers that belong "
            "together as one array, (rows, numbers), in an .npz or HDF5 file"
        )
