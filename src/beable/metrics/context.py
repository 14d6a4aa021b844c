"""A score in its context: what the factors themselves reach, what luck reaches, and how uncertain the score is.

For a metric m, codes z and factors θ of n rows:

*ceiling*: m(θ, θ), the best code there is, at this n. It is below 1 wherever finite samples correlate.

*permutation null*: m(z with its rows shuffled, θ): codes that know nothing, with the margins of the real ones.

*rotation null*: m(W Q, θ), W the whitened factors and Q a uniformly random orthogonal matrix (Haar measure): codes that
know everything but turned any way. For more latents than factors Q is cut from a larger one, for fewer some of its
columns are taken.

*interval*: m-out-of-n bootstrap without replacement, m = n/2: the spread of the score over random halves of the rows
is that of the score over samples of n rows (Bickel, Götze and van Zwet 1997); below 16 rows, m = 8 and the spread is
widened by sqrt(m / (n − m)). Rows drawn twice, as in the ordinary bootstrap, would lie on both sides of a cross-
validation and at distance zero from themselves, and raise every score that uses neighbours or trees. The interval is
centred on the score: it speaks of the score at this n.

*corrected*: (score − chance) / (ceiling − chance): 0 is luck, 1 the best there is; it may be negative.

*baselines*: PCA and FastICA codes of the data, as many as there are latents. A network that does not beat them has
found nothing that linear algebra does not.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError, UsageError
from beable.metrics.columns import Floats, Seed, columns, pair, standardised
from beable.metrics.fast_ica import fast_ica

FEWEST = 8  # rows that every metric can work with


class Scored(Protocol):
    """Any record with a score."""

    @property
    def score(self) -> float: ...


Metric = Callable[[ArrayLike, ArrayLike], Scored]


@readable
class Null(NamedTuple):
    """A distribution of scores that luck gives.

    Args:
        mean: over the draws.
        low, high: quantiles of the draws, 0.025 and 0.975 at level 0.95.
        values: the draws.
    """

    mean: float
    low: float
    high: float
    values: Floats


class Interval(NamedTuple):
    """Ends of the interval at the stated level."""

    low: float
    high: float


@readable
class ScoreContext(NamedTuple):
    """A score and what to hold it against; the words are those of the module.

    Args:
        score: of the codes.
        ceiling: of the factors themselves.
        permutation, rotation: the two nulls.
        interval: of the score over samples of this many rows.
        chance: mean of the null that ``corrected`` counts from.
        corrected: 0 = chance, 1 = ceiling; NaN where chance and ceiling agree within 1 %: the metric cannot tell
            the one from the other.
        pca, ica: scores of the linear codes of the data; None without data.
        ica_converged: whether FastICA did; on Gaussian data it has no reason to.
    """

    score: float
    ceiling: float
    permutation: Null
    rotation: Null
    interval: Interval
    chance: float
    corrected: float
    pca: float | None = None
    ica: float | None = None
    ica_converged: bool | None = None


def score_in_context(
    metric: Metric,
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    data: ArrayLike | None = None,
    rng: Seed = 0,
    repeats: int = 200,
    rotations: int = 200,
    against: Literal["rotation", "permutation"] = "rotation",
    level: float = 0.95,
) -> ScoreContext:
    """A metric's value with ceiling, chance, interval and linear baselines.

    Args:
        metric: any function of this package called as ``metric(codes, factors)``.
        codes: (rows, latents).
        factors: (rows, factors).
        data: (rows, features) or (rows, ...), what PCA and ICA are given; None: no baselines.
        rng: seed or generator.
        repeats: draws of the permutation null and of the bootstrap. Each is a call of the metric.
        rotations: draws of the rotation null.
        against: the null that ``corrected`` takes as 0. "rotation" for measures of disentanglement; "permutation" for
            measures of information, which a rotation leaves at the ceiling.
        level: of the interval and of the nulls' quantiles.

    Raises:
        DataError: see `pair`; fewer than 9 rows; data of other rows, or with fewer features than latents.
        UsageError: draws or level out of range.

    Reference: P. J. Bickel, F. Götze and W. R. van Zwet, "Resampling fewer than n observations", Statistica Sinica 7
    (1997); F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54 (2007).

    >>> from beable.metrics.disentanglement import s_d
    >>> θ = np.random.default_rng(0).uniform(size=(500, 2))
    >>> found = score_in_context(s_d, θ[:, ::-1], θ, repeats=50)
    >>> round(found.corrected, 2), bool(0.68 < found.rotation.mean < 0.76)
    (1.0, True)
    """
    _check_settings(repeats, rotations, level, against)
    given = pair(codes, factors, rows=FEWEST + 1)
    z, θ = np.asarray(codes), np.asarray(factors)
    draw = np.random.default_rng(rng)
    score, ceiling = float(metric(z, θ).score), float(metric(θ, θ).score)
    permuted = _null([metric(draw.permutation(z), θ).score for _ in range(repeats)], level)
    white = _whitened(given.factors)
    turned = [metric(_turned(white, z.shape[1], draw), θ).score for _ in range(rotations)]
    null = {"rotation": _null(turned, level), "permutation": permuted}
    return ScoreContext(
        score,
        ceiling,
        permuted,
        null["rotation"],
        _interval(metric, z, θ, score, repeats, level, draw),
        null[against].mean,
        _corrected(score, ceiling, null[against]),
        *_baselines(metric, data, z, θ, draw),
    )


def rotated(factors: Floats, latents: int, rng: Seed) -> Floats:
    """Whitened factors times a random orthogonal matrix: codes (rows, latents) that know all and are turned any way."""
    return _turned(_whitened(factors), latents, rng)


def _whitened(factors: Floats) -> Floats:
    u, s, _ = np.linalg.svd(standardised(factors), full_matrices=False)
    white: Floats = u[:, s > 1e-10 * s[0]] * np.sqrt(len(factors))
    return white


def _turned(white: Floats, latents: int, rng: Seed) -> Floats:
    size = max(latents, white.shape[1], 2)
    q = scipy.stats.ortho_group.rvs(size, random_state=np.random.default_rng(rng))
    codes: Floats = white @ q[: white.shape[1], :latents]
    return codes


def linear_codes(data: ArrayLike, latents: int, rng: Seed = 0) -> tuple[Floats, Floats, bool]:
    """PCA and FastICA codes of data (rows, ...), standardised, and whether FastICA converged."""
    raw = np.asarray(data)
    x = columns(raw.reshape(len(raw), -1) if raw.ndim > 1 else raw, "data", 2)
    pca = _principal(x.astype(np.float64), latents)
    rotation, rests = fast_ica(pca, np.random.default_rng(rng), 1000, 1e-5)
    return pca, standardised(pca @ rotation), rests


def _principal(x: Floats, latents: int) -> Floats:
    """Leading principal components with unit variance, through the smaller Gram matrix."""
    centred = x - x.mean(axis=0)
    wide = x.shape[1] > len(x)
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    if latents > (values > 1e-12 * values[-1]).sum():
        raise DataError(f"data have fewer than {latents} independent features and rows: no {latents} components")
    leading = vectors[:, ::-1][:, :latents]
    return standardised(leading if wide else centred @ leading)


def _check_settings(repeats: int, rotations: int, level: float, against: str) -> None:
    if repeats < 2 or rotations < 2:
        raise UsageError(f"repeats and rotations must be at least 2, got {repeats} and {rotations}")
    if not 0 < level < 1:
        raise UsageError(f"level must lie between 0 and 1, got {level}")
    if against not in ("rotation", "permutation"):
        raise UsageError(f"against must be 'rotation' or 'permutation', got {against!r}")


def _null(scores: list[float], level: float) -> Null:
    values = np.array(scores, dtype=np.float64)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Null(float(values.mean()), float(low), float(high), values)


def _interval(
    metric: Metric, z: np.ndarray, θ: np.ndarray, score: float, repeats: int, level: float, draw: np.random.Generator
) -> Interval:
    m = max(len(z) // 2, FEWEST)
    halves = [draw.permutation(len(z))[:m] for _ in range(repeats)]
    values = np.array([metric(z[half], θ[half]).score for half in halves])
    scale = np.sqrt(m / (len(z) - m))
    low, high = scale * np.quantile(values - values.mean(), [(1 - level) / 2, (1 + level) / 2])
    return Interval(score + float(low), score + float(high))


def _corrected(score: float, ceiling: float, null: Null) -> float:
    room = ceiling - null.mean
    if abs(room) <= 0.01 * max(abs(ceiling), abs(null.mean)):
        return float("nan")
    return (score - null.mean) / room


def _baselines(
    metric: Metric, data: ArrayLike | None, z: np.ndarray, θ: np.ndarray, draw: np.random.Generator
) -> tuple[float | None, float | None, bool | None]:
    if data is None:
        return None, None, None
    if len(np.asarray(data)) != len(z):
        raise DataError(f"data have {len(np.asarray(data))} rows and codes {len(z)}: they must be the same snapshots")
    pca, ica, converged = linear_codes(data, z.shape[1], draw)
    return float(metric(pca, θ).score), float(metric(ica, θ).score), converged
