"""Histograms of several samples in a panel: the reference filled, the others as lines, what lies outside in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from beable.errors import DataError
from beable.report.figures.scales import log_ticks
from beable.report.figures.style import GREY, SOFT, FloatArray, line_style
from beable.report.figures.words import words

BINS = (12, 60)  # fewest and most
LEAST_SHARE = 0.005  # of a sample outside the range; less is not said


class Span(NamedTuple):
    """Range of a histogram.

    Args:
        low, high: its ends.
        log: whether its bins are even in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    def edges(self, rows: int) -> FloatArray:
        """Ends of all bins for samples of this size."""
        space = np.geomspace if self.log else np.linspace
        return space(self.low, self.high, int(np.clip(1.6 * np.sqrt(rows), *BINS)) + 1)


def sample(name: str, values: object) -> FloatArray:
    """A sample ``(rows,)`` that may hold infinities, which lie outside of every range, but no NaN."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not array.size or np.isnan(array).any():
        bad = int(np.isnan(array).sum())
        raise DataError(f"a histogram of {name} needs numbers (rows,), got shape {array.shape} with {bad} NaN")
    return array


def span_around(reference: FloatArray, below: float, above: float) -> Span:
    """The range of nearly all of a reference, and a multiple of it on both sides."""
    kept = reference[np.isfinite(reference)]
    low, high = np.quantile(kept, [0.001, 0.999]) if kept.size else (-1.0, 1.0)
    width = high - low or 0.1 * abs(high) or 1.0
    return Span(float(low - below * width), float(high + above * width))


def histogram(axes: Axes, samples: Mapping[str, FloatArray], order: Mapping[str, int], span: Span) -> dict[str, Any]:
    """Shares of each sample in even bins, without a place in the order as an area; handles of a legend come back."""
    edges = span.edges(min(len(values) for values in samples.values()))
    handles: dict[str, Any] = {}
    outside = []
    for name, values in samples.items():
        share = np.histogram(values, edges)[0] / len(values)
        look, handles[words(name)] = _look(order.get(name))
        axes.stairs(share, edges, **look)
        outside.append((values < edges[0], values > edges[-1], handles[words(name)]))
    _scale(axes, span)
    _say_outside(axes, outside)
    return handles


def _look(place: int | None) -> tuple[dict[str, Any], Any]:
    if place is None:
        look: dict[str, Any] = {"color": GREY, "alpha": 0.35, "fill": True, "linewidth": 0}
        return look, Patch(**{k: v for k, v in look.items() if k != "fill"})
    style = line_style(place)
    return {"linewidth": 1.3, **style}, Line2D([], [], linewidth=1.5, **style)


def _scale(axes: Axes, span: Span) -> None:
    axes.set_xscale("log" if span.log else "linear")
    axes.set_xlim(span.low, span.high)
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if span.log:
        log_ticks(axes.xaxis, span.low, span.high)


def _say_outside(axes: Axes, outside: Sequence[tuple[FloatArray, FloatArray, Any]]) -> None:
    """The share of each sample beyond either end, at that end, in the sample's colour."""
    lines = [0, 0]
    for below, above, handle in outside:
        colour = handle.get_color() if isinstance(handle, Line2D) else SOFT
        for end, share in enumerate((below.mean(), above.mean())):
            if share > LEAST_SHARE:
                text = f"{100 * share:.0f} % →" if end else f"← {100 * share:.0f} %"
                place: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "ha": "right" if end else "left"}
                axes.text(0.99 if end else 0.01, 0.98 - 0.1 * lines[end], text, fontsize=7.5, color=colour, **place)
                lines[end] += 1
