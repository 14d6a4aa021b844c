r"""Particles in a box that repeats: numbers that do not jump where a particle leaves by one wall and enters by another.

A place s along an edge of length L, in units of it, is coded by its angle,

.. math:: c = \frac{L}{2\pi}\,(\cos 2\pi s,\ \sin 2\pi s)

A small step is as long in the code as in the box. Like a matrix of distances, which holds each pair twice, the two
numbers count as one output of scale L/2π: for decoded numbers on the circle the likelihood is a von Mises density of s.
"""

import math
from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, UsageError
from beable.representations.orders import Configurations, Order
from beable.representations.particles import order_layout, order_state
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Representation,
    Shapes,
    Snapshots,
    refuse_larger,
)
from beable.representations.scaling import Affine, Floats, affine_of

BOX = "box"
Box = float | Sequence[float] | None


def edges_of(box: Box, dimensions: int) -> Floats:
    """Edges of a box as rows, (d, d): of one side, of one for each dimension, or of d vectors one after the other.

    >>> edges_of([2, 3], 2).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    sides = np.atleast_1d(np.asarray(box, np.float64))
    square = sides.size == dimensions**2 and dimensions > 1
    if not square and sides.size not in (1, dimensions):
        raise UsageError(
            f"representation.box has {sides.size} numbers in {dimensions} dimensions: give one side, {dimensions} "
            f"sides, or the {dimensions**2} numbers of {dimensions} edges"
        )
    edges = sides.reshape(dimensions, dimensions) if square else np.eye(dimensions) * sides
    if not np.isfinite(edges).all() or abs(np.linalg.det(edges)) <= 0:
        raise UsageError(f"representation.box must have a volume, got {sides.tolist()}")
    return np.asarray(edges)


def nearest_image(apart: Floats, edges: Floats, repeats: Sequence[bool]) -> Floats:
    """Differences of positions (..., d) between nearest images in a box of edges (d, d) or (rows, 1, d, d).

    >>> nearest_image(np.array([0.9, 0.2]), np.eye(2), (True, True)).round(6).tolist()
    [-0.1, 0.2]
    """
    places = np.matmul(apart[..., None, :], np.linalg.inv(edges))
    places -= np.round(places) * np.asarray(repeats)
    return np.asarray(np.matmul(places, edges)[..., 0, :])


class Periodic(Representation):
    """Positions in a periodic box as angles; a box that differs from row to row is learned with them.

    Args:
        order: "assignment" to the sites of a template, which are places on the circles, or "none", as listed.
        box: side, sides or edges of the box; None where the variable ``box`` holds that of each row.
        repeats: along which edges the box repeats; along all of them by default.

    Reference: K. V. Mardia and P. E. Jupp, *Directional Statistics* (Wiley, 2000), for angles and their densities.

    >>> x = np.random.default_rng(0).uniform(0, 4, size=(8, 5, 2)).astype("float32")
    >>> angles = Periodic("none", box=4.0).fit({"positions": x})
    >>> one, two = (angles.transform({"positions": positions}).values for positions in (x, x + 4))
    >>> bool(np.allclose(one, two, atol=1e-5))
    True
    """

    def __init__(
        self,
        order: Literal["assignment", "none"] = "assignment",
        box: Box = None,
        repeats: Sequence[bool] | None = None,
    ) -> None:
        self.order, self.box = Order(order), None if box is None else np.atleast_1d(box).tolist()
        self.repeats = None if repeats is None else tuple(map(bool, repeats))
        labels = "" if order == "none" else "which particle is which; "
        self.forgets = f"{labels}through which walls particles went"

    def settings(self) -> dict[str, object]:
        return {"order": self.order.name, "box": self.box, "repeats": self.repeats}

    def fit(self, snapshots: Snapshots) -> Self:
        Configurations.of({n: v for n, v in snapshots.items() if n != BOX or len(snapshots) == 1})
        self._take_shapes({name: np.shape(values)[1:] for name, values in snapshots.items()})
        positions, boxes = self._parts(snapshots)
        self.edges = boxes.mean(0)
        around = self._around(positions, boxes)
        self.order.fit(around)
        numbers = self._numbers(np.asarray(self.order.apply(around), np.float64), boxes)
        self.affine = affine_of(numbers, self._unit, "deviation", 1.0)
        squares, unit = (self.affine.apply(numbers) ** 2).mean(0), self._unit
        self._size = np.sqrt(np.array([squares[unit == group].mean() for group in np.unique(unit)]))[unit]
        return self

    def _take_shapes(self, shapes: Mapping[str, Sequence[int]]) -> None:
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.configurations = Configurations({n: s for n, s in self.shapes.items() if n != BOX or len(shapes) == 1})
        d = self.configurations.dimensions
        if BOX not in self.shapes and self.box is None:
            raise UsageError("the periodic representation needs the box: set representation.box to its side or sides")
        if self.repeats is not None and len(self.repeats) != d:
            raise UsageError(
                f"representation.repeats has {len(self.repeats)} answers in {d} dimensions: give one for each"
            )
        if self.shapes.get(BOX, (d,)) not in ((d,), (d, d)):
            raise DataError(f"box: expected ({d},) or ({d}, {d}) in each row, got {self.shapes[BOX]}: give edges")
        self._turns = np.array(self.repeats if self.repeats is not None else (True,) * d)

    @property
    def _own_box(self) -> int:
        """How many numbers of a row are those of its box."""
        return prod(self.shapes[BOX]) if BOX in self.shapes else 0

    @property
    def _around_width(self) -> int:
        """Numbers by which a place is coded: two where the box repeats, one elsewhere."""
        return int(self._turns.sum()) + self.configurations.dimensions

    @property
    def _unit(self) -> NDArray[np.int64]:
        numbers = self.configurations.particles * self._around_width
        return np.repeat(np.array([0, 1], np.int64), [numbers, self._own_box])

    def _parts(self, snapshots: Snapshots) -> tuple[Floats, Floats]:
        """Positions (rows, N, d), and the edges of the box of each row, (rows, d, d)."""
        c = self.configurations
        positions = c.take(snapshots).astype(np.float64)
        if BOX not in self.shapes:
            return positions, np.broadcast_to(
                edges_of(self.box, c.dimensions), (len(positions), c.dimensions, c.dimensions)
            )
        boxes = np.asarray(snapshots[BOX], np.float64)
        return positions, boxes if boxes.ndim == 3 else boxes[:, :, None] * np.eye(c.dimensions)

    def _around(self, positions: Floats, boxes: Floats) -> Floats:
        """Places as angles, in units of length of the mean box, (rows, N, width)."""
        places, lengths = np.matmul(positions, np.linalg.inv(boxes)), np.linalg.norm(self.edges, axis=1)
        turn = 2 * np.pi * places[..., self._turns]
        radius = lengths[self._turns] / (2 * np.pi)
        straight = places[..., ~self._turns] * lengths[~self._turns]
        return np.concatenate([np.cos(turn) * radius, np.sin(turn) * radius, straight], axis=2)

    def _numbers(self, around: Floats, boxes: Floats) -> Floats:
        flat = around.reshape(len(around), -1)
        if not self._own_box:
            return flat
        held = boxes if len(self.shapes[BOX]) == 2 else np.diagonal(boxes, axis1=1, axis2=2)
        return np.concatenate([flat, held.reshape(len(flat), -1)], axis=1)

    @property
    def code(self) -> CodeSpec:
        c, unit = self.configurations, self._unit
        dimension = np.array([float(c.numbers), float(self._own_box)][: 1 + bool(self._own_box)])
        log_volume = c.numbers * math.log(self.affine.scale[0]) + float(np.log(self.affine.scale[unit == 1]).sum())
        return CodeSpec((unit.size,), unit, dimension, self._size.astype(np.float32), c.particles, log_volume)

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        return self.inverse(self.transform(snapshots).values)

    def transform(self, snapshots: Snapshots) -> Coded:
        positions, boxes = self._parts(snapshots)
        ordered = np.asarray(self.order.apply(self._around(positions, boxes)), np.float64)
        numbers = self._numbers(ordered, boxes)
        groups = 1 + bool(self._own_box)
        return Coded(self.affine.apply(numbers).astype(np.float32), np.zeros((len(numbers), groups), np.float32))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        c, d = self.configurations, self.configurations.dimensions
        numbers = self.affine.undo(values.reshape(len(values), -1))
        around, own = numbers[:, : c.particles * self._around_width], numbers[:, c.particles * self._around_width :]
        around, k = around.reshape(len(numbers), c.particles, -1), int(self._turns.sum())
        places = np.empty((len(numbers), c.particles, d))
        places[..., self._turns] = np.arctan2(around[..., k : 2 * k], around[..., :k]) / (2 * np.pi) % 1.0
        places[..., ~self._turns] = around[..., 2 * k :] / np.linalg.norm(self.edges, axis=1)[~self._turns]
        boxes = own.reshape(len(own), *self.shapes[BOX]) if self._own_box else self.edges
        found = c.give(
            np.matmul(places, boxes if boxes.ndim != 2 or not self._own_box else boxes[:, :, None] * np.eye(d))
        )
        return {name: found.get(name, np.asarray(boxes, np.float32)) for name in self.shapes}

    def beside(self, decoded: Snapshots, snapshots: Snapshots) -> dict[str, FloatArray]:
        name = self.configurations.name
        truth, boxes = self._parts(snapshots)
        apart = nearest_image(decoded[name].astype(np.float64) - truth, boxes[:, None], self._turns.tolist())
        return {**decoded, name: (truth + apart).astype(np.float32)}

    def state(self) -> dict[str, FloatArray]:
        own = {"edges": self.edges, "size": self._size}
        return dict(self.affine._asdict()) | own | order_state(self.order)

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        self._take_shapes(shapes)
        m, d = self._unit.size, self.configurations.dimensions
        own: dict[str, tuple[int, ...]] = {"offset": (m,), "scale": (m,), "edges": (d, d), "size": (m,)}
        return own | order_layout(self.order, self.configurations.particles, self._around_width)

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self._take_shapes(shapes)
        self.affine = Affine(np.asarray(state["offset"]), np.asarray(state["scale"]))
        self.edges, self._size = np.asarray(state["edges"]), np.asarray(state["size"])
        self.order = Order(self.order.name, state.get("sites"))
        return self
