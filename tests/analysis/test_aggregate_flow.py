"""A flow fitted to posterior draws is the density of those draws."""

import numpy as np
import pytest

pytest.importorskip("zuko", reason="the extra flows")

from beable.analysis.aggregate_flow import fit_flow
from beable.errors import DataError


def two_lumps(rows=1500, seed=0):
    rng = np.random.default_rng(seed)
    told = rng.choice([0.0, 1.0], (rows, 1))
    return np.column_stack([4 * told[:, 0] - 2, np.zeros(rows)]), np.full((rows, 2), 0.4), told


@pytest.fixture(scope="module")
def told():
    mean, std, c = two_lumps()
    return fit_flow(mean, std, c, steps=150)


def test_samples_follow_their_condition(told):
    z = told.sample(500, [1.0], rng=1)
    np.testing.assert_allclose(z.mean(0), [2.0, 0.0], atol=0.15)
    np.testing.assert_allclose(z.std(0), [0.4, 0.4], atol=0.12)
    assert np.array_equal(z, told.sample(500, [1.0], rng=1))


def test_the_gain_is_nats_over_the_prior(told):
    # of two normals of deviation 0.4 at 2 and -2 against the standard normal
    exact = 4.0 / 2 + 0.16 - 1 - np.log(0.16)
    assert told.gain == pytest.approx(exact, abs=0.3)
    assert told.log_prob(np.array([[2.0, 0.0]]), [1.0]) > told.log_prob(np.array([[-2.0, 0.0]]), [1.0]) + 5


def test_conditions_are_needed(told):
    with pytest.raises(DataError, match="conditions"):
        told.sample(3)
