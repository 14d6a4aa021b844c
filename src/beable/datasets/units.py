r"""Units as data sets declare them, UDUNITS strings such as "m s-1", read as far as they can be converted.

A unit is a product of powers of SI base units with a factor, and for temperatures an offset:

.. math:: x_{\text{SI}} = a\,x + b
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

Dimension = tuple[tuple[str, int], ...]


class Unit(NamedTuple):
    """What a unit is in SI.

    Args:
        dimension: powers of base units, sorted by name.
        factor: a, a fraction, so that kPa and Pa differ by 1000 exactly.
        offset: b, which only temperatures have.
    """

    dimension: Dimension
    factor: Fraction
    offset: Fraction = Fraction(0)


class Conversion(NamedTuple):
    """The map of numbers in one unit to another: (x * over / under) + shift.

    Args:
        over, under: whole numbers as floats, so that a thousand or a thousandth is one exact operation.
        shift: added afterwards.
    """

    over: float
    under: float
    shift: float


PREFIXES = {
    "": 0, "d": -1, "c": -2, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15,
    "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
#: symbol: base units and power of each, factor; those that take prefixes
PREFIXED: dict[str, tuple[dict[str, int], str]] = {
    "m": ({"m": 1}, "1"),
    "g": ({"kg": 1}, "0.001"),
    "s": ({"s": 1}, "1"),
    "K": ({"K": 1}, "1"),
    "A": ({"A": 1}, "1"),
    "mol": ({"mol": 1}, "1"),
    "cd": ({"cd": 1}, "1"),
    "Hz": ({"s": -1}, "1"),
    "N": ({"kg": 1, "m": 1, "s": -2}, "1"),
    "Pa": ({"kg": 1, "m": -1, "s": -2}, "1"),
    "bar": ({"kg": 1, "m": -1, "s": -2}, "100000"),
    "J": ({"kg": 1, "m": 2, "s": -2}, "1"),
    "W": ({"kg": 1, "m": 2, "s": -3}, "1"),
    "C": ({"A": 1, "s": 1}, "1"),
    "V": ({"kg": 1, "m": 2, "s": -3, "A": -1}, "1"),
    "T": ({"kg": 1, "s": -2, "A": -1}, "1"),
    "eV": ({"kg": 1, "m": 2, "s": -2}, "1.602176634e-19"),
    "L": ({"m": 3}, "0.001"),
    "l": ({"m": 3}, "0.001"),
}
PLAIN: dict[str, tuple[dict[str, int], str]] = {
    "1": ({}, "1"),
    "%": ({}, "0.01"),
    "percent": ({}, "0.01"),
    "rad": ({}, "1"),
    "min": ({"s": 1}, "60"),
    "h": ({"s": 1}, "3600"),
    "hour": ({"s": 1}, "3600"),
    "hours": ({"s": 1}, "3600"),
    "d": ({"s": 1}, "86400"),
    "day": ({"s": 1}, "86400"),
    "days": ({"s": 1}, "86400"),
    "atm": ({"kg": 1, "m": -1, "s": -2}, "101325"),
    "angstrom": ({"m": 1}, "1e-10"),
    "Å": ({"m": 1}, "1e-10"),
    "inch": ({"m": 1}, "0.0254"),
    "ft": ({"m": 1}, "0.3048"),
}
#: words for units that have a symbol
WORDS = {
    "metre": "m", "meter": "m", "metres": "m", "meters": "m", "second": "s", "seconds": "s", "kelvin": "K",
    "pascal": "Pa", "kilogram": "kg", "gram": "g", "joule": "J", "watt": "W", "newton": "N", "": "1",
    "dimensionless": "1",
}  # fmt: skip
#: temperatures with a zero of their own
TEMPERATURES = {
    "degC": ("1", "273.15"), "°C": ("1", "273.15"), "celsius": ("1", "273.15"), "degree_Celsius": ("1", "273.15"),
    "degF": ("5/9", "45967/180"), "°F": ("5/9", "45967/180"),
}  # fmt: skip
WORD = re.compile(r"([^\W\d]+|%|°[CF]|1)(?:\^|\*\*)?([+-]?\d+)?")


@lru_cache(maxsize=2**15)
def unit(text: str) -> Unit | None:
    """A unit in SI; None for one that is not in the tables.

    >>> unit("kPa").factor, unit("m/s") == unit("m s-1"), unit("furlong")
    (Fraction(1000, 1), True, None)
    """
    text = WORDS.get(text.strip(), text.strip())
    if text in TEMPERATURES:
        factor, offset = TEMPERATURES[text]
        return Unit((("K", 1),), Fraction(factor), Fraction(offset))
    powers: dict[str, int] = {}
    total = Fraction(1)
    for sign, word in _words(text):
        match = WORD.fullmatch(word)
        found = _symbol(match[1]) if match else None
        if match is None or found is None:
            return None
        power = sign * int(match[2] or 1)
        total *= found[1] ** power
        for base, exponent in found[0].items():
            powers[base] = powers.get(base, 0) + power * exponent
    return Unit(tuple(sorted((base, n) for base, n in powers.items() if n)), total)


def _words(text: str) -> list[tuple[int, str]]:
    """Factors of a product, each with 1, or -1 for the one behind a stroke."""
    parts = re.split(r"(/|\s*[.·]\s*|(?<!\*)\*(?!\*)|\s+)", re.sub(r"\s*/\s*", "/", text))
    signs = [1, *(-1 if mark == "/" else 1 for mark in parts[1::2])]
    return list(zip(signs, parts[::2], strict=True))


def _symbol(word: str) -> tuple[dict[str, int], Fraction] | None:
    """Base units and factor of a symbol, with or without a prefix."""
    word = WORDS.get(word, word)
    if word in PLAIN:
        return PLAIN[word][0], Fraction(PLAIN[word][1])
    for symbol, (powers, factor) in PREFIXED.items():
        prefix = word.removesuffix(symbol)
        if word.endswith(symbol) and prefix in PREFIXES:
            return powers, Fraction(factor) * Fraction(10) ** PREFIXES[prefix]
    return None


def conversion(given: str, wanted: str) -> Conversion | None:
    """The map of numbers in one unit to another; None where there is none.

    >>> conversion("kPa", "Pa"), conversion("degC", "K"), conversion("Pa", "K")
    (Conversion(over=1000.0, under=1.0, shift=0.0), Conversion(over=1.0, under=1.0, shift=273.15), None)
    """
    if given == wanted:
        return Conversion(1.0, 1.0, 0.0)
    one, two = unit(given), unit(wanted)
    if one is None or two is None or one.dimension != two.dimension:
        return None
    ratio = one.factor / two.factor
    return Conversion(float(ratio.numerator), float(ratio.denominator), float((one.offset - two.offset) / two.factor))
