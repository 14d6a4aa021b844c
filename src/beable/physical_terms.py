r"""Terms of an objective that hold decoded particles to physics.

A decoder that answers with means smears particles over each other. Decoded positions x pay for cores that overlap
and for leaving the box,

.. math:: P = w_c \sum_{i<j} \max(0, r_c - r_{ij})^2
        + w_b \sum_{i,d} \big[\max(0, -x_{id})^2 + \max(0, x_{id} - L)^2\big],

both at latents of the posterior and at latents drawn from the prior, since those are what is decoded for new
configurations. The weight rises from 0 over the first part of a training, so that the map is learned first.
"""

from typing import Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from beable.distributions import Noise
from beable.errors import UsageError
from beable.representations.representation import FloatArray, Representation
from beable.vae import VAE, Rows


class ParticleTerms(BaseModel):
    """The choices of a penalty on decoded particles.

    Args:
        box: L, side of the box, in the unit of the positions.
        dimensions: numbers of a particle.
        core: r_c, distance below which a pair pays.
        core_weight: w_c, in nats per squared distance.
        wall_weight: w_b, in nats per squared distance.
        rows: rows of a batch that also pay at latents of the prior.
        ramp: share of the steps over which the weight rises.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    box: float = Field(gt=0)
    dimensions: int = Field(default=2, ge=1)
    core: float = Field(default=1.0, gt=0)
    core_weight: float = Field(default=30.0, ge=0)
    wall_weight: float = Field(default=30.0, ge=0)
    rows: int = Field(default=128, ge=1)
    ramp: float = Field(default=0.3, ge=0, le=1)

    def weight(self, step: int, steps: int) -> float:
        """Share of the full weight at a step of a training."""
        return min(1.0, step / (self.ramp * steps)) if self.ramp else 1.0


class Affine(Protocol):
    """Positions in physical units are offset + scale times the numbers of a code."""

    offset: FloatArray
    scale: FloatArray


class ParticlePenalty(nn.Module):
    """P of decoded rows.

    Args:
        settings: the choices.
        affine: from the numbers of a code to positions, each (m,).
    """

    def __init__(self, settings: ParticleTerms, affine: Affine) -> None:
        super().__init__()
        self.settings = settings
        self.offset: Tensor
        self.scale: Tensor
        self.register_buffer("offset", torch.as_tensor(affine.offset, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(affine.scale, dtype=torch.float32))
        particles = self.offset.numel() // settings.dimensions
        self.pairs = torch.triu_indices(particles, particles, 1)

    def forward(self, location: Tensor) -> Tensor:
        """(members, rows, m) to (members, rows), in nats."""
        s = self.settings
        x = torch.unflatten(location * self.scale + self.offset, -1, (-1, s.dimensions))
        apart = x[..., self.pairs[0], :] - x[..., self.pairs[1], :]
        distance = (apart.square().sum(-1) + 1e-12).sqrt()
        overlap = (s.core - distance).clamp(min=0).square().sum(-1)
        outside = ((-x).clamp(min=0).square() + (x - s.box).clamp(min=0).square()).flatten(-2).sum(-1)
        penalty: Tensor = s.core_weight * overlap + s.wall_weight * outside
        return penalty

    def of_batch(self, vae: VAE, location: Tensor, rows: Rows, noise: Noise) -> Tensor:
        """Mean over a batch, decoded from its posterior and from the prior, (members)."""
        known = None if rows.condition is None else rows.condition[:, : self.settings.rows]
        z = vae.prior.sample(min(self.settings.rows, location.shape[1]), noise)
        return self(location).mean(-1) + self(vae.decoder.location(z, known)).mean(-1)


def particle_penalty(settings: ParticleTerms | None, representation: Representation) -> ParticlePenalty | None:
    """The penalty of a training; None where none is asked.

    Raises:
        UsageError: a representation whose code is not an affine map of positions.
    """
    if settings is None:
        return None
    affine = getattr(representation, "affine", None)
    if affine is None or len(affine.offset) % settings.dimensions:
        raise UsageError(
            f"objective.particles needs positions of {settings.dimensions} dimensions: choose the representation "
            "'coordinates', not polar"
        )
    return ParticlePenalty(settings, affine)
