"""Rates are exact where they can be, bounds where they must be, and samples follow the prior."""

import math

import numpy as np
import pytest
import torch

from beable.errors import UsageError
from beable.representations.representation import CodeSpec
from beable.vae.distributions import Noise, Normal
from beable.vae.priors import PRIORS, Hierarchical, Vamp, make_prior

MEMBERS, ROWS, LATENTS = 2, 400, 2
CODE = CodeSpec((3,), np.zeros(3, np.int64), np.array([3.0]), np.full(3, 2.0, np.float32), 3, 0.0)
OPTIONS = {"gaussian": {"variances": [1.0, 2.0]}, "mixture": {"components": 3}}


def prior(name):
    return make_prior(name, LATENTS, Noise(0, range(MEMBERS), "start"), CODE, **OPTIONS.get(name, {}))


def posterior():
    return Normal(Noise(1, range(MEMBERS)).normal(ROWS, LATENTS), torch.full((MEMBERS, ROWS, LATENTS), -1.0))


def no_encoder(values):
    raise AssertionError("this prior encodes nothing")


def encode(values):
    """Posteriors of codes, (members, rows, 3), for the prior that is made of them."""
    return Normal(values[..., :LATENTS] / 2, -0.5 + 0.1 * values[..., 1:])


def encoder_of(p):
    return encode if isinstance(p, Vamp) else no_encoder


def rate(p, q):
    noise = Noise(0, range(MEMBERS), moment=2)
    return torch.stack(list(p.rate(q, q.sample(noise), encoder_of(p), noise).values())).sum(0)


@pytest.mark.parametrize("name", PRIORS)
def test_rates_are_finite_and_one_for_each_latent(name):
    found = rate(prior(name), posterior())
    assert found.shape == (MEMBERS, ROWS, LATENTS)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", PRIORS)
def test_samples_have_finite_moments_and_members_differ(name):
    p = prior(name)
    x = p.sample(2000, Noise(0, range(MEMBERS)), encoder_of(p))
    assert x.shape == (MEMBERS, 2000, LATENTS)
    assert torch.isfinite(x).all()
    assert not torch.equal(x[0], x[1])


# The rate of one latent whose posterior is N(0, 0.37²), on a grid of z and of ξ

STEP = 0.02
CENTRES = torch.linspace(-8 + STEP / 2, 8 - STEP / 2, 800)
DRAWS = 20_000


def sampled_log_density(p):
    """log p(z) on the grid by a histogram of a million samples: (members, grid)."""
    z = p.sample(10**6, Noise(3, range(MEMBERS)), encode_one)[..., 0]
    counts = torch.stack([torch.histc(k, len(CENTRES), -8, 8) for k in z])
    return torch.log(counts.clamp(min=0.5) / (10**6 * STEP))


def mean_rates(p):
    """Each term of the rate, its mean over the posterior: (members,) by name."""
    q, noise = narrow(DRAWS), Noise(0, range(MEMBERS), moment=2)
    return {name: term.mean((1, 2)) for name, term in p.rate(q, q.sample(noise), encode_one, noise).items()}


def encode_one(values):
    """Posteriors of codes with one latent."""
    return Normal(values[..., :1] / 2, -0.5 + 0.1 * values[..., 1:2])


def narrow(rows):
    return Normal(torch.zeros(MEMBERS, rows, 1), torch.full((MEMBERS, rows, 1), -1.0))


def relative_entropy(log_p):
    """E_q[log q - log p] by quadrature: (members,)."""
    log_q = narrow(1).log_prob(CENTRES.view(1, -1, 1))[..., 0]
    return (log_q.exp() * (log_q - log_p)).sum(1) * STEP


@pytest.mark.parametrize("name", ["standard", "gaussian", "mixture", "vamp"])
def test_the_mean_rate_is_the_relative_entropy_to_the_law_of_the_samples(name):
    options = {"gaussian": {"variances": [2.0]}, "mixture": {"components": 3}}.get(name, {})
    p = make_prior(name, 1, Noise(0, range(MEMBERS), "start"), CODE, **options)
    expected = relative_entropy(sampled_log_density(p))
    assert (expected > 0.3).all()  # so that the margin is a small part of it
    torch.testing.assert_close(sum(mean_rates(p).values()), expected, atol=0.02, rtol=0)


def hierarchical():
    """One latent on one ξ, both conditional laws narrower than at the start, so that every term counts."""
    p = Hierarchical(1, Noise(0, range(MEMBERS), "start"))
    with torch.no_grad():
        p.encoder_log_std.fill_(-0.7)
        p.decoder_log_std.fill_(-0.5)
    return p


@torch.no_grad()
def bound_and_gap(p):
    """Jacobsen & Duraisamy (2022), Eq. 10-14, and E_q KL[q(ξ|z) || p(ξ|z)], by quadrature over z and ξ."""
    grid = CENTRES[::4].view(1, -1, 1).expand(MEMBERS, -1, 1)
    log_q = narrow(1).log_prob(grid)[..., 0]
    log_below = Normal(p.encoder(grid), p.encoder_log_std).log_prob(grid.mT)  # of ξ, given z: (members, z, ξ)
    log_above = Normal(p.decoder(grid).mT, p.decoder_log_std).log_prob(grid)  # of z, given ξ
    log_joint = log_above + Normal(torch.zeros(1), torch.zeros(1)).log_prob(grid.mT)
    log_posterior = log_joint - torch.logsumexp(log_joint, 2, keepdim=True) - torch.log(torch.tensor(4 * STEP))

    def mean(values):
        return (log_q.exp().unsqueeze(2) * log_below.exp() * values).sum((1, 2)) * (4 * STEP) ** 2

    return mean(log_q.unsqueeze(2) + log_below - log_joint), mean(log_below - log_posterior)


def test_the_hierarchical_rate_is_its_bound_and_exceeds_the_true_rate_by_what_its_encoder_lacks():
    """A rate ten times too large, or one that leaves out either term, is neither."""
    p = hierarchical()
    terms, (bound, gap) = mean_rates(p), bound_and_gap(p)
    true = relative_entropy(sampled_log_density(p))
    rates = {"whole": sum(terms.values()), "tenfold": 10 * sum(terms.values()), **terms}
    assert (gap > 0).all()
    for name, found in rates.items():
        assert ((found - bound).abs() < 0.03).all() == (name == "whole")
        assert ((found - true - gap).abs() < 0.03).all() == (name == "whole")


@torch.no_grad()
def test_a_hierarchy_that_does_nothing_is_the_standard_prior():
    p, q, noise = Hierarchical(1, Noise(0, range(MEMBERS), "start")), narrow(DRAWS), Noise(4, range(MEMBERS))
    for parameter in p.parameters():
        parameter.zero_()
    found = sum(p.rate(q, q.sample(noise), no_encoder, noise).values()).mean((1, 2))
    torch.testing.assert_close(found, torch.full((MEMBERS,), (2 + math.exp(-2) - 1) / 2), atol=0.02, rtol=0)


def test_the_sources_accident_confines_the_prior_mean_to_the_positive_orthant():
    noise = Noise(0, range(MEMBERS), "start")
    xi = Noise(1, range(MEMBERS)).normal(500, LATENTS)
    assert Hierarchical(LATENTS, noise, rectified=True).decoder(xi).min() >= 0
    assert Hierarchical(LATENTS, noise).decoder(xi).min() < 0


def vamp(inputs):
    """The prior of one member on pseudo-inputs, (components, 3), in the code's own units."""
    p = Vamp(LATENTS, Noise(0, [0], "start"), [1.0, 1.0, 1.0], len(inputs))
    with torch.no_grad():
        p.inputs.copy_(torch.tensor(inputs))
    return p


def test_one_pseudo_input_makes_its_posterior_the_prior():
    """The rate is then the relative entropy of two normals, latent by latent, of which there is a closed form."""
    p, q, noise = vamp([[1.0, -2.0, 0.5]]), Normal(torch.zeros(1, DRAWS, LATENTS), torch.tensor(-1.0)), Noise(0, [0])
    found = p.rate(q, q.sample(noise), encode, noise)["rate/z"].mean(1)
    exact = q.kl(encode(p.inputs)).mean(1)
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0)


def test_the_density_of_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs():
    """Two codes on a diagonal: latents depend on each other, so that a product of margins is another density."""
    p = vamp([[2.0, 2.0, 0.0], [-2.0, -2.0, 0.0]])
    z = torch.tensor([[[1.0, 1.0], [1.0, -1.0], [0.3, 0.2]]])
    parts = encode(p.inputs)
    each = [Normal(parts.mean[:, k : k + 1], parts.log_std[:, k : k + 1]).log_prob(z) for k in range(2)]
    joint = torch.logsumexp(torch.stack([e.sum(-1) for e in each]), 0) - math.log(2)
    margins = (torch.logsumexp(torch.stack(each), 0) - math.log(2)).sum(-1)
    found = p.log_prob(z, encode).sum(-1)
    torch.testing.assert_close(found, joint)
    assert (margins - joint).abs().max() > 0.5


def test_pseudo_inputs_start_at_training_rows():
    p, codes = Vamp(LATENTS, Noise(0, [0, 1], "start"), [0.5, 1.0, 2.0], 5), torch.randn(7, 3)
    p.settle(codes, Noise(0, [0, 1], "start"))
    own = (p.inputs * p.scale).unsqueeze(2) - codes
    assert bool((own.abs().sum(-1).amin(-1) < 1e-6).all())
    assert not torch.equal(p.inputs[0], p.inputs[1])


def count(module):
    return sum(p[0].numel() for p in module.parameters())


def test_the_hierarchical_prior_has_as_many_parameters_as_the_sources():
    noise = Noise(0, [0], "start")
    assert count(Hierarchical(2, noise, rectified=True)) == 440
    assert count(Hierarchical(2, noise)) == 712
    assert count(Hierarchical(2, noise, rectified=True, full=True)) == 872


def test_unknown_priors_and_wrong_variances_are_refused():
    noise = Noise(0, [0])
    with pytest.raises(UsageError, match="did you mean 'mixture'"):
        make_prior("mixtures", 2, noise)
    with pytest.raises(UsageError, match="2 positive variances"):
        make_prior("gaussian", 2, noise, variances=[1.0])
    with pytest.raises(UsageError, match="no options"):
        make_prior("standard", 2, noise, variances=[1.0, 1.0])
    with pytest.raises(UsageError, match="at least 1 component"):
        make_prior("vamp", 2, noise, CODE, components=0)
