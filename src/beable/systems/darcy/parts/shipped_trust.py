"""Is trust what it says on the trainings of the other parts? By the weights of the package, fitted on other flows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.trust import WEIGHTS, of_members, probability
from beable.studies.context import Context
from beable.systems.darcy.parts.trust import UNTOLD, ArmTrust, arm_trust, auc, calibration_error

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShippedTrust:
    """Trust against truth, by weights that these trainings had no part in.

    Args:
        arms: by name.
        trust: in each member of each arm, by name.
        auc: probability that a disentangled member is trusted more than one that is not; NaN where there are not both.
        calibration_error: mean difference of trust and share of disentangled members over ten bins of trust.
        told: of how many members both trust and truth are told.
    """

    arms: dict[str, ArmTrust]
    trust: dict[str, NDArray[np.float64]]
    auc: float
    calibration_error: float
    told: int

    def as_json(self) -> dict[str, Any]:
        """Every number; lists hold one number a member."""
        arms = {
            name: {
                "label": a.label,
                "law": a.law,
                "angle": a.angle,
                "trust": self.trust[name],
                "identified": a.identified,
            }
            | {"disentangled": a.disentangled}
            for name, a in self.arms.items()
        }
        return {"arms": arms, "auc": self.auc, "calibration_error": self.calibration_error, "told": self.told}


def shipped_trust(context: Context) -> ShippedTrust:
    """Every arm by the weights of the package."""
    arms = {arm.name: arm_trust(context, arm.name) for arm in context.arms("judged")}
    return judged(arms)


def judged(arms: dict[str, ArmTrust]) -> ShippedTrust:
    """Trust in members of arms, and how it fares against what is known of them."""
    trusted = {name: _members(a) for name, a in arms.items()}
    truth = np.concatenate([a.disentangled for a in arms.values()]).astype(np.float64)
    given = np.concatenate([trusted[name] for name in arms])
    both = (truth != UNTOLD) & ~np.isnan(given)
    scores = auc(truth[both], given[both]), calibration_error(truth[both], given[both])
    return ShippedTrust(arms, trusted, *scores, int(both.sum()))


def _members(a: ArmTrust) -> Array:
    latents = np.where(a.active, probability(a.made_of, WEIGHTS), 0.0)
    return of_members(latents, a.active)
