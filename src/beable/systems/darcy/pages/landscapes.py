"""How a page shows landscapes, trainings, points and turned latents, and what is said of them."""

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.report.figures.fields import reconstruction
from beable.report.figures.landscapes import landscape_lines, rotation_curves
from beable.report.figures.paths import losses_and_beta, paths_in_the_plane
from beable.report.figures.sweeps import rate_distortion
from beable.report.page import Evidence, Figure, Fold, Item, Table, symbols
from beable.systems.darcy.figures.kle import kle_figure
from beable.systems.darcy.parts.claims_of_lines import how_many
from beable.systems.darcy.parts.fields_of_modes import FieldsOfModes
from beable.systems.darcy.parts.landscapes import HIGHEST, Landscapes
from beable.systems.darcy.parts.paths import Paths, Trainings
from beable.systems.darcy.parts.points import Points
from beable.systems.darcy.parts.rotation import Rotations, Turned

PER_PIXEL = "nats a pixel"
LAID = {"none": "as trained", "permutation": "swapped and mirrored", "rotation": "turned"}
SHOWN = 100  # random directions drawn, as in the source


def modes_evidence(a: FieldsOfModes) -> Evidence:
    """Fields of more and more modes."""
    rough = [number(r) for r in a.roughness]
    answer = (
        f"From {a.fields.modes[0]} to {a.fields.modes[-1]:,} modes the root mean square slope of the logarithm of the "
        f"permeability goes from {rough[0]} to {rough[-1]} per side of the square."
    )
    caption = "One draw of the factors; the factors of few modes are the first of many. A row a number of modes."
    alt = f"Slopes of the logarithm of the permeability: {', '.join(rough)}."
    return Evidence(answer, [Figure(kle_figure(a.fields), caption, alt)])


# Lines


def landscapes_evidence(a: Landscapes) -> Evidence:
    """The loss along lines: from first weights, away from a solution, between solutions."""
    at_level, lines = int((a.over_regularised_minima > 0).sum()), len(a.over_regularised_minima)
    first = f"Of {lines} lines from first weights to a solution {at_level} pass a minimum at the level of Theorem 1."
    answer = f"{first} {_directions_words(a)} {_barrier_words(a)}"
    return Evidence(answer, [_from_starts(a)], [_away(a), _between(a)])


def _directions_words(a: Landscapes) -> str:
    found = int((a.minima > 0).sum())
    return f"Along {len(a.minima):,} random directions {'no' if not found else f'{found:,}'} further minima are met."


def _barrier_words(a: Landscapes) -> str:
    heights = {how: float(found.barrier()[0]) for how, found in a.between.items()}
    raw, least = heights["none"], min(heights, key=lambda how: heights[how])
    words = (
        f"Between the solutions nearest to and furthest from the factors stands a barrier of {number(raw)} {PER_PIXEL}"
    )
    if a.barriers["none"].answer is not True:
        return f"Whether a barrier stands between two solutions: {a.barriers['none'].word}."
    if least == "none":
        return f"{words}, however the latents of one are laid along those of the other."
    return f"{words}; with the latents of one {LAID[least]} it is {number(heights[least])}."


def _from_starts(a: Landscapes) -> Figure:
    terms = {"total": a.from_starts.terms["total"]}
    figure = landscape_lines(
        a.from_starts.places, terms, ends=("first weights", "solution"), levels={"total": a.level}, unit=PER_PIXEL
    )
    caption = (
        f"The loss at β = 1 on training rows along straight lines from {len(a.minima_from_starts)} sets of first "
        "weights that were never trained to one solution, ten latent samples a row. Dashed: the level of Theorem 1."
    )
    alt = f"Minima before the solution, line by line: {', '.join(map(str, a.minima_from_starts))}."
    return Figure(figure, caption, alt)


def _away(a: Landscapes) -> Fold:
    terms = {"total": a.directions[:SHOWN]}
    figure = landscape_lines(a.places, terms, unit=PER_PIXEL, x_label="α along a random direction")
    found = int((a.minima > 0).sum())
    caption = (
        f"The loss along {min(SHOWN, len(a.directions))} of {len(a.directions):,} random directions whose layers have "
        f"the norm of those of the solution, clipped at {HIGHEST:,.0f}."
    )
    alt = f"{int(a.least.sum())} of {len(a.minima)} directions rise from the solution; {found} have another minimum."
    return Fold("Figure 8: random directions", [_directions_words(a)], [Figure(figure, caption, alt)])


def _between(a: Landscapes) -> Fold:
    terms = {LAID[how]: found.terms["total"][0][None] for how, found in a.between.items()}
    scores = {f"S_D, {LAID[how]} (1)": a.s_d[how][None] for how in a.s_d}
    places = a.between["none"].places
    figure = landscape_lines(places, terms | scores, ends=("near", "far"), unit=PER_PIXEL)
    rows = [
        [
            LAID[how],
            number(float(found.barrier()[0])),
            a.barriers[how].word,
            f"{a.s_d[how][0]:.2f} to {a.s_d[how][-1]:.2f}",
        ]
        for how, found in a.between.items()
    ]
    columns = ["latents of the second", f"barrier ({PER_PIXEL})", "is one", symbols("S_D from end to end")]
    table = Table("Barriers between the two solutions.", columns, rows, "lrlr")
    caption = (
        f"From the solution whose latents are {number(a.angles[0])}° off the factors to that with "
        f"{number(a.angles[1])}°: the loss, the latents of the second laid along those of the first in three ways, and "
        "S_D."
    )
    alt = f"Barriers: {', '.join(f'{row[0]} {row[1]}' for row in rows)}."
    return Fold("Figure 11: between two solutions", [_barrier_words(a)], [Figure(figure, symbols(caption), alt), table])


def _ends(values: NDArray[np.floating]) -> str:
    return f"{values[0]:.2f} to {values[-1]:.2f}"


# Trainings


def paths_evidence(a: Paths) -> Evidence:
    """Losses and β, ways in the plane, and what is decoded."""
    items: list[Item] = [_losses(a.arms["drifting"])]
    return Evidence(_paths_answer(a), [*items, _arm_table(a)], [_plane(a), *_decoded(a)])


def _paths_answer(a: Paths) -> str:
    counts = "; ".join(f"{t.label}: {how_many(t.over)}" for t in a.arms.values())
    first = f"Over-regularised trainings: {counts}."
    if a.bad is None:
        return first
    return (
        f"{first} What one of them decodes varies by {number(a.bad.varies)} of the variance of the rows, what the best "
        f"decodes by {number(a.good.varies)}."
    )


def _losses(t: Trainings) -> Figure:
    losses = {"loss of the VAE (β = 1)": t.path.vae_loss, "training loss": t.path.training_loss}
    phases = {"rate counts": float(t.begins)} if t.begins else None
    figure = losses_and_beta(t.path.steps.astype(np.float64), losses, t.path.beta, phases=phases, unit=PER_PIXEL)
    caption = f"{t.label.capitalize()}: losses and β at recorded steps; thick the median of {len(t.over)} members."
    alt = f"The loss of the VAE ends at {number(float(np.median(t.path.vae_loss[-1])))} {PER_PIXEL}."
    return Figure(figure, caption, alt)


def _arm_table(a: Paths) -> Table:
    columns = [
        "arm",
        "over-regularised",
        f"level of Theorem 1 ({PER_PIXEL})",
        f"L_VAE at the end ({PER_PIXEL})",
        "β at the end",
    ]
    rows = [
        [t.label, how_many(t.over), number(t.level), _range(t.path.vae_loss[-1]), _range(t.path.beta[-1])]
        for t in a.arms.values()
    ]
    return Table(
        f"What became of the members of each arm; losses in {PER_PIXEL}.", [symbols(c) for c in columns], rows, "lrrrr"
    )


def _range(values: NDArray[np.floating]) -> str:
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else f"{low} to {high}"


def _plane(a: Paths) -> Fold:
    ways = {}
    for t in a.arms.values():
        middle = int(np.argsort(t.path.vae_loss[-1])[len(t.over) // 2])
        ways[t.label] = (t.path.rate[1:, middle], t.path.distortion[1:, middle])
    caption = "Rate and distortion of the middle member of each arm at recorded steps; hollow where it began."
    parted = "no over-regularised training to compare" if a.parted is None else f"they part at step {a.parted:,}"
    figure = Figure(paths_in_the_plane(ways, unit=PER_PIXEL), caption, f"Good and over-regularised: {parted}.")
    return Fold("Figure 9: ways in the plane of rate and distortion", [], [figure])


def _decoded(a: Paths) -> list[Fold]:
    kinds = {"a training that learned": a.good} | ({"an over-regularised training": a.bad} if a.bad else {})
    figures: list[Item] = []
    for who, d in kinds.items():
        planes, made = list(d.truth), list(d.decoded)
        drawn = reconstruction(planes, made, ["pressure", "Darcy flux"], ["1", "1"], a.x, a.x)
        caption = f"The first training row and what {who} makes of it."
        figures.append(Figure(drawn, caption, f"Decoded rows vary by {number(d.varies)} of the variance of the rows."))
    return [Fold("Figure 5: what is decoded", [], figures)]


# Points


def points_evidence(a: Points) -> Evidence:
    """Rate against distortion, and the loss at β = 1 from point to point."""
    order = np.unique(a.points.beta)[::-1]
    rows = [_beta_row(a, float(beta)) for beta in order]
    columns = ["β", "rate (nats)", "distortion (nats)", "over-regularised", "loss at β = 1", "minimum"]
    table = Table(f"Members of each β; loss in {PER_PIXEL}, of the first member.", columns, rows, "rrrrrl")
    return Evidence(_points_answer(a), [_points_figure(a), table])


def _beta_row(a: Points, beta: float) -> list[str]:
    own, over = a.points.beta == beta, a.over_at(beta)
    place = int(np.flatnonzero(a.betas == beta)[0])
    rate, distortion = (number(float(np.median(x[own]))) for x in (a.points.rate, a.points.distortion))
    return [number(beta), rate, distortion, how_many(over), number(float(a.loss[place])), a.minimum[place].word]


def _points_answer(a: Points) -> str:
    lost = [
        number(float(b))
        for b in np.unique(a.points.beta)
        if all(v.answer for v, x in zip(a.over, a.points.beta, strict=True) if x == b)
    ]
    where = f"at β = {' and '.join(lost)}" if lost else "at none of these β"
    minima = [number(float(b)) for b, v in zip(a.betas, a.minimum, strict=True) if v.answer]
    found = f"at β = {', '.join(minima)}" if minima else "at none of the points"
    return (
        f"All trainings are over-regularised {where}. Along the lines from point to point the loss at β = 1 has a "
        f"minimum {found}."
    )


def _points_figure(a: Points) -> Figure:
    members = {"members": (a.points.rate, a.points.distortion)}
    figure = rate_distortion(members, notes={"members": a.points.beta})
    caption = (
        "Rate and distortion of every member on training rows, in nats a row; the numbers are β of the source's scale."
    )
    lowest = number(float(a.points.distortion.min()))
    return Figure(figure, caption, f"The least distortion is {lowest} nats.")


# Turned latents


def rotation_evidence(a: Rotations) -> Evidence:
    """Rate against angle, a colour a prior."""
    rates = {t.label: t.curve.rate for t in a.priors.values()}
    figure = rotation_curves(a.invariant.curve.angles, rates)
    caption = (
        "The rate, less that at 0°, when both latents are turned and the decoder turns back; thick the median member."
    )
    rows = [_turned_row(t) for t in a.priors.values()]
    columns = [
        "prior and factors",
        "changes with the angle",
        "minimum away from the axes",
        "change (nats)",
        "latents off their factors",
    ]
    table = Table("Members of each prior.", columns, rows, "lrrrr")
    spans = ", ".join(f"{row[0]}: {row[3]} nats" for row in rows)
    return Evidence(_rotation_answer(a), [Figure(figure, caption, f"Median change over the angles, {spans}."), table])


def _turned_row(t: Turned) -> list[str]:
    changes = t.curve.flat
    moved = sum(v.answer is False for v in changes)
    angles = t.angles[np.isfinite(t.angles)]
    off = f"{number(float(np.median(angles)))}°" if len(angles) else "–"
    span = number(float(np.median(np.ptp(t.curve.rate, axis=1))))
    return [t.label, f"{moved} of {len(changes)}", how_many(t.curve.turned_minimum), span, off]


def _rotation_answer(a: Rotations) -> str:
    told = [
        f"{t.label}: {sum(v.answer is False for v in t.curve.flat)} of {len(t.curve.flat)}" for t in a.priors.values()
    ]
    return f"Members whose rate changes with the angle: {'; '.join(told)}."
