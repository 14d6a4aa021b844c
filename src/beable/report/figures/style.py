"""The style of all figures: widths, colours, letters; drawing inside it owes nothing to pyplot or the user's own.

Colour carries meaning and nothing else; lines and dots take the colours of Okabe & Ito (2008), readable without
red-green vision. Widths are those of a page's column: 700 px at 96 px an inch.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Panels = NDArray[Any]  # of Axes
Limits = tuple[float, float]
P = ParamSpec("P")

WIDTH = 7.3  # inches
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#8A8F98", "#22262B"
SOFT = "#5B626B"  # words that stand back
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")  # lines in their order, then again, dashed
STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titlepad": 5,
    "axes.formatter.limits": (-3, 4),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.constrained_layout.use": True,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "beable",
}


def style() -> AbstractContextManager[None]:
    """The figures' style, whatever the user's own settings are; drawing belongs inside it too."""
    return matplotlib.style.context(STYLE, after_reset=True)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function that draws in this style."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return styled


def panel_grid(rows: int, columns: int, height: float, width: float = WIDTH, **kwargs: Any) -> tuple[Figure, Panels]:
    """A figure of this size in inches, and its panels ``(rows, columns)``."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def line_style(place: int) -> dict[str, Any]:
    """Colour and dashes of one of several lines."""
    return {"color": PALETTE[place % len(PALETTE)], "linestyle": ("-", (0, (4, 1.5)), (0, (1, 1.5)))[place // 6 % 3]}


def legend_entries(handles: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Handles and labels; matplotlib would leave out a label that starts with an underscore."""
    return [*handles.values()], [f"\u200a{label}" if label.startswith("_") else label for label in handles]


def legend(figure: Figure, handles: dict[str, Any]) -> None:
    """One legend above all panels, as wide as they are."""
    if handles:
        letters = 110 * figure.get_figwidth() / WIDTH
        columns = min(len(handles), max(1, int(letters // (8 + max(len(label) for label in handles)))))
        figure.legend(*legend_entries(handles), loc="outside upper center", ncols=columns, frameon=False,
                      fontsize=8, handlelength=1.6, columnspacing=1.4)  # fmt: skip
