"""The verb import: from a user's own file to a data set."""

from pathlib import Path
from typing import TYPE_CHECKING

from beable.commands.data import say_store
from beable.console.output import as_text, show
from beable.console.parameters import Names, Output, Pairs, Settings
from beable.console.progress import progress
from beable.console.settings import given
from beable.console.tables import next_step, tell
from beable.errors import UsageError
from beable.files import plain
from beable.settings import validated

if TYPE_CHECKING:
    from beable.datasets.recognised import Layout
    from beable.datasets.store import Store


def import_(
    file: Path,
    /,
    *,
    output: Output,
    variables: Names = None,
    factors: Names = None,
    units: Pairs = None,
    dims: Pairs = None,
    drop_invalid: bool = False,
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    json: bool = False,
) -> None:
    """Make a data set from a file of your own: .npz, .npy, .h5, .nc, .zarr, .csv or .tsv.

    The first axis of every array is the rows. Every column of a .csv file is a variable, one number a row. Some files
    are recognised, such as a published table by its header; what can be chosen of them is set by --config and --set.

    Args:
        file: The file.
        output: Folder to make.
        variables: Arrays to take; all but the factors by default.
        factors: Arrays (rows,) or (rows, p) that are known generative factors.
        units: Units, such as pressure=Pa.
        dims: Dimensions after the rows, such as positions=particle,dimension, sizes=component or curve=x.
        drop_invalid: Keep rows with numbers that are not finite out instead of refusing them.
        config: TOML file with settings of a recognised file.
        set: Settings of a recognised file, such as kind=uniform; they win over the file of settings.
        json: Print the result as JSON.
    """
    from beable.datasets.look import look

    named = dict(_pair("unit", word, "pressure=Pa") for word in units or [])
    axes = dict(_pair("dims", word, "positions=particle,dimension") for word in dims or [])
    by_hand = bool(variables or factors or dims or drop_invalid)  # asked for as any other file of columns
    with progress("import", quiet=json, first="reading the file"):
        layout = None if by_hand else _layout(file)
        if layout is not None:
            chosen = validated(layout.settings, given(config, set), f"setting of {layout.title}")
            store = layout.make(file, output, chosen, named)
        elif config or set:
            raise UsageError(
                f"--config and --set are for recognised files, and without --variables, --factors, --dims and "
                f"--drop-invalid; {file.name} is read as a plain file: leave them out"
            )
        else:
            store = _arrays(file, output, variables, factors, named, axes, drop_invalid)
        found = look(store)
    if not json:
        tell(f"Made {output} of {file.name}.")
        say_store(store, found)
        if store.assessment:
            tell(as_text({"the file": plain(store.assessment)}))
        next_step((["fit", output, "-o", "run"], "train on it"), (["data", "info", output], "all that it holds"))
        return
    about = store.info()
    kept = {name: about[name] for name in ("id", "title", "rows", "good", "failures", "bytes", "taken_for")}
    names = {"variables": [v.name for v in store.variables], "factors": [f.name for f in store.factors]}
    seen = {"look": [finding.as_json() for finding in found]}
    show(kept | names | store.assessment | seen | {"path": output}, json=True)


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


def _layout(file: Path) -> "Layout | None":
    """The layout by which a system recognises a file."""
    from beable.datasets.recognised import layouts

    return next((layout for layout in layouts() if file.is_file() and layout.recognises(file)), None)


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Name and what is given for it.

    >>> _pair("unit", "flux=m s-1", "pressure=Pa")
    ('flux', 'm s-1')
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"{option} {text!r}: give a name and its {option}, such as {example}")
    return name, value
