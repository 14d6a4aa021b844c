r"""Generated configurations judged against equilibrium: as they come, and after a few Monte Carlo sweeps.

A sample is *valid before repair* when no two particles are nearer than the core. That alone can be bought with too
regular samples, so it is shown beside what equilibrium fixes as well: contacts, pair correlation, mean height and the
spread of the mean height from sample to sample. With pair counts n(r) per sample two pair correlations differ by

.. math:: \frac{\sum_b |n_b - n'_b|}{\sum_b n'_b}

and its floor that of two random halves of the equilibrium set.

Repair is a few local Metropolis sweeps at the temperature of the fluid. Any start ends in equilibrium, so the number
of sweeps until the energies agree is what a generator is worth; the mean energy has a standard error and the
Jensen-Shannon distance a floor, without which neither says anything. Particles outside the box are first put on its
walls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from beable.errors import DataError, UsageError
from beable.metrics.columns import Floats, Seed
from beable.representations.distance_geometry import as_positions, distances_of
from beable.representations.representation import FloatArray
from beable.systems.lennard_jones.configurations import contacts, inside, jensen_shannon, smallest_distance

SWEEPS = (1, 5, 10, 20, 100)
CORE = 0.8
#: edges of the pair counts, in σ
EDGES = np.linspace(0.0, 3.0, 61)


class Fluid(Protocol):
    """What a fluid must be able to do; `simulators.lennard_jones.LennardJones` is one."""

    def energy(self, positions: FloatArray, values: Floats) -> Floats:
        """U/ε of positions (rows, N, d) at factors (rows, factors)."""

    def relax(
        self,
        positions: FloatArray,
        values: Floats,
        sweeps: int,
        rng: np.random.Generator,
        *,
        step: float,
        teleport: float,
    ) -> FloatArray:
        """Positions after so many Metropolis sweeps."""


class Estimate(NamedTuple):
    """A mean over independent rows and its standard error."""

    mean: float
    error: float


def _estimate(values: Floats) -> Estimate:
    """Of values that may be infinite, as energies of particles on top of each other are: then there is no error."""
    if np.isinf(values).any():
        return Estimate(float(values.mean()), float("nan"))
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


@dataclass(frozen=True)
class Look:
    """What a set of configurations looks like.

    Args:
        rows: how many.
        apart: share with all distances above the core.
        inside: share with all particles in the box.
        height: mean y of a particle.
        height_spread: standard deviation from row to row of a row's mean y.
        contacts: pairs with 1 < r < 1.25.
        pairs_distance: of the pair counts from those of equilibrium, 0 to 2; of the equilibrium set itself, its floor.
        energy_median: U; infinite where particles coincide.
    """

    rows: int
    apart: float
    inside: float
    height: Estimate
    height_spread: float
    contacts: Estimate
    pairs_distance: float
    energy_median: float


@dataclass(frozen=True)
class Relaxed:
    """Generated configurations after some sweeps, against equilibrium.

    Args:
        sweeps: of local moves.
        apart: share with all distances above the core.
        energy: mean U and its standard error; where particles still overlap it is that of a few rows.
        energy_median: of U.
        difference: of mean U from equilibrium, and its standard error.
        energy_distance: Jensen-Shannon distance of the distributions of U.
        floor: its mean for two samples of these sizes from one distribution.
        p: share of such samples at least as far apart.
    """

    sweeps: int
    apart: float
    energy: Estimate
    energy_median: float
    difference: Estimate
    energy_distance: float
    floor: float
    p: float


@dataclass(frozen=True)
class Generation:
    """Generated configurations beside equilibrium at one setting of the factors.

    Args:
        generated: before any repair.
        equilibrium: the same of the reference.
        relaxed: after so many sweeps each.
    """

    generated: Look
    equilibrium: Look
    relaxed: tuple[Relaxed, ...]


def judge(
    positions: ArrayLike,
    equilibrium: ArrayLike,
    fluid: Fluid,
    values: ArrayLike,
    box: float,
    *,
    sweeps: Sequence[int] = SWEEPS,
    step: float = 0.1,
    teleport: float = 0.0,
    core: float = CORE,
    bins: int = 20,
    rng: Seed = 0,
) -> Generation:
    """Judge generated configurations as they are and after sweeps.

    Args:
        positions: generated, (rows, N, d), rows independent of each other.
        equilibrium: decorrelated equilibrium configurations, (rows of their own, N, d).
        fluid: gives energies and moves particles.
        values: its factors, (factors,): one setting for all rows.
        box: side L.
        sweeps: numbers of sweeps to look after, ascending.
        step: largest displacement of a local move, in σ.
        teleport: share of moves that go anywhere.
        core: distance below which two particles overlap.
        bins: of the distribution of energies.
        rng: seed or generator.

    Raises:
        DataError: shapes, NaN or infinity, fewer than 4 rows.
        UsageError: sweeps that do not ascend.
    """
    x, reference = _rows(positions), _rows(equilibrium)
    if x.shape[1:] != reference.shape[1:]:
        raise DataError(f"generated {x.shape[1:]} and equilibrium {reference.shape[1:]} configurations must be alike")
    if list(sweeps) != sorted(set(sweeps)) or min(sweeps, default=1) < 1:
        raise UsageError(f"sweeps must ascend from 1 or above, got {list(sweeps)}")
    draw, setting = np.random.default_rng(rng), _Setting(fluid, np.asarray(values, np.float64), box, core)
    energies, relaxed, done = setting.energy(reference), [], 0
    x_now: FloatArray = x.clip(0, box)
    for many in sweeps:
        x_now = fluid.relax(x_now, setting.values(x_now), many - done, draw, step=step, teleport=teleport)
        done = many
        relaxed.append(setting.relaxed(many, x_now, energies, bins))
    first, second = np.array_split(draw.permutation(reference), 2)
    return Generation(setting.look(x, reference), setting.look(first, second, reference), tuple(relaxed))


def _rows(positions: ArrayLike) -> Floats:
    x = as_positions(positions)
    if len(x) < 4:
        raise DataError(f"{len(x)} configurations are too few: at least 4 are needed")
    return x


@dataclass(frozen=True)
class _Setting:
    fluid: Fluid
    factors: Floats
    box: float
    core: float

    def values(self, x: FloatArray) -> Floats:
        return np.broadcast_to(self.factors, (len(x), *self.factors.shape[-1:]))

    def energy(self, x: FloatArray) -> Floats:
        return np.asarray(self.fluid.energy(x, self.values(x)), np.float64)

    def apart(self, x: FloatArray) -> float:
        return float((smallest_distance(x) > self.core).mean())

    def look(self, x: Floats, reference: Floats, whole: Floats | None = None) -> Look:
        """Of x, or of the whole that x is a half of; pair counts of x against those of the reference."""
        shown = x if whole is None else whole
        height = shown[..., -1].mean(axis=1)
        return Look(
            len(shown),
            self.apart(shown),
            float(inside(shown, self.box).mean()),
            _estimate(height),
            float(height.std(ddof=1)),
            _estimate(contacts(shown).astype(np.float64)),
            pairs_distance(x, reference),
            float(np.median(self.energy(shown))),
        )

    def relaxed(self, sweeps: int, x: FloatArray, equilibrium: Floats, bins: int) -> Relaxed:
        energies = self.energy(x)
        here, there = _estimate(energies), _estimate(equilibrium)
        difference = Estimate(here.mean - there.mean, float(np.hypot(here.error, there.error)))
        found = jensen_shannon(energies, equilibrium, bins)
        median = float(np.median(energies))
        return Relaxed(sweeps, self.apart(x), here, median, difference, found.distance, found.floor, found.p)


def pairs_distance(positions: ArrayLike, reference: ArrayLike) -> float:
    r"""Distance of the pair counts of two sets, :math:`\sum_b |n_b - n'_b| / \sum_b n'_b` up to 3 σ, 0 to 2 and more.

    Args:
        positions: (rows, N, d).
        reference: (rows of their own, N, d).

    Raises:
        DataError: shapes, NaN or infinity, a reference without pairs within 3 σ.

    >>> x = np.random.default_rng(0).uniform(0, 5, size=(400, 10, 2))
    >>> pairs_distance(x[:200], x[200:]) < 0.2 < pairs_distance(x * 0.5, x)
    True
    """
    one, other = _pair_counts(as_positions(positions)), _pair_counts(as_positions(reference))
    if not other.any():
        raise DataError(f"the reference has no pair nearer than {EDGES[-1]:g}: nothing to compare with")
    return float(np.abs(one - other).sum() / other.sum())


def _pair_counts(x: Floats) -> Floats:
    i, j = np.triu_indices(x.shape[1], 1)
    return np.histogram(distances_of(x)[:, i, j], EDGES)[0] / len(x)
