r"""Which rows are anomalous, and by which score.

The model's score of a row y is deterministic: it is taken at the mean m of the posterior, so that the same row always
gets the same number,

.. math:: s(y) = \underbrace{-\log p(y|m)}_{\text{distortion}} + \underbrace{\mathrm{KL}[q(z|y) \,\|\, p(z)]}_{
          \text{rate}}

Neither part is enough. Rows that are simpler than any of the training, such as a denser fluid, can be *easier* to
decode: their distortion lies below that of ordinary rows, and it is their rate that is unusual. So every score is also
taken on both sides, as its distance from the median of ordinary rows in units of their spread on that side, and
"typicality" takes both parts at once. The model's distortion counts every output alike; "residual" weighs what the
decoding leaves, r = y − y'(m), by its covariance over ordinary rows,
:math:`\tfrac12 (r^\top \Sigma^{-1} r + \log|\Sigma|)`.
Where rows claim a known factor, such as their gravity, median and covariance are those of ordinary rows with the
nearest claim.

Judged beside the model, on the same rows: the Mahalanobis distance of the code with a shrunk covariance, an isolation
forest, what principal components leave, the distance to the nearest ordinary rows, the likelihood of a mixture of
normals, and the physical scores that a system gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from beable.console.records import readable
from beable.errors import DataError, UsageError
from beable.metrics.anomaly import Auc, roc_auc
from beable.metrics.columns import Floats
from beable.representations.representation import Snapshots
from beable.training.ensemble import batched
from beable.training.run import BLOCK_ROWS, Run
from beable.vae.distributions import ZeroNoise
from beable.vae.vae import Rows

FIT_ROWS = 4096
LEVEL = 0.95


@readable
class RowScores(NamedTuple):
    """How well each row is described at the mean of its posterior, each (members, rows).

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
            claim is anomalous, one of an honest claim need not be.
        snapshots: rows, with the claimed factors where the run is conditioned on some.
    """
    parts = [_at_the_mean(run, rows) for rows in batched(run.rows(snapshots), BLOCK_ROWS)]
    distortion, rate, error = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return RowScores(distortion + run.log_volume(snapshots).numpy(), rate, error)


def _at_the_mean(run: Run, rows: Rows) -> RowScores:
    """Scores of rows that are given as codes."""
    vae, code = run.vae, run.representation.code
    q = vae.encoder(rows.values, rows.conditions)
    p = vae.decoder(q.mean, conditions=rows.conditions)
    rates = vae.prior.rate(q, q.mean, vae.encoder, ZeroNoise(0, vae.members))
    squared = (rows.misfit(p.mean) ** 2).sum(-1) + rows.residual_energy.sum(-1)
    outputs = float(code.dimension.sum())
    there = outputs if rows.gaps is None else rows.gaps.counts.sum(-1)
    error = (squared / there).sqrt() * np.exp(code.log_volume / outputs)
    distortion = vae.decoder.distortion(p, rows)
    return RowScores(*map(_float64, (distortion, torch.stack(list(rates.values())).sum((0, -1)), error)))


def _float64(values: Tensor) -> Floats:
    return values.numpy().astype(np.float64)


Score = Callable[[Snapshots], Floats]
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


def _neighbours(codes: Floats, latents: int, seed: int) -> CodeScore:
    """Mean distance to the nearest ordinary rows (Ramaswamy, Rastogi & Shim 2000)."""
    from sklearn.neighbors import NearestNeighbors

    fitted = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(codes))).fit(codes)
    return lambda x: np.asarray(fitted.kneighbors(x)[0].mean(axis=1), np.float64)


def _mixture(codes: Floats, latents: int, seed: int) -> CodeScore:
    """Negative log density, up to a constant: a mixture of normals of the leading principal components, and of what
    they leave a normal of one variance."""
    from sklearn.mixture import GaussianMixture

    centre = codes.mean(axis=0)
    count = min(latents, len(codes) - 1, codes.shape[1])
    kept = np.linalg.svd(codes - centre, full_matrices=False)[2][:count]
    places = (codes - centre) @ kept.T
    left = not_zero(np.square(codes - centre).sum(axis=1) - np.square(places).sum(axis=1))
    components = max(1, min(COMPONENTS, len(codes) // (4 * count)))
    fitted = GaussianMixture(components, reg_covar=1e-6 * float(places.var()), random_state=seed).fit(places)
    variance = left.mean() / max(codes.shape[1] - count, 1)

    def loss(x: Floats) -> Floats:
        y = x - centre
        z = y @ kept.T
        rest: Floats = np.maximum(np.square(y).sum(axis=1) - np.square(z).sum(axis=1), 0.0)
        found: Floats = rest / (2 * variance) - np.asarray(fitted.score_samples(z), np.float64)
        return found

    return loss


NEIGHBOURS, COMPONENTS = 10, 8
FITTED: dict[str, Callable[[Floats, int, int], CodeScore]] = {
    "mahalanobis": _mahalanobis,
    "isolation_forest": _isolation_forest,
    "pca_error": _principal_components,
    "neighbours": _neighbours,
    "mixture": _mixture,
}
MODEL = ("distortion", "rate", "loss")
TWO_SIDED = ("distortion", "rate", "loss", "residual")
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
        return cls(claims, middle, not_zero(middle - low), not_zero(high - middle))

    def distance(self, scores: Floats, claimed: Floats) -> Floats:
        """In units of the spread on that side."""
        k = nearest(self.claims, claimed)
        off = scores - self.median[k]
        return np.where(off < 0, -off / self.below[k], off / self.above[k])


ENDS = ndtr([-1.0, 0.0, 1.0])


def not_zero(x: Floats) -> Floats:
    """At least the smallest positive number, to divide by."""
    return np.maximum(x, np.finfo(np.float64).tiny)


def nearest(known: Floats, values: Floats) -> NDArray[np.intp]:
    """Number of the known value nearest to each value.

    >>> nearest(np.array([0.1, 0.4, 1.0]), np.array([3.0, 0.2])).tolist()
    [2, 0]
    """
    number: NDArray[np.intp] = np.abs(values[:, None] - known).argmin(axis=1)
    return number


def _precision(points: Floats) -> Floats:
    """Inverse covariance of two columns; nothing for one that varies by no more than single precision rounds.

    Their correlation counts as ±(1 − 1e-6) at most, so that rounding alone is odd nowhere.
    """
    deviation = points.std(axis=0, ddof=1)
    varied = deviation > 1e-6 * np.abs(points).max(axis=0)
    unit = np.where(varied, 1 / np.where(varied, deviation, 1.0), 0.0)
    x, y = ((points - points.mean(axis=0)) * unit).T
    r = float(np.clip(x @ y / (len(points) - 1), 1e-6 - 1, 1 - 1e-6))
    inverse: Floats = np.outer(unit, unit) * np.array([[1, -r], [-r, 1]]) / (1 - r * r)
    return inverse


class RatePlane(NamedTuple):
    """Ordinary rows in the plane of distortion and rate.

    Args:
        claims: see `Sides`.
        centre: (claims, 2).
        inverse: of the covariance, (claims, 2, 2); see `_precision`.
    """

    claims: Floats
    centre: Floats
    inverse: Floats

    @classmethod
    def of(cls, points: Floats, claimed: Floats) -> "RatePlane":
        claims, which = np.unique(claimed, return_inverse=True)
        parts = [points[which == i] for i in range(len(claims))]
        return cls(claims, np.array([p.mean(axis=0) for p in parts]), np.array([_precision(p) for p in parts]))

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
        physical: baselines on the snapshots, by name.
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
    planes: Sequence[RatePlane]
    whiteners: Sequence[Whitener]

    @classmethod
    def fit(
        cls,
        run: Run,
        reference: Snapshots,
        *,
        claim: str | None = None,
        physical: Mapping[str, Score] | None = None,
        two_sided: Sequence[str] = (),
        seed: int = 0,
    ) -> "Detectors":
        """Fit to ordinary rows that no test uses, such as those of the training.

        Args:
            run: a finished training.
            reference: ordinary rows; of many, ``FIT_ROWS`` are taken evenly.
            claim: factor in whose knowledge rows are judged, such as "gravity", of few distinct values.
            physical: scores of snapshots that need no fit, such as the energy, by name.
            two_sided: names of those physical scores that are also judged on both sides.
            seed: of the isolation forest.
        """
        rows = len(reference[run.variables[0]])
        few = {name: values[:: -(-rows // FIT_ROWS)] for name, values in reference.items()}
        codes, claimed, latents = _codes(run, few), _claimed(few, claim, run), run.settings.model.latents
        fitted = {name: make(codes, latents, seed) for name, make in FITTED.items()}
        whiteners = [Whitener.of(r, claimed) for r in _residuals(run, few)]
        detectors = cls(run, claim, physical or {}, fitted, {}, (), whiteners)
        plain = detectors._one_sided(few, claimed)
        sides = {name: [Sides.of(s, claimed) for s in plain[name]] for name in (*TWO_SIDED, *two_sided)}
        return replace(detectors, sides=sides, planes=[RatePlane.of(p, claimed) for p in _points(plain)])

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


@readable
class Separation(NamedTuple):
    """One score against one kind of anomalous rows.

    Args:
        auc: of the mean over the members, with its interval.
        members: AUC of each member alone.
    """

    auc: Auc
    members: Floats


def separation(normal: Floats, anomalous: Floats, level: float = LEVEL) -> Separation:
    """AUC of one score, (members, rows) of ordinary rows and of anomalous ones."""
    one = [roc_auc(a, b).score for a, b in zip(normal, anomalous, strict=True)]
    return Separation(roc_auc(normal.mean(axis=0), anomalous.mean(axis=0), level=level), np.array(one))


@dataclass(frozen=True)
class AnomalyTable:
    """Every score against every kind of anomalous rows.

    Args:
        found: by kind of anomalous rows, then by score.
        scores: of all rows judged, "normal" among the kinds: (members or 1, rows) by kind, then by score.
        level: of the intervals.
    """

    found: Mapping[str, Mapping[str, Separation]]
    scores: Mapping[str, Mapping[str, Floats]]
    level: float

    def best(self, kind: str, among: Sequence[str] | None = None) -> str:
        """The score with the highest AUC for a kind of anomalous rows."""
        return max(among or self.found[kind], key=lambda name: self.found[kind][name].auc.score)

    def as_json(self) -> dict[str, Any]:
        """Every AUC, and medians of the scores, ready for JSON."""
        kinds = {
            kind: {name: _auc_json(s.auc) | {"members": s.members} for name, s in by_score.items()}
            for kind, by_score in self.found.items()
        }
        medians = {
            kind: {name: np.median(values) for name, values in by_score.items()}
            for kind, by_score in self.scores.items()
        }
        rows = {kind: next(iter(by_score.values())).shape[1] for kind, by_score in self.scores.items()}
        return {"auc": kinds, "median": medians, "rows": rows, "level": self.level}


def _auc_json(auc: Auc) -> dict[str, float]:
    return {"auc": auc.score, "low": auc.low, "high": auc.high}


def anomaly_table(
    detectors: Detectors, normal: Snapshots, anomalous: Mapping[str, Snapshots], *, level: float = LEVEL
) -> AnomalyTable:
    """How well each score tells each kind of anomalous rows from ordinary ones.

    Args:
        detectors: fitted to other rows.
        normal: ordinary rows that neither the training nor the detectors saw.
        anomalous: rows by kind, with the claims that the run or the detectors need.
        level: of the intervals.

    Raises:
        UsageError: no kind, or one called "normal".
    """
    if not anomalous or "normal" in anomalous:
        raise UsageError("give one or more kinds of anomalous rows, none of them called 'normal'")
    scores = {kind: detectors.scores(rows) for kind, rows in {"normal": normal, **anomalous}.items()}
    found = {
        kind: {name: separation(s, scores[kind][name], level) for name, s in scores["normal"].items()}
        for kind in anomalous
    }
    return AnomalyTable(found, scores, level)
