"""Cells of a parity study: packing fractions that a member decoded against what its decoded inputs really give."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from beable.records import fields
from beable.simulator import Simulator
from beable.systems.packing.nmi_spread import naive_pass_rate
from beable.systems.packing.parity_cells import CellParity, cell_parity
from beable.systems.packing.parts.ensembles import Decoded, Members
from beable.systems.packing.parts.oracles import simulated
from beable.systems.packing.parts.rows import Floats

FEWEST = 6


class ParityCell(NamedTuple):
    """One member's reconstructions and their truth.

    Args:
        beta, seed: of the member.
        reconstructed, recomputed: packing fractions, (rows).
        moved: share of decoded rows that had to be brought into the simulator's ranges.
        parity: every number of it.
    """

    beta: float
    seed: int
    reconstructed: Floats
    recomputed: Floats
    moved: float
    parity: CellParity

    @property
    def deviation(self) -> float:
        """Standard deviation of the reconstructions over their mean."""
        return self.parity.reconstructed_deviation / self.parity.reconstructed

    def as_json(self) -> dict[str, Any]:
        """Every number, those of single rows too."""
        return fields(self, "parity") | self.parity.as_json()


def by_function(
    oracle: Callable[[Floats], Floats], rows: Sequence[Decoded], members: Members, repeats: int
) -> list[ParityCell]:
    """A cell for each member, recomputed by a function of inputs."""
    values = np.split(oracle(np.concatenate([d.inputs for d in rows])), len(rows))
    return [_cell(members, k, d, v, 0.0, repeats) for k, (d, v) in enumerate(zip(rows, values, strict=True))]


def by_simulator(
    simulator: Simulator, rows: Sequence[Decoded], members: Members, seed: int, repeats: int
) -> list[ParityCell]:
    """A cell for the first member of each β, recomputed by the simulator; none where it refuses nearly all rows."""
    cells = []
    for k in np.flatnonzero(members.seeds == 0).tolist():
        found = simulated(simulator, rows[k].inputs, seed, k * len(rows[k].inputs))
        good = np.isfinite(found.values)
        if good.sum() >= FEWEST:
            kept = Decoded(rows[k].inputs[good], rows[k].packing_fraction[good])
            cells.append(_cell(members, k, kept, found.values[good], float(found.moved.mean()), repeats))
    return cells


def _cell(members: Members, k: int, rows: Decoded, values: Floats, moved: float, repeats: int) -> ParityCell:
    parity = cell_parity(rows.packing_fraction, values, repeats=repeats, rng=k)
    return ParityCell(float(members.betas[k]), int(members.seeds[k]), rows.packing_fraction, values, moved, parity)


#: numbers of a cell that are given as medians over seeds
NUMBERS: dict[str, Callable[[ParityCell], float]] = {
    "reconstructed": lambda c: c.parity.reconstructed,
    "recomputed": lambda c: c.parity.recomputed,
    "deviation": lambda c: c.deviation,
    "reconstructed_deviation": lambda c: c.parity.reconstructed_deviation,
    "recomputed_deviation": lambda c: c.parity.recomputed_deviation,
    "r2": lambda c: c.parity.r2,
    "bias": lambda c: c.parity.bias,
    "mae": lambda c: c.parity.mae,
    "nmi": lambda c: c.parity.nmi.score,
    "chance": lambda c: c.parity.nmi.chance,
    "ami": lambda c: c.parity.ami.score,
    "nmi_p": lambda c: c.parity.nmi.p,
    "ksg": lambda c: c.parity.ksg.score,
    "ksg_p": lambda c: c.parity.ksg.p,
    "spearman": lambda c: c.parity.spearman.score,
    "spearman_p": lambda c: c.parity.spearman.p,
    "t": lambda c: abs(c.parity.two_sample.t),
    "p": lambda c: c.parity.two_sample.p,
    "paired_t": lambda c: abs(c.parity.paired.t),
    "paired_p": lambda c: c.parity.paired.p,
    "equivalence_p": lambda c: c.parity.equivalence_p,
    "moved": lambda c: c.moved,
}


def columns_of(cells: Sequence[ParityCell]) -> dict[str, Floats]:
    """The cells' numbers by name, and β, (cells)."""
    found = {name: np.array([number(c) for c in cells], np.float64) for name, number in NUMBERS.items()}
    return found | {"beta": np.array([c.beta for c in cells])}


def summary(cells: Sequence[ParityCell]) -> dict[str, Any]:
    """Medians of some cells, and the share of them that looks like agreement by each criterion."""
    if not cells:
        return {"cells": 0}
    numbers = {name: _median(values) for name, values in columns_of(cells).items() if name != "beta"}
    constant = {"constant": float(np.mean([c.parity.constant_reconstructed for c in cells]))}
    return {"cells": len(cells)} | numbers | constant | {"naive_pass_rate": naive_pass_rate([c.parity for c in cells])}


def _median(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else float("nan")
