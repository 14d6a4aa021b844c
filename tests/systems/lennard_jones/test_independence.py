"""Acceptance of independent proposals: exact where it is known, the same as that of a chain, and bounded."""

import numpy as np
import pytest
from scipy.stats import norm

from beable.errors import DataError
from beable.systems.lennard_jones.independence import acceptance, assigned, of_flow, of_model
from beable.systems.lennard_jones.latent_moves import LatentModel, Posterior


def log_weight(x, centre):
    """log of N(0, 1) over N(centre, 1), with a constant that must not matter."""
    return norm.logpdf(x) - norm.logpdf(x, centre) + 11.0


@pytest.mark.parametrize("centre", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_acceptance_of_shifted_normals_is_the_exact_one(centre, seed):
    """log w is linear in x, so a = P(c(y - x) < 0) + ... = 2 Φ(-c/√2)."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=4000), rng.normal(centre, size=4000)
    found = acceptance(log_weight(x, centre), log_weight(y, centre))
    assert found.mean == pytest.approx(2 * norm.cdf(-centre / np.sqrt(2)), abs=0.03)
    assert found.low <= found.mean <= found.high
    assert found.valid == 1.0


def test_acceptance_is_that_of_a_chain():
    rng, accepted = np.random.default_rng(0), []
    proposed, needed = log_weight(rng.normal(1.0, size=20000), 1.0), np.log(rng.random(20000))
    weight = log_weight(0.0, 1.0)
    for new, least in zip(proposed.tolist(), needed.tolist(), strict=True):
        accepted.append(least < new - weight)
        weight = new if accepted[-1] else weight
    rows, draws = rng.normal(size=4000), rng.normal(1.0, size=4000)
    found = acceptance(log_weight(rows, 1.0), log_weight(draws, 1.0))
    assert found.mean == pytest.approx(np.mean(accepted), abs=0.02)


def test_pairs_are_all_compared():
    old, new = np.log([1.0, 2.0, 4.0]), np.array([np.log(2.0), -np.inf, np.log(8.0)])
    expected = np.minimum(1, np.exp(new[:, None] - old)).mean()
    assert acceptance(old, new).mean == pytest.approx(expected)


def test_draws_that_are_never_possible_have_an_upper_end():
    found = acceptance(np.zeros(5), np.full(300, -np.inf))
    assert (found.mean, found.low, found.valid, found.effective) == (0, 0, 0, 0)
    assert found.high == pytest.approx(0.01)


def test_acceptance_of_independent_parts_falls_exponentially():
    """With m parts the shift is √m as large: a = 2 Φ(-√(m/2) c), whose logarithm falls by c²/4 a part at the end."""
    rng = np.random.default_rng(0)
    shares = []
    for parts in (1, 4, 16):
        x, y = rng.normal(size=(4000, parts)), rng.normal(0.8, size=(4000, parts))
        shares.append(acceptance(log_weight(x, 0.8).sum(1), log_weight(y, 0.8).sum(1)).mean)
    assert shares == pytest.approx([2 * norm.cdf(-0.8 * np.sqrt(m / 2)) for m in (1, 4, 16)], abs=0.03)


@pytest.mark.parametrize(("old", "new"), [([0.0], [0.0, 0.0]), ([0.0, np.nan], [0.0, 0.0]), ([0, 0], [np.inf, 0])])
def test_weights_that_are_none_are_refused(old, new):
    with pytest.raises(DataError, match="weights must be"):
        acceptance(old, new)


def linear_model(error):
    """x = z + noise in one dimension: the exact posterior, or one that is off."""
    return LatentModel(
        1, lambda z: z, lambda x: Posterior(x / 1.25 + error, np.full_like(x, 0.2**0.5)), np.array([0.5])
    )


def marginal(x):
    """Density of x = z + 0.5 noise."""
    return np.asarray(norm.logpdf(x, scale=1.25**0.5).sum(1))


@pytest.mark.parametrize(("error", "low", "high"), [(0.0, 0.999, 1.0), (0.5, 0.2, 0.7)])
def test_an_exact_vae_is_always_accepted_and_an_error_of_the_encoder_costs(error, low, high):
    rng = np.random.default_rng(0)
    rows = rng.normal(scale=1.25**0.5, size=(2000, 1))
    found = of_model(linear_model(error), marginal, rows, 2000, rng, lambda x: x)
    assert low < acceptance(found.of_rows, found.of_draws).mean <= high + 1e-9
    assert found.per_second > 0


def test_what_is_out_of_order_has_no_weight():
    rng = np.random.default_rng(0)
    rows = rng.normal(scale=1.25**0.5, size=(100, 1))
    found = of_model(linear_model(0.0), marginal, rows, 400, rng, lambda x: np.abs(x))
    positive = np.isfinite(found.of_draws).mean()
    assert positive == pytest.approx(0.5, abs=0.1)


def test_a_flow_of_what_it_can_be_is_accepted():
    pytest.importorskip("zuko")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 2, 2)) * 0.3 + [[1.0, 1.0], [3.0, 3.0]]
    rows, order = assigned(x)

    def target(y):
        return np.asarray(norm.logpdf(y, [1.0, 1.0, 3.0, 3.0] if rows[0, 0] < 2 else [3.0, 3.0, 1.0, 1.0], 0.3).sum(1))

    found = of_flow(target, rows[:800], rows[800:], 500, rng, order, steps=60)
    share = acceptance(found.of_rows, found.of_draws)
    assert share.mean > 0.7
    assert share.effective > 0.7
