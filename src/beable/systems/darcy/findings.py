"""What the Darcy studies found, in sentences whose words are chosen by the numbers."""

import math
from typing import NamedTuple

from beable.console.numbers import number
from beable.systems.darcy.parts.mixture import Found, Mixture
from beable.systems.darcy.parts.trust import TrustStudy

STARTS = {"ica": "ICA", "pca": "PCA", "random": "random weights", "mixed": "mixed starts"}
METHODS = {"ica": "ICA", "pca": "PCA"}
ALIKE = 0.1  # difference of shares below which two are called alike


class Share(NamedTuple):
    """In how many members each factor is in a latent of its own.

    Args:
        found: members of which it is so.
        members: all of them.
        untold: those of which it cannot be told.
    """

    found: int
    members: int
    untold: int

    @property
    def value(self) -> float:
        """Of those of which it can be told; NaN if of none."""
        told = self.members - self.untold
        return self.found / told if told else math.nan

    def __str__(self) -> str:
        more = f", and of {self.untold} it cannot be told" if self.untold else ""
        return f"{self.found} of {self.members}{more}"


def share_of(f: Found) -> Share:
    """What became of the members of some arms."""
    return Share(f.found, f.found + f.missed + f.untold, f.untold)


def mixture_answer(a: Mixture) -> str:
    """Whether VAEs find the factors, by where they start, and what linear methods do alone."""
    shares = {start: share_of(f) for start, f in a.trained.items()}
    told = {start: share for start, share in shares.items() if not math.isnan(share.value)}
    if not told:
        return f"Cannot be told: {_untold(a)}. {_error_words(a)}"
    best = max(told, key=lambda start: told[start].value)
    first = f"{_head(told[best])}{STARTS[best]}: {told[best]}."
    others = [f"From {STARTS[start]}: {share}." for start, share in shares.items() if start != best]
    return " ".join([first, *others, *_controls(a, told[best])])


def _untold(a: Mixture) -> str:
    members = sum(f.untold for f in a.trained.values())
    return f"of {members} trainings it is not known whether their latents are the factors"


def _head(best: Share) -> str:
    """The answer by the best start, up to where it names the start."""
    if best.found == 0:
        return "No, from no start. From "
    if best.value > 1 - ALIKE:
        return "Yes, when training starts from "
    return "More often than not, from " if best.value > 0.5 else "Seldom, at best from "


def _controls(a: Mixture, best: Share) -> list[str]:
    """What linear methods find alone, the best of them, and how far their reconstructions are off beside a VAE's."""
    alone = {name: share_of(f) for name, f in a.alone.items()}
    told = {name: share for name, share in alone.items() if not math.isnan(share.value)}
    if not told:
        return []
    name = max(told, key=lambda name: told[name].value)
    ratio = a.alone[name].error / a.best_error
    way = "less" if ratio > 1 else "more"
    times = number(float(f"{max(ratio, 1 / ratio):.2g}"))
    found = f"{METHODS[name]} alone finds them {_often(best, told[name])} ({told[name]})"
    return [f"{found}; the VAE's squared error is about {times} times {way}."]


def _often(best: Share, alone: Share) -> str:
    """How often a linear method finds the factors beside the best start, where both ways of counting agree."""
    off = [best.value - alone.value, best.found / best.members - alone.found / alone.members]
    if all(abs(d) < ALIKE for d in off):
        return "as often"
    if min(off) >= ALIKE:
        return "less often"
    return "more often" if max(off) <= -ALIKE else "too"


def _error_words(a: Mixture) -> str:
    return f"The least median relative squared error of an arm is {number(a.best_error)}."


def found_words(f: Found) -> str:
    """How often, for a table; in brackets of how many it cannot be told.

    >>> found_words(Found(3, 1, 2, 0.5))
    '3 of 6 (2)'
    """
    share = share_of(f)
    return f"{share.found} of {share.members}" + (f" ({share.untold})" if share.untold else "")


def trust_answer(a: TrustStudy) -> str:
    """How well trust, which needs no labels, tells members whose latents are the factors from others."""
    if not math.isfinite(a.auc):
        return f"Cannot be told: of {a.told} of {a.members} members it is known whether their latents are the factors."
    low, high = a.auc_range
    head = "Far" if low > 0.8 else "Some way" if low > 0.5 else "Not at all, as far as this run shows"
    return (
        f"{head}: a member whose latents are the factors is trusted more than one whose latents are not in "
        f"{100 * a.auc:.0f} % of pairs ({100 * low:.0f} to {100 * high:.0f} %), and trust differs from the share of "
        f"such members by {number(a.calibration_error)} on average."
    )
