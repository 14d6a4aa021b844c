"""How a page shows dependent factors, more factors, normal factors and rivals, and what is said of them."""

from collections.abc import Iterable, Sequence

import numpy as np

from beable.console.columns import column
from beable.console.numbers import number
from beable.metrics.separation import LUCK
from beable.report.figures.scores import angles
from beable.report.figures.style import FloatArray
from beable.report.page import Evidence, Figure, Fold, Table, symbols
from beable.systems.darcy.figures.strength import angles_by_strength
from beable.systems.darcy.parts.beyond import Beyond
from beable.systems.darcy.parts.fared import CLOSE, NEAR, Fared, all_near
from beable.systems.darcy.parts.isotropic import CHANCE, Isotropic


def beyond_evidence(a: Beyond) -> Evidence:
    """Angles of all members, and what became of each arm."""
    folds = [Fold("Are the axes told by the data?", [], [_axes_table(a)])] if a.axes else []
    return Evidence(_answer(a), [_figure(a), _table(a)], folds)


def _answer(a: Beyond) -> str:
    """How many members of each method come near the ceiling, the best first, by kind of law."""
    kinds = dict.fromkeys(arm.law.partition(",")[0] for arm in a.arms.values())
    near = "; ".join(f"with {kind} factors {_near_words(a, kind)}" for kind in kinds)
    told = [name for name, found in a.axes.items() if found.identified.answer]
    axes = f" The data tell the axes of {len(told)} of {len(a.axes)} data sets." if a.axes else ""
    return f"Members near the ceiling: {near}.{axes}"


def _near_words(a: Beyond, law: str) -> str:
    """Members near the ceiling of each method, of laws that begin so."""
    methods = dict.fromkeys(arm.method for arm in a.arms.values() if arm.law.startswith(law))
    counts = {m: all_near(a.of_method(m, law)) for m in methods}
    order = sorted(methods, key=lambda m: -counts[m][0] / counts[m][1])
    return ", ".join(f"{m} {counts[m][0]} of {counts[m][1]}" for m in order)


def _figure(a: Beyond) -> Figure:
    groups = {f"{arm.method}: {arm.law}": arm.angle for arm in a.arms.values()}
    mark = min(arm.mark for arm in a.arms.values())
    caption = (
        "Every member's angle off the factors of its data, root mean square over latents, on held-out rows. "
        "What two dependent factors know of each other is taken out."
    )
    middle = ", ".join(f"{label} {np.median(angle):.1f}" for label, angle in groups.items())
    return Figure(angles(groups, mark, LUCK), caption, f"Median angles: {middle}.")


def _table(a: Beyond) -> Table:
    arms = list(a.arms.values())
    caption = symbols(
        f"Near: members with at least {NEAR:g} of the ceiling, which is the S_D of the factors against themselves, "
        f"and no more than {CLOSE:g}° off; the second, because some turned latents of dependent factors score above "
        "the ceiling. "
        "Found: members with each factor in a latent of its own for sure. Medians over members."
    )
    heads = ["method", "factors", "near", "found", symbols("S_D / ceiling"), "angle (°)", "relative error", "CPU s"]
    errors = column([float(np.median(arm.error)) for arm in arms])
    cost = column([arm.cpu_seconds for arm in arms])
    rows = [[*_row(arm), e, c] for arm, e, c in zip(arms, errors, cost, strict=True)]
    return Table(caption, heads, rows, "llrrrrrr")


def _row(arm: Fared) -> list[str]:
    near, found = int(arm.near.sum()), arm.answers.count("yes")
    share, angle = float(np.median(arm.share)), float(np.median(arm.angle))
    return [arm.method, arm.law, f"{near} of {arm.members}", f"{found}", f"{share:.3f}", f"{angle:.1f}"]


def _axes_table(a: Beyond) -> Table:
    caption = (
        "Whether the data tell the axes of the support, without labels: how far they move when rows are drawn again, "
        "and what they gain over random rotations, beside the most that normal numbers gain."
    )
    rows: Sequence[list[str]] = [
        [name, x.identified.word, f"{x.wobble:.1f}", number(x.gain), number(x.gain_of_normal)]
        for name, x in a.axes.items()
    ]
    return Table(caption, ["data", "told", "move (°)", "gain (nats)", "of normal numbers"], rows, "llrrr")


def isotropic_evidence(a: Isotropic) -> Evidence:
    """Angles by the strength of the field."""
    variances = [s.variance for s in a.strengths]
    angles_of = {method: [s.angles[method] for s in a.strengths] for method in a.methods}
    words = ". ".join(f"{method}: {verdict}" for method, verdict in a.told.items())
    answer = (
        "The law of the fields is the same for every rotation of independent normal factors, so no method can know "
        f"theirs from it; only a preference among maps can choose one. {words}."
    )
    caption = (
        "Median angle off the factors over draws of the rows, and the range of nine draws in ten, by the variance of "
        "the logarithm of the permeability, which sets how much the map from factors to fields bends."
    )
    middle = "; ".join(f"{m} {', '.join(f'{np.median(g):.0f}' for g in groups)}" for m, groups in angles_of.items())
    figure = Figure(angles_by_strength(variances, angles_of, CHANCE), caption, f"Median angles in degrees: {middle}.")
    rows = [[f"{s.variance:g}", number(s.bent), number(s.interacting), *_middles(s.angles.values())]
            for s in a.strengths]  # fmt: skip
    about = (
        "Bent: share of the fields' variance that no linear function of the factors tells. Interacting: share that no "
        "quadratic function without products of factors tells. Angles: medians over draws, degrees."
    )
    table = Table(about, ["variance of log K", "bent", "interacting", *a.methods], rows, "r" * (3 + len(a.methods)))
    return Evidence(answer, [figure, table])


def _middles(groups: Iterable[FloatArray]) -> list[str]:
    return [f"{float(np.median(g)):.1f}" for g in groups]
