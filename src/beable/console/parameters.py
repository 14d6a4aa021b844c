"""Arguments that several verbs have, under one name and in one form."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

#: a file or folder to make
Output = Annotated[Path, Parameter(alias="-o")]
Outputs = Annotated[Path | None, Parameter(alias="-o")]
#: settings as words
Settings = Annotated[list[str], Parameter(consume_multiple=True, metavar="NAME=VALUE...")]
#: names of variables, factors or dimensions
Names = Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME...")]
Pairs = Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME=WORD...")]


def shown_default(default: Any) -> str | None:
    """A default as it is typed; None, which shows nothing, for a flag and for what is not given.

    >>> shown_default(1.0), shown_default([0.1, 1e4]), shown_default(False), shown_default([])
    ('1', '0.1 10000', None, None)
    """
    if default is None or default is False or default in ((), [], {}):
        return None
    return " ".join(str(x).removesuffix(".0") for x in (default if isinstance(default, list | tuple) else [default]))
