"""One row each of flows with more and more modes of the log-permeability, as the source shows its data (figure 2)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from beable.errors import DataError, UsageError
from beable.simulator import FloatArray
from beable.streams import RowStreams
from beable.systems.darcy.simulator import Darcy
from beable.systems.darcy.square_grid import nodes

MODES = (2, 10, 100, 1000)


class KleFields(NamedTuple):
    """A row for each number of modes.

    Args:
        modes: p of each row.
        permeability, pressure: at the nodes, (rows, n, n).
        flux: (rows, 2, n, n).
        x: coordinates of the nodes along either side, (n).
    """

    modes: tuple[int, ...]
    permeability: FloatArray
    pressure: FloatArray
    flux: FloatArray
    x: FloatArray


def kle_fields(modes: Sequence[int] = MODES, *, row: int = 0, seed: int = 0, **settings: object) -> KleFields:
    """Flows through one permeability field that gains detail: the factors of few modes are the first of many.

    Args:
        modes: numbers p of modes.
        row: which row of a data set of normal factors.
        seed: of that data set.
        **settings: others of `DarcySettings`, such as ``grid=33`` or ``scheme="jacobsen"``.

    Raises:
        UsageError: no number of modes, or one that the grid does not have.
        DataError: a flow that cannot be computed.

    Source: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), figure 2, p = 2, 10, 100 and 1000.

    >>> found = kle_fields((2, 10), grid=9)
    >>> found.flux.shape
    (2, 2, 9, 9)
    """
    if not modes:
        raise UsageError("modes must hold at least one number, got none")
    streams = RowStreams(seed=seed, start=row, rows=1)
    simulators = [Darcy(**{"modes": p, **settings}) for p in modes]
    theta = Darcy(**{"modes": max(modes), **settings}).draw(streams)
    snapshots = [s.simulate(theta[:, : s.modes], streams) for s in simulators]
    for p, snapshot in zip(modes, snapshots, strict=True):
        if not np.isfinite(snapshot["pressure"]).all():
            raise DataError(f"the flow with {p} modes of row {row} cannot be computed: take another row")
    joined = {name: np.concatenate([s[name] for s in snapshots]) for name in ("permeability", "pressure", "flux")}
    return KleFields(tuple(modes), x=nodes(simulators[0].grid), **joined)
