"""Command lines that meet a hostile file, in a forked child that is watched: code, seconds and bytes."""

import gc
import io
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from corpus import CASES, ROWS, SIDE, Case

from beable.commands import cli
from beable.commands.verbs import verbs
from beable.datasets.recognised import layouts
from beable.datasets.store import Store
from beable.training.run import train
from beable.training.settings import RunSettings

#: events of the interpreter that tell of code that came out of a file, or of a way out of the machine
CODE = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.connect",
        "webbrowser.open")  # fmt: skip
#: what verbs import when they are called
WORK = ("beable.datasets.importing", "beable.datasets.look", "beable.training.form", "beable.training.place",
        "beable.training.declared", "beable.metrics.anomaly", "beable.studies.run", "beable.report.study",
        "beable.report.markdown", "beable.report.export", "beable.design.search", "beable.datasets.generate",
        "beable.systems.darcy.simulator", "beable.studies.verify", "h5py", "zarr", "xarray.conventions",
        "xarray.backends.zarr", "scipy.io", "scipy.sparse.linalg")  # fmt: skip
#: seconds of a processor, bytes, and seconds on a clock that a busy machine may stretch
MOST_SECONDS, MOST_BYTES, PATIENCE = 5.0, 1.5e9, 600.0


def prepared() -> None:
    """Import what the command lines need, once, so that a child only does its work."""
    for module in {verb.function.partition(":")[0] for verb in verbs() if verb.function}:
        import_module(module)
    layouts()
    for name in WORK:
        import_module(name)


class Met(NamedTuple):
    """What became of a command line.

    Args:
        line: the command.
        code: its exit code; None where it did not end.
        said: lines on standard error, warnings apart.
        printed: what it printed.
        events: code that was run.
        seconds: of a processor.
        peak: largest memory until then, bytes.
        left: whether the output is there.
    """

    line: str
    code: int | None
    said: list[str]
    printed: str
    events: list[str]
    seconds: float
    peak: float
    left: bool


def shared_artefacts(where: Path) -> None:
    """The data set and the run that all cases share, and that forged ones are copied from."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, ROWS, 1, 1))
    x, y = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE), indexing="ij")
    field = (a * np.sin(3 * x + y) + 0.3 * b * np.cos(y - x)).astype(np.float32)
    store = Store.from_arrays(where / "good.zarr", {"u": field}, {"a": a.ravel(), "b": b.ravel()})
    tree = {
        "representation": {"kind": "fields"},
        "model": {"latents": 2, "width": 4},
        "training": {"members": 2, "steps": 3, "batch": 8, "start": "pca"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(store, where / "run", RunSettings.model_validate(tree))


def met(case: Case, shared: Path, where: Path) -> list[Met]:
    """Make the files of a case, and run its command lines beside them."""
    folder = where / "".join(c if c.isalnum() else "-" for c in case.name)
    folder.mkdir()
    for name in ("good.zarr", "run"):
        (folder / name).symlink_to(shared / name)
    case.make(folder)
    found = _in_child(case, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _in_child(case: Case, folder: Path) -> list[Met]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _child(case, folder, write)
    os.close(write)
    told, begun = b"", time.monotonic()
    while time.monotonic() - begun < PATIENCE and select.select([read], [], [], PATIENCE)[0]:
        part = os.read(read, 2**16)
        if not part:
            break
        told += part
    os.close(read)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = [Met(**json.loads(line)) for line in told.splitlines()]
    rest = case.lines[len(found) :]
    return [*found, *(Met(line[:80], None, [], "", [], PATIENCE, 0, False) for line in rest[:1])]


def _child(case: Case, folder: Path, pipe: int) -> None:
    gc.disable()
    os.chdir(folder)
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    events: list[str] = []
    sys.addaudithook(lambda event, args: events.append(f"{event} {args!r:.80}") if event.startswith(CODE) else None)
    try:
        for line in case.lines:
            os.write(pipe, json.dumps(_one(line, events)._asdict()).encode() + b"\n")
    finally:
        os._exit(0)


def _one(line: str, events: list[str]) -> Met:
    said, printed = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    sys.stderr, sys.stdout = said, printed
    before, begun = len(events), time.process_time()
    try:
        code: Any = cli.run(line.split())
    except BaseException as error:
        code = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - begun
    lines = said.buffer.getvalue().decode(errors="replace").splitlines()
    own = [text for text in lines if text.startswith("beable: ") and not text.startswith("beable: warning:")]
    own += [text for text in lines if text.startswith("Traceback")]
    text = printed.buffer.getvalue().decode(errors="replace")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    left = os.path.lexists("out") and code != 0
    run = [*events[before:], *(["canary"] if os.path.lexists("canary") else [])]
    return Met(line[:80], code, own, text[-2000:], run, seconds, peak, left)


def faults(case: Case, found: list[Met]) -> list[str]:
    """What must not be: one line each."""
    wrong = [f"{case.name}: {m.line}: {why}" for m in found for why in _faults(m)]
    if not case.harmless and found[0].code == 0:
        wrong.append(f"{case.name}: {found[0].line}: read as if nothing were wrong")
    return wrong


def _faults(m: Met) -> list[str]:
    if m.code is None:
        return ["did not end"]
    about = {
        f"code run: {m.events[:2]}": bool(m.events),
        f"{m.seconds:.1f} s": m.seconds > MOST_SECONDS,
        f"{m.peak / 1e9:.1f} GB": m.peak > MOST_BYTES,
        f"exit code {m.code}": m.code == 1 or isinstance(m.code, str),
        f"says {m.said[:2]}": any("unexpected" in line or line.startswith("Traceback") for line in m.said),
        f"{len(m.said)} lines": len(m.said) != (m.code != 0),
        "leaves an output": m.left,
        "numbers of another file came out": "271828" in m.printed,
    }
    return [words for words, is_so in about.items() if is_so]


__all__ = ["CASES", "Met", "faults", "met", "prepared", "shared_artefacts"]
