"""Over-regularisation is named when it is there, and only then."""

import numpy as np
import pytest

from beable.analysis.collapse import ACTIVE_NATS, collapsed_level, rate_hurts, regularisation

ROWS, LATENTS = 50, 2


def judge(rates):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(rates), ROWS, LATENTS))
    spread = np.broadcast_to(np.asarray(rates, float)[:, None, None], noise.shape)
    return regularisation(np.zeros((len(rates), ROWS)), spread * (1 + 0.5 * noise), 10.0)


def test_a_latent_without_rate_is_not_active():
    found = judge([0.0, 5.0])
    assert found.active.tolist() == [0, 2]
    assert found.active_range.tolist() == [[0, 0], [2, 2]]


def test_a_rate_within_its_error_of_the_threshold_is_not_told():
    (low, high) = judge([ACTIVE_NATS]).active_range[0]
    assert (low, high) == (0, 2)


def test_latents_that_the_decoder_ignores_are_over_regularised():
    assert rate_hurts(2, 1.0, 1.0).answer is True
    assert rate_hurts(0, 1.0, 1.0).answer is True


def test_members_that_know_their_training_rows_are_not():
    assert rate_hurts(2, 1.01, 0.02).answer is False
    assert rate_hurts(2, 1e-4, 1e-4).answer is False
    assert rate_hurts(2, 1.01, None).answer is None


@pytest.mark.parametrize("shared", [True, False])
def test_the_collapsed_level_is_that_of_the_mean_and_variance_of_the_data(shared):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4000, 3)) * [1.0, 1.0, 5.0]
    energy, dimension = np.array([y[:, :2].var(0).sum(), y[:, 2].var()]), np.array([2.0, 1.0])
    variance = y.var(0).mean() if shared else np.array([y[:, :2].var(0).mean()] * 2 + [y[:, 2].var()])
    expected = 0.5 * (((y - y.mean(0)) ** 2 / variance) + np.log(2 * np.pi * variance)).sum(1).mean()
    assert collapsed_level(energy, dimension, shared) == pytest.approx(expected)
