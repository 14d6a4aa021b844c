"""Figures of rows laid out in the plane, as by t-SNE, in the colour of a number; one scale of colour for all panels.

A layout always fills its panel. Where the rows themselves hardly differ, it shows noise, and the panel says so.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.report.figures.scales import colour_bar, colour_scale, extent, padded
from beable.report.figures.style import GREY, SOFT, WIDTH, FloatArray, panel_grid, styled
from beable.report.figures.words import panel_title, words

Layout = tuple[FloatArray, FloatArray]  # places, values
WIDEST = 4
MOST_POINTS = 3000


@styled
def embeddings(
    layouts: Mapping[str, Layout], label: str, *, flags: Mapping[str, str] | None = None, nothing: float = 1e-3
) -> Figure:
    """Rows in the plane in the colour of a number, panels up to four in a row.

    Args:
        layouts: for each title the places of all rows ``(rows, 2)`` and the number of each ``(rows,)``.
        label: what the number is, with its unit.
        flags: a word for some panels, such as "collapsed".
        nothing: standard deviation of the numbers below which a panel says that they do not differ, as a share of
            the largest one.

    >>> xy = np.random.default_rng(0).normal(size=(30, 2))
    >>> figure = embeddings({"data": (xy, xy[:, 0]), "β = 10": (xy, 0.7 + 1e-9 * xy[:, 0])}, "packing fraction φ")
    >>> [axes.texts[0].get_text() for axes in figure.axes[:2]]
    ['−2.33 to 1.8', '0.7 in all rows']
    """
    colour = colour_scale("linear", np.concatenate([values for _, values in layouts.values()]))
    paint = ScalarMappable(colour.norm, colour.map)
    figure, panels = _panels(len(layouts))
    least = nothing * max(float(values.std()) for _, values in layouts.values())
    for axes, (title, (xy, values)) in zip(panels, layouts.items(), strict=False):
        _scatter(axes, xy, paint.to_rgba(values))
        axes.set_title(panel_title(title, min(len(layouts), WIDEST)))
        _say(axes, values, least, (flags or {}).get(title, ""))
    for axes in panels[len(layouts) :]:
        axes.set_axis_off()
    colour_bar(panels, paint, words(label), 40, 0.5 if len(layouts) > 1 else 0.8)
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    rows = -(-count // WIDEST)
    columns = -(-count // rows)
    side = min(WIDTH / columns, 3.2)
    figure, panels = panel_grid(rows, columns, (side + 0.22) * rows + 0.6, max(side * columns, 3.4))
    return figure, list(panels.ravel())


def _scatter(axes: Axes, xy: FloatArray, colours: FloatArray) -> None:
    kept = _mixed(len(xy))
    size = float(np.clip(2200 / len(kept), 1.5, 14))
    axes.scatter(xy[kept, 0], xy[kept, 1], s=size, c=colours[kept], linewidths=0, rasterized=len(kept) > 500)
    axes.set_xlim(*padded(extent(xy[:, 0]), 0.05))
    axes.set_ylim(*padded(extent(xy[:, 1]), 0.05))
    axes.set_box_aspect(1)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.6)


def _mixed(rows: int) -> NDArray[np.intp]:
    """Some rows in random order, so that none hides all others."""
    return np.random.default_rng(0).permutation(rows)[:MOST_POINTS]


def _say(axes: Axes, values: FloatArray, least: float, flag: str) -> None:
    """The range of the numbers, or that there is none."""
    low, high = (number(end) for end in (values.min(), values.max()))
    same = values.std() <= least
    said = f"{number(values.mean())} in all rows" if same else f"{low} to {high}"
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom", "fontsize": 7.5}
    box: dict[str, Any] = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
    axes.text(0.98, 0.02, said, color="#A84800" if same else SOFT, bbox=box, **place)
    if flag:
        place |= {"ha": "left", "va": "top"}
        axes.text(0.02, 0.98, words(flag), color="#A84800", bbox=box, **place)
