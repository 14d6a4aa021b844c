r"""Figures of fields, codes, scores and histories: arrays in, a matplotlib ``Figure`` out.

Colour carries meaning and nothing else. A quantity is drawn on one of three scales: *linear*; *log* for positive
quantities over decades such as a permeability; *signed* for quantities whose zero means something, such as an error,
on a diverging map centred at 0, so that both signs weigh the same. The maps are readable without red-green vision,
lines and dots take the colours of Okabe & Ito (2008). Labels stand beside what they name.
No figure touches pyplot or the user's own style. Widths are those of a page's column: 700 px at 96 px an inch.

Arrays of fields run ``(x, y)``, x to the right. Numbers that are not finite are refused by name, except in
histories, where NaN means that a member was not running.
"""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from typing import Any, NamedTuple, ParamSpec

import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from beable.errors import DataError, unknown

FloatArray = NDArray[np.floating]
Panels = NDArray[Any]  # of Axes
Limits = tuple[float, float]
P = ParamSpec("P")

WIDTH = 7.3  # inches
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#8A8F98", "#22262B"
STRENGTH = LinearSegmentedColormap.from_list("strength", [GREY, BLUE])
STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": "#5B626B",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titlepad": 5,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": "#5B626B",
    "ytick.color": "#5B626B",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.constrained_layout.use": True,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",
    "svg.hashsalt": "beable",
}
RATIO_FOR_LOG = 30  # of the largest to the smallest value of a history
FINEST = 512  # nodes drawn along an axis; more cannot be seen in a panel
LONGEST = 400  # points drawn along a history
MOST_PANELS = 6  # latents or factors drawn as scatter; more become one image


def style() -> AbstractContextManager[None]:
    """The figures' style, whatever the user's own settings are; drawing belongs inside it too."""
    return matplotlib.style.context(STYLE, after_reset=True)


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return styled


# words and numbers


@lru_cache(maxsize=1)
def _font() -> Any:
    return font_manager.get_font(font_manager.findfont("DejaVu Sans"))


def _words(text: str, longest: int = 56) -> str:
    """Text as it is, shortened; nothing is read as mathematics, what the font lacks becomes the replacement sign."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    drawable = (c if c == "\n" or _font().get_char_index(ord(c)) else "\ufffd" for c in short)
    return "".join(drawable).replace("$", r"\$")


def _title(text: str, columns: int) -> str:
    """The title of one of several panels side by side, wrapped to its width."""
    return textwrap.fill(_words(text), max(84 // columns, 8))


def _symbol(latex: str) -> str:
    """A letter of the paper as mathematics, or as words where it is no mathematics."""
    formula = f"${latex}$"
    if not latex.isascii() or "$" in latex or not 0 < len(latex) < 57:
        return _words(latex)
    try:
        MathTextParser("path").parse(formula)
    except ValueError:
        return _words(latex)
    return formula


def _unit(unit: str) -> str:
    """A UDUNITS string as it is printed: "m s-1" becomes "m s⁻¹"; nothing for a pure number."""
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    printed = re.sub(r"(?<=[A-Za-z])\^?(-?\d+)", lambda power: power[1].translate(raised), unit)
    return "" if unit in ("", "1") else _words(printed)


def _finite(name: str, values: object, ndim: int | None = None) -> FloatArray:
    array = np.asarray(values, dtype=float)
    if ndim is not None and array.ndim != ndim:
        raise DataError(f"a figure of {name} needs {ndim} axes, got shape {array.shape}: select or reshape first")
    bad = array.size - int(np.isfinite(array).sum())
    if bad or not array.size:
        found = f"{bad} of {array.size} are not" if bad else "there are none"
        raise DataError(f"a figure of {name} needs finite numbers, {found}: leave those rows or members out")
    return array


def _same_length(name: str, expected: int, got: int) -> None:
    if expected != got:
        raise DataError(f"a figure needs as many {name} as there is to draw, {expected}, got {got}")


# scales of colour


class _Range(NamedTuple):
    low: float
    high: float


def _range(values: FloatArray) -> _Range:
    """Smallest and largest value, opened a little where they are the same to rounding."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    if high - low > 1e-9 * size:
        return _Range(low, high)
    return _Range(low - 0.05 * size, high + 0.05 * size) if size else _Range(-1.0, 1.0)


def _linear(values: FloatArray) -> Normalize:
    return Normalize(*_range(values))


def _log(values: FloatArray) -> Normalize:
    if values.min() <= 0:
        raise DataError(f"a logarithmic colour scale needs positive values, got {values.min():.3g}: use 'linear'")
    return LogNorm(*_range(values))


def _signed(values: FloatArray) -> Normalize:
    largest = float(np.abs(values).max()) or 1.0
    return Normalize(-largest, largest)


SCALES: dict[str, tuple[Callable[[FloatArray], Normalize], str]] = {
    "linear": (_linear, "viridis"),
    "log": (_log, "viridis"),
    "signed": (_signed, "RdBu_r"),
}


class _Colour(NamedTuple):
    norm: Normalize
    map: str


def _colour(scale: str, values: FloatArray) -> _Colour:
    if scale not in SCALES:
        raise unknown("colour scale", scale, SCALES)
    norm, name = SCALES[scale]
    return _Colour(norm(values), name)


def _round_numbers(low: float, high: float) -> list[float]:
    """About four round numbers between two positive ones: powers of ten, else their multiples too."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for leading in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        found = [t for t in np.outer(10.0**decades, leading).ravel() if low <= t <= high]
        if len(found) >= 2:
            break
    return [float(t) for t in found[:: -(-len(found) // 4)]] if found else [low, high]


def _number(value: float, _position: int | None = None) -> str:
    """A tick's number: plain where that is short, with a power of ten otherwise."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}".replace("-", "−")
    mantissa, power = f"{value:.0e}".split("e")
    return ("$" if mantissa == "1" else rf"${mantissa}\times") + f"10^{{{int(power)}}}$"


def _colour_bar(axes: Sequence[Axes], mappable: Any, label: str) -> None:
    log = isinstance(mappable.norm, LogNorm)
    ticks = FixedLocator(_round_numbers(*mappable.get_clim())) if log else MaxNLocator(4, min_n_ticks=2)
    words = FuncFormatter(_number) if log else ScalarFormatter()
    if isinstance(words, ScalarFormatter):
        words.set_powerlimits((-2, 3))
    figure = axes[0].figure
    bar = figure.colorbar(mappable, ax=list(axes), location="bottom", aspect=18, pad=0.03, ticks=ticks, format=words)
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(length=2, pad=2)
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=2)


# fields


class _Grid(NamedTuple):
    x: FloatArray
    y: FloatArray

    @property
    def even(self) -> bool:
        return all(len(axis) > 2 and np.allclose(np.diff(axis), axis[1] - axis[0]) for axis in self)

    def coarse(self, values: FloatArray) -> tuple["_Grid", FloatArray]:
        """Every n-th node where there are more than can be seen."""
        i, j = (slice(None, None, -(-len(axis) // FINEST)) for axis in self)
        return _Grid(self.x[i], self.y[j]), values[..., i, j]


def _grid(x: object, y: object, arrays: Sequence[FloatArray]) -> _Grid:
    grid = _Grid(_finite("x", x, 1), _finite("y", y, 1))
    if not arrays:
        raise DataError("a figure of fields needs at least one field, got none")
    for values in arrays:
        nodes = (len(grid.x), len(grid.y))
        if values.shape[-2:] != nodes:
            raise DataError(f"a field must end in (x, y) = {nodes}, got shape {values.shape}: transpose or slice it")
    return grid


def _image(axes: Axes, grid: _Grid, values: FloatArray, colour: _Colour) -> Any:
    """A field as cells around its nodes, cut at the outermost nodes."""
    grid, values = grid.coarse(values)
    shape = axes.pcolormesh(*grid, values.T, norm=colour.norm, cmap=colour.map, shading="nearest", rasterized=True)
    _frame(axes, grid)
    return shape


def _frame(axes: Axes, grid: _Grid) -> None:
    axes.set_aspect("equal")
    axes.set_xlim(*_range(grid.x))
    axes.set_ylim(*_range(grid.y))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(2))
        axis.set_major_formatter(FuncFormatter(_number))
    for spine in axes.spines.values():
        spine.set(visible=True, color="#C3C8CE", linewidth=0.5)


def _streamlines(axes: Axes, grid: _Grid, vector: FloatArray) -> None:
    """Lines along a vector field where the grid is even, a few arrows where it is not, nothing where it is zero."""
    u, v = (component.T for component in vector)
    if not np.hypot(u, v).max() > 0:
        return
    if grid.even:
        axes.streamplot(*grid, u, v, color="white", density=0.55, linewidth=0.6, arrowsize=0.55, arrowstyle="-|>")
    else:
        i, j = (slice(None, None, -(-len(axis) // 12)) for axis in grid)
        axes.quiver(grid.x[i], grid.y[j], u[j, i], v[j, i], color="white", pivot="mid")


def _field(axes: Axes, grid: _Grid, values: FloatArray, colour: _Colour) -> Any:
    if values.ndim == 2:
        return _image(axes, grid, values, colour)
    shape = _image(axes, grid, np.hypot(*values), colour)
    _streamlines(axes, *grid.coarse(values))
    return shape


def _outer_labels(panels: Panels, x_label: str, y_label: str, rows: Sequence[str] = ()) -> None:
    for axes in panels[:-1].flat:
        axes.tick_params(labelbottom=False)
    for axes in panels[:, 1:].flat:
        axes.tick_params(labelleft=False)
    for axes in panels[-1]:
        axes.set_xlabel(x_label, labelpad=1)
    for axes, row in zip(panels[:, 0], list(rows) or [""] * len(panels), strict=True):
        axes.set_ylabel(f"{row}\n{y_label}" if row else y_label, labelpad=2)


def _panels(rows: int, columns: int, height: float, width: float = WIDTH, **kwargs: Any) -> tuple[Figure, Panels]:
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def _field_panels(rows: int, columns: int, bars: int, grid: _Grid) -> tuple[Figure, Panels]:
    """Panels as wide as the page allows and as high as the domain asks, with room for rows of colour bars."""
    ratio = float(np.clip(np.ptp(grid.y) / np.ptp(grid.x), 0.2, 3)) if np.ptp(grid.x) else 1.0
    side = min((WIDTH - 0.6) / columns, 3.0)
    return _panels(rows, columns, 0.6 + 0.55 * bars + rows * side * ratio, 0.6 + side * columns)


def _snapshots(title: str, values: object) -> FloatArray:
    array = _finite(title, values)
    if array.ndim != 3 and array.shape[1:-2] != (2,):
        raise DataError(f"a figure of {title} needs (snapshots, x, y) or (snapshots, 2, x, y), got {array.shape}")
    return array


def _magnitudes(values: FloatArray) -> FloatArray:
    return np.hypot(values[:, 0], values[:, 1]) if values.ndim == 4 else values


@_styled
def fields(
    arrays: Sequence[FloatArray],
    titles: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    y: FloatArray,
    *,
    scales: Sequence[str] = (),
    rows: Sequence[str] = (),
    x_label: str = "x",
    y_label: str = "y",
) -> Figure:
    """Snapshots of fields: one column a quantity with its colour bar, one row a snapshot.

    Args:
        arrays: for each quantity ``(snapshots, x, y)``, or ``(snapshots, 2, x, y)`` for a vector field, which is
            drawn as its magnitude with lines along it.
        titles, units: name and UDUNITS string of each quantity.
        x, y: coordinates of the nodes, evenly spaced or not.
        scales: "linear", "log" or "signed" for each quantity; all "linear" when left out.
        rows: a label for each snapshot, such as its factors.
        x_label, y_label: names of the coordinates, with their unit if they have one.

    >>> x = np.linspace(0, 1, 5)
    >>> figure = fields([np.ones((1, 5, 5))], ["pressure"], ["Pa"], x, x)
    >>> figure.axes[0].get_title()
    'pressure'
    """
    for kind, given in {"titles": titles, "units": units, "scales": scales or units}.items():
        _same_length(kind, len(arrays), len(given))
    quantities = [_snapshots(title, values) for title, values in zip(titles, arrays, strict=True)]
    grid = _grid(x, y, quantities)
    snapshots = len(quantities[0])
    for title, values in zip(titles, quantities, strict=True):
        _same_length(f"snapshots of {title}", snapshots, len(values))
    _same_length("labels of rows", snapshots, len(rows) if rows else snapshots)
    figure, panels = _field_panels(snapshots, len(quantities), 1, grid)
    for j, values in enumerate(quantities):
        colour = _colour(scales[j] if scales else "linear", _magnitudes(values))
        shapes = [_field(axes, grid, v, colour) for axes, v in zip(panels[:, j], values, strict=True)]
        panels[0, j].set_title(_title(titles[j], len(quantities)))
        _colour_bar(list(panels[:, j]), shapes[0], _unit(units[j]))
    _outer_labels(panels, _words(x_label), _words(y_label), [_words(row) for row in rows])
    return figure


def _percent(error: FloatArray, truth: FloatArray) -> str:
    norm = float(np.linalg.norm(truth))
    if not norm:
        return "no truth to compare with" if error.any() else "0 %"
    return f"{_number(float(f'{100 * np.linalg.norm(error) / norm:.2g}'))} %"


@_styled
def reconstruction(
    truth: Sequence[FloatArray],
    prediction: Sequence[FloatArray],
    names: Sequence[str],
    units: Sequence[str],
    x: FloatArray,
    y: FloatArray,
    *,
    scales: Sequence[str] = (),
    x_label: str = "x",
    y_label: str = "y",
) -> Figure:
    r"""One snapshot, its reconstruction and the error (reconstruction - truth): one column a channel.

    Truth and reconstruction share a colour scale; the error has its own, centred at 0, and carries
    :math:`\|\hat y - y\| / \|y\|` of its channel in percent.

    Args:
        truth, prediction: for each channel ``(x, y)``, in physical units.
        names, units: name and UDUNITS string of each channel.
        x, y: coordinates of the nodes.
        scales: "linear", "log" or "signed" for each channel; all "linear" when left out.
        x_label, y_label: names of the coordinates, with their unit if they have one.

    >>> x = np.linspace(0, 1, 5)
    >>> figure = reconstruction([np.ones((5, 5))], [np.zeros((5, 5))], ["pressure"], ["Pa"], x, x)
    >>> figure.axes[2].texts[0].get_text()
    '100 %'
    """
    channels = len(names)
    for given in (truth, prediction, units, scales or units):
        _same_length("channels", channels, len(given))
    true = [_finite(f"the true {name}", values, 2) for name, values in zip(names, truth, strict=True)]
    made = [_finite(f"the reconstructed {name}", values, 2) for name, values in zip(names, prediction, strict=True)]
    grid = _grid(x, y, [*true, *made])
    figure, panels = _field_panels(3, channels, 2, grid)
    for j in range(channels):
        scale = scales[j] if scales else "linear"
        _truth_and_error(list(panels[:, j]), grid, true[j], made[j], scale, _unit(units[j]))
        panels[0, j].set_title(_title(names[j], channels))
    _outer_labels(panels, _words(x_label), _words(y_label), ["truth", "reconstruction", "error"])
    return figure


def _truth_and_error(
    column: Sequence[Axes], grid: _Grid, truth: FloatArray, made: FloatArray, scale: str, unit: str
) -> None:
    error = made - truth
    colour = _colour(scale, np.where(made > 0, made, truth) if scale == "log" else np.stack([truth, made]))
    shape = _image(column[0], grid, truth, colour)
    _image(column[1], grid, made, colour)
    _colour_bar(column[:2], shape, unit)
    wrong = _image(column[2], grid, error, _colour("signed", error))
    _colour_bar(column[2:], wrong, unit)
    box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    place: dict[str, Any] = {"ha": "right", "va": "bottom", "transform": column[2].transAxes}
    column[2].text(0.97, 0.04, _percent(error, truth), fontsize=8, bbox=box, **place)


# codes and factors


def _correlations(codes: FloatArray, factors: FloatArray) -> FloatArray:
    """Pearson's r of every code with every factor ``(latents, factors)``; NaN where one of them is constant."""
    z, theta = codes - codes.mean(0), factors - factors.mean(0)
    spread = np.outer(np.linalg.norm(z, axis=0), np.linalg.norm(theta, axis=0))
    size = np.outer(np.linalg.norm(codes, axis=0), np.linalg.norm(factors, axis=0))
    constant = spread <= 1e-12 * size
    return np.where(constant, np.nan, z.T @ theta / np.where(constant, 1, spread))


def _latent_symbols(latents: int) -> list[str]:
    return [f"z_{{{i + 1}}}" for i in range(latents)]


def _codes_and_factors(codes: object, factors: object) -> tuple[FloatArray, FloatArray]:
    z, theta = _finite("codes", codes, 2), _finite("factors", factors, 2)
    _same_length("rows of factors", len(z), len(theta))
    return z, theta


@_styled
def codes_against_factors(
    codes: FloatArray, factors: FloatArray, factor_symbols: Sequence[str], code_sd: FloatArray | None = None
) -> Figure:
    r"""Every latent against every factor, with their correlation r, the bluer the stronger.

    With more than six latents or factors the correlations' sizes are drawn as one image instead.

    Args:
        codes: posterior means ``(rows, latents)``.
        factors: generative factors ``(rows, factors)``.
        factor_symbols: LaTeX of each factor without dollar signs.
        code_sd: posterior standard deviations ``(rows, latents)``, drawn as vertical bars.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> figure = codes_against_factors(theta[:, ::-1], theta, ["\\theta_1", "\\theta_2"])
    >>> [axes.get_title(loc="right") for axes in figure.axes[1:3]]
    ['r = 1.00', 'r = 1.00']
    """
    z, theta = _codes_and_factors(codes, factors)
    _same_length("factor symbols", theta.shape[1], len(factor_symbols))
    r = _correlations(z, theta)
    symbols = [_symbol(latex) for latex in factor_symbols]
    if max(r.shape) > MOST_PANELS:
        return _correlation_image(r, symbols)
    sd = None if code_sd is None else _finite("code_sd", code_sd, 2)
    side = min((WIDTH - 0.6) / r.shape[1], 8.0 / r.shape[0], 2.6)
    size = {"height": 0.4 + side * r.shape[0], "width": 0.6 + side * r.shape[1]}
    figure, panels = _panels(*r.shape, **size, sharex="col", sharey="row")
    for (i, j), axes in np.ndenumerate(panels):
        _scatter_with_r(axes, theta[:, j], z[:, i], None if sd is None else sd[:, i], float(r[i, j]))
    for axes, latex in zip(panels[:, 0], _latent_symbols(len(r)), strict=True):
        axes.set_ylabel(_symbol(latex))
    for axes, symbol in zip(panels[-1], symbols, strict=True):
        axes.set_xlabel(symbol)
    return figure


def _scatter_with_r(axes: Axes, theta: FloatArray, z: FloatArray, sd: FloatArray | None, r: float) -> None:
    colour = STRENGTH(0.0 if np.isnan(r) else abs(r))
    axes.plot(theta, z, "o", color=colour, markersize=2.2, alpha=_opacity(len(z)), markeredgewidth=0)
    if sd is not None:
        axes.vlines(theta, z - sd, z + sd, color=colour, linewidth=0.5, alpha=0.5 * _opacity(len(z)))
    axes.margins(0.06)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    text = "r undefined" if np.isnan(r) else f"r = {r:.2f}".replace("-", "−")
    axes.set_title(text, loc="right", fontsize=8, color=colour, pad=2)


def _correlation_image(r: FloatArray, symbols: Sequence[str]) -> Figure:
    figure, panels = _panels(1, 1, 1.2 + min(5.5, 0.28 * len(r)))
    axes = panels[0, 0]
    shape = axes.imshow(np.abs(r), norm=Normalize(0, 1), cmap="viridis", aspect="auto", interpolation="nearest")
    axes.set_xticks(*_few_ticks(symbols))
    axes.set_yticks(*_few_ticks([_symbol(latex) for latex in _latent_symbols(len(r))]))
    axes.tick_params(length=0)
    figure.colorbar(shape, ax=axes, label="|r|", aspect=14, pad=0.02)
    return figure


def _few_ticks(labels: Sequence[str], most: int = 20) -> tuple[range, list[str]]:
    places = range(0, len(labels), -(-len(labels) // most))
    return places, [labels[i] for i in places]


def _opacity(count: int) -> float:
    return float(np.clip(30 / np.sqrt(count), 0.12, 0.8))


class _Cloud(NamedTuple):
    title: str
    points: FloatArray
    symbols: list[str]
    colours: FloatArray | None


@_styled
def posterior_and_factors(
    codes: FloatArray,
    factors: FloatArray | None = None,
    factor_symbols: Sequence[str] = (),
    prior: FloatArray | None = None,
    *,
    prior_name: str = "prior",
) -> Figure:
    r"""The aggregate posterior q(z) beside the factors' distribution p(θ) and the prior p(z).

    Two latents are drawn as clouds, with the rows of q(z) and p(θ) in the colour of the first factor, so that a
    rotation or a mixing shows; any other number as the distribution of each latent, above that of each factor.

    Args:
        codes: posterior means ``(rows, latents)``.
        factors: generative factors ``(rows, factors)``, if they are known.
        factor_symbols: LaTeX of each factor without dollar signs.
        prior: samples of the prior ``(samples, latents)``.
        prior_name: what the prior is called.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> figure = posterior_and_factors(theta, theta, ["\\theta_1", "\\theta_2"], theta)
    >>> len(figure.axes)
    3
    """
    z = _finite("codes", codes, 2)
    theta = z[:, :0] if factors is None else _codes_and_factors(codes, factors)[1]
    _same_length("factor symbols", theta.shape[1], len(factor_symbols))
    sample = None if prior is None else _finite("prior samples", prior, 2)
    if sample is not None:
        _same_length("latents of the prior", z.shape[1], sample.shape[1])
    symbols = [_symbol(latex) for latex in factor_symbols]
    latents = [_symbol(latex) for latex in _latent_symbols(z.shape[1])]
    if z.shape[1] == 2 and theta.shape[1] in (0, 2):
        return _clouds(_three_clouds(z, theta, sample, latents, symbols, _words(prior_name)))
    return _marginals(z, theta, sample, latents, symbols, _words(prior_name))


def _three_clouds(
    z: FloatArray, theta: FloatArray, prior: FloatArray | None, latents: list[str], symbols: list[str], name: str
) -> list[_Cloud]:
    colours = theta[:, 0] if theta.size else None
    clouds = [_Cloud("aggregate posterior $q(z)$", z, latents, colours)]
    if theta.size:
        clouds.append(_Cloud(r"factors $p(\theta)$", theta, symbols, colours))
    if prior is not None:
        clouds.append(_Cloud(f"{name} $p(z)$", prior, latents, None))
    return clouds


def _clouds(clouds: Sequence[_Cloud]) -> Figure:
    side = WIDTH / 3
    figure, panels = _panels(1, len(clouds), 0.4 + side, side * len(clouds))
    latent = [cloud.points for cloud in clouds if cloud.symbols == clouds[0].symbols]
    for axes, cloud in zip(panels[0], clouds, strict=True):
        shared = latent if cloud.symbols == clouds[0].symbols else [cloud.points]
        _cloud(axes, cloud, 1.08 * max(float(np.abs(points).max()) for points in shared) or 1.0)
    if clouds[0].colours is not None:
        figure.supxlabel(f"colour: {clouds[1].symbols[0]} of the row", fontsize=8, color="#5B626B")
    return figure


def _cloud(axes: Axes, cloud: _Cloud, reach: float) -> None:
    colour: dict[str, Any] = {"color": GREY} if cloud.colours is None else {"c": cloud.colours, "cmap": "viridis"}
    axes.scatter(cloud.points[:, 0], cloud.points[:, 1], s=6, linewidths=0, alpha=_opacity(len(cloud.points)), **colour)
    axes.set_title(cloud.title)
    axes.set_xlabel(cloud.symbols[0], labelpad=1)
    axes.set_ylabel(cloud.symbols[1], labelpad=1)
    axes.set_aspect("equal")
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, symmetric=True))


def _marginals(
    z: FloatArray, theta: FloatArray, prior: FloatArray | None, latents: list[str], symbols: list[str], name: str
) -> Figure:
    count = max(z.shape[1], theta.shape[1])
    columns = min(count, 5)
    rows_z, rows_theta = (-(-n // columns) for n in (z.shape[1], theta.shape[1]))
    figure, panels = _panels(rows_z + rows_theta, columns, 0.3 + 1.25 * (rows_z + rows_theta))
    upper, lower = panels[:rows_z].ravel(), panels[rows_z:].ravel()
    for i, axes in enumerate(upper[: z.shape[1]]):
        _distribution(axes, z[:, i], latents[i], BLUE, None if prior is None else prior[:, i])
    for j, axes in enumerate(lower[: theta.shape[1]]):
        _distribution(axes, theta[:, j], symbols[j], GREEN, None)
    for axes in (*upper[z.shape[1] :], *lower[theta.shape[1] :]):
        axes.set_axis_off()
    upper[0].set_title("aggregate posterior" + (f", line: {name}" if prior is not None else ""), loc="left")
    if theta.size:
        lower[0].set_title("factors", loc="left")
    return figure


def _distribution(axes: Axes, values: FloatArray, symbol: str, colour: str, line: FloatArray | None) -> None:
    everything = values if line is None else np.concatenate([values, line])
    edges = np.linspace(*_range(everything), int(np.clip(np.sqrt(len(values)), 10, 50)) + 1)
    axes.hist(values, bins=list(edges), density=True, color=colour, alpha=0.55, histtype="stepfilled", linewidth=0)
    if line is not None:
        axes.hist(line, bins=list(edges), density=True, color=INK, histtype="step", linewidth=1)
    axes.set_xlabel(symbol, labelpad=1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(3))


# scores of an ensemble


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
    axes.set_yticks(range(len(groups)), [_words(arm) + n for arm, n in zip(groups, count, strict=True)])


@_styled
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
    arms = {arm: _finite(f"scores of {arm}", values, 1) for arm, values in groups.items()}
    context = _finite("ceiling and chance", [ceiling, chance_mean, *chance_quantiles])
    everything = np.concatenate([*arms.values(), context])
    reach = _padded(_range(everything), 0.03)
    figure, panels = _panels(1, 1, 1.15 + 0.48 * max(len(arms), 1))
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


def _padded(limits: _Range, share: float) -> _Range:
    room = share * (limits.high - limits.low)
    return _Range(limits.low - room, limits.high + room)


def _context(axes: Axes, ceiling: float, mean: float, quantiles: Limits, levels: Limits) -> None:
    axes.axvspan(*quantiles, color=ORANGE, alpha=0.13, linewidth=0, zorder=0)
    axes.axvline(mean, color=ORANGE, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
    axes.axvline(ceiling, color=GREEN, linewidth=1.3, zorder=2)
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "va": "bottom", "fontsize": 8}
    axes.annotate(f"ceiling {ceiling:.3f}", (ceiling, 1.01), ha="right", color="#00704F", **above)
    chance = f"chance: mean {mean:.2f}, band {levels[0]:g}–{levels[1]:g} %"
    axes.annotate(chance, (quantiles[0], 1.01), ha="left", color="#A84800", **above)


@_styled
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
    figure, panels = _panels(rows, columns, rows * (0.95 + 0.45 * max(len(groups), 1)), sharey=True)
    for axes in panels.flat[len(channels) :]:
        axes.set_axis_off()
    for axes, channel in zip(panels.flat, channels, strict=False):
        found = {arm: values.get(channel, ()) for arm, values in groups.items()}
        arms = {arm: _finite(f"{channel} errors of {arm}", values, 1) for arm, values in found.items()}
        _error_panel(axes, list(arms.values()))
        axes.set_title(_title(channel, 2 * columns))
        axes.set_xlabel(_words(label))
        if axes is panels[0, 0]:
            _arm_labels(axes, arms)
    return figure


def _error_panel(axes: Axes, arms: Sequence[FloatArray]) -> None:
    everything = np.concatenate(arms)
    log = bool(everything.min() > 0)
    reach = _range(everything)
    reach = _Range(reach.low / 1.6, reach.high * 1.6) if log else _padded(reach, 0.05)
    _strip(axes, arms, reach, log)
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*reach)
    if log:
        axes.xaxis.set_major_locator(FixedLocator(_round_numbers(*reach)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(_number))


# training


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


@_styled
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
    when = _finite(clock, epochs, 1)
    columns = min(2, max(len(terms), 1))
    rows = max(-(-len(terms) // columns), 1)
    figure, panels = _panels(rows, columns, 0.55 + 1.75 * rows, sharex=True)
    for axes, (term, values) in zip(panels.flat, terms.items(), strict=False):
        _history(axes, when, _recorded(term, values, when))
        axes.set_ylabel(_words(term if term.endswith(")") or not unit else f"{term} ({unit})"))
    _mark_phases(panels, phases or {}, when, len(terms))
    for axes in panels.flat[len(terms) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(len(terms) - columns, 0) : len(terms)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(_words(clock))
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
            axes.annotate(_words(name), place, (0, 2 + 10 * level), xycoords=("data", "axes fraction"), **steps)


@_styled
def spectrum(variances: FloatArray, kept: int | None = None) -> Figure:
    r"""The share of variance that the first k modes leave out, :math:`1 - \sum_{i \le k} λ_i / \sum_i λ_i`.

    Args:
        variances: variance λ of every mode, descending ``(modes,)``.
        kept: how many modes the representation keeps.

    >>> figure = spectrum(np.array([4.0, 2.0, 1.0, 0.5]), kept=2)
    >>> figure.axes[0].get_yscale()
    'log'
    """
    energy = _finite("variances of modes", variances, 1)
    total = float(energy.sum()) or 1.0
    left = np.append(energy[::-1].cumsum()[::-1][1:], 0) / total
    shown = left > 1e-16
    modes = np.arange(1, len(left) + 1)
    figure, panels = _panels(1, 1, 2.4)
    axes = panels[0, 0]
    axes.plot(modes[shown], left[shown], "o-", color=BLUE, markersize=3, linewidth=1)
    if shown.any():
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("modes kept")
    axes.set_ylabel("share of variance left out")
    if kept is not None:
        axes.axvline(kept, color=ORANGE, linewidth=1, linestyle=(0, (4, 2)))
        place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(f"{kept} kept", (kept, 1.01), fontsize=8, color="#A84800", **place)
    return figure
