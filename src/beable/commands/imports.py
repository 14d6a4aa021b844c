"""The verb import: from a user's own file to a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from cyclopts import Parameter

from beable import inputs, memory
from beable.commands.data import say_store
from beable.console.output import as_text, show
from beable.console.parameters import Names, Outputs, Pairs, Settings, whole
from beable.console.progress import Teller, progress
from beable.console.settings import given
from beable.console.tables import next_step, table, tell
from beable.errors import OutputError, UsageError, listed
from beable.records import plain
from beable.settings import validated

if TYPE_CHECKING:
    from beable.datasets.arranged import Taken
    from beable.datasets.importing import Imported, Wish
    from beable.datasets.recognised import Layout
    from beable.datasets.store import Store

MOST_LEFT = 5
#: options of files of arrays and tables, by what is asked
OF_ARRAYS = {
    "rows": "--rows",
    "components": "--components",
    "time": "--time",
    "exclude": "--exclude",
    "vectors": "--vector",
    "curves": "--curve",
    "classes": "--classes",
    "missing_values": "--missing-values",
    "table": "--table-format",
}
CURVE = "'intensity(wavelength [nm])=400..700'"
NO_OUTPUT = "no folder to make is named: give it with -o, or --dry-run to see what the file is taken for"


def import_(
    *files: Path,
    output: Outputs = None,
    variables: Names = None,
    factors: Names = None,
    units: Pairs = None,
    rows: Names = None,
    dims: Pairs = None,
    components: Names = None,
    time: Annotated[str | None, Parameter(metavar="WHICH")] = None,
    exclude: Names = None,
    vector: Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME=A,B...")] = None,
    curve: Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="NAME=A..B")] = None,
    classes: Names = None,
    missing_values: Annotated[list[str] | None, Parameter(consume_multiple=True, metavar="VALUE...")] = None,
    missing: Literal["refuse", "drop", "keep"] = "refuse",
    table_format: Pairs = None,
    drop_invalid: bool = False,
    particles: Annotated[str | None, Parameter(metavar="KIND")] = None,
    select: Annotated[str | None, Parameter(metavar="WORDS")] = None,
    align: Annotated[str | None, Parameter(metavar="ONTO")] = None,
    stride: Annotated[int | None, whole(1)] = None,
    unwrap: bool = False,
    dry_run: bool = False,
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    json: bool = False,
) -> None:
    """Make a data set from a file of your own, or several of one content: arrays, tables, trajectories.

    Rows are the axes that the file names so (run, sample, time, ...), or the first axis of every array where nothing
    has a name. Published layouts (The Well, PDEBench) and some tables are recognised; what can be chosen of such a
    table is set by --config and --set. Of trajectories (DCD, XTC, PDB, extended XYZ, LAMMPS, ...) frames are rows; a
    file that names the particles stands before them.

    Args:
        files: The file, or several whose rows follow each other in the order of the numbers in their names.
        output: Folder to make.
        variables: Arrays to take; all but the factors by default.
        factors: Arrays (rows,) or (rows, p) that are known generative factors, or axes of rows such as time.
        units: Units, such as pressure=Pa.
        rows: Axes that are rows, such as run time; "file" where each file is a row.
        dims: Axes of an array, all of them or those after the rows, such as u=run,time,y,x or curve=x.
        components: Arrays whose short axis holds components.
        time: What becomes of the axis of time: rows, first, last, every=K or axis.
        exclude: Arrays and columns to leave out.
        vector: Columns that become a vector, such as oxides=SiO2,TiO2,Al2O3.
        curve: Columns from one to another that are one curve a row, such as "intensity(wavelength [nm])=400..700":
            numbers in their names are the places on its axis.
        classes: Arrays whose values are classes and no quantities; factors that are words are classes, too.
        missing_values: Numbers and words that stand for a missing value, such as -999.
        missing: Rows that lack some numbers: refuse them, drop them, or keep them and learn from what is there.
        table_format: How a table is held where that is not recognised, such as separator=semicolon decimal=comma,
            encoding=latin-1, header=3 units=4, header=none, sheet=NAME.
        drop_invalid: The same as --missing drop.
        particles: distinct, each with a name and a place in the list, or identical.
        select: Particles of a trajectory to take, such as "name CA".
        align: Turn and move the frames of a trajectory onto the first or the mean one; none by default.
        stride: Take each so many-th frame of a trajectory.
        unwrap: Follow the particles of a trajectory through the walls of a periodic box.
        dry_run: Make nothing; print what each array, axis and attribute is taken for.
        config: TOML file with settings of a recognised file.
        set: Settings of a recognised file, such as kind=uniform; they win over the file of settings.
        json: Print the result as JSON.
    """
    if not files:
        raise UsageError("no file is named: give the file to import, or several")
    named = _pairs("unit", units or [], "pressure=Pa")
    lists = _lists("dims", dims, "positions=particle,dimension"), _lists("vector", vector, "oxides=SiO2,TiO2")
    of_axes = variables, factors, rows, lists[0], components, time or ""
    curves = {name: ends.split("..") for name, ends in _pairs("curve", curve or [], CURVE).items()}
    asked = _Asked(*of_axes, exclude, lists[1], curves, classes, missing_values, table_format)
    if output is not None and not dry_run and output.exists():  # before anything is read
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    if _are_trajectories(files, asked):
        treated = (select or "", align or "none", 1 if stride is None else stride, unwrap)
        others = {"--missing": missing != "refuse", "--drop-invalid": drop_invalid, "--config": config, "--set": set}
        _refuse_of_arrays(asked, others)
        _trajectory(files, output, treated, particles or "distinct", list(factors or []), named, dry_run, json)
        return
    _refuse_of_frames(files, {"--select": select, "--align": align, "--stride": stride, "--unwrap": unwrap})
    if dry_run:
        _describe(files, asked, json)
        return
    if output is None:
        raise UsageError(NO_OUTPUT)
    plain_file = any(asked) or drop_invalid or missing != "refuse" or particles or len(files) > 1
    taken: list[Taken] = []
    notes: Sequence[str] = ()
    with progress("import", quiet=json, first="reading the file") as tick:
        store = None if plain_file else _recognised(files[0], output, config, set, named)
        if store is None:
            _refuse_of_recognised(files[0], config, set)
            store, taken, notes = _arrays(files, output, asked, named, missing, drop_invalid, particles or "", tick)
    _say(files, output, store, taken, json, notes)


class _Asked(NamedTuple):
    """What is asked for of the arrays of a file."""

    variables: Names
    factors: Names
    rows: Names
    dims: dict[str, list[str]]
    components: Names
    time: str
    exclude: Names
    vectors: dict[str, list[str]]
    curves: dict[str, list[str]]
    classes: Names
    missing_values: Names
    table: Pairs

    def wish(self, missing: str = "refuse", particles: str = "") -> "Wish":
        from beable.datasets.dialects import table_format
        from beable.datasets.importing import wish_of

        said = self._asdict() | {"table": table_format(self.table or [])}
        return wish_of(**said, particles=particles, keep=missing == "keep")


def _arrays(
    files: Sequence[Path],
    output: Path,
    asked: _Asked,
    units: dict[str, str],
    missing: Literal["refuse", "drop", "keep"],
    drop_invalid: bool,
    particles: str,
    tick: Teller,
) -> "Imported":
    from beable.datasets.importing import files_of, import_as

    with memory.bounded(sum(map(inputs.stored, files_of(files)))):
        return import_as(files, output, asked.wish(missing, particles), units, missing, drop_invalid, tick)


def _are_trajectories(files: Sequence[Path], asked: _Asked) -> bool:
    """Whether files are read as trajectories; common suffixes are not where arrays are asked for by name."""
    from beable.datasets.trajectories import are_trajectories

    return not (asked.variables or asked.dims) and are_trajectories(files)


def _refuse_of_arrays(asked: _Asked, others: Mapping[str, object]) -> None:
    """Refuse options that say what arrays are: of a trajectory that is known."""
    given_here = [option for name, option in OF_ARRAYS.items() if getattr(asked, name)]
    given_here += [name for name, value in others.items() if value]
    if given_here:
        raise UsageError(f"{', '.join(given_here)}: of arrays, and rows of a trajectory are its frames: leave it out")


def _refuse_of_frames(files: Sequence[Path], options: Mapping[str, object]) -> None:
    """Refuse options that say which frames of a trajectory are taken."""
    if given_here := [name for name, value in options.items() if value]:
        raise UsageError(f"{', '.join(given_here)}: of trajectories, and {files[0].name} is none: leave it out")


def _refuse_of_recognised(file: Path, config: Path | None, words: Sequence[str]) -> None:
    """Refuse settings, which only a layout that is recognised has."""
    if config or words:
        raise UsageError(
            f"--config and --set are for recognised files, and without --variables, --factors, --dims and "
            f"--drop-invalid; {file.name} is read as a plain file: leave them out"
        )


def _recognised(
    file: Path, output: Path, config: Path | None, words: Sequence[str], units: dict[str, str]
) -> "Store | None":
    """The data set of a file whose layout is recognised; None of any other file."""
    layout = _layout(file)
    if layout is None:
        return None
    return layout.make(
        file, output, validated(layout.settings, given(config, words), f"setting of {layout.title}"), units
    )


def _trajectory(
    files: Sequence[Path],
    output: Path | None,
    treated: tuple[str, str, int, bool],
    particles: str,
    factors: list[str],
    units: dict[str, str],
    dry_run: bool,
    json: bool,
) -> None:
    """Make a data set of trajectories, or say what they are taken for."""
    from beable.datasets.importing import matching
    from beable.datasets.trajectories import Treated, read_trajectory

    if output is None and not dry_run:
        raise UsageError(NO_OUTPUT)
    with progress("import", quiet=json, first="reading frames"):
        found = read_trajectory([f for file in files for f in matching(file)], Treated(*treated), factors)
        store = None if dry_run or output is None else found.store(output, particles, units)
    if store is None or output is None:
        _say_taken(files, found.taken(), json)
    else:
        _say(files, output, store, found.taken(), json, frames=True)


def _taken(files: Sequence[Path], asked: _Asked) -> "list[Taken]":
    from beable.datasets.importing import described, files_of

    with memory.bounded(sum(map(inputs.stored, files_of(files)))):
        return described(files, asked.wish())


def _describe(files: Sequence[Path], asked: _Asked, json: bool) -> None:
    """Print what the parts of a file are taken for."""
    if len(files) == 1 and not any(asked) and (layout := _layout(files[0])) is not None:
        show({"path": files[0], "layout": layout.title}, json=json)
        return
    _say_taken(files, _taken(files, asked), json)


def _say_taken(files: Sequence[Path], found: "list[Taken]", json: bool) -> None:
    if json:
        show({"path": files[0], "files": len(files), "taken": [t._asdict() for t in found]}, json=True)
        return
    tell(f"{files[0].name} is taken for:")
    table(["name", "what", "axes (length)", "unit", "why"], [list(t) for t in map(_cells, found)], left=5)


def _cells(taken: "Taken") -> tuple[str, str, str, str, str]:
    return taken.name, taken.kind, taken.axes, taken.unit, taken.why


def _say(
    files: Sequence[Path],
    output: Path,
    store: "Store",
    taken: "Sequence[Taken]",
    json: bool,
    notes: Sequence[str] = (),
    frames: bool = False,
) -> None:
    """Print what came of it, and what was left unread."""
    from beable.datasets.look import look

    found = look(store)
    left = {t.name: t.why for t in taken if t.kind in ("left out", "label")}
    if not json:
        more = f" and {len(files) - 1} more files, in the order of the numbers in their names" if len(files) > 1 else ""
        tell(
            f"Made {output}: {store.title[0].lower()}{store.title[1:]}."
            if frames
            else f"Made {output} of {files[0].name}{more}."
        )
        for note in notes:
            tell(f"  read as: {note}")
        say_store(store, found)
        _say_rest(store, left)
        if labels := [t.name for t in taken if t.kind == "diagnostic"]:
            tell(f"beside the rows: {', '.join(labels)}; name them in --factors to compare latents with them")
        if store.assessment:
            tell(as_text({"the file": plain(store.assessment)}))
        next_step((["fit", output, "-o", "run"], "train on it"), (["data", "info", output], "all that it holds"))
        return
    about = store.info()
    kept = {name: about[name] for name in ("id", "title", "rows", "good", "failures", "missing", "bytes", "taken_for")}
    names = {"variables": [v.name for v in store.variables], "factors": [f.name for f in store.factors]}
    seen = {"look": [finding.as_json() for finding in found], "constants": about["constants"], "left_out": left}
    show(kept | names | store.assessment | seen | {"read_as": list(notes), "path": output}, json=True)


def _say_rest(store: "Store", left: dict[str, str]) -> None:
    """Constants, and what was left unread, in a few lines."""
    if store.constants:
        tell(f"constants, the same for all rows: {listed(list(store.constants))}")
    for name, why in list(left.items())[:MOST_LEFT]:
        tell(f"left out: {name}: {why}")
    if len(left) > MOST_LEFT:
        tell(f"left out: {len(left) - MOST_LEFT} more (--dry-run shows all)")


def _layout(file: Path) -> "Layout | None":
    """The layout by which a system recognises a file."""
    from beable.datasets.recognised import layouts

    return next((layout for layout in layouts() if file.is_file() and layout.recognises(file)), None)


def _pairs(option: str, words: Sequence[str], example: str) -> dict[str, str]:
    pairs = [_pair(option, word, example) for word in words]
    if len(dict(pairs)) < len(pairs):
        raise UsageError(f"{option} {' '.join(words)}: a name stands there twice: give each once")
    return dict(pairs)


def _lists(option: str, words: Sequence[str] | None, example: str) -> dict[str, list[str]]:
    return {name: value.split(",") for name, value in _pairs(option, words or [], example).items()}


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    """Name and what is given for it.

    >>> _pair("unit", "flux=m s-1", "pressure=Pa")
    ('flux', 'm s-1')
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"{option} {text!r}: give a name and its {option}, such as {example}")
    return name, value
