"""Theorem 1 of the source: the level of a training that has collapsed, and who is told to be there."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from beable import ModelSettings, ObjectiveSettings, RunSettings, Store, TrainingSettings, train
from beable.analysis.collapse import at_level, collapsed_level
from beable.analysis.levels import level_of, over_regularised
from beable.vae.settings import Constant

ROWS = 60


def fields(rows=50):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 3, 4)) * rng.uniform(0.1, 2, (3, 4)) + rng.normal(size=(3, 4))


#: number of the variance of each output (channels, pixels)
PLACES = {
    "pixel": lambda c, p: np.tile(np.arange(p), (c, 1)),
    "output": lambda c, p: np.arange(c * p).reshape(c, p),
    "channel": lambda c, p: np.repeat(np.arange(c), p).reshape(c, p),
    "scalar": lambda c, p: np.zeros((c, p), int),
}


def minimised(y, place):
    """Least mean distortion of a constant answer, by a general minimiser, and that answer."""
    outputs = y[0].size

    def loss(p):
        mean, log_std = p[:outputs].reshape(y.shape[1:]), p[outputs:][place]
        return (0.5 * ((y - mean) / np.exp(log_std)) ** 2 + log_std + 0.5 * np.log(2 * np.pi)).sum((1, 2)).mean()

    found = minimize(loss, np.zeros(outputs + place.max() + 1), method="BFGS")
    return found.fun, found.x[:outputs].reshape(y.shape[1:])


def level(y, place):
    """The closed form, each group of outputs with a variance of its own."""
    energy, counts = np.bincount(place.ravel(), y.var(0).ravel()), np.bincount(place.ravel())
    return collapsed_level(energy, counts.astype(float), shared=False)


@pytest.mark.parametrize("groups", PLACES)
def test_the_level_is_the_minimum_of_the_objective_without_latents(groups):
    y, place = fields(), PLACES[groups](3, 4)
    found, answer = minimised(y, place)
    assert level(y, place) == pytest.approx(found, rel=1e-6)
    np.testing.assert_allclose(answer, y.mean(0), atol=1e-4)


def test_more_variances_fit_better():
    levels = [level(fields(), PLACES[groups](3, 4)) for groups in ("output", "pixel", "scalar")]
    assert levels == sorted(levels)


def run_of(folder, beta, steps=300, **model):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(ROWS, 2))
    noise = 0.1 * rng.normal(size=(ROWS, 24))
    store = Store.from_arrays(folder / "data.zarr", {"height": theta @ rng.normal(size=(2, 24)) + 0.5 + noise})
    settings = RunSettings(
        model=ModelSettings(**{"depth": 0} | model),
        objective=ObjectiveSettings(beta=Constant(beta=beta)),
        training=TrainingSettings(
            members=3, steps=steps, records=2, batch=None, learning_rate=0.05, keep="last", patience=None, start="pca"
        ),
    )
    run = train(store, folder / "run", settings)
    return run, {"height": store.read("height", run.train_rows)}


def test_a_linear_vae_without_latents_is_at_the_level(tmp_path):
    """A decoder that answers with the mean of its rows has the closed-form level to a millionth."""
    run, rows = run_of(tmp_path, 1.0, steps=1)
    decoder, coded = run.vae.decoder, run.representation.transform(rows)
    with torch.no_grad():
        for name, p in decoder.named_parameters():
            p.zero_()
            if name == "linear.bias":
                p.copy_(torch.from_numpy(coded.values.mean(0)) / decoder.scale)
        seen = run.rows(rows)
        decoder.log_variance.copy_(decoder.closed_log_variance(decoder.location(torch.zeros(3, 45, 2)), seen))
    found = run.score(rows).distortion.mean(1)
    np.testing.assert_allclose(found, level_of(run, rows), rtol=1e-6)


def test_a_rate_beyond_the_threshold_leads_to_the_level_and_a_low_one_does_not(tmp_path):
    """β = 300 is beyond the last latent of 24 outputs; β = 1, the twin, keeps both latents."""
    run, rows = run_of(tmp_path, (300.0, 300.0, 1.0))
    found = over_regularised(run, rows)
    assert [v.answer for v in found] == [True, True, False]
    assert "of the variance is explained" in found[2].reason


def test_a_fixed_variance_has_its_own_level(tmp_path):
    """The level at the best variance, which was taken for it before, lies far below."""
    run, rows = run_of(tmp_path, (300.0, 300.0, 1.0), variance="fixed", sigma=0.7, latents=1)
    assert [v.answer for v in over_regularised(run, rows)] == [True, True, False]
    best = run.settings.model_copy(update={"model": run.settings.model.model_copy(update={"variance": "scalar"})})
    level, run.settings = level_of(run, rows), best
    assert level > level_of(run, rows) + 1


def test_the_level_of_zeros_and_ones_is_their_entropy(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(ROWS, 6)).astype(np.float32)
    store = Store.from_arrays(tmp_path / "data.zarr", {"image": images})
    settings = RunSettings.model_validate(
        {
            "representation": {"kind": "fields", "scaling": "none", "centre": False},
            "model": {"likelihood": "bernoulli", "width": 4},
            "training": {"members": 1, "steps": 2, "start": "random"},
        }
    )
    run = train(store, tmp_path / "run", settings)
    p = images.mean(0)
    exact = -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum(1).mean()
    assert level_of(run, {"image": images}) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("distortion", "rate", "answer"),
    [(-50.0, 0.0, True), (-50.4, 0.0, True), (-50.6, 0.0, False), (-49.4, 0.0, None), (-50.0, 1.0, None)],
)
def test_the_margin_is_a_hundredth_of_the_variance(distortion, rate, answer):
    """For 100 outputs 50 log(1 / 0.99) = 0.5025 nats."""
    assert at_level(distortion, rate, -50.0, 100).answer is answer


@pytest.mark.parametrize(("distortion", "answer"), [(-50.0, True), (-50.45, None), (-50.55, None), (-51.0, False)])
def test_a_distortion_that_may_be_off_is_told_away_from_the_margin_only(distortion, answer):
    assert at_level(distortion, 0.0, -50.0, 100, reach=0.1).answer is answer
