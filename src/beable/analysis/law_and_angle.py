r"""Does the law of the latents tell how far they are from the factors?

S_KL compares laws and sees no labels; the angle between latents and factors does. Over many trained models the two
may be set against each other, as figure 25 of the source does by eye. S_KL need not rise with the angle: for the
factors ±1 with standard deviation 0.25 it is largest at 30° and lower at 45°, and for normal factors it is flat.

C. Jacobsen and K. Duraisamy, Frontiers in Physics 10:890910 (2022), equation 6 and figure 25.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.alignment import rotation_angle, s_kl
from beable.metrics.disentanglement import s_d
from beable.records import fields, plain
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
FEWEST = 6
#: standard errors of an interval of 95 %, and of a rank correlation in units of 1/sqrt(models - 3) (Fieller 1957)
WIDE, RANKS = 1.96, 1.03


@readable
class LawAndAngle(NamedTuple):
    """What each model's law and labels say.

    Args:
        s_kl: S_KL in nats, (models).
        angle: mean angle between latents and factors in degrees, (models).
        s_d: the source's score of the posterior means, (models).
        matching: latent of each varied factor, by the rotation, (models, varied factors).
    """

    s_kl: FloatArray
    angle: FloatArray
    s_d: FloatArray
    matching: NDArray[np.intp]

    @property
    def order(self) -> NDArray[np.intp]:
        """Numbers of the models by rising S_KL."""
        return np.argsort(self.s_kl, kind="stable")

    @property
    def rises(self) -> Verdict:
        """Whether S_KL rises with the angle over the models, by Spearman's rank correlation."""
        if len(self.s_kl) < FEWEST:
            return Verdict(None, f"{len(self.s_kl)} models: at least {FEWEST} are needed")
        if np.ptp(self.s_kl) == 0 or np.ptp(self.angle) == 0:
            return Verdict(None, "all models have the same S_KL, or the same angle")
        rho = float(np.clip(spearmanr(self.s_kl, self.angle).statistic, -0.9999, 0.9999))
        reach = WIDE * RANKS / np.sqrt(len(self.s_kl) - 3)
        low, high = (float(np.tanh(np.arctanh(rho) + side * reach)) for side in (-1, 1))
        words = f"rank correlation {number(rho)}, 95 % interval {number(low)} to {number(high)}"
        return Verdict(True if low > 0 else False if high < 0 else None, words)

    def as_json(self) -> dict[str, Any]:
        """Every number, and the answer, ready for JSON."""
        return dict(plain(fields(self) | {"rises": self.rises}))


def law_and_angle(codes: ArrayLike, factors: ArrayLike, *, k: int = 5, starts: int = 4, rng: int = 0) -> LawAndAngle:
    """S_KL, angle and S_D of the latents of every model.

    Args:
        codes: posterior means, (models, rows, latents).
        factors: (rows, factors).
        k, starts: of `s_kl`, a second or two of each model at 512 rows.
        rng: seed of `s_kl`, the same for each model.

    Raises:
        DataError: not three axes, or see `s_kl`.

    >>> θ = np.random.default_rng(0).choice([-1.0, 1.0], (80, 2)) + 0.25 * np.random.default_rng(1).normal(size=(80, 2))
    >>> turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    >>> found = law_and_angle([θ @ turn, θ], θ, starts=1)
    >>> found.order.tolist(), found.angle.round().tolist(), found.rises.word
    ([1, 0], [37.0, 0.0], 'cannot be told')
    """
    models = np.asarray(codes, np.float64)
    if models.ndim != 3 or not len(models):
        raise DataError(f"codes must be (models, rows, latents), got shape {models.shape}")
    laws = np.array([s_kl(z, factors, k=k, starts=starts, rng=rng).score for z in models])
    turns = [rotation_angle(z, factors) for z in models]
    scores = np.array([s_d(z, factors).score for z in models])
    return LawAndAngle(laws, np.array([t.score for t in turns]), scores, np.stack([t.matching for t in turns]))
