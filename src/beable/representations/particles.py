r"""Configurations of identical particles as their coordinates or as the distances between them.

A configuration is N positions :math:`x_i` in d dimensions, the last of them up. The list of coordinates keeps walls
and gravity but needs an order (`beable.representations.orders`); the matrix :math:`D_{ij} = |x_i - x_j|` forgets
rotation, reflection and place and needs one just as much.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.datasets.superposed import align
from beable.errors import DataError, UsageError, unknown
from beable.representations.distance_geometry import classical_scaling, refine
from beable.representations.orders import Configurations, Order, OrderName
from beable.representations.orientation import settle
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Representation,
    Shapes,
    Snapshots,
    refuse_larger,
)
from beable.representations.scaling import Affine, Floats, affine_of, check_scaling
from beable.representations.spherical import from_spherical, to_spherical

FORMS = ("image", "flat", "triangle")
ORIENTATIONS = ("floor", "mean")
#: training configurations that decoded ones in a periodic box begin at, and how many steps they take
REFERENCES, PERIODIC_STEPS = 256, 200


class Coordinates(Representation):
    r"""Coordinates of the particles in an order that does not depend on their labels.

    .. math:: c = (x_{\pi} - o)/s, \qquad r = N\,|R - \bar R|^2/s^2 \text{ where the centre of mass R is taken out}

    Args:
        order: a name in ``orders.ORDERS``; "none" keeps the labels.
        centred: take the centre of mass out; decoded configurations get the mean one of the training rows.
        scaling: "deviation" (mean of each coordinate, one standard deviation), "range" (training rows in (-1, 1)),
            "box" (divided by the diagonal of the box), "none".
        box: side L of the box, for the scaling that needs it.
        polar: distance and angles from the centre of mass instead, as `spherical.to_spherical` has them. The likelihood
            is then one of these numbers, not of positions.

    Reference: the orders other than "assignment", scalings and the polar variant are those of LCP-B group 9,
    University of Padova (2023).

    >>> gas = np.random.default_rng(0).uniform(0, 10, size=(8, 5, 2)).astype("float32")
    >>> coordinates = Coordinates().fit({"positions": gas})
    >>> again = coordinates.transform({"positions": gas[:, ::-1]}).values
    >>> bool((again == coordinates.transform({"positions": gas}).values).all()), again.shape
    (True, (8, 10))
    """

    def __init__(
        self,
        order: OrderName = "assignment",
        centred: bool = False,
        scaling: Literal["deviation", "range", "box", "none"] = "deviation",
        box: float | None = None,
        polar: bool = False,
    ) -> None:
        check_scaling(scaling, ("deviation", "range", "box", "none"), box)
        self.order, self.centred, self.scaling, self.box, self.polar = Order(order), centred, scaling, box, polar
        labels = "nothing" if order == "none" else "which particle is which"
        self.forgets = f"{labels}; the centre of mass" if centred or polar else labels

    def settings(self) -> dict[str, object]:
        return {
            "order": self.order.name,
            "centred": self.centred,
            "scaling": self.scaling,
            "box": self.box,
            "polar": self.polar,
        }

    def fit(self, snapshots: Snapshots) -> Self:
        self.configurations = Configurations.of(snapshots)
        positions = self.configurations.take(snapshots)
        self.order.fit(positions)
        ordered = self.order.apply(positions).astype(np.float64)
        self.centre = ordered.mean((0, 1))
        numbers = self._numbers(ordered)
        self.affine = affine_of(numbers, self._unit, self.scaling, self._diagonal)
        self._size = float(np.sqrt((self.affine.apply(numbers) ** 2).mean()))
        return self

    @property
    def _unit(self) -> NDArray[np.int64]:
        c = self.configurations
        return np.tile(np.arange(c.dimensions), c.particles) if self.polar else np.zeros(c.numbers, np.int64)

    @property
    def _diagonal(self) -> float:
        return (self.box or 1.0) * math.sqrt(self.configurations.dimensions)

    def _numbers(self, ordered: Floats) -> Floats:
        """What is scaled: positions, those around the mean centre of mass, or their polar numbers."""
        around = ordered - ordered.mean(1, keepdims=True)
        if self.polar:
            return to_spherical(around).reshape(len(ordered), -1)
        return (around + self.centre if self.centred else ordered).reshape(len(ordered), -1)

    @property
    def code(self) -> CodeSpec:
        m = self.configurations.numbers
        size = np.full(m, self._size, np.float32)
        group = np.zeros(m, np.int64)
        return CodeSpec((m,), group, np.array([float(m)]), size, self.configurations.particles, self.affine.log_volume)

    def ordered(self, positions: FloatArray) -> FloatArray:
        """Positions (rows, particles, dimensions) in this representation's order, in their own units."""
        return self.order.apply(self.configurations.take({self.configurations.name: positions}))

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        return {self.configurations.name: self.order.apply(self.configurations.take(snapshots))}

    def transform(self, snapshots: Snapshots) -> Coded:
        ordered = self.order.apply(self.configurations.take(snapshots)).astype(np.float64)
        values = self.affine.apply(self._numbers(ordered)).astype(np.float32)
        return Coded(values, self._residual_energy(ordered)[:, None].astype(np.float32))

    def _residual_energy(self, ordered: Floats) -> Floats:
        """Energy of the centre of mass, where it is taken out."""
        if not self.centred or self.polar:
            return np.zeros(len(ordered))
        offset = ordered.mean(1) - self.centre
        return np.asarray(self.configurations.particles * (offset**2).sum(1) / self.affine.scale[0] ** 2)

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        c = self.configurations
        numbers = self.affine.undo(values.reshape(-1, c.numbers)).reshape(-1, c.particles, c.dimensions)
        positions = from_spherical(numbers) if self.polar else numbers
        if self.centred or self.polar:
            positions = positions - positions.mean(1, keepdims=True) + self.centre
        return c.give(positions)

    def state(self) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = dict(self.affine._asdict()) | {"centre": self.centre}
        return arrays | {"size": np.array(self._size)} | order_state(self.order)

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        c = Configurations(shapes)
        own: dict[str, tuple[int, ...]] = {"offset": (c.numbers,), "scale": (c.numbers,), "centre": (c.dimensions,)}
        return own | {"size": ()} | order_layout(self.order, c.particles, c.dimensions)

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.configurations = Configurations(shapes)
        self.affine = Affine(np.asarray(state["offset"]), np.asarray(state["scale"]))
        self.centre, self._size = np.asarray(state["centre"]), float(state["size"])
        self.order = Order(self.order.name, state.get("sites"))
        return self


def order_layout(order: Order, particles: int, numbers: int) -> dict[str, tuple[int, ...]]:
    """Shapes of what an order has learned of particles of so many numbers each."""
    return {"sites": (particles, numbers)} if order.name == "assignment" else {}


def order_state(order: Order) -> dict[str, FloatArray]:
    """What an order has learned."""
    return {} if order.sites is None else {"sites": order.sites}


class DistanceMatrix(Representation):
    r"""Distances between all pairs of ordered particles.

    .. math:: c_{ij} = (|x_i - x_j| - o_{ij})/s

    An image or a flat matrix holds every pair twice. Its likelihood is nevertheless that of the M = N(N-1)/2 pairs:
    the code of a pair is a point on the diagonal of a plane, at :math:`\sqrt 2\,c_{ij}` along it, so M counts as the
    dimension and :math:`s/\sqrt 2` as the scale. It is exact for symmetric decoded matrices and a bound for others.
    The M distances have only Nd - d(d+1)/2 degrees of freedom: most matrices are those of no configuration.

    Args:
        order: a name in ``orders.ORDERS``.
        form: "image" (1, N, N), "flat" (N²), "triangle" (the M pairs).
        scaling: "diagonal" (divided by that of the box: within [0, 1]), "deviation" (mean of each distance, one
            standard deviation), "none".
        box: side L of the box.
        refine: improve decoded positions by stress majorisation after classical scaling.
        periodic: whether the box repeats: distances are those of nearest images, and decoded configurations begin at
            the training configuration whose distances are nearest.
        orientation: how decoded configurations are turned: "floor" puts the side of the hull nearest to the centre of
            mass down, "mean" takes the turn and the place nearest to the mean ordered training configuration.

    Reference: the sorted image divided by the diagonal, classical scaling and the turn to the floor are those of LCP-B
    group 9, University of Padova (2023).

    >>> gas = np.random.default_rng(0).uniform(0, 10, size=(8, 5, 2)).astype("float32")
    >>> matrices = DistanceMatrix(box=10.0).fit({"positions": gas})
    >>> matrices.transform({"positions": gas}).values.shape
    (8, 1, 5, 5)
    """

    def __init__(
        self,
        order: OrderName = "origin",
        form: Literal["image", "flat", "triangle"] = "image",
        scaling: Literal["diagonal", "deviation", "none"] = "diagonal",
        box: float | None = None,
        refine: bool = True,
        orientation: Literal["floor", "mean"] = "floor",
        periodic: bool = False,
    ) -> None:
        check_scaling(scaling, ("diagonal", "deviation", "none"), box)
        if periodic and box is None:
            raise UsageError("distances of nearest images need the box: give its side as representation.box")
        if form not in FORMS:
            raise unknown("form", str(form), FORMS)
        if orientation not in ORIENTATIONS:
            raise unknown("orientation", str(orientation), ORIENTATIONS)
        if orientation == "floor" and box is None and not periodic:
            raise UsageError(
                "orientation 'floor' lays configurations into the box: give its side as representation.box"
            )
        self.order, self.form, self.scaling, self.box = Order(order), form, scaling, box
        self.refine, self.orientation, self.periodic = refine, orientation, periodic
        twice = "" if form == "triangle" else " (every pair is there twice and counts once)"
        self.forgets = f"which particle is which; place, rotation and reflection{twice}"

    def settings(self) -> dict[str, object]:
        chosen: dict[str, object] = {
            "order": self.order.name,
            "form": self.form,
            "scaling": self.scaling,
            "box": self.box,
            "refine": self.refine,
            "orientation": self.orientation,
        }
        return chosen | ({"periodic": True} if self.periodic else {})

    def fit(self, snapshots: Snapshots) -> Self:
        self.configurations = Configurations.of(snapshots)
        self._check_pairs()
        positions = self.configurations.take(snapshots)
        self.order.fit(positions)
        ordered = self.order.apply(positions)
        self.mean = ordered.mean(0, dtype=np.float64)
        self.references = ordered[:: max(1, len(ordered) // REFERENCES)][:REFERENCES].astype(np.float64)
        pairs = self._pairs(ordered)
        diagonal = (self.box or 1.0) * math.sqrt(self.configurations.dimensions)
        self.affine = affine_of(pairs, np.zeros(pairs.shape[1], np.int64), self.scaling, diagonal)
        self._size = float(np.sqrt((self._form(self.affine.apply(pairs)) ** 2).mean()))
        return self

    def _check_pairs(self) -> None:
        c = self.configurations
        if c.particles < 2:
            raise DataError(
                f"{c.name}: {c.particles} particle has no distances: set representation.kind = 'coordinates'"
            )
        if self.orientation == "floor" and c.dimensions not in (2, 3):
            raise DataError(f"{c.name}: no floor in {c.dimensions} dimensions: set representation.orientation = 'mean'")
        self._upper = np.triu_indices(c.particles, 1)

    def _pairs(self, ordered: FloatArray) -> Floats:
        """Distances (rows, M) of the pairs i < j."""
        i, j = self._upper
        squares = np.zeros((len(ordered), len(i)))
        for axis in np.moveaxis(ordered.astype(np.float64), -1, 0):
            apart = axis[:, i] - axis[:, j]
            squares += (apart - self._side * np.round(apart / self._side) if self.periodic else apart) ** 2
        return np.sqrt(squares)

    @property
    def _side(self) -> float:
        return float(self.box or 0)

    def _form(self, pairs: Floats) -> Floats:
        """Values of pairs (rows, M) as the code has them."""
        return pairs if self.form == "triangle" else self._square(pairs).reshape(len(pairs), *self._shape)

    def _square(self, pairs: Floats) -> Floats:
        n, (i, j) = self.configurations.particles, self._upper
        square = np.zeros((len(pairs), n, n))
        square[:, i, j] = square[:, j, i] = pairs
        return square

    @property
    def _shape(self) -> tuple[int, ...]:
        n = self.configurations.particles
        return {"image": (1, n, n), "flat": (n * n,), "triangle": (len(self._upper[0]),)}[self.form]

    @property
    def code(self) -> CodeSpec:
        pairs, numbers = len(self._upper[0]), int(np.prod(self._shape))
        twice = 0.0 if self.form == "triangle" else 0.5 * np.log(2) * pairs
        return CodeSpec(
            self._shape,
            np.zeros(numbers, np.int64),
            np.array([float(pairs)]),
            np.full(numbers, self._size, np.float32),
            numbers,
            self.affine.log_volume - twice,
        )

    def transform(self, snapshots: Snapshots) -> Coded:
        pairs = self._pairs(self.order.apply(self.configurations.take(snapshots)))
        values = self._form(self.affine.apply(pairs)).astype(np.float32)
        return Coded(values, np.zeros((len(pairs), 1), np.float32))

    def matrices(self, values: FloatArray) -> Floats:
        """Distances (rows, N, N) of codes in physical units: symmetric, not negative, zero on the diagonal."""
        rows = len(values)
        if self.form == "triangle":
            pairs = values.reshape(rows, -1)
        else:
            square = values.reshape(rows, self.configurations.particles, -1).astype(np.float64)
            pairs = ((square + square.swapaxes(1, 2)) / 2)[:, *self._upper]
        return self._square(self.affine.undo(pairs).clip(0))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        return self.configurations.give(self._upright(self._embedded(self.matrices(values))))

    def _embedded(self, distances: Floats) -> Floats:
        if self.periodic:
            return self._in_the_box(distances)
        start = classical_scaling(distances, self.configurations.dimensions).positions
        return refine(distances, start).positions if self.refine else start

    def _in_the_box(self, distances: Floats) -> Floats:
        """Positions in a periodic box, by steps of Guttman from the training configuration of nearest distances."""
        known, wanted = self._pairs(self.references), distances[:, *self._upper]
        nearest = [int(np.square(known - row).sum(1).argmin()) for row in wanted]
        x = self.references[nearest]
        for _ in range(PERIODIC_STEPS if self.refine else 0):
            apart = x[:, :, None] - x[:, None]
            apart -= self._side * np.round(apart / self._side)
            found = np.sqrt(np.square(apart).sum(-1))
            pull = np.divide(distances, found, out=np.ones_like(found), where=found > 0) - 1
            x = x + np.einsum("rij,rijd->rid", pull, apart) / x.shape[1]
        return np.asarray(x)

    def beside(self, decoded: Snapshots, snapshots: Snapshots) -> dict[str, FloatArray]:
        if not self.periodic:
            return dict(decoded)
        name = self.configurations.name
        apart = decoded[name].astype(np.float64) - snapshots[name]
        apart -= self._side * np.round(apart / self._side)
        return {**decoded, name: (snapshots[name] + apart).astype(np.float32)}

    def _upright(self, positions: FloatArray) -> Floats:
        """Positions turned and put where a decoded configuration belongs."""
        if self.periodic:
            return self._middled(positions)
        mean = np.broadcast_to(self.mean, positions.shape)
        if self.orientation == "mean":
            return align(positions, mean).positions
        box = float(self.box or 0)
        resting = settle(positions, box)
        mirrored = resting.copy()
        mirrored[..., 0] = box - mirrored[..., 0]
        nearer = ((mirrored - mean) ** 2).sum((1, 2)) < ((resting - mean) ** 2).sum((1, 2))
        return np.where(nearer[:, None, None], mirrored, resting)

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        """Configurations in this order, turned and placed as decoded ones are: their heights are not the true ones."""
        return self.configurations.give(self._upright(self.order.apply(self.configurations.take(snapshots))))

    def state(self) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = dict(self.affine._asdict()) | {"mean": self.mean}
        arrays |= {"references": self.references} if self.periodic else {}
        return arrays | {"size": np.array(self._size)} | order_state(self.order)

    def _middled(self, positions: FloatArray) -> Floats:
        """Positions in a periodic box with the mean angle of the particles in its middle."""
        turn = 2 * np.pi * np.asarray(positions, np.float64) / self._side
        mean = np.arctan2(np.sin(turn).mean(1, keepdims=True), np.cos(turn).mean(1, keepdims=True))
        return np.asarray((turn - mean + np.pi) % (2 * np.pi) * self._side / (2 * np.pi))

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        c = Configurations(shapes)
        pairs = c.particles * (c.particles - 1) // 2
        own: dict[str, tuple[int, ...]] = {"offset": (pairs,), "scale": (pairs,), "size": ()}
        own |= {"mean": (c.particles, c.dimensions)}
        if self.periodic:
            rows = min(len(state.get("references", ())), REFERENCES)
            own |= {"references": (rows, c.particles, c.dimensions)}
        return own | order_layout(self.order, c.particles, c.dimensions)

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.configurations = Configurations(shapes)
        self._check_pairs()
        self.affine = Affine(np.asarray(state["offset"]), np.asarray(state["scale"]))
        self.mean, self._size = np.asarray(state["mean"]), float(state["size"])
        self.references = np.asarray(state.get("references", np.empty((0, *self.mean.shape))))
        self.order = Order(self.order.name, state.get("sites"))
        return self
