"""Does each latent go with one factor?

z (rows, latents) are codes, θ (rows, factors) the factors that generated the data. Every function is
``metric(codes, factors)`` and returns a record whose first field is ``score``.

Rules common to all. A dead (constant) latent carries no weight. A constant factor is left out. A latent that goes
with no factor has matching −1. The records speak of factors by their column in what was given.

No score means anything alone: see `beable.metrics.context.score_in_context` for its ceiling and its chance level.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import unknown
from beable.metrics.columns import Discrete, Floats, Ints, Pair, Seed, classes, explained, pair, standardised
from beable.metrics.information import binned_matrix, knn_matrix
from beable.metrics.prediction import linear_informativeness

MARGIN = 1.5  # over the largest null: one entry of noise let through would make the whole of a score


@readable
class Share(NamedTuple):
    """How far each latent's dependence is spent on a single factor.

    Args:
        score: mean of ``per_latent`` over the live latents.
        per_latent: (latents,), NaN where the latent is dead.
        matching: the factor each latent goes with, (latents,), −1 where dead.
        distinct: no two live latents go with the same factor, and no varied factor is missed for want of them.
        one_to_one: the score when every latent must take a factor of its own (best assignment); of the latents
            that get one. It is lower than ``score`` where two latents chase the same factor.
        matrix: the dependences themselves, absolute, (latents, varied factors).
    """

    score: float
    per_latent: Floats
    matching: Ints
    distinct: bool
    one_to_one: float
    matrix: Floats


def s_d(codes: ArrayLike, factors: ArrayLike) -> Share:
    r"""Disentanglement score S_D, the share of a latent's covariance that its main factor has.

    .. math:: S_D = \frac{1}{n} \sum_i \frac{\max_j |\mathrm{cov}(z_i, θ_j)|}{\sum_j |\mathrm{cov}(z_i, θ_j)|}

    with the absolute values that the source's code has and its equation (5) lacks.

    Blind to: whether two latents follow the same factor (see ``distinct``), whether a factor is missed, dependence
    that is not linear. Covariances carry units: scaling one factor by 100 moves the score of a rotated code from
    0.63 to 0.99; `s_r` does not. Floor 1/factors, not 0; a random rotation of two factors scores 0.72 on average;
    the factors themselves reach about 1 − 0.8 sqrt(1/rows) for two.

    Args:
        codes: (rows, latents), posterior means or samples: say which.
        factors: (rows, factors).

    Raises:
        DataError: shapes, NaN, fewer than 4 rows, all factors constant.

    Reference: Jacobsen and Duraisamy, "Disentangling Generative Factors of Physical Fields Using Variational
    Autoencoders", Frontiers in Physics 10:890910 (2022), equation 5.

    >>> θ = np.random.default_rng(0).normal(size=(1000, 2))
    >>> quarter = np.array([[1.0, -1.0], [1.0, 1.0]]) / 2**0.5
    >>> round(s_d(θ, θ).score, 2), round(s_d(θ @ quarter, θ).score, 2)
    (0.98, 0.52)
    """
    given = pair(codes, factors)
    z, θ = given.codes - given.codes.mean(axis=0), given.factors - given.factors.mean(axis=0)
    return _share(given, np.abs(z.T @ θ) / (given.rows - 1))


def s_r(codes: ArrayLike, factors: ArrayLike) -> Share:
    r"""`s_d` on correlations: the same for any units of latents and factors.

    .. math:: S_R = \frac{1}{n} \sum_i \frac{\max_j |ρ(z_i, θ_j)|}{\sum_j |ρ(z_i, θ_j)|}

    Blind to what `s_d` is blind to, but for the units. Same floor, chance level and ceiling for factors of equal
    variance.

    Args, Raises: see `s_d`.

    Reference: after Jacobsen and Duraisamy (2022), equation 5, with correlations for covariances.
    """
    given = pair(codes, factors)
    return _share(given, np.abs(_correlations(given)))


def _correlations(given: Pair) -> Floats:
    z = np.where(given.dead, 0.0, standardised(given.codes))
    matrix: Floats = z.T @ standardised(given.factors) / given.rows
    return matrix


def _share(given: Pair, matrix: Floats) -> Share:
    matrix = np.where(given.dead[:, None], 0.0, matrix)
    total = matrix.sum(axis=1)
    live = total > 0
    shares = matrix / np.where(live, total, np.nan)[:, None]
    per_latent = shares.max(axis=1)
    main = matrix.argmax(axis=1)
    matching = np.where(live, given.varied[main], -1)
    floor = 1.0 / matrix.shape[1]
    return Share(
        float(per_latent[live].mean()) if live.any() else floor,
        per_latent,
        matching,
        len(set(main[live])) == min(len(matching), matrix.shape[1]) == int(live.sum()),
        one_to_one(shares[live]) if live.any() else floor,
        matrix,
    )


def one_to_one(matrix: Floats) -> float:
    """Mean entry along the best assignment of rows to columns (Hungarian method)."""
    rows, columns = scipy.optimize.linear_sum_assignment(matrix, maximize=True)
    return float(matrix[rows, columns].mean())


@readable
class Gap(NamedTuple):
    """How much better each factor's first latent is than its second.

    Args:
        score: mean of ``per_factor``.
        per_factor: (varied factors,).
        matching: the latent of each varied factor, (varied factors,), −1 where no latent knows it.
        matrix: the dependences between 0 and 1, (latents, varied factors).
    """

    score: float
    per_factor: Floats
    matching: Ints
    matrix: Floats


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    estimator: str = "quantile",
    bins: int | None = None,
    discrete: Discrete = None,
) -> Gap:
    r"""Mutual information gap.

    .. math:: \mathrm{MIG} = \frac1F \sum_j \frac{I(z_{(1)}; v_j) - I(z_{(2)}; v_j)}{H(v_j)}

    z_(1), z_(2) being the two latents with most information on v_j. H is the entropy of the labels, or of the bins of a
    continuous factor. By neighbours a continuous factor has no entropy to divide by, a differential one depends on its
    unit; there the gap is that of 1 − exp(−2 I), Linfoot's share, which is ρ² for Gaussian variables.

    Blind to: two factors in one latent; everything but the best two latents. A duplicated latent gives 0. The code's
    mean and its samples have different scores. Few rows a cell bias the matrix, the gap less so.

    Args:
        codes: (rows, latents); with one latent the second best is 0.
        factors: (rows, factors).
        estimator: "quantile" bins with Miller–Madow correction; "knn", Kraskov's; "width", bins of equal width without
            correction, the convention of the literature, which one outlier row ruins.
        bins: bins of a continuous column; None: 20, or fewer for less than 2,000 rows (`default_bins`).
        discrete: which factors are labels; None: by rule.

    Raises:
        DataError: see `pair`; fewer than 8 rows.

    Reference: Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in VAEs", NeurIPS (2018); E. H.
    Linfoot, Information and Control 1, 85 (1957).

    >>> v = np.random.default_rng(0).integers(0, 10, size=(3000, 5))
    >>> bool(mig(v, v).score > 0.99), round(mig(np.hstack([v, v]), v).score, 9)
    (True, 0.0)
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    return _gap(given, _shared_information(given, estimator, bins))


def sap(codes: ArrayLike, factors: ArrayLike, *, discrete: Discrete = None) -> Gap:
    r"""Separated attribute predictability, the gap in explained variance.

    .. math:: \mathrm{SAP} = \frac1F \sum_j (R^2_{(1)j} - R^2_{(2)j})

    R²_ij is the squared correlation of latent i with factor j, or for labels the correlation ratio η², which for two
    labels is the same; no classifier, whose chance level would be that of the commonest label. Two independent factors
    of equal variance turned by θ score |cos 2θ|.

    Blind to: two factors in one latent; dependence that is not linear. A duplicated latent gives 0.

    Args, Raises: see `mig`.

    Reference: Kumar, Sattigeri and Balakrishnan, "Variational inference of disentangled latent concepts", ICLR (2018).
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    return _gap(given, explained(given))


def _gap(given: Pair, matrix: Floats) -> Gap:
    padded = np.vstack([matrix, np.zeros(matrix.shape[1])])
    second, first = np.sort(padded, axis=0)[-2:]
    per_factor = first - second
    return Gap(float(per_factor.mean()), per_factor, np.where(first > 0, matrix.argmax(axis=0), -1), matrix)


def _shared_information(given: Pair, estimator: str, bins: int | None) -> Floats:
    if estimator not in ESTIMATORS:
        raise unknown("estimator", estimator, ESTIMATORS)
    matrix = np.where(given.dead[:, None], 0.0, ESTIMATORS[estimator](given, bins))
    return np.clip(matrix, 0.0, 1.0)


def _by_quantile(given: Pair, bins: int | None) -> Floats:
    return _by_bins(given, bins, "quantile", True)


def _by_width(given: Pair, bins: int | None) -> Floats:
    return _by_bins(given, bins, "width", False)


def _by_bins(given: Pair, bins: int | None, binning: str, correction: bool) -> Floats:
    z, v = classes(given.codes, given.code_labels, bins, binning), classes(given.factors, given.labels, bins, binning)
    share: Floats = binned_matrix(z, v, correction) / _entropies(v, correction)
    return share


def _entropies(v: Ints, correction: bool) -> Floats:
    own = np.array([binned_matrix(column[:, None], column[:, None], correction)[0, 0] for column in v.T])
    positive: Floats = np.maximum(own, np.finfo(float).tiny)
    return positive


def _by_neighbours(given: Pair, bins: int | None) -> Floats:
    information = np.maximum(knn_matrix(given, k=3), 0.0)
    v = classes(given.factors, given.labels, bins)
    return np.where(given.labels, information / _entropies(v, True), 1 - np.exp(-2 * information))


ESTIMATORS: dict[str, Callable[[Pair, int | None], Floats]] = {
    "quantile": _by_quantile,
    "width": _by_width,
    "knn": _by_neighbours,
}


@readable
class Modularity(NamedTuple):
    """How far each latent knows one factor only.

    Args:
        score: mean of ``per_latent`` over the live latents.
        per_latent: (latents,), NaN where dead.
        matrix: plug-in mutual information in nats, (latents, varied factors).
    """

    score: float
    per_latent: Floats
    matrix: Floats


def modularity(
    codes: ArrayLike, factors: ArrayLike, *, bins: int | None = None, discrete: Discrete = None
) -> Modularity:
    r"""Modularity: 1 − the squared information on other factors over that on the main one.

    .. math:: 1 - \frac{\sum_{j \ne \max} I_{ij}^2}{(F - 1) \max_j I_{ij}^2}

    The informations are plug-in estimates: their bias is much the same for all factors and so counts against a latent
    that knows nothing, while corrected ones would leave it a few spikes of noise and a high score.

    Blind to: missed factors, several latents for one factor. Depends on the number of rows where there is little to
    know: noise scores about 0.3 at 3,000 rows of 10 labels. 1 for one factor.

    Args, Raises: see `mig`.

    Reference: Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", NeurIPS (2018).
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    z, v = classes(given.codes, given.code_labels, bins), classes(given.factors, given.labels, bins)
    matrix = np.where(given.dead[:, None], 0.0, binned_matrix(z, v, correction=False))
    per_latent = np.where(given.dead, np.nan, per_latent_modularity(matrix))
    return Modularity(float(np.nanmean(per_latent)) if len(given.live) else 0.0, per_latent, matrix)


def per_latent_modularity(information: ArrayLike) -> Floats:
    """Modularity of every row of a matrix (latents, factors) of informations; 0 for a row of zeros.

    >>> per_latent_modularity([[1, 0], [0, 1], [0, 0]]).tolist()
    [1.0, 1.0, 0.0]
    """
    square: Floats = np.square(np.asarray(information, dtype=np.float64))
    best = square.max(axis=1)
    others = (square.sum(axis=1) - best) / max(square.shape[1] - 1, 1)
    answer: Floats = np.where(best > 0, 1 - others / np.where(best > 0, best, 1.0), 0.0)
    return answer


@readable
class InfoMEC(NamedTuple):
    """Modularity, compactness and explicitness from information.

    Args:
        score: modularity InfoM.
        modularity: the same.
        compactness: InfoC.
        explicitness: InfoE, mean held-out R² of a linear probe.
        matrix: normalised information above its null, (latents, varied factors).
        threshold: `MARGIN` times the largest entry that shuffled codes reached: entries below it are 0.
    """

    score: float
    modularity: float
    compactness: float
    explicitness: float
    matrix: Floats
    threshold: float


def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    estimator: str = "quantile",
    bins: int | None = None,
    nulls: int = 10,
    folds: int = 3,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> InfoMEC:
    r"""InfoMEC: how concentrated the information is, along rows (M) and columns (C), and how linear it is (E).

    With N_ij the normalised mutual information of `mig` less its mean under shuffled rows,

    .. math:: \mathrm{InfoM} = \frac{\langle \max_j N_{ij} / \sum_j N_{ij} \rangle_i - 1/F}{1 - 1/F}

    and InfoC the same of the columns. Ratios of noise are large: without the null, independent codes have 0.6 to 0.9.
    So entries no larger than 1.5 times the largest that shuffled codes reach anywhere are 0, a latent or factor left
    with nothing does not count, and 0 is the score where nothing is left. M is undefined, NaN, for one factor and C
    for one live latent.

    Blind to: M to missed factors, C to mixed latents, E to both: read the three together.

    Args:
        codes, factors, estimator, bins, discrete: see `mig`.
        nulls: shufflings.
        folds: of the cross-validation of the probe.
        rng: seed or generator.

    Raises:
        DataError: see `pair`; fewer than 8 rows.

    Reference: Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via latent quantization", NeurIPS (2023).
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    draw = np.random.default_rng(rng)
    shuffled = [given._replace(codes=draw.permutation(given.codes)) for _ in range(nulls)]
    null = np.array([_shared_information(s, estimator, bins) for s in shuffled])
    raw = _shared_information(given, estimator, bins)
    threshold = MARGIN * float(null.max())
    matrix = np.where(raw > threshold, raw - null.mean(axis=0), 0.0)
    m, c = _concentrated(matrix), _concentrated(matrix[~given.dead].T)
    e = float(linear_informativeness(given, folds, draw).mean())
    return InfoMEC(m, m, c, e, matrix, threshold)


def _concentrated(matrix: Floats) -> float:
    live = matrix.sum(axis=1) > 0
    columns = matrix.shape[1]
    if not live.any():
        return 0.0
    if columns == 1:
        return float("nan")
    share = (matrix[live].max(axis=1) / matrix[live].sum(axis=1)).mean()
    return float((share - 1 / columns) / (1 - 1 / columns))
