"""Each step of a study is kept: nothing is computed twice, and what is made again has the same bytes."""

import json
import re
import shutil
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from html import unescape
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from beable.cluster import Place
from beable.commands import cli
from beable.datasets import generate
from beable.errors import BeableError, CorruptError, DataError, UsageError
from beable.files.artefacts import write_noted
from beable.report.figures.fields import fields
from beable.report.html import render
from beable.report.page import Evidence, Table
from beable.report.study import study_page
from beable.studies import answers, run
from beable.studies.context import Context
from beable.studies.part import Part
from beable.studies.run import read_study, run_study
from beable.studies.study import parse
from beable.studies.verify import verify
from beable.workers import pool

STUDY = """
name = "quick"
title = "A quick study"
source = "nobody"
question = "Does it run?"
notes = ["The source's S_D is ours."]
[data]
simulator = "darcy"
rows = 12
settings = { grid = 5 }
[datasets.more]
simulator = "darcy"
rows = 3
settings = { grid = 5 }
[run]
model = { latents = 2, width = 4 }
training = { members = 2, steps = 4, batch = 4, held_out = 4, records = 2, start = "pca" }
[[arms]]
name = "a"
label = "first"
[[arms]]
name = "b"
label = "second"
override = { training = { start = "random" } }
[[parts]]
name = "errors"
title = "How large are errors?"
question = "?"
measure = "errors"
arms = { judged = ["a", "b"] }
[[parts.expected]]
path = "arms.a.error"
value = 0.0
relation = "at least"
words = "errors are positive"
[[parts.expected]]
path = "arms.b.error"
value = 0.0
relation = "at most"
by = "goal"
words = "errors vanish"
[[parts.expected]]
path = "arms.b.nothing"
words = "what is not defined"
[[parts.counts]]
arm = "b"
measure = "small"
count = 50
trials = 50
words = "all are small"
[[parts]]
name = "rows"
title = "How many rows?"
question = "?"
measure = "rows"
datasets = ["more"]
options = { add = 2 }
"""


@dataclass(frozen=True)
class Errors:
    errors: dict[str, NDArray[np.floating]]

    def as_json(self) -> dict[str, Any]:
        arms = {
            arm: {"error": float(e.mean()), "nothing": None, "small": [False] * len(e)}
            for arm, e in self.errors.items()
        }
        return {"arms": arms}


@dataclass(frozen=True)
class Rows:
    rows: int

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows}


CALLS: list[str] = []
BROKEN: list[str] = []


def errors(context: Context) -> Errors:
    CALLS.append(context.part.name)
    if context.part.name in BROKEN:
        raise DataError("the measure fails")
    arms = context.arms("judged")
    return Errors({arm.name: context.run(arm).history["train/distortion"][-1] ** 2 for arm in arms})


def rows(context: Context) -> Rows:
    CALLS.append(context.part.name)
    return Rows(context.store.rows + context.dataset("more").rows + context.option("add"))


def table(answer: Any) -> Evidence:
    return Evidence("It is so.", [Table("Of the answer.", ["number"], [[str(answer.as_json())]])])


PARTS = {
    "errors": Part(errors, table, roles={"judged": "many"}, counts=("small", "large")),
    "rows": Part(rows, table, options={"add": 1}, datasets=("more",)),
}


def first_field(arrays, titles, units, x, y, **words):
    """The first field of one row alone: how all of them are drawn is tested where figures are."""
    return fields([arrays[0][:1]], titles[:1], units[:1], x, y)


def few(patched):
    """The measures of this file, and pages with a small picture."""
    patched.setattr("beable.studies.part.parts_of", lambda system: PARTS)
    patched.setattr("beable.report.sections.fields", first_field)


@pytest.fixture(autouse=True)
def quick(here, monkeypatch):
    """Everything small and in this process; no call is counted yet."""
    few(monkeypatch)
    CALLS.clear()
    BROKEN.clear()


@pytest.fixture(scope="module")
def done_once(here, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    with pytest.MonkeyPatch.context() as patched:
        few(patched)
        with_page(out)
    return out


@pytest.fixture
def out(done_once, tmp_path):
    """A folder of the finished study, to do with as one likes."""
    return shutil.copytree(done_once, tmp_path / "out")


def made(out, text=STUDY):
    return run_study(parse(text, "quick"), "full", out, workers=1)


def with_page(out):
    """Run the study, and write its page as the command does."""
    (out / "report.html").write_text(render(study_page(made(out), out)))


def outputs(out):
    return [(out / name).read_bytes() for name in ("results.json", "report.html")]


# Nothing twice


def test_a_finished_study_measures_nothing_again_and_changes_no_byte(out):
    before, answered = outputs(out), {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")}
    with_page(out)
    assert CALLS == []
    assert outputs(out) == before
    assert {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")} == answered
    assert len(answered) == 2 + 2 + 2


def test_long_measures_are_begun_first(out, monkeypatch):
    for long in (False, True):
        shutil.rmtree(out / "answers")
        monkeypatch.setitem(PARTS, "rows", PARTS["rows"]._replace(long=long))
        made(out)
    assert CALLS == ["errors", "rows", "rows", "errors"]


def bytes_of_data(out):
    return {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*.zarr/**/*")) if p.is_file()}


@pytest.fixture
def alike(done_once, tmp_path, monkeypatch):
    """Makes only the data sets of the study, in two processes, and compares them with those of one."""

    def make():
        study = parse(STUDY, "quick")
        run._make_all_data(study, tmp_path, {}, Place(2), run.silent)
        return bytes_of_data(tmp_path) == bytes_of_data(done_once)

    return make


def test_one_pool_makes_all_data_sets(alike, monkeypatch):
    begun = []
    monkeypatch.setattr(run, "pool", lambda *words, **more: begun.append(words) or pool(*words, **more))
    monkeypatch.setattr(generate, "_in_processes", None)
    assert alike()
    assert len(begun) == 1


class Dying(Executor):
    """Processes that end before any work is done."""

    def submit(self, function, /, *words, **more):
        future = Future()
        future.set_exception(BrokenExecutor("ended"))
        return future


def test_a_process_that_dies_costs_no_data_set(alike, monkeypatch):
    monkeypatch.setattr(run, "pool", lambda *words, **more: pool(executor=Dying()))
    assert alike()


def test_what_is_gone_is_made_again_and_nothing_else(out):
    before = json.loads((out / "results.json").read_text())
    shutil.rmtree(out / "answers" / "rows")
    made(out)
    assert CALLS == ["rows"]
    shutil.rmtree(out / "runs" / "b")
    again = made(out)
    assert CALLS == ["rows"], "the same training gives the same run"
    for kind in ("expected", "counts"):
        assert again.results[kind] == before[kind]


CHANGES = {
    "an option": ("add = 2", "add = 3", ["rows"], ""),
    "an arm": ('override = { training = { start = "random" } }', "", ["errors"], "runs/b"),
    "the name of an arm": ('label = "second"', 'label = "2nd"', ["errors"], ""),
    "a data set": ("rows = 3", "rows = 4", ["rows"], "datasets/more.zarr"),
    "a published number": ('value = 0.0\nrelation = "at least"', "value = 1.0", [], ""),
    "words": ('question = "Does it run?"', 'question = "?"', [], ""),
}


@pytest.mark.parametrize("case", CHANGES)
def test_an_answer_is_kept_for_its_runs_data_and_options(out, case):
    right, wrong, again, other = CHANGES[case]
    assert STUDY.count(right) == 1
    if other:
        shutil.rmtree(out / other)  # which only another folder would hold beside it
    made(out, STUDY.replace(right, wrong))
    assert again == CALLS


def test_other_code_measures_again(out, monkeypatch):
    monkeypatch.setattr(answers, "code_version", lambda system: "another")
    with pytest.raises(DataError, match=r"no answer of errors, rows .*by this code"):
        read_study(out)
    made(out)
    assert sorted(CALLS) == ["errors", "rows"]


def test_what_an_optional_library_adds_is_said_and_measured_once_it_is_there(out, undrawn, monkeypatch):
    monkeypatch.setitem(PARTS, "rows", PARTS["rows"]._replace(libraries={"no_such_library": "flows", "numpy": "plot"}))
    said = "Measured without no_such_library, with which it has more: pip install 'beable[flows]'."
    shutil.rmtree(out / "answers" / "rows")
    with_page(out)
    assert said in unescape((out / "report.html").read_text())
    assert "without numpy" not in (out / "report.html").read_text()
    made(out)
    assert CALLS == ["rows"]
    monkeypatch.setattr(answers, "find_spec", lambda name: True)
    read_study(out)
    with_page(out)
    assert CALLS == ["rows", "rows"]
    assert "Measured without" not in (out / "report.html").read_text()
    monkeypatch.setattr(answers, "find_spec", lambda name: None)
    made(out)
    assert CALLS == ["rows", "rows"]


def test_the_code_of_an_answer_is_all_that_can_change_it(tmp_path):
    names = {name for name, _ in answers._sources(answers._home("packing"), answers.SHOWING_OF_SYSTEM)}
    assert {"packing/simulator.py", "packing/parts/beta.py", "packing/tables_of_study.py"} <= names
    assert names.isdisjoint({"packing/page.py", "packing/figures/beds.py", "packing/verbs.py"})
    assert answers.code_version("packing") != answers.code_version("darcy")


def test_a_measure_that_fails_leaves_the_other_answers(out):
    shutil.rmtree(out / "answers")
    BROKEN.append("errors")
    with pytest.raises(DataError, match="the measure fails"):
        made(out)
    assert sorted(CALLS) == ["errors", "rows"]
    BROKEN.clear()
    made(out)
    assert sorted(CALLS) == ["errors", "errors", "rows"]


def test_a_measure_opens_only_what_its_part_names(out, monkeypatch):
    monkeypatch.setitem(PARTS, "rows", PARTS["rows"]._replace(datasets=()))
    study = parse(STUDY.replace('datasets = ["more"]\n', ""), "quick")
    with pytest.raises(UsageError, match="unknown data set of part rows 'more'"):
        run_study(study, "full", out, workers=1)


# The report alone


def test_the_command_makes_the_page_again(out, capsys):
    before = outputs(out)
    (out / "report.html").unlink()
    assert cli.run(["study", "report", str(out)]) == 0
    assert outputs(out) == before
    assert CALLS == []
    shown = capsys.readouterr().out
    for words in (
        "A quick study\n  It is so.",
        "Full preset, 2 trainings an arm",
        "1 is reproduced, 1 differs",
        "report.html",
    ):
        assert words in shown


def test_a_report_without_answers_is_one_line(out, tmp_path, capsys):
    shutil.rmtree(out / "answers" / "errors")
    assert cli.run(["study", "report", str(out)]) == DataError.exit_code
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert (
        "no answer of errors from these runs and options by this code: measure them with beable study run quick"
        in error
    )
    assert cli.run(["study", "report", str(tmp_path)]) == UsageError.exit_code
    assert "no study.json there: give the folder of a study" in capsys.readouterr().err


def test_a_damaged_answer_is_noticed(out):
    path = out / "answers" / "errors" / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(CorruptError, match=r"arrays\.safetensors"):
        read_study(out)


def files_of(out):
    """All files of a study but locks; what is made beside the data sets by their maker is theirs."""
    return [path for path in sorted(out.rglob("*")) if path.is_file() and path.name != ".lock"]


def flipped(path, rng):
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)


DAMAGES = {
    "flipped": flipped,
    "cut": lambda path, rng: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path, rng: path.write_bytes(path.read_bytes() + b" "),
    "gone": lambda path, rng: path.unlink(),
}


#: files that name others; each hides what is wrong with those
NAMING = ("manifest.json", "pages.json", "study.json", "zarr.json")
#: folders that are like another of the study
ALIKE = {"more.zarr", "b", "rows"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_of_a_study_is_found_by_verify(out, damage):
    """Each file of it, its numbers and its page among them: all at once, and those that name others one by one.

    The latter are those of one data set, one run and one answer; each of them is damaged in one of the ways.
    """
    write_noted(out / "report.html", b"<p>a page</p>")
    assert verify(out) == []
    rng, before = np.random.default_rng(0), {path: path.read_bytes() for path in files_of(out)}
    filled = [path for path, data in before.items() if data]
    for path in filled:
        if path.name not in NAMING:
            DAMAGES[damage](path, rng)
    said = "\n".join(verify(out))
    assert [p for p in filled if p.name not in NAMING and p.relative_to(out).name not in said] == []
    for path, data in before.items():
        path.write_bytes(data)
    unseen, naming = [], [p for p in filled if p.name in NAMING and ALIKE.isdisjoint(p.relative_to(out).parts)]
    for path in naming[list(DAMAGES).index(damage) :: len(DAMAGES)]:
        DAMAGES[damage](path, rng)
        if not verify(out):
            unseen.append(path.relative_to(out).as_posix())
        path.write_bytes(before[path])
    assert unseen == []


# Numbers and page


def test_published_numbers_stand_beside_ours(out):
    results = json.loads((out / "results.json").read_text())
    positive, vanishing, nothing = results["expected"]
    ours = results["parts"]["errors"]["arms"]
    assert (positive["ours"], positive["agrees"]) == (ours["a"]["error"], True)
    assert (vanishing["ours"], vanishing["agrees"], vanishing["by"]) == (ours["b"]["error"], False, "goal")
    assert (nothing["ours"], nothing["agrees"]) == (None, None)
    (count,) = results["counts"]
    assert (count["source"], count["ours"], count["arm"], count["part"]) == ([50, 50], [0, 2], "b", "errors")
    assert count["p_value"] < 0.01
    assert results["parts"]["rows"]["rows"] == 12 + 3 + 2
    assert set(results["arms"]) == {"a", "b"}


@pytest.mark.parametrize(("right", "wrong", "words"), [
    ("arms.a.error", "arms.a.eror", "part errors has no number 'arms.a.eror': mend the study's file"),
    ('measure = "small"', 'measure = "large"', "part errors does not count large of arm b"),
])  # fmt: skip
def test_a_path_that_leads_nowhere_is_the_fault_of_the_file_and_costs_no_answer(out, right, wrong, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        made(out, STUDY.replace(right, wrong))
    assert CALLS == []
    made(out)
    assert CALLS == []


def test_the_page_shows_data_parts_and_verdicts(out):
    text = unescape((out / "report.html").read_text())
    for words in ("A quick study", "How large are errors?", "all are small", "50 of 50", "0 of 2", "Source: nobody."):
        assert words in text
    for shown, times in {"reproduced": 2, "missed": 1, "differs": 2, "met": 0}.items():
        assert len(re.findall(rf">\s*{shown}\s*<", text)) == times, shown
    assert text.count("data:image/") >= 1, "data of a system without figures of its own are drawn as any are"
    assert "beable study run quick --preset full" in text


# Failing arms


def test_changes_are_part_of_the_study_and_of_its_command(tmp_path):
    study, changes = parse(STUDY, "quick"), {"run": {"training": {"steps": 7}}}
    done = run_study(study, "full", tmp_path / "out", changes=changes, workers=1)
    assert {run.settings.training.steps for run in done.runs.values()} == {7}
    assert done.command.endswith("--preset full --set run.training.steps=7")
    with pytest.raises(UsageError, match="entry of arms in study quick, its changes"):
        run_study(study, "full", tmp_path / "other", changes={"arms": {"nobody": {}}}, workers=1)


def test_a_failing_arm_ends_the_study_with_its_own_error(tmp_path):
    text = STUDY.replace("steps = 4", "steps = 40, learning_rate = 1e9")
    with pytest.raises(BeableError, match="not finite"):
        made(tmp_path, text)
    assert CALLS == []
