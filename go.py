"""Everything from a fresh clone, with nothing but Python: makes .venv beside this file, once, and runs beable in it.

    python3 go.py demo                   the Darcy study, end to end; ends with the path of its report
    python3 go.py test [--slow] [...]    the tests; further words go to pytest
    python3 go.py test --kernels [...]   the numerical tests with every kernel of the processor, the plainest first
    python3 go.py install [EXTRA ...]    only the environment, with extras such as docs or dask
    python3 go.py VERB ...               any verb of beable: simulate, data, fit, study, doctor, --help ...

Where PyTorch comes from, on a machine that has none yet:

    --torch-index URL    also look for PyTorch in this package index
    --find-links DIR     also look for packages in this folder of wheels
    --accept-cuda        take a CUDA build even though there is no NVIDIA driver
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PACKAGES = VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: what chooses the kernels of OpenBLAS (NumPy, SciPy) and of PyTorch, MKL and oneDNN, by the instructions they need
KERNELS = {
    "DEFAULT": {
        "OPENBLAS_CORETYPE": "Prescott",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
    "AVX2": {
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "AVX512": {"OPENBLAS_CORETYPE": "SkylakeX", "ATEN_CPU_CAPABILITY": "avx512"},
}
DEMO = ["study", "run", "darcy-mixture", "--preset", "quick"]


def main(words: list[str]) -> None:
    """Make sure of the environment, then become the command."""
    check_python()
    options, words = read(words)
    if not words or words[0] in ("-h", "--help"):
        print(__doc__.strip())
    elif words[0] == "install":
        install(set(words[1:]), options)
    elif words[0] == "test":
        install({"tests"}, options)
        if "--kernels" in words:
            sys.exit(test_kernels([word for word in words[1:] if word != "--kernels"]))
        become(["pytest", *tests(words[1:])], ROOT)
    else:
        install(set(), options)
        become(["beable", *(demo(words[1:]) if words[0] == "demo" else words)], Path.cwd())


def read(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of this file, and the words that are left."""
    parser = argparse.ArgumentParser("go.py", add_help=False, allow_abbrev=False)
    parser.add_argument("--torch-index")
    parser.add_argument("--find-links")
    parser.add_argument("--accept-cuda", action="store_true")
    return parser.parse_known_args(words)


def demo(words: list[str]) -> list[str]:
    """The verb behind ``demo``."""
    return [*DEMO, *([] if {"-o", "--output"} & set(words) else ["-o", "demo-out"]), *words]


def tests(words: list[str]) -> list[str]:
    """The arguments of pytest: one process a core, four at most; a later word wins over an earlier one."""
    chosen = [] if "--slow" in words else ["-m", "not slow"]
    return ["-n", str(min(4, cores())), "--dist", "worksteal", *chosen, *(w for w in words if w != "--slow")]


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def become(command: list[str], folder: Path) -> None:
    """Replace this process by a module of the environment, so that signals and exit codes are its own."""
    os.chdir(folder)
    sys.stderr.flush()
    os.execve(PYTHON, [str(PYTHON), "-P", "-m", *command], variables())  # noqa: S606


def variables() -> dict[str, str]:
    """The variables of a process: one thread, unless they name another number."""
    return {**{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}, **os.environ}


# Kernels


def test_kernels(words: list[str]) -> int:
    """The numerical tests with every kernel, side by side; the first exit code that is not 0."""
    command = [str(PYTHON), "-P", "-m", "pytest", *numerical_files(), *tests(["-n", "0", "-m", "numerical", *words])]
    chosen = kernels()
    running = [start(command, choice) for choice in chosen.values()]
    for name, process in zip(chosen, running, strict=True):
        printed, _ = process.communicate()
        say(f"numerical tests with the kernels {name}: {' '.join(f'{k}={v}' for k, v in chosen[name].items())}")
        print(printed, end="", flush=True)
    return next((process.returncode for process in running if process.returncode), 0)


def numerical_files() -> list[str]:
    """Files with numerical tests: a process need not read the others."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(path) for path in files if "mark.numerical" in path.read_text(encoding="utf-8")]


def start(command: list[str], choice: dict[str, str]) -> subprocess.Popen[str]:
    """A process with the kernels of a choice, its output kept."""
    env = {**variables(), **choice}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kernels() -> dict[str, dict[str, str]]:
    """The kernels that this processor runs; its own alone where it is none of Intel's kind."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return {"of this processor": {}}
    names, most = list(KERNELS), instructions()
    return {name: KERNELS[name] for name in names[: names.index(most) + 1 if most in names else 1]}


def instructions() -> str:
    """What PyTorch finds in the processor, which it reads on every system: a name in ``KERNELS``, if it is listed."""
    code = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    free = {name: value for name, value in os.environ.items() if name != "ATEN_CPU_CAPABILITY"}
    found = subprocess.run([str(PYTHON), "-P", "-c", code], env=free, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def check_python() -> None:
    """This Python can carry beable and make environments."""
    if os.name != "posix":
        stop("beable runs on Linux and macOS (on Windows: in WSL)")
    if sys.version_info < (3, 11):  # noqa: UP036
        newer = [f"python3.{minor}" for minor in range(14, 10, -1) if shutil.which(f"python3.{minor}")]
        hint = f"; try: {newer[0]} go.py" if newer else ""
        stop(f"beable needs Python 3.11 or newer, this is {platform.python_version()}{hint}")
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        stop("this Python cannot make environments; on Debian and Ubuntu: apt install python3-venv")


# The environment


def install(extras: set[str], options: argparse.Namespace) -> None:
    """Install beable with these extras, unless that was done for this very key."""
    if installed(extras):
        return
    check_extras(extras)
    with alone():
        if installed(extras):
            return
        say(f"installing beable{target(extras)[1:]} into {VENV} (once: a minute or two, 1.6 GB)")
        start = time.monotonic()
        make_environment()
        get_torch(options)
        install_packages(["--editable", target(extras), *find_links(options)])
        (VENV / "-".join(["installed", *sorted(extras)])).write_text(key(extras))
        say(f"installed in {time.monotonic() - start:.0f} s")


def check_extras(extras: set[str]) -> None:
    """All of these are extras of beable."""
    import tomllib

    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if extras - set(known):
        stop(f"unknown extra {', '.join(sorted(extras - set(known)))}; known: {', '.join(sorted(known))}")


def target(extras: set[str]) -> str:
    """What pip is asked for."""
    return f".[{','.join(sorted(extras))}]" if extras else "."


def installed(extras: set[str]) -> bool:
    """Some earlier installation, still valid, holds these extras."""
    stamps = {stamp: set(stamp.name.split("-")[1:]) for stamp in VENV.glob("installed*")}
    return any(extras <= held and stamp.read_text() == key(held) for stamp, held in stamps.items())


def key(extras: set[str]) -> str:
    """What an installation depends on: Python, place, extras, requirements, constraints."""
    parts = [platform.python_version(), str(ROOT), *sorted(extras)]
    files = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes()]
    return hashlib.sha256(b"\0".join([*(part.encode() for part in parts), *files])).hexdigest()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One installation at a time; the kernel lets go when the process ends, however it ends."""
    import fcntl

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make_environment() -> None:
    """An environment of this Python with pip in it; one that is broken or of another Python is made anew."""
    if not (PYTHON.exists() and (PACKAGES / "pip").is_dir()):
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
        if made.returncode:
            stop(f"cannot make {VENV}: {last_line(made.stdout + made.stderr)}")


# PyTorch


def get_torch(options: argparse.Namespace) -> None:
    """Install PyTorch first and alone, so that its index serves nothing else."""
    if (PACKAGES / "torch").is_dir():
        return
    sources = find_links(options)
    if options.torch_index:
        sources += ["--extra-index-url", options.torch_index]
    if not (options.accept_cuda or has_driver()):
        refuse_cuda(sources)
    install_packages(["torch", *sources])


def find_links(options: argparse.Namespace) -> list[str]:
    """The user's folder of wheels, for pip."""
    return ["--find-links", options.find_links] if options.find_links else []


def has_driver() -> bool:
    """A CUDA build is no surprise here: an NVIDIA driver, or a system whose builds have no CUDA."""
    return sys.platform != "linux" or Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def refuse_cuda(sources: list[str]) -> None:
    """Look which PyTorch would come, and leave the choice to the user if it brings CUDA."""
    say("looking which build of PyTorch pip would take")
    # A pip that reads an index's metadata alone makes the look cheap; without it the look is only slower.
    run_pip(["install", "--quiet", "--upgrade", "pip"])
    look = run_pip(["install", "--quiet", "--dry-run", "--no-deps", "--report", "-", "torch", *sources])
    if look.returncode:
        stop(f"pip finds no PyTorch for Python {platform.python_version()}: {last_line(look.stderr)}")
    torch = json.loads(look.stdout)["install"][0]["metadata"]
    cuda = [name for name in torch.get("requires_dist", []) if needs_cuda(name)]
    if cuda:
        stop(
            f"PyTorch {torch['version']} would come as a CUDA build, gigabytes of it, and there is no NVIDIA driver.\n"
            "Run the same command again with one of:\n"
            f"  --torch-index {CPU_INDEX}    the CPU build, from PyTorch's own index\n"
            "  --find-links DIR    a CPU wheel that lies in DIR\n"
            "  --accept-cuda    the CUDA build all the same"
        )


def needs_cuda(requirement: str) -> bool:
    """Whether a requirement of PyTorch, meant for this machine, is a part of CUDA."""
    here = "platform_machine" not in requirement or platform.machine() in requirement
    return here and re.match(r"(nvidia|cuda)-", requirement) is not None


# pip


def pip_command(arguments: list[str]) -> list[str]:
    """The environment's pip."""
    return [str(PYTHON), "-m", "pip", *arguments]


def pip_environment() -> dict[str, str]:
    """The constraints hold for what pip installs and for what pip builds with."""
    constraints = CONSTRAINTS.as_uri()  # pip splits these variables at blanks, and a URI has none
    names = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
    return {**os.environ, **dict.fromkeys(names, constraints), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run_pip(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pip silently."""
    return subprocess.run(pip_command(arguments), cwd=ROOT, env=pip_environment(), capture_output=True, text=True)


def install_packages(arguments: list[str]) -> None:
    """Install with pip and show the name of each package as it comes."""
    command = pip_command(["install", "--progress-bar", "off", *arguments])
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=pip_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            show(line)
    print(file=sys.stderr)
    if process.returncode:
        stop("pip could not install:\n" + "".join(lines[-15:]))


def show(line: str) -> None:
    """One word for each of pip's long steps."""
    package = re.match(r"Collecting ([\w.-]+)", line) or re.match(r"Processing .*/([^/-]+)-[^/]*\.whl", line)
    word = package[1] if package else "... unpacking" if line.startswith("Installing collected") else ""
    if word:
        print(f" {word}", end="", file=sys.stderr, flush=True)


# Words to the user


def say(text: str) -> None:
    """One line on what happens; stdout belongs to the command."""
    print(f"go.py: {text}", file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    """The line of a tool's output that says why it failed."""
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no reason given")


def stop(text: str) -> NoReturn:
    """End with a reason."""
    sys.exit(f"go.py: {text}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        say("interrupted; the same command goes on")
        sys.exit(130)
    except OSError as error:
        sys.exit(f"go.py: {error.strerror or error}: {error.filename or ROOT}")
