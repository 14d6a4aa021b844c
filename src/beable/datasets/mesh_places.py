"""Where the nodes and cells of a mesh lie: whether two meshes are one, and whether the lines of a grid are straight."""

from collections.abc import Mapping

import numpy as np

from beable.datasets.sources import Array

AXES = ("x", "y", "z")
#: places that differ by less than this share of the extent are the same: files round
ROUNDED = 1e-6


def same_places(one: Array, other: Array, extent: float = 0.0) -> bool:
    """Whether numbers along an axis are the same but for rounding.

    Args:
        one, other: places, one number each.
        extent: of what they are part of; their own by default.

    >>> same_places(np.array([0.0, 1.0]), np.array([0.0, 1.0 + 1e-9]))
    True
    """
    if one.shape != other.shape:
        return False
    if not one.size or np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
        return True
    extent = extent or float(np.ptp(one)) or float(np.abs(one).max())
    return bool((np.abs(np.asarray(one, np.float64) - other) <= ROUNDED * extent).all())


def difference(first: Mapping[str, Array], other: Mapping[str, Array]) -> str:
    """What tells another mesh from the first, in words; empty where they are one.

    Args:
        first, other: ``node_x``, ``cell_nodes`` and what else says where numbers lie, by name.

    >>> difference({"node_x": np.array([0.0, 1.0])}, {"node_x": np.array([0.0, 1.5])})
    'its nodes lie elsewhere'
    """
    extent = max((float(np.ptp(v)) for n, v in first.items() if n[-2:] in ("_x", "_y", "_z") and v.size), default=0.0)
    for name, values in first.items():
        kind = name.partition("_")[0]
        if name not in other:
            return "it is of another kind"
        found = other[name]
        if found.shape != values.shape:
            if name == "cell_nodes":
                return "other corners make its cells"
            return f"it has {found.size:,} instead of {values.size:,} {'points' if kind == 'grid' else f'{kind}s'}"
        if name in ("cell_nodes", "cell_ends", "cell_kinds"):
            if not np.array_equal(found, values):
                return "other corners make its cells"
        elif not same_places(values, found, extent):
            return f"its {kind} lies elsewhere" if kind == "grid" else f"its {kind}s lie elsewhere"
    return ""


def straight(points: Array) -> list[Array]:
    """Places along the axes of a grid of points (x, y, z, 3) whose lines are straight and along x, y and z.

    >>> grid = np.stack(np.meshgrid([0.0, 1.0], [0.0, 2.0, 3.0], [0.0], indexing="ij"), -1)
    >>> [axis.tolist() for axis in straight(grid)], straight(grid[:, :, :, ::-1])
    ([[0.0, 1.0], [0.0, 2.0, 3.0], [0.0]], [])
    """
    found, extent = [], float(np.ptp(points.reshape(-1, 3), axis=0).max())
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        along = points[..., axis]
        first = along[tuple(slice(None) if i == axis else slice(0, 1) for i in range(3))]
        if (np.abs(along - first) > ROUNDED * extent).any():
            return []
        found.append(first.squeeze(others))
    return found
