r"""Distributions of the parts of a VAE: encoder, decoder and prior, when called, return one of these.

Arrays carry the ensemble first: ``(members, rows, ...)``. Densities are in nats and element by element;
`row_sum` adds up what belongs to one row.

.. math::
    \mathrm{KL}[N(m, s^2) \,\|\, N(m', s'^2)] =
        \log\frac{s'}{s} + \frac{s^2 + (m - m')^2}{2 s'^2} - \frac12
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from beable.representations.gaps import Gaps
from beable.streams import states

LOG_2PI = math.log(2 * math.pi)


class Noise:
    """Standard random numbers for an ensemble: member k draws from a stream of its own.

    What a member gets depends on (seed, member, moment) alone, so it is the same in an ensemble of
    sixteen as on its own.

    Args:
        seed: seed of the training.
        members: numbers of the members.
        stream: name of the stream, a key of ``beable.streams.STREAMS``.
        moment: which part of the stream, such as the step of a training.

    >>> one, two = Noise(0, [5]), Noise(0, [4, 5])
    >>> bool((one.normal(3)[0] == two.normal(3)[1]).all())
    True
    """

    def __init__(self, seed: int, members: Sequence[int], stream: str = "noise", moment: int = 0) -> None:
        self.members = list(members)
        self._generators = [
            torch.Generator().manual_seed(state >> 1) for state in states(seed, stream, self.members, moment)
        ]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers ``(members, *shape)``."""
        return torch.stack([torch.randn(shape, generator=g) for g in self._generators])

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), ``(members, *shape)``."""
        return torch.stack([torch.rand(shape, generator=g) for g in self._generators])


class ZeroNoise(Noise):
    """Noise that is always zero: what is drawn with it is the mean.

    >>> ZeroNoise(0, [0]).normal(3).tolist()
    [[0.0, 0.0, 0.0]]
    """

    def normal(self, *shape: int) -> Tensor:
        return torch.zeros(len(self.members), *shape)


def row_sum(values: Tensor) -> Tensor:
    """Sum over everything that belongs to a row: ``(members, rows, ...)`` to ``(members, rows)``."""
    return values.flatten(2).sum(-1) if values.ndim > 2 else values


@dataclass(frozen=True)
class Normal:
    """Independent normal numbers.

    Args:
        mean: m, any shape.
        log_std: log s, broadcastable to it.
    """

    mean: Tensor
    log_std: Tensor

    @property
    def std(self) -> Tensor:
        return self.log_std.exp()

    def rows(self, chosen: slice) -> "Normal":
        """The distribution of some of the rows, (members, rows, ...)."""
        return Normal(self.mean[:, chosen], self.log_std[:, chosen])

    def sample(self, noise: Noise) -> Tensor:
        """One draw m + s ε, differentiable in m and s."""
        return self.mean + self.std * noise.normal(*self.mean.shape[1:]).to(self.mean)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of each number, in nats."""
        return -0.5 * (((x - self.mean) / self.std) ** 2 + LOG_2PI) - self.log_std

    def kl(self, other: "Normal") -> Tensor:
        """Relative entropy of each number to another normal, in nats.

        >>> a = Normal(torch.tensor([1.0]), torch.tensor([0.0]))
        >>> a.kl(Normal(torch.zeros(1), torch.zeros(1)))
        tensor([0.5000])
        """
        ratio = 2 * (self.log_std - other.log_std)
        shift = ((self.mean - other.mean) / other.std) ** 2
        return 0.5 * (ratio.exp() + shift - 1 - ratio)


@dataclass(frozen=True)
class Quantised(Normal):
    """Numbers that take the values of a codebook, with next to no deviation; gradients pass straight to the encoder.

    Args:
        before: what the encoder said, before it became the nearest value.
        nearest: that value, whose gradients go to the codebook.
    """

    before: Tensor
    nearest: Tensor

    @property
    def misfit(self) -> Tensor:
        """Squared distance of each number from its value, once for the codebook and once for the encoder."""
        return (self.nearest - self.before.detach()).square() + (self.before - self.nearest.detach()).square()


@dataclass(frozen=True)
class Bernoulli:
    """Independent numbers in {0, 1}, or in [0, 1] read as probabilities.

    Args:
        logit: log odds, any shape.
    """

    logit: Tensor

    @property
    def mean(self) -> Tensor:
        return self.logit.sigmoid()

    def sample(self, noise: Noise) -> Tensor:
        """One draw, not differentiable."""
        return (noise.uniform(*self.logit.shape[1:]).to(self.logit) < self.mean).to(self.logit)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log probability of each number, in nats; linear in x, so grey values count as cross entropy."""
        return x * logsigmoid(self.logit) + (1 - x) * logsigmoid(-self.logit)

    def kl(self, other: "Bernoulli") -> Tensor:
        """Relative entropy of each number, in nats."""
        p = self.mean
        return p * (logsigmoid(self.logit) - logsigmoid(other.logit)) + (1 - p) * (
            logsigmoid(-self.logit) - logsigmoid(-other.logit)
        )


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of normals for each number on its own.

    Args:
        log_weight: log w, shape (..., components), normalised over the last axis.
        mean: m of each component, the same shape.
        log_std: log s of each component, the same shape.
    """

    log_weight: Tensor
    mean: Tensor
    log_std: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of each number, in nats."""
        parts = Normal(self.mean, self.log_std).log_prob(x.unsqueeze(-1))
        return torch.logsumexp(self.log_weight + parts, dim=-1)

    def sample(self, noise: Noise) -> Tensor:
        """One draw; differentiable in the means and widths, not in the weights."""
        shape = self.mean.shape[1:-1]
        steps = self.log_weight.exp().cumsum(-1)
        steps = steps / steps[..., -1:]
        pick = (noise.uniform(*shape, 1).to(steps) >= steps).sum(-1, keepdim=True)
        mean = self.mean.gather(-1, pick).squeeze(-1)
        return mean + self.log_std.gather(-1, pick).squeeze(-1).exp() * noise.normal(*shape).to(mean)


@dataclass(frozen=True)
class GroupedNormal:
    r"""A normal likelihood of D outputs of which a row keeps only m numbers and some residual energy.

    With an orthonormal basis :math:`\Phi` the squared distance of a field from a prediction inside the basis is
    :math:`\|y - \bar y - \Phi c'\|^2 = \|c - c'\|^2 + r`, so the likelihood of all outputs is exact in the m
    coefficients c and the residual energy r of the row:

    .. math::
        -\log p(y) = \tfrac12 \sum_g \Big[ \frac{\|c_g - c'_g\|^2 + r_g}{\sigma_g^2} + D_g \log 2\pi\sigma_g^2 \Big]

    Args:
        mean: c', shape (members, rows, m).
        log_variance: log σ², shape (members, groups).
        group: group of each of the m numbers, integers, shape (m,).
        dimension: D_g, the number of outputs of each group, shape (groups,).
    """

    mean: Tensor
    log_variance: Tensor
    group: Tensor
    dimension: Tensor

    def energy(self, values: Tensor, residual_energy: Tensor) -> Tensor:
        """Squared distance from the mean, residual energy included: (members, rows, groups)."""
        return self.summed(values - self.mean, residual_energy)

    def summed(self, difference: Tensor, residual_energy: Tensor) -> Tensor:
        """Squared differences (members, rows, m) by group, residual energy included: (members, rows, groups)."""
        return group_energy(difference, self.group, residual_energy)

    def log_prob(self, values: Tensor, residual_energy: Tensor) -> Tensor:
        """Log density of each row's D outputs, in nats: (members, rows)."""
        constant = (self.dimension * (LOG_2PI + self.log_variance)).sum(-1, keepdim=True)
        return self._density(self.energy(values, residual_energy), constant)

    def log_prob_there(self, gaps: Gaps, residual_energy: Tensor) -> Tensor:
        """Log density of the outputs of each row that are there, in nats: (members, rows)."""
        counts = self.counts(gaps)
        constant = (counts * (LOG_2PI + self.log_variance).unsqueeze(1)).sum(-1)
        return self._density(self.summed(gaps.misfit(self.mean), residual_energy), constant)

    def counts(self, gaps: Gaps) -> Tensor:
        """How many outputs of each row are there by group, (members, rows, groups)."""
        counts: Tensor = gaps.counts
        return counts

    def _density(self, energy: Tensor, constant: Tensor) -> Tensor:
        scaled = energy * torch.exp(-self.log_variance).unsqueeze(1)
        return -0.5 * (scaled.sum(-1) + constant)


class FieldNormal(GroupedNormal):
    """A normal likelihood of fields with nothing left out, whose variances belong to grid points or single outputs.

    Output i of the m has variance i modulo their number, so that channels one behind the other share those of a grid.

    >>> p = FieldNormal(torch.zeros(1, 1, 4), torch.zeros(1, 2), torch.tensor([0, 1, 0, 1]), torch.tensor([2.0, 2.0]))
    >>> p.energy(torch.tensor([[[1.0, 2.0, 3.0, 0.0]]]), torch.zeros(1, 1, 2)).tolist()
    [[[10.0, 4.0]]]
    """

    def summed(self, difference: Tensor, residual_energy: Tensor) -> Tensor:
        return self._shared(difference**2)

    def counts(self, gaps: Gaps) -> Tensor:
        return self._shared(gaps.there)

    def _shared(self, numbers: Tensor) -> Tensor:
        """Sums of the numbers that share a variance."""
        return numbers.reshape(*numbers.shape[:2], -1, self.dimension.numel()).sum(-2)


def group_energy(difference: Tensor, group: Tensor, residual_energy: Tensor) -> Tensor:
    """Squared sums by group plus the residual energy: (members, rows, m) and (members, rows, groups) to the latter."""
    square = difference**2
    if residual_energy.shape[-1] == 1:
        return square.sum(-1, keepdim=True) + residual_energy
    return residual_energy.expand(*square.shape[:2], -1).index_add(2, group, square)
