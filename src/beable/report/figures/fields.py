"""Figures of fields: snapshots, and a reconstruction beside its truth. Arrays run ``(x, y)``, x to the right."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.console.numbers import number
from beable.errors import DataError
from beable.report.figures.checks import anything, finite, same_length
from beable.report.figures.maps import framed, map_panels, outer_labels
from beable.report.figures.scales import Colour, colour_bar, colour_scale
from beable.report.figures.style import FloatArray, styled
from beable.report.figures.words import panel_title, printed_unit, words

FINEST = 512  # nodes drawn along an axis; more cannot be seen in a panel


class _Grid(NamedTuple):
    x: FloatArray
    y: FloatArray

    @property
    def even(self) -> bool:
        return all(len(axis) > 2 and np.allclose(np.diff(axis), axis[1] - axis[0]) for axis in self)

    def coarse(self, values: FloatArray) -> tuple["_Grid", FloatArray]:
        """Every n-th node where there are more than can be seen."""
        i, j = (slice(None, None, -(-len(axis) // FINEST)) for axis in self)
        return _Grid(self.x[i], self.y[j]), values[..., i, j]


def _grid(x: object, y: object, arrays: Sequence[FloatArray]) -> _Grid:
    grid = _Grid(finite("x", x, 1), finite("y", y, 1))
    if not arrays:
        raise DataError("a figure of fields needs at least one field, got none")
    for values in arrays:
        nodes = (len(grid.x), len(grid.y))
        if values.shape[-2:] != nodes:
            raise DataError(f"a field must end in (x, y) = {nodes}, got shape {values.shape}: transpose or slice it")
    return grid


def _image(axes: Axes, grid: _Grid, values: FloatArray, colour: Colour) -> Any:
    """A field as cells around its nodes, cut at the outermost nodes."""
    grid, values = grid.coarse(values)
    shape = axes.pcolormesh(*grid, values.T, norm=colour.norm, cmap=colour.map, shading="nearest", rasterized=True)
    framed(axes, grid.x, grid.y)
    return shape


def _streamlines(axes: Axes, grid: _Grid, vector: FloatArray) -> None:
    """Lines along a vector field where the grid is even, a few arrows where it is not, nothing where it is zero."""
    u, v = (np.nan_to_num(component.T) for component in vector)
    if not np.hypot(u, v).max() > 0:
        return
    if grid.even:
        axes.streamplot(*grid, u, v, color="white", density=0.55, linewidth=0.6, arrowsize=0.55, arrowstyle="-|>")
    else:
        i, j = (slice(None, None, -(-len(axis) // 12)) for axis in grid)
        axes.quiver(grid.x[i], grid.y[j], u[j, i], v[j, i], color="white", pivot="mid")


def _field(axes: Axes, grid: _Grid, values: FloatArray, colour: Colour) -> Any:
    if values.ndim == 2:
        return _image(axes, grid, values, colour)
    shape = _image(axes, grid, np.hypot(*values), colour)
    _streamlines(axes, *grid.coarse(values))
    return shape


def _snapshots(title: str, values: object) -> FloatArray:
    array = finite(title, values, missing=True)
    if array.ndim != 3 and array.shape[1:-2] != (2,):
        raise DataError(f"a figure of {title} needs (snapshots, x, y) or (snapshots, 2, x, y), got {array.shape}")
    return array


def _magnitudes(values: FloatArray) -> FloatArray:
    return np.hypot(values[:, 0], values[:, 1]) if values.ndim == 4 else values


@styled
def fields(
    arrays: Sequence[FloatArray],
    titles: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    y: FloatArray,
    *,
    scales: Sequence[str] = (),
    rows: Sequence[str] = (),
    shared: bool = False,
    x_label: str = "x",
    y_label: str = "y",
) -> Figure:
    """Snapshots of fields: one column a quantity with its colour bar, one row a snapshot.

    Args:
        arrays: for each quantity ``(snapshots, x, y)``, or ``(snapshots, 2, x, y)`` for a vector field, which is
            drawn as its magnitude with lines along it. What is missing, NaN, is grey.
        titles, units: name and UDUNITS string of each quantity.
        x, y: coordinates of the nodes, evenly spaced or not.
        scales: "linear", "log" or "signed" for each quantity; all "linear" when left out.
        rows: a label for each snapshot, such as its factors.
        shared: one colour scale for all columns, where they are one quantity.
        x_label, y_label: names of the coordinates, with their unit if they have one.

    >>> x = np.linspace(0, 1, 5)
    >>> figure = fields([np.ones((1, 5, 5))], ["pressure"], ["Pa"], x, x)
    >>> figure.axes[0].get_title()
    'pressure'
    """
    for kind, given in {"titles": titles, "units": units, "scales": scales or units}.items():
        same_length(kind, len(arrays), len(given))
    quantities = [_snapshots(title, values) for title, values in zip(titles, arrays, strict=True)]
    grid = _grid(x, y, quantities)
    anything(", ".join(titles), quantities)
    snapshots = len(quantities[0])
    for title, values in zip(titles, quantities, strict=True):
        same_length(f"snapshots of {title}", snapshots, len(values))
    same_length("labels of rows", snapshots, len(rows) if rows else snapshots)
    figure, panels = map_panels(snapshots, len(quantities), 1, grid.x, grid.y)
    every = np.concatenate([_magnitudes(values) for values in quantities]) if shared else None
    for j, values in enumerate(quantities):
        colour = colour_scale(scales[j] if scales else "linear", _magnitudes(values) if every is None else every)
        shapes = [_field(axes, grid, v, colour) for axes, v in zip(panels[:, j], values, strict=True)]
        panels[0, j].set_title(panel_title(titles[j], len(quantities)))
        if not shared:
            colour_bar(list(panels[:, j]), shapes[0], printed_unit(units[j]))
    if shared:
        colour_bar(list(panels.flat), shapes[0], printed_unit(units[0]), aspect=18 * len(quantities))
    outer_labels(panels, words(x_label), words(y_label), [words(row) for row in rows])
    return figure


def percent(error: FloatArray, truth: FloatArray) -> str:
    """Norm of an error over that of the truth in percent, of what is not missing."""
    there = ~np.isnan(error)
    if not there.any():
        return "missing"
    error, truth = error[there], truth[there]
    norm = float(np.linalg.norm(truth))
    if not norm:
        return "no truth to compare with" if error.any() else "0 %"
    return f"{number(100 * np.linalg.norm(error) / norm, digits=2)} %"


@styled
def reconstruction(
    truth: Sequence[FloatArray],
    prediction: Sequence[FloatArray],
    names: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    y: FloatArray,
    *,
    scales: Sequence[str] = (),
    x_label: str = "x",
    y_label: str = "y",
) -> Figure:
    r"""One snapshot, its reconstruction and the error (reconstruction - truth): one column a channel.

    Truth and reconstruction share a colour scale; the error has its own, centred at 0, and carries
    :math:`\|\hat y - y\| / \|y\|` of its channel in percent.

    Args:
        truth, prediction: for each channel ``(x, y)``, in physical units.
        names, units: name and UDUNITS string of each channel.
        x, y: coordinates of the nodes.
        scales: "linear", "log" or "signed" for each channel; all "linear" when left out.
        x_label, y_label: names of the coordinates, with their unit if they have one.

    >>> x = np.linspace(0, 1, 5)
    >>> figure = reconstruction([np.ones((5, 5))], [np.zeros((5, 5))], ["pressure"], ["Pa"], x, x)
    >>> figure.axes[2].texts[0].get_text()
    '100 %'
    """
    channels = len(names)
    for given in (truth, prediction, units, scales or units):
        same_length("channels", channels, len(given))
    true, made = (
        [finite(f"the {kind} {name}", values, 2, missing=True) for name, values in zip(names, planes, strict=True)]
        for kind, planes in (("true", truth), ("reconstructed", prediction))
    )
    grid = _grid(x, y, [*true, *made])
    anything(", ".join(names), true)
    anything(", ".join(names), made)
    figure, panels = map_panels(3, channels, 2, grid.x, grid.y)
    for j in range(channels):
        scale = scales[j] if scales else "linear"
        _truth_and_error(list(panels[:, j]), grid, true[j], made[j], scale, printed_unit(units[j]))
        panels[0, j].set_title(panel_title(names[j], channels))
    outer_labels(panels, words(x_label), words(y_label), ["truth", "reconstruction", "error"])
    return figure


def _truth_and_error(
    column: Sequence[Axes], grid: _Grid, truth: FloatArray, made: FloatArray, scale: str, unit: str
) -> None:
    error = made - truth
    colour = colour_scale(scale, np.where(made > 0, made, truth) if scale == "log" else np.stack([truth, made]))
    shape = _image(column[0], grid, truth, colour)
    _image(column[1], grid, made, colour)
    colour_bar(column[:2], shape, unit)
    wrong = _image(column[2], grid, error, colour_scale("signed", error))
    colour_bar(column[2:], wrong, unit)
    box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": column[2].transAxes}
    column[2].text(0.97, 0.04, percent(error, truth), fontsize=8, bbox=box, **place)
