"""What turns latents, what drowns them, and three factors: a very small study, and claims on made-up trainings."""

from pathlib import Path

import numpy as np
import pytest

from beable.report.study import study_page
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD
from beable.studies.run import run_study
from beable.studies.study import load, parse
from beable.systems.darcy.parts.ablation import Ablation
from beable.systems.darcy.parts.three_factors import ThreeFactors
from beable.systems.darcy.parts.turns import Turns

TEXT = Path(__file__).with_name("small-priors.toml").read_text()


@pytest.fixture(scope="module")
def done(here, tmp_path_factory):
    out = tmp_path_factory.mktemp("priors")
    return run_study(parse(TEXT, "small-priors").with_preset("quick"), "quick", out, workers=1), out


@pytest.fixture(scope="module")
def answers(done):
    return {a.part.name: a.answer for a in done[0].answers}


def test_trainings_under_a_huge_beta_are_over_regularised_and_no_new_start_helps_them(answers):
    a = answers["small-over"]
    assert a.arms["drowned"].share() == (3, 3)
    assert a.arms["free"].share()[0] == 0
    assert max(a.arms["again"].restarted[:2]) == 1  # one that is all but over-regularised may be left alone
    assert a.arms["again"].restarted[2] == 0
    assert a.arms["again"].share(300.0) == (2, 2)
    assert a.arms["again"].share(0.01) == (0, 1)


def test_a_start_from_independent_components_is_near_the_axes(answers):
    a = answers["small-ablation"]
    assert a.arms["hierarchical"].near_axes == 3
    assert a.arms["hierarchical"].prior == "hierarchical"
    assert (a.arms["hierarchical"].fit > 0.9).all()
    assert a.arms["drowned"].sigma > 3 * a.arms["hierarchical"].sigma


def test_every_claim_has_a_verdict_and_evidence_and_the_page_is_made(done, undrawn):
    finished, out = done
    found = [c for part in finished.results["parts"].values() for c in part["claims"]]
    assert {c["figure"] for c in found} == {"5", "20", "22", "23", "24", "Eq. 14", "B.29"}
    assert all(c["verdict"] in (REPRODUCED, DIFFERS, ARTEFACT, UNTOLD) and c["evidence"] for c in found)
    assert len(study_page(finished, out).figures()) >= 4


def made(found, members, angle=3.0, prior="standard", fit=0.99):
    told = ["yes"] * found + ["no"] * (members - found)
    angles, fits = np.full(members, angle), np.full(members, fit)
    angles[:found] = 0.5
    return Turns("made up", prior, "data", angles, fits, told, ["no"] * members, 0.003, 0.2, 100, 1.0, [0] * members)


def verdicts(first, hierarchical, rectified, standard):
    arms = {
        "first": first,
        "drifting": hierarchical,
        "hierarchical": hierarchical,
        "rectified": rectified,
        "standard": standard,
    }
    return [c.verdict for c in Ablation(arms, *arms).claims]


def test_what_is_said_of_the_source_follows_the_counts():
    """Half with either prior is an artefact; luck alone without the hierarchical prior is what the source finds."""
    few, half, whole = made(20, 100, 20.0), made(50, 100, 42.0), made(100, 100)
    luck = made(0, 100, 20.0)
    assert verdicts(few, half, half, half) == [REPRODUCED, DIFFERS, ARTEFACT, REPRODUCED, REPRODUCED]
    assert verdicts(few, half, half, luck) == [REPRODUCED, REPRODUCED, REPRODUCED, REPRODUCED, REPRODUCED]
    first, _, _, *last = verdicts(few, few, half, luck)
    assert [first, *last] == [DIFFERS, ARTEFACT, DIFFERS]
    assert verdicts(few, whole, whole, whole)[-1] == UNTOLD  # none has missed the factors
    assert set(verdicts(*[made(1, 4, 20.0)] * 4)) == {UNTOLD}


def test_shapes_of_three_factors_are_counted_apart():
    a = ThreeFactors({"h": made(1, 20), "g": made(0, 15, fit=0.5)}, "h", "g")
    assert a.shapes("h") == (1, 19, 0)
    assert a.shapes("g") == (0, 0, 15)
    assert [c.verdict for c in a.claims] == [UNTOLD, DIFFERS, DIFFERS]


@pytest.mark.parametrize("part", ["darcy-prior-ablation", "darcy-over-regularisation", "darcy-b29"])
def test_the_parts_of_the_study_can_be_run_alone(part):
    study = load(part)
    for preset in ("quick", "full"):
        assert study.with_preset(preset).parts[0].name == part
