"""The packing fraction of two sizes against one over their ratio, where beds can be dropped and beyond."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from beable.report.figures.checks import finite
from beable.report.figures.style import INK, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import words

Points = tuple[FloatArray, FloatArray, FloatArray]  # ratio, φ, its standard error


@styled
def against_one_over_ratio(
    dropped: Mapping[str, Points], held: Mapping[str, Points], law: Mapping[str, Points], limits: Mapping[str, float]
) -> Figure:
    """Beds of each mixture, the law through them with two of its errors, a bed that it was not fitted to, and a limit.

    Args:
        dropped: ratio, packing fraction and standard error ``(points,)`` of the beds of each mixture.
        held: the same of beds that the law was not fitted to.
        law: the same of the law, from the widest ratio on.
        limits: Furnas' limit of each mixture.

    Raises:
        DataError: numbers that are not finite.

    >>> import numpy as np
    >>> beds = (np.array([5.0, 10.0]), np.array([0.70, 0.74]), np.array([0.01, 0.01]))
    >>> against_one_over_ratio({"27 %": beds}, {"27 %": beds}, {"27 %": beds}, {"27 %": 0.8}).axes[0].get_ylabel()
    'packing fraction φ'
    """
    figure, panels = panel_grid(1, 1, 3.8, 6.0)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, name in enumerate(dropped):
        colour = line_style(place)["color"]
        ratio, phi, error = (finite(f"law of {name}", part, 1) for part in law[name])
        axes.fill_between(1 / ratio, phi - 2 * error, phi + 2 * error, color=colour, alpha=0.16, linewidth=0)
        axes.plot(1 / ratio, phi, color=colour, linewidth=1.2)
        axes.axhline(limits[name], color=colour, linewidth=0.8, linestyle=(0, (4, 2)))
        for points, fill in ((dropped[name], colour), (held[name], "white")):
            r, y, e = (finite(f"beds of {name}", part, 1) for part in points)
            axes.errorbar(1 / r, y, 2 * e, fmt="o", color=colour, markerfacecolor=fill, markersize=4, elinewidth=0.8)
        handles[words(name)] = Line2D([], [], color=colour, marker="o", markersize=4)
    handles["not fitted"] = Line2D([], [], color=INK, marker="o", markerfacecolor="white", linestyle="", markersize=4)
    handles["Furnas' limit"] = Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=0.8)
    axes.set_xlim(left=0)
    axes.set_xlabel("one over the size ratio, 1/R")
    axes.set_ylabel("packing fraction φ")
    legend(figure, handles)
    return figure
