"""Generation: the same bytes from any number of workers, in any pieces, whatever was killed or refused on the way."""

import errno
import functools
import gc
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from forked import Forked

from beable.datasets import generate as module
from beable.datasets.generate import Interrupted, generate
from beable.datasets.store import Store, verify
from beable.errors import BeableError, CorruptError, DataError, LockedError, OutputError, UsageError
from beable.files import disk
from beable.simulator import Variable
from beable.systems.darcy.simulator import Darcy

PROGRAMS = Path(__file__).parents[1] / "programs"
sys.path.insert(0, str(PROGRAMS))  # workers import the simulator by name

from waves import Waves, main  # noqa: E402

ROWS, BLOCK = 42, 4


def tree(path):
    """Names and contents of everything in a folder, the lock apart."""
    found = (p for p in sorted(path.rglob("*")) if p.is_file() and p.name != ".lock")
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in found}


def waves(path, rows=ROWS, simulator=None, **options):
    return generate(simulator or Waves(), path, rows, **({"workers": 1, "block": BLOCK} | options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return waves(tmp_path_factory.mktemp("whole") / "waves.zarr")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A data set that broke off in its sixth block."""
    path = tmp_path_factory.mktemp("broken") / "waves.zarr"
    with pytest.raises(ArithmeticError):
        waves(path, simulator=Waves(breaking=(21,)))
    return path


@pytest.fixture
def partial(broken, tmp_path):
    """A copy of it to work in."""
    return shutil.copytree(broken, tmp_path / "waves.zarr")


# --- the same bytes ----------------------------------------------------------------------------------------------


def test_numbers_do_not_depend_on_the_executor(whole, tmp_path):
    with ThreadPoolExecutor(3) as executor:
        assert tree(waves(tmp_path / "a.zarr", executor=executor).path) == tree(whole.path)


def test_numbers_do_not_depend_on_blocks_or_on_the_number_of_rows(whole, tmp_path):
    longer = waves(tmp_path / "longer.zarr", rows=2 * ROWS, block=9)
    for name in ("level", "flow", "energy", "defect"):
        assert np.array_equal(longer.read(name, range(ROWS)), whole.read(name))
    assert np.array_equal(longer.factor_values[:ROWS], whole.factor_values)
    assert not np.array_equal(waves(tmp_path / "seed.zarr", seed=1).factor_values, whole.factor_values)


def test_darcy_does_not_depend_on_the_process_or_on_how_it_broke_off(tmp_path):
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        ways = {"here": {"workers": 1}, "there": {"executor": executor}}
        stores = [generate(Darcy(grid=17), tmp_path / f"{n}.zarr", 24, block=6, **way) for n, way in ways.items()]
    assert tree(stores[0].path) == tree(stores[1].path)
    for name in ("manifest.json", "done/2.json", "flux/c.2.0.0.0"):
        (stores[1].path / name).unlink()
    assert generate(Darcy(grid=17), stores[1].path, 24, workers=1, block=6).id == stores[0].id
    assert stores[0].constants["modes"].shape == (2, 17, 17)


def test_a_store_says_what_it_was_made_of(whole):
    assert (whole.simulator, whole.seed, whole.settings) == ("waves", 0, {"noise": 0.1})
    assert whole.factors == Waves().factors
    assert whole.variables == Waves().variables
    assert whole.constants["gravity"] == 9.81
    assert whole.coordinates["x"][1] == "m"
    assert whole.verify() == []
    text = b"".join(content for name, content in tree(whole.path).items() if name.endswith("json"))
    assert str(whole.path.parent).encode() not in text
    assert os.uname().nodename.encode() not in text


# --- interruptions -----------------------------------------------------------------------------------------------


def start(path, workers, **settings):
    return Forked(main, str(path), str(ROWS), str(workers), json.dumps(settings))


def members(group):
    """Processes of a group, zombies apart."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def deaf(group):
    """How many processes of a group ignore Ctrl-C: Python's resource tracker does, and every worker that has begun."""
    lines = [Path(f"/proc/{p}/status").read_text().split("SigIgn:")[1].split()[0] for p in members(group)]
    return sum(int(line, 16) >> signal.SIGINT - 1 & 1 for line in lines)


def vanish(group, seconds=5):
    """Whether all processes of a group end within so many seconds."""
    end = time.monotonic() + seconds
    while members(group) and time.monotonic() < end:
        time.sleep(0.02)
    return not members(group)


def notes(path):
    return sum(name[0].isdigit() for name in os.listdir(path / "done")) if (path / "done").is_dir() else 0


def wait_for_notes(process, path, count):
    while notes(path) < count and process.poll() is None:
        time.sleep(0.005)


@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_some_moments_it_ends_with_the_same_bytes(whole, tmp_path, kills):
    """Every other process has two workers. What was noted as done is never changed again."""
    rng, path, reached, reference = random.Random(0), tmp_path / "waves.zarr", [], tree(whole.path)
    for kill in range(kills):
        process = start(path, 1 + kill % 2, pause=0.02)
        with process:
            wait_for_notes(process, path, min(notes(path) + rng.randint(0, 1), 10))
            time.sleep(rng.uniform(0, 0.1))
            os.killpg(process.pid, signal.SIGKILL)
        assert vanish(process.pid)
        reached.append(notes(path))
        assert not (path / "manifest.json").exists() or tree(path).items() >= reference.items()
        for note in path.glob("done/[0-9]*.json"):
            assert note.read_bytes() == reference[f"done/{note.name}"]
            for name in json.loads(note.read_text())["files"]:
                assert (path / name).read_bytes() == reference[name]
    assert len(set(reached)) >= max(2, kills // 4)
    assert tree(waves(path).path) == reference


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, 1), pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow), (signal.SIGTERM, 2)],
)
def test_a_request_to_stop_is_met_between_blocks_and_nothing_is_lost(whole, tmp_path, number, workers):
    path = tmp_path / "waves.zarr"
    with start(path, workers, pause=0.02) as process:
        wait_for_notes(process, path, 2)
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        said, complaints = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert complaints == ""
    assert f"of {ROWS} rows: what is done is kept, run the same command again" in said
    assert vanish(process.pid)
    assert list(path.rglob(".*")) == []
    assert 2 <= notes(path) < 11
    assert tree(waves(path).path) == tree(whole.path)


def test_slow_blocks_are_given_up_and_a_second_request_is_met_sooner(tmp_path, monkeypatch):
    """A block takes an hour; the first request leaves it some seconds, here less, the second none."""
    assert 1 < module.GRACE_SECONDS < 10
    seconds = {}
    for requests, grace in ((1, 0.3), (2, 100)):
        monkeypatch.setattr(module, "GRACE_SECONDS", grace)
        path = tmp_path / f"{requests}.zarr"
        with start(path, 2, pause=900) as process:
            while deaf(process.pid) < 3:
                time.sleep(0.01)
            asked = time.monotonic()
            for _ in range(requests):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(0.1)
            said, _ = process.communicate(timeout=120)
        seconds[requests] = time.monotonic() - asked
        assert process.returncode == 130
        assert "run the same command again" in said
        assert vanish(process.pid)
    assert seconds[1] > 0.3
    assert seconds[2] < 100


def test_workers_do_not_outlive_their_parent(tmp_path):
    with start(tmp_path / "waves.zarr", 2, pause=0.5) as process:
        while deaf(process.pid) < 3:
            time.sleep(0.1)
        process.kill()
    assert vanish(process.pid)


def test_what_was_done_is_not_done_again(whole, partial, monkeypatch):
    assert notes(partial) == 5
    made = []
    real = Waves.simulate
    monkeypatch.setattr(Waves, "simulate", lambda self, v, s: (made.append(s.start), real(self, v, s))[1])
    steps = []
    assert waves(partial, progress=lambda *step: steps.append(step)).id == whole.id
    assert made == list(range(20, ROWS, BLOCK))
    assert steps == [(n, ROWS) for n in (20, 24, 28, 32, 36, 40, 42)]
    before, steps[:] = {p: p.stat().st_mtime_ns for p in partial.rglob("*")}, []
    assert waves(partial, progress=lambda *step: steps.append(step)).id == whole.id
    assert made == list(range(20, ROWS, BLOCK))
    assert steps == [(ROWS, ROWS)]
    assert {p: p.stat().st_mtime_ns for p in partial.rglob("*")} == before


SPOILS = {
    "chunk deleted": lambda p: (p / "flow/c.1.0.0.0").unlink(),
    "chunk cut": lambda p: (p / "flow/c.1.0.0.0").write_bytes(b"x"),
    "note deleted": lambda p: (p / "done/1.json").unlink(),
    "note emptied": lambda p: (p / "done/1.json").write_bytes(b""),
    "note of another block": lambda p: (p / "done/1.json").write_bytes((p / "done/0.json").read_bytes() + b" "),
    "note of nothing": lambda p: (p / "done/1.json").write_text("[]"),
    "note of other files": lambda p: (p / "done/1.json").write_text('{"block": 1, "files": {}, "failures": {}}'),
    "array undescribed": lambda p: (p / "flow/zarr.json").write_text("{}"),
    "coordinate deleted": lambda p: (p / "x/c.0").unlink(),
    "constants deleted": lambda p: shutil.rmtree(p / "constants"),
    "leftovers": lambda p: ((p / ".x.1-2.tmp").mkdir(), (p / "flow/.c.9.3-4.tmp").touch(), (p / ".lock").touch()),
    "manifest removed": lambda p: (p / "manifest.json").unlink(missing_ok=True),
}


PLACES = [(spoil, where) for k, spoil in enumerate(SPOILS) for where in ("broken off", "finished")[:: 1 - 2 * (k % 2)]]


@pytest.mark.parametrize(
    ("spoil", "where"), [*PLACES[::2], *(pytest.param(*place, marks=pytest.mark.slow) for place in PLACES[1::2])]
)
def test_what_is_missing_is_made_again(whole, broken, tmp_path, spoil, where):
    """In a data set that broke off or in a finished one, by turns; the slow tests have the others."""
    path = shutil.copytree(broken if where == "broken off" else whole.path, tmp_path / "waves.zarr")
    SPOILS[spoil](path)
    assert waves(path).id == whole.id
    if (spoil, where) != ("leftovers", "finished"):
        assert tree(path) == tree(whole.path)


def test_what_has_its_size_is_left_to_verify(whole, tmp_path):
    path = shutil.copytree(whole.path, tmp_path / "waves.zarr")
    shutil.copy(path / "done/0.json", path / "done/1.json")
    (path / ".x.1-2.tmp").touch()
    assert waves(path).id == whole.id
    assert [line.split(": ")[1] for line in verify(path)] == ["done/1.json"]


def test_a_flipped_chunk_is_mended_as_verify_says(whole, tmp_path):
    path = shutil.copytree(whole.path, tmp_path / "waves.zarr")
    data = bytearray((path / "level/c.3.0.0").read_bytes())
    data[5] ^= 1
    (path / "level/c.3.0.0").write_bytes(data)
    assert len(Store.open(path).verify()) == 1
    assert "level/c.3.0.0: sha256" in Store.open(path).verify()[0]
    assert "remove this file and run the command that made the data set again" in Store.open(path).verify()[0]
    (path / "level/c.3.0.0").unlink()
    assert waves(path).verify() == []
    assert tree(path) == tree(whole.path)


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 3}, "seed: 0 there, 3 asked"),
        ({"rows": ROWS + 1}, "rows: 42 there, 43 asked"),
        ({"block": 5}, "block: 4 there, 5 asked"),
        ({"simulator": Waves(noise=0.2)}, "settings.noise: 0.1 there, 0.2 asked"),
        ({"simulator": Darcy(grid=9)}, "simulator: 'waves' there, 'darcy' asked"),
    ],
)
def test_a_folder_of_another_data_set_is_refused(whole, partial, options, words):
    for path in (whole.path, partial):
        before = tree(path)
        with pytest.raises(OutputError, match=words) as caught:
            waves(path, **options)
        assert "\n" not in str(caught.value)
        assert tree(path) == before


def test_other_versions_may_read_but_not_go_on(whole, partial, monkeypatch):
    monkeypatch.setattr("beable.datasets.layout.versions", lambda: {"numpy": "9.9"})
    assert waves(whole.path).id == whole.id
    with pytest.raises(OutputError, match=r"versions.numpy: .* there, '9\.9' asked"):
        waves(partial)


@pytest.mark.parametrize("name", ["notes.txt", ".bashrc", "zarr.json"])
def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text('{"attributes": {}}')
    (tmp_path / ".mine.tmp").touch()
    with pytest.raises(OutputError, match="not a beable data set"):
        waves(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([".mine.tmp", name])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": 0}, "rows"),
        ({"rows": -4}, "rows"),
        ({"rows": 2.5}, "rows"),
        ({"rows": True}, "rows"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"workers": 0}, "workers"),
        ({"block": 0}, "block"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        waves(tmp_path / "waves.zarr", **options)
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_not_meet(whole, tmp_path):
    path = tmp_path / "waves.zarr"
    with start(path, 1, pause=0.02) as process:
        wait_for_notes(process, path, 1)
        with pytest.raises(LockedError, match=f"process {process.pid} "):
            waves(path)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert tree(path) == tree(whole.path)


def test_no_room_is_seen_before_the_first_block(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2e9, 1e9, 1e6))
    with pytest.raises(OutputError, match=r"0\.02 GB needed, 0\.00 GB free"):
        waves(tmp_path / "waves.zarr")
    assert notes(tmp_path / "waves.zarr") == 0


@pytest.mark.parametrize("where", ["/proc/waves.zarr", "file/waves.zarr", "file"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, where):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=where):
        waves(tmp_path / where)


@pytest.mark.parametrize(
    "sizes", [(0, 400, 1000, 10**6), pytest.param((0, 100, 400, 600, 1000, 1900, 10**6), marks=pytest.mark.slow)]
)
def test_a_limit_on_the_size_of_files_stops_it_and_then_it_goes_on(whole, tmp_path, sizes):
    """The kernel's own refusal, at sizes from nothing to more than the largest file."""
    path = tmp_path / "waves.zarr"
    for largest in sizes:
        with start(path, 1, largest_file=largest) as process:
            said, complaints = process.communicate(timeout=60)
        assert complaints == ""
        assert process.returncode == (0 if largest == 10**6 else 73)
        assert said.count("\n") == (0 if largest == 10**6 else 1)
        assert list(path.rglob(".*.tmp")) == []
    assert tree(path) == tree(whole.path)


class Ripple(Waves):
    """One field with its coordinates, a constant and a factor: a file of each kind."""

    factors, variables, constant = Waves().factors[:1], Waves().variables[:1], Waves().constants()["depth"]

    def constants(self):
        return {"depth": self.constant}

    def draw(self, streams):
        return super().draw(streams)[:, :1]

    def simulate(self, values, streams):
        return {"level": super().simulate(np.c_[values, values], streams)["level"]}


CALLS = ("open", "write", "fsync", "replace", "mkdir", "unlink", "ftruncate")


@pytest.mark.parametrize("stride", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_every_call_of_the_system_may_fail_once(tmp_path, monkeypatch, stride):
    """The first, the seventeenth, … call of each kind fails, or every one; the next start ends with the same bytes.

    Nothing is really synced here, for speed.
    """
    real = {call: getattr(os, call) for call in CALLS} | {"fsync": lambda descriptor: None}
    counts, fatal = Counter(), ("", 0)

    def act(call, *args, **kwargs):
        counts[call] += 1
        if (call, counts[call]) != fatal:
            return real[call](*args, **kwargs)
        if call == "write":
            real[call](args[0], args[1][: len(args[1]) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def survives(path):
        counts.clear()
        try:
            waves(path, BLOCK, Ripple())
        except (OutputError, CorruptError):
            return False
        return True

    for call in CALLS:
        monkeypatch.setattr(disk.os, call, functools.partial(act, call))
    reference = tree(waves(tmp_path / "whole.zarr", BLOCK, Ripple()).path)
    moments = [(call, at) for call, total in counts.items() for at in range(1, total + 1, stride)]
    for fatal in moments:
        path = tmp_path / f"{fatal[0]}{fatal[1]}.zarr"
        assert survives(path) == (fatal[0] == "unlink")  # of the lock, which then stops nobody
        assert tree(waves(path, BLOCK, Ripple()).path) == reference, fatal
        shutil.rmtree(path)
    assert len(moments) > 60 / stride
    assert {call for call, _ in moments} == set(CALLS)


# --- failures ----------------------------------------------------------------------------------------------------


def test_a_failed_row_is_named_and_never_stored(whole, tmp_path):
    store = waves(tmp_path / "some.zarr", simulator=Waves(failing=(3, 17)), failure_limit=0.1)
    assert store.failures == dict.fromkeys((3, 17), "not finite: level, flow, energy; defect = nan")
    assert np.array_equal(store.valid_rows, np.delete(np.arange(ROWS), [3, 17]))
    for name in ("level", "flow", "energy"):
        assert np.isnan(store.read(name, [3, 17])).all()
        assert np.array_equal(store.read(name, store.valid_rows), whole.read(name, store.valid_rows))
    assert np.isfinite(store.factor_values).all()


def test_too_many_failures_stop_it_and_what_is_done_is_kept(tmp_path):
    path, bad = tmp_path / "waves.zarr", Waves(failing=(9, 10))
    with pytest.raises(DataError, match=r"2 of 12 rows failed, more than 0.01 of 42 \(row 9: not finite"):
        waves(path, simulator=bad)
    assert notes(path) == 3
    with pytest.raises(DataError, match="2 of 12 rows failed"):
        waves(path, simulator=bad)
    assert notes(path) == 3
    assert len(waves(path, simulator=bad, failure_limit=0.05).failures) == 2


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_error_of_the_simulator_comes_through(whole, tmp_path, workers):
    path = tmp_path / "waves.zarr"
    with pytest.raises(ArithmeticError, match="row 21"):
        waves(path, simulator=Waves(breaking=(21,)), workers=workers)
    assert tree(waves(path).path) == tree(whole.path)


def test_numbers_do_not_depend_on_workers_and_one_that_dies_is_replaced(whole, tmp_path):
    """Once, in the middle; the blocks that were at hand are made by others."""
    simulator = Waves(killing=(17,), mercy=str(tmp_path / "mercy"))
    assert tree(waves(tmp_path / "waves.zarr", simulator=simulator, workers=2).path) == tree(whole.path)
    assert (tmp_path / "mercy").exists()


def test_a_block_that_kills_every_worker_is_named(whole, tmp_path):
    path = tmp_path / "waves.zarr"
    with pytest.raises(BeableError, match=r"rows 16 to 19 \(block 4\) ended their worker 3 times"):
        waves(path, simulator=Waves(killing=(17,)), workers=2)
    assert notes(path) >= 4
    assert tree(waves(path).path) == tree(whole.path)


def test_an_executor_that_breaks_is_an_error_in_one_line(tmp_path):
    with (
        ProcessPoolExecutor(1, get_context("forkserver")) as executor,
        pytest.raises(BeableError, match=r"a worker ended before its work was done.* run the same command again"),
    ):
        waves(tmp_path / "waves.zarr", simulator=Waves(killing=(17,)), executor=executor)


def test_an_interruption_is_one_for_everybody():
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert Interrupted("x", signal.SIGTERM).exit_code == 143


# --- size --------------------------------------------------------------------------------------------------------


class Broad(Ripple):
    """One field of 38 kB a row."""

    variables, coordinates = (Variable("level", ("x", "y"), (100, 95), "m"),), MappingProxyType({})

    def simulate(self, values, streams):
        return {"level": np.broadcast_to(values[:, :, None], (len(values), 100, 95))}


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    """Five more blocks of 38 kB each leave their notes alone; whoever kept the numbers of five would be seen."""
    ours = tracemalloc.Filter(False, pathlib.__file__)  # keeps a table of all names that the process ever used
    kept, held = [], []

    def look(done, total):
        kept.append(bytes(38_000 if done > 8 else 0))
        if done in (3, 8, total):
            gc.collect()
            held.append(sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces))

    gc.collect()
    gc.freeze()  # or each collection would look through all that other tests have left
    tracemalloc.start()
    try:
        waves(tmp_path / "waves.zarr", 13, Broad(), block=1, progress=look)
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 5 * 6_000
    assert held[2] - held[1] > 5 * 30_000
