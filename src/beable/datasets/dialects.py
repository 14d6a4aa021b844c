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
from functools import cache
from pathlib import Path
from typing import NamedTuple

from beable.datasets.sources import MOST_ARRAYS, refuse_many
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
#: what a spreadsheet writes where there is no value
ERRORS = ("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!")
#: what stands for an empty entry
EMPTY = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-nan", "null", "NULL", "-", "--", "?", *ERRORS})
#: a number that may be a whole one with points between groups of three digits, and one of four digits without
GROUPED, UNGROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"), re.compile(r"[+-]?\d{4,}")
#: share of the later lines that must have as many entries as most of them
SHARE = 0.5


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
        return _pattern(self)

    def is_number(self, cell: str) -> bool:
        return self.pattern.fullmatch(cell.strip()) is not None

    def value(self, cell: str) -> float:
        """The number of an entry that is one."""
        return float(self._plain(cell).replace(self.decimal, ".").replace("d", "e").replace("D", "e"))

    def is_rounded(self, cell: str) -> bool:
        """Whether an entry is a whole number that `value` rounds.

        >>> PLAIN.is_rounded("9007199254740993"), PLAIN.is_rounded("9007199254740992"), PLAIN.is_rounded("0.1")
        (True, False, False)
        """
        text = self._plain(cell)
        return text.lstrip("+-").isdecimal() and int(text) != float(text)

    def _plain(self, cell: str) -> str:
        text = cell.strip().replace("\u2212", "-")
        return text.replace(self.thousands, "") if self.thousands else text


PLAIN = Numbers()


@cache
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


def split(path: Path, lines: Iterable[str], dialect: Dialect, comments: list[int] | None = None) -> Iterator[Line]:
    """The lines of a table as entries: without blank lines, comments and what stands above its start.

    Args:
        path: the file, for errors.
        lines: of it.
        dialect: how they hold entries.
        comments: is given the numbers of the comments below the start.
    """
    seen = _Counted(lines, dialect, [] if comments is None else comments)
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

    def __init__(self, lines: Iterable[str], dialect: Dialect, comments: list[int]) -> None:
        self.lines, self.dialect, self.comments, self.number = enumerate(lines, 1), dialect, comments, 0

    def __iter__(self) -> Iterator[str]:
        mark, blank, start = self.dialect.comment, self.dialect.separator == " ", self.dialect.start
        for number, line in self.lines:
            self.number = number
            if number < start:
                continue
            if is_comment(line, mark):
                self.comments.append(number)
                continue
            yield re.sub(r"[ \t]+", " ", line.strip()) + "\n" if blank else line


def is_comment(line: str, mark: str) -> bool:
    """Whether a line is no part of the table; an entry that says that there is no value does not make it one.

    >>> is_comment("# by hand", "#"), is_comment("#N/A,3", "#"), is_comment("1,2", "")
    (True, False, False)
    """
    text = line.lstrip()
    return bool(mark) and text.startswith(mark) and not text.startswith(ERRORS)


# What is recognised


def recognised(path: Path, form: TableFormat) -> tuple[Dialect, list[str]]:
    """How a file holds entries, from its first lines and what the user says, and these lines.

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
    return _best(path, lines, form, dialect), lines


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
    found = next((mark for mark in MARKS if is_comment(first, mark)), "")
    hashes = sum(is_comment(line, "#") for line in lines)
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
    refuse_many(path, best.width, "columns")
    rivals = [r for r in wide if r is not best and r.share >= best.share - 1e-9 and r.share > 0]
    rivals = [r for r in rivals if r.dialect.separator != " "]  # entries may hold blanks
    if rivals and not _same(path, lines, best, rivals[0]):
        two = " and ".join(_word(SEPARATORS, r.dialect.separator) for r in (best, rivals[0]))
        raise DataError(
            f"{path}: its lines can be read with {two} between entries: say which, --table-format separator=NAME"
        )
    if best.doubt is not None:
        word = _word(DECIMALS, best.dialect.numbers.decimal)
        raise DataError(
            f"{path}: numbers such as {_grouped(path, lines, best)} can be read in two ways: say --table-format "
            f"decimal={word}, or thousands={word}"
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
    numbers = best.dialect.numbers
    return next(c for c in cells if numbers.decimal in c and numbers.is_number(c))


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
    body = [cells[:MOST_ARRAYS] for cells in later if len(cells) == width]
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
    doubt = grouped if best == comma and counts.get(grouped) == most and most and _has_comma(cells) else None
    if best == PLAIN and separator == ";" and not form.decimal and form.thousands == "" and _may_be_groups(cells):
        doubt = Numbers(",", ".")
    return best, most / max(1, len(cells)), doubt


def _has_comma(cells: Sequence[str]) -> bool:
    """Whether it matters what the comma is."""
    return any(re.search(r"\d,\d", cell) for cell in cells)


def _may_be_groups(cells: Sequence[str]) -> bool:
    """Whether all points may stand between groups of three digits, as where commas are decimal signs."""
    pointed = [cell for cell in cells if "." in cell]
    return bool(pointed) and all(map(GROUPED.fullmatch, pointed)) and not any(map(UNGROUPED.fullmatch, cells))


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
