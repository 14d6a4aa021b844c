"""Faults at the k-th call that writes: a layer between beable and the system, in a child process that is forked for it.

The layer stands in for the functions of `os` that write. What it counts are calls on paths below one folder. Beside it
an audit hook notes what the interpreter itself says is written there: nothing may pass by the layer.
"""

import errno
import gc
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KILLED, BROKEN = 137, 99
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
BY_DESCRIPTOR = ("write", "fsync", "ftruncate")
BY_PATH = ("open", "mkdir", "replace", "rename", "unlink", "remove", "rmdir", "link", "symlink", "truncate", "chmod")
#: calls that a full disk refuses
GROWING = ("open", "write", "fsync", "ftruncate", "mkdir", "replace", "rename")
#: events of the audit hook that write, and the place of the path among their arguments
EVENTS = {"open": 0, "os.mkdir": 0, "os.rename": 0, "os.remove": 0, "os.rmdir": 0, "os.truncate": 0, "os.link": 1,
          "os.symlink": 1, "os.chmod": 0}  # fmt: skip


@dataclass
class Fault:
    """What happens at which call.

    Args:
        kind: "none", "kill", "once" or "ever" (a disk that stays full).
        at: number of the call, from 1.
        number: of the error.
    """

    kind: str = "none"
    at: int = 0
    number: int = errno.ENOSPC


@dataclass
class Outcome:
    """What became of a command.

    Args:
        code: its exit code, `KILLED` after a kill.
        lines: on standard error.
        calls: names of the calls that write, in their order.
        passed: what was written without the layer.
    """

    code: int
    lines: list[str]
    calls: list[str]
    passed: list[str]


class Layer:
    """Counts calls that write below a folder, and lets one of them fail.

    Args:
        root: the folder.
        fault: what happens.
    """

    def __init__(self, root: Path, fault: Fault) -> None:
        self.root, self.fault = str(root.resolve()), fault
        self.calls: list[str] = []
        self.passed: list[str] = []
        self.inside = 0

    def install(self) -> None:
        """Stand between; there is no way back, the process ends."""
        for name in (*BY_DESCRIPTOR, *BY_PATH):
            setattr(os, name, self._between(name, getattr(os, name)))
        sys.addaudithook(self._heard)

    def _between(self, name: str, real: Callable) -> Callable:
        def call(*args, **named):
            if not self._counts(name, args, named):
                return real(*args, **named)
            self.calls.append(name)
            self._act(name, real, args, named)
            self.inside += 1
            try:
                return real(*args, **named)
            finally:
                self.inside -= 1

        return call

    def _act(self, name: str, real: Callable, args, named) -> None:
        k, fault = len(self.calls), self.fault
        due = k == fault.at or (fault.kind == "ever" and k > fault.at > 0 and name in GROWING)
        if fault.kind == "none" or not due:
            return
        if name == "write":  # half of it gets there
            real(args[0], memoryview(args[1])[: len(args[1]) // 2])
        if fault.kind == "kill":
            os._exit(KILLED)
        raise OSError(fault.number, os.strerror(fault.number))

    def _counts(self, name: str, args, named) -> bool:
        if name == "open" and not (args[1] if len(args) > 1 else named.get("flags", 0)) & WRITING:
            return False
        return self._below(args[0], named.get("dir_fd", named.get("src_dir_fd")))

    def _below(self, path, folder=None) -> bool:
        with suppress(OSError, TypeError, ValueError):
            if isinstance(path, int):
                path = os.readlink(f"/proc/self/fd/{path}")
            elif folder is not None:
                path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
            path = os.path.abspath(os.fsdecode(path))
            return path == self.root or path.startswith(f"{self.root}/")
        return False

    def _heard(self, event: str, args) -> None:
        if event not in EVENTS or self.inside:
            return
        if event == "open" and not (isinstance(args[2], int) and args[2] & WRITING):
            return
        folder = args[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else None
        if self._below(args[EVENTS[event]], folder if isinstance(folder, int) and folder >= 0 else None):
            self.passed.append(f"{event} {args[EVENTS[event]]}")


def run_with(fault: Fault, root: Path, command: Callable[[], int]) -> Outcome:
    """Run a command in a forked child, with a fault at a call that writes below a folder.

    Args:
        fault: what happens.
        root: the folder.
        command: gives its exit code.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _child(fault, root, command, write)
    os.close(write)
    with open(read, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if not told:
        return Outcome(os.waitstatus_to_exitcode(status), [], [], [])
    return Outcome(**json.loads(told))


def _child(fault: Fault, root: Path, command: Callable[[], int], pipe: int) -> None:
    gc.disable()
    send = os.write
    code, layer = BROKEN, Layer(root, fault)
    said = io.TextIOWrapper(io.BytesIO(), write_through=True)
    try:
        sys.stderr, sys.stdout = said, io.TextIOWrapper(io.BytesIO(), write_through=True)
        layer.install()
        code = command()
    except BaseException:
        traceback.print_exc(file=said)
    lines = said.buffer.getvalue().decode().splitlines()
    told = json.dumps({"code": code, "lines": lines, "calls": layer.calls, "passed": layer.passed}).encode()
    while told:
        told = told[send(pipe, told) :]
    os._exit(0)
