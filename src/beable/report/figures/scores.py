"""Figures of an ensemble: a dot a member, a row an arm."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.report.figures.checks import finite
from beable.report.figures.scales import Extent, extent, log_ticks, padded
from beable.report.figures.style import BLUE, GREEN, INK, ORANGE, FloatArray, Limits, panel_grid, styled
from beable.report.figures.words import panel_title, words


def _swarm(values: FloatArray, width: float) -> FloatArray:
    """Offsets in [-1, 1] that set dots nearer than `width` side by side, the first of each pile in the middle."""
    pile = np.floor((values - values.min()) / width)
    place = np.empty(len(values))
    for level in np.unique(pile):
        inside = np.flatnonzero(pile == level)
        order = np.arange(len(inside))
        place[inside] = np.where(order % 2, 1, -1) * ((order + 1) // 2)
    return place / max(float(np.abs(place).max()), 6.0)


def _strip(axes: Axes, groups: Sequence[FloatArray], reach: Limits, log: bool = False) -> None:
    """A row a group from the top, every member a dot, a bar at the median."""
    ruler = np.log10 if log else np.positive
    width = float(np.ptp(ruler(np.array(reach)))) / 90
    for row, values in enumerate(groups):
        heights = row + 0.3 * _swarm(ruler(values), width)
        axes.plot(values, heights, "o", color=BLUE, markersize=3.6, alpha=0.65, markeredgewidth=0, zorder=3)
        if len(values) > 1:
            axes.vlines(np.median(values), row - 0.36, row + 0.36, color=INK, linewidth=1.6, zorder=4)
    axes.set_ylim(len(groups) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _arm_labels(axes: Axes, groups: Mapping[str, FloatArray]) -> None:
    count = [f" ({len(values)})" if len(values) > 1 else "" for values in groups.values()]
    axes.set_yticks(range(len(groups)), [words(arm) + n for arm, n in zip(groups, count, strict=True)])


@styled
def scores(
    groups: Mapping[str, FloatArray],
    ceiling: float,
    chance_mean: float,
    chance_quantiles: Limits,
    label: str,
    *,
    chance_levels: Limits = (5, 95),
) -> Figure:
    """Every member's score as a dot, a row an arm, between chance and the ceiling; a bar at each arm's median.

    Args:
        groups: for each arm its members' scores ``(members,)``; one score for a method without members.
        ceiling: score of the factors against themselves at this number of rows.
        chance_mean, chance_quantiles: mean and a lower and an upper quantile of the score of random rotations.
        label: name of the score, LaTeX between dollar signs allowed.
        chance_levels: which quantiles these are, in percent.

    >>> figure = scores({"random starts": np.array([0.6, 0.8])}, 0.97, 0.72, (0.52, 0.96), "$S_D$")
    >>> figure.axes[0].get_xlabel()
    '$S_D$'
    """
    arms = {arm: finite(f"scores of {arm}", values, 1) for arm, values in groups.items()}
    context = finite("ceiling and chance", [ceiling, chance_mean, *chance_quantiles])
    everything = np.concatenate([*arms.values(), context])
    reach = padded(extent(everything), 0.03)
    figure, panels = panel_grid(1, 1, 0.95 + 0.36 * max(len(arms), 1))
    axes = panels[0, 0]
    _strip(axes, list(arms.values()), reach)
    _context(axes, ceiling, chance_mean, chance_quantiles, chance_levels)
    axes.set_xlim(*reach)
    _arm_labels(axes, arms)
    axes.set_xlabel(label)
    for row, values in enumerate(arms.values()):
        text = f"{np.median(values):.3f}"
        axes.annotate(text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.annotate("median", (1.01, 1.01), xycoords="axes fraction", va="bottom", fontsize=8, color="#5B626B")
    return figure


def _context(axes: Axes, ceiling: float, mean: float, quantiles: Limits, levels: Limits) -> None:
    axes.axvspan(*quantiles, color=ORANGE, alpha=0.13, linewidth=0, zorder=0)
    axes.axvline(mean, color=ORANGE, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    axes.axvline(ceiling, color=GREEN, linewidth=1.3, zorder=2)
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "va": "bottom", "fontsize": 8}
    axes.annotate(f"ceiling {ceiling:.3f}", (ceiling, 1.01), ha="right", color="#00704F", **above)
    chance = f"chance: mean {mean:.2f}, band {levels[0]:g}–{levels[1]:g} %"
    axes.annotate(chance, (quantiles[0], 1.01), ha="left", color="#A84800", **above)


@styled
def angles(groups: Mapping[str, FloatArray], mark: float, luck: float) -> Figure:
    """Every member's angle off the factors as a dot, a row an arm, with the angle that passes.

    Args:
        groups: for each arm its members' angles in degrees ``(members,)``.
        mark: largest angle that passes, in degrees.
        luck: share of random rotations that pass.

    >>> figure = angles({"random starts": np.array([1.2, 30.0])}, 1.8, 0.04)
    >>> figure.axes[0].get_xlabel()
    'latents turned from the factors (°)'
    """
    arms = {arm: finite(f"angles of {arm}", values, 1) for arm, values in groups.items()}
    figure, panels = panel_grid(1, 1, 0.95 + 0.36 * max(len(arms), 1))
    axes = panels[0, 0]
    reach = Extent(-1.0, max(46.0, *(float(values.max()) * 1.02 for values in arms.values())))
    _strip(axes, list(arms.values()), reach)
    axes.axvspan(0.0, mark, color=GREEN, alpha=0.2, linewidth=0, zorder=0)
    axes.axvline(mark, color=GREEN, linewidth=1.3, zorder=2)
    text = f"up to {mark:.1f}° passes; a random rotation passes in {100 * luck:.2g} %"
    axes.annotate(
        text, (0.0, 1.01), xycoords=("data", "axes fraction"), va="bottom", ha="left", fontsize=8, color="#00704F"
    )
    axes.set_xlim(*reach)
    _arm_labels(axes, arms)
    axes.set_xlabel("latents turned from the factors (°)")
    return figure


@styled
def errors(groups: Mapping[str, Mapping[str, FloatArray]], label: str = "relative error") -> Figure:
    """Errors of every member, a panel a channel, a row an arm; logarithmic where all are positive.

    Args:
        groups: for each arm, for each channel, the members' errors ``(members,)``.
        label: what is on the axis, with its unit.

    >>> figure = errors({"ICA start": {"pressure": np.array([1e-3, 2e-3]), "flux": np.array([3e-3, 2e-3])}})
    >>> [axes.get_title() for axes in figure.axes]
    ['pressure', 'flux']
    """
    channels = list(dict.fromkeys(channel for arm in groups.values() for channel in arm))
    columns = max(min(len(channels), 4), 1)
    rows = max(-(-len(channels) // columns), 1)
    figure, panels = panel_grid(rows, columns, rows * (0.95 + 0.45 * max(len(groups), 1)), sharey=True)
    for axes in panels.flat[len(channels) :]:
        axes.set_axis_off()
    for axes, channel in zip(panels.flat, channels, strict=False):
        found = {arm: values.get(channel, ()) for arm, values in groups.items()}
        arms = {arm: finite(f"{channel} errors of {arm}", values, 1) for arm, values in found.items()}
        _error_panel(axes, list(arms.values()))
        axes.set_title(panel_title(channel, 2 * columns))
        axes.set_xlabel(words(label))
        if axes is panels[0, 0]:
            _arm_labels(axes, arms)
    return figure


def _error_panel(axes: Axes, arms: Sequence[FloatArray]) -> None:
    everything = np.concatenate(arms)
    log = bool(everything.min() > 0)
    reach = extent(everything)
    reach = Extent(reach.low / 1.6, reach.high * 1.6) if log else padded(reach, 0.05)
    _strip(axes, arms, reach, log)
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*reach)
    if log:
        log_ticks(axes.xaxis, *reach)
