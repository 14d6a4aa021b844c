"""Samples at γ that training never saw, between those that it saw and beyond them, against runs at these γ."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.records import plain
from beable.studies.context import Context
from beable.systems.lennard_jones.generation import Generation, judge
from beable.systems.lennard_jones.parts.generation import ASKED, MOST_ERRORS
from beable.systems.lennard_jones.parts.rows import first, fluid, of_gravity

FloatArray = NDArray[np.floating]
#: sweeps of Monte Carlo after which energies are compared
SWEEPS = 10
#: distance in ε from the mean energy of equilibrium that is near
NEAR = 0.5


class Level(NamedTuple):
    """Samples at one γ beside a run there.

    Args:
        gravity: γ.
        trained: whether training saw it.
        between: whether it lies among those that training saw.
        members: of every training.
    """

    gravity: float
    trained: bool
    between: bool
    members: list[Generation]

    @property
    def apart(self) -> float:
        """Share of samples without overlap, median over trainings."""
        return float(np.median([m.generated.apart for m in self.members]))

    @property
    def inside(self) -> float:
        """Share of samples in the box, likewise."""
        return float(np.median([m.generated.inside for m in self.members]))

    @property
    def height(self) -> tuple[float, float]:
        """Mean height of samples, median over trainings, and of equilibrium."""
        return float(np.median([m.generated.height.mean for m in self.members])), self.members[
            0
        ].equilibrium.height.mean

    @property
    def contacts(self) -> tuple[float, float]:
        """Contacts likewise."""
        own = float(np.median([m.generated.contacts.mean for m in self.members]))
        return own, self.members[0].equilibrium.contacts.mean

    @property
    def off(self) -> tuple[float, float]:
        """Mean energy after 10 sweeps less that of equilibrium in ε, and its standard error, of the median training."""
        found = [next(r.difference for r in m.relaxed if r.sweeps == SWEEPS) for m in self.members]
        middle = sorted(found, key=lambda d: d.mean)[(len(found) - 1) // 2]
        return middle.mean, middle.error

    @property
    def near(self) -> bool:
        """Whether samples are valid and their energies near those of equilibrium, or not told apart."""
        mean, error = self.off
        return min(self.apart, self.inside) >= ASKED and abs(mean) <= max(NEAR, MOST_ERRORS * error)


@dataclass(frozen=True)
class Conditional:
    """Samples of one arm at γ of its training and of none.

    Args:
        levels: by ascending γ.
        shown: one sample of the first training at each, (levels, particles, dimensions).
        box: L.
    """

    levels: list[Level]
    shown: FloatArray
    box: float

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        found: dict[str, object] = {
            "levels": [self._level(level) for level in self.levels],
            "near": {"between": self._near(between=True), "beyond": self._near(between=False)},
            "sweeps": SWEEPS,
        }
        return plain(found)

    def _level(self, level: Level) -> dict[str, object]:
        names = ("gravity", "trained", "between", "apart", "inside", "height", "contacts", "off", "near")
        return {name: getattr(level, name) for name in names}

    def _near(self, *, between: bool) -> dict[str, int]:
        new = [level for level in self.levels if not level.trained and level.between == between]
        return {"count": sum(level.near for level in new), "levels": len(new)}


def conditional(context: Context) -> Conditional:
    """Draw at γ of the data and of a second data set, whose runs are the reference."""
    run, count = context.run(context.arm("main")), context.option("samples")
    seen, other = fluid(context), context.dataset("other-gravities")
    known, new = first(context.store, context.option("reference")), first(other, other.rows)
    levels, shown, z = [], [], run.sample(count)
    for gravity in sorted({*seen.gravities, *np.unique(new["gravity"]).tolist()}):
        trained = gravity in seen.gravities
        samples = [s["positions"] for s in run.decode(z, np.full((count, 1), gravity))]
        reference = of_gravity(known if trained else new, gravity)
        between = min(seen.gravities) < gravity < max(seen.gravities)
        judged = [judge(x, reference, seen, [gravity], seen.boxes[0]) for x in samples]
        levels.append(Level(float(gravity), trained, between or trained, judged))
        shown.append(samples[0][0])
    return Conditional(levels, np.stack(shown), seen.boxes[0])
