"""Groups of curves or samples in panels side by side; a label keeps its colour in all of them.

``{label: curve}`` is one panel, ``{panel: {label: curve}}`` are several, such as one a gravity.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from matplotlib.figure import Figure

from beable.report.figures.style import GREY, WIDTH, Panels, panel_grid
from beable.report.figures.words import panel_title

T = TypeVar("T")
ByPanel = Mapping[str, T] | Mapping[str, Mapping[str, T]]
BAND: dict[str, Any] = {"color": GREY, "alpha": 0.35, "linewidth": 0}  # of the reference


def by_panel(curves: ByPanel[T]) -> dict[str, Mapping[str, T]]:
    """Curves by panel, also where there is one panel without a name."""
    nested = [isinstance(value, Mapping) for value in curves.values()]
    panels = cast(Mapping[str, Mapping[str, T]], curves) if nested[0] else {"": cast(Mapping[str, T], curves)}
    return dict(panels)


def panel_row(panels: Mapping[str, object], **kwargs: Any) -> tuple[Figure, Panels]:
    """Named panels side by side ``(panels,)``."""
    width = WIDTH if len(panels) > 1 else 4.8
    figure, axes = panel_grid(1, len(panels), 2.9 if len(panels) < 3 else 2.5, width, **kwargs)
    for one, title in zip(axes[0], panels, strict=True):
        one.set_title(panel_title(title, len(panels)))
    return figure, axes[0]


def places(panels: Mapping[str, Mapping[str, object]], reference: str | None = None) -> dict[str, int]:
    """The place of every label in the order of colours, the same in all panels, the reference without one."""
    labels = dict.fromkeys(label for curves in panels.values() for label in curves if label != reference)
    return {label: place for place, label in enumerate(labels)}
