"""What the tables share: columns to rows, shares in percent, how several trainings became one number."""

from collections.abc import Iterable, Sequence

from beable.report.page import Cell, Text
from beable.systems.lennard_jones.findings import PERCENT, percent

Row = Sequence[Cell | Text]


def by_columns(columns: Iterable[Sequence[Cell | Text]]) -> list[list[Cell | Text]]:
    """Rows from columns."""
    return [list(row) for row in zip(*columns, strict=True)]


def percents(shares: Iterable[float | None], digits: int = 1) -> list[str]:
    """A column of shares in percent, without the sign."""
    return [percent(share, digits).removesuffix(PERCENT) for share in shares]


def gravity(value: float) -> str:
    return f"γ = {value:g}"


def over(trainings: int) -> str:
    """How numbers of several trainings became one, for captions."""
    return "1 training" if trainings == 1 else f"medians over {trainings} trainings"
