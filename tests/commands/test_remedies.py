"""Every way out that a message names exists, and leads out."""

import ast
import inspect
import json
import re
import warnings
from functools import cache
from typing import get_args

import numpy as np
import pytest
from sources import FILES, SOURCE, parsed, walked

from beable.analysis.compare import compare
from beable.commands import cli
from beable.datasets import importing, trajectories
from beable.datasets.generate import generate
from beable.datasets.importing import import_file
from beable.datasets.store import Store
from beable.representations import REPRESENTATIONS
from beable.training.run import RunSettings, train

ROWS = 40
FLAGS = "--latents 1 --members 2 --steps 10 --batch 8 --start pca"


@pytest.fixture
def beable(capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def call(words):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
            code = cli.run(words.split())
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table with a constant column, and fields of which one, and one pixel of the other, is constant."""
    path, rng = tmp_path_factory.mktemp("constant"), np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    table = {"load": a, "flow": 2 * a + b, "probe": np.full(ROWS, 3.0), "pair": np.stack([b, np.full(ROWS, 2.0)], 1)}
    Store.from_arrays(path / "table.zarr", table, {"a": a, "b": b})
    heat = a[:, None, None] * np.sin(np.arange(5)[:, None] + np.arange(4) / 3) + b[:, None, None]
    heat[:, 0, 0] = 1.0
    Store.from_arrays(path / "fields.zarr", {"heat": heat, "wall": np.ones((ROWS, 5, 4))}, {"a": a, "b": b})
    (path / "keep.toml").write_text('[representation]\nconstant = "keep"\n')
    (path / "fields.toml").write_text('[representation]\nkind = "fields"\nscaling = "none"\n')
    (path / "separate.toml").write_text('[representation]\nkind = "modes"\nscaling = "none"\nseparate = true\n')
    return path


@pytest.fixture
def drawn():
    """Pages as they are, beside those of `blank` and `undrawn`."""


def test_a_constant_column_is_refused_with_ways_out_that_exist(folder, beable):
    code, _, err = beable(f"fit {folder}/table.zarr -o {folder}/refused {FLAGS}")
    assert code == 3
    assert "probe, pair[1] is the same in all 30 training rows" in err
    assert "representation.constant = 'keep'" in err


def test_a_constant_channel_has_no_modes_of_its_own(folder, beable):
    code, _, err = beable(f"fit {folder}/fields.zarr -o {folder}/apart {FLAGS} --config {folder}/separate.toml")
    assert code == 3
    assert "wall is the same in all 30 training rows and has nothing to learn: leave it out of variables" in err


@pytest.mark.parametrize(
    ("data", "options", "constant", "pictures"),
    [
        ("table", "--config keep.toml", "probe", "blank"),
        pytest.param("table", "--config keep.toml", "probe", "drawn", marks=pytest.mark.slow),
        ("fields", "--scaling none", "wall", "blank"),
        ("fields", "--config fields.toml", "wall", "undrawn"),
        pytest.param("fields", "--config fields.toml", "wall", "blank", marks=pytest.mark.slow),
        ("fields", "--variables heat", "", "undrawn"),
    ],
)
def test_what_is_constant_goes_all_the_way_to_the_report(
    request, folder, tmp_path, beable, data, options, constant, pictures
):
    request.getfixturevalue(pictures)
    store, run = f"{folder}/{data}.zarr", tmp_path / "run"
    options = options.replace("--config ", f"--config {folder}/")
    code, out, err = beable(f"fit {store} -o {run} {FLAGS} {options} --json")
    assert (code, err) == (0, "")
    errors = json.loads(out)["relative_error_by_channel"]
    assert [name for name, e in errors.items() if e[0] is None] == ([constant] if constant else [])
    assert None not in json.loads(out)["test_relative_error"]
    assert None not in json.loads(out)["distortion"]
    assert beable(f"evaluate {run} {store} --json")[0] == 0
    assert beable(f"score {run} {store}")[0] == 0
    assert beable(f"sample {run} -o {tmp_path}/new.zarr --rows 5")[0] == 0
    code, _, err = beable(f"report {run} -o {tmp_path}/page.html")  # the data set lies where it lay
    assert (code, err) == (0, "")
    named = f"without a relative error: {constant}." if constant else "a dot a member."
    assert named in (tmp_path / "page.html").read_text()
    if constant:
        new = Store.open(tmp_path / "new.zarr").read(constant)
        np.testing.assert_allclose(new, np.broadcast_to(Store.open(store).read(constant)[:1], new.shape), atol=0.5)


# Every option, setting and value that any text of the program names


def texts(named):
    """Strings that are no documentation, of modules that hold a pattern; formatted ones without their values."""
    holding = [path for path in FILES.values() if re.search(named, path.read_text())]  # to parse all takes seconds
    return [(path.relative_to(SOURCE).as_posix(), text) for path in holding for text in said(path)]


@cache
def said(path):
    documentation, found = set(), []
    for node in walked(parsed(path)):  # each after what it is part of
        if type(node) is ast.Expr:
            documentation.add(node.value)
        elif type(node) is ast.Constant and type(node.value) is str and node not in documentation:
            found.append(node.value)
    return found


@pytest.fixture(scope="module")
def options():
    """Long options of all verbs."""
    words = {
        "--help",
        "--version",
        "--debug",
        "--max-memory",
        *(name for names in cli.FORMER.values() for name in names),
    }
    for verb in [*verbs(cli.app), cli.app["--install-completion"]]:
        words |= set(verb.name)
        words |= {name for argument in verb.assemble_argument_collection() for name in argument.names}
    return {word for word in words if word.startswith("--")}


def verbs(app):
    """Verbs that do something, those of groups included."""
    for name in app:
        if name.startswith("-"):
            continue
        verb = app[name]
        if verb.default_command is not None:
            yield verb
        yield from verbs(verb)


OPTION = r"(?<![\w-])--[a-z][a-z-]*"
SETTING = r"(?<![\w./])(?:representation|model|objective|training)(?:\.[a-z_]+)+(?![\w.(]*[(=])"


def unknown_options(text, known):
    return sorted(set(re.findall(OPTION, text)) - known)


def is_setting(place):
    """Whether a dotted name is a setting of a run; of a representation one that any representation has."""
    first, *names = place.split(".")
    if first == "representation":
        return len(names) == 1 and names[0] in {"kind", *(p for r in REPRESENTATIONS.values() for p in parameters(r))}
    return holds(RunSettings, [first, *names])


def parameters(representation):
    return inspect.signature(representation).parameters


def holds(model, names):
    """Whether a model of settings has a field, or one of its kinds has it."""
    if not names:
        return True
    field = getattr(model, "model_fields", {}).get(names[0])
    return field is not None and any(holds(kind, names[1:]) for kind in (field.annotation, *kinds(field.annotation)))


def kinds(annotation):
    return [kind for part in get_args(annotation) for kind in (part, *kinds(part))]


def settings_named(text):
    return re.findall(SETTING, text)


def test_every_option_that_is_named_exists(options):
    own = [(where, text) for where, text in texts(OPTION) if where != "report/pdf.py"]  # which names those of Chromium
    named = [(where, word) for where, text in own for word in unknown_options(text, options)]
    assert named == []
    assert {"--variables", "--dims", "--drop-invalid", "--failure-limit", "--workers", "--config"} <= options


def test_options_that_readers_of_files_name_have_an_argument_in_python():
    named = {o for where, text in texts(OPTION) if where.startswith("datasets/") for o in unknown_options(text, set())}
    told = {*importing.ARGUMENTS, *trajectories.ARGUMENTS}
    elsewhere = {"--failure-limit", "--scaling", "--representation"}  # each beside its setting
    assert sorted(named - told - elsewhere) == []
    for words, function in ((importing.ARGUMENTS, import_file), (trajectories.ARGUMENTS, trajectories.Treated)):
        known = {*inspect.signature(function).parameters, "Treated", "units"}
        assert {re.match(r"\w+", argument)[0] for argument in words.values()} <= known


def test_every_setting_that_is_named_exists():
    named = {(where, place) for where, text in texts(SETTING) for place in settings_named(text)}
    assert len(named) > 20
    assert sorted(found for found in named if not is_setting(found[1])) == []


def test_names_that_do_not_exist_are_noticed(options):
    assert unknown_options("lower --betta or give --variables", options) == ["--betta"]
    assert settings_named("set training.clipp or model.width: or objective.beta.each") == [
        "training.clipp",
        "model.width",
        "objective.beta.each",
    ]
    assert is_setting("objective.beta.each")
    assert not is_setting("training.clipp")
    assert not is_setting("representation.boxx")


def test_every_value_that_is_named_can_be_set():
    """Such as model.network = 'mlp': the value is among those of the setting."""
    named = {found for _, text in texts(r"\.\w+ = ['\"]") for found in re.findall(r"(\w+\.\w+) = '([\w-]+)'", text)}
    assert ("representation.simplex", "closed") in named
    for place, value in named:
        first, name = place.split(".")
        if place == "representation.kind":
            assert value in REPRESENTATIONS
        elif first == "representation":
            known = [parameters(r)[name].annotation for r in REPRESENTATIONS.values() if name in parameters(r)]
            assert any(value in get_args(annotation) for annotation in known), place
        else:
            RunSettings.model_validate({first: {name: value}})


def test_every_argument_that_is_named_exists():
    """Such as drop_invalid=True, for readers in Python."""
    functions = (Store.from_arrays, import_file, generate, train, compare, trajectories.Treated)
    known = {name for function in functions for name in inspect.signature(function).parameters}
    quoted = r'(?m)^[^"\n]*"(?:[^"\n]*"[^"\n]*")*[^"\n]*\w=(?:True|\{)'  # or every call in the code would be found
    named = {found for _, text in texts(quoted) for found in re.findall(r"(?<![\w-])([a-z_]+)=(?:True|\{)", text)}
    assert {"allow_failed", "drop_invalid", "dims"} <= named
    assert named <= known
