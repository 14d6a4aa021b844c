"""Users' own files: named arrays in, a data set out.

A reader opens a file and says which arrays it holds, how large they are and what is known about them; numbers are
read only of those that are wanted. A file is somebody else's work and is believed in nothing: no pickles, no array
larger than its file can hold or than memory, no numbers from another file than the one that was named.
"""

import csv
import math
import os
import zipfile
from array import array as growing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.axes import Arranged, Choice, Taken, arrange, find
from beable.datasets.labelled import Labelled, is_number, joined_groups, numbers_in, opened
from beable.datasets.many import as_a_row, is_a_row
from beable.datasets.names import plain, plain_dim
from beable.datasets.published import published
from beable.datasets.sources import UNKNOWN, Array, Contents, Source, fixed
from beable.datasets.store import Store
from beable.errors import BeableError, DataError, OutputError, UsageError, listed, unknown

MEMORY_SHARE = 0.5
TEXT_GROWTH = 4  # a number of one digit and its comma become eight bytes
MOST_HEADER, MOST_QUOTED = 2**16, 40
WILD = "*?["


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


def contents_of(path: Path, held: Labelled, rows: Sequence[str] = ()) -> Contents:
    """What a labelled file holds, its groups of equal content joined."""
    held = joined_groups(held)
    found = published(held) or _plain_contents(held)
    noted = {n: fixed(v, (), said="attribute of the file") for n, v in held.groups.get("", {}).items() if is_number(v)}
    noted = {n: s for n, s in noted.items() if n not in found.sources}
    words = {n: "an attribute in words" for n, v in held.groups.get("", {}).items() if isinstance(v, str)}
    return found._replace(constants={**noted, **found.constants}, left={**words, **found.left})


def _plain_contents(held: Labelled) -> Contents:
    """Arrays of a file of no published layout; what some array calls its coordinates and is no axis is a factor."""
    sources = dict(held.sources)
    for name, source in sources.items():
        word = name.rsplit("/", 1)[-1]
        if word in held.auxiliary and source.role == "variable" and source.axes != (word,):
            sources[name] = replace(source, role="factor", said=", ".join(filter(None, ("a coordinate", source.said))))
    return Contents(sources, left=held.left)


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
    _check_room(path, path.stat().st_size * TEXT_GROWTH)
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
            for name, cell, number in zip(names, cells, found, strict=True):
                if not math.isfinite(number):
                    bad.setdefault(name, f"{cell.strip()[:MOST_QUOTED]!r} in {place}")
    if not lines:
        raise DataError(f"{path}: no rows under the header, cannot be read as {path.suffix}: check the file")
    return Columns(names, np.array(numbers).reshape(len(lines), -1), np.array(lines), bad)


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
    return Source(values.shape, values.dtype, values.copy, bad=held.bad.get(held.names[place], ""))


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
}


@dataclass(frozen=True)
class Wish:
    """What the user says of a file.

    Args:
        variables: names of the arrays to take; None for all but the factors.
        factors: names of arrays that are known factors; None for those that the file shows.
        axes: what is said of axes.
        masked: whether places that are missing in every row are filled and noted.
    """

    variables: Sequence[str] | None = None
    factors: Sequence[str] | None = None
    axes: Choice = Choice()
    masked: bool = False


Paths = Path | str | Sequence[Path | str]


def import_file(
    path: Paths,
    output: Path | str,
    *,
    variables: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    rows: Sequence[str] | None = None,
    components: Sequence[str] | None = None,
    time: str = "",
    drop_invalid: bool = False,
    masked: bool = False,
) -> Store:
    """Make a data set from a file of arrays, or from several files of one content whose rows follow each other.

    Rows are the axes that the names of the file, or the user, call so; where nothing has a name, the first axis of
    every array. Characters that a name cannot have become ``_``: ``run 1/u-x`` is imported as ``run_1_u_x``.

    Args:
        path: the file, its suffix one of ``READERS``; or several, or a pattern such as ``"snap_*.h5"``, taken in the
            order of the numbers in their names.
        output: folder to make; must not exist.
        variables: names of the arrays to take; all but the factors by default.
        factors: names of arrays (rows,) or (rows, p) that are known generative factors; by default those that a
            published layout, attributes of groups or coordinates of the file show.
        units: UDUNITS strings of variables and factors, in place of the file's own.
        dims: names of the axes of an array, all of them or those after the rows, in place of the file's own.
        rows: names of the axes that are rows, in their order; "file" where each file is a row.
        components: names of arrays whose short axis holds components.
        time: what becomes of the axis of time: "rows", "first", "last", "every=K" or "axis".
        drop_invalid: keep rows with numbers that are not finite out by name instead of refusing them.
        masked: fill places that are missing in every row with the mean of the rest, which is the same in all rows, and
            note in the constant ``NAME_mask`` which places there are (1) and which are missing (0).

    Raises:
        UsageError: no such file, an unknown suffix or name, a reader that is not installed, or axes that can be read in
            two ways.
        DataError: a damaged or hostile file, or arrays that cannot be snapshots.
        OutputError: the folder exists or cannot be written.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(f"{folder}/mine.npz", heat=np.ones((4, 8, 8)), load=np.arange(4.0))
    >>> store = import_file(f"{folder}/mine.npz", f"{folder}/mine.zarr", factors=["load"], units={"heat": "J"})
    >>> store.rows, store.variables[0].unit, store.factors[0].name
    (4, 'J', 'load')
    """
    paths, output = _files(path), Path(output)
    if output.exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    chosen = _all_chosen(paths, _wish(variables, factors, dims, rows, components, time, masked))
    if not drop_invalid:
        _refuse_bad(paths[0], chosen.sources)
    known = {name: source.unit for name, source in chosen.sources.items() if source.unit}
    axes = {name: s.dims for name, s in chosen.sources.items() if s.dims and name in chosen.arrays}
    return Store.from_arrays(
        output,
        chosen.arrays,
        chosen.factors,
        units=known | dict(units or {}),
        dims=axes,
        coordinates=chosen.coordinates,
        constants=chosen.constants,
        title=f"Imported from {_title(paths)}",
        allow_failed=drop_invalid,
    )


def taken_for(
    path: Paths,
    *,
    variables: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    rows: Sequence[str] | None = None,
    components: Sequence[str] | None = None,
    time: str = "",
) -> list[Taken]:
    """What `import_file` with the same arguments takes each part of a file for; nothing is made.

    Args:
        path: the file; of several the first is described.
        variables, factors, dims, rows, components, time: as for `import_file`.

    Raises:
        UsageError, DataError: as `import_file`.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(f"{folder}/mine.npz", heat=np.ones((4, 8, 8)), load=np.arange(4.0))
    >>> [(t.name, t.kind, t.axes) for t in taken_for(f"{folder}/mine.npz", factors=["load"])]
    [('heat', 'variable', 'row (4) rows, ? (8) axis, ? (8) axis'), ('load', 'factor', 'row (4) rows')]
    """
    paths = _files(path)
    wish = _wish(variables, factors, dims, rows, components, time, False)
    return _opened(paths[0], partial(_described, wish=wish, several=len(paths) > 1))


def _wish(
    variables: Sequence[str] | None,
    factors: Sequence[str] | None,
    dims: Mapping[str, Sequence[str]] | None,
    rows: Sequence[str] | None,
    components: Sequence[str] | None,
    time: str,
    masked: bool,
) -> Wish:
    wanted = None if variables is None else frozenset([*variables, *(factors or ()), *(components or ()), *(dims or {})])
    axes = Choice(tuple(rows or ()), dict(dims or {}), tuple(components or ()), time or "", wanted)
    return Wish(variables, factors, axes, masked)


def _files(path: Paths) -> list[Path]:
    """The files that are meant, in the order of the numbers in their names."""
    given = [Path(path)] if isinstance(path, Path | str) else [Path(p) for p in path]
    paths = [found for p in given for found in _matching(p)]
    for p in paths:
        if p.suffix.lower() not in READERS and not _is_zarr(p):
            raise unknown("kind of file", p.suffix or p.name, READERS)
        if not p.exists():
            raise UsageError(f"{p}: no such file: check the name")
    if len(paths) > 1 and len({p.resolve() for p in paths}) < len(paths):
        raise UsageError(f"{_title(paths)}: a file is named twice: name each once")
    return sorted(paths, key=lambda p: numbers_in(str(p))) if len(paths) > 1 else paths


def _matching(path: Path) -> list[Path]:
    if path.exists() or not set(WILD) & set(path.name):
        return [path]
    found = sorted(path.parent.glob(path.name))
    if not found:
        raise UsageError(f"{path}: no file matches this pattern: check the name")
    return found


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in (".zgroup", ".zarray", "zarr.json"))


def _title(paths: Sequence[Path]) -> str:
    return paths[0].name + (f" and {len(paths) - 1} more files" if len(paths) > 1 else "")


def _refuse_bad(path: Path, sources: Mapping[str, Source]) -> None:
    for name, source in sources.items():
        if source.bad:
            raise DataError(
                f"{path}: {name} is {source.bad}, a finite number is expected: mend it, keep such rows out with "
                "drop_invalid=True (--drop-invalid), or name the columns to take (variables, --variables)"
            )


class _Chosen(NamedTuple):
    """Arrays that were asked for, read."""

    sources: Mapping[str, Source]
    arrays: Mapping[str, Array]
    factors: Mapping[str, Array]
    coordinates: Mapping[str, tuple[Array, str]]
    constants: Mapping[str, Array]
    rows: int


def _all_chosen(paths: Sequence[Path], wish: Wish) -> _Chosen:
    """What was asked for of one file, or of all of them, row after row."""
    parts: list[_Chosen] = []
    for path in paths:
        asked = sum(a.nbytes for part in parts for a in part.arrays.values())
        parts.append(_opened(path, partial(_read, wish=wish, several=len(paths) > 1, asked=asked)))
    chosen = parts[0] if len(parts) == 1 else _joined(paths, parts)
    chosen = _without_constant_factors(chosen) if wish.factors is None else chosen
    return _without_holes(paths[0], chosen, wish.masked)


def _opened(path: Path, use: Callable[[Path, Contents], Any]) -> Any:
    """Open a file and use its contents; whatever is wrong with the file becomes one line."""
    try:
        with READERS.get(path.suffix.lower(), labelled)(path) as contents:
            return use(path, contents)
    except BeableError:
        raise
    except Exception as error:  # on bytes that are not theirs, the libraries' readers fail in every way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as {path.suffix} ({reason}): check the file") from error


def _arranged(path: Path, contents: Contents, wish: Wish, several: bool) -> Arranged:
    """The contents of a file with rows first, a file being a row where that is said or nothing else can be."""
    if wish.axes.wanted is None or several:
        _refuse_foreign(path, contents, wish)
    if is_a_row(path, contents, wish.axes, several):
        contents = as_a_row(contents)
        wish = replace(wish, axes=wish.axes._replace(rows=wish.axes.rows or ("file",)))
    return arrange(path, contents, wish.axes)


def _refuse_foreign(path: Path, contents: Contents, wish: Wish) -> None:
    for name, source in contents.sources.items():
        if source.refused and (wish.axes.wanted is None or find(name, wish.axes.wanted)):
            raise DataError(f"{path}: {name} {source.refused}")


def _described(path: Path, contents: Contents, *, wish: Wish, several: bool) -> list[Taken]:
    found = _arranged(path, contents, wish, several)
    fields, causes = _names(path, found, wish)
    kinds = {name: "factor" for name in causes} | {name: "variable" for name in fields}
    first = [Taken("layout", "layout", contents.layout, "", "recognised")] if contents.layout else []
    return first + [t._replace(kind=_kind(t, kinds, found)) for t in found.taken]


def _kind(taken: Taken, kinds: Mapping[str, str], found: Arranged) -> str:
    if taken.kind not in ("variable", "factor", "label"):
        return taken.kind
    return kinds.get(taken.name, "label" if taken.kind == "label" else "left out")


def _names(path: Path, found: Arranged, wish: Wish) -> tuple[list[str], list[str]]:
    """Names of the variables and of the factors to take, as the file has them."""
    causes = found.factors if wish.factors is None else [_find(path, name, found) for name in wish.factors]
    if wish.variables is None:
        return [n for n, s in found.sources.items() if s.role == "variable" and n not in causes], list(causes)
    return [_find(path, name, found) for name in wish.variables], list(causes)


def _find(path: Path, name: str, found: Arranged) -> str:
    held = find(name, found.sources)
    if held is not None:
        return held
    if find(name, found.constants) is not None:
        raise UsageError(f"{path}: {name} has no axis of rows, it is kept as a constant: leave its name out")
    raise unknown(f"array in {path.name}", name, map(plain, found.sources))


def _read(path: Path, contents: Contents, *, wish: Wish, several: bool, asked: int) -> _Chosen:
    found = _arranged(path, contents, wish, several)
    fields, causes = _names(path, found, wish)
    sources = {name: found.sources[name] for name in (*fields, *causes)}
    if len({plain(name) for name in sources}) < len(sources):
        raise DataError(f"{path}: two arrays have the same name but for special characters: rename one")
    for name, source in sources.items():
        if source.refused:
            raise DataError(f"{path}: {name} {source.refused}")
    constants = {plain(name): s for name, s in found.constants.items() if s.numeric}
    _check(path, {**constants, **{plain(name): s for name, s in sources.items()}}, asked)
    columns = {n: a for name in causes for n, a in _columns(plain(name), sources[name].load()).items()}
    dims = {dim for name in fields for dim in sources[name].dims}
    named = all(sources[name].dims or len(sources[name].shape) < 2 for name in fields)
    coordinates = {dim: c for dim, c in found.coordinates.items() if dim in dims or not named}
    arrays = {plain(name): sources[name].load() for name in fields}
    kept = {plain(n): s for n, s in sources.items() if n in fields or plain(n) in columns}
    return _Chosen(
        _apart(kept), arrays, columns, coordinates, {n: _constant(s.load()) for n, s in constants.items()}, found.rows
    )


def _constant(array: Array) -> Array:
    """An array in a format that a data set can hold."""
    values = np.asarray(array)
    values = values.astype(np.uint8) if values.dtype == bool else values
    values = values.astype(np.float64) if values.dtype.itemsize > 8 else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _apart(sources: Mapping[str, Source]) -> dict[str, Source]:
    """Sources of which a dimension that has another length elsewhere bears the name of its array."""
    lengths: dict[str, int] = {}
    result = {}
    for name, source in sources.items():
        dims = tuple(
            dim if lengths.setdefault(dim, n) == n else f"{name}_{dim}"
            for dim, n in zip(source.dims, source.shape[1:], strict=bool(source.dims))
        )
        result[name] = replace(source, dims=dims)
    return result


def _joined(paths: Sequence[Path], parts: Sequence[_Chosen]) -> _Chosen:
    """Rows of several files after each other; numbers of a file that differ between files are factors of its rows."""
    first = parts[0]
    for path, part in zip(paths[1:], parts[1:], strict=True):
        _check_alike(paths[0], first, path, part)
    numbers = {n: [part.constants.get(n) for part in parts] for n, c in first.constants.items() if not c.ndim}
    changing = {n: v for n, v in numbers.items() if all(x is not None and not x.ndim for x in v) and len(set(map(float, v))) > 1}
    factors = {n: np.concatenate([part.factors[n] for part in parts]) for n in first.factors}
    factors |= {n: np.repeat(np.array(v, np.float64), [part.rows for part in parts]) for n, v in changing.items()}
    constants = {n: c for n, c in first.constants.items() if n not in changing and _is_common(n, parts)}
    arrays = {n: np.concatenate([part.arrays[n] for part in parts]) for n in first.arrays}
    return _Chosen(first.sources, arrays, factors, first.coordinates, constants, sum(part.rows for part in parts))


def _is_common(name: str, parts: Sequence[_Chosen]) -> bool:
    return all(np.array_equal(part.constants.get(name), parts[0].constants[name], equal_nan=True) for part in parts)


def _check_alike(one: Path, first: _Chosen, other: Path, part: _Chosen) -> None:
    """Refuse files of other arrays, shapes, units or coordinates than the first."""
    same = "several files are of one content: import those that differ by themselves"
    names = first.arrays.keys() ^ part.arrays.keys() | first.factors.keys() ^ part.factors.keys()
    if names:
        raise DataError(f"{other}: {listed(sorted(names))} in one of {one.name} and {other.name} only: {same}")
    for name, array in first.arrays.items():
        if array.shape[1:] != part.arrays[name].shape[1:]:
            raise DataError(f"{other}: {name} has {part.arrays[name].shape[1:]} a row, in {one.name} {array.shape[1:]}: {same}")
        if first.sources[name].unit != part.sources[name].unit:
            raise DataError(f"{other}: {name} is in {part.sources[name].unit or 1}, in {one.name} in {first.sources[name].unit or 1}: {same}")
    for dim, (values, unit) in first.coordinates.items():
        there = part.coordinates.get(dim)
        if there is None or there[1] != unit or not np.array_equal(there[0], values):
            raise DataError(f"{other}: its coordinate {dim} is not that of {one.name}: {same}")


def _without_constant_factors(chosen: _Chosen) -> _Chosen:
    """Factors that nobody asked for and that are the same in every row become constants."""
    same = [n for n, a in chosen.factors.items() if len(a) > 1 and np.isfinite(a).all() and np.all(a == a[0])]
    constants = {n: np.asarray(chosen.factors[n][0]) for n in same}
    factors = {n: a for n, a in chosen.factors.items() if n not in same}
    return chosen._replace(factors=factors, constants={**chosen.constants, **constants})


def _without_holes(path: Path, chosen: _Chosen, masked: bool) -> _Chosen:
    """Places that are missing in every row: refused with what can be done, or filled and noted."""
    arrays, constants = dict(chosen.arrays), dict(chosen.constants)
    for name, array in chosen.arrays.items():
        if array.ndim < 2 or array.dtype.kind != "f" or not len(array):
            continue
        missing = np.isnan(array).all(axis=0)
        if not missing.any() or missing.all():
            continue
        if not masked:
            raise DataError(
                f"{path}: {name}: {missing.sum()} of {missing.size} places are missing in every row, such as land or a "
                "solid: fill them with a number that is the same in all rows, and note where, with masked=True (--masked)"
            )
        filled = array.copy()
        filled[:, missing] = np.nanmean(array)
        arrays[name], constants[f"{name}_mask"] = filled, (~missing).astype(np.uint8)
    return chosen._replace(arrays=arrays, constants=constants)


def _check(path: Path, sources: Mapping[str, Source], asked: int = 0) -> None:
    """Refuse what is not numbers, and what memory cannot hold, before a number is read."""
    for name, source in sources.items():
        if source.dtype.kind == "c":
            raise DataError(
                f"{path}: {name} holds {source.dtype}, not real numbers: give its real and imaginary parts as two arrays, "
                "or name the arrays to take (variables, --variables)"
            )
        if not source.numeric:
            raise DataError(
                f"{path}: {name} holds {source.dtype}, not real numbers: name the arrays to take "
                "(variables, --variables)"
            )
    _check_room(path, asked + sum(source.bytes for source in sources.values()))


def _check_room(path: Path, asked: int) -> None:
    room = _memory() * MEMORY_SHARE
    if asked > room:
        raise DataError(
            f"{path}: {asked / 1e9:.3g} GB of numbers, memory allows {room / 1e9:.3g} GB: name fewer arrays to take "
            "(variables, --variables)"
        )


def _memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _columns(name: str, array: Array) -> dict[str, Array]:
    """A factor, or one for each column.

    >>> list(_columns("theta", np.ones((5, 2))))
    ['theta_1', 'theta_2']
    """
    if array.ndim == 1:
        return {name: array}
    if array.ndim != 2:
        raise DataError(f"factors {name}: shape {array.shape}: one number a row, or (rows, factors), is expected")
    return {f"{name}_{i + 1}": column for i, column in enumerate(array.T)}
