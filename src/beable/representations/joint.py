"""Coordinates and distances of one ordered configuration beside each other, for a model that decodes both.

The source asked for it: a network that answers with coordinates is held to the distances as well.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Self

import numpy as np

from beable.errors import unknown
from beable.representations.orders import OrderName
from beable.representations.particles import Coordinates, DistanceMatrix
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Representation,
    Shapes,
    Snapshots,
)
from beable.representations.scaling import Floats, check_scaling


class Both(NamedTuple):
    """What a joint code holds.

    Args:
        positions: decoded coordinates, (rows, particles, dimensions).
        matrices: decoded distances, (rows, particles, particles); those between the positions only as far as the
            model agrees with itself.
    """

    positions: FloatArray
    matrices: Floats


class Joint(Representation):
    """Coordinates (group 0) and distances of the same ordered particles (group 1) in one flat code.

    Distances follow from coordinates, so the likelihood of both counts the configuration twice: it is a loss with two
    parts, not the density of a configuration. With ``variance = "closed-channel"`` each group has its own error.

    Args:
        order: a name in ``orders.ORDERS``, for both.
        form: "triangle" (each pair once) or "flat".
        scaling: "deviation", or "box" (both divided by the diagonal of the box).
        box: side L of the box, for the scaling that needs it.
        encoded: what an encoder sees, "both" or "distances": then latents come from the matrix alone, and coordinates
            are a second head of the decoder.

    Reference: announced by LCP-B group 9, University of Padova (2023).

    >>> gas = np.random.default_rng(0).uniform(0, 10, size=(8, 5, 2)).astype("float32")
    >>> joint = Joint().fit({"positions": gas})
    >>> joint.code.shape, joint.code.dimension.tolist()
    ((20,), [10.0, 10.0])
    """

    def __init__(
        self,
        order: OrderName = "assignment",
        form: Literal["triangle", "flat"] = "triangle",
        scaling: Literal["deviation", "box"] = "deviation",
        box: float | None = None,
        encoded: Literal["both", "distances"] = "both",
    ) -> None:
        check_scaling(scaling, ("deviation", "box"), box)
        if encoded not in ("both", "distances"):
            raise unknown("encoded", str(encoded), ("both", "distances"))
        if form not in ("triangle", "flat"):
            raise unknown("form", str(form), ("triangle", "flat"))
        self.coordinates = Coordinates(order, scaling=scaling, box=box)
        spread: Literal["deviation", "diagonal"] = "deviation" if scaling == "deviation" else "diagonal"
        self.distances = DistanceMatrix("none", form, spread, box, orientation="mean")
        self.forgets, self.encoded = self.coordinates.forgets, encoded

    def settings(self) -> dict[str, object]:
        c = self.coordinates
        chosen: dict[str, object] = {"order": c.order.name, "form": self.distances.form, "scaling": c.scaling}
        return chosen | {"box": c.box} | ({} if self.encoded == "both" else {"encoded": self.encoded})

    def fit(self, snapshots: Snapshots) -> Self:
        self.distances.fit(self.coordinates.fit(snapshots).canonical(snapshots))
        return self

    @property
    def code(self) -> CodeSpec:
        one, two = self.coordinates.code, self.distances.code
        return CodeSpec(
            (one.group.size + two.group.size,),
            np.concatenate([one.group, two.group + 1]),
            np.concatenate([one.dimension, two.dimension]),
            np.concatenate([one.scale, two.scale]),
            one.pixels,
            one.log_volume + two.log_volume,
            unseen=one.group.size if self.encoded == "distances" else 0,
        )

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        return self.coordinates.canonical(snapshots)

    def transform(self, snapshots: Snapshots) -> Coded:
        one, two = self.coordinates.transform(snapshots), self.distances.transform(self.canonical(snapshots))
        values, left = (np.concatenate([a, b], axis=1) for a, b in zip(one[:2], two[:2], strict=True))
        return Coded(values, left)

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        return self.coordinates.inverse(self._parts(values)[0])

    def both(self, values: FloatArray) -> Both:
        """Decoded coordinates and decoded distance matrices."""
        one, two = self._parts(values)
        (positions,) = self.coordinates.inverse(one).values()
        return Both(positions, self.distances.matrices(two))

    def _parts(self, values: FloatArray) -> list[FloatArray]:
        return np.split(values, [self.coordinates.code.group.size], axis=1)

    def state(self) -> dict[str, FloatArray]:
        parts = {"coordinates": self.coordinates, "distances": self.distances}
        return {f"{part}.{name}": v for part, of in parts.items() for name, v in of.state().items()}

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        parts = {"coordinates": self.coordinates, "distances": self.distances}
        wanted = {part: of.layout(_under(part, state), shapes) for part, of in parts.items()}
        return {f"{part}.{name}": shape for part, named in wanted.items() for name, shape in named.items()}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.coordinates.restore(_under("coordinates", state), shapes)
        self.distances.restore(_under("distances", state), shapes)
        return self


def _under(part: str, state: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return {name.removeprefix(f"{part}."): v for name, v in state.items() if name.startswith(f"{part}.")}
