"""The rate against the angle: closed forms for normal priors, minima where they were put for others."""

import numpy as np
import pytest
import torch

from beable import ModelSettings, RunSettings, Store, TrainingSettings, train
from beable.analysis.rotation import rotation_test
from beable.analysis.rotation_curve import RotationCurve, gaussian_rate, rotation_curve
from beable.errors import UsageError
from beable.vae.distributions import Normal

ROWS = 160


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(0)
    theta = rng.choice([-1.0, 1.0], (ROWS, 2)) + 0.25 * rng.normal(size=(ROWS, 2))
    folder = tmp_path_factory.mktemp("data")
    return Store.from_arrays(folder / "data.zarr", {"height": theta @ rng.normal(size=(2, 8))})


def run_of(store, folder, prior="standard", **options):
    settings = RunSettings(
        model=ModelSettings(prior=prior, prior_options=options, width=4),
        training=TrainingSettings(members=2, steps=20, records=2, batch=16, held_out=80),
    )
    run = train(store, folder / "run", settings)
    return run, {"height": store.read("height", run.held_rows)}


@pytest.fixture(scope="module")
def standard(store, tmp_path_factory):
    return run_of(store, tmp_path_factory.mktemp("run"))


def test_the_standard_normal_is_flat_to_rounding(standard):
    run, held = standard
    found = rotation_curve(run, held)
    assert np.ptp(found.rate, axis=1).max() < 1e-12 * found.rate.max()
    assert [v.answer for v in found.flat] == [True, True]
    assert [v.answer for v in found.turned_minimum] == [False, False]
    np.testing.assert_allclose(found.rate[:, 0], run.score(held).rate.sum(2).mean(1), rtol=1e-5)


def test_two_variances_have_their_closed_form():
    """For latents made free of correlation R(φ) - R(0) = (1/v₂ - 1/v₁)(m₁ - m₂) sin²φ / 2, least at 0 or at 90."""
    variances, rng = np.array([1.0, 2.0]), np.random.default_rng(1)
    mean = np.linalg.qr(rng.normal(size=(200, 2)))[0] * np.sqrt(200) * [0.9, 1.3]
    std = np.tile([0.2, 0.4], (200, 1))
    m = (mean**2 + std**2).mean(0)
    angles = np.arange(0, 181, 15.0)
    rates = np.array([gaussian_rate(mean, std, variances, (0, 1), a).mean() for a in angles])
    exact = 0.5 * (1 / variances[1] - 1 / variances[0]) * (m[0] - m[1]) * np.sin(np.radians(angles)) ** 2
    np.testing.assert_allclose(rates - rates[0], exact, atol=1e-12)
    assert np.ptp(rates) > 0.1
    q, p = (Normal(torch.from_numpy(a), torch.from_numpy(b)) for a, b in ((mean, np.log(std)), (0 * mean, 0 * mean)))
    wide = Normal(p.mean, p.log_std + torch.log(torch.from_numpy(variances)) / 2)
    assert rates[0] == pytest.approx(float(q.kl(wide).sum(1).mean()), rel=1e-12)


def test_a_run_with_two_variances_is_turned_in_closed_form(store, tmp_path):
    run, held = run_of(store, tmp_path, "gaussian", variances=[1.0, 4.0])
    curve, test = rotation_curve(run, held, step=10), rotation_test(run, held)
    inner = np.isin(curve.angles, test.angles)
    change = curve.rate - curve.rate[:, curve.angles == 0]
    np.testing.assert_allclose(change[:, inner], test.change[:, 0], atol=2e-4)
    assert not any(v.answer for v in curve.flat)


@pytest.mark.parametrize(("place", "answer"), [(1.0, False), (0.0, True)])
def test_minima_are_where_the_prior_has_them(store, tmp_path, place, answer):
    """Peaks of prior and latents at ±1 hold the axes; a prior with tails but no peaks likes them at 45 degrees."""
    run, held = run_of(store, tmp_path, "mixture", components=2)
    with torch.no_grad():
        prior = run.vae.prior
        prior.mean.copy_(torch.tensor([-place, place]).expand_as(prior.mean))
        prior.log_std.copy_(torch.log(torch.tensor([0.4, 0.4] if place else [0.3, 1.3])).expand_as(prior.mean))
    found = rotation_curve(run, held)
    assert [v.answer for v in found.turned_minimum] == [answer, answer]
    off = np.abs((found.minima(0) + 45) % 90 - 45)
    assert len(off) == 4
    assert (off > 35).all() if answer else (off < 10).all()


def test_hierarchical_priors_are_asked_at_the_same_samples(store, tmp_path):
    run, held = run_of(store, tmp_path, "hierarchical")
    found, again = rotation_curve(run, held, step=45), rotation_curve(run, held, step=45)
    np.testing.assert_array_equal(found.rate, again.rate)
    np.testing.assert_allclose(found.rate[:, 0], found.rate[:, -1], rtol=1e-5)
    assert np.isfinite(found.rate).all()


def curve_of(rate, error):
    angles = np.linspace(-180, 180, 121)
    return RotationCurve((0, 1), angles, rate(np.radians(angles))[None], np.full((1, 121), error))


@pytest.mark.parametrize(("error", "answer"), [(0.01, True), (0.2, None)])
def test_a_minimum_within_its_error_is_not_told(error, answer):
    found = curve_of(lambda a: 3 + 0.1 * np.cos(4 * a), error)
    assert found.turned_minimum[0].answer is answer
    assert found.flat[0].answer is (False if answer else None)


def test_axes_and_flat_curves_have_no_turned_minimum():
    assert curve_of(lambda a: 3 - 0.1 * np.cos(4 * a), 0.001).turned_minimum[0].answer is False
    assert curve_of(lambda a: 3 + 0 * a, 0.0).turned_minimum[0].answer is False


def test_nonsense_is_refused(standard):
    run, held = standard
    for pair in ((0, 0), (0, 2)):
        with pytest.raises(UsageError, match="pair must be two of the latents 0 to 1"):
            rotation_curve(run, held, pair)
    with pytest.raises(UsageError, match="step"):
        rotation_curve(run, held, step=0)
