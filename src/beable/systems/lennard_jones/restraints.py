r"""A fluid between hard walls whose particles are tethered to places, and may be exchanged.

.. math:: F(x) \propto \exp\Big[-b\,\frac{U(x)}{T} - \tfrac12 \sum_i k_i |x_i - \mu_i|^2\Big],
    \qquad U = \sum_{i<j} u(r_{ij}) + \gamma \sum_i y_i

With b = 0 and k = 1/σ² this is the decoder of a VAE, with b = 1 and k = 0 the fluid. Particles are drawn at random, so
that a sweep is in detailed balance and not only in balance.

The tether tells particles apart. Sites s make F a density of *sets* of particles: each set has one order c(x), that of
the optimal assignment to the sites, and F is taken there. A move displaces any particle of the set, finds the order of
the new set and is accepted by the ratio of F in both orders. Since particles are drawn from the set without regard to
their order, proposals are symmetric.

After a move of one particle an optimal assignment is found again by one search for the shortest path. With
:math:`w_{jk} = |x_j - s_k|^2 - |x_j - s_j|^2` it is optimal as long as no cycle of exchanges has a negative sum, which
potentials h with :math:`w_{jk} + h_k - h_j \ge 0` prove. A move of particle i changes :math:`w_{ik}` alone, so only
cycles through i can become negative: Dijkstra's distances D to i give the best, :math:`\min_k (w_{ik} + D_k)`, and are
the next potentials (Edmonds and Karp 1972; Kuhn 1955 for the assignment).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from beable.errors import UsageError
from beable.metrics.columns import Floats
from beable.systems.lennard_jones.pair_potentials import OF_THE_USER, PAIR_SECONDS, PairPotential
from beable.systems.lennard_jones.simulator import LennardJones
from beable.workers import interruptible


class Moved(NamedTuple):
    """Positions after some moves, and the share of local moves accepted."""

    positions: Floats
    accepted: float


@dataclass(frozen=True)
class Particles:
    """A fluid as a target: its density, and moves that know it.

    Args:
        potential: u(r²), built in.
        dimensions: d.
        box: L.
        temperature: T.
        gravity: γ.
        cutoff: distance from which pairs do not interact; infinite for none.
        shift: energy subtracted from pairs within it.
        sites: s, (N, d), that order the particles; None for particles that keep their numbers.
        teleport: share of moves that go anywhere in the box; at low density they relax a fluid fastest.

    Raises:
        UsageError: a potential of the user's.
    """

    potential: PairPotential
    dimensions: int
    box: float
    temperature: float
    gravity: float
    cutoff: float = np.inf
    shift: float = 0.0
    sites: Floats | None = None
    teleport: float = 0.0

    def __post_init__(self) -> None:
        if self.potential.exponent == OF_THE_USER:
            raise UsageError(f"a built-in pair potential is needed, not {self.potential.name}")
        for name in ("box", "temperature", "gravity", "cutoff", "shift", "teleport"):  # whole numbers compile anew
            object.__setattr__(self, name, float(getattr(self, name)))

    def energy(self, positions: Floats) -> Floats:
        """U, (rows, m) to (rows,), whatever the walls say."""
        energies: Floats = _energies(self._shaped(positions), self.gravity, *self._pair)
        return energies

    def log_density(self, positions: Floats) -> Floats:
        """-U/T, (rows,); minus infinity outside the box and out of order."""
        within = ((positions >= 0) & (positions <= self.box)).all(axis=1)
        if self.sites is not None:
            within &= _ordered(self._shaped(positions), self.sites)
        return np.where(within, -self.energy(positions) / self.temperature, -np.inf)

    def displace(
        self,
        positions: Floats,
        centre: Floats,
        stiffness: Floats,
        strength: float,
        step: float,
        sweeps: int,
        rng: np.random.Generator,
    ) -> Moved:
        """Metropolis moves for F.

        Args:
            positions: x, (rows, m), inside the box and in order.
            centre: μ, (rows, m).
            stiffness: k, (m,).
            strength: b.
            step: largest displacement along an axis.
            sweeps: as many moves as particles, each.
            rng: where random numbers come from.
        """
        x = self._shaped(positions).copy()
        pull = np.broadcast_to(stiffness, positions.shape[1:]).reshape(x.shape[1:]).copy()
        sites = np.empty((0, self.dimensions)) if self.sites is None else self.sites
        ratio = interruptible(_moves, x, self._shaped(centre), pull, strength / self.temperature, self.gravity,
                              self.box, float(step), self.teleport, *self._pair, sites, sweeps, rng,
                              expected=PAIR_SECONDS * sweeps * len(x) * x.shape[1] ** 2)  # fmt: skip
        return Moved(x.reshape(positions.shape), float(ratio))

    @property
    def _pair(self) -> tuple[int, float, float]:
        return self.potential.exponent, self.cutoff**2, self.shift

    def _shaped(self, positions: Floats) -> Floats:
        return np.ascontiguousarray(positions.reshape(len(positions), -1, self.dimensions), np.float64)


def particles_of(
    simulator: LennardJones, values: ArrayLike, *, sites: Floats | None = None, teleport: float = 0.0
) -> Particles:
    """The fluid of a simulator at one setting of its factors.

    Args:
        simulator: its potential, walls, box.
        values: its factors, (factors,).
        sites, teleport: see `Particles`.

    Raises:
        UsageError: bonds, periodic walls, or a potential of the user's.
        DataError: factors that no system can have.

    >>> particles_of(LennardJones(particles=5, box=4.0), [0.4]).gravity
    0.4
    """
    if simulator.bonds is not None or simulator.walls == "periodic":
        raise UsageError("particles without bonds between hard walls are needed")
    gravity, temperature, box = simulator.conditions(np.atleast_2d(np.asarray(values, np.float64)))[0].tolist()
    cutoff = np.inf if simulator.cutoff is None else simulator.cutoff
    shift = float(simulator.potential.energy(np.array(cutoff**2))) if simulator.shift else 0.0
    fluid = (simulator.potential, simulator.dimensions, box, temperature, gravity, cutoff, shift)
    return Particles(*fluid, sites=sites, teleport=teleport)


@njit(error_model="numpy", inline="always")
def _pairs(x: Any, i: int, place: Any, exponent: int, cut2: float, shift: float) -> Any:
    """Energy of particle i at a place with all others, u = 4q(q - 1), q = r^-2p."""
    total = 0.0
    for j in range(x.shape[0]):
        r2 = 0.0
        for d in range(x.shape[1]):
            r2 += (place[d] - x[j, d]) ** 2
        if j != i and r2 < cut2 and exponent:
            q = 1 / (r2 * r2 * r2) if exponent == 3 else 1 / r2
            total += 4 * q * (q - 1) - shift
    return total


@njit(error_model="numpy", cache=True)
def _energies(x: Any, gravity: float, exponent: int, cut2: float, shift: float) -> Any:
    total = np.zeros(len(x))
    for row in range(len(x)):
        for i in range(x.shape[1]):
            total[row] += _pairs(x[row], i, x[row, i], exponent, cut2, shift) / 2 + gravity * x[row, i, -1]
    return total


@njit(error_model="numpy", inline="always")
def _excess(place: Any, sites: Any, j: int, k: int) -> Any:
    """|x - s_k|² - |x - s_j|²."""
    total = 0.0
    for d in range(sites.shape[1]):
        total += (sites[j, d] - sites[k, d]) * (2 * place[d] - sites[j, d] - sites[k, d])
    return total


@njit(error_model="numpy", cache=True)
def _potentials(x: Any, sites: Any, h: Any) -> bool:
    """Potentials of an order by Bellman's and Ford's rule; False if it is not the optimal one."""
    n = len(sites)
    h[:] = 0.0
    for _ in range(n + 1):
        changed = False
        for j in range(n):
            for k in range(n):
                through = _excess(x[j], sites, j, k) + h[k]
                if through < h[j] - 1e-12:
                    h[j], changed = through, True
        if not changed:
            return True
    return False


@njit(error_model="numpy", cache=True)
def _ordered(x: Any, sites: Any) -> Any:
    answer, h = np.empty(len(x), np.bool_), np.empty(len(sites))
    for row in range(len(x)):
        answer[row] = _potentials(x[row], sites, h)
    return answer


@njit(error_model="numpy", cache=True)
def _cycle(x: Any, i: int, place: Any, sites: Any, h: Any, distance: Any, after: Any, done: Any) -> int:
    """Distances D of all sites to i; the site that particle i should take at its new place, i itself if none is better.

    The particle at site k then moves on to site after[k], and so on until site i.
    """
    n = len(sites)
    distance[:], done[:] = np.inf, False
    distance[i] = 0.0
    for _ in range(n):
        k, least = -1, np.inf
        for j in range(n):
            if not done[j] and distance[j] < least:
                k, least = j, distance[j]
        if k < 0:
            break
        done[k] = True
        for j in range(n):
            if not done[j]:
                through = least + max(_excess(x[j], sites, j, k) + h[k] - h[j], 0.0)
                if through < distance[j]:
                    distance[j], after[j] = through, k
    best, taken = 0.0, i
    base = h[i]
    for k in range(n):
        distance[k] += h[k] - base
        gain = _excess(place, sites, i, k) + distance[k]
        if k != i and gain < best:
            best, taken = gain, k
    return taken


@njit(error_model="numpy", inline="always")
def _tether(place: Any, k: int, centre: Any, pull: Any) -> Any:
    total = 0.0
    for d in range(pull.shape[1]):
        total += pull[k, d] * (place[d] - centre[k, d]) ** 2 / 2
    return total


@njit(error_model="numpy", cache=True, nogil=True)
def _moves(x: Any, centre: Any, pull: Any, beta: float, gravity: float, box: float, step: float, teleport: float,
           exponent: int, cut2: float, shift: float, sites: Any, sweeps: int, rng: Any) -> Any:  # fmt: skip
    rows, particles, dimensions = x.shape
    place, accepted, local = np.empty(dimensions), 0, 0
    n = len(sites)
    h, distance, done = np.empty(n), np.empty(n), np.empty(n, np.bool_)
    after = np.empty(n, np.int64)
    for row in range(rows):
        y, c = x[row], centre[row]
        if n:
            _potentials(y, sites, h)
        for _ in range(sweeps * particles):
            i = int(rng.random() * particles)
            far = rng.random() < teleport
            local += not far
            for d in range(dimensions):
                new = box * rng.random() if far else y[i, d] + step * (2 * rng.random() - 1)
                place[d] = y[i, d] if new < 0 or new > box else new
            there = _pairs(y, i, place, exponent, cut2, shift) + gravity * place[-1]
            here = _pairs(y, i, y[i], exponent, cut2, shift) + gravity * y[i, -1]
            rise, most = beta * (there - here), -np.log(rng.random())
            if n:
                held = 0.0
                for j in range(particles):
                    held += _tether(y[j], j, c, pull)
                if rise - held > most:
                    continue
                taken = _cycle(y, i, place, sites, h, distance, after, done)
                rise += _tether(place, taken, c, pull) - _tether(y[i], i, c, pull)
                k = taken
                while k != i:
                    rise += _tether(y[k], after[k], c, pull) - _tether(y[k], k, c, pull)
                    k = after[k]
                if rise > most:
                    continue
                for j in range(n):  # Numba takes seconds more to compile whole arrays
                    h[j] = distance[j]
                k = taken
                while k != i:
                    for d in range(dimensions):
                        y[k, d], place[d] = place[d], y[k, d]
                    k = after[k]
                for d in range(dimensions):
                    y[i, d] = place[d]
                accepted += not far
            elif rise + _tether(place, i, c, pull) - _tether(y[i], i, c, pull) <= most:
                for d in range(dimensions):
                    y[i, d] = place[d]
                accepted += not far
    return accepted / max(local, 1)
