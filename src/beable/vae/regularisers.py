r"""Terms of an objective that ask for latents without dependence, beside the rate; each is a rival from the literature.

Total correlation is what the latents know of each other,

.. math:: \mathrm{TC} = \mathrm{KL}\Big[q(z) \,\Big\|\, \prod_j q(z_j)\Big],

of the aggregate q(z), the mean of q(z|y) over the training rows. `TotalCorrelation` estimates it from a batch,
`Factor` by a network of each member that learns to tell rows from shuffled ones. `MMD` compares q(z) with the prior;
`Hausdorff` asks for a product of supports alone and leaves the law free.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from beable.vae import regulariser_settings as choices
from beable.vae.distributions import Noise, Normal
from beable.vae.networks import MLP

Draw = Callable[[int], Tensor]
#: rows whose pairs, and whose combinations, are looked at: their cost grows with the second and third power
MOST_PAIRED, MOST_COMBINED = 128, 64


class Regulariser(nn.Module):
    """A term of the objective.

    Args:
        settings: the choices; they hold its weight.
        latents: number of latents n.
        rows: training rows of each member.
        noise: its members are the ensemble's; first weights come from it.
    """

    #: its name among the terms of a loss
    term: str

    def __init__(self, settings: Any, latents: int, rows: Sequence[int], noise: Noise) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, q: Normal, z: Tensor, draw: Draw, noise: Noise) -> Tensor:
        """The term before its weight, (members).

        Args:
            q: the encoder's answer, (members, rows, latents).
            z: the sample of it that the decoder saw.
            draw: gives so many rows of samples of the prior, (members, rows, latents).
            noise: where further samples come from.
        """
        raise AssertionError(f"{type(self).__name__} is no term of an objective")

    def own_loss(self, z: Tensor, noise: Noise) -> Tensor:
        """What its own network learns from, (members), given latents without a gradient."""
        raise AssertionError(f"{type(self).__name__} has no network of its own")


class TotalCorrelation(Regulariser):
    """Total correlation by stratified weights of the rows of a batch.

    Source: Chen, Li, Grosse and Duvenaud, Isolating sources of disentanglement in variational autoencoders (NeurIPS
    2018), appendix C.2.
    """

    term = "total-correlation"

    def __init__(self, settings: Any, latents: int, rows: Sequence[int], noise: Noise) -> None:
        super().__init__(settings, latents, rows, noise)
        self.rows: Tensor
        self.register_buffer("rows", torch.tensor([float(n) for n in rows]))

    def forward(self, q: Normal, z: Tensor, draw: Draw, noise: Noise) -> Tensor:
        few = spread(z, MOST_PAIRED)
        some = Normal(q.mean[:, few], q.log_std.expand_as(q.mean)[:, few])
        return total_correlation(some, z[:, few], self.rows)


def spread(z: Tensor, most: int) -> Tensor:
    """Numbers of evenly spaced rows of (members, rows, latents), at most so many."""
    few = min(z.shape[1], most)
    return torch.arange(few) * z.shape[1] // few


def total_correlation(q: Normal, z: Tensor, rows: Tensor) -> Tensor:
    """Total correlation of the aggregate posterior in nats, from one batch, (members).

    Args:
        q: posteriors of a batch, (members, rows, latents).
        z: one sample of each.
        rows: N, number of rows that the batch is drawn from, (members).

    >>> q = Normal(torch.randn(1, 256, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 256, 2) - 1)
    >>> bool(total_correlation(q, q.mean, torch.tensor([256.0])).abs() < 0.1)
    True
    """
    log_std = q.log_std.expand_as(q.mean)
    each = Normal(q.mean.unsqueeze(1), log_std.unsqueeze(1)).log_prob(z.unsqueeze(2))  # of row a under that of b
    log_weight = stratified(z.shape[1], rows).log().unsqueeze(-1)
    joint = torch.logsumexp(each.sum(-1, keepdim=True) + log_weight, dim=2).squeeze(-1)
    alone = torch.logsumexp(each + log_weight, dim=2).sum(-1)
    return (joint - alone).mean(-1)


def stratified(batch: int, rows: Tensor) -> Tensor:
    """Share of each row b in the aggregate as seen from row a, (members, batch, batch), summing to one.

    A row stands for itself with 1/N; the others share what is left, of which one is a stand-in for the rows that a
    batch as small as this leaves out.

    >>> stratified(3, torch.tensor([10.0])).sum(-1)
    tensor([[1., 1., 1.]])
    """
    others = max(batch - 1, 1)
    n = rows.clamp(min=batch).view(-1, 1, 1)
    own, next_one = torch.eye(batch).to(rows), torch.eye(batch).roll(1, dims=1).to(rows)
    stand_in = next_one * ((n - others) / (n * others) - 1 / others)
    weight: Tensor = own * (1 / n - 1 / others) + stand_in * float(batch > 1) + 1 / others
    return weight


class Factor(Regulariser):
    """Total correlation as the log odds of a network that tells rows from shuffled ones; it learns a step a step.

    Source: Kim and Mnih, Disentangling by factorising (ICML 2018), algorithm 2; there Adam has moments 0.5 and 0.9.
    """

    term = "total-correlation"

    def __init__(self, settings: Any, latents: int, rows: Sequence[int], noise: Noise) -> None:
        super().__init__(settings, latents, rows, noise)
        self.network = MLP([latents, *[settings.width] * settings.depth, 1], noise, "silu")

    def forward(self, q: Normal, z: Tensor, draw: Draw, noise: Noise) -> Tensor:
        odds: Tensor = self.network(z)
        return odds.mean((1, 2))

    def own_loss(self, z: Tensor, noise: Noise) -> Tensor:
        """Cross entropy of telling the first half of the rows from shuffled latents of the second."""
        first, second = z[:, : z.shape[1] // 2], z[:, z.shape[1] // 2 :]
        true, made = self.network(first), self.network(shuffled(second, noise))
        return 0.5 * (softplus(-true).mean((1, 2)) + softplus(made).mean((1, 2)))


def shuffled(z: Tensor, noise: Noise) -> Tensor:
    """Each latent of other rows, so that latents know nothing of each other; (members, rows, latents)."""
    order = noise.uniform(*z.shape[1:]).argsort(1).to(z.device)
    return z.gather(1, order)


class MMD(Regulariser):
    """Squared maximum mean discrepancy between latents and as many samples of the prior.

    Source: Zhao, Song and Ermon, InfoVAE: balancing learning and inference in variational autoencoders (AAAI 2019).
    """

    term = "mmd"

    def forward(self, q: Normal, z: Tensor, draw: Draw, noise: Noise) -> Tensor:
        some = z[:, spread(z, MOST_PAIRED)]
        return mean_discrepancy(some, draw(some.shape[1]).to(z))


def mean_discrepancy(x: Tensor, y: Tensor) -> Tensor:
    r"""Squared maximum mean discrepancy of two samples, with a normal kernel of width √n for n latents, (members).

    .. math:: \overline{k(x, x')} + \overline{k(y, y')} - 2 \overline{k(x, y)}, \qquad k = e^{-\|x - y\|^2 / 2 n}

    >>> x = torch.randn(1, 50, 2, generator=torch.Generator().manual_seed(0))
    >>> mean_discrepancy(x, x).abs().item() < 1e-6, mean_discrepancy(x, x + 2).item() > 0.5
    (True, True)
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squares = (a.unsqueeze(2) - b.unsqueeze(1)).square().sum(-1)
        return torch.exp(-squares / (2 * x.shape[-1])).mean((1, 2))

    return kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)


class Hausdorff(Regulariser):
    """How far the support of each pair of latents is from the product of theirs, within a batch.

    Source: Roth, Ibrahim, Akata, Vincent and Bouchacourt, Disentanglement of correlated factors via Hausdorff
    factorized support (ICLR 2023), equation 5.
    """

    term = "hausdorff"

    def forward(self, q: Normal, z: Tensor, draw: Draw, noise: Noise) -> Tensor:
        return support_distance(z[:, spread(z, MOST_COMBINED)])


def support_distance(z: Tensor) -> Tensor:
    r"""Distance of the farthest combination of two latents from the nearest row, summed over pairs, (members).

    .. math:: \sum_{i<j} \max_{a, b}\, \min_c\, \sqrt{(z_{ai} - z_{ci})^2 + (z_{bj} - z_{cj})^2}

    >>> grid = torch.cartesian_prod(torch.arange(3.0), torch.arange(4.0))[None]
    >>> support_distance(grid).item(), support_distance(grid[:, :-1]).item()
    (0.0, 1.0)
    """
    pairs = list(combinations(range(z.shape[-1]), 2))
    if not pairs:
        return z.new_zeros(len(z))
    return torch.stack([_pair_distance(z[..., i], z[..., j]) for i, j in pairs]).sum(0)


def _pair_distance(x: Tensor, y: Tensor) -> Tensor:
    """One term; the combination and its row are found without a gradient, which passes through that distance alone."""
    with torch.no_grad():
        across = (x.unsqueeze(2) - x.unsqueeze(1)).square()  # (members, a, c)
        up = (y.unsqueeze(2) - y.unsqueeze(1)).square()
        nearest = (across.unsqueeze(2) + up.unsqueeze(1)).amin(-1)  # (members, a, b)
        farthest = nearest.flatten(1).argmax(1)
        a, b = farthest // x.shape[1], farthest % x.shape[1]
        member = torch.arange(len(x), device=x.device)
        c = (across[member, a] + up[member, b]).argmin(-1)
    square = (x[member, a] - x[member, c]).square() + (y[member, b] - y[member, c]).square()
    return torch.where(square > 0, square, 1.0).sqrt() * (square > 0)


REGULARISERS: dict[str, Callable[..., Regulariser]] = {
    "total-correlation": TotalCorrelation,
    "factor": Factor,
    "mmd": MMD,
    "hausdorff": Hausdorff,
}


def make_regulariser(
    settings: choices.RegulariserSettings | None, latents: int, rows: Sequence[int], noise: Noise
) -> Regulariser | None:
    """The term that settings ask for; None for none.

    Args:
        settings: the choices.
        latents: number of latents n.
        rows: training rows of each member.
        noise: its members are the ensemble's.
    """
    return None if settings is None else REGULARISERS[settings.kind](settings, latents, rows, noise)
