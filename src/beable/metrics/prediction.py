r"""What can be predicted from the codes, and from which of them?

Every probe is judged on rows it was not fitted on (cross-validation), in one currency: the share of variance explained,

.. math:: R^2 = 1 - \sum \|y - \hat y\|^2 / \sum \|y - \bar y\|^2,

0 for a useless code, or slightly negative, and 1 for a perfect one. y is the standardised column of a continuous
factor. For a discrete one trees and conditional means predict one indicator a label (then 1 − R² is the Brier score
over that of the base rates), so that labels need no order; linear probes predict the number itself, for which it needs
one.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError, unknown
from beable.metrics.columns import (
    Discrete,
    Floats,
    Ints,
    Pair,
    Seed,
    classes,
    few_classes,
    normal_scores,
    pair,
    standardised,
)

Learner = Callable[[int, int, int], Any]
CLEAR = 3.0  # standard errors above nothing: ratios of what is not there are ratios of noise


@readable
class Importance(NamedTuple):
    """Disentanglement and completeness of one matrix of importances.

    Args:
        disentanglement, completeness: weighted means.
        matrix: (latents, varied factors).
    """

    disentanglement: float
    completeness: float
    matrix: Floats


@readable
class DCI(NamedTuple):
    """Disentanglement, completeness, informativeness.

    Args:
        score: disentanglement D by the importances of the learner.
        completeness: C by the same.
        informativeness: mean held-out R² over the factors.
        per_latent, per_factor: the terms of D and C; NaN where nothing is important.
        per_factor_informativeness: held-out R², (varied factors,).
        importance: of the learner, times the factor's R² where that is clearly positive, (latents, varied factors),
            rows of dead latents 0.
        permutation: the same D and C by permutation importance on held-out rows.
        learner: its name.
    """

    score: float
    completeness: float
    informativeness: float
    per_latent: Floats
    per_factor: Floats
    per_factor_informativeness: Floats
    importance: Floats
    permutation: Importance
    learner: str


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    learner: str = "forest",
    folds: int = 3,
    size: int = 10,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> DCI:
    r"""Disentanglement, completeness and informativeness of a regression of factors on codes.

    With importances R_ij of latent i for factor j, P_ij = R_ij / Σ_j R_ij and weights ρ_i = Σ_j R_ij / Σ R,

    .. math:: D = \sum_i ρ_i (1 + \sum_j P_{ij} \log_F P_{ij}), \qquad C \text{ the same of } R^T

    R_ij are those of the learner times the held-out R² of the factor, or 0 where that is not 3 standard errors above 0:
    trees assign a factor that cannot be predicted to all latents, and it would count against each of them. Where no
    factor is predicted, as with very few rows, D and C are 0.

    The regressor decides the answer: two factors turned by 15° have D = 0.7 by trees and 0.3 by the lasso; name it
    with the number. Trees see every latent at every split (``max_features`` 1.0): with the square root that is the
    default of forests of classifiers, a perfect code of ten scores 0.3. They are given ranks, so that monotone
    rescaling changes nothing.

    Blind to: which of two correlated latents is used, importances split between them at will (see ``permutation``);
    informativeness is not in D: read both. Undefined, NaN, D for one factor and C for one latent.

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        learner: key of `LEARNERS`.
        folds: of the cross-validation; importances are means over them.
        size: trees a fold.
        rng: seed or generator.
        discrete: which factors are labels; None: by rule.

    Raises:
        DataError: see `pair`; fewer than 8 rows.

    Reference: Eastwood and Williams, "A framework for the quantitative evaluation of disentangled representations",
    ICLR (2018); permutation importance as in Eastwood et al., "DCI-ES", ICLR (2023).

    >>> v = np.random.default_rng(0).integers(0, 10, size=(300, 3))
    >>> round(dci(v[:, ::-1], v).score, 3)
    1.0
    """
    if learner not in LEARNERS:
        raise unknown("learner", learner, LEARNERS)
    given = pair(codes, factors, rows=8, discrete=discrete)
    draw = np.random.default_rng(rng)
    x = _inputs(given, learner)
    found = [_importances(x, y, LEARNERS[learner], folds, size, draw) for y in targets(given)]
    importance = _full(given, np.column_stack([f.own * f.weight for f in found]))
    permuted = _full(given, _above_noise(np.column_stack([f.permuted * (f.weight > 0) for f in found])))
    r2 = np.array([f.r2 for f in found])
    return DCI(
        disentanglement_of(importance),
        disentanglement_of(importance.T),
        float(r2.mean()),
        _concentration(importance),
        _concentration(importance.T),
        r2,
        importance,
        Importance(disentanglement_of(permuted), disentanglement_of(permuted.T), permuted),
        learner,
    )


def disentanglement_of(importance: ArrayLike) -> float:
    """D of a matrix of importances (latents, factors); C of its transpose; 0 where nothing is important.

    >>> round(disentanglement_of(np.vstack([np.eye(5), np.eye(5)]).T), 5)
    0.69897
    """
    r = np.abs(np.asarray(importance, dtype=np.float64))
    if r.shape[1] < 2:
        return float("nan")
    weights = r.sum(axis=1)
    return float(np.nansum(_concentration(r) * weights) / weights.sum()) if weights.sum() > 0 else 0.0


def _concentration(r: Floats) -> Floats:
    """1 − entropy of each row over ln(columns); NaN for rows of zeros and for a single column."""
    total = r.sum(axis=1, keepdims=True)
    share = r / np.where(total > 0, total, np.nan)
    concentration: Floats = 1 - scipy.stats.entropy(share, axis=1) / (np.log(r.shape[1]) or np.nan)
    return concentration


class _Found(NamedTuple):
    own: Floats
    permuted: Floats
    r2: float
    weight: float


def _importances(x: Floats, y: Floats, learner: Learner, folds: int, size: int, draw: np.random.Generator) -> _Found:
    own, permuted = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    if not x.shape[1]:
        return _Found(own, permuted, 0.0, 0.0)
    energy = np.square(y - y.mean(axis=0)).sum(axis=1)
    gain = energy.copy()
    for train, test in splits(len(x), folds, draw):
        model = learner(len(train), size, int(draw.integers(2**31)))
        model.fit(x[train], y[train] if y.shape[1] > 1 else y[train, 0])
        own += _own(model)
        shuffled = np.concatenate([x[test], *_permuted(x[test], draw)])
        losses = np.square(_predict(model, shuffled, y) - np.tile(y[test], (x.shape[1] + 1, 1)))
        losses = losses.sum(axis=1).reshape(x.shape[1] + 1, len(test))
        gain[test] -= losses[0]
        permuted += (losses[1:] - losses[0]).sum(axis=1)
    r2 = float(gain.sum() / energy.sum())
    surely = gain.mean() > CLEAR * gain.std() / np.sqrt(len(x))
    return _Found(own / folds, permuted / energy.sum(), r2, r2 if surely else 0.0)


def _above_noise(permuted: Floats) -> Floats:
    """Importances by permutation, 0 where within three times the scatter that the negative ones show."""
    noise = np.sqrt(np.square(permuted[permuted < 0]).mean()) if (permuted < 0).any() else 0.0
    return np.where(permuted > CLEAR * noise, permuted, 0.0)


def _permuted(x: Floats, draw: np.random.Generator) -> Iterator[Floats]:
    for i in range(x.shape[1]):
        copy = x.copy()
        copy[:, i] = draw.permutation(x[:, i])
        yield copy


def _predict(model: Any, x: Floats, y: Floats) -> Floats:
    answer: Floats = np.asarray(model.predict(x)).reshape(len(x), y.shape[1])
    return answer


def _own(model: Any) -> Floats:
    if hasattr(model, "feature_importances_"):
        return np.asarray(model.feature_importances_)
    weights: Floats = np.abs(np.atleast_2d(model.coef_)).sum(axis=0)
    return weights


def _inputs(given: Pair, learner: str) -> Floats:
    live = given.codes[:, ~given.dead]
    if learner == "lasso":
        return standardised(live)
    return scipy.stats.rankdata(live, axis=0) / len(live) if live.shape[1] else live


def _full(given: Pair, live: Floats) -> Floats:
    matrix = np.zeros((len(given.dead), live.shape[1]))
    matrix[~given.dead] = live
    return matrix


def _forest(rows: int, size: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(size, max_features=1.0, min_samples_leaf=_leaf(rows), random_state=seed)


def _extra_trees(rows: int, size: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(size, max_features=1.0, min_samples_leaf=_leaf(rows), random_state=seed)


def _lasso(rows: int, size: int, seed: int) -> Any:
    from sklearn.linear_model import Lasso

    return Lasso(alpha=0.02)


def _leaf(rows: int) -> int:
    return int(np.clip(rows // 50, 1, 5))


LEARNERS: dict[str, Learner] = {"forest": _forest, "extra-trees": _extra_trees, "lasso": _lasso}


def targets(given: Pair) -> list[Floats]:
    """What a probe predicts for every varied factor: (rows, 1), or (rows, labels) of indicators."""
    v = classes(given.factors, given.labels)
    standard = standardised(given.factors)
    return [
        (v[:, [j]] == np.arange(v[:, j].max() + 1)).astype(np.float64) if given.labels[j] else standard[:, [j]]
        for j in range(len(given.varied))
    ]


def splits(rows: int, folds: int, draw: np.random.Generator) -> list[tuple[Ints, Ints]]:
    """Rows to fit on and rows to judge, `folds` times."""
    if not 2 <= folds <= rows // 2:
        raise DataError(f"{folds} folds of {rows} rows: give 2 or more folds, with 2 rows or more in each")
    parts = np.array_split(draw.permutation(rows), folds)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(folds)]


@readable
class Explicitness(NamedTuple):
    """How much of the factors probes of growing capacity find.

    Args:
        score: mean over capacities and factors of the best R² so far: what is found, and found easily.
        explicitness: E of the source, mean over factors: 1 if the linear probe finds all that any finds, whatever
            that is: 1 for a useless code too.
        informativeness: mean over factors of the best R² of all probes.
        size: S = factors / live latents: below 1 there are spare latents.
        capacities: random features beyond the linear ones.
        curve: best R² so far, (capacities, varied factors), not below 0.
    """

    score: float
    explicitness: float
    informativeness: float
    size: float
    capacities: Ints
    curve: Floats


def explicitness(
    codes: ArrayLike, factors: ArrayLike, *, folds: int = 3, rng: Seed = 0, discrete: Discrete = None
) -> Explicitness:
    r"""Ease of use: how little capacity a probe needs (the E and S of DCI-ES).

    The loss ℓ(κ) = 1 − R² of a ridge regression on the latents and κ = 0, 4, 8, ... random Fourier features, held out,
    and ℓ* the best up to κ. On K equal steps of capacity,

    .. math:: E = 1 - \frac2K \int (ℓ^* - \min ℓ^*) \, dκ, \qquad \mathrm{score} = 1 - \frac1K \int ℓ^* dκ

    E leaves out how good the best probe is, so E alone is 1 for noise; the score does not.

    Blind to: disentanglement; a rotation changes nothing. Labels are taken as numbers: give one column a label where
    they have no order.

    Args, Raises: see `dci`.

    Reference: Eastwood, Nicolicioiu, von Kügelgen, Kekić, Träuble, Dittadi and Schölkopf, "DCI-ES: an extended
    disentanglement framework with connections to identifiability", ICLR (2023); Rahimi and Recht (2007) for the
    features.
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    draw = np.random.default_rng(rng)
    capacities = np.array([0] + [2**i for i in range(2, 9) if 2**i <= given.rows // 4], dtype=np.intp)
    loss: Floats = np.minimum.accumulate(_loss(given, capacities, folds, draw), axis=0)
    area = np.asarray(np.trapezoid(loss, axis=0)) / (len(loss) - 1) if len(loss) > 1 else loss[0]
    live = int((~given.dead).sum())
    return Explicitness(
        float(1 - area.mean()),
        float((1 - 2 * (area - loss[-1])).mean()),
        float(1 - loss[-1].mean()),
        len(given.varied) / live if live else float("nan"),
        capacities,
        1 - loss,
    )


def _loss(given: Pair, capacities: Ints, folds: int, draw: np.random.Generator) -> Floats:
    """Held-out loss, (capacities, factors), at most 1: predicting the mean is always possible."""
    z = standardised(given.codes[:, ~given.dead])
    ω = draw.normal(size=(z.shape[1], capacities[-1])) / np.sqrt(max(z.shape[1], 1))
    waves = np.cos(z @ ω + draw.uniform(0, 2 * np.pi, capacities[-1])) * np.sqrt(2)
    φ = np.column_stack([np.ones(len(z)), z, waves])
    y = standardised(given.factors)
    missed = np.zeros((len(capacities), y.shape[1]))
    for train, test in splits(len(z), folds, draw):
        for row, κ in enumerate(capacities):
            use = slice(1 + z.shape[1] + κ)
            missed[row] += np.square(y[test] - φ[test, use] @ _ridge(φ[train, use], y[train])).sum(axis=0)
    loss: Floats = np.minimum(missed / np.square(y).sum(axis=0), 1.0)
    return loss


def _ridge(φ: Floats, y: Floats) -> Floats:
    gram = φ.T @ φ + 1e-4 * len(φ) * np.eye(φ.shape[1])
    return np.linalg.solve(gram, φ.T @ y).astype(np.float64)


def linear_informativeness(given: Pair, folds: int, draw: np.random.Generator) -> Floats:
    """Held-out R² of the linear probe for every varied factor, not below 0."""
    r2: Floats = 1 - _loss(given, np.array([0], dtype=np.intp), folds, draw)[0]
    return r2


@readable
class Separability(NamedTuple):
    """ROC-AUC of linear classifiers, one class against the rest.

    Args:
        score: mean over factors and classes, held out; 0.5 is chance.
        per_factor: (varied factors,).
    """

    score: float
    per_factor: Floats


def explicitness_auc(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 5,
    folds: int = 2,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> Separability:
    """Explicitness of Ridgeway and Mozer: can a logistic regression on all latents tell a factor's classes apart?

    Continuous factors are cut into ``bins`` quantile classes.

    Blind to: disentanglement; a rotation changes nothing. Saturates near 1.

    Args, Raises: see `dci`.

    Reference: Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", NeurIPS (2018).
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    draw = np.random.default_rng(rng)
    z = standardised(given.codes)
    v = few_classes(given.factors, given.labels, bins)
    per_factor = np.array([_auc(z, column, folds, draw) for column in v.T])
    return Separability(float(per_factor.mean()), per_factor)


def _auc(z: Floats, labels: Ints, folds: int, draw: np.random.Generator) -> float:
    from sklearn.linear_model import LogisticRegression

    scores = np.full((len(z), labels.max() + 1), 0.5)
    for train, test in splits(len(z), folds, draw):
        if len(np.unique(labels[train])) > 1:
            model = LogisticRegression(C=100, max_iter=2000, tol=1e-3).fit(z[train], labels[train])
            scores[np.ix_(test, model.classes_)] = model.predict_proba(z[test])
    return float(np.mean([rank_auc(scores[labels != c, c], scores[labels == c, c]) for c in range(scores.shape[1])]))


def rank_auc(low: Floats, high: Floats) -> float:
    """Chance that a value of ``high`` exceeds one of ``low``, ties counting half (Mann–Whitney)."""
    ranks = scipy.stats.rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.mean() - (len(high) + 1) / 2) / len(low))


@readable
class Dependence(NamedTuple):
    """Minimality and sufficiency.

    Args:
        score: mean of minimality and sufficiency.
        minimality: mean over live latents of the best entry of their row of ``from_factors``.
        sufficiency: mean over factors of the best entry of their column of ``from_latents``.
        from_factors: share of latent i's variance that factor j alone predicts, (latents, varied factors).
        from_latents: share of factor j's variance that latent i alone predicts, (latents, varied factors).
        between_factors: share of factor j's variance that factor i alone predicts: how dependent the factors are.
    """

    score: float
    minimality: float
    sufficiency: float
    from_factors: Floats
    from_latents: Floats
    between_factors: Floats


def minimality_sufficiency(codes: ArrayLike, factors: ArrayLike, *, discrete: Discrete = None) -> Dependence:
    r"""Is each latent a function of one factor, and each factor a function of one latent? For dependent factors too.

    With the conditional means m_ij = 1 − E Var(z_i | θ_j) / Var z_i and s_ij = 1 − E Var(θ_j | z_i) / Var θ_j,

    .. math:: \text{minimality} = \langle \max_j m_{ij} \rangle_i, \quad
              \text{sufficiency} = \langle \max_i s_{ij} \rangle_j

    Both are 1 for z = θ however dependent the factors are, where scores that ask a latent to know *nothing* of the
    other factors (MIG, SAP, DCI, S_D) punish a perfect code. The conditional mean is that of the nearest rows along
    the one axis, the row itself left out; labels have class means. Latents and continuous factors are taken as normal
    scores, so that monotone rescaling and one outlier row change nothing.

    Blind to: two latents with the same factor; what two factors do to a latent together.

    Args, Raises: see `dci`.

    Reference: Almudévar and Ortega, "Rethinking disentanglement under dependent factors of variation", arXiv 2408.07016
    (2024), with variances for their informations.
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    given = given._replace(factors=np.where(given.labels, given.factors, normal_scores(given.factors)))
    v = targets(given)
    z = standardised(normal_scores(given.codes))
    live = given.live
    forward, backward = np.zeros((z.shape[1], len(v))), np.zeros((z.shape[1], len(v)))
    for j, y in enumerate(v):
        θ, labels = given.factors[:, j], bool(given.labels[j])
        forward[live, j] = _conditional_r2(θ, z[:, live], labels)
        backward[live, j] = [_pooled_r2(given.codes[:, i], y, bool(given.code_labels[i])) for i in live]
    between = [[_pooled_r2(given.factors[:, i], y, bool(given.labels[i])) for y in v] for i in range(len(v))]
    minimal = float(forward[live].max(axis=1).mean()) if len(live) else 0.0
    sufficient = float(backward.max(axis=0).mean())
    return Dependence((minimal + sufficient) / 2, minimal, sufficient, forward, backward, np.array(between))


def _conditional_r2(x: Floats, y: Floats, labels: bool) -> Floats:
    """Share of each column's variance that its mean given x explains, not below 0."""
    left = np.square(_left_over(x, y, labels)).sum(axis=0)
    spread = np.square(y - y.mean(axis=0)).sum(axis=0)
    r2: Floats = np.maximum(1 - left / np.where(spread > 0, spread, np.inf), 0.0)
    return r2


def _pooled_r2(x: Floats, y: Floats, labels: bool) -> float:
    left, spread = np.square(_left_over(x, y, labels)).sum(), np.square(y - y.mean(axis=0)).sum()
    return float(max(1 - left / spread, 0.0))


def _left_over(x: Floats, y: Floats, labels: bool) -> Floats:
    """y less its mean over the other rows with the same label, or the nearest values, of x.

    Divided by sqrt(1 + 1/others), which takes out the scatter of that mean itself.
    """
    order = np.argsort(x, kind="stable")
    sums = np.vstack([np.zeros(y.shape[1]), np.cumsum(y[order], axis=0)])
    low, high = _window(x[order], labels)
    others = np.maximum(high - low - 1, 1)[:, None]
    mean = (sums[high] - sums[low] - y[order] * (high - low > 1)[:, None]) / others
    alone = (high - low == 1)[:, None]
    left: Floats = (y[order] - np.where(alone, y.mean(axis=0), mean)) / np.sqrt(1 + ~alone / others)
    return left


def _window(x: Floats, labels: bool) -> tuple[Ints, Ints]:
    if labels:
        return np.searchsorted(x, x, "left"), np.searchsorted(x, x, "right")
    at, reach = np.arange(len(x)), max(1, round(len(x) ** 0.5 / 4))
    return np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(x))
