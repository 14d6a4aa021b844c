"""Exodus II, the results of finite elements as NetCDF: nodal, element and global variables over time steps.

Schoof & Yarberry, EXODUS II: A finite element data model, SAND92-2137 (1994): ``vals_nod_var1`` holds the first nodal
variable (time step, node), ``vals_elem_var2eb1`` the second element variable of the first block (time step, element),
``vals_glo_var`` all global ones (time step, variable); their names are words of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from beable.datasets.labelled import Labelled
from beable.datasets.sources import Array, Contents, Loader, Source, fixed, ranged

LAYOUT = "Exodus"
KINDS = (".exo", ".ex2", ".e")
TIME, NODES, CELLS = "time", "node", "cell"
AXES = ("x", "y", "z")
#: how many nodes of an element, the first ones, are its corners, and its kind in VTK's numbers; by how its name begins
SHAPES = {
    "TRI": (3, 5), "QUAD": (4, 9), "TET": (4, 10), "HEX": (8, 12), "WED": (6, 13), "PYR": (5, 14),
    "BAR": (2, 3), "BEA": (2, 3), "TRU": (2, 3), "EDG": (2, 3),
}  # fmt: skip


def is_exodus(held: Labelled) -> bool:
    """Whether a labelled file is one of Exodus."""
    return "time_whole" in held.sources and "api_version" in held.groups.get("", {})


def exodus(held: Labelled) -> Contents | None:
    """Time steps are rows; variables lie along the nodes or the elements of the mesh; None without any."""
    left = dict(held.left)
    fields = _nodal(held) | _elements(held, left)
    numbers = _global(held, "label" if fields else "variable")
    if not fields and not numbers:
        return None
    clock = {TIME: replace(held.sources["time_whole"], axes=(TIME,))}
    places = _nodes(held)
    corners = _corners(held) if places else {}
    read = ("vals_", "name_", "coord", "time_whole", *(["connect"] if corners else []))
    left |= {name: "of the mesh" for name in held.sources if not name.startswith(read)}
    mesh = places | corners
    return Contents(
        numbers | fields | clock,
        constants=mesh,
        left=left,
        layout=LAYOUT,
        time=TIME,
        rows=(TIME,),
        places=tuple(mesh),
    )


def _nodes(held: Labelled) -> dict[str, Source]:
    """Where the nodes lie; a mesh in a plane has no z."""
    found = {f"node_{axis}": held.sources.get(f"coord{axis}") for axis in AXES}
    first = found["node_x"]
    if first is None:
        return {}
    nothing = replace(first, load=Loader.of(np.zeros(first.shape)), dtype=np.dtype(np.float64), said="of a flat mesh")
    return {name: replace(nothing if s is None else s, axes=(NODES,)) for name, s in found.items()}


def _corners(held: Labelled) -> dict[str, Source]:
    """Which nodes are the corners of which element, as of other meshes; nothing where a kind of element is unknown."""
    parts = [(f"connect{b}", _shape(held, b)) for b in _blocks(held)]
    shapes = [(held.sources[name], shape) for name, shape in parts if shape is not None]
    if not shapes or len(shapes) < len(parts):
        return {}
    counts = [(s.shape[0], corners) for s, (corners, _) in shapes]
    ends = np.cumsum(np.concatenate([np.full(cells, corners) for cells, corners in counts]))
    kinds = np.concatenate([np.full(s.shape[0], kind, np.uint8) for s, (_, kind) in shapes])

    def nodes() -> Array:
        return np.concatenate([np.asarray(s.load())[:, :corners].ravel() for s, (corners, _) in shapes]) - 1

    load = Loader(lambda places: nodes().astype(np.int64)[places.get(0, slice(None))])
    return {
        "cell_nodes": Source((int(ends[-1]),), np.dtype(np.int64), load, axes=("corner",)),
        "cell_ends": fixed(ends, (CELLS,)),
        "cell_kinds": fixed(kinds, (CELLS,)),
    }


def _shape(held: Labelled, block: int) -> tuple[int, int] | None:
    """Corners and kind of the elements of a block; None for a kind that is not known."""
    source = held.sources[f"connect{block}"]
    word = str(held.attributes.get(f"connect{block}", {}).get("elem_type", "")).upper()
    name = ("TRI" if source.shape[-1] in (3, 6) else "QUAD") if word.startswith("SHELL") else word
    found = next((shape for begin, shape in SHAPES.items() if name.startswith(begin)), None)
    return found if found and len(source.shape) == 2 and source.shape[1] >= found[0] else None


def _blocks(held: Labelled) -> list[int]:
    names = [name.removeprefix("connect") for name in held.sources if name.startswith("connect")]
    return sorted(int(name) for name in names if name.isdigit())


def _names(held: Labelled, kind: str) -> list[str]:
    """Names of the variables of a kind, in the order of their numbers."""
    source = held.sources.get(f"name_{kind}_var")
    words = [] if source is None else np.ravel(source.load()).tolist()
    return [word.decode("utf-8", "replace").partition("\0")[0].strip() for word in words]


def _nodal(held: Labelled) -> dict[str, Source]:
    found = {name: held.sources.get(f"vals_nod_var{i}") for i, name in enumerate(_names(held, "nod"), 1)}
    return {name: replace(s, axes=(TIME, NODES)) for name, s in found.items() if s is not None}


def _elements(held: Labelled, left: dict[str, str]) -> dict[str, Source]:
    """Variables of elements, those of all blocks after each other."""
    blocks, found = _blocks(held), {}
    for i, name in enumerate(_names(held, "elem"), 1):
        parts = [s for b in blocks if (s := held.sources.get(f"vals_elem_var{i}eb{b}")) is not None]
        if len(parts) == len(blocks) > 0:
            found[name] = _joined(parts)
        else:
            left[name] = f"has values in {len(parts)} of {len(blocks)} blocks of elements"
    return found


def _joined(parts: Sequence[Source]) -> Source:
    """Arrays (time step, element) beside each other."""
    loads = [ranged(part.load) for part in parts]

    def part(places: Mapping[int, slice]) -> Array:
        rows = {axis: p for axis, p in places.items() if axis == 0}
        return np.concatenate([load.part(rows) for load in loads], axis=1)[:, places.get(1, slice(None))]

    shape = (parts[0].shape[0], sum(p.shape[1] for p in parts))
    return replace(parts[0], shape=shape, axes=(TIME, CELLS), load=Loader(part))


def _global(held: Labelled, role: str) -> dict[str, Source]:
    """Numbers of a time step that belong to no place."""
    whole = held.sources.get("vals_glo_var")
    if whole is None:
        return {}
    said = "of the whole mesh: name it in --factors to keep it" if role == "label" else ""

    def one(place: int) -> Source:
        load = ranged(whole.load).then(lambda a: a[:, place], {0: 0})
        return replace(whole, shape=whole.shape[:1], axes=(TIME,), load=load, role=role, said=said)

    return {name: one(i) for i, name in enumerate(_names(held, "glo"))}
