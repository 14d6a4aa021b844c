r"""Why Hall and Sparks leave the binary cross entropy: what becomes of it on columns that do not lie between 0 and 1.

.. math:: B(y, x) = -y \log x - (1 - y) \log (1 - x), \qquad x = \frac{1}{1 + e^{-l}} \in (0, 1)

has its least value at x = y while y is a share, the entropy of y. For y above 1 or below 0 it has none: B falls without
end as the output l grows. "Driving BCE negative, which is technically impossible" is then what has to happen, to data
in their own units and to z-scores alike, and no fault of the training. Columns brought to 0 to 1 are bounded below.

Where the latents die is known beforehand too. Near the mean p of a column B is a squared error over :math:`2p(1 - p)`,
so that the last latent of a linear VAE is lost at the largest eigenvalue of the covariance of the columns, each over
:math:`\sqrt{p(1 - p)}`; for the squared error the same holds with ½ for p(1 - p).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from beable.analysis.collapse import ACTIVE_NATS
from beable.console.numbers import number
from beable.records import plain
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.parts.ensembles import squared_errors
from beable.systems.packing.parts.rows import Floats, read_rows, some
from beable.training.run import Run
from beable.vae.settings import Constant
from beable.verdicts import Verdict

#: share of the records at the end of a training over which a loss is seen to fall
END = 0.2
#: β at which the sizes of losses are compared, that of a plain VAE
PLAIN = 1.0
#: by which factor a loss is "significantly" smaller
SMALLER = 2.0


class Trained(NamedTuple):
    """Trainings of one loss on one scaling.

    Args:
        label: of the arm.
        outside: share of the scaled numbers that lie outside 0 to 1.
        floor: least cross entropy that any model has on a row, in nats; NaN where it has none, or for another loss.
        betas: β of each member, (members).
        steps: of the records, (records).
        loss: reconstruction loss of training rows, (records, members).
        rate: of each latent in nats, (members, latents).
        collapse: predicted β beyond which nothing is left; NaN where columns are outside 0 to 1.
    """

    label: str
    outside: float
    floor: float
    betas: Floats
    steps: Floats
    loss: Floats
    rate: Floats
    collapse: float

    @property
    def last(self) -> Floats:
        """Loss of each member at the end."""
        return np.asarray(self.loss[-1])

    @property
    def falling(self) -> Floats:
        """Fall of the loss over the last part of the training, over its size, (members)."""
        begin = self.loss[int((1 - END) * (len(self.loss) - 1))]
        return np.asarray((begin - self.last) / np.maximum(np.abs(self.last), 1e-12))

    @property
    def negative(self) -> Verdict:
        """Whether the loss of every member ends below zero."""
        count = int((self.last < 0).sum())
        answer = True if count == len(self.last) else False if count == 0 else None
        return Verdict(answer, f"{count} of {len(self.last)} trainings end below 0, at {number(np.median(self.last))}")

    @property
    def alive(self) -> float:
        """Largest β with a latent in use, by medians over members; 0 without any."""
        most = self.rate.max(1)
        kept = [float(b) for b in np.unique(self.betas) if np.median(most[self.betas == b]) > ACTIVE_NATS]
        return max(kept, default=0.0)

    @property
    def dead(self) -> float:
        """Least β without one; NaN where all have some."""
        return float(min((b for b in np.unique(self.betas) if b > self.alive), default=np.nan))

    def at(self, beta: float) -> float:
        """Median loss at the end of the members of the β nearest to one."""
        nearest = np.unique(self.betas)[np.abs(np.unique(self.betas) - beta).argmin()]
        return float(np.median(self.last[self.betas == nearest]))

    def as_json(self) -> dict[str, Any]:
        """Every number but those of the records."""
        numbers = {
            "label": self.label,
            "outside": self.outside,
            "floor": self.floor,
            "members": len(self.betas),
            "loss": float(np.median(self.last)),
            "least": float(self.last.min()),
            "falling": float(np.median(self.falling)),
            "negative": self.negative,
            "at_plain": self.at(PLAIN),
            "collapse": self.collapse,
            "alive": self.alive,
            "dead": self.dead,
        }
        return plain(numbers)


@dataclass(frozen=True)
class CrossEntropy:
    """The cross entropy on every scaling, and the squared error beside it.

    Args:
        arms: by name.
        squared: the arm of the squared error, of columns from 0 to 1.
    """

    arms: dict[str, Trained]
    squared: Trained

    @property
    def unscaled(self) -> Trained:
        """The arm with most numbers outside 0 to 1."""
        return max(self.arms.values(), key=lambda arm: arm.outside)

    @property
    def bounded(self) -> list[Trained]:
        """Arms whose numbers all lie in 0 to 1."""
        return [arm for arm in self.arms.values() if not arm.outside]

    @property
    def ratio(self) -> float:
        """Cross entropy over squared error of columns from 0 to 1, at β = 1."""
        return self.bounded[0].at(PLAIN) / self.squared.at(PLAIN)

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        kept = {"arms": self.arms, "squared": self.squared.as_json(), "ratio": self.ratio, "plain": PLAIN}
        return plain(kept | {"unscaled": self.unscaled.label, "bounded": [arm.label for arm in self.bounded]})

    @property
    def claims(self) -> list[Claim]:
        """What Hall and Sparks say of the cross entropy."""
        return [_negative(self), _only_when_scaled(self), _magnitude(self)]


def _negative(a: CrossEntropy) -> Claim:
    words = "the magnitudes of the columns drive the cross entropy negative, which is impossible (2.1)"
    told = a.unscaled.negative
    verdict = {True: ARTEFACT, False: DIFFERS, None: UNTOLD}[told.answer]
    share = f"{100 * a.unscaled.outside:.0f} % of the numbers lie outside 0 to 1, where it has no lower bound"
    return Claim("Eq. 1", words, "negative", number(a.unscaled.last.min()), None, verdict, f"{told.reason}; {share}")


def _only_when_scaled(a: CrossEntropy) -> Claim:
    words = "it is stable only when all data are normalised (2.1)"
    good = all(arm.negative.answer is False for arm in a.bounded)
    bad = [arm.label for arm in a.arms.values() if arm.outside and arm.negative.answer is not False]
    verdict = REPRODUCED if good and bad else DIFFERS
    ours = f"stable with {', '.join(arm.label for arm in a.bounded)}" if good else "not stable"
    return Claim("Eq. 1", words, "yes", ours, None, verdict, f"below 0 with {', '.join(bad) or 'none'}")


def _magnitude(a: CrossEntropy) -> Claim:
    words = "normalised too, the squared error is significantly smaller (2.1)"
    cross, squared = a.bounded[0].at(PLAIN), a.squared.at(PLAIN)
    floor = a.bounded[0].floor
    why = (
        f"{number(cross)} nats against {number(squared)}, at β = {PLAIN:g}; of the former no model has less than "
        f"{number(floor)}, so the sizes compare nothing"
    )
    verdict = ARTEFACT if a.ratio >= SMALLER else DIFFERS
    return Claim("Eq. 1", words, "smaller", f"{number(a.ratio)} times", None, verdict, why)


def cross_entropy(context: Context) -> CrossEntropy:
    """Options of the part: rows (judged)."""
    arms = {arm.name: _trained(context, arm) for arm in context.arms("judged")}
    return CrossEntropy(arms, _trained(context, context.arm("squared")))


def _trained(context: Context, arm: Arm) -> Trained:
    run, seed = context.run(arm), context.study.data.seed
    rows = read_rows(context.data_of(arm), some(run.train_rows, context.option("rows"), seed))
    codes = np.asarray(run.representation.transform({n: rows[n] for n in run.variables}).values, np.float64)
    outside = float(((codes < 0) | (codes > 1)).mean())
    crossed = run.settings.model.likelihood == "bernoulli"
    rule = run.settings.objective.beta
    assert isinstance(rule, Constant)
    betas = np.broadcast_to(np.asarray(rule.by_member, np.float64), (run.members,))
    return Trained(
        arm.label,
        outside,
        float(_entropy(codes).sum(1).mean()) if crossed and not outside else float("nan"),
        np.array(betas),
        np.asarray(run.history["step"], np.float64),
        _losses(run, crossed),
        np.asarray(run.score(rows, seed).rate.mean(1), np.float64),
        _collapse(codes, crossed) if not outside else float("nan"),
    )


def _entropy(shares: Floats) -> Floats:
    """Least cross entropy of each number, in nats."""
    y = shares.clip(0, 1)
    return np.asarray(-xlogy(y, y) - xlogy(1 - y, 1 - y), np.float64)


def _losses(run: Run, crossed: bool) -> Floats:
    """Cross entropy, or summed squared error, of training rows at every record, (records, members)."""
    return np.asarray(run.history["train/distortion"], np.float64) if crossed else squared_errors(run)


def _collapse(codes: Floats, crossed: bool) -> float:
    """Predicted β beyond which a linear VAE leaves nothing in its latents."""
    mean = codes.mean(0)
    weight = mean * (1 - mean) if crossed else np.full(codes.shape[1], 0.5)
    scaled = (codes - mean) / np.sqrt(weight)
    return float(np.linalg.eigvalsh(np.cov(scaled.T, bias=True))[-1])
