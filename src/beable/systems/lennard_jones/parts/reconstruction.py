"""Coordinates back: from decoded distance matrices by geometry, and from decoded coordinates as they are.

Energies are judged before and after a short relaxation by Monte Carlo, at the γ of each configuration itself. The
source took the labels of training rows for those of test rows; what that does to its figure is computed too.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from beable.datasets.superposed import align
from beable.records import fields, plain
from beable.representations.distance_geometry import classical_scaling, refine
from beable.representations.orientation import settle
from beable.representations.particles import DistanceMatrix
from beable.streams import generator
from beable.studies.context import Context
from beable.systems.lennard_jones.anomaly import pair_energies
from beable.systems.lennard_jones.configurations import JensenShannon, jensen_shannon, matched_error, smallest_distance
from beable.systems.lennard_jones.matrix_models import decoded
from beable.systems.lennard_jones.parts.rows import factor_values, fluid, held
from beable.systems.lennard_jones.simulator import LennardJones
from beable.training.run import Run

FloatArray = NDArray[np.floating]
CORE = 0.8
SWEEPS = (10, 100)
SHOWN = 4


class Way(NamedTuple):
    """One way back to coordinates.

    Args:
        positions: of the rows shown, particles matched with those of the originals, (shown, particles, dimensions).
        apart: share of rows with all distances above 0.8 σ.
        matched: median over rows of the root-mean-square distance of a particle from its place, order-free.
        shape: the same after the best rotation, reflection and shift, where particles keep their order.
        energy: U of each row, by sweeps of relaxation, 0 among them.
        cut: U of each row as decoded, without pairs nearer than 1 σ, as the source has it.
        cut_distance: of these from those of the originals, cut likewise.
        difference: mean U after each relaxation less that of the originals.
        distance: of the energies from those of the originals, by sweeps.
    """

    positions: FloatArray
    apart: float
    matched: float
    shape: float | None
    energy: dict[int, FloatArray]
    cut: FloatArray
    cut_distance: JensenShannon
    difference: dict[int, float]
    distance: dict[int, JensenShannon]

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        return {
            **fields(self, "positions", "energy", "distance", "cut", "cut_distance"),
            "cut_jsd": {"distance": self.cut_distance.distance, "floor": self.cut_distance.floor},
            "median_energy": {s: np.median(e) for s, e in self.energy.items()},
            "jsd": {s: {"distance": j.distance, "floor": j.floor} for s, j in self.distance.items()},
        }


@dataclass(frozen=True)
class Reconstruction:
    """Ways back to coordinates, on held-out rows.

    Args:
        ways: by name.
        originals: of the rows shown.
        energy: U of the originals.
        cut: the same without pairs nearer than 1 σ.
        box: L.
        matrix_error: root-mean-square error of a decoded distance, in σ.
        asymmetry: root-mean-square difference of the two entries of a pair, in σ.
        quality: median share of negative eigenvalues, and third over second eigenvalue, of decoded matrices.
        matrices: one original and decoded matrix, (2, particles, particles).
        mislabelled: of the originals' own energies with another row's γ from those with the right one.
    """

    ways: dict[str, Way]
    originals: FloatArray
    energy: FloatArray
    cut: FloatArray
    box: float
    matrix_error: float
    asymmetry: float
    quality: tuple[float, float]
    matrices: FloatArray
    mislabelled: JensenShannon

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        numbers: dict[str, object] = {
            **{name: getattr(self, name) for name in ("ways", "matrix_error", "asymmetry")},
            "negative_mass": self.quality[0],
            "third_ratio": self.quality[1],
            "mislabelled_jsd": {"distance": self.mislabelled.distance, "floor": self.mislabelled.floor},
            "mean_energy": self.energy.mean(),
        }
        return plain(numbers)


def reconstruction(context: Context) -> Reconstruction:
    """Every way back: from an arm that learns matrices by geometry, from others as they decode coordinates."""
    system = fluid(context)
    matrix = context.run(context.arm("matrices"))
    rows = held(context, matrix, context.option("rows"))
    judge = _Judge(system, rows["positions"], rows["gravity"], context.study.data.seed)
    found = decoded(matrix, rows)
    scaled = classical_scaling(found.made, system.dimensions)
    refined = refine(found.made, scaled.positions).positions
    ways = {
        "classical scaling": judge.way(settle(scaled.positions, system.boxes[0]), matrix, scaled.positions),
        "SMACOF": judge.way(settle(refined, system.boxes[0]), matrix, refined),
    }
    for arm in context.arms("decoded"):
        ways[arm.label] = judge.way(_decoded(context.run(arm), rows), None, None)
    labels = generator(0, "evaluation").permutation(rows["gravity"])
    wrong = system.energy(rows["positions"], factor_values(system, labels))
    return Reconstruction(
        ways,
        rows["positions"][:SHOWN],
        judge.energy,
        judge.cut,
        system.boxes[0],
        found.error,
        found.asymmetry,
        (float(np.median(scaled.negative_mass)), float(np.median(scaled.third_ratio))),
        np.stack([found.truth[0], found.made[0]]),
        jensen_shannon(wrong, judge.energy),
    )


def _decoded(run: Run, rows: dict[str, FloatArray]) -> FloatArray:
    return next(run.decode(run.encode(rows).mean, run.conditions_of(rows)))["positions"]


class _Judge:
    """Compares ways back with the originals."""

    def __init__(self, system: LennardJones, originals: FloatArray, gravity: FloatArray, seed: int) -> None:
        self.system, self.originals, self.seed = system, originals, seed
        self.values = factor_values(system, gravity)
        self.energy, self.cut = system.energy(originals, self.values), self._cut(originals)

    def _cut(self, positions: FloatArray) -> FloatArray:
        """U without pairs nearer than 1 σ."""
        pairs = pair_energies(positions, core=1.0).sum(axis=1)
        return np.asarray(pairs + self.values[:, 0] * positions[..., -1].sum(axis=1))

    def way(self, positions: FloatArray, run: Run | None, unsettled: FloatArray | None) -> Way:
        """Judge positions; with the run of distances and positions before turning, their shape too."""
        energies: dict[int, FloatArray] = {0: self.system.energy(positions, self.values)}
        rng, now, done = generator(self.seed, "evaluation"), positions, 0
        for sweeps in SWEEPS:
            now = self.system.relax(now, self.values, sweeps - done, rng)
            energies[sweeps], done = self.system.energy(now, self.values), sweeps
        shape = None
        if run is not None and unsettled is not None and isinstance(run.representation, DistanceMatrix):
            ordered = run.representation.order.apply(self.originals).astype(np.float64)
            shape = float(np.median(align(unsettled, ordered).error))
        cut = self._cut(positions)
        return Way(
            _matched(positions[:SHOWN], self.originals[:SHOWN]),
            float((smallest_distance(positions) > CORE).mean()),
            float(np.median(matched_error(positions, self.originals))),
            shape,
            energies,
            cut,
            jensen_shannon(cut, self.cut),
            {s: float(e.mean() - self.energy.mean()) for s, e in energies.items()},
            {s: jensen_shannon(e, self.energy) for s, e in energies.items()},
        )


def _matched(positions: FloatArray, originals: FloatArray) -> FloatArray:
    """Each row's particles in the order in which they are nearest to the originals."""
    squared = ((positions[:, None, :, :] - originals[:, :, None, :]) ** 2).sum(-1)
    return np.stack(
        [x[scipy.optimize.linear_sum_assignment(cost)[1]] for x, cost in zip(positions, squared, strict=True)]
    )
