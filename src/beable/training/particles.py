"""What a data set says of its particles, and what a representation needs of that: names, box, walls that repeat.

Nothing is guessed: where neither the data set nor the settings say whether particles have names, and their numbers
leave it open, the training is refused with the two answers.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.datasets.readings import is_particles
from beable.datasets.store import Store
from beable.errors import DataWarning, UsageError
from beable.representations.identity import MOST_ROWS, are_identical
from beable.representations.pairs import in_places
from beable.simulator import Variable
from beable.training.declared import words_of

#: representations that number particles by a rule, and those that need the box
ORDERED = ("coordinates", "distances", "joint", "periodic")
BOXED = ("distances", "periodic")
BOX = "box"
ALIKE = 1e-6


def repeats(store: Store) -> tuple[bool, ...]:
    """Along which axes positions of a data set are wrapped into a box that repeats; none where nobody says so."""
    if "periodic" in store.constants:
        return tuple(bool(is_so) for is_so in np.ravel(store.constants["periodic"]))
    return (True,) if store.settings.get("walls") == "periodic" and _side(store) is not None else ()


def suited(store: Store, names: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """Options of a representation with those that the data set answers.

    Args:
        store: the data set.
        names: the variables that are learned from.
        options: kind and what was given.

    Raises:
        UsageError: whether particles have names is said nowhere and cannot be told.

    Warns:
        DataWarning: particles that are declared distinct are numbered by a rule.
    """
    particles = [v for v in store.variables if v.name in names and is_particles(v)]
    if len(particles) != 1 or options["kind"] not in (*ORDERED, "internal"):
        return options
    found = dict(options)
    if options["kind"] == "internal" and options.get("distances"):
        found["distances"] = in_places(options["distances"], words_of(store, particles))
    if options["kind"] in ORDERED:
        found |= _order(store, particles[0], options)
    if options["kind"] in BOXED:
        found |= _box(store, particles[0], options)
    return found


def _order(store: Store, variable: Variable, options: dict[str, Any]) -> dict[str, Any]:
    """The order of distinct particles is that of the list."""
    given, said = options.get("order"), variable.particles
    if given is not None:
        if said == "distinct" and given != "none":
            warnings.warn(
                f"{variable.name}: its particles are distinct, and representation.order = {given!r} gives their places "
                "to others: decoded ones are in no order of the data; leave it out to keep them",
                DataWarning,
                stacklevel=5,
            )
        return {}
    if said == "distinct":
        return {"order": "none"}
    if said == "identical" or store.simulator is not None:
        return {}
    rows = store.valid_rows[np.linspace(0, len(store.valid_rows) - 1, MOST_ROWS).round().astype(int)]
    verdict = are_identical(store.read(variable.name, np.unique(rows)))
    if verdict.answer is None:
        raise UsageError(
            f"{variable.name}: whether its particles have names cannot be told ({verdict.reason}): where each keeps "
            "its place in the list give representation.order = 'none' (--set representation.order=none; for the data "
            "set --particles distinct), where they are identical 'assignment' (--particles identical)"
        )
    return {}


def _box(store: Store, variable: Variable, options: dict[str, Any]) -> dict[str, Any]:
    """The box that the data set has, for a representation that needs it, and what is done without one."""
    turns, kind = repeats(store), options["kind"]
    found: dict[str, Any] = {}
    if "box" not in options:
        sides = box_of(store)
        straight = sides is not None and np.ptp(sides) <= ALIKE * np.max(sides)
        if kind == "distances":
            found = {"box": float(sides[0])} if sides is not None and sides.size <= 3 and straight else {}
            found = found or {n: v for n, v in NO_BOX.items() if n not in options}
        elif sides is not None:
            found = {"box": sides.tolist()}
    if kind == "distances" and any(turns) and "periodic" not in options and "box" in options | found:
        found["periodic"] = True
    if kind == "periodic" and len(turns) > 1 and not all(turns) and "repeats" not in options:
        found["repeats"] = list(turns)
    return found


#: how distances are scaled, and configurations turned, where there is no box
NO_BOX = {"scaling": "deviation", "orientation": "mean"}


def box_of(store: Store) -> NDArray[np.float64] | None:
    """Side, sides or edges of the box that all rows have; None without one, or where it changes."""
    if (side := _side(store)) is not None:
        return np.array([side])
    if BOX not in {v.name for v in store.variables}:
        return None
    boxes = store.read(BOX, store.valid_rows).astype(np.float64)
    same = np.ptp(boxes, axis=0).max() <= ALIKE * np.abs(boxes).max()
    return boxes[0].ravel() if same else None


def _side(store: Store) -> float | None:
    """The one side of the box of a simulator; None where chains have several."""
    sides = np.unique(np.ravel(store.settings.get("box", [])))
    return float(sides[0]) if sides.size == 1 and sides.dtype.kind in "fi" else None


def boxed(store: Store, names: Sequence[str], kind: str, given: dict[str, Any]) -> list[str]:
    """The variables to learn from, and the box of each row with them where it changes and is needed."""
    moving = kind == "periodic" and "box" not in given and box_of(store) is None
    return [*names, *([BOX] if moving and BOX not in names and BOX in {v.name for v in store.variables} else [])]
