"""Does each latent go with one factor?

z (rows, latents) are codes, θ (rows, factors) the factors that generated the data. Every function is
``metric(codes, factors)`` and returns a record whose first field is ``score``.

Rules common to all. A dead (constant) latent carries no weight. A constant factor is left out. A latent that goes
with no factor has matching −1. The records speak of factors by their column in what was given.

No score means anything alone: see `beable.metrics.context.score_in_context` for its ceiling and its chance level.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from beable.metrics.columns import Floats, Ints, Pair, pair, standardised


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
    return _share(given, np.abs(correlations(given)))


def correlations(given: Pair) -> Floats:
    """Pearson correlations, (latents, varied factors); 0 for dead latents."""
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
        len(set(main[live])) == min(len(matching), matrix.shape[1]) and len(set(main[live])) == live.sum(),
        one_to_one(shares[live]) if live.any() else floor,
        matrix,
    )


def one_to_one(matrix: Floats) -> float:
    """Mean entry along the best assignment of rows to columns (Hungarian method)."""
    rows, columns = optimize.linear_sum_assignment(matrix, maximize=True)
    return float(matrix[rows, columns].mean())
