"""Trust in members against what is true of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from beable.report.figures.checks import finite
from beable.report.figures.style import BLUE, GREEN, INK, FloatArray, panel_grid, styled
from beable.report.figures.words import panel_title, words

COLUMNS = 4


@styled
def trust_against_truth(laws: Mapping[str, tuple[FloatArray, FloatArray]], mark: float) -> Figure:
    """Trust in every member against how far its latents are off their factors, a panel a law.

    Args:
        laws: for each law angles in degrees and trust, (members,) each.
        mark: angle beyond which a latent holds several factors for sure, in degrees.

    >>> figure = trust_against_truth({"mixture": (np.array([1.0, 40.0]), np.array([0.9, 0.1]))}, 10.0)
    >>> figure.axes[0].get_title()
    'mixture'
    """
    columns = max(min(len(laws), COLUMNS), 1)
    rows = max(-(-len(laws) // columns), 1)
    figure, panels = panel_grid(rows, columns, 2.4 * rows, sharex=True, sharey=True)
    for axes in panels.flat[len(laws) :]:
        axes.set_axis_off()
    for axes, (law, (angle, trust)) in zip(panels.flat, laws.items(), strict=False):
        x, y = finite(f"angles of {law}", angle, 1), finite(f"trust of {law}", trust, 1)
        axes.axvspan(0, mark, color=GREEN, alpha=0.12, linewidth=0, zorder=0)
        axes.plot(np.minimum(x, 90.0), y, "o", color=BLUE, markersize=3.6, alpha=0.6, markeredgewidth=0)
        axes.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        axes.set_title(panel_title(law, columns))
        axes.set_xlim(-2, 60)
        axes.set_ylim(-0.04, 1.04)
    for axes in panels[-1]:
        axes.set_xlabel("angle off the factors, degrees")
    for row in panels:
        row[0].set_ylabel(words("trust"))
    return figure
