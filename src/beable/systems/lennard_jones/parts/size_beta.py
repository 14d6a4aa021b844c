r"""Error against the number of latents and β, each with the other held.

The source weighs mean squared error per number and rate per latent, so that its λ is
:math:`\beta = \lambda m / (2 n \sigma^2)` for n latents, m numbers and a decoder of deviation σ: more latents at one λ
are a lower β too. Each arm here has one n and members with several β, the last of which is the source's λ at that n.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.anomaly import row_scores
from beable.analysis.collapse import ACTIVE_NATS
from beable.errors import UsageError
from beable.records import fields, plain
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.lennard_jones.parts.rows import held
from beable.vae.settings import Constant

FloatArray = NDArray[np.floating]
#: weight of the rate in the source's loss
SOURCE_LAMBDA = 0.00035
#: the member whose β is the same for all sizes, one nat as a rule
FIXED = 1


@dataclass(frozen=True)
class SizeBeta:
    """Errors over sizes and β.

    Args:
        sizes: n, ascending, (sizes,).
        betas: β of each member, (sizes, members); the last is the source's λ.
        error: root-mean-square error of a coordinate in σ, (sizes, members).
        rate: nats a row, (sizes, members).
        active: latents that carry more than 0.05 nats, (sizes, members).
    """

    sizes: NDArray[np.int64]
    betas: FloatArray
    error: FloatArray
    rate: FloatArray
    active: FloatArray

    def as_json(self) -> dict[str, Any]:
        """Every number, and how much of the source's trend its β explains."""
        betas = self.betas[0, :-1]
        lowest, highest = int(betas.argmin()), int(betas.argmax())
        found: dict[str, object] = {
            "fall_at_fixed_lambda": self.fall(-1),
            "fall_at_fixed_beta": self.fall(FIXED),
            "fixed_beta": self.betas[0, FIXED],
            "lambda_betas": self.betas[:, -1],
            "beta_range": [betas[lowest], betas[highest]],
            "fall_with_beta": 1 - self.error[-1, lowest] / self.error[-1, highest],
        }
        return plain(fields(self) | found)

    def fall(self, member: int) -> float:
        """Relative fall of the error from the fewest latents to the most along one column of β."""
        return float(1 - self.error[-1, member] / self.error[0, member])


def size_beta(context: Context) -> SizeBeta:
    """Errors, rates and active latents of every arm's members on held-out rows."""
    columns = sorted((_column(context, arm) for arm in context.arms("sizes")), key=lambda column: column[0])
    sizes, betas, error, rate, active = (np.array(part) for part in zip(*columns, strict=True))
    return SizeBeta(sizes, betas, error, rate, active)


def _column(context: Context, arm: Arm) -> tuple[int, FloatArray, FloatArray, FloatArray, FloatArray]:
    run = context.run(arm)
    rule = run.settings.objective.beta
    if not isinstance(rule, Constant):
        raise UsageError(f"arm {arm.name}: the scan needs a constant beta for each member")
    snapshots = held(context, run, context.option("rows"))
    scores, rates = row_scores(run, snapshots), run.score(snapshots).rate.mean(1)
    beta = np.broadcast_to(np.asarray(rule.by_member, float), run.members)
    error = np.sqrt(np.square(scores.error).mean(1))
    return run.settings.model.latents, beta, error, rates.sum(1), (rates > ACTIVE_NATS).sum(1)
