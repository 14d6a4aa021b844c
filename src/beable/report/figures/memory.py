"""Figures of how long Monte Carlo chains remember."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from beable.report.figures.checks import finite, same_length
from beable.report.figures.groups import ByPanel, by_panel, panel_row, places
from beable.report.figures.scales import log_ticks
from beable.report.figures.style import GREY, INK, FloatArray, legend, line_style, styled
from beable.report.figures.words import words


@styled
def autocorrelations(
    curves: ByPanel[tuple[FloatArray, FloatArray]],
    *,
    times: Mapping[str, float] | None = None,
    level: float | None = 0.1,
) -> Figure:
    r"""How long chains remember: ρ(t) against the lag, on a logarithmic axis where it spans decades.

    Args:
        curves: lag in sweeps and ρ.
        times: integrated autocorrelation time τ of each label in sweeps, said in the legend.
        level: a dashed line, such as the tenth at which a chain is often taken to have forgotten.

    Raises:
        DataError: shapes, numbers that are not finite.

    >>> t = np.arange(1.0, 100.0)
    >>> figure = autocorrelations({"energy": (t, np.exp(-t / 20))}, times={"energy": 40.0})
    >>> figure.legends[0].get_texts()[0].get_text()
    'energy, τ = 40'
    """
    panels = by_panel(curves)
    order = places(panels)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Line2D] = {}
    for axes, group in zip(row, panels.values(), strict=True):
        for label, curve in group.items():
            lag, rho = (finite(f"the autocorrelation of {label}", part, 1) for part in curve)
            same_length(f"lags of {label}", len(rho), len(lag))
            said = words(label) + (f", τ = {times[label]:.3g}" if times and label in times else "")
            (handles[said],) = axes.plot(*_thinned(lag, rho), linewidth=1.4, **line_style(order[label]))
        if level is not None:
            axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        axes.axhline(0, color=GREY, linewidth=0.7, zorder=0)
        _lag_axis(axes, np.concatenate([np.asarray(lag, dtype=float) for lag, _ in group.values()]))
        axes.set_xlabel("lag (sweeps)")
    row[0].set_ylabel("autocorrelation ρ")
    legend(figure, handles)
    return figure


def _thinned(lag: FloatArray, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lags that can be told apart on a logarithmic axis."""
    keep = np.unique(np.geomspace(1, len(lag), min(300, len(lag))).round().astype(int) - 1)
    return lag[keep], rho[keep]


def _lag_axis(axes: Axes, lags: FloatArray) -> None:
    positive = lags[lags > 0]
    if positive.size and positive.max() > 30 * positive.min():
        axes.set_xscale("log")
        axes.set_xlim(positive.min(), positive.max())
        log_ticks(axes.xaxis, float(positive.min()), float(positive.max()))
