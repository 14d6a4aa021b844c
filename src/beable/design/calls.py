"""Calls of a simulator by a search: each in any process, to the same numbers, and kept on disk as they come.

Call i draws from the streams of row i, so neither the number of workers nor an interruption leaves a trace in it. A
second, independent simulation of the same design draws from row ``AGAIN`` + i.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.design.outcomes import Floats, Target
from beable.design.space import Candidates
from beable.errors import CorruptError
from beable.files import array_files, artefacts, disk, json_files
from beable.simulator import Simulator
from beable.streams import RowStreams
from beable.workers import number, one_thread, pool

REQUEST, CALLS = "request.json", "calls.safetensors"
AGAIN = 2**31


class CallResult(NamedTuple):
    """What one simulation gives.

    Args:
        parts: of the outcomes, (parts,); NaN where the simulation failed.
        error: standard error of the outcome; (outcomes,) of several.
    """

    parts: Floats
    error: Floats


class Task(NamedTuple):
    """One simulation to make.

    Args:
        number: of the call.
        values: θ, (factors,).
        row: whose random streams it draws from.
        seed: of the streams.
        target: what is asked of it.
    """

    number: int
    values: Floats
    row: int
    seed: int
    target: Target

    def answer(self, simulator: Simulator) -> CallResult:
        """Simulate the design as a row of its own."""
        with one_thread():
            snapshots = simulator.simulate(self.values[None], RowStreams(self.seed, self.row, 1))
        return CallResult(self.target.parts(snapshots)[0], np.asarray(self.target.errors(snapshots)[0]))


Make = Callable[[list[Task]], Iterator[tuple[int, CallResult]]]


@contextmanager
def calling(simulator: Simulator, workers: int | None = None, executor: Executor | None = None) -> Iterator[Make]:
    """A function that makes simulations, and gives each back with the number of its call as it is done.

    Args:
        simulator: what is called.
        workers: processes; all cores that this process may use by default; 1 computes in this process.
        executor: where to compute instead, such as that of `beable.cluster.dask`.

    Raises:
        WorkerDiedError: a process ended before its work was done.
    """
    if executor is None and number(workers) == 1:
        yield lambda tasks: ((task.number, task.answer(simulator)) for task in tasks)
    elif executor is None:
        with pool(workers, initializer=_begin, initargs=(simulator,)) as processes:
            yield partial(_drive, lambda task: processes.submit(_answer, task))
    else:
        with pool(executor=executor):
            yield partial(_drive, lambda task: executor.submit(task.answer, simulator))


def _drive(submit: Callable[[Task], "Future[CallResult]"], tasks: list[Task]) -> Iterator[tuple[int, CallResult]]:
    futures = {submit(task): task.number for task in tasks}
    for future in as_completed(futures):
        yield futures[future], future.result()


_simulator: Simulator | None = None


def _begin(simulator: Simulator) -> None:
    """First act of a worker."""
    global _simulator
    _simulator = simulator


def _answer(task: Task) -> CallResult:
    assert _simulator is not None
    return task.answer(_simulator)


@dataclass
class Calls:
    """Every design that was asked for, in order, and the answers so far.

    Args:
        units: u, (calls, dimensions); NaN where a design does not come from the cube.
        values: θ, (calls, factors).
        proposed: whether a call was proposed by what had been learned, (calls,), or belongs to the survey.
        answers: by number of the call.
        again: of second, independent simulations, by number of the call.
    """

    units: Floats
    values: Floats
    proposed: NDArray[np.bool_]
    answers: dict[int, CallResult] = field(default_factory=dict)
    again: dict[int, CallResult] = field(default_factory=dict)

    @classmethod
    def none(cls, dimensions: int, factors: int) -> "Calls":
        """Nothing asked yet."""
        return cls(np.empty((0, dimensions)), np.empty((0, factors)), np.empty(0, dtype=bool))

    def __len__(self) -> int:
        return len(self.values)

    def first(self, rows: int) -> "Calls":
        """The calls that were made first, with their answers."""
        answers = {call: answer for call, answer in self.answers.items() if call < rows}
        return Calls(self.units[:rows], self.values[:rows], self.proposed[:rows], answers)

    def ask(self, designs: Candidates, proposed: bool) -> None:
        """Put designs at the end."""
        self.units = np.concatenate([self.units, designs.units])
        self.values = np.concatenate([self.values, designs.values])
        self.proposed = np.concatenate([self.proposed, np.full(len(designs.values), proposed)])

    @property
    def missing(self) -> list[int]:
        return [call for call in range(len(self)) if call not in self.answers]

    @property
    def parts(self) -> Floats:
        """Of all calls, which must be answered, (calls, parts)."""
        return np.stack([self.answers[call].parts for call in range(len(self))])

    @property
    def errors(self) -> Floats:
        return np.array([self.answers[call].error for call in range(len(self))])


@dataclass(frozen=True)
class Folder:
    """Where calls are kept; none keeps nothing.

    Args:
        path: of the folder.
        request: what was asked for, plain data: calls of another request are not taken up.
    """

    path: Path | None
    request: Mapping[str, Any]

    @contextmanager
    def open(self, empty: Calls) -> Iterator[Calls]:
        """Hold the folder while calls are made; gives those it has.

        Raises:
            OutputError: it holds something else.
            LockedError: another process is writing there.
        """
        if self.path is None:
            yield empty
            return
        with disk.locked(self.path):
            disk.sweep(self.path)
            yield self._taken_up() or empty

    def _taken_up(self) -> Calls | None:
        assert self.path is not None
        mark = self.path / REQUEST
        if not artefacts.claim(self.path, "search for designs", self.request, mark):
            json_files.write_json(mark, self.request)
            return None
        return _decoded(self.path / CALLS) if (self.path / CALLS).exists() else None

    def keep(self, calls: Calls) -> None:
        """Write all calls."""
        if self.path is not None:
            array_files.write_arrays(self.path / CALLS, _encoded(calls))


def _encoded(calls: Calls) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"units": calls.units, "values": calls.values, "proposed": calls.proposed}
    for name, answers in (("answers", calls.answers), ("again", calls.again)):
        if answers:
            arrays[f"{name}_call"] = np.array([*answers], dtype=np.int64)
            arrays[f"{name}_parts"] = np.stack([a.parts for a in answers.values()])
            arrays[f"{name}_error"] = np.array([a.error for a in answers.values()])
    return arrays


def _decoded(path: Path) -> Calls:
    arrays = array_files.read_arrays(path)
    try:
        answers = [_answers(arrays, name) for name in ("answers", "again")]
        return Calls(arrays["units"], arrays["values"], arrays["proposed"], *answers)
    except (KeyError, ValueError) as error:
        raise CorruptError(f"{path}: not calls of a search ({error}): remove the folder and begin again") from error


def _answers(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[int, CallResult]:
    if f"{name}_call" not in arrays:
        return {}
    columns = (arrays[f"{name}_{part}"] for part in ("call", "parts", "error"))
    return {int(call): CallResult(parts, np.asarray(error)) for call, parts, error in zip(*columns, strict=True)}
