"""Pictures of packed beds of spheres, seen from the side and a little from above.

The bed is periodic: the two faces that the eye sees are sections through it, as wide as the box, and the share of a
section that is solid is the packing fraction (Delesse 1847). Sections are paler than the spheres behind them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from beable.errors import DataError, unknown
from beable.report.figures.checks import finite, same_length
from beable.report.figures.scales import colour_bar, colour_scale
from beable.report.figures.style import SOFT, WIDTH, FloatArray, legend, line_style, panel_grid, styled
from beable.report.figures.words import panel_title, printed_unit, words
from beable.systems.packing.figures.lighting import SAMPLES, picture
from beable.systems.packing.figures.raycast import Block, block_of, view_of

Pile = tuple[FloatArray, FloatArray, float, NDArray[np.intp] | None]  # positions, radii, box, component

PIXELS = 200  # an inch
WIDEST, HIGHEST = 4.6, 5.4  # inches of one picture
ROOM = 0.03  # of the side, around a bed
MOST_BEDS = 4
#: what is equally large in all pictures of a figure
ALIKE = ("spheres", "boxes")


class _Bed(NamedTuple):
    """A bed in a unit of its own: its largest diameter, or the side of its box."""

    block: Block
    diameters: FloatArray
    component: NDArray[np.intp] | None
    unit: float

    @property
    def room(self) -> float:
        return ROOM * self.block.side

    @property
    def width(self) -> float:
        left, right, _, _ = self.block.outline
        return right - left + 2 * self.room

    @property
    def height(self) -> float:
        _, _, low, high = self.block.outline
        return high - low + 2 * self.room


class _Paint(NamedTuple):
    """What the colours mean: sizes, or components by their names."""

    sizes: ScalarMappable | None
    names: Sequence[str]

    def of(self, bed: _Bed) -> FloatArray:
        if self.sizes is not None:
            colours: FloatArray = self.sizes.to_rgba(bed.diameters)[:, :3]
            return colours
        known = np.array([to_rgb(line_style(place)["color"]) for place in range(max(len(self.names), 1))])
        return known[np.zeros(len(bed.diameters), int) if bed.component is None else bed.component]


@styled
def packing(
    positions: FloatArray,
    radii: FloatArray,
    box: float,
    *,
    component: NDArray[np.intp] | None = None,
    names: Sequence[str] | None = None,
    height: float | None = None,
    unit: str = "",
) -> Figure:
    """One packed bed, its spheres in the colour of their component, or of their size.

    Args:
        positions: centres, z up from the floor ``(spheres, 3)``.
        radii: ``(spheres,)``.
        box: L, side of the periodic square.
        component: number of each sphere's component, from 0 ``(spheres,)``; colours are sizes when left out.
        names: of the components.
        height: the bed is cut there; its natural top is shown when left out.
        unit: of the lengths, such as "um".

    Raises:
        DataError: shapes, numbers that are not finite or not positive, names that do not fit.

    >>> figure = packing(np.array([[1.0, 1.0, 0.5], [2.5, 2.0, 1.0]]), np.array([0.5, 1.0]), 4.0)
    >>> figure.axes[0].images[0].get_array().shape[2]
    3
    """
    bed = _bed("", (positions, radii, box, component), height, 1.0)
    return _drawn({"": bed}, names, unit)


@styled
def packings(
    beds: Mapping[str, Pile],
    *,
    names: Sequence[str] | None = None,
    height: float | None = None,
    unit: str = "",
    alike: str = "spheres",
) -> Figure:
    """Up to four packed beds side by side.

    Args:
        beds: for each title positions ``(spheres, 3)``, radii ``(spheres,)``, side of the box, and components
            ``(spheres,)`` or None; a `beable.systems.packing.packed_beds.Bed` is one.
        names: of the components.
        height: all beds are cut there, in largest diameters, or in sides of the box where these are alike.
        unit: of the lengths, such as "um".
        alike: what is equally large in all pictures, the largest "spheres" or the "boxes".

    Raises:
        DataError: shapes, numbers that are not finite or not positive, names that do not fit, more than four beds.
        UsageError: unknown `alike`.

    >>> bed = (np.array([[1.0, 1.0, 0.5]]), np.array([0.5]), 4.0, None)
    >>> [axes.get_title() for axes in packings({"one": bed, "two": bed}).axes]
    ['one', 'two']
    """
    if not 0 < len(beds) <= MOST_BEDS:
        raise DataError(f"a figure of packings shows one to {MOST_BEDS} beds, got {len(beds)}: select some")
    if alike not in ALIKE:
        raise unknown("likeness of beds", alike, ALIKE)
    scales = {title: _side(title, pile) if alike == "boxes" else _largest(title, pile) for title, pile in beds.items()}
    return _drawn({title: _bed(title, pile, height, scales[title]) for title, pile in beds.items()}, names, unit)


def _side(title: str, pile: Pile) -> float:
    return float(finite(f"the box of {title}", pile[2], 0))


def _largest(title: str, pile: Pile) -> float:
    return 2 * float(finite(f"radii of {title}", pile[1], 1).max())


def _bed(title: str, pile: Pile, height: float | None, scale: float) -> _Bed:
    """A checked bed; height in units of the scale."""
    of = f" of {title}" if title else ""
    x, r, side = finite(f"positions{of}", pile[0], 2), finite(f"radii{of}", pile[1], 1), float(pile[2])
    top = np.inf if height is None else float(height)
    if x.shape != (len(r), 3):
        raise DataError(f"a figure of spheres{of} needs positions ({len(r)}, 3), one a radius, got {x.shape}")
    if not (r.min() > 0 and 0 < side < np.inf and top > 0):
        got = f"{r.min():g}, {side:g}, {top:g}"
        raise DataError(f"a figure of spheres{of} needs radii, box and height greater than 0, got {got}")
    block = block_of(x / scale, r / scale, side / scale, top)
    if not len(block.sphere):
        raise DataError(f"a figure of spheres{of} shows none below the height {top:g}: give a larger one")
    return _Bed(block, 2 * r, _numbered(of, pile[3], len(r)), scale)


def _numbered(of: str, component: object, spheres: int) -> NDArray[np.intp] | None:
    if component is None:
        return None
    numbers = np.asarray(component)
    if numbers.shape != (spheres,) or numbers.dtype.kind not in "iu" or numbers.min() < 0:
        got = f"{numbers.dtype} {numbers.shape}"
        raise DataError(f"components{of} must be whole numbers from 0, ({spheres},), got {got}")
    return numbers.astype(np.intp)


def _drawn(beds: Mapping[str, _Bed], names: Sequence[str] | None, unit: str) -> Figure:
    paint = _paint([*beds.values()], names)
    inches = _inches([*beds.values()])
    figure, panels = _panels(beds, inches, paint)
    for axes, (title, bed) in zip(panels, beds.items(), strict=True):
        view = view_of(bed.block, 1 / (inches * PIXELS * SAMPLES), bed.room, SAMPLES)
        axes.imshow(picture(bed.block, view, paint.of(bed)), extent=view.extent)
        axes.set_anchor("S")
        axes.set_axis_off()
        axes.set_title(panel_title(title, len(beds)))
        _ruler(axes, bed.unit, unit)
    _explain(figure, panels, paint, unit)
    return figure


def _paint(beds: Sequence[_Bed], names: Sequence[str] | None) -> _Paint:
    numbers = [bed.component for bed in beds if bed.component is not None]
    count = 1 + max((int(found.max()) for found in numbers), default=-1)
    if len(numbers) == len(beds) and (count > 1 or names):
        same_length("names of components", count, len(names) if names else count)
        return _Paint(None, names or [f"component {place + 1}" for place in range(count)])
    sizes = np.concatenate([bed.diameters for bed in beds])
    if np.ptp(sizes) <= 1e-9 * sizes.max():
        return _Paint(None, [])
    colour = colour_scale("log", sizes)
    return _Paint(ScalarMappable(colour.norm, colour.map), [])


def _inches(beds: Sequence[_Bed]) -> float:
    """Length on the page of the unit of all beds."""
    wide, high = [bed.width for bed in beds], [bed.height for bed in beds]
    return min((WIDTH - 0.15 * len(beds)) / sum(wide), WIDEST / max(wide), HIGHEST / max(high))


def _panels(beds: Mapping[str, _Bed], inches: float, paint: _Paint) -> tuple[Figure, Sequence[Axes]]:
    around = 0.05 + 0.6 * (paint.sizes is not None) + 0.3 * bool(paint.names) + 0.25 * any(beds)
    wide = [bed.width * inches for bed in beds.values()]
    high = max(bed.height for bed in beds.values()) * inches + around
    figure, panels = panel_grid(1, len(beds), high, max(sum(wide) + 0.15 * len(beds), 2.8), width_ratios=wide)
    return figure, list(panels[0])


def _ruler(axes: Axes, scale: float, unit: str) -> None:
    """A length of about a fifth of the picture, below it on the left."""
    (left, right), low = axes.get_xlim(), axes.get_ylim()[0]
    length = _round(0.22 * (right - left) * scale)
    ends = np.array([left, left + length / scale]) + 0.01 * (right - left)
    axes.plot(ends, [low, low], color=SOFT, linewidth=2, clip_on=False, solid_capstyle="butt")
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "left", "va": "bottom", "annotation_clip": False}
    said = f"{length:g} {_printed(unit)}".strip()
    axes.annotate(said, (float(ends[0]), low), (0, 2), fontsize=7.5, color=SOFT, **place)


def _round(length: float) -> float:
    """1, 2 or 5 times a power of ten, not longer."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(lead for lead in (1, 2, 5) if lead * power <= length * (1 + 1e-9)))


def _printed(unit: str) -> str:
    return "µm" if unit == "um" else printed_unit(unit)


def _explain(figure: Figure, panels: Sequence[Axes], paint: _Paint, unit: str) -> None:
    if paint.sizes is not None:
        label = f"diameter ({_printed(unit)})" if unit else "diameter"
        colour_bar(panels, paint.sizes, label, 30, 0.6 if len(panels) == 1 else 0.4)
    look: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6}
    balls = [Line2D([], [], color=line_style(place)["color"], **look) for place in range(len(paint.names))]
    legend(figure, {words(name): ball for name, ball in zip(paint.names, balls, strict=True)})
