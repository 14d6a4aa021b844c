r"""Do two columns of numbers agree, and could that be chance?

x and y (rows,), such as computed and reconstructed packing fractions. A test that fails to find a difference has not
shown agreement: with few rows or a wide scatter it finds none. `equivalence` turns the question round and asks whether
the difference is surely smaller than a margin that matters.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from beable.console.records import readable
from beable.errors import DataError, UsageError, unknown
from beable.metrics.columns import Floats, Ints, Seed, distinct
from beable.metrics.information import binned_matrix

Side = Literal["two-sided", "greater", "less"]
EPSILON = float(np.finfo(np.float64).eps)


class Parity(NamedTuple):
    """Predictions against truth.

    Args:
        score: R² = 1 − Σ(y − x)²/Σ(x − x̄)²; 0 for "predicts the mean", negative for worse.
        mae, rmse, bias: in the unit of the values; bias is mean(y − x).
        slope, intercept: of the least-squares line of y on x.
        correlation: Pearson's; NaN for constant predictions.
        spread: standard deviation of y over that of x: far below 1, the predictions have collapsed.
    """

    score: float
    mae: float
    rmse: float
    bias: float
    slope: float
    intercept: float
    correlation: float
    spread: float


def parity(truth: ArrayLike, predicted: ArrayLike) -> Parity:
    """The numbers of a parity plot.

    Args:
        truth: x, (rows,).
        predicted: y, (rows,).

    Raises:
        DataError: shapes, NaN, fewer than 3 rows, constant truth.

    >>> round(parity([1, 2, 3, 4], [1.1, 2.1, 3.1, 4.1]).score, 3)
    0.992
    """
    x, y = _pair(truth, predicted)
    if distinct(x) == 1:
        raise DataError("the truth is constant: there is no variance to explain")
    error, cov = y - x, np.cov(x, y)
    slope = cov[0, 1] / cov[0, 0]
    r = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]) if distinct(y) > 1 else float("nan")
    return Parity(
        float(1 - np.square(error).sum() / np.square(x - x.mean()).sum()),
        float(np.abs(error).mean()),
        float(np.sqrt(np.square(error).mean())),
        float(error.mean()),
        float(slope),
        float(y.mean() - slope * x.mean()),
        float(r),
        float(np.sqrt(cov[1, 1] / cov[0, 0])),
    )


class TTest(NamedTuple):
    """A t-test.

    Args:
        score: t.
        p: two-sided.
        freedom: degrees of freedom.
        difference: mean(x) − mean(y).
        low, high: 95 % interval of the difference.
    """

    score: float
    p: float
    freedom: float
    difference: float
    low: float
    high: float


def t_test(first: ArrayLike, second: ArrayLike, *, paired: bool = True, equal_variance: bool = False) -> TTest:
    r"""Student's test of paired rows, or Welch's of two samples, :math:`t = (\bar x - \bar y) / s`.

    Blind to: agreement row by row (unpaired); and a large p is no evidence of agreement, see `equivalence`.

    Args:
        first: x, (rows,).
        second: y, (rows,); of another length if not paired.
        paired: whether row i of one belongs to row i of the other.
        equal_variance: Student's test of two samples of one variance in place of Welch's.

    Raises:
        DataError: shapes, NaN, fewer than 3 rows, no scatter.

    Reference: Student, Biometrika 6, 1 (1908); B. L. Welch, Biometrika 34, 28 (1947).
    """
    x, y = _pair(first, second, paired)
    difference = float(x.mean() - y.mean())
    error, freedom = _standard_error(x, y, paired, equal_variance)
    t, reach = difference / error, critical_t(freedom) * error
    p = float(2 * stdtr(freedom, -abs(t)))
    return TTest(t, p, freedom, difference, difference - reach, difference + reach)


def critical_t(freedom: float, level: float = 0.05) -> float:
    """|t| beyond which a two-sided test rejects.

    >>> round(critical_t(24), 3), round(critical_t(48), 3)
    (2.064, 2.011)
    """
    return float(stdtrit(freedom, 1 - level / 2))


def _standard_error(x: Floats, y: Floats, paired: bool, equal_variance: bool) -> tuple[float, float]:
    """Standard error of the difference of the means, and its degrees of freedom."""
    n, m = len(x), len(y)
    parts = [np.var(x - y, ddof=1) / n] if paired else [np.var(x, ddof=1) / n, np.var(y, ddof=1) / m]
    if paired:
        freedom = n - 1.0
    elif equal_variance:
        freedom = n + m - 2.0
        pooled = (n * (n - 1) * parts[0] + m * (m - 1) * parts[1]) / freedom
        parts = [pooled / n, pooled / m]
    variance = float(sum(parts))
    if np.sqrt(variance) <= 1e-12 * np.abs([*x, *y]).max():
        raise DataError("the differences have no scatter: a t-test needs some")
    if not (paired or equal_variance):
        freedom = variance**2 / float(parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    return float(np.sqrt(variance)), freedom


class Equivalence(NamedTuple):
    """Two one-sided tests.

    Args:
        score: p of the pair, the larger of the two; small: the difference is smaller than the margin.
        lower, upper: p that the difference is not below −margin, and not above +margin.
        difference: mean(x) − mean(y).
        low, high: its interval at 1 − 2 level: within ±margin exactly if the test is passed.
        equivalent: whether score < level.
        margin, level: as given.
    """

    score: float
    lower: float
    upper: float
    difference: float
    low: float
    high: float
    equivalent: bool
    margin: float
    level: float


def equivalence(
    first: ArrayLike, second: ArrayLike, margin: float, *, paired: bool = True, level: float = 0.05
) -> Equivalence:
    r"""Equivalence of two means by two one-sided t-tests (TOST): is :math:`|\bar x - \bar y|` surely below ``margin``?

    Args:
        first, second, paired: see `t_test`.
        margin: the smallest difference that matters, in the unit of the values.
        level: of the test.

    Raises:
        DataError: see `t_test`.
        UsageError: margin not positive, level not between 0 and 0.5.

    Reference: D. J. Schuirmann, J. Pharmacokin. Biopharm. 15, 657 (1987).

    >>> x = np.linspace(0, 1, 20)
    >>> equivalence(x, x + 0.01 * np.sin(9 * x), 0.05).equivalent
    True
    """
    if not (margin > 0 and np.isfinite(margin)):
        raise UsageError(f"margin must be positive, got {margin}")
    if not 0 < level < 0.5:
        raise UsageError(f"level must lie between 0 and 0.5, got {level}")
    t = t_test(first, second, paired=paired)
    error = (t.high - t.low) / 2 / critical_t(t.freedom)
    lower, upper = (float(stdtr(t.freedom, -(margin + sign * t.difference) / error)) for sign in (1, -1))
    reach = stdtrit(t.freedom, 1 - level) * error
    p = max(lower, upper)
    ends = (t.difference - float(reach), t.difference + float(reach))
    return Equivalence(p, lower, upper, t.difference, *ends, p < level, float(margin), level)


@readable
class Permutation(NamedTuple):
    """A statistic against what chance gives.

    Args:
        score: the statistic.
        p: share of the draws at least as extreme, the data itself counted as one: never 0.
        mean, low, high: of the null; 95 % range.
        null: the draws.
    """

    score: float
    p: float
    mean: float
    low: float
    high: float
    null: Floats


def permutation_test(
    statistic: Callable[[Floats, Floats], float],
    first: ArrayLike,
    second: ArrayLike,
    *,
    null: str = "shuffle",
    side: Side = "two-sided",
    repeats: int = 999,
    rng: Seed = 0,
) -> Permutation:
    r"""Permutation p-value of any statistic of two columns, :math:`p = (1 + \#\{T^* \ge T\}) / (1 + \text{repeats})`.

    Args:
        statistic: of x and y.
        first: x, (rows,).
        second: y, (rows,).
        null: "shuffle" the rows of y: no association; "swap" x and y within rows: no paired difference; "mix" all
            values: no difference of two samples.
        side: "greater", "less", or "two-sided": twice the smaller.
        repeats: draws.
        rng: seed or generator.

    Raises:
        DataError: see `t_test`.
        UsageError: unknown null or side, no repeats.

    Reference: B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9, 39 (2010), for counting the data as a draw.
    """
    if null not in NULLS:
        raise unknown("null", null, NULLS)
    if side not in ("two-sided", "greater", "less") or repeats < 1:
        raise UsageError(f"side must be 'two-sided', 'greater' or 'less' and repeats positive, got {side!r}, {repeats}")
    x, y = _pair(first, second, null != "mix")
    draw = np.random.default_rng(rng)
    seen = float(statistic(x, y))
    values = np.array([statistic(*NULLS[null](x, y, draw)) for _ in range(repeats)], dtype=np.float64)
    above, below = (share_above(s * np.array([seen, *values])) for s in (1, -1))
    p = {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[side]
    return _permutation(seen, p, values)


def _permutation(seen: float, p: float, values: Floats) -> Permutation:
    low, high = np.quantile(values, [0.025, 0.975])
    return Permutation(seen, p, float(values.mean()), float(low), float(high), values)


def share_above(scores: Floats) -> float:
    """Share of all scores, (1 + repeats,), that are at least the first, up to rounding: p of a permutation test.

    >>> share_above(np.array([2.0, 1.0, 3.0, 2.0]))
    0.75
    """
    return float(np.mean(scores >= scores[0] - 1e-12 * max(abs(float(scores[0])), 1e-300)))


def row_orders(rows: int, repeats: int, rng: Seed = 0) -> Ints:
    """The rows as they are, and shuffled, (rows, 1 + repeats).

    >>> row_orders(3, 2)[:, 0].tolist()
    [0, 1, 2]
    """
    if repeats < 1:
        raise UsageError(f"repeats must be positive, got {repeats}")
    draw = np.random.default_rng(rng)
    return np.column_stack([np.arange(rows), *(draw.permutation(rows) for _ in range(repeats))])


def _shuffle(x: Floats, y: Floats, draw: np.random.Generator) -> tuple[Floats, Floats]:
    return x, draw.permutation(y)


def _swap(x: Floats, y: Floats, draw: np.random.Generator) -> tuple[Floats, Floats]:
    keep = draw.random(len(x)) < 0.5
    return np.where(keep, x, y), np.where(keep, y, x)


def _mix(x: Floats, y: Floats, draw: np.random.Generator) -> tuple[Floats, Floats]:
    both = draw.permutation(np.concatenate([x, y]))
    return both[: len(x)], both[len(x) :]


NULLS: dict[str, Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]]] = {
    "shuffle": _shuffle,
    "swap": _swap,
    "mix": _mix,
}


def nmi(
    first: ArrayLike, second: ArrayLike, *, decimals: int | None = 3, repeats: int = 199, rng: Seed = 0
) -> Permutation:
    r"""Normalised mutual information of the values as labels, with its permutation null.

    .. math:: \mathrm{NMI} = 2 I(X;Y) / (H(X) + H(Y))

    The number that the packing study calls MIG. It measures how many distinct values there are: for *independent*
    columns of 25 rows with three decimals it grows from 0.2 to 0.95 with their spread alone, and it is 1 for any two
    columns without repeated values. Read ``score`` beside ``mean``, its value by chance, or take `ami`.

    Args:
        first: x, (rows,).
        second: y, (rows,).
        decimals: both are rounded to; None: as they are.
        repeats: shufflings.
        rng: seed or generator.

    Raises:
        DataError: shapes, NaN, fewer than 3 rows.

    Reference: Strehl and Ghosh, JMLR 3, 583 (2002), with the arithmetic mean.
    """
    x, y = _pair(first, second)
    return label_dependence(x, y, row_orders(len(x), repeats, rng), decimals)[0]


def ami(
    first: ArrayLike, second: ArrayLike, *, decimals: int | None = 3, repeats: int = 199, rng: Seed = 0
) -> Permutation:
    r"""Adjusted mutual information, :math:`(I - E I) / (\langle H \rangle - E I)`: `nmi` with chance taken out.

    0 on average for independent columns.

    Blind to: how near unequal values are; with hardly any repeated value it is 0/0 in effect and jumps.

    Args, Raises: see `nmi`.

    Reference: Vinh, Epps and Bailey, JMLR 11, 2837 (2010).
    """
    x, y = _pair(first, second)
    return label_dependence(x, y, row_orders(len(x), repeats, rng), decimals)[1]


def label_dependence(x: Floats, y: Floats, order: Ints, decimals: int | None) -> tuple[Permutation, Permutation]:
    """`nmi` and `ami` with one null. Both are 0 where one column has a single label.

    With the margins given, as they are in permutations, both are functions of the mutual information I alone:
    2I/(H + H') and (I − E)/((H + H')/2 − E). So they share one p-value.

    Args:
        x, y: (rows,).
        order: of the rows of y, as of `row_orders`.
        decimals: see `nmi`.
    """
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    a, b = (np.unique(c if decimals is None else c.round(decimals), return_inverse=True)[1] for c in (x, y))
    if not (a.any() and b.any()):
        nothing = _permutation(0.0, 1.0, np.zeros(order.shape[1] - 1))
        return nothing, nothing
    shared = binned_matrix(a[:, None], b[order], correction=False)[0]
    entropy = sum(float(binned_matrix(c[:, None], c[:, None], correction=False)[0, 0]) for c in (a, b)) / 2
    expected = expected_mutual_information(contingency_matrix(a, b, sparse=True, dtype=np.int64), len(a))
    p, room = share_above(shared), entropy - expected
    scores = (np.clip(shared / entropy, 0.0, 1.0), (shared - expected) / np.copysign(max(abs(room), EPSILON), room))
    nmi, ami = (_permutation(float(values[0]), p, values[1:]) for values in scores)
    return nmi, ami


def _pair(first: ArrayLike, second: ArrayLike, paired: bool = True) -> tuple[Floats, Floats]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1 or (paired and len(x) != len(y)):
        raise DataError(f"two columns of numbers (rows,) are needed, got shapes {x.shape} and {y.shape}")
    if min(len(x), len(y)) < 3:
        raise DataError(f"columns of {len(x)} and {len(y)} rows: at least 3 are needed")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("the columns hold NaN or infinity: leave those rows out")
    return x, y
