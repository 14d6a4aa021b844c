"""HDF5, NetCDF and Zarr read alike: names of axes, units, packed and missing numbers, groups at any depth.

A file is taken for what its first bytes say, not its suffix. Each kind is walked by its own library to raw arrays with
attributes; what these attributes mean is decided once for all of them, by the CF conventions.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from beable import inputs
from beable.checks import library
from beable.datasets.hdf5_files import is_hdf5, opened_hdf5
from beable.datasets.sources import MOST_ARRAYS, UNKNOWN, Array, Loader, Source, exact, fixed, held_back, ranged
from beable.errors import DataError, UsageError
from beable.files.artefacts import MANIFEST

NETCDF3 = b"CDF"
#: what packs numbers or says which are missing
CODING = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
VALID = ("valid_min", "valid_max", "valid_range")
#: fill values of NetCDF where a variable names none (netcdf.h)
DEFAULT_FILL = {"f4": 9.969209968386869e36, "f8": 9.969209968386869e36, "i2": -32767, "i4": -2147483647}
#: names that libraries give to dimensions without one
NAMELESS = re.compile(r"(phony_dim_|fakeDim|dim_|axis_)\d+")
#: names of the axis along which the letters of a word lie
LETTERS = re.compile(r"str(ing|len|_|\d|$)|char|len_", re.IGNORECASE)
DEEPEST = 32
#: arrays that a data set can have
#: arrays and groups of a file; chunks of an array, each of fewer bytes than the second
MOST_PARTS, MOST_CHUNKS, LEAST_CHUNK = 100_000, 100_000, 4096
INTERNAL = {
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "CLASS",
    "NAME",
    "DIMENSION_LABELS",
    "_ARRAY_DIMENSIONS",
    "_NCProperties",
}


class Labelled(NamedTuple):
    """A labelled file.

    Args:
        sources: its arrays by their path.
        groups: attributes of its groups by their path, "" for the file itself.
        auxiliary: names that some variable calls its coordinates, the CF way.
        left: what was not read, and why.
        attributes: of its arrays, by their path.
    """

    sources: dict[str, Source]
    groups: dict[str, dict[str, Any]]
    auxiliary: frozenset[str]
    left: dict[str, str]
    attributes: dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Raw:
    """An array as it lies in a file.

    Args:
        shape: its lengths.
        dtype: number format in the file.
        axes: names, "" for one without.
        attributes: of the array.
        load: reads the numbers as they are, or ranges of them.
        refused: why it cannot be read.
        fill: of the format, where the array names none.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[str, ...]
    attributes: Mapping[str, Any]
    load: Loader
    refused: str = ""
    fill: Any = None


class _Walk(NamedTuple):
    """What a walk through a file collects."""

    raws: dict[str, Raw]
    groups: dict[str, dict[str, Any]]
    left: dict[str, str]


@contextmanager
def opened(path: Path) -> Iterator[Labelled]:
    """A labelled file of any kind.

    Args:
        path: an HDF5 or NetCDF file, or a folder of Zarr.

    Raises:
        UsageError: a data set of beable, or a library that is missing.
        ValueError: a file that is none of these.
    """
    walk, stored = _walker(path), inputs.stored(path)
    with walk(path) as found:
        meant = _meant(found)
        yield meant._replace(sources={n: held_back(path, n, s, stored) for n, s in meant.sources.items()})


def _walker(path: Path) -> Any:
    if path.is_dir():
        if (path / MANIFEST).exists():
            raise UsageError(f"{path}: a beable data set already: use it as it is")
        return _zarr
    if is_hdf5(path):
        return _hdf5
    with path.open("rb") as file:
        if file.read(len(NETCDF3)) == NETCDF3:
            return _netcdf3
    raise ValueError("it is neither HDF5 nor NetCDF")


def _meant(found: _Walk) -> Labelled:
    raws = sorted(found.raws.items())  # not every format keeps an order
    of_cells = _names_of_bounds(found.raws)
    sources = {name: _source(name, raw) for name, raw in raws if name.rsplit("/", 1)[-1] not in of_cells}
    bounds = {n: "bounds of the cells of a coordinate" for n in found.raws if n not in sources}
    named = {w for raw in found.raws.values() for w in str(raw.attributes.get("coordinates", "")).split()}
    named |= {w for group in found.groups.values() for w in str(group.get("coordinates", "")).split()}
    attributes = {name: found.raws[name].attributes for name in sources}
    return Labelled(sources, found.groups, frozenset(named), {**found.left, **bounds}, attributes)


def _names_of_bounds(raws: Mapping[str, Raw]) -> set[str]:
    """Names that some variable calls the bounds of its cells."""
    found = (raw.attributes.get(key) for raw in raws.values() for key in ("bounds", "climatology"))
    return {name for name in found if isinstance(name, str)}


def _source(name: str, raw: Raw) -> Source:
    """The meaning of a raw array: decoded numbers and a unit."""
    raw = _in_words(raw)
    decode, said = _decoder(name, raw)
    dtype = decode(np.zeros((0,), raw.dtype)).dtype if raw.dtype.kind in "fiub" else raw.dtype
    unit = raw.attributes.get("units", "")
    axes = tuple(UNKNOWN if NAMELESS.fullmatch(axis) else axis for axis in raw.axes)
    return Source(
        raw.shape,
        dtype,
        raw.load.then(decode),
        unit=unit if isinstance(unit, str) else "",
        axes=axes,
        refused=raw.refused,
        said=said,
        flags=_flags(raw),
    )


def _in_words(raw: Raw) -> Raw:
    """An array of letters, as NetCDF 3 keeps words, as words; any other as it is."""
    last = raw.axes[-1] if raw.axes else ""
    if raw.dtype.str != "|S1" or not raw.shape or not (len(raw.shape) > 1 or LETTERS.search(last)):
        return raw
    shape, dtype = raw.shape[:-1], np.dtype(f"S{max(1, raw.shape[-1])}")

    def joined(letters: Array) -> Array:
        return np.ascontiguousarray(letters).view(f"S{max(1, letters.shape[-1])}")[..., 0]

    load = raw.load.then(joined, {axis: axis for axis in range(len(shape))})
    return replace(raw, shape=shape, dtype=dtype, axes=raw.axes[:-1], load=load)


def _flags(raw: Raw) -> tuple[tuple[float, str], ...]:
    """What whole numbers stand for, by the CF conventions; nothing where the file does not say."""
    words = str(raw.attributes.get("flag_meanings", "")).split()
    values = np.ravel(raw.attributes.get("flag_values", []))
    if raw.dtype.kind not in "iu" or not words or len(words) != len(values) or values.dtype.kind not in "iu":
        return ()
    return tuple(zip(map(float, values), words, strict=True))


def _decoder(name: str, raw: Raw) -> tuple[Callable[[Array], Array], str]:
    """How numbers of a file become those that are meant, and that in words."""
    coding = {key: raw.attributes[key] for key in CODING if key in raw.attributes}
    valid = {key: raw.attributes[key] for key in VALID if key in raw.attributes}
    if raw.dtype.kind not in "fiub" or not (coding or valid or raw.fill is not None):
        return (lambda array: array), ""
    if raw.fill is not None and "_FillValue" not in coding:
        coding["_FillValue"] = np.asarray(raw.fill, raw.dtype)[()]
    said = {key: value for key, value in {**coding, **valid}.items() if key in raw.attributes}
    words = [f"{key} {_word(value)}" for key, value in said.items() if _word(value) != "nan"]
    return partial(_decoded, name, coding, _bounds(valid), _is_unpacked(raw, valid)), ", ".join(words)


def _word(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _decoded(name: str, coding: Mapping[str, Any], bounds: tuple[Any, Any], unpacked: bool, array: Array) -> Array:
    """Numbers as xarray decodes them, NaN where they are missing or out of their declared range."""
    low, high = bounds
    invalid = None if unpacked else _outside(array, low, high)
    values = _unpacked(name, coding, array) if coding else array
    packed = {"scale_factor", "add_offset", "_Unsigned"} & coding.keys()
    if array.dtype.kind in "iu" and values.dtype.kind == "f" and not packed:
        exact(name, array[np.isfinite(values)], values.dtype)
    invalid = _outside(values, low, high) if unpacked else invalid
    if invalid is None:
        return values
    if values.dtype.kind != "f":
        exact(name, values[~invalid], np.float64)
        values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    return np.where(invalid, np.asarray(np.nan, values.dtype), values)


def _unpacked(name: str, coding: Mapping[str, Any], array: Array) -> Array:
    conventions, variable = library("xarray.conventions", "xarray"), library("xarray", "xarray").Variable
    dims = tuple(f"d{i}" for i in range(array.ndim))
    with warnings.catch_warnings():  # it warns of several fill values, all of which it takes
        warnings.simplefilter("ignore")
        coded = variable(dims, array, dict(coding))
        decoded: Array = conventions.decode_cf_variable(
            name, coded, decode_times=False, decode_timedelta=False
        ).to_numpy()
    return decoded


def _bounds(valid: Mapping[str, Any]) -> tuple[Any, Any]:
    low, high = np.ravel(valid["valid_range"])[:2] if "valid_range" in valid else (None, None)
    return valid.get("valid_min", low), valid.get("valid_max", high)


def _is_unpacked(raw: Raw, valid: Mapping[str, Any]) -> bool:
    """Whether a valid range is one of unpacked numbers: it is, where it has a wider format than the packed ones."""
    floats = any(np.asarray(value).dtype.kind == "f" for value in valid.values())
    return floats and raw.dtype.kind != "f"


def _outside(array: Array, low: Any, high: Any) -> Any:
    if low is None and high is None:
        return None
    outside = np.zeros(array.shape, bool)
    return (outside if low is None else outside | (array < low)) | (outside if high is None else array > high)


def attribute(value: Any) -> Any:
    """A plain value of an attribute: text, a number, or an array of them."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return attribute(value.reshape(-1)[0]) if value.size == 1 else value
    return value.item() if isinstance(value, np.bool_ | np.str_) else value


# HDF5 and NetCDF 4


@contextmanager
def _hdf5(path: Path) -> Iterator[_Walk]:
    h5py = library("h5py", "hdf5")
    with opened_hdf5(path) as file:
        found = _Walk({}, {}, {})
        _walk_hdf5(h5py, file, "", found, frozenset())
        yield found


def _walk_hdf5(h5py: Any, group: Any, place: str, found: _Walk, above: frozenset[int]) -> None:
    """Arrays below a group; links within the file are read where they lead to, links out of it are refused."""
    found.groups[place.rstrip("/")] = _hdf5_attributes(group)
    above |= {h5py.h5o.get_info(group.id).addr}
    if len(group) > MOST_ARRAYS:
        _refuse_many(h5py, group, place)
    for key in group:
        _refuse_endless(found)
        name, link = f"{place}{key}", group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            found.raws[name] = _foreign(f"is a link to {link.path} in the file {link.filename}", link.filename)
        elif isinstance(link, h5py.SoftLink):
            found.left[name] = f"a link to {link.path} in this file, read there"
        elif isinstance(item := group[key], h5py.Dataset):
            _note_dataset(h5py, name, item, found)
        elif isinstance(item, h5py.Group) and len(above) < DEEPEST:
            if h5py.h5o.get_info(item.id).addr not in above:
                _walk_hdf5(h5py, item, f"{name}/", found, above)
        else:
            found.left[name] = "a type, or groups nested too deep"


def _refuse_many(h5py: Any, group: Any, place: str) -> None:
    """Count the arrays of a group before each is looked at, which takes a millisecond; links are not followed."""
    kinds = [h5py.h5g.get_objinfo(group.id, key.encode(), follow_link=False).type for key in group]
    if (number := kinds.count(h5py.h5g.DATASET)) > MOST_ARRAYS:
        raise DataError(
            f"{number:,} arrays in the group /{place}, where at most {MOST_ARRAYS:,} can be taken: write numbers that "
            "belong together as one array"
        )


def _refuse_endless(found: _Walk) -> None:
    number = len(found.raws) + len(found.groups) + len(found.left)
    if number > MOST_PARTS:
        raise DataError(f"more than {MOST_PARTS:,} arrays and groups: write what belongs together as one array")


def crumbled(shape: tuple[int, ...], chunks: tuple[int, ...] | None, itemsize: int) -> str:
    """Why an array is not read that lies in very many very small chunks, each of which is looked for.

    >>> crumbled((10**6, 100), (1, 1), 8), crumbled((100, 100), (1, 1), 8)
    ('lies in 100,000,000 chunks of 8 bytes: write it anew in larger ones', '')
    """
    if not chunks or not all(chunks):
        return ""
    number, length = math.prod(-(-n // c) for n, c in zip(shape, chunks, strict=False)), math.prod(chunks) * itemsize
    small = number > MOST_CHUNKS and length < LEAST_CHUNK
    return f"lies in {number:,} chunks of {length:,} bytes: write it anew in larger ones" if small else ""


def _foreign(what: str, file: str) -> Raw:
    return Raw((), np.dtype("f8"), (), {}, Loader.of(np.zeros(())), f"{what}: import that file instead")


def _note_dataset(h5py: Any, name: str, item: Any, found: _Walk) -> None:
    attributes = _hdf5_attributes(item) | _enumerated(h5py, item)
    if item.is_scale and str(_hdf5_name(item)).startswith("This is a netCDF dimension but not"):
        return
    if item.shape is None:
        found.left[name] = "empty"
        return
    shape = tuple(int(n) for n in item.shape)
    fill = DEFAULT_FILL.get(item.dtype.str[1:])
    fill = fill if fill is not None and item.fillvalue == np.asarray(fill, item.dtype) else None
    axes = _hdf5_axes(name, item)
    refused = _elsewhere(item) or crumbled(shape, item.chunks, item.dtype.itemsize)
    found.raws[name] = Raw(shape, item.dtype, axes, attributes, Loader.of(item), refused, fill)


def _enumerated(h5py: Any, item: Any) -> dict[str, Any]:
    """The names of an enumeration as the CF conventions have them."""
    names = h5py.check_enum_dtype(item.dtype) or {}
    words = ["_".join(str(name).split()) for name in names]
    return {"flag_values": np.array(list(names.values())), "flag_meanings": " ".join(words)} if names else {}


def _hdf5_name(item: Any) -> Any:
    return attribute(item.attrs.get("NAME", ""))


def _elsewhere(item: Any) -> str:
    """Why an array whose numbers lie in other files is not read."""
    if item.is_virtual:
        names = sorted({source.file_name for source in item.virtual_sources()})
        return f"is a virtual data set, which takes its numbers from another file ({_few(names)}): import those files"
    if item.external:
        names = sorted({str(part[0]) for part in item.external})
        return f"takes its numbers from another file ({_few(names)}), which is not opened: copy it into one file"
    return ""


def _few(names: list[str]) -> str:
    return " ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _hdf5_axes(name: str, item: Any) -> tuple[str, ...]:
    """Names of axes by dimension scales, by labels, or by the array's own name where it is a scale."""
    if item.is_scale and item.ndim == 1:
        return (name.rsplit("/", 1)[-1],)
    return tuple(_hdf5_axis(dim) for dim in item.dims) if item.ndim else ()


def _hdf5_axis(dim: Any) -> str:
    if dim.label:
        return str(dim.label)
    return str(dim[0].name).rsplit("/", 1)[-1] if len(dim) and dim[0].name else UNKNOWN


def _hdf5_attributes(item: Any) -> dict[str, Any]:
    found = {}
    for key in item.attrs:
        if key in INTERNAL or key.startswith("_Netcdf4"):
            continue
        try:
            value = item.attrs[key]
        except (OSError, TypeError, ValueError, RuntimeError):  # a format that h5py does not know
            continue
        found[str(key)] = attribute(value)
    return found


# NetCDF 3


@contextmanager
def _netcdf3(path: Path) -> Iterator[_Walk]:
    xarray = library("xarray", "xarray")
    with xarray.open_dataset(path, engine="scipy", decode_cf=False, chunks=None) as data:
        raws = {str(name): _of_xarray(variable) for name, variable in data.variables.items()}
        yield _Walk(raws, {"": {str(key): attribute(value) for key, value in data.attrs.items()}}, {})


def _of_xarray(variable: Any) -> Raw:
    attributes = {str(key): attribute(value) for key, value in variable.attrs.items()}
    dims = tuple(map(str, variable.dims))
    dtype = np.dtype(variable.dtype).newbyteorder("=")
    fill = DEFAULT_FILL.get(dtype.str[1:])
    load = Loader(
        lambda places: (
            variable[tuple(places.get(i, slice(None)) for i in range(len(dims)))].to_numpy().astype(dtype, copy=False)
        )
    )
    return Raw(variable.shape, dtype, dims, attributes, load, "", fill)


# Zarr


@contextmanager
def _zarr(path: Path) -> Iterator[_Walk]:
    library("xarray", "xarray")
    zarr = library("zarr", "xarray")
    with warnings.catch_warnings():  # of files beside the arrays, and of formats without a specification
        warnings.simplefilter("ignore")
        root = zarr.open(path, mode="r")
        if isinstance(root, zarr.Array):
            yield _Walk({path.stem: _zarr_array(root)}, {"": {}}, {})
            return
        found = _Walk({}, {"": _plain_attributes(root)}, {})
        for name, item in sorted(root.members(max_depth=None)):
            _refuse_endless(found)
            if isinstance(item, zarr.Array):
                found.raws[name] = _zarr_array(item)
            else:
                found.groups[name] = _plain_attributes(item)
        yield found


def _plain_attributes(item: Any) -> dict[str, Any]:
    return {str(k): attribute(v) for k, v in dict(item.attrs).items() if k not in INTERNAL}


def _zarr_array(item: Any) -> Raw:
    """An array of Zarr; in format 2 xarray keeps names of axes in an attribute, and missing numbers as fill value."""
    attributes = _plain_attributes(item)
    named = item.attrs.get("_ARRAY_DIMENSIONS") or getattr(item.metadata, "dimension_names", None)
    axes = tuple(UNKNOWN if name is None else str(name) for name in named) if named else (UNKNOWN,) * item.ndim
    filled = item.fill_value is not None and np.dtype(item.dtype).kind in "fiub"
    if item.metadata.zarr_format == 2 and "_ARRAY_DIMENSIONS" in item.attrs and filled:
        attributes.setdefault("_FillValue", np.asarray(item.fill_value, item.dtype)[()])
    if isinstance(attributes.get("_FillValue"), str) and np.dtype(item.dtype).kind in "fiub":
        attributes["_FillValue"] = _zarr_fill(attributes["_FillValue"], item.dtype)
    shape, dtype = tuple(item.shape), np.dtype(item.dtype)
    refused = crumbled(shape, tuple(item.chunks), dtype.itemsize)
    return Raw(shape, dtype, axes, attributes, Loader.of(item), refused)


def _zarr_fill(text: str, dtype: np.dtype[Any]) -> Any:
    """A fill value of format 3, which xarray writes in base 64."""
    decoder = library("xarray.backends.zarr", "xarray").FillValueCoder
    return decoder.decode(text, dtype)


# Groups of equal content


def numbers_in(name: str) -> list[Any]:
    """A key that puts names in the order of the numbers in them.

    >>> sorted(["run_10", "run_9", "run_1"], key=numbers_in)
    ['run_1', 'run_9', 'run_10']
    """
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


class _Groups:
    """The groups of a file while those of equal content become one; every step costs what it changes."""

    def __init__(self, held: Labelled) -> None:
        self.held = held
        self.sources, self.groups, self.attributes = dict(held.sources), dict(held.groups), dict(held.attributes)
        self.left = dict(held.left)
        #: groups right below each, and arrays at any depth below it, in their order
        self.inner: dict[str, dict[str, None]] = {}
        self.below: dict[str, dict[str, None]] = {}
        for group in self.groups:
            if group:
                self.inner.setdefault(_above(group), {})[group] = None
        for name in self.sources:
            self._put(name)

    def joined(self) -> Labelled:
        left = self.left | {n: "words, no numbers" for n, s in self.sources.items() if is_note(s)}
        kept = {n: s for n, s in self.sources.items() if not is_note(s)}
        return self.held._replace(sources=kept, groups=self.groups, attributes=self.attributes, left=left)

    def _put(self, name: str) -> None:
        place = name
        while "/" in place:
            place = _above(place)
            self.below.setdefault(place, {})[name] = None

    def _take(self, name: str) -> Source:
        place = name
        while "/" in place:
            place = _above(place)
            del self.below[place][name]
        return self.sources.pop(name)

    def content(self, group: str) -> dict[str, Any]:
        """What a group holds, but for its numbers and its notes."""
        inside = {name.removeprefix(f"{group}/"): self.sources[name] for name in self.below.get(group, ())}
        return {name: (s.shape, s.dtype, s.axes, s.unit) for name, s in inside.items() if not is_note(s)}

    def notes(self, group: str) -> set[str]:
        """Names of the notes of a group."""
        return {name.removeprefix(f"{group}/") for name in self.below.get(group, ()) if is_note(self.sources[name])}

    def alike(self, place: str) -> list[str]:
        """The groups right below one that hold something, if there are several and all hold the same."""
        filled = [child for child in self.inner.get(place, ()) if self.content(child)]
        if not filled or (len(filled) < 2 and not filled[0].rsplit("/", 1)[-1].isdigit()):
            return []
        first = self.content(filled[0])
        return filled if all(self.content(child) == first for child in filled[1:]) else []

    def merge(self, place: str, groups: list[str], axis: str) -> None:
        """Make groups of equal content one, with an axis along which they lie."""
        prefix, names = f"{place}/" if place else "", list(self.content(groups[0]))
        varying = _varying(self.groups, groups)
        notes = {name: self.attributes.get(f"{groups[0]}/{name}", {}) for name in (*names, *varying)}
        parts = {name: [self._take(f"{group}/{name}") for group in groups] for name in names}
        words = self._noted(prefix, groups)
        for group in groups:
            self._leave(group)
        made = {name: _stacked(found, axis) for name, found in parts.items()}
        for kind, found in (("word", words), ("attribute", varying)):
            for name, values in found.items():
                if name not in made and f"{prefix}{name}" not in self.sources:
                    worded = values.dtype.kind == "U"
                    more = ": words, name it in factors (--factors) to keep it as classes" if worded else ""
                    axes, role = (axis, "factor")[: values.ndim], "label" if worded else "factor"
                    made[name] = fixed(values, axes, role=role, said=f"{kind} of {len(groups)} groups{more}")
        for name, source in made.items():
            self.sources[f"{prefix}{name}"] = source
            self.attributes.setdefault(f"{prefix}{name}", notes.get(name, {}))
            self._put(f"{prefix}{name}")

    def _noted(self, prefix: str, groups: list[str]) -> dict[str, Array]:
        """Notes that all groups have and that differ between them, one a group; the others are left."""
        held = [self.notes(group) for group in groups]
        found = {}
        for name in sorted(set.union(*held)):
            parts = [self._take(f"{group}/{name}") for group, own in zip(groups, held, strict=True) if name in own]
            words = [_text(part) for part in parts]
            if len(words) == len(groups) and len(set(words)) > 1:
                found[name] = np.array(words)
            else:
                self.left[f"{prefix}{name}"] = f"words, no numbers, in {len(words)} groups"
        return found

    def _leave(self, group: str) -> None:
        """Forget a group with all below it."""
        left = [group]
        del self.inner[_above(group)][group]
        while left:
            one = left.pop()
            del self.groups[one]
            left.extend(self.inner.pop(one, ()))


def is_note(source: Source) -> bool:
    """Whether an array is a word by itself."""
    return not source.shape and not source.numeric and not source.refused


def _text(source: Source) -> str:
    return str(attribute(np.asarray(source.load())[()]))


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def joined_groups(held: Labelled, all_alike: bool = False) -> Labelled:
    """Groups of equal content as one, with an axis along which they lie; their attributes become arrays along it.

    What they hold must agree in names, shapes and formats.

    Args:
        held: the file.
        all_alike: join groups of any names, not only those whose names differ by a number.
    """
    found = _Groups(held)
    for place in sorted(held.groups, key=lambda place: -place.count("/") - bool(place)):
        alike = found.alike(place) if place in found.groups else []
        if alike and (all_alike or _stem(alike)):
            found.merge(place, sorted(alike, key=numbers_in), _stem(alike) or "group")
    return found.joined()


def groups_in_doubt(held: Labelled) -> str:
    """What to ask of groups of equal content whose names do not tell whether each is a row; empty where none is."""
    found = _Groups(held)
    for place in held.groups:
        alike = found.alike(place)
        if not alike or _stem(alike):
            continue
        inside = {axis for group in alike for name in found.below[group] for axis in held.sources[name].axes or ()}
        if not inside - {UNKNOWN}:
            return (
                f"{len(alike)} groups hold arrays of equal names and shapes ({', '.join(alike[:2])}, …): say "
                "--rows group if each is a row, or --variables with the arrays to take if they are different fields"
            )
    return ""


def _stem(groups: list[str]) -> str:
    """What names of groups share that differ by a number; "sample" where they are numbers."""
    names = [group.rsplit("/", 1)[-1] for group in groups]
    if len({re.sub(r"\d+", "#", name) for name in names}) > 1 or not re.search(r"\d", names[0]):
        return ""
    return re.sub(r"\d.*", "", names[0]).strip("_- .") or "sample"


def _varying(attributes: Mapping[str, Mapping[str, Any]], groups: list[str]) -> dict[str, Array]:
    """Attributes that are a number, or as many numbers, in each group, and words that differ between groups."""
    names = set.intersection(*({*attributes.get(group, {})} for group in groups))
    values = {name: [attributes[group][name] for group in groups] for name in sorted(names)}
    found: dict[str, Array] = {}
    for name, held in values.items():
        if all(map(is_number, held)) or (all(map(_is_row, held)) and len({v.shape for v in held}) == 1):
            found[name] = np.asarray(held, np.float64)
        elif all(isinstance(v, str) for v in held) and len(set(held)) > 1:
            found[name] = np.array(held)
    return found


def _is_row(value: Any) -> bool:
    """Whether an attribute is several real numbers in a row."""
    return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "fiub"


def is_number(value: Any) -> bool:
    """Whether an attribute is one real number."""
    return isinstance(value, int | float | np.integer | np.floating | np.bool_)


def stacked(parts: Sequence[Source]) -> Loader:
    """The loader of arrays of one shape, with an axis before theirs along which they lie."""
    loads = [ranged(p.load) for p in parts]

    def part(places: Mapping[int, slice]) -> Array:
        inner = {axis - 1: p for axis, p in places.items() if axis}
        return np.stack([load.part(inner) for load in loads[places.get(0, slice(None))]])

    return Loader(part, any(load.whole for load in loads))


def _stacked(parts: list[Source], axis: str) -> Source:
    """Arrays of groups as one; coordinates that are the same in all groups stay one array."""
    first = parts[0]
    if first.numeric and len(first.shape) == 1 and not any(p.refused for p in parts):
        values = [p.load() for p in parts]
        if all(np.array_equal(v, values[0]) for v in values):
            return replace(fixed(values[0], first.axes, unit=first.unit), said=f"the same in {len(parts)} groups")
    refused = next((p.refused for p in parts if p.refused), "")
    return replace(
        first,
        shape=(len(parts), *first.shape),
        axes=(axis, *(first.axes or ())),
        load=stacked(parts),
        refused=refused,
        said=f"{len(parts)} groups in the order of their numbers",
    )
