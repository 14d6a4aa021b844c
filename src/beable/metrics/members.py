r"""Do members of an ensemble find the same latents? No factors needed.

R_ij is the similarity of latent i of one member with latent j of another. If each finds the same latents, up to order
and sign, R is a permutation matrix.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from beable.console.records import readable
from beable.errors import DataError, unknown
from beable.metrics.columns import Floats, columns, constant, pair, standardised


@readable
class Ranking(NamedTuple):
    """Unsupervised disentanglement ranking.

    Args:
        score: median of ``per_member``.
        per_member: median over the other members, (members,).
        pairwise: (members, members), NaN on the diagonal.
    """

    score: float
    per_member: Floats
    pairwise: Floats


def udr(
    members: Sequence[ArrayLike],
    *,
    similarity: str = "lasso",
    rates: Sequence[ArrayLike] | None = None,
    threshold: float = 0.01,
) -> Ranking:
    r"""Unsupervised disentanglement ranking: how one-to-one the latents of members are.

    .. math:: \mathrm{UDR} = \frac12 \Big( \Big\langle \frac{\max_i R_{ij}^2}{\sum_i R_{ij}} \Big\rangle_j
              + \Big\langle \frac{\max_j R_{ij}^2}{\sum_j R_{ij}} \Big\rangle_i \Big)

    Perfect agreement is 1 by "spearman" but 1 − α = 0.9 by "lasso", which shrinks. Members that agree need not be
    right: a bias of the architecture that all share is agreement too.

    Blind to: factors; agreement that is not monotone.

    Args:
        members: codes of the same rows by every member, each (rows, latents).
        similarity: key of `SIMILARITIES`.
        rates: KL divergence of each latent in nats, (members, latents); latents at or below ``threshold`` are left
            out. None: only dead latents are. A pair of which one has none left scores 0.
        threshold: in nats.

    Raises:
        DataError: fewer than two members, unequal rows, NaN, shapes.

    Reference: Duan et al., "Unsupervised model selection for variational disentangled representation learning",
    ICLR (2020).

    >>> z = np.random.default_rng(0).uniform(size=(1000, 3))
    >>> round(udr([z, -z[:, ::-1]]).score, 3)
    0.9
    """
    if similarity not in SIMILARITIES:
        raise unknown("similarity", similarity, SIMILARITIES)
    codes = _live([columns(z, f"codes of member {i}") for i, z in enumerate(members)], rates, threshold)
    n = len(codes)
    pairwise = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(n):
            if i != j:
                pairwise[i, j] = relative_strength(SIMILARITIES[similarity](codes[i], codes[j]))
    per_member = np.nanmedian(pairwise, axis=1)
    return Ranking(float(np.median(per_member)), per_member, pairwise)


def agreement_of(codes: ArrayLike, others: ArrayLike, *, similarity: str = "lasso") -> Ranking:
    """`udr` of two: of codes with those of another member, or with the factors themselves."""
    pair(codes, others)
    return udr([codes, others], similarity=similarity)


def relative_strength(similarity: ArrayLike) -> float:
    """How near a matrix of similarities is to a permutation matrix; 0 for zeros.

    >>> round(relative_strength([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), 3)
    0.667
    """
    r = np.abs(np.asarray(similarity, dtype=np.float64))
    return float((_strength(r) + _strength(r.T)) / 2) if r.size else 0.0


def _strength(r: Floats) -> float:
    total = r.sum(axis=1)
    return float(np.mean(np.square(r.max(axis=1)) / np.where(total > 0, total, 1.0)))


def _live(codes: list[np.ndarray], rates: Sequence[ArrayLike] | None, threshold: float) -> list[Floats]:
    if len(codes) < 2:
        raise DataError(f"{len(codes)} member: agreement needs at least two")
    if len({len(z) for z in codes}) > 1:
        raise DataError(f"members have {[len(z) for z in codes]} rows: they must be codes of the same snapshots")
    known = [np.full(z.shape[1], np.inf) for z in codes] if rates is None else [np.asarray(r) for r in rates]
    if [r.shape for r in known] != [(z.shape[1],) for z in codes]:
        raise DataError("rates must hold one number for each latent of each member")
    return [z[:, ~constant(z) & (r > threshold)].astype(np.float64) for z, r in zip(codes, known, strict=True)]


def _spearman(a: Floats, b: Floats) -> Floats:
    if not a.shape[1] or not b.shape[1]:
        return np.zeros((a.shape[1], b.shape[1]))
    ranks = [standardised(scipy.stats.rankdata(x, axis=0)) for x in (a, b)]
    similarity: Floats = np.abs(ranks[0].T @ ranks[1]) / len(a)
    return similarity


def _lasso(a: Floats, b: Floats) -> Floats:
    from sklearn.linear_model import Lasso

    if not a.shape[1] or not b.shape[1]:
        return np.zeros((a.shape[1], b.shape[1]))
    fitted = Lasso(alpha=0.1).fit(standardised(a), standardised(b))
    weights: Floats = np.abs(np.atleast_2d(fitted.coef_)).T
    return weights


SIMILARITIES: dict[str, Callable[[Floats, Floats], Floats]] = {"lasso": _lasso, "spearman": _spearman}
