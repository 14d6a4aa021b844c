"""How many labels find the factors (figure 26 of Jacobsen & Duraisamy), and what noise, and correlation, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from beable.analysis.evaluation import evaluate
from beable.console.numbers import number
from beable.records import plain
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.vae.objectives import weights

Floats = NDArray[np.float64]


class Theirs(NamedTuple):
    """S_D of five trainings of the source at a number of labels, read off the authors' own plot.

    Args:
        mean, low, high: of the five.
    """

    mean: float
    low: float
    high: float


#: figure 26 in the released plots; from 64 labels on one level, of which no range can be read
SOURCE = {
    1: Theirs(0.645, 0.583, 0.69),
    2: Theirs(0.783, 0.66, 0.89),
    4: Theirs(0.856, 0.64, 0.93),
    8: Theirs(0.950, 0.92, 0.968),
    16: Theirs(0.957, 0.93, 0.983),
    32: Theirs(0.970, 0.969, 0.973),
    64: Theirs(0.970, 0.969, 0.973),
    128: Theirs(0.970, 0.969, 0.973),
    256: Theirs(0.970, 0.969, 0.973),
    512: Theirs(0.970, 0.969, 0.973),
}
SOURCE_CEILING = 0.970
SOURCE_DRAWS = 5
SOURCE_FEWEST = 8  # labels from which on all its trainings are on or near the ceiling
SOURCE_ROWS = 512
RANGE_OF_FIVE = 2.326  # mean range of five normal numbers, in standard deviations
NEAR = 0.02  # of the ceiling
SAME = 0.1  # share of its value within which a loss is called unchanged
FEWEST_DRAWS = 3


@dataclass(frozen=True)
class Curve:
    """An arm with labels: members of growing number of labels, or noise, by draws.

    Args:
        label: of the arm.
        names: of the labelled factors.
        number: labelled rows of each member; 0 without labels.
        noise: on the labels of each member, in units of their spread.
        found: whether each member has each factor in a latent of its own: 1, 0, or −1 where it cannot be told.
        s_d, angle: of each member on held-out rows; the angle in degrees, 90 where no latent has a factor.
        error: of the labelled factors over their spread, (members, names).
        distortion, rate, term: of training rows at the end: distortion a pixel, rate a latent, label term.
        ceiling, chance: of S_D on these rows.
    """

    label: str
    names: list[str]
    number: list[int]
    noise: list[float]
    found: list[int]
    s_d: Floats
    angle: Floats
    error: Floats
    distortion: Floats
    rate: Floats
    term: Floats
    ceiling: float
    chance: float

    @property
    def levels(self) -> list[int]:
        """Numbers of labels, each once, rising."""
        return sorted(set(self.number))

    @property
    def share(self) -> Floats:
        """S_D over its ceiling."""
        return self.s_d / self.ceiling

    def at(self, values: Floats, level: int) -> Floats:
        """Values of the members with so many labels."""
        return np.asarray(values[np.array(self.number) == level])

    def by_level(self, values: Floats) -> tuple[Floats, Floats]:
        """Numbers of labels, and values (levels, draws), as figures take them."""
        return np.array(self.levels, float), np.stack([self.at(values, level) for level in self.levels])

    def hits(self, level: int) -> tuple[int, int]:
        """How many of the members with so many labels are found, and of how many."""
        there = [found for found, own in zip(self.found, self.number, strict=True) if own == level]
        return there.count(1), len(there)

    @property
    def fewest(self) -> int | None:
        """Labels from which on every member has the factors; None where not all have them with the most labels."""
        return _from_where([self.hits(level)[0] == self.hits(level)[1] for level in self.levels], self.levels)

    def nearest(self, share: float) -> int | None:
        """Labels from which on S_D of every member is such a share of its ceiling; None where it never is."""
        return _from_where([self.at(self.share, level).min() >= share for level in self.levels], self.levels)

    @property
    def too_few(self) -> int:
        """The most labels with which some member does not have the factors; 0 where there is none."""
        return max((level for level in self.levels if self.hits(level)[0] < self.hits(level)[1]), default=0)


def _from_where(holds: Sequence[bool], levels: Sequence[int]) -> int | None:
    """The first level from which on all hold.

    >>> _from_where([True, False, True, True], [1, 2, 4, 8])
    4
    """
    enough = None
    for held, level in zip(reversed(holds), reversed(levels), strict=True):
        if not held:
            break
        enough = level
    return enough


def curve(context: Context, arm: Arm) -> Curve:
    """An arm on the rows that it held out."""
    run, store = context.run(arm), context.data_of(arm)
    e, labels, settings = evaluate(run, store), run.labels, run.settings.objective.labels
    d, w = e.disentanglement, weights(run.vae, run.settings.objective.scale)
    if d is None:
        raise ValueError("the data of the arm have no factors")
    noise = settings.by_member("noise", run.members) if settings else [0.0] * run.members
    nothing = np.full((run.members, 0), np.nan)
    return Curve(
        arm.label,
        list(labels.names) if labels else [],
        labels.number if labels else [0] * run.members,
        [float(x or 0.0) for x in noise],
        [-1 if v.answer is None else int(v.answer) for v in d.disentangled],
        np.asarray(d.s_d, np.float64),
        np.nan_to_num(np.asarray(d.angle, np.float64), nan=90.0),
        nothing if e.labels is None else np.asarray(e.labels.error / e.labels.spread, np.float64),
        _last(run.history, "train/distortion") * w.distortion,
        _last(run.history, "train/rate/z") / run.settings.model.latents,
        _last(run.history, "train/labels") if labels else np.full(run.members, np.nan),
        d.s_d_ceiling,
        d.s_d_chance,
    )


def _last(history: Mapping[str, Any], name: str) -> Floats:
    return np.asarray(history[name][-1], np.float64)


@dataclass(frozen=True)
class LabelStudy:
    """Figure 26 under two priors, without labels, and with an encoder that sees every number alike.

    Args:
        standard, anisotropic: priors; the source's code has the second.
        without: no labels.
        seen: an encoder that sees small numbers as large ones.
    """

    standard: Curve
    anisotropic: Curve
    without: Curve
    seen: Curve

    @property
    def arms(self) -> dict[str, Curve]:
        """By role."""
        return {name: getattr(self, name) for name in ("anisotropic", "standard", "seen", "without")}

    def as_json(self) -> dict[str, Any]:
        """Every number of every arm; claims by the engine."""
        return dict(plain({name: curve_numbers(c) for name, c in self.arms.items()}))

    @property
    def claims(self) -> list[Claim]:
        """What the source says of figure 26."""
        return [
            consistent(self.anisotropic),
            level_by_level(self.anisotropic),
            plateau(self.anisotropic),
            losses(self.anisotropic),
            prior(self.anisotropic, self.standard),
        ]


def curve_numbers(c: Curve) -> dict[str, Any]:
    """Numbers of an arm, ready for JSON."""
    kept = ("label", "number", "noise", "found", "s_d", "angle", "error", "distortion", "rate", "term", "ceiling")
    told = {level: list(c.hits(level)) for level in c.levels}
    return {name: getattr(c, name) for name in kept} | {"fewest": c.fewest, "hits": told}


def _draws(c: Curve) -> int:
    return min(len(c.at(c.s_d, level)) for level in c.levels)


def consistent(c: Curve) -> Claim:
    """Whether about one percent of labels suffice in every draw, by the score of the source's worst training there."""
    said = "about 1 % of labelled rows disentangle consistently (section 6, figure 26)"
    least = SOURCE[SOURCE_FEWEST].low / SOURCE_CEILING
    theirs = (
        f"all of five trainings above {least:.2f} of the ceiling from {SOURCE_FEWEST} labels "
        f"({100 * SOURCE_FEWEST / SOURCE_ROWS:.1f} %) on"
    )
    enough, strict = c.nearest(least), f"each factor has a latent of its own in all of them from {_fewest(c)} labels on"
    if enough is None:
        worst = float(c.at(c.share, c.levels[-1]).min())
        why = f"with {c.levels[-1]} labels the least of the draws is {worst:.2f} of the ceiling"
        return Claim("26", said, theirs, "never all", None, DIFFERS, why)
    below = c.levels[max(c.levels.index(enough) - 1, 0)]
    short = f"with {below} the least is {float(c.at(c.share, below).min()):.2f}; " if below < enough else ""
    near = SOURCE_FEWEST / 2 <= enough <= 2 * SOURCE_FEWEST
    verdict = UNTOLD if _draws(c) < FEWEST_DRAWS else REPRODUCED if near else DIFFERS
    why = f"from {enough} labels on all {_draws(c)} draws are above it; {short}{strict}"
    return Claim("26", said, theirs, f"from {enough} labels on", None, verdict, why)


def level_by_level(c: Curve) -> Claim:
    """Whether S_D over its ceiling is the source's at each number of labels, by Welch's t with its five trainings."""
    shared = [level for level in c.levels if level in SOURCE and level < max(SOURCE)]
    tests = {level: welch(c.at(c.share, level), SOURCE[level]) for level in shared}
    apart = [level for level, p in tests.items() if p < 0.05 / len(tests)]
    off = {level: float(c.at(c.share, level).mean()) - SOURCE[level].mean / SOURCE_CEILING for level in shared}
    worst = max(off, key=lambda level: abs(off[level]))
    few = _draws(c) < FEWEST_DRAWS
    small = all(abs(off[level]) < NEAR for level in apart)
    verdict = UNTOLD if few and not apart else DIFFERS if apart and not small else REPRODUCED
    why = (
        f"at {len(apart)} of {len(shared)} numbers of labels the two differ by more than the draws do; farthest apart "
        f"at {worst}, by {number(off[worst])} of the ceiling"
    )
    said = "S_D rises with the number of labels, level by level (figure 26)"
    theirs = f"{SOURCE[shared[0]].mean / SOURCE_CEILING:.2f} to 1.00 of the ceiling"
    ours = [float(c.at(c.share, level).mean()) for level in (shared[0], shared[-1])]
    return Claim("26", said, theirs, f"{ours[0]:.2f} to {ours[1]:.2f} of the ceiling", None, verdict, why)


def welch(ours: Floats, theirs: Theirs) -> float:
    """Probability of so large a difference of means, shares of the ceilings, if there were none; 1 for one draw.

    >>> five = np.array([0.64, 0.6, 0.66, 0.7, 0.68])
    >>> welch(five, SOURCE[1]) > 0.2, welch(five, SOURCE[32]) < 0.001
    (True, True)
    """
    if len(ours) < 2:
        return 1.0
    spread = (theirs.high - theirs.low) / RANGE_OF_FIVE / SOURCE_CEILING
    mean, n = theirs.mean / SOURCE_CEILING, len(ours)
    own, other = float(ours.var(ddof=1)) / n, spread**2 / SOURCE_DRAWS
    freedom = (own + other) ** 2 / (own**2 / (n - 1) + other**2 / (SOURCE_DRAWS - 1))
    t = abs(float(ours.mean()) - mean) / np.sqrt(own + other)
    return float(2 * scipy.stats.t.sf(t, freedom))


def plateau(c: Curve) -> Claim:
    """Whether more labels than three percent change nothing."""
    many = [level for level in c.levels if level >= 0.03 * SOURCE_ROWS]
    means = {level: float(c.at(c.share, level).mean()) for level in many}
    span = max(means.values()) - min(means.values())
    verdict = UNTOLD if len(many) < 2 else REPRODUCED if span < NEAR else DIFFERS
    why = f"the means of S_D from {many[0]} to {many[-1]} labels lie within {number(span)} of the ceiling"
    said = "from 3 % of labels on the results are nearly identical (section 6, figure 26)"
    return Claim("26", said, "0.957 to 0.970", f"{min(c.at(c.s_d, many[0])):.3f} and more", None, verdict, why)


def losses(c: Curve) -> Claim:
    """Whether the number of labels leaves distortion and rate as they are."""
    changes = {name: change(c, getattr(c, name)) for name in ("distortion", "rate")}
    verdict = REPRODUCED if all(abs(x) < SAME for x in changes.values()) else DIFFERS
    why = (
        f"from {c.levels[0]} to {c.levels[-1]} labels the distortion changes by {100 * changes['distortion']:.1f} %, "
        f"the rate by {100 * changes['rate']:.1f} % of its value"
    )
    said = "the number of labels does not affect the training losses (section 6, figure 26)"
    theirs = "rate about 5.4, distortion −17 to −18, without the one training whose rate is 9e22"
    ours = (
        f"rate {number(float(np.median(c.rate)))} a latent, distortion {number(float(np.median(c.distortion)))} a pixel"
    )
    return Claim("26", said, theirs, ours, None, verdict, why)


def change(c: Curve, values: Floats) -> float:
    """Change of a median from the fewest labels to the most, over the median of all.

    The least of all levels is not taken: a single unlucky draw would decide.
    """
    first, last = (float(np.median(c.at(values, level))) for level in (c.levels[0], c.levels[-1]))
    return (last - first) / abs(float(np.median(values)))


def prior(theirs: Curve, standard: Curve) -> Claim:
    """Whether labels need a prior that is not blind to rotation, which the source's code has, unsaid."""
    said = "labels disentangle (section 6); the text names no prior, the code has one of variances 1 and 2"
    ours = " and ".join(f"{_fewest(c)} with {c.label}" for c in (theirs, standard))
    if _draws(theirs) < FEWEST_DRAWS or theirs.fewest is None:
        verdict = UNTOLD
    else:
        steps = theirs.levels
        near = standard.fewest is not None and abs(steps.index(standard.fewest) - steps.index(theirs.fewest)) <= 1
        verdict = REPRODUCED if near else ARTEFACT
    why = f"labels from which on all draws have the factors: {ours}"
    return Claim("26", said, "anisotropic prior, unsaid", ours, None, verdict, why)


def _fewest(c: Curve) -> str:
    return "never all" if c.fewest is None else str(c.fewest)


def labels(context: Context) -> LabelStudy:
    """Figure 26."""
    return LabelStudy(
        **{role: curve(context, context.arm(role)) for role in ("standard", "anisotropic", "without", "seen")}
    )


@dataclass(frozen=True)
class LabelLimits:
    """Labels with noise, and labels of one factor of two.

    Args:
        noise: growing noise at one number of labels.
        one: one labelled factor.
    """

    noise: Curve
    one: Curve

    def as_json(self) -> dict[str, Any]:
        """Every number of both."""
        return dict(plain({"noise": curve_numbers(self.noise), "one": curve_numbers(self.one)}))

    @property
    def noises(self) -> list[float]:
        """Each once, rising."""
        return sorted(set(self.noise.noise))

    def at_noise(self, values: Floats, noise: float) -> Floats:
        """Values of the members with such a noise."""
        return np.asarray(values[np.array(self.noise.noise) == noise])

    def found_at(self, noise: float) -> tuple[int, int]:
        """How many of them have the factors, and of how many."""
        there = [f for f, own in zip(self.noise.found, self.noise.noise, strict=True) if own == noise]
        return there.count(1), len(there)


def label_limits(context: Context) -> LabelLimits:
    """Noise, and one factor of two."""
    return LabelLimits(curve(context, context.arm("noise")), curve(context, context.arm("one")))


@dataclass(frozen=True)
class CorrelatedLabels:
    """Labels where the factors are correlated and normal, so that nothing but labels can tell them.

    Args:
        labelled: growing numbers of labels.
        correlation: of the two factors over the rows judged.
    """

    labelled: Curve
    correlation: float

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return dict(plain(curve_numbers(self.labelled) | {"correlation": self.correlation}))


def correlated_labels(context: Context) -> CorrelatedLabels:
    """The correlated factors of the source's figure 28, with labels."""
    arm = context.arm("labelled")
    run, store = context.run(arm), context.data_of(arm)
    together = np.asarray(np.corrcoef(store.factor_values[run.held_rows].T))
    return CorrelatedLabels(curve(context, arm), float(together[0, 1]))
