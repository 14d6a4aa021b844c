r"""Figures along the axis of beta: a quantity against it, and the rates of latents beside what a linear model predicts.

Beta = 0 has a place of its own on the otherwise logarithmic axis. Lines across it are thresholds, such as
:math:`\beta_c = 2\lambda_1`, beyond which a linear model collapses; a band is the range that a source studied.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from beable.console.numbers import number
from beable.errors import unknown
from beable.report.figures.checks import finite
from beable.report.figures.groups import BAND, ByPanel, by_panel, places
from beable.report.figures.scales import log_ticks
from beable.report.figures.style import (
    INK,
    SOFT,
    WIDTH,
    FloatArray,
    Limits,
    legend,
    line_style,
    panel_grid,
    styled,
)  # fmt: skip
from beable.report.figures.words import panel_title, round_numbers, tick, words

Thresholds = Mapping[str, float]
Theory = tuple[FloatArray, FloatArray]  # beta, value
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SCALES = ("linear", "log", "symlog")
LARGEST_SPAN = 1e3  # of a scale that is linear around 0
FAINT: dict[str, Any] = BAND | {"alpha": 0.18}
ACROSS, MOST_ACROSS = 3, 4  # panels side by side in several rows, and in one
SOURCE = "β of Hall & Sparks"
LOG_FROM = 30  # largest over smallest number of a quantity on a logarithmic axis


@styled
def beta_axis(
    beta: FloatArray,
    curves: ByPanel[FloatArray],
    *,
    y_label: str,
    thresholds: Mapping[str, float] | Mapping[str, Thresholds] | None = None,
    studied: Limits | None = None,
    theory: Mapping[str, Theory] | Mapping[str, Mapping[str, Theory]] | None = None,
    y_scale: str = "",
) -> Figure:
    """A quantity against beta: every member a dot, their median a line, a panel a data set.

    Args:
        beta: of at least 0 ``(betas,)``.
        curves: for each label values ``(betas, members)`` or ``(betas,)``; NaN where one is not defined.
        y_label: what they are, with their unit.
        thresholds: betas that are marked by a line and their names; for all panels, or for each under its name.
        studied: lowest and highest beta of a source.
        theory: beta and value of a prediction ``(points,)``, dashed, in the colour of the curve of that label.
        y_scale: "linear", "log" or "symlog"; chosen from the numbers when left out.

    Raises:
        DataError: numbers that are not finite.

    >>> beta = np.array([0.0, 0.1, 1.0])
    >>> rate = np.array([9.0, 2.0, 0.0])
    >>> figure = beta_axis(beta, {"rate": rate}, y_label="rate (nats)", thresholds={"collapse": 0.3})
    >>> figure.axes[0].texts[0].get_text()
    'collapse = 0.3'
    """
    betas, panels = finite("beta", beta, 1), by_panel(curves)
    marks, predicted = _of_panels(thresholds, panels), _of_panels(theory, panels)
    order = places(panels)
    figure, row = _panels(panels)
    handles: dict[str, Any] = {}
    for axes, (panel, group) in zip(row, panels.items(), strict=True):
        for name, values in group.items():
            handles[words(name)] = _members(axes, betas, values, line_style(order[name]))
        for name, line in predicted[panel].items():
            _predicted(axes, name, line, line_style(order.get(name, len(order)))["color"])
    _finish(row, panels, betas, marks, studied, y_scale)
    _label_rows(row, words(y_label))
    _legend(figure, handles, any(predicted.values()), studied)
    return figure


@styled
def rate_spectrum(
    beta: FloatArray,
    rates: Mapping[str, FloatArray],
    *,
    theory: Theory | Mapping[str, Theory] | None = None,
    thresholds: Mapping[str, float] | Mapping[str, Thresholds] | None = None,
    studied: Limits | None = None,
    y_scale: str = "symlog",
) -> Figure:
    """The rate of every latent against beta, the largest first, beside what a linear model predicts, dashed.

    Args:
        beta: of at least 0 ``(betas,)``.
        rates: for each data set rates in nats ``(betas, members, latents)``.
        theory: beta ``(points,)`` and rates of a linear model ``(points, latents)``; one for all panels, or one a
            panel under its name.
        thresholds: betas that are marked; for all panels, or for each under its name.
        studied: lowest and highest beta of a source.
        y_scale: "linear", "log" or "symlog".

    Raises:
        DataError: numbers that are not finite.

    >>> beta = np.array([0.01, 0.1, 1.0])
    >>> figure = rate_spectrum(beta, {"all": np.ones((3, 4, 2))})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['z₁', 'z₂']
    """
    betas, panels = finite("beta", beta, 1), {name: _sorted(name, values) for name, values in rates.items()}
    curves = {name: {printed_latent(i): found[..., i] for i in range(found.shape[2])} for name, found in panels.items()}
    marks = _of_panels(thresholds, curves)
    figure, row = _panels(curves)
    handles: dict[str, Any] = {}
    for axes, (panel, group) in zip(row, curves.items(), strict=True):
        for place, (name, values) in enumerate(group.items()):
            handles[name] = _members(axes, betas, values, line_style(place))
        line = theory.get(panel) if isinstance(theory, Mapping) else theory
        for place, values in enumerate([] if line is None else np.asarray(line[1]).reshape(len(line[0]), -1).T):
            _predicted(axes, panel, (np.asarray(line[0]) if line else betas, values), line_style(place)["color"])
    _finish(row, curves, betas, marks, studied, y_scale)
    _label_rows(row, "rate of a latent (nats)")
    _legend(figure, handles, theory is not None, studied)
    return figure


def printed_latent(place: int) -> str:
    """The name of a latent in print, the first is z₁.

    >>> printed_latent(0), printed_latent(9)
    ('z₁', 'z₁₀')
    """
    return "z" + str(place + 1).translate(SUBSCRIPTS)


def _panels(panels: Mapping[str, object]) -> tuple[Figure, list[Axes]]:
    """Named panels of the same scales, up to three side by side."""
    across = _across(len(panels))
    rows = -(-len(panels) // across)
    height = 0.45 + 1.85 * rows + 0.35 * (across > ACROSS)  # narrow panels have titles of more lines
    figure, grid = panel_grid(rows, across, height, WIDTH if across > 1 else 4.8, sharex=True, sharey=True)
    row = [*grid.ravel()][: len(panels)]
    for axes, title in zip(row, panels, strict=True):
        axes.set_title(panel_title(title, across))
        axes.tick_params(labelbottom=True)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    return figure, row


def _across(panels: int) -> int:
    """Panels side by side: up to four in one row, more in rows of three."""
    return panels if panels <= MOST_ACROSS else ACROSS


def _label_rows(row: Sequence[Axes], label: str) -> None:
    """The label of the vertical axis, at the left end of every row."""
    for axes in row[:: _across(len(row))]:
        axes.set_ylabel(label)


def _sorted(name: str, values: object) -> FloatArray:
    found = finite(f"rates of {name}", values, 3)
    return -np.sort(-found, axis=2)


def _of_panels(given: Any, panels: Mapping[str, object]) -> dict[str, Mapping[str, Any]]:
    """What belongs to each panel, where it was given for each or once for all."""
    if not given:
        return {name: {} for name in panels}
    if all(isinstance(value, Mapping) for value in given.values()):
        return {name: cast(Mapping[str, Any], given.get(name, {})) for name in panels}
    return dict.fromkeys(panels, given)


def _members(axes: Axes, betas: FloatArray, values: FloatArray, style: Mapping[str, Any]) -> Line2D:
    """Dots of members, a line through their medians, with gaps where no member has a number."""
    order = np.argsort(betas)
    x, y = betas[order], np.asarray(values, dtype=float).reshape(len(betas), -1)[order]
    if y.shape[1] > 1:
        axes.plot(x, y, "o", color=style["color"], markersize=2.4, alpha=_opacity(y.shape[1]), markeredgewidth=0)
    middle = np.full(len(x), np.nan)
    there = np.isfinite(y).any(1)
    middle[there] = np.nanmedian(y[there], axis=1)
    (line,) = axes.plot(x, middle, marker="o", markersize=3.4, linewidth=1.4, **style)
    return line


def _opacity(members: int) -> float:
    return float(np.clip(4 / members, 0.2, 0.5))


def _predicted(axes: Axes, name: str, line: Theory, colour: str) -> None:
    x, y = (finite(f"the prediction of {name}", part, 1) for part in line)
    axes.plot(x, y, color=colour, linewidth=1.1, linestyle=(0, (3, 1.5)), alpha=0.9, zorder=1.5)


def _finish(
    row: Sequence[Axes],
    panels: Mapping[str, object],
    betas: FloatArray,
    marks: Mapping[str, Thresholds],
    studied: Limits | None,
    y_scale: str,
) -> None:
    low, high = _beta_scale(row, betas, [beta for found in marks.values() for beta in found.values()])
    _y_scale(row, y_scale)
    levels = max((len(found) for found in marks.values()), default=0)
    for axes, panel in zip(row, panels, strict=True):
        axes.set_xlabel("β")
        if studied is not None:
            axes.axvspan(max(low, studied[0]) if studied[0] else low, min(high, studied[1]), zorder=0, **FAINT)
        _thresholds(axes, marks[panel])
        axes.set_title(axes.get_title(), pad=5 + 10 * levels)


def _thresholds(axes: Axes, marks: Thresholds) -> None:
    """A line each, its name above it, the highest for the smallest."""
    for level, (name, beta) in enumerate(sorted(marks.items(), key=lambda mark: -mark[1])):
        axes.axvline(beta, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        said = f"{words(name)} = {number(beta, digits=2)}"
        place: dict[str, Any] = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "ha": "center"}
        axes.annotate(said, (beta, 1.0), (0, 2 + 10 * level), va="bottom", fontsize=7.5, color=SOFT, **place)


def _beta_scale(row: Sequence[Axes], betas: FloatArray, others: list[float]) -> Limits:
    """Logarithmic, with room for 0 on the left where it is there."""
    seen = np.concatenate([betas, others])
    positive = seen[seen > 0]
    least, most = (float(positive.min()), float(positive.max())) if positive.size else (0.1, 1.0)
    zero = bool((betas == 0).any())
    for axes in row:
        if zero:
            axes.set_xscale("symlog", linthresh=least, linscale=0.45)
        else:
            axes.set_xscale("log")
        log_ticks(axes.xaxis, least, most)
        if zero:
            _with_zero(axes)
    limits = (-0.35 * least if zero else least / 1.35, most * 1.35)
    for axes in row:
        axes.set_xlim(*limits)
    return limits


def _with_zero(axes: Axes) -> None:
    ticks = [0.0, *axes.xaxis.get_major_locator()()]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(tick))


def _y_scale(row: Sequence[Axes], named: str) -> None:
    """As named, else logarithmic where all numbers are positive and span decades."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for axes in row for line in axes.lines])
    sizes = np.abs(drawn[np.isfinite(drawn) & (drawn != 0)])
    spread = sizes.size > 0 and sizes.max() > LOG_FROM * sizes.min()
    scale = named or ("log" if spread and np.nanmin(drawn) > 0 else "linear")
    if scale not in SCALES:
        raise unknown("scale of a figure", scale, SCALES)
    if scale == "symlog" and spread:
        _bent(row, drawn, sizes)
    elif scale != "symlog":
        row[0].set_yscale(scale)
    elif sizes.size and np.nanmin(drawn) >= 0:
        row[0].set_ylim(bottom=-0.03 * float(sizes.max()))


def _bent(row: Sequence[Axes], drawn: FloatArray, sizes: FloatArray) -> None:
    """Linear around 0, below a hundredth of the largest number at most, and no room for signs that do not occur."""
    most = float(sizes.max())
    threshold = 10 ** np.floor(np.log10(max(float(sizes.min()), most / LARGEST_SPAN)))
    row[0].set_yscale("symlog", linthresh=threshold, linscale=0.4)
    ticks = [t for t in round_numbers(threshold, most) if t >= threshold]
    below = np.nanmin(drawn) < 0
    row[0].yaxis.set_major_locator(FixedLocator([*(-t for t in ticks if below), 0.0, *ticks]))
    row[0].yaxis.set_major_formatter(FuncFormatter(tick))
    row[0].set_ylim(-1.6 * most if below else -0.12 * threshold, 1.6 * most)


def _legend(figure: Figure, handles: dict[str, Any], predicted: bool, studied: Limits | None) -> None:
    if predicted:
        handles["predicted"] = Line2D([], [], color=SOFT, linewidth=1.1, linestyle=(0, (3, 1.5)))
    if studied is not None:
        handles[SOURCE] = Patch(**FAINT)
    if len(handles) > 1:
        legend(figure, handles)
