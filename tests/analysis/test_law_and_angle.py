"""S_KL against the angle, where both are known: factors that were turned by hand."""

import numpy as np
import pytest

from beable.analysis.law_and_angle import law_and_angle
from beable.errors import DataError

ROWS = 150
ANGLES = np.array([0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0])


def turned(theta, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return theta @ np.array([[c, -s], [s, c]])


def factors(law, seed=0):
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(ROWS, 2))
    return normal if law == "normal" else rng.choice([-1.0, 1.0], (ROWS, 2)) + 0.25 * normal


def test_the_law_of_clusters_tells_small_angles():
    theta = factors("mixture")
    found = law_and_angle([turned(theta, a) for a in ANGLES], theta, starts=1)
    np.testing.assert_allclose(found.angle, ANGLES, atol=3)
    assert found.rises.answer is True
    assert found.order[0] in (0, 1)
    assert (found.matching == [0, 1]).all()
    assert found.s_d[0] > found.s_d[-1]


def test_the_law_of_normal_factors_does_not():
    """The twin: flat at every angle, so that the order is that of chance and five models are no proof."""
    theta, other = factors("normal", 0), factors("normal", 10)
    found = law_and_angle([turned(other, a) for a in ANGLES[:5]], theta, starts=1)
    assert np.ptp(found.s_kl) < 0.2
    assert found.rises.answer is None


def test_one_model_is_no_question():
    theta = factors("mixture")
    with pytest.raises(DataError, match="models, rows, latents"):
        law_and_angle(theta, theta)
