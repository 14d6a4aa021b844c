r"""Fields as they are: channels on a grid, centred and scaled, nothing left out.

A variable (x, y) is one channel, a variable with components one for each of them, along whichever axis they lie. The
code of a snapshot is :math:`(y - \bar y)/s` with the training mean field and one scale s a channel, so that a channel
is not lost beside a larger one.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, unknown
from beable.representations.gaps import by_number, mean_there, size_there
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Passes,
    Representation,
    Shapes,
    Snapshots,
    refuse_larger,
    rows_of,
)

SCALINGS = ("none", "channel")
EPS32 = float(np.finfo(np.float32).eps)
#: rounding of decoded numbers, as a share of what varies, beyond which they are given in float64
ROUNDING = 1e-5
#: sizes whose squares, and sums of squares, float32 holds
SMALLEST32, LARGEST32 = 1e-15, 1e15
#: sizes whose squares float64 holds
SMALLEST64, LARGEST64 = 1e-140, 1e140
#: rows whose sums are taken together
ROWS_IN_CACHE = 16
#: name of the fitted array that tells the axes of components
AXES = "component_axis"


class Channels:
    """How the variables of a snapshot lie beside each other in one vector of D numbers.

    Args:
        shapes: shape of one row of each variable, such as {"pressure": (65, 65), "flux": (2, 65, 65)}.
        axes: the axis of one row along which components lie, by variable; of others a first axis before the grid.

    >>> Channels({"state": (16, 12, 2)}, {"state": 2}).names
    ['state[0]', 'state[1]']
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], axes: Mapping[str, int] | None = None) -> None:
        if not shapes:
            raise DataError("no variable to represent: name at least one in variables")
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.axes = {name: axis for name, axis in (axes or {}).items() if name in self.shapes}
        first = {name: self._components_first(name) for name in self.shapes}
        self.grid = min((s[name in self.axes :] for name, s in first.items()), key=len)
        for name, shape in first.items():
            if shape[len(shape) - len(self.grid) :] != self.grid or len(shape) > len(self.grid) + 1:
                raise DataError(
                    f"variable {name} has shape {self.shapes[name]}, others the grid {self.grid}: name those "
                    "on one grid in variables"
                )
        self.counts = [prod(s[: len(s) - len(self.grid)]) for s in first.values()]
        self.number = sum(self.counts)
        self.pixels = prod(self.grid)

    def _components_first(self, name: str) -> tuple[int, ...]:
        """Shape of one row with the axis of components before the grid."""
        shape = self.shapes[name]
        axis = self.axes.get(name, 0)
        return (*shape[axis : axis + 1], *shape[:axis], *shape[axis + 1 :])

    @property
    def names(self) -> list[str]:
        """A name for each channel: pressure, flux[0], flux[1]."""
        counted = zip(self.shapes, self.counts, strict=True)
        return [n if c == 1 else f"{n}[{i}]" for n, c in counted for i in range(c)]

    def stack(self, snapshots: Snapshots) -> NDArray[np.float64]:
        """Snapshots to (rows, channels, pixels), NaN where a number is missing."""
        return np.ascontiguousarray(self.stored(snapshots), np.float64)

    def stored(self, snapshots: Snapshots) -> FloatArray:
        """Snapshots to (rows, channels, pixels), in the number format that holds all variables."""
        rows = rows_of(snapshots, missing=True)
        found = {name: snapshots[name].shape[1:] for name in self.shapes if name in snapshots}
        if found != self.shapes:
            raise DataError(f"expected variables {self.shapes}, got {found}: give what the model was trained on")
        moved = {name: np.moveaxis(snapshots[name], axis + 1, 1) for name, axis in self.axes.items()}
        parts = [moved.get(name, snapshots[name]).reshape(rows, -1, self.pixels) for name in self.shapes]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def unstack(self, values: FloatArray, wide: NDArray[np.bool_]) -> dict[str, FloatArray]:
        """(rows, channels, pixels) back to snapshots, in float64 where a channel of the variable needs it."""
        ends = np.cumsum(self.counts)[:-1]
        parts = zip(self.shapes, np.split(values, ends, axis=1), np.split(wide, ends), strict=True)
        return {name: self._shaped(name, part, needed=bool(own.any())) for name, part, own in parts}

    def _shaped(self, name: str, part: FloatArray, needed: bool) -> FloatArray:
        numbers: FloatArray = part.astype(np.float64 if needed else np.float32)
        first = numbers.reshape(len(part), *self._components_first(name))
        if name not in self.axes:
            return first
        return np.ascontiguousarray(np.moveaxis(first, 1, self.axes[name] + 1))

    def state(self) -> dict[str, FloatArray]:
        """The axes of components as a fitted array, -1 for variables without; nothing where there are none."""
        axes = [self.axes.get(name, -1) for name in self.shapes]
        return {AXES: np.array(axes, np.int64)} if self.axes else {}

    def layout(self, shapes: Shapes) -> dict[str, tuple[int, ...]]:
        """Shapes of mean and scale of the channels, and of `state`."""
        axes: dict[str, tuple[int, ...]] = {AXES: (len(shapes),)} if self.axes else {}
        return axes | {"mean": (self.number, self.pixels), "channel_scale": (self.number,)}

    @classmethod
    def restored(cls, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        """The channels that `state` was taken of."""
        axes = zip(shapes, np.asarray(state.get(AXES, [-1] * len(shapes))).tolist(), strict=True)
        return cls(shapes, {name: int(axis) for name, axis in axes if axis >= 0})


class Standardisation:
    """Mean field and scale of each channel of training rows.

    Args:
        scaling: "channel" divides by each channel's standard deviation over rows and pixels, "none" does not.
        mean: mean field, (channels, pixels), NaN where training rows never had a number: the mask.
        scale: s, (channels).
    """

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.mean, self.scale = mean, scale

    @classmethod
    def of(
        cls, stacked: NDArray[np.float64], scaling: str, channels: Channels, *, centre: bool = True, apart: bool = False
    ) -> Self:
        """The standardisation of training rows (rows, channels, pixels); channels coded apart must each vary."""
        return cls.of_moments(_moments(stacked, centre), len(stacked), scaling, channels, apart=apart)

    @classmethod
    def of_moments(
        cls, moments: "Moments", rows: int, scaling: str, channels: Channels, *, apart: bool = False
    ) -> Self:
        """The standardisation of rows of which the moments are known."""
        mean, deviation, size = moments
        _refuse_nothing(size, channels, rows)
        flat = deviation <= 1e-12 * np.maximum(size, np.finfo(np.float64).tiny)
        _refuse_constant(flat, scaling, channels, rows, apart=apart)
        if scaling == "channel":
            return cls(mean, np.where(flat, 1.0, deviation))
        _refuse_sizes(np.where(flat, 1.0, deviation), channels)
        return cls(mean, np.ones(len(deviation)))

    def apply(self, stacked: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = stacked - self.mean
        scaled /= self.scale[:, None]
        return scaled

    def apply_narrow(self, stored: FloatArray) -> NDArray[np.float32]:
        """`apply` to single precision, in which it takes half of the memory and of the time."""
        scaled, row = np.empty(stored.shape, np.float32), np.empty(stored.shape[1:])
        for numbers, found in zip(stored, scaled, strict=True):
            np.subtract(numbers, self.mean, out=row)  # in double precision: a mean may be far larger than what varies
            np.divide(row, self.scale[:, None], out=found, casting="same_kind")
        return scaled

    def undo(self, values: FloatArray) -> NDArray[np.float64]:
        return values * self.scale[:, None] + self.mean

    def wide(self, spread: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
        """Which channels float32 cannot hold, mean and what varies about it, (channels).

        Args:
            spread: standard deviation of each channel where the scale is not that, (channels).
        """
        varies = self.scale if spread is None else np.broadcast_to(spread, self.scale.shape)
        size = size_there(self.mean, 1)
        rounded = size * EPS32 > ROUNDING * varies
        return np.asarray(rounded | (np.maximum(size, 100 * varies) > 1e37) | (varies < 1e-34))

    @property
    def there(self) -> NDArray[np.bool_]:
        """Where numbers can be, (channels, pixels): everywhere but in the mask."""
        return ~np.isnan(self.mean)

    @property
    def log_volume(self) -> float:
        if self.there.all():
            return float(np.log(self.scale).sum() * self.mean.shape[1])
        return float(np.log(self.scale) @ self.there.sum(1))

    def log_volume_lacking(self, stacked: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the log volume of each row has less because numbers are missing beside the mask, (rows)."""
        gone = (np.isnan(stacked) & self.there).sum(2)
        return np.asarray(-(gone @ np.log(self.scale)))


class Moments(NamedTuple):
    """Mean field (channels, pixels), standard deviation and largest size of each channel."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    size: NDArray[np.float64]


class Sums:
    """Sums over blocks of rows, about a centre of the first one, from which moments follow.

    Args:
        centre: whether a mean is taken off.
    """

    def __init__(self, centre: bool = True) -> None:
        self.centre, self.rows = centre, 0
        self.size: NDArray[np.float64] = np.zeros(0)

    def add(self, stored: FloatArray) -> None:
        """A block of rows (rows, channels, pixels)."""
        if not self.rows:
            self._begin(stored)
        for at in range(0, len(stored), ROWS_IN_CACHE):
            near = stored[at : at + ROWS_IN_CACHE].astype(np.float64)
            high, low = near.max(axis=(0, 2)), near.min(axis=(0, 2))
            self.size = np.maximum(self.size, np.maximum(np.abs(high), np.abs(low)))
            near /= self.unit[:, None]
            near -= self.about
            self.first += near.sum(0)
            self.second += np.einsum("rcp,rcp->c", near, near)
        self.rows += len(stored)

    def _begin(self, stored: FloatArray) -> None:
        few = stored[:ROWS_IN_CACHE].astype(np.float64)
        size = np.abs(few).max(axis=(0, 2))
        self.unit = np.ldexp(1.0, np.frexp(np.where(size > 0, size, 1.0))[1] - 1)
        self.about = (few / self.unit[:, None]).mean(0) if self.centre else np.zeros(few.shape[1:])
        self.first, self.second = np.zeros(few.shape[1:]), np.zeros(few.shape[1])
        self.size = np.zeros(few.shape[1])

    def moments(self) -> Moments:
        """The moments of all rows until now."""
        shift = self.first / self.rows if self.centre else np.zeros_like(self.first)
        square = self.second / (self.rows * shift.shape[1]) - (shift**2).mean(1)
        mean = (self.about + shift) * self.unit[:, None]
        return Moments(mean, np.sqrt(np.maximum(square, 0)) * self.unit, self.size)


def _moments(stacked: NDArray[np.float64], centre: bool) -> Moments:
    """Moments of rows that are at hand, whatever their sizes."""
    size = size_there(stacked, (0, 2))
    some = size[size > 0]
    extreme = bool(some.size) and not SMALLEST64 < some.min() <= some.max() < LARGEST64
    power = np.ldexp(1.0, np.frexp(np.where(size > 0, size, 1.0))[1] - 1) if extreme else np.ones(len(size))
    near = stacked / power[:, None] if extreme else stacked  # dividing by a power of two is exact
    mean = mean_there(near, 0)
    mean = mean if centre else np.where(np.isnan(mean), mean, 0.0)
    squares = near - mean
    np.square(squares, out=squares)
    deviation = np.sqrt(mean_there(squares, (0, 2)))
    return Moments(mean * power[:, None], deviation * power, size)


def _refuse_nothing(size: NDArray[np.float64], channels: Channels, rows: int) -> None:
    """Refuse channels of which no training row has a number."""
    if np.isnan(size).any():
        names = ", ".join(np.array(channels.names)[np.isnan(size)])
        raise DataError(f"{names} is missing in all {rows} training rows: leave it out of variables")


def _refuse_constant(flat: NDArray[np.bool_], scaling: str, channels: Channels, rows: int, *, apart: bool) -> None:
    """Refuse channels with nothing to learn, but not a component that lies beside others in one basis."""
    whole = np.repeat([count == 1 for count in channels.counts], channels.counts)
    refused = flat if apart or flat.all() else flat & whole & (scaling == "channel")
    if not refused.any():
        return
    names = ", ".join(np.array(channels.names)[refused])
    kept = ", or set representation.kind = 'modes' with separate = false, where components of one variable may be"
    advice = "" if whole[refused].all() or flat.all() else kept
    raise DataError(
        f"{names} is the same in all {rows} training rows and has nothing to learn: leave it out of variables{advice}"
    )


def _refuse_sizes(deviation: NDArray[np.float64], channels: Channels) -> None:
    """Refuse numbers that codes in float32 cannot hold unscaled."""
    bad = (deviation < SMALLEST32) | (deviation > LARGEST32)
    if bad.any():
        k = int(bad.argmax())
        raise DataError(
            f"{channels.names[k]} varies by {deviation[k]:.3g}, which codes in single precision do not hold unscaled: "
            "set representation.scaling = 'channel' (--scaling channel)"
        )


def check_scaling(scaling: str) -> None:
    """Refuse a scaling that is not in ``SCALINGS``."""
    if scaling not in SCALINGS:
        raise unknown("scaling", str(scaling), SCALINGS)


class Fields(Representation):
    """Fields on a grid, for convolutions or for a dense network on every pixel.

    Args:
        scaling: "channel" or "none" (raw units, as the Darcy paper).
        centre: subtract the training mean field; False for data read as probabilities.

    >>> field = np.random.default_rng(0).normal(size=(4, 3, 3)).astype("float32")
    >>> fields = Fields().fit({"pressure": field})
    >>> bool(np.allclose(fields.inverse(fields.transform({"pressure": field}).values)["pressure"], field, atol=1e-6))
    True
    """

    forgets = "nothing"
    lacking = frozenset({"mean"})

    def __init__(self, scaling: Literal["none", "channel"] = "channel", centre: bool = True) -> None:
        check_scaling(scaling)
        self.scaling, self.centre = scaling, centre

    def settings(self) -> dict[str, object]:
        return {"scaling": self.scaling, "centre": self.centre}

    def fit(self, snapshots: Snapshots) -> Self:
        self.channels = Channels({name: values.shape[1:] for name, values in snapshots.items()}, self.components)
        stacked = self.channels.stack(snapshots)
        self.standard = Standardisation.of(
            stacked, self.scaling, self.channels, centre=self.centre, apart=self.scaling == "channel"
        )
        scaled = self.standard.apply(stacked)
        size = np.sqrt(mean_there(scaled**2, (0, 2)))
        self._size = np.where(size > 1e-12 * size_there(stacked, (0, 2)), size, 1.0)  # a constant channel has none
        return self

    def fit_passes(self, passes: Passes) -> None:
        sums = Sums(self.centre)
        for snapshots in passes("scales of the fields"):
            self.channels = Channels({name: values.shape[1:] for name, values in snapshots.items()}, self.components)
            sums.add(self.channels.stored(snapshots))
        moments = sums.moments()
        apart = self.scaling == "channel"
        self.standard = Standardisation.of_moments(moments, sums.rows, self.scaling, self.channels, apart=apart)
        flat = moments.deviation <= 1e-12 * moments.size  # a constant channel has no size
        self._size = np.where(flat, 1.0, moments.deviation / self.standard.scale)

    @property
    def code(self) -> CodeSpec:
        c = self.channels
        group = np.repeat(np.arange(c.number), c.pixels)
        dimension = self.standard.there.sum(1).astype(float)
        shape = (c.number, *c.grid)
        return CodeSpec(
            shape, group, dimension, self._size[group].astype(np.float32), c.pixels, self.standard.log_volume
        )

    def transform(self, snapshots: Snapshots) -> Coded:
        values = self.standard.apply(self.channels.stack(snapshots)).astype(np.float32)
        there, code = ~np.isnan(values).reshape(len(values), -1), self.code
        values[np.isnan(values)] = 0
        gaps = None if there.all() else by_number(values.reshape(len(values), -1), there, code.group)
        left = np.zeros((len(values), self.channels.number), np.float32)
        return Coded(values.reshape(-1, *code.shape), left, gaps=gaps)

    def log_jacobian(self, snapshots: Snapshots) -> FloatArray:
        return self.standard.log_volume_lacking(self.channels.stack(snapshots))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        c = self.channels
        stacked = self.standard.undo(values.reshape(-1, c.number, c.pixels))
        return c.unstack(stacked, self.standard.wide(self._size if self.scaling == "none" else None))

    def state(self) -> dict[str, FloatArray]:
        fitted = {"mean": self.standard.mean, "channel_scale": self.standard.scale, "size": self._size}
        return fitted | self.channels.state()

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        channels = Channels.restored(state, shapes)
        return channels.layout(shapes) | {"size": (channels.number,)}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.channels = Channels.restored(state, shapes)
        self.standard = Standardisation(np.asarray(state["mean"]), np.asarray(state["channel_scale"]))
        self._size = np.asarray(state["size"])
        return self
