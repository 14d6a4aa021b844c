r"""Points from distances of which some are hidden: completion of a Euclidean distance matrix.

The stress of the known distances has many valleys, so the start decides. Two are tried, and the one that ends with
less stress is kept, row by row: the shortest paths over known distances in place of the hidden ones, which serves well
where every point keeps many; and trilateration from a core of points that all know each other, point after point by
the linear equations that the difference of two spheres |x − a|² = r² is, which is exact for exact distances however
few they are. Distances are (rows, N, N), positions (rows, N, d).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from beable.errors import DataError
from beable.representations.distance_geometry import (
    Embedding,
    Refined,
    as_distances,
    classical_scaling,
    distances_of,
    refine,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: anchors whose spread in one direction is below this share of that in another lie on a line: the positions of points
#: on a line, from roots of eigenvalues, are off it by the root of the rounding of a number, 1e-8
FLAT = 1e-6


def complete(
    distances: ArrayLike, known: ArrayLike, dimensions: int = 2, *, steps: int = 3000, tolerance: float = 1e-9
) -> Embedding:
    r"""Points of least stress :math:`\sum_{known} (\delta_{ij} - |x_i - x_j|)^2`, and with them the hidden distances.

    Exact where the known distances are exact and every point keeps d + 1 of them to a core of points that know each
    other, or to points placed from it. Elsewhere the least of two valleys, which need not be the lowest.

    Args:
        distances: δ, (rows, N, N), as for `classical_scaling`; anything, NaN included, where hidden.
        known: symmetric mask, (N, N), the same for all rows; the diagonal does not matter.
        dimensions: d.
        steps, tolerance: of `refine`.

    Returns:
        The flags are those of the completed matrix: known distances as given, hidden ones as found.

    Raises:
        DataError: see `as_distances`; points that known distances do not tie to the rest, or fewer than d + 1 of them.

    Reference: J. B. Tenenbaum, V. de Silva and J. C. Langford, Science 290, 2319 (2000), for shortest paths; I.
    Dokmanić, R. Parhizkar, J. Ranieri and M. Vetterli, IEEE Signal Process. Mag. 32, 12 (2015).

    >>> x = np.array([[[0, 0], [2, 0], [0, 1], [1, 2], [3, 3], [2, 1]]])
    >>> known = np.ones((6, 6), dtype=bool)
    >>> known[0, 4] = known[4, 0] = False
    >>> round(float(distances_of(complete(distances_of(x), known).positions)[0, 0, 4]), 4)
    4.2426
    """
    given = np.asarray(distances, dtype=np.float64)
    mask = _known(known, given.shape, dimensions)
    target = as_distances(np.where(mask, given, 0.0))
    starts = (_by_paths(target, mask, dimensions), _by_trilateration(target, mask, dimensions))
    found = _best([refine(target, x, weights=mask, steps=steps, tolerance=tolerance) for x in starts if x is not None])
    flags = classical_scaling(np.where(mask, target, distances_of(found)), dimensions)
    return Embedding(found, flags.negative_mass, flags.third_ratio)


def _known(known: ArrayLike, shape: tuple[int, ...], dimensions: int) -> Bools:
    """The mask, checked, without its diagonal."""
    mask = np.array(known, dtype=bool)
    if len(shape) != 3 or mask.shape != shape[1:] or not np.array_equal(mask, mask.T):
        raise DataError(f"known must be a symmetric mask (N, N) of distances (rows, N, N), got {mask.shape} of {shape}")
    np.fill_diagonal(mask, False)
    parts = connected_components(mask, directed=False)[0]
    if parts > 1:
        raise DataError(f"the known distances leave {parts} groups of points untied: hide fewer")
    loose = np.flatnonzero(mask.sum(axis=1) < min(dimensions + 1, len(mask) - 1))
    if loose.size:
        raise DataError(f"{loose.size} points keep fewer than {dimensions + 1} known distances, first {loose[0]}")
    return mask


def _best(tried: list[Refined]) -> Floats:
    """Of each row the points with the least stress."""
    least = np.argmin([each.stress for each in tried], axis=0)
    best: Floats = np.stack([each.positions for each in tried])[least, np.arange(len(least))]
    return best


def _by_paths(target: Floats, mask: Bools, dimensions: int) -> Floats:
    ends = np.nonzero(mask)
    graphs = [csr_array((row[ends], ends), mask.shape) for row in target]  # a dense graph would lose ties below 1e-8
    paths = [shortest_path(graph, directed=False) for graph in graphs]
    return classical_scaling(np.reshape(paths, target.shape), dimensions).positions


def _by_trilateration(target: Floats, mask: Bools, dimensions: int) -> Floats | None:
    """Points placed one after another, the best tied first; None where fewer than d + 1 ties are left for one."""
    placed = _core(mask)
    if len(placed) <= dimensions:
        return None
    x = np.zeros((*target.shape[:2], dimensions))
    x[:, placed] = classical_scaling(target[:, placed][:, :, placed], dimensions).positions
    while len(placed) < len(mask):
        ties = mask[:, placed].sum(axis=1)
        ties[placed] = 0
        point = int(ties.argmax())
        if ties[point] <= dimensions:
            return None
        anchors = [a for a in placed if mask[point, a]]
        x[:, point] = trilaterate(x[:, anchors], target[:, point, anchors])
        placed.append(point)
    return x


def _core(mask: Bools) -> list[int]:
    """Points that all know each other, as many as greed finds."""
    core: list[int] = []
    free = np.ones(len(mask), dtype=bool)
    while free.any():
        core.append(int(np.where(free, mask[:, free].sum(axis=1), -1).argmax()))
        free &= mask[core[-1]]
    return core


def trilaterate(anchors: Floats, radii: Floats) -> Floats:
    """Points at given distances from anchors, by the least squares of the differences of their spheres.

    Anchors that lie on a line, or in space in a plane, do not decide on which side of it: the point is put onto it.

    Args:
        anchors: (rows, k, d).
        radii: distances from them, (rows, k).

    Returns:
        Positions, (rows, d).

    >>> trilaterate(np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]]), np.sqrt([[2.0, 2.0, 2.0]])).round(6).tolist()
    [[1.0, 1.0]]
    """
    middle = anchors.mean(axis=1, keepdims=True)
    spread = anchors - middle
    power = np.square(spread).sum(axis=2) - np.square(radii)
    right = (power - power.mean(axis=1, keepdims=True)) / 2
    placed: Floats = (np.linalg.pinv(spread, rtol=FLAT) @ right[:, :, None])[:, :, 0] + middle[:, 0]
    return placed
