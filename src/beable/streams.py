"""Random streams that depend on what is drawn, never on who draws it or in which batch.

A stream is ``SeedSequence(seed, spawn_key=(stream, row, attempt))``: row 17 of a data set gets the same
numbers from any number of workers, in any block, before or after an interruption.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
STREAMS = {
    "factors": 0,
    "simulation": 1,
    "split": 2,
    "start": 3,
    "order": 4,
    "noise": 5,
    "evaluation": 6,
    "labels": 7,
    "modes": 8,
}


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


def states(seed: int, stream: str, rows: Sequence[int], attempt: int = 0) -> list[int]:
    """First 64 bits of the seed sequences of many rows at once, each as `sequence` has them.

    A training asks for them at every step; one by one they take a quarter of the time of fifty small networks.

    Args:
        seed, stream: as in `sequence`.
        rows: rows of a data set or members of an ensemble, below 2³².
        attempt: as in `sequence`, below 2³².

    Source: O'Neill (2015), developing a seed_seq alternative, as NumPy has it.

    >>> states(3, "noise", [7], 5) == sequence(3, "noise", 7, 5).generate_state(1, "uint64").tolist()
    True
    """
    hashed, pool = _pool(seed, stream, tuple(rows))
    pool = _joined(pool, copy(hashed)(np.uint32(attempt), 4))
    low, high = _Hash(0x8B51F9DD, 0x58F38DED)(pool[:2], 2).tolist()
    return [a | b << 32 for a, b in zip(low, high, strict=True)]


@lru_cache(maxsize=16)  # a training asks for the same members at every step
def _pool(seed: int, stream: str, rows: tuple[int, ...]) -> tuple["_Hash", Words]:
    """The hash and the pool of four words, (4, rows), before the attempt is mixed in."""
    words = np.array([*_words(seed), STREAMS[stream]], np.uint32)
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = np.repeat(hashed(words[:4, None], 4), len(rows), axis=1)
    for source in range(4):
        targets = [target for target in range(4) if target != source]
        pool[targets] = _joined(pool[targets], hashed(pool[source], 3))
    for word in (*words[4:], np.array(rows, np.uint32)):
        pool = _joined(pool, hashed(word, 4))
    return hashed, pool


def _words(seed: int) -> list[int]:
    """A seed in words of 32 bits, the lowest first, four at least."""
    count = max(4, -(-seed.bit_length() // 32))
    return [seed >> 32 * i & 0xFFFFFFFF for i in range(count)]


class _Hash:
    """A hash of 32 bits whose constant changes with every use."""

    def __init__(self, constant: int, factor: int) -> None:
        self.constant, self.factor = constant, factor

    def __call__(self, word: Words | np.uint32, uses: int) -> Words:
        """What so many uses in turn make of words (1), (n), or (uses, n) for a word of its own each: (uses, n)."""
        constants = [self.constant * pow(self.factor, use, 2**32) % 2**32 for use in range(uses + 1)]
        self.constant = constants[-1]
        before, after = np.array([constants[:-1], constants[1:]], np.uint32)[..., None]
        return _folded((word ^ before) * after)


def _folded(word: Words) -> Words:
    return word ^ (word >> np.uint32(16))


def _joined(a: Words, b: Words) -> Words:
    return _folded(a * np.uint32(0xCA01F9DD) - b * np.uint32(0x4973F715))


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
