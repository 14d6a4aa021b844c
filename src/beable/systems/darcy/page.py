"""Figures, tables and sections of the Darcy studies."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from beable.analysis.evaluation import Disentanglement
from beable.analysis.score_table import ScoreRow
from beable.console.columns import column
from beable.console.numbers import number
from beable.metrics.separation import TOLERANCE
from beable.report.figures.scores import scores
from beable.report.page import Cell, Evidence, Figure, Fold, Section, Table, Text, plain, symbols
from beable.report.sections import angle_figures, history_section, latent_section, reconstruction_section
from beable.studies.context import Context
from beable.studies.outcomes import ArmOutcome
from beable.studies.study import Arm
from beable.systems.darcy.figures.trust import trust_against_truth
from beable.systems.darcy.findings import found_words, mixture_answer, trust_answer
from beable.systems.darcy.parts.mixture import Mixture, found_of
from beable.systems.darcy.parts.trust import TrustStudy

FloatArray = NDArray[np.floating]
METRIC_WORDS = {
    "s_r": "S_D on correlations",
    "s_kl": "S_KL (nats)",
    "mig": "MIG",
    "mig_knn": "MIG, nearest neighbours",
    "sap": "SAP",
    "infomec": "InfoMEC",
    "dci": "DCI",
    "explicitness_auc": "explicitness, AUC",
    "minimality_sufficiency": "minimality and sufficiency",
    "rotation_angle": "angle of rotation (°)",
    "beta_vae_score": "β-VAE score",
    "factor_vae_score": "FactorVAE score",
    "irs": "IRS",
    "udr": "UDR",
    "mi_binned": "information, binned (nats)",
    "mi_knn": "information, nearest neighbours (nats)",
    "mi_gaussian": "information, from correlations (nats)",
}


def mixture_evidence(a: Mixture) -> Evidence:
    """Angles and errors of every arm with the controls; S_D between chance and ceiling, and all metrics, folded."""
    answer = mixture_answer(a)
    judged = {o.label: d for o in a.arms.values() if (d := o.evaluation.disentanglement) is not None}
    return Evidence(answer, [*angle_figures(judged), _arms_table(a)], [*_s_d_fold(judged), *_metrics_fold(a)])


def _arms_table(a: Mixture) -> Table:
    """What became of each arm, controls too."""
    caption = symbols(
        "All arms, those without training last. Found: members with each factor in a latent of its own, in brackets "
        "those of which it cannot be told. S_D: median over members, and range. Relative squared error of held-out "
        "rows: median over members."
    )
    columns = ["arm", "found", symbols("S_D"), "relative error", "CPU s a member"]
    errors = column([float(np.median(o.evaluation.relative_error)) for o in a.arms.values()])
    cost = column([o.cpu_seconds_per_member for o in a.arms.values()])
    rows = [[o.label, *_scores(o), error, spent] for o, error, spent in zip(a.arms.values(), errors, cost, strict=True)]
    return Table(caption, columns, rows, "lrrrr")


def _scores(o: ArmOutcome) -> list[str]:
    """How many members found the factors, and their S_D to three decimals."""
    d = o.evaluation.disentanglement
    if d is None:
        return ["–", "–"]
    low, middle, high = (f"{x:.3f}" for x in (d.s_d.min(), np.median(d.s_d), d.s_d.max()))
    return [found_words(found_of([o])), middle if low == high else f"{middle} ({low} to {high})"]


def _s_d_fold(judged: Mapping[str, Disentanglement]) -> list[Fold]:
    """S_D of every member between chance and ceiling, and of samples and on correlations."""
    if not judged:
        return []
    first = next(iter(judged.values()))
    values = {label: d.s_d for label, d in judged.items()}
    figure = scores(values, first.s_d_ceiling, first.s_d_chance, first.s_d_chance_range, "$S_D$")
    caption = symbols(
        "S_D of every member. Chance is the score of random rotations of the factors, the ceiling that of the factors "
        "against themselves."
    )
    above = ", ".join(f"{label} {int((d.s_d > first.s_d_chance_range[1]).sum())}" for label, d in judged.items())
    rows: list[list[str]] = [
        [label, *(f"{np.median(s):.3f}" for s in (d.s_d, d.s_d_samples, d.s_r))] for label, d in judged.items()
    ]
    table = Table(
        symbols("S_D of posterior means, of posterior samples, and on correlations: medians over members."),
        ["arm", "of means", "of samples", "on correlations"],
        rows,
        "lrrr",
    )
    alt = f"Members above the band of chance: {above}."
    return [Fold(symbols("S_D between chance and ceiling"), [], [Figure(figure, caption, alt), table])]


def _metrics_fold(a: Mixture) -> list[Fold]:
    """Every metric on every arm, where the data have factors; arms are rows."""
    rows = [row for row in a.scores if row.metric != "s_d"]
    if not rows:
        return []
    caption = (
        "On the posterior means of held-out rows: median over members, or over so many as stand at the head of a "
        "column. The ceiling is the factors against themselves, chance the mean over random rotations of the factors, "
        "or over shuffled rows (*) where rotations change nothing."
    )
    corrected = "The same corrected for chance: nought is chance, one the ceiling."
    heads = ["arm", *(_metric_head(row, a) for row in rows)]
    values = [[o.label, *(_median(row.scores[name]) for row in rows)] for name, o in a.arms.items()]
    context: list[list[str]] = [
        ["ceiling", *(number(row.ceiling) for row in rows)],
        ["chance", *(number(row.chance) + ("" if row.against == "rotation" else " *") for row in rows)],
    ]
    shares = [
        [o.label, *(f"{row.corrected(name):.2f}".replace("-", "−") for row in rows)] for name, o in a.arms.items()
    ]
    align = "l" + "r" * len(rows)
    tables = [Table(caption, heads, [*values, *context], align), Table(corrected, heads, shares, align)]
    return [Fold(f"All {len(rows)} other scores", [], tables)]


def _median(scores: FloatArray) -> str:
    return number(float(np.median(scores)))


def _metric_head(row: ScoreRow, a: Mixture) -> Text:
    """The name of a metric, and of how many members where it is not all."""
    taken = max(map(len, row.scores.values()))
    members = max(len(o.evaluation.relative_error) for o in a.arms.values())
    few = f" ({taken} of {members})" if taken < members else ""
    return symbols(METRIC_WORDS.get(row.metric, row.metric.replace("_", " ")) + few)


def mixture_sections(a: Mixture, context: Context) -> Sequence[Section]:
    """The best arm's reconstruction, latents and training; the latents of the worst arm for contrast."""
    by_name = {arm.name: arm for arm in context.arms("judged")}
    run, outcome = context.run(by_name[a.best]), a.arms[a.best]
    e, store = outcome.evaluation, context.data_of(by_name[a.best])
    latents = latent_section(run, store, e, f"Latents: {outcome.label}")
    folds = [*latents.folds, *_contrast(a, context, by_name)]
    alone = [item for item in latents.items if "angle" not in plain(item.caption)]
    return [
        reconstruction_section(run, store, e),
        Section(latents.title, latents.text, alone[-1:] or latents.items[-1:], folds),
        history_section(run),
    ]


def _contrast(a: Mixture, context: Context, by_name: Mapping[str, Arm]) -> list[Fold]:
    """The latents of the worst arm, where it is not the best."""
    if a.worst == a.best:
        return []
    outcome = a.arms[a.worst]
    store = context.data_of(by_name[a.worst])
    other = latent_section(context.run(by_name[a.worst]), store, outcome.evaluation)
    return [Fold(f"For contrast: {outcome.label}", other.text, other.items[-1:])]


def trust_evidence(a: TrustStudy) -> Evidence:
    """Trust against truth by law, how each law fared, and the weights."""
    folds = [Fold("Scores", [], [_score_table(a)]), Fold("Weights", [], [_weight_table(a)])]
    return Evidence(trust_answer(a), [_trust_figure(a), _law_table(a)], folds)


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
    near = ", ".join(f"{law} {float(np.median(t)):.2f}" if len(t) else f"{law} none" for law, (_, t) in laws.items())
    return Figure(trust_against_truth(laws, TOLERANCE), caption, f"Median trust by law: {near}.")


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
