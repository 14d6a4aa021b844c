"""The verb import: from a user's own file to a data set."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beable.commands.output import show
from beable.errors import UsageError

Names = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def import_(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    variables: Names = None,
    factors: Names = None,
    units: Names = None,
    drop_invalid: bool = False,
    json: bool = False,
) -> None:
    """Make a data set from a file of your own: .npz, .npy, .h5, .nc or .zarr.

    The first axis of every array is the rows.

    Args:
        file: The file.
        output: Folder to make.
        variables: Arrays to take; all but the factors by default.
        factors: Arrays (rows,) or (rows, p) that are known generative factors.
        units: Units, such as pressure=Pa.
        drop_invalid: Keep rows with numbers that are not finite out instead of refusing them.
        json: Print the result as JSON.
    """
    from beable.datasets.readers import import_file

    named = dict(map(_unit, units or []))
    store = import_file(file, output, variables=variables, factors=factors, units=named, drop_invalid=drop_invalid)
    about = store.info()
    kept = {name: about[name] for name in ("id", "rows", "good", "failures", "bytes")}
    names = {"variables": [v.name for v in store.variables], "factors": [f.name for f in store.factors]}
    show(kept | names | {"path": output}, json=json)


def _unit(text: str) -> tuple[str, str]:
    """Name and unit.

    >>> _unit("flux=m s-1")
    ('flux', 'm s-1')
    """
    name, sign, unit = text.partition("=")
    if not (name and sign and unit):
        raise UsageError(f"unit {text!r}: give a name and its unit, such as pressure=Pa")
    return name, unit
