"""Folders whose manifest, written last, names every file with size and sha256.

A folder is claimed by the request that it holds, sealed when it is finished, and checked or verified whenever it is
read. Pages beside an artefact are no part of it; their sums are noted in a file of their own.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beable.errors import BeableError, CorruptError, OutputError, UsageError
from beable.files import disk
from beable.files.json_files import JSON_LIMIT, decode_json, encode_json, read_json
from beable.records import shortened

MANIFEST = "manifest.json"
MOST_NAMED = 3
#: what names the pages beside an artefact, which are no part of it, and their sums
NOTED, NOTED_KIND = "pages.json", "beable-pages"
SAFE_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*(/[A-Za-z0-9_\-][A-Za-z0-9_.\-]*)*")
NAME_LENGTH = 200
#: lines of a manifest, whose keys are sorted
SUM_LINE, VERSION_LINE = b'\n "sha256": "%s",', b'\n "version": '
RESTORE = "restore it from a copy or make it again"


def claim(folder: Path, kind: str, asked: Mapping[str, Any], there: Mapping[str, Any] | Path) -> bool:
    """Whether a folder holds what is asked for, finished or not; anything else but an empty folder is refused.

    Args:
        folder: the folder, which exists.
        kind: of what is asked for, such as "training".
        asked: the request, plain data.
        there: the request that the folder holds, or the JSON file that would hold it.

    Raises:
        OutputError: the folder holds something else; the error names what differs.

    >>> claim(Path("run"), "training", {"seed": 2, "store": "a"}, {"seed": 1, "store": "a"})
    Traceback (most recent call last):
    beable.errors.OutputError: run: holds another training (seed: 1 there, 2 asked): choose another folder or remove it
    """
    if isinstance(there, Path):
        if not there.exists():
            _refuse_strangers(folder, kind)
            return False
        there = read_json(there)
    found = sorted(_differences(there, asked), key=lambda words: words.split(":")[0].count("."))  # settings last
    if found:
        named = "; ".join(found[:MOST_NAMED] + [f"{len(found) - MOST_NAMED} more"] * (len(found) > MOST_NAMED))
        raise OutputError(f"{folder}: holds another {kind} ({named}): choose another folder or remove it")
    return True


def _refuse_strangers(folder: Path, kind: str) -> None:
    if any(not disk.is_own(p.name) for p in folder.iterdir()):
        raise OutputError(f"{folder}: exists and is not a {kind}: choose a new folder")


def _differences(there: Any, asked: Any, at: str = "") -> list[str]:
    """What differs between two trees of plain data, in words."""
    if isinstance(there, Mapping) and isinstance(asked, Mapping):
        keys = sorted({*there, *asked})
        return [d for k in keys for d in _differences(there.get(k), asked.get(k), f"{at}.{k}".lstrip("."))]
    return [] if there == asked else [f"{at}: {shortened(there)} there, {shortened(asked)} asked"]


@dataclass(frozen=True)
class Manifest:
    """What makes a folder an artefact.

    Args:
        kind: what it is.
        version: of its format.
        about: what its owner noted.
        files: {"bytes", "sha256"} of each file by name.
        id: sha256 of the manifest itself, the identity of the artefact.
    """

    kind: str
    version: int
    about: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    id: str


def sha256(data: bytes | bytearray | memoryview) -> str:
    """Hexadecimal sha256."""
    return hashlib.sha256(data).hexdigest()


def seal(
    folder: Path | str,
    kind: str,
    version: int,
    about: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]] | None = None,
    beside: Container[str] = (),
) -> str:
    """Write the manifest of a finished folder; returns the identity of the artefact.

    Args:
        folder: the folder.
        kind: what it is.
        version: of its format.
        about: plain values to keep in the manifest.
        records: {"bytes", "sha256"} of files noted when they were written; all others are read.
        beside: names of files, and of folders with a stroke behind them, that lie there without being a part of it.

    Raises:
        CorruptError: a file is a link, has an odd name, or has not the size that was noted.
    """
    folder = Path(folder)
    known = records or {}
    names = _names(folder, beside)
    odd = [name for name in names if not is_safe(name)]
    if odd:
        raise CorruptError(f"{folder}: {odd[0]!r} does not belong there: remove it and run the same command again")
    sums = {n: _noted(folder, n, known[n]) if n in known else _record(folder / n) for n in names}
    body = {"kind": kind, "version": version, "about": dict(about), "files": sums}
    data = _signed(body, folder / MANIFEST)
    with disk.writing(folder):
        for path in sorted({(folder / name).parent for name in names}):
            disk.sync(path)
    disk.atomic_write(folder / MANIFEST, data)
    return sha256(data)


def _signed(body: Mapping[str, Any], path: Path) -> bytes:
    """Manifest with a sum of its own, so that a flipped bit in it is seen: a line more, where its key belongs."""
    data = encode_json(body, path)
    before, after = data.split(VERSION_LINE)
    return before + SUM_LINE % sha256(data).encode() + VERSION_LINE + after


def _is_whole(data: bytes) -> bool:
    """Whether a manifest has the sum that stands in it, of all of it but that line."""
    before, line, after = data.rpartition(VERSION_LINE)
    length = len(SUM_LINE % sha256(b"").encode())
    return bool(line) and before[-length:] == SUM_LINE % sha256(before[:-length] + line + after).encode()


def _names(folder: Path, beside: Container[str] = ()) -> list[str]:
    """Files under a folder, without manifest, lock, temporary names and those that lie beside."""
    found = (p for p in disk.tree(folder) if p.is_symlink() or not p.is_dir())
    names = (p.relative_to(folder).as_posix() for p in found)
    own = (n for n in names if n not in (MANIFEST, disk.LOCK) and not any(map(disk.is_temporary, n.split("/"))))
    return sorted(n for n in own if n not in beside and f"{n.split('/')[0]}/" not in beside)


def is_safe(name: str) -> bool:
    """Whether a name of a file in an artefact can neither leave its folder nor surprise a file system."""
    return len(name) <= NAME_LENGTH and SAFE_NAME.fullmatch(name) is not None


def _record(path: Path) -> dict[str, Any]:
    """Size and sum of a file, which reaches the disk before the manifest does."""
    data = disk.read_bytes(path)
    with disk.writing(path):
        disk.sync(path)
    return {"bytes": len(data), "sha256": sha256(data)}


def _noted(folder: Path, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    problem = _size_problem(folder, name, record)
    if problem:
        raise CorruptError(f"{folder}: {problem}: run the same command again")
    return {"bytes": record["bytes"], "sha256": record["sha256"]}


def read_manifest(folder: Path | str, name: str = MANIFEST) -> Manifest:
    """The manifest of a folder, after its form and its own sum were checked.

    Args:
        folder: the folder.
        name: of the manifest.

    Raises:
        UsageError: no such folder.
        CorruptError: no manifest, or a damaged one.
    """
    folder = Path(folder)
    path = folder / name
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: no such folder: check the name")
    if not os.path.lexists(path):
        raise CorruptError(f"{folder}: {name} is missing: run the command that makes it again to finish it")
    data = disk.read_bytes(path, JSON_LIMIT)
    body = decode_json(data, path)
    if not _is_manifest(body) or not _is_whole(data):
        raise CorruptError(f"{path}: damaged: restore it from a copy, or remove it and run the same command again")
    return Manifest(body["kind"], body["version"], body["about"], body["files"], sha256(data))


def _is_manifest(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and body.keys() == {"kind", "version", "about", "files", "sha256"}
        and isinstance(body["kind"], str)
        and type(body["version"]) is int
        and isinstance(body["about"], dict)
        and isinstance(body["files"], dict)
        and all(is_safe(name) and _is_record(record) for name, record in body["files"].items())
    )


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == {"bytes", "sha256"}
        and type(record["bytes"]) is int
        and record["bytes"] >= 0
        and isinstance(record["sha256"], str)
        and re.fullmatch("[0-9a-f]{64}", record["sha256"]) is not None
    )


def check(folder: Path | str, kind: str, version: int) -> Manifest:
    """The manifest of a folder that is of this kind and version and has every file with its size; reads no contents.

    Raises:
        UsageError: no such folder.
        CorruptError: no manifest, another kind or version, a file missing or of another size.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest.kind != kind:
        raise CorruptError(f"{folder}: a {manifest.kind} where a {kind} is expected: check the name")
    if manifest.version != version:
        raise CorruptError(
            f"{folder}: {kind} of format version {manifest.version}, this beable reads version {version}: "
            "use the beable that wrote it, or make it again"
        )
    problems = size_problems(folder, manifest.files)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CorruptError(f"{folder}: {problems[0]}{more}: restore it from a copy or make it again")
    return manifest


def size_problems(folder: Path, records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each file that is missing, not a plain file or not of its noted size."""
    lines = (_size_problem(folder, name, record) for name, record in records.items())
    return [line for line in lines if line]


def _size_problem(folder: Path, name: str, record: Mapping[str, Any]) -> str:
    try:
        status = os.lstat(folder / name)
    except OSError:
        return f"{name}: missing"
    inside = ("/".join(name.split("/")[:i]) for i in range(1, name.count("/") + 1))
    if not stat.S_ISREG(status.st_mode) or any(os.path.islink(folder / part) for part in inside):
        return f"{name}: a link or no plain file"
    if status.st_size != record["bytes"]:
        return f"{name}: {status.st_size} bytes instead of {record['bytes']}"
    return ""


def read_listed(folder: Path | str, manifest: Manifest, name: str, advice: str = RESTORE) -> bytes:
    """The contents of a file of a manifest, after size and sha256 were checked.

    Args:
        folder: the artefact.
        manifest: of the folder.
        name: of the file.
        advice: what to do about a damaged file.

    Raises:
        CorruptError: the file is not what the manifest says.
    """
    folder = Path(folder)
    record = manifest.files.get(name)
    if record is None:
        raise CorruptError(f"{folder}: {name}: not in the manifest: {advice}")
    problem = _size_problem(folder, name, record)
    data = b"" if problem else disk.read_bytes(folder / name)
    problem = problem or _sum_problem(name, record, data)
    if problem:
        raise CorruptError(f"{folder}: {problem}: {advice}")
    return data


def _sum_problem(name: str, record: Mapping[str, Any], data: bytes) -> str:
    found = sha256(data)
    return "" if found == record["sha256"] else f"{name}: sha256 {found[:12]}… instead of {record['sha256'][:12]}…"


def verify(
    folder: Path | str, beside: Container[str] = (), progress: Callable[[int, int], None] | None = None
) -> list[str]:
    """Read everything: one line for each problem, none when the folder is whole.

    Args:
        folder: the artefact.
        beside: names of files, and of folders with a stroke behind them, that may lie there without being a part of it,
            such as a page about it.
        progress: is told how many files are read, of how many.
    """
    folder = Path(folder)
    try:
        manifest = read_manifest(folder)
    except BeableError as error:
        return [str(error)]
    lines = []
    for done, (name, record) in enumerate(manifest.files.items(), 1):
        lines.append(_problem(folder, name, record))
        if progress:
            progress(done, len(manifest.files))
    strays = (f"{name}: not in the manifest" for name in _names(folder, beside) if name not in manifest.files)
    return [line for line in (*lines, *strays) if line]


def write_noted(path: Path | str, data: bytes) -> None:
    """Write a page, or another file that lies beside an artefact, and name it with its sum in ``NOTED`` beside it.

    Killed on the way, the file is the old or the new one and is not named, until the same command is repeated.
    """
    path = Path(path)
    others = {name: record for name, record in noted(path.parent).items() if name != path.name}
    if (path.parent / NOTED).exists():
        _write_note(path.parent, others)
    disk.output(path, data)
    _write_note(path.parent, others | {path.name: {"bytes": len(data), "sha256": sha256(data)}})


def noted(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """{"bytes", "sha256"} of the files named in ``NOTED``; none where it is missing or damaged."""
    try:
        return read_manifest(folder, NOTED).files
    except (CorruptError, UsageError):
        return {}


def _write_note(folder: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    body = {"kind": NOTED_KIND, "version": 1, "about": {}, "files": dict(records)}
    disk.output(folder / NOTED, _signed(body, folder / NOTED))


def verify_noted(folder: Path | str) -> list[str]:
    """One line for each file named in ``NOTED`` that is not as it was written; none where nothing is named."""
    folder = Path(folder)
    if not os.path.lexists(folder / NOTED):
        return []
    try:
        manifest = read_manifest(folder, NOTED)
    except BeableError as error:
        return [str(error)]
    return [line for line in (_problem(folder, name, record) for name, record in manifest.files.items()) if line]


def _problem(folder: Path, name: str, record: Mapping[str, Any]) -> str:
    problem = _size_problem(folder, name, record)
    if problem:
        return problem
    try:
        return _sum_problem(name, record, disk.read_bytes(folder / name))
    except CorruptError as error:
        return f"{name}: {error}"
