"""Panels of maps: what fields on grids and on meshes are drawn in."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from beable.console.numbers import number
from beable.report.figures.scales import extent
from beable.report.figures.style import WIDTH, FloatArray, Panels, panel_grid

HIGHEST = 5.4  # inches of all panels together
MISSING = "#BDBDBD"  # grey, where there are no numbers


def map_panels(rows: int, columns: int, bars: int, x: FloatArray, y: FloatArray) -> tuple[Figure, Panels]:
    """Panels as wide as the page allows and as high as the domain asks, with room for rows of colour bars."""
    ratio = float(np.clip(np.ptp(y) / np.ptp(x), 0.2, 3)) if np.ptp(x) else 1.0
    side = min((WIDTH - 0.6) / columns, 3.0, max(HIGHEST / (rows * ratio), 1.0))
    return panel_grid(rows, columns, 0.6 + 0.55 * bars + rows * side * ratio, 0.6 + side * columns)


def framed(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """A panel of a map, cut at the outermost places, grey behind."""
    axes.set_aspect("equal")
    axes.set_facecolor(MISSING)
    axes.set_xlim(*extent(x))
    axes.set_ylim(*extent(y))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(2))
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    for spine in axes.spines.values():
        spine.set(visible=True, color="#C3C8CE", linewidth=0.5)


def outer_labels(panels: Panels, x_label: str, y_label: str, rows: Sequence[str] = ()) -> None:
    """Words and numbers at the outer panels alone."""
    for axes in panels[:-1].flat:
        axes.tick_params(labelbottom=False)
    for axes in panels[:, 1:].flat:
        axes.tick_params(labelleft=False)
    for axes in panels[-1]:
        axes.set_xlabel(x_label, labelpad=1)
    for axes, row in zip(panels[:, 0], list(rows) or [""] * len(panels), strict=True):
        axes.set_ylabel(f"{row}\n{y_label}" if row else y_label, labelpad=2)
