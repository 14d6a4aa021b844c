"""Errors a user can act on: one line that says what was expected, what came and what to do.

Each class carries the exit code of the command line.
"""

import difflib
from collections.abc import Iterable, Sequence


class BeableError(Exception):
    """Base of all errors raised on purpose; its text is one line."""

    exit_code = 1


class UsageError(BeableError, ValueError):
    """An argument, option or setting that is invalid."""

    exit_code = 2


class DataError(BeableError, ValueError):
    """Data that cannot be used: wrong shape, not finite, too few rows, constant."""

    exit_code = 3


class DivergedError(BeableError):
    """A training whose loss is no longer a number."""

    exit_code = 4


class CorruptError(BeableError):
    """An artefact on disk that is not what its manifest says."""

    exit_code = 5


class OutputError(BeableError):
    """An output that cannot be created or written: exists already, no room, read-only."""

    exit_code = 73


class LockedError(BeableError):
    """An output that another process is writing."""

    exit_code = 75


class LeftOutWarning(UserWarning):
    """Something that was given is not used."""


class HeldOutWarning(UserWarning):
    """Held-out rows are near copies of training rows."""


class DataWarning(UserWarning):
    """Data that can be used, with something that one should know of them."""


MOST_LISTED = 5


def listed(names: Sequence[str]) -> str:
    """Names with commas between, the first few where there are many.

    >>> listed(["a", "b"]), listed(list("abcdefgh"))
    ('a, b', 'a, b, c, d, e and 3 more')
    """
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a dictionary of choices.

    >>> unknown("prior", "standart", ["standard", "mixture"])
    UsageError("unknown prior 'standart': did you mean 'standard'? known: mixture, standard")
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"unknown {kind} {name!r}: {hint}known: {', '.join(names)}")
