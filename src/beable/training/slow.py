r"""Slow coordinates: the linear combinations of codes that stay correlated with themselves longest, as a start.

With centred codes x of rows that lie a lag K apart, brought to their leading principal components,

.. math:: \tfrac12 \langle x_t x_{t+K}^\top + x_{t+K} x_t^\top \rangle\, w
        = \lambda\, \tfrac12 \langle x_t x_t^\top + x_{t+K} x_{t+K}^\top \rangle\, w

The autocorrelation :math:`\lambda` at the lag orders the latents: the first is the slowest.

L. Molgedey and H. G. Schuster, Phys. Rev. Lett. 72, 3634 (1994); G. Perez-Hernandez, F. Paul, T. Giorgino, G. De
Fabritiis and F. Noe, J. Chem. Phys. 139, 015102 (2013), for molecules.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from beable.datasets.readings import is_number
from beable.datasets.store import Store
from beable.errors import DataError

FloatArray = NDArray[np.floating]
Pairs = NDArray[np.int64]
#: pairs of rows for each principal component that is kept, so that chance is not taken for memory
PAIRS_EACH = 16
#: labels of rows that say of which trajectory they are
TRAJECTORIES = ("trajectory", "run", "simulation", "replica")
FEWEST = 8


class Slow(NamedTuple):
    """Slow directions.

    Args:
        directions: w, which make latents of unit variance, (m, latents).
        memory: their autocorrelations at the lag, descending, (latents,).
    """

    directions: FloatArray
    memory: FloatArray


def pairs_apart(store: Store, rows: NDArray[np.int64], lag: int, groups: Sequence[str] = ()) -> Pairs:
    """Places, among rows that are learned from, of those that lie a lag apart in one trajectory, (pairs, 2).

    Args:
        store: the data set.
        rows: numbers of the rows, ascending.
        lag: K, in rows.
        groups: factors whose values say of which trajectory a row is; by default a label named so, if there is one.

    Raises:
        DataError: too few pairs.
    """
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    place = np.searchsorted(ascending, ascending + lag)
    found = place < len(rows)
    found[found] &= ascending[place[found]] == ascending[found] + lag
    pairs = np.stack([order[found], order[place[found]]], axis=1)
    for values in _labels(store, groups):
        spans = np.array([(values[a : b + 1] == values[a]).all() for a, b in rows[pairs]], bool)
        pairs = pairs[spans] if len(pairs) else pairs
    if len(pairs) < FEWEST:
        raise DataError(
            f"{len(pairs)} pairs of training rows lie {lag} rows apart in one trajectory, {FEWEST} are needed: give a "
            "smaller --lag (training.lag)"
        )
    return pairs


def _labels(store: Store, groups: Sequence[str]) -> list[FloatArray]:
    """Columns of the data set, one number a row, that say of which trajectory each row is."""
    held = {f.name: store.factor_values[:, i] for i, f in enumerate(store.factors)}
    names = [name for name in groups or TRAJECTORIES if name in held]
    numbers = [v.name for v in store.variables if is_number(v) and not v.shape]
    others = [name for name in TRAJECTORIES if name in numbers and not groups and name not in names]
    return [*(held[name] for name in names), *(store.read(name) for name in others)]


def slow_directions(codes: FloatArray, pairs: Pairs, latents: int) -> Slow:
    """The slowest directions of codes.

    Args:
        codes: (rows, m).
        pairs: places of rows a lag apart, (pairs, 2).
        latents: how many directions.

    Raises:
        DataError: the codes have fewer directions than latents.

    >>> t = np.arange(400)
    >>> codes = np.stack([3 * np.random.default_rng(0).normal(size=400), np.sin(t / 30)], axis=1)
    >>> slow = slow_directions(codes, np.stack([t[:-5], t[5:]], axis=1), 1)
    >>> bool(abs(np.corrcoef(codes @ slow.directions[:, 0], np.sin(t / 30))[0, 1]) > 0.99)
    True
    """
    centre, axes = leading(codes, pairs, latents)
    one, two = ((codes[pairs[:, i]].astype(np.float64) - centre) @ axes.T for i in (0, 1))
    now = (one.T @ one + two.T @ two) / (2 * len(pairs))
    later = (one.T @ two + two.T @ one) / (2 * len(pairs))
    memory, w = scipy.linalg.eigh(later, now)
    return Slow(axes.T @ w[:, ::-1][:, :latents], memory[::-1][:latents])


def leading(codes: FloatArray, pairs: Pairs, latents: int) -> tuple[FloatArray, FloatArray]:
    """The centre of codes that lie a lag apart, (m), and their leading principal axes, (kept, m).

    Args:
        codes: (rows, m).
        pairs: places of rows a lag apart, (pairs, 2).
        latents: the fewest that are kept.

    Raises:
        DataError: the codes have fewer directions than latents.
    """
    one, two = (codes[pairs[:, i]].astype(np.float64) for i in (0, 1))
    centre = (one.mean(0) + two.mean(0)) / 2
    _, sizes, axes = np.linalg.svd(np.concatenate([one - centre, two - centre]), full_matrices=False)
    return centre, axes[: _kept(sizes, len(pairs), latents)]


def _kept(sizes: FloatArray, pairs: int, latents: int) -> int:
    """How many principal components are looked at."""
    resolved = int((sizes > 1e-6 * sizes[0]).sum())
    if resolved < latents:
        raise DataError(
            f"{latents} latents need {latents} independent directions in the training rows, "
            "there are fewer: lower model.latents"
        )
    return min(resolved, max(latents, pairs // PAIRS_EACH))
