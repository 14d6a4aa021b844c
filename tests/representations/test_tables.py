"""Tables: every number comes back, and the density in physical units integrates to one."""

import numpy as np
import pytest
import scipy.stats

from beable.errors import DataError, UsageError
from beable.representations.tables import Table

ROWS = 40
SHAPES = {"size": (3,), "mass_fraction": (3,), "packing_fraction": (), "shift": ()}
VARIANTS = [
    {},
    {"scaling": "range"},
    {"scaling": "maximum"},
    {"scaling": "overall"},
    {"scaling": "none"},
    {"groups": "variable"},
    {"groups": "all"},
    {"log": "size"},
    {"composition": "mass_fraction"},
    {"composition": "mass_fraction", "simplex": "rescale", "scaling": "range"},
    {"composition": "mass_fraction", "simplex": "none"},
    {"bounded": "packing_fraction=0:1, shift=-50:50"},
    {"log": "size", "composition": "mass_fraction", "bounded": "packing_fraction=0:1", "groups": "variable"},
    {"log": "size", "composition": "mass_fraction", "constant": "keep", "smallest": 1e-3},
]


def powders(rows=ROWS, seed=0):
    """Sizes over decades, shares that sum to one, a packing fraction and a number of either sign."""
    rng = np.random.default_rng(seed)
    return {
        "size": np.exp(rng.normal(3, 1, size=(rows, 3))),
        "mass_fraction": rng.dirichlet([2, 3, 4], size=rows),
        "packing_fraction": rng.uniform(0.5, 0.8, size=rows).astype(np.float32),
        "shift": rng.normal(size=rows),
    }


@pytest.fixture(params=VARIANTS, ids=str)
def fitted(request):
    return Table(**request.param).fit(powders())


def test_every_number_comes_back(fitted):
    data = powders(seed=1)
    back, true = fitted.inverse(fitted.transform(data).values), fitted.canonical(data)
    for name in SHAPES:
        assert back[name].dtype == np.float64
        np.testing.assert_allclose(back[name], true[name], rtol=1e-5, atol=1e-5)
        smallest = fitted.smallest if name == "mass_fraction" else 0
        np.testing.assert_allclose(true[name], data[name], rtol=1e-6, atol=1.01 * smallest)


def test_state_and_settings_restore_the_same_table(fitted):
    again = Table(**fitted.settings()).restore(fitted.state(), SHAPES)
    coded = fitted.transform(powders(seed=2))
    for one, two in zip(again.transform(powders(seed=2))[:2], coded[:2], strict=True):
        np.testing.assert_array_equal(one, two)
    for name, values in fitted.inverse(coded.values).items():
        np.testing.assert_array_equal(again.inverse(coded.values)[name], values)
    for one, two in zip(again.code, fitted.code, strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.forgets == fitted.forgets


def test_the_code_describes_the_values(fitted):
    coded, code = fitted.transform(powders()), fitted.code
    assert coded.values.shape == (ROWS, *code.shape)
    assert coded.values.dtype == coded.residual_energy.dtype == np.float32
    assert coded.residual_energy.shape == (ROWS, len(code.dimension))
    assert code.group.size == np.prod(code.shape) == code.scale.size == code.dimension.sum()
    np.testing.assert_array_equal(np.unique(code.group), np.arange(len(code.dimension)))
    np.testing.assert_allclose(code.scale, np.sqrt((coded.values.astype(float) ** 2).mean(0)), rtol=1e-5)
    shares = fitted.composition and fitted.simplex == "ilr"
    numbers = 7 if shares else 8
    assert code.shape == (numbers,)
    assert len(code.dimension) == {"column": numbers, "variable": 4, "all": 1}[fitted.groups]


def test_rows_have_the_same_bytes_in_any_block(fitted):
    data = powders()
    whole = fitted.transform(data)
    for size in (1, 7):
        parts = [fitted.transform({n: v[i : i + size] for n, v in data.items()}) for i in range(0, ROWS, size)]
        np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), whole.values)


@pytest.mark.parametrize("scaling", ["range", "maximum", "deviation"])
def test_columns_are_scaled_one_by_one(scaling):
    values = Table(scaling=scaling).fit(powders()).transform(powders()).values.astype(float)
    if scaling == "deviation":
        np.testing.assert_allclose(values.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(values.std(0), 1, rtol=1e-5)
    elif scaling == "range":
        np.testing.assert_allclose([values.min(0), values.max(0)], [[0] * 8, [1] * 8], atol=1e-6)
    else:
        np.testing.assert_allclose(np.abs(values).max(0), 1, rtol=1e-6)


def test_decoded_shares_are_shares():
    codes = np.random.default_rng(3).normal(0, 3, size=(200, 8))
    data = powders()
    rescaled = Table(composition="mass_fraction", simplex="rescale").fit(data).inverse(codes)["mass_fraction"]
    free = Table(composition="mass_fraction", simplex="none").fit(data).inverse(codes)["mass_fraction"]
    ratios = Table(composition="mass_fraction").fit(data).inverse(codes[:, :7])["mass_fraction"]
    assert free.min() < 0
    assert np.abs(free.sum(1) - 1).max() > 0.1
    for shares in (rescaled, ratios):
        assert shares.min() >= 0
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-12)
    cut = np.clip(free, 0, None)
    some = cut.sum(1) > 0
    np.testing.assert_allclose(rescaled[some], cut[some] / cut[some].sum(1, keepdims=True))
    none = Table(composition="f", simplex="rescale", scaling="none").fit({"f": np.eye(3)}).inverse(-np.ones((1, 3)))
    np.testing.assert_allclose(none["f"], 1 / 3)


def test_rescaled_shares_are_coded_as_they_are():
    shares = np.array([[0.2, 0.3, 0.3], [0.5, 0.3, 0.3], [0.1, 0.2, 0.7]])
    table = Table(composition="f", simplex="rescale", scaling="none").fit({"f": shares})
    np.testing.assert_allclose(table.transform({"f": shares}).values, shares, rtol=1e-6)
    np.testing.assert_allclose(table.canonical({"f": shares})["f"], shares / shares.sum(1, keepdims=True))


def test_a_code_that_no_row_has_is_decoded_without_a_warning():
    rows = {"y": np.array([1.0, 2.0, 3.0])}
    for options in ({"log": "y"}, {"bounded": "y=0:4"}):
        ends = Table(**options).fit(rows).inverse(np.array([[-1e6], [1e6]]))["y"]
        assert ends.tolist() == ([0, np.inf] if "log" in options else [0, 4])


def test_shares_that_are_not_there_keep_the_ratio_of_the_others():
    shares = np.array([[0, 0.25, 0.75], [0.2, 0.3, 0.5], [1e-9, 0.999999999, 0], [1 / 3, 1 / 3, 1 / 3]])
    table = Table(composition="f", smallest=1e-3).fit({"f": shares})
    found = table.canonical({"f": shares})["f"]
    assert "below 0.001" in table.forgets
    np.testing.assert_allclose(found[0], [1e-3, 0.999 / 4, 0.999 * 3 / 4], rtol=1e-12)
    np.testing.assert_allclose(found[1], shares[1], rtol=1e-12)
    np.testing.assert_allclose(found[2], [1e-3, 0.998, 1e-3], rtol=1e-12)
    np.testing.assert_allclose(table.canonical({"f": found})["f"], found, rtol=1e-12)
    assert np.isfinite(table.log_jacobian({"f": shares})).all()


def test_log_ratios_are_isometric():
    """Distances between codes are Aitchison's."""
    shares = np.random.default_rng(0).dirichlet(np.ones(5), size=20)
    codes = Table(composition="f", scaling="none", smallest=1e-9).fit({"f": shares}).transform({"f": shares}).values
    logs = np.log(shares)
    ratios = logs[:, :, None] - logs[:, None, :]
    aitchison = np.sqrt(((ratios[:1] - ratios) ** 2).sum((1, 2)) / 10)
    np.testing.assert_allclose(np.linalg.norm(codes[:1] - codes, axis=1), aitchison, rtol=1e-5)


# The likelihood in physical units


def density(table, snapshots, jacobian=True):
    """p(y) of a standard normal code."""
    codes = table.codes(snapshots)
    volume = table.code.log_volume + (table.log_jacobian(snapshots) if jacobian else 0)
    return np.exp(scipy.stats.norm.logpdf(codes).sum(1) - volume)


def mass_of_number(table, low, high, jacobian, nodes=400):
    """By Gauss-Legendre quadrature of the parts below 1, up to 10 and beyond."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    ends = np.array([low, 1, 10, high])
    half = np.diff(ends)[:, None] / 2
    y, weight = (ends[:-1, None] + half * (x + 1)).ravel(), (half * weight).ravel()
    return float(density(table, {"y": y}, jacobian) @ weight)


def mass_of_shares(table, jacobian, nodes=100):
    """Over the triangle of the first two shares, by Gauss-Legendre quadrature of a, and of b / (1 - a)."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    x, weight = (x + 1) / 2, weight / 2
    a, b = np.repeat(x, nodes), np.outer(1 - x, x).ravel()
    found = density(table, {"y": np.column_stack([a, b, 1 - a - b])}, jacobian)
    return float(found @ (np.outer(weight, weight).ravel() * (1 - a)))


NUMBERS = {
    "log": ({"log": "y"}, 0, 60),
    "between": ({"bounded": "y=-1:12"}, -1, 12),
    "range of logarithms": ({"log": "y", "scaling": "range"}, 0, 1000),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_the_density_of_a_number_integrates_to_one(case):
    """Without the Jacobian it does not."""
    options, low, high = NUMBERS[case]
    table = Table(**options).fit({"y": np.array([0.3, 0.8, 1.0, 1.7, 2.0])})
    assert mass_of_number(table, low, high, True) == pytest.approx(1, abs=2e-3)
    assert abs(mass_of_number(table, low, high, False) - 1) > 0.05


def test_the_density_of_shares_integrates_to_one_over_the_first_of_them():
    rng = np.random.default_rng(0)
    table = Table(composition="y", smallest=1e-12).fit({"y": rng.dirichlet([8, 12, 20], size=30)})
    assert mass_of_shares(table, True) == pytest.approx(1, abs=2e-3)
    assert abs(mass_of_shares(table, False) - 1) > 0.05


def free(snapshots):
    """The numbers that are free: all but the last share."""
    return np.concatenate([snapshots["size"][0], snapshots["mass_fraction"][0, :2], snapshots["packing_fraction"]])


def from_free(numbers):
    shares = np.append(numbers[3:5], 1 - numbers[3:5].sum())
    return {"size": numbers[None, :3], "mass_fraction": shares[None], "packing_fraction": numbers[5:]}


@pytest.mark.parametrize("scaling", ["deviation", "range", "maximum", "overall", "none"])
def test_the_log_volume_is_that_of_finite_differences(scaling):
    data = {name: values.astype(float) for name, values in powders().items() if name != "shift"}
    options = {"log": "size", "composition": "mass_fraction", "bounded": "packing_fraction=0:1", "smallest": 1e-9}
    table, apart = Table(scaling=scaling, **options).fit(data), []
    for i in range(5):
        row = {name: values[i : i + 1] for name, values in data.items()}
        at, volume = free(row), table.code.log_volume + table.log_jacobian(row)[0]
        step = 1e-6 * at
        ends = [[table.codes(from_free(at + s * e))[0] for s in (1, -1)] for e in np.diag(step)]
        slopes = np.array([(one - two) / 2 for one, two in ends]) / step[:, None]
        found = -np.linalg.slogdet(slopes)[1]
        assert found == pytest.approx(volume, abs=1e-5)
        apart.append(abs(found - table.code.log_volume))
    assert max(apart) > 1


def test_plain_columns_have_no_jacobian():
    table = Table(composition="mass_fraction", simplex="rescale").fit(powders())
    np.testing.assert_array_equal(table.log_jacobian(powders()), np.zeros(ROWS))


# Columns that never change


def still():
    data = powders()
    data["size"][:, 1] = 20.0
    return data


def test_columns_that_never_change_are_refused_or_kept_out():
    with pytest.raises(DataError, match=r"size\[1\] is the same in all 40 .* representation\.constant = 'keep'"):
        Table().fit(still())
    table = Table(constant="keep", log="size", groups="variable").fit(still())
    assert table.code.shape == (7,)
    assert table.code.dimension.tolist() == [2, 3, 1, 1]
    back = table.inverse(np.full((4, 7), 2.0))
    np.testing.assert_allclose(back["size"][:, 1], 20.0)
    assert "the same in all training rows" in table.forgets
    assert table.layout(table.state(), SHAPES) == {name: np.shape(array) for name, array in table.state().items()}
    again = Table(**table.settings()).restore(table.state(), SHAPES)
    np.testing.assert_array_equal(again.inverse(np.full((4, 7), 2.0))["size"], back["size"])
    with pytest.raises(DataError, match=r"nothing to learn: leave it out of variables$"):
        Table(constant="keep").fit({"y": np.ones(5)})


@pytest.mark.parametrize("seed", range(5))
def test_columns_that_change_by_rounding_alone_never_change(seed):
    """Their coordinates are zero but for rounding: there is no size of their own to compare it with."""
    rounding = 1 + 1e-15 * np.random.default_rng(seed).normal(size=(ROWS, 3))
    rows = {"share": rounding / 3, "size": rounding[:, 0], "phi": rounding[:, 1] / 2, "free": np.arange(float(ROWS))}
    options = {"composition": "share", "log": "size", "bounded": "phi=0:1"}
    with pytest.raises(DataError, match=r"ilr 1.*, size, phi is the same in all"):
        Table(**options).fit(rows)
    assert Table(**options, constant="keep").fit(rows).code.shape == (1,)


# What is refused


def changed(name, row, value):
    def change(data):
        values = np.array(data[name], dtype=float)
        values[row] = value
        return data | {name: values}

    return change


OPTIONS = {"log": "size", "composition": "mass_fraction", "bounded": "packing_fraction=0:1"}
BAD = {
    "nothing": (changed("shift", slice(None), np.nan), "shift is missing in all 40 training rows"),
    "infinite": (changed("size", (7, 2), np.inf), "size: 1 of 40 rows are not finite, first row 7"),
    "zero size": (changed("size", (5, 1), 0), r"size\[1\] is 0 in row 5: a logarithm"),
    "negative size": (changed("size", (6, 2), -3.5), r"size\[2\] is -3.5 in row 6"),
    "at a bound": (changed("packing_fraction", 9, 1.0), r"packing_fraction is 1 in row 9: it must lie inside \(0, 1\)"),
    "sum": (changed("mass_fraction", (4, 0), 2.0), "mass_fraction sums to .* in row 4"),
    "negative share": (changed("mass_fraction", (4, 0), -0.1), r"mass_fraction\[0\] is -0.1 in row 4"),
    "different rows": (lambda d: d | {"shift": d["shift"][:5]}, "different numbers of rows"),
    "a field": (lambda d: d | {"flow": np.ones((ROWS, 9, 9))}, r"flow has shape \(9, 9\) a row"),
    "no rows": (lambda d: {name: v[:0] for name, v in d.items()}, "without rows"),
    "one row": (lambda d: {name: v[:1] for name, v in d.items()}, "the same in all 1 training rows"),
    "constant": (changed("shift", slice(None), 4.0), "shift is the same in all 40"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_refused_in_one_line(case):
    change, words = BAD[case]
    with pytest.raises(DataError, match=words) as caught:
        Table(**OPTIONS).fit(change(powders()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ["zero size", "at a bound", "sum", "negative share", "infinite"])
def test_rows_to_judge_are_checked_as_well(case):
    table = Table(**OPTIONS).fit(powders())
    change, words = BAD[case]
    for judge in (table.transform, table.log_jacobian, table.canonical):
        with pytest.raises(DataError, match=words):
            judge(change(powders()))


@pytest.mark.parametrize("simplex", ["rescale", "none"])
def test_shares_that_are_not_log_ratios_may_have_any_sum_but_no_sign(simplex):
    table = Table(composition="mass_fraction", simplex=simplex)
    table.fit(changed("mass_fraction", (4, 0), 2.0)(powders()))
    with pytest.raises(DataError, match="not negative"):
        table.transform(changed("mass_fraction", (4, 0), -2.0)(powders()))


def test_other_variables_than_the_fitted_ones_are_refused():
    table = Table().fit(powders())
    with pytest.raises(DataError, match="what the model was trained on"):
        table.transform({"shift": np.ones(3)})
    with pytest.raises(DataError, match="no variable"):
        Table().fit({})
    with pytest.raises(DataError, match="at least two"):
        Table(composition="shift").fit(powders())
    with pytest.raises(DataError, match=r"set representation\.smallest below 0\.333"):
        Table(composition="f", smallest=0.4).fit({"f": np.eye(3)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scaling": "channel"}, "unknown scaling 'channel'"),
        ({"simplex": "irl"}, "did you mean 'ilr'"),
        ({"constant": "drop"}, "known: keep, refuse"),
        ({"groups": "columns"}, "did you mean 'column'"),
        ({"smallest": 0.0}, r"representation\.smallest must lie"),
        ({"smallest": 0.5}, r"representation\.smallest must lie"),
        ({"bounded": "packing_fraction"}, "such as porosity=0:1"),
        ({"bounded": "packing_fraction=1:0"}, "two numbers that rise"),
        ({"bounded": "packing_fraction=0:inf"}, "two numbers that rise"),
        ({"log": "size", "bounded": "size=0:1"}, "size is named twice"),
        ({"log": "size, size"}, "size is named twice"),
    ],
)
def test_settings_are_checked(options, words):
    with pytest.raises(UsageError, match=words) as caught:
        Table(**options)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_variable_is_refused():
    with pytest.raises(UsageError, match="did you mean 'size'"):
        Table(log="sizes").fit(powders())


def test_every_training_row_decides_the_range_of_a_table(tmp_path):
    from beable.datasets.store import Store
    from beable.training.data import prepare
    from beable.training.settings import TrainingSettings

    design = np.tile([0.2, 0.0, 1.0], 2000)  # every third row of it is the same
    store = Store.from_arrays(tmp_path / "design.zarr", {"x": design, "y": np.linspace(0, 1, 6000)})
    settings = TrainingSettings(shuffle=False, held_out=3)
    values = prepare(store, ["x", "y"], "table", {"scaling": "range"}, settings).train.values
    assert values.min(0).tolist() == [0, 0]
    assert values.max(0).tolist() == [1, 1]


def test_a_constant_column_is_no_part_of_the_density():
    rows = {"a": np.array([1.0, 2.0, 3.0]), "b": np.full(3, 5.0)}
    table = Table(log="a,b", constant="keep").fit(rows)
    assert table.log_jacobian(rows) == pytest.approx(np.log(rows["a"]))
