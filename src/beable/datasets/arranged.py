"""The arrays of a file while their axes are found out, and with their rows first when they are."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from beable.datasets.axis_names import is_time
from beable.datasets.layout import in_order
from beable.datasets.names import plain, plain_dim
from beable.datasets.readings import AXES, NUMBERS
from beable.datasets.sources import UNKNOWN, Array, Contents, Loader, Source, fixed, ranged


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
        kind: "variable", "factor", "label", "coordinate", "constant", "attribute" or "left out".
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
class File:
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


def find(name: str, names: Iterable[str]) -> str | None:
    """The array that is meant by a name: the one of this path, or the only one whose path ends so.

    >>> find("fields_u", ["fields/u", "t"]), find("u", ["fields/u", "t"]), find("v", ["fields/u"])
    ('fields/u', 'fields/u', None)
    """
    held = list(names)
    exact = [n for n in held if n == name] or [n for n in held if plain(n) == plain(name)]
    found = exact or [n for n in held if plain(n.rsplit("/", 1)[-1]) == plain(name)]
    return found[0] if len(found) == 1 or exact else None


def with_axes(source: Source) -> Source:
    """A source whose axes are all listed; what has its rows first already has an axis row."""
    if source.axes is not None or not source.shape:
        return source if source.axes is not None else replace(source, axes=())
    return replace(source, axes=("row", *(source.dims or (UNKNOWN,) * (len(source.shape) - 1))))


def sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "()"


def has_rows(file: File, source: Source) -> bool:
    return any(row in (source.axes or ()) for row in file.rows)


def tail_of(file: File, source: Source) -> dict[int, int]:
    """Lengths of the axes after the rows, by their place."""
    gone = {*file.rows, *(axis for axis, pick in file.picks.items() if isinstance(pick, int))}
    return {i: n for i, (axis, n) in enumerate(zip(source.axes or (), source.shape, strict=True)) if axis not in gone}


def result(file: File) -> Arranged:
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
            file.left[name] = (
                "one of them is taken"
                if one
                else "a coordinate of no axis that is taken, or one that neither rises nor falls"
            )
    taken += [
        Taken(n, "constant", sizes(s.shape) if s.shape else "one number", s.unit, s.said or "the same for all rows")
        for n, s in file.constants.items()
    ]
    taken += [Taken(name, "left out", "", "", why) for name, why in file.left.items()]
    taken += [Taken(name, "attribute", "", "", "words, not kept") for name in file.contents.words]
    factors = [n for n in sources if n in file.contents.factors or sources[n].role == "factor"]
    rows = math.prod(_length(file, row) for row in file.rows)
    return Arranged(sources, coordinates, factors, dict(file.constants), taken, rows)


def _label_times(file: File) -> None:
    """Times of rows beside fields are labels: nothing is learned of them unless they are asked for."""
    if not any(tail_of(file, s) for s in file.fields().values()):
        return
    for name, source in file.fields().items():
        if is_time(name.rsplit("/", 1)[-1]) and not tail_of(file, source):
            file.sources[name] = replace(source, role="label", said="times: name it in factors (--factors) to keep it")


def _length(file: File, axis: str) -> int:
    return _picked(file, axis, file.lengths[axis])


def _picked(file: File, axis: str, length: int) -> int:
    pick = file.picks.get(axis)
    return len(range(length)[pick]) if isinstance(pick, slice) else length


def _arranged(file: File, source: Source) -> Source:
    """A source whose array has the rows first, then components, then the other axes."""
    axes = source.axes or ()
    kept = [a for a in axes if not isinstance(file.picks.get(a), int)]
    rows = [a for a in file.rows if a in kept]
    tail = sorted((i for i, a in enumerate(kept) if a not in rows), key=lambda i: kept[i] != NUMBERS[0])
    order = [*(kept.index(a) for a in rows), *tail]
    held = [n for a, n in zip(axes, source.shape, strict=True) if not isinstance(file.picks.get(a), int)]
    lengths = [_picked(file, a, n) for a, n in zip(kept, held, strict=True)]
    full = [_length(file, row) for row in file.rows]
    shape = (math.prod(full), *(lengths[i] for i in tail))
    names = [kept[i] for i in tail]
    dims = tuple(map(plain_dim, _filled(names))) if any(names) else ()
    picks = [file.picks.get(axis, slice(None)) for axis in axes]
    places = [axes.index(row) if row in rows else None for row in file.rows]
    load = _loader(ranged(source.load), source.shape, picks, order, places, full)
    return replace(source, shape=shape, dims=dims, axes=None, load=load)


def _filled(names: Sequence[str]) -> list[str]:
    """Names of axes, of which those without one get x, y, z."""
    free = iter([axis for axis in AXES if axis not in names])
    return [name or next(free, f"axis{i}") for i, name in enumerate(names)]


def _loader(
    load: Loader,
    shape: Sequence[int],
    picks: Sequence[Any],
    order: Sequence[int],
    places: Sequence[int | None],
    full: Sequence[int],
) -> Loader:
    """The loader of an array with its rows first, which reads ranges of rows.

    Args:
        load: of the array as the file has it.
        shape: of that.
        picks: what is taken of each of its axes: a slice, or one place.
        order: of the axes that are left.
        places: for each axis of rows, which of the array it is; None where the array does not vary along it.
        full: lengths of the axes of rows.
    """

    def box(ranges: Sequence[slice]) -> Array:
        """The rows of a range of each axis of rows."""
        wanted = {axis: _range(pick, shape[axis]) for axis, pick in enumerate(picks) if pick != slice(None)}
        for place, among in zip(places, ranges, strict=True):
            if place is not None:
                wanted[place] = _among(picks[place], shape[place], among)
        read = load.part(wanted)
        array = read[tuple(0 if isinstance(pick, int) else slice(None) for pick in picks)].transpose(order)
        counts = [len(range(n)[among]) for n, among in zip(full, ranges, strict=True)]
        grid = [1 if place is None else n for place, n in zip(places, counts, strict=True)]
        tail = array.shape[sum(place is not None for place in places) :]
        return np.broadcast_to(array.reshape(*grid, *tail), (*counts, *tail)).reshape(-1, *tail)

    def part(places: Mapping[int, slice]) -> Array:
        start, stop, _ = places.get(0, slice(None)).indices(math.prod(full))
        found = [box(ranges) for ranges in boxes(start, stop, full)] or [box([slice(0, 0)] * len(full))]
        rows = found[0] if len(found) == 1 else np.concatenate(found)
        return rows[tuple(places.get(axis, slice(None)) if axis else slice(None) for axis in range(rows.ndim))]

    return Loader(part, load.whole)


def _range(pick: Any, length: int) -> slice:
    """What is taken of an axis, as a range."""
    place = range(length)[pick]
    return slice(place, place + 1) if isinstance(place, int) else pick


def _among(pick: slice, length: int, among: slice) -> slice:
    """A range of what is taken of an axis, as a range of the axis."""
    found = range(length)[pick][among]
    return slice(found.start, found.stop, found.step)


def boxes(start: int, stop: int, lengths: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """A range of rows of several axes as ranges of each of them, in the order of the rows.

    >>> [[(s.start, s.stop) for s in ranges] for ranges in boxes(2, 9, (3, 4))]
    [[(0, 1), (2, 4)], [(1, 2), (0, 4)], [(2, 3), (0, 1)]]
    """
    if not lengths:
        yield ()
        return
    inner = math.prod(lengths[1:])
    while start < stop:
        place, begun = divmod(start, inner)
        whole = 0 if begun else (stop - start) // inner
        if whole:
            yield (slice(place, place + whole), *(slice(0, n) for n in lengths[1:]))
        else:
            left = min(stop - start, inner - begun)
            yield from ((slice(place, place + 1), *rest) for rest in boxes(begun, begun + left, lengths[1:]))
        start += whole * inner or left


def _labels(file: File) -> dict[str, Source]:
    """For each axis of rows, its coordinate or its numbers from 0 on."""
    found = {}
    for row in file.rows:
        held = file.coordinates.get(row)
        held = held if held is not None and held.shape == (file.lengths[row],) else None
        if held is None and (row == "row" or len(file.rows) < 2):
            continue
        said = "of the rows: name it in factors (--factors) to keep it"
        source = held or fixed(np.arange(file.lengths[row], dtype=np.float64))
        found[row] = _arranged(file, replace(source, axes=(row,), role="label", said=said))
    return found


def _coordinates(file: File, dims: set[str]) -> dict[str, tuple[Array, str]]:
    found = {}
    for name, source in file.coordinates.items():
        dim = plain_dim(name)
        if dim not in dims and not (name in AXES and any(not s.dims for s in map(with_axes, file.sources.values()))):
            continue
        values = np.asarray(source.load(), np.float64)
        values = values[: file.lengths.get(name, len(values))]
        values = values[file.picks[name]] if isinstance(file.picks.get(name), slice) else values
        fits = any(
            n == len(values)
            for s in file.sources.values()
            for a, n in zip(s.axes or (), s.shape, strict=True)
            if a == name
        )
        if in_order(values) and (fits or isinstance(file.picks.get(name), slice) or dim not in dims):
            found[dim] = (values, source.unit or "1")
    return found


def _taken(file: File, name: str, source: Source) -> Taken:
    axes = source.axes or ()
    words = [f"{axis or '?'} ({n}) {_use(file, axis)}" for axis, n in zip(axes, source.shape, strict=True)]
    return Taken(name, source.role, ", ".join(words), source.unit, source.said)


def _use(file: File, axis: str) -> str:
    pick = file.picks.get(axis)
    if isinstance(pick, int):
        return "first" if pick == 0 else "last"
    return "rows" if axis in file.rows else "components" if axis == NUMBERS[0] else "axis"


def _rows_of(file: File, source: Source) -> str:
    return f"rows ({source.shape[0]})"
