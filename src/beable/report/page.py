r"""One page that stands alone: sections of text, figures and tables become a single HTML file.

Nothing is fetched and nothing runs: figures are data URIs, the style sheet is inline, and the page forbids the rest
itself, by a content security policy that names the style sheet's hash. Whatever a caller passes is text: it is
escaped by the template and never becomes a tag, an attribute's name, an address or a style.
Figures of lines are SVG, figures that hold an image or too many dots are PNG at twice the page's resolution.
The same page gives the same bytes.
"""

import base64
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import jinja2
import matplotlib.figure
from matplotlib.collections import QuadMesh

from beable.errors import UsageError, unknown
from beable.report.figures.style import style

PIXELS_PER_INCH = 96
LARGE_SVG = 250_000  # bytes from which a PNG is tried
VERDICTS = ("good", "miss", "neutral")
ALIGNMENTS = {"l": "left", "c": "centre", "r": "right"}
CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000)], "\ufffd")


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


def _check_verdict(verdict: str) -> None:
    if verdict not in VERDICTS:
        raise unknown("verdict", verdict, VERDICTS)


@dataclass(frozen=True)
class Cell:
    """One entry of a table, and whether it is good news.

    Args:
        text: what is printed, numbers formatted already.
        verdict: "good", "miss" or "neutral".
    """

    text: Text
    verdict: str = "neutral"

    def __post_init__(self) -> None:
        _check_verdict(self.verdict)


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
        alt: the same for those who cannot see it.
    """

    figure: matplotlib.figure.Figure
    caption: Text
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise UsageError("a figure needs an alternative text: say in a sentence what it shows")


@dataclass(frozen=True)
class Result:
    """One of the few results that stand at the top of the page.

    Args:
        value: the number, formatted already.
        label: what it is.
        note: what it is to be compared with.
        verdict: "good", "miss" or "neutral".
    """

    value: Text
    label: Text
    note: Text = ""
    verdict: str = "neutral"

    def __post_init__(self) -> None:
        _check_verdict(self.verdict)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: its heading.
        text: its paragraphs.
        items: its figures and tables, in order.
    """

    title: Text
    text: Sequence[Text] = ()
    items: Sequence[Figure | Table] = ()


@dataclass(frozen=True)
class Page:
    """A report.

    Args:
        title: what was studied.
        lead: the answer, in a sentence or two.
        sections: the evidence, in order.
        provenance: where the numbers come from: versions, seeds, hashes, the command that repeats them.
        results: the handful of numbers that matter.
    """

    title: str
    lead: Text
    sections: Sequence[Section] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    results: Sequence[Result] = ()


class Picture(NamedTuple):
    """A figure as a browser takes it: a data URI and its size on the page in CSS pixels."""

    uri: str
    width: int
    height: int


def _settle(figure: matplotlib.figure.Figure) -> None:
    """Lay the figure out once; every further layout would move it by fractions of a pixel."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def png(figure: matplotlib.figure.Figure) -> bytes:
    """A figure as a picture of its own."""
    with style():
        return _saved(figure, "png")


def _saved(figure: matplotlib.figure.Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[kind]
    figure.savefig(buffer, format=kind, dpi=2 * PIXELS_PER_INCH, metadata=metadata)
    return buffer.getvalue()


def _holds_image(figure: matplotlib.figure.Figure) -> bool:
    return any(axes.images or any(isinstance(c, QuadMesh) for c in axes.collections) for axes in figure.axes)


def picture(figure: matplotlib.figure.Figure) -> Picture:
    """A figure as a data URI: SVG for lines, PNG for fields and where an SVG would be large.

    >>> picture(matplotlib.figure.Figure(figsize=(2, 1))).width
    192
    """
    with style():
        _settle(figure)
        lines = b"" if _holds_image(figure) else _saved(figure, "svg")
        dots = _saved(figure, "png") if not 0 < len(lines) < LARGE_SVG else b""
    media, data = ("image/png", dots) if dots and not 0 < len(lines) < len(dots) else ("image/svg+xml", lines)
    width, height = (round(float(inches) * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    return Picture(f"data:{media};base64,{base64.b64encode(data).decode()}", width, height)


@lru_cache(maxsize=1)
def _source() -> str:
    return resources.files("beable.report").joinpath("page.html").read_text("utf-8")


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source())


def _policy() -> str:
    """The content security policy: images in the page itself, the one style sheet, nothing else."""
    sheet = _source().split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _plain(text: Text) -> str:
    pieces = [text] if isinstance(text, str) else text
    return "".join(p if isinstance(p, str) else "_".join(filter(None, (p.letter, p.index))) for p in pieces)


def render(page: Page) -> str:
    """The page as HTML, one file that needs nothing beside it.

    >>> html = render(Page("A study", "It works."))
    >>> html.startswith("<!doctype html>"), "<h1>A study</h1>" in html
    (True, True)
    """
    tools: dict[str, Any] = {"picture": picture, "plain": _plain, "is_figure": lambda item: isinstance(item, Figure)}
    html = _template().render(page=page, policy=_policy(), **tools)
    return html.translate(CONTROL)
