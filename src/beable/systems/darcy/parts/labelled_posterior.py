"""The aggregate posterior of a training with few labels against the law of the factors (figure 27)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from beable.console.numbers import number
from beable.metrics.separation import separation
from beable.records import fields, plain
from beable.streams import generator
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.training.data import read

Floats = NDArray[np.float64]
NEIGHBOURS = 5
SHUFFLES = 200
HALF_GAP = 0.5  # of the gap between the peaks at ±1 that is nearly empty: two of their deviations short of each


@dataclass(frozen=True)
class LabelledPosterior:
    """Members with a little over one percent of labels.

    Args:
        labelled: labelled rows of each.
        training_rows: rows that they learned from.
        angle: of each off the factors, degrees; 90 where none is found.
        shown: which of them is shown, the one of median angle.
        codes: a draw of its posterior of each held-out row in units of the factors, (rows, names).
        factors: of the training rows, which are other rows, (rows, names).
        prior: draws of its prior, (rows, names).
        share: neighbours of the pooled codes and factors that are of their own kind.
        p: share of shuffled pools in which they are as many, or more.
        gap: share of the codes inside a gap of the factors' law.
        factor_gap: the same of the factors.
    """

    labelled: int
    training_rows: int
    angle: Floats
    shown: int
    codes: Floats
    factors: Floats
    prior: Floats
    share: float
    p: float
    gap: float
    factor_gap: float

    def as_json(self) -> dict[str, Any]:
        """Every number but the points."""
        points = ("codes", "factors", "prior")
        return dict(plain({name: value for name, value in fields(self).items() if name not in points}))

    @property
    def gap_interval(self) -> tuple[float, float]:
        """95 % interval of the share of codes in the gap, after Clopper and Pearson."""
        rows = len(self.codes)
        reach = scipy.stats.binomtest(round(self.gap * rows), rows).proportion_ci()
        return float(reach.low), float(reach.high)

    @property
    def claims(self) -> list[Claim]:
        """What the source says of figure 27."""
        low, high = self.gap_interval
        kept = low <= self.factor_gap <= high
        verdict = REPRODUCED if self.p > 0.05 and kept else DIFFERS if self.p < 0.01 or self.gap > 0.5 else UNTOLD
        why = (
            f"codes and factors are told apart by their {NEIGHBOURS} neighbours with p = {number(self.p)}; "
            f"{100 * self.gap:.1f} % of the codes lie in the gaps, of the factors {100 * self.factor_gap:.1f} %"
        )
        said = "with just over 1 % of labels the aggregate posterior matches the law of the factors, gaps included"
        ours = f"{100 * self.gap:.1f} % in the gaps"
        return [Claim("27", f"{said} (figure 27)", "matches", ours, self.gap_interval, verdict, why)]


def own_neighbours(one: Floats, other: Floats) -> float:
    """Share of the nearest neighbours in a pool of two samples that are of a point's own sample.

    One half where the laws are the same and the samples equally large, one where they do not overlap.

    Source: M. F. Schilling, Multivariate two-sample tests based on nearest neighbors, J. Am. Stat. Assoc. 81 (1986).

    >>> rng = np.random.default_rng(0)
    >>> one, same = rng.normal(size=(2, 400, 2))
    >>> abs(own_neighbours(one, same) - 0.5) < 0.05, own_neighbours(one, same + 20)
    (True, 1.0)
    """
    nearest, kind = _pooled(one, other)
    return float((kind[nearest] == kind[:, None]).mean())


def _pooled(one: Floats, other: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pool, kind = np.concatenate([one, other]), np.repeat([0, 1], [len(one), len(other)])
    nearest = cKDTree(pool).query(pool, NEIGHBOURS + 1)[1][:, 1:]
    return np.asarray(nearest, np.int64), kind


def probability_by_luck(one: Floats, other: Floats, rng: np.random.Generator) -> float:
    """Share of shuffles of the pool in which a point's own sample has as many of its neighbours."""
    nearest, kind = _pooled(one, other)
    found = (kind[nearest] == kind[:, None]).mean()
    shuffled = [rng.permutation(kind) for _ in range(SHUFFLES)]
    as_many = sum(bool((k[nearest] == k[:, None]).mean() >= found) for k in shuffled)
    return (as_many + 1) / (SHUFFLES + 1)


def in_a_gap(theta: Floats) -> float:
    """Share of rows with a factor between the two peaks."""
    return float((np.abs(theta) < HALF_GAP).any(axis=1).mean())


def labelled_posterior(context: Context) -> LabelledPosterior:
    """The members with so many labels as the option says, one of them in full."""
    arm, wanted = context.arm("trained"), context.option("number")
    run, store = context.run(arm), context.data_of(arm)
    given = run.labels
    if given is None or wanted not in given.number:
        raise ValueError(f"no member of arm {arm.name} has {wanted} labels")
    members = [k for k, own in enumerate(given.number) if own == wanted]
    codes = run.encode(read(store, run.variables, run.held_rows, run.conditions))
    truth = store.factor_values[run.held_rows]
    angles = np.array([np.nan_to_num(separation(codes.mean[k], truth).angle, nan=90.0) for k in members])
    shown = members[int(np.argsort(angles)[len(angles) // 2])]
    rng = generator(0, "evaluation", shown)
    z = codes.mean + codes.std * rng.normal(size=codes.mean.shape)
    drawn = given.in_own_unit(z, codes.std)[0][shown]
    prior = given.in_own_unit(run.sample(len(drawn)), codes.std)[0][shown]
    others = np.asarray(store.factor_values[run.train_rows], np.float64)
    return LabelledPosterior(
        wanted,
        len(run.train_rows),
        angles,
        shown,
        drawn,
        others,
        prior,
        own_neighbours(drawn, others),
        probability_by_luck(drawn, others, rng),
        in_a_gap(drawn),
        in_a_gap(others),
    )
