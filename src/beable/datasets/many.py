"""Several files as one data set: when each file is a row."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from beable.datasets.axes import PLACES, Choice, is_row
from beable.datasets.names import plain
from beable.datasets.sources import UNKNOWN, Contents, Source
from beable.errors import UsageError


def is_a_row(path: Path, contents: Contents, choice: Choice, several: bool) -> bool:
    """Whether a file is one row: the user says so, or its arrays have axes of space and no other.

    Raises:
        UsageError: one of several files that may be a row or hold rows.
    """
    if choice.rows:
        return "file" in choice.rows
    arrays = [(n, s) for n, s in contents.sources.items() if s.axes is not None and len(s.shape) > 1 and s.numeric]
    if not several or contents.rows or not arrays or choice.dims:
        return False
    if any(is_row(axis) for s in contents.sources.values() for axis in s.axes or ("row",)):
        return False
    name, largest = max(arrays, key=lambda item: len(item[1].shape))
    axes = largest.axes or ()
    if all(axes):
        return axes[0].lower() in PLACES
    if _places(contents.sources.values(), largest):
        return True
    if len(largest.shape) == 2 and not _shares_rows(contents, largest):
        raise UsageError(
            f"{path}: {plain(name)} has {' x '.join(map(str, largest.shape))} numbers and no names of axes: say --rows file "
            "if each file is a row, or --rows row if its first axis is rows"
        )
    return False


def _places(sources: Iterable[Source], largest: Source) -> bool:
    """Whether coordinates stand beside an array for all its axes."""
    lengths = [s.shape[0] for s in sources if len(s.shape) == 1 and s.axes == (UNKNOWN,)]
    return len(lengths) >= len(largest.shape) and all(n in lengths for n in largest.shape)


def _shares_rows(contents: Contents, largest: Source) -> bool:
    return any(s is not largest and s.shape[:1] == largest.shape[:1] for s in contents.sources.values())


def as_a_row(contents: Contents) -> Contents:
    """The contents of a file whose arrays are one row each; coordinates and single numbers stay as they are."""
    return contents._replace(sources={n: _row(n, s) for n, s in contents.sources.items()})


def _row(name: str, source: Source) -> Source:
    word = name.rsplit("/", 1)[-1]
    if not source.shape or source.axes is None or source.axes == (word,):
        return source
    if len(source.shape) == 1 and word.lower() in PLACES and source.axes == (UNKNOWN,):
        return source
    load = source.load
    return replace(source, shape=(1, *source.shape), axes=("file", *source.axes), load=lambda: load()[None])
