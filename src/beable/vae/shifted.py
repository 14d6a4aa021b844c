r"""Layers of few channels on a processor, compiled: normalise, keep what is positive, convolve.

An image lies line by line with zeros around it, so that every tap of a kernel reads the same memory from another
beginning, and a convolution is

.. math:: y_g[i] = \sum_t w_{gt}\, x[i + o_t]

over taps t of all channels, with long lines i. Nine taps at a time stay in registers. The gradients of the channels are
such a sum too, with the kernel turned round, and those of the weights are products of the same lines. One image after
the other, so that all of it stays near the processor.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NINE = 9  # taps whose weights, or sums, are kept in registers
ORDER = {"reassoc", "contract", "nsz"}  # sums may change their order, but what is not a number stays so


class Taps(NamedTuple):
    """Where a square kernel of odd size reads images of a grid.

    Args:
        lines, columns: the grid.
        size: lines of the kernel.
    """

    lines: int
    columns: int
    size: int

    def of(self, channels: int) -> NDArray[np.uint64]:
        """Beginnings of the taps of all channels, filled up to whole nines."""
        return _beginnings(self, channels)

    def weights(self, weight: Any) -> NDArray[np.floating]:
        """(outputs, channels, size, size), a tensor, as numbers of the taps."""
        return _whole_nines(weight.detach().flatten(1).numpy())


@lru_cache
def _beginnings(taps: Taps, channels: int) -> NDArray[np.uint64]:
    wide, plane = _layout(taps.lines, taps.columns, taps.size // 2)
    line, column = np.mgrid[: taps.size, : taps.size]
    each = np.arange(channels)[:, None, None] * plane + line * wide + column
    found: NDArray[np.uint64] = _whole_nines(each.reshape(1, -1).astype(np.uint64))[0]
    return found


def _whole_nines(x: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.pad(x, ((0, 0), (0, -x.shape[1] % NINE))))


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _layout(lines: int, columns: int, edge: int) -> tuple[int, int]:
    """Numbers from line to line and from image to image; the zeros behind a line are those before the next."""
    wide = columns + edge
    return wide, (lines + 2 * edge) * wide + 2 * edge


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _add(images: Any, at: Any, weights: Any, out: Any) -> None:
    """Add nine taps."""
    o0, o1, o2, o3, o4, o5, o6, o7, o8 = at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]
    w0, w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3], weights[4]
    w5, w6, w7, w8 = weights[5], weights[6], weights[7], weights[8]
    for i in range(np.uint64(len(out))):
        out[i] += (
            (w0 * images[o0 + i] + w1 * images[o1 + i] + w2 * images[o2 + i])
            + (w3 * images[o3 + i] + w4 * images[o4 + i] + w5 * images[o5 + i])
            + (w6 * images[o6 + i] + w7 * images[o7 + i] + w8 * images[o8 + i])
        )


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _multiply(images: Any, at: Any, given: Any, out: Any) -> None:
    """Add the products of nine taps with a line."""
    o0, o1, o2, o3, o4, o5, o6, o7, o8 = at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = np.float32(0)
    for i in range(np.uint64(len(given))):
        y = given[i]
        s0 += y * images[o0 + i]
        s1 += y * images[o1 + i]
        s2 += y * images[o2 + i]
        s3 += y * images[o3 + i]
        s4 += y * images[o4 + i]
        s5 += y * images[o5 + i]
        s6 += y * images[o6 + i]
        s7 += y * images[o7 + i]
        s8 += y * images[o8 + i]
    for t, s in enumerate((s0, s1, s2, s3, s4, s5, s6, s7, s8)):
        out[t] += s


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _convolve(images: Any, at: Any, weights: Any, out: Any) -> None:
    """The sum of all taps, (outputs, numbers)."""
    out[:] = 0
    for g in range(len(out)):
        for t in range(0, len(at), NINE):
            _add(images, at[t : t + NINE], weights[g, t : t + NINE], out[g])


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _inside(plane: Any, lines: int, edge: int) -> Any:
    """An image between the zeros above and below it, (lines, columns and zeros behind them)."""
    wide = (len(plane) - 2 * edge) // (lines + 2 * edge)
    first = edge * (wide + 1)
    return plane[first : first + lines * wide].reshape(lines, wide)


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _lay(x: Any, norm: Any, out: Any) -> None:
    """Write max(0, normalised x) of an image."""
    a = norm[1] * norm[2]
    b = norm[3] - norm[0] * a
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y = a * x[i, j] + b
            out[i, j] = np.float32(0) if y <= 0 else y


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _copy(x: Any, out: Any) -> None:
    """Copy what both have, line by line."""
    for i in range(x.shape[0]):
        for j in range(min(x.shape[1], out.shape[1])):
            out[i, j] = x[i, j]


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def _pass(x: Any, norm: Any, image: Any, slope: Any, out: Any) -> tuple[Any, Any]:
    """Add to the gradient of a channel what passes where it is positive; gradients of its scale and shift."""
    mean, rate, a = norm[0], norm[1], norm[1] * norm[2]
    of_scale = of_shift = np.float32(0)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            s = np.float32(0) if image[i, j] <= 0 else slope[i, j]
            of_scale += s * ((x[i, j] - mean) * rate)
            of_shift += s
            out[i, j] += a * s
    return of_scale, of_shift


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def layer(x: Any, norm: Any, at: Any, weights: Any, edge: int, out: Any) -> None:
    """Write what a layer makes of channels.

    Args:
        x: channels, (channels, rows, lines, columns).
        norm: mean, 1/deviation, scale and shift of each, (channels, 4).
        at, weights: taps of all channels, and their numbers, (outputs, taps).
        edge: zeros around an image.
        out: what is written, (outputs, rows, lines, columns).
    """
    channels, rows, lines, columns = x.shape
    wide, plane = _layout(lines, columns, edge)
    images, made = np.zeros((channels, plane), x.dtype), np.empty((len(out), lines * wide), x.dtype)
    for r in range(rows):
        for c in range(channels):
            _lay(x[c, r], norm[c], _inside(images[c], lines, edge))
        _convolve(images.reshape(-1), at, weights, made)
        for g in range(len(out)):
            _copy(made[g].reshape(lines, wide), out[g, r])


@njit(cache=True, error_model="numpy", fastmath=ORDER)
def layer_back(x: Any, norm: Any, at: Any, behind: tuple[Any, Any], edge: int, given: Any, out: Any) -> None:
    """Add the gradients of a layer's channels, of its weights, and of scale and shift.

    Args:
        x, norm, at, edge: as in `layer`.
        behind: taps of the outputs and their numbers, (channels, taps), the kernel turned round.
        given: gradients of what the layer wrote, (outputs, rows, lines, columns).
        out: gradients of the channels, normalised by given means and deviations, (channels, rows, lines, columns); of
            the weights, (outputs, taps); of scale and shift, (channels, 2).
    """
    channels, rows, lines, columns = x.shape
    wide, plane = _layout(lines, columns, edge)
    images, spread = np.zeros((channels, plane), x.dtype), np.zeros((len(given), plane), x.dtype)
    slopes = np.empty((channels, lines * wide), x.dtype)
    gradient, of_weights, of_norm = out
    for r in range(rows):
        for g in range(len(given)):
            _copy(given[g, r], _inside(spread[g], lines, edge))
        _convolve(spread.reshape(-1), behind[0], behind[1], slopes)
        for c in range(channels):
            image, slope = _inside(images[c], lines, edge), slopes[c].reshape(lines, wide)
            _lay(x[c, r], norm[c], image)
            of_scale, of_shift = _pass(x[c, r], norm[c], image, slope, gradient[c, r])
            of_norm[c, 0] += of_scale
            of_norm[c, 1] += of_shift
        for g in range(len(given)):
            own = _inside(spread[g], lines, edge).reshape(-1)
            for t in range(0, len(at), NINE):
                _multiply(images.reshape(-1), at[t : t + NINE], own, of_weights[g, t : t + NINE])
