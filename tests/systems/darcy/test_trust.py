"""The study of trust: its scores on known answers, its measure on members that are known, and the whole of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from beable.analysis.trust import WEIGHTS
from beable.report.html import render
from beable.report.page import Page, Section
from beable.report.study import study_page
from beable.studies.codec import decode, encode
from beable.studies.run import run_study
from beable.studies.study import load
from beable.systems.darcy.page import trust_evidence
from beable.systems.darcy.parts import trust as parts
from beable.systems.darcy.parts.trust import ArmTrust, TrustStudy, auc, calibration_error, spearman

TRUTH = np.array([0.0, 0.0, 1.0, 1.0])


def test_scores_of_known_answers():
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])
    assert [auc(TRUTH, right), auc(TRUTH, wrong)] == [1, 0]
    assert [spearman(TRUTH, right) > 0.8, spearman(TRUTH, wrong) < -0.8] == [True, True]
    assert calibration_error(TRUTH, right) == pytest.approx(0.15)
    assert calibration_error(TRUTH, wrong) == pytest.approx(0.85)
    assert np.isnan(
        [auc(np.ones(4), right), spearman(np.ones(4), right), calibration_error(TRUTH[:0], right[:0])]
    ).all()


def test_calibration_is_of_shares_and_not_of_single_members():
    rng = np.random.default_rng(0)
    trust = rng.random(20_000)
    assert calibration_error((rng.random(20_000) < trust).astype(float), trust) < 0.02
    assert calibration_error((rng.random(20_000) < trust**2).astype(float), trust) > 0.1


def test_the_study_has_two_hundred_members_over_all_laws_and_priors():
    study = load("trust").with_preset("quick")
    settings = [study.settings(arm) for arm in study.arms]
    assert sum(s.training.members for s in settings) >= 200
    assert {s.model.prior for s in settings} == {"standard", "gaussian", "hierarchical", "mixture"}
    assert {s.training.start for s in settings} == {"mixed"}
    data = [study.data, *study.datasets.values()]
    assert {(d.settings["factors"], d.settings["modes"]) for d in data} == {
        (law, p)
        for law in ("normal", "shifted", "mixture", "uniform", "correlated-mixture", "correlated-gaussian")
        for p in (2, 3)
    }


LAWS = ("mixture", "normal", "uniform")


def known(name, axes=True, luck=0.0):
    """An arm of four members with two latents: with axes, those near an independent component are factors."""
    rng = np.random.default_rng([LAWS.index(name.split("-")[0]), int(name.split("-")[1])])
    near = np.repeat(rng.random(4) < 0.5, 2).reshape(4, 2) & axes
    made_of = np.zeros((4, 2, 4))
    made_of[..., 0] = np.where(near, 1.0, -1.2) + 0.2 * rng.normal(size=(4, 2))
    truth = near | (rng.random((4, 1)) < luck)
    whole = truth.all(1).astype(int)
    angle = np.where(whole == 1, 1.0, 30.0) - made_of[..., 0].min(1)
    return ArmTrust(
        name, name, name.split("-")[0], made_of, np.ones((4, 2), bool), truth.astype(int), whole, angle, "", "", ""
    )


def answer(monkeypatch, **change):
    """The measure on twelve arms of three laws, of which the normal one has no axes."""
    names = [f"{law}-{k}" for law in LAWS for k in range(4)]
    made = {name: known(name, axes=not name.startswith("normal"), **change) for name in names}
    monkeypatch.setattr(parts, "arm_trust", lambda context, name: made[name])
    arms = [SimpleNamespace(name=name) for name in names]
    options = {"identified": ["mixture", "uniform"]}
    return parts.trust(SimpleNamespace(arms=lambda role: arms, workers=1, option=options.__getitem__))


def test_trust_that_knows_is_found_to_know(monkeypatch):
    a = answer(monkeypatch)
    assert (a.members, a.told) == (48, 48)
    assert a.auc == 1
    assert a.calibration_error < 0.1
    assert a.spearman > 0.9
    assert (a.laws["normal"].disentangled, a.laws["normal"].trust < 0.1) == (0, True)


def test_members_right_by_luck_are_not_known(monkeypatch):
    """The twin: with every third member a factor by luck, trust ranks them no better than it should."""
    assert answer(monkeypatch, luck=0.33).auc < 0.95


def test_weights_of_a_law_come_from_the_others(monkeypatch):
    a = answer(monkeypatch)
    assert len({tuple(law.weights) for law in a.laws.values()}) == 3
    assert a.weights["alignment"] > 1


def test_the_answer_is_kept_and_shown(monkeypatch, blank):
    a = answer(monkeypatch)
    arrays = {}
    again = decode(encode(a, TrustStudy, arrays), TrustStudy, arrays)
    assert again.as_json() == a.as_json()
    assert again.as_json()["arms"]["uniform-1"]["trust"] == pytest.approx(a.trust["uniform-1"].tolist())
    found = trust_evidence(a)
    page = render(Page("Trust", found.answer, "", found.items, [Section("More", folds=found.folds)]))
    assert page.count("<table") == 3
    assert "normal" in page
    assert f"{100 * a.auc:.0f} % of pairs" in page


@pytest.mark.slow
def test_the_quick_study_meets_its_goals(tmp_path):
    finished = run_study(load("trust").with_preset("quick"), "quick", tmp_path / "out")
    assert [e["agrees"] for e in finished.results["expected"]] == [True] * 3
    weights = finished.answers[0].answer.weights
    assert list(weights.values()) == pytest.approx([WEIGHTS.constant, *WEIGHTS.of], abs=0.3)
    assert "Trust in every member" in render(study_page(finished, tmp_path / "out"))
