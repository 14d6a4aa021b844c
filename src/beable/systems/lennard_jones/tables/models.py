"""Tables of what models learn: their latents, errors, representations, ways back, odd rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from beable.console.columns import column
from beable.console.numbers import latent_name, number
from beable.report.page import Cell, Table
from beable.systems.lennard_jones.findings import GROUP, NETWORK, PERCENT, kind, minus, percent, quantity
from beable.systems.lennard_jones.imputation import METHODS, Missing
from beable.systems.lennard_jones.parts.anomaly import FLAGGED, SOURCE_PEAKS, Anomaly
from beable.systems.lennard_jones.parts.conditional import Conditional
from beable.systems.lennard_jones.parts.latent import Latent
from beable.systems.lennard_jones.parts.matrices import SOURCE_ERROR, Matrices
from beable.systems.lennard_jones.parts.probing import Probing
from beable.systems.lennard_jones.parts.reconstruction import CORE, SWEEPS, Reconstruction
from beable.systems.lennard_jones.parts.representations import COMPONENTS, Representations
from beable.systems.lennard_jones.parts.size_beta import SizeBeta
from beable.systems.lennard_jones.tables.columns import Row, by_columns, over, percents

#: scores of odd rows by the words of figures and tables
SCORES = {
    "distortion": "reconstruction error",
    "rate": "rate",
    "loss": "both together",
    "residual": "error weighed by its covariance",
    "distortion_two_sided": "reconstruction error, both sides",
    "rate_two_sided": "rate, both sides",
    "energy": "energy U",
    "overlap": "smallest distance",
    "height_two_sided": "sum of heights, both sides",
    "mahalanobis": "Mahalanobis distance",
    "isolation_forest": "isolation forest",
    "pca_error": "error of principal components",
    "neighbours": "distance to ten neighbours",
    "mixture": "likelihood of a mixture of normals",
    "typicality": "error and rate together, both sides",
    "loss_two_sided": "loss, both sides",
    "residual_two_sided": "weighed error, both sides",
    "energy_two_sided": "energy U, both sides",
    "height": "sum of heights",
}
#: who makes a score
FAMILIES = {"model": "the VAE", "baseline": "what practitioners use", "physics": "the physics"}
FIRST_SCORES = (
    "distortion",
    "rate",
    "loss",
    "residual",
    "typicality",
    "isolation_forest",
    "neighbours",
    "mixture",
    "pca_error",
    "mahalanobis",
    "energy",
    "overlap",
    "height_two_sided",
)
HIDDEN = {
    "zeroed": "set to zero, decoded",
    "latent": "best latent",
    "geometry": "geometry alone",
    "mean": "mean matrix",
}
OVERLAP = f"all distances above {CORE:g} σ"
LARGEST_DISTANCE = float(np.sqrt(np.log(2)))  # of Jensen and Shannon


# Latents


def latent_table(a: Latent) -> Table:
    """What is told of γ from the latents of each arm, beside what is possible and chance."""
    first = next(iter(a.maps.values()))
    kinds = list(first.probes)
    ceiling, members = first.ceiling.accuracy.score, max(len(m.principal) for m in a.maps.values())
    rows: list[Row] = [
        ["best rule by Σy, these rows", *[percent(ceiling)] * len(kinds), "–", "–"],
        ["best rule by Σy, expected", *[percent(first.ceiling.expected)] * len(kinds), "–", "–"],
        ["nearest neighbours by Σy", *[percent(first.height_probe.score)] * len(kinds), "–", "–"],
        *(_latent_row(a, name, kinds) for name in a.maps),
        ["chance", *[percent(first.chance)] * len(kinds), "0.00", "0.00"],
    ]
    caption = (
        "Rows whose γ is told from the latents by a probe, agreement of k-means clusters with γ (AMI, 0 by chance, 1 "
        f"if equal), and rank correlation of ⟨y⟩ with the direction that tells γ best; held-out rows, {over(members)}. "
        f"Distance images: {NETWORK}."
    )
    columns = ["latents of", *(f"told, {name} (%)" for name in kinds), "clusters, AMI", "⟨y⟩ along γ"]
    return Table(caption, columns, [_without_percent(row) for row in rows], "l" + "r" * (len(kinds) + 2))


def _without_percent(row: Row) -> Row:
    return [cell.removesuffix(PERCENT) if isinstance(cell, str) else cell for cell in row]


def _latent_row(a: Latent, name: str, kinds: Sequence[str]) -> Row:
    m = a.maps[name]
    probes = [percent(float(np.median([p.score for p in m.probes[kind]]))) for kind in kinds]
    clusters, along = np.median([c.score for c in m.clusters]), np.median([t.correlation for t in m.trend])
    return [a.labels[name], *probes, f"{clusters:.2f}", minus(f"{along:.2f}")]


# Matrices


def matrices_table(a: Matrices) -> Table:
    """Every model of matrices beside principal components of the same ones."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [line.label for line in lines],
            [f"{sum(line.parameters) / 1e6:.1f}" for line in lines],
            [str(line.rows) for line in lines],
            column(line.error for line in lines),
            column(line.linear for line in lines),
            column(line.spread for line in lines),
            column(line.rate for line in lines),
            [str(line.active) for line in lines],
            percents(line.gravity.score for line in lines),
        ]
    )
    caption = (
        "Root-mean-square error of a distance on held-out rows in σ, of the first training, of 40 principal "
        f"components of the same matrices and of their mean; the source reports {SOURCE_ERROR:g} σ after 100 epochs of "
        "32,000 rows. Rows seen are counted as often as they came."
    )
    columns = [
        "model",
        "parameters (10⁶)",
        "rows seen",
        "error",
        "linear",
        "mean",
        "rate (nats)",
        "active",
        "γ told (%)",
    ]
    return Table(caption, columns, rows, "lrrrrrrrr")


def entries_table(a: Matrices) -> Table:
    """How far decoded images are from matrices of distances."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [line.label for line in lines],
            column(line.entry_error for line in lines),
            column(line.error for line in lines),
            column(line.asymmetry for line in lines),
            column(line.diagonal for line in lines),
            [f"{line.cpu_seconds:.0f}" for line in lines],
        ]
    )
    caption = (
        "Error of an entry as decoded and of the mean of the two entries of a pair, their difference, and the size of "
        "the diagonal, which is zero in every matrix; root mean squares in σ."
    )
    columns = ["model", "error, entry", "error, mean of two", "asymmetry", "diagonal", "CPU s"]
    return Table(caption, columns, rows, "lrrrrr")


def told_table(a: Matrices) -> Table:
    """What matrices themselves say of γ."""
    kinds = list(next(iter(a.told.values())))
    rows: list[Row] = [[order, *percents(a.told[order][k].score for k in kinds)] for order in a.told]
    rows.append(["all heights", *[percent(a.ceiling).removesuffix(PERCENT)] * len(kinds)])
    caption = (
        "Rows whose γ is told from 100 principal components of the matrices themselves, in percent; a matrix does not "
        "know how high its particles are, so the last line is out of reach."
    )
    return Table(caption, ["order of the particles", *kinds], rows, "l" + "r" * len(kinds))


# Size and β


def _beta_names(a: SizeBeta) -> list[str]:
    return [f"β = {beta:g}" for beta in a.betas[0, :-1]] + ["λ = 0.00035"]


def size_beta_table(a: SizeBeta, values: Any, caption: str) -> Table:
    """One quantity by number of latents and β, a column a β."""
    forms = np.array(_block(np.asarray(values)))
    rows = [[str(n), *forms[i], f"{a.betas[i, -1]:g}"] for i, n in enumerate(a.sizes)]
    columns = ["latents", *_beta_names(a), "β of that λ"]
    return Table(caption, columns, rows, "r" * len(columns))


def _block(values: Any) -> list[list[str]]:
    """Numbers of a block of columns, all in one form."""
    if values.dtype.kind in "iu":
        return [[str(v) for v in row] for row in values]
    flat = column(values.ravel())
    return [flat[i : i + values.shape[1]] for i in range(0, len(flat), values.shape[1])]


# Representations


def representations_table(a: Representations) -> Table:
    """What the model of each representation leaves, and whether what it draws is free of overlaps."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [line.label for line in lines],
            column(line.error for line in lines),
            column(line.rate for line in lines),
            percents(line.decoded for line in lines),
            percents(line.sampled for line in lines),
            percents(line.inside for line in lines),
        ]
    )
    caption = (
        "Medians over the trainings of an arm, on held-out rows. Error of a coordinate or distance in σ, of polar "
        f"coordinates and densities in their own unit; no overlap: {OVERLAP}, in percent."
    )
    columns = ["representation", "error", "rate (nats)", "decoded, no overlap", "samples, no overlap", "samples in box"]
    return Table(caption, columns, rows, "lrrrrr")


def linear_table(a: Representations) -> Table:
    """What principal components leave, and what latents know of γ."""
    lines = list(a.lines.values())
    rows = by_columns(
        [
            [*(line.label for line in lines), "best possible"],
            [*percents(line.explained for line in lines), "–"],
            *([*column(line.linear[k] for line in lines), "–"] for k in COMPONENTS),
            [*column(line.error for line in lines), "–"],
            [*percents(line.gravity for line in lines), percent(a.ceiling).removesuffix(PERCENT)],
        ]
    )
    caption = (
        "Share of the variance on two principal components in percent, errors that principal components and the model "
        "leave, in σ as above, and rows whose γ is told from the latents, in percent."
    )
    columns = ["representation", "on 2", *(f"error, {k} components" for k in COMPONENTS), "error, model", "γ told"]
    return Table(caption, columns, rows, "lrrrrrr")


# Reconstruction


def ways_table(a: Reconstruction) -> Table:
    """Every way back beside the originals."""
    ways = list(a.ways.values())
    floor = ways[0].distance[0].floor
    rows = by_columns(
        [
            [*a.ways, "originals, γ of other rows", "originals, two samples"],
            [*percents(w.apart for w in ways), "–", "–"],
            [*column(w.matched for w in ways), "0.00", "–"],
            [*(f"{w.distance[0].distance:.2f}" for w in ways), f"{a.mislabelled.distance:.2f}", f"{floor:.2f}"],
            [*(f"{w.distance[SWEEPS[0]].distance:.2f}" for w in ways), "–", "–"],
        ]
    )
    caption = (
        f"Held-out rows as they come back; no overlap: {OVERLAP}; error of matched particles. Energies: Jensen–Shannon "
        f"distance from those of the originals, at most {LARGEST_DISTANCE:.2f}; decoded, and after {SWEEPS[0]} sweeps."
    )
    columns = ["way back", "no overlap (%)", "error (σ)", "energies, decoded", f"energies, {SWEEPS[0]} sweeps"]
    return Table(caption, columns, rows, "lrrrr")


def energies_table(a: Reconstruction) -> Table:
    """Energies of every way back before and after relaxation."""
    ways = list(a.ways.values())
    medians = {s: [_median(w.energy[s]) for w in ways] for s in (0, *SWEEPS)}
    rows = by_columns(
        [
            list(a.ways),
            ["–" if w.shape is None else f"{w.shape:.2f}" for w in ways],
            *(column(values) for values in medians.values()),
            *([f"{w.distance[s].distance:.2f}" for w in ways] for s in SWEEPS),
        ]
    )
    after = [f"JSD, {s} sweeps" for s in SWEEPS]
    columns = ["way back", "shape error (σ)", "median U (ε)", *(f"U, {s} sweeps" for s in SWEEPS), *after]
    caption = (
        f"Shape error: after the best rotation, reflection and shift. Originals have a mean energy of "
        f"{number(a.energy.mean())} ε."
    )
    return Table(caption, columns, rows, "l" + "r" * (len(columns) - 1))


def _median(values: Any) -> float:
    middle = float(np.median(values))
    return middle if np.isfinite(middle) else np.nan


def cut_table(a: Reconstruction) -> Table:
    """Energies without near pairs beside those of all pairs."""
    ways = list(a.ways.values())
    rows = by_columns(
        [
            list(a.ways),
            [f"{w.cut_distance.distance:.2f}" for w in ways],
            [f"{w.distance[0].distance:.2f}" for w in ways],
            column(float(np.median(w.cut - a.cut)) for w in ways),
            column(_median(w.energy[0] - a.energy) for w in ways),
        ]
    )
    caption = (
        "Jensen–Shannon distance of energies from those of the originals, and median difference of a row in ε: "
        f"without pairs nearer than 1 σ, as {GROUP} has them, and with all. The source reports 0.185 for the former; "
        f"two samples of originals are {ways[0].cut_distance.floor:.2f} apart."
    )
    columns = ["way back", "distance, cut", "distance, all", "difference, cut", "difference, all"]
    return Table(caption, columns, rows, "lrrrr")


# Samples at other γ


def conditional_table(a: Conditional) -> Table:
    """Samples at each γ beside a run there."""
    levels = a.levels
    rows = by_columns(
        [
            [f"{level.gravity:g}{'' if level.trained else ', new'}" for level in levels],
            percents(level.apart for level in levels),
            percents(level.inside for level in levels),
            [f"{own:.2f} ({there:.2f})" for own, there in (level.height for level in levels)],
            [f"{own:.1f} ({there:.1f})" for own, there in (level.contacts for level in levels)],
            [minus(f"{off:.2f} ± {error:.2f}") for off, error in (level.off for level in levels)],
        ]
    )
    trainings = max(len(level.members) for level in levels)
    caption = (
        f"Samples of the prior at each γ, {over(trainings)}, and in brackets equilibrium there; no overlap: {OVERLAP}. "
        "Energy: mean after 10 sweeps less that of equilibrium, in ε, with its standard error."
    )
    columns = ["γ", "no overlap (%)", "in box (%)", "mean height (σ)", "contacts", "energy off"]
    return Table(caption, columns, rows, "lrrrrr")


# Anomalies


def scores_table(a: Anomaly) -> Table:
    """What each score of the main arm notices."""
    found = a.tables[a.main].found
    names = [name for name in FIRST_SCORES if name in next(iter(found.values()))]
    rows: list[Row] = [[SCORES[name], *(_noticed(by_score[name].auc) for by_score in found.values())] for name in names]
    caption = (
        f"ROC-AUC of scores of “{a.labels[a.main]}”: 0.5 by chance, less if odd rows score lower; ? where the interval "
        "at 95 % holds 0.5."
    )
    return Table(caption, ["score", *map(kind, found)], rows, "l" + "r" * len(found))


def worth_table(a: Anomaly) -> Table:
    """The best score of each family, chosen before the kind of odd rows is known."""
    rows = [
        [FAMILIES[name], SCORES[best.score], f"{best.mean:.3f}", f"{best.least:.3f}", kind(best.hardest)]
        for name, best in a.worth.items()
    ]
    caption = (
        f"One score for all kinds of odd rows, of “{a.labels[a.main]}” and its rows: that of the largest mean AUC in "
        "each family, and the kind that it notices least. Energy, distances and heights need the physics, which odd "
        "rows of measured data may not offer."
    )
    return Table(caption, ["of", "score", "mean AUC", "least AUC", "least for"], rows, "llrrl")


def errors_table(a: Anomaly) -> Table:
    """Errors of rows beside those that the source's histograms show."""
    rows = [
        [kind(name), f"{np.median(e):.2f}", f"{np.quantile(e, 0.1):.2f} to {np.quantile(e, 0.9):.2f}",
         percent(a.flagged[name]).removesuffix(PERCENT), f"{SOURCE_PEAKS[name]:.2f}" if name in SOURCE_PEAKS else "–"]
        for name, e in a.errors.items()
    ]  # fmt: skip
    caption = (
        f"Root-mean-square error of a row's distances in σ, by “{a.labels['matrices']}”: median and the range of 80 % "
        f"of the rows, the share above the mean of ordinary rows by {FLAGGED:g} standard deviations, and the peak of "
        f"the histogram that {GROUP} shows."
    )
    return Table(caption, ["rows", "median", "80 % of rows", "flagged (%)", "peak there"], rows, "lrrrr")


def _noticed(auc: Any) -> Cell:
    verdict = "good" if auc.low > 0.5 else "miss" if auc.high < 0.5 else "unsure"
    return Cell(f"{auc.score:.3f}", verdict)


def intervals_table(a: Anomaly, arm: str) -> Table:
    """Every score of an arm with its interval."""
    found = a.tables[arm].found
    names = [name for name in SCORES if name in next(iter(found.values()))]
    rows = [[SCORES[name], *(_interval(by_score[name].auc) for by_score in found.values())] for name in names]
    caption = f"ROC-AUC with its interval at 95 %: {a.labels[arm]}."
    return Table(caption, ["score", *map(kind, found)], rows, "l" + "r" * len(found))


def _interval(auc: Any) -> str:
    return f"{auc.score:.3f} ({auc.low:.3f}–{auc.high:.3f})"


def hidden_table(a: Anomaly) -> Table:
    """Errors of hidden distances by method."""
    trainings = max(len(r.rmse) for m in a.missing.values() for r in m.found.values())
    caption = (
        f"Error of hidden distances in σ, {over(trainings)}: the block set to zero as if it were data, as {GROUP} "
        "does; the latent that explains the known distances best; points that have them; and the mean matrix."
    )
    columns = ["particles hidden", "pairs", *(HIDDEN[name] for name in METHODS)]
    rows = [[f"{first + 1} to {first + length}", *_missing_row(m)] for (first, length), m in a.missing.items()]
    return Table(caption, columns, rows, "lr" + "r" * len(METHODS))


def _missing_row(m: Missing) -> Row:
    pairs, every = int(m.hidden.sum()) // 2, m.hidden.shape[0] * (m.hidden.shape[0] - 1) // 2
    found = [_error(float(np.median(m.found[name].rmse))) if name in m.found else "–" for name in METHODS]
    return [f"{pairs} of {every}", *found]


def _error(value: float) -> str:
    return f"{value:.2f}" if value > 1e-3 else number(value)


# Single latents


def latents_table(a: Probing, most: int) -> Table:
    """What follows which latent, the latents that move the code most first."""
    t = a.latents
    rows = [
        [
            latent_name(int(t.number[i])),
            *percents([t.explained[i]]),
            *(_rank(t.effects[q][i].association) for q in t.effects),
        ]
        for i in range(min(len(t.number), most))
    ]
    caption = (
        "Share of the code's variance along each latent in percent, and rank correlation (Spearman) of the latent with "
        f"quantities of held-out rows; {_drawn_of(a)}."
    )
    columns = ["latent", "explains (%)", *map(quantity, t.effects)]
    return Table(caption, columns, rows, "l" + "r" * (len(t.effects) + 1))


def _drawn_of(a: Probing) -> str:
    return "the only training" if len(a.members) == 1 else f"training 1 of {len(a.members)}"


def _rank(value: float) -> str:
    return minus(f"{value:.2f}")


def principal_table(a: Probing, most: int) -> Table:
    """What follows which principal direction."""
    t = a.principal
    rows = [
        [str(i + 1), *percents([t.explained[i]]), *(_rank(t.effects[q][i].association) for q in t.effects)]
        for i in range(min(len(t.number), most))
    ]
    columns = ["direction", "explains (%)", *map(quantity, t.effects)]
    caption = f"The same along the principal directions of the latents, as {GROUP} walks; {_drawn_of(a)}."
    return Table(caption, columns, rows, "r" * len(columns))


def members_table(a: Probing) -> Table:
    """How strongly each quantity follows its best latent, training by training."""
    best = a.as_json()["strongest_by_member"]
    rows = [[f"{i + 1}", *(_rank(best[q][i]) for q in best)] for i in range(len(a.members))]
    caption = "Size of the rank correlation of each quantity with the latent that it follows most, by training."
    return Table(caption, ["training", *map(quantity, best)], rows, "r" * (len(best) + 1))
