"""Convolutions of fields that lie channels first, ``(channels, rows, *grid)``, without a bias."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def convolved(
    x: Tensor, weight: Tensor, stride: int, padding: Sequence[int], grown: Sequence[int] | None = None
) -> Tensor:
    """A convolution, or with ``grown`` a transposed one.

    Args:
        x: fields, (inputs, rows, *grid).
        weight: (outputs, inputs, *kernel); inputs first where it is transposed.
        stride: step of the kernel.
        padding: zeros before the grid and behind it, along each dimension.
        grown: the grid that a transposed convolution ends with.
    """
    if weight[0, 0].numel() == 1 and stride == 1:
        return (weight.flatten(1) @ x.flatten(1)).view(-1, *x.shape[1:])
    rows, kernel = _rows_first(x), _rows_first(weight, swapped=False)
    if grown is None:
        return CONVOLUTIONS[x.ndim - 2](rows, kernel, None, stride, padding).transpose(0, 1)
    reached = zip(x.shape[2:], weight.shape[2:], padding, strict=True)
    behind = [n - ((m - 1) * stride - 2 * p + k) for n, (m, k, p) in zip(grown, reached, strict=True)]
    return TRANSPOSED[x.ndim - 2](rows, kernel, None, stride, padding, behind).transpose(0, 1)


def _rows_first(x: Tensor, *, swapped: bool = True) -> Tensor:
    """(rows, channels, *grid) with the channels last in memory, which libraries of convolutions are fastest with."""
    moved = x.transpose(0, 1) if swapped else x
    return moved.contiguous(memory_format=torch.channels_last) if moved.ndim == 4 else moved.contiguous()
