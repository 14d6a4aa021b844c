"""The source's training: its settings are those of its code, its rule of beta takes as many updates."""

import math

import pytest
import torch

from beable.datasets.generate import generate
from beable.errors import UsageError
from beable.settings import merged, validated
from beable.system import as_published
from beable.systems.darcy.published import VARIANTS, published
from beable.systems.darcy.simulator import Darcy
from beable.training.run import train
from beable.training.settings import RunSettings
from beable.vae.settings import Feedback, SubPrior


@pytest.fixture(scope="module")
def small_flow(tmp_path_factory):
    simulator = Darcy(grid=17, factors="mixture")
    return generate(simulator, tmp_path_factory.mktemp("data") / "flow.zarr", 20, seed=0, workers=1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_trains_as_the_sources_code_does(variant):
    s = validated(RunSettings, published(variant))
    beta, long = s.objective.beta, variant.startswith("hierarchical")
    assert (beta.start_beta, beta.nu, beta.tau) == (1e-9, 0.005, 1.0)
    assert (s.training.steps, s.objective.reconstruction_steps) == ((112_000, 52_000) if long else (52_000, 32_000))
    rates = [s.training.learning_rate * s.training.share_of_rate(8 * epoch) for epoch in (0, 5899, 6499, 6500, 12_501)]
    assert rates == pytest.approx([3e-4, 3e-4, 3e-4, 5e-5, 2.5e-5] if long else [5e-4, 5e-4, 1e-4, 1e-4, 1e-4])
    model = s.model
    assert (s.representation.scaling, s.representation.centre, model.initial) == ("none", False, "fan-in")
    assert (model.network, model.variance, model.linear, model.scaled, model.bounded) == (
        *("dense-conv", "pixel"),
        *(False, False, False),
    )
    assert model.prior_options.get("rectified", False) == long
    assert (s.objective.sub_prior is not None) == (variant == "hierarchical-scheduled")


@pytest.mark.parametrize(
    ("distortion", "updates"), [(-8.0, 786), (-10.0, 628), (-12.0, 523), (-15.0, 418), (-17.5, 358)]
)
def test_beta_takes_as_many_updates_as_in_the_sources_code(distortion, updates):
    """From 1e-9 to 0.99 at a constant distortion per pixel; with ν a tenth lower it would take a tenth more."""
    rule = Feedback()
    beta, count = rule.start(1).double(), 0
    while beta < 0.99:
        beta, count = rule.update(beta, count, torch.tensor([distortion])), count + 1
    assert abs(count - updates) <= 1


def test_the_weight_of_the_lower_rate_grows_while_the_prior_is_unlikely_and_rests_at_one():
    rule = SubPrior(nu=0.1)
    beta = rule.start(2)
    assert beta.tolist() == pytest.approx([1e-8, 1e-8])
    for _ in range(1_000):
        beta = rule.update(beta, torch.tensor([-2.0, 0.5]))
    assert beta[0].item() == pytest.approx(1.0, abs=1e-3)
    assert beta[1] < 1e-8
    assert rule.update(torch.tensor([2.0]), torch.tensor([-1.0])).item() == pytest.approx(
        2 * math.exp(-0.1 * math.tanh(1.0))
    )


@pytest.mark.parametrize("variant", ["anisotropic", "hierarchical-scheduled"])
def test_a_few_steps_of_it_train(variant, small_flow, tmp_path):
    """A step without the rate, two with it, of which one at the lower learning rate; blocks of one layer."""
    few = {
        "model": {"blocks": [1, 1, 1], "growth": 2},
        "objective": {"reconstruction_steps": 1},
        "training": {"steps": 3, "records": 2, "drops": [[2, 0.2]], "batch": 8, "held_out": 4, "members": 2},
    }
    run = train(small_flow, tmp_path / "run", validated(RunSettings, merged(published(variant), few)))
    assert run.metadata["steps"] == 3
    assert run.history["beta"][-1].max() < 1e-6
    if variant == "hierarchical-scheduled":
        assert set(run.history) >= {"sub_beta", "train/log_prior"}


def test_only_systems_with_published_settings_have_them():
    assert as_published("darcy", "hierarchical") == published("hierarchical")
    with pytest.raises(UsageError, match="did you mean 'standard'"):
        as_published("darcy", "standart")
    with pytest.raises(UsageError, match="no published training for data of packing, only for darcy"):
        as_published("packing", "standard")
    with pytest.raises(UsageError, match="data of no simulator"):
        as_published(None, "standard")
