"""The only module that writes: a file is the old one or the new one, never something between.

::

    temporary name in the same folder → write → fsync → rename → fsync of the folder

A process killed at any moment leaves at most temporary names (``.NAME.PID-….tmp``). `sweep` removes those in a folder
that the caller holds, `sweep_of` those beside an output of this name; a writer holds the kernel's lock on its own, so
that nobody takes them from it. A power cut cannot bring a renamed file without its contents. A folder becomes an
artefact when its manifest, written last, names every file with size and sha256. One writer at a time holds the
kernel's lock on a folder; the kernel frees it when the process ends, however it ends. Nothing here reads or writes
pickles.

T. S. Pillai et al., *All file systems are not created equal: on the complexity of crafting crash-consistent
applications*, OSDI 2014.
"""

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, overload

from beable.errors import BeableError, CorruptError, DataError, LockedError, OutputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MANIFEST, LOCK = "manifest.json", ".lock"
#: what names the pages beside an artefact, which are no part of it, and their sums
NOTED, NOTED_KIND = "pages.json", "beable-pages"
TEMPORARY = re.compile(r"\.(.+)\.[0-9]+-[0-9a-f]+\.tmp")
LOCK_TRIES = 100
JSON_LIMIT = 64 * 2**20
HEADER_LIMIT = 16 * 2**20
SAFE_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*(/[A-Za-z0-9_\-][A-Za-z0-9_.\-]*)*")
NAME_LENGTH = 200
MOST_NAMED, LONGEST_VALUE = 3, 60

ADVICE = {
    errno.ENOSPC: "no room left on the device: make room, then run the same command again",
    errno.EDQUOT: "the disk quota is used up: make room, then run the same command again",
    errno.EFBIG: "the file would exceed the allowed size: raise the limit, then run the same command again",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "no permission to write there: choose another folder or change its permissions",
    errno.EPERM: "writing there is not permitted: choose another folder",
    errno.EEXIST: "exists already: choose a new name or remove it",
    errno.ENOTEMPTY: "exists already: choose a new name or remove it",
    errno.EISDIR: "is a folder: choose another name or remove it",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another path",
    errno.ENOENT: "its folder does not exist: make it first",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ENOLCK: "the file system offers no locks: choose a folder on a local disk",
    errno.EIO: "the device failed: check it, then run the same command again",
}

# Safetensors' names of the number formats that a file may hold.
DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
BYTES = {name: max(1, int(name.lstrip("BOLUIF") or 8) // 8) for name in DTYPES}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses into an `OutputError` that names the path and what to do."""
    try:
        yield
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, f"{error.strerror or error}: choose another folder")
        raise OutputError(f"{path}: {advice}") from error


def temporary(path: Path) -> Path:
    """A name beside a path that `sweep` and `sweep_of` take for a leftover."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def atomic_write(path: Path | str, data: bytes | bytearray | memoryview, *, settle: bool = True) -> None:
    """Write a file so that at any moment, even after a power cut, it is the old one or the new one.

    Args:
        path: the file; its folder must exist.
        data: the contents.
        settle: return only when a power cut can no longer bring the old file back; `seal` and `publish` settle
            a folder as a whole.

    Raises:
        OutputError: the file cannot be written; the old one is untouched unless only the folder's fsync failed.
    """
    path = Path(path)
    with writing(path), _held(path, _new_file) as (new, descriptor):
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
        os.replace(new, path)
    if settle:
        with writing(path):
            _sync(path.parent)


def output(path: Path | str, data: bytes | bytearray | memoryview) -> None:
    """Write a file that no locked folder owns, such as a page; what killed writers of it left goes first.

    Args:
        path: the file; its folder must exist.
        data: the contents.

    Raises:
        OutputError: the file cannot be written.
    """
    sweep_of(path)
    atomic_write(path, data)


@contextmanager
def building(final: Path | str) -> Iterator[Path]:
    """A new folder under a temporary name: it is published when the block ends, and removed when the block fails.

    What killed builders of the same folder left goes first.

    Args:
        final: the final name, which must not exist when the block ends.

    Raises:
        OutputError: the name exists, or the folder cannot be written.
    """
    final = Path(final)
    make_folder(final.absolute().parent)
    sweep_of(final)
    with _held(final, _new_folder) as (folder, _):
        yield folder
        publish(folder, final)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _new_folder(path: Path) -> int:
    make_folder(path)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def _held(final: Path, make: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """A new file or folder under a temporary name and its descriptor, under the kernel's lock; removed on an error."""
    new, descriptor = _begun(final, make)
    try:
        yield new, descriptor
    except BaseException:
        _discard(new)
        raise
    finally:
        os.close(descriptor)


def _begun(final: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    while True:
        new = temporary(final)
        try:
            descriptor = make(new)
        except BaseException:
            _discard(new)
            raise
        if _holds(descriptor, new) is not False:
            return new, descriptor
        os.close(descriptor)  # a sweep was faster than the lock


def _discard(path: Path) -> None:
    with suppress(OutputError):  # the first error is the one to report; a sweep removes what stays
        remove(path)


def _holds(descriptor: int, path: Path) -> bool | None:
    """Whether the kernel's lock on what was opened was free and is now held; None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return _same(descriptor, path)


def sweep_of(path: Path | str) -> None:
    """Remove what killed writers of a file or folder left beside it; what a living writer holds is left alone."""
    path = Path(path).absolute()
    with writing(path), suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(path.parent)):
            found = TEMPORARY.fullmatch(name)
            if found and found[1] == path.name:
                _remove_unheld(path.with_name(name))


def _remove_unheld(path: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _holds(descriptor, path):
                remove(path)
        finally:
            os.close(descriptor)


def _sync(path: Path) -> None:
    """Fsync of a file or folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path | str) -> Path:
    """Make a folder, and those above it, so that they outlast a power cut; one that exists is left as it is."""
    path = Path(path)
    missing = [p for p in (path, *path.parents) if not p.exists()]
    with writing(path):
        for folder in reversed(missing):
            with suppress(FileExistsError):  # another process may have made it just now
                os.mkdir(folder)
            _sync(folder.parent)
        if not path.is_dir():
            raise FileExistsError(errno.EEXIST, "exists and is not a folder")
    return path


def publish(folder: Path | str, final: Path | str) -> None:
    """Give a finished folder its final name: everything in it reaches the disk before the name does.

    Args:
        folder: the folder under a temporary name, on the same file system; removed when publishing fails.
        final: the final name; must not exist.

    Raises:
        OutputError: the name exists, or the folder cannot be written.
    """
    folder, final = Path(folder), Path(final)
    with writing(final):
        try:
            for path in (*_tree(folder), folder):
                _sync(path)
            if os.path.lexists(final):
                raise FileExistsError(errno.EEXIST, "exists")
            os.rename(folder, final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _sync(final.parent)


def _tree(folder: Path) -> Iterator[Path]:
    """Everything under a folder, contents before their folder."""
    for root, folders, names in os.walk(folder, topdown=False):
        yield from (Path(root, name) for name in sorted(names) + sorted(folders))


def remove(path: Path | str) -> None:
    """Remove a file or a folder with all it holds; one that is not there is no error."""
    path = Path(path)
    with writing(path), suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            os.unlink(path)


_mine: ContextVar[frozenset[str]] = ContextVar("_mine", default=frozenset())


@contextmanager
def locked(folder: Path | str) -> Iterator[None]:
    """Hold a folder, made if need be, as its only writer; within `held` of the same thread it is so already.

    The lock is the kernel's (``flock``): it ends with the process, and the number in the file serves the message only.
    Folders that were made for the lock and are empty in the end go again.

    Raises:
        LockedError: another process holds it; the error names its number.
    """
    folder = Path(folder)
    place, new = os.path.realpath(folder), [p for p in (folder, *folder.parents) if not p.exists()]
    if place in _mine.get():
        yield
        return
    descriptor = _lock(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # a file without a lock on it stops nobody
            os.unlink(folder / LOCK)
            for made in new:
                os.rmdir(made)
        os.close(descriptor)


@contextmanager
def held(folder: Path | str) -> Iterator[None]:
    """Hold a folder as `locked` does, for work that locks it once more: from before what takes long to import."""
    with locked(folder):
        token = _mine.set(_mine.get() | {os.path.realpath(folder)})
        try:
            yield
        finally:
            _mine.reset(token)


def _lock(folder: Path) -> int:
    """Descriptor of the locked file; a holder who just left may have removed it, or the folder, so look again."""
    path = folder / LOCK
    for _ in range(LOCK_TRIES):
        make_folder(folder)
        with writing(path), suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            if _is_locked(descriptor, path):
                return descriptor
    raise LockedError(f"{folder}: other processes come and go here: wait until they end, or choose another folder")


def _is_locked(descriptor: int, path: Path) -> bool:
    """Whether the file is the one at its path and is now held, with the number of this process in it; else closed."""
    try:
        _flock(descriptor, path)
        if _same(descriptor, path):
            _sign(descriptor, path)
            return True
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return False


def _sign(descriptor: int, path: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


def _flock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        raise LockedError(
            f"{path.parent}: process {holder} is writing here: wait until it ends, or choose another folder"
        ) from None


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def sweep(folder: Path | str) -> None:
    """Remove what interrupted writes left under a folder; call it while holding the lock."""
    for root, folders, names in os.walk(folder):
        for name in filter(_is_temporary, (*names, *folders)):
            remove(Path(root, name))
        folders[:] = [name for name in folders if not _is_temporary(name)]


def tidy(folder: Path | str, *parts: str) -> None:
    """Remove what a writer that was killed at its very end left in a finished folder, where that can be done.

    Args:
        folder: a whole artefact.
        parts: names of files and folders there that serve only while it is made.
    """
    folder = Path(folder)
    if any(is_own(name) or name in parts for name in os.listdir(folder)):
        with suppress(OutputError, LockedError), locked(folder):  # a whole artefact answers on a read-only disk too
            sweep(folder)
            for name in parts:
                remove(folder / name)


def is_own(name: str) -> bool:
    """Whether a name is one of those that come and go with writing: the lock, or a leftover."""
    return name == LOCK or _is_temporary(name)


def _is_temporary(name: str) -> bool:
    return TEMPORARY.fullmatch(name) is not None


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
    if any(not is_own(p.name) for p in folder.iterdir()):
        raise OutputError(f"{folder}: exists and is not a {kind}: choose a new folder")


def _differences(there: Any, asked: Any, at: str = "") -> list[str]:
    """What differs between two trees of plain data, in words."""
    if isinstance(there, Mapping) and isinstance(asked, Mapping):
        keys = sorted({*there, *asked})
        return [d for k in keys for d in _differences(there.get(k), asked.get(k), f"{at}.{k}".lstrip("."))]
    return [] if there == asked else [f"{at}: {shortened(there)} there, {shortened(asked)} asked"]


def shortened(value: Any) -> str:
    """A value as Python writes it, cut off where it is long."""
    words = repr(value)
    return words if len(words) <= LONGEST_VALUE else f"{words[: LONGEST_VALUE - 1]}…"


@overload
def plain(value: Mapping[str, object]) -> dict[str, Any]: ...


@overload
def plain(value: object) -> Any: ...


def plain(value: Any) -> Any:
    """A value as JSON holds it: records and mappings as dictionaries, sequences and arrays as lists, paths as words.

    A number that is not finite becomes None. A record with a method ``as_json`` has the form that this gives.

    Args:
        value: a number, word, path, array, named tuple, data class, pydantic model, or sequence or mapping of such;
            anything else stays what it is.

    >>> import numpy as np
    >>> plain({"r2": float("nan"), 2: np.arange(2), "sizes": (1.0, float("inf")), "of": Path("run")})
    {'r2': None, '2': [0, 1], 'sizes': [1.0, None], 'of': 'run'}
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return plain(value.value)
    for form in ("as_json", "tolist"):
        if hasattr(value, form):
            return plain(getattr(value, form)())
    if isinstance(value, Mapping) or _field_names(value) is not None:
        items = value if isinstance(value, Mapping) else fields(value)
        return {str(key): plain(item) for key, item in items.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def fields(record: object, *without: str) -> dict[str, object]:
    """Names and values of the fields of a named tuple, data class or pydantic model, but for some."""
    return {name: getattr(record, name) for name in _field_names(record) or () if name not in without}


def _field_names(record: object) -> Iterable[str] | None:
    if hasattr(type(record), "model_fields"):
        return type(record).model_fields  # type: ignore[attr-defined, no-any-return]
    if is_dataclass(record):
        return [field.name for field in fields_of(record)]
    return getattr(record, "_fields", None)


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as JSON: sorted keys, finite numbers, a newline at the end; equal values give equal bytes.

    Raises:
        DataError: the value holds NaN, an infinity or something that is not plain data.
    """
    atomic_write(path, encode_json(value, Path(path)))


def encode_json(value: Any, path: Path) -> bytes:
    """The bytes that `write_json` writes; the path serves the message."""
    try:
        return (json.dumps(value, sort_keys=True, allow_nan=False, indent=1) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: only plain values and finite numbers go into JSON: {error}") from error


def read_json(path: Path | str, limit: int = JSON_LIMIT) -> Any:
    """Read strict JSON: no NaN, no infinity, no key twice, at most ``limit`` bytes.

    Raises:
        CorruptError: unreadable, too long, or not strict JSON.
    """
    return decode_json(read_bytes(path, limit), Path(path))


def decode_json(data: bytes, path: Path) -> Any:
    """The value of strict JSON; the path serves the message."""
    try:
        return json.loads(
            data.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{path}: not strict JSON ({error}): restore it from a copy or make it again") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits[:20])


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands there twice")
    return result


def read_bytes(path: Path | str, limit: int | None = None) -> bytes:
    """The contents of a plain file of at most ``limit`` bytes; links are not followed.

    Raises:
        CorruptError: missing, unreadable, not a plain file, too long.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return _contents(descriptor, path, limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else error.strerror
        raise CorruptError(f"{path}: cannot be read ({reason}): restore it from a copy or make it again") from error


def _contents(descriptor: int, path: Path | str, limit: int | None) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise CorruptError(f"{path}: not a plain file: put the file itself there")
    if limit is not None and status.st_size > limit:
        raise CorruptError(f"{path}: {status.st_size} bytes where at most {limit} are expected: make it again")
    with open(descriptor, "rb", closefd=False) as file:
        return file.read()


def write_arrays(path: Path | str, arrays: "Mapping[str, Array]") -> None:
    """Write named arrays as safetensors; any memory layout and byte order, equal arrays give equal bytes.

    Raises:
        DataError: an array whose number format safetensors has no name for.
    """
    import numpy as np
    from safetensors.numpy import save

    for name, array in arrays.items():
        if np.asarray(array).dtype.name not in DTYPES.values():
            raise DataError(f"{path}: {name} has dtype {np.asarray(array).dtype}: convert it to a real number format")
    # safetensors takes the memory as it lies, so it must be contiguous and little-endian.
    plain = {name: np.array(a, dtype=np.asarray(a).dtype.newbyteorder("<"), order="C") for name, a in arrays.items()}
    atomic_write(path, save(plain))


def read_arrays(path: Path | str) -> "dict[str, Array]":
    """Read named arrays from safetensors after its header was checked; the arrays can be written to.

    Raises:
        CorruptError: not safetensors, or its header does not describe the file exactly.
    """
    from safetensors.numpy import load

    data = read_bytes(path)
    try:
        _check_header(data, Path(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(
            f"{path}: not a whole safetensors file ({error}): restore it from a copy or make it again"
        ) from error
    return {name: array if array.flags.writeable else array.copy() for name, array in load(data).items()}


def _check_header(data: bytes, path: Path) -> None:
    """Each array's bytes follow the one before without gap or overlap, up to the end of the file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
        raise ValueError(f"{len(data)} bytes cannot hold a header of {length}")
    header = decode_json(data[8 : 8 + length], path)
    header.pop("__metadata__", None)
    end = 0
    for name, about in sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0])):
        start, stop = about["data_offsets"]
        if start != end or stop - start != _size(about):
            raise ValueError(f"{name} does not fit its place")
        end = stop
    if end != len(data) - 8 - length:
        raise ValueError(f"{len(data) - 8 - length} bytes of numbers where {end} are described")


def _size(about: Mapping[str, Any]) -> int:
    shape: list[int] = about["shape"]
    if not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ValueError(f"shape {shape} cannot be")
    return math.prod(shape) * BYTES[about["dtype"]]


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
    noted = records or {}
    names = _names(folder, beside)
    odd = [name for name in names if not is_safe(name)]
    if odd:
        raise CorruptError(f"{folder}: {odd[0]!r} does not belong there: remove it and run the same command again")
    files = {name: _noted(folder, name, noted[name]) if name in noted else _record(folder / name) for name in names}
    body = {"kind": kind, "version": version, "about": dict(about), "files": files}
    data = _signed(body, folder / MANIFEST)
    with writing(folder):
        for path in sorted({(folder / name).parent for name in names}):
            _sync(path)
    atomic_write(folder / MANIFEST, data)
    return sha256(data)


def _signed(body: Mapping[str, Any], path: Path) -> bytes:
    """Manifest with a sum of its own, so that a flipped bit in it is seen."""
    return encode_json({**body, "sha256": sha256(encode_json(body, path))}, path)


def _names(folder: Path, beside: Container[str] = ()) -> list[str]:
    """Files under a folder, without manifest, lock, temporary names and those that lie beside."""
    found = (p for p in _tree(folder) if p.is_symlink() or not p.is_dir())
    names = (p.relative_to(folder).as_posix() for p in found)
    own = (n for n in names if n not in (MANIFEST, LOCK) and not any(map(_is_temporary, n.split("/"))))
    return sorted(n for n in own if n not in beside and f"{n.split('/')[0]}/" not in beside)


def is_safe(name: str) -> bool:
    """Whether a name of a file in an artefact can neither leave its folder nor surprise a file system."""
    return len(name) <= NAME_LENGTH and SAFE_NAME.fullmatch(name) is not None


def _record(path: Path) -> dict[str, Any]:
    """Size and sum of a file, which reaches the disk before the manifest does."""
    data = read_bytes(path)
    with writing(path):
        _sync(path)
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
    data = read_bytes(path, JSON_LIMIT)
    body = decode_json(data, path)
    if not _is_manifest(body) or _signed({k: body[k] for k in body if k != "sha256"}, path) != data:
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


RESTORE = "restore it from a copy or make it again"


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
    data = b"" if problem else read_bytes(folder / name)
    problem = problem or _sum_problem(name, record, data)
    if problem:
        raise CorruptError(f"{folder}: {problem}: {advice}")
    return data


def _sum_problem(name: str, record: Mapping[str, Any], data: bytes) -> str:
    found = sha256(data)
    return "" if found == record["sha256"] else f"{name}: sha256 {found[:12]}… instead of {record['sha256'][:12]}…"


def verify(folder: Path | str, beside: Container[str] = ()) -> list[str]:
    """Read everything: one line for each problem, none when the folder is whole.

    Args:
        folder: the artefact.
        beside: names of files, and of folders with a stroke behind them, that may lie there without being a part of it,
            such as a page about it.
    """
    folder = Path(folder)
    try:
        manifest = read_manifest(folder)
    except BeableError as error:
        return [str(error)]
    lines = (_problem(folder, name, record) for name, record in manifest.files.items())
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
    output(path, data)
    _write_note(path.parent, others | {path.name: {"bytes": len(data), "sha256": sha256(data)}})


def noted(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """{"bytes", "sha256"} of the files named in ``NOTED``; none where it is missing or damaged."""
    try:
        return read_manifest(folder, NOTED).files
    except (CorruptError, UsageError):
        return {}


def _write_note(folder: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    body = {"kind": NOTED_KIND, "version": 1, "about": {}, "files": dict(records)}
    output(folder / NOTED, _signed(body, folder / NOTED))


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
        return _sum_problem(name, record, read_bytes(folder / name))
    except CorruptError as error:
        return f"{name}: {error}"
