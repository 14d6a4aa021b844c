"""What pages and verbs say of a training that had labels."""

import numpy as np

from beable.analysis.labels import LabelErrors
from beable.console.numbers import number
from beable.errors import listed
from beable.report.page import Cell, Text
from beable.training.run import Run


def label_words(run: Run) -> str:
    """Which factors had labels in how many rows, and what that means for the answers; nothing without labels."""
    if (labels := run.labels) is None:
        return ""
    low, high = min(labels.number), max(labels.number)
    rows = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    agree = " Members agree on them because of the labels, not because the data show them." if run.members > 1 else ""
    return (
        f"Labels were used: {listed(labels.names)} of {rows} training rows told {_latents(len(labels.names))} what to "
        f"be; the rows judged never had labels.{agree}"
    )


def _latents(count: int) -> str:
    return "the first latent" if count == 1 else f"the first {count} latents"


def label_facts(found: LabelErrors | None) -> dict[str, tuple[str, str]]:
    """Median error of each labelled factor over members, and what a constant guess is off by, in its own unit."""
    if found is None:
        return {}
    errors = dict(zip(found.names, found.error.T, strict=True))
    spreads = dict(zip(found.names, found.spread, strict=True))
    units = {name: "" if unit in ("", "1") else f" {unit}" for name, unit in zip(found.names, found.units, strict=True)}
    return {name: (_span(e) + units[name], number(spreads[name]) + units[name]) for name, e in errors.items()}


def _span(values: np.ndarray) -> str:
    low, middle, high = (number(float(x)) for x in (values.min(), np.median(values), values.max()))
    return middle if low == high else f"{middle} ({low} to {high})"


def label_rows(found: LabelErrors | None) -> list[list[Cell | Text]]:
    """Rows of the table of a run: the error of each labelled factor beside that of a constant guess."""
    return [
        [f"error of {name}, which had labels", error, f"constant guess {spread}"]
        for name, (error, spread) in label_facts(found).items()
    ]
