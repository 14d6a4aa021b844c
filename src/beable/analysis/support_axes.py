r"""Are the axes along which the support of codes is a product told by the data, without labels?

Two things are asked. Does the map of `beable.training.support` stay when rows are drawn again; and does it gain more
over rotations at random than it does on normal numbers, for which all rotations are alike,

.. math:: g = \langle J(R) \rangle_R - J(W) .

A field that bends with normal factors gives its codes a shape too, and with it steady axes that are not the factors':
so the gain must be large beside that of normal numbers, not only larger.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import columns
from beable.streams import generator
from beable.training.start import independent_turn
from beable.training.support import SEARCH, support_level, support_turn, whitened
from beable.verdicts import Verdict

FEWEST_ROWS, DRAWS, NORMAL_DRAWS, ROTATIONS = 100, 4, 6, 32
#: degrees by which axes may move; gain over the largest of normal numbers that tells axes, and that leaves it open
STEADY, LOOSE, LARGE, SMALL = 8.0, 14.0, 2.0, 1.2
FloatArray = NDArray[np.floating]


@readable
class SupportAxes(NamedTuple):
    """What is known of the axes of the support.

    Args:
        wobble: root mean square angle by which the axes move when rows are drawn again, in degrees.
        gain: g, in nats.
        gain_of_normal: largest g of normal numbers of the same shape, in nats.
        identified: whether the data tell the axes.
    """

    wobble: float
    gain: float
    gain_of_normal: float
    identified: Verdict


def support_axes(codes: ArrayLike, *, seed: int = 0) -> SupportAxes:
    """Whether the data tell the axes of the support of codes.

    Args:
        codes: (rows, n); any linear map of the latents gives the same answer.
        seed: of all draws.

    Raises:
        DataError: fewer than 100 rows or 2 codes, NaN.

    >>> rng = np.random.default_rng(0)
    >>> str(support_axes(rng.uniform(size=(400, 2))).identified).split(":")[0]
    'yes'
    >>> str(support_axes(rng.normal(size=(400, 2))).identified).split(":")[0]
    'no'
    """
    z = columns(codes, "codes", FEWEST_ROWS).astype(np.float64)
    if z.shape[1] < 2:
        raise DataError("one code has nothing to be told from: give at least 2")
    white, rng = whitened(z), generator(seed, "evaluation")
    turn, gain = _found(white, rng)
    wobble = float(np.sqrt(np.mean([_moved(white, turn, rng) ** 2 for _ in range(DRAWS)])))
    normal = _gain_of_normal(*z.shape, seed)
    return SupportAxes(wobble, gain, normal, _verdict(wobble, gain, normal))


@lru_cache(maxsize=16)  # data sets of a study have the same shape
def _gain_of_normal(rows: int, n: int, seed: int) -> float:
    """The largest gain of normal numbers, (rows, n)."""
    rng = generator(seed, "evaluation", 1)
    return max(_found(whitened(rng.normal(size=(rows, n))), rng)[1] for _ in range(NORMAL_DRAWS))


def _found(white: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, float]:
    """The map, and what it gains over rotations at random."""
    found = support_turn(white, rng, independent_turn(white, rng, 1)[0])
    n = white.shape[1]
    turns = [np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(ROTATIONS)]
    return found.turn, float(np.mean([support_level(white, t, SEARCH)[0] for t in turns]) - found.level)


def _moved(white: FloatArray, turn: FloatArray, rng: np.random.Generator) -> float:
    """Root mean square angle between the axes and those of rows drawn again, in degrees."""
    rows = white[rng.integers(len(white), size=len(white))]
    rows = rows - rows.mean(0)
    again = support_turn(rows, rng, independent_turn(rows, rng, 1)[0]).turn
    cosine = np.clip(np.abs(turn.T @ again), 0.0, 1.0)
    cosine = cosine[linear_sum_assignment(cosine, maximize=True)]
    return float(np.sqrt(np.mean(np.degrees(np.arccos(cosine)) ** 2)))


def _verdict(wobble: float, gain: float, normal: float) -> Verdict:
    words = (
        f"the axes move by {wobble:.1f}° when rows are drawn again, and gain {number(gain)} nats over random "
        f"rotations, normal numbers up to {number(normal)}"
    )
    if wobble <= STEADY and gain >= LARGE * normal:
        return Verdict(True, words)
    return Verdict(False if wobble > LOOSE or gain < SMALL * normal else None, words)
