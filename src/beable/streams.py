"""Random streams that depend on what is drawn, never on who draws it or in which batch.

A stream is ``SeedSequence(seed, spawn_key=(stream, row, attempt))``: row 17 of a data set gets the same
numbers from any number of workers, in any block, before or after an interruption.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STREAMS = {"factors": 0, "simulation": 1, "split": 2, "start": 3, "order": 4, "noise": 5, "evaluation": 6, "labels": 7}


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


def sobol(
    dimensions: int, rows: int, start: int = 0, *, scrambled: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Rows ``start`` and on of a Sobol sequence in the unit cube, (rows, dimensions): row i is the same in any block.

    Args:
        dimensions: of the cube.
        rows: number of rows, which need not be a power of two.
        start: first row.
        scrambled: generator of a scrambling after Owen (1998); none by default.

    Source: Sobol (1967), by SciPy.

    >>> sobol(2, 3).tolist()
    [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25]]
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=scrambled is not None, rng=scrambled)
    if start:
        sequence.fast_forward(start)
    # SciPy warns of a first draw that is no power of two
    return np.concatenate([sequence.random(min(rows, 1)), sequence.random(max(rows - 1, 0))])
