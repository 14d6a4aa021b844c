"""Figures of landscapes: terms of an objective along lines and on planes through the parameters, and against angles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.errors import DataError
from beable.report.figures.checks import finite, same_length
from beable.report.figures.style import (
    BLUE,
    INK,
    ORANGE,
    SOFT,
    FloatArray,
    Limits,
    legend,
    line_style,
    panel_grid,
    styled,
)
from beable.report.figures.words import words


@styled
def landscape_lines(
    places: FloatArray,
    terms: Mapping[str, FloatArray],
    *,
    x_label: str = "place α on the line",
    unit: str = "nats",
    ends: tuple[str, str] | None = None,
    levels: Mapping[str, float] | None = None,
    highest: float | None = None,
) -> Figure:
    """Terms along lines through the parameters: a panel a term, every line thin, their median thick.

    Args:
        places: α, ``(points,)``.
        terms: for each term ``(lines, points)``.
        x_label: what α is.
        unit: of the terms; a term whose name ends in a bracket keeps what stands there.
        ends: what lies at the first and the last place, such as "start" and "solution".
        levels: for terms of these names a level to compare with, dashed.
        highest: what is larger than this is drawn here, as in the source's figure 8.

    Raises:
        DataError: shapes that do not fit, or numbers that are not finite.

    >>> alpha = np.linspace(0, 1, 5)
    >>> figure = landscape_lines(alpha, {"total": (alpha - 1)[None] ** 2}, ends=("start", "solution"))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['start', 'solution']
    """
    x = finite("places", places, 1)
    columns = min(2, max(len(terms), 1))
    rows = max(-(-len(terms) // columns), 1)
    figure, panels = panel_grid(rows, columns, 0.55 + 2.1 * rows, sharex=True)
    for axes in panels.flat[len(terms) :]:
        axes.set_axis_off()
    for axes, (term, values) in zip(panels.flat, terms.items(), strict=False):
        _lines(axes, x, _clipped(term, values, x, highest))
        if levels and term in levels:
            axes.axhline(levels[term], color=ORANGE, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
        axes.set_ylabel(words(term if term.endswith(")") else f"{term} ({unit})"))
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(words(x_label))
    for axes in panels[0, : min(len(terms), columns)]:
        _ends(axes, ends)
    return figure


def _clipped(term: str, values: FloatArray, x: FloatArray, highest: float | None) -> FloatArray:
    y = finite(term, values, 2)
    if y.shape[1] != len(x):
        raise DataError(f"a figure of {term} needs (lines, {len(x)}) numbers, got shape {y.shape}")
    return y if highest is None else np.minimum(y, highest)


def _lines(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    axes.plot(x, y.T, color=BLUE, linewidth=0.7, alpha=float(np.clip(4 / len(y), 0.15, 0.7)))
    axes.plot(x, np.median(y, axis=0), color=INK, linewidth=1.5)
    axes.margins(x=0.01)


def _ends(axes: Axes, ends: tuple[str, str] | None) -> None:
    for place, text, side in zip((0.0, 1.0), ends or (), ("left", "right"), strict=False):
        look: dict[str, Any] = {"xycoords": "axes fraction", "ha": side, "va": "bottom", "fontsize": 8, "color": SOFT}
        # above the power of ten of the axis
        axes.annotate(words(text), (place, 1.0), (0, 13), textcoords="offset points", **look)


@styled
def rotation_curves(
    angles: FloatArray,
    rates: Mapping[str, FloatArray],
    *,
    limits: Limits = (-90, 90),
    y_label: str = "rate less that at 0° (nats)",
) -> Figure:
    """The rate against the angle that two latents are turned by, a colour a prior, every member thin.

    Args:
        angles: degrees, ``(angles,)``.
        rates: for each prior ``(members, angles)``, in nats.
        limits: angles drawn.
        y_label: what is drawn, with its unit; each curve is drawn from its value at the angle nearest to zero.

    Raises:
        DataError: shapes that do not fit, or numbers that are not finite.

    >>> angles = np.linspace(-90, 90, 7)
    >>> figure = rotation_curves(angles, {"standard": np.ones((2, 7)), "mixture": np.cos(angles / 30)[None]})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['standard', 'mixture']
    """
    x = finite("angles", angles, 1)
    figure, panels = panel_grid(1, 1, 2.9, 5.8)
    axes, handles = panels[0, 0], {}
    for place, (name, values) in enumerate(rates.items()):
        y = finite(f"rates of {name}", values, 2)
        same_length(f"angles of {name}", len(x), y.shape[1])
        change, look = y - y[:, [int(np.abs(x).argmin())]], line_style(place)
        axes.plot(x, change.T, **look | {"linewidth": 0.6, "alpha": float(np.clip(4 / len(y), 0.15, 0.5))})
        (handles[words(name)],) = axes.plot(x, np.median(change, axis=0), linewidth=1.6, **look)
    axes.axhline(0, color=SOFT, linewidth=0.7, zorder=0)
    axes.set_xlim(*limits)
    axes.set_xticks(np.arange(-(-limits[0] // 45) * 45, limits[1] + 1, 45))
    axes.set_xlabel("angle of the latents (degrees)")
    axes.set_ylabel(words(y_label))
    legend(figure, handles)
    return figure
