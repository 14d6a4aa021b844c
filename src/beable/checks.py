"""Settings of a simulator, and libraries, checked where they come in.

Each function returns the value or raises a one-line error.
"""

import math
from collections.abc import Mapping
from importlib import import_module
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.errors import DataError, UsageError, unknown


def number(name: str, value: object) -> float:
    """A finite number.

    >>> number("mean", 1)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise UsageError(f"{name} must be a finite number, not {value!r}")
    return float(value)


def positive(name: str, value: object) -> float:
    """A finite number greater than zero."""
    if number(name, value) <= 0:
        raise UsageError(f"{name} must be greater than 0, not {value}")
    return number(name, value)


def count(name: str, value: object, least: int, most: float = math.inf) -> int:
    """A whole number between two bounds, both included.

    >>> count("modes", 3, least=1, most=2)
    Traceback (most recent call last):
    beable.errors.UsageError: modes must be a whole number from 1 to 2, not 3
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= int(value) <= most:
        return int(value)
    bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    raise UsageError(f"{name} must be a whole number {bounds}, not {value!r}")


def choice(kind: str, name: object, known: Mapping[str, object]) -> str:
    """A name among the known ones."""
    if not isinstance(name, str) or name not in known:
        raise unknown(kind, str(name), known)
    return name


def library(name: str, extra: str) -> Any:
    """A library that an extra of beable brings.

    >>> library("math", "xarray").pi
    3.141592653589793
    """
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f"{name} is not installed: pip install 'beable[{extra}]'") from None


def array(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """An array of finite numbers, in double precision."""
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers in rows of one length") from error
    if not np.isfinite(values).all():
        first = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"{name} must be finite; index {', '.join(map(str, first))} is not")
    return values
