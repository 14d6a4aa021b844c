"""Figures of energies: their distribution, and how they fall during relaxation.

Every figure takes ``{label: curve}`` for one panel or ``{panel: {label: curve}}`` for several side by side. The
reference, equilibrium as a rule, is grey.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from beable.report.figures.checks import finite
from beable.report.figures.groups import BAND, ByPanel, by_panel, panel_row, places
from beable.report.figures.histograms import histogram, sample, span_around
from beable.report.figures.style import SOFT, FloatArray, legend, line_style, styled
from beable.report.figures.words import words


@styled
def energies(samples: ByPanel[FloatArray], *, reference: str | None = None, label: str = "energy U (ε)") -> Figure:
    """Distributions of energies on the range of the reference; the share beyond either end stands there.

    Args:
        samples: energies ``(rows,)``; infinite ones lie beyond the end.
        reference: the label drawn filled, whose range is shown; the first one when left out.
        label: what is on the axis, with its unit.

    Raises:
        DataError: numbers that are not finite.

    >>> u = np.linspace(-10.0, 10.0, 100)
    >>> figure = energies({"equilibrium": u, "decoded": np.append(u, 100 * [np.inf])})
    >>> figure.axes[0].texts[0].get_text()
    '50 % →'
    """
    panels = by_panel(samples)
    chosen = reference or next(label for curves in panels.values() for label in curves)
    order = places(panels, chosen)
    figure, row = panel_row(panels)
    handles: dict[str, Any] = {}
    for axes, group in zip(row, panels.values(), strict=True):
        found = {name: sample(f"energies of {name}", values) for name, values in group.items()}
        known = found[chosen] if chosen in found else np.concatenate([*found.values()])
        handles |= histogram(axes, found, order, span_around(known, 0.35, 0.9))
        axes.set_xlabel(words(label))
        axes.xaxis.set_major_locator(MaxNLocator(4))
    row[0].set_ylabel("share of configurations")
    legend(figure, handles)
    return figure


@styled
def relaxations(
    traces: ByPanel[FloatArray],
    sweeps: FloatArray,
    *,
    equilibrium: Mapping[str, FloatArray] | FloatArray | None = None,
    label: str = "energy U (ε)",
) -> Figure:
    """Energies against sweeps of relaxation: median and middle half of the rows; equilibrium's as a grey band.

    Args:
        traces: energies ``(rows, times)``; infinite ones are beyond every number.
        sweeps: Monte Carlo sweeps done ``(times,)``, from 0 as a rule.
        equilibrium: energies in equilibrium ``(rows,)``; one for all panels, or one a panel under its name.
        label: what is on the axis, with its unit.

    Raises:
        DataError: numbers that are not finite.

    >>> sweeps = np.array([0.0, 1.0, 10.0])
    >>> figure = relaxations({"decoded": np.array([[9.0, 2.0, 1.0], [9.0, 3.0, 1.0], [np.inf, 4.0, 1.0]])}, sweeps)
    >>> figure.axes[0].lines[0].get_ydata().tolist()
    [9.0, 3.0, 1.0]
    """
    panels = by_panel(traces)
    times = finite("sweeps", sweeps, 1)
    order = places(panels)
    figure, row = panel_row(panels)
    handles: dict[str, Any] = {}
    for axes, (name, group) in zip(row, panels.items(), strict=True):
        known = equilibrium.get(name) if isinstance(equilibrium, Mapping) else equilibrium
        for one, values in group.items():
            style = line_style(order[one])
            low, middle, high = _quartiles(values)
            axes.fill_between(times, low, high, color=style["color"], alpha=0.2, linewidth=0)
            (handles[words(one)],) = axes.plot(times, middle, marker="o", markersize=3, linewidth=1.4, **style)
        if known is not None:
            _equilibrium(axes, sample("energies in equilibrium", known))
            handles["equilibrium"] = Patch(**BAND)
        _time_axis(axes, times)
        axes.set_xlabel("sweeps")
    row[0].set_ylabel(words(label))
    legend(figure, handles)
    return figure


def _quartiles(values: FloatArray) -> FloatArray:
    found: FloatArray = np.quantile(values, [0.25, 0.5, 0.75], axis=0, method="nearest")
    return np.where(np.isfinite(found), found, np.nan)


def _equilibrium(axes: Axes, values: FloatArray) -> None:
    """The middle half, and a view in which it is not a line: what lies far above is left to a bent scale."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.axhspan(low, high, zorder=0, **BAND)
    axes.axhline(middle, color=SOFT, linewidth=0.8, zorder=1)
    reach = max(abs(low), abs(high), high - low) or 1.0
    top = axes.dataLim.y1
    if top > 20 * reach:
        axes.set_yscale("symlog", linthresh=2 * reach, linscale=2)
        axes.set_ylim(bottom=min(axes.dataLim.y0, low) - 0.5 * reach)


def _time_axis(axes: Axes, times: FloatArray) -> None:
    positive = times[times > 0]
    if positive.size and times.max() > 20 * positive.min():
        axes.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.5)
        axes.set_xticks(*_few(times))
        axes.minorticks_off()
        axes.set_xlim(-0.4 * positive.min(), 1.15 * times.max())


def _few(times: FloatArray) -> tuple[FloatArray, list[str]]:
    kept = times if len(times) <= 7 else times[:: -(-len(times) // 7)]
    return kept, [f"{t:g}" for t in kept]
