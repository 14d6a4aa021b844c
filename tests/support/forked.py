"""A program in a process of its own that need not import anything, which takes most programs seconds: a fork.

It stands for `subprocess.Popen` where a test is about what happens to the process, not about how Python begins.
"""

import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any


class Forked:
    """A function in a forked process, with pipes for what it prints, in a session of its own.

    Args:
        function: what runs; returns the exit code.
        words: its arguments.
        cwd: where it runs.
    """

    def __init__(self, function: Callable[..., int], *words: Any, cwd: Path | None = None) -> None:
        (out, theirs), (err, their_errors) = os.pipe(), os.pipe()
        sys.stdout.flush(), sys.stderr.flush()
        self.returncode: int | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # on threads: that of xdist holds no lock here
            self.pid = os.fork()
        if not self.pid:
            _become(function, words, cwd, theirs, their_errors)
        while os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)
        os.close(theirs), os.close(their_errors)
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                self.kill()
                raise subprocess.TimeoutExpired("a forked process", timeout)
            time.sleep(0.005)
        return code

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it printed, which must be less than a pipe holds."""
        self.wait(timeout)
        with self.stdout, self.stderr:
            return self.stdout.read(), self.stderr.read()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *error: object) -> None:
        self.stdout.close(), self.stderr.close()
        self.wait(60)


def _become(function: Callable[..., int], words: tuple[Any, ...], cwd: Path | None, out: int, err: int) -> None:
    """What the child does; it never returns."""
    code = 70
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(out, 1), os.dup2(err, 2)
        sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", buffering=1, closefd=False) for descriptor in (1, 2))
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        tracker = resource_tracker._resource_tracker  # processes that it begins are not those of this one
        tracker._fd = tracker._pid = None
        if cwd:
            os.chdir(cwd)
        code = function(*words)
        sys.stdout.flush(), sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
