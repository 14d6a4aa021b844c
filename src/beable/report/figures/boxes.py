r"""One box of particles in a panel: discs of diameter σ to scale, the ground, the walls, what overlaps.

Hard walls hold the *centres* within [0, L]^d; ground and walls are drawn half a diameter further out, so that a
particle at the floor rests on it. A box of three dimensions is seen in parallel projection from the side and a
little from above, far particles paler. The last dimension points up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from beable.errors import DataError
from beable.report.figures.checks import finite
from beable.report.figures.style import INK, ORANGE, SOFT, FloatArray

DISC = np.array([0.66, 0.81, 0.91, 1.0])
BALL = np.array([0.16, 0.47, 0.69, 1.0])
EDGE = "#1D5B85"
GROUND = "#E7EAEE"
CORE = 0.8  # nearer pairs overlap: hardly ever seen in equilibrium
AZIMUTH, ELEVATION = np.radians(28), np.radians(16)
FURTHEST = 0.25  # of the side; what lies beyond the walls by more is not shown


@dataclass(frozen=True)
class Scene:
    """The box and how far around it one sees.

    Args:
        side: L in units of σ.
        dimensions: 2 or 3.
        beyond: largest distance of a centre from the box that is still shown.
    """

    side: float
    dimensions: int
    beyond: float

    def seen(self, positions: FloatArray) -> FloatArray:
        """To the right, up and away from the eye, ``(..., 3)``."""
        return positions @ _eye(self.dimensions).T

    @property
    def view(self) -> FloatArray:
        """What a panel shows, to the right and up, ``(2, 2)``."""
        edges = self.corners(self.beyond + 0.5)[:, :2]
        ground = 0.06 if self.dimensions == 2 else 0.02
        room = self.side * np.array([[-0.02, 0.02], [-ground, 0.02]])
        return np.stack([edges.min(0), edges.max(0)], axis=1) + room

    @property
    def ratio(self) -> float:
        """Height of a panel over its width."""
        width, height = np.ptp(self.view, axis=1)
        return float(height / width)

    def corners(self, beyond: float) -> FloatArray:
        """Corners of a box that is larger on every side ``(2^d, 3)``."""
        return self.seen(np.array(list(product([-beyond, self.side + beyond], repeat=self.dimensions))))


def _eye(dimensions: int) -> FloatArray:
    if dimensions == 2:
        return np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    (ca, sa), (ce, se) = ((np.cos(angle), np.sin(angle)) for angle in (AZIMUTH, ELEVATION))
    return np.array([[ca, -sa, 0], [sa * se, ca * se, ce], [sa * ce, ca * ce, -se]])


def checked(name: str, positions: object, box: float) -> FloatArray:
    """Positions ``(rows, N, d)`` of at least one particle, in two or three dimensions."""
    x = finite(name, positions, 3)
    if x.shape[2] not in (2, 3):
        raise DataError(f"a figure of {name} needs (rows, particles, 2 or 3), got shape {x.shape}")
    if not (np.isfinite(box) and box > 0):
        raise DataError(f"a figure of {name} needs a box with a side greater than 0, got {box}")
    return x


def scene(positions: FloatArray, box: float) -> Scene:
    """The box of all rows, with room for particles that left it a little."""
    out = max(0.0, -float(positions.min()), float(positions.max()) - box)
    return Scene(float(box), positions.shape[2], min(out, FURTHEST * box))


def empty_box(axes: Axes, of: Scene) -> None:
    """Ground and walls."""
    (_flat_box if of.dimensions == 2 else _solid_box)(axes, of)
    (left, right), (bottom, top) = of.view
    axes.set_aspect("equal")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()


def _flat_box(axes: Axes, of: Scene) -> None:
    low, high = -0.5, of.side + 0.5
    axes.plot([low, low, high, high], [low, high, high, low], color="#B4BAC2", linewidth=0.8, zorder=1)
    axes.plot([low, high], [low, low], color=INK, linewidth=1.4, zorder=1, solid_capstyle="butt")
    step = (high - low) / 26
    strokes = [[(x, low), (x - step, low - 1.25 * step)] for x in low + step * np.arange(1, 27)]
    axes.add_collection(LineCollection(strokes, colors=SOFT, linewidths=0.6, zorder=0))


def _solid_box(axes: Axes, of: Scene) -> None:
    corners = of.corners(0.5)
    index = np.array(list(product([0, 1], repeat=3)))
    floor = corners[[0, 2, 6, 4], :2]
    axes.add_patch(Polygon(floor, facecolor=GROUND, edgecolor=INK, linewidth=1.0, zorder=0))
    nearest = int(np.argmin(corners[:, 2]))
    for a, b in _edges(index):
        front = nearest in (a, b)
        style: dict[str, Any] = {"color": "#8F97A1" if front else "#C3C8CE", "linewidth": 0.8 if front else 0.6}
        axes.plot(corners[[a, b], 0], corners[[a, b], 1], zorder=6 if front else 1, **style)


def _edges(index: NDArray[np.intp]) -> list[tuple[int, int]]:
    return [(a, b) for a in range(8) for b in range(a) if np.abs(index[a] - index[b]).sum() == 1]


def particles(axes: Axes, of: Scene, positions: FloatArray, faces: FloatArray | None = None) -> None:
    """Every particle ``(N, d)`` as a disc in its colour ``(N, 4)``; in three dimensions the nearest drawn last."""
    places = of.seen(positions)
    plain = DISC if of.dimensions == 2 else BALL
    colours = np.broadcast_to(plain, (len(places), 4)) if faces is None else faces
    edge = EDGE if faces is None else INK
    if of.dimensions == 2:
        rings(axes, places, facecolors=colours, edgecolors=edge, linewidths=0.6, zorder=3)
    else:
        _balls(axes, of, places, colours, 0.62 if faces is None else 0.4)


def rings(axes: Axes, places: FloatArray, diameter: FloatArray | float = 1.0, **look: Any) -> None:
    """Circles around places on the panel ``(N, 2 or more)``, their diameters in units of the panel."""
    sizes = np.broadcast_to(np.atleast_1d(diameter), len(places) if np.size(diameter) > 1 else 1)
    style: dict[str, Any] = {"units": "xy", "offsets": places[:, :2], "offset_transform": axes.transData}
    axes.add_collection(EllipseCollection(sizes, sizes, np.zeros(len(sizes)), **style, **look))


def _balls(axes: Axes, of: Scene, places: FloatArray, colours: FloatArray, fog: float) -> None:
    """Discs that grow lighter towards the light, from the furthest, in most fog, to the nearest."""
    order = np.argsort(-places[:, 2])
    depth = of.corners(0.0)[:, 2]
    far = np.clip((places[order, 2] - depth.min()) / np.ptp(depth), 0, 1)[:, None]
    base = colours[order, :3]
    paler = base + (1 - base) * fog * far
    shades = np.stack([paler + (1 - paler) * light for light in (0.0, 0.16, 0.38, 0.7)], axis=1).reshape(-1, 3)
    centres = np.repeat(places[order, :2], 4, axis=0) + np.tile([[0, 0], [-0.07, 0.07], [-0.12, 0.12], [-0.17, 0.17]],
                                                               (len(order), 1))  # fmt: skip
    sizes = np.tile([1.0, 0.78, 0.5, 0.18], len(order))
    edges = np.where(np.arange(len(sizes)) % 4 == 0, "#3C4A57", "none")
    rings(axes, centres, sizes, facecolors=shades, edgecolors=list(edges), linewidths=0.5, zorder=3)


def overlaps(positions: FloatArray) -> NDArray[np.bool_]:
    """Which pairs of one configuration ``(N, d)`` overlap ``(N, N)``."""
    near: NDArray[np.bool_] = squareform(pdist(positions) < CORE).astype(bool)
    return near


def warnings(axes: Axes, of: Scene, positions: FloatArray) -> None:
    """Rings around particles that overlap, and in words how many overlap, or are too far out to be seen."""
    near = overlaps(positions)
    if near.any():
        rings(
            axes, of.seen(positions[near.any(1)]), 1.0, facecolors="none", edgecolors=ORANGE, linewidths=1.7, zorder=7
        )
    gone = int((np.abs(positions - of.side / 2) > of.side / 2 + of.beyond + 0.5).any(1).sum())
    said = [_count(int(near.sum()) // 2, "overlap"), f"{gone} far outside" if gone else ""]
    axes.text(1, 0, ", ".join(filter(None, said)), transform=axes.transAxes, ha="right", va="top", fontsize=7.5,
              color="#A84800")  # fmt: skip


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'s' if many > 1 else ''}" if many else ""


def joined(axes: Axes, of: Scene, positions: FloatArray, pairs: Sequence[Sequence[int]] | NDArray[np.intp]) -> None:
    """Lines between the centres of pairs ``(pairs, 2)``."""
    lines = of.seen(positions)[np.asarray(pairs, dtype=int).reshape(-1, 2), :2]
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.7, alpha=0.75, zorder=4))


def marks(axes: Axes, of: Scene, positions: FloatArray) -> None:
    """A cross on each of these particles ``(M, d)``."""
    places = of.seen(positions)
    style: dict[str, Any] = {"color": ORANGE, "markersize": 4.5, "markeredgewidth": 1.4, "zorder": 8}
    axes.plot(places[:, 0], places[:, 1], "x", **style)


def gravity(axes: Axes) -> None:
    """An arrow to the left of a panel, down."""
    style: dict[str, Any] = {"xycoords": "axes fraction", "annotation_clip": False}
    arrow = {"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (-0.035, 0.68), (-0.035, 0.88), arrowprops=arrow, **style)
    axes.annotate("g", (-0.035, 0.895), ha="center", va="bottom", style="italic", fontsize=8.5, color=SOFT, **style)


def side(axes: Axes, of: Scene) -> None:
    """The side of the box in words, below it."""
    axes.text(0, 0, f"L = {of.side:g} σ", transform=axes.transAxes, ha="left", va="top", fontsize=7.5, color=SOFT)
