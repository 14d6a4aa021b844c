"""Figures of the columns of a table: correlations as an image, and latents in the colours of classes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from beable.report.figures.checks import finite, same_length
from beable.report.figures.codes import opacity
from beable.report.figures.style import BLUE, GREEN, INK, ORANGE, WIDTH, FloatArray, legend, panel_grid, styled
from beable.report.figures.words import printed_symbol, words

MOST_NUMBERS = 10  # columns up to which each cell bears its number
LONGEST = 22
#: of classes: the first three are far from each other, for people who see no red and green as well
CLASS_COLOURS, MARKS = (BLUE, "#E69F00", "#CC79A7", GREEN, ORANGE, "#56B4E9"), "osD^vP"


@styled
def correlations(r: FloatArray, rows: Sequence[str], columns: Sequence[str], label: str = "correlation") -> Figure:
    """Correlations between -1 and 1 as an image, with their numbers where there is room.

    Args:
        r: (rows, columns); NaN where there is none.
        rows, columns: names.
        label: of the colours.

    >>> figure = correlations(np.array([[1.0, 0.5], [0.5, 1.0]]), ["p", "T"], ["p", "T"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1.00', '0.50', '0.50', '1.00']
    """
    same_length("rows", len(rows), len(r))
    same_length("columns", len(columns), r.shape[1])
    side = min(0.5, (WIDTH - 2.4) / len(columns))
    figure, panels = panel_grid(1, 1, 1.1 + min(9.0, 0.3 * len(rows)), min(WIDTH, 2.6 + side * len(columns)))
    axes = panels[0, 0]
    shape = axes.imshow(r, norm=Normalize(-1, 1), cmap="RdBu_r", aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(columns)), [_short(name) for name in columns], rotation=90 if len(columns) > 4 else 0)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows])
    axes.tick_params(length=0)
    if len(columns) <= MOST_NUMBERS:
        for (i, j), value in np.ndenumerate(r):
            text = "" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if abs(value) > 0.6 else INK)
    figure.colorbar(shape, ax=axes, label=words(label), aspect=16, pad=0.02)
    return figure


def _short(name: str) -> str:
    return printed_symbol(name) if name.startswith("z_") else words(name, LONGEST)


@styled
def codes_by_class(codes: FloatArray, classes: FloatArray, names: Sequence[str]) -> Figure:
    """Two latents against each other, a colour a class; one latent against its class.

    Args:
        codes: posterior means ``(rows, latents)``, of which the two that vary most are drawn.
        classes: of the rows, numbers from 0 on; NaN where it is not known.
        names: of the classes.

    >>> z = np.random.default_rng(0).normal(size=(20, 3))
    >>> len(codes_by_class(z, np.arange(20.0) % 2, ["gas", "liquid"]).axes[0].lines)
    2
    """
    z = finite("codes", codes, 2)
    same_length("classes", len(z), len(classes))
    first, second = sorted(np.argsort(-z.std(axis=0), kind="stable")[:2].tolist()) if z.shape[1] > 1 else (0, 0)
    figure, panels = panel_grid(1, 1, 3.6, 4.8)
    axes, handles = panels[0, 0], {}
    for i, name in enumerate(names):
        of = classes == i
        if of.any():
            down = np.full(of.sum(), float(i)) if first == second else z[of, second]
            handles[words(name, LONGEST)] = axes.plot(
                z[of, first], down, MARKS[(i + i // 6) % 6], color=CLASS_COLOURS[i % 6], markersize=3.2,
                alpha=max(0.35, opacity(len(z))), markeredgewidth=0,
            )[0]  # fmt: skip
    axes.set_xlabel(printed_symbol(f"z_{{{first + 1}}}"))
    axes.set_ylabel("class" if first == second else printed_symbol(f"z_{{{second + 1}}}"))
    legend(figure, handles)
    return figure
