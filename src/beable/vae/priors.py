r"""Priors over the latents, each with the rate it charges in nats.

The rate is :math:`E_q[\log q(z|y) - \log p(z)]`; where p(z) has no closed form (Hierarchical, Mixture), it is
estimated with the one latent sample that the decoder sees. A prior is asked ``rate(q, z, encode, noise)`` and
answers with named terms, one number per member, row and latent. Their sum over latents and terms is the rate.
``encode`` is passed, never held: a prior made of encoded pseudo-inputs asks it, the others do not.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from beable.errors import UsageError, unknown
from beable.vae.distributions import Noise, Normal, NormalMixture
from beable.vae.networks import MLP

Encode = Callable[[Tensor], Normal]


class Prior(nn.Module):
    """What the latents are expected to look like before any data."""

    #: whether the rate is exact; the source's own code averages it over latents where it is, and sums it where not
    closed_form: bool

    @abstractmethod
    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        """Named terms of the rate, each (members, rows, latents), in nats.

        Args:
            q: the encoder's answer, (members, rows, latents).
            z: a sample of it, the one the decoder saw.
            encode: the encoder.
            noise: where further samples come from.
        """

    @abstractmethod
    def sample(self, rows: int, noise: Noise) -> Tensor:
        """Draws (members, rows, latents)."""


class Gaussian(Prior):
    """Independent normal latents with given variances; equal variances leave rotations free.

    Args:
        latents: number of latents n.
        noise: its members are the ensemble's.
        variances: one for each latent; the source's anisotropic prior has (1, 2).
    """

    closed_form = True

    def __init__(self, latents: int, noise: Noise, variances: Sequence[float] | None = None) -> None:
        super().__init__()
        values = torch.ones(latents) if variances is None else torch.tensor(variances, dtype=torch.float32)
        if values.shape != (latents,) or not all(v > 0 for v in variances or ()):
            raise UsageError(f"the prior needs {latents} positive variances, got {variances!r}: one for each latent")
        self.log_std: Tensor
        self.register_buffer("log_std", (0.5 * values.log()).expand(len(noise.members), 1, latents).clone())

    def _normal(self) -> Normal:
        return Normal(torch.zeros_like(self.log_std), self.log_std)

    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        return {"rate/z": q.kl(self._normal())}

    def sample(self, rows: int, noise: Noise) -> Tensor:
        p = self._normal()
        return p.mean + p.std * noise.normal(rows, p.mean.shape[-1])


class Hierarchical(Prior):
    r"""A normal prior whose mean depends on a second, lower layer of latents ξ.

    .. math::
        -E_q \log p(z) \le E_{q(\xi|z)}\big[-\log p(z|\xi)\big] + \mathrm{KL}[q(\xi|z) \,\|\, N(0, 1)]

    so the rate is that bound minus the entropy of q(z|y). Jacobsen & Duraisamy (2022), Eq. 10-14. Both networks
    are n-8n-8n-n with rectifiers, their variances free vectors. The source's code lets the mean of p(z|ξ) end
    in a rectifier of its only hidden layer by a name used twice, which confines the prior to the positive
    orthant: ``rectified=True`` does the same.

    Args:
        latents: number of latents n; ξ has as many.
        noise: its members are the ensemble's.
        width: hidden units, 8n by default.
        rectified: repeat the source's accident.
    """

    closed_form = False

    def __init__(self, latents: int, noise: Noise, width: int | None = None, rectified: bool = False) -> None:
        super().__init__()
        hidden = [width or 8 * latents] * (1 if rectified else 2)
        wide = [width or 8 * latents] * 2
        self.encoder = MLP([latents, *wide, latents], noise, "relu")
        self.decoder = MLP([latents, *hidden, latents], noise, "relu", last="relu" if rectified else None)
        zeros = torch.zeros(len(noise.members), 1, latents)
        self.encoder_log_std, self.decoder_log_std = nn.Parameter(zeros.clone()), nn.Parameter(zeros.clone())

    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        below = Normal(self.encoder(z), self.encoder_log_std.expand_as(z))
        above = Normal(self.decoder(below.sample(noise)), self.decoder_log_std)
        standard = Normal(torch.zeros_like(z), torch.zeros_like(z))
        return {"rate/z": q.log_prob(z) - above.log_prob(z), "rate/xi": below.kl(standard)}

    def sample(self, rows: int, noise: Noise) -> Tensor:
        latents = self.encoder_log_std.shape[-1]
        mean = self.decoder(noise.normal(rows, latents))
        return Normal(mean, self.decoder_log_std).sample(noise)


class Mixture(Prior):
    r"""A mixture of normals for each latent on its own, learned with the rest.

    .. math:: p(z) = \prod_i \sum_j w_{ij}\, N(z_i; m_{ij}, s_{ij}^2)

    It is not blind to rotation: independent latents that are not normal get a lower rate unrotated.

    Args:
        latents: number of latents n.
        noise: its members are the ensemble's.
        components: normals per latent.
    """

    closed_form = False

    def __init__(self, latents: int, noise: Noise, components: int = 4) -> None:
        super().__init__()
        shape = (len(noise.members), 1, latents, components)
        start = torch.linspace(-1.5, 1.5, components) if components > 1 else torch.zeros(1)
        self.logit = nn.Parameter(torch.zeros(shape))
        self.mean = nn.Parameter(start.expand(shape) + 0.1 * noise.normal(*shape[1:]))
        self.log_std = nn.Parameter(torch.full(shape, -0.5))

    def _mixture(self, rows: int) -> NormalMixture:
        members, _, *rest = self.mean.shape
        log_weight = torch.log_softmax(self.logit, dim=-1)
        return NormalMixture(*(t.expand(members, rows, *rest) for t in (log_weight, self.mean, self.log_std)))

    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        return {"rate/z": q.log_prob(z) - self._mixture(1).log_prob(z)}

    def sample(self, rows: int, noise: Noise) -> Tensor:
        return self._mixture(rows).sample(noise)


PRIORS: dict[str, type[Prior]] = {
    "standard": Gaussian,
    "gaussian": Gaussian,
    "hierarchical": Hierarchical,
    "mixture": Mixture,
}


def make_prior(name: str, latents: int, noise: Noise, **options: Any) -> Prior:
    """The prior of a name in ``PRIORS`` with its own options."""
    if name not in PRIORS:
        raise unknown("prior", name, PRIORS)
    if name == "standard" and options:
        raise UsageError(
            f"the standard prior has no options, got {', '.join(options)}: set model.prior = 'gaussian' for variances"
        )
    return PRIORS[name](latents, noise, **options)
