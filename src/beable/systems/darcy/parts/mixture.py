"""Do the latents become the factors of the flow: every arm on held-out rows, and every metric in its context."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from beable.analysis.score_table import ScoreRow
from beable.studies.context import Context
from beable.studies.outcomes import ArmOutcome, outcome, score_table


@dataclass(frozen=True)
class Mixture:
    """Arms beside each other.

    Args:
        arms: by name.
        scores: metric by metric.
    """

    arms: dict[str, ArmOutcome]
    scores: list[ScoreRow]

    def as_json(self) -> dict[str, Any]:
        """Every number of arms and scores."""
        return {"arms": self.arms, "scores": {row.metric: row for row in self.scores}}

    @property
    def best(self) -> str:
        """The trained arm with the most disentangled members, or with the least error where no factors are known."""
        return max(self._trained, key=self._success)

    @property
    def worst(self) -> str:
        """The opposite of the best."""
        return min(self._trained, key=self._success)

    @property
    def _trained(self) -> list[str]:
        return [name for name, o in self.arms.items() if o.run is not None]

    def _success(self, name: str) -> float:
        e = self.arms[name].evaluation
        if e.disentanglement is None:
            return -float(np.median(e.relative_error))
        return float(np.mean([v.answer is True for v in e.disentanglement.disentangled]))


def mixture(context: Context) -> Mixture:
    """Every arm on its held-out rows, linear ones too."""
    arms = {arm.name: outcome(context, arm) for arm in context.arms("judged")}
    return Mixture(arms, score_table(arms, context.store, context.workers))
