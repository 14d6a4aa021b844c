"""Files that a verb is to write: refused where something else lies, written over where beable's own lies.

Beable's files carry a mark: a page the name of its generator, a PDF and a picture a comment.
"""

import re
import struct
import zlib
from pathlib import Path

from beable.errors import OutputError, UsageError

HEAD = 64 * 1024  # bytes at either end that are looked at
PAGE = re.compile(rb'<meta name="generator" content="beable\b')
PDF = re.compile(rb"^% made by beable$", re.MULTILINE)
PICTURE = re.compile(rb"tEXtSoftware\x00beable")
XYZ = re.compile(rb"\bgenerator=beable\b")
MARKS = {".html": PAGE, ".pdf": PDF, ".png": PICTURE, ".xyz": XYZ}


def refuse_foreign(path: Path, *kinds: str, force: bool = False) -> None:
    """See to it that a file can be written where it is to be.

    Args:
        path: the file; the end of its name says what it is.
        kinds: ends of names that may stand there; all that there are by default.
        force: whether anything may be written over.

    Raises:
        UsageError: the folder does not exist, or no file of beable has such a name.
        OutputError: something else lies there.
    """
    if path.suffix not in (kinds or MARKS):
        raise UsageError(f"{path}: the name must end in {' or '.join(kinds or MARKS)}")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: its folder does not exist: make it first")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder: choose another name or remove it")
    if path.exists() and not force and not is_own(path):
        raise OutputError(
            f"{path}: exists and was not written by beable: choose another name, or write over it with --force"
        )


def is_own(path: Path) -> bool:
    """Whether a file carries beable's mark for its kind."""
    mark = MARKS.get(path.suffix)
    return mark is not None and path.is_file() and mark.search(_ends(path)) is not None


def _ends(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(len(head), path.stat().st_size - HEAD))
        return head + file.read()


def marked_pdf(data: bytes) -> bytes:
    """A PDF with the mark, a comment behind its end."""
    return data.rstrip() + b"\n% made by beable\n"


def marked_png(data: bytes) -> bytes:
    """A PNG picture with the mark, a text chunk behind its header.

    >>> marked_png(b"?" * 33 + b"rest")[37:49], PICTURE.search(marked_png(bytes(33))) is None
    (b'tEXtSoftware', False)
    """
    body = b"tEXtSoftware\x00beable"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    header = 33  # signature and IHDR
    return data[:header] + chunk + data[header:]
