"""Files of layouts of their own, which a system recognises and reads by itself."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from beable.datasets.store import Store
from beable.system import SYSTEMS, imported


class Layout(NamedTuple):
    """A layout of files that a system reads.

    Args:
        title: what such a file is, in a few words.
        settings: model of what can be chosen.
        recognises: whether a file has this layout, by a look at its beginning.
        make: a data set of a file; takes file, folder to make, settings, and units by name.
    """

    title: str
    settings: type[BaseModel]
    recognises: Callable[[Path], bool]
    make: Callable[[Path, Path, Any, Mapping[str, str]], Store]


def layouts() -> list[Layout]:
    """The layouts that some system reads."""
    return [imported(reference) for system in SYSTEMS.values() for reference in system.readers.values()]
