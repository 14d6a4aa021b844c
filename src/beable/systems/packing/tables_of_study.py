"""Data of a study that no simulator makes: subsets of other data, and tables that the user has."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from beable import files
from beable.datasets.store import Store
from beable.studies.context import data_path, further_path
from beable.studies.study import Data
from beable.systems.packing.hall_sparks_table import import_packing_table, subset
from beable.training.data import factors, learnable, read


def make_table(data: Data, out: Path, name: str, given: Mapping[str, Path]) -> Store:
    """A table of a study, made or found complete.

    Args:
        data: a subset of other data, or a file.
        out: folder of the study.
        name: of the data.
        given: files of the user.
    """
    path, request = further_path(out, name), further_path(out, f"{name}-request").with_suffix(".json")
    source = None if data.file else Store.open(data_path(out) if data.of == "data" else further_path(out, data.of))
    origin = source.id if source else files.sha256(files.read_bytes(given[data.file]))
    asked = {"data": data.model_dump(mode="json"), "origin": origin}
    if path.exists():
        files.claim(path, "table of the study", asked, request)
        return Store.open(path)
    files.write_json(request, asked)
    if source is None:
        return import_packing_table(
            given[data.file],
            path,
            subset=data.subset,
            rows=data.rows,
            seed=data.seed,
            keep_flagged=data.keep_flagged,
        )
    return _subset(data, source, path)


def _subset(data: Data, source: Store, path: Path) -> Store:
    """Rows of a data set of packings that have another distribution of packing fractions."""
    good = np.asarray(source.good)
    phi = source.read("packing_fraction", good)
    threshold = None if data.densest is None else float(np.quantile(phi, 1 - data.densest))
    rows = good[subset(phi, data.subset, data.seed, data.rows, threshold=threshold)]
    names = learnable(source)
    variables = {v.name: v for v in source.variables}
    return Store.from_arrays(
        path,
        read(source, names, rows),
        factors(source, [f.name for f in source.factors], rows),
        units={name: variables[name].unit for name in names} | {f.name: f.unit for f in source.factors},
        dims={name: variables[name].dims for name in names},
        symbols={f.name: f.symbol for f in source.factors},
        title=f"{len(rows)} rows, {data.subset}, of {source.name}",
    )
