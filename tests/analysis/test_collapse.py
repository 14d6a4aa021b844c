"""Over-regularisation is named when it is there, and only then."""

import numpy as np
import pytest

from beable.analysis.collapse import collapsed_level, regularisation

ROWS, LATENTS = 50, 2


def judge(rate, error, distortion=-100.0, level=10.0):
    members = len(error)
    rates = np.broadcast_to(np.asarray(rate, float)[:, None, None], (members, ROWS, LATENTS))
    return regularisation(np.full((members, ROWS), distortion), rates, np.asarray(error), level)


def test_a_latent_without_rate_is_not_active():
    found = judge([0.0, 5.0], [1.0, 1e-3])
    assert found.active.tolist() == [0, 2]
    assert found.over_regularised.tolist() == [True, False]


def test_latents_that_the_decoder_ignores_are_over_regularised():
    assert judge([3.0], [1.0]).over_regularised.tolist() == [True]


def test_a_variance_too_small_for_held_out_rows_is_another_matter():
    assert judge([8.0], [1e-4], distortion=1e6).over_regularised.tolist() == [False]


@pytest.mark.parametrize("shared", [True, False])
def test_the_collapsed_level_is_that_of_the_mean_and_variance_of_the_data(shared):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4000, 3)) * [1.0, 1.0, 5.0]
    energy, dimension = np.array([y[:, :2].var(0).sum(), y[:, 2].var()]), np.array([2.0, 1.0])
    variance = y.var(0).mean() if shared else np.array([y[:, :2].var(0).mean()] * 2 + [y[:, 2].var()])
    expected = 0.5 * (((y - y.mean(0)) ** 2 / variance) + np.log(2 * np.pi * variance)).sum(1).mean()
    assert collapsed_level(energy, dimension, shared) == pytest.approx(expected)
