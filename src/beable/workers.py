"""Parallel work: the one pool of processes of this package, or an executor in its place.

A pool's processes compute with one thread each and end when the process that began them wants no more of them or
ends itself, however it ends. Ctrl-C reaches every process of a terminal; only the one that began the others heeds it.
"""

import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from beable.errors import BeableError, UsageError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
#: signals of a terminal, which reach all processes at once; that which began the workers ends them
DEAF = (signal.SIGINT, signal.SIGHUP)
Answer = TypeVar("Answer")
#: seconds that nobody minds to wait after a request to end; a thread of its own costs a thousandth of it
NOTICED = 0.2
ADVICE = (
    "perhaps for want of memory: try one worker (workers=1, --workers 1). A simulator must come from a module, and a "
    "script that uses several workers needs `if __name__ == '__main__':`"
)


class WorkerDiedError(BeableError):
    """A process of a pool, or an executor as a whole, that ended before its work was done."""


def cores() -> int:
    """Number of cores that this process may use.

    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def number(workers: int | None) -> int:
    """Number of workers: as asked, or one for each core.

    Raises:
        UsageError: not a whole number of at least 1.
    """
    if workers is None:
        return cores()
    if type(workers) is not int or workers < 1:
        raise UsageError(f"workers must be a whole number of at least 1, not {workers!r}")
    return workers


def interruptible(compute: Callable[..., Answer], *words: Any, expected: float = math.inf) -> Answer:
    """Call compiled code that holds no lock of Python; a request to end is met at once and not after it.

    Signals are heeded between two steps of the main thread, which therefore only waits: what is computed in it would
    also be torn by them while its answer is made. A request leaves the thread behind, which ends with the process.

    Args:
        compute: such as a function that Numba compiled with ``nogil=True``.
        words: its arguments.
        expected: seconds that it takes, roughly; it is called at once where nobody would wait for it.

    >>> interruptible(max, 2, 3)
    3
    """
    if expected < NOTICED or threading.current_thread() is not threading.main_thread():
        return compute(*words)
    answer: Future[Answer] = Future()

    def answered() -> None:
        try:
            answer.set_result(compute(*words))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=answered, daemon=True).start()
    return answer.result()


def one_thread() -> AbstractContextManager[Any]:
    """The libraries of this process compute with one thread each, so that sums round alike on every machine.

    >>> with one_thread():
    ...     sum([0.1, 0.2])
    0.30000000000000004
    """
    limit: AbstractContextManager[Any] = _libraries(len(sys.modules)).limit(limits=1)
    return limit


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Those that are loaded, looked up again only after something was imported: that takes 10 ms."""
    return ThreadpoolController()


@contextmanager
def pool(
    workers: int | None = None,
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    executor: Executor | None = None,
) -> Iterator[Executor]:
    """Processes to compute in, begun as work comes; work that is left when the block is left by an error is dropped.

    Args:
        workers: processes; one for each core that this process may use by default.
        initializer: called first in each process.
        initargs: its arguments.
        executor: where to compute instead, in this process: initialised here, and not ended.

    Raises:
        UsageError: a number of workers that is invalid.
        WorkerDiedError: a process ended before its work was done.

    >>> with pool(1) as processes:
    ...     list(processes.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    place: AbstractContextManager[Executor]
    place = nullcontext(executor) if executor else _Processes(number(workers), initializer, initargs)
    if executor and initializer:
        initializer(*initargs)
    try:
        with place as opened:
            yield opened
    except (BrokenExecutor, CancelledError) as error:
        advice = f"{error or 'its work was cancelled'}: run the same command again to go on" if executor else ADVICE
        raise WorkerDiedError(f"a worker ended before its work was done, {advice}") from error


class _Processes(ProcessPoolExecutor):
    """Processes that end when the other end of their lifeline, a pipe, is closed: by `end`, or by the kernel."""

    def __init__(self, workers: int, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        context = _Context()
        self._theirs, self._ours = context.Pipe(duplex=False)
        self._begun = context.begun
        super().__init__(workers, context, _begin, (self._theirs, initializer, initargs))

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self.end()
        try:
            self.shutdown(cancel_futures=True)
        finally:
            self.end()

    def end(self) -> None:
        """End all processes now."""
        self._ours.close()
        self._theirs.close()
        for process in self._begun:
            if process.pid is not None:
                process.kill()


class _Context(SpawnContext):
    """Remembers the processes that it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[_Worker] = []

    def Process(self, *args: Any, **options: Any) -> "_Worker":  # type: ignore[override]
        self.begun.append(_Worker(*args, **options))
        return self.begun[-1]


class _Worker(SpawnProcess):
    """A process that has one thread from the start, before it imports NumPy; deaf to Ctrl-C and closed terminals."""

    def start(self) -> None:
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, DEAF)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        try:
            super().start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin(lifeline: Connection, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    """First act of a worker."""
    for signum in DEAF:
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)
