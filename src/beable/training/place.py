"""Where the data set of a run lay when it was trained, and whether it lies there still."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beable.datasets.store import Store
from beable.errors import BeableError, UsageError
from beable.files.artefacts import MANIFEST


def place_of(store: Store, run: Path) -> dict[str, Any]:
    """The place of a data set, for the record of a run: from the run's folder, and as it was given; who made it."""
    beside = os.path.relpath(store.path.resolve(), run.resolve())
    return {"store_place": {"from_run": beside, "given": str(store.path)}, "simulator": store.simulator}


def store_of(run: Path, metadata: Mapping[str, Any]) -> Store:
    """The data set that a run was trained on, if it lies where it was.

    Args:
        run: the run's folder.
        metadata: the record of the run.

    Raises:
        UsageError: it does not, or another data set does; the error says what was looked for.
    """
    place = metadata.get("store_place")
    if place is None:
        raise UsageError(f"{run}: the run has no record of where its data set lay: name the data set after the run")
    beside = Path(os.path.normpath(run / place["from_run"]))
    paths = list(dict.fromkeys((beside, Path(place["given"]))))
    there = [path for path in paths if (path / MANIFEST).exists()]
    found = next((store for path in there if (store := _opened(path)) and store.id == metadata["store"]), None)
    if found is None:
        state = f"another data set lies at {there[0]}" if there else f"nothing lies at {' or '.join(map(str, paths))}"
        raise UsageError(
            f"{run}: the data set {metadata['store'][:12]} that it was trained on is not where it lay ({state}): "
            "name the data set after the run"
        )
    return found


def _opened(path: Path) -> Store | None:
    try:
        return Store.open(path)
    except BeableError:
        return None
