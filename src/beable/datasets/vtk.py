"""VTK, CGNS and OpenFOAM, read by pyvista: grids become fields on axes, meshes fields on nodes or cells."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from beable import inputs
from beable.checks import library
from beable.datasets.hdf5_files import is_hdf5, refuse_elsewhere
from beable.datasets.mesh_fields import Read, read_of
from beable.datasets.mesh_lists import (
    BLOCKS,
    CGNS,
    FOAM,
    HDF,
    PARALLEL,
    SINGLE,
    TIMED,
    files_behind,
    is_decomposed,
    refuse_case_elsewhere,
    times_of,
)
from beable.datasets.mesh_places import difference
from beable.datasets.mesh_text import refuse_cut_short
from beable.datasets.reading_process import Served, isolated
from beable.datasets.sources import Array, Contents, Loader, Source
from beable.errors import DataError

T = TypeVar("T")
KINDS = (*SINGLE, *PARALLEL, *BLOCKS, HDF, CGNS, *TIMED, FOAM)
#: kinds whose numbers lie in other files, or are packed
SPREAD = (*PARALLEL, *BLOCKS, *TIMED, FOAM)
#: meshes of several times are kept up to so many bytes, since their arrays are read one after the other
KEPT_BYTES = 1 << 27
#: readers of VTK that pyvista does not know
PIECES = {".pvts": "vtkXMLPStructuredGridReader", ".pvtp": "vtkXMLPPolyDataReader"}
ONE_MESH = "rows are of one mesh: bring all onto one, such as with ParaView's Resample With Dataset"


@contextmanager
def vtk(path: Path) -> Iterator[Contents]:
    """One snapshot, or those of all times; data of the file that are one number belong to all its rows."""
    pyvista = library("pyvista", "vtk")
    stored = _stored(path)
    with isolated(path, stored, partial(_opened, pyvista, path)) as served:
        yield _contents(served)


def _stored(path: Path) -> int:
    """Bytes of a file and of those that it names, none of which may lie elsewhere."""
    if path.suffix.lower() == FOAM:
        return refuse_case_elsewhere(path)
    if path.suffix.lower() == CGNS and not is_hdf5(path):
        raise DataError(
            f"{path}: is no HDF5 file, in which CGNS is read: convert an older one with adf2hdf of the CGNS library"
        )
    if path.suffix.lower() in (HDF, CGNS):
        refuse_elsewhere(path)
    return sum(inputs.stored(part) for part in files_behind(path))


# In the process that reads


class _Array(NamedTuple):
    """What is told of an array: "field", "coordinate", "place" or "number", its shape, number format and axes."""

    role: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[str, ...]


class _Meshes:
    """What a file holds, at each of its times; those of all times must be one mesh.

    Args:
        path: the file.
        read: reads the mesh of a time by its number.
        times: the times; None for a file of one snapshot.
        words: what to call the mesh of a time, where it has a file of its own.
    """

    def __init__(
        self, path: Path, read: Callable[[int], Any], times: list[float] | None = None, words: Sequence[str] = ()
    ) -> None:
        self.name, self.read, self.times, self.words = str(path), read, times, words
        self.held: OrderedDict[int, Read] = OrderedDict()
        self.first = self._read(0)

    def _read(self, place: int) -> Read:
        found = self.read(place)
        try:
            return read_of(found)
        except DataError as error:
            raise DataError(f"{self._said(place)}: {error}") from error

    def about(self) -> dict[str, Any]:
        told = [
            *((n, _Array("field", a.shape, a.dtype.str, axes)) for n, (a, axes) in self.first.fields.items()),
            *((n, _Array("coordinate", a.shape, a.dtype.str, (n,))) for n, a in self.first.coordinates.items()),
            *((n, _Array("place", a.shape, a.dtype.str, axes)) for n, (a, axes) in self.first.places.items()),
            *((n, _Array("number", a.shape, a.dtype.str, ())) for n, a in self.first.numbers.items()),
        ]
        return {"times": self.times, "left": self.first.left, "arrays": told}

    def array(self, place: int, name: str) -> Array:
        role, _, word = name.partition(" ")
        found = self._at(place)
        if role == "field":
            return self._field(found, place, word)
        if role == "place":
            return found.places[word][0]
        return (found.coordinates if role == "coordinate" else found.numbers)[word]

    def _at(self, place: int) -> Read:
        if not place:
            return self.first
        if place not in self.held:
            self.held[place] = self._checked(place)
            while len(self.held) > 1 and sum(map(_bytes, self.held.values())) > KEPT_BYTES:
                self.held.popitem(last=False)
        return self.held[place]

    def _checked(self, place: int) -> Read:
        """The mesh of a time, which must be that of the first but for its numbers."""
        found = self._read(place)
        if why := difference(_where(self.first), _where(found)):
            raise DataError(f"{self._said(place)}: {why} than at the first time: {ONE_MESH}")
        return found._replace(places={}, coordinates={})

    def _field(self, found: Read, place: int, name: str) -> Array:
        """An array of a time, of the form that it has at the first."""
        values, axes = self.first.fields[name]
        other, others = found.fields.get(name, (np.empty(0), ()))
        if other.shape != values.shape or others != axes:
            raise DataError(
                f"{self._said(place)}: {name} is missing there, or has another shape than at the first time: leave it "
                f"out with --exclude {name}"
            )
        return other

    def _said(self, place: int) -> str:
        """What to call a time."""
        if self.words:
            return self.words[place]
        return self.name if self.times is None else f"{self.name}: time {self.times[place]:g}"


def _where(read: Read) -> dict[str, Array]:
    axes = {f"grid_{name}": values for name, values in read.coordinates.items()}
    return axes | {name: values for name, (values, _) in read.places.items()}


def _bytes(read: Read) -> int:
    return sum(values.nbytes for values, _ in read.fields.values())


def _opened(pyvista: Any, path: Path) -> _Meshes:
    """What a file holds, opened in the process that reads it."""
    _one_thread()
    kind = path.suffix.lower()
    if kind in TIMED:
        parts = times_of(path)
        files = list(parts.values())
        names = [f"{path}: {', '.join(part.name for part in found)}" for found in files]
        return _Meshes(path, lambda i: _together(pyvista, files[i]), list(parts), names)
    if kind == FOAM:
        return _of_case(pyvista, path)
    if kind == HDF:
        return _of_hdf(pyvista, path)
    if kind == CGNS:
        return _of_cgns(pyvista, path)
    return _Meshes(path, lambda _: _read(pyvista, path))


def _one_thread() -> None:
    try:
        from vtkmodules.vtkCommonCore import vtkSMPTools
    except ImportError:
        return
    vtkSMPTools.SetBackend("Sequential")  # threads of the process that this one is a copy of are not here


def _together(pyvista: Any, parts: list[Path]) -> Any:
    found = [_read(pyvista, part) for part in parts]
    return found[0] if len(found) == 1 else pyvista.MultiBlock(found)


def _read(pyvista: Any, path: Path) -> Any:
    if path.suffix.lower() == ".vtk":
        refuse_cut_short(path)
    if name := PIECES.get(path.suffix.lower()):
        return _without_errors(lambda: _in_pieces(pyvista, path, name))
    return _without_errors(lambda: pyvista.read(path))


def _in_pieces(pyvista: Any, path: Path, name: str) -> Any:
    from vtkmodules import vtkIOXML

    reader = getattr(vtkIOXML, name)()
    reader.SetFileName(str(path))
    reader.Update()
    return pyvista.wrap(reader.GetOutput())


def _of_case(pyvista: Any, path: Path) -> _Meshes:
    reader = pyvista.get_reader(path)
    reader.cell_to_point_creation = False  # what was computed is kept in cells
    reader.skip_zero_time = False
    if is_decomposed(path):
        reader.case_type = "decomposed"
    times = _without_errors(lambda: [float(time) for time in reader.time_values])
    if not times:
        raise DataError(f"{path}: the case has no times: folders of times, such as 0 and 0.5, lie beside the file")

    def read(place: int) -> Any:
        reader.set_active_time_point(place)
        return reader.read()

    return _Meshes(path, lambda place: _without_errors(lambda: read(place)), times)


def _of_hdf(pyvista: Any, path: Path) -> _Meshes:
    reader = pyvista.get_reader(path)

    def read(place: int) -> Any:
        reader.reader.SetStep(place)
        return reader.read()

    def time(place: int) -> float:
        reader.reader.SetStep(place)
        reader.reader.Update()
        return float(reader.reader.GetTimeValue())

    _without_errors(reader.reader.UpdateInformation)
    steps = int(reader.reader.GetNumberOfSteps())
    times = _without_errors(lambda: [time(i) for i in range(steps)]) if steps > 1 else None
    return _Meshes(path, lambda place: _without_errors(lambda: read(place)), times)


def _of_cgns(pyvista: Any, path: Path) -> _Meshes:
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

    reader = pyvista.get_reader(path)
    reader.load_boundary_patch = False
    _without_errors(reader.reader.UpdateInformation)
    if len(bases := reader.base_array_names) > 1:
        raise DataError(f"{path}: holds {len(bases)} bases ({', '.join(bases)}): write the one that is meant alone")
    about, key = reader.reader.GetOutputInformation(0), vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    times = [float(time) for time in about.Get(key)] if about.Has(key) else []

    def read(place: int) -> Any:
        if times:
            reader.reader.UpdateTimeStep(times[place])
        return reader.read()

    return _Meshes(path, lambda place: _without_errors(lambda: read(place)), times if len(times) > 1 else None)


class _Heard(logging.Handler):
    """Keeps what pyvista logs as errors of VTK, which would stand on standard error otherwise."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.errors.append(record.getMessage())


def _without_errors(work: Callable[[], T]) -> T:
    """What is read, where VTK says nothing of errors: after one it gives half of a mesh, or what lay in memory."""
    try:
        from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow
    except ImportError:
        return work()
    window, heard, root = vtkStringOutputWindow(), _Heard(), logging.getLogger()
    vtkOutputWindow.SetInstance(window)
    root.addHandler(heard)
    try:
        found = work()
    finally:
        root.removeHandler(heard)
    said = "\n".join([*filter(None, [window.GetOutput()]), *heard.errors])
    if heard.errors or "error" in said.lower():
        raise ValueError(re.sub(r"(ERROR|Generic Warning|Warning): In \w+\.cxx, line \d+", "", said).strip())
    return found


# In this process


def _contents(served: Served) -> Contents:
    about = served.about()
    arrays = {(role, name): _Array(role, tuple(s), d, tuple(a)) for name, (role, s, d, a) in about["arrays"]}
    times, left = about["times"], dict(about["left"])
    sources = {n: _field(served, n, a, times) for (role, n), a in arrays.items() if role == "field"}
    sources |= {n: _whole(served, n, a) for (role, n), a in arrays.items() if role == "coordinate"}
    numbers = {n: _whole(served, n, a) for (role, n), a in arrays.items() if role == "number"}
    places = {n: _whole(served, n, a, "of the mesh") for (role, n), a in arrays.items() if role == "place"}
    if times is None:
        free = {n: s for n, s in numbers.items() if n not in {*sources, *places}}
        left |= {n: "data of the file of the name of an array" for n in numbers if n not in free}
        return Contents(sources, constants={**free, **places}, left=left, places=tuple(places))
    clock = np.asarray(times, np.float64)
    sources["time"] = Source(clock.shape, clock.dtype, Loader.of(clock), axes=("time",))
    left |= dict.fromkeys(numbers, "data of the file, which may change with time")
    return Contents(sources, constants=places, left=left, time="time", rows=("time",), places=tuple(places))


def _field(served: Served, name: str, about: _Array, times: list[float] | None) -> Source:
    """An array of which each time is read when it is needed."""
    count, tail = 1 if times is None else len(times), about.shape
    shape, dtype = (count, *tail), np.dtype(about.dtype)

    def part(places: Mapping[int, slice]) -> Array:
        rest = tuple(places.get(axis + 1, slice(None)) for axis in range(len(tail)))
        wanted = range(count)[places.get(0, slice(None))]
        found = np.empty((len(wanted), *np.empty(tail, np.bool_)[rest].shape), dtype)
        for i, place in enumerate(wanted):
            found[i] = served.array(place, f"field {name}")[rest]
        return found

    return Source(shape, dtype, Loader(part), axes=("snapshot" if times is None else "time", *about.axes))


def _whole(served: Served, name: str, about: _Array, said: str = "") -> Source:
    load = Loader(lambda places: Loader.of(served.array(0, f"{about.role} {name}")).part(places))
    return Source(about.shape, np.dtype(about.dtype), load, axes=about.axes, said=said)
