"""The page on extending is run: its system is written out as a package of its own, installed, and goes all the way."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from forked import Forked

from beable.studies import run as studies_run
from beable.system import SYSTEMS
from beable.workers import pool

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^### `(wave_system/[\w.]+)`\n.*?```\w+\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.search(r"Then\n\n```text\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
ENTRY = re.search(r"```toml\n(\[project.entry-points.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder of packages as pip leaves it, with the wave system in it."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    about = folder / "wave_system-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: wave-system\nVersion: 1.0\n")
    name, value = re.search(r'(\w+) = "(.*)"', ENTRY).groups()
    (about / "entry_points.txt").write_text(f"[beable.systems]\n{name} = {value}\n")
    return folder


class Done(NamedTuple):
    """What a program printed."""

    stdout: str
    stderr: str


def run(installed, at, *words):
    """A command line as a program that finds a folder of packages."""
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "beable", *words],
        cwd=at, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Done(done.stdout, done.stderr)


def forked(installed, at, *lines, code=0, elsewhere=False):
    """Several command lines, one after the other, in a process that finds a folder of packages and looks it up."""
    with Forked(_all, str(installed), lines, elsewhere, cwd=at) as process:
        done = Done(*process.communicate(timeout=240))
        assert process.returncode == code, done.stderr
    return done


def _found(installed):
    """Let this process find a folder of packages."""
    sys.path.insert(0, installed)
    vars(SYSTEMS).clear()


def _all(installed, lines, elsewhere):
    """Trainings are made in this process, and so are measures unless they are made elsewhere."""
    _found(installed)
    pools = iter([studies_run.pool, pool if elsewhere else studies_run.pool])
    studies_run.pool = lambda *words, **more: next(pools)(*words, **more)
    for name in [name for name in sys.modules if name == "beable.commands.cli" or name.startswith("beable.commands")]:
        del sys.modules[name]  # which make verbs of the systems that they find
    return max(import_module("beable.commands.cli").run(line.split()[1:]) for line in lines)


def _named_elsewhere(installed):
    _found(installed)
    with pool(1) as processes:
        print(*processes.submit(list, SYSTEMS).result())
    return 0


def test_other_processes_find_the_package_too(installed):
    with Forked(_named_elsewhere, str(installed)) as process:
        said, complaints = process.communicate(timeout=240)
    assert "wave" in said.split(), complaints


@pytest.mark.parametrize("elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_system_of_a_package_goes_all_the_way(here, installed, tmp_path, elsewhere):
    """In one process, or with measures in another one, which takes longer to begin than its work."""
    assert any("wave-energy" in line for line in COMMANDS)
    *others, study = COMMANDS
    assert "study run" in study
    done = forked(installed, tmp_path, *others, f"{study} --workers 1", elsewhere=elsewhere)
    assert "energy: 36" in done.stdout
    results = json.loads((tmp_path / "waves-study" / "results.json").read_text())
    energy = results["parts"]["waves-energy"]["energy"]
    assert abs(energy - 40.44) < 12
    page = (tmp_path / "waves-study" / "report.html").read_text()
    assert f"{energy:.3g}" in page
    assert "The waves." in page


def test_its_options_are_those_of_its_settings(installed, tmp_path):
    lines = ("beable simulate wave --help", "beable simulate wave --points 2 --rows 8 -o few.zarr")
    done = forked(installed, tmp_path, *lines, code=2)
    assert "Points along the string." in done.stdout
    assert "points must be at least 4" in done.stderr
    assert not (tmp_path / "few.zarr").exists()


def test_a_faulty_package_is_left_out_with_a_warning(installed, tmp_path):
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[beable.systems]\nbroken = no_such_module:SYSTEM\npi = math:pi\n")
    done = run(tmp_path, tmp_path, "--version")
    assert "system broken is left out: ModuleNotFoundError" in done.stderr
    assert "system pi is left out: it is float, not System: mend or uninstall broken" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_no_file_of_ours_names_it():
    source = Path(__file__).parents[1] / "src" / "beable"
    assert all("wave_system" not in path.read_text() or path.name == "system.py" for path in source.rglob("*.py"))


def test_the_design_of_the_page_runs(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    block = next(b for b in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "find_designs" in b)
    names: dict = {}
    exec(block, names)
    assert names["found"].found.sum() == 4
