r"""Every metric of the list on the latents of several arms, between its ceiling and its chance level.

Ceiling and nulls depend on the factors alone, so they are drawn once for a metric and serve all arms. The corrected
value is (score - chance)/(ceiling - chance), with chance the mean over random rotations of the factors; where a
rotation leaves a metric at its ceiling, as it does measures of information, chance is the mean over shuffled rows.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.metrics import METRICS
from beable.metrics.context import ScoreContext, score_in_context
from beable.records import fields, plain

FloatArray = NDArray[np.floating]
DRAWS, FEWEST_ROWS = 15, 30
ALL = 10**6
#: of how many members, and in how many draws, where all members would take minutes
EXPENSIVE = {"s_kl": (1, 8), "dci": (4, DRAWS), "explicitness_auc": (4, DRAWS), "beta_vae_score": (4, DRAWS)}
ROTATION_COUNTS = 0.1


class ScoreRow(NamedTuple):
    """One metric on every arm.

    Args:
        metric: its name.
        ceiling: the factors against themselves.
        rotation, permutation: mean score of rotated factors, and of shuffled ones.
        against: which of the two is chance for this metric.
        scores: of each arm's members.
    """

    metric: str
    ceiling: float
    rotation: float
    permutation: float
    against: str
    scores: dict[str, FloatArray]

    @property
    def chance(self) -> float:
        return self.rotation if self.against == "rotation" else self.permutation

    def corrected(self, arm: str) -> float:
        """Median over an arm's members: 0 is chance, 1 the ceiling."""
        span = self.ceiling - self.chance
        return (float(np.median(self.scores[arm])) - self.chance) / span if span else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        arms = {arm: {"scores": s, "corrected": self.corrected(arm)} for arm, s in self.scores.items()}
        return plain({**fields(self), "scores": arms, "chance": self.chance})


def score_row(metric: str, codes: Mapping[str, FloatArray], factors: FloatArray) -> ScoreRow:
    """One metric on the latents of several arms.

    Args:
        metric: a name in ``METRICS``.
        codes: latents of each arm, (members, rows, latents); a few members are taken evenly where a metric is dear.
        factors: θ, (rows, factors).
    """
    members, draws = EXPENSIVE.get(metric, (ALL, DRAWS))
    measure = METRICS[metric]
    context = score_in_context(measure, factors, factors, repeats=draws, rotations=draws)
    scores = {arm: np.array([measure(z, factors).score for z in _evenly(many, members)]) for arm, many in codes.items()}
    return ScoreRow(metric, context.ceiling, context.rotation.mean, context.permutation.mean, _against(context), scores)


def _evenly(codes: FloatArray, members: int) -> FloatArray:
    return np.asarray(codes[np.linspace(0, len(codes) - 1, min(members, len(codes))).round().astype(int)])


def _against(context: ScoreContext) -> str:
    """Rotation, unless it leaves the metric near its ceiling compared with what shuffling does."""
    turned, shuffled = (abs(context.ceiling - null.mean) for null in (context.rotation, context.permutation))
    return "rotation" if turned > ROTATION_COUNTS * shuffled else "permutation"
