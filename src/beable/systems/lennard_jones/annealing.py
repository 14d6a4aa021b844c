r"""Exact averages from a VAE: annealed importance sampling on positions and latents together.

A VAE draws (x, z) from p(z) p(x|z), whose density is known, unlike that of x alone. Along a path of unnormalised
densities

.. math:: f_s(x, z) = p(z)\, p(x|z)^{a(s)}\, \pi(x)^{b(s)} \Big[\frac{r(z|x)}{p(z)}\Big]^{c(s)},
    \qquad (a, b, c) = (1, 0, 0) \to (0, 1, 1)

a draw is carried from p(z) p(x|z) to π(x) r(z|x), whose margin is π for every normalised r. Between two densities
the weight is multiplied by :math:`f_{s+1}/f_s` at the present point, then a Markov step that leaves f_{s+1} as it is
moves the point. Whatever the steps, E[w φ(x)] = Z E_π[φ] with Z = ∫π (Neal 2001; Jarzynski 1997): averages with weights
are exact, and the mean weight is the partition function. The number of steps decides the spread of the weights alone,
which is what the effective sample size

.. math:: \mathrm{ESS} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

shows. Two guides r are offered: "encoder", r = q(z|x), for which a path without any step is importance sampling with
the ratio that the evidence lower bound averages; and "prior", r = p(z), for which z is only where x starts from, no
encoder is needed, and weights become constant as the path becomes long. By default p(x|z) holds particles near their
places while cores grow around them, and lets go afterwards.

**Identical particles.** π does not change when particles are exchanged, p(x|z) does: it has mass near one of N!
orders. Because E[w φ(x)] = Z E_π[φ] holds for every φ, it holds for φ times the indicator of C, the ordered
configurations, and for symmetric φ

.. math:: \frac{E[w\, 1_C(x)\, \varphi(x)]}{E[w\, 1_C(x)]} = E_\pi[\varphi], \qquad E[w\, 1_C(x)] = \frac{Z}{N!}

Points that end out of order get weight 0. Putting them back in order instead and keeping their weight would count the
part of the other N! - 1 copies that the paths happen to reach: the mean weight lies anywhere between Z/N! and Z, and
configurations near the border of C count too often. Thirty particles that may leave C on their way do not find back, so
that no weight would be left; `tethered.Particles` therefore puts them in order after every move, which is exact because
the acceptance of that move knows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from beable.errors import DataError, UsageError, unknown
from beable.metrics.columns import Floats, Ints
from beable.systems.lennard_jones.latent_moves import LatentModel, LogDensity, Ordering, in_order
from beable.systems.lennard_jones.restraints import Moved

GUIDES = ("prior", "encoder")
#: share of local moves that steps are set for
ACCEPTED = 0.3
FIRST_STEP = 0.5
#: steps of z at each density
REACHES = (0.2, 0.5)
#: draws at once, and how often, until enough are where π is not 0
FEWEST_DRAWS, MOST_TRIES = 256, 1000


class Stage(NamedTuple):
    """One density of a path.

    Args:
        tether: a, exponent of p(x|z).
        strength: b, exponent of π(x).
        guide: c, exponent of r(z|x)/p(z).
    """

    tether: float
    strength: float
    guide: float


def path(steps: int, *, power: float = 12.0, room: float = 0.6, hold: float = 0.6, release: float = 2.0) -> list[Stage]:
    r"""A path of so many densities after the first, for s = 0 to 1.

    .. math:: b = \min\Big(1, \frac{s}{s_1}\Big)^p, \quad a = \min\Big(1, \frac{1 - s}{1 - s_0}\Big)^q, \quad c = 1 - a

    Args:
        steps: number of densities after the first.
        power: p; 12 lets the core of a repulsion r⁻¹² grow evenly.
        room: s₁, from which π counts in full.
        hold: s₀, up to which p(x|z) does.
        release: q.

    Raises:
        UsageError: no steps, power or release not positive, room not in (0, 1], hold not in [0, 1).

    >>> straight(2)[1]
    Stage(tether=0.5, strength=0.5, guide=0.5)
    """
    if steps < 1 or not (power > 0 and release > 0 and 0 < room <= 1 and 0 <= hold < 1):
        raise UsageError(f"no path of {steps} steps has power {power}, room {room}, hold {hold}, release {release}")
    s = np.linspace(0, 1, steps + 1)
    tether, strength = ((1 - s).clip(max=1 - hold) / (1 - hold)) ** release, (s / room).clip(max=1) ** power
    return [Stage(a, b, 1 - a) for a, b in zip(tether.tolist(), strength.tolist(), strict=True)]


def straight(steps: int) -> list[Stage]:
    """The geometric path (p(z) p(x|z))^(1-s) (π(x) r(z|x))^s."""
    return path(steps, power=1.0, room=1.0, hold=0.0, release=1.0)


class System(Protocol):
    """A target π and moves that know it."""

    def log_density(self, positions: Floats) -> Floats:
        """log π up to a constant, (rows, m) to (rows,); minus infinity where π is 0."""

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
        r"""Moves in detailed balance with :math:`\pi(x)^b \exp(-\sum_i k_i (x_i - \mu_i)^2 / 2)`, stiffness k (m,)."""


@dataclass(frozen=True)
class Walk:
    """Any target, moved by random steps of one coordinate at a time.

    Args:
        log_target: log π up to a constant, (rows, m) to (rows,).
    """

    log_target: LogDensity

    def log_density(self, positions: Floats) -> Floats:
        return self.log_target(positions)

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
        x, rows, accepted = positions.copy(), np.arange(len(positions)), 0.0

        def level(at: Floats) -> Floats:
            return np.asarray(strength * self.log_target(at) - 0.5 * (stiffness * (at - centre) ** 2).sum(1))

        now = level(x)
        for _ in range(sweeps * x.shape[1]):
            there = x.copy()
            there[rows, rng.integers(x.shape[1], size=len(x))] += step * rng.uniform(-1, 1, len(x))
            then = level(there)
            ok = np.log(rng.random(len(x))) < then - now
            x, now, accepted = np.where(ok[:, None], there, x), np.where(ok, then, now), accepted + ok.mean()
        return Moved(x, float(accepted) / (sweeps * x.shape[1]))


@dataclass(frozen=True)
class Annealed:
    """Weighted draws.

    Args:
        positions: x, (rows, m).
        latents: z, (rows, n).
        log_weight: log w, (rows,); minus infinity out of order.
        ancestor: which first draw each row comes from, (rows,).
        acceptance: share of moves of x accepted at each step of the path, (steps,).
    """

    positions: Floats
    latents: Floats
    log_weight: Floats
    ancestor: Ints
    acceptance: Floats

    @property
    def weights(self) -> Floats:
        """Normalised, (rows,)."""
        return np.asarray(np.exp(self.log_weight - logsumexp(self.log_weight)))

    @property
    def effective(self) -> float:
        """Effective sample size, 1 to rows."""
        return float(1 / np.square(self.weights).sum())

    @property
    def log_partition(self) -> float:
        """log of the mean weight: log Z, or log Z/N! of identical particles in order."""
        return float(logsumexp(self.log_weight) - np.log(len(self.log_weight)))

    def average(self, values: ArrayLike) -> "Average":
        """E_π of values (rows,), with the standard error of a ratio of means."""
        v, w = np.asarray(values, np.float64), self.weights
        if v.shape != w.shape or not np.isfinite(v[w > 0]).all():
            raise DataError(f"values must be finite numbers ({len(w)},), got shape {v.shape}")
        v = np.where(w > 0, v, 0.0)
        mean = float(w @ v)
        return Average(mean, float(np.sqrt(np.square(w * (v - mean)).sum())))

    def as_json(self) -> dict[str, object]:
        """Sizes, ready for JSON."""
        rows = len(self.log_weight)
        return {
            "rows": rows,
            "effective": self.effective,
            "ancestors": len(np.unique(self.ancestor)),
            "share": self.effective / rows,
            "in_order": float(np.isfinite(self.log_weight).mean()),
            "log_partition": self.log_partition,
            "deviation": float(self.log_weight[np.isfinite(self.log_weight)].std()),
        }


class Average(NamedTuple):
    """A weighted mean and its standard error."""

    mean: float
    error: float


def anneal(
    model: LatentModel,
    system: System,
    rows: int,
    stages: Sequence[Stage],
    rng: np.random.Generator,
    *,
    guide: Literal["prior", "encoder"] = "prior",
    sweeps: int = 1,
    steps: Sequence[float] | None = None,
    order: Ordering | None = None,
    resample: float = 0.0,
) -> Annealed:
    r"""Carry draws of the VAE to π along a path, with weights.

    With the encoder as guide, moves of x leave f without r as it is, and are then accepted or rejected together by the
    ratio of r, which their detailed balance allows. Steps of z follow. First draws with π = 0, such as those out of
    order, are replaced by others, and their share is part of every weight.

    Args:
        model: the VAE.
        system: the target and its moves.
        rows: number of draws.
        stages: the path, from `path` or otherwise, first (1, 0, 0), last (0, 1, 1).
        rng: where random numbers come from.
        guide: r: "prior" or "encoder".
        sweeps: moves of each coordinate or particle at a density.
        steps: size of moves at each density after the first; None: `tuned` finds them on other draws.
        order: see `proposals.latent_move`; None for particles that are not identical.
        resample: whenever the effective size falls below this share of the rows, rows are drawn anew by their weights;
            0 never does. Rows are then related: standard errors of averages are too small where moves mix slowly.

    Raises:
        UsageError: unknown guide, no rows, resample not in [0, 1), a path that begins or ends elsewhere.
        DataError: no draw ends in order with π > 0.

    Reference: R. M. Neal, Statistics and Computing 11, 125 (2001); C. Jarzynski, Phys. Rev. Lett. 78, 2690 (1997); with
    resampling P. Del Moral, A. Doucet and A. Jasra, J. R. Statist. Soc. B 68, 411 (2006).

    >>> from beable.systems.lennard_jones.latent_moves import Posterior
    >>> model = LatentModel(1, lambda z: z, lambda x: Posterior(x / 1.25, np.full_like(x, 0.2**0.5)), np.array([0.5]))
    >>> off = Walk(lambda x: -0.5 * ((x - 1) ** 2).sum(1))
    >>> found = anneal(model, off, 4000, straight(4), np.random.default_rng(0), guide="encoder")
    >>> bool(abs(found.average(found.positions[:, 0]).mean - 1) < 0.1), round(found.log_partition, 1)
    (True, 0.9)
    """
    _check(stages, guide, rows, resample)
    chosen = tuned(model, system, stages, rng, guide=guide, sweeps=sweeps) if steps is None else steps
    if len(chosen) != len(stages) - 1:
        raise UsageError(f"{len(chosen)} steps for {len(stages) - 1} densities after the first: give one for each")
    flight = _Flight(model, system, rows, guide, rng)
    accepted = [
        flight.advance(*two, step, sweeps, resample) for two, step in zip(pairwise(stages), chosen, strict=True)
    ]
    log_weight = flight.log_weight
    if order is not None:
        log_weight = np.where(in_order(flight.x, order), log_weight, -np.inf)
    if not np.isfinite(log_weight).any():
        raise DataError(f"none of {rows} draws ended in order inside the target: give more draws or a longer path")
    return Annealed(flight.x, flight.z, log_weight, flight.ancestor, np.array(accepted))


def _check(stages: Sequence[Stage], guide: str, rows: int, resample: float) -> None:
    if guide not in GUIDES:
        raise unknown("guide", guide, GUIDES)
    if rows < 1 or len(stages) < 2 or tuple(stages[0]) != (1, 0, 0) or tuple(stages[-1]) != (0, 1, 1):
        raise UsageError("at least one row and a path from (1, 0, 0) to (0, 1, 1) are needed")
    if not 0 <= resample < 1:
        raise UsageError(f"resample must be in [0, 1), got {resample}")


def tuned(
    model: LatentModel,
    system: System,
    stages: Sequence[Stage],
    rng: np.random.Generator,
    *,
    guide: Literal["prior", "encoder"] = "prior",
    sweeps: int = 1,
    rows: int = 32,
) -> list[float]:
    """Sizes of moves along a path, each following the acceptance at the density before, on draws of their own.

    They are fixed before any weighted draw is made: a step that looked at its own draws would spoil their weights.
    """
    flight, step, steps = _Flight(model, system, rows, guide, rng), FIRST_STEP, []
    for before, after in pairwise(stages):
        steps.append(step)
        step *= float(np.exp(0.3 * (flight.advance(before, after, step, sweeps) - ACCEPTED)))
        step = min(step, 2.0)
    return steps


class _Flight:
    """Draws on their way: x, z, μ(z) and log weights."""

    def __init__(self, model: LatentModel, system: System, rows: int, guide: str, rng: np.random.Generator) -> None:
        self.model, self.system, self.guided, self.rng = model, system, guide == "encoder", rng
        kept, share = self._draws(rows)
        self.z, self.centre, self.x = (np.concatenate(parts)[:rows] for parts in zip(*kept, strict=True))
        self.log_weight, self.ancestor = np.full(rows, np.log(share)), np.arange(rows)

    def _draws(self, rows: int) -> tuple[list[tuple[Floats, Floats, Floats]], float]:
        """Draws of the VAE where π is not 0, at least so many, and their share; the others have weight 0 for good."""
        kept, found = [], 0
        for tries in range(1, MOST_TRIES + 1):
            z = self.rng.normal(size=(max(rows, FEWEST_DRAWS), self.model.latents))
            centre = self.model.decode(z)
            x = self.model.draw(centre, self.rng)
            good = np.isfinite(self.system.log_density(x))
            kept.append((z[good], centre[good], x[good]))
            found += int(good.sum())
            if found >= rows:
                return kept, found / (tries * len(z))
        raise DataError(
            f"{found} of {tries * len(z)} draws of the VAE are where the target is not 0: {rows} are needed"
        )

    def advance(self, before: Stage, after: Stage, step: float, sweeps: int, resample: float = 0.0) -> float:
        """Weigh, perhaps draw anew, then move at the next density; the share of moves of x accepted."""
        with np.errstate(invalid="ignore"):
            self.log_weight = self.log_weight + self._work(before, after)
        self.log_weight[np.isnan(self.log_weight)] = -np.inf
        if resample:
            self._draw_anew(resample)
        accepted = self._move_positions(after, step, sweeps)
        for reach in REACHES:
            self._move_latents(after, reach)
        return accepted

    def _draw_anew(self, share: float) -> None:
        """Systematic resampling, if weights are too uneven: all rows get the mean weight."""
        total, rows = logsumexp(self.log_weight), len(self.log_weight)
        weights = np.exp(self.log_weight - total) if np.isfinite(total) else np.full(rows, 1 / rows)
        if 1 / np.square(weights).sum() >= share * rows:
            return
        places = (np.arange(rows) + self.rng.random()) / rows
        pick = np.searchsorted(weights.cumsum(), places).clip(max=rows - 1)
        self.x, self.z, self.centre, self.ancestor = (v[pick] for v in (self.x, self.z, self.centre, self.ancestor))
        self.log_weight = np.full(rows, total - np.log(rows))

    def _work(self, before: Stage, after: Stage) -> Floats:
        """log f_after/f_before here."""
        a, b, c = (y - x for x, y in zip(before, after, strict=True))
        work = a * self.model.log_likelihood(self.x, self.centre) + b * self.system.log_density(self.x)
        return np.asarray(work + c * self._guide(self.x, self.z)) if self.guided else np.asarray(work)

    def _guide(self, x: Floats, z: Floats) -> Floats:
        """log r(z|x)/p(z)."""
        return self.model.log_posterior(z, x) - self.model.log_prior(z)

    def _move_positions(self, stage: Stage, step: float, sweeps: int) -> float:
        stiffness = stage.tether / self.model.std**2
        there, accepted = self.system.displace(self.x, self.centre, stiffness, stage.strength, step, sweeps, self.rng)
        if self.guided:
            ratio = stage.guide * (self._guide(there, self.z) - self._guide(self.x, self.z))
            there = np.where((np.log(self.rng.random(len(ratio))) < ratio)[:, None], there, self.x)
        self.x = there
        return accepted

    def _move_latents(self, stage: Stage, reach: float) -> None:
        """A step of z in detailed balance with p(z), accepted by the rest of f."""
        there = np.sqrt(1 - reach**2) * self.z + reach * self.rng.normal(size=self.z.shape)
        centre, model = self.model.decode(there), self.model
        ratio = stage.tether * (model.log_likelihood(self.x, centre) - model.log_likelihood(self.x, self.centre))
        if self.guided:
            ratio = ratio + stage.guide * (self._guide(self.x, there) - self._guide(self.x, self.z))
        ok = (np.log(self.rng.random(len(ratio))) < ratio)[:, None]
        self.z, self.centre = np.where(ok, there, self.z), np.where(ok, centre, self.centre)
