"""Do the latents cluster by gravity, and how near to what is possible?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from beable.records import plain
from beable.studies.context import Context
from beable.systems.lennard_jones.gravity_map import GammaMap, gamma_map
from beable.systems.lennard_jones.parts.rows import fluid, held
from beable.verdicts import Verdict


@dataclass(frozen=True)
class Latent:
    """What the latents of some arms know of γ.

    Args:
        maps: by arm.
        labels: of the arms.
    """

    maps: dict[str, GammaMap]
    labels: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows, and the accuracy of each arm's best probe."""
        arms = {
            name: m.as_json() | {"best": self.best(name), "label": self.labels[name]} for name, m in self.maps.items()
        }
        some = next(iter(self.maps.values()))
        ends = {"ceiling": some.ceiling.accuracy.score, "chance": some.chance}
        return plain({"arms": arms, **ends, "told": self.told})

    @property
    def told(self) -> Verdict:
        """Whether γ is told from latents: the best arm above the middle between chance and what is possible."""
        some = next(iter(self.maps.values()))
        middle = (some.chance + some.ceiling.accuracy.score) / 2
        best = max(self.maps, key=self.best)
        found = max((p for members in self.maps[best].probes.values() for p in members), key=lambda p: p.score)
        answer = True if found.low > middle else False if found.high < middle else None
        return Verdict(answer, f"accuracy {found.score:.3f} ({found.low:.3f} to {found.high:.3f}), asked {middle:.3f}")

    def best(self, arm: str) -> float:
        """Highest accuracy of any probe, median over members."""
        return max(float(np.median([a.score for a in members])) for members in self.maps[arm].probes.values())


def latent(context: Context) -> Latent:
    """The map of γ in the latents of each arm, on held-out rows."""
    rows, kinds = context.option("rows"), context.option("probes")
    temperature = fluid(context).temperatures[0]
    maps = {}
    for arm in context.arms("judged"):
        run = context.run(arm)
        snapshots = held(context, run, rows)
        maps[arm.name] = gamma_map(run, snapshots, snapshots["gravity"], temperature, kinds=kinds)
    return Latent(maps, {arm.name: arm.label for arm in context.arms("judged")})
