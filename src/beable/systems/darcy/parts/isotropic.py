r"""What fields alone tell of the rotation of independent normal factors, for fields that bend more or less.

For θ ~ N(0, 1) and any rotation R, the factors θ' = R θ are as independent and as normal, and with the map
:math:`g' = g \circ R^\top` they make the same fields, :math:`g'(θ') = g(θ)`. The law of the fields is that of g and of
every g', so no function of it is R, whether g is linear or not. Only a preference among the maps can choose, such as
the one with the least interaction of factors. The variance of log K sets how much g bends.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.metrics.separation import separation
from beable.records import plain
from beable.streams import generator
from beable.studies.claims import Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.fared import leading
from beable.training.start import linear_starts, whitened_codes
from beable.verdicts import Verdict

Floats = NDArray[np.floating]
CHANCE = 22.5  # median angle of random rotations of two factors, degrees
STEPS = 91  # angles from 0 to 90 degrees that are tried
NEAR, SPREAD = 5.0, 8.0  # degrees: of the median off the factors, and of the draws about it


class Strength(NamedTuple):
    """What is known at one variance of log K.

    Args:
        variance: of log K.
        bent: share of the variance of the fields that no linear function of the factors tells.
        interacting: share of it that a quadratic function without products of factors does not tell.
        angles: off the factors by each method in each draw of the rows, degrees.
    """

    variance: float
    bent: float
    interacting: float
    angles: dict[str, Floats]


@dataclass(frozen=True)
class Isotropic:
    """Strengths of the field in rising order."""

    strengths: list[Strength]

    def as_json(self) -> dict[str, Any]:
        """Every number, and what is told by each method."""
        told = {method: verdict.as_json() for method, verdict in self.told.items()}
        return dict(plain({"strengths": [s._asdict() for s in self.strengths], "told": told}))

    @property
    def methods(self) -> list[str]:
        """Their names."""
        return list(self.strengths[0].angles)

    @property
    def told(self) -> dict[str, Verdict]:
        """Whether each method finds the rotation, at the strength where it is nearest."""
        return {method: self._told(method) for method in self.methods}

    def _told(self, method: str) -> Verdict:
        best = min(self.strengths, key=lambda s: float(np.median(s.angles[method])))
        angles = best.angles[method]
        middle, spread = float(np.median(angles)), float(np.ptp(np.quantile(angles, [0.1, 0.9])))
        words = f"nearest at a variance of {best.variance:g}: {middle:.1f}° off, draws within {spread:.1f}°"
        if all(float(np.median(s.angles[method])) <= NEAR for s in self.strengths):
            return Verdict(True, words)
        return Verdict(None if middle <= NEAR and spread <= SPREAD else False, words)

    @property
    def claims(self) -> list[Claim]:
        """The source says nothing of this."""
        return []


def isotropic(context: Context) -> Isotropic:
    """Every data set, by rising variance of log K."""
    found = [_strength(context, arm, context.option("draws")) for arm in context.arms("judged")]
    return Isotropic(sorted(found, key=lambda s: s.variance))


def _strength(context: Context, arm: Any, draws: int) -> Strength:
    store = context.data_of(arm)
    data, settings = leading(context.study.settings(arm), store)
    codes = data.train.values.reshape(len(data.train.values), -1).astype(np.float64)
    factors = store.factor_values[data.train_rows]
    angles: dict[str, list[float]] = {"ICA": [], "support": [], "least interaction": []}
    for k in range(draws):
        rows = generator(settings.training.seed, "evaluation", k).integers(len(codes), size=len(codes))
        for method, z in _found(codes[rows], k).items():
            angles[method].append(float(np.nan_to_num(separation(z, factors[rows]).angle, nan=90.0)))
    bends = float(store.settings["variance"])
    plain_part, quadratic = (_untold(codes, terms) for terms in (factors, np.hstack([factors, factors**2])))
    return Strength(bends, plain_part, quadratic, {m: np.array(a) for m, a in angles.items()})


def _found(codes: Floats, k: int) -> dict[str, Floats]:
    """The latents of each method on one draw."""
    white = whitened_codes(codes, 2)
    paths = {name: linear_starts(kind, codes, 2, [k], 0)[0] for name, kind in (("ICA", "ica"), ("support", "support"))}
    found: dict[str, Floats] = {name: (codes - p.offset) @ p.forward for name, p in paths.items() if p is not None}
    return found | {"least interaction": white @ least_interaction(white, codes)}


def least_interaction(white: Floats, codes: Floats) -> Floats:
    """The rotation of two white columns at which a function of each alone, up to squares, tells most of the codes.

    >>> rng = np.random.default_rng(0)
    >>> θ = rng.normal(size=(500, 2))
    >>> turn = least_interaction(θ, np.hstack([θ, θ**2 + 0.1 * rng.normal(size=(500, 2))]))
    >>> bool(np.abs(turn).max() > 0.99)
    True
    """
    angles = np.linspace(0, np.pi / 2, STEPS)[:-1]
    turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
    left = [_untold(codes, np.hstack([white @ t, (white @ t) ** 2])) for t in turns]
    return turns[int(np.argmin(left))]


def _untold(codes: Floats, terms: Floats) -> float:
    """Share of the variance of the codes that no linear function of the terms tells."""
    centred = codes - codes.mean(0)
    basis = np.linalg.qr(terms - terms.mean(0))[0]
    return float(((centred - basis @ (basis.T @ centred)) ** 2).sum() / (centred**2).sum())
