"""Figures of scores of many cells against a setting or another score, with parabolas through each data set's cells.

A band is what chance gives: scores of cells whose two columns know nothing of each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from beable.errors import unknown
from beable.metrics.columns import distinct
from beable.report.figures.checks import finite
from beable.report.figures.groups import BAND, places
from beable.report.figures.scales import log_ticks
from beable.report.figures.style import SOFT, WIDTH, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, tick, words

Points = tuple[FloatArray, FloatArray]
Band = tuple[FloatArray, FloatArray, FloatArray]  # x, low, high
SCALES = ("linear", "log", "symlog")
CLOSE = 3  # ticks below so many times the least number would touch that of 0


class Parabola(NamedTuple):
    """A parabola of least squares.

    Args:
        coefficients: of x², x and 1.
        r2: share of the variance that it explains.
    """

    coefficients: FloatArray
    r2: float


def quadratic_fit(x: FloatArray, y: FloatArray) -> Parabola | None:
    """The parabola through points, None for fewer than four points or three places.

    >>> quadratic_fit(np.arange(5.0), np.arange(5.0) ** 2).r2
    1.0
    """
    if len(x) < 4 or distinct(x) < 3 or distinct(y) < 2:
        return None
    middle, size = x.mean(), x.std()
    a, b, c = np.polyfit((x - middle) / size, y, 2)
    scaled = np.array(
        [a / size**2, b / size - 2 * a * middle / size**2, c - b * middle / size + a * (middle / size) ** 2]
    )
    rest = float(((y - np.polyval(scaled, x)) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    return Parabola(scaled, round(1 - rest, 12))


@styled
def scores_against(
    panels: Mapping[str, Mapping[str, Points]],
    *,
    x_label: str | Mapping[str, str],
    y_label: str | Mapping[str, str],
    fits: bool = True,
    references: Mapping[str, Sequence[tuple[float, str]]] | None = None,
    x_scale: str | Mapping[str, str] = "linear",
    y_scale: str | Mapping[str, str] = "linear",
    bands: Mapping[str, Band] | None = None,
    band_label: str = "chance",
    columns: int | None = None,
) -> Figure:
    """Scores of cells, a dot each, the colour a data set, with a parabola in x through each and its R².

    Args:
        panels: for each panel and data set x and score ``(cells,)``; NaN where a score is not defined, which the
            panel counts.
        x_label, y_label: what is on the axes, once for all panels or for each.
        fits: whether parabolas are drawn.
        references: for some panels, levels of the score with their names, such as the critical t.
        x_scale, y_scale: "linear", "log", or "symlog", which has a place for 0; once for all panels or for each.
        bands: for some panels x and the lowest and highest score that chance gives there ``(points,)``.
        band_label: what the bands are.
        columns: panels side by side; up to three when left out, four panels two by two.

    Raises:
        DataError: numbers that are not finite.
        UsageError: an unknown scale.

    >>> x = np.array([0.0, 1.0, 4.0, 10.0])
    >>> figure = scores_against({"": {"all": (x, x**2)}}, x_label="β", y_label="NMI", x_scale="symlog")
    >>> figure.axes[0].texts[0].get_text()
    'R² 1.00'
    """
    order = places(panels)
    figure, row = _panels(len(panels), columns)
    handles: dict[str, Any] = {}
    for axes, (panel, group) in zip(row, panels.items(), strict=False):
        found = {name: _cells(f"{name} in {panel}" if panel else name, points) for name, points in group.items()}
        _scale(axes, _one(x_scale, panel), _one(y_scale, panel), np.concatenate([x for x, _ in found.values()]))
        if bands and panel in bands:
            _band(axes, bands[panel])
            handles[words(band_label)] = Patch(**BAND)
        handles |= _dots(axes, found, order, fits)
        _references(axes, (references or {}).get(panel, ()))
        axes.set_title(panel_title(panel, min(len(panels), 3)), pad=14)
        axes.set_xlabel(words(_one(x_label, panel)))
        axes.set_ylabel(words(_one(y_label, panel)))
    for axes in row[len(panels) :]:
        axes.set_axis_off()
    legend(figure, handles)
    return figure


def _panels(count: int, columns: int | None) -> tuple[Figure, list[Axes]]:
    across = columns or {4: 2}.get(count, min(count, 3))
    rows = -(-count // across)
    figure, panels = panel_grid(rows, across, 0.35 + 2.45 * rows, WIDTH if across > 1 else 4.8)
    return figure, list(panels.ravel())


def _one(given: str | Mapping[str, str], panel: str) -> str:
    if isinstance(given, str):
        return given
    return given[panel]


def _cells(name: str, points: Points) -> Points:
    x, y = finite(f"abscissae of {name}", points[0], 1), np.asarray(points[1], dtype=float)
    return x, y


def _scale(axes: Axes, x_scale: str, y_scale: str, x: FloatArray) -> None:
    for scale in (x_scale, y_scale):
        if scale not in SCALES:
            raise unknown("scale of a figure", scale, SCALES)
    positive = x[x > 0]
    least, most = (float(positive.min()), float(positive.max())) if positive.size else (0.1, 1.0)
    if x_scale == "symlog":
        axes.set_xscale("symlog", linthresh=least, linscale=0.45)
        log_ticks(axes.xaxis, least, most)
        ticks = [t for t in axes.xaxis.get_major_locator()() if t > CLOSE * least]
        axes.xaxis.set_major_locator(FixedLocator([0.0, *ticks]))
    elif x_scale == "log":
        axes.set_xscale("log", nonpositive="mask")
        log_ticks(axes.xaxis, least, most)
    axes.set_yscale(y_scale)
    if y_scale == "log":
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_minor_locator(NullLocator())


def _band(axes: Axes, band: Band) -> None:
    x, low, high = (finite("a band of chance", part, 1) for part in band)
    order = np.argsort(x)
    axes.fill_between(x[order], low[order], high[order], zorder=0, **BAND)


def _dots(axes: Axes, cells: Mapping[str, Points], order: Mapping[str, int], fits: bool) -> dict[str, Any]:
    handles: dict[str, Any] = {}
    said, left_out = [], 0
    for name, (x, y) in cells.items():
        style, there = line_style(order[name]), ~np.isnan(y)
        left_out += int((~there).sum())
        look: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4, "markeredgewidth": 0}
        axes.plot(
            x[there], y[there], color=style["color"], alpha=float(np.clip(30 / max(len(x), 1), 0.25, 0.85)), **look
        )
        handles[words(name)] = Line2D([], [], color=style["color"], **look)
        if fits and (fit := quadratic_fit(x[there], y[there])) is not None:
            _parabola(axes, x[there], fit, style)
            said.append((f"R² {fit.r2:.2f}", style["color"]))
    _corner(axes, said)
    if left_out:
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
        axes.annotate(f"{left_out} not defined", (0, 1), (0, 3), fontsize=7, color=SOFT, **place)
    return handles


def _parabola(axes: Axes, x: FloatArray, fit: Parabola, style: Mapping[str, Any]) -> None:
    space = axes.xaxis.get_transform()
    low, high = space.transform(np.array([x[x > 0].min() if axes.get_xscale() == "log" else x.min(), x.max()]))
    along = space.inverted().transform(np.linspace(low, high, 200))
    curve = np.polyval(fit.coefficients, along)
    kept = curve > 0 if axes.get_yscale() == "log" else np.isfinite(curve)
    axes.plot(along[kept], curve[kept], linewidth=1.2, scaley=False, **style)


def _corner(axes: Axes, said: Sequence[tuple[str, str]]) -> None:
    """Words above the panel on the right, side by side from the right."""
    for place, (text, colour) in enumerate(reversed(said)):
        axes.annotate(text, (1, 1), (-42 * place, 3), xycoords="axes fraction", textcoords="offset points", ha="right",
                      va="bottom", fontsize=7, color=colour)  # fmt: skip


def _references(axes: Axes, levels: Sequence[tuple[float, str]]) -> None:
    for value, name in levels:
        axes.axhline(value, color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
        place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        axes.annotate(words(name), (1, value), (3, 0), ha="left", va="center", fontsize=7.5, color=SOFT, **place)
