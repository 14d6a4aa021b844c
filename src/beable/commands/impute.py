"""The verb impute: fill what is missing of a data set, with a standard deviation for each filled number."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.commands.answers import many
from beable.commands.opened import run_and_store
from beable.console.numbers import number
from beable.console.output import show
from beable.console.parameters import Count, Index, Output
from beable.console.progress import progress
from beable.console.tables import facts, next_step, table, tell
from beable.errors import OutputError, UsageError

if TYPE_CHECKING:
    from beable.analysis.imputation import Imputed
    from beable.datasets.store import Store

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

    Parameters
    ----------
    run
        Run folder.
    store
        Data set to fill, imported with --missing keep; the one that the run was trained on by default.
    output
        What to make: filled.csv, with NAME_std or NAME_probability beside each column, or a data set like filled.zarr.
    samples
        Samples of the latents, for each row and member.
    seed
        Seed of the samples.
    json
        Print the result as JSON.
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
    fields = [v.name for v in store.variables if not v.diagnostic and len(v.shape) > 1]
    if output.suffix == ".csv" and fields:
        raise UsageError(f"{output}: {fields[0]} is a field, which is no column of a table: give a name in .zarr")


def _all(store: "Store", found: "Imputed") -> dict[str, Any]:
    """All variables but diagnostics, filled where the run learned them."""
    return {v.name: found.values.get(v.name, store.read(v.name)) for v in store.variables if not v.diagnostic}


def _beside(found: "Imputed") -> dict[str, tuple[str, Any]]:
    """By name of a variable, what says how sure its filled numbers or classes are, and the name of that."""
    numbers = {name: (f"{name}{DEVIATION}", part) for name, part in found.deviation.items()}
    return numbers | {name: (f"{name}{PROBABILITY}", part) for name, part in found.probability.items()}


def _classes(store: "Store") -> dict[str, tuple[str, ...]]:
    """Names of the classes of variables and factors, by name."""
    return {v.name: tuple(v.classes) for v in store.variables} | {f.name: tuple(f.classes) for f in store.factors}


def _write_store(output: Path, store: "Store", found: "Imputed") -> None:
    from beable.datasets.store import Store

    values = _all(store, found)
    beside = _beside(found)
    variables = {v.name: v for v in store.variables}
    dims = {v.name: v.dims for v in store.variables if v.name in values}
    dims |= {label: variables[name].dims for name, (label, _) in beside.items()}
    units = {v.name: v.unit for v in store.variables if v.name in values} | {f.name: f.unit for f in store.factors}
    held = {*values, *(f.name for f in store.factors)}
    units |= {label: variables[name].unit for name, (label, _) in beside.items()}
    Store.from_arrays(
        output,
        values | dict(beside.values()),
        {f.name: column for f, column in zip(store.factors, store.factor_values.T, strict=True)},
        units=units,
        dims=dims,
        coordinates=store.coordinates,
        symbols={f.name: f.symbol for f in store.factors},
        classes={name: names for name, names in _classes(store).items() if names and name in held},
        title=f"{store.title}, missing numbers filled",
        missing="keep",
        allow_failed=True,
    )


def _write_csv(output: Path, store: "Store", found: "Imputed") -> None:
    """A column for each number and one for its deviation, empty where it was not filled; failed rows are empty."""
    from beable.files import atomic_write

    columns: dict[str, list[str]] = {}
    classes = _classes(store)
    beside = _beside(found)
    for name, values in _all(store, found).items():
        named, deviation = beside.get(name, ("", None))
        kind = named.removeprefix(name)
        for i, column in enumerate(values.reshape(store.rows, -1).T):
            label = name if values.ndim == 1 else f"{name}_{i + 1}"
            columns[label] = [_cell(x, classes.get(name, ())) for x in column]
            if deviation is not None:
                spread = deviation.reshape(store.rows, -1)[:, i]
                columns[f"{label}{kind}"] = [_cell(x) if x > 0 else "" for x in spread]
    for factor, values in zip(store.factors, store.factor_values.T, strict=True):
        columns[factor.name] = [_cell(x, factor.classes) for x in values]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
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
