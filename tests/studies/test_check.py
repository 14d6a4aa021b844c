"""What a study names is there before anything runs: systems, sources, parts, roles, options, data sets, paths."""

import re
from functools import cache

import pytest

from beable.errors import UsageError
from beable.studies.check import check
from beable.studies.codec import check_type
from beable.studies.part import Part, parts_of
from beable.studies.run import run_study
from beable.studies.study import PartSettings, load, names, parse
from beable.system import SYSTEMS, System

loaded = cache(load)
EVERY = [(system, name, part) for system in SYSTEMS for name, part in parts_of(system).items()]


@pytest.mark.parametrize("name", names())
def test_everything_that_a_study_names_is_there(name):
    study = loaded(name)
    for preset in study.presets:
        check(study.with_preset(preset))


@cache
def measures(system):
    """What the studies of a system ask."""
    return {part.measure for study in map(loaded, names()) if study.system == system for part in study.parts}


@pytest.mark.parametrize(("system", "name", "part"), EVERY, ids=[name for _, name, _ in EVERY])
def test_every_part_of_a_system_is_asked_by_a_study_and_its_answer_can_be_kept(system, name, part):
    assert name in measures(system)
    check_type(part.answer)


MISTAKES = {
    'measure = "probing"': ('measure = "probin"', "unknown measure of part walk 'probin': did you mean 'probing'"),
    'probed = "two"': ('probd = "two"', "unknown role of an arm in part walk 'probd': did you mean 'probed'"),
    'arms = { probed = "two" }': ("", "part walk: arms: the role probed is missing"),
    "{ rows = 100 }": ("{ rws = 100 }", "unknown option of part walk 'rws': did you mean 'rows'"),
    "rows = 100": ('rows = "many"', "part walk: rows must be like 2000, not 'many'"),
    'datasets = ["other", "source-protocol"]': (
        'datasets = ["other"]',
        "part still: datasets: source-protocol is missing",
    ),
    'label = "second"': ('label = "second"\nkind = "linear"', "part walk: probing needs trained arms"),
    'path = "strongest.energy"': (
        'path = "arms.one.best"',
        "unknown arm in the path 'arms.one.best' of part walk 'one'",
    ),
    'simulator = "lennard-jones"\nrows = 64': (
        'simulator = "lenard-jones"\nrows = 64',
        "unknown simulator 'lenard-jones': did you mean 'lennard-jones'",
    ),
    "gravity = 3.0": ("gravty = 3.0", "'gravty': did you mean 'gravity'"),
    'source-protocol]\nsimulator = "lennard-jones"': (
        'source-protocol]\nsource = "subset"\nof = "data"',
        "unknown data source of lennard-jones 'subset'",
    ),
    '[data]\nsimulator = "lennard-jones"': (
        '[data]\nsimulator = "darcy"',
        "unknown measure of part walk 'probing': known: ablation, ",
    ),
    "[[parts.expected]]": (
        '[[parts.counts]]\narm = "two"\nmeasure = "good"\ncount = 1\ntrials = 2\nwords = "some"\n[[parts.expected]]',
        "unknown count of part walk 'good'",
    ),
}


@pytest.mark.parametrize("right", MISTAKES)
def test_a_mistake_is_named_before_anything_is_made(small_fluid, right, tmp_path):
    wrong, words = MISTAKES[right]
    assert small_fluid.count(right) >= 1
    study = parse(small_fluid.replace(right, wrong, 1), "small")
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        run_study(study, "full", tmp_path / "out", workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


ROLES = {
    "many for one": ({"one": ["a", "b"], "many": ["a"]}, "one must be one arm"),
    "one for many": ({"one": "a", "many": "b"}, "many must be a list"),
    "none": ({"one": "a", "many": []}, "many must be a list"),
}


@pytest.mark.parametrize("case", ROLES)
def test_a_role_is_for_one_arm_or_for_many(small_fluid, case, monkeypatch):
    arms, words = ROLES[case]
    study = parse(small_fluid.replace('"one"', '"a"').replace('"two"', '"b"').split("[presets")[0], "small")
    part = PartSettings(name="p", title="", question="", measure="m", arms=arms)
    code = Part(lambda context: None, lambda answer: [], roles={"one": "one", "many": "many", "open": "optional"})
    monkeypatch.setattr("beable.studies.part.parts_of", lambda system: {"m": code})
    with pytest.raises(UsageError, match=f"part p: arms: {words}"):
        check(study.model_copy(update={"parts": (part,)}))


def test_an_option_has_the_type_of_its_default():
    options = {"rows": 2000, "share": 0.5, "words": ["a"], "sample": True}
    code = Part(lambda context: None, lambda answer: [], options=options)
    given = {"rows": 10, "share": 1}
    part = PartSettings(name="p", title="", question="", measure="m", options=given)
    assert {name: code.option(part, name) for name in options} == options | given
    for name, wrong in (("rows", "10"), ("rows", True), ("share", ["a"]), ("words", "a"), ("sample", 1)):
        with pytest.raises(UsageError, match=f"part p: {name} must be like ") as caught:
            code.option(part.model_copy(update={"options": {name: wrong}}), name)
        assert "\n" not in str(caught.value)


def test_a_system_without_parts_is_named(monkeypatch):
    monkeypatch.setitem(SYSTEMS._all, "bare", System("A system.", "bare:Bare"))
    with pytest.raises(UsageError, match="system bare has no parts of studies"):
        parts_of("bare")
