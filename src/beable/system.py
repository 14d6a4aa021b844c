"""What a physical system is: where its pieces lie, imported when one is asked for. `SYSTEMS` holds all by name.

A system is a folder in ``beable/systems``, or an installed package with an entry point in the group ``beable.systems``
whose value is a `System`::

    [project.entry-points."beable.systems"]
    wave = "wave_system:SYSTEM"
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from beable.errors import UsageError, unknown
from beable.references import Reference

GROUP = "beable.systems"


@dataclass(frozen=True)
class Verb:
    """A verb of the command line that a system adds.

    Args:
        function: where it is, "module:function".
        help: one line.
        examples: command lines that its help shows.
        page: of the docs, where more is said.
    """

    function: str
    help: str
    examples: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True)
class System:
    """A physical system. What is given as "module:name" is imported when asked for.

    Args:
        help: one line for lists and help.
        simulator: class of its `beable.simulator.Simulator`.
        settings: class of that simulator's settings, where it can be imported without the simulator, for quick help.
        studies: package whose files ``*.toml`` are studies.
        parts: the parts of these, a mapping of names to `beable.studies.part.Part`.
        data_items: function from a `Store` to the figures and tables that show a data set of the system on a page.
        sources: data of studies that come from elsewhere than a simulator, `beable.studies.source.Source` by name.
        readers: layouts of files that ``beable import`` recognises, `beable.datasets.recognised.Layout` by name.
        published: function from the name of a variant to the tree of `RunSettings` that the source trains with.
        verbs: by name.
        examples: command lines that the help of beable's own verbs shows, by the words of the verb.
        page: of the docs, where more is said of the system.
        cite: what to cite beside beable, of a data set of the system and of each of its studies.
    """

    help: str
    simulator: str
    settings: str = ""
    studies: str = ""
    parts: str = ""
    data_items: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    readers: Mapping[str, str] = field(default_factory=dict)
    published: str = ""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page: str = ""
    cite: tuple[Reference, ...] = ()


def imported(reference: str) -> Any:
    """What stands at "module:name".

    >>> imported("math:pi")
    3.141592653589793
    """
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


class Systems(Mapping[str, System]):
    """The systems of beable, and after them those of installed packages, looked up once."""

    @cached_property
    def _all(self) -> dict[str, System]:
        found: dict[str, System] = dict(imported("beable.systems:BUILT_IN"))
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            if (system := _announced(point, found)) is not None:
                found[point.name] = system
        return found

    def __getitem__(self, name: str) -> System:
        if name not in self._all:
            raise unknown("simulator", name, self._all)
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def simulator(self, name: str) -> Any:
        """The class of a system's simulator.

        Raises:
            UsageError: no system of that name.
        """
        return imported(self[name].simulator)

    def settings(self, name: str) -> Any:
        """The class of the settings of a system's simulator.

        Raises:
            UsageError: no system of that name.
        """
        return imported(self[name].settings) if self[name].settings else self.simulator(name).Settings


def as_published(simulator: str | None, variant: str) -> dict[str, Any]:
    """The settings with which the source of a system trains on its data, as a tree.

    Args:
        simulator: that the data are of; None for data from elsewhere.
        variant: a name that the system knows.

    Raises:
        UsageError: data of no system with published settings, or an unknown variant.
    """
    known = {name: system.published for name, system in SYSTEMS.items() if system.published}
    if simulator not in known:
        raise UsageError(
            f"no published training for data of {simulator or 'no simulator'}, only for {', '.join(known)}: "
            "leave out --as-published"
        )
    tree: dict[str, Any] = imported(known[simulator])(variant)
    return tree


def _announced(point: EntryPoint, known: Mapping[str, System]) -> System | None:
    """The system of an installed package; None, with a warning, where the package is at fault."""
    try:
        system = point.load()
        fault = "" if isinstance(system, System) else f"it is {type(system).__name__}, not System"
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    if point.name in known:
        fault = "there is a system of this name"
    if fault:
        package = point.dist.name if point.dist else point.value
        warnings.warn(f"system {point.name} is left out: {fault}: mend or uninstall {package}", stacklevel=2)
        return None
    announced: System = system
    return announced


SYSTEMS = Systems()
