"""The rate of turned latents under several priors (figures 18 and 22 of Jacobsen & Duraisamy)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.rotation_curve import RotationCurve, rotation_curve
from beable.console.numbers import number
from beable.metrics.separation import separation
from beable.records import plain
from beable.studies.claims import Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.darcy.parts.claims_of_lines import how_many, of_all, of_none
from beable.training.data import read
from beable.verdicts import Verdict


class Turned(NamedTuple):
    """Members of one prior.

    Args:
        label: of the arm.
        curve: rate against angle.
        angles: how far the latents of each member are off their factors, degrees; NaN where none is found.
    """

    label: str
    curve: RotationCurve
    angles: NDArray[np.float64]


@dataclass(frozen=True)
class Rotations:
    """Every prior.

    Args:
        invariant, anisotropic, hierarchical: on the shifted factors.
        mixture: hierarchical priors on the mixture, by arm.
    """

    invariant: Turned
    anisotropic: Turned
    hierarchical: Turned
    mixture: dict[str, Turned]

    @property
    def priors(self) -> dict[str, Turned]:
        """Every one by name."""
        named = {name: getattr(self, name) for name in ("invariant", "anisotropic", "hierarchical")}
        return named | self.mixture

    def as_json(self) -> dict[str, Any]:
        """Verdicts and angles of each member."""
        return dict(plain({name: _numbers(t) for name, t in self.priors.items()}))

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its figures 18 and 22."""
        return [
            _flat(self.invariant, "the rate does not change with the angle under a standard normal prior", True),
            _flat(self.hierarchical, "the rate changes with the angle under the hierarchical prior", False),
            *(_turned_minimum(t) for t in self.mixture.values()),
        ]


def _numbers(t: Turned) -> dict[str, Any]:
    told = {name: [v.as_json() for v in getattr(t.curve, name)] for name in ("flat", "turned_minimum")}
    return {"label": t.label, "angles": t.angles, "span": np.ptp(t.curve.rate, axis=1)} | told


def _flat(t: Turned, words: str, flat: bool) -> Claim:
    changes = [Verdict(None if v.answer is None else not v.answer, v.reason) for v in t.curve.flat]
    verdict = of_none(changes) if flat else of_all(changes)
    spans = np.ptp(t.curve.rate, axis=1)
    why = f"over the angles it changes by {number(float(np.median(spans)))} nats in the median member"
    source = "flat" if flat else "not flat"
    return Claim("18", f"{words} (figure 18)", source, f"{how_many(changes)} change", None, verdict, why)


def _turned_minimum(t: Turned) -> Claim:
    found = t.curve.turned_minimum
    there = [v.reason for v in found if v.answer]
    words = f"the rate has a local minimum at 45 degrees (figure 22); {t.label}"
    why = (
        f"minima away from the axes of the latents as trained: {there[0]}, first of {len(there)}"
        if there
        else found[0].reason
    )
    return Claim("22", words, "yes", how_many(found), None, of_all(found), why)


def rotations(context: Context) -> Rotations:
    """The curve of each arm on its training rows, and the angles of its members on held-out rows."""
    return Rotations(
        invariant=_turned(context, context.arm("invariant")),
        anisotropic=_turned(context, context.arm("anisotropic")),
        hierarchical=_turned(context, context.arm("hierarchical")),
        mixture={arm.name: _turned(context, arm) for arm in context.arms("mixture")},
    )


def _turned(context: Context, arm: Arm) -> Turned:
    run, store = context.run(arm), context.data_of(arm)
    held, train = (read(store, run.variables, rows, run.conditions) for rows in (run.held_rows, run.train_rows))
    factors = store.factor_values[run.held_rows]
    angles = [separation(z, factors).angle for z in run.encode(held).mean]
    return Turned(arm.label, rotation_curve(run, train), np.array(angles, float))
