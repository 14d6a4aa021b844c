r"""Is each factor in a latent of its own, and can that be told from so many rows?

A score alone cannot say so: for two factors a random rotation of them passes 0.95 of the best S_D in one case of
fifteen, and few rows or dependent factors let far more pass. Here each latent has an *angle* off its factor, made of
what it knows of every factor *beyond the others*, and the angle is held against those of random rotations.

For a standardised latent z that goes with the standardised factor θ_j,

.. math:: z = f(θ_j) + \sum_{k \ne j} b_k θ_k + e

by least squares, f being any combination of θ_j and the first three powers of its normal scores, so that a latent may
bend its factor. With s_k the deviation of θ_k that all other terms leave unexplained,

.. math:: \tan φ = \frac1{m_j} \sqrt{\textstyle\sum_{k \ne j} (b_k s_k)^2} ,

m_j being the deviation of f(θ_j) that the other factors leave unexplained. A rotation of two factors by φ has the angle
φ, and dependence between factors costs precision and nothing else. A factor of labels enters as its classes.

*mark*: the angle, root mean square over the latents, that a share ``LUCK`` of random rotations keep within: 1.8° for
two factors, ``TOLERANCE`` for more.

*power*: how often latents with one factor each, and a scatter e as large as here, keep within the mark.

The answer is yes within the mark; no where a latent is surely more than ``TOLERANCE`` off or a factor is surely not
known; in between it cannot be told.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtr, fdtri, ndtri

from beable.console.numbers import latent_name
from beable.console.records import readable
from beable.metrics.columns import (
    Bools,
    Discrete,
    Floats,
    Ints,
    Pair,
    classes,
    constant,
    explained,
    normal_scores,
    pair,
    standardised,
)
from beable.verdicts import Verdict

LUCK = 0.04  # 5 % with room for the error of the draws, and of a check with a few thousand
TOLERANCE = 10.0
ROTATIONS = 100_000
POWER = 0.9
SURE = 0.05
KNOWN = 0.5  # of a factor's variance
HEARD = 0.1  # of a latent's variance
ALONE = 1e-3
FEWEST_ROWS = 9
FEWEST_FREE = 3
IDLE = 1e-6
TINY = float(np.finfo(np.float64).tiny)


@readable
class Separation(NamedTuple):
    """Latents against factors, one by one.

    Args:
        verdict: whether each factor is in a latent of its own.
        angle: root mean square of ``angles``; NaN where nothing can be told.
        angles: of each latent off its factor in degrees, (latents,), NaN where it knows none.
        matching: the factor each latent goes with, (latents,), −1 where none.
        known: share of each varied factor's variance that its own latent tells, by ranks, (varied factors,).
        mark: largest ``angle`` that passes, in degrees.
        luck: share of random rotations whose angle is no larger than here.
        power: share of latents with one factor each, and this scatter, that would pass.
    """

    verdict: Verdict
    angle: float
    angles: Floats
    matching: Ints
    known: Floats
    mark: float
    luck: float
    power: float


def separation(
    codes: ArrayLike, factors: ArrayLike, *, discrete: Discrete = None, names: Sequence[str] | None = None
) -> Separation:
    """Whether each factor is in a latent of its own, in three answers.

    Blind to: factors that were not recorded; latents that change the order of their factor, which count as not knowing
    it; products of factors, which count as scatter.

    Args:
        codes: z, (rows, latents), posterior means.
        factors: θ, (rows, factors).
        discrete: which factors are labels; None: by the rule of `beable.metrics.columns`.
        names: of the factors, for the reason; None: their numbers.

    Raises:
        DataError: shapes, NaN.

    >>> θ = np.random.default_rng(0).uniform(size=(250, 2))
    >>> turned = θ @ [[0.8, -0.6], [0.6, 0.8]]
    >>> [separation(z, θ).verdict.word for z in (θ**3, turned, θ[::-1], turned[:, :1])]
    ['yes', 'no', 'no', 'no']
    >>> print(separation(θ[:8], θ[:8]).verdict)
    cannot be told: 8 rows: at least 9 are needed
    """
    v = np.asarray(factors)
    called = list(names or map(str, range(v.shape[1] if v.ndim == 2 else 0)))
    if v.ndim == 2 and v.shape[1] and len(v) and v.dtype.kind in "biuf" and constant(v.astype(np.float64)).all():
        return _nothing(np.shape(codes)[1], v.shape[1], "no factor varies in these rows")
    given = pair(codes, factors, rows=1, discrete=discrete)
    if given.rows < FEWEST_ROWS:
        few = f"{given.rows} rows: at least {FEWEST_ROWS} are needed"
        return _nothing(given.codes.shape[1], len(given.varied), few)
    terms = [_term(x, label) for x, label in zip(given.factors.T, given.labels, strict=True)]
    untold = _untold(given, terms, [called[i] for i in given.varied])
    if untold:
        return _nothing(given.codes.shape[1], len(terms), untold)
    found = _against_each_factor(standardised(given.codes), terms, _free(given, terms))
    return _judged(given, found, _alone(terms), [called[i] for i in given.varied])


def _nothing(latents: int, factors: int, reason: str) -> Separation:
    nan = float("nan")
    unknown = np.full(latents, nan), np.full(latents, -1), np.full(factors, nan)
    return Separation(Verdict(None, reason), nan, *unknown, nan, nan, 0.0)


# What can be told at all


class _Term(NamedTuple):
    """A factor as columns of a regression, (rows, columns) each: as it is, or its classes; and bent."""

    plain: Floats
    bent: Floats


def _term(factor: Floats, label: bool) -> _Term:
    if label:
        label_of_row = classes(factor[:, None], np.array([True]))[:, 0]
        indicators = np.eye(label_of_row.max() + 1)[label_of_row]
        return _Term(standardised(indicators[:, 1:]), np.empty((len(factor), 0)))
    scores = normal_scores(factor[:, None])
    return _Term(standardised(factor[:, None]), np.hstack([scores, scores**2, scores**3]))


def _free(given: Pair, terms: Sequence[_Term]) -> int:
    """Degrees of freedom left by all factors; rows with the same factors say nothing more of the axes."""
    settings = len(np.unique(given.factors, axis=0))
    return settings - 1 - sum(int(t.plain.shape[1]) for t in terms)


def _untold(given: Pair, terms: Sequence[_Term], names: Sequence[str]) -> str:
    """Why nothing can be told; empty where something may be."""
    if len(terms) < 2:
        return f"of the factors only {names[0]} varies in these rows: one has nothing to be told from"
    if _free(given, terms) - max(t.bent.shape[1] for t in terms) < FEWEST_FREE:
        settings = len(np.unique(given.factors, axis=0))
        return f"{settings} different settings of {len(terms)} factors in {given.rows} rows are too few"
    alone = _alone(terms)
    if alone.min() ** 2 < ALONE:
        rest = _percent(alone.min() ** 2)
        return f"the other factors tell {names[int(alone.argmin())]} but for {rest} of its variance"
    return ""


def _alone(terms: Sequence[_Term]) -> Floats:
    """Largest deviation of each factor, standardised, that the others leave unexplained, (factors)."""
    rest = [_beyond(t.plain, _basis(_beside(terms, j))) for j, t in enumerate(terms)]
    return np.array([x.std(axis=0).max() for x in rest])


def _beside(terms: Sequence[_Term], j: int) -> Floats:
    return np.hstack([t.plain for k, t in enumerate(terms) if k != j])


# Least squares, by orthonormal bases (rows, columns)


def _beyond(x: Floats, basis: Floats) -> Floats:
    """What is left of centred columns beside a basis; twice, since once leaves rounding."""
    for _ in range(2):
        x = x - basis @ (basis.T @ x)
    return x


def _basis(x: Floats, beside: Floats | None = None) -> Floats:
    """What columns span, beyond the constant and a basis; directions with a millionth of their size are rounding."""
    x = x - x.mean(axis=0)
    size = np.linalg.norm(x, axis=0).max(initial=TINY)
    u, s, _ = np.linalg.svd(x if beside is None else _beyond(x, beside), full_matrices=False)
    kept: Floats = u[:, s > IDLE * size]
    return kept


class _Found(NamedTuple):
    """Every latent as if it went with every factor, (latents, factors); angles in degrees.

    Args:
        own: m, deviation that the factor explains beyond the others.
        off: deviation that the others explain beyond all else.
        error: standard error of the deviation along each direction of the others.
        directions: number of these, (factors).
        free: degrees of freedom of the error, (factors).
    """

    own: Floats
    off: Floats
    error: Floats
    directions: Ints
    free: Ints

    def angles(self) -> Floats:
        return np.degrees(np.arctan2(self.off, np.maximum(self.own, TINY)))

    def at_least(self, i: int, j: int) -> float:
        """The angle of latent i off factor j but for its error."""
        c, f = int(self.directions[j]), int(self.free[j])
        scatter = self.error[i, j] * np.sqrt(c * fdtri(c, f, 1 - SURE))
        return float(np.degrees(np.arctan2(max(self.off[i, j] - scatter, 0.0), max(self.own[i, j], TINY))))

    def power(self, main: Mapping[int, int], mark: float) -> float:
        """How often latents with one factor each, and the scatter of these, keep within the mark."""
        relative = [self.directions[j] * (self.error[i, j] / max(self.own[i, j], TINY)) ** 2 for i, j in main.items()]
        directions, free = sum(int(self.directions[j]) for j in main.values()), min(self.free[j] for j in main.values())
        reach = np.radians(mark) ** 2 / max(float(np.mean(relative)), TINY)
        return float(fdtr(directions, free, reach))

    def hears(self) -> Bools:
        """Latents that the factors explain by ``HEARD`` or more, and surely, (latents)."""
        explained = 1 - self.error**2 * self.free
        columns = self.directions + 1
        ratio = explained / columns / np.maximum(self.error**2, TINY)
        sure = (ratio > fdtri(columns, self.free, 1 - SURE / 5)) & (explained >= HEARD)
        return np.asarray(sure.any(axis=1))


def _against_each_factor(z: Floats, terms: Sequence[_Term], free: int) -> _Found:
    columns = [_against(z, terms, j, free - t.bent.shape[1]) for j, t in enumerate(terms)]
    own, off, error, directions, left = (np.array(part) for part in zip(*columns, strict=True))
    return _Found(own.T, off.T, error.T, directions, left)


def _against(z: Floats, terms: Sequence[_Term], j: int, free: int) -> tuple[Floats, Floats, Floats, int, int]:
    """One column of `_Found`."""
    parts = [np.hstack([t.plain, t.bent]) if k == j else t.plain for k, t in enumerate(terms)]
    rest = [_basis(np.hstack([p for i, p in enumerate(parts) if i != k])) for k in range(len(parts))]
    beyond = [_basis(part, beside) for part, beside in zip(parts, rest, strict=True)]
    others = np.hstack([b for k, b in enumerate(beyond) if k != j])
    left = _beyond(z - z.mean(axis=0), _basis(np.hstack(parts)))
    error = np.sqrt((left**2).mean(axis=0) / free)
    return _size(beyond[j].T @ z, len(z)), _size(others.T @ z, len(z)), error, others.shape[1], free


def _size(coefficients: Floats, rows: int) -> Floats:
    size: Floats = np.sqrt((coefficients**2).sum(axis=0) / rows)
    return size


@lru_cache(maxsize=64)
def random_angles(alone: tuple[float, ...], latents: int) -> Floats:
    """Root mean square angle over the latents of random rotations of the factors, in degrees, ascending, (draws).

    Args:
        alone: deviation of each factor that the others leave unexplained, over the largest.
        latents: number of latents; 90° where they leave a factor out.

    >>> bool(abs(np.median(random_angles((1.0, 1.0), 2)) - 22.5) < 0.5)
    True
    """
    share = _squared_rotations(len(alone), latents) * np.square(alone)[:, None]
    best = share.max(axis=1)
    angles = np.degrees(np.arctan2(np.sqrt(np.maximum(share.sum(axis=1) - best, 0.0)), np.sqrt(best)))
    taken = (share.argmax(axis=1)[:, :, None] == np.arange(len(alone))).any(axis=1).all(axis=1)
    return np.sort(np.where(taken, _mean_square_root(angles), 90.0))


@lru_cache(maxsize=16)
def _squared_rotations(factors: int, latents: int) -> Floats:
    """Squared entries of random orthogonal matrices, cut to (draws, factors, latents)."""
    size = max(factors, latents, 2)
    normal = np.random.default_rng(0).normal(size=(ROTATIONS // size, size, size))
    squared: Floats = np.linalg.qr(normal)[0][:, :factors, :latents] ** 2
    return squared


def _mean_square_root(angles: Floats) -> Floats:
    root: Floats = np.sqrt((angles**2).mean(axis=-1))
    return root


# The answer


def _judged(given: Pair, found: _Found, alone: Floats, names: Sequence[str]) -> Separation:
    heard = np.flatnonzero(found.hears() & ~given.dead)
    angles, known = found.angles(), _known(given)
    main = {int(i): int(angles[i].argmin()) for i in heard}
    own = np.array([angles[i, main[i]] if i in main else np.nan for i in range(len(angles))])
    angle = float(_mean_square_root(own[list(main)])) if main else 90.0
    null = random_angles(tuple(np.round(alone / alone.max(), 2).tolist()), max(len(main), 1))
    mark = min(float(np.quantile(null, LUCK)), TOLERANCE)
    luck = float((null <= angle).mean())
    power = found.power(main, mark) if main else 0.0
    told = np.array([max((known[i, j] for i, f in main.items() if f == j), default=0.0) for j in range(len(names))])
    verdict = (
        _no(found, main, own, known, given.rows, names)
        or _missed(told, main, names)
        or _within(angle, float(np.nanmax(own)), mark, luck, power)
    )
    matching = np.array([given.varied[main[i]] if i in main else -1 for i in range(len(angles))])
    return Separation(verdict, angle, own, matching, told, mark, luck, power)


def _known(given: Pair) -> Floats:
    """Share of each factor's variance, by ranks, that each latent tells, (latents, factors)."""
    factors = np.where(given.labels, given.factors, normal_scores(given.factors))
    return explained(given._replace(codes=normal_scores(given.codes), factors=factors))


def _no(
    found: _Found, main: Mapping[int, int], own: Floats, known: Floats, rows: int, names: Sequence[str]
) -> Verdict | None:
    """No, where a latent surely holds several factors or a factor is surely in none."""
    least = {i: found.at_least(i, j) for i, j in main.items()}
    i = max(least, key=lambda k: least[k], default=-1)
    if i >= 0 and least[i] > TOLERANCE:
        turned = f"{latent_name(i)} is turned {own[i]:.1f}° from {names[main[i]]}"
        return Verdict(False, f"{turned}: it holds other factors too")
    upper = _upper_end(known.max(axis=0), rows)
    j = int(upper.argmin())
    if upper[j] < KNOWN:
        return Verdict(False, f"no latent tells {names[j]}: the best explains {_percent(known[:, j].max())} of it")
    return None


def _upper_end(share: Floats, rows: int) -> Floats:
    """Upper end of a share of variance found in so many rows, by Fisher's transformation of its root."""
    r = np.arctanh(np.sqrt(np.clip(share, 0.0, 1 - 1e-12)))
    upper: Floats = np.tanh(r + ndtri(1 - SURE) / np.sqrt(rows - 3)) ** 2
    return upper


def _missed(told: Floats, main: Mapping[int, int], names: Sequence[str]) -> Verdict | None:
    """Untold, where it is not sure that each factor has a latent."""
    for j in range(len(told)):
        if j not in main.values() or told[j] < KNOWN:
            return Verdict(None, f"whether a latent goes with {names[j]}: the nearest explains {_percent(told[j])}")
    return None


def _within(angle: float, largest: float, mark: float, luck: float, power: float) -> Verdict:
    """Yes within the mark, and otherwise what stands against a no."""
    words = f"the latents are turned {angle:.1f}° from the factors"
    if angle <= mark and largest <= TOLERANCE:
        return Verdict(True, f"{words}, as near as {_percent(luck)} of random rotations")
    words = f"{words}: {_percent(luck)} of random rotations are as near, {_percent(LUCK)} are within {mark:.1f}°"
    if power >= POWER:
        return Verdict(None, words)
    return Verdict(None, f"{words}, and with this scatter pure factors are in {_percent(power)}")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 1e-4 else "less than 0.01 %"
