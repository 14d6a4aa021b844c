"""The parts that show data and latents: verdicts where the answer is known, and a small study of all of them."""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from empty_figures import empty_figures
from made_up import foreign, moved

from beable.analysis.law_and_angle import LawAndAngle
from beable.metrics.alignment import s_kl
from beable.metrics.separation import LUCK, TOLERANCE
from beable.report.study import claims_in, study_page
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD
from beable.studies.codec import decode, encode
from beable.studies.context import Context
from beable.studies.run import run_study
from beable.studies.study import load, parse
from beable.systems.darcy.parts.claims_of_latents import CLAIMS
from beable.systems.darcy.parts.growth import STATED, Growth, added, parameters
from beable.systems.darcy.parts.latents import turned
from beable.systems.darcy.parts.law import LawStudy, of_laws, turn
from beable.systems.darcy.parts.members import Members
from beable.systems.darcy.parts.rows import RowsStudy, Trained
from beable.systems.darcy.parts.seeds import OfSeed, Seeds
from beable.systems.darcy.parts.shown import Latents

RELEASED = {1: 895_603, 2: 2_474_494, 4: 7_996_642, 8: 28_498_402, 16: 107_331_778}


def people(angles, label="arm", *, error=1e-4, distortion=-20.0, lost=0, rows=60):
    """Members whose latents are the factors of `factors` turned by some angles."""
    angle = np.asarray(angles, float)
    theta = factors(rows)
    codes = np.stack([theta @ turn(a) for a in angle])
    n, near = len(angle), angle < 2
    return Members(
        label, True, codes, 0.01 * np.ones_like(codes), np.full(n, error), np.full(n, distortion), np.full(n, 9.0),
        -8.0, [int(x) for x in near], angle, 0.97 - 0.01 * angle, [1] * lost + [0] * (n - lost),
    )  # fmt: skip


def factors(rows=60):
    return np.random.default_rng(0).normal(size=(rows, 2))


def shown(figure, *arms, turns=()):
    return Latents(
        figure, {m.label: m for m in arms}, {}, {}, factors(), ["a", "b"], 0.97, (0.72, 0.52, 0.95), list(turns), []
    )


def verdicts(a):
    found = CLAIMS[a.figure](a) if isinstance(a, Latents) else a.claims
    return [claim.verdict for claim in found]


def uniform(n):
    """Angles of random rotations."""
    return (np.arange(n) + 0.5) * 45 / n


# Parameters


def test_parameters_are_those_of_the_released_code():
    assert {g: parameters((3, 65, 65), growth=g) for g in RELEASED} == RELEASED
    assert parameters((3, 65, 65), (4, 4, 4, 4, 4)) == 921_274
    assert added() == (440, 712)


def grown(losses, lost, full=RELEASED):
    arms = {g: people([20.0] * 4, distortion=x, lost=n) for g, x, n in zip((1, 4, 16), losses, lost, strict=True)}
    five = {"3-4-6-4-3": 779_582, "4-4-4-4-4": 921_274}
    few = dict.fromkeys(arms, 1)
    return Growth(arms, few, full, five, (440, 712), dict.fromkeys(arms, 9.0), people([3.0]), 1, 1.0, 9, 20, 8, [1])


def test_loss_and_convergence_over_growth():
    assert verdicts(grown((-8, -10, -12), (0, 1, 4)))[:2] == [REPRODUCED, REPRODUCED]
    assert verdicts(grown((-12, -10, -8), (4, 1, 0)))[:2] == [DIFFERS, DIFFERS]
    assert verdicts(grown((-8, -8, -8), (0, 0, 0)))[:2] == [UNTOLD, UNTOLD]


def test_the_stated_counts_fit_another_network_than_the_released_one():
    size, share = grown((-8, -10, -12), (0, 0, 0)).claims[3:]
    assert [size.verdict, share.verdict] == [DIFFERS, DIFFERS]
    assert "3-4-6-4-3" in size.evidence
    assert "0.0478 %" in share.evidence
    assert verdicts(grown((-8, -10, -12), (0, 0, 0), RELEASED | {4: 810_000}))[3] == REPRODUCED


# Rows


def fewer(lost, angles, *, drift=None, rows=(32, 512)):
    """Ten members at each number of rows; of the fewest some are over-regularised."""
    m = people(np.tile(angles, len(rows)), lost=lost)
    loss = np.repeat([-8.0, -20.0], 10)
    return Trained(np.repeat(rows, 10), loss, np.repeat([4.0, 6.0], 10), m._replace(distortion=loss), 2, drift)


def rows_study(ours, theirs):
    random = 0.97 - 0.01 * uniform(500)
    beta = np.full(10, 1e-5)
    return RowsStudy(fewer(ours, uniform(10)), fewer(theirs, uniform(10), drift=[3.0]), fewer(0, uniform(10)), beta,
                     0.97, (0.53, 0.95), random)  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"), [(10, 10, REPRODUCED), (0, 10, ARTEFACT), (0, 0, DIFFERS), (7, 10, UNTOLD)]
)
def test_few_rows_are_over_regularised_by_the_budget_alone(ours, theirs, verdict):
    assert rows_study(ours, theirs).claims[2].verdict == verdict


def test_the_loss_falls_with_rows():
    study = rows_study(0, 10)
    assert study.claims[0].verdict == REPRODUCED
    assert study.claims[0].interval[1] < 0


# Latents


def test_latents_of_normal_factors_that_luck_would_show_are_an_artefact():
    by_luck = shown("15", people(uniform(50)))
    assert verdicts(by_luck)[0] == ARTEFACT
    assert verdicts(shown("15", people(np.full(50, 0.5))))[0] == REPRODUCED
    assert verdicts(shown("15", people(np.full(60, 30.0))))[0] == DIFFERS
    assert verdicts(shown("15", people(np.full(4, 30.0))))[0] == UNTOLD


def test_the_hierarchical_prior_is_held_against_luck():
    never, always = people(uniform(50), "without"), people(np.full(50, 0.5), "with")
    assert verdicts(shown("19", never, always)) == [REPRODUCED, REPRODUCED]
    assert verdicts(shown("19", always._replace(label="w"), people(uniform(50), "with"))) == [DIFFERS, ARTEFACT]


def test_what_is_not_disentangled_lies_at_45_degrees_or_anywhere():
    without = people(uniform(50), "without")
    half = people(np.r_[np.full(25, 0.5), np.full(25, 43.0)], "with")
    assert verdicts(shown("24", without, half)) == [REPRODUCED]
    assert verdicts(shown("24", without, people(uniform(50), "with"))) == [DIFFERS]
    assert verdicts(shown("24", without, people(np.full(50, 0.5), "with"))) == [UNTOLD]
    assert verdicts(shown("23", without, half)) == [REPRODUCED, REPRODUCED]
    assert verdicts(shown("23", without, people(uniform(50), "with"))) == [REPRODUCED, DIFFERS]


def test_reconstructions_are_little_or_better():
    good, bad = people(uniform(50), "good"), people(uniform(50), "bad", error=0.2)
    assert [verdicts(shown("13", m)) for m in (good, bad)] == [[REPRODUCED], [DIFFERS]]
    spread = np.linspace(0.9, 1.1, 50)
    worse, better = (m._replace(error=m.error * spread) for m in (bad, good))
    assert [verdicts(shown("20", *pair)) for pair in ((worse, better), (better, worse))] == [[REPRODUCED], [DIFFERS]]


def test_a_turn_spoils_the_score_of_latents_that_are_the_factors():
    theta = factors(200)
    one = {"a": people([0.5, 20.0], rows=200)}
    turns = turned(one, theta)
    assert turns[0][1] > 0.9
    assert min(turns, key=lambda t: t[1])[0] >= 40
    assert verdicts(shown("21", one["a"], turns=turns)) == [REPRODUCED]


def test_each_figure_of_the_study_has_its_verdicts():
    study = load("darcy-paper")
    asked = {
        p.options["figure"] for p in study.parts if p.measure in ("reconstruction", "posterior", "scatter", "turned")
    }
    assert asked == set(CLAIMS)


# Laws


def test_s_kl_is_blind_for_normal_factors_and_not_monotone_for_peaks(monkeypatch):
    monkeypatch.setattr("beable.systems.darcy.parts.law.s_kl", partial(s_kl, starts=2))
    rng = np.random.default_rng(1)
    normal, others = rng.normal(size=(2, 150, 2))
    assert abs(of_laws(normal @ turn(45), others) - of_laws(normal, others)) < 0.15
    peaks, more = rng.choice([-1.0, 1.0], (2, 150, 2)) + 0.25 * rng.normal(size=(2, 150, 2))
    aligned, oblique, diagonal = (of_laws(peaks @ turn(a), more) for a in (0, 30, 45))
    assert aligned < diagonal < oblique


@pytest.mark.parametrize(
    ("curve", "verdict"),
    [
        (np.linspace(0, 1, 10), REPRODUCED),
        (np.r_[np.linspace(0, 2, 7), 1.8, 1.4, 1.1], DIFFERS),
        (np.zeros(10), DIFFERS),
    ],
)
def test_a_law_that_is_flat_or_falls_again_is_not_what_the_source_says(curve, verdict):
    angle = uniform(10)
    found = LawAndAngle(angle / 45, angle, 1 - angle / 90, np.tile([0, 1], (10, 1)))
    study = LawStudy({"made": found}, {"made": curve}, np.arange(0.0, 50, 5), np.zeros((1, 3, 2)), np.zeros((3, 2)),
                     [0], "made", ["a", "b"])  # fmt: skip
    assert verdicts(study) == [verdict]


# Seeds


def test_an_interval_over_data_is_wide_where_data_sets_differ():
    def of(*shares):
        return Seeds(
            {"arm": [OfSeed(k, np.zeros(20), [1] * n + [0] * (20 - n), np.zeros(20)) for k, n in enumerate(shares)]}
        )

    alike, apart = of(10, 10, 10, 10), of(0, 20, 0, 20)
    width = [np.ptp(s.clustered("arm")) for s in (alike, apart)]
    assert alike.total("arm").hits == apart.total("arm").hits == 40
    assert width[0] < 0.25 < 0.9 < width[1]


# All of them


@pytest.fixture(scope="module")
def finished(here, few_draws, tmp_path_factory):
    """With few angles, nulls and tries at components and scales."""
    out = tmp_path_factory.mktemp("figures")
    study = parse((Path(__file__).parents[2] / "studies" / "small-figures.toml").read_text(), "small-figures")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.systems.darcy.parts.law.TURNS", (0.0, 20.0, 45.0))
        patched.setattr("beable.systems.darcy.parts.latents.NULLS", 4)
        patched.setattr("beable.analysis.axes.TRIES", 1)
        patched.setattr("beable.systems.darcy.parts.law.s_kl", partial(s_kl, starts=1))
        return run_study(study, "quick", out, workers=1), out


def test_every_part_has_claims_of_known_verdicts_or_none_of_the_source(finished):
    parts = finished[0].results["parts"]
    without = {"p-seeds", "p-trust"}
    assert {name for name, p in parts.items() if not p["claims"]} == without
    known = {REPRODUCED, DIFFERS, ARTEFACT, UNTOLD}
    assert {c["verdict"] for p in parts.values() for c in p["claims"]} <= known
    assert parts["p-rows"]["theirs"]["drift"] == [pytest.approx(0.09)]


def test_answers_are_kept_as_they_are(finished):
    done, out = finished
    for a in done.answers:
        hint, arrays = Context(done.study, a.part, out).code.answer, {}
        again = decode(encode(a.answer, hint, arrays), hint, arrays)
        assert str(again.as_json()) == str(a.answer.as_json())


def undrawn_page(done, out):
    """Each of its figures is drawn by an example of its own."""
    with empty_figures():
        return study_page(done, out)


@pytest.fixture(scope="module")
def page(finished):
    return undrawn_page(*finished)


@pytest.mark.slow
def test_every_figure_of_the_page_is_drawn(finished):
    assert all(shown.figure.axes for shown in study_page(*finished).figures())


def test_the_page_has_one_figure_and_one_table_a_part(finished, page):
    done, _ = finished
    titles = {p.title for p in done.study.parts}
    shown = [s for s in page.sections if s.title in titles]
    assert len(shown) == len(titles)
    assert all(len(s.items) <= 2 for s in shown)


def test_no_number_of_the_page_is_of_another_run(finished, page):
    """Numbers of claims are counts that results do not hold as such."""
    done, out = finished
    answers = [a._replace(answer=moved(a.answer, Context(done.study, a.part, out).code.answer)) for a in done.answers]
    other = undrawn_page(done._replace(answers=answers), out)
    counts = Counter(claim.verdict for claim in claims_in(done.results))
    constants = (TOLERANCE, 100 * LUCK, 95.0, 5.0, 45.0, STATED, *map(float, (counts.total(), *counts.values())))
    assert foreign(page, other, done, constants) == []
