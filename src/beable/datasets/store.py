"""The store of a data set: written block by block by any number of processes, read and verified as a whole.

A block is a range of rows and one chunk of every array. It counts when its note ``done/<block>.json`` stands there,
written after its chunks; the store counts when its manifest stands there, written after all notes. What a block holds
depends on its rows alone, so that it can be made again at any time, by anyone, to the same bytes.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable import records
from beable.checks import library
from beable.datasets.arrays import Snapshots, snapshots_of
from beable.datasets.layout import GROUP, KIND, VERSION, Array, ArrayLayout, Plan
from beable.datasets.missing import Choice, Flags, Missing, check_choice, masks, noted, refuse_ragged, refused
from beable.datasets.readings import readings, taken_for
from beable.datasets.shaped import given_in_memory
from beable.datasets.sources import LazyRows
from beable.errors import BeableError, CorruptError, DataError, OutputError, unknown
from beable.files import artefacts, disk, json_files
from beable.simulator import Factor, Variable

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating]
ROOT, DONE = "zarr.json", "done"
MOST_NAMED, MOST_SHOWN = 3, 12
#: why a row failed that lacks everything, where missing numbers are kept
EMPTY = "no number is there"
#: of the attributes of a group, and the kinds of values that they have
KINDS: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "simulator": (str, type(None)),
    "settings": (dict,),
    "seed": (int, type(None)),
    "versions": (dict,),
}


def create(path: Path, plan: Plan) -> None:
    """Lay out a store, or complete the layout that an interruption left; call it while holding the lock.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    refuse_other(path, plan.attributes())
    _put(path / ROOT, json_files.encode_json(plan.group(), path / ROOT))
    _put_group(path / DONE)
    if plan.constants:
        _put_group(path / "constants")
    for layout in plan.row_arrays().values():
        _put_array(path, layout)
    for layout, values in plan.fixed_arrays().values():
        _put_array(path, layout)
        _put(path / layout.file(0), layout.encode(values))


def _put(path: Path, data: bytes) -> None:
    if path.is_symlink() or not path.is_file() or disk.read_bytes(path) != data:
        disk.atomic_write(path, data, settle=path.name == ROOT)


def _put_group(path: Path) -> None:
    disk.make_folder(path)
    _put(path / ROOT, json_files.encode_json(GROUP, path))


def _put_array(path: Path, layout: ArrayLayout) -> None:
    disk.make_folder(path / layout.name)
    _put(path / layout.name / ROOT, json_files.encode_json(layout.metadata(), path))


def refuse_other(path: Path, attributes: Mapping[str, Any], ignoring: Sequence[str] = ()) -> None:
    """Refuse a folder that holds anything but the beginnings of the data set with these attributes.

    Args:
        path: the folder, which may be empty.
        attributes: of the group, as `Plan.attributes` gives them.
        ignoring: attributes that may differ.

    Raises:
        OutputError: the folder holds something else; the error says what differs.
    """
    root = path / ROOT
    there = _attributes(path) if root.exists() else {}
    kept, asked = ({k: v for k, v in tree.items() if k not in ignoring} for tree in (there, attributes))
    artefacts.claim(path, "beable data set", asked, kept if root.exists() else root)


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of a group that is a store, complete or not."""
    root = json_files.read_json(path / ROOT)
    attributes = root.get("attributes") if isinstance(root, dict) else None
    if not isinstance(attributes, dict) or not isinstance(attributes.get("format"), dict):
        raise OutputError(f"{path}: exists and is not a beable data set: choose a new folder")
    return attributes


@dataclass(frozen=True)
class Blocks:
    """What a process needs to write any block of a store.

    Args:
        path: the store.
        rows: of the data set.
        size: rows in a block.
        variables: the arrays of a snapshot.
        arrays: layouts of variables and factors.
        masks: places of a row that are missing in every row, by variable.
        keep: whether rows that lack other numbers are kept with NaN there.
    """

    path: Path
    rows: int
    size: int
    variables: tuple[Variable, ...]
    arrays: Mapping[str, ArrayLayout]
    masks: Mapping[str, Flags] = field(default_factory=dict)
    keep: bool = False

    @classmethod
    def of(cls, path: Path, plan: Plan, masks: Mapping[str, Flags] | None = None, keep: bool = False) -> "Blocks":
        return cls(path, plan.rows, plan.block, plan.variables, plan.row_arrays(), masks or {}, keep)

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def range(self, block: int) -> tuple[int, int]:
        """First row of a block, and the row after its last."""
        return block * self.size, min((block + 1) * self.size, self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of one block on disk."""
        return sum(layout.chunk_bytes for layout in self.arrays.values())

    def files(self, block: int) -> dict[str, int]:
        """Names and sizes of the chunks of a block."""
        return {layout.file(block): layout.chunk_bytes for layout in self.arrays.values()}

    def write(self, block: int, values: Array, snapshots: Mapping[str, Array]) -> "Note":
        """Write the chunks of a block, then its note.

        A note whose chunk a power cut took away is not believed; the manifest settles everything.

        A row with a number that is not finite, diagnostics and masks apart, becomes NaN in all variables but the
        diagnostics; where missing numbers are kept, only a row with an infinity or with no number at all does.

        Args:
            block: which.
            values: factors (rows, factors).
            snapshots: each variable (rows, *shape).

        Raises:
            DataError: arrays of other names or shapes than the store has.
            OutputError: the disk refuses.
        """
        arrays = self._checked(block, values, snapshots)
        lacking = {name: self._lacking(name, a) for name, a in arrays.items() if name not in self._diagnostics}
        failures = self._fail(block, arrays, lacking)
        records = {}
        for name, layout in self.arrays.items():
            data = layout.encode(arrays[name])
            disk.atomic_write(self.path / layout.file(block), data, settle=False)
            records[layout.file(block)] = {"bytes": len(data), "sha256": artefacts.sha256(data)}
        start, _ = self.range(block)
        missing = _counted(lacking, [int(row) - start for row in failures] if self.keep else [])
        told = {"missing": {name: list(m) for name, m in missing.items()}} if missing and self.keep else {}
        json_files.write_json(self._note_path(block), {"block": block, "files": records, "failures": failures} | told)
        return Note(records, failures, missing)

    @property
    def _diagnostics(self) -> list[str]:
        return [v.name for v in self.variables if v.diagnostic]

    def _lacking(self, name: str, array: Array) -> Array:
        """Numbers that are missing beside the mask, (rows, places)."""
        flat = np.isnan(array).reshape(len(array), -1)
        return flat & ~self.masks[name].ravel() if name in self.masks else flat

    def _checked(self, block: int, values: Array, snapshots: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of a block in their stored number format, as copies."""
        start, stop = self.range(block)
        given = {**snapshots, **({"factors": values} if "factors" in self.arrays else {})}
        if given.keys() != self.arrays.keys():
            names = ", ".join(sorted(given.keys() ^ self.arrays.keys()))
            raise DataError(f"rows {start} to {stop - 1}: arrays missing or not in the data set: {names}")
        for name, layout in self.arrays.items():
            if np.shape(given[name]) != (stop - start, *layout.shape[1:]):
                expected = (stop - start, *layout.shape[1:])
                raise DataError(
                    f"rows {start} to {stop - 1}: {name} has shape {np.shape(given[name])} instead of {expected}"
                )
        with np.errstate(over="ignore"):  # what overflows is found as infinite
            return {name: np.array(given[name], layout.dtype) for name, layout in self.arrays.items()}

    def _fail(self, block: int, arrays: dict[str, Array], lacking: Mapping[str, Array]) -> dict[str, str]:
        """Blank the rows that failed; the reason of each by its number."""
        start, _ = self.range(block)
        bad = {name: _infinite_rows(arrays[name]) for name in lacking}
        if not self.keep:
            bad = {name: rows | lacking[name].any(axis=1) for name, rows in bad.items()}
        failed = np.any(list(bad.values()), axis=0)
        reasons = {}
        for i in np.flatnonzero(failed | self._empty_rows(arrays)):
            found = ", ".join(name for name, rows in bad.items() if rows[i])
            single = [name for name in self._diagnostics if arrays[name].ndim == 1]
            numbers = "".join(f"; {name} = {arrays[name][i]:.3g}" for name in single)
            reasons[str(start + i)] = f"not finite: {found}{numbers}" if failed[i] else EMPTY
            for v in self.variables:
                if not v.diagnostic:
                    arrays[v.name][i] = np.nan if arrays[v.name].dtype.kind == "f" else 0
        return reasons

    def _empty_rows(self, arrays: Mapping[str, Array]) -> Flags:
        """Rows of which no variable has a number, where missing numbers are kept."""
        rows = len(next(iter(arrays.values())))
        learned = [arrays[v.name] for v in self.variables if not v.diagnostic]
        if not self.keep or not learned:
            return np.zeros(rows, bool)
        return np.asarray(np.all([np.isnan(a.reshape(rows, -1)).all(axis=1) for a in learned], axis=0))

    def read(self, name: str) -> Array:
        """All rows of a variable, or of "factors", once every block is written."""
        layout = self.arrays[name]
        names = [self.path / layout.file(block) for block in range(len(self))]
        chunks = [layout.decode(disk.read_bytes(path, layout.chunk_bytes)) for path in names]
        return np.concatenate(chunks)[: self.rows]

    def _note_path(self, block: int) -> Path:
        return self.path / DONE / f"{block}.json"

    def done(self) -> dict[int, "Note"]:
        """The notes of all blocks whose chunks stand there with their sizes."""
        folder = self.path / DONE
        names = [p.stem for p in folder.iterdir() if p.suffix == ".json"] if folder.is_dir() else []
        there = sorted(int(name) for name in names if name.isdecimal() and str(int(name)) == name)
        notes = ((block, self._note(block)) for block in there if block < len(self))
        return {block: note for block, note in notes if note is not None}

    def _note(self, block: int) -> "Note | None":
        """The note of a block; None if it, or a chunk, is missing or damaged, so that the block is made again."""
        if not self._note_path(block).exists():
            return None
        try:
            tree = json_files.read_json(self._note_path(block))
            missing = {name: Missing(*counts) for name, counts in tree.get("missing", {}).items()}
            note = Note(tree["files"], tree["failures"], missing)
            sizes = {name: record["bytes"] for name, record in note.files.items()}
        except (CorruptError, KeyError, TypeError, AttributeError):
            return None
        whole = tree["block"] == block and sizes == self.files(block)
        return note if whole and not artefacts.size_problems(self.path, note.files) else None


def _infinite_rows(array: Array) -> Flags:
    return np.asarray(np.isinf(array).any(axis=tuple(range(1, array.ndim))))


def _counted(lacking: Mapping[str, Flags], failed: Sequence[int]) -> dict[str, Missing]:
    """What is missing of each array that lacks something, without rows that failed."""
    kept = {name: np.delete(flags, failed, axis=0) for name, flags in lacking.items()}
    return {n: Missing(0, f.shape[1], int(f.sum()), int(f.any(axis=1).sum())) for n, f in kept.items() if f.any()}


def _summed(parts: Iterable[Mapping[str, Missing]], masks: Mapping[str, Flags]) -> dict[str, Missing]:
    """What blocks lack, together with the masks."""
    total = {name: Missing(int(mask.sum()), mask.size) for name, mask in masks.items()}
    for part in parts:
        for name, found in part.items():
            so_far = total.get(name, Missing(0, found.places))
            total[name] = so_far._replace(values=so_far.values + found.values, rows=so_far.rows + found.rows)
    return total


@dataclass(frozen=True)
class Note:
    """What is noted of a block.

    Args:
        files: {"bytes", "sha256"} of each chunk by name.
        failures: reasons by row.
        missing: numbers that its rows lack, by array, masks apart; where rows are kept, without those that failed.
    """

    files: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]
    missing: Mapping[str, Missing] = field(default_factory=dict)


def finish(
    path: Path,
    plan: Plan,
    notes: Mapping[int, Note],
    assessment: Mapping[str, Any] | None = None,
    masks: Mapping[str, Flags] | None = None,
    keep: bool = False,
) -> str:
    """Write the manifest over all blocks; returns the identity of the data set.

    Args:
        path: the store.
        plan: what it holds.
        notes: of all blocks.
        assessment: what the whole set says about itself.
        masks, keep: as of `Blocks`.
    """
    missing = [block for block in range(len(Blocks.of(path, plan))) if block not in notes]
    if missing:
        raise CorruptError(f"{path}: block {missing[0]} is not written: run the same command again")
    failures = {row: reason for block in sorted(notes) for row, reason in notes[block].failures.items()}
    records = {name: record for note in notes.values() for name, record in note.files.items()}
    about = {"title": plan.title, "rows": plan.rows, "failures": failures, "assessment": dict(assessment or {})}
    lacking = _summed((note.missing for note in notes.values()) if keep else (), masks or {})
    told = {"missing": {name: list(found) for name, found in lacking.items()}} if lacking else {}
    return artefacts.seal(path, KIND, VERSION, about | told, records)


class Store:
    """A complete data set, read-only.

    Args:
        path: its folder.
        manifest: of the folder.
        attributes: of the group.
        arrays: layouts of all arrays by name.
    """

    def __init__(
        self,
        path: Path,
        manifest: artefacts.Manifest,
        attributes: Mapping[str, Any],
        arrays: Mapping[str, ArrayLayout],
    ) -> None:
        self.path, self._manifest, self._attributes, self._arrays = path, manifest, attributes, arrays
        self.id = manifest.id
        self._seen: set[str] = set()

    @classmethod
    def open(cls, path: Path | str) -> "Store":
        """Open a data set: manifest, version, layout and the size of every file are checked, contents when read.

        Raises:
            UsageError: no such folder.
            CorruptError: not a store, an incomplete one, one of another version, or with damaged files.
        """
        path = Path(path)
        _refuse_incomplete(path)
        manifest = artefacts.check(path, KIND, VERSION)
        attributes, arrays = _layouts(path, manifest)
        return cls(path, manifest, attributes, arrays)

    @classmethod
    def from_arrays(
        cls,
        path: Path | str,
        arrays: Mapping[str, ArrayLike | LazyRows],
        factors: Mapping[str, ArrayLike] | None = None,
        *,
        units: Mapping[str, str] | None = None,
        dims: Mapping[str, Sequence[str]] | None = None,
        coordinates: Mapping[str, tuple[ArrayLike, str]] | None = None,
        symbols: Mapping[str, str] | None = None,
        constants: Mapping[str, ArrayLike] | None = None,
        particles: str = "",
        diagnostics: Sequence[str] = (),
        title: str = "Snapshots from arrays",
        missing: Choice = "refuse",
        allow_failed: bool = False,
        block: int | None = None,
        classes: Mapping[str, Sequence[str]] | None = None,
        components: Mapping[str, Sequence[str]] | None = None,
        long_names: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> "Store":
        """Make a data set from arrays in memory.

        Places of a row that are NaN in every row are a mask: no part of the data, NaN again in what is decoded, noted
        in the constant ``NAME_mask``. Other NaN are missing numbers.

        Args:
            path: folder to make; must not exist.
            arrays: each variable (rows, ...), by name, or a data frame; names may state units, such as "flow [m/s]".
                Rows that are read when they are needed are taken, too.
            factors: known generative factors (rows,), by name; words are classes.
            units: UDUNITS strings of variables and factors, "1" where none is given.
            dims: names of a variable's dimensions after the rows; by default x, y, z, and component before a grid
                that another variable has alone. Short vectors beside numbers become ("component",), numbers of a table,
                and arrays (rows, N, 2 or 3) named position or positions ("particle", "dimension"). The answer of
                ``info()["taken_for"]`` is what was chosen.
            coordinates: values and unit by name of dimension.
            symbols: letters of the factors, LaTeX without dollar signs; the names by default.
            constants: arrays common to all rows, such as the area of cells, or words without blanks, such as names of
                atoms, by name.
            particles: whether particles are "distinct", each with a name and a place in the list, or "identical".
            diagnostics: names of arrays that are kept beside the others and never learned from.
            title: one line.
            missing: what becomes of rows that lack some numbers: "refuse" them, "drop" them by name, or "keep" them,
                to learn from what is there.
            allow_failed: keep rows with numbers that are not finite out by name instead of refusing them; the same as
                missing="drop", and beside missing="keep" for rows with infinities.
            block: rows in a block.
            classes: names of what the values 0, 1, … of a variable or factor stand for, by name.
            components: names of the components of a variable, by name.
            long_names: what stands on axes and colour bars, by name.
            progress: called after each block with the rows that are written and those to be in all.

        Raises:
            DataError: arrays that cannot be snapshots.
            UsageError: names or dimensions that do not fit together.
            OutputError: the folder exists or cannot be written.

        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> store = Store.from_arrays(f"{folder}/mine.zarr", {"heat": np.ones((4, 8, 8))}, units={"heat": "J"})
        >>> store.rows, store.variables[0].unit, store.read("heat", [2]).shape
        (4, 'J', (1, 8, 8))
        >>> Store.from_arrays(f"{folder}/powders.zarr", {"sizes": np.ones((4, 3)), "density": np.ones(4)})
        Store powders.zarr of 4 rows
          sizes [1]: 3 numbers that lie on no grid; for a field give dims={'sizes': ('x',)} (--dims sizes=x)
          density [1]: one number
        """
        path = Path(path)
        if os.path.lexists(path):
            raise OutputError(f"{path}: exists already: choose a new name or remove it")
        keep = check_choice(missing) == "keep"
        told = given_in_memory(arrays, {} if factors is None else factors)
        given = snapshots_of(
            told.arrays,
            told.factors,
            units=told.units | _under(told.names, units),
            dims=_under(told.names, dims),
            coordinates=coordinates or {},
            symbols=_under(told.names, symbols),
            constants=constants or {},
            particles=particles,
            diagnostics=diagnostics,
            classes=told.classes | _under(told.names, classes),
            components=_under(told.names, components),
            long_names=told.long_names | _under(told.names, long_names),
            title=title,
            block=block,
        )
        _publish(path, given, allow_failed or missing == "drop", keep, progress)
        return cls.open(path)

    def __repr__(self) -> str:
        good = f", of which {len(self.failures)} failed" if self.failures else ""
        lack = [line for name, found in self.missing.items() for line in found.words(name, len(self.valid_rows))]
        learned = [v for v in self.variables if not v.diagnostic]
        said = readings(learned, self.simulator is None)
        lines = [f"{v.name} [{v.unit}]: {said.get(v.name, taken_for(v))}" for v in learned[:MOST_SHOWN]]
        more = [f"and {len(learned) - MOST_SHOWN} more"] * (len(learned) > MOST_SHOWN)
        factors = [f"factors: {', '.join(f.name for f in self.factors)}"] * bool(self.factors)
        return "\n  ".join([f"Store {self.name} of {self.rows} rows{good}", *lines, *more, *factors, *lack])

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def rows(self) -> int:
        return int(self._attributes["rows"])

    @property
    def title(self) -> str:
        return str(self._attributes["title"])

    @property
    def simulator(self) -> str | None:
        """Name of the simulator; None for data from elsewhere."""
        name: str | None = self._attributes["simulator"]
        return name

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the simulator."""
        return dict(self._attributes["settings"])

    @property
    def seed(self) -> int | None:
        """Seed of the simulation; None for data from elsewhere."""
        seed: int | None = self._attributes["seed"]
        return seed

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The arrays of a snapshot, diagnostics included."""
        return tuple(_variable(self._arrays[name]) for name in self._attributes["variables"])

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """The generative factors; none if they are not known."""
        return _factors(self._arrays["factors"]) if "factors" in self._arrays else ()

    @cached_property
    def factor_values(self) -> FloatArray:
        """Factor values (rows, factors), read-only."""
        return _frozen(self._rows("factors", slice(None)) if self.factors else np.empty((self.rows, 0)))

    @cached_property
    def failures(self) -> dict[int, str]:
        """Why rows failed, by row."""
        return {int(row): reason for row, reason in self._manifest.about["failures"].items()}

    @cached_property
    def missing(self) -> dict[str, Missing]:
        """What is missing, by variable and "factors": places of a mask, and numbers of rows that were kept without."""
        return {name: Missing(*map(int, found)) for name, found in self._manifest.about.get("missing", {}).items()}

    @property
    def assessment(self) -> dict[str, Any]:
        """What the simulator found of the whole set when it was complete; empty where it looks at rows alone."""
        return dict(self._manifest.about.get("assessment", {}))

    @cached_property
    def valid_rows(self) -> NDArray[np.int64]:
        """Numbers of the rows that succeeded, in ascending order."""
        return _frozen(np.setdiff1d(np.arange(self.rows), np.fromiter(self.failures, np.int64)))

    @cached_property
    def coordinates(self) -> dict[str, tuple[FloatArray, str]]:
        """Coordinate values and unit by name of dimension."""
        layouts = {n: a for n, a in self._arrays.items() if a.dims == (n,) and "flag_meanings" not in a.attributes}
        return {n: (_frozen(self._chunk(a, 0)), str(a.attributes["units"])) for n, a in layouts.items()}

    @cached_property
    def constants(self) -> dict[str, Array]:
        """Arrays common to all rows, read-only."""
        layouts = {n.removeprefix("constants/"): a for n, a in self._arrays.items() if n.startswith("constants/")}
        return {name: _frozen(_meant(layout, self._chunk(layout, 0))) for name, layout in layouts.items()}

    def read(self, name: str, rows: ArrayLike | slice | None = None) -> Array:
        """Rows of a variable, (rows, *shape), NaN where a row failed.

        Every chunk is held against its crc32c, and when it is read first against its sha256 in the manifest.

        Args:
            name: of the variable.
            rows: numbers in any order, one truth value a row, or a slice; all rows by default.

        Raises:
            UsageError: no such variable.
            DataError: rows that are not there.
            CorruptError: a chunk is damaged; the error names it.
        """
        known = [v.name for v in self.variables]
        if name not in known:
            raise unknown("variable", name, known)
        return self._rows(name, slice(None) if rows is None else rows)

    def _rows(self, name: str, rows: ArrayLike | slice) -> Array:
        layout, numbers = self._arrays[name], _row_numbers(rows, self.rows)
        result = np.empty((len(numbers), *layout.shape[1:]), layout.dtype)
        order = np.argsort(numbers // layout.chunk, kind="stable")
        blocks, starts = np.unique(numbers[order] // layout.chunk, return_index=True)
        for block, places in zip(blocks.tolist(), np.split(order, starts[1:]), strict=False):
            result[places] = self._chunk(layout, block)[numbers[places] - block * layout.chunk]
        return result

    def _chunk(self, layout: ArrayLayout, block: int) -> Array:
        """A whole chunk, read-only."""
        name = layout.file(block)
        advice = _advice(name, self.simulator is not None)
        try:
            if name in self._seen:
                return layout.decode(disk.read_bytes(self.path / name, layout.chunk_bytes))
            chunk = layout.decode(artefacts.read_listed(self.path, self._manifest, name, advice))
        except ValueError as error:
            raise CorruptError(f"{self.path}: {name}: {error}: {advice}") from error
        self._seen.add(name)
        return chunk

    def verify(self) -> list[str]:
        """Read every file: one line for each problem with what to do about it, none when the data set is whole."""
        return verify(self.path)

    def info(self) -> dict[str, Any]:
        """What the data set is, ready for JSON."""
        return {
            "kind": KIND,
            "version": VERSION,
            "id": self.id,
            "title": self.title,
            "simulator": self.simulator,
            "settings": self.settings,
            "seed": self.seed,
            "rows": self.rows,
            "good": len(self.valid_rows),
            "failures": {str(row): reason for row, reason in self.failures.items()},
            "missing": {name: found._asdict() for name, found in self.missing.items()},
            "block": self._attributes["block"],
            "bytes": sum(record["bytes"] for record in self._manifest.files.values()),
            "variables": [_about_variable(v) for v in self.variables],
            "taken_for": readings(self.variables, self.simulator is None),
            "factors": [_about_factor(f) for f in self.factors],
            "coordinates": {dim: {"unit": u, "length": len(v)} for dim, (v, u) in self.coordinates.items()},
            "constants": {name: list(array.shape) for name, array in self.constants.items()},
            "assessment": self.assessment,
            "versions": self._attributes["versions"],
        }

    def to_xarray(self) -> "xarray.Dataset":
        """The data set as xarray sees it, read when used; components and factors carry their names.

        Raises:
            UsageError: xarray or zarr is not installed.
        """
        library("zarr", "xarray")
        data: xarray.Dataset = library("xarray", "xarray").open_zarr(self.path, consolidated=True, chunks=None)
        labels = {d: list(meanings.split(" ")) for d in data.coords if (meanings := data[d].attrs.get("flag_meanings"))}
        data.attrs = _portable(data.attrs)
        for name in data.variables:
            data[name].attrs = _portable(data[name].attrs)
        names = [*self._attributes["variables"], *(["factors"] if self.factors else [])]
        return data[names].assign_coords(labels)


def _under(names: Mapping[str, str], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is given by name, under the names that a data set can have."""
    return {names.get(name, name): value for name, value in (given or {}).items()}


def _meant(layout: ArrayLayout, numbers: Array) -> Array:
    """A constant as it was given: words where its numbers stand for words."""
    if "flag_meanings" not in layout.attributes:
        return numbers
    words = np.array(str(layout.attributes["flag_meanings"]).split(" "))
    if numbers.min() < 0 or numbers.max() >= len(words):
        raise CorruptError(
            f"{layout.name}: numbers without a meaning: restore it from a copy, or make the data set again"
        )
    return words[numbers]


def _portable(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes that NetCDF can hold as well: text and numbers."""
    given = {str(key): value for key, value in attributes.items() if value is not None}
    return {key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in given.items()}


def _publish(
    path: Path, given: Snapshots, allow_failed: bool, keep: bool, progress: Callable[[int, int], None] | None
) -> None:
    """Write a store under a temporary name; it gets its own when it is whole."""
    never, plan = masks(given.variables), given.plan
    if keep:
        refuse_ragged(plan.variables, given.variables)
    if never:
        plan = replace(plan, constants={**plan.constants, **noted(never, plan.constants)})
    with disk.building(path) as folder:
        create(folder, plan)
        blocks = Blocks.of(folder, plan, never, keep)
        notes = {}
        for block in range(len(blocks)):
            notes[block] = _write(blocks, block, given)
            if progress:
                progress(blocks.range(block)[1], blocks.rows)
        _refuse_failures(notes.values(), blocks, allow_failed)
        finish(folder, plan, notes, masks=never, keep=keep)


def _write(blocks: Blocks, block: int, given: Snapshots) -> Note:
    part = slice(*blocks.range(block))
    return blocks.write(block, given.values[part], {name: a[part] for name, a in given.variables.items()})


def _refuse_failures(notes: Iterable[Note], blocks: Blocks, allowed: bool) -> None:
    notes = list(notes)
    failures = {row: why for note in notes for row, why in note.failures.items()}
    if not failures:
        return
    named = "; ".join(f"row {row}: {why}" for row, why in list(failures.items())[:MOST_NAMED])
    if len(failures) == blocks.rows:
        raise DataError(f"no row is usable ({named}): look at the arrays")
    bad = {row: why for row, why in failures.items() if why != EMPTY}
    if bad and not allowed:
        lacking = {} if blocks.keep else _summed((note.missing for note in notes), {})
        raise DataError(refused(bad, blocks.rows, lacking))


def _refuse_incomplete(path: Path) -> None:
    """Say what a path is that has no manifest."""
    if os.path.isfile(path):
        raise CorruptError(f"{path}: a file, not a data set: import it first")
    if not os.path.isdir(path) or os.path.exists(path / artefacts.MANIFEST):
        return
    try:
        about = _attributes(path)
        rows, block, resumable = int(about["rows"]), int(about["block"]), about["simulator"] is not None
    except (BeableError, KeyError, TypeError, ValueError):
        raise CorruptError(f"{path}: not a beable data set: check the name, or import it first") from None
    done = min(rows, block * len(list((path / DONE).glob("[0-9]*.json"))))
    advice = "resume with the command that began it" if resumable else "make the data set again"
    raise CorruptError(f"{path}: incomplete, {done} of {rows} rows and no {artefacts.MANIFEST}: {advice}")


def _layouts(path: Path, manifest: artefacts.Manifest) -> tuple[dict[str, Any], dict[str, ArrayLayout]]:
    """Attributes of the group and layouts of its arrays, checked against one another and against the manifest."""
    suffix = f"/{ROOT}"
    names = [name.removesuffix(suffix) for name in manifest.files if name.endswith(suffix)]
    trees = {
        name: json_files.decode_json(artefacts.read_listed(path, manifest, f"{name}{suffix}"), path) for name in names
    }
    root = json_files.decode_json(artefacts.read_listed(path, manifest, ROOT), path)
    try:
        arrays = {n: ArrayLayout.of_metadata(n, t, path) for n, t in trees.items() if t["node_type"] == "array"}
        for layout in arrays.values():
            _check_chunks(layout, manifest)
        _check_attributes(root["attributes"], arrays, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptError(f"{path}: not a data set of this format ({error}): make it again") from error
    return root["attributes"], arrays


def _check_chunks(layout: ArrayLayout, manifest: artefacts.Manifest) -> None:
    """Every chunk is listed with the size that its numbers need, before memory is asked for them."""
    if layout.chunks > len(manifest.files):
        raise ValueError(f"{layout.name} has {layout.chunks} chunks")
    for block in range(layout.chunks):
        if manifest.files[layout.file(block)]["bytes"] != layout.chunk_bytes:
            raise ValueError(f"{layout.file(block)} has not {layout.chunk_bytes} bytes")


def _check_attributes(
    attributes: Mapping[str, Any], arrays: Mapping[str, ArrayLayout], manifest: artefacts.Manifest
) -> None:
    rows, names = attributes["rows"], attributes["variables"]
    listed = [*names, *(["factors"] if "factors" in arrays else [])]
    for layout in (arrays[name] for name in listed):
        if layout.shape[0] != rows or layout.chunk != attributes["block"] or layout.dims[0] != "row":
            raise ValueError(f"{layout.name} has not {rows} rows in blocks of {attributes['block']}")
    failures = manifest.about["failures"]
    if not all(0 <= int(row) < rows and isinstance(reason, str) for row, reason in failures.items()):
        raise ValueError("failures of rows that are not there")
    for name, counts in manifest.about.get("missing", {}).items():
        whole = len(counts) == len(Missing._fields) and all(type(n) is int and n >= 0 for n in counts)
        if not whole or name not in listed:
            raise ValueError(f"missing numbers of {name}: {counts}")
    for key, kinds in KINDS.items():
        if not isinstance(attributes[key], kinds):
            raise ValueError(f"{key} is {type(attributes[key]).__name__}")
    _check_assessment(manifest.about.get("assessment", {}))
    for name in names:
        _variable(arrays[name])
    if "factors" in arrays:
        _factors(arrays["factors"])


def _check_assessment(found: Any) -> None:
    reasons = found.get("reasons") or []
    if not isinstance(reasons, list) or found.get("equilibrated") not in (True, False, None):
        raise ValueError("an assessment of another form")


def _variable(layout: ArrayLayout) -> Variable:
    about = layout.attributes
    components = tuple(map(str, about.get("components", ())))
    return Variable(
        layout.name,
        layout.dims[1:],
        layout.shape[1:],
        str(about["units"]),
        str(about.get("long_name", "")),
        components,
        bool(about["diagnostic"]),
        layout.dtype,
        str(about.get("particles", "")),
        tuple(map(str, about.get("classes", ()))),
    )


def _factors(layout: ArrayLayout) -> tuple[Factor, ...]:
    about = layout.attributes
    columns = zip(about["names"], about["symbols"], about["factor_units"], about["ranges"], strict=True)
    classes = about.get("classes", {})
    factors = tuple(
        Factor(
            str(n),
            str(s),
            str(u),
            -np.inf if low is None else float(low),
            np.inf if high is None else float(high),
            tuple(map(str, classes.get(n, ()))),
        )
        for n, s, u, (low, high) in columns
    )
    if len(factors) != layout.shape[1]:
        raise ValueError(f"{len(factors)} names for {layout.shape[1]} factors")
    return factors


def _row_numbers(rows: ArrayLike | slice, count: int) -> NDArray[np.int64]:
    """Row numbers of a choice of rows."""
    if isinstance(rows, slice):
        return np.arange(count)[rows]
    numbers = np.asarray(rows)
    if numbers.dtype == bool and numbers.shape == (count,):
        return np.flatnonzero(numbers)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise DataError(f"rows of shape {numbers.shape} and type {numbers.dtype}: give a list of row numbers")
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise DataError(f"rows from {numbers.min()} to {numbers.max()} where there are 0 to {count - 1}")
    return numbers.astype(np.int64)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    result = np.array(array)
    result.setflags(write=False)
    return result


def _about_variable(v: Variable) -> dict[str, Any]:
    return {
        "name": v.name,
        "dims": ["row", *v.dims],
        "shape": list(v.shape),
        "dtype": v.dtype,
        "unit": v.unit,
        "long_name": v.long_name,
        "components": list(v.components),
        "diagnostic": v.diagnostic,
    } | {name: told for name, told in (("particles", v.particles), ("classes", list(v.classes))) if told}


def _about_factor(f: Factor) -> dict[str, Any]:
    low, high = records.plain((f.low, f.high))
    about = {"name": f.name, "symbol": f.symbol, "unit": f.unit, "low": low, "high": high}
    return about | ({"classes": list(f.classes)} if f.classes else {})


def verify(path: Path | str, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Read every file of a data set, even of one too damaged to open.

    Args:
        path: of the data set.
        progress: is told how many files are read, of how many.

    Returns:
        One line for each problem, with the file and what to do about it; none when the data set is whole.
    """
    path = Path(path)
    try:
        _refuse_incomplete(path)
        artefacts.read_manifest(path)
    except BeableError as error:
        return [str(error)]
    problems = artefacts.verify(path, progress=progress)
    if problems:
        remade = _is_simulated(path)
        return [f"{path}: {line}: {_advice(line, remade)}" for line in problems]
    try:
        Store.open(path)
    except BeableError as error:
        return [str(error)]
    return []


def _is_simulated(path: Path) -> bool:
    try:
        return _attributes(path).get("simulator") is not None
    except BeableError:
        return False


def _advice(line: str, simulated: bool) -> str:
    """What to do about a file, whose name begins the line."""
    if line.endswith("not in the manifest"):
        return "remove it"
    if simulated and not line.startswith(ROOT):
        return "remove this file and run the command that made the data set again"
    return "restore it from a copy, or make the data set again"
