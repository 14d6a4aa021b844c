"""Records of arrays in lines that people read: each array as its median, range and shape."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from beable.console.output import printable
from beable.verdicts import Verdict, counted

Record = TypeVar("Record")


def readable(kind: type[Record]) -> type[Record]:
    """A class of records, named tuples or data classes, that print as `summary`.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> @readable
    ... class Found(NamedTuple):
    ...     score: float
    ...     errors: np.ndarray
    >>> Found(0.123456, np.array([0.1, 0.3, 0.2]))
    Found
      score: 0.1235
      errors: 0.2 (0.1 to 0.3), shape (3,)
    """
    kind.__repr__ = summary  # type: ignore[method-assign]
    return kind


def summary(record: Any) -> str:
    """Name of a record, then each of its fields on a line."""
    named = hasattr(record, "_asdict")
    values = record._asdict() if named else {f.name: getattr(record, f.name) for f in fields(record)}
    return "\n".join([type(record).__name__, *_lines(values, "  ")])


def _lines(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in values.items():
        if value is None:  # what was not asked, or cannot be
            continue
        if isinstance(value, Mapping) and value:
            yield f"{indent}{printable(str(name))}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{printable(str(name))}: " + _text(value).replace("\n", f"\n{indent}")


def _text(value: Any) -> str:
    if getattr(value, "ndim", 0) and hasattr(value, "dtype"):
        return array_summary(value)
    if isinstance(value, list | tuple) and value and all(isinstance(entry, Verdict) for entry in value):
        return counted(value)
    if type(value) is tuple or isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, Verdict):
        return str(value)
    return f"{value:.4g}" if isinstance(value, float) else printable(value) if isinstance(value, str) else repr(value)


def array_summary(array: Any) -> str:
    """Median and range of an array, of truth values their number, and its shape.

    >>> import numpy as np
    >>> array_summary(np.array([True, False, True])), array_summary(np.array([2.0, 2.0])), array_summary(np.zeros(0))
    ('2 of 3 yes', '2, shape (2,)', 'shape (0,)')
    """
    import numpy as np

    if array.dtype.kind == "b":
        return f"{int(array.sum())} of {array.size} yes"
    there = array[np.isfinite(array)] if array.dtype.kind in "iuf" else np.empty(0)
    if not there.size:
        return f"{'no finite number, ' if array.size else ''}shape {array.shape}"
    low, middle, high = (f"{value:.4g}" for value in (there.min(), np.median(there), there.max()))
    missing = f", {array.size - there.size} not finite" if there.size < array.size else ""
    return f"{middle if low == high else f'{middle} ({low} to {high})'}{missing}, shape {array.shape}"
