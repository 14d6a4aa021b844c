r"""Distances that are hidden, and who finds them best.

A matrix D (N, N) of which a mask K says what is known. Four answers to the rest:

- "zeroed": hidden entries are set to zero and the matrix goes through the model as if it were data. A zero is a
  distance like any other, so the model is told that those particles lie on each other; it is what the source does.
- "latent": the latent that explains what is known best, started from the code of the matrix with means in the gaps,

.. math:: z^* = \arg\min_z \; -\sum_{(i,j) \in K} \log p(D_{ij}|z) - \log p(z)

- "geometry": points in the plane or in space that have the known distances (`beable.representations.completion`). It
  knows nothing of the fluid, and nothing more is needed where the known distances are exact and tie the points.
- "mean": the mean matrix of ordinary rows.

Errors are those of hidden pairs alone, in the unit of the distances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from beable.checks import count, positive
from beable.errors import DataError, UsageError
from beable.metrics.columns import Bools, Floats, Seed
from beable.representations.completion import complete
from beable.representations.distance_geometry import distances_of
from beable.representations.particles import DistanceMatrix
from beable.representations.representation import Snapshots
from beable.systems.lennard_jones.corruptions import block
from beable.training.adam import Adam, share_left
from beable.training.ensemble import batched, per_member
from beable.training.run import BLOCK_ROWS, Run
from beable.vae.distributions import Bernoulli, GroupedNormal, Normal, ZeroNoise
from beable.vae.vae import VAE, Rows

FloatArray = NDArray[np.floating]
METHODS = ("zeroed", "latent", "geometry", "mean")
STEPS, LEARNING_RATE = 300, 0.05
NORMAL_95 = 1.959964


class Recovery(NamedTuple):
    """Hidden distances as one method finds them.

    Args:
        rmse: root of the mean squared error of a hidden pair over all rows, one a member, or one for a method without
            a model.
        low, high: interval at 95 %, from the scatter of the rows.
        by_row: the same of each row, (members or 1, rows).
        matrices: what was found, known entries as they were given, (members or 1, rows, N, N).
    """

    rmse: Floats
    low: Floats
    high: Floats
    by_row: Floats
    matrices: Floats


@dataclass(frozen=True)
class Missing:
    """Every method on the same rows and the same mask.

    Args:
        hidden: mask of the pairs to be found, (N, N), without the diagonal.
        truth: distances of the ordered particles, (rows, N, N).
        found: by method; "geometry" is missing where the known distances leave points untied.
        noise: standard deviation of the error put on known distances.
        why: in words, why a method gave no answer, by method.
    """

    hidden: Bools
    truth: Floats
    found: Mapping[str, Recovery]
    noise: float
    why: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Every number but the matrices, ready for JSON; lists hold one number a member."""
        methods = {name: {end: getattr(r, end) for end in ("rmse", "low", "high")} for name, r in self.found.items()}
        pairs = int(self.hidden.sum()) // 2
        return {"rmse": methods, "pairs": pairs, "rows": len(self.truth), "noise": self.noise, "none": self.why}


def recover(
    run: Run,
    snapshots: Snapshots,
    hidden: ArrayLike,
    ordinary: Snapshots,
    *,
    noise: float = 0.0,
    steps: int = STEPS,
    rng: Seed = 0,
) -> Missing:
    """Hidden distances of rows by every method.

    Args:
        run: a finished training on distances.
        snapshots: rows, with the conditions of the run.
        hidden: mask (N, N) over ordered particles; see `corruptions.block`. The diagonal does not matter.
        ordinary: rows for the mean matrix, such as those of the training.
        noise: standard deviation of a normal error on each known distance, in its unit.
        steps: of Adam, for "latent".
        rng: seed or generator, of the noise.

    Raises:
        DataError: a mask that is not symmetric, of another size, or hides nothing.
        UsageError: a run on something else than distances; negative noise.
    """
    r = _distances(run)
    mask = _mask(hidden, r.configurations.particles)
    truth, mean = (_ordered_distances(r, rows) for rows in (snapshots, ordinary))
    seen = _with_noise(truth, noise, np.random.default_rng(rng))
    middle = mean.mean(axis=0)
    given = np.where(mask, middle, seen)
    conditions = run.conditions_of(snapshots)
    answers = {
        "zeroed": _decoded(run, _as_code(r, np.where(mask, 0.0, seen)), conditions),
        "latent": _best_latents(run, _as_code(r, given), _as_mask(r, ~mask), conditions, steps),
        "mean": given[None],
    }
    geometry, why = _by_geometry(seen, ~mask, r.configurations.dimensions)
    if geometry is not None:
        answers["geometry"] = geometry[None]
    found = {name: _recovery(answers[name], seen, truth, mask) for name in METHODS if name in answers}
    return Missing(mask, truth, found, noise, why)


def recover_blocks(
    run: Run, snapshots: Snapshots, blocks: Sequence[tuple[int, int]], ordinary: Snapshots, **options: Any
) -> list[Missing]:
    """`recover` for each block (first, length), such as ``corruptions.SOURCE_BLOCKS``."""
    particles = _distances(run).configurations.particles
    return [recover(run, snapshots, block(particles, *b), ordinary, **options) for b in blocks]


def _distances(run: Run) -> DistanceMatrix:
    if not isinstance(run.representation, DistanceMatrix):
        kind = run.settings.representation.kind
        raise UsageError(f"hidden distances are found by a run on 'distances', this one learned {kind!r}")
    return run.representation


def _mask(hidden: ArrayLike, particles: int) -> Bools:
    mask = np.array(hidden, dtype=bool)
    if mask.shape != (particles, particles) or not np.array_equal(mask, mask.T):
        raise DataError(f"hidden must be a symmetric mask ({particles}, {particles}), got shape {mask.shape}")
    np.fill_diagonal(mask, False)
    if not mask.any():
        raise DataError("hidden hides no pair: give one or more")
    return mask


def _ordered_distances(r: DistanceMatrix, snapshots: Snapshots) -> Floats:
    return distances_of(r.order.apply(r.configurations.take({r.configurations.name: snapshots[r.configurations.name]})))


def _with_noise(distances: Floats, noise: float, draw: np.random.Generator) -> Floats:
    if noise == 0:
        return distances
    error = np.triu(draw.normal(0.0, positive("noise", noise), distances.shape), 1)
    return np.maximum(distances + error + error.swapaxes(1, 2), 0.0)


def _as_code(r: DistanceMatrix, matrices: Floats) -> FloatArray:
    """Codes (rows, m) of matrices, which need not be those of points: the code is affine in each distance."""
    i, j = np.triu_indices(matrices.shape[1], 1)
    square = np.zeros(matrices.shape)
    square[:, i, j] = square[:, j, i] = r.affine.apply(matrices[:, i, j])
    return (square[:, i, j] if r.form == "triangle" else square.reshape(len(square), -1)).astype(np.float32)


def _as_mask(r: DistanceMatrix, known: Bools) -> Bools:
    """Which numbers of a code are known; the diagonal is."""
    return known[np.triu_indices(len(known), 1)] if r.form == "triangle" else known.ravel()


def _rows(run: Run, codes: FloatArray, conditions: FloatArray | None) -> Rows:
    rows = Rows(torch.from_numpy(codes), torch.zeros(len(codes), 1), None)
    known = None if conditions is None else torch.from_numpy(np.asarray(conditions, np.float32))
    return per_member(rows._replace(conditions=known), run.members)


@torch.no_grad()
def _decoded(run: Run, codes: FloatArray, conditions: FloatArray | None) -> Floats:
    rows = _rows(run, codes, conditions)
    means = [run.vae.encoder(part.values, part.conditions).mean for part in batched(rows, BLOCK_ROWS)]
    return _matrices(run, torch.cat(means, 1), conditions)


def _matrices(run: Run, z: Tensor, conditions: FloatArray | None) -> Floats:
    r = _distances(run)
    return np.stack([r.matrices(location) for location in run.locations(z.numpy(), conditions)])


def _best_latents(run: Run, codes: FloatArray, known: Bools, conditions: FloatArray | None, steps: int) -> Floats:
    count("steps", steps, 1)
    rows, mask = _rows(run, codes, conditions), torch.from_numpy(known)
    found = [explain(run.vae, part, mask, steps) for part in batched(rows, BLOCK_ROWS)]
    return _matrices(run, torch.cat(found, 1), conditions)


def explain(vae: VAE, rows: Rows, known: Tensor, steps: int = STEPS, learning_rate: float = LEARNING_RATE) -> Tensor:
    """The latents that explain the known numbers of each row best, (members, rows, latents).

    Adam on all rows at once, from the encoder's answer to the rows as they are given.

    Args:
        vae: trained; not changed.
        rows: with anything plausible where numbers are hidden, (members, rows, m).
        known: which of the m numbers count, (m,).
        steps: of Adam.
        learning_rate: of Adam, down to a hundredth along half a cosine.
    """
    with torch.no_grad():
        q = vae.encoder(rows.values, rows.conditions)
    z: Tensor = q.mean.clone().requires_grad_()
    adam = Adam([z])
    for step in range(steps):
        (gradient,) = torch.autograd.grad(_cost(vae, rows, known, z, q.log_std), z)
        z.grad = gradient
        adam.step(learning_rate * share_left(step, steps))
    return z.detach()


def _cost(vae: VAE, rows: Rows, known: Tensor, z: Tensor, log_std: Tensor) -> Tensor:
    """−log p(known|z) − log p(z) of all rows together, up to a constant."""
    p = vae.decoder(z, conditions=rows.conditions)
    rates = vae.prior.rate(Normal(z, log_std), z, vae.encoder, ZeroNoise(0, vae.members))
    cost: Tensor = (_misfit(p, rows.values) * known).sum() + torch.stack(list(rates.values())).sum()
    return cost


def _misfit(p: GroupedNormal | Bernoulli, values: Tensor) -> Tensor:
    """−log p of each number, up to a constant."""
    if isinstance(p, Bernoulli):
        return -p.log_prob(values)
    precision = torch.exp(-p.log_variance)[:, None, p.group]
    return 0.5 * precision * (values - p.mean) ** 2


def _by_geometry(seen: Floats, known: Bools, dimensions: int) -> tuple[Floats | None, dict[str, str]]:
    try:
        return distances_of(complete(seen, known, dimensions).positions), {}
    except DataError as error:
        return None, {"geometry": str(error)}


def _recovery(answer: Floats, seen: Floats, truth: Floats, hidden: Bools) -> Recovery:
    """Errors of an answer (members, rows, N, N) where it was hidden."""
    squared = np.square(answer - truth)[..., hidden].mean(axis=2)
    rmse = np.sqrt(squared.mean(axis=1))
    error = squared.std(axis=1, ddof=1) / np.sqrt(len(truth)) if len(truth) > 1 else np.full(len(squared), np.inf)
    low, high = (np.sqrt(np.maximum(squared.mean(axis=1) + s * NORMAL_95 * error, 0.0)) for s in (-1, 1))
    return Recovery(rmse, low, high, np.sqrt(squared), np.where(hidden, answer, seen))
