"""Powders for a packing fraction that is asked for: our search beside random designs and a plain inversion."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from beable.design.comparison import Comparison, compare_methods
from beable.design.outcomes import Outcome, Target
from beable.records import plain
from beable.studies.context import Context
from beable.systems.packing.parts.rows import Floats
from beable.systems.packing.simulator import Packed, Packing, pack
from beable.verdicts import Verdict

SHOWN = 4
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Designed:
    """Every method after every target, and some of the designs.

    Args:
        comparison: all attempts.
        targets: middles of the intervals asked for, (targets,).
        tolerance: half their width.
        names: of the factors.
        values: factors of our verified designs, (designs, factors).
        of: the target of each, (designs,).
        shown: beds of designs for the target that was met by the most.
    """

    comparison: Comparison
    targets: Floats
    tolerance: float
    names: list[str]
    values: Floats
    of: Floats
    shown: list[Packed]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        found = self.comparison.as_json()
        methods = found["methods"]
        ours = methods["search"]["of_calls"]
        others = [name for name in methods if name != "search"]
        more = {
            "targets": self.targets,
            "tolerance": self.tolerance,
            "attempts_of_a_method": len(self.comparison.of("search")),
            "met": sum(d.found.sum() >= self.comparison.wanted for d in self.comparison.of("search")),
            "ahead": {name: ours - methods[name]["of_calls"] for name in others},
            "better": {name: self.better_than(name) for name in others},
        }
        return {**found, **plain(more)}

    def better_than(self, method: str) -> Verdict:
        """Whether the search finds more powders than a method with as many calls, by Fisher's exact test."""
        ours, theirs = (np.concatenate([d.found for d in self.comparison.of(name)]) for name in ("search", method))
        counts = [[int(found.sum()), int((~found).sum())] for found in (ours, theirs)]
        p = float(stats.fisher_exact(counts).pvalue)
        reason = f"{counts[0][0]} and {counts[1][0]} found, p = {p:.2g}"
        return Verdict(bool(ours.mean() > theirs.mean()) if p < SIGNIFICANT else None, reason)


def design(context: Context) -> Designed:
    """Options of the part: targets, tolerance, calls (of each attempt), wanted, seeds, min_coarse_spheres."""
    simulator = Packing(**context.study.data.settings | {"min_coarse_spheres": context.option("min_coarse_spheres")})
    tolerance, middles = context.option("tolerance"), context.option("targets")
    outcome = Outcome.of(simulator, "packing_fraction")
    comparison = compare_methods(
        simulator,
        [Target.around(outcome, float(m), tolerance) for m in middles],
        calls=context.option("calls"),
        wanted=context.option("wanted"),
        seeds=range(context.option("seeds")),
        workers=1,
    )
    ours = [(d.values[d.found], (d.target.low + d.target.high) / 2) for d in comparison.of("search")]
    values = np.concatenate([v for v, _ in ours])
    of = np.concatenate([np.full(len(v), m) for v, m in ours])
    best = max(middles, key=lambda m: int(np.isclose(of, m).sum()))
    shown = [pack(simulator.powder(v), None, context.study.data.seed) for v in _apart(values[np.isclose(of, best)])]
    return Designed(
        comparison, np.array(middles, float), tolerance, [f.name for f in simulator.factors], values, of, shown
    )


def _apart(values: Floats) -> Floats:
    """A few designs that differ much, each the farthest from those before it."""
    if not len(values):
        return values
    scaled = (values - values.mean(0)) / np.maximum(values.std(0), 1e-12)
    chosen = [0]
    while len(chosen) < min(SHOWN, len(values)):
        away = np.linalg.norm(scaled[:, None] - scaled[chosen], axis=2).min(1)
        chosen.append(int(away.argmax()))
    return np.asarray(values[chosen])
