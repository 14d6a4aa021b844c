"""A dask cluster in place of the processes of this machine, watched: what has gone is said in a line.

Work is a function by its name with settings and paths; workers open data sets by their paths and leave what they make
there, so that folders must be shared and no data travel. A worker computes with one thread, and with the versions of
libraries of the one who asks, so that the bytes are those of processes of this machine.

When a worker dies, dask gives its work to another one, as often as the scheduler allows (three times by default).
Without any worker the work waits, and says so. When the scheduler has gone, the work ends; what is done is kept.
"""

import logging
import re
import sys
import threading
from asyncio import CancelledError as TaskCancelledError
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.metadata import version
from time import monotonic
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from beable.errors import BeableError, UsageError
from beable.workers import WorkerDiedError

CONNECT_SECONDS = 10
#: seconds between two looks at the cluster, of patience without a worker, and between two lines about that
LOOK_SECONDS, PATIENCE, MINUTE = 2.0, 5.0, 60.0
#: seconds until the result of work that is done has come: results are small, what is large stays in folders
RESULT_SECONDS = 20.0
#: how often work is asked for whose result does not come
ASKED = 3
#: whose versions decide numbers
LIBRARIES = ("beable", "numba", "numpy", "scikit-learn", "scipy", "torch")
#: host and port, with the kind of connection before it
ADDRESS = re.compile(r"((tcp|tls|ucx|wss?)://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):\d{1,5}")
#: what tells of a lost connection in pages of its own
LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")


class SchedulerLostError(BeableError):
    """A scheduler that has gone, with work under way."""

    exit_code = 75


class Place(NamedTuple):
    """Where to compute, as arguments of `generate`, `find_designs` and `run_study`.

    Args:
        workers: processes; all cores by default.
        executor: where to compute instead of in processes of this machine.
    """

    workers: int | None
    executor: Executor | None = None


@contextmanager
def dask(address: str | None, workers: int | None = None) -> Iterator[Place]:
    """A dask cluster, or processes of this machine where no address is given.

    Args:
        address: of the scheduler, such as ``tcp://host:8786``.
        workers: how many; by default all threads of the cluster, or all cores.

    Raises:
        UsageError: dask is not installed, or no scheduler answers there.
        SchedulerLostError: the scheduler has gone while there was work.
        WorkerDiedError: some work ended one worker after the other.
    """
    if address is None:
        yield Place(workers)
        return
    with _client(address) as client, Cluster(client, address) as executor:
        yield Place(workers or sum(client.nthreads().values()) or None, executor)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("dask is not installed: pip install 'beable[dask]'") from None
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not ADDRESS.fullmatch(address):  # dask would begin a client, and fail once more when that goes
        raise UsageError(f"{address!r} is no address of a dask scheduler: give one such as tcp://host:8786")
    connect: Any = Client
    try:
        return connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no dask scheduler at {address} ({error}): give an address such as tcp://host:8786") from None


class Cluster(Executor):
    """An executor whose work is done by the workers of a dask scheduler.

    Args:
        client: of the scheduler.
        address: of it, for messages.
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._under_way: dict[Future[Any], Any] = {}
        self._lost = False
        self._left = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, function: Callable[..., Any], /, *words: Any, **more: Any) -> Future[Any]:
        """Give work to the cluster.

        Raises:
            SchedulerLostError: the scheduler has gone.
        """
        future: Future[Any] = Future()
        self._ask(future, partial(self._far, function, words, more), ASKED)
        future.add_done_callback(self._drop)
        return future

    def _ask(self, future: Future[Any], send: Callable[[], Any], times: int) -> None:
        far = send()
        self._under_way[future] = far  # dask drops what nobody holds
        far.add_done_callback(partial(self._settle, future, send, times))

    def _far(self, function: Callable[..., Any], words: tuple[Any, ...], more: Mapping[str, Any]) -> Any:
        if self._is_lost():
            raise self._error()
        try:
            return self._client.submit(_with_one_thread, versions(), function, words, more, pure=False)
        except Exception as error:
            if self._is_lost():
                raise self._error() from error
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Watch no longer, and drop what is under way."""
        del wait, cancel_futures
        self._left.set()
        self._watcher.join()
        self._under_way.clear()

    def _drop(self, future: Future[Any]) -> None:
        self._under_way.pop(future, None)

    def _settle(self, future: Future[Any], send: Callable[[], Any], times: int, far: Any) -> None:
        """Hand over what became of some work; ask for it again where its result does not come.

        Where nobody waits any longer, a client that is closing is not asked: what it begins then, it never ends.
        """
        if future.done() or self._left.is_set():
            return
        try:
            error, result = (far.exception(), None) if far.status == "error" else (None, far.result(RESULT_SECONDS))
        except TimeoutError:  # the worker that had it has gone, or does not answer
            self._ask_again(future, send, times - 1, far)
            return
        except (CancelledError, TaskCancelledError, OSError):  # by none of us, or nobody can say
            error, result = self._error(), None
        with suppress(InvalidStateError):  # nobody waits for it any more
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(self._meant(error))

    def _ask_again(self, future: Future[Any], send: Callable[[], Any], times: int, far: Any) -> None:
        try:
            far.cancel()
            if not times:
                raise WorkerDiedError(
                    f"work at {self._address} was done {ASKED} times and its result never came: what is done is kept; "
                    "look at the workers and run the same command again to go on"
                )
            self._ask(future, send, times)
        except Exception as error:
            with suppress(InvalidStateError):
                future.set_exception(error)

    def _meant(self, error: Exception) -> Exception:
        """An error of the cluster in words that say what to do; one of the work itself as it is."""
        if type(error).__name__ == "KilledWorker":
            return WorkerDiedError(
                f"the same work ended one worker of {self._address} after the other, perhaps for want of memory: what "
                "is done is kept; start workers with more memory and run the same command again to go on"
            )
        if isinstance(error, ImportError) or isinstance(error.__cause__, ImportError):
            return UsageError(
                f"a worker of {self._address} cannot import what it is to do ({error.__cause__ or error}): install "
                "the same packages there as here"
            )
        return error

    def _is_lost(self) -> bool:
        """Whether the connection broke, which dask would try to mend without the work that it had."""
        self._lost = self._lost or self._client.status != "running"
        return self._lost

    def _error(self) -> SchedulerLostError:
        return SchedulerLostError(
            f"the dask scheduler at {self._address} has gone: what is done is kept; start it and its workers again and "
            "run the same command again to go on"
        )

    def _watch(self) -> None:
        """End all work when the scheduler has gone; say it when there is no worker."""
        said = Waiting(self._address)
        while not self._left.wait(LOOK_SECONDS):
            if self._is_lost():
                for future in list(self._under_way):
                    with suppress(InvalidStateError):
                        future.set_exception(self._error())
            else:
                with suppress(OSError, TimeoutError):  # it may have gone just now
                    said(self._workers(), busy=bool(self._under_way))

    def _workers(self) -> int:
        """How many there are."""
        return len(self._client.sync(self._client.scheduler.ncores, callback_timeout=CONNECT_SECONDS))


class Waiting:
    """Says that work waits for workers: soon, then once a minute, and when it goes on.

    Args:
        address: of the scheduler.
        clock: seconds, rising.
        say: where a line goes.
    """

    def __init__(
        self, address: str, clock: Callable[[], float] = monotonic, say: Callable[[str], None] | None = None
    ) -> None:
        self.address, self.clock, self.say = address, clock, say or _say
        self.since: float | None = None
        self.said: float | None = None

    def __call__(self, workers: int, busy: bool) -> None:
        """So many workers are there; there is work for them or not."""
        now = self.clock()
        if workers or not busy:
            if self.said is not None:
                self.say(f"{workers} dask worker{'s' * (workers != 1)} at {self.address}: going on")
            self.since = self.said = None
            return
        self.since = now if self.since is None else self.since
        if now - self.since >= PATIENCE and (self.said is None or now - self.said >= MINUTE):
            self.said = now
            self.say(
                f"no dask worker at {self.address} for {now - self.since:.0f} s: waiting for one (start it with: dask "
                f"worker {self.address}); Ctrl-C keeps what is done"
            )


def _say(words: str) -> None:
    with suppress(OSError):  # a terminal that was closed takes no words
        print("beable:", words, file=sys.stderr, flush=True)


# In a worker


@cache
def versions() -> dict[str, str]:
    """Of the libraries that decide numbers."""
    return {name: version(name) for name in LIBRARIES}


def _with_one_thread(
    asked: Mapping[str, str], function: Callable[..., Any], words: tuple[Any, ...], more: Mapping[str, Any]
) -> Any:
    """Do some work in a worker, which from then on computes with one thread."""
    other = {name: (own, asked[name]) for name, own in versions().items() if own != asked[name]}
    for name, (there, here) in other.items():
        raise UsageError(f"a dask worker has {name} {there}, this process has {here}: install the same version in both")
    threadpool_limits(1)
    return function(*words, **more)


def refuse_unwanted() -> None:
    """Leave work that nobody waits for any more: whoever asked has gone, or another worker has it now.

    Does nothing outside a dask worker.

    Raises:
        WorkerDiedError: in a worker whose work was given up.
    """
    if "distributed.worker" not in sys.modules:
        return
    from distributed import get_worker

    with suppress(ValueError):  # which says that this is no worker
        worker = get_worker()
        task = worker.state.tasks.get(worker.get_current_task())
        if task is None or task.state == "cancelled" or worker.status.name != "running":
            raise WorkerDiedError("nobody waits for this work any more")
