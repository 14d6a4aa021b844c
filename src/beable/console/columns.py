"""Numbers of tables and sentences in a form that is chosen once for all of them."""

import math
from collections.abc import Iterable
from typing import SupportsFloat

from beable.console.numbers import SUPERSCRIPTS

NONE = "–"
WIDEST = 1e4  # largest to smallest number of a column that is written without powers


def column(values: Iterable[SupportsFloat | None]) -> list[str]:
    """Numbers of one column in one form: as many decimals for all, or powers for all where they span decades.

    >>> column([0.649, 1.25, 12.0]), column([3.7e-3, 8.9e-8]), column([0.0123, 0.5, None])
    (['0.65', '1.25', '12.00'], ['3.7 × 10⁻³', '8.9 × 10⁻⁸'], ['0.012', '0.500', '–'])
    """
    found = [None if v is None else float(v) for v in values]
    sizes = [abs(x) for x in found if x is not None and math.isfinite(x) and x]
    if not sizes:
        return [fixed(x, 0) for x in found]
    if max(sizes) >= WIDEST * min(sizes) or min(sizes) < 1e-4 or max(sizes) >= 1e6:
        return [power(x) for x in found]
    decimals = max(0, min(1 - math.floor(math.log10(min(sizes))), 2 if max(sizes) >= 1 else 4))
    return [fixed(x, decimals) for x in found]


def fixed(value: float | None, decimals: int) -> str:
    """A number with so many decimals; a dash where there is none.

    >>> fixed(-0.5, 2), fixed(1234.5678, 1), fixed(None, 2), fixed(-0.001, 2)
    ('−0.50', '1,234.6', '–', '0.00')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")


def power(value: float | None) -> str:
    """A number as a multiple of a power of ten.

    >>> power(0.00366), power(-8.9e-08), power(0.0), power(None)
    ('3.7 × 10⁻³', '−8.9 × 10⁻⁸', '0', '–')
    """
    if value is None or not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")


def bracketed(value: float | None, error: float | None) -> str:
    """A number with two digits of its standard error in brackets; with four decimals where there is no error.

    >>> bracketed(0.6491, 0.0331), bracketed(0.58168, 0.000746), bracketed(12.3, 0.0), bracketed(0.5, None)
    ('0.649(33)', '0.58168(75)', '12.3000', '0.5000')
    """
    if value is None or not math.isfinite(value) or error is None or not math.isfinite(error) or error <= 0:
        return fixed(value, 4)
    decimals = max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0)
    return f"{fixed(value, decimals)}({round(error * 10**decimals)})"


def with_errors(values: Iterable[float], errors: Iterable[float]) -> list[str]:
    """Numbers of one column with their standard errors in brackets, all with two digits of the least error.

    >>> with_errors([0.649, -0.5123], [0.033, 0.141])
    ['0.649(33)', '−0.512(141)']
    """
    pairs = list(zip(values, errors, strict=True))
    known = [error for _, error in pairs if math.isfinite(error) and error > 0]
    if not known:
        return column([value for value, _ in pairs])
    decimals = max(1 - math.floor(math.log10(float(f"{min(known):.1e}"))), 0)
    return [f"{fixed(value, decimals)}({round(error * 10**decimals)})" for value, error in pairs]


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in percent, its sign kept on one line with the number.

    >>> percent(0.983), percent(0.0019, 1), percent(None)
    ('98\\xa0%', '0.2\\xa0%', '–')
    """
    return NONE if share is None or math.isnan(share) else f"{fixed(100 * share, decimals)}\u00a0%"
