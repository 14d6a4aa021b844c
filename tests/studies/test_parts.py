"""A study of several questions: its page of settings, its parts, and the whole way to its report."""

import json
import math
import re
import shutil
from concurrent.futures import Future
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from beable.errors import UsageError
from beable.report.of_parts import parts_page
from beable.report.page import render
from beable.studies import parts as running
from beable.studies import run as training
from beable.studies.context import Context, reported_number
from beable.studies.parts import parts_of, run_parts
from beable.studies.study import Part, Reported, load, names, parse

# Reported numbers


@pytest.mark.parametrize(
    ("relation", "tolerance", "ours", "agrees"),
    [
        ("equal", 0.1, 1.05, True),
        ("equal", 0.1, 0.95, True),
        ("equal", 0.1, 1.2, False),
        ("equal", 0.0, 1.0, True),
        ("equal", 0.0, 1.0001, False),
        ("at least", 0.0, 1.0, True),
        ("at least", 0.0, 9.0, True),
        ("at least", 0.0, 0.9, False),
        ("at least", 0.2, 0.9, True),
        ("at most", 0.0, 1.0, True),
        ("at most", 0.0, -9.0, True),
        ("at most", 0.0, 1.1, False),
        ("at most", 0.2, 1.1, True),
        ("equal", 0.1, math.nan, False),
        ("at least", 0.1, math.nan, False),
        ("at most", 0.1, math.nan, False),
        ("other", 0.0, 1.0, None),
    ],
)
def test_a_number_agrees_as_its_relation_says(relation, tolerance, ours, agrees):
    said = Reported(path="a", value=1.0, relation=relation, tolerance=tolerance, words="one")
    assert said.agrees(ours) is agrees


def test_words_without_a_number_neither_agree_nor_differ():
    assert Reported(path="a", words="it falls").agrees(3.0) is None


NUMBERS = {"a": [{"b": 3}, {"b": {"c": 0.5}}], "γ = 3": {"auc": 1.0}, "flag": True}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.0.b", 3),
        ("a.1.b.c", 0.5),
        ("γ = 3.auc", 1.0),
        ("a.2.b", None),
        ("a.-1.b", None),
        ("a.x", None),
        ("a.0.b.c", None),
        ("b", None),
    ],
)
def test_a_reported_number_is_found_by_its_keys(path, found):
    assert reported_number(NUMBERS, path) == found


# The page of settings

SMALL = """
name = "small"
title = "A small study"
source = "nobody"
question = "Does it run?"
[data]
simulator = "lennard-jones"
rows = 64
[further.other]
simulator = "lennard-jones"
rows = 32
settings = { gravity = 3.0 }
[run]
training = { members = 2, steps = 200 }
[[arms]]
name = "one"
label = "first"
[[arms]]
name = "two"
label = "second"
override = { model = { latents = 7 } }
[[parts]]
name = "walk"
title = "A walk"
question = "Where to?"
measure = "probing"
arms = ["two"]
options = { rows = 100, probes = ["logistic"] }
[[parts.expected]]
path = "strongest.energy"
words = "nothing"
[[parts]]
name = "still"
title = "No walk"
question = "Why?"
measure = "equilibrium"
[presets.quick]
data = { rows = 32 }
further = { other = { rows = 16 } }
run = { training = { steps = 50 } }
[presets.quick.arms]
two = { model = { width = 9 }, training = { steps = 20 } }
[presets.quick.parts]
walk = { rows = 10 }
"""


def test_a_preset_overrides_data_runs_arms_and_parts_and_nothing_else():
    study, whole = parse(SMALL, "small").with_preset("quick"), parse(SMALL, "small")
    assert (study.data.rows, study.further["other"].rows) == (32, 16)
    assert study.further["other"].settings == {"gravity": 3.0}
    one, two = (study.settings(arm) for arm in study.arms)
    assert (one.training.steps, two.training.steps, one.training.members, two.training.members) == (50, 20, 2, 2)
    assert (one.model.latents, two.model.latents, two.model.width) == (2, 7, 9)
    assert study.parts[0].options == {"rows": 10, "probes": ["logistic"]}
    assert study.parts[1] == whole.parts[1]
    assert whole.data.rows == 64


MISTAKES = {
    'arms = ["two"]': ('arms = ["tow"]', "did you mean 'two'"),
    "two = { model": ("tow = { model", "did you mean 'two'"),
    "walk = { rows = 10 }": ("wlak = { rows = 10 }", "did you mean 'walk'"),
    'measure = "probing"': ('measure = "probing"\ncolour = "red"', "parts.0.colour"),
    'path = "strongest.energy"': ('path = "strongest.energy"\nrelation = "near"', "parts.0.expected.0.relation"),
    'words = "nothing"': ('words = "nothing"\ntolerance = -1', "tolerance"),
    'name = "still"': ('name = "Still!"', "parts.1.name"),
    "rows = 32\nsettings": ("rows = 1\nsettings", "further.other.rows"),
}


@pytest.mark.parametrize("right", MISTAKES)
def test_a_mistake_is_named_by_its_place(right):
    wrong, words = MISTAKES[right]
    assert right in SMALL
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        parse(SMALL.replace(right, wrong), "small")
    assert "\n" not in str(caught.value)


STUDIES = {name: load(name) for name in names()}
PARTS = [(study, part) for study in STUDIES.values() for part in study.parts]


@pytest.mark.parametrize(("study", "part"), PARTS, ids=[part.name for _, part in PARTS])
def test_a_part_is_a_study_of_its_own(study, part):
    alone = load(part.name)
    assert alone == study.part(part.name)
    assert (alone.name, alone.title, alone.parts) == (part.name, part.title, (part,))
    assert [arm.name for arm in alone.arms] == [arm.name for arm in study.arms if arm.name in part.arms]
    for preset in study.presets:
        chosen, whole = alone.with_preset(preset), study.with_preset(preset)
        assert chosen.parts == tuple(p for p in whole.parts if p.name == part.name)
        assert [chosen.settings(arm) for arm in chosen.arms] == [
            whole.settings(arm) for arm in whole.arms if arm.name in part.arms
        ]


def test_names_of_parts_and_studies_are_all_different():
    known = [*STUDIES, *(part.name for _, part in PARTS)]
    assert len(known) == len(set(known))


@pytest.mark.parametrize(("study", "part"), PARTS, ids=[part.name for _, part in PARTS])
def test_every_part_has_its_measure(study, part):
    assert part.measure in parts_of(load("lj-fluid"))


def test_a_part_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'lj-probing'"):
        load("lj-probin")


def test_an_option_has_the_type_of_its_default(tmp_path):
    study = parse(SMALL, "small")
    part = Part(name="p", title="", question="", measure="", options={"rows": 10, "share": 1, "word": "a", "bad": "1"})
    context = Context(study, part, tmp_path)
    assert (context.option("rows", 2000), context.option("share", 0.5), context.option("none", 7)) == (10, 1, 7)
    assert context.option("word", None) == "a"
    for name, default in (("bad", 2000), ("rows", "logistic"), ("share", ["a"]), ("word", 0.5)):
        with pytest.raises(UsageError, match=f"part p: {name} must be like ") as caught:
            context.option(name, default)
        assert "\n" not in str(caught.value)


def test_a_measure_that_is_not_there_is_named_before_anything_is_made(tmp_path):
    study = parse(SMALL.replace('"probing"', '"probin"'), "small")
    with pytest.raises(UsageError, match="did you mean 'probing'"):
        run_parts(study, "full", tmp_path / "out", workers=1)
    linear = parse(SMALL.replace('label = "first"', 'label = "first"\nkind = "linear"'), "small")
    with pytest.raises(UsageError, match="leave out kind"):
        run_parts(linear, "full", tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


# From nothing to the report

GRAVITY = [0.1, 0.4, 0.7, 1.0]
TINY_FLUID = {"gravity": GRAVITY, "sweeps": 100, "spacing": 20}
TINY_TRAINING = {"members": 1, "steps": 30, "batch": 32}
SIZES = {"training": {"members": 4, "steps": 30, "batch": 32}, "model": {"width": 8}}
TINY = {
    "data": {"rows": 512, "settings": TINY_FLUID},
    "further": {"source-protocol": {"rows": 64, "settings": {"sweeps": 40}}},
    "run": {"model": {"latents": 4, "width": 8, "depth": 1}, "training": TINY_TRAINING},
    "arms": {
        "told": {"training": TINY_TRAINING},
        "plain": {"training": TINY_TRAINING},
        "coordinates": {"training": TINY_TRAINING},
        "size-2": SIZES,
        "size-5": SIZES,
    },
    "parts": {
        "lj-size-beta": {"rows": 60},
        "lj-probing": {"rows": 60},
        "lj-generate": {"samples": 20, "reference": 256, "mixture_rows": 300},
    },
}
FEW = ("lj-equilibrium", "lj-size-beta", "lj-probing", "lj-generate")


def tiny():
    """Some parts of the study of the fluid, much too small to find anything."""
    study = load("lj-fluid").with_preset("quick")
    study = study.model_copy(update={"presets": {"tiny": TINY}}).with_preset("tiny")
    parts = {part.name: part for part in study.parts if part.name in FEW}
    parts["lj-size-beta"] = parts["lj-size-beta"].model_copy(update={"arms": ("size-2", "size-5")})
    arms = [name for part in parts.values() for name in part.arms]
    return study.model_copy(
        update={
            "parts": tuple(parts.values()),
            "arms": tuple(arm for arm in study.arms if arm.name in arms),
            "further": {"source-protocol": study.further["source-protocol"]},
        }
    )


class Here:
    """Stands for a pool: everything is done at once, in this process."""

    def __init__(self, *words, **more):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, function, *words):
        future = Future()
        future.set_result(function(*words))
        return future

    def shutdown(self, **more):
        pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Trained here, since another process costs seconds; measured in a process of its own, as answers must travel."""
    out, study = tmp_path_factory.mktemp("study"), tiny()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "ProcessPoolExecutor", Here)
        return study, run_parts(study, "tiny", out, workers=1), out


def test_results_hold_every_part_and_every_expected_number(finished):
    study, done, out = finished
    results = json.loads((out / "results.json").read_text())
    assert results == json.loads(json.dumps(done.results, allow_nan=False))
    assert set(results["parts"]) == {part.name for part in study.parts}
    assert set(results["arms"]) == {"told", "plain", "coordinates", "size-2", "size-5"}
    assert (results["preset"], results["rows"], results["store"]) == ("tiny", 512, done.store.id)
    expected = [(part.name, e) for part in study.parts for e in part.expected]
    assert len(results["expected"]) == len(expected) > 8
    for found, (part, e) in zip(results["expected"], expected, strict=True):
        ours = reported_number(results["parts"][part], e.path)
        assert (found["part"], found["path"], found["source"]) == (part, e.path, e.value)
        assert found["ours"] == ours
        assert found["agrees"] == e.agrees(ours)


def test_numbers_are_of_the_shapes_that_were_asked(finished):
    _, done, _ = finished
    numbers = done.results["parts"]
    assert numbers["lj-size-beta"]["sizes"] == [2, 5]
    assert np.shape(numbers["lj-size-beta"]["error"]) == (2, 4)
    assert [level["gravity"] for level in numbers["lj-generate"]["drawn"]["told, prior"]["levels"]] == GRAVITY
    assert {"told, prior", "told, mixture", "plain, prior"} <= set(numbers["lj-generate"]["drawn"])
    assert all(part["cpu_seconds"] > 0 for part in numbers.values())


def without_seconds(results):
    """Results but for what they cost."""
    if isinstance(results, dict):
        return {k: without_seconds(v) for k, v in results.items() if not k.startswith("cpu_seconds")}
    return [without_seconds(v) for v in results] if isinstance(results, list) else results


def test_a_second_call_takes_up_what_is_there_and_makes_again_what_is_not(finished, tmp_path, monkeypatch):
    study, done, first = finished
    out = tmp_path / "again"
    shutil.copytree(first, out)
    shutil.rmtree(out / "runs" / "plain")
    kept = {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")}
    monkeypatch.setattr(running, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(training, "ProcessPoolExecutor", Here)
    again = run_parts(study, "tiny", out, workers=1)
    assert len(kept) == 2 + 4
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert (out / "runs" / "plain" / "manifest.json").exists()
    assert without_seconds(again.results) == without_seconds(done.results)


def test_a_path_that_leads_nowhere_is_the_fault_of_the_file(finished):
    study, done, _ = finished
    answered = done.answers[0]
    part = answered.part.model_copy(update={"expected": (Reported(path="ours.pased", words="a slip"),)})
    with pytest.raises(UsageError, match=r"has no number 'ours\.pased': mend"):
        running.results_of(study, "tiny", done.store, done.runs, [answered._replace(part=part)])


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


def test_the_page_shows_every_part_and_needs_nothing_beside_it(finished):
    study, done, _ = finished
    html = render(parts_page(study, done, "beable study run lj-fluid --preset tiny"))
    assert Links(html).found == []
    text = unescape(html)
    for part in study.parts:
        assert part.title in text
    compared = done.results["expected"]
    for shown in ("agrees", "differs", "met", "missed"):
        by = "source" if shown in ("agrees", "differs") else "goal"
        agrees = shown in ("agrees", "met")
        count = sum(e["by"] == by and e["agrees"] is agrees for e in compared)
        assert len(re.findall(rf">\s*{shown}\s*<", html)) == count, shown
    for words in ("What the source says, or a goal, beside ours", "sha256", "beable study run lj-fluid", "≥ 0.95"):
        assert words in text
    assert html.count("data:image/svg") >= 8


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


def quickest(arm):
    """An arm that takes few steps, whatever its members."""
    return {"training": {"steps": 30, "batch": 32}, "model": {"width": 8} if arm.name != "points" else {}}


@pytest.mark.slow
def test_every_part_of_the_study_runs(tmp_path):
    study = load("lj-fluid").with_preset("quick")
    rows = {part.name: {k: min(v, 200) for k, v in part.options.items() if type(v) is int} for part in study.parts}
    tiny_everywhere = {
        "data": {"rows": 1024, "settings": TINY_FLUID},
        "further": {
            "source-protocol": {"rows": 64, "settings": {"sweeps": 40}},
            "unseen": {"rows": 200, "settings": {"sweeps": 100, "spacing": 20}},
            "fake": {"rows": 200, "settings": {"sweeps": 100, "spacing": 20}},
        },
        "arms": {arm.name: quickest(arm) for arm in study.arms},
        "parts": rows | {"lj-generate": TINY["parts"]["lj-generate"], "lj-exact": EXACT},
    }
    study = study.model_copy(update={"presets": {"tiny": tiny_everywhere}}).with_preset("tiny")
    done = run_parts(study, "tiny", tmp_path, workers=1)
    assert {part.name for part in study.parts} > set(FEW)
    assert [a.part.name for a in done.answers] == [part.name for part in study.parts]
    assert len(done.results["expected"]) == sum(len(part.expected) for part in study.parts)
    json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert Links(render(parts_page(study, done, "beable study run lj-fluid"))).found == []
