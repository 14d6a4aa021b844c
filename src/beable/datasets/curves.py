"""Columns of a table that are one curve a row, such as a spectrum whose wavelengths are the names of the columns."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from beable.datasets.arranged import find
from beable.datasets.layout import NAME, in_order
from beable.datasets.names import plain
from beable.datasets.shaped import side_by_side
from beable.datasets.sources import Array, Contents, Source, fixed
from beable.errors import DataError, UsageError, unknown

#: so many columns after each other that differ in a number alone are said to look like a curve
LOOKS_LIKE_ONE = 16
CURVE = re.compile(r"(?P<name>\w+)(?:\((?P<axis>\w+)\s*(?:\[(?P<unit>[^\[\]]+)\])?\))?", re.ASCII)
#: a sign behind a letter or a digit is a hyphen
NUMBER = re.compile(r"(?:(?:^|(?<=[\s=_(:]))[-+])?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Span(NamedTuple):
    """Columns that are one curve.

    Args:
        axis: name of its axis.
        unit: of the axis; empty where nothing is said.
        first, last: names of the columns at its ends.
    """

    axis: str
    unit: str
    first: str
    last: str


def spans(said: Mapping[str, Sequence[str]]) -> dict[str, Span]:
    """The columns of each curve, by its name.

    Args:
        said: first and last column by the name of the curve, behind which its axis and the unit of that may stand.

    Raises:
        UsageError: words of another form.

    >>> spans({"intensity(wavelength [nm])": ["400", "700"]})
    {'intensity': Span(axis='wavelength', unit='nm', first='400', last='700')}
    """
    found: dict[str, Span] = {}
    for word, ends in said.items():
        match = CURVE.fullmatch(word.strip())
        if match is None or not NAME.fullmatch(match["name"]) or len(ends) != 2 or not all(ends):
            raise UsageError(
                f"curve {word!r}: give its name, its axis, and its first and last column, such as "
                "--curve 'intensity(wavelength [nm])=400..700'"
            )
        if match["name"] in found:
            raise UsageError(f"curve {match['name']}: stands there twice: give each a name of its own (--curve)")
        found[match["name"]] = Span(match["axis"] or "x", match["unit"] or "", *ends)
    return found


def with_curves(path: Path, contents: Contents, curves: Mapping[str, Span], asked: Iterable[str] = ()) -> Contents:
    """The contents of a table of which the columns from one to another are one array, (rows, columns), with an axis.

    Where a number is all that the names of these columns differ in, and it rises or falls, it is the place on the axis.

    Args:
        path: the file, for errors.
        contents: what was found in it.
        curves: first and last column of each, by its name.
        asked: names of columns that are wanted by themselves, such as factors.

    Raises:
        UsageError: columns that are not there or wanted by themselves, or a name that another has.
        DataError: columns that are no numbers, or in several units.
    """
    for name, span in curves.items():
        contents = _joined(path, contents, name, span, asked)
    return contents


def _joined(path: Path, contents: Contents, name: str, span: Span, asked: Iterable[str]) -> Contents:
    columns = _between(path, contents.sources, span)
    if other := next((word for word in asked if find(word, columns)), None):
        raise UsageError(
            f"{path}: {plain(other)} stands among the columns of {name} and is asked for by itself: write it before or "
            "behind them, or give two curves (--curve)"
        )
    sources = {n: s for n, s in contents.sources.items() if n not in columns}
    for word in (name, span.axis):
        if find(word, sources):
            raise UsageError(f"{path}: a column is named {word} already: take another name for the curve (--curve)")
    texts = [text(n, s) for n, s in columns.items()]
    first = next(iter(columns.values()))
    if other := next((n for n, s in columns.items() if s.shape != first.shape), None):
        raise DataError(
            f"{path}: {plain(other)} has another length than {span.first}: a curve has one number a row of each"
        )
    of_axis = _unit_of_numbers(columns, texts)
    parts = {n: replace(s, unit="") if of_axis else s for n, s in columns.items()}
    curve = side_by_side(path, name, parts, "--curve", (span.axis,))
    curve = replace(curve, axes=first.axes and (*first.axes, span.axis))
    places = places_of(texts)
    told = f"of {len(columns)} columns, {texts[0]} to {texts[-1]}"
    if places is None:
        sources[name] = replace(curve, said=f"{told}, whose names are no places on an axis")
    else:
        sources[name] = replace(curve, said=told)
        sources[span.axis] = fixed(places, (span.axis,), unit=span.unit or of_axis)
    return contents._replace(sources=sources)


def _between(path: Path, sources: Mapping[str, Source], span: Span) -> dict[str, Source]:
    """The columns from the first to the last, as they stand in the file."""
    names = [n for n, s in sources.items() if len(s.shape) == 1]
    ends = []
    for word in (span.first, span.last):
        held = find(word, names)
        if held is None:
            raise unknown(f"column in {path.name}", word, map(plain, names))
        ends.append(names.index(held))
    if ends[1] <= ends[0]:
        raise UsageError(
            f"{path}: {span.last} does not stand behind {span.first}: name the first column first (--curve)"
        )
    return {n: sources[n] for n in names[ends[0] : ends[1] + 1]}


def _unit_of_numbers(columns: Mapping[str, Source], texts: Sequence[str]) -> str:
    """The unit of names that are bare numbers: it is one of the axis, as in "400 [nm]"."""
    units = {s.unit for s in columns.values()}
    return units.pop() if len(units) == 1 and all(map(NUMBER.fullmatch, texts)) else ""


def text(name: str, source: Source) -> str:
    """The name of a column as the file has it."""
    return source.long_name or name


def places_of(texts: Sequence[str]) -> Array | None:
    """The numbers that names differ in, (names,), if that is all they differ in and they rise or fall.

    >>> places_of(["I_400 (a)", "I_410 (a)"]).tolist(), places_of(["H2_1", "H2_3"]).tolist(), places_of(["p1", "T2"])
    ([400.0, 410.0], [1.0, 3.0], None)
    """
    numbers = [NUMBER.findall(word) for word in texts]
    if len({NUMBER.sub("#", word) for word in texts}) > 1 or not numbers[0]:
        return None
    table = np.array(numbers, np.float64)
    varied = np.flatnonzero((table != table[0]).any(axis=0))
    return table[:, varied[0]] if len(varied) == 1 and in_order(table[:, varied[0]]) else None


def curves_seen(columns: Mapping[str, Source], variables: Collection[str]) -> Iterator[str]:
    """Columns after each other that look like a curve, in words; nothing is joined unasked.

    Args:
        columns: all of a table, in their order.
        variables: names of those that became variables.
    """
    kinds = {n: NUMBER.sub("#", text(n, s)) if n in variables and not s.classes else "" for n, s in columns.items()}
    for kind, group in groupby(columns, key=kinds.__getitem__):
        alike = [text(name, columns[name]) for name in group]
        if kind and len(alike) >= LOOKS_LIKE_ONE and places_of(alike) is not None:
            yield (
                f"{len(alike)} columns, {alike[0]} to {alike[-1]}, as a number each; if they are one curve a row, say "
                f"--curve 'NAME(AXIS)={alike[0]}..{alike[-1]}'"
            )
