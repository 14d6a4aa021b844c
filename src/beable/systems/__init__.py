"""The physical systems by name: where the pieces of each lie, imported when one is asked for.

A system is a folder beside this file, or an installed package with an entry point in the group ``beable.systems``
whose value is a `System`::

    [project.entry-points."beable.systems"]
    wave = "wave_system:SYSTEM"

Nothing else in beable names a system.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from beable.errors import DataError, unknown

GROUP = "beable.systems"


@dataclass(frozen=True)
class Verb:
    """A verb of the command line that a system adds.

    Args:
        function: where it is, "module:function".
        help: one line.
    """

    function: str
    help: str


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
        readers: files of other layouts that ``beable import`` recognises, `beable.datasets.readers.Reader` by name.
        verbs: by name.
    """

    help: str
    simulator: str
    settings: str = ""
    studies: str = ""
    parts: str = ""
    data_items: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    readers: Mapping[str, str] = field(default_factory=dict)
    verbs: Mapping[str, Verb] = field(default_factory=dict)


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
        found = dict(_BUILT_IN)
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            system = point.load()
            if not isinstance(system, System) or point.name in found:
                raise DataError(
                    f"the entry point {point.name} = {point.value} of {GROUP} is no System of a new name: mend or "
                    "uninstall its package"
                )
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


_BUILT_IN = {
    "darcy": System(
        help="Darcy flow through random permeability.",
        simulator="beable.systems.darcy.simulator:Darcy",
        settings="beable.systems.darcy.settings:DarcySettings",
        studies="beable.systems.darcy",
        parts="beable.systems.darcy.study:PARTS",
    ),
    "lennard-jones": System(
        help="A Lennard-Jones fluid under gravity.",
        simulator="beable.systems.lennard_jones.simulator:LennardJones",
        settings="beable.systems.lennard_jones.settings:LennardJonesSettings",
        studies="beable.systems.lennard_jones",
        parts="beable.systems.lennard_jones.study:PARTS",
        data_items="beable.systems.lennard_jones.page:data_items",
    ),
    "packing": System(
        help="Packing fractions of powders.",
        simulator="beable.systems.packing.simulator:Packing",
        settings="beable.systems.packing.settings:PackingSettings",
        studies="beable.systems.packing",
        parts="beable.systems.packing.study:PARTS",
        data_items="beable.systems.packing.page:data_items",
        sources={
            "subset": "beable.systems.packing.tables_of_study:SUBSET",
            "table": "beable.systems.packing.tables_of_study:TABLE",
        },
        verbs={
            "pack": Verb("beable.systems.packing.verbs:pack", "Drop a powder, and measure how densely it packs."),
        },
    ),
}
SYSTEMS = Systems()
