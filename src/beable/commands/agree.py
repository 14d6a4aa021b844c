"""The verb agree: what trainings agree on, and how far to trust them, without labels."""

from pathlib import Path

from beable.commands.answers import say_agreed
from beable.commands.opened import run_and_store
from beable.console.output import show
from beable.console.parameters import Count, Outputs, Threads
from beable.console.progress import progress
from beable.console.tables import facts, next_step


def agree(
    run: Path,
    store: Path | None = None,
    /,
    *,
    output: Outputs = None,
    members: Count = 12,
    threads: Threads = 1,
    json: bool = False,
) -> None:
    """Say what trainings agree on; where members share a start, train a companion from different ones first.

    Args:
        run: Run folder.
        store: Data set it was trained on; where it was when the run was trained, by default.
        output: Run folder of the companion; beside the run, with -agree behind its name, by default.
        members: Trainings of the companion.
        threads: Threads of PyTorch.
        json: Print every number as JSON.
    """
    path = output or run.with_name(f"{run.resolve().name}-agree")
    with progress("training", quiet=json, first="loading PyTorch") as tick:
        from beable.analysis.agree import agree as ask
        from beable.analysis.agree import is_mixed

        tick.begin("reading data")
        loaded, data = run_and_store(run, store)
        found = ask(loaded, data, path, members=members, progress=tick, threads=threads)
    if json:
        show(found.as_json(), json=True)
        return
    say_agreed(found)
    asked = run if is_mixed(loaded) else path
    facts({"asked": str(asked), "held-out rows": f"{found.rows:,}"})
    next_step((["report", asked], "a page of these trainings"))
