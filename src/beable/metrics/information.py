r"""Entropy, mutual information, total correlation and divergence of samples.

.. math:: I(Z;V) = H(Z) + H(V) - H(Z,V), \qquad TC(Z) = \sum_i H(Z_i) - H(Z), \qquad
          D(P\|Q) = \int p \ln (p/q)

All in nats unless ``unit="bits"``. Three families of estimators:

*bins*: quantile bins and counts, with the correction of Miller and Madow, (occupied cells − 1)/2n for each entropy.
Uncorrected, I is too large by about (bins_z − 1)(bins_v − 1)/2n; the correction holds to a few per cent where cells
hold some rows each and fails where they do not (100 bins at 200 rows). It saturates at ln(bins).

*neighbours*: Kraskov, Stögbauer and Grassberger (KSG) for two continuous columns, Ross for one discrete column, counts
for two. Margins are first made normal by ranks: I does not depend on the margins, so the estimate is the same
for any monotone rescaling and one outlier costs one row. It saturates at ψ(n) − ψ(k).

*Gaussian*: exact for Gaussian data, blind to all dependence that is not linear.

Estimates near zero may be slightly negative; they are left so, because clipping them would bias their mean.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from scipy.special import digamma

from beable.console.records import readable
from beable.errors import DataError, UsageError, unknown
from beable.metrics.columns import (
    Discrete,
    Floats,
    Ints,
    Pair,
    classes,
    columns,
    constant,
    explained,
    normal_scores,
    pair,
)

Unit = Literal["nats", "bits"]
UNITS = {"nats": 1.0, "bits": float(np.log(2))}
INSIDE = 1 - 1e-10  # of a neighbour's distance: leaves the neighbour itself out whatever the rounding


@readable
class MutualInformation(NamedTuple):
    """Mutual information of every latent with every factor.

    Args:
        score: mean over the factors of the largest entry of their column.
        matrix: (latents, varied factors).
        self_information: what a perfect latent would have, (varied factors,): the entropy of a discrete factor or of
            the bins, ψ(n) − ψ(k) for a continuous one by neighbours, the cap of the Gaussian estimate.
        factors: the factor of each column.
        unit: "nats" or "bits".
    """

    score: float
    matrix: Floats
    self_information: Floats
    factors: Ints
    unit: Unit


def mi_binned(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int | None = None,
    binning: str = "quantile",
    correction: bool = True,
    unit: Unit = "nats",
    discrete: Discrete = None,
) -> MutualInformation:
    r"""Mutual information by counts, :math:`I = \sum p_{ij} \ln (p_{ij} / p_i p_j)`.

    Blind to: structure finer than a bin; more than ln(bins).

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        bins: bins of a continuous column; None: 20, or fewer for less than 2,000 rows (`default_bins`).
        binning: "quantile", or "width" for bins of equal width, which one outlier row ruins.
        correction: Miller–Madow.
        unit: "nats" or "bits".
        discrete: which factors are labels; None: by rule.

    Raises:
        DataError: see `pair`.

    Reference: G. A. Miller, "Note on the bias of information estimates" (1955).

    >>> z = np.array([[1, 1], [2, 1], [1, 2], [2, 2]] * 3)
    >>> mi_binned(z, z[:, ::-1], correction=False, unit="bits").matrix.round(6).tolist() == [[0, 1], [1, 0]]
    True
    """
    given = pair(codes, factors, discrete=discrete)
    z = classes(given.codes, given.code_labels, bins, binning)
    v = classes(given.factors, given.labels, bins, binning)
    own = np.array([_entropy(np.bincount(column), correction) for column in v.T])
    return _information(given, binned_matrix(z, v, correction), own, unit)


def binned_matrix(z: Ints, v: Ints, correction: bool = True) -> Floats:
    """Mutual information in nats of every column of classes z with every column of classes v."""
    h = [_entropy(np.bincount(column), correction) for column in z.T]
    g = [_entropy(np.bincount(column), correction) for column in v.T]
    width = v.max(axis=0) + 1
    joint = [[_entropy(np.bincount(a * w + b), correction) for b, w in zip(v.T, width, strict=True)] for a in z.T]
    information: Floats = np.array(h)[:, None] + np.array(g)[None, :] - np.array(joint)
    return information


def mi_knn(
    codes: ArrayLike, factors: ArrayLike, *, k: int = 3, unit: Unit = "nats", discrete: Discrete = None
) -> MutualInformation:
    r"""Mutual information by k nearest neighbours.

    .. math:: I = ψ(k) + ψ(n) - \langle ψ(n_z + 1) + ψ(n_v + 1) \rangle

    with n_z, n_v the rows nearer than the k-th joint neighbour along each axis (largest-coordinate distance). Rows that
    coincide in both count all their twins (Gao et al.), so clipped or quantised latents do no harm.

    Blind to: dependence beyond ψ(n) − ψ(k), about 6.7 nats for 2,000 rows.

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        k: neighbours; more is smoother and more biased.
        unit: "nats" or "bits".
        discrete: which factors are labels; None: by rule.

    Raises:
        DataError: see `pair`; no more than k + 1 rows.

    Reference: Kraskov, Stögbauer and Grassberger, Phys. Rev. E 69, 066138 (2004), equation 8; B. C. Ross, PLoS ONE 9,
    e87357 (2014), for labels; Gao, Kannan, Oh and Viswanath, NeurIPS (2017), for coincident rows.

    >>> x, e = np.random.default_rng(0).normal(size=(2, 5000, 1))
    >>> bool(abs(mi_knn(0.9 * x + 0.19**0.5 * e, x).score - 0.830) < 0.05)
    True
    """
    given = pair(codes, factors, rows=_at_least(k, 1, "k") + 2, discrete=discrete)
    return _information(given, knn_matrix(given, k), _knn_own(given, k), unit)


def knn_matrix(given: Pair, k: int) -> Floats:
    """Mutual information in nats by neighbours, (latents, varied factors)."""
    z, v = normal_scores(given.codes), normal_scores(given.factors)
    matrix = np.zeros((z.shape[1], v.shape[1]))
    for i in given.live:
        for j in range(v.shape[1]):
            matrix[i, j] = _mixed(z[:, i], v[:, j], bool(given.code_labels[i]), bool(given.labels[j]), k)
    return matrix


def mi_gaussian(
    codes: ArrayLike, factors: ArrayLike, *, unit: Unit = "nats", discrete: Discrete = None
) -> MutualInformation:
    r"""Mutual information of Gaussian variables, :math:`I = -\tfrac12 \ln(1 - ρ^2)`.

    ρ² is the correlation ratio η² for a discrete factor. Capped at ρ² = 1 − 1e-12.

    Blind to: dependence that is not linear (monotone, for labels: not in the class means).

    Args, Raises: see `mi_knn`.

    Reference: Cover and Thomas, "Elements of Information Theory" (2006), section 8.5.
    """
    given = pair(codes, factors, discrete=discrete)
    cap = np.full(len(given.varied), -0.5 * np.log(1e-12))
    return _information(given, -0.5 * np.log(np.maximum(1 - explained(given), 1e-12)), cap, unit)


def _information(given: Pair, matrix: Floats, own: Floats, unit: Unit) -> MutualInformation:
    matrix = np.where(given.dead[:, None], 0.0, matrix) / _unit(unit)
    return MutualInformation(float(matrix.max(axis=0).mean()), matrix, own / _unit(unit), given.varied, unit)


def _knn_own(given: Pair, k: int) -> Floats:
    v = classes(given.factors, given.labels)
    most = float(digamma(given.rows) - digamma(k))
    return np.array([_entropy(np.bincount(c), True) if d else most for c, d in zip(v.T, given.labels, strict=True)])


def _mixed(x: Floats, y: Floats, x_labels: bool, y_labels: bool, k: int) -> float:
    if x_labels and y_labels:
        both = classes(np.column_stack([x, y]), np.array([True, True]))
        return float(binned_matrix(both[:, :1], both[:, 1:])[0, 0])
    if x_labels or y_labels:
        return _ross(*((y, x) if x_labels else (x, y)), k)
    return _ksg(np.column_stack([x, y]), k)


def _ksg(x: Floats, k: int) -> float:
    """Total correlation of the columns by neighbours; mutual information for two."""
    n, d = x.shape
    tree = cKDTree(x)
    reach = tree.query(x, k + 1, p=np.inf)[0][:, k] * INSIDE
    near = np.full(n, float(k))
    twins = reach == 0
    if twins.any():
        near[twins] = tree.query_ball_point(x[twins], 0.0, p=np.inf, return_length=True) - 1
    counts = np.array([_within(np.sort(column), column, reach) for column in x.T])
    return float(np.mean(digamma(near) + (d - 1) * digamma(n) - digamma(counts).sum(axis=0)))


def _within(ordered: Floats, at: Floats, reach: Floats) -> Ints:
    """How many of the ordered values lie within reach of each point, itself included."""
    return np.searchsorted(ordered, at + reach, "right") - np.searchsorted(ordered, at - reach, "left")


def _ross(x: Floats, labels: Floats, k: int) -> float:
    """Mutual information of a continuous column with a discrete one."""
    kind = np.unique(labels, return_inverse=True)[1]
    size = np.bincount(kind)[kind]
    ordered = np.sort(x)
    total, kept = 0.0, int((size > 1).sum())
    for label in np.unique(kind[size > 1]):
        own = np.sort(x[kind == label])
        near = min(k, len(own) - 1)
        reach = _reach(own, near) * INSIDE
        twins = np.where(reach == 0, _within(own, own, 0 * reach) - 1, near)
        total += float((digamma(twins) - digamma(_within(ordered, own, reach)) - digamma(len(own))).sum())
    return total / kept + float(digamma(kept)) if kept else 0.0


def _reach(ordered: Floats, k: int) -> Floats:
    """Distance of each of the ordered values to its k-th neighbour among them."""
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    n = len(ordered)
    spans = [np.maximum(ordered - padded[a : a + n], padded[a + k : a + k + n] - ordered) for a in range(k + 1)]
    reach: Floats = np.min(spans, axis=0)
    return reach


def _entropy(counts: Ints, correction: bool) -> float:
    full = counts[counts > 0]
    n = full.sum()
    plugin = np.log(n) - (full * np.log(full)).sum() / n
    return float(plugin + (len(full) - 1) / (2 * n) * correction)


def nearest(x: Floats, k: int) -> Floats:
    """Distance of every row to its k-th neighbour."""
    reach: Floats = cKDTree(x).query(x, k + 1)[0][:, k]
    if (reach == 0).any():
        raise DataError(
            f"{(reach == 0).sum()} rows coincide with {k} others: discrete or repeated rows have no density"
        )
    return reach


def total_correlation_knn(values: ArrayLike, *, k: int = 3, unit: Unit = "nats") -> float:
    r"""Total correlation of continuous columns by neighbours.

    .. math:: TC = ψ(k) + (d-1) ψ(n) - \langle \sum_i ψ(n_i + 1) \rangle

    Low for strongly dependent columns in many dimensions. Reference: Kraskov et al. (2004), equation 23.

    Args:
        values: (rows, columns), continuous.
        k: neighbours.
        unit: "nats" or "bits".
    """
    x = columns(values, "values", _at_least(k, 1, "k") + 2).astype(np.float64)
    return _ksg(normal_scores(x), k) / _unit(unit)


def kl_knn(first: ArrayLike, second: ArrayLike, *, k: int = 5, unit: Unit = "nats") -> float:
    r"""Kullback–Leibler divergence of the law of one sample from that of another.

    .. math:: D(P\|Q) = \frac dn \sum_i \ln \frac{s_k(i)}{r_k(i)} + \ln \frac{m}{n-1}

    r_k(i) is the distance of row i of the first sample to its k-th neighbour in it, s_k(i) to that in the second.
    Columns are scaled by the spread of the first sample, which changes no divergence. A small k has little bias and
    much scatter.

    Args:
        first: (n, d) from P.
        second: (m, d) from Q.
        k: neighbours.
        unit: "nats" or "bits".

    Raises:
        DataError: unequal columns, too few rows, repeated rows.

    Reference: Wang, Kulkarni and Verdú, IEEE Trans. Inf. Theory 55, 2392 (2009).
    """
    x = columns(first, "first", _at_least(k, 1, "k") + 2).astype(np.float64)
    y = columns(second, "second", k + 1).astype(np.float64)
    if x.shape[1] != y.shape[1]:
        raise DataError(f"the samples have {x.shape[1]} and {y.shape[1]} columns: a divergence needs the same space")
    scale = np.where(constant(x), 1.0, x.std(axis=0))
    return divergence(x / scale, nearest(x / scale, k), y / scale, k) / _unit(unit)


def divergence(x: Floats, reach: Floats, y: Floats, k: int) -> float:
    """`kl_knn` in nats, with ``reach``, the distances within the first sample, known."""
    s = cKDTree(y).query(x, k)[0].reshape(len(x), -1)[:, -1]
    with np.errstate(divide="ignore"):
        return float(x.shape[1] * np.log(s / reach).mean() + np.log(len(y) / (len(x) - 1)))


def _unit(unit: str) -> float:
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    return UNITS[unit]


def _at_least(value: int, least: int, name: str) -> int:
    if value < least:
        raise UsageError(f"{name} must be at least {least}, got {value}")
    return value
