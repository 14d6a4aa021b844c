"""The verbs sample and score: new snapshots from a run, and how likely given ones are to it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable import memory
from beable.checks import number as checked_number
from beable.commands.answers import beside
from beable.commands.opened import run_and_store
from beable.console.numbers import many
from beable.console.output import show
from beable.console.parameters import Count, Index, Output
from beable.console.progress import progress
from beable.console.tables import facts, next_step, table, tell
from beable.errors import BeableError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.datasets.store import Store
    from beable.training.run import Run

#: share of the ordinary rows that may be called odd
ODD = 0.01


def sample(
    run: Path,
    /,
    *,
    output: Output,
    rows: Count = 1000,
    member: Index = 0,
    conditions: Annotated[list[str], Parameter(consume_multiple=True, metavar="NAME=NUMBER...")] = [],  # noqa: B006
    seed: Index = 0,
    json: bool = False,
) -> None:
    """Make a data set of snapshots decoded from samples of the prior.

    Args:
        run: Run folder.
        output: Data set to make, or for particles a file of frames: .pdb, .xyz or .extxyz.
        rows: Number of snapshots.
        member: Which VAE of the ensemble.
        conditions: Values of the factors that the model is conditioned on, such as gravity=0.4.
        seed: Seed of the samples.
        json: Print the result as JSON.
    """
    with progress("sampling", quiet=json, first="loading PyTorch"):
        import numpy as np

        from beable.commands.decoded import check_output, write_snapshots
        from beable.training.declared import told_factors
        from beable.training.run import Run

        check_output(output)
        loaded = Run.load(run)
        _check_counts(loaded, rows, member, seed)
        known = _known(loaded, conditions)
        z = loaded.sample(rows, seed)
        every = np.tile([list(known.values())], (rows, 1)) if known else None
        snapshots = next(s for k, s in enumerate(loaded.decode(z, every)) if k == member)
        title = f"Samples of member {member} of the run {run.name}"
        store = write_snapshots(loaded, snapshots, output, title, told_factors(loaded.metadata, list(known)), every)
    names = loaded.variables
    if json:
        show({"path": output, **({"id": store.id} if store else {}), "rows": rows, "variables": names}, json=True)
        return
    at = f" at {', '.join(f'{name} = {value:g}' for name, value in known.items())}" if known else ""
    tell(f"Made {many(rows, 'snapshot')} of {', '.join(names)} by member {member} of {run}, from its prior{at}.")
    facts({"rows": f"{rows:,}", "seed": str(seed), "data set" if store else "file": str(output)})
    if store is None:
        next_step(
            (
                ["report", run],
                "what the run found",
            )
        )
        return
    next_step((["data", "info", output], "what it holds"), (["score", run, output], "how likely they are to the run"))


def _check_counts(run: "Run", rows: int, member: int, seed: int) -> None:
    if rows < 1 or seed < 0:
        raise UsageError(f"rows must be at least 1 and seed at least 0, not {rows} and {seed}")
    outputs = sum(math.prod(shape) for shape in run.metadata["shapes"].values())
    memory.refuse(
        f"{rows:,} samples", rows * 4 * (run.members * run.settings.model.latents + 3 * outputs), "ask for fewer --rows"
    )
    if not 0 <= member < run.members:
        raise UsageError(f"member must be from 0 to {run.members - 1}, not {member}")


def _known(run: "Run", given: list[str]) -> dict[str, float]:
    """Values of the factors that a model is conditioned on, in its order, from words such as gravity=0.4."""
    pairs = dict(word.partition("=")[::2] for word in given)
    if set(pairs) != set(run.conditions) or len(given) != len(pairs):
        wanted = " ".join(f"{name}=VALUE" for name in run.conditions) or "none"
        got = " ".join(given) or "none"
        raise UsageError(f"the model is conditioned on {wanted}, not {got}: give --conditions {wanted}")
    try:
        values = {name: float(pairs[name]) for name in run.conditions}
    except ValueError:
        raise UsageError(f"--conditions {' '.join(given)}: each must be a name, =, and a number") from None
    return {name: checked_number(name, value) for name, value in values.items()}


def score(run: Path, store: Path | None = None, /, *, top: Index = 10, json: bool = False) -> None:
    """Say how likely the snapshots of a data set are to a run, the least likely first; a high score is odd.

    Args:
        run: Run folder.
        store: Data set with the variables that the run learned from; the one it was trained on, where it was, by
            default.
        top: How many rows to name; all of them in JSON.
        json: Print the scores of all rows as JSON.
    """
    with progress("scoring", quiet=json, first="loading PyTorch") as said:
        import numpy as np

        said.begin("reading data")
        loaded, data = run_and_store(run, store)
        rows = np.asarray(data.valid_rows)
        said.begin("scoring")
        distortion, rate = _scores(loaded, data, rows)
        own = _own(run, loaded, data)
        lacks = _lacks(loaded, data) or (own is not None and _lacks(loaded, own))
        there = _there(loaded, data, rows) if lacks else None
        distortion, rate = (distortion, rate) if there is None else (distortion / there, rate / there)
        total = distortion + rate
        ordinary = None if own is None else _ordinary(loaded, own, data, total, lacks)
    p = _tails(ordinary, total)
    if json:
        numbers = {"row": rows, "distortion": distortion, "rate": rate, "total": total, "tail": p}
        about = {"compared_with": len(ordinary)} if ordinary is not None else {"compared_with": 0}
        counts = {} if there is None else {"per": "number that is there", "numbers": there.tolist()}
        show({name: values.tolist() for name, values in numbers.items()} | about | counts, json=True)
        return
    tell(_oddness(p, ordinary, len(rows)))
    _worst(rows, distortion, rate, p, top, 0 if ordinary is None else len(ordinary))
    per = "row" if there is None else "number that is there, of which rows have different counts"
    facts({"score": f"nats a {per} (distortion and rate together), median over members; high is odd",
           "median row": f"{np.median(total):,.1f} nats".replace("-", "−")})  # fmt: skip
    next_step((["report", run, *beside(store)], "how these rows are reconstructed"))


def _scores(run: "Run", store: "Store", rows: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[Any]]":
    """Distortion and rate of rows, medians over members, in nats."""
    import numpy as np

    from beable.training.data import held

    scores = run.score(held(store, run.variables, rows, run.conditions))
    return np.median(scores.distortion, axis=0), np.median(scores.rate.sum(2), axis=0)


def _lacks(run: "Run", store: "Store") -> bool:
    """Whether rows lack numbers beside a mask, so that their scores count by the number that is there."""
    return any(name in store.missing and store.missing[name].values for name in run.variables)


def _there(run: "Run", store: "Store", rows: "NDArray[Any]") -> "NDArray[Any]":
    """Numbers of each row that are there, one at least."""
    import numpy as np

    there = np.zeros(len(rows))
    for name in run.variables:
        values = store.read(name, rows)
        there += (~np.isnan(values.reshape(len(rows), -1))).sum(1)
    return np.maximum(there, 1)


def _own(path: Path, run: "Run", store: "Store") -> "Store | None":
    """The data set that a run was trained on; None where it is not at hand."""
    from beable.training.place import store_of

    if store.id == run.metadata["store"]:
        return store
    try:
        return store_of(path, run.metadata)
    except BeableError:
        return None


def _ordinary(run: "Run", own: "Store", store: "Store", total: "NDArray[Any]", lacks: bool) -> "NDArray[Any]":
    """Scores of the rows of its own data that a run never saw; those of the store, if it is that, are known."""
    import numpy as np

    if own is store:
        return np.asarray(total[np.isin(store.valid_rows, run.held_rows)])
    there = _there(run, own, run.held_rows) if lacks else 1.0
    return np.asarray(np.add(*_scores(run, own, run.held_rows)) / there)


def _tails(ordinary: "NDArray[Any] | None", total: "NDArray[Any]") -> "NDArray[Any]":
    """Share of ordinary rows that score as high or higher, the row itself counted; NaN without any."""
    import numpy as np

    from beable.metrics.anomaly import conformal_pvalues

    return np.full(len(total), np.nan) if ordinary is None else conformal_pvalues(ordinary, total)


def _oddness(p: "NDArray[Any]", ordinary: "NDArray[Any] | None", rows: int) -> str:
    """How many rows are odd, beside how many would be by chance."""
    if ordinary is None:
        return (
            f"How odd these {many(rows, 'row')} are cannot be told: the data set that the run was trained on is not "
            "where it lay, so that there are no ordinary rows to compare with. The highest scores:"
        )
    least = 1 / (len(ordinary) + 1)
    if least > ODD:
        beyond = int((p <= least).sum())
        return (
            f"{beyond} of {many(rows, 'row')} score higher than every one of the {len(ordinary)} held-out rows; "
            f"{rows * least:.2g} would by chance. High is odd."
        )
    odd = int((p <= ODD).sum())
    return (
        f"{odd} of {many(rows, 'row')} are odd: they score higher than {100 * (1 - ODD):.0f} % of the "
        f"{len(ordinary):,} held-out rows that the run did not learn from; {rows * ODD:.2g} would by chance. High is "
        "odd."
    )


def _worst(
    rows: "NDArray[Any]", distortion: "NDArray[Any]", rate: "NDArray[Any]", p: "NDArray[Any]", top: int, ordinary: int
) -> None:
    total = distortion + rate
    order = (-total).argsort(kind="stable")[: max(top, 0)]
    cells = [
        [
            f"{rows[i]:,}",
            *(f"{x[i]:,.1f}".replace("-", "−") for x in (total, distortion, rate)),
            beside_ordinary(p[i], ordinary),
        ]
        for i in order
    ]
    if cells:
        table(["row", "score (nats)", "distortion (nats)", "rate (nats)", "than held-out rows"], cells)


def beside_ordinary(p: float, ordinary: int) -> str:
    """How odd a row is, in words.

    Args:
        p: share of ordinary rows and itself that score as high.
        ordinary: number of ordinary rows.

    >>> beside_ordinary(0.01, 99), beside_ordinary(0.25, 99), beside_ordinary(float("nan"), 0)
    ('higher than all 99', 'higher than 75 %', 'cannot be told')
    """
    if math.isnan(p):
        return "cannot be told"
    if p < 1.5 / (ordinary + 1):
        return f"higher than all {ordinary:,}"
    return f"higher than {100 * (1 - p):.3g} %"
