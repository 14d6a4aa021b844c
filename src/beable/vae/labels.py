r"""What labels add to an objective: factors that are known for some rows tell latents what they are.

.. math:: L_\mathrm{labels} = \frac1{|S|} \sum_{y \in S} \sum_d -\log q(θ_d | y)

over the labelled rows S: equation 29 of C. Jacobsen and K. Duraisamy, Disentangling generative factors of physical
fields using variational autoencoders, Frontiers in Physics 10:890910 (2022). θ is in units of its spread.

Their equation 28 takes :math:`-\mathrm{KL}[q(z|y) \,\|\, N(θ, 0.005 I)]` for it. A relative entropy has no upper
bound, so this has no lower one, and what lowers it drives latents away from their labels; it is kept as a control.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from beable.vae.distributions import Normal
from beable.vae.settings import LabelSettings
from beable.vae.vae import Rows

#: variance of the normal law that equation 28 puts around a label
DENSITY_VARIANCE = 0.005
#: nats a labelled factor below which that equation has left its labels behind, by some ten of their spreads
LOST = -1e4


def negative_log_density(q: Normal, theta: Tensor) -> Tensor:
    """-log q(θ|y) of each label, equation 29."""
    return -q.log_prob(theta)


def negative_divergence(q: Normal, theta: Tensor) -> Tensor:
    """-KL[q(z|y) || N(θ, 0.005)] of each label, equation 28.

    >>> q = Normal(torch.tensor([1.0, 10.0]), torch.full((2,), 0.5 * math.log(DENSITY_VARIANCE)))
    >>> [round(x) for x in negative_divergence(q, torch.zeros(2)).tolist()]
    [-100, -10000]
    """
    return -q.kl(Normal(theta, torch.full_like(theta, 0.5 * math.log(DENSITY_VARIANCE))))


RULES: dict[str, Callable[[Normal, Tensor], Tensor]] = {"labels": negative_log_density, "density": negative_divergence}


class LabelBatch(NamedTuple):
    """Labelled rows of a step.

    Args:
        rows: coded, (members, rows, ...); a member with fewer has some of them again.
        theta: their labels in units of their spread, (members, rows, names); they belong to the first latents.
        share: weight of each row in the mean, (members, rows), one in all; 0 for rows that a member has again.
        rule: a name in ``RULES``.
        weight: of the term.
    """

    rows: Rows
    theta: Tensor
    share: Tensor
    rule: str
    weight: float

    def term(self, q: Normal) -> Tensor:
        """Mean over the labelled rows, in nats, (members).

        Args:
            q: their posteriors, (members, rows, latents).
        """
        names = self.theta.shape[-1]
        labelled = Normal(q.mean[..., :names], q.log_std[..., :names])
        return (RULES[self.rule](labelled, self.theta).sum(-1) * self.share).sum(-1)


def lost(settings: LabelSettings, terms: Mapping[str, Tensor], members: Sequence[int]) -> str | None:
    """What to say of a member whose term falls because it has no lower bound; None where there is none.

    Args:
        settings: of the labels.
        terms: of the objective by name, (members).
        members: their numbers.
    """
    if settings.rule != "density" or "labels" not in terms:
        return None
    fallen = terms["labels"].detach() < LOST * len(settings.names)
    if not bool(fallen.any()):
        return None
    k = int(fallen.int().argmax())
    value = float(terms["labels"][k].detach())
    return (
        f"member {members[k]}: the label term is {value:.3g} nats and falls without bound, "
        "because −KL (rule 'density', equation 28) is lower the farther latents are from their labels: set "
        "objective.labels.rule to 'labels'"
    )
