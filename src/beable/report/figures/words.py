"""Words and numbers as a figure prints them: text stays text, a letter is mathematics, a unit has its powers."""

import re
import textwrap
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.mathtext import MathTextParser

from beable.console.numbers import SUPERSCRIPTS, number


@lru_cache(maxsize=1)
def _font() -> Any:
    return font_manager.get_font(font_manager.findfont("DejaVu Sans"))


def words(text: str, longest: int = 64) -> str:
    """Text as it is, shortened; nothing is read as mathematics, what the font lacks becomes the replacement sign."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    drawable = (c if c == "\n" or _font().get_char_index(ord(c)) else "\ufffd" for c in short)
    return "".join(drawable).replace("$", r"\$")


def panel_title(text: str, columns: int) -> str:
    """The title of one of several panels side by side, wrapped to its width."""
    return textwrap.fill(words(text), max(84 // columns, 8))


def printed_symbol(latex: str) -> str:
    """A letter of the paper as mathematics, or as words where it is no mathematics."""
    formula = f"${latex}$"
    if not latex.isascii() or "$" in latex or not 0 < len(latex) < 57:
        return words(latex)
    try:
        MathTextParser("path").parse(formula)
    except ValueError:
        return words(latex)
    return formula


def printed_unit(unit: str) -> str:
    """A UDUNITS string as it is printed: "m s-1" becomes "m s⁻¹"; nothing for a pure number."""
    printed = re.sub(r"(?<=[A-Za-z])\^?(-?\d+)", lambda power: power[1].translate(SUPERSCRIPTS), unit)
    return "" if unit in ("", "1") else words(printed)


def round_numbers(low: float, high: float) -> list[float]:
    """About four round numbers between two positive ones: powers of ten, else their multiples too."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for leading in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        found = [t for t in np.outer(10.0**decades, leading).ravel() if low <= t <= high]
        if len(found) >= 2:
            break
    return [float(t) for t in found[:: -(-len(found) // 4)]] if found else [low, high]


def tick(value: float, _position: int | None = None) -> str:
    """A tick's number, which is round: 0.0625, 2,500, 3 × 10⁻⁷ or 10⁻⁷."""
    return re.sub(r"\b1\.0 × |\.0(?= ×)", "", number(value, digits=6))
