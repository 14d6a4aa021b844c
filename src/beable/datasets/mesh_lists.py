"""Which files a list of meshes names: those of VTK (.pvd, .vtm, .pvtu, …), series of ParaView, cases of OpenFOAM.

A list is read here and not by the library that reads its parts, so that what is checked is what is read.
"""

import gzip
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from beable import inputs
from beable.errors import DataError, UsageError

SINGLE = (".vti", ".vtr", ".vts", ".vtu", ".vtp", ".vtk")
#: in pieces, as programs that run in parallel write them
PARALLEL = (".pvti", ".pvtr", ".pvts", ".pvtu", ".pvtp")
BLOCKS = (".vtm", ".vtmb")
HDF = ".vtkhdf"
CGNS = ".cgns"
#: lists that are read here, with a time for each of their files
TIMED = (".pvd", ".series")
FOAM = ".foam"
#: kinds that a list may name
PARTS = (*SINGLE, *PARALLEL, *BLOCKS)
#: kinds of file that name others
LISTS = (*TIMED, *BLOCKS, *PARALLEL)
#: attributes of VTK's XML that name a file
NAMING = ("file", "source")
#: what of the folder of a case of OpenFOAM is read, and lines in it that ask for another file
CASE = re.compile(r"constant|system|processor.*|[0-9].*")
INCLUDED = re.compile(rb"#\s*include\w*\s*[\"<]?([^\"\s>]+)")
PIECE, OVERLAP = 1 << 22, 1 << 12


def times_of(path: Path) -> dict[float, list[Path]]:
    """The files of each time that a list names, in the order of the times.

    Args:
        path: a .pvd or .series file.

    Raises:
        DataError: no such list, or none of its times.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.pvd"
    >>> _ = path.write_text('<VTKFile><Collection><DataSet timestep="2" file="a.vtu"/></Collection></VTKFile>')
    >>> {time: [part.name for part in parts] for time, parts in times_of(path).items()}
    {2.0: ['a.vtu']}
    """
    found: dict[float, list[Path]] = {}
    for time, name in _entries(path):
        found.setdefault(time, []).append(path.parent / name)
    if not found or not all(map(math.isfinite, found)):
        raise DataError(f"{path}: names no times: list at least one file with its time")
    return dict(sorted(found.items()))


def _entries(path: Path) -> list[tuple[float, str]]:
    try:
        if path.suffix.lower() == ".pvd":
            sets = list(_xml(path).iter("DataSet"))
            return [(float(e.get("timestep", 0)), e.attrib["file"]) for e in sorted(sets, key=_place)]
        return [(float(e["time"]), str(e["name"])) for e in json.loads(inputs.read(path, inputs.LARGEST))["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: is no list of files with their times ({error!r}): check the file") from error


def _place(element: ElementTree.Element) -> float:
    return float(element.get("part", 0))


def _xml(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(inputs.read(path, inputs.LARGEST))  # noqa: S314
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: is no list of files in XML ({error}): check the file") from error


def files_behind(path: Path) -> list[Path]:
    """A file and all those that it names, and these name in turn, which must lie in its folder.

    Raises:
        DataError: naming a part that lies elsewhere, or is of a kind that is not read.
        UsageError: a part is missing, or no plain file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.vtm"
    >>> _ = path.write_text('<VTKFile><DataSet file="../other/secret.vtu"/></VTKFile>')
    >>> files_behind(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    beable.errors.DataError: .../run.vtm: its part '../other/secret.vtu' lies outside its folder: copy it there
    """
    found: dict[Path, None] = {}
    _follow(path, path.resolve().parent, (), found)
    return list(found)


def _follow(path: Path, folder: Path, above: tuple[Path, ...], found: dict[Path, None]) -> None:
    place = path.resolve()
    if place in above:
        raise DataError(f"{path}: names itself among its parts: leave that out")
    if place in found:
        return
    found[place] = None
    for name in _names(path):
        part = path.parent / name
        if "\0" in name or not part.resolve().is_relative_to(folder):
            raise DataError(f"{path}: its part {name!r} lies outside its folder: copy it there")
        if part.suffix.lower() not in PARTS:
            raise DataError(f"{path}: its part {name!r} is of no kind that is read there: {', '.join(PARTS)}")
        if not part.exists():
            raise UsageError(f"{path}: its part {name!r} is not there: copy it to {part.parent}")
        inputs.refuse_special(part)
        _follow(part, folder, (*above, place), found)


def _names(path: Path) -> list[str]:
    """What a list names; nothing for any other file."""
    kind = path.suffix.lower()
    if kind in TIMED:
        return [name for _, name in _entries(path)]
    if kind not in LISTS:
        return []
    return [value for e in _xml(path).iter() for key, value in e.attrib.items() if key.lower() in NAMING]


def refuse_case_elsewhere(path: Path) -> int:
    """Refuse a case of OpenFOAM of which a part is a link out of its folder, or asks for a file that lies elsewhere.

    Args:
        path: the .foam file beside the folders of the case.

    Returns:
        Bytes of its parts.

    Raises:
        DataError: naming the part.
    """
    folder, stored = path.resolve().parent, 0
    for part in _case(folder):
        if not part.resolve().is_relative_to(folder):
            raise DataError(f"{path}: its part {part.name!r} leads out of its folder: copy it there")
        stored += inputs.stored(part)  # of plain files, none of which leads elsewhere
        for file in sorted(part.rglob("*") if part.is_dir() else [part]):
            if file.is_file() and (name := _elsewhere(file)):
                raise DataError(f"{path}: {file.relative_to(folder)} asks for the file {name}: copy its lines into it")
    return stored


def _case(folder: Path) -> Iterator[Path]:
    yield from sorted(entry for entry in folder.iterdir() if CASE.fullmatch(entry.name))


def is_decomposed(path: Path) -> bool:
    """Whether the times of a case of OpenFOAM lie in folders of processors alone."""
    names = [entry.name for entry in path.resolve().parent.iterdir() if entry.is_dir()]
    whole = any(re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", name) for name in names if name != "0")
    return not whole and any(re.fullmatch(r"processor[0-9]+", name) for name in names)


def _elsewhere(file: Path) -> str:
    """What a file of a case includes from outside of its folder; empty for nothing."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        before = b""
        while piece := lines.read(PIECE):
            for found in INCLUDED.finditer(before + piece):
                name = found[1].decode("utf-8", "replace")
                if name.startswith(("/", "~")) or "$" in name or ".." in name:
                    return name
            before = piece[-OVERLAP:]
    return ""
