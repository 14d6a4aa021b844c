"""The verb design: designs whose simulation gives what was asked for."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.console.numbers import many, number, typed
from beable.console.output import show
from beable.console.parameters import Count, Index, Number, Output, Scheduler, Settings, Workers
from beable.console.progress import progress
from beable.console.settings import given
from beable.console.tables import facts, table, tell
from beable.errors import DataError, UsageError
from beable.system import SYSTEMS

if TYPE_CHECKING:
    from beable.datasets.store import Store
    from beable.design.outcomes import Target
    from beable.design.search import Designs
    from beable.simulator import Simulator

Ranges = Annotated[list[str], Parameter(consume_multiple=True, metavar="NAME=RANGE...")]


def design(
    simulator: Annotated[str, Parameter(choices=tuple(SYSTEMS), metavar="CHOICE")],
    /,
    *,
    output: Output,
    target: Ranges = [],  # noqa: B006
    match: Annotated[str | None, Parameter(metavar="FIELD")] = None,
    tolerance: Number = 0.01,
    designs: Count = 8,
    calls: Count = 200,
    within: Ranges = [],  # noqa: B006
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    data: Path | None = None,
    run: Path | None = None,
    diversity: Number = 0.05,
    confirm: bool = False,
    seed: Index = 0,
    workers: Workers = None,
    dask: Scheduler = None,
    json: bool = False,
) -> None:
    """Find different designs whose simulation gives a wanted outcome, or go on where a search was interrupted.

    Args:
        simulator: Name of the simulator.
        output: Folder for every call, designs.json and designs.csv.
        target: Outcome and value or range, such as packing_fraction=0.65, packing_fraction=0.6:0.65 or
            pressure.max=0.3; several are asked for at once.
        match: Field to match, instead or too, such as pressure.npy or pressure=field.npy.
        tolerance: How far from a value is near enough; for a field the relative misfit.
        designs: How many designs to find.
        calls: Simulations at most.
        within: Constraints on factors, such as median_1=1:2, mass_fraction_3=0.2, median_3/median_1=1:4, or a cost:
            20*mass_fraction_1+5*mass_fraction_2=:9.
        config: TOML file with settings of the simulator.
        set: Settings of the simulator, such as grid=33; they win over the file.
        data: Data set of the same factors to learn from.
        run: Run on a table of the factors, whose samples are further candidates.
        diversity: What distance between designs counts against their chance to succeed.
        confirm: Simulate each design found a second time, independently.
        seed: Seed of candidates and simulations.
        workers: Processes; all cores by default.
        dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
        json: Print the result as JSON.
    """
    from beable.cluster import dask as at
    from beable.files.disk import held

    telling = progress("calls", quiet=json, first="preparing the simulator")
    with held(output), at(dask, workers) as place, telling as report:
        from beable.design.search import find_designs

        store = _store(data)
        model = _simulator(simulator, given(config, set), store)
        aim = _target(model, target, match, tolerance)
        names = [factor.name for factor in model.factors]
        found = find_designs(
            model,
            aim,
            constraints=_constraints(within),
            designs=designs,
            calls=calls,
            known=None if store is None else _known(store, names, aim),
            latent=None if run is None else _latent(run, model, seed),
            diversity=diversity,
            confirm=confirm,
            seed=seed,
            folder=output,
            progress=report,
            **place._asdict(),
        )
    _write(output, model, found)
    _refuse_nothing(found)
    if json:
        show({"path": output, **found.as_json()}, json=True)
        return
    _say(output, found, designs)


def _store(path: Path | None) -> "Store | None":
    from beable.datasets.store import Store

    return None if path is None else Store.open(path)


def _simulator(name: str, settings: Mapping[str, Any], store: "Store | None") -> "Simulator":
    """The simulator with the settings; without any, with those of its data set."""
    from beable.system import SYSTEMS

    make = SYSTEMS.simulator(name)
    if not settings and store is not None and store.simulator == name:
        settings = store.settings
    made: Simulator = make(**settings)
    return made


def _pair(option: str, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise UsageError(f"{option} {word}: give a name, =, and a value")
    return name.strip(), value.strip()


def _constraints(words: list[str]) -> dict[str, float | tuple[float, float]]:
    pairs = list(map(_constraint, words))
    if len(dict(pairs)) < len(pairs):
        raise UsageError(f"--within {' '.join(words)}: a name stands there twice: give each once")
    return dict(pairs)


def _constraint(word: str) -> tuple[str, float | tuple[float, float]]:
    name, value = _pair("--within", word)
    return name, _numbers("--within", word, value, (-math.inf, math.inf))


def _numbers(
    option: str, word: str, value: str, absent: tuple[float, float] | None = None
) -> float | tuple[float, float]:
    """A number, or two with a colon between, of which one may be left out where that has a meaning."""
    words = value.split(":")
    try:
        ends = [float(end) if end or absent is None else absent[i] for i, end in enumerate(words)]
    except (ValueError, IndexError):
        ends = []
    if len(ends) not in (1, 2):
        raise UsageError(f"{option} {word}: give a number, or a range such as 0.6:0.65")
    return ends[0] if len(ends) == 1 else (ends[0], ends[1])


def _target(simulator: "Simulator", targets: list[str], match: str | None, tolerance: Number) -> "Target":
    """What is asked for, all of it at once."""
    from beable.design.outcomes import Outcome, Target

    if not targets and match is None:
        raise UsageError("give --target NAME=VALUE or --match FIELD.npy")
    found = [_asked(simulator, word, tolerance) for word in targets]
    if match is not None:
        variable, _, file = match.rpartition("=")
        field = Outcome.of(simulator, variable or Path(file).stem, _field(Path(file)))
        found.insert(0, Target.around(field, 0.0, tolerance))
    return Target.all_of(found)


def _asked(simulator: "Simulator", word: str, tolerance: Number) -> "Target":
    from beable.design.outcomes import Outcome, Target

    name, value = _pair("--target", word)
    outcome, ends = Outcome.of(simulator, name), _numbers("--target", word, value)
    return Target(outcome, *ends) if isinstance(ends, tuple) else Target.around(outcome, ends, tolerance)


def _field(path: Path) -> Any:
    from beable.inputs import npy

    return npy(path, "--match")


def _known(store: "Store", names: list[str], target: "Target") -> Any:
    from beable.design.proposals import Known

    return Known.of(store, names, target)


def _latent(path: Path, model: "Simulator", seed: int) -> Any:
    from beable.design.latents import decoded
    from beable.training.run import Run

    units = {factor.name: factor.unit for factor in model.factors}
    return decoded(Run.load(path), list(units), seed=seed, units=units)


def _write(folder: Path, simulator: "Simulator", found: "Designs") -> None:
    from beable.files.disk import output
    from beable.files.json_files import encode_json

    about = {"simulator": simulator.name, "settings": simulator.settings.model_dump(mode="json"), **found.as_json()}
    output(folder / "designs.json", encode_json(about, folder / "designs.json"))
    text = io.StringIO()
    rows = found.as_json()["calls"]
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(row for row in rows if row["found"])
    output(folder / "designs.csv", text.getvalue().encode())


def _refuse_nothing(found: "Designs") -> None:
    if not found.found.any():
        each = found.target.each
        reached = [
            (f"{t.outcome.name} " if len(each) > 1 else "") + "{:.4g} to {:.4g}".format(*found.reached_by(i))
            for i, t in enumerate(each)
        ]
        raise DataError(
            f"no design with {found.target} in {len(found)} calls, which reached {', '.join(reached)}: choose a target "
            "in there, loosen --within, or allow more --calls"
        )


def _say(folder: Path, found: "Designs", wanted: int) -> None:
    about = found.as_json()
    tell(
        f"Found {about['found']} of {many(wanted, 'design')} with {found.target} in {many(len(found), 'simulation')}, "
        "each of them simulated."
    )
    told = {"share of proposals within": number(about["share"]), "designs": str(folder / "designs.csv")}
    if about["confirmed"] is not None:
        told["share that a second simulation confirms"] = number(about["confirmed"])
    facts(told | {"every call": str(folder / "designs.json")})
    _table(found)


def _table(found: "Designs") -> None:
    """The designs found, one a line."""
    names = [t.outcome.name for t in found.target.each]
    outcome, error = (numbers.reshape(len(found), -1) for numbers in (found.outcome, found.error))
    rows = []
    for call in found.found.nonzero()[0].tolist():
        made = [f"{y:.4g}" + (f" ± {e:.2g}" if e else "") for y, e in zip(outcome[call], error[call], strict=True)]
        rows.append([*map(typed, found.values[call].tolist()), *made])
    table([*found.factors, *names], rows, left=0)
