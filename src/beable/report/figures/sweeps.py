"""Figures of sweeps over settings: an error against the size of the latent space or beta, rate against distortion.

Numbers of a source stand beside ours as hollow markers of the same colour.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from beable.console.numbers import number
from beable.report.figures.checks import finite
from beable.report.figures.scales import axis_scale
from beable.report.figures.style import INK, SOFT, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import words

Line = tuple[FloatArray, FloatArray]


@styled
def sweep(
    lines: Mapping[str, Line],
    x_label: str,
    y_label: str,
    *,
    source: Mapping[str, Line] | None = None,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """A quantity against a setting: every member a dot, a line through their medians.

    An axis is logarithmic where all its numbers are positive and span a decade.

    Args:
        lines: for each label x ``(points,)`` and y ``(points,)`` or ``(points, members)``.
        x_label, y_label: what is on the axes, with their units.
        source: numbers of a source, by label, ``(points,)`` each; hollow, in the colour of the line of that label.
        levels: horizontal lines, such as the error of a method without a setting.

    Raises:
        DataError: numbers that are not finite.

    >>> x = np.array([2.0, 10.0, 40.0])
    >>> y = np.array([1.2, 0.6, 0.3])
    >>> figure = sweep({"dense": (x, y)}, "latents", "RMSE (σ)", source={"dense": (x[:1], y[:1])})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['dense', 'source: dense']
    """
    figure, panels = panel_grid(1, 1, 3.2, 5.8)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, line) in enumerate(lines.items()):
        handles[words(name)] = _line(axes, name, line, line_style(place))
    handles |= _source(axes, list(lines), source or {})
    seen = [*lines.values(), *(source or {}).values()]
    heights = finite("levels", list(levels.values())) if levels else np.empty(0)
    axis_scale(axes, "x", _joined([x for x, _ in seen]))
    axis_scale(axes, "y", _joined([*(y for _, y in seen), heights]))
    _level_lines(axes, levels or {})
    axes.set_xlabel(words(x_label))
    axes.set_ylabel(words(y_label))
    legend(figure, handles)
    return figure


def _joined(arrays: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.asarray(values, dtype=float).ravel() for values in arrays])


def _line(axes: Axes, name: str, line: Line, style: dict[str, Any]) -> Line2D:
    x, y = finite(f"x of {name}", line[0], 1), finite(f"y of {name}", line[1])
    order = np.argsort(x)
    members = y[order].reshape(len(x), -1)
    if members.shape[1] > 1:
        axes.plot(x[order], members, "o", color=style["color"], markersize=2.6, alpha=0.45, markeredgewidth=0)
    (middle,) = axes.plot(x[order], np.median(members, axis=1), marker="o", markersize=4, linewidth=1.4, **style)
    return middle


def _source(axes: Axes, names: list[str], source: Mapping[str, Line]) -> dict[str, Any]:
    handles: dict[str, Any] = {}
    for name, line in source.items():
        x, y = (finite(f"the source's {name}", part, 1) for part in line)
        colour = line_style(names.index(name))["color"] if name in names else INK
        look: dict[str, Any] = {"linestyle": "", "marker": "s", "markersize": 6, "markerfacecolor": "white"}
        (handles[f"source: {words(name)}"],) = axes.plot(x, y, **look, markeredgecolor=colour, markeredgewidth=1.3)
    return handles


def _level_lines(axes: Axes, levels: Mapping[str, float]) -> None:
    for name, height in levels.items():
        axes.axhline(height, color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "ha": "left"}
        axes.annotate(words(name), (1.01, height), fontsize=8, color=SOFT, **place)


@styled
def rate_distortion(
    points: Mapping[str, Line],
    *,
    notes: Mapping[str, FloatArray] | None = None,
    source: Mapping[str, Line] | None = None,
    y_label: str = "distortion (nats)",
) -> Figure:
    """Distortion against rate, a dot a model; those of one label joined by rising rate.

    Args:
        points: for each label rate in nats and distortion ``(models,)``.
        notes: for each label a number beside every dot, such as its beta ``(models,)``.
        source: numbers of a source by label; hollow.
        y_label: what the distortion is, with its unit.

    Raises:
        DataError: numbers that are not finite.

    >>> rate = np.array([5.0, 10.0, 20.0])
    >>> figure = rate_distortion({"dense": (rate, 100 / rate)}, notes={"dense": np.array([4.0, 1.0, 0.25])})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['4', '1', '0.25']
    """
    figure, panels = panel_grid(1, 1, 3.4, 5.8)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, (rate, distortion)) in enumerate(points.items()):
        r, d = finite(f"rates of {name}", rate, 1), finite(f"distortions of {name}", distortion, 1)
        order = np.argsort(r)
        (handles[words(name)],) = axes.plot(
            r[order], d[order], marker="o", markersize=4, linewidth=1, **line_style(place)
        )
        _notes(axes, r, d, (notes or {}).get(name))
    handles |= _source(axes, list(points), source or {})
    axis_scale(axes, "y", _joined([d for _, d in [*points.values(), *(source or {}).values()]]))
    axes.set_xlabel("rate (nats)")
    axes.set_ylabel(words(y_label))
    legend(figure, handles)
    return figure


def _notes(axes: Axes, x: FloatArray, y: FloatArray, notes: FloatArray | None) -> None:
    if notes is None:
        return
    for place in zip(x, y, finite("notes", notes, 1), strict=True):
        text = number(place[2])
        axes.annotate(text, place[:2], (4, 3), textcoords="offset points", fontsize=7, color=SOFT)
