"""Whether a training had come to its end, by what its last fifth still changed."""

import numpy as np
import pytest

from beable.analysis.convergence import FEWEST, change, converged

STEPS = np.arange(1.0, 101.0)
#: a distortion by record, whether it was at its end, and words of the reason
CURVES = {
    "at its end": (10 * np.exp(-STEPS / 10), True, "0.03%"),
    "falling still": (-STEPS, False, "20.20%"),
    "rising at the end": (np.where(STEPS < 80, -STEPS, STEPS - 160), False, "of what training changed it by"),
    "never lower": (STEPS, None, "did not lower"),
    "constant": (np.ones(100), None, "did not lower"),
    "diverged": (np.where(STEPS < 50, -STEPS, np.nan), None, "not finite"),
}


@pytest.mark.parametrize("name", CURVES)
def test_the_answer_and_its_reason_are_those_of_the_curve(name):
    curve, answer, words = CURVES[name]
    (verdict,) = converged({"train/distortion": curve[:, None]})
    assert verdict.answer is answer
    assert words in verdict.reason


def test_a_straight_line_changes_by_its_share_of_the_steps():
    """The halves of the last fifth lie ten steps apart: twice that, of the 99 that the line fell by."""
    assert change({"train/distortion": -STEPS[:, None]}) == pytest.approx([20 / 99])


def test_rows_held_out_decide_where_there_are_any():
    end, falling = (CURVES[name][0][:, None] for name in ("at its end", "falling still"))
    assert converged({"train/distortion": end, "held/distortion": falling})[0].answer is False
    assert converged({"train/distortion": falling, "held/distortion": end})[0].answer is True


def test_few_records_tell_nothing():
    few = {"train/distortion": -STEPS[: FEWEST - 1, None].repeat(3, axis=1)}
    assert [str(v) for v in converged(few)] == [
        "cannot be told: 19 records of the training: at least 20 are needed to tell"
    ] * 3
