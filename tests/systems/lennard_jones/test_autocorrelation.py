"""Autocorrelation time of series whose memory is known."""

import numpy as np
import pytest
from scipy import signal

from beable.errors import DataError, UsageError
from beable.systems.lennard_jones.autocorrelation import (
    autocorrelation,
    correlation,
    first_below,
    integrated_time,
)

Array = np.ndarray
CASES = [(0.0, 1, 200_000), (0.5, 1, 200_000), (0.9, 1, 200_000), (0.9, 16, 12_500), (0.99, 64, 10_000)]


def ar1(phi: float, chains: int, times: int, seed: int = 0) -> Array:
    """Stationary chains x_t = φ x_{t-1} + noise, whose τ is (1 + φ)/(1 − φ)."""
    noise = np.random.default_rng(seed).normal(size=(chains, times))
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=1)


def exact(phi: float) -> float:
    return (1 + phi) / (1 - phi)


def one_sided(series: Array) -> float:
    """The other convention, 1 + Σρ, which is about half of τ."""
    return (integrated_time(series) + 1) / 2


def deviation(measured: float, series: Array, phi: float) -> float:
    """Standard errors between a time and the exact one; truncation at 5 τ leaves out a share of e^-10."""
    return abs(measured - exact(phi)) / max(autocorrelation(series).error, 1e-12)


@pytest.mark.parametrize(("phi", "chains", "times"), CASES)
def test_time_of_an_autoregression(phi: float, chains: int, times: int) -> None:
    series = ar1(phi, chains, times)
    assert deviation(integrated_time(series), series, phi) < 3.5


@pytest.mark.parametrize(("phi", "chains", "times"), CASES[1:])
def test_the_other_convention_is_noticed(phi: float, chains: int, times: int) -> None:
    series = ar1(phi, chains, times)
    assert deviation(one_sided(series), series, phi) > 5


def test_error_of_the_time_is_its_scatter() -> None:
    found = [autocorrelation(ar1(0.8, 1, 4000, seed)) for seed in range(200)]
    scatter = np.std([f.time for f in found])
    assert 0.7 < scatter / np.mean([f.error for f in found]) < 1.3


def test_samples_give_the_variance_of_the_mean() -> None:
    series = ar1(0.9, 400, 2000)
    scatter = series.mean(axis=1).var() * 2000 / series.var()
    assert scatter == pytest.approx(integrated_time(series), rel=0.15)
    assert scatter > 5  # as many as rows, without memory, would be 1


def test_correlation_by_summing() -> None:
    x = ar1(0.7, 3, 50)
    d = x - x.mean()
    by_hand = np.array([(d[:, : 50 - t] * d[:, t:]).mean() for t in range(50)])
    np.testing.assert_allclose(correlation(x), by_hand / by_hand[0], atol=1e-12)


def test_units_and_offset_do_not_matter() -> None:
    x = ar1(0.9, 2, 5000)
    assert integrated_time(1e-6 * x - 40) == pytest.approx(integrated_time(x), rel=1e-6)


def test_short_series_are_not_reliable() -> None:
    assert autocorrelation(ar1(0.9, 1, 5000)).reliable
    assert autocorrelation(ar1(0.9, 8, 400)).reliable
    assert not autocorrelation(ar1(0.9, 1, 300)).reliable
    assert not autocorrelation(ar1(0.9, 200, 30)).reliable
    assert not autocorrelation(np.arange(100.0)).reliable


def test_chains_apart_from_one_another_are_not_reliable() -> None:
    apart = ar1(0.5, 4, 1000) + np.array([[0.0], [10.0], [20.0], [30.0]])
    assert not autocorrelation(apart).reliable
    assert autocorrelation(apart).samples < 50


def test_antithetic_series_are_not_better_than_independent() -> None:
    assert integrated_time(ar1(-0.9, 1, 10_000)) == 1.0


@pytest.mark.parametrize("level", [0.1, 0.5])
@pytest.mark.parametrize("phi", [0.8, 0.98])
def test_first_below_of_an_exponential_decay(phi: float, level: float) -> None:
    lag = np.ceil(np.log(level) / np.log(phi))
    assert abs(first_below(ar1(phi, 100, 5000), level) - lag) <= max(1, 0.06 * lag)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (np.ones(100), "constant"),
        (np.full((3, 50), -0.1), "constant"),
        ([1.0, 2.0, 3.0], "at least 4 times"),
        (np.zeros((2, 3, 4)), "shape"),
        ([1.0, np.nan, 2.0, 3.0], "finite"),
        (np.empty((0, 10)), "at least 4 times"),
    ],
)
def test_series_that_cannot_be_used(series: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        autocorrelation(series)


def test_first_below_needs_a_decay() -> None:
    with pytest.raises(DataError, match="longer run"):
        first_below(np.array([-1.0, -1.0, 1.0, 1.0]) * np.ones((1, 4)) + 10 * np.array([[-1.0], [1.0]]))


def test_bad_settings() -> None:
    with pytest.raises(UsageError, match="window"):
        integrated_time(np.arange(9.0), window=0)
    with pytest.raises(UsageError, match="level"):
        first_below(np.arange(9.0), level=1.0)
