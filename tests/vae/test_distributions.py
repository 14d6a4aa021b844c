"""Densities against scipy and torch, entropies against Monte Carlo, noise against its promise."""

import numpy as np
import pytest
import scipy.stats
import torch

from beable.vae.distributions import Bernoulli, GroupedNormal, Noise, Normal, NormalMixture

MEMBERS, ROWS, LATENTS = 2, 3, 4


def noise(moment=0):
    return Noise(0, range(MEMBERS), moment=moment)


def normal(moment):
    return Normal(noise(moment).normal(ROWS, LATENTS), 0.3 * noise(moment + 100).normal(ROWS, LATENTS))


def bernoulli(moment):
    return Bernoulli(noise(moment).normal(ROWS, LATENTS))


def mixture(moment):
    parts = [noise(moment + i).normal(ROWS, LATENTS, 3) for i in range(3)]
    return NormalMixture(torch.log_softmax(parts[0], -1), parts[1], 0.3 * parts[2])


DISTRIBUTIONS = [normal, bernoulli, mixture]


@pytest.mark.parametrize("make", DISTRIBUTIONS)
def test_a_sample_has_one_number_for_each_of_the_distribution(make):
    p = make(0)
    x = p.sample(noise(1))
    assert x.shape == p.log_prob(x).shape == (MEMBERS, ROWS, LATENTS)


@pytest.mark.parametrize("make", DISTRIBUTIONS)
def test_members_draw_the_same_alone_as_together(make):
    many, one = Noise(7, [3, 5]), Noise(7, [5])
    assert torch.equal(many.normal(4)[1], one.normal(4)[0])
    assert not torch.equal(many.normal(4)[0], many.normal(4)[1])


def draws_of(p, count=20_000):
    return torch.stack([p.sample(noise(i)) for i in range(count // 50)])


@pytest.mark.parametrize("make", [normal, mixture])
def test_the_density_is_that_of_the_samples(make):
    p = make(0)
    x = draws_of(p)[:, 0, 0, 0].numpy()
    grid = torch.linspace(-8, 8, 1601)
    density = (
        torch.stack([p.log_prob(torch.full((MEMBERS, ROWS, LATENTS), float(g)))[0, 0, 0] for g in grid]).exp().numpy()
    )
    cdf = np.cumsum(density) * float(grid[1] - grid[0])
    assert cdf[-1] == pytest.approx(1, abs=1e-3)
    value = scipy.stats.kstest(x, lambda t: np.interp(t, grid, cdf)).pvalue
    shifted = scipy.stats.kstest(x + 1, lambda t: np.interp(t, grid, cdf)).pvalue
    assert value > 1e-3 > shifted


@pytest.mark.numerical
def test_normal_log_prob_is_scipys():
    p, x = normal(0), noise(9).normal(ROWS, LATENTS)
    expected = scipy.stats.norm(p.mean.numpy(), p.std.numpy()).logpdf(x.numpy())
    np.testing.assert_allclose(p.log_prob(x).numpy(), expected, rtol=1e-5)


@pytest.mark.numerical
def test_kl_is_torchs():
    a, b = normal(0), normal(1)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(a.mean, a.std), torch.distributions.Normal(b.mean, b.std)
    )
    torch.testing.assert_close(a.kl(b), expected)
    a, b = bernoulli(0), bernoulli(1)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(logits=a.logit), torch.distributions.Bernoulli(logits=b.logit)
    )
    torch.testing.assert_close(a.kl(b), expected)


@pytest.mark.parametrize("make", [normal, bernoulli])
def test_kl_vanishes_only_for_the_same_distribution(make):
    assert make(0).kl(make(0)).abs().max() < 1e-6 < make(0).kl(make(1)).min()


def test_bernoulli_log_prob_of_a_grey_value_is_a_cross_entropy():
    p, x = bernoulli(0), noise(9).uniform(ROWS, LATENTS)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(p.logit, x, reduction="none")
    torch.testing.assert_close(-p.log_prob(x), expected)


@pytest.mark.numerical
def test_the_grouped_normal_is_the_likelihood_of_every_output():
    """Two groups of 5 and 7 outputs, of which an orthonormal basis keeps 2 and 3 numbers."""
    rng = np.random.default_rng(0)
    bases = [np.linalg.qr(rng.normal(size=(n, m)))[0] for n, m in ((5, 2), (7, 3))]
    y = [rng.normal(size=(ROWS, len(b))) for b in bases]
    mean = [rng.normal(size=(ROWS, b.shape[1])) for b in bases]
    variance = np.array([0.5, 2.0])
    expected = sum(
        scipy.stats.norm(m @ b.T, np.sqrt(v)).logpdf(field).sum(1)
        for m, b, field, v in zip(mean, bases, y, variance, strict=True)
    )
    codes = [field @ b for field, b in zip(y, bases, strict=True)]
    residual_energy = np.stack(
        [((field - c @ b.T) ** 2).sum(1) for field, c, b in zip(y, codes, bases, strict=True)], 1
    )
    p = GroupedNormal(
        torch.tensor(np.concatenate(mean, 1))[None],
        torch.tensor(np.log(variance))[None],
        torch.tensor([0, 0, 1, 1, 1]),
        torch.tensor([5.0, 7.0], dtype=torch.float64),
    )
    found = p.log_prob(torch.tensor(np.concatenate(codes, 1))[None], torch.tensor(residual_energy)[None])[0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
