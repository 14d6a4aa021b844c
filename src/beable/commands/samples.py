"""The verbs sample and score: new snapshots from a run, and how likely given ones are to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.checks import number
from beable.console.output import show
from beable.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.training.run import Run

Output = Annotated[Path, Parameter(alias="-o")]


def sample(
    run: Path,
    /,
    *,
    output: Output,
    rows: int = 1000,
    member: int = 0,
    conditions: Annotated[list[str], Parameter(consume_multiple=True)] = [],  # noqa: B006
    seed: int = 0,
    json: bool = False,
) -> None:
    """Make a data set of snapshots decoded from samples of the prior.

    Parameters
    ----------
    run
        Run folder.
    output
        Data set to make.
    rows
        Number of snapshots.
    member
        Which VAE of the ensemble.
    conditions
        Values of the factors that the model is conditioned on, such as gravity=0.4.
    seed
        Seed of the samples.
    json
        Print the result as JSON.
    """
    import numpy as np

    from beable.datasets.store import Store
    from beable.training.declared import kept_coordinates
    from beable.training.run import Run

    loaded = Run.load(run)
    _check_counts(loaded, rows, member, seed)
    known = _known(loaded, conditions)
    z = loaded.sample(rows, seed)
    every = np.tile([list(known.values())], (rows, 1)) if known else None
    snapshots = next(s for k, s in enumerate(loaded.decode(z, every)) if k == member)
    store = Store.from_arrays(
        output,
        snapshots,
        {name: np.full(rows, value) for name, value in known.items()},
        dims=loaded.metadata.get("dims"),
        units=loaded.metadata.get("units"),
        coordinates=kept_coordinates(loaded.metadata),
        title=f"Samples of member {member} of the run {run.name}",
    )
    show({"path": output, "id": store.id, "rows": rows, "variables": [v.name for v in store.variables]}, json=json)


def _check_counts(run: "Run", rows: int, member: int, seed: int) -> None:
    if rows < 1 or seed < 0:
        raise UsageError(f"rows must be at least 1 and seed at least 0, not {rows} and {seed}")
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
    return {name: number(name, value) for name, value in values.items()}


def score(run: Path, store: Path, /, *, top: int = 10, json: bool = False) -> None:
    """Say how likely the snapshots of a data set are to a run, the least likely first.

    Parameters
    ----------
    run
        Run folder.
    store
        Data set with the variables that the run learned from.
    top
        How many rows to name; all of them in JSON.
    json
        Print the scores of all rows as JSON.
    """
    import numpy as np

    from beable.datasets.store import Store
    from beable.training.data import read
    from beable.training.declared import check_declared
    from beable.training.run import Run

    loaded = Run.load(run)
    data = check_declared(loaded, Store.open(store))
    rows = np.asarray(data.valid_rows)
    scores = loaded.score(read(data, loaded.variables, rows, loaded.conditions))
    distortion, rate = (np.median(part, axis=0) for part in (scores.distortion, scores.rate.sum(2)))
    if json:
        numbers = {"row": rows, "distortion": distortion, "rate": rate, "total": distortion + rate}
        show({name: values.tolist() for name, values in numbers.items()}, json=True)
        return
    show(_worst(rows, distortion, rate, top), json=False)


def _worst(rows: "NDArray[Any]", distortion: "NDArray[Any]", rate: "NDArray[Any]", top: int) -> dict[str, Any]:
    total = distortion + rate
    order = (-total).argsort(kind="stable")[: max(top, 0)]
    lines = [f"row {rows[i]}: {total[i]:.1f} (distortion {distortion[i]:.1f}, rate {rate[i]:.1f})" for i in order]
    return {"nats a row, median over members": lines, "median row": f"{sorted(total)[len(total) // 2]:.1f}"}
