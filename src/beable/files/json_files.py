"""Strict JSON: finite numbers, no key twice, equal values give equal bytes."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from beable.errors import CorruptError, DataError
from beable.files import disk

JSON_LIMIT = 64 * 2**20


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as JSON: sorted keys, finite numbers, a newline at the end; equal values give equal bytes.

    Raises:
        DataError: the value holds NaN, an infinity or something that is not plain data.
    """
    disk.atomic_write(path, encode_json(value, Path(path)))


def encode_json(value: Any, path: Path) -> bytes:
    """The bytes that `write_json` writes; the path serves the message."""
    try:
        return (json.dumps(value, sort_keys=True, allow_nan=False, indent=1) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: only plain values and finite numbers go into JSON: {error}") from error


def read_json(path: Path | str, limit: int = JSON_LIMIT) -> Any:
    """Read strict JSON: no NaN, no infinity, no key twice, at most ``limit`` bytes.

    Raises:
        CorruptError: unreadable, too long, or not strict JSON.
    """
    return decode_json(disk.read_bytes(path, limit), Path(path))


def decode_json(data: bytes, path: Path) -> Any:
    """The value of strict JSON; the path serves the message."""
    try:
        return json.loads(
            data.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{path}: not strict JSON ({error}): restore it from a copy or make it again") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits[:20])


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands there twice")
    return result
