r"""Laws p(θ) from which generative factors are drawn, and their densities.

Where a source gives the width of a law without saying of what, ``width_is`` states whether it is the standard
deviation ("deviation") or the variance ("variance").

C. Jacobsen and K. Duraisamy (2022), sections 5.2, 5.3 and 6, call the widths variances; their code uses them as
standard deviations. The latter is the default here.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from beable.checks import array, choice, number, positive
from beable.errors import DataError, UsageError, unknown
from beable.streams import RowStreams

Values = NDArray[np.float64]

WIDTHS: dict[str, Callable[[float], float]] = {"deviation": float, "variance": math.sqrt}

LOG_2PI = math.log(2 * math.pi)


def _log_normal(x: Values, deviation: float) -> Values:
    density: Values = -0.5 * ((x / deviation) ** 2 + LOG_2PI) - math.log(deviation)
    return density


def _positive_definite(matrix: Values) -> bool:
    """Whether the smallest eigenvalue of the correlations is more than rounding, some 1e-15, may make of a zero."""
    variance = np.diag(matrix)
    if not (variance > 0).all():
        return False
    deviation = np.sqrt(variance)
    return bool(np.linalg.eigvalsh(matrix / np.outer(deviation, deviation))[0] > 1e-12)


@dataclass(frozen=True)
class FactorLaw(ABC):
    """A law of factors θ.

    Args:
        dimension: p, number of factors.
    """

    dimension: int

    def __post_init__(self) -> None:
        for entry in fields(self):
            if isinstance(entry.default, float):
                object.__setattr__(self, entry.name, number(entry.name, getattr(self, entry.name)))

    @abstractmethod
    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        """Independent draws (rows, p)."""

    @abstractmethod
    def log_prob(self, theta: Values) -> Values:
        """Log density in nats of each row of θ (rows, p): (rows,)."""

    @property
    def support(self) -> tuple[float, float]:
        """Least and greatest value of any factor."""
        return -math.inf, math.inf

    def draw(self, streams: RowStreams) -> Values:
        """One draw a row (rows, p), each from the row's own stream "factors"."""
        rows = [self.sample(1, rng)[0] for rng in streams.generators("factors")]
        return np.array(rows).reshape(len(rows), self.dimension)

    def options(self) -> dict[str, object]:
        """What defines the law besides its dimension, ready for JSON."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "dimension"}


@dataclass(frozen=True)
class Normal(FactorLaw):
    """Independent standard normal factors.

    >>> float(Normal(2).log_prob(np.zeros((1, 2)))[0])
    -1.8378770664093453
    """

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        return rng.standard_normal((rows, self.dimension))

    def log_prob(self, theta: Values) -> Values:
        density: Values = _log_normal(theta, 1.0).sum(axis=-1)
        return density


@dataclass(frozen=True)
class Peaked(FactorLaw):
    """A law made of normal peaks of one width.

    Args:
        centre: distance of a peak from zero along every axis.
        width: standard deviation or variance of a peak.
        width_is: which of the two, a key of ``WIDTHS``.
    """

    centre: float = 1.0
    width: float = 0.25
    width_is: str = "deviation"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("width_is", self.width_is, WIDTHS)
        positive("width", self.width)

    @property
    def deviation(self) -> float:
        """Standard deviation of a peak."""
        return WIDTHS[self.width_is](self.width)

    def _peaks(self, sign: Values, rng: np.random.Generator) -> Values:
        return self.centre * sign + self.deviation * rng.standard_normal(sign.shape)

    def _log_peak(self, theta: Values, sign: float) -> Values:
        return _log_normal(theta - sign * self.centre, self.deviation)


@dataclass(frozen=True)
class Shifted(Peaked):
    """Independent normal factors around one centre that is not zero; arguments as in `Peaked`.

    >>> Shifted(1, width_is="variance").deviation
    0.7071067811865476
    """

    width: float = 0.5

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        return self._peaks(np.ones((rows, self.dimension)), rng)

    def log_prob(self, theta: Values) -> Values:
        density: Values = self._log_peak(theta, 1).sum(axis=-1)
        return density


@dataclass(frozen=True)
class Mixture(Peaked):
    """Each factor near +centre or -centre with equal chance, independently: 2^p equal peaks; arguments as in `Peaked`.

    >>> Mixture(2).sample(2, np.random.default_rng(0)).round(1).tolist()
    [[1.2, 1.0], [0.9, -0.9]]
    """

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        return self._peaks(rng.choice([-1.0, 1.0], size=(rows, self.dimension)), rng)

    def log_prob(self, theta: Values) -> Values:
        sides = np.logaddexp(self._log_peak(theta, 1), self._log_peak(theta, -1))
        density: Values = (sides - math.log(2)).sum(axis=-1)
        return density


@dataclass(frozen=True)
class CorrelatedMixture(Peaked):
    """The mixture with unequal weights: the sign of a factor follows that of the factor before it.

    Of two factors, the two peaks on the diagonal share the weight ``sign_agreement``, the two across it the rest.

    Args:
        sign_agreement: probability that neighbouring signs agree; 1/2 gives `Mixture`.
    """

    sign_agreement: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.sign_agreement < 1:
            raise UsageError(f"sign_agreement must lie between 0 and 1, not {self.sign_agreement}")

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        first = rng.choice([-1.0, 1.0], size=(rows, 1))
        turns = np.where(rng.random((rows, self.dimension - 1)) < self.sign_agreement, 1.0, -1.0)
        return self._peaks(np.cumprod(np.concatenate([first, turns], axis=1), axis=1), rng)

    def log_prob(self, theta: Values) -> Values:
        agree, differ = math.log(self.sign_agreement), math.log1p(-self.sign_agreement)
        plus, minus = self._log_peak(theta, 1).T, self._log_peak(theta, -1).T
        up, down = plus[0] - math.log(2), minus[0] - math.log(2)
        for here_up, here_down in zip(plus[1:], minus[1:], strict=True):
            stay_up, stay_down = np.logaddexp(up + agree, down + differ), np.logaddexp(up + differ, down + agree)
            up, down = here_up + stay_up, here_down + stay_down
        density: Values = np.logaddexp(up, down)
        return density


@dataclass(frozen=True)
class CorrelatedGaussian(FactorLaw):
    """Normal factors of mean zero with a given covariance.

    Args:
        covariance: (p, p), symmetric and positive definite.
    """

    covariance: Sequence[Sequence[float]] = field(default=())

    def __post_init__(self) -> None:
        matrix = array("covariance", self.covariance)
        if matrix.shape != (self.dimension, self.dimension):
            raise DataError(f"covariance must have shape {(self.dimension, self.dimension)}, not {matrix.shape}")
        if not np.array_equal(matrix, matrix.T) or not _positive_definite(matrix):
            raise DataError("covariance must be symmetric and positive definite")
        object.__setattr__(self, "covariance", matrix.tolist())

    @cached_property
    def _root(self) -> Values:
        return np.linalg.cholesky(np.array(self.covariance))

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        draws: Values = rng.standard_normal((rows, self.dimension)) @ self._root.T
        return draws

    def log_prob(self, theta: Values) -> Values:
        white = scipy.linalg.solve_triangular(self._root, theta.T, lower=True).T
        density: Values = _log_normal(white, 1.0).sum(axis=-1) - np.log(np.diag(self._root)).sum()
        return density


@dataclass(frozen=True)
class Uniform(FactorLaw):
    """Independent factors, uniform between two bounds.

    Args:
        low, high: the bounds.
    """

    low: float = -3.0
    high: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise UsageError(f"low must be less than high, not {self.low} and {self.high}")

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        return rng.uniform(self.low, self.high, (rows, self.dimension))

    def log_prob(self, theta: Values) -> Values:
        inside = ((theta >= self.low) & (theta <= self.high)).all(axis=-1)
        return np.where(inside, -self.dimension * math.log(self.high - self.low), -math.inf)


@dataclass(frozen=True)
class Table(FactorLaw):
    """Factors given by the user: row i of a data set takes row i of the table.

    Args:
        table: (rows, p).
    """

    table: Sequence[Sequence[float]] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        values = array("table", self.table)
        if values.ndim != 2 or values.shape[1] != self.dimension or not len(values):
            raise DataError(f"table must have shape (rows, {self.dimension}), not {values.shape}")
        object.__setattr__(self, "table", values.tolist())

    @cached_property
    def _values(self) -> Values:
        return np.array(self.table)

    def draw(self, streams: RowStreams) -> Values:
        end = streams.start + streams.rows
        if end > len(self._values):
            raise DataError(f"table has {len(self._values)} rows, but row {end - 1} is wanted: ask for fewer rows")
        return self._values[streams.start : end].copy()

    def sample(self, rows: int, rng: np.random.Generator) -> Values:
        """Rows of the table drawn with replacement."""
        return rng.choice(self._values, size=rows)

    def log_prob(self, theta: Values) -> Values:
        raise UsageError("a table of factors has no density: draw from it with sample instead")


LAWS: dict[str, type[FactorLaw]] = {
    "normal": Normal,
    "shifted": Shifted,
    "mixture": Mixture,
    "correlated-gaussian": CorrelatedGaussian,
    "correlated-mixture": CorrelatedMixture,
    "uniform": Uniform,
    "table": Table,
}


def factor_law(name: str, dimension: int, options: Mapping[str, object]) -> FactorLaw:
    """The law of a name, for p factors.

    Args:
        name: a key of ``LAWS``.
        dimension: p, number of factors.
        options: the law's own options by name.

    Raises:
        UsageError: an unknown law, an option it does not have, or a value it cannot use.
        DataError: a table or covariance that it cannot use.

    >>> factor_law("mixture", 2, {"width_is": "variance"})
    Mixture(dimension=2, centre=1.0, width=0.25, width_is='variance')
    """
    law = choice("factor law", name, LAWS)
    for option in sorted(set(options) - set(options_of(law))):
        others = [other for other in LAWS if option in options_of(other)]
        if not others:
            raise unknown(f"option of the factor law {law!r}", option, options_of(law))
        raise UsageError(f"{option} has no meaning for the law {law!r}: leave it out, or choose {', '.join(others)}")
    return LAWS[law](dimension, **options)


def options_of(name: str) -> list[str]:
    """Names of the options of a law.

    >>> options_of("uniform")
    ['low', 'high']
    """
    return [entry.name for entry in fields(LAWS[name]) if entry.name != "dimension"]
