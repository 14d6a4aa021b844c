r"""What a model of distance matrices decodes: both entries of each pair, and their mean as the distance.

Networks that answer with images know nothing of a matrix's symmetry. Of the entries :math:`o_{ij}` of a pair

.. math:: D_{ij} = \max\big(0, (o_{ij} + o_{ji})/2\big), \qquad D_{ii} = 0

is the distance; the mean of two has the smaller error, by a quarter of the mean square of :math:`o_{ij} - o_{ji}`.
"""

from typing import NamedTuple

import numpy as np

from beable.errors import UsageError
from beable.metrics.columns import Floats
from beable.representations.distance_geometry import distances_of
from beable.representations.particles import DistanceMatrix
from beable.representations.representation import FloatArray, Snapshots
from beable.training.run import Run


class Decoded(NamedTuple):
    """Matrices of rows, and what the first member decodes at their posterior means, in σ.

    Args:
        truth: D, (rows, N, N), particles in the order of the run.
        made: symmetric, zero on the diagonal, (rows, N, N).
        entries: as decoded, (rows, N, N); ``made`` where the code holds each pair once.
    """

    truth: Floats
    made: Floats
    entries: Floats

    @property
    def error(self) -> float:
        """Root-mean-square error of a distance."""
        return _pairs_rms(self.made - self.truth)

    @property
    def entry_error(self) -> float:
        """The same of an entry beside the diagonal."""
        every = ~np.eye(self.truth.shape[1], dtype=bool)
        return float(np.sqrt(np.square(self.entries - self.truth)[:, every].mean()))

    @property
    def asymmetry(self) -> float:
        """Root-mean-square difference of the two entries of a pair."""
        return _pairs_rms(self.entries - self.entries.swapaxes(1, 2))

    @property
    def diagonal(self) -> float:
        """Root-mean-square entry on the diagonal, zero in every matrix."""
        return float(np.sqrt(np.square(np.diagonal(self.entries, axis1=1, axis2=2)).mean()))


def _pairs_rms(differences: Floats) -> float:
    upper = np.triu(np.ones(differences.shape[1:], bool), 1)
    return float(np.sqrt(np.square(differences)[:, upper].mean()))


def matrices_of(run: Run) -> DistanceMatrix:
    """The representation of a run on distances.

    Raises:
        UsageError: a run on something else.
    """
    if not isinstance(run.representation, DistanceMatrix):
        kind = run.settings.representation.kind
        raise UsageError(f"this needs a run on 'distances', this one learned {kind!r}")
    return run.representation


def decoded(run: Run, rows: Snapshots) -> Decoded:
    """Distances of rows and what a run makes of them.

    Args:
        run: a finished training on distances.
        rows: positions, with the conditions of the run.
    """
    representation = matrices_of(run)
    values = run.locations(run.encode(rows).mean, run.conditions_of(rows))[0]
    truth = distances_of(representation.order.apply(rows["positions"]))
    return Decoded(truth, representation.matrices(values), entries(representation, values))


def entries(representation: DistanceMatrix, values: FloatArray) -> Floats:
    """Both entries of each pair of decoded codes, and the diagonal, in σ, (rows, N, N).

    Args:
        representation: fitted.
        values: codes, (rows, m).
    """
    if representation.form == "triangle":
        return representation.matrices(values)
    n, affine = representation.configurations.particles, representation.affine
    square = np.asarray(values, np.float64).reshape(len(values), n, n)
    i, j = np.triu_indices(n, 1)
    found: Floats = square * affine.scale[0]
    found[:, i, j], found[:, j, i] = affine.undo(square[:, i, j]), affine.undo(square[:, j, i])
    return found
