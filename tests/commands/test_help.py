"""Help of every verb: its examples, its place in the docs, one style of defaults, and what it imports."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from beable.commands import cli
from beable.commands.verbs import GROUPS, MEANT, VERBS, Verb, verbs
from beable.system import SYSTEMS

ROOT = Path(__file__).parents[2]
ALL = list(verbs())
every = pytest.mark.parametrize("verb", ALL, ids=[verb.words for verb in ALL])
SIMULATORS = [system.simulator.partition(":")[0] for system in SYSTEMS.values()]
LIBRARIES = ("torch", "numpy", "scipy", "pydantic", "matplotlib", "sklearn", "zarr")
HEAVY = ("torch", "scipy.stats", "sklearn", "matplotlib", "numba", *SIMULATORS)


def parses(line):
    """Whether words and options of a command line exist."""
    words = shlex.split(line)
    assert words[0] == "beable"
    try:
        cli.app.parse_args(words[1:], exit_on_error=False, print_error=False)
    except CycloptsError:
        return False
    return True


def app_of(words):
    """What answers some words."""
    found = cli.app
    for word in words.split():
        found = found[word]
    return found


def faults(verb):
    """What an entry of the table lacks."""
    own = [line for line in verb.examples if line.startswith(f"beable {verb.words}")]
    found = ["two examples"] * (len(verb.examples) != 2)
    found += ["an example of its own"] * (not own and bool(verb.function) and verb.words != "version")
    found += [f"an example that parses: {line}" for line in verb.examples if not parses(line)]
    return found + ["its page"] * (not (ROOT / verb.page).is_file())


@every
def test_every_verb_has_two_examples_and_a_place_in_the_docs(beable, verb):
    assert faults(verb) == []
    code, out, err = beable("help", *verb.words.split())
    assert (code, err) == (0, "")
    shown = " ".join(out.split())
    for line in verb.examples:
        assert " ".join(line.split()) in shown
    assert f"In the docs: {verb.page}." in shown


def test_an_entry_without_examples_is_seen():
    bad = Verb("fit", "learn", "beable.commands.training:fit", "Train.", "docs/none.md", ("beable fit a --bata 3",))
    assert faults(bad) == ["two examples", "an example that parses: beable fit a --bata 3", "its page"]


def test_verbs_stand_in_the_order_of_work(beable):
    _, out, _ = beable("--help")
    assert [title for title in GROUPS.values() if title in out] == list(GROUPS.values())
    places = [out.index(title) for title in GROUPS.values()]
    assert places == sorted(places)
    first = re.findall(r"^│ (\w[\w-]*)", out, re.MULTILINE)
    assert first[: first.index("design")] == [v.words for v in VERBS if v.group in ("data", "learn", "look", "repeat")]


def test_help_lists_the_exit_codes(beable):
    _, out, _ = beable("--help")
    for code, words in cli.CODES.items():
        assert re.search(rf"^  {code} +{words}$", out, re.MULTILINE)


@every
def test_every_verb_has_help_whose_defaults_have_one_style(beable, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = beable(*verb.words.split(), "--help")
    assert (code, err) == (0, "")
    assert app_of(verb.words).help.splitlines()[0] in out
    assert not re.search(r"\[default: (False|None|\[|\(|'|\"|\d+\.0\])", out)
    assert not re.search(r"\bSTR\b", out)


CHOICES = {
    "fit": ("prior", "start", "keep", "representation", "scaling"),
    "rate-distortion": ("prior", "start", "keep", "representation"),
    "study run": ("study", "preset"),
    "study show": ("study",),
    "design": ("simulator",),
}


@pytest.mark.parametrize("verb", CHOICES)
def test_what_can_be_chosen_is_shown_as_a_choice(verb):
    arguments = app_of(verb).assemble_argument_collection(parse_docstring=True)
    by_name = {argument.name.lstrip("-").lower(): argument for argument in arguments}
    assert [name for name in CHOICES[verb] if not by_name[name].get_choices(force=True)] == []


def test_trainings_and_sweeps_have_the_same_options():
    def options(verb):
        return {argument.name for argument in cli.app[verb].assemble_argument_collection()}

    own = {"--beta", "--as-published", "--decode"}  # a sweep has betas of its own and no one model that decodes
    assert options("fit") - own <= options("rate-distortion")
    assert options("rate-distortion") - options("fit") == {"--betas", "--sigma"}
    assert "--members" in options("rate-distortion")


def test_an_option_of_former_name_is_understood():
    assert cli._present(["rd", "a", "--seeds", "2"]) == ["rd", "a", "--members", "2"]
    assert cli._present(["fit", "a", "--seeds", "2"]) == ["fit", "a", "--seeds", "2"]


def test_no_help_imports_what_computes():
    """The table of verbs and what answers a mistyped verb import less still. How help is drawn makes no difference."""
    code = f"""import sys; from beable.commands import cli; from beable.commands.verbs import verbs
from rich.console import Console
cli.run(['--help']); print([m for m in {LIBRARIES} if m in sys.modules])
cli.run(['simulat']); print('torch' in sys.modules)
made = []; Console.print = lambda self, *about, **more: made.extend(about)
codes = {{cli.run([*verb.words.split(), '--help']) for verb in verbs()}}
print(codes, [m for m in {HEAVY} if m in sys.modules], len(made))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    first = lines.index("[]")
    assert any("simulate" in line for line in lines[:first])
    assert lines[first + 1] == "False"
    ended, panels = lines[-1].rsplit(" ", 1)
    assert ended == "{0} []"
    assert int(panels) > len(ALL)
    assert "did you mean 'simulate'" in done.stderr


# Words that are not meant


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("study run lj", "unknown study 'lj': did you mean 'lj-fluid'? known: lj-anomaly, "),
        ("study show darcy", "unknown study 'darcy': did you mean 'darcy-mixture'? known: "),
        ("study run fluid", "unknown study 'fluid': did you mean 'lj-fluid'? known: "),
        ("verson", "unknown verb 'verson': did you mean 'version'? known: "),
        ("quark", "unknown verb 'quark': known: agree, "),
        ("train", "unknown verb 'train': did you mean 'fit'? known: "),
        ("help fut", "unknown verb 'fut': did you mean 'fit'? known: "),
        ("fit", "STORE is missing: data set to learn from. Try: beable fit --help"),
        ("fit a -o", "-o needs a value: run folder to make."),
        ("simulate darcy --row 4 -o x", "unknown option --row: did you mean --rows?"),
        ("simulate darcy --rows 4 --length 1 -o x", "unknown option --length: did you mean --correlation-length?"),
        ("evaluate a b c", "evaluate takes fewer words: leave out c."),
        ("evaluate a --json --json", "--json stands there twice: give it once."),
        ("compare a", "compare needs two or more runs, not 1"),
    ],
)
def test_a_slip_is_answered_in_one_line(beable, words, told):
    code, out, err = beable(*words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"beable: {told}")


def test_a_verb_that_is_not_near_is_not_proposed(beable):
    """Before, "version" was answered with "design"."""
    assert "did you mean" not in beable("origin")[2]


def test_words_that_people_try_lead_to_verbs():
    known = {verb.words for verb in ALL}
    assert set(MEANT.values()) <= known
    assert not set(MEANT) & known


# Completion


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    for name in ("ZSH", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_writes_nothing_unless_told(beable, home, shell):
    code, out, err = beable("--install-completion", "--shell", shell)
    assert (code, err) == (0, "")
    assert "nothing was written" in out
    assert f"--script --shell {shell}" in out
    assert list(home.iterdir()) == []
    assert "beable" in beable("--install-completion", "--shell", shell, "--script")[1]
    assert list(home.iterdir()) == []


def test_completion_writes_where_it_is_told(beable, home):
    code, out, _ = beable("--install-completion", "--shell", "bash", "--yes")
    assert code == 0
    assert (home / ".bashrc").read_text().count("beable") >= 1
    assert Path(out.splitlines()[0]).is_file()


# The page of the docs


def page():
    return (ROOT / "docs" / "command-line.md").read_text()


def test_the_page_has_every_verb_in_the_order_of_the_help():
    named = re.findall(r"^### ([\w-]+)", page(), re.MULTILINE)
    assert named == [verb.words for verb in ALL if verb.group]
    assert re.findall(r"^## (.*)", page(), re.MULTILINE)[: len(GROUPS)] == list(GROUPS.values())


def test_the_page_shows_examples_that_help_shows():
    shown = [line for block in re.findall(r"```text\n(.*?)```", page(), re.DOTALL) for line in block.splitlines()]
    assert [line for line in shown if not parses(line)] == []
    given = {line for verb in ALL for line in verb.examples}
    assert [line for line in shown if line not in given and "--install-completion" not in line] == []


def test_the_page_has_the_exit_codes():
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page(), re.MULTILINE)
    assert {int(code): words for code, words in rows} == cli.CODES
