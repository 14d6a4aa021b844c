r"""In which order the particles of a configuration are written down: identical particles have none of their own.

A configuration of N identical particles is a set. Written as a list it needs an order that the set alone decides,
or the same configuration has N! codes. Orders by a key (a coordinate, a distance) jump when two particles pass each
other in that key; the assignment to sites of a template (`beable.representations.assignment`) jumps least.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, unknown
from beable.representations.assignment import assigned, template
from beable.representations.representation import FloatArray, Snapshots, rows_of

OrderName = Literal["assignment", "none", "lexicographic", "height", "origin", "centre"]


class Configurations:
    """The one variable that holds the particles' positions: its name and shape.

    Args:
        shapes: shape of one row of each variable, such as {"positions": (30, 2)}.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        if len(shapes) != 1:
            named = ", ".join(shapes) or "none"
            raise DataError(
                f"expected one variable, positions (particle, dimension), got {named}: name that one alone in variables"
            )
        ((self.name, shape),) = shapes.items()
        if len(shape) != 2 or not shape[0] or shape[1] not in (1, 2, 3):
            raise DataError(
                f"{self.name}: expected (particle, dimension) with 1 to 3 dimensions in each row, "
                f"got shape {tuple(shape)}: give positions of particles"
            )
        self.particles, self.dimensions = shape

    @classmethod
    def of(cls, snapshots: Snapshots) -> Self:
        for name, values in snapshots.items():
            if not len(values):
                raise DataError(f"{name} has no training rows: give some")
        return cls({name: np.shape(values)[1:] for name, values in snapshots.items()})

    @property
    def numbers(self) -> int:
        """Numbers of one configuration, particles times dimensions."""
        return self.particles * self.dimensions

    def take(self, snapshots: Snapshots) -> FloatArray:
        """Positions (rows, particles, dimensions) of snapshots, checked."""
        expected = (self.particles, self.dimensions)
        found = {name: np.shape(values)[1:] for name, values in snapshots.items()}
        if found.get(self.name) != expected:
            raise DataError(f"expected {self.name} {expected}, got {found}: give what the model was trained on")
        rows_of({self.name: snapshots[self.name]})
        return snapshots[self.name]

    def give(self, positions: FloatArray) -> dict[str, FloatArray]:
        """Positions, in any shape that holds them, as snapshots."""
        return {self.name: positions.reshape(-1, self.particles, self.dimensions).astype(np.float32)}


def _first(positions: FloatArray) -> FloatArray:
    return positions[..., 0]


def _height(positions: FloatArray) -> FloatArray:
    return positions[..., -1]


def _from_origin(positions: FloatArray) -> FloatArray:
    return np.asarray((positions**2).sum(-1))


def _from_centre(positions: FloatArray) -> FloatArray:
    return np.asarray(((positions - positions.mean(-2, keepdims=True)) ** 2).sum(-1))


#: what an order sorts by; particles that are equal in it follow by their first coordinate, then by the next
KEYS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "lexicographic": _first,
    "height": _height,
    "origin": _from_origin,
    "centre": _from_centre,
}
ORDERS = ("assignment", "none", *KEYS)


def check_order(name: str) -> None:
    """Refuse an order that is not in ``ORDERS``."""
    if name not in ORDERS:
        raise unknown("order", str(name), ORDERS)


class Order:
    """A rule that numbers the particles of a configuration.

    Args:
        name: "assignment" to the sites of a template fitted to training rows, "none", "lexicographic" (first
            coordinate), "height" (last coordinate), "origin" (distance from the corner at 0), "centre" (distance
            from the centre of mass).
        sites: the template, (particles, dimensions), where it is known.

    >>> pair = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    >>> Order("height").apply(pair)[0].tolist(), Order("origin").apply(pair)[0].tolist()
    ([[2.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 0.0]])
    """

    def __init__(self, name: str, sites: FloatArray | None = None) -> None:
        check_order(name)
        self.name, self.sites = name, sites

    def fit(self, positions: FloatArray) -> Self:
        """Learn the template, if the order needs one."""
        if self.name == "assignment":
            self.sites = template(sort(positions, _first))
        return self

    def apply(self, positions: FloatArray) -> FloatArray:
        """Positions (rows, particles, dimensions) with the particles in this order."""
        if self.name == "none":
            return positions
        # sorted first, so that nothing after this line, not even a rounding error, can depend on the labels
        alike = sort(positions, _first)
        if self.sites is not None:
            return assigned(alike, self.sites)
        return alike if self.name == "lexicographic" else sort(alike, KEYS[self.name])


def sort(positions: FloatArray, key: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Particles by a key, computed in double precision, then by their coordinates."""
    coordinates = np.moveaxis(positions, -1, 0)[::-1]
    place: NDArray[np.intp] = np.lexsort((*coordinates, key(positions.astype(np.float64))), axis=-1)
    return np.take_along_axis(positions, place[..., None], axis=-2)
