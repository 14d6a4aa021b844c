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

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special
from scipy.spatial.distance import cdist, pdist, squareform

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
    """One Gaussian process of a column of numbers: parameters from some of the rows, the answer from all.

    Args:
        x: scaled descriptors, (rows, p).
        y: numbers, (rows,).
        errors: their standard errors, (rows,).
    """

    def __init__(self, x: Floats, y: Floats, errors: Floats) -> None:
        self._mean, self._std = float(y.mean()), float(y.std()) or 1.0
        self._error = float(np.sqrt(np.mean(errors**2)))
        y, variance = (y - self._mean) / self._std, (errors / self._std) ** 2 + JITTER
        some = slice(None, None, -(-len(x) // TUNED_ROWS))
        start = np.log([1.0, *np.full(x.shape[1], x.shape[1] ** 0.5), 1e-3])
        bounds = np.log([SIGNAL, *[LENGTHS] * x.shape[1], NOISE])
        likelihood = _Likelihood(*(np.copy(column[some]) for column in (x, y, variance)))
        self._signal, self._lengths, self._noise = _meant(_climb(likelihood, start, bounds))
        self._x = x
        covariance = self._signal * squareform(_matern(pdist(x / self._lengths)))
        np.fill_diagonal(covariance, self._signal + self._noise + variance)
        self._lower = linalg.cholesky(covariance, lower=True, check_finite=False)
        self._weights = linalg.cho_solve((self._lower, True), y, check_finite=False)

    def predict(self, x: Floats) -> Prediction:
        """Of a simulation."""
        shared = self._signal * _matern(cdist(x / self._lengths, self._x / self._lengths))
        half = linalg.solve_triangular(self._lower, shared.T, lower=True, check_finite=False)
        variance = self._signal + self._noise - np.einsum("ij,ji->i", half.T, half)
        std = np.sqrt(np.maximum(variance, 0))
        return Prediction(self._mean + self._std * (shared @ self._weights), np.hypot(self._std * std, self._error))


def _matern(distance: Floats) -> Floats:
    """M of order 5/2."""
    scaled = distance * 5**0.5
    return np.asarray((1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled))


def _meant(parameters: Floats) -> tuple[float, Floats, float]:
    """s², lengths and σ² from their logarithms."""
    return np.exp(parameters[0]), np.exp(parameters[1:-1]), np.exp(parameters[-1])


class _Likelihood:
    """Minus the log marginal likelihood of parameters, and its gradient.

    As that of scikit-learn, to the last bit; it spends most of its time on looking parameters up by name.
    """

    def __init__(self, x: Floats, y: Floats, variance: Floats) -> None:
        self._x, self._y, self._variance = x, y[:, np.newaxis], variance
        self._apart = (x[:, np.newaxis, :] - x[np.newaxis, :, :]) ** 2
        self._one = np.eye(len(x))

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        signal, lengths, noise = _meant(parameters)
        distance = pdist(self._x / lengths)
        shape = squareform(_matern(distance))
        np.fill_diagonal(shape, 1)
        covariance = signal * shape
        np.fill_diagonal(covariance, signal + noise + self._variance)
        try:
            lower = linalg.cholesky(covariance, lower=True, check_finite=False)
        except linalg.LinAlgError:
            return np.inf, np.zeros_like(parameters)
        weights = linalg.cho_solve((lower, True), self._y, check_finite=False)
        value = -0.5 * np.einsum("ik,ik->k", self._y, weights)
        value -= np.log(np.diag(lower)).sum()
        value -= len(lower) / 2 * np.log(2 * np.pi)
        inverse = linalg.cho_solve((lower, True), self._one, check_finite=False)
        inner = np.einsum("ik,jk->ijk", weights, weights)
        inner -= inverse[..., np.newaxis]
        square = self._apart / lengths**2 if len(lengths) > 1 else squareform(distance**2)[..., np.newaxis]
        scaled = np.sqrt(5 * square.sum(-1))[..., np.newaxis]
        sloping = 5.0 / 3.0 * square * (scaled + 1) * np.exp(-scaled) * signal
        slopes = np.dstack([signal * shape, sloping, noise * self._one])
        gradient = 0.5 * np.einsum("ijl,jik->kl", inner, slopes)
        return -value.sum(), -gradient.sum(-1)


def _climb(objective: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: Floats) -> Floats:
    """The parameters, logarithms of s², lengths and σ², after a few steps: their last digits change no proposal."""

    def penalised(parameters: Floats) -> tuple[float, Floats]:
        value, gradient = objective(parameters)
        apart = parameters[1:-1] - parameters[1:-1].mean()
        slope = np.concatenate([[0.0], apart / LENGTH_SPREAD**2, [0.0]])
        return value + 0.5 * float((apart**2).sum()) / LENGTH_SPREAD**2, gradient + slope

    found = optimize.minimize(penalised, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": STEPS})
    return np.asarray(found.x)
