r"""Which reading of the model, its training and its score gives what Hall and Sparks report at β = 0?

They give a mutual information of 0.4 to 0.5 at β = 0 for all data sets, and state neither the width of the network, nor
its rate, scaling and outputs, nor the rule of the score. Every arm here is one reading of the model, on one selection
of the rows, with members of several learning rates and seeds; every member reconstructs 25 rows, and every reading of
the score (`mi_readings`) is taken of the same 25 pairs. The other statements on the score are judged on the arms along
β, so that a reading is not chosen for one number alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy

from beable.console.numbers import number
from beable.metrics.agreement import critical_t
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.mi_readings import Reading, readings
from beable.systems.packing.parity_cells import Difference
from beable.systems.packing.parts.ensembles import Decoded, Members, decoded, members_of, of_picked, picked
from beable.systems.packing.parts.oracles import Forest, oracle_of
from beable.systems.packing.parts.rows import Floats, read_rows, some

#: what Hall and Sparks report at β = 0; what "nearly all" values reach; and the score where t meets its critical value
REPORTED, NEARLY_ALL, CROSSING, NEAR = (0.4, 0.5), 0.4, 0.9, 0.05
#: share that is "nearly all", and the β of the highest score
MOST, HIGHEST = 0.95, 1.0


class Pairs(NamedTuple):
    """25 packing fractions that a member reconstructed, and what the judge makes of the powders beside them.

    Args:
        reconstructed, recomputed: (rows,) each.
    """

    reconstructed: Floats
    recomputed: Floats

    @property
    def deviation(self) -> float:
        """Standard deviation of the reconstructions over their mean."""
        return float(self.reconstructed.std(ddof=1) / self.reconstructed.mean())

    @property
    def t(self) -> float:
        """Of two samples of one variance; NaN without scatter."""
        return abs(Difference.of(self.reconstructed, self.recomputed, paired=False).t)


class ZeroArm(NamedTuple):
    """One reading of the model on one selection of the rows.

    Args:
        model: the reading, as its label has it.
        table: label of the data set.
        rates: learning rate of each member, (members).
        deviations: of reconstructions over their mean, (members).
        bias: mean of reconstructed less recomputed packing fractions, (members).
        scores: each reading of the score, (readings, members).
    """

    model: str
    table: str
    rates: Floats
    deviations: Floats
    bias: Floats
    scores: Floats


class Told(NamedTuple):
    """One reading of the score along β, with everything that Hall and Sparks say of it.

    Args:
        name: of the reading.
        at_zero: median at β = 0 by data set.
        nearly_all: share of all cells that reach 0.4.
        largest: of all cells.
        with_spread: rank correlation with the deviation of the reconstructions.
        crossing: score at which the line of t against it meets the critical t.
        highest: β of the highest median over data sets.
    """

    name: str
    at_zero: dict[str, float]
    nearly_all: float
    largest: float
    with_spread: float
    crossing: float
    highest: float

    @property
    def statements(self) -> dict[str, bool]:
        """Which of their statements hold."""
        low, high = REPORTED
        return {
            "at β = 0 from 0.4 to 0.5": bool(self.at_zero) and all(low <= v <= high for v in self.at_zero.values()),
            "nearly all of at least 0.4": self.nearly_all >= MOST,
            "within 0 and 1": self.largest <= 1,
            "rises with the spread": self.with_spread > 0,
            "t meets its critical value at 0.9": abs(self.crossing - CROSSING) <= NEAR,
            "highest at β = 1": self.highest == HIGHEST,
        }


@dataclass(frozen=True)
class AtZero:
    """All readings of the model and of the score.

    Args:
        arms: by name.
        names: of the readings of the score.
        along: each reading of the score along β, with the models of the β axis.
        cells: of the β axis.
        picked: pairs of a cell.
        surrogate_r2: of the judge.
    """

    arms: dict[str, ZeroArm]
    names: list[str]
    along: list[Told]
    cells: int
    picked: int
    surrogate_r2: float

    @property
    def models(self) -> list[str]:
        """Readings of the model."""
        return list(dict.fromkeys(arm.model for arm in self.arms.values()))

    @property
    def rates(self) -> list[float]:
        """Learning rates."""
        return sorted({float(r) for arm in self.arms.values() for r in arm.rates})

    def medians(self, model: str, rate: float) -> dict[str, Floats]:
        """Median of each reading of the score by table, (readings,)."""
        kept = {arm.table: arm for arm in self.arms.values() if arm.model == model}
        return {table: np.median(arm.scores[:, arm.rates == rate], axis=1) for table, arm in kept.items()}

    @property
    def fits(self) -> list[tuple[str, float, str]]:
        """Model, rate and score whose medians are 0.4 to 0.5 in all its tables."""
        found = []
        for model in self.models:
            for rate in self.rates:
                by_table = np.array([*self.medians(model, rate).values()])
                within = np.asarray(((by_table >= REPORTED[0]) & (by_table <= REPORTED[1])).all(0))
                found += [(model, rate, name) for name, fits in zip(self.names, within, strict=True) if fits]
        return found

    @property
    def best(self) -> Told:
        """The reading of the score of which most statements hold."""
        return max(self.along, key=lambda told: sum(told.statements.values()))

    def as_json(self) -> dict[str, Any]:
        """Every median."""
        swept = [
            {"model": model, "rate": rate, "table": table, "scores": dict(zip(self.names, values, strict=True))}
            for model in self.models
            for rate in self.rates
            for table, values in self.medians(model, rate).items()
        ]
        along = [told._asdict() | {"statements": told.statements} for told in self.along]
        numbers = {
            "swept": swept,
            "fits": [{"model": m, "rate": r, "score": name} for m, r, name in self.fits],
            "combinations": len(self.models) * len(self.rates) * len(self.names),
            "models": self.models,
            "rates": self.rates,
            "readings": len(self.names),
            "along": along,
            "best": self.best.name,
            "best_holds": sum(self.best.statements.values()),
            "statements": len(self.best.statements),
            "cells": self.cells,
            "picked": self.picked,
            "marks": {"nearly_all": NEARLY_ALL, "crossing": CROSSING, "highest": HIGHEST},
            "surrogate_r2": self.surrogate_r2,
            "reported": REPORTED,
        }
        return plain(numbers)

    @property
    def claims(self) -> list[Claim]:
        """What Hall and Sparks say of the score, by the reading of which most holds."""
        return [_of_zero(self), *(_of_statement(self, name) for name in self.best.statements if "β = 0" not in name)]


def _of_zero(a: AtZero) -> Claim:
    words = "at β = 0 the mutual information is 0.4 to 0.5 for all data sets (3.2)"
    of = len(a.models) * len(a.rates) * len(a.names)
    first = next(told for told in a.along if told.name == a.names[0])
    zero = [*first.at_zero.values()]
    ours = f"{number(min(zero))} to {number(max(zero))}" if zero else "–"
    if not a.fits:
        return Claim("7", words, "0.4 to 0.5", ours, None, DIFFERS, f"none of {of} readings gives it")
    some = "; ".join(f"{model}, rate {rate:g}, {name}" for model, rate, name in a.fits[:3])
    why = f"{len(a.fits)} of {of} readings of model, rate and score give it, such as {some}"
    return Claim("7", words, "0.4 to 0.5", ours, None, UNTOLD, f"{why}; which was meant is not stated")


def _of_statement(a: AtZero, name: str) -> Claim:
    holds = [told.name for told in a.along if told.statements[name]]
    words = f"of the mutual information: {name} (3.2)"
    why = f"it holds by {len(holds)} of {len(a.along)} readings of the score"
    best = a.best.statements[name]
    verdict = REPRODUCED if best else DIFFERS if not holds else UNTOLD
    return Claim("7–10", words, name, "yes" if best else "no", None, verdict, f"{why}; ours: {a.best.name}")


def at_zero(context: Context) -> AtZero:
    """Options of the part: rows (of the table), picked (rows of a member), trees (of the surrogates), betas (that the
    statements are judged along; all if empty)."""
    oracles: dict[str, Forest] = {}
    known = readings()
    arms = {arm.name: _arm(context, arm, oracles, known) for arm in context.arms("read")}
    along = {arm.label: _along(context, arm, oracles) for arm in context.arms("along")}
    cells = sum(len(members.betas) for members, _ in along.values())
    told = [_told(reading, along) for reading in known]
    trust = min(forest.trust.r2 for forest in oracles.values())
    return AtZero(arms, [r.name for r in known], told, cells, context.option("picked"), trust)


def _pairs(context: Context, arm: Arm, oracles: dict[str, Forest], members: Members) -> list[Pairs]:
    """Reconstructions of each member, from samples of the posterior, and what they really give."""
    run, seed = context.run(arm), context.study.data.seed
    rows = read_rows(context.data_of(arm), some(run.train_rows, context.option("rows"), seed))
    codes = run.encode(rows)
    picks = picked(codes.mean.shape[1], context.option("picked"), members, seed)
    made = decoded(run, of_picked(codes, picks, seed, sample=True))
    return _judged(made, oracle_of(context, arm, oracles))


def _judged(made: Sequence[Decoded], oracle: Forest) -> list[Pairs]:
    truth = np.split(oracle.predict(np.concatenate([d.inputs for d in made])), len(made))
    return [Pairs(d.packing_fraction, y) for d, y in zip(made, truth, strict=True)]


def _arm(context: Context, arm: Arm, oracles: dict[str, Forest], known: Sequence[Reading]) -> ZeroArm:
    run = context.run(arm)
    rates = np.broadcast_to(np.asarray(run.settings.training.learning_rate, np.float64), (run.members,))
    seeds = np.array([int((rates[:k] == rate).sum()) for k, rate in enumerate(rates)])
    pairs = _pairs(context, arm, oracles, Members(rates, seeds))
    return ZeroArm(
        arm.label,
        arm.data,
        np.array(rates),
        np.array([p.deviation for p in pairs]),
        np.array([float((p.reconstructed - p.recomputed).mean()) for p in pairs]),
        np.array([[reading.score(*p) for p in pairs] for reading in known]),
    )


def _along(context: Context, arm: Arm, oracles: dict[str, Forest]) -> tuple[Members, list[Pairs]]:
    """Members of the β asked for, with their pairs."""
    members, within = members_of(context.run(arm)), context.option("betas")
    pairs = _pairs(context, arm, oracles, members)
    kept = np.isin(members.betas, within) if within else np.ones(len(pairs), bool)
    some = [p for p, k in zip(pairs, kept, strict=True) if k]
    return Members(members.betas[kept], members.seeds[kept]), some


def _told(reading: Reading, along: Mapping[str, tuple[Members, list[Pairs]]]) -> Told:
    """One reading of the score of all cells along β."""
    score = {label: np.array([reading.score(*p) for p in pairs]) for label, (_, pairs) in along.items()}
    beta = {label: members.betas for label, (members, _) in along.items()}
    every, betas = np.concatenate([*score.values()]), np.concatenate([*beta.values()])
    pairs = [p for _, cells in along.values() for p in cells]
    deviation, t = np.array([p.deviation for p in pairs]), np.array([p.t for p in pairs])
    highest = max(np.unique(betas).tolist(), key=lambda b: float(np.median(every[betas == b])))
    return Told(
        reading.name,
        {label: float(np.median(score[label][beta[label] == 0])) for label in score if (beta[label] == 0).any()},
        float((every >= NEARLY_ALL).mean()),
        float(every.max()),
        _ranks(deviation, every),
        _crossing(every, t, critical_t(2 * len(pairs[0].recomputed) - 2)),
        float(highest),
    )


def _ranks(x: Floats, y: Floats) -> float:
    """Spearman's correlation; NaN where a column is constant."""
    return float(scipy.stats.spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")


def _crossing(x: Floats, t: Floats, level: float) -> float:
    """Where the line of t against x meets a level; NaN without a line."""
    good = np.isfinite(t)
    if good.sum() < 3 or not np.ptp(x[good]) > 0:
        return float("nan")
    slope, offset = np.polyfit(x[good], t[good], 1)
    return float((level - offset) / slope) if slope else float("nan")
