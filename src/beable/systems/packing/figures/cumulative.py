"""Figures of several samples of one number as cumulative distributions."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from beable.report.figures.checks import finite
from beable.report.figures.groups import ByPanel, by_panel, panel_row, places
from beable.report.figures.style import FloatArray, legend, line_style, styled
from beable.report.figures.words import words

MOST_STEPS = 1000  # of a drawn staircase


@styled
def cumulative_distributions(samples: ByPanel[FloatArray], *, label: str = "packing fraction φ") -> Figure:
    """Share of a sample up to every value, with the number of rows of each.

    Args:
        samples: values ``(rows,)``.
        label: what they are, with their unit.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = cumulative_distributions({"top": np.array([0.75, 0.8, 0.82, 0.76])})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['top (4)']
    """
    panels = by_panel(samples)
    order = places(panels)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Any] = {}
    for axes, group in zip(row, panels.values(), strict=True):
        for name, values in group.items():
            x, share = _staircase(finite(f"values of {name}", values, 1))
            said = words(name) if len(panels) > 1 else f"{words(name)} ({np.size(values):,})"
            (handles[said],) = axes.plot(x, share, drawstyle="steps-post", linewidth=1.6, **line_style(order[name]))
        axes.set_xlabel(words(label))
        axes.margins(x=0.02)
    row[0].set_ylim(0, 1.02)
    row[0].set_ylabel("cumulative share")
    legend(figure, handles)
    return figure


def _staircase(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ends of the steps, from 0 to 1; a large sample's at even shares."""
    x = np.sort(values)
    share = np.arange(1, len(x) + 1) / len(x)
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_STEPS)).round().astype(int))
    return np.concatenate([x[:1], x[kept]]), np.concatenate([[0.0], share[kept]])
