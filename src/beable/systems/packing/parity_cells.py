r"""Reconstructed numbers against recomputed ones: one cell of a parity study, with every number a reader may ask for.

x (rows,) is what a model decoded, such as a packing fraction; y (rows,) what the simulator makes of the other decoded
numbers of the same rows. With few rows three things are easily taken for agreement and are not:

a t-test that finds no difference: the wider the scatter, the less it finds. `beable.metrics.agreement.equivalence`
asks instead whether the means are surely nearer than a margin;

a high normalised mutual information of rounded values, the number that Hall and Sparks (2023) call MIG: it counts
distinct values, and grows with the spread of *independent* columns (`beable.systems.packing.nmi_spread`);

a small mean error of a model that always answers with the mean of its data.

Each dependence is therefore given with its p-value under permutation of the rows. All permutations keep the margins,
and with given margins both normalised and adjusted mutual information grow with the mutual information itself, so
that the two share one p-value.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.errors import DataError, UsageError
from beable.metrics.agreement import critical_t, equivalence, label_dependence, parity, row_orders, share_above, t_test
from beable.metrics.columns import Floats, Ints, Seed, columns, constant
from beable.metrics.information import mi_knn
from beable.records import fields

LEVEL = 0.05
NOT_A_NUMBER = float("nan")


class Difference(NamedTuple):
    """A t-test of equal means.

    Args:
        t: of mean(x) − mean(y); NaN without scatter.
        p: two-sided.
        critical: |t| beyond which the means differ at 5 %.
    """

    t: float
    p: float
    critical: float

    @classmethod
    def of(cls, x: Floats, y: Floats, *, paired: bool) -> "Difference":
        """The test of paired rows, or of two samples of one variance."""
        critical = critical_t(len(x) - 1 if paired else 2 * len(x) - 2)
        try:
            found = t_test(x, y, paired=paired, equal_variance=True)
        except DataError:
            return cls(NOT_A_NUMBER, NOT_A_NUMBER, critical)
        return cls(found.score, found.p, critical)

    @property
    def not_rejected(self) -> bool:
        """Whether the test finds no difference, which is not agreement."""
        return abs(self.t) <= self.critical


class Association(NamedTuple):
    """A dependence of two columns, and how often chance gives as much.

    Args:
        score: in its own unit.
        p: share of permutations of the rows with at least this score, the data counted as one.
        chance: mean score of the permutations.
    """

    score: float
    p: float
    chance: float


NOTHING_SHARED = Association(0.0, 1.0, 0.0)


class CellParity(NamedTuple):
    """Reconstructed numbers x of one cell against recomputed ones y.

    Args:
        rows: how many.
        reconstructed, recomputed: their means.
        reconstructed_deviation, recomputed_deviation: their standard deviations.
        r2: 1 − Σ(x − y)²/Σ(y − ȳ)², about the line of parity; NaN where y is constant.
        bias: mean(x − y).
        mae: mean |x − y|.
        paired: t-test of x − y.
        two_sample: t-test of two samples of one variance.
        equivalence_p: that the means differ by ``margin`` or more (two one-sided paired tests).
        margin: the smallest difference that matters.
        nmi: normalised mutual information of the rounded values, from 0 to 1: "MIG" of Hall and Sparks (2023).
        ami: the same adjusted for chance.
        ksg: mutual information by neighbours in bits, of the values as given: those of few decimals have ties that
            raise it, by 0.4 bits for independent columns.
        spearman: rank correlation; its p is that of a correlation as strong of either sign.
        constant_reconstructed, constant_recomputed: whether all rounded values are the same. Then nmi and ami
            are 0, where the usual code answers 1 for two constants.
    """

    rows: int
    reconstructed: float
    recomputed: float
    reconstructed_deviation: float
    recomputed_deviation: float
    r2: float
    bias: float
    mae: float
    paired: Difference
    two_sample: Difference
    equivalence_p: float
    margin: float
    nmi: Association
    ami: Association
    ksg: Association
    spearman: Association
    constant_reconstructed: bool
    constant_recomputed: bool

    @property
    def equivalent(self) -> bool:
        """Whether the means are surely nearer than the margin."""
        return self.equivalence_p < LEVEL

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return fields(self) | {"equivalent": self.equivalent}


def cell_parity(
    reconstructed: ArrayLike,
    recomputed: ArrayLike,
    *,
    margin: float = 0.01,
    decimals: int = 3,
    repeats: int = 199,
    rng: Seed = 0,
) -> CellParity:
    """Every number of one cell.

    Args:
        reconstructed: x, (rows,).
        recomputed: y, (rows,).
        margin: smallest difference of the means that matters, in the unit of the values.
        decimals: that labels are rounded to for nmi and ami.
        repeats: permutations.
        rng: seed or generator.

    Raises:
        DataError: shapes, NaN, fewer than 6 rows.
        UsageError: margin not positive, no permutations.

    Reference: Hall and Sparks, "A case study of beta-variational auto-encoders" (2023), for the numbers; Schuirmann
    (1987) for the equivalence; Phipson and Smyth (2010) for the p-values.

    >>> y = np.linspace(0.60, 0.70, 25)
    >>> found = cell_parity(y + 0.002 * np.cos(7 * np.arange(25)), y)
    >>> found.equivalent, found.ksg.p < 0.01, found.r2 > 0.99
    (True, True, True)
    """
    x, y = _cell(reconstructed, recomputed)
    if not (margin > 0 and np.isfinite(margin)) or repeats < 1:
        raise UsageError(f"margin and number of permutations must be positive, got {margin} and {repeats}")
    order = row_orders(len(x), repeats, rng)
    nmi, ami = label_dependence(x, y, order, decimals)
    flat = _flat(x) or _flat(y)
    return CellParity(
        rows=len(x),
        reconstructed=float(x.mean()),
        recomputed=float(y.mean()),
        reconstructed_deviation=float(x.std(ddof=1)),
        recomputed_deviation=float(y.std(ddof=1)),
        r2=NOT_A_NUMBER if _flat(y) else parity(y, x).score,
        bias=float((x - y).mean()),
        mae=float(np.abs(x - y).mean()),
        paired=Difference.of(x, y, paired=True),
        two_sample=Difference.of(x, y, paired=False),
        equivalence_p=_equivalence_p(x, y, margin),
        margin=float(margin),
        nmi=Association(nmi.score, nmi.p, nmi.mean),
        ami=Association(ami.score, ami.p, 0.0),
        ksg=NOTHING_SHARED if flat else _by_neighbours(x, y, order),
        spearman=NOTHING_SHARED if flat else _by_ranks(x, y, order),
        constant_reconstructed=_one_label(x, decimals),
        constant_recomputed=_one_label(y, decimals),
    )


def _cell(reconstructed: ArrayLike, recomputed: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(reconstructed, np.float64), np.asarray(recomputed, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"reconstructed and recomputed must be columns of equal length, got {x.shape} and {y.shape}")
    columns(np.column_stack([x, y]), "reconstructed and recomputed numbers", 6)
    return x, y


def _flat(column: Floats) -> bool:
    return bool(constant(column[:, None])[0])


def _one_label(column: Floats, decimals: int) -> bool:
    return bool(np.ptp(column.round(decimals)) == 0)


def _equivalence_p(x: Floats, y: Floats, margin: float) -> float:
    """p of two one-sided paired tests; without scatter the difference is known, and the answer yes or no."""
    try:
        return equivalence(x, y, margin).score
    except DataError:
        return float(abs(float((x - y).mean())) >= margin)


def _by_neighbours(x: Floats, y: Floats, order: Ints) -> Association:
    scores = mi_knn(x[:, None], y[order], unit="bits", discrete=False).matrix[0]
    return Association(float(scores[0]), share_above(scores), float(scores[1:].mean()))


def _by_ranks(x: Floats, y: Floats, order: Ints) -> Association:
    a, b = (scipy.stats.rankdata(column) for column in (x, y))
    centred = (a - a.mean()) / np.linalg.norm(a - a.mean()), (b - b.mean()) / np.linalg.norm(b - b.mean())
    scores = centred[0] @ centred[1][order]
    return Association(float(scores[0]), share_above(np.abs(scores)), float(scores[1:].mean()))
