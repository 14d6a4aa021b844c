"""Files: old or new at every moment and after every refusal, one writer, no damage unseen."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel
from safetensors.numpy import save

from beable import records
from beable.errors import CorruptError, DataError, LockedError, OutputError, UsageError
from beable.files import array_files, artefacts, disk, json_files

OLD, NEW = b"old " * 100, b"the new one " * 90


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


# --- every call of the system may be refused ---------------------------------------------------------------------

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES)


def refuse(monkeypatch, call, number, at=1):
    """Let the call fail the at-th time, and half a file be written before a write is refused."""
    real, count = getattr(os, call), [0]

    def failing(*args, **kwargs):
        count[0] += 1
        if count[0] != at:
            return real(*args, **kwargs)
        if call == "write":
            real(args[0], args[1][: len(args[1]) // 2])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.os, call, failing)


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize(("call", "at"), [("open", 1), ("write", 1), ("fsync", 1), ("replace", 1), ("fsync", 2)])
def test_a_refused_write_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, call, at, number):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with monkeypatch.context() as patch:
        refuse(patch, call, number, at)
        with pytest.raises(OutputError, match=str(path)) as caught:
            disk.atomic_write(path, NEW)
    assert "\n" not in str(caught.value)
    assert disk.ADVICE[number] in str(caught.value)
    assert path.read_bytes() == (NEW if (call, at) == ("fsync", 2) else OLD)
    disk.sweep(tmp_path)
    assert names(tmp_path) == ["file"]
    disk.atomic_write(path, NEW)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize(("call", "at"), [("open", 1), ("fsync", 1), ("fsync", 3), ("rename", 1), ("fsync", 5)])
def test_a_refused_publication_leaves_nothing_or_everything(tmp_path, monkeypatch, call, at):
    folder = disk.make_folder(tmp_path / ".run.1-2.tmp" / "deep")
    (folder / "a").write_bytes(OLD)
    (folder.parent / "b").write_bytes(NEW)
    with monkeypatch.context() as patch:
        refuse(patch, call, errno.ENOSPC, at)
        with pytest.raises(OutputError):
            disk.publish(folder.parent, tmp_path / "run")
    assert names(tmp_path) == (["run", "run/b", "run/deep", "run/deep/a"] if (call, at) == ("fsync", 5) else [])


def test_publication_refuses_a_name_that_exists(tmp_path):
    disk.make_folder(tmp_path / "run")
    with pytest.raises(OutputError, match="exists already"):
        disk.publish(disk.make_folder(tmp_path / ".run.1-2.tmp"), tmp_path / "run")
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize(("call", "at"), [("mkdir", 1), ("mkdir", 2), ("fsync", 1), ("fsync", 2)])
def test_a_refused_folder_can_be_made_later(tmp_path, monkeypatch, call, at):
    with monkeypatch.context() as patch:
        refuse(patch, call, errno.EROFS, at)
        with pytest.raises(OutputError, match="read-only"):
            disk.make_folder(tmp_path / "a" / "b")
    assert disk.make_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda t: disk.atomic_write(t / "missing" / "x", NEW), "does not exist"),
        (lambda t: disk.atomic_write(t / "file" / "x", NEW), "not a folder"),
        (lambda t: disk.atomic_write(t / "folder", NEW), "is a folder"),
        (lambda t: disk.atomic_write(t / ("x" * 300), NEW), "too long"),
        (lambda t: disk.make_folder(t / "file"), "exists already"),
        (lambda t: disk.make_folder(t / "file" / "x"), "not a folder"),
        (lambda t: disk.atomic_write("/proc/self/x", NEW), "/proc/self/x"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path, write, words):
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=words):
        write(tmp_path)
    assert names(tmp_path) == ["file", "folder"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            disk.atomic_write(tmp_path / "file", NEW)
    assert names(tmp_path) == []


def test_a_written_file_has_the_usual_mode(tmp_path):
    umask = os.umask(0o027)
    try:
        disk.atomic_write(tmp_path / "file", NEW)
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


# --- every state that a power cut may leave ----------------------------------------------------------------------


class Disk:
    """Records what reaches the system, and says what a power cut after any call may leave.

    Contents that were not synced are there, gone or there by half. Names change in order, and a folder's fsync
    settles all changes of names before it.
    """

    def __init__(self, monkeypatch, forget=()):
        self.calls, self.opened, self.forget = [], {}, forget
        self.real = {name: getattr(os, name) for name in ("open", "write", "fsync", "replace", "rename", "unlink")}
        for name in self.real:
            monkeypatch.setattr(disk.os, name, partial(self._act, name))

    def _act(self, name, *args):
        existed = name == "open" and os.path.exists(args[0])
        result = self.real[name](*args)
        if name == "open":
            self.opened[result] = str(args[0])
            if args[1] & os.O_CREAT:
                self.calls.append(("empty" if existed else "create", str(args[0])))
        elif name == "write":
            self.calls.append(("write", self.opened[args[0]], bytes(args[1])))
        elif name == "fsync":
            kind = "sync folder" if os.path.isdir(self.opened[args[0]]) else "sync"
            if kind not in self.forget:
                self.calls.append((kind, self.opened[args[0]]))
        else:
            self.calls.append((name, *map(str, args)))
        return result

    def left(self, before):
        """For each moment, all that a disk with these files before may hold after a power cut."""
        return [self._left(before, self.calls[: k + 1]) for k in range(len(self.calls))]

    def _left(self, before, calls):
        names_changed = [i for i, c in enumerate(calls) if c[0] in ("create", "replace", "rename", "unlink")]
        settled = max((i for i, c in enumerate(calls) if c[0] == "sync folder"), default=-1)
        cuts = [settled, *(i for i in names_changed if i > settled)]
        return [self._disk(before, calls, cut, share) for cut in cuts for share in (0.0, 0.5, 1.0)]

    @staticmethod
    def _disk(before, calls, cut, share):
        """Files when names changed up to the cut, and that share of the contents not synced survived."""
        data, synced, inode, names = {}, {}, {}, {}
        for path, content in before.items():
            inode[path] = names[path] = object()
            data[names[path]] = synced[names[path]] = content
        for i, (call, *args) in enumerate(calls):
            if call == "create":
                inode[args[0]] = object()
                data[inode[args[0]]] = synced[inode[args[0]]] = b""
            elif call == "empty":
                data[inode[args[0]]] = b""
            elif call == "write":
                data[inode[args[0]]] += args[1]
            elif call == "sync":
                synced[inode[args[0]]] = data[inode[args[0]]]
            elif call in ("replace", "rename"):
                inode[args[1]] = inode.pop(args[0])
            if i <= cut:
                names = dict(inode)
        kept = {n: d if synced[n] == d else d[: int(share * len(d))] if share else synced[n] for n, d in data.items()}
        return {path: kept[n] for path, n in names.items()}


def in_place(path, data):
    """What nobody should do."""
    descriptor = disk.os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    disk.os.write(descriptor, data)
    disk.os.fsync(descriptor)
    os.close(descriptor)


def count(recorded, path, before):
    """Moments after which the file may be torn; and whether it may be lost after all is said to be done."""
    states = [[left.get(path) for left in moment] for moment in recorded.left(before)]
    torn = sum(any(content not in (before.get(path), NEW) for content in moment) for moment in states)
    return torn, any(content != NEW for content in states[-1])


@pytest.mark.parametrize("before", [OLD, None])
@pytest.mark.parametrize(
    ("write", "forget", "torn", "lost"),
    [
        (disk.atomic_write, (), False, False),
        (disk.atomic_write, ("sync",), True, True),
        (disk.atomic_write, ("sync folder",), False, True),
        (partial(disk.atomic_write, settle=False), (), False, True),
        (in_place, (), True, False),
    ],
)
def test_a_power_cut_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, before, write, forget, torn, lost):
    """The first variant is ours; the others must be caught."""
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with monkeypatch.context() as patch:
        recorded = Disk(patch, forget)
        write(path, NEW)
    found = count(recorded, str(path), {} if before is None else {str(path): before})
    if write is in_place and before is None:
        lost = True  # nobody synced the name
    assert (found[0] > 0, found[1]) == (torn, lost)


def test_a_folder_gets_its_name_after_its_contents_are_on_the_disk(tmp_path, monkeypatch):
    folder = disk.make_folder(tmp_path / ".run.1-2.tmp")
    (folder / "a").write_bytes(OLD)
    recorded = Disk(monkeypatch)
    disk.publish(folder, tmp_path / "run")
    assert [call[0] for call in recorded.calls] == ["sync", "sync folder", "rename", "sync folder"]


def test_a_manifest_comes_after_everything_it_names(tmp_path, monkeypatch):
    folder = disk.make_folder(tmp_path / "run")
    (folder / "a").write_bytes(OLD)
    recorded = Disk(monkeypatch)
    artefacts.seal(folder, "thing", 1, {})
    order = [call[:2] for call in recorded.calls]
    manifest = next(i for i, call in enumerate(recorded.calls) if call[0] == "create")
    assert order.index(("sync", str(folder / "a"))) < order.index(("sync folder", str(folder))) < manifest


# --- one writer --------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from beable.files.disk import locked
with locked(sys.argv[1]):
    print("in", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_the_first_is_and_a_killed_one_leaves_no_lock(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(LockedError, match=rf"{tmp_path}.* process {holder.pid} "), disk.locked(tmp_path):
            pass
        assert holder.poll() is None  # refused while the first one writes, not after it
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with disk.locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
    assert names(tmp_path) == []


def test_of_many_starts_exactly_one_wins(tmp_path):
    gate, leave, won, lost = threading.Barrier(30), threading.Event(), [], []

    def start():
        gate.wait()
        try:
            with disk.locked(tmp_path):
                won.append(1)
                leave.wait(20)
        except LockedError:
            lost.append(1)
            if len(lost) == 29:
                leave.set()

    threads = [threading.Thread(target=start) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 29)


def test_never_two_inside_while_the_lock_changes_hands(tmp_path):
    inside, most, entered = [0], [0], [0]

    def work():
        for _ in range(60):
            try:
                with disk.locked(tmp_path):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    entered[0] += 1
                    time.sleep(0)
                    inside[0] -= 1
            except LockedError:
                time.sleep(0.0002)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert entered[0] > 20


def test_a_lock_is_not_taken_through_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError), disk.locked(tmp_path / "folder"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_sweep_removes_leftovers_and_nothing_else(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "data.tmp").touch()
    (kept / ".hidden").touch()
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / ".a.123-ab.tmp").touch()
    (tmp_path / "folder" / ".run.1-2.tmp").mkdir()
    (tmp_path / "folder" / ".run.1-2.tmp" / "b").touch()
    (tmp_path / "folder" / ".link.1-2.tmp").symlink_to(kept)
    (tmp_path / "folder" / "link").symlink_to(kept)
    (kept / ".c.tmp").touch()
    disk.sweep(tmp_path / "folder")
    assert names(tmp_path / "folder") == ["deep", "link"]
    assert names(kept) == [".c.tmp", ".hidden", "data.tmp"]


# --- JSON and arrays ---------------------------------------------------------------------------------------------


def test_json_comes_back_and_equal_values_give_equal_bytes(tmp_path):
    value = {"b": [1, 2.5, None, True, "φ \ud800"], "a": {"z": -0.0, "y": 10**20}}
    json_files.write_json(tmp_path / "1.json", value)
    json_files.write_json(tmp_path / "2.json", dict(reversed(value.items())))
    assert json_files.read_json(tmp_path / "1.json") == value
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert (tmp_path / "1.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, np.float32(1), b"x", {("a",): 1}])
def test_what_is_not_plain_and_finite_does_not_go_into_json(tmp_path, value):
    with pytest.raises(DataError, match=r"a\.json"):
        json_files.write_json(tmp_path / "a.json", {"x": value})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{}",
        b"{} {}",
    ],
)
def test_json_that_is_not_strict_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(CorruptError, match=r"a\.json"):
        json_files.read_json(tmp_path / "a.json")


def test_what_is_no_plain_file_of_bearable_length_is_not_read(tmp_path):
    (tmp_path / "real").write_text("{}")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("link", "link"), ("pipe", "plain"), ("missing", "No such file"), (".", "plain")):
        with pytest.raises(CorruptError, match=words):
            json_files.read_json(tmp_path / name)
    with pytest.raises(CorruptError, match="at most 1 "):
        json_files.read_json(tmp_path / "real", limit=1)


DTYPES = ("bool", "uint8", "int16", "int64", "float16", "float32", "float64", ">f8", ">i4")
LAYOUTS = {
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1],
    "one number": lambda a: a[0, 0],
    "empty": lambda a: a[:0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_back_from_any_layout(tmp_path, dtype, layout):
    array = LAYOUTS[layout](np.arange(24).reshape(4, 6).astype(dtype))
    path = tmp_path / "a.safetensors"
    array_files.write_arrays(path, {"x": array, "y/z": np.arange(3.0)})
    found = array_files.read_arrays(path)
    assert found["x"].shape == np.shape(array)
    assert found["x"].dtype == np.asarray(array).dtype.newbyteorder("=")
    assert np.array_equal(found["x"], array)
    assert all(a.flags.writeable for a in found.values())
    once = path.read_bytes()
    array_files.write_arrays(path, {"y/z": np.arange(3.0), "x": np.array(array)})
    assert path.read_bytes() == once


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.zeros(2, complex), np.zeros(2, "M8[s]")])
def test_arrays_without_a_number_format_are_refused(tmp_path, array):
    with pytest.raises(DataError, match="x has dtype"):
        array_files.write_arrays(tmp_path / "a.safetensors", {"x": array})


def hostile(header, numbers=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def tensor(shape=(2,), dtype="F32", offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        hostile(b"{"),
        hostile([]),
        hostile({"x": 1}),
        hostile({"x": tensor(shape=(3,))}),
        hostile({"x": tensor(shape=(-2,))}),
        hostile({"x": tensor(shape=(0, 2**62), offsets=(0, 0))}),
        hostile({"x": tensor(shape=(True, 2))}),
        hostile({"x": tensor(dtype="F8_E4M3", shape=(8,))}),
        hostile({"x": tensor(dtype="object")}),
        hostile({"x": tensor(offsets=(0, 12))}),
        hostile({"x": tensor(offsets=(4, 12))}, b"\0" * 12),
        hostile({"x": tensor(), "y": tensor()}),
        hostile({"x": tensor()}, b"\0" * 9),
        hostile({"x": tensor()}, b"\0" * 7),
        hostile(b'{"x": %s, "x": %s}' % ((json.dumps(tensor()).encode(),) * 2)),
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(tmp_path, data):
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(CorruptError, match=r"a\.safetensors"):
        array_files.read_arrays(tmp_path / "a.safetensors")


def test_whatever_stands_in_a_file_of_arrays_the_answer_is_arrays_or_an_error(tmp_path):
    whole = save({"x": np.arange(6.0).reshape(2, 3), "y": np.arange(4, dtype=np.int8)})
    rng, path, refused = random.Random(0), tmp_path / "a.safetensors", 0
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(170)] = rng.choice(b'0123456789[]{},:"x\x00\xff')
        path.write_bytes(data)
        try:
            assert all(a.nbytes < 100 for a in array_files.read_arrays(path).values())
        except CorruptError:
            refused += 1
    assert refused > 400


# --- the manifest ------------------------------------------------------------------------------------------------


@pytest.fixture
def artefact(tmp_path):
    folder = disk.make_folder(tmp_path / "thing" / "deep").parent
    (folder / "a").write_bytes(OLD)
    (folder / "deep" / "b.c-0").write_bytes(NEW)
    artefacts.seal(folder, "thing", 3, {"answer": 42.5})
    return folder


def test_a_sealed_folder_is_whole(artefact):
    manifest = artefacts.check(artefact, "thing", 3)
    assert artefacts.verify(artefact) == []
    assert manifest.about == {"answer": 42.5}
    assert manifest.id == artefacts.sha256((artefact / "manifest.json").read_bytes())
    assert artefacts.read_listed(artefact, manifest, "a") == OLD
    again = artefacts.seal(artefact, "thing", 3, {"answer": 42.5}, {"a": manifest.files["a"]})
    assert again == manifest.id


@pytest.mark.parametrize(
    ("folder", "kind", "version", "error", "words"),
    [
        ("thing", "other", 3, CorruptError, "a thing where a other"),
        ("thing", "thing", 4, CorruptError, "version 3, this beable reads version 4"),
        ("nowhere", "thing", 3, UsageError, "no such folder"),
        ("thing/deep", "thing", 3, CorruptError, r"manifest\.json is missing"),
    ],
)
def test_what_is_not_the_artefact_expected_is_named(artefact, folder, kind, version, error, words):
    with pytest.raises(error, match=words):
        artefacts.check(artefact.parent / folder, kind, version)


def flip(path, position=7):
    data = bytearray(path.read_bytes())
    data[position // 8] ^= 1 << position % 8
    path.write_bytes(data)


DAMAGE = {
    "deleted": (lambda p: p.unlink(), "missing"),
    "emptied": (lambda p: p.write_bytes(b""), "0 bytes instead"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-1]), "bytes instead"),
    "extended": (lambda p: p.write_bytes(p.read_bytes() + b"x"), "bytes instead"),
    "flipped": (flip, "sha256"),
    "replaced by a link": (lambda p: (p.rename(p.parents[1] / "x"), p.symlink_to(p.parents[1] / "x")), "link"),
    "replaced by a folder": (lambda p: (p.unlink(), p.mkdir()), "plain file"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_and_damaged_files_are_not_read(artefact, damage):
    act, words = DAMAGE[damage]
    manifest = artefacts.read_manifest(artefact)
    act(artefact / "a")
    problems = artefacts.verify(artefact)
    assert any(p.startswith("a: ") and words in p for p in problems)
    with pytest.raises(CorruptError, match="a: "):
        artefacts.read_listed(artefact, manifest, "a")
    if damage == "flipped":
        artefacts.check(artefact, "thing", 3)  # looks at sizes only, and so is the control of verify
    else:
        with pytest.raises(CorruptError, match="a: "):
            artefacts.check(artefact, "thing", 3)


def test_a_folder_that_became_a_link_is_named(artefact):
    (artefact / "deep").rename(artefact.parent / "elsewhere")
    (artefact / "deep").symlink_to(artefact.parent / "elsewhere")
    assert "deep/b.c-0: a link" in " ".join(artefacts.verify(artefact))


def test_strays_are_named_but_not_those_of_writing(artefact):
    for name in ("stray", ".lock", ".x.1-2.tmp"):
        (artefact / name).touch()
    assert artefacts.verify(artefact) == ["stray: not in the manifest"]


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_any_byte_of_the_manifest_is_seen(artefact, stride):
    path = artefact / "manifest.json"
    whole = path.read_bytes()
    for byte in range(0, len(whole), stride):
        position = 8 * byte + byte % 7
        flip(path, position)
        assert any("manifest.json" in problem for problem in artefacts.verify(artefact)), position
        path.write_bytes(whole)
    assert artefacts.verify(artefact) == []


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a//b", "a/../b", "./a", "a/.b", "", "a\nb", "a b", "x" * 201])
def test_a_name_that_could_leave_the_folder_is_refused(artefact, name):
    manifest = artefacts.read_manifest(artefact)
    assert not artefacts.is_safe(name)
    body = {"kind": "thing", "version": 3, "about": {}, "files": {name: dict(manifest.files["a"])}}
    signed = {**body, "sha256": artefacts.sha256(json_files.encode_json(body, artefact))}
    (artefact / "manifest.json").write_bytes(json_files.encode_json(signed, artefact))
    with pytest.raises(CorruptError, match="damaged"):
        artefacts.read_manifest(artefact)


def test_links_and_odd_names_are_not_sealed(tmp_path):
    (tmp_path / "a").symlink_to("/etc/passwd")
    with pytest.raises(CorruptError, match="link"):
        artefacts.seal(tmp_path, "thing", 1, {})
    (tmp_path / "a").unlink()
    (tmp_path / "with space").touch()
    with pytest.raises(CorruptError, match="with space"):
        artefacts.seal(tmp_path, "thing", 1, {})


# --- requests ----------------------------------------------------------------------------------------------------

ASKED = {"seed": 1, "settings": {"grid": 9, "law": "normal"}}


def test_an_empty_folder_may_be_claimed_and_its_own_request_is_taken_up(tmp_path):
    (tmp_path / ".lock").touch()
    assert not artefacts.claim(tmp_path, "run", ASKED, tmp_path / "request.json")
    json_files.write_json(tmp_path / "request.json", ASKED)
    assert artefacts.claim(tmp_path, "run", ASKED, tmp_path / "request.json")
    assert artefacts.claim(tmp_path, "run", ASKED, ASKED)


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (ASKED | {"seed": 2}, "(seed: 2 there, 1 asked)"),
        (ASKED | {"more": [0] * 99}, "(more: [" + "0, " * 19 + "0… there, None asked)"),
        ({"seed": 1, "settings": {"grid": 9}}, "(settings.law: None there, 'normal' asked)"),
        ({"seed": 2, "settings": {}, "a": 1}, "(a: 1 there, None asked; seed: 2 there, 1 asked; settings.grid: None"),
        ([1], "(: [1] there"),
    ],
)
def test_a_folder_of_another_request_is_refused_with_what_differs(tmp_path, there, words):
    json_files.write_json(tmp_path / "request.json", there)
    with pytest.raises(OutputError) as caught:
        artefacts.claim(tmp_path, "run", ASKED, tmp_path / "request.json")
    assert str(caught.value).startswith(f"{tmp_path}: holds another run {words}")
    assert str(caught.value).endswith(": choose another folder or remove it")


def test_a_folder_without_a_request_is_claimed_only_when_it_is_empty(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputError, match="exists and is not a run: choose a new folder"):
        artefacts.claim(tmp_path, "run", ASKED, tmp_path / "request.json")


# --- records as JSON holds them ----------------------------------------------------------------------------------


class Point(NamedTuple):
    x: float
    at: Path


@dataclass
class Cloud:
    points: tuple[Point, ...]
    weights: np.ndarray
    secret: object = None

    def as_json(self):
        return records.fields(self, "secret") | {"total": self.weights.sum()}


class Law(Enum):
    NORMAL = "normal"


class Settings(BaseModel):
    law: Law = Law.NORMAL
    low: float = -np.inf


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (True, True),
        ("ψ", "ψ"),
        (None, None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, np.nan, -np.inf]), [1.0, None, None]),
        (np.bool_(True), True),
        (np.array(3), 3),
        (Point(np.inf, Path("a/b")), {"x": None, "at": "a/b"}),
        (Settings(), {"law": "normal", "low": None}),
        ({1.0: (1, 2), Law.NORMAL.value: {}}, {"1.0": [1, 2], "normal": {}}),
        (frozenset({7}), [7]),
        (
            [Cloud((Point(1.0, Path("c")),), np.array([2.0]))],
            [{"points": [{"x": 1.0, "at": "c"}], "weights": [2.0], "total": 2.0}],
        ),
    ],
)
def test_records_become_what_json_holds(value, expected):
    found = records.plain(value)
    assert found == expected
    assert type(found) is type(expected)
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_fields_keep_their_order():
    assert list(records.plain(Cloud((), np.zeros(1)))) == ["points", "weights", "total"]
    assert records.fields(Point(1.0, Path("c")), "at") == {"x": 1.0}


def test_what_json_cannot_hold_is_left_for_it_to_refuse(tmp_path):
    with pytest.raises(DataError, match="only plain values"):
        json_files.write_json(tmp_path / "a.json", records.plain({"a": object()}))


def test_verify_says_how_many_files_it_has_read(tmp_path):
    folder = disk.make_folder(tmp_path / "thing")
    for name in "abc":
        (folder / name).write_bytes(OLD)
    artefacts.seal(folder, "thing", 1, {})
    told = []
    assert artefacts.verify(folder, progress=lambda done, total: told.append((done, total))) == []
    assert told == [(1, 3), (2, 3), (3, 3)]
