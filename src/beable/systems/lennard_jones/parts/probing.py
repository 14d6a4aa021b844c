"""What single latents do to decoded configurations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.records import fields, plain
from beable.studies.context import Context
from beable.systems.lennard_jones.parts.rows import fluid, held
from beable.systems.lennard_jones.probing import Traverse, traverse

FloatArray = NDArray[np.floating]
#: rank correlation from which a quantity follows a latent
STRONG = 0.5


@dataclass(frozen=True)
class Probing:
    """Walks through the latent space of an arm.

    Args:
        latents, principal: walks of the first member along its latents, and along its principal directions.
        members: walks of every member along its latents.
        box: L.
    """

    latents: Traverse
    principal: Traverse
    members: list[Traverse]
    box: float

    def as_json(self) -> dict[str, Any]:
        """Every number but the positions, and how strongly each quantity follows its best latent, member by member."""
        best = {
            name: [abs(t.effects[name][t.moves(name)].association) for t in self.members]
            for name in self.latents.effects
        }
        medians = {name: np.median(values) for name, values in best.items()}
        found = {"strongest": medians, "strongest_by_member": best, "best": self.best, "strong": self.strong}
        return plain(fields(self, "members", "box") | found)

    @property
    def best(self) -> dict[str, dict[str, float]]:
        """The first member's latent that each quantity follows most, counted from 0, and their rank correlation."""
        t = self.latents
        places = {name: t.moves(name) for name in t.effects}
        return {
            name: {"latent": int(t.number[i]), "association": t.effects[name][i].association}
            for name, i in places.items()
        }

    @property
    def strong(self) -> dict[str, float]:
        """How many latents of the first member some quantity follows."""
        largest = np.max([[abs(e.association) for e in effects] for effects in self.latents.effects.values()], axis=0)
        return {"count": int((largest >= STRONG).sum()), "latents": len(largest), "level": STRONG}


def probing(context: Context) -> Probing:
    """Walk along every latent and principal direction of an arm."""
    run = context.run(context.arm("probed"))
    rows = held(context, run, context.option("rows"))
    members = traverse(run, rows)
    return Probing(members[0], traverse(run, rows, along="principal")[0], members, fluid(context).boxes[0])
