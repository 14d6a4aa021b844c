r"""A fluid of N particles in a box under gravity, sampled by Metropolis Monte Carlo.

.. math:: \frac{U}{\varepsilon} = \sum_{i<j} u(r_{ij}) + \gamma \sum_i y_i, \qquad
    p \propto e^{-U/\varepsilon T}, \qquad \gamma = \frac{m g \sigma}{\varepsilon}

in reduced units (`reduced_units`). y is the last coordinate and points up from the floor at 0; positions lie in
[0, L] along every axis. Pair potentials are those of `pair_potentials`, moves those of `monte_carlo`; whether a set is
in equilibrium is judged by `equilibrium`.

A row is a configuration of a chain of its own (restart), or one of several that a long run of a chain leaves at
distances of many sweeps. Steps are tuned in the first half of the way to the first row, and frozen.

LCP-B group 9 (G. Bordin, L. Barbiero, A. Pitteri, D. Bacilieri), University of Padova (2023), sampled each row from a
restart of 2,500 sweeps with a step of 0.2 (``SOURCE_PROTOCOL``), which is too short: see `equilibrium`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import pi
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.checks import array, count, number, positive
from beable.errors import DataError, UsageError
from beable.records import fields, plain
from beable.simulator import Factor, FloatArray, Simulator, Variable
from beable.streams import RowStreams, generator
from beable.systems.lennard_jones.pair_potentials import Bonds, pair_potential
from beable.systems.lennard_jones.settings import GravityRange, LennardJonesSettings, absurd

if TYPE_CHECKING:
    from beable.systems.lennard_jones.monte_carlo import Conditions, Fluid, Systems

PARAMETERS = {
    "gravity": Factor("gravity", r"\gamma", "1", 0.0),
    "temperature": Factor("temperature", "T", "1", 0.0),
    "box": Factor("box", "L", "1", 0.0),
    "particles": Factor("particles", "N", "1", 1.0),
    "sigma": Factor("sigma", r"\sigma", "m", 0.0),
    "epsilon": Factor("epsilon", r"\varepsilon", "J", 0.0),
}
#: share of moves that go anywhere, by γ/T: best for the slowest quantity, <y>
TELEPORTS = ((0.0, 0.13, 0.53, 0.93, 1.33, 4.0), (0.4, 0.4, 0.3, 0.2, 0.1, 0.05))
#: packing fractions of discs and spheres of diameter σ above which chains from random starts do not relax
DENSEST = {2: 0.75, 3: 0.5}
FIRST_STEP = 0.5
#: in units of the box: beyond it a step would reach past the far wall
LONGEST_STEP = 0.5
BOND_START = 1.05
ENERGY_ROWS = 1024


class LennardJones(Simulator):
    """Particles in a box under gravity.

    Args:
        **settings: those of `LennardJonesSettings`, by name; the potential may be a numba function of r² too.

    Raises:
        UsageError: a setting that is unknown or invalid.

    >>> simulator = LennardJones(particles=5, box=4.0, gravity=0.4, sweeps=50, samples=2, spacing=10)
    >>> streams = RowStreams(seed=0, start=0, rows=4)
    >>> snapshots = simulator.simulate(simulator.draw(streams), streams)
    >>> snapshots["positions"].shape
    (4, 5, 2)
    """

    name = "lennard-jones"
    assessed = ("positions", "energy", "early_energy")

    Settings = LennardJonesSettings
    settings: LennardJonesSettings

    def __init__(self, **settings: object) -> None:
        if callable(potential := settings.get("potential")):
            settings["potential"] = pair_potential(potential).name
        super().__init__(**settings)
        s = self.settings
        self.particles, self.dimensions, self.boxes, self.temperatures = s.particles, s.dimensions, s.box, s.temperature
        self.gravities, self.range = _levels_and_range(s.gravity)
        self.potential = pair_potential(s.potential)
        self.bonds = None if s.bonds is None else Bonds(s.bonds.stiffness, s.bonds.length)
        self.cutoff, self.shift, self.walls = s.cutoff, s.shift, s.walls
        self.samples = 1 if s.protocol == "restart" else s.samples
        self.start = s.start or ("chain" if self.bonds else "random")
        self._check()
        self.spacing = 1
        self.spacing = self._settled(s.spacing)
        self.settle(samples=self.samples, start=self.start, spacing=self.spacing)

    def _check(self) -> None:
        """Refuse settings that do not go together."""
        small = min(self.boxes)
        if self.potential.name != "none":
            _check_room(self.particles, self.dimensions, small)
        if self.settings.step is not None:
            _check_step(self.settings.step, small)
        if self.walls == "periodic":
            self._check_periodic(small)
        if self.start == "chain":
            _chain(self.particles, self.dimensions, small)
        elif self.bonds is not None:
            raise UsageError(f"bonds that begin broken stay so: start must be chain, not {self.start}")

    def _check_periodic(self, small: float) -> None:
        if max(self.gravities, default=self.range[1]) > 0:
            raise UsageError("gravity must be 0 with periodic walls: there is no floor to stand on")
        if self.cutoff is None or self.cutoff > small / 2:
            raise UsageError(f"cutoff must be at most half the box of {small} with periodic walls, not {self.cutoff}")
        if self.bonds is not None:
            raise UsageError("bonds need walls: choose keep, mirror or reject")

    def _settled(self, spacing: int | str) -> int:
        if self.settings.protocol == "restart":
            return self.settings.sweeps - self.settings.sweeps // 2
        return preliminary_run(self).spacing if isinstance(spacing, str) else spacing

    @cached_property
    def _combinations(self) -> NDArray[np.float64]:
        """γ, T, L of the chains in turn; γ is NaN where it is drawn."""
        gravities = self.gravities or (np.nan,)
        return np.array(list(product(gravities, self.temperatures, self.boxes)))

    @property
    def _varied(self) -> list[int]:
        """Which of γ, T, L are factors."""
        return [0, *(i for i, levels in ((1, self.temperatures), (2, self.boxes)) if len(levels) > 1)]

    @property
    def factors(self) -> tuple[Factor, ...]:
        names = ("gravity", "temperature", "box")
        return tuple(PARAMETERS[names[i]] for i in self._varied)

    @property
    def variables(self) -> tuple[Variable, ...]:
        inner, shape = ("particle", "dimension"), (self.particles, self.dimensions)
        numbers = {
            "energy": "energy in units of epsilon, gravity included",
            "pair_energy": "energy of the pairs in units of epsilon",
            "early_energy": "energy of the chain before its first row",
            "acceptance": "share of local moves accepted",
            "step": "largest displacement along an axis",
        }
        scalars = (
            Variable(name, (), (), long_name=words, diagnostic=True, dtype="float64") for name, words in numbers.items()
        )
        return (Variable("positions", inner, shape, long_name="positions in units of sigma"), *scalars)

    @property
    def batch(self) -> int:
        """Rows that cost least when they are computed together."""
        from beable.systems.lennard_jones.xoshiro import LANES

        return LANES * self.samples

    def draw(self, streams: RowStreams) -> FloatArray:
        chains = (streams.start + np.arange(streams.rows)) // self.samples
        drawn = {chain: self._drawn(streams.seed, chain) for chain in np.unique(chains).tolist()}
        return np.array([drawn[chain] for chain in chains.tolist()]).reshape(-1, len(self._varied))

    def _drawn(self, seed: int, chain: int) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self._combinations[chain % len(self._combinations)].copy()
        if not self.gravities:
            values[0] = generator(seed, "factors", chain).uniform(*self.range)
        return np.asarray(values[self._varied])

    def conditions(self, values: ArrayLike) -> NDArray[np.float64]:
        """γ, T, L of factor values, (rows, factors) to (rows, 3).

        Raises:
            DataError: factors of the wrong shape, not finite, or that no system can have.
        """
        given = array("factors", values)
        if given.ndim != 2 or given.shape[1] != len(self._varied):
            raise DataError(f"factors must have shape (rows, {len(self._varied)}), not {given.shape}")
        full = np.tile(self._combinations[:1], (len(given), 1))
        full[:, self._varied] = given
        if (full[:, 0] < 0).any() or (full[:, 1:] <= 0).any():
            raise DataError("factors must have gravity of at least 0, temperature and box greater than 0")
        others = np.flatnonzero(np.diff(full, axis=0, prepend=np.nan).any(axis=1))  # than those of the row before
        for row, conditions in zip(others, full[others], strict=True):
            if reason := absurd(*conditions):
                raise DataError(f"factors, row {row}: {reason}")
        return full

    def simulate(self, values: FloatArray, streams: RowStreams) -> dict[str, FloatArray]:
        """Configurations of factors (rows, factors); rows of one chain come from one run, wherever it is cut.

        Raises:
            DataError: factors of the wrong shape, not finite, or that no system can have.
        """
        known = self.conditions(values)
        chain, sample = np.divmod(streams.start + np.arange(len(known)), self.samples)
        snapshots = {v.name: np.full((len(known), *v.shape), np.nan, v.dtype) for v in self.variables}
        firsts, places, which = np.unique(chain, return_index=True, return_inverse=True)
        if (known != known[places][which]).any():
            raise DataError(f"the {self.samples} rows of a chain come from one run: give them the same factors")
        for group in range(0, len(firsts), self.batch // self.samples):
            part = slice(group, group + self.batch // self.samples)
            self._follow(firsts[part], known[places[part]], streams.seed, chain, sample, snapshots)
        snapshots["pair_energy"] = self.pair_energies(snapshots["positions"], known[:, 2])
        snapshots["energy"] = snapshots["pair_energy"] + _weight(snapshots["positions"], known[:, 0])
        snapshots["positions"][~np.isfinite(snapshots["energy"])] = np.nan
        return snapshots

    def _follow(
        self,
        chains: NDArray[np.int64],
        known: NDArray[np.float64],
        seed: int,
        chain: NDArray[np.int64],
        sample: NDArray[np.int64],
        snapshots: dict[str, FloatArray],
    ) -> None:
        """Run some chains as far as rows ask, and write down what is asked."""
        generators = [generator(seed, "simulation", c) for c in chains.tolist()]
        systems = self._begun(known, generators)
        early = self.energy(systems.positions, known[:, self._varied])
        mine = np.isin(chain, chains)
        for k in range(int(sample[mine].max()) + 1):
            systems.run(self.spacing)
            acceptance, positions = systems.acceptance(), systems.positions
            rows = np.flatnonzero(mine & (sample == k))
            lanes = np.searchsorted(chains, chain[rows])
            found: dict[str, FloatArray] = {
                "positions": positions,
                "early_energy": early,
                "acceptance": acceptance,
                "step": systems.step,
            }
            for name, numbers in found.items():
                snapshots[name][rows] = numbers[lanes]

    def _begun(self, known: NDArray[np.float64], generators: Sequence[np.random.Generator]) -> "Systems":
        """Systems on their way to the first rows, with steps settled."""
        from beable.systems.lennard_jones.monte_carlo import Systems

        starts = np.stack([self._start(g, box) for g, box in zip(generators, known[:, 2], strict=True)])
        systems = Systems(self._fluid, starts.astype(np.float32), self._conditions(known), generators)
        s = self.settings
        sweeps = s.sweeps // 2 if s.protocol == "restart" else s.sweeps
        if s.step is None:
            systems.tune(sweeps // 2)
            sweeps -= sweeps // 2
        systems.run(sweeps)
        systems.acceptance()
        return systems

    def _start(self, rng: np.random.Generator, box: float) -> FloatArray:
        if self.start == "random":
            return rng.random((self.particles, self.dimensions)) * box
        if self.start == "lattice":
            return _lattice(self.particles, self.dimensions, box)
        return _chain(self.particles, self.dimensions, box)

    @cached_property
    def _fluid(self) -> "Fluid":
        from beable.systems.lennard_jones.monte_carlo import Fluid

        cutoff = np.inf if self.cutoff is None else self.cutoff
        return Fluid(self.potential, self.dimensions, cutoff, self._shift, self.walls, self.settings.moves, self.bonds)

    @property
    def _shift(self) -> float:
        return float(self.potential.energy(np.array(self.cutoff**2))) if self.shift and self.cutoff else 0.0

    def _conditions(
        self, known: NDArray[np.float64], step: float | None = None, teleport: float | None = None
    ) -> "Conditions":
        """T, γ, L and moves of systems with γ, T, L in rows."""
        from beable.systems.lennard_jones.monte_carlo import Conditions

        gravity, temperature, box = known.T
        chosen = self.settings.teleport if teleport is None else teleport
        best = np.zeros(len(known)) if self.bonds else np.interp(gravity / temperature, *TELEPORTS)
        far = best if chosen is None else np.full(len(known), chosen)
        steps = np.minimum(step or self.settings.step or FIRST_STEP, LONGEST_STEP * box)
        fields = (temperature, gravity, box, steps, far)
        return Conditions(*(np.asarray(f, np.float32) for f in fields))

    def pair_energies(self, positions: FloatArray, box: ArrayLike | None = None) -> NDArray[np.float64]:
        """Energy of the pairs of configurations (rows, particles, dimensions), (rows), in ε."""
        x = np.asarray(positions, np.float64)
        side = np.broadcast_to(self.boxes[0] if box is None else np.asarray(box), len(x))
        blocks = range(0, len(x), ENERGY_ROWS)
        parts = [self._pairs(x[i : i + ENERGY_ROWS], side[i : i + ENERGY_ROWS]) for i in blocks]
        return np.concatenate(parts) if parts else np.empty(0)

    def _pairs(self, x: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
        i, j = np.triu_indices(self.particles, 1)
        d = x[:, i] - x[:, j]
        if self.walls == "periodic":
            d -= box[:, None, None] * np.rint(d / box[:, None, None])
        r2 = (d**2).sum(-1)
        inside = r2 < (np.inf if self.cutoff is None else self.cutoff**2)
        energy = np.where(inside, self.potential.energy(r2) - self._shift, 0.0)
        if self.bonds is not None:
            energy = np.where(j - i == 1, self.bonds.energy(r2), energy)
        return _row_sums(energy)

    def energy(self, positions: FloatArray, values: ArrayLike) -> NDArray[np.float64]:
        """U/ε of configurations (rows, particles, dimensions) with factors (rows, factors), (rows)."""
        known = self.conditions(values)
        x = self._configurations(positions, len(known))
        return np.asarray(self.pair_energies(x, known[:, 2]) + _weight(x, known[:, 0]))

    def relax(
        self,
        positions: FloatArray,
        values: ArrayLike,
        sweeps: int,
        rng: np.random.Generator,
        *,
        step: float = 0.1,
        teleport: float = 0.0,
    ) -> FloatArray:
        """Configurations after Monte Carlo sweeps from given ones; overlaps and infinite energies relax too.

        Args:
            positions: where they begin, (rows, particles, dimensions), in σ; outside the box they are put at its wall,
                or back into a periodic one.
            values: factors, (rows, factors).
            sweeps: moves of each particle.
            rng: where random numbers come from.
            step: largest displacement along an axis, in σ.
            teleport: probability that a move goes anywhere in the box.

        Raises:
            DataError: positions that are not finite, or of the wrong shape.
            UsageError: invalid sweeps, step or teleport.
        """
        known = self.conditions(values)
        x = self._inside(self._configurations(positions, len(known)), known[:, 2, None, None])
        _share("teleport", teleport)
        _check_step(positive("step", step), known[:, 2].min(initial=np.inf))
        if count("sweeps", sweeps, least=0) == 0 or not len(x):
            return x
        generators, lanes = rng.spawn(len(x)), self.batch // self.samples
        parts = [slice(i, i + lanes) for i in range(0, len(x), lanes)]
        return np.concatenate([self._relaxed(x[p], known[p], sweeps, generators[p], step, teleport) for p in parts])

    def _inside(self, x: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float32]:
        """Positions at the wall if they are outside, or their image in a periodic box."""
        return (np.mod(x, box) if self.walls == "periodic" else np.clip(x, 0, box)).astype(np.float32)

    def _relaxed(
        self,
        x: FloatArray,
        known: NDArray[np.float64],
        sweeps: int,
        generators: Sequence[np.random.Generator],
        step: float,
        teleport: float,
    ) -> FloatArray:
        from beable.systems.lennard_jones.monte_carlo import Systems

        systems = Systems(self._fluid, x, self._conditions(known, step, teleport), generators)
        systems.run(sweeps)
        return systems.positions

    def _configurations(self, positions: FloatArray, rows: int) -> NDArray[np.float64]:
        x = array("positions", positions)
        if x.shape != (rows, self.particles, self.dimensions):
            expected = (rows, self.particles, self.dimensions)
            raise DataError(f"positions must have shape {expected}, (rows, particles, dimensions), not {x.shape}")
        return x

    def residual(self, snapshot: Mapping[str, FloatArray]) -> float:
        """How far stored energies are from those of the stored positions, relative, at the nearest possible γ.

        Raises:
            DataError: positions or energy missing, of the wrong shape, or not finite.
        """
        for name in ("positions", "energy", "pair_energy"):
            if name not in snapshot:
                raise DataError(f"a snapshot needs {name}: give it")
        x = self._configurations(np.asarray(snapshot["positions"])[None], 1)
        energy, pairs = (_single(name, snapshot[name]) for name in ("energy", "pair_energy"))
        found, heights = float(self.pair_energies(x)[0]), float(x[..., -1].sum())
        gravity = _nearest((energy - pairs) / heights, self.gravities or self.range, inside=not self.gravities)
        scale = max(abs(energy), abs(pairs), 1.0)
        return max(abs(found - pairs), abs(energy - pairs - gravity * heights)) / scale

    def assess(self, values: FloatArray, snapshots: Mapping[str, FloatArray]) -> dict[str, object]:
        """Whether the set is in equilibrium, as `equilibrium.verdict` judges, with its energies and heights."""
        from beable.systems.lennard_jones.equilibrium import verdict

        gravity, temperature, box = self.conditions(values).T
        found = verdict(
            snapshots["positions"],
            snapshots["energy"],
            early_energy=snapshots["early_energy"],
            gravity=gravity,
            temperature=temperature,
            box=box,
            chain=np.arange(len(values)) // self.samples,
            hard_walls=self.walls != "periodic",
        )
        return plain(fields(found))


class Preliminary(NamedTuple):
    """What a preliminary run says of the memory of a chain, in sweeps, the slowest of all γ, T, L.

    Args:
        every: sweeps between records.
        energy_time, height_time: integrated autocorrelation time τ of U and of the mean height.
        energy_below, height_below: first lag at which their correlation is below 10 %, the source's rule.
        spacing: of rows: the larger τ.
    """

    every: int
    energy_time: float
    height_time: float
    energy_below: int
    height_below: int
    spacing: int


def preliminary_run(simulator: LennardJones, *, sweeps: int = 10_000, every: int = 20, seed: int = 0) -> Preliminary:
    """Measure the memory of chains by a run of a group of them for each γ, T and L.

    Args:
        simulator: whose chains.
        sweeps: length of the run, after the simulator's own way to the first row.
        every: sweeps between records.
        seed: of the run, which has nothing to do with that of a data set.
    """
    from beable.systems.lennard_jones.autocorrelation import first_below, integrated_time

    found = []
    for known in simulator._combinations:
        for series in _records(simulator, np.nan_to_num(known, nan=simulator.range[1]), sweeps // every, every, seed):
            found.append((every * integrated_time(series), every * first_below(series)))
    times, lags = np.array(found).reshape(-1, 2, 2).max(0).T
    return Preliminary(every, float(times[0]), float(times[1]), int(lags[0]), int(lags[1]), int(np.ceil(times.max())))


def _records(
    simulator: LennardJones, known: NDArray[np.float64], records: int, every: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Energy and mean height of chains of one γ, T, L, (chains, records) each."""
    chains = simulator.batch // simulator.samples
    all_known = np.tile(known, (chains, 1))
    systems = simulator._begun(all_known, [generator(seed, "evaluation", c) for c in range(chains)])
    energy, height = np.empty((chains, records)), np.empty((chains, records))
    for k in range(records):
        systems.run(every)
        energy[:, k] = simulator.energy(systems.positions, all_known[:, simulator._varied])
        height[:, k] = systems.positions[..., -1].mean(1)
    yield energy
    yield height


def pair_energy(positions: ArrayLike, *, box: float | None = None, cutoff: float | None = None) -> float:
    """Lennard-Jones energy of one configuration, in ε.

    Args:
        positions: (particles, dimensions), in σ.
        box: side of a periodic box for the nearest images; None for none.
        cutoff: distance from which pairs do not interact, in σ; None for none.

    Raises:
        DataError: positions of the wrong shape or not finite.
        UsageError: an invalid box or cut-off.

    >>> round(pair_energy([[0.0, 0.0], [2 ** (1 / 6), 0.0]]), 12)
    -1.0
    """
    x = array("positions", positions)
    if x.ndim != 2:
        raise DataError(f"positions must have shape (particles, dimensions), not {x.shape}")
    i, j = np.triu_indices(len(x), 1)
    d = x[i] - x[j]
    if box is not None:
        d -= positive("box", box) * np.rint(d / box)
    r2 = (d**2).sum(1)
    if cutoff is not None:
        r2 = r2[r2 < positive("cutoff", cutoff) ** 2]
    return float(pair_potential("lennard-jones").energy(r2).sum())


def _check_step(step: float, box: float) -> None:
    if step > LONGEST_STEP * box:
        raise UsageError(f"step must be at most half the box of {box:g}, not {step:g}")


def _weight(positions: FloatArray, gravity: NDArray[np.float64]) -> NDArray[np.float64]:
    """γ Σy of configurations, (rows)."""
    return np.asarray(gravity * _row_sums(np.asarray(positions[..., -1], np.float64)))


def _row_sums(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the second axis, each along memory, in an order that does not depend on the number of rows."""
    return np.asarray(np.ascontiguousarray(numbers).sum(axis=1))


def _levels_and_range(gravity: tuple[float, ...] | GravityRange) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Levels of γ, none for a range; and the range."""
    if isinstance(gravity, GravityRange):
        return (), (gravity.low, gravity.high)
    return gravity, (min(gravity), max(gravity))


def _single(name: str, value: ArrayLike) -> float:
    found = array(name, value)
    if found.shape != ():
        raise DataError(f"{name} must be one number, not of shape {found.shape}")
    return float(found)


def _nearest(value: float, levels: Sequence[float], *, inside: bool) -> float:
    """The nearest of some levels, or the nearest number between the first and the last."""
    if inside:
        return float(np.clip(value, levels[0], levels[-1]))
    return min(levels, key=lambda level: abs(level - value))


def _share(name: str, value: object) -> float:
    if not 0 <= number(name, value) <= 1:
        raise UsageError(f"{name} must be from 0 to 1, not {value}")
    return number(name, value)


def _check_room(particles: int, dimensions: int, box: float) -> None:
    """Refuse more particles than a box takes without freezing; centres may touch the walls."""
    one, room = (pi / 4 if dimensions == 2 else pi / 6), (box + 1) ** dimensions
    most = int(DENSEST[dimensions] * room / one)
    if particles > most:
        side = (particles * one / DENSEST[dimensions]) ** (1 / dimensions) - 1
        raise UsageError(
            f"{particles} particles do not fit a box of side {box:g}: give at most {most}, or a side of at least "
            f"{np.ceil(side * 100) / 100:g}"
        )


def _lattice(particles: int, dimensions: int, box: float) -> FloatArray:
    """Particles on a square lattice, from the floor up."""
    n = int(np.ceil(particles ** (1 / dimensions) - 1e-9))
    points = (np.array(list(np.ndindex(*[n] * dimensions)))[:, ::-1] + 0.5) * box / n
    return points[:particles]


def _chain(particles: int, dimensions: int, box: float) -> FloatArray:
    """Particles along a line that turns at the walls, neighbours at one distance.

    Raises:
        UsageError: the line is too long for the box.
    """
    n = int(box / BOND_START) + 1
    if particles > n**dimensions:
        raise UsageError(f"a chain of {particles} particles does not fit a box of side {box:g}: give a larger box")
    points = np.array(list(np.ndindex(*[n] * dimensions)), dtype=float)
    for axis in range(1, dimensions):
        turned = points[:, :axis].sum(1) % 2 == 1
        points[turned, axis] = n - 1 - points[turned, axis]
    return BOND_START * points[:particles, ::-1]
