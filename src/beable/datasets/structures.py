"""Frames of particles as files that other programs show: PDB with several models, XYZ, extended XYZ.

PDB is written by MDAnalysis, which knows its columns; the two kinds of XYZ are a line a particle.
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.checks import library
from beable.datasets.units import conversion
from beable.datasets.viewed import converted
from beable.errors import DataError, unknown
from beable.files import disk

Words = Mapping[str, Sequence[Any]]
ANGSTROM = "angstrom"
#: what stands where a particle has no name
NAMELESS, RESIDUE = "X", "UNK"


def is_structure(path: Path) -> bool:
    """Whether a name is that of a file of frames.

    >>> is_structure(Path("a.pdb")), is_structure(Path("a.zarr"))
    (True, False)
    """
    return path.suffix.lower() in WRITERS


def write_frames(
    path: Path,
    positions: NDArray[np.floating],
    words: Words,
    unit: str,
    boxes: NDArray[np.floating] | None = None,
    title: str = "",
) -> None:
    """Write frames to a file of the kind that its suffix names.

    Args:
        path: the file, ``.pdb``, ``.xyz`` or ``.extxyz``; one of the same name is replaced.
        positions: of particles, (frames, N, 2 or 3); in the plane the third number is 0.
        words: names and numbers of particles and residues by name, as `beable.datasets.trajectories` keeps them.
        unit: of positions; lengths are written in angstrom where it can be converted, and as they are elsewhere.
        boxes: edges of the box of each frame, (frames, d, d), or of all, (d, d); None without one.
        title: one line.

    Raises:
        UsageError: PDB without MDAnalysis.
        DataError: positions that do not fit the columns of PDB.
        OutputError: the file cannot be written.
    """
    x: NDArray[Any] = np.asarray(positions, np.float64)
    x = np.concatenate([x, np.zeros((*x.shape[:2], 3 - x.shape[2]))], axis=2)
    by = conversion(unit, ANGSTROM)
    edges = None if boxes is None else np.broadcast_to(_in_space(boxes), (len(x), 3, 3))
    if by is not None:
        x, edges = converted(x, by), edges if edges is None else converted(edges, by)
    disk.output(path, WRITERS[path.suffix.lower()](x, words, edges, " ".join(title.split())).encode())


def check_writer(path: Path) -> None:
    """Refuse a file that cannot be written for want of a library, before anything is computed for it.

    Raises:
        UsageError: PDB without MDAnalysis, or a suffix that no writer has.
    """
    if not is_structure(path):
        raise unknown("kind of file", path.suffix or path.name, WRITERS)
    if path.suffix.lower() == ".pdb" and find_spec("MDAnalysis") is None:
        library("MDAnalysis", "md")


def _in_space(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Edges (..., d, d) with what is missing to three dimensions of length 1."""
    d = boxes.shape[-1]
    whole = np.zeros((*boxes.shape[:-2], 3, 3))
    whole[..., range(3), range(3)] = 1.0
    whole[..., :d, :d] = boxes
    return whole


def _symbols(words: Words, count: int) -> list[str]:
    """What a line of XYZ begins with."""
    for name in ("elements", "atom_names", "atom_types"):
        if name in words and "_" not in words[name]:
            return [str(word) for word in words[name]]
    return [NAMELESS] * count


def _xyz(x: NDArray[np.floating], words: Words, edges: NDArray[np.floating] | None, title: str) -> str:
    return _lines(x, _symbols(words, x.shape[1]), [f"{title}, frame {i}" for i in range(len(x))])


def _extxyz(x: NDArray[np.floating], words: Words, edges: NDArray[np.floating] | None, title: str) -> str:
    kinds = "Properties=species:S:1:pos:R:3"
    cells = [""] * len(x) if edges is None else [f'Lattice="{" ".join(f"{v:.8g}" for v in e.ravel())}" ' for e in edges]
    walls = ' pbc="F F F"' if edges is None else ' pbc="T T T"'
    return _lines(x, _symbols(words, x.shape[1]), [f"{cell}{kinds}{walls} frame={i}" for i, cell in enumerate(cells)])


def _lines(x: NDArray[np.floating], symbols: Sequence[str], comments: Sequence[str]) -> str:
    found = []
    for frame, comment in zip(x, comments, strict=True):
        found += [str(len(frame)), comment]
        found += [f"{s} {a:.6f} {b:.6f} {c:.6f}" for s, (a, b, c) in zip(symbols, frame.tolist(), strict=True)]
    return "\n".join(found) + "\n"


def _pdb(x: NDArray[np.floating], words: Words, edges: NDArray[np.floating] | None, title: str) -> str:
    if not np.isfinite(x).all() or np.abs(x).max() >= 9999:
        raise DataError(f"positions up to {np.abs(x).max():.3g} do not fit the columns of PDB: write .xyz or .extxyz")
    mda: Any = library("MDAnalysis", "md")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes that PDB can hold and these frames do not have
        universe = _universe(mda, x, words, edges)
        with tempfile.TemporaryDirectory() as folder:  # its writer takes names alone
            name = Path(folder) / "frames.pdb"
            with mda.Writer(str(name), multiframe=True, bonds=None, n_atoms=x.shape[1], remarks=title) as writer:
                for _ in universe.trajectory:
                    writer.write(universe.atoms)
            return name.read_text()


def _universe(mda: Any, x: NDArray[np.floating], words: Words, edges: NDArray[np.floating] | None) -> Any:
    """Frames with the names that PDB has columns for."""
    count = x.shape[1]
    residues = list(
        zip(*(words.get(n, [0] * count) for n in ("chains", "residue_numbers", "residue_names")), strict=True)
    )
    starts = [i for i in range(count) if i == 0 or residues[i] != residues[i - 1]]
    index = np.searchsorted(starts, np.arange(count), side="right") - 1
    universe = mda.Universe.empty(
        count, len(starts), 1, atom_resindex=index, residue_segindex=[0] * len(starts), trajectory=True
    )
    universe.add_TopologyAttr("names", list(map(str, words.get("atom_names", _symbols(words, count)))))
    names = [str(words["residue_names"][i])[:4] if "residue_names" in words else RESIDUE for i in starts]
    universe.add_TopologyAttr("resnames", names)
    numbers = words.get("residue_numbers", [1] * count)
    universe.add_TopologyAttr("resids", [int(numbers[i]) for i in starts])
    universe.add_TopologyAttr("chainIDs", [str(chain)[:1] for chain in words.get("chains", ["A"] * count)])
    if "elements" in words and "_" not in words["elements"]:
        universe.add_TopologyAttr("elements", list(map(str, words["elements"])))
    sizes = None if edges is None else np.array([mda.lib.mdamath.triclinic_box(*e) for e in edges], np.float32)
    universe.load_new(x.astype(np.float32), order="fac", dimensions=sizes)
    return universe


WRITERS: dict[str, Callable[..., str]] = {".pdb": _pdb, ".xyz": _xyz, ".extxyz": _extxyz}
