"""Is trust what it says? Members over many laws of the factors, judged by weights fitted on the other laws."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from beable.analysis.agree import agreed
from beable.analysis.trust import FEATURES, Weights, fitted, of_members, probability
from beable.metrics.separation import TOLERANCE, separation
from beable.records import fields, plain
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.training.data import read
from beable.verdicts import counted
from beable.workers import pool

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BINS = 10
DRAWS = 200
UNTOLD = -1


@dataclass(frozen=True)
class ArmTrust:
    """What is known of the members of one arm, with labels and without.

    Args:
        label: of the arm.
        data: its data set.
        law: law of the factors.
        made_of: what trust is made of, (members, latents, features).
        active: which latents are, (members, latents).
        factors: whether each latent is a factor, 1, 0, or −1 where it cannot be told, (members, latents).
        disentangled: the same of each member, (members,).
        angle: root mean square angle of a member's latents off their factors in degrees, (members,); 90 for none.
        axes: what is said of the axes that members agree on.
        identified: what is said of the axes in the codes.
        held: what is said of the axes that the objective holds.
    """

    label: str
    data: str
    law: str
    made_of: NDArray[np.float64]
    active: NDArray[np.bool_]
    factors: NDArray[np.int64]
    disentangled: NDArray[np.int64]
    angle: NDArray[np.float64]
    axes: str
    identified: str
    held: str


@dataclass(frozen=True)
class Law:
    """How a law of the factors fared with weights that were fitted on the others.

    Args:
        members: how many.
        told: of how many the labels tell whether they are disentangled.
        disentangled: how many of these are.
        trust: mean over those told.
        spearman: rank correlation of trust with nearness to the factors over all members.
        weights: that were fitted on the other laws: constant first.
    """

    members: int
    told: int
    disentangled: int
    trust: float
    spearman: float
    weights: list[float]


@dataclass(frozen=True)
class TrustStudy:
    """Trust against truth.

    Args:
        arms: by name.
        trust: in each member of each arm, fitted on the other laws, by name.
        laws: by name.
        members: how many in all.
        told: of how many the labels tell whether they are disentangled.
        auc: probability that a disentangled member is trusted more than one that is not.
        auc_range: 95 % interval over data sets drawn again.
        calibration_error: mean difference of trust and share of disentangled members over ten bins of trust.
        calibration_range: its interval.
        latent_auc, latent_calibration_error: the same of single latents.
        spearman: rank correlation of trust with nearness to the factors over the laws whose axes are identified.
        spearman_range: its interval.
        weights: fitted on all laws, constant first: those that are shipped.
    """

    arms: dict[str, ArmTrust]
    trust: dict[str, NDArray[np.float64]]
    laws: dict[str, Law]
    members: int
    told: int
    auc: float
    auc_range: tuple[float, float]
    calibration_error: float
    calibration_range: tuple[float, float]
    latent_auc: float
    latent_calibration_error: float
    spearman: float
    spearman_range: tuple[float, float]
    weights: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Every number; lists hold one number a member."""
        arms = {name: _arm_numbers(a, self.trust[name]) for name, a in self.arms.items()}
        return dict(plain(fields(self) | {"arms": arms, "trust": None}))


def _arm_numbers(arm: ArmTrust, trust: Floats) -> dict[str, Any]:
    kept = ("label", "law", "angle", "axes", "identified", "held")
    numbers = {name: getattr(arm, name) for name in kept}
    return numbers | {"trust": trust, "disentangled": [int(d) for d in arm.disentangled]}


def trust(context: Context) -> TrustStudy:
    """Every arm, with weights fitted on the laws of the others."""
    arms = context.arms("judged")
    known = dict(zip((arm.name for arm in arms), _each(context, arms), strict=True))
    laws = sorted({a.law for a in known.values()})
    weights = {law: _weights([a for a in known.values() if a.law != law]) for law in laws}
    members = {name: _member_trust(a, weights[a.law]) for name, a in known.items()}
    latents = {name: probability(a.made_of, weights[a.law]) for name, a in known.items()}
    identified = [name for name, a in known.items() if a.law in context.option("identified")]
    return TrustStudy(
        known,
        members,
        {law: _law({n: a for n, a in known.items() if a.law == law}, members, weights[law]) for law in laws},
        sum(len(a.disentangled) for a in known.values()),
        sum(int((a.disentangled != UNTOLD).sum()) for a in known.values()),
        *_with_range(auc, known, {n: a.disentangled for n, a in known.items()}, members),
        *_with_range(calibration_error, known, {n: a.disentangled for n, a in known.items()}, members),
        auc(*_told([_of_active(a) for a in known.values()], [latents[n][a.active] for n, a in known.items()])),
        calibration_error(
            *_told([_of_active(a) for a in known.values()], [latents[n][a.active] for n, a in known.items()])
        ),
        *_with_range(spearman, {n: known[n] for n in identified}, {n: -known[n].angle for n in identified}, members),
        dict(zip(("constant", *FEATURES), _listed(_weights(list(known.values()))), strict=True)),
    )


def _each(context: Context, arms: Sequence[Arm]) -> list[ArmTrust]:
    given = repeat(context), [arm.name for arm in arms]
    if context.workers == 1:
        return list(map(arm_trust, *given))
    with pool(context.workers) as executor:
        return list(executor.map(arm_trust, *given))


def arm_trust(context: Context, name: str) -> ArmTrust:
    """What is known of the members of an arm, on rows that they held out."""
    arm = next(arm for arm in context.study.arms if arm.name == name)
    run, store = context.run(arm), context.data_of(arm)
    snapshots = read(store, run.variables, run.held_rows, run.conditions)
    found = agreed(run, snapshots)
    known = [separation(z, store.factor_values[run.held_rows]) for z in run.encode(snapshots).mean]
    return ArmTrust(
        arm.label,
        arm.data or "data",
        str(store.settings["factors"]),
        found.trust.features,
        found.agreement.active,
        np.array([_factors(s.angles, s.mark) for s in known]),
        np.array([UNTOLD if s.verdict.answer is None else int(s.verdict.answer) for s in known]),
        np.array([np.nan_to_num(s.angle, nan=90.0) for s in known]),
        str(found.agreement.axes),
        str(found.trust.identified),
        counted(found.rotation.held),
    )


def _factors(angles: Floats, mark: float) -> Ints:
    """Whether latents at these angles off their factors are factors."""
    off = np.nan_to_num(angles, nan=90.0)
    return np.where(off <= mark, 1, np.where(off > TOLERANCE, 0, UNTOLD))


def _weights(arms: Sequence[ArmTrust]) -> Weights:
    """Fitted on the active latents of arms."""
    made_of = np.concatenate([a.made_of[a.active] for a in arms])
    truth = np.concatenate([_of_active(a) for a in arms])
    usable = (truth != UNTOLD) & ~np.isnan(made_of).any(1)
    return fitted(made_of[usable], truth[usable] == 1)


def _of_active(arm: ArmTrust) -> Ints:
    return np.asarray(arm.factors[arm.active])


def _listed(weights: Weights) -> list[float]:
    return [weights.constant, *weights.of]


def _member_trust(arm: ArmTrust, weights: Weights) -> Floats:
    return of_members(probability(arm.made_of, weights), arm.active)


def _law(arms: dict[str, ArmTrust], members: dict[str, Floats], weights: Weights) -> Law:
    truth, trusted = np.concatenate([a.disentangled for a in arms.values()]), np.concatenate([members[n] for n in arms])
    told = (truth != UNTOLD) & ~np.isnan(trusted)
    nearness = np.concatenate([-a.angle for a in arms.values()])
    return Law(
        len(truth),
        int(told.sum()),
        int((truth[told] == 1).sum()),
        float(trusted[told].mean()) if told.any() else float("nan"),
        spearman(nearness, trusted),
        _listed(weights),
    )


def _told(truth: Sequence[Any], trusted: Sequence[Any]) -> tuple[Floats, Floats]:
    """Truth and trust of those of which both are known."""
    known, given = np.concatenate(truth).astype(np.float64), np.concatenate(trusted)
    both = (known != UNTOLD) & ~np.isnan(given) & ~np.isnan(known)
    return known[both], given[both]


def auc(truth: Floats, trusted: Floats) -> float:
    """Area under the receiver's curve, by the rank sum of Mann and Whitney; NaN where all are true, or none.

    >>> auc(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.6, 0.4]))
    0.5
    """
    true, false = float((truth == 1).sum()), float((truth == 0).sum())
    if not true or not false:
        return float("nan")
    return float((scipy.stats.rankdata(trusted)[truth == 1].sum() - true * (true + 1) / 2) / (true * false))


def calibration_error(truth: Floats, trusted: Floats) -> float:
    """Mean distance of trust from the share of true ones, over bins of trust weighted by their members.

    >>> calibration_error(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.75, 0.75, 0.75, 0.75]))
    0.0
    """
    if not len(truth):
        return float("nan")
    bins = np.minimum((trusted * BINS).astype(int), BINS - 1)
    gaps = [abs(float((truth - trusted)[bins == b].sum())) for b in np.unique(bins)]
    return sum(gaps) / len(truth)


def spearman(truth: Floats, trusted: Floats) -> float:
    """Rank correlation, of those of which both are known; NaN for constants."""
    both = ~np.isnan(trusted) & ~np.isnan(truth)
    if both.sum() < 3 or not np.ptp(trusted[both]) or not np.ptp(truth[both]):
        return float("nan")
    return float(np.corrcoef(scipy.stats.rankdata(truth[both]), scipy.stats.rankdata(trusted[both]))[0, 1])


def _with_range(
    score: Any, arms: dict[str, ArmTrust], truth: dict[str, Any], trusted: dict[str, Floats]
) -> tuple[float, tuple[float, float]]:
    """A score over members of arms, and its interval over data sets drawn again."""

    def of(names: Sequence[str]) -> float:
        return float(score(*_told([truth[n] for n in names], [trusted[n] for n in names])))

    sets: dict[str, list[str]] = {}
    for name, arm in arms.items():
        sets.setdefault(arm.data, []).append(name)
    if not sets:
        return float("nan"), (float("nan"), float("nan"))
    rng, groups = np.random.default_rng(0), list(sets.values())
    draws = [of([n for k in rng.integers(len(groups), size=len(groups)) for n in groups[k]]) for _ in range(DRAWS)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return of(list(arms)), (float(low), float(high))
