"""Do the latents become the factors of the flow: every arm on held-out rows, and every metric in its context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from beable.analysis.score_table import ScoreRow
from beable.studies.context import Context
from beable.studies.outcomes import ArmOutcome, outcome, score_table


class Found(NamedTuple):
    """How many members have each factor in a latent of its own.

    Args:
        found, missed, untold: members of which it is so, is not so, cannot be told.
        error: median relative squared error, of the best arm where there are several.
    """

    found: int
    missed: int
    untold: int
    error: float


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
        scores = {row.metric: row for row in self.scores}
        return {"arms": self.arms, "scores": scores, "trained": self.trained, "alone": self.alone, **self._ratio()}

    def _ratio(self) -> dict[str, Any]:
        return {"error_of_alone": {name: f.error / self.best_error for name, f in self.alone.items()}}

    @property
    def trained(self) -> dict[str, Found]:
        """The trained arms together by where they start."""
        arms = [o for o in self.arms.values() if o.run is not None]
        starts = dict.fromkeys(o.start for o in arms)
        return {start: found_of([o for o in arms if o.start == start]) for start in starts}

    @property
    def alone(self) -> dict[str, Found]:
        """Each linear method without training."""
        return {o.start: found_of([o]) for o in self.arms.values() if o.run is None}

    @property
    def best_error(self) -> float:
        """Median relative squared error of the trained arms from the start that has the least."""
        return min(f.error for f in self.trained.values())

    @property
    def best(self) -> str:
        """The trained arm with the most disentangled members, or with the least error where no factors are known."""
        return max(self._names, key=self._success)

    @property
    def worst(self) -> str:
        """The opposite of the best."""
        return min(self._names, key=self._success)

    @property
    def _names(self) -> list[str]:
        return [name for name, o in self.arms.items() if o.run is not None]

    def _success(self, name: str) -> float:
        e = self.arms[name].evaluation
        if e.disentanglement is None:
            return -float(np.median(e.relative_error))
        return float(np.mean([v.answer is True for v in e.disentanglement.disentangled]))


def found_of(arms: Sequence[ArmOutcome]) -> Found:
    """How many members of some arms have each factor in a latent of its own."""
    judged = [v.answer for o in arms if (d := o.evaluation.disentanglement) is not None for v in d.disentangled]
    members = sum(len(o.evaluation.relative_error) for o in arms)
    found, missed = judged.count(True), judged.count(False)
    error = min(float(np.median(o.evaluation.relative_error)) for o in arms)
    return Found(found, missed, members - found - missed, error)


def mixture(context: Context) -> Mixture:
    """Every arm on its held-out rows, linear ones too; all of them are trained on the same data."""
    judged = context.arms("judged")
    arms = {arm.name: outcome(context, arm) for arm in judged}
    return Mixture(arms, score_table(arms, context.data_of(judged[0]), context.workers))
