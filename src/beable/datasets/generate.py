"""Generation of a data set: rows in blocks, each in any process, at any time, to the same bytes.

A row draws from streams of its own, ``SeedSequence(seed, spawn_key=(stream, row, attempt))``, and every process
computes with one thread, so that neither workers nor interruptions nor the number of rows leave a trace in the
numbers. What a killed run leaves is taken up block by block; a complete data set is left alone.

Any ``concurrent.futures`` executor will do, dask's too. The default one is the package's pool of processes.
"""

import math
import os
import shutil
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import NamedTuple

from beable import memory
from beable.datasets.layout import Plan, block_rows
from beable.datasets.store import DONE, Blocks, Note, Store, create, finish, refuse_other
from beable.errors import BeableError, DataError, OutputError, UsageError
from beable.files import artefacts, disk
from beable.simulator import Simulator
from beable.streams import RowStreams
from beable.workers import ADVICE, WorkerDiedError, number, one_thread, pool

Progress = Callable[[int, int], None]
Submit = Callable[[int], "Future[Note]"]

FAILURE_LIMIT = 0.01
DEATHS = 3
UNDER_WAY = 256
GRACE_SECONDS = 3.0
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.1
SPARE_BYTES = 16 * 2**20
#: of the numbers of a row, while it is computed in double precision
COPIES = 4


class Interrupted(KeyboardInterrupt):
    """The user, or the system, asked to stop; what is done is kept."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


def generate(
    simulator: Simulator,
    path: Path | str,
    rows: int,
    *,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    block: int | None = None,
    failure_limit: float = FAILURE_LIMIT,
) -> Store:
    """Make a data set of a simulator's snapshots, or complete the one that an interruption left there.

    Args:
        simulator: the physics.
        path: folder to make, or to complete.
        rows: number of snapshots.
        seed: of all random streams.
        workers: processes; all cores that this process may use by default; 1 computes in this process.
        executor: where to compute instead, such as that of `beable.cluster.dask`; its processes must see the folder;
            gets 256 blocks at a time, or two for each of the workers if these are more.
        progress: called with rows done and rows in all.
        block: rows in a block, 64 to 256 by default. Part of the layout, not of the numbers.
        failure_limit: share of rows that may fail.

    Raises:
        UsageError: invalid numbers.
        DataError: more rows failed than allowed; what is done is kept.
        OutputError: the folder holds another data set, or there is no room.
        LockedError: another process is writing there.
        Interrupted: Ctrl-C or a request to end; the same call takes up what is there.

    >>> import tempfile
    >>> from beable import Darcy
    >>> store = generate(Darcy(grid=9), tempfile.mkdtemp() + "/darcy.zarr", 3, workers=1)
    >>> store.read("flux").shape
    (3, 2, 9, 9)
    """
    path, report = Path(path), progress or (lambda done, total: None)
    plan = plan_of(simulator, rows, seed, block)
    workers = number(workers)
    _check_limit(failure_limit)
    if _is_complete(path, plan):
        report(rows, rows)
        disk.tidy(path)
        return Store.open(path)
    _refuse_disk(path, Blocks.of(path, plan))
    with disk.locked(path):
        disk.sweep(path)
        refuse_other(path, plan.attributes())
        create(path, plan)
        job = Job(simulator, seed, Blocks.of(path, plan))
        notes = _complete(job, workers, executor, report, failure_limit)
        disk.sweep(path)
        finish(path, plan, notes, _assessment(job))
    return Store.open(path)


def plan_of(simulator: Simulator, rows: int, seed: int = 0, block: int | None = None) -> Plan:
    """What the store of a simulator's snapshots will hold.

    Raises:
        UsageError: an invalid number.
    """
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, not {seed!r}")
    if type(rows) is not int or rows < 1:
        raise UsageError(f"rows must be a whole number of at least 1, not {rows!r}")
    refuse_too_large(simulator, rows)
    with one_thread():
        constants = simulator.constants()
    return Plan(
        title=f"Snapshots of the simulator {simulator.name}",
        rows=rows,
        block=_block(simulator, rows) if block is None else block,
        variables=simulator.variables,
        factors=simulator.factors,
        coordinates=simulator.coordinates,
        constants=constants,
        simulator=simulator.name,
        settings=simulator.settings.model_dump(mode="json"),
        seed=seed,
    )


def refuse_too_large(simulator: Simulator, rows: int) -> None:
    """Refuse rows that memory cannot hold while they are computed.

    Raises:
        UsageError: it cannot.
    """
    row = sum(math.prod(v.shape) * 8 for v in simulator.variables)
    memory.refuse(
        f"{min(simulator.batch, rows):,} rows of {simulator.name} at once",
        row * COPIES * min(simulator.batch, rows),
        "choose a smaller grid, or fewer particles or modes",
    )


def _block(simulator: Simulator, rows: int) -> int:
    batch = simulator.batch
    usual = block_rows(simulator.variables, rows) if simulator.block is None else min(simulator.block, rows)
    return -(-usual // batch) * batch


def _check_limit(failure_limit: float) -> None:
    if not 0 <= failure_limit <= 1:
        raise UsageError(f"failure_limit must be a share from 0 to 1, not {failure_limit!r}")


def _is_complete(path: Path, plan: Plan) -> bool:
    """Whether this very data set, perhaps made with other versions, stands there with all its files."""
    if not os.path.exists(path / artefacts.MANIFEST):
        return False
    refuse_other(path, plan.attributes(), ignoring=["versions"])
    return not artefacts.size_problems(path, artefacts.read_manifest(path).files)


@dataclass(frozen=True)
class Job:
    """All that a process needs to make any block.

    Args:
        simulator: the physics.
        seed: of all random streams.
        blocks: where they go.
    """

    simulator: Simulator
    seed: int
    blocks: Blocks

    def make(self, block: int) -> Note:
        """Draw, simulate and write one block."""
        start, stop = self.blocks.range(block)
        streams = RowStreams(self.seed, start, stop - start)
        with one_thread():
            values = self.simulator.draw(streams)
            snapshots = self.simulator.simulate(values, streams)
        return self.blocks.write(block, values, snapshots)


def _assessment(job: Job) -> dict[str, object]:
    """What the simulator says of the whole set."""
    simulator, blocks = job.simulator, job.blocks
    if not simulator.assessed:
        return {}
    with one_thread():
        return simulator.assess(blocks.read("factors"), {name: blocks.read(name) for name in simulator.assessed})


class Made(NamedTuple):
    """A block that was just made."""

    block: int
    note: Note


def _complete(
    job: Job, workers: int, executor: Executor | None, report: Progress, failure_limit: float
) -> dict[int, Note]:
    """Make the blocks that are missing; the notes of all."""
    blocks, notes = job.blocks, job.blocks.done()
    missing = [block for block in range(len(blocks)) if block not in notes]
    _check_space(blocks, len(missing))
    report(_rows(blocks, notes), blocks.rows)
    _check_failures(blocks, notes, failure_limit)
    with _Stop() as stop, closing(_made(job, missing, workers, executor, stop)) as made:
        for block, note in made:
            notes[block] = note
            report(_rows(blocks, notes), blocks.rows)
            _check_failures(blocks, notes, failure_limit)
        if stop.signum and len(notes) < len(blocks):
            raise stop.error(f"{blocks.path}: stopped at {_rows(blocks, notes)} of {blocks.rows} rows")
    return notes


def _rows(blocks: Blocks, notes: Iterable[int]) -> int:
    return sum(stop - start for start, stop in map(blocks.range, notes))


def _refuse_disk(path: Path, blocks: Blocks) -> None:
    """Refuse what the disk cannot hold before anything of it is laid out, or looked for block by block."""
    there = next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())
    done = len(os.listdir(path / DONE)) if (path / DONE).is_dir() else 0
    _refuse_space(path, max(0, len(blocks) - done) * blocks.bytes, there)


def _check_space(blocks: Blocks, missing: int) -> None:
    """Refuse to begin what cannot be finished."""
    _refuse_space(blocks.path, missing * blocks.bytes, blocks.path)


def _refuse_space(path: Path, needed: int, there: Path) -> None:
    free = shutil.disk_usage(there).free
    if needed and needed + SPARE_BYTES > free:
        raise OutputError(
            f"{path}: {(needed + SPARE_BYTES) / 1e9:.2f} GB needed, {free / 1e9:.2f} GB free: make room or ask for "
            "fewer rows"
        )


def _check_failures(blocks: Blocks, notes: dict[int, Note], limit: float) -> None:
    failures = {row: why for note in notes.values() for row, why in note.failures.items()}
    if len(failures) > limit * blocks.rows:
        row, why = min(failures.items(), key=lambda item: int(item[0]))
        raise DataError(
            f"{blocks.path}: {len(failures)} of {_rows(blocks, notes)} rows failed, more than {limit:.2g} of "
            f"{blocks.rows} (row {row}: {why}): look at the settings, or raise failure_limit (--failure-limit); "
            "what is done is kept"
        )


class _Stop(AbstractContextManager["_Stop"]):
    """Notes a request to stop, so that it is met between blocks; a second one is met at once."""

    signum = 0
    deadline = float("inf")

    def __enter__(self) -> "_Stop":
        main = threading.current_thread() is threading.main_thread()
        wanted = [s for s in STOPS if main and signal.getsignal(s) != signal.SIG_IGN]
        self._before = {s: signal.signal(s, self._ask) for s in wanted}
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if self.signum:
            raise self.error("stopped at once")
        self.signum, self.deadline = signum, monotonic() + GRACE_SECONDS

    def error(self, what: str) -> Interrupted:
        return Interrupted(f"{what}: what is done is kept, run the same command again to go on", self.signum)


def _made(job: Job, missing: list[int], workers: int, executor: Executor | None, stop: _Stop) -> Generator[Made]:
    """Blocks as they are made; ends early on a request to stop."""
    if executor is not None:
        most = max(UNDER_WAY, 2 * workers)
        with pool(executor=executor):
            yield from _drive(lambda block: executor.submit(job.make, block), deque(missing), {}, most, stop)
    elif workers == 1 or len(missing) < 2:
        yield from _here(job, missing, stop)
    else:
        yield from _in_processes(job, missing, workers, stop)


def _here(job: Job, missing: list[int], stop: _Stop) -> Generator[Made]:
    for block in missing:
        if stop.signum:
            return
        yield Made(block, job.make(block))


class _GivenUp(Exception):
    """Blocks under way are not waited for."""


def _in_processes(job: Job, missing: list[int], workers: int, stop: _Stop) -> Generator[Made]:
    """Blocks from a pool that is built anew when a worker dies; blocks at hand then are tried one by one."""
    todo, deaths = deque(missing), Counter[int]()
    while todo:
        running: dict[Future[Note], int] = {}
        try:
            with pool(min(workers, len(todo)), initializer=_begin, initargs=(job,)) as processes:
                yield from _drive(_submit_to(processes), todo, running, workers + 1, stop, deaths)
                if stop.signum:
                    raise _GivenUp
        except _GivenUp:
            return
        except WorkerDiedError:
            _count_deaths(deaths, sorted(running.values()), job.blocks)
            todo.extendleft(sorted(running.values(), reverse=True))


def _count_deaths(deaths: Counter[int], blocks: list[int], where: Blocks) -> None:
    deaths.update(blocks)
    fatal = [block for block in blocks if deaths[block] >= DEATHS]
    if fatal:
        start, stop = where.range(fatal[0])
        raise BeableError(
            f"{where.path}: rows {start} to {stop - 1} (block {fatal[0]}) ended their worker {DEATHS} times, {ADVICE}"
        )


def _drive(
    submit: Submit,
    todo: deque[int],
    running: dict["Future[Note]", int],
    most: int,
    stop: _Stop,
    deaths: Counter[int] | None = None,
) -> Generator[Made]:
    """Keep at most so many blocks under way, and give them back as they are made.

    A block that was at hand when a worker died goes alone, so that the one to blame is found.
    On a request to stop nothing new begins, and what is under way has a few seconds to end.
    """
    suspects = deaths or Counter[int]()

    def may_begin() -> bool:
        alone = suspects[todo[0]] or any(suspects[block] for block in running.values())
        return len(running) < (1 if alone else most)

    try:
        while (todo and not stop.signum) or (running and monotonic() < stop.deadline):
            while todo and not stop.signum and may_begin():
                running[submit(todo[0])] = todo[0]
                todo.popleft()
            for future in wait(running, POLL_SECONDS, FIRST_COMPLETED).done:
                note = future.result()
                yield Made(running.pop(future), note)
    finally:
        for future in running:
            future.cancel()


_job: Job | None = None


def _begin(job: Job) -> None:
    """First act of a worker."""
    global _job
    _job = job


def _make(block: int) -> Note:
    assert _job is not None
    return _job.make(block)


def _submit_to(processes: Executor) -> Submit:
    return lambda block: processes.submit(_make, block)
