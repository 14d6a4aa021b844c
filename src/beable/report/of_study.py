"""The report of a study: the answer first, then the evidence, then the source's numbers beside ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beable.analysis.score_table import ScoreRow
from beable.datasets.store import Store
from beable.report.figures.scores import scores
from beable.report.page import Cell, Figure, Page, Result, Section, Table, symbols
from beable.report.sections import (
    best_member,
    data_section,
    history_section,
    latent_section,
    median_member,
    number,
    provenance,
    reconstruction_section,
    spread,
)
from beable.studies.run import Finished, Outcome
from beable.studies.study import Study

SIGNIFICANT = 0.05
SCORE_COLUMNS = ("S_D of means", "of samples", "on correlations", "relative squared error", "CPU s a member")


def study_page(study: Study, finished: Finished, command: str) -> Page:
    """The page of a study."""
    store, outcomes = finished.store, finished.outcomes
    trained = {o.arm.label: o.run for o in outcomes if o.run is not None}
    best = max((o for o in outcomes if o.run is not None), key=_success)
    run = best.run
    if run is None:
        raise AssertionError("the best of the trained arms has a run")
    member = best_member(best.evaluation)
    shown = [int(row) for row in best.evaluation.rows[:2]]
    return Page(
        study.title,
        _lead(outcomes),
        [
            Section("The question", [study.question, f"Source: {study.source}."]),
            data_section(store, shown),
            _scores_section(outcomes),
            _comparison_section(finished.results),
            *_metrics_sections(finished),
            reconstruction_section(run, store, best.evaluation, member),
            latent_section(run, store, best.evaluation, member, f"Latents: {best.arm.label}"),
            *_entangled_sections(store, outcomes),
            *(history_section(o.run) for o in outcomes if o is best and o.run is not None),
            Section("What differs from the source", [symbols(note) for note in study.notes]),
        ],
        provenance(store, command, trained),
        [_headline(o) for o in outcomes if o.run is not None],
    )


def _success(outcome: Outcome) -> float:
    d = outcome.evaluation.disentanglement
    return -float(np.median(outcome.evaluation.relative_error)) if d is None else float(d.disentangled.mean())


def _lead(outcomes: Sequence[Outcome]) -> str:
    parts = []
    for o in outcomes:
        if o.evaluation.disentanglement is not None and o.run is not None:
            hits = o.evaluation.disentanglement.disentangled
            parts.append(f"{o.arm.label}: {int(hits.sum())} of {len(hits)}")
    return f"Members whose latents are the factors, on rows never trained on. {'; '.join(parts)}."


def _headline(outcome: Outcome) -> Result:
    e = outcome.evaluation
    if e.disentanglement is None:
        return Result(spread(e.relative_error), outcome.arm.label, "relative squared error")
    hits = e.disentanglement.disentangled
    verdict = "good" if hits.mean() >= 0.95 else "neutral"
    return Result(f"{hits.sum()} of {len(hits)}", f"disentangled: {outcome.arm.label}", "", verdict)


def _scores_section(outcomes: Sequence[Outcome]) -> Section:
    """S_D of every member of every arm between chance and ceiling, and all the numbers."""
    judged = [(o, d) for o in outcomes if (d := o.evaluation.disentanglement) is not None]
    if not judged:
        return Section("Scores", ["The data have no factors to compare with."])
    first = judged[0][1]
    figure = scores(
        {o.arm.label: d.s_d for o, d in judged}, first.s_d_ceiling, first.s_d_chance, first.s_d_chance_range, "$S_D$"
    )
    text = (
        "S_D is the source's score: the share of a latent's absolute covariance that falls on its best factor, "
        "averaged over latents. It does not reach 1 for finite rows: the ceiling is the factors' score against "
        "themselves, chance that of randomly rotated factors. Scores above the ceiling mean latents less correlated "
        "than the drawn factors happen to be."
    )
    rows = [_score_row(o) for o in outcomes]
    columns = ["arm", *map(symbols, SCORE_COLUMNS)]
    table = Table("Median over members (range for the first score), held-out rows.", columns, rows, "lrrrrr")
    caption = symbols("S_D of every member; the bar is the arm's median.")
    picture = Figure(figure, caption, "Scores of all members between chance and ceiling.")
    return Section("Do the latents become the factors?", [symbols(text)], [picture, table])


def _score_row(outcome: Outcome) -> list[Cell | str]:
    e = outcome.evaluation
    d = e.disentanglement
    scores = ["–"] * 3 if d is None else [spread(d.s_d), *(number(np.median(s)) for s in (d.s_d_samples, d.s_r))]
    cost = number(outcome.cpu_seconds / len(e.relative_error))
    return [outcome.arm.label, *scores, number(np.median(e.relative_error)), cost]


def _metrics_sections(finished: Finished) -> list[Section]:
    """Every metric on every arm, where the data have factors."""
    if not finished.scores:
        return []
    text = (
        "Every metric of the suite on the posterior means of held-out rows: median over members, and in brackets "
        "the value corrected for chance, 0 at chance and 1 at the ceiling. The ceiling is the factors against "
        "themselves, chance the mean over random rotations of the factors, or over shuffled rows (*) where "
        "rotations change nothing."
    )
    labels = [o.arm.label for o in finished.outcomes]
    rows = [_metric_row(row, finished.outcomes) for row in finished.scores]
    table = Table(
        "All scores in their context.", ["metric", "ceiling", "chance", *labels], rows, "l" + "r" * (2 + len(labels))
    )
    return [Section("All scores in context", [text], [table])]


def _metric_row(row: ScoreRow, outcomes: Sequence[Outcome]) -> list[Cell | str]:
    mark = "" if row.against == "rotation" else " *"
    arms = [f"{number(np.median(row.scores[o.arm.name]))} ({row.corrected(o.arm.name):.2f})" for o in outcomes]
    return [row.metric.replace("_", " "), number(row.ceiling), number(row.chance) + mark, *arms]


def _comparison_section(results: Mapping[str, Any]) -> Section:
    """The source's number, ours with its interval, and whether they agree."""
    rows = [_comparison_row(e) for e in results["expected"]]
    text = (
        "Shares of trainings. The interval is Wilson's at 95 %; p is the probability of so large a difference "
        "if source and we drew from one population (Fisher's exact test)."
    )
    columns = ["what the source says", "source", "ours", "95 % interval", "p", "verdict"]
    table = Table("The source's numbers and ours.", columns, rows, "lrrrrl")
    return Section("The source's numbers beside ours", [text], [table])


def _comparison_row(e: Mapping[str, Any]) -> list[Cell | str]:
    agrees = e["p_value"] >= SIGNIFICANT
    (theirs, their_trials), (ours, trials), (low, high) = e["source"], e["ours"], e["interval"]
    return [
        e["words"],
        f"{theirs} of {their_trials}",
        f"{ours} of {trials}",
        f"{low:.0%} to {high:.0%}",
        number(e["p_value"]),
        Cell("agrees" if agrees else "differs", "good" if agrees else "miss"),
    ]


def _entangled_sections(store: Store, outcomes: Sequence[Outcome]) -> list[Section]:
    """The median member of the arm that did worst, as a contrast."""
    trained = [o for o in outcomes if o.run is not None and o.evaluation.disentanglement is not None]
    if len(trained) < 2:
        return []
    worst = min(trained, key=_success)
    d = worst.evaluation.disentanglement
    if worst.run is None or d is None:
        return []
    member = median_member(d.s_d)
    return [latent_section(worst.run, store, worst.evaluation, member, f"For contrast: {worst.arm.label}")]
