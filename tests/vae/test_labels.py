"""The label term: equation 29 is the density of the labels, equation 28 has no lower bound."""

import numpy as np
import pytest
import torch

from beable.representations import CodeSpec
from beable.vae.distributions import Noise, Normal
from beable.vae.labels import RULES, LabelBatch, negative_divergence, negative_log_density
from beable.vae.objectives import SCALES, elbo
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE, Rows

MEMBERS, ROWS, M, PIXELS = 2, 6, 4, 40
CODE = CodeSpec((M,), np.zeros(M, np.int64), np.array([40.0]), np.ones(M, np.float32), PIXELS, 0.0)


def batch(theta, share, weight=1.0):
    rows = Rows(Noise(3, range(MEMBERS)).normal(theta.shape[1], M), torch.zeros(MEMBERS, theta.shape[1], 1))
    return LabelBatch(rows, theta, share, "labels", weight)


def test_the_term_is_the_mean_density_of_the_first_latents_over_rows_that_count():
    theta = torch.tensor([[[1.0], [5.0]]]).expand(MEMBERS, 2, 1)
    q = Normal(torch.tensor([[[0.0, 9.0], [0.0, 9.0]]]).expand(MEMBERS, 2, 2), torch.zeros(MEMBERS, 2, 2))
    first, both = (batch(theta, torch.tensor([share] * MEMBERS)).term(q) for share in ([1.0, 0.0], [0.5, 0.5]))
    half_log_2pi = 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(first, half_log_2pi + 0.5, rtol=1e-6)
    np.testing.assert_allclose(both, half_log_2pi + (0.5 + 12.5) / 2, rtol=1e-6)


def test_equation_28_falls_without_bound_and_equation_29_does_not():
    away = torch.tensor([0.0, 1.0, 10.0, 100.0, 1000.0])
    q = Normal(away, torch.full_like(away, 0.5 * np.log(0.005)))
    theta = torch.zeros_like(away)
    np.testing.assert_allclose(negative_divergence(q, theta), -(away**2) / 0.01, rtol=1e-5, atol=1e-4)
    kept = negative_log_density(q, theta)
    assert (kept.diff() > 0).all()  # its minimum over the mean is at the label


@pytest.mark.parametrize(("rule", "towards"), [("labels", True), ("density", False)])
def test_the_gradient_points_to_the_label_or_away_from_it(rule, towards):
    mean = torch.tensor([0.3], requires_grad=True)
    RULES[rule](Normal(mean, torch.tensor([-2.0])), torch.zeros(1)).sum().backward()
    assert (float(mean.grad) > 0) is towards


@pytest.mark.parametrize("scale", SCALES)
def test_a_label_counts_as_the_distortion_of_a_pixel_on_every_scale(scale):
    vae = VAE(CODE, ModelSettings(width=8), Noise(0, range(MEMBERS), "start", 1))
    rows = Rows(Noise(1, range(MEMBERS)).normal(ROWS, M), torch.zeros(MEMBERS, ROWS, 1))
    labels = batch(torch.zeros(MEMBERS, 3, 2), torch.full((MEMBERS, 3), 1 / 3))

    def loss(given, factor=1.0):
        return elbo(vae, rows, 0.0, Noise(2, range(MEMBERS)), scale=scale, labels=given, regularise=bool(factor))

    plain, known = loss(None), loss(labels)
    torch.testing.assert_close(plain.distortion, known.distortion)  # encoded beside labelled rows, and no other
    per_pixel = plain.total / plain.distortion * PIXELS
    torch.testing.assert_close(known.total - plain.total, per_pixel * known.terms["labels"], rtol=1e-3, atol=1e-5)
