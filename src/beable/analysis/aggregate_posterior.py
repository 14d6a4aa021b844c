r"""The aggregate posterior as a distribution to sample from.

.. math:: q(z) = \frac1R \sum_r q(z|x_r), \qquad \mathrm{KL}[q(z) \,\|\, p(z)] \ge 0

A decoder has only ever been asked about z drawn from q(z). Where training left q(z) away from the prior, prior samples
are decoded into configurations that no row stands behind. A mixture of normals fitted to draws of q(z|x) closes the
gap without another training; the mean log ratio of the two on rows that the fit has not seen is what it is worth, in
nats (Ghosh et al., ICLR 2020).

With a condition c the mixture is one of (z, c) together and is conditioned in closed form,

.. math:: p(z|c) = \sum_k \frac{w_k N(c; m_k, S_k)}{\sum_j w_j N(c; m_j, S_j)}
    N\big(z;\ \mu_k + A_k (c - m_k),\ \Sigma_k - A_k S_k A_k^\top\big)

so that it also answers between the levels of c. Levels are blurred for that by a quarter of their smallest gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from beable.console.records import readable
from beable.errors import DataError, UsageError
from beable.metrics.columns import Floats, Ints, Seed, columns, discrete_columns
from beable.training.run import FloatArray, Run

COMPONENTS = (1, 2, 4, 8, 16)
HELD_OUT = 0.25
LOG_2PI = np.log(2 * np.pi)
#: of a level's smallest gap: standard deviation of the blur that lets a mixture answer between levels
BLUR = 0.25


class _Conditioned(NamedTuple):
    """The mixture of each row: log w (rows, k), means (rows, k, n), Cholesky factors (k, n, n)."""

    log_weight: Floats
    mean: Floats
    root: Floats


@readable
@dataclass(frozen=True)
class Aggregate:
    """A mixture of normals of latents, given a condition or not.

    Args:
        weights: w, (k,).
        means: of latents and conditions together, (k, n + m).
        covariances: (k, n + m, n + m).
        latents: n.
        held_out: log density of held-out draws given their condition, in nats a row, by the number of components tried.
        prior: that of the standard normal on the same draws.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    latents: int
    held_out: Mapping[int, float]
    prior: float

    @property
    def components(self) -> int:
        """Number k of normals."""
        return len(self.weights)

    @property
    def conditions(self) -> int:
        """Number m of conditions."""
        return int(self.means.shape[1]) - self.latents

    @property
    def gain(self) -> float:
        """Nats a row by which it describes held-out draws better than the standard normal does: KL[q(z|c) || p(z)]."""
        return self.held_out[self.components] - self.prior

    def log_prob(self, z: ArrayLike, condition: ArrayLike | None = None) -> Floats:
        """Log density of latents given their condition, (rows,), in nats.

        Args:
            z: (rows, n).
            condition: c, (rows, m).

        Raises:
            DataError: shapes, NaN or infinity.
        """
        points = columns(z, "latents", 1).astype(np.float64)
        given = self._given(len(points), condition)
        off = points[:, None] - given.mean
        white = np.linalg.solve(given.root[None], off[..., None])[..., 0]
        volume = np.log(np.diagonal(given.root, axis1=1, axis2=2)).sum(1)
        parts = -0.5 * (np.square(white).sum(2) + self.latents * LOG_2PI) - volume
        return np.asarray(logsumexp(given.log_weight + parts, axis=1))

    def sample(self, rows: int, condition: ArrayLike | None = None, rng: Seed = 0) -> Floats:
        """Latents, (rows, n).

        Args:
            rows: how many.
            condition: c of each row, (rows, m), or of all, (m,).
            rng: seed or generator.

        Raises:
            DataError: shapes, NaN or infinity.
        """
        draw, given = np.random.default_rng(rng), self._given(rows, condition)
        steps = np.exp(given.log_weight).cumsum(1)
        k = (draw.random((rows, 1)) * steps[:, -1:] >= steps).sum(1).clip(max=self.components - 1)
        noise = np.einsum("rij,rj->ri", given.root[k], draw.normal(size=(rows, self.latents)))
        return np.asarray(given.mean[np.arange(rows), k] + noise)

    def _given(self, rows: int, condition: ArrayLike | None) -> _Conditioned:
        n, s = self.latents, self.covariances
        c = refuse_conditions(rows, condition, self.conditions)
        gain = np.linalg.solve(s[:, n:, n:], s[:, n:, :n]).swapaxes(1, 2)
        off = c[:, None] - self.means[:, n:]
        mean = self.means[:, :n] + np.einsum("kij,rkj->rki", gain, off)
        root: Floats = np.linalg.cholesky(s[:, :n, :n] - gain @ s[:, n:, :n]).astype(np.float64)
        pull = np.einsum("rki,kij,rkj->rk", off, np.linalg.inv(s[:, n:, n:]), off)
        log_weight = np.log(self.weights) - 0.5 * (pull + np.linalg.slogdet(s[:, n:, n:])[1])
        return _Conditioned(log_weight - logsumexp(log_weight, axis=1, keepdims=True), mean, root)

    def as_json(self) -> dict[str, object]:
        """What was tried and what it is worth, ready for JSON."""
        return {name: getattr(self, name) for name in ("components", "held_out", "prior", "gain")}


def refuse_conditions(rows: int, condition: ArrayLike | None, conditions: int) -> Floats:
    """Conditions of rows, (rows, m); those that are missing, of another shape or no numbers are refused."""
    if condition is None:
        if conditions:
            raise DataError(f"the mixture depends on {conditions} conditions: give them")
        return np.zeros((rows, 0))
    c = np.asarray(condition, dtype=np.float64)
    if c.shape not in ((conditions,), (rows, conditions)) or not np.isfinite(c).all():
        raise DataError(f"condition must be finite numbers ({rows}, {conditions}), got shape {c.shape}")
    return np.broadcast_to(c, (rows, conditions))


def fit_aggregate(
    mean: ArrayLike,
    std: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    components: Sequence[int] = COMPONENTS,
    rng: Seed = 0,
) -> Aggregate:
    r"""Mixture of normals of one draw :math:`z \sim q(z|x)` a row; as many normals as held-out rows speak for.

    Args:
        mean, std: of the posteriors, (rows, n).
        condition: c, (rows, m); None for none.
        components: numbers of normals to try.
        rng: seed or generator.

    Raises:
        DataError: shapes, NaN or infinity, fewer than 8 rows for each normal.
        UsageError: no components, or fewer than 1.

    Reference: P. Ghosh et al., From variational to deterministic autoencoders, ICLR (2020), for sampling from a
    density fitted to codes.

    >>> draw = np.random.default_rng(0)
    >>> two = np.where(draw.random(2000) < 0.5, -2.0, 2.0)[:, None]
    >>> found = fit_aggregate(two, np.full((2000, 1), 0.5), components=(1, 2))
    >>> found.components, found.gain > 0.5, found.sample(3).shape
    (2, True, (3, 1))
    """
    draw = np.random.default_rng(rng)
    z = posterior_draws(mean, std, draw)
    c = refuse_conditions(len(z), condition, np.shape(condition)[-1] if condition is not None else 0)
    _check(components, len(z))
    both = np.column_stack([z, _blurred(c, draw)])
    order = draw.permutation(len(z))
    held, kept = np.split(order, [int(HELD_OUT * len(z))])
    fits = [_fit(both[kept], z.shape[1], k, int(draw.integers(2**31))) for k in components]
    scores = [float(fit.log_prob(z[held], c[held]).mean()) for fit in fits]
    best = fits[int(np.argmax(scores))]
    prior = float((-0.5 * (np.square(z[held]) + LOG_2PI)).sum(1).mean())
    tried = dict(zip(components, scores, strict=True))
    return Aggregate(best.weights, best.means, best.covariances, best.latents, tried, prior)


def posterior_draws(mean: ArrayLike, std: ArrayLike, draw: np.random.Generator) -> Floats:
    """One draw z ~ q(z|x) a row, (rows, n)."""
    m, s = columns(mean, "posterior means", 8), columns(std, "posterior deviations", 8)
    if m.shape != s.shape:
        raise DataError(f"posterior means {m.shape} and deviations {s.shape} must have one shape")
    return m + s * draw.normal(size=m.shape)


def _check(components: Sequence[int], rows: int) -> None:
    if not components or min(components) < 1:
        raise UsageError(f"components must be numbers of at least 1, got {list(components)}")
    if rows < 8 * max(components):
        raise DataError(f"{rows} rows are too few for {max(components)} normals: give 8 rows for each")


def _blurred(c: Floats, draw: np.random.Generator) -> Floats:
    """Conditions with their levels blurred: a normal needs a width in every direction."""
    return c + draw.normal(size=c.shape) * [BLUR * _gap(column) for column in c.T]


def _gap(column: Floats) -> float:
    levels: Floats | Ints = np.unique(column)
    if len(levels) == 1:
        return max(1.0, abs(float(levels[0])))
    return float(np.diff(levels).min()) if discrete_columns(column[:, None])[0] else 0.0


def _fit(both: Floats, latents: int, components: int, seed: int) -> Aggregate:
    from sklearn.mixture import GaussianMixture

    spread = both.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    found = GaussianMixture(components, reg_covar=1e-4, random_state=seed).fit(both / scale)
    covariances = found.covariances_ * np.outer(scale, scale)
    return Aggregate(found.weights_, found.means_ * scale, covariances, latents, {}, np.nan)


def of_run(
    run: Run, snapshots: Mapping[str, FloatArray], *, components: Sequence[int] = COMPONENTS, seed: int = 0
) -> list[Aggregate]:
    """The aggregate posterior of each member over snapshots, by default the rows it was trained on.

    Args:
        run: a finished training.
        snapshots: what it learned from and its conditions, as ``training.data.read`` gives them.
        components: numbers of normals to try.
        seed: of the draws.
    """
    codes, condition = run.encode(snapshots), run.conditions_of(snapshots)
    return [
        fit_aggregate(mean, std, condition, components=components, rng=seed)
        for mean, std in zip(codes.mean, codes.std, strict=True)
    ]
