r"""Do decoded snapshots obey the equations that the data solve?

The residual of a simulator is the relative violation of its equations by one snapshot (`beable.simulator`). It is taken
of held-out rows as they are, of their reconstructions, and of samples of the prior. What a run does not learn, such as
the permeability under a decoded pressure and flux, is that of the row itself; a sample has no such row.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.simulator import Simulator
from beable.system import SYSTEMS
from beable.training.data import read
from beable.training.declared import check_declared
from beable.training.run import Run

FloatArray = NDArray[np.floating]
#: snapshots judged in all, spread over the members, and at most and at least of each
SNAPSHOTS, MOST, LEAST = 256, 32, 4


class Residuals(NamedTuple):
    """Relative violation of a simulator's equations, median over rows; infinite where most rows are impossible.

    Args:
        rows: how many rows were judged.
        data: of the rows themselves.
        reconstruction: of what each member makes of them, (members); None where the equations need a number beside
            the decoded ones that is not part of a snapshot, such as a stored energy.
        samples: of as many samples of each member's prior, (members); None where the equations need a variable that
            the run did not learn.
    """

    rows: int
    data: float
    reconstruction: FloatArray | None
    samples: FloatArray | None


def residuals(run: Run, store: Store, rows: NDArray[np.int64]) -> Residuals | None:
    """Residuals of rows of a store, of a run's reconstructions and of its samples.

    Args:
        run: a finished training.
        store: a data set with the variables of the run.
        rows: numbers of the rows, of which a few are judged.

    Returns:
        None for data without a simulator, or of one without equations.
    """
    store = check_declared(run, store)
    simulator = _simulator(store)
    if simulator is None or not len(rows):
        return None
    few = rows[: int(np.clip(SNAPSHOTS // run.members, LEAST, MOST))]
    data = read(store, [v.name for v in store.variables], few)
    found = _median(simulator, data)
    if found is None or math.isnan(found):
        return None
    beside = {v.name: data[v.name] for v in store.variables if not v.diagnostic and v.name not in run.variables}
    snapshots = read(store, run.variables, few, run.conditions)
    conditions = run.conditions_of(snapshots)
    decoded = (beside | member for member in run.decode(run.encode(snapshots).mean, conditions))
    drawn = run.decode(run.sample(len(few)), conditions)
    own = {name: data[name] for name in run.variables}
    return Residuals(
        len(few),
        found,
        _medians(simulator, decoded) if _median(simulator, beside | own) is not None else None,
        _medians(simulator, drawn) if _median(simulator, own) is not None else None,
    )


def _simulator(store: Store) -> Simulator | None:
    """The simulator of a store, if it is at hand and takes these settings."""
    if store.simulator is None or store.simulator not in SYSTEMS:
        return None
    try:
        made: Simulator = SYSTEMS.simulator(store.simulator)(**store.settings)
    except UsageError:
        return None
    return made


def _medians(simulator: Simulator, members: Iterator[Mapping[str, FloatArray]]) -> FloatArray:
    return np.array([np.median([_residual(simulator, row) for row in _rows(member)]) for member in members])


def _median(simulator: Simulator, data: Mapping[str, FloatArray]) -> float | None:
    """Of rows of the data; None where what is given of them is not enough."""
    try:
        return float(np.median([simulator.residual(row) for row in _rows(data)]))
    except DataError:
        return None


def _rows(snapshots: Mapping[str, FloatArray]) -> Iterator[dict[str, FloatArray]]:
    names = list(snapshots)
    return (dict(zip(names, row, strict=True)) for row in zip(*snapshots.values(), strict=True))


def _residual(simulator: Simulator, snapshot: Mapping[str, FloatArray]) -> float:
    """Infinite for what cannot be, such as a negative permeability."""
    try:
        return simulator.residual(snapshot)
    except DataError:
        return math.inf
