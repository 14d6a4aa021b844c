"""What a mesh of pyvista holds: fields on axes of a grid, or on the nodes or cells of a mesh, and where these lie."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from beable.datasets.mesh_places import AXES, straight
from beable.datasets.sources import Array
from beable.errors import DataError

POINTS, CELLS = ("x", "y", "z"), ("xc", "yc", "zc")
#: the mesh of a case of OpenFOAM without its boundaries
INSIDE = "internalMesh"
#: arrays with which VTK and what writes its files keep their books; all that begin with vtk are such
BOOKS = frozenset(
    {f"{kind}{what}Ids" for kind in ("Global", "Pedigree") for what in ("", "Point", "Cell", "Node", "Element")}
    | {f"{kind}{what}Id" for kind in ("Global", "Pedigree") for what in ("Node", "Element", "Point", "Cell")}
    | {"ProcessId", "ProcessIds", "implicit_node_id", "implicit_element_id", "ispatch", "issurface"}
)
GHOSTS, VALID = "vtkGhostType", "vtkValidPointMask"
#: bits of ``vtkGhostType`` of what is hidden; what stands twice is not
HIDDEN = {"point": 2, "cell": 32}
#: names that have another meaning beside fields
TAKEN = frozenset({"time", "row", "file", "snapshot", "node", "cell", "component", *POINTS, *CELLS})

Field = tuple[Array, tuple[str, ...]]


class Read(NamedTuple):
    """What a mesh holds.

    Args:
        fields: arrays with the names of their axes.
        coordinates: places along axes, by name of the axis.
        places: where nodes and cells lie and what joins them, for meshes without such axes.
        numbers: data of the whole mesh.
        left: what was left unread, and why.
    """

    fields: dict[str, Field]
    coordinates: dict[str, Array]
    places: dict[str, Field]
    numbers: dict[str, Array]
    left: dict[str, str]


def read_of(found: Any) -> Read:
    """What a data set of pyvista holds, or several blocks as one.

    Data of points and of cells lie on axes of their own; where there is one kind alone, its axes are x, y and z.

    Raises:
        DataError: no mesh, an empty one, or one without numbers.
    """
    mesh, left = _one(found)
    if not hasattr(mesh, "point_data"):
        raise DataError(f"holds a {type(mesh).__name__}, not a mesh: convert it to one with numbers on points or cells")
    books = {f"{kind} {name}": "with it VTK keeps its books" for kind, name in _books(mesh)}
    held = {kind: dict(_numbers(mesh, kind, left)) for kind in ("point", "cell")}
    kinds = [kind for kind, arrays in held.items() if arrays]
    if not kinds:
        raise DataError(f"holds a mesh of {_count(mesh, 'point'):,} points without numbers on it: write it with some")
    read = Read({}, {}, {}, _of_the_whole(mesh, left), left | books)
    lengths = _lengths(mesh)
    for kind in kinds:
        _add(read, mesh, kind, held[kind], lengths, CELLS if kind == "cell" and len(kinds) > 1 else POINTS)
    return read


def _add(
    read: Read, mesh: Any, kind: str, arrays: Mapping[str, Array], lengths: tuple[int, ...], names: tuple[str, ...]
) -> None:
    """The fields of points or cells, and where these lie."""
    own = lengths if kind == "point" else tuple(max(1, n - 1) for n in lengths)
    for name, values in arrays.items():
        word = f"{kind}_{name}" if name in read.fields or name in TAKEN else name
        read.fields[word] = _field(values, kind, own, names)
    along = _along(mesh, kind, lengths)
    if along:
        read.coordinates.update({name: p for name, p in zip(names, along, strict=True) if len(p) > 1})
        return
    where = np.asarray(mesh.points if kind == "point" else mesh.cell_centers().points)
    word = "node" if kind == "point" else "cell"
    read.places.update({f"{word}_{a}": _field(p, kind, own, names) for a, p in zip(AXES, where.T, strict=True)})
    if not own:
        _add_cells(read, mesh)


def _add_cells(read: Read, mesh: Any) -> None:
    """Which nodes are the corners of which cell, those of all cells after each other."""
    if "cell_nodes" in read.places:
        return
    cells = mesh if hasattr(mesh, "celltypes") else mesh.cast_to_unstructured_grid()
    read.places.setdefault("node_x", (np.asarray(mesh.points)[:, 0], ("node",)))
    read.places.setdefault("node_y", (np.asarray(mesh.points)[:, 1], ("node",)))
    read.places.setdefault("node_z", (np.asarray(mesh.points)[:, 2], ("node",)))
    read.places["cell_nodes"] = np.asarray(cells.cell_connectivity, np.int64), ("corner",)
    read.places["cell_ends"] = np.asarray(cells.offset, np.int64)[1:], ("cell",)
    read.places["cell_kinds"] = np.asarray(cells.celltypes, np.uint8), ("cell",)


# The mesh


def _one(found: Any) -> tuple[Any, dict[str, str]]:
    """The mesh of what was read: of several blocks those inside, or all of them as one; and what that leaves out."""
    if hasattr(found, "keys") and hasattr(found, "n_blocks") and INSIDE in found.keys():  # noqa: SIM118  (no mapping)
        rest = [name for name in found.keys() if name != INSIDE]  # noqa: SIM118
        mesh, left = _one(found[INSIDE])
        return mesh, left | {str(name): "a boundary, no part of the inside" for name in rest}
    leaves = [leaf for leaf in _leaves(found) if _count(leaf, "point")]
    if not leaves:
        raise DataError("holds a mesh without points: write it with some")
    if len(leaves) == 1:
        return leaves[0], {}
    common = {(k, n) for k, n in _names(leaves[0])}.intersection(*(set(_names(leaf)) for leaf in leaves[1:]))
    every = {pair for leaf in leaves for pair in _names(leaf)}
    left = {f"{kind} {name}": "in some of the blocks only" for kind, name in sorted(every - common)}
    import pyvista

    return pyvista.MultiBlock(leaves).combine(), left


def _leaves(found: Any) -> Iterator[Any]:
    """The meshes of blocks and of partitions, however deep."""
    count = getattr(found, "n_blocks", getattr(found, "n_partitions", None))
    if count is None or hasattr(found, "point_data"):
        yield from [found] if hasattr(found, "point_data") or found is not None else []
        return
    for i in range(count):
        yield from _leaves(found[i])


def _names(mesh: Any) -> Iterator[tuple[str, str]]:
    for kind, data in (("point", mesh.point_data), ("cell", mesh.cell_data)):
        yield from ((kind, str(name)) for name in data.keys() if not _is_book(str(name)))  # noqa: SIM118


def _count(mesh: Any, kind: str) -> int:
    return int(getattr(mesh, "n_points" if kind == "point" else "n_cells", 0))


def _lengths(mesh: Any) -> tuple[int, ...]:
    """Points along each axis of a grid; nothing for a mesh without order."""
    lengths = tuple(int(n) for n in getattr(mesh, "dimensions", ()))
    return lengths if math.prod(lengths) == _count(mesh, "point") else ()


# Its arrays


def _is_book(name: str) -> bool:
    return name in BOOKS or (name.startswith("vtk") and name[3:4].isupper())


def _books(mesh: Any) -> Iterator[tuple[str, str]]:
    for kind, data in (("point", mesh.point_data), ("cell", mesh.cell_data)):
        yield from ((kind, str(name)) for name in data.keys() if _is_book(str(name)))  # noqa: SIM118


def _numbers(mesh: Any, kind: str, left: dict[str, str]) -> Iterator[tuple[str, Array]]:
    """Arrays of points or cells, missing where these are hidden."""
    data = mesh.point_data if kind == "point" else mesh.cell_data
    hidden = _hidden(data, kind)
    for key in data.keys():  # noqa: SIM118
        name, values = str(key), np.asarray(data[key])
        if _is_book(name):
            continue
        if values.dtype.kind not in "fiubc":
            left[f"{kind} {name}"] = "words"
        elif not values.size or len(values) != _count(mesh, kind):
            left[f"{kind} {name}"] = f"has {len(values):,} numbers for {_count(mesh, kind):,} {kind}s"
        else:
            yield name, _without(values, hidden)


def _hidden(data: Any, kind: str) -> Array:
    """Which points or cells are hidden, or were not found by a filter that sampled them; empty where none is."""
    found = np.zeros(1, bool)
    if GHOSTS in data.keys():  # noqa: SIM118
        found = found | (np.asarray(data[GHOSTS]).astype(np.int64) & HIDDEN[kind] != 0)
    if VALID in data.keys():  # noqa: SIM118
        found = found | (np.asarray(data[VALID]) == 0)
    return found if found.any() else np.zeros(0, bool)


def _without(values: Array, hidden: Array) -> Array:
    if not len(hidden):
        return values
    kept = np.array(values, values.dtype if values.dtype.kind in "fc" else np.float64)
    kept[hidden] = np.nan
    return kept


def _of_the_whole(mesh: Any, left: dict[str, str]) -> dict[str, Array]:
    """Data of the whole mesh: numbers and short arrays; those of one number differ between files as factors do."""
    kept = {}
    for key in mesh.field_data.keys():  # noqa: SIM118
        name, values = str(key), np.asarray(mesh.field_data[key])
        if _is_book(name):
            continue
        if values.dtype.kind in "fiub" and values.size:
            kept[name] = values.reshape(()) if values.size == 1 else values
        else:
            left[name] = "words of the file" if values.size else "data of the file, empty"
    return kept


def _field(values: Array, kind: str, lengths: tuple[int, ...], names: tuple[str, ...]) -> Field:
    """Numbers (points,) or (points, components) on the axes of a grid, x running fastest, or along one of a mesh."""
    tail, more = values.shape[1:], ("component",) * (values.ndim - 1)
    if not lengths:
        return values, ("node" if kind == "point" else "cell", *more)
    kept = [i for i, n in enumerate(lengths) if n > 1] or [0]
    shape = tuple(lengths[i] for i in kept)
    return values.reshape((*shape, *tail), order="F"), (*(names[i] for i in kept), *more)


def _along(mesh: Any, kind: str, lengths: tuple[int, ...]) -> list[Array]:
    """Places along the axes of a grid whose lines are straight, middles for cells; nothing for any other."""
    if not lengths:
        return []
    if hasattr(mesh, "spacing") and hasattr(mesh, "origin"):
        if not np.array_equal(np.asarray(getattr(mesh, "direction_matrix", np.eye(3))), np.eye(3)):
            return []
        begins = tuple(getattr(mesh, "extent", (0,) * 6))[::2]
        grid = zip(mesh.origin, mesh.spacing, begins, lengths, strict=True)
        places = [start + step * (begin + np.arange(n)) for start, step, begin, n in grid]
    elif all(np.ndim(getattr(mesh, axis)) == 1 for axis in AXES):
        places = [np.asarray(getattr(mesh, axis), np.float64) for axis in AXES]
    else:
        places = straight(np.asarray(mesh.points, np.float64).reshape((*lengths, 3), order="F"))
    return [p if kind == "point" or len(p) < 2 else (p[1:] + p[:-1]) / 2 for p in places]
