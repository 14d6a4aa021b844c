"""How a text file holds a table: encoding, separator, decimal sign, comments, lines of names and of units.

Each way of reading is tried on the first lines and judged by what it makes of them: how many lines have the same number
of entries, and how many entries are numbers. What two ways of reading fit is refused, with the option that settles it.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from beable.datasets.units import unit
from beable.errors import DataError, UsageError
from beable.settings import SettingsModel, validated

SAMPLE_LINES, SAMPLE_BYTES, MOST_LINE = 400, 2**20, 2**22
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "blanks": " "}
DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"comma": ",", "point": ".", "blank": " ", "apostrophe": "'", "none": ""}
NARROW = ("\u00a0", "\u202f")  # blanks that stand in a number alone
MARKS = ("#", "%", "//", "!")
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
BOMS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: what stands for an empty entry
EMPTY = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "-nan", "null", "NULL", "-", "--", "?"})
#: entries of a line of units that no table of units has
NO_UNIT = frozenset({"", "-", "--", "%", "°", "deg", "none", "1"})
#: of the number lines that must have as many entries as most, and that are rows one after the other where rows begin
SHARE, ROWS_AT_ONCE, MOST_HEADS, SHOWN = 0.5, 3, 2, 40


class TableFormat(SettingsModel):
    """How a text file or a workbook holds its table; what is not said is recognised.

    Args:
        separator: comma, semicolon, tab, bar or blanks, or the sign itself.
        decimal: point or comma.
        thousands: comma, point, blank, apostrophe or none, what stands between groups of three digits.
        encoding: such as utf-8, latin-1 or gbk.
        header: number of the line that holds the names, or "none" where none does.
        units: number of the line that holds the units, or "none".
        comment: what a line begins with that is no part of the table.
        duplicates: "refuse" columns of one name, or "number" them.
        sheet: name of the sheet of a workbook.
    """

    separator: str = ""
    decimal: str = ""
    thousands: str | None = ""
    encoding: str = ""
    header: int | str | None = ""
    units: int | str | None = ""
    comment: str = ""
    duplicates: str = "refuse"
    sheet: str = ""

    @property
    def sign(self) -> str:
        """The separator as it stands in the file."""
        return SEPARATORS.get(self.separator, self.separator)


def table_format(pairs: Iterable[str]) -> TableFormat:
    """What the words after ``--table-format`` say, such as separator=semicolon decimal=comma.

    Raises:
        UsageError: an unknown name or a value that it cannot have.

    >>> table_format(["separator=;", "header=2"]).header
    2
    """
    tree: dict[str, object] = {}
    for pair in pairs:
        name, sign, word = pair.partition("=")
        if not (name and sign and word):
            raise UsageError(f"--table-format {pair}: give a name and a value, such as separator=semicolon")
        tree[name] = int(word) if name in ("header", "units") and word.isdigit() else word
    form = validated(TableFormat, tree, "table format")
    if form.separator and form.sign not in SEPARATORS.values():
        raise UsageError(f"separator {form.separator!r}: give {', '.join(SEPARATORS)} or one of , ; |")
    if form.decimal and form.decimal not in (*DECIMALS, *DECIMALS.values()):
        raise UsageError(f"decimal {form.decimal!r}: give point or comma")
    if form.thousands and form.thousands not in (*THOUSANDS, *THOUSANDS.values()):
        raise UsageError(f"thousands {form.thousands!r}: give {', '.join(THOUSANDS)}")
    if form.duplicates not in ("refuse", "number"):
        raise UsageError(f"duplicates {form.duplicates!r}: give refuse or number")
    for name, value in (("header", form.header), ("units", form.units)):
        if (isinstance(value, str) and value) or value == 0:
            raise UsageError(f"{name} {value!r}: give the number of a line, from 1 on, or none")
    if form.encoding:
        try:
            codecs.lookup(form.encoding)
        except LookupError:
            raise UsageError(f"encoding {form.encoding!r} is not known: give one such as utf-8 or latin-1") from None
    return form


class Numbers(NamedTuple):
    """How numbers are written.

    Args:
        decimal: "." or ",".
        thousands: what stands between groups of three digits; empty for nothing.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        return _PATTERNS.setdefault(self, _pattern(self))

    def is_number(self, cell: str) -> bool:
        return self.pattern.fullmatch(cell.strip()) is not None

    def value(self, cell: str) -> float:
        """The number of an entry that is one."""
        text = cell.strip().replace("\u2212", "-")
        text = text.replace(self.thousands, "") if self.thousands else text
        return float(text.replace(self.decimal, ".").replace("d", "e").replace("D", "e"))


PLAIN = Numbers()
_PATTERNS: dict[Numbers, re.Pattern[str]] = {}


def _pattern(numbers: Numbers) -> re.Pattern[str]:
    point, group = re.escape(numbers.decimal), re.escape(numbers.thousands)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    end = rf"{point}\d*" if numbers.decimal == "." else rf"{point}\d+"
    return re.compile(rf"[+\u2212-]?(?:(?:{whole})(?:{end})?|{point}\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Dialect:
    """How one file holds its table.

    Args:
        encoding: of its text.
        separator: one sign; a blank stands for any number of blanks and tabs.
        numbers: how numbers are written.
        comment: what lines begin with that are left out; empty for none.
        names: of the columns as the file has them, without an empty last one.
        units: of the columns, from a line of their own; none where there is no such line.
        width: entries of a line of numbers.
        start: number of the first line that may hold a row, from 1 on.
        said: what was recognised, in words.
    """

    encoding: str
    separator: str = ","
    numbers: Numbers = PLAIN
    comment: str = ""
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    width: int = 0
    start: int = 1
    said: tuple[str, ...] = ()


class Line(NamedTuple):
    """Entries of a line, and the number of the line that they end on."""

    number: int
    cells: list[str]


# Lines and entries


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines of a file as they are; a file that is no such text is refused."""
    try:
        with open(path, encoding=encoding, newline="") as file:
            while line := file.readline(MOST_LINE):
                if len(line) == MOST_LINE:
                    raise DataError(f"{path}: a line of more than {MOST_LINE:,} letters: this is no table of text")
                yield line
    except (OSError, UnicodeError) as error:
        advice = "check the file, or say --table-format encoding=NAME"
        raise DataError(f"{path}: cannot be read as {path.suffix} ({error}): {advice}") from error


def split(path: Path, lines: Iterable[str], dialect: Dialect) -> Iterator[Line]:
    """The lines of a table as entries: without blank lines, comments and what stands above its start."""
    seen = _Counted(lines, dialect)
    blank = dialect.separator == " "
    try:
        for cells in csv.reader(seen, delimiter=dialect.separator, skipinitialspace=True):
            if blank and cells and cells[-1] == "":
                del cells[-1]
            if any(cell.strip() for cell in cells):
                yield Line(seen.number, cells)
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as {path.suffix} ({error}): check the file") from error


class _Counted:
    """Lines that are asked for, and the number of the last one."""

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        self.lines, self.dialect, self.number = enumerate(lines, 1), dialect, 0

    def __iter__(self) -> Iterator[str]:
        mark, blank, start = self.dialect.comment, self.dialect.separator == " ", self.dialect.start
        for number, line in self.lines:
            self.number = number
            if number < start or (mark and line.lstrip().startswith(mark)):
                continue
            yield re.sub(r"[ \t]+", " ", line.strip()) + "\n" if blank else line


# What is recognised


def recognised(path: Path, form: TableFormat) -> Dialect:
    """How a file holds its table, from its first lines and what the user says.

    Raises:
        DataError: no table, or one that two ways of reading fit.
    """
    encoding, said = _encoding(path, form)
    lines = _sample(path, encoding)
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: no rows under the header, cannot be read as {path.suffix}: check the file")
    dialect = Dialect(encoding, comment=form.comment or _mark(lines), said=tuple(said))
    if told := re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE):
        form, dialect = form.model_copy(update={"separator": told[1]}), replace(dialect, start=2)
    return _with_heads(path, lines, form, _best(path, lines, form, dialect))


def _sample(path: Path, encoding: str) -> list[str]:
    lines, size = [], 0
    for line in text_lines(path, encoding):
        lines.append(line)
        size += len(line)
        if len(lines) >= SAMPLE_LINES or size >= SAMPLE_BYTES:
            break
    return lines


def _encoding(path: Path, form: TableFormat) -> tuple[str, list[str]]:
    """The encoding of a file, and what there is to say of it."""
    if form.encoding:
        return form.encoding, [f"encoding {form.encoding}, as said"]
    with open(path, "rb") as file:
        head = file.read(SAMPLE_BYTES)
        for mark, name in BOMS.items():
            if head.startswith(mark):
                return name, [] if name == "utf-8-sig" else [f"encoding {name.upper()} (byte order mark)"]
        if (wide := _wide(head)) is not None:
            return wide, [f"encoding {wide.upper()} (every other byte is 0)"]
        decoder, high, alone = codecs.getincrementaldecoder("utf-8")(), 0, 0
        sound = True
        while head:
            sound = sound and _decodes(decoder, head)
            beyond = re.findall(rb"[\x80-\xff]+", head) if not sound or high else []
            high, alone = high + sum(map(len, beyond)), alone + sum(len(run) == 1 for run in beyond)
            head = file.read(SAMPLE_BYTES)
    if sound:
        return "utf-8", []
    if alone > 0.5 * high:
        return "cp1252", ["encoding Latin-1 (Windows-1252): its letters beyond ASCII stand alone and are no UTF-8"]
    raise DataError(
        f"{path}: cannot be read as {path.suffix}: no UTF-8, and which other encoding cannot be told: say it, such as "
        "--table-format encoding=latin-1, cp1251 or gbk"
    )


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes) -> bool:
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _wide(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of most letters is 0."""
    even, odd = head[::2], head[1::2]
    if len(head) >= 4 and odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and even.count(0) > 0.7 * len(even) and not odd.count(0) else None


def _mark(lines: Sequence[str]) -> str:
    """What lines above the table begin with that are comments."""
    first = next(line.lstrip() for line in lines if line.strip())
    found = next((mark for mark in MARKS if first.startswith(mark)), "")
    hashes = sum(line.lstrip().startswith("#") for line in lines)
    if not found and 0 < 2 * hashes < len(lines):
        return "#"
    many = found == "%" and sum(part.strip().startswith("%") for part in re.split("[,;|\t]", first)) > 1
    return "" if many else found


class _Reading(NamedTuple):
    """One way to read the lines.

    Args:
        dialect: with separator and numbers.
        width: entries that most lines have.
        share: of the entries that are numbers.
        doubt: another way to read the same numbers; None where there is none.
    """

    dialect: Dialect
    width: int
    share: float
    doubt: Numbers | None


def _best(path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect) -> Dialect:
    """The separator and the way numbers are written that make most of the lines."""
    decimal = DECIMALS.get(form.decimal, form.decimal)
    signs = [form.sign] if form.separator else [sign for sign in SEPARATORS.values() if sign != decimal]
    tried = [r for sign in signs if (r := _tried(path, lines, form, replace(dialect, separator=sign))) is not None]
    wide = [r for r in tried if r.width > 1] or [*filter(None, [_single(path, lines, form, dialect, tried)])]
    if not wide:
        raise DataError(f"{path}: its lines differ in their number of entries: say --table-format separator=NAME")
    best = max(wide, key=lambda r: (round(r.share, 6), r.dialect.separator != " ", r.width))
    rivals = [r for r in wide if r is not best and r.share >= best.share - 1e-9 and r.share > 0]
    if rivals and not _same(path, lines, best, rivals[0]):
        two = " and ".join(_word(SEPARATORS, r.dialect.separator) for r in (best, rivals[0]))
        raise DataError(
            f"{path}: its lines can be read with {two} between entries: say which, --table-format separator=NAME"
        )
    if best.doubt is not None:
        raise DataError(
            f"{path}: numbers such as {_grouped(path, lines, best)} can be read in two ways: say --table-format "
            "decimal=comma, or thousands=comma"
        )
    return _said_of_numbers(path, replace(best.dialect, width=best.width))


def _single(
    path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect, tried: Sequence[_Reading]
) -> _Reading | None:
    """One column, whose lines hold no separator, or only decimal signs."""
    return tried[0] if tried else _tried(path, lines, form, replace(dialect, separator=form.sign or ";"))


def _same(path: Path, lines: Sequence[str], one: _Reading, two: _Reading) -> bool:
    first, second = ([line.cells for line in split(path, lines, r.dialect)] for r in (one, two))
    return [[c.strip() for c in cells] for cells in first] == [[c.strip() for c in cells] for cells in second]


def _grouped(path: Path, lines: Sequence[str], best: _Reading) -> str:
    cells = [c.strip() for line in split(path, lines, best.dialect) for c in line.cells]
    return next(c for c in cells if "," in c and best.dialect.numbers.is_number(c))


def _tried(path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect) -> _Reading | None:
    """What a separator makes of the lines; None where they differ in their number of entries."""
    try:
        rows = [line.cells for line in split(path, lines, dialect)]
    except DataError:
        return None
    if not rows:
        return None
    later = rows[len(rows) // 2 :]
    every, late = Counter(map(len, rows)), Counter(map(len, later))
    width = max(late, key=lambda n: (late[n], every[n]))
    body = [cells for cells in later if len(cells) == width]
    if len(body) < SHARE * len(later):
        return None
    cells = [c for row in body for c in map(str.strip, row) if c not in EMPTY]
    numbers, share, doubt = _written(cells, form, dialect.separator)
    return _Reading(replace(dialect, numbers=numbers), width, share, doubt)


def _written(cells: Sequence[str], form: TableFormat, separator: str) -> tuple[Numbers, float, Numbers | None]:
    """How most of the entries are numbers, the share of those, and another way that fits as well."""
    decimals = [DECIMALS.get(form.decimal, form.decimal)] if form.decimal else [".", ","]
    groups = ["", ",", ".", "'", *NARROW, *(" " * (separator != " "))]
    if form.thousands or form.thousands is None:
        groups = [THOUSANDS.get(form.thousands or "none", form.thousands or "")]
    ways = [Numbers(d, g) for g in groups for d in decimals if d != g]
    ways = ways or [Numbers("," if groups[0] == "." else ".", groups[0])]
    counts = {way: sum(map(way.is_number, cells)) for way in ways[:1]}
    if counts[ways[0]] < len(cells):
        counts |= {way: sum(map(way.is_number, cells)) for way in ways[1:]}
    most = max(counts.values())
    best = next(way for way in counts if counts[way] == most)
    comma, grouped = Numbers(",", ""), Numbers(".", ",")
    doubt = grouped if best == comma and counts.get(grouped) == most and most and not _grouped_alone(cells) else None
    return best, most / max(1, len(cells)), doubt


def _grouped_alone(cells: Sequence[str]) -> bool:
    """Whether no entry has the comma at all, so that it does not matter what it is."""
    return not any("," in cell and re.search(r"\d,\d", cell) for cell in cells)


def _word(words: dict[str, str], sign: str) -> str:
    return next((word for word, held in words.items() if held == sign), repr(sign))


def _said_of_numbers(path: Path, dialect: Dialect) -> Dialect:
    said = list(dialect.said)
    if dialect.separator not in (",", "\t") or (dialect.separator == "\t" and path.suffix.lower() == ".csv"):
        said.append(f"{_word(SEPARATORS, dialect.separator)} between entries")
    if dialect.numbers.decimal == ",":
        said.append("decimal commas")
    if dialect.numbers.thousands:
        sign = (
            _word(THOUSANDS, dialect.numbers.thousands)
            .replace(repr("\u00a0"), "blank")
            .replace(repr("\u202f"), "narrow blank")
        )
        said.append(f"{sign} between groups of three digits")
    return replace(dialect, said=tuple(said))


# Lines of names and units


def _with_heads(path: Path, lines: Sequence[str], form: TableFormat, dialect: Dialect) -> Dialect:
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
    comments = [i for i in range(1, min(before, len(lines) + 1)) if lines[i - 1].lstrip().startswith(dialect.comment)]
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


def show_dialect(dialect: Dialect) -> str:
    """What was recognised, in one line; empty where there is nothing to say."""
    return ", ".join(dialect.said)
