"""Numbers that are missing: which places never have one, what becomes of rows that lack some, and how it is said.

NaN is a missing number; an infinity is none, it is a number that went wrong. A place of a field that is NaN in every
row, such as land or a solid, is no part of the data: a *mask*, found and noted without being asked for. What else is
missing is refused, dropped with its row, or kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from beable.datasets.readings import is_particles
from beable.datasets.sources import LazyRows, pieces_of
from beable.errors import DataError, unknown
from beable.simulator import Variable

Array = NDArray[Any]
Rows = Array | LazyRows
Flags = NDArray[np.bool_]
Choice = Literal["refuse", "drop", "keep"]
CHOICES = get_args(Choice)
#: appended to the name of a variable: the constant that is 1 where it has numbers and 0 where it never has one
MASK = "_mask"
MOST_NAMED = 3


class Missing(NamedTuple):
    """What is missing of a variable, or of the factors.

    Args:
        masked: places of a row that are missing in every row.
        places: all places of a row.
        values: numbers missing elsewhere, rows that failed apart.
        rows: rows that lack some of these.
    """

    masked: int = 0
    places: int = 0
    values: int = 0
    rows: int = 0

    def words(self, name: str, rows: int) -> list[str]:
        """What is missing, in words; nothing where nothing is.

        >>> Missing(154, 20000).words("u", 400)
        ['u: mask: 154 of 20,000 cells are missing in every row and are no part of it']
        >>> Missing(0, 1, 9, 9).words("ash", 178)
        ['ash: 9 of 178 numbers are missing, in 9 rows']
        """
        there = self.places - self.masked
        mask = f"{name}: mask: {self.masked:,} of {self.places:,} cells are missing in every row and are no part of it"
        some = f"{name}: {self.values:,} of {rows * there:,} numbers are missing, in {self.rows:,} rows"
        return [mask] * bool(self.masked) + [some.removesuffix("s") if self.rows == 1 else some] * bool(self.values)


def check_choice(missing: str) -> Choice:
    """Refuse what is not in ``CHOICES``."""
    if missing not in CHOICES:
        raise unknown("way with missing numbers", missing, CHOICES)
    return missing  # type: ignore[return-value]


def masks(arrays: Mapping[str, Rows]) -> dict[str, Flags]:
    """Which places of a row are NaN in every row, by name, for arrays (rows, ...) that have such places and others.

    >>> u = np.array([[1.0, np.nan, np.nan], [2.0, np.nan, 0.0]])
    >>> {name: mask.tolist() for name, mask in masks({"u": u, "p": np.ones(2)}).items()}
    {'u': [False, True, False]}
    """
    found = {}
    for name, array in arrays.items():
        if array.ndim < 2 or array.dtype.kind != "f" or not len(array) or not np.isnan(array[0:1]).any():
            continue
        never = np.asarray(np.logical_and.reduce([np.isnan(piece).all(axis=0) for piece in pieces_of(array)]))
        if never.any() and not never.all():
            found[name] = never
    return found


def noted(found: Mapping[str, Flags], constants: Mapping[str, Any]) -> dict[str, Array]:
    """Masks as constants, 1 where there are numbers; none under a name that another constant has."""
    return {f"{n}{MASK}": np.asarray(~m, np.uint8) for n, m in found.items() if f"{n}{MASK}" not in constants}


def refuse_ragged(variables: Sequence[Variable], arrays: Mapping[str, Rows]) -> None:
    """Refuse particles that are missing in some rows: no representation takes rows of different numbers of them.

    Raises:
        DataError: there are some.
    """
    for v in variables:
        if not is_particles(v):
            continue
        inner = tuple(range(2, 1 + len(v.shape)))
        gone = np.concatenate([np.isnan(piece).any(axis=inner) for piece in pieces_of(arrays[v.name])])
        rows = np.asarray(gone.any(axis=1))
        if (gone != gone[:1]).any():
            few, many = (v.shape[0] - int(f) for f in (gone.sum(1).max(), gone.sum(1).min()))
            raise DataError(
                f"{v.name}: {few} to {many} particles a row, {rows.sum()} of {len(rows)} rows lack some: nothing here "
                "learns from different numbers of particles: leave these rows out with missing='drop' (--missing "
                "drop), or import rows of one number"
            )


def refused(failures: Mapping[str, str], rows: int, counts: Mapping[str, Missing]) -> str:
    """Why rows with missing numbers are refused, and both ways on, in one line."""
    named = "; ".join(f"row {row}: {why}" for row, why in list(failures.items())[:MOST_NAMED])
    lacking = [f"{name} {m.values}" for name, m in sorted(counts.items(), key=lambda item: -item[1].values) if m.values]
    if not lacking:
        return (
            f"{len(failures)} of {rows} rows are not finite ({named}): mend them, or keep them out by name with "
            "allow_failed=True (for a file drop_invalid=True, --drop-invalid)"
        )
    more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
    return (
        f"{len(failures)} of {rows} rows are not finite ({named}); numbers missing: {', '.join(lacking[:MOST_NAMED])}"
        f"{more}: learn from what is there with missing='keep' (--missing keep), or leave such rows out with "
        "missing='drop' (--missing drop), also called allow_failed=True (for a file drop_invalid=True, --drop-invalid)"
    )
