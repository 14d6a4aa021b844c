"""What trainings with labels found, in sentences whose words are chosen by the numbers."""

import numpy as np

from beable.console.numbers import number
from beable.systems.darcy.parts.equation_28 import Equation28
from beable.systems.darcy.parts.labelled_posterior import LabelledPosterior
from beable.systems.darcy.parts.labels import CorrelatedLabels, Curve, LabelLimits, LabelStudy
from beable.verdicts import Verdict

ALONE = "each factor in a latent of its own"
ALIKE = 0.02  # of the ceiling, within which two scores are called alike
CLOSE = 1.25  # times the error without noise within which an error is called the same


def label_answer(a: LabelStudy) -> str:
    """How many labels it takes, with what, and what an encoder that sees every number alike makes of them."""
    return " ".join([_enough(a.anisotropic), _beside(a), _without(a.without), _seen(a)])


def _enough(c: Curve) -> str:
    if c.fewest is None:
        hits, members = c.hits(c.levels[-1])
        return f"Not even {c.levels[-1]} labels give every draw {ALONE}: {hits} of {members} have it."
    below = ""
    if c.too_few:
        hits, members = c.hits(c.too_few)
        below = f"; with {c.too_few} it is {hits} of {members}"
    return f"From {c.fewest} labelled rows on every draw has {ALONE} ({c.label}){below}."


def _beside(a: LabelStudy) -> str:
    one, two = a.anisotropic.fewest, a.standard.fewest
    if one == two:
        return f"The {a.standard.label} takes as many."
    words = f"with the {a.standard.label} it takes {two}" if two else f"with the {a.standard.label} no number does"
    return f"{words[0].upper()}{words[1:]}."


def _without(c: Curve) -> str:
    hits, members = c.found.count(1), len(c.found)
    return f"Without labels {hits} of {members} have it."


def _seen(a: LabelStudy) -> str:
    level = _just_enough(a)
    if level is None:
        return ""
    seen, raw = (float(np.median(c.at(c.share, level))) for c in (a.seen, a.anisotropic))
    way = "only " if seen < raw - ALIKE else ""
    return (
        f"With {level} labels an encoder that sees every mode in units of its own size reaches {way}{seen:.2f} of the "
        f"ceiling, one that sees the fields' own sizes {raw:.2f}."
    )


def _just_enough(a: LabelStudy) -> int | None:
    """The number of labels, of those that both arms have, nearest to what is just enough; None for none."""
    shared = [n for n in a.seen.levels if n in a.anisotropic.levels]
    wanted = a.anisotropic.fewest or a.anisotropic.levels[-1]
    return min(shared, key=lambda n: abs(np.log(n / wanted))) if shared else None


def equation_28_answer(a: Equation28) -> str:
    """Whether equation 28 can be trained with."""
    told, kept = a.of("density"), a.of("labels")
    stopped, fine = [p for p in told if p.why], [p for p in kept if not p.why]
    least = min(float(p.term.min()) for p in told)
    first = (
        f"No: at {len(stopped)} of {len(told)} learning rates training by equation 28 is stopped because its term "
        f"falls without bound, to {number(least)} nats"
        if stopped
        else f"Not within {a.steps:,} steps: the term of equation 28 reaches {number(least)} nats and still falls"
    )
    distance = [max(p.distance for p in paths) for paths in (told, kept)]
    return (
        f"{first}. It carries latents {number(distance[0])} spreads of the factors away from their labels; equation 29 "
        f"brings them within {number(distance[1])}, and {len(fine)} of {len(kept)} of its trainings go to their end."
    )


def posterior_answer(a: LabelledPosterior) -> str:
    """Whether latents of few labels have the law of the factors."""
    share = f"{a.labelled} labelled rows ({100 * a.labelled / a.training_rows:.1f} % of those learned from)"
    alike = Verdict(a.p > 0.05, f"p = {number(a.p)}")
    low, high = a.gap_interval
    gaps = "are kept" if low <= a.factor_gap <= high else "are filled" if a.gap > a.factor_gap else "are wider"
    head = "cannot be told from" if alike.answer else "differs from"
    return (
        f"With {share} the law of the latents {head} that of the factors ({alike.reason}); its gaps {gaps}: "
        f"{100 * a.gap:.1f} % of the latents lie in them, of the factors {100 * a.factor_gap:.1f} %. The "
        f"{len(a.angle)} draws are {number(float(a.angle.min()))} to {number(float(a.angle.max()))}° off the factors."
    )


def limits_answer(a: LabelLimits) -> str:
    """What noise costs, and whether labels of one factor find the other."""
    clean, rough = (float(np.median(a.at_noise(a.noise.error.mean(1), n))) for n in (a.noises[0], a.noises[-1]))
    cost = "costs nothing" if rough < CLOSE * clean else f"raises the error from {number(clean)} to {number(rough)}"
    hits = {n: a.found_at(n) for n in (a.noises[0], a.noises[-1])}
    first = (
        f"Noise of {number(a.noises[-1])} spreads on {max(a.noise.number)} labels {cost} of the spread of the factors; "
        f"{hits[a.noises[-1]][0]} of {hits[a.noises[-1]][1]} draws have {ALONE}, without noise "
        f"{hits[a.noises[0]][0]} of {hits[a.noises[0]][1]}."
    )
    return f"{first} {_one_of_two(a.one)}"


def _one_of_two(c: Curve) -> str:
    level = c.levels[-1]
    (hits, members), error = c.hits(level), float(np.median(c.at(c.error[:, 0], level)))
    known = f"{c.names[0]} alone, labelled in {level} rows, is told within {number(error)} of its spread"
    if hits == members:
        return f"{known}, and the other latent becomes the other factor in all {members} draws."
    return f"{known}; the other latent becomes the other factor in {hits} of {members} draws."


def correlated_answer(a: CorrelatedLabels) -> str:
    """How many labels correlated normal factors take."""
    c = a.labelled
    factors = f"normal factors of correlation {a.correlation:.2f}, whose axes nothing in the data shows"
    if c.fewest is None:
        hits, members = c.hits(c.levels[-1])
        return f"Of {factors}, {hits} of {members} draws of {c.levels[-1]} labels find all: no number was enough."
    least = float(np.median(c.at(c.angle, c.levels[0])))
    return (
        f"From {c.fewest} labelled rows on every draw has {ALONE}, of {factors}; with {c.levels[0]} the latents are "
        f"{number(least)}° off in the median."
    )
