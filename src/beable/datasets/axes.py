"""What the axes of a file's arrays are: rows, time, components, or axes of a snapshot.

Axes are known by the names that the file gives them, by what the user says, or by what other arrays of the file show.
Where two readings fit, the user is asked by an error that names the options for both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from beable.datasets.arranged import Arranged, Choice, File, find, has_rows, result, sizes, tail_of, with_axes
from beable.datasets.axis_names import COORDINATE, PLACES, TIME, is_row, is_time, words_of
from beable.datasets.components import find_components, refuse_three_axes
from beable.datasets.names import plain
from beable.datasets.sources import UNKNOWN, Array, Contents, Source
from beable.errors import DataError, UsageError, listed, unknown

TIMES = "rows, first, last, every=K or axis"


def arrange(path: Path, contents: Contents, choice: Choice) -> Arranged:
    """The arrays of a file with their rows first.

    Args:
        path: the file, for errors.
        contents: what was found in it.
        choice: what the user says.

    Raises:
        UsageError: names that are not there, or axes that can be read in two ways.
        DataError: arrays that do not share their rows.
    """
    file = File(path, contents, choice, {n: with_axes(s) for n, s in contents.sources.items()})
    file.left.update(contents.left)
    _say_dims(file)
    _leave_unwanted(file)
    _take_scalars(file)
    _find_coordinates(file)
    _name_rows(file)
    _find_rows(file)
    _take_static(file)
    find_components(file)
    refuse_three_axes(file)
    return result(file)


def _say_dims(file: File) -> None:
    """Give axes the names that the user says."""
    for name, given in file.choice.dims.items():
        found = find(name, file.sources)
        if found is None:
            raise unknown("variable or factor", name, map(plain, file.sources))
        source, count, words = file.sources[found], len(file.sources[found].shape), tuple(given)
        if len(words) == count - 1 and not any(is_row(word) and not is_time(word) for word in words):
            words = ((source.axes or (UNKNOWN,))[0], *words)
        if len(words) != count:
            raise UsageError(
                f"{name}: {len(words)} names for the shape {sizes(source.shape)}: name all {count} axes "
                f"(--dims {name}=row,…), or the {max(count - 1, 0)} after the rows"
            )
        if twice := [word for word in words if word and words.count(word) > 1]:
            raise UsageError(f"{name}: two of its axes are named {twice[0]}: give each a name of its own (--dims)")
        file.sources[found] = replace(source, axes=tuple(words))
        file.said.add(found)
        if words[0] and file.choice.rows == () and not any(map(is_row, words)):
            file.choice = file.choice._replace(rows=(words[0],))


def _leave_unwanted(file: File) -> None:
    """Leave out what was not asked for, but for what may be a coordinate of it."""
    if file.choice.wanted is None:
        return
    for name in file.choice.wanted:
        if find(name, file.sources) is None and not is_row(name) and name not in file.named():
            raise unknown(f"array in {file.path.name}", name, map(plain, file.sources))
    wanted = {find(name, file.sources) for name in file.choice.wanted}
    for name, source in list(file.sources.items()):
        if name not in wanted and (len(source.shape) != 1 or source.refused or not source.numeric):
            del file.sources[name]
            file.left[name] = "not asked for"


def _take_scalars(file: File) -> None:
    """Single numbers belong to all rows."""
    for name, source in list(file.sources.items()):
        if not source.shape and source.numeric and not source.refused:
            file.constants[name] = file.sources.pop(name)
    file.constants.update(file.contents.constants)


def _find_coordinates(file: File) -> None:
    """Arrays of one axis that carry the name of an axis, or the name of a coordinate and the length of an axis."""
    wanted = {find(name, file.sources) for name in file.choice.wanted or ()}
    others = [source for source in file.sources.values() if len(source.shape) > 1]
    for name, source in list(file.sources.items()):
        if len(source.shape) != 1 or not source.numeric or source.refused:
            continue
        word = COORDINATE.sub("", name.rsplit("/", 1)[-1])
        own = source.axes == (word,) or source.axes == (name.rsplit("/", 1)[-1],)
        held = file.coordinates.get(source.axes[0] if own and source.axes else word)
        if held is not None and held.shape != source.shape and own:
            file.left[name] = "another coordinate of this name has another length"
            del file.sources[name]
        elif own or (
            source.axes == (UNKNOWN,)
            and name not in wanted
            and (_is_coordinate(word, source, others) or _is_of_axis(word, source, others))
        ):
            file.coordinates[(source.axes or (word,))[0] or word] = file.sources.pop(name)
            file.lengths.setdefault(word, source.shape[0])
    _name_by_coordinates(file)


def _is_coordinate(word: str, source: Source, others: Sequence[Source]) -> bool:
    if word.lower() not in PLACES | TIME:
        return False
    free = any(
        n == source.shape[0] and not a for s in others for n, a in zip(s.shape[1:], (s.axes or ())[1:], strict=True)
    )
    return free and _is_monotonic(source.load())


def _is_of_axis(word: str, source: Source, others: Sequence[Source]) -> bool:
    """Whether an array bears the name of an axis of its length, and can be its places."""
    axes = [pair for s in others for pair in zip(s.axes or (), s.shape, strict=True)]
    return (word, source.shape[0]) in axes and _is_monotonic(source.load())


def _is_monotonic(values: Array) -> bool:
    steps = np.diff(np.asarray(values, np.float64))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _name_by_coordinates(file: File) -> None:
    """Name axes by coordinates of their length: where only one fits, or in the order x, y, z where several do."""
    free = {word: c.shape[0] for word, c in file.coordinates.items() if word not in file.named()}
    for name, source in file.sources.items():
        blanks = [i for i, axis in enumerate(source.axes or ()) if not axis and i > 0]
        places = [w for w in free if not is_time(w)]
        clocks = [w for w in free if is_time(w)]
        found = _fitting([source.shape[i] for i in blanks], {w: free[w] for w in places})
        axes = list(source.axes or ())
        for place, word in found.items():
            axes[blanks[place]] = word
        for word in clocks:
            fits = [i for i in blanks if not axes[i] and source.shape[i] == free[word]]
            if fits and (found or len(fits) == 1):
                axes[fits[0]] = word
        file.sources[name] = replace(source, axes=tuple(axes))


def _fitting(shape: Sequence[int], lengths: Mapping[str, int]) -> dict[int, str]:
    """Which coordinate names which axis; empty where they do not fit.

    >>> _fitting((64, 32), {"x": 32, "y": 64}), _fitting((9, 9), {"x": 9, "y": 9}), _fitting((5, 9), {"x": 9, "y": 9})
    ({1: 'x', 0: 'y'}, {0: 'x', 1: 'y'}, {})
    """
    found: dict[int, str] = {}
    for word in sorted(lengths):
        places = [i for i, n in enumerate(shape) if n == lengths[word] and i not in found]
        if not places:
            return {}
        found[places[0]] = word
    return found


def _name_rows(file: File) -> None:
    """Name the first axes of arrays whose axes have no names."""
    missing = _missing_rows(file)
    blank = {name: [i for i, axis in enumerate(file.axes(name)) if not axis] for name in file.sources}
    most = max((len(b) for b in blank.values()), default=0)
    if not missing or not most:
        return
    first = max((name for name, b in blank.items() if b), key=lambda name: len(file.sources[name].shape))
    if len(blank[first]) < len(missing):
        raise UsageError(
            f"{file.path}: {first} has the shape {sizes(file.sources[first].shape)}, too few axes for the rows "
            f"{' '.join(missing)}: name fewer (--rows)"
        )
    lengths = [file.sources[first].shape[i] for i in blank[first][: len(missing)]]
    for name, places in blank.items():
        file.sources[name] = replace(file.sources[name], axes=_leading(file.sources[name], places, missing, lengths))


def _missing_rows(file: File) -> list[str]:
    """Names of rows that no axis has yet."""
    named = file.named()
    if file.choice.rows:
        return [row for row in file.choice.rows if row not in named and row != "file"]
    first = [s.axes for s in file.sources.values() if s.axes and not s.axes[0]]
    timed = any(is_time(axis) for axes in first for axis in axes) and all(
        is_time(axis) for axis in named if is_row(axis)
    )
    missing = [] if any(map(is_row, named)) and not timed else ["row"]
    if file.choice.time and not any(map(is_time, named)):
        missing.append("time")
    return missing


def _leading(source: Source, places: Sequence[int], names: Sequence[str], lengths: Sequence[int]) -> tuple[str, ...]:
    """Axes of an array of which those without a name, from the first on, are rows where their lengths agree."""
    axes, left = list(source.axes or ()), list(places)
    for name, n in zip(names, lengths, strict=True):
        if left and source.shape[left[0]] == n:
            axes[left.pop(0)] = name
    return tuple(axes)


def _find_rows(file: File) -> None:
    """Decide which axes are rows, and what becomes of time."""
    fields = [s for s in file.sources.values() if s.shape]
    if not fields:
        return
    named = file.named()
    for row in file.choice.rows:
        if row not in named and row != "file":
            raise unknown(f"axis of {file.path.name}", row, named)
    found = [axis for axis in named if is_row(axis) or _counts_time(file, axis)]
    found = [axis for axis in found if any(axis in (s.axes or ()) for s in fields)]
    file.lengths.update({a: n for s in fields for a, n in zip(s.axes or (), s.shape, strict=True) if a})
    rows = [r for r in file.choice.rows if r in named] or list(file.contents.rows) or found
    if not rows:
        rows = [_first_axis(file, fields)]
    time = file.contents.time or next((a for a in found if is_time(a) or _counts_time(file, a)), "")
    file.rows = tuple(_after_time(file, rows, time))
    _check_lengths(file)


def _counts_time(file: File, axis: str) -> bool:
    return axis in file.coordinates and " since " in file.coordinates[axis].unit


def _first_axis(file: File, fields: Sequence[Source]) -> str:
    """The first axis of the largest array, where no axis is known as rows by its name."""
    largest = max(fields, key=lambda s: len(s.shape))
    axis = (largest.axes or ("",))[0]
    if words_of(axis) & PLACES:
        named = ", ".join(f"{a} ({n})" for a, n in zip(largest.axes or (), largest.shape, strict=True))
        raise UsageError(
            f"{file.path}: no axis of {named} is known as rows: say --rows NAME, or name several files, one a row"
        )
    return axis


def _after_time(file: File, rows: Sequence[str], time: str) -> list[str]:
    """The axes that are rows once it is said what becomes of time."""
    asked = file.choice.time
    if asked and not time:
        raise UsageError(f"{file.path}: no axis is known as time: name it (--dims NAME=row,time,…) or leave --time out")
    if asked in ("first", "last"):
        file.picks[time] = 0 if asked == "first" else -1
    elif asked.startswith("every="):
        file.picks[time] = slice(None, None, _step(asked))
    elif asked not in ("", "rows", "axis"):
        raise UsageError(f"time {asked!r}: {TIMES} is expected (--time)")
    if asked in ("first", "last", "axis"):
        rest = [row for row in rows if row != time]
        if not rest:
            raise UsageError(
                f"{file.path}: time is the only axis of rows: --time {asked} would leave none, leave it out"
            )
        return rest
    if asked and time not in rows:
        rows = [*rows, time]
    if len(rows) > 1 and not (asked or file.choice.rows or file.contents.layout):
        _refuse_two(file, rows, time)
    return list(rows)


def _step(asked: str) -> int:
    text = asked.removeprefix("every=")
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"time {asked!r}: every=K takes a whole number of at least 1 (--time every=2)")
    return int(text)


def _refuse_two(file: File, rows: Sequence[str], time: str) -> None:
    holders = {row: plain(n) for row in rows for n, s in reversed(file.sources.items()) if row in (s.axes or ())}
    if not any({*rows} <= {*(s.axes or ())} for s in file.sources.values()):
        held = ", ".join(f"{name} along {row} ({file.lengths[row]})" for row, name in holders.items())
        raise UsageError(
            f"{file.path}: arrays have different rows ({held}): name the arrays of one kind (--variables), or its rows "
            f"(--rows {rows[0]})"
        )
    sizes = " and ".join(f"{row} ({file.lengths[row]})" for row in rows)
    count = math.prod(file.lengths[row] for row in rows)
    rest = ", ".join(row for row in rows[1:])
    raise UsageError(
        f"{file.path}: {sizes} can be rows: say --rows {' '.join(rows)} for {count} rows, or --rows {rows[0]} for "
        f"{file.lengths[rows[0]]} rows with {rest} as an axis of each"
        + (" (--time first or last for one time of each)" if time in rows[1:] else "")
    )


def _check_lengths(file: File) -> None:
    for row in file.rows:
        found = {s.shape[(s.axes or ()).index(row)] for s in file.sources.values() if row in (s.axes or ())}
        if len(found) > 1:
            lengths = ", ".join(
                f"{plain(n)} {s.shape[(s.axes or ()).index(row)]}"
                for n, s in file.sources.items()
                if row in (s.axes or ())
            )
            raise DataError(
                f"{file.path}: the arrays differ in their number of rows ({lengths}): give the same rows in each"
            )


def _take_static(file: File) -> None:
    """What has no axis of rows is common to all of them."""
    tails = [tail_of(file, s) for s in file.sources.values() if has_rows(file, s)]
    if not tails:
        return
    wanted = None if file.choice.wanted is None else {find(name, file.sources) for name in file.choice.wanted}
    for name, source in list(file.sources.items()):
        if not has_rows(file, source) and source.role == "label" and not source.numeric:
            file.left[name] = "a coordinate in words"
            del file.sources[name]
        if has_rows(file, source) or source.refused or not source.numeric:
            continue
        shape = source.shape
        if wanted is not None and name not in wanted:
            file.left[name] = "not asked for"
            del file.sources[name]
            continue
        inside = any(shape == tuple(t.values())[i : i + len(shape)] for t in tails for i in range(len(t)))
        if not inside and UNKNOWN in (source.axes or ()):
            counts = listed([f"{plain(n)} {s.shape[0]}" for n, s in file.sources.items()])
            raise DataError(
                f"{file.path}: the arrays differ in their number of rows ({counts}): give the same rows in each, name "
                "the arrays to take (--variables), or the axes of each (--dims)"
            )
        file.constants[name] = file.sources.pop(name)
