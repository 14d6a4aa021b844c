r"""The β axis of Hall and Sparks (2023), arm by arm: one table and one scaling each, members of several β and seeds.

Each member reconstructs 25 rows of its training table; the packing fraction that it decodes is held against what its
decoded inputs really give, by the simulator or a surrogate. The source draws its conclusions from 27 such cells of one
seed. Here every β has several seeds, every score its value by chance, and the β at which nothing is left to reconstruct
from is known beforehand (`beable.analysis.collapse`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy

from beable.analysis.collapse import (
    ACTIVE_NATS,
    MeasuredThreshold,
    Thresholds,
    measured_threshold,
    of_eigenvalues,
    spread_of_thresholds,
)
from beable.metrics.agreement import critical_t
from beable.metrics.disentanglement import mig
from beable.records import fields, plain
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.parts.cells import ParityCell, by_function, by_simulator, columns_of, summary
from beable.systems.packing.parts.ensembles import (
    Judged,
    Members,
    decoded,
    drawn,
    first,
    judged,
    members_of,
    of_picked,
    picked,
    squared_errors,
)
from beable.systems.packing.parts.oracles import Forest, Trust, oracle_of
from beable.systems.packing.parts.planes import Plane, plane
from beable.systems.packing.parts.rows import (
    SIZES,
    Floats,
    Snapshots,
    inputs,
    read_rows,
    size_names,
    some,
    target,
)
from beable.systems.packing.parts.trends import Trend, trends
from beable.training.run import Run
from beable.verdicts import ANSWERS, Verdict

#: β of Hall and Sparks (2023) that are named; the others of their nine are not
SOURCE_BETAS = [0.0, 1.0, 4.0, 7.0, 10.0, 15.0]
#: those of them that are said to reconstruct best
BEST_OF_SOURCE = (10.0, 15.0)
#: beyond it collapse is complete, whatever the scatter of trained models about the threshold
SURELY_COLLAPSED = 1.2


class History(NamedTuple):
    """Loss along the training.

    Args:
        steps: of the records, (records).
        loss: summed squared error + β KL of training rows, (records, members).
        rate: KL of training rows in nats, (records, members).
    """

    steps: Floats
    loss: Floats
    rate: Floats


@dataclass(frozen=True)
class BetaArm:
    """One table and one scaling along β.

    Args:
        label: of the arm.
        scaling: of the columns.
        members: β and seed of each.
        trained, held: what members make of rows that they learned from, and of others.
        thresholds: predicted, for this table and scaling, of summed error and summed KL.
        readings: β of collapse by scaling, and by what is summed or averaged.
        surrogate: how far to trust the oracle of all seeds.
        cells: by the surrogate, a cell for each member.
        simulated: by the simulator, for the first seed of each β; none for a table from elsewhere.
        true_mig: mutual information gap of sampled latents and inputs, (members).
        history: of the training.
        values: packing fractions of the table, ascending.
    """

    label: str
    scaling: str
    members: Members
    trained: Judged
    held: Judged
    thresholds: Thresholds
    readings: dict[str, dict[str, float]]
    surrogate: Trust
    cells: list[ParityCell]
    simulated: list[ParityCell]
    true_mig: Floats
    history: History
    values: Floats

    @cached_property
    def betas(self) -> Floats:
        """The different β, ascending."""
        return np.unique(self.members.betas)

    def measured(self, latent: int = 0) -> MeasuredThreshold:
        """Where the trained models lose a latent."""
        return measured_threshold(self.members.betas, self.trained.rate, ACTIVE_NATS, latent)

    def at(self, beta: float) -> list[ParityCell]:
        """The cells of one β."""
        return [c for c in self.cells if c.beta == beta]

    def predicted(self, latent: int = 0) -> float:
        """The β at which the rate of a latent of a linear VAE falls below `ACTIVE_NATS`."""
        return float(self.thresholds.at_rate(ACTIVE_NATS)[latent])

    @property
    def brackets(self) -> bool:
        """Whether trained models lose their last latent between the two β around the predicted one."""
        return self.measured().brackets(self.predicted())

    def as_predicted(self, latent: int = 0) -> Verdict:
        """The same of any latent; one training a β does not tell."""
        found, wanted = self.measured(latent), self.predicted(latent)
        reason = f"alive at {found.alive:g}, dead at {found.dead:g}, predicted {wanted:.3g}"
        return Verdict(found.brackets(wanted) if self.seeds > 1 else None, reason)

    @property
    def seeds(self) -> int:
        """Trainings of each β."""
        return int(self.members.seeds.max()) + 1

    @property
    def alive_of_source(self) -> list[float]:
        """The β of Hall and Sparks beyond 0 at which a latent is alive."""
        found = self.measured()
        alive = found.betas[found.rate >= found.level].tolist()
        return [beta for beta in alive if beta in SOURCE_BETAS and beta > 0]

    def side(self, collapsed: bool) -> list[ParityCell]:
        """The cells of all β surely beyond the predicted collapse, or of those before it."""
        if collapsed:
            return [c for c in self.cells if c.beta > SURELY_COLLAPSED * self.thresholds.collapse]
        return [c for c in self.cells if c.beta < self.thresholds.collapse]

    def by_seed(self, within: Sequence[float] | None = None) -> list[dict[str, Floats]]:
        """Numbers of the cells of each seed, along the β asked for; all by default."""
        kept = [c for c in self.cells if within is None or c.beta in within]
        return [columns_of([c for c in kept if c.seed == s]) for s in range(self.seeds)]

    def best_betas(self) -> Floats:
        """Share of seeds in which each β has the least mean error, (betas)."""
        best = np.array([s["beta"][np.nanargmin(s["mae"])] for s in self.by_seed()])
        return np.array([float(np.mean(best == beta)) for beta in self.betas])

    def as_json(self) -> dict[str, Any]:
        """Every number; those of single cells by β as medians over seeds."""
        predicted = {name: getattr(self.thresholds, name) for name in ("eigenvalues", "betas", "collapse")}
        return {
            "label": self.label,
            "scaling": self.scaling,
            "rows": len(self.values),
            "low": self.values[0],
            "high": self.values[-1],
            "seeds": self.seeds,
            "predicted": predicted,
            "measured": [self._measured(i) for i in range(self.thresholds.latents)],
            "rate_error": self.rate_error,
            "readings": self.readings,
            "surrogate": self.surrogate,
            "levels": [self._level(beta) for beta in self.betas],
            "simulated": [{"beta": c.beta} | summary([c]) for c in self.simulated],
            "collapsed": summary(self.side(collapsed=True)),
            "alive": summary(self.side(collapsed=False)),
            "best": self.best_betas(),
            "best_by_chance": 1 / len(self.betas),
            "best_of_source": float(self.best_betas()[np.isin(self.betas, BEST_OF_SOURCE)].sum()),
            "alive_of_source": self.alive_of_source,
            "beta_matters_beyond_collapse": self.differences_beyond_collapse(),
        }

    def _measured(self, latent: int) -> dict[str, Any]:
        found, predicted = self.measured(latent), self.predicted(latent)
        return {
            "predicted": predicted,
            "alive": found.alive,
            "dead": found.dead,
            "brackets": float(found.brackets(predicted)),
            "as_predicted": self.as_predicted(latent),
        }

    @property
    def rate_error(self) -> float:
        """Largest distance of a median total rate from the predicted one in nats, over β > 0."""
        each = [(b, self.trained.rate[self.members.betas == b].sum(1)) for b in self.betas if b > 0]
        return max(abs(float(np.median(rate) - self.thresholds.rates(b).sum())) for b, rate in each)

    def _level(self, beta: float) -> dict[str, Any]:
        of = self.members.betas == beta
        numbers = {
            "rate": self.trained.rate.sum(1),
            "held_rate": self.held.rate.sum(1),
            "active": (self.trained.rate > ACTIVE_NATS).sum(1),
            "squared_error": self.trained.squared_error,
            "held_squared_error": self.held.squared_error,
            "loss": self.trained.squared_error + self.members.betas * self.trained.rate.sum(1),
            "held_loss": self.held.squared_error + self.members.betas * self.held.rate.sum(1),
            "true_mig": self.true_mig,
        }
        medians = {name: float(np.median(np.asarray(values)[of])) for name, values in numbers.items()}
        rates = np.median(np.sort(self.trained.rate[of], axis=1)[:, ::-1], axis=0).tolist()
        predicted = {
            "predicted_rates": self.thresholds.rates(beta).tolist(),
            "predicted_squared_error": float(self.thresholds.squared_error(beta)),
        }
        return {"beta": float(beta), "rates": rates} | medians | predicted | {"parity": summary(self.at(beta))}

    def differences_beyond_collapse(self) -> dict[str, float]:
        """p of the Kruskal–Wallis test that β makes no difference among collapsed models; NaN for one β or none."""
        cells = self.side(collapsed=True)
        groups = [columns_of([c for c in cells if c.beta == b]) for b in sorted({c.beta for c in cells})]
        return {name: _same(np.array([g[name] for g in groups])) for name in ("mae", "nmi", "t", "deviation")}


def _same(groups: Floats) -> float:
    """p of equal laws of groups (groups, values)."""
    if len(groups) < 2 or np.isnan(groups).any() or np.ptp(groups) == 0:
        return float("nan")
    return float(scipy.stats.kruskal(*groups).pvalue)


@dataclass(frozen=True)
class Beta:
    """The β axis of all arms.

    Args:
        arms: by name.
        trends: fits by arm, and of all arms together under "all".
        planes: t-SNE of one arm's table, then of its reconstructions at some β.
        plane_arm: that arm's name.
        explained_by_chance: R² of nmi of all cells by its own value by chance.
        excess: mean nmi of all cells over its value by chance.
    """

    arms: dict[str, BetaArm]
    trends: dict[str, dict[str, Trend]]
    planes: list[Plane]
    plane_arm: str
    explained_by_chance: float
    excess: float

    def as_json(self) -> dict[str, Any]:
        """Every number of arms, trends and planes."""
        collapsed = [c for arm in self.arms.values() for c in arm.side(collapsed=True)]
        alive = [c for arm in self.arms.values() for c in arm.side(collapsed=False)]
        verdicts = [arm.as_predicted() for arm in self.arms.values()]
        tests = [p for a in self.arms.values() for p in a.differences_beyond_collapse().values() if np.isfinite(p)]
        numbers = {
            **fields(self, "plane_arm", "explained_by_chance", "excess"),
            "nmi": {"explained_by_chance": self.explained_by_chance, "excess": self.excess},
            "collapsed": summary(collapsed),
            "alive": summary(alive),
            "brackets": float(np.mean([a.brackets for a in self.arms.values()])),
            "tables": len(self.arms),
            "seeds": min(arm.seeds for arm in self.arms.values()),
            "as_predicted": {word: sum(v.word == word for v in verdicts) for word in ANSWERS},
            "nothing_left_of_source": sum(not arm.alive_of_source for arm in self.arms.values()),
            "level": ACTIVE_NATS,
            "surrogate_r2": min(arm.surrogate.r2 for arm in self.arms.values()),
            "beyond_collapse": {"tests": len(tests), "least_p": min(tests, default=float("nan"))},
        }
        return plain(numbers)


def beta(context: Context) -> Beta:
    """Every arm along β: rates, thresholds, parity, trends, and t-SNE of one.

    Options of the part: rows (of the table judged), picked (rows of a cell), sample (of the posterior, or its mean),
    recomputed (rows of a cell that the simulator makes again, 0 for none), repeats (permutations), trees (of the
    surrogates), trend_betas (along which trends are fitted; all if empty), planes (β of the reconstructions of the arm
    pictured), plane_rows.
    """
    oracles: dict[str, Forest] = {}
    arms = {arm.name: _arm(context, arm, oracles) for arm in context.arms("judged")}
    pictured, within = context.arm("pictured"), context.option("trend_betas") or None
    cells = columns_of([c for arm in arms.values() for c in arm.cells])
    chance = np.corrcoef(cells["nmi"], cells["chance"])[0, 1] ** 2 if np.ptp(cells["chance"]) > 0 else float("nan")
    return Beta(
        arms,
        _trends(arms, within, context.option("repeats")),
        _planes(context, pictured),
        pictured.name,
        float(chance),
        float(np.mean(cells["nmi"] - cells["chance"])),
    )


def _arm(context: Context, arm: Arm, oracles: dict[str, Forest]) -> BetaArm:
    run, store, seed = context.run(arm), context.data_of(arm), context.study.data.seed
    limit = context.option("rows")
    members = members_of(run)
    learned, others = (read_rows(store, some(rows, limit, seed)) for rows in (run.train_rows, run.held_rows))
    trained = judged(run, learned, seed)
    table = read_rows(store, run.train_rows)
    cells, resimulated, oracle = _cells(context, arm, run, trained, members, oracles)
    return BetaArm(
        arm.label,
        str(run.settings.representation.model_dump().get("scaling", "")),
        members,
        trained,
        judged(run, others, seed),
        of_eigenvalues(_spectrum(run, table), run.settings.model.latents),
        spread_of_thresholds(np.column_stack([inputs(table), target(table)]), run.settings.model.latents),
        oracle.trust,
        cells,
        resimulated,
        _true_mig(trained, learned, seed),
        _history(run, members),
        np.sort(target(read_rows(store, np.asarray(store.valid_rows)))),
    )


def _spectrum(run: Run, table: Snapshots) -> Floats:
    codes = np.asarray(run.representation.transform({k: table[k] for k in run.variables}).values, np.float64)
    return np.asarray(np.linalg.eigvalsh(np.cov(codes.T, bias=True))[::-1].clip(0), np.float64)


def _cells(
    context: Context, arm: Arm, run: Run, trained: Judged, members: Members, oracles: dict[str, Forest]
) -> tuple[list[ParityCell], list[ParityCell], Forest]:
    seed, repeats = context.study.data.seed, context.option("repeats")
    picks = picked(trained.codes.mean.shape[1], context.option("picked"), members, seed)
    rows = decoded(run, of_picked(trained.codes, picks, seed, sample=context.option("sample")))
    oracle = oracle_of(context, arm, oracles)
    own, few = size_names(run.variables) == SIZES[0], context.option("recomputed")
    again = by_simulator(context.simulator, first(rows, few), members, seed + 1, repeats) if own and few else []
    return by_function(oracle.predict, rows, members, repeats), again, oracle


def _true_mig(trained: Judged, rows: Snapshots, seed: int) -> Floats:
    """Of samples: the mean of a dead latent is tiny, but no noise."""
    factors = inputs(rows)
    return np.array([mig(z, factors).score for z in drawn(trained.codes, seed)])


def _history(run: Run, members: Members) -> History:
    rates = [np.asarray(v, np.float64) for name, v in run.history.items() if name.startswith("train/rate")]
    rate = np.sum(rates, axis=0)
    return History(np.asarray(run.history["step"], np.float64), squared_errors(run) + members.betas * rate, rate)


def _trends(arms: dict[str, BetaArm], within: Sequence[float] | None, repeats: int) -> dict[str, dict[str, Trend]]:
    each = {name: arm.by_seed(within) for name, arm in arms.items()}
    together = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for parts in zip(*(each[name] for name in _alike(arms)), strict=False)
    ]
    critical = critical_t(2 * len(next(iter(arms.values())).cells[0].reconstructed) - 2)
    return {name: trends(seeds, critical, repeats) for name, seeds in (each | {"all": together}).items()}


def _alike(arms: dict[str, BetaArm]) -> list[str]:
    """The arms scaled as the first one: what a source of one scaling would have put together."""
    first = next(iter(arms.values())).scaling
    return [name for name, arm in arms.items() if arm.scaling == first]


def _planes(context: Context, arm: Arm) -> list[Plane]:
    """The table, then the reconstructions of the first seed at the β asked for."""
    wanted = context.option("planes")
    if not wanted:
        return []
    run, store = context.run(arm), context.data_of(arm)
    seed = context.study.data.seed
    rows = read_rows(store, some(run.train_rows, context.option("plane_rows"), seed))
    table = run.rows(rows).values.numpy()[0].astype(np.float64)
    size, truth, members = float(np.sqrt(table.var(0).mean())), target(rows), members_of(run)
    z = drawn(run.encode(rows), seed)
    locations, shown = run.locations(z), decoded(run, z)
    found = [plane(table, truth, truth, size)]
    for value in wanted:
        k = int(np.argmin(np.abs(members.betas - value) + members.seeds))
        fractions = shown[k].packing_fraction
        found.append(plane(locations[k].astype(np.float64), fractions, truth, size, float(members.betas[k])))
    return found
