"""Ceiling, chance and interval against known values."""

import doctest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from beable.errors import DataError, UsageError
from beable.metrics import METRICS, s_d, sap, score_in_context
from beable.metrics.context import Interval, Metric, _interval, linear_codes, rotated


def normal(n: int, p: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, p))


def clusters(n: int, p: int = 2, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.choice([-1, 1], size=(n, p)) + 0.25 * draw.normal(size=(n, p))


@pytest.mark.parametrize(("rows", "published"), [(64, 0.915), (256, 0.955), (512, 0.965)])
def test_ceiling_of_s_d(rows: int, published: float) -> None:
    ceilings = [s_d(θ, θ).score for θ in (normal(rows, 2, seed) for seed in range(100))]
    assert np.mean(ceilings) == pytest.approx(published, abs=4 * np.std(ceilings) / np.sqrt(100))


@pytest.mark.parametrize(("p", "mean", "above"), [(2, 0.72, 0.14), (3, 0.567, 0.002)])
def test_chance_of_s_d_by_random_rotation(p: int, mean: float, above: float) -> None:
    θ = rotated(normal(50, p), p, 0)  # exactly white: no sample correlation is left
    draw = np.random.default_rng(1)
    scores = np.array([s_d(rotated(θ, p, draw), θ).score for _ in range(250)])
    assert scores.mean() == pytest.approx(mean, abs=4 * scores.std() / np.sqrt(250))
    assert np.mean(scores > 0.9) == pytest.approx(above, abs=4 * np.sqrt(above * (1 - above) / 250))


def test_rotations_are_uniform_and_whiten_correlated_factors() -> None:
    θ = normal(500, 2) @ np.array([[1.0, 0.9], [0.0, 0.4]])
    draw = np.random.default_rng(0)
    codes = [rotated(θ, 2, draw) for _ in range(300)]
    assert np.allclose(np.cov(codes[0].T, bias=True), np.eye(2), atol=1e-9)
    first = np.array([z[:, 0] @ codes[0] / 500 for z in codes])
    angles = np.sort(np.arctan2(first[:, 1], first[:, 0]) / (2 * np.pi) % 1)
    assert np.abs(angles - np.arange(1, 301) / 300).max() < 1.63 / np.sqrt(300)  # Kolmogorov, 1 %


@pytest.mark.parametrize("latents", [1, 2, 5])
def test_rotation_null_has_as_many_latents_as_the_code(latents: int) -> None:
    assert rotated(normal(50, 3), latents, 0).shape == (50, latents)


def test_corrected_is_one_at_the_ceiling_and_zero_at_chance() -> None:
    θ = clusters(400)
    assert score_in_context(sap, -3 * θ, θ, repeats=20, rotations=20).corrected == pytest.approx(1.0)
    turn = np.deg2rad(25.0)  # SAP of a rotation |cos 2x|: mean 2/pi over angles, met at 25.2 degrees
    turned = θ @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    found = score_in_context(sap, turned, θ, repeats=20, rotations=400)
    assert found.rotation.mean == pytest.approx(2 / np.pi, abs=0.04)
    assert found.corrected == pytest.approx(0.0, abs=0.15)


def test_a_metric_blind_to_rotation_has_no_corrected_value_against_rotations() -> None:
    θ = normal(300, 2)
    codes = θ + normal(300, 2, 1)
    blind = score_in_context(METRICS["explicitness"], codes, θ, repeats=10, rotations=10)
    seeing = score_in_context(METRICS["explicitness"], codes, θ, repeats=10, rotations=10, against="permutation")
    assert np.isnan(blind.corrected)
    assert 0.4 < seeing.corrected < 0.6


class Correlation(NamedTuple):
    """A score as cheap as can be, since an interval asks for many."""

    score: float


def squared(z: np.ndarray, x: np.ndarray) -> Correlation:
    """Squared correlation of one latent and one factor, which SAP is too."""
    a, b = z[:, 0] - z[:, 0].mean(), x[:, 0] - x[:, 0].mean()
    return Correlation(float((a @ b) ** 2 / ((a @ a) * (b @ b))))


def interval(
    z: np.ndarray, x: np.ndarray, repeats: int, level: float, seed: int, metric: Metric = squared
) -> tuple[float, Interval]:
    """A score and its interval, without the nulls that a context has beside them."""
    found = metric(z, x).score
    return found, _interval(metric, z, x, found, repeats, level, np.random.default_rng(seed))


def test_interval_covers() -> None:
    """In 0.86 of 500 cases, and half as wide in 0.56."""
    truth = 0.6**2  # squared correlation of the only latent
    hits = halved = 0
    for seed in range(60):
        x, e = normal(200, 1, 2 * seed + 1), normal(200, 1, 2 * seed + 2)
        score, found = interval(0.6 * x + 0.8 * e, x, 40, 0.9, seed)
        hits += found.low <= truth <= found.high
        halved += (found.low + score) / 2 <= truth <= (found.high + score) / 2
        assert found.low < score < found.high
    assert halved < 44 <= hits <= 59


def test_interval_of_few_rows_is_as_wide_as_the_scatter() -> None:
    samples = [(normal(11, 1, s), normal(11, 1, s + 500)) for s in range(40)]
    found = [interval(0.6 * x + 0.8 * e, x, 40, 0.95, s) for s, (x, e) in enumerate(samples)]
    scatter = np.std([score for score, _ in found])
    assert np.mean([ends.high - ends.low for _, ends in found]) / (2 * 1.96) == pytest.approx(scatter, rel=0.4)


def test_interval_shrinks_with_the_rows() -> None:
    def width(n: int) -> float:
        found = interval(clusters(n) + normal(n, 2, 1), clusters(n), 200, 0.95, 0, sap)[1]
        return found.high - found.low

    assert width(1600) / width(400) == pytest.approx(0.5, abs=0.15)


@pytest.mark.numerical
def test_ica_finds_what_pca_turns() -> None:
    θ = clusters(500)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    fields = np.linalg.qr(normal(30, 2, 3))[0].T
    data = (θ @ turn * [2.0, 1.0]) @ fields + 0.01 * normal(500, 30, 4)
    found = score_in_context(s_d, θ, θ, data=data, repeats=10)
    assert found.ica is not None
    assert found.pca is not None
    assert found.ica > 0.97 * found.ceiling > found.pca + 0.05
    assert found.ica_converged


@pytest.mark.numerical
def test_wide_and_tall_data_have_the_same_components() -> None:
    data = normal(40, 30) @ np.diag(np.arange(30, 0, -1.0))
    tall, _, _ = linear_codes(data, 3)
    wide, _, _ = linear_codes(np.hstack([data, np.zeros((40, 30))]), 3)
    assert np.allclose(np.abs(tall), np.abs(wide), atol=1e-8)


def test_same_seed_same_context() -> None:
    θ = clusters(100)
    one, two = (score_in_context(s_d, θ, θ, rng=3, repeats=5) for _ in range(2))
    assert np.array_equal(one.rotation.values, two.rotation.values)
    assert one.interval == two.interval


def test_bad_settings_and_data() -> None:
    θ = clusters(50)
    with pytest.raises(DataError, match="8 rows: at least 9"):
        score_in_context(s_d, θ[:8], θ[:8])
    with pytest.raises(UsageError, match="at least 2"):
        score_in_context(s_d, θ, θ, repeats=1)
    with pytest.raises(UsageError, match="level"):
        score_in_context(s_d, θ, θ, level=95)
    with pytest.raises(UsageError, match="against"):
        score_in_context(s_d, θ, θ, against="luck")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="49 rows"):
        score_in_context(s_d, θ, θ, data=θ[:-1], repeats=2, rotations=2)
    with pytest.raises(DataError, match="no 2 components"):
        score_in_context(s_d, θ, θ, data=θ[:, :1], repeats=2, rotations=2)


def test_the_page_on_choosing_a_metric_runs_and_names_them_all() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
    assert all(f"| `{name}` |" in page.read_text() for name in METRICS)
