"""The verb import: from a user's own file to a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beable.console.output import show
from beable.errors import UsageError

if TYPE_CHECKING:
    from beable.datasets.store import Store

Names = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def import_(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    variables: Names = None,
    factors: Names = None,
    units: Names = None,
    dims: Names = None,
    drop_invalid: bool = False,
    subset: str | None = None,
    rows: int | None = None,
    seed: int | None = None,
    keep_flagged: bool = False,
    json: bool = False,
) -> None:
    """Make a data set from a file of your own: .npz, .npy, .h5, .nc, .zarr, .csv or .tsv.

    The first axis of every array is the rows. Every column of a .csv file is a variable, one number a row. The table of
    packings of Hall & Sparks (2023) is known by its header; its rows that are no designs are left out, and the options
    from --subset on are for it alone.

    Args:
        file: The file.
        output: Folder to make.
        variables: Arrays to take; all but the factors by default.
        factors: Arrays (rows,) or (rows, p) that are known generative factors.
        units: Units, such as pressure=Pa.
        dims: Dimensions after the rows, such as positions=particle,dimension, sizes=component or curve=x.
        drop_invalid: Keep rows with numbers that are not finite out instead of refusing them.
        subset: Of a table of packings: gaussian (all rows), uniform or top in packing fraction.
        rows: Rows of the subset.
        seed: Seed of the subset.
        keep_flagged: Keep rows that an auto-encoder made, that repeat others or whose fractions do not sum to one.
        json: Print the result as JSON.
    """
    named = dict(_pair("unit", word, "pressure=Pa") for word in units or [])
    axes = dict(_pair("dims", word, "positions=particle,dimension") for word in dims or [])
    plain = bool(variables or factors or dims or drop_invalid)  # asked for as any other file of columns
    if not plain and _is_packing_table(file):
        store = _packings(file, output, subset, rows, seed, keep_flagged, named)
    else:
        _refuse_for_packings({"--subset": subset, "--rows": rows, "--seed": seed, "--keep-flagged": keep_flagged})
        store = _arrays(file, output, variables, factors, named, axes, drop_invalid)
    about = store.info()
    kept = {name: about[name] for name in ("id", "title", "rows", "good", "failures", "bytes", "taken_for")}
    names = {"variables": [v.name for v in store.variables], "factors": [f.name for f in store.factors]}
    show(kept | names | store.assessment | {"path": output}, json=json)


def _arrays(
    file: Path,
    output: Path,
    variables: Names,
    factors: Names,
    units: dict[str, str],
    dims: dict[str, str],
    drop_invalid: bool,
) -> "Store":
    from beable.datasets.readers import import_file

    return import_file(
        file,
        output,
        variables=variables,
        factors=factors,
        units=units,
        dims={name: words.split(",") for name, words in dims.items()},
        drop_invalid=drop_invalid,
    )


def _is_packing_table(file: Path) -> bool:
    if file.suffix.lower() != ".csv" or not file.is_file():
        return False
    from beable.systems.packing.hall_sparks_table import is_packing_table

    return is_packing_table(file)


def _packings(
    file: Path,
    output: Path,
    subset: str | None,
    rows: int | None,
    seed: int | None,
    keep_flagged: bool,
    units: dict[str, str],
) -> "Store":
    from beable.systems.packing.hall_sparks_table import import_packing_table

    kind = subset or "gaussian"
    return import_packing_table(
        file, output, subset=kind, rows=rows, seed=seed or 0, keep_flagged=keep_flagged, units=units
    )


def _refuse_for_packings(options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value not in (None, False)]
    if given:
        raise UsageError(
            f"{', '.join(given)}: only for a table of packings in the layout of Hall & Sparks (2023), without "
            "--variables, --factors, --dims and --drop-invalid: leave out"
        )


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Name and what is given for it.

    >>> _pair("unit", "flux=m s-1", "pressure=Pa")
    ('flux', 'm s-1')
    """
    name, sign, given = text.partition("=")
    if not (name and sign and given):
        raise UsageError(f"{option} {text!r}: give a name and its {option}, such as {example}")
    return name, given
