"""The lines of names and units above the rows of a text table, and how many columns these are for.

A line of names holds words where rows hold numbers. It may be a comment, and a line of units may stand beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from beable.datasets.dialects import EMPTY, SHARE, Dialect, Line, TableFormat, is_comment, split
from beable.datasets.units import unit
from beable.errors import DataError

#: entries of a line of units that no table of units has
NO_UNIT = frozenset({"", "-", "--", "%", "°", "deg", "none", "1"})
#: rows that follow each other where rows begin, lines of names and units, letters of a line that are shown
ROWS_AT_ONCE, MOST_HEADS, SHOWN = 3, 2, 40


def with_heads(path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect) -> Dialect:
    """The names and units of the columns, and where the rows begin."""
    table = list(split(path, lines, dialect))
    said = list(dialect.said)
    if form.header != "" and form.header is not None:
        dialect = _headed(path, lines, form, dialect)
    elif form.header is None:
        dialect = replace(dialect, names=("",) * dialect.width, start=_first(dialect, table).number)
        said.append(f"no line of names, as said: columns are named column_1 to column_{dialect.width}")
        dialect = replace(dialect, said=tuple(said))
    else:
        dialect = _found_heads(path, lines, form, dialect, table)
    return _fitted(path, lines, dialect)


def _first(dialect: Dialect, table: Sequence[Line]) -> Line:
    return next((line for line in table if len(line.cells) == dialect.width), table[0])


def _headed(path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect) -> Dialect:
    """Names and units from the lines that the user names."""
    names = _cells_of(path, lines, int(form.header or 0), dialect)
    units = _cells_of(path, lines, form.units, dialect) if isinstance(form.units, int) else []
    start = max(int(form.header or 0), form.units if isinstance(form.units, int) else 0) + 1
    said = (*dialect.said, f"names in line {form.header}, as said")
    return replace(dialect, names=tuple(names), units=tuple(units), start=start, said=said)


def _cells_of(path: Path, lines: Sequence[str], number: int, dialect: Dialect) -> list[str]:
    """Entries of a line of names or units, which may be a comment."""
    if not 1 <= number <= len(lines):
        raise DataError(f"{path}: no line {number} among its first {len(lines)}: give another in --table-format")
    return _entries(path, _bare(lines[number - 1], dialect.comment), dialect)


def _bare(line: str, mark: str) -> str:
    """A line without what makes it a comment."""
    text = line.strip("\r\n\ufeff")
    return text.lstrip()[len(mark) :].lstrip(mark[:1]) if mark and text.lstrip().startswith(mark) else text


def _entries(path: Path, text: str, dialect: Dialect) -> list[str]:
    """Entries of a line of names, which may hold blanks themselves where that makes as many as there are columns."""
    plain = replace(dialect, comment="", start=1)
    found = next((line.cells for line in split(path, [text], plain)), [])
    if dialect.separator == " " and len(found) != dialect.width:
        for rule in (r"\s{2,}|\t+", r"\s+(?![\[(])(?![^\[(]*[\])])"):
            parts = re.split(rule, text.strip())
            if len(parts) == dialect.width:
                return parts
    return [cell.strip() for cell in found]


def _found_heads(
    path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect, table: Sequence[Line]
) -> Dialect:
    """The lines right above the first row that hold words where rows hold numbers."""
    numeric = _numeric(dialect, table)
    first = _first_row(dialect, table, numeric)
    heads = _heads(dialect, table[:first], numeric)
    if not heads:
        heads = _commented(path, lines, dialect, table[first].number if first < len(table) else len(lines) + 1)
    if not heads:
        _refuse_headless(path, table, first)
    names, units = _names_and_units(path, heads, form, dialect)
    last = max(line.number for line in heads)
    above = [line for line in table[:first] if line.number < min(head.number for head in heads)]
    said = list(dialect.said)
    if above:
        shown = " ".join(above[0].cells).strip()[:SHOWN]
        said.append(f"{len(above)} line{'s' * (len(above) > 1)} above the names left out ({shown!r})")
    if names.number != _first_written(lines, dialect):
        said.append(f"names in line {names.number}")
    if units is not None:
        said.append(f"units in line {units.number}")
    return replace(
        dialect,
        names=tuple(c.strip() for c in names.cells),
        units=tuple(c.strip() for c in units.cells) if units is not None else (),
        start=last + 1,
        said=tuple(said),
    )


def _heads(dialect: Dialect, above: Sequence[Line], numeric: Sequence[int]) -> list[Line]:
    """Lines right above the rows that hold words where rows hold numbers, all with as many entries."""
    heads: list[Line] = []
    for line in reversed(above):
        if not _is_head(line, dialect, numeric) or (heads and len(line.cells) != len(heads[0].cells)):
            break
        heads.insert(0, line)
    return heads


def _first_written(lines: Sequence[str], dialect: Dialect) -> int:
    """Number of the first line that is neither blank nor above the start."""
    return next(i for i, line in enumerate(lines, 1) if line.strip() and i >= dialect.start)


def _numeric(dialect: Dialect, table: Sequence[Line]) -> list[int]:
    """Columns of which most entries are numbers, by the later half of the lines."""
    body = [line.cells for line in table[len(table) // 2 :] if len(line.cells) == dialect.width]
    found = []
    for place in range(dialect.width):
        cells = [c for row in body if (c := row[place].strip()) not in EMPTY]
        if cells and 2 * sum(map(dialect.numbers.is_number, cells)) > len(cells):
            found.append(place)
    return found


def _is_row(line: Line, dialect: Dialect, numeric: Sequence[int]) -> bool:
    """Whether more than half of the entries where numbers are expected are numbers, or empty ones beside a number."""
    cells = [line.cells[i].strip() for i in numeric if i < len(line.cells)]
    count = sum(map(dialect.numbers.is_number, cells))
    return (
        len(line.cells) >= dialect.width - 1 and count > 0 and 2 * (count + sum(c in EMPTY for c in cells)) > len(cells)
    )


def _first_row(dialect: Dialect, table: Sequence[Line], numeric: Sequence[int]) -> int:
    """Place of the first of the lines that are rows one after the other."""
    if not numeric:
        return 1 + next((i for i, line in enumerate(table) if len(line.cells) == dialect.width), 0)
    rows = [_is_row(line, dialect, numeric) and not _is_units(line, dialect) for line in table]
    first = next((i for i in range(len(rows)) if all(rows[i : i + ROWS_AT_ONCE])), len(table))
    upper = first
    while upper and len(table[upper - 1].cells) == dialect.width and not _is_head(table[upper - 1], dialect, numeric):
        upper -= 1  # rows with few numbers, if names stand above them
    return upper if upper and _is_head(table[upper - 1], dialect, numeric) else first


def _is_head(line: Line, dialect: Dialect, numeric: Sequence[int]) -> bool:
    """Whether a line holds words where rows hold numbers."""
    if abs(len(line.cells) - dialect.width) > 1 and 2 * len(line.cells) <= dialect.width:
        return False
    cells = [line.cells[i].strip() for i in numeric if i < len(line.cells)]
    return _is_units(line, dialect) or not any(map(dialect.numbers.is_number, cells))


def _is_units(line: Line, dialect: Dialect) -> bool:
    """Whether a line holds units and, for what has none, the number 1."""
    cells = [c.strip() for c in line.cells]
    return any(not dialect.numbers.is_number(c) for c in cells if c not in EMPTY) and _unit_share(cells) == 1


def _commented(path: Path, lines: Sequence[str], dialect: Dialect, before: int) -> list[Line]:
    """Comments above the rows that have as many entries as the rows."""
    if not dialect.comment:
        return []
    comments = [i for i in range(1, min(before, len(lines) + 1)) if is_comment(lines[i - 1], dialect.comment)]
    found = [Line(i, _cells_of(path, lines, i, dialect)) for i in comments[-ROWS_AT_ONCE:]]
    fitting = [line for line in found if len(line.cells) in (dialect.width, dialect.width + 1)]
    both = fitting[-MOST_HEADS:]
    if len(both) == MOST_HEADS and (both[1].number != both[0].number + 1 or not _told_apart(*both)):
        both = both[1:]
    return both


def _refuse_headless(path: Path, table: Sequence[Line], first: int) -> None:
    line = table[min(first, len(table) - 1)].number
    raise DataError(
        f"{path}: line {line} holds numbers: a file of columns begins with a header of their names; say --table-format "
        f"header=none if it has none, or header={line} if these are names"
    )


def _names_and_units(
    path: Path, heads: Sequence[Line], form: TableFormat, dialect: Dialect
) -> tuple[Line, Line | None]:
    if len(heads) == 1 or form.units is None:
        return heads[-1], None
    told = _told_apart(*heads) if len(heads) == MOST_HEADS else None
    if isinstance(form.units, int):
        told = (
            next((h for h in heads if h.number != form.units), heads[0]),
            next((h for h in heads if h.number == form.units), heads[-1]),
        )
    if told is None:
        numbers = [head.number for head in heads]
        raise DataError(
            f"{path}: lines {numbers[0]} to {numbers[-1]} hold words: say which holds the names and which the units, "
            f"such as --table-format header={numbers[0]} units={numbers[1]}, or header={numbers[-1]}"
        )
    return told


def _told_apart(one: Line, two: Line) -> tuple[Line, Line] | None:
    """Names and units, where one of two lines holds units for the most part and more of them than the other."""
    first, second = _unit_share(one.cells), _unit_share(two.cells)
    if max(first, second) < SHARE or first == second:
        return None
    return (one, two) if second > first else (two, one)


def _unit_share(cells: Sequence[str]) -> float:
    """Share of the entries that are units."""
    held = [c.strip().strip("[]()") for c in cells]
    return sum(c in NO_UNIT or unit(c) is not None for c in held) / max(1, len(held))


def _fitted(path: Path, lines: Sequence[str], dialect: Dialect) -> Dialect:
    """Names for as many columns as there are: without an empty last one, with one for names of rows."""
    rows = list(split(path, lines, dialect))
    count, said = len(dialect.names), list(dialect.said)
    body = [line for line in rows if len(line.cells) == dialect.width]
    ends = bool(body) and all(not line.cells[-1].strip() for line in body)
    if count == dialect.width and not dialect.names[-1] and ends and count > 1:
        said.append("the separator at the end of each line is no column")
        return replace(dialect, names=dialect.names[:-1], units=dialect.units[: count - 1], said=tuple(said))
    if count == dialect.width - 1 and ends:
        said.append("the separator at the end of each line is no column")
        return replace(dialect, said=tuple(said))
    if count == dialect.width + 1 and not dialect.names[-1]:
        return replace(dialect, names=dialect.names[:-1], units=dialect.units[: count - 1])
    if count == dialect.width - 1 and dialect.separator in " \t" and body:
        said.append("one name fewer than columns: the first column holds names of rows")
        units = ("", *dialect.units) if dialect.units else ()
        return replace(dialect, names=("", *dialect.names), units=units, said=tuple(said))
    return dialect
