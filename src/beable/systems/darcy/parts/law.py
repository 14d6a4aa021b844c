"""Does S_KL rise as latents are turned off their factors? Members of several laws, and the factors turned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.law_and_angle import LawAndAngle
from beable.metrics.alignment import rotation_angle, s_kl
from beable.metrics.disentanglement import s_d
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.members import members

Array = NDArray[np.float64]
TURNS = tuple(float(t) for t in np.arange(0, 50, 5))
#: of a turned law: a fall by so many nats is none of the estimate's scatter
SCATTER = 0.15
SHOWN = 6


@dataclass(frozen=True)
class LawStudy:
    """S_KL beside the angle.

    Args:
        members: of each law of the factors, by its name.
        turned: S_KL of the factors themselves turned by ``turns``, by law.
        turns: in degrees.
        codes: posterior means of the members shown, of the law with most peaks, (members, rows, latents).
        factors: their factors.
        shown: numbers of those members.
        law: whose they are.
        symbols: LaTeX of the factors.
    """

    members: dict[str, LawAndAngle]
    turned: dict[str, NDArray[np.float64]]
    turns: NDArray[np.float64]
    codes: NDArray[np.float64]
    factors: NDArray[np.float64]
    shown: list[int]
    law: str
    symbols: list[str]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        members = {law: found.as_json() for law, found in self.members.items()}
        return {"members": members, "turned": self.turned, "turns": self.turns, "shown": self.shown}

    @property
    def claims(self) -> list[Claim]:
        """What the source says of S_KL, law by law."""
        return [self._claim(law) for law in self.members]

    def _claim(self, law: str) -> Claim:
        found, curve = self.members[law], self.turned[law]
        rises, peak = found.rises, int(curve.argmax())
        flat = float(np.ptp(curve)) < SCATTER
        falls = float(curve[peak] - curve[-1]) > SCATTER
        verdict = DIFFERS if flat or falls else {True: REPRODUCED, False: DIFFERS, None: UNTOLD}[rises.answer]
        shape = "is flat" if flat else f"is largest at {self.turns[peak]:.0f}°" if falls else "rises to 45°"
        evidence = (
            f"over {len(found.s_kl)} members: {rises.reason}; S_KL of the factors themselves, turned, {shape}: "
            f"{curve[0]:.2f} at 0°, {curve.max():.2f} at most, {curve[-1]:.2f} at 45° nats"
        )
        words = f"as S_KL rises the latent space becomes more entangled (5.3); here for {law} factors"
        return Claim("25", words, "rises, by eye", f"S_KL {shape}", None, verdict, evidence.replace("-", "−"))


def law(context: Context) -> LawStudy:
    """Members of every arm, on the rows that they held out, by the law of their factors."""
    most = int(context.option("members"))
    found, curves, last = {}, {}, None
    for arm in context.arms("judged"):
        store, run = context.data_of(arm), context.run(arm)
        theta = np.asarray(store.factor_values[run.held_rows], np.float64)
        others = np.asarray(store.factor_values[run.train_rows], np.float64)
        codes = members(context, arm, run).codes[:most]
        name = str(store.settings["factors"])
        found[name] = beside_others(codes, theta, others)
        curves[name] = np.array([of_laws(standard(theta) @ turn(t), others) for t in TURNS])
        last = (codes, theta, name, [f.symbol for f in store.factors])
    assert last is not None
    codes, theta, name, symbols = last
    order = found[name].order
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int))]
    return LawStudy(found, curves, np.array(TURNS), codes[shown], theta, [int(k) for k in shown], name, symbols)


def beside_others(codes: Array, theta: Array, others: Array) -> LawAndAngle:
    """Angle and S_D of members against the factors of their rows, S_KL against factors of other rows.

    With the factors of the same rows S_KL of latents that are the factors is that of a sample against itself, which is
    lower than that of two samples of one law, so that it would seem to see an angle where the law has none.

    Args:
        codes: (members, rows, latents).
        theta: factors of these rows.
        others: factors of other rows.
    """
    turns = [rotation_angle(z, theta) for z in codes]
    return LawAndAngle(
        np.array([of_laws(z, others) for z in codes]),
        np.array([t.score for t in turns]),
        np.array([s_d(z, theta).score for z in codes]),
        np.stack([t.matching for t in turns]),
    )


def of_laws(z: Array, others: Array) -> float:
    """S_KL of latents against factors of other rows, in nats."""
    rows = min(len(z), len(others))
    return float(s_kl(z[:rows], others[:rows]).score)


def standard(theta: Array) -> Array:
    """Factors with mean 0 and deviation 1."""
    answer: Array = (theta - theta.mean(0)) / theta.std(0)
    return answer


def turn(degrees: float) -> Array:
    """The matrix that turns rows of two numbers.

    >>> np.round(np.array([1.0, 0.0]) @ turn(90.0), 12).tolist()
    [0.0, 1.0]
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])
