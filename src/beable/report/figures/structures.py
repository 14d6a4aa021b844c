r"""Figures of molecules and other named particles: no floor, no weight, a scale bar in their own unit.

Frames are seen along the direction in which all of them together extend least. Where neighbours in the list keep their
distance they are joined, as the atoms of a chain are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.errors import DataError
from beable.report.figures.checks import finite, same_length
from beable.report.figures.style import INK, SOFT, WIDTH, FloatArray, panel_grid, styled
from beable.report.figures.words import panel_title, printed_unit

COLOURS = "viridis"
WIDEST = 5
#: neighbours in the list are joined where their distances vary by less than this share
TIED = 0.3
GREY = "#B4BAC2"


@styled
def structures(
    positions: FloatArray,
    unit: str = "1",
    *,
    titles: Sequence[str] = (),
    below: FloatArray | None = None,
    edges: FloatArray | None = None,
) -> Figure:
    """Frames side by side, particles coloured by their place in the list.

    Args:
        positions: X, ``(frames, N, 2 or 3)``.
        unit: of lengths.
        titles: one a frame.
        below: other positions of the same particles, drawn in grey under them, such as the true ones.
        edges: of the box as rows, ``(d, d)``, drawn in the plane; None without one.

    Raises:
        DataError: shape, numbers that are not finite, more frames than fit side by side.

    >>> chain = np.cumsum(np.ones((1, 6, 3)), axis=1)
    >>> figure = structures(chain, "angstrom", titles=["a chain"])
    >>> figure.axes[0].get_title(), [text.get_text() for text in figure.axes[0].texts]
    ('a chain', ['2 angstrom'])
    """
    x = finite("structures", positions, 3)
    if x.shape[2] not in (2, 3):
        raise DataError(f"a figure of structures needs (frames, particles, 2 or 3), got shape {x.shape}")
    if len(x) > WIDEST:
        raise DataError(f"a figure of structures has up to {WIDEST} side by side, got {len(x)}: select frames")
    under = x if below is None else finite("structures below", below, 3)
    same_length("titles", len(x), len(titles) if titles else len(x))
    seen, other = _seen(x, x), _seen(under, x)
    low, high = (f(np.concatenate([seen, other]).reshape(-1, 2), axis=0) for f in (np.min, np.max))
    wide = min((WIDTH - 0.3) / len(x), 2.9)
    ratio = float(np.clip((high - low)[1] / max((high - low)[0], 1e-12), 0.4, 1.6))
    figure, panels = panel_grid(1, len(x), 0.75 + wide * ratio, 0.3 + wide * len(x))
    joined = is_chain(x)
    for frame, axes in enumerate(panels.flat):
        if below is not None:
            _plain(axes, other[frame], joined)
        _coloured(axes, seen[frame], joined)
        if edges is not None and x.shape[2] == 2:
            _walls(axes, edges)
        axes.set_title(panel_title(titles[frame], len(x)) if titles else "")
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_xlim(*_room(low[0], high[0]))
        axes.set_ylim(*_room(low[1], high[1], 0.14))
    _scale(panels[0, 0], low, high, unit)
    return figure


def is_chain(positions: FloatArray) -> bool:
    """Whether most neighbours in the list keep their distance."""
    apart = np.linalg.norm(np.diff(positions, axis=1), axis=2).ravel()
    return len(apart) > 1 and bool(apart.std() < TIED * apart.mean())


def _seen(positions: FloatArray, of: FloatArray) -> FloatArray:
    """Positions (frames, N, d) on the plane in which those of a figure extend most."""
    if positions.shape[2] == 2:
        return positions
    middle = of.reshape(-1, 3).mean(0)
    about = of.reshape(-1, 3) - middle
    axes = np.linalg.eigh(about.T @ about)[1].T[::-1].copy()
    axes *= np.sign(axes[range(3), np.abs(axes).argmax(axis=1)])[:, None]  # the same side for every machine
    return np.asarray((positions - middle) @ axes[:2].T)


def _room(low: float, high: float, below: float = 0.06) -> tuple[float, float]:
    room = max(high - low, 1e-12)
    return low - below * room, high + 0.06 * room


def _plain(axes: Any, x: FloatArray, joined: bool) -> None:
    if joined:
        axes.plot(x[:, 0], x[:, 1], color=GREY, linewidth=1.6, zorder=1)
    else:
        axes.scatter(x[:, 0], x[:, 1], s=_size(len(x)), facecolors="none", edgecolors=GREY, zorder=1)


def _coloured(axes: Any, x: FloatArray, joined: bool) -> None:
    place = np.arange(len(x), dtype=float)
    style: dict[str, Any] = {"cmap": COLOURS, "norm": Normalize(0, max(len(x) - 1, 1)), "zorder": 3}
    if joined:
        lines = LineCollection(list(np.stack([x[:-1], x[1:]], axis=1)), linewidths=1.1, **style)
        lines.set_array(place[:-1])
        axes.add_collection(lines)
    axes.scatter(x[:, 0], x[:, 1], s=_size(len(x)) / (4 if joined else 1), c=place, linewidths=0, **style)


def _size(count: int) -> float:
    """Area of a dot in points squared."""
    return float(np.clip(1200 / count, 3, 40))


def _walls(axes: Any, edges: FloatArray) -> None:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ edges
    axes.plot(corners[:, 0], corners[:, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)


def _scale(axes: Any, low: FloatArray, high: FloatArray, unit: str) -> None:
    """A bar of round length, below the first panel."""
    wide = max(float(high[0] - low[0]), 1e-12)
    power = 10 ** np.floor(np.log10(0.4 * wide))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= 0.4 * wide))
    y = low[1] - 0.07 * max(float(high[1] - low[1]), 1e-12)
    axes.plot([low[0], low[0] + length], [y, y], color=INK, linewidth=1.6, clip_on=False, solid_capstyle="butt")
    words = " ".join(filter(None, [number(length), printed_unit(unit)]))
    style: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}
    axes.annotate(words, (low[0], y), (0, -2), ha="left", va="top", fontsize=7.5, color=SOFT, **style)


def apart(one: FloatArray, other: FloatArray) -> NDArray[np.float64]:
    """Root mean square distance of the particles of each frame, (frames,)."""
    return np.asarray(np.sqrt(np.square(one - other).sum(-1).mean(-1)))
