"""Cells of tables that answer yes, no, or that it cannot be told."""

from collections.abc import Mapping, Sequence

from beable.report.page import Cell, Text
from beable.verdicts import Verdict

VERDICTS = {"yes": "good", "no": "miss", "cannot be told": "unsure"}
Row = Sequence[Cell | Text]


def unbroken(text: str) -> str:
    """Text whose equations stay on one line.

    >>> unbroken("squared error, β = 1").split(" ")
    ['squared', 'error,', 'β\\xa0=\\xa01']
    """
    return text.replace(" = ", "\u00a0=\u00a0")


def judged(text: Text, verdict: Verdict) -> Cell:
    """A number with what a verdict says of it."""
    return Cell(text, VERDICTS[verdict.word])


def verdict_cell(told: Mapping[str, str]) -> Cell:
    """A verdict as `Verdict.as_json` gives it."""
    return Cell(told["answer"], VERDICTS[told["answer"]])
