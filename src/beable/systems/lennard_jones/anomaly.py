r"""Anomalous configurations of the fluid: physical scores, how small a displacement is noticed, which particle it was.

A denser or colder fluid than any of the training can be easier to decode, so that its height tells it rather than its
distortion. Judged beside the model (`beable.analysis.anomaly`), on the same rows: the energy itself, the smallest
distance and the sum of heights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.analysis.anomaly import LEVEL, Detectors, Score, not_zero, separation
from beable.errors import DataError, UsageError
from beable.metrics.anomaly import Auc
from beable.metrics.columns import Bools, Floats
from beable.records import fields
from beable.representations import Representation
from beable.representations.distance_geometry import as_positions, distances_of
from beable.representations.joint import Joint
from beable.representations.particles import Coordinates, DistanceMatrix
from beable.representations.representation import Snapshots
from beable.systems.lennard_jones import corruptions
from beable.systems.lennard_jones.configurations import smallest_distance
from beable.systems.lennard_jones.pair_potentials import pair_potential
from beable.training.run import Run

CUTOFF = 3.0
#: finite for those who rank: the energy of two particles at one point
LARGEST = 1e300


def pair_energies(positions: ArrayLike, cutoff: float = CUTOFF, core: float = 0.0) -> Floats:
    r"""Lennard-Jones energy by particle, :math:`e_i = \tfrac12 \sum_j u(r_{ij})`, (rows, particles): its sum is U.

    Args:
        positions: X, (rows, N, d), in units of σ.
        cutoff: truncated, not shifted.
        core: pairs nearer than that count nothing, as in the source's histogram of energies; 1 there.

    >>> pair_energies([[[0, 0], [2 ** (1 / 6), 0]]]).round(6).tolist()
    [[-0.5, -0.5]]
    """
    squared = distances_of(positions) ** 2
    squared[:, np.arange(squared.shape[1]), np.arange(squared.shape[1])] = np.inf
    near = (squared <= cutoff**2) & (squared >= core**2)
    u = np.where(near, pair_potential("lennard-jones").energy(np.where(near, squared, 1.0)), 0.0)
    each: Floats = np.clip(u.sum(axis=2) / 2, -LARGEST, LARGEST)
    return each


def _positions(snapshots: Snapshots) -> Floats:
    if "positions" not in snapshots:
        raise DataError(f"configurations of particles have positions, got {', '.join(snapshots)}: give positions")
    return as_positions(snapshots["positions"])


def _height(snapshots: Snapshots) -> Floats:
    total: Floats = _positions(snapshots)[..., -1].sum(axis=1)
    return total


def _energy(snapshots: Snapshots) -> Floats:
    """Energy of the pairs, with that of the heights where gravity is claimed."""
    pairs: Floats = pair_energies(_positions(snapshots)).sum(axis=1).clip(-LARGEST, LARGEST)
    if "gravity" not in snapshots:
        return pairs
    gravity: Floats = np.asarray(snapshots["gravity"], dtype=np.float64)
    return pairs + gravity * _height(snapshots)


def _overlap(snapshots: Snapshots) -> Floats:
    return -smallest_distance(_positions(snapshots))


#: of positions alone, nothing is fitted
PHYSICAL: dict[str, Score] = {"energy": _energy, "overlap": _overlap, "height": _height}
TWO_SIDED = ("energy", "height")


def detectors(run: Run, reference: Snapshots, *, claim: str | None = None, seed: int = 0) -> Detectors:
    """`Detectors` of a run with the physical scores of the fluid beside it; args see `Detectors.fit`."""
    return Detectors.fit(run, reference, claim=claim, physical=PHYSICAL, two_sided=TWO_SIDED, seed=seed)


class DisplacementCurve(NamedTuple):
    """AUC against the size of a displacement.

    Args:
        sizes: largest displacement of a coordinate, ascending, (sizes,).
        auc: of each score at each size.
        particles: how many were displaced.
    """

    sizes: Floats
    auc: Mapping[str, Sequence[Auc]]
    particles: int

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        curves = {
            name: {end: [getattr(a, field) for a in curve] for end, field in CURVE_ENDS.items()}
            for name, curve in self.auc.items()
        }
        return fields(self) | {"auc": curves}


CURVE_ENDS = {"auc": "score", "low": "low", "high": "high"}


def displacement_curve(
    detectors: Detectors,
    normal: Snapshots,
    others: Snapshots,
    sizes: Sequence[float],
    *,
    particles: int = 4,
    box: float | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> DisplacementCurve:
    """How far particles must be moved before each score notices.

    Args:
        detectors: fitted to other rows.
        normal: ordinary rows.
        others: other ordinary rows, whose particles are moved: the two samples are independent.
        sizes: largest displacements of a coordinate.
        particles: how many are moved in each row.
        box: see `corruptions.moved`.
        level: of the intervals.
        seed: of the displacements.
    """
    ascending = sorted(sizes)
    draw, ordinary = np.random.default_rng(seed), detectors.scores(normal)
    shift = partial(corruptions.moved, _positions(others), particles=particles, box=box, rng=draw)
    found = [detectors.scores({**others, "positions": _single(shift(size).positions)}) for size in ascending]
    auc = {name: [separation(s, f[name], level).auc for f in found] for name, s in ordinary.items()}
    return DisplacementCurve(np.array(ascending), auc, particles)


def _single(positions: Floats) -> NDArray[np.float32]:
    return positions.astype(np.float32)


class HitRate(NamedTuple):
    """How often the particles with the largest share are those that were moved.

    Args:
        score: share of the k particles with the largest share that were moved, k of them in each row; mean over rows.
        low, high: interval of that mean.
        first: share of the rows in which the first of them was moved.
    """

    score: float
    low: float
    high: float
    first: float


@dataclass(frozen=True)
class Attribution:
    """Which particle makes a row anomalous.

    Args:
        share: of the model's squared error that falls on each particle, in the order given, (members, rows, particles).
        model: hit rate of the mean share over the members.
        members: hit rate of each member.
        energy: hit rate of each particle's own pair energy.
        chance: k/N.
        level: of the intervals.
    """

    share: Floats
    model: HitRate
    members: Sequence[HitRate]
    energy: HitRate
    chance: float
    level: float

    def as_json(self) -> dict[str, Any]:
        """Every number but the shares, ready for JSON."""
        return fields(self, "share")


def attribution(run: Run, snapshots: Snapshots, moved: ArrayLike, *, level: float = LEVEL) -> Attribution:
    r"""Share of the distortion by particle, :math:`e_i/\sum_j e_j`, and whether it finds the particles moved.

    e is the squared distance of a particle from its decoding; for a matrix of distances the squared errors of its
    row. An order that depends on the positions hides a moved particle: another may take its place.

    Args:
        run: on coordinates, distances, or both.
        snapshots: rows with particles out of place.
        moved: which, the same number in each row, (rows, particles).
        level: of the intervals.

    Raises:
        DataError: another shape, or numbers of moved particles that differ or leave none to tell.
        UsageError: a representation without particles.
    """
    positions, truth = _positions(snapshots), np.asarray(moved, dtype=bool)
    if truth.shape != positions.shape[:2] or len(set(truth.sum(axis=1).tolist()) - {0, truth.shape[1]}) != 1:
        raise DataError(f"moved must mark as many, not all, of the particles in each row of {positions.shape[:2]}")
    errors = particle_errors(run, snapshots)
    share = errors / not_zero(errors.sum(axis=2, keepdims=True))
    members = [_hits(s, truth, level) for s in share]
    by_energy = _hits(pair_energies(positions), truth, level)
    chance = float(truth[0].mean())
    return Attribution(share, _hits(share.mean(axis=0), truth, level), members, by_energy, chance, level)


def _hits(share: Floats, truth: Bools, level: float) -> HitRate:
    k = int(truth[0].sum())
    worst = np.argsort(-share, axis=1, kind="stable")[:, :k]
    hit = np.take_along_axis(truth, worst, axis=1)
    each = hit.mean(axis=1)
    z = float(scipy.stats.norm.ppf(0.5 + level / 2))
    reach = float(z * each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else np.inf
    score = float(each.mean())
    return HitRate(score, max(0.0, score - reach), min(1.0, score + reach), float(hit[:, 0].mean()))


def particle_errors(run: Run, snapshots: Snapshots) -> Floats:
    """Squared error of each particle, in the data's unit, in the order given, (members, rows, particles).

    Args, Raises: see `attribution`.
    """
    positions = np.asarray(snapshots["positions"])
    ordered, errors = _ordered(run.representation, positions), _ordered_errors(run, snapshots)
    squared = np.square(ordered[:, :, None].astype(np.float64) - positions[:, None]).sum(axis=-1)
    place = np.broadcast_to(squared.argmin(axis=1), errors.shape)
    return np.take_along_axis(errors, place, axis=2)


def _ordered(representation: Representation, positions: NDArray[np.floating]) -> NDArray[np.floating]:
    """Positions in the order that the representation gives them, not moved."""
    if isinstance(representation, DistanceMatrix):
        return representation.order.apply(positions)
    if isinstance(representation, Coordinates | Joint):
        return next(iter(representation.canonical({"positions": positions}).values()))
    raise UsageError("a representation without particles has no errors by particle: use coordinates or distances")


def _ordered_errors(run: Run, snapshots: Snapshots) -> Floats:
    representation = run.representation
    ordered = _ordered(representation, np.asarray(snapshots["positions"])).astype(np.float64)
    locations = run.locations(run.encode(snapshots).mean, run.conditions_of(snapshots))
    if isinstance(representation, DistanceMatrix):
        truth = distances_of(ordered)
        return np.array([np.square(representation.matrices(x) - truth).sum(axis=2) / 2 for x in locations])
    decoded = np.array([next(iter(representation.inverse(x).values())) for x in locations])
    off = decoded - ordered
    if isinstance(representation, Coordinates) and (representation.centred or representation.polar):
        off = off - off.mean(axis=2, keepdims=True)
    errors: Floats = np.square(off).sum(axis=-1)
    return errors
