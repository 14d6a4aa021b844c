"""Rates are exact where they can be, bounds where they must be, and samples follow the prior."""

import pytest
import torch

from beable.errors import UsageError
from beable.vae.distributions import Noise, Normal
from beable.vae.priors import PRIORS, Hierarchical, make_prior

MEMBERS, ROWS, LATENTS = 2, 400, 2
OPTIONS = {"gaussian": {"variances": [1.0, 2.0]}, "mixture": {"components": 3}}


def prior(name):
    return make_prior(name, LATENTS, Noise(0, range(MEMBERS), "start"), **OPTIONS.get(name, {}))


def posterior(rows=ROWS):
    return Normal(Noise(1, range(MEMBERS)).normal(rows, LATENTS), torch.full((MEMBERS, rows, LATENTS), -1.0))


def no_encoder(values):
    raise AssertionError("this prior encodes nothing")


def rate(p, q, moment=2):
    noise = Noise(0, range(MEMBERS), moment=moment)
    return torch.stack(list(p.rate(q, q.sample(noise), no_encoder, noise).values())).sum(0)


@pytest.mark.parametrize("name", PRIORS)
def test_rates_are_finite_and_one_for_each_latent(name):
    found = rate(prior(name), posterior())
    assert found.shape == (MEMBERS, ROWS, LATENTS)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", PRIORS)
def test_the_mean_rate_is_a_relative_entropy_and_so_not_negative(name):
    assert (rate(prior(name), posterior()).mean((1, 2)) > 0).all()


@pytest.mark.parametrize("name", PRIORS)
def test_samples_have_finite_moments_and_members_differ(name):
    x = prior(name).sample(2000, Noise(0, range(MEMBERS)))
    assert x.shape == (MEMBERS, 2000, LATENTS)
    assert torch.isfinite(x).all()
    assert not torch.equal(x[0], x[1])


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_a_sampled_rate_agrees_with_the_density_of_the_samples(name):
    """For a posterior equal to a narrow prior sample cloud the rate is log q - log p; checked by quadrature."""
    p, q = prior(name), Normal(torch.zeros(MEMBERS, 1, LATENTS), torch.full((MEMBERS, 1, LATENTS), -1.0))
    draws = torch.stack([rate(p, q, moment=i) for i in range(3000)]).mean(0)
    x = torch.linspace(-6, 6, 2001).view(1, -1, 1).expand(MEMBERS, -1, LATENTS)
    log_p = p._normal().log_prob(x) if name == "gaussian" else p._mixture(1).log_prob(x)
    dx = 12 / 2000
    exact = (q.log_prob(x).exp() * (q.log_prob(x) - log_p)).sum(1) * dx
    torch.testing.assert_close(draws[:, 0], exact, atol=0.03, rtol=0)
    assert (log_p.exp().sum(1) * dx - 1).abs().max() < 1e-2


def test_the_hierarchical_rate_bounds_the_true_one_from_above():
    """The density of its own samples by a fine mixture over xi gives the true rate."""
    p = Hierarchical(LATENTS, Noise(0, range(MEMBERS), "start"))
    q = posterior(1)
    bound = torch.stack([rate(p, q, moment=i).sum(-1) for i in range(2000)]).mean(0)
    xi = Noise(5, range(MEMBERS)).normal(4000, LATENTS)
    parts = Normal(p.decoder(xi).unsqueeze(1), p.decoder_log_std.unsqueeze(1))
    z = torch.stack([q.sample(Noise(6, range(MEMBERS), moment=i)) for i in range(500)], 2).squeeze(1)
    log_p = torch.logsumexp(parts.log_prob(z.unsqueeze(2)).sum(-1), 2) - torch.log(torch.tensor(4000.0))
    true = (q.log_prob(z).sum(-1) - log_p).mean(1)
    assert (bound[:, 0] >= true - 0.1).all()


def test_the_sources_accident_confines_the_prior_mean_to_the_positive_orthant():
    noise = Noise(0, range(MEMBERS), "start")
    xi = Noise(1, range(MEMBERS)).normal(500, LATENTS)
    assert Hierarchical(LATENTS, noise, rectified=True).decoder(xi).min() >= 0
    assert Hierarchical(LATENTS, noise).decoder(xi).min() < 0


def count(module):
    return sum(p[0].numel() for p in module.parameters())


def test_the_hierarchical_prior_has_as_many_parameters_as_the_sources():
    noise = Noise(0, [0], "start")
    assert count(Hierarchical(2, noise, rectified=True)) == 440
    assert count(Hierarchical(2, noise)) == 712


def test_unknown_priors_and_wrong_variances_are_refused():
    noise = Noise(0, [0])
    with pytest.raises(UsageError, match="did you mean 'mixture'"):
        make_prior("mixtures", 2, noise)
    with pytest.raises(UsageError, match="2 positive variances"):
        make_prior("gaussian", 2, noise, variances=[1.0])
    with pytest.raises(UsageError, match="no options"):
        make_prior("standard", 2, noise, variances=[1.0, 1.0])
