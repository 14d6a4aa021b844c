"""Records of a measure as plain values and arrays, and back, guided by the annotations of the record's type.

A kept answer names no class: what a file holds is read as the type that the measure states for its answer, so that
a file cannot choose what is made of it. Records are dataclasses and named tuples; they hold records, mappings, lists,
tuples, arrays, numbers and words, ``X | None`` of these, or ``Any`` for what JSON can hold.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from beable.errors import CorruptError

Array = NDArray[Any]
SCALARS: tuple[type, ...] = (bool, int, float, str)


def encode(value: Any, hint: Any, arrays: dict[str, Array]) -> Any:
    """A value of a type as plain values; its arrays go into a mapping, under numbers.

    Raises:
        TypeError: a type that cannot be kept, or a value of another type.

    >>> encode({"a": (1, float("nan"))}, dict[str, tuple[int, float]], {})
    [['a', [1, 'nan']]]
    """
    kind, inner = _kind(hint)
    if value is None and kind in ("optional", "plain"):
        return None
    if kind == "optional":
        return encode(value, inner[0], arrays)
    if kind == "array":
        name = str(len(arrays))
        arrays[name] = np.asarray(value)
        return name
    if kind == "record":
        return {name: encode(getattr(value, name), of, arrays) for name, of in _fields(hint).items()}
    if kind == "mapping":
        return [[encode(k, inner[0], arrays), encode(v, inner[1], arrays)] for k, v in value.items()]
    if kind in ("list", "tuple"):
        return [encode(v, of, arrays) for v, of in _paired(value, hint)]
    return _plain(value) if kind == "plain" else _scalar(value, hint)


def decode(kept: Any, hint: Any, arrays: Mapping[str, Array]) -> Any:
    """The value of a type from what `encode` made of it.

    Raises:
        CorruptError: plain values that are not of the type.

    >>> decode([["a", [1, "nan"]]], dict[str, tuple[int, float]], {})
    {'a': (1, nan)}
    """
    try:
        return _decoded(kept, hint, arrays)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptError(f"a kept answer is not of its type ({error!r}): remove it and run the study again") from None


def _decoded(kept: Any, hint: Any, arrays: Mapping[str, Array]) -> Any:
    kind, inner = _kind(hint)
    if kept is None and kind in ("optional", "plain"):
        return None
    if kind == "optional":
        return _decoded(kept, inner[0], arrays)
    if kind == "array":
        return arrays[kept]
    if kind == "record":
        return hint(**{name: _decoded(kept[name], of, arrays) for name, of in _fields(hint).items()})
    if kind == "mapping":
        return {_decoded(k, inner[0], arrays): _decoded(v, inner[1], arrays) for k, v in kept}
    if kind in ("list", "tuple"):
        values = [_decoded(v, of, arrays) for v, of in _paired(kept, hint)]
        return tuple(values) if kind == "tuple" else values
    return kept if kind == "plain" else hint(kept)


@cache
def _fields(record: Any) -> dict[str, Any]:
    """The types of what a record is made of, by name."""
    hints = get_type_hints(record)
    names = [f.name for f in fields(record) if f.init] if is_dataclass(record) else record._fields
    return {name: hints[name] for name in names}


def _kind(hint: Any) -> tuple[str, tuple[Any, ...]]:
    """How a type is kept, and the types inside it."""
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, UnionType):
        some = tuple(t for t in inner if t is not NoneType)
        if len(some) == 1 < len(inner):
            return "optional", some
    elif hint is Any:
        return "plain", ()
    elif hint in SCALARS:
        return "scalar", ()
    elif origin is np.ndarray:
        return "array", ()
    elif isinstance(origin, type):
        if is_dataclass(origin) or (issubclass(origin, tuple) and hasattr(origin, "_fields")):
            return "record", ()
        if issubclass(origin, Mapping) and len(inner) == 2:
            return "mapping", inner
        if issubclass(origin, tuple) and inner:
            return "tuple", inner
        if issubclass(origin, Sequence) and len(inner) == 1:
            return "list", inner
    raise TypeError(f"an answer cannot hold {hint}: give records, mappings, lists, tuples, arrays, numbers or words")


def _paired(values: Sequence[Any], hint: Any) -> Iterator[tuple[Any, Any]]:
    """The entries of a list or tuple with their types."""
    inner = get_args(hint)
    if get_origin(hint) is not tuple or inner[-1] is Ellipsis:
        return ((value, inner[0]) for value in values)
    return zip(values, inner, strict=True)


def _scalar(value: Any, hint: Any) -> bool | int | float | str:
    """A number or word; numbers that JSON does not have as words, which `float` reads."""
    plain: Any = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (int, float) if hint is float else hint):
        raise TypeError(f"{hint.__name__} is expected, got {value!r}")
    if hint is float and not math.isfinite(plain):
        return str(plain)
    made: bool | int | float | str = hint(plain)
    return made


def _plain(value: Any) -> Any:
    """A value of no stated type: what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, (*SCALARS, NoneType)):
        return plain
    raise TypeError(f"{value!r} stands where plain values are expected: state its type in the record")


def check_type(hint: Any, seen: frozenset[Any] = frozenset()) -> None:
    """Whether answers of a type can be kept.

    Raises:
        TypeError: the type, or one inside it, that cannot.
    """
    kind, inner = _kind(hint)
    if kind == "record" and hint not in seen:
        inner = tuple(_fields(hint).values())
        seen |= {hint}
    for part in inner:
        if part is not Ellipsis:
            check_type(part, seen)
