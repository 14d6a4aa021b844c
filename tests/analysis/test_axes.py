"""The axes that codes have of their own: independent factors have them, normal and dependent ones do not."""

import numpy as np
import pytest

from beable.analysis.axes import independent_axes
from beable.errors import DataError

ROWS = 384


def mixture(rng, agree=0.5):
    first = rng.choice([-1.0, 1.0], ROWS)
    second = first * np.where(rng.random(ROWS) < agree, 1, -1)
    return np.stack([first, second], 1) + 0.25 * rng.normal(size=(ROWS, 2))


def uniform(rng):
    return rng.uniform(size=(ROWS, 2))


def normal(rng):
    return rng.normal(size=(ROWS, 2))


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


@pytest.mark.parametrize("law", [mixture, uniform])
@pytest.mark.parametrize("seed", range(3))
def test_independent_factors_have_axes_and_a_turn_is_seen(law, seed):
    """The angle is right within 8 degrees; the twin is the same codes turned by 30."""
    z = law(np.random.default_rng(seed))
    straight, turned = independent_axes(z), independent_axes(z @ turn(30))
    assert straight.angle.max() < 8
    np.testing.assert_allclose(turned.angle, 30, atol=8)
    assert max(straight.wobble.max(), turned.wobble.max()) < 8


def test_axes_of_normal_factors_move_with_the_rows():
    """An angle anywhere in 45 degrees has the root mean square 26; the twin, a mixture, moves by 1 or 2."""
    moved = [independent_axes(normal(np.random.default_rng(seed))).wobble.max() for seed in range(6)]
    assert np.median(moved) > 18
    assert min(moved) > 8
    assert independent_axes(mixture(np.random.default_rng(0))).wobble.max() < 4


@pytest.mark.parametrize("seed", range(3))
def test_dependent_factors_stay_dependent(seed):
    rng = np.random.default_rng(seed)
    dependent, independent = independent_axes(mixture(rng, 0.8)), independent_axes(mixture(rng))
    assert dependent.dependence.min() > 0.4 > 0.3 > independent.dependence.max()
    assert dependent.surprise.max() < 1e-4


def test_order_sign_and_scale_of_latents_change_nothing():
    z = mixture(np.random.default_rng(1))
    np.testing.assert_allclose(
        independent_axes(z).angle, independent_axes(z[:, ::-1] * [-3.0, 0.1]).angle[::-1], atol=1
    )


def test_one_latent_has_no_axes():
    found = independent_axes(mixture(np.random.default_rng(0)), active=[True, False])
    assert all(np.isnan(values).all() for values in found)


def test_copies_and_few_rows_are_refused():
    z = np.random.default_rng(0).normal(size=(ROWS, 1))
    with pytest.raises(DataError, match="the same numbers"):
        independent_axes(np.hstack([z, z]))
    with pytest.raises(DataError, match="32"):
        independent_axes(z[:20])
