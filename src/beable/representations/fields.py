r"""Fields as they are: channels on a grid, centred and scaled, nothing left out.

A variable (x, y) is one channel, a variable (component, x, y) one for each component. The code of a snapshot is
:math:`(y - \bar y)/s` with the training mean field and one scale s a channel.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, unknown
from beable.representations.representation import Coded, CodeSpec, FloatArray, Representation, Snapshots, rows_of

SCALINGS = ("none", "channel")


class Channels:
    """How the variables of a snapshot lie beside each other in one vector of D numbers.

    Args:
        shapes: shape of one row of each variable, such as {"pressure": (65, 65), "flux": (2, 65, 65)}.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        if not shapes:
            raise DataError("no variable to represent: name at least one in variables")
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.grid = min(self.shapes.values(), key=len)
        for name, shape in self.shapes.items():
            if shape[len(shape) - len(self.grid) :] != self.grid or len(shape) > len(self.grid) + 1:
                raise DataError(
                    f"variable {name} has shape {shape}, others the grid {self.grid}: name those "
                    "on one grid in variables"
                )
        self.counts = [prod(s[: len(s) - len(self.grid)]) for s in self.shapes.values()]
        self.number = sum(self.counts)
        self.pixels = prod(self.grid)

    @property
    def names(self) -> list[str]:
        """A name for each channel: pressure, flux[0], flux[1]."""
        counted = zip(self.shapes, self.counts, strict=True)
        return [n if c == 1 else f"{n}[{i}]" for n, c in counted for i in range(c)]

    def stack(self, snapshots: Snapshots) -> NDArray[np.float64]:
        """Snapshots to (rows, channels, pixels)."""
        rows = rows_of(snapshots)
        found = {name: snapshots[name].shape[1:] for name in self.shapes if name in snapshots}
        if found != self.shapes:
            raise DataError(f"expected variables {self.shapes}, got {found}: give what the model was trained on")
        parts = [snapshots[name].reshape(rows, -1, self.pixels) for name in self.shapes]
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def unstack(self, values: FloatArray) -> dict[str, FloatArray]:
        """(rows, channels, pixels) back to snapshots."""
        parts = np.split(values, np.cumsum(self.counts)[:-1], axis=1)
        return {
            name: part.reshape(len(values), *shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }


class Standardisation:
    """Mean field and scale of each channel of training rows.

    Args:
        scaling: "channel" divides by each channel's standard deviation over rows and pixels, "none" does not.
        mean: mean field, (channels, pixels).
        scale: s, (channels).
    """

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.mean, self.scale = mean, scale

    @classmethod
    def of(
        cls, stacked: NDArray[np.float64], scaling: str, channels: Channels, *, centre: bool = True, apart: bool = False
    ) -> Self:
        """The standardisation of training rows (rows, channels, pixels); channels coded apart must each vary."""
        mean = stacked.mean(0) if centre else np.zeros(stacked.shape[1:])
        deviation = np.sqrt(((stacked - mean) ** 2).mean(axis=(0, 2)))
        size = np.abs(stacked).max(axis=(0, 2))
        flat = deviation <= 1e-12 * np.maximum(size, np.finfo(np.float64).tiny)
        if flat.any() and (scaling == "channel" or apart or flat.all()):
            names = ", ".join(np.array(channels.names)[flat])
            raise DataError(
                f"{names} is the same in all {len(stacked)} training rows and has nothing to learn: "
                "leave it out of variables"
            )
        return cls(mean, deviation if scaling == "channel" else np.ones(len(deviation)))

    def apply(self, stacked: NDArray[np.float64]) -> NDArray[np.float64]:
        return (stacked - self.mean) / self.scale[:, None]

    def undo(self, values: FloatArray) -> NDArray[np.float64]:
        return values * self.scale[:, None] + self.mean

    @property
    def log_volume(self) -> float:
        return float(np.log(self.scale).sum() * self.mean.shape[1])


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

    def __init__(self, scaling: Literal["none", "channel"] = "channel", centre: bool = True) -> None:
        check_scaling(scaling)
        self.scaling, self.centre = scaling, centre

    def settings(self) -> dict[str, object]:
        return {"scaling": self.scaling, "centre": self.centre}

    def fit(self, snapshots: Snapshots) -> Self:
        self.channels = Channels({name: values.shape[1:] for name, values in snapshots.items()})
        stacked = self.channels.stack(snapshots)
        self.standard = Standardisation.of(stacked, self.scaling, self.channels, centre=self.centre)
        scaled = self.standard.apply(stacked)
        size = np.sqrt((scaled**2).mean(axis=(0, 2)))
        self._size = np.where(size > 1e-12 * np.abs(stacked).max(axis=(0, 2)), size, 1.0)  # a constant channel has none
        return self

    @property
    def code(self) -> CodeSpec:
        c = self.channels
        group = np.repeat(np.arange(c.number), c.pixels)
        dimension = np.full(c.number, float(c.pixels))
        shape = (c.number, *c.grid)
        return CodeSpec(
            shape, group, dimension, self._size[group].astype(np.float32), c.pixels, self.standard.log_volume
        )

    def transform(self, snapshots: Snapshots) -> Coded:
        values = self.standard.apply(self.channels.stack(snapshots)).astype(np.float32)
        return Coded(values.reshape(-1, *self.code.shape), np.zeros((len(values), self.channels.number), np.float32))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        c = self.channels
        return c.unstack(self.standard.undo(values.reshape(-1, c.number, c.pixels)).astype(np.float32))

    def state(self) -> dict[str, FloatArray]:
        return {"mean": self.standard.mean, "channel_scale": self.standard.scale, "size": self._size}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.channels = Channels(shapes)
        self.standard = Standardisation(np.asarray(state["mean"]), np.asarray(state["channel_scale"]))
        self._size = np.asarray(state["size"])
        return self
