"""Exodus II, the results of finite elements as NetCDF: nodal, element and global variables over time steps.

Schoof & Yarberry, EXODUS II: A finite element data model, SAND92-2137 (1994): ``vals_nod_var1`` holds the first nodal
variable (time step, node), ``vals_elem_var2eb1`` the second element variable of the first block (time step, element),
``vals_glo_var`` all global ones (time step, variable); their names are words of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from beable.datasets.labelled import Labelled
from beable.datasets.sources import Array, Contents, Loader, Source, ranged

LAYOUT = "Exodus"
KINDS = (".exo", ".ex2", ".e")
TIME, NODES, CELLS = "time", "node", "cell"


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
    places = {f"node_{axis}": s for axis in "xyz" if (s := held.sources.get(f"coord{axis}")) is not None}
    read = ("vals_", "name_", "coord", "time_whole")
    left |= {name: "of the mesh" for name in held.sources if not name.startswith(read)}
    constants = {name: replace(s, axes=(NODES,)) for name, s in places.items()}
    return Contents(numbers | fields | clock, constants=constants, left=left, layout=LAYOUT, time=TIME, rows=(TIME,))


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
    blocks = sorted(int(name.removeprefix("connect")) for name in held.sources if name.startswith("connect"))
    found = {}
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
