"""Reconstruction errors, spectra, two-point statistics and calibration against known answers."""

import numpy as np
import pytest

from beable.errors import DataError
from beable.metrics import calibration, reconstruction_error, spectral_error, two_point


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_errors_by_hand_in_their_units() -> None:
    p, u = draw().normal(size=(20, 5, 5)), 100 + draw(1).normal(size=(20, 5, 5))
    found = reconstruction_error({"p": p, "u": u}, {"p": p + 0.5, "u": u * 1.01}, units={"p": "Pa"})
    assert found.variables["p"].rmse == pytest.approx(0.5)
    assert found.variables["p"].mae == pytest.approx(0.5)
    assert found.variables["p"].unit == "Pa"
    assert found.variables["u"].unit == "1"
    for norm in ("l1", "l2", "linf"):
        assert getattr(found.variables["u"], norm) == pytest.approx(0.01)
    assert found.variables["u"].per_row == pytest.approx(np.full(20, 0.01))
    spread = np.square(p - p.mean(axis=0)).sum()
    assert found.variables["p"].squared == pytest.approx(0.25 * p.size / spread)
    assert found.score == pytest.approx(np.mean([e.squared for e in found.variables.values()]))
    assert found.l2 == pytest.approx(np.mean([e.l2 for e in found.variables.values()]))


def test_the_row_mean_misses_all_and_the_truth_nothing() -> None:
    y = draw().normal(size=(30, 8))
    assert reconstruction_error(y, np.broadcast_to(y.mean(axis=0), y.shape)).score == pytest.approx(1.0)
    assert reconstruction_error(y, y).score == 0.0


def test_score_weighs_variables_alike_whatever_their_unit() -> None:
    y = draw().normal(size=(50, 6))
    pair = {"a": y, "b": 1e6 * y}, {"a": 0.9 * y, "b": 0.9e6 * y}
    assert reconstruction_error(*pair).score == pytest.approx(reconstruction_error(y, 0.9 * y).score)


def test_named_channels_of_one_array() -> None:
    y = draw().normal(size=(10, 3, 4, 4))
    found = reconstruction_error(y, 1.1 * y, channels=("p", "u1", "u2"))
    assert list(found.variables) == ["p", "u1", "u2"]
    assert found.variables["u1"].l2 == pytest.approx(0.1)


def test_a_constant_variable_has_no_share_and_does_not_enter() -> None:
    y = draw().normal(size=(10, 4))
    flat = np.full((10, 3), 0.1, dtype=np.float32)
    found = reconstruction_error({"y": y, "flat": flat}, {"y": 0.5 * y, "flat": flat})
    assert np.isnan(found.variables["flat"].squared)
    assert found.score == found.variables["y"].squared
    with pytest.raises(DataError, match="no variable varies"):
        reconstruction_error(flat, flat)


@pytest.mark.parametrize(
    ("truth", "estimate", "words"),
    [
        (np.ones((4, 2)), np.ones((4, 3)), "one shape"),
        (np.ones((1, 2)), np.ones((1, 2)), "at least 2"),
        (np.array([[1.0], [np.nan]]), np.ones((2, 1)), "truth have 1 rows with NaN"),
        (np.ones((2, 1)), np.array([[1.0], [np.inf]]), "estimate have 1 rows with NaN"),
        ({"p": np.ones((2, 2))}, {"u": np.ones((2, 2))}, "variables"),
    ],
)
def test_bad_input_is_named(truth: object, estimate: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        reconstruction_error(truth, estimate)  # type: ignore[arg-type]


def test_channels_must_fit() -> None:
    with pytest.raises(DataError, match="2 channels named"):
        reconstruction_error(np.ones((4, 3, 2)), np.ones((4, 3, 2)), channels=("a", "b"))


def test_spectral_error_finds_the_scale_that_is_missed() -> None:
    x = np.arange(64)
    phases = draw().uniform(0, 2 * np.pi, size=(20, 2, 1))
    slow, fast = (np.sin(2 * np.pi * k * x / 64 + phases[:, i]) for i, k in enumerate((2, 10)))
    found = spectral_error(slow + fast, slow, spacing=0.5)
    assert found.wavenumber[[1, 9]] == pytest.approx(2 * np.pi * np.array([2, 10]) / 32)
    assert found.score == pytest.approx(0.5)
    assert found.missed[[1, 9]] == pytest.approx([0.0, 1.0], abs=1e-9)
    assert found.coherence[1] == pytest.approx(1.0)
    assert np.isnan(found.missed[4])
    opposite = spectral_error(slow + fast, slow - fast)
    assert opposite.coherence[9] == pytest.approx(-1.0)
    assert opposite.ratio[9] == pytest.approx(1.0)
    assert spectral_error(slow, slow).score == 0.0


def test_two_point_covariance_of_a_wave() -> None:
    x = np.arange(60)
    phases = draw().uniform(0, 2 * np.pi, size=(4000, 1))
    field = np.sin(2 * np.pi * 3 * x / 60 + phases)
    for periodic in (True, False):
        found = two_point(field, spacing=0.5, periodic=periodic)
        assert found.covariance == pytest.approx(0.5 * np.cos(2 * np.pi * 3 * np.arange(31) / 60), abs=0.03)
        assert found.distance[-1] == 15.0
    assert two_point(field).covariance[0] == pytest.approx(field.var())


def test_two_point_covariance_of_noise_and_of_an_exponential_chain() -> None:
    noise = draw().normal(size=(200, 24, 24))
    assert np.abs(two_point(noise).covariance[1:]).max() < 0.02
    a = np.exp(-1 / 5.0)
    chain = np.empty((3000, 80))
    chain[:, 0] = draw(1).normal(size=3000)
    for i in range(1, 80):
        chain[:, i] = a * chain[:, i - 1] + np.sqrt(1 - a**2) * draw(i + 1).normal(size=3000)
    found = two_point(chain)
    assert found.covariance[:20] == pytest.approx(np.exp(-np.arange(20) / 5.0), abs=0.06)
    assert found.length == pytest.approx(5.0, rel=0.15)


def test_two_point_by_brute_force() -> None:
    y = draw().normal(size=(3, 5, 4))
    y = y - y.mean()
    points = np.array(list(np.ndindex(5, 4)))
    apart = np.rint(np.linalg.norm(points[:, None] - points[None], axis=-1)).astype(int)
    flat = y.reshape(3, -1)
    products = np.einsum("ri,rj->ij", flat, flat) / 3
    expected = [products[apart == r].mean() for r in range(3)]
    assert two_point(y).covariance == pytest.approx(expected)


@pytest.mark.parametrize("fields", [np.ones(5), np.ones((2, 3)), np.ones((2, 5, 3))])
def test_fields_need_a_grid(fields: np.ndarray) -> None:
    with pytest.raises(DataError, match="4 nodes"):
        two_point(fields)


def test_spectra_of_unequal_or_constant_fields() -> None:
    with pytest.raises(DataError, match="one shape"):
        spectral_error(np.ones((2, 8)), np.ones((2, 9)))
    with pytest.raises(DataError, match="constant in space"):
        spectral_error(np.ones((2, 8)), np.ones((2, 8)))


def test_calibration_of_right_narrow_wide_and_biased_predictions() -> None:
    y = draw().normal(size=(2000, 5))
    right, narrow, wide = (calibration(y, 0 * y, v) for v in (1.0, 0.25, 4.0))
    assert right.score < 0.01
    assert right.pit == pytest.approx(np.ones(20), abs=0.15)
    assert right.spread == pytest.approx(1.0, abs=0.05)
    assert right.log_density == pytest.approx(-0.5 * np.log(2 * np.pi * np.e), abs=0.02)
    assert narrow.score > 0.15
    assert wide.score > 0.15
    assert narrow.covered[9] < narrow.levels[9] < wide.covered[9]
    assert narrow.pit[0] > 2 > 0.5 > wide.pit[0]
    assert max(narrow.log_density, wide.log_density) < right.log_density
    biased = calibration(y, 0 * y + 1, 1.0)
    assert biased.pit[0] > 2 > 0.5 > biased.pit[-1]


def test_calibration_with_a_variance_for_each_value() -> None:
    σ = draw().uniform(0.1, 3.0, size=(3000, 4))
    y = 7 + σ * draw(1).normal(size=σ.shape)
    assert calibration(y, np.full_like(y, 7.0), σ**2).score < 0.01
    assert calibration(y, np.full_like(y, 7.0), np.mean(σ**2)).score > 0.03


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan])
def test_variance_must_be_positive(variance: float) -> None:
    with pytest.raises(DataError, match="positive"):
        calibration(np.zeros((3, 2)), np.zeros((3, 2)), variance)
