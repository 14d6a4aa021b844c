r"""The packing fraction that a decoded row *should* have: by the simulator, or by a surrogate of a table.

A surrogate is a forest of extremely randomised trees (Geurts, Ernst and Wehenkel, Mach. Learn. 63, 3 (2006)), with its
score :math:`R^2` by cross-validation. A forest never leaves the range of its table: a decoded row beyond it gets the
value of the nearest leaf.

What the forest sees decides how far to trust it. Of a simulated powder it sees the simulator's own features, close
packing of the same sizes first: of its nine inputs as they stand, which a powder of three components can list in six
orders, 256 rows teach it R² 0.53, and by features 0.98, which is all that the simulator's own error leaves. A table
whose rule of sizes is not stated has no features.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict

from beable.errors import DataError
from beable.simulator import Simulator
from beable.streams import RowStreams
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.parts.rows import (
    SHARES,
    SIZES,
    TARGET,
    Floats,
    inputs,
    read_rows,
    size_names,
    target,
    whole_of,
)


class Trust(NamedTuple):
    """How far to trust a surrogate.

    Args:
        r2: of rows that the forest had not seen, by cross-validation.
        deviation: root-mean-square error of these.
        rows: of the table.
    """

    r2: float
    deviation: float
    rows: int


Describe = Callable[[Floats], Floats]


class Forest(NamedTuple):
    """A forest and how far to trust it.

    Args:
        forest: of all rows.
        trust: its scores.
        describe: what the forest sees of inputs, (rows, inputs) to (rows, p).
    """

    forest: ExtraTreesRegressor
    trust: Trust
    describe: Describe

    def predict(self, given: Floats) -> Floats:
        """Packing fractions of inputs, (rows)."""
        return np.asarray(self.forest.predict(self.describe(given)), np.float64)


def surrogate(
    given: Floats, values: Floats, *, describe: Describe = np.asarray, trees: int = 100, folds: int = 5, seed: int = 0
) -> Forest:
    """A surrogate of a table.

    Args:
        given: inputs, (rows, inputs).
        values: packing fractions, (rows).
        describe: what the forest sees of inputs; as they are by default.
        trees: of the forest.
        folds: of the cross-validation.
        seed: of both.

    Raises:
        DataError: fewer than twice as many rows as folds.
    """
    if len(values) < 2 * folds:
        raise DataError(f"a table of {len(values)} rows is too short for a surrogate with {folds} folds: give more")
    forest, described = ExtraTreesRegressor(trees, random_state=seed), describe(given)
    seen = cross_val_predict(forest, described, values, cv=KFold(folds, shuffle=True, random_state=seed))
    error = float(np.square(values - seen).mean())
    trust = Trust(float(1 - error / values.var()), float(np.sqrt(error)), len(values))
    return Forest(forest.fit(described, values), trust, describe)


def oracle_of(context: Context, arm: Arm, oracles: dict[str, Forest]) -> Forest:
    """The surrogate of the whole table that an arm's was drawn of, made once."""
    store = whole_of(context, arm)
    if store.id not in oracles:
        rows = read_rows(store, np.asarray(store.valid_rows))
        seen = _description(context.simulator) if size_names(rows) == SIZES[0] else np.asarray
        oracles[store.id] = surrogate(inputs(rows), target(rows), describe=seen, trees=context.option("trees"))
    return oracles[store.id]


def _description(simulator: Simulator) -> Describe:
    """The simulator's features of inputs brought into its ranges; the inputs where it has none."""
    own = getattr(simulator, "features", None)
    return np.asarray if own is None else partial(_features, own, simulator)


def _features(own: Describe, simulator: Simulator, given: Floats) -> Floats:
    return own(within_ranges(simulator, given))


class Simulated(NamedTuple):
    """What the simulator says of decoded rows.

    Args:
        values: packing fractions, NaN where the simulator refused, (rows).
        moved: rows that had to be brought into the simulator's ranges, (rows).
    """

    values: Floats
    moved: np.ndarray[tuple[int], np.dtype[np.bool_]]


def simulated(simulator: Simulator, given: Floats, seed: int, first: int = 0) -> Simulated:
    """Packing fractions of decoded inputs (rows, factors), brought into the ranges of the factors.

    Args:
        simulator: of packings.
        given: inputs in the order of its factors.
        seed, first: of the streams of the rows, and the number of the first.

    Raises:
        DataError: another number of inputs than the simulator has factors.
    """
    within = within_ranges(simulator, given)
    values = simulator.simulate(within, RowStreams(seed, first, len(given)))[TARGET]
    return Simulated(np.asarray(values, np.float64), np.abs(within - given).max(1) > 1e-9 * np.abs(given).max())


def within_ranges(simulator: Simulator, given: Floats) -> Floats:
    """Inputs (rows, factors) brought into the ranges of the factors, shares to a sum of one.

    Raises:
        DataError: another number of inputs than the simulator has factors.
    """
    factors = simulator.factors
    if given.shape[1] != len(factors):
        raise DataError(f"the simulator has {len(factors)} factors, the rows {given.shape[1]} inputs: they must agree")
    low, high = np.array([(f.low, f.high) for f in factors]).T
    within = np.clip(given, low, high)
    shares = np.array([f.name.startswith(SHARES) for f in factors])
    within[:, shares] /= within[:, shares].sum(1, keepdims=True)
    return np.asarray(within)
