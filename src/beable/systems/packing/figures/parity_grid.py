"""Figures of parity in many cells at once: a row a data set, a column a setting, all on the same axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from beable.console.numbers import number
from beable.report.figures.scales import Extent, extent, padded
from beable.report.figures.style import GREY, INK, SOFT, WIDTH, FloatArray, Limits, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, words

Cell = tuple[FloatArray, FloatArray, FloatArray | None]  # reconstructed, recomputed, standard error of the latter


@styled
def parity_grid(
    cells: Mapping[str, Mapping[str, Cell]],
    *,
    notes: Mapping[str, Mapping[str, str]] | None = None,
    x_label: str = "reconstructed packing fraction",
    y_label: str = "recomputed packing fraction",
    column: str = "β = ",
    others: Mapping[str, Mapping[str, Sequence[Cell]]] | None = None,
    limits: Limits | None = None,
) -> Figure:
    r"""Recomputed against reconstructed numbers around the diagonal, with :math:`R^2` of each cell.

    A cell whose numbers do not vary with what was reconstructed has a negative :math:`R^2`, however near the diagonal.

    Args:
        cells: for each row and column reconstructed and recomputed numbers ``(points,)``, and the standard error of
            the latter or None; a cell that is left out stays empty.
        notes: a word for some of the cells, such as "collapsed".
        x_label, y_label: what is on the axes.
        column: what stands before the name of a column.
        others: further cells of a row and column, behind it and in grey, such as other seeds.
        limits: of both axes; those of all cells when left out.

    >>> x = np.linspace(0.6, 0.8, 5)
    >>> cells = {"0": (x, x, None), "1": (x * 0 + 0.7, x, None)}
    >>> figure = parity_grid({"all": cells}, notes={"all": {"1": "collapsed"}})
    >>> [axes.texts[0].get_text() for axes in figure.axes]
    ['R² 1.00', 'R² 0.00\ncollapsed']
    """
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    behind = {row: {name: (others or {}).get(row, {}).get(name, ()) for name in columns} for row in cells}
    every = [cell for group in cells.values() for cell in group.values()]
    reach = (
        Extent(*limits)
        if limits
        else reach_of(every + [c for g in behind.values() for more in g.values() for c in more])
    )
    side = min((WIDTH - 0.75) / len(columns), 2.0)
    figure, panels = panel_grid(
        len(cells), len(columns), 0.75 + side * len(cells), 0.75 + side * len(columns), sharex=True, sharey=True
    )
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
    for place, (row, group) in enumerate(cells.items()):
        for axes, name in zip(panels[place], columns, strict=True):
            note = (notes or {}).get(row, {}).get(name, "")
            for x, y, _ in behind[row][name]:
                axes.plot(x, y, "o", color=GREY, markersize=1.6, markeredgewidth=0, alpha=0.45, zorder=1.5)
            _cell(axes, group.get(name), line_style(place)["color"], reach, note, side)
            if place == 0:
                axes.set_title(panel_title(f"{column}{name}", len(columns)), fontsize=9 if side > 0.8 else 8)
        panels[place, 0].set_ylabel(words(row), color=line_style(place)["color"])
    figure.supxlabel(words(x_label), fontsize=9)
    figure.supylabel(words(y_label), fontsize=9)
    return figure


def reach_of(cells: Sequence[Cell]) -> Extent:
    """Limits of both axes that hold all of the cells."""
    return padded(extent(np.concatenate([np.concatenate(cell[:2]) for cell in cells])), 0.06)


def _cell(axes: Axes, cell: Cell | None, colour: str, reach: Extent, note: str, side: float) -> None:
    axes.set_aspect("equal")
    axes.set_xlim(*reach)
    axes.set_ylim(*reach)
    axes.tick_params(labelsize=7 if side > 0.8 else 6, length=2, pad=1.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3 if side > 0.8 else 2, min_n_ticks=2))
    if cell is None:
        axes.set_axis_off()
        return
    axes.plot(reach, reach, color=INK, linewidth=0.6, zorder=1)
    x, y, error = cell
    look: dict[str, Any] = {
        "elinewidth": 0.5,
        "markersize": 2.2 if side > 0.8 else 1.8,
        "markeredgewidth": 0,
        "alpha": 0.8,
    }
    axes.errorbar(x, y, None if error is None else 2 * error, fmt="o", color=colour, **look)
    said = "\n".join(filter(None, (_agreement(x, y), words(note))))
    style: dict[str, Any] = {"ha": "left", "va": "top", "linespacing": 1.1, "color": SOFT}
    axes.text(0.05, 0.97, said, transform=axes.transAxes, fontsize=7 if side > 0.8 else 5.8, **style)


def _agreement(x: FloatArray, y: FloatArray) -> str:
    """About the line of parity; far below 0 it is only said to be."""
    spread = float(((y - y.mean()) ** 2).sum())
    if not spread:
        return "R² undefined"
    r2 = 1 - float(((y - x) ** 2).sum()) / spread
    return "R² < −99" if r2 < -99 else f"R² {number(r2) if r2 <= -10 else f'{r2:.2f}'}".replace("-", "−")
