"""Are the samples in equilibrium: ours, and those of the source's protocol?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.files import plain
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import (
    HeightProfile,
    RadialDistribution,
    height_profile,
    radial_distribution,
)
from beable.systems.lennard_jones.parts.rows import first, fluid, of_gravity

FloatArray = NDArray[np.floating]
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

    def as_json(self) -> dict[str, Any]:
        """Verdicts and levels, ready for JSON, and the level at which mean energies differ most."""
        return {
            "ours": _verdict(self.ours),
            "source_protocol": _verdict(self.theirs),
            "largest_gap": plain(self.largest_gap),
        }

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
    )


def _energies(store: Store, rows: dict[str, FloatArray], gravities: tuple[float, ...]) -> dict[float, FloatArray]:
    energy = store.read("energy", store.valid_rows)
    return {g: energy[rows["gravity"] == g] for g in gravities}
