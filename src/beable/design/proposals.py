r"""Which designs to simulate next: likely to succeed, and far from each other.

With the chance π(θ) that a simulation of a candidate lies in the interval, as an emulator of all calls so far sees it,
a batch is chosen one after the other,

.. math:: \theta_k = \arg\max_\theta \; \pi(\theta)\, d_k(\theta)^\gamma, \qquad
          d_k(\theta) = \min_{\theta' \in \text{found} \cup \{\theta_1, \dots, \theta_{k-1}\}}
                        \|x(\theta) - x(\theta')\|,

with scaled descriptors x and a small γ: at 0.05, twice the distance makes up for 3.5 % of chance. Candidates are a
fixed pool that covers the space and, each time, steps of several sizes around the most likely ones and the nearest
calls. Where simulations failed, a chance counts as the share of successes nearby.

Two plainer ways serve for comparison: `Random` and `Inversion`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from beable.datasets.store import Store
from beable.design.calls import Calls
from beable.design.outcomes import Floats, Target
from beable.design.space import Candidates, DesignSpace
from beable.design.surrogate import LEAST_ROWS, Surrogate, leading
from beable.errors import DataError

Bools = NDArray[np.bool_]

POOL = 2048
CENTRES, REPEATS = 12, 8
LIKELY = 400
DIVERSITY = 0.05
NEIGHBOURS, LEAST_SHARE = 5, 0.02
UNIFORM = 12**0.5  # what makes 1 of the standard deviation of a uniform law
SAME, APART = 1e-9, 1e-6
HOPELESS = 20


class Known(NamedTuple):
    """Simulations that were there before.

    Args:
        values: θ, (rows, factors).
        parts: of the outcome, (rows, parts).
        errors: standard errors, (rows,) of one outcome, (rows, outcomes) of several.
    """

    values: Floats
    parts: Floats
    errors: Floats

    @classmethod
    def of(cls, store: Store, factors: list[str], target: Target) -> "Known":
        """Rows of a data set of these factors, in any order.

        Raises:
            DataError: other factors, or a variable is missing.
        """
        names = [f.name for f in store.factors]
        if sorted(names) != sorted(factors):
            raise DataError(f"{store.path}: factors are {', '.join(names) or 'unknown'}, not {', '.join(factors)}")
        variables = [v.name for v in store.variables]
        for name in (each.outcome.variable for each in target.each):
            if name not in variables:
                raise DataError(f"{store.path}: holds {', '.join(variables)}, not {name}: choose a data set that does")
        rows = store.valid_rows
        wanted = {n for each in target.each for n in (each.outcome.variable, each.outcome.error)}
        snapshots = {n: store.read(n, rows) for n in variables if n in wanted}
        values = store.factor_values[rows][:, [names.index(factor) for factor in factors]]
        return cls(np.asarray(values, dtype=float), target.parts(snapshots), target.errors(snapshots))

    def nearest(self, target: Target) -> "Known":
        """The rows that an emulator can use."""
        rows = leading(len(self.values), target.distance(target.numbers(self.parts)))
        return Known(self.values[rows], self.parts[rows], self.errors[rows])


class Evidence(NamedTuple):
    """What is known when something is to be proposed.

    Args:
        features: descriptors of simulations that succeeded, (rows, p).
        parts: of the outcome, (rows, parts).
        errors: standard errors, (rows,) of one outcome, (rows, outcomes) of several.
        calls: descriptors of all calls, failed ones too, (calls, p).
        good: which of them succeeded, (calls,).
    """

    features: Floats
    parts: Floats
    errors: Floats
    calls: Floats
    good: Bools


class Emulators:
    """An emulator of each outcome of a target, from all simulations so far.

    Args:
        target: the outcomes.
        evidence: of simulations.
    """

    def __init__(self, target: Target, evidence: Evidence) -> None:
        self.target, e = target, evidence
        distance, errors = target.distance(target.numbers(e.parts)), e.errors.reshape(len(e.parts), -1)
        parts = target.split(e.parts)
        self._each = [Surrogate(e.features, own, errors[:, i], distance) for i, own in enumerate(parts)]

    def log_chance(self, features: Floats) -> Floats:
        """Log chance that a simulation of descriptors (rows, p) gives all outcomes within their intervals, (rows,)."""
        pairs = zip(self._each, self.target.each, strict=True)
        chances = [emulator.predict(features).log_chance(t.low, t.high) for emulator, t in pairs]
        return np.asarray(sum(chances[1:], chances[0]))

    def distance(self, features: Floats) -> Floats:
        """How far the numbers that are expected lie from the target, (rows,)."""
        means = [emulator.predict(features).mean for emulator in self._each]
        return self.target.distance(means[0] if len(means) == 1 else np.column_stack(means))


class Proposer:
    """Designs to simulate next, from nothing but the calls so far.

    Args:
        space: of designs.
        target: outcome and interval.
        survey: number of calls spread over the space to begin with.
        seed: of candidates.
        known: simulations that cost no call.
        latent: further candidates, factor values (rows, factors); those out of the space are left out.
        diversity: γ, what distance counts against chance.
    """

    def __init__(
        self,
        space: DesignSpace,
        target: Target,
        survey: int,
        seed: int = 0,
        known: Known | None = None,
        latent: Floats | None = None,
        diversity: float = DIVERSITY,
    ) -> None:
        self.space, self.target, self.survey, self.seed, self.diversity = space, target, survey, seed, diversity
        self.pool = space.candidates(POOL, seed)
        self._extent = self.pool.units.std(0) * UNIFORM
        self._candidates = self.pool if latent is None else self.pool.joined(_from_values(space, latent))
        self._features = space.features(self._candidates.values)
        self._scale = np.where(self._features.std(0) > 0, self._features.std(0), 1.0)
        self._known = None if known is None or not len(known.values) else known.nearest(target)
        self._known_features = None if self._known is None else space.features(self._known.values)
        self._called = np.empty((0, self._features.shape[1]))

    def next(self, made: Calls, rows: int) -> tuple[Candidates, bool]:
        """Designs to simulate, and whether they were proposed by what was learned; none where candidates are used up.

        Raises:
            DataError: there is nothing to learn from, because simulations fail.
        """
        evidence = self._evidence(made)
        survey = min(self.survey, len(self.pool.values))
        if len(made) < survey:
            return self.pool.take(slice(len(made), min(survey, len(made) + rows))), False
        if len(evidence.features) < LEAST_ROWS:
            return self._blind(made, rows), False
        return self.proposed(made, rows), True

    def _blind(self, made: Calls, rows: int) -> Candidates:
        if len(made) >= self.survey + HOPELESS:
            raise DataError(f"{len(made)} simulations, nearly all failed: look at the settings, or narrow the designs")
        return self.pool.take(slice(len(made), len(made) + rows))

    def emulator(self, made: Calls) -> Emulators:
        """The emulators of all simulations so far."""
        return Emulators(self.target, self._evidence(made))

    def proposed(self, made: Calls, rows: int) -> Candidates:
        """Likely and different designs."""
        emulator, evidence = self.emulator(made), self._evidence(made)
        chance = self._chance(emulator, evidence, self._features)
        more = self._around(made, chance)
        features = np.concatenate([self._features, self.space.features(more.values)])
        chance = np.concatenate([chance, self._chance(emulator, evidence, features[len(chance) :])])
        found = self.target.holds(self.target.numbers(made.parts)) if len(made) else np.empty(0, dtype=bool)
        chance[self._nearest(features, evidence.calls) < APART] = -np.inf
        chosen = self._different(features, chance, evidence.calls[found], rows)
        return self._candidates.joined(more).take(chosen)

    def _evidence(self, made: Calls) -> Evidence:
        new = made.values[len(self._called) :]
        if len(new):
            self._called = np.concatenate([self._called, self.space.features(new)])
        calls = self._called[: len(made)]
        parts = made.parts if len(made) else np.empty((0, 1))
        good = np.asarray(np.isfinite(parts).all(1))
        features, errors = calls[good], made.errors[good]
        if self._known is None or self._known_features is None:
            return Evidence(features, parts[good], errors, calls, good)
        parts = np.concatenate([self._known.parts, parts[good]]) if len(made) else self._known.parts
        errors = np.concatenate([self._known.errors, errors])
        return Evidence(np.concatenate([self._known_features, features]), parts, errors, calls, good)

    def _chance(self, emulator: Emulators, evidence: Evidence, features: Floats) -> Floats:
        """Log chance of each candidate, (rows,)."""
        chance = emulator.log_chance(features)
        if evidence.good.all():
            return chance
        order = np.argsort(self._distances(features, evidence.calls), axis=1, kind="stable")[:, :NEIGHBOURS]
        nearby = np.log(np.maximum(evidence.good[order].mean(1), LEAST_SHARE))
        return np.asarray(chance + nearby)

    def _around(self, made: Calls, chance: Floats) -> Candidates:
        """Steps around the most likely candidates and the nearest calls, as far as these are of the cube."""
        best = self._candidates.units[np.argsort(-chance, kind="stable")[:CENTRES]]
        units = best
        if len(made):
            distance = np.nan_to_num(self.target.distance(self.target.numbers(made.parts)), nan=np.inf)
            units = np.concatenate([best, made.units[np.argsort(distance, kind="stable")[:CENTRES]]])
        units = np.tile(units[np.isfinite(units).all(1)], (REPEATS, 1))
        return self.space.near(units, self._extent, np.random.default_rng([self.seed, 2, len(made)]))

    def _distances(self, features: Floats, others: Floats) -> Floats:
        return np.asarray(cdist(features / self._scale, others / self._scale))

    def _nearest(self, features: Floats, others: Floats) -> Floats:
        """Distance from the nearest of the others, infinite without any, (rows,)."""
        return self._distances(features, others).min(1) if len(others) else np.full(len(features), np.inf)

    def _different(self, features: Floats, chance: Floats, found: Floats, rows: int) -> NDArray[np.intp]:
        """Numbers of likely candidates, each far from those before it and from what was found."""
        likely = np.argsort(-chance, kind="stable")[:LIKELY]
        likely = likely[np.isfinite(chance[likely])]
        distance, chosen = self._nearest(features[likely], found), []
        for _ in range(min(rows, len(likely))):
            far = np.log(np.clip(distance, SAME, 1 / SAME))
            pick = int(np.argmax(chance[likely] + self.diversity * far))
            chosen.append(pick)
            distance = np.minimum(distance, self._nearest(features[likely], features[likely[[pick]]]))
        return likely[chosen]


class Random(Proposer):
    """Designs without preference."""

    def next(self, made: Calls, rows: int) -> tuple[Candidates, bool]:
        return self.pool.take(slice(len(made), len(made) + rows)), True


class Inversion(Proposer):
    """The plain use of an emulator: one fit to the survey, then the designs whose expected outcome lies nearest to the
    target, nearest first, whatever comes back."""

    def proposed(self, made: Calls, rows: int) -> Candidates:
        survey = made.first(self.survey)
        distance = self.emulator(survey).distance(self._features)
        distance[self._nearest(self._features, self._evidence(survey).calls) < APART] = np.inf
        begun = len(made) - self.survey
        return self._candidates.take(np.argsort(distance, kind="stable")[begun : begun + rows])


METHODS: dict[str, type[Proposer]] = {"random": Random, "inversion": Inversion, "search": Proposer}


def _from_values(space: DesignSpace, values: Floats) -> Candidates:
    """Designs that do not come from the cube, as far as they keep the constraints."""
    settled = space.settled(np.asarray(values, dtype=float))
    kept = settled[space.keeps(settled)]
    return Candidates(np.full((len(kept), space.dimensions), np.nan), kept)
