r"""What a training went through: the loss of a VAE beside the one that was minimised, and its way in the plane of rate
and distortion.

With the weights w of the objective's scale,

.. math:: L_{VAE} = w_D D + w_R R, \qquad L = w_D D + \beta\, w_R R

A first phase with a small β leads past solutions of low rate: L_VAE goes through a minimum and rises while L falls,
and as β grows to one L meets L_VAE. Over-regularised trainings share the first part of the way.

C. Jacobsen and K. Duraisamy, Frontiers in Physics 10:890910 (2022), figures 7 and 9.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import DataError, UsageError, unknown
from beable.training.run import Run
from beable.vae.objectives import weights
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
#: shares: of a loss's range that is a rise, of a path's extent that is apart, of β's last value that is small
RISE, APART, SMALL = 0.01, 0.05, 0.5


@readable
class TrainingPath(NamedTuple):
    """A training at its recorded steps.

    Args:
        steps: recorded steps, (records).
        beta: β, 0 in a first phase without the rate, (records, members).
        distortion, rate: as the objective weighs them, all latents together, (records, members).
    """

    steps: NDArray[np.int64]
    beta: FloatArray
    distortion: FloatArray
    rate: FloatArray

    @property
    def vae_loss(self) -> FloatArray:
        """L_VAE, the loss at β = 1, (records, members)."""
        return np.asarray(self.distortion + self.rate)

    @property
    def training_loss(self) -> FloatArray:
        """L, what was minimised, (records, members)."""
        return np.asarray(self.distortion + self.beta * self.rate)

    @property
    def gap(self) -> FloatArray:
        """What L is short of L_VAE at the last record, (members)."""
        return np.asarray((self.vae_loss - self.training_loss)[-1])

    def rises_while_beta_is_small(self) -> list[Verdict]:
        """Whether L_VAE of each member passes a minimum and rises again while β is under half of its last value."""
        return [_rises(loss, beta) for loss, beta in zip(self.vae_loss.T, self.beta.T, strict=True)]


def training_path(run: Run, rows: str = "train") -> TrainingPath:
    """The path of every member, from the history of a run.

    Args:
        run: a finished training.
        rows: "train" for training rows, "held" for held-out rows.

    Raises:
        UsageError: other rows than these.
    """
    if rows not in ("train", "held"):
        raise unknown("rows", rows, ("train", "held"))
    w, history = weights(run.vae, run.settings.objective.scale), run.history
    rates = [values for name, values in history.items() if name.startswith(f"{rows}/rate/")]
    return TrainingPath(
        np.asarray(history["step"], np.int64),
        history["beta"].astype(np.float64),
        w.distortion * history[f"{rows}/distortion"].astype(np.float64),
        w.rate * np.stack(rates).sum(0, dtype=np.float64),
    )


def _rises(loss: FloatArray, beta: FloatArray) -> Verdict:
    early = loss[: int((beta >= SMALL * beta[-1]).argmax())]
    if len(early) < 3:
        return Verdict(None, f"{len(early)} records while β is small: at least 3 are needed")
    lowest = int(early.argmin())
    rise, span = float(early[lowest:].max() - early[lowest]), float(np.ptp(early))
    words = f"L_VAE rises by {number(rise)} above its least value, of a range of {number(span)}, while β is small"
    return Verdict(rise > RISE * span and lowest > 0, words)


def parting(path: TrainingPath, member: int, other: TrainingPath, beside: int) -> int | None:
    """The step at which two trainings part for good in the plane of rate and distortion; None if they never do.

    They are apart where they differ in either by more than a twentieth of its range over both.

    Args:
        path, other: of the two runs, or one run twice; recorded at the same steps.
        member, beside: the member of each.

    Raises:
        UsageError: a member that the run does not have.
        DataError: other recorded steps.
    """
    for run, k in ((path, member), (other, beside)):
        if not 0 <= k < run.rate.shape[1]:
            raise UsageError(f"the run has members 0 to {run.rate.shape[1] - 1}, got member {k}: give one of them")
    if not np.array_equal(path.steps, other.steps):
        raise DataError("the trainings were recorded at other steps: compare trainings of as many steps")
    apart = np.zeros(len(path.steps), bool)
    for ours, theirs in ((path.rate, other.rate), (path.distortion, other.distortion)):
        a, b = ours[:, member], theirs[:, beside]
        apart |= np.abs(a - b) > APART * np.ptp(np.concatenate([a, b]))
    together = np.flatnonzero(~apart)
    first = int(together[-1]) + 1 if together.size else 0
    return int(path.steps[first]) if first < len(path.steps) else None
