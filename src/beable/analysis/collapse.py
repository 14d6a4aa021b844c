r"""Over-regularisation: did the latents carry anything, and would nothing have done as well?

Theorem 1 of Jacobsen & Duraisamy (2022): where the rate is zero, q(z|y) = p(z) for every y, and the best decoder
answers with the mean and variance of the data. With one variance for a group g of :math:`D_g` outputs the collapsed
level of the distortion is

.. math:: D_0 = \sum_g \tfrac{D_g}{2} \big(1 + \log 2\pi v_g\big), \qquad v_g = \frac{1}{D_g} E\|y_g - \bar y_g\|^2

For a linear decoder on data with covariance eigenvalues λ a latent is worth its rate only while
:math:`\lambda > \beta\sigma^2`, so everything collapses beyond :math:`\beta_c = \lambda_1/\sigma^2`.

An output variance that follows the errors moves that threshold. With n latents in use each leaves an error
:math:`\beta\sigma^2`, so that the variance of D outputs must satisfy

.. math:: D \sigma^2 = n \beta \sigma^2 + \text{(energy of what no latent carries)}

which has a positive solution only for :math:`n < D/\beta`, whatever the data: no more latents than that survive, and
none beyond :math:`\beta = D`. On the scale of Jacobsen & Duraisamy, with two latents, β multiplied by pixels/2 and
three channels of pixels as outputs, both latents live up to β = 3 and none beyond 6; their Fig. 10 finds
over-regularised solutions for many β of 5 to 100 and none at 2.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.records import readable
from beable.vae.distributions import LOG_2PI

FloatArray = NDArray[np.floating]
ACTIVE_NATS = 0.05
NOTHING_LEARNED = 0.99


@readable
class Regularisation(NamedTuple):
    """What an ensemble's latents carry.

    Args:
        rate_per_latent: mean rate of each latent in nats, (members, latents).
        active: number of latents with a rate above ``ACTIVE_NATS``, (members).
        distortion: mean distortion in nats, (members).
        collapsed_level: distortion of the collapsed solution in nats.
        over_regularised: no active latent, or a relative error of ``NOTHING_LEARNED`` or more, (members).
    """

    rate_per_latent: FloatArray
    active: NDArray[np.int64]
    distortion: FloatArray
    collapsed_level: float
    over_regularised: NDArray[np.bool_]


def collapsed_level(energy: FloatArray, dimension: FloatArray, shared: bool) -> float:
    """Distortion of a decoder that answers every z with the mean of the data, in nats.

    Args:
        energy: mean squared distance of the rows from their mean, by group, (groups).
        dimension: number of outputs by group, (groups).
        shared: one variance for all groups instead of one for each.

    >>> round(collapsed_level(np.array([2.0]), np.array([2.0]), shared=True), 4)
    2.8379
    """
    if shared:
        energy, dimension = energy.sum(keepdims=True), dimension.sum(keepdims=True)
    variance = np.maximum(energy / dimension, np.finfo(np.float64).tiny)
    return float((0.5 * dimension * (1 + LOG_2PI + np.log(variance))).sum())


def regularisation(
    distortion: FloatArray, rate: FloatArray, relative_error: FloatArray, level: float
) -> Regularisation:
    """Judge an ensemble by its rates and distortions.

    Args:
        distortion: in nats, (members, rows).
        rate: in nats, (members, rows, latents).
        relative_error: squared error over that of the mean, (members); not the distortion, which a variance fitted
            too closely to the training rows can raise above any level on others.
        level: the collapsed level in nats.
    """
    rates = rate.mean(axis=1)
    active = (rates > ACTIVE_NATS).sum(axis=1)
    collapsed = (active == 0) | (relative_error >= NOTHING_LEARNED)
    return Regularisation(rates, active, distortion.mean(axis=1), level, collapsed)


def critical_beta(covariance_eigenvalue: float, noise_variance: float) -> float:
    """β at which the last latent of a linear VAE collapses, λ₁/σ².

    >>> critical_beta(4.0, 0.1)
    40.0
    """
    return covariance_eigenvalue / noise_variance


def most_latents(outputs: int, beta: float) -> int:
    """How many latents can be in use under an output variance that follows the errors: fewer than D/β.

    Args:
        outputs: D, the number of outputs that share the variance.
        beta: β of the evidence lower bound.

    >>> pixels = 4225
    >>> [most_latents(3 * pixels, beta * pixels / 2) for beta in (2, 5, 10)]  # betas of Jacobsen & Duraisamy
    [2, 1, 0]
    """
    return math.ceil(outputs / beta) - 1
