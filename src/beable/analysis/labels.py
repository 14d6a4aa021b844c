"""How far labelled latents are from their factors, in the factors' own units, on rows that had no labels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.records import readable
from beable.datasets.store import Store
from beable.records import fields, plain
from beable.training.data import factors
from beable.training.run import Posterior, Run

FloatArray = NDArray[np.floating]


@readable
class LabelErrors(NamedTuple):
    """Factors as labelled latents tell them.

    Args:
        names, units: of the labelled factors.
        number: labelled training rows of each member, (members,).
        rows: rows judged, of which none had a label in training.
        error: root mean square error of each factor, in its own unit, (members, names).
        spread: standard deviation of each factor over the rows judged, the error of a constant guess, (names,).
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    number: NDArray[np.int64]
    rows: int
    error: FloatArray
    spread: FloatArray

    def as_json(self) -> dict[str, Any]:
        """Every number; the error of each factor by name, one a member."""
        errors = {name: self.error[:, i] for i, name in enumerate(self.names)}
        return dict(plain(fields(self) | {"error": errors}))


def rows_to_judge_on(run: Run, store: Store, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows the factors are known of, and of which no label was shown to training.

    Args:
        run: a finished training.
        store: its data set, or another.
        rows: numbers of the rows.
    """
    usable = np.ones(len(rows), bool)
    if (labels := run.labels) is None:
        return usable
    own = [name for name in labels.names if name in [f.name for f in store.factors]]
    for values in factors(store, own, rows).values():
        usable &= np.isfinite(values)
    known = run.settings.objective.labels.known if run.settings.objective.labels else None
    if known is not None and known in [f.name for f in store.factors]:
        usable &= factors(store, [known], rows)[known] > 0
    if store.id == run.metadata["store"]:
        usable &= ~np.isin(rows, np.concatenate(labels.rows))
    return usable


def label_errors(
    run: Run, store: Store, codes: Posterior, rows: NDArray[np.int64], usable: NDArray[np.bool_]
) -> LabelErrors | None:
    """Errors of the labelled factors; None for a run without labels, or rows of which none can judge.

    Args:
        run: a finished training.
        store: the data set of the rows.
        codes: of the rows.
        rows: numbers of the rows.
        usable: which of them can judge.
    """
    labels = run.labels
    there = {f.name: f for f in store.factors}
    if labels is None or not usable.any() or not set(labels.names) <= set(there):
        return None
    judged = rows[usable]
    known = factors(store, labels.names, judged)
    truth = np.stack([known[name] for name in labels.names], axis=1)
    estimate = labels.in_own_unit(codes.mean[:, usable], codes.std[:, usable])[0]
    error = np.sqrt(np.square(estimate - truth).mean(1))
    units = tuple(there[name].unit for name in labels.names)
    return LabelErrors(labels.names, units, np.array(labels.number), len(judged), error, truth.std(0))
