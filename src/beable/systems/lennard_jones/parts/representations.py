"""Why sorted distances and sorted coordinates fail: every representation in one table.

For each: what linear components leave, what the VAE leaves, what it costs, what the latents know of γ, and whether
configurations decoded from data and from the prior are free of overlaps.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.anomaly import row_scores
from beable.records import plain
from beable.representations.representation import Representation
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import inside, smallest_distance
from beable.systems.lennard_jones.gravity_map import bayes_ceiling, probe
from beable.systems.lennard_jones.parts.rows import fluid, held, trained
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
CORE = 0.8
COMPONENTS = (2, 10, 40)
#: arms by what gives the particles their order
SORTED = ("corner", "columns", "centre", "polar", "unsorted", "pairs")
ASSIGNED = ("coordinates", "pairs-assigned", "joint")


class Line(NamedTuple):
    """One representation.

    Args:
        label: of the arm.
        numbers: that the code has.
        explained: share of the variance that two principal components explain.
        linear: root-mean-square error of so many components in the unit of the data (σ for lengths).
        error: the same of the VAE at the posterior mean, median over members.
        rate: nats a row, median over members.
        gravity: accuracy of a linear probe of γ, median over members.
        decoded: share of decoded held-out rows with all distances above 0.8 σ, median over members.
        sampled, inside: of samples of the prior, and of those the share with all particles in the box.
    """

    label: str
    numbers: int
    explained: float
    linear: dict[int, float]
    error: float
    rate: float
    gravity: float
    decoded: float
    sampled: float
    inside: float


@dataclass(frozen=True)
class Representations:
    """The table.

    Args:
        lines: by arm.
        ceiling: best possible accuracy of γ.
        samples: one decoded sample of the prior by arm.
        box: L.
    """

    lines: dict[str, Line]
    ceiling: float
    samples: dict[str, FloatArray]
    box: float

    def as_json(self) -> dict[str, Any]:
        """The table, ready for JSON, and shares of samples without overlap by kind of order."""
        kinds = {"sorted": self._shares(SORTED), "assigned": self._shares(ASSIGNED)}
        return plain({"arms": self.lines, "ceiling": self.ceiling, **kinds, "fail": self.fail})

    def _shares(self, arms: tuple[str, ...]) -> dict[str, float | None]:
        shares = [line.sampled for name, line in self.lines.items() if name in arms]
        return {"count": len(shares), "least": min(shares, default=None), "most": max(shares, default=None)}

    @property
    def fail(self) -> Verdict:
        """Whether sorted particles fail: none has half as many samples without overlap as every assigned one."""
        most, least = self._shares(SORTED)["most"], self._shares(ASSIGNED)["least"]
        if most is None or least is None:
            return Verdict(None, "no arm of one kind")
        answer = True if 2 * most < least else False if most >= least else None
        return Verdict(answer, f"at most {most:.3f} of sorted particles, at least {least:.3f} of assigned ones")


def representations(context: Context) -> Representations:
    """A line of the table for each arm, on held-out rows."""
    system, limit, samples = fluid(context), context.option("rows"), context.option("samples")
    lines, shown = {}, {}
    for arm in context.arms("judged"):
        run = context.run(arm)
        rows = held(context, run, limit)
        drawn = [s["positions"] for s in run.decode(run.sample(samples))]
        lines[arm.name] = _line(arm.label, run, trained(context, run, limit), rows, drawn, system.boxes[0])
        shown[arm.name] = drawn[0][0]
    heights = rows["positions"][..., -1].sum(1)
    ceiling = bayes_ceiling(heights, rows["gravity"], system.temperatures[0])
    return Representations(lines, ceiling.accuracy.score, shown, system.boxes[0])


def _line(
    label: str,
    run: Run,
    train: dict[str, FloatArray],
    rows: dict[str, FloatArray],
    drawn: list[FloatArray],
    box: float,
) -> Line:
    codes, scores = run.encode(rows), row_scores(run, rows)
    decoded = [s["positions"] for s in run.decode(codes.mean)]
    linear = _linear(run.representation, train, rows)
    return Line(
        label,
        run.representation.code.group.size,
        linear[0],
        linear[1],
        float(np.median(np.sqrt(np.square(scores.error).mean(1)))),
        float(np.median(scores.rate.mean(1))),
        float(np.median([probe(z, rows["gravity"]).score for z in codes.mean])),
        float(np.median([_apart(x) for x in decoded])),
        float(np.median([_apart(x) for x in drawn])),
        float(np.median([inside(x, box).mean() for x in drawn])),
    )


def _apart(positions: FloatArray) -> float:
    return float((smallest_distance(positions) > CORE).mean())


def _linear(
    representation: Representation, train: dict[str, FloatArray], rows: dict[str, FloatArray]
) -> tuple[float, dict[int, float]]:
    """Share of the variance on two principal components of training rows, and errors of held-out rows."""
    codes = [representation.transform({"positions": r["positions"]}) for r in (train, rows)]
    fitted, judged = (c.values.reshape(len(c.values), -1).astype(np.float64) for c in codes)
    centre = fitted.mean(0)
    _, s, v = np.linalg.svd(fitted - centre, full_matrices=False)
    off, code = judged - centre, representation.code
    outputs = float(code.dimension.sum())
    unit = np.exp(code.log_volume / outputs)
    left = codes[1].residual_energy.sum()
    errors = {
        k: float(unit * np.sqrt((np.square(off - off @ v[:k].T @ v[:k]).sum() + left) / outputs / len(off)))
        for k in COMPONENTS
    }
    return float((s[:2] ** 2).sum() / (s**2).sum()), errors
