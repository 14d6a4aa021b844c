"""Members that the rate keeps from learning are started again, the others keep their bits."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from beable import RunSettings, Store, train
from beable.errors import UsageError
from beable.settings import merged, validated
from beable.training import checkpoint
from beable.training import run as running
from beable.training.restarts import settings_of

AT_ONCE = {
    "model": {"width": 8, "depth": 1, "variance": "scalar", "latents": 1},
    "objective": {"beta": {"kind": "constant", "beta": [1e4, 1.0, 1e4]}, "reconstruction_steps": 20},
    "training": {
        "members": 3,
        "steps": 110,
        "batch": "none",
        "decay": "none",
        "start": "random",
        "patience": "none",
        "keep": "last",
        "records": 5,
        "learning_rate": 0.05,
    },
}


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    """Waves of one phase: a β of 10,000 leaves no latent in use, one of 1 does."""
    rows = np.sin(np.arange(12) + np.random.default_rng(0).uniform(0, 1.5, (60, 1)))
    return Store.from_arrays(tmp_path_factory.mktemp("waves") / "waves.zarr", {"height": rows})


def trained(waves, path: Path, every=1e9, **training):
    return train(waves, path, validated(RunSettings, merged(AT_ONCE, {"training": training})), save_every=every)


@pytest.fixture(scope="module")
def without(waves, tmp_path_factory):
    return trained(waves, tmp_path_factory.mktemp("without") / "run")


@pytest.fixture(scope="module")
def again(waves, tmp_path_factory):
    return trained(waves, tmp_path_factory.mktemp("again") / "run", restarts=2, restart_after=70)


def test_only_members_at_the_collapsed_level_are_started_again(without, again):
    assert without.restarted == [0, 0, 0]
    started = [k for k, times in enumerate(again.restarted) if times]
    assert started
    assert 1 not in started  # one of the others may stop just short of the level
    for (name, a), b in zip(without.vae.named_parameters(), again.vae.parameters(), strict=True):
        assert torch.equal(a[1], b[1]), name
    (first, *_), (other, *_) = without.vae.encoder.parameters(), again.vae.encoder.parameters()
    assert [k for k in range(3) if not torch.equal(first[k], other[k])] == started
    for name, values in without.history.items():
        own = (v[..., 1] if v.ndim > 1 else v for v in (values, again.history[name]))
        assert np.array_equal(*own), name


def test_members_may_be_judged_at_the_last_step(waves, without, tmp_path):
    last = trained(waves, tmp_path / "run", restarts=1)
    assert last.restarted[1] == 0
    assert max(last.restarted) == 1
    assert all(torch.equal(a[1], b[1]) for a, b in zip(last.vae.parameters(), without.vae.parameters(), strict=True))


def test_a_member_that_is_started_again_ends_where_that_start_leads(waves, again):
    """Its last start, trained alone for as many steps, has the same parameters to float tolerance."""
    settings = running.settled(validated(RunSettings, AT_ONCE), waves)
    data = running.prepare(waves, ["height"], *running.representation_choice(settings), settings.training)
    last = int(np.argmax(again.restarted))
    alone = running.first_step(data, waves, settings, [last], again.restarted[last])
    alone.run()
    for a, b in zip(again.vae.parameters(), alone.parameters, strict=True):
        torch.testing.assert_close(a[last : last + 1], b, rtol=1e-3, atol=1e-4)


def test_a_training_that_was_killed_after_a_restart_ends_with_the_same_bits(waves, again, tmp_path, monkeypatch):
    class KilledError(Exception):
        pass

    def killed(fit, folder, spent):
        if fit.step == 100:
            kept(fit, folder, spent)
            raise KilledError

    kept = checkpoint.save
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", killed)
        with pytest.raises(KilledError):
            trained(waves, tmp_path / "run", every=0.0, restarts=2, restart_after=70)
    resumed = trained(waves, tmp_path / "run", restarts=2, restart_after=70)
    assert resumed.id == again.id
    assert json.loads((tmp_path / "run" / "run.json").read_text())["restarted"] == again.restarted


def test_settings_of_some_members_are_theirs():
    s = validated(RunSettings, AT_ONCE)
    assert settings_of(s, [1]).objective.beta.beta == (1.0,)
    assert settings_of(s, [0, 1]).training.members == 2
    with pytest.raises(UsageError, match="patience 'none'"):
        validated(RunSettings, {"training": {"restarts": 1}})
