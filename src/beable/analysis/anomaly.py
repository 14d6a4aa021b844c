r"""Which configurations are odd, by which score, and which particle is to blame.

The model's score of a row y is deterministic: it is taken at the mean m of the posterior, so that the same row always
gets the same number,

.. math:: s(y) = \underbrace{-\log p(y|m)}_{\text{distortion}} + \underbrace{\mathrm{KL}[q(z|y) \,\|\, p(z)]}_{
          \text{rate}}

Neither part is enough. A denser or colder fluid than any of the training can be *easier* to decode: its distortion
lies below that of ordinary rows, and it is its rate, or its height, that is odd. So every score is asked on both
sides too, as its distance from the median of ordinary rows in units of their spread on that side, and "typicality"
asks for both parts at once. The model's distortion counts every output alike; "residual" weighs what the decoding
leaves, r = y − y'(m), by its covariance over ordinary rows, :math:`\tfrac12 (r^\top \Sigma^{-1} r + \log|\Sigma|)`.
Where rows claim a known factor, such as their gravity, median and covariance are those of ordinary rows with the
nearest claim.

Judged beside the model, on the same rows: the energy itself, the smallest distance, the sum of heights, the
Mahalanobis distance of the code with a shrunk covariance, an isolation forest, and what principal components leave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from torch import Tensor

from beable.errors import DataError, UsageError
from beable.metrics.anomaly import Auc, roc_auc
from beable.metrics.columns import Bools, Floats, Ints
from beable.representations import Representation
from beable.representations.distance_geometry import as_positions, distances_of
from beable.representations.joint import Joint
from beable.representations.particles import Coordinates, DistanceMatrix
from beable.representations.representation import Snapshots
from beable.systems.lennard_jones import corruptions
from beable.systems.lennard_jones.configurations import smallest_distance
from beable.systems.lennard_jones.pair_potentials import pair_potential
from beable.training.ensemble import in_blocks
from beable.training.run import Run
from beable.vae.distributions import Noise
from beable.vae.vae import Rows

BLOCK_ROWS = 2048
FIT_ROWS = 4096
CUTOFF = 3.0
LEVEL = 0.95
#: finite for those who rank: the energy of two particles at one point
LARGEST = 1e300


class Still(Noise):
    """Noise that is always zero: what is drawn with it is the mean.

    >>> Still(0, [0]).normal(3).tolist()
    [[0.0, 0.0, 0.0]]
    """

    def normal(self, *shape: int) -> Tensor:
        return torch.zeros(len(self.members), *shape)


class RowScores(NamedTuple):
    """How each row fares at the mean of its posterior, each (members, rows).

    Args:
        distortion: −log p(y|m) of all outputs in physical units, in nats.
        rate: KL[q(z|y) || p(z)] in nats. Where the prior has no closed form, the log ratio at the mean.
        error: root of the mean squared error of an output, in the data's unit; for distances that of a pair.
    """

    distortion: Floats
    rate: Floats
    error: Floats

    @property
    def loss(self) -> Floats:
        """−ELBO at the mean: distortion and rate."""
        return self.distortion + self.rate


@torch.no_grad()
def row_scores(run: Run, snapshots: Snapshots) -> RowScores:
    """The deterministic score of rows by every member.

    Args:
        run: a finished training. One conditioned on factors scores rows *given what they claim*: a row of a wrong
            claim is odd, one of an honest claim need not be.
        snapshots: rows, with the claimed factors where the run is conditioned on some.
    """
    parts = [_at_the_mean(run, rows) for rows in in_blocks(run.rows(snapshots), BLOCK_ROWS)]
    distortion, rate, error = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return RowScores(distortion + run.log_volume(snapshots).numpy(), rate, error)


def _at_the_mean(run: Run, rows: Rows) -> RowScores:
    """In code space."""
    vae, code = run.vae, run.representation.code
    q = vae.encoder(rows.values, rows.conditions)
    p = vae.decoder(q.mean, conditions=rows.conditions)
    rates = vae.prior.rate(q, q.mean, vae.encoder, Still(0, vae.members))
    squared = ((rows.values - p.mean) ** 2).sum(-1) + rows.leftover.sum(-1)
    outputs = float(code.dimension.sum())
    error = (squared / outputs).sqrt() * np.exp(code.log_volume / outputs)
    distortion = vae.decoder.distortion(p, rows)
    return RowScores(*map(_float64, (distortion, torch.stack(list(rates.values())).sum((0, -1)), error)))


def _float64(values: Tensor) -> Floats:
    return values.numpy().astype(np.float64)


class Claimed(NamedTuple):
    """Rows scored under the claim that suits each best.

    Args:
        scores: under that claim.
        choice: its number among the claims, (members, rows).
    """

    scores: RowScores
    choice: Ints


def most_favourable(run: Run, snapshots: Snapshots, claims: ArrayLike) -> Claimed:
    """Rows that claim nothing, scored by a run conditioned on factors: the claim with the least −ELBO counts.

    Args:
        run: conditioned on one or more factors.
        snapshots: rows; what they hold of those factors is not looked at.
        claims: values to try, (choices, factors).

    Raises:
        UsageError: a run without conditions, claims of another width.
    """
    values = np.asarray(claims, dtype=np.float64)
    if not run.conditions or values.ndim != 2 or not len(values) or values.shape[1] != len(run.conditions):
        told = ", ".join(run.conditions) or "nothing"
        raise UsageError(f"claims must be (choices, factors) for a run conditioned on {told}, got shape {values.shape}")
    rows = len(snapshots[run.variables[0]])
    tried = [
        row_scores(
            run, {**snapshots, **{name: np.full(rows, v) for name, v in zip(run.conditions, claim, strict=True)}}
        )
        for claim in values
    ]
    choice = np.argmin([t.loss for t in tried], axis=0)
    best = (np.take_along_axis(np.stack(each), choice[None], axis=0)[0] for each in zip(*tried, strict=True))
    return Claimed(RowScores(*best), choice)


def pair_energies(positions: ArrayLike, cutoff: float = CUTOFF) -> Floats:
    r"""Lennard-Jones energy by particle, :math:`e_i = \tfrac12 \sum_j u(r_{ij})`, (rows, particles): its sum is U.

    Args:
        positions: X, (rows, N, d), in units of σ.
        cutoff: truncated, not shifted.

    >>> pair_energies([[[0, 0], [2 ** (1 / 6), 0]]]).round(6).tolist()
    [[-0.5, -0.5]]
    """
    squared = distances_of(positions) ** 2
    squared[:, np.arange(squared.shape[1]), np.arange(squared.shape[1])] = np.inf
    near = squared <= cutoff**2
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
    """Of the pairs, and of the height where gravity is claimed."""
    pairs: Floats = pair_energies(_positions(snapshots)).sum(axis=1).clip(-LARGEST, LARGEST)
    if "gravity" not in snapshots:
        return pairs
    gravity: Floats = np.asarray(snapshots["gravity"], dtype=np.float64)
    return pairs + gravity * _height(snapshots)


def _overlap(snapshots: Snapshots) -> Floats:
    return -smallest_distance(_positions(snapshots))


Score = Callable[[Snapshots], Floats]
#: of positions alone, nothing is fitted
PHYSICAL: dict[str, Score] = {"energy": _energy, "overlap": _overlap, "height": _height}
#: of the code, fitted to ordinary rows: the code (rows, m), number of latents and seed to a score of codes
CodeScore = Callable[[Floats], Floats]


def _mahalanobis(codes: Floats, latents: int, seed: int) -> CodeScore:
    from sklearn.covariance import LedoitWolf

    fitted = LedoitWolf().fit(codes)
    return lambda x: np.asarray(fitted.mahalanobis(x), np.float64)


def _isolation_forest(codes: Floats, latents: int, seed: int) -> CodeScore:
    from sklearn.ensemble import IsolationForest

    fitted = IsolationForest(random_state=seed).fit(codes)
    return lambda x: -np.asarray(fitted.score_samples(x), np.float64)


def _principal_components(codes: Floats, latents: int, seed: int) -> CodeScore:
    centre = codes.mean(axis=0)
    kept = np.linalg.svd(codes - centre, full_matrices=False)[2][:latents]

    def error(x: Floats) -> Floats:
        y = x - centre
        left: Floats = np.square(y).sum(axis=1) - np.square(y @ kept.T).sum(axis=1)
        return left

    return error


FITTED: dict[str, Callable[[Floats, int, int], CodeScore]] = {
    "mahalanobis": _mahalanobis,
    "isolation_forest": _isolation_forest,
    "pca_error": _principal_components,
}
MODEL = ("distortion", "rate", "loss")
TWO_SIDED = ("distortion", "rate", "loss", "residual", "energy", "height")
SIDES = "_two_sided"


class Sides(NamedTuple):
    """How far from the median of ordinary rows, on either side.

    Args:
        claims: distinct values claimed by ordinary rows, ascending; one zero where none are.
        median, below, above: of their scores, and the distances from it to their quantiles at one standard deviation,
            (claims,) each.
    """

    claims: Floats
    median: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(cls, scores: Floats, claimed: Floats) -> "Sides":
        claims, which = np.unique(claimed, return_inverse=True)
        low, middle, high = np.array([np.quantile(scores[which == i], ENDS) for i in range(len(claims))]).T
        return cls(claims, middle, _not_zero(middle - low), _not_zero(high - middle))

    def distance(self, scores: Floats, claimed: Floats) -> Floats:
        """In units of the spread on that side."""
        k = nearest(self.claims, claimed)
        off = scores - self.median[k]
        return np.where(off < 0, -off / self.below[k], off / self.above[k])


ENDS = stats.norm.cdf([-1.0, 0.0, 1.0])


def _not_zero(x: Floats) -> Floats:
    return np.maximum(x, np.finfo(np.float64).tiny)


def nearest(known: Floats, values: Floats) -> NDArray[np.intp]:
    """Number of the known value nearest to each value.

    >>> nearest(np.array([0.1, 0.4, 1.0]), np.array([3.0, 0.2])).tolist()
    [2, 0]
    """
    number: NDArray[np.intp] = np.abs(values[:, None] - known).argmin(axis=1)
    return number


class Plane(NamedTuple):
    """Ordinary rows in the plane of distortion and rate.

    Args:
        claims: see `Sides`.
        centre: (claims, 2).
        inverse: of the covariance, (claims, 2, 2).
    """

    claims: Floats
    centre: Floats
    inverse: Floats

    @classmethod
    def of(cls, points: Floats, claimed: Floats) -> "Plane":
        claims, which = np.unique(claimed, return_inverse=True)
        parts = [points[which == i] for i in range(len(claims))]
        inverse = np.array([np.linalg.pinv(np.cov(p, rowvar=False)) for p in parts])
        return cls(claims, np.array([p.mean(axis=0) for p in parts]), inverse)

    def distance(self, points: Floats, claimed: Floats) -> Floats:
        k = nearest(self.claims, claimed)
        off = points - self.centre[k]
        squared: Floats = np.einsum("ni,nij,nj->n", off, self.inverse[k], off)
        return np.sqrt(squared)


class Whitener(NamedTuple):
    """What decodings of ordinary rows leave.

    Args:
        claims: see `Sides`.
        covariances: fitted, shrunk, one a claim.
    """

    claims: Floats
    covariances: Sequence[Any]

    @classmethod
    def of(cls, residuals: Floats, claimed: Floats) -> "Whitener":
        from sklearn.covariance import LedoitWolf

        claims, which = np.unique(claimed, return_inverse=True)
        return cls(claims, [LedoitWolf().fit(residuals[which == i]) for i in range(len(claims))])

    def loss(self, residuals: Floats, claimed: Floats) -> Floats:
        """Negative log density of normal residuals up to a constant, in nats, (rows,)."""
        k, found = nearest(self.claims, claimed), np.zeros(len(residuals))
        for i in np.unique(k):
            volume = np.linalg.slogdet(self.covariances[i].covariance_)[1]
            found[k == i] = (self.covariances[i].mahalanobis(residuals[k == i]) + volume) / 2
        return found


@dataclass(frozen=True)
class Detectors:
    """Every score of a run and its baselines, fitted to ordinary rows.

    Args:
        run: whose scores they are.
        claim: name of the factor that rows claim; None: they claim nothing.
        physical: baselines on the positions, by name.
        fitted: baselines on the code, by name.
        sides: of each two-sided score, one a member for those of the model.
        planes: of typicality, one a member.
        whiteners: of residuals, one a member.
    """

    run: Run
    claim: str | None
    physical: Mapping[str, Score]
    fitted: Mapping[str, CodeScore]
    sides: Mapping[str, Sequence[Sides]]
    planes: Sequence[Plane]
    whiteners: Sequence[Whitener]

    @classmethod
    def fit(
        cls,
        run: Run,
        reference: Snapshots,
        *,
        claim: str | None = None,
        physical: Mapping[str, Score] = PHYSICAL,
        seed: int = 0,
    ) -> "Detectors":
        """Fit to ordinary rows that no test uses, such as those of the training.

        Args:
            run: a finished training.
            reference: ordinary rows; of many, ``FIT_ROWS`` are taken evenly.
            claim: factor in whose knowledge rows are judged, such as "gravity", of few distinct values.
            physical: scores of snapshots that need no fit, in place of ``PHYSICAL``.
            seed: of the isolation forest.
        """
        rows = len(reference[run.variables[0]])
        few = {name: values[:: -(-rows // FIT_ROWS)] for name, values in reference.items()}
        codes, claimed, latents = _codes(run, few), _claimed(few, claim, run), run.settings.model.latents
        fitted = {name: make(codes, latents, seed) for name, make in FITTED.items()}
        whiteners = [Whitener.of(r, claimed) for r in _residuals(run, few)]
        detectors = cls(run, claim, physical, fitted, {}, (), whiteners)
        plain = detectors._one_sided(few, claimed)
        sides = {name: [Sides.of(s, claimed) for s in plain[name]] for name in TWO_SIDED if name in plain}
        return replace(detectors, sides=sides, planes=[Plane.of(p, claimed) for p in _points(plain)])

    def scores(self, snapshots: Snapshots) -> dict[str, Floats]:
        """Every score of rows by name: (members, rows) for those of the model, (1, rows) for baselines."""
        claimed = _claimed(snapshots, self.claim, self.run)
        found = self._one_sided(snapshots, claimed)
        typicality = [plane.distance(p, claimed) for plane, p in zip(self.planes, _points(found), strict=True)]
        for name, sides in self.sides.items():
            pairs = zip(sides, found[name], strict=True)
            found[name + SIDES] = np.array([side.distance(s, claimed) for side, s in pairs])
        return found | {"typicality": np.array(typicality)}

    def _one_sided(self, snapshots: Snapshots, claimed: Floats) -> dict[str, Floats]:
        codes, residuals = _codes(self.run, snapshots), _residuals(self.run, snapshots)
        residual = [w.loss(r, claimed) for w, r in zip(self.whiteners, residuals, strict=True)]
        found = _model(self.run, snapshots) | {"residual": np.array(residual)}
        found |= {name: of(snapshots)[None] for name, of in self.physical.items()}
        return found | {name: of(codes)[None] for name, of in self.fitted.items()}


def _residuals(run: Run, snapshots: Snapshots) -> Floats:
    """Codes less what is decoded at the posterior means, (members, rows, m)."""
    found = run.locations(run.encode(snapshots).mean, run.conditions_of(snapshots))
    return _codes(run, snapshots) - found.astype(np.float64)


def _model(run: Run, snapshots: Snapshots) -> dict[str, Floats]:
    scores = row_scores(run, snapshots)
    return {name: getattr(scores, name) for name in MODEL}


def _points(model: Mapping[str, Floats]) -> Floats:
    return np.stack([model["distortion"], model["rate"]], axis=-1)


def _codes(run: Run, snapshots: Snapshots) -> Floats:
    values = run.representation.transform({name: snapshots[name] for name in run.variables}).values
    return values.reshape(len(values), -1).astype(np.float64)


def _claimed(snapshots: Snapshots, claim: str | None, run: Run) -> Floats:
    if claim is None:
        return np.zeros(len(snapshots[run.variables[0]]))
    if claim not in snapshots:
        raise DataError(f"rows are judged by what they claim of {claim}: give {claim} too")
    return np.asarray(snapshots[claim], dtype=np.float64)


class Separation(NamedTuple):
    """One score against one kind of odd rows.

    Args:
        auc: of the mean over the members, with its interval.
        members: AUC of each member alone.
    """

    auc: Auc
    members: Floats


def separation(normal: Floats, odd: Floats, level: float = LEVEL) -> Separation:
    """AUC of one score, (members, rows) of ordinary rows and of odd ones."""
    one = [roc_auc(a, b).score for a, b in zip(normal, odd, strict=True)]
    return Separation(roc_auc(normal.mean(axis=0), odd.mean(axis=0), level=level), np.array(one))


@dataclass(frozen=True)
class AnomalyTable:
    """Every score against every kind of odd rows.

    Args:
        found: by kind of odd rows, then by score.
        scores: of all rows judged, "normal" among the kinds: (members or 1, rows) by kind, then by score.
        level: of the intervals.
    """

    found: Mapping[str, Mapping[str, Separation]]
    scores: Mapping[str, Mapping[str, Floats]]
    level: float

    def best(self, kind: str, among: Sequence[str] | None = None) -> str:
        """The score with the highest AUC for a kind of odd rows."""
        return max(among or self.found[kind], key=lambda name: self.found[kind][name].auc.score)

    def as_json(self) -> dict[str, Any]:
        """Every AUC, and medians of the scores, ready for JSON."""
        kinds = {
            kind: {name: _auc_json(s.auc) | {"members": s.members.tolist()} for name, s in by_score.items()}
            for kind, by_score in self.found.items()
        }
        medians = {
            kind: {name: float(np.median(values)) for name, values in by_score.items()}
            for kind, by_score in self.scores.items()
        }
        rows = {kind: next(iter(by_score.values())).shape[1] for kind, by_score in self.scores.items()}
        return {"auc": kinds, "median": medians, "rows": rows, "level": self.level}


def _auc_json(auc: Auc) -> dict[str, float]:
    return {"auc": auc.score, "low": auc.low, "high": auc.high}


def anomaly_table(
    detectors: Detectors, normal: Snapshots, odd: Mapping[str, Snapshots], *, level: float = LEVEL
) -> AnomalyTable:
    """How well each score tells each kind of odd rows from ordinary ones.

    Args:
        detectors: fitted to other rows.
        normal: ordinary rows that neither the training nor the detectors saw.
        odd: rows by kind, with the claims that the run or the detectors need.
        level: of the intervals.

    Raises:
        UsageError: no kind, or one called "normal".
    """
    if not odd or "normal" in odd:
        raise UsageError("give one or more kinds of odd rows, none of them called 'normal'")
    scores = {kind: detectors.scores(rows) for kind, rows in {"normal": normal, **odd}.items()}
    found = {
        kind: {name: separation(s, scores[kind][name], level) for name, s in scores["normal"].items()} for kind in odd
    }
    return AnomalyTable(found, scores, level)


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
        return {"sizes": self.sizes.tolist(), "particles": self.particles, "auc": curves}


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
    """How often the blame falls on particles that were moved.

    Args:
        score: share of the k most blamed particles that were moved, k of them in each row; mean over rows.
        low, high: interval of that mean.
        first: share of the rows in which the most blamed particle was moved.
    """

    score: float
    low: float
    high: float
    first: float


@dataclass(frozen=True)
class Blame:
    """Which particle makes a row odd.

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
        members = [hits._asdict() for hits in self.members]
        rates = {"model": self.model._asdict(), "energy": self.energy._asdict(), "members": members}
        return rates | {"chance": self.chance, "level": self.level}


def blame(run: Run, snapshots: Snapshots, moved: ArrayLike, *, level: float = LEVEL) -> Blame:
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
    share = errors / _not_zero(errors.sum(axis=2, keepdims=True))
    members = [_hits(s, truth, level) for s in share]
    by_energy = _hits(pair_energies(positions), truth, level)
    chance = float(truth[0].mean())
    return Blame(share, _hits(share.mean(axis=0), truth, level), members, by_energy, chance, level)


def _hits(blamed: Floats, truth: Bools, level: float) -> HitRate:
    k = int(truth[0].sum())
    worst = np.argsort(-blamed, axis=1, kind="stable")[:, :k]
    hit = np.take_along_axis(truth, worst, axis=1)
    each = hit.mean(axis=1)
    reach = float(stats.norm.ppf(0.5 + level / 2) * each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else np.inf
    score = float(each.mean())
    return HitRate(score, max(0.0, score - reach), min(1.0, score + reach), float(hit[:, 0].mean()))


def particle_errors(run: Run, snapshots: Snapshots) -> Floats:
    """Squared error of each particle, in the data's unit, in the order given, (members, rows, particles).

    Args, Raises: see `blame`.
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
    raise UsageError("no particle can be blamed where the representation has none: use coordinates or distances")


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
