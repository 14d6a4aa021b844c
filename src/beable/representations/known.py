"""The representations by name."""

import inspect
from typing import Any

from beable.errors import UsageError, unknown
from beable.representations.fields import Fields
from beable.representations.grids import DensityGrid
from beable.representations.internal import Internal
from beable.representations.joint import Joint
from beable.representations.modes import Modes
from beable.representations.particles import Coordinates, DistanceMatrix
from beable.representations.periodic import Periodic
from beable.representations.representation import Representation
from beable.representations.tables import Table

REPRESENTATIONS: dict[str, type[Representation]] = {
    "fields": Fields,
    "modes": Modes,
    "coordinates": Coordinates,
    "distances": DistanceMatrix,
    "density": DensityGrid,
    "joint": Joint,
    "internal": Internal,
    "periodic": Periodic,
    "table": Table,
}


def make(kind: str, **settings: Any) -> Representation:
    """The representation of a name in ``REPRESENTATIONS`` with its own settings.

    >>> make("modes", energy=0.999).settings()["energy"]
    0.999
    """
    if kind not in REPRESENTATIONS:
        raise unknown("representation", kind, REPRESENTATIONS)
    parameters = inspect.signature(REPRESENTATIONS[kind]).parameters
    for name in settings:
        if name not in parameters:
            raise unknown(f"setting of the {kind} representation", name, parameters)
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in settings]
    if needed:
        ways = " and ".join(f"representation.{name}" for name in needed)
        raise UsageError(f"the {kind} representation needs {' and '.join(needed)}: set {ways}")
    return REPRESENTATIONS[kind](**settings)
