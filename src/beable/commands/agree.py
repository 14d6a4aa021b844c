"""The verb agree: what trainings agree on, and how far to trust them, without labels."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beable.console.output import show
from beable.console.progress import progress

Output = Annotated[Path | None, Parameter(alias="-o")]


def agree(
    run: Path, store: Path, /, *, output: Output = None, members: int = 12, threads: int = 1, json: bool = False
) -> None:
    """Say what trainings agree on; where members share a start, train a companion from different ones first.

    Parameters
    ----------
    run
        Run folder.
    store
        Data set it was trained on.
    output
        Run folder of the companion; beside the run, with -agree behind its name, by default.
    members
        Trainings of the companion.
    threads
        Threads of PyTorch.
    json
        Print every number as JSON.
    """
    from beable.analysis.agree import agree as ask
    from beable.datasets.store import Store
    from beable.training.run import Run

    loaded, data = Run.load(run), Store.open(store)
    path = output or run.with_name(f"{run.resolve().name}-agree")
    with progress("training", quiet=json) as tick:
        found = ask(loaded, data, path, members=members, progress=tick, threads=threads)
    show(found.as_json() if json else found.summary(), json=json)
