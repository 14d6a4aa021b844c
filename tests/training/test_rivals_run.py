"""A training with a further term: its network is taken up where it was interrupted, its history covers every record."""

import numpy as np
import pytest

from beable import Run, RunSettings, Store, train
from beable.vae.regularisers import REGULARISERS

FACTOR = {"kind": "factor", "width": 8, "depth": 1}


def settings(regulariser=None, **objective):
    return RunSettings.model_validate(
        {
            "model": {"latents": 2, "width": 8},
            "objective": objective | {"regulariser": regulariser},
            "training": {"members": 2, "steps": 12, "records": 4, "batch": 16, "patience": None},
        }
    )


@pytest.fixture
def store(tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 5))
    return Store.from_arrays(tmp_path / "data.zarr", {"sizes": values[:, :4], "density": values[:, 4]})


def test_an_interrupted_training_with_a_network_of_its_own_ends_with_the_same_bits(store, tmp_path):
    whole = train(store, tmp_path / "whole", settings(FACTOR))

    def interrupt(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "run", settings(FACTOR), progress=interrupt, save_every=0.0)
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert train(store, tmp_path / "run", settings(FACTOR)).id == whole.id


@pytest.mark.parametrize("kind", REGULARISERS)
def test_a_term_is_recorded_in_the_first_phase_and_acts_after_it(store, tmp_path, kind):
    train(store, tmp_path / "run", settings({"kind": kind, "weight": 10.0}, reconstruction_steps=7))
    run, plain = Run.load(tmp_path / "run"), train(store, tmp_path / "plain", settings(reconstruction_steps=7))
    same = (run.history["train/distortion"] == plain.history["train/distortion"]).all(1)
    first = run.history["step"] <= 7
    assert first.sum() > 1
    assert (same == first).all()
