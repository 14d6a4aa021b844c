"""Verdicts on what the source says of reconstructions, aggregate posteriors and scatter plots, figure by figure."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest, mannwhitneyu

from beable.console.numbers import number
from beable.metrics.separation import LUCK
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.systems.darcy.parts.members import Members, Share
from beable.systems.darcy.parts.shown import Latents

Array = NDArray[np.float64]
LITTLE = 0.01  # relative squared error that counts as little
SIGNIFICANT = 0.05
FEWEST = 8  # members without which a share or a law of angles is not judged
OBLIQUE = 35.0  # degrees from which on latents are turned by about 45
HIGHEST = 45.0
EYE = 0.2  # nats that an eye does not see: two normal numbers, 1.3 times as wide, differ by 0.17
RARE = 0.1  # probability below which luck would have shown a member like the source's


def _first(a: Latents) -> Members:
    return next(iter(a.trained.values()))


def _by_prior(a: Latents) -> tuple[Members, Members]:
    """The arm without a hierarchical prior, and the one with it: the first two that were trained."""
    without, beside, *_ = a.trained.values()
    return without, beside


def _spread(values: Array) -> tuple[float, float]:
    """95 % interval of the median, by its order statistics."""
    x = np.sort(values)
    k = int(np.floor(0.5 * len(x) - 0.98 * np.sqrt(len(x))))
    return float(x[max(k, 0)]), float(x[min(len(x) - 1 - k, len(x) - 1)])


# Reconstructions


def _little_error(figure: str, words: str, arms: list[Members]) -> Claim:
    """Whether the error of arms is little."""
    worst = max(arms, key=lambda m: float(np.median(m.error)))
    interval, middle = _spread(worst.error), float(np.median(worst.error))
    verdict = REPRODUCED if interval[1] < LITTLE else DIFFERS if interval[0] > LITTLE else UNTOLD
    which = f" of {worst.label}, the worst arm," if len(arms) > 1 else ""
    evidence = (
        f"the median relative squared error{which} over {len(worst.error)} members is {number(middle)}, "
        f"{'below' if middle < LITTLE else 'not below'} {LITTLE}"
    )
    return Claim(figure, words, "little error, no number", number(middle), interval, verdict, evidence)


def claims_13(a: Latents) -> list[Claim]:
    """A held-out row is reconstructed."""
    return [_little_error("13", "a trained VAE reconstructs a test sample with little error (5.1)", [_first(a)])]


def claims_16(a: Latents) -> list[Claim]:
    """Rows of shifted factors are reconstructed with and without the hierarchical prior."""
    words = "reconstruction is accurate without and with the hierarchical prior (5.2)"
    return [_little_error("16", words, list(_by_prior(a)))]


def claims_20(a: Latents) -> list[Claim]:
    """The hierarchical prior reconstructs better."""
    without, beside = _by_prior(a)
    x, y = without.error, beside.error
    p = float(mannwhitneyu(x, y).pvalue)
    ratio = float(np.median(x) / np.median(y))
    better = p < SIGNIFICANT and ratio > 1
    verdict = REPRODUCED if better else DIFFERS if min(len(x), len(y)) >= 2 * FEWEST else UNTOLD
    evidence = (
        f"median errors {number(np.median(x))} without and {number(np.median(y))} with it over {len(x)} and {len(y)} "
        f"members, p = {number(p)} by ranks"
    )
    ours = f"{number(ratio)} times the error without it"
    words = "reconstruction of test samples is more accurate with the hierarchical prior (5.3)"
    return [Claim("20", words, "more accurate, no number", ours, None, verdict, evidence)]


# Aggregate posteriors


def claims_14(a: Latents) -> list[Claim]:
    """The aggregate posterior is the prior, where factors are normal."""
    words = "the aggregate posterior matches the standard normal prior in shape (5.1)"
    return [_matches("14", words, a, next(iter(a.trained)))]


def _matches(figure: str, words: str, a: Latents, arm: str) -> Claim:
    """Whether the aggregate posterior of an arm is as near to its prior as samples of the prior are to each other."""
    gap = a.gaps[arm]
    middle, interval = float(np.median(gap.of_prior)), _spread(gap.of_prior)
    near = interval[1] < EYE or interval[0] <= gap.null
    verdict = UNTOLD if len(gap.of_prior) < FEWEST else REPRODUCED if near else DIFFERS if interval[0] > EYE else UNTOLD
    evidence = (
        f"the median divergence over {len(gap.of_prior)} members is {number(middle)} nats, two samples of the prior "
        f"differ by up to {number(gap.null)}"
    )
    return Claim(figure, words, "a match by eye", f"{number(middle)} nats", interval, verdict, evidence)


def claims_17(a: Latents) -> list[Claim]:
    """The learned prior follows the aggregate posterior, and neither the factors."""
    without, beside = list(a.trained)[:2]
    learned = _matches(
        "17", "with the hierarchical prior, learned prior and posterior match reasonably well (5.2)", a, beside
    )
    gap = a.gaps[beside]
    middle, interval = float(np.median(gap.of_factors)), _spread(gap.of_factors)
    off = interval[0] > gap.null
    plain = number(np.median(a.gaps[without].of_factors))
    evidence = (
        f"the factors are {number(middle)} nats from the posterior of the median member of {len(gap.of_factors)}, two "
        f"samples of one law differ by up to {number(gap.null)}; without it {plain}"
    )
    verdict = UNTOLD if len(gap.of_factors) < FEWEST else REPRODUCED if off else DIFFERS
    words = "learned prior and posterior do not match the law of the factors (5.2)"
    return [learned, Claim("17", words, "no match by eye", f"{number(middle)} nats", interval, verdict, evidence)]


def claims_23(a: Latents) -> list[Claim]:
    """Without the hierarchical prior the posterior is turned anyhow; with it the prior holds the angle."""
    without, beside = _by_prior(a)
    turned = "without the hierarchical prior the posterior has the peaks of the factors, but turned (5.3)"
    held = "with the hierarchical prior the angle is controlled by the orientation of the prior (5.3)"
    return [_turned_anyhow("23", turned, without), _held("23", held, without, beside)]


def _uniform(angles: Array) -> float:
    """p of the angles being those of random rotations of two factors."""
    return float(kstest(np.clip(angles, 0, HIGHEST), "uniform", args=(0, HIGHEST)).pvalue)


def _turned_anyhow(figure: str, words: str, m: Members) -> Claim:
    p, middle = _uniform(m.angle), float(np.median(m.angle))
    off = m.found.low <= LUCK or m.found.value <= LUCK
    verdict = UNTOLD if len(m.angle) < FEWEST else REPRODUCED if off and middle > 10 else DIFFERS
    evidence = (
        f"median angle {middle:.1f}° over {len(m.angle)} members, {m.found} disentangled; that angles are those of "
        f"random rotations has p = {number(p)}"
    )
    return Claim(figure, words, "turned, one member shown", f"{middle:.1f}°", _spread(m.angle), verdict, evidence)


def _held(figure: str, words: str, without: Members, beside: Members) -> Claim:
    p = _uniform(beside.angle)
    verdict = UNTOLD if len(beside.angle) < 2 * FEWEST else REPRODUCED if p < SIGNIFICANT else DIFFERS
    evidence = (
        f"that the angles of {len(beside.angle)} members are those of random rotations has p = {number(p)} with it, "
        f"{number(_uniform(without.angle))} without"
    )
    ours = f"median angle {np.median(beside.angle):.1f}°"
    return Claim(figure, words, "held, one member shown", ours, _spread(beside.angle), verdict, evidence)


# Scatter of latents against factors


def claims_15(a: Latents) -> list[Claim]:
    """Each latent is one factor, where factors are normal: one member shown, beside what luck shows."""
    m = _first(a)
    f, sure = m.found, binomtest(m.found.hits, max(m.found.told, 1), LUCK, alternative="greater").pvalue
    if f.told < FEWEST:
        verdict = UNTOLD
    elif sure < SIGNIFICANT:
        verdict = REPRODUCED
    else:
        seen = float(m.s_d.max()) > a.chance[2] or f.hits
        verdict = ARTEFACT if seen else DIFFERS if (1 - SIGNIFICANT) ** f.told < RARE else UNTOLD
    evidence = (
        f"{f} members are disentangled, of random rotations {LUCK:.0%} (p = {number(sure)}); S_D of members reaches "
        f"{m.s_d.max():.2f}, of random rotations {a.chance[2]:.2f} in one of twenty, of the factors themselves "
        f"{a.ceiling:.3f}{_linear(a)}"
    )
    words = "the latents are fully disentangled, with little uncertainty (5.1)"
    ours = f"{f}, p = {number(sure)} against luck"
    return [Claim("15", words, "one member shown", ours, f.interval, verdict, evidence), _uncertainty(a)]


def _uncertainty(a: Latents) -> Claim:
    """How sharp the posterior is, beside the spread of its means."""
    m = _first(a)
    share = np.sqrt((m.std**2).mean(1) / m.codes.var(1)).max(1)
    middle, interval = float(np.median(share)), _spread(share)
    verdict = REPRODUCED if interval[1] < 0.5 else DIFFERS if interval[0] > 0.5 else UNTOLD
    evidence = f"the widest posterior of the median member is {number(middle)} times as wide as its means are spread"
    words = "the uncertainty of the latents is small beside their spread (lower row)"
    return Claim("15", words, "bars by eye", f"{number(middle)} of the spread", interval, verdict, evidence)


def _linear(a: Latents) -> str:
    """S_D of methods without training."""
    alone = [f"{m.label} {np.median(m.s_d):.2f}" for m in a.arms.values() if not m.trained]
    return f"; {', '.join(alone)}" if alone else ""


def claims_19(a: Latents) -> list[Claim]:
    """Disentanglement without and with the hierarchical prior, for shifted factors."""
    without, beside = _by_prior(a)
    never = "without the hierarchical prior disentanglement is never observed in many experiments (5.2)"
    good = "with the hierarchical prior disentanglement is good (5.2)"
    return [_never("19", never, without), _beyond_luck("19", good, beside)]


def _never(figure: str, words: str, m: Members) -> Claim:
    """No more often than by luck."""
    f = m.found
    more = f.told and binomtest(f.hits, f.told, LUCK, alternative="greater").pvalue < SIGNIFICANT
    verdict = UNTOLD if f.told < FEWEST else DIFFERS if more else REPRODUCED
    evidence = f"{f} members; of random rotations {LUCK:.0%} count as disentangled, so that few trials show none"
    return Claim(figure, words, "never", str(f), f.interval, verdict, evidence)


def _beyond_luck(figure: str, words: str, m: Members) -> Claim:
    """More often than by luck."""
    f = m.found
    p = float(binomtest(f.hits, max(f.told, 1), LUCK, alternative="greater").pvalue)
    verdict = REPRODUCED if p < SIGNIFICANT else DIFFERS if f.told >= 2 * FEWEST and f.high < 0.5 else UNTOLD
    if verdict == DIFFERS and f.hits:
        verdict = ARTEFACT
    evidence = (
        f"{f} members, of random rotations {LUCK:.0%} (p = {number(p)}); angles as those of random rotations have "
        f"p = {number(_uniform(m.angle))}"
    )
    return Claim(figure, words, "good, one member shown", str(f), f.interval, verdict, evidence)


def claims_21(a: Latents) -> list[Claim]:
    """Turning the latents of a member spoils its S_D."""
    if not a.turns:
        return []
    first, last = a.turns[0][1], min(s for _, s in a.turns)
    turn = min(a.turns, key=lambda t: t[1])[0]
    verdict = REPRODUCED if first - last > 0.5 * (a.ceiling - 0.5) else DIFFERS
    if first < (a.ceiling + a.chance[0]) / 2:
        verdict = UNTOLD
    evidence = (
        f"S_D of the member nearest the factors falls from {first:.2f} to {last:.2f} when it is turned by {turn:.0f}°"
    )
    words = "turning the latents spoils disentanglement (5.3)"
    return [Claim("21", words, "by eye", f"{first:.2f} to {last:.2f}", None, verdict, evidence)]


def claims_24(a: Latents) -> list[Claim]:
    """Where the hierarchical prior does not disentangle, are latents turned by about 45 degrees?"""
    _, beside = _by_prior(a)
    missed = beside.angle[np.array(beside.disentangled) == 0]
    if not len(missed):
        words = "every member is disentangled, or it cannot be told"
        return [Claim("24", OBLIQUE_WORDS, "all", "none to judge", None, UNTOLD, words)]
    oblique = _share_of(int((missed >= OBLIQUE).sum()), len(missed))
    luck = (HIGHEST - OBLIQUE) / HIGHEST
    verdict = (
        UNTOLD
        if len(missed) < FEWEST
        else REPRODUCED
        if oblique.low > 0.5
        else DIFFERS
        if oblique.high < 0.9
        else UNTOLD
    )
    p = float(binomtest(oblique.hits, oblique.told, luck).pvalue)
    evidence = (
        f"{oblique.hits} of the {oblique.told} members that are not disentangled are turned by {OBLIQUE:g}° or more; "
        f"of random rotations {luck:.0%} are (p = {number(p)})"
    )
    ours = f"{oblique.hits} of {oblique.told}"
    return [Claim("24", OBLIQUE_WORDS, "all", ours, oblique.interval, verdict, evidence)]


OBLIQUE_WORDS = "with the hierarchical prior, what is not disentangled is turned by around 45 degrees (5.3)"


def _share_of(count: int, trials: int) -> Share:
    low, high = binomtest(count, trials).proportion_ci(method="wilson")
    return Share(count, trials, trials, float(low), float(high))


CLAIMS: dict[str, Callable[[Latents], list[Claim]]] = {
    "13": claims_13,
    "14": claims_14,
    "15": claims_15,
    "16": claims_16,
    "17": claims_17,
    "19": claims_19,
    "20": claims_20,
    "21": claims_21,
    "23": claims_23,
    "24": claims_24,
}
