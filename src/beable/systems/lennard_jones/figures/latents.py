"""Figures of what a latent space separates: maps of two latents, who is taken for whom, how often right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from beable.report.figures.checks import finite
from beable.report.figures.codes import opacity
from beable.report.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALETTE,
    WIDTH,
    FloatArray,
    legend,
    panel_grid,
    styled,
)
from beable.report.figures.words import panel_title, tick, words

MOST_POINTS = 3000
REACH = 3.8  # of the maps side by side, in standard deviations

Interval = tuple[float, float, float]  # value, low, high


def _mixed(rows: int) -> NDArray[np.intp]:
    """Some rows in mixed order, so that no level hides the others."""
    return np.random.default_rng(0).permutation(rows)[:MOST_POINTS]


def _dots(axes: Axes, z: FloatArray, opacity: float, **colour: Any) -> Any:
    return axes.scatter(z[:, 0], z[:, 1], s=5, linewidths=0, alpha=opacity, rasterized=len(z) > 500, **colour)


def _levels(axes: Axes, z: FloatArray, v: FloatArray, levels: FloatArray, label: str) -> dict[str, Any]:
    kept = _mixed(len(z))
    colours = level_colours(len(levels))
    _dots(axes, z[kept], opacity(len(z[kept])), c=colours[np.searchsorted(levels, v[kept])])
    handles: dict[str, Any] = {}
    for level, colour in zip(levels, colours, strict=True):
        inside = z[v == level]
        if len(inside) > 2:
            axes.add_patch(_ellipse(inside, colour))
        handles[f"{label} = {tick(float(level))}"] = Line2D([], [], color=colour, linewidth=2)
    return handles


def level_colours(levels: int) -> FloatArray:
    """A colour a level, those of lines in other figures while these last, else from a scale, ``(levels, 4)``."""
    if levels <= len(PALETTE):
        return np.array([to_rgba(colour) for colour in PALETTE[:levels]])
    return np.asarray(colormaps["viridis"](np.linspace(0, 0.9, levels)))


@styled
def latent_maps(maps: Mapping[str, FloatArray], values: FloatArray, label: str, shares: Mapping[str, str]) -> Figure:
    """Rows on the plane of two principal components, a panel a model, each in units of its own spread.

    Each level has the ellipse of two standard deviations, which holds 86 % of a normal law.

    Args:
        maps: places of the rows by model ``(rows, 2)``.
        values: a quantity of a few levels ``(rows,)``, the same rows in all panels.
        label: its name.
        shares: what stands below each panel, such as the share of the variance that its plane explains.

    Raises:
        DataError: numbers that are not finite.

    >>> z = np.random.default_rng(0).normal(size=(60, 2))
    >>> figure = latent_maps({"a": z, "b": 9 * z}, np.repeat([0.1, 0.4], 30), "γ", {"a": "20 %", "b": "9 %"})
    >>> [axes.get_xlim() == figure.axes[0].get_xlim() for axes in figure.axes]
    [True, True]
    """
    v = finite("values of latent maps", values, 1)
    figure, panels = panel_grid(1, len(maps), 0.9 + WIDTH / max(len(maps), 2), sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for axes, (name, codes) in zip(panels[0], maps.items(), strict=True):
        z = finite(f"codes of {name}", codes, 2)
        spread = np.sqrt(z.var(axis=0).mean()) or 1.0
        handles |= _levels(axes, (z - z.mean(axis=0)) / spread, v, np.unique(v), label)
        axes.set_title(panel_title(name, len(maps)))
        axes.set_xlabel(words(shares[name]))
        axes.set_aspect("equal")
        axes.set_xlim(-REACH, REACH)
        axes.set_ylim(-REACH, REACH)
    panels[0, 0].set_ylabel("second component")
    legend(figure, handles)
    return figure


def _ellipse(points: FloatArray, colour: Any) -> Ellipse:
    centre = points.mean(0)
    variances, axes = np.linalg.eigh(np.cov(points.T))
    width, height = 4 * np.sqrt(variances.clip(0))
    angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
    place = (float(centre[0]), float(centre[1]))
    return Ellipse(place, width, height, angle=angle, fill=False, edgecolor=colour, linewidth=1.6, zorder=3)


@styled
def confusion(counts: FloatArray, names: Sequence[str], label: str = "") -> Figure:
    """How often each level is taken for which, in percent of its rows; the true level a row, the guess a column.

    Args:
        counts: rows of true level i taken for level j ``(levels, levels)``.
        names: of the levels.
        label: what the levels are, such as a symbol.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = confusion(np.array([[3.0, 1.0], [0.0, 4.0]]), ["0.1", "0.4"], "γ")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['75', '25', '0', '100']
    """
    table = finite("a table of confusions", counts, 2)
    share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1e-300)
    side = float(np.clip(0.62 * len(table), 1.6, 5.5))
    figure, panels = panel_grid(1, 1, side + 0.7, side + 0.9)
    axes = panels[0, 0]
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
    for (i, j), value in np.ndenumerate(share):
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=8.5, color="white" if value > 55 else INK)
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(range(len(names)), [words(name, 18) for name in names])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"taken for {label}".strip())
    axes.set_ylabel(f"true {label}, 100 % a row".replace(" ,", ","))
    return figure


@styled
def accuracies(
    found: Mapping[str, Interval],
    *,
    ceiling: float | None = None,
    chance: float | None = None,
    label: str = "accuracy",
    ceiling_name: str = "ceiling",
) -> Figure:
    """A bar an arm with its interval, chance and the ceiling as lines.

    Args:
        found: for each arm its accuracy and the ends of its interval, in [0, 1].
        ceiling: the best there can be.
        chance: what guessing gives.
        label: name of the score.
        ceiling_name: what the ceiling is called.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = accuracies({"probe": (0.81, 0.80, 0.82)}, ceiling=0.825, chance=0.25)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.810', 'ceiling 0.825', 'chance 0.250']
    """
    table = finite("accuracies", [list(interval) for interval in found.values()], 2)
    figure, panels = panel_grid(1, 1, 0.95 + 0.34 * len(table))
    axes = panels[0, 0]
    rows = np.arange(len(table))
    axes.barh(rows, table[:, 0], height=0.58, color=BLUE, alpha=0.45, linewidth=0)
    axes.hlines(rows, table[:, 1], table[:, 2], color=INK, linewidth=1.4)
    for row, value in zip(rows, table[:, 0], strict=True):
        axes.annotate(f"{value:.3f}", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    marks = [(ceiling, ceiling_name, GREEN, "#00704F", "-"), (chance, "chance", ORANGE, "#A84800", (0, (4, 2)))]
    for value, name, colour, ink, dashes in marks:
        if value is not None:
            axes.axvline(value, color=colour, linewidth=1.3, linestyle=dashes, zorder=3)
            place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
            axes.annotate(f"{words(name)} {value:.3f}", (value, 1.01), fontsize=8, color=ink, **place)
    axes.set_yticks(rows, [words(name) for name in found])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlim(0, max(1.0, float(table.max())))
    axes.set_xlabel(label)
    return figure
