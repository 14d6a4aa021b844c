"""Figures of a number beside what a model makes of it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from beable.console.numbers import number
from beable.report.figures.checks import finite
from beable.report.figures.codes import opacity
from beable.report.figures.scales import extent, padded
from beable.report.figures.style import BLUE, INK, WIDTH, FloatArray, panel_grid, styled
from beable.report.figures.words import panel_title, words

Pair = tuple[FloatArray, FloatArray]

MOST_POINTS = 3000


@styled
def parity(
    pairs: Mapping[str, tuple[FloatArray, FloatArray]], *, truth: str = "true", made: str = "predicted"
) -> Figure:
    r"""Predicted against true numbers around the diagonal, with :math:`R^2` and the mean difference.

    Args:
        pairs: for each quantity, named with its unit, the true and the predicted values ``(rows,)``.
        truth, made: what is on the axes.

    Raises:
        DataError: numbers that are not finite.

    >>> x = np.arange(5.0)
    >>> figure = parity({"energy (ε)": (x, x + 1)})
    >>> figure.axes[0].texts[0].get_text()
    'R² 0.50\nbias 1'
    """
    side = min((WIDTH - 0.3) / len(pairs), 3.4)
    figure, panels = panel_grid(1, len(pairs), side + 0.3, 0.3 + side * len(pairs))
    for axes, (name, values) in zip(panels[0], pairs.items(), strict=True):
        x, y = (finite(name, part, 1) for part in values)
        _panel(axes, x, y)
        axes.set_title(panel_title(name, len(pairs)))
        axes.set_xlabel(words(truth))
    panels[0, 0].set_ylabel(words(made))
    return figure


def _panel(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    reach = padded(extent(np.concatenate([x, y])), 0.04)
    kept = np.random.default_rng(0).permutation(len(x))[:MOST_POINTS]
    axes.plot(reach, reach, color=INK, linewidth=0.8, zorder=1)
    axes.plot(x[kept], y[kept], "o", color=BLUE, markersize=2.4, alpha=opacity(len(x[kept])), markeredgewidth=0,
              rasterized=len(x[kept]) > 500)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.set_aspect("equal")
    axes.set_xlim(*reach)
    axes.set_ylim(*reach)
    axes.text(0.04, 0.97, _agreement(x, y), transform=axes.transAxes, ha="left", va="top", fontsize=8)


def _agreement(x: FloatArray, y: FloatArray) -> str:
    spread = float(((x - x.mean()) ** 2).sum())
    said = f"R² {1 - float(((y - x) ** 2).sum()) / spread:.2f}" if spread else "R² undefined"
    return f"{said}\nbias {number((y - x).mean(), digits=2)}".replace("-", "−")
