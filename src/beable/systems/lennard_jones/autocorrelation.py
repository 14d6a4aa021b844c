r"""How long a Markov chain remembers, and how many independent samples it is worth.

With the autocorrelation ρ(t) of a stationary series, the mean of n successive values has the variance τ s²/n, where

.. math:: \tau = 1 + 2 \sum_{t=1}^{\infty} \rho(t)

is the integrated autocorrelation time: n values are worth n/τ independent ones. The noise of ρ(t) does not decay with
t, so the sum stops at a window, the first M >= c τ(M). Several chains of one law share their mean and variance: chains
that disagree with one another then count as long memory, which is what they show.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from beable.checks import array
from beable.errors import DataError, UsageError

Floats = NDArray[np.float64]

EACH_CHAIN, ALL_CHAINS = 10, 50


class Autocorrelation(NamedTuple):
    """Memory of a series.

    Args:
        time: τ in records, 1 for independent values; never below 1.
        error: standard error of τ, by Madras and Sokal.
        window: lag M at which the sum stops.
        reliable: whether each chain lasts 10 τ and all together 50 τ; if not, τ is likely too small.
        samples: independent samples that the series is worth, chains × times / τ.
    """

    time: float
    error: float
    window: int
    reliable: bool
    samples: float


def autocorrelation(series: ArrayLike, window: float = 5.0) -> Autocorrelation:
    r"""Integrated autocorrelation time, :math:`\tau = 1 + 2 \sum_{t=1}^{M} \rho(t)` with the first M >= c τ(M).

    Args:
        series: x, (times,) or (chains, times), evenly spaced in time.
        window: c; a larger one has less bias and more noise.

    Raises:
        DataError: wrong shape, not finite, fewer than 4 times, constant.
        UsageError: window not positive.

    Reference: N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988), appendix C.

    >>> rng = np.random.default_rng(0)
    >>> round(autocorrelation(rng.normal(size=(4, 1000))).time, 1)
    1.0
    """
    if not window > 0:
        raise UsageError(f"window must be greater than 0, not {window}")
    x = _chains(series)
    times = x.shape[1]
    sums = 2 * np.cumsum(_correlation(x)) - 1
    closed = np.arange(times) >= window * np.maximum(sums, 1.0)
    m = int(closed.argmax()) if closed.any() else times - 1
    time = max(1.0, float(sums[m]))
    reliable = bool(closed.any()) and times >= EACH_CHAIN * time and x.size >= ALL_CHAINS * time
    return Autocorrelation(time, time * float(np.sqrt((4 * m + 2) / x.size)), m, reliable, x.size / time)


def integrated_time(series: ArrayLike, window: float = 5.0) -> float:
    """τ of `autocorrelation` alone, in records.

    Args, Raises: see `autocorrelation`.

    >>> steps = np.random.default_rng(0).normal(size=(2, 5000))
    >>> round(integrated_time(np.repeat(steps, 3, axis=1)))
    3
    """
    return autocorrelation(series, window).time


def first_below(series: ArrayLike, level: float = 0.1) -> int:
    """The first lag at which the autocorrelation is below a level: a spacing of records that are nearly independent.

    For one exponential decay and a level of 0.1 this is 1.15 τ. It is noisier than τ, and it says nothing of a slow
    decay below the level.

    Args:
        series: see `autocorrelation`.
        level: of the correlation, between 0 and 1.

    Raises:
        DataError: see `autocorrelation`; no lag is below the level.
        UsageError: level not between 0 and 1.

    Source: LCP-B group 9, University of Padova (2023), "minimum time for decorrelation".
    """
    if not 0 < level < 1:
        raise UsageError(f"level must lie between 0 and 1, not {level}")
    below = _correlation(_chains(series)) < level
    if not below.any():
        raise DataError(
            f"the autocorrelation stays above {level} over all {len(below)} records: a longer run is needed"
        )
    return int(below.argmax())


def correlation(series: ArrayLike) -> Floats:
    r"""Autocorrelation :math:`\rho(t) = \langle (x_s - \bar x)(x_{s+t} - \bar x) \rangle / s^2`, lags 0 to times − 1.

    Args, Raises: see `autocorrelation`.

    Returns:
        (times,); each lag is averaged over the pairs it has, so the last ones are noise.
    """
    return _correlation(_chains(series))


def _correlation(x: Floats) -> Floats:
    times = x.shape[1]
    size = fft.next_fast_len(2 * times, real=True)
    power = np.square(np.abs(fft.rfft(x - x.mean(), size, axis=1))).mean(axis=0)
    covariance = fft.irfft(power, size)[:times] / np.arange(times, 0, -1)
    rho: Floats = covariance / covariance[0]
    return rho


def _chains(series: ArrayLike) -> Floats:
    x = array("the series", series)
    if x.ndim not in (1, 2):
        raise DataError(f"the series must be (times,) or (chains, times), got shape {x.shape}")
    x = np.atleast_2d(x)
    if x.shape[1] < 4 or not len(x):
        raise DataError(f"the series has {len(x)} chains of {x.shape[1]} times: at least 4 times are needed")
    if np.ptp(x) <= 8 * np.finfo(np.float64).eps * np.abs(x).max():
        raise DataError("the series is constant: it has no autocorrelation")
    return x
