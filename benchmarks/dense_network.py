"""What does an epoch of the Darcy paper's dense network cost, beside its list of layers written plainly in PyTorch?

Both compute the same mathematics: 512 rows of three channels on 65x65 points in batches of 64, one latent sample a row,
a learned variance for each grid point, Adam. The plain one is torch.nn layer by layer; its 7,996,642 parameters are
those of the paper's released code. Loss and gradients of the same weights are compared first. The clock is CPU seconds
of one thread; the two take turns, step by step, so that a busy machine slows both alike. A pair is an epoch of each.

usage: python benchmarks/dense_network.py [--json] [--pairs 7]
"""

import argparse
import json
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from time import process_time

import numpy as np
import torch
from torch import nn

from beable.representations import CodeSpec
from beable.training.adam import Adam
from beable.vae.distributions import Noise
from beable.vae.objectives import elbo
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE, Rows

SHAPE, BATCH, ROWS, RATE = (3, 65, 65), 64, 512, 5e-4
STEPS = ROWS // BATCH
MODEL = ModelSettings(network="dense-conv", variance="pixel", linear=False, scaled=False, bounded=False)


class Beside(nn.Sequential):
    """Layers whose channels join those that they see."""

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


def normalised(channels, layer):
    return [nn.BatchNorm2d(channels), nn.ReLU(), layer]


def block(channels, layers, growth):
    each = range(channels, channels + layers * growth, growth)
    return [Beside(*normalised(c, nn.Conv2d(c, growth, 3, padding=1, bias=False))) for c in each]


def plain_encoder(latents=2, channels=3, side=16, growth=4):
    """Layers of one encoder, for grids of 4 side + 1 points along an axis."""
    wide = 2 + 4 * growth
    half = wide // 2
    return nn.Sequential(
        nn.Conv2d(channels, 2, 7, 2, 2, bias=False),
        *block(2, 4, growth),
        *normalised(wide, nn.Conv2d(wide, half, 1, bias=False)),
        *normalised(half, nn.Conv2d(half, half, 3, 2, 1, bias=False)),
        nn.Flatten(),
        nn.Linear(half * side**2, half * side**2 // 2),
        nn.ReLU(),
        nn.Linear(half * side**2 // 2, latents),
    )


def plain_decoder(latents=2, channels=3, side=16, growth=4):
    """Layers of the decoder, for grids of 4 side + 1 points along an axis."""
    start = (2 + 4 * growth) // 2
    middle = start + 6 * growth
    half = middle // 2
    wide = half + 4 * growth
    return nn.Sequential(
        nn.Linear(latents, start * side**2 // 2),
        nn.ReLU(),
        nn.Linear(start * side**2 // 2, start * side**2),
        nn.Unflatten(1, (start, side, side)),
        *block(start, 6, growth),
        *normalised(middle, nn.Conv2d(middle, half, 1, bias=False)),
        *normalised(half, nn.ConvTranspose2d(half, half, 3, 2, 1, 1, bias=False)),
        *block(half, 4, growth),
        *normalised(wide, nn.Conv2d(wide, wide // 2, 1, bias=False)),
        *normalised(wide // 2, nn.ConvTranspose2d(wide // 2, channels, 4, 2, 1, 1, bias=False)),
        nn.Conv2d(channels, channels, 5, 1, 2, bias=False),
    )


def take_over(plain, network):
    """Copy the weights of the first member into plain layers, which have theirs in the same order."""
    with torch.no_grad():
        for p, ours in zip(plain.parameters(), network.parameters(), strict=True):
            own = ours[0].squeeze(0) if p.ndim == 1 else ours[0]
            p.copy_(own.mT if p.ndim == 2 else own)


class Plain(nn.Module):
    """The VAE of plain layers."""

    def __init__(self, vae):
        super().__init__()
        self.mean, self.log_variance, self.decoder = plain_encoder(), plain_encoder(), plain_decoder()
        self.output = nn.Parameter(torch.zeros(SHAPE[1:]))
        take_over(self.mean, vae.encoder.network.mean)
        take_over(self.log_variance, vae.encoder.network.log_variance)
        take_over(self.decoder, vae.decoder.network)

    def loss(self, y, noise):
        mean, log_variance = self.mean(y), self.log_variance(y)
        z = mean + (0.5 * log_variance).exp() * noise
        square = (y - self.decoder(z)) ** 2
        distortion = 0.5 * (square / self.output.exp() + self.output + np.log(2 * np.pi)).sum((1, 2, 3))
        rate = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(1)
        return (distortion + rate).mean()


class Way:
    """A loss, its optimiser, and the CPU seconds of its steps."""

    def __init__(self, parameters, optimiser, loss, update):
        self.parameters, self.optimiser, self.loss, self.update = parameters, optimiser, loss, update
        self.seconds = []

    def step(self):
        begun = process_time()
        self.optimiser.zero_grad()
        loss = self.loss()
        loss.backward()
        self.update(self.optimiser)
        self.seconds.append(process_time() - begun)
        return float(loss.detach())


def ways():
    """The network of this package, and the plain one with the same weights, on the same batch."""
    pixels = SHAPE[1] * SHAPE[2]
    group = np.repeat(np.arange(SHAPE[0]), pixels)
    code = CodeSpec(SHAPE, group, np.full(3, float(pixels)), np.ones(group.size, np.float32), pixels, 0.0)
    vae = VAE(code, MODEL, Noise(0, [0], "start", 1))
    plain = Plain(vae)
    y = Noise(1, [0]).normal(BATCH, *SHAPE)
    rows, noise = Rows(y.flatten(2), torch.zeros(1, BATCH, 3)), Noise(2, [0]).normal(BATCH, 2)[0]
    ours = list(vae.parameters())
    return {
        "dense-conv": Way(
            ours,
            Adam(ours),
            lambda: elbo(vae, rows, 1.0, Noise(2, [0])).total.sum(),
            lambda adam: adam.step(RATE),
        ),
        "plain": Way(
            list(plain.parameters()),
            torch.optim.Adam(plain.parameters(), RATE),
            lambda: plain.loss(y[0], noise),
            lambda adam: adam.step(),
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = ways()
    losses = {name: [way.step() for _ in range(2)] for name, way in found.items()}
    for way in found.values():
        way.seconds.clear()
    for _ in range(options.pairs * STEPS):
        for way in found.values():
            way.step()
    epochs = {name: np.reshape(way.seconds, (-1, STEPS)).sum(1) for name, way in found.items()}
    epoch = {name: float(np.median(seconds)) for name, seconds in epochs.items()}
    ratios = sorted(epochs["plain"] / epochs["dense-conv"])
    parameters = {name: sum(p.numel() for p in way.parameters) for name, way in found.items()}
    results = {
        "cpu_seconds_an_epoch": epoch,
        "ratios": ratios,
        "parameters": parameters,
        "losses_of_the_first_steps": losses,
    }
    if options.json:
        print(json.dumps(results))
        return
    for name, seconds in epoch.items():
        first, second = losses[name]
        print(
            f"{name:12} {seconds:6.2f} CPU s an epoch of {ROWS} rows, {parameters[name]:,} parameters, "
            f"loss {first:.2f} and after a step {second:.2f}"
        )
    least, middle, most = np.quantile(ratios, (0, 0.5, 1))
    print(f"plain / dense-conv: {middle:.2f}, from {least:.2f} to {most:.2f} in {len(ratios)} pairs of epochs")


if __name__ == "__main__":
    main()
