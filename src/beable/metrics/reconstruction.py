"""How near is the reconstruction ŷ to y, per variable and in its own unit?

For one variable, y (rows, ...) with row mean ȳ taken at every point:

    squared   = Σ(y − ŷ)² / Σ(y − ȳ)²        the share of the variance that is missed; 1 is "predicts the mean"
    l1, l2, linf = ||y − ŷ||_p / ||y||_p      relative error in three norms, over all rows and points
    rmse, mae, worst                          in the unit of the variable

A variable that does not vary over the rows has no ``squared``: it is NaN and does not enter the score.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import columns, constant

Array = NDArray[np.floating]


@readable
class VariableError(NamedTuple):
    """Errors of one variable; the symbols are those of the module.

    Args:
        score: ``squared``.
        squared: share of the variance missed.
        l1, l2, linf: relative errors.
        rmse, mae, worst: in ``unit``.
        per_row: relative L2 error of every row, ||y_i − ŷ_i|| / ||y_i||; NaN where y_i is 0.
        unit: of the variable.
    """

    score: float
    squared: float
    l1: float
    l2: float
    linf: float
    rmse: float
    mae: float
    worst: float
    per_row: Array
    unit: str


class ReconstructionError(NamedTuple):
    """Errors of all variables.

    Args:
        score: mean of ``squared`` over the variables that vary: each counts the same, whatever its unit or size.
        l2: mean of ``l2`` over the variables.
        variables: errors by name.
    """

    score: float
    l2: float
    variables: dict[str, VariableError]


def reconstruction_error(
    truth: Mapping[str, ArrayLike] | ArrayLike,
    estimate: Mapping[str, ArrayLike] | ArrayLike,
    *,
    units: Mapping[str, str] | None = None,
    channels: tuple[str, ...] | None = None,
) -> ReconstructionError:
    """Relative and absolute errors per variable.

    Blind to: where the errors are (see `spectrum`), and to physics (see a simulator's residual).

    Args:
        truth: y by name, each (rows, ...); or one array (rows, ...).
        estimate: ŷ, the same.
        units: unit by name, "1" where not said.
        channels: names along axis 1 of single arrays, each then a variable of its own; None: one variable "y".

    Raises:
        DataError: names, shapes or rows differ, NaN, nothing varies.

    >>> y = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> round(reconstruction_error(y, y + 0.1).variables["y"].rmse, 3)
    0.1
    """
    y, ŷ = _named(truth, channels), _named(estimate, channels)
    if set(y) != set(ŷ):
        raise DataError(f"truth has the variables {sorted(y)} and the estimate {sorted(ŷ)}")
    found = {name: variable_error(y[name], ŷ[name], name, (units or {}).get(name, "1")) for name in y}
    squared = np.array([e.squared for e in found.values()])
    if np.isnan(squared).all():
        raise DataError("no variable varies over the rows: there is no variance to explain")
    return ReconstructionError(float(np.nanmean(squared)), float(np.mean([e.l2 for e in found.values()])), found)


def variable_error(truth: ArrayLike, estimate: ArrayLike, name: str = "y", unit: str = "1") -> VariableError:
    """Errors of one variable (rows, ...); see the module."""
    y, ŷ = _checked(truth, estimate, name)
    varies = not constant(y).all()
    y, ŷ = y.astype(np.float64), ŷ.astype(np.float64)
    error = y - ŷ
    spread = float(np.sum(np.square(y - y.mean(axis=0))))
    size = np.sqrt(np.square(y).sum(axis=1))
    off = np.sqrt(np.square(error).sum(axis=1))
    squared = float(np.square(off).sum()) / spread if varies else float("nan")
    return VariableError(
        squared,
        squared,
        _ratio(np.abs(error).sum(), np.abs(y).sum()),
        _ratio(float(np.linalg.norm(off)), float(np.linalg.norm(size))),
        _ratio(np.abs(error).max(), np.abs(y).max()),
        float(np.sqrt(np.square(error).mean())),
        float(np.abs(error).mean()),
        float(np.abs(error).max()),
        np.divide(off, size, out=np.full(len(y), np.nan), where=size > 0),
        unit,
    )


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")


def _named(values: Mapping[str, ArrayLike] | ArrayLike, channels: tuple[str, ...] | None) -> dict[str, Array]:
    if isinstance(values, Mapping):
        return {name: np.asarray(array) for name, array in values.items()}
    array = np.asarray(values)
    if channels is None:
        return {"y": array}
    if array.ndim < 2 or array.shape[1] != len(channels):
        raise DataError(f"{len(channels)} channels named for an array of shape {array.shape}: they lie along axis 1")
    return {name: array[:, i] for i, name in enumerate(channels)}


def _checked(truth: ArrayLike, estimate: ArrayLike, name: str) -> tuple[Array, Array]:
    y, ŷ = np.asarray(truth), np.asarray(estimate)
    if y.shape != ŷ.shape or y.ndim == 0 or y.size == 0:
        raise DataError(f"{name}: truth {y.shape} and estimate {ŷ.shape} must have one shape (rows, ...)")
    return _table(y, f"{name}: truth"), _table(ŷ, f"{name}: estimate")


def _table(array: Array, name: str) -> Array:
    return columns(array.reshape(len(array), -1), name, 2)


@readable
class SpectralError(NamedTuple):
    """Truth and reconstruction by wavenumber.

    Args:
        score: share of the truth's power that is missed, of all shells; 0 is perfect.
        wavenumber: centre of each shell, radians per unit of length, (shells,).
        missed: share of each shell's power missed, (shells,): 1 where the reconstruction is silent.
        ratio: power of the reconstruction over that of the truth, (shells,).
        coherence: correlation of the two at each wavenumber, −1 to 1, (shells,).
    """

    score: float
    wavenumber: Array
    missed: Array
    ratio: Array
    coherence: Array


def spectral_error(truth: ArrayLike, estimate: ArrayLike, *, spacing: float = 1.0) -> SpectralError:
    """At what scales is the reconstruction wrong? Shells without power in the truth are NaN.

    Each row's spatial mean is taken out. Shells are one fundamental wavenumber of the longest side wide. Fields that
    are not periodic leak power to short waves, truth and reconstruction alike.

    Args:
        truth, estimate: (rows, n_1, ..., n_d).
        spacing: distance of neighbouring nodes.

    Raises:
        DataError: see `two_point`; unequal shapes; a truth that is constant in space.
    """
    y, ŷ = _fields(truth), _fields(estimate)
    if y.shape != ŷ.shape:
        raise DataError(f"truth {y.shape} and estimate {ŷ.shape} must have one shape")
    a, b = _waves(y), _waves(ŷ)
    parts = [np.square(np.abs(a)), np.square(np.abs(b)), np.real(a * np.conj(b)), np.square(np.abs(a - b))]
    shells = [_shells(y, spacing, part) for part in parts]
    own, other, both, off = (power for _, power, _ in shells)
    if own.sum() == 0:
        raise DataError("the truth is constant in space: it has no spectrum")
    some = own > 1e-12 * own.max()
    missed, ratio = (np.divide(p, own, out=np.full(len(own), np.nan), where=some) for p in (off, other))
    size = np.sqrt(own * other)
    coherence = np.divide(both, size, out=np.full(len(own), np.nan), where=some & (size > 0))
    wavenumber = shells[0][2] * (1 + np.arange(len(own)))
    return SpectralError(float(off.sum() / own.sum()), wavenumber, missed, ratio, coherence)


def _waves(y: Array) -> NDArray[np.complexfloating]:
    axes = tuple(range(1, y.ndim))
    return np.fft.fftn(y - y.mean(axis=axes, keepdims=True), axes=axes)


def _shells(y: Array, spacing: float, by_wave: Array) -> tuple[NDArray[np.intp], Array, float]:
    """Shell of every wave, sum over each shell's waves (mean over rows), and the width of a shell."""
    sides = y.shape[1:]
    fundamental = float(2 * np.pi / (max(sides) * spacing))
    q = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n, spacing) for n in sides), indexing="ij")
    shell = np.rint(np.linalg.norm(q, axis=0) / fundamental).astype(np.intp)
    power = np.bincount(shell.ravel(), by_wave.mean(axis=0).ravel())[1:].astype(np.float64)
    return shell, power, fundamental


@readable
class TwoPoint(NamedTuple):
    """Two-point covariance by distance.

    Args:
        distance: of the shells, (shells,); the first is 0.
        covariance: mean over rows and pairs; at distance 0 the variance over space, (shells,).
        length: integral length, the integral of covariance / variance up to its first zero.
    """

    distance: Array
    covariance: Array
    length: float


def two_point(fields: ArrayLike, *, spacing: float = 1.0, periodic: bool = False) -> TwoPoint:
    r"""Two-point covariance :math:`C(r) = \langle y'(x)\, y'(x + r) \rangle` of fields on a regular grid.

    y′ is y less its mean over all rows and points. Every pair of nodes counts once; shells are one spacing wide and
    reach to half of the shortest side.

    Args:
        fields: (rows, n_1, ..., n_d), d >= 1.
        spacing: distance of neighbouring nodes.
        periodic: whether opposite sides are neighbours.

    Raises:
        DataError: no grid, fewer than 4 nodes along a side, NaN.

    Reference: S. Torquato, "Random heterogeneous materials" (2002), section 2.
    """
    y = _fields(fields)
    y = y - y.mean()
    sides = y.shape[1:]
    padded = sides if periodic else tuple(2 * n for n in sides)
    total = _correlation(y, padded).mean(axis=0)
    pairs = np.full(sides, np.prod(sides)) if periodic else _correlation(np.ones((1, *sides)), padded)[0]
    lags = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in padded), indexing="ij")
    shell = np.rint(np.linalg.norm(lags, axis=0)).astype(np.intp).ravel()
    reach = min(sides) // 2 + 1
    sums, counts = (np.bincount(shell, part.ravel())[:reach] for part in (total, pairs))
    covariance = sums / counts
    return TwoPoint(spacing * np.arange(reach), covariance, _integral_length(covariance, spacing))


def _correlation(y: Array, padded: tuple[int, ...]) -> Array:
    """Sum over nodes of y(x) y(x + lag), (rows, *lags)."""
    axes = tuple(range(1, y.ndim))
    return np.fft.ifftn(np.square(np.abs(np.fft.fftn(y, padded, axes))), axes=axes).real


def _integral_length(covariance: Array, spacing: float) -> float:
    if covariance[0] <= 0:
        return float("nan")
    below = np.flatnonzero(covariance <= 0)
    positive = covariance[: below[0]] if len(below) else covariance
    return float(np.trapezoid(positive, dx=spacing) / covariance[0])


def _fields(fields: ArrayLike) -> Array:
    y = np.asarray(fields)
    if y.ndim < 2 or min(y.shape[1:]) < 4:
        raise DataError(f"fields must be (rows, n_1, ...) with 4 nodes or more along each side, got shape {y.shape}")
    return columns(y.reshape(len(y), -1), "fields", 1).astype(np.float64).reshape(y.shape)


@readable
class Calibration(NamedTuple):
    """Is the predicted variance the variance of the errors?

    Args:
        score: calibration error, mean over ``levels`` of |covered − level|; 0 is perfect.
        levels: nominal, (levels,).
        covered: share of the values inside the central interval of each level, (levels,).
        pit: histogram of the probability integral transform over 20 equal bins, mean 1; a hump: variance too large, a
            bowl: too small, a slope: biased.
        spread: mean of ((y − μ)/σ)²; above 1 the variance is too small.
        log_density: mean log density in nats per value.
    """

    score: float
    levels: Array
    covered: Array
    pit: Array
    spread: float
    log_density: float


def calibration(truth: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Calibration:
    r"""Coverage and probability integral transform of Gaussian predictions :math:`N(μ, σ^2)`.

    .. math:: u = Φ((y - μ) / σ), \qquad \text{covered}(p) = \langle |2 u - 1| \le p \rangle

    Blind to: sharpness (a huge variance that is right on average is calibrated; see ``log_density``), and to
    correlations between the values of a row: with them the scatter of the coverage is larger than its number of values
    says.

    Args:
        truth: y, (rows, ...).
        mean: μ, the same shape.
        variance: σ², broadcast to that shape.

    Raises:
        DataError: shapes, NaN, variance not positive.

    Reference: Gneiting, Balabdaoui and Raftery, J. R. Statist. Soc. B 69, 243 (2007).

    >>> y = np.random.default_rng(0).normal(size=(1000, 3))
    >>> calibration(y, 0 * y, 1.0).score < 0.01 < 0.1 < calibration(y, 0 * y, 0.5).score
    True
    """
    y, μ = _checked(truth, mean, "prediction")
    σ2 = np.broadcast_to(np.asarray(variance, dtype=np.float64), np.shape(truth)).reshape(y.shape)
    if not (np.isfinite(σ2).all() and (σ2 > 0).all()):
        raise DataError("the predicted variance must be positive and finite everywhere")
    z = (y - μ) / np.sqrt(σ2)
    u = scipy.stats.norm.cdf(z)
    levels = np.linspace(0.05, 0.95, 19)
    covered = np.array([np.mean(np.abs(2 * u - 1) <= p) for p in levels])
    density = -0.5 * float(np.mean(z**2 + np.log(2 * np.pi * σ2)))
    pit = np.histogram(u, 20, (0, 1))[0] * 20 / u.size
    return Calibration(float(np.abs(covered - levels).mean()), levels, covered, pit, float(np.mean(z**2)), density)
