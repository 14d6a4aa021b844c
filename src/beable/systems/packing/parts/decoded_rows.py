"""What rows that an earlier auto-encoder made do in a training table: arms with them against arms without.

Arms are judged on the same designed rows, which none of them learned from. Decoded rows lie near a curve of few
dimensions, so a model spends little on them, and any score over all rows flatters it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from beable.analysis.collapse import spread_of_thresholds
from beable.datasets.store import Store
from beable.errors import DataError
from beable.metrics.agreement import parity
from beable.records import fields, plain
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.parts.ensembles import Judged, decoded, drawn, judged, members_of
from beable.systems.packing.parts.oracles import surrogate
from beable.systems.packing.parts.rows import Floats, Snapshots, inputs, read_rows, some, target
from beable.training.run import Run
from beable.verdicts import Verdict

DECODED = "decoded"
SIGNIFICANT = 0.05


class DecodedRows(NamedTuple):
    """The decoded rows themselves.

    Args:
        rows: how many.
        share: of the table.
        variances: share of variance of each principal component of their scaled columns, (columns).
        designed_variances: the same of designed rows, (columns).
        lowest_sum, highest_sum: of mass fractions.
        repeats: rows with the commonest nine inputs.
        surrogate_r2: of a surrogate of their packing fraction from their inputs, by cross-validation.
    """

    rows: int
    share: float
    variances: Floats
    designed_variances: Floats
    lowest_sum: float
    highest_sum: float
    repeats: int
    surrogate_r2: float


class JudgedArm(NamedTuple):
    """One arm on designed rows that no arm learned from.

    Args:
        label: of the arm.
        rows: it learned from.
        betas: of members, (members).
        rate: in nats, (members).
        squared_error: of columns in the scale of the first arm, (members).
        r2: of the reconstructed packing fraction, (members).
        r2_decoded: the same on decoded rows that no arm learned from; NaN without them, (members).
        collapse: predicted β by scaling, of summed error and summed KL.
    """

    label: str
    rows: int
    betas: Floats
    rate: Floats
    squared_error: Floats
    r2: Floats
    r2_decoded: Floats
    collapse: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Every number, and medians over members."""
        names = ("rate", "squared_error", "r2", "r2_decoded")
        medians = {name: float(np.median(getattr(self, name))) for name in names}
        return fields(self) | {"members": len(self.r2), "medians": medians}


@dataclass(frozen=True)
class DecodedRowsAnswer:
    """Arms with and without decoded rows.

    Args:
        found: the decoded rows.
        arms: by name, the one without decoded rows first.
        rows: designed rows that all arms are judged on.
        r2_by_first, r2_by_last: R² on these rows of surrogates of the first arm's training rows and of the last one's.
        low_dimensional: the three leading principal components of the decoded rows, scaled, (rows, 3).
    """

    found: DecodedRows
    arms: dict[str, JudgedArm]
    rows: int
    r2_by_first: float
    r2_by_last: float
    low_dimensional: Floats

    @property
    def harm(self) -> Verdict:
        """Whether members that learned decoded rows have a lower R² on designed rows, by a rank test."""
        first, last = self.arms.values()
        p = float(stats.mannwhitneyu(first.r2, last.r2).pvalue)
        reason = f"{len(first.r2)} and {len(last.r2)} members, p = {p:.2g}"
        if not p < SIGNIFICANT:
            return Verdict(None, reason)
        return Verdict(bool(np.median(first.r2) > np.median(last.r2)), reason)

    def as_json(self) -> dict[str, Any]:
        """Every number, and medians over members of the first arm and of the last."""
        first, last = self.arms.values()
        numbers = {
            "decoded": self.found,
            "arms": self.arms,
            "rows": self.rows,
            "surrogate_r2": {"first": self.r2_by_first, "last": self.r2_by_last},
            "r2_lost": np.median(first.r2) - np.median(last.r2),
            "harm": self.harm,
            "error_gained": np.median(last.squared_error) / np.median(first.squared_error) - 1,
        }
        return plain(numbers)


def decoded_rows(context: Context) -> DecodedRowsAnswer:
    """One arm was trained without decoded rows, the other with them.

    Options of the part: rows (judged), trees (of the surrogates).

    Raises:
        DataError: the other's table does not say which rows are decoded, or no row is new to all arms.
    """
    both = [context.arm("without"), context.arm("with")]
    stores, runs = [context.data_of(arm) for arm in both], [context.run(arm) for arm in both]
    flags = _flags(stores[1])
    designed, others = _unseen(stores, runs, flags, context.option("rows"), context.study.data.seed)
    seed, trees = context.study.data.seed, context.option("trees")
    arms = {
        arm.name: _judged(arm, run, store, designed, others, seed, runs[0])
        for arm, run, store in zip(both, runs, stores, strict=True)
    }
    made = read_rows(stores[1], np.flatnonzero(flags))
    truth = np.column_stack([inputs(designed), target(designed)])
    first, last = (_surrogate_r2(stores[i], runs[i], truth, trees) for i in (0, 1))
    table = read_rows(stores[1], np.flatnonzero(~flags))
    found, scores = _described(made, table, trees)
    return DecodedRowsAnswer(found, arms, len(truth), first, last, scores)


def _flags(store: Store) -> NDArray[np.bool_]:
    if DECODED not in [v.name for v in store.variables]:
        raise DataError(f"{store.name}: no variable {DECODED}: keep flagged rows when the table is read")
    flags = np.asarray(store.read(DECODED), bool)
    if not flags.any():
        raise DataError(f"{store.name}: no row is decoded: keep flagged rows when the table is read")
    return flags


def _keys(rows: Snapshots) -> list[bytes]:
    """A name for each row that its numbers decide."""
    numbers = np.column_stack([inputs(rows), target(rows)]).round(9) + 0.0
    return [row.tobytes() for row in numbers]


def _unseen(
    stores: list[Store], runs: list[Run], flags: NDArray[np.bool_], limit: int, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats] | None]:
    """Designed rows that no arm learned from, and decoded ones; None if there are none of these."""
    learned: set[bytes] = set()
    for store, run in zip(stores, runs, strict=True):
        learned |= set(_keys(read_rows(store, run.train_rows)))
    last, held = stores[-1], runs[-1].held_rows
    there = set.intersection(*(set(_keys(read_rows(s, r.held_rows))) for s, r in zip(stores, runs, strict=True)))
    keys = _keys(read_rows(last, held))
    of_both = np.array([key in there and key not in learned for key in keys])
    new = np.array([key not in learned for key in keys])
    designed, others = held[of_both & ~flags[held]], held[new & flags[held]]
    if len(designed) < 3:
        raise DataError("the arms hold out no designed rows in common: train them on more rows, or hold out more")
    return _read(last, some(designed, limit, seed)), _read(last, some(others, limit, seed)) if len(
        others
    ) >= 3 else None


def _read(store: Store, rows: NDArray[np.int64]) -> dict[str, Floats]:
    return {name: np.asarray(values, np.float64) for name, values in read_rows(store, rows).items()}


def _judged(
    arm: Arm, run: Run, store: Store, designed: Snapshots, others: Snapshots | None, seed: int, scale: Run
) -> JudgedArm:
    found = judged(run, designed, seed)
    table = read_rows(store, run.train_rows)
    collapse = spread_of_thresholds(np.column_stack([inputs(table), target(table)]), run.settings.model.latents)
    return JudgedArm(
        arm.label,
        len(run.train_rows),
        members_of(run).betas,
        found.rate.sum(1),
        _squared_error(run, designed, found, scale, seed),
        _r2(run, designed),
        np.full(run.members, np.nan) if others is None else _r2(run, others),
        {scaling: each["sum, sum"] for scaling, each in collapse.items()},
    )


def _squared_error(run: Run, rows: Snapshots, found: Judged, scale: Run, seed: int) -> Floats:
    """Mean squared error of decoded rows in the columns of another run, (members): runs scale them differently."""
    truth = scale.rows(rows).values.numpy()[0]
    made = (scale.rows(decoded_rows).values.numpy()[0] for decoded_rows in run.decode(drawn(found.codes, seed)))
    return np.array([float(np.square(x - truth).sum(1).mean()) for x in made])


def _r2(run: Run, rows: Snapshots) -> Floats:
    """R² of the packing fraction decoded at the posterior mean, (members); NaN for rows of one value."""
    truth = target(rows)
    if np.ptp(truth) == 0:
        return np.full(run.members, np.nan)
    made = decoded(run, run.encode(rows).mean)
    return np.array([parity(truth, each.packing_fraction).score for each in made])


def _surrogate_r2(store: Store, run: Run, rows: Floats, trees: int) -> float:
    """R² on given rows of a surrogate of an arm's training rows."""
    table = read_rows(store, run.train_rows)
    oracle = surrogate(inputs(table), target(table), trees=trees)
    return parity(rows[:, -1], oracle.predict(rows[:, :-1])).score


def _described(made: Snapshots, table: Snapshots, trees: int) -> tuple[DecodedRows, Floats]:
    x, y = (np.column_stack([inputs(rows), target(rows)]) for rows in (made, table))
    size = np.where(np.ptp(y, axis=0) > 0, np.ptp(y, axis=0), 1.0)
    centred = (x - x.mean(0)) / size
    _, roots, axes = np.linalg.svd(centred, full_matrices=False)
    energy, of_table = roots**2, np.linalg.eigvalsh(np.cov((y / size).T))[::-1].clip(0)
    sums = np.asarray(made["mass_fraction"], np.float64).sum(1)
    repeats = int(np.unique(x[:, :-1].round(9), axis=0, return_counts=True)[1].max())
    score = surrogate(inputs(made), target(made), trees=trees).trust.r2 if len(x) >= 10 else float("nan")
    found = DecodedRows(
        rows=len(x),
        share=len(x) / (len(x) + len(y)),
        variances=energy / energy.sum(),
        designed_variances=of_table / of_table.sum(),
        lowest_sum=float(sums.min()),
        highest_sum=float(sums.max()),
        repeats=repeats,
        surrogate_r2=score,
    )
    return found, centred @ axes[:3].T
