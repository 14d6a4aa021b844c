"""Valid coordinates straight from the latent space."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from beable.analysis.aggregate_flow import Flow, flow_of_run
from beable.analysis.aggregate_posterior import Aggregate, of_run
from beable.records import plain
from beable.streams import generator
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import (
    HeightProfile,
    RadialDistribution,
    height_profile,
    radial_distribution,
)
from beable.systems.lennard_jones.generation import Generation, Relaxed, judge
from beable.systems.lennard_jones.parts.rows import first, fluid, of_gravity, trained
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
EDGES = np.linspace(0.0, 5.0, 101)
BINS = 50
SHOWN = 4
#: share of samples without overlap, and of samples inside the box, from which on samples are called valid
ASKED = 0.9
#: probability below which two samples of energies are told apart
TOLD_APART = 0.01
#: standard errors from which on two means are
MOST_ERRORS = 3.0


@dataclass(frozen=True)
class Drawn:
    """What one way to draw latents gives, at each γ.

    Args:
        judged: by γ, of every member.
        pairs, profiles: of the first member's samples, by γ.
        shown: a few samples of the first member, by γ.
    """

    judged: dict[float, list[Generation]]
    pairs: dict[float, RadialDistribution]
    profiles: dict[float, HeightProfile]
    shown: dict[float, FloatArray]

    def as_json(self) -> dict[str, Any]:
        """By γ, in ascending order: every member, and medians of what matters most."""
        return {"levels": [_level(gravity, members) for gravity, members in self.judged.items()]}

    @property
    def worst(self) -> dict[str, Any]:
        """Over all γ and members: least shares, contacts furthest from equilibrium's, energies furthest off.

        The energies agree from the fewest sweeps on after which at no γ they can be told from equilibrium.
        """
        every = [m for members in self.judged.values() for m in members]
        steps = list(zip(*(m.relaxed for m in every), strict=True))
        off = {str(rs[0].sweeps): max(abs(r.difference.mean) for r in rs) for rs in steps}
        alike = [rs[0].sweeps for rs in steps if all(map(_like_equilibrium, rs))]
        contacts = [m.generated.contacts.mean / max(m.equilibrium.contacts.mean, 1e-300) for m in every]
        return {
            "apart": min(m.generated.apart for m in every),
            "inside": min(m.generated.inside for m in every),
            "contacts": max(contacts, key=lambda ratio: abs(ratio - 1)),
            "energy_off": off,
            "agree_after": min(alike, default=None),
            "most_sweeps": steps[-1][0].sweeps,
            "trainings": len(next(iter(self.judged.values()))),
            "rows": min(m.generated.rows for m in every),
        }


def _level(gravity: float, members: list[Generation]) -> dict[str, Any]:
    def median(values: list[float]) -> float:
        return float(np.median(values))

    after = {steps[0].sweeps: steps for steps in zip(*(m.relaxed for m in members), strict=True)}
    return {
        "gravity": gravity,
        "apart": median([m.generated.apart for m in members]),
        "inside": median([m.generated.inside for m in members]),
        "contacts": median([m.generated.contacts.mean for m in members]),
        "contacts_equilibrium": members[0].equilibrium.contacts.mean,
        "height": median([m.generated.height.mean for m in members]),
        "height_equilibrium": members[0].equilibrium.height.mean,
        "apart_after": {str(s): median([r.apart for r in rs]) for s, rs in after.items()},
        "energy_difference_after": {str(s): median([r.difference.mean for r in rs]) for s, rs in after.items()},
        "energy_error_after": {str(s): median([r.difference.error for r in rs]) for s, rs in after.items()},
        "jsd_after": {str(s): median([r.energy_distance for r in rs]) for s, rs in after.items()},
        "jsd_floor": median([members[0].relaxed[0].floor]),
        "members": members,
    }


def enough(share: float, rows: int) -> Verdict:
    """Whether a share of samples is above what is asked, beyond its interval at 95 % (Wilson's).

    >>> [enough(share, 300).word for share in (0.98, 0.91, 0.8)]
    ['yes', 'cannot be told', 'no']
    """
    low, high = binomtest(round(share * rows), rows).proportion_ci(method="wilson")
    answer = True if low > ASKED else False if high < ASKED else None
    return Verdict(answer, f"{share:.3f} ({low:.3f} to {high:.3f}) at the worst γ, {ASKED:g} asked")


def _like_equilibrium(r: Relaxed) -> bool:
    """Whether energies cannot be told from those of equilibrium, neither by their law nor by their mean."""
    return r.p >= TOLD_APART and abs(r.difference.mean) <= MOST_ERRORS * r.difference.error


@dataclass(frozen=True)
class Generated:
    """Samples of several arms and ways to draw latents.

    Args:
        drawn: by arm and way.
        aggregate: the mixture fitted to the main arm's first member.
        flow: what a normalising flow of the same latents is worth; None where zuko is not installed.
        equilibrium_pairs, equilibrium_profiles, equilibrium_shown: of the data, by γ.
        box: L.
    """

    drawn: dict[str, Drawn]
    aggregate: Aggregate
    flow: dict[str, float] | None
    equilibrium_pairs: dict[float, RadialDistribution]
    equilibrium_profiles: dict[float, HeightProfile]
    equilibrium_shown: dict[float, FloatArray]
    box: float

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        drawn = {name: d.as_json() for name, d in self.drawn.items()}
        least = {
            name: {
                "low": levels[0]["apart"],
                "high": min(level["apart"] for level in levels[1:]),
                "after_10": min(level["apart_after"]["10"] for level in levels),
                "energy_after_10": abs(furthest["energy_difference_after"]["10"]),
                "energy_after_10_error": furthest["energy_error_after"]["10"],
                "energy_after_100": max(abs(level["energy_difference_after"]["100"]) for level in levels),
            }
            for name, d in drawn.items()
            for levels in [d["levels"]]
            for furthest in [max(levels, key=lambda level: abs(level["energy_difference_after"]["10"]))]
        }
        worst: dict[str, object] = {name: d.worst for name, d in self.drawn.items()}
        asked = {"main": self.main, "asked": ASKED, "valid": self.valid}
        return plain(
            {"drawn": drawn, "least": least, "aggregate": self.aggregate, "flow": self.flow, "worst": worst, **asked}
        )

    @property
    def main(self) -> str:
        """The way to draw that the study is about: the prior of the main arm."""
        return next(iter(self.drawn))

    @property
    def valid(self) -> Verdict:
        """Whether samples are valid as decoded, by the worst training and γ: no overlap, and none outside the box."""
        worst = self.drawn[self.main].worst
        return enough(min(worst["apart"], worst["inside"]), worst["rows"])


def generation(context: Context) -> Generated:
    """Judge samples of each arm's prior, and of the main arm's aggregate posterior, at each γ of the data."""
    system, count = fluid(context), context.option("samples")
    reference = first(context.store, context.option("reference"))
    main = context.arm("main")
    run, drawn = context.run(main), {}
    mixtures = of_run(run, trained(context, run, context.option("mixture_rows")))
    drawn[f"{main.name}, prior"] = _drawn(context, run, run.sample(count), None, reference)
    drawn[f"{main.name}, mixture"] = _drawn(context, run, None, mixtures, reference)
    flows = _flows(context, run)
    if flows:
        drawn[f"{main.name}, flow"] = _drawn(context, run, None, flows, reference)
    for arm in context.arms("others"):
        run = context.run(arm)
        drawn[f"{arm.name}, prior"] = _drawn(context, run, run.sample(count), None, reference)
    by_gravity = {g: of_gravity(reference, g) for g in system.gravities}
    return Generated(
        drawn,
        mixtures[0],
        flows[0].as_json() if flows else None,
        {g: radial_distribution(x, system.boxes[0], EDGES) for g, x in by_gravity.items()},
        {g: height_profile(x, system.boxes[0], BINS) for g, x in by_gravity.items()},
        {g: x[:SHOWN] for g, x in by_gravity.items()},
        system.boxes[0],
    )


def _flows(context: Context, run: Run) -> list[Flow]:
    """Flows of the latents of each member; none without zuko."""
    if find_spec("zuko") is None:
        return []
    known = trained(context, run, context.option("mixture_rows"))
    return flow_of_run(run, known, steps=context.option("flow_steps"), seed=context.study.data.seed)


def _drawn(
    context: Context,
    run: Run,
    z: FloatArray | None,
    mixtures: Sequence[Aggregate | Flow] | None,
    reference: dict[str, FloatArray],
) -> Drawn:
    system, count = fluid(context), context.option("samples")
    samples = {}
    for gravity in system.gravities:
        known = np.full((count, 1), gravity)
        latents = z if mixtures is None else _mixed(mixtures, count, known, context.study.data.seed)
        assert latents is not None
        samples[gravity] = [s["positions"] for s in run.decode(latents, known)]
    box = system.boxes[0]
    return Drawn(
        {g: [judge(x, of_gravity(reference, g), system, [g], box) for x in xs] for g, xs in samples.items()},
        {g: radial_distribution(xs[0], box, EDGES) for g, xs in samples.items()},
        {g: height_profile(xs[0], box, BINS) for g, xs in samples.items()},
        {g: xs[0][:SHOWN] for g, xs in samples.items()},
    )


def _mixed(mixtures: Sequence[Aggregate | Flow], rows: int, known: FloatArray, seed: int) -> FloatArray:
    draws = [m.sample(rows, known, generator(seed, "evaluation", k)) for k, m in enumerate(mixtures)]
    return np.stack(draws).astype(np.float32)
