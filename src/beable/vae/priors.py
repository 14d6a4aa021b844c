r"""Priors over the latents, each with the rate it charges in nats.

The rate is :math:`E_q[\log q(z|y) - \log p(z)]`; where p(z) has no closed form (Hierarchical, Mixture, Vamp), it is
estimated with the one latent sample that the decoder sees. A prior is asked ``rate(q, z, encode, noise)`` and
answers with named terms, one number per member, row and latent. Their sum over latents and terms is the rate.
``encode`` is passed, never held: a prior made of encoded pseudo-inputs asks it, the others do not.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import log
from typing import Any

import torch
from torch import Tensor, nn

from beable.errors import UsageError, unknown
from beable.representations.representation import CodeSpec
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
    def sample(self, rows: int, noise: Noise, encode: Encode) -> Tensor:
        """Draws (members, rows, latents)."""

    def settle(self, codes: Tensor, noise: Noise) -> None:
        """Take from training rows what the prior starts from, (rows, m); most take nothing."""


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

    def sample(self, rows: int, noise: Noise, encode: Encode) -> Tensor:
        p = self._normal()
        return p.mean + p.std * noise.normal(rows, p.mean.shape[-1])


class Hierarchical(Prior):
    r"""A normal prior whose mean depends on a second, lower layer of latents ξ.

    .. math::
        -E_q \log p(z) \le E_{q(\xi|z)}\big[-\log p(z|\xi)\big] + \mathrm{KL}[q(\xi|z) \,\|\, N(0, 1)]

    so the rate is that bound minus the entropy of q(z|y). Jacobsen & Duraisamy (2022), Eq. 10-14. Both networks
    are n-8n-8n-n with rectifiers, their variances free vectors. The source's code lets the mean of p(z|ξ) end
    in a rectifier of its only hidden layer by a name used twice, which confines the prior to the positive
    orthant: ``rectified=True`` does the same. Its variant ``full_param`` makes networks of the variances too, the
    logarithm of the lower one behind the same rectifier: ``full=True``.

    Args:
        latents: number of latents n; ξ has as many.
        noise: its members are the ensemble's.
        width: hidden units, 8n by default.
        rectified: repeat the source's accident.
        full: make the variances functions too, of z and of ξ.
    """

    closed_form = False

    def __init__(
        self, latents: int, noise: Noise, width: int | None = None, rectified: bool = False, full: bool = False
    ) -> None:
        super().__init__()
        hidden = [width or 8 * latents] * (1 if rectified else 2)
        up, down = [latents, *[width or 8 * latents] * 2, latents], [latents, *hidden, latents]
        last = "relu" if rectified else None
        self.latents = latents
        self.encoder, self.decoder = MLP(up, noise, "relu"), MLP(down, noise, "relu", last=last)
        self.encoder_log_std = MLP(up, noise, "relu") if full else _level(latents, noise)
        self.decoder_log_std = MLP(down, noise, "relu", last=last) if full else _level(latents, noise)

    def below(self, z: Tensor) -> Normal:
        """q(ξ|z)."""
        return Normal(self.encoder(z), _at(self.encoder_log_std, z).expand_as(z))

    def above(self, xi: Tensor) -> Normal:
        """p(z|ξ)."""
        return Normal(self.decoder(xi), _at(self.decoder_log_std, xi))

    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        below = self.below(z)
        above = self.above(below.sample(noise))
        standard = Normal(torch.zeros_like(z), torch.zeros_like(z))
        return {"rate/z": q.log_prob(z) - above.log_prob(z), "rate/xi": below.kl(standard)}

    def sample(self, rows: int, noise: Noise, encode: Encode) -> Tensor:
        return self.above(noise.normal(rows, self.latents).to(_device(self))).sample(noise)


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

    def sample(self, rows: int, noise: Noise, encode: Encode) -> Tensor:
        return self._mixture(rows).sample(noise)


class Vamp(Prior):
    r"""The mean of the posteriors of K learned pseudo-inputs, which are codes as the encoder sees them.

    .. math:: p(z) = \frac1K \sum_k q(z \,|\, u_k), \qquad
        \log p(z) = \sum_i \log \frac{\sum_k \prod_{j \le i} q(z_j | u_k)}{\sum_k \prod_{j < i} q(z_j | u_k)}

    The second form gives each latent its share of the rate. A mixture of posteriors may lie anywhere and at any angle.
    Pseudo-inputs start at training rows, in units of the code's size.

    Args:
        latents: number of latents n.
        noise: its members are the ensemble's.
        scale: typical size of each number of the code, (m).
        components: K.

    Source: Tomczak and Welling, VAE with a VampPrior, AISTATS 2018.
    """

    closed_form = False

    def __init__(self, latents: int, noise: Noise, scale: Sequence[float], components: int = 16) -> None:
        super().__init__()
        if components < 1:
            raise UsageError(f"the vamp prior needs pseudo-inputs, got {components}: give at least 1 component")
        self.scale: Tensor
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        self.inputs = nn.Parameter(noise.normal(components, len(self.scale)))

    @torch.no_grad()
    def settle(self, codes: Tensor, noise: Noise) -> None:
        pick = (noise.uniform(self.inputs.shape[1]) * len(codes)).long()
        self.inputs.copy_(codes[pick].to(self.inputs) / self.scale)

    def _parts(self, encode: Encode) -> Normal:
        """Posteriors of the pseudo-inputs, (members, components, latents)."""
        return encode(self.inputs * self.scale)

    def log_prob(self, z: Tensor, encode: Encode) -> Tensor:
        """Log density of each latent given those before it, (members, rows, latents), in nats."""
        parts = self._parts(encode)
        each = Normal(parts.mean.unsqueeze(1), parts.log_std.unsqueeze(1)).log_prob(z.unsqueeze(2))
        joint = torch.logsumexp(each.cumsum(-1), dim=2) - log(self.inputs.shape[1])
        return torch.cat([joint[..., :1], joint[..., 1:] - joint[..., :-1]], -1)

    def rate(self, q: Normal, z: Tensor, encode: Encode, noise: Noise) -> dict[str, Tensor]:
        return {"rate/z": q.log_prob(z) - self.log_prob(z, encode)}

    def sample(self, rows: int, noise: Noise, encode: Encode) -> Tensor:
        parts = self._parts(encode)
        pick = (noise.uniform(rows, 1).to(parts.mean) * parts.mean.shape[1]).long().expand(-1, -1, parts.mean.shape[2])
        return Normal(parts.mean.gather(1, pick), parts.log_std.gather(1, pick)).sample(noise)


def _level(latents: int, noise: Noise) -> nn.Parameter:
    """A free logarithm of a deviation for each latent, 0 at first."""
    return nn.Parameter(torch.zeros(len(noise.members), 1, latents))


def _at(log_std: nn.Module | nn.Parameter, x: Tensor) -> Tensor:
    """The logarithm of a deviation, free or the half of what a network says of the variance."""
    return 0.5 * log_std(x) if isinstance(log_std, nn.Module) else log_std


def _device(prior: nn.Module) -> torch.device:
    return next(prior.parameters()).device


PRIORS: dict[str, type[Prior]] = {
    "standard": Gaussian,
    "gaussian": Gaussian,
    "hierarchical": Hierarchical,
    "mixture": Mixture,
    "vamp": Vamp,
}


def make_prior(name: str, latents: int, noise: Noise, code: CodeSpec | None = None, **options: Any) -> Prior:
    """The prior of a name in ``PRIORS`` with its own options; one that is made of codes needs to know them."""
    if name not in PRIORS:
        raise unknown("prior", name, PRIORS)
    if name == "standard" and options:
        raise UsageError(
            f"the standard prior has no options, got {', '.join(options)}: set model.prior = 'gaussian' for variances"
        )
    if name == "vamp":
        if code is None:
            raise UsageError("the vamp prior is made of codes: say what they look like (code=)")
        options = {"scale": code.scale.tolist(), **options}
    return PRIORS[name](latents, noise, **options)
