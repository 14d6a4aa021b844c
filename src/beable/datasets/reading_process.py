"""A file is read in a process of its own where its library, written in C++, may end the process on damaged bytes.

The process is a copy of this one (fork), which ends with the block in which the file is open. It sends arrays as their
form, in JSON, and their plain numbers. Where processes cannot be copied safely, which is anywhere but on Linux, the
file is read in this one.
"""

import faulthandler
import json
import os
import re
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol

import numpy as np

from beable import memory
from beable.datasets.sources import Array
from beable.errors import BeableError, DataError

#: what a library needs beside the numbers of a file: its text, and copies
BESIDE = 2


class Served(Protocol):
    """What a file holds, in the process that has it open."""

    def about(self) -> dict[str, Any]:
        """What there is, as JSON has it."""

    def array(self, place: int, name: str) -> Array:
        """The numbers of one array at one place."""


@contextmanager
def isolated(path: Path, stored: int, opened: Callable[[], Served]) -> Iterator[Served]:
    """What a file holds, read in a process of its own.

    Args:
        path: the file, for errors.
        stored: bytes that it and its parts have, which bound what the process may take.
        opened: opens it, in that process.

    Raises:
        DataError: the process ended, or asked for too much memory.
    """
    if sys.platform != "linux":
        yield opened()
        return
    process = _Process(path, stored, opened)
    try:
        yield process
    finally:
        process.end()


class _Process:
    def __init__(self, path: Path, stored: int, opened: Callable[[], Served]) -> None:
        self.path, self.room = path, BESIDE * memory.growth_allowed(stored) + memory.SPARE
        (theirs, ask), (answer, ours) = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, none of which the copy needs
            self.number = os.fork()
        if not self.number:
            _serve(opened, self.room, os.fdopen(theirs, "rb"), os.fdopen(ours, "wb"))
        os.close(theirs)
        os.close(ours)
        self.ask, self.answer = os.fdopen(ask, "wb"), os.fdopen(answer, "rb")

    def end(self) -> None:
        """End the process, whatever it does."""
        with suppress(OSError):
            self.ask.close()
        self.answer.close()
        if self.number:
            os.kill(self.number, signal.SIGKILL)
            os.waitpid(self.number, 0)

    def about(self) -> dict[str, Any]:
        told: dict[str, Any] = self._asked(None)["about"]
        return told

    def array(self, place: int, name: str) -> Array:
        head = self._asked([place, name])
        values = np.empty(head["shape"], np.dtype(head["dtype"]))
        if values.nbytes and self.answer.readinto(values.reshape(-1).view(np.uint8).data) < values.nbytes:
            self._ended()
        return values

    def _asked(self, what: Any) -> dict[str, Any]:
        try:
            self.ask.write(json.dumps(what).encode() + b"\n")
            self.ask.flush()
            line = self.answer.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            self._ended()
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise (DataError if told["ours"] else ValueError)(told["error"])
        return told

    def _ended(self) -> NoReturn:
        code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        self.number = 0
        why = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise DataError(
            f"{self.path}: the library that reads {self.path.suffix} files ended on it ({why}): damaged, or in need of "
            f"more than {memory.in_gb(self.room)} of memory: check the file, or allow more by {memory.OPTION}"
        )


def _serve(opened: Callable[[], Served], room: int, asked: IO[bytes], answers: IO[bytes]) -> NoReturn:
    """Answer until nobody asks; what libraries print is not shown."""
    with suppress(BaseException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warnings.simplefilter("ignore")
        faulthandler.disable()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        _limit(room)
        held: list[Served] = []
        for line in asked:
            _answer(opened, held, json.loads(line), answers)
            answers.flush()
    os._exit(0)


def _limit(room: int) -> None:
    """Bound what this process may ask for beside what it has."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = pages * resource.getpagesize() + room
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


def _answer(opened: Callable[[], Served], held: list[Served], what: Any, answers: IO[bytes]) -> None:
    found: Array | None = None
    head: dict[str, Any]
    try:
        if not held:
            held.append(opened())
        if what is None:
            head = {"about": held[0].about()}
        else:
            found = np.asarray(held[0].array(*what))
            head = {"shape": found.shape, "dtype": found.dtype.str}
    except MemoryError:
        head = {"error": f"takes more memory than is allowed: allow more by {memory.OPTION}", "ours": 0}
    except Exception as error:  # on bytes that are not theirs, the libraries' readers fail in every way
        head = {"error": in_words(error), "ours": isinstance(error, BeableError)}
    answers.write(json.dumps(head).encode() + b"\n")
    if found is not None:
        answers.write(np.ascontiguousarray(found).reshape(-1).view(np.uint8).data)


def in_words(error: Exception) -> str:
    """What went wrong in one line, without addresses in memory.

    >>> in_words(ValueError("Error in (0x55d0c8e8) line\\n 3"))
    'Error in line 3'
    """
    return " ".join(re.sub(r"\s*\(?0x[0-9a-f]+\)?", "", str(error)).split()) or type(error).__name__
