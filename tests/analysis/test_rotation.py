"""What the objective prefers: flat for the standard prior, closed forms for others."""

import numpy as np
import pytest
import torch

from beable import ModelSettings, RunSettings, Store, TrainingSettings, train
from beable.analysis.rotation import rotation_test
from beable.vae.settings import ObjectiveSettings

ROWS = 160


def run_of(tmp_path, prior="standard", options=None, latents=2, steps=4):
    rng = np.random.default_rng(0)
    theta = rng.choice([-1.0, 1.0], (ROWS, latents)) + 0.25 * rng.normal(size=(ROWS, latents))
    store = Store.from_arrays(tmp_path / "data.zarr", {"height": theta @ rng.normal(size=(latents, 8))})
    settings = RunSettings(
        model=ModelSettings(latents=latents, prior=prior, prior_options=options or {}, width=4),
        objective=ObjectiveSettings(),
        training=TrainingSettings(members=2, steps=steps, batch=16, held_out=80),
    )
    run = train(store, tmp_path / "run", settings)
    return run, {"height": store.read("height", run.held_rows)}


def test_the_standard_prior_is_flat(tmp_path):
    run, held = run_of(tmp_path)
    found = rotation_test(run, held)
    assert np.abs(found.change).max() < 1e-4
    assert [v.answer for v in found.held] == [False, False]
    assert "the same at every angle" in found.held[0].reason
    assert found.least.tolist() == [[0, 0], [0, 0]]


def test_a_prior_with_two_variances_has_the_closed_form(tmp_path):
    """A turn by φ mixes the second moments m of two latents: ΔR = (1/v₂ − 1/v₁)(m₁ − m₂) sin²φ/2 + cross terms."""
    run, held = run_of(tmp_path, "gaussian", {"variances": [1.0, 4.0]})
    found, q = rotation_test(run, held), run.encode(held)
    moment = np.einsum("krl,krm->klm", q.mean, q.mean) / q.mean.shape[1] + np.stack(
        [np.diag((s**2).mean(0)) for s in q.std]
    )
    phi = np.radians(found.angles)
    c, s = np.cos(phi), np.sin(phi)
    first = c**2 * moment[:, :1, 0] + s**2 * moment[:, 1:, 1] - 2 * c * s * moment[:, :1, 1]
    second = s**2 * moment[:, :1, 0] + c**2 * moment[:, 1:, 1] + 2 * c * s * moment[:, :1, 1]
    exact = 0.5 * (first - moment[:, :1, 0] + (second - moment[:, 1:, 1]) / 4)
    np.testing.assert_allclose(found.change[:, 0], exact, atol=2e-4)
    assert np.abs(found.change).max() > 0.1  # the twin of the flat one


@pytest.mark.parametrize("sharp", [True, False])
def test_a_mixture_prior_holds_the_axes_of_a_mixture(tmp_path, sharp):
    """Peaks at ±1 set by hand, sharp or as wide as the normal; the latents are the factors, as ICA finds them."""
    run, held = run_of(tmp_path, "mixture", {"components": 2})
    prior = run.vae.prior
    with torch.no_grad():
        prior.mean.copy_(torch.tensor([-1.0, 1.0]).expand_as(prior.mean) if sharp else torch.zeros_like(prior.mean))
        prior.log_std.fill_(np.log(0.4) if sharp else 0.0)
    found = rotation_test(run, held)
    assert [v.answer for v in found.held] == [sharp, sharp]
    assert ((found.least > 2) == sharp).all()


def test_hierarchical_priors_and_three_latents_are_turned_pair_by_pair(tmp_path):
    run, held = run_of(tmp_path, "hierarchical", latents=3)
    found = rotation_test(run, held, draws=2)
    assert found.pairs == [(0, 1), (0, 2), (1, 2)]
    assert found.change.shape == (2, 3, len(found.angles))
    assert np.isfinite(found.change).all()


def test_one_latent_has_no_axes(tmp_path):
    run, held = run_of(tmp_path, latents=1)
    found = rotation_test(run, held)
    assert [v.answer for v in found.held] == [None, None]
    assert found.least.tolist() == [[0], [0]]
