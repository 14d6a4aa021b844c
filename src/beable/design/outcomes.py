r"""What is asked of a simulation: one number of each snapshot, and the interval in which it should lie.

.. math:: y = R\big(q(\theta)\big) \in [a, b], \qquad\text{or}\qquad
          y = \frac{\|q(\theta) - q^*\|}{\|q^*\|} \in [0, \varepsilon]

with a variable q of the snapshot, a reduction R (its mean, largest or smallest value) or a field q* to be matched. A
misfit keeps its parts, (q − q*)/‖q*‖: an emulator learns the field, which is smooth in θ, and not the norm, which has
a kink exactly where the search wants to go.

Several outcomes may be asked for at once. Each has an emulator of its own, and the chance that all lie in their
intervals is the product of their chances, as if what the emulators do not know of one said nothing of another.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.checks import array, number, positive
from beable.console.numbers import typed
from beable.errors import DataError, UsageError, unknown
from beable.simulator import Simulator, Variable

Floats = NDArray[np.float64]
Reduce = Callable[[Floats], Floats]

REDUCTIONS: dict[str, Reduce] = {
    "mean": lambda rows: rows.mean(1),
    "max": lambda rows: rows.max(1),
    "min": lambda rows: rows.min(1),
}

TOLERANCE = 0.01


@dataclass(frozen=True)
class Outcome:
    """A number of each snapshot.

    Args:
        variable: q, name of a variable of the simulator.
        reduction: R, a key of ``REDUCTIONS``; none for a variable of one number a row, or to match a field.
        reference: q*, the field to match, of the variable's shape.
        vector: whether a field has components, so that its magnitude counts.
        error: name of the variable that holds the standard error of q; none where it has none.
    """

    variable: str
    reduction: str = ""
    reference: Floats | None = field(default=None, compare=False)
    vector: bool = False
    error: str = ""

    @classmethod
    def of(cls, simulator: Simulator, words: str, reference: ArrayLike | None = None) -> "Outcome":
        """The outcome in words, such as "packing_fraction" or "flux.max".

        Args:
            simulator: whose snapshots.
            words: name of a variable, with a point and a reduction where it has more than one number a row.
            reference: q*, the field that the variable should match.

        Raises:
            UsageError: words that the simulator has no variable for, or that leave more than one number.
            DataError: a field of another shape, not finite, or zero.
        """
        name, _, reduction = words.partition(".")
        known = {variable.name: variable for variable in simulator.variables}
        if name not in known:
            raise unknown("variable", name, known)
        if reference is not None:
            return cls(name, reference=_field(known[name], reduction, reference))
        _check_reduction(known[name], reduction)
        vector = len(known[name].dims) > 1 and "component" in known[name].dims
        return cls(name, reduction, vector=vector, error="" if reduction else simulator.errors.get(name, ""))

    @property
    def name(self) -> str:
        """In words, such as "flux.max"."""
        return f"misfit of {self.variable}" if self.reference is not None else ".".join(filter(None, self._words))

    @property
    def _words(self) -> tuple[str, str]:
        return self.variable, self.reduction

    def parts(self, snapshots: Mapping[str, NDArray[Any]]) -> Floats:
        """What the number is the norm of, (rows, parts): the number itself, or the relative deviation from a field."""
        rows = np.asarray(snapshots[self.variable], dtype=np.float64)
        if self.reference is not None:
            return (rows - self.reference).reshape(len(rows), -1) / np.linalg.norm(self.reference)
        if not self.reduction:
            return rows.reshape(len(rows), 1)
        magnitude = np.linalg.norm(rows, axis=1) if self.vector else rows
        return REDUCTIONS[self.reduction](magnitude.reshape(len(rows), -1))[:, None]

    def errors(self, snapshots: Mapping[str, NDArray[Any]]) -> Floats:
        """Standard error of the number as the simulator knows it, (rows,); zero where it knows none."""
        rows = len(snapshots[self.variable])
        if not self.error:
            return np.zeros(rows)
        return np.asarray(snapshots[self.error], dtype=np.float64).reshape(rows)

    @property
    def width(self) -> int:
        """How many parts a row has."""
        return 1 if self.reference is None else self.reference.size

    def number(self, parts: Floats) -> Floats:
        """The number of each row of parts, (rows,)."""
        return parts[:, 0] if self.reference is None else np.linalg.norm(parts, axis=1)


def _field(variable: Variable, reduction: str, reference: ArrayLike) -> Floats:
    """A field to match, after it was checked."""
    if reduction:
        raise UsageError(f"{variable.name} is to match a field: leave out .{reduction}")
    values = array(f"field of {variable.name}", reference)
    if values.shape != variable.shape:
        raise DataError(f"field of {variable.name} must have shape {variable.shape}, not {values.shape}")
    if not np.linalg.norm(values):
        raise DataError(f"field of {variable.name} is zero: a relative misfit needs one that is not")
    return values


def _check_reduction(variable: Variable, reduction: str) -> None:
    size = math.prod(variable.shape)
    if reduction and reduction not in REDUCTIONS:
        raise unknown("reduction", reduction, REDUCTIONS)
    if size > 1 and not reduction:
        choices = " or ".join(f"{variable.name}.{name}" for name in REDUCTIONS)
        raise UsageError(f"{variable.name} has {size} numbers a row: give {choices}")


@dataclass(frozen=True)
class Target:
    """The interval in which an outcome should lie, and those of others that should lie in theirs at once.

    Args:
        outcome: which number.
        low, high: a and b, in its unit.
        others: further outcomes with their intervals.

    Raises:
        UsageError: bounds that are not finite, or the wrong way round; an outcome that is asked for twice.
    """

    outcome: Outcome
    low: float
    high: float
    others: tuple["Target", ...] = ()

    def __post_init__(self) -> None:
        number("low end of the target", self.low)
        number("high end of the target", self.high)
        if self.low >= self.high:
            raise UsageError(f"target must go from a lower to a higher value, not from {self.low:g} to {self.high:g}")
        names = [other.outcome.name for other in self.others]
        for name in names:
            if [self.outcome.name, *names].count(name) > 1:
                raise UsageError(f"{name} is asked for twice: give each outcome one target")

    @classmethod
    def around(cls, outcome: Outcome, value: float, tolerance: float = TOLERANCE) -> "Target":
        """A value and how far from it is near enough; a misfit has 0 for its value.

        >>> target = Target.around(Outcome("packing_fraction"), 0.65)
        >>> target.holds(np.array([0.641, 0.669])).tolist()
        [True, False]
        """
        half = positive("tolerance", tolerance)
        return cls(outcome, number("target", value) - half, value + half)

    @classmethod
    def all_of(cls, targets: Sequence["Target"]) -> "Target":
        """One target of several outcomes.

        Raises:
            UsageError: none, or an outcome that is asked for twice.

        >>> both = Target.all_of([Target(Outcome("a"), 0, 1), Target(Outcome("b"), 5, 6)])
        >>> both.holds(np.array([[0.5, 5.5], [0.5, 7.0]])).tolist()
        [True, False]
        """
        if not targets:
            raise UsageError("no target: give at least one outcome with its value or range")
        return replace(targets[0], others=tuple(targets[1:]))

    @property
    def each(self) -> tuple["Target", ...]:
        """Every outcome with its interval, for itself."""
        return (replace(self, others=()), *self.others)

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def parts(self, snapshots: Mapping[str, NDArray[Any]]) -> Floats:
        """Of all outcomes beside each other, (rows, parts); see `Outcome.parts`."""
        return np.hstack([target.outcome.parts(snapshots) for target in self.each])

    def errors(self, snapshots: Mapping[str, NDArray[Any]]) -> Floats:
        """Standard errors, (rows,) of one outcome, (rows, outcomes) of several."""
        return _alone([target.outcome.errors(snapshots) for target in self.each])

    def numbers(self, parts: Floats) -> Floats:
        """The numbers of each row of parts, (rows,) of one outcome, (rows, outcomes) of several."""
        pieces = zip(self.each, self.split(parts), strict=True)
        return _alone([target.outcome.number(own) for target, own in pieces])

    def split(self, parts: Floats) -> list[Floats]:
        """The parts of each outcome, (rows, parts) each."""
        ends = np.cumsum([target.outcome.width for target in self.each])[:-1]
        return np.split(parts, ends, axis=1) if len(ends) else [parts]

    def holds(self, numbers: Floats) -> NDArray[np.bool_]:
        """Whether the numbers of each row lie within, (rows,); those that are not numbers do not."""
        if self.others:
            return np.asarray(np.all([t.holds(own) for t, own in zip(self.each, numbers.T, strict=True)], axis=0))
        return (numbers >= self.low) & (numbers <= self.high)

    def distance(self, numbers: Floats) -> Floats:
        """How far each row lies from the middle, or from the better end of a misfit, (rows,).

        Of several outcomes that of the farthest, each in halves of its interval.
        """
        if self.others:
            pairs = zip(self.each, numbers.T, strict=True)
            return np.asarray(np.max([2 * t.distance(own) / (t.high - t.low) for t, own in pairs], axis=0))
        centre = 0.0 if self.outcome.reference is not None else self.middle
        distance: Floats = np.abs(numbers - centre)
        return distance

    def as_json(self) -> dict[str, Any]:
        """Name and bounds."""
        own = {"outcome": self.outcome.name, "low": self.low, "high": self.high}
        return own | ({"others": [other.as_json() for other in self.others]} if self.others else {})

    def __str__(self) -> str:
        said = [f"{t.outcome.name} from {typed(t.low)} to {typed(t.high)}" for t in self.each]
        return " and ".join(said)


def _alone(columns: Sequence[Floats]) -> Floats:
    """Columns (rows,) beside each other; a single one as it is."""
    return columns[0] if len(columns) == 1 else np.column_stack(columns)
