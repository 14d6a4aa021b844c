"""Three factors of the mixture (figure B.29): does a training find their law, and is it turned?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from beable.records import fields, plain
from beable.studies.claims import OF_SHARES, Claim
from beable.studies.context import Context
from beable.studies.shares import shares_compared
from beable.systems.darcy.parts.ablation import interval
from beable.systems.darcy.parts.turns import Turns, all_turns

SHAPE = 0.9  # of the latents' variance that a rotation of the factors must explain for the shape to be right


@dataclass(frozen=True)
class ThreeFactors:
    """Trainings with three latents.

    Args:
        arms: by name.
        hierarchical, gaussian: the source's two.
    """

    arms: dict[str, Turns]
    hierarchical: str
    gaussian: str

    def shapes(self, name: str) -> tuple[int, int, int]:
        """Members of an arm with each factor in a latent, with the right shape but turned, and with another shape."""
        a = self.arms[name]
        right, found = a.fit >= SHAPE, np.array([word == "yes" for word in a.disentangled])
        return int(found.sum()), int((right & ~found).sum()), int((~right & ~found).sum())

    @property
    def claims(self) -> list[Claim]:
        """What the source says of figure B.29."""
        hierarchical, gaussian = (self.shapes(name) for name in (self.hierarchical, self.gaussian))
        return [
            _claim(
                "of 20 trainings with the hierarchical prior none finds the three factors (appendix B)",
                (0, 20),
                hierarchical,
                hierarchical[0],
            ),
            _claim(
                "12 of 20 trainings with the hierarchical prior have the right shape but are turned, 8 another shape",
                (12, 20),
                hierarchical,
                hierarchical[1],
            ),
            _claim(
                "all 15 trainings with a normal prior of unequal variances have the modes, turned",
                (15, 15),
                gaussian,
                gaussian[1],
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        shapes = {name: self.shapes(name) for name in self.arms}
        return dict(plain(fields(self) | {"shapes": shapes}))


def _claim(words: str, source: tuple[int, int], shapes: tuple[int, int, int], count: int) -> Claim:
    share = count, sum(shapes)
    found = shares_compared(source, share)["reproduced"]
    told = f"{shapes[0]} found, {shapes[1]} of the right shape but turned, {shapes[2]} of another shape"
    return Claim(
        "B.29",
        words,
        f"{source[0]} of {source[1]}",
        f"{share[0]} of {share[1]}",
        interval(share),
        OF_SHARES[found["answer"]],
        f"{found['reason']}; ours: {told}",
    )


def three_factors(context: Context) -> ThreeFactors:
    """Every arm, and the source's two."""
    named = {role: context.arm(role).name for role in ("hierarchical", "gaussian")}
    arms = {name: a for role in ("hierarchical", "gaussian", "others") for name, a in all_turns(context, role).items()}
    return ThreeFactors(arms, **named)
