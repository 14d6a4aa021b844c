"""The verbs fit, evaluate, report and rate-distortion: train on any store of fields, judge the run, show it."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.console.options import named_options, tree_of, with_options
from beable.console.output import show
from beable.console.progress import progress
from beable.console.settings import given
from beable.errors import UsageError
from beable.settings import merged, validated
from beable.training.settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from beable.analysis.evaluation import Evaluation
    from beable.datasets.store import Store
    from beable.training.run import Run

Output = Annotated[Path, Parameter(alias="-o")]
Words = Annotated[list[str], Parameter(consume_multiple=True)]


#: options of `fit` by the setting that they stand for; the rest goes by --set
FIT = {
    "variables": "variables",
    "representation": "representation.kind",
    "modes": "representation.modes",
    "energy": "representation.energy",
    "scaling": "representation.scaling",
    "latents": "model.latents",
    "conditions": "model.conditions",
    "prior": "model.prior",
    "beta": "objective.beta.beta",
    "members": "training.members",
    "steps": "training.steps",
    "batch": "training.batch",
    "learning-rate": "training.learning_rate",
    "start": "training.start",
    "bootstrap": "training.bootstrap",
    "patience": "training.patience",
    "held-out": "training.held_out",
    "group": "training.group",
    "blocks": "training.blocks",
    "seed": "training.seed",
}
OPTIONS = named_options(RunSettings, FIT)


def fit(
    store: Path,
    /,
    *,
    output: Output,
    config: Path | None = None,
    set: Words = [],  # noqa: B006
    threads: int = 1,
    json: bool = False,
    **chosen: Any,
) -> None:
    """Train an ensemble of VAEs on a data set; take up again what an interruption left.

    Parameters
    ----------
    store
        Data set to learn from.
    output
        Run folder to make.
    config
        TOML file with any of the settings.
    set
        Settings such as model.width=64, with a value as TOML writes it; they win over the file, options over both.
    threads
        Threads of PyTorch.
    json
        Print results as JSON.
    """
    from beable.analysis.evaluation import evaluate as judge
    from beable.datasets.store import Store
    from beable.training.run import train

    data = Store.open(store)
    settings = validated(RunSettings, merged(given(config, set), tree_of(OPTIONS, chosen)))
    with progress("training", quiet=json) as tick:
        run = train(data, output, settings, progress=tick, threads=threads)
    evaluation = judge(run, data, agreement=True)
    _warn(run, evaluation)
    told = told_of(evaluation, json) | _learned(run) | {"run": str(output), "cpu_seconds": run.cpu_seconds}
    show(told, json=json)


def _learned(run: "Run") -> dict[str, Any]:
    """What a run learned from, in which representation, and how rows were held out; none may be chosen by hand."""
    chosen = {"variables": run.variables, "representation": run.settings.representation.kind}
    return chosen | {"held_out": run.held_out, "strangers": run.strangers.as_json()}


def told_of(evaluation: "Evaluation", json: bool) -> dict[str, Any]:
    """Every number of an evaluation for programs; for people what members agree on in a few lines."""
    numbers = evaluation.as_json()
    if json or evaluation.agreed is None:
        return numbers
    return numbers | {"agreed": evaluation.agreed.summary()}


with_options(fit, OPTIONS)


def _warn(run: "Run", evaluation: "Evaluation") -> None:
    """Say on standard error which members learned by heart, and which learned nothing."""
    from beable.analysis.overfitting import overfitting, warning

    modes = run.settings.representation.kind == "modes"
    told = (warning(overfitting(run.history, run.best_steps), run.kept_steps, modes), _over_regularised(evaluation))
    for line in filter(None, told):
        warnings.warn(line, stacklevel=2)


def _over_regularised(evaluation: "Evaluation") -> str | None:
    """What to tell of members whose rate keeps them from learning; None where there are none."""
    verdicts = evaluation.over_regularised
    if not (bad := [k for k, verdict in enumerate(verdicts) if verdict.answer]):
        return None
    return (
        f"{len(bad)} of {len(verdicts)} members are over-regularised ({', '.join(map(str, bad))}): their latents do no "
        "better than the mean of the data, on training rows either; train with a lower --beta, or with "
        "--set objective.reconstruction_steps=1000"
    )


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
    evaluation = judge(loaded, data, rows, agreement=True)
    _warn(loaded, evaluation)
    show(evaluation.as_json(), json=json)


def _open(run: Path, store: Path) -> "tuple[Run, Store, NDArray[Any]]":
    """A run, a store, and the rows to judge: those held out, or all that succeeded in another store."""
    import numpy as np

    from beable.datasets.store import Store
    from beable.training.declared import check_declared
    from beable.training.run import Run

    loaded = Run.load(run)
    data = check_declared(loaded, Store.open(store))
    same = data.id == loaded.metadata["store"]
    return loaded, data, loaded.held_rows if same else np.asarray(data.valid_rows)


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
    from beable.report.html import render
    from beable.report.run import run_page

    if not output.parent.is_dir():
        raise UsageError(f"{output}: its folder does not exist: make it first")
    loaded, data, rows = _open(run, store)
    command = f"beable report {run.name} {store.name} -o {output.name}"
    page = run_page(loaded, data, judge(loaded, data, rows, agreement=True), title or f"Report of {run.name}", command)
    atomic_write(output, render(page).encode())
    show({"report": str(output.resolve())}, json=json)


#: a sweep takes fewer steps than one training, all of them, so that points of a curve differ in beta alone
SWEEP = {"training": {"steps": 3000, "patience": None, "keep": "last"}}
SWEEP_OPTIONS = named_options(
    RunSettings,
    {"variables": "variables", "latents": "model.latents", "sigma": "model.sigma", "steps": "training.steps"},
    SWEEP,
)


def rate_distortion(
    store: Path,
    /,
    *,
    output: Output,
    betas: Annotated[list[float], Parameter(consume_multiple=True)] = [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0],  # noqa: B006
    seeds: int = 4,
    config: Path | None = None,
    set: Words = [],  # noqa: B006
    json: bool = False,
    **chosen: Any,
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
    config
        TOML file with any further settings.
    set
        Further settings such as model.width=64; they win over the file, options over both.
    json
        Print results as JSON.
    """
    from beable.analysis.rate_distortion import rate_distortion as trace
    from beable.analysis.rate_distortion import sweep_settings
    from beable.datasets.store import Store
    from beable.files import atomic_write
    from beable.report.html import render
    from beable.report.sweep import bands, sweep_page
    from beable.training.data import read
    from beable.training.run import train

    data, flags = Store.open(store), tree_of(SWEEP_OPTIONS, chosen)
    if "sigma" in flags.get("model", {}):
        flags["model"]["variance"] = "fixed"
    tree = merged(SWEEP, merged(given(config, set), flags))
    settings = sweep_settings(validated(RunSettings, tree), betas, seeds)
    with progress("training", quiet=json) as tick:
        run = train(data, output, settings, progress=tick)
    curve = trace(run, read(data, run.variables, run.held_rows, run.conditions))
    page = sweep_page(
        run, data, curve, f"Rate and distortion: {store.name}", f"beable rate-distortion {store.name} -o {output.name}"
    )
    html = output.with_name(f"{output.name}.html")
    atomic_write(html, render(page).encode())
    shown = {"bands": bands(curve), "members": curve.as_json(), "report": str(html.resolve())}
    show(shown | _learned(run), json=json)


with_options(rate_distortion, SWEEP_OPTIONS)
