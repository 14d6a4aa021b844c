"""One format for all numbers of a column, so that a reader compares digits and not ways of writing."""

import math
from collections.abc import Callable, Sequence

from beable.console.numbers import SUPERSCRIPTS

NONE = "–"


def _printed(text: str) -> str:
    return text.replace("-", "−")


def fixed(value: float | None, decimals: int) -> str:
    """A number with so many decimals; a dash where there is none.

    >>> fixed(-0.5, 2), fixed(1234.5678, 1), fixed(None, 2), fixed(-0.001, 2)
    ('−0.50', '1,234.6', '–', '0.00')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    return _printed(f"{round(value, decimals) + 0.0:,.{decimals}f}")


def power(value: float | None) -> str:
    """A number as a multiple of a power of ten.

    >>> power(0.00366), power(-8.9e-08), power(0)
    ('3.7 × 10⁻³', '−8.9 × 10⁻⁸', '0')
    """
    if value is None or not math.isfinite(value) or value == 0:
        return "0" if value == 0 else fixed(value, 0)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{_printed(mantissa)} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def bracketed(value: float | None, error: float | None) -> str:
    """A number with its standard error, two digits of it in brackets, in units of the last digit.

    >>> bracketed(0.6491, 0.0331), bracketed(0.58168, 0.000746), bracketed(12.3, 0.0), bracketed(0.5, None)
    ('0.649(33)', '0.58168(75)', '12.3000', '0.5000')
    """
    if value is None or not math.isfinite(value) or error is None or not math.isfinite(error) or error <= 0:
        return fixed(value, 4)
    decimals = max(1 - math.floor(math.log10(float(f"{error:.1e}"))), 0)
    return f"{fixed(value, decimals)}({round(error * 10**decimals)})"


def bracketed_column(values: Sequence[float], errors: Sequence[float]) -> list[str]:
    """Numbers with their standard errors in brackets, all with the decimals that the largest error allows.

    >>> bracketed_column([0.58168, 0.6088, 0.69279], [0.00075, 0.00104, 0.0001])
    ['0.5817(8)', '0.6088(10)', '0.6928(1)']
    """
    known = [e for e in errors if math.isfinite(e) and e > 0]
    decimals = max(1 - math.floor(math.log10(max(known))), 0) if known else 4
    return [
        fixed(value, decimals) + (f"({max(round(error * 10**decimals), 1)})" if error in known else "")
        for value, error in zip(values, errors, strict=True)
    ]


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in percent.

    >>> percent(0.983), percent(0.0019, 1), percent(None)
    ('98 %', '0.2 %', '–')
    """
    return NONE if share is None or math.isnan(share) else f"{fixed(100 * share, decimals)} %"


def column(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Numbers with the same decimals, enough for the largest to have so many digits; all as powers over four decades.

    >>> column([0.1949, 0.2655, 3.5197]), column([0.00366, 8.9e-08])
    (['0.19', '0.27', '3.52'], ['3.7 × 10⁻³', '8.9 × 10⁻⁸'])
    """
    sizes = [abs(v) for v in values if v is not None and math.isfinite(v) and v != 0]
    wide = bool(sizes) and max(sizes) > 1e4 * min(sizes)
    decimals = max(digits - 1 - math.floor(math.log10(max(sizes))), 0) if sizes else 0
    form: Callable[[float | None], str] = power if wide else lambda value: fixed(value, decimals)
    return [form(value) for value in values]
