"""Several files, or numbered arrays of one file, as one data set: when each is a row."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from beable.datasets.arranged import Choice
from beable.datasets.axis_names import PLACES, is_row
from beable.datasets.labelled import numbers_in, stacked
from beable.datasets.names import plain
from beable.datasets.sources import UNKNOWN, Contents, Source, ranged
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
    if any(is_row(axis) for s in contents.sources.values() for axis in (("row",) if s.axes is None else s.axes)):
        return False
    name, largest = max(arrays, key=lambda item: len(item[1].shape))
    axes = largest.axes or ()
    if all(axes):
        return axes[0].lower() in PLACES
    if _places(contents.sources.values(), largest):
        return True
    if len(largest.shape) == 2 and not _shares_rows(contents, largest):
        raise UsageError(
            f"{path}: {plain(name)} has {' x '.join(map(str, largest.shape))} numbers and no names of axes: say "
            "--rows file if each file is a row, or --rows row if its first axis is rows"
        )
    return False


def _places(sources: Iterable[Source], largest: Source) -> bool:
    """Whether coordinates stand beside an array for all its axes."""
    lengths = [s.shape[0] for s in sources if len(s.shape) == 1 and s.axes == (UNKNOWN,)]
    return len(lengths) >= len(largest.shape) and all(n in lengths for n in largest.shape)


def _shares_rows(contents: Contents, largest: Source) -> bool:
    return any(s is not largest and s.shape[:1] == largest.shape[:1] for s in contents.sources.values())


def as_a_row(contents: Contents, choice: Choice) -> Contents:
    """The contents of a file whose arrays are one row each; coordinates and single numbers stay as they are.

    A column of a table is a coordinate where the user names it as the axis of another.
    """
    named = {axis for dims in choice.dims.values() for axis in dims}
    sources = {n: _column(s, n, n in named) for n, s in contents.sources.items()}
    return contents._replace(sources={n: _row(n, s) for n, s in sources.items()})


def _column(source: Source, name: str, is_coordinate: bool) -> Source:
    """A column of a table, whose rows are no rows here, as an array of one axis; any other array as it is."""
    if source.axes is not None or len(source.shape) != 1:
        return source
    return replace(source, axes=(name if is_coordinate else UNKNOWN,))


def _row(name: str, source: Source) -> Source:
    word = name.rsplit("/", 1)[-1]
    if not source.shape or source.axes is None or source.axes == (word,):
        return source
    if len(source.shape) == 1 and word.lower() in PLACES and source.axes == (UNKNOWN,):
        return source
    load = ranged(source.load).then(lambda array: array[None], {i + 1: i for i in range(len(source.shape))})
    return replace(source, shape=(1, *source.shape), axes=("file", *source.axes), load=load)


def numbers_in_doubt(contents: Contents) -> str:
    """What to ask of arrays of one shape whose names differ by a number; empty where there are none."""
    for names in _numbered(contents).values():
        shape = contents.sources[names[0]].shape
        if len(shape) < 3 or len(names) > shape[0]:
            return (
                f"{len(names)} arrays have one shape and numbers in their names ({', '.join(names[:2])}, …): say "
                "--rows group if each is a row, or --variables with the arrays to take if they are different fields"
            )
    return ""


def _numbered(contents: Contents) -> dict[str, list[str]]:
    """Names of arrays without names of axes, of two axes or more, that differ by a number, by what they share."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, source in contents.sources.items():
        if source.axes and len(source.shape) > 1 and not any(source.axes) and re.search(r"\d", name):
            found[f"{re.sub(r'[0-9]+', '#', name)} {source.shape} {source.dtype}"].append(name)
    return {stem: names for stem, names in found.items() if len(names) > 2}


def joined_numbers(contents: Contents) -> Contents:
    """Contents whose numbered arrays are one array, with an axis along which they lie."""
    sources = dict(contents.sources)
    for names in _numbered(contents).values():
        names.sort(key=numbers_in)
        parts = [sources.pop(name) for name in names]
        word = re.sub(r"[-_ .]*[0-9]+", "", names[0]) or "array"
        sources[word] = replace(
            parts[0],
            shape=(len(parts), *parts[0].shape),
            axes=("group", *(parts[0].axes or ())),
            load=stacked(parts),
            said=f"{len(parts)} arrays in the order of their numbers",
        )
    return contents._replace(sources=sources)
