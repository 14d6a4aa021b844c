r"""Particles counted in the cells of a grid: a field that knows neither labels nor their number.

.. math:: n_k = \#\{i : x_i \in \text{cell } k\}, \qquad \sum_k n_k = N, \qquad h = L/\text{cells}

What is lost is where in its cell a particle is: at most h/2 along each axis.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, UsageError, unknown
from beable.representations.orders import Configurations
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Representation,
    Shapes,
    Snapshots,
    rows_of,
)
from beable.representations.scaling import check_box, check_spread

VALUES = ("count", "max", "one")
Indices = NDArray[np.int64]


class DensityGrid(Representation):
    r"""Counts of particles in the cells of a grid over the box.

    Decoding gives the whole counts nearest to the decoded values, :math:`\min \sum_k (v_k - n_k)^2` with
    :math:`\sum_k n_k = N`, and a particle in the middle of its cell for each: true grids come back exactly.

    Args:
        cells: cells along each axis, n.
        box: side L of the box.
        value: "count"; "max" (divided by the largest count of the training rows); "one" (1 where there is a particle:
            where two share a cell, one of them is lost, see `lost`).

    Reference: the grids, coarse and fine, and decoding by draws are those of LCP-B group 9, University of Padova
    (2023).

    >>> gas = np.array([[[0.5, 3.5], [2.2, 1.9]], [[1.5, 0.5], [3.5, 3.5]]], "float32")
    >>> grid = DensityGrid(cells=4, box=4.0).fit({"positions": gas})
    >>> grid.inverse(grid.transform({"positions": gas}).values)["positions"][0].tolist()
    [[0.5, 3.5], [2.5, 1.5]]
    """

    def __init__(self, cells: int, box: float, value: Literal["count", "max", "one"] = "count") -> None:
        if type(cells) is not int or cells < 1:
            raise UsageError(f"cells must be a whole number of at least 1, got {cells!r}")
        check_box(box)
        if value not in VALUES:
            raise unknown("value", str(value), VALUES)
        self.cells, self.box, self.value = cells, box, value
        shared = "; all but one particle of a cell" if value == "one" else ""
        self.forgets = f"which particle is which; where in its cell a particle is{shared}"

    def settings(self) -> dict[str, object]:
        return {"cells": self.cells, "box": self.box, "value": self.value}

    def fit(self, snapshots: Snapshots) -> Self:
        self.configurations = Configurations.of(snapshots)
        where = self._where(snapshots)
        self._check_room()
        check_spread(where.astype(np.float64))
        counts = [np.unique(row, return_counts=True)[1] for row in where]
        self.scale = float(max(c.max() for c in counts)) if self.value == "max" else 1.0
        energy = sum(float(len(c) if self.value == "one" else (c**2).sum()) for c in counts)
        self._size = float(np.sqrt(energy / len(where) / self.number)) / self.scale
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis, x first."""
        return (self.cells,) * self.configurations.dimensions

    @property
    def number(self) -> int:
        """Cells of the whole grid."""
        return int(self.cells**self.configurations.dimensions)

    def _check_room(self) -> None:
        if self.value == "one" and self.number < self.configurations.particles:
            needed = self.configurations.particles
            raise DataError(
                f"{needed} particles do not fit one by one into {self.number} cells: raise representation.cells"
            )

    def _where(self, snapshots: Snapshots) -> Indices:
        """The cell of each particle, sorted, (rows, particles)."""
        positions = self.configurations.take(snapshots)
        outside = np.flatnonzero(((positions < 0) | (positions > self.box)).any((1, 2)))
        if outside.size:
            raise DataError(
                f"{self.configurations.name}: {outside.size} of {len(positions)} rows leave the box [0, {self.box}], "
                f"first row {outside[0]}: give the side of theirs as representation.box"
            )
        index = np.floor(positions.astype(np.float64) * (self.cells / self.box)).astype(np.int64)
        axes = np.moveaxis(index.clip(0, self.cells - 1), -1, 0)
        return np.sort(np.ravel_multi_index(tuple(axes), self.shape), axis=1)

    @property
    def width(self) -> int:
        return self.number

    @property
    def code(self) -> CodeSpec:
        n = self.number
        return CodeSpec(
            (1, *self.shape),
            np.zeros(n, np.int64),
            np.array([float(n)]),
            np.full(n, self._size, np.float32),
            n,
            n * float(np.log(self.scale)),
        )

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        """Positions sorted by their cell, as decoded ones are; within a cell by their coordinates."""
        positions = self.configurations.take(snapshots)
        keys = np.moveaxis(positions, -1, 0)[::-1]
        index = np.floor(keys.astype(np.float64) * (self.cells / self.box)).clip(0, self.cells - 1)
        place = np.lexsort((*keys, *index), axis=-1)
        return {self.configurations.name: np.take_along_axis(positions, place[..., None], axis=1)}

    def transform(self, snapshots: Snapshots) -> Coded:
        where = self._where(snapshots)
        grid = np.zeros((len(where), self.number), np.float32)
        rows = np.repeat(np.arange(len(where)), where.shape[1])
        if self.value == "one":
            grid[rows, where.ravel()] = 1
        else:
            np.add.at(grid, (rows, where.ravel()), np.float32(1 / self.scale))
        return Coded(grid.reshape(-1, *self.code.shape), np.zeros((len(where), 1), np.float32))

    def lost(self, snapshots: Snapshots) -> Indices:
        """Particles of each row that share a cell with another, beyond the first: what value "one" loses, (rows,)."""
        return np.asarray((np.diff(self._where(snapshots), axis=1) == 0).sum(1))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        return self._middles(np.array([self._peaks(row) for row in self._flat(values)], np.int64))

    def _flat(self, values: FloatArray) -> FloatArray:
        rows_of({"decoded grid": values})
        return values.reshape(len(values), -1)

    def _peaks(self, row: FloatArray) -> Indices:
        """Cells of the nearest whole counts: a cell's k-th particle comes in by v - k, largest first."""
        n = min(self.configurations.particles, self.number)
        likely = np.sort(np.argpartition(-row, n - 1)[:n])
        copies = 1 if self.value == "one" else self.configurations.particles
        gain = row[likely, None].astype(np.float64) * self.scale - np.arange(copies)
        best = np.argsort(-gain.ravel(), kind="stable")[: self.configurations.particles]
        return np.sort(likely[best // copies])

    def draw(self, values: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
        """Particles in N different cells of each row, drawn with chances in proportion to the values.

        Args:
            values: codes, not negative.
            rng: where the draws come from.

        Raises:
            DataError: a row with fewer than N cells above zero.
        """
        grid, n = self._flat(values), self.configurations.particles
        few = np.flatnonzero((grid > 0).sum(1) < n)
        if few.size:
            raise DataError(f"row {few[0]} has fewer than {n} cells above zero to draw {n} particles from: use inverse")
        return self._middles(np.array([self._drawn(row, rng) for row in grid], np.int64))

    def _drawn(self, row: FloatArray, rng: np.random.Generator) -> Indices:
        """The first n of a race of exponential clocks: draws without replacement."""
        n, open_cells = self.configurations.particles, np.flatnonzero(row > 0)
        times = rng.exponential(size=open_cells.size) / row[open_cells]
        return np.sort(open_cells[np.argsort(times, kind="stable")[:n]])

    def above(self, values: FloatArray, deviations: float = 5.0) -> NDArray[np.bool_]:
        r"""Cells above the mean of their row by so many standard deviations, (rows, cells).

        A share p of ones among zeros is found only if :math:`1 - p > k \sqrt{p (1 - p)}`, p < 1/(1 + k²): with the
        five deviations of LCP-B group 9, on grids of more than 26 cells a particle.

        Args:
            values: codes.
            deviations: k.
        """
        grid = self._flat(values).astype(np.float64)
        level = grid.mean(1, keepdims=True) + deviations * grid.std(1, keepdims=True)
        return np.asarray(grid > level)

    def _middles(self, where: Indices) -> dict[str, FloatArray]:
        index = np.stack(np.unravel_index(where, self.shape), -1)
        return self.configurations.give((index + 0.5) * (self.box / self.cells))

    def state(self) -> dict[str, FloatArray]:
        return {"scale": np.array(self.scale), "size": np.array(self._size)}

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        Configurations(shapes)
        return {"scale": (), "size": ()}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.configurations = Configurations(shapes)
        self.scale, self._size = float(state["scale"]), float(state["size"])
        return self
