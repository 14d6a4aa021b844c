"""The study of the fluid, much too small to find anything, from nothing to its report."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import complaints, in_a_browser
from made_up import foreign, moved

from beable.report.html import render
from beable.report.page import plain
from beable.report.study import study_page
from beable.studies.context import Context
from beable.studies.run import results_of, run_study
from beable.studies.study import load

GRAVITY = [0.1, 0.4]
TINY_FLUID = {"particles": 12, "gravity": GRAVITY, "sweeps": 100, "spacing": 20}
TINY_TRAINING = {"members": 1, "steps": 4, "batch": 32, "records": 2}
SIZES = {"training": {"members": 4, "steps": 4, "batch": 32, "records": 2}, "model": {"width": 8}}
TINY = {
    "data": {"rows": 256, "settings": TINY_FLUID},
    "datasets": {"source-protocol": {"rows": 64, "settings": {"particles": 12, "sweeps": 40}}},
    "run": {"model": {"latents": 2, "width": 8, "depth": 1}, "training": TINY_TRAINING},
    "arms": {
        "told": {"training": TINY_TRAINING},
        "plain": {"training": TINY_TRAINING},
        "corner-told": {"training": TINY_TRAINING},
        "coordinates": {"training": TINY_TRAINING},
        "size-2": SIZES,
        "size-5": SIZES,
    },
    "parts": {
        "lj-equilibrium": {"followed": 2},
        "lj-size-beta": {"rows": 60},
        "lj-probing": {"rows": 60},
        "lj-generate": {"samples": 10, "reference": 256, "mixture_rows": 128, "flow_steps": 3},
    },
}
FEW = ("lj-equilibrium", "lj-size-beta", "lj-probing", "lj-generate")


def tiny():
    """Some parts of the study of the fluid, much too small to find anything."""
    study = load("lj-fluid").with_preset("quick")
    study = study.model_copy(update={"presets": {"tiny": TINY}}).with_preset("tiny")
    parts = {part.name: part for part in study.parts if part.name in FEW}
    parts["lj-size-beta"] = parts["lj-size-beta"].model_copy(update={"arms": {"sizes": ("size-2", "size-5")}})
    arms = [name for part in parts.values() for name in part.arm_names]
    return study.model_copy(
        update={
            "parts": tuple(parts.values()),
            "answer": ("lj-generate",),
            "arms": tuple(arm for arm in study.arms if arm.name in arms),
            "datasets": {"source-protocol": study.datasets["source-protocol"]},
        }
    )


@pytest.fixture(scope="module")
def finished(here, tmp_path_factory):
    out, study = tmp_path_factory.mktemp("study"), tiny()
    return study, run_study(study, "tiny", out, workers=1), out


def test_results_hold_every_part_and_every_published_number(finished):
    study, done, out = finished
    results = json.loads((out / "results.json").read_text())
    assert set(results["parts"]) == {part.name for part in study.parts}
    assert set(results["arms"]) == {"told", "plain", "corner-told", "coordinates", "size-2", "size-5"}
    assert (results["preset"], results["rows"], results["store"]) == ("tiny", 256, done.store.id)
    expected = [(part.name, e.path, e.value) for part in study.parts for e in part.expected]
    assert [(e["part"], e["path"], e["source"]) for e in results["expected"]] == expected
    energies = [e for e in results["expected"] if e["path"].startswith("ours.levels.0")]
    assert energies[0]["ours"] == results["parts"]["lj-equilibrium"]["ours"]["levels"][0]["energy"]
    assert energies[0]["agrees"] is (abs(energies[0]["ours"] + 13.991) <= 0.25)


def test_numbers_are_of_the_shapes_that_were_asked(finished):
    _, done, _ = finished
    numbers = done.results["parts"]
    assert numbers["lj-size-beta"]["sizes"] == [2, 5]
    assert np.shape(numbers["lj-size-beta"]["error"]) == (2, 4)
    assert [level["gravity"] for level in numbers["lj-generate"]["drawn"]["told, prior"]["levels"]] == GRAVITY
    drawn = set(numbers["lj-generate"]["drawn"]) - {"told, flow"}  # needs zuko
    assert drawn == {"told, prior", "told, mixture", "plain, prior", "corner-told, prior"}
    assert all(part["cpu_seconds"] > 0 for part in numbers.values())


def test_a_second_call_makes_again_what_is_gone(finished, tmp_path):
    study, done, first = finished
    out = tmp_path / "again"
    shutil.copytree(first, out)
    shutil.rmtree(out / "runs" / "plain")
    kept = {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")}
    again = run_study(study, "tiny", out, workers=1)
    assert len(kept) == 2 + 5 + 4
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert again.results["parts"] == done.results["parts"]


class Links(HTMLParser):
    """What a page would load or run."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)
        self.found += re.findall(r"@import|url\((?![\"']?(?:data:|#))", html)

    def handle_starttag(self, tag, attributes):
        targets = [value or "" for name, value in attributes if name in ("src", "href", "data", "action", "srcset")]
        self.found += [tag] * (tag == "script") + [t for t in targets if not t.startswith(("data:", "#"))]


#: constants of the page's sentences: core, active latents in nats, largest Jensen-Shannon distance, intervals; T
CONSTANTS = (0.8, 0.05, 0.833, 0.95, 10.0, 0.75)


@pytest.fixture(scope="module")
def page(finished):
    _, done, out = finished
    return study_page(done, out)


def test_the_page_opens_with_the_answer_and_shows_every_part(finished, page):
    study, _, _ = finished
    assert page.answer[0].startswith(("Yes, in", "No, in", "Cannot be told, in"))
    assert [type(item).__name__ for item in page.opening] == ["Figure", "Table"]
    assert len(page.opening[1].columns) == 6
    assert [plain(cell[0].text) for cell in page.opening[1].cells][-2:] == [
        "γ given, sorted from a corner as by LCP-B group 9",
        "Monte Carlo in equilibrium",
    ]
    titles = [section.title for section in page.sections]
    assert [title for title in titles if title in {part.title for part in study.parts}] == [
        p.title for p in study.parts
    ]
    recorded = sum(part.recorded is not None for part in study.parts)
    assert sum(fold.recorded for section in page.sections for fold in section.folds) == recorded > 0


def test_a_run_of_the_preset_of_an_earlier_one_does_not_show_what_that_found(finished, undrawn):
    study, done, out = finished
    answers = [a for a in done.answers if a.part.name in study.answer]
    assert all(a.part.recorded for a in answers)
    sections = study_page(done._replace(preset="full", answers=answers), out).sections
    assert not any(fold.recorded for section in sections for fold in section.folds)


def test_the_page_needs_nothing_beside_it(page):
    html = render(replace(page, sections=page.sections[-1:]))
    assert Links(html).found == []
    for words in ("sha256", "beable study run lj-fluid", "@misc"):
        assert words in unescape(html)


@pytest.mark.slow  # the pages of the other systems, which have the same form, are looked at as well
@in_a_browser
def test_nobody_is_kept_from_reading_the_page(page, blank, tmp_path):
    """All of it unfolded; how pictures are drawn is looked at where they are."""
    assert complaints(tmp_path, render(page)) == []


def test_every_number_of_the_page_is_from_its_results(finished, page, undrawn):
    study, done, out = finished
    hints = {part.name: Context(study, part, out).code.answer for part in study.parts}
    answers = [a._replace(answer=moved(a.answer, hints[a.part.name], GRAVITY)) for a in done.answers]
    results = results_of(done.study, done.preset, done.store, done.runs, answers)
    other = study_page(done._replace(answers=answers, results=results), out)
    assert "\n".join(foreign(page, other, done, CONSTANTS)) == ""


@pytest.mark.parametrize(
    "html",
    [
        '<img alt="" src="picture.png">',
        "<script>1</script>",
        "<link href=//a.test/x.css>",
        "<style>@import 'x'</style>",
    ],
)
def test_what_a_page_would_load_is_noticed(html):
    assert Links(html).found


EXACT = {"reference": 1024, "rounds": 12, "latent_rounds": 12, "annealing_steps": 10, "draws": 48}


PROPOSALS = {"draws": 60, "reference": 1024, "sizes": [3], "sweeps": 30, "flow_rows": 80, "flow_steps": 5, "rounds": 20}


def quickest(arm):
    """An arm that takes few steps, whatever its members, and few channels where it keeps the grid."""
    narrow = {"channels": [4, 4], "decoder_channels": [4, 4, 4]}
    images = arm.name == "matrix-images" or arm.name.startswith("deck")
    model = narrow if images else {} if arm.name == "points" else {"width": 8}
    particles = {"objective": {"particles": {"box": 4.0}}} if arm.name.startswith("space") else {}
    return {"training": {"steps": 30, "batch": 32}, "model": model, **particles}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::beable.errors.HeldOutWarning")  # rows 20 sweeps apart are alike
def test_every_part_of_the_study_runs(tmp_path):
    study = load("lj-fluid").with_preset("quick")
    rows = {part.name: {k: min(v, 200) for k, v in part.options.items() if type(v) is int} for part in study.parts}
    tiny_everywhere = {
        "data": {"rows": 1024, "settings": TINY_FLUID | {"particles": 30, "gravity": [0.1, 0.4, 0.7, 1.0]}},
        "datasets": {
            "source-protocol": {"rows": 64, "settings": {"sweeps": 40}},
            "unseen": {"rows": 200, "settings": {"sweeps": 100, "spacing": 20}},
            "fake": {"rows": 200, "settings": {"sweeps": 100, "spacing": 20}},
            "other-gravities": {"rows": 192, "settings": {"sweeps": 100, "spacing": 20}},
            "space-*": {"rows": 96, "settings": {"particles": 8, "box": 4.0, "sweeps": 60, "spacing": 20}},
        },
        "arms": {arm.name: quickest(arm) for arm in study.arms},
        "parts": rows | {"lj-generate": TINY["parts"]["lj-generate"], "lj-exact": EXACT, "lj-proposals": PROPOSALS},
    }
    study = study.model_copy(update={"presets": {"tiny": tiny_everywhere}}).with_preset("tiny")
    done = run_study(study, "tiny", tmp_path, workers=1)
    assert {part.name for part in study.parts} > set(FEW)
    assert [a.part.name for a in done.answers] == [part.name for part in study.parts]
    assert len(done.results["expected"]) == sum(len(part.expected) for part in study.parts)
    json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert Links(render(study_page(done, tmp_path))).found == []
