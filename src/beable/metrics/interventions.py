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

from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import Discrete, Floats, Ints, Pair, Seed, columns, few_classes, pair, standardised

Intervene = Callable[[int, int, int, np.random.Generator], ArrayLike]
Grouped = Callable[[int, int, int], Floats]


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
    points, held = _pairs(_grouped(given, intervene, bins, draw), len(given.varied), groups, batch)
    order = draw.permutation(len(held))
    points, held = points[order], held[order]
    x = standardised(points)
    train = np.arange(len(x)) % 2 == 0
    model = LogisticRegression(C=100, max_iter=2000, tol=1e-3).fit(x[train], held[train])
    said = model.predict(x)
    confusion = np.zeros((len(given.varied),) * 2, dtype=np.intp)
    np.add.at(confusion, (held[~train], said[~train]), 1)
    right = said == held
    return Recognised(float(right[~train].mean()), float(right[train].mean()), confusion)


def _pairs(grouped: Grouped, factors: int, groups: int, batch: int) -> tuple[Floats, Ints]:
    count = -(-groups // factors)
    pairs = [grouped(j, count * batch, 2) for j in range(factors)]
    points = [np.abs(z[:, 0] - z[:, 1]).reshape(count, batch, -1).mean(axis=1) for z in pairs]
    return np.concatenate(points), np.repeat(np.arange(factors), count)


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
    grouped = _grouped(given, intervene, bins, draw)
    count, latents = max(-(-groups // len(given.varied)), 2), len(given.dead)
    votes = np.zeros((2, latents, len(given.varied)), dtype=np.intp)
    for j in range(len(given.varied) if len(given.live) else 0):
        least = _least_moved(grouped(j, count, batch), given)
        votes[:, :, j] = [np.bincount(least[half::2], minlength=latents) for half in (0, 1)]
    said = votes[0].argmax(axis=1)
    right = [v[np.arange(latents), said].sum() / max(v.sum(), 1) for v in votes]
    return Recognised(float(right[1]), float(right[0]), votes.sum(axis=0))


def _least_moved(z: Floats, given: Pair) -> Ints:
    """The live latent with the smallest relative variance in each group."""
    own = _ranks(given.codes, given.codes)[:, given.live].var(axis=0)
    least: Ints = given.live[(z[:, :, given.live].var(axis=1) / own).argmin(axis=1)]
    return least


@readable
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
    grouped = _grouped(given, intervene, bins, draw)
    z = _ranks(given.codes, given.codes)
    most = _deviation(z, quantile)
    matrix = np.zeros((len(given.dead), len(given.varied)))
    for j in range(len(given.varied)):
        strata = _strata(z, given, j, bins) if intervene is None else list(grouped(j, groups, size))
        moved = np.mean([_deviation(part, quantile) for part in strata], axis=0)
        matrix[:, j] = 1 - moved / np.where(most > 0, most, np.inf)
    matrix = np.where(given.dead[:, None], 0.0, np.clip(matrix, 0.0, 1.0))
    per_latent = np.where(given.dead, np.nan, matrix.max(axis=1))
    matching = np.where(given.dead, -1, given.varied[matrix.argmax(axis=1)])
    return Robustness(float(np.nanmean(per_latent)) if len(given.live) else 0.0, per_latent, matching, matrix)


def _deviation(z: Floats, quantile: float) -> Floats:
    deviation: Floats = np.quantile(np.abs(z - z.mean(axis=0)), quantile, axis=0)
    return deviation


def _strata(z: Floats, given: Pair, j: int, bins: int) -> list[Floats]:
    held = few_classes(given.factors[:, [j]], given.labels[[j]], bins)[:, 0]
    edges = np.cumsum(np.bincount(held))[:-1]
    parts = np.split(z[np.argsort(held, kind="stable")], edges)
    return [part for part in parts if len(part) > 1] or parts


def _grouped(given: Pair, intervene: Intervene | None, bins: int, draw: np.random.Generator) -> Grouped:
    """Groups by number of a varied factor, their latents as ranks in the table."""
    held = few_classes(given.factors, given.labels, bins)

    def grouped(j: int, groups: int, size: int) -> Floats:
        if intervene is None:
            z = given.codes[_rows_held(held[:, j], groups, size, draw)]
        else:
            z = _asked(intervene, given, j, groups, size, draw)
        return _ranks(given.codes, z)

    return grouped


def _ranks(table: Floats, z: Floats) -> Floats:
    """Share of the table's values below each latent, ties counting half, (..., latents)."""
    ordered = zip(np.sort(table, axis=0).T, z.T, strict=True)
    both = [[np.searchsorted(column, c, side) for side in ("left", "right")] for column, c in ordered]
    ranks: Floats = np.mean(both, axis=1).T / len(table)
    return ranks


def _rows_held(labels: Ints, groups: int, size: int, draw: np.random.Generator) -> Ints:
    """Rows of one class, (groups, size): consecutive ones, round their class, in a random order of it."""
    order = draw.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    count = np.bincount(labels)
    start = np.cumsum(count) - count
    several = np.flatnonzero(count[labels] > 1)
    kind = labels[draw.choice(several if len(several) else len(labels), groups)]
    at = draw.integers(0, count[kind])[:, None] + np.arange(size)
    rows: Ints = order[start[kind][:, None] + at % count[kind][:, None]]
    return rows


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
