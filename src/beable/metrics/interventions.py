r"""What happens to the latents when one factor is held and the others are not?

An intervention function is asked for codes of snapshots made for the purpose,

    intervene(factor, groups, size, rng) -> (groups, size, latents)

in each group of which the given factor has one value, drawn anew for every group, and all other factors are drawn anew
for every row. Whoever owns a simulator can write one: draw factors, hold a column, simulate, encode. Without one the
table of codes and factors stands in: a group is rows of the table whose held factor is in one class (label or
quantile bin). Within a bin a continuous factor still moves, so the ceiling is lower than with a simulator.

All three scores compare how far latents move. Latents are first replaced by their ranks in the table, 0 to 1, so that
neither their unit, nor a monotone rescaling, nor one outlier row decides.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from beable.errors import DataError
from beable.metrics.columns import Discrete, Floats, Ints, Pair, Seed, classes, columns, pair, standardised

Intervene = Callable[[int, int, int, np.random.Generator], ArrayLike]


class Recognised(NamedTuple):
    """How well the held factor is recognised.

    Args:
        score: held-out accuracy; 1 / factors is chance.
        training: accuracy on the groups it was fitted to, not a score.
        votes: FactorVAE: how often latent i moved least while factor j was held, (latents, varied factors); beta-VAE:
            the confusion matrix, (varied factors, varied factors).
    """

    score: float
    training: float
    votes: Ints


def beta_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    intervene: Intervene | None = None,
    groups: int = 400,
    batch: int = 16,
    bins: int = 10,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> Recognised:
    r"""The beta-VAE score: a linear classifier names the factor that pairs of snapshots share.

    A point is :math:`\langle |z_1 - z_2| \rangle` over ``batch`` pairs of rows that have one factor in common.

    Blind to: rotation and mixing, nearly: it reaches 1 easily, the more the larger ``batch``. Use it to see a factor
    missed, not to rank good codes.

    Args:
        codes: (rows, latents).
        factors: (rows, factors).
        intervene: see the module; None: rows of the table.
        groups: points, half to fit, half to judge.
        batch: pairs a point.
        bins: classes of a continuous factor.
        rng: seed or generator.
        discrete: which factors are labels; None: by rule.

    Raises:
        DataError: see `pair`; fewer than 8 rows; only one factor that varies; ``intervene`` returns another shape.

    Reference: Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework",
    ICLR (2017).
    """
    from sklearn.linear_model import LogisticRegression

    given = _two_factors(pair(codes, factors, rows=8, discrete=discrete))
    draw = np.random.default_rng(rng)
    points, held = _pairs(given, intervene or _table(given, bins), groups, batch, draw)
    x = standardised(points)
    train = np.arange(len(x)) % 2 == 0
    model = LogisticRegression(C=100, max_iter=2000, tol=1e-3).fit(x[train], held[train])
    said = model.predict(x)
    confusion = np.zeros((len(given.varied),) * 2, dtype=np.intp)
    np.add.at(confusion, (held[~train], said[~train]), 1)
    right = said == held
    return Recognised(float(right[~train].mean()), float(right[train].mean()), confusion)


def _pairs(
    given: Pair, intervene: Intervene, groups: int, batch: int, draw: np.random.Generator
) -> tuple[Floats, Ints]:
    points, held = [], []
    for j in range(len(given.varied)):
        count = -(-groups // len(given.varied))
        z = _asked(intervene, given, j, count * batch, 2, draw)
        points.append(np.abs(z[:, 0] - z[:, 1]).reshape(count, batch, -1).mean(axis=1))
        held.append(np.full(count, j))
    order = draw.permutation(sum(map(len, held)))
    return np.concatenate(points)[order], np.concatenate(held)[order]


def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    intervene: Intervene | None = None,
    groups: int = 800,
    batch: int = 16,
    bins: int = 10,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> Recognised:
    r"""The FactorVAE score: the latent that moves least names the factor that is held.

    In each group the latent with the smallest :math:`\mathrm{Var}(z_i \mid \text{held}) / \mathrm{Var}(z_i)` votes for
    the held factor; the majority over half of the groups is judged on the other half. Dead latents, whose ratio would
    be 0/0 and win every vote, are left out.

    Blind to: several factors in one latent, so long as it moves least; several latents for one factor.

    Args, Raises: see `beta_vae_score`; ``groups`` votes in all, of ``batch`` rows each.

    Reference: Kim and Mnih, "Disentangling by factorising", ICML (2018).
    """
    given = _two_factors(pair(codes, factors, rows=8, discrete=discrete))
    draw = np.random.default_rng(rng)
    shape = (2, len(given.dead), len(given.varied))
    votes = np.zeros(shape, dtype=np.intp)
    if len(given.live):
        for j in range(len(given.varied)):
            least = _least_moved(
                given, intervene or _table(given, bins), j, -(-groups // len(given.varied)), batch, draw
            )
            votes[0, :, j] = np.bincount(least[::2], minlength=shape[1])
            votes[1, :, j] = np.bincount(least[1::2], minlength=shape[1])
    said = votes[0].argmax(axis=1)
    right = [v[np.arange(len(said)), said].sum() / max(v.sum(), 1) for v in votes]
    return Recognised(float(right[1]), float(right[0]), votes.sum(axis=0))


def _least_moved(given: Pair, intervene: Intervene, j: int, groups: int, batch: int, draw: np.random.Generator) -> Ints:
    z = _asked(intervene, given, j, groups, batch, draw)[:, :, given.live]
    spread = z.var(axis=1, ddof=1) / given.codes[:, given.live].var(axis=0, ddof=1)
    least: Ints = given.live[spread.argmin(axis=1)]
    return least


class Robustness(NamedTuple):
    """Interventional robustness.

    Args:
        score: mean of ``per_latent`` over the live latents.
        per_latent: (latents,), NaN where dead.
        matching: the factor each latent is most robust for, −1 where dead.
        matrix: 1 − relative deviation, (latents, varied factors).
    """

    score: float
    per_latent: Floats
    matching: Ints
    matrix: Floats


def irs(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    intervene: Intervene | None = None,
    quantile: float = 0.99,
    groups: int = 20,
    size: int = 100,
    bins: int = 10,
    rng: Seed = 0,
    discrete: Discrete = None,
) -> Robustness:
    r"""Interventional robustness score: how little a latent moves while its factor is held and the rest is changed.

    .. math:: \mathrm{IRS}_{ij} = 1 - \frac{\langle q_{0.99} |z_i - \langle z_i \rangle_{θ_j}| \rangle_{θ_j}}
              {q_{0.99} |z_i - \langle z_i \rangle|}

    Both deviations are the same quantile: with the maximum below, as in the literature, independent noise scores 0.33
    and one outlier row brings every code to 1. Latents count the same whatever their unit.

    Blind to: several latents for one factor; missed factors. Depends on the quantile and the size of the groups.

    Args:
        codes, factors, intervene, bins, rng, discrete: see `beta_vae_score`.
        quantile: of the deviations; 1 is the maximum.
        groups, size: with ``intervene``: values a factor is held at, and rows at each.

    Raises:
        DataError: see `pair`; fewer than 8 rows; ``intervene`` returns another shape.

    Reference: Suter, Miladinović, Schölkopf and Bauer, "Robustly disentangled causal mechanisms", ICML (2019).
    """
    given = pair(codes, factors, rows=8, discrete=discrete)
    draw = np.random.default_rng(rng)
    most = np.quantile(np.abs(given.codes - given.codes.mean(axis=0)), quantile, axis=0)
    matrix = np.zeros((len(given.dead), len(given.varied)))
    for j in range(len(given.varied)):
        strata = list(_asked(intervene, given, j, groups, size, draw)) if intervene else _strata(given, j, bins)
        moved = np.mean([np.quantile(np.abs(z - z.mean(axis=0)), quantile, axis=0) for z in strata], axis=0)
        matrix[:, j] = 1 - moved / np.where(most > 0, most, np.inf)
    matrix = np.where(given.dead[:, None], 0.0, np.clip(matrix, 0.0, 1.0))
    per_latent = np.where(given.dead, np.nan, matrix.max(axis=1))
    matching = np.where(given.dead, -1, given.varied[matrix.argmax(axis=1)])
    return Robustness(float(np.nanmean(per_latent)) if len(given.live) else 0.0, per_latent, matching, matrix)


def _strata(given: Pair, j: int, bins: int) -> list[Floats]:
    held = classes(given.factors[:, [j]], given.labels[[j]], bins)[:, 0]
    order = np.argsort(held, kind="stable")
    edges = np.cumsum(np.bincount(held))[:-1]
    return [part for part in np.split(given.codes[order], edges) if len(part) > 1]


def _table(given: Pair, bins: int) -> Intervene:
    """Groups of rows of the table: consecutive ones, round their class, of a class in random order."""
    held = classes(given.factors, given.labels, bins)

    def intervene(factor: int, groups: int, size: int, rng: np.random.Generator) -> Floats:
        column = held[:, np.flatnonzero(given.varied == factor)[0]]
        order = rng.permutation(given.rows)
        order = order[np.argsort(column[order], kind="stable")]
        count = np.bincount(column)
        start = np.cumsum(count) - count
        several = np.flatnonzero(count[column] > 1)
        kind = column[rng.choice(several if len(several) else given.rows, groups)]
        at = rng.integers(0, count[kind])[:, None] + np.arange(size)
        chosen: Floats = given.codes[order[start[kind][:, None] + at % count[kind][:, None]]]
        return chosen

    return intervene


def _asked(intervene: Intervene, given: Pair, j: int, groups: int, size: int, draw: np.random.Generator) -> Floats:
    factor = int(given.varied[j])
    z = np.asarray(intervene(factor, groups, size, draw))
    wanted = (groups, size, len(given.dead))
    if z.shape != wanted:
        raise DataError(f"intervene returned shape {z.shape} for factor {factor}: (groups, size, latents) is {wanted}")
    return columns(z.reshape(-1, wanted[2]), "codes of the intervention").astype(np.float64).reshape(wanted)


def _two_factors(given: Pair) -> Pair:
    if len(given.varied) < 2:
        raise DataError("only one factor varies: there is nothing to tell it from")
    return given
