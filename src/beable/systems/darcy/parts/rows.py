r"""How many snapshots does it take? Losses and S_D by the number of training rows: figure 12 of the source.

The same rows are given to trainings whose output variance follows the errors in closed form, all with the same number
of steps, and to trainings on the source's budget: so many epochs, so that few rows mean few steps, and an output
variance that starts at one and is moved by gradient steps, by about the learning rate a step. The farthest that the
logarithm of the variance can drift is the sum of the learning rates; where that does not reach the level of the data
before β = 1 no latent is worth its rate. The source's rule lets β follow the distortion instead, and with few steps it
never comes near one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest

from beable.console.numbers import number
from beable.metrics.context import score_in_context
from beable.metrics.disentanglement import s_d
from beable.studies.claims import ARTEFACT, DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.growth import ranks
from beable.systems.darcy.parts.members import Members, members
from beable.training.run import Run
from beable.training.settings import TrainingSettings

Array = NDArray[np.float64]
SIGNIFICANT, ROTATIONS = 0.05, 500


@dataclass(frozen=True)
class Trained:
    """Trainings of one way, a member each.

    Args:
        rows: how many each was trained on.
        train_distortion, train_rate: L_REC in nats a pixel and L_REG in nats a latent, on training rows.
        test: on held-out rows.
        drift: farthest that the logarithm of an output variance can drift, in nats; None where it follows in closed
            form.
    """

    rows: NDArray[np.int64]
    train_distortion: NDArray[np.float64]
    train_rate: NDArray[np.float64]
    test: Members
    latents: int
    drift: list[float] | None

    @property
    def test_rate(self) -> Array:
        """L_REG on held-out rows in the source's unit, nats a latent."""
        rate: Array = self.test.rate / self.latents
        return rate

    def lost(self, rows: int) -> tuple[int, int]:
        """How many members of so many rows are over-regularised, and of how many it can be told."""
        answers = [a for a, n in zip(self.test.over_regularised, self.rows, strict=True) if n == rows and a >= 0]
        return sum(answers), len(answers)

    def median(self, values: Array, rows: int) -> float:
        """Of the members of so many rows."""
        return float(np.median(values[self.rows == rows]))

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        train = {"distortion": self.train_distortion, "rate_per_latent": self.train_rate}
        return {"rows": self.rows, "train": train, "test": self.test.as_json(), "drift": self.drift}


@dataclass(frozen=True)
class RowsStudy:
    """Trainings on fewer and more rows, in two ways.

    Args:
        ours: output variance in closed form, the same steps for all.
        theirs: the source's budget, β = 1 after the first phase.
        feedback: the source's budget for the fewest rows, β by the source's rule.
        last_beta: β at the end of these.
        ceiling, chance: S_D of the factors against themselves, and 5 % and 95 % of random rotations.
        random: S_D of random rotations of the factors.
    """

    ours: Trained
    theirs: Trained
    feedback: Trained
    last_beta: NDArray[np.float64]
    ceiling: float
    chance: tuple[float, float]
    random: NDArray[np.float64]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        context = {"s_d_ceiling": self.ceiling, "s_d_chance": list(self.chance)}
        return {"ours": self.ours.as_json(), "theirs": self.theirs.as_json()} | {
            "feedback": self.feedback.as_json() | {"beta": self.last_beta},
            **context,
        }

    @property
    def counts(self) -> list[int]:
        """Numbers of rows, ascending."""
        return sorted({int(n) for n in self.ours.rows})

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its figure."""
        return [self._reconstruction(), self._regularisation(), self._few(), self._disentanglement()]

    def _reconstruction(self) -> Claim:
        rho, interval = ranks(self.ours.rows, self.ours.test.distortion)
        first, last = (self.ours.median(self.ours.test.distortion, n) for n in (self.counts[0], self.counts[-1]))
        at = self.counts
        evidence = f"median test loss {number(first)} nats a pixel at {at[0]} rows, {number(last)} at {at[-1]}"
        words = "the reconstruction loss falls with the number of training rows (5.1)"
        return Claim("12", words, "falls", f"rank correlation {number(rho)}", interval, _falls(interval, -1), evidence)

    def _regularisation(self) -> Claim:
        rho, interval = ranks(self.ours.rows, self.ours.test_rate)
        first, last = (self.ours.median(self.ours.test_rate, n) for n in (self.counts[0], self.counts[-1]))
        evidence = (
            f"median rate {number(first)} nats a latent at {self.counts[0]} rows, {number(last)} at {self.counts[-1]}"
        )
        words = "the regularisation loss rises slightly with the number of training rows (5.1)"
        verdict = _falls(interval, 1)
        return Claim("12", words, "rises slightly", f"rank correlation {number(rho)}", interval, verdict, evidence)

    def _few(self) -> Claim:
        few = self.counts[0]
        (ours, told), (theirs, trials) = self.ours.lost(few), self.theirs.lost(few)
        if not told or not trials:
            verdict = UNTOLD
        elif ours == told:
            verdict = REPRODUCED
        else:
            verdict = ARTEFACT if theirs > trials / 2 and ours < told / 2 else DIFFERS if ours < told / 2 else UNTOLD
        (followed, tried), reach = self.feedback.lost(few), min(self.theirs.drift or [0.0])
        level, last = number(-_log_variance(self.theirs.test)), number(float(np.median(self.last_beta)))
        evidence = (
            f"over-regularised at {few} rows: {ours} of {told} with the variance in closed form; {theirs} of {trials} "
            f"on the source's budget, where the logarithm of the variance can drift by {number(reach)} nats and that "
            f"of the data lies {level} below its start; {followed} of {tried} where β follows the source's rule on "
            f"that budget, which ends at β = {last}"
        )
        words = "with too few rows over-regularisation seems unavoidable (5.1)"
        return Claim("12", words, "unavoidable", f"{ours} of {told}", None, verdict, evidence)

    def _disentanglement(self) -> Claim:
        spans = {n: self.ours.test.s_d[self.ours.rows == n] for n in self.counts}
        wide = [n for n, s in spans.items() if s.min() < self.chance[0] + 0.1 and s.max() > self.chance[1] - 0.05]
        p = float(kstest(self.ours.test.s_d, self.random).pvalue)
        few = min(len(s) for s in spans.values())
        verdict = REPRODUCED if len(wide) > len(spans) / 2 else UNTOLD if few < 8 else DIFFERS
        ranges = ", ".join(f"{n}: {s.min():.2f} to {s.max():.2f}" for n, s in spans.items())
        evidence = f"S_D by rows {ranges}; that it is that of random rotations has p = {number(p)}"
        words = "at any number of rows S_D goes from nearly entangled to nearly perfect (5.1)"
        ours = f"at {len(wide)} of {len(spans)} numbers of rows"
        return Claim("12", words, "at each", ours, None, verdict, evidence)


def _falls(interval: tuple[float, float], sign: int) -> str:
    """Whether a rank correlation surely has a sign."""
    low, high = sorted((sign * interval[0], sign * interval[1]))
    return REPRODUCED if low > 0 else DIFFERS if high < 0 else UNTOLD


def _log_variance(m: Members) -> float:
    """Logarithm of the output variance at which a decoder that sees no latents is at its level, by three channels."""
    return 2 * m.level / 3 - 1 - float(np.log(2 * np.pi))


def rows(context: Context) -> RowsStudy:
    """Trainings on fewer and more rows, on the rows that all held out."""
    ours, feedback = [context.arm("ours")], context.arm("feedback")
    theta = context.data_of(ours[0]).factor_values[context.run(ours[0]).held_rows]
    luck = score_in_context(s_d, theta, theta, rotations=ROTATIONS, repeats=2, level=0.9).rotation
    ceiling = s_d(theta, theta).score
    return RowsStudy(
        _trained(context, ours),
        _trained(context, context.arms("theirs")),
        _trained(context, [feedback]),
        np.asarray(context.run(feedback).history["beta"][-1], np.float64),
        ceiling,
        (luck.low, luck.high),
        np.asarray(luck.values, np.float64),
    )


def _trained(context: Context, arms: list[Any]) -> Trained:
    """Arms one after the other, as one."""
    runs = [context.run(arm) for arm in arms]
    test = joined([members(context, arm, run) for arm, run in zip(arms, runs, strict=True)])
    learned = [run.settings.model.variance != "closed" for run in runs]
    return Trained(
        np.concatenate([_counts(run) for run in runs]),
        np.concatenate([_last(run, "train/distortion") / run.vae.decoder.pixels for run in runs]),
        np.concatenate([_last(run, "train/rate/z") / run.settings.model.latents for run in runs]),
        test,
        runs[0].settings.model.latents,
        [drift(run.settings.training) for run in runs] if all(learned) else None,
    )


def drift(training: TrainingSettings) -> float:
    """Sum of the learning rates: how far Adam can move a number.

    >>> drift(TrainingSettings(steps=10, learning_rate=0.1, decay="none", drops=((6, 0.5),)))
    0.8
    """
    rate = training.learning_rate
    first = rate if isinstance(rate, float) else max(rate)
    return round(first * sum(training.share_of_rate(step) for step in range(training.steps)), 9)


def joined(parts: list[Members]) -> Members:
    """Members of several arms as those of one."""
    first = parts[0]
    lists = ("disentangled", "over_regularised")
    arrays = ("codes", "std", "error", "distortion", "rate", "angle", "s_d")
    together: dict[str, Any] = {name: np.concatenate([getattr(m, name) for m in parts]) for name in arrays}
    together |= {name: [a for m in parts for a in getattr(m, name)] for name in lists}
    return first._replace(**together)


def _counts(run: Run) -> NDArray[np.int64]:
    """How many rows each member was trained on."""
    given = run.settings.training.rows
    return np.array([len(run.train_rows)] * run.members if given is None else given, np.int64)


def _last(run: Run, term: str) -> Array:
    """The last record of a term of the history, one number a member."""
    return np.asarray(run.history[term][-1], np.float64)
