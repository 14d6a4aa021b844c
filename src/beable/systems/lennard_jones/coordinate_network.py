r"""A network from matrices of distances to coordinates, trained on the matrices of configurations themselves.

Distances do not know left from right: a matrix belongs to a configuration and to its mirror image alike, and the
network of least mean squared error answers with the mean of the two,

.. math:: f(D) = E[x|D], \qquad \text{which has every particle at } L/2 \text{ where } D \text{ is all that is known.}

The order of the particles may tell the two apart. With either image allowed the loss of a row is the smaller of two.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from beable.errors import DataError
from beable.metrics.columns import Floats
from beable.representations.distance_geometry import as_positions, distances_of
from beable.streams import generator
from beable.training.adam import Adam, share_left
from beable.vae.distributions import Noise
from beable.vae.networks import MLP

WIDTHS = (256, 256)
BATCH, LEARNING_RATE = 256, 2e-3


@dataclass(frozen=True)
class CoordinateNetwork:
    """A trained network.

    Args:
        network: of one member.
        offset, scale: of distances, (pairs,) and one number.
        centre, spread: of coordinates, (numbers,) and one number.
        shape: particles and dimensions.
    """

    network: MLP
    offset: Floats
    scale: float
    centre: Floats
    spread: float
    shape: tuple[int, int]

    @torch.no_grad()
    def __call__(self, matrices: ArrayLike) -> Floats:
        """Coordinates (rows, N, d) of matrices (rows, N, N), symmetric ones."""
        d = (_pairs(np.asarray(matrices, np.float64)) - self.offset) / self.scale
        found = self.network(torch.as_tensor(d, dtype=torch.float32)[None])[0].numpy().astype(np.float64)
        return np.asarray((found * self.spread + self.centre).reshape(-1, *self.shape))


def fit_network(
    positions: ArrayLike, *, mirror: float | None = None, steps: int = 2000, seed: int = 0
) -> CoordinateNetwork:
    """Train on configurations and their matrices.

    Args:
        positions: (rows, N, d), particles in the order of the matrices that are to be read.
        mirror: side L of the box, where x and L - x count alike; None where they do not.
        steps: of Adam.
        seed: of weights and batches.

    Raises:
        DataError: shapes, NaN or infinity, fewer than 2 rows.

    >>> x = np.random.default_rng(0).uniform(0, 4, size=(500, 3, 2))
    >>> fit_network(x, steps=5)(distances_of(x[:2])).shape
    (2, 3, 2)
    """
    x = as_positions(positions)
    if len(x) < 2:
        raise DataError(f"{len(x)} configurations are too few: at least 2 are needed")
    distances, numbers = _pairs(distances_of(x)), x.reshape(len(x), -1)
    offset, centre = distances.mean(axis=0), numbers.mean(axis=0)
    scale, spread = float((distances - offset).std()), float((numbers - centre).std())
    network = MLP([distances.shape[1], *WIDTHS, numbers.shape[1]], Noise(seed, [0], "start"))
    inputs, goal = _tensor((distances - offset) / scale), _tensor((numbers - centre) / spread)
    other = None if mirror is None else _tensor((_mirrored(x, mirror).reshape(len(x), -1) - centre) / spread)
    _train(network, inputs, goal, other, steps, generator(seed, "order"))
    return CoordinateNetwork(network, offset, scale, centre, spread, (x.shape[1], x.shape[2]))


def _tensor(values: Floats) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


def _pairs(matrices: Floats) -> Floats:
    i, j = np.triu_indices(matrices.shape[1], 1)
    return matrices[:, i, j]


def _mirrored(x: Floats, box: float) -> Floats:
    """Configurations with left and right exchanged."""
    return np.concatenate([box - x[..., :1], x[..., 1:]], axis=-1)


def _train(
    network: MLP, inputs: Tensor, goal: Tensor, other: Tensor | None, steps: int, draw: np.random.Generator
) -> None:
    adam = Adam(list(network.parameters()))
    for step in range(steps):
        rows = torch.as_tensor(draw.integers(len(inputs), size=min(BATCH, len(inputs))))
        made = network(inputs[rows][None])[0]
        loss = (made - goal[rows]).square().mean(1)
        if other is not None:
            loss = torch.minimum(loss, (made - other[rows]).square().mean(1))
        adam.zero_grad()
        torch.autograd.backward(loss.mean())
        adam.step(LEARNING_RATE * share_left(step, steps))
