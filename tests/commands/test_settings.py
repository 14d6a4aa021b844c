"""Settings on the command line: every verb has those of its model, with one description and one error for each."""

import inspect
import json
import re
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from rich.console import Console

from beable.commands import cli
from beable.commands.training import FIT, OPTIONS
from beable.console.options import options_of
from beable.console.settings import given, value_of
from beable.datasets.store import Store
from beable.errors import UsageError
from beable.representations import REPRESENTATIONS, make
from beable.representations.settings import RepresentationSettings
from beable.settings import bare, members, validated
from beable.system import SYSTEMS
from beable.systems.darcy.factor_laws import LAWS, WIDTHS
from beable.systems.darcy.factor_laws import options_of as options_of_law
from beable.systems.darcy.karhunen_loeve import QUADRATURES
from beable.systems.darcy.settings import OF_LAWS, DarcySettings
from beable.systems.darcy.simulator import SCHEMES, WELL_EDGES
from beable.training.settings import RunSettings
from beable.vae.objectives import SCALES
from beable.vae.priors import PRIORS
from beable.vae.settings import ModelSettings, ObjectiveSettings

EVERY = [(name, option) for name in SYSTEMS for option in options_of(SYSTEMS.settings(name))]
#: any word may stand where a word is asked for
TYPED = [(name, option) for name, option in EVERY if option.hints[0] is not str]
systems = pytest.mark.parametrize("name", SYSTEMS)


@systems
def test_settings_are_known_without_the_simulator(name):
    assert SYSTEMS.settings(name) is SYSTEMS.simulator(name).Settings


def explained(text):
    """What a help tells of each option: the lines of its right column joined, which a narrow terminal breaks."""
    found, name, column = {}, "", 0
    for line in text.splitlines():
        if first := re.match(r"│[ *]*(?:-\w )?--([\w.-]+).*?  +(?=\S)", line):
            name, column = first[1], first.end()
        found[name] = f"{found.get(name, '')} {line[column:].rstrip(' │')}".lstrip()
    return found


@pytest.mark.parametrize("width", [60, 80, 200])
def test_help_is_read_at_any_width(width, capsys):
    cli.app(["fit", "--help"], console=Console(width=width), result_action="return_value")
    told = explained(capsys.readouterr().out)
    assert [option.name for option in OPTIONS if option.about.description not in told[option.name]] == []


@systems
def test_help_describes_every_setting(beable, name):
    code, out, _ = beable("simulate", name, "--help")
    assert code == 0
    told = explained(out)
    for option in options_of(SYSTEMS.settings(name)):
        _, described, rest = told[option.name].partition(option.about.description)
        assert described
        for choice in get_args(option.hints[0]) if get_origin(option.hints[0]) is Literal else ():
            assert str(choice) in rest.partition("[choices:")[2].partition("]")[0]


@pytest.mark.parametrize(("name", "option"), TYPED, ids=[f"{name} {option.name}" for name, option in TYPED])
def test_a_value_of_another_kind_is_refused_alike_in_python_and_on_the_command_line(beable, tmp_path, name, option):
    tree = "wrong"
    for part in reversed(option.path):
        tree = {part: tree}
    with pytest.raises(UsageError) as refusal:
        SYSTEMS.simulator(name)(**tree)
    text = str(refusal.value)
    assert "\n" not in text
    assert option.path[-1] in text
    assert "wrong" in text
    code, out, err = beable(
        "simulate", name, "--rows", 3, "-o", tmp_path / "d", "--set", f"{'.'.join(option.path)}=wrong"
    )
    assert (code, out, err) == (2, "", f"beable: {text}\n")


@systems
@pytest.mark.parametrize("end", ["", "x"])
def test_an_unknown_name_comes_with_the_nearest(beable, tmp_path, name, end):
    first = next(iter(SYSTEMS.settings(name).model_fields))
    typed = f"{first[:-1]}{end}"
    with pytest.raises(UsageError) as refusal:
        SYSTEMS.simulator(name)(**{typed: 3})
    assert str(refusal.value).startswith(f"unknown setting of {name} '{typed}': did you mean '{first}'? known: ")
    code, _, err = beable("simulate", name, "--rows", 3, "-o", tmp_path / "d", "--set", f"{typed}=3")
    assert (code, err) == (2, f"beable: {refusal.value}\n")


def test_an_option_wins_over_a_word_and_a_word_over_the_file(beable, tmp_path):
    (tmp_path / "some.toml").write_text("grid = 11\nmodes = 4\nlength = 0.3\n")
    words = ("--config", tmp_path / "some.toml", "--set", "grid=9", "modes=3", "--modes", 1, "--workers", 1)
    code, _, err = beable("simulate", "darcy", "--rows", 3, "-o", tmp_path / "d", *words, "--json")
    assert (code, err) == (0, "")
    settings = Store.open(tmp_path / "d").settings
    assert (settings["length"], settings["grid"], settings["modes"]) == (0.3, 9, 1)


def test_words_and_files_make_one_tree(tmp_path):
    (tmp_path / "a.toml").write_text("[model]\nlatents = 3\nwidth = 8\n")
    found = given(tmp_path / "a.toml", ["model.width=16", "training.start=random"])
    assert found == {"model": {"latents": 3, "width": 16}, "training": {"start": "random"}}
    assert [value_of(word) for word in ("1", "1.5", "true", "[1, 2]", "{a = 1}", "ica", "'1'")] == [
        1,
        1.5,
        True,
        [1, 2],
        {"a": 1},
        "ica",
        "1",
    ]


@pytest.mark.parametrize(
    ("content", "words", "text"),
    [
        (None, [], "no such file: check the name"),
        (b"grid = ", [], "mend the file"),
        (b"\xff\xfe", [], "mend the file"),
        (b"", ["grid"], "--set grid: give a name, =, and a value"),
        (b"", ["=3"], "give a name"),
        (b"", ["grid="], "give a name"),
        (b"", ["model..width=3"], "give a name"),
    ],
)
def test_files_and_words_that_are_none_are_refused_in_one_line(tmp_path, content, words, text):
    if content is not None:
        (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(UsageError) as refusal:
        given(tmp_path / "a.toml", words)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


# Choices are those of the dictionaries that hold what they stand for


def choices(model, name):
    about = model.model_fields[name]
    return [word for hint in members(about.annotation) for word in get_args(bare(hint))]


@pytest.mark.parametrize(
    ("model", "name", "known"),
    [
        (DarcySettings, "factors", LAWS),
        (DarcySettings, "width_is", WIDTHS),
        (DarcySettings, "quadrature", QUADRATURES),
        (DarcySettings, "scheme", SCHEMES),
        (DarcySettings, "well_edge", WELL_EDGES),
        (ModelSettings, "prior", PRIORS),
        (ObjectiveSettings, "scale", SCALES),
    ],
)
def test_choices_are_those_that_exist(model, name, known):
    assert set(choices(model, name)) == set(known)


def test_the_options_of_the_laws_are_settings():
    assert set(OF_LAWS) == {option for law in LAWS for option in options_of_law(law)}


MODELS = {bare(part).model_fields["kind"].default: bare(part) for part in members(RepresentationSettings)}


def test_every_representation_has_settings():
    assert set(MODELS) == {"auto", *REPRESENTATIONS}


@pytest.mark.parametrize("kind", REPRESENTATIONS)
def test_a_representation_has_the_settings_of_its_model_with_their_defaults(kind):
    own = {n: p.default for n, p in inspect.signature(REPRESENTATIONS[kind]).parameters.items()}
    fields = {n: f for n, f in MODELS[kind].model_fields.items() if n != "kind"}
    assert list(own) == list(fields)
    for name, about in fields.items():
        assert about.is_required() == (own[name] is inspect.Parameter.empty)
        assert about.is_required() or about.default == own[name]


# A run


def test_fit_has_an_option_for_what_is_chosen_often(beable):
    code, out, _ = beable("fit", "--help")
    assert code == 0
    told = explained(out)
    for option in OPTIONS:
        assert option.about.description in told[option.name]
    for name, shown in {"latents": "2", "prior": "standard", "steps": "4000", "start": "ica", "beta": "1"}.items():
        assert f"[default: {shown}]" in told[name]
    assert {option.name for option in OPTIONS} == set(FIT)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"model": {"latent": 2}}, "unknown setting 'model.latent': did you mean 'model.latents'"),
        ({"model": {"latents": 0}}, "model.latents must be at least 1, not 0"),
        ({"model": {"prior": "standart"}}, "unknown model.prior 'standart': did you mean 'standard'"),
        ({"representation": {"kind": "mods"}}, "unknown representation.kind 'mods': did you mean 'modes'"),
        (
            {"representation": {"kind": "modes", "enrgy": 1}},
            "unknown setting 'representation.enrgy': did you mean 'representation.energy'",
        ),
        ({"representation": {"kind": "density"}}, "representation.cells is missing: set it"),
        ({"objective": {"beta": {"kind": "linear", "stepz": 3}}}, "did you mean 'objective.beta.steps'"),
        ({"training": {"learning_rate": -1.0}}, "training.learning_rate must be greater than 0, not -1.0"),
        ({"model": {"squashed": "soft"}}, "model.squashed must be true or false or 'softmax', not 'soft'"),
        ({"model": {"scaled": 3}}, "model.scaled must be true or false or 'alike', not 3"),
        ({"training": {"learning_rate": [0.1]}}, "1 learning rates for 16 members"),
    ],
)
def test_settings_of_a_run_are_refused_in_one_line(tree, text):
    with pytest.raises(UsageError) as refusal:
        validated(RunSettings, tree)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"representation": {"kind": "modes", "energy": 0.999}},
        {"representation": {"kind": "density", "cells": 4, "box": 10.0}, "model": {"conditions": ["gravity"]}},
        {"objective": {"beta": {"beta": [0.1, 1.0], "each": 2}}},
    ],
)
def test_a_record_of_a_run_holds_the_representation_as_it_was_given(tree):
    settings = validated(RunSettings, tree)
    record = json.loads(settings.model_dump_json())
    assert record["representation"] == tree.get("representation", {"kind": "auto"})
    again = RunSettings.model_validate_json(json.dumps(record))
    assert again == settings
    assert json.loads(again.model_dump_json()) == record


def test_a_representation_is_made_of_its_record():
    tree = {"representation": {"kind": "modes", "energy": np.float64(0.9)}}
    record = json.loads(validated(RunSettings, tree).model_dump_json())
    assert make(**record["representation"]).settings()["energy"] == 0.9
