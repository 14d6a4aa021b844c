"""A program that waits for work in two processes, and what its tests have done there.

usage: pools.py busy|hash SECONDS|ROUNDS
Prints the numbers of its processes when they are at work; a line more when the pool is left.
"""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from beable import workers
from beable.cluster import refuse_unwanted

_tag = ""


def begin(tag: str) -> None:
    global _tag
    _tag = tag


def tagged(x: int) -> str:
    return f"{_tag}{x}"


def threads(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in workers.THREAD_VARIABLES]


def die(status: int) -> None:
    os._exit(status)


def until_unwanted(file: str) -> None:
    """Works, with a file that says so, until nobody waits for it."""
    Path(file).touch()
    try:
        while True:
            time.sleep(0.02)
            refuse_unwanted()
    finally:
        Path(file).unlink()


def fail(x: int) -> None:
    raise ArithmeticError(f"row {x}")


def busy(seconds: float) -> int:
    """Keeps the interpreter's lock most of the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def hashes(rounds: float) -> int:
    """One call of compiled code, which holds no lock of Python."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", int(rounds))
    return os.getpid()


def main(work: str, size: float) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have taken away
    do = {"busy": busy, "hash": hashes}[work]
    try:
        with workers.pool(2) as processes:
            pids = set[int]()
            while len(pids) < 2:
                pids.update(processes.map(do, [size / 6000] * 4))
            print(*pids, flush=True)
            list(processes.map(do, [size] * 2))
    except KeyboardInterrupt:
        print("left", flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
