"""What a verb answers on a terminal: a sentence, a table with labels and units, and what to do next.

A table is drawn on a terminal and written in aligned columns elsewhere; names come from users' files, so that every
cell is made printable. A next step is a command that can be typed as it stands.
"""

import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from beable.console.output import printable


def tell(sentence: str) -> None:
    """Print an answer, in one line or a few."""
    print("\n".join(map(printable, sentence.splitlines())))


def facts(values: Mapping[str, str]) -> None:
    """Print names and values, a line each, the values below each other.

    >>> facts({"rows": "3", "made by": "import"})
      rows     3
      made by  import
    """
    width = max(map(len, values), default=0)
    for name, value in values.items():
        first = f"  {printable(name).ljust(width)}  "
        print("\n".join(_wrapped(first, printable(value))))


def _wrapped(first: str, words: str) -> list[str]:
    """Words behind a beginning; on a terminal in lines below each other, where they would be too long for it."""
    room = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or room < 2 * len(first):
        return [first + words]
    return textwrap.wrap(words, room, initial_indent=first, subsequent_indent=" " * len(first)) or [first]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print a table.

    Args:
        columns: headings, each with its unit.
        rows: cells, as many in a row as there are columns.
        left: so many columns are aligned at the left, the others at the right.

    >>> table(["latent", "rate (nats)"], [["z1", "8.3"], ["z2", "10"]])
      latent  rate (nats)
      z1              8.3
      z2               10
    """
    cells = [[printable(cell) for cell in row] for row in [columns, *rows]]
    if sys.stdout.isatty():
        _drawn(cells, left)
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        placed = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        print(f"  {'  '.join(placed)}".rstrip())


def _drawn(cells: Sequence[Sequence[str]], left: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(cells[0]):
        drawn.add_column(Text(name), justify="left" if i < left else "right")
    for row in cells[1:]:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def next_step(*steps: tuple[Sequence[object], str]) -> None:
    """Print commands that come next, each with what it is for.

    Args:
        steps: words of a command after ``beable``, and what it does.

    >>> next_step((["report", "my run"], "a page of it"))
    next: beable report 'my run'    a page of it
    """
    lines = [command(words) for words, _ in steps]
    width = max(map(len, lines), default=0)
    for i, (line, (_, purpose)) in enumerate(zip(lines, steps, strict=True)):
        print(f"{'next:' if i == 0 else '     '} {line.ljust(width)}    {purpose}")


def command(words: Iterable[object]) -> str:
    """A command line as it can be typed.

    >>> command(["show", "a b"])
    "beable show 'a b'"
    """
    return shlex.join(["beable", *(printable(str(word)) for word in words)])
