r"""Spheres in a block of space, seen along parallel rays: what each ray meets first.

Rays run along e, towards the eye, and leave the block at :math:`w_+`. One that passes the centre c of a sphere at a
distance h < r leaves it at :math:`w_c + \sqrt{r^2 - h^2}`. The first point of both,

.. math:: w = \min\left(w_c + \sqrt{r^2 - h^2},\; w_+\right),

lies on the sphere, or, where a face of the block cuts it, on the section. Spheres are taken from the nearest to the
furthest, and one that lies behind all that its rays have met already costs nothing more.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.report.figures.style import FloatArray

AZIMUTH, ELEVATION = np.radians(32), np.radians(24)
NOTHING = -1  # no sphere
Patch = tuple[slice, slice]  # rows and columns of rays


def eye() -> FloatArray:
    """To the right, up and towards the eye, as rows ``(3, 3)``.

    >>> bool(np.allclose(eye() @ eye().T, np.eye(3)))
    True
    """
    (ca, sa), (ce, se) = ((np.cos(angle), np.sin(angle)) for angle in (AZIMUTH, ELEVATION))
    return np.array([[ca, sa, 0.0], [-sa * se, ca * se, ce], [sa * ce, -ca * ce, se]])


class Block(NamedTuple):
    """Spheres in a block [0, L]² × [0, top], and images of those that its two visible sides cut.

    Args:
        centres: ``(images, 3)``.
        radii: ``(images,)``.
        sphere: number of the sphere that each is, or is an image of ``(images,)``.
        side, top: of the block.
    """

    centres: FloatArray
    radii: FloatArray
    sphere: NDArray[np.intp]
    side: float
    top: float

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which of them a face that is seen cuts ``(images,)``."""
        x, y, z = self.centres.T
        cut: NDArray[np.bool_] = (x + self.radii > self.side) | (y - self.radii < 0) | (z + self.radii > self.top)
        return cut

    @property
    def outline(self) -> tuple[float, float, float, float]:
        """What a picture has to show of the plane that faces the eye: left, right, low, high."""
        places = self.centres @ eye()[:2].T
        low, high = (places - self.radii[:, None]).min(0), (places + self.radii[:, None]).max(0)
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def block_of(positions: FloatArray, radii: FloatArray, side: float, top: float) -> Block:
    """Spheres whose centre is in the periodic square, as far as they reach below the top.

    >>> block_of(np.array([[2.0, 2.0, 0.5], [1.0, 3.9, 0.5]]), np.full(2, 0.5), 4.0, 9.0).sphere.tolist()
    [0, 1, 1]
    """
    inside = np.concatenate([positions[:, :2] % side, positions[:, 2:]], axis=1)
    found = []
    for shift in product((0.0, side), (0.0, -side)):
        centres = inside + np.array([*shift, 0.0])
        kept = (centres[:, 0] - radii < side) & (centres[:, 1] + radii > 0) & (centres[:, 2] - radii < top)
        found.append((centres[kept], radii[kept], np.flatnonzero(kept)))
    centres, sizes, spheres = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Block(centres, sizes, spheres, side, top)


class View(NamedTuple):
    """The rays of a picture.

    Args:
        across: their places from left to right ``(across,)``.
        down: their places from the highest down ``(down,)``.
        step: between two of them.
    """

    across: FloatArray
    down: FloatArray
    step: float

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, low and high end of the picture."""
        half = self.step / 2
        (left, right), (high, low) = ((float(ends[0]), float(ends[-1])) for ends in (self.across, self.down))
        return left - half, right + half, low - half, high + half

    def start(self) -> FloatArray:
        """Where the rays cross the plane through the origin that faces the eye ``(3, down, across)``."""
        right, up, _ = eye()
        places: FloatArray = right[:, None, None] * self.across + up[:, None, None] * self.down[:, None]
        return places


def view_of(block: Block, step: float, room: float, multiple: int) -> View:
    """Rays over a block with this much room around it, a multiple of so many in each direction.

    >>> view = view_of(block_of(np.array([[2.0, 2.0, 0.5]]), np.array([0.5]), 4.0, 9.0), 0.1, 0.0, 4)
    >>> len(view.across), len(view.down)
    (12, 12)
    """
    left, right, low, high = block.outline
    columns, rows = (
        multiple * int(np.ceil((length + 2 * room) / (multiple * step))) for length in (right - left, high - low)
    )
    across = left - room + step * (np.arange(columns) + 0.5)
    return View(across, high + room - step * (np.arange(rows) + 0.5), step)


class Seen(NamedTuple):
    """What every ray meets.

    Args:
        sphere: its number, -1 where there is none ``(down, across)``.
        depth: w, minus infinity where there is none ``(down, across)``.
        normal: of the surface, to the right, up and towards the eye ``(down, across, 3)``.
        section: whether a face cuts the sphere there ``(down, across)``.
    """

    sphere: NDArray[np.intp]
    depth: FloatArray
    normal: FloatArray
    section: NDArray[np.bool_]


class _Faces(NamedTuple):
    """Where rays leave the block, and the axis of the face by which they do."""

    w: FloatArray
    axis: NDArray[np.intp]


def _faces(block: Block, view: View) -> _Faces:
    towards = eye()[2]
    ends = np.where(towards > 0, (block.side, block.side, block.top), 0.0)
    w = (ends[:, None, None] - view.start()) / towards[:, None, None]
    return _Faces(w.min(0).astype(np.float32), w.argmin(0))


def cast(block: Block, view: View) -> Seen:
    """What every ray meets first.

    >>> one = block_of(np.array([[2.0, 2.0, 0.5]]), np.array([0.5]), 4.0, 9.0)
    >>> seen = cast(one, view_of(one, 0.01, 0.0, 1))
    >>> round(float((seen.sphere == 0).mean()), 2)  # π/4
    0.79
    """
    faces = _faces(block, view)
    centres, radii = (block.centres @ eye().T).astype(np.float32), block.radii.astype(np.float32)
    rays = View(view.across.astype(np.float32), view.down.astype(np.float32), view.step)
    depth = np.full(faces.w.shape, -np.inf, np.float32)
    image = np.full(faces.w.shape, NOTHING, np.int32)
    cut = block.cut
    with np.errstate(invalid="ignore"):  # the root of a ray that passes by is NaN, which is nearer than nothing
        for i in np.argsort(-(centres[:, 2] + radii)):
            patch = _covered(centres[i], radii[i], rays)
            if depth[patch].size and depth[patch].min() < centres[i, 2] + radii[i]:
                met = _draw(centres[i], radii[i], rays, patch, faces.w[patch] if cut[i] else None, depth[patch])
                np.copyto(image[patch], i, where=met)
    return _surfaces(block, centres, rays, faces, depth, image)


def _draw(
    centre: FloatArray, r: float, rays: View, patch: Patch, faces: FloatArray | None, shown: FloatArray
) -> NDArray[np.bool_]:
    """Put a sphere before what is shown; which rays meet it comes back."""
    half = np.sqrt((r**2 - (rays.down[patch[0]] - centre[1]) ** 2)[:, None] - (rays.across[patch[1]] - centre[0]) ** 2)
    w = centre[2] + half if faces is None else np.minimum(centre[2] + half, faces)
    met: NDArray[np.bool_] = (w > shown) & (w >= centre[2] - half)
    np.copyto(shown, w, where=met)
    return met


def _covered(centre: FloatArray, r: float, rays: View) -> Patch:
    """Rows and columns of the rays that may meet a sphere."""
    row, column = (rays.down[0] - centre[1]) / rays.step, (centre[0] - rays.across[0]) / rays.step
    return _range(row, r / rays.step, len(rays.down)), _range(column, r / rays.step, len(rays.across))


def _range(middle: float, reach: float, count: int) -> slice:
    return slice(max(int(middle - reach), 0), max(min(int(middle + reach) + 2, count), 0))


def _surfaces(
    block: Block, centres: FloatArray, rays: View, faces: _Faces, depth: FloatArray, image: NDArray[np.int32]
) -> Seen:
    """Normals: those of the sphere, or of the face that cuts it."""
    hit = image != NOTHING
    away = (rays.across - centres[image, 0], rays.down[:, None] - centres[image, 1], depth - centres[image, 2])
    normal = np.stack(away, axis=-1) / block.radii.astype(np.float32)[image][..., None]
    section = hit & (depth >= faces.w)
    outward = (eye() * np.sign(eye()[2])).T.astype(np.float32)
    normal[section] = outward[faces.axis[section]]
    normal[~hit] = (0, 0, 1)
    return Seen(np.where(hit, block.sphere[image], NOTHING), depth, normal, section)
