"""Data of a study that no simulator makes: subsets, files of the user, and what is left out without them."""

import json
import re
import shutil
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.errors import DataError, OutputError, UsageError
from beable.files.artefacts import verify_noted
from beable.studies.check import check
from beable.studies.context import Context, data_path, dataset_path
from beable.studies.part import Part
from beable.studies.run import _draw_data, run_study
from beable.studies.study import Data, Study, load, parse, tree_of
from beable.systems.packing.hall_sparks_table import COLUMNS
from beable.systems.packing.parts.rows import whole_of
from beable.systems.packing.simulator import Packing
from beable.vae.settings import Constant

ROWS = 60
SETTINGS = {"median": [1.0, 2.0], "spread": [0.0, 0.1], "min_coarse_spheres": 30, "components": 2}

STUDY = """
name = "small"
title = "A small study"
source = "nobody"
question = "Does it run?"
[data]
simulator = "packing"
rows = 60
settings = { median = [1.0, 2.0], spread = [0.0, 0.1], min_coarse_spheres = 30, components = 2 }
[datasets.even]
source = "subset"
of = "data"
settings = { kind = "uniform" }
rows = 30
[datasets.theirs]
source = "table"
file = "table"
[datasets.theirs-dense]
source = "subset"
of = "theirs"
settings = { kind = "top", densest = 0.5 }
rows = 12
[datasets.theirs-few]
source = "subset"
of = "theirs-dense"
rows = 6
[datasets.other]
source = "table"
file = "other"
[run]
representation = { kind = "table", constant = "keep" }
model = { latents = 1, hidden = [4] }
training = { members = 1, steps = 5, start = "random" }
[[arms]]
name = "own"
label = "own"
[[arms]]
name = "even"
label = "even"
data = "even"
[[arms]]
name = "few"
label = "few"
data = "theirs-few"
override = { variables = ["mean_size", "packing_fraction"] }
[[parts]]
name = "ours"
title = "Ours"
question = "?"
measure = "rows"
arms = { judged = ["own", "even"] }
[[parts]]
name = "theirs"
title = "Theirs"
question = "?"
measure = "rows"
arms = { judged = ["own", "few"] }
[[parts]]
name = "both"
title = "Both files"
question = "?"
measure = "rows"
arms = { judged = ["own"] }
datasets = ["other", "theirs"]
[presets.quick]
data = { rows = 50 }
datasets = { theirs-dense = { settings = { densest = 0.6 } } }
[presets.full]
"""


# Where data come from

DATA = {
    "nothing": ({}, "give one of simulator and source"),
    "two": ({"simulator": "packing", "source": "subset", "rows": 9}, "give one of simulator and source"),
    "a simulator of a file": ({"simulator": "packing", "file": "table", "rows": 9}, "of and file go with a source"),
    "both": ({"source": "subset", "of": "data", "file": "table"}, "give one of of and file"),
    "no rows": ({"simulator": "packing"}, "rows are missing: a simulator needs a number of them"),
    "few rows": ({"source": "subset", "of": "data", "rows": 2}, "greater than or equal to 3"),
    "a seed": ({"source": "subset", "of": "data", "seed": -1}, "greater than or equal to 0"),
    "a key": ({"source": "subset", "of": "data", "colour": "red"}, "datasets.more.colour"),
}
SETTINGS_OF_SOURCES = {
    "no source": ({"source": "subst"}, "unknown data source of packing 'subst': did you mean 'subset'"),
    "no origin": ({"source": "table"}, "the source table needs file: give it a name"),
    "no share": ({"settings": {"densest": 0.0}}, "settings.densest: Input should be greater than 0"),
    "a large share": ({"settings": {"densest": 1.5}}, "less than or equal to 1"),
    "a kind": ({"settings": {"kind": "even"}}, "settings.kind: Input should be 'gaussian', 'uniform' or 'top'"),
    "a key": ({"settings": {"keep_flagged": True}}, "settings.keep_flagged"),
}


def with_more(given):
    more = given | {"settings": dict(given["settings"])} if "settings" in given else given
    lines = "\n".join(f"{key} = {_toml(value)}" for key, value in more.items())
    return STUDY.replace("[run]", f"[datasets.more]\n{lines}\n[run]")


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


@pytest.mark.parametrize("case", DATA)
def test_data_have_one_origin(case):
    given, words = DATA[case]
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        parse(with_more(given), "small")
    assert "\n" not in str(caught.value)
    assert "datasets.more" in str(caught.value)


@pytest.mark.parametrize("case", SETTINGS_OF_SOURCES)
def test_settings_of_a_source_are_checked_before_anything_is_made(case, monkeypatch):
    given, words = SETTINGS_OF_SOURCES[case]
    monkeypatch.setattr("beable.studies.part.parts_of", lambda system: LOOKING)
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        check(parse(with_more({"source": "subset", "of": "data"} | given), "small"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('of = "theirs-dense"', 'of = "theirs-dens"', "did you mean 'theirs-dense'"),
        ('of = "theirs"\n', 'of = "theirs-few"\n', "did you mean 'theirs'"),
        ('of = "theirs"\n', 'of = "theirs-dense"\n', "did you mean 'theirs'"),
        ('data = "theirs-few"', 'data = "theirs-fw"', "did you mean 'theirs-few'"),
        ('datasets = ["other", "theirs"]', 'datasets = ["othr"]', "did you mean 'other'"),
        ("datasets = { theirs-dense", "datasets = { theirs-dens", "did you mean 'theirs-dense'"),
    ],
    ids=["another name", "a circle", "itself", "of an arm", "of a part", "of a preset"],
)
def test_names_of_data_are_checked(right, wrong, words):
    assert STUDY.count(right) == 1
    with pytest.raises(UsageError, match=words) as caught:
        parse(STUDY.replace(right, wrong), "small")
    assert "\n" not in str(caught.value)


def small(preset="full") -> Study:
    return parse(STUDY, "small").with_preset(preset)


def names(study):
    return [part.name for part in study.parts], [arm.name for arm in study.arms], list(study.datasets)


def test_files_are_those_of_all_data():
    assert small().files == ["other", "table"]
    assert load("packing").files == ["table"]
    assert load("lj-fluid").files == load("darcy-mixture").files == []


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ([], (["ours", "theirs", "both"], ["own", "even", "few"], [*small().datasets])),
        (["other"], (["ours", "theirs"], ["own", "even", "few"], ["even", "theirs", "theirs-dense", "theirs-few"])),
        (["table"], (["ours"], ["own", "even"], ["even", "other"])),
        (["other", "table"], (["ours"], ["own", "even"], ["even"])),
    ],
    ids=["nothing", "other", "table", "both"],
)
def test_without_a_file_its_data_arms_and_parts_are_gone(missing, left):
    assert names(small().without(missing)) == left
    assert names(small().without(iter(missing))) == left


def test_a_part_alone_keeps_the_origins_of_its_data():
    assert names(small().part("theirs")) == (["theirs"], ["own", "few"], ["theirs", "theirs-dense", "theirs-few"])
    assert names(small().part("ours")) == (["ours"], ["own", "even"], ["even"])
    assert names(small().part("both")) == (["both"], ["own"], ["theirs", "other"])
    assert load("packing-table").files == ["table"]
    assert load("packing-beta").files == []


def test_a_preset_changes_data_sets_and_keeps_their_origin():
    quick = small("quick")
    assert quick.data.rows == 50
    assert (quick.datasets["theirs-dense"].settings["densest"], quick.datasets["theirs-dense"].of) == (0.6, "theirs")
    assert list(quick.datasets) == list(small().datasets)
    assert small().part("ours").with_preset("quick").data.rows == 50


# Subsets and files


def paper_table(path):
    """A table in the layout of Hall and Sparks: designs, and five rows that an auto-encoder made."""
    rng = np.random.default_rng(0)
    shares = np.array([[0.2239, 0.597, 0.1791], [0.274, 0.4966, 0.2295]])[rng.integers(0, 2, ROWS)]
    phi = 0.6 + 0.002 * rng.permutation(ROWS)
    rows = np.column_stack([rng.choice([20, 40, 60], (ROWS, 3)), rng.choice([1, 150, 300], (ROWS, 3)), shares, phi])
    rows = np.vstack([rows, rows[:5] * 1.013])
    numbers = [*range(ROWS), *range(13330, 13335)]
    lines = [",".join(f"{x:.6g}" for x in (i, *row)) for i, row in zip(numbers, rows, strict=True)]
    path.write_text("\n".join([",".join(("ID", *COLUMNS)), *lines, ""]))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A study's folder with its data, and a file of the user."""
    out = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.systems.packing.simulator.LEAST", 400)  # of any beds are subsets
        generate(Packing(**SETTINGS), data_path(out), ROWS, workers=1)
    (out / "datasets").mkdir()
    paper_table(out / "theirs.csv")
    return out


def made(place, name, given=None, rows=None, seed=0, of="", file="", **settings):
    data = Data(source="subset" if of else "table", rows=rows, seed=seed, of=of, file=file, settings=settings)
    files = {"table": place / "theirs.csv"} if given is None else given
    _draw_data(small(), data, place, dataset_path(place, name), files)
    return dataset(place, name)


def rows_in(store, source, name="packing_fraction"):
    """Rows of the source that the store's are, by a number that no two share."""
    position = {value: i for i, value in enumerate(source.read(name).tolist())}
    return np.array([position[value] for value in store.read(name).tolist()])


def test_a_subset_holds_whole_rows_of_its_source(place):
    source = Store.open(data_path(place))
    store = made(place, "some", of="data", rows=20, seed=3)
    rows = rows_in(store, source)
    assert len(np.unique(rows)) == store.rows == 20
    assert [v.name for v in store.variables] == ["median", "spread", "mass_fraction", "packing_fraction"]
    for variable in store.variables:
        np.testing.assert_array_equal(store.read(variable.name), source.read(variable.name, rows))
        same = next(v for v in source.variables if v.name == variable.name)
        assert (variable.dims, variable.unit) == (same.dims, same.unit)
    np.testing.assert_array_equal(store.factor_values, source.factor_values[rows])
    assert [(f.name, f.symbol, f.unit) for f in store.factors] == [(f.name, f.symbol, f.unit) for f in source.factors]


def test_subsets_have_the_distribution_that_was_asked(place):
    phi = Store.open(data_path(place)).read("packing_fraction")
    dense = made(place, "dense", of="data", kind="top", rows=10, densest=0.25).read("packing_fraction")
    assert dense.min() >= np.quantile(phi, 0.75)
    even = made(place, "even", of="data", kind="uniform", rows=20).read("packing_fraction")
    plain = made(place, "plain", of="data", rows=20).read("packing_fraction")
    counts = [np.histogram(values, 5, (phi.min(), phi.max()))[0] for values in (even, plain)]
    assert np.ptp(counts[0]) < np.ptp(counts[1])
    other = made(place, "other-seed", of="data", rows=20, seed=1).read("packing_fraction")
    assert set(other) != set(plain)


def test_a_subset_of_a_subset_lies_in_both(place):
    made(place, "top-half", of="data", kind="top", rows=30, densest=0.5)
    few = made(place, "top-few", of="top-half", rows=6)
    assert set(few.read("packing_fraction")) < set(dataset(place, "top-half").read("packing_fraction"))


def dataset(place, name):
    return Store.open(dataset_path(place, name))


def test_a_file_is_read_as_its_table(place):
    assert made(place, "file", file="table").rows == 60
    assert made(place, "file-flagged", file="table", keep_flagged=True).rows == 65
    dense = made(place, "file-dense", file="table", kind="top", rows=3)
    assert dense.read("packing_fraction").min() > np.median(dataset(place, "file").read("packing_fraction"))


def test_what_is_there_is_not_made_again(place):
    made(place, "once", of="data", rows=10)
    before = dataset_path(place, "once").joinpath("manifest.json").stat().st_mtime_ns
    assert made(place, "once", of="data", rows=10).rows == 10
    assert dataset_path(place, "once").joinpath("manifest.json").stat().st_mtime_ns == before


def test_damage_of_what_was_asked_of_a_table_is_found(place):
    made(place, "summed", of="data", rows=10)
    request = dataset_path(place, "summed").with_suffix(".json")
    assert verify_noted(request.parent) == []
    request.write_bytes(request.read_bytes().replace(b"10", b"11"))
    assert "summed.json" in " ".join(verify_noted(request.parent))


def test_another_table_of_the_same_name_is_refused(place):
    made(place, "asked", of="data", rows=10)
    made(place, "some-more", of="data", rows=20)
    made(place, "read", file="table")
    paper_table(place / "longer.csv")
    with (place / "longer.csv").open("a") as file:
        file.write("99,20,40,60,1,1,150,0.2,0.3,0.5,0.7\n")
    for name, given, data in (
        ("asked", {}, {"of": "data", "rows": 10, "seed": 1}),
        ("asked", {}, {"of": "data", "rows": 12}),
        ("asked", {}, {"of": "some-more", "rows": 10}),
        ("read", {"table": place / "longer.csv"}, {"file": "table"}),
    ):
        with pytest.raises(
            OutputError, match=r"holds another table of the study \(.* there, .* asked\): choose another folder"
        ) as caught:
            made(place, name, given, **data)
        assert "\n" not in str(caught.value)


def test_more_rows_than_there_are_are_refused(place):
    for data in ({"rows": 61}, {"kind": "top", "rows": 20, "densest": 0.1}):
        with pytest.raises(DataError, match="rows asked for") as caught:
            made(place, "too-many", of="data", **data)
        assert "\n" not in str(caught.value)
    assert not dataset_path(place, "too-many").exists()


# With files and without


@dataclass(frozen=True)
class Rows:
    """The answer of a measure that only looks: rows of the table of each arm, and of the table it was drawn of."""

    rows: dict[str, list[int]]

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows}


def rows(context: Context) -> Rows:
    each = context.arms("judged")
    return Rows({arm.name: [context.data_of(arm).rows, whole_of(context, arm).rows] for arm in each})


LOOKING = {"rows": Part(rows, lambda answer: [], roles={"judged": "many"})}


@pytest.fixture
def quickly(here, monkeypatch):
    """Everything in this process, and the measure that only looks."""
    monkeypatch.setattr("beable.studies.part.parts_of", lambda system: LOOKING)


def test_parts_without_their_file_are_left_out_and_made_up_for_later(quickly, place, tmp_path):
    paper_table(tmp_path / "theirs.csv")
    out = tmp_path / "out"
    shutil.copytree(data_path(place), data_path(out))
    first = run_study(small(), "full", out, workers=1)
    assert [a.part.name for a in first.answers] == ["ours"]
    assert first.left_out == {"Theirs": ["table"], "Both files": ["other", "table"]}
    assert first.results["parts"]["ours"]["rows"] == {"own": [60, 60], "even": [30, 60]}
    assert set(first.results["arms"]) == {"own", "even"}
    assert not dataset_path(out, "theirs").exists()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("manifest.json")}
    second = run_study(small(), "full", out, given={"table": tmp_path / "theirs.csv"}, workers=1)
    assert [a.part.name for a in second.answers] == ["ours", "theirs"]
    assert second.left_out == {"Both files": ["other"]}
    assert second.results["parts"]["theirs"]["rows"] == {"own": [60, 60], "few": [6, 60]}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert json.loads((out / "results.json").read_text())["arms"].keys() == {"own", "even", "few"}


GIVEN = {
    "of another name": ({"tabel": "theirs.csv"}, "unknown file of study small 'tabel': did you mean 'table'"),
    "not there": ({"table": "nowhere.csv"}, "nowhere.csv: no such file: check the name"),
    "a folder": ({"table": "."}, "is a folder: name a file"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_files_are_checked_before_anything_is_made(quickly, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    given, words = GIVEN[case]
    paper_table(tmp_path / "theirs.csv")
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        run_study(small(), "full", tmp_path / "out", given={k: tmp_path / v for k, v in given.items()}, workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_study_that_cannot_do_without_says_what_it_needs(quickly, tmp_path):
    with pytest.raises(UsageError, match="study theirs needs --file table=PATH"):
        run_study(small().part("theirs"), "full", tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


WORDS = {
    "packing-table": "study packing-table needs --file table=PATH",
    "packing-table --file table": "file 'table': give a name and a path, such as table=mine.csv",
    "packing-table --file table=": "file 'table=': give a name and a path",
    "packing-table --file =x.csv": "file '=x.csv': give a name and a path",
    "packing-table --file tabel=x.csv": "unknown file of study packing-table 'tabel': did you mean 'table'",
    "packing-table --file table=nowhere.csv": "nowhere.csv: no such file: check the name",
    "packing --file table=a.csv table=b.csv": "a name stands there twice: give each once",
    "packing-beta --file table=a.csv": "study packing-beta asks for no file: leave out --file",
    "lj-fluid --file table=a.csv": "study lj-fluid asks for no file: leave out --file",
    "darcy-mixture --file table=a.csv": "study darcy-mixture asks for no file: leave out --file",
}


@pytest.fixture(scope="module")
def parsed_once():
    """The studies that come with beable, parsed once for all tests that name them."""
    with pytest.MonkeyPatch.context() as patched:
        for function in (tree_of, parse):
            known = lru_cache(None)(function)
            patched.setattr(
                f"beable.studies.study.{function.__name__}", lambda texts, name, known=known: known(tuple(texts), name)
            )
        yield


@pytest.mark.parametrize("words", WORDS)
def test_a_mistake_about_files_costs_one_line(words, parsed_once, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["study", "run", "-o", "out", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith("beable: ")
    assert WORDS[words] in err
    assert list(tmp_path.iterdir()) == []


# β of each member


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"beta": 0.5}, 0.5),
        ({"beta": 0.5, "each": 3}, 0.5),
        ({"beta": [0.0, 1.0]}, (0.0, 1.0)),
        ({"beta": [0.0, 1.0, 4.0], "each": 2}, (0.0, 0.0, 1.0, 1.0, 4.0, 4.0)),
    ],
)
def test_each_beta_has_so_many_members_in_turn(given, expected):
    rule = Constant.model_validate(given)
    assert rule.by_member == expected
    assert Constant.model_validate_json(rule.model_dump_json()).by_member == expected
    assert rule.start(len(np.atleast_1d(expected))).tolist() == pytest.approx(np.atleast_1d(expected).tolist())


@pytest.mark.parametrize(("each", "members"), [(1, 3), (2, 2), (2, 5)])
def test_another_number_of_members_is_refused(each, members):
    with pytest.raises(UsageError, match=f"beta has {2 * each} numbers for {members} members: give one number"):
        Constant(beta=(0.0, 1.0), each=each).start(members)


@pytest.mark.parametrize("each", [0, -1, 1.5])
def test_so_many_members_are_a_whole_number(each):
    with pytest.raises(ValueError, match="each"):
        Constant.model_validate({"beta": [0.0, 1.0], "each": each})


@pytest.mark.parametrize("preset", [*load("packing").presets])
def test_members_of_the_packing_study_are_those_of_its_betas(preset):
    study = load("packing").with_preset(preset)
    for arm in study.arms:
        settings = study.settings(arm)
        rule = settings.objective.beta
        assert len(rule.start(settings.training.members)) == settings.training.members
