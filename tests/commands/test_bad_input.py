"""What a user gets wrong, and what a machine does to a user: one clear line, an exit code, nothing lost."""

import errno
import os
import re
import resource
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from forked import Forked

from beable.commands.cli import run
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.errors import BeableError, CorruptError, DataError, OutputError, UsageError
from beable.files import artefacts, disk
from beable.systems.darcy.simulator import Darcy
from beable.training.checkpoint import Saver
from beable.training.run import Run, train
from beable.training.settings import RunSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "programs"))

import pausing

pytestmark = pytest.mark.filterwarnings("ignore:.*members over-fit")  # 30 rows, a few steps

USAGE, DATA, CORRUPT, OUTPUT, LOCKED, INTERRUPTED = 2, 3, 5, 73, 75, 130
ROWS, SIDE = 40, 9
SHORT = "--steps 20 --members 2 --latents 1 --start pca"  # which needs no scikit-learn
SMALL = "--grid 9 --workers 1"
PROGRESS = re.compile(r"(rows|training): \d+ of \d+")


def field(rows=ROWS, side=SIDE):
    """One field of one factor, (rows, side, side), with a little of a second one."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, rows, 1, 1))
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij")
    return (a * np.sin(3 * x + y) + 0.1 * b * np.cos(y - x)).astype(np.float32)


def with_nan(rows):
    values = field()
    values[rows, 0, 0] = np.nan
    return values


def with_infinity(row):
    values = field()
    values[row, 0, 0] = np.inf
    return values


STORES = {
    "good": {"pressure": field()},
    "one": {"pressure": field(1)},
    "two": {"pressure": field(2)},
    "three": {"pressure": field(3)},
    "hollow": {"pressure": with_nan(slice(1, None))},
    "constant": {"pressure": np.ones((ROWS, SIDE, SIDE), np.float32)},
    "still": {"pressure": field(), "heat": np.ones((ROWS, SIDE, SIDE), np.float32)},
    "grids": {"pressure": field(), "heat": field(side=5)},
    "coarse": {"pressure": field(side=5)},
    "masses": {"mass": np.full(ROWS, 3.0)},
    "other": {"heat": field()},
}
SETTINGS = RunSettings.model_validate(
    {
        "model": {"latents": 1},
        "training": {"steps": 20, "members": 2, "start": "pca"},
        "representation": {"kind": "modes"},
    }
)
CONFIGS = {
    "misspelt": "[training]\nstpes = 3",
    "flat": "modle = 3",
    "broken": "[model",
    "rates": "[training]\nlearning_rate = [0.1, 0.2]\nmembers = 3",
    "halves": "[representation]\nmodes = 2.5",
    "enrgy": "[representation]\nenrgy = 0.9",
    "zeroth": "[training]\nrows = [0, 6]\nmembers = 2",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data sets good and bad, and a run."""
    folder = tmp_path_factory.mktemp("place")
    for name, arrays in STORES.items():
        Store.from_arrays(folder / f"{name}.zarr", arrays, allow_failed=True)
    for name, text in CONFIGS.items():
        (folder / f"{name}.toml").write_text(text)
    train(Store.open(folder / "good.zarr"), folder / "run", SETTINGS)
    generate(Darcy(grid=SIDE), folder / "darcy.zarr", 3, workers=1)
    for name in ("good.zarr", "run"):
        shutil.copytree(folder / name, folder / f"future-{name}")
        about = artefacts.read_manifest(folder / name)
        artefacts.seal(folder / f"future-{name}", about.kind, about.version + 1, about.about)
    (folder / "letter").write_text("words")
    (folder / "desk").mkdir()
    (folder / "desk" / "thesis.tex").write_text("years of work")
    return folder


def contents(folder):
    """Every file under a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def traces(folder):
    """Every file under a folder with its size and when it was last written or replaced."""
    about = {p: p.stat() for p in sorted(folder.rglob("*")) if p.is_file()}
    return {str(p): (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p, s in about.items()}


def complaint(errors):
    """The one line on standard error, progress aside."""
    lines = [line for line in errors.splitlines() if not PROGRESS.match(line)]
    assert len(lines) == 1, errors
    assert lines[0].startswith("beable: ")
    assert "Traceback" not in errors
    assert "unexpected" not in errors
    return lines[0]


CASES = [
    # rows
    (f"fit one.zarr -o new {SHORT}", DATA, "1 usable rows: at least 4"),
    (f"fit two.zarr -o new {SHORT}", DATA, "2 usable rows: at least 4"),
    (f"fit hollow.zarr -o new {SHORT}", DATA, "1 usable rows: at least 4"),
    ("fit three.zarr -o new --latents 2", DATA, "3 usable rows: at least 4 are needed, two of them held out"),
    ("fit good.zarr -o new --modes 99", DATA, "99 modes need at least 100 training rows, got 30"),
    ("fit good.zarr -o new --modes 20", DATA, "the training rows hold only"),
    ("fit good.zarr -o new --latents 50", DATA, "lower model.latents"),
    (
        "fit good.zarr -o new --held-out 2000",
        DATA,
        "set training.held_out so that at least 2 are held out and 2 are kept",
    ),
    ("fit good.zarr -o new --config zeroth.toml", DATA, "one number from 1 to 30"),
    # fields without anything in them, and of other shapes
    (f"fit constant.zarr -o new {SHORT}", DATA, "pressure is the same in all 30 training rows"),
    (
        f"fit still.zarr -o new {SHORT}",
        DATA,
        "heat is the same in all 30 training rows and has nothing to learn: leave it out",
    ),
    (f"fit grids.zarr -o new {SHORT}", DATA, "name those on one grid in variables"),
    (f"fit masses.zarr -o new {SHORT}", DATA, "mass is the same in all 30 training rows"),
    ("rd constant.zarr -o new", DATA, "nothing to learn"),
    ("evaluate run coarse.zarr", DATA, "give what the model was trained on"),
    ("report run coarse.zarr -o new.html", DATA, "give what the model was trained on"),
    ("evaluate run constant.zarr", DATA, "no variance to explain"),
    ("evaluate run one.zarr", DATA, "at least 2 are needed"),
    ("simulate darcy --rows 3 --factors table --table 1,2,3;4,5,6;7,8,9 -o new", DATA, "shape (rows, 2)"),
    ("simulate darcy --rows 3 --factors table --table 1,2;3 -o new", DATA, "all of one length"),
    (
        "simulate darcy --rows 3 --factors table --table 1,nan;3,4;5,6 -o new",
        USAGE,
        "table.0.1 must be a finite number, not nan",
    ),
    # unknown names, with the nearest
    ("fut good.zarr", USAGE, "did you mean 'fit'? known: "),
    ("data inf good.zarr", USAGE, "did you mean 'info'? known: "),
    ("simulate darci --rows 3", USAGE, "did you mean 'darcy'? known: "),
    ("study show darcy-mixtur", USAGE, "did you mean 'darcy-mixture'? known: "),
    ("study run darcy-mixture --preset quik -o new", USAGE, "did you mean 'quick'? known: "),
    (
        "simulate darcy --rows 3 --factors mixtur -o new",
        USAGE,
        "unknown factors 'mixtur': did you mean 'mixture'? known: correlated-gaussian, correlated-mixture, mixture",
    ),
    ("fit good.zarr -o new --step 30", USAGE, "unknown option --step: did you mean --steps?"),
    ("fit good.zarr -o new --variables presure", USAGE, "did you mean 'pressure'? known: pressure"),
    ("fit good.zarr -o new --prior standart", USAGE, "did you mean 'standard'? known: gaussian, hierarchical, mixture"),
    ("fit good.zarr -o new --start icca", USAGE, "did you mean 'ica'? known: ica, mixed, pca, random"),
    (
        "fit good.zarr -o new --representation mode",
        USAGE,
        "did you mean 'modes'? known: auto, coordinates, density, distances, fields, internal, joint, modes, ",
    ),
    (
        "fit good.zarr -o new --scaling chanel",
        USAGE,
        "did you mean 'channel'? known: box, channel, deviation, diagonal, maximum, none, overall, range",
    ),
    ("fit good.zarr -o new --config misspelt.toml", USAGE, "did you mean 'training.steps'? known: "),
    (
        "fit good.zarr -o new --config enrgy.toml",
        USAGE,
        "unknown setting 'representation.enrgy': did you mean 'representation.energy'? known: ",
    ),
    ("fit good.zarr -o new --config flat.toml", USAGE, "did you mean 'model'? known: "),
    ("evaluate run other.zarr", USAGE, "unknown variable 'pressure': known: heat"),
    # invalid numbers
    ("simulate darcy --rows -3 -o new", USAGE, "rows must be a whole number of at least 1, not '-3'"),
    ("simulate darcy --rows 0 -o new", USAGE, "rows must be"),
    ("simulate darcy --rows many -o new", USAGE, "--rows must be a whole number of at least 1, not 'many'"),
    (f"simulate darcy --rows 3 --seed -1 -o new {SMALL}", USAGE, "seed must be"),
    ("simulate darcy --rows 3 --grid 9 --workers 0 -o new", USAGE, "workers must be"),
    ("simulate darcy --rows 3 --modes -1 -o new", USAGE, "modes must be at least 1, not -1"),
    (
        "simulate darcy --rows 3 --modes 200 --grid 9 -o new",
        USAGE,
        "modes must be at most 81 on a grid of 9 nodes, not 200",
    ),
    ("simulate darcy --rows 3 --grid 2 -o new", USAGE, "grid must be"),
    ("simulate darcy --rows 3 --correlation-length nan -o new", USAGE, "length must be a finite number"),
    ("simulate darcy --rows 3 --log-k-variance -1 -o new", USAGE, "variance must be at least 1e-08"),
    (f"simulate darcy --rows 3 --failure-limit -1 -o new {SMALL}", USAGE, "failure_limit must be a share"),
    (f"simulate darcy --rows 3 --failure-limit nan -o new {SMALL}", USAGE, "--failure-limit must be a finite number"),
    ("fit good.zarr -o new --latents -1", USAGE, "model.latents must be at least 1, not -1"),
    ("fit good.zarr -o new --members -3", USAGE, "training.members must be at least 1, not -3"),
    ("fit good.zarr -o new --steps 0", USAGE, "training.steps must be at least 1, not 0"),
    ("fit good.zarr -o new --batch 0", USAGE, "training.batch must be at least 1, not 0"),
    ("fit good.zarr -o new --seed -1", USAGE, "training.seed must be at least 0, not -1"),
    ("fit good.zarr -o new --patience 0", USAGE, "training.patience must be at least 1, not 0"),
    ("fit good.zarr -o new --held-out -1", USAGE, "training.held_out must be greater than 0, not -1"),
    ("fit good.zarr -o new --modes 0", USAGE, "representation.modes must be at least 1, not 0"),
    ("fit good.zarr -o new --config halves.toml", USAGE, "representation.modes must be a whole number, not 2.5"),
    ("fit good.zarr -o new --energy 2", USAGE, "representation.energy must be at most 1, not 2"),
    (f"fit good.zarr -o new --beta -1 {SHORT}", USAGE, "objective.beta"),
    (f"fit good.zarr -o new --beta nan {SHORT}", USAGE, "finite number"),
    (
        f"fit good.zarr -o new --learning-rate -1 {SHORT}",
        USAGE,
        "training.learning_rate must be greater than 0, not -1",
    ),
    (f"fit good.zarr -o new --learning-rate inf {SHORT}", USAGE, "finite number"),
    ("fit good.zarr -o new --steps 20 --config rates.toml", USAGE, "2 learning rates for 3 members"),
    (f"fit good.zarr -o new --threads 0 {SHORT}", USAGE, "threads must be"),
    ("rd good.zarr -o new --members 0", USAGE, "training.members must be at least 1, not 0"),
    ("rd good.zarr -o new --betas -1", USAGE, "positive numbers for beta"),
    ("rd good.zarr -o new --sigma -1", USAGE, "model.sigma must be greater than 0, not -1"),
    ("study run darcy-mixture --workers -1 -o new", USAGE, "workers must be"),
    # paths that are not what they should be
    ("fit nowhere.zarr -o new", USAGE, "nowhere.zarr: no such folder: check the name"),
    ("fit good.zarr", USAGE, "--output is missing: run folder to make"),
    ("fit good.zarr -o new --config nowhere.toml", USAGE, "no such file"),
    ("fit good.zarr -o new --config broken.toml", USAGE, "mend the file"),
    ("simulate darcy --rows 3 --factors table --table nowhere.npy -o new", USAGE, "table nowhere.npy: no such file"),
    ("data info nowhere.zarr", USAGE, "no such folder"),
    ("evaluate nowhere good.zarr", USAGE, "no such folder"),
    ("fit letter -o new", CORRUPT, "a file, not a data set: import it first"),
    ("fit desk -o new", CORRUPT, "not a beable data set"),
    ("fit run -o new", CORRUPT, "a beable-run where a beable-store is expected"),
    ("evaluate good.zarr good.zarr", CORRUPT, "a beable-store where a beable-run is expected"),
    # another version
    ("data info future-good.zarr", CORRUPT, "this beable reads version 1: use the beable that wrote it"),
    ("fit future-good.zarr -o new", CORRUPT, "this beable reads version 1"),
    ("evaluate future-run good.zarr", CORRUPT, "this beable reads version 1"),
    ("report future-run good.zarr -o new.html", CORRUPT, "this beable reads version 1"),
    # outputs that are taken or cannot be
    (
        "fit good.zarr -o run --steps 30",
        OUTPUT,
        "holds another training (settings.model.latents: 1 there, 2 asked; settings.training.members: 2 there, 16",
    ),
    ("fit good.zarr -o good.zarr", OUTPUT, "exists and is not a training"),
    ("fit good.zarr -o desk", OUTPUT, "exists and is not a training"),
    ("fit good.zarr -o letter/run", OUTPUT, "a part of this path is a file"),
    (f"simulate darcy --rows 3 {SMALL} -o run", OUTPUT, "is not a beable data set: choose a new folder"),
    (f"simulate darcy --rows 3 {SMALL} -o desk", OUTPUT, "is not a beable data set: choose a new folder"),
    (f"simulate darcy --rows 4 {SMALL} -o darcy.zarr", OUTPUT, "rows: 3 there, 4 asked"),
    (f"simulate darcy --rows 3 {SMALL} -o letter", OUTPUT, "exists already"),
    (f"simulate darcy --rows 3 {SMALL} -o letter/new", OUTPUT, "a part of this path is a file"),
]


@pytest.mark.parametrize(("line", "code", "words"), CASES, ids=[line for line, _, _ in CASES])
def test_a_mistake_costs_one_line_and_nothing_else(place, monkeypatch, capsys, line, code, words):
    monkeypatch.chdir(place)
    before = traces(place)
    assert run(line.split()) == code
    told = capsys.readouterr()
    assert words in complaint(told.err)
    assert told.out == ""
    assert traces(place) == before


def test_after_a_mistake_the_same_folder_can_be_used(place, tmp_path, capsys):
    words = ["fit", f"{place}/good.zarr", "-o", f"{tmp_path}/new", "--steps", "5", "--members", "1", "--latents", "1"]
    assert run([*words, "--modes", "99"]) == DATA
    assert run([*words, "--modes", "2"]) == 0
    assert Run.load(tmp_path / "new").members == 1


def test_a_long_list_of_differences_is_cut_short(place, tmp_path, capsys):
    shutil.copytree(place / "good.zarr", tmp_path / "good.zarr")
    assert run(f"simulate darcy --rows 3 {SMALL} -o {tmp_path}/good.zarr".split()) == OUTPUT
    assert len(complaint(capsys.readouterr().err)) < 300 + len(str(tmp_path))


def failing(*, nan=(), **shapes):
    """Arguments of `Store.from_arrays` with faults."""
    arrays = {name: np.ones(shape) for name, shape in shapes.items()}
    for row in nan:
        arrays["pressure"][row] = np.nan
    return arrays


PYTHON = {
    "rows with NaN": (
        lambda t, r: Store.from_arrays(t / "s", failing(pressure=(5, 3, 3), nan=[1, 4])),
        DataError,
        "2 of 5 rows are not finite (row 1: not finite: pressure",
    ),
    "only rows with NaN": (
        lambda t, r: Store.from_arrays(t / "s", failing(pressure=(2, 3, 3), nan=[0, 1]), allow_failed=True),
        DataError,
        "no row is usable",
    ),
    "other numbers of rows": (
        lambda t, r: Store.from_arrays(t / "s", failing(pressure=(5, 3, 3), heat=(4, 3, 3))),
        DataError,
        "pressure 5, heat 4",
    ),
    "no rows": (lambda t, r: Store.from_arrays(t / "s", failing(pressure=(0, 3, 3))), DataError, "at least one row"),
    "no arrays": (lambda t, r: Store.from_arrays(t / "s", {}), DataError, "no arrays"),
    "complex numbers": (lambda t, r: Store.from_arrays(t / "s", {"wave": np.ones((3, 2)) * 1j}), DataError, "complex"),
    "objects": (lambda t, r: Store.from_arrays(t / "s", {"wave": np.array([None, {}])}), DataError, "object"),
    "a factor too wide": (
        lambda t, r: Store.from_arrays(t / "s", failing(pressure=(5, 3, 3)), {"a": np.ones((5, 2))}),
        DataError,
        "one number a row",
    ),
    "a unit of nothing": (
        lambda t, r: Store.from_arrays(t / "s", failing(pressure=(5, 3, 3)), units={"presure": "Pa"}),
        UsageError,
        "did you mean 'pressure'?",
    ),
    "a name that no file could have": (
        lambda t, r: Store.from_arrays(t / "s", {"../pressure": np.ones((5, 3))}),
        UsageError,
        "../pressure",
    ),
    "snapshots of another grid": (lambda t, r: r.encode({"pressure": field(side=5)}), DataError, "(9, 9)"),
    "snapshots of another name": (lambda t, r: r.encode({"heat": field()}), DataError, "give pressure too"),
    "snapshots with infinities": (lambda t, r: r.encode({"pressure": with_infinity(7)}), DataError, "first row 7"),
    "negative rows": (lambda t, r: generate(Darcy(grid=SIDE), t / "s", -1), UsageError, "rows must be"),
    "half a row": (lambda t, r: generate(Darcy(grid=SIDE), t / "s", 1.5), UsageError, "rows must be"),
    "a negative seed": (lambda t, r: generate(Darcy(grid=SIDE), t / "s", 3, seed=-1), UsageError, "seed must be"),
    "an unknown law": (lambda t, r: Darcy(grid=SIDE, factors="mixtur"), UsageError, "did you mean 'mixture'?"),
    "no store": (lambda t, r: Store.open(t / "s"), UsageError, "no such folder"),
    "no run": (lambda t, r: Run.load(t), CorruptError, "manifest.json is missing"),
    "a store that exists": (lambda t, r: Store.from_arrays(t, failing(pressure=(5, 3, 3))), OutputError, "exists"),
}


@pytest.mark.parametrize("name", PYTHON)
def test_in_python_a_mistake_is_an_error_with_a_name_and_leaves_nothing(place, tmp_path, name):
    call, kind, words = PYTHON[name]
    with pytest.raises(BeableError) as caught:
        call(tmp_path, Run.load(place / "run"))
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


SIMULATE = f"simulate darcy --rows 30 {SMALL} -o OUT"
FIT = f"fit good.zarr -o OUT {SHORT}"
REFUSALS = {
    errno.ENOSPC: "no room left on the device: make room, then run the same command again",
    errno.EDQUOT: "the disk quota is used up: make room",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "no permission to write there",
    errno.EIO: "the device failed: check it",
}
FIRST = [(SIMULATE, 0, number) for number in REFUSALS]  # at every other call of every verb: tests/faults


@contextmanager
def refusing_disk(number, after):
    """A disk that makes no new file once it has made so many."""
    made, real = [], os.open

    def refusing(path, flags, *more, **named):
        if flags & os.O_CREAT:
            made.append(path)
            if len(made) > after:
                raise OSError(number, os.strerror(number))
        return real(path, flags, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refusing)
        yield


@pytest.mark.parametrize(("line", "after", "number"), FIRST)
def test_a_disk_that_refuses_costs_one_line_that_says_what_to_do(
    place, tmp_path, monkeypatch, capsys, line, after, number
):
    monkeypatch.chdir(place)
    before = contents(place)
    words = line.replace("OUT", str(tmp_path / "out")).split()
    with refusing_disk(number, after):
        assert run(words) == OUTPUT
    assert REFUSALS[number] in complaint(capsys.readouterr().err)
    assert contents(place) == before


def limited(words):
    sys.dont_write_bytecode = True  # the interpreter would leave compiled files cut off at that size
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    return run(words)


def saving(words):
    """With a checkpoint at every step and a while after it, so that an interruption finds one, and no end."""
    train.__kwdefaults__["save_every"], save = 0.0, Saver.__call__
    Saver.__call__ = lambda *about: (save(*about), time.sleep(0.05))[0]
    return run(words)


@pytest.mark.parametrize("line", [SIMULATE, FIT])
def test_a_limit_on_the_size_of_files_costs_one_line(place, tmp_path, line):
    process = Forked(limited, line.replace("OUT", str(tmp_path / "out")).split(), cwd=place)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == OUTPUT
    assert "the file would exceed the allowed size: raise the limit" in complaint(errors)
    assert told == ""


@pytest.mark.parametrize("line", [SIMULATE, FIT])
def test_a_second_writer_is_sent_away(place, tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(place)
    with disk.locked(tmp_path / "out"):
        before = contents(tmp_path)
        assert run(line.replace("OUT", str(tmp_path / "out")).split()) == LOCKED
        assert f"{os.getpid()}" in complaint(capsys.readouterr().err)
        assert contents(tmp_path) == before
    assert run(line.replace("OUT", str(tmp_path / "out")).split()) == 0


INTERRUPTED_LINES = {
    "fit good.zarr -o OUT --steps 15 --members 2 --latents 1 --start pca": (
        saving,
        "checkpoints/step-*/manifest.json",
    ),
    f"simulate darcy --rows 130 {SMALL} -o OUT": (pausing.main, "done/0.json"),
}


@pytest.mark.parametrize("line", INTERRUPTED_LINES, ids=["fit", "simulate"])
def test_ctrl_c_costs_one_line_and_the_same_command_ends_with_the_same_bits(place, tmp_path, monkeypatch, line):
    program, sign = INTERRUPTED_LINES[line]
    out, whole = tmp_path / "out", tmp_path / "whole"
    words = line.replace("OUT", str(out)).split()
    process = Forked(program, words, cwd=place)
    while process.poll() is None and not list(out.glob(sign)):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, errors
    assert "run the same command again" in complaint(errors)
    assert told == ""
    assert list(out.glob(sign))
    assert not (out / artefacts.MANIFEST).exists()

    monkeypatch.chdir(place)
    assert run(words) == 0
    assert run(line.replace("OUT", str(whole)).split()) == 0
    assert _lasting(out) == _lasting(whole)


def _lasting(folder):
    """What a folder holds, but for the CPU seconds in the manifest of a run."""
    found = contents(folder)
    if (folder / "run.json").exists():
        del found[artefacts.MANIFEST]
    return found
