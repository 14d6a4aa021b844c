"""Estimates against analytic values and published tables."""

import numpy as np
import pytest

from beable.errors import DataError, UsageError
from beable.metrics.columns import classes, default_bins, discrete_columns
from beable.metrics.information import (
    kl_knn,
    mi_binned,
    mi_gaussian,
    mi_knn,
    total_correlation_knn,
)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def correlated(rho: float, n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x, e = draw(seed).normal(size=(2, n, 1))
    return x, rho * x + np.sqrt(1 - rho**2) * e


def gaussian(rho: float) -> float:
    return float(-0.5 * np.log(1 - rho**2))


@pytest.mark.parametrize(("rho", "tolerance"), [(0.0, 0.03), (0.5, 0.04), (0.9, 0.06), (0.99, 0.06), (0.9999, 0.1)])
def test_information_of_gaussian_columns_by_neighbours(rho: float, tolerance: float) -> None:
    pairs = [correlated(rho, seed=seed) for seed in range(5)]
    assert np.mean([mi_knn(y, x).score for x, y in pairs]) == pytest.approx(gaussian(rho), abs=tolerance)
    assert np.mean([mi_gaussian(y, x).score for x, y in pairs]) == pytest.approx(gaussian(rho), abs=0.05)


@pytest.mark.parametrize(
    ("rho", "published"), [(0.0, 0.072), (0.5, 0.195), (0.9, 0.833), (0.99, 1.627), (0.9999, 2.298)]
)
def test_plug_in_bins_are_high_at_zero_and_saturate(rho: float, published: float) -> None:
    pairs = [correlated(rho, seed=seed) for seed in range(20)]
    found = [mi_binned(y, x, bins=20, binning="width", correction=False).score for x, y in pairs]
    assert np.mean(found) == pytest.approx(published, abs=0.06)


@pytest.mark.parametrize("bins", [10, 20])
@pytest.mark.parametrize("n", [1000, 4000])
def test_bias_of_the_plug_in_and_its_correction(bins: int, n: int) -> None:
    expected = (bins - 1) ** 2 / (2 * n) + (bins**2 - 1) ** 2 / (12 * n**2)  # the first two orders in 1/n
    raw, mended = [
        np.mean([mi_binned(draw(s).normal(size=(n, 1)), draw(s + 99).normal(size=(n, 1)), bins=bins, correction=c).score
                 for s in range(20)])
        for c in (False, True)
    ]  # fmt: skip
    assert raw == pytest.approx(expected, rel=0.12)
    assert abs(mended) < 0.25 * expected


def test_correction_fails_with_too_many_bins_and_the_default_avoids_it() -> None:
    x, y = draw(0).normal(size=(2, 200, 1))
    assert mi_binned(x, y, bins=100).score > 0.5
    assert abs(mi_binned(x, y).score) < 0.1
    assert [default_bins(n) for n in (10, 200, 500, 2000, 10**6)] == [2, 6, 10, 20, 20]


def test_normalised_information_of_independent_columns_shrinks_with_the_rows() -> None:
    published = {200: 0.178, 1000: 0.037, 10_000: 0.004}
    for n, expected in published.items():
        z, v = draw(1).normal(size=(n, 5)), draw(2).integers(0, 10, size=(n, 3))
        found = mi_binned(z, v, bins=20, binning="width", correction=False)
        assert (found.matrix / found.self_information).mean() == pytest.approx(expected, rel=0.15)


def test_exact_matrix_of_four_rows() -> None:
    z, v = np.array([[1, 1], [2, 1], [1, 2], [2, 2]]), np.array([[1, 2], [1, 2], [2, 1], [2, 1]])
    expected = [[0, 0], [np.log(2), np.log(2)]]
    assert np.allclose(mi_binned(z, v, correction=False).matrix, expected)
    swapped = np.array([[1, 2], [2, 2], [1, 1], [2, 1]])
    assert np.allclose(mi_binned(z, swapped, correction=False).matrix, [[np.log(2), 0], [0, np.log(2)]])


def test_equal_width_classes() -> None:
    column = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    found = classes(np.column_stack([column, column[::-1]]), np.array([False, False]), 3, "width")
    assert found.T.tolist() == [[0, 0, 1, 1, 2, 2], [2, 2, 1, 1, 0, 0]]


def test_quantile_classes_are_equally_full_whatever_the_outlier() -> None:
    column = draw().normal(size=(1000, 1))
    column[3] = 1e9
    assert np.bincount(classes(column, np.array([False]), 20)[:, 0]).tolist() == [50] * 20
    assert (np.bincount(classes(column, np.array([False]), 20, "width")[:, 0]) > 0).sum() == 2


def test_bits() -> None:
    x, y = correlated(0.9)
    for metric in (mi_binned, mi_knn, mi_gaussian):
        assert metric(y, x, unit="bits").score == pytest.approx(metric(y, x).score / np.log(2))


def test_information_with_labels_on_either_side() -> None:
    x, y = correlated(0.9, n=5000)
    label = (x > 0).astype(int)
    expected = 0.397  # numerical integral of I(y; sign x)
    assert mi_knn(y, label).score == pytest.approx(expected, abs=0.02)
    assert mi_knn(label, y).score == pytest.approx(expected, abs=0.02)
    assert mi_binned(y, label).score == pytest.approx(expected, abs=0.02)


def test_clipped_latents_do_no_harm_by_neighbours() -> None:
    x, y = correlated(0.9, n=5000)
    clipped = np.maximum(x, 0.0)
    assert mi_knn(clipped, y).score == pytest.approx(mi_binned(clipped, y).score, abs=0.04)
    assert mi_knn(clipped, draw(5).normal(size=(5000, 1))).score == pytest.approx(0.0, abs=0.02)


def test_a_value_twice_is_no_label() -> None:
    x = draw().normal(size=(500, 1))
    x[:40] = x[0]
    assert not discrete_columns(x)[0]
    assert mi_knn(x, x + 0.1).score > 3


@pytest.mark.parametrize(
    ("column", "answer"),
    [
        (np.arange(1000) % 10, True),
        (np.arange(1000) % 10 * 0.1, True),
        (np.arange(1000), False),
        (np.arange(1000) % 2 == 0, True),
        (np.random.default_rng(0).normal(size=1000), False),
        (np.arange(1000) % 30 * 0.1, False),
        (np.arange(1000) % 30, True),
    ],
)
def test_rule_for_labels(column: np.ndarray, answer: bool) -> None:
    assert discrete_columns(column[:, None])[0] == answer


def test_the_rule_can_be_overruled() -> None:
    v = draw().integers(0, 5, size=(1000, 2))
    labels = mi_knn(v, v)
    numbers = mi_binned(v, v, discrete=[True, False])
    assert labels.self_information == pytest.approx(np.log(5), abs=0.01)
    assert numbers.self_information[0] == pytest.approx(np.log(5), abs=0.01)
    with pytest.raises(DataError, match="3 answers for 2 factors"):
        mi_knn(v, v, discrete=[True, False, True])


@pytest.mark.numerical
def test_total_correlation() -> None:
    Σ = np.array([[1, 0.8, 0], [0.8, 1, 0.3], [0, 0.3, 1]])
    for seed in range(3):
        x = draw(seed).multivariate_normal(np.zeros(3), Σ, size=4000)
        assert total_correlation_knn(x) == pytest.approx(-0.5 * np.log(np.linalg.det(Σ)), abs=0.06)
        assert total_correlation_knn(draw(seed).normal(size=(4000, 3))) == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("k", [1, 5])
def test_divergence_of_two_gaussians(k: int) -> None:
    same = [kl_knn(draw(s).normal(size=(500, 2)), draw(s + 50).normal(size=(500, 2)), k=k) for s in range(20)]
    assert np.mean(same) == pytest.approx(0.0, abs=0.05)
    moved = [kl_knn(draw(s).normal(size=(2000, 2)), draw(s + 50).normal(size=(2000, 2)) + 1, k=k) for s in range(5)]
    assert np.mean(moved) == pytest.approx(1.0, abs=0.15)
    wide = [kl_knn(draw(s).normal(size=(2000, 1)), 2 * draw(s + 50).normal(size=(2000, 1)), k=k) for s in range(5)]
    assert np.mean(wide) == pytest.approx(np.log(2) + 1 / 8 - 1 / 2, abs=0.05)


def test_divergence_does_not_depend_on_units() -> None:
    x, y = draw(0).normal(size=(300, 2)), draw(1).normal(size=(300, 2)) + 0.5
    assert kl_knn(x * [1, 1e6], y * [1, 1e6]) == pytest.approx(kl_knn(x, y))
    still = [np.column_stack([z, np.full(300, 0.1)]) for z in (x, y)]
    still[0][::2, 2] += 1.4e-16  # rounding is no unit
    assert kl_knn(*still) == pytest.approx(1.5 * kl_knn(x, y) - 0.5 * np.log(300 / 299))  # as in three dimensions


def test_bad_input() -> None:
    x = draw().normal(size=(100, 2))
    with pytest.raises(DataError, match="coincide"):
        kl_knn(np.ones((50, 2)), x)
    with pytest.raises(DataError, match="same space"):
        kl_knn(x, x[:, :1])
    with pytest.raises(UsageError, match="did you mean 'bits'"):
        mi_knn(x, x, unit="bit")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="k must be"):
        mi_knn(x, x, k=0)
    with pytest.raises(UsageError, match="bins must be"):
        mi_binned(x, x, bins=1)
    with pytest.raises(UsageError, match="known: quantile, width"):
        mi_binned(x, x, binning="equal")
