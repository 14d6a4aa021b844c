"""How a page shows what turns latents, over-regularised trainings and three factors, and what is said of them."""

import numpy as np

from beable.console.columns import column
from beable.console.numbers import number
from beable.report.figures.scores import angles
from beable.report.figures.sweeps import sweep
from beable.report.page import Cell, Evidence, Figure, Fold, Item, Table
from beable.studies.claims import ARTEFACT, REPRODUCED
from beable.studies.shares import SIGNIFICANT, shares_compared
from beable.systems.darcy.parts.ablation import LUCKY, Ablation, interval, owed
from beable.systems.darcy.parts.over_regularisation import Outcome, OverRegularisation
from beable.systems.darcy.parts.three_factors import ThreeFactors
from beable.systems.darcy.parts.turns import AXIS, Turns

# What turns latents


def ablation_evidence(a: Ablation) -> Evidence:
    """Every rung: angles of its members, and its share beside that of ours."""
    return Evidence(f"{_noise_words(a)} {_prior_words(a)}", [_angles(a.arms), _rungs(a)], [_against_noise(a)])


def _noise_words(a: Ablation) -> str:
    first, noisy = a.arms[a.first], a.arms[a.hierarchical]
    more = shares_compared((first.near_axes, first.members), (noisy.near_axes, noisy.members))["p_value"] < SIGNIFICANT
    head = "Latents turn where the outputs are noisy" if more else "Whether noise of the outputs turns latents is open"
    return (
        f"{head}: with the hierarchical prior {noisy.near_axes} of {noisy.members} trainings end within {AXIS:g} "
        f"degrees of the factors at a deviation of {number(noisy.sigma)}, and {first.near_axes} of {first.members} at "
        f"{number(first.sigma)}, where a closed form leaves it."
    )


def _prior_words(a: Ablation) -> str:
    standard, hierarchical = a.arms[a.standard], a.arms[a.hierarchical]
    verdict, _ = owed(standard.share_near, hierarchical.share_near)
    counts = (
        f"at the same weight and noise the standard normal prior has {standard.near_axes} of {standard.members} within "
        f"{AXIS:g} degrees, the hierarchical one {hierarchical.near_axes} of {hierarchical.members}"
    )
    heads = {ARTEFACT: "The prior is not what turns them", REPRODUCED: "The prior turns them"}
    return f"{heads.get(verdict, 'Whether the prior turns them is open')}: {counts}."


def _angles(arms: dict[str, Turns]) -> Figure:
    shown = {t.label: t.angle for t in arms.values()}
    caption = (
        "How far the latents of every member are turned from the factors: the angle of the best rotation between the "
        f"two. Shaded: within {AXIS:g} degrees; 45 is the diagonal between two factors."
    )
    alt = "Within it: " + ", ".join(f"{t.label} {t.near_axes} of {t.members}" for t in arms.values()) + "."
    return Figure(angles(shown, AXIS, LUCKY), caption, alt)


def _rungs(a: Ablation) -> Table:
    caption = (
        "Every choice on its own. Found: members with each factor in a latent of its own, and the Wilson interval of "
        "their share at 95 %. Axis, diagonal: members within 10 degrees of the factors and of the diagonal. σ: "
        "deviation of the outputs; s: that of the posterior over that of the latents. p: Fisher's, of "
        "those near the axis against the first row."
    )
    heads = ["arm", "found", "share", "axis", "diagonal", "σ", "s", "steps", "p"]
    sigma = column([t.sigma for t in a.arms.values()])
    rows = [
        [*_head(t), *_places(t), noise, f"{t.width:.2f}", f"{t.steps:,}", f"{a.compared[name]['p_value']:.2g}"]
        for (name, t), noise in zip(a.arms.items(), sigma, strict=True)
    ]
    return Table(caption, heads, rows, "lrrrrrrrr")


def _head(t: Turns) -> list[str]:
    return [t.label, f"{t.found} of {t.members}", _reach(interval(t.share))]


def _places(t: Turns) -> list[str]:
    return [str(t.near_axes), str(t.near_diagonal)]


def _reach(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"


def _against_noise(a: Ablation) -> Fold:
    """Median angle against the noise, by prior."""
    lines = {}
    for prior in dict.fromkeys(t.prior for t in a.arms.values()):
        own = sorted((t for t in a.arms.values() if t.prior == prior), key=lambda t: t.sigma)
        lines[f"{prior} prior"] = (
            np.array([t.sigma for t in own]),
            np.array([100 * t.near_axes / t.members for t in own]),
        )
    figure = sweep(lines, "deviation of the outputs", "members within 10° of the factors (%)")
    caption = "Every arm of the table, by prior: arms with the same prior differ in other choices too."
    alt = "; ".join(f"{name}: {', '.join(f'{y:.0f} %' for y in line[1])}" for name, line in lines.items())
    return Fold("Noise and angle", [], [Figure(figure, caption, f"From the least noise on: {alt}.")])


# Over-regularised trainings


def over_evidence(a: OverRegularisation) -> Evidence:
    """How many trainings are over-regularised, by what may lead there."""
    source, again = a.arms[a.source].share(), a.arms[a.restarted]
    cured = again.share()
    starts = f"New starts: {sum(again.restarted)} in {cured[1]} trainings, of which {cured[0]} end there."
    if source[0] and max(again.restarted):
        starts = (
            f"At the edge {source[0]} of {source[1]} are; with up to {max(again.restarted)} new starts {cured[0]} are."
        )
    answer = f"{_phase_words(a)} {starts}"
    items: list[Item] = [_over_table(a)]
    betas = [_beta_figure(a, name) for name in a.betas]
    return Evidence(answer, [*items, *betas[:1]], [Fold("Other β", [], betas[1:])] if betas[1:] else [])


def _phase_words(a: OverRegularisation) -> str:
    each = [a.arms[name] for name in a.phases]
    told = ", ".join(f"{o.share()[0]} of {o.share()[1]} after {o.reconstruction_steps:,}" for o in each)
    return f"Over-regularised by steps without the rate, with an output variance that is learned from one on: {told}."


def _over_table(a: OverRegularisation) -> Table:
    caption = (
        "Over-regularised: no latent in use, and the distortion at the level of Theorem 1 on training rows; its share "
        "with the Wilson interval at 95 %, and in brackets of how many it cannot be told. Begins: deviation that the "
        "outputs start from. New starts: of all members together."
    )
    rows: list[list[Cell | str]] = [[o.label, *_over(o)] for o in a.arms.values()]
    return Table(
        caption, ["arm", "steps without the rate", "begins", "over-regularised", "share", "new starts"], rows, "lrrrrr"
    )


def _over(o: Outcome) -> list[str]:
    untold = sum(v.answer is None for v in o.over)
    count = f"{o.share()[0]} of {o.share()[1]}" + (f" ({untold})" if untold else "")
    begins = number(o.sigma) if o.sigma else "closed form"
    return [f"{o.reconstruction_steps:,}", begins, count, _reach(interval(o.share())), str(sum(o.restarted))]


def _beta_figure(a: OverRegularisation, name: str) -> Figure:
    o = a.arms[name]
    betas = sorted(set(o.beta))
    shares = {b: o.share(b) for b in betas}
    y = np.array([100 * count / members for count, members in shares.values()])
    figure = sweep({o.label: (np.array(betas), y)}, "β on the source's scale", "over-regularised members (%)")
    alt = ", ".join(f"β = {number(b)}: {count} of {members}" for b, (count, members) in shares.items())
    return Figure(figure, f"Over-regularised members by β: {o.label}.", f"{alt}.")


# Three factors


def three_evidence(a: ThreeFactors) -> Evidence:
    """Angles of every member, and whether the shape of the law is right."""
    told = {name: a.shapes(name) for name in a.arms}
    found, turned, other = told[a.hierarchical]
    answer = (
        f"With the hierarchical prior {found} of {found + turned + other} trainings find the three factors, {turned} "
        f"have their law but turned, {other} another law."
    )
    caption = (
        "Found: each factor in a latent of its own. Turned: a rotation of the factors explains 90 % of the latents' "
        "variance, and they are not found. Others have another shape."
    )
    rows: list[list[Cell | str]] = [
        [t.label, *(f"{count} of {t.members}" for count in told[name]), number(t.sigma)] for name, t in a.arms.items()
    ]
    table = Table(caption, ["arm", "found", "turned", "another shape", "σ"], rows, "lrrrr")
    return Evidence(answer, [_angles(a.arms), table])
