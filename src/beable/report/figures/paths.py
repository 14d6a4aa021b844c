"""Figures of what a training went through: losses and β against steps, ways in the plane of rate and distortion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from beable.report.figures.checks import finite, same_length
from beable.report.figures.style import INK, SOFT, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import words

#: share of the records, the last ones, that the near panel shows, and shares of values between its limits
NEAR, BULK = 0.5, (0.02, 0.98)


@styled
def losses_and_beta(
    steps: FloatArray,
    losses: Mapping[str, FloatArray],
    beta: FloatArray,
    *,
    phases: Mapping[str, float] | None = None,
    unit: str = "nats",
    cut: bool = True,
) -> Figure:
    """Losses during a training above, β below on a logarithmic scale; medians thick, members thin.

    Args:
        steps: recorded steps, ``(records,)``.
        losses: for each loss ``(records, members)``.
        beta: β ``(records, members)``; not drawn where it is 0.
        phases: name and first step of each phase.
        unit: of the losses.
        cut: whether the axis ends at the 98 % quantile, since a rate is huge while β is small.

    Raises:
        DataError: shapes that do not fit, or numbers that are not finite.

    >>> steps = np.arange(10.0)
    >>> figure = losses_and_beta(steps, {"VAE": np.ones((10, 2))}, np.full((10, 2), 0.5))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss (nats)', 'β']
    """
    x = finite("steps", steps, 1)
    figure, panels = panel_grid(2, 1, 4.2, 5.8, sharex=True, height_ratios=(2, 1))
    (above,), (below,) = panels
    every = {name: _records(name, values, x) for name, values in losses.items()}
    above.set_ylabel(words(f"loss ({unit})"))
    handles = {words(name): _members(above, x, y, line_style(k)) for k, (name, y) in enumerate(every.items())}
    if cut and every:
        _cut(above, np.concatenate([y.ravel() for y in every.values()]))
    shown = _records("beta", beta, x)
    _members(below, x, np.where(shown > 0, shown, np.nan), {"color": INK})
    if (shown > 0).any() and shown.max() > 10 * shown[shown > 0].min():
        below.set_yscale("log")
    below.set_ylabel("β")
    below.set_xlabel("step")
    for name, start in (phases or {}).items():
        for axes in (above, below):
            axes.axvline(start, color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        above.annotate(words(name), (start, 0.97), (3, 0), xycoords=("data", "axes fraction"),
                       textcoords="offset points", fontsize=8, color=SOFT, va="top")  # fmt: skip
    legend(figure, handles)
    return figure


def _records(name: str, values: FloatArray, x: FloatArray) -> FloatArray:
    y = finite(name, values, 2)
    same_length(f"records of {name}", len(x), len(y))
    return y


def _members(axes: Axes, x: FloatArray, y: FloatArray, look: Mapping[str, Any]) -> Any:
    axes.plot(x, y, linewidth=0.6, alpha=float(np.clip(4 / y.shape[1], 0.15, 0.5)), **look)
    (middle,) = axes.plot(x, np.median(y, axis=1), linewidth=1.6, **look)
    axes.margins(x=0.01)
    return middle


def _cut(axes: Axes, values: FloatArray) -> None:
    low, high = float(values.min()), float(np.quantile(values, BULK[1]))
    if high > low:
        axes.set_ylim(low - 0.05 * (high - low), high)


@styled
def paths_in_the_plane(
    paths: Mapping[str, Sequence[FloatArray] | tuple[FloatArray, FloatArray]],
    *,
    points: tuple[FloatArray, FloatArray] | None = None,
    unit: str = "nats",
) -> Figure:
    """Ways of trainings in the plane of rate and distortion: whole on the left, their ends on the right.

    Args:
        paths: for each training rate and distortion at its records, ``(records,)`` each; hollow where it began.
        points: rate and distortion ``(models,)`` of trained models at many β, the curve that paths end on.
        unit: of both.

    Raises:
        DataError: shapes that do not fit, or numbers that are not finite.

    >>> way = (np.array([100.0, 20.0, 10.0]), np.array([5.0, 2.0, 1.0]))
    >>> figure = paths_in_the_plane({"good": way}, points=(np.array([0.0, 10.0]), np.array([3.0, 1.0])))
    >>> len(figure.axes), figure.axes[0].get_xlabel()
    (2, 'rate (nats)')
    """
    figure, panels = panel_grid(1, 2, 3.4)
    handles: dict[str, Any] = {}
    ways = {name: [finite(f"{name} of a path", part, 1) for part in way] for name, way in paths.items()}
    for axes in panels[0]:
        for place, (name, (rate, distortion)) in enumerate(ways.items()):
            same_length(f"records of {name}", len(rate), len(distortion))
            handles[words(name)] = _way(axes, rate, distortion, place)
        if points is not None:
            r, d = (finite("points", part, 1) for part in points)
            order = np.argsort(r)
            (handles["trained at many β"],) = axes.plot(
                r[order], d[order], "s-", color=SOFT, markersize=3, linewidth=0.7
            )
        axes.set_xlabel(words(f"rate ({unit})"))
        axes.set_ylabel(words(f"distortion ({unit})"))
    _near(panels[0, 1], list(ways.values()))
    legend(figure, handles)
    return figure


def _way(axes: Axes, rate: FloatArray, distortion: FloatArray, place: int) -> Any:
    look = line_style(place)
    (line,) = axes.plot(rate, distortion, linewidth=1.1, **look)
    ends: dict[str, Any] = {"marker": "o", "markersize": 5, "linestyle": "", "markeredgecolor": look["color"]}
    axes.plot(rate[:1], distortion[:1], markerfacecolor="white", **ends)
    axes.plot(rate[-1:], distortion[-1:], markerfacecolor=look["color"], **ends)
    return line


def _near(axes: Axes, ways: Sequence[Sequence[FloatArray]]) -> None:
    """The part of the plane that holds the later half of every path."""
    if not ways:
        return
    for i, axis in enumerate("xy"):
        late = np.concatenate([way[i][int(NEAR * len(way[i])) :] for way in ways])
        low, high = float(late.min()), float(late.max())
        if high > low:
            room = 0.08 * (high - low)
            axes.set(**{f"{axis}lim": (low - room, high + room)})
