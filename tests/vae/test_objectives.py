"""The stated beta is the effective beta, for every likelihood, scale and rule."""

import math

import numpy as np
import pytest
import torch

from beable.representations import CodeSpec
from beable.vae.distributions import Noise
from beable.vae.objectives import SCALES, effective_beta, elbo, weights
from beable.vae.settings import Constant, Cyclical, Feedback, ModelSettings, OutputNoise, Ramp, Saturating
from beable.vae.vae import VAE, Rows

MEMBERS, ROWS, M, GROUPS = 2, 64, 6, 3
CODE = CodeSpec((M,), np.array([0, 0, 1, 1, 2, 2]), np.array([50.0, 40.0, 30.0]), np.ones(M, np.float32), 40, 0.0)
MODELS = {
    "closed": {"variance": "closed"},
    "closed-channel": {"variance": "closed-channel"},
    "scalar": {"variance": "scalar"},
    "channel": {"variance": "channel"},
    "bernoulli": {"likelihood": "bernoulli"},
    "hierarchical": {"prior": "hierarchical"},
    "mixture": {"prior": "mixture"},
    "gaussian": {"prior": "gaussian", "prior_options": {"variances": [1.0, 2.0]}},
}


def make(**settings):
    vae = VAE(CODE, ModelSettings(width=8, **settings), Noise(0, range(MEMBERS), "start", 1)).double()
    values = Noise(1, range(MEMBERS)).uniform(ROWS, M).double()
    return vae, Rows(values, torch.full((MEMBERS, ROWS, GROUPS), 0.1, dtype=torch.float64))


def derivatives(vae, rows, beta, scale, step=1e-5):
    """Central differences of total, distortion and rate along one direction in the encoder's parameters."""
    parameters = list(vae.encoder.parameters())
    directions = [torch.sin(torch.arange(p.numel(), dtype=p.dtype)).view_as(p) for p in parameters]

    def at(t):
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p += t * d
            loss = elbo(vae, rows, beta, Noise(2, range(MEMBERS)), scale=scale)
            for p, d in zip(parameters, directions, strict=True):
                p -= t * d
        return torch.stack([loss.total, loss.distortion, loss.rate])

    return (at(step) - at(-step)) / (2 * step)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("model", MODELS)
def test_effective_beta_is_the_stated_one(model, scale):
    vae, rows = make(**MODELS[model])
    beta = 3.0
    total, distortion, rate = derivatives(vae, rows, beta, scale)
    w = weights(vae, scale)
    found = (total / w.distortion - distortion) / rate
    np.testing.assert_allclose(found.numpy(), effective_beta(vae, beta, scale), rtol=1e-3)
    other = derivatives(vae, rows, 1.01 * beta, scale)[0]
    assert abs(((other / w.distortion - distortion) / rate).mean() / effective_beta(vae, beta, scale) - 1) > 5e-3


def test_the_sources_scale_weighs_the_rate_by_pixels_and_latents():
    standard, _ = make()
    hierarchical, _ = make(prior="hierarchical")
    assert effective_beta(standard, 1.0, "jacobsen") == pytest.approx(40 / 2)
    assert effective_beta(hierarchical, 1.0, "jacobsen") == pytest.approx(40)
    assert effective_beta(standard, 1.0, "nats") == 1


def test_a_scan_of_latents_at_the_sources_lambda_is_a_scan_of_beta():
    """λ = 0.00035 with 40 latents on 900 pixels is a decoder of deviation 0.063 at β = 1."""
    code = CodeSpec((900,), np.zeros(900, np.int64), np.array([435.0]), np.ones(900, np.float32), 900, 0.0)

    def beta(latents, sigma):
        model = ModelSettings(latents=latents, variance="fixed", sigma=sigma, width=4, linear=False)
        return effective_beta(VAE(code, model, Noise(0, (0,), "start")), 0.00035, "bordin")

    assert beta(40, 0.063) == pytest.approx(1.0, rel=0.02)
    assert beta(10, 0.063) == pytest.approx(4 * beta(40, 0.063))


def test_output_noise_fades_and_costs_distortion():
    noise = OutputNoise(std=0.05, epochs=10, epoch=4)
    assert [noise.at(step) for step in (0, 3, 40, 400)] == pytest.approx([0.05, 0.05, 0.025, 0.05 / 11])
    vae, rows = make(variance="fixed", sigma=0.1)
    with torch.no_grad():
        plain, noisy = (elbo(vae, rows, 1.0, Noise(0, range(MEMBERS)), output_std=std) for std in (0.0, 0.5))
    assert (noisy.distortion > plain.distortion).all()
    assert torch.equal(noisy.rate, plain.rate)


@pytest.mark.numerical
def test_a_closed_form_variance_minimises_the_distortion():
    vae, rows = make(variance="closed")
    z = vae.encoder(rows.values).mean
    best = vae.decoder.distortion(vae.decoder(z, like=rows), rows).mean(-1)
    log_variance = vae.decoder.closed_log_variance(vae.decoder.location(z), rows)
    for factor in (0.9, 1.1):
        vae.decoder.log_variance.copy_(log_variance + math.log(factor))
        assert (vae.decoder.distortion(vae.decoder(z), rows).mean(-1) > best).all()


@pytest.mark.numerical
def test_gradient_is_that_of_the_profiled_likelihood():
    """D/2 log mse has the same gradient as the likelihood at the fixed optimal variance."""
    vae, rows = make(variance="closed")
    z = vae.encoder(rows.values).mean.detach()
    loss = vae.decoder.distortion(vae.decoder(z, like=rows), rows).mean(-1).sum()
    found = torch.autograd.grad(loss, vae.decoder.linear.weight)[0]
    error = (rows.values - vae.decoder.location(z)).square().sum(-1) + rows.residual_energy.sum(-1)
    profiled = 0.5 * 120 * error.mean(-1).log().sum()
    torch.testing.assert_close(found, torch.autograd.grad(profiled, vae.decoder.linear.weight)[0])


def test_reconstruction_only_leaves_the_rate_out():
    vae, rows = make(prior="hierarchical")
    loss = elbo(vae, rows, 1.0, Noise(0, range(MEMBERS)), regularise=False)
    loss.total.sum().backward()
    assert all(p.grad is None for p in vae.prior.parameters())
    torch.testing.assert_close(loss.total, loss.distortion)


def test_beta_rules_take_the_stated_values():
    one = torch.zeros(1)
    assert Ramp(beta=2.0, steps=10).update(one, 5, one) == 1
    assert Ramp(beta=2.0, steps=10).update(one, 50, one) == 2
    cycle = Cyclical(beta=1.0, period=10, rising=0.5)
    assert [float(cycle.update(one, s, one)) for s in (0, 1, 5, 9, 11)] == pytest.approx([0, 0.2, 1, 1, 0.2])
    rule = Saturating(beta=0.5, growth=0.0005, epochs=10, epoch=2)
    assert [float(rule.update(one, s, one)) for s in (0, 1, 20, 200)] == pytest.approx([0, 0, 0.2525, 0.5])
    assert Constant(beta=(1.0, 4.0)).start(2).tolist() == [1, 4]


@pytest.mark.parametrize(("level", "updates"), [(-8, 786), (-10, 628), (-12, 523), (-15, 418), (-17.5, 358)])
def test_feedback_needs_as_many_updates_as_the_sources_code(level, updates):
    rule = Feedback()
    beta, count = rule.start(1), 0
    while beta < 0.99:
        beta, count = rule.update(beta, count, torch.tensor([float(level)])), count + 1
    assert abs(count - updates) <= 1
    assert rule.update(beta, 0, torch.tensor([5.0])) < beta
