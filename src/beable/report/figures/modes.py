"""Figures of a modal decomposition."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from beable.report.figures.checks import finite
from beable.report.figures.style import BLUE, ORANGE, FloatArray, panel_grid, styled


@styled
def spectrum(variances: FloatArray, kept: int | None = None) -> Figure:
    r"""The share of variance that the first k modes leave out, :math:`1 - \sum_{i \le k} λ_i / \sum_i λ_i`.

    Args:
        variances: variance λ of every mode, descending ``(modes,)``.
        kept: how many modes the representation keeps.

    >>> figure = spectrum(np.array([4.0, 2.0, 1.0, 0.5]), kept=2)
    >>> figure.axes[0].get_yscale()
    'log'
    """
    energy = finite("variances of modes", variances, 1)
    total = float(energy.sum()) or 1.0
    left = np.append(energy[::-1].cumsum()[::-1][1:], 0) / total
    shown = left > 1e-16
    modes = np.arange(1, len(left) + 1)
    figure, panels = panel_grid(1, 1, 2.4)
    axes = panels[0, 0]
    axes.plot(modes[shown], left[shown], "o-", color=BLUE, markersize=3, linewidth=1)
    if shown.any():
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("modes kept")
    axes.set_ylabel("share of variance left out")
    if kept is not None:
        axes.axvline(kept, color=ORANGE, linewidth=1, linestyle=(0, (4, 2)))
        place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(f"{kept} kept", (kept, 1.01), fontsize=8, color="#A84800", **place)
    return figure
