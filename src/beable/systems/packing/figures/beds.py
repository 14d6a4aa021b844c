"""Figures of measurements on packed beds: profiles, contacts, sizes, density beside estimates of close packing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from beable.console.numbers import number
from beable.report.figures.checks import finite
from beable.report.figures.groups import ByPanel, by_panel, panel_row, places
from beable.report.figures.scales import extent, log_ticks, padded
from beable.report.figures.style import GREY, INK, SOFT, FloatArray, Limits, legend, line_style, panel_grid, styled
from beable.report.figures.words import words

Profile = tuple[FloatArray, FloatArray, Mapping[str, FloatArray]]  # z, φ, φ of each component
Sizes = tuple[FloatArray, FloatArray]  # diameter, mass per unit of its logarithm
Estimated = tuple[FloatArray, FloatArray, FloatArray | None]  # estimate, simulated, its standard error


@styled
def packing_profiles(
    profiles: Mapping[str, Profile],
    *,
    slabs: Mapping[str, Limits] | None = None,
    reference: Mapping[str, float] | None = None,
    label: str = "height z",
    reference_label: str = "close packing",
) -> Figure:
    """Packing fraction against height, height upwards, the components one beside the other, a panel a bed.

    Args:
        profiles: for each bed z ``(layers,)``, φ ``(layers,)`` and the part of φ that each component has
            ``(layers,)``, as of `beable.systems.packing.packed_beds.height_profile`; no parts for one component.
        slabs: heights between which each bed was measured; shaded, with the mean of φ there.
        reference: a packing fraction to compare each bed with, dashed.
        label: of the height, with its unit.
        reference_label: what the reference is.

    Raises:
        DataError: numbers that are not finite.

    >>> z, phi = np.arange(10.0), np.full(10, 0.58)
    >>> figure = packing_profiles({"bed": (z, phi, {})}, slabs={"bed": (2.0, 7.0)})
    >>> figure.axes[0].texts[0].get_text()
    'φ = 0.580'
    """
    figure, row = panel_row(profiles, sharex=True)
    order = places({name: parts for name, (_, _, parts) in profiles.items()})
    handles: dict[str, Any] = {}
    for axes, (name, profile) in zip(row, profiles.items(), strict=True):
        handles |= _profile(axes, name, profile, order)
        if slabs and name in slabs:
            _slab(axes, profile, slabs[name])
        if reference and name in reference:
            style: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 2))}
            axes.axvline(reference[name], **style)
            handles[words(reference_label)] = Line2D([], [], **style)
        axes.set_xlabel("packing fraction φ")
        axes.xaxis.set_major_locator(MaxNLocator(4))
    row[0].set_xlim(0, max(0.7, 1.04 * max(axes.dataLim.x1 for axes in row)))
    row[0].set_ylabel(words(label))
    legend(figure, handles)
    return figure


def _profile(axes: Axes, name: str, profile: Profile, order: Mapping[str, int]) -> dict[str, Any]:
    z, total = finite(f"heights of {name}", profile[0], 1), finite(f"packing fractions of {name}", profile[1], 1)
    handles: dict[str, Any] = {}
    below = np.zeros(len(z))
    for part, values in (profile[2] or {"": total}).items():
        share = finite(f"{part} in {name}", values, 1)
        above = below + share
        colour = line_style(order[part])["color"] if part else GREY
        look: dict[str, Any] = {"color": colour, "alpha": 0.55, "linewidth": 0}
        axes.fill_betweenx(z, below, above, **look)
        if part:
            handles[words(part)] = Patch(**look)
        below = above
    axes.plot(total, z, color=INK, linewidth=1.2)
    axes.margins(y=0)
    axes.set_ylim(bottom=min(0.0, float(z.min())))
    return handles


def _slab(axes: Axes, profile: Profile, slab: Limits) -> None:
    """The bulk, the rest behind a veil, and the mean of φ in it."""
    low, high = slab
    z, total = np.asarray(profile[0]), np.asarray(profile[1])
    bottom, top = axes.get_ylim()
    for ends in ((bottom, low), (high, top)):
        axes.axhspan(*ends, color="white", alpha=0.6, linewidth=0, zorder=3)
    for end in slab:
        axes.axhline(end, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=4)
    inside = total[(z >= low) & (z <= high)]
    said = f"φ = {inside.mean():.3f}" if inside.size else "no layer in it"
    axes.text(0.04, (low + high) / 2, said, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5,
              bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 2})  # fmt: skip


@styled
def close_packing(
    beds: Mapping[str, Estimated], *, estimate: str = "close packing, estimated", simulated: str = "deposited"
) -> Figure:
    """Simulated packing fractions against estimates of close packing, with two standard errors.

    Args:
        beds: for each kind of bed estimate, simulated number and its standard error or None ``(beds,)`` each.
        estimate, simulated: what is on the axes.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = close_packing({"two sizes": (np.array([0.65, 0.73]), np.array([0.58, 0.65]), None)})
    >>> figure.axes[0].get_xlabel()
    'close packing, estimated'
    """
    figure, panels = panel_grid(1, 1, 3.4, 3.6)
    axes, handles, seen = panels[0, 0], {}, []
    for place, (name, (x, y, error)) in enumerate(beds.items()):
        found = [finite(f"packing fractions of {name}", part, 1) for part in (x, y) if part is not None]
        bars = np.zeros_like(found[1]) if error is None else finite(f"errors of {name}", error, 1)
        colour = line_style(place)["color"]
        look: dict[str, Any] = {"markersize": 4, "elinewidth": 0.8, "markeredgewidth": 0, "alpha": 0.85}
        handles[words(name)] = axes.errorbar(*found, 2 * bars, fmt="o", color=colour, **look)
        seen += found
    _equality(axes, np.concatenate(seen))
    axes.set_xlabel(words(estimate))
    axes.set_ylabel(words(simulated))
    legend(figure, handles)
    return figure


def _equality(axes: Axes, values: FloatArray) -> None:
    reach = padded(extent(values), 0.06)
    axes.plot(reach, reach, color=INK, linewidth=0.8, zorder=1)
    axes.annotate("equal", (reach.high, reach.high), (-8, -6), textcoords="offset points", ha="right", va="bottom",
                  rotation=45, rotation_mode="anchor", fontsize=8, color=SOFT)  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(*reach)
    axes.set_ylim(*reach)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))


@styled
def size_distribution(
    components: ByPanel[Sizes], *, label: str = "diameter d", y_label: str = "mass per ln d"
) -> Figure:
    """Sizes by mass: how much of the powder is where on the logarithmic axis of diameters, a colour a component.

    Args:
        components: for each component diameters ``(points,)`` and dm/d ln d ``(points,)``; a single point is one
            size, its number a mass, drawn as a line of full height with its share.
        label, y_label: what is on the axes, with units.

    Raises:
        DataError: numbers that are not finite.

    >>> d = np.geomspace(5, 50, 20)
    >>> fine, coarse = (d, np.exp(-np.log(d / 15) ** 2)), (np.array([90.0]), np.ones(1))
    >>> figure = size_distribution({"fine": fine, "coarse": coarse})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['fine', 'coarse']
    """
    panels = by_panel(components)
    order = places(panels)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Any] = {}
    for axes, group in zip(row, panels.values(), strict=True):
        found = {name: _sizes(name, sizes) for name, sizes in group.items()}
        for name, (d, density) in found.items():
            handles[words(name)] = _component(axes, d, density, line_style(order[name])["color"])
        _diameters(axes, np.concatenate([d for d, _ in found.values()]))
        axes.set_xlabel(words(label))
    row[0].set_ylim(bottom=0)
    row[0].set_ylabel(words(y_label))
    legend(figure, handles)
    return figure


def _sizes(name: str, sizes: Sizes) -> Sizes:
    d, density = finite(f"diameters of {name}", sizes[0], 1), finite(f"mass of {name}", sizes[1], 1)
    order = np.argsort(d)
    return d[order], density[order]


def _component(axes: Axes, d: FloatArray, density: FloatArray, colour: str) -> Any:
    if len(d) == 1:
        (line,) = axes.plot([d[0], d[0]], [0, 0.94], color=colour, linewidth=1.8, transform=axes.get_xaxis_transform())
        axes.annotate(number(density[0]), (d[0], 0.94), (0, 2), textcoords="offset points", ha="center",
                      xycoords=axes.get_xaxis_transform(), fontsize=8, color=colour)  # fmt: skip
        return line
    axes.fill_between(d, 0, density, color=colour, alpha=0.25, linewidth=0)
    edges = np.pad(density, 1)  # where a distribution is cut, it ends with a step
    (line,) = axes.plot(np.pad(d, 1, mode="edge"), edges, color=colour, linewidth=1.5)
    return line


def _diameters(axes: Axes, d: FloatArray) -> None:
    low, high = float(d.min()) / 1.25, float(d.max()) * 1.25
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    log_ticks(axes.xaxis, low, high)


@styled
def coordination_histogram(contacts: ByPanel[FloatArray]) -> Figure:
    """How many spheres have how many contacts, a line a kind of sphere, with its mean.

    Args:
        contacts: number of contacts of each sphere ``(spheres,)``, as of `packed_beds.coordination`.

    Raises:
        DataError: numbers that are not finite.

    >>> figure = coordination_histogram({"equal": np.array([4, 6, 6, 8])})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['equal, mean 6.00']
    """
    panels = by_panel(contacts)
    order = places(panels)
    figure, row = panel_row(panels, sharey=True)
    handles: dict[str, Any] = {}
    several = len(panels) > 1
    for axes, group in zip(row, panels.values(), strict=True):
        for name, values in group.items():
            counts = finite(f"contacts of {name}", values, 1).astype(int)
            share = np.bincount(counts) / len(counts)
            said = words(name) if several else f"{words(name)}, mean {counts.mean():.2f}"
            edges, style = np.arange(len(share) + 1) - 0.5, line_style(order[name])
            axes.fill_between(edges, np.append(share, 0), step="post", color=style["color"], alpha=0.18, linewidth=0)
            axes.stairs(share, edges, linewidth=1.4, **style)
            handles[said] = Line2D([], [], linewidth=1.5, **style)
        if several:
            _means(axes, group, order)
        axes.set_xlabel("contacts of a sphere")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    row[0].set_ylim(bottom=0)
    row[0].set_ylabel("share of spheres")
    legend(figure, handles)
    return figure


def _means(axes: Axes, group: Mapping[str, FloatArray], order: Mapping[str, int]) -> None:
    for level, (name, values) in enumerate(group.items()):
        style: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": 8, "color": line_style(order[name])["color"]}
        axes.text(0.98, 0.98 - 0.09 * level, f"mean {np.mean(values):.2f}", transform=axes.transAxes, **style)
