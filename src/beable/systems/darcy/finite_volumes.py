r"""Darcy flow in the square by node-centred finite volumes: no mass is lost.

.. math:: \nabla \cdot u = f, \qquad u = -K \nabla p, \qquad u \cdot n = 0 \text{ on the edges}, \qquad \int p = 0

Balance over the control volume :math:`V_i` of a node, with the flux through the face between neighbours i and j
from their pressure difference:

.. math:: \sum_j F_{ij} = f_i V_i, \qquad F_{ij} = T_{ij} (p_i - p_j), \qquad T_{ij} = \sqrt{K_i K_j}\; \ell_{ij} / h

:math:`\ell_{ij}` is the length of the face, h inside and h/2 along an edge. The geometric mean is the permeability
half-way along when the logarithm of K is linear between nodes, which is how a log-normal field is given.

The equations are symmetric and positive, a five-point star. Nodes of one colour of the chessboard couple only to
the other colour, so they are eliminated by hand, and half the unknowns are left with the same bandwidth: half the
work for the banded Cholesky factorisation. One node is anchored; any would do, since the sources add up to zero.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from beable.systems.darcy.square_grid import Field, lengths, volumes, without_mean


class Faces(NamedTuple):
    """Numbers on the faces between neighbouring nodes.

    Args:
        x: faces crossed in the direction of x, (n - 1, n).
        y: faces crossed in the direction of y, (n, n - 1).
    """

    x: Field
    y: Field


def conductances(permeability: Field) -> Faces:
    """Conductances T of the faces for nodal permeabilities (n, n)."""
    root = np.sqrt(permeability)
    length = lengths(len(permeability))
    return Faces(root[1:] * root[:-1] * length, root[:, 1:] * root[:, :-1] * length[:, np.newaxis])


def face_fluxes(permeability: Field, pressure: Field) -> Faces:
    """What flows through each face in a unit of time, positive along the axis.

    Args:
        permeability: K at the nodes, (n, n).
        pressure: p at the nodes, (n, n).

    >>> slope = np.linspace(1.0, 0.0, 3)[:, np.newaxis] * np.ones(3)
    >>> face_fluxes(np.ones((3, 3)), slope).x
    array([[0.25, 0.5 , 0.25],
           [0.25, 0.5 , 0.25]])
    """
    face = conductances(permeability)
    return Faces(-face.x * np.diff(pressure, axis=0), -face.y * np.diff(pressure, axis=1))


def outflow(fluxes: Faces) -> Field:
    """What leaves each control volume on balance, (n, n)."""
    balance = np.zeros(fluxes.y.shape[:1] * 2)
    balance[:-1] += fluxes.x
    balance[1:] -= fluxes.x
    balance[:, :-1] += fluxes.y
    balance[:, 1:] -= fluxes.y
    return balance


class FiniteVolumes:
    """The finite-volume equations of one permeability field.

    Args:
        permeability: K > 0 at the nodes, (n, n).
        source: f at the nodes, (n, n); its mean, for which there is no steady flow, is taken off.

    >>> n = 9
    >>> well = np.zeros((n, n)); well[0, 0], well[-1, -1] = 1, -1
    >>> flow = FiniteVolumes(np.ones((n, n)), well)
    >>> bool(abs(flow.imbalance(flow.pressure())).max() < 1e-15)
    True
    """

    def __init__(self, permeability: Field, source: Field) -> None:
        self.permeability = permeability
        self.source = without_mean(source) * volumes(len(permeability))

    def pressure(self) -> Field:
        """The pressure p at the nodes (n, n), with mean zero.

        Raises:
            numpy.linalg.LinAlgError: the equations are singular in floating-point numbers.
        """
        n = len(self.permeability)
        face = conductances(self.permeability)
        padding = (0, 1 - n % 2)
        star = _Star(
            np.pad(face.x, ((0, 1), padding)).ravel(),
            np.pad(face.y, ((0, 0), (0, 1 + padding[1]))).ravel(),
            n + padding[1],
        )
        solution = star.solve(np.pad(self.source, ((0, 0), padding)).ravel())
        return without_mean(solution.reshape(n, -1)[:, :n])

    def flux(self, pressure: Field) -> Field:
        """The flux density u at the nodes (2, n, n): the mean of the two faces beside a node, 0 through an edge."""
        n = len(pressure)
        fluxes = face_fluxes(self.permeability, pressure)
        width = lengths(n) / (n - 1)
        u = np.zeros((2, n, n))
        u[0, 1:-1] = (fluxes.x[1:] + fluxes.x[:-1]) / (2 * width)
        u[1, :, 1:-1] = (fluxes.y[:, 1:] + fluxes.y[:, :-1]) / (2 * width[:, np.newaxis])
        return u

    def imbalance(self, pressure: Field) -> Field:
        """Outflow less source of each control volume, (n, n); zero for the solution."""
        return outflow(face_fluxes(self.permeability, pressure)) - self.source


class _Star:
    """A five-point star on a grid of odd row length m, in row order: even nodes black, odd nodes red.

    Args:
        ahead: coupling to the node one row ahead, (nodes,), 0 in the last row.
        beside: coupling to the next node, (nodes,), 0 at the end of a row.
        m: length of a row.
    """

    def __init__(self, ahead: Field, beside: Field, m: int) -> None:
        self.m = m
        behind, before = np.zeros_like(ahead), np.zeros_like(beside)
        behind[m:], before[1:] = ahead[:-m], beside[:-1]
        diagonal = ahead + behind + beside + before
        diagonal[diagonal == 0] = 1.0
        self.black = diagonal[::2].copy()
        self.black[0] *= 2
        self.red = diagonal[1::2]
        half = m // 2
        # the four neighbours of red node 2q + 1 are the black nodes q - half, q, q + 1 and q + half + 1
        self.arms = {-half: behind[1::2], 0: before[1::2], 1: beside[1::2], half + 1: ahead[1::2]}

    def solve(self, load: Field) -> Field:
        """Solution for a load (nodes,) whose sum is zero."""
        solution = np.empty_like(load)
        share = load[1::2] / self.red
        black = self._onto_black(share)
        black += load[::2]
        solution[::2] = scipy.linalg.solveh_banded(
            self._bands(), black, lower=True, overwrite_ab=True, overwrite_b=True, check_finite=False
        )
        solution[1::2] = share + self._from_black(solution[::2]) / self.red
        return solution

    def _bands(self) -> Field:
        """The equations of the black nodes once the red ones are eliminated: lower bands, (m + 1, black nodes)."""
        size, pad, arms = len(self.black), self.m // 2, list(self.arms.items())
        bands = np.zeros((self.m + 1, size + 2 * pad + 1), order="F")
        reds = len(self.red)
        bands[0, pad : pad + size] = self.black
        for i, (at, arm) in enumerate(arms):
            pull = arm / self.red
            for to, other in arms[i:]:
                bands[to - at, pad + at : pad + at + reds] -= pull * other
        return bands[:, pad : pad + size]

    def _onto_black(self, red: Field) -> Field:
        pad, size = self.m // 2, len(self.black)
        black = np.zeros(size + 2 * pad + 1)
        for at, arm in self.arms.items():
            black[pad + at : pad + at + len(red)] += arm * red
        return black[pad : pad + size]

    def _from_black(self, black: Field) -> Field:
        pad, reds = self.m // 2, len(self.red)
        wide = np.pad(black, (pad, pad + 1))
        return sum((arm * wide[pad + at : pad + at + reds] for at, arm in self.arms.items()), np.zeros(reds))
