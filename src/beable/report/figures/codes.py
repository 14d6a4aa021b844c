"""Figures of codes: every latent against every factor, and the aggregate posterior beside factors and prior."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from beable.report.figures.checks import finite, same_length
from beable.report.figures.scales import extent
from beable.report.figures.style import BLUE, GREEN, GREY, INK, WIDTH, FloatArray, panel_grid, styled
from beable.report.figures.words import printed_symbol, words

STRENGTH = LinearSegmentedColormap.from_list("strength", [GREY, BLUE])
MOST_PANELS = 6  # latents or factors drawn as scatter; more become one image


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
    z, theta = finite("codes", codes, 2), finite("factors", factors, 2)
    same_length("rows of factors", len(z), len(theta))
    return z, theta


@styled
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
    same_length("factor symbols", theta.shape[1], len(factor_symbols))
    r = _correlations(z, theta)
    symbols = [printed_symbol(latex) for latex in factor_symbols]
    if max(r.shape) > MOST_PANELS:
        return _correlation_image(r, symbols)
    sd = None if code_sd is None else finite("code_sd", code_sd, 2)
    side = min((WIDTH - 0.6) / r.shape[1], 8.0 / r.shape[0], 2.3)
    size = {"height": 0.4 + side * r.shape[0], "width": 0.6 + side * r.shape[1]}
    figure, panels = panel_grid(*r.shape, **size, sharex="col", sharey="row")
    for (i, j), axes in np.ndenumerate(panels):
        _scatter_with_r(axes, theta[:, j], z[:, i], None if sd is None else sd[:, i], float(r[i, j]))
    for axes, latex in zip(panels[:, 0], _latent_symbols(len(r)), strict=True):
        axes.set_ylabel(printed_symbol(latex))
    for axes, symbol in zip(panels[-1], symbols, strict=True):
        axes.set_xlabel(symbol)
    return figure


def _scatter_with_r(axes: Axes, theta: FloatArray, z: FloatArray, sd: FloatArray | None, r: float) -> None:
    colour = STRENGTH(0.0 if np.isnan(r) else abs(r))
    axes.plot(theta, z, "o", color=colour, markersize=2.2, alpha=opacity(len(z)), markeredgewidth=0)
    if sd is not None:
        axes.vlines(theta, z - sd, z + sd, color=colour, linewidth=0.5, alpha=0.5 * opacity(len(z)))
    axes.margins(0.06)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    text = "r undefined" if np.isnan(r) else f"r = {r:.2f}".replace("-", "−")
    axes.set_title(text, loc="right", fontsize=8, color=colour, pad=2)


def _correlation_image(r: FloatArray, symbols: Sequence[str]) -> Figure:
    figure, panels = panel_grid(1, 1, 1.2 + min(5.5, 0.28 * len(r)))
    axes = panels[0, 0]
    shape = axes.imshow(np.abs(r), norm=Normalize(0, 1), cmap="viridis", aspect="auto", interpolation="nearest")
    axes.set_xticks(*_few_ticks(symbols))
    axes.set_yticks(*_few_ticks([printed_symbol(latex) for latex in _latent_symbols(len(r))]))
    axes.tick_params(length=0)
    figure.colorbar(shape, ax=axes, label="|r|", aspect=14, pad=0.02)
    return figure


def _few_ticks(labels: Sequence[str], most: int = 20) -> tuple[range, list[str]]:
    places = range(0, len(labels), -(-len(labels) // most))
    return places, [labels[i] for i in places]


def opacity(count: int) -> float:
    return float(np.clip(30 / np.sqrt(count), 0.12, 0.8))


class _Cloud(NamedTuple):
    title: str
    points: FloatArray
    symbols: list[str]
    colours: FloatArray | None


@styled
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
    z = finite("codes", codes, 2)
    theta = z[:, :0] if factors is None else _codes_and_factors(codes, factors)[1]
    same_length("factor symbols", theta.shape[1], len(factor_symbols))
    sample = None if prior is None else finite("prior samples", prior, 2)
    if sample is not None:
        same_length("latents of the prior", z.shape[1], sample.shape[1])
    symbols = [printed_symbol(latex) for latex in factor_symbols]
    latents = [printed_symbol(latex) for latex in _latent_symbols(z.shape[1])]
    if z.shape[1] == 2 and theta.shape[1] in (0, 2):
        return _clouds(_three_clouds(z, theta, sample, latents, symbols, words(prior_name)))
    return _marginals(z, theta, sample, latents, symbols, words(prior_name))


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
    figure, panels = panel_grid(1, len(clouds), 0.4 + side, side * len(clouds))
    latent = [cloud.points for cloud in clouds if cloud.symbols == clouds[0].symbols]
    for axes, cloud in zip(panels[0], clouds, strict=True):
        shared = latent if cloud.symbols == clouds[0].symbols else [cloud.points]
        _cloud(axes, cloud, 1.08 * max(float(np.abs(points).max()) for points in shared) or 1.0)
    if clouds[0].colours is not None:
        figure.supxlabel(f"colour: {clouds[1].symbols[0]} of the row", fontsize=8, color="#5B626B")
    return figure


def _cloud(axes: Axes, cloud: _Cloud, reach: float) -> None:
    colour: dict[str, Any] = {"color": GREY} if cloud.colours is None else {"c": cloud.colours, "cmap": "viridis"}
    axes.scatter(cloud.points[:, 0], cloud.points[:, 1], s=6, linewidths=0, alpha=opacity(len(cloud.points)), **colour)
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
    figure, panels = panel_grid(rows_z + rows_theta, columns, 0.3 + 1.25 * (rows_z + rows_theta))
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
    edges = np.linspace(*extent(everything), int(np.clip(np.sqrt(len(values)), 10, 50)) + 1)
    axes.hist(values, bins=list(edges), density=True, color=colour, alpha=0.55, histtype="stepfilled", linewidth=0)
    if line is not None:
        axes.hist(line, bins=list(edges), density=True, color=INK, histtype="step", linewidth=1)
    axes.set_xlabel(symbol, labelpad=1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(3))


class Scatter(NamedTuple):
    """Latents and factors of one row of panels.

    Args:
        codes: posterior means ``(rows, latents)``.
        factors: generative factors ``(rows, factors)``.
        sd: posterior standard deviations ``(rows, latents)``, drawn as vertical bars; None for none.
    """

    codes: FloatArray
    factors: FloatArray
    sd: FloatArray | None = None


@styled
def scatters(rows: Mapping[str, Scatter], factor_symbols: Sequence[str]) -> Figure:
    r"""Every latent against every factor, a row of panels for each of several sets, such as models or rows of data.

    Args:
        rows: what is drawn in each row, by its label.
        factor_symbols: LaTeX of each factor without dollar signs.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> figure = scatters({"training": Scatter(theta, theta), "test": Scatter(-theta, theta)}, ["a", "b"])
    >>> len(figure.axes)
    8
    """
    symbols = [printed_symbol(latex) for latex in factor_symbols]
    first = next(iter(rows.values()))
    latents = [printed_symbol(latex) for latex in _latent_symbols(np.shape(first.codes)[1])]
    columns = len(latents) * len(symbols)
    side = WIDTH / columns
    figure, panels = panel_grid(len(rows), columns, 0.3 + 1.15 * side * len(rows), sharex="col")
    for row, (line, (label, found)) in enumerate(zip(panels, rows.items(), strict=True), 1):
        z, theta = _codes_and_factors(found.codes, found.factors)
        r, sd = _correlations(z, theta), found.sd
        for place, axes in enumerate(line):
            i, j = divmod(place, len(symbols))
            _scatter_with_r(axes, theta[:, j], z[:, i], None if sd is None else sd[:, i], float(r[i, j]))
            axes.set_ylabel(latents[i], labelpad=0)
            axes.set_xlabel(symbols[j] if row == len(rows) else "", labelpad=1)
        line[0].set_ylabel(f"{words(label)}\n{latents[0]}", labelpad=0)
    return figure


class Clouds(NamedTuple):
    """What one row of clouds shows.

    Args:
        codes: aggregate posterior ``(rows, 2)``.
        prior: samples of the prior ``(samples, 2)``.
        factors: of the same rows ``(rows, 2)``.
    """

    codes: FloatArray
    prior: FloatArray
    factors: FloatArray


@styled
def clouds(rows: Mapping[str, Clouds], factor_symbols: Sequence[str]) -> Figure:
    r"""Aggregate posterior, prior and factors of several models with two latents, a row a model.

    Args:
        rows: what is drawn in each row, by its label.
        factor_symbols: LaTeX of the two factors without dollar signs.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> len(clouds({"standard": Clouds(theta, theta, theta)}, ["a", "b"]).axes)
    3
    """
    symbols = [printed_symbol(latex) for latex in factor_symbols]
    latents = [printed_symbol(latex) for latex in _latent_symbols(2)]
    side = 0.8 * WIDTH / 3
    figure, panels = panel_grid(len(rows), 3, 0.5 + side * len(rows), 3.3 * side)
    for line, (label, found) in zip(panels, rows.items(), strict=True):
        for axes, cloud in zip(line, _three_clouds(*found[::2], found.prior, latents, symbols, "prior"), strict=True):
            shared = [found.codes, found.prior] if cloud.symbols == latents else [found.factors]
            _cloud(axes, cloud, 1.08 * max(float(np.abs(points).max()) for points in shared) or 1.0)
        line[0].set_ylabel(f"{words(label)}\n{latents[1]}", labelpad=1)
    for axes in panels[1:].flat:
        axes.set_title("")
    figure.supxlabel(f"colour: {symbols[0]} of the row", fontsize=8, color="#5B626B")
    return figure


@styled
def phase_portraits(
    codes: FloatArray, names: Sequence[str], colours: FloatArray | None = None, symbol: str = ""
) -> Figure:
    """The first of some latents against each of the others.

    Args:
        codes: latents, (rows, latents).
        names: of the latents.
        colours: a number for each row, such as a factor.
        symbol: of that number, LaTeX without dollar signs.

    >>> phase_portraits(np.eye(3), ["a", "b", "c"]).axes[1].get_ylabel()
    'c'
    """
    values = finite("latents", codes, 2)
    same_length("names of latents", values.shape[1], len(names))
    side = WIDTH / max(3, len(names) - 1)
    figure, panels = panel_grid(1, len(names) - 1, 0.4 + side, side * (len(names) - 1))
    for axes, j in zip(panels[0], range(1, len(names)), strict=True):
        _cloud(axes, _Cloud("", values[:, [0, j]], [names[0], names[j]], colours), _reach(values[:, [0, j]]))
    if colours is not None:
        figure.supxlabel(f"colour: {printed_symbol(symbol)} of the row", fontsize=8, color="#5B626B")
    return figure


def _reach(points: FloatArray) -> float:
    return 1.08 * float(np.abs(points).max()) or 1.0
