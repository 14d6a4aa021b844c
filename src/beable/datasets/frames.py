"""Files of trajectories: positions of particles frame by frame, with their names, times and the box of each frame.

MDAnalysis reads the formats of molecular dynamics, ase the extended XYZ of atomistic simulation, and h5py H5MD, whose
groups have names of their own. Lengths are those that the libraries give: angstrom wherever a format has a unit.
"""

import bz2
import gzip
import lzma
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.checks import library
from beable.datasets.hdf5_files import opened_hdf5
from beable.datasets.readers import check_room
from beable.errors import BeableError, DataError, UsageError

Floats = NDArray[np.floating]
Words = dict[str, NDArray[Any]]
ANGSTROM, PICOSECOND, UNKNOWN = "angstrom", "ps", "1"

#: what MDAnalysis calls the formats of files that hold frames, by suffix
FRAMES = {
    ".dcd": "DCD",
    ".xtc": "XTC",
    ".trr": "TRR",
    ".pdb": "PDB",
    ".ent": "PDB",
    ".gro": "GRO",
    ".ncdf": "NCDF",
    ".gsd": "GSD",
    ".lammpstrj": "LAMMPSDUMP",
    ".lammpsdump": "LAMMPSDUMP",
    ".dump": "LAMMPSDUMP",
    ".mdcrd": "TRJ",
    ".crdbox": "TRJ",
    ".inpcrd": "INPCRD",
    ".rst7": "INPCRD",
}
#: suffixes of files that say which particle is which
TOPOLOGIES = (".psf", ".prmtop", ".parm7", ".top", ".tpr", ".mol2", ".pqr", ".data")
BY_ASE = (".extxyz", ".xyz", ".traj")
H5MD = ".h5md"
#: which of several places of its atom a particle is, in files of structures
ALTERNATIVES = "alternative_places"
#: formats whose files say no unit of length
UNITLESS = ("LAMMPSDUMP", "GSD")
#: styles of units of LAMMPS with lengths in angstrom
LAMMPS_ANGSTROM = ("real", "metal")
PACKED = (".gz", ".bz2", ".xz")
SNIFFED = 4096


@dataclass
class Trajectory:
    """Frames of one file.

    Args:
        positions: (frames, N, d), float32.
        times: of the frames, NaN where the file has none.
        numbers: of the frames in the file, from 0.
        boxes: edges of the box as rows, (frames, d, d); None without one.
        periodic: whether the box repeats, along each edge.
        words: names and numbers of the particles, (N,), by name.
        bonds: pairs of particles, (bonds, 2).
        unit: of lengths.
        time_unit: of times.
    """

    positions: Floats
    times: Floats
    numbers: NDArray[np.int64]
    boxes: Floats | None
    periodic: tuple[bool, ...] = (True, True, True)
    words: Words = field(default_factory=dict)
    bonds: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    unit: str = ANGSTROM
    time_unit: str = PICOSECOND


class _Frame(NamedTuple):
    positions: Floats
    time: float
    box: Floats | None


def kind_of(path: Path) -> str | None:
    """What reads a file of frames: a format of MDAnalysis, "ase" or "h5md"; None for files of another kind.

    >>> kind_of(Path("a.dcd")), kind_of(Path("a.lammpstrj.bz2")), kind_of(Path("a.extxyz")), kind_of(Path("a.csv"))
    ('DCD', 'LAMMPSDUMP', 'ase', None)
    """
    suffix = _suffix(path)
    if suffix in FRAMES:
        return FRAMES[suffix]
    if suffix in BY_ASE:
        return "ase"
    if suffix == H5MD:
        return "h5md"
    return _inside(path) if suffix in (".nc", ".h5", ".hdf5", ".trj") and path.is_file() else None


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return _suffix(path.with_suffix("")) if suffix in PACKED else suffix


def _inside(path: Path) -> str | None:
    """What a file with a common suffix holds, by what stands in it."""
    with open(path, "rb") as file:
        head = file.read(SNIFFED)
    if head.startswith(b"CDF"):
        return "NCDF" if b"AMBER" in head else None
    if head.startswith(b"\x89HDF"):
        return _inside_hdf5(path)
    return "TRJ" if path.suffix.lower() == ".trj" else None


def _inside_hdf5(path: Path) -> str | None:
    try:
        with opened_hdf5(path) as file:
            amber = file.attrs.get("Conventions", b"")
            return "h5md" if "h5md" in file and "particles" in file else "NCDF" if b"AMBER" in _bytes(amber) else None
    except (OSError, UsageError):
        return None


def _bytes(word: Any) -> bytes:
    return word.encode() if isinstance(word, str) else bytes(word) if isinstance(word, bytes) else b""


def is_topology(path: Path) -> bool:
    """Whether a file says which particle is which and holds no frames."""
    return _suffix(path) in TOPOLOGIES


def frames_of(path: Path, topology: Path | None, select: str, stride: int, every: bool) -> Trajectory:
    """Frames of a file.

    Args:
        path: the file.
        topology: the file that names its particles; None where it names them itself or nothing does.
        select: which particles, in the language of MDAnalysis; "" for all.
        stride: each so many-th frame.
        every: whether all frames are needed although few are kept.

    Raises:
        UsageError: a library that is not installed, or a selection that finds nothing.
        DataError: a damaged file, or frames of different particles.
    """
    kind = kind_of(path)
    read = {"ase": _by_ase, "h5md": _by_h5py}.get(str(kind), _by_mdanalysis)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the libraries' own doubts about masses, elements and times
            return read(path, topology, select, 1 if every else stride)
    except BeableError:
        raise
    except Exception as error:  # on bytes that are not theirs, the libraries' readers fail in every way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: cannot be read as {path.suffix} ({reason}): check the file") from error


def _by_mdanalysis(path: Path, topology: Path | None, select: str, stride: int) -> Trajectory:
    mda: Any = library("MDAnalysis", "md")
    warnings.simplefilter("ignore")  # importing it asks for its own warnings again
    kind = str(kind_of(path))
    if kind in CHECKED:
        CHECKED[kind](path)
    with _beside(path) as link:
        form: dict[str, Any] = {} if kind == "PDB" and topology is None else {"format": kind}
        if topology is None:
            form |= {"topology_format": "LAMMPSDUMP"} if kind == "LAMMPSDUMP" else {}
            universe = mda.Universe(str(link), **form)
        else:
            universe = _named(mda, path, topology, link, form)
        chosen = _selected(universe, select, path)
        return _collected(path, universe, chosen, kind, stride)


def _check_dump(path: Path) -> None:
    """Refuse a dump whose frames hold different numbers of particles, which its reader would leave out."""
    counts, expected = 0, b""
    with _lines(path) as lines:
        for line in lines:
            if line.startswith(b"ITEM: NUMBER OF ATOMS"):
                found = next(lines, b"").strip()
                if counts and found != expected:
                    words = [n.decode("ascii", "replace") for n in (found, expected)]
                    raise _ragged(path, counts, f"{words[0]} particles, {words[1]} in the first")
                counts, expected = counts + 1, found


def _check_gro(path: Path) -> None:
    """Refuse a GRO file of several frames, of which its reader reads the first alone."""
    with _lines(path) as lines:
        next(lines, b"")
        count = int(next(lines, b"0"))
        rest = sum(1 for line in lines if line.strip())
    if rest > count + 1:
        raise DataError(f"{path}: more than one frame, of which only the first can be read: convert it to .xtc or .pdb")


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    """Lines of a text file that may be packed."""
    opened: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with opened.get(path.suffix.lower(), open)(path, "rb") as file:
        yield iter(file)


#: what is looked at in a file before its reader, which would pass over it in silence
CHECKED: dict[str, Callable[[Path], None]] = {"LAMMPSDUMP": _check_dump, "GRO": _check_gro}


def _named(mda: Any, path: Path, topology: Path, link: Path, form: Mapping[str, Any]) -> Any:
    """The frames with the names of a topology; particles that differ in number are named as the reason."""
    named = mda.Universe(str(topology))
    try:
        named.load_new(str(link), **form)
    except ValueError as error:
        if "atoms" not in str(error):
            raise
        raise DataError(
            f"{path}: its frames hold another number of particles than {topology.name}, {named.atoms.n_atoms}: give "
            "the topology of this trajectory"
        ) from error
    return named


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A link in a folder of its own for formats whose reader leaves an index beside the file."""
    if _suffix(path) not in (".xtc", ".trr"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / path.name
        os.symlink(path.absolute(), link)
        yield link


def _selected(universe: Any, select: str, path: Path) -> Any:
    if not select:
        return universe.atoms
    try:
        chosen = universe.select_atoms(select)
    except Exception as error:  # its language has errors of many kinds
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"--select {select!r} cannot be answered by {path.name} ({reason}): mend it, or give the topology that "
            "names the particles before the trajectory"
        ) from error
    if not len(chosen):
        raise UsageError(f"--select {select!r} finds no particle in {path.name}: give another selection")
    return chosen


def _collected(path: Path, universe: Any, chosen: Any, kind: str, stride: int) -> Trajectory:
    numbers = np.arange(0, len(universe.trajectory), stride)
    check_room(path, len(numbers) * len(chosen) * 12)
    lengths, frames = _whole(path, kind), []
    for number in numbers.tolist():
        try:
            step = universe.trajectory[number]
        except ValueError as error:
            raise _ragged(path, number, str(error)) from error
        box = step.triclinic_dimensions
        known = box is not None and np.abs(np.linalg.det(np.asarray(box, np.float64))) > 0
        time = float(step.time) if universe.trajectory.units.get("time") or kind in ("XTC", "TRR", "NCDF") else np.nan
        frames.append(_Frame(chosen.positions.copy(), time, np.asarray(box, np.float64) if known else None))
    bonds = _bonds(universe, chosen)
    return _stacked(path, frames, numbers, _words(chosen), unit=lengths, bonds=bonds)


def _whole(path: Path, kind: str) -> str:
    """The unit of length of a file."""
    if kind not in UNITLESS:
        return ANGSTROM
    style = _lammps_style(path) if kind == "LAMMPSDUMP" and path.suffix.lower() not in PACKED else ""
    return ANGSTROM if style in LAMMPS_ANGSTROM else UNKNOWN


def _lammps_style(path: Path) -> str:
    with open(path, "rb") as file:
        lines = file.read(SNIFFED).decode("ascii", "replace").splitlines()
    return next((after.strip() for line, after in pairwise(lines) if line == "ITEM: UNITS"), "")


def _bonds(universe: Any, chosen: Any) -> NDArray[np.int64]:
    """Bonds among the chosen particles, by their places in the selection."""
    pairs = getattr(universe, "bonds", None) if hasattr(universe.atoms, "bonds") else None
    if pairs is None or not len(pairs):
        return np.empty((0, 2), np.int64)
    place = np.full(len(universe.atoms), -1)
    place[chosen.indices] = np.arange(len(chosen))
    found = place[np.asarray(pairs.indices)]
    return np.asarray(found[(found >= 0).all(axis=1)], np.int64)


def _words(chosen: Any) -> Words:
    """Names of particles and residues, as far as the file has them."""
    given = {
        "atom_names": "names",
        "elements": "elements",
        "atom_types": "types",
        "residue_names": "resnames",
        "residue_numbers": "resids",
        "chains": "segids",
        ALTERNATIVES: "altLocs",
    }
    found = {name: getattr(chosen, there) for name, there in given.items() if hasattr(chosen, there)}
    return {name: w for name, values in found.items() if (w := _plain(values)) is not None}


def _plain(values: Any) -> NDArray[Any] | None:
    """Words without blanks, or whole numbers; None where nothing stands there."""
    values = np.asarray(values)
    words: NDArray[Any]
    if values.dtype.kind in "iu":
        return np.asarray(values, np.int32)
    words = np.array(["".join(c for c in "_".join(str(w).split()) if c.isprintable()) for w in values.tolist()])
    return np.asarray(np.where(words == "", "_", words)) if (words != "").any() else None


def _ragged(path: Path, number: int, reason: str) -> DataError:
    return DataError(
        f"{path}: frame {number} cannot be put beside the first ({' '.join(reason.split())[:120]}): every frame must "
        "hold the same particles; cut the file, or write those that are in every frame"
    )


def _stacked(path: Path, frames: Sequence[_Frame], numbers: NDArray[np.int64], words: Words, **more: Any) -> Trajectory:
    """Frames beside each other; a different number of particles is refused."""
    if not frames:
        raise DataError(f"{path}: no frames: check the file")
    first = len(frames[0].positions)
    for number, frame in zip(numbers.tolist(), frames, strict=True):
        if len(frame.positions) != first:
            raise _ragged(path, number, f"{len(frame.positions)} particles, {first} in the first")
    boxes = [f.box for f in frames if f.box is not None]
    whole = np.stack(boxes) if len(boxes) == len(frames) else None
    positions = np.stack([f.positions for f in frames]).astype(np.float32)
    return Trajectory(positions, np.array([f.time for f in frames]), numbers, whole, words=words, **more)


def _by_ase(path: Path, topology: Path | None, select: str, stride: int) -> Trajectory:
    io: Any = library("ase.io", "atoms")
    form = "traj" if _suffix(path) == ".traj" else "extxyz"
    if topology is not None:
        raise UsageError(f"{topology.name}: {path.name} names its particles itself: leave the topology out")
    periodic: tuple[bool, ...] = (True, True, True)
    frames, first, chosen = [], None, slice(None)
    for atoms in io.iread(str(path), index=f"::{stride}", format=form):
        if first is None:
            first, periodic = atoms, tuple(map(bool, atoms.pbc))
            chosen = _chosen_of(path, atoms, select)
        elif not np.array_equal(atoms.numbers, first.numbers):
            what = f"{len(atoms)} particles, {len(first)} in the first"
            what = what if len(atoms) != len(first) else "other elements, or in another order, than in the first"
            raise _ragged(path, len(frames) * stride, what)
        cell = np.asarray(atoms.cell.array, np.float64)
        time = float(atoms.info.get("time", atoms.info.get("Time", np.nan)))
        frames.append(_Frame(atoms.positions[chosen], time, cell if abs(np.linalg.det(cell)) > 0 else None))
        check_room(path, (len(frames) + 1) * frames[0].positions.size * 8)
    numbers = stride * np.arange(len(frames))
    words = {} if first is None else _ase_words(first, chosen)
    return _stacked(path, frames, numbers, words, periodic=periodic, time_unit=UNKNOWN)  # a word of the writer's own


def _ase_words(atoms: Any, chosen: Any) -> Words:
    held = {"atom_names": "atomtypes", "residue_names": "residuenames", "residue_numbers": "residuenumbers"}
    words = {"elements": _plain(atoms.get_chemical_symbols())}
    words |= {name: _plain(atoms.arrays[there]) for name, there in held.items() if there in atoms.arrays}
    return {name: w[chosen] for name, w in words.items() if w is not None}


def _chosen_of(path: Path, atoms: Any, select: str) -> Any:
    """Places of the particles that a selection means."""
    if not select:
        return slice(None)
    mda: Any = library("MDAnalysis", "md")
    universe = mda.Universe.empty(len(atoms), trajectory=False)
    for name in ("names", "elements", "types"):
        universe.add_TopologyAttr(name, atoms.get_chemical_symbols())
    return np.asarray(_selected(universe, select, path).indices)


def _by_h5py(path: Path, topology: Path | None, select: str, stride: int) -> Trajectory:
    h5py: Any = library("h5py", "hdf5")
    if topology is not None or select:
        raise UsageError(f"{path.name}: particles of H5MD are read whole and without a topology: leave both out")
    with opened_hdf5(path) as file:
        _refuse_elsewhere(path, file, h5py)
        groups = [name for name, group in file["particles"].items() if "position" in group]
        if len(groups) != 1:
            raise DataError(
                f"{path}: {len(groups)} groups of particles with positions, one is expected: write it alone"
            )
        return _h5md(path, file["particles"][groups[0]], stride)


def _refuse_elsewhere(path: Path, file: Any, h5py: Any) -> None:
    """Refuse a file whose particles lie in another file."""

    def look(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            part = None if isinstance(link, h5py.ExternalLink) else group.get(name)
            if part is None or (isinstance(part, h5py.Dataset) and (part.is_virtual or part.external)):
                raise DataError(f"{path}: {name} takes its numbers from another file: copy them into this one")
            if isinstance(part, h5py.Group) and isinstance(link, h5py.HardLink):
                look(part)

    if isinstance(file.get("particles", getlink=True), h5py.ExternalLink):
        raise DataError(f"{path}: particles takes its numbers from another file: copy them into this one")
    look(file["particles"])


def _h5md(path: Path, group: Any, stride: int) -> Trajectory:
    """Frames of a group of H5MD, particles in the order of their identities."""
    element = group["position"]
    values = element["value"]
    check_room(path, values.size * 4 // stride)
    positions = np.asarray(values[::stride], np.float32)
    order = _identities(path, group, stride, positions)
    positions = positions if order is None else np.take_along_axis(positions, order[..., None], axis=1)
    boxes, periodic = _h5md_box(group, len(positions), stride, positions.shape[2])
    kinds = _plain(group["species"][()]) if "species" in group and not hasattr(group["species"], "keys") else None
    words = {} if kinds is None else {"atom_types": kinds}
    unit, clock = (_unit(element, name) for name in ("value", "time"))
    times, numbers = _times(element, len(values))[::stride], stride * np.arange(len(positions))
    return Trajectory(positions, times, numbers, boxes, periodic, words, unit=unit, time_unit=clock)


def _unit(element: Any, name: str) -> str:
    given = _bytes(element[name].attrs.get("unit")).decode("utf-8", "replace") if name in element else ""
    return ANGSTROM if given in ("Angstrom", "A", "Å") else given or UNKNOWN


def _times(element: Any, rows: int) -> Floats:
    """Times of all frames, which a file gives one by one or by the first steps' distance; NaN without any."""
    given = np.asarray(element["time"][()] if "time" in element else np.nan, np.float64)
    return np.arange(rows) * given if not given.ndim else given


def _identities(path: Path, group: Any, stride: int, positions: Floats) -> NDArray[np.intp] | None:
    """The order of the particles of each frame by their identities, where the file has them."""
    if "id" not in group:
        return None
    held = group["id"]["value"] if hasattr(group["id"], "keys") else group["id"]
    known = np.broadcast_to(np.asarray(held[::stride] if held.ndim == 2 else held[()]), positions.shape[:2])
    order = np.argsort(known, axis=1, kind="stable")
    other = np.take_along_axis(known, order, axis=1)
    strange = (other != other[:1]).any(axis=1)
    if strange.any():
        raise _ragged(path, int(strange.argmax()) * stride, "other identities than in the first")
    return order


def _h5md_box(group: Any, rows: int, stride: int, dimensions: int) -> tuple[Floats | None, tuple[bool, ...]]:
    """Edges of the box of each frame, and along which it repeats."""
    if "box" not in group or "edges" not in group["box"]:
        return None, (False,) * dimensions
    edges = group["box"]["edges"]
    moving = hasattr(edges, "keys")
    values = np.asarray(edges["value"][::stride] if moving else edges[()], np.float64)
    values = values[:rows] if moving else np.broadcast_to(values, (rows, *values.shape))
    boxes = values if values.ndim == 3 else values[:, :, None] * np.eye(dimensions)
    said = [_bytes(word) for word in np.ravel(group["box"].attrs.get("boundary", []))]
    return boxes, tuple(word != b"none" for word in said) if len(said) == dimensions else (True,) * dimensions
