r"""Networks for an ensemble: one module holds K members, and one matrix product moves them all.

Every array carries the members first, ``(members, rows, ...)``, every parameter too. Member k never sees
another member's numbers, so K trainings are one training, and a single network is K = 1.
Weights start uniform in :math:`\pm 1/\sqrt{\text{fan-in}}`, each member from its own stream.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beable.distributions import Noise
from beable.errors import unknown

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "relu": F.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def activation_named(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of a name in ``ACTIVATIONS``."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def split_axis(x: Tensor, axis: int, lengths: Sequence[int]) -> Tensor:
    """The tensor with one axis taken apart into several."""
    return torch.unflatten(x, axis, tuple(lengths))


def _uniform(noise: Noise, shape: Sequence[int], fan_in: int, gain: float) -> nn.Parameter:
    return nn.Parameter(gain * (2 * noise.uniform(*shape) - 1) / sqrt(fan_in))


class Linear(nn.Module):
    """x W + b for each member.

    Args:
        inputs, outputs: number of features.
        noise: where the first weights come from; its members are the ensemble's.
        gain: factor on the first weights; a small one makes the layer start near zero.
    """

    def __init__(self, inputs: int, outputs: int, noise: Noise, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = _uniform(noise, (inputs, outputs), inputs, gain)
        self.bias = _uniform(noise, (1, outputs), inputs, gain)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, inputs) to (members, rows, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


class MLP(nn.Module):
    """Fully connected layers with an activation between them.

    Args:
        sizes: features of input, hidden layers and output.
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
        last: name of an activation after the last layer, or None.
    """

    def __init__(
        self, sizes: Sequence[int], noise: Noise, activation: str = "silu", gain: float = 1.0, last: str | None = None
    ) -> None:
        super().__init__()
        pairs = list(pairwise(sizes))
        gains = [1.0] * (len(pairs) - 1) + [gain]
        self.layers = nn.ModuleList(Linear(a, b, noise, g) for (a, b), g in zip(pairs, gains, strict=True))
        self.activation = activation_named(activation)
        self.last = activation_named(last) if last else None

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, sizes[0]) to (members, rows, sizes[-1])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        y: Tensor = self.layers[-1](x)
        return self.last(y) if self.last else y


class Convolution(nn.Module):
    """A convolution for each member, stride and padding as given; 1, 2 or 3 dimensions.

    The members lie beside each other in the channels of one grouped convolution.

    Args:
        inputs, outputs: number of channels.
        kernel: length of the kernel along each dimension.
        dimensions: number of dimensions of the grid.
        noise: where the first weights come from.
        stride: step of the kernel.
        gain: factor on the first weights.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        noise: Noise,
        *,
        dimensions: int,
        kernel: int = 3,
        stride: int = 1,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.outputs, self.stride, self.padding = outputs, stride, kernel // 2
        self.convolve = CONVOLUTIONS[dimensions]
        fan_in = inputs * kernel**dimensions
        self.weight = _uniform(noise, (outputs, inputs, *[kernel] * dimensions), fan_in, gain)
        self.bias = _uniform(noise, (outputs,), fan_in, gain)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, inputs, *grid) to (members, rows, outputs, *grid)."""
        side = x.transpose(0, 1).flatten(1, 2)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        y = self.convolve(side, weight, bias, self.stride, self.padding, groups=len(x))
        return split_axis(y, 1, (len(x), self.outputs)).transpose(0, 1)


class Conv(nn.Module):
    """Fields to features: convolutions that halve the grid, then fully connected layers.

    Args:
        shape: channels and grid, such as (3, 65, 65).
        widths: channels after each halving.
        outputs: number of features.
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
    """

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int],
        outputs: int,
        noise: Noise,
        activation: str = "silu",
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        channels, grid = [shape[0], *widths], halvings(shape[1:], len(widths))
        self.shape = tuple(shape)
        self.layers = nn.ModuleList(
            Convolution(a, b, noise, dimensions=len(grid[0]), stride=2) for a, b in pairwise(channels)
        )
        self.head = MLP([channels[-1] * prod(grid[-1]), 4 * channels[-1], outputs], noise, activation, gain)
        self.activation = activation_named(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, prod(shape)) to (members, rows, outputs)."""
        x = split_axis(x, -1, self.shape)
        for layer in self.layers:
            x = self.activation(layer(x))
        features: Tensor = self.head(x.flatten(2))
        return features


class ConvUp(nn.Module):
    """Features to fields: fully connected layers, then convolutions on a grid that doubles.

    Args:
        inputs: number of features.
        widths: channels on each grid, coarsest first.
        shape: channels and grid of the fields, such as (3, 65, 65).
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        shape: Sequence[int],
        noise: Noise,
        activation: str = "silu",
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.grids = halvings(shape[1:], len(widths))[::-1]
        self.start = (widths[0], *self.grids[0])
        channels = [*widths, shape[0]]
        gains = [1.0] * (len(widths) - 1) + [gain]
        self.tail = MLP([inputs, 4 * widths[0], prod(self.start)], noise, activation)
        self.layers = nn.ModuleList(
            Convolution(a, b, noise, dimensions=len(self.grids[0]), gain=g)
            for a, b, g in zip(channels[:-1], channels[1:], gains, strict=True)
        )
        self.activation = activation_named(activation)

    def forward(self, z: Tensor) -> Tensor:
        """(members, rows, inputs) to (members, rows, prod(shape))."""
        x = split_axis(self.tail(z), -1, self.start)
        for grid, layer in zip(self.grids[1:], self.layers, strict=True):
            flat = F.interpolate(self.activation(x).flatten(0, 1), size=grid, mode="nearest")
            x = layer(split_axis(flat, 0, x.shape[:2]))
        return x.flatten(2)


def halvings(grid: Sequence[int], times: int) -> list[tuple[int, ...]]:
    """The grid sizes that convolutions of stride 2 pass through, finest first.

    >>> halvings((65, 65), 3)
    [(65, 65), (33, 33), (17, 17), (9, 9)]
    """
    sizes = [tuple(grid)]
    for _ in range(times):
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes
