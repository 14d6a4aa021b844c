r"""Does a score tell odd snapshots from ordinary ones?

s are scores, larger for odder. ``normal`` (n,) are those of ordinary rows that the model has not seen, ``anomalous``
(m,) those of odd ones. A score that is *lower* for odd rows has an AUC below one half: it is not blind, it looks the
wrong way.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError, UsageError
from beable.metrics.columns import Floats
from beable.metrics.prediction import rank_auc


class Auc(NamedTuple):
    """Area under the receiver operating characteristic.

    Args:
        score: chance that an odd row scores above an ordinary one, ties counting half; 0.5 is no knowledge.
        low, high: interval at ``level``.
        level: of the interval.
    """

    score: float
    low: float
    high: float
    level: float


def roc_auc(normal: ArrayLike, anomalous: ArrayLike, *, level: float = 0.95) -> Auc:
    r"""ROC-AUC :math:`A = P(s_{odd} > s_{normal})` with Newcombe's score interval.

    The ends solve :math:`(A - x)^2 = z^2 V(x)` with the variance of Hanley and McNeil,
    V(x) = x(1 − x)[1 + N(1 − x)/(2 − x) + N x/(1 + x)] / nm, N = (n + m)/2 − 1. The interval stays within [0, 1] and
    is not a point when A is 1.

    Blind to: where the threshold is put; how rare odd rows are (see `average_precision`).

    Args:
        normal: (n,) scores.
        anomalous: (m,) scores.
        level: of the interval.

    Raises:
        DataError: not one-dimensional, empty, NaN.

    Reference: J. A. Hanley and B. J. McNeil, Radiology 143, 29 (1982); R. G. Newcombe, Statist. Med. 25, 559 (2006),
    method 5.

    >>> found = roc_auc([1, 2, 3, 4], [3.5, 5, 6, 7])
    >>> found.score, round(found.low, 2), round(found.high, 2)
    (0.9375, 0.51, 0.99)
    """
    low, high = _scores(normal, "normal"), _scores(anomalous, "anomalous")
    a = rank_auc(low, high)
    z = scipy.stats.norm.ppf(0.5 + _probability(level, "level") / 2)
    return Auc(a, _end(a, 0.0, z, len(low), len(high)), _end(a, 1.0, z, len(low), len(high)), level)


def _end(a: float, bound: float, z: float, n: int, m: int) -> float:
    """The point between a and a bound where a lies z standard errors away."""

    def off(x: float) -> float:
        more = ((n + m) / 2 - 1) * ((1 - x) / (2 - x) + x / (1 + x))
        return (a - x) ** 2 - z**2 * x * (1 - x) * (1 + more) / (n * m)

    if a == bound:
        return bound
    inside = a + 1e-12 * (bound - a) if 0 < a < 1 else abs(a - 1e-12)
    return float(scipy.optimize.brentq(off, bound, inside))


class Precision(NamedTuple):
    """Average precision.

    Args:
        score: area under the precision-recall curve.
        chance: that of a score that knows nothing, m / (n + m).
    """

    score: float
    chance: float


def average_precision(normal: ArrayLike, anomalous: ArrayLike) -> Precision:
    r"""Average precision :math:`\sum_k (R_k - R_{k-1}) P_k`.

    Depends on the share of odd rows: compare with ``chance`` and with equal numbers only.

    Args, Raises: see `roc_auc`.

    Reference: Davis and Goadrich, ICML (2006).
    """
    from sklearn.metrics import average_precision_score

    low, high = _scores(normal, "normal"), _scores(anomalous, "anomalous")
    odd = np.repeat([0, 1], [len(low), len(high)])
    return Precision(float(average_precision_score(odd, np.concatenate([low, high]))), len(high) / len(odd))


def conformal_pvalues(calibration: ArrayLike, scores: ArrayLike) -> Floats:
    r"""Conformal p-values, :math:`p = (1 + \#\{c \ge s\}) / (n + 1)`, one a score.

    Under exchangeability with the calibration rows, P(p <= α) <= α, whatever the law of the scores. None is below
    1/(n + 1). Rows used in training are not exchangeable with new ones: calibrate on held-out rows.

    Args:
        calibration: (n,) scores of ordinary rows held out.
        scores: (m,) scores to judge.

    Raises:
        DataError: see `roc_auc`.

    Reference: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005); Bates, Candès, Lei, Romano
    and Sesia, Ann. Statist. 51, 149 (2023).

    >>> conformal_pvalues([1, 2, 3, 4], [0, 2.5, 9]).tolist()
    [1.0, 0.6, 0.2]
    """
    c, s = np.sort(_scores(calibration, "calibration")), _scores(scores, "scores")
    p: Floats = (1 + len(c) - np.searchsorted(c, s, "left")) / (len(c) + 1)
    return p


@readable
class Power(NamedTuple):
    """Power against the size of a perturbation.

    Args:
        score: mean power over the sizes.
        sizes: ascending, (sizes,).
        power: share of the rows flagged, (sizes,).
        low, high: Wilson intervals at 95 %.
        half: size at which half are flagged, between sizes by line; infinite if none is enough.
        level: false alarms allowed.
        actual: share of ordinary rows of the calibration that are flagged by the same rule.
    """

    score: float
    sizes: Floats
    power: Floats
    low: Floats
    high: Floats
    half: float
    level: float
    actual: float


def power(calibration: ArrayLike, perturbed: Mapping[float, ArrayLike], *, level: float = 0.05) -> Power:
    r"""How often a perturbation of each size is flagged, at :math:`p \le` ``level`` of `conformal_pvalues`.

    Args:
        calibration: (n,) scores of ordinary rows held out.
        perturbed: scores (m,) by size of the perturbation.
        level: share of ordinary rows that may be flagged.

    Raises:
        DataError: see `roc_auc`; n too small for any p-value to reach the level.

    Reference: Bates et al. (2023), see `conformal_pvalues`.
    """
    c = _scores(calibration, "calibration")
    if _probability(level, "level") * (len(c) + 1) < 1:
        raise DataError(f"{len(c)} calibration rows give no p-value below {1 / (len(c) + 1):.3g}: level is {level}")
    sizes = np.array(sorted(perturbed), dtype=np.float64)
    if not len(sizes):
        raise DataError("no perturbation given")
    flags = [conformal_pvalues(c, perturbed[size]) <= level for size in sorted(perturbed)]
    rate = np.array([f.mean() for f in flags])
    ends = np.array([scipy.stats.binomtest(int(f.sum()), len(f)).proportion_ci(method="wilson") for f in flags])
    actual = float((conformal_pvalues(c, c) <= level).mean())
    return Power(float(rate.mean()), sizes, rate, ends[:, 0], ends[:, 1], _half(sizes, rate), level, actual)


def _half(sizes: Floats, rate: Floats) -> float:
    enough = np.flatnonzero(rate >= 0.5)
    if not len(enough):
        return float("inf")
    i = enough[0]
    return float(np.interp(0.5, rate[i - 1 : i + 1], sizes[i - 1 : i + 1])) if i else float(sizes[0])


def _scores(values: ArrayLike, name: str) -> Floats:
    s = np.asarray(values, dtype=np.float64)
    if s.ndim != 1 or not len(s):
        raise DataError(f"{name} must be scores (rows,), one or more, got shape {s.shape}")
    if not np.isfinite(s).all():
        raise DataError(f"{name} holds {(~np.isfinite(s)).sum()} values that are NaN or infinite: leave those rows out")
    return s


def _probability(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise UsageError(f"{name} must lie between 0 and 1, got {value}")
    return value
