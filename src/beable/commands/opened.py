"""Runs and data sets that a verb is given, the data set found where it lay when it is not named."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.files.artefacts import MANIFEST
from beable.files.disk import held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.datasets.store import Store
    from beable.training.run import Run


def run_and_store(run: Path, store: Path | None) -> "tuple[Run, Store]":
    """A run, and the data set named beside it or, where none is, its own.

    Raises:
        UsageError: a data set that does not lie where it was, or one with other units or axes.
    """
    from beable.datasets.store import Store
    from beable.training.declared import check_declared
    from beable.training.place import store_of
    from beable.training.run import Run

    loaded = Run.load(run)
    data = Store.open(store) if store is not None else store_of(run, loaded.metadata)
    return loaded, check_declared(loaded, data)


def held_unless_whole(folder: Path) -> AbstractContextManager[None]:
    """A folder to write, held from before what takes seconds to load; what is whole needs no writer.

    Raises:
        LockedError: another process is writing there.
    """
    return nullcontext() if (folder / MANIFEST).exists() else held(folder)


def rows_to_judge(run: "Run", store: "Store") -> "NDArray[Any]":
    """The rows that a run was not trained on: those held out, or all that succeeded in another data set."""
    import numpy as np

    return run.held_rows if store.id == run.metadata["store"] else np.asarray(store.valid_rows)
