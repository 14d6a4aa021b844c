"""What a simulator must offer for the search: a cube of designs that it maps to its factors."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.simulator import FloatArray, Simulator


@runtime_checkable
class Designable(Protocol):
    """A simulator whose factors can be chosen freely.

    Optional beside these is ``features(values)``, (rows, factors) to (rows, p): what an emulator is fitted to.
    """

    @property
    def design_dimensions(self) -> int:
        """Dimensions of the unit cube of designs, at least 1."""

    def design(self, unit: FloatArray) -> FloatArray:
        """Factor values ``(rows, factors)`` of points of the unit cube ``(rows, design_dimensions)``, all possible."""


def designable(simulator: Simulator) -> Designable:
    """The simulator, where it offers designs.

    Raises:
        UsageError: it does not.
    """
    if isinstance(simulator, Designable) and simulator.design_dimensions:
        return simulator
    raise UsageError(f"{simulator.name} offers no designs: choose a simulator whose factors can be set freely")


def features(simulator: Simulator, values: FloatArray) -> NDArray[np.float64]:
    """What an emulator of the simulator is fitted to, (rows, p): the factors unless it has features of its own."""
    own = getattr(simulator, "features", None)
    return np.asarray(values if own is None else own(values), dtype=np.float64)
