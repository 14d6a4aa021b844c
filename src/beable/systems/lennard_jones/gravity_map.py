r"""How much of γ do the latents know, and how much can be known at all?

A fluid in a field of strength γ has :math:`p(x|\gamma) \propto e^{-[U(x) + \gamma Y(x)]/T}` with :math:`Y = \sum_i y_i`
the sum of the heights, so Y is all that a configuration says of γ:

.. math:: \log p(\gamma_k|x) = f_k - \gamma_k Y/T + \text{const}, \qquad f_k = -\log Z(\gamma_k) + \log p_k

Whoever classifies configurations by γ can do no better than the largest of these. The :math:`f_k` are the only
unknowns; their likelihood is concave, and its maximum is Bennett's estimate of free energy differences. The ceiling
it sets is what a probe of the latents is held against: 100 % is not to be had where the laws of Y overlap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.special import logsumexp, softmax

from beable.checks import positive
from beable.errors import DataError, UsageError, unknown
from beable.metrics.agreement import Permutation, ami
from beable.metrics.columns import Floats, Ints, columns, standardised
from beable.metrics.prediction import splits
from beable.records import fields
from beable.representations.representation import Snapshots
from beable.training.run import Run

LEVEL = 0.95
FOLDS = 5
FEWEST_ROWS = 40
TREND_BINS = 10


class Accuracy(NamedTuple):
    """Share of rows classified right.

    Args:
        score: the share.
        low, high: Wilson interval at 95 %.
        rows: how many were classified.
    """

    score: float
    low: float
    high: float
    rows: int

    @classmethod
    def of(cls, right: Floats) -> "Accuracy":
        low, high = scipy.stats.binomtest(int(right.sum()), len(right)).proportion_ci(LEVEL, method="wilson")
        return cls(float(right.mean()), float(low), float(high), len(right))


class Ceiling(NamedTuple):
    """The best possible classification by γ.

    Args:
        accuracy: of the best rule on the rows.
        expected: mean probability of its choice: what the accuracy is if the rows are in equilibrium, with less
            scatter. A gap to ``accuracy`` beyond its interval says that they are not, or that T is wrong.
        gamma: distinct γ, ascending, (classes,).
        log_weight: f, the first zero, (classes,).
        thresholds: Y at which the choice changes, descending, one between neighbours that are both ever chosen.
    """

    accuracy: Accuracy
    expected: float
    gamma: Floats
    log_weight: Floats
    thresholds: Floats


def bayes_ceiling(height: ArrayLike, gamma: ArrayLike, temperature: float) -> Ceiling:
    r"""The accuracy that no classification of configurations by γ can exceed, from the rows themselves.

    Args:
        height: Y = Σ y of each configuration, (rows,).
        gamma: γ of each, (rows,), a few distinct values.
        temperature: T, in the unit of γ times length.

    Raises:
        DataError: shapes, NaN, fewer than 40 rows, fewer than two γ.
        UsageError: temperature not positive.

    Reference: C. H. Bennett, J. Comput. Phys. 22, 245 (1976); M. R. Shirts and J. D. Chodera, J. Chem. Phys. 129,
    124105 (2008).

    >>> draw = np.random.default_rng(0)
    >>> gamma = np.repeat([1.0, 2.0], 4000)
    >>> found = bayes_ceiling(draw.exponential(1 / gamma), gamma, temperature=1.0)
    >>> abs(found.expected - 5 / 8) < 0.01, bool(abs(found.thresholds[0] - np.log(2)) < 0.05)
    (True, True)
    """
    y, values, which = _classes(height, gamma)
    tilt = -np.outer(y, values) / positive("temperature", temperature)
    weight = _log_weights(tilt, which)
    belief = softmax(tilt + weight, axis=1)
    right = belief.argmax(axis=1) == which
    thresholds = _thresholds(values, weight, temperature)
    return Ceiling(Accuracy.of(right.astype(float)), float(belief.max(axis=1).mean()), values, weight, thresholds)


def _classes(height: ArrayLike, gamma: ArrayLike) -> tuple[Floats, Floats, Ints]:
    y, g = np.asarray(height, dtype=np.float64), np.asarray(gamma, dtype=np.float64)
    if y.ndim != 1 or y.shape != g.shape or len(y) < FEWEST_ROWS:
        raise DataError(f"height and gamma must be (rows,), {FEWEST_ROWS} or more, got shapes {y.shape} and {g.shape}")
    if not (np.isfinite(y).all() and np.isfinite(g).all()):
        raise DataError("height and gamma hold NaN or infinity: leave those rows out")
    values, which = np.unique(g, return_inverse=True)
    if not 2 <= len(values) <= len(y) // 10:
        raise DataError(f"gamma has {len(values)} distinct values in {len(y)} rows: classes need 2 or more, of 10 rows")
    return y, values, which


def _log_weights(tilt: Floats, which: Ints) -> Floats:
    """Offsets of the classes by maximum likelihood, the first zero."""
    counts = np.bincount(which)
    own = tilt[np.arange(len(which)), which].sum()

    def loss(rest: Floats) -> tuple[float, Floats]:
        f = np.concatenate([[0.0], rest])
        belief = softmax(tilt + f, axis=1)
        value = logsumexp(tilt + f, axis=1).sum() - own - counts @ f
        return float(value) / len(which), (belief.sum(axis=0) - counts)[1:] / len(which)

    found = scipy.optimize.minimize(loss, _start(tilt, which), jac=True, method="BFGS", options={"gtol": 1e-7})
    return np.concatenate([[0.0], found.x])


def _start(tilt: Floats, which: Ints) -> Floats:
    """Offsets with which neighbours part half way between their means of Y."""
    means = np.array([tilt[which == k].mean(axis=0) for k in range(which.max() + 1)])
    steps = [(means[k : k + 2, k] - means[k : k + 2, k + 1]).mean() for k in range(len(means) - 1)]
    return np.cumsum(steps)


def _thresholds(gamma: Floats, weight: Floats, temperature: float) -> Floats:
    """Ends of the classes that are the best choice somewhere: the upper envelope of lines in Y."""
    kept = [0]
    for k in range(1, len(gamma)):
        while len(kept) > 1 and _meet(gamma, weight, kept[-1], k) >= _meet(gamma, weight, kept[-2], kept[-1]):
            kept.pop()
        kept.append(k)
    return np.array([_meet(gamma, weight, i, j) * temperature for i, j in pairwise(kept)])


def _meet(gamma: Floats, weight: Floats, i: int, j: int) -> float:
    return float((weight[j] - weight[i]) / (gamma[j] - gamma[i]))


def _logistic(rows: int, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2000, tol=1e-3)


def _neighbours(rows: int, seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(max(5, round(rows**0.5)))


def _boosting(rows: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=50, random_state=seed)


PROBES: dict[str, Callable[[int, int], Any]] = {
    "logistic": _logistic,
    "neighbours": _neighbours,
    "boosting": _boosting,
}


def probe(codes: ArrayLike, gamma: ArrayLike, kind: str = "logistic", *, folds: int = FOLDS, seed: int = 0) -> Accuracy:
    """How well γ is told from latents, on rows that the classifier was not fitted to.

    Args:
        codes: z, (rows, latents).
        gamma: γ, (rows,), a few distinct values.
        kind: "logistic" (linear); "boosting" (trees); "neighbours", which cannot see one direction among many.
        folds: of the cross-validation.
        seed: of the folds.

    Raises:
        DataError: see `bayes_ceiling`.
        UsageError: unknown kind.
    """
    if kind not in PROBES:
        raise unknown("probe", kind, PROBES)
    z = standardised(columns(codes, "codes").astype(np.float64))
    _, _, which = _classes(z[:, 0], gamma)
    right = np.zeros(len(z))
    for train, test in splits(len(z), folds, np.random.default_rng(seed)):
        model = PROBES[kind](len(train), seed).fit(z[train], which[train])
        right[test] = model.predict(z[test]) == which[test]
    return Accuracy.of(right)


class Principal(NamedTuple):
    """The latents' two directions of largest variance.

    Args:
        coordinates: of each row, (rows, 2); one column for a single latent.
        share: of the variance, (2,).
        isotropic: 1/n, the share of each direction where none stands out, as the rate would have it: a small share is
            no defect.
    """

    coordinates: Floats
    share: Floats
    isotropic: float


def principal(codes: ArrayLike) -> Principal:
    """Latents on their first two principal components."""
    z = columns(codes, "codes").astype(np.float64)
    off = z - z.mean(axis=0)
    _, s, v = np.linalg.svd(off, full_matrices=False)
    total = max(float((s**2).sum()), np.finfo(np.float64).tiny)
    return Principal(off @ v[:2].T, s[:2] ** 2 / total, 1 / z.shape[1])


class Trend(NamedTuple):
    """Heights along the direction in which latents tell γ best.

    Args:
        direction: unit vector of the latents, towards larger γ, (latents,).
        along: coordinate of the rows judged, (rows judged,).
        middle: mean of it in equally filled bins, (bins,).
        height: mean height of a particle in those bins, (bins,).
        correlation: Spearman's, of the rows judged, which the direction was not fitted to.
        p: of no association.
    """

    direction: Floats
    along: Floats
    middle: Floats
    height: Floats
    correlation: float
    p: float


def trend(codes: ArrayLike, gamma: ArrayLike, mean_height: ArrayLike, *, seed: int = 0) -> Trend:
    """Mean height along the linear discriminant of γ, fitted to half of the rows and judged on the other.

    Args:
        codes: z, (rows, latents).
        gamma: γ, (rows,).
        mean_height: of the particles of each row, (rows,).
        seed: of the halves.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    z = columns(codes, "codes").astype(np.float64)
    y, values, which = _classes(mean_height, gamma)
    fitted, judged = splits(len(z), 2, np.random.default_rng(seed))[0]
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-6).fit(z[fitted], which[fitted])
    direction = model.scalings_[:, 0] / np.linalg.norm(model.scalings_[:, 0])
    direction = direction * (np.sign(np.cov(z[fitted] @ direction, values[which[fitted]])[0, 1]) or 1.0)
    along = z[judged] @ direction
    parts = np.array_split(np.argsort(along), TREND_BINS)
    found = scipy.stats.spearmanr(along, y[judged])
    middle, height = (np.array([column[p].mean() for p in parts]) for column in (along, y[judged]))
    return Trend(direction, along, middle, height, float(found.statistic), float(found.pvalue))


def clustering(codes: ArrayLike, gamma: ArrayLike, *, repeats: int = 99, seed: int = 0) -> Permutation:
    """Adjusted mutual information of k-means clusters, as many as there are γ, with γ.

    Blind to: γ in latents without gaps, however well it can be read from them: k-means cuts where the variance is.

    Args:
        codes: z, (rows, latents).
        gamma: γ, (rows,).
        repeats: shufflings for the chance level.
        seed: of starts and shufflings.
    """
    from sklearn.cluster import KMeans

    z = columns(codes, "codes").astype(np.float64)
    _, values, which = _classes(z[:, 0], gamma)
    clusters = KMeans(len(values), n_init=4, random_state=seed).fit_predict(z)
    return ami(clusters, which, decimals=None, repeats=repeats, rng=seed)


@dataclass(frozen=True)
class GammaMap:
    """What the latents of every member know of γ.

    Args:
        ceiling: the best possible.
        height_probe: a classifier of Y alone by neighbours: what learning costs at this number of rows.
        probes: accuracy of each member, by kind of probe.
        principal: of each member.
        trend: of each member.
        clusters: of each member.
        gamma: of the rows, (rows,).
    """

    ceiling: Ceiling
    height_probe: Accuracy
    probes: dict[str, list[Accuracy]]
    principal: list[Principal]
    trend: list[Trend]
    clusters: list[Permutation]
    gamma: Floats

    @property
    def chance(self) -> float:
        """Accuracy of always naming the most frequent γ."""
        return float(np.unique(self.gamma, return_counts=True)[1].max() / len(self.gamma))

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows, ready for JSON; lists hold one entry a member."""
        c = self.ceiling
        return {
            "ceiling": fields(c.accuracy) | {"expected": c.expected, "thresholds": c.thresholds},
            "gamma": c.gamma,
            "log_weight": c.log_weight,
            "chance": self.chance,
            "height_probe": self.height_probe,
            "probes": self.probes,
            "explained": [p.share for p in self.principal],
            "isotropic": self.principal[0].isotropic,
            "trend": [fields(t, "along") for t in self.trend],
            "clusters": [{"ami": k.score, "p": k.p, "chance": k.mean} for k in self.clusters],
        }


def gamma_map(
    run: Run,
    snapshots: Snapshots,
    gamma: ArrayLike,
    temperature: float,
    *,
    kinds: Sequence[str] = ("logistic", "boosting"),
    seed: int = 0,
) -> GammaMap:
    """What the latents of a run know of γ on rows that it never saw.

    A run that is conditioned on γ has no need to keep it in its latents: near chance is then as it should be.

    Args:
        run: a finished training on configurations.
        snapshots: rows, positions among them, in physical units.
        gamma: γ of each row, (rows,).
        temperature: T.
        kinds: names in ``PROBES``.
        seed: of folds, starts and shufflings.

    Raises:
        DataError: see `bayes_ceiling`; no positions.
        UsageError: see `probe`; no kind.
    """
    if "positions" not in snapshots or not kinds:
        raise UsageError("positions and one or more kinds of probe are needed")
    heights = np.asarray(snapshots["positions"], dtype=np.float64)[..., -1]
    means, total = list(run.encode(snapshots).mean.astype(np.float64)), heights.sum(axis=1)
    return GammaMap(
        bayes_ceiling(total, gamma, temperature),
        probe(total[:, None], gamma, "neighbours", seed=seed),
        {kind: [probe(z, gamma, kind, seed=seed) for z in means] for kind in kinds},
        [principal(z) for z in means],
        [trend(z, gamma, heights.mean(axis=1), seed=seed) for z in means],
        [clustering(z, gamma, seed=seed) for z in means],
        np.asarray(gamma, dtype=np.float64),
    )
