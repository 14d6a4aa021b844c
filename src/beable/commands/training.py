"""The verbs fit, evaluate and rate-distortion: train on any data set, judge the run, trace rate against distortion."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.commands.answers import beside, rows_in_words, say_evaluation
from beable.commands.decoded import apart_in_words, check_output, write_decoded
from beable.commands.opened import held_unless_whole, rows_to_judge, run_and_store
from beable.console.numbers import many, number
from beable.console.options import named_options, tree_of, with_options
from beable.console.output import show
from beable.console.parameters import Numbers, Output, Settings, Threads
from beable.console.progress import progress
from beable.console.settings import given
from beable.console.tables import command, facts, next_step, table, tell
from beable.settings import merged, refuse_kinds, validated
from beable.system import as_published as source_settings
from beable.training.settings import RunSettings

if TYPE_CHECKING:
    from beable.analysis.evaluation import Evaluation
    from beable.report.sweep import Band
    from beable.training.run import Run

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
    "labels": "objective.labels.names",
    "labelled": "objective.labels.number",
    "labels-weight": "objective.labels.weight",
    "members": "training.members",
    "steps": "training.steps",
    "batch": "training.batch",
    "learning-rate": "training.learning_rate",
    "start": "training.start",
    "lag": "training.lag",
    "bootstrap": "training.bootstrap",
    "patience": "training.patience",
    "keep": "training.keep",
    "device": "training.device",
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
    as_published: Annotated[str | None, Parameter(metavar="VARIANT")] = None,
    set: Settings = [],  # noqa: B006
    decode: Path | None = None,
    threads: Threads = 1,
    json: bool = False,
    **chosen: Any,
) -> None:
    """Train an ensemble of VAEs on a data set; take up again what an interruption left.

    Args:
        store: Data set to learn from.
        output: Run folder to make.
        config: TOML file with any of the settings.
        as_published: Train as the source of the data's system does, in one of its variants; what the file and options
            say wins.
        set: Settings such as model.width=64, with a value as TOML writes it; they win over the file, options over both.
        decode: File or data set to write decoded rows to afterwards, by the member of the least error, as `decode`
            does.
        threads: Threads of PyTorch.
        json: Print results as JSON.
    """
    if decode is not None:
        check_output(decode)
    with progress("training", quiet=json, first="reading data") as tick, held_unless_whole(output):
        from beable.datasets.store import Store

        data = Store.open(store)
        refuse_kinds(RunSettings, asked := given(config, set))
        own = merged(asked, tree_of(OPTIONS, chosen))
        source = {} if as_published is None else source_settings(data.simulator, as_published)
        settings = validated(RunSettings, merged(source, own))
        tick.begin("loading PyTorch")
        from beable.training.run import train

        run = train(data, output, settings, progress=tick, threads=threads)
    with progress("judging", quiet=json, first="judging the run"):
        from beable.analysis.evaluation import evaluate as judge

        evaluation = judge(run, data, agreement=True)
        member = int(evaluation.relative_error.argmin())
        title = f"Rows of {data.name} decoded by member {member} of {output.name}"
        apart = None if decode is None else write_decoded(run, data, decode, member, title)
    _warn(run, evaluation)
    if json:
        told = evaluation.as_json() | _learned(run) | {"run": str(output), "cpu_seconds": run.cpu_seconds}
        told |= {} if decode is None else {"decoded": str(decode), "root_mean_square": apart}
        show(told, json=True)
        return
    say_evaluation(run, evaluation, rows_in_words(run, data, len(evaluation.rows)))
    facts({"run": str(output), "learned from": _learned_words(run), "CPU time": f"{number(run.cpu_seconds)} s"})
    if decode is not None:
        left = (
            "" if apart is None else f", particles {apart_in_words(run, apart)} from where they were (root mean square)"
        )
        facts({"decoded rows": f"{decode}, by member {member}{left}"})
    next_step((["report", output], "a page with figures"), (["agree", output], "what can be known without factors"))


def _learned(run: "Run") -> dict[str, Any]:
    """What a run learned from, in which representation, and how rows were held out; none may be chosen by hand."""
    chosen = {"variables": run.variables, "representation": run.settings.representation.kind}
    return chosen | {"held_out": run.held_out, "strangers": run.strangers.as_json()}


def _learned_words(run: "Run") -> str:
    rows = many(len(run.train_rows), "row")
    return f"{', '.join(run.variables)} as {run.settings.representation.kind}, {rows}, {run.metadata['steps']:,} steps"


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


def evaluate(run: Path, store: Path | None = None, /, *, json: bool = False) -> None:
    """Judge a run on held-out rows: errors, rates, latents against factors.

    Args:
        run: Run folder.
        store: Data set it was trained on, or another with the same variables; where it was when the run was trained, by
            default.
        json: Print results as JSON.
    """
    with progress("judging", quiet=json, first="loading PyTorch") as said:
        from beable.analysis.evaluation import evaluate as judge

        said.begin("reading data")
        loaded, data = run_and_store(run, store)
        rows = rows_to_judge(loaded, data)
        said.begin("judging the run")
        evaluation = judge(loaded, data, rows, agreement=True)
    _warn(loaded, evaluation)
    if json:
        show(evaluation.as_json(), json=True)
        return
    say_evaluation(loaded, evaluation, rows_in_words(loaded, data, len(rows)))
    next_step((["report", run, *beside(store)], "the same as a page with figures"))


#: a sweep takes fewer steps than one training, all of them, so that points of a curve differ in beta alone
SWEEP = {"training": {"members": 4, "steps": 3000, "patience": None, "keep": "last"}}
#: of a sweep the members are those of each beta
SWEEP_OPTIONS = [
    option._replace(about=option.about.__class__(default=4, description="VAEs for each beta."))
    if option.name == "members"
    else option
    for option in named_options(
        RunSettings, {name: path for name, path in FIT.items() if name != "beta"} | {"sigma": "model.sigma"}, SWEEP
    )
]


def rate_distortion(
    store: Path,
    /,
    *,
    output: Output,
    betas: Numbers = [0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0],  # noqa: B006
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    threads: Threads = 1,
    json: bool = False,
    **chosen: Any,
) -> None:
    """Trace rate against distortion: one stacked training over many beta, and a page in the run folder.

    Args:
        store: Data set to learn from.
        output: Run folder to make.
        betas: Weights of the rate.
        config: TOML file with any further settings.
        set: Further settings such as model.width=64; they win over the file, options over both.
        threads: Threads of PyTorch.
        json: Print results as JSON.
    """
    from beable.datasets.store import Store

    with progress("training", quiet=json, first="reading data") as tick:
        data, flags = Store.open(store), tree_of(SWEEP_OPTIONS, chosen)
        if "sigma" in flags.get("model", {}):
            flags["model"]["variance"] = "fixed"
        refuse_kinds(RunSettings, own := given(config, set))
        asked = validated(RunSettings, merged(SWEEP, merged(own, flags)))
        with held_unless_whole(output):
            tick.begin("loading PyTorch")
            from beable.analysis.rate_distortion import sweep_settings
            from beable.training.run import train

            settings = sweep_settings(asked, betas, asked.training.members)
            run = train(data, output, settings, progress=tick, threads=threads)
        from beable.analysis.rate_distortion import rate_distortion as trace
        from beable.files.artefacts import write_noted
        from beable.report.html import render
        from beable.report.sweep import bands, sweep_answer, sweep_page
        from beable.training.data import read

        tick.begin("measuring the curve")
        curve = trace(run, read(data, run.variables, run.held_rows, run.conditions))
        line = command(["rate-distortion", store.name, "-o", output.name])
        page = sweep_page(run, data, curve, f"Rate and distortion: {store.name}", line)
        html = output / "report.html"
        write_noted(html, render(page).encode())
    found = bands(curve)
    if json:
        shown = {"bands": found, "members": curve.as_json(), "report": str(html.resolve())}
        show(shown | _learned(run), json=True)
        return
    tell(f"{sweep_answer(curve)} ({many(len(run.held_rows), 'held-out row')})")
    _bands(found)
    facts({"run": str(output), "report": str(html), "learned from": _learned_words(run)})
    next_step((["open", html], "the same as a page with figures"))


def _bands(found: "list[Band]") -> None:
    """A row a beta: medians and ranges over its members."""
    rows = [
        [number(b.beta), _range(b.squared_error), _range(b.rate), "–".join(map(str, dict.fromkeys(b.active)))]
        for b in found
    ]
    table(["beta", "squared error of all outputs", "rate (nats)", "active latents"], rows, left=0)


def _range(values: tuple[float, float, float]) -> str:
    low, middle, high = map(number, values)
    return middle if low == high else f"{middle} ({low} to {high})"


with_options(rate_distortion, SWEEP_OPTIONS)
