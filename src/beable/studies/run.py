"""Running a study: data, arms, then the measure of each part, each step kept and taken up again after an interruption.

::

    out/
      study.json            what was asked: the study with its preset in place
      data.zarr             the snapshots that arms are trained on
      datasets/<name>.zarr  other snapshots
      runs/<arm>/           a run folder for each trained arm
      answers/<part>/       what the measure of each part found
      results.json          every number of the report
      report.html           the page
      pages.json            sizes and sha256 of the three files above that are no artefacts of their own
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, as_completed, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import process_time, sleep
from typing import Any, NamedTuple

from beable import inputs, records
from beable.analysis.convergence import converged
from beable.cluster import Place, refuse_unwanted
from beable.console.progress import told
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.errors import DataError, LockedError, UsageError
from beable.files import artefacts, disk, json_files
from beable.studies.answers import Answered, can_be_more, is_kept, keep, load
from beable.studies.check import check, check_files, source_of
from beable.studies.claims import claims_of
from beable.studies.context import Context, data_path, dataset_path, number_at, run_path
from beable.studies.forms import Asking, request_of
from beable.studies.shares import shares_compared
from beable.studies.source import Request
from beable.studies.study import Arm, Data, PartSettings, PublishedCount, PublishedNumber, Study
from beable.system import SYSTEMS
from beable.training.checkpoint import newest_step
from beable.training.run import CHECKPOINTS, Run, train
from beable.training.settings import RunSettings
from beable.workers import WorkerDiedError, number, pool

Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress]]
#: seconds between two looks at the arms
LOOK_SECONDS = 0.2
#: seconds that a worker waits for an earlier one to leave the run of an arm
PATIENCE = 30


class Finished(NamedTuple):
    """What a study leaves.

    Args:
        study: with the parts that its files allow.
        preset: whose settings they are.
        command: that repeats it; files by the names that the study has for them, wherever they lie.
        store: the snapshots.
        runs: the trained ensembles by arm.
        left_out: titles of the parts that need files that were not given, with the names of these.
        answers: part by part.
        results: what ``results.json`` holds.
    """

    study: Study
    preset: str
    command: str
    store: Store
    runs: dict[str, Run]
    left_out: dict[str, list[str]]
    answers: list[Answered]
    results: dict[str, Any]


def silent(name: str) -> AbstractContextManager[Progress]:
    """A stage whose progress goes nowhere."""
    return nullcontext(lambda done, total: None)


def run_study(
    study: Study,
    preset: str,
    out: Path,
    *,
    given: Mapping[str, Path] | None = None,
    changes: Mapping[str, Any] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    stage: Stage = silent,
) -> Finished:
    """Run a study from nothing to its results, or from where it was interrupted.

    Args:
        study: the study, preset already in place.
        preset: its name, for the record.
        out: folder for everything.
        given: files of the user, by the names that the study has for them; parts that need others are left out.
        changes: settings in place of the study's own, as `Study.with_overrides` takes them.
        workers: processes; all cores by default.
        executor: where to compute instead, such as that of `beable.cluster.dask`; its processes must see the folder.
        stage: called with the name of each stage; its context gives the callback for progress.
    """
    place, present = Place(number(workers), executor), dict(given or {})
    out = out.absolute() if executor else out
    study = study.with_overrides(changes or {}, ", its changes")
    check(study)
    check_files(study, present)
    possible = _possible(study, present)
    asked = {
        "study": study.model_dump(mode="json"),
        "preset": preset,
        "files": sorted(present),
        "changes": changes or {},
    }
    with disk.locked(out):
        disk.sweep(out)
        _write_noted(out / "study.json", asked)
        _make_all_data(possible, out, present, place, stage)
        with stage("training") as progress:
            train_arms(possible, out, place, progress)
        with stage("measures") as progress:
            _measure(possible, out, place, progress)
        finished = read_study(out)
        _write_noted(out / "results.json", finished.results)
    return finished


def _write_noted(path: Path, value: Mapping[str, Any]) -> None:
    artefacts.write_noted(path, json_files.encode_json(value, path))


class Asked(NamedTuple):
    """What a study's folder was asked for.

    Args:
        whole: the study.
        study: the same without the parts that need files that were not given.
        preset: whose settings they are.
        command: that repeats it.
        files: names of the files that were given.
    """

    whole: Study
    study: Study
    preset: str
    command: str
    files: list[str]


def asked_of(out: Path) -> Asked:
    """What a study's folder was asked for.

    Raises:
        UsageError: the folder of no study.
        CorruptError: a request of another form, or of a study that cannot be.
    """
    path = out / "study.json"
    if not path.exists():
        raise UsageError(f"{out}: no study.json there: give the folder of a study that was run")
    whole, request = request_of(out)
    study = whole.without(set(whole.files) - set(request.files))
    return Asked(whole, study, request.preset, _command(whole, request), request.files)


def read_study(out: Path) -> Finished:
    """A finished study from its folder, from answers that are kept there; nothing is measured.

    Raises:
        UsageError: the folder of no study.
        DataError: answers that are missing, or that other runs, options or code gave.
    """
    whole, study, preset, command, given = asked_of(out)
    contexts = [Context(study, part, out) for part in study.parts]
    missing = [context.part.name for context in contexts if not is_kept(context)]
    if missing:
        raise DataError(
            f"{out}: no answer of {', '.join(missing)} from these runs and options by this code: measure them with "
            f"{command} -o {out}"
        )
    store, answers = Store.open(data_path(out)), [load(context) for context in contexts]
    runs = {arm.name: Run.load(run_path(out, arm.name)) for arm in _trained(study)}
    lacking = {
        part.title: sorted({whole.datasets[name].file for name in whole.data_of(part)} - {"", *given})
        for part in whole.parts
        if part not in study.parts
    }
    results = results_of(study, preset, store, runs, answers)
    return Finished(study, preset, command, store, runs, lacking, answers, results)


def _command(study: Study, asked: Asking) -> str:
    named = [f"--file {name}=PATH" for name in asked.files]
    changed = [f"--set {name}={json.dumps(value)}" for name, value in _leaves(asked.changes)]
    return " ".join([f"beable study run {study.name} --preset {asked.preset}", *named, *changed])


def _leaves(tree: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Values of a tree with their dotted names."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{at}{name}.")
        else:
            yield f"{at}{name}", value


def _possible(study: Study, given: Mapping[str, Path]) -> Study:
    """The study with the parts that the files allow.

    Raises:
        UsageError: no part is left.
    """
    possible = study.without(set(study.files) - set(given))
    if not possible.parts:
        raise UsageError(f"study {study.name} needs {' '.join(f'--file {name}=PATH' for name in study.files)}")
    return possible


# Data


def _make_all_data(study: Study, out: Path, given: Mapping[str, Path], place: Place, stage: Stage) -> None:
    """Make or find every data set; one pool serves them all, since to begin processes takes longer than small sets."""
    disk.make_folder(out / "datasets")
    every = {"data": study.data, **study.datasets}
    with _shared(place, sum(bool(data.simulator) for data in every.values())) as shared:
        for name, data in every.items():
            with stage("snapshots" if name == "data" else f"snapshots, {name}") as progress:
                path = dataset_path(out, name)
                if data.simulator:
                    _make_data(data, path, place, shared, progress)
                else:
                    _draw_data(study, data, out, path, given)


@contextmanager
def _shared(place: Place, sets: int) -> Iterator[Executor | None]:
    """What computes several data sets; None where each does for itself."""
    workers = number(place.workers)
    if place.executor or workers == 1 or sets < 2:
        yield place.executor
        return
    with pool(workers) as processes:
        yield processes


def _make_data(data: Data, path: Path, place: Place, shared: Executor | None, progress: Progress | None) -> None:
    """Snapshots of a study by its simulator, generated or found complete."""
    assert data.rows is not None
    simulator = SYSTEMS.simulator(data.simulator)(**data.settings)
    make = partial(generate, simulator, path, data.rows, seed=data.seed, progress=progress)
    try:
        make(workers=place.workers, executor=shared)
    except WorkerDiedError:
        if shared is place.executor:
            raise
        make(workers=place.workers)  # which finds the rows that ended it


def _draw_data(study: Study, data: Data, out: Path, path: Path, given: Mapping[str, Path]) -> None:
    """Snapshots by a data source of the system, made or found complete.

    Raises:
        OutputError: what is there was made of other data.
    """
    origin: Store | Path = given[data.file] if data.file else Store.open(dataset_path(out, data.of))
    of = origin.id if isinstance(origin, Store) else artefacts.sha256(inputs.read(origin, inputs.LARGEST))
    asked, request = {"data": data.model_dump(mode="json"), "origin": of}, path.with_suffix(".json")
    if path.exists():
        artefacts.claim(path, "table of the study", asked, request)
        return
    _write_noted(request, asked)
    source = source_of(study, data)
    source.make(Request(source.settings.model_validate(data.settings), data.rows, data.seed, origin, path))


# Arms


def _trained(study: Study) -> list[Arm]:
    return [arm for arm in study.arms if arm.kind == "vae"]


def train_arms(study: Study, out: Path, place: Place, progress: Progress | None) -> None:
    """Train every arm that is trained, as many at once as there are workers, one thread each, the longest first."""
    arms = sorted(_trained(study), key=lambda arm: -cost(study.settings(arm)))
    if not arms:
        return
    settings = [study.settings(arm) for arm in arms]
    runs = [run_path(out, arm.name) for arm in arms]
    patience = PATIENCE if place.executor else 0
    with pool(min(place.workers or 1, len(arms)), executor=place.executor) as executor:
        told(progress).begin("loading PyTorch")
        futures = [
            executor.submit(_train_arm, dataset_path(out, arm.data or "data"), run, s, patience)
            for arm, run, s in zip(arms, runs, settings, strict=True)
        ]
        _watch(futures, runs, {arm.name: s.training.steps for arm, s in zip(arms, settings, strict=True)}, progress)


def cost(settings: RunSettings) -> int:
    """What a training costs beside another, very roughly: rows in all its batches, more for grids that stay fine."""
    t, m = settings.training, settings.model
    fine = m.network == "conv" and m.stride == 1
    return t.steps * t.members * (t.batch or 1000) * (m.channels[0] * m.channels[-1] if fine else 1)


def _train_arm(store: Path, path: Path, settings: RunSettings, patience: int) -> None:
    """Train an arm; where another process still does, wait for it to leave.

    Raises:
        LockedError: it does not leave.
    """
    try:
        train(Store.open(store), path, settings, progress=lambda done, total: refuse_unwanted())
    except LockedError:
        if patience <= 0:
            raise
        refuse_unwanted()
        sleep(1)
        _train_arm(store, path, settings, patience - 1)


def _watch(
    futures: list["Future[None]"], runs: Sequence[Path], asked: Mapping[str, int], progress: Progress | None
) -> None:
    """Report the steps of all arms, and which is under way, until the last is done; the first failure ends it."""
    left, steps, total = set(futures), [0] * len(futures), sum(asked.values())
    while left:
        done, left = wait(left, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        if progress:
            whole = [future.done() for future in futures]
            now = [_steps(*arm) for arm in zip(whole, runs, asked.values(), strict=True)]
            steps = [max(pair) for pair in zip(steps, now, strict=True)]
            if any(steps):
                told(progress).note(under_way(whole, steps, list(asked)))
                progress(sum(steps), total)


def _steps(whole: bool, run: Path, asked: int) -> int:
    """Steps of an arm until now, as its checkpoints say."""
    return asked if whole else newest_step(run / CHECKPOINTS)


def under_way(done: Sequence[bool], steps: Sequence[int], names: Sequence[str]) -> str:
    """Which arm is being trained, the first where several are.

    Args:
        done: whether each is whole.
        steps: of each until now.
        names: of the arms.

    >>> under_way([True, False, False], [10, 4, 0], ["corner", "edge", "face"])
    'arm 2/3 edge'
    """
    begun = [i for i, (whole, step) in enumerate(zip(done, steps, strict=True)) if step and not whole]
    if not begun:
        return f"{sum(done)}/{len(done)} arms"
    return f"arm {begun[0] + 1}/{len(done)} {names[begun[0]]}"


# Parts


def _measure(study: Study, out: Path, place: Place, progress: Progress) -> None:
    """Answer every part whose answer is not kept, in processes; a measure that fails stops none of the others."""
    with disk.locked(out / "answers"):
        disk.sweep(out / "answers")
        contexts = [Context(study, part, out) for part in study.parts]
        missing = [context for context in contexts if not is_kept(context) or can_be_more(context)]
        missing.sort(key=lambda context: not context.code.long)
        kept, every = len(study.parts) - len(missing), len(study.parts)
        progress(kept, every)
        if not missing:
            return
        workers = place.workers or 1
        with pool(min(workers, len(missing)), executor=place.executor) as executor:
            each = 1 if place.executor else max(1, workers // len(missing))
            names = [context.part.name for context in missing]
            futures = {executor.submit(_answer, study, name, out, each): name for name in names}
            told(progress).note(_of(names))
            for done, _ in enumerate(as_completed(futures), kept + 1):
                told(progress).note(_of([name for future, name in futures.items() if not future.done()]))
                progress(done, every)
            for future in futures:
                future.result()


def _of(names: list[str]) -> str:
    """What is still to be done, the first of many."""
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _answer(study: Study, part: str, out: Path, workers: int) -> None:
    context = Context(study, next(p for p in study.parts if p.name == part), out, workers)
    begun = process_time()
    answer = context.code.measure(context)
    keep(context, answer, process_time() - begun)


# Numbers


def results_of(
    study: Study, preset: str, store: Store, runs: dict[str, Run], answers: list[Answered]
) -> dict[str, Any]:
    """Every number of the report, ready for JSON."""
    parts = {a.part.name: records.plain(a.answer) | {"cpu_seconds": a.cpu_seconds} for a in answers}
    compared = [_compared(a.part, e, parts[a.part.name], preset) for a in answers for e in a.part.expected]
    counted = [_counted(a.part, c, parts[a.part.name]) for a in answers for c in a.part.counts]
    for a in answers:
        parts[a.part.name]["claims"] = _claims(a, compared, counted)
    return {
        "study": study.name,
        "preset": preset,
        "store": store.id,
        "rows": study.data.rows,
        "seed": study.data.seed,
        "assessment": store.assessment,
        "arms": {name: _of_run(run) for name, run in runs.items()},
        "cpu_seconds": sum(run.cpu_seconds for run in runs.values()) + sum(a.cpu_seconds for a in answers),
        "parts": parts,
        "expected": compared,
        "counts": counted,
    }


def _claims(answered: Answered, *found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the source says that the part looks at, with verdicts."""
    own = ([e for e in published if e["part"] == answered.part.name] for published in found)
    return [claim._asdict() for claim in claims_of(answered.answer, *own)]


def _of_run(run: Run) -> dict[str, Any]:
    """What a training cost, and whether its members had come to their end."""
    return {
        "run": run.id,
        "members": run.members,
        "steps": run.metadata["steps"],
        "cpu_seconds": run.cpu_seconds,
        "converged": [records.plain(verdict) for verdict in converged(run.history)],
    }


def _compared(part: PartSettings, published: PublishedNumber, numbers: dict[str, Any], preset: str) -> dict[str, Any]:
    """A published number beside ours; None where ours is not defined, no verdict by a preset that is too small.

    Raises:
        UsageError: the part has no number of that path.
    """
    ours = number_at(numbers, published.path, missing="nothing")
    if not isinstance(ours, int | float | None):
        raise UsageError(f"part {part.name} has no number {published.path!r}: mend the study's file")
    judged = not published.presets or preset in published.presets
    error = number_at(numbers, published.error, missing="nothing") if published.error and judged else 0.0
    return {
        "part": part.name,
        "path": published.path,
        "by": published.by,
        "words": published.words,
        "figure": published.figure,
        "relation": published.relation,
        "tolerance": published.tolerance,
        "source": published.value,
        "ours": None if ours is None else float(ours),
        "error": error,
        "agrees": published.agrees(float(ours), error) if judged and ours is not None else None,
        "judged_by": list(published.presets),
    }


def _counted(part: PartSettings, published: PublishedCount, numbers: dict[str, Any]) -> dict[str, Any]:
    """A published share beside ours.

    Raises:
        UsageError: the part does not count that of this arm.
    """
    hits = number_at(numbers, f"arms.{published.arm}.{published.measure}")
    if not isinstance(hits, list):
        raise UsageError(f"part {part.name} does not count {published.measure} of arm {published.arm}: leave it out")
    facts = {"part": part.name, "figure": published.figure}
    facts |= {"arm": published.arm, "measure": published.measure, "words": published.words}
    ours = sum(hit in (True, "yes") for hit in hits), len(hits)
    return facts | shares_compared((published.count, published.trials), ours)
