r"""Which designs there are, and those among them that keep given constraints.

A simulator maps the unit cube to its factors, θ(u); uniform u means a design drawn without preference. Without
constraints candidates are a Sobol sequence of the cube, shifted at random. Where constraints leave few of them, the
rest is found by Gibbs steps: one coordinate of a row is drawn anew, or moved by the difference of two other rows, and
kept if the row comes no further from them,

.. math:: V(u') \le V(u), \qquad V(u) = \sum_c \text{distance of } F_c(q_c(u)) \text{ from } [F_c(a_c), F_c(b_c)],

with the constrained quantity q_c and its marginal distribution F_c among designs. Once V = 0 the steps leave the
uniform law on the constrained part of the cube as it is.

A factor that is fixed takes its value exactly, in designs whose factor lies within ``BAND`` of it by rank, so that what
the simulator ties together stays together. Shares, factors ``name_1``, ``name_2``, ... that add up to one in every
design, give way to a fixed one in proportion, which is the conditional law of shares drawn uniformly from the simplex.

S.-K. Au and J. L. Beck, *Estimation of small failure probabilities in high dimensions by subset simulation*,
Probabilistic Engineering Mechanics 16 (2001) 263, for sampling a rare set from its surroundings; C. J. F. ter Braak,
*A Markov chain Monte Carlo version of the genetic algorithm Differential Evolution*, Stat. Comput. 16 (2006) 239, for
steps by differences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.checks import number
from beable.design.designable import designable, features
from beable.errors import DataError, UsageError, unknown
from beable.simulator import Simulator
from beable.streams import sobol

Floats = NDArray[np.float64]
Range = float | tuple[float, float]

SURVEY = 4096
BAND = 0.05
GIBBS_ROWS, GIBBS_STEPS, MIXING, SPARE = 512, 1500, 12, 4
TINY_STEP = 1e-3
STEPS = (0.1, 0.03, 0.01)
EDGE = 0.02
ROUNDING = 1e-12


class Bound(NamedTuple):
    """One constraint: a factor, the ratio of two, or a weighted sum, between two values; equal ones fix a factor.

    Args:
        name: in words, such as "median_1", "median_1/median_3" or "20*mass_fraction_1 + 5*mass_fraction_2".
        columns: number of the factor, and of the one it is divided by, or of those that are summed.
        low, high: both included; infinite for no end.
        weights: of a sum; none for a factor or a ratio.
    """

    name: str
    columns: tuple[int, ...]
    low: float
    high: float
    weights: tuple[float, ...] = ()

    @property
    def fixed(self) -> bool:
        return self.low == self.high

    def quantity(self, values: Floats) -> Floats:
        """What is bounded, (rows,), of factor values (rows, factors)."""
        if self.weights:
            return np.asarray(values[:, list(self.columns)] @ np.array(self.weights))
        first = values[:, self.columns[0]]
        with np.errstate(divide="ignore", invalid="ignore"):
            return first if len(self.columns) == 1 else first / values[:, self.columns[1]]

    def __str__(self) -> str:
        if self.fixed:
            return f"{self.name}={self.low:g}"
        return f"{self.name}=" + ":".join(f"{end:g}" if np.isfinite(end) else "" for end in (self.low, self.high))


@dataclass(frozen=True)
class Candidates:
    """Designs that may be tried.

    Args:
        units: u, (rows, dimensions); NaN where a design does not come from the cube.
        values: θ, (rows, factors).
    """

    units: Floats
    values: Floats

    def take(self, rows: slice | NDArray[np.intp]) -> "Candidates":
        """Some of them."""
        return Candidates(self.units[rows], self.values[rows])

    def joined(self, other: "Candidates") -> "Candidates":
        """These, and then the others."""
        return Candidates(np.concatenate([self.units, other.units]), np.concatenate([self.values, other.values]))


class DesignSpace:
    """The designs of a simulator that keep constraints.

    Args:
        simulator: with a cube of designs.
        constraints: by name of a factor, "a/b" for the ratio of two, or a sum such as "20*a + 5*b", a value or a pair
            (low, high), with an infinite end for none.
        seed: of the candidates.

    Raises:
        UsageError: a simulator without designs, a factor that does not exist, invalid bounds.
        DataError: no design keeps the constraints.
    """

    def __init__(self, simulator: Simulator, constraints: Mapping[str, Range] | None = None, seed: int = 0) -> None:
        self._designable = designable(simulator)
        self.simulator, self.dimensions = simulator, self._designable.design_dimensions
        self.names = [factor.name for factor in simulator.factors]
        self.bounds = [bound(self.names, name, limits) for name, limits in (constraints or {}).items()]
        self._survey = self._designed(shifted_sobol(SURVEY, self.dimensions, seed))
        self._sorted = np.sort(self._survey, axis=0)
        self.shares = [group for group in numbered(self.names) if _add_up(self._survey[:, group])]
        self._marginals = [np.sort(b.quantity(self._survey)) for b in self.bounds]
        self._low, self._high = self._limits()
        self._check_fixed()
        self._check_fixed_shares()

    @property
    def fixed(self) -> dict[int, float]:
        """Values of the fixed factors by column."""
        return {b.columns[0]: b.low for b in self.bounds if b.fixed}

    def candidates(self, rows: int, seed: int) -> Candidates:
        """Different designs that keep the constraints, about uniform among those, as many as asked for.

        Raises:
            DataError: there are none.
        """
        units = shifted_sobol(max(rows, SURVEY if self.bounds else 0), self.dimensions, seed)
        found = _unique([self._keeping(units)])
        if len(found.units) < rows:
            found = self._searched(units, rows, np.random.default_rng([seed, 1]))
        return found.take(slice(rows))

    def near(self, units: Floats, extent: Floats, rng: np.random.Generator) -> Candidates:
        """Designs around given ones that keep the constraints: of each, one step of every size that does.

        Args:
            units: u, (rows, dimensions).
            extent: how far designs reach along each side of the cube, (dimensions,); 1 for all of it.
            rng: of the steps.
        """
        steps = np.concatenate([size * extent * rng.standard_normal(units.shape) for size in STEPS])
        return self._keeping(_reflected(np.tile(units, (len(STEPS), 1)) + steps))

    def keeps(self, values: Floats) -> NDArray[np.bool_]:
        """Whether designs given by their values keep the constraints and lie within the range of designs."""
        inside = (values >= self._low) & (values <= self._high)
        inside[:, [*self.fixed]] = True
        kept: NDArray[np.bool_] = inside.all(1) & self._within(values)
        return kept

    def settled(self, values: Floats) -> Floats:
        """Values with fixed factors set, and shares that add up to one again."""
        values = values.copy()
        for column, value in self.fixed.items():
            values[:, column] = value
        for group in self.shares:
            given = [column for column in group if column in self.fixed]
            free = [column for column in group if column not in self.fixed]
            rest = 1 - sum(self.fixed[column] for column in given)
            values[:, free] *= rest / np.maximum(values[:, free].sum(1, keepdims=True), ROUNDING)
        return values

    def features(self, values: Floats) -> Floats:
        """Descriptors of designs for an emulator, (rows, p)."""
        return features(self.simulator, values)

    def ranks(self, values: Floats) -> Floats:
        """Each factor as the share of designs with a lower one, (rows, factors): a scale that all factors have."""
        grid = np.linspace(0, 1, len(self._sorted))
        columns = zip(values.T, self._sorted.T, strict=True)
        return np.stack([np.interp(column, known, grid) for column, known in columns], axis=1)

    def _designed(self, units: Floats) -> Floats:
        return np.asarray(self._designable.design(units), dtype=float)

    def _keeping(self, units: Floats) -> Candidates:
        raw = self._designed(units)
        values = self.settled(raw)
        kept = self._within(values) & (self._violation(raw, values) <= 0)
        return Candidates(units[kept], values[kept])

    def _within(self, values: Floats) -> NDArray[np.bool_]:
        """Whether values keep every bound; fixed ones are set."""
        kept = np.ones(len(values), dtype=bool)
        for b in self.bounds:
            quantity = b.quantity(values)
            kept &= (quantity >= b.low) & (quantity <= b.high)
        return kept

    def _violation(self, raw: Floats, values: Floats) -> Floats:
        """V, (rows,)."""
        total = np.zeros(len(values))
        for b, known in zip(self.bounds, self._marginals, strict=True):
            if not (b.fixed and self._is_share(b)):
                total += _excess(b, known, raw if b.fixed else values)
        return total

    def _is_share(self, b: Bound) -> bool:
        return any(b.columns[0] in group for group in self.shares)

    def _searched(self, units: Floats, rows: int, rng: np.random.Generator) -> Candidates:
        """Gibbs steps from the rows that come nearest to the constraints."""
        raw = self._designed(units)
        violation = self._violation(raw, self.settled(raw))
        first = np.argsort(violation, kind="stable")[:GIBBS_ROWS]
        units, violation = units[first], violation[first]
        kept: list[Candidates] = []
        rounds = 0
        for step in range(GIBBS_STEPS):
            units, violation = self._step(units, violation, rng)
            if step % (2 * units.shape[1]) == 0 and (violation <= 0).mean() > 0.5:
                rounds += 1
                kept += [self._keeping(units)] if rounds > MIXING else []
            if sum(len(c.units) for c in kept) >= SPARE * rows:
                break
        found = _unique([*kept, self._keeping(units)])
        if not len(found.units):
            raise DataError(self._infeasible())
        return found.take(rng.permutation(len(found.units)))

    def _step(self, units: Floats, violation: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """One coordinate of each row anew, or moved by the difference of two other rows."""
        rows, count = np.arange(len(units)), len(units)
        column = rng.integers(units.shape[1], size=count)
        one, other = units[rng.integers(count, size=(2, count)), column]
        moved = _reflected(units[rows, column] + one - other + TINY_STEP * rng.standard_normal(count))
        proposed = units.copy()
        proposed[rows, column] = np.where(rng.random(count) < 0.3, rng.random(count), moved)
        raw = self._designed(proposed)
        after = self._violation(raw, self.settled(raw))
        better = after <= violation
        return np.where(better[:, None], proposed, units), np.where(better, after, violation)

    def _infeasible(self) -> str:
        """Which constraint no design comes near, with what designs have."""
        pairs = zip(self.bounds, self._marginals, strict=True)
        reached = [f"{b.name} {known[0]:.4g} to {known[-1]:.4g}" for b, known in pairs]
        wanted = " ".join(map(str, self.bounds))
        return f"no design keeps {wanted}: designs have {', '.join(reached)}: loosen a constraint"

    def _limits(self) -> tuple[Floats, Floats]:
        """Least and greatest value of each factor: a little beyond the designs looked at, within what makes sense."""
        low, high = self._sorted[0], self._sorted[-1]
        slack = EDGE * (high - low)
        factors = self.simulator.factors
        least, most = np.array([f.low for f in factors]), np.array([f.high for f in factors])
        for group in self.shares:
            least[group], most[group] = np.maximum(least[group], 0), np.minimum(most[group], 1)
        rounding = ROUNDING * np.maximum(np.abs(low), np.abs(high))
        return np.maximum(low - slack, least) - rounding, np.minimum(high + slack, most) + rounding

    def _check_fixed(self) -> None:
        """A fixed factor is set whatever the cube gives, so it must lie where designs are."""
        for b in self.bounds:
            column = b.columns[0]
            if b.fixed and not self._is_share(b) and not self._low[column] <= b.low <= self._high[column]:
                raise DataError(self._infeasible())

    def _check_fixed_shares(self) -> None:
        for group in self.shares:
            given = {self.names[column]: self.fixed[column] for column in group if column in self.fixed}
            total = sum(given.values())
            if given and (min(given.values()) < 0 or total > 1 + 1e-9):
                raise UsageError(f"{', '.join(given)} add up to {total:g}: shares are at least 0, together at most 1")
            if len(given) == len(group) and abs(total - 1) > 1e-9:
                raise UsageError(f"{', '.join(given)} add up to {total:g}: they are all fixed and must add up to 1")


def _excess(b: Bound, known: Floats, values: Floats) -> Floats:
    """How far a quantity is from its bounds: by rank, and a little by value, for where ranks cannot tell.

    Args:
        b: the constraint.
        known: its quantity among designs, sorted.
        values: of the rows, (rows, factors).
    """
    x, grid, band = b.quantity(values), np.linspace(0, 1, len(known)), BAND if b.fixed else 0.0
    rank, low, high = (np.interp(q, known, grid) for q in (x, b.low, b.high))
    by_rank = np.maximum(np.maximum(low - band - rank, rank - high - band), 0)
    if b.fixed:
        return np.asarray(by_rank)
    by_value = np.maximum(np.maximum(b.low - x, x - b.high), 0) / (known[-1] - known[0] or 1.0)
    return np.asarray(by_rank + by_value)


def _unique(parts: Sequence[Candidates]) -> Candidates:
    """Different designs, in order."""
    units = np.concatenate([part.units for part in parts])
    values = np.concatenate([part.values for part in parts])
    _, first = np.unique(values, axis=0, return_index=True)
    return Candidates(units, values).take(np.sort(first))


def bound(names: Sequence[str], name: str, limits: Range) -> Bound:
    """A checked constraint on factors of these names.

    >>> bound(["median_1", "median_2"], "median_1/median_2", (1, 4)).columns
    (0, 1)
    """
    columns, weights = _quantity(names, name)
    low, high = limits if isinstance(limits, tuple) else (limits, limits)
    for end, value, none in (("low", low, -np.inf), ("high", high, np.inf)):
        if value != none:
            number(f"{end} end of {name}", value)
    if low > high:
        raise UsageError(f"{name} must go from a lower to a higher value, not from {low:g} to {high:g}")
    if not (np.isfinite(low) or np.isfinite(high)):
        raise UsageError(f"{name} has neither a lowest nor a highest value: give one")
    if low == high and (len(columns) > 1 or weights):
        raise UsageError(f"{name} cannot be fixed: give a range, or fix its factors")
    return Bound(name, columns, float(low), float(high), weights)


def _quantity(names: Sequence[str], name: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Columns of a factor, or of the ratio of two; with weights those of a sum.

    >>> _quantity(["a", "b"], "20*a + b")
    ((0, 1), (20.0, 1.0))
    """
    if not any(sign in name for sign in "+*"):
        parts = name.split("/")
        if len(parts) > 2:
            raise UsageError(f"{name}: give one factor, or the ratio of two")
        return tuple(_column(names, part) for part in parts), ()
    terms = [term.rpartition("*") for term in name.split("+")]
    columns = [_column(names, factor.strip()) for _, _, factor in terms]
    if len(set(columns)) < len(columns):
        raise UsageError(f"{name} has a factor twice: give each one weight")
    return tuple(columns), tuple(_weight(name, weight) if star else 1.0 for weight, star, _ in terms)


def _column(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise unknown("factor", name, names)
    return names.index(name)


def _weight(name: str, word: str) -> float:
    try:
        return number(f"weight in {name}", float(word))
    except ValueError:
        raise UsageError(
            f"{name}: {word.strip() or 'nothing'} is no weight: give a sum such as 20*NAME + 5*NAME"
        ) from None


def shifted_sobol(rows: int, dimensions: int, seed: int) -> Floats:
    """A Sobol sequence moved by a random shift, (rows, dimensions): the same first rows for any number of them."""
    shifted: Floats = (sobol(dimensions, rows) + np.random.default_rng([seed, 0]).random(dimensions)) % 1
    return shifted


def numbered(names: Sequence[str]) -> list[list[int]]:
    """Columns of names that differ in a number at the end alone, such as ``mass_fraction_1``.

    >>> numbered(["a_1", "b", "a_2"])
    [[0, 2]]
    """
    stems: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        stem, _, last = name.rpartition("_")
        if stem and last.isdecimal():
            stems.setdefault(stem, []).append(column)
    return [columns for columns in stems.values() if len(columns) > 1]


def _add_up(values: Floats) -> bool:
    return bool((values >= 0).all() and np.allclose(values.sum(1), 1, rtol=0, atol=1e-6))


def _reflected(units: Floats) -> Floats:
    """Points outside the cube, mirrored at its faces."""
    folded: Floats = np.abs((units + 1) % 2 - 1)
    return np.clip(folded, 0, np.nextafter(1, 0))
