"""A program that waits for work in two processes, and what its tests have done there.

usage: pools.py SECONDS
Prints the numbers of its processes when they are at work; a line more when the pool is left.
"""

import os
import sys
import time

from beable import workers

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


def fail(x: int) -> None:
    raise ArithmeticError(f"row {x}")


def busy(seconds: float) -> int:
    """Keeps the interpreter's lock most of the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def main(seconds: float) -> int:
    try:
        with workers.pool(2) as processes:
            pids = set[int]()
            while len(pids) < 2:
                pids.update(processes.map(busy, [0.05] * 4))
            print(*pids, flush=True)
            list(processes.map(busy, [seconds] * 2))
    except KeyboardInterrupt:
        print("left", flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
