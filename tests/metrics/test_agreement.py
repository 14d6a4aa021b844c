"""Tests of agreement, each with its null."""

import numpy as np
import pytest
from scipy import stats

from beable.errors import DataError, UsageError
from beable.metrics import ami, equivalence, mi_knn, nmi, parity, permutation_test, t_test


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def difference(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.mean() - y.mean())


def test_parity_by_hand() -> None:
    x = np.array([0.5, 0.6, 0.7, 0.8])
    found = parity(x, 2 * x - 0.5)
    assert found.slope == pytest.approx(2.0)
    assert found.intercept == pytest.approx(-0.5)
    assert found.correlation == pytest.approx(1.0)
    assert found.spread == pytest.approx(2.0)
    assert found.bias == pytest.approx(0.15)
    assert parity(x, x).score == 1.0
    flat = parity(x, np.full(4, x.mean()))
    assert flat.score == pytest.approx(0.0)
    assert flat.spread == 0.0
    assert np.isnan(flat.correlation)


def test_critical_t_of_25_rows() -> None:
    x = draw().normal(size=25)
    noise = draw(1).normal(size=25)
    noise -= noise.mean()
    noise /= noise.std(ddof=1)
    at = t_test(x + noise + 2.064 / 5, x)
    assert at.score == pytest.approx(2.064)
    assert at.p == pytest.approx(0.05, abs=1e-4)
    assert at.freedom == 24
    assert at.low == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("paired", [True, False])
def test_t_test_holds_its_level_and_has_power(paired: bool) -> None:
    p = [t_test(draw(s).normal(size=25), draw(s + 999).normal(size=25), paired=paired).p for s in range(400)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert t_test(draw(0).normal(size=25), 2 + draw(1).normal(size=25), paired=paired).p < 1e-4


def test_welch_has_its_own_freedom() -> None:
    found = t_test(draw(0).normal(size=10), 10 * draw(1).normal(size=100), paired=False)
    expected = stats.ttest_ind(draw(0).normal(size=10), 10 * draw(1).normal(size=100), equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)


@pytest.mark.parametrize("paired", [True, False])
def test_equivalence_at_the_margin_holds_its_level(paired: bool) -> None:
    passed = [
        equivalence(draw(s).normal(size=30), 0.8 + draw(s + 999).normal(size=30), 0.8, paired=paired).equivalent
        for s in range(400)
    ]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.03)


def test_equivalence_asks_the_other_question() -> None:
    few = draw(0).normal(size=6), 0.5 + draw(1).normal(size=6)
    assert t_test(*few).p > 0.05
    assert not equivalence(*few, margin=0.5).equivalent
    many = draw(0).normal(size=4000), 0.1 + draw(1).normal(size=4000)
    assert t_test(*many).p < 0.05
    found = equivalence(*many, margin=0.5)
    assert found.equivalent
    assert -0.5 < found.low < found.difference < found.high < 0.5
    assert found.score == max(found.lower, found.upper)


def test_equal_means_are_equivalent_whatever_the_rounding_of_their_difference() -> None:
    for seed in range(20):
        x = draw(seed).normal(0.68, 0.01, size=12).round(3)
        assert equivalence(x, x[::-1], margin=0.02).score == pytest.approx(
            stats.t.sf(0.02 / (np.std(x - x[::-1], ddof=1) / np.sqrt(12)), 11)
        )


def test_student_test_of_one_variance_is_the_library_s() -> None:
    x, y = draw(0).normal(size=10), draw(1).normal(size=17) + 0.5
    found, expected = t_test(x, y, paired=False, equal_variance=True), stats.ttest_ind(x, y)
    assert (found.score, found.p) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("seed", [*range(5), 7919])
def test_equivalence_by_hand(seed: int) -> None:
    """Where means are equal but for rounding too: with the last seed the difference is 0 and t is not."""
    x = draw(seed).normal(size=20)
    noise = draw(seed + 1).normal(size=20)
    found = equivalence(x + noise, x, margin=0.7)
    error = noise.std(ddof=1) / np.sqrt(20)
    assert found.upper == pytest.approx(stats.t.cdf((noise.mean() - 0.7) / error, 19))
    assert found.lower == pytest.approx(stats.t.sf((noise.mean() + 0.7) / error, 19))
    exact = equivalence(x + noise - noise.mean(), x, margin=0.7)
    assert exact.upper == pytest.approx(exact.lower, rel=1e-6)


@pytest.mark.parametrize("null", ["shuffle", "swap", "mix"])
def test_permutation_p_is_uniform_under_its_null(null: str) -> None:
    statistic = (lambda x, y: float((x - x.mean()) @ (y - y.mean()))) if null == "shuffle" else difference
    p = [
        permutation_test(statistic, draw(s).normal(size=12), draw(s + 999).normal(size=12), null=null, repeats=19).p
        for s in range(200)
    ]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)
    assert min(p) >= 1 / 20


def test_permutation_p_finds_what_is_there_and_agrees_with_t() -> None:
    x = draw().normal(size=30)
    y = x + 0.5 + draw(1).normal(size=30)
    assert permutation_test(difference, x, y, null="swap").p == pytest.approx(t_test(x, y).p, abs=0.02)
    assert permutation_test(difference, x, y, null="swap", side="less").p < 0.02
    assert permutation_test(difference, x, y, null="swap", side="greater").p > 0.98
    unequal = permutation_test(difference, x, 2 + draw(2).normal(size=50), null="mix")
    assert unequal.p == pytest.approx(2 / 1000)


SPREADS = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.06]
PUBLISHED = {0.0017: [0.20, 0.31, 0.42, 0.54, 0.61, 0.66, 0.70], 0.020: [0.37, 0.55, 0.70, 0.81, 0.88, 0.92, 0.95]}


@pytest.mark.parametrize("actual", PUBLISHED)
def test_nmi_of_independent_columns_grows_with_their_spread_alone(actual: float) -> None:
    found = []
    for spread in SPREADS[::3]:
        columns = [(actual * draw(s).normal(size=25), spread * draw(s + 999).normal(size=25)) for s in range(40)]
        found.append(np.mean([nmi(*pair, repeats=1).score for pair in columns]))
    assert found == pytest.approx(PUBLISHED[actual][::3], abs=0.04)


def test_ami_of_independent_columns_is_zero_at_any_spread() -> None:
    for spread in SPREADS[::3]:
        columns = [(0.02 * draw(s).normal(size=25), spread * draw(s + 999).normal(size=25)) for s in range(40)]
        assert abs(np.mean([ami(*pair, repeats=1).score for pair in columns])) < 0.06


def test_nmi_cannot_tell_what_mutual_information_can() -> None:
    x = 0.02 * draw().normal(size=25)
    y = 0.99 * x + 0.02 * np.sqrt(1 - 0.99**2) * draw(1).normal(size=25)
    z = 0.02 * draw(2).normal(size=25)
    assert nmi(x, y).score - nmi(x, z).score < 0.1
    assert mi_knn(y[:, None], x[:, None]).score - mi_knn(z[:, None], x[:, None]).score > 0.7
    luck = nmi(x, z)
    assert luck.low <= luck.score <= luck.high
    assert luck.p > 0.05


def test_nmi_of_equal_labels_and_of_a_constant() -> None:
    x = draw().integers(0, 4, size=60).astype(float)
    same = nmi(x, x)
    assert same.score == pytest.approx(1.0)
    assert same.p == pytest.approx(1 / 200)
    assert ami(x, x).score == pytest.approx(1.0)
    assert nmi(x, np.ones(60)).score == 0.0
    assert nmi(draw(1).normal(size=30), draw(2).normal(size=30), decimals=None).score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: parity([1, 1, 1], [1, 2, 3]), "constant"),
        (lambda: parity([0.3, 0.1 + 0.2, 0.3], [1, 2, 3]), "constant"),
        (lambda: parity([1, 2], [1, 2]), "at least 3"),
        (lambda: parity([1, 2, np.nan], [1, 2, 3]), "NaN"),
        (lambda: t_test([1, 2, 3], [1, 2, 3, 4]), "shapes"),
        (lambda: t_test([1, 2, 3], [2, 3, 4]), "no scatter"),
        (lambda: t_test([1, 1, 1], [2, 2, 2, 2], paired=False), "no scatter"),
        (lambda: nmi(np.ones((3, 3)), np.ones(3)), "shapes"),
    ],
)
def test_bad_data_is_named(call, words: str) -> None:
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: equivalence(x, x[::-1], 0.0), "margin"),
        (lambda x: equivalence(x, x[::-1], 1.0, level=0.6), "level"),
        (lambda x: permutation_test(difference, x, x, null="swop"), "did you mean 'swap'"),
        (lambda x: permutation_test(difference, x, x, repeats=0), "repeats"),
    ],
)
def test_bad_arguments_are_named(call, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call(draw().normal(size=10))
