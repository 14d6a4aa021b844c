"""Runs beside each other: errors in physical units on the same rows where that can be, rates, verdicts, settings.

Of two runs the trainings of each are compared by the rank test of Mann & Whitney (1947): it asks whether a training of
one has a lower error than one of the other more often than chance gives. It speaks of trainings on this split of rows.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from beable.analysis.evaluation import FEWEST_ROWS, Evaluation, evaluate
from beable.console.numbers import number
from beable.console.records import readable
from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.settings import leaves
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
LEVEL = 0.05


class Subject(NamedTuple):
    """A run that is compared.

    Args:
        name: by which it is called.
        run: the training.
        store: the data set that it is judged on.
    """

    name: str
    run: Run
    store: Store


@readable
class Comparison(NamedTuple):
    """Runs beside each other, in the order that they were given.

    Args:
        names: of the runs.
        same_data: whether all were trained on one data set.
        rows: which rows each was judged on, in words.
        channels: names of the channels that all runs decode.
        error: largest relative error of these channels in physical units, by run, (members) each.
        evaluations: by run.
        lowest: whether the run with the lowest median error is better than the next; the reason names both.
        differing: settings that differ, by dotted names, with the value of each run; None where a run has none.
        cpu_seconds: of each training.
    """

    names: list[str]
    same_data: Verdict
    rows: str
    channels: list[str]
    error: dict[str, FloatArray]
    evaluations: dict[str, Evaluation]
    lowest: Verdict
    differing: dict[str, list[Any]]
    cpu_seconds: list[float]

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        told = {"same_data": self.same_data.as_json(), "lowest": self.lowest.as_json()}
        kept = {
            name: getattr(self, name) for name in ("names", "rows", "channels", "error", "differing", "cpu_seconds")
        }
        return dict(plain(kept | told | {"runs": {name: e.as_json() for name, e in self.evaluations.items()}}))


def compare(subjects: Sequence[Subject], *, any_data: bool = False, agreement: bool = True) -> Comparison:
    """Judge runs and put them beside each other.

    Args:
        subjects: the runs, with names of their own.
        any_data: whether they may have been trained on different data sets.
        agreement: also ask what the members of each agree on.

    Raises:
        UsageError: fewer than two runs, a name given twice, or different data sets where these are not allowed.
        DataError: no channel that all runs decode.

    >>> import tempfile
    >>> from beable import RunSettings, TrainingSettings, train
    >>> wave = np.sin(np.arange(12) + np.random.default_rng(0).uniform(0, 6, (60, 1)))
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/waves.zarr", {"height": wave})
    >>> def run(steps):
    ...     training = TrainingSettings(members=2, steps=steps)
    ...     return train(store, store.path.with_name(f"run{steps}"), RunSettings(training=training))
    >>> found = compare([Subject("short", run(5), store), Subject("long", run(9), store)], agreement=False)
    >>> found.differing, found.lowest.answer
    ({'training.steps': [5, 9]}, None)
    """
    _check(subjects, any_data)
    ids = {s.run.metadata["store"] for s in subjects}
    same = Verdict(len(ids) == 1, f"{len(ids)} data set{'s' * (len(ids) > 1)} of {len(subjects)} runs")
    chosen, words = _rows(subjects, bool(same.answer))
    found = {
        s.name: evaluate(s.run, s.store, rows, agreement=agreement) for s, rows in zip(subjects, chosen, strict=True)
    }
    channels = _shared(found)
    error = {name: _worst(evaluation, channels) for name, evaluation in found.items()}
    return Comparison(
        [s.name for s in subjects],
        same,
        words,
        channels,
        error,
        found,
        lowest(error) if same.answer else Verdict(None, "the runs were trained on different data sets"),
        differing({s.name: s.run for s in subjects}),
        [s.run.cpu_seconds for s in subjects],
    )


def _check(subjects: Sequence[Subject], any_data: bool) -> None:
    names = [s.name for s in subjects]
    if len(subjects) < 2 or len(set(names)) < len(names):
        raise UsageError(f"compare two or more runs, each once, not {', '.join(names) or 'none'}")
    first = subjects[0]
    others = [s.name for s in subjects if s.run.metadata["store"] != first.run.metadata["store"]]
    if others and not any_data:
        raise UsageError(
            f"{', '.join(others)}: trained on another data set than {first.name}: compare runs on one data set, or say "
            "that any will do (--any-data, any_data=True)"
        )


def _rows(subjects: Sequence[Subject], same: bool) -> tuple[list[NDArray[np.int64]], str]:
    """Rows that none of the runs has learned from, or those that each has held out."""
    own = [s.run.held_rows for s in subjects]
    if same:
        common = own[0]
        for rows in own[1:]:
            common = np.intersect1d(common, rows)
        if len(common) >= FEWEST_ROWS:
            return [common] * len(own), f"{len(common):,} rows that none of the runs learned from"
    return own, "the rows that each run held out, which are not the same"


def _shared(found: Mapping[str, Evaluation]) -> list[str]:
    """Channels with an error in every run."""
    names = [
        [n for n, e in evaluation.channels.pooled.items() if np.isfinite(e).all()] for evaluation in found.values()
    ]
    shared = [name for name in names[0] if all(name in others for others in names)]
    if not shared:
        raise DataError("the runs decode no channel in common: compare runs on the same variables")
    return shared


def _worst(evaluation: Evaluation, channels: Sequence[str]) -> FloatArray:
    return np.asarray(np.max([evaluation.channels.pooled[name] for name in channels], axis=0))


def lowest(error: Mapping[str, FloatArray]) -> Verdict:
    """Whether the run with the lowest median error is better than the next.

    Args:
        error: of each run's members.

    >>> print(lowest({"a": np.array([1.0, 2.0, 3.0, 2.5]), "b": np.array([4.0, 5.0, 6.0, 4.5])}))
    yes: a has a lower error than b (medians 2.25 and 4.75, rank test p = 0.029)
    >>> lowest({"a": np.array([1.0, 2.0]), "b": np.array([4.0, 5.0])}).answer is None
    True
    """
    first, second = sorted(error, key=lambda name: float(np.median(error[name])))[:2]
    p = float(mannwhitneyu(error[first], error[second]).pvalue)
    middle = [number(np.median(error[name])) for name in (first, second)]
    medians = f"medians {middle[0]} and {middle[1]}, rank test p = {number(p, digits=2)}"
    if p < LEVEL:
        return Verdict(True, f"{first} has a lower error than {second} ({medians})")
    few = min(len(error[first]), len(error[second]))
    return Verdict(None, f"{first} and {second} cannot be told apart by {few} members ({medians})")


def differing(runs: Mapping[str, Run]) -> dict[str, list[Any]]:
    """Settings in which runs differ, by dotted names, with the value of each run."""
    trees = [dict(leaves(json.loads(run.settings.model_dump_json()))) for run in runs.values()]
    trees = [tree | {"variables": run.variables} for tree, run in zip(trees, runs.values(), strict=True)]
    names = dict.fromkeys(name for tree in trees for name in tree)
    values = {name: [tree.get(name) for tree in trees] for name in names}
    return {name: found for name, found in values.items() if any(v != found[0] for v in found)}
