"""Columns of a table: numbers, words and empty entries, and what their names say.

A column of numbers is an array with NaN for empty entries. One of words is read as words where it is asked for as
classes. Row numbers and dates are labels, which nothing is learned from unless they are named.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import many
from beable.datasets.aside import Aside
from beable.datasets.dialects import EMPTY, PLAIN, Dialect, Line, Numbers, TableFormat, recognised, split, text_lines
from beable.datasets.heads import with_heads
from beable.datasets.names import plain_dim
from beable.datasets.sources import Array, Contents, LazyRows, Loader, Source, refuse_many
from beable.datasets.units import unit
from beable.errors import DataError, listed

Floats = NDArray[np.float64]
MOST_QUOTED, MOST_WORDS = 40, 1000
TOLD_LINES = 4096
#: whole numbers from here on are rounded by floating-point ones
LARGE = 2.0**53
TRUTH = {"true": 1.0, "false": 0.0}
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
DAYS = "days since 1970-01-01"
#: names of columns that may number the rows
COUNTERS = frozenset({"", "index", "id", "row", "rows", "no", "no.", "nr", "nr.", "#", "rownames", "idx"})


@dataclass
class Entries:
    """What stands in a column beside numbers.

    Args:
        first: the first entry that is no finite number, in words; empty where there is none.
        word: the first that is neither a number nor empty, in words.
        words: how many entries are neither numbers nor empty, by word, the first ``MOST_WORDS``.
        empty: how many entries stand for an empty one, by what stands there.
        dates, percents: whether every word is a date, or a number with a percent sign.
        fortran: whether some exponent is written with D.
        gap: the first empty entry, in words.
        rounded: the first whole number with more digits than a floating-point number keeps, in words.
        numbers: how numbers are written.
    """

    first: str = ""
    word: str = ""
    words: Counter[str] = field(default_factory=Counter)
    empty: Counter[str] = field(default_factory=Counter)
    dates: bool = True
    percents: bool = True
    fortran: bool = False
    gap: str = ""
    rounded: str = ""
    numbers: Numbers = PLAIN

    def kind(self, values: LazyRows) -> str:
        """What a column of these numbers holds: "numbers", "words", "dates", "percents", "truth", or "mixed"."""
        if not self.words:
            return "numbers"
        if any(np.isfinite(piece).any() for piece in values.pieces()):
            return "mixed"
        if self.dates or self.percents:
            return "dates" if self.dates else "percents"
        return "truth" if {w.lower() for w in self.words} <= TRUTH.keys() else "words"

    def value(self, cell: str, place: str, missing: Collection[str]) -> float:
        """The number of an entry; of one that is no finite number it is noted what it is.

        Args:
            cell: the entry, without blanks around it.
            place: where it stands, in words.
            missing: what stands for an empty entry, beside ``EMPTY``.
        """
        if self.numbers.is_number(cell):
            self.fortran = self.fortran or "d" in cell.lower()
            value = self.numbers.value(cell)
            if abs(value) >= LARGE and cell not in missing and self.numbers.is_rounded(cell):
                self.rounded = self.rounded or f"{cell[:MOST_QUOTED]} in {place}"
            return value
        told = f"{cell[:MOST_QUOTED]!r} in {place}"
        self.first = self.first or told
        if cell in EMPTY or cell in missing:
            self.gap = self.gap or told
            self.empty[cell] += 1
            return math.nan
        self.word = self.word or told
        if INFINITE.fullmatch(cell):
            return -math.inf if cell[0] == "-" else math.inf
        self.dates = self.dates and day(cell) is not None
        self.percents = self.percents and cell.endswith("%") and self.numbers.is_number(cell[:-1])
        if cell in self.words or len(self.words) < MOST_WORDS:
            self.words[cell] += 1
        return math.nan


class Columns(NamedTuple):
    """What a text file of columns holds.

    Args:
        names: of the columns, as the header has them.
        numbers: of the columns, NaN where an entry is no number, and the line of the file that each row ends on.
        entries: what stands in each column beside numbers, by name.
        dialect: how the file holds its table.
        ragged: the first row with another number of entries, in words; empty where there is none.
    """

    names: list[str]
    numbers: Aside
    entries: dict[str, Entries]
    dialect: Dialect
    ragged: str = ""

    @property
    def bad(self) -> dict[str, str]:
        """The first entry of a column that is no finite number, in words, by name."""
        return {name: e.first for name, e in self.entries.items() if e.first}

    @property
    def rows(self) -> int:
        return len(self.numbers)

    @property
    def lines(self) -> LazyRows:
        """Line of the file that each row ends on, (rows)."""
        return self.numbers.column(len(self.names))

    @property
    def values(self) -> Floats:
        """All numbers in memory, (rows, columns)."""
        return np.stack([self.numbers.column(i).read(0, self.rows) for i in range(len(self.names))], axis=1)

    def column(self, name: str) -> Floats:
        return np.asarray(self.numbers.column(self.names.index(name)))


def column_names(path: Path) -> list[str]:
    """Names of the columns of a text file."""
    return list(_dialect(path, TableFormat()).names)


def _dialect(path: Path, form: TableFormat) -> Dialect:
    dialect, lines = recognised(path, form)
    return with_heads(path, lines, form, dialect)


def read_text(path: Path, reading: "Reading") -> Columns:
    """All columns of a text file.

    Args:
        path: the file.
        reading: what the user says of it.
    """
    form, missing = reading.form, reading.missing
    dialect = _dialect(path, form)
    refuse_many(path, len(dialect.names), "columns")
    names = _distinct(path, dialect, form)
    width, entries = len(names), {name: Entries(numbers=dialect.numbers) for name in names}
    told = list(entries.values())
    numbers, count, ragged, comments = Aside(width + 1), 0, "", list[int]()
    none = [math.nan] * width
    lines = _told(text_lines(path, dialect.encoding), path.stat().st_size, reading.tell)
    for line in split(path, lines, dialect, comments):
        cells = line.cells[:width] if len(line.cells) == width + 1 and not line.cells[-1].strip() else line.cells
        place = f"row {count} (line {line.number})"
        if len(cells) != width:
            ragged = ragged or f"{place} has {len(cells)} entries, the header {width}"
            found = none
        else:
            found = _plain_numbers(cells, dialect) or _numbers(cells, told, place, missing)
        numbers.add([*found, line.number])
        count += 1
    numbers.settle()
    if not count:
        raise DataError(f"{path}: no rows under the header, cannot be read as {path.suffix}: check the file")
    if comments:
        begin = f"{many(len(comments), 'line')} that begin{'s' * (len(comments) == 1)} with {dialect.comment}"
        dialect = replace(dialect, said=(*dialect.said, f"{begin} left out, from line {comments[0]} on"))
    return Columns(names, numbers, entries, dialect, ragged)


def _told(lines: Iterator[str], whole: int, tell: Callable[[int, int], None]) -> Iterator[str]:
    """Lines of a file, after each so many of which it is told how much of it was read."""
    read = 0
    for number, line in enumerate(lines):
        read += len(line)
        if number % TOLD_LINES == 0:
            tell(min(read, whole), whole)
        yield line


def _plain_numbers(cells: list[str], dialect: Dialect) -> list[float] | None:
    """Entries that are all finite numbers which are kept whole, as most lines hold them; None for any other line."""
    if dialect.numbers != (".", ""):
        return None
    try:
        found = list(map(float, cells))
    except ValueError:
        return None
    if not math.isfinite(sum(found)) or any("_" in cell for cell in cells):
        return None
    small = min(found) > -LARGE and max(found) < LARGE
    return found if small or not any(map(PLAIN.is_rounded, cells)) else None


def _numbers(cells: Sequence[str], told: Sequence[Entries], place: str, missing: Collection[str]) -> list[float]:
    """Entries one by one; of those that are no numbers it is noted what they are."""
    both = zip(map(str.strip, cells), told, strict=True)
    return [about.value(cell, place, missing) for cell, about in both]


def _distinct(path: Path, dialect: Dialect, form: TableFormat) -> list[str]:
    """Names of columns, each once."""
    names = list(dialect.names)
    if form.header is None:
        return [f"column_{i + 1}" for i in range(len(names))]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not twice:
        return names
    places = [i + 1 for i, name in enumerate(names) if name == twice[0]]
    if form.duplicates != "number":
        raise DataError(
            f"{path}: two columns are named {twice[0]!r} (columns {listed(list(map(str, places)))}): rename one, or "
            "number them with --table-format duplicates=number"
        )
    return numbered(names)


def numbered(names: Sequence[str]) -> list[str]:
    """Names, each but the first of its kind with a number behind it that makes a name of its own.

    >>> numbered(["p", "T", "p", "p_2", "p"])
    ['p', 'T', 'p_3', 'p_2', 'p_4']
    """
    taken, times, found = set(names), Counter[str](), []
    for name in names:
        times[name] += 1
        own = name
        while times[name] > 1 and own in taken:
            own = f"{name}_{times[name]}"
            times[name] += own in taken
        taken.add(own)
        found.append(own)
    return found


def words_of(path: Path, dialect: Dialect, place: int, width: int, rows: int) -> Array:
    """The entries of one column as words, (rows); empty where the row has another length."""
    lines = split(path, text_lines(path, dialect.encoding), dialect)
    return np.array([_word(line, place, width) for line in islice(lines, rows)], np.str_)


def _word(line: Line, place: int, width: int) -> str:
    fits = len(line.cells) == width or (len(line.cells) == width + 1 and not line.cells[-1].strip())
    return line.cells[place].strip() if fits else ""


def day(word: str) -> float | None:
    """Days since 1970 of a date in ISO 8601; None for any other word.

    >>> day("1970-01-02T12:00"), day("2/1/1970")
    (1.5, None)
    """
    if len(word) < 8 or not word[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return None
    start = datetime.combine(date(1970, 1, 1), datetime.min.time(), moment.tzinfo)
    return (moment - start).total_seconds() / 86400


# What names say


class Heading(NamedTuple):
    """A column's name.

    Args:
        word: as a data set can have it.
        unit: that it, or a line of units, states.
        text: as it stands in the file.
        shown: without its unit, where a data set cannot have that; empty otherwise.
    """

    word: str
    unit: str
    text: str
    shown: str = ""


BRACKET = re.compile(r"(?P<name>.*?\S)\s*(?:\[(?P<square>[^\[\]]*)\]|(?P<gap>)\((?P<round>[^()]*)\))\s*")
SHARES = re.compile(r"(?:vol|wt|mol|at|mass|weight)\.?[\s-]*%|%\s*(?:vol|wt|mol|at)?|[vw]/[vw]", re.IGNORECASE)


def named(text: str) -> tuple[str, str]:
    """Name and unit of a heading; what stands in brackets and is no unit stays in the name.

    >>> named("flow [m/s]"), named("T (°C)"), named("p / kPa"), named("p (inlet)"), named("[1]time(s)")
    (('flow', 'm/s'), ('T', '°C'), ('p', 'kPa'), ('p (inlet)', ''), ('time', 's'))
    """
    text = re.sub(r"^\[\d+\]\s*(?=\S)", "", text.strip()).removesuffix("()")
    if match := BRACKET.fullmatch(text):
        if match["square"] is not None:
            return match["name"], match["square"].strip()
        if is_unit(match["round"]):
            return match["name"], match["round"].strip()
    name, sign, behind = text.rpartition(" / ")
    return (name.strip(), behind.strip()) if sign and name.strip() and is_unit(behind) else (text, "")


def is_unit(text: str) -> bool:
    """Whether words between brackets are a unit."""
    text = text.strip()
    return bool(text) and (unit(text) is not None or SHARES.fullmatch(text) is not None)


GREEK = {"FINAL SIGMA": "sigma", "LAMDA": "lambda"}
#: Latin letters that are no others with accents
LATIN = {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d"}


def ascii_word(text: str) -> str:
    """A name in ASCII: Greek letters by their names, letters with accents without them; others become _.

    >>> ascii_word("ΔT"), ascii_word("φ"), ascii_word("Höhe"), ascii_word("温度")
    ('DeltaT', 'phi', 'Hohe', '__')
    """
    return "".join(map(_ascii, unicodedata.normalize("NFKC", text)))


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    words = unicodedata.name(letter, "").split(" LETTER ")
    if words[0] in ("GREEK CAPITAL", "GREEK SMALL"):
        name = words[-1].removesuffix(" SYMBOL").split(" WITH ")[0]
        name = GREEK.get(name, name).lower()
        return name.capitalize() if "CAPITAL" in words[0] else name
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return LATIN.get(letter, plain or "_")


def headings(names: Sequence[str], units: Sequence[str] = ()) -> list[Heading]:
    """The names of columns as a data set can have them, each once, with the units that names or a line of units state.

    >>> [h.word for h in headings(["flow [m/s]", "", "2nd", "row", "φ", "温度", "T (K)", "T (degC)"])]
    ['flow', 'column_2', 'column_2nd', 'row_', 'phi', 'column_6', 'T__K_', 'T__degC_']
    """
    found = [named(name) for name in names]
    given = [u.strip().strip("[]()") for u in units] or [""] * len(found)
    given, found = ["" if u in EMPTY else u for u in given], [(n, "" if u in EMPTY else u) for n, u in found]
    words = [_heading(name, i) for i, (name, _) in enumerate(found)]
    shown = [name for name, _ in found]
    times = Counter(words)
    for i in [i for i, word in enumerate(words) if times[word] > 1 and found[i][1]]:
        words[i], shown[i] = _heading(names[i], i), names[i]
    times = Counter(words)
    words = [w if times[w] == 1 else f"{w[:56]}_{i + 1}" for i, w in enumerate(words)]
    told = zip(words, given, found, names, shown, strict=True)
    return [Heading(w, g or u, t, "" if s == w else s) for w, g, (_, u), t, s in told]


def _heading(name: str, place: int) -> str:
    """A column's name as a word."""
    word = plain_dim(ascii_word(name) or str(place + 1))
    word = word if word.strip("_") else str(place + 1)
    return (word if word[0].isalpha() else f"column_{word.lstrip('_')}")[:64]


def other_names(heads: Sequence[Heading]) -> dict[str, str]:
    """Columns by names that a user may call them by beside their own, where these say which is meant.

    >>> other_names(headings(["T (K)", "T (degC)", "flow (m/s)"]))["flow (m/s)"]
    'flow'
    """
    every = [(n, h.word) for h in heads for n in {h.text, plain_dim(h.text), named(h.text)[0]} if n]
    counts = Counter(name for name, _ in every)
    own = {head.word for head in heads}
    return {name: word for name, word in every if counts[name] == 1 and name not in own}


# From columns to arrays


class Reading(NamedTuple):
    """What the user says of a table.

    Args:
        form: how the file holds it.
        missing: what stands for an empty entry, beside the usual.
        keep: whether empty entries are kept as NaN.
        tell: called with the letters that were read and those of the file, now and then.
    """

    form: TableFormat = TableFormat()
    missing: frozenset[str] = frozenset()
    keep: bool = False
    tell: Callable[[int, int], None] = lambda read, whole: None


def contents_of_columns(path: Path, held: Columns, reading: Reading) -> Contents:
    """Columns of a text file as arrays, row numbers and dates as labels."""
    sources, width = {}, len(held.names)
    heads = headings(held.names, held.dialect.units)
    for i, head in enumerate(heads):
        words = partial(words_of, path, held.dialect, i, width, held.rows)
        values, entries = held.numbers.column(i), held.entries[held.names[i]]
        sources[head.word] = column_source(head, values, entries, words, i, reading)
    said = [*held.dialect.said, *_said(held, heads, reading)]
    return Contents(sources, notes=said, aliases=other_names(heads), broken=held.ragged)


def column_source(
    head: Heading, values: LazyRows, entries: Entries, words: Callable[[], Array], place: int, reading: Reading
) -> Source:
    """A column as an array, or a label where it numbers the rows or holds dates."""
    shown = head.shown
    bad = entries.word if reading.keep else entries.first
    rows, dtype, numbers = values.shape, values.dtype, Loader.rows(values.read, len(values))
    kind = entries.kind(values)
    if kind == "dates":
        said = "dates: name it in factors (--factors) to keep it, as days since 1970-01-01"
        load: Callable[[], Array] = partial(_days, words)
        return Source(rows, dtype, load, unit=DAYS, role="label", said=said, words=words, long_name=shown)
    if kind in ("truth", "percents"):
        gap, load = "" if reading.keep else entries.gap, partial(_read, words, entries.numbers)
        given, said = ("", "false is 0, true 1") if kind == "truth" else ("%", "without their percent signs")
        return Source(rows, dtype, load, unit=head.unit or given, bad=gap, said=said, words=words, long_name=shown)
    if entries.empty.total() == len(values) and not head.text.strip():
        return Source(rows, dtype, numbers, role="label", said="no name and no entries", words=words)
    if numbers_rows(head.text, place, values, entries):
        said = "numbers the rows: name it in variables or factors (--variables, --factors) to keep it"
        return Source(rows, dtype, numbers, role="label", said=said, words=words, long_name=shown)
    counts = tuple(entries.words.items()) if kind in ("words", "mixed") else ()
    found = Source(rows, dtype, numbers, unit=head.unit, bad=bad, words=words, held=counts, long_name=shown)
    return replace(found, refused=refusal(entries.rounded)) if entries.rounded else found


def refusal(rounded: str) -> str:
    """Why whole numbers are not taken that floating-point ones would round."""
    return (
        f"holds whole numbers with more digits than are kept, such as {rounded}: leave it out (exclude, --exclude), or "
        "take it as classes (classes, --classes)"
    )


def numbers_rows(name: str, place: int, values: LazyRows, entries: Entries) -> bool:
    """Whether a column numbers or names the rows: consecutive numbers, or in a first one without a name rising ones."""
    unnamed = not name.strip() or bool(re.fullmatch(r"Unnamed: \d+|index|rownames|\.\.\.1", name.strip()))
    if place == 0 and not name.strip() and entries.kind(values) == "words":
        return len(entries.words) == len(values) > 1 or len(entries.words) >= MOST_WORDS
    if (name.strip().lower() not in COUNTERS and not unnamed) or len(values) < 2:
        return False
    return _counts(values) or (place == 0 and unnamed and _rises(values))


def _counts(values: LazyRows) -> bool:
    """Whether numbers follow each other from 0 or 1 on."""
    at = float(values.read(0, 1)[0])
    if at not in (0, 1):
        return False
    for piece in values.pieces():
        if not np.array_equal(piece, at + np.arange(len(piece))):
            return False
        at += len(piece)
    return True


def _rises(values: LazyRows) -> bool:
    """Whether whole numbers rise from row to row."""
    last = -np.inf
    for piece in values.pieces():
        if not (np.isfinite(piece) & (piece == np.round(piece)) & (np.diff(piece, prepend=last) > 0)).all():
            return False
        last = float(piece[-1])
    return True


def _days(words: Callable[[], Array]) -> Array:
    found = [day(str(word)) for word in words()]
    return np.array([math.nan if one is None else one for one in found])


def _read(words: Callable[[], Array], numbers: Numbers) -> Array:
    """Words that are true or false, or numbers with a percent sign, as numbers."""

    def number(word: str) -> float:
        plain = word.removesuffix("%")
        return numbers.value(plain) if plain != word else TRUTH.get(word.lower(), math.nan)

    return np.array([number(str(word)) for word in words()])


def _said(held: Columns, heads: Sequence[Heading], reading: Reading) -> Iterator[str]:
    """What there is to say of names and entries."""
    if reading.form.duplicates == "number" and len(set(held.dialect.names)) < len(held.names):
        yield "columns of one name are numbered"
    if renamed := listed([f"{h.text} is {h.word}" for h in heads if not named(h.text)[0].isascii()]):
        yield f"names in ASCII: {renamed}"
    kinds = {h.word: held.entries[h.text].kind(held.numbers.column(i)) for i, h in enumerate(heads)}
    told = {"truth": "true and false as 1 and 0 in", "percents": "percent signs taken off in"}
    for kind, words in told.items():
        if names := [name for name, found in kinds.items() if found == kind]:
            yield f"{words} {listed(names)}"
    if any(e.fortran for e in held.entries.values()):
        yield "exponents with D are those of Fortran"
    empty = {h.word: e for h in heads if (e := held.entries[h.text]).empty}
    if empty:
        signs = ", ".join(sorted({repr(sign) for e in empty.values() for sign in e.empty}))
        count = sum(e.empty.total() for e in empty.values())
        kept = ": kept as missing" if reading.keep else ""
        yield f"{count} empty entr{'y' if count == 1 else 'ies'} ({signs}) in {listed(list(empty))}{kept}"
    counts = ((h.word, _marked(held.numbers.column(i), reading.missing)) for i, h in enumerate(heads))
    if reading.missing and (marked := [(name, n) for name, n in counts if n]):
        count, signs = sum(n for _, n in marked), ", ".join(sorted(reading.missing))
        yield f"{signs} stands for a missing value, as said: {count} times in {listed([name for name, _ in marked])}"


def _marked(values: LazyRows, missing: Collection[str]) -> int:
    """How many numbers stand for a missing value."""
    meant = [float(word) for word in missing if PLAIN.is_number(word)]
    return sum(int(np.isin(piece, meant).sum()) for piece in values.pieces())
