r"""Are held-out rows strangers to the training rows, or near copies of them?

Frames of a trajectory, snapshots of a run and repeated measurements are related. If relatives of held-out rows are
trained on, errors on held-out rows say how well the model interpolates between them, and not what it knows of a new
trajectory. Two relations can be seen without being told: rows that stand next to each other in the data set, and rows
whose factors all have the same values.

For each held-out row, with :math:`d(A)` its distance to the nearest training row outside the set A in code space,

.. math:: d(\text{relatives}) \quad\text{and}\quad d(\text{as many rows that are none})

are compared. Where rows are independent, the two are exchangeable, whatever the law of the rows: a sign test asks
whether the first is the larger one too often, and only where its median is ``ALIKE`` times that of the second, too, the
rows are said to be no strangers. A relation that neither order nor factors show cannot be seen.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from beable.console.numbers import number
from beable.console.records import readable
from beable.records import plain
from beable.representations.representation import Coded
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ALIKE = 1.5
CHANCE = 1e-3
FEWEST_HELD, FEWEST_TRAINED = 10, 16
NEXT = 0.25  # share of the training rows that counts as next to a row in order
MOST_HELD, MOST_TRAINED, MOST_NUMBERS = 256, 8192, 4_000_000  # limits of the cost
FEWEST_SETTINGS = 10  # of the factors: rows of fewer are classes, alike because of them and not of a common origin
FEWEST_EQUAL = 0.2  # share of held-out rows that must have relatives of equal factors


@readable
class Relation(NamedTuple):
    """One kind of relatives.

    Args:
        name: which rows count as relatives.
        related: median distance of held-out rows to the nearest training row that is no relative.
        others: the same where as many rows that are no relatives are left out instead.
        chance: probability of so many held-out rows with the first larger than the second, were rows independent.
    """

    name: str
    related: float
    others: float
    chance: float

    @property
    def alike(self) -> bool:
        """Whether relatives are nearer than rows at large, beyond chance and by much."""
        return self.chance < CHANCE and self.related > ALIKE * self.others


@readable
class Strangers(NamedTuple):
    """Whether held-out rows are strangers.

    Args:
        verdict: yes, no or cannot be told.
        nearest: median distance of held-out rows to the nearest training row, in the code's units; None where not
            measured.
        relations: what was compared.
    """

    verdict: Verdict
    nearest: float | None
    relations: tuple[Relation, ...]

    def as_json(self) -> dict[str, Any]:
        """Verdict and numbers, ready for JSON."""
        relations = [plain(r._asdict()) for r in self.relations]
        return {"verdict": self.verdict.as_json(), "nearest": self.nearest, "relations": relations}


def strangers(
    train: Coded,
    held: Coded,
    train_rows: Integers,
    held_rows: Integers,
    factors: FloatArray | None = None,
) -> Strangers:
    """Judge held-out rows by their nearest training rows in code space.

    Args:
        train, held: coded rows, (rows, ...); evenly spaced ones of many.
        train_rows, held_rows: their places in the order of the data set, ascending.
        factors: values of the factors of all rows of the data set, (rows, factors); None or no column for none.

    >>> rng, place = np.random.default_rng(0), np.arange(200)
    >>> walk = np.repeat(rng.normal(size=(10, 6)), 20, 0) + 0.01 * rng.normal(size=(200, 6))
    >>> coded, odd = Coded(walk, np.zeros((200, 1))), place % 4 == 0
    >>> parts = [Coded(walk[part], np.zeros((part.sum(), 1))) for part in (~odd, odd)]
    >>> strangers(*parts, place[~odd], place[odd]).verdict.word
    'no'
    """
    if len(held_rows) < FEWEST_HELD or len(train_rows) < FEWEST_TRAINED:
        reason = (
            f"{len(held_rows)} held-out and {len(train_rows)} training rows: at least {FEWEST_HELD} and "
            f"{FEWEST_TRAINED} are needed"
        )
        return Strangers(Verdict(None, reason), None, ())
    x, y = _flat(train), _flat(held)
    of_train, of_held = _spaced(len(x), min(MOST_TRAINED, MOST_NUMBERS // x.shape[1])), _spaced(len(y), MOST_HELD)
    distance = _distances(y[of_held], x[of_train])
    at, there = held_rows[of_held], train_rows[of_train]
    relations = [_by_order(distance, at, there)]
    if factors is not None and factors.shape[1]:
        relations += _by_factors(distance, factors[at], factors[there])
    return _judged(float(np.median(distance.min(1))), relations)


def _judged(nearest: float, relations: list[Relation]) -> Strangers:
    worst = max(relations, key=lambda r: (r.alike, r.related / r.others if r.others > 0 else np.inf))
    distances = (
        f"the nearest training row lies at {number(nearest)} (median), at {number(worst.related)} without "
        f"{worst.name} and at {number(worst.others)} without as many others"
    )
    return Strangers(Verdict(not worst.alike, distances), nearest, tuple(relations))


def _flat(coded: Coded) -> Floats:
    return coded.values.reshape(len(coded.values), -1).astype(np.float64)


def _spaced(rows: int, limit: int) -> Integers:
    """Evenly spaced numbers of rows, at most so many."""
    count = max(1, min(rows, limit))
    return np.arange(count) * rows // count


def _distances(a: Floats, b: Floats) -> Floats:
    """Distances between rows, (rows of a, rows of b)."""
    centre = b.mean(0)
    size = max(float(np.abs(b - centre).max()), float(np.abs(a - centre).max())) or 1.0
    a, b = (a - centre) / size, (b - centre) / size
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    answer: Floats = np.sqrt(np.maximum(squares, 0)) * size
    return answer


def _by_order(distance: Floats, at: Integers, there: Integers) -> Relation:
    """Rows next to each other against rows next to a place half of the data set away."""
    count = max(1, int(NEXT * len(there)))
    whole = max(int(at.max()), int(there.max())) + 1
    own, other = (_nearest_places(place, there, count) for place in (at, (at + whole // 2) % whole))
    return _relation("the quarter of the rows next to it in the data set", distance, own, other)


def _nearest_places(at: Integers, there: Integers, count: int) -> Flags:
    """Which of some places are the nearest ones to each of some others, (at, there)."""
    gap = np.abs(at[:, None] - there)
    flags = np.zeros(gap.shape, bool)
    np.put_along_axis(flags, np.argpartition(gap, count - 1, axis=1)[:, :count], True, axis=1)
    return flags


def _by_factors(distance: Floats, at: FloatArray, there: FloatArray) -> list[Relation]:
    """Rows with the same values of all factors against rows with those of another held-out row, where there are any."""
    _, number_of = np.unique(np.concatenate([at, there]), axis=0, return_inverse=True)
    label, labels = number_of.ravel()[: len(at)], number_of.ravel()[len(at) :]
    own = label[:, None] == labels
    related = own.any(1) & ~own.all(1)
    if number_of.max() + 1 < FEWEST_SETTINGS or related.sum() < max(FEWEST_HELD, FEWEST_EQUAL * len(at)):
        return []
    other = _another(label)[:, None] == labels
    return [_relation("rows with the same values of the factors", distance[related], own[related], other[related])]


def _another(label: Integers) -> Integers:
    """A label for each row that is another one than its own, of groups of about the same size."""
    kinds, counts = np.unique(label, return_counts=True)
    order = kinds[np.argsort(counts, kind="stable")]
    following = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    return np.array([following[one] for one in label.tolist()])


def _relation(name: str, distance: Floats, own: Flags, other: Flags) -> Relation:
    without_own, without_other = (np.where(left_out, np.inf, distance).min(1) for left_out in (own, other))
    more, less = int((without_own > without_other).sum()), int((without_own < without_other).sum())
    chance = float(bdtrc(more - 1, more + less, 0.5)) if more + less else 1.0
    return Relation(name, float(np.median(without_own)), float(np.median(without_other)), chance)
