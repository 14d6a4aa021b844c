"""What the members of an arm, one β and seed each, make of rows of their table."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.streams import generator
from beable.systems.packing.parts.rows import Floats, Snapshots, inputs, target
from beable.training.run import Posterior, Run
from beable.vae.objectives import effective_beta
from beable.vae.settings import Constant


class Members(NamedTuple):
    """The β axis of an ensemble.

    Args:
        betas: β of summed squared error + β KL, summed, of each member, (members).
        seeds: which repetition of that β it is, (members).
    """

    betas: Floats
    seeds: NDArray[np.int64]


def members_of(run: Run) -> Members:
    """β of every member on the scale of summed squared error.

    Raises:
        UsageError: a β that changes, or an output variance that is not fixed.
    """
    rule, model = run.settings.objective.beta, run.settings.model
    if not isinstance(rule, Constant) or (model.likelihood, model.variance) != ("normal", "fixed"):
        raise UsageError("the β axis needs a constant beta for each member and a normal likelihood of fixed variance")
    stated = np.broadcast_to(np.asarray(rule.by_member, np.float64), (run.members,))
    unit = round(2 * model.sigma**2 * effective_beta(run.vae, 1.0, run.settings.objective.scale), 12)
    seeds = np.array([int((stated[:k] == beta).sum()) for k, beta in enumerate(stated)])
    return Members(stated * unit, seeds)


class Judged(NamedTuple):
    """What members make of rows.

    Args:
        codes: posterior of the latents.
        rate: mean of each latent in nats, (members, latents).
        squared_error: mean ‖x − x'‖² of scaled columns, x' of one sample of the latents, (members).
    """

    codes: Posterior
    rate: Floats
    squared_error: Floats


def judged(run: Run, snapshots: Snapshots, seed: int) -> Judged:
    """Rates and squared errors of rows by every member."""
    codes = run.encode(snapshots)
    truth = run.rows(snapshots).values.numpy()
    error = np.square(run.locations(drawn(codes, seed)) - truth).sum(-1).mean(1)
    rate = run.score(snapshots, seed).rate.mean(1)
    return Judged(codes, np.asarray(rate, np.float64), np.asarray(error, np.float64))


def squared_errors(run: Run) -> Floats:
    """Summed squared error of training rows at every record, (records, members): the distortion of a fixed variance
    less its constant, times 2σ²."""
    variance, outputs = run.settings.model.sigma**2, float(run.representation.code.dimension.sum())
    constant = 0.5 * outputs * np.log(2 * np.pi * variance)
    return np.asarray((np.asarray(run.history["train/distortion"], np.float64) - constant) * 2 * variance)


def drawn(codes: Posterior, seed: int) -> NDArray[np.float32]:
    """One sample of the latents of each member and row."""
    noise = generator(seed, "noise").normal(size=codes.mean.shape)
    return np.asarray(codes.mean + codes.std * noise, np.float32)


class Decoded(NamedTuple):
    """Rows that one member decoded.

    Args:
        inputs: sizes, spreads and mass fractions, (rows, inputs).
        packing_fraction: decoded beside them, (rows).
    """

    inputs: Floats
    packing_fraction: Floats


def decoded(run: Run, z: NDArray[np.floating]) -> list[Decoded]:
    """Rows of latents (members, rows, latents), member by member."""
    return [Decoded(inputs(rows), target(rows)) for rows in run.decode(z)]


def drawn_rows(run: Run, z: NDArray[np.floating], seed: int) -> list[Decoded]:
    """Rows drawn around the decoded ones of latents (members, rows, latents), with the output variance of the model.

    A decoded row is the mean of the powders that share its latents, and the mean of some powders is none of them: what
    a calibrated model holds likely are the rows drawn here.
    """
    decoder, noise = run.vae.decoder, generator(seed, "noise", 1)
    std = np.exp(0.5 * decoder.output_log_variance.detach().numpy())[:, None, decoder.group.numpy()]
    locations = run.locations(z)
    rows = map(run.representation.inverse, locations + std * noise.normal(size=locations.shape))
    return [Decoded(inputs(each), target(each)) for each in rows]


def first(rows: Sequence[Decoded], count: int) -> list[Decoded]:
    """The first rows of each member."""
    return [Decoded(each.inputs[:count], each.packing_fraction[:count]) for each in rows]


def picked(rows: int, count: int, members: Members, seed: int) -> NDArray[np.int64]:
    """Numbers of the rows that each member reconstructs, (members, count): the same for all β of one seed."""
    count = min(count, rows)
    each = [generator(seed, "evaluation", k).permutation(rows)[:count] for k in range(members.seeds.max() + 1)]
    return np.array([np.sort(each[k]) for k in members.seeds])


def of_picked(codes: Posterior, picks: NDArray[np.int64], seed: int, *, sample: bool) -> NDArray[np.float32]:
    """Latents of the picked rows of each member, (members, count, latents): a sample of the posterior, or its mean."""
    z = drawn(codes, seed) if sample else np.asarray(codes.mean, np.float32)
    return np.take_along_axis(z, picks[:, :, None], axis=1)
