"""What the measure of a part works with: the data and runs of a study, opened when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from beable.datasets.store import Store
from beable.errors import UsageError
from beable.simulator import Simulator
from beable.studies.study import Arm, Part, Study
from beable.systems import SYSTEMS
from beable.training.run import Run


class Answer(Protocol):
    """What the measure of a part finds: numbers for the record, and arrays for figures in fields of its own."""

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""


@dataclass(frozen=True)
class Context:
    """The data and runs of a study.

    Args:
        study: preset in place.
        part: the question at hand.
        out: folder of the study.
    """

    study: Study
    part: Part
    out: Path

    @cached_property
    def store(self) -> Store:
        """The snapshots that arms are trained on."""
        return Store.open(data_path(self.out))

    def further(self, name: str) -> Store:
        """Other snapshots of the study."""
        return Store.open(further_path(self.out, name))

    @cached_property
    def simulator(self) -> Simulator:
        """The physics of the snapshots."""
        made: Simulator = SYSTEMS.simulator(self.study.data.simulator)(**self.study.data.settings)
        return made

    @property
    def arms(self) -> list[Arm]:
        """The arms of the part, in its order."""
        return [next(arm for arm in self.study.arms if arm.name == name) for name in self.part.arms]

    def run(self, arm: str) -> Run:
        """The trained ensemble of an arm."""
        return Run.load(run_path(self.out, arm))

    def option(self, name: str, default: Any) -> Any:
        """An option of the part; its type is that of the default."""
        value = self.part.options.get(name, default)
        wanted = (int, float) if isinstance(default, float) else type(default)
        if default is not None and not isinstance(value, wanted):
            raise UsageError(f"part {self.part.name}: {name} must be like {default!r}, not {value!r}")
        return value


def data_path(out: Path) -> Path:
    """Where a study keeps the snapshots that arms are trained on."""
    return out / "data.zarr"


def further_path(out: Path, name: str) -> Path:
    """Where a study keeps other snapshots."""
    return out / "further" / f"{name}.zarr"


def run_path(out: Path, arm: str) -> Path:
    """Where a study keeps the run of an arm."""
    return out / "runs" / arm


def reported_number(numbers: Mapping[str, Any], path: str, missing: Any = None) -> Any:
    """What stands under dotted keys among numbers; None, or what is said, if nothing does.

    >>> reported_number({"a": [{"b": 3}]}, "a.0.b")
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
