"""How densely sizes pack that are too far apart to be dropped, and whether the law in 1/R can be trusted with it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from beable.console.numbers import number
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.packing.close_packing import close_packing_estimate, furnas_mixture
from beable.systems.packing.packed_beds import Measured
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.wide_sizes import DROPPED, Rung, dropped, extrapolated, furnas_of
from beable.verdicts import Verdict

#: steel shot, vibrated, one size, 1:77.5 with 26 % fine, and the plateau (McGeary, J. Am. Ceram. Soc. 44, 513 (1961))
MCGEARY_ONE, MCGEARY, MCGEARY_RATIO, MCGEARY_FINE = 0.625, 0.847, 77.5, 0.26
#: standard errors within which two numbers agree
NEAR = 2.0
#: error of an estimate without a simulation, of which rungs are made for the check of the law
SURE = 1e-4


class Mixture(NamedTuple):
    """One share of fine spheres.

    Args:
        fine: share of the volume x.
        rungs: beds that the law is fitted to.
        held: a bed of a wider ratio, which it is not fitted to.
        predicted: the law at that ratio.
        wide: ratios beyond, (ratios).
        found: the law there, with error.
        limit: the law at infinity.
        furnas: Furnas' limit with dropped equal spheres and the share of fine ones in the bulk of the widest bed.
        estimate: Farr and Groot's estimate of close packing at the widest ratio, and what the law makes of their
            estimates at the rungs.
    """

    fine: float
    rungs: list[Rung]
    held: Rung
    predicted: Measured
    wide: list[float]
    found: list[Measured]
    limit: Measured
    furnas: float
    estimate: tuple[float, Measured]

    @property
    def holds(self) -> Verdict:
        """Whether the held-out bed is where the law has it."""
        away = abs(self.held.packing_fraction - self.predicted.value)
        allowed = float(np.hypot(self.held.standard_error, self.predicted.standard_error))
        return Verdict(away <= NEAR * allowed, f"{away:.4f} away at 1:{self.held.ratio:g}, error {allowed:.4f}")

    @property
    def bulk(self) -> float:
        """Share of fine spheres in the bulk of the widest bed."""
        return self.held.fine

    @property
    def below_furnas(self) -> Verdict:
        """Whether the limit of the law lies below Furnas', which nothing exceeds."""
        away, error = self.furnas - self.limit.value, self.limit.standard_error
        answer = away > 0 if abs(away) > NEAR * error else None
        return Verdict(answer, f"{abs(away):.4f} {'below' if away > 0 else 'above'} it, error {error:.4f}")

    @property
    def holds_of_estimate(self) -> Verdict:
        """Whether the law finds the estimate of close packing at the widest ratio from those at the rungs."""
        direct, law = self.estimate
        away = abs(direct - law.value)
        return Verdict(away <= NEAR * law.standard_error, f"{away:.4f} away, error {law.standard_error:.4f}")


@dataclass(frozen=True)
class WideSizes:
    """All shares of fine spheres.

    Args:
        mixtures: by share.
        beds: of each ratio.
    """

    mixtures: list[Mixture]
    beds: int

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        each = [
            m._asdict() | {name: getattr(m, name) for name in ("bulk", "holds", "holds_of_estimate", "below_furnas")}
            for m in self.mixtures
        ]
        known = {"mcgeary": MCGEARY, "mcgeary_ratio": MCGEARY_RATIO, "one_size": MCGEARY_ONE, "dropped": DROPPED}
        errors = [f.standard_error for m in self.mixtures for f in m.found]
        held = sum(m.holds.answer is True for m in self.mixtures)
        return plain({"mixtures": each, "beds": self.beds, "known": known, "largest_error": max(errors), "held": held})

    @property
    def densest(self) -> Mixture:
        """The share with the highest limit."""
        return max(self.mixtures, key=lambda m: m.limit.value)

    @property
    def claims(self) -> list[Claim]:
        """What is known of two sizes far apart."""
        return [_furnas(self), _farr_groot(self), _mcgeary(self)]


def _furnas(a: WideSizes) -> Claim:
    words = "no mixture of two sizes fills more than the coarse bed and fine beds in its voids (Furnas 1931)"
    answers, m = [m.below_furnas.answer for m in a.mixtures], a.densest
    verdict = DIFFERS if False in answers else UNTOLD if None in answers else REPRODUCED
    ours = f"{m.limit.value:.3f} ± {m.limit.standard_error:.3f}"
    why = (
        f"with {100 * m.fine:.0f} % fine, {100 * m.bulk:.1f} % in the bulk at 1:{m.held.ratio:g}; of "
        f"{len(a.mixtures)} mixtures {answers.count(False)} lie above their limit and {answers.count(None)} within two "
        "standard errors of it"
    )
    return Claim("Furnas", words, f"≤ {m.furnas:.3f}", ours, None, verdict, why)


def _farr_groot(a: WideSizes) -> Claim:
    words = "the law in 1/R holds of close packing by rods too (Farr and Groot 2009)"
    wrong = [m for m in a.mixtures if m.holds_of_estimate.answer is False]
    direct, law = a.densest.estimate
    why = f"with {100 * a.densest.fine:.0f} % fine: {a.densest.holds_of_estimate.reason}"
    verdict = DIFFERS if wrong else REPRODUCED
    return Claim("Farr and Groot", words, f"{direct:.4f}", f"{law.value:.4f}", None, verdict, why)


def _mcgeary(a: WideSizes) -> Claim:
    """Vibrated beds are denser; what they reach of their own Furnas limit is compared."""
    words = "at 1:77.5 two sizes of vibrated shot reach nearly all of Furnas' limit of theirs (McGeary 1961)"
    theirs = MCGEARY / furnas_mixture([1 - MCGEARY_FINE, MCGEARY_FINE], MCGEARY_ONE)
    m = min(a.mixtures, key=lambda m: abs(m.bulk - MCGEARY_FINE))
    at = extrapolated(m.rungs, MCGEARY_RATIO)
    ours, error = at.value / m.furnas, at.standard_error / m.furnas
    interval = (ours - NEAR * error, ours + NEAR * error)
    within = interval[0] <= theirs <= interval[1]
    verdict = REPRODUCED if within else UNTOLD if error > 0.02 else DIFFERS
    why = (
        f"{at.value:.3f} ± {at.standard_error:.3f} of {m.furnas:.3f} with {100 * m.bulk:.0f} % fine in the bulk, "
        f"theirs {MCGEARY:g} of {MCGEARY / theirs:.3f}; ours are dropped all at once and not shaken"
    )
    return Claim("McGeary", words, f"{number(theirs)}", f"{number(ours)}", interval, verdict, why)


def wide(context: Context) -> WideSizes:
    """Options of the part: rungs (ratios that are dropped), held (one more that the law is tested with), wide (ratios
    asked for), fine (shares of the volume), beds (of each ratio)."""
    get, seed = context.option, context.study.data.seed
    beds = get("beds")
    mixtures = [_mixture(float(x), get("rungs"), get("held"), get("wide"), beds, seed) for x in get("fine")]
    return WideSizes(mixtures, beds)


def _mixture(fine: float, ratios: list[float], held: float, wanted: list[float], beds: int, seed: int) -> Mixture:
    rungs = [dropped(_two(fine, float(r)), float(r), beds, seed) for r in ratios]
    held_out = dropped(_two(fine, held), held, beds, seed)
    shares = [fine, 1 - fine]
    estimates = [Rung(float(r), close_packing_estimate([1, r], shares), SURE, 0, fine) for r in ratios]
    widest = max(wanted)
    return Mixture(
        fine,
        rungs,
        held_out,
        extrapolated(rungs, held),
        [float(r) for r in wanted],
        [extrapolated(rungs, float(r)) for r in wanted],
        extrapolated(rungs, np.inf),
        furnas_of([*rungs, held_out]),
        (close_packing_estimate([1, widest], shares), extrapolated(estimates, widest)),
    )


def _two(fine: float, ratio: float) -> Powder:
    return Powder([Component(volume_fraction=fine, median=1.0), Component(volume_fraction=1 - fine, median=ratio)])
