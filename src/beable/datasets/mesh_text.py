"""Legacy files of VTK in text, of which the library reads a last array that is cut short without a word.

VTK File Formats, legacy: an array is a line that declares it, and its numbers; the last of a file is looked at here.
"""

import mmap
import re
from pathlib import Path

from beable.errors import DataError

FORMATS = rb"(?:bit|(?:unsigned_)?(?:char|short|int|long|vtktypeint64)|vtkIdType|vtktype\w+|float|double)"
#: components of an attribute of each point or cell
COMPONENTS = {b"SCALARS": 1, b"VECTORS": 3, b"NORMALS": 3, b"TENSORS6": 6, b"TENSORS": 9}
ARRAY = re.compile(rb"^(?:(SCALARS|VECTORS|NORMALS|TENSORS6|TENSORS) (\S+) %b(?: (\d+))?|(\S+) (\d+) (\d+) %b)[ \r]*$"
                   % (FORMATS, FORMATS), re.MULTILINE)  # fmt: skip
DATA = re.compile(rb"^(?:POINT|CELL)_DATA (\d+)", re.MULTILINE)
TABLE, AFTER = re.compile(rb"\s*LOOKUP_TABLE \S+"), re.compile(rb"^(?:METADATA|[A-Z_]+ )", re.MULTILINE)
NUMBER = re.compile(rb"\S+")
HEAD = 1024


def refuse_cut_short(path: Path) -> None:
    """Refuse a legacy file in text whose last array has fewer numbers than it declares.

    Raises:
        DataError: naming the array.
    """
    with path.open("rb") as file:
        if not re.search(rb"^ASCII\s*$", file.read(HEAD), re.MULTILINE):
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            last = max(ARRAY.finditer(data), key=re.Match.start, default=None)
            if last and (lacking := _lacking(data, last)):
                name = (last[2] or last[4]).decode("utf-8", "replace")
                raise DataError(
                    f"{path}: {name} lacks {lacking:,} of its numbers, the file is cut short: copy it again"
                )


def _lacking(data: mmap.mmap, last: re.Match[bytes]) -> int:
    """How many numbers an array lacks."""
    if last[1]:
        counts = [int(found[1]) for found in DATA.finditer(data, 0, last.start())]
        wanted = (counts[-1] if counts else 0) * (int(last[3] or 1) * COMPONENTS[last[1]])
    else:
        wanted = int(last[5]) * int(last[6])
    table = TABLE.match(data, last.end())
    begin = table.end() if table else last.end()
    after = AFTER.search(data, begin)
    return max(0, wanted - sum(1 for _ in NUMBER.finditer(data, begin, after.start() if after else len(data))))
