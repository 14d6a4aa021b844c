r"""Collective moves from a latent space, accepted by Metropolis: the VAE proposes, the physics decides.

The VAE has a prior p(z) = N(0, 1), an encoder q(z|x) and decoded means μ(z). The target π(x), known up to a factor, is
extended by the encoder to π(x) q(z|x), whose margin is π whatever q is. From x a move draws

.. math:: z \sim q(z|x), \qquad z' = \sqrt{1 - \rho^2}\, z + \rho\, \xi, \quad \xi \sim N(0, 1), \qquad
    x' = x + \mu(z') - \mu(z)

and is accepted with probability

.. math:: \min\Big(1, \frac{\pi(x')\, q(z'|x')\, p(z)}{\pi(x)\, q(z|x)\, p(z')}\Big).

The first draw is a Gibbs step of the extended target. The second leaves p(z) in detailed balance, which the ratio of
priors takes out again. Given (z, z') the map of x is a shift and the map (x, z, z') → (x', z', z) is its own inverse,
so its Jacobian is 1. Errors of the VAE cost acceptance, never correctness. What μ leaves out of x is carried along
unchanged: the move shifts a configuration, it does not replace it by a decoded one.

**Identical particles.** An encoder reads particles in an order c(x) that the configuration decides. Let C be the
configurations that are in order; symmetric averages over π are those over π restricted to C. Three rules follow.

1. Moves start from ordered configurations and are *rejected* if x' is not in order. To order x' and accept would
   be wrong: the way back starts from c(x') and shifts other particles.
2. Moves that pick a particle by its number, such as sweeps, must not start from ordered numbers. "The particle at
   site 1" is a choice that depends on the configuration; moving it breaks the balance. Numbers are drawn afresh
   (a random permutation) before such moves: x is then distributed as π over all orders.
3. Only symmetric quantities are averaged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import log_ndtr

from beable.errors import DataError, UsageError
from beable.metrics.columns import Bools, Floats
from beable.representations.particles import Coordinates
from beable.systems.lennard_jones.autocorrelation import autocorrelation
from beable.training.run import Run
from beable.vae.distributions import Noise
from beable.vae.vae import VAE

LOG_2PI = float(np.log(2 * np.pi))
LogDensity = Callable[[Floats], Floats]
Ordering = Callable[[Floats], Floats]


class Posterior(NamedTuple):
    """q(z|x): mean and standard deviation of each latent, (rows, n)."""

    mean: Floats
    std: Floats


@dataclass(frozen=True)
class LatentModel:
    r"""A VAE as it is used here: two functions and a width.

    Args:
        latents: n.
        decode: z (rows, n) to means μ (rows, m) of the coordinates.
        encode: x (rows, m) to q(z|x).
        std: σ of p(x|z) = N(μ(z), σ²), (m,).
        box: p(x|z) is cut to [0, L]^m and normalised there; None leaves it.
    """

    latents: int
    decode: Callable[[Floats], Floats]
    encode: Callable[[Floats], Posterior]
    std: Floats
    box: float | None = None

    def log_prior(self, z: Floats) -> Floats:
        """log p(z), (rows,)."""
        return np.asarray(-0.5 * (np.square(z) + LOG_2PI).sum(1))

    def log_posterior(self, z: Floats, x: Floats) -> Floats:
        """log q(z|x), (rows,)."""
        q = self.encode(x)
        return np.asarray((-0.5 * (((z - q.mean) / q.std) ** 2 + LOG_2PI) - np.log(q.std)).sum(1))

    def log_likelihood(self, x: Floats, centre: Floats) -> Floats:
        """log p(x|z) with μ(z) at the centre, (rows,); minus infinity outside the box."""
        each = -0.5 * (((x - centre) / self.std) ** 2 + LOG_2PI) - np.log(self.std)
        if self.box is None:
            return np.asarray(each.sum(1))
        within = ((x >= 0) & (x <= self.box)).all(axis=1)
        return np.where(within, (each - self._log_share(centre)).sum(1), -np.inf)

    def _log_share(self, centre: Floats) -> Floats:
        """log of the share of N(μ, σ²) in [0, L], each coordinate."""
        high, low = (float(self.box or 0) - centre) / self.std, -centre / self.std
        right = low > 0
        a, b = np.where(right, -low, high), np.where(right, -high, low)
        most = log_ndtr(a)
        return np.asarray(most + np.log1p(-np.exp(log_ndtr(b) - most)))

    def draw_latents(self, x: Floats, rng: np.random.Generator) -> Floats:
        """z ~ q(z|x), (rows, n)."""
        q = self.encode(x)
        return np.asarray(q.mean + q.std * rng.normal(size=q.mean.shape))

    def draw(self, centre: Floats, rng: np.random.Generator) -> Floats:
        """x ~ p(x|z) with μ(z) at the centre, (rows, m)."""
        if self.box is None:
            return np.asarray(centre + self.std * rng.normal(size=centre.shape))
        from scipy.stats import truncnorm

        low, high = -centre / self.std, (self.box - centre) / self.std
        return np.asarray(truncnorm.rvs(low, high, centre, self.std, random_state=rng))


class Move(NamedTuple):
    """A step of many chains.

    Args:
        positions: x, (rows, m).
        accepted: which moved, (rows,).
    """

    positions: Floats
    accepted: Bools


def latent_move(
    model: LatentModel,
    log_target: LogDensity,
    positions: ArrayLike,
    rng: np.random.Generator,
    *,
    reach: float = 0.1,
    order: Ordering | None = None,
) -> Move:
    r"""One collective move of each row, which leaves π (or π on ordered configurations) as it is.

    Args:
        model: the VAE.
        log_target: log π up to a constant, (rows, m) to (rows,); minus infinity where π is 0.
        positions: x, (rows, m), in order if there is one.
        rng: where random numbers come from.
        reach: ρ in (0, 1]; 1 draws z' from the prior.
        order: puts identical particles in order, (rows, m) to (rows, m); None for none.

    Raises:
        DataError: shape, NaN or infinity.
        UsageError: reach not in (0, 1].

    >>> model = LatentModel(1, lambda z: z, lambda x: Posterior(x / 1.25, np.full_like(x, 0.2**0.5)), np.array([0.5]))
    >>> x, rng = np.zeros((500, 1)), np.random.default_rng(0)
    >>> for _ in range(60):
    ...     x = latent_move(model, lambda x: -0.5 * ((x - 1) ** 2).sum(1), x, rng, reach=0.8).positions
    >>> bool(abs(x.mean() - 1) < 0.15)
    True
    """
    x = checked(positions)
    if not 0 < reach <= 1:
        raise UsageError(f"reach must be in (0, 1], got {reach}")
    z = model.draw_latents(x, rng)
    moved = np.sqrt(1 - reach**2) * z + reach * rng.normal(size=z.shape)
    proposed = x + model.decode(moved) - model.decode(z)
    log_ratio = _log_ratio(model, log_target, (x, z), (proposed, moved))
    accepted = np.log(rng.random(len(x))) < log_ratio
    if order is not None and accepted.any():
        accepted[accepted] = in_order(proposed[accepted], order)
    return Move(np.where(accepted[:, None], proposed, x), accepted)


def _log_ratio(
    model: LatentModel, log_target: LogDensity, old: tuple[Floats, Floats], new: tuple[Floats, Floats]
) -> Floats:
    """log of π(x') q(z'|x') p(z) / (π(x) q(z|x) p(z')); the encoder is asked only where π(x') is not 0."""
    (x, z), (y, w) = old, new
    ratio = log_target(y) - log_target(x)
    some = np.isfinite(ratio)
    guided = model.log_posterior(w[some], y[some]) - model.log_posterior(z[some], x[some])
    ratio[some] += guided + model.log_prior(z[some]) - model.log_prior(w[some])
    return ratio


def in_order(positions: Floats, order: Ordering) -> Bools:
    """Which rows are in order already, (rows,)."""
    return np.asarray((order(positions) == positions).all(axis=1))


def renumbered(positions: Floats, dimensions: int, rng: np.random.Generator) -> Floats:
    """Rows (rows, m) with their particles of so many coordinates in a random order."""
    x = positions.reshape(len(positions), -1, dimensions)
    numbers = np.tile(np.arange(x.shape[1]), (len(x), 1))
    return np.take_along_axis(x, rng.permuted(numbers, axis=1)[..., None], axis=1).reshape(positions.shape)


class Chain(NamedTuple):
    """What many chains under way have left.

    Args:
        positions: where they are, (rows, m), in order if there is one.
        series: observed after each round, (quantities, rows, rounds).
        accepted: share of latent moves accepted; NaN without any.
        cpu_seconds: of one process.
    """

    positions: Floats
    series: Floats
    accepted: float
    cpu_seconds: float


def mixed_chain(
    model: LatentModel | None,
    log_target: LogDensity,
    local: Callable[[Floats, np.random.Generator], Floats],
    observe: Callable[[Floats], Sequence[Floats]],
    positions: ArrayLike,
    rng: np.random.Generator,
    *,
    rounds: int,
    moves: int = 1,
    reach: float = 0.1,
    order: Ordering | None = None,
    dimensions: int = 1,
) -> Chain:
    """Rounds of local moves and collective ones, each of which leaves symmetric averages over π as they are.

    Args:
        model, log_target, reach, order: see `latent_move`.
        local: moves that leave π as it is, such as sweeps of single particles, (rows, m) to (rows, m).
        observe: symmetric quantities of positions, (rows,) each.
        positions: first ones, (rows, m).
        rng: where random numbers come from.
        rounds: how many.
        moves: collective ones of a round; 0 for none, which need no model.
        dimensions: coordinates of a particle, for the order.

    Raises:
        DataError, UsageError: see `latent_move`.
    """
    started, x, accepted, series = process_time(), checked(positions), [], []
    for _ in range(rounds):
        x = local(x if order is None else renumbered(x, dimensions, rng), rng)
        if moves and order is not None:
            x = order(x)
        if model is not None:
            for _ in range(moves):
                x, ok = latent_move(model, log_target, x, rng, reach=reach, order=order)
                accepted.append(float(ok.mean()))
        series.append(np.stack(observe(x)))
    share = float(np.mean(accepted)) if accepted else float("nan")
    return Chain(x, np.moveaxis(np.array(series), 0, -1), share, process_time() - started)


class Pace(NamedTuple):
    """How fast a quantity of chains decorrelates.

    Args:
        time: τ in rounds.
        error: its standard error.
        reliable: whether the chains are long enough to tell.
        mean, mean_error: of the quantity.
        samples_per_second: independent samples in a CPU second.
    """

    time: float
    error: float
    reliable: bool
    mean: float
    mean_error: float
    samples_per_second: float


def paces(chain: Chain) -> list[Pace]:
    """The pace of each observed quantity, for chains that were in equilibrium from the first round on."""
    return [_pace(series, chain.cpu_seconds) for series in chain.series]


def _pace(series: Floats, seconds: float) -> Pace:
    found = autocorrelation(series)
    error = float(series.std() / np.sqrt(found.samples))
    return Pace(found.time, found.error, found.reliable, float(series.mean()), error, found.samples / seconds)


def of_run(run: Run, member: int = 0, conditions: ArrayLike | None = None, box: float | None = None) -> LatentModel:
    """A member of a run as a latent model of positions, its particles in the order of its representation.

    Args:
        run: learned from positions by coordinates with an offset and a scale.
        member: which of the ensemble.
        conditions: values of the factors that the model is conditioned on, (conditions,), the same for all rows.
        box: side L that p(x|z) is cut to; None leaves it.

    Raises:
        UsageError: another representation, prior or likelihood, no such member, conditions missing.
    """
    representation, model = run.representation, run.settings.model
    plain = isinstance(representation, Coordinates) and not (representation.centred or representation.polar)
    if not isinstance(representation, Coordinates) or not plain:
        raise UsageError("the run must have learned coordinates that are neither centred nor polar")
    if model.prior != "standard" or model.likelihood != "normal":
        raise UsageError(f"a standard prior and a normal likelihood are needed, not {model.prior}, {model.likelihood}")
    if not 0 <= member < run.members or (conditions is None) == bool(run.conditions):
        raise UsageError(f"member must be below {run.members} and conditions a value of each of {list(run.conditions)}")
    return _adapted(run, representation, member, conditions, box)


def _adapted(
    run: Run, representation: Coordinates, member: int, conditions: ArrayLike | None, box: float | None
) -> LatentModel:
    affine, vae = representation.affine, _alone(run, member)
    known = (
        None if conditions is None else torch.as_tensor(np.asarray(conditions), dtype=torch.float32).reshape(1, 1, -1)
    )

    def told(rows: int) -> torch.Tensor | None:
        return None if known is None else known.expand(1, rows, -1)

    @torch.no_grad()
    def decode(z: Floats) -> Floats:
        location = vae.decoder.location(torch.as_tensor(z, dtype=torch.float32)[None], told(len(z)))
        return affine.undo(location[0].numpy().astype(np.float64))

    @torch.no_grad()
    def encode(x: Floats) -> Posterior:
        q = vae.encoder(torch.as_tensor(affine.apply(x), dtype=torch.float32)[None], told(len(x)))
        return Posterior(q.mean[0].numpy().astype(np.float64), q.std[0].numpy().astype(np.float64))

    width = np.exp(0.5 * vae.decoder.output_log_variance.detach().numpy()[0].astype(np.float64))
    return LatentModel(run.settings.model.latents, decode, encode, width[representation.code.group] * affine.scale, box)


def _alone(run: Run, member: int) -> VAE:
    """One member of an ensemble as an ensemble of its own."""
    vae = VAE(run.representation.code, run.settings.model, Noise(0, [run.vae.members[member]]))
    shared = {name: value.shape for name, value in vae.state_dict().items()}
    state = run.vae.state_dict()
    vae.load_state_dict({k: v if v.shape == shared[k] else v[member : member + 1] for k, v in state.items()})
    return vae.eval()


def ordering(run: Run) -> Ordering:
    """The order of a run's representation for rows of coordinates, (rows, m) to (rows, m)."""
    representation = run.representation
    if not isinstance(representation, Coordinates):
        raise UsageError("the run must have learned coordinates")
    shape = (representation.configurations.particles, representation.configurations.dimensions)
    return lambda x: np.asarray(representation.ordered(x.reshape(-1, *shape)), np.float64).reshape(x.shape)


def checked(positions: ArrayLike) -> Floats:
    """Rows of finite coordinates, (rows, m).

    Raises:
        DataError: otherwise.
    """
    x = np.asarray(positions, dtype=np.float64)
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise DataError(f"positions must be finite numbers (rows, coordinates), got shape {x.shape}")
    return x
