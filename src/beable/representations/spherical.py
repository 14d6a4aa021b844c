r"""Positions around a centre by distance and angles.

In the plane :math:`(r, \varphi)`, in space :math:`(r, \theta, \varphi)` with θ from the last axis, the vertical:
:math:`x = r (\sin\theta\cos\varphi, \sin\theta\sin\varphi, \cos\theta)`. Angles jump by 2π at :math:`\varphi = \pm\pi`.
"""

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError
from beable.representations.representation import FloatArray


def to_spherical(positions: FloatArray) -> NDArray[np.float64]:
    """Distance and angles, in radians, of positions (..., dimensions) around 0.

    >>> to_spherical(np.array([0.0, 2.0])).round(3).tolist()
    [2.0, 1.571]
    """
    plane, r = _dimensions(positions) == 2, np.sqrt((positions**2).sum(-1))
    azimuth = np.arctan2(positions[..., 1], positions[..., 0])
    if plane:
        return np.stack([r, azimuth], -1)
    return np.stack([r, np.arctan2(np.hypot(positions[..., 0], positions[..., 1]), positions[..., 2]), azimuth], -1)


def from_spherical(numbers: FloatArray) -> NDArray[np.float64]:
    """Positions (..., dimensions) of distances and angles."""
    r, azimuth = numbers[..., 0], numbers[..., -1]
    level = r if _dimensions(numbers) == 2 else r * np.sin(numbers[..., 1])
    plane = [level * np.cos(azimuth), level * np.sin(azimuth)]
    return np.stack(plane if _dimensions(numbers) == 2 else [*plane, r * np.cos(numbers[..., 1])], -1)


def _dimensions(numbers: FloatArray) -> int:
    dimensions = int(numbers.shape[-1])
    if dimensions not in (2, 3):
        raise DataError(f"polar coordinates need 2 or 3 dimensions, got {dimensions}: leave out representation.polar")
    return dimensions
