"""Tables of other programs, Parquet and workbooks, read by pandas, which is optional."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from beable import memory
from beable.checks import library
from beable.datasets.columns import (
    DAYS,
    MOST_QUOTED,
    Entries,
    Reading,
    column_source,
    headings,
    is_unit,
    numbered,
    other_names,
)
from beable.datasets.dialects import EMPTY, TableFormat
from beable.datasets.sources import Array, Contents, LazyRows, Source, are_exact, refuse_many
from beable.errors import DataError, UsageError, listed

EXTRA = "tables"
#: the library beside pandas that reads a kind of file
ENGINES = {".parquet": "pyarrow", ".xlsx": "openpyxl"}
#: the variable by which Arrow is told where it takes memory
POOL = "ARROW_DEFAULT_MEMORY_POOL"
#: what Arrow reserves at its first read by its own way
RESERVE = 5 << 28


@contextmanager
def frame(path: Path, reading: Reading) -> Iterator[Contents]:
    """Columns of a Parquet file or of one sheet of a workbook."""
    with _as_it_is_needed():
        library("pandas", EXTRA)
        library(ENGINES[path.suffix.lower()], EXTRA)
    data, said = _parquet(path) if path.suffix.lower() == ".parquet" else _sheet(path, reading.form)
    yield contents_of_frame(path, data, reading, said)


@contextmanager
def _as_it_is_needed() -> Iterator[None]:
    """Let Arrow, where it is imported here, ask the system for memory as it is needed.

    Its own way asks for 1 GB at once, which is more than a small file may take; refused, it waits for ever.
    """
    before = os.environ.get(POOL)
    os.environ.setdefault(POOL, "system")
    try:
        yield
    finally:
        if before is None:
            del os.environ[POOL]


def _parquet(path: Path) -> tuple[Any, list[str]]:
    if library("pyarrow", EXTRA).default_memory_pool().backend_name != "system":  # it was imported before
        memory.allow_reserve(RESERVE)
    data = library("pandas", EXTRA).read_parquet(path, use_threads=False, pre_buffer=False)
    if any(name is not None for name in data.index.names):
        return data.reset_index(), []
    counted = type(data.index) is library("pandas", EXTRA).RangeIndex
    return data, [] if counted else ["names of the rows, which have none themselves, left out"]


def _sheet(path: Path, form: TableFormat) -> tuple[Any, list[str]]:
    """One sheet of a workbook; where there are several, the user says which."""
    pandas = library("pandas", EXTRA)
    with pandas.ExcelFile(path) as book:
        sheets = list(map(str, book.sheet_names))
        if form.sheet and form.sheet not in sheets:
            raise UsageError(f"{path}: no sheet {form.sheet!r}: it has {listed(sheets)}")
        if len(sheets) > 1 and not form.sheet:
            raise UsageError(f"{path}: {len(sheets)} sheets ({listed(sheets)}): say which, --table-format sheet=NAME")
        sheet = form.sheet or sheets[0]
        header = form.header - 1 if isinstance(form.header, int) else None if form.header is None else 0
        data = pandas.read_excel(book, sheet_name=sheet, header=header)
        if header is not None:
            first = pandas.read_excel(book, sheet_name=sheet, header=None, nrows=header + 1)
            data.columns = _as_written(data.columns, first, header)
    if data.isna().to_numpy().any() and (cell := _formula_without_value(path, sheet)):
        raise DataError(
            f"{path}: cell {cell} holds a formula whose value was never stored: open the workbook in a spreadsheet "
            "program, which computes it, and save it"
        )
    if header is None:
        data.columns = [f"column_{i + 1}" for i in range(data.shape[1])]
    said = [f"sheet {sheet}"] if len(sheets) > 1 else []
    return _with_units(path, data, form, said), said


def _formula_without_value(path: Path, sheet: str) -> str:
    """The first cell, such as B7, with a formula but no value; empty where there is none."""
    load = library("openpyxl", EXTRA).load_workbook
    with closing(load(path, read_only=True)) as asked, closing(load(path, read_only=True, data_only=True)) as stored:
        rows = zip(asked[sheet].iter_rows(), stored[sheet].iter_rows(), strict=True)
        for cell, found in (pair for row in rows for pair in zip(*row, strict=True)):
            if cell.data_type == "f" and found.value is None and found.data_type == "n":  # of no text either
                return str(cell.coordinate)
    return ""


def _as_written(names: Any, sheet: Any, header: int) -> list[str]:
    """Names of columns as the sheet has them; pandas numbers those that stand there twice."""
    written = sheet.iloc[header] if len(sheet) > header else names
    return [str(name) if _is_empty(word) else str(word) for name, word in zip(names, written, strict=True)]


def _with_units(path: Path, data: Any, form: TableFormat, said: list[str]) -> Any:
    """The rows without the line of units below the names, which is put behind these."""
    if form.units is None or not len(data):
        return data
    first = ["" if _is_empty(v) else str(v).strip() for v in data.iloc[0]]
    told = isinstance(form.units, int)
    numeric = [i for i in range(data.shape[1]) if _mostly_numbers(data.iloc[1:, i])]
    words = bool(numeric) and all(not _is_number(data.iloc[0, i]) for i in numeric)
    if not told and not (words and _share(first) >= 0.5):
        if words and form.header == "" and all(first[i] for i in numeric):
            raise DataError(
                f"{path}: lines 1 and 2 hold words: say which holds the names and which the units, such as "
                "--table-format header=2, or header=1 units=2"
            )
        return data
    said.append("units in the line below the names")
    data = data.iloc[1:].infer_objects()
    data.columns = [f"{n} [{u}]" if u else n for n, u in zip(map(str, data.columns), first, strict=True)]
    return data


def _share(words: list[str]) -> float:
    held = [w.strip("[]()") for w in words]
    return sum(w in ("", "-", "1") or is_unit(w) for w in held) / max(1, len(held))


def _mostly_numbers(column: Any) -> bool:
    held = [v for v in column if not _is_empty(v)]
    return bool(held) and 2 * sum(map(_is_number, held)) > len(held)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | Decimal) and value == value and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in EMPTY
    pandas = library("pandas", EXTRA)
    return bool(pandas.api.types.is_scalar(value) and pandas.isna(value))


def contents_of_frame(path: Path, data: Any, reading: Reading, said: list[str]) -> Contents:
    """Columns of a data frame as arrays, row numbers and dates as labels."""
    if not len(data) or not data.shape[1]:
        raise DataError(f"{path}: no rows under the header, cannot be read as {path.suffix}: check the file")
    refuse_many(path, data.shape[1], "columns")
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in data.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice and reading.form.duplicates != "number":
        raise DataError(
            f"{path}: two columns are named {twice[0]!r}: rename one, or number them with --table-format "
            "duplicates=number"
        )
    names = numbered(names)
    sources, heads = {}, headings(names)
    for i, head in enumerate(heads):
        sources[head.word] = _source(head, data.iloc[:, i], i, reading)
    return Contents(sources, notes=said, aliases=other_names(heads))


def _source(head: Any, column: Any, place: int, reading: Reading) -> Source:
    """A column of a data frame as an array."""
    kind = getattr(column.dtype, "kind", "O")
    if kind == "M":
        told = "dates: name it in factors (--factors) to keep it, as days since 1970-01-01"
        load = partial(_days, column)
        return Source((len(column),), np.dtype("f8"), load, unit=DAYS, role="label", said=told, long_name=head.shown)
    if kind == "O" and (inside := _listed(column)):
        why = (
            f"holds lists, such as {inside:.{MOST_QUOTED}}: leave it out (exclude, --exclude), or write their numbers "
            "as columns and join these (vectors, --vector)"
        )
        return Source((len(column),), np.dtype("O"), column.to_numpy, refused=why, long_name=head.shown)
    values, entries = _numbers(column, reading) if kind not in "fiub" else (_plain(column), Entries())
    if kind in "iu":
        entries.rounded = _rounded(column, reading)
    gone = ~np.isfinite(values) if kind in "fiub" else np.zeros(0, bool)
    if gone.any():
        row = int(gone.argmax())
        entries.first = f"{column.iloc[row]!s:.{MOST_QUOTED}} in row {row}"
        entries.empty[""] = int(np.isnan(values).sum())
        entries.gap = entries.first
        entries.word = "" if np.isnan(values[gone]).all() else entries.first
    return column_source(head, LazyRows.over(values), entries, partial(_words, column), place, reading)


def _listed(column: Any) -> str:
    """The first list of a column, in words; empty where there is none."""
    return next((str(value) for value in column if isinstance(value, list | tuple | np.ndarray)), "")


def _plain(column: Any) -> Array:
    """Numbers of a column, NaN where there is none."""
    values: Array = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _rounded(column: Any, reading: Reading) -> str:
    """The first whole number of a column that a floating-point number rounds, in words; empty where there is none."""
    if are_exact(column.dropna().to_numpy(dtype=f"{column.dtype.kind}8"), np.float64):
        return ""
    known = ((row, v) for row, v in enumerate(column) if not _is_empty(v) and str(v) not in reading.missing)
    return next((f"{value} in row {row}" for row, value in known if int(float(value)) != value), "")


def _numbers(column: Any, reading: Reading) -> tuple[Array, Entries]:
    """Numbers of a column that holds other things as well, and what these are."""
    entries, values = Entries(), np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if _is_number(value):
            values[row] = value
            if isinstance(value, int | np.integer) and int(values[row]) != value:
                entries.rounded = entries.rounded or f"{value} in row {row}"
        else:
            word = "" if _is_empty(value) else str(value).strip()
            values[row] = entries.value(word, f"row {row}", reading.missing)
    return values, entries


def _words(column: Any) -> Array:
    return np.array(["" if _is_empty(value) else str(value).strip() for value in column], np.str_)


def _days(column: Any) -> Array:
    seconds = column.to_numpy(dtype="datetime64[ms]")
    return np.where(np.isnat(seconds), np.nan, seconds.astype("int64") / 86_400_000)
