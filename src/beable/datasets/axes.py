"""What the axes of a file's arrays are: rows, time, components, or axes of a snapshot.

Axes are known by the names that the file gives them, by what the user says, or by what other arrays of the file show.
Where two readings fit, the user is asked by an error that names the options for both.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from beable.datasets.names import plain, plain_dim
from beable.datasets.readings import AXES, FEW, LONG, NUMBERS, PARTICLES, POSITIONS, SPACE
from beable.datasets.sources import UNKNOWN, Array, Contents, Source, fixed
from beable.errors import DataError, UsageError, listed, unknown

ROWS = frozenset(
    {"row", "sample", "run", "simulation", "sim", "trajectory", "trajectorie", "traj", "ensemble", "member", "file"}
    | {"realization", "realisation", "batch", "batche", "case", "snapshot", "record", "observation", "obs", "group"}
    | {"experiment", "trial", "instance"}
)
TIME = frozenset({"time", "t", "timestep", "step", "frame", "date"})
PLACES = frozenset(
    {"x", "y", "z", "r", "lat", "lon", "latitude", "longitude", "lev", "level", "depth", "height", "altitude", "plev"}
    | {"radius", "theta", "phi", "xi", "eta", "xc", "yc"}
)
CHANNELS = frozenset(["component", "channel", "comp", "vector"])
BODIES = frozenset(["particle", "atom", "site", "node", "bead"])
COORDINATE = re.compile(r"[-_ ]?(coordinates?|coords?|axis)$")
TIMES = "rows, first, last, every=K or axis"


class Choice(NamedTuple):
    """What the user says of the axes.

    Args:
        rows: names of the axes that are rows, in their order.
        dims: names of the axes of an array, all of them or those after the rows, by name of the array.
        components: arrays whose short axis holds components.
        time: what becomes of the axis of time: "rows", "first", "last", "every=K", "axis", or "" where nothing is said.
        wanted: names of the arrays that are asked for; None for all.
    """

    rows: tuple[str, ...] = ()
    dims: Mapping[str, Sequence[str]] = {}
    components: tuple[str, ...] = ()
    time: str = ""
    wanted: frozenset[str] | None = None


class Taken(NamedTuple):
    """What a part of a file is taken for.

    Args:
        name: in the file.
        kind: "variable", "factor", "label", "coordinate", "constant" or "left out".
        axes: each with its length and what it is taken for.
        unit: UDUNITS string.
        why: what was done to it, or why it is left out.
    """

    name: str
    kind: str
    axes: str
    unit: str = ""
    why: str = ""


class Arranged(NamedTuple):
    """Arrays with their rows first.

    Args:
        sources: by name.
        coordinates: values and unit by name of dimension.
        factors: names of those that are factors unless the user names others.
        constants: arrays common to all rows.
        taken: what each part of the file is taken for.
        rows: number of rows.
    """

    sources: dict[str, Source]
    coordinates: dict[str, tuple[Array, str]]
    factors: list[str]
    constants: dict[str, Source]
    taken: list[Taken]
    rows: int


@dataclass
class _File:
    """The arrays of a file while their axes are found out."""

    path: Path
    contents: Contents
    choice: Choice
    sources: dict[str, Source]
    said: set[str] = field(default_factory=set)
    coordinates: dict[str, Source] = field(default_factory=dict)
    constants: dict[str, Source] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    picks: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def axes(self, name: str) -> tuple[str, ...]:
        return self.sources[name].axes or ()

    def fields(self) -> dict[str, Source]:
        return {name: s for name, s in self.sources.items() if s.role == "variable"}

    def named(self) -> list[str]:
        """Names of axes, in the order of the array that has most of them."""
        arrays = sorted(self.sources.values(), key=lambda s: -len(s.axes or ()))
        return list(dict.fromkeys(axis for s in arrays for axis in s.axes or () if axis))


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
    file = _File(path, contents, choice, {n: _with_axes(s) for n, s in contents.sources.items()})
    file.left.update(contents.left)
    _say_dims(file)
    _leave_unwanted(file)
    _take_scalars(file)
    _find_coordinates(file)
    _name_rows(file)
    _find_rows(file)
    _take_static(file)
    _find_components(file)
    _refuse_three_axes(file)
    return _result(file)


def _with_axes(source: Source) -> Source:
    """A source whose axes are all listed; what has its rows first already has an axis row."""
    if source.axes is not None or not source.shape:
        return source if source.axes is not None else replace(source, axes=())
    return replace(source, axes=("row", *(source.dims or (UNKNOWN,) * (len(source.shape) - 1))))


def find(name: str, names: Iterable[str]) -> str | None:
    """The array that is meant by a name: the one of this path, or the only one whose path ends so.

    >>> find("fields_u", ["fields/u", "t"]), find("u", ["fields/u", "t"]), find("v", ["fields/u"])
    ('fields/u', 'fields/u', None)
    """
    held = list(names)
    exact = [n for n in held if n == name] or [n for n in held if plain(n) == plain(name)]
    found = exact or [n for n in held if plain(n.rsplit("/", 1)[-1]) == plain(name)]
    return found[0] if len(found) == 1 or exact else None


def _say_dims(file: _File) -> None:
    """Give axes the names that the user says."""
    for name, words in file.choice.dims.items():
        found = find(name, file.sources)
        if found is None:
            raise unknown("variable or factor", name, map(plain, file.sources))
        source, count = file.sources[found], len(file.sources[found].shape)
        if len(words) == count - 1:
            words = ((source.axes or (UNKNOWN,))[0], *words)
        if len(words) != count:
            raise UsageError(
                f"{name}: {len(words)} names for the shape {_sizes(source.shape)}: name all {count} axes "
                f"(--dims {name}=row,…), or the {max(count - 1, 0)} after the rows"
            )
        file.sources[found] = replace(source, axes=tuple(words))
        file.said.add(found)
        if words[0] and file.choice.rows == () and not any(map(is_row, words)):
            file.choice = file.choice._replace(rows=(words[0],))


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "()"


def _leave_unwanted(file: _File) -> None:
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


def _take_scalars(file: _File) -> None:
    """Single numbers belong to all rows."""
    for name, source in list(file.sources.items()):
        if not source.shape and source.numeric and not source.refused:
            file.constants[name] = file.sources.pop(name)
    file.constants.update(file.contents.constants)


def _find_coordinates(file: _File) -> None:
    """Arrays of one axis that carry the name of an axis, or the name of a coordinate and the length of an axis."""
    wanted = {find(name, file.sources) for name in file.choice.wanted or ()}
    for name, source in list(file.sources.items()):
        if len(source.shape) != 1 or not source.numeric or source.refused:
            continue
        word = COORDINATE.sub("", name.rsplit("/", 1)[-1])
        own = source.axes == (word,) or source.axes == (name.rsplit("/", 1)[-1],)
        others = [s for n, s in file.sources.items() if n != name and len(s.shape) > 1]
        if own or (source.axes == (UNKNOWN,) and name not in wanted and _is_coordinate(word, source, others)):
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


def _is_monotonic(values: Array) -> bool:
    steps = np.diff(np.asarray(values, np.float64))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _name_by_coordinates(file: _File) -> None:
    """Name axes by coordinates of their length: where only one fits, or in the order x, y, z where several do."""
    free = {word: c.shape[0] for word, c in file.coordinates.items() if word not in file.named()}
    for name, source in file.sources.items():
        blanks = [i for i, axis in enumerate(source.axes or ()) if not axis and i > 0]
        places = [w for w in free if not is_time(w)]
        found = _fitting([source.shape[i] for i in blanks], {w: free[w] for w in places})
        axes = list(source.axes or ())
        for place, word in found.items():
            axes[blanks[place]] = word
        for word in (w for w in free if is_time(w)):
            fits = [i for i in blanks if not axes[i] and source.shape[i] == free[word]]
            if fits and found:
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


def is_row(axis: str) -> bool:
    """Whether an axis holds rows by its name, time included.

    >>> [is_row(axis) for axis in ("run", "n_samples", "time_counter", "x", "row_2")]
    [True, True, True, False, True]
    """
    return bool(_words(axis) & (ROWS | TIME))


def is_time(axis: str) -> bool:
    """Whether an axis is time by its name."""
    words = _words(axis)
    return bool(words & TIME) and not words & ROWS


def _words(axis: str) -> set[str]:
    parts = [part for part in re.split(r"[^a-z]+", axis.lower()) if part]
    return {
        *parts,
        *(part.removesuffix("s") for part in parts),
        *(p.removesuffix("s").removeprefix("n") for p in parts),
    }


def _name_rows(file: _File) -> None:
    """Name the first axes of arrays whose axes have no names."""
    missing = _missing_rows(file)
    blank = {name: [i for i, axis in enumerate(file.axes(name)) if not axis] for name in file.sources}
    most = max((len(b) for b in blank.values()), default=0)
    if not missing or not most:
        return
    first = next(name for name, b in blank.items() if len(b) == most)
    if len(blank[first]) < len(missing):
        raise UsageError(
            f"{file.path}: {first} has the shape {_sizes(file.sources[first].shape)}, too few axes for the rows "
            f"{' '.join(missing)}: name fewer (--rows)"
        )
    lengths = [file.sources[first].shape[i] for i in blank[first][: len(missing)]]
    for name, places in blank.items():
        file.sources[name] = replace(file.sources[name], axes=_leading(file.sources[name], places, missing, lengths))


def _missing_rows(file: _File) -> list[str]:
    """Names of rows that no axis has yet."""
    named = file.named()
    if file.choice.rows:
        return [row for row in file.choice.rows if row not in named and row != "file"]
    missing = [] if any(map(is_row, named)) else ["row"]
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


def _find_rows(file: _File) -> None:
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


def _counts_time(file: _File, axis: str) -> bool:
    return axis in file.coordinates and " since " in file.coordinates[axis].unit


def _first_axis(file: _File, fields: Sequence[Source]) -> str:
    """The first axis of the largest array, where no axis is known as rows by its name."""
    largest = max(fields, key=lambda s: len(s.shape))
    axis = (largest.axes or ("",))[0]
    if _words(axis) & PLACES:
        named = ", ".join(f"{a} ({n})" for a, n in zip(largest.axes or (), largest.shape, strict=True))
        raise UsageError(
            f"{file.path}: no axis of {named} is known as rows: say --rows NAME, or name several files, one a row"
        )
    return axis


def _after_time(file: _File, rows: Sequence[str], time: str) -> list[str]:
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


def _refuse_two(file: _File, rows: Sequence[str], time: str) -> None:
    sizes = " and ".join(f"{row} ({file.lengths[row]})" for row in rows)
    count = math.prod(file.lengths[row] for row in rows)
    rest = ", ".join(row for row in rows[1:])
    raise UsageError(
        f"{file.path}: {sizes} can be rows: say --rows {' '.join(rows)} for {count} rows, or --rows {rows[0]} for "
        f"{file.lengths[rows[0]]} rows with {rest} as an axis of each"
        + (" (--time first or last for one time of each)" if time in rows[1:] else "")
    )


def _check_lengths(file: _File) -> None:
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


def _take_static(file: _File) -> None:
    """What has no axis of rows is common to all of them."""
    tails = [_tail(file, s) for s in file.sources.values() if _has_rows(file, s)]
    if not tails:
        return
    wanted = None if file.choice.wanted is None else {find(name, file.sources) for name in file.choice.wanted}
    for name, source in list(file.sources.items()):
        if _has_rows(file, source) or source.refused or not source.numeric:
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


def _has_rows(file: _File, source: Source) -> bool:
    return any(row in (source.axes or ()) for row in file.rows)


def _tail(file: _File, source: Source) -> dict[int, int]:
    """Lengths of the axes after the rows, by their place."""
    gone = {*file.rows, *(axis for axis, pick in file.picks.items() if isinstance(pick, int))}
    return {i: n for i, (axis, n) in enumerate(zip(source.axes or (), source.shape, strict=True)) if axis not in gone}


def _find_components(file: _File) -> None:
    """Name axes of components, by their names, by the arrays beside them, or as the user says."""
    for name in file.choice.components:
        if find(name, file.sources) is None:
            raise unknown("variable", name, map(plain, file.sources))
    asked = {find(name, file.sources) for name in file.choice.components}
    for name, source in list(file.fields().items()):
        whole = source
        file.sources[name] = source = _without_ones(file, source, name in file.said)
        if name in file.said and name not in asked:
            continue
        tail = _tail(file, source)
        place = _channel(file, name, source, tail, name in asked and whole is source)
        if place is not None:
            axes = list(source.axes or ())
            axes[place] = NUMBERS[0]
            file.sources[name] = replace(source, axes=tuple(axes))


def _without_ones(file: _File, source: Source, said: bool) -> Source:
    """A source without axes of length 1 after its rows, as long as one axis is left; of named ones, the components."""
    tail = _tail(file, source)
    ones = [i for i, n in tail.items() if n == 1 and (not said or _words((source.axes or ())[i]) & CHANNELS)]
    if len(tail) < 2 or not ones:
        return source
    ones = ones[1:] if len(ones) == len(tail) else ones
    shape = tuple(n for i, n in enumerate(source.shape) if i not in ones)
    axes = tuple(axis for i, axis in enumerate(source.axes or ()) if i not in ones)
    load, told = source.load, f"{source.said}, without its axis of length 1".removeprefix(", ")
    return replace(source, shape=shape, axes=axes, load=lambda: load().reshape(shape), said=told)


def _channel(file: _File, name: str, source: Source, tail: Mapping[int, int], asked: bool) -> int | None:
    """The axis that holds components, if there is one."""
    axes = source.axes or ()
    named = [i for i in tail if _words(axes[i]) & CHANNELS]
    if named or len(tail) < 2:
        return named[0] if named and len(tail) > 1 else None
    short = [i for i, n in tail.items() if n < LONG]
    if asked:
        if len(short) != 1:
            raise UsageError(
                f"{file.path}: {plain(name)} of shape {_sizes(source.shape)} has {len(short)} short axes, one of "
                f"components is expected: name its axes (--dims {plain(name)}=row,component,…)"
            )
        return short[0]
    return _channel_in_doubt(file, name, source, tail, short)


def _channel_in_doubt(
    file: _File, name: str, source: Source, tail: Mapping[int, int], short: Sequence[int]
) -> int | None:
    """An axis of 2 to 4 without a name that tells: components where another array has the rest of the axes alone."""
    axes = source.axes or ()
    known = _words(" ".join(axes[i] for i in tail)) & BODIES or _is_positions(name, axes, tail)
    open_ = [
        i for i, n in tail.items() if n in FEW and axes[i] not in file.coordinates and not _words(axes[i]) & PLACES
    ]
    if known or not open_:
        return None
    beside = [list(_tail(file, s).values()) for n, s in file.fields().items() if n != name and _has_rows(file, s)]
    shown = [i for i in open_ if [n for j, n in tail.items() if j != i] in [[m for m in t if m > 1] for t in beside]]
    if shown:
        return shown[0]
    if short == open_[:1] and len(open_) == 1:
        _ask_components(file, name, tail, short[0])
    return None


def _is_positions(name: str, axes: Sequence[str], tail: Mapping[int, int]) -> bool:
    last = list(tail.values())[-1]
    unnamed = not any(axes[i] for i in tail)
    return unnamed and len(tail) == 2 and last in SPACE and name.rsplit("/", 1)[-1].lower() in POSITIONS


def _ask_components(file: _File, name: str, tail: Mapping[int, int], short: int) -> None:
    word, count = plain(name), len(tail)
    rest = " x ".join(str(n) for i, n in tail.items() if i != short)
    axes = ",".join(AXES[:count]) if count <= len(AXES) else "…"
    last = list(tail)[-1] == short and count == 2 and tail[short] in SPACE
    bodies = f", --dims {word}={','.join(PARTICLES)} if it holds {rest} particles" if last else ""
    raise UsageError(
        f"{file.path}: {word} has an axis of {tail[short]} beside {rest}: say --components {word} if it holds "
        f"components{bodies}, or --dims {word}={axes} if it is an axis of the grid"
    )


def _refuse_three_axes(file: _File) -> None:
    """Ask whether one of three axes without names is time."""
    for name, source in file.fields().items():
        tail = _tail(file, source)
        axes = source.axes or ()
        blank = [n for i, n in tail.items() if not axes[i]]
        if name in file.said or len(blank) < 3 or len(set(blank)) == 1 or file.choice.rows or file.choice.time:
            continue
        first, second = file.lengths[file.rows[0]], blank[0]
        raise UsageError(
            f"{file.path}: {plain(name)} has {first} x {_sizes(blank)} numbers and no names of axes: say --rows run "
            f"time if {first} x {second} are rows, --rows run if {first} are rows of fields on {_sizes(blank)}"
        )


# Results


def _result(file: _File) -> Arranged:
    sources, taken = {}, []
    _label_times(file)
    for name, source in file.sources.items():
        sources[name] = _arranged(file, source)
        taken.append(_taken(file, name, source))
    labels = _labels(file)
    sources.update({n: s for n, s in labels.items() if find(n, sources) is None})
    taken += [Taken(n, "label", _rows_of(file, s), s.unit, s.said) for n, s in labels.items()]
    dims = {dim for s in sources.values() for dim in s.dims}
    coordinates = _coordinates(file, dims)
    taken += [Taken(n, "coordinate", f"{n} ({len(v)})", u) for n, (v, u) in coordinates.items()]
    for name in file.coordinates:
        if plain_dim(name) not in coordinates and name not in labels:
            one = isinstance(file.picks.get(name), int)
            file.left[name] = "one of them is taken" if one else "a coordinate of no axis that is taken, or not finite"
    taken += [
        Taken(n, "constant", _sizes(s.shape) if s.shape else "one number", s.unit, s.said or "the same for all rows")
        for n, s in file.constants.items()
    ]
    taken += [Taken(name, "left out", "", "", why) for name, why in file.left.items()]
    factors = [n for n in sources if n in file.contents.factors or sources[n].role == "factor"]
    rows = math.prod(_length(file, row) for row in file.rows)
    return Arranged(sources, coordinates, factors, dict(file.constants), taken, rows)


def _label_times(file: _File) -> None:
    """Times of rows beside fields are labels: nothing is learned of them unless they are asked for."""
    if not any(_tail(file, s) for s in file.fields().values()):
        return
    for name, source in file.fields().items():
        if is_time(name.rsplit("/", 1)[-1]) and not _tail(file, source):
            file.sources[name] = replace(source, role="label", said="times: name it in --factors to keep it")


def _length(file: _File, axis: str) -> int:
    return _picked(file, axis, file.lengths[axis])


def _picked(file: _File, axis: str, length: int) -> int:
    pick = file.picks.get(axis)
    return len(range(length)[pick]) if isinstance(pick, slice) else length


def _arranged(file: _File, source: Source) -> Source:
    """A source whose array has the rows first, then components, then the other axes."""
    axes = source.axes or ()
    kept = [a for a in axes if not isinstance(file.picks.get(a), int)]
    rows = [a for a in file.rows if a in kept]
    tail = sorted((i for i, a in enumerate(kept) if a not in rows), key=lambda i: kept[i] != NUMBERS[0])
    order = [*(kept.index(a) for a in rows), *tail]
    held = [n for a, n in zip(axes, source.shape, strict=True) if not isinstance(file.picks.get(a), int)]
    lengths = [_picked(file, a, n) for a, n in zip(kept, held, strict=True)]
    shape = (math.prod(_length(file, row) for row in file.rows), *(lengths[i] for i in tail))
    grid = [_length(file, row) if row in rows else 1 for row in file.rows]
    full = [_length(file, row) for row in file.rows]
    index = tuple(file.picks.get(axis, slice(None)) for axis in axes)
    names = [kept[i] for i in tail]
    dims = tuple(map(plain_dim, _filled(names))) if any(names) else ()
    load = _loader(source.load, index, order, (*grid, *shape[1:]), (*full, *shape[1:]), shape)
    return replace(source, shape=shape, dims=dims, axes=None, load=load)


def _filled(names: Sequence[str]) -> list[str]:
    """Names of axes, of which those without one get x, y, z."""
    free = iter([axis for axis in AXES if axis not in names])
    return [name or next(free, f"axis{i}") for i, name in enumerate(names)]


def _loader(
    load: Callable[[], Array], index: Any, order: Sequence[int], grid: Any, full: Any, shape: Any
) -> Callable[[], Array]:
    def loaded() -> Array:
        array = load()[index].transpose(order)
        return np.broadcast_to(array.reshape(grid), full).reshape(shape)

    return loaded


def _labels(file: _File) -> dict[str, Source]:
    """For each axis of rows, its coordinate or its numbers from 0 on."""
    found = {}
    for row in file.rows:
        held = file.coordinates.get(row)
        held = held if held is not None and held.shape == (file.lengths[row],) else None
        if held is None and (row == "row" or len(file.rows) < 2):
            continue
        said = "of the rows: name it in --factors to keep it"
        source = held or fixed(np.arange(file.lengths[row], dtype=np.float64))
        found[row] = _arranged(file, replace(source, axes=(row,), role="label", said=said))
    return found


def _coordinates(file: _File, dims: set[str]) -> dict[str, tuple[Array, str]]:
    found = {}
    for name, source in file.coordinates.items():
        dim = plain_dim(name)
        if dim not in dims and not (name in AXES and any(not s.dims for s in map(_with_axes, file.sources.values()))):
            continue
        values = np.asarray(source.load(), np.float64)
        values = values[: file.lengths.get(name, len(values))]
        values = values[file.picks[name]] if isinstance(file.picks.get(name), slice) else values
        if np.isfinite(values).all():
            found[dim] = (values, source.unit or "1")
    return found


def _taken(file: _File, name: str, source: Source) -> Taken:
    axes = source.axes or ()
    words = [f"{axis or '?'} ({n}) {_use(file, axis)}" for axis, n in zip(axes, source.shape, strict=True)]
    return Taken(name, source.role, ", ".join(words), source.unit, source.said)


def _use(file: _File, axis: str) -> str:
    pick = file.picks.get(axis)
    if isinstance(pick, int):
        return "first" if pick == 0 else "last"
    return "rows" if axis in file.rows else "components" if axis == NUMBERS[0] else "axis"


def _rows_of(file: _File, source: Source) -> str:
    return f"rows ({source.shape[0]})"
