"""What a reader finds in a file: arrays that are not read yet, with all that the file says of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable import memory
from beable.errors import DataError

Array = NDArray[Any]
UNKNOWN = ""


@dataclass(frozen=True)
class Source:
    """One array of a file.

    Args:
        shape: its lengths; (rows, ...) once its axes are arranged.
        dtype: number format after decoding.
        load: reads it.
        dims: names of its dimensions after the rows; empty where nobody named them.
        unit: UDUNITS string; empty where the file has none.
        bad: its first entry that is no finite number, in words; empty where none is known.
        axes: names of all its axes as the file has them, "" for one without a name; None where a reader has put the
            rows first already.
        refused: why it cannot be read, in words; empty where it can.
        role: what the file says that it is: "variable", "factor" or "label", a number a row that is named when wanted.
        said: how it was found and what was done to it, in words.
        words: reads it as words, for a column of a table; None where `load` gives all there is.
        held: words that a column of a table holds beside numbers, and how often, the first of them.
        long_name: its name as the file has it, where a data set cannot have that; empty otherwise.
        classes: names of what its numbers 0, 1, … stand for; none where they are numbers.
        components: names of the numbers of a row.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Array]
    dims: tuple[str, ...] = ()
    unit: str = ""
    bad: str = ""
    axes: tuple[str, ...] | None = None
    refused: str = ""
    role: str = "variable"
    said: str = ""
    words: Callable[[], Array] | None = None
    held: tuple[tuple[str, int], ...] = ()
    long_name: str = ""
    classes: tuple[str, ...] = ()
    components: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def numeric(self) -> bool:
        return self.dtype.kind in "fiub"


class Contents(NamedTuple):
    """What a file holds.

    Args:
        sources: arrays by name.
        coordinates: values and unit by name of dimension.
        factors: names of the arrays that are factors, where the file's layout says so.
        constants: arrays that are the same for all rows, by name.
        left: what was left unread, and why, by name.
        words: names of attributes that hold words.
        layout: name of a published layout that was recognised; empty for any other file.
        time: name of the axis of time, where the layout has one.
        rows: names of the axes that are rows, in their order.
        doubt: why the user must be asked about groups before anything is read; empty where there is no doubt.
        others: other contents of the same file: "plain", without its published layout; "groups", with a row a group.
        notes: what was recognised of how the file holds its numbers, in words.
        aliases: names of arrays, by other names by which the user may ask for them.
        broken: a row that has no place in a table, in words; empty where there is none.
    """

    sources: Mapping[str, Source]
    coordinates: Mapping[str, tuple[Array, str]] = {}
    factors: Sequence[str] = ()
    constants: Mapping[str, Source] = {}
    left: Mapping[str, str] = {}
    words: Sequence[str] = ()
    layout: str = ""
    time: str = ""
    rows: Sequence[str] = ()
    doubt: str = ""
    others: Mapping[str, Callable[[], "Contents"]] = {}
    notes: Sequence[str] = ()
    aliases: Mapping[str, str] = {}
    broken: str = ""


def held_back(path: Path, name: str, source: Source, stored: int) -> Source:
    """A source that is not read where it declares far more numbers than its file can hold.

    Args:
        path: the file.
        name: of the source.
        source: in the file.
        stored: bytes of the file.
    """
    try:
        memory.refuse_growth(path, source.bytes, stored)
    except DataError as error:
        why = f"declares {str(error).partition(': ')[2]}"

        def refuse() -> Array:
            raise DataError(f"{path}: {name} {why}")

        return replace(source, load=refuse, refused=source.refused or why)
    return source


def fixed(values: Any, axes: tuple[str, ...] | None = None, **more: Any) -> Source:
    """An array in memory as a source."""
    array = np.asarray(values)
    return Source(array.shape, array.dtype, lambda: array, axes=axes, **more)
