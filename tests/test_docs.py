"""What the pages show is run."""

import doctest
import re
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest

from beable.analysis.axes import independent_axes
from beable.commands import cli

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What has tests of its own takes little time: processes that make rows, the best of many ICAs, streamlines."""
    monkeypatch.setattr("beable.datasets.generate.number", lambda workers: 1)
    monkeypatch.setattr("beable.training.start.independent_turn.__defaults__", (1, 100, 1e-5))
    monkeypatch.setitem(independent_axes.__kwdefaults__, "draws", 2)
    monkeypatch.setattr("matplotlib.axes.Axes.streamplot", lambda *words, **more: None)


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_examples_of_the_page_on_packing_run():
    found = doctest.testfile(str(ROOT / "docs" / "packing.md"), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_the_python_of_the_page_on_your_own_data_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks("docs/your-data.md"):
        exec(block.replace('"steps": 1000', '"steps": 5'), names)
    assert names["run"].variables == ["height", "slope"]
    assert names["new"]["slope"].shape == (10, 2, 33, 33)
    assert names["codes"].mean.shape == (4, 100, 2)


def commands(page):
    """Command lines of a page, in its order."""
    shown = re.findall(r"```text\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [line.split() for block in shown for line in block.splitlines() if line.startswith("beable ")]


def short(words):
    """A command line of a page with few rows, steps, members and spheres; study and search of hours are only parsed."""
    rows, few = (["--rows", "132", "--grid", "17"], ["--members", "2"]) if words[1] in ("simulate", "fit") else ([], [])
    kept = [w for i, w in enumerate(words) if not {"--rows", "--members", "--steps"} & {w, words[i - 1]}]
    few_trainings = ["--members", "3"]
    added = {
        "simulate": rows,
        "fit": [*few, "--steps", "5"],
        "agree": few_trainings,
        "rate-distortion": ["--members", "1", "--steps", "5"],
    }
    return [*kept, *added.get(words[1], [])]


@pytest.mark.parametrize("page", ["docs/your-data.md", "docs/tour.md"])
def test_the_commands_of_a_page_run(page, undrawn, few_draws, tmp_path, monkeypatch, capsys):
    """Those on data of the page itself: its simulated sets and files, and what they lead to, but for pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    handler = signal.getsignal(signal.SIGTERM)
    if page == "docs/your-data.md":
        for block in [blocks(page)[0], *(b for b in blocks(page) if "stations.csv" in b)]:
            exec(block.replace("400", "48"), {"np": np})
        (tmp_path / "mine.toml").write_text(re.findall(r"```toml\n(# mine.*?)```", (ROOT / page).read_text(), re.S)[0])
    ran = 0
    for words in map(short, commands(page)):
        if {"study", "design", "pack", "packing", "powders.zarr", "packing-fraction.csv", "adk.zarr"} & set(words):
            continue  # a study, powders, the table and the trajectory of others have pages and tests of their own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
            assert cli.run(words[1:]) == 0, (words, capsys.readouterr().err)
        ran += 1
    signal.signal(signal.SIGTERM, handler)
    assert ran >= 6


def test_every_command_of_the_pages_is_understood():
    """Also of those that take long: verbs and options exist."""
    for page in ("docs/your-data.md", "docs/tour.md"):
        for words in commands(page):
            cli.app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_the_python_of_the_readme_runs(few_draws, tmp_path, monkeypatch, capsys):
    """With fewer and shorter trainings than by default."""
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("README.md")
    assert "RunSettings()" in block
    exec(block.replace("RunSettings()", "RunSettings(training={'members': 4, 'steps': 20})"), {})
    assert "agreed: Agreed" in capsys.readouterr().out


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 60


WRITTEN = sorted((*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")))
#: what stands in a page for something that was to come, such as an output
COMING = re.compile(r"(?<![\w$`=/])(?:[A-Z]{2,}(?:_[A-Z]{2,})+|T[O]DO|T[B]D|F[I]XME|XXX+)(?![\w`=])")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_nothing_on_a_page_is_still_to_come(page):
    assert COMING.findall(page.read_text()) == []


def test_what_is_still_to_come_is_noticed():
    shown = "before\nWIDE_OUTPUT\nA check, WIDE_CHECKS, and `OMP_NUM_THREADS`, OMP_NUM_THREADS=1 and $MY_FOLDER."
    assert COMING.findall(shown) == ["WIDE_OUTPUT", "WIDE_CHECKS"]
