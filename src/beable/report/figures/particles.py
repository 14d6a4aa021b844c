r"""Figures of configurations of particles: as they are, beside their reconstruction, along a direction of the latents.

Positions are in units of the particle diameter σ, in a box [0, L]^d with the floor at 0 of the last dimension.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from beable.console.numbers import number
from beable.errors import DataError
from beable.report.figures.boxes import (
    Scene,
    checked,
    empty_box,
    gravity,
    joined,
    marks,
    particles,
    rings,
    scene,
    side,
    warnings,
)
from beable.report.figures.checks import finite, same_length
from beable.report.figures.scales import colour_bar, colour_scale
from beable.report.figures.style import INK, WIDTH, FloatArray, Panels, panel_grid, styled
from beable.report.figures.words import panel_title, words

MOST_BOXES = 60
WIDEST = 6  # boxes side by side


class _Paint(NamedTuple):
    """A colour for every particle of every row, and what it means."""

    faces: FloatArray | None
    mappable: ScalarMappable | None
    label: str

    def of(self, row: int) -> FloatArray | None:
        return None if self.faces is None else self.faces[row]


PLAIN = _Paint(None, None, "")


@styled
def configurations(
    positions: FloatArray,
    box: float,
    *,
    titles: Sequence[str] = (),
    colours: FloatArray | None = None,
    colour_label: str = "",
    scale: str = "magnitude",
    bonds: Sequence[Sequence[int]] = (),
    contact: float | None = None,
    marked: NDArray[np.bool_] | None = None,
    columns: int | None = None,
    weight: bool = True,
) -> Figure:
    """Configurations in their boxes; pairs nearer than 0.8 are ringed and counted.

    Args:
        positions: X, ``(rows, N, d)`` with d = 2 or 3, in units of σ.
        box: side L.
        titles: one a row.
        colours: a value of every particle ``(rows, N)``, such as its displacement.
        colour_label: what the values are, with their unit.
        scale: "magnitude", "linear", "log" or "signed" for the values.
        bonds: pairs of particles that a line joins, in every row.
        contact: pairs nearer than this are joined too.
        marked: particles that carry a cross ``(rows, N)``.
        columns: boxes side by side; all up to five when left out, then as even rows as possible.
        weight: whether the particles have weight, which an arrow shows.

    Raises:
        DataError: shape, numbers that are not finite, too many rows.

    >>> figure = configurations(np.array([[[1.0, 1.0], [1.5, 1.0], [3.0, 4.0]]]), 5.0, titles=["three particles"])
    >>> figure.axes[0].texts[0].get_text()
    '1 overlap'
    """
    x = checked("configurations", positions, box)
    same_length("titles", len(x), len(titles) if titles else len(x))
    paint = PLAIN if colours is None else _paint(x, colours, colour_label, scale)
    crosses = _crosses(x, marked)
    evenly = _columns(len(x))
    across = columns or evenly
    of = scene(x, box)
    figure, panels = _boxes(-(-len(x) // across), across, of, paint)
    for row, axes in enumerate(panels.flat[: len(x)]):
        _box(axes, of, x[row], paint.of(row))
        joined(axes, of, x[row], _pairs(x[row], bonds, contact))
        if crosses[row].any():
            marks(axes, of, x[row][crosses[row]])
        axes.set_title(panel_title(titles[row], panels.shape[1]) if titles else "")
    _finish(panels, of, paint, len(x), weight)
    return figure


def _columns(rows: int) -> int:
    if rows > MOST_BOXES:
        raise DataError(f"a figure of configurations shows up to {MOST_BOXES}, got {rows}: select rows")
    return -(-rows // -(-rows // 5))


def _boxes(rows: int, columns: int, of: Scene, paint: _Paint) -> tuple[Figure, Panels]:
    if columns > WIDEST:
        raise DataError(f"a figure of boxes has up to {WIDEST} side by side, got {columns}: select or wrap them")
    wide = min((WIDTH - 0.3) / columns, 2.9)
    bar = 0.55 if paint.mappable else 0.0
    return panel_grid(rows, columns, bar + rows * (wide * of.ratio + 0.35), 0.3 + wide * columns)


def _box(axes: Any, of: Scene, x: FloatArray, faces: FloatArray | None) -> None:
    empty_box(axes, of)
    particles(axes, of, x, faces)
    warnings(axes, of, x)


def _finish(panels: Panels, of: Scene, paint: _Paint, count: int, weight: bool = True) -> None:
    for axes in panels.flat[count:]:
        axes.set_axis_off()
    if weight:
        gravity(panels[0, 0])
    side(panels[(count - 1) // panels.shape[1], 0], of)
    if paint.mappable is not None:
        share = 1.0 if panels.shape[1] == 1 else 0.5
        colour_bar(list(panels.flat), paint.mappable, paint.label, 30, share)


def _paint(positions: FloatArray, values: object, label: str, scale: str) -> _Paint:
    found = finite("particles' colours", values, 2)
    if found.shape != positions.shape[:2]:
        raise DataError(f"a figure needs a colour for every particle, {positions.shape[:2]}, got {found.shape}")
    colour = colour_scale(scale, found)
    mappable = ScalarMappable(colour.norm, colour.map)
    return _Paint(mappable.to_rgba(found), mappable, words(label))


def _crosses(x: FloatArray, marked: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    if marked is None:
        return np.zeros(x.shape[:2], dtype=bool)
    crosses = np.asarray(marked, dtype=bool)
    if crosses.shape != x.shape[:2]:
        raise DataError(f"marked must say yes or no for every particle, {x.shape[:2]}, got {crosses.shape}")
    return crosses


def _pairs(x: FloatArray, bonds: Sequence[Sequence[int]], contact: float | None) -> NDArray[np.intp]:
    given = np.asarray(bonds, dtype=int).reshape(-1, 2)
    if given.size and not (given.min() >= 0 and given.max() < len(x)):
        raise DataError(f"bonds must join particles 0 to {len(x) - 1}, got {given.min()} to {given.max()}")
    if contact is None:
        return given
    near = np.argwhere(np.triu(squareform(pdist(x)) < contact, 1))
    return np.concatenate([given, near])


@styled
def reconstructions(
    truth: FloatArray, made: FloatArray, box: float, *, titles: Sequence[str] = (), weight: bool = True
) -> Figure:
    r"""Configurations above their reconstructions; colour and line are each particle's way :math:`|x'_i - x_i|`.

    Args:
        truth, made: X and X', ``(rows, N, d)``, in units of σ, particle i of one being particle i of the other.
        box: side L.
        titles: one a row.
        weight: whether the particles have weight, which an arrow shows.

    Raises:
        DataError: shape, numbers that are not finite, more rows than fit side by side.

    >>> x = np.array([[[1.0, 1.0], [3.0, 1.0]]])
    >>> figure = reconstructions(x, x + [3.0, 4.0], 8.0)
    >>> figure.axes[1].get_title()
    'root mean square 5 σ'
    """
    x, y = checked("configurations", truth, box), checked("reconstructions", made, box)
    if x.shape != y.shape:
        raise DataError(f"reconstructions must have the shape of the configurations, {x.shape}, got {y.shape}")
    same_length("titles", len(x), len(titles) if titles else len(x))
    moved = np.linalg.norm(y - x, axis=2)
    paint = _paint(x, moved, "displacement (σ)", "magnitude")
    of = scene(np.concatenate([x, y]), box)
    figure, panels = _boxes(2, len(x), of, paint)
    for row, (above, below) in enumerate(panels.T):
        _box(above, of, x[row], paint.of(row))
        _box(below, of, y[row], paint.of(row))
        _ways(below, of, x[row], y[row])
        above.set_title(panel_title(titles[row], panels.shape[1]) if titles else "")
        below.set_title(f"root mean square {_short(np.sqrt(np.mean(moved[row] ** 2)))} σ", fontsize=8)
    _finish(panels, of, paint, panels.size, weight)
    return figure


def _short(value: float) -> str:
    return number(value, digits=2)


def _ways(axes: Any, of: Scene, start: FloatArray, end: FloatArray) -> None:
    lines = np.stack([of.seen(start), of.seen(end)], axis=1)[:, :, :2]
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.8, zorder=5))
    rings(axes, lines[:, 0], 0.16, facecolors=INK, edgecolors="none", linewidths=0, zorder=5)


@styled
def traversals(positions: FloatArray, values: FloatArray, box: float, *, names: Sequence[str] = ()) -> Figure:
    """What a decoder makes along directions of its latents: a row a direction, colour the way from the middle.

    Args:
        positions: X, ``(directions, steps, N, d)``, in units of σ.
        values: place of every step along its direction ``(steps,)``; the middle is the one nearest 0.
        box: side L.
        names: one a direction.

    Raises:
        DataError: shape, numbers that are not finite, more steps than fit side by side.

    >>> figure = traversals(np.ones((1, 3, 4, 2)) * np.arange(4)[:, None], np.array([-1.0, 0.0, 1.0]), 4.0)
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['−1', '0', '1']
    """
    x = finite("traversals", positions, 4)
    flat = checked("traversals", x.reshape(-1, *x.shape[2:]), box)
    steps = finite("steps", values, 1)
    same_length("steps", x.shape[1], len(steps))
    same_length("names of directions", len(x), len(names) if names else len(x))
    middle = x[:, [int(np.argmin(np.abs(steps)))]]
    paint = _paint(
        flat, np.linalg.norm(x - middle, axis=3).reshape(len(flat), -1), "way from the middle (σ)", "magnitude"
    )
    of = scene(flat, box)
    figure, panels = _boxes(len(x), len(steps), of, paint)
    for row, axes in enumerate(panels.flat):
        _box(axes, of, flat[row], paint.of(row))
    for axes, step in zip(panels[0], steps, strict=True):
        axes.set_title(_short(step))
    for axes, name in zip(panels[:, 0], names, strict=False):
        axes.text(
            -0.09, 0.45, words(name, 20), transform=axes.transAxes, rotation=90, ha="right", va="center", fontsize=9
        )
    _finish(panels, of, paint, panels.size)
    return figure
