"""Verdicts of the packing study say yes, no, or that it cannot be told."""

from types import SimpleNamespace

import numpy as np
import pytest

from beable.analysis.collapse import measured_threshold
from beable.systems.packing.parts.beds import EQUAL_SPHERES, Beds, _near
from beable.systems.packing.parts.beta import BetaArm
from beable.systems.packing.parts.calibrated import CalibratedArm
from beable.systems.packing.parts.decoded_rows import DecodedRowsAnswer
from beable.systems.packing.parts.design import Designed


@pytest.mark.parametrize(
    ("away", "error", "answer"),
    [
        (0.001, 0.0005, True),
        (-0.0025, 0.0005, None),
        (0.004, 0.0005, False),
        (0.001, np.nan, None),
        (0.004, np.nan, False),
    ],
)
def test_equal_spheres_are_near_what_is_known_or_not(away, error, answer):
    assert _near(SimpleNamespace(mean=EQUAL_SPHERES + away, error=error)).answer is answer


def beds(overlaps=(0.0,), unsupported=0, means=(0.58, 0.61)):
    two = {ratio: SimpleNamespace(mean=m, error=0.001) for ratio, m in zip((1.0, 2.0), means, strict=True)}
    every = [SimpleNamespace(overlap=o, unsupported=unsupported) for o in overlaps]
    rising = bool(np.all(np.diff(means) > 0))
    return SimpleNamespace(two_sizes=two, all_beds=every, rising=rising)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (beds(), set()),
        (beds(overlaps=(1e-15, 1e-3)), {"overlap"}),
        (beds(unsupported=2), {"support"}),
        (beds(means=(0.58, 0.57)), {"rising"}),
    ],
)
def test_every_check_of_beds_can_fail(given, wrong):
    checks = Beds.checks.fget(given)
    assert {name for name, verdict in checks.items() if verdict.answer is False} == wrong


def arm(seeds, predicted):
    betas, rates = np.array([0.1, 0.2, 0.5]), np.array([[2.0], [1.0], [0.001]])
    found = measured_threshold(np.tile(betas, seeds), np.tile(rates, (seeds, 1)))
    return SimpleNamespace(measured=lambda latent=0: found, predicted=lambda latent=0: predicted, seeds=seeds)


@pytest.mark.parametrize(("seeds", "predicted", "answer"), [(2, 0.3, True), (2, 0.6, False), (1, 0.3, None)])
def test_one_training_does_not_tell_where_a_latent_is_lost(seeds, predicted, answer):
    assert BetaArm.as_predicted(arm(seeds, predicted)).answer is answer


def test_betas_of_the_source_at_which_a_latent_is_alive_are_named():
    found = measured_threshold([0.0, 0.5, 1.0, 4.0, 7.0], [[9.0], [5.0], [2.0], [0.06], [0.01]])
    assert BetaArm.alive_of_source.fget(SimpleNamespace(measured=lambda: found)) == [1.0, 4.0]


def comparison(**found):
    attempts = {name: [SimpleNamespace(found=np.arange(40) < count)] for name, count in found.items()}
    return SimpleNamespace(comparison=SimpleNamespace(of=lambda name: attempts[name]))


@pytest.mark.parametrize(("theirs", "answer"), [(5, True), (28, None), (39, False)])
def test_the_search_is_better_only_where_counts_tell(theirs, answer):
    assert Designed.better_than(comparison(search=30, random=theirs), "random").answer is answer


@pytest.mark.parametrize(
    ("lost", "members", "answer"), [(0.1, 8, True), (-0.1, 8, False), (0.1, 2, None), (0.0, 8, None)]
)
def test_harm_of_decoded_rows_needs_enough_members(lost, members, answer):
    r2 = 0.9 + 0.001 * np.arange(members)
    arms = {"without": SimpleNamespace(r2=r2), "with": SimpleNamespace(r2=r2 - lost)}
    assert DecodedRowsAnswer.harm.fget(SimpleNamespace(arms=arms)).answer is answer


@pytest.mark.parametrize(("r2", "shown"), [([0.9], [0]), ([0.2, 0.9], [1, 0]), ([0.99, 0.5, 0.8, 0.9, 0.7], [2, 1])])
def test_of_many_members_the_one_nearest_the_median_and_the_worst_are_drawn(r2, shown):
    assert CalibratedArm.shown.fget(SimpleNamespace(r2_of_row=np.array(r2))) == shown
