"""Every call that writes, of every verb that writes, is refused or is the last one before a kill: nothing is lost.

After the fault the same command leaves the files of a command that nothing befell, and no others. A few of the calls
are tried here, all of them in the slow tests.
"""

import datetime
import errno
import fcntl
import gc
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_study
from fault_layer import KILLED, Fault, run_with

from beable.commands import cli
from beable.console import made
from beable.datasets.store import Store
from beable.report import export, html, markdown, pictures
from beable.report.page import Evidence, Figure, Page, Table
from beable.studies import answers
from beable.studies import study as studies
from beable.training.run import train

pytestmark = pytest.mark.filterwarnings("ignore")  # the children's, of trainings of a few steps

OUTPUT, ROWS, SIDE = 73, 12, 5
#: in the slow tests every call is tried, or one in so many for a shorter trial
STRIDE = int(os.environ.get("BEABLE_FAULT_STRIDE", "1"))
SMALL = "--members 2 --latents 1 --start pca --steps 3 --batch 8 --set model.width=4 --json"
STUDY = tiny_study.STUDY.replace("steps = 4", "steps = 2") + "[presets.quick]\n"


def tiny_page(*about: Any) -> Page:
    """A page with a table and two figures, which are not drawn."""
    figures = [Figure(None, "A figure.", "what it shows") for _ in range(2)]
    return Page("A page", "It works.", opening=[Table("Numbers.", ["a"], [["1"]]), *figures])


def shown(answer: Any) -> Any:
    return Evidence("It is so.", [Table("Of the answer.", ["number"], [[str(answer.as_json())]])])


PARTS = {"rows": tiny_study.PARTS["rows"]._replace(section=shown)}


@dataclass(frozen=True)
class Verb:
    """A verb that writes.

    Args:
        line: with PLACE for the folder of inputs and ROOT for the folder of outputs.
        inputs: of PLACE that are copied into ROOT beforehand.
        leaves: what it leaves there.
        once: whether a second call is refused, because what it makes is there.
    """

    line: str
    inputs: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    once: bool = False

    def words(self, place: Path, root: Path) -> list[str]:
        return self.line.replace("PLACE", str(place)).replace("ROOT", str(root)).split()


VERBS = {
    "simulate": Verb("simulate darcy --grid 5 --rows 5 --workers 1 -o ROOT/out --json", leaves=("out",)),
    "import": Verb("import PLACE/mine.npz -o ROOT/out --json", leaves=("out",), once=True),
    "fit": Verb(f"fit PLACE/good.zarr -o ROOT/out {SMALL}", leaves=("out",)),
    "study run": Verb("study run darcy-mixture -o ROOT/out --workers 1 --json", leaves=("out",)),
    "sample": Verb("sample PLACE/run -o ROOT/out --rows 4 --json", leaves=("out",), once=True),
    "report": Verb("report ROOT/run PLACE/good.zarr --json", ("run",), ("run",)),
    "export": Verb("report PLACE/run PLACE/good.zarr -o ROOT/a.html --figures ROOT/figures --json",
                   leaves=("a.html", "figures")),
    "markdown": Verb("study report ROOT/study --markdown ROOT/a.md --json", ("study",), ("a", "a.md", "study")),
    "compare": Verb("compare PLACE/run PLACE/run2 -o ROOT/a.html --json", leaves=("a.html",)),
}  # fmt: skip


MADE = (
    f"fit PLACE/good.zarr -o PLACE/run {SMALL}",
    f"fit PLACE/good.zarr -o PLACE/run2 {SMALL} --seed 1",
    "study run darcy-mixture -o PLACE/study --workers 1 --json",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory, here, few_draws):
    """A folder with what the verbs read; pages are tiny, and trainings save at every step."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, SIDE, SIDE)).astype(np.float32)
    np.savez(folder / "mine.npz", heat=values)
    Store.from_arrays(folder / "good.zarr", {"heat": values})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.studies.part.parts_of", lambda system: PARTS)
        patched.setattr(studies, "load", lambda name: studies.parse(STUDY, "tiny"))
        patched.setitem(train.__kwdefaults__, "save_every", 0.0)
        patched.setattr(html, "picture", lambda figure, name: pictures.Picture("<svg></svg>", 1, 1))
        patched.setattr("beable.report.run.run_page", tiny_page)
        patched.setattr("beable.report.study.study_page", tiny_page)
        patched.setattr("beable.report.compare.compare_page", tiny_page)
        for module in (export, markdown):
            patched.setattr(module, "saved", lambda figure, kind: b"drawn")
        answers.code_version("darcy")
        for line in MADE:
            assert cli.run(line.replace("PLACE", str(folder)).split()) == 0
        root = tmp_path_factory.mktemp("once")  # what verbs import and prepare when they are called is ready for all
        for name, verb in VERBS.items():
            if name in ("fit", "study run"):  # which just were
                continue
            for source in verb.inputs:
                shutil.copytree(folder / source, root / source)
            assert cli.run(verb.words(folder, root)) == 0
            for made in root.iterdir():
                shutil.rmtree(made) if made.is_dir() else made.unlink()
        gc.collect()
        gc.freeze()  # so that children copy no memory only to look through it
        yield folder


class Trial:
    """A verb and what it leaves when nothing befalls it."""

    def __init__(self, verb: Verb, place: Path, folder: Path) -> None:
        self.verb, self.place, self.folder = verb, place, folder
        root = self.root("whole")
        self.whole = self.call(root)
        self.found = contents(root)

    def root(self, name: str) -> Path:
        """A fresh folder for outputs, always at the same path."""
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for source in self.verb.inputs:
            shutil.copytree(self.place / source, root / source)
        return root

    def call(self, root: Path, fault: Fault | None = None, before: Callable[[], object] = lambda: None):
        """Call the verb in a child, after something was done to that child."""
        words = self.verb.words(self.place, root)
        return run_with(fault or Fault(), root, lambda: (before(), cli.run(words))[1])

    def misses(self, fault: Fault) -> list[str]:
        """What is not as it should be after a fault and a repetition."""
        root = self.root("fault")
        struck = self.call(root, fault)
        name = self.whole.calls[fault.at - 1]
        found = list(_of_fault(struck, fault, name))
        published = contents(root) == self.found
        again = self.call(root)
        if again.code != (OUTPUT if self.verb.once and published else 0):
            found.append(f"the same command ends with {again.code}: {again.lines}")
        after = contents(root)
        if after != self.found:
            differing = sorted(n for n in {*after, *self.found} if after.get(n) != self.found.get(n))
            found.append(f"other files: {differing[:5]}")
        return [f"{fault} {name}: {miss}" for miss in found]


def _of_fault(struck, fault: Fault, name: str):
    """What is not as it should be of a command that met a fault: a wrong exit code, or more than one line."""
    if fault.kind == "kill":
        if struck.code != KILLED:
            yield f"ended with {struck.code}: {struck.lines}"
        return
    tidying = name in ("unlink", "rmdir") and struck.code == 0  # of the lock, which stops nobody
    if not tidying and (struck.code != OUTPUT or len(told(struck.lines)) != 1):
        yield f"ended with {struck.code}: {struck.lines}"


def told(lines: list[str]) -> list[str]:
    """Lines on standard error but for progress and warnings."""
    return [line for line in lines if line and not re.match(r"beable: warning|[\w ,]+: (\d+ of|reading|loading)", line)]


def contents(root: Path) -> dict[str, object]:
    """Files by name, without what differs between two calls: the time they took, and when."""
    return {str(p.relative_to(root)): _lasting(p) for p in sorted(root.rglob("*")) if p.is_file() or p.is_symlink()}


CHANGING = ("cpu_seconds", "made", "sha256", "bytes", "run", "id")


def _lasting(path: Path) -> object:
    data = path.read_bytes()
    if path.suffix == ".json":
        with suppress(ValueError):  # what is torn differs from what is whole
            return without(json.loads(data))
    return re.sub(rb"[\d.,]+( m?s\b)?", b"0", data) if path.suffix in (".html", ".md", ".csv") else data


def without(tree: object) -> object:
    """A tree of JSON without what changes, and sums of files that hold it."""
    if isinstance(tree, dict):
        return {name: without(value) for name, value in tree.items() if name not in CHANGING}
    return [without(value) for value in tree] if isinstance(tree, list) else tree


@pytest.fixture(scope="module")
def trials(place, tmp_path_factory):
    """Trials by verb, made once."""
    made: dict[str, Trial] = {}

    def trial(name):
        if name not in made:
            made[name] = Trial(VERBS[name], place, tmp_path_factory.mktemp("trial"))
        return made[name]

    return trial


@pytest.mark.parametrize("name", VERBS)
def test_whatever_writes_goes_through_the_layer(trials, name):
    trial = trials(name)
    assert (trial.whole.code, trial.whole.passed) == (0, []), trial.whole.lines
    assert {n.split("/")[0] for n in trial.found} == set(VERBS[name].leaves)
    assert len(trial.whole.calls) >= 5


def test_what_goes_by_the_layer_is_heard(tmp_path):
    def command():
        (tmp_path / "by").write_text("it")
        return 0

    assert run_with(Fault(), tmp_path, command).passed == [f"open {tmp_path / 'by'}"]


def test_a_fault_that_costs_something_is_seen(trials, monkeypatch):
    """A writer without temporary names leaves a torn file behind, which stops the next call."""
    trial = trials("simulate")
    monkeypatch.setattr("beable.files.disk.atomic_write", _in_place)
    calls = trial.call(trial.root("count")).calls
    second = [k for k, name in enumerate(calls, 1) if name == "write"][1]  # the first one is that of the lock
    assert trial.misses(Fault("kill", second))


def _in_place(path, data, *, settle=True):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, data)
    os.close(descriptor)


KINDS = {
    "kill": ("kill", 0),
    "full once": ("once", errno.ENOSPC),
    "full for ever": ("ever", errno.ENOSPC),
    "failing": ("once", errno.EIO),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "kill") for name in VERBS] + [(name, list(KINDS)[1 + k % 3]) for k, name in enumerate(VERBS) if k % 2 == 0],
)
def test_a_fault_at_a_call_costs_nothing(trials, name, kind):
    """A kill for each verb and one of the other kinds for every other one, at a call of its own for each kind."""
    trial, (what, number) = trials(name), KINDS[kind]
    at = 1 + (2 * list(KINDS).index(kind) + 1) * len(trial.whole.calls) // (2 * len(KINDS))
    assert trial.misses(Fault(what, at, number)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", VERBS)
def test_a_fault_at_any_call_costs_nothing(trials, name, kind):
    trial, (what, number) = trials(name), KINDS[kind]
    assert [m for k in range(1, len(trial.whole.calls) + 1, STRIDE) for m in trial.misses(Fault(what, k, number))] == []


# Clocks and locks

YEAR = 365 * 86_400


def put_forward(seconds: float) -> None:
    """The clock of this process, as Python asks for it: seconds, moments and days."""
    now, now_ns, real = time.time, time.time_ns, datetime.datetime

    class Datetime(real):
        @classmethod
        def now(cls, tz=None):
            return real.fromtimestamp(now() + seconds, tz)

    time.time, time.time_ns = lambda: now() + seconds, lambda: now_ns() + int(seconds * 1e9)
    made.datetime = Datetime


def age(root: Path, seconds: float) -> None:
    """Let all files below a folder be of another time."""
    then = time.time() + seconds
    for path in root.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


@pytest.mark.parametrize(
    ("name", "parts"),
    [("simulate", (1,)), ("fit", (5,)), pytest.param("study run", (3,), marks=pytest.mark.slow)],
)
def test_a_clock_that_jumps_changes_nothing(trials, name, parts):
    """Killed a year ahead, at some sixths of its calls; gone on with a year behind, beside files of the future."""
    trial = trials(name)
    for part in parts:
        root = trial.root("fault")
        kill = Fault("kill", part * len(trial.whole.calls) // 6)
        assert trial.call(root, kill, partial(put_forward, YEAR)).code == KILLED
        age(root, YEAR)
        assert trial.call(root, before=partial(put_forward, -YEAR)).code == 0
        assert contents(root) == trial.found


def test_the_clock_is_put_forward_as_beable_sees_it(trials, place):
    """Which the test above could not tell: its comparison leaves dates out."""
    root = trials("fit").root("fault")
    trials("fit").call(root, before=partial(put_forward, YEAR))
    assert 364 <= (made_on(root / "out") - made_on(place / "run")).days <= 366


def made_on(run: Path) -> datetime.date:
    return datetime.date.fromisoformat(json.loads((run / "manifest.json").read_text())["about"]["made"]["date"])


def without_locks(number: int) -> None:
    """A file system of which the kernel can lock no file."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    fcntl.flock = refuse


#: verbs that hold the folder that they write; the others write under a name that nobody else has
HOLDING = ("simulate", "fit", "study run")


@pytest.mark.parametrize(("name", "number"), [*((name, errno.ENOLCK) for name in VERBS), ("fit", errno.EOPNOTSUPP)])
def test_without_locks_a_folder_that_must_be_held_is_not_written(trials, name, number):
    trial = trials(name)
    root = trial.root("fault")
    before = contents(root)
    ended = trial.call(root, before=partial(without_locks, number))
    after = {path: found for path, found in contents(root).items() if Path(path).name != ".lock"}
    if name in HOLDING:
        assert (ended.code, len(told(ended.lines)), after) == (OUTPUT, 1, before)
    else:
        assert (ended.code, told(ended.lines), after) == (0, [], trial.found)
