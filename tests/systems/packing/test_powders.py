"""Powders: closed forms against quadrature and SciPy's truncated normal, draws against the distribution, bad input.

Twins show that the checks notice the errors users make: mass taken for number, a number distribution without its shift.
"""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from beable.errors import BeableError, UsageError
from beable.systems.packing.powders import (
    BY_MASS,
    BY_NUMBER,
    Component,
    Histogram,
    Lognormal,
    Powder,
    lognormal_classes,
    rosin_rammler,
)

SHAPES = [(0.1, 2.0), (0.5, 2.0), (0.5, 4.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0)]
THREE = [
    {"mass_fraction": 0.5, "density": 2.0, "median": 20, "spread": 0.4},
    {"mass_fraction": 0.3, "density": 1.0, "median": 8, "spread": 0.2},
    {"mass_fraction": 0.2, "density": 4.0, "median": 3},
]
CLASSES = {"diameters": [3, 1, 2], "mass_shares": [0.2, 0.5, 0.3]}


def mass_density(spread, cut):
    """Of t = ln(D/d)."""
    return stats.truncnorm(-cut, cut, scale=spread).pdf


# closed forms


@pytest.mark.parametrize(("spread", "cut"), SHAPES)
@pytest.mark.parametrize("power", [-3, -1, 1, 3])
def test_moments_of_the_truncated_lognormal(spread, cut, power):
    density = mass_density(spread, cut)
    ends = (-cut * spread, cut * spread)
    exact = quad(lambda t: density(t) * np.exp(power * t), *ends, epsabs=0, epsrel=1e-10, limit=200)[0]
    assert Lognormal(7.0, spread, cut).mean_power(power) == pytest.approx(exact * 7.0**power, rel=1e-8)


@pytest.mark.parametrize(("spread", "cut"), SHAPES)
@pytest.mark.parametrize("power", [BY_MASS, BY_NUMBER])
def test_shares_above_a_diameter(spread, cut, power):
    density, ends = mass_density(spread, cut), (-cut * spread, cut * spread)
    whole = quad(lambda t: density(t) * np.exp(power * t), *ends, epsabs=0, limit=200)[0]
    for t in np.linspace(*ends, 7)[1:-1]:
        above = quad(lambda t: density(t) * np.exp(power * t), t, ends[1], epsabs=0, limit=200)[0] / whole
        assert Lognormal(7.0, spread, cut).above(7 * math.exp(t), power) == pytest.approx(above, rel=1e-6)


@pytest.mark.parametrize(("spread", "cut"), SHAPES)
@pytest.mark.parametrize("power", [BY_MASS, BY_NUMBER])
def test_quantiles_invert_the_shares(spread, cut, power):
    sizes, below = Lognormal(7.0, spread, cut), np.array([0, 1e-9, 0.01, 0.3, 0.5, 0.9, 0.999, 1])
    found = sizes.quantiles(below, power)
    assert [sizes.above(d, power) for d in found] == pytest.approx(1 - below, abs=1e-9)
    assert found[[0, -1]] == pytest.approx([sizes.smallest, sizes.largest])
    assert found.min() >= sizes.smallest
    assert found.max() <= sizes.largest


def test_histogram_by_mass_and_by_number():
    sizes = Histogram.of(CLASSES["diameters"], CLASSES["mass_shares"])
    numbers = np.array([0.5 / 1, 0.3 / 8, 0.2 / 27])
    assert sizes.diameters.tolist() == [1, 2, 3]
    assert sizes.mean_power(-3) == pytest.approx(numbers.sum())
    assert sizes.above(2, BY_NUMBER) == pytest.approx(numbers[1:].sum() / numbers.sum())
    assert sizes.above(2.001, BY_MASS) == pytest.approx(0.2)
    assert sizes.quantiles(np.array([0.0, 0.49, 0.5, 0.79, 0.81, 1.0]), BY_MASS).tolist() == [1, 1, 2, 2, 3, 3]


def test_classes_keep_the_mass_and_its_moments():
    powder = Powder(THREE)
    errors = []
    for count in (16, 64):
        classes = powder.volume_classes(count)
        assert classes.shares.sum() == pytest.approx(1)
        assert np.diff(classes.diameters).min() > 0
        assert classes.smallest >= powder.smallest
        assert classes.largest <= powder.largest
        exact = sum(f * s.mean_power(-1) for f, s in zip(powder.volume_fractions, powder.sizes, strict=True))
        errors.append(abs(classes.mean_power(-1) / exact - 1))
    assert errors[1] < errors[0] / 10 < 1e-4


# fractions


def test_mass_volume_and_number_of_two_sizes():
    powder = Powder(
        [
            {"mass_fraction": 0.8, "density": 4, "median": 2},
            {"mass_fraction": 0.2, "density": 2, "median": 1},
        ]
    )
    assert powder.volume_fractions == pytest.approx([2 / 3, 1 / 3])
    assert powder.number_fractions == pytest.approx([1 / 5, 4 / 5])
    assert powder.mass_fractions == pytest.approx([0.8, 0.2])
    assert powder.mean_volume == pytest.approx(math.pi / 6 * (8 / 5 + 4 / 5))
    assert (powder.smallest, powder.largest) == (1, 2)


@pytest.mark.parametrize("kind", ["mass", "volume", "number"])
def test_fractions_of_one_kind_give_the_others_back(kind):
    powder = Powder(THREE)
    again = Powder(
        [
            {**{k: v for k, v in part.items() if k != "mass_fraction"}, f"{kind}_fraction": share}
            for part, share in zip(THREE, getattr(powder, f"{kind}_fractions"), strict=True)
        ]
    )
    for name in ("mass", "volume", "number"):
        assert getattr(again, f"{name}_fractions") == pytest.approx(getattr(powder, f"{name}_fractions"), rel=1e-12)
    assert again.mean_volume == pytest.approx(powder.mean_volume, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e30])
def test_units_of_size_do_not_matter(scale):
    scaled = Powder([{**part, "median": part["median"] * scale} for part in THREE])
    assert scaled.number_fractions == pytest.approx(Powder(THREE).number_fractions, rel=1e-9)
    assert scaled.draw(500, 1).radii == pytest.approx(Powder(THREE).draw(500, 1).radii * scale, rel=1e-9)


def test_order_of_the_components_does_not_matter():
    forward, backward = Powder(THREE), Powder(THREE[::-1])
    assert backward.number_fractions == pytest.approx(forward.number_fractions[::-1])
    assert backward.coarse() == pytest.approx(forward.coarse())


def test_components_without_a_share_do_not_count():
    powder = Powder([{"volume_fraction": 1.0, "median": 5}, {"volume_fraction": 0.0, "median": 900, "spread": 1}])
    assert (powder.smallest, powder.largest, powder.coarse().diameter) == (5, 5, 5)
    assert set(powder.draw(100, 0).component) == {0}


def test_densities_may_be_missing_where_they_do_not_matter():
    assert Powder([{"median": 3}]).mass_fractions == 1
    assert Powder({"median": 3, "mass_fraction": 1}).number_fractions == 1
    halves = [{"volume_fraction": 0.5, "median": 1}, {"volume_fraction": 0.5, "median": 2}]
    assert Powder(halves).number_fractions == pytest.approx([8 / 9, 1 / 9])
    with pytest.raises(UsageError, match="component 1: density is missing"):
        _ = Powder(halves).mass_fractions


def test_sums_within_rounding_are_taken_as_one():
    thirds = [{"volume_fraction": 0.3333333, "median": 1}] * 3
    assert Powder(thirds).volume_fractions == pytest.approx([1 / 3] * 3, rel=1e-12)


# draws


def farthest(diameters, spread, cut, shift):
    """Largest distance of the empirical distribution of ln D from a truncated normal, in spheres."""
    law = stats.truncnorm(-cut - shift / spread, cut - shift / spread, loc=shift, scale=spread)
    return len(diameters) * stats.kstest(np.log(diameters), law.cdf).statistic


@pytest.mark.parametrize(("spread", "cut"), SHAPES[:5])
def test_sizes_follow_the_number_distribution_to_one_sphere(spread, cut):
    drawn = 2 * Powder([{"median": 1.0, "spread": spread, "truncation": cut}]).draw(2000, 0).radii
    assert farthest(drawn, spread, cut, -3 * spread**2) <= 1 + 1e-6
    assert farthest(drawn, spread, cut, 0.0) > 50  # the law by mass


def weighted_median(values, weights):
    order = np.argsort(values)
    return values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]


def test_half_of_the_mass_lies_below_the_median():
    diameters = 2 * Powder([{"median": 30.0, "spread": 0.5}]).draw(100_000, 0).radii
    assert weighted_median(diameters, diameters**3) == pytest.approx(30, rel=0.005)
    assert weighted_median(diameters, np.ones(len(diameters))) < 20


def shares_of_volume(draw, components):
    volumes = np.bincount(draw.component, draw.radii**3, minlength=components)
    return volumes / volumes.sum()


def test_drawn_volume_is_divided_as_asked_for():
    powder = Powder(THREE)
    assert shares_of_volume(powder.draw(100_000, 0), 3) == pytest.approx(powder.volume_fractions, abs=0.01)


def test_mass_taken_for_number_is_noticed():
    parts = [
        {**{k: v for k, v in p.items() if k != "mass_fraction"}, "number_fraction": p["mass_fraction"]} for p in THREE
    ]
    wrong = shares_of_volume(Powder(parts).draw(100_000, 0), 3)
    assert np.abs(wrong - Powder(THREE).volume_fractions).max() > 0.3


def test_densities_left_out_are_noticed():
    parts = [{**p, "density": 1.0} for p in THREE]
    wrong = shares_of_volume(Powder(parts).draw(100_000, 0), 3)
    assert np.abs(wrong - Powder(THREE).volume_fractions).max() > 0.05


def test_mean_volume_of_a_sphere():
    powder = Powder([{"median": 2.0, "spread": 0.6}])
    volumes = np.pi / 6 * (2 * powder.draw(100_000, 0).radii) ** 3
    assert volumes.mean() == pytest.approx(powder.mean_volume, rel=1e-3)


def test_strata_scatter_less_than_independent_draws():
    powder = Powder([{"median": 2.0, "spread": 0.5}])
    sizes = powder.sizes[0]
    strata = [np.sum(powder.draw(500, seed).radii ** 3) for seed in range(40)]
    free = [np.sum((sizes.quantiles(np.random.default_rng(k).random(500), BY_NUMBER) / 2) ** 3) for k in range(40)]
    assert np.mean(strata) == pytest.approx(500 * powder.mean_volume * 3 / 4 / np.pi, rel=0.005)
    assert np.std(strata) < np.std(free) / 5


@pytest.mark.parametrize("total", [1, 2, 7, 100, 12_345])
def test_counts_by_largest_remainder(total):
    powder = Powder([{"number_fraction": f, "median": 1 + k} for k, f in enumerate([0.55, 0.3, 0.15])])
    counts = np.bincount(powder.draw(total, 0).component, minlength=3)
    assert counts.sum() == total
    assert np.abs(counts - total * powder.number_fractions).max() < 1


def test_draws_depend_on_the_seed_alone():
    powder = Powder(THREE)
    first, again = powder.draw(300, 5), powder.draw(300, np.random.default_rng(5))
    assert first.radii.tobytes() == again.radii.tobytes()
    assert first.component.tobytes() == again.component.tobytes()
    assert first.radii.tobytes() != powder.draw(300, 6).radii.tobytes()


def trend(values):
    """Correlation with the order of release, in standard errors."""
    return abs(stats.spearmanr(np.arange(len(values)), values).statistic) * math.sqrt(len(values))


def test_release_is_in_random_order():
    draw = Powder(THREE).draw(5000, 3)
    assert trend(draw.radii) < 4
    assert trend(draw.component) < 4
    assert trend(np.sort(draw.radii)) > 40
    for k, part in enumerate(Powder(THREE).sizes):
        of_it = 2 * draw.radii[draw.component == k]
        assert part.smallest * (1 - 1e-12) <= of_it.min()
        assert of_it.max() <= part.largest * (1 + 1e-12)


# the coarse end


@pytest.mark.parametrize("share", [0.05, 0.2, 0.3])
def test_coarse_end_of_a_large_draw(share):
    powder = Powder(
        [
            {"volume_fraction": 0.4, "median": 4, "spread": 0.3},
            {"volume_fraction": 0.3, "median": 2.5, "spread": 0.1},
            {"volume_fraction": 0.3, **CLASSES},
        ]
    )
    coarse, drawn = powder.coarse(share), 2 * powder.draw(200_000, 0).radii
    belong = drawn >= coarse.diameter
    assert coarse.volume_share == pytest.approx(share, rel=1e-6)
    assert belong.mean() == pytest.approx(coarse.number_fraction, rel=0.03)
    assert np.sum(drawn[belong] ** 3) / np.sum(drawn**3) == pytest.approx(share, rel=0.03)


def test_coarse_end_takes_all_spheres_of_a_size():
    powder = Powder([{"volume_fraction": 0.7, "median": 10}, {"volume_fraction": 0.3, "median": 1}])
    assert powder.coarse(0.7).volume_share == pytest.approx(0.7)
    assert powder.coarse() == pytest.approx((10, 0.7e-3 / (0.3 + 0.7e-3), 0.7))
    assert powder.coarse(0.71) == (1, 1, 1)
    assert Powder([{"median": 1, "spread": 0.5}]).coarse(1.0).number_fraction == pytest.approx(1)


# rules


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.66, 1.0])
def test_rule_of_baird_hall_and_sparks(spread):
    component = lognormal_classes(20, spread)
    sizes, shares = np.array(component.diameters) / 20, np.array(component.mass_shares)
    steps = np.diff(sizes)
    assert len(sizes) == 33
    assert steps == pytest.approx(steps[0])
    assert sizes[0] > 1 / 4
    assert sizes[-1] < 4
    law = stats.lognorm(spread)
    assert shares / law.pdf(sizes) == pytest.approx(shares[0] / law.pdf(sizes[0]) * np.ones(33))
    assert shares.sum() == pytest.approx(1)
    if spread < 0.4:  # nothing is cut: the grid ends at the quantiles of its own number
        assert law.cdf(sizes[[0, -1]]) == pytest.approx([1 / 33, 32 / 33])


def test_rosin_rammler():
    sizes = Powder([rosin_rammler(50, 1.5, classes=400)]).sizes[0]
    below = 1 - sizes.above(50, BY_MASS)
    assert below == pytest.approx((1 - math.exp(-1) - 0.02) / 0.96, abs=0.005)
    assert sizes.largest / sizes.smallest == pytest.approx((np.log(0.02) / np.log(0.98)) ** (1 / 1.5), rel=0.02)


@pytest.mark.parametrize(
    ("rule", "arguments", "match"),
    [
        (lognormal_classes, (0, 0.5), "median must be greater than 0"),
        (lognormal_classes, (1, 1.5), "spread must be above 0 and at most 1"),
        (lognormal_classes, (1, 0.5, 1), "classes must be a whole number"),
        (rosin_rammler, (-1, 1), "size must be greater than 0"),
        (rosin_rammler, (1, 0.1), "exponent must be at least 0.5"),
    ],
)
def test_rules_refuse(rule, arguments, match):
    with pytest.raises(UsageError, match=match):
        rule(*arguments)


# bad input

GOOD = {"mass_fraction": 0.5, "density": 1.0, "median": 1.0}
OF_THE_SECOND = [
    ({"median": 0}, "median must be greater than 0, not 0"),
    ({"median": -3}, "median must be greater than 0, not -3"),
    ({"median": math.nan}, "median must be a finite number, not nan"),
    ({"median": math.inf}, "median must be a finite number, not inf"),
    ({"median": "ten"}, "median must be a finite number, not 'ten'"),
    ({"median": 1e60}, "median must lie between 1e-50 and 1e.50, not 1e.60"),
    ({"median": None}, "sizes are missing: give median"),
    ({"spread": -0.1}, "spread must lie between 0 and 3, not -0.1"),
    ({"spread": 3.5}, "spread must lie between 0 and 3, not 3.5"),
    ({"spread": math.nan}, "spread must be a finite number"),
    ({"spread": 1, "truncation": 0}, "truncation must lie between 0.1 and 10 spreads, not 0"),
    ({"spread": 1, "truncation": 11}, "truncation must lie between 0.1 and 10 spreads, not 11"),
    ({"density": None}, "density is missing"),
    ({"density": 0}, "density must be greater than 0, not 0"),
    ({"density": -2.7}, "density must be greater than 0, not -2.7"),
    ({"mass_fraction": -0.5}, "mass_fraction must not be negative, not -0.5"),
    ({"mass_fraction": math.nan}, "mass_fraction must be a finite number"),
    ({"mass_fraction": None}, "its share is missing: give one of mass_fraction"),
    ({"number_fraction": 0.5}, "give one kind of fraction, not mass_fraction and number_fraction"),
    ({"mass_fraction": None, "number_fraction": 0.5}, "number_fraction where component 1 has mass_fraction"),
    ({"diameters": [1.0]}, "give either median and spread, or diameters and mass_shares"),
    ({"median": None, "diameters": [1.0]}, "mass_shares are missing"),
    ({"median": None, "mass_shares": [1.0]}, "diameters are missing"),
    ({"median": None, "diameters": [1, 2], "mass_shares": [1]}, r"of one length, not of shapes \(2,\) and \(1,\)"),
    ({"median": None, "diameters": [], "mass_shares": []}, "of one length"),
    (
        {"median": None, "diameters": [1, -2], "mass_shares": [0.5, 0.5]},
        "diameter 2 of 2 must be greater than 0, not -2",
    ),
    ({"median": None, "diameters": [1, math.nan], "mass_shares": [0.5, 0.5]}, "diameters must be finite; index 1"),
    ({"median": None, "diameters": [1, 2], "mass_shares": [0.5, 0.6]}, "mass_shares must sum to 1, not 1.1: divide"),
    ({"median": None, "diameters": [1, 2], "mass_shares": [1.5, -0.5]}, "mass_shares must not be negative; number 2"),
    ({"median": None, "diameters": ["a"], "mass_shares": [1]}, "diameters must be numbers"),
    ({"medain": 1}, "unknown key of a component 'medain': did you mean 'median'"),
]


@pytest.mark.parametrize(("change", "match"), OF_THE_SECOND)
def test_bad_component_is_named(change, match):
    with pytest.raises(BeableError, match=f"^component 2: .*{match}") as caught:
        Powder([GOOD, {**GOOD, **change}])
    assert "\n" not in str(caught.value)


def test_good_components_are_taken():
    assert Powder([GOOD, Component(**GOOD)]).volume_fractions.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("components", "match"),
    [
        ([], "at least one component"),
        (
            [{**GOOD, "mass_fraction": 0.6}, GOOD],
            "mass_fractions of the components must sum to 1, not 1.1: divide each by",
        ),
        ([{**GOOD, "mass_fraction": 0.500002}, GOOD], "must sum to 1, not 1.000002"),
        ([{**GOOD, "mass_fraction": 0.0}] * 2, "must sum to 1, not 0$"),
        ([GOOD], "must sum to 1, not 0.5: divide each by 0.5"),
        ([GOOD, 3], "component 2: a dictionary such as"),
        ("median", "component 1: a dictionary such as"),
    ],
)
def test_bad_powders(components, match):
    with pytest.raises(UsageError, match=match) as caught:
        Powder(components)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, -1, 1.1, math.nan, "a"])
def test_bad_shares(share):
    with pytest.raises(UsageError, match="share must be"):
        Powder([{"median": 1}]).coarse(share)


@pytest.mark.parametrize("spheres", [0, -1, 2.5, True])
def test_bad_numbers_of_spheres(spheres):
    with pytest.raises(UsageError, match="spheres must be a whole number of at least 1"):
        Powder([{"median": 1}]).draw(spheres, 0)


@pytest.mark.parametrize("scale", [1e-50, 1e50])
def test_ends_of_the_range_of_sizes(scale):
    powder = Powder(
        [
            {"volume_fraction": 0.5, "median": scale, "spread": 3, "truncation": 10},
            {"volume_fraction": 0.5, "median": 1},
        ]
    )
    assert np.isfinite([*powder.number_fractions, powder.mean_volume, *powder.coarse()]).all()
    assert powder.number_fractions.sum() == pytest.approx(1)
