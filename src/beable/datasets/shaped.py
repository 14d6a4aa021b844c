"""What the user makes of the arrays of a file: some left out, columns joined to vectors, words made classes.

All of it is done to arrays whose rows are first, whatever file they come from.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.datasets.arranged import Arranged, Taken, find
from beable.datasets.columns import headings, named
from beable.datasets.dialects import EMPTY
from beable.datasets.layout import NAME
from beable.datasets.names import plain
from beable.datasets.readings import NUMBERS
from beable.datasets.sources import Array, LazyRows, Loader, Source, exact, pieces_of, ranged
from beable.errors import DataError, UsageError, listed, unknown

MOST_CLASSES = 64
#: kinds of number formats that hold words
WORDY = "USOT"
#: numbers that are often written where one is missing
SENTINELS = (-1e34, -1e30, -1e20, -99999.0, -9999.0, -999.25, -999.0, -99.0, 99.0, 999.0, 999.25, 9999.0, 99999.0,
             1e20, 1e30, 9.96920996838687e36, 1e34)  # fmt: skip


@dataclass(frozen=True)
class Shaping:
    """What the user makes of arrays.

    Args:
        exclude: names of those to leave out.
        vectors: names of columns by the name of the vector that they become.
        classes: names of those whose values are classes.
        missing: values that stand for a missing one, as they are written.
    """

    exclude: tuple[str, ...] = ()
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def called(self, names: Mapping[str, str]) -> "Shaping":
        """The same with names of a file in place of others for them."""
        given = partial(map, lambda name: names.get(name, name))
        vectors = {vector: tuple(given(columns)) for vector, columns in self.vectors.items()}
        return replace(self, exclude=tuple(given(self.exclude)), vectors=vectors, classes=tuple(given(self.classes)))

    @property
    def numbers(self) -> list[float]:
        """The missing values that are numbers."""
        found = []
        for word in self.missing:
            try:
                found.append(float(word))
            except ValueError:
                continue
        return found


def without(path: Path, sources: Mapping[str, Source], shaping: Shaping) -> tuple[dict[str, Source], dict[str, str]]:
    """Arrays without those that the user leaves out, and why these are not there."""
    gone = {_held(path, name, sources) for name in shaping.exclude}
    return {n: s for n, s in sources.items() if n not in gone}, dict.fromkeys(gone, "excluded, as said")


def _held(path: Path, name: str, sources: Iterable[str]) -> str:
    names = list(sources)
    if (found := find(name, names)) is None:
        raise unknown(f"array in {path.name}", name, map(plain, names))
    return found


def shaped(path: Path, found: Arranged, shaping: Shaping, factors: Sequence[str] | None) -> Arranged:
    """Arrays with missing values, classes and vectors as the user says; factors that are words are classes.

    Args:
        path: the file, for errors.
        found: its arrays with their rows first.
        shaping: what the user says.
        factors: names of the known factors; None for those that the file shows.

    Raises:
        UsageError: a name that is not there, or words that nobody said what to do with.
        DataError: too many classes, or columns that make no vector.
    """
    sources = dict(found.sources)
    asked = [_held(path, name, sources) for name in shaping.classes]
    named = found.factors if factors is None else factors
    worded = [held for name in named if (held := find(name, sources)) is not None and _is_words(sources[held])]
    for name in dict.fromkeys((*asked, *worded)):
        sources[name] = in_classes(path, name, in_words(sources[name]), shaping.missing)
    if numbers := shaping.numbers:
        sources = {n: s if s.classes or not s.numeric else _with_nan(n, s, numbers) for n, s in sources.items()}
    gone: dict[str, str] = {}
    for vector, columns in shaping.vectors.items():
        parts = [_held(path, name, sources) for name in columns]
        if find(vector, [name for name in sources if name not in parts]):
            raise UsageError(f"{path}: an array is named {vector} already: give the vector another name (--vector)")
        joined = side_by_side(path, vector, {name: sources[name] for name in parts}, "--vector", NUMBERS)
        sources[vector] = replace(joined, components=tuple(map(plain, parts)))
        gone |= dict.fromkeys(parts, f"a number of the vector {vector}")
    sources = {n: s for n, s in sources.items() if n not in gone or n in shaping.vectors}
    taken = [_told(t, sources[t.name]) if t.name in sources else t for t in found.taken if t.name not in gone]
    taken += [_of_vector(n, sources[n]) for n in shaping.vectors]
    factored = [n for n in found.factors if n in sources]
    return found._replace(sources=sources, taken=taken, factors=factored)


def _told(taken: Taken, source: Source) -> Taken:
    """What an array is taken for, with its classes."""
    if not source.classes:
        return taken
    return taken._replace(why=f"{len(source.classes)} classes: {listed(source.classes)}")


def _of_vector(name: str, source: Source) -> Taken:
    axes = f"row ({source.shape[0]}) rows, {source.dims[0]} ({source.shape[1]}) components"
    return Taken(name, "variable", axes, source.unit, f"of the columns {listed(source.components)}")


# Arrays in memory


class Given(NamedTuple):
    """Arrays in memory under names that a data set can have.

    Args:
        arrays, factors: by name.
        units, long_names: that their own names state, by name.
        classes: names of the classes of those that were words, by name.
        names: the names of arrays and factors by those that were given.
    """

    arrays: dict[str, ArrayLike]
    factors: dict[str, ArrayLike]
    units: dict[str, str]
    long_names: dict[str, str]
    classes: dict[str, tuple[str, ...]]
    names: dict[str, str]


def given_in_memory(arrays: Mapping[str, ArrayLike], factors: Mapping[str, ArrayLike]) -> Given:
    """Arrays and factors in memory, such as columns of a data frame: units out of names, words as classes.

    Names that a data set can have are left as they are; others are refused later, but for those of a data frame and
    those that state a unit.

    >>> given = given_in_memory({"flow [m/s]": [1.0, 2.0], "p": [1.0, 2.0]}, {"kind": np.array(["a", "b"])})
    >>> list(given.arrays), given.units, given.classes
    (['flow', 'p'], {'flow': 'm/s'}, {'kind': ('a', 'b')})
    """
    frame = hasattr(arrays, "columns")
    every = [str(name) for name in (*arrays, *factors)]
    odd = [name for name in every if not NAME.fullmatch(name) and (frame or named(name)[1])]
    heads = dict(zip(odd, headings(odd), strict=True))
    names = {name: heads[str(name)].word if str(name) in heads else name for name in (*arrays, *factors)}
    units = {head.word: head.unit for head in heads.values() if head.unit}
    causes: dict[str, ArrayLike] = {names[name]: values for name, values in factors.items()}
    classes = {}
    for name, values in causes.items():
        words = np.asarray(values)
        if words.ndim == 1 and words.dtype.kind in "UO" and all(isinstance(word, str) for word in words.tolist()):
            found = in_classes(Path("factors"), name, Source(words.shape, words.dtype, words.copy))
            causes[name], classes[name] = found.load(), found.classes
    fields = {names[name]: values for name, values in arrays.items()}
    return Given(fields, causes, units, {h.word: h.shown for h in heads.values() if h.shown}, classes, names)


# Words


def _is_words(source: Source) -> bool:
    """Whether an array holds words, one a row."""
    wordy = bool(source.held) or source.dtype.kind in WORDY or bool(source.flags)
    return wordy and len(source.shape) == 1 and not source.refused


def says_words(dtype: np.dtype[Any]) -> bool:
    """Whether a number format is one of words, those of any length that HDF5 has included."""
    about: Mapping[str, Any] = dtype.metadata or {}
    return dtype.kind in "UST" or about.get("vlen") in (str, bytes)


def in_words(source: Source) -> Source:
    """An array whose numbers stand for words, as these words; any other as it is."""
    if not source.flags or len(source.shape) != 1:
        return source
    meanings, load = dict(source.flags), ranged(source.load)
    return replace(source, words=lambda: np.array([meanings.get(float(v), "") for v in load.part({})], np.str_))


def refuse_words(path: Path, sources: Mapping[str, Source]) -> None:
    """Refuse words that nobody asked for as classes; one line for all such columns.

    Raises:
        DataError: there are some.
    """
    wordy = {plain(name): s for name, s in sources.items() if s.held and not s.classes}
    if not wordy:
        return
    name, source = next(iter(wordy.items()))
    few = listed([repr(word) for word, _ in source.held])
    more = f"; so do {listed(list(wordy)[1:])}" if len(wordy) > 1 else ""
    names = " ".join(wordy)
    missing = ", or say which words stand for a missing value (missing_values, --missing-values)"
    missing = missing if np.isfinite(source.load()).any() else ""
    raise DataError(
        f"{path}: {name} is {source.bad}, a finite number is expected: it holds words ({few}){more}: leave them out "
        f"(exclude, --exclude {names}), compare with them as classes (factors, --factors), or learn them as classes "
        f"(classes, --classes){missing}"
    )


def in_classes(path: Path, name: str, source: Source, missing: Collection[str] = ()) -> Source:
    """An array of words, or of numbers that are no quantities, as numbers 0, 1, … of classes with names.

    Raises:
        DataError: more than ``MOST_CLASSES``, or several numbers a row.

    >>> words = np.array(["gas", "liquid", "gas", ""])
    >>> found = in_classes(Path("a.csv"), "phase", Source((4,), words.dtype, lambda: words))
    >>> found.classes, found.load().tolist(), found.bad
    (('gas', 'liquid'), [0.0, 1.0, 0.0, nan], "'' in row 3")
    """
    if len(source.shape) != 1:
        raise DataError(f"{path}: {plain(name)} has {source.shape[1:]} a row: classes are one value a row")
    words = _words(source)
    there = np.array([word not in EMPTY and word not in missing for word in words], bool)
    names, codes = _ordered(words[there])
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"{path}: {plain(name)} has {len(names)} different values in {len(words)} rows, classes are at most "
            f"{MOST_CLASSES}: leave it out (--exclude {plain(name)})"
        )
    if not names:
        raise DataError(f"{path}: {plain(name)} has no value in any row: leave it out (--exclude {plain(name)})")
    values = np.full(len(words), np.nan)
    values[there] = codes
    bad = "" if there.all() else f"{str(words[~there][0])!r} in row {int(there.argmin())}"
    return replace(
        source, shape=values.shape, dtype=values.dtype, load=values.copy, bad=bad, classes=names, words=None, held=(),
        unit="", role="variable" if source.role == "label" else source.role, refused="",
    )  # fmt: skip


def _words(source: Source) -> NDArray[np.str_]:
    """The values of an array as words; numbers as short as they can be."""
    held = source.words() if source.words is not None else source.load()
    if held.dtype.kind in "fiub":
        few = held.dtype.kind == "f" and held.dtype.itemsize < 8  # whose own digits are fewer
        values = map(float, map(str, held)) if few else held.tolist()
        return np.array(["" if value != value else _shortest(value) for value in values], np.str_)
    words = [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in held.tolist()]
    return np.array([word.strip() for word in words], np.str_)


def _shortest(value: float) -> str:
    """A number in twelve digits where these are all, else in as many as tell it from every other.

    >>> _shortest(2.0), _shortest(2**53 + 1), _shortest(0.1234567890123456)
    ('2', '9007199254740993', '0.1234567890123456')
    """
    short = f"{value:.12g}"
    return short if float(short) == value else str(value)


def _ordered(words: NDArray[np.str_]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Different words in order, numbers by their size, and the place of each word among them."""
    try:
        numbers = [_number(word) for word in words.tolist()]
    except ValueError:
        names, codes = np.unique(words, return_inverse=True)
        return tuple(map(str, names)), codes
    places = {value: place for place, value in enumerate(sorted(set(numbers)))}
    return tuple(map(_shortest, places)), np.array([places[value] for value in numbers], np.intp)


def _number(word: str) -> float:
    """The number of a word, a whole one with all its digits."""
    return int(word) if word.lstrip("+-").isdecimal() else float(word)


def together(parts: Sequence[tuple[Sequence[str], Array]]) -> tuple[tuple[str, ...], list[Array]]:
    """Classes of several files as one list, and the values of each file as places in it.

    >>> names, values = together([(("gas",), np.zeros(1)), (("gas", "liquid"), np.array([1.0, 0.0]))])
    >>> names, [v.tolist() for v in values]
    (('gas', 'liquid'), [[0.0], [1.0, 0.0]])
    """
    words = np.array([name for names, _ in parts for name in names], np.str_)
    names, _ = _ordered(words)
    found = []
    for own, values in parts:
        places = np.array([names.index(name) for name in own], np.float64)
        known = np.isfinite(values)
        found.append(np.where(known, places[np.where(known, values, 0).astype(int)], np.nan))
    return names, found


# Missing values


def _with_nan(name: str, source: Source, values: Sequence[float]) -> Source:
    """An array with NaN where one of the values stands."""
    dtype = source.dtype if source.dtype.kind == "f" else np.dtype(np.float64)
    return replace(
        source, dtype=dtype, load=ranged(source.load).then(partial(_replaced, name=plain(name), values=values))
    )


def _replaced(array: Array, name: str, values: Sequence[float]) -> Array:
    given = array.astype(np.float64) if array.dtype.kind != "f" else array
    missing = np.isin(given, np.asarray(values, given.dtype))
    if array.dtype.kind in "iu":
        exact(name, array[~missing], np.float64)
    return np.where(missing, np.nan, given).astype(given.dtype)


def suspects(columns: Mapping[str, Array | LazyRows]) -> list[str]:
    """Values of columns that may stand for missing ones, in words; nothing is changed.

    A number in ``SENTINELS`` is suspected where it is the smallest or the largest and farther from all others than
    these are from each other.

    >>> suspects({"T": np.array([280.0, -9999, 300, 310, -9999])})
    ['T: -9999 in 2 of 5 rows lies apart from all others (280 to 310): if it stands for a missing value, say \
--missing-values -9999']
    """
    found = [_suspected(name, column) for name, column in columns.items() if column.ndim == 1]
    return [line for line in found if line]


def _suspected(name: str, column: Array | LazyRows) -> str:
    ends = [end for end in _ends(column) if np.isclose(end, SENTINELS, rtol=1e-6, atol=0).any()]
    values = np.asarray(column if ends else [], np.float64)
    known = values[np.isfinite(values)]
    for value in ends:
        same = np.isclose(known, value, rtol=1e-6, atol=0)
        others = known[~same]
        if others.size and np.abs(others - value).min() > max(np.ptp(others), 0.5 * abs(value)):
            return (
                f"{name}: {value:.9g} in {same.sum()} of {len(values)} rows lies apart from all others "
                f"({others.min():.6g} to {others.max():.6g}): if it stands for a missing value, say --missing-values "
                f"{value:.9g}"
            )
    return ""


def _ends(column: Array | LazyRows) -> list[float]:
    """The smallest and the largest number of a column; none where there is none."""
    parts = (piece[np.isfinite(piece)] for piece in pieces_of(column))
    known = [float(end(part)) for part in parts if part.size for end in (np.min, np.max)]
    return sorted({min(known), max(known)}) if known else []


# Columns beside each other


def side_by_side(path: Path, name: str, columns: Mapping[str, Source], option: str, dims: tuple[str, ...]) -> Source:
    """Columns of numbers in one unit as one array, (rows, columns).

    Args:
        path: the file, for errors.
        name: of the array.
        columns: by name.
        option: by which the user asked for it, for errors.
        dims: name of the axis that the columns stand along.

    Raises:
        UsageError: fewer than two columns.
        DataError: columns that are no numbers, or in several units.
    """
    if len(columns) < 2:
        raise UsageError(f"{name}: give at least two columns ({option})")
    for column, source in columns.items():
        if len(source.shape) != 1 or not source.numeric or source.held or source.classes:
            raise DataError(f"{path}: {plain(column)} is no column of numbers, so that it can be no part of {name}")
    units = {source.unit for source in columns.values()}
    if len(units) > 1:
        told = listed([f"{plain(n)} in {s.unit or '1'}" for n, s in columns.items()])
        raise DataError(f"{path}: the columns of {name} differ in their units ({told}): give those of one unit")
    parts = list(columns.values())
    rows = parts[0].shape[0]
    return Source(
        (rows, len(parts)),
        np.result_type(*(part.dtype for part in parts)),
        Loader.rows(_stacked(parts), rows),
        dims=dims,
        unit=parts[0].unit,
        bad=next((f"{plain(n)} {s.bad}" for n, s in columns.items() if s.bad), ""),
    )


def _stacked(parts: Sequence[Source]) -> Callable[[int, int], Array]:
    """Reads rows of several columns beside each other."""
    loads = [ranged(part.load) for part in parts]
    return lambda start, stop: np.column_stack([load.part({0: slice(start, stop)}) for load in loads])
