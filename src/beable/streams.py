"""Random streams that depend on what is drawn, never on who draws it or in which batch.

A stream is ``SeedSequence(seed, spawn_key=(stream, row, attempt))``: row 17 of a data set gets the same
numbers from any number of workers, in any block, before or after an interruption.
"""

from dataclasses import dataclass

import numpy as np

STREAMS = {"factors": 0, "simulation": 1, "split": 2, "start": 3, "order": 4, "noise": 5, "evaluation": 6}


def sequence(seed: int, stream: str, row: int = 0, attempt: int = 0) -> np.random.SeedSequence:
    """Seed sequence of one row of one named stream.

    Args:
        seed: seed of the data set or training, a non-negative integer.
        stream: name of the stream, a key of ``STREAMS``.
        row: what the stream is split by: row of a data set, member of an ensemble.
        attempt: which redraw of the row.
    """
    return np.random.SeedSequence(seed, spawn_key=(STREAMS[stream], row, attempt))


def generator(seed: int, stream: str, row: int = 0, attempt: int = 0) -> np.random.Generator:
    """NumPy generator of one row of one named stream.

    >>> generator(0, "factors", row=3).normal() == generator(0, "factors", row=3).normal()
    True
    """
    return np.random.Generator(np.random.PCG64(sequence(seed, stream, row, attempt)))


@dataclass(frozen=True)
class RowStreams:
    """The generators of a range of rows of a data set: what a simulator draws from.

    Args:
        seed: seed of the data set.
        start: first row, counted over the whole data set.
        rows: number of rows.
    """

    seed: int
    start: int
    rows: int

    def __len__(self) -> int:
        return self.rows

    def generators(self, stream: str, attempt: int = 0) -> list[np.random.Generator]:
        """One generator a row, for a named stream."""
        return [generator(self.seed, stream, self.start + i, attempt) for i in range(self.rows)]
