"""A dense network in a run: taken up where it was interrupted, scored alike after loading; drops; devices."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from beable import RunSettings, Store, train
from beable.analysis.levels import level_of
from beable.errors import UsageError
from beable.training.device import device_named
from beable.training.settings import TrainingSettings

TREE = {
    "representation": {"kind": "fields"},
    "model": {"network": "dense-conv", "blocks": [1, 2, 1], "growth": 2, "linear": False, "variance": "pixel"},
    "training": {
        "members": 2,
        "steps": 6,
        "records": 2,
        "batch": 8,
        "start": "random",
        "held_out": 8,
        "patience": None,
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    theta = np.random.default_rng(0).normal(size=(32, 2, 1, 1))
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    field = np.sin(3 * x + theta[:, 0]) + theta[:, 1] * y
    return Store.from_arrays(tmp_path_factory.mktemp("dense") / "waves.zarr", {"height": field})


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    return train(store, tmp_path_factory.mktemp("whole") / "run", RunSettings.model_validate(TREE))


def test_an_interrupted_training_ends_with_the_same_bits(store, whole, tmp_path):
    """Running statistics are part of what a checkpoint has."""

    def interrupt(done, total):
        if done == 4:
            raise InterruptedError

    settings = RunSettings.model_validate(TREE)
    with pytest.raises(InterruptedError):
        train(store, tmp_path / "run", settings, progress=interrupt, save_every=0.0)
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert train(store, tmp_path / "run", settings).id == whole.id


def test_a_row_of_a_finished_run_is_encoded_alike_among_others_and_alone(whole, store):
    """With the moments of a batch, as in training, it is not."""
    rows = store.read("height")
    for training in (False, True):
        whole.vae.train(training)
        together = whole.encode(rows[:6]).mean
        alone = whole.encode(rows[1:4]).mean
        assert np.allclose(together[:, 1:4], alone, atol=1e-5) != training
    whole.vae.eval()


def test_a_scored_run_has_the_level_of_a_variance_for_each_grid_point(whole, store):
    """The collapsed level is that of a decoder that answers the mean, with the best variance of each point."""
    snapshots = {"height": store.read("height")}
    coded = whole.representation.transform(snapshots)
    variance = coded.values.reshape(32, -1).astype(np.float64).var(0)
    expected = 0.5 * (1 + np.log(2 * np.pi * variance)).sum() + float(whole.log_volume(snapshots).mean())
    assert level_of(whole, snapshots, coded) == pytest.approx(expected, abs=1e-3)


def test_the_learning_rate_drops_at_its_steps():
    training = TrainingSettings(decay="none", drops=((2, 0.2), (4, 0.1)))
    assert [training.share_of_rate(step) for step in range(6)] == [1.0, 1.0, 0.2, 0.2, 0.1, 0.1]
    with pytest.raises(ValidationError, match="give decay 'none'"):
        TrainingSettings(drops=((2, 0.2),))
    with pytest.raises(ValidationError, match="order of their steps"):
        TrainingSettings(decay="none", drops=((4, 0.2), (2, 0.1)))


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named("cpu").type == "cpu"
    assert device_named("auto").type == "cpu"
    with pytest.raises(UsageError, match=r"training\.device = 'cpu' or 'auto'"):
        device_named("cuda")
