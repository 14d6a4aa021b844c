"""The verb simulate: a data set with the simulator of any system, its options those of the simulator's settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.commands.data import say_store
from beable.commands.opened import held_unless_whole
from beable.console.options import options_of, tree_of, with_options
from beable.console.output import show
from beable.console.parameters import Count, Index, Number, Output, Scheduler, Settings, Workers
from beable.console.progress import progress
from beable.console.settings import given
from beable.console.tables import next_step, tell
from beable.settings import merged, refuse_kinds
from beable.system import SYSTEMS

if TYPE_CHECKING:
    from beable.datasets.store import Store
    from beable.simulator import Simulator

WORK = Parameter(group="Work")
HELP = """Make a data set with the simulator {name}, or complete one that was interrupted.

Args:
    output: Folder to make.
    rows: Number of snapshots.
    seed: Seed of all random numbers.
    config: TOML file with any of the settings.
    set: Settings such as {one}=VALUE, with a value as TOML writes it; they win over the file, options over both.
    failure_limit: Share of rows that may fail.
    workers: Processes; all cores by default.
    dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
    json: Print the result as JSON.
"""


def __getattr__(name: str) -> Callable[..., None]:
    """The verb of a system, made when it is called; so that help of others imports nothing of it."""
    if name not in SYSTEMS:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    return verb(name)


def verb(name: str) -> Callable[..., None]:
    """The function of ``beable simulate NAME``.

    Args:
        name: of a system.
    """
    model = SYSTEMS.settings(name)
    options = list(options_of(model))

    def simulate(
        *,
        output: Output,
        rows: Count,
        seed: Index = 0,
        config: Path | None = None,
        set: Settings = [],  # noqa: B006
        failure_limit: Annotated[Number, WORK] = 0.01,
        workers: Annotated[Workers, WORK] = None,
        dask: Annotated[Scheduler, WORK] = None,
        json: bool = False,
        **chosen: Any,
    ) -> None:
        refuse_kinds(model, own := given(config, set), f"setting of {name}")
        settings = merged(own, tree_of(options, chosen))
        limits = {"seed": seed, "failure_limit": failure_limit}
        with held_unless_whole(output):
            simulator = SYSTEMS.simulator(name)(**settings)
            _simulate(simulator, output, rows, json=json, workers=workers, dask=dask, **limits)

    simulate.__doc__ = HELP.format(name=name, one=next(iter(model.model_fields), "NAME"))
    with_options(simulate, options)
    return simulate


def _simulate(
    simulator: "Simulator",
    output: Path,
    rows: int,
    *,
    json: bool,
    workers: int | None,
    dask: str | None,
    **options: Any,
) -> None:
    """Generate, with progress, and say what came of it."""
    from beable.cluster import dask as at
    from beable.datasets.generate import generate

    begun = monotonic()
    with at(dask, workers) as place, progress("rows", quiet=json, first="preparing the simulator") as report:
        where = output.absolute() if dask else output
        store = generate(simulator, where, rows, progress=report, **place._asdict(), **options)
    seconds = round(monotonic() - begun, 2)
    if json:
        show({"path": output, **_summary(store), "seconds": seconds}, json=True)
        return
    tell(f"Made {output} with the simulator {simulator.name} in {seconds:g} s.")
    say_store(store)
    next_step((["fit", output, "-o", "run"], "train on it"), (["data", "info", output], "all that it holds"))


def _summary(store: "Store") -> Mapping[str, Any]:
    about = store.info()
    kept = {name: about[name] for name in ("id", "rows", "good", "failures", "bytes")}
    verdict = {k: store.assessment[k] for k in ("equilibrated", "reasons") if k in store.assessment}
    return kept | {"variables": [v.name for v in store.variables]} | verdict
