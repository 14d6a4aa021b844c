"""What became of the arms of a part, for measures of any system: each evaluated, and every metric on all of them."""

from collections.abc import Mapping
from itertools import repeat
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from beable.analysis.evaluation import Evaluation, evaluate, evaluate_linear
from beable.analysis.score_table import FEWEST_ROWS, ScoreRow, score_row
from beable.datasets.store import Store
from beable.errors import unknown
from beable.metrics import METRICS
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.training.data import learnable, prepare
from beable.training.run import representation_choice, settled
from beable.training.settings import RunSettings
from beable.training.start import linear_starts
from beable.workers import pool

#: starts that are a method without training too
LINEAR = ("ica", "pca", "support")


class ArmOutcome(NamedTuple):
    """What became of one arm.

    Args:
        label: of the arm.
        start: where its trainings begin, or the method of an arm without training.
        evaluation: on held-out rows.
        cpu_seconds: of all members together.
        run: identity of the trained ensemble; None for a linear arm.
    """

    label: str
    start: str
    evaluation: Evaluation
    cpu_seconds: float
    run: str | None

    @property
    def cpu_seconds_per_member(self) -> float:
        """What one member cost."""
        return self.cpu_seconds / len(self.evaluation.relative_error)

    def as_json(self) -> dict[str, Any]:
        """Every number; lists hold one number a member."""
        about = {
            "label": self.label,
            "start": self.start,
            "run": self.run,
            "cpu_seconds_per_member": self.cpu_seconds_per_member,
        }
        return self.evaluation.as_json() | about


def outcome(context: Context, arm: Arm) -> ArmOutcome:
    """An arm judged on the rows that it held out."""
    store = context.data_of(arm)
    if arm.kind == "linear":
        return _linear(arm, context.study.settings(arm), store)
    run = context.run(arm)
    return ArmOutcome(arm.label, run.settings.training.start, evaluate(run, store), run.cpu_seconds, run.id)


def _linear(arm: Arm, settings: RunSettings, store: Store) -> ArmOutcome:
    """The start alone, from bootstrap draws of the training rows."""
    started, settings = process_time(), settled(settings, store)
    t = settings.training
    data = prepare(store, learnable(store, settings.variables), *representation_choice(settings), t)
    codes = data.train.values.reshape(len(data.train.values), -1)
    if t.start not in LINEAR:
        raise unknown("linear arm", t.start, LINEAR)
    paths = linear_starts(t.start, codes, settings.model.latents, range(t.members), t.seed)
    linear = [path for path in paths if path is not None]
    evaluation = evaluate_linear(linear, data, store)
    return ArmOutcome(arm.label, t.start, evaluation, process_time() - started, None)


def score_table(outcomes: Mapping[str, ArmOutcome], store: Store, workers: int = 1) -> list[ScoreRow]:
    """Every metric on the latents of arms that held out the same rows; none without factors or with too few rows.

    Args:
        outcomes: of the arms, by name.
        store: their snapshots.
        workers: processes.
    """
    rows = next(iter(outcomes.values())).evaluation.rows
    if not store.factors or len(rows) < FEWEST_ROWS:
        return []
    codes = {name: np.asarray(o.evaluation.codes) for name, o in outcomes.items()}
    given = METRICS, repeat(codes), repeat(store.factor_values[rows])
    if workers == 1:
        return list(map(score_row, *given))
    with pool(workers) as executor:
        return list(executor.map(score_row, *given))
