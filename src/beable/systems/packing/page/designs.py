"""Powders for a packing fraction that is asked for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from beable.console.columns import fixed, percent
from beable.report.figures.designs import design_diversity, design_success, design_targets, design_tradeoff
from beable.report.page import Evidence, Figure, Fold, Item, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.spheres import packings
from beable.systems.packing.parts.design import Designed
from beable.systems.packing.parts.design_limits import Limits, Searched

PANELS = 4
FACTORS = 9


def design(a: Designed) -> Evidence:
    """Designs met, calls spent, how different designs are, and pictures of some."""
    n = a.as_json()
    names = [name for name in findings.METHODS if a.comparison.of(name)]
    folds = [Fold("Requests met against calls of the simulator", [], [_success(a, n, names)])]
    if a.values.shape[1] == FACTORS and len(a.values):
        folds.append(Fold("How different the powders are", [findings.apart(n)], [_mixtures(a)]))
    if a.shown:
        folds.append(Fold("Pictures of powders that pack alike", [], [_pictures(a)]))
    return Evidence(findings.design(n), [_targets(a, n, names), _methods(n, names)], folds, findings.design_short(n))


def _targets(a: Designed, n: findings.Numbers, names: list[str]) -> Figure:
    figure = design_targets(
        {findings.METHODS[name]: _verified(a, name) for name in names}, a.tolerance, label="packing fraction φ"
    )
    caption = "What the simulator makes of proposed powders, against what was asked for. Arrows lie beyond the panel."
    shares = ", ".join(f"{findings.METHODS[name]} {percent(n['methods'][name]['share'])}" for name in names)
    return Figure(
        figure, caption, f"Proposed powders within ±\u00a0{a.tolerance:g} of the packing fraction asked for: {shares}."
    )


def _verified(a: Designed, method: str) -> tuple[Any, Any, Any]:
    made = [(d, d.proposed & np.isfinite(d.outcome)) for d in a.comparison.of(method)]
    targets = np.concatenate([np.full(int(k.sum()), (d.target.low + d.target.high) / 2) for d, k in made])
    return targets, np.concatenate([d.outcome[k] for d, k in made]), np.concatenate([d.error[k] for d, k in made])


def _methods(n: findings.Numbers, names: list[str]) -> Table:
    rows = []
    for name in names:
        of = n["methods"][name]
        shares = [percent(of[key]) for key in ("share", "of_calls", "confirmed", "met")]
        rows.append([findings.METHODS[name], f"{of['proposed']:,}", *shares])
    caption = (
        f"All requests, {n['calls']} calls of the simulator for each. A request is met by {n['wanted']} powders within "
        f"±\u00a0{n['tolerance']:g}."
    )
    columns = [
        "way",
        "powders proposed",
        "of these within",
        "of all calls within",
        "again in a second simulation",
        "requests met",
    ]
    return Table(caption, columns, rows, "lrrrrr")


def _success(a: Designed, n: findings.Numbers, names: list[str]) -> Figure:
    figure = design_success(
        {findings.METHODS[name]: _steps(a, name) for name in names}, label="calls of the simulator for a request"
    )
    met = ", ".join(f"{findings.METHODS[name]} {percent(n['methods'][name]['met'])}" for name in names)
    caption = f"Share of requests for which {n['wanted']} verified powders were found."
    return Figure(figure, caption, f"Requests met after {n['calls']} calls: {met}.")


def _steps(a: Designed, method: str) -> tuple[Any, Any, None, None]:
    found = np.array([np.cumsum(d.found) for d in a.comparison.of(method)])
    return np.arange(1, found.shape[1] + 1), (found >= a.comparison.wanted).mean(0), None, None


def _mixtures(a: Designed) -> Figure:
    """Mass fractions of designs of a few targets, coloured by how much their medians differ."""
    chosen = sorted(set(a.of.tolist()))[:PANELS]
    sizes = a.values[:, 0:6:2]
    ratio = sizes.max(1) / sizes.min(1)
    panels = {f"φ = {t:g}": (a.values[np.isclose(a.of, t), 6:], ratio[np.isclose(a.of, t)]) for t in chosen}
    counts = ", ".join(f"{int(np.isclose(a.of, t).sum())} at φ = {t:g}" for t in chosen)
    return Figure(
        design_diversity(panels, ["component 1", "component 2", "component 3"]),
        "Mass fractions of the verified powders of the search, for the lowest packing fractions asked for.",
        f"Verified powders spread over the triangle of mass fractions: {counts}.",
    )


def _pictures(a: Designed) -> Figure:
    beds = {f"design {i}: {p.packing_fraction:.3f}": p.bed for i, p in enumerate(a.shown, 1)}
    values = ", ".join(f"{p.packing_fraction:.3f}" for p in a.shown)
    return Figure(
        packings(beds, height=1, alike="boxes"),
        "Powders for one packing fraction, each as far as can be from the others, simulated once more and cut to "
        "cubes. Bars are lengths in the unit of the medians.",
        f"Beds of {len(a.shown)} different powders that pack to {values}.",
    )


def _tradeoff(diverse: Sequence[Searched]) -> Drawing:
    curve = (np.array([s.distance for s in diverse]), np.array([s.share for s in diverse]), _weights(diverse))
    return design_tradeoff({"": curve}, x_label="mean distance of a powder from the nearest other, factors as ranks")


def design_limits(a: Limits) -> Evidence:
    """Hits against diversity, against a limit of the cost, and for a second outcome."""
    n = a.as_json()
    middle, tolerance = a.target
    diverse = [s for s in a.diversity if np.isfinite(s.distance) and s.proposed]
    caption = (
        f"Proposed powders within {tolerance:g} of a packing fraction of {middle:g}, against how far those found are "
        f"apart; each point is a weight of distance (--diversity), {findings.counted(a.seeds, 'search', 'searches')} "
        f"of {a.calls} calls each."
    )
    items: list[Item] = [Figure(_tradeoff(diverse), caption, findings.design_limits(n))] if diverse else []
    return Evidence(findings.design_limits(n), [*items, _limits(a)])


def _weights(diverse: Sequence[Searched]) -> list[str]:
    return [f"{s.asked:g}" for s in diverse]


def _limits(a: Limits) -> Table:
    rows = []
    for s in a.costs:
        low, high = (fixed(end, 2) for end in s.cost)
        rows.append([f"{s.asked:g}", f"{s.proposed}", percent(s.share), f"{low} to {high}" if s.hits else "none found"])
    prices = ", ".join(f"{price:g}" for price in a.prices)
    caption = (
        f"The same packing fraction under a limit of the cost, where a mass of the coarsest, middle and finest "
        f"component costs {prices}: powders proposed, how many of them hit, and what those found cost."
    )
    return Table(caption, ["limit of the cost", "powders proposed", "of these within", "cost"], rows, "rrrl")
