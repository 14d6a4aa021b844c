"""What the source left open: dependent factors without labels, more factors, and rivals beside each other."""

from dataclasses import dataclass
from typing import Any

from beable.analysis.support_axes import SupportAxes, support_axes
from beable.metrics.separation import LUCK
from beable.records import plain
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.darcy.parts.fared import Fared, all_near, fared, leading
from beable.training.start import whitened_codes

MOST = 0.9  # share of members that counts as found
FEWEST = 10  # members of which a share is said


@dataclass(frozen=True)
class Beyond:
    """Arms on several data sets beside each other.

    Args:
        arms: by name.
        axes: whether the axes of each data set are told by its support, by name.
        judged: what the source's claims are judged by: "correlated", "more-factors" or nothing.
    """

    arms: dict[str, Fared]
    axes: dict[str, SupportAxes]
    judged: str

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        arms = {name: a.as_json() for name, a in self.arms.items()}
        axes = {n: a._asdict() for n, a in self.axes.items()}
        return dict(plain({"arms": arms, "axes": axes, "shares": self.shares}))

    @property
    def shares(self) -> dict[str, float]:
        """Share of members near the ceiling by method, over mixtures."""
        methods = dict.fromkeys(a.method for a in self.arms.values() if a.law.startswith("mixture"))
        counts = {method: all_near(self.of_method(method, "mixture")) for method in methods}
        return {method.replace(" ", "-"): found / members for method, (found, members) in counts.items()}

    def of_method(self, method: str, law: str = "") -> list[Fared]:
        """The arms of a method, of laws that begin so."""
        return [a for a in self.arms.values() if a.method == method and a.law.startswith(law)]

    @property
    def claims(self) -> list[Claim]:
        """What the source says of these, judged by this run."""
        if self.judged == "correlated":
            return _correlated_claims(self)
        return _rotated_claim(self) if self.judged == "more-factors" else []


def beyond(context: Context) -> Beyond:
    """Every arm on its own data."""
    arms = context.arms("judged")
    found = {arm.name: fared(context, arm) for arm in arms}
    axes = {arm.data or "data": _axes(context, arm) for arm in context.arms("axes")}
    return Beyond(found, axes, context.option("judged"))


def _axes(context: Context, arm: Arm) -> SupportAxes:
    data, settings = leading(context.study.settings(arm), context.data_of(arm))
    codes = data.train.values.reshape(len(data.train.values), -1)
    return support_axes(whitened_codes(codes, settings.model.latents), seed=settings.training.seed)


# Claims


def _interval(found: int, members: int) -> tuple[float, float] | None:
    from scipy.stats import binomtest

    if not members:
        return None
    interval = binomtest(found, members).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _more_than_luck(found: int, members: int) -> bool:
    """Whether so many members are right more often than random rotations are."""
    from scipy.stats import binomtest

    return bool(binomtest(found, members, LUCK, alternative="greater").pvalue < LUCK) if members else False


def _correlated_claims(a: Beyond) -> list[Claim]:
    """Figure 28: what random starts find, and whether that is a limit of the data."""
    words = "correlated factors: complete disentanglement was not observed (figure 28)"
    by_luck = a.of_method(STARTED, "mixture")
    found, members = sum(arm.answers.count("yes") for arm in by_luck), sum(arm.members for arm in by_luck)
    verdict = UNTOLD if members < FEWEST else DIFFERS if _more_than_luck(found, members) else REPRODUCED
    share = f"{found} of {members}"
    why = f"from random weights {share} members have each factor in a latent of its own, {100 * LUCK:g} % by luck alone"
    first = Claim("28", words, "none", share, _interval(found, members), verdict, why)
    ours = a.of_method("support start", "mixture")
    found, members = all_near(ours)
    limit = "that correlated factors are not disentangled without labels (figure 28)"
    reached = members >= FEWEST and found / members >= MOST
    verdict = UNTOLD if members < FEWEST else ARTEFACT if reached else REPRODUCED
    share = f"{found} of {members}"
    why = f"with latents whose support is a product at the start, {share} members come near that ceiling"
    return [first, Claim("28", limit, "none", share, _interval(found, members), verdict, why)]


STARTED = "random start"


def _rotated_claim(a: Beyond) -> list[Claim]:
    """Figure B.29: no training of three factors has its latents along them."""
    ours = a.of_method("support start", "mixture, 3")
    found, members = all_near(ours)
    words = "three factors: none of 20 trainings has its latents along the factors (figure B.29)"
    verdict = UNTOLD if members < FEWEST else DIFFERS if found / members > 1 - MOST else REPRODUCED
    why = f"from a product of supports {found} of {members} members come near the ceiling"
    return [Claim("B.29", words, "0 of 20", f"{found} of {members}", _interval(found, members), verdict, why)]
