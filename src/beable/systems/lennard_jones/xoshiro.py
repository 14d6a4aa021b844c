"""Random numbers of many lanes at once: xoshiro128+ and what is drawn from its words, in single precision.

Each lane has a generator of its own, ``state`` (4, lanes); ``bits`` (lanes) are its words, ``numbers`` (lanes) what is
drawn. Blackman and Vigna (2021). The logarithm is a series that is right to 1e-7.
"""

from typing import Any

import numpy as np
from numba import njit

LANES = 128

f4, i4, u4 = np.float32, np.int32, np.uint32


@njit(error_model="numpy", cache=True)
def advance(state: Any, bits: Any) -> None:
    """One step of every lane's generator; each operation is held to 32 bits."""
    for w in range(LANES):
        a, b, c, d = state[0, w], state[1, w], state[2, w], state[3, w]
        bits[w] = u4(a + d)
        shifted = u4(b << u4(9))
        c, d = u4(c ^ a), u4(d ^ b)
        b, a = u4(b ^ c), u4(a ^ d)
        state[0, w], state[1, w], state[2, w] = a, b, u4(c ^ shifted)
        state[3, w] = u4(u4(d << u4(11)) | u4(d >> u4(21)))


@njit(error_model="numpy", cache=True)
def uniform(state: Any, bits: Any, numbers: Any) -> None:
    """Uniform numbers in [0, 1)."""
    advance(state, bits)
    for w in range(LANES):
        numbers[w] = f4(u4(bits[w] >> u4(8))) * f4(2**-24)


@njit(error_model="numpy", inline="always")
def log(x: Any) -> Any:
    """Logarithm of a positive number, by the series of the inverse hyperbolic tangent in its mantissa."""
    whole = np.float32(x).view(np.int32)
    power = f4(i4((whole >> i4(23)) - i4(127)))
    mantissa = np.int32((whole & i4(0x7FFFFF)) | i4(0x3F800000)).view(np.float32)
    t = (mantissa - f4(1)) / (mantissa + f4(1))
    s = t * t
    series = f4(2 / 13) * s + f4(2 / 11)
    series = series * s + f4(2 / 9)
    series = series * s + f4(2 / 7)
    series = series * s + f4(2 / 5)
    series = series * s + f4(2 / 3)
    series = series * s + f4(2)
    return series * t + power * f4(0.6931471805599453)


@njit(error_model="numpy", cache=True)
def exponential(state: Any, bits: Any, numbers: Any) -> None:
    """Exponential numbers, -log u."""
    advance(state, bits)
    for w in range(LANES):
        numbers[w] = -log((f4(u4(bits[w] >> u4(8))) + f4(0.5)) * f4(2**-24))
