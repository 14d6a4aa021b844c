"""Files that a user names: each must be a plain file, or a folder of plain files, before anything opens it by its name.

A name may be a link, since people keep their data behind links; what lies inside a folder may not lead out of it, so
that no numbers come from another place than the one that was named. Pipes, devices and sockets are refused without
waiting for what they would give.
"""

import math
import os
import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from beable.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}
OPENED = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
#: bytes of a file that is read as a whole
LARGEST = 2**28
#: files below this size are taken for full
HOLLOW = 2**20


def read(path: Path, limit: int, option: str = "") -> bytes:
    """The contents of a plain file that a user names.

    Args:
        path: the file, or a link to it.
        limit: bytes that it may have.
        option: by which it is named, for the message.

    Raises:
        UsageError: missing, no plain file, too long, or not to be read.
    """
    refuse_special(path, option)
    try:
        descriptor = os.open(path, OPENED)
        with open(descriptor, "rb") as file:
            _refuse_kind(path, os.fstat(descriptor), option)
            data = file.read(limit + 1)
    except OSError as error:
        raise _refused(path, error, option) from None
    if len(data) > limit:
        named = f"{option} {path}".lstrip()
        raise UsageError(f"{named}: more than {limit:,} bytes: such a file is not expected here, check the name")
    return data


def npy(path: Path, option: str = "") -> "NDArray[Any]":
    """The numbers of a file in NumPy's format, which must hold exactly those that its header describes.

    Args:
        path: the file, or a link to it.
        option: by which it is named, for the message.

    Raises:
        UsageError: it cannot be read.
        DataError: it is of another form.
    """
    import numpy as np

    data = read(path, LARGEST, option)
    try:
        file = BytesIO(data)
        shape, by_columns, dtype = npy_header(file)
        if dtype.hasobject or file.tell() + math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(f"shape {shape} of {dtype} does not fit its {len(data)} bytes")
        return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
    except Exception as error:  # on bytes that are not theirs, readers fail in every way
        named = f"{option} {path}".lstrip()
        raise DataError(f"{named}: not an array in NumPy's format ({error}): give a .npy file") from None


def npy_header(file: IO[bytes]) -> "tuple[tuple[int, ...], bool, np.dtype[Any]]":
    """Shape, whether columns come first, and number format of an array in NumPy's format.

    Raises:
        ValueError: another format.
    """
    from numpy.lib import format as npy_format

    version = npy_format.read_magic(file)
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array format {version[0]}.{version[1]} holds no plain numbers")
    return readers[version](file)


def refuse_special(path: Path, option: str = "") -> None:
    """Refuse what is no plain file, or link to one, without opening it.

    Raises:
        UsageError: it is missing, or a pipe, a device, a socket or a folder.
    """
    _refuse_kind(path, _status(path, option), option)


def stored(path: Path) -> int:
    """Bytes that a plain file, or a folder of plain files, holds; holes, which take no room on the disk, apart.

    Raises:
        UsageError: missing, or no plain file.
        DataError: a folder that holds something else than folders and plain files, or leads out of itself.
    """
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        return _stored_in(path)
    _refuse_kind(path, status)
    return _filled(path, status.st_size)


def _status(path: Path, option: str = "") -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:  # a name with a zero byte in it
        raise _refused(path, error, option) from None


def _refused(path: Path | str, error: Exception, option: str = "") -> UsageError:
    named = f"{option} {path}".lstrip()
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{named}: no such file: check the name")
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return UsageError(f"{named}: {reason}: name a file that can be read")


def _refuse_kind(path: Path, status: os.stat_result, option: str = "") -> None:
    if stat.S_ISREG(status.st_mode):
        return
    named, kind = f"{option} {path}".lstrip(), KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        raise UsageError(f"{named}: is a folder: name a file")
    raise UsageError(f"{named}: {kind}, not a plain file: write what it gives into a file and name that")


def _filled(path: Path | str, size: int) -> int:
    """Bytes of a file that are not in its holes."""
    if size < HOLLOW:
        return size
    found, place = 0, 0
    try:
        descriptor = os.open(path, OPENED)
    except OSError as error:
        raise _refused(path, error) from None
    try:
        while place < size:
            begun = os.lseek(descriptor, place, os.SEEK_DATA)
            place = os.lseek(descriptor, begun, os.SEEK_HOLE)
            found += place - begun
    except OSError:  # nothing but a hole is left
        pass
    finally:
        os.close(descriptor)
    return found


def _stored_in(folder: Path) -> int:
    """Bytes of all files below a folder."""
    root, total = os.path.realpath(folder), 0
    for entry in _entries(folder):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            _refuse_way_out(folder, root, entry.path)
        elif stat.S_ISREG(mode):
            total += _filled(entry.path, entry.stat(follow_symlinks=False).st_size)
        elif not stat.S_ISDIR(mode):
            kind = KINDS.get(stat.S_IFMT(mode), "no plain file")
            raise DataError(f"{folder}: {os.path.relpath(entry.path, folder)} is {kind}: remove it from the folder")
    return total


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, links not followed."""
    left: list[str] = [str(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as found:
                for entry in found:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError as error:
            raise _refused(folder, error) from None


def _refuse_way_out(folder: Path, root: str, link: str) -> None:
    """Refuse a link that leads out of its folder, or to what is no file."""
    place = os.path.realpath(link)
    inside = os.path.commonpath([root, place]) == root
    if not inside or not (os.path.isfile(place) or os.path.isdir(place)):
        name, where = os.path.relpath(link, folder), "to nothing that can be read" if inside else "out of the folder"
        raise DataError(f"{folder}: {name} is a link {where}: put the file itself there")
