"""The study of trust: its scores on known answers, and the whole of it in small."""

from importlib.resources import files

import numpy as np
import pytest

from beable.report.page import render
from beable.report.study import study_page
from beable.studies.run import run_study
from beable.studies.study import load, parse
from beable.systems.darcy.parts.trust import auc, calibration_error, spearman

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


def small():
    """Three laws, one prior, few rows and steps."""
    text = files("beable.systems.darcy").joinpath("trust.toml").read_text(encoding="utf-8")
    study = parse(text, "trust")
    arms = ["normal-2-standard", "mixture-2-standard", "uniform-2-standard"]
    part = study.parts[0].model_copy(update={"arms": {"judged": tuple(arms)}})
    alone = study.model_copy(update={"parts": (part,)})._only(arms, ["mixture-2", "uniform-2"], [part.name])
    rows = {"rows": 240, "settings": {"grid": 9}}
    return alone.with_overrides(
        {
            "data": rows,
            "datasets": {"mixture-2": rows, "uniform-2": rows},
            "run": {"training": {"members": 3, "steps": 10, "held_out": 120}},
        }
    )


def test_the_study_in_small(tmp_path):
    """Five seconds: data, trainings, a measure and a page are made."""
    finished = run_study(small(), "quick", tmp_path / "out", workers=1)
    answer = finished.answers[0].answer
    assert answer.members == 9
    assert set(answer.laws) == {"normal", "mixture", "uniform"}
    assert answer.laws["normal"].disentangled == 0
    ica = {law: answer.trust[f"{law}-2-standard"][0] for law in answer.laws}
    assert ica["mixture"] > 0.5 > ica["normal"]
    page = render(study_page(finished, tmp_path / "out"))
    assert "Trust in every member" in page
