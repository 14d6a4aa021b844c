"""Figures of sweeps in two panels: an error and what it costs, against the number of latents; the pace of chains."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.report.figures.checks import finite
from beable.report.figures.scales import axis_scale
from beable.report.figures.style import INK, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import words


@styled
def error_and_rate(
    sizes: FloatArray, errors: Mapping[str, FloatArray], rates: Mapping[str, FloatArray], *, last: str = ""
) -> Figure:
    """Error and rate against the number of latents side by side, a line a weight of the rate.

    Args:
        sizes: numbers of latents ``(sizes,)``.
        errors: in σ, by line ``(sizes,)``.
        rates: in nats, by the same lines ``(sizes,)``.
        last: the line that is drawn dashed and dark.

    Numbers that are not finite are left out.

    Raises:
        DataError: sizes that are not finite.

    >>> n = np.array([2.0, 10.0, 40.0])
    >>> figure = error_and_rate(n, {"β = 1": 1 / n}, {"β = 1": n})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['error of a coordinate (σ)', 'rate (nats)']
    """
    x = finite("sizes", sizes, 1)
    figure, panels = panel_grid(1, 2, 2.9)
    handles: dict[str, Any] = {}
    for axes, lines, label in zip(
        panels[0], (errors, rates), ("error of a coordinate (σ)", "rate (nats)"), strict=True
    ):
        for place, (name, y) in enumerate(lines.items()):
            look = {"color": INK, "linestyle": (0, (4, 2))} if name == last else line_style(place)
            (handles[words(name)],) = axes.plot(x, y, marker="o", markersize=3.5, linewidth=1.4, **look)
        _scales(axes, x, lines)
        axes.set_xlabel("number of latents")
        axes.set_ylabel(label)
    legend(figure, handles)
    return figure


def _scales(axes: Axes, x: FloatArray, lines: Mapping[str, FloatArray]) -> None:
    axis_scale(axes, "x", x)
    values = np.concatenate([np.asarray(y, dtype=float) for y in lines.values()])
    if (known := values[np.isfinite(values)]).size:
        axis_scale(axes, "y", known)


@styled
def chain_paces(gravities: FloatArray, found: Mapping[str, tuple[FloatArray, list[bool]]]) -> Figure:
    """Independent samples a CPU second against γ, a line a kind of moves.

    Args:
        gravities: γ, ascending ``(levels,)``.
        found: by kind of moves, samples a second ``(levels,)``, and whether the chains were long enough to tell;
            where they were not the marker is hollow.

    Raises:
        DataError: γ that are not finite.

    >>> figure = chain_paces(np.array([0.1, 1.0]), {"small moves": (np.array([3.0, 40.0]), [True, False])})
    >>> figure.axes[0].get_ylabel()
    'samples a CPU second'
    """
    x = finite("γ", gravities, 1)
    figure, panels = panel_grid(1, 1, 2.7, 6.0)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, (paces, long_enough)) in enumerate(found.items()):
        style = line_style(place)
        (handles[words(name)],) = axes.plot(x, paces, linewidth=1.4, **style)
        for at, value, sure in zip(x, paces, long_enough, strict=True):
            axes.plot([at], [value], "o", markersize=4.5, color=style["color"], markerfacecolor=_face(style, sure))
    axis_scale(axes, "x", x)
    known = np.concatenate([np.asarray(paces, dtype=float) for paces, _ in found.values()])
    if (known := known[np.isfinite(known)]).size:
        axis_scale(axes, "y", known)
    axes.set_xlabel("gravity γ")
    axes.set_ylabel("samples a CPU second")
    legend(figure, handles)
    return figure


@styled
def acceptances(
    sizes: FloatArray,
    measured: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]],
    needed: FloatArray,
) -> Figure:
    """Acceptance of independent proposals against the number of particles, beside what would have to be accepted.

    Args:
        sizes: numbers of particles, ascending ``(sizes,)``.
        measured: acceptance by generator with the ends of its interval, ``(sizes,)`` each; NaN where there is none.
        needed: acceptance that gives as many samples as tuned moves, ``(sizes,)``; NaN where it was not measured.

    Raises:
        DataError: sizes that are not finite.

    >>> one = np.array([0.5, 0.1])
    >>> figure = acceptances(np.array([5.0, 30.0]), {"flow": (one, one / 2, one * 1.5)}, np.array([0.3, 0.6]))
    >>> figure.axes[0].get_xlabel()
    'number of particles'
    """
    x = finite("sizes", sizes, 1)
    figure, panels = panel_grid(1, 1, 2.7, 6.0)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, (share, low, high)) in enumerate(measured.items()):
        style = line_style(place)
        shown = np.clip(share, LEAST, None)
        reach = [shown - np.clip(low, LEAST, None), np.clip(high, LEAST, None) - shown]
        handles[words(name)] = axes.errorbar(x, shown, np.abs(reach), marker="o", markersize=4.5, capsize=2, **style)
    (handles[words("needed")],) = axes.plot(x, needed, color=INK, linestyle=(0, (4, 2)), marker="_", markersize=8)
    axes.set_yscale("log")
    axes.set_ylim(bottom=LEAST)
    axes.set_xlim(0, 1.08 * float(x.max()))
    axes.set_xlabel("number of particles")
    axes.set_ylabel("share of proposals accepted")
    legend(figure, handles)
    return figure


#: least share that is drawn
LEAST = 1e-6


def _face(style: Mapping[str, Any], sure: bool) -> Any:
    return style["color"] if sure else "white"
