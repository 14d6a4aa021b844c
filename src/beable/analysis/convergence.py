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
    loss = np.asarray(history.get("held/distortion", history["train/distortion"]), float)
    if len(loss) < FEWEST:
        return np.full(loss.shape[1], np.nan)
    tail = loss[-max(4, round(LAST * len(loss))) :]
    half = len(tail) // 2
    fall = loss[0] - loss.min(axis=0)
    moved = 2 * (tail[:half].mean(axis=0) - tail[half:].mean(axis=0))
    share = np.full(len(fall), np.nan)
    np.divide(moved, fall, out=share, where=fall > 0)
    return share


def converged(history: Mapping[str, FloatArray]) -> list[Verdict]:
    """Whether each member had come to its end: its last fifth changed the distortion by less than one percent.

    >>> steps = np.arange(1.0, 101.0)[:, None]
    >>> [str(v.answer) for v in converged({"train/distortion": np.hstack([1 / steps, -steps])})]
    ['True', 'False']
    """
    return [_verdict(float(share)) for share in change(history)]


def _verdict(share: float) -> Verdict:
    if np.isnan(share):
        return Verdict(None, f"fewer than {FEWEST} records, or nothing learned")
    words = f"the last fifth of the steps changed the distortion by {abs(share):.2%} of what training changed it by"
    return Verdict(abs(share) < CHANGED, words)
