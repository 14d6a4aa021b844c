"""What minimising the source's equation 28 does, beside its equation 29, at several learning rates."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.datasets.store import Store
from beable.errors import DivergedError
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.training.data import Prepared, learnable, prepare
from beable.training.fit import Fit
from beable.training.run import first_step, representation_choice, settled
from beable.training.settings import RunSettings

Floats = NDArray[np.float64]
RULES = {"density": "Eq. 28", "labels": "Eq. 29"}


class Path(NamedTuple):
    """One training.

    Args:
        rate: learning rate.
        rule: "density", equation 28, or "labels", equation 29.
        steps: recorded steps.
        term: label term there, in nats a labelled row.
        end: step at which it was stopped.
        why: the reason for which it was stopped before the last step; empty if it was not.
        distance: of the latents from their labels at the end, root mean square, in units of the factors' spread.
    """

    rate: float
    rule: str
    steps: list[int]
    term: Floats
    end: int
    why: str
    distance: float


@dataclass(frozen=True)
class Equation28:
    """Trainings by both equations.

    Args:
        steps: of a training that is not stopped.
        labelled: rows with labels.
        paths: one a rule and learning rate.
    """

    steps: int
    labelled: int
    paths: list[Path]

    def of(self, rule: str) -> list[Path]:
        """Those of one rule."""
        return [path for path in self.paths if path.rule == rule]

    def as_json(self) -> dict[str, Any]:
        """Every number, by rule and learning rate."""
        return dict(plain({"steps": self.steps, "labelled": self.labelled, "paths": self.paths}))

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its equation 28."""
        return [_sensitive(self), _minimum(self)]


def _sensitive(a: Equation28) -> Claim:
    told, kept = a.of("density"), a.of("labels")
    stopped = [path for path in told if path.why]
    fine = [path for path in kept if not path.why]
    said = "training by equation 28 is very sensitive and needs unreasonably small learning rates (section 6)"
    others = f"by equation 29 {len(kept) - len(fine)} of {len(kept)}"
    ours = f"{len(stopped)} of {len(told)} learning rates diverge, {others}"
    ends = ", ".join(f"{number(path.rate)} at step {path.end:,}" for path in stopped)
    falling = [path for path in told if path.term[-1] < path.term[0]]
    fall = f"in {len(falling)} of {len(told)} the term ends lower than it began"
    why = f"learning rates that diverge: {ends or 'none'}; {fall}"
    verdict = REPRODUCED if stopped and len(fine) == len(kept) else UNTOLD if falling else DIFFERS
    return Claim("Eq. 28", said, "fails but at very small rates", ours, None, verdict, why)


def _minimum(a: Equation28) -> Claim:
    least = min(float(path.term.min()) for path in a.of("density"))
    far = max(path.distance for path in a.of("density"))
    near = max(path.distance for path in a.of("labels"))
    said = "the bracket of equation 28 is least where the posterior is the law around the label (section 6)"
    ours = f"{number(least)} nats, where the term is 0 at that law"
    why = (
        f"the term falls to {number(least)} nats while latents move {number(far)} spreads away from their labels; by "
        f"equation 29 they end within {number(near)}: −KL has no lower bound and points away from the label"
    )
    return Claim("Eq. 28", said, "a minimum", ours, None, DIFFERS if least < 0 and far > near else UNTOLD, why)


def equation_28(context: Context) -> Equation28:
    """A training by each equation at each learning rate, until it is stopped."""
    arm = context.arm("labels")
    store = context.data_of(arm)
    base = settled(context.study.settings(arm), store)
    steps, labelled = context.option("steps"), context.option("number")
    data = prepare(store, learnable(store, base.variables), *representation_choice(base), base.training)
    asked = [(rule, rate) for rule in RULES for rate in context.option("rates")]
    paths = [_path(store, data, _changed(base, rule, rate, steps, labelled)) for rule, rate in asked]
    return Equation28(steps, labelled, paths)


def _changed(base: RunSettings, rule: str, rate: float, steps: int, labelled: int) -> RunSettings:
    """One member by one rule at one learning rate."""
    given = base.objective.labels
    assert given is not None, "the arm has no labels"
    labels = given.model_copy(update={"rule": rule, "number": labelled, "draws": 1, "noise": 0.0})
    objective = base.objective.model_copy(update={"labels": labels})
    change = {"learning_rate": rate, "steps": steps, "members": 1, "keep": "last", "patience": None}
    return base.model_copy(update={"objective": objective, "training": base.training.model_copy(update=change)})


def _path(store: Store, data: Prepared, settings: RunSettings) -> Path:
    fit, why = first_step(data, store, settings), ""
    try:
        fit.run()
    except DivergedError as error:
        why = str(error)
    labels, rate = settings.objective.labels, settings.training.learning_rate
    assert labels is not None
    assert isinstance(rate, float)
    term = [float(value[0]) for value in fit.history.terms.get("train/labels", [])]
    now, distance = _now(fit)
    steps = [*fit.history.steps, fit.step]
    return Path(rate, labels.rule, steps, np.array([*term, now]), fit.step, why, distance)


@torch.no_grad()
def _now(fit: Fit) -> tuple[float, float]:
    """The label term as it stands, and how far latents are from their labels."""
    assert fit.labels is not None
    batch = fit.labels.spread(len(fit.batches.rows.values), fit.batches.rows)
    q = fit.vae.encoder(batch.rows.values, batch.rows.conditions)
    off = q.mean[..., : batch.theta.shape[-1]] - batch.theta
    return float(batch.term(q)[0]), float(off.square().mean().sqrt())
