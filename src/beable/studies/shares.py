"""A share of trainings that a source reports beside ours: reproduced, different, or not to be told apart."""

from functools import cache
from typing import Any

from beable.records import plain
from beable.verdicts import Verdict

SIGNIFICANT = 0.05
MATTERS = 0.25
POWER = 0.8


def shares_compared(source: tuple[int, int], ours: tuple[int, int]) -> dict[str, Any]:
    """Two shares, each as count and trials, and whether the source's is reproduced.

    Reproduced: Fisher's exact test finds no difference, and with so many trainings it would have found one of
    ``MATTERS`` with probability ``POWER``. Where it would not, the two cannot be told apart.

    >>> [shares_compared((5, 50), ours)["reproduced"]["answer"] for ours in [(4, 50), (50, 50), (0, 16)]]
    ['yes', 'no', 'cannot be told']
    """
    from scipy.stats import binomtest

    interval = binomtest(*ours).proportion_ci(method="wilson")
    p, power = _p_value(source, ours), power_of(source, ours[1])
    return {
        "source": list(source),
        "ours": list(ours),
        "interval": [float(interval.low), float(interval.high)],
        "p_value": p,
        "power": power,
        "reproduced": plain(_verdict(p, power)),
    }


def _p_value(source: tuple[int, int], ours: tuple[int, int]) -> float:
    from scipy.stats import fisher_exact

    return float(fisher_exact([[count, trials - count] for count, trials in (ours, source)]).pvalue)


@cache
def power_of(source: tuple[int, int], trials: int) -> float:
    """How often so many trainings would show that their share is ``MATTERS`` away from the source's.

    The smaller of the two directions, as far as there is room for both.
    """
    from scipy.stats import binom

    share = source[0] / source[1]
    found = [_p_value(source, (count, trials)) < SIGNIFICANT for count in range(trials + 1)]
    others = [other for other in (share - MATTERS, share + MATTERS) if 0 <= other <= 1]
    return float(min(binom.pmf(range(trials + 1), trials, other)[found].sum() for other in others))


def _verdict(p: float, power: float) -> Verdict:
    if p < SIGNIFICANT:
        return Verdict(False, f"so large a difference has p = {p:.2g}")
    words = f"a difference of {MATTERS:.0%} would be found in {power:.0%} of such comparisons"
    return Verdict(True, words) if power >= POWER else Verdict(None, words)
