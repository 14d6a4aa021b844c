"""Estimates of random close packing: against published limits, a plain implementation of the rods, and each other.

Twins: another least gap, rods in the wrong order, chords weighted by diameter instead of cross-section.
"""

import math

import numpy as np
import pytest

from beable.errors import BeableError
from beable.systems.packing import close_packing
from beable.systems.packing.close_packing import (
    EQUAL_SPHERES,
    close_packing_estimate,
    desmond_weeks,
    furnas_binary,
    furnas_limit,
    furnas_mixture,
    furnas_optimum,
    santos,
)
from beable.systems.packing.powders import Histogram, Powder

# rods

#: size ratio, densest composition: packing fraction and share of the fine spheres
BINARY = [
    (2, 0.682, 0.28),
    (3, 0.730, 0.22),
    (3.44, 0.747, 0.22),
    (4.8, 0.786, 0.20),
    (5, 0.787, 0.20),
    (6.5, 0.809, 0.22),
    (7, 0.814, 0.22),
    (10, 0.827, 0.24),
    (11.3, 0.831, 0.24),
    (16.5, 0.840, 0.26),
    (20, 0.844, 0.26),
    (77.5, 0.856, 0.26),
    (100, 0.857, 0.26),
]
LOGNORMAL = [
    (0.1, 0.647),
    (0.2, 0.657),
    (0.3, 0.671),
    (0.4, 0.689),
    (0.5, 0.707),
    (0.6, 0.727),
    (0.8, 0.765),
    (1, 0.801),
]
MIXTURES = [
    ([1], [1]),
    ([1, 3], [0.3, 0.7]),
    ([1, 10], [0.24, 0.76]),
    ([1, 2, 5], [0.2, 0.3, 0.5]),
    ([1, 100], [0.9, 0.1]),
]


def of_equal_spheres():
    return abs(close_packing_estimate([1], [1]) - EQUAL_SPHERES)


def test_equal_spheres():
    assert of_equal_spheres() < 0.0005


@pytest.mark.parametrize("gap", [0.75, 0.78])
def test_another_least_gap_is_noticed(gap, monkeypatch):
    monkeypatch.setattr(close_packing, "GAP", gap)
    assert of_equal_spheres() > 0.002


def test_rods_from_the_shortest_on_are_noticed(monkeypatch):
    rods = close_packing._Chords.rods
    monkeypatch.setattr(close_packing._Chords, "rods", lambda self, count: rods(self, count)[::-1].copy())
    assert of_equal_spheres() > 0.02


@pytest.mark.parametrize(("ratio", "densest", "fine"), BINARY)
def test_densest_binary_mixtures(ratio, densest, fine):
    shares = np.arange(0.1, 0.4, 0.02)
    found = [close_packing_estimate([1, ratio], [x, 1 - x]) for x in shares]
    assert max(found) == pytest.approx(densest, abs=0.001)
    assert shares[np.argmax(found)] == pytest.approx(fine, abs=0.021)


def test_ternary_mixture():
    assert close_packing_estimate([77, 7, 1], [0.67, 0.23, 0.1]) == pytest.approx(0.912, abs=0.001)
    assert close_packing_estimate([77, 7, 1], [0.7, 0.2, 0.1]) == pytest.approx(0.914, abs=0.001)


@pytest.mark.parametrize(("spread", "expected"), LOGNORMAL)
def test_lognormal_mixtures(spread, expected):
    powder = Powder([{"median": 1, "spread": spread, "truncation": 4}])
    assert close_packing_estimate(*powder.volume_classes()) == pytest.approx(expected, abs=0.001)


def plain(diameters, shares, rods, gap=close_packing.GAP, power=2):
    """The same estimate from midpoints of the strata, by bisection and a sorted list."""
    d, x = np.array(diameters, float), np.array(shares, float)
    hit = x / d**3 * d**power
    wanted = (np.arange(rods) + 0.5) / rods
    low, high = np.zeros(rods), np.full(rods, d.max())
    for _ in range(60):
        middle = (low + high) / 2
        longer = (np.maximum(1 - (middle[:, None] / d) ** 2, 0) * hit).sum(1) / hit.sum() > wanted
        low, high = np.where(longer, middle, low), np.where(longer, high, middle)
    lengths = np.sort(low)[::-1]
    gaps = [gap * lengths[0]]
    for length in lengths[1:]:
        gaps.sort()
        largest = gaps.pop()
        gaps += [gap * length, max(largest - (1 + gap) * length, gap * length)]
    return lengths.sum() / (lengths.sum() + sum(gaps))


@pytest.mark.parametrize(("diameters", "shares"), MIXTURES[:4])
def test_a_plain_implementation_agrees(diameters, shares):
    assert close_packing_estimate(diameters, shares) == pytest.approx(plain(diameters, shares, 2000), abs=5e-5)


def test_spheres_hit_in_proportion_to_their_diameters_are_noticed():
    assert abs(close_packing_estimate([1, 3], [0.3, 0.7]) - plain([1, 3], [0.3, 0.7], 1000, power=1)) > 0.002


def test_rods_are_the_chords_of_random_lines():
    rng = np.random.default_rng(0)
    diameters, shares = np.array([1, 2, 5]), np.array([0.2, 0.3, 0.5])
    hit = shares / diameters
    drawn = rng.choice(diameters, 200_000, p=hit / hit.sum()) * np.sqrt(rng.random(200_000))
    rods = close_packing._chords(Histogram.of(diameters, shares)).rods(1000) * 5
    assert rods.mean() == pytest.approx(2 / 3 * shares.sum() / hit.sum())  # mean of 2/3 D over the hits
    assert rods.mean() == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(len(drawn)))
    assert np.diff(rods).max() < 1e-9
    assert np.quantile(rods, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(drawn, [0.1, 0.5, 0.9]), rel=0.02)


@pytest.mark.parametrize(
    ("diameters", "shares"),
    [*MIXTURES, ([1, 7, 77], [0.1, 0.23, 0.67]), ([1, 100], [0.26, 0.74]), ([1, 1000], [0.27, 0.73])],
)
def test_error_by_the_number_of_rods(diameters, shares):
    exact = close_packing_estimate(diameters, shares, rods=200_000)
    assert close_packing_estimate(diameters, shares) == pytest.approx(exact, abs=5e-5)
    assert close_packing_estimate(diameters, shares, rods=1) == pytest.approx(exact, abs=1e-3)


def test_too_few_rods_for_rare_coarse_spheres_are_noticed(monkeypatch):
    exact = close_packing_estimate([1, 1000], [0.26, 0.74])
    monkeypatch.setattr(close_packing, "_enough", lambda chords: 1)
    assert abs(close_packing_estimate([1, 1000], [0.26, 0.74]) - exact) > 1e-3


# invariances


@pytest.mark.parametrize("scale", [1e-40, 0.3, 1e40])
@pytest.mark.parametrize(("diameters", "shares"), MIXTURES)
def test_units_do_not_matter(diameters, shares, scale):
    scaled = close_packing_estimate(np.array(diameters) * scale, shares)
    assert scaled == pytest.approx(close_packing_estimate(diameters, shares), abs=1e-9)


@pytest.mark.parametrize("estimate", [close_packing_estimate, santos])
def test_order_and_division_of_classes_do_not_matter(estimate):
    expected = estimate([1, 2, 5], [0.2, 0.3, 0.5])
    assert estimate([5, 1, 2], [0.5, 0.2, 0.3]) == pytest.approx(expected, abs=1e-9)
    assert estimate([1, 2, 5, 5, 2], [0.2, 0.1, 0.4, 0.1, 0.2]) == pytest.approx(expected, abs=1e-9)
    assert estimate([1, 2, 5, 900], [0.2, 0.3, 0.5, 0]) == pytest.approx(expected, abs=1e-9)
    assert estimate([3, 3], [0.5, 0.5]) == pytest.approx(estimate([1], [1]), abs=1e-9)


@pytest.mark.parametrize("fine", [0.1, 0.25, 0.5, 0.8])
def test_wider_is_denser(fine):
    found = [close_packing_estimate([1, ratio], [fine, 1 - fine]) for ratio in (1, 1.5, 2, 3, 5, 8, 13, 30, 100)]
    assert np.diff(found).min() > -1e-5
    assert found[-1] > found[0] + 0.02
    assert max(found) < furnas_limit(EQUAL_SPHERES, 2)


# sizes far apart


@pytest.mark.parametrize("fine", [0.1, 0.2, 0.35, 0.5, 0.8])
def test_rods_meet_both_branches_of_the_limit(fine):
    found = close_packing_estimate([1, 1000], [fine, 1 - fine])
    assert found == pytest.approx(furnas_binary(fine, close_packing_estimate([1], [1])), abs=1.5e-3)


def test_rods_stay_below_the_cusp_of_the_limit():
    fine = float(furnas_optimum()[1])
    found = [close_packing_estimate([1, ratio], [fine, 1 - fine]) for ratio in (1e3, 1e4)]
    assert found == pytest.approx([0.8595, 0.8598], abs=5e-4)
    assert 0.01 < furnas_limit() - found[1] < 0.015


def test_numbers_of_furnas():
    assert furnas_limit(0.64, 2) == pytest.approx(0.8704)
    assert furnas_limit(0.64, 3) == pytest.approx(0.953, abs=5e-4)
    assert furnas_limit(0.625, 2) == pytest.approx(0.859, abs=5e-4)
    assert furnas_limit(0.625, 3) == pytest.approx(0.947, abs=5e-4)
    assert furnas_optimum(0.64)[1] == pytest.approx(0.36 / 1.36)
    assert furnas_binary(0.2, 0.64) == pytest.approx(0.8)
    assert furnas_binary(0.5, 0.64) == pytest.approx(1 / (0.5 + 0.5 / 0.64))


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize("phi0", [0.58, 0.64])
def test_optimum_reaches_the_limit_and_nothing_exceeds_it(components, phi0):
    limit, optimum = furnas_limit(phi0, components), furnas_optimum(phi0, components)
    assert furnas_mixture(optimum, phi0) == pytest.approx(limit)
    for shares in np.random.default_rng(0).dirichlet(np.ones(components), 50):
        assert furnas_mixture(shares, phi0) <= limit + 1e-12
    if components > 1:
        assert furnas_mixture(optimum[::-1], phi0) < limit - 0.05


# moments


def test_law_of_desmond_and_weeks():
    by_number = np.array([0.5, 0.5]) * np.array([1, 1.4]) ** 3
    assert desmond_weeks([1, 1.4], by_number / by_number.sum()) == pytest.approx(0.634 + 0.0658 / 6)
    three = np.array([0.8, 0.2]) * np.array([1, 2]) ** 3  # mean 1.2, variance 0.16, skewness 1.5
    assert desmond_weeks([1, 2], three / three.sum()) == pytest.approx(0.634 + 0.0658 / 3 + 0.0857 * 1.5 / 9)
    assert desmond_weeks([3], [1]) == pytest.approx(0.634)


@pytest.mark.parametrize("spread", [0.3, 0.5])
def test_law_of_santos_for_a_lognormal(spread):
    powder = Powder([{"median": 1, "spread": spread, "truncation": 6}])
    odds = EQUAL_SPHERES / (1 - EQUAL_SPHERES) * math.exp(spread**2)
    assert santos(*powder.volume_classes(400)) == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert santos([1], [1], 0.6) == pytest.approx(0.6)


@pytest.mark.parametrize("law", [desmond_weeks, santos])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.3])
def test_laws_agree_on_narrow_distributions(law, spread):
    classes = Powder([{"median": 1, "spread": spread, "truncation": 3}]).volume_classes()
    assert law(*classes) == pytest.approx(close_packing_estimate(*classes), abs=0.015)


@pytest.mark.parametrize("law", [close_packing_estimate, santos])
def test_numbers_taken_for_volumes_are_noticed(law):
    numbers = np.array([0.5, 0.5 / 27])
    assert abs(law([1, 3], numbers / numbers.sum()) - law([1, 3], [0.5, 0.5])) > 0.02


# bad input

BAD = [
    (([1, 0], [0.5, 0.5]), "diameter 2 of 2 must be greater than 0, not 0"),
    (([1, -2], [0.5, 0.5]), "diameter 2 of 2 must be greater than 0, not -2"),
    (([1, math.inf], [0.5, 0.5]), "diameters must be finite; index 1"),
    (([1, 2], [0.5, math.nan]), "volume_shares must be finite; index 1"),
    (([1, 2], [1.5, -0.5]), "volume_shares must not be negative; number 2 is -0.5"),
    (([1, 2], [0.5, 0.4]), "volume_shares must sum to 1, not 0.9: divide each by 0.9"),
    (([1, 2], [1]), "two lists of one length"),
    (([], []), "two lists of one length"),
    ((1, 1), "two lists of one length"),
    ((["a"], [1]), "diameters must be numbers"),
]


@pytest.mark.parametrize("estimate", [close_packing_estimate, desmond_weeks, santos])
@pytest.mark.parametrize(("arguments", "match"), BAD)
def test_bad_mixtures(estimate, arguments, match):
    with pytest.raises(BeableError, match=match) as caught:
        estimate(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: close_packing_estimate([1], [1], rods=0), "rods must be a whole number from 1 to 2000000, not 0"),
        (lambda: close_packing_estimate([1, 1e7], [0.5, 0.5]), "too far apart for this estimate: take furnas_mixture"),
        (lambda: close_packing_estimate([1e-40, 1e40], [0.5, 0.5]), "too far apart for this estimate"),
        (lambda: desmond_weeks([1, 5], [0.2, 0.8]), "holds for δ up to 0.4, not"),
        (lambda: santos([1], [1], 1.0), "phi0 must lie between 0 and 1, not 1.0"),
        (lambda: furnas_limit(0), "phi0 must lie between 0 and 1, not 0"),
        (lambda: furnas_limit(math.nan), "phi0 must be a finite number"),
        (lambda: furnas_limit(0.6, 0), "components must be a whole number of at least 1, not 0"),
        (lambda: furnas_optimum(0.6, -1), "components must be a whole number of at least 1"),
        (lambda: furnas_binary(1.2), "fine_share must lie between 0 and 1, not 1.2"),
        (lambda: furnas_mixture([0.5, 0.6]), "volume_shares must sum to 1, not 1.1"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(BeableError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)
