"""Latent moves and annealed draws leave what they must as it is; broken variants of both are noticed."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.representations.assignment import assigned
from beable.systems.lennard_jones import latent_moves as proposals
from beable.systems.lennard_jones.latent_moves import (
    LatentModel,
    Posterior,
    in_order,
    latent_move,
    mixed_chain,
    of_run,
    ordering,
    paces,
)
from beable.training.run import train
from beable.training.settings import RunSettings

ROWS = 20_000
WEIGHT = np.array([[1.0, 0.6, -0.4]])


def bent(z):
    return z @ WEIGHT + 0.3 * np.sin(2 * z)


def guess(x):
    """An encoder that is about right, with a width that depends on x."""
    mean = x @ WEIGHT.T / 1.9
    return Posterior(mean, 0.5 + 0.3 / (1 + mean**2))


MODEL = LatentModel(1, bent, guess, np.full(3, 0.5))
MEAN, COVARIANCE = np.array([0.5, 0.0, -0.3]), np.array([[1.0, 0.4, 0.0], [0.4, 0.8, -0.2], [0.0, -0.2, 0.6]])
TARGET = stats.multivariate_normal(MEAN, COVARIANCE)


def deviation(x):
    """Largest z-score of means and second moments against the target."""
    white = (x - MEAN) @ np.linalg.inv(np.linalg.cholesky(COVARIANCE)).T
    moments = np.concatenate([white, white**2 - 1], axis=1)
    return np.abs(moments.mean(0) / moments.std(0) * np.sqrt(len(x))).max()


def walked(model, reach, moves=15):
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(MEAN, COVARIANCE, ROWS)
    for _ in range(moves):
        x = latent_move(model, TARGET.logpdf, x, rng, reach=reach).positions
    return x


@pytest.mark.parametrize("reach", [0.2, 0.7, 1.0])
def test_latent_moves_leave_the_target_as_it_is(reach):
    x = walked(MODEL, reach)
    assert deviation(x) < 4
    assert latent_move(MODEL, TARGET.logpdf, x, np.random.default_rng(1), reach=reach).accepted.mean() > 0.2


class NoRatio(LatentModel):
    """Forgets q(z'|x')/q(z|x)."""

    def log_posterior(self, z, x):
        return np.zeros(len(z))


class NoWidth(LatentModel):
    """Forgets that the width of q depends on x."""

    def log_posterior(self, z, x):
        q = self.encode(x)
        return -0.5 * (((z - q.mean) / q.std) ** 2).sum(1)


class NoPrior(LatentModel):
    """Takes z' for a symmetric proposal."""

    def log_prior(self, z):
        return np.zeros(len(z))


@pytest.mark.parametrize("broken", [NoRatio, NoWidth, NoPrior])
def test_a_forgotten_factor_is_noticed(broken):
    assert deviation(walked(broken(1, bent, guess, MODEL.std), 0.7)) > 6


SITES = np.array([[0.25], [0.75], [1.25]])
SLOPE = 1.5


def by_size(x):
    return np.sort(x, axis=1)


def gas(x):
    """Three particles on [0, 2] under gravity, log density."""
    within = ((x >= 0) & (x <= 2)).all(1)
    return np.where(within, -SLOPE * x.sum(1), -np.inf)


def gas_draws(rng, rows=ROWS):
    return stats.truncexpon(2 * SLOPE, scale=1 / SLOPE).rvs((rows, 3), random_state=rng)


STRETCH = LatentModel(
    1,
    lambda z: SITES.T + z * np.array([[-0.3, 0.1, 0.5]]),
    lambda x: Posterior((x - SITES.T) @ np.array([[-0.3], [0.1], [0.5]]) / 0.6, np.full((len(x), 1), 0.6)),
    np.full(3, 0.3),
)


def first_particle(x, rng):
    """Metropolis for the particle with number 0, which leaves the gas as it is for particles with numbers."""
    there = x.copy()
    there[:, 0] += rng.uniform(-0.7, 0.7, len(x))
    ok = np.log(rng.random(len(x))) < gas(there) - gas(x)
    return np.where(ok[:, None], there, x)


@cache
def exact():
    """Means of Σy and Σy², and their errors, of draws that know nothing of an order."""
    free = gas_draws(np.random.default_rng(9), 400_000)
    return [(a.mean(), a.std() / len(a) ** 0.5) for a in (free.sum(1), np.square(free).sum(1))]


def gas_deviation(x):
    """From what is exact, in standard errors."""
    found = x.sum(1), np.square(x).sum(1)
    return max(
        abs(a.mean() - m) / np.hypot(a.std() / len(a) ** 0.5, e) for a, (m, e) in zip(found, exact(), strict=True)
    )


def mixed(order=by_size, moves=1, rounds=20):
    rng = np.random.default_rng(0)
    return mixed_chain(
        STRETCH, gas, first_particle, lambda x: [x.sum(1)], gas_draws(rng, 8000), rng,
        rounds=rounds, moves=moves, reach=0.8, order=order,
    )  # fmt: skip


def test_ordered_particles_keep_their_law():
    found = mixed()
    assert gas_deviation(found.positions) < 4
    assert in_order(found.positions, by_size).all()
    assert 0.1 < found.accepted < 0.9


def test_moves_by_number_from_ordered_particles_are_noticed(monkeypatch):
    """The lowest particle is a choice that depends on the configuration."""
    monkeypatch.setattr(proposals, "renumbered", lambda x, dimensions, rng: x)
    assert gas_deviation(mixed(moves=0).positions) < 4  # nothing orders them
    assert gas_deviation(mixed().positions) > 6


def test_ordering_what_has_left_its_order_is_noticed(monkeypatch):
    """Sorted and accepted instead of rejected: the way back starts from another configuration."""
    monkeypatch.setattr(proposals, "in_order", lambda x, order: np.ones(len(x), bool))
    assert gas_deviation(mixed().positions) > 6


def test_paces_of_chains_have_the_right_mean():
    rng = np.random.default_rng(0)
    found = mixed_chain(
        STRETCH, gas, first_particle, lambda x: [x.sum(1), x[:, 0] - x[:, 2]], gas_draws(rng, 50), rng,
        rounds=400, moves=0, order=None,
    )  # fmt: skip
    total, difference = paces(found)
    assert np.isnan(found.accepted)
    assert total.time > 1
    assert abs(difference.mean) < 0.5
    assert total.samples_per_second > 0


@pytest.mark.parametrize("box", [None, 2.0])
def test_draws_of_the_decoder_have_its_density(box):
    model, rng = replace(STRETCH, box=box), np.random.default_rng(0)
    centre = np.array([[-0.2, 1.0, 2.5]])
    x = model.draw(centre.repeat(20_000, 0), rng)
    grid = np.linspace(-3, 5, 32_001)
    for i in range(3):
        at = centre.repeat(len(grid), 0).clip(0.5, 1.5)
        at[:, i] = grid
        density = np.exp(model.log_likelihood(at, centre) - model.log_likelihood(centre.clip(0.5, 1.5), centre))
        cumulative = np.cumsum(density) / density.sum()
        assert stats.kstest(x[:, i], lambda v, c=cumulative: np.interp(v, grid, c)).statistic < 0.02


def test_the_cut_decoder_is_normalised():
    model = LatentModel(1, lambda z: z, guess, np.array([0.4]), box=2.0)
    grid = np.linspace(0, 2, 20_001)[:, None]
    for centre in (-1.5, 0.1, 1.0, 2.4):
        assert np.exp(model.log_likelihood(grid, np.full_like(grid, centre))).mean() * 2 == pytest.approx(1, abs=2e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("run")
    sites = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 2.0], [3.0, 2.0]])
    x = rng.permuted(sites + 0.3 * rng.normal(size=(400, 4, 2)), axis=1).astype("f4")
    level = rng.choice([0.1, 1.0], 400)
    dims = {"positions": ("particle", "dimension")}
    store = Store.from_arrays(folder / "a.zarr", {"positions": x}, {"gravity": level}, dims=dims)
    settings = {
        "representation": {"kind": "coordinates"},
        "model": {"latents": 2, "width": 8, "depth": 1, "conditions": ["gravity"]},
        "training": {"members": 2, "steps": 30, "records": 2, "start": "pca"},
    }
    return train(store, folder / "run", RunSettings.model_validate(settings)), x


@pytest.mark.parametrize("member", [0, 1])
def test_a_run_as_a_latent_model_says_what_the_run_says(run, member):
    trained, x = run
    model, order = of_run(trained, member, [0.1]), ordering(trained)
    flat = order(x[:5].reshape(5, -1))
    np.testing.assert_array_equal(flat.reshape(5, 4, 2), assigned(x[:5], trained.representation.order.sites))
    codes = trained.encode({"positions": x[:5], "gravity": np.full(5, 0.1)})
    q = model.encode(flat)
    np.testing.assert_allclose(q.mean, codes.mean[member], atol=1e-5)
    np.testing.assert_allclose(q.std, codes.std[member], rtol=1e-4)
    decoded = list(trained.decode(codes.mean, np.full((5, 1), 0.1)))[member]["positions"]
    np.testing.assert_allclose(model.decode(q.mean).reshape(5, 4, 2), decoded, atol=1e-4)
    assert model.std.shape == (8,)


def test_what_cannot_be_meant(run):
    trained, _ = run
    with pytest.raises(UsageError, match="reach"):
        latent_move(MODEL, TARGET.logpdf, np.zeros((2, 3)), np.random.default_rng(0), reach=0)
    with pytest.raises(DataError, match="finite"):
        latent_move(MODEL, TARGET.logpdf, np.full((2, 3), np.nan), np.random.default_rng(0))
    with pytest.raises(UsageError, match="conditions"):
        of_run(trained)
    with pytest.raises(UsageError, match="below 2"):
        of_run(trained, 2, [0.1])
