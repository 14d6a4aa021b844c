"""Terms beside the rate, on cases whose value is known, and in a training."""

import numpy as np
import pytest
import torch

from beable.training.adam import Adam
from beable.vae.distributions import Noise, Normal, Quantised
from beable.vae.regulariser_settings import MMD, Factor, Hausdorff, TotalCorrelation
from beable.vae.regularisers import make_regulariser, mean_discrepancy, stratified, support_distance, total_correlation
from beable.vae.vae import Codebook

KINDS = [TotalCorrelation(), Factor(width=8, depth=1), MMD(), Hausdorff()]


def correlated(correlation, seed, rows=512, std=0.3):
    """Posteriors of deviation 0.3 whose aggregate is normal with unit variances, one sample of each; and its TC."""
    g = torch.Generator().manual_seed(seed)
    root = torch.linalg.cholesky(torch.tensor([[1 - std**2, correlation], [correlation, 1 - std**2]]))
    mean = (torch.randn(1, rows, 2, generator=g) @ root.T).contiguous()
    q = Normal(mean, torch.full_like(mean, float(np.log(std))))
    return q, mean + std * torch.randn(1, rows, 2, generator=g), -0.5 * np.log(1 - correlation**2)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.8])
def test_total_correlation_of_normal_latents_is_its_closed_form(correlation):
    found = []
    for seed in range(6):
        q, z, truth = correlated(correlation, seed)
        found.append(float(total_correlation(q, z, torch.tensor([512.0]))))
    assert np.mean(found) == pytest.approx(truth, abs=0.08)


def test_total_correlation_tells_correlations_apart():
    low, high = (np.mean([float(total_correlation(*correlated(c, s)[:2], torch.tensor([512.0]))) for s in range(4)])
                 for c in (0.0, 0.6))  # fmt: skip
    assert high - low > 0.15


@pytest.mark.parametrize("rows", [8, 100])
def test_stratified_weights_are_shares(rows):
    weights = stratified(8, torch.tensor([float(rows)]))
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 8))
    assert bool((weights > -1e-7).all())
    torch.testing.assert_close(torch.diagonal(weights[0]), torch.full((8,), 1 / rows))


def test_the_odds_of_a_trained_network_are_the_total_correlation():
    noise = Noise(0, [0, 1], "start", 2)
    term = make_regulariser(Factor(width=16, depth=2), 2, [512, 512], noise)
    adam = Adam(list(term.parameters()))
    for step in range(200):
        z = torch.cat([correlated(c, step, 256)[1] for c in (0.0, 0.8)])
        adam.zero_grad()
        term.own_loss(z, Noise(0, [0, 1], "noise", step)).sum().backward()
        adam.step(1e-2)
    z = torch.cat([correlated(c, 9000, 4096)[1] for c in (0.0, 0.8)])
    alone, dependent = term(None, z, None, None).tolist()
    assert alone == pytest.approx(0.0, abs=0.1)
    assert dependent == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.2)


def test_discrepancy_is_zero_for_equal_samples_and_grows_with_a_shift():
    x = torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(0))
    same, near, far = (mean_discrepancy(x, x + by) for by in (0.0, 0.5, 2.0))
    torch.testing.assert_close(same, torch.zeros(2), atol=1e-6, rtol=0)
    assert bool((near > 0.005).all())
    assert bool((far > 4 * near).all())


def test_support_distance_is_zero_for_products_only():
    grid = torch.cartesian_prod(torch.linspace(-1, 1, 5), torch.linspace(0, 2, 6))
    turned = grid @ torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    assert support_distance(grid[None]).item() == 0
    assert support_distance(turned[None]).item() > 0.5


def test_the_gradient_of_the_support_distance_is_that_of_finite_differences():
    z = torch.randn(1, 12, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(support_distance, (z,))


@pytest.mark.parametrize("settings", KINDS, ids=lambda s: s.kind)
def test_each_term_is_one_number_a_member_with_a_gradient(settings):
    noise = Noise(0, [0, 3], "start", 2)
    term = make_regulariser(settings, 2, [64, 64], noise)
    z = torch.randn(2, 16, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = term(Normal(z, torch.zeros_like(z) - 1), z, lambda rows: torch.zeros(2, rows, 2), Noise(0, [0, 3]))
    value.sum().backward()
    assert value.shape == (2,)
    assert bool(z.grad.abs().sum() > 0)


def test_quantised_latents_take_the_values_of_their_codebook_and_no_others():
    book = Codebook(2, 5, 3)
    mean = 3 * torch.randn(3, 40, 2, generator=torch.Generator().manual_seed(0))
    mean.requires_grad_()
    found = book(mean)
    assert isinstance(found, Quantised)
    assert bool(torch.isin(found.mean.detach(), book.values.detach()).all())
    distance = (mean.unsqueeze(-1) - book.values.unsqueeze(1)).abs()
    torch.testing.assert_close((found.mean - mean).abs(), distance.amin(-1))
    found.mean.sum().backward()
    assert bool((mean.grad == 1).all())
    assert book.values.grad is None
    found.misfit.sum().backward()
    assert bool(book.values.grad.abs().sum() > 0)
