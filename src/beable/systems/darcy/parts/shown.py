"""What is shown of members of arms: one of them drawn, all of them judged."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.studies.claims import Claim
from beable.systems.darcy.parts.members import Members

Array = NDArray[np.float64]


class Fields(NamedTuple):
    """One held-out row and what a member makes of it, channel by channel, with the nodes.

    Args:
        names, units: of the channels.
        truth, made: (channels, x, y).
        x, y: nodes.
    """

    names: list[str]
    units: list[str]
    truth: Array
    made: Array
    x: Array
    y: Array


class Drawn(NamedTuple):
    """What a figure shows of one member.

    Args:
        member: its number: of the least error where reconstructions are shown, of the least angle otherwise.
        fields: a row decoded by it.
        prior: samples of its prior, (rows, latents).
        train_codes, train_std: posterior of training rows, (rows, latents).
        train_factors: their factors.
    """

    member: int
    fields: Fields
    prior: Array
    train_codes: Array
    train_std: Array
    train_factors: Array


class Gap(NamedTuple):
    """How far the aggregate posterior of each member is from its prior, in nats, (members,).

    Args:
        of_prior: D(q(z) ‖ p(z)) by nearest neighbours.
        null: the largest of so many of two samples of the prior of the first member.
        of_factors: D(p(θ) ‖ q(z)), at the order and signs of the latents that match best.
    """

    of_prior: Array
    null: float
    of_factors: Array


@dataclass(frozen=True)
class Latents:
    """Arms beside each other.

    Args:
        figure: of the source.
        arms: members by name of the arm.
        drawn: one member of each trained arm.
        gaps: of each trained arm, where asked for.
        factors: of held-out rows, (rows, factors).
        symbols: LaTeX of the factors.
        ceiling: S_D of the factors against themselves.
        chance: S_D of random rotations, mean, and quantiles 5 % and 95 %.
        turns: turn in degrees and S_D of the best member's latents.
        claims: what the source says of the figure, judged.
    """

    figure: str
    arms: dict[str, Members]
    drawn: dict[str, Drawn]
    gaps: dict[str, Gap]
    factors: Array
    symbols: list[str]
    ceiling: float
    chance: tuple[float, float, float]
    turns: list[tuple[float, float]]
    claims: list[Claim]

    def as_json(self) -> dict[str, Any]:
        """Every number; fields, codes and samples are left to the figures."""
        shown = {name: d.member for name, d in self.drawn.items()}
        return {
            "arms": {name: m.as_json() for name, m in self.arms.items()},
            "gaps": {name: g._asdict() for name, g in self.gaps.items()},
            "drawn": shown,
            "s_d_ceiling": self.ceiling,
            "s_d_chance": list(self.chance),
            "turns": [list(t) for t in self.turns],
        }

    @property
    def trained(self) -> dict[str, Members]:
        """The arms that were trained."""
        return {name: m for name, m in self.arms.items() if m.trained}
