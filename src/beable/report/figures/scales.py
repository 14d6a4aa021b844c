"""Scales of colour: *linear*; *log* for positive quantities over decades; *signed* and *magnitude* where 0 means much.

A signed quantity, such as an error, is drawn on a diverging map centred at 0, so that both signs weigh the same; a
magnitude, such as a displacement, from pale at 0.
The maps are readable without red-green vision.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter

from beable.console.numbers import number
from beable.errors import DataError, unknown
from beable.report.figures.style import FloatArray
from beable.report.figures.words import round_numbers, tick


class Extent(NamedTuple):
    """From the smallest to the largest value."""

    low: float
    high: float


def extent(values: FloatArray) -> Extent:
    """Smallest and largest value, opened a little where they are the same to rounding."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    if high - low > 1e-9 * size:
        return Extent(low, high)
    return Extent(low - 0.05 * size, high + 0.05 * size) if size else Extent(-1.0, 1.0)


def _linear(values: FloatArray) -> Normalize:
    return Normalize(*extent(values))


def _log(values: FloatArray) -> Normalize:
    if values.min() <= 0:
        raise DataError(f"a logarithmic colour scale needs positive values, got {values.min():.3g}: use 'linear'")
    return LogNorm(*extent(values))


def _signed(values: FloatArray) -> Normalize:
    largest = float(np.abs(values).max()) or 1.0
    return Normalize(-largest, largest)


def _magnitude(values: FloatArray) -> Normalize:
    if values.min() < 0:
        raise DataError(f"a colour scale of magnitudes needs none below 0, got {values.min():.3g}: use 'signed'")
    return Normalize(0.0, float(values.max()) or 1.0)


SCALES: dict[str, tuple[Callable[[FloatArray], Normalize], str]] = {
    "linear": (_linear, "viridis"),
    "log": (_log, "viridis"),
    "signed": (_signed, "RdBu_r"),
    "magnitude": (_magnitude, "YlGnBu"),
}


class Colour(NamedTuple):
    """How values become colours."""

    norm: Normalize
    map: str


def colour_scale(scale: str, values: FloatArray) -> Colour:
    """The scale of values, of which some or all may be missing."""
    if scale not in SCALES:
        raise unknown("colour scale", scale, SCALES)
    values = values[~np.isnan(values)] if not np.isnan(values).all() else np.ones(1)
    norm, name = SCALES[scale]
    return Colour(norm(values), name)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """A few round numbers on a logarithmic axis."""
    axis.set_major_locator(FixedLocator(round_numbers(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(tick))


def axis_scale(axes: Axes, which: str, values: FloatArray) -> None:
    """Logarithmic where all values are positive and span a decade; on x the values themselves are ticks if few."""
    low, high = extent(values)
    log = values.min() > 0 and high >= 10 * low
    axis = axes.xaxis if which == "x" else axes.yaxis
    if log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        log_ticks(axis, low, high)
    settings = np.unique(values)
    if which == "x" and len(settings) <= 8 and _apart(np.log(settings) if log else settings):
        axes.set_xticks(settings, [number(value) for value in settings])
        axes.minorticks_off()


def _apart(ticks: FloatArray) -> bool:
    return len(ticks) < 2 or bool(np.diff(ticks).min() > 0.07 * np.ptp(ticks))


def padded(limits: Extent, share: float) -> Extent:
    room = share * (limits.high - limits.low)
    return Extent(limits.low - room, limits.high + room)


def colour_bar(axes: Sequence[Axes], mappable: Any, label: str, aspect: float = 18, shrink: float = 1) -> None:
    log = isinstance(mappable.norm, LogNorm)
    ticks = FixedLocator(round_numbers(*mappable.get_clim())) if log else MaxNLocator(4, min_n_ticks=2)
    words = FuncFormatter(tick) if log else ScalarFormatter()
    if isinstance(words, ScalarFormatter):
        words.set_powerlimits((-2, 3))
    figure = axes[0].figure
    place: dict[str, Any] = {"location": "bottom", "aspect": aspect, "shrink": shrink, "pad": 0.03}
    bar = figure.colorbar(mappable, ax=list(axes), ticks=ticks, format=words, **place)
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(length=2, pad=2)
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=2)
