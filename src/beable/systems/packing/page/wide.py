"""Two sizes too far apart to be dropped."""

from typing import Any

import numpy as np

from beable.console.columns import bracketed, fixed
from beable.report.page import Evidence, Figure, Fold, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.wide import against_one_over_ratio
from beable.systems.packing.page.cells import Row, judged, verdict_cell
from beable.systems.packing.parts.wide import Mixture, WideSizes
from beable.systems.packing.wide_sizes import Rung, extrapolated

DRAWN = 40  # places of the law that are drawn


def wide(a: WideSizes) -> Evidence:
    """The law in 1/R, the bed that it is tested with, and what it says beyond."""
    n = a.as_json()
    each = {f"{100 * m.fine:.0f} % fine": m for m in a.mixtures}
    figure = against_one_over_ratio(
        {name: _points(m.rungs) for name, m in each.items()},
        {name: _points([m.held]) for name, m in each.items()},
        {name: _law(m) for name, m in each.items()},
        {name: m.furnas for name, m in each.items()},
    )
    caption = (
        f"Packing fraction of two sizes against one over their ratio: beds that were dropped ({a.beds} of each ratio, "
        "two standard errors), the law through the filled ones with two of its errors, and the limit of Furnas for "
        "dropped spheres"
        " infinitely far apart, of what lies in the bulk of the widest bed."
    )
    fold = Fold("What the law says of wider ratios", [], [_beyond(a)])
    return Evidence(findings.wide(n), [Figure(figure, caption, findings.wide(n)), _table(a)], [fold])


def _points(rungs: list[Rung]) -> tuple[Any, Any, Any]:
    ratio, phi, error = np.array([rung[:3] for rung in rungs], np.float64).T
    return ratio, phi, error


def _law(m: Mixture) -> tuple[Any, Any, Any]:
    ratio = 1 / np.linspace(1 / max(m.wide) / 10, 1 / m.rungs[0].ratio, DRAWN)
    found = [extrapolated(m.rungs, float(r)) for r in ratio]
    return ratio, np.array([f.value for f in found]), np.array([f.standard_error for f in found])


def _table(a: WideSizes) -> Table:
    rows: list[Row] = [
        [
            f"{100 * m.fine:.0f} %",
            bracketed(m.held.packing_fraction, m.held.standard_error),
            judged(bracketed(*m.predicted), m.holds),
            bracketed(*m.limit),
            f"{100 * m.bulk:.1f} %",
            judged(fixed(m.furnas, 3), m.below_furnas),
        ]
        for m in a.mixtures
    ]
    held = f"1:{a.mixtures[0].held.ratio:g}"
    columns = ["fine", f"{held}, dropped", f"{held}, by the law", "limit of the law", f"fine in the bulk, {held}"]
    columns.append("Furnas' limit of that")
    caption = (
        f"A bed of {held} that the law was not fitted to, and the limit of sizes infinitely far apart; standard errors "
        "of the last digits in brackets. ✓: the bed lies within two of them of the law, the law's limit more than two "
        "below Furnas'."
    )
    return Table(caption, columns, rows, "rrrrrr")


def _beyond(a: WideSizes) -> Table:
    wanted = a.mixtures[0].wide
    rows: list[Row] = [
        [
            f"{100 * m.fine:.0f} %",
            *(bracketed(*f) for f in m.found),
            fixed(m.estimate[0], 4),
            bracketed(*m.estimate[1]),
            verdict_cell(m.holds_of_estimate.as_json()),
        ]
        for m in a.mixtures
    ]
    caption = (
        "What the law says of dropped beds of wider ratios, and the same law of the estimate of close packing (Farr "
        "and Groot, 2009) at the widest: as it is, by the law from the ratios of the beds, and whether the two agree."
    )
    columns = ["fine", *(f"1:{r:g}" for r in wanted), "estimate", "by the law", "do they agree?"]
    return Table(caption, columns, rows, "r" * (len(wanted) + 3) + "l")
