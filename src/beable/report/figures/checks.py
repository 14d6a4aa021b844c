"""What a figure asks of its arrays: shapes that fit, and finite numbers; what is not is refused by name."""

from collections.abc import Sequence

import numpy as np

from beable.errors import DataError
from beable.report.figures.style import FloatArray


def finite(name: str, values: object, ndim: int | None = None, missing: bool = False) -> FloatArray:
    """Numbers, all finite and at least one, with so many axes if that is given; any may be missing if that is said."""
    array = np.asarray(values, dtype=float)
    if ndim is not None and array.ndim != ndim:
        raise DataError(f"a figure of {name} needs {ndim} axes, got shape {array.shape}: select or reshape first")
    bad = int(np.isinf(array).sum()) if missing else array.size - int(np.isfinite(array).sum())
    if bad or not array.size:
        found = f"{bad} of {array.size} are not" if bad else "there are none"
        raise DataError(f"a figure of {name} needs finite numbers, {found}: leave those rows or members out")
    return array


def anything(name: str, arrays: Sequence[FloatArray]) -> None:
    """Refuse a figure of which everything is missing."""
    if all(np.isnan(array).all() for array in arrays):
        raise DataError(f"a figure of {name} needs finite numbers, all are missing: choose other rows")


def same_length(name: str, expected: int, got: int) -> None:
    """Refuse as many of something as do not fit."""
    if expected != got:
        raise DataError(f"a figure needs as many {name} as there is to draw, {expected}, got {got}")
