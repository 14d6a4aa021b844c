"""Samples of larger fluids in space: whether valid coordinates come straight from the latents there too."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.records import plain
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.lennard_jones.configurations import RadialDistribution, radial_distribution
from beable.systems.lennard_jones.generation import judge
from beable.systems.lennard_jones.parts.conditional import SWEEPS, Level
from beable.systems.lennard_jones.parts.generation import ASKED, enough
from beable.systems.lennard_jones.parts.rows import first, of_gravity
from beable.systems.lennard_jones.simulator import LennardJones
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
EDGES = np.linspace(0.0, 4.0, 81)


class Space(NamedTuple):
    """Samples of one fluid beside its data.

    Args:
        label: of the arm.
        particles, dimensions: N and d.
        box, temperature: L and T.
        equilibrated: what its data set says of itself; None if it cannot be told.
        rows: samples at each γ.
        levels: by ascending γ.
        pairs: pair correlation of data and of the first training's samples, by γ.
        cpu_seconds: of a training.
    """

    label: str
    particles: int
    dimensions: int
    box: float
    temperature: float
    equilibrated: bool | None
    rows: int
    levels: list[Level]
    pairs: dict[float, tuple[RadialDistribution, RadialDistribution]]
    cpu_seconds: float

    @property
    def density(self) -> float:
        """Particles in a unit of volume."""
        return self.particles / self.box**self.dimensions

    @property
    def worst(self) -> Level:
        """The γ whose samples are valid least often."""
        return min(self.levels, key=lambda level: min(level.apart, level.inside))

    @property
    def share(self) -> float:
        """Of samples that are valid as decoded, at the γ where fewest are: no overlap, and none outside the box."""
        return min(self.worst.apart, self.worst.inside)

    @property
    def valid(self) -> Verdict:
        """Whether samples are valid as decoded at every γ."""
        return enough(self.share, self.rows)


@dataclass(frozen=True)
class ThreeDimensions:
    """Samples of every fluid.

    Args:
        fluids: by arm, by ascending density.
    """

    fluids: dict[str, Space]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        found: dict[str, object] = {name: self._numbers(space) for name, space in self.fluids.items()}
        least = min(space.share for space in self.fluids.values())
        return plain({"arms": found, "valid": self.valid, "least": least, "asked": ASKED, "sweeps": SWEEPS})

    @property
    def valid(self) -> Verdict:
        """Whether samples of every fluid are valid."""
        answers = {name: space.valid.answer for name, space in self.fluids.items()}
        said = "; ".join(f"density {space.density:.2f}: {space.valid.reason}" for space in self.fluids.values())
        answer = True if all(answers.values()) else False if False in answers.values() else None
        return Verdict(answer, said)

    def _numbers(self, space: Space) -> dict[str, object]:
        names = ("gravity", "apart", "inside", "height", "contacts", "off")
        own = ("label", "particles", "dimensions", "box", "temperature", "equilibrated", "rows", "density", "valid")
        return {name: getattr(space, name) for name in own} | {
            "cpu_seconds": space.cpu_seconds,
            "levels": [{name: getattr(level, name) for name in names} for level in space.levels],
        }


def three_dimensions(context: Context) -> ThreeDimensions:
    """Draw at every γ of each arm's own data."""
    found = {arm.name: _space(context, arm) for arm in context.arms("judged")}
    return ThreeDimensions(dict(sorted(found.items(), key=lambda item: item[1].density)))


def _space(context: Context, arm: Arm) -> Space:
    store, run, count = context.data_of(arm), context.run(arm), context.option("samples")
    system = LennardJones(**context.study.datasets[arm.data].settings)
    box, z, known = system.boxes[0], run.sample(count), first(store, context.option("reference"))
    levels, pairs = [], {}
    for gravity in sorted(system.gravities):
        samples = [s["positions"] for s in run.decode(z, np.full((count, 1), gravity))]
        reference = of_gravity(known, gravity)
        judged = [judge(x, reference, system, [gravity], box) for x in samples]
        levels.append(Level(float(gravity), True, True, judged))
        both = (reference[: len(samples[0])], samples[0])
        pairs[float(gravity)] = (radial_distribution(both[0], box, EDGES), radial_distribution(both[1], box, EDGES))
    return Space(
        arm.label,
        system.particles,
        system.dimensions,
        box,
        system.temperatures[0],
        store.assessment["equilibrated"],
        count,
        levels,
        pairs,
        run.cpu_seconds / run.members,
    )
