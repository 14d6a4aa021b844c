r"""Metropolis Monte Carlo of many small systems at once: a system a lane.

Coordinates lie as ``(dimension, particle, lane)`` in single precision. A step moves one particle in each of ``LANES``
independent systems, so that the innermost loop runs over systems and becomes vector instructions without a neighbour
list or a branch. Lanes share nothing: a system's numbers are the same whatever runs beside it, and a group with too
few systems is filled up.

A move of energy ΔU is accepted if :math:`\Delta U \le T E` with E exponential, which is Metropolis' rule with one
logarithm of a random number instead of an exponential of the energy; the logarithm is a series that is right to
1e-7. Each lane has a generator of its own, of `xoshiro`.

With symmetric proposals each single step obeys detailed balance; a sweep in the order of the particles keeps the
distribution, since each of its steps does (Manousiouthakis and Deem 1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from beable.systems.lennard_jones.pair_potentials import NEAREST2, OF_THE_USER, PAIR_SECONDS, Bonds, PairPotential
from beable.systems.lennard_jones.xoshiro import LANES, exponential, log, uniform
from beable.workers import interruptible

WALLS = {"keep": 0, "mirror": 1, "reject": 2, "periodic": 3}
MOVES = {"sweep": 0, "random": 1}
#: share of local moves that tuning aims at: large steps relax a fluid faster than the half of the textbooks
ACCEPTED = 0.2
TUNING_SWEEPS = 20
SMALLEST_STEP = 0.02

Singles = NDArray[np.float32]
f4, i4 = np.float32, np.int32


@njit(error_model="numpy", inline="always")
def _squared(x: Any, at: Any, j: Any, w: Any, box: Any, solid: bool, periodic: bool) -> Any:
    """r² between particle j of a lane and a point."""
    dx, dy = at[0, w] - x[0, j, w], at[1, w] - x[1, j, w]
    if periodic:
        dx, dy = dx - box[w] * np.rint(dx / box[w]), dy - box[w] * np.rint(dy / box[w])
    r2 = dx * dx + dy * dy
    if solid:
        dz = at[2, w] - x[2, j, w]
        if periodic:
            dz = dz - box[w] * np.rint(dz / box[w])
        r2 = r2 + dz * dz
    return r2


@njit(error_model="numpy", inline="always")
def _power(q: Any, exponent: int) -> Any:
    """4q(q - 1) with the power p of q = 1/r²."""
    if exponent == 0:
        return f4(0)
    if exponent == 3:
        q = q * q * q
    return f4(4) * q * (q - f4(1))


@njit(error_model="numpy", inline="always")
def _bond(r2: Any, stiffness: Any, length: Any) -> Any:
    """Spring and core of a bond."""
    left = f4(1) - r2 / (length * length)
    spring = f4(-0.5) * stiffness * length * length * log(left if left > f4(0) else f4(1))
    core = _power(f4(1) / r2, 3) + f4(1) if r2 < f4(2 ** (1 / 3)) else f4(0)
    return spring + core if left > f4(0) else f4(np.inf)


@njit(error_model="numpy", inline="always")
def _moved(old: Any, drawn: Any, step: Any, box: Any, walls: int) -> Any:
    """A coordinate after a local move, and whether a wall forbids it."""
    new = old + (f4(2) * drawn - f4(1)) * step
    outside = (new < f4(0)) | (new > box)
    if walls == 0:
        return (old if outside else new), False
    if walls == 1:
        new = -new if new < f4(0) else new
        return (f4(2) * box - new if new > box else new), False
    if walls == 2:
        return (old if outside else new), outside
    return new - box * np.floor(new / box), False


@cache
def kernel_of(exponent: int, dimensions: int, periodic: bool, bonded: bool, pair: Any = None) -> Any:
    """The sweeps of one kind of system, compiled; kept on disk unless the pair potential is the user's."""
    solid, users = dimensions == 3, exponent == OF_THE_USER

    def sweeps(
        x: Any,
        state: Any,
        times: Any,
        random_order: Any,
        walls: Any,
        t: Any,
        g: Any,
        box: Any,
        step: Any,
        teleport: Any,
        cut2: Any,
        shift: Any,
        bond: Any,
        accepted: Any,
        local: Any,
    ) -> None:
        particles, bits = x.shape[1], np.empty(LANES, np.uint32)
        numbers, old, new = np.empty((dimensions, LANES), f4), np.empty((3, LANES), f4), np.empty((3, LANES), f4)
        far, heat, rise = np.empty(LANES, f4), np.empty(LANES, f4), np.empty(LANES, f4)
        index, forbidden = np.zeros(LANES, i4), np.zeros(LANES, np.bool_)
        for move in range(times * particles):
            if random_order:
                uniform(state, bits, rise)
                for w in range(LANES):
                    index[w] = min(i4(rise[w] * f4(particles)), particles - 1)
            else:
                index[:] = move % particles
            for d in range(dimensions):
                uniform(state, bits, numbers[d])
            uniform(state, bits, far)
            exponential(state, bits, heat)
            forbidden[:] = False
            for d in range(dimensions):
                for w in range(LANES):
                    old[d, w] = x[d, index[w], w]
                    near, stop = _moved(old[d, w], numbers[d, w], step[w], box[w], walls)
                    jumps = far[w] < teleport[w]
                    new[d, w] = numbers[d, w] * box[w] if jumps else near
                    forbidden[w] |= stop & (not jumps)
            for w in range(LANES):
                rise[w] = g[w] * (new[dimensions - 1, w] - old[dimensions - 1, w])
            for j in range(particles):
                for w in range(LANES):
                    a2 = _squared(x, old, j, w, box, solid, periodic)
                    b2 = _squared(x, new, j, w, box, solid, periodic)
                    if users:
                        before = f4(pair(max(np.float64(a2), NEAREST2)))
                        after = f4(pair(max(np.float64(b2), NEAREST2)))
                    else:
                        before, after = _power(f4(1) / a2, exponent), _power(f4(1) / b2, exponent)
                    before = before - shift if a2 < cut2 else f4(0)
                    after = after - shift if b2 < cut2 else f4(0)
                    free = index[w] != j
                    if bonded:
                        free &= abs(index[w] - j) != 1
                    rise[w] += after - before if free else f4(0)
            if bonded:
                for side in (-1, 1):
                    for w in range(LANES):
                        j = index[w] + side
                        k = min(max(j, 0), particles - 1)
                        a2 = _squared(x, old, k, w, box, solid, periodic)
                        b2 = _squared(x, new, k, w, box, solid, periodic)
                        pull = _bond(b2, bond[0], bond[1]) - _bond(a2, bond[0], bond[1])
                        rise[w] += pull if j == k else f4(0)
            for w in range(LANES):
                ok = (rise[w] <= t[w] * heat[w]) & (not forbidden[w])
                for d in range(dimensions):
                    x[d, index[w], w] = new[d, w] if ok else old[d, w]
                near_move = not (far[w] < teleport[w])
                local[w] += near_move
                accepted[w] += ok & near_move

    return njit(error_model="numpy", cache=not users, nogil=True)(sweeps)


@dataclass(frozen=True)
class Fluid:
    """What all systems of a group have in common.

    Args:
        potential: u(r²).
        dimensions: d, 2 or 3.
        cutoff: distance from which pairs do not interact, in σ; infinite for none.
        shift: u at the cut-off if it is subtracted inside, or 0.
        walls: a key of ``WALLS``.
        moves: a key of ``MOVES``.
        bonds: between neighbours of a chain, or None.
    """

    potential: PairPotential
    dimensions: int = 2
    cutoff: float = 3.0
    shift: float = 0.0
    walls: str = "keep"
    moves: str = "sweep"
    bonds: Bonds | None = None


@dataclass(frozen=True)
class Conditions:
    """What may differ from system to system, (systems) each.

    Args:
        temperature, gravity, box: T, γ, L.
        step: largest displacement along an axis, in σ.
        teleport: probability that a move goes anywhere in the box.
    """

    temperature: Singles
    gravity: Singles
    box: Singles
    step: Singles
    teleport: Singles

    def padded(self, missing: int) -> "Conditions":
        """With as many copies of the first system behind them."""
        fields = (self.temperature, self.gravity, self.box, self.step, self.teleport)
        return Conditions(*(np.concatenate([f, np.repeat(f[:1], missing)]).astype(np.float32) for f in fields))


class Systems:
    """Up to ``LANES`` systems under way.

    Args:
        fluid: what they have in common.
        positions: (systems, particles, dimensions), in σ.
        conditions: what differs.
        generators: one a system; each seeds the generator of its lane.
    """

    def __init__(
        self,
        fluid: Fluid,
        positions: Singles,
        conditions: Conditions,
        generators: Sequence[np.random.Generator],
    ) -> None:
        self.fluid, self.count = fluid, len(positions)
        missing = LANES - self.count
        filled = np.concatenate([positions, np.repeat(positions[:1], missing, axis=0)])
        self._x = np.ascontiguousarray(filled.transpose(2, 1, 0), np.float32)
        self.conditions = conditions.padded(missing)
        states = [g.integers(1, 2**32, 4, dtype=np.uint32) for g in generators]
        self._state = np.ascontiguousarray(np.array(states + states[:1] * missing).T)
        self._accepted, self._local = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)

    @property
    def positions(self) -> Singles:
        """(systems, particles, dimensions)."""
        return np.ascontiguousarray(self._x.transpose(2, 1, 0)[: self.count])

    @property
    def step(self) -> Singles:
        """Largest displacement of each system, (systems)."""
        return self.conditions.step[: self.count].copy()

    def acceptance(self) -> NDArray[np.float64]:
        """Share of local moves accepted since the last call, (systems)."""
        share = self._accepted / np.maximum(self._local, 1)
        self._accepted[:], self._local[:] = 0, 0
        return np.asarray(share[: self.count])

    def run(self, sweeps: int) -> None:
        """So many moves of each particle, or as many of particles drawn at random."""
        f, c, bonds = self.fluid, self.conditions, self.fluid.bonds or Bonds()
        periodic, bonded = f.walls == "periodic", f.bonds is not None
        kernel = kernel_of(f.potential.exponent, f.dimensions, periodic, bonded, f.potential.pair)
        interruptible(
            kernel,
            self._x,
            self._state,
            sweeps,
            bool(MOVES[f.moves]),
            WALLS[f.walls],
            c.temperature,
            c.gravity,
            c.box,
            c.step,
            c.teleport,
            f4(f.cutoff**2),
            f4(f.shift),
            np.array([bonds.stiffness, bonds.length], f4),
            self._accepted,
            self._local,
            expected=PAIR_SECONDS * LANES * sweeps * self._x.shape[1] ** 2,
        )

    def tune(self, sweeps: int) -> None:
        """Run, and set each system's step by its own acceptance on the way; moves after it have a fixed step.

        The logarithm of the step follows the acceptance in ever smaller corrections, so that it settles.
        """
        for k, begun in enumerate(range(0, sweeps, TUNING_SWEEPS)):
            self.acceptance()
            self.run(min(TUNING_SWEEPS, sweeps - begun))
            share = self._accepted / np.maximum(self._local, 1)
            gain = 2.0 / (1 + k / 8)
            bounds = (SMALLEST_STEP, self.conditions.box / 2)
            step = np.clip(self.conditions.step * np.exp(gain * (share - ACCEPTED)), *bounds).astype(np.float32)
            self.conditions = replace(self.conditions, step=step)
        self.acceptance()
