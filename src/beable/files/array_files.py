"""Named arrays in files of safetensors, whose header is checked before anything is read by it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.errors import CorruptError, DataError
from beable.files import disk
from beable.files.json_files import decode_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

HEADER_LIMIT = 16 * 2**20
# Safetensors' names of the number formats that a file may hold.
DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
BYTES = {name: max(1, int(name.lstrip("BOLUIF") or 8) // 8) for name in DTYPES}


def write_arrays(path: Path | str, arrays: "Mapping[str, Array]") -> None:
    """Write named arrays as safetensors; any memory layout and byte order, equal arrays give equal bytes.

    Raises:
        DataError: an array whose number format safetensors has no name for.
    """
    import numpy as np
    from safetensors.numpy import save

    for name, array in arrays.items():
        if np.asarray(array).dtype.name not in DTYPES.values():
            raise DataError(f"{path}: {name} has dtype {np.asarray(array).dtype}: convert it to a real number format")
    # safetensors takes the memory as it lies, so it must be contiguous and little-endian.
    plain = {name: np.array(a, dtype=np.asarray(a).dtype.newbyteorder("<"), order="C") for name, a in arrays.items()}
    disk.atomic_write(path, save(plain))


def read_arrays(path: Path | str) -> "dict[str, Array]":
    """Read named arrays from safetensors after its header was checked; the arrays can be written to.

    Raises:
        CorruptError: not safetensors, or its header does not describe the file exactly.
    """
    from safetensors.numpy import load

    data = disk.read_bytes(path)
    try:
        _check_header(data, Path(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(
            f"{path}: not a whole safetensors file ({error}): restore it from a copy or make it again"
        ) from error
    return {name: array if array.flags.writeable else array.copy() for name, array in load(data).items()}


def _check_header(data: bytes, path: Path) -> None:
    """Each array's bytes follow the one before without gap or overlap, up to the end of the file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
        raise ValueError(f"{len(data)} bytes cannot hold a header of {length}")
    header = decode_json(data[8 : 8 + length], path)
    header.pop("__metadata__", None)
    end = 0
    for name, about in sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0])):
        start, stop = about["data_offsets"]
        if start != end or stop - start != _size(about):
            raise ValueError(f"{name} does not fit its place")
        end = stop
    if end != len(data) - 8 - length:
        raise ValueError(f"{len(data) - 8 - length} bytes of numbers where {end} are described")


def _size(about: Mapping[str, Any]) -> int:
    shape: list[int] = about["shape"]
    if not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ValueError(f"shape {shape} cannot be")
    return math.prod(shape) * BYTES[about["dtype"]]
