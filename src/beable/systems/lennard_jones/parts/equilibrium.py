"""Are the samples in equilibrium: ours, and those of the source's protocol?"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.records import plain
from beable.streams import generator
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import (
    HeightProfile,
    RadialDistribution,
    height_profile,
    radial_distribution,
)
from beable.systems.lennard_jones.corruptions import uniform
from beable.systems.lennard_jones.parts.rows import factor_values, first, fluid, of_gravity
from beable.systems.lennard_jones.simulator import LennardJones

FloatArray = NDArray[np.floating]
#: sweeps from random positions at which energies are looked at; the source stops at 2,500
TIMES = (1, 3, 10, 30, 100, 300, 1000, 2500, 5000)
#: step in σ and share of moves to anywhere, of the source and of tuned moves
MOVES = {"small steps": (0.2, 0.0), "tuned": (0.7, 0.3)}
EDGES = np.linspace(0.0, 5.0, 101)
BINS = 50


@dataclass(frozen=True)
class Equilibrium:
    """Samples of the two protocols side by side.

    Args:
        ours, theirs: verdicts of the two data sets.
        gravities: γ of the levels.
        box: L.
        shown: one configuration of each γ, (levels, particles, dimensions).
        profiles, theirs_profiles: density against height, by γ.
        pairs: pair correlation, by γ.
        energies, theirs_energies: U by γ.
        falls: U of chains from random positions at ``TIMES``, by γ and kind of moves, (chains, times).
    """

    ours: dict[str, Any]
    theirs: dict[str, Any]
    gravities: tuple[float, ...]
    box: float
    shown: FloatArray
    profiles: dict[float, HeightProfile]
    theirs_profiles: dict[float, HeightProfile]
    pairs: dict[float, RadialDistribution]
    energies: dict[float, FloatArray]
    theirs_energies: dict[float, FloatArray]
    falls: dict[float, dict[str, FloatArray]]

    def as_json(self) -> dict[str, Any]:
        """Verdicts and levels, ready for JSON, and the level at which mean energies differ most."""
        return {
            "ours": _verdict(self.ours),
            "source_protocol": _verdict(self.theirs),
            "largest_gap": plain(self.largest_gap),
            "times": list(TIMES),
            "followed": len(next(iter(next(iter(self.falls.values())).values()))),
            "falls": plain({str(g): {name: u.mean(axis=0) for name, u in by.items()} for g, by in self.falls.items()}),
            "still_off": plain({str(g): self.still_off(g) for g in self.gravities}),
        }

    def still_off(self, gravity: float) -> float:
        """Mean energy after the 2,500 small steps of the source less that of the long runs, in ε."""
        return float(self.falls[gravity]["small steps"][:, TIMES.index(2500)].mean() - self.energies[gravity].mean())

    @property
    def largest_gap(self) -> dict[str, float]:
        """Mean energy by the source's protocol less ours, at the γ where it is most standard errors."""
        pairs = [(one, other) for one in self.ours["levels"] for other in self.theirs["levels"]]
        gaps = [_gap(one, other) for one, other in pairs if one["gravity"] == other["gravity"]]
        gaps = [gap for gap in gaps if np.isfinite(gap["standard_errors"])]
        none = {"gravity": np.nan, "energy": np.nan, "standard_errors": np.nan}
        return max(gaps, key=lambda gap: gap["standard_errors"], default=none)


def _gap(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    difference = theirs["energy"] - ours["energy"]
    one, other = (np.nan if level["energy_error"] is None else level["energy_error"] for level in (ours, theirs))
    error = float(np.hypot(one, other))
    return {
        "gravity": ours["gravity"],
        "energy": difference,
        "standard_errors": abs(difference) / error if error else np.nan,
    }


def _verdict(assessment: dict[str, Any]) -> dict[str, Any]:
    return assessment | {"passed": int(assessment["equilibrated"] is True), "failed_checks": len(assessment["reasons"])}


def equilibrium(context: Context) -> Equilibrium:
    """Verdicts, energies and profiles of the data and of the source's protocol."""
    ours, theirs, system = context.store, context.dataset("source-protocol"), fluid(context)
    rows, other = first(ours, ours.rows), first(theirs, theirs.rows)
    box, gravities = system.boxes[0], system.gravities
    by_gravity = {g: of_gravity(rows, g) for g in gravities}
    return Equilibrium(
        ours.assessment,
        theirs.assessment,
        gravities,
        box,
        np.stack([x[0] for x in by_gravity.values()]),
        {g: height_profile(x, box, BINS) for g, x in by_gravity.items()},
        {g: height_profile(of_gravity(other, g), box, BINS) for g in gravities},
        {g: radial_distribution(x, box, EDGES) for g, x in by_gravity.items()},
        _energies(ours, rows, gravities),
        _energies(theirs, other, gravities),
        _falls(system, context.option("followed"), context.study.data.seed),
    )


def _falls(system: LennardJones, chains: int, seed: int) -> dict[float, dict[str, FloatArray]]:
    """Energies of chains from random positions, by γ and kind of moves; all γ at once, which costs as much as one."""
    count, gravities = chains * len(system.gravities), system.gravities
    start = uniform(count, system.particles, system.dimensions, system.boxes[0], seed)
    values = factor_values(system, np.repeat(gravities, chains))
    found = {name: _followed(system, start, values, step, share, seed) for name, (step, share) in MOVES.items()}
    parts = {name: np.split(energies, len(gravities)) for name, energies in found.items()}
    return {g: {name: parts[name][i] for name in parts} for i, g in enumerate(gravities)}


def _followed(
    system: LennardJones, start: FloatArray, values: FloatArray, step: float, teleport: float, seed: int
) -> FloatArray:
    rng, now, found = generator(seed, "evaluation"), start, []
    for before, sweeps in pairwise((0, *TIMES)):
        now = system.relax(now, values, sweeps - before, rng, step=step, teleport=teleport)
        found.append(system.energy(now, values))
    return np.stack(found, axis=1)


def _energies(store: Store, rows: dict[str, FloatArray], gravities: tuple[float, ...]) -> dict[float, FloatArray]:
    energy = store.read("energy", store.valid_rows)
    return {g: energy[rows["gravity"] == g] for g in gravities}
