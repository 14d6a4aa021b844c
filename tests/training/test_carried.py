"""A linear path that a network of convolutions carries in two channels of each field."""

import numpy as np
import pytest
import torch

from beable.errors import UsageError
from beable.representations.fields import Fields
from beable.representations.particles import DistanceMatrix
from beable.training.start import initialise, linear_starts
from beable.vae.distributions import Noise
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE

LATENTS = 3
SMALL = {"network": "conv", "stride": 1, "head": (), "activation": "relu", "linear": False, "latents": LATENTS}


def started(code, codes, channels, **changes):
    """Two members that start from principal components, and their paths."""
    settings = ModelSettings(**SMALL, channels=channels, **changes)
    vae = VAE(code, settings, Noise(0, [0, 1], "start", 1))
    paths = linear_starts("pca", codes, LATENTS, [0, 1], 0)
    initialise(vae, paths)
    return vae, paths


def fields_of(channels):
    """Rows of fields of that many channels, and what codes them."""
    rows = {f"f{i}": np.random.default_rng(i).normal(size=(40, 4, 5)) for i in range(channels)}
    fields = Fields().fit(rows)
    return fields.code, fields.transform(rows).values.reshape(40, -1).astype(np.float64)


@pytest.mark.parametrize("fields", [1, 2])
@pytest.mark.parametrize("changes", [{}, {"conditions": ("gravity",)}, {"initial": "xavier"}, {"scaled": False}])
def test_the_network_starts_as_its_path(fields, changes):
    code, codes = fields_of(fields)
    vae, paths = started(code, codes, (5, 6), **changes)
    known = torch.zeros(2, len(codes), 1) if changes.get("conditions") else None
    with torch.no_grad():
        mean = vae.encoder(torch.from_numpy(codes.astype(np.float32)).expand(2, -1, -1), known).mean
        for k, path in enumerate(paths):
            z = (codes - path.offset) @ path.forward
            assert np.abs(mean[k].numpy() - z).max() < 0.1 * z.std()
        z = torch.from_numpy(np.stack([(codes - p.offset) @ p.forward for p in paths]).astype(np.float32))
        decoded = vae.decoder.location(z, known).numpy()
    for k, path in enumerate(paths):
        truth = z[k].numpy() @ path.back + path.offset
        assert np.abs(decoded[k] - truth).max() < 0.2 * truth.std()


def test_too_few_channels_are_refused():
    code, codes = fields_of(2)
    with pytest.raises(UsageError, match="two channels for each of 2 fields"):
        started(code, codes, (3,))


@pytest.mark.parametrize("changes", [{"stride": 2}, {"activation": "silu"}, {"head": (4,)}])
def test_other_networks_need_a_path_beside_them(changes):
    code, codes = fields_of(1)
    settings = ModelSettings(**(SMALL | changes), channels=(4,))
    with pytest.raises(UsageError, match=r"model\.linear = true"):
        initialise(VAE(code, settings, Noise(0, [0], "start", 1)), linear_starts("pca", codes, LATENTS, [0], 0))


def test_the_network_of_the_decks_has_as_many_parameters_as_they_say():
    gas = np.random.default_rng(0).uniform(0, 10, size=(4, 30, 2)).astype(np.float32)
    code = DistanceMatrix(box=10.0).fit({"positions": gas}).code
    widths = {"channels": (60, 50), "decoder_channels": (50, 50, 60)}
    vae = VAE(code, ModelSettings(**(SMALL | {"latents": 40}), **widths), Noise(0, [0], "start", 1))
    counts = [sum(p.numel() for p in part.parameters()) for part in (vae.encoder, vae.decoder)]
    assert counts == [3_627_730, 1_895_151]
