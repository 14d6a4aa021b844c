"""A source's share of trainings beside ours, with the power of the comparison."""

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from beable.studies.shares import MATTERS, POWER, SIGNIFICANT, power_of, shares_compared


def test_shares_are_compared_exactly():
    same = shares_compared((25, 50), (8, 16))
    assert same["p_value"] == 1.0
    assert same["interval"] == pytest.approx([0.2800, 0.7200], abs=1e-4)
    assert shares_compared((0, 50), (16, 16))["p_value"] < 1e-10
    assert shares_compared((5, 5), (0, 1))["p_value"] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("source", "ours", "answer"),
    [
        ((5, 50), (0, 16), "cannot be told"),
        ((25, 50), (8, 16), "cannot be told"),
        ((5, 50), (4, 50), "yes"),
        ((0, 50), (0, 50), "yes"),
        ((25, 50), (8, 50), "no"),
        ((0, 50), (16, 16), "no"),
    ],
)
def test_few_trainings_reproduce_nothing(source, ours, answer):
    found = shares_compared(source, ours)["reproduced"]
    assert found["answer"] == answer
    assert ("p = " in found["reason"]) == (answer == "no")


def test_the_power_is_how_often_a_difference_is_found():
    """Over all counts of ours, each with the probability that Fisher's test gives it or a rarer one."""
    for source, trials in [((25, 50), 16), ((5, 50), 50)]:
        counts, share = np.arange(trials + 1), source[0] / source[1]
        drawn = hypergeom.pmf(counts, source[1] + trials, source[0] + counts[:, None], trials)
        rarer = drawn <= np.diag(drawn)[:, None] * (1 + 1e-7)
        found = np.sum(drawn * rarer, axis=1) < SIGNIFICANT
        others = [other for other in (share - MATTERS, share + MATTERS) if other >= 0]
        powers = [binom.pmf(counts, trials, other)[found].sum() for other in others]
        assert power_of(source, trials) == pytest.approx(min(powers), abs=1e-9)
    assert power_of((25, 50), 16) < POWER < power_of((25, 50), 200)
