"""The page of runs beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray

from beable.analysis.compare import Comparison, Subject
from beable.analysis.evaluation import Evaluation
from beable.console.numbers import number, span
from beable.report.citations import citations
from beable.report.figures.scores import errors
from beable.report.figures.style import WIDTH, line_style, style
from beable.report.page import Figure, Page, Section, Table
from beable.report.sections import provenance
from beable.training.run import Run
from beable.verdicts import counted

FloatArray = NDArray[np.floating]
COLUMNS = ("run", "relative error", "rate (nats)", "active latents", "each factor alone", "same latents", "CPU s")
HISTORIES = {"held/distortion": "distortion of held-out rows (nats)", "held/rate/z": "rate of held-out rows (nats)"}


def lead(found: Comparison) -> str:
    """The answer, in a sentence or two."""
    told = found.lowest
    first = (
        f"{told.reason[0].upper()}{told.reason[1:]}."
        if told.answer
        else f"No run is shown to be the best: {told.reason}."
    )
    data = (
        ""
        if found.same_data.answer
        else " The runs were trained on different data sets, so that their errors are not of the same task."
    )
    worst = f"the worst of {len(found.channels)} channels" if len(found.channels) > 1 else found.channels[0]
    return f"{first}{data} Judged on {found.rows}; the error is that of {worst} in physical units."


def cells(found: Comparison) -> list[list[str]]:
    """A row a run, in the columns of ``COLUMNS``."""
    return [
        _row(name, found.error[name], found.evaluations[name], seconds)
        for name, seconds in zip(found.names, found.cpu_seconds, strict=True)
    ]


def _row(name: str, error: FloatArray, evaluation: Evaluation, seconds: float) -> list[str]:
    r, d, a = evaluation.regularisation, evaluation.disentanglement, evaluation.agreed
    active = "–" if r is None else "–".join(dict.fromkeys((str(r.active.min()), str(r.active.max()))))
    return [
        name,
        span(error),
        "–" if r is None else span(r.rate_per_latent.sum(1)),
        active,
        "–" if d is None else counted(d.disentangled),
        "–" if a is None else a.agreement.axes.word,
        number(seconds),
    ]


def settings_rows(found: Comparison) -> list[list[str]]:
    """A row for each setting that differs, with the value of each run."""
    return [[name, *map(_value, values)] for name, values in found.differing.items()]


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)


def compare_page(found: Comparison, subjects: Sequence[Subject], title: str, command: str) -> Page:
    """The page of a comparison.

    Args:
        found: the comparison.
        subjects: the runs.
        title: headline.
        command: that repeats it.
    """
    runs = {s.name: s.run for s in subjects}
    numbers, verdicts = _tables(found)
    return Page(
        title,
        lead(found),
        f"{len(found.names)} runs, {sum(run.members for run in runs.values())} members.",
        [*_errors(found), numbers],
        [
            Section("Verdicts", [str(found.lowest)], [verdicts]),
            Section("Settings that differ", [], [_settings(found)]),
            Section("Rates", [], _rates(found)),
            Section("Training", [], [_histories(runs)]),
        ],
        provenance(subjects[0].store, {"command": command}, runs),
        [r.bibtex() for r in citations([s.run.settings for s in subjects])],
    )


def _tables(found: Comparison) -> list[Table]:
    """The numbers, and beside them the verdicts: in one table they would be wider than a page."""
    rows, split = cells(found), COLUMNS.index("each factor alone")
    numbers = f"Medians over members, with their range. Error: the worst of {', '.join(found.channels)}."
    verdicts = (
        "Each factor alone: members with each factor in a latent of its own. Same latents: whether the members agree "
        "on them."
    )
    return [
        Table(numbers, COLUMNS[:split], [row[:split] for row in rows], "lrrr"),
        Table(verdicts, ["run", *COLUMNS[split:]], [[row[0], *row[split:]] for row in rows], "lrrr"),
    ]


def _settings(found: Comparison) -> Table:
    rows = settings_rows(found) or [["none", *("–" for _ in found.names)]]
    return Table("Settings that differ.", ["setting", *found.names], rows)


def _errors(found: Comparison) -> list[Figure]:
    groups = {n: {c: e.channels.pooled[c] for c in found.channels} for n, e in found.evaluations.items()}
    best = min(found.error, key=lambda name: float(np.median(found.error[name])))
    alt = f"The lowest median error of the worst channel, {number(np.median(found.error[best]))}, is that of {best}."
    return [Figure(errors(groups), "Relative error of each channel in physical units, a dot a member.", alt)]


def _rates(found: Comparison) -> list[Figure]:
    rates = {
        n: {"rate": e.regularisation.rate_per_latent.sum(1)} for n, e in found.evaluations.items() if e.regularisation
    }
    if not rates:
        return []
    medians = ", ".join(f"{name} {number(np.median(r['rate']))}" for name, r in rates.items())
    return [
        Figure(
            errors(rates, "rate (nats)"),
            "Rate of all latents together, a dot a member.",
            f"Median rates: {medians} nats.",
        )
    ]


def _histories(runs: Mapping[str, Run]) -> Figure:
    """The medians of the runs over each other."""
    caption = (
        "Medians over members during training, a line a run. Distortions of runs with other representations have "
        "other zeros, so that their distance means nothing."
    )
    steps = ", ".join(f"{name} {run.metadata['steps']:,}" for name, run in runs.items())
    return Figure(histories_figure(runs), caption, f"Steps of training: {steps}.")


def histories_figure(runs: Mapping[str, Run]) -> matplotlib.figure.Figure:
    """Distortion and rate of held-out rows against the step, the median of each run a line."""
    with style():
        figure = matplotlib.figure.Figure(figsize=(WIDTH, 2.8), layout="constrained")
        panels = figure.subplots(1, len(HISTORIES))
        for axes, (term, label) in zip(panels, HISTORIES.items(), strict=True):
            for place, (name, run) in enumerate(runs.items()):
                values = run.history.get(term)
                if values is not None:
                    axes.plot(run.history["step"], np.median(values, axis=1), label=name, **line_style(place))
            axes.set_xlabel("step")
            axes.set_ylabel(label)
        panels[0].legend(frameon=False, fontsize=8)
    return figure
