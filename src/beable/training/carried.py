r"""A linear path inside a network of convolutions that has none beside it.

Rectified units pass a number x on as two that are not negative, :math:`x = \max(0, x) - \max(0, -x)`. So two channels
of every layer, with kernels that are one in the middle and zero elsewhere, carry a field through convolutions that keep
its grid, and the one fully connected layer of encoder and decoder holds the path. What all other channels add starts
near zero, as the bend of any other network does. The network has no more parameters than before.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from beable.errors import UsageError
from beable.vae.networks import Conv, Convolution, ConvUp, Linear
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE

FloatArray = NDArray[np.floating]
Path = tuple[FloatArray, FloatArray, FloatArray]
#: share of the first weights that is left of what all other channels add
BEND = 0.01


def carries(settings: ModelSettings) -> bool:
    """Whether a network can hold a linear path: rectified convolutions on the full grid, one dense layer.

    Args:
        settings: of the model.

    >>> carries(ModelSettings(network="conv", stride=1, head=(), activation="relu", linear=False))
    True
    """
    return (settings.network, settings.stride, settings.head, settings.activation) == ("conv", 1, (), "relu")


@torch.no_grad()
def carry(vae: VAE, paths: Sequence[Path | None]) -> None:
    """Write :math:`z = (c - o) W` into encoders and :math:`c = z V + o` into decoders, in place.

    Args:
        vae: the ensemble.
        paths: W (m, latents), V (latents, m) and o (m) of each member, in codes; None leaves a member as it is.

    Raises:
        UsageError: a layer with fewer than two channels for each of the fields.
    """
    scale_in, scale_out = vae.encoder.scale.numpy(), vae.decoder.scale.numpy()
    for member, path in enumerate(paths):
        if path is not None:
            forward, back, offset = path
            _encoder(vae.encoder.network, member, forward * scale_in[:, None], -offset @ forward)
            _decoder(vae.decoder.network, member, back / scale_out, offset / scale_out)


def _encoder(network: nn.Module, member: int, forward: FloatArray, bias: FloatArray) -> None:
    assert isinstance(network, Conv)
    fields = network.shape[0]
    for layer in network.layers:
        _pass_on(layer, member, fields)
    _into(network.head.layers[0], member, forward, bias, fields)


def _decoder(network: nn.Module, member: int, back: FloatArray, offset: FloatArray) -> None:
    assert isinstance(network, ConvUp)
    *layers, last = network.layers
    assert isinstance(last, Convolution)
    fields = last.outputs
    for layer in layers:
        _pass_on(layer, member, fields)
    _gather(last, member, fields)
    _out_of(network.tail.layers[0], member, back, offset, fields)


def _pass_on(layer: nn.Module, member: int, fields: int) -> None:
    """The first channels hand on each field and its negative; from fields themselves they make both."""
    assert isinstance(layer, Convolution)
    weight, bias = layer.weight[member], layer.bias[member]
    if len(weight) < 2 * fields:
        raise UsageError(
            f"this start needs two channels for each of {fields} fields in every layer, one has {len(weight)}: "
            "give more in model.channels and model.decoder_channels, or set training.start = 'random'"
        )
    first = weight.shape[1] == fields
    weight[: 2 * fields], bias[: 2 * fields] = 0, 0
    for i in range(2 * fields):
        _middle(weight[i, i // 2 if first else i])[...] = -1.0 if first and i % 2 else 1.0


def _gather(layer: nn.Module, member: int, fields: int) -> None:
    """Each field from its two channels, and little from all others."""
    assert isinstance(layer, Convolution)
    weight, bias = layer.weight[member], layer.bias[member]
    weight.mul_(BEND)
    bias.zero_()
    weight[:, : 2 * fields] = 0
    for i in range(2 * fields):
        _middle(weight[i // 2, i])[...] = -1.0 if i % 2 else 1.0


def _middle(kernel: Tensor) -> Tensor:
    """The number in the middle of a kernel, as a view of it."""
    return kernel[tuple(n // 2 for n in kernel.shape)]


def _signed(path: FloatArray, fields: int) -> Tensor:
    """A path from numbers of fields (m, ...) as one from two channels of each field, (2m, ...)."""
    split = path.reshape(fields, 1, -1, *path.shape[1:])
    both = np.concatenate([split, -split], axis=1)
    return torch.from_numpy(np.ascontiguousarray(both.reshape(-1, *path.shape[1:]), np.float32))


def _into(layer: nn.Module, member: int, forward: FloatArray, bias: FloatArray, fields: int) -> None:
    """The means of the latents from the channels that carry the fields."""
    assert isinstance(layer, Linear)
    layer.weight[member].mul_(BEND)
    path = _signed(forward, fields)
    layer.weight[member, : len(path), : path.shape[1]] = path
    layer.bias[member, 0, : path.shape[1]] = torch.from_numpy(np.asarray(bias, np.float32))


def _out_of(layer: nn.Module, member: int, back: FloatArray, offset: FloatArray, fields: int) -> None:
    """The channels that carry the fields from the latents."""
    assert isinstance(layer, Linear)
    path = _signed(back.T, fields).T
    layer.weight[member, :, : path.shape[1]] = 0
    layer.weight[member, : len(path), : path.shape[1]] = path
    layer.bias[member, 0, : path.shape[1]] = _signed(offset[:, None], fields)[:, 0]
