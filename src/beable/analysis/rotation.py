r"""Does the objective prefer the axes that a training ended in?

Turn the latents of a trained VAE by an orthogonal matrix A and let the decoder turn back, :math:`p(y \mid A^\top z)`:
every reconstruction stays what it is, and of the objective only the rate can change,

.. math:: R(A) = E_q[\log q(z|y) - \log p(A z)] , \qquad ΔR = R(A) - R(1) .

Here each pair of latents is turned on its own. Where ΔR vanishes at every angle, as for the standard normal prior, the
objective does not identify axes, and those of the latents are left from the start. Where it is positive, the objective
holds them; where it is negative somewhere, training has stopped short of what the objective prefers.

That is figures 18 and 22 of Jacobsen and Duraisamy (2022). A prior that was learned beside the latents has adapted to
them, so that a positive ΔR says that axes are held, and not that they are right.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from beable.console.numbers import latent_name
from beable.console.records import readable
from beable.records import fields, plain
from beable.training.run import Run
from beable.vae.distributions import Noise, Normal
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
STEP, DRAWS, ROWS = 10, 4, 512
#: angles nearer to the axes than this, in degrees, are the axes themselves, and changes below this, in nats, are none
NEAR, NOTHING = 20.0, 0.01
SURE = 2.0


@readable
class Rotation(NamedTuple):
    """How the rate changes when pairs of latents are turned.

    Args:
        pairs: the latents that are turned.
        angles: by how much, degrees, (angles).
        change: ΔR in nats a row, (members, pairs, angles).
        error: its standard error over rows, (members, pairs, angles).
        held: whether the objective holds the axes of each member.
    """

    pairs: list[tuple[int, int]]
    angles: FloatArray
    change: FloatArray
    error: FloatArray
    held: list[Verdict]

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        return dict(plain(fields(self) | {"held": [v.as_json() for v in self.held]}))

    @property
    def least(self) -> FloatArray:
        """Least ΔR of each latent at angles away from the axes, in standard errors, (members, latents); 0 for flat."""
        latents = 1 + max((max(pair) for pair in self.pairs), default=0)
        sizes = np.where(np.abs(self.change) < NOTHING, 0.0, self.change / np.maximum(self.error, NOTHING / SURE))
        low = sizes[..., _away(self.angles)].min(-1) if self.pairs else np.zeros((len(self.change), 0))
        least = np.zeros((len(self.change), latents))
        for i in range(latents):
            own = [k for k, pair in enumerate(self.pairs) if i in pair]
            least[:, i] = low[:, own].min(1) if own else 0.0
        return least


def rotation_test(run: Run, snapshots: Mapping[str, FloatArray], *, draws: int = DRAWS, seed: int = 0) -> Rotation:
    """The change of the rate when pairs of latents are turned.

    Args:
        run: a finished training.
        snapshots: each variable (rows, ...) by name, held-out ones; the first 512 rows are taken.
        draws: samples of the latents a row, where the rate has no closed form.
        seed: of these.

    Raises:
        DataError: variables that are missing.

    Source: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), figures 18 and 22.
    """
    few = {name: values[:ROWS] for name, values in snapshots.items()}
    pairs = list(combinations(range(run.settings.model.latents), 2))
    angles = np.arange(-90.0 + STEP, 90.1, STEP)
    angles = angles[angles != 0]
    change = _changes(run, few, pairs, angles, 1 if run.vae.prior.closed_form else draws, seed)
    mean, error = change.mean(-1), change.std(-1) / np.sqrt(change.shape[-1])
    return Rotation(pairs, angles, mean, error, [_held(m, e, pairs, angles) for m, e in zip(mean, error, strict=True)])


@torch.no_grad()
def _changes(
    run: Run,
    snapshots: Mapping[str, FloatArray],
    pairs: list[tuple[int, int]],
    angles: FloatArray,
    draws: int,
    seed: int,
) -> FloatArray:
    """ΔR of every row, (members, pairs, angles, rows)."""
    rows = run.rows(snapshots)
    q = run.vae.encoder(rows.values, rows.conditions)
    answer = np.zeros((run.members, len(pairs), len(angles), q.mean.shape[1]))
    for draw in range(draws):
        noise = Noise(seed, run.vae.members, "evaluation", draw)
        z = q.sample(noise)
        before = turned_rate(run, q, q, z, seed, draw)
        for i, pair in enumerate(pairs):
            for j, angle in enumerate(angles):
                turn = turn_matrix(q.mean.shape[-1], pair, float(angle))
                answer[:, i, j] += (
                    turned_rate(run, q, turned_normal(q, turn), z @ turn.T, seed, draw) - before
                ).numpy() / draws
    return answer


def turn_matrix(latents: int, pair: tuple[int, int], angle: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The rotation of a pair of latents by an angle in degrees, (latents, latents)."""
    turn, (i, j) = torch.eye(latents, dtype=dtype), pair
    c, s = float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
    turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
    return turn


def turned_normal(q: Normal, turn: torch.Tensor) -> Normal:
    """The margins of a turned normal."""
    return Normal(q.mean @ turn.T, 0.5 * (q.std**2 @ (turn**2).T).log())


def turned_rate(run: Run, q: Normal, turned: Normal, z: torch.Tensor, seed: int, draw: int) -> torch.Tensor:
    """Rate of turned latents, (members, rows).

    The prior charges the margins as if they were independent; their entropy is then too large by that of the margins
    less that of q, which a rotation leaves as it is.
    """
    noise = Noise(seed, run.vae.members, "evaluation", 1000 + draw)
    terms = run.vae.prior.rate(turned, z, run.vae.encoder, noise)
    return torch.stack(list(terms.values())).sum(0).sum(-1) + (turned.log_std - q.log_std).sum(-1)


def _away(angles: FloatArray) -> NDArray[np.bool_]:
    """Which angles are away from the axes, a swap of two latents being none."""
    off = np.abs(angles)
    return (off >= NEAR) & (off <= 90 - NEAR)


def _held(mean: FloatArray, error: FloatArray, pairs: list[tuple[int, int]], angles: FloatArray) -> Verdict:
    """Whether the objective holds the axes of one member."""
    if not pairs:
        return Verdict(None, "one latent has no axes")
    if np.abs(mean).max() < NOTHING:
        return Verdict(False, "the objective is the same at every angle: it does not identify axes")
    away = _away(angles)
    low, reach = mean[:, away], SURE * error[:, away]
    pair, place = (int(k) for k in np.unravel_index(int(low.argmin()), low.shape))
    turned = " and ".join(map(latent_name, pairs[pair]))
    words = (
        f"turned by {angles[away][place]:g} degrees, {turned} change the rate by "
        f"{low[pair, place]:+.3g} nats, give or take {reach[pair, place]:.2g}"
    )
    if (low > np.maximum(reach, NOTHING)).all():
        return Verdict(True, words)
    surely_lower = bool((low + reach < -NOTHING).any())
    return Verdict(False if surely_lower else None, words)
