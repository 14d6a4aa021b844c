"""The β axis of one or several tables: rates, losses, parity, mutual information, pictures by t-SNE."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from beable.console.columns import column, fixed, percent
from beable.report.figures.training import histories
from beable.report.page import Evidence, Figure, Fold, Item, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.beta_axis import beta_axis, printed_latent, rate_spectrum
from beable.systems.packing.figures.cumulative import cumulative_distributions
from beable.systems.packing.figures.embeddings import embeddings
from beable.systems.packing.figures.parity_grid import Cell as Points
from beable.systems.packing.figures.parity_grid import parity_grid, reach_of
from beable.systems.packing.figures.trends import scores_against
from beable.systems.packing.page.cells import Row, unbroken, verdict_cell
from beable.systems.packing.parts.beta import BEST_OF_SOURCE, SOURCE_BETAS, Beta, BetaArm
from beable.systems.packing.parts.cells import ParityCell

Arms = Mapping[str, BetaArm]
STUDIED = (1.0, 15.0)
#: β of the cells that are drawn: alive ones, and those of Hall and Sparks beyond them
ALIVE, BEYOND = (0.0, 0.03, 0.1), tuple(beta for beta in SOURCE_BETAS if beta >= STUDIED[0])
TRACED = (0.0, 0.1, 1.0, 10.0)
LATENTS = "z₁ is the latent with the largest rate of each training."


def beta(a: Beta) -> Evidence:
    """The figures 2 and 4 to 10 of Hall and Sparks, with predicted thresholds and values by chance."""
    n = a.as_json()
    arms = {arm.label: arm for arm in a.arms.values()}
    same = {label: arm for label, arm in arms.items() if arm.scaling == next(iter(arms.values())).scaling}
    folds = [
        Fold(
            "Where each latent is lost, by other readings of the loss too",
            [],
            [_thresholds(arms), _readings(next(iter(arms.values())))],
        ),
        Fold(
            "Packing fractions of the tables, and losses",
            [],
            [_distributions(same), _histories(a.arms[a.plane_arm]), _losses(same)],
        ),
        Fold(
            "Parity of reconstructions", [findings.parity(n), findings.best_betas(n, BEST_OF_SOURCE)], _parities(same)
        ),
        Fold("Mutual information and t-tests", [findings.scores(n)], [*_scores(same, n), _trends(a)]),
        *_planes(a, n),
        Fold("All numbers by β", [], [_levels(same)]),
    ]
    return Evidence(findings.beta(n), [_rates(arms, n), _left(n)], folds, findings.beta_short(n))


# What is left in the latents


def _grid(arm: BetaArm, values: Any) -> Any:
    """Values of members (members, ...) as (betas, seeds, ...)."""
    return np.stack([np.asarray(values)[arm.members.betas == b] for b in arm.betas])


def _marks(arms: Arms) -> dict[str, dict[str, float]]:
    return {label: {"predicted": arm.predicted()} for label, arm in arms.items()}


def _rates(arms: Arms, n: findings.Numbers) -> Figure:
    first = next(iter(arms.values()))
    fine = np.geomspace(max(1e-3, first.betas[first.betas > 0].min()), max(first.betas), 200)
    figure = rate_spectrum(
        first.betas,
        {label: np.sort(_grid(arm, arm.trained.rate), axis=2)[:, :, ::-1] for label, arm in arms.items()},
        theory={label: (fine, np.array([arm.thresholds.rates(b) for b in fine])) for label, arm in arms.items()},
        thresholds=_marks(arms),
        studied=STUDIED,
    )
    caption = (
        f"What each latent carries, against β: every training a dot, the median a line. {LATENTS} Dashed: a linear "
        f"VAE, in closed form; the upright line marks where its last latent falls below {n['level']:g} nats. Shaded: "
        "the β of Hall & Sparks beyond 0."
    )
    return Figure(figure, caption, findings.beta_figure(n))


def _left(n: findings.Numbers) -> Table:
    """The last latent of every table: predicted, found, and what is left where Hall and Sparks begin."""
    arms = list(n["arms"].values())
    predicted = column([arm["measured"][0]["predicted"] for arm in arms])
    left = [fixed(_rate_at(arm, STUDIED[0]), 3) for arm in arms]
    rows: list[Row] = []
    for arm, wanted, rate in zip(arms, predicted, left, strict=True):
        found = arm["measured"][0]
        ends = [_beta(found[end]) for end in ("alive", "dead")]
        rows.append([arm["label"], wanted, *ends, verdict_cell(found["as_predicted"]), rate])
    caption = (
        f"The last latent, alive with more than {n['level']:g} nats: the β at which a linear VAE loses it, and the two "
        f"β trained between which it is lost ({findings.counted(n['seeds'], 'training')} a β, medians)."
    )
    columns = [
        "table and scaling",
        "predicted β",
        "last β alive",
        "first β dead",
        "as predicted",
        f"rate at β = {STUDIED[0]:g} (nats)",
    ]
    return Table(caption, columns, rows, "lrrrlr")


def _rate_at(arm: findings.Numbers, beta: float) -> float | None:
    return next((level["rate"] for level in arm["levels"] if level["beta"] == beta), None)


def _beta(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _thresholds(arms: Arms) -> Table:
    columns = [
        "table and scaling",
        "latent",
        "predicted β, nothing left",
        "predicted β",
        "last β alive",
        "first β dead",
        "as predicted",
    ]
    rows: list[Row] = []
    for label, arm in arms.items():
        for i in range(arm.thresholds.latents):
            found = arm.measured(i)
            numbers = [fixed(float(arm.thresholds.betas[i]), 3), fixed(arm.predicted(i), 3)]
            ends = [_beta(None if np.isnan(end) else end) for end in (found.alive, found.dead)]
            rows.append([label, printed_latent(i), *numbers, *ends, verdict_cell(arm.as_predicted(i).as_json())])
    caption = (
        "Where latents are lost: predicted without training, twice an eigenvalue of the covariance, and where the rate "
        f"falls below the level of an active latent; and among the β trained. {LATENTS}"
    )
    return Table(caption, columns, rows, "llrrrrl")


def _readings(arm: BetaArm) -> Table:
    """The β of collapse by what a reader may take for the loss of Hall and Sparks."""
    ways = list(next(iter(arm.readings.values())))
    names = {"range": "to the range", "maximum": "over the maximum", "deviation": "z-scores"}
    rows: list[Row] = [
        [names.get(scaling, scaling), *[fixed(each[way], 3) for way in ways]] for scaling, each in arm.readings.items()
    ]
    caption = (
        f"β beyond which no latent is left, {arm.label}, by the scaling of columns and by whether squared error and "
        "rate are summed or averaged over columns and latents, in this order. Hall & Sparks state neither."
    )
    return Table(caption, ["scaling", *ways], rows, "l" + "r" * len(ways))


# Tables and losses


def _distributions(arms: Arms) -> Figure:
    figure = cumulative_distributions({label: arm.values for label, arm in arms.items()})
    ends = [f"{label} from {fixed(arm.values[0], 3)} to {fixed(arm.values[-1], 3)}" for label, arm in arms.items()]
    caption = "Packing fractions of the selections of rows (Hall & Sparks, figure 2)."
    return Figure(figure, caption, f"Packing fractions of {', '.join(ends)}.")


def _histories(arm: BetaArm) -> Figure:
    kept = [beta for beta in arm.betas if beta in TRACED]
    terms = {f"β = {beta:g}": arm.history.loss[:, arm.members.betas == beta] for beta in kept}
    last = [f"{fixed(float(np.median(loss[-1])), 3)} at {name}" for name, loss in terms.items()]
    return Figure(
        histories(terms, arm.history.steps, clock="step", unit="loss"),
        f"Loss during training, {arm.label} (Hall & Sparks, figure 5): every training thin, their median thick.",
        f"Median loss at the end: {', '.join(last)}.",
    )


def _losses(arms: Arms) -> Figure:
    first = next(iter(arms.values()))
    curves = {
        label: {
            "loss": _grid(arm, arm.history.loss[-1]),
            "squared error": _grid(arm, arm.trained.squared_error),
        }
        for label, arm in arms.items()
    }
    figure = beta_axis(first.betas, curves, y_label="summed over columns", thresholds=_marks(arms), studied=STUDIED)
    caption = (
        "Loss at the end of training, and its squared error. Beyond the collapse both are the variance of the table."
    )
    last = [f"{label} {fixed(float(np.median(found['loss'][-1])), 3)}" for label, found in curves.items()]
    return Figure(figure, caption, f"Median loss at β = {first.betas[-1]:g}: {', '.join(last)}.")


# Parity


def _parities(arms: Arms) -> list[Item]:
    """Alive and collapsed cells by either judge, on the same axes."""
    judges: dict[str, Callable[[BetaArm], list[ParityCell]]] = {
        "a forest fitted to the table": lambda arm: arm.cells,
        "the simulator": lambda arm: arm.simulated,
    }
    figures: list[Item] = []
    for judge, cells in judges.items():
        found = {label: _by_beta(cells(arm)) for label, arm in arms.items()}
        every = [_points(c) for betas in found.values() for group in betas.values() for c in group]
        if not every or not all(found.values()):
            continue
        limits = reach_of(every)
        for wanted in (ALIVE, BEYOND):
            some = {label: {b: cells for b, cells in of.items() if b in wanted} for label, of in found.items()}
            if all(some.values()):
                figures.append(_parity(some, arms, judge, limits))
    return figures


def _by_beta(cells: Sequence[ParityCell]) -> dict[float, list[ParityCell]]:
    """Cells by β, that of the median mean error first and the worst last."""
    found: dict[float, list[ParityCell]] = {}
    for cell in sorted(cells, key=lambda c: (c.beta, c.parity.mae)):
        found.setdefault(cell.beta, []).append(cell)
    return {
        b: [group[(len(group) - 1) // 2], *(c for c in group if c is not group[(len(group) - 1) // 2])]
        for b, group in found.items()
    }


def _points(cell: ParityCell) -> Points:
    return cell.reconstructed, cell.recomputed, None


def _parity(groups: Mapping[str, Mapping[float, list[ParityCell]]], arms: Arms, judge: str, limits: Any) -> Figure:
    figure = parity_grid(
        {label: {f"{b:g}": _points(cells[0]) for b, cells in of.items()} for label, of in groups.items()},
        notes={
            label: {f"{b:g}": "collapsed" for b in of if b > arms[label].thresholds.collapse}
            for label, of in groups.items()
        },
        others={
            label: {f"{b:g}": [_points(c) for c in cells[1:]] for b, cells in of.items()}
            for label, of in groups.items()
        },
        limits=limits,
    )
    seeds = max(len(cells) for of in groups.values() for cells in of.values())
    which = (
        "the one training that was simulated"
        if seeds == 1
        else f"of {seeds} trainings the one of median mean error, the others in grey"
    )
    betas = list(dict.fromkeys(b for of in groups.values() for b in of))
    r2 = {label: [cells[0].parity.r2 for cells in of.values()] for label, of in groups.items()}
    spans = ", ".join(f"{label} {findings.between(values)}" for label, values in r2.items())
    caption = (
        f"Reconstructed packing fraction against that of the decoded powder by {judge} (Hall & Sparks, figure 6), at "
        f"β of {', '.join(f'{b:g}' for b in betas)}; {which}. All panels have the same axes."
    )
    return Figure(figure, caption, f"R² about the line of parity, by {judge}: {spans}.")


# Mutual information and t-tests


def _pairs(arms: Arms, x: Callable[[ParityCell], float], y: Callable[[ParityCell], float]) -> Any:
    pairs = {label: [(x(c), y(c)) for c in arm.cells] for label, arm in arms.items()}
    return {label: (np.array([p[0] for p in each]), np.array([p[1] for p in each])) for label, each in pairs.items()}


MINE, CHANCE, ADJUSTED = "as Hall & Sparks", "by chance", "adjusted for chance"


def _scores(arms: Arms, n: findings.Numbers) -> list[Item]:
    return [_against_beta(arms, n), _against_spread(arms), _tests(arms)]


def _against_beta(arms: Arms, n: findings.Numbers) -> Figure:
    panels = {
        MINE: _pairs(arms, lambda c: c.beta, lambda c: c.parity.nmi.score),
        CHANCE: _pairs(arms, lambda c: c.beta, lambda c: c.parity.nmi.chance),
        ADJUSTED: _pairs(arms, lambda c: c.beta, lambda c: c.parity.ami.score),
    }
    caption = (
        "Mutual information of reconstructed and recomputed numbers against β (Hall & Sparks, figure 7), what the same "
        "numbers give when they are shuffled, and the score that is adjusted for it. A dot is a training."
    )
    cells = {"collapsed": n["collapsed"], "live": n["alive"]}
    said = [
        f"{fixed(of['nmi'], 2)} of {name} models, by chance {fixed(of['chance'], 2)}, adjusted {fixed(of['ami'], 2)}"
        for name, of in cells.items()
        if of["cells"]
    ]
    figure = scores_against(panels, x_label="β", y_label="normalised mutual information", x_scale="symlog")
    return Figure(figure, caption, f"Median mutual information: {'; '.join(said)}.")


def _against_spread(arms: Arms) -> Figure:
    over = "spread against β"
    panels = {
        MINE: _pairs(arms, _spread, lambda c: c.parity.nmi.score),
        CHANCE: _pairs(arms, _spread, lambda c: c.parity.nmi.chance),
        over: _pairs(arms, lambda c: c.beta, _spread),
    }
    relative = "deviation over mean"
    figure = scores_against(
        panels,
        x_label={MINE: relative, CHANCE: relative, over: "β"},
        y_label={MINE: "normalised mutual information", CHANCE: "normalised mutual information", over: relative},
        x_scale={MINE: "log", CHANCE: "log", over: "symlog"},
    )
    caption = (
        "Mutual information against the standard deviation of reconstructions over their mean, and that against β "
        "(Hall & Sparks, figures 8 and 9)."
    )
    spreads = [_spread(c) for arm in arms.values() for c in arm.cells]
    return Figure(figure, caption, f"Deviations of reconstructions over their mean: {findings.between(spreads)}.")


def _spread(cell: ParityCell) -> float:
    return max(cell.deviation, 1e-6)


def _tests(arms: Arms) -> Figure:
    by_beta, by_nmi, equal = "|t| against β", "|t| against mutual information", "p of equivalence"
    panels = {
        by_beta: _pairs(arms, lambda c: c.beta, lambda c: abs(c.parity.two_sample.t)),
        by_nmi: _pairs(arms, lambda c: c.parity.nmi.score, lambda c: abs(c.parity.two_sample.t)),
        equal: _pairs(arms, lambda c: c.beta, lambda c: c.parity.equivalence_p),
    }
    first = next(iter(arms.values())).cells[0].parity
    critical, margin = first.two_sample.critical, first.margin
    figure = scores_against(
        panels,
        x_label={by_beta: "β", by_nmi: "normalised mutual information", equal: "β"},
        y_label={by_beta: "|t|", by_nmi: "|t|", equal: f"p of means within ± {margin:g}"},
        x_scale={by_beta: "symlog", by_nmi: "linear", equal: "symlog"},
        references={by_beta: [(critical, "critical")], by_nmi: [(critical, "critical")], equal: [(0.05, "5 %")]},
    )
    caption = (
        "t of reconstructed against recomputed numbers (Hall & Sparks, figure 10). Not to be rejected is no agreement: "
        f"a test of equivalence tells whether the means are within {margin:g}."
    )
    t = [abs(c.parity.two_sample.t) for arm in arms.values() for c in arm.cells]
    passed = percent(float(np.mean(np.array(t) < critical)))
    return Figure(
        figure, caption, f"|t| lies below its critical value of {fixed(critical, 2)} in {passed} of the cells."
    )


def _trends(a: Beta) -> Table:
    names = ["trend, all tables", "R²", "R² by chance", "seeds with p < 5 %", "rank correlation"]
    rows: list[Row] = []
    for name, trend in a.trends["all"].items():
        of = trend.as_json()
        numbers = [fixed(of[key], 2) for key in ("r2", "r2_by_chance")]
        rows.append([SAID[name], *numbers, percent(of["significant"]), fixed(of["correlation"], 2)])
    return Table("The fits of Hall & Sparks, every seed a study of its own; medians over seeds.", names, rows, "lrrrr")


#: the fits in words
SAID = {
    "nmi_against_beta": "mutual information against β",
    "nmi_against_deviation": "mutual information against deviation",
    "chance_against_deviation": "its value by chance against deviation",
    "deviation_against_beta": "deviation against β",
    "deviation_against_nmi": "deviation against mutual information",
    "t_against_beta": "|t| against β",
    "t_against_nmi": "|t| against mutual information",
    "p_against_beta": "p against β",
    "p_against_nmi": "p against mutual information",
    "ami_against_beta": "adjusted mutual information against β",
    "nmi_against_chance": "mutual information against its value by chance",
}


# Pictures by t-SNE, and every number


def _planes(a: Beta, n: findings.Numbers) -> list[Fold]:
    if not a.planes:
        return []
    titles = ["table" if p.beta is None else unbroken(f"β = {p.beta:g}") for p in a.planes]
    figure = embeddings(
        {title: (p.points, p.shown) for title, p in zip(titles, a.planes, strict=True)},
        "packing fraction φ decoded with the row",
        flags={title: "collapsed" for title, p in zip(titles, a.planes, strict=True) if p.dust},
    )
    label = a.arms[a.plane_arm].label
    caption = (
        f"t-SNE of {label} and of their reconstructions by the first training of each β (Hall & Sparks, figure 4); the "
        "table below has what neighbours tell of the row's own packing fraction."
    )
    said = findings.planes(n)
    rows = [
        [title, fixed(p.spread, 3), fixed(p.own, 2), fixed(p.true, 2)]
        for title, p in zip(titles, a.planes, strict=True)
    ]
    columns = [
        "rows",
        "deviation of columns over that of the table",
        "R², decoded packing fraction",
        "R², the row's own",
    ]
    words = "How well neighbours in these pictures predict a packing fraction."
    items: list[Item] = [Figure(figure, caption, said), Table(words, columns, rows, "lrrr")]
    return [Fold("Pictures by t-SNE", [said], items)]


def _levels(arms: Arms) -> Table:
    """Medians over the trainings of every table and β."""
    columns = [
        "table and β",
        "rate (nats)",
        "R²",
        "mean error",
        "mutual information",
        "by chance",
        "adjusted",
        "|t|",
        "gap (MIG)",
        "share best",
    ]
    rows: list[Row] = []
    for arm in arms.values():
        n = arm.as_json()
        for level, best in zip(n["levels"], n["best"], strict=True):
            p = level["parity"]
            numbers = [fixed(level["rate"], 3), fixed(p["r2"], 2), fixed(p["mae"], 4)]
            scores = [fixed(p[key], 2) for key in ("nmi", "chance", "ami")]
            last = [fixed(p["t"], 1), fixed(level["true_mig"], 3), percent(float(best))]
            rows.append([f"{n['label']}, {level['beta']:g}", *numbers, *scores, *last])
    caption = (
        "Medians over trainings. Mutual information is normalised, and called MIG by Hall & Sparks; the gap (MIG) is "
        "that of Chen et al. (2018), of what latents tell of the nine inputs; share best: of trainings in which this β "
        "has the least mean error."
    )
    return Table(caption, columns, rows, "lrrrrrrrrr")
