r"""What "mutual information, from 0 to 1, in bits" of a few pairs of numbers may mean: readings of one sentence.

Hall and Sparks (2023) give the number for 25 pairs and no rule. Labels may be rounded values or the bins of a histogram
of each column's own range, and the mutual information I of the labels may be given as it is, in bits, or over the mean
entropy, :math:`2I/(H + H')`. Without labels it is that of nearest neighbours. Each reading says something else of the
same pairs, and what is said of the number elsewhere (its range, how it moves with the spread) tells some readings from
others.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.metrics.columns import distinct
from beable.metrics.information import binned_matrix, mi_knn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NATS = float(np.log(2))


class Reading(NamedTuple):
    """One of them.

    Args:
        name: in words.
        labels: of the values of a column; None for nearest neighbours.
        normalised: whether it is over the mean entropy of the labels.
        bits: its unit where it is not; nats otherwise.
    """

    name: str
    labels: Callable[[Floats], Ints] | None
    normalised: bool
    bits: bool = True

    def score(self, x: Floats, y: Floats) -> float:
        """Of pairs of numbers, (rows,) each; 0 where a column has one label."""
        if self.labels is None:
            flat = distinct(x) == 1 or distinct(y) == 1
            return 0.0 if flat else self._in_unit(float(mi_knn(x[:, None], y[:, None], discrete=False).matrix[0, 0]))
        a, b = self.labels(x)[:, None], self.labels(y)[:, None]
        shared, own, other = (float(binned_matrix(p, q, correction=False)[0, 0]) for p, q in ((a, b), (a, a), (b, b)))
        if not own * other > 0:
            return 0.0
        return 2 * shared / (own + other) if self.normalised else self._in_unit(shared)

    def _in_unit(self, nats: float) -> float:
        return nats / NATS if self.bits else nats


def rounded(values: Floats, decimals: int) -> Ints:
    """Labels of values rounded to so many decimals."""
    return np.asarray(np.unique(values.round(decimals), return_inverse=True)[1], np.int64)


def binned(values: Floats, bins: int) -> Ints:
    """Labels of equal bins between the least and the largest value; one label for a constant.

    >>> binned(np.array([0.0, 0.4, 0.6, 1.0]), 2).tolist()
    [0, 0, 1, 1]
    """
    low, width = float(values.min()), float(np.ptp(values))
    if not width:
        return np.zeros(len(values), np.int64)
    return np.minimum(((values - low) / width * bins).astype(np.int64), bins - 1)


#: decimals that values may be rounded to, and bins of a histogram
DECIMALS, BINS = (3, 2, 1), (2, 3, 5, 10, 20)


def readings() -> list[Reading]:
    """All of them; that of the β axis, three decimals over the mean entropy, first.

    >>> x = np.linspace(0.6, 0.7, 25)
    >>> [round(r.score(x, x), 2) for r in readings()[:2]], len(readings())
    ([1.0, 4.64], 18)
    """
    found = []
    for decimals in DECIMALS:
        labels = partial(rounded, decimals=decimals)
        words = f"{decimals} decimal{'s' * (decimals > 1)}"
        found += [Reading(f"{words}, normalised", labels, True), Reading(f"{words}, bits", labels, False)]
    for bins in BINS:
        labels = partial(binned, bins=bins)
        found += [Reading(f"{bins} bins, normalised", labels, True), Reading(f"{bins} bins, bits", labels, False)]
    return [*found, Reading("neighbours, bits", None, False), Reading("neighbours, nats", None, False, False)]
