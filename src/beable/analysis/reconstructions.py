r"""What members make of rows: errors of all outputs together, of each channel, and of the median row.

Of a row y, its reconstruction y', and the mean ȳ and the median ỹ of the rows judged:

.. math:: \text{pooled} = \frac{\sum_i |y_i - y'_i|^2}{\sum_i |y_i - \bar y|^2}, \qquad
    \text{median row} = \text{median}_i \frac{|y_i - y'_i|^2}{|y_i - \tilde y|^2}

One row that is larger than the others by orders of magnitude decides the first, above and below the line, and nothing
in the second.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.records import readable
from beable.datasets.look import median_there
from beable.datasets.readings import component_axes, component_names
from beable.errors import DataError
from beable.representations import Representation
from beable.representations.gaps import mean_there
from beable.representations.representation import Coded
from beable.simulator import Variable

FloatArray = NDArray[np.floating]
Errors = dict[str, FloatArray]
CHANNEL_ROWS = 128
#: a channel whose numbers differ by no more than this share of their size is constant
ROUNDING = 1e-12


@readable
class ChannelErrors(NamedTuple):
    """Relative errors of each channel in physical units, one number a member; NaN for channels that are constant.

    Args:
        pooled: of all rows together.
        median_row: of the median row.
        constant: names of the channels that are the same in all rows, which have no relative error.
    """

    pooled: Errors
    median_row: Errors
    constant: tuple[str, ...]

    @property
    def worst(self) -> str:
        """The channel that is lost most, by its median row or by all rows, whichever is larger."""
        sizes = {name: self._size(name) for name in self.pooled if name not in self.constant}
        return max(sizes, key=sizes.__getitem__)

    def _size(self, name: str) -> float:
        return max(float(np.median(errors[name])) for errors in (self.pooled, self.median_row))


class Reconstructions(NamedTuple):
    """Rows and what each member makes of them.

    Args:
        coded: the rows.
        locations: decoded means in code space, (members, rows, m).
        representation: the way back to fields.
    """

    coded: Coded
    locations: FloatArray
    representation: Representation

    def relative_error(self) -> FloatArray:
        """Of all outputs and rows together, exact in code space, (members)."""
        values, left = self._values()
        gaps = self.coded.gaps
        mean = values.mean(0) if gaps is None else gaps.centre(values)
        energy = (self._off(values, mean) ** 2).sum() + left.sum()
        return np.asarray([errors.sum() / energy for errors in self._row_errors(values, left)])

    def median_row_error(self) -> FloatArray:
        """Of all outputs of the median row, exact in code space, (members)."""
        values, left = self._values()
        energy = (self._off(values, np.median(values, axis=0)) ** 2).sum(1) + left
        return np.asarray([_median_ratio(errors, energy) for errors in self._row_errors(values, left)])

    def _values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Codes (rows, m) and the energy that they leave out, (rows)."""
        values = self.coded.values.reshape(len(self.coded.values), -1).astype(np.float64)
        return values, self.coded.residual_energy.sum(1, dtype=np.float64)

    def _row_errors(self, values: NDArray[np.float64], left: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Squared error of each row, (rows), for each member."""
        return [(self._off(values, member.reshape(values.shape)) ** 2).sum(1) + left for member in self.locations]

    def _off(self, values: NDArray[np.float64], location: FloatArray) -> NDArray[np.float64]:
        """What is there of the codes less a location."""
        gaps = self.coded.gaps
        return np.asarray(location - values if gaps is None else gaps.misfit(location.astype(np.float64)))

    def error_by_channel(
        self, snapshots: Mapping[str, FloatArray], variables: Sequence[Variable], coordinates: Collection[str] = ()
    ) -> Errors:
        """The pooled errors of `channel_errors`."""
        return self.channel_errors(snapshots, variables, coordinates).pooled

    def channel_errors(
        self, snapshots: Mapping[str, FloatArray], variables: Sequence[Variable], coordinates: Collection[str] = ()
    ) -> ChannelErrors:
        """Of each channel in physical units, on ``CHANNEL_ROWS`` of the rows.

        Args:
            snapshots: the rows as they are, each variable (rows, ...).
            variables: what they are.
            coordinates: names of the dimensions that have coordinates, `Store.coordinates`.

        Raises:
            DataError: one row, or every channel is the same in all rows.
        """
        rows = len(self.coded.values)
        if rows < 2:
            raise DataError(f"{rows} row{'s' * (rows != 1)} to judge: at least 2 are needed, of which one differs")
        some = slice(None, None, -(-rows // CHANNEL_ROWS))
        few = self.representation.canonical({name: values[some] for name, values in snapshots.items()})
        truth = by_channel(few, variables, coordinates)
        yard = {name: Yardstick.of(values) for name, values in truth.items()}
        if all(y.constant for y in yard.values()):
            raise DataError("no variable varies over the rows: there is no variance to explain")
        inverse = (self.representation.inverse(location[some]) for location in self.locations)
        decoded = (self.representation.beside(member, few) for member in inverse)
        found = [_errors(by_channel(member, variables, coordinates), yard) for member in decoded]
        pooled, median_row = ({name: np.array([e[name][i] for e in found]) for name in truth} for i in (0, 1))
        return ChannelErrors(pooled, median_row, tuple(name for name, y in yard.items() if y.constant))


class Yardstick(NamedTuple):
    """What errors of a channel are measured by; numbers are divided by a unit first, so that squares are finite.

    Args:
        truth: the rows in that unit, (rows, points); NaN where a number is missing, which counts nowhere.
        unit: a power of two near the largest number.
        spread: sum over rows of the squared distance from the mean.
        rows: squared distance of each row from the median, (rows).
        constant: whether all rows are the same.
    """

    truth: NDArray[np.float64]
    unit: float
    spread: float
    rows: NDArray[np.float64]
    constant: bool

    @classmethod
    def of(cls, values: FloatArray) -> "Yardstick":
        """Of the rows of a channel, (rows, ...)."""
        size = float(np.fmax.reduce(np.abs(values), axis=None, initial=0.0))
        unit = float(np.ldexp(1.0, int(np.frexp(size)[1]) - 1)) if size > 0 else 1.0
        truth = values.reshape(len(values), -1).astype(np.float64) / unit
        reach = np.fmax.reduce(truth, axis=0) - np.fmin.reduce(truth, axis=0)
        constant = not bool((reach > ROUNDING).any())
        spread = float(_there((truth - mean_there(truth, 0)) ** 2).sum())
        return cls(truth, unit, spread, _there((truth - median_there(truth)) ** 2).sum(1), constant)

    def errors(self, estimate: FloatArray) -> tuple[float, float]:
        """Of all rows together, and of the median row."""
        if self.constant:
            return float("nan"), float("nan")
        off = self.truth - estimate.reshape(self.truth.shape).astype(np.float64) / self.unit
        rows = _there(off**2).sum(1)
        return float(rows.sum() / self.spread), _median_ratio(rows, self.rows)


def _there(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squares with 0 where a number is missing."""
    return np.where(np.isnan(squares), 0.0, squares) if np.isnan(squares).any() else squares


def _errors(estimates: Mapping[str, FloatArray], yard: Mapping[str, Yardstick]) -> dict[str, tuple[float, float]]:
    return {name: yard[name].errors(values) for name, values in estimates.items()}


def _median_ratio(errors: FloatArray, sizes: FloatArray) -> float:
    """Median over rows of error over size, without rows that have no size; NaN where none has."""
    some = sizes > 0
    return float(np.median(errors[some] / sizes[some])) if some.any() else float("nan")


def by_channel(
    snapshots: Mapping[str, FloatArray], variables: Sequence[Variable], coordinates: Collection[str] = ()
) -> dict[str, FloatArray]:
    """Each channel on its own: a variable, or a component of one, under its name or its number.

    >>> flux = Variable("flux", ("component", "x", "y"), (2, 3, 3), components=("x", "y"))
    >>> list(by_channel({"flux": np.zeros((5, 2, 3, 3))}, [flux]))
    ['flux x', 'flux y']
    >>> list(by_channel({"state": np.zeros((5, 16, 12, 2))}, [Variable("state", ("x", "y", "z"), (16, 12, 2))]))
    ['state[0]', 'state[1]']
    """
    held = [v for v in variables if v.name in snapshots]
    axes = component_axes(held, coordinates)
    channels: dict[str, FloatArray] = {}
    for v in held:
        if v.classes:  # an error of one class for another has no size
            channels[v.name] = (snapshots[v.name][:, None] == np.arange(len(v.classes))).astype(np.float64)
        elif v.name in axes or v.components:
            parts = np.moveaxis(snapshots[v.name], 1 + axes.get(v.name, 0), 0)
            channels |= dict(zip(component_names(v, axes.get(v.name, 0)), parts, strict=True))
        else:
            channels[v.name] = snapshots[v.name]
    return channels
