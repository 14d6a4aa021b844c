"""Tables as they fit on paper and in files: wide ones in pieces that keep their first column, and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

from beable.report.page import Table, Text, plain

WIDTH = 700.0  # CSS pixels of the page's column
LETTER, PADDING = 7.0, 19.2
LONGEST = 26  # letters of a cell of words before it goes on in the next line


def pieces(table: Table) -> list[Table]:
    """The table in pieces that are no wider than the page, each with the first column.

    >>> wide = Table("Numbers.", ["row", *(f"quantity {i}" for i in range(12))], [["a", *["1.234"] * 12]])
    >>> [len(piece.columns) for piece in pieces(wide)]
    [7, 7]
    """
    widths = [_width(table, i) for i in range(len(table.columns))]
    groups: list[list[int]] = [[]]
    for i in range(1, len(widths)):
        if groups[-1] and widths[0] + sum(widths[j] for j in groups[-1]) + widths[i] > WIDTH:
            groups.append([])
        groups[-1].append(i)
    even = _even(groups)
    return [_columns(table, [0, *group]) for group in even] if len(even) > 1 else [table]


def _even(groups: list[list[int]]) -> list[list[int]]:
    """As many groups, of about as many columns each."""
    columns, left = [i for group in groups for i in group], len(groups)
    found: list[list[int]] = []
    while columns:
        size = min(-(-len(columns) // left), max(map(len, groups)))
        found.append(columns[:size])
        columns, left = columns[size:], max(left - 1, 1)
    return found


def _columns(table: Table, chosen: Sequence[int]) -> Table:
    align = table.align or "l" * len(table.columns)
    return replace(
        table,
        columns=[table.columns[i] for i in chosen],
        rows=[[row[i] for i in chosen] for row in table.rows],
        align="".join(align[i] for i in chosen),
    )


def _width(table: Table, column: int) -> float:
    """Estimated width of a column in CSS pixels: words may be broken into lines, numbers may not."""
    numbers = (table.align or "l" * len(table.columns))[column] != "l"
    entries = [plain(row[column].text) for row in table.cells]
    longest = max((len(entry) if numbers else min(len(entry), LONGEST) for entry in entries), default=0)
    return LETTER * max(longest, _longest_word(table.columns[column]), 3) + PADDING


def _longest_word(text: Text) -> int:
    return max(map(len, plain(text).split()), default=0)


def as_csv(table: Table) -> str:
    r"""A table as CSV, its numbers as they are printed; no cell is a formula to a spreadsheet.

    >>> as_csv(Table("Numbers.", ["a", "b"], [["x", "1,200"]]))
    'a,b\nx,"1,200"\n'
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_harmless(column) for column in table.columns])
    writer.writerows([_harmless(cell.text) for cell in row] for row in table.cells)
    return buffer.getvalue()


def _harmless(text: Text) -> str:
    words = plain(text)
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words
