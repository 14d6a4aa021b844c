"""Points of rate and distortion at the source's β, and lines between them (figure 10 of Jacobsen & Duraisamy)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.landscapes import Landscape, Objective, line
from beable.analysis.levels import over_regularised
from beable.analysis.rate_distortion import RateDistortion, rate_distortion
from beable.analysis.solutions import matched, solution
from beable.console.numbers import number
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.claims_of_lines import of_none
from beable.training.data import read
from beable.verdicts import Verdict

LARGE = 5.0  # least β of those of which the source says that many end over-regularised


@dataclass(frozen=True)
class Points:
    """Trainings at many β, and the loss at β = 1 between them.

    Args:
        points: rate and distortion of every member on training rows; β on the scale of the objective.
        over: whether each member is over-regularised.
        betas: β of the lines, falling; each runs to the next one, from the first member of each.
        lines: terms along them.
        loss: at β = 1 of the first member of each β.
    """

    points: RateDistortion
    over: list[Verdict]
    betas: NDArray[np.floating]
    lines: Landscape
    loss: NDArray[np.floating]

    def as_json(self) -> dict[str, Any]:
        """Points, verdicts, losses."""
        numbers = {"over_regularised": [v.as_json() for v in self.over], "betas": self.betas, "loss": self.loss}
        return dict(plain(self.points.as_json() | numbers | {"minimum": [v.as_json() for v in self.minimum]}))

    @property
    def minimum(self) -> list[Verdict]:
        """Whether the point of each β is a minimum of the loss at β = 1 along the lines to both its neighbours."""
        rises, falls = self.lines.rises(), _backwards(self.lines).rises()
        sides = [[v for v in (falls[k - 1] if k else None, rises[k] if k < len(rises) else None) if v is not None]
                 for k in range(len(self.betas))]  # fmt: skip
        return [_all(side) for side in sides]

    def over_at(self, beta: float) -> list[Verdict]:
        """Whether the members of one β are over-regularised."""
        return [v for own, v in zip(self.points.beta, self.over, strict=True) if own == beta]

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its figure 10."""
        return [_many(self), _no_other(self)]


def _backwards(lines: Landscape) -> Landscape:
    return Landscape(lines.places, {name: values[..., ::-1] for name, values in lines.samples.items()})


def _all(verdicts: list[Verdict]) -> Verdict:
    answers = [v.answer for v in verdicts]
    return Verdict(False if False in answers else None if None in answers else True, verdicts[0].reason)


def _many(a: Points) -> Claim:
    large = [v for beta, v in zip(a.points.beta, a.over, strict=True) if beta >= LARGE]
    there = sum(v.answer is True for v in large)
    words = "many trainings with β from 5 to 100 end over-regularised (figure 10)"
    lost = [float(b) for b in np.unique(a.points.beta) if all(v.answer for v in a.over_at(float(b)))]
    why = f"all of β {', '.join(map(number, lost))}" if lost else "of no β all"
    untold = sum(v.answer is None for v in large)
    verdict = REPRODUCED if there > 1 else UNTOLD if untold else DIFFERS
    return Claim("10", words, "many", f"{there} of {len(large)}", None, verdict, why)


def _no_other(a: Points) -> Claim:
    others = [v for beta, v in zip(a.betas, a.minimum, strict=True) if beta != 1]
    found = [number(beta) for beta, v in zip(a.betas, a.minimum, strict=True) if v.answer]
    words = "no other point of the rate-distortion curve is a local minimum of the loss at β = 1 (figure 10)"
    where = f"minima along the lines at β = {', '.join(found)}" if found else "no point is a minimum along the lines"
    return Claim(
        "10", words, "none", f"{sum(v.answer is True for v in others)} of {len(others)}", None, of_none(others), where
    )


def points(context: Context) -> Points:
    """Every member on training rows, and lines between neighbouring β."""
    arm = context.arm("points")
    run, store = context.run(arm), context.data_of(arm)
    snapshots = read(store, run.variables, run.train_rows, run.conditions)
    found = rate_distortion(run, snapshots)
    betas = np.unique(found.beta)[::-1]
    first = [solution(run, int(np.flatnonzero(found.beta == beta)[0])) for beta in betas]
    laid = [first[0]]
    for point in first[1:]:
        laid.append(matched(run, laid[-1], point, snapshots).point)
    lines = line(Objective(run, snapshots), laid[:-1], laid[1:])
    total = lines.terms["total"]
    return Points(found, over_regularised(run, snapshots), betas, lines, np.append(total[:, 0], total[-1, -1]))
