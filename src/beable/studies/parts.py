"""Running a study of several questions: all data, all arms, then the measure of each part, and what the source says.

::

    out/
      data.zarr            the snapshots that arms are trained on
      further/<name>.zarr  other snapshots
      runs/<arm>/          a run folder for each arm
      results.json         every number of the report
      report.html          the page
"""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from beable import files
from beable.datasets.store import Store
from beable.errors import UsageError, unknown
from beable.studies.context import Answer, Context, data_path, further_path, reported_number
from beable.studies.part import Part as CodedPart
from beable.studies.run import Progress, Stage, end_workers, make_data, silent, train_arms
from beable.studies.study import Part, Reported, Study
from beable.systems import SYSTEMS, imported
from beable.training.run import Run
from beable.workers import cores


def parts_of(study: Study) -> dict[str, CodedPart]:
    """The parts of the system that the study's data come from, by name."""
    reference = SYSTEMS[study.data.simulator].parts
    return imported(reference) if reference else {}


class Answered(NamedTuple):
    """A part with its answer.

    Args:
        part: the question.
        answer: what its measure found.
        cpu_seconds: that the measure took.
    """

    part: Part
    answer: Answer
    cpu_seconds: float


class Finished(NamedTuple):
    """What a study of several questions leaves.

    Args:
        store: the snapshots.
        runs: the trained ensembles by arm.
        left_out: titles of the parts that need files that were not given, with the names of these.
        answers: part by part.
        results: what ``results.json`` holds.
    """

    store: Store
    runs: dict[str, Run]
    left_out: dict[str, list[str]]
    answers: list[Answered]
    results: dict[str, Any]


def run_parts(
    study: Study,
    preset: str,
    out: Path,
    *,
    given: Mapping[str, Path] | None = None,
    workers: int | None = None,
    stage: Stage | None = None,
) -> Finished:
    """Run a study of several questions from nothing to its results, or from where it was interrupted.

    Args:
        study: the study, preset already in place.
        preset: its name, for the record.
        out: folder for everything.
        given: files of the user, by the names that the study has for them; parts that need others are left out.
        workers: processes; all cores by default.
        stage: called with the name of each stage, answers with a context that gives its progress callback.
    """
    workers, stages = workers or cores(), stage or silent
    _check_measures(study)
    whole, present = study, dict(given or {})
    study = _possible(whole, present)
    files.make_folder(out)
    store = _make_all_data(study, out, present, workers, stages)
    with stages("training") as progress:
        train_arms(study, store, out, workers, progress)
    with stages("measures") as progress:
        answers = _answers(study, out, workers, progress)
    runs = {arm.name: Context(study, study.parts[0], out).run(arm.name) for arm in study.arms}
    results = results_of(study, preset, store, runs, answers)
    files.write_json(out / "results.json", results)
    left_out = {
        part.title: [name for name in whole.part(part.name).files if name not in present]
        for part in whole.parts
        if part not in study.parts
    }
    return Finished(store, runs, left_out, answers, results)


def _possible(study: Study, given: Mapping[str, Path]) -> Study:
    """The study with the parts that the files allow.

    Raises:
        UsageError: a file that the study knows nothing of, or that is not there, or no part left.
    """
    for name, path in given.items():
        if name not in study.files:
            raise unknown(f"file of study {study.name}", name, study.files)
        if not path.is_file():
            raise UsageError(f"{path}: no such file: check the name")
    possible = study.without(set(study.files) - set(given))
    if not possible.parts:
        raise UsageError(f"study {study.name} needs {' '.join(f'--file {name}=PATH' for name in study.files)}")
    return possible


def _check_measures(study: Study) -> None:
    for part in study.parts:
        if part.measure not in (known := parts_of(study)):
            raise unknown(f"measure of part {part.name}", part.measure, known)
    if any(arm.kind != "vae" for arm in study.arms):
        raise UsageError(f"study {study.name}: arms of a study with parts are trained: leave out kind")


def _make_all_data(study: Study, out: Path, given: Mapping[str, Path], workers: int, stages: Stage) -> Store:
    with stages("snapshots") as progress:
        store = make_data(study.data, data_path(out), workers, progress)
    files.make_folder(out / "further")
    for name, data in study.further.items():
        with stages(f"snapshots, {name}") as progress:
            if data.simulator:
                make_data(data, further_path(out, name), workers, progress)
            else:
                imported(SYSTEMS[study.data.simulator].sources["table"])(data, out, name, given)
    return store


def _answers(study: Study, out: Path, workers: int, progress: Progress) -> list[Answered]:
    """The parts in processes of their own, in the order of the study."""
    found: dict[str, Answered] = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_answer, study, part, out) for part in study.parts]
        try:
            for future in as_completed(futures):
                answered = future.result()
                found[answered.part.name] = answered
                progress(len(found), len(study.parts))
        except BaseException:
            end_workers()
            raise
    return [found[part.name] for part in study.parts]


def _answer(study: Study, part: Part, out: Path) -> Answered:
    begun = process_time()
    answer = parts_of(study)[part.measure].measure(Context(study, part, out))
    return Answered(part, answer, process_time() - begun)


def results_of(
    study: Study, preset: str, store: Store, runs: dict[str, Run], answers: list[Answered]
) -> dict[str, Any]:
    """Every number of the report, ready for JSON."""
    parts = {a.part.name: a.answer.as_json() | {"cpu_seconds": a.cpu_seconds} for a in answers}
    return {
        "study": study.name,
        "preset": preset,
        "store": store.id,
        "rows": study.data.rows,
        "seed": study.data.seed,
        "assessment": store.assessment,
        "arms": {
            name: {"run": run.id, "members": run.members, "cpu_seconds": run.cpu_seconds} for name, run in runs.items()
        },
        "parts": parts,
        "expected": [_compared(a.part, e, parts[a.part.name]) for a in answers for e in a.part.expected],
    }


def _compared(part: Part, reported: Reported, numbers: dict[str, Any]) -> dict[str, Any]:
    """A reported number beside ours; None where ours is not defined.

    Raises:
        UsageError: the part has no number of that path.
    """
    ours = reported_number(numbers, reported.path, missing="nothing")
    if not isinstance(ours, int | float | None):
        raise UsageError(f"part {part.name} has no number {reported.path!r}: mend the study's file")
    return {
        "part": part.name,
        "path": reported.path,
        "by": reported.by,
        "words": reported.words,
        "relation": reported.relation,
        "tolerance": reported.tolerance,
        "source": reported.value,
        "ours": None if ours is None else float(ours),
        "agrees": None if ours is None else reported.agrees(float(ours)),
    }
