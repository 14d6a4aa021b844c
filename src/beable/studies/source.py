"""Data of a study that no simulator makes: what a system's data source is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from beable.datasets.store import Store


class Request(NamedTuple):
    """What is wanted of a source.

    Args:
        settings: of the source, checked.
        rows: how many; None for as many as there are.
        seed: of the choice of rows.
        origin: the data set, or the user's file, that it is made of.
        path: of the data set to make.
    """

    settings: Any
    rows: int | None
    seed: int
    origin: Store | Path
    path: Path


class Source(NamedTuple):
    """A way to make a data set.

    Args:
        settings: model of its settings.
        needs: "of" for another data set, "file" for a file of the user.
        make: makes the data set.
    """

    settings: type[BaseModel]
    needs: Literal["of", "file"]
    make: Callable[[Request], Store]
