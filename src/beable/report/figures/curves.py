"""Figures of curves: snapshots over their axis, a reconstruction over its truth, and what a latent does to a curve."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from beable.errors import DataError
from beable.report.figures.checks import anything, finite, same_length
from beable.report.figures.fields import percent
from beable.report.figures.style import INK, ORANGE, FloatArray, Panels, legend, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, printed_unit, words

#: height of a panel, in inches; panels beside each other
HEIGHT, ABREAST = 1.7, 3


@styled
def curves(
    arrays: Sequence[FloatArray],
    titles: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    labels: Sequence[str],
    *,
    x_label: str = "x",
    ordered: bool = False,
    shared: bool = False,
) -> Figure:
    """Curves over their axis: one panel a quantity, one line a snapshot.

    Args:
        arrays: for each quantity (snapshots, nodes). Where a number is missing, NaN, the line has a gap.
        titles, units: name and UDUNITS string of each quantity.
        x: places of the nodes on the axis.
        labels: a name for each snapshot, such as its factors.
        x_label: name of the axis, with its unit if it has one.
        ordered: whether snapshots are steps from one end to another, which colours show.
        shared: one scale for all panels, where they are one quantity.

    >>> figure = curves([np.ones((2, 5))], ["u"], ["m s-1"], np.arange(5.0), ["early", "late"], x_label="z (m)")
    >>> figure.axes[0].get_xlabel(), len(figure.axes[0].lines)
    ('z (m)', 2)
    """
    for kind, given in {"titles": titles, "units": units}.items():
        same_length(kind, len(arrays), len(given))
    if not arrays:
        raise DataError("a figure of curves needs at least one quantity, got none")
    x = finite("x", x, 1)
    quantities = [_over(x, title, values) for title, values in zip(titles, arrays, strict=True)]
    anything(", ".join(titles), quantities)
    for title, values in zip(titles, quantities, strict=True):
        same_length(f"snapshots of {title}", len(labels), len(values))
    columns = min(len(quantities), ABREAST)
    rows = -(-len(quantities) // columns)
    figure, panels = panel_grid(rows, columns, 0.5 + HEIGHT * rows, sharex=True, sharey=shared)
    styles = _steps(len(labels)) if ordered else [line_style(place) for place in range(len(labels))]
    handles: dict[str, Any] = {}
    for axes, title, unit, values in zip(panels.flat, titles, units, quantities, strict=False):
        for label, line, look in zip(labels, values, styles, strict=True):
            (handles[words(label)],) = axes.plot(x, line, linewidth=1, **look)
        axes.set_title(panel_title(title, columns))
        axes.set_ylabel("" if shared and axes not in panels[:, 0] else printed_unit(unit))
    _along(panels, len(quantities), x, x_label)
    legend(figure, handles)
    return figure


@styled
def reconstructed_curves(
    truth: Sequence[FloatArray],
    prediction: Sequence[FloatArray],
    names: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    *,
    x_label: str = "x",
) -> Figure:
    r"""One snapshot, its reconstruction over it, and the error (reconstruction - truth) below: one column a channel.

    The error carries :math:`\|\hat y - y\| / \|y\|` of its channel in percent.

    Args:
        truth, prediction: for each channel (nodes,), in physical units.
        names, units: name and UDUNITS string of each channel.
        x: places of the nodes on the axis.
        x_label: name of the axis, with its unit if it has one.

    >>> figure = reconstructed_curves([np.ones(5)], [np.zeros(5)], ["u"], ["m s-1"], np.arange(5.0))
    >>> figure.axes[1].get_title("right")
    '100 %'
    """
    for given in (truth, prediction, units):
        same_length("channels", len(names), len(given))
    x = finite("x", x, 1)
    true, made = (
        [_over(x, f"the {kind} {name}", values[None])[0] for name, values in zip(names, channels, strict=True)]
        for kind, channels in (("true", truth), ("reconstructed", prediction))
    )
    anything(", ".join(names), true)
    figure, panels = panel_grid(2, len(names), 3.6, sharex=True, gridspec_kw={"height_ratios": [2, 1]})
    handles: dict[str, Any] = {}
    for j, (upper, lower) in enumerate(panels.T):
        (handles["truth"],) = upper.plot(x, true[j], color=INK, linewidth=1)
        (handles["reconstruction"],) = upper.plot(x, made[j], color=ORANGE, linewidth=1, linestyle=(0, (4, 1.5)))
        lower.plot(x, made[j] - true[j], color=ORANGE, linewidth=0.8)
        lower.axhline(0, color=INK, linewidth=0.5)
        lower.set_title(percent(made[j] - true[j], true[j]), loc="right", fontsize=8, pad=2)
        upper.set_title(panel_title(names[j], len(names)))
        upper.set_ylabel(printed_unit(units[j]))
        lower.set_ylabel("error" if j == 0 else "")
    _along(panels, panels.size, x, x_label)
    figure.align_ylabels()
    legend(figure, handles)
    return figure


def _over(x: FloatArray, name: str, values: FloatArray) -> FloatArray:
    array = finite(name, values, 2, missing=True)
    if array.shape[1] != len(x):
        raise DataError(f"{name} must have one number at each of {len(x)} places, got shape {array.shape}")
    return array


def _steps(count: int) -> list[dict[str, Any]]:
    """Colours from one end to the other; the middle, from which steps lead both ways, dark."""
    colours = colormaps["coolwarm"](np.linspace(0, 1, count))
    return [{"color": INK if 2 * i == count - 1 else tuple(colour)} for i, colour in enumerate(colours)]


def _along(panels: Panels, used: int, x: FloatArray, x_label: str) -> None:
    """The axis below the lowest panel of each column, logarithmic where places are even in their logarithm."""
    for axes in panels.flat[used:]:
        axes.set_visible(False)
    columns = panels.shape[1]
    for place in range(max(0, used - columns), used):
        axes = panels.flat[place]
        axes.set_xlabel(words(x_label), labelpad=1)
        axes.tick_params(labelbottom=True)
    if _even_in_logarithm(x):
        for axes in panels.flat[:used]:
            axes.set_xscale("log")


def _even_in_logarithm(x: FloatArray) -> bool:
    if len(x) < 3 or x.min() <= 0 or x.max() < 10 * x.min():
        return False
    uneven = [float(np.std(steps) / abs(np.mean(steps))) for steps in (np.diff(np.log(x)), np.diff(x))]
    return uneven[0] < 0.5 * uneven[1]
