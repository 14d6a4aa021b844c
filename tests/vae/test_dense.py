"""The dense network: its numbers of parameters, members, running statistics, variances and first weights."""

from importlib.util import module_from_spec, spec_from_file_location
from math import prod, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from beable.errors import DataError, UsageError
from beable.representations import Coded, CodeSpec, make
from beable.streams import RowStreams
from beable.systems.darcy.simulator import Darcy
from beable.training.ensemble import Batches, as_tensors, per_member
from beable.training.fit import Fit
from beable.training.settings import TrainingSettings
from beable.vae.dense import Block, DenseConv, DenseConvUp, DenseShape, Norm
from beable.vae.distributions import Noise
from beable.vae.networks import Weighted
from beable.vae.settings import ModelSettings, ObjectiveSettings
from beable.vae.vae import VAE, Rows

SOURCE = (3, 65, 65)
SMALL = {"network": "dense-conv", "blocks": (2, 2, 2), "growth": 2}


def code_of(shape, scale=1.0):
    channels, pixels = shape[0], prod(shape[1:])
    group = np.repeat(np.arange(channels), pixels)
    size = np.full(group.size, scale, np.float32)
    return CodeSpec(shape, group, np.full(channels, float(pixels)), size, pixels, 0.0)


def vae_of(shape, members=(0,), **options):
    return VAE(code_of(shape), ModelSettings(**{**SMALL, "linear": False, **options}), Noise(0, members, "start", 1))


def numbers(module):
    return sum(p.numel() for p in module.parameters())


def test_the_papers_network_has_the_released_codes_numbers_of_parameters():
    vae = vae_of(SOURCE, blocks=(4, 6, 4), growth=4, variance="pixel")
    reader, decoder = vae.encoder.network, vae.decoder.network
    counts = [numbers(part) for part in (reader.mean, reader.log_variance, decoder, vae)]
    assert counts == [2_660_121, 2_660_121, 2_672_175, 7_996_642]


@pytest.mark.parametrize(("growth", "parameters"), [(1, 895_603), (3, 4_841_507), (6, 16_671_278)])
def test_growth_rates_have_the_released_codes_numbers_of_parameters(growth, parameters):
    assert numbers(vae_of(SOURCE, blocks=(4, 6, 4), growth=growth, variance="pixel")) == parameters


@pytest.mark.parametrize(("blocks", "parameters"), [((4, 4, 4, 4, 4), 921_274), ((3, 4, 6, 4, 3), 779_582)])
def test_five_blocks_have_about_the_papers_800_000_parameters(blocks, parameters):
    assert numbers(vae_of(SOURCE, blocks=blocks, growth=4, variance="pixel")) == parameters


@pytest.mark.parametrize(
    "shape", [(1, 17, 17), (2, 33, 33), (4, 17, 20), (3, 65, 65), (2, 9, 8), (1, 31), (1, 6, 7, 8)]
)
def test_fields_of_any_grid_come_back_on_it(shape):
    vae = vae_of(shape, (0, 1), growth=1, blocks=(1, 1, 1)).eval()
    q = vae.encoder(Noise(1, (0, 1)).normal(3, prod(shape)))
    assert q.mean.shape == q.log_std.shape == (2, 3, 2)
    assert vae.decoder.location(q.mean).shape == (2, 3, prod(shape))


def test_shapes_without_a_network_are_refused():
    with pytest.raises(UsageError, match="2 points along each axis"):
        vae_of((1, 9, 1))
    with pytest.raises(ValidationError, match="odd number of blocks"):
        ModelSettings(network="dense-conv", blocks=(4, 6))
    line = CodeSpec((6,), np.zeros(6, np.int64), np.array([6.0]), np.ones(6, np.float32), 6, 0.0)
    with pytest.raises(DataError, match=r"set representation\.kind = 'fields'"):
        VAE(line, ModelSettings(**SMALL), Noise(0, (0,), "start"))


def plain_layers():
    """The benchmark's plain copy of the list of layers."""
    path = Path(__file__).parents[2] / "benchmarks" / "dense_network.py"
    spec = spec_from_file_location("dense_network", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.numerical
@pytest.mark.parametrize("training", [True, False])
def test_the_network_computes_what_plain_layers_compute(training):
    """Values, gradients and running statistics, of the second of two members."""
    plain = plain_layers()
    shape, noise = DenseShape((2, 17, 17)), Noise(0, (4, 7), "start")
    pairs = [
        (DenseConv(shape, 3, noise).mean, plain.plain_encoder(3, 2, 4), Noise(1, (4, 7)).normal(5, 2 * 289)),
        (DenseConvUp(3, shape, noise), plain.plain_decoder(3, 2, 4), Noise(1, (4, 7)).normal(5, 3)),
    ]
    for ours, theirs, x in pairs:
        one = type("One", (), {"parameters": lambda _, net=ours: [p[1:] for p in net.parameters()]})()
        plain.take_over(theirs, one)
        alone = x[1].clone().requires_grad_()
        own = x.clone().requires_grad_()
        weight = Noise(2, (0,)).normal(5, 1)[0]
        for _ in range(2):  # the first time moves the running statistics
            ours.train(training), theirs.train(training)
            a, b = ours(own)[1], theirs(alone.view(5, 2, 17, 17) if len(alone[0]) == 578 else alone).flatten(1)
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        (a * weight).square().sum().backward(), (b * weight).square().sum().backward()
        torch.testing.assert_close(own.grad[1], alone.grad, rtol=1e-3, atol=1e-4)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine = p.grad[1].mT if q.ndim == 2 else p.grad[1].squeeze(0) if q.ndim == 1 else p.grad[1]
            torch.testing.assert_close(mine, q.grad, rtol=1e-3, atol=1e-3)
        norms = [part for part in theirs.modules() if isinstance(part, torch.nn.BatchNorm2d)]
        for mine, norm in zip((p for p in ours.modules() if isinstance(p, Norm)), norms, strict=True):
            torch.testing.assert_close(mine.mean[1], norm.running_mean, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(mine.variance[1], norm.running_var, rtol=1e-4, atol=1e-5)


def moved(block, x, way):
    """What a block with any numbers makes of channels, and all gradients."""
    with torch.no_grad():
        for i, p in enumerate(block.parameters()):
            p.add_(0.1 * Noise(3 + i, (0,)).normal(*p.shape[1:]))
        for part in block.modules():
            if isinstance(part, Norm):
                part.mean.add_(0.3)
    own = x.clone().requires_grad_()
    y = getattr(block, way)(own, 0)
    (y * Noise(2, (0,)).normal(*y.shape)[0]).sum().backward()
    statistics = [t for part in block.modules() if isinstance(part, Norm) for t in (part.mean, part.variance)]
    return [y.detach(), own.grad, *(p.grad for p in block.parameters()), *statistics]


@pytest.mark.numerical
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("shape", "growth"), [((3, 7, 5, 6), 2), ((2, 4, 33, 17), 5), ((1, 3, 1, 2), 1)])
def test_a_block_at_once_is_its_layers_one_by_one(training, shape, growth):
    """To single precision."""
    x = Noise(1, (0,)).normal(*shape)[0]
    found = []
    for way in ("_at_once", "_one_by_one"):
        block = Block(shape[0], 3, growth, Noise(0, (0,), "start"), 2).train(training)
        found.append(moved(block, x, way))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * max(1.0, float(b.abs().max())))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_stays_so_in_a_block(bad):
    """Compiled loops may change the order of sums, and no more: a training that diverges must be seen to."""
    x = Noise(1, (0,)).normal(3, 2, 5, 6)[0]
    x[0, 0, 2, 3] = bad
    y, *gradients = moved(Block(3, 2, 2, Noise(0, (0,), "start"), 2), x, "_at_once")
    assert not torch.isfinite(y).any()
    assert not any(torch.isfinite(g).all() for g in gradients[1:4])


def darcy(nodes, rows=40):
    simulator, streams = Darcy(modes=2, factors="mixture", grid=nodes), RowStreams(0, 0, rows)
    arrays = simulator.simulate(simulator.draw(streams), streams)
    snapshots = {name: arrays[name] for name in ("pressure", "flux")}
    fields = make("fields").fit(snapshots)
    return fields.code, fields.transform(snapshots)


@pytest.fixture(scope="module")
def small():
    return darcy(9)


def fitted(small, members=(0,), model=None, **training):
    code, coded = small
    settings = ModelSettings(**{**SMALL, "linear": False, **(model or {})})
    t = TrainingSettings(
        **{"members": len(members), "steps": 6, "records": 2, "batch": 16, "start": "random", **training}
    )
    vae = VAE(code, settings, Noise(t.seed, members, "start", 1))
    held = Coded(coded.values[32:], coded.residual_energy[32:])
    seen = Coded(coded.values[:32], coded.residual_energy[:32])
    batches = Batches(seen, members, t.batch, t.seed)
    return Fit(vae, batches, per_member(as_tensors(held), len(members)), ObjectiveSettings(), t)


def member(tensors, k):
    return [t[k : k + 1] for t in tensors]


def test_a_member_is_what_it_is_alone(small):
    together, alone = fitted(small, (0, 3)), fitted(small, (3,))
    together.run()
    alone.run()
    for a, b in zip(member(together.kept, 1), alone.kept, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert len(alone.kept) > len(alone.parameters)


def test_a_few_steps_lower_the_loss(small):
    """The loss of all training rows as training sees it; running statistics lag behind in so few steps."""
    fit, noise = fitted(small, (0, 1), steps=100, batch=None, learning_rate=1e-2), Noise(0, (0, 1), "evaluation")
    found = []
    for steps in (0, 15):
        for _ in range(steps):
            fit.advance()
        fit.vae.train()
        found.append(fit._elbo(fit.batches.everything(), noise).total.detach())
    assert (found[1] < found[0] - 30).all()


def test_rows_do_not_depend_on_those_beside_them_once_trained(small):
    """In training mode they do."""
    fit = fitted(small)
    fit.run()
    encoder, values = fit.vae.encoder, fit.held.values
    for training in (False, True):
        encoder.train(training)
        with torch.no_grad():
            same = torch.allclose(encoder(values).mean[:, :3], encoder(values[:, :3]).mean, atol=1e-5)
        assert same != training


def test_evaluation_leaves_running_statistics_alone(small):
    fit = fitted(small)
    fit.run()
    before = [t.clone() for t in fit.vae.statistics]
    fit.training_error()
    fit._record()
    assert all(torch.equal(a, b) for a, b in zip(before, fit.vae.statistics, strict=True))
    assert not any(part.training for part in fit.vae.modules())


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_record_has_its_own_running_statistics(small, keep):
    """Parameters of one step with the statistics of another would be a network that nobody judged."""
    fit = fitted(small, steps=6, keep=keep)
    for _ in range(4):
        fit.advance()
    kept = [t.detach().clone() for t in fit.kept]
    fit.best.loss.fill_(-1e30)
    fit.best.parameters = [t.clone() for t in kept]
    fit.run()
    same = [torch.equal(a, b) for a, b in zip(kept, fit.kept, strict=True)]
    assert all(same) if keep == "best" else not any(same[-len(fit.vae.statistics) :])


def energy_rows(shape, rows=50):
    y = Noise(3, (0,)).normal(rows, prod(shape)) * torch.linspace(0.5, 2, prod(shape))
    return Rows(y, torch.zeros(1, rows, shape[0]))


@pytest.mark.parametrize(("variance", "count"), [("pixel", 9), ("output", 18)])
def test_a_variance_for_each_grid_point_or_number(variance, count):
    """The density is that of independent normals; the variance that fits best is the mean square of its numbers."""
    shape, floor = (2, 3, 3), 0.1
    vae = vae_of(shape, variance=variance, floor=floor)
    rows, location = energy_rows(shape), torch.zeros(1, 50, 18)
    log_variance = vae.decoder.log_variance
    assert log_variance.shape == (1, count)
    square = rows.values.square().mean(1).view(-1, count).mean(0)
    with torch.no_grad():
        log_variance.copy_((square - floor**2).log())
    distortion = vae.decoder.distortion(vae.decoder.around(location), rows)
    std = square.sqrt().repeat(18 // count)
    expected = -torch.distributions.Normal(0, std).log_prob(rows.values).sum(-1)
    torch.testing.assert_close(distortion, expected, rtol=1e-5, atol=1e-4)
    distortion.sum().backward()
    assert log_variance.grad.abs().max() < 1e-2 < distortion.numel()


def test_a_variance_falls_to_its_floor_and_no_further():
    """Without a floor the density of a number that never varies has no bound."""
    shape = (1, 3, 3)
    levels = {}
    for floor in (0.1, 0.0):
        vae = vae_of(shape, variance="pixel", floor=floor)
        with torch.no_grad():
            vae.decoder.log_variance.fill_(-50.0)
        levels[floor] = vae.decoder.output_log_variance.mean().item()
    assert levels[0.1] == pytest.approx(2 * np.log(0.1), abs=1e-5)
    assert levels[0.0] == -50.0
    with pytest.raises(ValidationError, match=r"give model\.floor"):
        ModelSettings(variance="output")


def test_variances_of_grid_points_need_fields():
    line = CodeSpec((6,), np.zeros(6, np.int64), np.array([6.0]), np.ones(6, np.float32), 6, 0.0)
    with pytest.raises(DataError, match=r"model\.variance = 'channel'"):
        VAE(line, ModelSettings(variance="pixel"), Noise(0, (0,), "start"))


@pytest.mark.parametrize("network", ["mlp", "conv", "dense-conv"])
def test_first_weights_of_glorot_and_bengio(network):
    widths = {}
    for initial in ("fan-in", "xavier"):
        vae = vae_of((3, 17, 17), network=network, initial=initial, width=40)
        layers = [part for part in vae.modules() if isinstance(part, Weighted)]
        widths[initial] = [float(part.weight.detach().abs().max()) for part in layers]
        biases = [part.bias for part in layers if getattr(part, "bias", None) is not None]
        assert all(bool((b == 0).all()) for b in biases) == (initial == "xavier")
    assert layers
    for layer, plain, xavier in zip(layers, widths["fan-in"], widths["xavier"], strict=True):
        numbers = layer.weight[0].numel()
        bound = sqrt(6 / sum(layer.fans[1:]))
        assert xavier <= bound * (1 + 1e-5)
        assert xavier > bound * (1 - 20 / numbers) * 0.9 or numbers < 40
        assert xavier / plain == pytest.approx(bound * sqrt(layer.fans[0]), rel=1e-4)
