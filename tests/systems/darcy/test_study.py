"""The Darcy study, much too small to find anything, from nothing to its page; what its processes do as well."""

from dataclasses import replace
from functools import partial
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
from browser import complaints, in_a_browser
from empty_figures import empty_figures
from forked import Forked
from made_up import foreign, moved

from beable.analysis import evaluation
from beable.commands import cli
from beable.commands.studies import pages as known
from beable.files.disk import locked
from beable.metrics import METRICS
from beable.metrics.separation import LUCK, TOLERANCE
from beable.report.html import render
from beable.report.page import plain
from beable.report.study import study_page
from beable.studies import run as studies_run
from beable.studies.context import Context
from beable.studies.run import read_study, run_study
from beable.studies.shares import MATTERS
from beable.studies.study import parse
from beable.systems.darcy.findings import mixture_answer
from beable.systems.darcy.parts.mixture import Found, Mixture
from beable.training.run import Run
from beable.workers import pool


@pytest.fixture(scope="module")
def finished(here, few_draws, small_darcy, tmp_path_factory):
    """With the dearest metrics by one tree, start or limit: what they are worth is tested in tests/metrics."""
    out = tmp_path_factory.mktemp("study")
    study = parse(small_darcy, "small").with_preset("quick")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(METRICS, "dci", partial(METRICS["dci"], size=1, folds=2))
        patched.setitem(METRICS, "explicitness_auc", partial(METRICS["explicitness_auc"], bins=2))
        patched.setitem(METRICS, "s_kl", partial(METRICS["s_kl"], starts=1))
        return study, run_study(study, "quick", out, workers=1), out


def test_results_hold_what_is_promised_for_each_arm(finished):
    study, done, _ = finished
    for arm in study.arms:
        numbers = done.results["parts"]["small-mixture"]["arms"][arm.name]
        assert len(numbers["s_d"]) == len(numbers["test_relative_error"]) == 2
        assert 0.5 <= numbers["s_d_chance"] <= numbers["s_d_ceiling"] <= 1
        assert numbers["cpu_seconds_per_member"] > 0
        assert all(0.5 - 1e-9 <= s <= 1 for s in numbers["s_d"])
    assert set(done.results["arms"]) == {"ours", "theirs"}


def test_every_metric_stands_in_its_context(finished):
    _, done, _ = finished
    scores = done.results["parts"]["small-mixture"]["scores"]
    assert set(scores) == set(METRICS)
    for name, row in scores.items():
        assert set(row["scores"]) == {"ours", "theirs", "ica"}, name
        assert row["against"] in ("rotation", "permutation")
    assert scores["s_d"]["against"] == "rotation"
    assert scores["explicitness"]["against"] == "permutation"


def test_a_share_of_trainings_is_counted(finished):
    _, done, _ = finished
    (count,) = done.results["counts"]
    hits = done.results["parts"]["small-mixture"]["arms"]["theirs"]["disentangled"]
    assert (count["arm"], count["ours"], count["source"]) == ("theirs", [hits.count("yes"), 2], [25, 50])


def test_answers_are_those_that_were_measured(finished, monkeypatch):
    study, done, out = finished
    kept = read_study(out)
    assert kept.results == done.results
    monkeypatch.setattr("beable.systems.darcy.parts.mixture.score_table", lambda *about: [])  # which takes long
    fresh = Context(study, study.parts[0], out).code.measure(Context(study, study.parts[0], out))
    for name in ("ours", "theirs"):
        assert fresh.arms[name].as_json() == done.answers[0].answer.arms[name].as_json()


def undrawn_page(done, out):
    """The second arm is called the worst: after so few steps neither finds the factors."""
    with empty_figures(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(Mixture, "worst", "theirs")
        return study_page(done, out)


@pytest.fixture(scope="module")
def page(finished):
    return undrawn_page(*finished[1:])


@pytest.mark.slow
def test_every_figure_of_the_page_is_drawn(finished):
    assert all(shown.figure.axes for shown in study_page(*finished[1:]).figures())


def test_the_page_shows_the_answer_and_escapes_what_users_name(page, blank):
    html = render(page)
    assert "ICA &lt;start&gt;" in html
    assert "<start>" not in html
    for words in ("about half", "25 of 50", "Reconstruction", "Training", "sha256", "beable study run small"):
        assert words in html
    for title in ("Do the &lt;latents&gt; become the factors?", "Latents: ", "For contrast: "):
        assert title in html
    assert html.index("25 of 50") < html.index(">Reconstruction</h2>")


@in_a_browser
def test_nobody_is_kept_from_reading_the_page(page, blank, tmp_path):
    """All of it unfolded; how pictures are drawn is looked at where they are."""
    assert complaints(tmp_path, render(page)) == []


def test_every_number_of_the_page_is_from_its_results(finished, page):
    """The pass mark, the tolerance of an angle and the luck of a rotation are constants of the measure."""
    _, done, out = finished
    answers = [a._replace(answer=moved(a.answer, Context(done.study, a.part, out).code.answer)) for a in done.answers]
    ours, theirs = page, undrawn_page(done._replace(answers=answers), out)
    judged = done.answers[0].answer.arms["ours"].evaluation
    constants = (TOLERANCE, 100 * LUCK, 95.0, 100 * MATTERS, judged.disentanglement.pass_angle, judged.rows[0])
    assert foreign(ours, theirs, done, constants) == []
    sentence = plain(ours.answer) + " A forest finds 0.8612 of it."
    assert foreign(replace(ours, answer=sentence), replace(theirs, answer=sentence), done, constants)


@pytest.mark.parametrize(
    ("trained", "alone", "words"),
    [
        (
            {"ica": (16, 0, 0), "random": (1, 15, 0)},
            {"ica": (16, 0, 0)},
            "Yes, when training starts from ICA: 16 of 16.",
        ),
        ({"ica": (0, 16, 0), "random": (0, 16, 0)}, {}, "No, from no start."),
        ({"random": (9, 7, 0)}, {}, "More often than not, from random weights: 9 of 16."),
        ({"random": (1, 15, 0)}, {"pca": (8, 8, 0)}, "PCA alone finds them more often (8 of 16)"),
        ({"random": (0, 0, 16)}, {}, "Cannot be told"),
    ],
)
def test_the_answer_is_chosen_by_what_was_found(trained, alone, words):
    found = [
        {name: Found(*counts, error) for name, counts in arms.items()}
        for arms, error in ((trained, 1e-7), (alone, 4e-3))
    ]
    answer = mixture_answer(SimpleNamespace(trained=found[0], alone=found[1], best_error=1e-7))
    assert words in answer
    if alone:
        assert "squared error is about 40,000 times less" in answer


@pytest.mark.slow
def test_a_process_of_its_own_gives_the_same_numbers(here, small_darcy, tmp_path):
    """Answers too; of one arm on rows too few for scores in context. That its runs are the same is shown below."""
    study = parse(small_darcy, "small").with_preset("quick")
    few = {"training": {"steps": 10, "held_out": 20, "start": "pca"}}
    study = study.model_copy(update={"presets": {"few": {"run": few}}}).with_preset("few")
    part = study.parts[0].model_copy(update={"arms": {"judged": ("ours",)}, "counts": ()})
    study = study.model_copy(update={"parts": (part,), "arms": study.arms[:1]})
    together = run_study(study, "few", tmp_path / "together", workers=1)
    with pool(1) as process, pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.studies.run.pool", lambda *words, **more: pool(executor=process))
        process.submit(exec, f"from beable.analysis import evaluation; evaluation.ROTATIONS = {evaluation.ROTATIONS}")
        apart = run_study(study, "few", tmp_path / "apart", workers=1)
    numbers = [done.answers[0].answer.arms["ours"].as_json() for done in (apart, together)]
    for found in numbers:
        assert found.pop("cpu_seconds_per_member") > 0
    assert numbers[0] == numbers[1]


#: cheap by the estimate of costs, and so trained last, for half a minute
ENDLESS = """label = "many hidden units"
override.model = { depth = 2, width = 2000 }
override.training = { members = 1, batch = 1, steps = 1200, start = "random" }
"""


def in_processes(text, out):
    """A command line that trains a study of this file in processes of its own, also where others train in this one."""
    studies_run.pool = pool
    known.load = lambda name: parse(text, name)
    return cli.run(["study", "run", "darcy-mixture", "-o", str(out), "--workers", "1"])


def test_a_request_to_end_ends_the_process_that_trains_and_whose_numbers_are_the_same(finished, small_darcy, tmp_path):
    """As those of this process: of the arm that it had trained before another, at which it is ended."""
    text = small_darcy.replace('"ours"', '"endless"').replace('label = "ICA <start>"', ENDLESS)
    runs = tmp_path / "out" / "runs"
    with Forked(in_processes, text, tmp_path / "out") as running:
        wait_until(lambda: running.poll() is not None or (runs / "endless" / "request.json").exists())
        running.terminate()
        assert "ended on request" in running.communicate(timeout=20)[1]
        assert running.returncode == 143
    for run in runs.iterdir():
        with locked(run):
            pass
    assert not (runs / "endless" / "manifest.json").exists()
    assert Run.load(runs / "theirs").id == finished[1].runs["theirs"].id


def wait_until(ready, seconds=90):
    end = monotonic() + seconds
    while not ready():
        assert monotonic() < end
        sleep(0.1)
