r"""What do trainings agree on? No factors are needed.

Latents of different members are the same where the rank correlation of their codes, in size, reaches ``SAME``: up to
sign, order and monotone bending. Members of one start agree because of the start, so only pairs whose starts differ
are compared; random weights differ from each other too.

Members that span the same plane of d dimensions, turned at random, still match by chance. A latent finds its twin in
such a member with

.. math:: P = d\, P(u_1^2 \ge τ^2), \qquad u_1^2 \sim \mathrm{Beta}(\tfrac12, \tfrac{d-1}{2})

for τ² ≥ 1/2, u being uniform on the sphere: 0.40 for two dimensions and 0.15 for three at τ = 0.95. How many members
found a latent is held against that. What is shared where axes are not is the *plane*: the number of canonical
correlations of two members' codes that reach ``PLANE``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import Floats, Ints, constant, normal_scores
from beable.records import fields, plain
from beable.verdicts import Verdict

SAME, PLANE = 0.95, 0.9
LEVEL = 0.05
FEWEST_ROWS = 20
REMEDY = 'train from different starts: training.start = "mixed", or beable agree RUN STORE'

Bools = NDArray[np.bool_]


class Shared(NamedTuple):
    """A latent, and how many members found it.

    Args:
        member, latent: the one that most others match.
        found: how many members of other starts found it.
        compared: of how many.
        low, high: 95 % interval of the share that finds it (Clopper and Pearson).
        chance: the share that finds it where axes are turned at random.
        p: probability of so many by chance, any latent of any member being asked.
        matches: latent of each member that matches, −1 where none does, (members,).
    """

    member: int
    latent: int
    found: int
    compared: int
    low: float
    high: float
    chance: float
    p: float
    matches: Ints

    @property
    def agreed(self) -> Verdict:
        """Whether most trainings find it, and not by chance."""
        words = (
            f"found by {self.found} of {self.compared} members of other starts ({self.low:.0%} to {self.high:.0%}), "
            f"by chance {self.chance:.0%}"
        )
        if self.p < LEVEL and 2 * self.found >= self.compared:
            return Verdict(True, words)
        return Verdict(False if self.high < max(0.5, self.chance) or self._like_chance else None, words)

    @property
    def _like_chance(self) -> bool:
        """Whether members enough were compared, and no more found it than chance gives."""
        return self.chance**self.compared < LEVEL / 10 and 2 * self.found < self.compared


@readable
class Agreement(NamedTuple):
    """What the members of an ensemble agree on.

    Args:
        axes: whether they agree on latents one by one.
        plane: whether they agree on what the latents span together.
        supported: whether the data support fewer latents than were trained; the reason says how many.
        dimensions: how many dimensions are shared, median over pairs of members.
        dimensions_range: 5 % and 95 % quantile of that over pairs.
        shared: latents, those that most members found first.
        starts: of the members.
        active: which latents were compared, (members, latents).
        found: how many members of other starts found each latent, (members, latents).
        compared: of how many, (members).
        chance: share that finds each latent by chance, (members, latents).
    """

    axes: Verdict
    plane: Verdict
    supported: Verdict
    dimensions: float
    dimensions_range: tuple[float, float]
    shared: list[Shared]
    starts: list[str]
    active: Bools
    found: Ints
    compared: Ints
    chance: Floats

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        shared = [fields(s) | {"agreed": s.agreed.as_json()} for s in self.shared]
        verdicts = {name: getattr(self, name).as_json() for name in ("axes", "plane", "supported")}
        return dict(plain(fields(self) | verdicts | {"shared": shared}))


def chance_of_match(dimensions: int, same: float = SAME) -> float:
    """Probability that a latent finds its twin in a plane turned at random.

    Args:
        dimensions: d, of the plane.
        same: τ, correlation from which two latents are the same, at least 1/√2.

    >>> [round(chance_of_match(d), 2) for d in (1, 2, 3)]
    [1.0, 0.4, 0.15]
    """
    if dimensions < 2:
        return 1.0
    return float(min(1.0, dimensions * scipy.stats.beta.sf(same**2, 0.5, (dimensions - 1) / 2)))


def agreement(codes: Sequence[ArrayLike], starts: Sequence[str], *, active: ArrayLike | None = None) -> Agreement:
    """What members agree on, compared across different starts.

    Args:
        codes: z of the same rows by each member, each (rows, latents), of one shape.
        starts: where each member's training began, "random" where its first weights are its own.
        active: which latents count, (members, latents); those that vary by default.

    Raises:
        DataError: fewer than 2 members or 20 rows, shapes, NaN.

    >>> z = np.random.default_rng(0).uniform(size=(200, 2))
    >>> found = agreement([z, z[:, ::-1] ** 3, -z] * 3, ["ica", "pca", "random"] * 3)
    >>> found.axes.word, found.dimensions, [(s.found, s.compared) for s in found.shared]
    ('yes', 2.0, [(8, 8), (8, 8)])
    >>> print(agreement([z, z], ["ica", "ica"]).axes)  # doctest: +ELLIPSIS
    cannot be told: all 2 members share the start 'ica': ...
    """
    z, alive = _checked(codes, starts, active)
    compare = _comparable(starts)
    ranks = _scored(z)
    matches = _matches(ranks, alive)
    found = ((matches >= 0) & compare[:, None, :]).sum(2)
    compared = compare.sum(1)
    span = _spans(z, alive)
    chance = _chance(alive, span)
    pairs = span[np.triu(compare, 1)].astype(float)
    shared = _shared(matches, alive, compare, chance)
    dimensions = float(np.median(pairs)) if len(pairs) else float("nan")
    quantiles = np.quantile(pairs, [LEVEL, 1 - LEVEL]) if len(pairs) else np.full(2, np.nan)
    reach = (float(quantiles[0]), float(quantiles[1]))
    told = _told(starts, compare)
    plane = told or _plane(span, alive, compare)
    return Agreement(
        told or _axes(shared, dimensions, plane, float((found / compared.clip(1)[:, None])[alive].mean())),
        plane,
        told or _supported(z.shape[2], alive, dimensions, reach),
        dimensions,
        reach,
        shared,
        list(starts),
        alive,
        found,
        compared,
        chance,
    )


def _checked(codes: Sequence[ArrayLike], starts: Sequence[str], active: ArrayLike | None) -> tuple[Floats, Bools]:
    each = [np.asarray(z, dtype=np.float64) for z in codes]
    shapes = sorted({z.shape for z in each})
    if len(each) < 2 or len(shapes) > 1 or len(shapes[0]) != 2:
        raise DataError(f"codes (rows, latents) of at least 2 members are needed, all of one shape, got {shapes}")
    if len(starts) != len(each):
        raise DataError(f"{len(starts)} starts for {len(each)} members: give one for each")
    z = np.stack(each)
    if z.shape[1] < FEWEST_ROWS or not np.isfinite(z).all():
        raise DataError(f"at least {FEWEST_ROWS} rows of finite codes are needed, got {z.shape[1]} rows")
    alive = np.stack([~constant(member) for member in z])
    if active is not None:
        alive &= np.asarray(active, bool)
    return z, alive


def _comparable(starts: Sequence[str]) -> Bools:
    """Which pairs of members owe nothing to a common start, (members, members)."""
    names = np.asarray(starts)
    differ: Bools = (names[:, None] != names) | (names[:, None] == "random")
    np.fill_diagonal(differ, False)
    return differ


def _scored(z: Floats) -> Floats:
    """Ranks of every latent, centred and of unit length, (members, rows, latents)."""
    ranks = scipy.stats.rankdata(z, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    scored: Floats = ranks / np.where(length > 0, length, 1.0)
    return scored


def _matches(ranks: Floats, alive: Bools) -> Ints:
    """The latent of member b that is the same as latent i of member a, −1 where none is, [a, i, b]."""
    members, _, latents = ranks.shape
    answer = np.full((members, latents, members), -1)
    for a in range(members):
        for b in range(members):
            size = np.abs(ranks[a].T @ ranks[b]) * np.outer(alive[a], alive[b])
            rows, columns = scipy.optimize.linear_sum_assignment(size, maximize=True)
            same = size[rows, columns] >= SAME
            answer[a, rows[same], b] = columns[same]
    return answer


def _spans(z: Floats, alive: Bools) -> Ints:
    """How many dimensions each pair of members shares, (members, members), of codes as they are or of their ranks.

    Ranks forgive bent latents; codes as they are forgive turned ones whose factors are not normal.
    """
    each = [codes[:, kept] for codes, kept in zip(z, alive, strict=True)]
    straight, scored = [_basis(codes) for codes in each], [_basis(normal_scores(codes)) for codes in each]
    spans = [[[_common(a, b) for b in bases] for a in bases] for bases in (straight, scored)]
    return np.asarray(np.array(spans).max(0))


def _basis(codes: Floats) -> Floats:
    u, s, _ = np.linalg.svd(codes - codes.mean(0), full_matrices=False)
    basis: Floats = u[:, s > 1e-6 * s.max(initial=0.0)]
    return basis


def _common(a: Floats, b: Floats) -> int:
    if not a.shape[1] or not b.shape[1]:
        return 0
    return int((np.linalg.svd(a.T @ b, compute_uv=False) >= PLANE).sum())


def _chance(alive: Bools, span: Ints) -> Floats:
    """Share of members that find a latent of each member by chance, (members, latents)."""
    each = np.array([chance_of_match(int(np.median(row))) for row in span])
    return np.where(alive, each[:, None], np.nan)


def _shared(matches: Ints, alive: Bools, compare: Bools, chance: Floats) -> list[Shared]:
    """Latents of all members put together, the one that most others match first."""
    left, answer = alive.copy(), []
    asked = max(int(alive.sum()), 1)
    while left.any():
        support = np.where(left, ((matches >= 0) & compare[:, None, :] & _free(matches, left)).sum(2), -1)
        member, latent = (int(n) for n in np.unravel_index(int(support.argmax()), support.shape))
        own = np.where(_free(matches, left)[member, latent], matches[member, latent], -1)
        answer.append(_counted(member, latent, int(support.max()), int(compare[member].sum()), chance, asked, own))
        for b in np.flatnonzero(own >= 0):
            left[b, own[b]] = False
        left[member, latent] = False
        if len(answer) == alive.sum(1).max():
            break
    return answer


def _free(matches: Ints, left: Bools) -> Bools:
    """Which matches are with latents that are not yet put together, (members, latents, members)."""
    members = np.arange(len(left))
    return left[members, np.maximum(matches, 0)] & (matches >= 0)


def _counted(member: int, latent: int, found: int, compared: int, chance: Floats, asked: int, matches: Ints) -> Shared:
    by_chance = float(chance[member, latent])
    p = min(1.0, asked * float(scipy.stats.binom.sf(found - 1, compared, by_chance))) if compared else 1.0
    low, high = 0.0, 1.0
    if compared:
        interval = scipy.stats.binomtest(found, compared).proportion_ci(method="exact")
        low, high = float(interval.low), float(interval.high)
    return Shared(member, latent, found, compared, low, high, by_chance, p, matches)


def _told(starts: Sequence[str], compare: Bools) -> Verdict | None:
    """Why nothing can be told; None where something may be."""
    if compare.any():
        return None
    return Verdict(None, f"all {len(starts)} members share the start {starts[0]!r}: {REMEDY}")


def _plane(span: Ints, alive: Bools, compare: Bools) -> Verdict:
    """Whether pairs of members span the same."""
    sizes = alive.sum(1)
    smaller = np.minimum(sizes[:, None], sizes)
    pairs = np.triu(compare, 1)
    whole = ((span == smaller) & (smaller > 0))[pairs]
    words = f"{whole.sum()} of {len(whole)} pairs of different starts span the same"
    if not sizes.any():
        return Verdict(None, "no latent is active")
    if whole.mean() >= 0.8:
        return Verdict(True, words)
    return Verdict(False if whole.mean() <= 0.5 else None, words)


def _axes(shared: Sequence[Shared], dimensions: float, plane: Verdict, share: float) -> Verdict:
    """Whether every shared dimension has an axis that most trainings find; no where not half of all pairs match."""
    wanted = round(dimensions)
    if wanted == 0:
        return Verdict(False, "members share nothing")
    if wanted == 1:
        return Verdict(None, "one dimension is shared, which has no axes to be told apart")
    first = [s.agreed for s in shared[:wanted]]
    agreed = sum(v.answer is True for v in first)
    beside = "; the plane is shared" if plane.answer and agreed < wanted else ""
    words = f"{agreed} of {wanted} shared dimensions have an axis that most trainings find: {first[0].reason}{beside}"
    if agreed == wanted:
        return Verdict(True, words)
    return Verdict(False if share < 0.5 or any(v.answer is False for v in first) else None, words)


def _supported(latents: int, alive: Bools, dimensions: float, reach: tuple[float, float]) -> Verdict:
    """Whether the data support fewer latents than were trained."""
    counts = alive.sum(1)
    span = f"{dimensions:g} ({reach[0]:g} to {reach[1]:g} over pairs of members)"
    words = f"trainings share {span} of {latents} latents; {counts.min()} to {counts.max()} are active"
    if reach[1] < latents:
        return Verdict(True, words)
    if reach[0] >= latents:
        return Verdict(None, f"{words}: all are used, more may be there: train with more latents")
    return Verdict(None, words)
