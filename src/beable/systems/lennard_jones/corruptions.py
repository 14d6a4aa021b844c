r"""Odd configurations made of ordinary ones, with a note of what was done to them.

X (rows, N, d) are positions in [0, L]^d. How odd a row is must be known to judge a score that looks for odd rows: a
displacement of s moves each coordinate by U(−s, s), so a particle by :math:`s\sqrt{d/3}` in the root of the mean
square, which for small s is less than the particles move by themselves.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.checks import count, positive
from beable.errors import DataError, UsageError
from beable.metrics.columns import Bools, Floats, Seed
from beable.representations.distance_geometry import as_positions

#: blocks (first, length) of a distance matrix of 30 particles that the source blacks out; the last is all of it
SOURCE_BLOCKS = ((0, 10), (8, 10), (0, 30))
#: the source's largest displacement over the diagonal of its square box
SOURCE_SIZE = 0.2


class Moved(NamedTuple):
    """Configurations with some particles out of place.

    Args:
        positions: (rows, particles, dimensions).
        moved: which particles were, (rows, particles).
    """

    positions: Floats
    moved: Bools


def uniform(rows: int, particles: int, dimensions: int, box: float, rng: Seed = 0) -> Floats:
    """Points with no law at all, uniform in the box, (rows, particles, dimensions).

    Args:
        rows, particles, dimensions: numbers of each.
        box: side L.
        rng: seed or generator.

    Raises:
        UsageError: a number below 1, a side that is not positive.

    >>> uniform(2, 3, 2, 10.0).shape
    (2, 3, 2)
    """
    shape = (count("rows", rows, 1), count("particles", particles, 1), count("dimensions", dimensions, 1))
    return np.random.default_rng(rng).uniform(0.0, positive("box", box), shape)


def source_size(box: float, dimensions: int = 2) -> float:
    """The source's largest displacement, in units of length: a fifth of the box's diagonal.

    >>> round(source_size(10.0), 2)
    2.83
    """
    return SOURCE_SIZE * positive("box", box) * math.sqrt(dimensions)


def moved(positions: ArrayLike, size: float, *, particles: int = 4, box: float | None = None, rng: Seed = 0) -> Moved:
    r"""Every coordinate of some random particles displaced by :math:`U(-s, s)`.

    Args:
        positions: X, (rows, N, d).
        size: s, in the unit of the positions; see `source_size`.
        particles: how many in each row.
        box: side L: the displacement is drawn from the part of (−s, s) that does not leave the box. None: it may
            leave, as in the source.
        rng: seed or generator.

    Raises:
        DataError: shape, NaN or infinity; a box that the positions are not in.
        UsageError: size or box not positive, more particles than there are.

    Reference: LCP-B group 9, University of Padova (2023): four particles of 30.

    >>> found = moved(np.zeros((5, 30, 2)), 2.83)
    >>> found.moved.sum(axis=1).tolist(), bool(np.abs(found.positions).max() < 2.83)
    ([4, 4, 4, 4, 4], True)
    """
    x, draw = as_positions(positions), np.random.default_rng(rng)
    count("particles to move", particles, 1, x.shape[1])
    low, high = _reach(x, positive("size", size), box)
    chosen = draw.permuted(np.broadcast_to(np.arange(x.shape[1]) < particles, x.shape[:2]), axis=1)
    shift = low + (high - low) * draw.random(x.shape)
    return Moved(x + np.where(chosen[..., None], shift, 0.0), chosen)


def _reach(x: Floats, size: float, box: float | None) -> tuple[Floats, Floats]:
    """Least and largest displacement of each coordinate."""
    if box is None:
        return np.full_like(x, -size), np.full_like(x, size)
    if x.size and (x.min() < 0 or x.max() > positive("box", box)):
        raise DataError(f"positions from {x.min():.4g} to {x.max():.4g} are not in the box of side {box}: give no box")
    return np.maximum(-size, -x), np.minimum(size, box - x)


def block(particles: int, first: int, length: int) -> Bools:
    """Mask (particles, particles) of the pairs, diagonal included, among ``length`` particles from ``first`` on.

    Raises:
        UsageError: a block that is not in the matrix.
    """
    if not (first >= 0 and length >= 1 and first + length <= particles):
        raise UsageError(f"block of {length} from {first} is not in a matrix of {particles} particles")
    inside: NDArray[np.bool_] = (np.arange(particles) >= first) & (np.arange(particles) < first + length)
    return inside[:, None] & inside
