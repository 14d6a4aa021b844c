r"""Figures of inverse design: what was asked for and what was made, at what price, and how different the designs are.

Three fractions that sum to one are a point of a triangle: its distance from each side is the fraction of the component
that the opposite corner is named after.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from beable.console.numbers import number
from beable.report.figures.checks import finite
from beable.report.figures.groups import BAND
from beable.report.figures.scales import colour_bar, colour_scale, extent, padded
from beable.report.figures.style import INK, SOFT, WIDTH, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, tick, words

Verified = tuple[FloatArray, FloatArray, FloatArray | None]  # target, achieved, its standard error
Success = tuple[FloatArray, FloatArray, FloatArray | None, FloatArray | None]  # calls, share, its low and high end
Mixtures = tuple[FloatArray, FloatArray]  # fractions, a number of each
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])  # of the first, second and third fraction
GRID = (0.2, 0.4, 0.6, 0.8)
APART = 0.012  # of the range of targets, between methods


@styled
def design_targets(
    methods: Mapping[str, Verified], tolerance: float, *, label: str = "outcome", y_room: float = 5.0
) -> Figure:
    """What was made against what was asked for, and below it the difference within the band of tolerance.

    Args:
        methods: for each method target, achieved number and its standard error or None ``(designs,)``; methods
            stand a little beside each other at every target.
        tolerance: the largest difference that counts as met.
        label: what the number is, with its unit.
        y_room: tolerances that the panel of differences shows to either side; arrows stand for what lies beyond.

    >>> target = np.array([0.6, 0.65, 0.7, 0.75])
    >>> figure = design_targets({"latent space": (target, target + [0.0, 0.005, -0.002, 0.02], None)}, 0.01)
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['± 0.01', 'latent space: 75 % of 4']
    """
    reach = padded(extent(np.concatenate([target for target, _, _ in methods.values()])), 0.06)
    figure, panels = panel_grid(2, 1, 5.6, 6.2, sharex=True, height_ratios=(1.7, 1))
    upper, lower = panels[:, 0]
    upper.fill_between(reach, np.array(reach) - tolerance, np.array(reach) + tolerance, zorder=0, **BAND)
    upper.plot(reach, reach, color=INK, linewidth=0.7, zorder=1)
    lower.axhspan(-tolerance, tolerance, zorder=0, **BAND)
    lower.axhline(0, color=INK, linewidth=0.7, zorder=1)
    handles: dict[str, Any] = {f"± {number(tolerance)}": Patch(**BAND)}
    for place, (name, (target, made, error)) in enumerate(methods.items()):
        x = target + (place - (len(methods) - 1) / 2) * APART * (reach.high - reach.low)
        met = f"{100 * float(np.mean(np.abs(made - target) <= tolerance)):.0f} %"
        handles[f"{words(name)}: {met} of {len(made)}"] = _points(upper, x, made, error, place)
        _points(lower, x, made - target, error, place)
        _beyond(lower, x, made - target, y_room * tolerance, line_style(place)["color"])
    upper.set_xlim(*reach)
    lower.set_ylim(-y_room * tolerance, y_room * tolerance)
    lower.set_xlabel(words(f"asked for: {label}"))
    upper.set_ylabel(words(f"made: {label}"))
    lower.set_ylabel("difference")
    legend(figure, handles)
    return figure


def _points(axes: Axes, x: FloatArray, y: FloatArray, error: FloatArray | None, place: int) -> Any:
    look: dict[str, Any] = {"markersize": 3.4, "markeredgewidth": 0, "elinewidth": 0.7, "alpha": 0.8}
    colour = line_style(place)["color"]
    return axes.errorbar(x, y, None if error is None else 2 * error, fmt="o", color=colour, **look)


def _beyond(axes: Axes, x: FloatArray, y: FloatArray, end: float, colour: str) -> None:
    for side, marker in ((1, "^"), (-1, "v")):
        out = side * y > end
        axes.plot(x[out], np.full(int(out.sum()), side * end * 0.95), marker, color=colour, markersize=4, alpha=0.8)


@styled
def design_success(
    methods: Mapping[str, Success], *, goal: float | None = 0.9, label: str = "simulator calls"
) -> Figure:
    """Share of targets that are met against the calls of the simulator that were spent.

    Args:
        methods: for each method calls and share ``(points,)``, and the ends of an interval of the share or None.
        goal: a share to reach, dashed.
        label: what is counted.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = design_success({"random": (np.array([10, 100]), np.array([0.1, 0.5]), None, None)})
    >>> figure.axes[0].get_ylabel()
    'targets met'
    """
    figure, panels = panel_grid(1, 1, 3.3, 5.4)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, (calls, share, low, high)) in enumerate(methods.items()):
        x, y = finite(f"calls of {name}", calls, 1), finite(f"shares of {name}", share, 1)
        style = line_style(place)
        if low is not None and high is not None:
            ends = [finite(f"intervals of {name}", end, 1) for end in (low, high)]
            axes.fill_between(x, *ends, color=style["color"], alpha=0.16, linewidth=0)
        (handles[words(name)],) = axes.plot(x, y, marker="o", markersize=3.4, linewidth=1.5, **style)
    if goal is not None:
        axes.axhline(goal, color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
    axes.set_ylim(0, 1.03)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel(words(label))
    axes.set_ylabel("targets met")
    legend(figure, handles)
    return figure


@styled
def design_tradeoff(curves: Mapping[str, tuple[FloatArray, FloatArray, Sequence[str]]], *, x_label: str) -> Figure:
    """Share of proposals that hit, against what they were asked to be besides, a point a search with its setting.

    Args:
        curves: for each name what was got and the share of hits ``(points,)``, and a word for each point.
        x_label: what was got.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = design_tradeoff({"": (np.array([0.1, 0.3]), np.array([0.9, 0.5]), ["0", "1"])}, x_label="distance")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '1']
    """
    figure, panels = panel_grid(1, 1, 3.3, 5.4)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, (got, share, said)) in enumerate(curves.items()):
        x, y = finite(f"what was got by {name}", got, 1), finite(f"shares of {name}", share, 1)
        (line,) = axes.plot(x, y, marker="o", markersize=4, linewidth=1.2, **line_style(place))
        for at, word in zip(zip(x, y, strict=True), said, strict=True):
            axes.annotate(words(word), at, (5, 4), textcoords="offset points", fontsize=7, color=SOFT)
        handles |= {words(name): line} if name else {}
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel(words(x_label))
    axes.set_ylabel("proposals that hit")
    legend(figure, handles)
    return figure


@styled
def design_diversity(
    mixtures: Mapping[str, Mixtures],
    names: Sequence[str],
    *,
    label: str = "largest over smallest median",
    scale: str = "log",
) -> Figure:
    """Mixtures of three components in a triangle, larger and in another colour the larger a number of each.

    Args:
        mixtures: for each panel, such as a target, fractions ``(designs, 3)`` and a number of each design
            ``(designs,)``.
        names: of the three components.
        label: what the number is.
        scale: of its colours: "linear" or "log".

    Raises:
        UsageError: an unknown scale.

    >>> thirds = np.full((2, 3), 1 / 3)
    >>> figure = design_diversity({"φ = 0.7": (thirds, np.array([2.0, 9.0]))}, ["fine", "medium", "coarse"])
    >>> figure.axes[0].get_title()
    'φ = 0.7 (2)'
    """
    colour = colour_scale(scale, np.concatenate([values for _, values in mixtures.values()]))
    paint = ScalarMappable(colour.norm, colour.map)
    side = min(WIDTH / len(mixtures), 3.4)
    figure, panels = panel_grid(1, len(mixtures), side + 0.9, max(side * len(mixtures), 3.6))
    for axes, (title, (fractions, values)) in zip(panels[0], mixtures.items(), strict=True):
        _triangle(axes, names, side)
        size = 10 + 38 * np.clip(colour.norm(values), 0, 1)
        axes.scatter(
            *(fractions @ CORNERS).T, s=size, c=paint.to_rgba(values), linewidths=0.4, edgecolors="white", zorder=3
        )
        axes.set_title(panel_title(f"{title} ({len(values)})", len(mixtures)))
    colour_bar(list(panels[0]), paint, words(label), 32, 0.5 if len(mixtures) > 1 else 0.8)
    return figure


def _triangle(axes: Axes, names: Sequence[str], side: float) -> None:
    """Edges, lines of equal fraction with their numbers along one edge each, and the corners' names."""
    for level in GRID:
        for corner in range(3):
            ends = level * CORNERS[corner] + (1 - level) * CORNERS[[(corner + 1) % 3, (corner + 2) % 3]]
            axes.plot(*ends.T, color="#D5D9DE", linewidth=0.6, zorder=0)
            if side > 2:
                _level(axes, level, ends[1], corner)
    axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=SOFT, linewidth=0.9, zorder=1)
    shifts, sides = ((0, -22), (0, -22), (0, 4)), ("left", "right", "center")
    for name, corner, shift, align in zip(names, CORNERS, shifts, sides, strict=True):
        axes.annotate(words(name, 24), corner, shift, textcoords="offset points", ha=align, va="bottom", fontsize=8)
    axes.set_aspect("equal")
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.2, CORNERS[2, 1] + 0.1)
    axes.set_axis_off()


def _level(axes: Axes, level: float, end: FloatArray, corner: int) -> None:
    shift = ((-9, 3), (0, -9), (9, 3))[corner]
    axes.annotate(
        tick(level),
        (float(end[0]), float(end[1])),
        shift,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=6.5,
        color=SOFT,
    )
