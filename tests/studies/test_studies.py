"""Study pages are strict; a small study runs from nothing to its page, and again from an interruption."""

import json
import shutil
import subprocess
import sys
from time import monotonic, sleep

import numpy as np
import pytest

from beable.errors import BeableError, UsageError
from beable.files import locked
from beable.metrics import METRICS
from beable.report.of_study import study_page
from beable.report.page import render
from beable.studies.run import comparison, run_study
from beable.studies.study import Expected, load, merged, names, parse

SMALL = """
name = "small"
title = "A small study"
source = "nobody"
question = "Does it run?"
[data]
simulator = "darcy"
rows = 60
[data.settings]
grid = 9
factors = "mixture"
[run]
variables = ["pressure", "flux"]
representation = { kind = "modes", energy = 0.999, scaling = "none" }
[run.model]
width = 8
[run.training]
members = 2
steps = 200
batch = 16
held_out = 40
shuffle = false
[[arms]]
name = "ours"
label = "ICA <start>"
[[arms]]
name = "theirs"
label = "random start"
override.training.start = "random"
override.model.prior = "hierarchical"
[[arms]]
name = "ica"
label = "ICA alone"
kind = "linear"
[presets.quick.run.training]
steps = 40
[[expected]]
arm = "theirs"
measure = "disentangled"
count = 25
trials = 50
words = "about half"
"""


@pytest.mark.parametrize("name", names())
def test_every_study_parses_with_every_preset_and_arm(name):
    study = load(name)
    reported = [*study.expected, *(e for part in study.parts for e in part.expected)]
    assert reported, "a study without the source's numbers compares nothing"
    for preset in study.presets:
        chosen = study.with_preset(preset)
        assert [chosen.settings(arm).training.members for arm in chosen.arms]
    assert {"quick", "full"} <= set(study.presets)


MISTAKES = {
    "steps = 40": ("stepps = 40", "stepps"),
    'name = "ours"': ('name = "Ours!"', "arms.0.name"),
    "width = 8": ("width = -8", "width"),
    "rows = 60": ("rows = 1", "data.rows"),
    'arm = "theirs"': ('arm = "their"', "did you mean 'theirs'"),
    "batch = 16": ("batch = 16\nlearning_rate = nan", "learning_rate"),
    'source = "nobody"': ('source = "nobody"\ncolour = "red"', "colour"),
    "count = 25": ("count = 25\ncount = 26", "Cannot overwrite"),
}


@pytest.mark.parametrize("right", MISTAKES)
def test_a_mistake_in_a_study_is_named_by_its_place(right, tmp_path):
    wrong, words = MISTAKES[right]
    assert right in SMALL
    with pytest.raises(UsageError, match=words) as caught:
        parse(SMALL.replace(right, wrong), "small").with_preset("quick").settings(parse(SMALL, "small").arms[0])
    assert "\n" not in str(caught.value)


def test_unknown_studies_and_presets_are_named_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'darcy-mixture'"):
        load("darcy-mixtur")
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        parse(SMALL, "small").with_preset("quik")


def test_merging_leaves_the_other_branches():
    assert merged({"a": {"b": 1, "c": {"d": 2}}, "e": 3}, {"a": {"c": {"f": 4}}}) == {
        "a": {"b": 1, "c": {"d": 2, "f": 4}},
        "e": 3,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    study = parse(SMALL, "small").with_preset("quick")
    return study, run_study(study, "quick", out, workers=2), out


def test_results_hold_what_is_promised_for_each_arm(finished):
    study, done, out = finished
    results = json.loads((out / "results.json").read_text())
    assert results == json.loads(json.dumps(done.results))
    for arm in study.arms:
        numbers = results["arms"][arm.name]
        assert len(numbers["s_d"]) == len(numbers["test_relative_error"]) == 2
        assert 0.5 <= numbers["s_d_chance"] <= numbers["s_d_ceiling"] <= 1
        assert numbers["cpu_seconds_per_member"] > 0
        assert all(0.5 - 1e-9 <= s <= 1 for s in numbers["s_d"])


def test_a_second_run_takes_everything_up(finished):
    study, done, out = finished
    again = run_study(study, "quick", out, workers=1)
    shutil.rmtree(out / "runs" / "theirs")
    rebuilt = run_study(study, "quick", out, workers=1)
    for other in (again, rebuilt):
        a, b = (
            {k: v for k, v in r.results["arms"]["theirs"].items() if k != "cpu_seconds_per_member"}
            for r in (done, other)
        )
        assert a == b


def test_the_page_shows_the_answer_and_escapes_what_users_name(finished):
    study, done, _ = finished
    html = render(study_page(study, done, "beable study run small"))
    assert "ICA &lt;start&gt;" in html
    assert "<start>" not in html
    for words in ("about half", "25 of 50", "Reconstruction", "sha256", "beable study run small"):
        assert words in html


def test_a_failing_arm_ends_the_study_with_its_own_error(tmp_path):
    study = parse(SMALL.replace("steps = 40", "steps = 40\nlearning_rate = 1e9"), "small").with_preset("quick")
    with pytest.raises(BeableError, match="not finite"):
        run_study(study, "quick", tmp_path, workers=1)


def test_every_metric_stands_in_its_context(finished):
    _, done, _ = finished
    assert list(done.results["scores"]) == list(METRICS)
    for name, row in done.results["scores"].items():
        assert set(row["scores"]) == {"ours", "theirs", "ica"}, name
        assert row["against"] in ("rotation", "permutation")
    assert done.results["scores"]["s_d"]["against"] == "rotation"
    assert done.results["scores"]["explicitness"]["against"] == "permutation"


def expected(count, trials):
    return Expected(arm="theirs", measure="disentangled", count=count, trials=trials, words="so it says")


def test_a_share_is_compared_with_its_chance(finished):
    study, done, _ = finished
    ours = done.results["arms"]["theirs"]["disentangled"]
    agreeing = comparison(study, expected(sum(ours) * 25, 50), done.outcomes)
    assert agreeing["p_value"] > 0.05
    low, high = agreeing["interval"]
    assert low <= np.mean(ours) <= high
    opposite = comparison(study, expected(0 if sum(ours) else 50, 50), done.outcomes)
    assert opposite["p_value"] < agreeing["p_value"]


def test_a_request_to_end_ends_the_processes_that_train(tmp_path):
    words = [sys.executable, "-m", "beable", "study", "run", "darcy-mixture", "-o", str(tmp_path / "out")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        wait_until(lambda: any((tmp_path / "out").glob("runs/*/checkpoints/*")))
        running.terminate()
        assert running.wait(timeout=20) == 143
        assert "ended on request" in running.stderr.read()
    for run in (tmp_path / "out" / "runs").iterdir():
        with locked(run):
            pass


def wait_until(ready, seconds=90):
    end = monotonic() + seconds
    while not ready():
        assert monotonic() < end
        sleep(0.1)
