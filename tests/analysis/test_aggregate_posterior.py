"""A mixture fitted to posterior draws is the density of those draws, at its levels and between them."""

import numpy as np
import pytest
from scipy import stats

from beable.analysis.aggregate_posterior import Aggregate, fit_aggregate, of_run
from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.training.run import train
from beable.training.settings import RunSettings

ROWS = 3000


def two_lumps(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    side = np.where(rng.random(rows) < 0.3, -2.0, 1.5)
    return np.column_stack([side, np.zeros(rows)]), np.full((rows, 2), 0.4)


def test_the_number_of_normals_is_what_held_out_rows_speak_for():
    found = fit_aggregate(*two_lumps(), components=(1, 2, 8))
    assert found.components == 2
    assert found.held_out[2] > found.held_out[1] + 0.3
    np.testing.assert_allclose(np.sort(found.weights), [0.3, 0.7], atol=0.03)
    np.testing.assert_allclose(np.sort(found.means[:, 0]), [-2.0, 1.5], atol=0.05)


@pytest.mark.numerical
def test_samples_have_the_density():
    found = fit_aggregate(*two_lumps(), components=(2,))
    z = found.sample(20_000, rng=1)
    exact = 0.3 * stats.norm.cdf(z[:, 0], -2, 0.4) + 0.7 * stats.norm.cdf(z[:, 0], 1.5, 0.4)
    assert stats.kstest(exact, "uniform").statistic < 0.03
    grid = np.linspace(-5, 5, 201)
    points = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    assert np.exp(found.log_prob(points)).sum() * 0.05**2 == pytest.approx(1, abs=1e-3)


def test_draws_are_those_of_posteriors_and_not_of_their_means():
    mean, std = two_lumps()
    np.testing.assert_allclose(fit_aggregate(mean, std, components=(2,)).covariances[:, 0, 0], 0.16, rtol=0.15)
    assert fit_aggregate(mean, 0 * std, components=(2,)).covariances[:, 0, 0].max() < 0.01


def test_gain_is_the_divergence_from_the_prior():
    rng = np.random.default_rng(0)
    assert abs(fit_aggregate(rng.normal(size=(ROWS, 3)), np.zeros((ROWS, 3))).gain) < 0.03
    off = fit_aggregate(1 + rng.normal(size=(ROWS, 3)), np.zeros((ROWS, 3)))
    assert off.gain == pytest.approx(1.5, abs=0.2)


def levels(rows=4000):
    rng = np.random.default_rng(0)
    c = rng.choice([0.1, 0.4, 0.7, 1.0], rows)
    return 4 * c[:, None] + np.array([0.0, 1.0]), np.full((rows, 2), 0.3), c[:, None]


@pytest.fixture(scope="module")
def fits():
    """With the condition and without."""
    return fit_aggregate(*levels()), fit_aggregate(*levels()[:2])


@pytest.mark.parametrize("c", [0.1, 0.25, 0.4, 1.0])
def test_it_answers_at_levels_and_between_them(fits, c):
    found, blind = fits
    z = found.sample(4000, [c], rng=0)
    np.testing.assert_allclose(z.mean(0), [4 * c, 4 * c + 1], atol=0.2)
    assert z.std(0).max() < (0.75 if c == 0.25 else 0.6)
    assert blind.sample(4000, rng=0).std(0).min() > 1.2


@pytest.mark.numerical
def test_conditioning_is_the_ratio_of_joint_and_marginal():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 4, 4))
    given = Aggregate(np.array([0.2, 0.3, 0.5]), rng.normal(size=(3, 4)), roots @ roots.swapaxes(1, 2), 3, {}, 0.0)
    z, c = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
    joint = sum(
        w * stats.multivariate_normal(m, s).pdf(np.column_stack([z, c]))
        for w, m, s in zip(given.weights, given.means, given.covariances, strict=True)
    )
    marginal = sum(
        w * stats.norm(m[3], s[3, 3] ** 0.5).pdf(c[:, 0])
        for w, m, s in zip(given.weights, given.means, given.covariances, strict=True)
    )
    np.testing.assert_allclose(given.log_prob(z, c), np.log(joint / marginal), rtol=1e-9)


def test_a_run_gives_one_for_each_member(tmp_path):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 3, 2)) * [1, 0.5] + np.arange(3)[:, None]).astype("f4")
    level = rng.choice([0.1, 1.0], 300)
    dims = {"positions": ("particle", "dimension")}
    store = Store.from_arrays(tmp_path / "a.zarr", {"positions": x}, {"gravity": level}, dims=dims)
    settings = {
        "representation": {"kind": "coordinates", "order": "none"},
        "model": {"latents": 2, "width": 8, "depth": 1, "conditions": ["gravity"]},
        "training": {"members": 2, "steps": 20, "records": 2, "start": "pca"},
    }
    run = train(store, tmp_path / "run", RunSettings.model_validate(settings))
    found = of_run(run, {"positions": x, "gravity": level}, components=(1, 2))
    assert len(found) == 2
    assert found[0].sample(5, [0.4]).shape == (5, 2)
    assert set(found[1].as_json()) == {"components", "held_out", "prior", "gain"}


def test_what_cannot_be_fitted_or_asked():
    mean, std = two_lumps(100)
    with pytest.raises(DataError, match="one shape"):
        fit_aggregate(mean, std[:50])
    with pytest.raises(DataError, match="too few"):
        fit_aggregate(mean, std, components=(50,))
    with pytest.raises(UsageError, match="at least 1"):
        fit_aggregate(mean, std, components=())
    with pytest.raises(DataError, match="conditions"):
        fit_aggregate(*levels(400), components=(1,)).sample(3)
    with pytest.raises(DataError, match="finite"):
        fit_aggregate(*levels(400), components=(1,)).sample(3, [np.nan])
