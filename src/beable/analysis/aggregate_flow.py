r"""The aggregate posterior as a normalising flow, beside the mixture of normals (aggregate_posterior.py).

.. math:: \log q(z|c) = \log N\big(f(z, c); 0, 1\big) + \log\Big|\det \frac{\partial f}{\partial z}\Big|

with f a few autoregressive rational-quadratic splines (Durkan et al., Neural spline flows, NeurIPS 2019). It needs
the extra "flows" (zuko). A quarter of the draws is held out; the step with their best likelihood is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from beable.analysis.aggregate_posterior import HELD_OUT, LOG_2PI, posterior_draws, refuse_conditions
from beable.checks import library
from beable.metrics.columns import Floats, Ints, Seed
from beable.training.adam import Adam, share_left
from beable.training.run import FloatArray, Run

TRANSFORMS, WIDTHS = 3, (64, 64)
STEPS, BATCH, LEARNING_RATE = 600, 512, 2e-3
LOOKED_AT = 50


@dataclass(frozen=True)
class Flow:
    """A flow of latents, given a condition or not; it samples and judges as an `Aggregate` does.

    Args:
        flow: of zuko, trained.
        scale: centre and spread of the conditions, (2, m).
        latents: n.
        held_out: log density of held-out draws given their condition, in nats a row.
        prior: that of the standard normal on the same draws.
    """

    flow: Any
    scale: Floats
    latents: int
    held_out: float
    prior: float

    @property
    def gain(self) -> float:
        """Nats a row by which it describes held-out draws better than the standard normal does."""
        return self.held_out - self.prior

    @torch.no_grad()
    def log_prob(self, z: ArrayLike, condition: ArrayLike | None = None) -> Floats:
        """Log density of latents (rows, n) given their condition (rows, m), in nats."""
        points = torch.as_tensor(np.asarray(z, np.float64), dtype=torch.float32)
        known = self._known(len(points), condition)
        return np.asarray(self.flow(known).log_prob(points).numpy(), np.float64)

    @torch.no_grad()
    def sample(self, rows: int, condition: ArrayLike | None = None, rng: Seed = 0) -> Floats:
        """Latents, (rows, n).

        Args:
            rows: how many.
            condition: c of each row, (rows, m), or of all, (m,).
            rng: seed or generator.
        """
        noise = np.random.default_rng(rng).normal(size=(rows, self.latents))
        transform = self.flow(self._known(rows, condition)).transform
        return np.asarray(transform.inv(torch.as_tensor(noise, dtype=torch.float32)).numpy(), np.float64)

    def _known(self, rows: int, condition: ArrayLike | None) -> torch.Tensor | None:
        c = refuse_conditions(rows, condition, self.scale.shape[1])
        return _scaled(c, self.scale) if c.shape[1] else None

    def as_json(self) -> dict[str, float]:
        """What it is worth, ready for JSON."""
        return {name: getattr(self, name) for name in ("held_out", "prior", "gain")}


def _scaled(c: Floats, scale: Floats) -> torch.Tensor:
    return torch.as_tensor((c - scale[0]) / scale[1], dtype=torch.float32)


def fit_flow(
    mean: ArrayLike,
    std: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    steps: int = STEPS,
    seed: int = 0,
    transforms: int = TRANSFORMS,
    widths: Sequence[int] = WIDTHS,
    passes: int | None = None,
) -> Flow:
    """A flow of one draw z ~ q(z|x) a row.

    Args:
        mean, std: of the posteriors, (rows, n).
        condition: c, (rows, m); None for none.
        steps: of Adam.
        seed: of draws, weights and batches.
        transforms: splines one behind the other.
        widths: hidden units of their networks.
        passes: of a network that a draw takes for each; as many as latents where none is given, 2 couples one half of
            the numbers to the other, which draws fast.

    Raises:
        DataError: shapes, NaN or infinity.
        UsageError: zuko is not installed.
    """
    zuko, draw = library("zuko.flows", "flows"), np.random.default_rng(seed)
    z = posterior_draws(mean, std, draw)
    c = refuse_conditions(len(z), condition, np.shape(condition)[-1] if condition is not None else 0)
    scale = np.stack([c.mean(axis=0), np.where(np.ptp(c, axis=0) > 0, c.std(axis=0), 1.0)])
    held, kept = np.split(draw.permutation(len(z)), [int(HELD_OUT * len(z))])
    points, known = torch.as_tensor(z, dtype=torch.float32), _scaled(c, scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options = {} if passes is None else {"passes": passes, "randperm": True}
        flow = zuko.NSF(z.shape[1], c.shape[1], transforms=transforms, hidden_features=tuple(widths), **options)
    best = _trained(flow, points, known if c.shape[1] else None, held, kept, steps, draw)
    prior = float((-0.5 * (np.square(z[held]) + LOG_2PI)).sum(1).mean())
    return Flow(flow, scale, z.shape[1], best, prior)


def _trained(
    flow: Any,
    points: torch.Tensor,
    known: torch.Tensor | None,
    held: Ints,
    kept: Ints,
    steps: int,
    draw: np.random.Generator,
) -> float:
    """Train in place, keep the parameters with the best likelihood of the held-out rows, and say which it is."""

    def log_prob(rows: Ints) -> torch.Tensor:
        found: torch.Tensor = flow(None if known is None else known[rows]).log_prob(points[rows]).mean()
        return found

    adam = Adam(list(flow.parameters()))
    best, state = -np.inf, flow.state_dict()
    for step in range(1, steps + 1):
        adam.zero_grad()
        torch.autograd.backward(-log_prob(draw.choice(kept, BATCH)))
        adam.step(LEARNING_RATE * share_left(step - 1, steps))
        if step % LOOKED_AT == 0 or step == steps:
            with torch.no_grad():
                now = float(log_prob(held))
            if now > best:
                best, state = now, {name: value.clone() for name, value in flow.state_dict().items()}
    flow.load_state_dict(state)
    return best


def flow_of_run(run: Run, snapshots: Mapping[str, FloatArray], *, steps: int = STEPS, seed: int = 0) -> list[Flow]:
    """The aggregate posterior of each member over snapshots, such as the rows it was trained on.

    Args:
        run: a finished training.
        snapshots: what it learned from and its conditions.
        steps: of Adam.
        seed: of draws, weights and batches.
    """
    codes, condition = run.encode(snapshots), run.conditions_of(snapshots)
    members = zip(codes.mean, codes.std, strict=True)
    return [fit_flow(mean, std, condition, steps=steps, seed=seed) for mean, std in members]
