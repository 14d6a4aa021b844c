r"""Grids of densities as deck 1 reads them: pooling, a softmax output, and particles where a cell stands out.

A softmax sums to one over the cells, a grid of N particles to N over its largest count, so no weights fit it. A cell is
called a particle where it lies above the mean of its grid by five standard deviations: a share p of ones is found
only if :math:`p < 1/(1 + 5^2)`, on grids of more than 26 cells a particle.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.records import plain
from beable.representations.grids import DensityGrid
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.lennard_jones.parts.rows import held, trained
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
#: standard deviations above the mean from which on a cell is a particle
DEVIATIONS = 5.0
#: cells a particle above which the rule can find one
CELLS = 1 + DEVIATIONS**2
#: share of the error of the mean grid below which a model learned something, and above which it learned nothing
LEARNED, NOTHING = 0.9, 0.98
#: nats a row below which a rate is called collapsed
COLLAPSED = 0.05


class Line(NamedTuple):
    """One model of grids, its first training, on held-out rows.

    Args:
        label: of the arm.
        output: what the decoder ends with.
        cells: of a grid, for each particle.
        error: root-mean-square error of a cell at the posterior mean.
        mean_error: of the mean grid of training rows.
        total, decoded_total: sum over the cells of true and of decoded grids, means over rows.
        rate: nats a row.
        occupied: cells of a true grid with a particle.
        found: of these, the share above the mean by five standard deviations in the true grid.
        decoded_cells: cells that are so in a decoded grid, mean over rows.
        decoded_found: share of the occupied cells among these.
        largest_found: share of the occupied cells among as many largest ones of a decoded grid.
        largest_mean: the same of the mean grid.
    """

    label: str
    output: str
    cells: float
    error: float
    mean_error: float
    total: float
    decoded_total: float
    rate: float
    occupied: float
    found: float
    decoded_cells: float
    decoded_found: float
    largest_found: float
    largest_mean: float

    @property
    def share(self) -> float:
        """Its error over that of the mean grid."""
        return self.error / self.mean_error


@dataclass(frozen=True)
class Grids:
    """Models of grids side by side.

    Args:
        lines: by arm, that of the source first.
        shown: one true grid and what each arm decodes, by title, (cells, cells), floor below.
    """

    lines: dict[str, Line]
    shown: dict[str, FloatArray]

    def as_json(self) -> dict[str, Any]:
        """Every number but the grids."""
        first = next(iter(self.lines))
        shares: dict[str, object] = {name: line.share for name, line in self.lines.items()}
        found: dict[str, object] = {"arms": self.lines, "shares": shares, "source": first, "best": self.best}
        return plain(found | {"learned": self.learned, "cells_needed": CELLS, "deviations": DEVIATIONS})

    @property
    def best(self) -> str:
        """The arm whose error is the smallest beside that of its mean grid."""
        return min(self.lines, key=lambda name: self.lines[name].share)

    @property
    def learned(self) -> Verdict:
        """Whether any model beats the mean grid."""
        share = self.lines[self.best].share
        answer = True if share < LEARNED else False if share > NOTHING else None
        return Verdict(answer, f"{share:.3f} of the error of the mean grid")

    @property
    def claims(self) -> list[Claim]:
        """What deck 1 and the source's code say of grids."""
        return [self._collapse(), self._threshold()]

    def _collapse(self) -> Claim:
        line = next(iter(self.lines.values()))
        verdict = REPRODUCED if line.rate < COLLAPSED else DIFFERS
        evidence = (
            f"decoded grids sum to {line.decoded_total:.2f}, true ones to {line.total:.1f}; error of a cell "
            f"{line.error:.4f}, of the mean grid {line.mean_error:.4f}"
        )
        words = "pooling and a softmax output: the rate falls to nothing"
        return Claim("", words, "2e-5", f"{line.rate:.2g} nats", None, verdict, evidence)

    def _threshold(self) -> Claim:
        line = self.lines[self.best]
        verdict = REPRODUCED if line.decoded_found > 0.5 else DIFFERS
        evidence = (
            f"in true grids of {line.cells:.1f} cells a particle the rule finds {100 * line.found:.0f} % of them, in "
            f"decoded ones it finds {line.decoded_cells:.1f} cells; the rule needs more than {CELLS:g} cells a particle"
        )
        words = "cells above the mean by five standard deviations are the particles of a decoded grid"
        return Claim("", words, "–", f"{100 * line.decoded_found:.0f} % found", None, verdict, evidence)


def grids(context: Context) -> Grids:
    """Judge every arm on held-out rows."""
    lines, shown = dict[str, Line](), dict[str, FloatArray]()
    for arm in context.arms("judged"):
        run = context.run(arm)
        rows = held(context, run, context.option("rows"))
        true, made = _flat(run, rows)
        known = run.representation.transform(trained(context, run, 4 * context.option("rows"))).values
        mean = known.reshape(len(known), -1).mean(axis=0, dtype=np.float64)
        lines[arm.name] = _line(run, rows, arm.label, (true, made, mean))
        shown |= {f"true, {_side(run)}²": _upright(true[0], run), arm.label: _upright(made[0], run)}
    return Grids(lines, shown)


def _grid(run: Run) -> DensityGrid:
    if not isinstance(run.representation, DensityGrid):
        raise UsageError(f"this needs a run on 'density', this one learned {run.settings.representation.kind!r}")
    return run.representation


def _flat(run: Run, rows: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """True and decoded cells, (rows, cells)."""
    true = _grid(run).transform({"positions": rows["positions"]}).values
    made = run.locations(run.encode(rows).mean, run.conditions_of(rows))[0]
    return true.reshape(len(true), -1).astype(np.float64), made.reshape(len(true), -1).astype(np.float64)


def _line(run: Run, rows: dict[str, FloatArray], label: str, cells: tuple[FloatArray, FloatArray, FloatArray]) -> Line:
    true, made, mean = cells
    grid, occupied, settings = _grid(run), true > 0, run.settings.model
    above, chosen = grid.above(made, DEVIATIONS), grid.above(true, DEVIATIONS)
    output = "logistic" if settings.likelihood == "bernoulli" or settings.squashed is True else "linear"
    return Line(
        label,
        "softmax" if settings.squashed == "softmax" else output,
        true.shape[1] / grid.configurations.particles,
        _rms(made - true),
        _rms(mean - true),
        float(true.sum(axis=1).mean()),
        float(made.sum(axis=1).mean()),
        float(run.score(rows).rate[0].mean(axis=0).sum()),
        float(occupied.sum(axis=1).mean()),
        _share(chosen, occupied),
        float(above.sum(axis=1).mean()),
        _share(above, occupied),
        _share(_largest(made, occupied), occupied),
        _share(_largest(np.broadcast_to(mean, true.shape), occupied), occupied),
    )


def _rms(off: FloatArray) -> float:
    return float(np.sqrt(np.square(off).mean()))


def _share(chosen: NDArray[np.bool_], occupied: NDArray[np.bool_]) -> float:
    return float((chosen & occupied).sum() / occupied.sum())


def _largest(values: FloatArray, occupied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """As many largest cells of each row as are occupied."""
    place = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
    return np.asarray(place < occupied.sum(axis=1, keepdims=True))


def _side(run: Run) -> int:
    return _grid(run).cells


def _upright(row: FloatArray, run: Run) -> FloatArray:
    """Cells as a picture, the floor below."""
    return row.reshape(_grid(run).shape).T[::-1]
