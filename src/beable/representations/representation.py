r"""What every representation is: snapshots to arrays of numbers and back, with nothing lost from the likelihood.

A representation maps a snapshot y of D numbers to a code c of m numbers. What the code leaves out is kept as
the residual energy r, so that the squared distance of y from any decoded code y' is exact:

.. math:: \sum_i \frac{(y_i - y'_i)^2}{s_i^2} = \|c - c'\|^2 + r

with s the scale of each channel; a density over c and r becomes one over y by subtracting
:math:`\sum_i \log s_i`, the log volume.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError
from beable.representations.gaps import Gaps

FloatArray = NDArray[np.floating]
Snapshots = Mapping[str, FloatArray]
Shapes = Mapping[str, tuple[int, ...]]


class Coded(NamedTuple):
    """Rows as a model sees them.

    Args:
        values: codes c, (rows, *shape), float32.
        residual_energy: energy r that the code leaves out, by group, (rows, groups), float32.
        conditions: known factors that a model is conditioned on, (rows, conditions), float32; None for none.
        gaps: what is there of rows that lack some numbers, in whose place the codes have what is expected; None where
            all of it is.
    """

    values: FloatArray
    residual_energy: FloatArray
    conditions: FloatArray | None = None
    gaps: Gaps | None = None


class CodeSpec(NamedTuple):
    """What is constant about a code.

    Args:
        shape: shape of one row's values, such as (20,) or (3, 65, 65).
        group: group (channel) of each value, integers, prod(shape) of them.
        dimension: number of outputs D of each group, before anything was left out.
        scale: typical size of each value.
        pixels: number of grid points of a snapshot.
        log_volume: sum of log s over all outputs.
        classes: first value of each output that is one of several classes, and the value after its last; these belong
            to no group, and their entries of ``group`` mean nothing.
        unseen: how many values, from the first on, are decoded and never shown to an encoder.
    """

    shape: tuple[int, ...]
    group: NDArray[np.int64]
    dimension: FloatArray
    scale: FloatArray
    pixels: int
    log_volume: float
    classes: tuple[tuple[int, int], ...] = ()
    unseen: int = 0


class Passes(Protocol):
    """Training rows that are read block by block, as often as is needed.

    Args:
        rows: how many there are.
    """

    rows: int

    def __call__(self, words: str, most: int | None = None) -> Iterator[Snapshots]:
        """The blocks of one pass.

        Args:
            words: what it is for, shown while it goes on.
            most: evenly spaced rows, at most so many; all by default.
        """


class Representation(ABC):
    """A map from snapshots to arrays and back, fitted on training rows."""

    #: what cannot be had back, in words
    forgets: str
    #: how many training rows, evenly spaced, decide the representation; None for all of them
    fit_rows: int | None = 2048
    #: fitted arrays that are NaN where training rows never had a number
    lacking: frozenset[str] = frozenset()
    #: bytes of these rows, in double precision, up to which they are read all at once
    whole_bytes = 1 << 28
    #: the axis of one row along which a variable's components lie, by variable; only fields on a grid ask for it
    components: Mapping[str, int] = {}

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """What was chosen, ready for JSON: ``type(self)(**settings)`` is this before fitting."""

    @abstractmethod
    def fit(self, snapshots: Snapshots) -> Self:
        """Learn what must be learned from training rows; variables are those in the mapping, in its order."""

    def fit_passes(self, passes: Passes) -> Coded | None:
        """Learn what `fit` learns from rows that do not fit into memory.

        Where the last pass gives their codes, it answers with them. Here all rows that decide are read at once.
        """
        parts = list(passes("reading rows", self.fit_rows))
        self.fit({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        return None

    @property
    @abstractmethod
    def code(self) -> CodeSpec:
        """What codes look like, once fitted."""

    @property
    def width(self) -> int:
        """How many numbers a code has."""
        return self.code.group.size

    @abstractmethod
    def transform(self, snapshots: Snapshots) -> Coded:
        """Codes of snapshots, each variable (rows, ...)."""

    @abstractmethod
    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        """Snapshots of codes (rows, *shape) or (rows, prod(shape)), in physical units."""

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        """The snapshots as this representation sorts them, so that decoded ones can be compared number by number."""
        return dict(snapshots)

    def beside(self, decoded: Snapshots, snapshots: Snapshots) -> dict[str, FloatArray]:
        """Decoded snapshots where they lie nearest to those of `canonical`, of places that mean the same."""
        return dict(decoded)

    def log_jacobian(self, snapshots: Snapshots) -> FloatArray:
        """The part of the log volume that depends on the row, (rows): nothing where the code is linear and whole."""
        return np.zeros(rows_of(snapshots))

    def output_deviation(self, deviation: FloatArray) -> dict[str, FloatArray]:
        """Standard deviation of each output in physical units where its group has a deviation, (groups).

        Only codes that leave outputs out are asked; the others take noise on their numbers.
        """
        raise DataError(f"{type(self).__name__} has no deviation for each output")

    @abstractmethod
    def state(self) -> dict[str, FloatArray]:
        """The fitted arrays, by name."""

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        """Names and shapes that `state` must have; numbers that training rows decided are taken from it.

        Args:
            state: fitted arrays that may come from elsewhere; memory is asked for no more than they take.
            shapes: of one row of each variable.

        Raises:
            DataError: no such variables can be represented, or they cannot have left arrays of this size.
        """
        return {name: array.shape for name, array in state.items()}

    @abstractmethod
    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        """Take fitted arrays back, for variables of the given shapes of one row."""


def refuse_larger(shapes: Shapes, state: Mapping[str, FloatArray]) -> None:
    """Refuse variables with more numbers than fitted arrays hold, one for each of them.

    Raises:
        DataError: there are more.
    """
    numbers, held = sum(prod(shape) for shape in shapes.values()), sum(array.size for array in state.values())
    if numbers > held:
        raise DataError(f"variables of {numbers} numbers, arrays of {held}")


def rows_of(snapshots: Snapshots, missing: bool = False) -> int:
    """The number of rows that all variables have.

    Args:
        snapshots: each variable (rows, ...).
        missing: whether numbers may be missing.

    Raises:
        DataError: different numbers of rows, or a number that is not finite.
    """
    counts = {name: len(values) for name, values in snapshots.items()}
    if len(set(counts.values())) != 1:
        raise DataError(f"variables have different numbers of rows, {counts}: give each one the same rows")
    for name, values in snapshots.items():
        flat = values.reshape(len(values), -1)
        bad = np.flatnonzero(np.isinf(flat).any(axis=1) if missing else ~np.isfinite(flat).all(axis=1))
        if bad.size:
            raise DataError(f"{name}: {bad.size} of {len(values)} rows are not finite, first row {bad[0]}: leave out")
    return next(iter(counts.values()))
