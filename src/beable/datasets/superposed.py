r"""Configurations of points moved onto others: the rigid motion of least squares, and what is left after it.

Positions are (rows, N, d); point i belongs to point i.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.checks import array
from beable.errors import DataError

Floats = NDArray[np.float64]
ROUNDS = 3


class Aligned(NamedTuple):
    """Points moved onto others.

    Args:
        positions: R x + t, (rows, N, d).
        rotation: R, with or without a mirror, (rows, d, d).
        error: root of the mean squared distance that is left, (rows,).
    """

    positions: Floats
    rotation: Floats
    error: Floats


def align(positions: ArrayLike, onto: ArrayLike, *, reflection: bool = True, translation: bool = True) -> Aligned:
    r"""The rigid motion that brings points nearest others: :math:`\min_{R,t} \sum_i |R x_i + t - y_i|^2`, by the SVD.

    Args:
        positions: X, (rows, N, d).
        onto: Y, (rows, N, d).
        reflection: whether R may mirror.
        translation: whether t may differ from zero.

    Raises:
        DataError: shapes, NaN or infinity.

    Reference: P. H. Schönemann, Psychometrika 31, 1 (1966); W. Kabsch, Acta Cryst. A 32, 922 (1976).

    >>> x = np.array([[[0.0, 0], [2, 0], [0, 1]]])
    >>> turned = x @ np.array([[0, 1], [-1, 0]]) + 5
    >>> bool(align(turned, x).error[0] < 1e-12)
    True
    """
    x, y = array("positions", positions), array("positions", onto)
    if x.shape != y.shape or x.ndim != 3 or 0 in x.shape[1:]:
        raise DataError(f"positions {x.shape} cannot be moved onto {y.shape}: they must have one shape (rows, N, d)")
    centre, goal = (p.mean(axis=1, keepdims=True) * translation for p in (x, y))
    u, _, v = np.linalg.svd(np.matmul((y - goal).swapaxes(1, 2), x - centre))
    if not reflection:
        u[:, :, -1] *= np.sign(np.linalg.det(np.matmul(u, v)))[:, None]
    rotation = np.matmul(u, v)
    moved = np.matmul(x - centre, rotation.swapaxes(1, 2)) + goal
    return Aligned(moved, rotation, np.sqrt(np.square(moved - y).sum(axis=2).mean(axis=1)))


def superposed(positions: NDArray[np.floating], onto: str) -> Floats:
    """Frames (rows, N, d) turned and moved, but not mirrored, onto the first one or onto their own mean.

    Args:
        positions: X.
        onto: "first", or "mean", which is found by taking turns.

    >>> x = np.random.default_rng(0).normal(size=(1, 5, 3))
    >>> float(np.ptp(superposed(np.concatenate([x, x + 4]), "first"), axis=0).max().round(12))
    0.0
    """
    goal = positions[0]
    for _ in range(ROUNDS if onto == "mean" else 1):
        moved = align(positions, np.broadcast_to(goal, positions.shape), reflection=False).positions
        goal = moved.mean(0)
    return moved


def deviation(positions: NDArray[np.floating]) -> Floats:
    """Root mean square distance of each frame (rows, N, d) from the first one after superposition, (rows,)."""
    return align(positions, np.broadcast_to(positions[0], positions.shape), reflection=False).error


def gyration(positions: NDArray[np.floating]) -> Floats:
    """Radius of gyration of frames (rows, N, d), all particles of one weight, (rows,).

    >>> gyration(np.array([[[-1.0, 0.0], [1.0, 0.0]]])).tolist()
    [1.0]
    """
    about = positions - positions.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.square(about).sum(axis=2).mean(axis=1)))
