r"""Rows that lack some of their numbers: what of a code is seen, and what is expected in place of the rest.

Of a row y only some numbers are there. Where a code has a number for each output, the likelihood of what is there is
the sum over these. Where a code is coefficients c of modes :math:`\Phi`, with :math:`\Phi_o` the rows of the basis at
the outputs that are there,

.. math:: \|y_o - \bar y_o - \Phi_o c'\|^2 = \|t - R c'\|^2 + r, \qquad R^\top R = \Phi_o^\top \Phi_o

with R the symmetric root and t what it makes of the least-squares coefficients: exact, in as many numbers as there are
modes. What an encoder sees in place of missing numbers is their mean given the others under a normal law, which is
found from incomplete rows by expectation and maximisation (Dempster, Laird and Rubin, 1977). Fields that decide modes
are filled first by their own modes, as many as predict hidden numbers best (Beckers and Rixen, 2003).
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError
from beable.streams import generator

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: rounds of expectation and maximisation, rows that they see, and the weight of the prior covariance in rows
ROUNDS, MOST_ROWS, PRIOR_ROWS = 60, 2048, 1.0
#: numbers of a row whose covariance is worth its cost
MOST_NUMBERS = 256
#: share of the numbers that are hidden to choose how many modes fill, the least number of them, and rounds for each
HIDDEN, FEWEST_HIDDEN, FILL_ROUNDS = 0.03, 20, 30
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
#: a further number of modes must lower the error of hidden numbers by this share
BETTER = 0.01
#: eigenvalue of what is seen of coefficients below which a direction is not seen at all
UNSEEN = 1e-8
#: bytes that the readings of rows in modes may take
MOST_BYTES = 2**30


class Gaps(NamedTuple):
    """What is there of coded rows, as arrays or, in training, as tensors with the members first.

    Args:
        there: 1 where a number of the code is there and 0 elsewhere, (rows, m); of coefficients R, (rows, m, m).
        target: t, what decoded codes that are read by `there` are held against, (rows, m).
        counts: number of outputs of each group that are there, (rows, groups).
    """

    there: Any
    target: Any
    counts: Any

    @property
    def apart(self) -> bool:
        """Whether each number of the code is there or not by itself."""
        return bool(self.there.ndim == self.target.ndim)

    def misfit(self, location: Any) -> Any:
        """What is there less what a code, (rows, m) or one for all rows, says of it."""
        if self.apart:
            return self.target - self.there * location
        return self.target - (self.there @ location[..., None])[..., 0]

    def of(self, places: Any) -> "Gaps":
        """Of some of the numbers alone, those that are counted."""
        return self._replace(there=self.there[..., places], target=self.target[..., places])

    def centre(self, values: Any) -> Any:
        """Mean code of rows (rows, m), over those that have the number, (1, m)."""
        if not self.apart:
            return values.mean(axis=-2, keepdims=True)
        sums, counts = (x.sum(axis=-2, keepdims=True) for x in (self.target, self.there))
        return sums / counts.clip(min=1)


def counted(there: NDArray[Any], group: NDArray[np.int64]) -> NDArray[np.float32]:
    """Numbers of each group that are there, (rows, m) to (rows, groups).

    >>> counted(np.array([[1, 0, 1]]), np.array([0, 0, 1])).tolist()
    [[1.0, 1.0]]
    """
    groups = np.arange(int(group.max()) + 1)
    return np.asarray(there @ (group[:, None] == groups).astype(np.float32), np.float32)


def by_number(values: NDArray[np.floating], there: Flags, group: NDArray[np.int64]) -> Gaps:
    """Gaps of codes with a number for each output, (rows, m); values are finite everywhere."""
    seen = there.astype(np.float32)
    return Gaps(seen, np.asarray(values * seen, np.float32), counted(seen, group))


def joined(
    values: Sequence[NDArray[Any]], parts: Sequence[Gaps | None], dimension: NDArray[np.floating]
) -> Gaps | None:
    """Gaps of blocks of rows after each other, of which some may lack nothing; None where none does.

    Args:
        values: codes of each block.
        parts: its gaps.
        dimension: number of outputs of each group.
    """
    if all(part is None for part in parts):
        return None
    matrix = any(part is not None and not part.apart for part in parts)
    whole = [_whole(v, dimension, matrix) if p is None else p for v, p in zip(values, parts, strict=True)]
    return Gaps(*(np.concatenate(part) for part in zip(*whole, strict=True)))


def _whole(values: NDArray[Any], dimension: NDArray[np.floating], matrix: bool) -> Gaps:
    flat = values.reshape(len(values), -1)
    ones = np.eye(flat.shape[1], dtype=np.float32) if matrix else np.ones(flat.shape[1], np.float32)
    there = np.broadcast_to(ones, (len(flat), *ones.shape))
    return Gaps(there, flat, np.broadcast_to(np.asarray(dimension, np.float32), (len(flat), len(dimension))))


def mean_there(values: NDArray[np.floating], axis: int | tuple[int, ...]) -> Floats:
    """Mean of the numbers that are there; NaN where none is.

    >>> mean_there(np.array([[1.0, np.nan], [3.0, np.nan]]), 0).tolist()
    [2.0, nan]
    """
    if not np.isnan(values).any():
        return np.asarray(values.mean(axis=axis))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing is there
        return np.asarray(np.nanmean(values, axis=axis))


def size_there(values: NDArray[np.floating], axis: int | tuple[int, ...]) -> Floats:
    """Largest size of the numbers that are there; NaN where none is."""
    high, low = np.fmax.reduce(values, axis=axis), np.fmin.reduce(values, axis=axis)  # no copy of all of them
    return np.asarray(np.maximum(np.abs(high), np.abs(low)))


# A normal law of incomplete rows


def expected(values: Floats, there: Flags, covariance: Floats) -> tuple[Floats, Floats]:
    """Rows with missing numbers at their mean given the others, and the sum over rows of what stays uncertain.

    Args:
        values: rows about the mean, anything where missing, (rows, m).
        there: which numbers are there.
        covariance: of whole rows, (m, m).

    >>> law = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> filled, left = expected(np.array([[2.0, np.nan]]), np.array([[True, False]]), law)
    >>> filled.tolist(), left.tolist()
    ([[2.0, 1.0]], [[0.0, 0.0], [0.0, 0.75]])
    """
    m = values.shape[1]
    filled, left = np.where(there, values, 0.0), np.zeros((m, m))
    gappy = np.flatnonzero(~there.all(axis=1))
    for some in np.array_split(gappy, max(1, -(-len(gappy) * m * m // 2_000_000))):
        seen = there[some].astype(np.float64)
        part = seen[:, :, None] * covariance  # rows of the covariance at what is there
        within = part * seen[:, None, :] + np.eye(m) * (1 - seen)[:, :, None]
        weights = np.linalg.solve(within, part)
        filled[some] = np.where(there[some], values[some], np.einsum("ri,rij->rj", filled[some], weights))
        gone = 1 - seen
        left += (covariance * gone[:, :, None] * gone[:, None, :]).sum(0)
        left -= np.einsum("rki,ri,rkj,rj->ij", part, gone, weights, gone, optimize=True)
    return filled, left


def normal_law(values: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of rows with NaN where numbers are missing, scaled to unit variances or near them.

    A prior covariance of ``PRIOR_ROWS`` rows, the variances alone, keeps it regular where numbers are nearly the same.

    Args:
        values: (rows, m).
    """
    few = values[:: -(-len(values) // MOST_ROWS)]
    there = ~np.isnan(few)
    mean = np.nan_to_num(mean_there(few, 0))
    variance = np.nan_to_num(mean_there((few - mean) ** 2, 0))
    variance = np.where(variance > 0, variance, 1.0)
    covariance = np.diag(variance)
    for _ in range(ROUNDS):
        filled, left = expected(few - mean, there, covariance)
        shift = filled.mean(0)
        mean, filled, before = mean + shift, filled - shift, covariance
        covariance = (filled.T @ filled + left + PRIOR_ROWS * np.diag(variance)) / (len(few) + PRIOR_ROWS)
        if np.abs(covariance - before).max() < 1e-5 * np.abs(covariance).max():
            break
    return mean, covariance


# Modes of incomplete fields


def filled_by_modes(block: Floats) -> Floats:
    """Rows (rows, outputs) about their mean with missing numbers at what the leading modes of all rows say.

    Args:
        block: NaN where a number is missing.
    """
    missing = np.isnan(block)
    places = np.argwhere(~missing)
    rng = generator(0, "evaluation")
    count = min(max(FEWEST_HIDDEN, int(HIDDEN * len(places))), len(places) // 4)
    hidden = places[np.sort(rng.choice(len(places), min(count, 20_000), replace=False))]
    hidden_too = missing.copy()
    hidden_too[tuple(hidden.T)] = True
    truth = block[tuple(hidden.T)]
    filled = np.where(hidden_too, 0.0, block)
    best, rank = float((truth**2).mean()), 0
    for k in (k for k in RANKS if k < min(block.shape)):
        filled = _refilled(filled, hidden_too, k)
        error = float(((filled[tuple(hidden.T)] - truth) ** 2).mean())
        if error > (1 - BETTER) * best:
            break
        best, rank = error, k
    whole = np.where(missing, 0.0, block)
    return _refilled(whole, missing, rank) if rank else whole


def _refilled(filled: Floats, missing: Flags, rank: int) -> Floats:
    """Missing numbers at what so many modes of the filled rows say, until they change no more."""
    basis = np.linalg.svd(filled @ filled.T)[0][:, :rank]
    filled = filled.copy()
    for _ in range(FILL_ROUNDS):
        modes = np.linalg.qr(filled.T @ basis)[0]
        basis = np.linalg.qr(filled @ modes)[0]
        said = (basis @ (basis.T @ filled))[missing]
        change = float(np.abs(said - filled[missing]).max(initial=0.0))
        filled[missing] = said
        if change < 1e-4 * float(np.abs(said).max(initial=1e-30)):
            break
    return filled


class Read(NamedTuple):
    """Coefficients of incomplete rows.

    Args:
        codes: mean coefficients given what is there, (rows, m).
        there, target: R and t of each row, (rows, m, m) and (rows, m).
        left: squared norm of what is there and no coefficient explains, (rows).
    """

    codes: Floats
    there: Floats
    target: Floats
    left: Floats


def read_modes(block: Floats, basis: Floats, energies: Floats) -> Read:
    """Coefficients of rows (rows, outputs) about the mean with NaN where a number is missing.

    Args:
        block: the rows.
        basis: orthonormal, (outputs, m).
        energies: mean energy of each coefficient, which weighs where little is there; the least of them stands for
            the energy of an output that no mode explains.
    """
    rows, m = len(block), basis.shape[1]
    if rows * m * m * 4 > MOST_BYTES:
        raise DataError(
            f"{rows} rows with missing numbers in {m} modes take {rows * m * m * 4 / 1e9:.2g} GB: set "
            "representation.modes (--modes) or representation.energy (--energy) to fewer"
        )
    nothing, least = np.isnan(block), energies.min()
    about = np.where(nothing, 0.0, block)
    found = Read(about @ basis, np.tile(np.eye(m), (rows, 1, 1)), about @ basis, np.zeros(rows))
    for i in range(rows):
        gone = basis[nothing[i]]
        best = found.target[i].copy()
        if len(gone):
            gram = np.eye(m) - gone.T @ gone
            found.codes[i] = np.linalg.solve(gram + np.diag(least / energies), best)
            w, v = np.linalg.eigh(gram)
            w = np.where(w > UNSEEN, w, 0.0)
            inverse = np.where(w > 0, 1 / np.where(w > 0, w, 1.0), 0.0)
            found.there[i] = (v * np.sqrt(w)) @ v.T
            found.target[i] = (v * np.sqrt(inverse)) @ (v.T @ best)
            best = (v * inverse) @ (v.T @ best)
        rest = np.where(nothing[i], 0.0, about[i] - basis @ best)
        found.left[i] = rest @ rest
    return found
