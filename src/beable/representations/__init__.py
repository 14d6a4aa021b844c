"""The floor of the representations: snapshots to arrays and back. ``make`` takes one by name."""

import inspect
from typing import Any

from beable.errors import unknown
from beable.representations.fields import Fields
from beable.representations.modes import Modes
from beable.representations.representation import Code, Coded, Representation

REPRESENTATIONS: dict[str, type[Representation]] = {"fields": Fields, "modes": Modes}

__all__ = ["REPRESENTATIONS", "Code", "Coded", "Fields", "Modes", "Representation", "make"]


def make(kind: str, **settings: Any) -> Representation:
    """The representation of a name in ``REPRESENTATIONS`` with its own settings.

    >>> make("modes", energy=0.999).settings()["energy"]
    0.999
    """
    if kind not in REPRESENTATIONS:
        raise unknown("representation", kind, REPRESENTATIONS)
    known = list(inspect.signature(REPRESENTATIONS[kind]).parameters)
    for name in settings:
        if name not in known:
            raise unknown(f"setting of the {kind} representation", name, known)
    return REPRESENTATIONS[kind](**settings)
