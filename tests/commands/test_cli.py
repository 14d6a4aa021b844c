"""The command line as its users meet it: help, results, errors, interruption."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App, CycloptsError
from forked import Forked

from beable import errors
from beable.commands import cli, doctor
from beable.commands.verbs import verbs as table
from beable.console import output, progress
from beable.console.options import matrix
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.systems.darcy.simulator import Darcy

sys.path.insert(0, str(Path(__file__).parents[1] / "programs"))

import pausing


def verbs(app=cli.app, path=()):
    """Every verb with its words."""
    for name in (name for name in app if not name.startswith("-")):
        yield (*path, name), app[name]
        yield from verbs(app[name], (*path, name))


VERBS = dict(verbs())
LEAVES = {path: app for path, app in VERBS.items() if app.default_command}


def in_process(*words, program=("-m", "beable")):
    """The command line in a process of its own."""
    command = [sys.executable, *program, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


# Help


def test_all_verbs_are_there():
    names = {" ".join(path) for path in LEAVES}
    assert {"simulate darcy", "data info", "data verify", "fit", "evaluate", "report", "doctor"} <= names
    assert {"study list", "study show", "study run"} <= names


TABLE = [tuple(verb.words.split()) for verb in table()]


@pytest.mark.parametrize("path", [path for path in VERBS if path not in TABLE], ids=" ".join)
def test_every_verb_has_help(beable, path):
    """Those that the table of verbs leaves out, which are other names; of the others in the tests of help."""
    code, out, err = beable(*path, "--help")
    assert (code, err) == (0, "")
    assert VERBS[path].help.splitlines()[0] in out


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_is_explained(path):
    explained = LEAVES[path].assemble_argument_collection(parse_docstring=True)
    assert [argument.name for argument in explained if not argument.parameter.help] == []


@pytest.mark.parametrize("words", [(), ("data",), ("study",), ("simulate",)])
def test_without_a_verb_it_helps_on_standard_error(beable, words):
    code, out, err = beable(*words)
    assert (code, out) == (2, "")
    assert "Usage: " in err
    assert "Make a data set with a simulator" in err or words != ()


def test_version(beable):
    for words in ("--version", "-V", "version"):
        assert beable(words) == (0, f"{cli.installed_version()}\n", "")


def commands():
    """Every call of beable in a block of the documents, without the words beside it and those of a package."""
    root = Path(__file__).parents[2]
    for page in sorted([root / "README.md", *(root / "docs").glob("*.md")]):
        for line in page.read_text().splitlines():
            words = re.match(
                r"(?:beable|python3 go\.py) (?!demo|test|VERB|(?:simulate |study run )?wave)(\S+(?: \S+)*)", line
            )
            if words and not line.startswith("beable:"):
                yield pytest.param(words[1].split(), id=f"{page.name}: {words[1]}")


@pytest.mark.parametrize("words", list(commands()))
def test_documented_commands_exist(words):
    cli.app.parse_args(words, exit_on_error=False, print_error=False)


def test_undocumented_commands_do_not():
    with pytest.raises(CycloptsError):
        cli.app.parse_args(
            ["fit", "darcy.zarr", "-o", "run", "--variabels", "flux"], exit_on_error=False, print_error=False
        )


def test_documented_exit_codes_are_those_of_the_errors():
    page = (Path(__file__).parents[2] / "docs" / "design.md").read_text()
    table = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for code in row.split(",")}
    signals = {cli.HUNG_UP, cli.INTERRUPTED, cli.TERMINATED}
    assert table | {cli.HUNG_UP} == {error.exit_code for error in ERRORS} | {0, cli.BROKEN_PIPE} | signals


# Errors

ERRORS = [error for error in vars(errors).values() if inspect.isclass(error) and issubclass(error, errors.BeableError)]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["simulat"], "did you mean 'simulate'"),
        (["data", "verfy"], "did you mean 'verify'"),
        (["simulate", "darcy", "--rwos", "3", "-o", "x"], "--rows"),
        (
            ["simulate", "darcy", "--rows", "3", "-o", "x", "--factors", "mixtrue"],
            "unknown factors 'mixtrue': did you mean 'mixture'",
        ),
        (
            ["simulate", "darcy", "--rows", "three", "-o", "x"],
            "must be a whole number of at least 1, not 'three'",
        ),
        (["simulate", "darcy", "--rows", "3"], "--output"),
        (["data", "info"], "PATH"),
        (["data", "info", "a", "b"], "b"),
    ],
)
def test_words_that_cannot_be_meant(beable, words, hint):
    code, out, err = beable(*words)
    assert (code, out) == (2, "")
    assert hint in err
    assert "--help" in err
    assert err.startswith("beable: ")
    assert len(err.splitlines()) == 1


def failing(monkeypatch, error):
    """Put a verb in place that ends with an error."""

    def fail():
        raise error

    app = App(name="beable", suppress_keyboard_interrupt=False)
    app.command(fail, name="fail")
    monkeypatch.setattr(cli, "app", app)


@pytest.mark.parametrize("error", ERRORS)
def test_errors_carry_their_exit_code(beable, monkeypatch, error):
    failing(monkeypatch, error("expected this, got that: do so"))
    assert beable("fail") == (error.exit_code, "", "beable: expected this, got that: do so\n")


def torn(error):
    """What becomes of an error that is raised while compiled code gives its answer."""
    found = SystemError("a result with an exception set")
    found.__context__ = error
    return found


def test_exit_codes_are_distinct():
    assert len({error.exit_code for error in ERRORS}) == len(ERRORS)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ZeroDivisionError("division\nby zero"), 1, "unexpected ZeroDivisionError: division by zero (run again"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (cli.Terminated("ended", signal.SIGTERM), 143, "ended"),
        (torn(KeyboardInterrupt()), 130, "interrupted"),
        (torn(cli.Terminated("ended", signal.SIGTERM)), 143, "ended"),
        (torn(ValueError("odd")), 1, "unexpected SystemError: a result with an exception set"),
    ],
)
def test_other_ends(beable, monkeypatch, error, code, text):
    failing(monkeypatch, error)
    ended, out, err = beable("fail")
    assert (ended, out) == (code, "")
    assert err.startswith(f"beable: {text}")
    assert len(err.splitlines()) == 1


def test_debug_shows_where(beable, monkeypatch):
    failing(monkeypatch, errors.DataError("expected this"))
    assert "Traceback" not in beable("fail")[2]
    code, _, err = beable("fail", "--debug")
    assert code == 3
    assert "Traceback" in err
    assert err.splitlines()[-1] == "beable: expected this"


def test_errors_cannot_steer_the_terminal(beable, monkeypatch):
    failing(monkeypatch, errors.DataError("name \x1b[2J θ"))
    assert beable("fail")[2] == "beable: name \\x1b[2J θ\n"


def test_warnings_take_one_line():
    cli._prepare()
    line = warnings.formatwarning(UserWarning("collapsed"), UserWarning, "file.py", 1)
    assert line == "beable: warning: collapsed\n"


def test_one_thread_before_numpy_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    cli._prepare()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["MKL_NUM_THREADS"] == "7"


# Data sets

SMALL = ("simulate", "darcy", "--grid", "9", "--workers", "1")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small data set made by the command line."""
    path = tmp_path_factory.mktemp("cli") / "small"
    assert cli.run([*SMALL, "--rows", "3", "--factors", "mixture", "-o", str(path), "--json"]) == 0
    return path


def test_simulate_makes_what_it_says(beable, tmp_path):
    words = ("--rows", 4, "--seed", 7, "--factors", "uniform", "--low", -1, "--high", 2, "--json", "-o", tmp_path / "d")
    code, out, err = beable(*SMALL, *words)
    assert (code, err) == (0, "")
    said, store = json.loads(out), Store.open(tmp_path / "d")
    assert (said["id"], said["rows"], said["failures"]) == (store.id, 4, {})
    assert store.settings["low"] == -1
    assert store.seed == 7
    assert store.factor_values.min() >= -1


def test_simulate_again_changes_nothing(beable, small):
    before = Store.open(small).id
    code, out, _ = beable(*SMALL, "--rows", 3, "--factors", "mixture", "--json", "-o", small)
    assert code == 0
    assert json.loads(out)["id"] == before


def test_simulate_refuses_what_belongs_to_another_law(beable, tmp_path):
    code, _, err = beable(*SMALL, "--rows", 3, "--factors", "uniform", "--sign-agreement", 0.3, "-o", tmp_path / "d")
    assert code == 2
    assert "sign_agreement has no meaning for the law 'uniform': leave it out, or choose correlated-mixture" in err
    assert not (tmp_path / "d").exists()


def test_results_are_on_stdout_and_progress_on_stderr(beable, tmp_path):
    code, out, err = beable(*SMALL, "--rows", 2, "-o", tmp_path / "d")
    assert code == 0
    assert "2 rows of 5 variables, 2 known factors" in out
    assert "next: beable fit " in out
    assert err.startswith("rows: 2 of 2")


def test_info(beable, small):
    code, out, err = beable("data", "info", small)
    assert (code, err) == (0, "")
    for part in (
        "3 rows of 5 variables, 2 known factors; ",
        "flux                 variable  row, component (2), x (9), y (9)  float32  1",
        "theta_1",
        "scheme: conservat",
    ):
        assert part in out


def test_info_as_json_is_what_the_store_says(beable, small):
    _, out, _ = beable("data", "info", small, "--json")
    assert json.loads(out) == {"path": str(small), **Store.open(small).info(), "look": []}


def test_verify_finds_a_flipped_bit(beable, small, tmp_path):
    assert beable("data", "verify", small)[0] == 0
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", small, copy], check=True)
    chunk = max((path for path in (copy / "flux").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    flipped = bytearray(chunk.read_bytes())
    flipped[100] ^= 4
    chunk.write_bytes(flipped)
    code, out, err = beable("data", "verify", copy, "--json")
    assert code == 5
    assert not json.loads(out)["whole"]
    assert str(chunk.relative_to(copy)) in json.loads(out)["problems"][0]
    assert "1 problem found" in err


def test_a_reader_that_leaves_is_no_error():
    process = in_process("version")
    process.stdout.close()
    assert process.wait(timeout=60) == cli.BROKEN_PIPE
    with process.stderr:
        assert process.stderr.read() == ""


def test_what_is_no_data_set_is_refused(beable, tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        code, out, err = beable("data", "info", path)
        assert code not in (0, 1)
        assert out == ""
        assert str(path) in err


# Matrices


@pytest.mark.parametrize("text", ["1,0.5;0.5,2", "1, 0.5 ; 0.5, 2;"])
def test_matrix_of_words(text):
    assert matrix("covariance", text) == [[1, 0.5], [0.5, 2]]


def test_matrix_of_files(tmp_path):
    values = np.array([[1, 2], [3, 4], [5, 6]])
    np.save(tmp_path / "t.npy", values)
    (tmp_path / "t.csv").write_text("1,2\n3,4\n\n5,6\n")
    for name in ("t.npy", "t.csv"):
        assert matrix("table", str(tmp_path / name)) == values.tolist()


def test_one_column_is_a_table(tmp_path):
    np.save(tmp_path / "t.npy", np.arange(3))
    assert matrix("table", str(tmp_path / "t.npy")) == [[0], [1], [2]]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"1,2\n3\n", b"\xff\xfe\x00"])
def test_matrix_of_other_things_is_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(errors.DataError, match="rows of numbers"):
        matrix("table", str(tmp_path / "t.csv"))


def test_a_matrix_that_carries_code_is_refused(tmp_path):
    np.save(tmp_path / "t.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(errors.DataError, match="not an array in NumPy's format"):
        matrix("table", str(tmp_path / "t.npy"))


def test_a_matrix_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(errors.UsageError, match="no such file"):
        matrix("table", str(tmp_path / "t.npy"))


# Interruption


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_simulation_goes_on_where_it_was(beable, tmp_path, signum, code):
    """As a program once, by the signal of a terminal; the others reach a process that need not begin with Python.

    The program's numbers are those of this process.
    """
    program = signum == signal.SIGINT
    words = [
        "simulate",
        "darcy",
        "--grid",
        "17",
        "--rows",
        "130",
        "-o",
        str(tmp_path / "d"),
        "--json",
        "--workers",
        "1",
    ]
    process = in_process(*words, program=[pausing.__file__]) if program else Forked(pausing.main, words)
    done = tmp_path / "d" / "done"
    until = time.monotonic() + 60
    while not any(done.glob("[0-9]*.json")):
        assert process.poll() is None, "it ended before it was interrupted"
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "run the same command again" in err
    assert len(err.splitlines()) == 1
    code, out, err = beable(*words)
    assert (code, err) == (0, "")
    assert json.loads(out)["good"] == 130
    if program:
        assert json.loads(out)["id"] == generate(Darcy(grid=17), tmp_path / "whole", 130, workers=1).id


# Output


def test_json_has_no_numbers_that_json_lacks(capsys):
    output.show({"a": np.float32(np.nan), "b": np.array([1.0, np.inf]), "c": Path("x"), "d": (1, True)}, json=True)
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.0, None], "c": "x", "d": [1, True]}


def test_text_of_nested_results():
    value = {"arms": [{"name": "a", "s_d": 0.98765}, {"name": "b", "s_d": None}], "empty": [], "yes": True, "no": {}}
    assert output.as_text(value).splitlines() == [
        "arms:",
        "  name a, s_d 0.9877",
        "  name b, s_d none",
        "empty: none",
        "yes: yes",
        "no: none",
    ]


@pytest.mark.parametrize(
    ("many", "text"),
    [
        ([0.5, 0.25, 1.0] * 4, "0.5 (0.25 to 1, 12 values)"),
        ([2] * 16, "2 (16 values)"),
        ([True, False, True, True] * 4, "12 of 16 yes"),
        ([0.5, 0.25], "0.5, 0.25"),
        ([0.5, float("nan")] * 5, "0.5, nan, 0.5, nan, 0.5, nan, 0.5, nan, 0.5, nan"),
        ([[1.0, 2.0]] * 9 + [[3.0, 2.0]], "\n  1: 1 (1 to 3, 10 values)\n  2: 2 (10 values)"),
    ],
)
def test_many_numbers_in_a_few_words(many, text):
    assert output.as_text({"many": many}).replace(":\n", ": \n", 1) == f"many: {text}"


def test_long_lists_are_shortened():
    assert output.as_text({"n": [f"{i}" for i in range(100)]}).endswith("9, 10, ... 89 more")
    assert len(output.as_text({"words": [f"{i} " * 30 for i in range(100)]}).splitlines()) == 13


# Progress


class Clock:
    """Seconds that pass when told so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_lines_come_now_and_then_with_rate_and_outlook():
    clock, lines = Clock(), []
    report = progress.Lines("rows", clock, lines.append)
    for done in range(0, 1001, 100):
        report(done, 1000)
        clock.now += 10
    report.end()
    assert lines[0] == "rows: 300 of 1000, 10/s, 1 min 10 s left"
    assert len(lines) == 4
    assert lines[-1] == "rows: 1000 of 1000, 1 min 50 s"


def test_what_was_found_done_does_not_count_as_speed():
    clock, lines = Clock(), []
    report = progress.Lines("rows", clock, lines.append)
    report(900, 1000)
    clock.now += 50
    report(950, 1000)
    assert lines == ["rows: 950 of 1000, 1/s, 50.0 s left"]


def test_quiet_progress_shows_nothing(capsys):
    with progress.progress("rows", quiet=True) as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_without_a_terminal_ends_with_a_line(capsys):
    with progress.progress("rows") as report:
        report(2, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rows: 2 of 2, 0.0 s")


def test_progress_on_a_terminal_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.progress("rows") as report:
        print("a result")
        report(1, 4)
        report(4, 4)
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert "4/4" in err


# Doctor


def test_doctor_says_what_is_there(beable):
    code, out, err = beable("doctor", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert set(doctor.REQUIRED) <= set(said["versions"])
    assert said["threads"]["cores"] >= 1
    assert "cpu" in said["devices"]


HEALTHY = {
    "versions": {"numpy": "2.4.6"},
    "threads": {"cores": 2, "torch": 1},
    "disk": {"here": {"path": "/here", "free_GiB": 5.0, "writable": True}},
}


@pytest.mark.parametrize(
    ("ill", "word"),
    [
        ({"versions": {"numpy": None}}, "numpy is not installed"),
        ({"threads": {"cores": 2, "torch": 8}}, "OMP_NUM_THREADS=1"),
        ({"disk": {"here": {"path": "/here", "free_GiB": 0.2, "writable": True}}}, "make room"),
        ({"disk": {"here": {"path": "/here", "free_GiB": 5.0, "writable": False}}}, "no permission"),
    ],
)
def test_doctor_names_trouble(ill, word):
    assert doctor.trouble(HEALTHY) == []
    found = doctor.trouble(HEALTHY | ill)
    assert len(found) == 1
    assert word in found[0]


def test_a_data_set_without_factors_has_no_column_of_ranges(beable, tmp_path):
    arrays = {"pressure": np.random.default_rng(0).normal(size=(20, 8, 8)), "viscosity": np.arange(20.0)}
    np.savez(tmp_path / "flow.npz", **arrays)
    for words, said in (([], False), (["--factors", "viscosity"], True)):
        out = beable("import", tmp_path / "flow.npz", "-o", tmp_path / f"{said}.zarr", *words)[1]
        assert ("range in the rows" in out) is said
        assert ("0 to 19" in out) is said
