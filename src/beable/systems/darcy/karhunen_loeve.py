r"""Karhunen–Loève expansion of a Gaussian field on the square, with modes that are defined by symmetry.

A field of mean m and covariance :math:`\sigma^2 k(x, x')`, here the exponential :math:`k = e^{-|x - x'| / l}`, is

.. math:: G(x) = m + \sigma \sum_i \sqrt{\lambda_i}\, \theta_i\, \phi_i(x), \qquad
          \int k(x, x')\, \phi_i(x')\, dx' = \lambda_i \phi_i(x), \qquad \int \phi_i \phi_j = \delta_{ij}

The integral becomes a sum over the nodes with the weights of a quadrature: ``trapezoid``, or ``none``, which gives
every node the same weight as the source's code does. The eigenvalues of all modes add up to 1.

**Why symmetry.** The covariance does not change when the square is turned or mirrored, so a mode is even or odd under
x → 1 - x and y → 1 - y; if its parities agree it is also even or odd under the exchange of x and y, and if they differ
it has a partner of equal eigenvalue, itself with x and y exchanged. A general eigensolver returns any rotation of
such a pair, decided by rounding. Here each of the five classes is solved on its own, which is 30 times less work,
and the conventions are:

- modes in order of falling eigenvalue; of a pair, the mode odd in x comes first, the one odd in y second;
- a mode is positive at the corner (0, 0), and if it is odd under exchange, and so zero there, at the node beside the
  corner along x;
- ``orientation`` turns every pair by an angle in its plane: at 45 degrees the first of a pair varies along the
  diagonal from (0, 0) to (1, 1), at -45 degrees across it.

R. G. Ghanem and P. D. Spanos, *Stochastic Finite Elements* (1991), section 2.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from beable.checks import choice, count
from beable.systems.darcy.square_grid import Field, lengths
from beable.workers import one_thread

QUADRATURES: dict[str, Callable[[int], Field]] = {
    "trapezoid": lambda n: lengths(n) / (n - 1),
    "none": lambda n: np.full(n, 1 / n),
}


@dataclass(frozen=True)
class KarhunenLoeve:
    """The leading modes of a field of mean 0 and variance 1.

    Args:
        eigenvalues: λ, (p,), falling; over all modes they add up to 1.
        modes: φ at the nodes, (p, n, n).
    """

    eigenvalues: Field
    modes: Field

    def field(self, theta: Field) -> Field:
        """The field (n, n) of the coefficients θ (p,)."""
        p, n, _ = self.modes.shape
        weights: Field = (np.sqrt(self.eigenvalues) * theta) @ self.modes.reshape(p, n * n)
        return weights.reshape(n, n)

    @property
    def symmetry(self) -> Field:
        """How much each mode is its own image under x → 1 - x, y → 1 - y, x ↔ y: overlaps (p, 3), ±1 if it is."""
        images = (self.modes[:, ::-1], self.modes[:, :, ::-1], self.modes.swapaxes(1, 2))
        norm = np.einsum("pxy,pxy->p", self.modes, self.modes)
        return np.stack([np.einsum("pxy,pxy->p", self.modes, image) / norm for image in images], axis=1)


def karhunen_loeve(
    modes: int, grid: int, length: float, quadrature: str = "trapezoid", orientation: float = 0.0
) -> KarhunenLoeve:
    """The leading modes of the exponential covariance on the unit square.

    All modes of a grid are computed together, once per process, so a mode is the same to the last bit whatever
    number of modes is asked for. Time grows with the sixth power of ``grid``, memory with the fourth.

    Args:
        modes: p, number of modes.
        grid: n, nodes along a side.
        length: l, correlation length.
        quadrature: weights of the nodes, a key of ``QUADRATURES``.
        orientation: angle by which the modes of a degenerate pair are turned, degrees.

    Raises:
        UsageError: an unknown quadrature, or not one mode or more than nodes.

    >>> kle = karhunen_loeve(3, 17, length=0.5)
    >>> [[int(overlap) for overlap in mode] for mode in kle.symmetry.round()]
    [[1, 1, 1], [-1, 1, 0], [1, -1, 0]]
    """
    choice("quadrature", quadrature, QUADRATURES)
    count("modes", modes, least=1, most=grid**2)
    with one_thread():
        return _expansion(modes, grid, length, quadrature, orientation)


class _Class(NamedTuple):
    """Modes of one symmetry: parity in x, parity in y, parity under exchange (0: a pair exchanged into each other)."""

    x: int
    y: int
    exchange: int


_CLASSES = (_Class(1, 1, 1), _Class(1, 1, -1), _Class(-1, -1, 1), _Class(-1, -1, -1), _Class(-1, 1, 0))


class _Mode(NamedTuple):
    """One mode: of a pair, the second is the first with x and y exchanged.

    Args:
        eigenvalue: λ.
        symmetry: its class.
        second: whether it is the second of its pair.
        quarter: its values where x and y are up to 1/2; of the first, if it is the second of a pair.
    """

    eigenvalue: float
    symmetry: _Class
    second: bool
    quarter: Field


@lru_cache(maxsize=4)
def _expansion(modes: int, grid: int, length: float, quadrature: str, orientation: float) -> KarhunenLoeve:
    leading = _spectrum(grid, length, quadrature)[:modes]
    eigenvalues = np.array([mode.eigenvalue for mode in leading])
    fields = np.stack([_field(mode, grid, orientation) for mode in leading])
    fields.flags.writeable = eigenvalues.flags.writeable = False
    return KarhunenLoeve(eigenvalues, fields)


@lru_cache(maxsize=2)
def _spectrum(n: int, length: float, quadrature: str) -> list[_Mode]:
    """All modes in order; the sort is stable, so a pair stays together."""
    weight = QUADRATURES[quadrature](n)
    modes: list[_Mode] = []
    for symmetry in _CLASSES:
        for eigenvalue, quarter in zip(*_solve(symmetry, n, length, weight), strict=True):
            members = (False,) if symmetry.exchange else (False, True)
            modes += [_Mode(float(eigenvalue), symmetry, second, quarter) for second in members]
    return sorted(modes, key=lambda mode: -mode.eigenvalue)


def _solve(symmetry: _Class, n: int, length: float, weight: Field) -> tuple[Field, Field]:
    """Eigenvalues (k,) and quarters (k, ., .) of all modes of one class, pairs counted once."""
    x, y = _scale(n, symmetry.x, weight), _scale(n, symmetry.y, weight)
    scale = np.multiply.outer(x, y)
    matrix = _quarter_covariance(symmetry, n, length) * np.multiply.outer(scale, scale)
    matrix = matrix.reshape(scale.size, scale.size)
    fold = _exchange(len(x), symmetry.exchange) if symmetry.exchange else scipy.sparse.eye_array(scale.size)
    eigenvalues, vectors = scipy.linalg.eigh(fold.T @ (fold.T @ matrix).T, driver="evd", overwrite_a=True)
    return eigenvalues, (fold @ vectors).T.reshape(-1, *scale.shape) / (2 * scale)


def _quarter_covariance(symmetry: _Class, n: int, length: float) -> Field:
    """Covariance of a node in the quarter with another one and, signed by parity, its three images: (., ., ., .)."""
    distance = np.arange(n) / (n - 1)
    kernel = np.exp(-np.hypot(distance[:, np.newaxis], distance) / length)
    covariance: Field = np.zeros(())
    for apart_x, sign_x in _separations(n, symmetry.x):
        for apart_y, sign_y in _separations(n, symmetry.y):
            rows, columns = apart_x[:, np.newaxis, :, np.newaxis], apart_y[:, np.newaxis, :]
            covariance = covariance + sign_x * sign_y * kernel[rows, columns]
    return covariance


def _separations(n: int, parity: int) -> list[tuple[NDArray[np.intp], int]]:
    """Steps between nodes of one half, and to the mirror images of the other, each with its sign."""
    node = np.arange(_half(n, parity))
    return [(abs(np.subtract.outer(node, node)), 1), (n - 1 - np.add.outer(node, node), parity)]


def _half(n: int, parity: int) -> int:
    """Nodes that say all about a function of this parity: the middle one of an odd number says nothing if odd."""
    return (n + 1) // 2 if parity == 1 else n // 2


def _scale(n: int, parity: int, weight: Field) -> Field:
    """Root of the weights of one half; the middle node, its own image, counts half."""
    half = _half(n, parity)
    share = np.where(2 * np.arange(half) == n - 1, 0.5, 1.0)
    return np.sqrt(weight[:half] * share)


def _exchange(half: int, sign: int) -> scipy.sparse.csr_array:
    """Orthonormal basis of the quarters (half, half) that exchange of x and y multiplies by the sign."""
    x, y = np.tril_indices(half, 0 if sign == 1 else -1)
    column = np.arange(len(x))
    weight = np.where(x == y, 0.5, np.sqrt(0.5))
    rows, columns = np.concatenate([x * half + y, y * half + x]), np.concatenate([column, column])
    shape = (half * half, len(x))
    return scipy.sparse.csr_array((np.concatenate([weight, sign * weight]), (rows, columns)), shape=shape)


def _reflection(n: int, parity: int) -> Field:
    """The matrix (n, half) that continues one half of a function of this parity to all nodes."""
    half = _half(n, parity)
    whole = np.zeros((n, half))
    whole[n - 1 - np.arange(half), np.arange(half)] = parity
    whole[np.arange(half), np.arange(half)] = 1
    return whole


def _field(mode: _Mode, n: int, orientation: float) -> Field:
    """A mode on the whole square, signed and turned."""
    x, y, exchange = mode.symmetry
    field: Field = _reflection(n, x) @ mode.quarter @ _reflection(n, y).T
    field *= np.sign(field[1, 0] if exchange == -1 else field[0, 0])
    if exchange:
        return field
    cosine, sine = np.cos(np.deg2rad(orientation)), np.sin(np.deg2rad(orientation))
    turned: Field = cosine * field.T - sine * field if mode.second else cosine * field + sine * field.T
    return turned
