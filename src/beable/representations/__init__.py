"""The floor of the representations: snapshots to arrays and back. ``make`` takes one by name.

Their settings are read without NumPy; a representation is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beable.representations.fields import Fields
    from beable.representations.grids import DensityGrid
    from beable.representations.internal import Internal
    from beable.representations.joint import Joint
    from beable.representations.known import REPRESENTATIONS, make
    from beable.representations.modes import Modes
    from beable.representations.particles import Coordinates, DistanceMatrix
    from beable.representations.periodic import Periodic
    from beable.representations.representation import Coded, CodeSpec, Representation
    from beable.representations.tables import Table

_CONTENTS = {
    "fields": ("Fields",),
    "grids": ("DensityGrid",),
    "internal": ("Internal",),
    "joint": ("Joint",),
    "known": ("REPRESENTATIONS", "make"),
    "modes": ("Modes",),
    "particles": ("Coordinates", "DistanceMatrix"),
    "periodic": ("Periodic",),
    "representation": ("CodeSpec", "Coded", "Representation"),
    "tables": ("Table",),
}
_HOME = {name: f"beable.representations.{module}" for module, names in _CONTENTS.items() for name in names}

__all__ = [
    "REPRESENTATIONS",
    "CodeSpec",
    "Coded",
    "Coordinates",
    "DensityGrid",
    "DistanceMatrix",
    "Fields",
    "Internal",
    "Joint",
    "Modes",
    "Periodic",
    "Representation",
    "Table",
    "make",
]


def __getattr__(name: str) -> object:
    """Import what is asked for, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'beable.representations' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
