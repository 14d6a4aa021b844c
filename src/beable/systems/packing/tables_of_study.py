"""Data of a study that no simulator makes: subsets of other tables of packings, and tables that the user has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from beable.datasets.recognised import Layout
from beable.datasets.store import Store
from beable.settings import SettingsModel
from beable.studies.source import Request, Source
from beable.systems.packing.hall_sparks_table import import_packing_table, is_packing_table, subset
from beable.systems.packing.parts.rows import size_names
from beable.training.data import factors, learnable, read

Kind = Literal["gaussian", "uniform", "top"]


class SubsetSettings(SettingsModel):
    """Which rows of another table."""

    kind: Kind = Field("gaussian", description="Distribution of packing fractions; gaussian takes all rows.")
    densest: float | None = Field(
        None, gt=0, le=1, description="Share of the rows of which top is drawn; by default that of Hall & Sparks."
    )
    ordered: bool = Field(
        False, description="Put the components of each row in order, coarsest first: a powder has no order of its own."
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
    snapshots, known = read(source, names, rows), factors(source, [f.name for f in source.factors], rows)
    if asked.ordered:
        order = coarsest_first(snapshots)
        snapshots = {name: _turned(values, order) for name, values in snapshots.items()}
        known = _factors_of(snapshots, known)
    return Store.from_arrays(
        request.path,
        snapshots,
        known,
        units={name: variables[name].unit for name in names} | {f.name: f.unit for f in source.factors},
        dims={name: variables[name].dims for name in names},
        symbols={f.name: f.symbol for f in source.factors},
        title=f"{len(rows)} rows, {asked.kind}, of {source.name}",
    )


def coarsest_first(snapshots: Mapping[str, NDArray[Any]]) -> NDArray[np.intp]:
    """Numbers of the components of each row by falling size, (rows, components).

    >>> rows = {"median": np.array([[1.0, 5.0, 2.0]]), "spread": np.zeros((1, 3)), "mass_fraction": np.ones((1, 3)) / 3}
    >>> coarsest_first(rows).tolist()
    [[1, 2, 0]]
    """
    return np.argsort(-np.asarray(snapshots[size_names(snapshots)[0]]), axis=1, kind="stable")


def _turned(values: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    """Numbers of components in another order; numbers of the whole powder as they are."""
    return np.take_along_axis(values, order, axis=1) if values.shape == order.shape else values


def _factors_of(snapshots: Mapping[str, NDArray[Any]], known: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The factors by their names, such as ``median_2``, from the variables that they are columns of."""
    parts = ((name, name.rpartition("_")) for name in known)
    return {name: np.asarray(snapshots[stem][:, int(number) - 1]) for name, (stem, _, number) in parts}


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
