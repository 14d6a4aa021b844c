"""How near is the reconstruction ŷ to y, per variable and in its own unit?

For one variable, y (rows, ...) with row mean ȳ taken at every point:

    squared   = Σ(y − ŷ)² / Σ(y − ȳ)²        the share of the variance that is missed; 1 is "predicts the mean"
    l1, l2, linf = ||y − ŷ||_p / ||y||_p      relative error in three norms, over all rows and points
    rmse, mae, worst                          in the unit of the variable

A variable that does not vary over the rows has no ``squared``: it is NaN and does not enter the score.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.errors import DataError
from beable.metrics.columns import columns, constant

Array = NDArray[np.floating]


class VariableError(NamedTuple):
    """Errors of one variable; the symbols are those of the module.

    Args:
        score: ``squared``.
        squared: share of the variance missed.
        l1, l2, linf: relative errors.
        rmse, mae, worst: in ``unit``.
        per_row: relative L2 error of every row, ||y_i − ŷ_i|| / ||y_i||; NaN where y_i is 0.
        unit: of the variable.
    """

    score: float
    squared: float
    l1: float
    l2: float
    linf: float
    rmse: float
    mae: float
    worst: float
    per_row: Array
    unit: str


class ReconstructionError(NamedTuple):
    """Errors of all variables.

    Args:
        score: mean of ``squared`` over the variables that vary: each counts the same, whatever its unit or size.
        l2: mean of ``l2`` over the variables.
        variables: errors by name.
    """

    score: float
    l2: float
    variables: dict[str, VariableError]


def reconstruction_error(
    truth: Mapping[str, ArrayLike] | ArrayLike,
    estimate: Mapping[str, ArrayLike] | ArrayLike,
    *,
    units: Mapping[str, str] | None = None,
    channels: tuple[str, ...] | None = None,
) -> ReconstructionError:
    """Relative and absolute errors per variable.

    Blind to: where the errors are (see `spectrum`), and to physics (see a simulator's residual).

    Args:
        truth: y by name, each (rows, ...); or one array (rows, ...).
        estimate: ŷ, the same.
        units: unit by name, "1" where not said.
        channels: names along axis 1 of single arrays, each then a variable of its own; None: one variable "y".

    Raises:
        DataError: names, shapes or rows differ, NaN, nothing varies.

    >>> y = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> round(reconstruction_error(y, y + 0.1).variables["y"].rmse, 3)
    0.1
    """
    y, ŷ = _named(truth, channels), _named(estimate, channels)
    if set(y) != set(ŷ):
        raise DataError(f"truth has the variables {sorted(y)} and the estimate {sorted(ŷ)}")
    found = {name: variable_error(y[name], ŷ[name], name, (units or {}).get(name, "1")) for name in y}
    squared = np.array([e.squared for e in found.values()])
    if np.isnan(squared).all():
        raise DataError("no variable varies over the rows: there is no variance to explain")
    return ReconstructionError(float(np.nanmean(squared)), float(np.mean([e.l2 for e in found.values()])), found)


def variable_error(truth: ArrayLike, estimate: ArrayLike, name: str = "y", unit: str = "1") -> VariableError:
    """Errors of one variable (rows, ...); see the module."""
    y, ŷ = _checked(truth, estimate, name)
    varies = not constant(y).all()
    y, ŷ = y.astype(np.float64), ŷ.astype(np.float64)
    error = y - ŷ
    spread = float(np.sum(np.square(y - y.mean(axis=0))))
    size = np.sqrt(np.square(y).sum(axis=1))
    off = np.sqrt(np.square(error).sum(axis=1))
    squared = float(np.square(off).sum()) / spread if varies else float("nan")
    return VariableError(
        squared,
        squared,
        _ratio(np.abs(error).sum(), np.abs(y).sum()),
        _ratio(float(np.linalg.norm(off)), float(np.linalg.norm(size))),
        _ratio(np.abs(error).max(), np.abs(y).max()),
        float(np.sqrt(np.square(error).mean())),
        float(np.abs(error).mean()),
        float(np.abs(error).max()),
        np.divide(off, size, out=np.full(len(y), np.nan), where=size > 0),
        unit,
    )


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")


def _named(values: Mapping[str, ArrayLike] | ArrayLike, channels: tuple[str, ...] | None) -> dict[str, Array]:
    if isinstance(values, Mapping):
        return {name: np.asarray(array) for name, array in values.items()}
    array = np.asarray(values)
    if channels is None:
        return {"y": array}
    if array.ndim < 2 or array.shape[1] != len(channels):
        raise DataError(f"{len(channels)} channels named for an array of shape {array.shape}: they lie along axis 1")
    return {name: array[:, i] for i, name in enumerate(channels)}


def _checked(truth: ArrayLike, estimate: ArrayLike, name: str) -> tuple[Array, Array]:
    y, ŷ = np.asarray(truth), np.asarray(estimate)
    if y.shape != ŷ.shape or y.ndim == 0 or y.size == 0:
        raise DataError(f"{name}: truth {y.shape} and estimate {ŷ.shape} must have one shape (rows, ...)")
    return _table(y, f"{name}: truth"), _table(ŷ, f"{name}: estimate")


def _table(array: Array, name: str) -> Array:
    return columns(array.reshape(len(array), -1), name, 2)
