"""Figures of the law of latents beside factors: S_KL of models against what their labels show."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.errors import DataError
from beable.report.figures.checks import finite, same_length
from beable.report.figures.codes import opacity
from beable.report.figures.style import BLUE, WIDTH, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import printed_symbol, words

MOST = 6


@styled
def law_against_angle(groups: Mapping[str, tuple[FloatArray, FloatArray]]) -> Figure:
    """S_KL of every model against the angle between its latents and the factors, a colour a group.

    Args:
        groups: for each group, such as a prior, angles in degrees and S_KL in nats, ``(models,)`` each.

    >>> figure = law_against_angle({"standard": (np.array([1.0, 40.0]), np.array([0.0, 1.2]))})
    >>> figure.axes[0].get_ylabel()
    '$S_{KL}$ (nats)'
    """
    figure, panels = panel_grid(1, 1, 3.0, 5.0)
    axes, handles = panels[0, 0], {}
    for place, (name, (angle, law)) in enumerate(groups.items()):
        x, y = finite(f"angles of {name}", angle, 1), finite(f"S_KL of {name}", law, 1)
        same_length(f"values of {name}", len(x), len(y))
        look = {"markersize": 4, "alpha": 0.7, "markeredgewidth": 0, "color": line_style(place)["color"]}
        (handles[words(name)],) = axes.plot(x, y, "o", **look)
    axes.set_xlabel("angle between latents and factors (degrees)")
    axes.set_ylabel("$S_{KL}$ (nats)")
    legend(figure, handles)
    return figure


@styled
def law_against_scatter(
    codes: Sequence[FloatArray],
    factors: FloatArray,
    law: FloatArray,
    matching: NDArray[np.intp],
    factor_symbols: Sequence[str],
) -> Figure:
    """Scatter of each factor and its latent, a column a model by rising S_KL, which stands above it.

    With more than six models those are drawn that are evenly spaced by rank.

    Args:
        codes: posterior means of each model, ``(rows, latents)``.
        factors: ``(rows, factors)``.
        law: S_KL in nats, ``(models,)``.
        matching: latent of each factor, ``(models, factors)``; -1 for none, which leaves its panel empty.
        factor_symbols: LaTeX of each factor without dollar signs.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> both = np.array([[0, 1], [0, 1]])
    >>> figure = law_against_scatter([-theta, theta], theta, np.array([0.3, 0.1]), both, ["\\\\theta_1", "\\\\theta_2"])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['$S_{KL}$ = 0.1', '$S_{KL}$ = 0.3']
    """
    theta, score = finite("factors", factors, 2), finite("S_KL", law, 1)
    same_length("models", len(score), len(codes))
    same_length("factor symbols", theta.shape[1], len(factor_symbols))
    if np.shape(matching) != (len(score), theta.shape[1]):
        raise DataError(f"a matching needs shape {(len(score), theta.shape[1])}, got {np.shape(matching)}")
    order = np.argsort(score, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(MOST, len(order))).round().astype(int))]
    side = min((WIDTH - 0.6) / len(shown), 2.2)
    size = (0.7 + side * theta.shape[1], 0.6 + side * len(shown))
    figure, panels = panel_grid(theta.shape[1], len(shown), *size, sharex="row")
    for column, model in zip(panels.T, shown, strict=True):
        z = finite(f"codes of model {model}", codes[model], 2)
        same_length("rows of codes", len(theta), len(z))
        column[0].set_title(f"$S_{{KL}}$ = {number(score[model])}")
        for j, (axes, latent) in enumerate(zip(column, matching[model], strict=True)):
            if latent >= 0:
                look = {"markersize": 2, "alpha": opacity(len(z)), "markeredgewidth": 0, "color": BLUE}
                axes.plot(theta[:, j], z[:, latent], "o", **look)
            axes.set_xlabel(printed_symbol(factor_symbols[j]), labelpad=1)
    for axes in panels[:, 0]:
        axes.set_ylabel("its latent")
    return figure
