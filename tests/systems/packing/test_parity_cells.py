"""One cell of a parity study: every number against a known answer, and beside a twin that must differ."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from beable.errors import DataError, UsageError
from beable.metrics.agreement import equivalence
from beable.metrics.information import mi_knn
from beable.records import plain
from beable.systems.packing.parity_cells import cell_parity, critical_t

ROWS = 25


def independent(seed, deviation=0.02, other=0.02, rows=ROWS):
    rng = np.random.default_rng(seed)
    return rng.normal(0.65, deviation, rows).round(3), rng.normal(0.65, other, rows).round(3)


def coupled(seed, noise=0.002):
    rng = np.random.default_rng(seed)
    y = rng.normal(0.65, 0.02, ROWS)
    return y + rng.normal(0, noise, ROWS), y


def test_numbers_are_those_of_the_libraries():
    x, y = independent(0)
    found = cell_parity(x, y, repeats=1)
    assert found.r2 == pytest.approx(1 - ((x - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert (found.bias, found.mae) == (pytest.approx((x - y).mean()), pytest.approx(np.abs(x - y).mean()))
    for mine, theirs in ((found.paired, stats.ttest_rel(x, y)), (found.two_sample, stats.ttest_ind(x, y))):
        assert (mine.t, mine.p) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    assert found.equivalence_p == pytest.approx(equivalence(x, y, 0.01).score)
    labels = [np.unique(c, return_inverse=True)[1] for c in (x, y)]
    assert found.nmi.score == pytest.approx(normalized_mutual_info_score(*labels))
    assert found.ami.score == pytest.approx(adjusted_mutual_info_score(*labels))
    assert found.ksg.score == pytest.approx(mi_knn(x[:, None], y[:, None], unit="bits", discrete=False).score)
    assert found.spearman.score == pytest.approx(stats.spearmanr(x, y).statistic)


def test_the_critical_values_are_those_of_25_rows():
    found = cell_parity(*independent(1), repeats=1)
    assert found.paired.critical == pytest.approx(2.064, abs=5e-4)
    assert found.two_sample.critical == pytest.approx(2.011, abs=5e-4)
    assert critical_t(10**6) == pytest.approx(1.96, abs=1e-3)


def test_permutation_p_values_are_those_of_each_score_permuted():
    x, y = coupled(3, noise=0.02)
    found = cell_parity(x, y, repeats=19, rng=5)
    draw = np.random.default_rng(5)
    orders = [np.arange(ROWS), *(draw.permutation(ROWS) for _ in range(19))]
    rounded = x.round(3), y.round(3)
    labels = [np.unique(c, return_inverse=True)[1] for c in rounded]
    for score, ours in ((normalized_mutual_info_score, found.nmi), (adjusted_mutual_info_score, found.ami)):
        scores = np.array([score(labels[0], labels[1][order]) for order in orders])
        assert ours.p == pytest.approx(np.mean(scores >= scores[0] - 1e-9))


@pytest.fixture(scope="module")
def cells():
    """Cells of independent columns, and of coupled ones; a p of 0.2 is one that 9 permutations can have."""
    free = [cell_parity(*independent(s, 0.005, 0.005), repeats=9, rng=s) for s in range(60)]
    return free, [cell_parity(*coupled(s, noise=0.0005), repeats=59, rng=s) for s in range(4)]


@pytest.mark.parametrize("name", ["nmi", "ami", "ksg", "spearman"])
def test_independent_columns_have_uniform_p_and_coupled_ones_do_not(cells, name):
    """Within four standard errors; scores of few labels have ties, which make their p larger, so that 0.1 are seen."""
    free, twins = (np.array([getattr(cell, name).p for cell in each]) for each in cells)
    tied = name in ("nmi", "ami")
    share = 0.1 if tied else 0.2
    assert np.mean(free <= 0.2) == pytest.approx(share, abs=4 * (share * (1 - share) / len(free)) ** 0.5)
    if not tied:  # labels know nothing of how near two values are
        assert np.mean(twins) < 0.03


def test_what_is_called_mig_grows_with_the_spread_of_independent_columns_and_the_others_do_not():
    narrow, wide = ([cell_parity(*independent(s, d), repeats=1) for s in range(12)] for d in (0.001, 0.03))
    mean = {name: [np.mean([getattr(c, name).score for c in cells]) for cells in (narrow, wide)] for name in FIELDS}
    assert mean["nmi"][1] - mean["nmi"][0] > 0.3
    assert abs(mean["ami"][0]) < 0.1
    for name in ("ksg", "spearman"):
        assert np.abs(mean[name]).max() < 4 * 0.2 / len(wide) ** 0.5
    beyond = np.array([c.nmi.score - c.nmi.chance for c in narrow])  # wide columns repeat nothing, in any order
    assert abs(beyond.mean()) < 4 * beyond.std() / len(narrow) ** 0.5 < mean["nmi"][0]


FIELDS = ("nmi", "ami", "ksg", "spearman")


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_scatter_passes_the_t_test_and_not_the_equivalence(seed):
    rng = np.random.default_rng(seed)
    y, noise = 0.65 + rng.normal(0, 0.001, ROWS), stats.zscore(rng.normal(size=ROWS), ddof=1)
    wide = cell_parity(y + 0.01 + 0.06 * noise, y, repeats=1)
    assert wide.paired.t == pytest.approx(0.01 / 0.06 * 5)
    assert wide.paired.not_rejected
    assert not wide.equivalent
    near = cell_parity(y + 0.004 + 0.001 * noise, y, repeats=1)
    assert not near.paired.not_rejected
    assert near.equivalent
    assert not cell_parity(y + 0.004 + 0.001 * noise, y, margin=0.003, repeats=1).equivalent


def test_equal_means_are_equivalent_whatever_the_rounding_of_their_difference():
    x = np.array([0.69, 0.682, 0.682, 0.68, 0.684, 0.67] * 2)
    found = cell_parity(x, x[::-1], repeats=1)
    assert found.paired.t == pytest.approx(0.0, abs=1e-9)
    assert found.equivalence_p < 0.05


def test_a_constant_reconstruction_shares_nothing_and_says_so():
    x, y = np.full(ROWS, 0.68), independent(0)[1]
    found = cell_parity(x, y, repeats=9)
    assert (found.constant_reconstructed, found.constant_recomputed) == (True, False)
    assert [getattr(found, name).score for name in FIELDS] == [0.0] * 4
    assert [getattr(found, name).p for name in FIELDS] == [1.0] * 4
    assert np.isfinite(found.paired.t)
    assert found.r2 < 0
    nearly = cell_parity(x + 1e-5 * y, y, repeats=1)
    assert nearly.constant_reconstructed
    assert nearly.nmi.score == 0.0
    assert nearly.spearman.score == pytest.approx(1.0)


def test_two_constants_have_no_test_and_a_yes_or_no():
    found = cell_parity(np.full(ROWS, 0.68), np.full(ROWS, 0.675))
    assert np.isnan(found.paired.t)
    assert np.isnan(found.r2)
    assert not found.paired.not_rejected
    assert found.equivalent
    assert not cell_parity(np.full(ROWS, 0.7), np.full(ROWS, 0.675)).equivalent
    numbers = plain(found)
    assert numbers["r2"] is None
    assert numbers["paired"]["t"] is None
    json.dumps(numbers, allow_nan=False)


def test_numbers_are_ready_for_json_and_the_same_each_time():
    a, b = (plain(cell_parity(*coupled(0), repeats=19, rng=3)) for _ in range(2))
    assert a == b == json.loads(json.dumps(a, allow_nan=False))
    assert {"equivalent", "nmi", "paired", "r2"} <= set(a)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros(9), np.zeros(8), "equal length"),
        (np.zeros((9, 2)), np.zeros((9, 2)), "equal length"),
        (np.arange(5), np.arange(5), "at least 6"),
        (np.array([1.0, 2, 3, 4, 5, np.nan]), np.arange(6), "NaN"),
    ],
)
def test_columns_that_are_none_are_refused(x, y, words):
    with pytest.raises(DataError, match=words) as caught:
        cell_parity(x, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"margin": 0.0}, {"margin": np.nan}, {"repeats": 0}])
def test_margin_and_permutations_must_be_positive(options):
    with pytest.raises(UsageError, match="must be positive"):
        cell_parity(*independent(0), **options)
