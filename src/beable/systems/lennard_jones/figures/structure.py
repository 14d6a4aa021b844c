r"""Figures of the structure of a fluid: pair correlation and profile.

Every figure takes ``{label: curve}`` for one panel or ``{panel: {label: curve}}`` for several side by side. The
reference, equilibrium as a rule, is grey.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from beable.report.figures.checks import finite
from beable.report.figures.groups import BAND, ByPanel, by_panel, panel_row, places
from beable.report.figures.style import GREY, INK, SOFT, FloatArray, legend, line_style, styled
from beable.report.figures.words import words
from beable.systems.lennard_jones.configurations import HeightProfile

Curve = tuple[FloatArray, FloatArray, FloatArray]  # abscissa, value, standard error
Profile = Curve | HeightProfile


def _defined(label: str, curve: Profile) -> Curve:
    """A curve without the points that are not defined; an error that is not defined is none."""
    x, y, error = (np.asarray(part, dtype=float) for part in curve[:3])
    there = ~np.isnan(y)
    finite(f"the curve {label}", np.stack([x[there], y[there]]))
    return x[there], y[there], np.nan_to_num(error[there])


def _draw(axes: Axes, curves: Mapping[str, Profile], order: Mapping[str, int], upright: bool = False) -> dict[str, Any]:
    """The reference as an area, the others as lines in bands of two standard errors; handles of a legend come back."""
    fill = axes.fill_betweenx if upright else axes.fill_between
    handles: dict[str, Any] = {}
    for label, curve in curves.items():
        x, y, error = _defined(label, curve)
        points = (y, x) if upright else (x, y)
        if label not in order:
            fill(x, 0, y, **BAND)
            axes.plot(*points, color=SOFT, linewidth=0.8)
            handles[words(label)] = Patch(**BAND)
        else:
            style = line_style(order[label])
            fill(x, y - 2 * error, y + 2 * error, color=style["color"], alpha=0.2, linewidth=0)
            (handles[words(label)],) = axes.plot(*points, linewidth=1.4, **style)
    return handles


@styled
def radial_distributions(curves: ByPanel[Curve], *, reference: str | None = None) -> Figure:
    """Pair correlation g(r) with bands of two standard errors.

    Args:
        curves: r in σ, g and its standard error, as of `configurations.radial_distribution`.
        reference: the label drawn as a filled grey band.

    Raises:
        DataError: numbers that are not finite.

    >>> r = np.linspace(0.5, 4, 8)
    >>> figure = radial_distributions({"decoded": (r, np.ones(8), 0.1 * np.ones(8))})
    >>> figure.axes[0].get_xlabel()
    'r (σ)'
    """
    panels = by_panel(curves)
    order = places(panels, reference)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Any] = {}
    for axes, group in zip(row, panels.values(), strict=True):
        axes.axhline(1, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0)
        handles |= _draw(axes, group, order)
        axes.set_xlabel("r (σ)")
        axes.margins(x=0)
    row[0].set_ylim(bottom=0)
    row[0].set_ylabel("pair correlation g(r)")
    legend(figure, handles)
    return figure


@styled
def height_profiles(
    profiles: ByPanel[Profile], *, reference: str | None = None, ideal: Mapping[str, Curve] | Curve | None = None
) -> Figure:
    """Particles by height, height upwards as in the box.

    Args:
        profiles: y in σ, particles per σ of height and the standard error, as of
            `beable.systems.lennard_jones.configurations.height_profile`.
        reference: the label drawn as a filled grey band.
        ideal: the ideal gas, dashed; one for all panels, or one a panel under its name.

    Raises:
        DataError: numbers that are not finite.

    >>> y = np.linspace(0, 10, 8)
    >>> figure = height_profiles({"decoded": (y, np.exp(-y), 0 * y)}, ideal=(y, np.exp(-y), 0 * y))
    >>> figure.axes[0].get_ylabel()
    'height y (σ)'
    """
    panels = by_panel(profiles)
    order = places(panels, reference)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Any] = {}
    for axes, (name, group) in zip(row, panels.items(), strict=True):
        handles |= _draw(axes, group, order, upright=True)
        gas = ideal.get(name) if isinstance(ideal, Mapping) else ideal
        if gas is not None:
            y, density, _ = _defined("ideal gas", gas)
            axes.set_xlim(right=1.3 * axes.dataLim.x1 or None)
            (handles["ideal gas"],) = axes.plot(density, y, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_xlim(left=0)
        axes.set_xlabel("particles per σ")
        axes.xaxis.set_major_locator(MaxNLocator(4))
    row[0].set_ylim(bottom=0)
    row[0].set_ylabel("height y (σ)")
    legend(figure, handles)
    return figure
