r"""Darcy flow in the square by the differences of Jacobsen & Duraisamy: second order, but mass is not conserved.

The product rule is applied before anything is discretised, and all derivatives are central:

.. math:: -K \nabla^2 p - \nabla K \cdot \nabla p = f, \qquad u = -K \nabla p

Nodes beyond an edge mirror those before it. These equations A p = f have no exact solution (the rows of A are not
in balance), so they are solved in the sense of least squares together with :math:`\int p = 0`. With the left null
vector n of A, :math:`n^\top A = 0`, that is the exact solution of

.. math:: A p = f - n \, \frac{n^\top f}{n^\top n}

The integral uses trapezoid weights; the source's code weights one direction uniformly, which moves all
pressures by one small constant. At the nodes of an edge the flux through it is exactly 0.

C. Jacobsen and K. Duraisamy, *Disentangling generative factors of physical fields using variational autoencoders*,
Frontiers in Physics 10 (2022) 890910.
"""

from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from beable.systems.darcy.square_grid import Field, volumes, without_mean


def _slope(field: Field) -> Field:
    """Half the difference of the two neighbours along the first axis, 0 at the ends: h times the derivative."""
    slope = np.zeros_like(field)
    slope[1:-1] = (field[2:] - field[:-2]) / 2
    return slope


def _couplings(permeability: Field) -> tuple[Field, Field]:
    """Coefficients of the neighbour ahead and the neighbour behind along the first axis, mirrored at the ends."""
    skew = _slope(permeability) / 2
    ahead, behind = permeability + skew, permeability - skew
    ahead[0] += behind[0]
    behind[-1] += ahead[-1]
    ahead[-1] = behind[0] = 0
    return ahead, behind


class FiniteDifferences:
    """The difference equations of one permeability field.

    Args:
        permeability: K > 0 at the nodes, (n, n).
        source: f at the nodes, (n, n).
    """

    def __init__(self, permeability: Field, source: Field) -> None:
        self.permeability = permeability
        self.source = source

    @cached_property
    def matrix(self) -> scipy.sparse.csc_array:
        """A, for nodes in row order, (n², n²)."""
        n = len(self.permeability)
        ahead, behind = _couplings(self.permeability)
        beside, before = (c.T for c in _couplings(self.permeability.T))
        diagonals = [-ahead.ravel()[:-n], -behind.ravel()[n:], -beside.ravel()[:-1], -before.ravel()[1:]]
        star = [*diagonals, 4 * self.permeability.ravel()]
        return scipy.sparse.diags_array(star, offsets=[n, -n, 1, -1, 0], format="csc") * (n - 1) ** 2

    @cached_property
    def _factors(self) -> scipy.sparse.linalg.SuperLU:
        """Factors of A without its last row and column."""
        try:
            return scipy.sparse.linalg.splu(self.matrix[:-1, :-1], permc_spec="COLAMD")
        except RuntimeError as error:
            raise np.linalg.LinAlgError("the difference equations are singular") from error

    @cached_property
    def compatible(self) -> Field:
        """The source less its part along the left null vector of A, (n, n)."""
        null = np.append(self._factors.solve(-self.matrix[[-1], :-1].toarray()[0], trans="T"), 1.0)
        f = self.source.ravel()
        projected: Field = f - null * (null @ f) / (null @ null)
        return projected.reshape(self.source.shape)

    def pressure(self) -> Field:
        """The pressure p at the nodes (n, n), with mean zero.

        Raises:
            numpy.linalg.LinAlgError: the equations are singular in floating-point numbers.
        """
        solution = np.append(self._factors.solve(self.compatible.ravel()[:-1]), 0.0)
        return without_mean(solution.reshape(self.source.shape))

    def flux(self, pressure: Field) -> Field:
        """The flux density u at the nodes, (2, n, n)."""
        scale = -self.permeability * (len(pressure) - 1)
        return np.stack([scale * _slope(pressure), scale * _slope(pressure.T).T])

    def imbalance(self, pressure: Field) -> Field:
        """Left side less right side, times the control volumes, (n, n); zero for the solution."""
        excess = (self.matrix @ pressure.ravel()).reshape(pressure.shape) - self.compatible
        balance: Field = excess * volumes(len(pressure))
        return balance
