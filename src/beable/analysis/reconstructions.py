"""What members make of held-out rows: errors of all outputs together and of each channel."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.metrics.reconstruction import reconstruction_error
from beable.representations import Representation
from beable.representations.representation import Coded
from beable.simulator import Variable

FloatArray = NDArray[np.floating]
CHANNEL_ROWS = 128


class Reconstructions(NamedTuple):
    """Rows and what each member makes of them.

    Args:
        coded: the rows.
        locations: decoded means in code space, (members, rows, m).
        representation: the way back to fields.
    """

    coded: Coded
    locations: FloatArray
    representation: Representation

    def relative_error(self) -> FloatArray:
        """Of all outputs together, exact in code space, (members)."""
        values = self.coded.values.reshape(len(self.coded.values), -1).astype(np.float64)
        left = self.coded.residual_energy.sum()
        energy = ((values - values.mean(0)) ** 2).sum() + left
        errors = ((self.locations.reshape(-1, *values.shape) - values) ** 2).sum((1, 2))
        return np.asarray((errors + left) / energy)

    def error_by_channel(
        self, snapshots: Mapping[str, FloatArray], variables: Sequence[Variable]
    ) -> dict[str, FloatArray]:
        """Of each channel in physical units on ``CHANNEL_ROWS`` of the rows, (members)."""
        some = slice(None, None, -(-len(self.coded.values) // CHANNEL_ROWS))
        few = {name: values[some] for name, values in snapshots.items()}
        truth = by_channel(self.representation.canonical(few), variables)
        members = [
            reconstruction_error(truth, by_channel(self.representation.inverse(location[some]), variables)).variables
            for location in self.locations
        ]
        return {name: np.array([errors[name].squared for errors in members]) for name in truth}


def by_channel(snapshots: Mapping[str, FloatArray], variables: Sequence[Variable]) -> dict[str, FloatArray]:
    """Each channel on its own: a variable, or a component of one.

    >>> flux = Variable("flux", ("component", "x", "y"), (2, 3, 3), components=("x", "y"))
    >>> list(by_channel({"flux": np.zeros((5, 2, 3, 3))}, [flux]))
    ['flux x', 'flux y']
    """
    channels: dict[str, FloatArray] = {}
    for v in variables:
        if v.name in snapshots and v.components:
            channels |= {f"{v.name} {c}": snapshots[v.name][:, i] for i, c in enumerate(v.components)}
        elif v.name in snapshots:
            channels[v.name] = snapshots[v.name]
    return channels
