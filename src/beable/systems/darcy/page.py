"""Figures, tables and sections of the Darcy studies."""

from collections.abc import Mapping, Sequence

import numpy as np

from beable.analysis.evaluation import Disentanglement
from beable.analysis.score_table import ScoreRow
from beable.console.numbers import number
from beable.metrics.separation import TOLERANCE
from beable.report.figures.scores import scores
from beable.report.page import Cell, Figure, Section, Table, symbols
from beable.report.sections import (
    angle_figures,
    best_member,
    history_section,
    latent_section,
    median_member,
    reconstruction_section,
    spread,
)
from beable.studies.context import Context
from beable.studies.outcomes import ArmOutcome
from beable.systems.darcy.figures.trust import trust_against_truth
from beable.systems.darcy.parts.mixture import Mixture
from beable.systems.darcy.parts.trust import TrustStudy
from beable.verdicts import counted

Item = Figure | Table
SCORE_COLUMNS = (
    "disentangled",
    "S_D of means",
    "of samples",
    "on correlations",
    "relative squared error",
    "CPU s a member",
)


def mixture_items(a: Mixture) -> list[Item]:
    """S_D of every member of every arm between chance and ceiling, all the numbers, and all metrics."""
    judged = {o.label: d for o in a.arms.values() if (d := o.evaluation.disentanglement) is not None}
    rows = [_score_row(o) for o in a.arms.values()]
    columns = ["arm", *map(symbols, SCORE_COLUMNS)]
    items: list[Item] = [
        Table("Median over members (range for the first score), held-out rows.", columns, rows, "llrrrrr"),
        *_metrics_tables(a),
    ]
    if not judged:
        return items
    first = next(iter(judged.values()))
    values = {label: d.s_d for label, d in judged.items()}
    figure = scores(values, first.s_d_ceiling, first.s_d_chance, first.s_d_chance_range, "$S_D$")
    caption = symbols("S_D of every member; the bar is the arm's median.")
    return [
        *angle_figures(judged),
        Figure(figure, caption, "Scores of all members between chance and ceiling."),
        *items,
    ]


def _score_row(o: ArmOutcome) -> list[Cell | str]:
    e, d = o.evaluation, o.evaluation.disentanglement
    scores = ["–"] * 4 if d is None else [counted(d.disentangled), *_shares(d)]
    return [o.label, *scores, number(np.median(e.relative_error)), number(o.cpu_seconds_per_member)]


def _shares(d: Disentanglement) -> list[str]:
    return [spread(d.s_d), *(number(np.median(s)) for s in (d.s_d_samples, d.s_r))]


def _metrics_tables(a: Mixture) -> list[Table]:
    """Every metric on every arm, where the data have factors."""
    if not a.scores:
        return []
    caption = (
        "All scores in their context, on the posterior means of held-out rows: median over members, and in brackets "
        "the value corrected for chance, 0 at chance and 1 at the ceiling. The ceiling is the factors against "
        "themselves, chance the mean over random rotations of the factors, or over shuffled rows (*) where "
        "rotations change nothing."
    )
    columns = ["metric", "ceiling", "chance", *(o.label for o in a.arms.values())]
    rows = [_metric_row(row, a.arms) for row in a.scores]
    return [Table(caption, columns, rows, "l" + "r" * (len(columns) - 1))]


def _metric_row(row: ScoreRow, arms: Mapping[str, ArmOutcome]) -> list[Cell | str]:
    mark = "" if row.against == "rotation" else " *"
    found = [f"{number(np.median(row.scores[name]))} ({row.corrected(name):.2f})" for name in arms]
    return [row.metric.replace("_", " "), number(row.ceiling), number(row.chance) + mark, *found]


def mixture_sections(a: Mixture, context: Context) -> Sequence[Section]:
    """The best arm's reconstruction, latents and training, and the latents of the worst for contrast."""
    by_name = {arm.name: arm for arm in context.arms("judged")}
    best, worst = a.best, a.worst
    run, outcome = context.run(by_name[best]), a.arms[best]
    e, store = outcome.evaluation, context.data_of(by_name[best])
    member = best_member(e)
    sections = [
        reconstruction_section(run, store, e, member),
        latent_section(run, store, e, member, f"Latents: {outcome.label}"),
    ]
    if worst != best and (d := a.arms[worst].evaluation.disentanglement) is not None:
        other, title = context.run(by_name[worst]), f"For contrast: {a.arms[worst].label}"
        sections.append(latent_section(other, store, a.arms[worst].evaluation, median_member(d.s_d), title))
    return [*sections, history_section(run)]


def trust_items(a: TrustStudy) -> list[Item]:
    """Trust against truth by law, how each law fared, and the weights."""
    return [_trust_figure(a), _law_table(a), _score_table(a), _weight_table(a)]


def _trust_figure(a: TrustStudy) -> Figure:
    laws = {}
    for law in a.laws:
        names = [name for name, arm in a.arms.items() if arm.law == law]
        angle = np.concatenate([a.arms[name].angle for name in names])
        trusted = np.concatenate([a.trust[name] for name in names])
        told = ~np.isnan(trusted)
        laws[law] = (angle[told], trusted[told])
    caption = (
        "Trust in every member, which needs no labels, against the angle of its latents off their factors (root mean "
        f"square). Each law by weights fitted on the other laws. Shaded: up to {TOLERANCE:g} degrees off; beyond, "
        "latents hold several factors. For the normal laws nothing in the data shows the axes, so that members right "
        "by luck have low trust too."
    )
    return Figure(trust_against_truth(laws, TOLERANCE), caption, "Trust against angle off the factors, a panel a law.")


def _law_table(a: TrustStudy) -> Table:
    caption = (
        "Members by law of the factors, with weights fitted on the other laws. Told: of how many the labels tell "
        "whether each factor is in a latent of its own; the others lie between the mark and what is surely off."
    )
    columns = ["law", "members", "told", "disentangled", "mean trust", "Spearman"]
    rows = [
        [law, str(f.members), str(f.told), str(f.disentangled), number(f.trust), number(f.spearman)]
        for law, f in a.laws.items()
    ]
    return Table(caption, columns, rows, "lrrrrr")


def _score_table(a: TrustStudy) -> Table:
    rows: list[list[Cell | str]] = [
        ["AUC, members", number(a.auc), _reach(a.auc_range)],
        ["calibration error, members", number(a.calibration_error), _reach(a.calibration_range)],
        ["Spearman, laws with axes", number(a.spearman), _reach(a.spearman_range)],
        ["AUC, latents", number(a.latent_auc), "–"],
        ["calibration error, latents", number(a.latent_calibration_error), "–"],
    ]
    caption = f"Over {a.told} of {a.members} members of which truth is told; intervals at 95 % over data sets."
    return Table(caption, ["score", "value", "interval"], rows, "lrr")


def _reach(ends: tuple[float, float]) -> str:
    return f"{number(ends[0])} to {number(ends[1])}"


def _weight_table(a: TrustStudy) -> Table:
    caption = "Weights of the logistic function, fitted without one law, and on all: the last are those of the package."
    columns = ["fitted without", *a.weights]
    rows: list[list[Cell | str]] = [[law, *(number(w) for w in f.weights)] for law, f in a.laws.items()]
    rows.append(["none", *(number(w) for w in a.weights.values())])
    return Table(caption, columns, rows, "l" + "r" * len(a.weights))
