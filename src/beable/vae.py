r"""The variational autoencoder: an encoder q(z|y), a decoder p(y|z) and a prior p(z), each for K members at once.

.. math:: -\mathrm{ELBO} = E_{q(z|y)}[-\log p(y|z)] + \mathrm{KL}[q(z|y) \,\|\, p(z)]

The first term is the distortion, the second the rate. Encoder and decoder are a linear map plus a small network
whose last layer starts near zero: at the start the VAE is a linear one, set by training/start.py, and training
bends it. The likelihood is the decoder's head: normal or Bernoulli.
"""

import math
from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from beable.distributions import Bernoulli, GroupedNormal, Noise, Normal, group_energy, row_sum
from beable.errors import DataError
from beable.nn import MLP, Conv, ConvUp, Linear
from beable.priors import Prior, make_prior
from beable.representations.representation import Code

LOG_STD_RANGE = (-12.0, 3.0)


class Rows(NamedTuple):
    """Coded rows of a data set.

    Args:
        values: what the encoder sees, (members, rows, m).
        leftover: squared norm of what the code leaves out, by group, (members, rows, groups).
    """

    values: Tensor
    leftover: Tensor


class ModelSettings(BaseModel):
    """The choices that make a VAE.

    Args:
        latents: number of latents n.
        prior: name of the prior.
        prior_options: its own options.
        network: "mlp" on any code, "conv" on fields.
        width: hidden units of a layer ("mlp").
        depth: number of hidden layers ("mlp"); 0 leaves a linear VAE.
        channels: channels after each halving of the grid ("conv").
        activation: name in ``nn.ACTIVATIONS``.
        likelihood: "normal" or "bernoulli".
        variance: of the normal likelihood: "closed" (the mean squared error of the batch, Rybkin et al. 2021),
            "closed-channel" (the same for each channel), "scalar" or "channel" (learned), "fixed".
        sigma: standard deviation of the outputs where the variance is fixed, in the code's units.
        linear: whether encoder and decoder have a linear path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    latents: int = Field(default=2, ge=1)
    prior: Literal["standard", "gaussian", "hierarchical", "mixture"] = "standard"
    prior_options: dict[str, int | float | bool | list[float]] = {}
    network: Literal["mlp", "conv"] = "mlp"
    width: int = Field(default=32, ge=1)
    depth: int = Field(default=2, ge=0)
    channels: tuple[int, ...] = (8, 16, 32)
    activation: str = "silu"
    likelihood: Literal["normal", "bernoulli"] = "normal"
    variance: Literal["closed", "closed-channel", "scalar", "channel", "fixed"] = "closed"
    sigma: float = Field(default=1.0, gt=0)
    linear: bool = True


class Encoder(nn.Module):
    """q(z|y), independent normals."""

    def __init__(self, code: Code, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        features = code.group.size
        self.latents = settings.latents
        self.scale: Tensor
        self.register_buffer("scale", torch.as_tensor(code.scale))
        self.linear = Linear(features, settings.latents, noise) if settings.linear else None
        self.network = _encoder_network(code, settings, noise)

    def forward(self, values: Tensor) -> Normal:
        """(members, rows, m) to a distribution of (members, rows, latents)."""
        x = values / self.scale
        bend, log_std = self.network(x).split(self.latents, dim=-1)
        mean = bend + self.linear(x) if self.linear is not None else bend
        return Normal(mean, _softly_clamped(log_std - 3.0, *LOG_STD_RANGE))


def _softly_clamped(x: Tensor, low: float, high: float) -> Tensor:
    """Identity in the middle of the range, never outside it, nowhere flat."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * torch.tanh((x - middle) / half)


def _encoder_network(code: Code, settings: ModelSettings, noise: Noise) -> nn.Module:
    outputs, gain = 2 * settings.latents, 0.01 if settings.linear else 1.0
    if settings.network == "conv":
        return Conv(_grid(code), settings.channels, outputs, noise, settings.activation, gain)
    sizes = [code.group.size, *[settings.width] * settings.depth, outputs]
    return MLP(sizes, noise, settings.activation, gain)


def _decoder_network(code: Code, settings: ModelSettings, noise: Noise) -> nn.Module:
    gain = 0.01 if settings.linear else 1.0
    if settings.network == "conv":
        return ConvUp(settings.latents, settings.channels[::-1], _grid(code), noise, settings.activation, gain)
    sizes = [settings.latents, *[settings.width] * settings.depth, code.group.size]
    return MLP(sizes, noise, settings.activation, gain)


def _grid(code: Code) -> tuple[int, ...]:
    if len(code.shape) < 2:
        raise DataError(
            f"a conv network needs fields, got a code of shape {code.shape}: "
            "use the 'fields' representation or network = 'mlp'"
        )
    return code.shape


class Decoder(nn.Module):
    """p(y|z): a network and the likelihood that its last layer speaks."""

    def __init__(self, code: Code, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        self.settings, self.pixels = settings, code.pixels
        self.scale: Tensor
        self.group: Tensor
        self.dimension: Tensor
        self.register_buffer("scale", torch.full(code.scale.shape, float(code.scale.max())))
        self.register_buffer("group", torch.as_tensor(code.group))
        self.register_buffer("dimension", torch.as_tensor(code.dimension, dtype=torch.float32))
        self.linear = Linear(settings.latents, code.group.size, noise) if settings.linear else None
        self.network = _decoder_network(code, settings, noise)
        level = 2 * math.log(settings.sigma) if settings.variance == "fixed" else 0.0
        start = torch.full((len(noise.members), self.dimension.numel()), level)
        if settings.variance in ("scalar", "channel"):
            self.log_variance = nn.Parameter(start[:, :1] if settings.variance == "scalar" else start)
        else:
            self.register_buffer("log_variance", start)

    @property
    def closed_form(self) -> bool:
        """Whether the output variance follows the errors instead of being learned."""
        return self.settings.likelihood == "normal" and self.settings.variance.startswith("closed")

    def location(self, z: Tensor) -> Tensor:
        """(members, rows, latents) to the likelihood's natural location, (members, rows, m)."""
        x: Tensor = self.network(z)
        if self.linear is not None:
            x = x + self.linear(z)
        return x * self.scale if self.settings.likelihood == "normal" else x

    def forward(self, z: Tensor, like: Rows | None = None) -> GroupedNormal | Bernoulli:
        """The distribution of coded rows given z.

        Args:
            z: latents, (members, rows, latents).
            like: the rows whose errors set a closed-form variance; without them the stored variance is used.
        """
        location = self.location(z)
        if self.settings.likelihood == "bernoulli":
            return Bernoulli(location)
        if like is not None and self.closed_form:
            return self._normal(location, self.closed_log_variance(location, like))
        return self._normal(location, self.log_variance)

    def _normal(self, location: Tensor, log_variance: Tensor) -> GroupedNormal:
        shared = log_variance.expand(-1, self.dimension.numel())
        return GroupedNormal(location, shared, self.group, self.dimension)

    @torch.no_grad()
    def closed_log_variance(self, location: Tensor, rows: Rows) -> Tensor:
        """log of the mean squared error of the rows, (members, groups): the variance that minimises the distortion.

        Its gradient vanishes at that minimum, so it may be held fixed during a step.
        """
        energy = group_energy(rows.values - location, self.group, rows.leftover).mean(1)
        if self.settings.variance == "closed":
            return (energy.sum(-1, keepdim=True) / self.dimension.sum()).log().expand_as(energy)
        return (energy / self.dimension).log()

    def distortion(self, p: GroupedNormal | Bernoulli, rows: Rows) -> Tensor:
        """-log p(y|z) of all outputs, in nats, (members, rows)."""
        if isinstance(p, Bernoulli):
            return -row_sum(p.log_prob(rows.values))
        return -p.log_prob(rows.values, rows.leftover)


class VAE(nn.Module):
    """Encoder, decoder and prior of K members.

    Args:
        code: what the rows look like.
        settings: the choices.
        noise: its members are the ensemble's; first weights come from it.
    """

    def __init__(self, code: Code, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        self.members = list(noise.members)
        self.encoder = Encoder(code, settings, noise)
        self.decoder = Decoder(code, settings, noise)
        self.prior: Prior = make_prior(settings.prior, settings.latents, noise, **settings.prior_options)
