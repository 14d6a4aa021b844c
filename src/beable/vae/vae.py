r"""The variational autoencoder: an encoder q(z|y), a decoder p(y|z) and a prior p(z), each for K members at once.

.. math:: -\mathrm{ELBO} = E_{q(z|y)}[-\log p(y|z)] + \mathrm{KL}[q(z|y) \,\|\, p(z)]

The first term is the distortion, the second the rate. Encoder and decoder are a linear map plus a small network
whose last layer starts near zero: at the start the VAE is a linear one, set by training/start.py, and training
bends it. The likelihood is the decoder's head: normal or Bernoulli.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from beable.errors import DataError, UsageError
from beable.representations.gaps import Gaps
from beable.representations.representation import CodeSpec
from beable.vae.classes import WithClasses, numbers_of, shares
from beable.vae.dense import DenseConv, DenseConvUp, DenseShape, Norm
from beable.vae.distributions import (
    Bernoulli,
    FieldNormal,
    GroupedNormal,
    Noise,
    Normal,
    Quantised,
    group_energy,
    row_sum,
)
from beable.vae.networks import MLP, Conv, ConvUp, Linear, PointSet, Pyramid, start_as_xavier
from beable.vae.priors import Prior, make_prior
from beable.vae.settings import ModelSettings

LOG_STD_RANGE = (-12.0, 3.0)
FIELD_VARIANCES = ("pixel", "output")
LEARNED_VARIANCES = ("scalar", "channel", *FIELD_VARIANCES)


class Rows(NamedTuple):
    """Coded rows of a data set.

    Args:
        values: what the encoder sees, (members, rows, m).
        residual_energy: squared norm of what the code leaves out, by group, (members, rows, groups).
        conditions: known factors that both networks are conditioned on, (members, rows, conditions); None for none.
        gaps: what is there of rows that lack some numbers, (members, rows, ...); None where all of it is.
    """

    values: Tensor
    residual_energy: Tensor
    conditions: Tensor | None = None
    gaps: Gaps | None = None

    def misfit(self, location: Tensor) -> Tensor:
        """What is there less what decoded codes, (members, rows, m), say of it."""
        found: Tensor = self.values - location if self.gaps is None else self.gaps.misfit(location)
        return found

    @property
    def centre(self) -> Tensor:
        """Mean code of what is there, (members, 1, m)."""
        found: Tensor = self.values.mean(1, keepdim=True) if self.gaps is None else self.gaps.centre(self.values)
        return found

    def each(self, change: Callable[[Tensor], Tensor]) -> "Rows":
        """The rows with every part changed alike."""
        known = None if self.conditions is None else change(self.conditions)
        gaps = None if self.gaps is None else Gaps(*map(change, self.gaps))
        return Rows(change(self.values), change(self.residual_energy), known, gaps)


class Conditions(nn.Module):
    """Known factors as networks see them: centred and scaled by their spread over the training rows.

    Args:
        names: of the factors.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.offset: Tensor
        self.scale: Tensor
        self.register_buffer("offset", torch.zeros(len(names)))
        self.register_buffer("scale", torch.ones(len(names)))

    def settle(self, values: Tensor) -> None:
        """Take centre and spread from training rows, (rows, conditions)."""
        spread = values.std(0, correction=0)
        self.offset.copy_(values.mean(0))
        self.scale.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor, conditions: Tensor | None) -> Tensor:
        """The numbers of each row with its conditions behind them."""
        if not self.names:
            return x
        if conditions is None:
            raise UsageError(f"the model is conditioned on {', '.join(self.names)}: give a value of each for every row")
        return torch.cat([x, (conditions.to(x) - self.offset) / self.scale], -1)


class Codebook(nn.Module):
    """The values that each latent may take, learned with the rest.

    Source: Hsu, Dorrell, Whittington, Wu and Finn, Disentanglement via latent quantization (NeurIPS 2023).

    Args:
        latents: number of latents n.
        codes: values of each.
        members: K.
    """

    def __init__(self, latents: int, codes: int, members: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.linspace(-2, 2, codes).expand(members, latents, codes).clone())

    def forward(self, mean: Tensor) -> Quantised:
        """(members, rows, latents) as the nearest values."""
        apart = (mean.unsqueeze(-1) - self.values.unsqueeze(1)).abs()
        place = apart.argmin(-1, keepdim=True)
        every = self.values.unsqueeze(1).expand_as(apart)
        nearest = every.gather(-1, place).squeeze(-1)
        through = nearest.detach() + (mean - mean.detach())
        return Quantised(through, torch.full_like(mean, LOG_STD_RANGE[0]), mean, nearest)


class Encoder(nn.Module):
    """q(z|y), independent normals, or the values of a codebook."""

    def __init__(self, code: CodeSpec, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        features = code.group.size
        self.latents = settings.latents
        self.scale: Tensor
        self.register_buffer("scale", torch.as_tensor(_seen_scale(code, settings.scaled)))
        self.unseen = code.unseen
        self.bounded = settings.bounded
        self.linear = Linear(features, settings.latents, noise) if settings.linear else None
        self.conditions = Conditions(settings.conditions)
        self.network = _encoder_network(code, settings, noise)
        codes = settings.quantised
        self.codebook = Codebook(settings.latents, codes, len(noise.members)) if codes is not None else None

    def forward(self, values: Tensor, conditions: Tensor | None = None) -> Normal:
        """(members, rows, m), and what is known of each row, to a distribution of (members, rows, latents)."""
        x = values / self.scale
        if self.unseen:
            x = F.pad(x[..., self.unseen :], (self.unseen, 0))
        bend, log_std = self.network(self.conditions(x, conditions)).split(self.latents, dim=-1)
        mean = bend + self.linear(x) if self.linear is not None else bend
        if self.codebook is not None:
            quantised: Quantised = self.codebook(mean)
            return quantised
        return Normal(mean, _softly_clamped(log_std - 3.0, *LOG_STD_RANGE) if self.bounded else log_std / 2)


def _seen_scale(code: CodeSpec, scaled: bool | str) -> NDArray[np.floating]:
    """The units in which an encoder sees the numbers of a code, (m,)."""
    if scaled == "alike":
        return np.full_like(code.scale, code.scale.max())
    return code.scale if scaled else np.ones_like(code.scale)


def _softly_clamped(x: Tensor, low: float, high: float) -> Tensor:
    """Identity in the middle of the range, never outside it, nowhere flat."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * torch.tanh((x - middle) / half)


def _encoder_network(code: CodeSpec, settings: ModelSettings, noise: Noise) -> nn.Module:
    outputs, gain, known = 2 * settings.latents, 0.01 if settings.linear else 1.0, len(settings.conditions)
    if settings.network == "dense-conv":
        return DenseConv(_dense_shape(code, settings), settings.latents, noise, gain, known)
    if settings.network == "conv":
        shape = Pyramid(_grid(code), settings.channels, settings.stride, settings.head, settings.pooled)
        return Conv(shape, outputs, noise, settings.activation, gain, known)
    if settings.network == "points":
        return PointSet(settings.point, settings.layers, outputs, noise, settings.activation, gain, known)
    return MLP([code.group.size + known, *settings.layers, outputs], noise, settings.activation, gain)


def _decoder_network(code: CodeSpec, settings: ModelSettings, noise: Noise) -> nn.Module:
    gain, inputs = 0.01 if settings.linear else 1.0, settings.latents + len(settings.conditions)
    if settings.network == "dense-conv":
        return DenseConvUp(inputs, _dense_shape(code, settings), noise, gain)
    if settings.network == "conv":
        widths = settings.decoder_channels or settings.channels[::-1]
        return ConvUp(
            inputs, Pyramid(_grid(code), widths, settings.stride, settings.head), noise, settings.activation, gain
        )
    return MLP([inputs, *settings.layers[::-1], code.group.size], noise, settings.activation, gain)


def _dense_shape(code: CodeSpec, settings: ModelSettings) -> DenseShape:
    return DenseShape(_grid(code), settings.blocks, settings.growth, settings.features, settings.head)


def _grid(code: CodeSpec) -> tuple[int, ...]:
    if len(code.shape) < 2:
        raise DataError(
            f"a network of convolutions needs fields, got a code of shape {code.shape}: "
            "set representation.kind = 'fields' or model.network = 'mlp'"
        )
    return code.shape


def variance_groups(code: CodeSpec, variance: str) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Number of the variance that each output has, and how many outputs of a snapshot share each variance."""
    if variance not in FIELD_VARIANCES:
        numbers = numbers_of(code.group.size, code.classes) if code.classes else slice(None)
        return code.group[numbers], code.dimension
    outputs = code.group.size
    if len(code.shape) < 2 or outputs != code.dimension.sum():
        raise DataError(
            f"a variance for each {variance} needs fields with nothing left out, got a code of shape {code.shape}: "
            "set representation.kind = 'fields' or model.variance = 'channel'"
        )
    shared = outputs // code.shape[0] if variance == "pixel" else outputs
    return np.arange(outputs) % shared, np.full(shared, outputs / shared)


class Decoder(nn.Module):
    """p(y|z): a network and the likelihood that its last layer speaks."""

    def __init__(self, code: CodeSpec, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        self.settings, self.pixels = settings, code.pixels
        self.scale: Tensor
        self.group: Tensor
        self.dimension: Tensor
        self.register_buffer("scale", torch.full(code.scale.shape, float(code.scale.max()) if settings.scaled else 1.0))
        self.classes = code.classes
        self.numbers: Tensor
        numbers = numbers_of(code.group.size, code.classes) if code.classes else []
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long), persistent=False)
        group, dimension = variance_groups(code, settings.variance)
        self.register_buffer("group", torch.as_tensor(group))
        self.register_buffer("dimension", torch.as_tensor(dimension, dtype=torch.float32))
        self.linear = Linear(settings.latents, code.group.size, noise) if settings.linear else None
        self.conditions = Conditions(settings.conditions)
        self.network = _decoder_network(code, settings, noise)
        level = 0.0 if self.closed_form else 2 * math.log(settings.sigma)
        start = torch.full((len(noise.members), self.dimension.numel()), level)
        if settings.variance in LEARNED_VARIANCES:
            self.log_variance = nn.Parameter(start[:, :1] if settings.variance == "scalar" else start)
        else:
            self.register_buffer("log_variance", start)

    @property
    def closed_form(self) -> bool:
        """Whether the output variance follows the errors instead of being learned."""
        return self.settings.likelihood == "normal" and self.settings.variance.startswith("closed")

    def location(self, z: Tensor, conditions: Tensor | None = None) -> Tensor:
        """(members, rows, latents), and what is known, to the likelihood's natural location, (members, rows, m)."""
        x: Tensor = self.network(self.conditions(z, conditions))
        if self.linear is not None:
            x = x + self.linear(z)
        if self.settings.squashed and self.settings.likelihood == "normal":
            return x.softmax(-1) if self.settings.squashed == "softmax" else x.sigmoid()
        return x * self.scale if self.settings.likelihood == "normal" else x

    def means(self, location: Tensor) -> Tensor:
        """Means of coded rows at a location, (members, rows, m): of classes, and of a Bernoulli, the probabilities."""
        return Bernoulli(location).mean if self.settings.likelihood == "bernoulli" else shares(location, self.classes)

    def forward(
        self, z: Tensor, like: Rows | None = None, conditions: Tensor | None = None
    ) -> GroupedNormal | Bernoulli:
        """The distribution of coded rows given z.

        Args:
            z: latents, (members, rows, latents).
            like: the rows whose errors set a closed-form variance; without them the stored variance is used.
            conditions: what is known of each row; that of ``like`` by default.
        """
        known = like.conditions if like is not None and conditions is None else conditions
        return self.around(self.location(z, known), like)

    def around(self, location: Tensor, like: Rows | None = None) -> GroupedNormal | Bernoulli:
        """The distribution of coded rows around a location, (members, rows, m)."""
        if self.settings.likelihood == "bernoulli":
            return Bernoulli(location)
        if like is not None and self.closed_form:
            return self._normal(location, self.closed_log_variance(location, like))
        return self._normal(location, self.output_log_variance)

    def _normal(self, location: Tensor, log_variance: Tensor) -> GroupedNormal:
        shared = log_variance.expand(-1, self.dimension.numel())
        if self.classes:
            return WithClasses(location, shared, self.group, self.dimension, self.classes, self.numbers)
        kind = FieldNormal if self.settings.variance in FIELD_VARIANCES else GroupedNormal
        return kind(location, shared, self.group, self.dimension)

    @property
    def output_log_variance(self) -> Tensor:
        """log of the stored variance of each output or group, (members, groups), with the floor under a learned one."""
        learned = self.settings.variance in LEARNED_VARIANCES
        return self._floored(self.log_variance) if learned else self.log_variance

    def _floored(self, log_variance: Tensor) -> Tensor:
        """log of the variance plus its floor; added and not cut off, so that what is small can grow again."""
        if not self.settings.floor:
            return log_variance
        return torch.logaddexp(log_variance, log_variance.new_tensor(2 * math.log(self.settings.floor)))

    @torch.no_grad()
    def closed_log_variance(self, location: Tensor, rows: Rows) -> Tensor:
        """log of the mean squared error of the rows, (members, groups): the variance that minimises the distortion.

        Its gradient vanishes at that minimum, so it may be held fixed during a step.
        """
        if rows.gaps is not None:
            return self._closed_where_there(location, rows, rows.gaps)
        difference = rows.values - location
        difference = difference[..., self.numbers] if self.classes else difference
        energy = group_energy(difference, self.group, rows.residual_energy).mean(1)
        if self.settings.variance == "closed":
            return self._floored((energy.sum(-1, keepdim=True) / self.dimension.sum()).log()).expand_as(energy)
        return self._floored((energy / self.dimension).log())

    def _closed_where_there(self, location: Tensor, rows: Rows, gaps: Gaps) -> Tensor:
        """The same over the outputs that are there; 1 for a group of which none is."""
        if self.classes:
            gaps, location = gaps.of(self.numbers), location[..., self.numbers]
        energy = group_energy(gaps.misfit(location), self.group, rows.residual_energy).sum(1)
        counts = gaps.counts.sum(1)
        if self.settings.variance == "closed":
            energy, counts = (t.sum(-1, keepdim=True).expand_as(energy) for t in (energy, counts))
        return self._floored(torch.where(counts > 0, energy / counts.clamp(min=1), torch.ones_like(energy)).log())

    def distortion(self, p: GroupedNormal | Bernoulli, rows: Rows) -> Tensor:
        """-log p(y|z) of all outputs that are there, in nats, (members, rows)."""
        if isinstance(p, Bernoulli):
            each = p.log_prob(rows.values)
            return -row_sum(each if rows.gaps is None else each * rows.gaps.there)
        if rows.gaps is not None:
            return -p.log_prob_there(rows.gaps, rows.residual_energy)
        return -p.log_prob(rows.values, rows.residual_energy)


class VAE(nn.Module):
    """Encoder, decoder and prior of K members.

    Args:
        code: what the rows look like.
        settings: the choices.
        noise: its members are the ensemble's; first weights come from it.
    """

    def __init__(self, code: CodeSpec, settings: ModelSettings, noise: Noise) -> None:
        super().__init__()
        self.members = list(noise.members)
        self.encoder = Encoder(code, settings, noise)
        self.decoder = Decoder(code, settings, noise)
        if settings.initial == "xavier":
            start_as_xavier(self)
        self.prior: Prior = make_prior(settings.prior, settings.latents, noise, code, **settings.prior_options)

    @property
    def statistics(self) -> list[Tensor]:
        """Running statistics of each member, (members, ...): what training keeps beside parameters."""
        norms = [part for part in self.modules() if isinstance(part, Norm)]
        return [values for norm in norms for values in (norm.mean, norm.variance)]

    def fit_scaler(self, conditions: Tensor | None) -> None:
        """Take centre and spread of the known factors from training rows, (rows, conditions)."""
        if conditions is not None:
            for part in (self.encoder, self.decoder):
                part.conditions.settle(conditions)
