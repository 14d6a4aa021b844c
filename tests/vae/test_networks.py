"""Networks of grids with pooling, outputs that sum to one, and numbers that an encoder never sees."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from beable.representations.representation import CodeSpec
from beable.vae.distributions import Noise
from beable.vae.networks import Conv, Pyramid, pooled
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE

GRID = (1, 5, 6)


def code(shape=GRID, unseen=0):
    m = int(np.prod(shape))
    return CodeSpec(shape, np.zeros(m, np.int64), np.array([float(m)]), np.ones(m, np.float32), m, 0.0, unseen=unseen)


def test_pooling_takes_the_largest_of_each_block_and_keeps_odd_ends():
    x = torch.randn(2, 3, 4, 5, 6)
    y = pooled(x)
    assert y.shape == (2, 3, 4, 3, 3)
    assert y[1, 2, 3, 0, 1] == x[1, 2, 3, :2, 2:4].max()
    assert y[1, 2, 3, 2, 1] == x[1, 2, 3, 4, 2:4].max()


def test_a_pooled_network_passes_the_grids_of_strides():
    pyramid = Pyramid(GRID, (4, 8), pooled=True)
    network = Conv(pyramid, 3, Noise(0, [0, 1]))
    assert network(torch.zeros(2, 7, 30)).shape == (2, 7, 3)
    assert [layer.stride for layer in network.layers] == [1, 1]
    assert network.head.layers[0].weight.shape[1] == 8 * np.prod(pyramid.grids[-1])


@pytest.mark.parametrize("wrong", [{"network": "mlp"}, {"network": "conv", "stride": 1}])
def test_pooling_without_what_it_halves_is_refused(wrong):
    with pytest.raises(ValidationError, match="halves the grid"):
        ModelSettings(pooled=True, **wrong)


@pytest.mark.parametrize(("squashed", "total"), [("softmax", 1.0), (True, None)])
def test_means_of_a_softmax_sum_to_one(squashed, total):
    settings = ModelSettings(network="conv", channels=(4,), pooled=True, linear=False, squashed=squashed)
    made = VAE(code(), settings, Noise(0, [0])).decoder.location(torch.randn(1, 9, 2))
    assert ((made > 0) & (made < 1)).all()
    sums = made.sum(-1)
    assert bool(torch.allclose(sums, torch.ones(1, 9))) is (total is not None)


def test_numbers_that_are_unseen_change_no_latent_and_are_decoded():
    vae = VAE(code((6,), unseen=2), ModelSettings(width=4, depth=1), Noise(0, [0]))
    x = torch.randn(1, 5, 6)
    hidden, shown = x.clone(), x.clone()
    hidden[..., :2] += 3
    shown[..., 2:] += 3
    mean = vae.encoder(x).mean
    assert torch.equal(vae.encoder(hidden).mean, mean)
    assert not torch.equal(vae.encoder(shown).mean, mean)
    assert vae.decoder.location(mean).shape == x.shape
