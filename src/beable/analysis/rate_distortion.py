r"""Rate against distortion: one stacked training over many β, and what the rate is made of.

Each β gives a point (R, D); the lower convex hull of the points is the best that the model was seen to do. The mean
rate splits, with :math:`q(z) = \frac1N \sum_n q(z|y_n)` the aggregate posterior, as

.. math:: R = I_q(y; z) + \mathrm{KL}\Big[q(z) \Big\| \prod_i q(z_i)\Big] + \sum_i \mathrm{KL}[q(z_i) \| p(z_i)]

mutual information, total correlation and dimension-wise divergence (Hoffman & Johnson 2016; Chen et al. 2018). The
last term counts whatever the prior charges beyond the first two, so it also holds a prior's own correlations.

For a linear model on normal data with covariance eigenvalues λ and output variance σ² everything is known: a mode is
in use while :math:`\lambda > \beta\sigma^2`, and then

.. math:: D_\lambda = \beta\sigma^2, \qquad R_\lambda = \tfrac12 \log \frac{\lambda}{\beta\sigma^2}

otherwise :math:`D_\lambda = \lambda` and :math:`R_\lambda = 0` (reverse water-filling).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from beable.analysis.collapse import ACTIVE_NATS
from beable.console.records import readable
from beable.errors import UsageError
from beable.records import fields, plain
from beable.streams import generator
from beable.training.run import Run
from beable.training.settings import RunSettings
from beable.vae.distributions import LOG_2PI
from beable.vae.settings import Constant, ObjectiveSettings

FloatArray = NDArray[np.floating]
SPLIT_ROWS = 512


@readable
class Split(NamedTuple):
    """What a mean rate is made of, in nats, one number a member.

    Args:
        mutual_information: between rows and latents; at most log N for N rows.
        total_correlation: of the aggregate posterior.
        dimensionwise: the rest of the rate.
    """

    mutual_information: FloatArray
    total_correlation: FloatArray
    dimensionwise: FloatArray


@readable
class RateDistortion(NamedTuple):
    """A sweep over β, one number a member.

    Args:
        beta: β of the evidence lower bound.
        seed: which repetition of that β.
        rate: mean rate in nats.
        distortion: mean distortion in nats.
        squared_error: mean squared error of all outputs, in the units the model was trained in.
        active: number of latents with a rate above 0.05 nats.
        split: what the rate is made of.
        hull: numbers of the members on the lower convex hull, by rising rate.
    """

    beta: FloatArray
    seed: NDArray[np.int64]
    rate: FloatArray
    distortion: FloatArray
    squared_error: FloatArray
    active: NDArray[np.int64]
    split: Split
    hull: NDArray[np.int64]

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        return plain(fields(self, "split") | fields(self.split))


@readable
class GaussianCurve(NamedTuple):
    """The closed form for a linear model on normal data, one number a β.

    Args:
        rate: in nats.
        squared_error: sum over modes.
        active: number of modes in use.
    """

    rate: FloatArray
    squared_error: FloatArray
    active: NDArray[np.int64]


def gaussian_curve(eigenvalues: FloatArray, noise_variance: float, betas: FloatArray) -> GaussianCurve:
    """Rate and squared error of a linear VAE on normal data.

    Args:
        eigenvalues: λ of the data's covariance, (modes).
        noise_variance: σ² of the outputs.
        betas: β, (points).

    >>> curve = gaussian_curve(np.array([4.0]), 0.1, np.array([1.0, 4.0, 50.0]))
    >>> curve.rate.round(5).tolist(), curve.squared_error.tolist()
    ([1.84444, 1.15129, 0.0], [0.1, 0.4, 4.0])
    """
    water = np.asarray(betas, float)[:, None] * noise_variance
    used = eigenvalues > water
    rate = 0.5 * np.where(used, np.log(eigenvalues / water), 0).sum(1)
    return GaussianCurve(rate, np.where(used, water, eigenvalues).sum(1), used.sum(1))


def sweep_settings(settings: RunSettings, betas: Sequence[float], seeds: int) -> RunSettings:
    """Settings of one stacked training with every β, each ``seeds`` times."""
    if not betas or any(not math.isfinite(b) or b <= 0 for b in betas):
        raise UsageError(f"a sweep needs positive numbers for beta, got {list(betas)}")
    if seeds < 1:
        raise UsageError(f"a sweep needs at least one seed, got {seeds}")
    every = tuple(float(b) for b in betas for _ in range(seeds))
    objective = ObjectiveSettings(
        beta=Constant(beta=every), reconstruction_steps=settings.objective.reconstruction_steps
    )
    training = settings.training.model_copy(update={"members": len(every)})
    return settings.model_copy(update={"objective": objective, "training": training})


def rate_distortion(run: Run, snapshots: dict[str, FloatArray]) -> RateDistortion:
    """The points of a finished sweep on rows, with their split and hull.

    Args:
        run: trained with `sweep_settings`.
        snapshots: rows to measure on, each variable (rows, ...).
    """
    rule = run.settings.objective.beta
    if not isinstance(rule, Constant):
        raise UsageError(f"a sweep has a constant beta for each member, this run has a {rule.kind} one: train a sweep")
    beta = np.broadcast_to(np.asarray(rule.by_member, float), (run.members,))
    scores, codes = run.score(snapshots), run.encode(snapshots)
    rate, distortion = scores.rate.sum(2).mean(1), scores.distortion.mean(1)
    seed = np.array([int((beta[:k] == b).sum()) for k, b in enumerate(beta)])
    return RateDistortion(
        beta,
        seed,
        rate,
        distortion,
        _squared_error(run, snapshots, codes.mean + codes.std * _noise(codes.mean.shape)),
        (scores.rate.mean(1) > ACTIVE_NATS).sum(1),
        _split(codes.mean, codes.std, rate),
        lower_hull(rate, distortion),
    )


def _noise(shape: tuple[int, ...]) -> FloatArray:
    return generator(0, "evaluation").normal(size=shape)


def _squared_error(run: Run, snapshots: dict[str, FloatArray], z: FloatArray) -> FloatArray:
    coded = run.representation.transform({name: snapshots[name] for name in run.variables})
    values = coded.values.reshape(len(coded.values), -1)
    found = run.locations(z, run.conditions_of(snapshots)).reshape(run.members, *values.shape)
    off = found - values if coded.gaps is None else np.stack([coded.gaps.misfit(member) for member in found])
    error = (off**2).sum(2).mean(1)
    return np.asarray(error + coded.residual_energy.sum(1).mean())


def _split(mean: FloatArray, std: FloatArray, rate: FloatArray) -> Split:
    parts = [aggregate_split(m[:SPLIT_ROWS], s[:SPLIT_ROWS]) for m, s in zip(mean, std, strict=True)]
    information, correlation = (np.array(column) for column in zip(*parts, strict=True))
    return Split(information, correlation, rate - information - correlation)


def aggregate_split(mean: FloatArray, std: FloatArray) -> tuple[float, float]:
    """Mutual information and total correlation of posteriors (rows, latents), in nats, at one sample a row."""
    z = mean + std * _noise(mean.shape)
    scaled = (z[:, None] - mean[None]) / std[None]
    each = -0.5 * (scaled**2 + LOG_2PI) - np.log(std)[None]
    rows = len(z)
    joint = logsumexp(each.sum(2), axis=1) - math.log(rows)
    single = logsumexp(each, axis=1) - math.log(rows)
    own = each[np.arange(rows), np.arange(rows)].sum(1)
    return float((own - joint).mean()), float((joint - single.sum(1)).mean())


def lower_hull(rate: FloatArray, distortion: FloatArray) -> NDArray[np.int64]:
    """Numbers of the points on the lower convex hull, from the lowest rate until the distortion no longer falls.

    >>> lower_hull(np.array([0.0, 1.0, 2.0, 2.0]), np.array([3.0, 2.9, 1.0, 2.0])).tolist()
    [0, 2]
    """
    hull: list[int] = []
    for k in np.lexsort((distortion, rate)):
        if hull and (distortion[k] >= distortion[hull[-1]]):
            continue
        while len(hull) > 1 and _above(rate, distortion, hull[-2], hull[-1], int(k)):
            hull.pop()
        hull.append(int(k))
    return np.array(hull, dtype=np.int64)


def _above(x: FloatArray, y: FloatArray, a: int, b: int, c: int) -> bool:
    """Whether point b lies on or above the line from a to c."""
    return bool((x[b] - x[a]) * (y[c] - y[a]) <= (y[b] - y[a]) * (x[c] - x[a]))
