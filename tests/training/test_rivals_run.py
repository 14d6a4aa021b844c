"""A training with a network of the objective's own is taken up where it was interrupted."""

import numpy as np
import pytest

from beable import RunSettings, Store, train


def settings():
    return RunSettings.model_validate(
        {
            "model": {"latents": 2, "width": 8},
            "objective": {"regulariser": {"kind": "factor", "width": 8, "depth": 1}},
            "training": {"members": 2, "steps": 12, "records": 3, "batch": 16, "patience": None},
        }
    )


def test_an_interrupted_training_with_a_network_of_its_own_ends_with_the_same_bits(tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 5))
    store = Store.from_arrays(tmp_path / "data.zarr", {"sizes": values[:, :4], "density": values[:, 4]})
    whole = train(store, tmp_path / "whole", settings())

    def interrupt(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "run", settings(), progress=interrupt, save_every=0.0)
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert train(store, tmp_path / "run", settings()).id == whole.id
