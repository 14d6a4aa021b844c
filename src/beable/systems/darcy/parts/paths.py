"""Over-regularised trainings and what leads there (figures 5, 7 and 9 of Jacobsen & Duraisamy)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.levels import code_level, over_regularised
from beable.analysis.training_paths import TrainingPath, parting, training_path
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.darcy.parts.claims_of_lines import how_many, of_all
from beable.training.data import read
from beable.training.run import Run
from beable.vae.objectives import weights
from beable.verdicts import Verdict

Floats = NDArray[np.float64]
Fields = NDArray[np.floating]
CONSTANT = 0.01  # share of the data's variance below which what is decoded is the same for every input
CLOSE = 0.02  # of L_VAE, within which two losses have met


class Decoded(NamedTuple):
    """Rows as a training decodes them.

    Args:
        truth, decoded: pressure and size of the flux of one row, (2, n, n).
        varies: variance of decoded rows over that of the rows.
        off_mean: mean squared distance of decoded rows from the mean of the rows over the variance of the rows.
    """

    truth: Fields
    decoded: Fields
    varies: float
    off_mean: float


class Trainings(NamedTuple):
    """What became of the members of one arm.

    Args:
        label: of the arm.
        path: at recorded steps.
        level: of Theorem 1 on training rows, as the objective weighs distortions.
        over: whether each member ended there.
        begins: step from which the rate counts.
    """

    label: str
    path: TrainingPath
    level: float
    over: list[Verdict]
    begins: int

    @property
    def ended_there(self) -> list[int]:
        """Members that did."""
        return [k for k, v in enumerate(self.over) if v.answer]


@dataclass(frozen=True)
class Paths:
    """Trainings with and without a first phase.

    Args:
        arms: what became of each.
        x: coordinates of the nodes.
        good: a row decoded by a training that learned.
        bad: by one that is over-regularised; None where none is.
        who: label of its arm.
        parted: step at which the two parted for good; None where they did not, or none is over-regularised.
    """

    arms: dict[str, Trainings]
    x: Floats
    good: Decoded
    bad: Decoded | None
    who: str
    parted: int | None

    def as_json(self) -> dict[str, Any]:
        """Every verdict, and how constant what is decoded is."""
        arms = {
            name: {
                "label": t.label,
                "level": t.level,
                "over_regularised": [v.as_json() for v in t.over],
                "rises": [v.as_json() for v in t.path.rises_while_beta_is_small()],
                "gap": t.path.gap,
            }
            for name, t in self.arms.items()
        }
        decoded = {name: {"varies": d.varies, "off_mean": d.off_mean} for name, d in self._decoded.items()}
        return dict(plain({"arms": arms, "decoded": decoded, "parted": self.parted}))

    @property
    def _decoded(self) -> dict[str, Decoded]:
        return {"good": self.good} | ({"over_regularised": self.bad} if self.bad else {})

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its figures 5, 7 and 9."""
        return [_constant(self), _rises(self), _meets(self), _parts(self)]


def _constant(a: Paths) -> Claim:
    words = (
        "an over-regularised VAE decodes the mean and the variance of the data for every input (Theorem 1, figure 5)"
    )
    trained = sum(len(t.over) for t in a.arms.values())
    if a.bad is None:
        return Claim("5", words, "yes", "–", None, UNTOLD, f"none of {trained} trainings ended over-regularised")
    same = a.bad.varies < CONSTANT and a.bad.off_mean < CONSTANT
    varies, off = number(a.bad.varies), number(a.bad.off_mean)
    why = f"{a.who}: decoded rows vary by {varies} of the variance of the rows and lie {off} of it off their mean"
    return Claim("5", words, "yes", "yes" if same else "no", None, REPRODUCED if same else DIFFERS, why)


def _rises(a: Paths) -> Claim:
    t = a.arms["drifting"]
    found = t.path.rises_while_beta_is_small()
    words = "with a small β at first the loss of the VAE passes a minimum and rises (figure 7)"
    return Claim("7", words, "yes", how_many(found), None, of_all(found), f"{t.label}: {found[0].reason}, first member")


def _meets(a: Paths) -> Claim:
    t = a.arms["drifting"]
    gaps = np.abs(t.path.gap) / np.abs(t.path.vae_loss[-1])
    met = [Verdict(bool(g < CLOSE), "") for g in gaps]
    words = "as β grows to one the training loss meets the loss of the VAE (figure 7)"
    betas = f"β ends between {number(t.path.beta[-1].min())} and {number(t.path.beta[-1].max())}"
    why = f"the two end {number(100 * float(np.median(gaps)))} % apart, {betas}"
    return Claim("7", words, "yes", how_many(met), None, of_all(met), why)


def _parts(a: Paths) -> Claim:
    words = "good and over-regularised trainings share the first part of their way (figure 9)"
    if a.bad is None:
        return Claim("9", words, "yes", "–", None, UNTOLD, "no training ended over-regularised")
    steps = int(a.arms["drifting"].path.steps[-1])
    if a.parted is None:
        return Claim("9", words, "yes", "never part", None, DIFFERS, f"the two do not part in {steps:,} steps")
    share = a.parted / steps
    shared = a.parted > int(a.arms["drifting"].path.steps[0])
    why = f"they part for good at step {a.parted:,} of {steps:,}; first weights are the same, the other: {a.who}"
    return Claim("9", words, "yes", f"{100 * share:.0f} % of the steps", None, REPRODUCED if shared else DIFFERS, why)


def paths(context: Context) -> Paths:
    """Every arm's way, and a row decoded by a good and by an over-regularised member."""
    arms = {"drifting": context.arm("drifting")} | {arm.name: arm for arm in context.arms("others")}
    runs = {name: context.run(arm) for name, arm in arms.items()}
    found = {name: _trainings(runs[name], arm, context.data_of(arm)) for name, arm in arms.items()}
    store = context.data_of(arms["drifting"])
    best = min(found, key=lambda name: float(found[name].path.distortion[-1].min()))
    learned = int(np.argmin(found[best].path.distortion[-1]))
    good = _decoded(runs[best], store, learned)
    ended = [(name, t.ended_there[0]) for name, t in found.items() if t.ended_there]
    x = np.asarray(store.coordinates["x"][0], np.float64)
    if not ended:
        return Paths(found, x, good, None, "", None)
    name, member = ended[0]
    parted = parting(found[best].path, learned, found[name].path, member)
    return Paths(found, x, good, _decoded(runs[name], store, member), found[name].label, parted)


def _trainings(run: Run, arm: Arm, store: Store) -> Trainings:
    snapshots = read(store, run.variables, run.train_rows, run.conditions)
    weight = weights(run.vae, run.settings.objective.scale).distortion
    over = over_regularised(run, snapshots)
    begins = run.settings.objective.reconstruction_steps
    return Trainings(arm.label, training_path(run), weight * code_level(run, snapshots), over, begins)


def _decoded(run: Run, store: Store, member: int) -> Decoded:
    snapshots = read(store, run.variables, run.train_rows, run.conditions)
    means = run.encode(snapshots).mean
    decoded = next(d for k, d in enumerate(run.decode(means, run.conditions_of(snapshots))) if k == member)
    spread = sum(float(snapshots[name].var(0).sum()) for name in run.variables)
    varies = sum(float(decoded[name].var(0).sum()) for name in run.variables)
    off = sum(float(((decoded[name] - snapshots[name].mean(0)) ** 2).mean(0).sum()) for name in run.variables)
    return Decoded(_planes(snapshots), _planes(decoded), varies / spread, off / spread)


def _planes(snapshots: Any) -> Fields:
    """Pressure and size of the flux of the first row."""
    flux = np.sqrt((snapshots["flux"][0] ** 2).sum(0))
    return np.stack([snapshots["pressure"][0], flux])
