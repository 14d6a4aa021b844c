"""Passes over many rows of a store, block by block, so that memory does not grow with their number."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from beable.console.progress import Teller
from beable.datasets.store import Store
from beable.representations import Representation
from beable.representations.representation import FloatArray, Snapshots

Integers = NDArray[np.int64]
#: most rows of a block, and its bytes in double precision where so many rows are more than a small set holds
BLOCK_ROWS, BLOCK_BYTES = 1024, 1 << 25


def row_bytes(store: Store, names: Sequence[str]) -> int:
    """Bytes of one row of some variables in double precision."""
    return sum(8 * int(np.prod(v.shape)) for v in store.variables if v.name in names)


def lacks(store: Store, names: Sequence[str]) -> bool:
    """Whether numbers of some variables are missing, in every row or in some."""
    return any(name in store.missing for name in names)


def is_whole(store: Store, names: Sequence[str], rows: int, representation: Representation) -> bool:
    """Whether so many rows are few enough to be read all at once; those that lack numbers are, however many."""
    return lacks(store, names) or rows * row_bytes(store, names) <= representation.whole_bytes


def rows_in_block(store: Store, names: Sequence[str]) -> int:
    """Rows that are read at once: a fixed number, or fewer where they are large."""
    size = max(1, row_bytes(store, names))
    fitting = BLOCK_ROWS if BLOCK_ROWS * size < Representation.whole_bytes else BLOCK_BYTES // size
    return max(1, fitting)


class StoredRows:
    """Rows of a variable of a store that are read when they are asked for.

    Args:
        store, name: which variable.
        numbers: of the rows.
    """

    def __init__(self, store: Store, name: str, numbers: Integers) -> None:
        variable = next(v for v in store.variables if v.name == name)
        self.store, self.name, self.numbers = store, name, numbers
        self.shape, self.dtype = (len(numbers), *variable.shape), np.dtype(variable.dtype)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, places: Any) -> NDArray[Any]:
        return self.store.read(self.name, self.numbers[places])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


def stored(store: Store, names: Sequence[str], rows: Integers) -> dict[str, FloatArray]:
    """Rows of a store by name: read, or where they are many, to be read block by block (`in_blocks`)."""
    if lacks(store, names) or len(rows) * row_bytes(store, names) <= Representation.whole_bytes:
        return {name: store.read(name, rows) for name in names}
    return {name: cast(FloatArray, StoredRows(store, name, rows)) for name in names}


def in_blocks(snapshots: Snapshots) -> Iterator[Snapshots]:
    """Snapshots as they are where they are in memory, block by block where they are not."""
    lazy = [v for v in cast(Mapping[str, object], snapshots).values() if isinstance(v, StoredRows)]
    if not lazy:
        yield snapshots
        return
    size = rows_in_block(lazy[0].store, list(snapshots))
    for start in range(0, len(lazy[0]), size):
        yield {name: values[start : start + size] for name, values in snapshots.items()}


class StorePasses:
    """Rows of a store that are read block by block; see `Passes`.

    Args:
        store: the data set.
        names: variables to read.
        numbers: of the rows, ascending.
        say: is told how far a pass has come.
    """

    def __init__(self, store: Store, names: Sequence[str], numbers: Integers, say: Teller) -> None:
        self.store, self.names, self.numbers, self.say = store, list(names), numbers, say
        self.rows = len(numbers)
        self.size = max(1, BLOCK_BYTES // max(1, row_bytes(store, names)))

    def __call__(self, words: str, most: int | None = None) -> Iterator[Snapshots]:
        some = self.numbers[:: -(-self.rows // (most or self.rows))]
        self.say.begin(words)
        for start in range(0, len(some), self.size):
            part = some[start : start + self.size]
            yield {name: self.store.read(name, part) for name in self.names}
            self.say.begin(f"{words}: {start + len(part):,} of {len(some):,} rows")
