r"""Networks for an ensemble: one module holds K members, and one matrix product moves them all.

Every array carries the members first, ``(members, rows, ...)``, every parameter too. Member k never sees
another member's numbers, so K trainings are one training, and a single network is K = 1.
Weights start uniform in :math:`\pm 1/\sqrt{\text{fan-in}}`, each member from its own stream.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beable.errors import UsageError, unknown
from beable.vae.distributions import Noise

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "relu": F.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def activation_named(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of a name in ``ACTIVATIONS``."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def start_as_xavier(network: nn.Module) -> None:
    """Widen uniform first weights to Glorot & Bengio's (2010) range, ±√(6 / (fan-in + fan-out)), biases to zero.

    A layer that starts near zero keeps its share of that range.
    """
    for layer in network.modules():
        if isinstance(layer, Weighted):
            layer.start_as_xavier()


def split_axis(x: Tensor, axis: int, lengths: Sequence[int]) -> Tensor:
    """The tensor with one axis taken apart into several."""
    return torch.unflatten(x, axis, tuple(lengths))


def apart(x: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """The first features, and those behind them."""
    return x[..., :first], x[..., first:]


def _uniform(noise: Noise, shape: Sequence[int], fan_in: int, gain: float) -> nn.Parameter:
    """First weights of each member, uniform in ± gain / √fan-in."""
    return nn.Parameter(gain * (2 * noise.uniform(*shape) - 1) / sqrt(fan_in))


class Weighted(nn.Module):
    """A layer with first weights uniform in ± gain / √fan-in, each member from its own stream.

    Args:
        shape: of the weights of one member.
        fans: fan-in that they are drawn for, and numbers that each output is made of and each input goes to.
        noise: where they come from; its members are the ensemble's.
        gain: factor on them.
    """

    def __init__(self, shape: Sequence[int], fans: tuple[int, int, int], noise: Noise, gain: float) -> None:
        super().__init__()
        self.fans = fans
        self.weight = _uniform(noise, shape, fans[0], gain)

    @torch.no_grad()
    def start_as_xavier(self) -> None:
        """Widen the weights to ±√(6 / (fan-in + fan-out)) times the gain; biases are zero."""
        self.weight.mul_(sqrt(6 * self.fans[0] / (self.fans[1] + self.fans[2])))
        for name, values in self.named_parameters(recurse=False):
            if name == "bias":
                values.zero_()


class Linear(Weighted):
    """x W + b for each member.

    Args:
        inputs, outputs: number of features.
        noise: where the first weights come from; its members are the ensemble's.
        gain: factor on the first weights; a small one makes the layer start near zero.
    """

    def __init__(self, inputs: int, outputs: int, noise: Noise, gain: float = 1.0) -> None:
        super().__init__((inputs, outputs), (inputs, inputs, outputs), noise, gain)
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
        *hidden, last = self.layers  # a slice would be a new module at every step
        for layer in hidden:
            x = self.activation(layer(x))
        y: Tensor = last(x)
        return self.last(y) if self.last else y


class Convolution(Weighted):
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
        points = kernel**dimensions
        shape, fans = (outputs, inputs, *[kernel] * dimensions), (inputs * points, inputs * points, outputs * points)
        super().__init__(shape, fans, noise, gain)
        self.bias = _uniform(noise, (outputs,), fans[0], gain)
        self.outputs, self.stride, self.padding = outputs, stride, kernel // 2
        self.convolve = CONVOLUTIONS[dimensions]

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, inputs, *grid) to (members, rows, outputs, *grid)."""
        side = x.transpose(0, 1).flatten(1, 2)
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        y = self.convolve(side, weight, bias, self.stride, self.padding, groups=len(x))
        return split_axis(y, 1, (len(x), self.outputs)).transpose(0, 1)


class Pyramid(NamedTuple):
    """The shapes between fields and features.

    Args:
        shape: channels and grid of the fields, such as (3, 65, 65).
        widths: channels after each convolution on the way to features, before each on the way back.
        stride: 2 halves the grid with each convolution, 1 keeps it.
        head: hidden units between the coarsest grid and the features; four times its channels by default.
        pooled: halve the grid behind each convolution instead.
    """

    shape: tuple[int, ...]
    widths: tuple[int, ...]
    stride: int = 2
    head: tuple[int, ...] | None = None
    pooled: bool = False

    @property
    def grids(self) -> list[tuple[int, ...]]:
        """Grid sizes, finest first."""
        grid, times = self.shape[1:], len(self.widths)
        return halvings(grid, times) if self.stride == 2 else [grid] * (times + 1)

    def dense(self, coarsest: int) -> list[int]:
        """Hidden units of the fully connected layers beside the grid of so many channels."""
        return [4 * coarsest] if self.head is None else list(self.head)


class Conv(nn.Module):
    """Fields to features: convolutions, then fully connected layers.

    Args:
        pyramid: the shapes.
        outputs: number of features.
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
        known: further numbers of each row, behind those of the fields, that join after the convolutions.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        outputs: int,
        noise: Noise,
        activation: str = "silu",
        gain: float = 1.0,
        known: int = 0,
    ) -> None:
        super().__init__()
        self.shape, coarsest = pyramid.shape, pyramid.grids[-1]
        channels, self.pooled = [pyramid.shape[0], *pyramid.widths], pyramid.pooled
        stride = 1 if self.pooled else pyramid.stride
        self.layers = nn.ModuleList(
            Convolution(a, b, noise, dimensions=len(coarsest), stride=stride) for a, b in pairwise(channels)
        )
        inputs = channels[-1] * prod(coarsest) + known
        self.head = MLP([inputs, *pyramid.dense(channels[-1]), outputs], noise, activation, gain)
        self.activation = activation_named(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, prod(shape) + known) to (members, rows, outputs)."""
        fields, known = apart(x, prod(self.shape))
        y = split_axis(fields, -1, self.shape)
        for layer in self.layers:
            y = self.activation(layer(y))
            y = pooled(y) if self.pooled else y
        features: Tensor = self.head(torch.cat([y.flatten(2), known], -1))
        return features


def pooled(x: Tensor) -> Tensor:
    """The largest of two neighbours along each axis of a grid, (members, rows, channels, *grid); odd ends are kept.

    >>> pooled(torch.arange(5.0).reshape(1, 1, 1, 5)).tolist()
    [[[[1.0, 3.0, 4.0]]]]
    """
    halved = POOLS[x.ndim - 3](x.flatten(0, 1), 2, ceil_mode=True)
    return split_axis(halved, 0, x.shape[:2])


class ConvUp(nn.Module):
    """Features to fields: fully connected layers, then convolutions on a grid that doubles or stays.

    Args:
        inputs: number of features.
        pyramid: the shapes, widths coarsest first.
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
    """

    def __init__(
        self, inputs: int, pyramid: Pyramid, noise: Noise, activation: str = "silu", gain: float = 1.0
    ) -> None:
        super().__init__()
        widths, self.grids = pyramid.widths, pyramid.grids[::-1]
        self.start = (widths[0], *self.grids[0])
        channels = [*widths, pyramid.shape[0]]
        gains = [1.0] * (len(widths) - 1) + [gain]
        self.tail = MLP([inputs, *pyramid.dense(widths[0]), prod(self.start)], noise, activation)
        self.layers = nn.ModuleList(
            Convolution(a, b, noise, dimensions=len(self.grids[0]), gain=g)
            for a, b, g in zip(channels[:-1], channels[1:], gains, strict=True)
        )
        self.activation = activation_named(activation)

    def forward(self, z: Tensor) -> Tensor:
        """(members, rows, inputs) to (members, rows, prod(shape))."""
        x = split_axis(self.tail(z), -1, self.start)
        for grid, layer in zip(self.grids[1:], self.layers, strict=True):
            x = layer(self._grown(self.activation(x), grid))
        return x.flatten(2)

    def _grown(self, x: Tensor, grid: Sequence[int]) -> Tensor:
        if x.shape[3:] == grid:
            return x
        flat = F.interpolate(x.flatten(0, 1), size=grid, mode="nearest")
        return split_axis(flat, 0, x.shape[:2])


class PointSet(nn.Module):
    r"""Points to features that do not depend on the order of the points (Zaheer et al. 2017, Deep Sets).

    .. math:: f(x_1 \dots x_N) = \rho\Big(\tfrac1N \sum_i \phi(x_i),\ \max_i \phi(x_i)\Big)

    Args:
        size: numbers that a point has.
        widths: hidden units of each layer, in φ and again in ρ.
        outputs: number of features.
        noise: where the first weights come from.
        activation: name in ``ACTIVATIONS``.
        gain: factor on the last layer's first weights.
        known: further numbers of each row, behind those of the points, that join after the sum.
    """

    def __init__(
        self,
        size: int,
        widths: Sequence[int],
        outputs: int,
        noise: Noise,
        activation: str = "silu",
        gain: float = 1.0,
        known: int = 0,
    ) -> None:
        super().__init__()
        if not widths:
            raise UsageError("a network of points needs hidden units: give a depth of at least 1")
        self.size, self.known = size, known
        self.each = MLP([size, *widths], noise, activation, last=activation)
        self.all = MLP([2 * widths[-1] + known, *widths, outputs], noise, activation, gain)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, points * size + known) to (members, rows, outputs)."""
        values, known = apart(x, x.shape[-1] - self.known)
        points = split_axis(values, -1, (-1, self.size))
        phi = split_axis(self.each(points.flatten(1, 2)), 1, points.shape[1:3])
        features: Tensor = self.all(torch.cat([phi.mean(2), phi.amax(2), known], -1))
        return features


def halvings(grid: Sequence[int], times: int) -> list[tuple[int, ...]]:
    """The grid sizes that convolutions of stride 2 pass through, finest first.

    >>> halvings((65, 65), 3)
    [(65, 65), (33, 33), (17, 17), (9, 9)]
    """
    sizes = [tuple(grid)]
    for _ in range(times):
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes
