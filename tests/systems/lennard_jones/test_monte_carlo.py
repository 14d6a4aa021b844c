"""The kernel: its random numbers against the definition, its lanes by their independence, its law on two particles.

The law is checked against independent draws: uniform configurations of two particles, weighted by exp(-U/T) with U from
the energies in double precision, which share nothing with the kernel but the potential.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from beable.streams import RowStreams, generator
from beable.systems.lennard_jones import xoshiro
from beable.systems.lennard_jones.monte_carlo import (
    ACCEPTED,
    MOVES,
    SMALLEST_STEP,
    WALLS,
    Conditions,
    Fluid,
    Systems,
    kernel_of,
)
from beable.systems.lennard_jones.pair_potentials import Bonds, pair_potential
from beable.systems.lennard_jones.simulator import LennardJones
from beable.systems.lennard_jones.xoshiro import LANES

# random numbers


def words_of(state, words):
    """The words of xoshiro128+, in whole numbers of any size."""
    a, b, c, d = map(int, state)
    for _ in range(words):
        yield (a + d) % 2**32
        shifted = b << 9
        c, d = c ^ a, d ^ b
        b, a = b ^ c, a ^ d
        c, d = (c ^ shifted) % 2**32, (d << 11 | d >> 21) % 2**32


def states(seed=0):
    return np.random.default_rng(seed).integers(1, 2**32, (4, LANES), dtype=np.uint32)


def numbers(draw, times):
    """(times, lanes) numbers of a kernel, and the words that belong to them."""
    state, bits, found = states(), np.empty(LANES, np.uint32), np.empty((times, LANES), np.float32)
    words = np.array([list(words_of(lane, times)) for lane in state.T]).T
    for row in found:
        draw(state, bits, row)
    return found, words


def test_words_are_those_of_xoshiro():
    state, bits = states(), np.empty(LANES, np.uint32)
    expected = zip(*(words_of(lane, 50) for lane in state.T), strict=True)
    for words in expected:
        xoshiro.advance(state, bits)
        assert bits.tolist() == list(words)
    assert next(words_of([1, 2, 3, 4], 1)) == 5


def test_uniform_numbers():
    found, words = numbers(xoshiro.uniform, 200)
    assert found.astype(float).tolist() == ((words >> 8) / 2**24).tolist()
    assert stats.kstest(found.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(np.square(found).ravel(), "uniform").pvalue < 1e-6


def test_exponential_numbers_are_logarithms_to_single_precision():
    found, words = numbers(xoshiro.exponential, 200)
    exact = -np.log((words >> 8) + 0.5) + 24 * np.log(2)
    assert np.abs(found - exact).max() < 2e-6
    assert np.abs(found - exact).mean() < 1e-7
    assert stats.kstest(found.ravel(), "expon").pvalue > 1e-3
    assert stats.kstest(found.ravel(), "expon", args=(0, 1.03)).pvalue < 1e-3


@pytest.mark.parametrize("word", [0, 1, 2**23 - 1, 2**23, 2**24 - 1])
def test_ends_of_the_exponential_numbers(word):
    state = np.zeros((4, LANES), np.uint32)
    state[0] = word << 8
    found = np.empty(LANES, np.float32)
    xoshiro.exponential(state, np.empty(LANES, np.uint32), found)
    assert found == pytest.approx(-np.log((word + 0.5) / 2**24), abs=2e-6)
    assert (found >= 0).all()


# lanes


def group(fluid, count, particles=6, box=4.0, seed=0, start=None, **conditions):
    """Systems from random positions, or from what a function makes of them."""
    rows = [generator(seed, "simulation", i) for i in range(count)]
    positions = np.stack([g.random((particles, fluid.dimensions)) * box for g in rows]).astype(np.float32)
    known = {"temperature": 0.75, "gravity": 0.4, "box": box, "step": 0.4, "teleport": 0.1} | conditions
    every = Conditions(**{name: np.full(count, value, np.float32) for name, value in known.items()})
    return Systems(fluid, start(positions) if start else positions, every, rows)


PLAIN = Fluid(pair_potential("lennard-jones"))


@pytest.mark.parametrize("count", [1, 3, LANES])
def test_a_system_does_not_depend_on_the_systems_beside_it(count):
    whole, part = group(PLAIN, LANES), group(PLAIN, count)
    for systems in (whole, part):
        systems.run(30)
    assert part.positions.tobytes() == whole.positions[:count].tobytes()
    assert part.acceptance().tolist() == whole.acceptance()[:count].tolist()


def test_a_system_of_infinite_energy_harms_no_other():
    on_one_point = np.arange(4)[:, None, None] == 1
    well, mixed = group(PLAIN, 4), group(PLAIN, 4, start=lambda x: np.where(on_one_point, np.float32(1), x))
    for systems in (well, mixed):
        systems.run(40)
    assert mixed.positions[[0, 2, 3]].tobytes() == well.positions[[0, 2, 3]].tobytes()
    assert np.isfinite(mixed.positions).all()
    assert len(np.unique(mixed.positions[1], axis=0)) == 6


def test_running_twice_is_running_longer():
    once, twice = group(PLAIN, 2), group(PLAIN, 2)
    once.run(20)
    twice.run(5)
    twice.run(15)
    assert once.positions.tobytes() == twice.positions.tobytes()


def test_each_system_has_its_own_conditions():
    cold, heavy = group(PLAIN, 2), group(PLAIN, 2, gravity=3.0, temperature=0.1)
    both = group(PLAIN, 2)
    both.conditions = replace(
        both.conditions,
        gravity=np.where(np.arange(LANES) == 1, 3.0, 0.4).astype(np.float32),
        temperature=np.where(np.arange(LANES) == 1, 0.1, 0.75).astype(np.float32),
    )
    for systems in (cold, heavy, both):
        systems.run(30)
    assert both.positions[0].tobytes() == cold.positions[0].tobytes()
    assert both.positions[1].tobytes() == heavy.positions[1].tobytes()
    assert both.positions[1].tobytes() != cold.positions[1].tobytes()


def test_random_order_draws_every_particle_and_more_numbers():
    ordered, random = group(PLAIN, 2), group(replace(PLAIN, moves="random"), 2)
    starts = random.positions
    for systems in (ordered, random):
        systems.run(10)
    assert ordered.positions.tobytes() != random.positions.tobytes()
    assert (random.positions != starts).any(axis=2).all()


@pytest.mark.parametrize("walls", WALLS)
def test_particles_stay_in_the_box(walls):
    fluid = Fluid(pair_potential("none" if walls == "reject" else "lennard-jones"), cutoff=2.0, walls=walls)
    if walls == "mirror":  # as in the other tests, so that fewer kernels are compiled
        fluid = Fluid(pair_potential("fake"), dimensions=3, walls=walls)
    systems = group(fluid, 8, box=4.0, step=2.0, gravity=0.0)
    systems.run(50)
    assert systems.positions.min() >= 0
    assert systems.positions.max() <= 4
    assert (systems.positions < 0.4).any()
    assert (systems.positions > 3.6).any()


def test_kernels_are_kept_on_disk_unless_the_potential_is_the_users():
    assert kernel_of(3, 2, False, False).stats.cache_path is not None
    user = kernel_of(-1, 2, False, False, pair_potential("none").energy)
    assert user.stats.cache_path is None


# steps


def test_tuned_steps_are_accepted_as_often_as_aimed_at_and_then_stay():
    systems = group(PLAIN, 64, particles=30, box=10.0, step=0.05, teleport=0.3)
    systems.tune(1000)
    steps = systems.step
    systems.run(500)
    assert systems.step.tobytes() == steps.tobytes()
    assert systems.acceptance().mean() == pytest.approx(ACCEPTED, abs=0.02)
    assert 0.5 < steps.mean() < 1.5
    assert len(np.unique(steps)) == 64


def test_steps_have_bounds():
    free, dense = group(Fluid(pair_potential("none"), walls="reject"), 4), group(PLAIN, 4, temperature=1e-6)
    for systems in (free, dense):
        systems.tune(1000)
    assert (free.step == 2.0).all()
    assert (dense.step >= np.float32(SMALLEST_STEP)).all()
    assert dense.step.min() < 2 * SMALLEST_STEP


def test_teleports_do_not_count_as_accepted_local_moves():
    systems = group(Fluid(pair_potential("none"), walls="reject"), 8, teleport=1.0, gravity=0.0)
    systems.run(20)
    assert (systems.acceptance() == 0).all()
    assert stats.kstest(systems.positions.ravel() / 4, "uniform").pvalue > 1e-3


# law


PAIR = {
    "particles": 2,
    "box": 3.0,
    "gravity": 0.6,
    "temperature": 0.75,
    "sweeps": 100,
    "samples": 32,
    "spacing": 8,
    "step": 0.8,
    "teleport": 0.2,
}
BONDED = {"bonds": {"stiffness": 30.0, "length": 1.5}, "sweeps": 4000, "step": 0.4}
#: settings of two particles, and what to change so that they obey another law
LAWS = {
    "cut and shifted": ({"cutoff": 1.5, "shift": True}, {"shift": False}),
    "cut": ({"cutoff": 1.5}, {"cutoff": 1.2}),
    "random moves": ({"moves": "random"}, {"temperature": 0.9}),
    "no teleports": ({"teleport": 0.0}, {"gravity": 0.75}),
    "large steps": ({"teleport": 0.0, "step": 1.5, "moves": "random"}, {"gravity": 0.5}),
    "mirrors in 3-D": (
        {"dimensions": 3, "potential": "fake", "cutoff": None, "walls": "mirror", "teleport": 0.0, "step": 1.4},
        {"potential": "lennard-jones"},
    ),
    "rejection": (
        {"potential": "none", "walls": "reject", "teleport": 0.0, "step": 1.4, "gravity": 0.6},
        {"gravity": 0.7},
    ),
    "periodic": ({"walls": "periodic", "gravity": 0.0, "cutoff": 1.5}, {"walls": "keep"}),
    "bond": (BONDED | {"teleport": 0.1, "spacing": 40}, {"bonds": None}),
    "softer bond": (BONDED | {"bonds": {"stiffness": 5.0, "length": 2.0}}, {"bonds": {"stiffness": 10.0}}),
}


def features(simulator, x, energy):
    """Energy, heights, one place sideways and the distance, (rows, 5)."""
    distance = np.linalg.norm(x[:, 0] - x[:, 1], axis=1)
    return np.column_stack([energy, x[:, 0, -1], x[:, 1, -1], x[:, 0, 0], distance, distance**2])


def exact(simulator, rows=80_000):
    """Means of the features and their standard errors, by weights."""
    rng, box = np.random.default_rng(5), simulator.boxes[0]
    x = rng.random((rows, 2, simulator.dimensions)) * box
    energy = simulator.energy(x, np.full((rows, 1), simulator.gravities[0]))
    kept = energy < 50
    found = features(simulator, x[kept], energy[kept])
    weight = np.exp(-energy[kept] / simulator.temperatures[0])
    weight /= weight.sum()
    mean = weight @ found
    return mean, np.sqrt(np.square(weight) @ np.square(found - mean))


def sampled(simulator, chains=2 * LANES):
    streams = RowStreams(3, 0, chains * simulator.samples)
    snapshots = simulator.simulate(simulator.draw(streams), streams)
    found = features(simulator, snapshots["positions"].astype(float), snapshots["energy"])
    of_chains = found.reshape(chains, simulator.samples, -1).mean(axis=1)
    return of_chains.mean(axis=0), of_chains.std(axis=0, ddof=1) / chains**0.5


def largest_deviation(first, second):
    """In standard errors."""
    return np.abs((first[0] - second[0]) / np.hypot(first[1], second[1])).max()


@pytest.mark.parametrize("law", LAWS)
def test_law_of_two_particles(law):
    settings, change = LAWS[law]
    found = sampled(LennardJones(**PAIR | settings))
    assert largest_deviation(found, exact(LennardJones(**PAIR | settings))) < 4
    assert largest_deviation(found, exact(LennardJones(**PAIR | settings | change))) > 6


@pytest.mark.slow  # of the users' potentials test_physics.py samples another one, which its numba compiles
def test_potential_of_the_user_is_sampled(tmp_path, monkeypatch):
    (tmp_path / "potential_to_sample.py").write_text("import math\n\ndef u(r2):\n    return 3 * math.exp(-r2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings = PAIR | {"potential": "potential_to_sample:u", "cutoff": 2.0}
    found = sampled(LennardJones(**settings))
    assert largest_deviation(found, exact(LennardJones(**settings))) < 4
    assert largest_deviation(found, exact(LennardJones(**settings | {"potential": "none"}))) > 6


def test_moves_between_three_layers_go_both_ways_equally_often():
    """Detailed balance of a particle under gravity; far from equilibrium the same counts differ."""
    fluid = Fluid(pair_potential("none"), walls="reject")
    high = [np.nan, 1.8]
    systems = group(
        fluid, LANES, particles=1, box=2.0, gravity=1.0, step=0.9, start=lambda x: np.where(np.isnan(high), x, high)
    )

    def smallest_p(times):
        counts = np.zeros((3, 3), int)
        for _ in range(times):
            before = np.digitize(systems.positions[:, 0, 1], [0.3, 0.9])
            systems.run(1)
            np.add.at(counts, (before, np.digitize(systems.positions[:, 0, 1], [0.3, 0.9])), 1)
        assert counts.sum() == times * LANES
        pairs = [(counts[i, j], counts[i, j] + counts[j, i]) for i, j in itertools.combinations(range(3), 2)]
        return min(stats.binomtest(int(one), int(both)).pvalue for one, both in pairs if both)

    assert smallest_p(6) < 1e-6
    systems.run(100)
    assert smallest_p(400) > 1e-3


@pytest.mark.parametrize(("moves", "bonded"), list(itertools.product(MOVES, [False, True])))
def test_a_rise_is_the_difference_of_two_energies(moves, bonded):
    """At a very low temperature a move is accepted only if the energy in double precision does not rise."""
    fluid = replace(PLAIN, moves=moves, bonds=Bonds() if bonded else None)
    bonds = {"stiffness": 30.0, "length": 1.5} if bonded else None
    simulator = LennardJones(particles=6, box=6.0, bonds=bonds, gravity=0.4)
    chain = np.stack([np.linspace(0.5, 5.5, 6), np.full(6, 3.0)], axis=1)
    start = (lambda x: np.broadcast_to(chain, x.shape)) if bonded else None
    systems = group(fluid, 64, box=6.0, temperature=1e-5, step=0.2, teleport=0.0, start=start)
    gamma, energies = np.full((64, 1), 0.4), []
    for _ in range(60):
        systems.run(1)
        energies.append(simulator.energy(systems.positions, gamma))
    falls = np.diff(np.array(energies)[10:], axis=0)
    scale = 1 + np.abs(energies[10])
    assert (falls < 2e-4 + 1e-5 * scale).all()
    assert (falls < -1e-2).any()
