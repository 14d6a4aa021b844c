"""Which fields of a data set lie on a flat mesh, and that mesh as triangles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.report.figures.meshes import Mesh
from beable.simulator import Variable

Array = NDArray[Any]
FloatArray = NDArray[np.floating]
AXES = ("x", "y", "z")
CORNERS = ("cell_nodes", "cell_ends", "cell_kinds")
#: places along a thickness that differ by less than this share of the extent are one
FLAT = 1e-6
#: angle at which the order of corners begins: just below the lower left corner of a square, which rounding leaves first
BEGIN = -0.76 * np.pi
#: kinds of cells of VTK that are points and lines
THIN = (0, 1, 2, 3, 4, 21, 35, 68, 75)
#: kinds of cells that are flat
PLANE = (5, 6, 7, 8, 9, 22, 23, 28, 30, 34, 36, 69, 70, 76, 77)


def on_mesh(v: Variable) -> bool:
    """Whether a variable lies on the nodes or cells of a mesh, as numbers or vectors.

    >>> on_mesh(Variable("u", ("component", "node"), (3, 20))), on_mesh(Variable("u", ("x", "y"), (4, 5)))
    (True, False)
    """
    return v.dims[-1:] in (("node",), ("cell",)) and len(v.shape) - is_vector(v) == 1


def is_vector(v: Variable) -> bool:
    """Whether a variable has components first, by the name of that axis."""
    return v.dims[:1] in (("component",), (f"{v.name}_component",))


def sizes(v: Variable, values: FloatArray) -> FloatArray:
    """What is drawn of a variable (rows, nodes) or (rows, components, nodes): itself, or the size of its vectors."""
    return np.linalg.norm(values, axis=1) if is_vector(v) else values


def mesh_of(store: Store, variables: list[Variable]) -> Mesh | None:
    """The mesh of fields as triangles in its plane; None for bodies, and where the data set does not tell.

    A mesh one cell thick, as OpenFOAM has for flows in a plane, is drawn by its cells from one side.
    """
    held = store.constants
    if not variables or not {*CORNERS, *(f"node_{a}" for a in AXES)} <= held.keys():
        return None
    if any(v.shape[-1] != len(held["node_x" if v.dims[-1] == "node" else "cell_ends"]) for v in variables):
        return None
    flat = all(v.dims[-1] == "cell" for v in variables)
    return triangles(held, thick=flat)


def triangles(held: Mapping[str, Array], thick: bool = False) -> Mesh | None:
    """The triangles of a mesh, cells as fans around their first corner in the order of the angle.

    Args:
        held: ``node_x``, ``node_y``, ``node_z``, and ``cell_nodes`` with ``cell_ends`` and ``cell_kinds``.
        thick: whether a mesh of one layer of bodies is drawn from one side.

    >>> held = {"node_x": np.array([0.0, 1, 1, 0]), "node_y": np.array([0.0, 0, 1, 1]), "node_z": np.zeros(4)}
    >>> held |= {"cell_nodes": np.arange(4), "cell_ends": np.array([4]), "cell_kinds": np.array([9])}
    >>> mesh = triangles(held)
    >>> mesh.triangles.tolist(), mesh.cells.tolist()
    ([[0, 1, 2], [0, 2, 3]], [0, 0])
    """
    places = np.stack([np.asarray(held[f"node_{axis}"], np.float64).ravel() for axis in AXES])
    nodes, ends, kinds = (np.asarray(held[name]).astype(np.int64) for name in CORNERS)
    if not len(nodes) or not len(ends) or nodes.min() < 0 or nodes.max() >= places.shape[1] or ends[-1] != len(nodes):
        return None
    cell = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    wide = np.ptp(places, axis=1)
    normal = int(np.argmin(wide))
    across, along = places[normal][nodes], [i for i in range(3) if i != normal]
    kept = np.isin(kinds, PLANE)[cell]
    if wide[normal] > FLAT * wide.max():
        middle = _means(across, cell, len(ends))
        if not thick or np.ptp(middle) > FLAT * wide.max():
            return None
        kept = ~np.isin(kinds, (*PLANE, *THIN))[cell] & (across < middle[cell])
    if not kept.any():
        return None
    x, y = places[along]
    found, cells = _fans(nodes[kept], cell[kept], x, y, len(ends))
    return Mesh(x, y, found, cells, (AXES[along[0]], AXES[along[1]])) if len(found) else None


def _means(values: FloatArray, cell: Array, count: int) -> FloatArray:
    sums = np.bincount(cell, values, count)
    return np.asarray(sums / np.maximum(np.bincount(cell, minlength=count), 1))


def _fans(nodes: Array, cell: Array, x: FloatArray, y: FloatArray, count: int) -> tuple[NDArray[np.int64], Array]:
    """Triangles of cells, and the cell of each; the corners of a cell that are neighbours are so by their angle."""
    dx = x[nodes] - _means(x[nodes], cell, count)[cell]
    dy = y[nodes] - _means(y[nodes], cell, count)[cell]
    order = np.lexsort([(np.arctan2(dy, dx) - BEGIN) % (2 * np.pi), cell])
    nodes, cell = nodes[order], cell[order]
    begins = np.flatnonzero(np.diff(cell, prepend=-1))
    lengths = np.diff([*begins, len(cell)])
    first = np.repeat(begins, lengths)
    place = np.arange(len(cell)) - first
    inner = np.flatnonzero((place > 0) & (place < np.repeat(lengths, lengths) - 1))
    return np.stack([nodes[first[inner]], nodes[inner], nodes[inner + 1]], axis=1), cell[inner]
