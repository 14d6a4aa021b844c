"""The only module that writes: a file is the old one or the new one, never something between.

::

    temporary name in the same folder → write → fsync → rename → fsync of the folder

A process killed at any moment leaves at most temporary names (``.NAME.PID-….tmp``). `sweep` removes those in a folder
that the caller holds, `sweep_of` those beside an output of this name; a writer holds the kernel's lock on its own, so
that nobody takes them from it. A power cut cannot bring a renamed file without its contents. One writer at a time
holds the kernel's lock on a folder; the kernel frees it when the process ends, however it ends. What a folder holds
when it is finished is named by its manifest (`beable.files.artefacts`). Nothing here reads or writes pickles.

T. S. Pillai et al., *All file systems are not created equal: on the complexity of crafting crash-consistent
applications*, OSDI 2014.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from beable.errors import CorruptError, LockedError, OutputError

LOCK = ".lock"
TEMPORARY = re.compile(r"\.(.+)\.[0-9]+-[0-9a-f]+\.tmp")
LOCK_TRIES = 100

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
            sync(path.parent)


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


def sync(path: Path) -> None:
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
            sync(folder.parent)
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
            for path in (*tree(folder), folder):
                sync(path)
            if os.path.lexists(final):
                raise FileExistsError(errno.EEXIST, "exists")
            os.rename(folder, final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync(final.parent)


def tree(folder: Path) -> Iterator[Path]:
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
        for name in filter(is_temporary, (*names, *folders)):
            remove(Path(root, name))
        folders[:] = [name for name in folders if not is_temporary(name)]


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
    return name == LOCK or is_temporary(name)


def is_temporary(name: str) -> bool:
    return TEMPORARY.fullmatch(name) is not None


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
