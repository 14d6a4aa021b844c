"""Every option of every verb: no fraction for a whole number, no infinity, no name twice, no size that cannot fit."""

from typing import get_args, get_origin

import pytest
from cyclopts import Token

from beable import memory
from beable.commands import cli
from beable.commands.training import OPTIONS
from beable.console.options import options_of
from beable.console.parameters import MOST_PROCESSES
from beable.errors import UsageError
from beable.settings import bare, leaves, validated
from beable.system import SYSTEMS
from beable.training.settings import RunSettings
from beable.training.size import refuse_too_large

#: settings as trees, by the model that has them
MODELS = {"fit": RunSettings, **{name: SYSTEMS.settings(name) for name in SYSTEMS}}
SETTINGS = [
    (name, option)
    for name, model in MODELS.items()
    for option in options_of(model)
    if option.path[0] != "representation"  # whose kind the data decide, and then what it may be
]


def arguments(app=cli.app, words=""):
    """Each argument of each verb."""
    for name in app:
        if not name.startswith("-"):
            verb = app[name]
            if verb.default_command is not None:
                yield from ((f"{words}{name}", argument) for argument in verb.assemble_argument_collection())
            yield from arguments(verb, f"{words}{name} ")


ARGUMENTS = list(arguments())
NUMBERS = [(verb, a) for verb, a in ARGUMENTS if a.hint in (int, float) or get_args(a.hint)[:1] in ((int,), (float,))]


def read(argument, word):
    return argument.parameter.converter(argument.hint, [Token(value=word)])


def test_numbers_of_verbs_are_found():
    assert {"--rows", "--workers", "--seed", "--threads", "--betas"} <= {a.name for _, a in NUMBERS}
    assert len(NUMBERS) > 20


@pytest.mark.parametrize("word", ["2.5", "1e3", "nan", "inf", "", "-1", "0x10", "٣", "9" * 30])
def test_a_whole_number_is_one(word):
    taken = [(verb, a.name) for verb, a in NUMBERS if a.hint is int and accepts(a, word)]
    assert taken == []


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999", "x"])
def test_a_number_is_finite(word):
    assert [(verb, a.name) for verb, a in NUMBERS if a.hint is not int and accepts(a, word)] == []


def test_every_number_of_a_list_is_one():
    lists = [a for _, a in NUMBERS if a.hint is not int and get_args(a.hint)[:1] == (float,)]
    assert lists
    for argument in lists:
        with pytest.raises(ValueError, match="not 'x'"):
            argument.parameter.converter(argument.hint, [Token(value="1"), Token(value="x"), Token(value="2")])


def accepts(argument, word):
    try:
        read(argument, word)
    except ValueError:
        return False
    return True


def test_workers_and_threads_are_as_many_as_a_machine_can_have():
    several = [a for _, a in NUMBERS if a.name in ("--workers", "--threads")]
    assert len(several) > 4
    for argument in several:
        assert read(argument, "3") == 3
        for word in ("0", str(MOST_PROCESSES + 1)):
            assert not accepts(argument, word)


def tree(option, value):
    for name in reversed(option.path):
        value = {name: value}
    return value


def is_whole(option):
    return bare(option.hints[0]) is int


@pytest.mark.parametrize("value", [2.5, float("nan"), float("inf"), "x", True, [1, [2]], {"a": 1}, -(10**30)])
def test_a_whole_setting_is_one(value):
    whole = [(name, option) for name, option in SETTINGS if is_whole(option)]
    assert len(whole) > 30
    assert [(name, option.name) for name, option in whole if takes(MODELS[name], option, value)] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", [["a"]]])
def test_a_setting_that_is_a_number_is_finite(value):
    numbers = [(name, option) for name, option in SETTINGS if bare(option.hints[0]) is float]
    assert len(numbers) > 30
    assert [(name, option.name) for name, option in numbers if takes(MODELS[name], option, value)] == []


def takes(model, option, value):
    """Whether a setting takes a value as its own."""
    try:
        made = validated(model, tree(option, value))
    except UsageError:
        return False
    return ".".join(option.path) in dict(leaves(made.model_dump()))


def test_names_stand_there_once():
    lists = [o for o in OPTIONS if get_origin(bare(o.hints[0])) is tuple and bare(get_args(bare(o.hints[0]))[0]) is str]
    assert {"variables", "conditions", "labels", "group"} <= {option.name for option in lists}
    assert [option.name for option in lists if takes(RunSettings, option, ["p", "T", "p"])] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"latents": 10**12}},
        {"model": {"width": 10**9}},
        {"model": {"depth": 10**12}},
        {"model": {"hidden": [10**6, 10**6]}},
        {"model": {"prior": "mixture", "prior_options": {"components": 10**12}}},
        {"model": {"quantised": 10**13}},
        {"training": {"members": 10**12}},
    ],
)
def test_a_training_that_fits_nowhere_is_refused(changes):
    with pytest.raises(UsageError, match="of memory"):
        refuse_too_large(validated(RunSettings, changes), 1000)


def test_a_training_that_fits_is_not():
    usual = {"model": {"latents": 20, "width": 512, "depth": 4}, "training": {"members": 32}}
    with memory.allowing("2GB"):
        refuse_too_large(validated(RunSettings, usual), 10_000, 1000)
