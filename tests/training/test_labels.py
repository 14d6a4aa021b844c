"""Labels of some training rows: what they turn, which rows have them, what is kept, what is refused."""

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.datasets.store import Store
from beable.errors import DataError, DataWarning, DivergedError, UsageError
from beable.metrics.separation import separation
from beable.report.labels import label_words
from beable.report.run import answer_of
from beable.settings import validated
from beable.training.labels import label_batches
from beable.training.run import Run, train
from beable.training.settings import RunSettings
from beable.vae.settings import LabelSettings

pytestmark = pytest.mark.usefixtures("few_draws")

ROWS, HELD = 120, 60


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two independent normal factors, of which nothing in the fields shows the axes; b in a unit of its own."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(ROWS, 2))
    x = np.linspace(0, 1, 40)
    waves = np.stack([np.sin(2 * np.pi * x), np.cos(2 * np.pi * x)])
    known = (np.arange(ROWS) % 3 > 0).astype(float)
    return Store.from_arrays(
        tmp_path_factory.mktemp("data") / "waves.zarr",
        {"height": theta @ waves},
        {"a": theta[:, 0], "b": 300 + 20 * theta[:, 1], "known": known, "still": np.full(ROWS, 7.0)},
        units={"b": "K"},
    )


def settings(labels=None, **training):
    own = {
        "members": 4,
        "steps": 120,
        "batch": 20,
        "held_out": HELD,
        "start": "random",
        "seed": 1,
        "patience": None,
        "records": 5,
    }
    tree = {
        "representation": {"kind": "modes", "modes": 2},
        "model": {"latents": 2, "depth": 0, "scaled": "alike"},
        "objective": {"labels": labels},
        "training": {"learning_rate": 0.04, "keep": "last"} | own | training,
    }
    return validated(RunSettings, tree)


@pytest.fixture(scope="module")
def labelled(store, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return train(store, path, settings({"names": ["a", "b"], "number": [20, 40], "draws": 2}))


@pytest.fixture(scope="module")
def free(store, tmp_path_factory):
    return train(store, tmp_path_factory.mktemp("runs") / "run", settings(steps=40))


def angles(run, store):
    theta = store.factor_values[run.held_rows, :2]
    codes = run.encode({"height": store.read("height", run.held_rows)})
    return [separation(z, theta).angle for z in codes.mean]


def test_a_few_labels_turn_an_isotropic_plane_and_no_labels_leave_it_turned(store, labelled, free):
    assert max(np.nan_to_num(angles(labelled, store), nan=90.0)) < 3
    assert max(np.nan_to_num(angles(free, store), nan=90.0)) > 10  # four of chance below it: (10 / 45)^4


def test_the_factor_comes_back_in_its_own_unit(store, labelled):
    found = labelled.estimate({"height": store.read("height", labelled.held_rows)})
    truth = store.factor_values[labelled.held_rows]
    for name, column, spread in (("a", 0, 1.0), ("b", 1, 20.0)):
        error = np.sqrt(np.square(found[name].mean - truth[:, column]).mean(1))
        assert (error[2:] < 0.15 * spread).all()  # of 40 labels: 20 may say less of the spread
        assert (found[name].std > 0).all()
    errors = evaluate(labelled, store).labels
    assert errors.units == ("1", "K")
    np.testing.assert_allclose(errors.error[:, 1], error, rtol=1e-5)


def test_fewer_labels_are_the_first_of_more_and_held_out_rows_have_none(labelled):
    rows = [set(r.tolist()) for r in labelled.labels.rows]
    assert labelled.labels.number == [20, 20, 40, 40]
    assert rows[0] < rows[2]
    assert rows[1] < rows[3]
    assert rows[0] != rows[1]
    assert set().union(*rows) <= set(labelled.train_rows.tolist())


def test_it_is_said_that_labels_were_used(store, labelled, free):
    said = answer_of(labelled, evaluate(labelled, store))
    assert "Labels were used: a, b of 20 to 40 training rows" in said
    assert label_words(free) == ""
    assert evaluate(free, store).labels is None
    with pytest.raises(UsageError, match="trained without labels"):
        free.estimate({"height": store.read("height", free.held_rows)})


def test_the_term_stands_in_the_history(labelled, free):
    assert "train/labels" in labelled.history
    assert "held/labels" not in labelled.history
    assert "train/labels" not in free.history
    assert (labelled.history["train/labels"][-1] < labelled.history["train/labels"][0]).all()


def test_one_factor_of_two_takes_the_first_latent(store, tmp_path):
    run = train(store, tmp_path / "run", settings({"names": ["b"], "number": 12}, members=2))
    codes = run.encode({"height": store.read("height", run.held_rows)})
    theta = store.factor_values[run.held_rows]
    for z in codes.mean:
        r = np.corrcoef(z.T, theta[:, :2].T)[:2, 2:]
        assert r[0, 1] > 0.95
        assert abs(r[0, 0]) < 0.5
    assert list(run.estimate({"height": store.read("height", run.held_rows)})) == ["b"]


def test_an_interrupted_training_ends_with_the_same_bits(store, tmp_path):
    asked = settings({"names": ["a", "b"], "number": 12, "batch": 5}, members=2, steps=12)
    whole = train(store, tmp_path / "whole", asked)

    def stop(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "run", asked, progress=stop, save_every=0.0)
    assert train(store, tmp_path / "run", asked).id == whole.id
    assert Run.load(tmp_path / "run").labels.number == [12, 12]


def batches(store, members=2, seed=0, **choices):
    given = LabelSettings(**{"names": ("a", "b"), "number": 8} | choices)
    return label_batches(given, store, np.arange(HELD), range(members), None, seed)


def test_noise_is_in_units_of_the_spread(store):
    clean, rough = (batches(store, members=1, number=60, noise=noise, batch=None) for noise in (0.0, 0.5))
    np.testing.assert_array_equal(clean.labels.rows[0], rough.labels.rows[0])
    own = store.factor_values[clean.labels.rows[0], :2]
    np.testing.assert_allclose(clean.labels.centre[0], own.mean(0))
    np.testing.assert_allclose(clean.labels.spread[0], own.std(0))
    # 60 labels: the sample deviation of noise 0.5 is within 0.5 ± 0.15, of the sum of both sqrt(1.25)
    np.testing.assert_allclose(rough.labels.spread[0] / own.std(0), np.sqrt(1.25), atol=0.25)


def test_a_list_of_noises_is_one_a_member(store):
    found = batches(store, members=2, noise=(0.0, 1.0)).labels
    np.testing.assert_array_equal(found.rows[0], found.rows[1])
    assert not np.allclose(found.centre[0], found.centre[1])


def test_a_small_batch_goes_through_all_labels_and_a_member_alone_sees_the_same(store):
    from beable.vae.vae import Rows  # torch takes a second that the collection of tests need not

    torch = pytest.importorskip("torch")
    rows = Rows(torch.arange(HELD, dtype=torch.float32)[:, None], torch.zeros(HELD, 1))
    few = batches(store, number=(3, 8), batch=4)
    seen = [few.at(step, rows) for step in range(4)]
    assert {int(v) for one in seen[:2] for v in one.rows.values[1]} == set(few.labels.rows[1].tolist())
    torch.testing.assert_close(seen[0].share[0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))
    torch.testing.assert_close(seen[0].share.sum(1), torch.ones(2))


def test_labels_are_drawn_where_they_are_known(store):
    found = batches(store, number=None, known="known").labels
    assert sorted(found.rows[0].tolist()) == [row for row in range(HELD) if row % 3]


@pytest.mark.parametrize(
    ("labels", "kind", "words"),
    [
        ({"names": ["c"], "number": 5}, UsageError, "unknown factor 'c'"),
        ({"names": ["a"], "number": 61}, DataError, "61 labelled rows are asked for, 60 training rows can"),
        ({"names": ["a"], "number": 1}, DataError, "at least 2, or objective.labels.centre"),
        ({"names": ["still"], "number": 5}, DataError, "still is 7 in all 5 labelled rows"),
        (
            {"names": ["a", "b", "known"], "number": 5},
            UsageError,
            r"labelled factors .* are more than model.latents, 2",
        ),
        ({"number": 5}, UsageError, r"labels.names is missing: .* \(--labels\)"),
        ({"names": ["a", "a"], "number": 5}, UsageError, "'a' stands there twice"),
        ({"names": ["a"]}, UsageError, "objective.labels.number is missing"),
        ({"names": ["a"], "number": [2, 3, 4]}, UsageError, "set training.members to 3"),
        ({"names": ["a"], "number": 5, "centre": [0.0, 1.0]}, UsageError, "2 numbers for 1 labelled factors"),
    ],
)
def test_labels_that_cannot_be_are_refused(store, tmp_path, labels, kind, words):
    with pytest.raises(kind, match=words):
        train(store, tmp_path / "run", settings(labels))


def test_a_factor_cannot_be_told_and_asked_for():
    tree = {"model": {"conditions": ["a"]}, "objective": {"labels": {"names": ["a"], "number": 3}}}
    with pytest.raises(UsageError, match=r"a is in objective.labels and in model.conditions"):
        validated(RunSettings, tree)


def test_one_label_will_do_where_centre_and_spread_are_known(store):
    found = batches(store, number=1, centre=(0.0, 300.0), spread=(1.0, 20.0))
    assert found.labels.number == [1, 1]


def test_training_by_equation_28_is_stopped_with_the_reason(store, tmp_path):
    asked = settings({"names": ["a", "b"], "number": 12, "rule": "density"}, members=2, steps=400)
    with pytest.raises(DivergedError, match=r"falls without bound, because −KL .* objective.labels.rule to 'labels'"):
        train(store, tmp_path / "run", asked)


def test_few_labels_in_units_of_each_mode_are_warned_of(store, tmp_path):
    asked = settings({"names": ["a"], "number": 2}, members=1, steps=1)
    asked = asked.model_copy(update={"model": asked.model.model_copy(update={"scaled": True})})
    with pytest.warns(DataWarning, match="may learn these labels by heart"):
        train(store, tmp_path / "run", asked)
