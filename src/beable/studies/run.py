"""Running a study: data, arms, measures, report, each step kept and taken up again after an interruption.

::

    out/
      data.zarr        the snapshots
      runs/<arm>/      a run folder for each trained arm
      results.json     every number of the report
      report.html      the page
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import active_children, get_context
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable import files
from beable.analysis.evaluation import Evaluation, evaluate, evaluate_linear
from beable.analysis.score_table import FEWEST_ROWS, ScoreRow, score_row
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.errors import unknown
from beable.metrics import METRICS
from beable.studies.context import further_path
from beable.studies.study import Arm, Data, Study
from beable.systems import SYSTEMS
from beable.training.data import learnable, prepare
from beable.training.run import Run, representation_choice, train
from beable.training.settings import RunSettings
from beable.training.start import paths

Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Outcome:
    """What became of one arm.

    Args:
        arm: the arm.
        evaluation: on held-out rows.
        cpu_seconds: of all members together.
        run: the trained ensemble; None for a linear arm.
    """

    arm: Arm
    evaluation: Evaluation
    cpu_seconds: float
    run: Run | None


class Finished(NamedTuple):
    """What a study leaves.

    Args:
        store: the snapshots.
        outcomes: arm by arm.
        scores: metric by metric.
        results: what ``results.json`` holds.
    """

    store: Store
    outcomes: list[Outcome]
    scores: list[ScoreRow]
    results: dict[str, Any]


def make_data(data: Data, path: Path, workers: int | None, progress: Progress | None) -> Store:
    """Snapshots of a study by its simulator, generated or found complete."""
    if data.rows is None or data.simulator not in SYSTEMS:
        raise unknown("simulator", data.simulator, SYSTEMS)
    simulator = SYSTEMS.simulator(data.simulator)(**data.settings)
    return generate(simulator, path, data.rows, seed=data.seed, workers=workers, progress=progress)


def train_arms(study: Study, store: Store, out: Path, workers: int, progress: Progress | None) -> None:
    """Train every arm that is trained, as many at once as there are workers, one thread each, the longest first."""
    arms = [arm for arm in study.arms if arm.kind == "vae"]
    if not arms:
        return
    arms.sort(key=lambda arm: -cost(study.settings(arm)))
    settings = [study.settings(arm) for arm in arms]
    total = sum(s.training.steps for s in settings)
    with _pool(min(workers, len(arms)), len(arms)) as (pool, steps):
        futures = [
            pool.submit(_train_arm, str(_path(arm, store, out)), str(out / "runs" / arm.name), s.model_dump_json(), i)
            for i, (arm, s) in enumerate(zip(arms, settings, strict=True))
        ]
        _watch(futures, steps, total, progress)


def cost(settings: RunSettings) -> int:
    """What a training costs beside another, very roughly: numbers in all its batches."""
    t = settings.training
    return t.steps * t.members * (t.batch or 1000)


def _path(arm: Arm, store: Store, out: Path) -> Path:
    """The data that an arm is trained on."""
    return further_path(out, arm.data) if arm.data else store.path


@contextmanager
def _pool(workers: int, arms: int) -> Iterator[tuple[ProcessPoolExecutor, "SynchronizedArray[int]"]]:
    """Processes that count the steps of each arm in shared memory."""
    context = get_context("spawn")
    steps = context.Array("q", arms)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(steps,))
    try:
        yield pool, steps
    except BaseException:
        end_workers()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def end_workers() -> None:
    """End the processes at work, which would otherwise be waited for; what they have kept is taken up again."""
    for child in active_children():
        child.terminate()


_steps: "SynchronizedArray[int] | None" = None


def _begin(steps: "SynchronizedArray[int]") -> None:
    global _steps
    _steps = steps


def _train_arm(store: str, path: str, settings: str, index: int) -> None:
    def count(done: int, total: int) -> None:
        if _steps is not None:
            _steps[index] = done

    train(Store.open(store), path, RunSettings.model_validate_json(settings), progress=count)


def _watch(
    futures: list["Future[None]"],
    steps: "SynchronizedArray[int]",
    total: int,
    progress: Progress | None,
) -> None:
    """Report the steps of all arms until the last is done; the first failure ends it."""
    left = set(futures)
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        if progress:
            progress(total if not left else sum(steps[:]), total)


def judge(study: Study, store: Store, out: Path, progress: Progress | None) -> list[Outcome]:
    """Evaluate every arm on the held-out rows."""
    outcomes = []
    for i, arm in enumerate(study.arms):
        settings = study.settings(arm)
        outcomes.append(_judge_linear(arm, settings, store) if arm.kind == "linear" else _judge_vae(arm, store, out))
        if progress:
            progress(i + 1, len(study.arms))
    return outcomes


def _judge_vae(arm: Arm, store: Store, out: Path) -> Outcome:
    run = Run.load(out / "runs" / arm.name)
    return Outcome(arm, evaluate(run, store), run.cpu_seconds, run)


def _judge_linear(arm: Arm, settings: RunSettings, store: Store) -> Outcome:
    started = process_time()
    t = settings.training
    data = prepare(store, learnable(store, settings.variables), *representation_choice(settings), t)
    codes = data.train.values.reshape(len(data.train.values), -1)
    linear = paths(t.start, codes, settings.model.latents, range(t.members), t.seed)
    if linear is None:
        raise unknown("linear arm", t.start, ["ica", "pca"])
    return Outcome(arm, evaluate_linear(linear, data, store), process_time() - started, None)


def run_study(
    study: Study, preset: str, out: Path, *, workers: int | None = None, stage: Stage | None = None
) -> Finished:
    """Run a study from nothing to its results, or from where it was interrupted.

    Args:
        study: the study, preset already in place.
        preset: its name, for the record.
        out: folder for everything.
        workers: processes; all cores by default.
        stage: called with the name of each stage, answers with a context that gives its progress callback.
    """
    workers = workers or len(os.sched_getaffinity(0))
    stages = stage or silent
    files.make_folder(out)
    with stages("snapshots") as progress:
        store = make_data(study.data, out / "data.zarr", workers, progress)
    with stages("training") as progress:
        train_arms(study, store, out, workers, progress)
    with stages("measures") as progress:
        outcomes = judge(study, store, out, progress)
    with stages("scores") as progress:
        scores = score_arms(outcomes, store, workers, progress)
    results = results_of(study, preset, store, outcomes, scores)
    files.write_json(out / "results.json", results)
    return Finished(store, outcomes, scores, results)


def silent(name: str) -> AbstractContextManager[Progress]:
    """A stage that tells nobody."""
    return nullcontext(lambda done, total: None)


def score_arms(outcomes: list[Outcome], store: Store, workers: int, progress: Progress | None) -> list[ScoreRow]:
    """Every metric on every arm's latents; nothing for data without factors or with too few rows for halves of them."""
    if not store.factors or len(outcomes[0].evaluation.rows) < FEWEST_ROWS:
        return []
    factors = store.values[outcomes[0].evaluation.rows]
    codes = {o.arm.name: o.evaluation.codes for o in outcomes}
    rows = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for row in pool.map(score_row, METRICS, repeat(codes), repeat(factors)):
            rows.append(row)
            if progress:
                progress(len(rows), len(METRICS))
    return rows


def results_of(
    study: Study, preset: str, store: Store, outcomes: list[Outcome], scores: list[ScoreRow]
) -> dict[str, Any]:
    """Every number of the report, ready for JSON."""
    return {
        "study": study.name,
        "preset": preset,
        "store": store.id,
        "rows": study.data.rows,
        "seed": study.data.seed,
        "arms": {o.arm.name: arm_results(o) for o in outcomes},
        "scores": {row.metric: row.as_json() for row in scores},
        "expected": [comparison(study, e, outcomes) for e in study.expected],
    }


def arm_results(outcome: Outcome) -> dict[str, Any]:
    """One arm's numbers; lists hold one number a member."""
    members = len(outcome.evaluation.relative_error)
    return outcome.evaluation.as_json() | {
        "label": outcome.arm.label,
        "run": outcome.run.id if outcome.run else None,
        "cpu_seconds_per_member": outcome.cpu_seconds / members,
    }


def comparison(study: Study, expected: Any, outcomes: list[Outcome]) -> dict[str, Any]:
    """The source's share beside ours, with the probability of so large a difference by luck (Fisher's exact test)."""
    from scipy.stats import binomtest, fisher_exact

    outcome = next(o for o in outcomes if o.arm.name == expected.arm)
    hits = _hits(outcome, expected.measure)
    count, trials = int(np.sum(hits)), len(hits)
    table = [[count, trials - count], [expected.count, expected.trials - expected.count]]
    interval = binomtest(count, trials).proportion_ci(method="wilson")
    return {
        "arm": expected.arm,
        "measure": expected.measure,
        "words": expected.words,
        "source": [expected.count, expected.trials],
        "ours": [count, trials],
        "interval": [float(interval.low), float(interval.high)],
        "p_value": float(fisher_exact(table).pvalue),
    }


def _hits(outcome: Outcome, measure: str) -> NDArray[np.bool_]:
    """Whether the measure is true, (members)."""
    e = outcome.evaluation
    known = {} if e.regularisation is None else {"over_regularised": e.regularisation.over_regularised}
    known |= {} if e.disentanglement is None else {"disentangled": e.disentanglement.disentangled}
    if measure not in known:
        raise unknown(f"measure of arm {outcome.arm.name}", measure, known)
    return known[measure]
