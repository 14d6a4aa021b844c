r"""An emulator of an outcome that knows how far it may be off.

A Gaussian process on descriptors x of a design, with a length for each of them,

.. math:: y(x) = m + f(x) + \varepsilon, \qquad
          \operatorname{cov}(f, f') = s^2\, M_{5/2}\Big(\sqrt{\textstyle\sum_j (x_j - x_j')^2 / \ell_j^2}\Big),
          \qquad \varepsilon \sim N(0, \sigma_i^2 + \sigma^2)

where σ_i is the standard error that the simulator states and σ² what is left, both part of the answer: a prediction is
one of *a simulation*. Lengths, s and σ are those of highest marginal likelihood with a penalty on lengths that differ,

.. math:: \frac{1}{2\tau^2} \sum_j (\log \ell_j - \overline{\log \ell})^2,

without which a few dozen rows leave as many lengths open, and the emulator sure of itself where it should not be.

A misfit ‖d‖ is emulated through its parts: d lies close to the few leading singular vectors of the deviations that
were seen, each coefficient has a process of its own, and mean and deviation of the norm come from their draws.

C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press 2006, chapters 2 and 5;
D. Higdon et al., *Computer model calibration using high-dimensional output*, JASA 103 (2008) 570, for the parts.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from beable.errors import DataError

Floats = NDArray[np.float64]

MOST_ROWS, TUNED_ROWS = 500, 150
LEAST_ROWS = 4
STEPS = 40
LENGTH_SPREAD = 0.4
ENERGY, MOST_MODES = 1 - 1e-6, 12
DRAWS = 64
JITTER = 1e-10
LENGTHS, SIGNAL, NOISE = (0.1, 100.0), (1e-2, 1e3), (1e-8, 1.0)


class Prediction(NamedTuple):
    """The outcome of a simulation as an emulator expects it.

    Args:
        mean: (rows,).
        std: standard deviation of a single simulation around it, (rows,).
    """

    mean: Floats
    std: Floats

    def log_chance(self, low: float, high: float) -> Floats:
        """Log probability that a simulation lies in [low, high], (rows,); normal."""
        a, b = ((end - self.mean) / self.std for end in (low, high))
        upper = a + b > 0  # the tail where numbers keep their digits
        a, b = np.where(upper, -b, a), np.where(upper, -a, b)
        log_a, log_b = special.log_ndtr(a), special.log_ndtr(b)
        chance: Floats = log_b + np.log1p(-np.exp(np.minimum(log_a - log_b, -1e-15)))
        return chance


class Surrogate:
    """An emulator of one outcome.

    Args:
        features: x, (rows, p).
        parts: the number of each row, (rows, 1), or what it is the norm of, (rows, parts).
        errors: standard error of the number, (rows,).
        distance: of each row from where answers are wanted, (rows,): of more than ``MOST_ROWS`` rows half are the
            nearest, half any.

    Raises:
        DataError: fewer than ``LEAST_ROWS`` rows.

    >>> x = np.linspace(0, 1, 12)[:, None]
    >>> emulator = Surrogate(x, np.sin(3 * x), np.zeros(12))
    >>> bool(abs(emulator.predict(np.array([[0.5]])).mean[0] - np.sin(1.5)) < 1e-3)
    True
    """

    def __init__(self, features: Floats, parts: Floats, errors: Floats, distance: Floats | None = None) -> None:
        if len(features) < LEAST_ROWS:
            raise DataError(f"an emulator needs at least {LEAST_ROWS} simulations that succeeded, not {len(features)}")
        rows = leading(len(features), distance)
        features, parts, errors = features[rows], parts[rows], errors[rows]
        self._centre, self._scale = features.mean(0), features.std(0)
        self._varied = self._scale > 1e-9 * np.abs(features).max(0)
        self._varied[0] |= not self._varied.any()
        x = self._scaled(features)
        self._is_norm = parts.shape[1] > 1
        columns = _coefficients(parts) if self._is_norm else parts
        self._processes = [Process(x, column, errors) for column in columns.T]

    def _scaled(self, features: Floats) -> Floats:
        scaled: Floats = ((features - self._centre) / np.where(self._varied, self._scale, 1.0))[:, self._varied]
        return scaled

    def predict(self, features: Floats) -> Prediction:
        """What simulations of descriptors (rows, p) are expected to give."""
        x = self._scaled(features)
        found = [process.predict(x) for process in self._processes]
        if not self._is_norm:
            return found[0]
        mean, std = np.stack([f.mean for f in found]), np.stack([f.std for f in found])
        return _norm(mean, std)


def _norm(mean: Floats, std: Floats) -> Prediction:
    """Mean and deviation of the norm of independent normal columns (columns, rows); the same draws for every row."""
    normal = np.random.default_rng(0).standard_normal((DRAWS, len(mean)))
    draws = np.linalg.norm(mean[None] + std[None] * normal[:, :, None], axis=1)
    return Prediction(draws.mean(0), np.maximum(draws.std(0), 1e-12))


def leading(rows: int, distance: Floats | None) -> NDArray[np.intp]:
    """Numbers of at most ``MOST_ROWS`` rows to learn from, half the nearest, half any."""
    if rows <= MOST_ROWS:
        return np.arange(rows)
    order = np.arange(rows) if distance is None else np.argsort(distance, kind="stable")
    near, far = order[: MOST_ROWS // 2], order[MOST_ROWS // 2 :]
    return np.concatenate([near, np.random.default_rng(0).permutation(far)[: MOST_ROWS - len(near)]])


def _coefficients(parts: Floats) -> Floats:
    """Parts on their leading singular vectors, (rows, modes)."""
    left, singular, _ = np.linalg.svd(parts, full_matrices=False)
    energy = np.cumsum(singular**2) / (singular**2).sum()
    modes = min(int(np.searchsorted(energy, ENERGY)) + 1, MOST_MODES)
    return np.asarray(left[:, :modes] * singular[:modes])


class Process:
    """One Gaussian process of a column of numbers.

    Args:
        x: scaled descriptors, (rows, p).
        y: numbers, (rows,).
        errors: their standard errors, (rows,).
    """

    def __init__(self, x: Floats, y: Floats, errors: Floats) -> None:
        self._mean, self._std = float(y.mean()), float(y.std()) or 1.0
        self._error = float(np.sqrt(np.mean(errors**2)))
        self._process = _fitted(x, (y - self._mean) / self._std, (errors / self._std) ** 2)

    def predict(self, x: Floats) -> Prediction:
        """Of a simulation."""
        mean, std = self._process.predict(x, return_std=True)
        return Prediction(self._mean + self._std * mean, np.hypot(self._std * std, self._error))


def _fitted(x: Floats, y: Floats, variance: Floats) -> Any:
    """Parameters from some of the rows, the answer from all."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    shape = Matern(np.full(x.shape[1], x.shape[1] ** 0.5), LENGTHS, nu=2.5)
    kernel = ConstantKernel(1.0, SIGNAL) * shape + WhiteKernel(1e-3, NOISE)
    some = slice(None, None, -(-len(x) // TUNED_ROWS))
    process = GaussianProcessRegressor(kernel, alpha=variance[some] + JITTER, optimizer=_climb)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is an answer
        process.fit(x[some], y[some])
    if len(x) <= TUNED_ROWS:
        return process
    return GaussianProcessRegressor(process.kernel_, alpha=variance + JITTER, optimizer=None).fit(x, y)


def _climb(objective: Callable[..., Any], start: Floats, bounds: Floats) -> tuple[Floats, float]:
    """The parameters, logarithms of s², lengths and σ², after a few steps: their last digits change no proposal."""

    def penalised(parameters: Floats) -> tuple[float, Floats]:
        value, gradient = objective(parameters)
        apart = parameters[1:-1] - parameters[1:-1].mean()
        slope = np.concatenate([[0.0], apart / LENGTH_SPREAD**2, [0.0]])
        return value + 0.5 * float((apart**2).sum()) / LENGTH_SPREAD**2, gradient + slope

    found = scipy.optimize.minimize(
        penalised, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": STEPS}
    )
    return found.x, float(found.fun)
