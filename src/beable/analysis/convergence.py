"""Had a training come to its end: did its last steps still change what it had learned?"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
LAST = 0.2
CHANGED = 0.01
FEWEST = 20


def change(history: Mapping[str, FloatArray]) -> FloatArray:
    """Change of the held-out distortion in the last fifth of the steps, as a share of what training changed it by.

    The mean of the second half of that fifth less the mean of its first half, doubled, over the fall of the first
    record to the least. Positive: it still fell.

    Args:
        history: records of a run by name, (records, members); the distortion in nats a row.

    Returns:
        (members,); NaN where nothing was learned, or with fewer than ``FEWEST`` records.
    """
    loss = _loss(history)
    if len(loss) < FEWEST:
        return np.full(loss.shape[1], np.nan)
    tail = loss[-max(4, round(LAST * len(loss))) :]
    half = len(tail) // 2
    fall = loss[0] - loss.min(axis=0)
    moved = 2 * (tail[:half].mean(axis=0) - tail[half:].mean(axis=0))
    share = np.full(len(fall), np.nan)
    np.divide(moved, fall, out=share, where=fall > 0)
    return share


def _loss(history: Mapping[str, FloatArray]) -> NDArray[np.float64]:
    """The held-out distortion, or that of training rows where none were held out."""
    return np.asarray(history.get("held/distortion", history["train/distortion"]), np.float64)


def converged(history: Mapping[str, FloatArray]) -> list[Verdict]:
    """Whether each member had come to its end: its last fifth changed the distortion by less than one percent.

    >>> steps = np.arange(1.0, 101.0)[:, None]
    >>> [str(v.answer) for v in converged({"train/distortion": np.hstack([1 / steps, -steps])})]
    ['True', 'False']
    """
    loss = _loss(history)
    if len(loss) < FEWEST:
        few = Verdict(None, f"{len(loss)} records of the training: at least {FEWEST} are needed to tell")
        return [few] * loss.shape[1]
    finite = [bool(np.isfinite(member).all()) for member in loss.T]
    return [_verdict(float(share), known) for share, known in zip(change(history), finite, strict=True)]


def _verdict(share: float, finite: bool) -> Verdict:
    if not finite:
        return Verdict(None, "the distortion is not finite in all records")
    if np.isnan(share):
        return Verdict(None, "training did not lower the distortion")
    words = f"the last fifth of the steps changed the distortion by {abs(share):.2%} of what training changed it by"
    return Verdict(abs(share) < CHANGED, words)
