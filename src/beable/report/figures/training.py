"""Figures of a training: the terms of its objective over time, where NaN means that a member was not running."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.errors import DataError
from beable.report.figures.checks import finite
from beable.report.figures.style import BLUE, INK, ORANGE, FloatArray, Panels, panel_grid, styled
from beable.report.figures.words import words

RATIO_FOR_LOG = 30  # of the largest to the smallest value of a history
LONGEST = 400  # points drawn along a history


def _thinned(epochs: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    keep = np.unique(np.linspace(0, len(epochs) - 1, min(LONGEST, len(epochs))).round().astype(int))
    return epochs[keep], values[keep]


def _median(values: FloatArray) -> FloatArray:
    """Median of the members that were running, NaN where none was."""
    running = np.isfinite(values).any(1)
    median = np.full(len(values), np.nan)
    median[running] = np.nanmedian(values[running], axis=1)
    return median


def _set_scale(axes: Axes, values: FloatArray) -> None:
    """Logarithmic over decades of positive values; where signs mix and the typical value would vanish, beyond it."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return
    if np.nanmin(values) > 0 and sizes.max() > RATIO_FOR_LOG * sizes.min():
        axes.set_yscale("log")
    elif np.nanmin(values) <= 0 and sizes.max() > 10 * np.median(sizes):
        axes.set_yscale("symlog", linthresh=float(np.median(sizes)))


@styled
def histories(
    terms: Mapping[str, FloatArray],
    epochs: FloatArray,
    phases: Mapping[str, float] | None = None,
    *,
    unit: str = "nats",
    clock: str = "epoch",
) -> Figure:
    """The terms of the objective during training: a panel a term, every member thin, their median thick.

    Args:
        terms: for each term ``(epochs, members)``; NaN where a member was not running.
        epochs: when they were recorded ``(epochs,)``.
        phases: name and first epoch of each phase of the training, marked in every panel.
        unit: unit of the terms; a term whose name ends in a bracket keeps what stands there.
        clock: what `epochs` counts.

    >>> history = np.linspace(5, 1, 10)[:, None] * np.ones(3)
    >>> figure = histories({"rate": history}, np.arange(10))
    >>> figure.axes[0].get_ylabel()
    'rate (nats)'
    """
    when = finite(clock, epochs, 1)
    columns = min(2, max(len(terms), 1))
    rows = max(-(-len(terms) // columns), 1)
    figure, panels = panel_grid(rows, columns, 0.55 + 1.75 * rows, sharex=True)
    for axes, (term, values) in zip(panels.flat, terms.items(), strict=False):
        _history(axes, when, _recorded(term, values, when))
        axes.set_ylabel(words(term if term.endswith(")") or not unit else f"{term} ({unit})"))
    _mark_phases(panels, phases or {}, when, len(terms))
    for axes in panels.flat[len(terms) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(len(terms) - columns, 0) : len(terms)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(words(clock))
    return figure


def _recorded(term: str, values: FloatArray, when: FloatArray) -> FloatArray:
    history = np.asarray(values, dtype=float)
    if history.ndim != 2 or len(history) != len(when):
        raise DataError(f"a history of {term} needs shape ({len(when)}, members), got {history.shape}")
    if np.isinf(history).any():
        raise DataError(f"a history of {term} holds infinite numbers: set them to NaN from where a member failed")
    return history


def _history(axes: Axes, when: FloatArray, values: FloatArray) -> None:
    epochs, members = _thinned(when, values)
    axes.plot(epochs, members, color=BLUE, linewidth=0.6, alpha=float(np.clip(4 / max(members.shape[1], 1), 0.15, 0.5)))
    axes.plot(epochs, _median(members), color=INK, linewidth=1.6)
    _set_scale(axes, members)
    axes.margins(x=0.01)


def _mark_phases(panels: Panels, phases: Mapping[str, float], when: FloatArray, count: int) -> None:
    for axes in panels.flat[:count]:
        for start in phases.values():
            if when[0] < start < when[-1]:
                axes.axvline(start, color=ORANGE, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
    steps: dict[str, Any] = {"textcoords": "offset points", "va": "bottom", "fontsize": 8, "color": "#A84800"}
    for axes in panels[0, : min(count, panels.shape[1])]:
        reached = [(name, start) for name, start in phases.items() if start <= when[-1]]
        for level, (name, start) in enumerate(reached[::-1]):
            place = (max(start, when[0]), 1.0)
            axes.annotate(words(name), place, (0, 2 + 10 * level), xycoords=("data", "axes fraction"), **steps)
