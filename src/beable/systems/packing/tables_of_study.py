"""Data of a study that no simulator makes: subsets of other tables of packings, and tables that the user has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from beable.datasets.recognised import Layout
from beable.datasets.store import Store
from beable.settings import SettingsModel
from beable.studies.source import Request, Source
from beable.systems.packing.hall_sparks_table import import_packing_table, is_packing_table, subset
from beable.training.data import factors, learnable, read

Kind = Literal["gaussian", "uniform", "top"]


class SubsetSettings(SettingsModel):
    """Which rows of another table."""

    kind: Kind = Field("gaussian", description="Distribution of packing fractions; gaussian takes all rows.")
    densest: float | None = Field(
        None, gt=0, le=1, description="Share of the rows of which top is drawn; by default that of Hall & Sparks."
    )


class TableSettings(SettingsModel):
    """Which rows of a file as `hall_sparks_table` reads it."""

    kind: Kind = Field("gaussian", description="Distribution of packing fractions; gaussian takes all rows.")
    keep_flagged: bool = Field(False, description="Keep rows that are decoded, repeated or no mixture.")


class FileSettings(TableSettings):
    """Which rows of such a file a data set takes."""

    rows: int | None = Field(None, ge=1, description="How many rows; by default as many as Hall & Sparks take.")
    seed: int = Field(0, ge=0, description="Seed of the choice of rows.")


def make_subset(request: Request) -> Store:
    """Rows of a data set of packings that have another distribution of packing fractions."""
    source, asked = request.origin, request.settings
    assert isinstance(source, Store)
    good = np.asarray(source.valid_rows)
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
    chosen = FileSettings(**asked.model_dump(), rows=request.rows, seed=request.seed)
    return _import(request.origin, request.path, chosen, {})


def _import(file: Path, path: Path, asked: FileSettings, units: Mapping[str, str]) -> Store:
    options: dict[str, Any] = {"rows": asked.rows, "seed": asked.seed, "keep_flagged": asked.keep_flagged}
    return import_packing_table(file, path, subset=asked.kind, units=units, **options)


SUBSET = Source(SubsetSettings, "of", make_subset)
TABLE = Source(TableSettings, "file", make_table)
FILE = Layout("a table of packings in the layout of Hall & Sparks (2023)", FileSettings, is_packing_table, _import)
