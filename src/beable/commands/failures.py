"""What a machine, or a library, refuses: in words that say what to do, with the exit code that goes with it.

The libraries have no common name for want of memory: NumPy and Python raise MemoryError, PyTorch RuntimeError or one of
its own, the system OSError; their texts tell them apart.
"""

import errno
import re
from typing import NamedTuple

from beable.memory import OPTION, available, in_gb

MACHINE, UNREADABLE, DATA = 71, 74, 3
#: what the libraries say where numbers do not fit into memory, or into the numbers that count them
NO_MEMORY = re.compile(
    r"not enough memory|allocate memory|out of memory|unable to allocate|bad allocation|bad_alloc|malloc|"
    r"storage size calculation overflowed|maximum allowed (dimension|size) exceeded|array is too big|"
    r"(negative|invalid) (dimension|shape|size)|cannot fit 'int'|numel|size too large|overflow",
    re.IGNORECASE,
)
NO_ROOM = {errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
TYPES = (RuntimeError, ValueError, OverflowError, TypeError)


class Meant(NamedTuple):
    """What an error means to the user.

    Args:
        words: one line.
        exit_code: of the command.
    """

    words: str
    exit_code: int


def meant(error: BaseException) -> Meant | None:
    """What an error means that no one raised on purpose; None where that cannot be told.

    >>> meant(MemoryError()).exit_code, meant(RecursionError()).exit_code, meant(KeyError("a"))
    (71, 3, None)
    """
    if isinstance(error, RecursionError):
        return Meant("something in a file or in the settings is nested too deep: make it flatter", DATA)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _says_so(error):
        about = f" ({_short(error)})" if str(error) else ""
        return Meant(
            f"memory does not hold this{about}; {in_gb(available())} are free: ask for less, such as fewer rows, "
            f"members or latents, a smaller grid or batch or one worker, or allow more by {OPTION} where it limits",
            MACHINE,
        )
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return _of_system(error)
    return None


def _says_so(error: BaseException) -> bool:
    return isinstance(error, TYPES) and NO_MEMORY.search(str(error)) is not None


def _short(error: BaseException) -> str:
    """The first sentence of an error, which may carry a trace of a library's own."""
    return " ".join(str(error).split())[:160]


def _of_system(error: OSError) -> Meant:
    name = f"{error.filename}: " if error.filename is not None else ""
    reason = (error.strerror or _short(error) or type(error).__name__).lower()
    if error.errno in NO_ROOM:
        return Meant(f"{name}{reason}: end other programs, or ask for fewer workers, threads or rows", MACHINE)
    if error.errno in FULL:
        return Meant(f"{name}{reason}: make room or choose another folder, then run the same command again", 73)
    return Meant(f"{name}{reason}: check that this is a file or folder that can be read and written", UNREADABLE)
