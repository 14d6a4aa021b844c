"""Numbers of a text file that are put aside while it is read, so that memory does not grow with its rows.

A text file is read once, from front to back; what is made of its columns is known only at its end. Its numbers are kept
in blocks of rows, each column of a block by itself: in memory while they are few, and else in a temporary file without
a name, which goes when nobody needs it any more.
"""

import tempfile
import weakref
from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beable.datasets.sources import LazyRows
from beable.files.disk import writing

#: bytes of a block of rows, and of all numbers beyond which they are kept on disk
BLOCK, MOST_HELD = 1 << 22, 1 << 26
NUMBER = np.dtype(np.float64)


class Aside:
    """Rows of numbers that are added one after the other and read column by column.

    Args:
        width: numbers of a row.

    >>> rows = Aside(2)
    >>> for row in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]):
    ...     rows.add(row)
    >>> rows.settle()
    >>> len(rows), rows.column(1)[1:3].tolist()
    (3, [4.0, 6.0])
    """

    def __init__(self, width: int) -> None:
        self.width, self.rows = width, 0
        self.block = max(1, BLOCK // (width * NUMBER.itemsize))
        self._waiting = array("d")
        self._file = tempfile.SpooledTemporaryFile(MOST_HELD)  # noqa: SIM115  (closed when nobody needs it)
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.rows

    def add(self, row: Iterable[float]) -> None:
        """Add a row after the others."""
        self._waiting.extend(row)
        if len(self._waiting) >= self.block * self.width:
            self.settle()

    def settle(self) -> None:
        """Put aside what waits to fill a block; no row is added after a block that is not full.

        Raises:
            OutputError: the disk refuses.
        """
        if not self._waiting:
            return
        rows = np.frombuffer(self._waiting).reshape(-1, self.width)
        with writing(Path(tempfile.gettempdir())):
            self._file.write(rows.T.tobytes())
        self.rows += len(rows)
        self._waiting = array("d")

    def column(self, place: int) -> LazyRows:
        """The rows of one column, of which all columns together are read in pieces of one size."""
        return LazyRows((self.rows,), NUMBER, lambda start, stop: self._read(place, start, stop))

    def _read(self, place: int, start: int, stop: int) -> NDArray[np.float64]:
        found = np.empty(max(0, stop - start))
        for first in range(start // self.block * self.block, stop, self.block):
            rows = min(self.block, self.rows - first)
            low, high = max(start, first), min(stop, first + rows)
            self._file.seek(NUMBER.itemsize * (first * self.width + place * rows + low - first))
            self._file.readinto(found[low - start : high - start].view(np.uint8))  # type: ignore[arg-type]
        return found
