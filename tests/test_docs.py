"""What the pages show is run."""

import doctest
import re
from pathlib import Path

import pytest

import beable

ROOT = Path(__file__).parent.parent


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_simulator_of_the_page_on_extending_goes_all_the_way(tmp_path):
    names: dict = {}
    exec(blocks("docs/extending.md")[0], names)
    store = beable.generate(names["Wave"](), tmp_path / "wave.zarr", rows=60, workers=1)
    settings = beable.RunSettings(training=beable.TrainingSettings(members=2, steps=100))
    run = beable.train(store, tmp_path / "run", settings)
    judged = beable.evaluate(run, store)
    assert judged.relative_error.max() < 0.1
    assert len(judged.disentanglement.s_d) == 2


def test_the_design_of_the_page_on_extending_runs():
    names: dict = {}
    for block in blocks("docs/extending.md"):
        exec(block, names)
    assert names["found"].found.sum() == 4


def test_the_examples_of_the_page_on_packing_run():
    found = doctest.testfile(str(ROOT / "docs" / "packing.md"), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks("README.md")[0], {})
    assert "0.9" in capsys.readouterr().out
