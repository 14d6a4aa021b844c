"""Errors a user can act on: one line that says what was expected, what came and what to do.

Each class carries the exit code of the command line.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager


class BeableError(Exception):
    """Base of all errors raised on purpose; its text is one line."""

    exit_code = 1


@contextmanager
def in_python(arguments: Mapping[str, str]) -> Iterator[None]:
    """Tell readers in Python how the options that an error names are called there, in a note below the error.

    Args:
        arguments: words for Python by option.
    """
    try:
        yield
    except BeableError as error:
        named = [word for word in dict.fromkeys(re.findall(r"--[a-z-]+", str(error))) if word in arguments]
        if named:
            error.add_note(f"In Python {', '.join(f'{word} is {arguments[word]}' for word in named)}.")
        raise


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
#: choices that are all named where one is unknown
MOST_NAMED = 20


def listed(names: Sequence[str]) -> str:
    """Names with commas between, the first few where there are many.

    >>> listed(["a", "b"]), listed(list("abcdefgh"))
    ('a, b', 'a, b, c, d, e and 3 more')
    """
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


#: how alike a name and a known one must be to be taken for a slip of the pen; verbs as far apart as "version" and
#: "design" are not
ALIKE = 0.65


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a dictionary of choices; of very many choices those most like it are named.

    >>> unknown("prior", "standart", ["standard", "mixture"])
    UsageError("unknown prior 'standart': did you mean 'standard'? known: mixture, standard")
    >>> str(unknown("array", "speed", [f"array_{k}" for k in range(99)]))
    "unknown array 'speed': known: array_0, array_1, array_10, array_11, array_12 and 94 more"
    """
    names = list(dict.fromkeys(known))
    found = near(name, names)
    hint = f"did you mean {found!r}? " if found else ""
    named = ", ".join(sorted(names))
    if len(names) > MOST_NAMED:
        alike = sorted(sorted(names), key=lambda k: -difflib.SequenceMatcher(None, k, name).ratio())[:MOST_LISTED]
        named = f"{', '.join(sorted(alike))} and {len(names) - len(alike)} more"
    return UsageError(f"unknown {kind} {name!r}: {hint}known: {named}")


def near(name: str, known: Sequence[str]) -> str | None:
    """What may be meant by a name: what it begins, the nearest by its letters, or what it is a part of.

    Args:
        name: as it was given.
        known: names that there are; of several that it begins, or is a part of, the first is taken.

    >>> near("lj", ["lj-fluid", "lj-score", "trust"]), near("fluid", ["lj-fluid"]), near("mixtrue", ["mixture", "x"])
    ('lj-fluid', 'lj-fluid', 'mixture')
    >>> near("version", ["design", "fit"]), near("x", ["axis"])
    (None, None)
    """
    word = name.lower()
    alike = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
    begun = [k for k in known if k.lower().startswith(word)] if len(word) > 1 else []
    parts = [k for k in known if word in k.lower()] if len(word) > 2 else []
    return next(iter([*begun, *alike, *parts]), None)
