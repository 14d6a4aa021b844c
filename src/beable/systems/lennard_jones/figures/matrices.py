r"""Figures of what else a configuration is turned into: matrices of distances, grids of densities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.report.figures.checks import finite
from beable.report.figures.scales import Colour, colour_bar, colour_scale
from beable.report.figures.style import BLUE, GREY, ORANGE, SOFT, WIDTH, FloatArray, legend, panel_grid, styled
from beable.report.figures.words import panel_title, words


@styled
def distance_matrices(
    truth: FloatArray,
    made: FloatArray,
    *,
    names: tuple[str, str] = ("true", "decoded"),
    rows: Sequence[str] = (),
    hidden: NDArray[np.bool_] | None = None,
    label: str = "distance (σ)",
) -> Figure:
    r"""Matrices of distances, what a model made of them and the error (made - true), a row a configuration.

    The error's panel carries the root of its mean square over the pairs; over the hidden pairs where some were.

    Args:
        truth, made: D and D', ``(N, N)`` or ``(rows, N, N)``.
        names: what the two are called.
        rows: a label for each configuration.
        hidden: entries that the model did not see ``(N, N)``, outlined.
        label: what the entries are, with their unit.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = distance_matrices(np.zeros((3, 3)), 2 - 2 * np.eye(3))
    >>> figure.axes[2].texts[0].get_text()
    'RMSE 2'
    """
    d, e = _matrices(names[0], truth), _matrices(names[1], made)
    figure, panels = panel_grid(len(d), 3, 0.85 + len(d) * WIDTH / 3.25)
    shared, signed = colour_scale("magnitude", np.stack([d, e]).clip(0)), colour_scale("signed", e - d)
    for row, (one, other) in enumerate(zip(d, e, strict=True)):
        for axes, values in zip(panels[row, :2], (one, other), strict=True):
            _matrix(axes, values, shared, hidden)
        _matrix(panels[row, 2], other - one, signed, hidden)
        _error(panels[row, 2], other - one, hidden)
        panels[row, 0].set_ylabel(f"{words(rows[row], 28)}\nparticle" if rows else "particle", labelpad=2)
    for axes, title in zip(panels[0], (*names, "error"), strict=True):
        axes.set_title(panel_title(title, 3))
    colour_bar(list(panels[:, :2].flat), panels[0, 0].images[0], words(label), 30, 0.5)
    colour_bar(list(panels[:, 2]), panels[0, 2].images[0], words(label), 15, 1.0)
    return figure


@styled
def matrix_tiles(
    matrices: Mapping[str, FloatArray], *, signed: bool = False, columns: int = 5, label: str = "distance (σ)"
) -> Figure:
    """Matrices in tiles on one scale of colour.

    Args:
        matrices: ``(N, N)`` by title, each of its own size.
        signed: whether they are changes, in a colour for either sign.
        columns: tiles side by side.
        label: what the entries are, with their unit.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = matrix_tiles({"a": np.eye(3), "b": 2 * np.eye(3)}, columns=2)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['a', 'b']
    """
    found = {name: finite(name, values, 2) for name, values in matrices.items()}
    rows = -(-len(found) // columns)
    figure, panels = panel_grid(rows, columns, 0.6 + rows * (WIDTH / columns + 0.25))
    every = np.concatenate([values.ravel() for values in found.values()])  # sizes may differ
    colour = colour_scale("signed", every) if signed else colour_scale("magnitude", every.clip(0))
    for axes, (name, values) in zip(panels.flat, found.items(), strict=False):
        _matrix(axes, values, colour, None)
        axes.set_title(panel_title(name, columns))
    for axes in list(panels.flat)[len(found) :]:
        axes.set_axis_off()
    colour_bar(list(panels.flat), panels[0, 0].images[0], words(label), 30, 0.5)
    return figure


@styled
def errors_beside(
    found: Mapping[str, tuple[float, float | None]],
    reference: float,
    names: tuple[str, str],
    reference_name: str,
    label: str = "error of a distance (σ)",
) -> Figure:
    """Two errors of each model as dots in a row, and a reference as a line.

    Args:
        found: both errors by model, in σ; None for a second that there is not.
        reference: the error of the source.
        names: of the two.
        reference_name: of the reference.
        label: what the errors are, with their unit.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = errors_beside({"a": (0.3, 0.4)}, 0.29, ("network", "linear"), "source")
    >>> figure.axes[0].get_xlabel()
    'error of a distance (σ)'
    """
    table = finite("errors", [[one, one if two is None else two] for one, two in found.values()], 2)
    there = np.array([two is not None for _, two in found.values()])
    figure, panels = panel_grid(1, 1, 1.0 + 0.3 * len(table))
    axes, rows = panels[0, 0], np.arange(len(table))
    axes.hlines(rows, table.min(1), table.max(1), color=GREY, linewidth=1.0)
    looks: list[dict[str, Any]] = [{"color": BLUE, "marker": "o"}, {"color": SOFT, "marker": "D", "fillstyle": "none"}]
    handles: dict[str, Any] = {}
    for name, values, look, some in zip(names, table.T, looks, (there | True, there), strict=True):
        (handles[words(name)],) = axes.plot(values[some], rows[some], linestyle="", markersize=6, **look)
    handles[words(reference_name)] = axes.axvline(reference, color=ORANGE, linewidth=1.2)
    axes.set_yticks(rows, [words(name, 48) for name in found])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    legend(figure, handles)
    return figure


def _matrices(name: str, values: object) -> FloatArray:
    found = finite(f"matrices ({name})", values)
    return found[None] if found.ndim == 2 else found


def _matrix(axes: Axes, values: FloatArray, colour: Colour, mask: NDArray[np.bool_] | None) -> None:
    axes.imshow(values, norm=colour.norm, cmap=colour.map, interpolation="nearest")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    for spine in axes.spines.values():
        spine.set(visible=True, color="#C3C8CE", linewidth=0.5)
    if mask is not None and mask.any():
        _outline(axes, mask)


def _outline(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """The smallest rectangle around a block, or the edge of every hidden part where it is none."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    block = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if block.all():
        corner = (columns[0] - 0.5, rows[0] - 0.5)
        axes.add_patch(Rectangle(corner, block.shape[1], block.shape[0], fill=False, edgecolor=ORANGE, linewidth=1.4))
    else:
        fine = np.kron(np.pad(mask, 1), np.ones((4, 4)))
        places = (np.arange(len(fine)) + 0.5) / 4 - 1.5
        axes.contour(places, places, fine, levels=[0.5], colors=ORANGE, linewidths=1.0)


def _error(axes: Axes, error: FloatArray, mask: NDArray[np.bool_] | None) -> None:
    pairs = ~np.eye(len(error), dtype=bool)
    pairs = pairs if mask is None or not (pairs & mask).any() else pairs & mask
    size = float(np.sqrt(np.mean(error[pairs] ** 2))) if pairs.any() else 0.0
    text = f"RMSE {number(size, digits=2)}" + ("" if mask is None else " (hidden)")
    box: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    axes.text(0.97, 0.04, text, fontsize=8, bbox=box, ha="right", va="bottom", transform=axes.transAxes)
