"""From users' own files to a data set: which of their arrays are variables, factors and constants, row after row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from beable import inputs, memory
from beable.console.progress import Progress, Teller, before, told
from beable.datasets.arranged import Arranged, Choice, Taken, find
from beable.datasets.axes import arrange
from beable.datasets.axis_names import is_time
from beable.datasets.columns import Reading
from beable.datasets.curves import Span, curves_seen, spans, with_curves
from beable.datasets.dialects import TableFormat, table_format
from beable.datasets.formats import plain_formats
from beable.datasets.labelled import numbers_in
from beable.datasets.layout import NAME
from beable.datasets.many import as_a_row, is_a_row, joined_numbers, numbers_in_doubt
from beable.datasets.mesh_places import difference, same_places
from beable.datasets.missing import Choice as Missing
from beable.datasets.missing import check_choice
from beable.datasets.names import plain
from beable.datasets.readers import (
    READERS,
    TABLES,
    TEXTS,
    check_disk,
    check_room,
    labelled,
    named_twice,
)
from beable.datasets.shaped import Shaping, refuse_words, says_words, shaped, suspects, together, without
from beable.datasets.sources import Array, Contents, LazyRows, Loader, Source, joined_rows, refuse_many
from beable.datasets.store import Store
from beable.datasets.vtk import ONE_MESH, SPREAD
from beable.errors import BeableError, DataError, OutputError, UsageError, in_python, listed, unknown

WILD = "*?["
#: what is read of several files stays in memory up to so many bytes
KEPT_BYTES = 1 << 27
#: what the options of the command line are called here
ARGUMENTS = {
    "--table-format": "table={...}",
    "--vector": "vectors={...}",
    "--curve": "curves={...}",
    "--dims": "dims={...}",
    "--units": "units={...}",
    "--drop-invalid": "drop_invalid=True",
    **{f"--{name.replace('_', '-')}": f"{name}=[...]" for name in (
        "variables", "factors", "rows", "components", "exclude", "classes", "missing_values")},
    **{f"--{name}": f"{name}='...'" for name in ("time", "missing", "particles")},
}  # fmt: skip
NOTHING = Choice()
ALL, PLAIN = Shaping(), Reading()


@dataclass(frozen=True)
class Wish:
    """What the user says of a file.

    Args:
        variables: names of the arrays to take; None for all but the factors.
        factors: names of arrays that are known factors; None for those that the file shows.
        axes: what is said of axes.
        shaping: what is left out, joined, a class or missing.
        curves: first and last column of each curve, by its name.
        reading: what is said of a table.
        broken: whether rows that have no place in a table are kept out.
        particles: "distinct", "identical", or "" where nothing is said.
    """

    variables: Sequence[str] | None = None
    factors: Sequence[str] | None = None
    axes: Choice = NOTHING
    shaping: Shaping = ALL
    curves: Mapping[str, Span] = field(default_factory=dict)
    reading: Reading = PLAIN
    broken: bool = False
    particles: str = ""

    def called(self, names: Mapping[str, str]) -> "Wish":
        """The same with names of a file in place of others for them."""

        def of(given: Sequence[str] | None) -> list[str] | None:
            return None if given is None else [names.get(name, name) for name in given]

        wanted = self.axes.wanted
        axes = self.axes._replace(
            wanted=None if wanted is None else frozenset(of(list(wanted)) or ()),
            dims={names.get(name, name): of(dims) or [] for name, dims in self.axes.dims.items()},
            components=tuple(of(self.axes.components) or ()),
        )
        return replace(
            self,
            variables=of(self.variables),
            factors=of(self.factors),
            axes=axes,
            shaping=self.shaping.called(names),
            curves={
                n: s._replace(first=names.get(s.first, s.first), last=names.get(s.last, s.last))
                for n, s in self.curves.items()
            },
        )


Paths = Path | str | Sequence[Path | str]


@in_python(ARGUMENTS)
def import_file(
    path: Paths,
    output: Path | str,
    *,
    variables: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    rows: Sequence[str] | None = None,
    components: Sequence[str] | None = None,
    time: str = "",
    missing: Missing = "refuse",
    drop_invalid: bool = False,
    exclude: Sequence[str] | None = None,
    vectors: Mapping[str, Sequence[str]] | None = None,
    curves: Mapping[str, Sequence[str]] | None = None,
    classes: Sequence[str] | None = None,
    missing_values: Sequence[str | float] | None = None,
    table: TableFormat | Mapping[str, object] | None = None,
    particles: str = "",
) -> Store:
    """Make a data set from a file of arrays, or from several files of one content whose rows follow each other.

    Rows are the axes that the names of the file, or the user, call so; where nothing has a name, the first axis of
    every array. Characters that a name cannot have become ``_``: ``run 1/u-x`` is imported as ``run_1_u_x``.

    Args:
        path: the file, its suffix one of ``READERS``; or several, or a pattern such as ``"snap_*.h5"``, taken in the
            order of the numbers in their names.
        output: folder to make; must not exist.
        variables: names of the arrays to take; all but the factors by default.
        factors: names of arrays (rows,) or (rows, p) that are known generative factors; by default those that a
            published layout, attributes of groups or coordinates of the file show.
        units: UDUNITS strings of variables and factors, in place of the file's own.
        dims: names of the axes of an array, all of them or those after the rows, in place of the file's own.
        rows: names of the axes that are rows, in their order; "file" where each file is a row.
        components: names of arrays whose short axis holds components.
        time: what becomes of the axis of time: "rows", "first", "last", "every=K" or "axis".
        missing: what becomes of rows that lack some numbers: "refuse", "drop" or "keep", as `Store.from_arrays` has
            it; places that are missing in every row are a mask by any of them.
        drop_invalid: keep rows with numbers that are not finite out by name instead of refusing them; the same as
            missing="drop".
        exclude: names of arrays to leave out.
        vectors: names of columns by the name of the vector that they become.
        curves: first and last of the columns that are one curve a row, by its name, axis and unit of that, such as
            {"intensity(wavelength [nm])": ("400", "700")}; numbers in their names are the places on the axis.
        classes: names of arrays whose values are classes and no quantities; factors that are words are classes, too.
        missing_values: numbers and words that stand for a missing value.
        table: how a text file or a workbook holds its table, see `TableFormat`.
        particles: whether particles are "distinct", each with a name and a place in the list, or "identical".

    Raises:
        UsageError: no such file, an unknown suffix or name, a reader that is not installed, or axes that can be read in
            two ways.
        DataError: a damaged or hostile file, or arrays that cannot be snapshots.
        OutputError: the folder exists or cannot be written.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(f"{folder}/mine.npz", heat=np.ones((4, 8, 8)), load=np.arange(4.0))
    >>> store = import_file(f"{folder}/mine.npz", f"{folder}/mine.zarr", factors=["load"], units={"heat": "J"})
    >>> store.rows, store.variables[0].unit, store.factors[0].name
    (4, 'J', 'load')
    """
    wish = wish_of(
        variables=variables,
        factors=factors,
        dims=dims,
        rows=rows,
        components=components,
        time=time,
        exclude=exclude,
        vectors=vectors,
        curves=curves,
        classes=classes,
        missing_values=missing_values,
        table=table,
        particles=particles,
        keep=missing == "keep",
    )
    return import_as(path, output, wish, units or {}, missing, drop_invalid).store


class Imported(NamedTuple):
    """A data set that was made of files, and what each part of the first file was taken for.

    Args:
        store: the data set.
        taken: what was found, and what was left unread.
        notes: how a table was read, and values of it that may stand for missing ones.
    """

    store: Store
    taken: list[Taken]
    notes: Sequence[str] = ()


def import_as(
    path: Paths,
    output: Path | str,
    wish: Wish,
    units: Mapping[str, str],
    missing: Missing = "refuse",
    drop_invalid: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """`import_file` with what the user says in one record; the answer tells what was left unread as well."""
    drop = drop_invalid or missing == "drop"
    wish = replace(wish, broken=drop)
    paths, output = files_of(path), Path(output)
    if output.exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    with _Files(wish, output, len(paths) > 1, told(progress)) as opened:
        return _made(paths, output, _all_chosen(paths, opened), wish, units, missing, drop, progress)


def _made(
    paths: Sequence[Path],
    output: Path,
    chosen: "_Chosen",
    wish: Wish,
    units: Mapping[str, str],
    missing: Missing,
    drop: bool,
    progress: Progress | None,
) -> Imported:
    check_choice(missing)
    refuse_words(paths[0], chosen.sources)
    if not drop:
        _refuse_bad(paths[0], chosen.sources, missing == "keep")
    known = {name: source.unit for name, source in chosen.sources.items() if source.unit}
    axes = {name: s.dims for name, s in chosen.sources.items() if s.dims and name in chosen.arrays}
    store = Store.from_arrays(
        output,
        chosen.arrays,
        chosen.factors,
        units=known | {chosen.aliases.get(name, name): unit for name, unit in units.items()},
        dims=axes,
        coordinates=chosen.coordinates,
        constants=chosen.constants,
        particles=wish.particles,
        title=f"Imported from {_title(paths)}",
        missing=missing,
        allow_failed=drop,
        classes={name: s.classes for name, s in chosen.sources.items() if s.classes},
        components={name: s.components for name, s in chosen.sources.items() if s.components},
        long_names={name: s.long_name for name, s in chosen.sources.items() if s.long_name},
        progress=progress,
    )
    columns = dict(chosen.arrays) | dict(chosen.factors)
    quantities = {n: a for n, a in columns.items() if not _has_classes(chosen, n)}
    return Imported(store, chosen.taken, [*chosen.notes, *suspects(quantities)])


def _has_classes(chosen: "_Chosen", name: str) -> bool:
    source = chosen.sources.get(name)
    return source is not None and bool(source.classes)


@in_python(ARGUMENTS)
def taken_for(path: Paths, **said: Any) -> list[Taken]:
    """What `import_file` with the same arguments takes each part of a file for; nothing is made.

    Args:
        path: the file; of several the first is described.
        said: variables, factors, dims, rows, components, time, exclude, vectors, curves, classes, missing_values,
            table, as for `import_file`.

    Raises:
        UsageError, DataError: as `import_file`.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.savez(f"{folder}/mine.npz", heat=np.ones((4, 8, 8)), load=np.arange(4.0))
    >>> [(t.name, t.kind, t.axes) for t in taken_for(f"{folder}/mine.npz", factors=["load"])]
    [('heat', 'variable', 'row (4) rows, ? (8) axis, ? (8) axis'), ('load', 'factor', 'row (4) rows')]
    """
    return described(path, wish_of(**said))


def described(path: Paths, wish: Wish) -> list[Taken]:
    """`taken_for` with what the user says in one record."""
    paths, wish = files_of(path), replace(wish, broken=True)
    with _told(paths[0]), _reader(paths[0], wish.reading) as contents:
        return _described(paths[0], contents, wish=wish, several=len(paths) > 1)


def wish_of(
    *,
    variables: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    rows: Sequence[str] | None = None,
    components: Sequence[str] | None = None,
    time: str = "",
    exclude: Sequence[str] | None = None,
    vectors: Mapping[str, Sequence[str]] | None = None,
    curves: Mapping[str, Sequence[str]] | None = None,
    classes: Sequence[str] | None = None,
    missing_values: Sequence[str | float] | None = None,
    table: TableFormat | Mapping[str, object] | None = None,
    particles: str = "",
    keep: bool = False,
) -> Wish:
    """What the arguments of `import_file` say; keep is whether missing numbers are kept."""
    shaping = Shaping(
        tuple(exclude or ()),
        {name: tuple(columns) for name, columns in (vectors or {}).items()},
        tuple(classes or ()),
        tuple(map(str, missing_values or ())),
    )
    for option, names in {"variables": variables, "factors": factors, "rows": rows, "components": components}.items():
        if twice := named_twice(names or ()):
            raise UsageError(f"{option}: {twice!r} stands there twice: name each once (--{option})")
    columns = [name for names in shaping.vectors.values() for name in names]
    named = [*(variables or ()), *(factors or ()), *(components or ()), *(dims or {}), *shaping.classes, *columns]
    wanted = None if variables is None else frozenset(n for n in named if n not in shaping.vectors)
    axes = Choice(tuple(rows or ()), dict(dims or {}), tuple(components or ()), time or "", wanted)
    reading = Reading(_form(table), frozenset(shaping.missing), keep)
    return Wish(variables, factors, axes, shaping, spans(curves or {}), reading, particles=particles)


def _form(table: TableFormat | Mapping[str, object] | None) -> TableFormat:
    if table is None or isinstance(table, TableFormat):
        return table or TableFormat()
    return table_format([f"{name}={'none' if value is None else value}" for name, value in table.items()])


def files_of(path: Paths) -> list[Path]:
    """The files that are meant, in the order of the numbers in their names."""
    given = [Path(path)] if isinstance(path, Path | str) else [Path(p) for p in path]
    paths = [found for p in given for found in matching(p)]
    for p in paths:
        if p.is_dir() and not _is_zarr(p) and p.suffix.lower() not in READERS:
            raise UsageError(f"{p}: a folder: name its files, such as '{p}/*.h5'")
        if p.suffix.lower() not in READERS and not _is_zarr(p):
            raise unknown("kind of file", p.suffix or p.name, READERS)
        inputs.stored(p)
    if len(paths) > 1 and len({p.resolve() for p in paths}) < len(paths):
        raise UsageError(f"{_title(paths)}: a file is named twice: name each once")
    return sorted(paths, key=lambda p: numbers_in(str(p))) if len(paths) > 1 else paths


def matching(path: Path) -> list[Path]:
    """The file of a name, or those of a pattern."""
    if path.exists() or not set(WILD) & set(path.name):
        return [path]
    found = sorted(path.parent.glob(path.name))
    if not found:
        raise UsageError(f"{path}: no file matches this pattern: check the name")
    return found


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in (".zgroup", ".zarray", "zarr.json"))


def _title(paths: Sequence[Path]) -> str:
    return paths[0].name + (f" and {len(paths) - 1} more files" if len(paths) > 1 else "")


def _refuse_bad(path: Path, sources: Mapping[str, Source], keep: bool) -> None:
    """Refuse entries that are no finite numbers; where missing ones are kept, those that say more than that."""
    for name, source in sources.items():
        if source.bad and not (keep and source.classes):  # of a class it is that there is none
            learn = "" if keep else "learn from what is there with missing='keep' (--missing keep), "
            raise DataError(
                f"{path}: {name} is {source.bad}, a finite number is expected: {learn}leave such rows out with "
                "missing='drop' (--missing drop), also called drop_invalid=True (--drop-invalid), leave the array out "
                "(exclude, --exclude), or name the columns to take (variables, --variables)"
            )


class _Chosen(NamedTuple):
    """Arrays that were asked for: those of variables are read when they are needed, all others have been."""

    sources: Mapping[str, Source]
    arrays: Mapping[str, LazyRows]
    factors: Mapping[str, Array]
    coordinates: Mapping[str, tuple[Array, str]]
    constants: Mapping[str, Array]
    rows: int
    taken: list[Taken]
    notes: Sequence[str] = ()
    aliases: Mapping[str, str] = {}
    places: Sequence[str] = ()

    @property
    def mesh(self) -> dict[str, Array]:
        """Where the numbers of a mesh lie, by name; nothing for other files."""
        return {name: self.constants[name] for name in self.places if name in self.constants}


class _Files:
    """The files of an import, of which one is open at a time.

    Args:
        wish: what the user says of them.
        output: where the data set will lie.
        several: whether there are more than one.
        teller: is told how much of a table of text is read.
    """

    def __init__(self, wish: Wish, output: Path, several: bool, teller: Teller) -> None:
        self.wish, self.output, self.several, self.teller = wish, output, several, teller
        self.stack, self.kept = ExitStack(), 0
        self.at: Path | None = None
        self.first: tuple[Path, _Chosen] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def part(self, path: Path) -> _Chosen:
        """What a file holds; of several small ones the numbers as well, so that each is opened once.

        Of several files, numbers of a row are read at once in any case: they are looked at one column after another.
        """
        found = self._of_one_mesh(path, self._open(path))
        lazy = {name: self._rows(path, name, rows) for name, rows in found.arrays.items()}
        few = self.kept + sum(rows.nbytes for rows in lazy.values()) < KEPT_BYTES
        held = [name for name, rows in lazy.items() if self.several and (few or rows.ndim == 1)]
        self.kept += sum(lazy[name].nbytes for name in held)
        return found._replace(arrays=lazy | {name: LazyRows.over(np.asarray(lazy[name])) for name in held})

    def _of_one_mesh(self, path: Path, found: _Chosen) -> _Chosen:
        """What a file holds, its constants those of the first file where they are the same, so that one mesh is held.

        Raises:
            DataError: its mesh is another than that of the first file.
        """
        self.first = self.first or (path, found)
        where, first = self.first
        if why := difference(first.mesh, found.mesh):
            raise DataError(f"{path}: {why} than in {where.name}: {ONE_MESH}")
        same = {n: first.constants[n] for n in found.constants if n in first.mesh}
        return found._replace(constants={**found.constants, **same})

    def _open(self, path: Path) -> _Chosen:
        if path != self.at:
            self.stack.close()
            with _told(path):
                reading = self.wish.reading._replace(tell=before(self.teller, f"reading {path.name}"))
                contents = self.stack.enter_context(_reader(path, reading))
                self.found = self._read(path, contents)
            self.at = path
        return self.found

    def _read(self, path: Path, contents: Contents) -> _Chosen:
        return _read(path, contents, wish=self.wish, several=self.several, output=self.output, before=self.kept)

    def _rows(self, path: Path, name: str, rows: LazyRows) -> LazyRows:
        def read(start: int, stop: int) -> Array:
            found = self._open(path)
            with _told(path):
                return found.arrays[name].read(start, stop)

        return LazyRows(rows.shape, rows.dtype, read, rows.most)


def _all_chosen(paths: Sequence[Path], opened: _Files) -> _Chosen:
    """What was asked for of one file, or of all of them, row after row."""
    parts, wish = [opened.part(path) for path in paths], opened.wish
    chosen = parts[0] if len(parts) == 1 else _joined(paths, parts, wish.factors)
    return _without_constant_factors(chosen) if wish.factors is None else chosen


def _reader(path: Path, reading: Reading) -> AbstractContextManager[Contents]:
    inputs.stored(path)  # of plain files, none of which leads elsewhere
    kind = path.suffix.lower()
    if kind not in TABLES and reading.form != TableFormat():
        raise UsageError(f"{path}: no table of text and no workbook: leave out --table-format")
    return TABLES[kind](path, reading) if kind in TABLES else READERS.get(kind, labelled)(path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes one line."""
    try:
        yield
    except (BeableError, MemoryError):
        raise
    except Exception as error:  # on bytes that are not theirs, the libraries' readers fail in every way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as {path.suffix} ({reason}): check the file") from error


def _arranged(path: Path, contents: Contents, wish: Wish, several: bool) -> Arranged:
    """The contents of a file with rows first, a file being a row where that is said or nothing else can be."""
    if contents.broken and not wish.broken:
        raise DataError(
            f"{path}: {contents.broken}: mend the row, keep such rows out with --drop-invalid, or say how the table is "
            "held with --table-format"
        )
    contents = plain_formats(_meant(path, contents, wish.axes))
    refuse_many(path, len(contents.sources))
    sources, gone = without(path, contents.sources, wish.shaping)
    contents = contents._replace(sources=sources, left={**contents.left, **gone})
    asked = (*(wish.factors or ()), *wish.shaping.classes)
    contents = with_curves(path, contents, wish.curves, asked)
    if not wish.axes.time and any(is_time(span.axis) for span in wish.curves.values()):
        wish = replace(wish, axes=wish.axes._replace(time="axis"))
    _refuse_foreign(path, contents, wish)
    if is_a_row(path, contents, wish.axes, several):
        contents = as_a_row(contents, wish.axes)
        wish = replace(wish, axes=wish.axes._replace(rows=wish.axes.rows or ("file",)))
    return shaped(path, arrange(path, contents, wish.axes), wish.shaping, wish.factors)


def _meant(path: Path, contents: Contents, choice: Choice) -> Contents:
    """The contents that are meant by what the user says; of groups and numbers in doubt the user is asked."""
    if "group" in choice.rows:
        return joined_numbers(contents.others["groups"]() if "groups" in contents.others else contents)
    known = {axis for s in contents.sources.values() for axis in s.axes or ()} | {"file"}
    if contents.layout and (choice.dims or set(choice.rows) - known):
        return contents.others["plain"]()
    doubt = contents.doubt or numbers_in_doubt(contents)
    if doubt and not choice.rows and not choice.dims and choice.wanted is None:
        raise UsageError(f"{path}: {doubt}")
    return contents


def _refuse_foreign(path: Path, contents: Contents, wish: Wish) -> None:
    for name, source in contents.sources.items():
        if source.words is not None and find(name, wish.shaping.classes):
            continue  # its words are taken, not its numbers
        if source.refused and (wish.axes.wanted is None or find(name, wish.axes.wanted)):
            raise DataError(f"{path}: {name} {source.refused}")


def _described(path: Path, contents: Contents, *, wish: Wish, several: bool) -> list[Taken]:
    wish = wish.called(contents.aliases)
    found = _arranged(path, contents, wish, several)
    fields, causes = _names(path, found, wish, several)
    return _said(contents, found, _notes(contents, fields, _may_hold_curves(path, wish)), fields, causes)


def _may_hold_curves(path: Path, wish: Wish) -> bool:
    """Whether a file is a table of which nobody has said what its curves are."""
    return path.suffix.lower() in TABLES and not wish.curves


def _notes(contents: Contents, fields: Sequence[str], curves: bool) -> list[str]:
    """How a table was read, and which of its columns may be one curve."""
    return [*contents.notes, *(curves_seen(contents.sources, fields) if curves else ())]


def _said(
    contents: Contents, found: Arranged, notes: Sequence[str], fields: Sequence[str], causes: Sequence[str]
) -> list[Taken]:
    kinds = dict.fromkeys(causes, "factor") | dict.fromkeys(fields, "variable")
    first = [Taken("layout", "layout", contents.layout, "", "recognised")] if contents.layout else []
    first += [Taken("table", "read as", "", "", note) for note in notes]
    told = [t._replace(kind=_kind(t, kinds, found)) for t in found.taken]
    return first + [t._replace(why="not asked for") if t.kind == "left out" and not t.why else t for t in told]


def _kind(taken: Taken, kinds: Mapping[str, str], found: Arranged) -> str:
    if taken.kind not in ("variable", "factor", "label"):
        return taken.kind
    return kinds.get(taken.name, "label" if taken.kind == "label" else "left out")


def _names(path: Path, found: Arranged, wish: Wish, several: bool) -> tuple[list[str], list[str]]:
    """Names of the variables and of the factors to take, as the file has them."""
    named = [n for n in wish.factors or () if not (several and find(n, found.constants))]
    causes = found.factors if wish.factors is None else [_find(path, name, found) for name in named]
    if wish.variables is None:
        return [n for n, s in found.sources.items() if s.role == "variable" and n not in causes], list(causes)
    classes = [n for n in wish.shaping.classes if find(n, wish.variables) is None and find(n, causes) is None]
    return [_find(path, name, found) for name in (*wish.variables, *classes)], list(causes)


def _find(path: Path, name: str, found: Arranged) -> str:
    held = find(name, found.sources)
    if held is not None:
        return held
    if find(name, found.constants) is not None:
        raise UsageError(f"{path}: {name} has no axis of rows, it is kept as a constant: leave its name out")
    others = [taken.name for taken in found.taken if taken.kind == "left out" and not taken.why]
    raise unknown(f"array in {path.name}", name, map(plain, [*found.sources, *others]))


def _read(path: Path, contents: Contents, *, wish: Wish, several: bool, output: Path, before: int) -> _Chosen:
    wish = wish.called(contents.aliases)
    found = _arranged(path, contents, wish, several)
    fields, causes = _names(path, found, wish, several)
    sources = {name: found.sources[name] for name in (*fields, *causes)}
    if len({plain(name) for name in sources}) < len(sources):
        raise DataError(f"{path}: two arrays have the same name but for special characters: rename one")
    for name, source in sources.items():
        if source.refused:
            raise DataError(f"{path}: {name} {source.refused}")
    constants = {plain(n): s for n, s in found.constants.items() if s.numeric and s.bytes and NAME.fullmatch(plain(n))}
    _check(path, {**constants, **{plain(name): s for name, s in sources.items()}}, output, before)
    columns = {n: a for name in causes for n, a in _columns(plain(name), sources[name].load()).items()}
    dims = {dim for name in fields for dim in sources[name].dims}
    named = all(sources[name].dims or len(sources[name].shape) < 2 for name in fields)
    coordinates = {dim: c for dim, c in found.coordinates.items() if dim in dims or not named}
    numbers = sum(len(sources[name].shape) == 1 for name in fields)
    taken = {name: sources[name] for name in fields}
    arrays = {plain(n): LazyRows.of(s, numbers if len(s.shape) == 1 else 1) for n, s in taken.items()}
    kept = {plain(n): s for n, s in sources.items() if n in taken or plain(n) in columns}
    notes = _notes(contents, fields, _may_hold_curves(path, wish))
    return _Chosen(
        _apart(kept),
        arrays,
        columns,
        coordinates,
        {n: _constant(s.load()) for n, s in constants.items()},
        found.rows,
        _said(contents, found, notes, fields, causes),
        notes,
        contents.aliases,
        tuple(plain(name) for name in contents.places),
    )


def _constant(array: Array) -> Array:
    """An array in a format that a data set can hold."""
    values = np.asarray(array)
    values = values.astype(np.uint8) if values.dtype == bool else values
    values = values.astype(np.float64) if values.dtype.itemsize > 8 else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _apart(sources: Mapping[str, Source]) -> dict[str, Source]:
    """Sources of which a dimension that has another length elsewhere bears the name of its array."""
    lengths: dict[str, int] = {}
    result = {}
    for name, source in sources.items():
        dims = tuple(
            dim if lengths.setdefault(dim, n) == n else f"{name}_{dim}"
            for dim, n in zip(source.dims, source.shape[1:], strict=bool(source.dims))
        )
        result[name] = replace(source, dims=dims)
    return result


def _joined(paths: Sequence[Path], parts: Sequence[_Chosen], wanted: Sequence[str] | None) -> _Chosen:
    """Rows of several files after each other; numbers of a file that differ between files are factors of its rows.

    Args:
        paths: the files.
        parts: what each holds.
        wanted: names of the factors to take; None for all.
    """
    parts = _in_common_classes(parts)
    first = parts[0]
    for path, part in zip(paths[1:], parts[1:], strict=True):
        _check_alike(paths[0], first, path, part)
    changing = {n: v for n, c in first.constants.items() if not c.ndim and len(set(v := _numbers(n, parts))) > 1}
    named = [n for n in changing if wanted is None or find(n, wanted) or find(n, map(plain, wanted))]
    factors = {n: np.concatenate([part.factors[n] for part in parts]) for n in first.factors}
    factors |= {
        n: np.repeat(np.array(v, np.float64), [part.rows for part in parts]) for n, v in changing.items() if n in named
    }
    constants = {n: c for n, c in first.constants.items() if _is_common(n, parts)}
    left = [n for n in first.constants if n not in constants and n not in named]
    taken = [t for t in first.taken if plain(t.name) not in (*left, *named)]
    taken += [Taken(n, "left out", "", "", "differs between files") for n in left]
    taken += [Taken(n, "factor", "one number a file") for n in named]
    arrays = {n: joined_rows([part.arrays[n] for part in parts]) for n in first.arrays}
    rows = sum(part.rows for part in parts)
    return first._replace(arrays=arrays, factors=factors, constants=constants, rows=rows, taken=taken)


def _recoded(part: _Chosen, field: str, name: str, source: Source, codes: Array) -> _Chosen:
    part = part._replace(sources={**part.sources, name: source})
    if field == "arrays":
        return part._replace(arrays={**part.arrays, name: LazyRows.over(codes)})
    return part._replace(factors={**part.factors, name: codes})


def _in_common_classes(parts: Sequence[_Chosen]) -> Sequence[_Chosen]:
    """Parts whose classes are numbered alike, though files hold different ones of them."""
    for name, source in parts[0].sources.items():
        held = [part.sources.get(name) for part in parts]
        if not source.classes or any(s is None for s in held):
            continue
        field = "arrays" if name in parts[0].arrays else "factors"
        values = [np.asarray(getattr(part, field)[name]) for part in parts]
        names, coded = together([(s.classes, v) for s, v in zip(held, values, strict=True) if s is not None])
        parts = [
            _recoded(part, field, name, replace(source, classes=names), codes)
            for part, codes in zip(parts, coded, strict=True)
        ]
    return parts


def _numbers(name: str, parts: Sequence[_Chosen]) -> list[float]:
    """One number of each file; none where some file has no such number."""
    held = [part.constants.get(name) for part in parts]
    return [float(c) for c in held if c is not None and not c.ndim] if all(c is not None for c in held) else []


def _is_common(name: str, parts: Sequence[_Chosen]) -> bool:
    first = parts[0].constants[name]
    held = [part.constants.get(name) for part in parts]
    return all(c is not None and np.array_equal(c, first, equal_nan=c.dtype.kind == "f") for c in held)


def _check_alike(one: Path, first: _Chosen, other: Path, part: _Chosen) -> None:
    """Refuse files of other arrays, shapes, units or coordinates than the first."""
    same = "several files are of one content: import those that differ by themselves"
    names = first.arrays.keys() ^ part.arrays.keys() | first.factors.keys() ^ part.factors.keys()
    if names:
        raise DataError(f"{other}: {listed(sorted(names))} in one of {one.name} and {other.name} only: {same}")
    for name, array in first.arrays.items():
        if array.shape[1:] != part.arrays[name].shape[1:]:
            raise DataError(
                f"{other}: {name} has {part.arrays[name].shape[1:]} a row, in {one.name} {array.shape[1:]}: {same}"
            )
        if first.sources[name].unit != part.sources[name].unit:
            there, here = (held.sources[name].unit or "1" for held in (part, first))
            raise DataError(f"{other}: {name} is in {there}, in {one.name} in {here}: {same}")
    for dim, (values, unit) in first.coordinates.items():
        found = part.coordinates.get(dim)
        if found is None or found[1] != unit or not same_places(values, found[0]):
            raise DataError(f"{other}: its coordinate {dim} is not that of {one.name}: {same}")


def _without_constant_factors(chosen: _Chosen) -> _Chosen:
    """Factors that nobody asked for and that are the same in every row become constants."""
    same = [n for n, a in chosen.factors.items() if len(a) > 1 and np.isfinite(a).all() and np.all(a == a[0])]
    constants = {n: np.asarray(chosen.factors[n][0]) for n in same}
    factors = {n: a for n, a in chosen.factors.items() if n not in same}
    return chosen._replace(factors=factors, constants={**chosen.constants, **constants})


def _check(path: Path, sources: Mapping[str, Source], output: Path, before: int) -> None:
    """Refuse what is not numbers, and what memory or disk cannot hold, before a number is read.

    Args:
        path: the file.
        sources: its arrays.
        output: where the data set will lie.
        before: bytes of numbers of other files that are held already.
    """
    for name, source in sources.items():
        if source.dtype.kind == "c":
            raise DataError(
                f"{path}: {name} holds {source.dtype}, not real numbers: give its real and imaginary parts as two "
                "arrays, or name the arrays to take (variables, --variables)"
            )
        if says_words(source.dtype):
            raise DataError(
                f"{path}: {name} holds words, not real numbers: leave them out with --exclude {name}, compare with "
                f"them as classes with --factors {name}, or learn them as classes with --classes {name}"
            )
        if not source.numeric:
            raise DataError(
                f"{path}: {name} holds {source.dtype}, not real numbers: name the arrays to take (variables, "
                "--variables)"
            )
    every, whole = (sum(s.bytes for s in some) for some in (sources.values(), filter(_is_whole, sources.values())))
    if path.suffix.lower() not in (*SPREAD, *TEXTS):  # of which the first name other files
        memory.refuse_growth(path, every, inputs.stored(path))
    check_room(path, whole, before, grown=False)
    check_disk(path, every, output)


def _is_whole(source: Source) -> bool:
    """Whether an array is in memory as a whole when some of it is read."""
    return not isinstance(source.load, Loader) or source.load.whole


def _columns(name: str, array: Array) -> dict[str, Array]:
    """A factor, or one for each column.

    >>> list(_columns("theta", np.ones((5, 2))))
    ['theta_1', 'theta_2']
    """
    if array.ndim == 1:
        return {name: array}
    if array.ndim != 2:
        raise DataError(f"factors {name}: shape {array.shape}: one number a row, or (rows, factors), is expected")
    return {f"{name}_{i + 1}": column for i, column in enumerate(array.T)}
