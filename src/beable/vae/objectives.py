r"""What training minimises, in nats, by named terms.

.. math:: L = w_D\, D + \beta\, w_R\, R, \qquad D = E_q[-\log p(y|z)], \quad R = E_q[\log q(z|y) - \log p(z)]

Both D (all outputs) and R (all latents) are sums, and with ``scale="nats"`` both weights are one, so that
β = 1 is the evidence lower bound. ``scale="jacobsen"`` weighs as the code of Jacobsen & Duraisamy does:
D is averaged over the pixels of the grid, and R over latents where the prior has a closed form.
``scale="bordin"`` weighs as the Lennard-Jones study of Bordin, Barbiero, Pitteri and Bacilieri (LCP-B group 9,
University of Padova 2023) does: both are averages. Their β is therefore not the β of this page;
`effective_beta` translates.
"""

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from beable.errors import UsageError, unknown
from beable.vae.distributions import Noise
from beable.vae.physical_terms import ParticlePenalty, ParticleTerms
from beable.vae.vae import VAE, Rows

NotNegative = Annotated[float, Field(ge=0)]


class Loss(NamedTuple):
    """What an objective says of a batch.

    Args:
        total: what is minimised, (members).
        terms: named parts in nats per row, (members): distortion, rate/z, rate/xi, penalty, mismatch.
    """

    total: Tensor
    terms: dict[str, Tensor]

    @property
    def distortion(self) -> Tensor:
        return self.terms["distortion"]

    @property
    def rate(self) -> Tensor:
        return torch.stack([v for name, v in self.terms.items() if name.startswith("rate")]).sum(0)


class Weights(NamedTuple):
    """Factors of distortion and rate before β."""

    distortion: float
    rate: float


def nats(vae: VAE) -> Weights:
    """Everything summed: β = 1 is the evidence lower bound."""
    return Weights(1.0, 1.0)


def jacobsen(vae: VAE) -> Weights:
    """Distortion per pixel; rate per latent for priors in closed form, summed for others."""
    latents = vae.encoder.latents
    return Weights(1 / vae.decoder.pixels, 1 / latents if vae.prior.closed_form else 1.0)


def bordin(vae: VAE) -> Weights:
    """Mean squared error (or cross entropy) per number, rate per latent, as Bordin et al. (2023) weigh them.

    Their λ is therefore β = λ m / 2nσ² in nats for m numbers, n latents and a decoder of fixed deviation σ: a scan of
    n at fixed λ is a scan of β too.
    """
    decoder = vae.decoder
    squared = 2 * decoder.settings.sigma**2 if decoder.settings.likelihood == "normal" else 1.0
    numbers = max(float(decoder.dimension.sum()), decoder.group.numel())  # images of pairs hold each of them twice
    return Weights(squared / numbers, 1 / vae.encoder.latents)


SCALES: dict[str, Callable[[VAE], Weights]] = {"nats": nats, "jacobsen": jacobsen, "bordin": bordin}


def weights(vae: VAE, scale: str) -> Weights:
    """The weights of a name in ``SCALES``."""
    if scale not in SCALES:
        raise unknown("scale", scale, SCALES)
    return SCALES[scale](vae)


def effective_beta(vae: VAE, beta: float, scale: str) -> float:
    """β of the evidence lower bound that weighs as ``beta`` does on a scale."""
    w = weights(vae, scale)
    return beta * w.rate / w.distortion


def elbo(
    vae: VAE,
    rows: Rows,
    beta: Tensor | float,
    noise: Noise,
    *,
    scale: str = "nats",
    regularise: bool = True,
    output_std: float = 0.0,
    penalty: ParticlePenalty | None = None,
    penalty_weight: float = 1.0,
    match: bool = True,
) -> Loss:
    """The negative evidence lower bound, with β and one latent sample a row.

    Args:
        vae: the model.
        rows: a batch, (members, rows, ...).
        beta: β, one number or one a member.
        noise: where the latent samples come from.
        scale: a name in ``SCALES``.
        regularise: False leaves the rate out, as in a reconstruction-only first phase.
        output_std: deviation of noise on the decoded numbers, in the code's units.
        penalty: on decoded particles.
        penalty_weight: share of it that counts.
        match: whether samples are matched to training rows as well.
    """
    w = weights(vae, scale)
    q = vae.encoder(rows.values, rows.conditions)
    z = q.sample(noise)
    location = vae.decoder.location(z, rows.conditions)
    if output_std:
        location = location + output_std * noise.normal(*location.shape[1:]).to(location)
    distortion = vae.decoder.distortion(vae.decoder.around(location, rows), rows).mean(-1)
    rates = vae.prior.rate(q, z, vae.encoder, noise)
    terms = {"distortion": distortion} | {name: r.sum(-1).mean(-1) for name, r in rates.items()}
    total = w.distortion * distortion
    if regularise:
        total = total + beta * w.rate * Loss(total, terms).rate
    if penalty is not None:
        physical = penalty.of_batch(vae, location, rows, noise, match)
        total = total + w.distortion * penalty_weight * torch.stack(list(physical.values())).sum(0)
        terms |= physical
    return Loss(total, terms)


class _Beta(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def start(self, members: int) -> Tensor:
        """β of each member before the first regularised step."""
        return self.value(0).expand(members).clone()

    def update(self, beta: Tensor, step: int, distortion: Tensor) -> Tensor:
        """β of each member after ``step`` regularised steps, given the last batch's weighted distortion."""
        return self.value(step).expand(beta.shape).clone()

    def value(self, step: int) -> Tensor:
        """β as a function of the number of regularised steps taken, one number or one a member."""
        raise AssertionError(f"{type(self).__name__} has no value of its own: it follows the distortion")


class Constant(_Beta):
    """The same β always; a list gives each member its own, or each so many members in turn."""

    kind: Literal["constant"] = "constant"
    beta: NotNegative | tuple[NotNegative, ...] = 1.0
    each: int = Field(default=1, ge=1)

    @property
    def by_member(self) -> float | tuple[float, ...]:
        """One β for all members, or one for each."""
        if isinstance(self.beta, float):
            return self.beta
        return tuple(beta for beta in self.beta for _ in range(self.each))

    def start(self, members: int) -> Tensor:
        """β of each member.

        Raises:
            UsageError: a list that is not of so many numbers.
        """
        stated = self.value(0)
        if stated.ndim and len(stated) != members:
            raise UsageError(f"beta has {len(stated)} numbers for {members} members: give one number, or one a member")
        return super().start(members)

    def value(self, step: int) -> Tensor:
        return torch.tensor(self.by_member, dtype=torch.float32)


class Ramp(_Beta):
    """β from ``start_beta`` to ``beta`` in equal increments over ``steps``."""

    kind: Literal["linear"] = "linear"
    beta: NotNegative = 1.0
    start_beta: NotNegative = 0.0
    steps: int = Field(default=1000, ge=1)

    def value(self, step: int) -> Tensor:
        return torch.tensor(self.start_beta + (self.beta - self.start_beta) * min(1.0, step / self.steps))


class Cyclical(_Beta):
    """β rises to ``beta`` over the first part of each period and stays there for the rest (Fu et al. 2019)."""

    kind: Literal["cyclical"] = "cyclical"
    beta: NotNegative = 1.0
    period: int = Field(default=1000, ge=1)
    rising: float = Field(default=0.5, gt=0, le=1)

    def value(self, step: int) -> Tensor:
        return torch.tensor(self.beta * min(1.0, (step % self.period) / self.period / self.rising))


class Saturating(_Beta):
    r"""The Lennard-Jones study's rule for images: a ramp that saturates, to a level that itself grows.

    .. math:: \beta_e = \Big(1 - \frac{1}{1 + e/e_0}\Big)(\beta + g e)

    with e the number of epochs, each of ``epoch`` steps.
    """

    kind: Literal["saturating"] = "saturating"
    beta: NotNegative = 0.5
    growth: NotNegative = 0.0005
    epochs: float = Field(default=10.0, gt=0)
    epoch: int = Field(default=100, ge=1)

    def value(self, step: int) -> Tensor:
        e = step // self.epoch
        return torch.tensor((1 - 1 / (1 + e / self.epochs)) * (self.beta + self.growth * e))


class Feedback(_Beta):
    r"""The source's rule: β follows the distortion L on the scale of the objective, and never exceeds one.

    .. math:: \beta \leftarrow \min\big(1, \beta \exp(\nu f L)\big), \qquad
        f = \tanh(\tau(\beta - 1)) \text{ if } L \le 0, \text{ else } -1

    Klushyn et al. (2019) without the constraint, as in the code of Jacobsen & Duraisamy. β grows only while L is
    negative, which depends on the units of the data and on the scale.
    """

    kind: Literal["feedback"] = "feedback"
    start_beta: float = Field(default=1e-9, gt=0)
    nu: float = Field(default=0.005, gt=0)
    tau: float = Field(default=1.0, gt=0)

    def start(self, members: int) -> Tensor:
        return torch.full((members,), self.start_beta)

    def update(self, beta: Tensor, step: int, distortion: Tensor) -> Tensor:
        force = torch.where(distortion <= 0, torch.tanh(self.tau * (beta - 1)), -torch.ones_like(beta))
        return (beta * torch.exp(self.nu * force * distortion)).clamp(max=1.0)


BetaRule = Annotated[Constant | Ramp | Cyclical | Saturating | Feedback, Field(discriminator="kind")]


class OutputNoise(BaseModel):
    """Noise on decoded numbers in training that fades, as the Lennard-Jones study adds to images.

    Its deviation is ``std`` / (1 + e/``epochs``) at epoch e of ``epoch`` steps, in the code's units.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    std: float = Field(default=0.05, gt=0)
    epochs: float = Field(default=10.0, gt=0)
    epoch: int = Field(default=100, ge=1)

    def at(self, step: int) -> float:
        """Its deviation at a step."""
        return self.std / (1 + step // self.epoch / self.epochs)


class ObjectiveSettings(BaseModel):
    """The choices that make an objective.

    Args:
        beta: a rule: constant, linear, cyclical, saturating or feedback.
        scale: "nats", or "jacobsen" or "bordin" for a source's weights.
        reconstruction_steps: length of a first phase without the rate.
        output_noise: noise on decoded numbers; None for none.
        particles: penalty on decoded particles that overlap or leave their box; None for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    beta: BetaRule = Constant()
    scale: Literal["nats", "jacobsen", "bordin"] = "nats"
    reconstruction_steps: int = Field(default=0, ge=0)
    output_noise: OutputNoise | None = None
    particles: ParticleTerms | None = None
