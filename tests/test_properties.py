"""What holds for any input: files come back, representations are inverted, shares add up, streams and laws hold."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from beable.files import array_files, artefacts, json_files
from beable.representations import make
from beable.representations.tables import Table
from beable.streams import RowStreams
from beable.systems.darcy.factor_laws import factor_law
from beable.systems.packing.powders import BY_MASS, BY_NUMBER, Lognormal, Powder

SEEDS = some.integers(0, 2**32 - 1)
NAMES = some.text("abcdefghij_0123456789", min_size=1, max_size=8)

# Files

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = some.integers(-(2**63), 2**64) | some.floats(allow_nan=False, allow_infinity=False)
PLAIN = some.recursive(
    some.none() | some.booleans() | NUMBERS | TEXTS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_come_back_from_json_and_the_order_of_keys_leaves_no_trace(value):
    with TemporaryDirectory() as folder:
        path, again = Path(folder, "a.json"), Path(folder, "b.json")
        json_files.write_json(path, value)
        assert repr(json_files.read_json(path)) == repr(ordered(value))
        json_files.write_json(again, backward(value))
        assert again.read_bytes() == path.read_bytes()


def ordered(value):
    """A value as it comes back: keys sorted."""
    return rebuilt(value, sorted)


def backward(value):
    return rebuilt(value, lambda keys: sorted(keys, reverse=True))


def rebuilt(value, order):
    if isinstance(value, dict):
        return {key: rebuilt(value[key], order) for key in order(value)}
    return [rebuilt(item, order) for item in value] if isinstance(value, list) else value


ANY_ARRAY = some.sampled_from(sorted(set(array_files.DTYPES.values()) - {"bfloat16"})).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(some.dictionaries(NAMES, ANY_ARRAY, max_size=3), some.sampled_from(["as they are", "columns first", "swapped"]))
def test_arrays_come_back_in_any_layout(found, layout):
    given_ones = {name: laid_out(values, layout) for name, values in found.items()}
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.safetensors")
        array_files.write_arrays(path, given_ones)
        back = array_files.read_arrays(path)
    assert back.keys() == found.keys()
    for name, values in found.items():
        assert (back[name].dtype, back[name].shape) == (values.dtype, values.shape)
        assert back[name].tobytes() == values.tobytes()


def laid_out(values, layout):
    if layout == "columns first":
        return np.array(values, order="F")
    return values.astype(values.dtype.newbyteorder(">")) if layout == "swapped" else values


@given(some.dictionaries(NAMES, some.binary(max_size=40), min_size=1, max_size=4), some.data())
def test_a_sealed_folder_is_whole_and_any_flipped_bit_is_found_and_named(contents, data):
    with TemporaryDirectory() as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        artefacts.seal(folder, "thing", 1, {"names": sorted(contents)})
        assert artefacts.verify(folder) == []
        assert artefacts.check(folder, "thing", 1).files.keys() == contents.keys()
        name = data.draw(some.sampled_from(sorted(contents)))
        assume(contents[name])
        damaged = bytearray(contents[name])
        damaged[data.draw(some.integers(0, len(damaged) - 1))] ^= 1 << data.draw(some.integers(0, 7))
        Path(folder, name).write_bytes(damaged)
        (problem,) = artefacts.verify(folder)
        assert problem.startswith(f"{name}: ")


# Streams


@given(SEEDS, some.integers(0, 10**6), some.lists(some.integers(1, 5), min_size=1, max_size=4))
def test_rows_draw_the_same_numbers_however_they_are_split(seed, start, sizes):
    whole = drawn(RowStreams(seed, start, sum(sizes)))
    starts = start + np.cumsum([0, *sizes])
    parts = [drawn(RowStreams(seed, int(at), size)) for at, size in zip(starts, sizes, strict=False)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert len(np.unique(whole)) == whole.size


def drawn(streams):
    return np.array([rng.random(3) for rng in streams.generators("simulation")])


# Representations

SCALES = some.floats(-6, 6).map(lambda power: 10**power)


@given(
    SEEDS, some.integers(1, 4), some.sampled_from(["deviation", "range", "maximum", "overall", "none"]), SCALES, SCALES
)
def test_columns_of_any_scale_come_back_from_their_code(seed, width, scaling, scale, shift):
    """To single precision of the largest number in the column."""
    y = np.random.default_rng(seed).normal(size=(12, width)) * scale + shift
    assume(scale > 1e-6 * shift)
    table = Table(scaling=scaling).fit({"y": y})
    back = table.inverse(table.transform({"y": y}).values)["y"]
    assert (np.abs(back - y) <= 2e-7 * np.abs(y).max(0)).all()


@given(SEEDS, some.sampled_from(["deviation", "range"]), some.floats(0.1, 8), SCALES)
def test_positive_numbers_over_many_decades_come_back_from_their_logarithms(seed, scaling, spread, scale):
    y = scale * np.exp(spread * np.random.default_rng(seed).normal(size=12))
    table = Table(log="y", scaling=scaling).fit({"y": y})
    np.testing.assert_allclose(table.inverse(table.transform({"y": y}).values)["y"], y, rtol=2e-5)


@given(SEEDS, some.integers(2, 5), some.floats(0.3, 30))
def test_shares_come_back_from_their_log_ratios_and_any_code_is_of_shares(seed, width, concentration):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(width, concentration), size=12)
    table = Table(composition="f", smallest=1e-6).fit({"f": shares})
    coded = table.transform({"f": shares}).values
    assert coded.shape == (12, width - 1)
    np.testing.assert_allclose(table.inverse(coded)["f"], table.canonical({"f": shares})["f"], rtol=2e-4, atol=1e-7)
    decoded = table.inverse(10 * rng.normal(size=(50, width - 1)))["f"]
    assert decoded.min() >= 0
    np.testing.assert_allclose(decoded.sum(1), 1, atol=1e-12)


@given(SEEDS, arrays.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=5), SCALES, some.booleans())
def test_fields_of_any_shape_come_back(seed, shape, scale, centre):
    y = (np.random.default_rng(seed).normal(1, 1, size=(6, *shape)) * scale).astype(np.float32)
    fields = make("fields", centre=centre).fit({"y": y})
    back = fields.inverse(fields.transform({"y": y}).values)["y"]
    np.testing.assert_allclose(back, y, atol=1e-6 * np.abs(y).max())


# Powders

SIZES = some.floats(0.1, 100)
COMPONENT = some.tuples(some.floats(0.05, 1), SIZES, some.floats(0.01, 1.5), some.floats(0.1, 20))


@given(some.lists(COMPONENT, min_size=1, max_size=4))
def test_fractions_of_a_powder_add_up_and_by_number_lead_back_to_those_by_mass(components):
    total = sum(mass for mass, *_ in components)
    described = [
        {"mass_fraction": mass / total, "median": median, "spread": spread, "density": density}
        for mass, median, spread, density in components
    ]
    powder = Powder(described)
    masses, numbers = powder.mass_fractions, powder.number_fractions
    np.testing.assert_allclose(masses, [component["mass_fraction"] for component in described], rtol=1e-9)
    for fractions in (masses, numbers, powder.volume_fractions):
        assert fractions.sum() == pytest.approx(1, rel=1e-12)
        assert fractions.min() > 0
    again = [
        {**{key: value for key, value in component.items() if key != "mass_fraction"}, "number_fraction": n}
        for component, n in zip(described, numbers, strict=True)
    ]
    np.testing.assert_allclose(Powder(again).mass_fractions, masses, rtol=1e-6)


@given(SIZES, some.floats(0.01, 3), some.floats(0.5, 3), some.sampled_from([BY_MASS, BY_NUMBER]))
def test_quantiles_of_sizes_rise_within_their_cut_and_are_undone_by_shares(median, spread, cut, power):
    sizes, shares = Lognormal(median, spread, cut), np.linspace(0.01, 0.99, 9)
    found = sizes.quantiles(shares, power)
    assert (np.diff(found) > 0).all()
    assert sizes.smallest <= found[0] <= found[-1] <= sizes.largest
    np.testing.assert_allclose([1 - sizes.above(d, power) for d in found], shares, rtol=1e-6)


# Laws of factors

PEAKS = {
    "centre": some.floats(0, 2),
    "width": some.floats(0.1, 1),
    "width_is": some.sampled_from(["deviation", "variance"]),
}
LAWS = {
    "normal": some.just({}),
    "shifted": some.fixed_dictionaries(PEAKS),
    "mixture": some.fixed_dictionaries(PEAKS),
    "correlated-mixture": some.fixed_dictionaries(PEAKS | {"sign_agreement": some.floats(0.1, 0.9)}),
    "uniform": some.tuples(some.floats(-3, 3), some.floats(0.1, 5)).map(lambda x: {"low": x[0], "high": x[0] + x[1]}),
}


@given(some.sampled_from(sorted(LAWS)).flatmap(lambda name: some.tuples(some.just(name), LAWS[name])), SEEDS)
def test_a_law_of_one_factor_has_a_density_and_its_draws_have_the_moments_of_it(named, seed):
    """Moments to five standard errors of 2,000 draws."""
    law = factor_law(named[0], 1, named[1])
    low, high = np.clip(law.support, -12, 12)
    theta = np.linspace(low, high, 4001)
    weight = np.exp(law.log_prob(theta[:, None])) * (theta[1] - theta[0])
    weight[[0, -1]] /= 2
    assert weight.sum() == pytest.approx(1, abs=1e-6)
    x = law.sample(2000, np.random.default_rng(seed))[:, 0]
    assert low <= x.min() <= x.max() <= high
    for power in (1, 2):
        moment = (weight * theta**power).sum()
        assert abs((x**power).mean() - moment) < 5 * (x**power).std() / np.sqrt(len(x))


@given(some.sampled_from(sorted(LAWS)).flatmap(lambda name: some.tuples(some.just(name), LAWS[name])), SEEDS)
def test_a_law_draws_the_same_rows_however_they_are_split(named, seed):
    law = factor_law(named[0], 2, named[1])
    parts = [law.draw(RowStreams(seed, start, rows)) for start, rows in ((0, 2), (2, 3))]
    assert np.concatenate(parts).tobytes() == law.draw(RowStreams(seed, 0, 5)).tobytes()
