r"""Which axes do the codes of one member have of their own, without labels and without a second training?

Independent factors that are not normal have axes: those along which the components of whitened codes
:math:`w = (z - \bar z) W` are independent, which ICA finds. Independent normal factors have none, every rotation of
them being as independent, and dependent factors have none that are independent. So three numbers are asked of each
latent: its angle off the component that it goes with,

.. math:: φ_i = \arccos |\mathrm{corr}(z_i, s_{π(i)})|, \qquad s = w R ,

how far that component moves when the rows are drawn again, and what dependence is left between it and the others,
as the correlation of two normal numbers with the same mutual information, :math:`\sqrt{1 - e^{-2 I}}`.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import Floats, Ints, columns, constant, standardised
from beable.metrics.information import binned_matrix
from beable.training.start import independent_turn

DRAWS, TRIES, BINS = 12, 2, 5
#: steps and tolerance of a run of ICA, coarser than for a start: where axes exist, few steps find them
STEPS, TOLERANCE = 40, 1e-4
FEWEST_ROWS = 32
LEAST_VARIANCE = 1e-10


@readable
class Axes(NamedTuple):
    """The independent axes of one member's codes beside its latents, (latents,) each; NaN for latents left out.

    Args:
        angle: of each latent off its independent component, in degrees.
        wobble: root mean square angle by which that component moves under bootstrap of the rows, in degrees.
        dependence: largest dependence left between it and another component, from 0 to 1.
        surprise: probability of as much dependence between independent components.
    """

    angle: Floats
    wobble: Floats
    dependence: Floats
    surprise: Floats


def independent_axes(codes: ArrayLike, *, active: ArrayLike | None = None, draws: int = DRAWS, seed: int = 0) -> Axes:
    """The independent axes of codes.

    Args:
        codes: z of one member, (rows, latents).
        active: which latents count, (latents,); those that vary by default.
        draws: bootstrap draws of the rows.
        seed: of the draws.

    Raises:
        DataError: fewer than 32 rows, shapes, NaN.

    Source: Hyvärinen and Oja, Neural Networks 13, 411 (2000); the idea of a bootstrap of the components: Meinecke,
    Ziehe, Kawanabe and Müller, IEEE Trans. Biomed. Eng. 49, 1514 (2002).

    >>> z = np.random.default_rng(0).uniform(size=(500, 2))
    >>> bool(independent_axes(z).angle.max() < 6 < independent_axes(z @ [[0.9, -0.4], [0.4, 0.9]]).angle.min())
    True
    """
    z = columns(codes, "codes", FEWEST_ROWS).astype(np.float64)
    kept = np.flatnonzero(~constant(z) & (True if active is None else np.asarray(active, bool)))
    if len(kept) < 2:
        return Axes(*(np.full(z.shape[1], np.nan) for _ in range(4)))
    rng = np.random.default_rng(seed)
    whitening = _whitening(z[:, kept])
    white = (z[:, kept] - z[:, kept].mean(0)) @ whitening
    turn = _components(white, 2 * TRIES, rng)
    parts = white @ turn
    order, cosine = _matched(standardised(z[:, kept]).T @ parts / len(z))
    wobble = _wobble(white, turn, draws, rng)
    dependence, surprise = _dependence(parts)
    found = (np.degrees(np.arccos(cosine)), wobble[order], dependence[order], surprise[order])
    return Axes(*(_spread(values, kept, z.shape[1]) for values in found))


def _spread(values: Floats, kept: Ints, latents: int) -> Floats:
    whole = np.full(latents, np.nan)
    whole[kept] = values
    return whole


def _whitening(z: Floats) -> Floats:
    """The matrix that gives columns unit covariance, (latents, latents)."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(z.T, bias=True)))
    if values[0] <= LEAST_VARIANCE * values[-1]:
        raise DataError("two latents carry the same numbers: leave one out (active)")
    whitening: Floats = vectors / np.sqrt(values)
    return whitening


def _components(white: Floats, tries: int, rng: np.random.Generator) -> Floats:
    """The rotation of white codes to independent components, (latents, latents)."""
    return np.asarray(independent_turn(white, rng, tries, STEPS, TOLERANCE)[0], np.float64)


def _matched(correlation: Floats) -> tuple[Ints, Floats]:
    """The column that goes with each row, and its size: the one-to-one matching with the largest sum."""
    size = np.clip(np.abs(correlation), 0.0, 1.0)
    _, order = scipy.optimize.linear_sum_assignment(size, maximize=True)
    return order, size[np.arange(len(size)), order]


def _wobble(white: Floats, turn: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Root mean square angle between each component and its twin from rows drawn again, (components,)."""
    squares = []
    for _ in range(draws):
        rows = white[rng.integers(len(white), size=len(white))]
        whitening = _whitening(rows)
        again = _components((rows - rows.mean(0)) @ whitening, TRIES, rng)
        directions = whitening @ again
        _, cosine = _matched(turn.T @ directions / np.linalg.norm(directions, axis=0))
        squares.append(np.degrees(np.arccos(cosine)) ** 2)
    return np.asarray(np.sqrt(np.mean(squares, axis=0)))


def _dependence(parts: Floats) -> tuple[Floats, Floats]:
    """Largest dependence of each component with another, as a correlation, and how often chance has as much."""
    bins = np.floor(scipy.stats.rankdata(parts, axis=0, method="ordinal") * BINS / (len(parts) + 1)).astype(np.int64)
    information = binned_matrix(bins, bins, correction=False)
    np.fill_diagonal(information, 0.0)
    largest, freedom = information.max(1), (BINS - 1) ** 2
    excess = np.maximum(largest - freedom / (2 * len(parts)), 0.0)
    alone = scipy.stats.chi2.sf(2 * len(parts) * largest, freedom)
    return np.sqrt(-np.expm1(-2 * excess)), np.minimum(1.0, alone * (len(information) - 1))
