r"""Did members learn their training rows by heart?

A member over-fits from its record b of least held-out distortion :math:`D` on if afterwards the held-out distortion
rises while that of training rows goes on falling, both by more than records scatter:

.. math:: \bar D_\text{held} - D_\text{held}(b) > 3 s_\text{held}, \qquad
          D_\text{train}(b) - \bar D_\text{train} > 3 s_\text{train}

with bars the means over the records after b, and the scatter s from second differences of neighbouring records, which
a steady rise or fall does not enter. A rise of less than ``SMALL`` of what held-out rows had gained until then is left
unmentioned. Only records under the last β are looked at, since a change of β moves both.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.console.records import readable
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
Floats = NDArray[np.float64]
FEWEST_RECORDS = 8
SCATTERS = 3.0
SMALL = 0.05
NORMAL_MEDIAN = 0.6745  # median of |x| of a normal number of deviation 1


@readable
class Overfitting(NamedTuple):
    """Which members over-fit, and by how much.

    Args:
        verdicts: one a member.
        step: of the record with the least held-out distortion, (members).
        held: held-out distortion there and at the last record, in nats a row, (members, 2).
        training: distortion of training rows there and at the last record, (members, 2).
    """

    verdicts: list[Verdict]
    step: NDArray[np.int64]
    held: FloatArray
    training: FloatArray

    @property
    def members(self) -> list[int]:
        """Numbers of the members that over-fit."""
        return [k for k, verdict in enumerate(self.verdicts) if verdict.answer]


def overfitting(history: Mapping[str, FloatArray], best: Sequence[int] | None = None) -> Overfitting:
    """Judge each member of a run by its history.

    Args:
        history: of a run: "step" (records), "train/distortion", "held/distortion" and "beta" (records, members).
        best: step of each member's least held-out loss, rate and all, where known: a member whose loss is least at the
            end does not over-fit, whatever its distortion does.

    >>> steps = np.arange(20)
    >>> rising = np.where(steps < 5, 20.0 - 2 * steps, 5.0 + steps)[:, None]
    >>> terms = {"train/distortion": 20.0 - steps[:, None], "held/distortion": rising, "beta": np.ones((20, 1))}
    >>> found = overfitting({"step": steps, **terms})
    >>> found.verdicts[0].word, found.step.tolist(), found.held.tolist()
    ('yes', [5], [[10.0, 24.0]])
    """
    members = range(np.shape(history["held/distortion"])[1])
    verdicts, steps, held, training = zip(*(_member(history, k) for k in members), strict=True)
    if best is not None:
        verdicts = tuple(_unless_best_at_the_end(v, step, history) for v, step in zip(verdicts, best, strict=True))
    return Overfitting(list(verdicts), np.array(steps), np.array(held), np.array(training))


def _unless_best_at_the_end(verdict: Verdict, best: int, history: Mapping[str, FloatArray]) -> Verdict:
    if not verdict.answer or best < history["step"][-1]:
        return verdict
    return Verdict(False, f"{verdict.reason}; the held-out loss, with the rate in it, is least at the last record")


def _member(history: Mapping[str, FloatArray], k: int) -> tuple[Verdict, int, list[float], list[float]]:
    first = _first_of_last_beta(np.asarray(history["beta"])[:, k])
    steps, held, train = (
        np.asarray(values)[first:].astype(np.float64)
        for values in (history["step"], history["held/distortion"][:, k], history["train/distortion"][:, k])
    )
    b = int(np.argmin(np.where(np.isfinite(held), held, np.inf)))
    return _judged(steps, held, train, b), int(steps[b]), _ends(held, b), _ends(train, b)


def _ends(values: Floats, b: int) -> list[float]:
    return [float(values[b]), float(values[-1])]


def _first_of_last_beta(beta: FloatArray) -> int:
    """The first of the last records that all have the same β."""
    others = np.flatnonzero(beta != beta[-1])
    return int(others[-1]) + 1 if len(others) else 0


def _judged(steps: Floats, held: Floats, train: Floats, b: int) -> Verdict:
    after = len(steps) - 1 - b
    if len(steps) < FEWEST_RECORDS:
        return Verdict(None, f"{len(steps)} records under one beta: at least {FEWEST_RECORDS} are needed")
    if not (np.isfinite(held).all() and np.isfinite(train).all()):
        return Verdict(None, "a distortion is not finite")
    words = (
        f"held-out distortion is least at step {steps[b]:.0f}, {number(held[b])} nats a row, and {number(held[-1])} at "
        f"the last record; that of training rows {number(train[b])} and {number(train[-1])}"
    )
    if after == 0:
        return Verdict(False, words)
    rise, fall = held[b + 1 :].mean() - held[b], train[b] - train[b + 1 :].mean()
    rises = rise > max(SCATTERS * _scatter(held), SMALL * (held[: b + 1].max() - held[b]))
    return Verdict(bool(rises and fall > SCATTERS * _scatter(train)), words)


def _scatter(values: Floats) -> float:
    """Deviation of records from a smooth course."""
    second = np.diff(values, 2)
    return float(np.median(np.abs(second)) / NORMAL_MEDIAN / np.sqrt(6))


def warning(found: Overfitting, kept: Sequence[int], modes: bool) -> str | None:
    """What to tell of members that over-fit, in one line; None where none does.

    Args:
        found: by `overfitting`.
        kept: step whose parameters each member keeps.
        modes: whether the run learned from modes of fields.
    """
    if not (bad := found.members):
        return None
    held, train = (np.median(values[bad], axis=0) for values in (found.held, found.training))
    fewer = "fewer modes (--energy 0.999, representation.energy), " if modes else ""
    return (
        f"{len(bad)} of {len(found.verdicts)} members over-fit ({', '.join(map(str, bad))}), from step "
        f"{_span(found.step[bad].tolist())} on: their held-out distortion rose from {number(held[0])} to "
        f"{number(held[1])} nats a row (medians) while that of training rows fell from {number(train[0])} to "
        f"{number(train[1])}; the parameters of step {_span([kept[k] for k in bad])} are kept; more rows, {fewer}"
        "or a narrower network (--set model.width=16) help"
    )


def _span(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return str(low) if low == high else f"{low} to {high}"
