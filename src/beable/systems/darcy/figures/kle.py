"""Flows with more and more modes of the log-permeability."""

from matplotlib.figure import Figure

from beable.report.figures.fields import fields
from beable.systems.darcy.kle_fields import KleFields


def kle_figure(rows: KleFields) -> Figure:
    """Permeability, pressure and flux, a row a number of modes, as figure 2 of the source.

    Args:
        rows: what `kle_fields` gives.

    >>> from beable.systems.darcy.kle_fields import kle_fields
    >>> figure = kle_figure(kle_fields((2, 10), grid=9))
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['permeability', 'pressure', 'Darcy flux']
    """
    return fields(
        [rows.permeability, rows.pressure, rows.flux],
        ["permeability", "pressure", "Darcy flux"],
        ["1", "1", "1"],
        rows.x,
        rows.x,
        scales=["log", "signed", "linear"],
        rows=[f"{p} modes" for p in rows.modes],
    )
