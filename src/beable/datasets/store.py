"""The store of a data set: written block by block by any number of processes, read and verified as a whole.

A block is a range of rows and one chunk of every array. It counts when its note ``done/<block>.json`` stands there,
written after its chunks; the store counts when its manifest stands there, written after all notes. What a block holds
depends on its rows alone, so that it can be made again at any time, by anyone, to the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable import files
from beable.datasets.layout import DTYPES, GROUP, KIND, VERSION, Array, ArrayLayout, Plan, block_rows
from beable.errors import BeableError, CorruptError, DataError, OutputError, UsageError, unknown
from beable.simulators.simulator import Factor, Variable

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating]
ROOT, DONE = "zarr.json", "done"
MOST_NAMED = 3


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
    if not path.is_file() or path.read_bytes() != data:
        files.atomic_write(path, data)


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
    if not (path / ROOT).exists():
        if any(not files.is_own(p.name) for p in path.iterdir()):
            raise OutputError(f"{path}: exists and is not a beable data set: choose a new folder")
        return
    there = _attributes(path)
    found = [d for d in _differences(there, attributes) if d.split(":")[0].split(".")[0] not in ignoring]
    if found:
        raise OutputError(f"{path}: holds another data set ({'; '.join(found)}): choose another folder or remove it")


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of a group that is a store, complete or not."""
    root = files.read_json(path / ROOT)
    attributes = root.get("attributes") if isinstance(root, dict) else None
    if not isinstance(attributes, dict) or not isinstance(attributes.get("format"), dict):
        raise OutputError(f"{path}: exists and is not a beable data set: choose a new folder")
    return attributes


def _differences(there: Any, asked: Any, at: str = "") -> list[str]:
    """What differs between two trees of attributes, in words."""
    if isinstance(there, Mapping) and isinstance(asked, Mapping):
        keys = sorted({*there, *asked})
        return [d for k in keys for d in _differences(there.get(k), asked.get(k), f"{at}.{k}".lstrip("."))]
    return [] if there == asked else [f"{at}: {there!r} there, {asked!r} asked"]


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
            files.atomic_write(self.path / layout.file(block), data)
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
    return np.isfinite(array).all(axis=tuple(range(1, array.ndim)))


@dataclass(frozen=True)
class Note:
    """What is noted of a block.

    Args:
        files: {"bytes", "sha256"} of each chunk by name.
        failures: reasons by row.
    """

    files: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]


def finish(path: Path, plan: Plan, notes: Mapping[int, Note]) -> str:
    """Write the manifest over all blocks; returns the identity of the data set."""
    missing = [block for block in range(plan.blocks) if block not in notes]
    if missing:
        raise CorruptError(f"{path}: block {missing[0]} is not written: run the same command again")
    failures = {row: reason for block in sorted(notes) for row, reason in notes[block].failures.items()}
    records = {name: record for note in notes.values() for name, record in note.files.items()}
    about = {"title": plan.title, "rows": plan.rows, "failures": failures}
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
        arrays: Mapping[str, ArrayLike],
        factors: Mapping[str, ArrayLike] | None = None,
        *,
        units: Mapping[str, str] | None = None,
        dims: Mapping[str, Sequence[str]] | None = None,
        coordinates: Mapping[str, tuple[ArrayLike, str]] | None = None,
        symbols: Mapping[str, str] | None = None,
        title: str = "Snapshots from arrays",
        allow_failed: bool = False,
        block: int | None = None,
    ) -> "Store":
        """Make a data set from arrays in memory.

        Args:
            path: folder to make; must not exist.
            arrays: each variable (rows, ...), by name.
            factors: known generative factors (rows,), by name.
            units: UDUNITS strings of variables and factors, "1" where none is given.
            dims: names of a variable's dimensions after the rows; by default x, y, z, and component before a grid
                that another variable has alone.
            coordinates: values and unit by name of dimension.
            symbols: letters of the factors, LaTeX without dollar signs; the names by default.
            title: one line.
            allow_failed: keep rows with numbers that are not finite out by name instead of refusing them.
            block: rows in a block.

        Raises:
            DataError: arrays that cannot be snapshots.
            UsageError: names or dimensions that do not fit together.
            OutputError: the folder exists or cannot be written.

        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> store = Store.from_arrays(f"{folder}/mine.zarr", {"temperature": np.ones((4, 8, 8))}, units={"temperature": "K"})
        >>> store.rows, store.variables[0].unit, store.read("temperature", [2]).shape
        (4, 'K', (1, 8, 8))
        """
        from beable.datasets.arrays import plan_of

        path = Path(path)
        if path.exists():
            raise OutputError(f"{path}: exists already: choose a new name or remove it")
        plan, snapshots, values = plan_of(arrays, factors or {}, units or {}, dims or {}, coordinates or {}, symbols or {}, title, block)
        return cls.open(path)
