"""The page on extending is run: its system is written out as a package of its own, installed, and goes all the way."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


#: one process for all the lines: to begin one takes longer than most of them
ALL = "import sys; from beable.cli import run; sys.exit(max(run(line.split()[1:]) for line in sys.argv[1:]))"


def run(installed, at, *words, code=0, program=("-m", "beable")):
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *program, *words],
        cwd=at, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def test_a_system_of_a_package_goes_all_the_way(installed, tmp_path):
    assert any("wave-energy" in line for line in COMMANDS)
    *others, study = COMMANDS
    assert "study run" in study  # with one process at a time: each takes longer to begin than its work
    done = run(installed, tmp_path, *others, f"{study} --workers 1", program=("-c", ALL))
    assert "energy: 36" in done.stdout
    results = json.loads((tmp_path / "waves-study" / "results.json").read_text())
    energy = results["parts"]["waves-energy"]["energy"]
    assert abs(energy - 40.44) < 12
    page = (tmp_path / "waves-study" / "report.html").read_text()
    assert f"{energy:.3g}" in page
    assert "The waves." in page


def test_its_options_are_those_of_its_settings(installed, tmp_path):
    lines = ("beable simulate wave --help", "beable simulate wave --points 2 --rows 8 -o few.zarr")
    done = run(installed, tmp_path, *lines, code=2, program=("-c", ALL))
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
