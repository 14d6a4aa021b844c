"""Particles with and without names, boxes that repeat, and slow coordinates, from a data set to what a run decodes."""

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.errors import DataError, DataWarning, UsageError
from beable.representations import make
from beable.representations.identity import are_identical
from beable.settings import validated
from beable.training.particles import suited
from beable.training.run import settled, train
from beable.training.settings import RunSettings, TrainingSettings
from beable.training.slow import pairs_apart, slow_directions

ROWS, N = 60, 8
RNG = np.random.default_rng(3)
OPENING = np.linspace(-1, 1, ROWS)
#: a chain whose second half swings, a row a frame
STRAIGHT = np.cumsum(np.full((N, 3), 1.0), axis=0)
CHAIN = STRAIGHT + 0.02 * RNG.normal(size=(ROWS, N, 3))
CHAIN[:, N // 2 :, 0] += 2 * OPENING[:, None]
GAS = RNG.uniform(0, 10, (ROWS, 20, 2))
NAMES = np.array([f"C{i}" for i in range(N)])
TINY = {"model": {"latents": 1, "width": 8, "depth": 1}, "training": {"members": 2, "steps": 40, "records": 5}}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    return Store.from_arrays(
        folder / "chain.zarr",
        {"positions": CHAIN},
        {"opening": OPENING},
        units={"positions": "angstrom"},
        particles="distinct",
        constants={"atom_names": NAMES},
    )


def store_of(tmp_path, positions, name="a", **more):
    return Store.from_arrays(tmp_path / f"{name}.zarr", {"positions": positions}, **more)


def options(store, **given):
    return suited(store, ["positions"], {"kind": "coordinates", **given})


@pytest.mark.filterwarnings("ignore::beable.errors.HeldOutWarning")  # frames of one trajectory
def test_distinct_particles_keep_their_places_through_a_training(chain, tmp_path):
    run = train(chain, tmp_path / "run", validated(RunSettings, TINY))
    assert run.settings.representation.order == "none"
    decoded = next(run.decode(run.encode(CHAIN).mean))["positions"]
    nearest = np.linalg.norm(decoded[:, :, None] - CHAIN[:, None], axis=3).argmin(axis=2)
    assert (nearest == np.arange(N)).all()
    assert run.metadata["declared"]["words"]["atom_names"] == NAMES.tolist()
    assert run.metadata["declared"]["particles"] == {"identity": "distinct"}


def test_what_cannot_be_told_is_asked_with_both_answers(chain, tmp_path):
    for name, positions in {"still": CHAIN, "tumbling": _turned(CHAIN)}.items():
        with pytest.raises(UsageError, match=r"order=none.*--particles distinct.*--particles identical") as caught:
            options(store_of(tmp_path, positions, name))
        assert "\n" not in str(caught.value)
        assert options(Store.open(tmp_path / f"{name}.zarr"), order="none") == {"kind": "coordinates", "order": "none"}
    assert "order" not in options(store_of(tmp_path, GAS, "gas"))
    assert "order" not in options(store_of(tmp_path, CHAIN, "declared", particles="identical"))
    with pytest.warns(DataWarning, match="its particles are distinct"):
        options(chain, order="assignment")


def _turned(positions):
    angles = RNG.uniform(0, 6, len(positions))
    turns = np.stack([[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in angles])
    return np.matmul(positions - positions.mean(1, keepdims=True), turns)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_a_gas_means_nothing_and_that_of_a_molecule_is_left_open(seed):
    rng = np.random.default_rng(seed)
    gas = rng.uniform(size=(24, 20, 2))
    water = rng.uniform(0, 20, (24, 10, 1, 3)) + 0.1 * np.eye(3)
    assert are_identical(gas).answer
    assert are_identical(water.reshape(24, 30, 3)).answer is None
    shuffled = np.stack([row[rng.permutation(30)] for row in water.reshape(24, 30, 3)])
    assert are_identical(shuffled).answer


def test_distances_without_a_box_need_no_box(chain):
    assert options(chain, kind="distances") == {
        "kind": "distances",
        "order": "none",
        "scaling": "deviation",
        "orientation": "mean",
    }


def test_walls_that_a_simulator_calls_periodic_are_asked_for(tmp_path, monkeypatch):
    store = store_of(tmp_path, GAS % 5.0)
    fluid = {"walls": "periodic", "box": [5.0]}
    monkeypatch.setattr(Store, "settings", property(lambda self: fluid))
    monkeypatch.setattr(Store, "simulator", property(lambda self: "fluid"))
    assert settled(RunSettings(), store).representation.model_dump() == {"kind": "periodic", "box": (5.0,)}
    assert options(store, kind="distances") == {"kind": "distances", "box": 5.0, "periodic": True}
    fluid["box"] = [5.0, 6.0]  # a factor of the rows
    assert settled(RunSettings(), store).representation.kind == "coordinates"
    fluid["walls"] = "keep"
    assert options(store) == {"kind": "coordinates"}


@pytest.mark.slow
def test_a_simulator_with_periodic_walls_has_distances_of_nearest_images_and_angles(tmp_path):
    from beable.datasets.generate import generate
    from beable.systems.lennard_jones.simulator import LennardJones

    fluid = LennardJones(particles=6, box=5.0, walls="periodic", gravity=0, cutoff=2.5, sweeps=20, samples=8, spacing=5)
    store = generate(fluid, tmp_path / "fluid.zarr", 16, seed=0, workers=1)
    assert settled(RunSettings(), store).representation.model_dump() == {"kind": "periodic", "box": (5.0,)}
    chosen = suited(store, ["positions"], {"kind": "distances"})
    assert chosen == {"kind": "distances", "box": 5.0, "periodic": True}
    x = store.read("positions")
    code = make(**chosen).fit({"positions": x}).transform({"positions": x}).values
    assert code.max() * 5 * np.sqrt(2) <= 5 / np.sqrt(2) + 1e-5
    plain = make("distances", box=5.0).fit({"positions": x}).transform({"positions": x}).values
    assert plain.max() > code.max()


def test_a_wrapped_box_that_breathes_is_learned_with_the_particles(tmp_path):
    sides = 4 * RNG.uniform(0.9, 1.1, (ROWS, 1)) * np.ones(2)
    positions = RNG.uniform(0, 1, (ROWS, 5, 2)) * sides[:, None]
    store = Store.from_arrays(
        tmp_path / "a.zarr",
        {"positions": positions, "box": sides},
        dims={"positions": ("particle", "dimension"), "box": ("dimension",)},
        diagnostics=["box"],
        particles="distinct",
        constants={"periodic": np.array([1, 1], np.uint8)},
    )
    found = settled(RunSettings(), store)
    assert found.variables == ("positions", "box")
    assert found.representation.model_dump() == {"kind": "periodic", "order": "none"}


def test_pairs_never_cross_trajectories_or_gaps(tmp_path):
    parts = np.repeat([0.0, 1.0], ROWS // 2)
    store = store_of(tmp_path, CHAIN, factors={"trajectory": parts}, particles="distinct")
    rows = np.delete(np.arange(ROWS), 10)
    pairs = rows[pairs_apart(store, rows, 5)]
    assert (np.diff(pairs, axis=1) == 5).all()
    assert (parts[pairs[:, 0]] == parts[pairs[:, 1]]).all()
    assert not {5, 10} & {int(i) for i in pairs[:, 0]}
    assert len(pairs) == 2 * (ROWS // 2 - 5) - 2
    with pytest.raises(DataError, match="smaller --lag"):
        pairs_apart(store, rows, ROWS)


@pytest.mark.parametrize("seed", range(5))
def test_the_slow_direction_is_found_where_the_fast_one_is_larger(seed):
    rng, t = np.random.default_rng(seed), np.arange(400)
    slow, fast = np.sin(t / 40), 5 * rng.normal(size=400)
    codes = np.stack([slow + 0.1 * rng.normal(size=400), fast, rng.normal(size=400)], axis=1) @ rng.normal(size=(3, 6))
    pairs = np.stack([t[:-5], t[5:]], axis=1)
    found = slow_directions(codes, pairs, 2)
    z = codes @ found.directions
    assert abs(np.corrcoef(z[:, 0], slow)[0, 1]) > 0.95
    principal = np.linalg.svd(codes - codes.mean(0), full_matrices=False)[0][:, 0]
    assert abs(np.corrcoef(principal, slow)[0, 1]) < 0.9
    assert found.memory[0] > 0.9 > found.memory[1]


def test_a_lag_starts_from_slow_directions_and_no_other_start():
    assert TrainingSettings(lag=5).start == "tica"
    for given, words in (({"lag": 5, "start": "pca"}, "give one"), ({"start": "tica"}, "needs a lag")):
        with pytest.raises(UsageError, match=words):
            validated(TrainingSettings, given)
