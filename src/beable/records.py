"""Records as plain data: what JSON can hold of named tuples, data classes, settings and arrays."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, overload

LONGEST_VALUE = 60


def shortened(value: Any) -> str:
    """A value as Python writes it, cut off where it is long."""
    words = repr(value)
    return words if len(words) <= LONGEST_VALUE else f"{words[: LONGEST_VALUE - 1]}…"


@overload
def plain(value: Mapping[str, object]) -> dict[str, Any]: ...


@overload
def plain(value: object) -> Any: ...


def plain(value: Any) -> Any:
    """A value as JSON holds it: records and mappings as dictionaries, sequences and arrays as lists, paths as words.

    A number that is not finite becomes None. A record with a method ``as_json`` has the form that this gives.

    Args:
        value: a number, word, path, array, named tuple, data class, pydantic model, or sequence or mapping of such;
            anything else stays what it is.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> plain({"r2": float("nan"), 2: np.arange(2), "sizes": (1.0, float("inf")), "of": Path("run")})
    {'r2': None, '2': [0, 1], 'sizes': [1.0, None], 'of': 'run'}
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return plain(value.value)
    for form in ("as_json", "tolist"):
        if hasattr(value, form):
            return plain(getattr(value, form)())
    if isinstance(value, Mapping) or _field_names(value) is not None:
        items = value if isinstance(value, Mapping) else fields(value)
        return {str(key): plain(item) for key, item in items.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def fields(record: object, *without: str) -> dict[str, object]:
    """Names and values of the fields of a named tuple, data class or pydantic model, but for some."""
    return {name: getattr(record, name) for name in _field_names(record) or () if name not in without}


def _field_names(record: object) -> Iterable[str] | None:
    if hasattr(type(record), "model_fields"):
        return type(record).model_fields  # type: ignore[attr-defined, no-any-return]
    if is_dataclass(record):
        return [field.name for field in fields_of(record)]
    return getattr(record, "_fields", None)
