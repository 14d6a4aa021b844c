r"""Terms of an objective that hold decoded particles to physics.

A decoder that answers with means smears particles over each other, and its samples are too regular. Decoded positions
x pay for cores that overlap and for leaving the box,

.. math:: P = w_c \sum_{i<j} \max(0, r_c - r_{ij})^2
        + w_b \sum_{i,d} \big[\max(0, \delta - x_{id})^2 + \max(0, x_{id} - L + \delta)^2\big],

at latents of the posterior and at latents drawn from the prior, since those are what is decoded for new
configurations. That makes samples valid, but leaves too few contacts. So samples of the prior are matched to training
rows, by the method of moments: at each level l of the conditions,

.. math:: M = \sum_b \Big[\frac{\langle k_b \rangle' - \langle k_b \rangle}{s_b}\Big]^2
        + w_h \Big[\langle u \rangle'^2 + \tfrac12 (\langle u^2 \rangle' - 1)^2\Big]

with k_b soft counts of pairs at distances near c_b and of particles at heights near c_b, s_b their standard deviation,
u a row's mean height in units of its deviation over training rows, and primes for decoded samples. Nothing but
statistics of training rows enters. The weight rises from 0 over the first part of a training, so that the map is
learned first.

Y. Li, K. Swersky and R. Zemel, *Generative moment matching networks*, ICML (2015).
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from beable.errors import UsageError
from beable.representations.particles import Coordinates
from beable.representations.representation import Representation
from beable.representations.scaling import Affine
from beable.vae.distributions import Noise
from beable.vae.settings import ParticleTerms
from beable.vae.vae import VAE, Rows

#: centres and widths of the soft counts of pairs, in σ: where the first shell of a dense fluid stands
PAIR_CENTRES = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.45, 1.65, 1.9)
PAIR_WIDTHS = (0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.09, 0.12, 0.15)
PAIR_REACH = 2.3
HEIGHT_STEP = 0.5
HEIGHT_WIDTH = 0.3
HEIGHT_WEIGHT = 10.0
#: added to the deviation of a count, so that one that hardly varies does not rule the others
LEAST_SPREAD = 0.2
MOST_LEVELS = 32
MOMENT_ROWS = 4000
BLOCK_ROWS = 500


class Moments(NamedTuple):
    """Statistics of training rows at each level of the conditions of a model.

    Args:
        levels: conditions, (levels, conditions).
        mean, spread: of the soft counts, (levels, counts).
        height, height_spread: mean and deviation of a row's mean height, (levels).
    """

    levels: Tensor
    mean: Tensor
    spread: Tensor
    height: Tensor
    height_spread: Tensor

    @classmethod
    def of(cls, positions: Tensor, conditions: Tensor, box: float) -> Self:
        """Of training rows (rows, particles, dimensions) with conditions (rows, conditions).

        Raises:
            UsageError: more levels than can be told apart by their moments.
        """
        levels, which = conditions[:1], torch.zeros(len(conditions), dtype=torch.int64)
        if conditions.shape[1]:
            levels, which = torch.unique(conditions, dim=0, return_inverse=True)
        if len(levels) > MOST_LEVELS:
            raise UsageError(
                f"matching needs at most {MOST_LEVELS} distinct values of the conditions, got {len(levels)}: "
                "set objective.particles.matching = 0, or simulate few levels"
            )
        parts = [positions[which == i][:MOMENT_ROWS] for i in range(len(levels))]
        counts = [torch.cat([soft_counts(b, box) for b in torch.split(p, BLOCK_ROWS)]) for p in parts]
        heights = [p[..., -1].mean(-1) for p in parts]
        return cls(
            levels,
            torch.stack([c.mean(0) for c in counts]),
            torch.stack([c.std(0, correction=0) + LEAST_SPREAD for c in counts]),
            torch.stack([h.mean() for h in heights]),
            torch.stack([h.std(correction=0).clamp(min=1e-3) for h in heights]),
        )

    def level(self, conditions: Tensor) -> Tensor:
        """Number of the nearest level of each row, (..., conditions) to (...)."""
        return (conditions.unsqueeze(-2) - self.levels).square().sum(-1).argmin(-1)


def pair_distances(x: Tensor) -> Tensor:
    """Distances of all pairs, (..., particles, dimensions) to (..., pairs)."""
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1)
    distances: Tensor = ((x[..., i, :] - x[..., j, :]).square().sum(-1) + 1e-12).sqrt()
    return distances


def soft_counts(x: Tensor, box: float) -> Tensor:
    """Soft counts of pairs by distance and of particles by height, (rows, particles, dimensions) to (rows, counts)."""
    r = pair_distances(x)
    row, pair = torch.nonzero(r.detach() < PAIR_REACH, as_tuple=True)
    each = _near(r[row, pair], torch.tensor(PAIR_CENTRES), torch.tensor(PAIR_WIDTHS))
    pairs = torch.zeros(len(x), len(PAIR_CENTRES)).index_add(0, row, each)
    centres = torch.arange(-HEIGHT_STEP, box + 1.5 * HEIGHT_STEP, HEIGHT_STEP)
    return torch.cat([pairs, _near(x[..., -1], centres, torch.tensor(HEIGHT_WIDTH)).sum(1)], 1)


def _near(values: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    return torch.exp(-0.5 * ((values.unsqueeze(-1) - centres) / widths).square())


class ParticlePenalty(nn.Module):
    """P of decoded rows, and M of decoded samples.

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
        self.moments: Moments | None = None

    def fit(self, rows: Rows) -> None:
        """Take the statistics of training rows (rows, m) to match."""
        if self.settings.matching:
            conditions = rows.values[:, :0] if rows.conditions is None else rows.conditions
            self.moments = Moments.of(self.positions(rows.values), conditions, self.settings.box)

    def positions(self, location: Tensor) -> Tensor:
        """(..., m) to (..., particles, dimensions), in σ."""
        return torch.unflatten(location * self.scale + self.offset, -1, (-1, self.settings.dimensions))

    def forward(self, location: Tensor) -> Tensor:
        """P of each row, (members, rows, m) to (members, rows), in nats."""
        s, x = self.settings, self.positions(location)
        overlap = (s.core - pair_distances(x)).clamp(min=0).square().sum(-1)
        below, above = (s.margin - x).clamp(min=0), (x - s.box + s.margin).clamp(min=0)
        outside = (below.square() + above.square()).flatten(-2).sum(-1)
        penalty: Tensor = s.core_weight * overlap + s.wall_weight * outside
        return penalty

    def mismatch(self, location: Tensor, conditions: Tensor) -> Tensor:
        """M of samples of the prior, (members, rows, m) and (members, rows, conditions) to (members)."""
        assert self.moments is not None
        x, m = self.positions(location), self.moments
        counts = torch.unflatten(soft_counts(x.flatten(0, 1), self.settings.box), 0, tuple(x.shape[:2]))
        member = torch.nn.functional.one_hot(m.level(conditions), len(m.levels)).to(x)
        number = member.sum(1).clamp(min=1)
        found = torch.einsum("krl,krb->klb", member, counts) / number.unsqueeze(-1)
        u = (x[..., -1].mean(-1).unsqueeze(-1) - m.height) / m.height_spread * member
        first, second = u.sum(1) / number, u.square().sum(1) / number
        each = ((found - m.mean) / m.spread).square().sum(-1)
        each = each + HEIGHT_WEIGHT * (first.square() + (second - 1).square() / 2)
        return (each * member.mean(1)).sum(-1)

    def of_batch(self, vae: VAE, location: Tensor, rows: Rows, noise: Noise, moment: bool) -> dict[str, Tensor]:
        """Named means over a batch, decoded from its posterior and from the prior, (members).

        Args:
            vae: the model.
            location: decoded from the posterior, (members, rows, m).
            rows: the batch.
            noise: where samples of the prior come from.
            moment: whether samples are matched as well.
        """
        count = min(self.settings.rows, location.shape[1])
        known = None if rows.conditions is None else rows.conditions[:, :count]
        sampled = vae.decoder.location(vae.prior.sample(count, noise, vae.encoder), known)
        terms = {"penalty": torch.cat([self(location), self(sampled)], 1).mean(-1)}
        if self.moments is not None and moment:
            conditions = sampled[..., :0] if known is None else known
            terms["mismatch"] = self.settings.matching * self.mismatch(sampled, conditions)
        return terms


def particle_penalty(settings: ParticleTerms | None, representation: Representation) -> ParticlePenalty | None:
    """The penalty of a training; None where none is asked.

    Raises:
        UsageError: a representation whose code is not an affine map of positions.
    """
    if settings is None:
        return None
    if (
        not isinstance(representation, Coordinates)
        or representation.polar
        or representation.configurations.dimensions != settings.dimensions
    ):
        raise UsageError(
            f"objective.particles needs positions of {settings.dimensions} dimensions: set representation.kind = "
            "'coordinates' without representation.polar"
        )
    return ParticlePenalty(settings, representation.affine)
