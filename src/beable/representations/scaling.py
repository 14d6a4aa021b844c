r"""Numbers of a configuration brought to one size: :math:`c = (x - o)/s` with an offset and a scale for each.

Numbers of one unit (all coordinates, all distances) share one scale s, so that equal errors in a code are equal
errors in space.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, UsageError, unknown
from beable.representations.representation import FloatArray

Floats = NDArray[np.float64]
MARGIN = 1 + 1e-6


class Affine(NamedTuple):
    """The map between the numbers x of a configuration and its code c.

    Args:
        offset: o, (m,).
        scale: s, (m,).
    """

    offset: Floats
    scale: Floats

    def apply(self, numbers: FloatArray) -> Floats:
        return np.asarray((numbers - self.offset) / self.scale)

    def undo(self, values: FloatArray) -> Floats:
        return np.asarray(values * self.scale + self.offset)

    @property
    def log_volume(self) -> float:
        """Sum of log s."""
        return float(np.log(self.scale).sum())


def _as_they_are(numbers: Floats, length: float) -> tuple[Floats | float, float]:
    return 0.0, 1.0


def _by_length(numbers: Floats, length: float) -> tuple[Floats | float, float]:
    return 0.0, length


def _range(numbers: Floats, length: float) -> tuple[Floats | float, float]:
    low, high = float(numbers.min()), float(numbers.max())
    return (low + high) / 2, MARGIN * (high - low) / 2


def _deviation(numbers: Floats, length: float) -> tuple[Floats | float, float]:
    mean = numbers.mean(0)
    return mean, float(np.sqrt(((numbers - mean) ** 2).mean()))


#: offset and one scale of numbers (rows, m) of one unit; the length is the diagonal of the box
SCALINGS: dict[str, Callable[[Floats, float], tuple[Floats | float, float]]] = {
    "none": _as_they_are,
    "box": _by_length,
    "diagonal": _by_length,
    "range": _range,
    "deviation": _deviation,
}


def check_scaling(scaling: str, known: tuple[str, ...], box: float | None) -> None:
    """Refuse a scaling that is not among the known ones, or one that needs a box without it."""
    if scaling not in known:
        raise unknown("scaling", str(scaling), known)
    if scaling in ("box", "diagonal") and box is None:
        raise UsageError(f"scaling {scaling!r} divides by the diagonal of the box: give its side as representation.box")
    check_box(box)


def check_box(box: float | None) -> None:
    """Refuse a side that is not a length."""
    if box is not None and not 0 < box < np.inf:
        raise UsageError(f"box must be a finite side greater than 0, got {box}")


def affine_of(numbers: Floats, unit: NDArray[np.int64], scaling: str, length: float) -> Affine:
    """The map of training numbers (rows, m).

    Args:
        numbers: x.
        unit: which of them share a unit, integers, (m,).
        scaling: a name in ``SCALINGS``.
        length: diagonal of the box.

    Raises:
        DataError: numbers of a unit that are the same in all rows.
    """
    affine = Affine(np.zeros(unit.size), np.ones(unit.size))
    for kind in np.unique(unit):
        those = unit == kind
        check_spread(numbers[:, those])
        affine.offset[those], affine.scale[those] = SCALINGS[scaling](numbers[:, those], length)
    return affine


def check_spread(numbers: Floats) -> None:
    """Refuse numbers (rows, m) that never change."""
    if np.ptp(numbers, axis=0).max() <= 1e-12 * np.abs(numbers).max():
        raise DataError(f"the particles are the same in all {len(numbers)} training rows: there is nothing to learn")
