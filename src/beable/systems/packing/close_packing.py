r"""Random close packing of spheres of any sizes: estimates without a simulation.

A straight line through a random packing meets a sphere of diameter D with a probability proportional to
:math:`n_D D^2`, and cuts from it a rod of length L with the density :math:`2L/D^2`; the line is covered by rods over a
fraction equal to the packing fraction. Farr and Groot pack the rods on a ring, longest first and each into the largest
gap, where two rods keep a gap of f times the shorter one. One constant, f, is set by the packing fraction of equal
spheres; all mixtures follow.

The other estimates are in closed form: Furnas' limit for sizes infinitely far apart, and two laws in moments of narrow
distributions. What grains poured under gravity reach lies below all of them.
"""

import heapq
import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable import checks as settings
from beable.errors import UsageError
from beable.systems.packing.powders import Histogram

Floats = NDArray[np.float64]

#: least gap beside a rod, over its length, for which equal spheres fill `EQUAL_SPHERES`
GAP = 0.7654
EQUAL_SPHERES = 0.6435
#: rods that must carry the longest quarter of all length, for an error below 1e-4
LONG_RODS = 25
MOST_RODS = 2_000_000
#: shares of the chords, the longest ones, among which that quarter is looked for
LONGEST = np.geomspace(LONG_RODS / MOST_RODS, 1, 200)
#: relative standard deviation of diameters up to which Desmond and Weeks fitted
WIDEST_FITTED = 0.4


def close_packing_estimate(diameters: ArrayLike, volume_shares: ArrayLike, rods: int = 2000) -> float:
    r"""Packing fraction of random close packing, by the rods of Farr and Groot.

    With rods :math:`L_i` and gaps :math:`g_i`, :math:`φ = \sum L_i / (\sum L_i + \sum g_i)`. Each rod is the mean over
    one of many equal strata of the distribution of chords. For binary and lognormal mixtures to a size ratio of 10 it
    lies within about 0.01 of three-dimensional simulations. Of sizes far apart both branches of Furnas' limit are met,
    but at the cusp between them the estimate stays 0.01 below.

    Args:
        diameters: D, of the classes, in any unit.
        volume_shares: of the classes, with sum 1.
        rods: at least so many. Coarse spheres among many fine ones are seldom hit: then there are more, up to
            2 million, so that the error by their number stays below 1e-4.

    Raises:
        DataError: values that are no finite numbers.
        UsageError: invalid diameters or shares; sizes too far apart for 2 million rods.

    Reference: R. S. Farr and R. D. Groot, J. Chem. Phys. 131, 244104 (2009).

    >>> round(close_packing_estimate([1], [1]), 4)
    0.6435
    >>> round(close_packing_estimate([1, 3], [0.3, 0.7]), 4)
    0.7257
    """
    chords = _chords(Histogram.of(diameters, volume_shares, "volume_shares"))
    lengths = chords.rods(max(settings.count("rods", rods, least=1, most=MOST_RODS), _enough(chords)))
    covered = float(lengths.sum())
    return covered / (covered + float(_packing()(lengths, GAP)))


class _Chords(NamedTuple):
    """Distribution of the lengths of chords, by class from the largest diameter, which is 1.

    Between two diameters the share of longer chords is :math:`T(L) = A - L^2 B`, with sums over the larger classes.

    Args:
        diameters: D, falling.
        hits: A, sum of the hit probabilities a.
        curvature: B, sum of a / D².
        knots: T at the diameters.
        length: of all chords longer than the diameters, per chord.
    """

    diameters: Floats
    hits: Floats
    curvature: Floats
    knots: Floats
    length: Floats

    def length_above(self, share: Floats) -> Floats:
        """Total length of a share of the chords, the longest ones, per chord."""
        k = np.searchsorted(self.knots, share, side="right") - 1
        rest = np.sqrt(np.maximum(self.hits[k] - share, 0) / self.curvature[k])
        return np.asarray(self.length[k] + 2 / 3 * self.curvature[k] * (self.diameters[k] ** 3 - rest**3))

    def rods(self, count: int) -> Floats:
        """Means of the lengths in equal strata, longest first."""
        return np.diff(self.length_above(np.linspace(0, 1, count + 1))) * count


def _chords(sizes: Histogram) -> _Chords:
    d = sizes.diameters[::-1] / sizes.largest
    hit = sizes.shares[::-1] / d
    a, b = np.cumsum(hit / hit.sum()), np.cumsum(hit / hit.sum() / d**2)
    steps = 2 / 3 * b[:-1] * (d[:-1] ** 3 - d[1:] ** 3)
    return _Chords(d, a, b, np.maximum(a - d**2 * b, 0), np.concatenate([[0.0], np.cumsum(steps)]))


def _enough(chords: _Chords) -> int:
    """Rods of which `LONG_RODS` carry the longest quarter of all length."""
    lengths = chords.length_above(LONGEST)
    if lengths[0] > lengths[-1] / 4:
        raise UsageError(
            f"diameters from {chords.diameters[-1]:.1g} to 1 of the largest, and so much of the fine ones, are too far "
            "apart for this estimate: take furnas_mixture, the limit for sizes infinitely far apart"
        )
    return math.ceil(LONG_RODS / float(LONGEST[np.searchsorted(lengths, lengths[-1] / 4)]))


def _gaps(lengths: Floats, gap: float) -> float:
    """Sum of the gaps on the ring after all rods, longest first, have gone into the largest gap each."""
    largest_first = [-gap * lengths[0]]
    for length in lengths[1:]:
        left = -largest_first[0] - (1 + gap) * length
        heapq.heapreplace(largest_first, -gap * length)
        heapq.heappush(largest_first, -max(left, gap * length))
    total = 0.0
    for negative in largest_first:
        total -= negative
    return total


@cache
def _packing() -> Callable[[Floats, float], float]:
    """The ring, compiled."""
    from numba import njit

    compiled: Callable[[Floats, float], float] = njit(cache=True)(_gaps)
    return compiled


def furnas_limit(phi0: float = EQUAL_SPHERES, components: int = 2) -> float:
    r"""Densest mixture of sizes infinitely far apart, :math:`φ_n = 1 - (1 - φ_0)^n`.

    Args:
        phi0: φ₀, packing fraction of each size alone.
        components: n.

    Raises:
        UsageError: φ₀ not between 0 and 1, no components.

    Reference: C. C. Furnas, Ind. Eng. Chem. 23, 1052 (1931).

    >>> round(furnas_limit(0.64, 2), 3), round(furnas_limit(0.64, 3), 3)
    (0.87, 0.953)
    """
    return 1 - (1 - _packed(phi0)) ** settings.count("components", components, least=1)


def furnas_optimum(phi0: float = EQUAL_SPHERES, components: int = 2) -> Floats:
    r"""Volume shares of the densest mixture, coarse to fine, :math:`x_i \propto (1 - φ_0)^i`.

    Of two sizes, the share of the fine ones is :math:`(1 - φ_0) / (2 - φ_0)`.

    Args, Raises, Reference: see `furnas_limit`.

    >>> furnas_optimum(0.64).round(3).tolist()
    [0.735, 0.265]
    """
    shares = (1 - _packed(phi0)) ** np.arange(settings.count("components", components, least=1))
    return np.asarray(shares / shares.sum())


def furnas_mixture(volume_shares: ArrayLike, phi0: float = EQUAL_SPHERES) -> float:
    r"""Packing fraction of any mixture of sizes infinitely far apart.

    The size that is packed by itself decides; coarser ones lie in it as solid volume, finer ones in its gaps:

    .. math:: 1/φ = \max_k \Bigl( \sum_{i<k} x_i + x_k/φ_0 \Bigr) .

    Args:
        volume_shares: x, coarse to fine, with sum 1.
        phi0: φ₀, packing fraction of each size alone.

    Raises:
        UsageError: invalid shares, φ₀ not between 0 and 1.

    Reference: A. E. R. Westman and H. R. Hugill, J. Am. Ceram. Soc. 13, 767 (1930).

    >>> round(furnas_mixture([0.735, 0.265], 0.64), 2)
    0.87
    """
    ranks = Histogram.of(np.arange(len(np.atleast_1d(volume_shares))) + 1.0, volume_shares, "volume_shares")
    coarser = np.concatenate([[0.0], np.cumsum(ranks.shares)[:-1]])
    return float(1 / np.max(coarser + ranks.shares / _packed(phi0)))


def furnas_binary(fine_share: float, phi0: float = EQUAL_SPHERES) -> float:
    r"""Two sizes infinitely far apart: :math:`φ_0/(1-x)` below the optimum, :math:`1/(1-x+x/φ_0)` above it.

    Args:
        fine_share: x, by volume, from 0 to 1.
        phi0: φ₀, packing fraction of each size alone.

    Raises:
        UsageError: an invalid share, φ₀ not between 0 and 1.

    Reference: see `furnas_mixture`.

    >>> furnas_binary(0.0, 0.64), round(furnas_binary(0.2, 0.64), 3)
    (0.64, 0.8)
    """
    if not 0 <= settings.number("fine_share", fine_share) <= 1:
        raise UsageError(f"fine_share must lie between 0 and 1, not {fine_share}")
    return furnas_mixture([1 - fine_share, fine_share], phi0)


def desmond_weeks(diameters: ArrayLike, volume_shares: ArrayLike) -> float:
    r"""Random close packing of a narrow distribution, :math:`φ = 0.634 + 0.0658\,δ + 0.0857\,S δ^2`.

    δ is the relative standard deviation and S the skewness of the diameters by number. Fitted to δ up to 0.4; beyond,
    it soon exceeds 1.

    Args:
        diameters, volume_shares: see `close_packing_estimate`.

    Raises:
        DataError, UsageError: see `close_packing_estimate`; δ above 0.4.

    Reference: K. W. Desmond and E. R. Weeks, Phys. Rev. E 90, 022204 (2014).

    >>> round(desmond_weeks([1, 1.4], [0.27, 0.73]), 3)
    0.645
    """
    sizes, numbers = _by_number(diameters, volume_shares)
    mean = float(numbers @ sizes)
    variance = float(numbers @ (sizes - mean) ** 2)
    delta = math.sqrt(variance) / mean
    if delta > WIDEST_FITTED:
        raise UsageError(f"this law holds for δ up to {WIDEST_FITTED}, not {delta:.3g}: take close_packing_estimate")
    skew_of_mean = float(numbers @ (sizes - mean) ** 3) / (variance**0.5 * mean**2) if variance else 0.0
    return 0.634 + 0.0658 * delta + 0.0857 * skew_of_mean


def santos(diameters: ArrayLike, volume_shares: ArrayLike, phi0: float = EQUAL_SPHERES) -> float:
    r"""Random close packing by three moments of the diameters by number,

    .. math:: \frac{φ}{1 - φ} = \frac{φ_0}{1 - φ_0} \, \frac{M_1 M_3}{M_2^2} .

    Good for one mode and small size ratios; of sizes far apart it tends to 1, past Furnas' limit.

    Args:
        diameters, volume_shares: see `close_packing_estimate`.
        phi0: φ₀, packing fraction of equal spheres.

    Raises:
        DataError, UsageError: see `close_packing_estimate`; φ₀ not between 0 and 1.

    Reference: A. Santos et al., Phys. Rev. E 89, 040302 (2014).

    >>> round(santos([1, 3], [0.27, 0.73]), 2)
    0.71
    """
    sizes, numbers = _by_number(diameters, volume_shares)
    first, second, third = (float(numbers @ sizes**k) for k in (1, 2, 3))
    ratio = _packed(phi0) / (1 - phi0) * first * third / second**2
    return ratio / (1 + ratio)


def _packed(phi0: float) -> float:
    """A packing fraction of one size."""
    if not 0 < settings.number("phi0", phi0) < 1:
        raise UsageError(f"phi0 must lie between 0 and 1, not {phi0}")
    return float(phi0)


def _by_number(diameters: ArrayLike, volume_shares: ArrayLike) -> Histogram:
    """Diameters over the largest, and their shares by number."""
    sizes = Histogram.of(diameters, volume_shares, "volume_shares")
    scaled = sizes.diameters / sizes.largest
    numbers = sizes.shares / scaled**3
    return Histogram(scaled, numbers / numbers.sum())
