"""How numbers are written for people: the same on a page, in a figure and in a terminal."""

import math
from collections.abc import Iterable
from typing import SupportsFloat

WIDEST = 1e4  # largest to smallest number of a column that is written without powers
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


def column(values: Iterable[SupportsFloat | None], errors: Iterable[SupportsFloat] | None = None) -> list[str]:
    """Numbers of one column in one form: as many decimals for all, or powers for all where they span decades.

    Args:
        values: the numbers; None and NaN are a dash.
        errors: standard errors, which decide the decimals and stand in brackets in units of the last digit.

    >>> column([0.649, 1.25, 12.0]), column([3.7e-3, 8.9e-8]), column([0.0123, 0.5])
    (['0.65', '1.25', '12.00'], ['3.7 × 10⁻³', '8.9 × 10⁻⁸'], ['0.012', '0.500'])
    >>> column([0.649, None, -0.5123], [0.033, 0.1, 0.041])
    ['0.649(33)', '–', '−0.512(41)']
    """
    found = [math.nan if v is None else float(v) for v in values]
    if errors is not None:
        return _with_errors(found, [float(e) for e in errors])
    sizes = [abs(x) for x in found if math.isfinite(x) and x]
    if not sizes:
        return [number(x) for x in found]
    if max(sizes) >= WIDEST * min(sizes) or min(sizes) < 1e-4 or max(sizes) >= 1e6:
        return [_power(x) if math.isfinite(x) and x else number(x) for x in found]
    smallest = math.floor(math.log10(min(sizes)))
    decimals = max(0, min(1 - smallest, 2 if max(sizes) >= 1 else 4))
    return [f"{x:,.{decimals}f}".replace("-", "−") if math.isfinite(x) else number(x) for x in found]


def _power(x: float) -> str:
    mantissa, power = f"{x:.1e}".split("e")
    return f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPTS)}".replace("-", "−")


def _with_errors(values: list[float], errors: list[float]) -> list[str]:
    """Values with the digits that the least error supports, and errors in units of the last one."""
    known = [e for e in errors if math.isfinite(e) and e > 0]
    if not known:
        return column(values)
    decimals = max(0, 1 - math.floor(math.log10(min(known))))
    return [
        f"{x:.{decimals}f}({round(e * 10**decimals)})".replace("-", "−") if math.isfinite(x) else number(x)
        for x, e in zip(values, errors, strict=True)
    ]


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
