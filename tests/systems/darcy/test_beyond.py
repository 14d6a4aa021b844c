"""What is said of dependent factors, more factors and rivals follows the numbers."""

from dataclasses import replace

import numpy as np

from beable.analysis.support_axes import SupportAxes
from beable.report.page import plain
from beable.studies.codec import decode, encode
from beable.systems.darcy.pages.beyond import beyond_evidence, isotropic_evidence
from beable.systems.darcy.parts.beyond import Beyond
from beable.systems.darcy.parts.fared import Fared
from beable.systems.darcy.parts.isotropic import Isotropic, Strength, least_interaction
from beable.verdicts import Verdict

WORDS = {True: "yes", False: "no"}


def arm(method, angle, members=20, law="mixture, signs agree in 80 %"):
    angles = np.full(members, float(angle))
    answers = [WORDS[angle < 2]] * members
    return Fared("an arm", "agree-80", law, method, True, 0.63, np.ones(members), angles, answers, 1.8, angles / 1e4, 9)


def answer(by_luck, ours, judged="correlated"):
    axes = SupportAxes(0.5, 0.3, 0.1, Verdict(True, "made up"))
    return Beyond({"a": arm("random start", by_luck), "b": arm("support start", ours)}, {"agree-80": axes}, judged)


def test_verdicts_follow_the_numbers():
    assert [c.verdict for c in answer(40, 1).claims] == ["reproduced", "artefact"]
    assert [c.verdict for c in answer(1, 40).claims] == ["differs", "reproduced"]
    few = Beyond({"a": arm("random start", 40, 4), "b": arm("support start", 1, 4)}, {}, "correlated")
    assert {c.verdict for c in few.claims} == {"cannot be told apart"}
    three = replace(few, arms={"a": arm("support start", 1, law="mixture, 3 factors")}, judged="more-factors")
    assert [c.verdict for c in three.claims] == ["differs"]


def test_a_score_above_the_ceiling_by_turned_latents_does_not_count():
    assert not arm("ICA alone", 30).near.any()
    assert arm("ICA alone", 3).near.all()


def test_a_page_can_be_made_of_what_is_kept():
    arrays = {}
    kept = encode(answer(40, 1), Beyond, arrays)
    evidence = beyond_evidence(decode(kept, Beyond, arrays))
    assert "support start 20 of 20" in plain(evidence.answer)
    assert "20 of 20" not in plain(beyond_evidence(answer(40, 40)).answer)


def test_the_rotation_of_normal_factors_is_told_only_where_a_method_is_near_at_every_strength():
    near, far = np.full(8, 1.0), np.linspace(5, 40, 8)
    found = Isotropic([Strength(v, 0.1, 0.05, {"ICA": far, "made up": near}) for v in (0.5, 2.0)])
    assert (found.told["ICA"].answer, found.told["made up"].answer) == (False, True)
    assert "made up: yes" in plain(isotropic_evidence(found).answer)


def test_any_rotation_of_normal_factors_makes_the_same_fields_by_another_map():
    """The statement itself, for a map that bends: factors and map are turned together."""
    rng = np.random.default_rng(0)
    theta, angle = rng.normal(size=(50, 2)), 0.6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def fields(t):
        return np.exp(t @ np.array([[1.0, 0.5, -0.2], [0.3, -0.8, 0.4]]))

    np.testing.assert_allclose(fields((theta @ turn) @ turn.T), fields(theta))


def test_the_least_interaction_is_that_of_maps_without_products():
    theta = np.random.default_rng(1).normal(size=(400, 2))
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    codes = np.hstack([theta, theta**2])
    found = theta @ turn @ least_interaction(theta @ turn, codes)
    assert np.abs(np.corrcoef(found.T, theta.T)[:2, 2:]).max(1).min() > 0.99
