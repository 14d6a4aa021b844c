r"""The densely connected convolutional network of the Darcy paper, for an ensemble.

In a dense block every layer sees the channels of all layers before it and adds a few of its own,

.. math:: x_{j+1} = [x_j,\ W_j * \mathrm{relu}(\mathrm{norm}_j(x_j))]

and between blocks the grid is halved or doubled. Parameters and running statistics carry the members first. Fields lie
channels first, ``(channels, rows, *grid)``, one member after the other: a convolution of a few channels fills a core by
itself, and a member computes what it computes alone.

Sources: Jacobsen and Duraisamy, Disentangling generative factors of physical fields using variational autoencoders,
Frontiers in Physics 2022; Zhu and Zabaras, Bayesian deep convolutional encoder-decoder networks, J. Comput. Phys. 2018.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beable.errors import UsageError
from beable.vae.convolve import convolved
from beable.vae.dense_block import LayerNumbers, dense_block
from beable.vae.distributions import Noise
from beable.vae.networks import MLP, Weighted, apart, halvings, split_axis

MOMENTUM, EPSILON = 0.1, 1e-5


class DenseShape(NamedTuple):
    """The shapes between fields and features.

    Args:
        shape: channels and grid of the fields, such as (3, 65, 65).
        blocks: layers of each dense block, an odd number of blocks: those before the middle one belong to the encoder.
        growth: channels that a layer adds.
        first: channels after the first convolution.
        head: hidden units between the coarsest grid and the features; half its numbers by default.

    >>> DenseShape((3, 65, 65)).coarsest
    (9, 16, 16)
    """

    shape: tuple[int, ...]
    blocks: tuple[int, ...] = (4, 6, 4)
    growth: int = 4
    first: int = 2
    head: tuple[int, ...] | None = None

    @property
    def down(self) -> tuple[int, ...]:
        """Layers of the encoder's blocks."""
        return self.blocks[: len(self.blocks) // 2]

    @property
    def up(self) -> tuple[int, ...]:
        """Layers of the decoder's blocks."""
        return self.blocks[len(self.blocks) // 2 :]

    @property
    def grids(self) -> list[tuple[int, ...]]:
        """Grid sizes, finest first; the first convolution and the last one map n points to n // 2 and back."""
        half = tuple(n // 2 for n in self.shape[1:])
        if min(half) < 1:
            raise UsageError(f"a dense-conv network needs 2 points along each axis, got the grid {self.shape[1:]}")
        return [self.shape[1:], *halvings(half, len(self.down))]

    @property
    def coarsest(self) -> tuple[int, ...]:
        """Channels and grid in the middle."""
        channels = self.first
        for layers in self.down:
            channels = (channels + layers * self.growth) // 2
        return (channels, *self.grids[-1])

    @property
    def dense(self) -> list[int]:
        """Hidden units of the fully connected layers."""
        return [prod(self.coarsest) // 2] if self.head is None else list(self.head)


class Norm(nn.Module):
    r"""Batch normalisation, then the positive part: :math:`\max(0, \gamma (x - m)/\sqrt{v + \epsilon} + \delta)`.

    In training m and v are those of the batch, and running means of them are kept; in evaluation the running means are
    used, so that a row's answer does not depend on the rows beside it.

    Args:
        channels: number of channels.
        members: number of members.

    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    def __init__(self, channels: int, members: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, channels))
        self.shift = nn.Parameter(torch.zeros(members, channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(members, channels))
        self.register_buffer("variance", torch.ones(members, channels))

    def forward(self, x: Tensor, k: int) -> Tensor:
        """Fields of member k, (channels, rows, *grid)."""
        flat = x.reshape(1, len(x), -1)
        settled = F.batch_norm(
            flat, self.mean[k], self.variance[k], self.scale[k], self.shift[k], self.training, MOMENTUM, EPSILON
        )
        return F.relu(settled, inplace=True).view(x.shape)

    @torch.no_grad()
    def follow(self, k: int, mean: Tensor, variance: Tensor) -> None:
        """Move the running means of member k by the moments of a batch, those of its channels first."""
        channels = self.mean.shape[1]
        self.mean[k].lerp_(mean[:channels], MOMENTUM)
        self.variance[k].lerp_(variance[:channels], MOMENTUM)


class Kernel(Weighted):
    """A convolution without a bias for each member.

    Args:
        inputs, outputs: number of channels.
        size: length of the kernel along each dimension.
        dimensions: number of dimensions of the grid.
        noise: where the first weights come from.
        stride: step of the kernel.
        padding: zeros before the grid and behind it, along each dimension; half the kernel by default.
        grown: shape of the grid that a transposed convolution ends with; None for a convolution.
        gain: factor on the first weights.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        noise: Noise,
        *,
        dimensions: int,
        stride: int = 1,
        padding: Sequence[int] | None = None,
        grown: Sequence[int] | None = None,
        gain: float = 1.0,
    ) -> None:
        ends, points = (inputs, outputs) if grown else (outputs, inputs), size**dimensions
        fans = (ends[1] * points, inputs * points, outputs * points)
        super().__init__((*ends, *[size] * dimensions), fans, noise, gain)
        self.stride = stride
        self.padding = tuple(padding) if padding else (size // 2,) * dimensions
        self.grown = tuple(grown) if grown else None

    def forward(self, x: Tensor, k: int) -> Tensor:
        """(inputs, rows, *grid) of member k to (outputs, rows, *grid)."""
        return convolved(x, self.weight[k], self.stride, self.padding, self.grown)


class Layer(nn.Module):
    """Normalisation and a convolution: arguments as those of `Kernel`."""

    def __init__(self, inputs: int, outputs: int, size: int, noise: Noise, **options: object) -> None:
        super().__init__()
        self.norm = Norm(inputs, len(noise.members))
        self.kernel = Kernel(inputs, outputs, size, noise, **options)  # type: ignore[arg-type]

    def forward(self, x: Tensor, k: int) -> Tensor:
        """(inputs, rows, *grid) of member k to (outputs, rows, *grid)."""
        y: Tensor = self.kernel(self.norm(x, k), k)
        return y

    def numbers(self, k: int) -> LayerNumbers:
        """Those of member k; running means as they are now, because a training moves them before the way back."""
        norm = self.norm
        running = norm.mean[k].clone(), norm.variance[k].clone()
        return LayerNumbers(norm.scale[k], norm.shift[k], self.kernel.weight[k], *running)


class Block(nn.Module):
    """Layers that each see the channels of all before, and a last one that halves the number of channels.

    Args:
        inputs: number of channels before the block.
        layers: number of layers.
        growth: channels that a layer adds.
        noise: where the first weights come from.
        dimensions: number of dimensions of the grid.
    """

    def __init__(self, inputs: int, layers: int, growth: int, noise: Noise, dimensions: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(inputs + j * growth, growth, 3, noise, dimensions=dimensions) for j in range(layers)
        )
        self.outputs = (inputs + layers * growth) // 2
        self.last = Layer(inputs + layers * growth, self.outputs, 1, noise, dimensions=dimensions)

    def forward(self, x: Tensor, k: int) -> Tensor:
        """(inputs, rows, *grid) of member k to (outputs, rows, *grid)."""
        return self._at_once(x, k) if x.ndim == 4 and x.device.type == "cpu" else self._one_by_one(x, k)

    def _one_by_one(self, x: Tensor, k: int) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x, k)])
        y: Tensor = self.last(x, k)
        return y

    def _at_once(self, x: Tensor, k: int) -> Tensor:
        layers = [*self.layers, self.last]
        norms, numbers = [layer.norm for layer in layers], [layer.numbers(k) for layer in layers]
        y, mean, variance = dense_block(x, numbers, training=self.training, epsilon=EPSILON)
        if self.training:
            points = x[0].numel()
            for norm in norms:
                norm.follow(k, mean, variance * points / max(points - 1, 1))
        return y


class _Parts(nn.Module):
    """Parts that are gone through one after the other."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, k: int) -> Tensor:
        for part in self.parts:
            x = part(x, k)
        return x


def _down(shape: DenseShape, noise: Noise) -> _Parts:
    """Fields to the coarsest grid."""
    grid, dimensions = shape.shape[1:], len(shape.shape) - 1
    padding = [3 - n % 2 for n in grid]  # so that n points become n // 2
    parts: list[nn.Module] = [
        Kernel(shape.shape[0], shape.first, 7, noise, dimensions=dimensions, stride=2, padding=padding)
    ]
    channels = shape.first
    for layers in shape.down:
        block = Block(channels, layers, shape.growth, noise, dimensions)
        channels = block.outputs
        parts.append(block)
        parts.append(Layer(channels, channels, 3, noise, dimensions=dimensions, stride=2))
    return _Parts(parts)


def _up(shape: DenseShape, noise: Noise, gain: float) -> _Parts:
    """The coarsest grid to fields."""
    dimensions, outputs = len(shape.shape) - 1, shape.shape[0]
    parts: list[nn.Module] = []
    channels, grids = shape.coarsest[0], shape.grids[-2::-1]
    for layers, grid in zip(shape.up, grids, strict=True):
        block = Block(channels, layers, shape.growth, noise, dimensions)
        channels = block.outputs
        parts.append(block)
        ends, size = (outputs, 4) if grid == shape.shape[1:] else (channels, 3)
        grown = {"stride": 2, "padding": (1,) * dimensions, "grown": grid}
        parts.append(Layer(channels, ends, size, noise, dimensions=dimensions, **grown))
    parts.append(Kernel(outputs, outputs, 5, noise, dimensions=dimensions, gain=gain))
    return _Parts(parts)


class _Reader(nn.Module):
    """Fields, and known numbers behind them, to features."""

    def __init__(self, shape: DenseShape, outputs: int, noise: Noise, gain: float, known: int) -> None:
        super().__init__()
        self.shape = shape.shape
        self.down = _down(shape, noise)
        self.head = MLP([prod(shape.coarsest) + known, *shape.dense, outputs], noise, "relu", gain)

    def forward(self, x: Tensor) -> Tensor:
        fields, known = apart(x, prod(self.shape))
        y = split_axis(fields, -1, self.shape).transpose(1, 2)
        found = [self.down(y[k], k).transpose(0, 1).flatten(1) for k in range(len(x))]
        features: Tensor = self.head(torch.cat([torch.stack(found), known], -1))
        return features


class DenseConv(nn.Module):
    """Fields to features by networks side by side, one for the means and one for the log variances.

    Args:
        shape: the shapes.
        outputs: number of features of each network.
        noise: where the first weights come from.
        gain: factor on the last layer's first weights.
        known: further numbers of each row, behind those of the fields, that join after the convolutions.

    >>> network = DenseConv(DenseShape((3, 65, 65)), 2, Noise(0, [0], "start"))
    >>> sum(p.numel() for p in network.mean.parameters())
    2660121
    """

    def __init__(self, shape: DenseShape, outputs: int, noise: Noise, gain: float = 1.0, known: int = 0) -> None:
        super().__init__()
        self.mean = _Reader(shape, outputs, noise, gain, known)
        self.log_variance = _Reader(shape, outputs, noise, gain, known)

    def forward(self, x: Tensor) -> Tensor:
        """(members, rows, prod(shape) + known) to (members, rows, 2 · outputs)."""
        return torch.cat([self.mean(x), self.log_variance(x)], -1)


class DenseConvUp(nn.Module):
    """Features to fields.

    Args:
        inputs: number of features.
        shape: the shapes.
        noise: where the first weights come from.
        gain: factor on the last layer's first weights.

    >>> network = DenseConvUp(2, DenseShape((3, 65, 65)), Noise(0, [0], "start"))
    >>> sum(p.numel() for p in network.parameters())
    2672175
    """

    def __init__(self, inputs: int, shape: DenseShape, noise: Noise, gain: float = 1.0) -> None:
        super().__init__()
        self.start = shape.coarsest
        self.head = MLP([inputs, *shape.dense[::-1], prod(self.start)], noise, "relu")
        self.up = _up(shape, noise, gain)

    def forward(self, z: Tensor) -> Tensor:
        """(members, rows, inputs) to (members, rows, prod(shape))."""
        x = split_axis(self.head(z), -1, self.start).transpose(1, 2)
        return torch.stack([self.up(x[k], k).transpose(0, 1).flatten(1) for k in range(len(z))])
