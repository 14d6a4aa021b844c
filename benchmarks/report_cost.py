"""What the figures of a report cost: CPU seconds to draw them as a page does, and by Matplotlib's own `savefig`.

Run:  python benchmarks/report_cost.py [repeats]
Both write SVG with text as text, of the same figures made anew; ours also makes them a part of the page.
"""

import io
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
from matplotlib.figure import Figure

from beable.report.figures.codes import codes_against_factors, posterior_and_factors
from beable.report.figures.fields import reconstruction
from beable.report.figures.scores import errors
from beable.report.figures.style import style
from beable.report.figures.training import histories
from beable.report.pictures import picture

RNG = np.random.default_rng(0)
X, STEPS = np.linspace(0, 1, 33), np.arange(0.0, 4000, 50)
FIELD = np.add.outer(np.sin(3 * X), X**2)
FACTORS = RNG.uniform(-1, 1, (200, 2))
SYMBOLS = [r"\theta_1", r"\theta_2"]
FIGURES = (
    lambda: reconstruction([FIELD, 1e4 * FIELD], [1.01 * FIELD, 1e4 * FIELD], ["p", "u"], ["Pa", "m"], X, X),
    lambda: codes_against_factors(FACTORS + 0.1, FACTORS, SYMBOLS, np.full_like(FACTORS, 0.1)),
    lambda: posterior_and_factors(FACTORS, FACTORS, SYMBOLS, RNG.normal(size=(200, 2))),
    lambda: errors({"ICA start": {"p": RNG.uniform(1e-4, 1e-2, 16), "u": RNG.uniform(1e-4, 1e-2, 16)}}),
    lambda: histories({"rate": np.exp(-STEPS[:, None] / 400) * np.linspace(1, 2, 16)}, STEPS),
)


def by_matplotlib(figure: Figure) -> None:
    """As Matplotlib saves it, with numbers set as formulas, as they are where powers of ten shall look like such."""
    with style():
        figure.savefig(io.BytesIO(), format="svg", dpi=192)


def with_formulas(draw: Callable[[], Figure]) -> Figure:
    figure = draw()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if hasattr(formatter := axis.get_major_formatter(), "set_useMathText"):
            formatter.set_useMathText(True)
    return figure


def seconds(repeats: int, make: Callable[[Callable[[], Figure]], Figure], write: Callable[[Figure], object]) -> float:
    """Median CPU seconds of all figures."""
    took = []
    for _ in range(repeats):
        figures = [make(draw) for draw in FIGURES]
        began = process_time()
        for figure in figures:
            write(figure)
        took.append(process_time() - began)
    return median(took)


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds(1, lambda draw: draw(), picture)  # fonts are found once
    ours, theirs = seconds(repeats, lambda draw: draw(), picture), seconds(repeats, with_formulas, by_matplotlib)
    print(
        f"{len(FIGURES)} figures: {ours:.2f} s; savefig with numbers as formulas {theirs:.2f} s, {theirs / ours:.2f} x"
    )
