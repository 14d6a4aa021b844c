r"""From distances back to points: classical scaling and stress majorisation.

N points X (N, d) with distances δ and J = 1 − 11ᵀ/N, the projector that takes the centre out:

.. math:: B = -\tfrac12 J\, \delta^{\circ 2} J = J X X^\top J \qquad\text{(the squares, entry by entry)}

so that the d leading eigenpairs of B give X up to rotation, reflection and shift, exactly if δ are distances in d
dimensions. If they are not, B has negative eigenvalues and more than d positive ones: both are told as flags. The
noisy points are then improved by lowering the stress Σ w (δ − |x_i − x_j|)², which is the likelihood of independent
normal errors with w = 1/variance. Weights of zero mark hidden distances.

Everything works on rows at once: distances (rows, N, N), positions (rows, N, d).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from beable.errors import DataError, UsageError

Floats = NDArray[np.float64]

#: rows refined together
BLOCK = 256
#: share of the largest weight below which a weight ties no points together, and of the largest eigenvalue below which
#: one is none; sums of a hundred numbers round to 1e-14
LOOSE = ROUNDING = 1e-12


class Embedding(NamedTuple):
    """Points of distances, and how near the distances were to being distances of points.

    Args:
        positions: centred on zero, (rows, N, d).
        negative_mass: Σ|negative eigenvalues| / Σ positive ones of B, (rows,), at most 1; 0 for distances of points.
        third_ratio: λ_{d+1}/λ_d of B, (rows,): the third over the second in the plane; 0 for points in d dimensions or
            fewer.
    """

    positions: Floats
    negative_mass: Floats
    third_ratio: Floats


class Refined(NamedTuple):
    """Points of least stress near their start.

    Args:
        positions: centred on zero, (rows, N, d).
        stress: root of the weighted mean of (δ − |x_i − x_j|)² over the pairs, in the unit of the distances, (rows,).
        steps: taken by each row, (rows,).
    """

    positions: Floats
    stress: Floats
    steps: NDArray[np.int64]


def distances_of(positions: ArrayLike) -> Floats:
    r"""Distances between all points, :math:`|x_i - x_j|`.

    Args:
        positions: X, (rows, N, d).

    Raises:
        DataError: another shape, NaN or infinity.

    >>> distances_of([[[0, 0], [3, 4]]])[0, 0].tolist()
    [0.0, 5.0]
    """
    return _distances(as_positions(positions))


def _distances(x: Floats) -> Floats:
    squared = np.zeros((len(x), x.shape[1], x.shape[1]))
    for axis in np.moveaxis(x, -1, 0):
        squared += np.square(axis[:, :, None] - axis[:, None, :])
    return np.sqrt(squared, out=squared)


def as_positions(positions: ArrayLike) -> Floats:
    """Configurations (rows, N, d) of finite numbers as float64.

    Raises:
        DataError: another shape, NaN or infinity.
    """
    x = np.asarray(positions, dtype=np.float64)
    if x.ndim != 3 or 0 in x.shape[1:]:
        hint = "; for one configuration give positions[None]" if x.ndim == 2 else ""
        raise DataError(f"positions must be (rows, particles, dimensions), got shape {x.shape}{hint}")
    bad = ~np.isfinite(x).all(axis=(1, 2))
    if bad.any():
        raise DataError(f"positions: {bad.sum()} rows are not finite, first row {bad.argmax()}: leave those rows out")
    return x


def as_distances(distances: ArrayLike) -> Floats:
    r"""What a network decodes made a matrix of distances: :math:`\max(0, (D + D^\top)/2)` with a zero diagonal.

    Args:
        distances: D, (rows, N, N).

    Raises:
        DataError: another shape, NaN or infinity.

    >>> as_distances([[[0.1, 1.0], [2.0, 0.1]]])[0].tolist()
    [[0.0, 1.5], [1.5, 0.0]]
    """
    given = np.asarray(distances, dtype=np.float64)
    if given.ndim != 3 or given.shape[1] != given.shape[2] or not given.shape[1]:
        hint = "; for one matrix give distances[None]" if given.ndim == 2 else ""
        raise DataError(f"distances must be (rows, particles, particles), got shape {given.shape}{hint}")
    bad = ~np.isfinite(given).all(axis=(1, 2))
    if bad.any():
        raise DataError(f"distances: {bad.sum()} rows are not finite, first row {bad.argmax()}: leave those rows out")
    clean = np.maximum((given + given.swapaxes(1, 2)) / 2, 0.0)
    clean[:, np.arange(given.shape[1]), np.arange(given.shape[1])] = 0.0
    return clean


def classical_scaling(distances: ArrayLike, dimensions: int = 2) -> Embedding:
    r"""Classical multidimensional scaling, :math:`X = V_d \sqrt{\max(\Lambda_d, 0)}` of the leading eigenpairs of B.

    Exact for exact distances. For noisy ones it weighs the squares, so long distances rule and near points fall on
    each other: see `refine`.

    Args:
        distances: δ, (rows, N, N); made symmetric, not negative, zero on the diagonal first.
        dimensions: d.

    Raises:
        DataError: see `as_distances`.
        UsageError: dimensions below 1.

    Reference: W. S. Torgerson, Psychometrika 17, 401 (1952); J. C. Gower, Biometrika 53, 325 (1966).

    >>> square = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]])
    >>> found = classical_scaling(distances_of(square))
    >>> bool(np.abs(distances_of(found.positions) - distances_of(square)).max() < 1e-10)
    True
    """
    clean = as_distances(distances)
    if dimensions < 1:
        raise UsageError(f"dimensions must be 1 or more, got {dimensions}")
    ascending, vectors = np.linalg.eigh(_gram(clean))
    missing = max(0, dimensions + 1 - clean.shape[1])
    values = np.pad(ascending[:, ::-1], ((0, 0), (0, missing)))
    leading = np.pad(vectors[:, :, ::-1], ((0, 0), (0, 0), (0, missing)))[..., :dimensions]
    positions = leading * np.sqrt(values[:, None, :dimensions].clip(0))
    negative = _ratio((-values).clip(0).sum(axis=1), values.clip(0).sum(axis=1))
    seen = np.where(values > ROUNDING * values[:, :1], values, 0.0)
    return Embedding(positions, negative, _ratio(seen[:, dimensions], seen[:, dimensions - 1]))


def _gram(distances: Floats) -> Floats:
    """B, by centring the squares over rows and columns."""
    squares = np.square(distances)
    mean = squares.mean(axis=1)
    centred: Floats = -0.5 * (squares - mean[:, :, None] - mean[:, None, :] + mean.mean(axis=1)[:, None, None])
    return centred


def _ratio(above: Floats, below: Floats) -> Floats:
    """above/below, and 0 where there is nothing."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def refine(
    distances: ArrayLike,
    positions: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    steps: int = 300,
    tolerance: float = 1e-5,
) -> Refined:
    r"""Stress majorisation (SMACOF): points that lower :math:`\sum_{i<j} w_{ij} (\delta_{ij} - |x_i - x_j|)^2`.

    Each step is a Guttman transform taken twice as far, which never raises the stress and needs half the steps, after
    the points were brought to their best scale:

    .. math:: X \leftarrow 2\, V^+ B(X)\, X - X, \qquad V = \sum_{i<j} w_{ij} (e_i - e_j)(e_i - e_j)^\top

    Finds the minimum near its start, not the lowest of all: start from `classical_scaling` or `complete`.

    Args:
        distances: δ, (rows, N, N); as in `classical_scaling`. Where the weight is 0, anything, NaN included.
        positions: the start, (rows, N, d).
        weights: w, (N, N) or (rows, N, N), symmetric, 1/variance of each distance; None: all equal.
        steps: at most.
        tolerance: a row stops when a step lowers its stress Σ w (...)² by less than this share.

    Raises:
        DataError: see `as_distances`; shapes that do not belong together; negative weights, or none that is positive.
        UsageError: no steps, tolerance not between 0 and 1.

    Reference: J. de Leeuw, "Applications of convex analysis to multidimensional scaling" (1977); J. de Leeuw and
    W. J. Heiser (1980) for the double step; I. Borg and P. J. F. Groenen, "Modern multidimensional scaling" (2005).

    >>> x = np.array([[[0.0, 0], [2, 0], [0, 1], [1, 2]]])
    >>> bool(refine(distances_of(x), x + 0.1 * np.sin(9 * x), tolerance=1e-9).stress[0] < 1e-3)
    True
    """
    start = as_positions(positions)
    if steps < 1 or not 0 <= tolerance < 1:
        raise UsageError(f"steps must be 1 or more and tolerance between 0 and 1, got {steps}, {tolerance}")
    w = _weights(weights, len(start), start.shape[1])
    given = np.asarray(distances, dtype=np.float64)
    if given.shape != w.shape:
        raise DataError(f"distances {given.shape} do not belong to positions {start.shape}: {w.shape} are needed")
    target = as_distances(np.where(w > 0, given, 0.0))
    own = w[:1] if w.strides[0] == 0 else w
    inverse = np.broadcast_to(laplacian_inverse(own), w.shape)
    parts = [slice(i, i + BLOCK) for i in range(0, len(start), BLOCK)]
    done = [_majorise(target[p], start[p], w[p], inverse[p], steps, tolerance) for p in parts]
    return Refined(*(np.concatenate(each) for each in zip(*done, strict=True))) if done else _nothing(start)


def _nothing(start: Floats) -> Refined:
    return Refined(start, np.zeros(0), np.zeros(0, dtype=np.int64))


def _weights(weights: ArrayLike | None, rows: int, particles: int) -> Floats:
    """Weights (rows, N, N) with a zero diagonal; a view when all rows share them."""
    w = np.ones((particles, particles)) if weights is None else np.array(weights, dtype=np.float64)
    if w.shape not in ((particles, particles), (rows, particles, particles)):
        raise DataError(f"weights must be ({particles}, {particles}), one set or one a row, got shape {w.shape}")
    w[..., np.arange(particles), np.arange(particles)] = 0.0
    if not (np.isfinite(w).all() and (w >= 0).all() and np.array_equal(w, w.swapaxes(-1, -2))):
        raise DataError("weights must be finite, symmetric and not negative")
    if particles > 1 and not (w > 0).any(axis=(-1, -2)).all():
        raise DataError("all weights are zero: some distances must be known")
    return np.broadcast_to(w, (rows, particles, particles))


def laplacian_inverse(weights: Floats) -> Floats:
    r"""Pseudo-inverse of the Laplacian V of weights, from its null vectors, which are known, and not from a cut-off.

    .. math:: V^+ = (V + P S)^{-1} - P S^{-1}, \qquad V = \mathrm{diag}(w 1) - w

    P takes the mean over each part that weights hold together, and S, the mean of diag V there, sets its scale.

    Args:
        weights: w, (rows, N, N), symmetric, not negative, zero on the diagonal.

    >>> laplacian_inverse(np.array([[[0.0, 2.0], [2.0, 0.0]]]))[0].tolist()
    [[0.125, -0.125], [-0.125, 0.125]]
    """
    degree = weights.sum(axis=2)
    laplacian = degree[:, :, None] * np.eye(weights.shape[1]) - weights
    means = _held_together(weights)
    means /= means.sum(axis=2, keepdims=True)
    scale = np.matmul(means, degree[:, :, None])
    scale[scale == 0] = 1.0
    inverse: Floats = np.linalg.inv(laplacian + means * scale) - means / scale
    return inverse


def _held_together(weights: Floats) -> Floats:
    """1 for points of one part, (rows, N, N). Weights that rounding loses beside the largest hold nothing together."""
    ties = weights > LOOSE * weights.max(axis=(1, 2), keepdims=True)
    parts = np.reshape([connected_components(row, directed=False)[1] for row in ties], weights.shape[:2])
    together: Floats = (parts[:, :, None] == parts[:, None, :]).astype(np.float64)
    return together


def _majorise(
    target: Floats, start: Floats, w: Floats, inverse: Floats, steps: int, tolerance: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    x, active = start - start.mean(axis=1, keepdims=True), np.arange(len(start))
    before, taken = np.full(len(x), np.inf), np.zeros(len(x), dtype=np.int64)
    least = 1e-28 * (w * np.square(target)).sum(axis=(1, 2))
    for _ in range(steps):
        x[active], stress = _double_step(target[active], x[active], w[active], inverse[active])
        taken[active] += 1
        going = (stress < (1 - tolerance) * before[active]) & (stress > least[active])
        before[active] = stress
        active = active[going]
        if not len(active):
            break
    x = _guttman(target, x, _distances(x), w, inverse)
    return x, np.sqrt(_ratio(_stress(target, _distances(x), w), w.sum(axis=(1, 2)))), taken


def _double_step(target: Floats, x: Floats, w: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """The points after one step, and the stress before it at the best scale."""
    d = _distances(x)
    scale = _ratio((w * target * d).sum(axis=(1, 2)), (w * d * d).sum(axis=(1, 2)))[:, None, None]
    x, d = scale * x, scale * d
    return 2 * _guttman(target, x, d, w, inverse) - x, _stress(target, d, w)


def _guttman(target: Floats, x: Floats, d: Floats, w: Floats, inverse: Floats) -> Floats:
    """V⁺ B(X) X."""
    pull = np.divide(w * target, d, out=np.zeros_like(d), where=d > 0)
    moved: Floats = np.matmul(inverse, pull.sum(axis=2)[:, :, None] * x - np.matmul(pull, x))
    return moved


def _stress(target: Floats, d: Floats, w: Floats) -> Floats:
    total: Floats = (w * np.square(target - d)).sum(axis=(1, 2))
    return total
