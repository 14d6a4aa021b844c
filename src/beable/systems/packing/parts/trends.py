r"""Do scores follow β, spread or each other? Polynomials through the cells of one seed, as sources fit them.

With 9 points a parabola explains :math:`R^2 = 2/8` of anything by chance. Each fit therefore has the p-value of its R²
under permutation of the points, and each seed gives a fit of its own: one seed's trend is a draw from their spread.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from beable.metrics.columns import distinct
from beable.streams import generator
from beable.systems.packing.parts.rows import Floats


class Pairing(NamedTuple):
    """What is fitted.

    Args:
        x, y: names of columns.
        degree: of the polynomial.
    """

    x: str
    y: str
    degree: int


#: the fits of Hall and Sparks (2023), figures 7 to 10, and beside them the value that chance gives
PAIRINGS = {
    "nmi_against_beta": Pairing("beta", "nmi", 2),
    "nmi_against_deviation": Pairing("deviation", "nmi", 2),
    "chance_against_deviation": Pairing("deviation", "chance", 2),
    "deviation_against_beta": Pairing("beta", "deviation", 2),
    "deviation_against_nmi": Pairing("nmi", "deviation", 2),
    "t_against_beta": Pairing("beta", "t", 2),
    "t_against_nmi": Pairing("nmi", "t", 1),
    "p_against_beta": Pairing("beta", "p", 2),
    "p_against_nmi": Pairing("nmi", "p", 1),
    "ami_against_beta": Pairing("beta", "ami", 2),
    "nmi_against_chance": Pairing("chance", "nmi", 1),
}


class Trend(NamedTuple):
    """One fit in every seed; NaN where a seed has too few points, or none that differ.

    Args:
        r2: share of variance explained, (seeds).
        p: of as large an R² by chance, (seeds).
        chance: mean R² of permuted points, (seeds).
        correlation: Spearman's, (seeds).
        crossing: x at which the fit meets a level, (seeds); NaN without one.
        coefficients: of the polynomial, constant first, (seeds, degree + 1).
    """

    r2: Floats
    p: Floats
    chance: Floats
    correlation: Floats
    crossing: Floats
    coefficients: Floats

    def as_json(self) -> dict[str, Any]:
        """Medians over seeds, their spread, and how many seeds alone would have reported a trend; NaN without a fit."""
        good = np.isfinite(self.r2)
        low, middle, high = _quantiles(self.r2[good])
        crossing = self.crossing[good]
        ends = _quantiles(crossing[np.isfinite(crossing)])
        return {
            "seeds": int(good.sum()),
            "r2": middle,
            "r2_low": low,
            "r2_high": high,
            "r2_by_chance": _quantiles(self.chance[good])[1],
            "significant": _share(self.p[good] < 0.05),
            "correlation": _quantiles(self.correlation[good])[1],
            "rising": _share(self.correlation[good] > 0),
            "crossing": ends[1],
            "crossing_low": ends[0],
            "crossing_high": ends[2],
        }


def _quantiles(values: Floats) -> list[float]:
    """5, 50 and 95 % of values; NaN of none."""
    return [float(x) for x in np.quantile(values, [0.05, 0.5, 0.95])] if len(values) else [float("nan")] * 3


def _share(true: NDArray[np.bool_]) -> float:
    return float(true.mean()) if len(true) else float("nan")


def trends(seeds: Sequence[Mapping[str, Floats]], critical: float, repeats: int = 199) -> dict[str, Trend]:
    """Every fit of `PAIRINGS` in every seed.

    Args:
        seeds: columns of one seed's cells by name: beta, nmi, chance, ami, deviation, t, p.
        critical: t that the line of t against nmi is to meet.
        repeats: permutations.
    """
    return {
        name: _trend([(s[pairing.x], s[pairing.y]) for s in seeds], pairing, critical, repeats)
        for name, pairing in PAIRINGS.items()
    }


def _trend(points: Sequence[tuple[Floats, Floats]], pairing: Pairing, critical: float, repeats: int) -> Trend:
    fits = [_fit(x, y, pairing.degree, repeats, i) for i, (x, y) in enumerate(points)]
    r2, p, chance, correlation = (np.array([f[k] for f in fits]) for k in range(4))
    coefficients = np.array([f[4] for f in fits]).reshape(len(fits), pairing.degree + 1)
    level = critical if (pairing.y, pairing.degree) == ("t", 1) else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (level - coefficients[:, 0]) / coefficients[:, 1]
    return Trend(r2, p, chance, correlation, crossing, coefficients)


def _fit(x: Floats, y: Floats, degree: int, repeats: int, seed: int) -> tuple[float, float, float, float, Floats]:
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if not x.size or distinct(x) < degree + 2 or distinct(y) == 1:
        return (np.nan, np.nan, np.nan, np.nan, np.full(degree + 1, np.nan))
    draw = generator(seed, "evaluation")
    every = np.column_stack([y, *(draw.permutation(y) for _ in range(repeats))])
    r2 = explained(x, every, degree)
    p, rank = float(np.mean(r2 >= r2[0] - 1e-12)), float(scipy.stats.spearmanr(x, y).statistic)
    return float(r2[0]), p, float(r2[1:].mean()), rank, coefficients(x, y, degree)


def _powers(x: Floats, degree: int) -> Floats:
    """Powers of x brought to [-1, 1]."""
    middle, half = float(x.max() + x.min()) / 2, float(np.ptp(x)) / 2
    return np.asarray(np.polynomial.polynomial.polyvander((x - middle) / half, degree), np.float64)


def explained(x: Floats, y: Floats, degree: int) -> Floats:
    """R² of polynomials in x through each column of y, (columns).

    >>> x = np.linspace(0, 1, 9)
    >>> explained(x, np.column_stack([x**2, np.cos(40 * x)]), 2).round(1).tolist()
    [1.0, 0.1]
    """
    basis = np.linalg.qr(_powers(x, degree))[0]
    centred = y - y.mean(0)
    answer: Floats = ((basis.T @ centred) ** 2).sum(0) / (centred**2).sum(0)
    return answer


def coefficients(x: Floats, y: Floats, degree: int) -> Floats:
    """Of the polynomial of least squares, constant first, (degree + 1).

    >>> coefficients(np.arange(9.0), 3 + 2 * np.arange(9.0), 1).round(6).tolist()
    [3.0, 2.0]
    """
    fit = np.polynomial.Polynomial.fit(x, y, degree).convert()
    return np.pad(np.asarray(fit.coef, np.float64), (0, degree + 1 - len(fit.coef)))
