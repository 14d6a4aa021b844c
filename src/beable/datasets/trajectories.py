"""From trajectories to a data set: frames become rows, particles keep their names, and the box of each frame is kept.

What a trajectory does not say is not guessed: positions that jump by more than half a box are said to be wrapped, and
frames that turn or drift as a whole are said to do so.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from beable.datasets.arranged import Taken
from beable.datasets.frames import ALTERNATIVES, Trajectory, frames_of, is_topology, kind_of
from beable.datasets.store import Store
from beable.datasets.superposed import deviation, gyration, superposed
from beable.errors import DataError, DataWarning, OutputError, UsageError, in_python, listed, unknown

Floats = NDArray[np.floating]
POSITIONS, BOX = "positions", "box"
#: what the options of the command line are called here
ARGUMENTS = {
    "--select": "Treated(select='...')",
    "--align": "Treated(align='...')",
    "--stride": "Treated(stride=...)",
    "--unwrap": "Treated(unwrap=True)",
    "--units": "units={...}",
}
ALIGNED = ("none", "first", "mean")
#: a step of so much of the box may as well have gone the other way
FAR = 0.4
#: frames turn or drift as a whole where that makes their distance from the first so many times as large
WHOLE = 2.0


class Treated(NamedTuple):
    """How frames become rows.

    Args:
        select: which particles, in the language of MDAnalysis; "" for all.
        align: "first" or "mean" turns and moves every frame onto it, "none" leaves frames where they are.
        stride: each so many-th frame is a row.
        unwrap: whether particles are followed through the walls of a periodic box.
    """

    select: str = ""
    align: str = "none"
    stride: int = 1
    unwrap: bool = False


@in_python(ARGUMENTS)
def import_trajectory(
    files: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    treated: Treated = Treated(),  # noqa: B008
    particles: str = "distinct",
    factors: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
) -> Store:
    """Make a data set of trajectories: DCD, XTC, TRR, PDB, GRO, AMBER, H5MD, LAMMPS dumps, extended XYZ, GSD.

    A row is a frame: ``positions`` (particle, dimension) of distinct particles. Frame, time, box, number of the
    trajectory where there are several, root mean square deviation from the first frame and radius of gyration lie
    beside them as diagnostics, names of atoms and residues as constants.

    Args:
        files: a trajectory, or several of the same particles; a file that names the particles may stand before them.
        output: folder to make; must not exist.
        treated: which particles and frames, and how they are moved.
        particles: "distinct", or "identical" for a fluid whose particles have no names.
        factors: names of diagnostics that latents are to be compared with.
        units: UDUNITS strings in place of the files' own.

    Raises:
        UsageError: files that do not go together, a library that is not installed, or a selection that finds nothing.
        DataError: a damaged file, or frames of different particles.
        OutputError: the folder exists or cannot be written.

    Warns:
        DataWarning: positions that jump through the walls of a box, or frames that turn or drift as a whole.
    """
    if Path(output).exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    return read_trajectory(files, treated, factors).store(output, particles, units or {})


class Rows(NamedTuple):
    """Frames of all files as rows.

    Args:
        title: of the data set.
        arrays: positions and diagnostics by name.
        factors: those of the diagnostics that latents are compared with.
        units: by name.
        constants: by name.
    """

    title: str
    arrays: dict[str, Floats]
    factors: dict[str, Floats]
    units: dict[str, str]
    constants: dict[str, NDArray[Any]]

    def store(self, output: Path | str, particles: str, units: Mapping[str, str]) -> Store:
        """The data set of these rows."""
        dims: dict[str, Sequence[str]] = {POSITIONS: ("particle", "dimension")}
        if BOX in self.arrays:
            dims[BOX] = ("dimension",) if self.arrays[BOX].ndim == 2 else ("edge", "dimension")
        return Store.from_arrays(
            output,
            self.arrays,
            self.factors,
            units=self.units | dict(units),
            dims=dims,
            constants=self.constants,
            particles=particles,
            diagnostics=[name for name in self.arrays if name != POSITIONS],
            title=self.title,
        )

    def taken(self) -> list[Taken]:
        """What each part is taken for."""
        rows, particles, dimensions = self.arrays[POSITIONS].shape
        unit = self.units.get(POSITIONS, "")
        axes = f"row ({rows}) frames, particle ({particles}) axis, dimension ({dimensions}) axis"
        found = [Taken(POSITIONS, "variable", axes, unit, "positions of particles")]
        labels = {n: "diagnostic" for n in self.arrays if n != POSITIONS} | dict.fromkeys(self.factors, "factor")
        found += [Taken(n, kind, f"row ({rows})", self.units.get(n, "")) for n, kind in labels.items()]
        return found + [Taken(n, "constant", f"{n} {np.shape(v)}") for n, v in self.constants.items()]


def read_trajectory(files: Path | str | Sequence[Path | str], treated: Treated, factors: Sequence[str] = ()) -> Rows:
    """Frames of files as rows; see `import_trajectory`."""
    _check(treated)
    topology, paths = _parts([Path(files)] if isinstance(files, Path | str) else [Path(f) for f in files])
    read = [frames_of(p, topology, treated.select, treated.stride, treated.unwrap) for p in paths]
    for path, other in zip(paths[1:], read[1:], strict=True):
        _check_alike(paths[0], read[0], path, other)
    _say_alternatives(read[0])
    wrapped = _is_wrapped(read)
    if treated.unwrap:
        read = [_strided(_unwrapped(paths[0], part), treated.stride) for part in read]
    elif wrapped.any():
        _say_wrapped(read, wrapped)
    free = treated.unwrap or not wrapped.any()
    if treated.align != "none" and not free:
        raise UsageError(f"frames of a wrapped box cannot be turned: give --unwrap as well as --align {treated.align}")
    positions = _aligned(np.concatenate([part.positions for part in read]).astype(np.float64), treated.align, free)
    arrays: dict[str, Floats] = {POSITIONS: positions.astype(np.float32)} | _boxes(read)
    labels = _labels(read) | ({"rmsd": deviation(positions), "radius_of_gyration": gyration(positions)} if free else {})
    for name in factors:
        if name not in labels:
            raise unknown("label of the frames", name, labels)
    unit = read[0].unit
    lengths = dict.fromkeys((POSITIONS, BOX, "rmsd", "radius_of_gyration"), unit) | {"time": read[0].time_unit}
    chosen = {name: labels.pop(name) for name in factors}
    held = {**arrays, **labels, **chosen}
    constants = {**read[0].words, **({"periodic": wrapped.astype(np.uint8)} if not free else {})}
    more = f" and {len(paths) - 1} more files" if len(paths) > 1 else ""
    units = {name: of for name, of in lengths.items() if name in held}
    return Rows(f"Frames of {paths[0].name}{more}", arrays | labels, chosen, units, constants)


def _check(treated: Treated) -> None:
    if treated.align not in ALIGNED:
        raise unknown("way to align", treated.align, ALIGNED)
    if treated.stride < 1:
        raise UsageError(f"--stride must be at least 1, not {treated.stride}")


def are_trajectories(files: Sequence[Path]) -> bool:
    """Whether some file holds frames, or names the particles of files that do."""
    return any(kind_of(path) is not None or is_topology(path) for path in files)


def _parts(files: Sequence[Path]) -> tuple[Path | None, list[Path]]:
    """The file that names the particles, if there is one, and those that hold frames, in their order."""
    for path in files:
        if not path.is_file():
            raise UsageError(f"{path}: no such file: check the name")
    named = [path for path in files if is_topology(path)]
    frames = [path for path in files if not is_topology(path)]
    if len(named) > 1:
        raise UsageError(f"{listed([p.name for p in named])}: one file names the particles: give one of them")
    if not frames:
        raise UsageError(f"{named[0].name} names particles and holds no frames: give a trajectory after it")
    others = {path.suffix.lower() for path in frames[1:]}
    if not named and others and frames[0].suffix.lower() not in others:
        named, frames = frames[:1], frames[1:]
    for path in frames:
        if kind_of(path) is None:
            raise UsageError(f"{path.name}: no trajectory, beside files that are: import it by itself")
    return (named[0] if named else None), frames


def _check_alike(one: Path, first: Trajectory, other: Path, part: Trajectory) -> None:
    """Refuse trajectories of other particles."""
    same = "several trajectories are of the same particles: import the others by themselves"
    if first.positions.shape[1:] != part.positions.shape[1:]:
        counts = part.positions.shape[1], first.positions.shape[1]
        raise DataError(f"{other}: {counts[0]} particles, {counts[1]} in {one.name}: {same}")
    for name, words in first.words.items():
        if name in part.words and not np.array_equal(words, part.words[name]):
            raise DataError(f"{other}: {name} are not those of {one.name}: {same}")
    if (first.boxes is None) != (part.boxes is None) or first.unit != part.unit:
        raise DataError(f"{other}: has another unit than {one.name}, or a box where that has none: {same}")


def _fractional(positions: Floats, boxes: Floats) -> Floats:
    """Positions in units of the edges of their boxes, (rows, N, d)."""
    return np.asarray(np.matmul(positions.astype(np.float64), np.linalg.inv(boxes)))


def _is_wrapped(read: Sequence[Trajectory]) -> NDArray[np.bool_]:
    """Along which edges some particle jumps by more than half a box from one frame to the next, (d,)."""
    found = np.zeros(read[0].positions.shape[2], bool)
    for part in read:
        if part.boxes is None:
            continue
        last = _fractional(part.positions[:1], part.boxes[:1])
        for i in range(1, len(part.positions)):  # frame by frame, for the sake of memory
            here = _fractional(part.positions[i : i + 1], part.boxes[i : i + 1])
            found |= (np.abs(here - last) > 0.5).any(axis=(0, 1))
            last = here
    return np.asarray(found & np.array(read[0].periodic[: len(found)]))


def _say_wrapped(read: Sequence[Trajectory], wrapped: NDArray[np.bool_]) -> None:
    axes = listed([axis for axis, is_so in zip("xyz", wrapped, strict=False) if is_so])
    warnings.warn(
        f"particles jump by more than half the box along {axes} between frames: the positions are wrapped; --unwrap "
        "(Treated(unwrap=True)) follows particles through the walls, and without it fit takes --representation "
        "periodic, right under wrapping",
        DataWarning,
        stacklevel=3,
    )


def _unwrapped(path: Path, part: Trajectory) -> Trajectory:
    """Frames in which particles are followed through the walls, molecules of the first made whole by their bonds."""
    if part.boxes is None:
        raise UsageError(f"{path.name} has no box to unwrap: leave --unwrap out")
    part.positions = unwrapped(part.positions, part.boxes, part.periodic, part.bonds)
    return part


def unwrapped(
    positions: Floats, boxes: Floats, periodic: Sequence[bool], bonds: NDArray[np.int64] | None = None
) -> Floats:
    """Positions followed through the walls of a periodic box, each step the shortest there is.

    Args:
        positions: frames in their order, (frames, N, d).
        boxes: edges as rows, (frames, d, d).
        periodic: along which edges the box repeats.
        bonds: pairs that lie on one side in the first frame, (bonds, 2).

    Warns:
        DataWarning: steps of nearly half a box, which may as well have gone the other way.

    >>> x = np.array([[[0.9, 0.5]], [[0.1, 0.5]]])
    >>> unwrapped(x, np.broadcast_to(np.eye(2), (2, 2, 2)), (True, True)).round(6).tolist()
    [[[0.9, 0.5]], [[1.1, 0.5]]]
    """
    turns = np.array(periodic[: positions.shape[2]])
    places = _fractional(positions, boxes)
    if bonds is not None and len(bonds):
        places[0] = _whole(places[0], bonds, turns)
    furthest = 0.0
    for i in range(1, len(places)):
        step = places[i] - places[i - 1]
        places[i] -= np.round(step) * turns
        furthest = max(furthest, float((np.abs(places[i] - places[i - 1]) * turns).max()))
    if furthest > FAR:
        warnings.warn(
            f"particles move by up to {100 * furthest:.0f} % of the box between frames: which way they went through "
            "the walls cannot be told for all of them: give frames that lie nearer to each other",
            DataWarning,
            stacklevel=3,
        )
    return np.asarray(np.matmul(places, boxes))


def _whole(places: Floats, bonds: NDArray[np.int64], turns: NDArray[np.bool_]) -> Floats:
    """One frame (N, d) in which bonded particles lie on one side of the walls."""
    n, whole = len(places), places.copy()
    graph = coo_array((np.ones(len(bonds)), bonds.T), (n, n)).tocsr()
    _, part = connected_components(graph, directed=False)
    for first in np.unique(part, return_index=True)[1].tolist():
        order, before = breadth_first_order(graph, first, directed=False)
        for i in order[1:].tolist():
            whole[i] -= np.round(whole[i] - whole[before[i]]) * turns
    return whole


def _strided(part: Trajectory, stride: int) -> Trajectory:
    part.positions, part.times, part.numbers = part.positions[::stride], part.times[::stride], part.numbers[::stride]
    part.boxes = None if part.boxes is None else part.boxes[::stride]
    return part


def _aligned(positions: Floats, align: str, free: bool) -> Floats:
    if align != "none":
        return superposed(positions, align)
    if free and len(positions) > 1 and positions.shape[1] > positions.shape[2]:
        _say_whole(positions)
    return positions


def _say_alternatives(first: Trajectory) -> None:
    """Say that some particles are places of one atom, of which a structure by X-rays may have several."""
    letters = first.words.get(ALTERNATIVES, np.array([], np.str_))
    others = sorted({*letters.tolist()} - {"_"})
    if len(others) < 2:
        return
    leave = " or ".join(f"altLoc {letter}" for letter in others[1:])
    warnings.warn(
        f"{(letters != '_').sum()} particles are alternative places of atoms (altLoc {', '.join(others)}), each taken "
        f'for a particle of its own: --select "not ({leave})" (Treated(select=...)) leaves one of each',
        DataWarning,
        stacklevel=4,
    )


def _say_whole(positions: Floats) -> None:
    """Say that frames turn or drift as a whole, where most of their distance from the first is that."""
    apart = np.sqrt(np.square(positions - positions[0]).sum(2).mean(1))[1:].mean()
    left = deviation(positions)[1:].mean()
    if apart > WHOLE * left:
        warnings.warn(
            f"frames turn and drift as a whole, by {apart:.3g} from the first where {left:.3g} is left after "
            "superposition: --align first or mean (Treated(align='first')) takes that out",
            DataWarning,
            stacklevel=4,
        )


def _boxes(read: Sequence[Trajectory]) -> dict[str, Floats]:
    """The box of each row, three lengths where its edges are at right angles along the axes; nothing without a box."""
    boxes = [part.boxes for part in read if part.boxes is not None]
    if not boxes:
        return {}
    whole = np.concatenate(boxes)
    across = whole * (1 - np.eye(whole.shape[1]))
    straight = np.abs(across).max() < 1e-6 * np.abs(whole).max()
    return {BOX: np.diagonal(whole, axis1=1, axis2=2).copy() if straight else whole}


def _labels(read: Sequence[Trajectory]) -> dict[str, Floats]:
    """Frame, time and number of the trajectory of each row."""
    labels: dict[str, Floats] = {"frame": np.concatenate([part.numbers for part in read]).astype(np.float64)}
    times = np.concatenate([part.times for part in read])
    if np.isfinite(times).all():
        labels["time"] = times
    if len(read) > 1:
        labels["trajectory"] = np.repeat(np.arange(float(len(read))), [len(part.positions) for part in read])
    return labels
