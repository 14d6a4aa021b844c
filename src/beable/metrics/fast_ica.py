r"""Independent components of white data, by FastICA.

The rotation W whose components are farthest from normal: the symmetric fixed point of

.. math:: W \leftarrow (W_+ W_+^\top)^{-1/2} W_+, \qquad
          W_+ = \langle \tanh(W x)\, x^\top \rangle - \langle 1 - \tanh^2(W x) \rangle\, W.

A. Hyvärinen and E. Oja, *Independent component analysis: algorithms and applications*, Neural Networks 13 (2000) 411.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Floats = NDArray[np.floating]


def fast_ica(white: Floats, rng: np.random.Generator, steps: int, tolerance: float) -> tuple[Floats, bool]:
    """The rotation that one run of FastICA ends with, perhaps a local optimum, and whether it came to rest.

    It is that of scikit-learn, without the time that it takes to load.

    Args:
        white: x, data of mean zero and unit covariance, (rows, p).
        rng: where the first rotation comes from.
        steps: at most.
        tolerance: change of all directions, as one less the cosine, below which it rests.

    Returns:
        Rotation (p, p), of which components are white @ rotation, and whether it rests.

    >>> square = np.random.default_rng(0).uniform(-(3**0.5), 3**0.5, (4000, 2))
    >>> rotation, rests = fast_ica(square, np.random.default_rng(1), 200, 1e-5)
    >>> rests, bool(np.abs(rotation).max(axis=0).min() > 0.99)
    (True, True)
    """
    rows, count = white.shape
    turn = _decorrelated(np.random.RandomState(int(rng.integers(2**31))).normal(size=(count, count)))
    for _ in range(steps):
        bent = np.tanh(turn @ white.T)
        again = _decorrelated(bent @ white / rows - (1 - bent**2).mean(1)[:, None] * turn)
        moved = np.abs(np.abs(np.einsum("ij,ij->i", again, turn)) - 1).max()
        turn = again
        if moved < tolerance:
            return turn.T, True
    return turn.T, False


def _decorrelated(turn: Floats) -> Floats:
    """The nearest rotation to a matrix W, (W Wᵀ)^-½ W."""
    energies, vectors = eigh(turn @ turn.T)
    energies = np.maximum(energies, np.finfo(float).tiny)
    return np.asarray((vectors * (1 / np.sqrt(energies))) @ (vectors.T @ turn))
