"""What lies where in a store: a Zarr v3 group whose chunks are the plain numbers and their crc32c.

::

    fields.zarr/
      zarr.json          group: what the snapshots are, from which settings and seed
      flux/zarr.json     one array a variable, (row, component, x, y), with units
      flux/c.0.0.0.0     rows 0 to 63; NaN after the last row; nbytes + 4 bytes long
      factors/ x/ …      factor values (row, factor), coordinates
      constants/         arrays common to all rows
      done/0.json        block 0 is written: sizes, sha256 and failures of its rows
      manifest.json      every file with size and sha256; written last

A chunk holds the same rows of every array and is not compressed, so its size is known before it is read.
The format is described in docs/store-format.md.
"""

import base64
import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from beable.errors import CorruptError, UsageError, unknown
from beable.files.json_files import encode_json
from beable.records import plain
from beable.simulator import Factor, Variable

Array = NDArray[Any]

KIND, VERSION = "beable-store", 1
CHUNK_BYTES = 4 * 2**20
FEWEST_ROWS, MOST_ROWS, BLOCKS = 64, 256, 16
MANY_ROWS = 1 << 17
FILE_BYTES, ABREAST_BYTES = 1 << 16, 1 << 24
SUM_BYTES = 4
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
DTYPES = ("float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
#: what particles can be declared to be
PARTICLES = ("distinct", "identical")
RESERVED = frozenset({"row", "factor", "factors", "constants", "done", "manifest"})
STREAMS = "numpy PCG64(SeedSequence(seed, spawn_key=(stream, row, attempt)))"
NAN = base64.standard_b64encode(struct.pack("<d", math.nan)).decode()


@dataclass(frozen=True)
class ArrayLayout:
    """One array of the group.

    Args:
        name: its path in the group.
        dims: names of its dimensions.
        shape: their lengths.
        chunk: rows in a chunk; only the first dimension is cut.
        dtype: number format.
        attributes: CF attributes.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunk: int
    dtype: str
    attributes: Mapping[str, Any]

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        return (self.chunk, *self.shape[1:]) if self.shape else ()

    @property
    def chunks(self) -> int:
        return -(-self.shape[0] // self.chunk) if self.shape else 1

    @property
    def chunk_bytes(self) -> int:
        """Length of each chunk's file."""
        return math.prod(self.chunk_shape) * int(np.dtype(self.dtype).itemsize) + SUM_BYTES

    @property
    def _floating(self) -> bool:
        return np.dtype(self.dtype).kind == "f"

    def file(self, block: int) -> str:
        """Name of a chunk's file in the store."""
        index = (block, *(0 for _ in self.shape[1:])) if self.shape else ()
        return f"{self.name}/{'.'.join(['c', *map(str, index)])}"

    def metadata(self) -> dict[str, Any]:
        """The array's zarr.json."""
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.chunk_shape)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": "NaN" if self._floating else 0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "dimension_names": list(self.dims),
            "attributes": {**self.attributes, **({"_FillValue": NAN} if self._floating else {})},
            "storage_transformers": [],
        }

    @classmethod
    def of_metadata(cls, name: str, metadata: Any, path: Path) -> "ArrayLayout":
        """The layout that a zarr.json describes.

        Raises:
            CorruptError: it is not one that this format allows.
        """
        try:
            attributes = {k: v for k, v in metadata["attributes"].items() if k != "_FillValue"}
            shape, chunks = (_lengths(n) for n in (metadata["shape"], _chunk_shape(metadata)))
            dims = tuple(map(str, metadata["dimension_names"]))
            layout = cls(name, dims, shape, chunks[0] if chunks else 1, metadata["data_type"], attributes)
            allowed = layout.dtype in DTYPES and len(dims) == len(shape) and layout.metadata() == metadata
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorruptError(f"{path}: {name}/zarr.json is not of this format ({error}): make it again") from error
        if not allowed:
            raise CorruptError(f"{path}: {name}/zarr.json is not of this format: import the data instead")
        return layout

    def encode(self, values: Array) -> bytes:
        """The file of a chunk that starts with these rows; what is missing at the end is filled."""
        chunk = np.full(self.chunk_shape, math.nan if self._floating else 0, np.dtype(self.dtype).newbyteorder("<"))
        place = chunk[: len(values)] if self.shape else chunk
        place[...] = values
        numbers = chunk.tobytes()
        return numbers + _crc32c(numbers)

    def decode(self, data: bytes) -> Array:
        """The rows of a chunk's file, read-only.

        Raises:
            ValueError: wrong length or wrong sum.
        """
        if len(data) != self.chunk_bytes:
            raise ValueError(f"{len(data)} bytes instead of {self.chunk_bytes}")
        numbers = np.frombuffer(data, np.uint8)[:-SUM_BYTES]
        if _crc32c(numbers) != data[-SUM_BYTES:]:
            raise ValueError("its crc32c differs")
        return numbers.view(np.dtype(self.dtype).newbyteorder("<")).reshape(self.chunk_shape)


FixedArray = tuple[ArrayLayout, Array]


def _crc32c(numbers: bytes | Array) -> bytes:
    return int(google_crc32c.value(numbers)).to_bytes(SUM_BYTES, "little")


def _lengths(values: Any) -> tuple[int, ...]:
    if not all(type(n) is int and n > 0 for n in values):
        raise ValueError(f"{values} are no lengths")
    return tuple(values)


def _chunk_shape(metadata: Any) -> Any:
    return metadata["chunk_grid"]["configuration"]["chunk_shape"]


def block_rows(variables: Sequence[Variable], rows: int) -> int:
    """Rows in a block: a power of two from 64 to 256 that gives sixteen blocks, fewer where a chunk would exceed 4 MiB.

    From ``MANY_ROWS`` on it is as many as give some 128 blocks: a table of a million rows is to be no 100,000 files.

    >>> block_rows([Variable("flux", ("component", "x", "y"), (2, 65, 65))], 1024)
    64
    """
    row_bytes = max(map(_row_bytes, variables), default=1)
    most = MOST_ROWS if rows < MANY_ROWS else rows // 128
    fitting = max(1, min(most, max(FEWEST_ROWS, rows // BLOCKS), CHUNK_BYTES // row_bytes))
    return min(1 << (fitting.bit_length() - 1), rows)


def block_rows_at_once(variables: Sequence[Variable], rows: int) -> int:
    """Rows in a block of arrays that are there already, which go to no processes: fewer files, of 64 KiB at least.

    Of many variables all blocks of the same rows have 16 MiB together at most, unless `block_rows` gives more.

    >>> block_rows_at_once([Variable("T", (), (), dtype="float64")], 20_000)
    8192
    """
    sizes = [_row_bytes(v) for v in variables] or [1]
    fitting = max(1, min(FILE_BYTES // max(sizes), ABREAST_BYTES // sum(sizes)))
    return min(rows, max(block_rows(variables, rows), 1 << (fitting.bit_length() - 1)))


def _row_bytes(variable: Variable) -> int:
    return math.prod(variable.shape) * int(np.dtype(variable.dtype).itemsize)


@cache
def versions() -> dict[str, str]:
    """Of what decides the bytes of a data set."""
    return {name: version(name) for name in ("beable", "numba", "numpy", "scipy")}


@dataclass(frozen=True)
class Plan:
    """What a store will hold.

    Args:
        title: one line.
        rows: number of snapshots.
        block: rows in a block.
        variables: the arrays of a snapshot.
        factors: the generative factors, none if they are not known.
        coordinates: values and unit by name of dimension.
        constants: arrays common to all rows, by name.
        simulator: name of the simulator, None for data from elsewhere.
        settings: of the simulator.
        seed: of the simulation, None for data from elsewhere.

    Raises:
        UsageError: names or dimensions that do not fit together.
    """

    title: str
    rows: int
    block: int
    variables: tuple[Variable, ...]
    factors: tuple[Factor, ...]
    coordinates: Mapping[str, tuple[Array, str]]
    constants: Mapping[str, Array]
    simulator: str | None = None
    settings: Mapping[str, Any] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _check_count("rows", self.rows)
        _check_count("block", self.block)
        if not self.variables:
            raise UsageError("a data set needs at least one variable")
        for v in self.variables:
            _check_form(v)
        lengths = self.lengths
        _check_names("variable", [v.name for v in self.variables], {*RESERVED, *lengths})
        _check_names("factor", [f.name for f in self.factors])
        _check_names("dimension", list(lengths), {"row", "factor", "constants", "done", "manifest"})
        _check_names("constant", list(self.constants))
        for v in self.variables:
            _check_lengths(v, lengths)
        for dim, (values, _) in self.coordinates.items():
            _check_coordinate(dim, values, lengths)

    @property
    def lengths(self) -> dict[str, int]:
        """Length of each dimension of a snapshot."""
        return dict(chain.from_iterable(zip(v.dims, v.shape, strict=True) for v in self.variables))

    def row_arrays(self) -> dict[str, ArrayLayout]:
        """The arrays that are cut into blocks: variables and factor values."""
        arrays = {v.name: self._variable(v) for v in self.variables}
        return arrays | ({"factors": self._factors()} if self.factors else {})

    def fixed_arrays(self) -> dict[str, FixedArray]:
        """The arrays that stand there from the beginning, with their numbers."""
        coordinates = {d: _coordinate(d, *self.coordinates[d]) for d in sorted(self.coordinates)}
        constants = {f"constants/{name}": _constant(name, self.constants[name]) for name in sorted(self.constants)}
        return coordinates | self._labels() | constants

    def _variable(self, v: Variable) -> ArrayLayout:
        attributes: dict[str, Any] = {"units": v.unit, "diagnostic": v.diagnostic}
        if v.long_name:
            attributes["long_name"] = v.long_name
        if v.components:
            attributes["components"] = list(v.components)
        if v.classes:
            attributes |= _flags(v.classes)
        if v.particles:
            attributes["particles"] = v.particles
        return ArrayLayout(v.name, ("row", *v.dims), (self.rows, *v.shape), self.block, v.dtype, attributes)

    def _factors(self) -> ArrayLayout:
        attributes = {
            "long_name": "generative factors",
            "names": [f.name for f in self.factors],
            "symbols": [f.symbol for f in self.factors],
            "factor_units": [f.unit for f in self.factors],
            "ranges": plain([(f.low, f.high) for f in self.factors]),
        }
        if classes := {f.name: list(f.classes) for f in self.factors if f.classes}:
            attributes["classes"] = classes
        shape = (self.rows, len(self.factors))
        return ArrayLayout("factors", ("row", "factor"), shape, self.block, "float64", attributes)

    def _labels(self) -> dict[str, FixedArray]:
        """Names along a dimension, the CF way: numbers whose meaning an attribute gives."""
        components = {v.components for v in self.variables if v.components and "component" in v.dims}
        labels = {"component": components.pop()} if len(components) == 1 else {}
        labels |= {"factor": tuple(f.name for f in self.factors)}
        return {dim: _label(dim, names) for dim, names in labels.items() if names}

    def attributes(self) -> dict[str, Any]:
        """Attributes of the group: all that decides the bytes of the data set."""
        about = {
            "Conventions": "CF-1.12",
            "title": self.title,
            "format": {"kind": KIND, "version": VERSION},
            "rows": self.rows,
            "block": self.block,
            "variables": [v.name for v in self.variables],
            "simulator": self.simulator,
            "settings": dict(self.settings or {}),
            "seed": self.seed,
            "streams": None if self.seed is None else STREAMS,
            "versions": versions(),
        }
        plain: dict[str, Any] = json.loads(encode_json(about, Path("settings")))
        return plain

    def group(self) -> dict[str, Any]:
        """The group's zarr.json, in which readers find all arrays without a search."""
        layouts = [*self.row_arrays().values(), *(layout for layout, _ in self.fixed_arrays().values())]
        members = {layout.name: layout.metadata() for layout in layouts}
        if self.constants:
            members["constants"] = GROUP
        inline = {"kind": "inline", "must_understand": False, "metadata": members}
        return {**GROUP, "attributes": self.attributes(), "consolidated_metadata": inline}


GROUP = {"zarr_format": 3, "node_type": "group", "attributes": {}}


def _flags(classes: Sequence[str]) -> dict[str, Any]:
    """Names of classes the CF way, in words without blanks, and as they are."""
    words = [re.sub(r"[^\w.+@-]", "_", name, flags=re.ASCII) or "_" for name in classes]
    return {"flag_values": list(range(len(words))), "flag_meanings": " ".join(words), "classes": list(classes)}


def _coordinate(dim: str, values: Array, unit: str) -> FixedArray:
    return _fixed(dim, (dim,), np.asarray(values, np.float64), {"units": unit, "long_name": dim})


def _label(dim: str, names: Sequence[str]) -> FixedArray:
    numbers = np.arange(len(names), dtype=np.int32)
    attributes = {"long_name": dim, "flag_values": numbers.tolist(), "flag_meanings": " ".join(names)}
    return _fixed(dim, (dim,), numbers, attributes)


def _constant(name: str, values: Array) -> FixedArray:
    """A constant; words become numbers whose meaning an attribute gives, as CF has it."""
    numbers, about = np.asarray(values), {}
    if numbers.dtype.kind == "U":
        words, codes = np.unique(numbers, return_inverse=True)
        numbers = codes.reshape(numbers.shape).astype(np.int32)
        about = {"flag_values": list(range(len(words))), "flag_meanings": " ".join(words.tolist())}
    return _fixed(f"constants/{name}", tuple(f"{name}_{i}" for i in range(numbers.ndim)), numbers, about)


def _fixed(name: str, dims: tuple[str, ...], numbers: Array, attributes: Mapping[str, Any]) -> FixedArray:
    """An array in one chunk, with its numbers."""
    return ArrayLayout(name, dims, numbers.shape, len(numbers) if dims else 1, numbers.dtype.name, attributes), numbers


def _check_count(name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {value!r}")


def _check_names(kind: str, names: Sequence[str], taken: frozenset[str] | set[str] = frozenset()) -> None:
    for name in names:
        if not NAME.fullmatch(name):
            raise UsageError(f"{kind} {name!r}: a name is a letter and at most 63 more letters, digits or _")
        if name in taken:
            raise UsageError(f"{kind} {name!r}: the name has another meaning in the data set: choose another")
    if len(set(names)) < len(names):
        raise UsageError(f"a {kind} name stands twice among {', '.join(names)}: name each once")


def _check_form(v: Variable) -> None:
    if v.dtype not in DTYPES:
        raise UsageError(f"variable {v.name}: number format {v.dtype!r} cannot be stored: use {', '.join(DTYPES)}")
    if len(v.dims) != len(v.shape) or len(set(v.dims)) < len(v.dims) or not all(n > 0 for n in v.shape):
        raise UsageError(f"variable {v.name}: dimensions {v.dims} do not fit shape {v.shape}")
    if v.particles not in ("", *PARTICLES):
        raise unknown("kind of particles", v.particles, PARTICLES)
    _check_names("component", v.components)
    lengths = dict(zip(v.dims, v.shape, strict=True))
    if v.components and lengths.get("component", lengths.get(f"{v.name}_component")) != len(v.components):
        raise UsageError(f"variable {v.name}: {len(v.components)} component names do not fit shape {v.shape}")


def _check_lengths(v: Variable, lengths: Mapping[str, int]) -> None:
    for dim, n in zip(v.dims, v.shape, strict=True):
        if lengths[dim] != n:
            raise UsageError(f"variable {v.name}: {n} along {dim!r}, elsewhere {lengths[dim]}: give it another name")


def _check_coordinate(dim: str, values: Array, lengths: Mapping[str, int]) -> None:
    found = np.shape(values)
    if dim not in lengths or found != (lengths[dim],):
        raise UsageError(f"coordinate {dim!r} has shape {found}: give one number for each place along a dimension")
    if not in_order(np.asarray(values, np.float64)):
        raise UsageError(
            f"coordinate {dim!r} has numbers that are not finite, equal, or neither rising nor falling: put the arrays "
            "in the order of the coordinate, or leave it out"
        )


def in_order(values: Array) -> bool:
    """Whether the numbers of a coordinate rise, or fall, all along it.

    >>> in_order(np.array([0.0, 1.0, 3.0])), in_order(np.array([0.0, 0.0])), in_order(np.array([np.nan]))
    (True, False, False)
    """
    steps = np.diff(values)
    return bool(np.isfinite(values).all() and ((steps > 0).all() or (steps < 0).all()))
