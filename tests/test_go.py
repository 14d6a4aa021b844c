"""The two commands: what go.py installs, when, and what it refuses."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from argparse import Namespace
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
DEFAULTS = Namespace(torch_index=None, find_links=None, accept_cuda=False)


@pytest.fixture
def go(tmp_path, monkeypatch):
    """The module go.py, with a project of its own and no way to leave this process."""
    spec = importlib.util.spec_from_file_location("go", ROOT / "go.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PACKAGES", tmp_path / ".venv" / "packages")
    monkeypatch.setattr(module, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(module.os, "execve", lambda path, words, env: pytest.fail("left the process"))
    monkeypatch.setattr(module, "run_pip", lambda arguments: pytest.fail(f"called pip {arguments}"))
    return module


@pytest.fixture
def installs(go, monkeypatch):
    """What `go.install` would have done, as lists of words for pip."""
    done = []
    monkeypatch.setattr(go, "make_environment", lambda: go.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(go, "get_torch", lambda options: None)
    monkeypatch.setattr(go, "install_packages", done.append)
    return done


def test_needs_nothing_but_python():
    tree = ast.parse((ROOT / "go.py").read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    origins = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in plain | origins} <= sys.stdlib_module_names


def test_help_needs_no_environment(go, capsys):
    go.main(["--help"])
    assert "go.py demo" in capsys.readouterr().out


# Installation


def test_installs_once(go, installs):
    for _ in range(2):
        go.install({"tests"}, DEFAULTS)
    assert installs == [["--editable", ".[tests]"]]


def test_an_installation_with_more_extras_will_do(go, installs):
    go.install({"docs", "tests"}, DEFAULTS)
    go.install({"tests"}, DEFAULTS)
    go.install(set(), DEFAULTS)
    assert len(installs) == 1


def test_an_installation_with_fewer_extras_will_not_do(go, installs):
    go.install(set(), DEFAULTS)
    go.install({"tests"}, DEFAULTS)
    assert len(installs) == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_requirements_installs_again(go, installs, name):
    go.install(set(), DEFAULTS)
    with (go.ROOT / name).open("a") as file:
        file.write("# changed\n")
    go.install(set(), DEFAULTS)
    assert len(installs) == 2


def test_another_python_or_place_installs_again(go, installs, monkeypatch):
    go.install(set(), DEFAULTS)
    monkeypatch.setattr(go.platform, "python_version", lambda: "3.99.0")
    go.install(set(), DEFAULTS)
    moved = go.ROOT.rename(go.ROOT.with_name("moved"))
    monkeypatch.setattr(go, "ROOT", moved)
    monkeypatch.setattr(go, "VENV", moved / ".venv")
    monkeypatch.setattr(go, "CONSTRAINTS", moved / "constraints.txt")
    go.install(set(), DEFAULTS)
    assert len(installs) == 3


def test_an_interrupted_installation_is_taken_up(go, installs, monkeypatch):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(go, "install_packages", interrupt)
    with pytest.raises(KeyboardInterrupt):
        go.install(set(), DEFAULTS)
    monkeypatch.setattr(go, "install_packages", installs.append)
    go.install(set(), DEFAULTS)
    assert len(installs) == 1


def test_unknown_extras_are_refused(go, installs):
    with pytest.raises(SystemExit, match=r"unknown extra tset; known: .*tests"):
        go.install({"tset"}, DEFAULTS)


def test_constraints_hold_in_a_folder_with_blanks(go, tmp_path, monkeypatch):
    folder = tmp_path / "my project"
    monkeypatch.setattr(go, "CONSTRAINTS", folder / "constraints.txt")
    environment = go.pip_environment()
    for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
        assert environment[name].split() == [(folder / "constraints.txt").as_uri()]


# Which PyTorch


def report(requirements, version="2.13.0"):
    """What pip's dry run says of a build of PyTorch."""
    return json.dumps({"install": [{"metadata": {"version": version, "requires_dist": requirements}}]})


CUDA = ["filelock", 'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"', "triton==3.7.1"]
CPU = ["filelock", "sympy>=1.13.3"]


@pytest.fixture
def look(go, monkeypatch):
    """Let pip's dry run answer with a report; returns the calls of pip."""

    def answer(requirements, returncode=0):
        calls = []

        def run_pip(arguments):
            calls.append(arguments)
            failed = returncode if "--dry-run" in arguments else 0
            return subprocess.CompletedProcess(arguments, failed, report(requirements), "ERROR: no such version\n")

        monkeypatch.setattr(go, "run_pip", run_pip)
        monkeypatch.setattr(go, "install_packages", calls.append)
        monkeypatch.setattr(go, "has_driver", lambda: False)
        return calls

    return answer


def test_a_cuda_build_without_a_driver_is_refused_with_three_choices(go, look):
    look(CUDA)
    with pytest.raises(SystemExit) as stopped:
        go.get_torch(DEFAULTS)
    for choice in ("--torch-index https://", "--find-links DIR", "--accept-cuda"):
        assert choice in str(stopped.value)


def test_a_cpu_build_is_taken(go, look):
    calls = look(CPU)
    go.get_torch(DEFAULTS)
    assert calls[-1] == ["torch"]


def test_nothing_is_downloaded_to_look(go, look):
    calls = look(CPU)
    go.get_torch(DEFAULTS)
    looked = next(call for call in calls if "--dry-run" in call)
    assert "--no-deps" in looked


def test_the_users_choice_is_taken(go, look):
    calls = look(CUDA)
    go.get_torch(Namespace(torch_index=None, find_links=None, accept_cuda=True))
    assert calls == [["torch"]]


def test_the_users_sources_are_asked_first(go, look):
    calls = look(CPU)
    go.get_torch(Namespace(torch_index="https://index.example/cpu", find_links="wheels", accept_cuda=False))
    sources = ["--find-links", "wheels", "--extra-index-url", "https://index.example/cpu"]
    assert [call[-4:] for call in calls if "torch" in call] == [sources, sources]


def test_a_driver_makes_cuda_welcome(go, look, monkeypatch):
    calls = look(CUDA)
    monkeypatch.setattr(go, "has_driver", lambda: True)
    go.get_torch(DEFAULTS)
    assert calls == [["torch"]]


def test_an_installed_torch_is_left_alone(go, look):
    calls = look(CUDA)
    (go.PACKAGES / "torch").mkdir(parents=True)
    go.get_torch(DEFAULTS)
    assert calls == []


def test_a_torch_that_cannot_be_had_stops_with_the_reason(go, look):
    look(CPU, returncode=1)
    with pytest.raises(SystemExit, match="no such version"):
        go.get_torch(DEFAULTS)


def test_parts_of_cuda_for_other_machines_do_not_count(go):
    assert go.needs_cuda("cuda-bindings==13; platform_system == 'Linux'")
    assert not go.needs_cuda("nvidia-nccl-cu13==2; platform_machine == 'no such machine'")
    assert not go.needs_cuda("triton==3.7.1")


# The command that follows


@pytest.fixture
def became(go, installs, monkeypatch):
    """The command that go.py becomes, and its environment."""
    seen = {}
    monkeypatch.setattr(go.os, "chdir", lambda folder: seen.update(folder=folder))
    monkeypatch.setattr(go.os, "execve", lambda path, words, env: seen.update(words=words[3:], env=env))
    return seen


def test_demo_is_the_quick_study(go, became):
    go.main(["demo"])
    assert became["words"] == ["beable", "study", "run", "darcy-mixture", "--preset", "quick", "-o", "demo-out"]
    assert became["folder"] == Path.cwd()


def test_demo_can_go_elsewhere(go, became):
    go.main(["demo", "-o", "there"])
    assert became["words"][-2:] == ["-o", "there"]
    assert became["words"].count("-o") == 1


def test_verbs_are_passed_on_in_order(go, became, installs):
    go.main(["simulate", "darcy", "--rows", "3", "-o", "x", "--mean=-1"])
    assert became["words"] == ["beable", "simulate", "darcy", "--rows", "3", "-o", "x", "--mean=-1"]
    assert installs == [["--editable", "."]]


def test_test_leaves_whole_studies_out(go, became, installs):
    go.main(["test"])
    assert became["words"][0] == "pytest"
    assert became["words"][-2:] == ["-m", "not slow"]
    assert became["folder"] == go.ROOT
    assert installs == [["--editable", ".[tests]"]]


def test_slow_tests_and_further_words(go, became):
    go.main(["test", "--slow", "-k", "a or b"])
    assert "not slow" not in became["words"]
    assert "--slow" not in became["words"]
    assert became["words"][-2:] == ["-k", "a or b"]


# Kernels


@pytest.fixture
def processor(go, monkeypatch):
    """Let the processor be of a kind, with instructions that PyTorch finds."""

    def of(machine, instructions=""):
        monkeypatch.setattr(go.platform, "machine", lambda: machine)
        monkeypatch.setattr(go, "instructions", lambda: instructions)

    return of


@pytest.mark.parametrize(
    ("machine", "instructions", "names"),
    [
        ("x86_64", "DEFAULT", ["DEFAULT"]),
        ("x86_64", "AVX2", ["DEFAULT", "AVX2"]),
        ("AMD64", "AVX512", ["DEFAULT", "AVX2", "AVX512"]),
        ("x86_64", "of tomorrow", ["DEFAULT"]),
        ("arm64", "DEFAULT", ["of this processor"]),
    ],
)
def test_no_kernel_is_chosen_that_the_processor_does_not_run(go, processor, machine, instructions, names):
    processor(machine, instructions)
    assert list(go.kernels()) == names


def test_the_numerical_tests_run_with_each_kernel_and_any_failure_counts(go, installs, processor, monkeypatch, capfd):
    processor("x86_64", "AVX2")
    (go.ROOT / "tests").mkdir()
    (go.ROOT / "tests" / "test_numbers.py").write_text("@pytest.mark.numerical\n")
    (go.ROOT / "tests" / "test_words.py").write_text("@pytest.mark.slow\n")
    words = (
        "import os, sys; print(*map(os.environ.get, sys.argv[1:3])); sys.exit(os.environ[sys.argv[2]] == 'Prescott')"
    )
    asked = []

    def start(command, choice):
        asked.append(command[3:])
        return begin([sys.executable, "-c", words, "OMP_NUM_THREADS", "OPENBLAS_CORETYPE"], choice)

    begin = go.start
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    monkeypatch.setattr(go, "start", start)
    with pytest.raises(SystemExit) as stopped:
        go.main(["test", "--kernels", "-k", "inverse"])
    assert stopped.value.code == 1
    assert capfd.readouterr().out.split("\n") == ["1 Prescott", "1 Haswell", ""]
    assert asked[0][:2] == ["pytest", str(go.ROOT / "tests" / "test_numbers.py")]
    assert asked[0][-6:] == ["-n", "0", "-m", "numerical", "-k", "inverse"]
    assert "test_words" not in " ".join(asked[0])


@pytest.mark.numerical
def test_the_kernels_named_are_those_that_run():
    """With --kernels: a variable that no library reads any more would test one kernel again and again."""
    import scipy.linalg  # noqa: F401
    import torch
    from threadpoolctl import threadpool_info

    oldest = {"Katmai": "Prescott"}  # as OpenBLAS calls it
    blas = {oldest.get(kind, kind) for kind in (i.get("architecture") for i in threadpool_info()) if kind}
    running = torch.backends.cpu.get_cpu_capability().lower()
    named = os.environ.get("OPENBLAS_CORETYPE")
    assert named is None or blas <= {named}
    assert running == os.environ.get("ATEN_CPU_CAPABILITY", running)


def test_options_of_go_do_not_reach_the_command(go, became):
    go.main(["doctor", "--accept-cuda", "--find-links", "wheels"])
    assert became["words"] == ["beable", "doctor"]


def test_one_thread_a_process_unless_told_otherwise(go, became, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    go.main(["doctor"])
    assert became["env"]["OMP_NUM_THREADS"] == "1"
    assert became["env"]["MKL_NUM_THREADS"] == "3"


def test_an_old_python_is_told_what_it_lacks(go, monkeypatch):
    monkeypatch.setattr(go.sys, "version_info", (3, 10, 1))
    monkeypatch.setattr(go.shutil, "which", lambda name: "/usr/bin/python3.12" if name == "python3.12" else None)
    with pytest.raises(SystemExit, match=r"3\.11 or newer.*python3\.12 go\.py"):
        go.check_python()


def test_a_python_without_venv_is_told_what_to_install(go, monkeypatch):
    monkeypatch.setattr(go.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="python3-venv"):
        go.check_python()


# The tested set


def constraints():
    """The constraints by normalised name."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    wanted = [Requirement(line) for line in lines]
    return {need.name.lower().replace("_", "-"): need.specifier for need in wanted}


def test_constraints_are_exact_and_allow_any_build_of_torch():
    pinned = constraints()
    assert all(len(specifier) == 1 and str(specifier).startswith("==") for specifier in pinned.values())
    assert pinned["torch"].contains("2.13.0+cpu")
    assert not any("+" in str(specifier) for specifier in pinned.values())


def test_constraints_cover_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *(need for extra in extras for need in extra)]
    pinned = constraints()
    for need in map(Requirement, [*asked, *project["build-system"]["requires"]]):
        if need.name not in {"beable", "pyvista", "vtk"}:  # those are read with a stand-in in the tests, of no version
            version = str(pinned[need.name.lower()]).removeprefix("==")
            assert need.specifier.contains(version), need
