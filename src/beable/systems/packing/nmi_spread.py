r"""What scores of agreement say of columns that have nothing to do with each other.

Reconstructed and recomputed packing fractions x and y (rows,) are drawn *independently*,

.. math:: x_i \sim N(m + g, s_x^2), \qquad y_i \sim N(m, s_y^2),

with a gap g between their means. With 25 rows and three decimals the normalised mutual information of the rounded
values, which Hall and Sparks (2023) call MIG, then grows from 0.2 to 0.95 with the spreads alone, because it counts
distinct values; and the t-test passes the more often the wider the spread, because it divides the gap by it. So "MIG",
spread and t-test go together without any model. Vinh, Epps and Bailey, JMLR 11, 2837 (2010), for the bias and its
adjustment.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.metrics.columns import Floats, Seed
from beable.systems.packing.parity_cells import CellParity, cell_parity

ROWS, DECIMALS, CELLS = 25, 3, 27
MIDDLE = 0.68
#: standard deviations of reconstructions and of recomputed values: repeats of one design, and a spread of designs
DEVIATIONS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.06)
OTHERS = (0.0017, 0.020)


class Artefact(NamedTuple):
    """Scores of independent columns, each averaged over draws, (others, deviations).

    Args:
        deviations: s_x.
        others: s_y.
        nmi, ami: of the rounded values.
        ksg: in bits.
        t: mean |t| of two samples.
        p: mean p of that test.
        not_rejected: share of draws whose means the test does not tell apart.
        gap: g.
        rows, draws: of each average.
    """

    deviations: Floats
    others: Floats
    nmi: Floats
    ami: Floats
    ksg: Floats
    t: Floats
    p: Floats
    not_rejected: Floats
    gap: float
    rows: int
    draws: int


def spread_artefact(
    deviations: Sequence[float] = DEVIATIONS,
    others: Sequence[float] = OTHERS,
    *,
    gap: float = 0.0,
    correlation: float = 0.0,
    rows: int = ROWS,
    decimals: int = DECIMALS,
    draws: int = 40,
    rng: Seed = 0,
) -> Artefact:
    """Scores of columns against their spread, independent unless asked otherwise.

    Args:
        deviations: s_x.
        others: s_y.
        gap: g.
        correlation: of x with y; 0 shows what chance gives, another number what it adds.
        rows: of a cell.
        decimals: that labels are rounded to.
        draws: cells for each pair of deviations.
        rng: seed or generator.

    Raises:
        UsageError: a deviation that is not positive, no draws, a correlation outside (-1, 1).

    Reference: Hall and Sparks (2023), figures 7 to 10.

    >>> found = spread_artefact([0.0005, 0.06], [0.02], draws=10)
    >>> bool(found.nmi[0, 0] < 0.5 and found.nmi[0, 1] > 0.9), bool(abs(found.ami).max() < 0.2)
    (True, True)
    """
    _check(deviations, others, draws, correlation)
    draw = np.random.default_rng(rng)
    cells = [
        [[_cell(draw, s, other, gap, correlation, rows, decimals) for _ in range(draws)] for s in deviations]
        for other in others
    ]
    scores = {name: _mean(score, cells) for name, score in SCORES.items()}
    given = np.array(deviations, np.float64), np.array(others, np.float64)
    return Artefact(*given, **scores, gap=gap, rows=rows, draws=draws)


def _check(deviations: Sequence[float], others: Sequence[float], draws: int, correlation: float) -> None:
    if draws < 1 or not all(0 < s < np.inf for s in (*deviations, *others)):
        raise UsageError(f"deviations and number of draws must be positive, got {deviations}, {others}, {draws}")
    if not -1 < correlation < 1:
        raise UsageError(f"correlation must lie inside (-1, 1), got {correlation}")


def _cell(
    draw: np.random.Generator,
    deviation: float,
    other: float,
    gap: float,
    correlation: float = 0.0,
    rows: int = ROWS,
    decimals: int = DECIMALS,
) -> CellParity:
    a, b = draw.normal(size=(2, rows))
    x = MIDDLE + gap + deviation * (correlation * b + np.sqrt(1 - correlation**2) * a)
    return cell_parity(x, MIDDLE + other * b, repeats=1, decimals=decimals)


def _mean(score: Callable[[CellParity], float], cells: list[list[list[CellParity]]]) -> Floats:
    values = np.array([[[score(cell) for cell in each] for each in row] for row in cells])
    mean: Floats = np.nanmean(values, axis=2)
    return mean


#: what `spread_artefact` averages
SCORES: dict[str, Callable[[CellParity], float]] = {
    "nmi": lambda cell: cell.nmi.score,
    "ami": lambda cell: cell.ami.score,
    "ksg": lambda cell: cell.ksg.score,
    "t": lambda cell: abs(cell.two_sample.t),
    "p": lambda cell: cell.two_sample.p,
    "not_rejected": lambda cell: float(cell.two_sample.not_rejected),
}


#: mutual information that looks high, mean error that looks small, share of variance that does not come by chance
HIGH, SMALL, HALF = 0.5, 0.01, 0.5

#: what may be taken for agreement in a cell, first as sources read it, then as it would have to be shown
CRITERIA: dict[str, Callable[[CellParity], bool]] = {
    "t_test_passed": lambda cell: cell.two_sample.not_rejected,
    "high_nmi": lambda cell: cell.nmi.score >= HIGH,
    "t_test_passed_and_high_nmi": lambda cell: cell.two_sample.not_rejected and cell.nmi.score >= HIGH,
    "near_parity": lambda cell: cell.mae <= SMALL,
    "equivalent": lambda cell: cell.equivalent,
    "explains_half": lambda cell: bool(cell.r2 >= HALF),
    "rows_agree": lambda cell: bool(cell.equivalent and cell.spearman.score > 0 and cell.spearman.p < 0.05),
}


class Chance(NamedTuple):
    """How often cells of a collapsed model pass for agreement.

    Args:
        per_cell: share of cells that meet each criterion.
        at_least_one: share of studies with one such cell or more.
        expected: mean number of such cells in a study.
        cells, studies: cells in a study, and studies drawn.
    """

    per_cell: dict[str, float]
    at_least_one: dict[str, float]
    expected: dict[str, float]
    cells: int
    studies: int


def chance_of_good_parity(
    gap: float = 0.01,
    deviations: tuple[float, float] = (0.001, 0.02),
    others: tuple[float, float] = (0.0017, 0.02),
    *,
    cells: int = CELLS,
    rows: int = ROWS,
    studies: int = 20,
    repeats: int = 39,
    rng: Seed = 0,
) -> Chance:
    r"""How often a study of collapsed models shows cells that look like agreement, though no row knows of another.

    Each cell has a gap of its own, :math:`g \sim N(0, \text{gap}^2)`, and deviations drawn uniformly in their
    logarithm: what random starts and random latents leave of a model that has learned nothing.

    Args:
        gap: standard deviation of g.
        deviations, others: ranges of s_x and of s_y.
        cells: of a study.
        rows: of a cell.
        studies: drawn.
        repeats: permutations for p-values.
        rng: seed or generator.

    Raises:
        UsageError: see `spread_artefact`.

    Reference: Hall and Sparks (2023), figure 6.

    >>> found = chance_of_good_parity(cells=4, studies=2)
    >>> found.per_cell["t_test_passed"] > 0.1, found.per_cell["explains_half"]
    (True, 0.0)
    """
    _check(deviations, others, min(studies, cells), 0.0)
    draw = np.random.default_rng(rng)
    met = np.array(
        [[_met(_collapsed(draw, gap, deviations, others, rows, repeats)) for _ in range(cells)] for _ in range(studies)]
    )
    return _chance(met)


def _collapsed(
    draw: np.random.Generator,
    gap: float,
    deviations: tuple[float, float],
    others: tuple[float, float],
    rows: int,
    repeats: int,
) -> CellParity:
    s, other = (float(np.exp(draw.uniform(*np.log(ends)))) for ends in (deviations, others))
    x, y = draw.normal(MIDDLE + draw.normal(0, gap), s, rows), draw.normal(MIDDLE, other, rows)
    return cell_parity(x, y, repeats=repeats, rng=draw)


def _met(cell: CellParity) -> list[bool]:
    return [criterion(cell) for criterion in CRITERIA.values()]


def _chance(met: NDArray[np.bool_]) -> Chance:
    """From (studies, cells, criteria)."""
    studies, cells, _ = met.shape
    per_cell, any_cell, count = met.mean((0, 1)), met.any(1).mean(0), met.sum(1).mean(0)
    shares = [dict(zip(CRITERIA, map(float, values), strict=True)) for values in (per_cell, any_cell, count)]
    return Chance(shares[0], shares[1], shares[2], cells, studies)


def naive_pass_rate(cells: Sequence[CellParity]) -> dict[str, float]:
    """Share of given cells that meet each criterion."""
    met = np.array([_met(cell) for cell in cells])
    return dict(zip(CRITERIA, map(float, met.mean(0)), strict=True))
