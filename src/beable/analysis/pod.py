r"""A run beside proper orthogonal decomposition (POD) of equal rank, as fluid dynamicists judge it.

Of rows u about their mean and their reconstructions :math:`\hat u`, the energy captured is

.. math:: E = 1 - \frac{\sum_i \|u_i - \hat u_i\|^2}{\sum_i \|u_i\|^2} .

Latents are ranked by it: first the one that captures most when all others rest at their mean, then the one that adds
most to it, and so on. Latents that say different things have correlations whose matrix has a determinant near 1.
Solera-Rico et al., Nature Communications 15, 1361 (2024).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.records import readable
from beable.datasets.store import Store
from beable.records import fields, plain
from beable.representations.modes import Modes
from beable.training.data import read
from beable.training.declared import check_declared
from beable.training.run import Run

FloatArray = NDArray[np.floating]
Decoder = Callable[[FloatArray], FloatArray]
#: rows that are judged, and latents up to which they are ranked: ranking decodes for every pair of them
MOST_ROWS, MOST_LATENTS = 256, 16


@readable
class BesidePod(NamedTuple):
    """Latents beside modes.

    Args:
        rows: how many rows were judged.
        energy: captured by each member, (members).
        pod: energy captured by as many POD modes as there are latents.
        modes: POD modes that capture as much as each member, (members); one more than there are where none do.
        order: latents of each member, those that capture most first, (members, ranked).
        ranked: energy captured by the first of them, the first two, ..., (members, ranked).
        determinant: of the correlations of the latents of each member, (members); 1 where there are none.
    """

    rows: int
    energy: FloatArray
    pod: float
    modes: NDArray[np.int64]
    order: NDArray[np.int64]
    ranked: FloatArray
    determinant: FloatArray

    def as_json(self) -> dict[str, object]:
        """Every number, ready for JSON."""
        return plain(fields(self))


def beside_pod(run: Run, store: Store, rows: NDArray[np.int64] | None = None) -> BesidePod | None:
    """Energies of a run's latents and of POD modes on rows of a store, by default those that training never saw.

    Args:
        run: a finished training.
        store: the data set of the training, or one with the same variables.
        rows: numbers of the rows, of which some, evenly spaced, are judged.

    Returns:
        None for a run that has not learned modes of fields, and for rows that lack numbers.
    """
    if not isinstance(run.representation, Modes):
        return None
    store, every = check_declared(run, store), run.held_rows if rows is None else rows
    few = every[:: -(-len(every) // MOST_ROWS)]
    snapshots = read(store, run.variables, few, run.conditions)
    coded, known = run.coded(snapshots), run.conditions_of(snapshots)
    if coded.gaps is not None:
        return None
    codes, left = coded.values.astype(np.float64), coded.residual_energy.sum(1, dtype=np.float64)
    z = run.encode(snapshots).mean
    energy = captured(codes, left, run.locations(z, known))
    pod = captured_by_modes(codes, left, run.representation.code.scale)
    order, found = ranked(lambda some: run.locations(some, known), z, codes, left)
    enough = np.array([int(np.searchsorted(pod, e)) + 1 for e in energy])
    return BesidePod(len(few), energy, float(pod[min(z.shape[2], len(pod)) - 1]), enough, order, found, determinants(z))


def captured(codes: FloatArray, left: FloatArray, found: FloatArray) -> FloatArray:
    """Energy captured by reconstructions of codes.

    Args:
        codes: of the rows, (rows, m).
        left: energy that they leave out, (rows).
        found: reconstructions of the codes by each member, (members, rows, m).

    >>> codes = np.array([[2.0, 1.0], [-2.0, -1.0]])
    >>> captured(codes, np.zeros(2), np.array([codes * [1, 0]])).tolist()
    [0.8]
    """
    whole = ((codes - codes.mean(0)) ** 2).sum() + left.sum()
    wrong = np.array([((member.astype(np.float64) - codes) ** 2).sum() for member in found]) + left.sum()
    return np.asarray(1 - wrong / whole)


def captured_by_modes(codes: FloatArray, left: FloatArray, scale: FloatArray) -> FloatArray:
    """Energy captured by the leading POD mode of the training rows, the leading two, and so on, (m).

    Args:
        codes: coefficients of the modes, (rows, m).
        left: energy that these leave out, (rows).
        scale: size of each coefficient in training rows, (m).
    """
    energies = (codes**2).sum(0)[np.argsort(-scale, kind="stable")]
    whole = ((codes - codes.mean(0)) ** 2).sum() + left.sum()
    beyond = np.append(np.cumsum(energies[::-1])[::-1], 0.0)[1:] + left.sum()
    return np.asarray(1 - beyond / whole)


def ranked(decode: Decoder, z: FloatArray, codes: FloatArray, left: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Latents in the order of the energy that they add, and the energy captured with each, (members, ranked).

    Args:
        decode: latents (members, rows, latents) to codes (members, rows, m).
        z: posterior means, (members, rows, latents).
        codes, left: of the rows, see `captured`.

    >>> z = np.array([[[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]])
    >>> order, energy = ranked(lambda some: some * [1.0, 3.0], z, z[0] * [1.0, 3.0], np.zeros(4))
    >>> order.tolist(), energy.round(3).tolist()
    ([[1, 0]], [[0.9, 1.0]])
    """
    members, _, latents = z.shape
    rest, every = np.broadcast_to(z.mean(1, keepdims=True), z.shape), np.arange(members)
    used = np.zeros((members, latents), bool)
    order, energy = [], []
    for _ in range(min(latents, MOST_LATENTS)):
        tried = np.stack([_with(decode, z, rest, used, j, codes, left) for j in range(latents)], axis=1)
        best = np.where(used, -np.inf, tried).argmax(axis=1)
        used[every, best] = True
        order.append(best)
        energy.append(tried[every, best])
    return np.stack(order, axis=1), np.stack(energy, axis=1)


def _with(
    decode: Decoder,
    z: FloatArray,
    rest: FloatArray,
    used: NDArray[np.bool_],
    latent: int,
    codes: FloatArray,
    left: FloatArray,
) -> FloatArray:
    """Energy captured with one latent beside those that are used, (members)."""
    some = used | (np.arange(used.shape[1]) == latent)
    return captured(codes, left, decode(np.where(some[:, None], z, rest)))


def determinants(z: FloatArray) -> FloatArray:
    """Determinant of the correlations of latents (members, rows, latents), (members); without those at rest.

    >>> x = np.array([1.0, -1.0, 1.0, -1.0])
    >>> determinants(np.stack([np.stack([x, x], 1), np.stack([x, [1, 1, -1, -1]], 1)])).round(3).tolist()
    [0.0, 1.0]
    """
    moving = [member[:, np.ptp(member, axis=0) > 0] for member in z]
    return np.array([np.linalg.det(np.atleast_2d(np.corrcoef(m.T))) if m.shape[1] > 1 else 1.0 for m in moving])
