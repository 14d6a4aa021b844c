"""What the tables share: columns to rows, shares in percent, how several trainings became one number."""

import math
from collections.abc import Iterable, Sequence

from beable.console.columns import with_errors
from beable.console.numbers import number
from beable.report.page import Cell, Text
from beable.systems.lennard_jones.findings import PERCENT, percent

Row = Sequence[Cell | Text]


def by_columns(columns: Iterable[Sequence[Cell | Text]]) -> list[list[Cell | Text]]:
    """Rows from columns."""
    return [list(row) for row in zip(*columns, strict=True)]


def percents(shares: Iterable[float | None], digits: int = 1) -> list[str]:
    """A column of shares in percent, without the sign."""
    return [percent(share, digits).removesuffix(PERCENT) for share in shares]


def measured(values: Iterable[float | None], errors: Iterable[float | None]) -> list[str]:
    """A column of numbers with standard errors in brackets, where there are any.

    >>> measured([-8.468, 2.5, None], [0.133, None, None])
    ['−8.47(13)', '2.5', '–']
    """
    pairs = [(math.nan if v is None else v, math.nan if e is None else e) for v, e in zip(values, errors, strict=True)]
    sure = [pair for pair in pairs if all(map(math.isfinite, pair))]
    told = iter(with_errors([v for v, _ in sure], [e for _, e in sure]))
    return [next(told) if all(map(math.isfinite, pair)) else number(pair[0]) for pair in pairs]


def gravity(value: float) -> str:
    return f"γ = {value:g}"


def over(trainings: int) -> str:
    """How numbers of several trainings became one, for captions."""
    return "1 training" if trainings == 1 else f"medians over {trainings} trainings"
