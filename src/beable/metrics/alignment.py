r"""How are latents laid against factors: which with which, turned by how much, and with the same law?

z (rows, latents), θ (rows, factors). Labels are taken as numbers here.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import Floats, Ints, Pair, Seed, discrete_columns, explained, pair, standardised
from beable.metrics.information import divergence, nearest
from beable.metrics.prediction import linear_informativeness

CANDIDATES = 400  # orders and signs tried at most
STRETCH = 3.0  # of an axis: clusters in a square turned by 45° fit best when one axis pushes the spare ones out


@readable
class Matching(NamedTuple):
    """One latent for each factor.

    Args:
        score: mean over the varied factors of the explained share of their latent; 0 for factors without one.
        matching: latent of each varied factor, −1 where there are too few latents.
        mean_correlation: mean |ρ| along the same matching (the MCC of the independent-component literature).
        informativeness: held-out R² of every factor regressed on all latents, (varied factors,).
        matrix: shares explained, (latents, varied factors).
    """

    score: float
    matching: Ints
    mean_correlation: float
    informativeness: Floats
    matrix: Floats


def linear_matching(codes: ArrayLike, factors: ArrayLike, *, folds: int = 3, rng: Seed = 0) -> Matching:
    r"""The matrix of squared correlations and the one-to-one matching that has most of it.

    .. math:: \max_π \frac1F \sum_j ρ^2(z_{π(j)}, θ_j)

    Blind to: dependence that is not linear; what else a matched latent carries; spare latents. Chance is about
    1/rows times the logarithm of the number of latents.

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        folds, rng: of the cross-validation of ``informativeness``.

    Raises:
        DataError: see `pair`; fewer than 8 rows.

    Reference: H. W. Kuhn (1955) for the assignment; Hyvärinen and Morioka, NeurIPS (2016), for the mean correlation.
    """
    given = pair(codes, factors, rows=8, discrete=False)
    matrix = explained(given)
    rows, columns = scipy.optimize.linear_sum_assignment(matrix, maximize=True)
    matching = np.full(matrix.shape[1], -1)
    matching[columns] = rows
    matched = np.zeros(matrix.shape[1])
    matched[columns] = matrix[rows, columns]
    linear = linear_informativeness(given, folds, np.random.default_rng(rng))
    return Matching(float(matched.mean()), matching, float(np.sqrt(matched).mean()), linear, matrix)


@readable
class Rotation(NamedTuple):
    """How far latents are turned against factors.

    Args:
        score: mean angle between the axis of a factor and that of its latent, degrees; 0 is aligned.
        angles: degrees, (varied factors,); 90 for a factor that has no latent.
        matching: latent of each varied factor, −1 where there are too few.
        fit: share of the variance that the rotation explains, 0 to 1: with a low fit the angle says nothing.
        matrix: the orthogonal matrix, (live latents, varied factors); of lower rank where latents are copies.
    """

    score: float
    angles: Floats
    matching: Ints
    fit: float
    matrix: Floats


def rotation_angle(codes: ArrayLike, factors: ArrayLike) -> Rotation:
    r"""Angle of the best rotation from factors to latents, up to order and sign of the latents (Procrustes).

    .. math:: Q = \arg\min_{QᵀQ = 1} \|Z - Θ Qᵀ\|, \qquad \text{score} = \langle \arccos |Q_{π(j) j}| \rangle_j

    Z and Θ standardised, π the matching with the largest Σ|Q|. Lower is better. At most 45 for two; a random rotation
    of two factors has 22.5 on average.

    Blind to: how well a rotation describes the latents at all (see ``fit``); isotropic factors make every angle as good
    for a model, but not for this score.

    Args, Raises: see `linear_matching`.

    Reference: P. H. Schönemann, Psychometrika 31, 1 (1966).

    >>> θ = np.random.default_rng(0).normal(size=(5000, 2))
    >>> turn = np.deg2rad(30)
    >>> round(rotation_angle(θ @ [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], θ).score)
    30
    """
    given = pair(codes, factors, rows=8, discrete=False)
    live, factor_count = given.live, len(given.varied)
    u, s, vt = np.linalg.svd(_cross(given), full_matrices=False)
    q = (u * (s > 1e-10 * s.max(initial=0.0))) @ vt  # where latents are copies, nothing says how the rest is turned
    rows, columns = scipy.optimize.linear_sum_assignment(np.abs(q), maximize=True)
    angles, matching = np.full(factor_count, 90.0), np.full(factor_count, -1)
    angles[columns] = np.rad2deg(np.arccos(np.clip(np.abs(q[rows, columns]), 0.0, 1.0)))
    matching[columns] = live[rows]
    fit = float(s.sum() ** 2 / (len(live) * factor_count)) if len(live) else 0.0
    return Rotation(float(angles.mean()), angles, matching, min(fit, 1.0), q)


def _cross(given: Pair) -> Floats:
    z = standardised(given.codes[:, ~given.dead])
    cross: Floats = z.T @ standardised(given.factors) / given.rows
    return cross


@readable
class LawMatch(NamedTuple):
    """How near the law of the latents comes to p(θ).

    Args:
        score: S_KL in nats, lower is better.
        scale, shift: a and b of the best match, in the order of the varied factors.
        matching: latent of each varied factor.
        starts: values of S_KL that the refined starts ended with.
    """

    score: float
    scale: Floats
    shift: Floats
    matching: Ints
    starts: Floats


def s_kl(
    codes: ArrayLike, factors: ArrayLike, *, k: int = 5, starts: int = 4, rows: int = 1000, rng: Seed = 0
) -> LawMatch:
    r"""S_KL: the divergence of p(θ) from the law of the latents, at the best scale, shift, order and sign.

    .. math:: S_{KL} = \min_{a, b, π} D\big[p(θ) \,\|\, \mathrm{law}(a ∘ (z_π − b))\big]

    by k nearest neighbours. Nelder and Mead start from matched moments, and from some axes stretched threefold, each
    time with the best of all orders and signs. It compares laws only: rows of codes and factors need not belong
    together, so shuffled codes have the same score, and its permutation null says nothing.

    Blind to: rotation, wherever p(θ) is isotropic, such as N(0, I): flat at every angle. For factors in clusters it
    is not monotone in the angle: for ±1 with standard deviation 0.25 it is −0.05 at 0°, 2.0 at 30° and 1.1 at 45°.
    Which snapshot has which code. The minimum over a and b makes it low by about 0.05 nats at 512 rows with k = 5, and
    by 0.25 with k = 1.

    Args:
        codes: (rows, latents), as many live ones as there are varied factors, or more: then the best ones count.
        factors: (rows, factors). Discrete columns of either are spread evenly over their spacing.
        k: neighbours.
        starts: how many starts, at most 2^factors: matched moments first, then one axis stretched, and so on.
        rows: at most so many rows are used, at random.
        rng: seed or generator.

    Raises:
        DataError: see `pair`; fewer than 8 rows; fewer live latents than varied factors; repeated rows.

    Reference: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), equation 6; `kl_knn` for the estimate.
    """
    given = pair(codes, factors, rows=max(8, k + 2), discrete=False)
    draw = np.random.default_rng(rng)
    some = draw.permutation(given.rows)[:rows]
    θ = _spread(given.factors[some], draw)
    z = _spread(given.codes[some][:, given.live], draw)
    if z.shape[1] < θ.shape[1]:
        raise DataError(f"{z.shape[1]} live latents cannot have the law of {θ.shape[1]} factors: give as many")
    x, (middle, width) = standardised(θ), _bulk(z)
    y = (z - middle) / width
    reach = nearest(x, k)
    tried = [_start(x, reach, y, stretch, k, draw) for stretch in _stretches(x.shape[1])[:starts]]
    refined = [_refine(x, reach, y[:, start.order] * start.scale, k) for start in tried]
    best = int(np.argmin([found.fun for found in refined]))
    start, p, d = tried[best], refined[best].x, x.shape[1]
    a = start.scale * np.exp(p[:d]) * θ.std(axis=0) / width[start.order]
    b = middle[start.order] - (p[d:] * θ.std(axis=0) + θ.mean(axis=0)) / a
    ended = np.array([found.fun for found in refined])
    return LawMatch(float(ended[best]), a, b, given.live[start.order], ended)


def _bulk(z: Floats) -> tuple[Floats, Floats]:
    """Centre and half width of what a Gaussian has within one standard deviation: no outlier moves them."""
    low, high = np.quantile(z, [0.1587, 0.8413], axis=0)
    return (low + high) / 2, np.where(high > low, (high - low) / 2, z.std(axis=0))


class _Start(NamedTuple):
    value: float
    order: list[int]
    scale: Floats


def _stretches(factors: int) -> list[tuple[float, ...]]:
    """Scales to start from, relative to matched moments: every axis as it is, then one, then two ... of them wider."""
    return sorted(itertools.product((1.0, STRETCH), repeat=factors), key=sum)


def _start(
    x: Floats, reach: Floats, y: Floats, stretch: tuple[float, ...], k: int, draw: np.random.Generator
) -> _Start:
    """The order and signs of the latents that come nearest from one stretch."""
    found = [
        _Start(divergence(x, reach, y[:, order] * scale, k), order, scale)
        for order, sign in _candidates(y.shape[1], x.shape[1], draw)
        for scale in [np.array(sign) * stretch]
    ]
    return min(found, key=lambda start: start.value)


def _candidates(latents: int, factors: int, draw: np.random.Generator) -> list[tuple[list[int], tuple[int, ...]]]:
    signs = list(itertools.product((1, -1), repeat=factors))
    if math.perm(latents, factors) * 2**factors <= CANDIDATES:
        return [(list(order), sign) for order in itertools.permutations(range(latents), factors) for sign in signs]
    picks = [list(map(int, draw.permutation(latents)[:factors])) for _ in range(CANDIDATES)]
    return [(order, signs[draw.integers(len(signs))]) for order in picks]


def _refine(x: Floats, reach: Floats, y: Floats, k: int) -> "scipy.optimize.OptimizeResult":
    d = x.shape[1]

    def off(p: Floats) -> float:
        return min(divergence(x, reach, y * np.exp(p[:d]) + p[d:], k), 1e6)

    simplex = np.vstack([np.zeros(2 * d), 0.1 * np.eye(2 * d)])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-4, "maxiter": 100 * d}
    return scipy.optimize.minimize(off, np.zeros(2 * d), method="Nelder-Mead", options=options)


def _spread(x: Floats, draw: np.random.Generator) -> Floats:
    """Discrete columns made continuous: each value spread evenly over the smallest step of its column."""
    x = x.copy()
    for i in np.flatnonzero(discrete_columns(x)):
        x[:, i] += np.diff(np.unique(x[:, i])).min(initial=np.inf) * draw.uniform(-0.5, 0.5, len(x))
    return x
