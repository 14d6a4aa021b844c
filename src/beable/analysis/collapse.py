r"""Over-regularisation: did the latents carry anything, and would nothing have done as well?

Theorem 1 of Jacobsen & Duraisamy (2022): where the rate is zero, q(z|y) = p(z) for every y, and the best decoder
answers with the mean and variance of the data. With one variance for a group g of :math:`D_g` outputs the collapsed
level of the distortion is

.. math:: D_0 = \sum_g \tfrac{D_g}{2} \big(1 + \log 2\pi v_g\big), \qquad v_g = \frac{1}{D_g} E\|y_g - \bar y_g\|^2

No decoder that leaves z aside has less on those rows. One that explains a share s of the variance has
:math:`\tfrac{D}{2} \log\tfrac{1}{1 - s}` nats less, with an output variance that follows, so that a margin of the level
is a share of the variance (`at_level`).

For a linear decoder on data with covariance eigenvalues λ a latent is worth its rate only while
:math:`\lambda > \beta\sigma^2`, so everything collapses beyond :math:`\beta_c = \lambda_1/\sigma^2`.

An output variance that follows the errors moves that threshold. With n latents in use each leaves an error
:math:`\beta\sigma^2`, so that the variance of D outputs must satisfy

.. math:: D \sigma^2 = n \beta \sigma^2 + \text{(energy of what no latent carries)}

which has a positive solution only for :math:`n < D/\beta`, whatever the data: no more latents than that survive, and
none beyond :math:`\beta = D`. On the scale of Jacobsen & Duraisamy, with two latents, β multiplied by pixels/2 and
three channels of pixels as outputs, both latents live up to β = 3 and none beyond 6; their Fig. 10 finds
over-regularised solutions for many β of 5 to 100 and none at 2.

**Where each latent dies.** A loss of squared error and divergence,

.. math:: L = a \|x - x'\|^2 + b\, \beta\, \mathrm{KL}, \qquad a = 1 \text{ or } 1/d, \quad b = 1 \text{ or } 1/k,

for d columns and k latents, each term summed or averaged, is the negative evidence lower bound of a decoder of fixed
variance :math:`\sigma^2 = \beta_e / 2` up to a factor and a constant, with the *effective*

.. math:: \beta_e = \beta\, b / a .

For a linear decoder its minimum is probabilistic principal component analysis with that variance: with
:math:`\lambda_1 \ge \lambda_2 \ge \dots` the eigenvalues of the covariance of the scaled columns, latent i ≤ k is in
use only while :math:`\lambda_i > \beta_e / 2`, and then

.. math:: \mathrm{rate}_i = \tfrac12 \ln\frac{2 \lambda_i}{\beta_e}, \qquad
          \|x - x'\|^2 = \sum_{i \le k} \min\Big(\lambda_i, \frac{\beta_e}{2}\Big) + \sum_{i > k} \lambda_i .

So everything depends on how columns are scaled and on what is averaged, which sources seldom say. Latent i dies at
:math:`\beta_i = 2 \lambda_i a / b`; beyond :math:`\beta_1` the model answers every row with the mean of the data.

The threshold of the first latent holds for networks too as the β at which the collapsed state becomes stable: a network
is linear near it. Data in clusters may hold a latent a little beyond, since one bit can be worth more than a slope.

Lucas, Tucker, Grosse and Norouzi, "Don't blame the ELBO! A linear VAE perspective on posterior collapse", NeurIPS
(2019); Tipping and Bishop, J. R. Stat. Soc. B 61, 611 (1999).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import DataError, UsageError, unknown
from beable.metrics.columns import columns as table
from beable.metrics.columns import constant
from beable.representations.modes import RESOLVED
from beable.vae.distributions import LOG_2PI
from beable.verdicts import Verdict

Floats = NDArray[np.float64]
FloatArray = NDArray[np.floating]
ACTIVE_NATS = 0.05
NOTHING_LEARNED = 0.99


@readable
class Regularisation(NamedTuple):
    """What an ensemble's latents carry.

    Args:
        rate_per_latent: mean rate of each latent in nats, (members, latents).
        active: number of latents with a mean rate above ``ACTIVE_NATS``, (members).
        active_range: how many surely are, and how many may be, by two standard errors over rows, (members, 2): where
            the two differ, more rows would tell.
        distortion: mean distortion in nats, (members).
        collapsed_level: distortion of the collapsed solution in nats.
    """

    rate_per_latent: FloatArray
    active: NDArray[np.int64]
    active_range: NDArray[np.int64]
    distortion: FloatArray
    collapsed_level: float


def collapsed_level(
    energy: FloatArray, dimension: FloatArray, shared: bool, floor: float = 0.0, *, variance: float | None = None
) -> float:
    """Distortion of a decoder that answers every z with the mean of the data, in nats.

    Args:
        energy: mean squared distance of the rows from their mean, by group, (groups).
        dimension: number of outputs by group, (groups).
        shared: one variance for all groups instead of one for each.
        floor: standard deviation that none of them falls below.
        variance: that of a decoder with a fixed one, instead of the best.

    >>> round(collapsed_level(np.array([2.0]), np.array([2.0]), shared=True), 4)
    2.8379
    """
    if shared:
        energy, dimension = energy.sum(keepdims=True), dimension.sum(keepdims=True)
    own = np.maximum(energy / dimension, np.finfo(np.float64).tiny)
    used = np.maximum(own, floor**2) if variance is None else np.full(own.shape, variance)
    return float((0.5 * dimension * (own / used + LOG_2PI + np.log(used))).sum())


def at_level(
    distortion: float,
    rate: float,
    level: float,
    outputs: float,
    *,
    reach: float = 0.0,
    explained: float = 1 - NOTHING_LEARNED,
) -> Verdict:
    r"""Whether a training has ended in the over-regularised state of Theorem 1.

    That is: no latents in use and the distortion at the collapsed level of the same rows, within
    :math:`-\tfrac{D}{2} \log(1 - s)` nats, which a decoder gains that explains a share s of the variance.

    Args:
        distortion: mean distortion, in nats.
        rate: mean rate of the latent that has most, in nats.
        level: the collapsed level of the same rows, in nats.
        outputs: number of outputs D.
        reach: how far the distortion may be off, by the samples of the latents it was averaged over, in nats.
        explained: the share s.

    >>> at_level(-50.0, 0.0, -50.0, 100).word, at_level(-120.0, 5.0, -50.0, 100).word
    ('yes', 'no')
    >>> print(at_level(-20.0, 0.0, -50.0, 100))
    cannot be told: the distortion is still 30 nats above the collapsed level: train longer
    """
    margin, gain = -0.5 * outputs * float(np.log1p(-explained)), level - distortion
    words = f"the distortion is {number(abs(gain))} nats {'below' if gain > 0 else 'above'} the collapsed level"
    if gain - reach > margin:
        return Verdict(False, f"{words}, {number(-np.expm1(-2 * gain / outputs))} of the variance is explained")
    if gain + reach < -margin:
        return Verdict(None, words.replace(" is ", " is still ") + ": train longer")
    if abs(gain) + reach > margin:
        return Verdict(None, f"{words}, give or take {number(reach)}, around the margin of {number(margin)}")
    if rate > ACTIVE_NATS:
        return Verdict(None, f"{words}, but a latent has a rate of {number(rate)} nats")
    return Verdict(
        True, f"{words}, within the margin of {number(margin)}, and no latent has a rate above {number(rate)} nats"
    )


def regularisation(distortion: FloatArray, rate: FloatArray, level: float) -> Regularisation:
    """What an ensemble's latents carry, by its rates and distortions.

    Args:
        distortion: in nats, (members, rows).
        rate: in nats, (members, rows, latents).
        level: the collapsed level in nats.
    """
    rates = rate.mean(axis=1)
    error = rate.std(axis=1) / np.sqrt(max(rate.shape[1] - 1, 1))
    fewest, found, most = ((rates + k * error > ACTIVE_NATS).sum(axis=1) for k in (-2, 0, 2))
    return Regularisation(rates, found, np.stack([fewest, most], axis=1), distortion.mean(axis=1), level)


def rate_hurts(
    active: int, relative_error: float, training_error: float | None, linear: float | None = None
) -> Verdict:
    """Whether a member is over-regularised: the rate keeps it from learning anything, of training rows either.

    A member that has learned its training rows and fails on others over-fits, or the others are of another kind; a
    lower β would not help it.

    Args:
        active: number of latents with a rate above ``ACTIVE_NATS``.
        relative_error: squared error over that of the mean on the rows judged; not the distortion, which a variance
            fitted too closely to the training rows can raise above any level on others.
        training_error: the same on training rows; None where it is not known.
        linear: the same of as many principal components as there are latents, where known: no model with active
            latents is told to be over-regularised where they leave ``NOTHING_LEARNED`` too.

    >>> print(rate_hurts(2, 1.01, 0.02))
    no: the relative error is 1.01, but 0.02 on training rows
    >>> rate_hurts(0, 1.0, 1.0).word, rate_hurts(0, 1.0, None).word, rate_hurts(2, 0.999, 0.999, linear=0.998).word
    ('yes', 'cannot be told', 'cannot be told')
    """
    error = f"the relative error is {number(relative_error)}"
    if active > 0 and relative_error < NOTHING_LEARNED:
        return Verdict(False, f"{error}, {active} latents have a rate above {ACTIVE_NATS} nats")
    if training_error is None or not np.isfinite([relative_error, training_error]).all():
        return Verdict(None, f"{error}, that on training rows is not known")
    if training_error < NOTHING_LEARNED:
        return Verdict(False, f"{error}, but {number(training_error)} on training rows")
    if active > 0 and linear is not None and linear >= NOTHING_LEARNED:
        return Verdict(None, f"{error}, but as many principal components leave {number(linear)} too")
    return Verdict(True, f"{error} and {number(training_error)} on training rows, {active} latents are active")


def beta_of_sums(beta: float, *, mse: str = "sum", kl: str = "sum", columns: int = 1, latents: int = 1) -> float:
    r"""β of *summed* squared error plus β times *summed* KL that weighs as ``beta`` does under other reductions.

    .. math:: \beta_e = \beta\, b / a

    Args:
        beta: as a source states it.
        mse: "sum" over the columns of a row, or "mean".
        kl: "sum" over the latents, or "mean".
        columns: d.
        latents: k.

    Raises:
        UsageError: another reduction, no column or latent.

    >>> beta_of_sums(4.0, mse="mean", kl="mean", columns=10, latents=2)
    20.0
    """
    if columns < 1 or latents < 1:
        raise UsageError(f"columns and latents must be at least 1, got {columns} and {latents}")
    return beta * _share(kl, latents) / _share(mse, columns)


def _share(reduction: str, count: int) -> float:
    if reduction not in REDUCTIONS:
        raise unknown("reduction", reduction, REDUCTIONS)
    return REDUCTIONS[reduction](count)


#: weight of each of so many terms
REDUCTIONS: dict[str, Callable[[int], float]] = {"sum": lambda count: 1.0, "mean": lambda count: 1.0 / count}


@readable
class Thresholds(NamedTuple):
    """The β axis of a VAE of a table.

    Args:
        eigenvalues: λ of the covariance of the scaled columns, descending, (columns).
        betas: β at which each latent dies, descending, (latents).
        latents: k.
        per_effective: β of the source for each unit of effective β, a/b.
    """

    eigenvalues: Floats
    betas: Floats
    latents: int
    per_effective: float

    @property
    def collapse(self) -> float:
        """β beyond which no latent is in use."""
        return float(self.betas[0])

    def at_rate(self, rate: float) -> Floats:
        """β at which each latent has a rate left, in nats, (latents): what a test against that rate can find."""
        answer: Floats = self.betas * np.exp(-2 * rate)
        return answer

    def _half_effective(self, beta: ArrayLike) -> Floats:
        level: Floats = np.asarray(beta, np.float64)[..., None] / self.per_effective / 2
        return level

    def rates(self, beta: ArrayLike) -> Floats:
        """Rate of each latent in nats, (..., latents); infinite at β = 0."""
        with np.errstate(divide="ignore"):
            used, level = np.broadcast_arrays(self.eigenvalues[: self.latents], self._half_effective(beta))
            ratio = np.divide(used, level, out=np.zeros(used.shape), where=used > 0)
            answer: Floats = 0.5 * np.log(np.maximum(ratio, 1.0))
        return answer

    def active(self, beta: ArrayLike) -> NDArray[np.int64]:
        """Number of latents in use, (...)."""
        return np.asarray((self.betas > np.asarray(beta, np.float64)[..., None]).sum(-1))

    def squared_error(self, beta: ArrayLike) -> Floats:
        """Mean of ‖x − x'‖² over rows, x' decoded from a sample of the latents, (...)."""
        used, rest = self.eigenvalues[: self.latents], self.eigenvalues[self.latents :].sum()
        answer: Floats = np.minimum(used, self._half_effective(beta)).sum(-1) + rest
        return answer


def collapse_thresholds(
    values: ArrayLike, latents: int, scaling: str = "range", *, mse: str = "sum", kl: str = "sum"
) -> Thresholds:
    """Thresholds of every latent of a VAE of a table.

    Args:
        values: (rows, columns).
        latents: k.
        scaling: of the columns, a name in ``SCALINGS``: "range" to [0, 1], "maximum" divides by the largest
            magnitude, "deviation" centres and divides by the standard deviation, "none" leaves them.
        mse, kl: see `beta_of_sums`.

    Raises:
        DataError: not a table of finite numbers; a constant column that cannot be scaled.
        UsageError: an unknown scaling or reduction; more latents than columns.

    Reference: Lucas et al. (2019), for the linear VAE; Hall and Sparks (2023) for the loss.

    >>> x = np.random.default_rng(0).normal(size=(4000, 3)) * [3.0, 2.0, 1.0]
    >>> found = collapse_thresholds(x, 2, "none")
    >>> bool(abs(found.collapse - 18) < 1), found.active([1.0, 12.0, 30.0]).tolist()
    (True, [2, 1, 0])
    """
    x = table(values, "values", 3).astype(np.float64)
    if not 1 <= latents <= x.shape[1]:
        raise UsageError(f"latents must be from 1 to the number of columns, {x.shape[1]}, got {latents}")
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(scaled(x, scaling).T, bias=True)))
    return of_eigenvalues(eigenvalues, latents, mse=mse, kl=kl)


def of_eigenvalues(eigenvalues: ArrayLike, latents: int, *, mse: str = "sum", kl: str = "sum") -> Thresholds:
    """Thresholds of given eigenvalues, (columns), such as those of the covariance of codes; rounding becomes 0."""
    λ = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    λ = np.where(λ > RESOLVED * λ[0], λ, 0.0)
    per_effective = 1 / beta_of_sums(1.0, mse=mse, kl=kl, columns=len(λ), latents=latents)
    return Thresholds(λ, 2 * λ[:latents] * per_effective, latents, per_effective)


def scaled(values: ArrayLike, scaling: str) -> Floats:
    """Columns of a table, (rows, columns), scaled by a name in ``SCALINGS``.

    >>> scaled([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]], "maximum")[:, 0].tolist()
    [0.0, 0.5, 1.0]
    """
    if scaling not in SCALINGS:
        raise unknown("scaling", scaling, SCALINGS)
    x = table(values, "values", 2).astype(np.float64)
    offset, size = SCALINGS[scaling](x)
    if not (size > 0).all():
        raise DataError(
            f"column {int(np.argmin(size))} is constant: it cannot be scaled by its {scaling}: leave it out"
        )
    answer: Floats = (x - offset) / size
    return answer


#: offset and size of each column
SCALINGS: dict[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "range": lambda x: (x.min(0), np.ptp(x, axis=0) * ~constant(x)),
    "maximum": lambda x: (np.zeros(x.shape[1]), np.abs(x).max(0)),
    "deviation": lambda x: (x.mean(0), x.std(0) * ~constant(x)),
    "none": lambda x: (np.zeros(x.shape[1]), np.ones(x.shape[1])),
}


@readable
class MeasuredThreshold(NamedTuple):
    """Where trained models lose a latent.

    Args:
        betas: β, ascending, (betas).
        rate: median over seeds of the rate of the latent in nats, (betas).
        dead: lowest β from which on the rate stays below the level; NaN if it never does.
        alive: highest β below it; NaN if the latent is dead at all.
        level: in nats.
    """

    betas: Floats
    rate: Floats
    dead: float
    alive: float
    level: float

    def brackets(self, threshold: float) -> bool:
        """Whether a predicted threshold lies between the last β with the latent and the first without."""
        low = -np.inf if np.isnan(self.alive) else self.alive
        high = np.inf if np.isnan(self.dead) else self.dead
        return bool(low < threshold <= high)


def measured_threshold(betas: ArrayLike, rates: ArrayLike, level: float = 0.05, latent: int = 0) -> MeasuredThreshold:
    """Where the rate of a latent falls below a level for good.

    Args:
        betas: β of each model, (models); several models (seeds) may share one.
        rates: rate of each latent of each model in nats, (models, latents), in any order within a model.
        level: in nats.
        latent: which, 0 for the one with most rate.

    >>> found = measured_threshold([0.1, 0.2, 0.4], [[1.0, 0.0], [0.0, 0.4], [0.0, 0.0]])
    >>> (found.alive, found.dead, found.brackets(0.3))
    (0.2, 0.4, True)
    """
    β, r = np.asarray(betas, np.float64), np.sort(np.asarray(rates, np.float64), axis=1)[:, ::-1][:, latent]
    each = np.unique(β)
    median = np.array([np.median(r[β == one]) for one in each])
    alive = np.flatnonzero(median >= level)
    last = alive[-1] if len(alive) else -1
    return MeasuredThreshold(each, median, _at(each, last + 1), _at(each, last), level)


def _at(values: Floats, i: int) -> float:
    return float(values[i]) if 0 <= i < len(values) else float("nan")


def spread_of_thresholds(
    values: ArrayLike, latents: int, scalings: Iterable[str] = ("range", "maximum", "deviation")
) -> dict[str, dict[str, float]]:
    """β of collapse by scaling and reduction: how far a stated β says anything without them.

    >>> x = np.random.default_rng(0).uniform(size=(500, 10))
    >>> sorted(spread_of_thresholds(x, 2)["range"])
    ['mean, mean', 'mean, sum', 'sum, mean', 'sum, sum']
    """
    pairs = [(mse, kl) for mse in REDUCTIONS for kl in REDUCTIONS]
    return {
        s: {f"{mse}, {kl}": collapse_thresholds(values, latents, s, mse=mse, kl=kl).collapse for mse, kl in pairs}
        for s in scalings
    }
