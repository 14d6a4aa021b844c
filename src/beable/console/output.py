"""Results on standard output: indented text for people, one JSON object for programs.

People see many numbers of one kind, such as a score of every member, as their median and range.
"""

import json as json_format
import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from beable.console.numbers import typed
from beable.verdicts import ANSWERS

_INDENT = "  "
_LONG = 12
_MANY = 8


def show(value: Mapping[str, Any], *, json: bool = False) -> None:
    """Print a result.

    Args:
        value: by name, of numbers, words, arrays, lists and further mappings.
        json: as one JSON object, in which numbers that are not finite are null.
    """
    from beable.records import plain

    found = plain(value)
    print(json_format.dumps(found, ensure_ascii=False, allow_nan=False, default=str) if json else as_text(found))


def as_text(value: Mapping[str, Any]) -> str:
    """A result as indented lines.

    >>> print(as_text({"rows": 3, "error": 0.123456, "factors": ["a", "b"], "model": {"latents": 2}}))
    rows: 3
    error: 0.1235
    factors: a, b
    model:
      latents: 2
    """
    return "\n".join(_lines(value, ""))


def printable(text: str) -> str:
    r"""Text without characters that could steer a terminal: names come from users' files.

    >>> print(printable("θ\x1b[2J"))
    θ\x1b[2J
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _lines(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        name, inner = indent + printable(key), indent + _INDENT
        if isinstance(item, Mapping) and item:
            yield f"{name}:"
            yield from _lines(item, inner)
        elif _is_table(item):
            yield f"{name}:"
            yield from (f"{inner}{i}: {_inline(list(column))}" for i, column in enumerate(zip(*item, strict=True), 1))
        elif _is_nested(item):
            yield f"{name}:"
            for entry in _shortened(item):
                yield from _entry(entry, inner)
        else:
            yield f"{name}: {_inline(item)}"


def _entry(entry: Any, indent: str) -> Iterator[str]:
    """One entry of a list: a mapping on one line if its values allow it."""
    if not isinstance(entry, Mapping):
        yield indent + _inline(entry)
    elif any(isinstance(item, Mapping) or _is_nested(item) for item in entry.values()):
        yield f"{indent}-"
        yield from _lines(entry, indent + _INDENT)
    else:
        yield indent + ", ".join(f"{printable(key)} {_inline(item)}" for key, item in entry.items() if item != "")


def _is_table(item: Any) -> bool:
    """Many rows of numbers, all of one length."""
    rows = isinstance(item, list) and len(item) > _MANY and all(isinstance(row, list) for row in item)
    return rows and len({len(row) for row in item}) == 1 and all(_is_number(entry) for row in item for entry in row)


def _is_nested(item: Any) -> bool:
    """A list that does not go on one line: of lists, of mappings or of long words."""
    return isinstance(item, list) and any(isinstance(e, Mapping | list) or len(str(e)) > 40 for e in item)


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _shortened(items: list[Any]) -> list[Any]:
    return items if len(items) <= _LONG else [*items[: _LONG - 1], f"... {len(items) - _LONG + 1} more"]


def _inline(item: Any) -> str:
    if isinstance(item, list | Mapping):
        return _summary(list(item)) or ", ".join(_inline(entry) for entry in _shortened(list(item))) or "none"
    if isinstance(item, bool) or item is None:
        return {True: "yes", False: "no", None: "none"}[item]
    return typed(item) if isinstance(item, float) else printable(str(item))


def _summary(items: list[Any]) -> str:
    """Many numbers, or many times yes or no, in a few words."""
    if len(items) <= _MANY:
        return ""
    if all(isinstance(item, bool) for item in items):
        return f"{sum(items)} of {len(items)} yes"
    if all(item in ANSWERS for item in items):
        return ", ".join(f"{items.count(answer)} {answer}" for answer in ANSWERS if answer in items)
    if not all(_is_number(item) and math.isfinite(item) for item in items):
        return ""
    low, middle, high = (typed(value) for value in (min(items), statistics.median(items), max(items)))
    return f"{middle} ({low} to {high}, {len(items)} values)" if low != high else f"{middle} ({len(items)} values)"
