"""How a page shows what members decode and where their latents lie, and what is said of them."""

import numpy as np

from beable.console.numbers import number, span
from beable.report.figures.codes import Clouds, Scatter, clouds, scatters
from beable.report.figures.fields import fields, reconstruction
from beable.report.figures.sweeps import sweep
from beable.report.page import Evidence, Figure, Fold, Table, symbols
from beable.report.sections import followed
from beable.systems.darcy.parts.members import Members
from beable.systems.darcy.parts.shown import Fields, Latents

SHOWN = 200  # dots of a panel


def reconstruction_evidence(a: Latents) -> Evidence:
    """A held-out row, what each arm makes of it, and the errors of all members."""
    shown = {name: a.drawn[name].fields for name in a.trained}
    words = "; ".join(f"{m.label} {number(float(np.median(m.error)))}" for m in a.trained.values())
    answer = f"Relative squared error of held-out rows, median over members: {words}."
    figure = _one(shown) if len(shown) == 1 else _several(a, shown)
    return Evidence(answer, [figure, _error_table(a)])


def _one(shown: dict[str, Fields]) -> Figure:
    (f,) = shown.values()
    drawn = reconstruction(list(f.truth), list(f.made), f.names, f.units, f.x, f.y)
    caption = (
        "The first held-out row, its reconstruction by the member of median error, and the difference; the percentage "
        "is the norm of the difference over that of the row. Both in the units of the data."
    )
    return Figure(drawn, caption, f"Errors: {_shares(f)}.")


def _several(a: Latents, shown: dict[str, Fields]) -> Figure:
    """The first channel of a row, and the error of each arm."""
    first = next(iter(shown.values()))
    planes = [first.truth[0], *(f.made[0] - f.truth[0] for f in shown.values())]
    titles = [first.names[0], *(f"error, {a.arms[name].label}" for name in shown)]
    drawn = fields(
        [p[None] for p in planes],
        titles,
        [first.units[0]] * len(planes),
        first.x,
        first.y,
        scales=["linear", *["signed"] * len(shown)],
    )
    caption = (
        f"The {first.names[0]} of the first held-out row, and reconstruction less truth by the member of median error "
        "of each arm, each on a scale of its own."
    )
    alt = "; ".join(f"{a.arms[name].label}: {_shares(f)}" for name, f in shown.items())
    return Figure(drawn, caption, f"Errors of the row by channel, {alt}.")


def _shares(f: Fields) -> str:
    sizes = [
        float(np.linalg.norm(m - t)) / (float(np.linalg.norm(t)) or 1.0) for t, m in zip(f.truth, f.made, strict=True)
    ]
    return ", ".join(f"{name} {number(100 * s)} %" for name, s in zip(f.names, sizes, strict=True))


def _error_table(a: Latents) -> Table:
    rows = [
        [m.label, span(m.error), *([span(m.distortion), number(m.level), str(m.lost)] if m.trained else ["–"] * 3)]
        for m in a.arms.values()
    ]
    columns = ["arm", "relative squared error", symbols("L_REC"), "level without latents", "over-regularised"]
    caption = symbols(
        "Held-out rows: median over members, and range. L_REC in nats a pixel, and that of a decoder that sees no "
        "latents."
    )
    return Table(caption, columns, rows, "lrrrr")


def posterior_evidence(a: Latents) -> Evidence:
    """Where the latents of one member of each arm lie, beside its prior and the factors."""
    drawn = {m.label: _clouds(a, name) for name, m in a.trained.items()}
    caption = (
        "Posterior means of held-out rows, samples of the prior, and the factors of the rows; the member whose latents "
        "are nearest to the factors, a row an arm."
    )
    words = ", ".join(f"{a.arms[n].label} {number(float(np.median(g.of_prior)))}" for n, g in a.gaps.items())
    null = ", ".join(number(g.null) for g in a.gaps.values())
    answer = (
        f"Divergence of the aggregate posterior from the prior, in nats, median over members: {words}; two samples of "
        f"one prior differ by up to {null}."
    )
    return Evidence(answer, [Figure(clouds(drawn, a.symbols), caption, answer), _gap_table(a)])


def _clouds(a: Latents, name: str) -> Clouds:
    d, m = a.drawn[name], a.arms[name]
    n = min(2 * SHOWN, len(a.factors), len(d.prior))
    return Clouds(m.codes[d.member][:n], d.prior[:n], a.factors[:n])


def _gap_table(a: Latents) -> Table:
    rows = [
        [a.arms[n].label, span(g.of_prior), number(g.null), span(g.of_factors), span(a.arms[n].angle)]
        for n, g in a.gaps.items()
    ]
    columns = ["arm", "from the prior", "of two samples", "of the factors", "turned (°)"]
    caption = (
        "Divergence by nearest neighbours in nats: of the aggregate posterior from the prior, beside the largest of "
        "pairs of samples of the prior; of the factors from the posterior, in the best order and signs. Angle of the "
        "latents off the factors. Median over members, and range."
    )
    return Table(caption, columns, rows, "lrrrr")


def scatter_evidence(a: Latents) -> Evidence:
    """Latents against factors: training and held-out rows of one arm, or held-out rows of several."""
    words = "; ".join(f"{m.label}: {m.found}" for m in a.arms.values())
    answer = f"Members with each factor in a latent of its own: {words}."
    return Evidence(answer, [_scatter_figure(a), _scatter_table(a)])


def _scatter_figure(a: Latents) -> Figure:
    if len(a.trained) == 1:
        (name,) = a.trained
        d, m = a.drawn[name], a.arms[name]
        few = slice(None, SHOWN)
        rows = {
            "training rows": Scatter(d.train_codes[few], d.train_factors[few]),
            "held-out rows": Scatter(m.codes[d.member][few], a.factors[few], m.std[d.member][few]),
        }
        what = "training rows, and held-out rows with the deviation of the posterior as bars"
    else:
        rows = {m.label: _of_arm(a, name) for name, m in a.trained.items()}
        what = "held-out rows, bars the deviation of the posterior"
    of = "" if len(a.trained) == 1 else " of each arm"
    caption = f"Latents of the member{of} that is nearest to the factors, against the factors: {what}."
    told = {a.arms[n].label: followed(a.arms[n].codes[d.member], a.factors, a.symbols) for n, d in a.drawn.items()}
    alt = "; ".join(f"{label}: {words}" for label, words in told.items())
    return Figure(scatters(rows, a.symbols), caption, alt)


def _of_arm(a: Latents, name: str) -> Scatter:
    d, m, few = a.drawn[name], a.arms[name], slice(None, SHOWN)
    return Scatter(m.codes[d.member][few], a.factors[few], m.std[d.member][few])


def _scatter_table(a: Latents) -> Table:
    rows = [
        [m.label, str(m.found), f"{m.found.low:.0%} to {m.found.high:.0%}", span(m.angle), *_scores(m)]
        for m in a.arms.values()
    ]
    mean, low, high = a.chance
    rows += [
        ["random rotations", "–", "–", "–", f"{mean:.2f} ({low:.2f} to {high:.2f})"],
        ["the factors themselves", "–", "–", "–", f"{a.ceiling:.3f}"],
    ]
    columns = ["arm", "found", "95 % interval", "turned (°)", symbols("S_D")]
    caption = symbols(
        "Found: members with each factor in a latent of its own, and the interval of their share. Angle off the "
        "factors and S_D: median over members, and range; of random rotations the mean, 5 % and 95 %."
    )
    return Table(caption, columns, rows, "lrrrr")


def _scores(m: Members) -> list[str]:
    low, middle, high = m.s_d.min(), np.median(m.s_d), m.s_d.max()
    return [f"{middle:.2f} ({low:.2f} to {high:.2f})"]


def turned_evidence(a: Latents) -> Evidence:
    """S_D of the member nearest the factors as its latents are turned."""
    if not a.turns:
        return Evidence("Latents can be turned by one angle only where there are two.", [])
    turn, score = (np.array(x) for x in zip(*a.turns, strict=True))
    mean, _, high = a.chance
    levels = {"ceiling": a.ceiling, "chance": mean, "95 % of chance": high}
    worst = int(score.argmin())
    answer = symbols(
        f"S_D of the member nearest the factors is {score[0]:.2f}, and {score[worst]:.2f} when its latents are turned "
        f"by {turn[worst]:.0f}°; no term of the loss with a standard normal prior sees such a turn."
    )
    drawn = sweep({"nearest member": (turn, score)}, "latents turned by (degrees)", "$S_D$", levels=levels)
    caption = symbols(
        "S_D of the latents of the member nearest the factors, standardised and turned; the ceiling is that of the "
        "factors themselves, chance that of random rotations."
    )
    return Evidence(
        answer, [Figure(drawn, caption, f"S_D falls from {score[0]:.2f} to {score[worst]:.2f}.")], [_fold(a)]
    )


def _fold(a: Latents) -> Fold:
    return Fold("Angles of all members", [], [_scatter_table(a)])
