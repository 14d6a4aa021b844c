"""Weighted draws give exact averages and partition functions; broken weights do not."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from beable.errors import DataError, UsageError
from beable.representations.assignment import assigned
from beable.systems.lennard_jones.annealing import Stage, Walk, anneal, path, straight, tuned
from beable.systems.lennard_jones.latent_moves import LatentModel, Posterior
from beable.systems.lennard_jones.pair_potentials import OF_THE_USER, PairPotential, pair_potential
from beable.systems.lennard_jones.restraints import Particles, particles_of
from beable.systems.lennard_jones.simulator import LennardJones

WEIGHT = np.array([[0.8, -0.5]])
SHIFT = np.array([0.5, 0.2])


def guess(x):
    mean = (x - SHIFT) @ WEIGHT.T / 1.1
    return Posterior(mean, 0.4 + 0.2 / (1 + mean**2))


MODEL = LatentModel(1, lambda z: SHIFT + z @ WEIGHT, guess, np.full(2, 0.5))
MEAN, COVARIANCE, VOLUME = np.array([0.2, 0.6]), np.array([[0.8, -0.2], [-0.2, 0.5]]), 7.0
NORMAL = stats.multivariate_normal(MEAN, COVARIANCE)


def target(x):
    """A normal density times 7."""
    return NORMAL.logpdf(x) + np.log(VOLUME)


def deviations(found, exact=MEAN):
    averages = [found.average(column) for column in found.positions.T]
    return np.array([(a.mean - m) / a.error for a, m in zip(averages, exact, strict=True)])


@pytest.mark.parametrize(
    ("guide", "steps", "seed"), [("encoder", 1, 0), ("encoder", 1, 1), ("encoder", 6, 1), ("prior", 30, 0)]
)
def test_a_normal_target(guide, steps, seed):
    found = anneal(MODEL, Walk(target), 4000, straight(steps), np.random.default_rng(seed), guide=guide)
    assert np.abs(deviations(found)).max() < 4
    assert found.log_partition == pytest.approx(np.log(VOLUME), abs=4 / found.effective**0.5)
    product = found.average((found.positions[:, 0] - 0.2) * (found.positions[:, 1] - 0.6))
    assert abs(product.mean + 0.2) < 4 * product.error
    assert found.effective > 300


def test_longer_paths_are_worth_more():
    """Of short ones the median of nine seeds, since a single heavy weight can take half: 110, and 758 of long ones."""

    def effective(steps, seed=0):
        return anneal(MODEL, Walk(target), 1000, straight(steps), np.random.default_rng(seed)).effective

    assert 3 * np.median([effective(3, seed) for seed in range(9)]) < effective(80) > 600


@pytest.mark.parametrize("resample", [0.9, 0.97])
def test_rows_drawn_anew_by_their_weights(resample):
    found = anneal(MODEL, Walk(target), 4000, straight(40), np.random.default_rng(0), resample=resample)
    assert np.abs(deviations(found)).max() < 5
    assert found.log_partition == pytest.approx(np.log(VOLUME), abs=0.1)
    assert found.effective > resample * 4000
    assert 100 < len(np.unique(found.ancestor)) < 4000


class NoWidth(LatentModel):
    """Forgets the normalisation of q(z|x)."""

    def log_posterior(self, z, x):
        q = self.encode(x)
        return -0.5 * (((z - q.mean) / q.std) ** 2).sum(1)


class NoLikelihood(LatentModel):
    """Forgets p(x|z)."""

    def log_likelihood(self, x, centre):
        return np.zeros(len(x))


@pytest.mark.parametrize("broken", [NoWidth, NoLikelihood])
def test_forgotten_factors_are_noticed(broken):
    model = broken(1, MODEL.decode, MODEL.encode, MODEL.std)
    found = anneal(model, Walk(target), 4000, straight(2), np.random.default_rng(0), guide="encoder")
    wrong = abs(found.log_partition - np.log(VOLUME)) * found.effective**0.5
    assert max(np.abs(deviations(found)).max(), wrong) > 8


def test_weights_without_their_factors_are_noticed():
    found = anneal(MODEL, Walk(target), 4000, straight(6), np.random.default_rng(0), guide="encoder")
    short = replace(found, log_weight=np.zeros(4000))
    assert np.abs(deviations(short)).max() > np.abs(deviations(found)).max()


BOX, TEMPERATURE, GRAVITY, ENERGY = 3.0, 0.75, 0.4, 0.49293
PLACES = np.array([[0.9, 1.1], [2.1, 1.1]])
LIFT = np.array([[0.1, 0.4, 0.1, 0.4], [0.4, 0.0, -0.4, 0.0]])


def lifted(x):
    return Posterior((x - PLACES.ravel()) @ LIFT.T, np.full((len(x), 2), 0.7))


PAIR = LatentModel(2, lambda z: PLACES.ravel() + z @ LIFT, lifted, np.full(4, 0.6), box=BOX)


def in_places(x):
    """By the sign of the only exchange there is."""
    swap = (x[:, :2] - x[:, 2:]) @ (PLACES[0] - PLACES[1]) < 0
    return np.where(swap[:, None], x[:, [2, 3, 0, 1]], x)


def two(**options):
    return Particles(pair_potential("lennard-jones"), 2, BOX, TEMPERATURE, GRAVITY, **options)


@cache
def partition():
    """∫ exp(-U/T) of two particles in the box, by quadrature over their distance along each axis."""
    side = (np.arange(1000) + 0.5) * BOX / 1000
    x, y = np.meshgrid(side, side, indexing="ij")
    r2 = x**2 + y**2
    g = GRAVITY / TEMPERATURE
    along, up = 2 * (BOX - x), 2 * np.exp(-g * y) * (1 - np.exp(-2 * g * (BOX - y))) / (2 * g)
    boltzmann = np.exp(-4 * (r2**-6 - r2**-3) / TEMPERATURE)
    return float((along * up * boltzmann).sum() * (BOX / 1000) ** 2)


def agrees(found):
    """Within four standard errors of the energy and of Z/2."""
    energy = found.average(two().energy(found.positions))
    assert abs(energy.mean - ENERGY) < 4 * energy.error
    assert energy.error < 0.06
    assert found.log_partition == pytest.approx(np.log(partition() / 2), abs=4 / found.effective**0.5)


def test_two_particles_in_order():
    agrees(anneal(PAIR, two(), 2000, path(15), np.random.default_rng(0), guide="encoder", order=in_places))


def test_draws_put_in_order_with_their_weight_are_noticed():
    """Draws of the other copy are counted, as many as there happen to be: more than Z/2. Without weight it is Z/2."""
    found = anneal(PAIR, two(), 3000, path(60), np.random.default_rng(0))
    error = found.effective**-0.5
    assert np.log(partition() / 2) + 4 * error < found.log_partition < np.log(partition()) + 4 * error
    kept = (in_places(found.positions) == found.positions).all(axis=1)
    agrees(replace(found, log_weight=np.where(kept, found.log_weight, -np.inf)))


@pytest.mark.parametrize("teleport", [0.0, 0.3])
def test_two_particles_put_in_order_after_every_move(teleport):
    system = two(sites=PLACES, teleport=teleport)
    found = anneal(PAIR, system, 1000, path(30), np.random.default_rng(0))
    energy = found.average(system.energy(found.positions))
    assert abs(energy.mean - ENERGY) < 4 * energy.error
    assert found.log_partition == pytest.approx(np.log(partition() / 2), abs=4 / found.effective**0.5)
    assert np.isfinite(system.log_density(found.positions)).all()


def test_a_decoder_not_cut_to_the_box_is_noticed():
    class Uncut(LatentModel):
        """Draws within the box, but forgets that its density there is larger."""

        def _log_share(self, centre):
            return np.zeros_like(centre)

    model = Uncut(2, PAIR.decode, PAIR.encode, PAIR.std, BOX)
    found = anneal(model, two(sites=PLACES), 2000, path(30), np.random.default_rng(0))
    assert found.log_partition > np.log(partition() / 2) + 0.1


SITES = np.array([[0.7, 0.4], [2.1, 0.5], [1.4, 1.2], [0.8, 2.2], [2.2, 2.0]])


def test_an_ideal_gas_in_order():
    """Five particles: <Σy> in closed form, Z/5! of the ordered ones."""
    gas = Particles(pair_potential("none"), 2, BOX, TEMPERATURE, 1.0, sites=SITES)
    model = LatentModel(1, lambda z: SITES.ravel() + 0.2 * z, lifted, np.full(10, 0.5), box=BOX)
    found = anneal(model, gas, 1000, straight(30), np.random.default_rng(0))
    height = found.average(gas.energy(found.positions))
    g = 1 / TEMPERATURE
    assert abs(height.mean - 5 * (1 / g - BOX / np.expm1(g * BOX))) < 4 * height.error
    exact = 5 * np.log(BOX * (1 - np.exp(-g * BOX)) / g) - np.log(120)
    assert found.log_partition == pytest.approx(exact, abs=4 / found.effective**0.5)
    x = found.positions.reshape(-1, 5, 2)
    np.testing.assert_array_equal(assigned(x, SITES), x)


def test_energies_are_those_of_the_simulator():
    simulator = LennardJones(particles=5, box=BOX, temperature=TEMPERATURE, cutoff=2.0, shift=True)
    system = particles_of(simulator, [GRAVITY])
    x = np.random.default_rng(0).uniform(0, BOX, (20, 5, 2))
    expected = simulator.energy(x, np.full((20, 1), GRAVITY))
    np.testing.assert_allclose(system.energy(x.reshape(20, -1)), expected, rtol=1e-10)
    assert not np.isfinite(system.log_density(x.reshape(20, -1) + BOX)).any()


def test_only_what_has_hard_walls_and_a_known_potential():
    with pytest.raises(UsageError, match="hard walls"):
        particles_of(LennardJones(walls="periodic", gravity=0.0), [0.0])
    with pytest.raises(UsageError, match="bonds"):
        particles_of(LennardJones(bonds={"stiffness": 30}, particles=5), [0.4])
    with pytest.raises(UsageError, match="built-in"):
        Particles(PairPotential("mine", OF_THE_USER, np.sqrt), 2, BOX, TEMPERATURE, GRAVITY)


def test_steps_are_found_on_other_draws_and_kept():
    stages = path(10)
    steps = tuned(PAIR, two(), stages, np.random.default_rng(0))
    one, again = (anneal(PAIR, two(), 50, stages, np.random.default_rng(1), steps=steps) for _ in range(2))
    np.testing.assert_array_equal(one.log_weight, again.log_weight)
    assert len(steps) == 10
    assert set(one.as_json()) == {"rows", "effective", "ancestors", "share", "in_order", "log_partition", "deviation"}


def test_what_cannot_be_meant():
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="path"):
        path(0)
    with pytest.raises(UsageError, match="hold"):
        path(5, hold=1.0)
    with pytest.raises(UsageError, match="from"):
        anneal(MODEL, Walk(target), 10, [Stage(1, 0, 0), Stage(0.5, 1, 1)], rng)
    with pytest.raises(UsageError, match="one for each"):
        anneal(MODEL, Walk(target), 10, path(3), rng, steps=[0.1])
    with pytest.raises(UsageError, match="resample"):
        anneal(MODEL, Walk(target), 10, path(3), rng, resample=1)
    with pytest.raises(UsageError, match="unknown guide"):
        anneal(MODEL, Walk(target), 10, path(3), rng, guide="teacher")
    with pytest.raises(DataError, match="where the target is not 0"):
        anneal(MODEL, Walk(lambda x: np.full(len(x), -np.inf)), 10, path(3), rng)
    found = anneal(MODEL, Walk(target), 10, path(3), rng)
    with pytest.raises(DataError, match="finite"):
        found.average(np.zeros(3))
