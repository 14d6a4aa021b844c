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
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from beable.errors import unknown
from beable.vae.distributions import Noise, Normal, Quantised
from beable.vae.labels import LabelBatch
from beable.vae.physical_terms import ParticlePenalty
from beable.vae.regularisers import Regulariser
from beable.vae.vae import VAE, Rows


class Loss(NamedTuple):
    """What an objective says of a batch.

    Args:
        total: what is minimised, (members).
        terms: named parts in nats per row, (members): distortion, rate/z, rate/xi, penalty, mismatch; log_prior where
            the lower rate has a weight of its own; labels, in nats per labelled row.
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
    """Factors of distortion and rate before β, and of labels before their weight.

    Labels stand beside the distortion of one pixel on every scale, as in the code of Jacobsen & Duraisamy: a few
    latents would otherwise count for nothing beside thousands of outputs.
    """

    distortion: float
    rate: float
    labels: float


def nats(vae: VAE) -> Weights:
    """Everything summed: β = 1 is the evidence lower bound."""
    return Weights(1.0, 1.0, float(vae.decoder.pixels))


def jacobsen(vae: VAE) -> Weights:
    """Distortion per pixel; rate per latent for priors in closed form, summed for others."""
    latents = vae.encoder.latents
    return Weights(1 / vae.decoder.pixels, 1 / latents if vae.prior.closed_form else 1.0, 1.0)


def jacobsen_equal(vae: VAE) -> Weights:
    """As `jacobsen`, with the rate per latent for every prior, so that priors are compared at the same weight."""
    return Weights(1 / vae.decoder.pixels, 1 / vae.encoder.latents, 1.0)


def bordin(vae: VAE) -> Weights:
    """Mean squared error (or cross entropy) per number, rate per latent, as Bordin et al. (2023) weigh them.

    Their λ is therefore β = λ m / 2nσ² in nats for m numbers, n latents and a decoder of fixed deviation σ: a scan of
    n at fixed λ is a scan of β too.
    """
    decoder = vae.decoder
    squared = 2 * decoder.settings.sigma**2 if decoder.settings.likelihood == "normal" else 1.0
    numbers = max(float(decoder.dimension.sum()), decoder.group.numel())  # images of pairs hold each of them twice
    return Weights(squared / numbers, 1 / vae.encoder.latents, decoder.pixels * squared / numbers)


SCALES: dict[str, Callable[[VAE], Weights]] = {
    "nats": nats,
    "jacobsen": jacobsen,
    "jacobsen-equal": jacobsen_equal,
    "bordin": bordin,
}


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
    sub_beta: Tensor | None = None,
    labels: LabelBatch | None = None,
    regulariser: Regulariser | None = None,
) -> Loss:
    """The negative evidence lower bound, with β and one latent sample a row.

    Args:
        vae: the model.
        rows: a batch, (members, rows, ...).
        beta: β, one number or one a member.
        noise: where the latent samples come from.
        scale: a name in ``SCALES``.
        regularise: False leaves the rate out of the total, as in a reconstruction-only first phase.
        output_std: deviation of noise on the decoded numbers, in the code's units.
        penalty: on decoded particles.
        penalty_weight: share of it that counts.
        match: whether samples are matched to training rows as well.
        sub_beta: weight of the lower rate of a hierarchical prior, one a member; None for 1.
        labels: labelled rows; a nat of their term counts as one of the distortion of each pixel.
        regulariser: a term beside the rate, left out with it.
    """
    w = weights(vae, scale)
    q, of_labels = _encoded(vae, rows, labels)
    z = q.sample(noise)
    location = vae.decoder.location(z, rows.conditions)
    if output_std:
        location = location + output_std * noise.normal(*location.shape[1:]).to(location)
    distortion = vae.decoder.distortion(vae.decoder.around(location, rows), rows).mean(-1)
    rates = vae.prior.rate(q, z, vae.encoder, noise)
    terms = {"distortion": distortion} | {name: r.sum(-1).mean(-1) for name, r in rates.items()}
    total = w.distortion * distortion
    if sub_beta is not None:
        terms["log_prior"] = (q.log_prob(z) - rates["rate/z"]).sum(-1).mean(-1)
    if regularise:
        total = total + beta * w.rate * _weighted_rate(terms, sub_beta)
    if regulariser is not None:
        terms[regulariser.term] = regulariser(q, z, partial(_drawn, vae, noise), noise)
        total = total + regularise * w.rate * regulariser.settings.weight * terms[regulariser.term]
    if isinstance(q, Quantised):
        terms["quantisation"] = q.misfit.sum(-1).mean(-1)
        total = total + w.rate * terms["quantisation"]
    if penalty is not None:
        physical = penalty.of_batch(vae, location, rows, noise, match)
        total = total + w.distortion * penalty_weight * torch.stack(list(physical.values())).sum(0)
        terms |= physical
    if labels is not None and of_labels is not None:
        terms["labels"] = labels.term(of_labels)
        total = total + w.labels * labels.weight * terms["labels"]
    return Loss(total, terms)


def _drawn(vae: VAE, noise: Noise, rows: int) -> Tensor:
    """Samples of the prior."""
    return vae.prior.sample(rows, noise, vae.encoder)


def _weighted_rate(terms: dict[str, Tensor], sub_beta: Tensor | None) -> Tensor:
    """The rate of all layers, the lower one with its own weight."""
    rate = Loss(terms["distortion"], terms).rate
    return rate if sub_beta is None else rate + (sub_beta - 1) * terms["rate/xi"]


def _encoded(vae: VAE, rows: Rows, labels: LabelBatch | None) -> tuple[Normal, Normal | None]:
    """Posteriors of a batch and of labelled rows, encoded together: a network that normalises sees one batch."""
    if labels is None:
        return vae.encoder(rows.values, rows.conditions), None
    own, size = labels.rows, rows.values.shape[1]
    known = [part.conditions for part in (rows, own) if part.conditions is not None]
    q = vae.encoder(torch.cat([rows.values, own.values], 1), torch.cat(known, 1) if known else None)
    return q.rows(slice(size)), q.rows(slice(size, None))
