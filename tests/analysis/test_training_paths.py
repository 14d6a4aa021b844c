"""Ways of trainings: terms weighed as the objective weighs them, a minimum that is passed, where two part."""

import numpy as np
import pytest

from beable import RunSettings, Store, train
from beable.analysis.training_paths import TrainingPath, parting, training_path
from beable.errors import DataError, UsageError

STEPS = np.arange(0, 100)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("run")
    store = Store.from_arrays(folder / "data.zarr", {"height": rng.normal(size=(40, 2)) @ rng.normal(size=(2, 8))})
    settings = {
        "model": {"width": 4, "prior": "hierarchical"},
        "objective": {
            "scale": "jacobsen",
            "reconstruction_steps": 20,
            "beta": {"kind": "linear", "start_beta": 1e-3, "steps": 20},
        },
        "training": {"members": 2, "steps": 50, "keep": "last", "start": "pca"},
    }
    return train(store, folder / "run", RunSettings.model_validate(settings))


@pytest.mark.parametrize("rows", ["train", "held"])
def test_losses_are_those_of_the_objective(run, rows):
    path, history = training_path(run, rows), run.history
    rate = history[f"{rows}/rate/z"] + history[f"{rows}/rate/xi"]  # of a hierarchical prior summed, not averaged
    np.testing.assert_allclose(path.vae_loss, history[f"{rows}/distortion"] / 8 + rate, rtol=1e-5)
    np.testing.assert_allclose(
        path.training_loss, history[f"{rows}/distortion"] / 8 + history["beta"] * rate, rtol=1e-5
    )
    assert (path.beta[:19] == 0).all()
    np.testing.assert_allclose(path.gap, 0, atol=1e-4)
    np.testing.assert_allclose(path.training_loss[:19], path.distortion[:19])


def test_other_rows_are_refused(run):
    with pytest.raises(UsageError, match="rows"):
        training_path(run, "validation")


def path_of(*members):
    rate, distortion, beta = (np.stack(part, axis=1) for part in zip(*members, strict=True))
    return TrainingPath(STEPS, beta, distortion, rate)


def test_a_minimum_that_is_passed_while_beta_is_small_is_seen():
    """The rate grows while β is small and the distortion has come to rest; the twin only falls."""
    beta = np.where(STEPS < 60, 1e-7, 1.0)
    falling = 10 * np.exp(-STEPS / 5)
    passed = np.where(STEPS < 60, 0.05 * STEPS, 1.0), falling, beta
    never = np.ones(100), falling, beta
    short = np.ones(100), falling, np.ones(100)
    found = path_of(passed, never, short).rises_while_beta_is_small()
    assert [v.answer for v in found] == [True, False, None]


def test_two_trainings_part_where_they_differ_for_good():
    beta = np.ones(100)
    one = STEPS / 10.0, 10 - STEPS / 20.0, beta
    other = np.minimum(STEPS / 10.0, 4.0), 10 - STEPS / 20.0, beta
    path = path_of(one, other)
    assert parting(path, 0, path, 0) is None
    assert parting(path, 0, path, 1) == 45  # 0.05 of a range of 9.9 behind step 40
    with pytest.raises(UsageError, match="members 0 to 1"):
        parting(path, 0, path, 2)
    with pytest.raises(DataError, match="other steps"):
        parting(path, 0, path._replace(steps=2 * STEPS), 1)
