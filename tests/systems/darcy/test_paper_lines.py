"""Landscapes, paths, points and turned latents of a very small study, where the answers are known."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from beable.analysis.rotation_curve import rotation_curve
from beable.report.page import plain
from beable.report.study import study_page
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD
from beable.studies.run import run_study
from beable.studies.study import parse
from beable.systems.darcy.parts.claims_of_lines import of_all, of_none
from beable.verdicts import Verdict

YES, NO, OPEN = Verdict(True, ""), Verdict(False, ""), Verdict(None, "")
TEXT = Path(__file__).with_name("small-paper.toml").read_text()


@pytest.fixture(scope="module")
def done(here, tmp_path_factory):
    """With few angles: what a curve is worth is tested in tests/analysis."""
    out = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patched:
        parts = "beable.systems.darcy.parts"
        patched.setattr(f"{parts}.rotation.rotation_curve", partial(rotation_curve, step=15))
        return run_study(parse(TEXT, "small-paper").with_preset("quick"), "quick", out, workers=1), out


@pytest.fixture(scope="module")
def answers(done):
    return {a.part.name: a.answer for a in done[0].answers}


def claims(done, part):
    return {(c["figure"], c["claim"]): c for c in done[0].results["parts"][part]["claims"]}


def verdicts(done, part, figure):
    return [c["verdict"] for (of, _), c in claims(done, part).items() if of == figure]


def test_every_claim_has_a_verdict_and_evidence(done):
    found = [c for part in done[0].results["parts"].values() for c in part["claims"]]
    assert {c["figure"] for c in found} == {"2", "5", "6", "7", "8", "9", "10", "11", "18", "22"}
    assert all(c["verdict"] in (REPRODUCED, DIFFERS, UNTOLD) and c["evidence"] for c in found)


def test_fields_gain_detail_with_modes(done, answers):
    assert verdicts(done, "small-fields", "2") == [REPRODUCED]
    assert answers["small-fields"].fields.modes == (2, 10)  # a grid of 81 nodes has no more


def test_a_training_under_a_huge_beta_decodes_the_mean_for_every_input(done, answers):
    a = answers["small-paths"]
    assert [v.answer for v in a.arms["large"].over] == [True, True]
    assert a.who == "β = 300"
    assert a.bad.varies < 1e-3 < a.good.varies
    assert verdicts(done, "small-paths", "5") == [REPRODUCED]


def test_the_loss_meets_that_of_the_vae_where_beta_is_one(done, answers):
    assert verdicts(done, "small-paths", "7")[1] == REPRODUCED
    assert np.abs(answers["small-paths"].arms["drifting"].path.gap).max() < 1e-6


def test_points_of_a_huge_beta_lose_their_latents(done, answers):
    a = answers["small-points"]
    assert [v.answer for v in a.over_at(300.0)] == [True]
    assert [v.answer for v in a.over_at(0.01)] == [False]
    assert a.betas.tolist() == [300.0, 1.0, 0.01]


def test_only_the_standard_normal_prior_is_blind_to_the_angle(done, answers):
    a = answers["small-rotation"]
    assert all(v.answer is True for v in a.invariant.curve.flat)
    assert not any(v.answer is True for v in a.anisotropic.curve.flat)
    assert verdicts(done, "small-rotation", "18")[0] == REPRODUCED


def test_lines_begin_at_untrained_weights_and_end_at_the_solution(answers):
    a = answers["small-lines"]
    total = a.from_starts.terms["total"]
    assert total.shape == (10, 21)
    assert np.ptp(total[:, -1]) < 1e-9  # one solution
    assert total[:, -1].max() < total[:, 0].min()
    assert a.loss == pytest.approx(total[0, -1])
    assert a.angles[0] <= a.angles[1]
    assert a.directions.shape == (3, 21)


def test_the_page_shows_an_index_by_figure(done, undrawn):
    page = study_page(*done)
    index = next(section for section in page.sections if plain(section.title) == "Figure by figure")
    assert [row[0] for row in index.items[0].rows] == sorted([row[0] for row in index.items[0].rows], key=int)
    assert len(page.figures()) >= 8


@pytest.mark.parametrize(
    ("given", "every", "none"),
    [
        ([YES, YES], REPRODUCED, DIFFERS),
        ([YES, NO], DIFFERS, DIFFERS),
        ([YES, OPEN], UNTOLD, DIFFERS),
        ([NO, NO], DIFFERS, REPRODUCED),
        ([NO, OPEN], DIFFERS, UNTOLD),
        ([], UNTOLD, UNTOLD),
    ],
)
def test_what_is_said_of_all_and_of_none(given, every, none):
    assert (of_all(given), of_none(given)) == (every, none)
