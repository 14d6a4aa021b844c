"""The start by a product of supports, for factors that depend on each other."""

import numpy as np
import pytest

from beable.metrics.separation import separation
from beable.training.start import linear_starts
from beable.training.support import support_level, support_turn, whitened


def dependent(agreement, latents, seed, rows=600):
    rng = np.random.default_rng(seed)
    turns = np.where(rng.random((rows, latents - 1)) < agreement, 1.0, -1.0)
    sign = np.cumprod(np.concatenate([rng.choice([-1.0, 1.0], (rows, 1)), turns], axis=1), axis=1)
    return sign + 0.25 * rng.normal(size=(rows, latents))


def mixed(factors, seed):
    n = factors.shape[1]
    return factors @ (np.eye(n) + 0.6 * np.random.default_rng(seed).uniform(-1, 1, (n, n)))


@pytest.mark.parametrize(("agreement", "latents"), [(0.9, 2), (0.8, 3)])
def test_dependent_factors_are_found_from_their_support(agreement, latents):
    factors = dependent(agreement, latents, latents)
    white = whitened(mixed(factors, latents))
    z = white @ support_turn(white, np.random.default_rng(0)).turn
    assert separation(z, factors).angle < 5


def test_independent_components_are_not_the_factors_where_these_depend_on_each_other():
    """The twin that must fail."""
    factors = dependent(0.9, 2, 0)
    (path,) = linear_starts("ica", mixed(factors, 0), 2, [0], 0)
    assert separation((mixed(factors, 0) - path.offset) @ path.forward, factors).angle > 20


def test_the_gradient_of_the_level_is_that_of_finite_differences():
    x, w = whitened(np.random.default_rng(0).uniform(size=(200, 3))), np.eye(3) + 0.2
    w[0, 1], step = -0.3, 1e-6
    slope = support_level(x, w, 0.1)[1]
    for i in range(3):
        for j in range(3):
            change = np.zeros((3, 3))
            change[i, j] = step
            up, down = (support_level(x, w + s * change, 0.1)[0] for s in (1, -1))
            assert slope[i, j] == pytest.approx((up - down) / (2 * step), abs=1e-4)


def test_the_level_does_not_change_with_the_scale_of_a_latent():
    x, w = whitened(np.random.default_rng(0).uniform(size=(200, 2))), np.array([[1.0, 0.3], [-0.2, 0.8]])
    assert support_level(x, w * [3.0, 0.1], 0.5)[0] == pytest.approx(support_level(x, w, 0.5)[0])


def test_a_start_is_the_same_again_and_has_unit_variances(monkeypatch):
    """After a search that begins at few places."""
    monkeypatch.setattr("beable.training.support.TRIES", 1)
    monkeypatch.setattr("beable.training.support.KEPT", 1)
    codes = mixed(dependent(0.8, 2, 1), 1)
    one, two = (linear_starts("support", codes, 2, [3], 7)[0] for _ in range(2))
    np.testing.assert_array_equal(one.forward, two.forward)
    assert ((codes - one.offset) @ one.forward).std(0) == pytest.approx([1, 1], abs=0.1)
    np.testing.assert_allclose(one.forward.T @ one.back.T, np.eye(2), atol=0.15)
