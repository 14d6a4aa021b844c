"""Packings: one bed and its record, refusals that say what would do, and tables of many powders."""

import json
import re

import numpy as np
import pytest
import scipy.stats

from beable.datasets.generate import generate
from beable.errors import BeableError, DataError, UsageError
from beable.streams import RowStreams
from beable.systems.packing.close_packing import close_packing_estimate
from beable.systems.packing.packed_beds import packing_fraction
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.simulator import COARSE, Packing, least_spheres, pack

EQUAL = [{"median": 1.0}]
TWO = [{"volume_fraction": 0.3, "median": 1.0}, {"volume_fraction": 0.7, "median": 3.0}]
SMALL = {"median": (1, 1.5), "spread": (0.0, 0.1), "min_coarse_spheres": 30}


def two_sizes(ratio, fine=0.3):
    return [{"volume_fraction": fine, "median": 1.0}, {"volume_fraction": 1 - fine, "median": ratio}]


def over_seeds(components, seeds=4, spheres=6000):
    """Mean packing fraction of some beds, and its standard error."""
    found = [pack(components, spheres, seed).packing_fraction for seed in range(seeds)]
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(seeds)


def differ(one, two, errors=4):
    """Whether two means with standard errors differ beyond what beds scatter; of four, their own error is unsure."""
    return abs(one[0] - two[0]) > errors * np.hypot(max(one[1], 5e-4), max(two[1], 5e-4))


# One bed


@pytest.fixture(scope="module")
def packed():
    return pack(TWO, 4000, 0)


def test_a_record_holds_the_bed_and_what_it_fills(packed):
    assert packed.positions.shape == (4000, 3)
    assert packed.radii.shape == packed.component.shape == (4000,)
    assert packed.composition.shape == (2,)
    assert (packed.positions[:, :2] >= 0).all()
    assert (packed.positions[:, :2] < packed.box).all()
    assert (packed.positions[:, 2] >= packed.radii * (1 - 1e-12)).all()
    np.testing.assert_array_equal(np.unique(packed.radii[packed.component == 1]), [1.5])
    assert 0 < packed.slab.low < packed.slab.high < packed.positions[:, 2].max()
    assert packed[:2] == packing_fraction(packed.bed, packed.slab)
    assert packed.composition.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(packed.composition, [0.3, 0.7], atol=0.05)
    assert packed.close_packing == close_packing_estimate(*Powder(TWO).volume_classes())
    assert 0 < packed.standard_error < 0.01
    assert packed.overlap < 1e-10


def test_what_has_no_share_has_no_volume_in_the_slab():
    absent = [{"volume_fraction": 1.0, "median": 1.0}, {"volume_fraction": 0.0, "median": 2.0}]
    assert pack(absent, 2000).composition.tolist() == [1.0, 0.0]


def test_equal_spheres_fill_what_the_literature_says():
    value, error = over_seeds(EQUAL, spheres=4000)
    assert value == pytest.approx(0.5816, abs=0.004)
    assert error < 0.002
    assert over_seeds(TWO, spheres=3000)[0] > 0.5816 + 0.02  # and other spheres do not


@pytest.mark.parametrize(
    "form",
    [
        EQUAL,
        EQUAL[0],
        Component(median=1.0),
        [Component(median=1.0)],
        Powder(EQUAL),
        [{"diameters": [1.0], "mass_shares": [1.0]}],
    ],
    ids=["list", "mapping", "component", "components", "powder", "histogram"],
)
def test_a_powder_may_be_given_in_any_form(form):
    assert pack(form, 2000, 3).positions.tobytes() == pack(EQUAL, 2000, 3).positions.tobytes()


def test_a_bed_depends_on_the_seed_alone():
    one, again, other = pack(TWO, 2500, 3), pack(TWO, 2500, np.random.default_rng(3)), pack(TWO, 2500, 4)
    for first, second in zip(one, again, strict=True):
        assert np.asarray(first).tobytes() == np.asarray(second).tobytes()
    assert one.positions.tobytes() != other.positions.tobytes()
    source = np.random.default_rng(3)
    assert pack(TWO, 2500, source).packing_fraction != pack(TWO, 2500, source).packing_fraction


def test_the_fewest_spheres_do_for_any_powder():
    simulator = Packing(median=(1, 4), spread=(0.0, 0.25))
    for row in simulator.draw(RowStreams(3, 0, 6)):
        powder = simulator.powder(row)
        bed = pack(powder)
        assert len(bed.radii) == least_spheres(powder)
        assert bed.slab.high - bed.slab.low > 4 * bed.radii.max()
        coarse = 2 * bed.radii >= powder.coarse().diameter * (1 - 1e-9)
        z = bed.positions[:, 2]
        assert (coarse & (z > bed.slab.low) & (z < bed.slab.high)).sum() >= COARSE


def test_more_coarse_spheres_need_more_spheres():
    powder = Powder(two_sizes(8.0))
    one, two, four = (least_spheres(powder, coarse) for coarse in (60, 120, 240))
    assert one < two < four
    assert four - two == pytest.approx(2 * (two - one), abs=3)


# What would mean nothing

MEDIANS = [1.0, 1.23456, 7.00007, 1e-3 / 3, 5e5 / 7]
REFUSED = {
    "few coarse spheres": ({"spheres": 1999}, "spheres", "hold too few coarse ones, .*: give at least (.*)"),
    "hardly any": ({"spheres": 1}, "spheres", "1 spheres with diameters from .*: give at least (.*)"),
    "narrow": ({"spheres": 3000, "box": 2.0}, "box", "is too narrow for spheres of .*: give at least (.*)"),
    "wide": ({"spheres": 3000, "box": 60.0}, "box", "filled to a height of .* at most (.*), or more spheres"),
}


@pytest.mark.parametrize("median", MEDIANS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_would_mean_nothing_is_refused_and_what_is_proposed_will_do(case, median):
    given, name, words = REFUSED[case]
    given = {key: value * median if key == "box" else value for key, value in given.items()}
    with pytest.raises(DataError, match=words) as caught:
        pack({"median": median}, rng=0, **given)
    assert "\n" not in str(caught.value)
    proposed = float(re.search(words, str(caught.value))[1])
    will_do = given | {name: int(proposed) if name == "spheres" else proposed}
    assert pack({"median": median}, rng=0, **will_do).packing_fraction == pytest.approx(0.58, abs=0.03)
    short = {"spheres": int(proposed) - 1, "box": proposed * (0.99 if case == "narrow" else 1.01)}[name]
    with pytest.raises(DataError):
        pack({"median": median}, rng=0, **(given | {name: short}))


def test_too_few_spheres_are_named_even_where_their_box_would_be_narrow():
    with pytest.raises(DataError, match="100 spheres with diameters from 1 to 3") as caught:
        pack(TWO, 100)
    assert pack(TWO, int(re.search(r"at least (\d+)", str(caught.value))[1])).packing_fraction > 0.58


@pytest.mark.parametrize("wide", [two_sizes(200.0), [{"median": 1.0, "spread": 1.5}]], ids=["two sizes", "one spread"])
def test_sizes_too_wide_are_refused_and_the_estimate_that_is_proposed_will_do(wide):
    with pytest.raises(DataError, match=r"would need \d.* spheres, .*: narrow the sizes, use close_packing") as caught:
        pack(wide, 10_000)
    assert "\n" not in str(caught.value)
    assert 0.7 < close_packing_estimate(*Powder(wide).volume_classes()) < 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spheres": 0}, "spheres must be a whole number of at least 1"),
        ({"spheres": 2000.0}, "spheres must be a whole number"),
        ({"box": -1.0}, "box must be greater than 0"),
        ({"box": np.nan}, "box must be a finite number"),
        ({"components": []}, "at least one component"),
        ({"components": [{"median": 1.0}, {"median": 2.0}]}, "component 1: its share is missing"),
        ({"components": {"medain": 1.0}}, "did you mean 'median'"),
    ],
)
def test_words_that_cannot_be_meant(options, words):
    with pytest.raises(UsageError, match=words) as caught:
        pack(**({"components": EQUAL} | options))
    assert "\n" not in str(caught.value)


# What must not matter, and what must


def test_units_of_size_do_not_matter():
    scaled = [part | {"median": 1024 * part["median"]} for part in TWO]
    one, other = pack(TWO, 2500, 5), pack(scaled, 2500, 5)
    assert other.packing_fraction == pytest.approx(one.packing_fraction, rel=1e-12)
    assert other.box == 1024 * one.box


def test_neither_order_nor_names_of_components_matter():
    parts = [
        {"mass_fraction": 0.5, "median": 1.0, "density": 2.0},
        {"mass_fraction": 0.5, "median": 3.0, "density": 5.0},
    ]
    swapped = over_seeds([parts[1] | {"name": "coarse"}, parts[0]])
    assert not differ(over_seeds(parts), swapped)
    apart = [parts[0] | {"density": 5.0}, parts[1] | {"density": 2.0}]
    assert differ(over_seeds(apart), swapped)  # unless densities stay behind


def test_a_mixture_of_one_powder_with_itself_is_that_powder():
    alone = over_seeds([{"median": 1.0, "spread": 0.2}], spheres=3000)
    halves = [{"mass_fraction": f, "median": 1.0, "spread": 0.2, "density": 3.0} for f in (0.25, 0.25, 0.5)]
    assert not differ(over_seeds(halves, spheres=3000), alone)
    other = [part | {"median": median} for part, median in zip(halves, (1.0, 1.0, 2.5), strict=True)]
    assert differ(over_seeds(other), alone)


def test_two_sizes_fill_more_the_more_they_differ():
    found = [over_seeds(two_sizes(ratio), 2, 6000)[0] for ratio in (1.0, 2.0, 3.5, 5.0)]
    assert (np.diff(found) > 0.008).all()


def test_densities_turn_mass_into_volume():
    row = np.array([1.0, 0.0, 2.0, 0.0, 0.5, 0.5])
    shares = {}
    for densities in ((1.0, 1.0), (1.0, 4.0)):
        simulator = Packing(components=2, median=(1, 2), spread=0.0, densities=densities, min_coarse_spheres=100)
        found = simulator.simulate(row[None], RowStreams(0, 0, 1))
        shares[densities[1]] = found["bulk_volume_fraction"][0, 1]
        np.testing.assert_array_equal(found["mass_fraction"], [[0.5, 0.5]])
    assert shares[1.0] == pytest.approx(0.5, abs=0.03)
    assert shares[4.0] == pytest.approx(0.2, abs=0.03)


# Designs


@pytest.mark.parametrize("sampling", ["sobol", "uniform"])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_rows_of_a_design_are_the_same_in_any_block(sampling, size):
    simulator = Packing(sampling=sampling)
    whole = simulator.draw(RowStreams(4, 0, 24))
    blocks = [simulator.draw(RowStreams(4, start, size)) for start in range(0, 24, size)]
    assert np.concatenate(blocks).tobytes() == whole.tobytes()
    assert len(np.unique(whole, axis=0)) == 24
    assert not np.isclose(simulator.draw(RowStreams(5, 0, 24)), whole).any(axis=0).all()


@pytest.fixture(scope="module", params=["sobol", "uniform"])
def drawn(request):
    simulator = Packing(median=(2, 50), spread=(0.1, 0.5), sampling=request.param)
    return simulator.draw(RowStreams(0, 0, 1024))


def law(values, cdf):
    return scipy.stats.kstest(values, cdf).pvalue


def test_medians_are_log_uniform_and_spreads_uniform(drawn):
    for i in range(3):
        assert law(np.log(drawn[:, 2 * i] / 2) / np.log(25), "uniform") > 0.01
        assert law((drawn[:, 2 * i] - 2) / 48, "uniform") < 1e-6
        assert law((drawn[:, 2 * i + 1] - 0.1) / 0.4, "uniform") > 0.01


def test_fractions_are_uniform_on_the_simplex(drawn):
    shares = drawn[:, 6:]
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-12)
    rescaled = np.random.default_rng(0).random((1024, 3))
    rescaled /= rescaled.sum(1, keepdims=True)
    for i in range(3):
        assert law(shares[:, i], scipy.stats.beta(1, 2).cdf) > 0.01
        assert law(rescaled[:, i], scipy.stats.beta(1, 2).cdf) < 1e-6


def test_sobol_fills_more_evenly_than_independent_rows():
    unit = {}
    for sampling in ("sobol", "uniform"):
        medians = Packing(sampling=sampling, median=(1, np.e)).draw(RowStreams(1, 0, 128))[:, :6:2]
        unit[sampling] = scipy.stats.qmc.discrepancy(np.log(medians))
    assert unit["sobol"] < unit["uniform"] / 3


@pytest.mark.parametrize("components", [1, 2, 3, 5])
def test_designs_reach_the_ends_of_the_ranges(components):
    simulator = Packing(components=components, median=(2, 9), spread=(0.1, 0.3))
    ends = simulator.design(np.array([[0.0], [1.0]]).repeat(simulator.design_dimensions, 1))
    assert simulator.design_dimensions == 3 * components - 1
    np.testing.assert_allclose(ends[:, : 2 * components : 2], [[2] * components, [9] * components])
    np.testing.assert_allclose(ends[:, 1 : 2 * components : 2], [[0.1] * components, [0.3] * components])
    np.testing.assert_allclose(ends[0, 2 * components :], [0] * (components - 1) + [1], atol=1e-12)
    np.testing.assert_allclose(ends[1, 2 * components :], [1] + [0] * (components - 1), atol=1e-12)
    inside = simulator.design(np.random.default_rng(0).random((50, simulator.design_dimensions)))
    for values, factor in zip(inside.T, simulator.factors, strict=True):
        assert factor.low <= values.min() <= values.max() <= factor.high


def test_features_see_neither_order_nor_units():
    simulator = Packing(spread=(0.05, 0.3))
    values = simulator.draw(RowStreams(2, 0, 12))
    features = simulator.features(values)
    order = np.array([2, 0, 1])
    shuffled = np.empty_like(values)
    shuffled[:, 0:6:2], shuffled[:, 1:6:2] = values[:, 0:6:2][:, order], values[:, 1:6:2][:, order]
    shuffled[:, 6:] = values[:, 6:][:, order]
    scaled = values.copy()
    scaled[:, 0:6:2] *= 30
    for same in (shuffled, scaled):
        np.testing.assert_allclose(simulator.features(same), features, rtol=1e-9, atol=1e-12)
    wider = values.copy()
    wider[:, 0] *= 2
    assert (np.abs(simulator.features(wider) - features).max(1) > 1e-3).all()
    assert (np.ptp(features, axis=0) > 1e-3).all()


# Tables of packings


def test_a_row_that_needs_too_many_spheres_fails_alone():
    values = np.array([[1, 0.0, 1.2, 0.1, 0.5, 0.5], [1, 0.0, 3.0, 0.1, 0.5, 0.5], [1, 0.0, 900.0, 0.1, 0.5, 0.5]])
    few, many = (
        Packing(components=2, median=(1, 9), max_spheres=most, min_coarse_spheres=30) for most in (3000, 900_000)
    )
    found, without = few.simulate(values, RowStreams(0, 0, 3)), many.simulate(values[:2], RowStreams(0, 0, 2))
    assert found["spheres"].tolist() == [2000, without["spheres"][1], np.inf]
    assert without["spheres"][1] == least_spheres(few.powder(values[1])) > 3000
    for variable in few.variables:
        assert found[variable.name][0].tobytes() == without[variable.name][0].tobytes()
        if variable.name != "spheres":
            assert np.isnan(found[variable.name][1:]).all()
    assert np.isfinite(without["packing_fraction"]).all()


def test_failed_rows_of_a_store_are_named(tmp_path):
    simulator = Packing(components=2, median=(1, 6), spread=(0.0, 0.1), max_spheres=2000, min_coarse_spheres=30)
    with pytest.raises(DataError, match="failed") as caught:
        generate(simulator, tmp_path / "a.zarr", 12, workers=1)
    assert "\n" not in str(caught.value)
    store = generate(simulator, tmp_path / "a.zarr", 12, workers=1, failure_limit=1.0)
    needed = store.read("spheres")
    assert 0 < len(store.failures) < 12
    np.testing.assert_array_equal(np.sort(store.valid_rows), np.flatnonzero(needed <= 2000))
    assert np.isfinite(store.read("packing_fraction", store.valid_rows)).all()


def test_a_store_has_the_same_bytes_for_any_workers_and_blocks(tmp_path):
    simulator = Packing(**SMALL)
    whole = generate(simulator, tmp_path / "one.zarr", 5, seed=3, workers=1)
    names = [variable.name for variable in simulator.variables]
    for label, options in {"two": {"workers": 2}, "blocks": {"workers": 1, "block": 3}}.items():
        other = generate(simulator, tmp_path / f"{label}.zarr", 5, seed=3, **options)
        for name in names:
            assert other.read(name).tobytes() == whole.read(name).tobytes()
        assert other.factor_values.tobytes() == whole.factor_values.tobytes()
        assert (other.id == whole.id) == (label == "two")
    another = generate(simulator, tmp_path / "seed.zarr", 2, seed=4, workers=1)
    assert not np.isin(another.read("packing_fraction"), whole.read("packing_fraction")).any()


def test_factors_and_variables_of_a_store_agree(tmp_path):
    store = generate(Packing(**SMALL), tmp_path / "a.zarr", 6, workers=1)
    names = [factor.name for factor in store.factors]
    for i in range(3):
        for variable in ("median", "spread", "mass_fraction"):
            column = store.factor_values[:, names.index(f"{variable}_{i + 1}")]
            np.testing.assert_array_equal(store.read(variable)[:, i], column)


ROW = [20.0, 0.1, 40.0, 0.2, 0.4, 0.6]
BAD_ROWS = {
    "not a number": (0, np.nan, r"^table\.1\.0 must be a finite number, not nan$"),
    "infinite": (3, np.inf, r"^table\.1\.3 must be a finite number, not inf$"),
    "no size": (2, 0.0, "row 1: .*median must be greater than 0"),
    "a negative size": (0, -20.0, "row 1: .*median must be greater than 0"),
    "a negative spread": (1, -0.1, "row 1: .*spread must lie between 0 and 3"),
    "a spread too wide": (1, 4.0, "row 1: .*spread must lie between 0 and 3"),
    "a sum below one": (5, 0.5, "row 1: mass fractions must sum to 1, not 0.9: rescale"),
    "a sum above one": (4, 0.5, "row 1: mass fractions must sum to 1, not 1.1: rescale"),
    "shares that are not there": (slice(4, 6), 0.0, "row 1: mass fractions must sum to 1, not 0"),
    "a negative share": (slice(4, 6), [-0.2, 1.2], "row 1: .*mass_fraction must not be negative"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_of_a_table_is_named_in_one_line(case):
    where, value, words = BAD_ROWS[case]
    table = np.array([ROW, ROW, ROW])
    assert Packing(components=2, sampling="table", table=table).table.shape == (3, 6)
    table[1, where] = value
    with pytest.raises(BeableError, match=words) as caught:
        Packing(components=2, sampling="table", table=table)
    assert "\n" not in str(caught.value)


def test_a_table_is_its_own_range_and_ends_where_it_ends():
    simulator = Packing(components=2, sampling="table", table=[ROW, [10.0, 0.0, 30.0, 0.3, 0.5, 0.5]])
    assert (simulator.median, simulator.spread) == ((10.0, 40.0), (0.0, 0.3))
    np.testing.assert_array_equal(simulator.draw(RowStreams(9, 1, 1)), [[10.0, 0.0, 30.0, 0.3, 0.5, 0.5]])
    with pytest.raises(UsageError, match="the table has 2 rows, not 3: ask for less"):
        simulator.draw(RowStreams(9, 0, 3))


def test_a_table_alone_is_sampled():
    simulator = Packing(components=2, table=[ROW])
    assert simulator.settings.sampling == "table"
    np.testing.assert_array_equal(simulator.draw(RowStreams(9, 0, 1)), [ROW])


def test_fractions_within_rounding_are_rescaled():
    simulator = Packing(components=2, sampling="table", table=[[*ROW[:4], 0.4, 0.6004]])
    assert simulator.powder(simulator.table[0]).mass_fractions.sum() == pytest.approx(1, abs=1e-12)


SETTINGS = {
    "colour": ({"colour": 1}, "setting of packing"),
    "components": ({"components": 0}, "components must be at least 1, not 0"),
    "too many components": ({"components": 21}, "components must be at most 20, not 21"),
    "components in part": ({"components": 2.5}, "components must be a whole number, not 2.5"),
    "median that falls": ({"median": (3, 1)}, "median must be a lowest and a highest value, not 3 and 1"),
    "median of zero": ({"median": (0, 1)}, "median must be greater than 0, not 0"),
    "three medians": ({"median": (1, 2, 3)}, r"median must be a lowest and a highest value, not \[1, 2, 3\]"),
    "no medians": ({"median": ()}, r"median must be a lowest and a highest value, not \[\]"),
    "negative spread": ({"spread": (-0.1, 0.2)}, "spread must be at least 0, not -0.1"),
    "spread too wide": ({"spread": (0.1, 4.0)}, "spread must lie between 0 and 3"),
    "spread in words": ({"spread": ("a", "b")}, "spread must be a number, not 'a'"),
    "truncation": ({"truncation": 0}, "truncation must be greater than 0"),
    "truncation too wide": ({"truncation": 50.0}, "truncation must lie between"),
    "coarse": ({"min_coarse_spheres": 10}, "min_coarse_spheres must be at least 30"),
    "most": ({"max_spheres": 100}, "max_spheres must be at least 2000, not 100"),
    "most in part": ({"max_spheres": 2000.5}, "max_spheres must be a whole number, not 2000.5"),
    "densities": ({"densities": (1.0, 2.0)}, "densities must be one number, or 3, one a component"),
    "density of zero": ({"densities": 0.0}, "densities must be greater than 0, not 0.0"),
    "sampling": ({"sampling": "sobl"}, "did you mean 'sobol'"),
    "a table beside a sequence": ({"sampling": "sobol", "table": [[1.0] * 9]}, "go together"),
    "no table": ({"sampling": "table"}, "go together"),
    "a table of other width": ({"sampling": "table", "table": [[1.0] * 8]}, "rows of 9 columns"),
    "a table without rows": ({"sampling": "table", "table": np.zeros((0, 9))}, "rows of 9 columns"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be_meant(case):
    options, words = SETTINGS[case]
    with pytest.raises(BeableError, match=words) as caught:
        Packing(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{}, {"spread": 0.2, "median": 3.0, "densities": 2.5}, {"components": 1, "truncation": 1.0}]
)
def test_settings_give_the_same_simulator(options):
    simulator = Packing(**options)
    again = Packing(**json.loads(json.dumps(simulator.settings.model_dump(mode="json"), allow_nan=False)))
    assert again.settings == simulator.settings
