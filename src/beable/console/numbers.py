"""How numbers are written for people: the same on a page, in a figure and in a terminal."""

import math
from collections.abc import Iterable
from statistics import median
from typing import SupportsFloat

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: SupportsFloat | None, error: float | None = None, *, digits: int = 3) -> str:
    """A number as it is printed: few digits, powers of ten written out; a dash where there is none.

    Args:
        value: the number.
        error: its standard error; both then have three decimals.
        digits: significant ones, below 1,000.

    >>> number(0.98349), number(12300.0), number(8.8e-08), number(None), number(-0.512, 0.0321)
    ('0.983', '12,300', '8.8 × 10⁻⁸', '–', '−0.512 ± 0.032')
    >>> number(99.96), number(999.9), number(100, digits=2)
    ('100', '1,000', '100')
    """
    x = math.nan if value is None else float(value)
    if math.isnan(x):
        return "–"
    if error is not None:
        return f"{x:.3f} ± {error:.3f}".replace("-", "−")
    size = abs(x)
    if math.isinf(size):
        return "−∞" if x < 0 else "∞"
    if size == 0 or 1e-3 <= size < 1e5:
        few = x if size >= 1000 else float(f"{x:.{digits}g}")
        return (f"{few:,.0f}" if abs(few) >= 10**digits else f"{few:.{digits}g}").replace("-", "−")
    mantissa, power = f"{x:.1e}".replace("-", "−", int(x < 0)).split("e")
    return f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPTS)}"


def span(values: Iterable[SupportsFloat | None]) -> str:
    """Median and range of the numbers that there are, or one number where they are printed alike; a dash without any.

    >>> span([1.0, 3.0, 2.0]), span([2.0, math.nan]), span([math.nan])
    ('2 (1 to 3)', '2', '–')
    """
    found = [x for value in values if value is not None and math.isfinite(x := float(value))]
    if not found:
        return number(None)
    low, middle, high = map(number, (min(found), median(found), max(found)))
    return middle if low == high else f"{middle} ({low} to {high})"


def many(count: int, one: str) -> str:
    """A number of things.

    >>> many(1, "row"), many(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def latent_name(index: int) -> str:
    """A latent as it is called on pages, counted from one: z₁, z₂, ...

    >>> latent_name(0), latent_name(11)
    ('z₁', 'z₁₂')
    """
    return "z" + "".join(chr(ord("₀") + int(digit)) for digit in str(index + 1))


def typed(value: float | None) -> str:
    """A number as it could be typed into an option, with four digits; a dash where there is none.

    >>> typed(0.123456), typed(1e-07), typed(None)
    ('0.1235', '1e-07', '–')
    """
    return "–" if value is None else f"{value:.4g}"
