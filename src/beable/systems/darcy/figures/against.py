"""Several quantities of trainings against one setting, such as the number of rows, a panel a quantity."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.report.figures.style import SOFT, legend, line_style, panel_grid, styled

Array = NDArray[np.floating]


class Line(NamedTuple):
    """One line of a panel: members as dots, their range as a band, a line through their medians.

    Args:
        x: setting of each training, ``(trainings,)``.
        y: its value.
        place: of the colour.
        dashed: whether the line is.
    """

    x: NDArray[Any]
    y: Array
    place: int = 0
    dashed: bool = False


@styled
def against(
    panels: Mapping[str, Mapping[str, Line]],
    x_label: str,
    levels: Mapping[str, Mapping[str, float]] | None = None,
    tops: Mapping[str, float] | None = None,
) -> Figure:
    """Panels of lines over a setting that doubles from one to the next.

    Args:
        panels: for each quantity, its lines by label.
        x_label: what the setting is.
        levels: for a quantity, horizontal lines by name.
        tops: for a quantity, where its axis ends, whatever lies above.

    >>> line = Line(np.array([1, 1, 2, 2]), np.array([0.5, 0.6, 0.2, 0.3]))
    >>> [axes.get_ylabel() for axes in against({"loss": {"test": line}}, "rows").axes]
    ['loss']
    """
    figure, grid = panel_grid(1, len(panels), 2.7, min(7.3, 2.9 * len(panels)))
    handles: dict[str, Any] = {}
    for axes, (label, lines) in zip(grid[0], panels.items(), strict=True):
        handles |= {name: _line(axes, line) for name, line in lines.items()}
        _axis(axes, np.unique(np.concatenate([line.x for line in lines.values()])))
        _levels(axes, (levels or {}).get(label, {}))
        axes.set_ylabel(label)
        axes.set_xlabel(x_label)
        if tops and label in tops:
            axes.set_ylim(top=tops[label], bottom=min(float(line.y.min()) for line in lines.values()) - 1)
    legend(figure, handles)
    return figure


def _line(axes: Axes, line: Line) -> Any:
    at = np.unique(line.x)
    groups = [line.y[line.x == x] for x in at]
    look: dict[str, Any] = {"color": line_style(line.place)["color"]}
    axes.fill_between(at, [g.min() for g in groups], [g.max() for g in groups], alpha=0.15, linewidth=0, **look)
    (drawn,) = axes.plot(
        at,
        [np.median(g) for g in groups],
        marker="o",
        linestyle="dashed" if line.dashed else "solid",
        markersize=3,
        linewidth=1.3,
        **look,
    )
    return drawn


def _axis(axes: Axes, settings: Sequence[float] | Array) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator([float(x) for x in settings]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{x:g}" for x in settings])


def _levels(axes: Axes, levels: Mapping[str, float]) -> None:
    for name, height in levels.items():
        axes.axhline(height, color=SOFT, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0)
        axes.annotate(
            f"{name} {number(height)}",
            (0.02, height),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            va="bottom",
            color=SOFT,
        )
