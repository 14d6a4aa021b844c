"""Fields as a page draws them: on a plane, in three dimensions by the slice across the middle of the shortest axis."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.datasets.readings import component_axes
from beable.datasets.store import Store
from beable.report.curves import is_curve
from beable.report.meshes import on_mesh
from beable.simulator import Variable

FloatArray = NDArray[np.floating]


class Plane(NamedTuple):
    """How a field is drawn.

    Args:
        variable: as it is drawn, (x, y) or (components, x, y) a row.
        dimensions: number of its axes in the data set.
        component: the one along which its components lie, if any.
        cut: the one that is cut, if any.
        node: where it is cut.
        place: where that is, in words; empty for a field that is a plane.
    """

    variable: Variable
    dimensions: int
    component: int | None = None
    cut: int | None = None
    node: int = 0
    place: str = ""

    @property
    def title(self) -> str:
        """Its name, and where it is cut."""
        return f"{self.variable.name}, {self.place}" if self.place else self.variable.name

    @property
    def names(self) -> list[str]:
        """The names of its components, or its own."""
        v = self.variable
        if self.component is None:
            return [self.title]
        behind = f", {self.place}" if self.place else ""
        return [f"{v.name} {v.components[i] if v.components else i}{behind}" for i in range(v.shape[0])]

    def of(self, values: FloatArray) -> FloatArray:
        """What lies on the plane, (..., x, y) or (..., components, x, y), of numbers (..., axes of the field)."""
        lead, component = values.ndim - self.dimensions, self.component
        if self.cut is not None:
            values = np.take(values, self.node, axis=lead + self.cut)
            component = None if component is None else component - (self.cut < component)
        return values if component is None else np.moveaxis(values, lead + component, lead)

    def drawn(self, values: FloatArray) -> FloatArray:
        """`of`, vectors of other than two components by their size."""
        held = self.of(values)
        if self.component is None or self.variable.shape[0] == 2:
            return held
        return np.asarray(np.linalg.norm(held, axis=-3))


def planes(store: Store, variables: Sequence[Variable]) -> list[Plane]:
    """The fields among variables that can be drawn on a plane, those on the grid of the first of them."""
    fields = [v for v in variables if len(v.shape) > 1 and not (v.diagnostic or on_mesh(v) or is_curve(v))]
    fields = [v for v in fields if v.dims[0] != "particle"]
    components = component_axes(fields, store.coordinates)
    found = [plane for v in fields if (plane := _plane(store, v, components.get(v.name))) is not None]
    return [plane for plane in found if plane.variable.shape[-2:] == found[0].variable.shape[-2:]]


def _plane(store: Store, v: Variable, component: int | None) -> Plane | None:
    grid = [i for i in range(len(v.shape)) if i != component]
    if len(grid) not in (2, 3):
        return None
    cut, node, place = None, 0, ""
    if len(grid) == 3:
        cut = min(reversed(grid), key=lambda axis: v.shape[axis])
        node = v.shape[cut] // 2
        places, unit = store.coordinates.get(v.dims[cut], (np.arange(v.shape[cut]), ""))
        place = f"{v.dims[cut]} = {number(float(places[node]))}{'' if unit in ('', '1') else f' {unit}'}"
    order = [axis for axis in (component, *grid) if axis is not None and axis != cut]
    seen = replace(v, dims=tuple(v.dims[i] for i in order), shape=tuple(v.shape[i] for i in order))
    return Plane(seen, len(v.shape), component, cut, node, place)


def drawn_axes(store: Store, v: Variable) -> tuple[FloatArray, FloatArray]:
    """Coordinates of a field's grid; node numbers where the store has none."""
    pairs = zip(v.dims[-2:], v.shape[-2:], strict=True)
    x, y = (np.asarray(store.coordinates[d][0]) if d in store.coordinates else np.arange(float(n)) for d, n in pairs)
    return x, y
