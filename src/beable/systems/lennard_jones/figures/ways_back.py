"""Configurations beside what several ways back made of them, on one scale of displacements; many in small boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from beable.console.numbers import number
from beable.report.figures.boxes import Scene, checked, empty_box, gravity, particles, rings, scene, side, warnings
from beable.report.figures.checks import same_length
from beable.report.figures.scales import colour_bar, colour_scale
from beable.report.figures.style import INK, WIDTH, FloatArray, panel_grid, styled
from beable.report.figures.words import panel_title

ACROSS = 6  # small boxes side by side
NEAR = 0.5  # σ around them that is seen


@styled
def ways_back(originals: FloatArray, made: Mapping[str, FloatArray], box: float) -> Figure:
    r"""Originals in the first column and each way back in one of the others, a row a configuration.

    Colour and line are each particle's way :math:`|x'_i - x_i|`, on one scale for all; the root of its mean square
    stands below each box.

    Args:
        originals: X, ``(rows, N, d)``, in units of σ.
        made: X' by way ``(rows, N, d)``, particle i of one being particle i of the other.
        box: side L.

    Raises:
        DataError: shape, numbers that are not finite.

    >>> x = np.array([[[1.0, 1.0], [3.0, 1.0]]])
    >>> figure = ways_back(x, {"a": x + [3.0, 4.0], "b": x}, 8.0)
    >>> [text.get_text() for axes in figure.axes[1:3] for text in axes.texts if "σ" in text.get_text()]
    ['5 σ', '0 σ']
    """
    x = checked("configurations", originals, box)
    ways = {name: checked(f"configurations of {name}", y, box) for name, y in made.items()}
    for name, y in ways.items():
        same_length(f"configurations of {name}", len(x), len(y))
    moved = {name: np.linalg.norm(y - x, axis=2) for name, y in ways.items()}
    colour = colour_scale("magnitude", np.stack(list(moved.values())))
    paint = ScalarMappable(colour.norm, colour.map)
    of, columns = scene(np.concatenate([x, *ways.values()]), box), len(ways) + 1
    wide = min((WIDTH - 0.3) / columns, 2.2)
    figure, panels = panel_grid(len(x), columns, 0.95 + len(x) * (wide * of.ratio + 0.3), 0.3 + columns * wide)
    for row, (original, *others) in enumerate(panels):
        empty_box(original, of)
        particles(original, of, x[row])
        for axes, (name, y) in zip(others, ways.items(), strict=True):
            _way(axes, of, x[row], y[row], paint.to_rgba(moved[name][row]))
    for axes, name in zip(panels[0], ("original", *ways), strict=True):
        axes.set_title(panel_title(name, columns))
    gravity(panels[0, 0])
    side(panels[-1, 0], of)
    colour_bar(list(panels.flat), paint, "displacement (σ)", 30, 0.5)
    return figure


def _way(axes: Axes, of: Scene, original: FloatArray, made: FloatArray, faces: FloatArray) -> None:
    """A box with every particle's way from its place."""
    empty_box(axes, of)
    particles(axes, of, made, faces)
    warnings(axes, of, made)
    lines = np.stack([of.seen(original), of.seen(made)], axis=1)[:, :, :2]
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.7, zorder=5))
    rings(axes, lines[:, 0], 0.16, facecolors=INK, edgecolors="none", linewidths=0, zorder=5)
    size = number(np.sqrt(np.mean(np.sum((made - original) ** 2, axis=1))), digits=2)
    axes.text(0, 0, f"{size} σ", transform=axes.transAxes, ha="left", va="top", fontsize=7.5)


@styled
def small_boxes(positions: FloatArray, box: float, titles: Sequence[str]) -> Figure:
    """Configurations six in a row under titles of a few lines; what lies far outside is counted, not drawn.

    Args:
        positions: X, ``(rows, N, d)``, in units of σ.
        box: side L.
        titles: one a row.

    Raises:
        DataError: shape, numbers that are not finite.

    >>> x = np.array([[[1.0, 1.0], [1.5, 1.0]], [[1.0, 1.0], [30.0, 1.0]]])
    >>> figure = small_boxes(x, 8.0, ["near", "far"])
    >>> [text.get_text() for axes in figure.axes[:2] for text in axes.texts if "o" in text.get_text()]
    ['1 overlap', '1 far outside']
    """
    x = checked("configurations", positions, box)
    same_length("titles", len(x), len(titles))
    of = scene(x, box)
    of = replace(of, beyond=min(of.beyond, NEAR))
    rows = -(-len(x) // ACROSS)
    figure, panels = panel_grid(rows, ACROSS, rows * (of.ratio * WIDTH / ACROSS + 0.55))
    for axes, one, title in zip(panels.flat, x, titles, strict=False):
        empty_box(axes, of)
        particles(axes, of, one)
        warnings(axes, of, one)
        axes.texts[-1].set_text(axes.texts[-1].get_text().replace(", ", "\n"))
        axes.set_title(panel_title(title, ACROSS), fontsize=8)
    for axes in panels.flat[len(x) :]:
        axes.set_axis_off()
    gravity(panels[0, 0])
    return figure
