"""Rows of a study's data as its measures need them."""

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.errors import UsageError
from beable.studies.context import Context
from beable.systems.lennard_jones.simulator import LennardJones
from beable.training.data import factors
from beable.training.run import Run

FloatArray = NDArray[np.floating]


def fluid(context: Context) -> LennardJones:
    """The fluid of the study's data.

    Raises:
        UsageError: data of another simulator.
    """
    if not isinstance(context.simulator, LennardJones):
        raise UsageError(f"part {context.part.name} needs data of lennard-jones, not of {context.simulator.name}")
    return context.simulator


def held(context: Context, run: Run, limit: int, *, last: bool = False) -> dict[str, FloatArray]:
    """Positions and gravity of rows that training never saw: the first ones, or the last."""
    rows = run.held_rows[-limit:] if last else run.held_rows[:limit]
    return snapshots(context.store, rows)


def trained(context: Context, run: Run, limit: int) -> dict[str, FloatArray]:
    """Positions and gravity of training rows."""
    return snapshots(context.store, run.train_rows[:limit])


def snapshots(store: Store, rows: NDArray[np.int64]) -> dict[str, FloatArray]:
    """Positions and gravity of rows of a store."""
    return {"positions": store.read("positions", rows)} | factors(store, ["gravity"], rows)


def first(store: Store, limit: int) -> dict[str, FloatArray]:
    """Positions and gravity of the first rows of a store that succeeded."""
    return snapshots(store, np.asarray(store.valid_rows[:limit]))


def of_gravity(given: dict[str, FloatArray], gravity: float) -> FloatArray:
    """The configurations of one γ."""
    return np.asarray(given["positions"][given["gravity"] == gravity])


def factor_values(fluid: LennardJones, gravity: FloatArray) -> FloatArray:
    """Factors of rows of a fluid that only its gravity tells apart, (rows, factors)."""
    if len(fluid.factors) != 1:
        raise UsageError("the study's fluid must have gravity as its only factor")
    return np.asarray(gravity, np.float64)[:, None]
