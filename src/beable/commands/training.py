"""The verbs fit, evaluate, report and rd: train on any store of fields, judge the run, show it."""

import re
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError

from beable.console.output import show
from beable.console.progress import progress
from beable.errors import UsageError, unknown
from beable.training.run import RunSettings, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.analysis.evaluation import Evaluation
    from beable.datasets.store import Store
    from beable.training.run import Run

Output = Annotated[Path, Parameter(alias="-o")]


def fit(
    store: Path,
    /,
    *,
    output: Output,
    variables: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    latents: int | None = None,
    condition: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    prior: str | None = None,
    beta: float | None = None,
    members: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    start: str | None = None,
    patience: int | None = None,
    held_out: float | None = None,
    seed: int | None = None,
    representation: str | None = None,
    modes: int | None = None,
    energy: float | None = None,
    scaling: str | None = None,
    config: Path | None = None,
    threads: int = 1,
    json: bool = False,
) -> None:
    """Train an ensemble of VAEs on a data set; take up again what an interruption left.

    Parameters
    ----------
    store
        Data set to learn from.
    output
        Run folder to make.
    variables
        Variables to learn from; by default all fields, or all numbers where there are none.
    latents
        Number of latents [2].
    condition
        Factors of the data set that encoder and decoder are told.
    prior
        standard, gaussian, hierarchical or mixture [standard].
    beta
        Weight of the rate; 1 is the evidence lower bound [1].
    members
        Number of VAEs trained together [16].
    steps
        Number of gradient steps [4000].
    batch
        Rows in a batch [128].
    learning_rate
        Of Adam [0.003].
    start
        ica, pca or random [ica].
    patience
        Stop when no member improved on held-out rows for so many records.
    held_out
        Share, or number, of rows held out [0.25].
    seed
        Seed of the training [0].
    representation
        modes, fields, coordinates, distances, density, joint or table [modes; coordinates for particles, table for
        numbers that lie on no grid].
    modes
        Number of modes, instead of the kept energy.
    energy
        Share of the energy that the modes keep [0.9999999].
    scaling
        channel or none [channel].
    config
        TOML file with any of the settings; flags win over it.
    threads
        Threads of PyTorch.
    json
        Print results as JSON.
    """
    from beable.datasets.store import Store

    chosen: dict[str, Any] = {
        "variables": variables,
        "representation": {"kind": representation, "modes": modes, "energy": energy, "scaling": scaling},
        "model": {"latents": latents, "prior": prior, "condition": condition},
        "objective": {"beta": None if beta is None else {"kind": "constant", "beta": beta}},
        "training": {
            "members": members,
            "steps": steps,
            "batch": batch,
            "learning_rate": learning_rate,
            "start": start,
            "patience": patience,
            "held_out": held_out,
            "seed": seed,
        },
    }
    data = Store.open(store)
    settings = _settings(config, chosen)
    with progress("training", quiet=json) as tick:
        run = train(data, output, settings, progress=tick, threads=threads)
    from beable.analysis.evaluation import evaluate as judge

    evaluation = judge(run, data)
    _warn(evaluation)
    show(evaluation.as_json() | _learned(run) | {"run": str(output), "cpu_seconds": run.cpu_seconds}, json=json)


def _learned(run: "Run") -> dict[str, Any]:
    """What a run learned from, and in which representation, where neither may have been chosen by hand."""
    return {"variables": run.variables, "representation": run.settings.representation["kind"]}


def _warn(evaluation: "Evaluation") -> None:
    """Say on standard error which members learned nothing."""
    if evaluation.regularisation is None or not evaluation.regularisation.over_regularised.any():
        return
    bad = evaluation.regularisation.over_regularised
    numbers = ", ".join(str(k) for k in bad.nonzero()[0])
    warnings.warn(
        f"{bad.sum()} of {len(bad)} members are over-regularised ({numbers}): their latents do no better than the mean "
        "of the data; lower --beta, or set objective.reconstruction_steps in a file for --config",
        stacklevel=2,
    )


def _settings(config: Path | None, chosen: dict[str, Any]) -> RunSettings:
    """Settings from a file, with what was chosen on the command line in place of its values."""
    from json import dumps

    from beable.studies.study import merged

    tree = merged(_read_toml(config) if config else {}, _given(chosen))
    try:
        return RunSettings.model_validate_json(dumps(tree))
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> UsageError:
    """The first complaint about the settings; of a name that is not known the nearest."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).endswith("float"))
    if first["type"] == "literal_error":
        return unknown(place, str(first["input"]), re.findall("'([^']*)'", first["ctx"]["expected"]))
    if first["type"] == "extra_forbidden" and (known := _known(first["loc"][:-1])):
        return unknown("setting", place, [".".join(str(part) for part in (*first["loc"][:-1], name)) for name in known])
    return UsageError(f"setting {place}: {first['msg']}, got {first['input']!r}")


def _known(place: tuple[int | str, ...]) -> list[str]:
    """Names of the settings at a place; none where it depends on a choice."""
    model: Any = RunSettings
    for part in place:
        model = getattr(model.model_fields.get(part), "annotation", None)
        if not hasattr(model, "model_fields"):
            return []
    return list(model.model_fields)


def _given(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without what was left out."""
    inner = {key: _given(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return {key: value for key, value in inner.items() if value is not None and value != {}}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file: give the path of a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}: mend the file") from None


def evaluate(run: Path, store: Path, /, *, json: bool = False) -> None:
    """Judge a run on held-out rows: errors, rates, latents against factors.

    Parameters
    ----------
    run
        Run folder.
    store
        Data set it was trained on, or another with the same variables.
    json
        Print results as JSON.
    """
    from beable.analysis.evaluation import evaluate as judge

    loaded, data, rows = _open(run, store)
    evaluation = judge(loaded, data, rows)
    _warn(evaluation)
    show(evaluation.as_json(), json=json)


def _open(run: Path, store: Path) -> "tuple[Run, Store, NDArray[Any]]":
    """A run, a store, and the rows to judge: those held out, or all that succeeded in another store."""
    import numpy as np

    from beable.datasets.store import Store
    from beable.training.run import Run

    loaded, data = Run.load(run), Store.open(store)
    same = data.id == loaded.about["store"]
    return loaded, data, loaded.held_rows if same else np.asarray(data.good)


def report(
    run: Path, store: Path, /, *, output: Output = Path("report.html"), title: str | None = None, json: bool = False
) -> None:
    """Write a self-contained HTML report of a run.

    Parameters
    ----------
    run
        Run folder.
    store
        Data set it was trained on, or another with the same variables.
    output
        HTML file to write.
    title
        Headline of the page.
    json
        Print the path as JSON.
    """
    from beable.analysis.evaluation import evaluate as judge
    from beable.files import atomic_write
    from beable.report.page import render
    from beable.report.run import run_page

    if not output.parent.is_dir():
        raise UsageError(f"{output}: its folder does not exist: make it first")
    loaded, data, rows = _open(run, store)
    command = f"beable report {run.name} {store.name} -o {output.name}"
    page = run_page(loaded, data, judge(loaded, data, rows), title or f"Report of {run.name}", command)
    atomic_write(output, render(page).encode())
    show({"report": str(output.resolve())}, json=json)


def rd(
    store: Path,
    /,
    *,
    output: Output,
    betas: Annotated[list[float], Parameter(consume_multiple=True)] = [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0],  # noqa: B006
    seeds: int = 4,
    variables: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    latents: int = 2,
    sigma: float | None = None,
    steps: int = 3000,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Trace rate against distortion: one stacked training over many beta, and a page beside the run folder.

    Parameters
    ----------
    store
        Data set to learn from.
    output
        Run folder to make.
    betas
        Weights of the rate.
    seeds
        VAEs for each beta.
    variables
        Variables to learn from; by default all fields, or all numbers where there are none.
    latents
        Number of latents.
    sigma
        Fixed standard deviation of the outputs, in the code's units; without it the variance follows the errors.
    steps
        Number of gradient steps.
    config
        TOML file with any further settings.
    json
        Print results as JSON.
    """
    from beable.analysis.rate_distortion import rate_distortion, sweep_settings
    from beable.datasets.store import Store
    from beable.files import atomic_write
    from beable.report.page import render
    from beable.report.sweep import bands_as_json, sweep_page
    from beable.training.data import read

    model = {"latents": latents} | ({} if sigma is None else {"variance": "fixed", "sigma": sigma})
    data = Store.open(store)
    chosen = {"variables": variables, "model": model, "training": {"steps": steps}}
    settings = sweep_settings(_settings(config, chosen), betas, seeds)
    with progress("training", quiet=json) as tick:
        run = train(data, output, settings, progress=tick)
    curve = rate_distortion(run, read(data, run.variables, run.held_rows, run.known))
    page = sweep_page(
        run, data, curve, f"Rate and distortion: {store.name}", f"beable rd {store.name} -o {output.name}"
    )
    html = output.with_name(f"{output.name}.html")
    atomic_write(html, render(page).encode())
    shown = {"bands": bands_as_json(curve), "members": curve.as_json(), "report": str(html.resolve())}
    show(shown | _learned(run), json=json)
