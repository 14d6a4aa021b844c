"""Figures of anomalies: ROC curves, the size that is noticed, which particle is out of place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from beable.metrics.anomaly import roc_auc
from beable.report.figures.checks import finite
from beable.report.figures.groups import places
from beable.report.figures.histograms import Span, histogram, sample
from beable.report.figures.particles import configurations
from beable.report.figures.scales import axis_scale
from beable.report.figures.style import GREY, WIDTH, FloatArray, legend, legend_entries, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, words

Ranks = NDArray[np.intp]
Scores = Mapping[str, Mapping[str, FloatArray]]


@styled
def error_histograms(errors: Mapping[str, FloatArray], normal: str, label: str = "error of a distance (σ)") -> Figure:
    """Histograms of the rows' errors by kind on a logarithmic scale, ordinary rows as an area.

    Args:
        errors: of each row, ``(rows,)``, above 0.
        normal: the kind that is ordinary.
        label: what is on the axis, with its unit.

    Raises:
        DataError: numbers that are not numbers.

    >>> figure = error_histograms({"ordinary": np.full(9, 0.2), "odd": np.full(9, 0.5)}, "ordinary")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    found = {name: sample(f"errors of {name}", values) for name, values in errors.items()}
    every = np.concatenate(list(found.values()))
    figure, panels = panel_grid(1, 1, 2.9, 5.4)
    span = Span(float(every.min()) * 0.95, float(every.max()) * 1.05, log=True)
    handles = histogram(panels[0, 0], found, places({"": found}, normal), span)
    panels[0, 0].set_xlabel(words(label))
    panels[0, 0].set_ylabel("share of rows")
    legend(figure, handles)
    return figure


@styled
def odd_maps(maps: Mapping[str, Mapping[str, FloatArray]], normal: str) -> Figure:
    """Rows of several kinds on two principal components, a panel a model; ordinary rows grey and behind.

    Args:
        maps: places by model and kind, ``(rows, 2)``.
        normal: the kind that is ordinary.

    Raises:
        DataError: numbers that are not finite.

    >>> z = np.random.default_rng(0).normal(size=(30, 2))
    >>> figure = odd_maps({"model": {"ordinary": z, "odd": 3 * z}}, "ordinary")
    >>> figure.axes[0].get_title()
    'model'
    """
    found = {
        model: {name: finite(f"latents of {name}", z, 2)[:MOST_ODD] for name, z in by.items()}
        for model, by in maps.items()
    }
    order = places(found, normal)
    figure, panels = panel_grid(1, len(found), 0.7 + WIDTH / max(len(found), 2))
    handles: dict[str, Any] = {}
    for axes, (model, by) in zip(panels[0], found.items(), strict=True):
        for name, z in by.items():
            colour = line_style(order[name])["color"] if name in order else GREY
            axes.scatter(z[:, 0], z[:, 1], s=5, linewidths=0, alpha=0.6, color=colour, rasterized=True)
            handles[words(name)] = Line2D([], [], linestyle="", marker="o", markersize=5, color=colour)
        axes.set_title(panel_title(model, len(found)))
        axes.set_xlabel("first component")
        axes.set_aspect("equal", adjustable="datalim")
    panels[0, 0].set_ylabel("second component")
    legend(figure, handles)
    return figure


MOST_ODD = 600


def _scores(scores: Scores) -> dict[str, dict[str, FloatArray]]:
    return {name: {kind: sample(f"{name} of {kind}", values) for kind, values in groups.items()}
            for name, groups in scores.items()}  # fmt: skip


@styled
def roc_curves(scores: Scores, *, normal: str = "normal", level: float = 0.95) -> Figure:
    """ROC curves, a panel a score; the area under each with its interval stands below it.

    Args:
        scores: for each score, for the ordinary rows and each anomaly, ``(rows,)``; higher is more anomalous.
        normal: the name of the ordinary rows.
        level: of the intervals.

    Raises:
        DataError: numbers that are not finite.

    >>> s = np.linspace(0.0, 1.0, 50)
    >>> figure = roc_curves({"distortion": {"normal": s, "uniform": s + 2}})
    >>> figure.axes[0].get_legend().get_texts()[0].get_text()
    'uniform: 1.00 (0.96–1.00)'
    """
    found = _scores(scores)
    order = places(found, normal)
    columns = min(len(found), 3)
    rows = -(-len(found) // columns)
    side = min((WIDTH - 0.3) / columns, 3.2)
    height = rows * (0.8 * side + 0.45 + 0.15 * max(len(groups) for groups in found.values()))
    figure, panels = panel_grid(rows, columns, height, 0.3 + columns * side, sharey=True)
    for axes, (name, groups) in zip(panels.flat, found.items(), strict=False):
        _roc(axes, groups, normal, order, level)
        axes.set_title(panel_title(name, columns))
    for axes in panels.flat[len(found) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("anomalies noticed")
    return figure


def _roc(axes: Axes, groups: Mapping[str, FloatArray], normal: str, order: Mapping[str, int], level: float) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    lines: dict[str, Any] = {}
    for kind in (kind for kind in groups if kind != normal):
        ordinary, odd = _ranks(groups[normal], groups[kind])
        auc = roc_auc(ordinary, odd, level=level)
        said = f"{words(kind, 24)}: {auc.score:.2f} ({auc.low:.2f}–{auc.high:.2f})"
        (lines[said],) = axes.plot(*_curve(ordinary, odd), linewidth=1.4, **line_style(order[kind]))
    axes.set_xlabel("false alarms", labelpad=1)
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    close: dict[str, Any] = {"handlelength": 1.2, "labelspacing": 0.25, "borderaxespad": 0.2, "borderpad": 0.2}
    handles, labels = legend_entries(lines)
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(-0.04, -0.19), frameon=False, fontsize=7.5, **close)


def _ranks(normal: FloatArray, odd: FloatArray) -> tuple[Ranks, Ranks]:
    """Places of the scores among all: the same curve and the same area, also where scores are infinite."""
    ranks = np.unique(np.concatenate([normal, odd]), return_inverse=True)[1].ravel()
    return ranks[: len(normal)], ranks[len(normal) :]


def _curve(normal: Ranks, odd: Ranks) -> tuple[FloatArray, FloatArray]:
    """False alarms and what is noticed, at a few hundred thresholds at most."""
    labels = np.repeat([0, 1], [len(normal), len(odd)])
    false, true, _ = roc_curve(labels, np.concatenate([normal, odd]))
    kept = np.unique(np.linspace(0, len(false) - 1, min(300, len(false))).round().astype(int))
    return false[kept], true[kept]


@styled
def auc_by_size(
    sizes: FloatArray,
    found: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]],
    *,
    size_label: str = "size of the displacement (σ)",
    label: str = "ROC-AUC",
) -> Figure:
    """How large an anomaly must be to be noticed: a score's AUC with its interval against the size.

    Args:
        sizes: of the anomaly ``(sizes,)``; a logarithmic axis where they span more than a decade.
        found: for each score its AUC and the ends of the interval, each ``(sizes,)``.
        size_label, label: what is on the axes.

    Raises:
        DataError: numbers that are not finite.

    >>> auc = np.array([0.5, 0.7, 1.0])
    >>> figure = auc_by_size(np.array([0.1, 0.3, 1.0]), {"rate": (auc, auc - 0.05, auc)})
    >>> figure.axes[0].get_ylabel()
    'ROC-AUC'
    """
    x = finite("sizes", sizes, 1)
    figure, panels = panel_grid(1, 1, 3.1, 5.6)
    axes = panels[0, 0]
    handles: dict[str, Any] = {}
    for place, (name, parts) in enumerate(found.items()):
        auc, low, high = (finite(f"the AUC of {name}", part, 1) for part in parts)
        style = line_style(place)
        axes.vlines(x, low, high, color=style["color"], linewidth=1.1, alpha=0.6)
        (handles[words(name)],) = axes.plot(x, auc, marker="o", markersize=3.5, linewidth=1.3, **style)
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    axes.set_ylim(top=1.01)
    axes.set_xlabel(words(size_label))
    axes.set_ylabel(words(label))
    axis_scale(axes, "x", x)
    legend(figure, handles)
    return figure


def attribution(
    positions: FloatArray,
    shares: FloatArray,
    box: float,
    *,
    moved: NDArray[np.bool_] | None = None,
    titles: Sequence[str] = (),
    label: str = "share (nats)",
) -> Figure:
    """Which particles a score falls on, by colour; a cross on those that were moved.

    Args:
        positions: X, ``(rows, N, d)``, in units of σ.
        shares: the score's share of every particle ``(rows, N)``.
        box: side L.
        moved: which particles were moved ``(rows, N)``.
        titles: one a row.
        label: what the shares are, with their unit.

    Raises:
        DataError: numbers that are not finite.

    >>> x = np.array([[[1.0, 1.0], [3.0, 1.0]]])
    >>> figure = attribution(x, np.array([[0.1, 4.0]]), 5.0, moved=np.array([[False, True]]))
    >>> figure.axes[0].lines[-1].get_xydata().tolist()
    [[3.0, 1.0]]
    """
    values = finite("shares", shares, 2)
    scale = "magnitude" if values.min() >= 0 else "signed"
    return configurations(positions, box, titles=titles, colours=values, colour_label=label, scale=scale, marked=moved)
