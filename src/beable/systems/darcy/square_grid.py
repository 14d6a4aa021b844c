r"""Nodes of the unit square, their control volumes, and the norm in which a flow's residual is measured.

A grid of n x n nodes, boundary included, has the spacing h = 1 / (n - 1). The control volume of a node is what lies
within h/2 of it: a full cell inside, half a cell on an edge, a quarter in a corner.

An imbalance r, integrated over control volumes, is measured by the flow it would drive through a homogeneous medium,

.. math:: \|r\|_{-1}^2 = \int |\nabla \psi|^2, \qquad -\nabla^2 \psi = r, \quad \partial_n \psi = 0,

which the cosine transform of the first kind diagonalises: the norm dual to the energy. Rounding at the scale of the
grid, which the plain sum of squares exaggerates by 1/h, counts in it as little as it matters to the flow.
"""

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Field = NDArray[np.float64]


def nodes(n: int) -> Field:
    """Coordinates of n nodes of the unit interval, ends included.

    >>> nodes(5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    return np.linspace(0.0, 1.0, n)


@cache
def lengths(n: int) -> Field:
    """Length of the control interval of each node in units of h: 1 inside, 1/2 at the ends."""
    length = np.ones(n)
    length[[0, -1]] = 0.5
    return _read_only(length)


@cache
def volumes(n: int) -> Field:
    """Area of the control volume of each node (n, n); they add up to 1."""
    return _read_only(np.multiply.outer(lengths(n), lengths(n)) / (n - 1) ** 2)


def without_mean(field: Field) -> Field:
    """The field (n, n) less its mean over the square, each node weighted by its control volume."""
    centred: Field = field - np.sum(field * volumes(len(field)))
    return centred


def dual_norm(imbalance: Field) -> float:
    r"""Norm :math:`\|r\|_{-1}` of an imbalance (n, n) integrated over control volumes; its mean does not count.

    >>> import math
    >>> x = nodes(65)[:, np.newaxis] * np.ones(65)
    >>> round(dual_norm(np.cos(np.pi * x) * volumes(65)) * math.pi * math.sqrt(2), 3)
    1.0
    """
    n = len(imbalance)
    cosine = scipy.fft.dctn(imbalance / volumes(n), type=1)
    return float(np.sqrt(np.sum(_compliance(n) * cosine**2)))


@cache
def _compliance(n: int) -> Field:
    """What the square of a cosine coefficient adds to the energy: 1 / stiffness, 0 for the mean."""
    angle = np.pi * np.arange(n) / (n - 1)
    stiffness = 2 * np.add.outer(1 - np.cos(angle), 1 - np.cos(angle)) * (n - 1) ** 2
    stiffness[0, 0] = np.inf
    return _read_only(volumes(n) / (2 * (n - 1)) ** 2 / stiffness)


def _read_only(array: Field) -> Field:
    array.flags.writeable = False
    return array
