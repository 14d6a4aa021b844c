"""What a metric is given: columns of codes and columns of factors, one row per snapshot.

``codes (rows, latents)`` and ``factors (rows, factors)`` are anything NumPy reads as numbers. Before a metric sees
them they are checked here, once, and become float64. Three words are used throughout:

*constant*: a column whose values agree to rounding, max − min <= 8 eps max|x|. A constant latent is **dead**: it
carries nothing. A constant factor was not varied: nothing can be said of it, and it is left out.

*discrete*: a column whose values are taken as labels. An integer or boolean column is discrete when it has at most
100 values and on average at least two rows share one; a column of floats when it has at most 20 and at least five rows
share one. ``discrete=`` of a metric overrules the rule. All else is *continuous* and is taken as it is.

*classes*: a column as integers 0, 1, ...: the labels of a discrete column, or equally filled bins (quantiles) of a
continuous one. Quantile bins, and not bins of equal width, because one outlier row would squeeze all others into one.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.errors import DataError, UsageError, unknown

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Seed = int | np.random.Generator | None
Discrete = bool | Sequence[bool] | None


def class_share(values: ArrayLike, classes: ArrayLike) -> float:
    r"""Share of the variance of values that classes tell, :math:`\eta^2`; 0 where the values are constant.

    Args:
        values: (rows).
        classes: of the rows, anything that can be sorted.

    >>> class_share([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
    1.0
    """
    x = np.asarray(values, np.float64)
    place = np.unique(classes, return_inverse=True)[1]
    counts = np.bincount(place)
    means = np.bincount(place, x) / counts
    total = float(((x - x.mean()) ** 2).sum())
    return float((counts * (means - x.mean()) ** 2).sum()) / total if total > 0 else 0.0


class Pair(NamedTuple):
    """Checked codes and factors.

    Args:
        codes: (rows, latents).
        factors: (rows, varied factors): constant ones left out.
        dead: which latents are constant, (latents,).
        varied: column numbers of ``factors`` in what was given.
        labels: which of the varied factors are discrete.
        code_labels: which latents are discrete.
        given: number of factors given, constant ones included.
    """

    codes: Floats
    factors: Floats
    dead: Bools
    varied: Ints
    labels: Bools
    code_labels: Bools
    given: int

    @property
    def rows(self) -> int:
        return len(self.codes)

    @property
    def live(self) -> Ints:
        """Column numbers of the latents that are not dead."""
        return np.flatnonzero(~self.dead)


def pair(codes: ArrayLike, factors: ArrayLike, rows: int = 4, discrete: Discrete = None) -> Pair:
    """Codes and factors checked together; constant factors left out.

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        rows: least number of rows the metric can work with.
        discrete: one answer for all factors, or one for each; None: by the rule of this module.

    Raises:
        DataError: not two-dimensional, not numbers, not finite, unequal or too few rows, all factors constant.
    """
    z, v = columns(codes, "codes", rows), columns(factors, "factors", rows)
    if len(z) != len(v):
        raise DataError(f"codes have {len(z)} rows and factors {len(v)}: they must describe the same snapshots")
    varied = np.flatnonzero(~constant(v))
    if not len(varied):
        raise DataError("all factors are constant: a metric needs at least one factor that varies")
    labels = _answers(discrete, v.shape[1], discrete_columns(factors))
    values = v.astype(np.float64)
    return Pair(
        z.astype(np.float64),
        values[:, varied],
        constant(z),
        varied,
        labels[varied],
        discrete_columns(codes),
        v.shape[1],
    )


def columns(values: ArrayLike, name: str, rows: int = 4) -> NDArray[np.floating]:
    """One table of finite numbers, (rows, columns), in its own precision or float64.

    Raises:
        DataError: see `pair`.
    """
    x = np.asarray(values)
    if x.ndim != 2:
        hint = f"; for one column give {name}[:, None]" if x.ndim == 1 else ""
        raise DataError(f"{name} must be a table (rows, columns), got shape {x.shape}{hint}")
    if x.dtype.kind not in "biuf":
        raise DataError(f"{name} must be real numbers, got dtype {x.dtype}")
    if x.shape[1] == 0:
        raise DataError(f"{name} have no columns")
    if len(x) < rows:
        raise DataError(f"{name} have {len(x)} rows: at least {rows} are needed")
    y = x if x.dtype.kind == "f" else x.astype(np.float64)
    bad = ~np.isfinite(y).all(axis=1)
    if bad.any():
        raise DataError(f"{name} have {bad.sum()} rows with NaN or infinity, first row {bad.argmax()}: leave them out")
    return y


def constant(x: NDArray[np.floating]) -> Bools:
    """Which columns are constant to the rounding of their own precision."""
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    answer: Bools = high - low <= 8 * np.finfo(x.dtype).eps * np.maximum(np.abs(low), np.abs(high))
    return answer


def distinct(x: NDArray[np.floating]) -> int:
    """How many values of a column differ by more than rounding, a billionth of its range.

    >>> distinct(np.array([0.3, 0.1 + 0.2, 1.0]))
    2
    """
    if constant(x[:, None])[0]:
        return 1
    return 1 + int((np.diff(np.sort(x)) > 1e-9 * np.ptp(x)).sum())


def discrete_columns(values: ArrayLike) -> Bools:
    """Which columns are discrete, by the rule of this module.

    >>> discrete_columns(np.column_stack([np.arange(12) % 3, np.arange(12)])).tolist()
    [True, False]
    """
    x = np.asarray(values)
    counts = np.array([len(np.unique(column)) for column in x.T])
    if x.dtype.kind in "biu":
        return (counts <= 100) & (counts * 2 <= len(x))
    few: Bools = (counts <= 20) & (counts * 5 <= len(x))
    return few


def _answers(discrete: Discrete, factors: int, rule: Bools) -> Bools:
    if discrete is None:
        return rule
    answers = np.atleast_1d(np.asarray(discrete, dtype=bool))
    if answers.shape not in ((1,), (factors,)):
        raise DataError(f"discrete= has {answers.size} answers for {factors} factors: give one, or one for each")
    return np.broadcast_to(answers, (factors,))


def standardised(x: Floats) -> Floats:
    """Columns with mean 0 and variance 1; constant columns are 0."""
    dead = constant(x)
    centred = (x - x.mean(axis=0)) * ~dead
    scaled: Floats = centred / np.where(dead, 1.0, centred.std(axis=0))
    return scaled


def normal_scores(x: Floats) -> Floats:
    """Columns with a standard normal margin, by ranks (van der Waerden); ties share their mean rank."""
    ranks = scipy.stats.rankdata(x, axis=0)
    scores: Floats = scipy.special.ndtri((ranks - 0.5) / len(x))
    return scores


def classes(x: Floats, labels: Bools, bins: int | None = None, binning: str = "quantile") -> Ints:
    """Every column as integers 0, 1, ...: labels as they are, continuous columns in bins.

    Args:
        x: (rows, columns).
        labels: which columns are discrete.
        bins: bins of a continuous column; None: `default_bins`.
        binning: key of `BINNINGS`.
    """
    if binning not in BINNINGS:
        raise unknown("binning", binning, BINNINGS)
    if bins is not None and bins < 2:
        raise UsageError(f"bins must be at least 2, got {bins}")
    count = default_bins(len(x)) if bins is None else bins
    cut = BINNINGS[binning]
    return np.column_stack([_labels(c) if label else cut(c, count) for c, label in zip(x.T, labels, strict=True)])


def default_bins(rows: int) -> int:
    """20, or fewer, so that five rows would fall in each cell of two independent columns: below, no estimate holds."""
    return int(np.clip(np.sqrt(rows / 5), 2, 20))


def few_classes(x: Floats, labels: Bools, bins: int) -> Ints:
    """`classes` with at least four rows a bin."""
    return classes(x, labels, max(2, min(bins, len(x) // 4)))


def _labels(column: Floats) -> Ints:
    return np.unique(column, return_inverse=True)[1].astype(np.intp)


def _quantile_bins(column: Floats, bins: int) -> Ints:
    ranks = scipy.stats.rankdata(column) - 0.5
    return _labels(np.floor(ranks * bins / len(column)))


def _equal_bins(column: Floats, bins: int) -> Ints:
    edges = np.histogram_bin_edges(column, bins)[:-1]
    return np.digitize(column, edges).astype(np.intp) - 1


BINNINGS: dict[str, Callable[[Floats, int], Ints]] = {"quantile": _quantile_bins, "width": _equal_bins}


def explained(given: Pair) -> Floats:
    """Share of each latent's variance that each factor explains, (latents, varied factors); 0 for dead latents.

    The squared correlation for a continuous factor, the squared correlation ratio η² (between classes over total, less
    its expectation under independence) for a discrete one, whose labels have no order.
    """
    z = np.where(given.dead, 0.0, standardised(given.codes))
    share = (z.T @ standardised(given.factors) / given.rows) ** 2
    for j in np.flatnonzero(given.labels):
        share[:, j] = _correlation_ratio(z, _labels(given.factors[:, j]))
    return np.where(given.dead[:, None], 0.0, np.clip(share, 0.0, 1.0))


def _correlation_ratio(z: Floats, labels: Ints) -> Floats:
    counts = np.bincount(labels)
    sums = np.array([np.bincount(labels, column) for column in z.T])
    raw: Floats = (sums**2 / counts).sum(axis=1) / len(z)
    free = len(z) - len(counts)
    return 1 - (1 - raw) * (len(z) - 1) / free if free > 0 else raw
