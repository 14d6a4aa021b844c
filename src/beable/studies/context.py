"""What the measure of a part works with: the data and runs of a study, opened when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from beable.datasets.store import Store
from beable.errors import UsageError, unknown
from beable.simulator import Simulator
from beable.studies.part import Part, part_of
from beable.studies.study import Arm, PartSettings, Study
from beable.system import SYSTEMS
from beable.training.run import Run


@dataclass(frozen=True)
class Context:
    """The data and runs of a study.

    Args:
        study: preset in place.
        part: the question at hand.
        out: folder of the study.
        workers: processes that the measure may have.
    """

    study: Study
    part: PartSettings
    out: Path
    workers: int = 1

    @cached_property
    def code(self) -> Part:
        """What answers the part."""
        return part_of(self.study.system, self.part)

    @cached_property
    def store(self) -> Store:
        """The snapshots that arms are trained on."""
        return Store.open(data_path(self.out))

    def dataset(self, name: str) -> Store:
        """Other snapshots of the study.

        Raises:
            UsageError: a data set that neither the part names nor one of its arms is trained on.
        """
        if name not in (known := self.study.data_of(self.part)):
            raise unknown(f"data set of part {self.part.name}", name, known)
        return Store.open(dataset_path(self.out, name))

    def data_of(self, arm: Arm) -> Store:
        """The snapshots that an arm is trained on."""
        return self.dataset(arm.data) if arm.data else self.store

    @cached_property
    def simulator(self) -> Simulator:
        """The physics of the snapshots."""
        made: Simulator = SYSTEMS.simulator(self.study.data.simulator)(**self.study.data.settings)
        return made

    def arms(self, role: str) -> list[Arm]:
        """The arms in a role, in the order of the part; none for a role that is left open."""
        names = self.part.arms.get(role, ())
        names = (names,) if isinstance(names, str) else names
        return [next(arm for arm in self.study.arms if arm.name == name) for name in names]

    def arm(self, role: str) -> Arm:
        """The arm in a role.

        Raises:
            UsageError: the role is left open, or for many arms.
        """
        if len(arms := self.arms(role)) != 1:
            raise UsageError(f"part {self.part.name}: the role {role} needs one arm, it has {len(arms)}")
        return arms[0]

    def run(self, arm: Arm) -> Run:
        """The trained ensemble of an arm."""
        return Run.load(run_path(self.out, arm.name))

    def option(self, name: str) -> Any:
        """An option of the part, or what it is by default."""
        return self.code.option(self.part, name)


def data_path(out: Path) -> Path:
    """Where a study keeps the snapshots that arms are trained on."""
    return out / "data.zarr"


def dataset_path(out: Path, name: str) -> Path:
    """Where a study keeps other snapshots, or the first ones, which are called "data"."""
    return data_path(out) if name == "data" else out / "datasets" / f"{name}.zarr"


def run_path(out: Path, arm: str) -> Path:
    """Where a study keeps the run of an arm."""
    return out / "runs" / arm


def number_at(numbers: Mapping[str, Any], path: str, missing: Any = None) -> Any:
    """What stands under dotted keys among numbers; None, or what is given, if nothing does.

    >>> number_at({"a": [{"b": 3}]}, "a.0.b")
    3
    """
    found: Any = numbers
    for key in path.split("."):
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return missing
    return found
