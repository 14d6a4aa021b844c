"""Data of a study that no simulator makes: subsets of other tables of packings, and tables that the user has."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from beable.datasets.store import Store
from beable.studies.source import Request, Source
from beable.systems.packing.hall_sparks_table import import_packing_table, subset
from beable.training.data import factors, learnable, read

Kind = Literal["gaussian", "uniform", "top"]
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SubsetSettings(BaseModel):
    """Which rows of another table.

    Args:
        kind: a name in `hall_sparks_table.SUBSETS`.
        densest: share of the rows of which "top" is drawn; None for that of Hall & Sparks (2023).
    """

    model_config = _STRICT

    kind: Kind = "gaussian"
    densest: float | None = Field(default=None, gt=0, le=1)


class TableSettings(BaseModel):
    """Which rows of a file as `hall_sparks_table` reads it.

    Args:
        kind: a name in `hall_sparks_table.SUBSETS`.
        keep_flagged: whether rows that are no designs stay in it.
    """

    model_config = _STRICT

    kind: Kind = "gaussian"
    keep_flagged: bool = False


def make_subset(request: Request) -> Store:
    """Rows of a data set of packings that have another distribution of packing fractions."""
    source, asked = request.origin, request.settings
    assert isinstance(source, Store)
    good = np.asarray(source.good)
    phi = source.read("packing_fraction", good)
    threshold = None if asked.densest is None else float(np.quantile(phi, 1 - asked.densest))
    rows = good[subset(phi, asked.kind, request.seed, request.rows, threshold=threshold)]
    names = learnable(source)
    variables = {v.name: v for v in source.variables}
    return Store.from_arrays(
        request.path,
        read(source, names, rows),
        factors(source, [f.name for f in source.factors], rows),
        units={name: variables[name].unit for name in names} | {f.name: f.unit for f in source.factors},
        dims={name: variables[name].dims for name in names},
        symbols={f.name: f.symbol for f in source.factors},
        title=f"{len(rows)} rows, {asked.kind}, of {source.name}",
    )


def make_table(request: Request) -> Store:
    """Rows of a table of packings that the user has."""
    asked = request.settings
    assert isinstance(request.origin, Path)
    return import_packing_table(
        request.origin,
        request.path,
        subset=asked.kind,
        rows=request.rows,
        seed=request.seed,
        keep_flagged=asked.keep_flagged,
    )


SUBSET = Source(SubsetSettings, "of", make_subset)
TABLE = Source(TableSettings, "file", make_table)
