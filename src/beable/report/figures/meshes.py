"""Figures of fields on the nodes or cells of a flat mesh, drawn where these lie."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from beable.report.figures.checks import anything, finite, same_length
from beable.report.figures.maps import framed, map_panels, outer_labels
from beable.report.figures.scales import Colour, colour_bar, colour_scale
from beable.report.figures.style import FloatArray, styled
from beable.report.figures.words import panel_title, printed_unit, words

Places = NDArray[np.integer]


class Mesh(NamedTuple):
    """A flat mesh as triangles.

    Args:
        x, y: places of its nodes, (nodes,).
        triangles: the nodes of each, (triangles, 3).
        cells: the cell of each triangle, (triangles,).
        names: of the two axes.
    """

    x: FloatArray
    y: FloatArray
    triangles: Places
    cells: Places
    names: tuple[str, str] = ("x", "y")


def _draw(axes: Axes, mesh: Mesh, values: FloatArray, colour: Colour, on_cells: bool) -> Any:
    """A field by its colours: between nodes, or one a cell; grey where numbers are missing."""
    own = values[mesh.cells] if on_cells else values[mesh.triangles].mean(axis=1)
    there = np.isfinite(own)
    flat = Triangulation(mesh.x, mesh.y, mesh.triangles[there])
    said: dict[str, Any] = {"norm": colour.norm, "cmap": colour.map, "rasterized": True}
    if on_cells:
        shape = axes.tripcolor(flat, facecolors=own[there], **said)
    else:
        shape = axes.tripcolor(flat, np.nan_to_num(values), shading="gouraud", **said)
    framed(axes, mesh.x, mesh.y)
    return shape


@styled
def fields_on(
    mesh: Mesh,
    arrays: Sequence[FloatArray],
    titles: Sequence[str],
    units: Sequence[str],
    on_cells: Sequence[bool],
    rows: Sequence[str],
    scales: Sequence[str] = (),
) -> Figure:
    """Snapshots of fields on a mesh: one column a quantity with its colour bar, one row a snapshot.

    Args:
        mesh: where they lie.
        arrays: for each quantity ``(snapshots, nodes)``, or ``(snapshots, cells)``. What is missing, NaN, is grey.
        titles, units: name and UDUNITS string of each quantity.
        on_cells: whether each lies on cells.
        rows: a label for each snapshot.
        scales: "linear", "log" or "signed" for each quantity; all "linear" when left out.

    >>> mesh = Mesh(np.array([0.0, 1, 0]), np.array([0.0, 0, 1]), np.array([[0, 1, 2]]), np.array([0]))
    >>> fields_on(mesh, [np.array([[1.0, 2, 3]])], ["heat"], ["K"], [False], ["row 0"]).axes[0].get_title()
    'heat'
    """
    same_length("titles", len(arrays), len(titles))
    drawn = [finite(title, values, 2, missing=True) for title, values in zip(titles, arrays, strict=True)]
    anything(", ".join(titles), drawn)
    figure, panels = map_panels(len(rows), len(drawn), 1, mesh.x, mesh.y)
    for j, values in enumerate(drawn):
        colour = colour_scale(scales[j] if scales else "linear", values)
        shapes = [_draw(axes, mesh, v, colour, on_cells[j]) for axes, v in zip(panels[:, j], values, strict=True)]
        panels[0, j].set_title(panel_title(titles[j], len(drawn)))
        colour_bar(list(panels[:, j]), shapes[0], printed_unit(units[j]))
    outer_labels(panels, words(mesh.names[0]), words(mesh.names[1]), list(map(words, rows)))
    return figure


@styled
def reconstruction_on(
    mesh: Mesh,
    truth: Sequence[FloatArray],
    prediction: Sequence[FloatArray],
    names: Sequence[str],
    units: Sequence[str],
    on_cells: Sequence[bool],
) -> Figure:
    """One snapshot on a mesh, its reconstruction and the error: one column a channel.

    Args:
        mesh: where they lie.
        truth, prediction: for each channel ``(nodes,)`` or ``(cells,)``, in physical units.
        names, units: name and UDUNITS string of each channel.
        on_cells: whether each lies on cells.

    >>> mesh = Mesh(np.array([0.0, 1, 0]), np.array([0.0, 0, 1]), np.array([[0, 1, 2]]), np.array([0]))
    >>> figure = reconstruction_on(mesh, [np.arange(3.0)], [np.ones(3)], ["heat"], ["K"], [False])
    >>> figure.axes[2].get_ylabel().split()[0]
    'error'
    """
    for given in (truth, prediction, units, on_cells):
        same_length("channels", len(names), len(given))
    figure, panels = map_panels(3, len(names), 2, mesh.x, mesh.y)
    for j, (true, made) in enumerate(zip(truth, prediction, strict=True)):
        colour = colour_scale("linear", np.stack([true, made]))
        shape = _draw(panels[0, j], mesh, true, colour, on_cells[j])
        _draw(panels[1, j], mesh, made, colour, on_cells[j])
        colour_bar(list(panels[:2, j]), shape, printed_unit(units[j]))
        wrong = _draw(panels[2, j], mesh, made - true, colour_scale("signed", made - true), on_cells[j])
        colour_bar(list(panels[2:, j]), wrong, printed_unit(units[j]))
        panels[0, j].set_title(panel_title(names[j], len(names)))
    outer_labels(panels, words(mesh.names[0]), words(mesh.names[1]), ["truth", "reconstruction", "error"])
    return figure
