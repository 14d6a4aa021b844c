r"""A dense block of a two-dimensional grid as one operation, for a processor.

Layer j adds :math:`W_j * \max(0, a_j x + b_j)` to the channels x of all layers before it. Two things make it cheap:

- A channel's mean and variance over the batch are the same for every layer that sees it, so they are taken once.
- Channels of all layers lie in one array, in which nothing is copied. A layer goes through it image by image, see
  `shifted`; normalised channels are computed again on the way back and not kept.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


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


class _DenseBlock(torch.autograd.Function):
    """The block as autograd sees it: channels and the numbers of all layers to all channels and their moments."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, training: bool, epsilon: float, *numbers: Tensor) -> tuple[Tensor, ...]:
        *layers, last = _layers(numbers)
        growth, begin = len(layers[0].weight), len(x)
        channels = x.new_empty(begin + growth * len(layers), *x.shape[1:])
        channels[:begin] = x
        moments = _Moments(channels.flatten(1), training, epsilon)
        moments.settle(0, begin)
        for layer in layers:
            seen = layer.weight.shape[1]
            _write(channels, layer, moments, channels[seen : seen + growth])
            moments.settle(seen, seen + growth)
        out = x.new_empty(len(last.weight), *x.shape[1:])
        _write(channels, last, moments, out)
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
        found = [back.layer(last, gradient.contiguous())]
        for layer in reversed(layers):
            growth, seen = layer.weight.shape[:2]
            back.finish(seen, seen + growth)
            found.append(back.layer(layer, back.gradient[seen : seen + growth]))
        begin = layers[0].weight.shape[1]
        back.finish(0, begin)
        parts = [part for layer in reversed(found) for part in (*layer, None, None)]
        return back.gradient[:begin], None, None, *parts


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

    def norm(self, layer: LayerNumbers) -> Tensor:
        """Mean, 1/deviation, scale and shift of what a layer sees."""
        return _norm(layer, self.mean, self.rate, self.training, self.epsilon)


def _norm(layer: LayerNumbers, mean: Tensor, rate: Tensor, training: bool, epsilon: float) -> Tensor:
    seen = len(layer.scale)
    own = (mean[:seen], rate[:seen]) if training else (layer.mean, (layer.variance + epsilon).rsqrt())
    return torch.stack([*own, layer.scale.detach(), layer.shift.detach()], 1)


def _write(channels: Tensor, layer: LayerNumbers, moments: _Moments, out: Tensor) -> None:
    """Write what a layer makes of the first channels."""
    from beable.vae import shifted  # brings numba along, which takes as long to load as a small training

    seen, size = layer.weight.shape[1:3]
    taps = shifted.Taps(channels.shape[2], channels.shape[3], size)
    x, norm = channels[:seen].numpy(), moments.norm(layer).numpy()
    shifted.layer(x, norm, taps.of(seen), taps.weights(layer.weight), size // 2, out.numpy())


class _Back:
    """The way back through a block, the last layer first."""

    def __init__(self, channels: Tensor, mean: Tensor, rate: Tensor, training: bool, epsilon: float) -> None:
        self.channels, self.gradient = channels, torch.zeros_like(channels)
        self.mean, self.rate, self.training, self.epsilon = mean, rate, training, epsilon
        self.scaled = mean.new_zeros(2, len(mean))  # sums of γ times the gradients of γ and of δ

    def layer(self, layer: LayerNumbers, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of scale, shift and weight; the gradient of the channels that the layer sees grows.

        Args:
            layer: its numbers.
            given: gradient of what the layer writes, (outputs, rows, lines, columns).
        """
        from beable.vae import shifted

        outputs, seen, size = layer.weight.shape[:3]
        taps = shifted.Taps(given.shape[2], given.shape[3], size)
        norm = _norm(layer, self.mean, self.rate, self.training, self.epsilon)
        at, behind = taps.of(seen), (taps.of(outputs), taps.weights(layer.weight.flip(2, 3).transpose(0, 1)))
        of_weight, of_norm = norm.new_zeros(outputs, len(at)), norm.new_zeros(seen, 2)
        out = tuple(t.numpy() for t in (self.gradient[:seen], of_weight, of_norm))
        shifted.layer_back(self.channels[:seen].numpy(), norm.numpy(), at, behind, size // 2, given.numpy(), out)
        self.scaled[:, :seen] += layer.scale * of_norm.T
        return of_norm[:, 0], of_norm[:, 1], of_weight[:, : seen * size**2].reshape(layer.weight.shape)

    def finish(self, first: int, last: int) -> None:
        """Take off what channels do by way of their own mean and variance, once all layers that see them are through.

        With D the gradient of the normalised channel n, its own is rate · (D - mean(D) - n · mean(D n)).
        """
        if not self.training:
            return
        rate, mean = self.rate[first:last], self.mean[first:last]
        tilt, level = self.scaled[:, first:last] / self.channels[0].numel()
        own, x = (t[first:last].flatten(1) for t in (self.gradient, self.channels))
        own.addcmul_(x, -(tilt * rate.square())[:, None])
        own.sub_((rate * (level - tilt * rate * mean))[:, None])


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
