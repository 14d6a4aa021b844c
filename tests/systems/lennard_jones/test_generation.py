"""Generated configurations are told from equilibrium ones, and equilibrium ones are not told from themselves."""

import json

import numpy as np
import pytest

from beable.errors import DataError, UsageError
from beable.records import plain
from beable.streams import RowStreams
from beable.systems.lennard_jones.generation import judge, pairs_distance
from beable.systems.lennard_jones.simulator import LennardJones

BOX = 4.0


@pytest.fixture(scope="module")
def fluid():
    return LennardJones(particles=6, box=BOX, gravity=0.4, sweeps=400, samples=10, spacing=40)


@pytest.fixture(scope="module")
def equilibrium(fluid):
    streams = RowStreams(0, 0, 1200)
    return fluid.simulate(fluid.draw(streams), streams)["positions"]


@pytest.fixture(scope="module")
def gas():
    return np.random.default_rng(0).uniform(-0.05, BOX, (300, 6, 2))


def test_equilibrium_is_not_told_from_itself(fluid, equilibrium):
    found = judge(equilibrium[:600], equilibrium[600:], fluid, [0.4], BOX, sweeps=(1, 20))
    assert found.generated.apart == found.generated.inside == 1
    assert found.generated.pairs_distance < 2 * found.equilibrium.pairs_distance
    for after in found.relaxed:
        assert abs(after.difference.mean) < 4 * after.difference.error
        assert after.p > 0.01
        assert after.apart == 1


def test_a_gas_is_told_from_it_and_relaxes(fluid, equilibrium, gas):
    found = judge(gas, equilibrium, fluid, [0.4], BOX, sweeps=(1, 500), step=0.4)
    assert found.generated.apart < 0.5
    assert found.generated.inside < 0.95
    assert found.generated.pairs_distance > 5 * found.equilibrium.pairs_distance
    first, last = found.relaxed
    assert first.energy_median > found.equilibrium.energy_median + 5
    assert first.p < 0.01
    assert last.apart == 1
    assert abs(last.difference.mean) < 4 * last.difference.error


def test_a_template_is_valid_and_seen_through(fluid, equilibrium):
    """The trap of validity alone: one well-spaced configuration, printed again and again."""
    lattice = np.stack(np.meshgrid([0.6, 2.0, 3.4], [0.8, 2.2]), -1).reshape(1, 6, 2).repeat(300, 0)
    found = judge(lattice, equilibrium, fluid, [0.4], BOX, sweeps=(1,))
    assert found.generated.apart == 1
    assert found.generated.contacts.mean < 0.5 * found.equilibrium.contacts.mean
    assert found.generated.height_spread < 0.1 * found.equilibrium.height_spread
    assert found.generated.pairs_distance > 0.5


def test_particles_that_stay_on_top_of_each_other_have_an_infinite_mean_energy_without_an_error(fluid, equilibrium):
    found = judge(np.full((40, 6, 2), 2.0), equilibrium, fluid, [0.4], BOX, sweeps=(1,), step=1e-30, teleport=0.0)
    after = found.relaxed[0]
    assert after.difference.mean == np.inf
    assert np.isnan(after.difference.error)
    assert after.p < 0.01


def test_sweeps_are_counted_from_the_start(fluid, equilibrium, gas):
    """After 1 and then 5 sweeps in all, not 1 and then 5 more."""
    asked = []

    class Counted:
        energy = fluid.energy

        def relax(self, positions, values, sweeps, rng, *, step, teleport):
            asked.append(sweeps)
            return fluid.relax(positions, values, sweeps, rng, step=step, teleport=teleport)

    judge(gas, equilibrium, Counted(), [0.4], BOX, sweeps=(1, 5, 20))
    assert asked == [1, 4, 15]


def test_numbers_are_ready_for_json(fluid, equilibrium, gas):
    found = judge(gas[:20], equilibrium, fluid, [0.4], BOX, sweeps=(1,))
    again = json.loads(json.dumps(plain(found)))
    assert again["relaxed"][0]["energy"]["error"] > 0
    assert set(again["generated"]) == set(again["equilibrium"])


def test_pairs_distance_of_one_set_is_zero_and_of_others_is_not(equilibrium):
    assert pairs_distance(equilibrium, equilibrium) == 0
    assert pairs_distance(1.2 * equilibrium, equilibrium) > 0.3


def test_what_cannot_be_judged(fluid, equilibrium):
    with pytest.raises(DataError, match="too few"):
        judge(equilibrium[:2], equilibrium, fluid, [0.4], BOX)
    with pytest.raises(DataError, match="alike"):
        judge(equilibrium[:, :5], equilibrium, fluid, [0.4], BOX)
    with pytest.raises(UsageError, match="ascend"):
        judge(equilibrium, equilibrium, fluid, [0.4], BOX, sweeps=(5, 1))
    with pytest.raises(DataError, match="nothing to compare"):
        pairs_distance(equilibrium, [[[0, 0], [9, 9]]])
