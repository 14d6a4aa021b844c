r"""A dense block of a two-dimensional grid as one operation, for a processor.

Layer j adds :math:`W_j * \max(0, a_j x + b_j)` to the channels x of all layers before it. Three things make it cheap:

- A channel's mean and variance over the batch are the same for every layer that sees it, so they are taken once.
- A convolution is a product of matrices, of the taps of a line with all channels, for each of three lines, and a sum of
  shifted columns: libraries are slow with a few channels. Backwards, one spread gradient serves weights and channels.
- Channels of all layers lie in one array, in which nothing is copied, and it is gone through in pieces that stay near
  the processor. Normalised channels are computed again on the way back and not kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = 16384  # grid points that are gone through at once


class LayerNumbers(NamedTuple):
    """The numbers of one layer, of c channels before it.

    Args:
        scale, shift: of the normalised channels, (c).
        weight: of the convolution, (growth, c, 3, 3); of the last layer, (outputs, c, 1, 1).
        mean, variance: of the channels, where those of the batch are not taken, (c).
    """

    scale: Tensor
    shift: Tensor
    weight: Tensor
    mean: Tensor
    variance: Tensor


class Taps(NamedTuple):
    """A 3x3 kernel as shifts of fields that lie in memory line by line, with a line of zeros around every image.

    A shift by a line is another beginning of the same memory, a shift by a column a sum of shifted products.

    Args:
        growth: channels that the kernel adds.
        grid: lines and columns.
        size: lines of the kernel and columns, 3 or 1.
    """

    growth: int
    grid: tuple[int, int]
    size: int = 3

    @property
    def height(self) -> int:
        """Products with one line of the kernel."""
        return self.size * self.growth

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """Number of each line of the kernel, the middle one first, and how many lines further it begins."""
        return [(1, 1), (0, 0), (2, 2)] if self.size == 3 else [(0, 1)]

    def matrices(self, weight: Tensor) -> Tensor:
        """(growth, c, size, size) to one matrix for each line of the kernel, (size, size · growth, c)."""
        return weight.permute(2, 3, 0, 1).reshape(self.size, self.height, -1)

    def weight(self, matrices: Tensor) -> Tensor:
        """The way back of `matrices`."""
        return matrices.view(self.size, self.size, self.growth, -1).permute(2, 3, 0, 1)

    def inside(self, lined: Tensor) -> Tensor:
        """Images in an array with lines of zeros, (channels, images, lines, columns)."""
        lines, columns = self.grid
        return lined[:, columns:-columns].unflatten(1, (-1, lines + 1, columns))[:, :, :lines]  # type: ignore[no-any-return,no-untyped-call]

    def shifted(self, lined: Tensor, line: int) -> Tensor:
        """The array as seen from 0, 1 or 2 lines after its beginning."""
        columns = self.grid[1]
        return lined[:, line * columns : lined.shape[1] - (2 - line) * columns]

    def convolve(self, matrices: Tensor, lined: Tensor, out: Tensor) -> Tensor:
        """The convolution of channels with lines of zeros, (growth, images, lines, columns); ``out`` to work in."""
        products = self.shifted(out, 1)
        for line, shift in self.shifts:
            torch.addmm(products, matrices[line], self.shifted(lined, shift), beta=float(shift != 1), out=products)
        if self.size == 1:
            return self.inside(out)
        self._cut(out)
        left, middle, right = out.view(3, -1)
        middle[1:] += left[:-1]
        middle[:-1] += right[1:]
        return self.inside(middle.view(self.growth, -1))

    def spread(self, gradient: Tensor, out: Tensor) -> None:
        """The gradient of a convolution, (growth, images, lines, columns), to that of its products with one line."""
        if self.size == 1:
            self.inside(out).copy_(gradient)
            return
        left, middle, right = out.view(3, -1)
        self.inside(middle.view(self.growth, -1)).copy_(gradient)
        left[:-1] = middle[1:]
        right[1:] = middle[:-1]
        self._cut(out)

    def _cut(self, products: Tensor) -> None:
        """Nothing comes from the neighbouring line."""
        taps = products.view(3, -1, self.grid[1])
        taps[0, :, -1] = 0
        taps[2, :, 0] = 0


class _DenseBlock(torch.autograd.Function):
    """The block as autograd sees it: channels and the numbers of all layers to all channels and their moments."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, training: bool, epsilon: float, *numbers: Tensor) -> tuple[Tensor, ...]:
        *layers, last = _layers(numbers)
        growth, begin = len(layers[0].weight), len(x)
        channels = x.new_empty(begin + growth * len(layers), *x.shape[1:])
        channels[:begin] = x
        flat, moments = channels.flatten(1), _Moments(channels.flatten(1), training, epsilon)
        moments.settle(0, begin)
        for layer in layers:
            seen = layer.weight.shape[1]
            _write_layer(flat, layer, moments.line(layer), Taps(growth, _grid(x)), flat[seen : seen + growth])
            moments.settle(seen, seen + growth)
        out = x.new_empty(len(last.weight), *x.shape[1:])
        _write_layer(flat, last, moments.line(last), Taps(len(out), _grid(x), 1), out.flatten(1))
        ctx.save_for_backward(channels, moments.mean, moments.rate, *numbers)
        ctx.training, ctx.epsilon = training, epsilon
        ctx.mark_non_differentiable(moments.mean, moments.variance)
        return out, moments.mean, moments.variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        channels, mean, rate, *numbers = ctx.saved_tensors
        *layers, last = _layers(numbers)
        back = _Back(channels, mean, rate, ctx.training, ctx.epsilon)
        found = [back.layer(last, Taps(len(last.weight), back.grid, 1), gradient.flatten(1))]
        for layer in reversed(layers):
            growth, seen = layer.weight.shape[:2]
            back.finish(seen, seen + growth)
            found.append(back.layer(layer, Taps(growth, back.grid), back.gradient[seen : seen + growth]))
        back.finish(0, layers[0].weight.shape[1])
        parts = [part for layer in reversed(found) for part in (*layer, None, None)]
        return back.gradient[: layers[0].weight.shape[1]].view(-1, *channels.shape[1:]), None, None, *parts


class _Moments:
    """Mean and 1/√(variance + ε) of channels that become known layer by layer."""

    def __init__(self, flat: Tensor, training: bool, epsilon: float) -> None:
        self.flat, self.training, self.epsilon = flat, training, epsilon
        self.mean, self.variance, self.rate = flat.new_zeros(3, len(flat))

    def settle(self, first: int, last: int) -> None:
        """Take those of channels that are now there."""
        if not self.training:
            return
        own = self.flat[first:last]
        self.mean[first:last] = own.mean(1)
        away = own - self.mean[first:last, None]
        self.variance[first:last] = away.square_().mean(1)
        self.rate[first:last] = (self.variance[first:last] + self.epsilon).rsqrt()

    def line(self, layer: LayerNumbers) -> tuple[Tensor, Tensor]:
        """a and b of the layer."""
        return _line(layer, self.mean, self.rate, self.training, self.epsilon)


def _line(layer: LayerNumbers, mean: Tensor, rate: Tensor, training: bool, epsilon: float) -> tuple[Tensor, Tensor]:
    seen = len(layer.scale)
    mean, rate = (mean[:seen], rate[:seen]) if training else (layer.mean, (layer.variance + epsilon).rsqrt())
    a = layer.scale * rate
    return a.view(-1, 1, 1, 1), (layer.shift - mean * a).view(-1, 1, 1, 1)


def _positive(x: Tensor, line: tuple[Tensor, Tensor], out: Tensor) -> Tensor:
    """max(0, a x + b)."""
    return torch.mul(x, line[0], out=out).add_(line[1]).clamp_min_(0)


def _write_layer(flat: Tensor, layer: LayerNumbers, line: tuple[Tensor, Tensor], taps: Taps, out: Tensor) -> None:
    """Write what a layer makes of the first channels, (channels, points)."""
    seen, matrices = layer.weight.shape[1], taps.matrices(layer.weight)
    pieces = zip(_pieces(flat, taps, (seen, taps.height)), _images(out, taps), strict=True)
    for (images, (normal, products)), own in pieces:
        _positive(images[:seen], line, taps.inside(normal))
        own.copy_(taps.convolve(matrices, normal, products))


class _Back:
    """The way back through a block, the last layer first."""

    def __init__(self, channels: Tensor, mean: Tensor, rate: Tensor, training: bool, epsilon: float) -> None:
        self.flat, self.grid = channels.flatten(1), _grid(channels)
        self.gradient = torch.zeros_like(self.flat)
        self.mean, self.rate, self.training, self.epsilon = mean, rate, training, epsilon
        self.scaled = torch.zeros_like(mean), torch.zeros_like(mean)  # sums of γ times the gradients of δ and of γ

    def layer(self, layer: LayerNumbers, taps: Taps, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of scale, shift and weight; the gradient of the channels that the layer sees grows.

        Args:
            layer: its numbers.
            taps: of its kernel.
            gradient: of what the layer writes, (channels, points).
        """
        seen, matrices = layer.weight.shape[1], taps.matrices(layer.weight)
        line = _line(layer, self.mean, self.rate, self.training, self.epsilon)
        weight, shift, product = (
            torch.zeros_like(matrices),
            torch.zeros_like(layer.shift),
            torch.zeros_like(layer.scale),
        )
        pieces = _pieces(self.flat, taps, (seen, seen, taps.height))
        grown = _images(self.gradient, taps)
        for (images, work), own, given in zip(pieces, grown, _images(gradient, taps), strict=True):
            x, (normal, sloped, products) = images[:seen], work
            taps.spread(given, products)
            _positive(x, line, taps.inside(normal))
            normals, slope = taps.shifted(normal, 1), taps.shifted(sloped, 1)
            for of, by in taps.shifts:
                there = taps.shifted(products, 2 - by)
                torch.addmm(slope, matrices[of].mT, there, beta=float(by != 1), out=slope)
                weight[of].addmm_(there, normals.mT)
            torch.ops.aten.threshold_backward(slope, normals, 0, grad_input=slope)
            shift += slope.sum(1)
            torch.mul(taps.inside(sloped), x, out=taps.inside(normal))
            product += normals.sum(1)
            own[:seen].addcmul_(taps.inside(sloped), line[0])
        scale = self._of_scale(layer, product, shift)
        if self.training:
            self.scaled[0][:seen] += layer.scale * shift
            self.scaled[1][:seen] += layer.scale * scale
        return scale, shift, taps.weight(weight)

    def _of_scale(self, layer: LayerNumbers, product: Tensor, shift: Tensor) -> Tensor:
        """Gradient of γ, from the sums of the gradient times the channel and of the gradient."""
        seen = len(layer.scale)
        if self.training:
            return (product - self.mean[:seen] * shift) * self.rate[:seen]
        return (product - layer.mean * shift) * (layer.variance + self.epsilon).rsqrt()

    def finish(self, first: int, last: int) -> None:
        """Take off what channels do by way of their own mean and variance, once all layers that see them are through.

        With D the gradient of the normalised channel n, its own is rate · (D - mean(D) - n · mean(D n)).
        """
        if not self.training:
            return
        rate, points = self.rate[first:last], self.flat.shape[1]
        tilt = self.scaled[1][first:last] / points * rate
        level = self.scaled[0][first:last] / points - tilt * self.mean[first:last]
        x = self.flat[first:last]
        for start in range(0, points, PIECE):
            piece = slice(start, start + PIECE)
            self.gradient[first:last, piece] -= (x[:, piece] * (tilt * rate)[:, None]).add_((level * rate)[:, None])


def _images(flat: Tensor, taps: Taps) -> tuple[Tensor, ...]:
    """Pieces of whole images, (channels, images, lines, columns)."""
    lines, columns = taps.grid
    return torch.split(flat.view(len(flat), -1, lines, columns), max(1, PIECE // (lines * columns)), 1)


def _pieces(flat: Tensor, taps: Taps, heights: Sequence[int]) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Pieces of whole images, each with arrays to work in, zero at the lines around them, used again for the next."""
    lines, columns = taps.grid
    work: list[Tensor] = []
    for images in _images(flat, taps):
        length = (images.shape[1] * (lines + 1) + 2) * columns
        if not work or work[0].shape[1] != length:
            work = [flat.new_zeros(height, length) for height in heights]
        yield images, work


def _grid(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


def _layers(numbers: Sequence[Tensor]) -> list[LayerNumbers]:
    """The numbers of layers one behind the other."""
    return [LayerNumbers(*numbers[i : i + 5]) for i in range(0, len(numbers), 5)]


def dense_block(
    x: Tensor, layers: Sequence[LayerNumbers], *, training: bool, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What a last layer of 1x1 makes of all channels after a block, (outputs, rows, lines, columns), and their moments.

    Mean and variance of each channel are zero in evaluation.

    Args:
        x: channels before it, (c, rows, lines, columns).
        layers: numbers of each layer; the kernel of the last one is 1x1.
        training: whether mean and variance of the batch are taken.
        epsilon: added to variances.
    """
    found: tuple[Tensor, Tensor, Tensor] = _DenseBlock.apply(  # type: ignore[no-untyped-call]
        x, training, epsilon, *(number for layer in layers for number in layer)
    )
    return found
