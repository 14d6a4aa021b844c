"""Figures as a page and as files take them: SVG in which text stays text, and what is large in it as an image.

In a page a figure is a part of the document, so that its words can be found and selected, and its colours follow the
light or dark scheme of the page. A page forbids styles in attributes, so that every declaration becomes an attribute
of its own; names inside a figure begin with that of the figure, as they share one document.
"""

import io
import re
from functools import lru_cache
from typing import NamedTuple
from xml.etree import ElementTree

import matplotlib.figure
import numpy as np
from matplotlib.collections import Collection
from matplotlib.ticker import ScalarFormatter

from beable.report.figures.style import style

PIXELS_PER_INCH = 96
LARGE_SVG = 250_000  # bytes from which many dots become one image
FEW_SHAPES = 40
#: where the font of the layout is not installed, letters as wide take its place
FONT, ALIKE = b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif"
WHITE = "#ffffff"
SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
#: colours of the figures' style, and the properties of the page that stand for them
COLOURS = {
    "#22262b": "ink",
    "#5b626b": "soft",
    "#8a8f98": "grey",
    "#000000": "ink",
    "#00704f": "good",
    "#a84800": "miss",
    "#0072b2": "blue",
    "#d55e00": "orange",
    "#009e73": "green",
}
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", LINK)


class Picture(NamedTuple):
    """A figure as a part of a page: its markup and its size in CSS pixels."""

    markup: str
    width: int
    height: int


def settle(figure: matplotlib.figure.Figure) -> None:
    """Lay the figure out once, and once more if something is cut; then it stays as it is.

    A further layout moves most figures by fractions of a pixel. It matters where panels keep their shape: the first one
    does not yet know how high their colour bars will be.
    """
    for axis in (axis for axes in figure.axes if not axes.axison for axis in (axes.xaxis, axes.yaxis)):
        axis.set_visible(False)  # or its ticks, which nobody sees, would be made and measured for the title
    _write_powers(figure)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        if cut(figure):
            engine.execute(figure)
        figure.set_layout_engine(None)
        _write_powers(figure)  # again: the layout has changed which ticks there are


def cut(figure: matplotlib.figure.Figure) -> bool:
    """Whether anything reaches out of the figure by a pixel or more."""
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return bool(min(box.x0, box.y0, width - box.x1, height - box.y1) * PIXELS_PER_INCH <= -1)


def _write_powers(figure: matplotlib.figure.Figure) -> None:
    """A power of ten beside an axis as ×10⁻⁴, a formula; numbers without one are text, which needs no parsing."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if axis.get_visible() and isinstance(formatter, ScalarFormatter):
            formatter.set_locs(list(axis.get_majorticklocs()))  # which finds the power
            formatter.set_useMathText(bool(formatter.get_offset()))


def saved(figure: matplotlib.figure.Figure, kind: str) -> bytes:
    """A figure as a file, the same bytes for the same figure.

    Args:
        figure: what is drawn.
        kind: "svg", "pdf" or "png".
    """
    with style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):  # or None would stand for that
        settle(figure)
        data = _saved(figure, kind)
        if kind == "svg" and len(data) > LARGE_SVG and _as_images(figure):
            data = _saved(figure, kind)
    return data


def _saved(figure: matplotlib.figure.Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    none: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    figure.savefig(buffer, format=kind, dpi=2 * PIXELS_PER_INCH, metadata=none[kind])
    return buffer.getvalue().replace(FONT, ALIKE) if kind == "svg" else buffer.getvalue()


def _as_images(figure: matplotlib.figure.Figure) -> bool:
    """Turn what has many shapes into images; False where nothing has."""
    large = [artist for axes in figure.axes for artist in axes.get_children() if _is_large(artist)]
    for artist in large:
        artist.set_rasterized(True)
    return bool(large)


def _is_large(artist: object) -> bool:
    if isinstance(artist, Collection):
        return int(np.shape(artist.get_offsets())[0]) > FEW_SHAPES or len(artist.get_paths()) > FEW_SHAPES
    points = getattr(artist, "get_xdata", None)
    return points is not None and len(points()) > FEW_SHAPES


def picture(figure: matplotlib.figure.Figure, name: str = "figure") -> Picture:
    """A figure as a part of a page.

    Args:
        figure: what is drawn.
        name: begins every name inside, unique on the page.

    >>> picture(matplotlib.figure.Figure(figsize=(2, 1))).width
    192
    """
    root = ElementTree.fromstring(saved(figure, "svg"))  # noqa: S314
    width, height = (round(float(inches) * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    _strip(root)
    _rename(root, name)
    for element in root.iter():
        _spread_style(element)
    root.attrib.update(
        {"width": str(width), "height": str(height), "stroke-linejoin": "round", "stroke-linecap": "butt"}
    )
    return Picture(ElementTree.tostring(root, encoding="unicode"), width, height)


def _strip(root: ElementTree.Element) -> None:
    """Without what a page does not need: metadata, the style sheet, line breaks between shapes."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
        if parent.tag not in (f"{{{SVG}}}text", f"{{{SVG}}}tspan"):
            parent.text = None
        parent.tail = None
    for path in root.iter(f"{{{SVG}}}path"):
        path.set("d", path.get("d", "").replace("\n", " ").strip())


def _rename(root: ElementTree.Element, name: str) -> None:
    """Only names that something points to are kept."""
    found = re.compile(r"#([\w.-]+)")
    used = {hit for element in root.iter() for value in element.attrib.values() for hit in found.findall(value)}
    for element in root.iter():
        if element.get("id") and element.get("id") not in used:
            del element.attrib["id"]
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))


def _spread_style(element: ElementTree.Element) -> None:
    """Declarations of a style become attributes; colours of the figures' style become those of the page."""
    for key, value in _declarations(element.attrib.pop("style", "")):
        element.set(key, value)
    for key in ("fill", "stroke"):
        colour = element.get(key, "").lower()
        if colour in COLOURS or (colour == WHITE and _is_ground(element)):
            element.set(key, f"var(--{COLOURS.get(colour, 'paper')}, {colour})")


def _is_ground(element: ElementTree.Element) -> bool:
    """Whether something white is the ground of a figure and not a line over a map."""
    return element.get("stroke", "none") == "none" and element.get("fill", "none").lower() == WHITE


@lru_cache(maxsize=4096)
def _declarations(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (part.partition(":") for part in text.split(";") if ":" in part)
    return tuple(pair for key, _, value in pairs for pair in _attributes(key.strip(), value.strip()))


def _attributes(key: str, value: str) -> list[tuple[str, str]]:
    """A declaration as attributes: the short form of a font in its parts, and none that SVG does not know.

    >>> _attributes("font", "italic 9px 'DejaVu Sans', sans-serif")
    [('font-style', 'italic'), ('font-size', '9px'), ('font-family', "'DejaVu Sans', sans-serif")]
    """
    if key == "font":
        before, size, family = re.split(r"(?:^|\s)([\d.]+px)\s", value, maxsplit=1)
        kinds = [("font-weight" if word.isdigit() or word == "bold" else "font-style", word) for word in before.split()]
        return [*kinds, ("font-size", size), ("font-family", family)]
    return [(key, value)] if key not in ("transform-origin", "text-align", "mix-blend-mode") else []
