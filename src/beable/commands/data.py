"""The verb around data sets: info."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.console.numbers import many, number
from beable.console.output import as_text, show
from beable.console.tables import facts, next_step, table, tell
from beable.errors import CorruptError, listed
from beable.records import plain
from beable.verdicts import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.datasets.look import Finding
    from beable.datasets.store import Store
    from beable.simulator import Variable

FAILURES_SHOWN, LONG_TABLE = 5, 10
RUN_KIND = "beable-run"


def info(path: Path, /, *, json: bool = False) -> None:
    """Show what a data set holds: rows, variables with units, factors, settings, versions, and what sticks out.

    Args:
        path: The data set.
        json: Print it as JSON.
    """
    from beable.datasets.look import look
    from beable.datasets.store import Store

    refuse_run(path)
    store = Store.open(path)
    found = look(store)
    if json:
        show({"path": path, **store.info(), "look": [finding.as_json() for finding in found]}, json=True)
        return
    say_store(store, found)
    say_origin(store)
    next_step((["fit", path, "-o", "run"], "train on it"))


def refuse_run(path: Path) -> None:
    """Send those who ask for a run to the verb that shows it.

    Raises:
        CorruptError: the folder is a run.
    """
    from beable.console.tables import command
    from beable.files.artefacts import MANIFEST, read_manifest

    if (path / MANIFEST).exists() and read_manifest(path).kind == RUN_KIND:
        raise CorruptError(f"{path}: a run, where a data set is expected: {command(['show', path])}")


def say_store(store: "Store", found: "Sequence[Finding] | None" = None) -> None:
    """Print what a data set holds, in a sentence and a table.

    Args:
        store: the data set.
        found: by a look at it; None where nobody looked.
    """
    good, bad = len(store.valid_rows), len(store.failures)
    failed = f", {many(bad, 'row')} of them failed" if bad else ""
    factors = many(len(store.factors), "known factor") if store.factors else "no known factors"
    seen = "" if found is None else f"; {many(len(found), 'thing')} to know of it" if found else "; nothing sticks out"
    tell(f"{many(store.rows, 'row')} of {many(len(store.variables), 'variable')}, {factors}{failed}{seen}.")
    for name, missing in store.missing.items():
        for line in missing.words(name, good):
            tell(f"  {line}")
    for finding in found or ():
        tell(f"  look: {finding.line}")
    _assessed(store)
    cells = [[v.name, "variable", _form(v), v.dtype, v.unit, ""] for v in store.variables]
    cells += [
        [f.name, "factor", "row", "", f.unit, listed(f.classes) or _span(values)]
        for f, values in zip(store.factors, store.factor_values.T, strict=True)
    ]
    heads = ["name", "what", "dimensions (length)", "numbers", "unit", "range in the rows"]
    filled = len(heads) if store.factors else len(heads) - 1  # only factors have a range
    table(heads[:filled], [row[:filled] for row in cells], left=6)
    if store.simulator is None and (readings := store.info()["taken_for"]):
        tell("taken for:")
        for name, reading in readings.items():
            tell(f"  {name}: {reading}")
    for row, reason in sorted(store.failures.items())[:FAILURES_SHOWN]:
        tell(f"  failed: row {row}: {reason}")
    if bad > FAILURES_SHOWN:
        tell(f"  and {bad - FAILURES_SHOWN} more; {many(good, 'row')} can be used")


def _span(values: "NDArray[Any]") -> str:
    """Smallest and largest of the values that are known.

    >>> import numpy as np
    >>> _span(np.array([2.0, np.nan, 1.0]))
    '1 to 2 (1 unknown)'
    >>> _span(np.array([3.0, 3.0]))
    'always 3'
    """
    known = values[values == values]
    unknown = f" ({len(values) - len(known)} unknown)" if len(known) < len(values) else ""
    if len(known) and known.min() == known.max():
        return f"always {number(known[0])}{unknown}"
    return f"{number(known.min())} to {number(known.max())}{unknown}" if len(known) else "none known"


def _assessed(store: "Store") -> None:
    """What the simulator says of its own rows."""
    if "equilibrated" in store.assessment:
        reasons = "; ".join(map(str, store.assessment.get("reasons") or ["all checks passed"]))
        tell(f"  equilibrated: {Verdict(store.assessment['equilibrated'], reasons)}")


def say_origin(store: "Store") -> None:
    """Print where a data set came from, with its settings."""
    about = store.info()
    facts(
        {
            "title": store.title or "–",
            "made by": store.simulator or "import",
            "seed": "–" if store.seed is None else str(store.seed),
            "size": f"{number(about['bytes'] / 1e6)} MB",
            "id": store.id[:12],
        }
    )
    taken = {} if store.simulator is None else about["taken_for"]  # said already
    for name, value in (about | {"taken_for": taken}).items():
        if value and name in ("settings", "assessment", "taken_for", "coordinates", "constants"):
            tell(as_text({name: _short(plain(value))}))


def _short(value: Any) -> Any:
    """Settings without tables of many rows."""
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    rows = isinstance(value, list) and len(value) > LONG_TABLE and isinstance(value[0], list)
    return f"{len(value)} rows" if rows else value


def _form(variable: "Variable") -> str:
    """Dimensions with their lengths: row, x (65), y (65)."""
    inner = zip(variable.dims, variable.shape, strict=True)
    return ", ".join(["row", *(f"{dim} ({length})" for dim, length in inner)])
