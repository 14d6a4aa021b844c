"""How a page shows trainings with labels, and what is said of them."""

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.report.figures.codes import posterior_and_factors
from beable.report.figures.sweeps import sweep
from beable.report.page import Cell, Evidence, Figure, Fold, Table, symbols
from beable.systems.darcy.pages.label_findings import (
    correlated_answer,
    equation_28_answer,
    label_answer,
    limits_answer,
    posterior_answer,
)
from beable.systems.darcy.parts.equation_28 import RULES, Equation28, Path
from beable.systems.darcy.parts.labelled_posterior import LabelledPosterior
from beable.systems.darcy.parts.labels import (
    SOURCE,
    SOURCE_CEILING,
    CorrelatedLabels,
    Curve,
    LabelLimits,
    LabelStudy,
)

Floats = NDArray[np.float64]
LABELLED = "labelled rows"
OF_CEILING = "S_D over its ceiling"


def label_evidence(a: LabelStudy) -> Evidence:
    """S_D against the number of labels, beside the source's; losses, folded."""
    return Evidence(label_answer(a), [_efficiency(a), _level_table(a)], [_losses(a.anisotropic)])


def _efficiency(a: LabelStudy) -> Figure:
    with_labels = (a.anisotropic, a.standard, a.seen)
    lines = {c.label: c.by_level(c.share) for c in with_labels}
    levels = np.array(list(SOURCE), float)
    theirs = np.array([s.mean for s in SOURCE.values()]) / SOURCE_CEILING
    marks = {"no labels": float(np.median(a.without.share)), "chance": a.without.chance / a.without.ceiling}
    figure = sweep(lines, LABELLED, OF_CEILING, source={a.anisotropic.label: (levels, theirs)}, levels=marks)
    caption = symbols(
        "S_D of every member on held-out rows without labels, over the S_D of the factors themselves, against the "
        "number of labelled training rows; a dot a draw of these rows, the line through their medians. Hollow: means "
        "of five trainings of the source, read off the authors' plot, over their plateau."
    )
    return Figure(figure, caption, f"Fewest labels with which all draws have the factors: {_all_fewest(a)}.")


def _all_fewest(a: LabelStudy) -> str:
    return ", ".join(f"{c.label} {c.fewest or 'none'}" for c in (a.anisotropic, a.standard, a.seen))


def _level_table(a: LabelStudy) -> Table:
    arms = (a.anisotropic, a.standard, a.seen)
    columns = [LABELLED, "source", *(c.label for c in arms)]
    levels = sorted({level for c in arms for level in c.levels})
    rows: list[list[Cell | str]] = [
        [str(level), _source_cell(level), *(_share_cell(c, level) for c in arms)] for level in levels
    ]
    caption = symbols(
        "S_D over its ceiling: mean over draws and range; in brackets behind it of how many draws each factor is in a "
        "latent of its own."
    )
    return Table(caption, columns, rows, "r" + "r" * (len(columns) - 1))


def _source_cell(level: int) -> str:
    if (s := SOURCE.get(level)) is None:
        return "–"
    mean, low, high = (f"{x / SOURCE_CEILING:.2f}" for x in s)
    return f"{mean} ({low} to {high})"


def _share_cell(c: Curve, level: int) -> str:
    if level not in c.levels:
        return "–"
    there = c.at(c.share, level)
    hits, members = c.hits(level)
    return f"{there.mean():.2f} ({there.min():.2f} to {there.max():.2f}) [{hits} of {members}]"


def _losses(c: Curve) -> Fold:
    values = {
        "distortion (nats a pixel)": c.distortion,
        "rate (nats a latent)": c.rate,
        "labels (nats a labelled row)": c.term,
    }
    lines = {name: c.by_level(v) for name, v in values.items()}
    caption = f"Terms of the objective on training rows at the end, {c.label}: every draw, and their medians."
    middles = ", ".join(f"{name} {number(float(np.median(v)))}" for name, v in values.items())
    figure = sweep(lines, LABELLED, "nats")
    return Fold("Losses", [], [Figure(figure, caption, f"Medians over all: {middles}.")])


def equation_28_evidence(a: Equation28) -> Evidence:
    """The label term of both equations in time, and where trainings ended."""
    return Evidence(equation_28_answer(a), [_falls(a), _path_table(a)])


def _falls(a: Equation28) -> Figure:
    lines = {f"{RULES[p.rule]}, rate {number(p.rate)}": _fall(p) for p in a.paths}
    caption = (
        f"The label term in training with {a.labelled} labelled rows, on the scale sign(x) log(1 + |x|) of base ten. "
        "By equation 28 it has no lower bound; a line ends where its training was stopped."
    )
    ends = ", ".join(f"{name} {number(float(p.term[-1]))}" for name, p in zip(lines, a.paths, strict=True))
    return Figure(sweep(lines, "step", "sign(x) log(1 + |x|) of the label term"), caption, f"Last values: {ends}.")


def _fall(p: Path) -> tuple[Floats, Floats]:
    return np.array(p.steps, float), np.sign(p.term) * np.log10(1 + np.abs(p.term))


def _path_table(a: Equation28) -> Table:
    columns = ["equation", "learning rate", "last step", "label term (nats)", "from the labels (spreads)"]
    rows: list[list[Cell | str]] = [
        [
            RULES[p.rule],
            number(p.rate),
            f"{p.end:,}",
            Cell(number(float(p.term[-1])), "miss" if p.why else "neutral"),
            number(p.distance),
        ]
        for p in a.paths
    ]
    caption = "Where each training ended; those that were stopped are marked. The last column is a root mean square."
    return Table(caption, columns, rows, "lrrrr")


def posterior_evidence(a: LabelledPosterior) -> Evidence:
    """Where latents lie beside the factors."""
    names = [rf"\theta_{i + 1}" for i in range(a.factors.shape[1])]
    figure = posterior_and_factors(a.codes, a.factors, names, a.prior)
    caption = (
        f"Draws of the posteriors of {len(a.codes):,} held-out rows in units of the factors, the factors of "
        f"{len(a.factors):,} other rows, and the prior: the member of median angle of {len(a.angle)} with "
        f"{a.labelled} labelled rows."
    )
    rows: list[list[Cell | str]] = [
        ["in the gaps between peaks", f"{100 * a.gap:.1f} %", f"{100 * a.factor_gap:.1f} %"],
        ["neighbours of their own kind", f"{100 * a.share:.1f} %", "50 % if the laws are one"],
        ["as many by luck", number(a.p), "–"],
    ]
    table = Table(
        "The aggregate posterior beside the law of the factors.", ["quantity", "latents", "factors"], rows, "lrr"
    )
    alt = f"{100 * a.gap:.1f} % of the latents and {100 * a.factor_gap:.1f} % of the factors lie in the gaps."
    return Evidence(posterior_answer(a), [Figure(figure, caption, alt), table])


def limits_evidence(a: LabelLimits) -> Evidence:
    """Angles against noise, and against labels of one factor alone."""
    noises = np.array(a.noises)
    by_noise = np.stack([a.at_noise(a.noise.angle, noise) for noise in a.noises])
    errors = np.stack([a.at_noise(a.noise.error.mean(1), noise) for noise in a.noises])
    lines = {
        "error of the factors (their spread)": (noises, errors),
        "angle off the factors (90°)": (noises, by_noise / 90),
    }
    caption = (
        f"Members with {max(a.noise.number)} labelled rows whose labels have noise: the error of the factors on "
        "held-out rows, in units of their spread, and the angle off the factors as a share of a right angle."
    )
    alt = f"Median errors by noise: {', '.join(number(float(np.median(e))) for e in errors)}."
    figure = sweep(lines, "noise on the labels (their spread)", "share")
    return Evidence(limits_answer(a), [Figure(figure, caption, alt), _noise_table(a)], [_one_factor(a)])


def _noise_table(a: LabelLimits) -> Table:
    columns = ["noise (spreads)", "error of the factors (spreads)", "angle (°)", "factors alone"]
    rows: list[list[Cell | str]] = []
    for noise in a.noises:
        error, angle = (float(np.median(a.at_noise(v, noise))) for v in (a.noise.error.mean(1), a.noise.angle))
        hits, members = a.found_at(noise)
        rows.append([number(noise), number(error), number(angle), f"{hits} of {members}"])
    return Table("Noise on the labels: medians over draws.", columns, rows, "rrrr")


def _one_factor(a: LabelLimits) -> Fold:
    columns = [LABELLED, "error of the labelled factor (spreads)", "angle (°)", "factors alone"]
    rows: list[list[Cell | str]] = [
        [
            str(level),
            number(float(np.median(a.one.at(a.one.error[:, 0], level)))),
            number(float(np.median(a.one.at(a.one.angle, level)))),
            f"{a.one.hits(level)[0]} of {a.one.hits(level)[1]}",
        ]
        for level in a.one.levels
    ]
    caption = f"Labels of {a.one.names[0]} alone: medians over draws. The angle is that of both latents."
    return Fold("One factor of two", [], [Table(caption, columns, rows, "rrrr")])


def correlated_evidence(a: CorrelatedLabels) -> Evidence:
    """Angles against the number of labels."""
    c = a.labelled
    figure = sweep({c.label: c.by_level(c.angle)}, LABELLED, "angle off the factors (°)")
    caption = (
        "How far the latents are turned from correlated normal factors, by what each knows of a factor beyond the "
        "other; a dot a draw of the labelled rows, the line through their medians."
    )
    columns = [LABELLED, "angle (°)", "error of the factors (spreads)", "factors alone"]
    rows: list[list[Cell | str]] = [
        [
            str(level),
            number(float(np.median(c.at(c.angle, level)))),
            number(float(np.median(c.at(c.error.mean(1), level)))),
            f"{c.hits(level)[0]} of {c.hits(level)[1]}",
        ]
        for level in c.levels
    ]
    table = Table("Correlated factors with labels: medians over draws.", columns, rows, "rrrr")
    alt = f"Median angles: {', '.join(number(float(np.median(c.at(c.angle, level)))) for level in c.levels)} degrees."
    return Evidence(correlated_answer(a), [Figure(figure, caption, alt), table])
