"""Held-out frames of a trajectory are told from held-out rows that are strangers, and only they."""

import json
import warnings

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.store import Store
from beable.errors import DataError, HeldOutWarning, UsageError
from beable.representations import Coded
from beable.settings import validated
from beable.training.ensemble import split
from beable.training.run import Run, train
from beable.training.settings import RunSettings
from beable.training.strangers import strangers

#: where trajectories begin, the look at the data names jumps
pytestmark = pytest.mark.filterwarnings("ignore::beable.errors.DataWarning")

SHORT = {"members": 1, "steps": 2, "start": "pca"}


def frames(groups=10, length=40, seed=5):
    """Slow trajectories with patterns of their own, and the number of each."""
    rng = np.random.default_rng(seed)
    pattern, drift = rng.normal(size=(2, groups, 1, 16 * 12))
    rows = (pattern + 0.02 * np.arange(length)[:, None] * drift).reshape(groups * length, -1)
    return rows, np.repeat(np.arange(groups), length)


def judged(rows, factors=None, seed=0, **way):
    trained, held = split(len(rows), 0.25, seed, **way)
    coded = [Coded(rows[part], np.zeros((len(part), 1))) for part in (trained, held)]
    return strangers(*coded, trained, held, factors).verdict.answer


def uniform(rng, rows):
    return rng.uniform(size=(rows, 2))


def mixture(rng, rows):
    return rng.choice([-3.0, 3.0], (rows, 3)) + rng.normal(size=(rows, 3))


def heavy(rng, rows):
    return rng.standard_t(2, size=(rows, 40))


def correlated(rng, rows):
    return rng.normal(size=(rows, 1)) + 0.1 * rng.normal(size=(rows, 12))


def duplicates(rng, rows):
    return rng.integers(0, 4, (rows, 2)).astype(float)


@pytest.mark.parametrize("law", [uniform, mixture, heavy, correlated, duplicates])
def test_independent_rows_are_strangers(law):
    """Sixty data sets of each law, of 60 to 400 rows; not one may be called near copies."""
    answers = [judged(law(np.random.default_rng(seed), (60, 150, 400)[seed % 3]), seed=seed) for seed in range(60)]
    assert False not in answers


def test_independent_rows_of_equal_factors_are_strangers():
    """Samples of a fluid at a few values of gravity: what the factor changes is small beside their own spread."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        gravity = rng.choice([0.0, 0.5, 1.0], (200, 1))
        assert judged(gravity + rng.normal(size=(200, 30)), gravity, seed) is True


@pytest.mark.parametrize("seed", range(5))
def test_frames_of_trajectories_are_no_strangers(seed):
    rows, number = frames(seed=seed)
    assert judged(rows, seed=seed) is False
    assert judged(rows, seed=seed, parts=number) is True


def test_one_long_drift_is_no_stranger_to_itself():
    walk = np.cumsum(np.random.default_rng(0).normal(size=(300, 5)), axis=0)
    assert judged(walk) is False


@pytest.mark.parametrize("told", [True, False])
def test_shuffled_frames_are_told_by_their_factors_alone(told):
    rows, number = frames()
    order = np.random.default_rng(0).permutation(len(rows))
    factors = number[order, None].astype(float) if told else None
    assert judged(rows[order], factors) is (not told)


def test_of_few_rows_it_cannot_be_told():
    rows, _ = frames(2, 10)
    assert judged(rows) is None


def test_the_judgement_does_not_depend_on_the_unit():
    rows, _ = frames()
    assert {judged(rows * size) for size in (1e-25, 1.0, 1e25)} == {False}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rows, number = frames()
    factors = {"trajectory": number.astype(float), "half": (number > 4).astype(float)}
    return Store.from_arrays(
        tmp_path_factory.mktemp("data") / "frames.zarr", {"u": rows.reshape(-1, 16, 12).astype(np.float32)}, factors
    )


def trained(store, path, **training):
    return train(store, path, validated(RunSettings, {"training": SHORT | training}))


def test_frames_held_out_one_by_one_are_warned_of(store, tmp_path):
    with pytest.warns(HeldOutWarning, match=r"no strangers.*--group NAME \(training\.group\) or --blocks N") as caught:
        run = trained(store, tmp_path / "run")
    assert "\n" not in next(str(w.message) for w in caught if w.category is HeldOutWarning)
    assert run.strangers.answer is False
    assert run.held_out == "100 of 400 rows, drawn at random"
    assert trained(store, tmp_path / "run").strangers == run.strangers  # finished runs are not warned of again


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ({"group": ["trajectory"]}, "2 of 10 groups with the same trajectory, drawn at random: 80 of 400 rows"),
        ({"group": ["half", "trajectory"], "held_out": 0.3}, "3 of 10 groups with the same half, trajectory, drawn"),
        ({"blocks": 8, "shuffle": False}, "2 of 8 blocks of neighbours, the last ones: 100 of 400 rows"),
    ],
)
def test_rows_that_belong_together_stay_on_one_side(store, tmp_path, way, words):
    run = trained(store, tmp_path / "run", **way)
    assert run.held_out.startswith(words)
    if "group" in way:
        number = store.factor_values[:, 0]
        assert not set(number[run.held_rows]) & set(number[run.train_rows])
        assert run.strangers.answer is True
    else:
        assert run.held_rows.tolist() == list(range(300, 400))
    assert Run.load(tmp_path / "run").held_out == run.held_out


@pytest.mark.parametrize(
    ("way", "error", "words"),
    [
        ({"group": ["trajectry"]}, UsageError, "unknown factor 'trajectry': did you mean 'trajectory'"),
        ({"group": ["trajectory"], "blocks": 4}, UsageError, "give one of them"),
        ({"group": ["trajectory"], "held_out": 0.01}, DataError, r"4 of 400 rows cannot.*\(--held-out\) to 0\.1$"),
        ({"blocks": 401}, DataError, r"400 rows cannot be cut into 401 blocks.*--blocks"),
        ({"blocks": 1}, UsageError, "training.blocks must be at least 2, not 1"),
    ],
)
def test_what_cannot_be_held_out_is_refused(store, tmp_path, way, error, words):
    with pytest.raises(error, match=words) as caught:
        trained(store, tmp_path / "run", **way)
    assert "\n" not in str(caught.value)


def test_one_group_cannot_be_held_out(tmp_path):
    same = {"same": np.ones(40)}
    alike = Store.from_arrays(tmp_path / "same.zarr", {"u": np.random.default_rng(0).normal(size=(40, 5))}, same)
    with pytest.raises(DataError, match=r"all rows belong together.*--group"):
        trained(alike, tmp_path / "run", group=["same"])


def test_the_command_line_holds_out_groups_and_blocks(store, tmp_path, capsys):
    words = ["--members", "1", "--steps", "2", "--start", "pca", "--latents", "2", "--json"]
    for name, way in (("group", ["--group", "trajectory", "half"]), ("blocks", ["--blocks", "8"])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
            assert cli.run(["fit", str(store.path), "-o", str(tmp_path / name), *way, *words]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["held_out"] == Run.load(tmp_path / name).held_out
        assert told["strangers"]["answer"] in ("yes", "no")


@pytest.mark.parametrize("law", ["normal", "mixture", "uniform"])
def test_rows_of_darcy_flow_are_strangers(law):
    from beable.representations import make
    from beable.streams import RowStreams
    from beable.systems.darcy.simulator import Darcy

    darcy, streams = Darcy(modes=2, factors=law, grid=17), RowStreams(0, 0, 120)
    drawn = darcy.draw(streams)
    flux = darcy.simulate(drawn, streams)["flux"]
    trained, held = split(len(flux), 0.25, 0)
    modes = make("modes").fit({"flux": flux[trained]})
    coded = [modes.transform({"flux": flux[part]}) for part in (trained, held)]
    assert strangers(*coded, trained, held, drawn).verdict.answer is True


def test_powders_drawn_for_packings_are_strangers():
    from beable.streams import RowStreams
    from beable.systems.packing.simulator import Packing

    powders = Packing(median=[1.0, 5.0], spread=[0.05, 0.3]).draw(RowStreams(0, 0, 200))
    assert judged(powders, powders) is True


def test_a_group_of_data_without_factors_is_refused_with_a_way_out(tmp_path):
    store = Store.from_arrays(tmp_path / "plain.zarr", {"u": np.random.default_rng(0).normal(size=(40, 6))})
    with pytest.raises(UsageError, match="the data set has no factors, run was asked for: name factors"):
        train(store, tmp_path / "run", RunSettings(training={"group": ("run",), "steps": 2, "members": 1}))
