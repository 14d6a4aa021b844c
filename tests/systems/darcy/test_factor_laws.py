"""Laws of factors: densities are normalised and are those of the draws; the two readings are not the same."""

import itertools
import json

import numpy as np
import pytest

from beable.errors import DataError, UsageError
from beable.streams import RowStreams
from beable.systems.darcy.factor_laws import LAWS, CorrelatedMixture, Mixture, factor_law

DRAWS = 20_000
COVARIANCE = [[1.0, 0.6], [0.6, 2.0]]
EXAMPLES = [
    ("normal", {}, [0, 0], 1.0, 0.0),
    ("shifted", {}, [1, 1], 0.25, 0.0),
    ("shifted", {"width_is": "variance"}, [1, 1], 0.5, 0.0),
    ("mixture", {}, [0, 0], 1.0625, 0.0),
    ("mixture", {"width_is": "variance"}, [0, 0], 1.25, 0.0),
    ("correlated-gaussian", {"covariance": COVARIANCE}, [0, 0], [1.0, 2.0], 0.6),
    ("correlated-mixture", {}, [0, 0], 1.0625, 0.5),
    ("correlated-mixture", {"sign_agreement": 0.1, "width_is": "variance"}, [0, 0], 1.25, -0.8),
    ("uniform", {}, [0, 0], 3.0, 0.0),
    ("uniform", {"low": 0.0, "high": 1.0}, [0.5, 0.5], 1 / 12, 0.0),
]
TABLE = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]

every = pytest.mark.parametrize(("name", "options", "mean", "variance", "covariance"), EXAMPLES)


def drawn(law, seed=0):
    return law.sample(DRAWS, np.random.default_rng(seed))


def plane(low=-9.0, high=9.0, n=361):
    """Midpoints of a grid of the plane and the area of its cells."""
    edge = np.linspace(low, high, n)
    middle = (edge[1:] + edge[:-1]) / 2
    return np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2), (edge[1] - edge[0]) ** 2


def entropy(law):
    """Differential entropy, and the standard deviation of the log density of one draw, by summing over the plane."""
    theta, area = plane()
    log_prob = law.log_prob(theta)
    mass = np.exp(log_prob) * area
    level = -np.sum(mass * np.where(mass > 0, log_prob, 0.0))
    return level, np.sqrt(np.sum(mass * np.where(mass > 0, log_prob + level, 0.0) ** 2))


def surprise(law, draws):
    """How far the mean log density of draws is from the law's own, in standard errors."""
    level, spread = entropy(law)
    return abs(np.mean(-law.log_prob(draws)) - level) / (spread / np.sqrt(len(draws)) + 1e-3)


def test_every_law_is_tested():
    assert {name for name, *_ in EXAMPLES} | {"table"} == set(LAWS)


@every
def test_draws_have_the_stated_moments(name, options, mean, variance, covariance):
    found = np.cov(drawn(factor_law(name, 2, options)), rowvar=False)
    np.testing.assert_allclose(drawn(factor_law(name, 2, options)).mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.diag(found), variance, rtol=0.05)
    np.testing.assert_allclose(found[0, 1], covariance, atol=0.05)


@every
def test_densities_are_normalised(name, options, mean, variance, covariance):
    theta, area = plane()
    assert np.sum(np.exp(factor_law(name, 2, options).log_prob(theta))) * area == pytest.approx(1, rel=1e-3)


@every
def test_densities_are_those_of_the_draws(name, options, mean, variance, covariance):
    law = factor_law(name, 2, options)
    assert surprise(law, drawn(law)) < 4


@pytest.mark.parametrize("name", ["shifted", "mixture", "correlated-mixture"])
def test_draws_of_one_reading_do_not_pass_for_the_other(name):
    deviation, variance = (factor_law(name, 2, {"width_is": kind}) for kind in ("deviation", "variance"))
    assert surprise(deviation, drawn(variance)) > 10
    assert surprise(variance, drawn(deviation)) > 10


def test_weights_of_the_mixture_follow_agreement():
    theta = drawn(CorrelatedMixture(2, sign_agreement=0.9, width=0.1))
    assert np.mean(theta.prod(axis=1) > 0) == pytest.approx(0.9, abs=0.01)


def test_agreement_of_one_half_is_the_plain_mixture():
    theta = 2 * np.random.default_rng(0).standard_normal((50, 4))
    np.testing.assert_allclose(CorrelatedMixture(4, sign_agreement=0.5).log_prob(theta), Mixture(4).log_prob(theta))


def test_the_mixture_of_three_factors_sums_over_all_its_peaks():
    theta, law = np.random.default_rng(1).standard_normal((20, 3)), CorrelatedMixture(3, sign_agreement=0.8, width=0.5)
    total = np.zeros(20)
    for signs in itertools.product([-1.0, 1.0], repeat=3):
        chance = 0.5 * np.prod([0.8 if a == b else 0.2 for a, b in itertools.pairwise(signs)])
        total += chance * np.exp(-2 * ((theta - signs) ** 2).sum(1)) / (0.5 * np.sqrt(2 * np.pi)) ** 3
    np.testing.assert_allclose(law.log_prob(theta), np.log(total))


def test_uniform_has_no_density_outside():
    law = factor_law("uniform", 2, {})
    assert law.log_prob(np.array([[0.0, 3.1]]))[0] == -np.inf
    assert law.support == (-3.0, 3.0)


def test_a_row_takes_its_row_of_the_table():
    law = factor_law("table", 2, {"table": TABLE})
    np.testing.assert_array_equal(law.draw(RowStreams(0, 1, 2)), TABLE[1:])
    assert {tuple(row) for row in law.sample(50, np.random.default_rng(0))} == {tuple(row) for row in TABLE}


def test_a_table_has_no_more_rows_than_it_has():
    with pytest.raises(DataError, match=r"3 rows.*fewer"):
        factor_law("table", 2, {"table": TABLE}).draw(RowStreams(0, 2, 2))


def test_a_table_has_no_density():
    with pytest.raises(UsageError, match="sample"):
        factor_law("table", 2, {"table": TABLE}).log_prob(np.zeros((1, 2)))


def test_arrays_become_json():
    options = factor_law("correlated-gaussian", 2, {"covariance": np.array(COVARIANCE)}).options()
    assert json.loads(json.dumps(options)) == {"covariance": COVARIANCE}
    assert json.loads(json.dumps(factor_law("table", 2, {"table": np.array(TABLE)}).options())) == {"table": TABLE}


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("cauchy", {}, UsageError),
        ("normal", {"width": 1.0}, UsageError),
        ("mixture", {"width_is": "reading"}, UsageError),
        ("mixture", {"width": 0.0}, UsageError),
        ("mixture", {"width": "0.25"}, UsageError),
        ("shifted", {"centre": float("nan")}, UsageError),
        ("correlated-mixture", {"sign_agreement": 1.0}, UsageError),
        ("correlated-gaussian", {}, DataError),
        ("correlated-gaussian", {"covariance": [[1.0]]}, DataError),
        ("correlated-gaussian", {"covariance": [[1.0, 2.0], [2.0, 1.0]]}, DataError),
        ("correlated-gaussian", {"covariance": [[1.0, 1.0], [1.0, 1.0]]}, DataError),
        ("correlated-gaussian", {"covariance": [[0.0, 0.0], [0.0, 1.0]]}, DataError),
        ("correlated-gaussian", {"covariance": [[1.0, 0.5], [0.4, 1.0]]}, DataError),
        ("correlated-gaussian", {"covariance": [["a", "b"], ["c", "d"]]}, DataError),
        ("correlated-gaussian", {"covariance": [[1.0, 0.5], [0.4]]}, DataError),
        ("uniform", {"low": 2.0, "high": 1.0}, UsageError),
        ("table", {}, DataError),
        ("table", {"table": [[1.0, 2.0, 3.0]]}, DataError),
        ("table", {"table": [[1.0, 2.0], [3.0]]}, DataError),
        ("table", {"table": [[1.0, float("nan")]]}, DataError),
    ],
)
def test_laws_that_cannot_be_are_refused(name, options, error):
    with pytest.raises(error) as refusal:
        factor_law(name, 2, options)
    assert "\n" not in str(refusal.value)


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_a_singular_covariance_is_refused_however_it_rounds_and_units_do_not_matter(seed):
    root = np.random.default_rng(seed).normal(size=(3, 2))
    singular = root @ root.T
    with pytest.raises(DataError, match="positive definite"):
        factor_law("correlated-gaussian", 3, {"covariance": (singular + singular.T) / 2})
    units = np.outer([1e-6, 1.0, 1e6], [1e-6, 1.0, 1e6])
    law = factor_law("correlated-gaussian", 3, {"covariance": ((singular + singular.T) / 2 + np.eye(3)) * units})
    assert np.isfinite(law.log_prob(law.sample(9, np.random.default_rng(seed)))).all()
