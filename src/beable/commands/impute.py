"""The verb impute: fill what is missing of a data set, with a standard deviation for each filled number."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.commands.opened import run_and_store
from beable.console.numbers import many, number
from beable.console.output import show
from beable.console.parameters import Count, Index, Output
from beable.console.progress import progress
from beable.console.tables import facts, next_step, table, tell
from beable.errors import OutputError, UsageError

if TYPE_CHECKING:
    from beable.analysis.imputation import Imputed
    from beable.datasets.store import Store
    from beable.simulator import Variable

#: appended to the name of a variable: the standard deviation of its filled numbers
DEVIATION = "_std"
#: the same of a class: the probability of the one that was filled
PROBABILITY = "_probability"
MOST_SHOWN = 12
MOST_SAMPLES = 10_000


def impute(
    run: Path,
    store: Path | None = None,
    /,
    *,
    output: Output,
    samples: Count = 32,
    seed: Index = 0,
    json: bool = False,
) -> None:
    """Fill what is missing of a data set with what a run expects, and say how sure it is of each number.

    Args:
        run: Run folder.
        store: Data set to fill, imported with --missing keep; the one that the run was trained on by default.
        output: What to make: filled.csv, with NAME_std or NAME_probability beside each column, or a data set like
            filled.zarr.
        samples: Samples of the latents, for each row and member.
        seed: Seed of the samples.
        json: Print the result as JSON.
    """
    _check(output, samples, seed)
    with progress("imputing", quiet=json, first="loading PyTorch") as said:
        from beable.analysis.imputation import impute as fill

        loaded, data = run_and_store(run, store)
        _check_columns(output, data)
        said.begin("filling")
        found = fill(loaded, data, samples=samples, seed=seed)
        (_write_csv if output.suffix == ".csv" else _write_store)(output, data, found)
    if json:
        show({"path": output, "rows": data.rows, **found.as_json()}, json=True)
        return
    _say(run, output, data, found)


def _check(output: Path, samples: int, seed: int) -> None:
    if output.suffix not in (".csv", ".zarr"):
        raise UsageError(f"{output}: the name must end in .csv or .zarr")
    if output.exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    if not 2 <= samples <= MOST_SAMPLES or seed < 0:
        raise UsageError(
            f"samples must be from 2 to {MOST_SAMPLES:,} and seed at least 0, not {samples} and {seed}: give others by "
            "--samples and --seed"
        )


def _check_columns(output: Path, store: "Store") -> None:
    """Refuse fields where a table is to be written."""
    if output.suffix != ".csv":
        return
    learned = [v for v in store.variables if not v.diagnostic]
    if fields := [v.name for v in learned if len(v.shape) > 1]:
        raise UsageError(f"{output}: {fields[0]} is a field, which is no column of a table: give a name in .zarr")
    counts = Counter([*chain(*map(_labels, learned)), *(f.name for f in store.factors)])
    if twice := [name for name, count in counts.items() if count > 1]:
        raise UsageError(f"{output}: two columns would be named {twice[0]}: give a name in .zarr")


def _all(store: "Store", found: "Imputed") -> dict[str, Any]:
    """All variables but diagnostics, filled where the run learned them."""
    return {v.name: found.values.get(v.name, store.read(v.name)) for v in store.variables if not v.diagnostic}


def _beside(
    found: "Imputed", columns: Mapping[str, Sequence[str]], others: Iterable[str]
) -> dict[str, tuple[str, Any]]:
    """By name of a variable, what is put behind the names of its columns, and what says there how sure they are."""
    taken, beside = [*chain(*columns.values()), *others], dict[str, tuple[str, Any]]()
    for ending, parts in ((DEVIATION, found.deviation), (PROBABILITY, found.probability)):
        behind = _behind(taken, chain(*(columns[name] for name in parts)), ending)
        beside |= {name: (behind, part) for name, part in parts.items()}
    return beside


def _write_store(output: Path, store: "Store", found: "Imputed") -> None:
    from beable.datasets.store import Store

    values = _all(store, found)
    beside = _beside(found, {name: [name] for name in values}, [f.name for f in store.factors])
    kept = [v for v in store.variables if v.name in values]
    told = [replace(v, name=f"{v.name}{beside[v.name][0]}", long_name="", classes=()) for v in kept if v.name in beside]
    kept += told
    particles = next((v.particles for v in kept if v.particles), "")
    Store.from_arrays(
        output,
        values | {f"{name}{behind}": part for name, (behind, part) in beside.items()},
        {f.name: column for f, column in zip(store.factors, store.factor_values.T, strict=True)},
        units={v.name: v.unit for v in kept} | {f.name: f.unit for f in store.factors},
        dims={v.name: v.dims for v in kept},
        coordinates=store.coordinates,
        symbols={f.name: f.symbol for f in store.factors},
        constants=store.constants,
        particles=particles,
        title=f"{store.title}, missing numbers filled",
        missing="keep",
        allow_failed=True,
        classes={v.name: v.classes for v in kept if v.classes}
        | {f.name: f.classes for f in store.factors if f.classes},
        components={v.name: v.components for v in kept if v.components},
        long_names={v.name: v.long_name for v in kept if v.long_name},
    )


def _behind(names: Iterable[str], filled: Iterable[str], ending: str) -> str:
    """An ending behind the names of filled columns with which none bears the name of another.

    >>> _behind(["p", "T"], ["p"], "_std"), _behind(["p", "p_std"], ["p"], "_std")
    ('_std', '_imputed_std')
    """
    taken, names, behind = set(names), list(filled), ending
    while any(f"{name}{behind}" in taken for name in names):
        behind = f"_imputed{behind}"
    return behind


def _labels(variable: "Variable") -> list[str]:
    """Names of the columns of a variable: of a vector with the names of its numbers, or their places from 1 on."""
    if not variable.shape:
        return [variable.name]
    return [f"{variable.name}_{part}" for part in variable.components or range(1, variable.shape[0] + 1)]


def _write_csv(output: Path, store: "Store", found: "Imputed") -> None:
    """A column for each number and one for its deviation, empty where it was not filled; failed rows are empty."""
    from beable.files.disk import atomic_write

    heads, columns = list[str](), list[list[str]]()
    labels = {v.name: _labels(v) for v in store.variables if not v.diagnostic}
    beside = _beside(found, labels, [f.name for f in store.factors])
    classes = {v.name: v.classes for v in store.variables}
    for name, values in _all(store, found).items():
        behind, sure = beside.get(name, ("", None))
        for i, (label, column) in enumerate(zip(labels[name], values.reshape(store.rows, -1).T, strict=True)):
            heads.append(label)
            columns.append([_cell(x, classes[name]) for x in column])
            if sure is not None:
                heads.append(f"{label}{behind}")
                columns.append([_cell(x) if x > 0 else "" for x in sure.reshape(store.rows, -1)[:, i]])
    for factor, values in zip(store.factors, store.factor_values.T, strict=True):
        heads.append(factor.name)
        columns.append([_cell(x, factor.classes) for x in values])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(zip(*columns, strict=True))
    atomic_write(output, text.getvalue().encode())


def _cell(x: Any, classes: Sequence[str] = ()) -> str:
    """A number as the shortest text that is read as the same, the name of a class, or nothing for none.

    >>> _cell(0.1), _cell(1.0, ["solid", "gas"]), _cell(float("nan"))
    ('0.1', 'gas', '')
    """
    if x != x:
        return ""
    return classes[int(x)] if classes else repr(x.item() if hasattr(x, "item") else x)


def _say(run: Path, output: Path, store: "Store", found: "Imputed") -> None:
    total = sum(int(flags.sum()) for flags in found.filled.values())
    tell(f"Made {output}: {many(total, 'missing number')} of {many(store.rows, 'row')} filled by {run}.")
    cells = [
        [name, f"{int(flags.sum()):,}", _how_sure(found, name), unit]
        for (name, flags), unit in zip(found.filled.items(), _units(store, found), strict=True)
        if flags.any()
    ]
    table(["variable", "filled", "mean deviation", "unit"], cells[:MOST_SHOWN])
    if len(cells) > MOST_SHOWN:
        tell(f"and {len(cells) - MOST_SHOWN} more variables")
    tried = f"{found.hidden:,} numbers of rows that the run did not learn from were hidden and filled"
    if found.error != found.error:
        facts({"how good": f"cannot be told: {tried}, too few", "deviations": "those of the run, as they are"})
    else:
        facts(
            {
                "how good": f"{tried}: squared error {number(found.error)} of that of the mean",
                "deviations": "scaled so that 68 % of these lie within one",
                "weight of the members": f"{number(found.weight)}, the rest by a normal law of whole rows",
            }
        )
    if found.classes:
        right = f"{number(100 * found.right)} % of {found.classes:,} hidden ones were filled with the right one"
        facts({"classes": right})
    if output.suffix == ".zarr":
        next_step((["data", "info", output], "what it holds"))


def _how_sure(found: "Imputed", name: str) -> str:
    """Mean deviation of the filled numbers of a variable, or mean probability of the filled classes."""
    part = found.probability[name] if name in found.probability else found.deviation[name]
    sure = number(float(part[found.filled[name]].mean()))
    return f"probability {sure}" if name in found.probability else sure


def _units(store: "Store", found: "Imputed") -> list[str]:
    units = {v.name: v.unit for v in store.variables}
    return [units[name] for name in found.filled]
