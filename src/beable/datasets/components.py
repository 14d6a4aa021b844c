"""Which axis of an array holds components, and which of three axes without names may be time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from beable.datasets.arranged import File, find, has_rows, sizes, tail_of
from beable.datasets.axis_names import BODIES, CHANNELS, PLACES, words_of
from beable.datasets.names import plain
from beable.datasets.readings import AXES, FEW, LONG, NUMBERS, PARTICLES, POSITIONS, SPACE
from beable.datasets.sources import Source, ranged
from beable.errors import UsageError, unknown


def find_components(file: File) -> None:
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
        tail = tail_of(file, source)
        place = _channel(file, name, source, tail, name in asked and whole is source)
        if place is not None:
            axes = list(source.axes or ())
            axes[place] = NUMBERS[0]
            file.sources[name] = replace(source, axes=tuple(axes))


def _without_ones(file: File, source: Source, said: bool) -> Source:
    """A source without axes of length 1 after its rows, as long as one axis is left; of named ones, the components."""
    tail = tail_of(file, source)
    ones = [i for i, n in tail.items() if n == 1 and (not said or words_of((source.axes or ())[i]) & CHANNELS)]
    if len(tail) < 2 or not ones:
        return source
    ones = ones[1:] if len(ones) == len(tail) else ones
    shape = tuple(n for i, n in enumerate(source.shape) if i not in ones)
    axes = tuple(axis for i, axis in enumerate(source.axes or ()) if i not in ones)
    kept = [i for i in range(len(source.shape)) if i not in ones]
    load = ranged(source.load).then(lambda array: array.squeeze(tuple(ones)), dict(enumerate(kept)))
    told = f"{source.said}, without its axis of length 1".removeprefix(", ")
    return replace(source, shape=shape, axes=axes, load=load, said=told)


def _channel(file: File, name: str, source: Source, tail: Mapping[int, int], asked: bool) -> int | None:
    """The axis that holds components, if there is one."""
    axes = source.axes or ()
    named = [i for i in tail if words_of(axes[i]) & CHANNELS]
    if named or len(tail) < 2:
        return named[0] if named and len(tail) > 1 else None
    short = [i for i, n in tail.items() if n < LONG]
    if asked:
        if len(short) != 1:
            raise UsageError(
                f"{file.path}: {plain(name)} of shape {sizes(source.shape)} has {len(short)} short axes, one of "
                f"components is expected: name its axes (--dims {plain(name)}=row,component,…)"
            )
        return short[0]
    return _channel_in_doubt(file, name, source, tail, short)


def _channel_in_doubt(
    file: File, name: str, source: Source, tail: Mapping[int, int], short: Sequence[int]
) -> int | None:
    """An axis of 2 to 4 without a name that tells: components where another array has the rest of the axes alone."""
    axes = source.axes or ()
    known = words_of(" ".join(axes[i] for i in tail)) & BODIES or _is_positions(name, axes, tail)
    open_ = [
        i for i, n in tail.items() if n in FEW and axes[i] not in file.coordinates and not words_of(axes[i]) & PLACES
    ]
    if known or not open_:
        return None
    beside = [list(tail_of(file, s).values()) for n, s in file.fields().items() if n != name and has_rows(file, s)]
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


def _ask_components(file: File, name: str, tail: Mapping[int, int], short: int) -> None:
    word, count = plain(name), len(tail)
    rest = " x ".join(str(n) for i, n in tail.items() if i != short)
    axes = ",".join(AXES[:count]) if count <= len(AXES) else "…"
    last = list(tail)[-1] == short and count == 2 and tail[short] in SPACE
    bodies = f", --dims {word}={','.join(PARTICLES)} if it holds {rest} particles" if last else ""
    raise UsageError(
        f"{file.path}: {word} has an axis of {tail[short]} beside {rest}: say --components {word} if it holds "
        f"components{bodies}, or --dims {word}={axes} if it is an axis of the grid"
    )


def refuse_three_axes(file: File) -> None:
    """Ask whether one of three axes without names, or one before axes that coordinates name, is time."""
    if file.choice.rows or file.choice.time:
        return
    for name, source in file.fields().items():
        axes = source.axes or ()
        tail = {i: n for i, n in tail_of(file, source).items() if axes[i] != NUMBERS[0]}
        blank = [n for i, n in tail.items() if not axes[i]]
        before = bool(blank) and len(blank) < len(tail) and not axes[next(iter(tail))]
        if name in file.said or not (before or (len(blank) > 2 and len(set(blank)) > 1)):
            continue
        first, second, rest = file.lengths[file.rows[0]], next(iter(tail.values())), sizes(list(tail.values()))
        row = "run" if file.rows[0] == "row" else file.rows[0]
        raise UsageError(
            f"{file.path}: {plain(name)} has {first} x {rest} numbers and axes without names: say --rows {row} "
            f"time if {first} x {second} are rows, --rows {row} if {first} are rows of fields on {rest}"
        )
