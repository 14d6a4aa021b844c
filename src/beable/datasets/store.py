"""The store of a data set: written block by block by any number of processes, read and verified as a whole.

A block is a range of rows and one chunk of every array. It counts when its note ``done/<block>.json`` stands there,
written after its chunks; the store counts when its manifest stands there, written after all notes. What a block holds
depends on its rows alone, so that it can be made again at any time, by anyone, to the same bytes.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable import files
from beable.checks import library
from beable.datasets.arrays import Snapshots, snapshots_of
from beable.datasets.layout import GROUP, KIND, VERSION, Array, ArrayLayout, Plan
from beable.datasets.readings import readings, taken_for
from beable.datasets.sources import LazyRows
from beable.errors import BeableError, CorruptError, DataError, OutputError, unknown
from beable.simulator import Factor, Variable

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating]
ROOT, DONE = "zarr.json", "done"
MOST_NAMED, MOST_SHOWN = 3, 12


def create(path: Path, plan: Plan) -> None:
    """Lay out a store, or complete the layout that an interruption left; call it while holding the lock.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    refuse_other(path, plan.attributes())
    _put(path / ROOT, files.encode_json(plan.group(), path / ROOT))
    _put_group(path / DONE)
    if plan.constants:
        _put_group(path / "constants")
    for layout in plan.row_arrays().values():
        _put_array(path, layout)
    for layout, values in plan.fixed_arrays().values():
        _put_array(path, layout)
        _put(path / layout.file(0), layout.encode(values))


def _put(path: Path, data: bytes) -> None:
    if path.is_symlink() or not path.is_file() or files.read_bytes(path) != data:
        files.atomic_write(path, data, settle=path.name == ROOT)


def _put_group(path: Path) -> None:
    files.make_folder(path)
    _put(path / ROOT, files.encode_json(GROUP, path))


def _put_array(path: Path, layout: ArrayLayout) -> None:
    files.make_folder(path / layout.name)
    _put(path / layout.name / ROOT, files.encode_json(layout.metadata(), path))


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
    files.claim(path, "beable data set", asked, kept if root.exists() else root)


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of a group that is a store, complete or not."""
    root = files.read_json(path / ROOT)
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
    """

    path: Path
    rows: int
    size: int
    variables: tuple[Variable, ...]
    arrays: Mapping[str, ArrayLayout]

    @classmethod
    def of(cls, path: Path, plan: Plan) -> "Blocks":
        return cls(path, plan.rows, plan.block, plan.variables, plan.row_arrays())

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

        A row with a number that is not finite, diagnostics apart, becomes NaN in all variables but the diagnostics.

        Args:
            block: which.
            values: factors (rows, factors).
            snapshots: each variable (rows, *shape).

        Raises:
            DataError: arrays of other names or shapes than the store has.
            OutputError: the disk refuses.
        """
        arrays = self._checked(block, values, snapshots)
        failures = self._fail(block, arrays)
        records = {}
        for name, layout in self.arrays.items():
            data = layout.encode(arrays[name])
            files.atomic_write(self.path / layout.file(block), data, settle=False)
            records[layout.file(block)] = {"bytes": len(data), "sha256": files.sha256(data)}
        files.write_json(self._note_path(block), {"block": block, "files": records, "failures": failures})
        return Note(records, failures)

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

    def _fail(self, block: int, arrays: dict[str, Array]) -> dict[str, str]:
        """Blank the rows that failed; the reason of each by its number."""
        start, _ = self.range(block)
        diagnostics = [v.name for v in self.variables if v.diagnostic]
        finite = {name: _finite_rows(a) for name, a in arrays.items() if name not in diagnostics}
        reasons = {}
        for i in np.flatnonzero(~np.all(list(finite.values()), axis=0)):
            bad = ", ".join(name for name, rows in finite.items() if not rows[i])
            numbers = "".join(f"; {name} = {arrays[name][i]:.3g}" for name in diagnostics if arrays[name].ndim == 1)
            reasons[str(start + i)] = f"not finite: {bad}{numbers}"
            for v in self.variables:
                if not v.diagnostic:
                    arrays[v.name][i] = np.nan if arrays[v.name].dtype.kind == "f" else 0
        return reasons

    def read(self, name: str) -> Array:
        """All rows of a variable, or of "factors", once every block is written."""
        layout = self.arrays[name]
        names = [self.path / layout.file(block) for block in range(len(self))]
        chunks = [layout.decode(files.read_bytes(path, layout.chunk_bytes)) for path in names]
        return np.concatenate(chunks)[: self.rows]

    def _note_path(self, block: int) -> Path:
        return self.path / DONE / f"{block}.json"

    def done(self) -> dict[int, "Note"]:
        """The notes of all blocks whose chunks stand there with their sizes."""
        notes = ((block, self._note(block)) for block in range(len(self)))
        return {block: note for block, note in notes if note is not None}

    def _note(self, block: int) -> "Note | None":
        """The note of a block; None if it, or a chunk, is missing or damaged, so that the block is made again."""
        if not self._note_path(block).exists():
            return None
        try:
            tree = files.read_json(self._note_path(block))
            note = Note(tree["files"], tree["failures"])
            sizes = {name: record["bytes"] for name, record in note.files.items()}
        except (CorruptError, KeyError, TypeError, AttributeError):
            return None
        whole = tree["block"] == block and sizes == self.files(block)
        return note if whole and not files.size_problems(self.path, note.files) else None


def _finite_rows(array: Array) -> NDArray[np.bool_]:
    return np.array([np.isfinite(row).all() for row in array], dtype=bool)


@dataclass(frozen=True)
class Note:
    """What is noted of a block.

    Args:
        files: {"bytes", "sha256"} of each chunk by name.
        failures: reasons by row.
    """

    files: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]


def finish(path: Path, plan: Plan, notes: Mapping[int, Note], assessment: Mapping[str, Any] | None = None) -> str:
    """Write the manifest over all blocks; returns the identity of the data set.

    Args:
        path: the store.
        plan: what it holds.
        notes: of all blocks.
        assessment: what the whole set says about itself.
    """
    missing = [block for block in range(len(Blocks.of(path, plan))) if block not in notes]
    if missing:
        raise CorruptError(f"{path}: block {missing[0]} is not written: run the same command again")
    failures = {row: reason for block in sorted(notes) for row, reason in notes[block].failures.items()}
    records = {name: record for note in notes.values() for name, record in note.files.items()}
    about = {"title": plan.title, "rows": plan.rows, "failures": failures, "assessment": dict(assessment or {})}
    return files.seal(path, KIND, VERSION, about, records)


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
        manifest: files.Manifest,
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
        manifest = files.check(path, KIND, VERSION)
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
        title: str = "Snapshots from arrays",
        allow_failed: bool = False,
        block: int | None = None,
    ) -> "Store":
        """Make a data set from arrays in memory.

        Args:
            path: folder to make; must not exist.
            arrays: each variable (rows, ...), by name; rows that are read when they are needed, too.
            factors: known generative factors (rows,), by name.
            units: UDUNITS strings of variables and factors, "1" where none is given.
            dims: names of a variable's dimensions after the rows; by default x, y, z, and component before a grid
                that another variable has alone. Short vectors beside numbers become ("component",), numbers of a table,
                and arrays (rows, N, 2 or 3) named position or positions ("particle", "dimension"). The answer of
                ``info()["taken_for"]`` is what was chosen.
            coordinates: values and unit by name of dimension.
            symbols: letters of the factors, LaTeX without dollar signs; the names by default.
            constants: arrays common to all rows, such as the area of cells, by name.
            title: one line.
            allow_failed: keep rows with numbers that are not finite out by name instead of refusing them.
            block: rows in a block.

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
        given = snapshots_of(
            arrays,
            factors or {},
            units=units or {},
            dims=dims or {},
            coordinates=coordinates or {},
            symbols=symbols or {},
            constants=constants or {},
            title=title,
            block=block,
        )
        _publish(path, given, allow_failed)
        return cls.open(path)

    def __repr__(self) -> str:
        good = f", of which {len(self.failures)} failed" if self.failures else ""
        learned = [v for v in self.variables if not v.diagnostic]
        said = readings(learned, self.simulator is None)
        lines = [f"{v.name} [{v.unit}]: {said.get(v.name, taken_for(v))}" for v in learned[:MOST_SHOWN]]
        more = [f"and {len(learned) - MOST_SHOWN} more"] * (len(learned) > MOST_SHOWN)
        factors = [f"factors: {', '.join(f.name for f in self.factors)}"] * bool(self.factors)
        return "\n  ".join([f"Store {self.name} of {self.rows} rows{good}", *lines, *more, *factors])

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
        return {name: _frozen(self._chunk(layout, 0)) for name, layout in layouts.items()}

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
                return layout.decode(files.read_bytes(self.path / name, layout.chunk_bytes))
            chunk = layout.decode(files.read_listed(self.path, self._manifest, name, advice))
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


def _portable(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes that NetCDF can hold as well: text and numbers."""
    given = {str(key): value for key, value in attributes.items() if value is not None}
    return {key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in given.items()}


def _publish(path: Path, given: Snapshots, allow_failed: bool) -> None:
    """Write a store under a temporary name; it gets its own when it is whole."""
    with files.building(path) as folder:
        create(folder, given.plan)
        blocks = Blocks.of(folder, given.plan)
        notes = {b: _write(blocks, b, given) for b in range(len(blocks))}
        _refuse_failures({r: why for note in notes.values() for r, why in note.failures.items()}, blocks, allow_failed)
        finish(folder, given.plan, notes)


def _write(blocks: Blocks, block: int, given: Snapshots) -> Note:
    part = slice(*blocks.range(block))
    return blocks.write(block, given.values[part], {name: a[part] for name, a in given.variables.items()})


def _refuse_failures(failures: Mapping[str, str], blocks: Blocks, allowed: bool) -> None:
    if not failures:
        return
    named = "; ".join(f"row {row}: {why}" for row, why in list(failures.items())[:MOST_NAMED])
    if len(failures) == blocks.rows:
        raise DataError(f"no row is usable ({named}): look at the arrays")
    if not allowed:
        raise DataError(
            f"{len(failures)} of {blocks.rows} rows are not finite ({named}): mend them, or keep them out by name "
            "with allow_failed=True (for a file drop_invalid=True, --drop-invalid)"
        )


def _refuse_incomplete(path: Path) -> None:
    """Say what a path is that has no manifest."""
    if os.path.isfile(path):
        raise CorruptError(f"{path}: a file, not a data set: import it first")
    if not os.path.isdir(path) or os.path.exists(path / files.MANIFEST):
        return
    try:
        about = _attributes(path)
        rows, block, resumable = int(about["rows"]), int(about["block"]), about["simulator"] is not None
    except (BeableError, KeyError, TypeError, ValueError):
        raise CorruptError(f"{path}: not a beable data set: check the name, or import it first") from None
    done = min(rows, block * len(list((path / DONE).glob("[0-9]*.json"))))
    advice = "resume with the command that began it" if resumable else "make the data set again"
    raise CorruptError(f"{path}: incomplete, {done} of {rows} rows and no {files.MANIFEST}: {advice}")


def _layouts(path: Path, manifest: files.Manifest) -> tuple[dict[str, Any], dict[str, ArrayLayout]]:
    """Attributes of the group and layouts of its arrays, checked against one another and against the manifest."""
    suffix = f"/{ROOT}"
    names = [name.removesuffix(suffix) for name in manifest.files if name.endswith(suffix)]
    trees = {name: files.decode_json(files.read_listed(path, manifest, f"{name}{suffix}"), path) for name in names}
    root = files.decode_json(files.read_listed(path, manifest, ROOT), path)
    try:
        arrays = {n: ArrayLayout.of_metadata(n, t, path) for n, t in trees.items() if t["node_type"] == "array"}
        for layout in arrays.values():
            _check_chunks(layout, manifest)
        _check_attributes(root["attributes"], arrays, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptError(f"{path}: not a data set of this format ({error}): make it again") from error
    return root["attributes"], arrays


def _check_chunks(layout: ArrayLayout, manifest: files.Manifest) -> None:
    """Every chunk is listed with the size that its numbers need, before memory is asked for them."""
    if layout.chunks > len(manifest.files):
        raise ValueError(f"{layout.name} has {layout.chunks} chunks")
    for block in range(layout.chunks):
        if manifest.files[layout.file(block)]["bytes"] != layout.chunk_bytes:
            raise ValueError(f"{layout.file(block)} has not {layout.chunk_bytes} bytes")


def _check_attributes(
    attributes: Mapping[str, Any], arrays: Mapping[str, ArrayLayout], manifest: files.Manifest
) -> None:
    rows, names = attributes["rows"], attributes["variables"]
    listed = [*names, *(["factors"] if "factors" in arrays else [])]
    for layout in (arrays[name] for name in listed):
        if layout.shape[0] != rows or layout.chunk != attributes["block"] or layout.dims[0] != "row":
            raise ValueError(f"{layout.name} has not {rows} rows in blocks of {attributes['block']}")
    failures = manifest.about["failures"]
    if not all(0 <= int(row) < rows and isinstance(reason, str) for row, reason in failures.items()):
        raise ValueError("failures of rows that are not there")
    for key in ("title", "simulator", "settings", "seed", "versions"):
        attributes[key]
    for name in names:
        _variable(arrays[name])
    if "factors" in arrays:
        _factors(arrays["factors"])


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
    )


def _factors(layout: ArrayLayout) -> tuple[Factor, ...]:
    about = layout.attributes
    columns = zip(about["names"], about["symbols"], about["factor_units"], about["ranges"], strict=True)
    factors = tuple(
        Factor(str(n), str(s), str(u), -np.inf if low is None else float(low), np.inf if high is None else float(high))
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
    }


def _about_factor(f: Factor) -> dict[str, Any]:
    low, high = files.plain((f.low, f.high))
    return {"name": f.name, "symbol": f.symbol, "unit": f.unit, "low": low, "high": high}


def verify(path: Path | str) -> list[str]:
    """Read every file of a data set, even of one too damaged to open.

    Returns:
        One line for each problem, with the file and what to do about it; none when the data set is whole.
    """
    path = Path(path)
    try:
        _refuse_incomplete(path)
        files.read_manifest(path)
    except BeableError as error:
        return [str(error)]
    problems = files.verify(path)
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
