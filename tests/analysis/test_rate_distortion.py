"""A linear-Gaussian source: training, objective and measures are all right at once, or this fails."""

import numpy as np
import pytest

from beable.analysis.rate_distortion import (
    aggregate_split,
    gaussian_curve,
    lower_hull,
    rate_distortion,
    sweep_settings,
)
from beable.datasets.store import Store
from beable.errors import UsageError
from beable.training.run import train
from beable.training.settings import RunSettings

TO_THE_LAST = {
    "batch": None,
    "start": "pca",
    "held_out": 2,
    "records": 2,  # they cost as much as steps
    "patience": None,
    "keep": "last",
}
EIGENVALUES = np.array([4.0, 1.0, 0.25])
SIGMA = 0.3
BETAS = [0.5, 2.0, 5.0, 20.0, 60.0]


def source(rows=1000):
    """Rows whose sample covariance has exactly the eigenvalues, as fields of 6 numbers."""
    rng = np.random.default_rng(0)
    white = np.linalg.qr(rng.normal(size=(rows, 4)) - 0.0)[0]
    white = np.linalg.qr(white - white.mean(0))[0][:, :3] * np.sqrt(rows)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0][:3]
    return (white * np.sqrt(EIGENVALUES) @ turn).reshape(rows, 2, 3).astype(np.float32)


@pytest.fixture(scope="module")
def curve(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear")
    field = source()
    store = Store.from_arrays(folder / "data.zarr", {"field": field})
    settings = RunSettings.model_validate(
        {
            "representation": {"kind": "modes", "modes": 3, "scaling": "none"},
            "model": {"latents": 3, "depth": 0, "variance": "fixed", "sigma": SIGMA},
            "training": {"steps": 400, "learning_rate": 0.06} | TO_THE_LAST,
        }
    )
    run = train(store, folder / "run", sweep_settings(settings, BETAS, 1))
    return rate_distortion(run, {"field": np.tile(field, (100, 1, 1))})


def exact():
    return gaussian_curve(EIGENVALUES, SIGMA**2, np.array(BETAS))


def test_the_measured_curve_is_the_closed_form(curve):
    np.testing.assert_allclose(curve.squared_error, exact().squared_error, rtol=0.01)
    np.testing.assert_allclose(curve.rate, exact().rate, rtol=0.01, atol=0.01)


def test_modes_collapse_at_their_thresholds(curve):
    assert curve.active.tolist() == exact().active.tolist()
    assert sorted(set(curve.active.tolist())) == [0, 1, 2, 3]


def test_another_effective_beta_would_be_noticed(curve):
    wrong = gaussian_curve(EIGENVALUES, SIGMA**2, 1.05 * np.array(BETAS))
    assert abs(curve.squared_error / wrong.squared_error - 1).max() > 0.01


def test_the_split_adds_up_and_the_source_has_no_total_correlation(curve):
    total = sum(np.asarray(part) for part in curve.split)
    np.testing.assert_allclose(total, curve.rate, atol=1e-9)
    assert np.abs(curve.split.total_correlation[1:]).max() < 0.1
    assert curve.split.mutual_information[:2] == pytest.approx(curve.rate[:2], abs=0.35)


def test_every_point_of_a_convex_curve_is_on_the_hull(curve):
    used = [k for k in range(len(BETAS)) if curve.active[k]]
    assert set(used) <= {*curve.hull.tolist()} | {int(np.argmin(curve.rate))}


def test_mutual_information_of_far_apart_posteriors_is_the_log_of_their_number():
    mean = 100.0 * np.arange(64)[:, None]
    information, correlation = aggregate_split(mean, np.ones_like(mean))
    assert information == pytest.approx(np.log(64))
    assert correlation == pytest.approx(0, abs=1e-9)


def test_total_correlation_sees_a_copied_latent():
    mean = np.repeat(np.random.default_rng(0).normal(size=(400, 1)), 2, axis=1)
    _, copied = aggregate_split(mean, np.full_like(mean, 0.2))
    mean[:, 1] = np.random.default_rng(1).normal(size=400)
    _, independent = aggregate_split(mean, np.full_like(mean, 0.2))
    assert copied > 0.5 > independent


def test_the_hull_leaves_dominated_points_out():
    assert lower_hull(np.array([0.0, 1.0, 2.0]), np.array([2.0, 0.5, 0.0])).tolist() == [0, 1, 2]
    assert lower_hull(np.array([0.0, 1.0, 2.0]), np.array([2.0, 1.5, 0.0])).tolist() == [0, 2]


@pytest.mark.parametrize("betas", [[], [0.0], [-1.0], [float("nan")]])
def test_a_sweep_needs_positive_betas(betas):
    with pytest.raises(UsageError, match="positive"):
        sweep_settings(RunSettings(), betas, 1)


def test_a_free_variance_leaves_fewer_latents_than_outputs_over_beta(tmp_path):
    """Far from the threshold of any fixed variance: the weakest mode has 2,500 times the energy of the noise."""
    noise = 0.01 * np.random.default_rng(1).normal(size=(300, 2, 3))
    field = source(300) + noise.astype(np.float32)
    store = Store.from_arrays(tmp_path / "data.zarr", {"field": field})
    settings = RunSettings.model_validate(
        {
            "representation": {"kind": "modes", "modes": 3, "scaling": "none"},
            "model": {"latents": 3, "depth": 0},
            "training": {"steps": 500, "learning_rate": 0.05} | TO_THE_LAST,
        }
    )
    betas = [1.6, 2.5, 4.0, 7.5]
    run = train(store, tmp_path / "run", sweep_settings(settings, betas, 1))
    active = rate_distortion(run, {"field": field}).active
    assert active.tolist() == [3, 2, 1, 0]
    assert active.tolist() == [min(3, int(np.ceil(6 / b)) - 1) for b in betas]
