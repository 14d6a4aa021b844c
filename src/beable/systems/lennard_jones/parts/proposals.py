"""Independent proposals from a latent space or a flow: how often they are accepted, and whether that pays.

Tuned moves of single particles give so many independent samples a CPU second. A generator makes so many proposals,
and no more independent samples than are accepted of them. What must be accepted for the two to be even stands beside
what is accepted, for fluids of one density and more and more particles.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.records import plain
from beable.streams import generator
from beable.studies.context import Context
from beable.systems.lennard_jones.independence import Acceptance, Proposals, acceptance, assigned, of_flow, of_model
from beable.systems.lennard_jones.latent_moves import of_run, ordering
from beable.systems.lennard_jones.parts.exact import CHAINS, Walk, local_moves, tuned, walk
from beable.systems.lennard_jones.parts.rows import first, fluid, of_gravity
from beable.systems.lennard_jones.restraints import particles_of
from beable.systems.lennard_jones.simulator import LennardJones
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
VAE, FLOW = "VAE", "flow"
#: generators as they are printed
GENERATORS = {VAE: "the VAE", FLOW: "a flow of coordinates"}


class Level(NamedTuple):
    """Proposals of one generator in a fluid of so many particles.

    Args:
        particles: N.
        generator: its name.
        acceptance: in equilibrium.
        per_second: proposals a CPU second.
        tuned: independent samples of the mean height a CPU second by tuned moves of single particles.
        reliable: whether these chains are long enough to tell.
    """

    particles: int
    generator: str
    acceptance: Acceptance
    per_second: float
    tuned: float
    reliable: bool

    @property
    def needed(self) -> float:
        """Acceptance from which on proposals give as many samples as tuned moves."""
        return self.tuned / self.per_second

    @property
    def gain(self) -> float:
        """Accepted proposals a CPU second over the samples of tuned moves; at most so many are independent."""
        return self.acceptance.mean / self.needed

    @property
    def pays(self) -> Verdict:
        """Whether proposals give at least as many samples as tuned moves."""
        low, high = self.acceptance.low, self.acceptance.high
        said = f"accepted {low:.3g} to {high:.3g}, needed {self.needed:.3g}"
        if not self.reliable:
            return Verdict(None, f"{said}, by chains that are too short to tell")
        return Verdict(True if low > self.needed else False if high < self.needed else None, said)


@dataclass(frozen=True)
class LatentProposals:
    """Proposals of the VAE, and of flows of fluids of several sizes.

    Args:
        gravity: γ.
        levels: by generator and ascending number of particles.
    """

    gravity: float
    levels: list[Level]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        best: dict[str, object] = {"generator": self.best.generator, "gain": self.best.gain, "pays": self.best.pays}
        levels = [{**level._asdict(), "needed": level.needed, "gain": level.gain} for level in self.levels]
        sizes = [level.particles for level in self.flows]
        found = {"gravity": self.gravity, "levels": levels, "particles": self.best.particles, "sizes": sizes}
        return plain({**found, "best": best, "nats": self.nats, "fall": [flow.acceptance.mean for flow in self.flows]})

    @property
    def flows(self) -> list[Level]:
        """Those of flows, by ascending number of particles."""
        return [level for level in self.levels if level.generator == FLOW]

    @property
    def best(self) -> Level:
        """The generator that gains most in the fluid of the study, which has the most particles."""
        most = max(level.particles for level in self.levels)
        return max((level for level in self.levels if level.particles == most), key=lambda level: level.gain)

    @property
    def nats(self) -> float | None:
        """Fall of the logarithm of the acceptance of flows for each further particle; None if it cannot be told."""
        found = [(level.particles, level.acceptance.mean) for level in self.flows if level.acceptance.mean > 0]
        if len(found) < 2:
            return None
        sizes, shares = np.array(found).T
        return float(-np.polyfit(sizes, np.log(shares), 1)[0])


def proposals(context: Context) -> LatentProposals:
    """The VAE in the fluid of the study, flows in smaller ones of its density too.

    Options of the part: gravity (one of the data), draws, reference (rows), sizes (numbers of particles of smaller
    fluids), sweeps (that these take from random positions), flow_rows and flow_steps (of a flow), rounds (of chains).

    Raises:
        UsageError: the data have no such γ, or a size is not smaller than the fluid of the study.
    """
    system, gravity = fluid(context), context.option("gravity")
    sizes = [int(n) for n in context.option("sizes")]
    if gravity not in system.gravities or max(sizes, default=0) >= system.particles:
        raise UsageError(
            f"part {context.part.name}: gravity must be one of {system.gravities} and sizes below {system.particles}"
        )
    rows = of_gravity(first(context.store, context.option("reference")), gravity)
    pace = _pace(context, system, gravity, rows)
    levels = [_level(system, VAE, _of_vae(context, gravity, rows), pace)]
    if find_spec("zuko") is not None:
        levels += [_flow(context, _smaller(context, n), gravity, None) for n in sizes]
        levels.append(_flow(context, system, gravity, rows))
    return LatentProposals(gravity, levels)


def _level(system: LennardJones, name: str, found: Proposals, pace: Walk) -> Level:
    share = acceptance(found.of_rows, found.of_draws)
    height = pace.height
    return Level(system.particles, name, share, found.per_second, height.samples_per_second, height.reliable)


def _pace(context: Context, system: LennardJones, gravity: float, rows: FloatArray) -> Walk:
    """Chains of tuned moves from rows in equilibrium."""
    local, target = local_moves(system, gravity, *tuned(system, gravity)), particles_of(system, [gravity])
    start = rows[:CHAINS].reshape(len(rows[:CHAINS]), -1).astype(np.float64)
    return walk(context, None, None, target, local, start, 0)


def _of_vae(context: Context, gravity: float, rows: FloatArray) -> Proposals:
    run, system = context.run(context.arm("proposals")), fluid(context)
    order = ordering(run)
    ordered = order(rows.reshape(len(rows), -1).astype(np.float64))
    model = of_run(run, conditions=[gravity], box=system.boxes[0])
    target = particles_of(system, [gravity])
    draw = generator(context.study.data.seed, "evaluation", 1000)
    return of_model(model, target.log_density, ordered, context.option("draws"), draw, order)


def _smaller(context: Context, particles: int) -> LennardJones:
    """The fluid of the study with fewer particles at the same density."""
    system = fluid(context)
    box = system.boxes[0] * (particles / system.particles) ** (1 / system.dimensions)
    return LennardJones(**context.study.data.settings | {"particles": particles, "box": box})


def _flow(context: Context, system: LennardJones, gravity: float, known: FloatArray | None) -> Level:
    """A flow that learned rows of a fluid, those of the study or of runs from random positions."""
    draw = generator(context.study.data.seed, "evaluation", system.particles)
    rows = _equilibrated(context, system, gravity, draw) if known is None else known
    ordered, order = assigned(rows)
    learned, judged = np.split(ordered, [int(LEARNED * len(ordered))])
    target = particles_of(system, [gravity])
    found = of_flow(
        target.log_density, learned, judged, context.option("draws"), draw, order, steps=context.option("flow_steps")
    )
    return _level(system, FLOW, found, _pace(context, system, gravity, rows))


#: share of rows that a flow learns; acceptance is judged on the others
LEARNED = 0.75


def _equilibrated(context: Context, system: LennardJones, gravity: float, draw: np.random.Generator) -> FloatArray:
    count, box = context.option("flow_rows"), system.boxes[0]
    gas = draw.uniform(0, box, (count, system.particles, system.dimensions))
    step, far = tuned(system, gravity)
    values = np.full((count, 1), gravity)
    return system.relax(gas, values, context.option("sweeps"), draw, step=step, teleport=far)
