"""The page of settings of a study is strict, presets change what they name, and a part is a study of its own."""

import math
import re
from functools import cache

import pytest

from beable.errors import UsageError
from beable.studies.context import number_at
from beable.studies.study import PublishedNumber, load, merged, names, parse, tree_of

STUDIES = {name: load(name) for name in names()}
PARTS = [(study, part) for study in STUDIES.values() for part in study.parts]

# Published numbers


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
    said = PublishedNumber(path="a", value=1.0, relation=relation, tolerance=tolerance, words="one")
    assert said.agrees(ours) is agrees


@pytest.mark.parametrize(
    ("relation", "ours"), [("equal", 1.25), ("equal", 0.85), ("at least", 0.85), ("at most", 1.15)]
)
def test_a_number_near_the_limit_for_its_standard_error_cannot_be_told(relation, ours):
    said = PublishedNumber(path="a", value=1.0, relation=relation, tolerance=0.1, words="one")
    assert said.agrees(ours, error=0.1) is None
    assert said.agrees(ours, error=None) is None
    assert said.agrees(ours, error=0.01) is said.agrees(ours) is not None


def test_words_without_a_number_neither_agree_nor_differ():
    assert PublishedNumber(path="a", words="it falls").agrees(3.0) is None


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
def test_a_published_number_is_found_by_its_keys(path, found):
    assert number_at(NUMBERS, path) == found


# Mistakes

OF_DARCY = {
    "steps = 40": ("stepps = 40", "stepps"),
    'name = "ours"': ('name = "Ours!"', "arms.0.name"),
    "width = 8": ("width = -8", "width"),
    "rows = 60": ("rows = 1", "data.rows"),
    'arm = "theirs"': ('arm = "their"', "did you mean 'theirs'"),
    "batch = 16": ("batch = 16\nlearning_rate = nan", "learning_rate"),
    'source = "nobody"': ('source = "nobody"\ncolour = "red"', "colour"),
    "count = 25": ("count = 25\ncount = 26", "Cannot overwrite"),
    '"theirs", "ica"]': ('"theirs", "icca"]', "did you mean 'ica'"),
}
OF_FLUID = {
    'probed = "two"': ('probed = "tow"', "did you mean 'two'"),
    "two = { model": ("tow = { model", "did you mean 'two'"),
    "walk = { rows = 10 }": ("wlak = { rows = 10 }", "did you mean 'walk'"),
    'measure = "probing"': ('measure = "probing"\ncolour = "red"', "parts.0.colour"),
    'path = "strongest.energy"': ('path = "strongest.energy"\nrelation = "near"', "parts.0.expected.0.relation"),
    'words = "nothing"': ('words = "nothing"\ntolerance = -1', "tolerance"),
    'name = "still"': ('name = "Still!"', "parts.1.name"),
    "rows = 32\nsettings": ("rows = 1\nsettings", "datasets.other.rows"),
    'datasets = ["other"': ('datasets = ["othr"', "did you mean 'other'"),
    "datasets = { other": ("datasets = { othr", "did you mean 'other'"),
    "steps = 50": ("stepps = 50", "stepps"),
}


def noticed(text, right, wrong, words):
    assert right in text
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        parse(text.replace(right, wrong), "small")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("right", OF_DARCY)
def test_a_mistake_is_named_by_its_place(small_darcy, right):
    noticed(small_darcy, right, *OF_DARCY[right])


@pytest.mark.parametrize("right", OF_FLUID)
def test_a_mistake_about_data_parts_or_presets_is_named_by_its_place(small_fluid, right):
    noticed(small_fluid, right, *OF_FLUID[right])


@pytest.mark.parametrize("kind", ["arms", "parts"])
def test_a_study_needs_arms_and_parts(small_fluid, kind):
    first = small_fluid.index(f"[[{kind}]]")
    last = small_fluid.index("[[parts]]" if kind == "arms" else "[presets.quick]")
    text = small_fluid[:first] + small_fluid[last:].split("[presets")[0].replace('arms = { probed = "two" }\n', "")
    with pytest.raises(UsageError, match=rf"{kind}: (at least one is needed|Field required)"):
        parse(text, "small")


def test_unknown_studies_parts_and_presets_are_named_with_the_nearest(small_darcy):
    with pytest.raises(UsageError, match="did you mean 'darcy-mixture'"):
        load("darcy-mixtur")
    with pytest.raises(UsageError, match="did you mean 'lj-probing'"):
        load("lj-probin")
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        parse(small_darcy, "small").with_preset("quik")


# Presets and overrides


def test_merging_leaves_the_other_branches():
    assert merged({"a": {"b": 1, "c": {"d": 2}}, "e": 3}, {"a": {"c": {"f": 4}}}) == {
        "a": {"b": 1, "c": {"d": 2, "f": 4}},
        "e": 3,
    }


def test_a_preset_overrides_data_runs_arms_and_parts_and_nothing_else(small_fluid):
    whole = parse(small_fluid, "small")
    study = whole.with_preset("quick")
    assert (study.data.rows, study.datasets["other"].rows) == (32, 16)
    assert study.datasets["other"].settings == {"gravity": 3.0}
    one, two = (study.settings(arm) for arm in study.arms)
    assert (one.training.steps, two.training.steps, one.training.members, two.training.members) == (50, 20, 2, 2)
    assert (one.model.latents, two.model.latents, two.model.width) == (2, 7, 9)
    assert study.parts[0].options == {"rows": 10}
    assert study.parts[1] == whole.parts[1]
    assert whole.data.rows == 64


def test_overrides_are_those_of_a_preset(small_fluid):
    study = parse(small_fluid, "small")
    assert study.with_overrides(study.presets["quick"]) == study.with_preset("quick")
    with pytest.raises(UsageError, match="unknown entry of arms in study small 'tow': did you mean 'two'"):
        study.with_overrides({"arms": {"tow": {}}})
    with pytest.raises(UsageError, match=r"data\.rwos"):
        study.with_overrides({"data": {"rwos": 9}})


# The studies that come with beable


@pytest.mark.parametrize("name", names())
def test_every_study_parses_with_every_preset_and_arm(name):
    study = load(name)
    assert any((*part.expected, *part.counts) for part in study.parts), "a study compares its source's numbers"
    for preset in study.presets:
        chosen = study.with_preset(preset)
        assert [chosen.settings(arm).training.members for arm in chosen.arms]
    assert {"quick", "full"} <= set(study.presets)


@cache
def with_settings(name, preset):
    """A study with a preset, and the settings of its arms."""
    study = next(study for study in STUDIES.values() if study.name == name).with_preset(preset)
    return study, {arm.name: study.settings(arm) for arm in study.arms}


@pytest.mark.parametrize(("study", "part"), PARTS, ids=[part.name for _, part in PARTS])
def test_a_part_is_a_study_of_its_own(study, part, monkeypatch):
    """Studies are parsed once for all their parts: above."""
    monkeypatch.setattr("beable.studies.study.parse", lambda texts, name: STUDIES[name])
    alone = load(part.name)
    assert alone == study.part(part.name)
    assert (alone.name, alone.title, alone.parts) == (part.name, part.title, (part,))
    assert [arm.name for arm in alone.arms] == [arm.name for arm in study.arms if arm.name in part.arm_names]
    for preset in study.presets:
        chosen, (whole, settings) = alone.with_preset(preset), with_settings(study.name, preset)
        assert chosen.parts == tuple(p for p in whole.parts if p.name == part.name)
        assert [chosen.settings(arm) for arm in chosen.arms] == [
            settings[arm.name] for arm in whole.arms if arm.name in part.arm_names
        ]


def test_names_of_parts_and_studies_are_all_different():
    known = [*STUDIES, *(part.name for _, part in PARTS)]
    assert len(known) == len(set(known))


# Several files


def test_files_of_a_study_are_joined():
    first, second = "parts = [1]\n[presets.quick]\nrun.a = 1", "parts = [2]\n[presets.quick]\nrun.b = 2"
    assert tree_of([first, second], "mine") == {"parts": [1, 2], "presets": {"quick": {"run": {"a": 1, "b": 2}}}}


def test_two_files_of_a_study_cannot_give_one_value():
    with pytest.raises(UsageError, match="two of its files give title: leave it in one"):
        tree_of(['title = "a"', 'title = "a"'], "mine")


def test_a_preset_may_change_all_arms_of_a_kind_of_name():
    study = load("lj-fluid")
    names = [arm.name for arm in study.arms if arm.kind == "vae"]
    changed = study.with_overrides({"arms": {"*": {"training": {"steps": 7}}, names[0]: {"training": {"steps": 9}}}})
    steps = [changed.settings(arm).training.steps for arm in changed.arms if arm.kind == "vae"]
    assert steps == [9, *[7] * (len(names) - 1)]


def test_a_pattern_that_fits_nothing_is_refused():
    with pytest.raises(UsageError, match="unknown entry of arms"):
        load("lj-fluid").with_overrides({"arms": {"nothing-*": {"training": {"steps": 7}}}})
