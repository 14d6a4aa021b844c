"""Members of arms judged on held-out rows, lighter than a whole evaluation: what the figures of the source need."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from beable.analysis.collapse import rate_hurts
from beable.analysis.levels import level_of
from beable.analysis.reconstructions import Reconstructions
from beable.datasets.store import Store
from beable.metrics.disentanglement import s_d
from beable.metrics.separation import separation
from beable.studies.context import Context
from beable.studies.outcomes import outcome
from beable.studies.study import Arm
from beable.training.data import read
from beable.training.run import Run
from beable.verdicts import Verdict

Floats = NDArray[np.floating]
UNTOLD = -1


class Members(NamedTuple):
    """Members of one arm on held-out rows; lists hold one entry a member.

    Args:
        label: of the arm.
        trained: whether it was; False for PCA and ICA alone.
        codes, std: posterior means and deviations, (members, rows, latents).
        error: relative squared error.
        distortion: L_REC in the source's unit, nats a pixel; NaN without training.
        rate: L_REG in nats, all latents together; NaN without training.
        level: L_REC of a decoder that sees no latents, in the same unit.
        disentangled: 1, 0, or −1 where it cannot be told.
        angle: of the latents off the factors, in degrees.
        s_d: the source's score of the posterior means.
        over_regularised: 1, 0, or −1 where it cannot be told.
    """

    label: str
    trained: bool
    codes: NDArray[np.float64]
    std: NDArray[np.float64]
    error: NDArray[np.float64]
    distortion: NDArray[np.float64]
    rate: NDArray[np.float64]
    level: float
    disentangled: list[int]
    angle: NDArray[np.float64]
    s_d: NDArray[np.float64]
    over_regularised: list[int]

    def as_json(self) -> dict[str, object]:
        """Every number but the codes; answers as words."""
        kept = ("label", "error", "distortion", "rate", "level", "angle", "s_d")
        words = {1: "yes", 0: "no", UNTOLD: "cannot be told"}
        answers = {
            "disentangled": [words[a] for a in self.disentangled],
            "over_regularised": [words[a] for a in self.over_regularised],
        }
        return {name: getattr(self, name) for name in kept} | answers

    @property
    def found(self) -> "Share":
        """In how many members each factor is in a latent of its own."""
        return share(self.disentangled)

    @property
    def lost(self) -> "Share":
        """How many are over-regularised."""
        return share(self.over_regularised)


class Share(NamedTuple):
    """A share of members, with Wilson's interval at 95 % over those of which it can be told.

    Args:
        hits: of how many it is so.
        told: of how many it can be told.
        members: all of them.
        low, high: interval of hits / told; 0 and 1 where nothing can be told.
    """

    hits: int
    told: int
    members: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.told if self.told else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high

    def __str__(self) -> str:
        untold = self.members - self.told
        return f"{self.hits} of {self.members}" + (f" ({untold} cannot be told)" if untold else "")


def share(answers: list[int]) -> Share:
    """How many of 1, 0 and −1 are 1.

    >>> str(share([1, 0, -1])), share([1, 1]).high
    ('1 of 3 (1 cannot be told)', 1.0)
    """
    count, told = answers.count(1), len(answers) - answers.count(UNTOLD)
    low, high = (0.0, 1.0) if not told else binomtest(count, told).proportion_ci(method="wilson")
    return Share(count, told, len(answers), float(low), float(high))


def members(context: Context, arm: Arm, run: Run | None = None) -> Members:
    """The members of an arm on the rows that it held out; those of a linear arm too.

    Args:
        context: of the part.
        arm: of the study.
        run: of the arm, where it is open already.
    """
    store = context.data_of(arm)
    return _linear(context, arm, store) if arm.kind == "linear" else of_run(arm.label, run or context.run(arm), store)


def of_run(label: str, run: Run, store: Store) -> Members:
    """The members of a run."""
    rows = run.held_rows
    snapshots = read(store, run.variables, rows, run.conditions)
    codes, scores = run.encode(snapshots), run.score(snapshots)
    coded = run.representation.transform({name: snapshots[name] for name in run.variables})
    error = Reconstructions(coded, run.locations(codes.mean), run.representation).relative_error()
    rate = scores.rate.mean(1).astype(np.float64)
    active = (rate > 0.05).sum(1)
    hurt = [rate_hurts(int(a), float(e), t) for a, e, t in zip(active, error, run.training_error, strict=True)]
    pixels = run.vae.decoder.pixels
    return Members(
        label,
        True,
        codes.mean.astype(np.float64),
        codes.std.astype(np.float64),
        error.astype(np.float64),
        scores.distortion.mean(1).astype(np.float64) / pixels,
        rate.sum(1),
        level_of(run, snapshots, coded) / pixels,
        *_against(codes.mean, store.factor_values[rows]),
        [_answer(v) for v in hurt],
    )


def _linear(context: Context, arm: Arm, store: Store) -> Members:
    e = outcome(context, arm).evaluation
    nothing = np.full(len(e.codes), np.nan)
    judged = _against(e.codes, store.factor_values[e.rows])
    codes, error = np.asarray(e.codes, np.float64), np.asarray(e.relative_error, np.float64)
    return Members(arm.label, False, codes, np.zeros_like(codes), error, nothing, nothing, float("nan"), *judged, [])


def _against(codes: Floats, factors: Floats) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
    """Whether each member is disentangled, its angle and its S_D."""
    found = [separation(z, factors) for z in codes]
    angle = np.array([np.nan_to_num(s.angle, nan=90.0) for s in found])
    return [_answer(s.verdict) for s in found], angle, np.array([s_d(z, factors).score for z in codes])


def _answer(verdict: Verdict) -> int:
    return UNTOLD if verdict.answer is None else int(verdict.answer)
