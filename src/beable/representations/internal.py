r"""A chain of named particles by its own shape: bond lengths, bond angles and dihedral angles along the list.

.. math:: c = (b_i,\ \bar b\,\theta_i,\ \bar b \cos\phi_i,\ \bar b \sin\phi_i)

with b the distances of neighbours in the list, θ the angles between them, φ the dihedral angles and :math:`\bar b` the
mean distance, so that all numbers are lengths. Rotation and place are forgotten. Distances of chosen pairs, such as
those across a cleft, may stand beside them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from beable.datasets.superposed import align, superposed
from beable.errors import DataError
from beable.representations.orders import Configurations
from beable.representations.pairs import bent, lengths_of, pairs_of
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

FEWEST = 4
SPACE = 3


class Internal(Representation):
    """Bond lengths, angles and dihedral angles of a chain in space, in the order of the list.

    The likelihood is one of these numbers, of which cosine and sine of a dihedral count as one, not of positions.
    Decoded chains are laid onto the mean training configuration; small errors of angles add up along a long chain,
    unless distances across it are learned too, to which it is bent.

    Args:
        distances: pairs of places in the list whose distances are learned as well, such as "54-160, 30-120".

    Reference: J. Parsons, J. B. Holmes, J. M. Rojas, J. Tsai and C. E. M. Strauss, J. Comput. Chem. 26, 1063 (2005),
    for the way back.

    >>> chain = np.random.default_rng(0).normal(size=(6, 8, 3)).cumsum(1).astype("float32")
    >>> inner = Internal().fit({"positions": chain})
    >>> inner.code.shape, bool(np.allclose(inner.transform({"positions": chain + 5}).values,
    ...                                    inner.transform({"positions": chain}).values, atol=1e-4))
    ((23,), True)
    """

    forgets = "rotation and place"

    def __init__(self, distances: str = "") -> None:
        self.distances = distances

    def settings(self) -> dict[str, object]:
        return {"distances": self.distances} if self.distances else {}

    def fit(self, snapshots: Snapshots) -> Self:
        Configurations.of(snapshots)
        self._take_shapes({name: np.shape(values)[1:] for name, values in snapshots.items()})
        positions = self.configurations.take(snapshots).astype(np.float64)
        self.mean = superposed(positions, "mean").mean(0)
        self._length = np.array(float(np.linalg.norm(np.diff(positions, axis=1), axis=2).mean()))
        numbers = self._numbers(positions)
        self.affine = affine_of(numbers, np.zeros(numbers.shape[1], np.int64), "deviation", 1.0)
        self._size = np.full(numbers.shape[1], np.sqrt((self.affine.apply(numbers) ** 2).mean()))
        return self

    def _take_shapes(self, shapes: Mapping[str, Sequence[int]]) -> None:
        self.configurations = c = Configurations(shapes)
        if c.dimensions != SPACE or c.particles < FEWEST:
            raise DataError(
                f"{c.name}: a chain of at least {FEWEST} particles in space has dihedral angles, got {c.particles} in "
                f"{c.dimensions} dimensions: set representation.kind = 'coordinates'"
            )
        self.pairs = pairs_of(self.distances, c.particles)

    def _numbers(self, positions: Floats) -> Floats:
        b = np.diff(positions, axis=1)
        lengths = np.linalg.norm(b, axis=2)
        if not lengths.all():
            raise DataError(f"{self.configurations.name}: neighbours in the list lie on each other: check the data")
        along = np.einsum("rid,rid->ri", -b[:, :-1], b[:, 1:]) / (lengths[:, :-1] * lengths[:, 1:])
        normal = np.cross(b[:, :-1], b[:, 1:])
        over = lengths[:, 1:-1] * np.einsum("rid,rid->ri", b[:, :-2], normal[:, 1:])
        turn = np.arctan2(over, np.einsum("rid,rid->ri", normal[:, :-1], normal[:, 1:]))
        angles = np.arccos(along.clip(-1, 1))
        return np.concatenate(
            [
                lengths,
                *(self._length * part for part in (angles, np.cos(turn), np.sin(turn))),
                lengths_of(positions, self.pairs),
            ],
            axis=1,
        )

    @property
    def code(self) -> CodeSpec:
        m, n = self._size.size, self.configurations.particles
        once = m - (n - 3)
        scale = float(self.affine.scale[0])
        size, group = self._size.astype(np.float32), np.zeros(m, np.int64)
        return CodeSpec((m,), group, np.array([float(once)]), size, n, once * math.log(scale))

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        return self.configurations.give(self._laid(self.configurations.take(snapshots).astype(np.float64)))

    def _laid(self, positions: Floats) -> Floats:
        return align(positions, np.broadcast_to(self.mean, positions.shape), reflection=False).positions

    def transform(self, snapshots: Snapshots) -> Coded:
        numbers = self._numbers(self.configurations.take(snapshots).astype(np.float64))
        return Coded(self.affine.apply(numbers).astype(np.float32), np.zeros((len(numbers), 1), np.float32))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        n = self.configurations.particles
        numbers = self.affine.undo(values.reshape(len(values), -1))
        ends = [n - 1, 2 * n - 3, 3 * n - 6, 4 * n - 9]
        lengths, angles, cosine, sine, apart = np.split(numbers, ends, axis=1)
        found = chain(np.abs(lengths), angles / self._length, np.arctan2(sine, cosine))
        found = bent(found, self.pairs, np.abs(apart)) if len(self.pairs) else found
        return self.configurations.give(self._laid(found))

    def state(self) -> dict[str, FloatArray]:
        own = {"mean": self.mean, "length": self._length, "size": self._size}
        return dict(self.affine._asdict()) | own

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        self._take_shapes(shapes)
        n = self.configurations.particles
        m = 4 * n - 9 + len(self.pairs)
        return {"offset": (m,), "scale": (m,), "mean": (n, SPACE), "length": (), "size": (m,)}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self._take_shapes(shapes)
        self.affine = Affine(np.asarray(state["offset"]), np.asarray(state["scale"]))
        self.mean, self._length, self._size = (np.asarray(state[name]) for name in ("mean", "length", "size"))
        return self


def chain(lengths: Floats, angles: Floats, turns: Floats) -> Floats:
    """Positions (rows, N, 3) of bond lengths (rows, N − 1), angles (rows, N − 2) and dihedral angles (rows, N − 3).

    >>> chain(np.ones((1, 3)), np.full((1, 2), np.pi / 2), np.zeros((1, 1))).round(6)[0, 3].tolist()[1:]
    [1.0, 0.0]
    """
    rows, n = len(lengths), lengths.shape[1] + 1
    x = np.zeros((rows, n, SPACE))
    x[:, 1, 0] = lengths[:, 0]
    x[:, 2, 0] = lengths[:, 0] - lengths[:, 1] * np.cos(angles[:, 0])
    x[:, 2, 1] = lengths[:, 1] * np.sin(angles[:, 0])
    for i in range(3, n):
        along = _unit(x[:, i - 1] - x[:, i - 2])
        normal = _unit(np.cross(x[:, i - 2] - x[:, i - 3], along))
        across = np.cross(normal, along)
        r, bend, turn = lengths[:, i - 1], angles[:, i - 2], turns[:, i - 3]
        parts = -np.cos(bend), np.sin(bend) * np.cos(turn), np.sin(bend) * np.sin(turn)
        step = sum(p[:, None] * axis for p, axis in zip(parts, (along, across, normal), strict=True))
        x[:, i] = x[:, i - 1] + r[:, None] * step
    return x


def _unit(vectors: Floats) -> Floats:
    """Vectors (rows, 3) of length 1; what has no direction stays 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))
