"""Users' own files: named arrays in, a data set out.

A reader opens a file and says which arrays it holds, how large they are and what is known about them; numbers are
read only of those that are wanted. A file is somebody else's work and is believed in nothing: no pickles, no array
larger than its file can hold or than memory, no numbers from another file than the one that was named.
"""

import csv
import math
import os
import re
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

from beable.checks import library
from beable.datasets.layout import RESERVED
from beable.datasets.store import Store
from beable.errors import BeableError, DataError, OutputError, UsageError, unknown
from beable.files import MANIFEST

Array = NDArray[Any]

MEMORY_SHARE = 0.5
HDF5 = b"\x89HDF"
TEXT_GROWTH = 4  # a number of one digit and its comma become eight bytes
MOST_HEADER, MOST_QUOTED = 2**16, 40
JACOBSEN = frozenset({"generative_params", "permeability", "output"})


@dataclass(frozen=True)
class Source:
    """One array of a file.

    Args:
        shape: (rows, ...).
        dtype: number format.
        load: reads it.
        dims: names of its dimensions after the rows; empty where the file has none.
        unit: UDUNITS string; empty where the file has none.
        bad: its first entry that is no finite number, in words; empty where none is known.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Array]
    dims: tuple[str, ...] = ()
    unit: str = ""
    bad: str = ""

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Contents(NamedTuple):
    """What a file holds.

    Args:
        sources: arrays by name.
        coordinates: values and unit by name of dimension.
        factors: names of the arrays that are factors, where the file's layout says so.
    """

    sources: Mapping[str, Source]
    coordinates: Mapping[str, tuple[Array, str]] = {}
    factors: Sequence[str] = ()


@contextmanager
def npy(path: Path) -> Iterator[Contents]:
    """One array, named after the file."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    yield Contents({path.stem: Source(array.shape, array.dtype, lambda: np.array(array))})


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
    return Source(shape, dtype, partial(_load_member, archive, member))


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
def hdf5(path: Path) -> Iterator[Contents]:
    """Arrays of an HDF5 file, those in groups under their path; the layout of the Darcy paper is known."""
    h5py = library("h5py", "hdf5")
    with h5py.File(path, "r", locking=False) as file:
        sets: dict[str, Any] = {}
        file.visititems(lambda name, item: sets.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        sources = {name: _dataset(name, item) for name, item in sets.items() if not item.is_scale}
        yield _jacobsen(sources) if sources.keys() >= JACOBSEN else Contents(sources)


def _dataset(name: str, item: Any) -> Source:
    """An array of an HDF5 file; one that takes its numbers from another file is refused."""
    if item.external or item.is_virtual:
        raise ValueError(f"{name} takes its numbers from another file")
    unit = item.attrs.get("units", "")
    return Source(item.shape or (), item.dtype, lambda: item[()], unit=unit if isinstance(unit, str) else "")


def _jacobsen(sources: Mapping[str, Source]) -> Contents:
    r"""The files of Jacobsen & Duraisamy (2022) in the order of axes used here.

    Their images hold the field at :math:`(x_1, x_2)` = (a, n-1-b) in pixel [a, b]; the channels of ``output`` are
    p, u_1, u_2.
    """
    theta, permeability, output = (sources[name] for name in ("generative_params", "permeability", "output"))
    rows, n = (*output.shape, 0)[0], (*output.shape, 0)[-2]
    if output.shape != (rows, 3, n, n) or permeability.shape != (rows, 1, n, n) or theta.shape[:1] != (rows,):
        return Contents(sources)
    axes, grid = ("x", "y"), (rows, n, n)
    fields = {
        "permeability": replace(permeability, shape=grid, load=lambda: permeability.load()[:, 0, :, ::-1], dims=axes),
        "pressure": replace(output, shape=grid, load=lambda: output.load()[:, 0, :, ::-1], dims=axes),
        "flux": replace(
            output, shape=(rows, 2, n, n), load=lambda: output.load()[:, 1:, :, ::-1], dims=("component", *axes)
        ),
    }
    return Contents({**fields, "theta": theta}, {axis: (np.linspace(0, 1, n), "1") for axis in axes}, ["theta"])


@contextmanager
def labelled(path: Path) -> Iterator[Contents]:
    """Variables of a NetCDF file or of a Zarr group, with dimensions, units and coordinates, as xarray reads them."""
    if (path / MANIFEST).exists():
        raise UsageError(f"{path}: a beable data set already: use it as it is")
    xarray = library("xarray", "xarray")
    if path.is_dir():
        library("zarr", "xarray")
    options = {"engine": "zarr", "consolidated": False} if path.is_dir() else {"engine": _engine(path)}
    with xarray.open_dataset(path, decode_times=False, chunks=None, **options) as data:
        sources = {str(name): _labelled(variable) for name, variable in data.data_vars.items()}
        yield Contents(sources, _coordinates(data, sources))


def _engine(path: Path) -> str:
    """What xarray reads a NetCDF file with; version 4 is HDF5, version 3 is not."""
    with path.open("rb") as file:
        if file.read(len(HDF5)) != HDF5:
            return "scipy"
    return str(library("h5netcdf", "xarray").__name__)


def _labelled(variable: Any) -> Source:
    unit = str(variable.attrs.get("units", ""))
    return Source(variable.shape, variable.dtype, lambda: variable.to_numpy(), _dims(variable), unit)


def _dims(variable: Any) -> tuple[str, ...]:
    return tuple(_dim(str(dim)) for dim in variable.dims[1:])


def _dim(name: str) -> str:
    """The name of a dimension, which must not be one that a data set needs itself."""
    return f"{_plain(name)}_" if name in RESERVED else _plain(name)


def _coordinates(data: Any, sources: Mapping[str, Source]) -> dict[str, tuple[Array, str]]:
    """Coordinates that are finite numbers, of dimensions that a snapshot has."""
    dims = {dim for source in sources.values() for dim in source.dims}
    coords = {_dim(str(name)): coordinate for name, coordinate in data.coords.items()}
    numbers = {dim: c for dim, c in coords.items() if dim in dims and c.dims == (c.name,) and c.dtype.kind in "fiu"}
    found = {dim: (c.to_numpy(), str(c.attrs.get("units", "1"))) for dim, c in numbers.items()}
    return {dim: (values, unit) for dim, (values, unit) in found.items() if np.isfinite(values).all()}


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
    word = _dim(name or str(place + 1))
    return word if word[0].isalpha() else f"column_{word}"


READERS: dict[str, Callable[[Path], AbstractContextManager[Contents]]] = {
    ".npy": npy,
    ".npz": npz,
    ".h5": hdf5,
    ".hdf5": hdf5,
    ".nc": labelled,
    ".zarr": labelled,
    ".csv": columns,
    ".tsv": columns,
}


def import_file(
    path: Path | str,
    output: Path | str,
    *,
    variables: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    drop_invalid: bool = False,
) -> Store:
    """Make a data set from a file of arrays whose first axis is the rows.

    Characters that a name cannot have become ``_``: ``run 1/u-x`` is imported as ``run_1_u_x``.

    Args:
        path: the file; its suffix, one of ``READERS``, says how it is read.
        output: folder to make; must not exist.
        variables: names of the arrays to take; all but the factors by default.
        factors: names of arrays (rows,) or (rows, p) that are known generative factors.
        units: UDUNITS strings of variables and factors, in place of the file's own.
        dims: names of a variable's dimensions after the rows, in place of the file's own or of those of
            `Store.from_arrays`.
        drop_invalid: keep rows with numbers that are not finite out by name instead of refusing them.

    Raises:
        UsageError: no such file, an unknown suffix or name, a reader that is not installed.
        DataError: a damaged or hostile file, or arrays that cannot be snapshots.
        OutputError: the folder exists or cannot be written.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(f"{folder}/mine.npz", heat=np.ones((4, 8, 8)), load=np.arange(4.0))
    >>> store = import_file(f"{folder}/mine.npz", f"{folder}/mine.zarr", factors=["load"], units={"heat": "J"})
    >>> store.rows, store.variables[0].unit, store.factors[0].name
    (4, 'J', 'load')
    """
    path, output = Path(path), Path(output)
    if path.suffix.lower() not in READERS:
        raise unknown("kind of file", path.suffix or path.name, READERS)
    if not path.exists():
        raise UsageError(f"{path}: no such file: check the name")
    if output.exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    chosen = _chosen(path, variables, factors)
    if not drop_invalid:
        _refuse_bad(path, chosen.sources)
    known = {name: source.unit for name, source in chosen.sources.items() if source.unit}
    axes = {name: s.dims for name, s in chosen.sources.items() if s.dims and name in chosen.arrays}
    return Store.from_arrays(
        output,
        chosen.arrays,
        chosen.factors,
        units=known | dict(units or {}),
        dims=axes | dict(dims or {}),
        coordinates=chosen.coordinates,
        title=f"Imported from {path.name}",
        allow_failed=drop_invalid,
    )


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


def _chosen(path: Path, variables: Sequence[str] | None, factors: Sequence[str] | None) -> _Chosen:
    """Open a file and read what was asked for; whatever is wrong with the file becomes one line."""
    try:
        with READERS[path.suffix.lower()](path) as contents:
            return _read(path, contents, variables, factors)
    except BeableError:
        raise
    except Exception as error:  # on bytes that are not theirs, the libraries' readers fail in every way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as {path.suffix} ({reason}): check the file") from error


def _read(path: Path, contents: Contents, variables: Sequence[str] | None, factors: Sequence[str] | None) -> _Chosen:
    sources = _named(path, contents.sources)
    causes = [_plain(name) for name in (contents.factors if factors is None else factors)]
    fields = [name for name in sources if name not in causes] if variables is None else list(map(_plain, variables))
    for name in (*causes, *fields):
        if name not in sources:
            raise unknown(f"array in {path.name}", name, sources)
    wanted = {name: sources[name] for name in (*fields, *causes)}
    _check(path, wanted)
    columns = {n: a for name in causes for n, a in _columns(name, wanted[name].load()).items()}
    dims = {dim for name in fields for dim in wanted[name].dims}
    coordinates = {dim: c for dim, c in contents.coordinates.items() if dim in dims}
    kept = {name: s for name, s in wanted.items() if name in fields or name in columns}
    return _Chosen(kept, {name: wanted[name].load() for name in fields}, columns, coordinates)


def _named(path: Path, sources: Mapping[str, Source]) -> dict[str, Source]:
    named = {_plain(name): source for name, source in sources.items()}
    if len(named) < len(sources):
        raise DataError(f"{path}: two arrays have the same name but for special characters: rename one")
    return named


def _plain(name: str) -> str:
    """A name that a data set can have.

    >>> _plain("run 1/u-x")
    'run_1_u_x'
    """
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _check(path: Path, sources: Mapping[str, Source]) -> None:
    """Refuse what is not numbers, and what memory cannot hold, before a number is read."""
    for name, source in sources.items():
        if source.dtype.kind not in "fiub":
            raise DataError(
                f"{path}: {name} holds {source.dtype}, not real numbers: name the arrays to take "
                "(variables, --variables)"
            )
    _check_room(path, sum(source.bytes for source in sources.values()))


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
