"""ROC-AUC, average precision, conformal p-values and power against known answers."""

import numpy as np
import pytest
from scipy import stats

from beable.errors import DataError, UsageError
from beable.metrics import average_precision, conformal_pvalues, power, roc_auc


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_auc_of_exact_cases() -> None:
    assert roc_auc([1, 2, 3], [4, 5]).score == 1.0
    assert roc_auc([4, 5], [1, 2, 3]).score == 0.0
    assert roc_auc([1, 1, 1], [1, 1]).score == 0.5
    assert roc_auc([1, 3], [2, 4]).score == 0.75


def test_auc_by_counting_pairs() -> None:
    low, high = draw().integers(0, 8, size=40), draw(1).integers(2, 10, size=30)
    pairs = (high[:, None] > low[None]).mean() + 0.5 * (high[:, None] == low[None]).mean()
    assert roc_auc(low, high).score == pytest.approx(pairs)


def test_auc_of_shifted_gaussians() -> None:
    low, high = draw().normal(size=20_000), 1 + draw(1).normal(size=20_000)
    assert roc_auc(low, high).score == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.01)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_interval_covers(shift: float) -> None:
    truth = stats.norm.cdf(shift / np.sqrt(2))
    hits = 0
    for seed in range(200):
        found = roc_auc(draw(seed).normal(size=30), shift + draw(seed + 5000).normal(size=20))
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 200 <= 0.995  # 0.95 expected


def test_interval_is_no_point_at_the_ends() -> None:
    best, worst = roc_auc(np.arange(10), 20 + np.arange(10)), roc_auc(20 + np.arange(10), np.arange(10))
    assert 0.6 < best.low < 0.95
    assert best.high == 1.0
    assert worst.low == 0.0
    assert worst.high == pytest.approx(1 - best.low)


def test_interval_shrinks_with_the_rows_and_the_level() -> None:
    low, high = draw().normal(size=900), 1 + draw(1).normal(size=900)
    wide, narrow = roc_auc(low[:100], high[:100]), roc_auc(low, high)
    assert (narrow.high - narrow.low) / (wide.high - wide.low) == pytest.approx(1 / 3, abs=0.08)
    assert roc_auc(low, high, level=0.5).low > narrow.low


def test_a_score_that_looks_the_wrong_way_is_below_one_half() -> None:
    low = draw().normal(size=500)
    assert roc_auc(low, low - 3).high < 0.1


def test_average_precision() -> None:
    assert average_precision([1, 2], [3, 4]).score == 1.0
    assert average_precision([2, 4], [1, 3]).score == pytest.approx((1 / 2 + 2 / 4) / 2)
    noise = average_precision(draw().normal(size=9000), draw(1).normal(size=1000))
    assert noise.chance == 0.1
    assert noise.score == pytest.approx(0.1, abs=0.02)


def test_conformal_pvalues_hold_their_level() -> None:
    rates = []
    for seed in range(200):
        p = conformal_pvalues(draw(seed).exponential(size=99), draw(seed + 999).exponential(size=50))
        rates.append((p <= 0.1).mean())
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


def test_conformal_pvalues_of_training_rows_do_not() -> None:
    fitted = 0.5 * draw().exponential(size=99)  # errors of rows that the model has seen are smaller
    assert (conformal_pvalues(fitted, draw(1).exponential(size=2000)) <= 0.1).mean() > 0.2


def test_conformal_pvalues_by_hand_with_ties() -> None:
    assert conformal_pvalues([1, 1, 2], [1, 2, 3, 0]).tolist() == [1.0, 0.5, 0.25, 1.0]


def test_power_grows_with_the_perturbation() -> None:
    normal = np.abs(draw().normal(size=999))
    perturbed = {size: np.abs(size + draw(3).normal(size=400)) for size in (2.0, 0.0, 1.0, 4.0)}
    found = power(normal, perturbed)
    assert found.sizes.tolist() == [0.0, 1.0, 2.0, 4.0]
    expected = [stats.norm.sf(1.96 - s) + stats.norm.cdf(-1.96 - s) for s in found.sizes]
    assert found.power == pytest.approx(expected, abs=0.06)
    assert (found.low < found.power).all()
    assert (found.power <= found.high).all()
    assert found.half == pytest.approx(2.0, abs=0.15)
    assert found.actual <= found.level


def test_power_without_any_is_never_half() -> None:
    normal = draw().normal(size=200)
    assert power(normal, {1.0: draw(1).normal(size=100)}).half == np.inf


def test_bad_input() -> None:
    with pytest.raises(DataError, match="one or more"):
        roc_auc([], [1.0])
    with pytest.raises(DataError, match="anomalous holds 1 values"):
        roc_auc([1.0], [np.nan])
    with pytest.raises(DataError, match="scores"):
        average_precision(np.ones((2, 2)), [1.0])
    with pytest.raises(DataError, match="10 calibration rows give no p-value below"):
        power(np.arange(10), {1.0: [3.0]})
    with pytest.raises(DataError, match="no perturbation"):
        power(np.arange(100), {})
    with pytest.raises(UsageError, match="level"):
        roc_auc([1.0], [2.0], level=95)
