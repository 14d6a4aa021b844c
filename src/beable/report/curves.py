"""Which variables of a data set are curves, and what a page shows of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.report.figures.curves import curves, reconstructed_curves
from beable.report.meshes import is_vector, on_mesh
from beable.simulator import Variable

FloatArray = NDArray[np.floating]
#: channels that are drawn, those of the first variables
MOST_CHANNELS = 4


def is_curve(v: Variable) -> bool:
    """Whether a variable has numbers along one axis, each or several components of them.

    >>> is_curve(Variable("u", ("height",), (20,))), is_curve(Variable("shares", ("component",), (3,)))
    (True, False)
    """
    along = len(v.shape) - is_vector(v) == 1 and v.dims[-1] != "particle"
    return along and not v.diagnostic and not on_mesh(v)


def alike(variables: Sequence[Variable]) -> list[Variable]:
    """The curves among variables that share the axis of the first of them."""
    found = [v for v in variables if is_curve(v)]
    return [v for v in found if (v.dims[-1], v.shape[-1]) == (found[0].dims[-1], found[0].shape[-1])]


def along(store: Store, v: Variable) -> tuple[FloatArray, str]:
    """The places on the axis of a curve and its name with its unit; numbers of the places where the store has none."""
    name = v.dims[-1]
    if name not in store.coordinates:
        return np.arange(float(v.shape[-1])), f"place along {name}"
    values, unit = store.coordinates[name]
    return np.asarray(values), name if unit in ("", "1") else f"{name} ({unit})"


def channels(
    variables: Sequence[Variable], values: Mapping[str, FloatArray]
) -> tuple[list[str], list[str], list[FloatArray]]:
    """Names, units and numbers (..., nodes) of each component of curves, of values (..., components, nodes)."""
    names, units, found = [], [], []
    for v in variables:
        for i in range(v.shape[0] if is_vector(v) else 1):
            names.append(f"{v.name} {v.components[i] if v.components else i}" if is_vector(v) else v.name)
            units.append(v.unit)
            found.append(values[v.name][..., i, :] if is_vector(v) else values[v.name])
    return names[:MOST_CHANNELS], units[:MOST_CHANNELS], found[:MOST_CHANNELS]


def drawn_rows(
    store: Store, variables: Sequence[Variable], rows: Sequence[int], labels: Sequence[str]
) -> tuple[Figure, list[str], list[str], list[FloatArray]]:
    """Some rows of curves that share an axis; names, units and numbers (rows, nodes) of each channel."""
    held = {v.name: store.read(v.name, np.asarray(rows)) for v in variables}
    x, x_label = along(store, variables[0])
    names, units, arrays = channels(variables, held)
    return curves(arrays, names, units, x, labels, x_label=x_label), names, units, arrays


def drawn_reconstruction(
    store: Store, variables: Sequence[Variable], truth: Mapping[str, FloatArray], decoded: Mapping[str, FloatArray]
) -> tuple[Figure, list[str], list[FloatArray], list[FloatArray]]:
    """One row of curves and what was decoded of it; names, truth and reconstruction of each channel."""
    x, x_label = along(store, variables[0])
    names, units, true = channels(variables, {v.name: truth[v.name][0] for v in variables})
    _, _, made = channels(variables, {v.name: decoded[v.name][0] for v in variables})
    return reconstructed_curves(true, made, names, units, x, x_label=x_label), names, true, made
