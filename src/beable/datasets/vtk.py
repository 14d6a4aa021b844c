"""Files of VTK and cases of OpenFOAM, read by pyvista: grids become fields on axes, meshes fields on nodes or cells."""

import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from beable import inputs
from beable.checks import library
from beable.datasets.sources import Array, Contents, Loader, Source, fixed
from beable.errors import DataError

#: kinds of file that hold many times
SERIES = (".pvd", ".foam")
#: kinds of file that name others
LISTS = (".pvd", ".vtm")
KINDS = (".vti", ".vtr", ".vts", ".vtu", ".vtp", ".vtk", ".vtm", *SERIES)
#: the mesh of a case of OpenFOAM without its boundaries
INSIDE = "internalMesh"
#: parts of the folder of a case of OpenFOAM that are read, and lines in them that ask for another file
PARTS = re.compile(r"constant|system|processor.*|[0-9].*")
INCLUDED = re.compile(rb"#\s*include\w*\s*[\"<]?([^\"\s>]+)")
PIECE, OVERLAP = 1 << 22, 1 << 12
POINTS, CELLS = ("x", "y", "z"), ("xc", "yc", "zc")


@contextmanager
def vtk(path: Path) -> Iterator[Contents]:
    """One snapshot, or those of all times; data of the file that are one number belong to all its rows."""
    pyvista = library("pyvista", "vtk")
    refuse_parts_elsewhere(path)
    if path.suffix.lower() == ".foam":
        refuse_case_elsewhere(path)
    yield _times(pyvista, path) if path.suffix.lower() in SERIES else _snapshot(pyvista.read(path))


def refuse_parts_elsewhere(path: Path) -> None:
    """Refuse a list of files, .pvd or .vtm, of which one lies outside the folder of the list.

    Raises:
        DataError: naming the part.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.pvd"
    >>> _ = path.write_text('<DataSet timestep="0" file="../other/secret.vtu"/>')
    >>> refuse_parts_elsewhere(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    beable.errors.DataError: .../run.pvd: its part '../other/secret.vtu' lies outside its folder: copy it there
    """
    if path.suffix.lower() not in LISTS:
        return
    folder = path.resolve().parent
    for name in re.findall(r'file\s*=\s*["\']([^"\']+)', inputs.read(path, inputs.LARGEST).decode("utf-8", "replace")):
        if not (folder / name).resolve().is_relative_to(folder):
            raise DataError(f"{path}: its part {name!r} lies outside its folder: copy it there")


def refuse_case_elsewhere(path: Path) -> None:
    """Refuse a case of OpenFOAM of which a part is a link out of its folder, or asks for a file that lies elsewhere.

    Args:
        path: the .foam file beside the folders of the case.

    Raises:
        DataError: naming the part.
    """
    folder = path.resolve().parent
    for part in sorted(entry for entry in folder.iterdir() if PARTS.fullmatch(entry.name)):
        if not part.resolve().is_relative_to(folder):
            raise DataError(f"{path}: its part {part.name!r} leads out of its folder: copy it there")
        inputs.stored(part)  # of plain files, none of which leads elsewhere
        for file in sorted(part.rglob("*") if part.is_dir() else [part]):
            if file.is_file() and (name := _elsewhere(file)):
                raise DataError(f"{path}: {file.relative_to(folder)} asks for the file {name}: copy its lines into it")


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


def _snapshot(read: Any) -> Contents:
    mesh = _one(read)
    arrays, coordinates = fields_of(mesh)
    sources = {name: fixed(a[None], ("snapshot", *axes)) for name, (a, axes) in arrays.items()}
    return Contents(sources | coordinates, constants=_constants(mesh))


def _times(pyvista: Any, path: Path) -> Contents:
    """Rows are times, each read when it is needed."""
    reader = pyvista.get_reader(path)
    if hasattr(reader, "cell_to_point_creation"):
        reader.cell_to_point_creation = False  # what was computed is kept in cells
    times = np.asarray(reader.time_values, np.float64)
    if not times.size:
        raise ValueError("it names no times")
    series = _Series(reader, len(times))
    arrays, coordinates = fields_of(series.mesh(0))
    sources = {name: series.source(name, a, axes) for name, (a, axes) in arrays.items()}
    clock = {"time": fixed(times, ("time",))}
    left = dict.fromkeys(_constants(series.mesh(0)), "data of the file, which may change with time")
    return Contents(sources | coordinates | clock, left=left, time="time", rows=("time",))


class _Series:
    """Meshes of a reader by the number of their time; the last one is kept."""

    def __init__(self, reader: Any, count: int) -> None:
        self.reader, self.count = reader, count
        self.at, self.held = -1, None

    def mesh(self, time: int) -> Any:
        if time != self.at:
            self.reader.set_active_time_point(time)
            self.at, self.held = time, _one(self.reader.read())
        return self.held

    def source(self, name: str, first: Array, axes: tuple[str, ...]) -> Source:
        def part(places: Mapping[int, slice]) -> Array:
            times = range(self.count)[places.get(0, slice(None))]
            rest = tuple(places.get(axis + 1, slice(None)) for axis in range(first.ndim))
            return np.stack([self._field(name, time, first.shape)[rest] for time in times])

        return Source((self.count, *first.shape), first.dtype, Loader(part), axes=("time", *axes))

    def _field(self, name: str, time: int, shape: tuple[int, ...]) -> Array:
        found = fields_of(self.mesh(time))[0].get(name)
        if found is None or found[0].shape != shape:
            raise ValueError(f"{name} has another shape, or is missing, at time {time}: rows are of one mesh")
        return found[0]


def _one(read: Any) -> Any:
    """The mesh of what was read: of several blocks those inside, or all of them as one."""
    if not hasattr(read, "combine") or not hasattr(read, "n_blocks"):
        return read
    if INSIDE in read.keys():  # noqa: SIM118  (no mapping)
        return _one(read[INSIDE])
    return _one(read[0]) if read.n_blocks == 1 else read.combine()


def _constants(mesh: Any) -> dict[str, Source]:
    """Data of the whole file: numbers and short arrays; those of one number differ between files as factors do."""
    arrays = {name: np.asarray(mesh.field_data[name]) for name in mesh.field_data.keys()}  # noqa: SIM118
    kept = {name: a for name, a in arrays.items() if a.dtype.kind in "fiub" and a.size}
    return {name: fixed(a.reshape(()) if a.size == 1 else a) for name, a in kept.items()}


def fields_of(mesh: Any) -> tuple[dict[str, tuple[Array, tuple[str, ...]]], dict[str, Source]]:
    """Arrays of a mesh with the names of their axes, and coordinates.

    Data of points and of cells lie on axes of their own; where there is one kind alone, its axes are x, y and z.

    Args:
        mesh: a data set of pyvista.
    """
    held = {"point": mesh.point_data, "cell": mesh.cell_data}
    kinds = [kind for kind, data in held.items() if len(data.keys())]
    dimensions = tuple(int(n) for n in getattr(mesh, "dimensions", ()))
    arrays: dict[str, tuple[Array, tuple[str, ...]]] = {}
    coordinates: dict[str, Source] = {}
    for kind in kinds:
        names = CELLS if kind == "cell" and len(kinds) > 1 else POINTS
        lengths = dimensions if kind == "point" else tuple(max(1, n - 1) for n in dimensions)
        for name in held[kind].keys():  # noqa: SIM118
            own = f"{kind}_{name}" if name in arrays else str(name)
            arrays[own] = _field(np.asarray(held[kind][name]), kind, lengths, names)
        coordinates |= _coordinates(mesh, kind, names)
    return arrays, coordinates


def _field(values: Array, kind: str, lengths: tuple[int, ...], names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Numbers (points,) or (points, components) on the axes of a grid, x running fastest, or along one of a mesh."""
    tail, more = values.shape[1:], ("component",) * (values.ndim - 1)
    if not lengths:
        return values, ("node" if kind == "point" else "cell", *more)
    kept = [i for i, n in enumerate(lengths) if n > 1] or [0]
    shape = tuple(lengths[i] for i in kept)
    return values.reshape((*shape, *tail), order="F"), (*(names[i] for i in kept), *more)


def _coordinates(mesh: Any, kind: str, names: tuple[str, ...]) -> dict[str, Source]:
    """Places along the axes of an even or rectilinear grid; middles of its cells."""
    if hasattr(mesh, "spacing") and hasattr(mesh, "origin"):
        grid = zip(mesh.origin, mesh.spacing, mesh.dimensions, strict=True)
        places = [start + step * np.arange(n) for start, step, n in grid]
    elif getattr(np.asarray(getattr(mesh, "x", ())), "ndim", 0) == 1 and hasattr(mesh, "dimensions"):
        places = [np.asarray(getattr(mesh, axis), np.float64) for axis in POINTS]
        if [len(p) for p in places] != list(mesh.dimensions):
            return {}  # a curved grid
    else:
        return {}
    middles = places if kind == "point" else [(p[1:] + p[:-1]) / 2 for p in places]
    return {name: fixed(p, (name,)) for name, p in zip(names, middles, strict=True) if len(p) > 1}
