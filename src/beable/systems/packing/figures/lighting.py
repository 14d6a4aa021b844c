"""How light a seen surface is: a lamp, a sky that crevices see less of, and the shade of a block on a white floor.

The sky that a point does not see is estimated from what rises over its tangent plane in rings around it (ambient
obscurance after McGuire, Osman, Bukowski & Hennessy 2011). Light is added and averaged as light; colours between 0
and 1 are what a screen shows of it (sRGB).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.report.figures.style import FloatArray
from beable.systems.packing.figures.raycast import NOTHING, Block, Seen, View, cast, eye

SAMPLES = 2  # rays a side of a pixel
LAMP, SKY, SHINE = 0.78, 0.55, 0.10  # how much light each gives
TO_THE_LAMP = np.array([-0.2, 0.6, 0.6**0.5], dtype=np.float32)  # to the right, up, towards the eye
RIM = 0.5  # of its light is what the edge of a sphere loses
PALER, BRIGHTER = 0.16, 1.3  # white in a section, and its light
SHADE, FADES = 0.38, 0.05  # of the floor at the block, and the share of the side within which it ends
DIRECTIONS, RINGS = 9, 5  # in which a point looks around
CREVICE, DARKEST = 4.5, 0.85  # how fast the sky is lost, and the most that can be


def picture(block: Block, view: View, colours: FloatArray) -> NDArray[np.uint8]:
    """A picture of a block on a white floor, colours from 0 to 255 ``(down, across, 3)``.

    Args:
        block: the spheres.
        view: rays, a multiple of ``SAMPLES`` in each direction.
        colours: of all spheres, between 0 and 1 ``(spheres, 3)``.

    >>> from beable.systems.packing.figures.raycast import block_of, view_of
    >>> one = block_of(np.array([[2.0, 2.0, 0.5]]), np.array([0.5]), 4.0, 9.0)
    >>> picture(one, view_of(one, 0.1, 0.5, SAMPLES), np.array([[0.0, 0.4, 0.7]])).shape
    (10, 10, 3)
    """
    seen = cast(block, view)
    light = _lit(seen, _light(colours).astype(np.float32), _open_sky(seen, view.step, float(block.radii.max())))
    empty = seen.sphere == NOTHING
    light[empty] = _floor(block.side, view)[empty][:, None]
    return _shown(_averaged(light))


def _lit(seen: Seen, colours: FloatArray, sky: FloatArray) -> FloatArray:
    """Light that comes from every point ``(down, across, 3)``."""
    normal, section = seen.normal, seen.section
    half = TO_THE_LAMP + np.array([0, 0, 1], dtype=np.float32)
    glint = np.maximum(normal @ (half / np.linalg.norm(half)), 0) ** 40
    rim = 1 - RIM * (1 - np.clip(normal[..., 2], 0, 1)) ** 3
    amount = LAMP * np.maximum(normal @ TO_THE_LAMP, 0) * np.sqrt(sky) + SKY * sky * (0.8 + 0.2 * normal[..., 1])
    base = colours[seen.sphere]
    base[section] = (base[section] * (1 - PALER) + PALER) * BRIGHTER
    return base * (amount * np.where(section, 1, rim))[..., None] + np.where(section, 0, SHINE * glint * sky)[..., None]


def _open_sky(seen: Seen, step: float, reach: float) -> FloatArray:
    """Share of the sky that every point sees ``(down, across)``, worked out once a pixel."""
    depth = np.maximum(seen.depth[::SAMPLES, ::SAMPLES], np.float32(-1e6))
    normal = np.ascontiguousarray(np.moveaxis(seen.normal[::SAMPLES, ::SAMPLES], -1, 0))
    pixel = step * SAMPLES
    furthest = max(reach / pixel, 3.0)
    hidden = np.zeros_like(depth)
    for ring, steps in enumerate(np.geomspace(min(1.5, furthest / 2), furthest, RINGS)):
        for angle in 2 * np.pi * (np.arange(DIRECTIONS) / DIRECTIONS + 0.382 * ring):
            hidden += _risen(depth, normal, round(steps * np.cos(angle)), round(steps * np.sin(angle)), pixel)
    return _finer(1 - DARKEST * np.clip(CREVICE * hidden / (DIRECTIONS * RINGS), 0, 1), seen.sphere)


def _risen(depth: FloatArray, normal: FloatArray, right: int, up: int, pixel: float) -> FloatArray:
    """Sine of a neighbour's height over each point's tangent plane, less the further in front it stands."""
    rise = _moved(depth, right, up) - depth
    along = np.float32(np.hypot(right, up) * pixel)
    height = normal[0] * np.float32(right * pixel) + normal[1] * np.float32(up * pixel) + normal[2] * rise
    sine = np.maximum(height / np.sqrt(along**2 + rise**2) - np.float32(0.06), 0)
    risen: FloatArray = sine / (1 + np.maximum(rise, 0) / (4 * along))
    return risen


def _finer(coarse: FloatArray, sphere: NDArray[np.intp]) -> FloatArray:
    """Values of a pixel's first ray for all its rays, those of the next pixel where that one is on the same sphere."""
    known = sphere[::SAMPLES, ::SAMPLES]
    values = _repeated(coarse)
    other = _repeated(known) != sphere
    for right, up in ((1, 0), (0, -1), (1, -1)):
        found = other & (_repeated(_moved(known, right, up)) == sphere)
        np.copyto(values, _repeated(_moved(coarse, right, up)), where=found)
        other &= ~found
    return values


def _moved(values: NDArray[Any], right: int, up: int) -> NDArray[Any]:
    """What is so many pixels to the right and up of each, edges repeated."""
    rows = np.clip(np.arange(values.shape[0]) - up, 0, values.shape[0] - 1)
    columns = np.clip(np.arange(values.shape[1]) + right, 0, values.shape[1] - 1)
    return values[rows][:, columns]


def _repeated(values: NDArray[Any]) -> NDArray[Any]:
    return values.repeat(SAMPLES, 0).repeat(SAMPLES, 1)


def _floor(side: float, view: View) -> FloatArray:
    """Light of the floor around a block ``(down, across)``."""
    towards, start = eye()[2], view.start()
    away = np.zeros(start.shape[1:])
    for axis in (0, 1):
        place = start[axis] - start[2] * towards[axis] / towards[2]
        away += np.maximum(np.abs(place - side / 2) - side / 2, 0) ** 2
    return 1 - SHADE * np.exp(-away / (FADES * side) ** 2)


def _averaged(light: FloatArray) -> FloatArray:
    """The mean of the rays of each pixel."""
    rows, columns = (n // SAMPLES for n in light.shape[:2])
    mean: FloatArray = light.reshape(rows, SAMPLES, columns, SAMPLES, -1).mean((1, 3))
    return mean


def _light(colours: FloatArray) -> FloatArray:
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def _shown(light: FloatArray) -> NDArray[np.uint8]:
    light = np.clip(light, 0, 1)
    colours = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * colours).astype(np.uint8)
