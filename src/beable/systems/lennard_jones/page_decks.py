"""The evidence of what the decks ask beside the main line: grids, networks to coordinates, space, proposals."""

from typing import Any

import numpy as np

from beable.report.page import Evidence, Figure, Fold
from beable.systems.lennard_jones import findings
from beable.systems.lennard_jones.figures.matrices import errors_beside, matrix_tiles
from beable.systems.lennard_jones.figures.sizes import acceptances
from beable.systems.lennard_jones.figures.structure import radial_distributions
from beable.systems.lennard_jones.figures.ways_back import ways_back
from beable.systems.lennard_jones.parts.coordinates import CoordinateWays
from beable.systems.lennard_jones.parts.grids import Grids
from beable.systems.lennard_jones.parts.proposals import FLOW, GENERATORS, VAE, LatentProposals
from beable.systems.lennard_jones.parts.space import ThreeDimensions
from beable.systems.lennard_jones.tables import decks
from beable.systems.lennard_jones.tables.columns import gravity


def grids(a: Grids) -> Evidence:
    """True and decoded grids, and what a threshold finds in them."""
    said = findings.grids(a.as_json())
    figure = Figure(
        matrix_tiles(a.shown, columns=min(len(a.shown), 5), label="value of a cell"),
        "The first held-out grid and what models decode at its posterior mean; the floor is below.",
        said,
    )
    folds = [Fold("Particles of decoded grids", [], [decks.particles_table(a)])]
    return Evidence(said, [figure, decks.grids_table(a)], folds)


def coordinate_ways(a: CoordinateWays) -> Evidence:
    """Errors of every way; configurations and all numbers folded."""
    said = findings.coordinates(a.as_json())
    found = {
        f"{line.way}, order “{line.order}”": (line.decoded.shape, line.true.shape if line.true else None)
        for line in a.lines
    }
    order = next(iter(a.mean))
    figure = Figure(
        errors_beside(
            found, a.mean[order], ("from decoded matrices", "from true matrices"), "mean configuration",
            "error of a particle after the best turn (σ)",
        ),
        f"Distance of a particle from its place, median over held-out rows; the line is the mean configuration in the "
        f"order “{order}”.",
        said,
    )  # fmt: skip
    shown = Figure(
        ways_back(a.originals, a.shown, a.box),
        f"Held-out configurations and what comes back of their decoded matrices in the order “{order}”, turned onto "
        "them.",
        said,
    )
    return Evidence(
        said, [figure], [Fold("Every way in numbers, and configurations", [], [decks.ways_table(a), shown])]
    )


def three_dimensions(a: ThreeDimensions) -> Evidence:
    """Pair correlations of samples beside equilibrium, and the table."""
    said = findings.three_dimensions(a.as_json())
    pairs: dict[str, dict[str, Any]] = {
        f"{space.density:.2f} in a unit, {gravity(g)}": {
            name: (curve.r, curve.g, curve.standard_error)
            for name, curve in zip(("equilibrium", "samples"), both, strict=True)
        }
        for space in a.fluids.values()
        for g, both in space.pairs.items()
    }
    figure = Figure(
        radial_distributions(pairs, reference="equilibrium"),
        "Pair correlation of samples of the first training before any repair; the area is equilibrium.",
        said,
    )
    return Evidence(said, [figure, decks.space_table(a)], [])


def proposals(a: LatentProposals) -> Evidence:
    """Acceptance against the number of particles beside what would pay."""
    said = findings.proposals(a.as_json())
    sizes = sorted({level.particles for level in a.levels})
    measured = {GENERATORS[name]: _curve(a, name, sizes) for name in (FLOW, VAE) if _curve(a, name, sizes) is not None}
    of_flows = {level.particles: level.needed for level in a.flows}
    needed = np.array([of_flows.get(n, np.nan) for n in sizes])
    figure = Figure(
        acceptances(np.array(sizes, float), measured, needed if a.flows else np.array([a.best.needed])),
        "Share of independent proposals that Metropolis accepts in equilibrium, at one density; dashed: what would "
        "give as many samples a CPU second as tuned moves and teleports.",
        said,
    )
    return Evidence(
        said, [figure, decks.proposals_table(a)], [Fold("Importance weights", [], [decks.weights_table(a)])]
    )


def _curve(a: LatentProposals, name: str, sizes: list[int]) -> Any:
    """Acceptance of a generator and the ends of its interval by number of particles; None where it proposed nothing."""
    known = {level.particles: level.acceptance[:3] for level in a.levels if level.generator == name}
    return np.array([known.get(n, (np.nan,) * 3) for n in sizes]).T if known else None
