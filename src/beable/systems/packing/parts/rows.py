"""Rows of tables of packings as measures need them: inputs beside each other, and the packing fraction."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.errors import DataError
from beable.streams import generator
from beable.studies.context import Context
from beable.studies.study import Arm

Floats = NDArray[np.float64]
FloatArray = NDArray[np.floating]
Snapshots = Mapping[str, FloatArray]
TARGET, SHARES = "packing_fraction", "mass_fraction"
#: names of size and spread of a component: in simulated tables, and in that of Hall and Sparks (2023)
SIZES = (("median", "spread"), ("mean_size", "size_deviation"))


def size_names(names: Iterable[str]) -> tuple[str, str]:
    """What size and spread of a component are called among the names.

    Raises:
        DataError: a table without them.

    >>> size_names(["median", "spread", "mass_fraction"])
    ('median', 'spread')
    """
    given = set(names)
    found = [pair for pair in SIZES if given >= {*pair, SHARES}]
    if not found:
        raise DataError(
            f"a table of packings holds {SHARES} and {' or '.join(map(' and '.join, SIZES))}, this one holds "
            f"{', '.join(sorted(given))}: give one that does"
        )
    return found[0]


def variable_names(store: Store) -> list[str]:
    """The variables of a table of packings: size, spread, mass fractions, packing fraction."""
    return [*size_names(v.name for v in store.variables), SHARES, TARGET]


def inputs(snapshots: Snapshots) -> Floats:
    """Size and spread of each component in turn, then mass fractions, (rows, 3 components)."""
    size, spread = (np.asarray(snapshots[name], np.float64) for name in size_names(snapshots))
    pairs = np.stack([size, spread], axis=2).reshape(len(size), -1)
    return np.hstack([pairs, np.asarray(snapshots[SHARES], np.float64)])


def target(snapshots: Snapshots) -> Floats:
    """Packing fraction, (rows)."""
    return np.asarray(snapshots[TARGET], np.float64)


def read_rows(store: Store, rows: NDArray[np.integer]) -> dict[str, FloatArray]:
    """Rows of a table of packings."""
    return {name: store.read(name, rows) for name in variable_names(store)}


def some(rows: NDArray[np.int64], limit: int, seed: int) -> NDArray[np.int64]:
    """At most so many of the rows, by chance, in ascending order: tables are often sorted."""
    return np.sort(generator(seed, "evaluation").permutation(rows)[:limit])


def whole_of(context: Context, arm: Arm) -> Store:
    """The table of which the arm's was drawn; its own if it was drawn of none."""
    name, datasets = arm.data, context.study.datasets
    while name in datasets and datasets[name].of:
        name = datasets[name].of
    return context.dataset(name) if name in datasets else context.store
