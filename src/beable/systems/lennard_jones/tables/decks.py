"""Tables of grids, of networks to coordinates, of fluids in space, and of independent proposals."""

from beable.console.columns import column
from beable.console.numbers import number
from beable.report.page import Cell, Table
from beable.systems.lennard_jones.findings import GROUP, PERCENT, minus, percent
from beable.systems.lennard_jones.parts.coordinates import CoordinateWays, Judged
from beable.systems.lennard_jones.parts.grids import DEVIATIONS, Grids
from beable.systems.lennard_jones.parts.proposals import GENERATORS, LatentProposals, Level
from beable.systems.lennard_jones.parts.space import ThreeDimensions
from beable.systems.lennard_jones.tables.columns import by_columns, over, percents
from beable.systems.lennard_jones.tables.models import OVERLAP

VERDICTS = {True: "good", False: "miss", None: "unsure"}


def grids_table(a: Grids) -> Table:
    """What every model of grids leaves."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [line.label for line in lines],
            [line.output for line in lines],
            column(line.error for line in lines),
            column(line.mean_error for line in lines),
            [f"{line.decoded_total:.2f} ({line.total:.1f})" for line in lines],
            column(line.rate for line in lines),
        ]
    )
    caption = (
        "Held-out grids: error of a cell of the model and of the mean grid, in units of a full cell; sum over the "
        "cells as decoded and, in brackets, true; rate in nats."
    )
    return Table(caption, ["model", "output", "error", "mean grid", "sum", "rate"], rows, "llrrrr")


def particles_table(a: Grids) -> Table:
    """How many particles a threshold finds, and how many the largest cells are."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [line.label for line in lines],
            [f"{line.cells:.1f}" for line in lines],
            percents(line.found for line in lines),
            percents(line.decoded_found for line in lines),
            [f"{line.decoded_cells:.1f} ({line.occupied:.1f})" for line in lines],
            percents(line.largest_found for line in lines),
            percents(line.largest_mean for line in lines),
        ]
    )
    caption = (
        f"Cells above the mean by {DEVIATIONS:g} standard deviations: share of the occupied cells among them, in true "
        "and in decoded grids, and how many there are in decoded ones, in brackets occupied ones; and the share of "
        "occupied cells among as many largest ones, decoded and of the mean grid."
    )
    columns = ["model", "cells a particle", "true (%)", "decoded (%)", "cells", "largest (%)", "mean grid (%)"]
    return Table(caption, columns, rows, "lrrrrrr")


def ways_table(a: CoordinateWays) -> Table:
    """Every way to coordinates, from decoded and from true matrices."""
    rows = [
        [line.order, line.way, *_numbers(line.decoded), *(_numbers(line.true)[:2] if line.true else ["–", "–"])]
        for line in a.lines
    ]
    caption = (
        "From decoded matrices: distance of a particle from its place in σ after the best turn and without any, radius "
        f"of gyration over the true one, no overlap ({OVERLAP}); then the first two of true matrices. Networks read "
        f"matrices of {a.trained_rows:,} training rows for {a.steps:,} steps."
    )
    columns = ["order", "way", "turned", "as it is", "gyration", "no overlap (%)", "turned, true", "as it is, true"]
    return Table(caption, columns, rows, "llrrrrrr")


def _numbers(found: Judged) -> list[str]:
    placed = "–" if found.placed is None else f"{found.placed:.2f}"
    return [f"{found.shape:.2f}", placed, f"{found.gyration:.2f}", percent(found.apart).removesuffix(PERCENT)]


def space_table(a: ThreeDimensions) -> Table:
    """Samples of every fluid at every γ."""
    pairs = [(space, level) for space in a.fluids.values() for level in space.levels]
    rows = by_columns(
        [
            [f"{space.density:.2f}" for space, _ in pairs],
            [f"{level.gravity:g}" for _, level in pairs],
            percents(level.apart for _, level in pairs),
            percents(level.inside for _, level in pairs),
            [f"{own:.1f} ({there:.1f})" for own, there in (level.contacts for _, level in pairs)],
            [minus(f"{off:.1f} ± {error:.1f}") for off, error in (level.off for _, level in pairs)],
        ]
    )
    trainings = max(len(level.members) for _, level in pairs)
    caption = (
        f"Samples of the prior, {over(trainings)}: no overlap ({OVERLAP}), all particles in the box, contacts and in "
        "brackets those of equilibrium, mean energy off equilibrium after sweeps of Monte Carlo."
    )
    return Table(caption, ["density", "γ", "no overlap (%)", "in box (%)", "contacts", "U off (ε)"], rows, "rrrrrr")


def proposals_table(a: LatentProposals) -> Table:
    """Acceptance of every generator beside what would pay."""
    rows = by_columns(
        [
            [str(level.particles) for level in a.levels],
            [GENERATORS[level.generator] for level in a.levels],
            [Cell(_accepted(level), VERDICTS[level.pays.answer]) for level in a.levels],
            percents((level.needed for level in a.levels), 1),
            [number(level.per_second) for level in a.levels],
            [number(level.tuned) for level in a.levels],
        ]
    )
    caption = (
        f"Independent proposals at γ = {a.gravity:g}: share accepted in equilibrium with its interval at 95 %, share "
        "that would give as many samples as tuned moves, proposals a CPU second, independent samples of tuned moves "
        "a CPU second."
    )
    columns = ["particles", "proposed by", "accepted (%)", "needed (%)", "proposals", "tuned moves"]
    return Table(caption, columns, rows, "rlrrrr")


def _accepted(level: Level) -> str:
    mean, low, high = (percent(x, 2).removesuffix(PERCENT) for x in level.acceptance[:3])
    return f"{mean} ({low}–{high})"


def weights_table(a: LatentProposals) -> Table:
    """What importance weights of the same draws are worth."""
    rows = by_columns(
        [
            [str(level.particles) for level in a.levels],
            [GENERATORS[level.generator] for level in a.levels],
            percents(level.acceptance.valid for level in a.levels),
            percents((level.acceptance.effective for level in a.levels), 2),
            [f"{level.gain:.3g}" for level in a.levels],
        ]
    )
    caption = (
        "The same draws: in the box and in order, effective share by their importance weights, accepted proposals a "
        f"CPU second over samples of tuned moves. {GROUP} samples latents and has no weights."
    )
    columns = ["particles", "proposed by", "possible (%)", "effective (%)", "gain"]
    return Table(caption, columns, rows, "rlrrr")
