"""Exact averages from the latent space: collective moves that Metropolis accepts, and annealed weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.records import plain
from beable.representations.particles import Coordinates
from beable.streams import generator
from beable.studies.context import Context
from beable.systems.lennard_jones.annealing import Annealed, Stage, anneal
from beable.systems.lennard_jones.latent_moves import LatentModel, Pace, mixed_chain, of_run, ordering, paces
from beable.systems.lennard_jones.parts.rows import first, fluid, of_gravity
from beable.systems.lennard_jones.restraints import Particles, particles_of
from beable.systems.lennard_jones.simulator import TELEPORTS, LennardJones
from beable.training.run import Run

FloatArray = NDArray[np.floating]
Floats = NDArray[np.float64]
Local = Callable[[Floats, np.random.Generator], Floats]
CHAINS = 128
SWEEPS = 10
#: step of the local moves that relax fastest beside teleports, by γ/T
STEPS = ((0.13, 0.53, 0.93, 1.33), (0.8, 0.7, 0.5, 0.45))
SMALL_STEP = 0.2
#: standard errors that a mean may be off
LARGEST_Z = 4.0
#: collective moves of a round and their reach ρ
LATENT_MOVES, REACH = 5, 0.1
#: the path of the annealing: the fluid is switched on while tethers hold, then these are let go
ROOM, RELEASE, GROWTH = 0.6, 2.0, 12.0


class Walk(NamedTuple):
    """One kind of chain.

    Args:
        energy, height: pace of U and of the mean height.
        accepted: share of collective moves accepted; None without any.
        cpu_seconds: of all chains.
    """

    energy: Pace
    height: Pace
    accepted: float | None
    cpu_seconds: float


@dataclass(frozen=True)
class Exact:
    """Chains with and without collective moves, and weighted draws.

    Args:
        walks: by γ and kind of chain.
        means: U and mean height of the data, with standard errors, by γ.
        annealed: sizes and averages of weighted draws at one γ.
        gravity: that γ.
    """

    walks: dict[float, dict[str, Walk]]
    means: dict[float, tuple[float, float, float, float]]
    annealed: dict[str, Any]
    gravity: float

    def as_json(self) -> dict[str, Any]:
        """Every number; the ratio tells how much faster collective moves decorrelate the mean height per CPU second."""
        levels: list[dict[str, Any]] = [
            {
                "gravity": g,
                "walks": walks,
                "ratio_to_tuned": _ratio(walks, "tuned moves"),
                "ratio_to_small": _ratio(walks, "small moves"),
                "fewer_rounds_than_small": walks["small moves"].height.time
                / walks["small moves, latent moves"].height.time,
                "worst_z": max(_worst(walk, self.means[g]) for walk in walks.values()),
            }
            for g, walks in self.walks.items()
        ]
        worst: object = max(level["worst_z"] for level in levels)
        found = {"annealed": self.annealed, "worst_z": worst, "largest_z": LARGEST_Z, "gain": self.gain}
        return plain({"levels": levels, **found})

    @property
    def gain(self) -> dict[str, float]:
        """What latent moves gain beside tuned ones over all γ, and at how many of these the chains are long enough."""
        ratios = [_ratio(walks, "tuned moves") for walks in self.walks.values()]
        long_enough = [
            all(w.height.reliable for name, w in walks.items() if name.startswith("tuned"))
            for walks in self.walks.values()
        ]
        return {"least": min(ratios), "most": max(ratios), "levels": len(ratios), "reliable": sum(long_enough)}


def _ratio(walks: dict[str, Walk], base: str) -> float:
    return walks[f"{base}, latent moves"].height.samples_per_second / walks[base].height.samples_per_second


def _worst(walk: Walk, means: tuple[float, float, float, float]) -> float:
    """Largest distance of a mean from that of the data, in standard errors."""
    energy, energy_error, height, height_error = means
    off = abs(walk.energy.mean - energy), abs(walk.height.mean - height)
    errors = np.hypot(walk.energy.mean_error, energy_error), np.hypot(walk.height.mean_error, height_error)
    return max(float(o / e) for o, e in zip(off, errors, strict=True))


def exact(context: Context) -> Exact:
    """Chains at every γ of the data, annealed weights at one.

    Options of the part: reference (rows that chains start from), rounds, latent_rounds (with collective moves),
    annealed_at (γ), annealing_steps, draws.

    Raises:
        UsageError: the data have no such γ.
    """
    run, system = context.run(context.arm("proposals")), fluid(context)
    gravity = context.option("annealed_at")
    if gravity not in system.gravities:
        raise UsageError(f"part {context.part.name}: annealed_at must be one of {system.gravities}, not {gravity}")
    rows = first(context.store, context.option("reference"))
    walks = {g: _walks(context, run, system, g, of_gravity(rows, g)) for g in system.gravities}
    return Exact(walks, {g: _means(context, g) for g in system.gravities}, _annealed(context, run, gravity), gravity)


def _means(context: Context, gravity: float) -> tuple[float, float, float, float]:
    level = next(x for x in context.store.assessment["levels"] if x["gravity"] == gravity)
    return level["energy"], level["energy_error"], level["height"], level["height_error"]


def _walks(
    context: Context, run: Run, system: LennardJones, gravity: float, equilibrium: FloatArray
) -> dict[str, Walk]:
    """Every kind of chain, from configurations in equilibrium."""
    start = equilibrium[:CHAINS].reshape(len(equilibrium[:CHAINS]), -1).astype(np.float64)
    model = of_run(run, conditions=[gravity], box=system.boxes[0])
    target = particles_of(system, [gravity])
    kinds = {"small moves": (SMALL_STEP, 0.0), "tuned moves": tuned(system, gravity)}
    found = {}
    for name, (size, teleport) in kinds.items():
        local = local_moves(system, gravity, size, teleport)
        for moves in (0, LATENT_MOVES):
            label = name + (", latent moves" if moves else "")
            found[label] = walk(context, run, model, target, local, start, moves)
    return found


def tuned(system: LennardJones, gravity: float) -> tuple[float, float]:
    """Step and share of teleports that relax fastest."""
    reduced = gravity / system.temperatures[0]
    return float(np.interp(reduced, *STEPS)), float(np.interp(reduced, *TELEPORTS))


def local_moves(system: LennardJones, gravity: float, step: float, teleport: float) -> Local:
    """Sweeps of single particles of a fluid."""

    def move(x: Floats, rng: np.random.Generator) -> Floats:
        positions = x.reshape(len(x), system.particles, system.dimensions)
        values = np.full((len(x), 1), gravity)
        moved = system.relax(positions, values, SWEEPS, rng, step=step, teleport=teleport)
        return moved.reshape(x.shape).astype(np.float64)

    return move


def walk(
    context: Context,
    run: Run | None,
    model: LatentModel | None,
    target: Particles,
    local: Local,
    start: Floats,
    moves: int,
) -> Walk:
    """Chains of local moves, and of so many collective ones a round where a run has a model for them."""
    dimensions = target.dimensions
    chain = mixed_chain(
        model,
        target.log_density,
        local,
        lambda x: (target.energy(x), x.reshape(len(x), -1, dimensions)[..., -1].mean(1)),
        start,
        generator(context.study.data.seed, "evaluation", moves),
        rounds=context.option("latent_rounds" if moves else "rounds"),
        moves=moves,
        reach=REACH,
        order=ordering(run) if run is not None and moves else None,
        dimensions=dimensions,
    )
    energy, height = paces(chain)
    return Walk(energy, height, chain.accepted if moves else None, chain.cpu_seconds)


def _path(steps: int) -> list[Stage]:
    """The fluid is switched on over the first part, then tethers and prior are exchanged for it."""
    s = np.linspace(0, 1, steps + 1)
    tether = np.where(s < ROOM, 1.0, ((1 - s) / (1 - ROOM)) ** RELEASE)
    strength = np.minimum(1.0, s / ROOM) ** GROWTH
    return [Stage(float(a), float(b), float(1 - a)) for a, b in zip(tether, strength, strict=True)]


def _annealed(context: Context, run: Run, gravity: float) -> dict[str, Any]:
    """Weighted draws at one γ: sizes, and averages of U and of the mean height."""
    system = fluid(context)
    if not isinstance(run.representation, Coordinates):
        raise TypeError("annealing needs a run on coordinates")
    sites = np.asarray(run.representation.order.sites, np.float64)
    target = particles_of(system, [gravity], sites=sites, teleport=0.3)
    model = of_run(run, conditions=[gravity], box=system.boxes[0])
    stages, rng = _path(context.option("annealing_steps")), generator(context.study.data.seed, "evaluation", 99)
    found = anneal(model, target, context.option("draws"), stages, rng, resample=0.5)
    return found.as_json() | {"gravity": gravity, "steps": len(stages) - 1} | _averages(found, target)


def _averages(found: Annealed, target: Particles) -> dict[str, Any]:
    energy = found.average(target.energy(found.positions))
    height = found.average(found.positions.reshape(len(found.positions), -1, target.dimensions)[..., -1].mean(1))
    return {"energy": energy._asdict(), "height": height._asdict()}
