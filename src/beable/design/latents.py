"""Candidates from a trained run: samples of its prior, decoded, and read as factors by their names.

A model of a table of designs and outcomes has learned which designs occur; its samples propose more of these. A factor
is found under its own name, or as a column of a vector variable: ``median_2`` is the second of ``median``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, UsageError
from beable.training.declared import in_unit
from beable.training.run import Run

Floats = NDArray[np.float64]


def decoded(
    run: Run, factors: Sequence[str], rows: int = 512, seed: int = 0, units: Mapping[str, str] | None = None
) -> Floats:
    """Factor values (members x rows, factors) of decoded samples of the prior; rows that are not finite are left out.

    Args:
        run: a finished training on the factors, perhaps beside other variables.
        factors: names, in the order of the columns.
        rows: samples of each member.
        seed: of the samples.
        units: units in which factors are wanted, by name; as the run decodes them by default.

    Raises:
        UsageError: a run that needs conditions to decode.
        DataError: a factor is none of its variables, or is in a unit that cannot be converted.
    """
    if run.conditions:
        raise UsageError(f"the run is conditioned on {', '.join(run.conditions)}: give one without conditions")
    values = [factor_values(snapshots, factors) for snapshots in run.decode(run.sample(rows, seed))]
    found = np.concatenate(values)
    for i, name in enumerate(factors):
        if units is not None and name in units:
            found[:, i] = in_unit(run, _variable(run, name), found[:, i], units[name])
    return found[np.isfinite(found).all(1)]


def factor_values(snapshots: Mapping[str, NDArray[np.floating]], factors: Sequence[str]) -> Floats:
    """Factors of snapshots by their names, (rows, factors).

    >>> factor_values({"a": np.array([1.0]), "b": np.array([[2.0, 3.0]])}, ["b_2", "a"]).tolist()
    [[3.0, 1.0]]
    """
    return np.column_stack([_column(snapshots, name) for name in factors]).astype(float)


def _variable(run: Run, factor: str) -> str:
    """The variable that a factor is, or is a column of."""
    return factor if factor in run.variables else factor.rpartition("_")[0]


def _column(snapshots: Mapping[str, NDArray[np.floating]], name: str) -> NDArray[np.floating]:
    stem, _, number = name.rpartition("_")
    if name in snapshots and snapshots[name].ndim == 1:
        return snapshots[name]
    if stem in snapshots and number.isdecimal() and snapshots[stem].ndim == 2:
        columns = snapshots[stem]
        if 1 <= int(number) <= columns.shape[1]:
            return columns[:, int(number) - 1]
    raise DataError(f"the run decodes {', '.join(snapshots)}, not {name}: give a run on a table with all factors")
