"""The verbs around data sets: info, verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable.console.output import show
from beable.errors import CorruptError

if TYPE_CHECKING:
    from beable.datasets.store import Store
    from beable.simulator import Variable

FAILURES_SHOWN = 10


def info(path: Path, /, *, json: bool = False) -> None:
    """Show what a data set holds: rows, variables with units, factors, settings, versions, and what sticks out.

    Args:
        path: The data set.
        json: Print it as JSON.
    """
    from beable.datasets.look import look
    from beable.datasets.store import Store

    store = Store.open(path)
    found = look(store)
    about = {"path": path, **store.info(), "look": [finding.as_json() for finding in found]}
    show(about if json else {**about, **_readable(store), "look": [finding.line for finding in found]}, json=json)


def _readable(store: "Store") -> dict[str, Any]:
    """Variables and factors as a line each, and no more failures than one reads."""
    failures = [f"row {row}: {reason}" for row, reason in store.failures.items()]
    return {
        "failures": failures[:FAILURES_SHOWN] + ["..."] * (len(failures) > FAILURES_SHOWN),
        "variables": {v.name: f"{_form(v)} of {v.dtype}, unit {v.unit}" for v in store.variables},
        "factors": {f.name: f"unit {f.unit}, from {f.low:g} to {f.high:g}" for f in store.factors},
    }


def _form(variable: "Variable") -> str:
    """Dimensions with their lengths: row, x (65), y (65)."""
    inner = zip(variable.dims, variable.shape, strict=True)
    return ", ".join(["row", *(f"{dim} ({length})" for dim, length in inner)])


def verify(path: Path, /, *, json: bool = False) -> None:
    """Read every byte of a data set; if something is damaged, name it and end with exit code 5.

    Args:
        path: The data set.
        json: Print the findings as JSON.
    """
    from beable.datasets.store import verify as problems_of

    problems = problems_of(path)
    show({"path": path, "whole": not problems, "problems": problems}, json=json)
    if problems:
        raise CorruptError(f"{path}: {len(problems)} problem{'s' if len(problems) > 1 else ''} found")
