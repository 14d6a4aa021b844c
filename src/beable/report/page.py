r"""What a report is made of: an answer, evidence in sections of text, figures and tables, and where it comes from.

A page is two layers. The first is read: the answer, its scope, one figure and one table, then each section with a
sentence and a figure. The second is unfolded where a reader wants it: further figures, wide tables, method.
`beable.report.html` writes it as one file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib.figure

from beable.errors import UsageError, unknown

VERDICTS = ("good", "miss", "unsure", "neutral")
ALIGNMENTS = {"l": "left", "c": "centre", "r": "right"}


@dataclass(frozen=True)
class Symbol:
    """A letter of the paper in a text, set in italics, with its index."""

    letter: str
    index: str = ""


Text = str | Sequence[str | Symbol]


def symbols(text: str) -> Text:
    """Text whose single letters with an index become symbols; for the writer's own words, not for users' names.

    >>> symbols("S_D of the means")
    (Symbol(letter='S', index='D'), ' of the means')
    """
    words, letters, indices = (re.split(r"\b([^\W\d_])_(\w{1,3})\b", text)[i::3] for i in range(3))
    pieces: list[str | Symbol] = [words[0]]
    for letter, index, after in zip(letters, indices, words[1:], strict=True):
        pieces += [Symbol(letter, index), after]
    return tuple(piece for piece in pieces if piece)


def plain(text: Text) -> str:
    """Text without italics, for attributes, files and terminals.

    >>> plain(symbols("S_D of the means"))
    'S_D of the means'
    """
    pieces = [text] if isinstance(text, str) else text
    return "".join(p if isinstance(p, str) else "_".join(filter(None, (p.letter, p.index))) for p in pieces)


@dataclass(frozen=True)
class Cell:
    """One entry of a table, and whether it is good news.

    Args:
        text: what is printed, numbers formatted already.
        verdict: "good", "miss", "unsure" or "neutral".
    """

    text: Text
    verdict: str = "neutral"

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise unknown("verdict", self.verdict, VERDICTS)


@dataclass(frozen=True)
class Table:
    """A table; a column a quantity, a row a case.

    Args:
        caption: what the numbers are.
        columns: heads of the columns.
        rows: entries, as many in a row as there are columns; plain text is a neutral cell.
        align: a letter a column, "l", "c" or "r"; all left when empty.
    """

    caption: Text
    columns: Sequence[Text]
    rows: Sequence[Sequence[Cell | Text]]
    align: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise UsageError(f"a row of a table needs {len(self.columns)} cells, one a column, got {len(row)}")
        if self.align and (len(self.align) != len(self.columns) or set(self.align) - set(ALIGNMENTS)):
            raise UsageError(f"align needs {len(self.columns)} letters of l, c, r, got {self.align!r}")

    @property
    def cells(self) -> list[list[Cell]]:
        """The entries, every one a cell."""
        return [[entry if isinstance(entry, Cell) else Cell(entry) for entry in row] for row in self.rows]

    @property
    def alignments(self) -> list[str]:
        """The alignment of each column, in words."""
        return [ALIGNMENTS[letter] for letter in self.align or "l" * len(self.columns)]


@dataclass(frozen=True)
class Figure:
    """A figure with its caption.

    Args:
        figure: what is drawn.
        caption: what it shows and how to read it.
        alt: what it finds, in a sentence, for those who cannot see it.
    """

    figure: matplotlib.figure.Figure
    caption: Text
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise UsageError("a figure needs an alternative text: say in a sentence what it shows")


Item = Figure | Table


@dataclass(frozen=True)
class Fold:
    """What stands behind a title until a reader opens it.

    Args:
        title: what is there.
        text: its paragraphs.
        items: its figures and tables, in order.
        recorded: whether it was found by another run than that of the page.
    """

    title: Text
    text: Sequence[Text] = ()
    items: Sequence[Item] = ()
    recorded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: its heading.
        text: its paragraphs, the answer first.
        items: figures and tables that are read with it, in order.
        folds: the rest.
    """

    title: Text
    text: Sequence[Text] = ()
    items: Sequence[Item] = ()
    folds: Sequence[Fold] = ()


@dataclass(frozen=True)
class Evidence:
    """What a part of a study found, as pages and terminals show it.

    Args:
        answer: to the question of the part, a sentence or two whose numbers are those of the run.
        items: what shows it: a figure, and a table of at most six columns where numbers are to be compared.
        folds: the rest.
        short: the answer to the title of a whole study, where this part gives it; the answer itself by default.
    """

    answer: Text
    items: Sequence[Item] = ()
    folds: Sequence[Fold] = ()
    short: Text = ""


@dataclass(frozen=True)
class Page:
    """A report.

    Args:
        title: what is asked, or what was studied.
        answer: the answer, in a sentence or two.
        scope: what the answer rests on, and its limits.
        opening: the figure and the table that show it.
        sections: the evidence, in order.
        provenance: where the numbers come from: command, date, machine, versions, seeds, hashes.
        citations: what to cite, as BibTeX.
    """

    title: str
    answer: Text
    scope: Text = ""
    opening: Sequence[Item] = ()
    sections: Sequence[Section] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    citations: Sequence[str] = ()

    def items(self) -> Iterator[Item]:
        """Every figure and table, in the order in which they are numbered."""
        yield from self.opening
        for section in self.sections:
            yield from section.items
            for fold in section.folds:
                yield from fold.items

    def figures(self) -> list[Figure]:
        """Every figure, the first is figure 1."""
        return [item for item in self.items() if isinstance(item, Figure)]

    def tables(self) -> list[Table]:
        """Every table, the first is table 1."""
        return [item for item in self.items() if isinstance(item, Table)]

    def prose(self) -> Iterator[Text]:
        """Every sentence that speaks of this page's own run: answer, scope, paragraphs, captions; no recorded ones."""
        yield from (self.answer, self.scope)
        yield from (item.caption for item in self.opening)
        for section in self.sections:
            yield from (*section.text, *(item.caption for item in section.items))
            for fold in section.folds:
                if not fold.recorded:
                    yield from (*fold.text, *(item.caption for item in fold.items))
