"""How much memory a piece of work may take: one estimate of bytes, held against what there is before any is asked for.

What a user asks for, such as a million latents, is held against the memory that is free. What a file asks for is held
against its own size: a file is somebody else's work, and a small one may declare numbers without end. Either limit is
another one where the user says so, by ``--max-memory 4GB`` or `allowing`.
"""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from beable.errors import DataError, UsageError

OPTION = "--max-memory"
#: a file may become so many times its size, or so many bytes where it is small
GROWTH, LEAST = 3, 10**9
#: for threads and buffers of the libraries that read a file
SPARE = 2**27
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
SIZE = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)
GROUP, OLD = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")

_allowed: ContextVar[int | None] = ContextVar("_allowed", default=None)


def size(words: str) -> int:
    """Bytes in words.

    Raises:
        UsageError: no size.

    >>> size("4GB"), size("512 MiB"), size("1000000")
    (4000000000, 536870912, 1000000)
    """
    found = SIZE.fullmatch(words)
    if not found or not (number := int(float(found[1]) * UNITS[(found[2] or "").lower()])):
        raise UsageError(f"{OPTION} {words}: give a size such as 4GB or 500MB")
    return number


@contextmanager
def allowing(most: int | str | None) -> Iterator[None]:
    """Allow so much memory within the block, whatever a file holds and whatever is free.

    Args:
        most: bytes, or words such as "4GB"; None leaves it as it is.

    >>> with allowing("2GB"):
    ...     refuse_growth(Path("mine.npz"), 15 * 10**8, 1000)
    """
    bytes_ = size(most) if isinstance(most, str) else most
    token = _allowed.set(_allowed.get() if bytes_ is None else bytes_)
    try:
        yield
    finally:
        _allowed.reset(token)


def available() -> int:
    """Bytes that can still be asked for: of the machine, of the group of processes, of this process."""
    page = os.sysconf("SC_PAGE_SIZE")
    rooms = [os.sysconf("SC_PHYS_PAGES") * page]
    with suppress(OSError, ValueError, IndexError):  # not every system tells
        rooms += [int(line.split()[1]) * 1024 for line in _lines("/proc/meminfo") if line.startswith("MemAvailable")]
    with suppress(OSError, ValueError):  # "max" where there is no limit
        rooms.append(int((GROUP / "memory.max").read_text()) - int((GROUP / "memory.current").read_text()))
    with suppress(OSError, ValueError):  # of the first form of groups
        rooms.append(
            int((OLD / "memory.limit_in_bytes").read_text()) - int((OLD / "memory.usage_in_bytes").read_text())
        )
    used = _used()
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            rooms.append(soft - used)
    return max(0, min(rooms))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _used() -> int:
    """Bytes of data that this process has asked for; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return next(int(line.split()[1]) * 1024 for line in _lines("/proc/self/status") if line.startswith("VmData"))
    return 0


def refuse(what: str, needed: int, advice: str) -> None:
    """Refuse what cannot be held.

    Args:
        what: is asked for, in words.
        needed: bytes that it takes at least.
        advice: what to do.

    Raises:
        UsageError: memory does not allow it.

    >>> refuse("10 latents", 80, "ask for fewer")
    >>> refuse("10 latents", 10**18, "ask for fewer")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    beable.errors.UsageError: 10 latents take at least 1e+09 GB of memory, ... GB are free: ask for fewer...
    """
    allowed = _allowed.get()
    room = available() if allowed is None else allowed
    if needed > room:
        there = "free" if allowed is None else f"allowed by {OPTION}"
        raise UsageError(
            f"{what} take at least {in_gb(needed)} of memory, {in_gb(room)} are {there}: {advice}, or allow more by "
            f"{OPTION}"
        )


def in_gb(number: int) -> str:
    """Bytes in words.

    >>> in_gb(1500000000)
    '1.5 GB'
    """
    return f"{number / 1e9:.3g} GB"


def growth_allowed(stored: int) -> int:
    """Bytes of memory that a file of a size may take."""
    allowed = _allowed.get()
    return max(GROWTH * stored, LEAST) if allowed is None else allowed


def refuse_growth(path: Path, asked: int, stored: int, what: str = "of numbers") -> None:
    """Refuse a file that would become far more than it holds, or more than memory can hold.

    Args:
        path: the file.
        asked: bytes that are needed at once.
        stored: bytes of the file.
        what: these bytes are.

    Raises:
        DataError: it would.

    >>> refuse_growth(Path("small.npz"), 10**6, 1000)
    >>> refuse_growth(Path("bomb.npz"), 10**12, 1000)
    Traceback (most recent call last):
    beable.errors.DataError: bomb.npz: 1e+03 GB of numbers in a file of 1e-06 GB, where 1 GB are allowed: name fewer \
arrays to take (variables, --variables), or allow more by --max-memory (beable.memory.allowing)
    """
    room = growth_allowed(stored)
    if asked > room:
        raise DataError(
            f"{path}: {in_gb(asked)} {what} in a file of {in_gb(stored)}, where {in_gb(room)} are allowed: name fewer "
            f"arrays to take (variables, --variables), or allow more by {OPTION} (beable.memory.allowing)"
        )


@contextmanager
def bounded(stored: int) -> Iterator[None]:
    """Let this process ask for no more memory than files of a size may take: the system refuses the rest.

    For a process that does nothing else: the limit is that of all its threads.

    Args:
        stored: bytes of the files.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _used() + growth_allowed(stored) + SPARE
    low = wanted if before[0] == resource.RLIM_INFINITY else min(wanted, before[0])
    resource.setrlimit(resource.RLIMIT_DATA, (low, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def allow_reserve(number: int) -> None:
    """Raise the limit of `bounded`, until it ends, by what a library reserves and may never use.

    Args:
        number: bytes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        most = soft + number if hard == resource.RLIM_INFINITY else min(soft + number, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
