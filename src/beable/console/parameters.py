"""Arguments that several verbs have, under one name and in one form."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

MOST_PROCESSES = 1024

#: a file or folder to make
Output = Annotated[Path, Parameter(alias="-o")]
Outputs = Annotated[Path | None, Parameter(alias="-o")]
#: settings as words
Settings = Annotated[list[str], Parameter(consume_multiple=True, metavar="NAME=VALUE...")]
#: names of variables, factors or dimensions
Names = Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME...")]
Pairs = Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME=WORD...")]


def whole(least: int, most: float = math.inf) -> Parameter:
    """What reads a whole number between two bounds, both included; the parser's own would round 2.7 to 3."""

    def read(hint: Any, tokens: Sequence[Token]) -> int:
        word = tokens[0].value
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", word) or not least <= int(word) <= most:
            bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
            raise ValueError(f"a whole number {bounds}, not {word!r}")
        return int(word)

    return Parameter(converter=read)


def _finite(hint: Any, tokens: Sequence[Token]) -> Any:
    """A finite number, or a list of them where a list is expected."""
    numbers = []
    for token in tokens:
        value = math.nan
        with suppress(ValueError):
            value = float(token.value)
        if not math.isfinite(value):
            raise ValueError(f"a finite number, not {token.value!r}")
        numbers.append(value)
    return numbers[0] if hint is float else numbers


Count = Annotated[int, whole(1)]
Workers = Annotated[int | None, whole(1, MOST_PROCESSES)]
Index = Annotated[int, whole(0)]
#: address of a dask scheduler
Scheduler = Annotated[str | None, Parameter(metavar="ADDRESS")]
Threads = Annotated[int, whole(1, MOST_PROCESSES)]
Number = Annotated[float, Parameter(converter=_finite)]
Numbers = Annotated[list[float], Parameter(converter=_finite, consume_multiple=True)]


def shown_default(default: Any) -> str | None:
    """A default as it is typed; None, which shows nothing, for a flag and for what is not given.

    >>> shown_default(1.0), shown_default([0.1, 1e4]), shown_default(False), shown_default([])
    ('1', '0.1 10000', None, None)
    """
    if default is None or default is False or default in ((), [], {}):
        return None
    return " ".join(str(x).removesuffix(".0") for x in (default if isinstance(default, list | tuple) else [default]))
