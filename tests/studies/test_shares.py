"""A source's share of trainings beside ours, with the power of the comparison."""

import numpy as np
import pytest

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
    rng = np.random.default_rng(0)
    for source, trials in [((25, 50), 16), ((5, 50), 50)]:
        share = source[0] / source[1] + MATTERS
        counts, times = np.unique(rng.binomial(trials, share, 100), return_counts=True)
        p_values = [shares_compared(source, (int(count), trials))["p_value"] for count in counts]
        found = np.average([p < SIGNIFICANT for p in p_values], weights=times)
        assert power_of(source, trials) <= found + 0.15
    assert power_of((25, 50), 16) < POWER < power_of((25, 50), 400)
