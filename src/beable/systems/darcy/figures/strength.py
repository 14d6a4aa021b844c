"""How far off the factors each method is, by the strength of the field."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from beable.report.figures.checks import finite
from beable.report.figures.style import ORANGE, FloatArray, legend, line_style, panel_grid, styled


@styled
def angles_by_strength(variances: Sequence[float], angles: Mapping[str, Sequence[FloatArray]], chance: float) -> Figure:
    """Median angle and the range of nine in ten draws of the rows, a line a method.

    Args:
        variances: of log K.
        angles: for each method, for each variance, degrees (draws,).
        chance: median angle of random rotations.

    >>> angles_by_strength([0.1, 1.0], {"ICA": [np.ones(3), np.ones(3)]}, 22.5).axes[0].get_xscale()
    'log'
    """
    figure, panels = panel_grid(1, 1, 2.8)
    axes, handles = panels[0, 0], {}
    for place, (method, groups) in enumerate(angles.items()):
        found = [finite(f"angles of {method}", group, 1) for group in groups]
        low, middle, high = np.array([np.quantile(group, [0.05, 0.5, 0.95]) for group in found]).T
        style = line_style(place)
        (handles[method],) = axes.plot(variances, middle, marker="o", markersize=3.5, **style)
        axes.fill_between(variances, low, high, color=style["color"], alpha=0.13, linewidth=0)
    axes.axhline(chance, color=ORANGE, linewidth=1, linestyle=(0, (4, 2)))
    axes.annotate("median of random rotations", (variances[0], chance), va="bottom", fontsize=8, color="#A84800")
    axes.set_xscale("log")
    axes.set_ylim(0, 46)
    axes.set_xlabel("variance of log K")
    axes.set_ylabel("angle off the factors (°)")
    legend(figure, handles)
    return figure
