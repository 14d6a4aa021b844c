"""A page as Markdown with its figures beside it as PNG, for notebooks, repositories and documentation."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from beable.files.disk import make_folder, output
from beable.report.page import Cell, Figure, Item, Page, Table, Text
from beable.report.pictures import saved

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
MARKS = {"good": "✓ ", "miss": "✗ ", "unsure": "? ", "neutral": ""}
LINES = {"left": ":--", "centre": ":-:", "right": "--:"}


def write_markdown(page: Page, path: Path) -> list[Path]:
    """Write a page as one Markdown file, its figures in a folder of the same name beside it.

    Args:
        page: a report.
        path: of the file, such as ``study.md``; its figures are ``study/figure-1.png`` and so on.

    Returns:
        The files written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.md")
    >>> [p.name for p in write_markdown(Page("A study", "It works: S_D is 1.", "Two runs."), path)]
    ['a.md']
    >>> print(path.read_text().splitlines()[2])
    **It works: S\\_D is 1.**
    """
    folder = path.with_suffix("")
    figures = page.figures()
    if figures:
        make_folder(folder)
    names = [f"figure-{i}.png" for i in range(1, len(figures) + 1)]
    for name, figure in zip(names, figures, strict=True):
        output(folder / name, saved(figure.figure, "png"))
    output(path, markdown(page, folder.name).encode())
    return [path, *(folder / name for name in names)]


def markdown(page: Page, folder: str) -> str:
    """A page as Markdown, whose figures lie in a folder as figure-1.png and so on."""
    numbers = {id(figure): i for i, figure in enumerate(page.figures(), 1)}

    def items(found: Sequence[Item]) -> Iterator[str]:
        for item in found:
            yield _figure(item, numbers[id(item)], folder) if isinstance(item, Figure) else _table(item)

    blocks = [f"# {_text(page.title)}", f"**{_text(page.answer)}**", _text(page.scope), *items(page.opening)]
    for section in page.sections:
        blocks += [f"## {_text(section.title)}", *map(_text, section.text), *items(section.items)]
        for fold in section.folds:
            blocks += [f"### {_text(fold.title)}", *map(_text, fold.text), *items(fold.items)]
    if page.provenance:
        blocks += ["## How it was made", "\n".join(f"- {name}: `{value}`" for name, value in page.provenance.items())]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _text(text: Text) -> str:
    """Text with what Markdown would read as marks escaped, symbols in italics with their index below."""
    pieces = [text] if isinstance(text, str) else text
    return "".join(_escaped(p) if isinstance(p, str) else f"*{p.letter}*<sub>{_escaped(p.index)}</sub>" for p in pieces)


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text.replace("\n", " "))


def _figure(figure: Figure, number: int, folder: str) -> str:
    place = f"{folder}/figure-{number}.png"
    return f"![{_escaped(figure.alt)}]({place})\n\n*Figure {number}.* {_text(figure.caption)}"


def _table(table: Table) -> str:
    head = [_line([_text(column) for column in table.columns]), _line([LINES[a] for a in table.alignments])]
    rows = [_line([_cell(cell) for cell in row]) for row in table.cells]
    return "\n".join([*head, *rows]) + f"\n\n{_text(table.caption)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return MARKS[cell.verdict] + _text(cell.text)
