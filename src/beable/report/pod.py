"""The section of a report that sets the latents of a run beside POD modes of equal rank."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from beable.analysis.evaluation import Evaluation
from beable.analysis.pod import BesidePod, beside_pod
from beable.console.numbers import latent_name, number, span
from beable.datasets.store import Store
from beable.report.curves import alike, along, channels
from beable.report.figures.codes import phase_portraits
from beable.report.figures.curves import curves
from beable.report.figures.fields import fields
from beable.report.page import Figure, Item, Section, Table
from beable.report.planes import drawn_axes, planes
from beable.report.sections import SHOWN_CODES
from beable.simulator import Variable
from beable.training.run import Run

FloatArray = NDArray[np.floating]
SHOWN_MODES = 4


def pod_section(run: Run, store: Store, evaluation: Evaluation, member: int, who: str) -> Section | None:
    """Energies, spatial modes and phase portraits; None for a run that has not learned modes of fields."""
    learned = [v for v in store.variables if v.name in run.variables]
    found = beside_pod(run, store, evaluation.rows) if planes(store, learned) or alike(learned) else None
    if found is None:
        return None
    items: list[Item] = [_energies(run, found, member, who)]
    if not run.conditions:
        items.append(_spatial_modes(run, store, evaluation, found, member, who))
    if found.order.shape[1] > 1:
        items.append(_portraits(store, evaluation, found, member, who))
    return Section("Beside POD", [_words(run, found)], items, [])


def _words(run: Run, found: BesidePod) -> str:
    k, middle = run.settings.model.latents, float(np.median(found.energy))
    as_good = int(np.median(found.modes))
    most = run.representation.width
    there = f"it takes {as_good:,} modes to capture as much" if as_good <= most else f"all {most:,} modes capture less"
    return (
        f"{k} latent{'s' * (k > 1)} capture {_percent(middle)} of the energy of {found.rows:,} held-out rows about "
        f"their mean, {k} POD mode{'s' * (k > 1)} of the training rows {_percent(found.pod)}; {there}."
    )


def _percent(share: float) -> str:
    return f"{number(100 * share)} %"


def _energies(run: Run, found: BesidePod, member: int, who: str) -> Table:
    names = [latent_name(int(i)) for i in found.order[member]]
    rows = [
        [f"{'with ' * (i > 0)}{name}", _percent(float(e))]
        for i, (name, e) in enumerate(zip(names, found.ranked[member], strict=True))
    ]
    rows += [
        ["all latents, median over members", span(100 * found.energy) + " %"],
        [f"{run.settings.model.latents} POD modes", _percent(found.pod)],
        ["determinant of the latents' correlations", span(found.determinant)],
    ]
    caption = (
        f"Energy captured, latents of {who} ranked by what each adds while the others rest at their mean "
        "(Solera-Rico et al. 2024). A determinant of 1 is that of latents without correlation."
    )
    return Table(caption, ["latents", "energy"], rows, "lr")


def _spatial_modes(run: Run, store: Store, evaluation: Evaluation, found: BesidePod, member: int, who: str) -> Figure:
    """Half of the difference that one standard deviation of a latent to either side makes, others at their mean."""
    latents = found.order[member][:SHOWN_MODES]
    codes = evaluation.codes
    centre, size = codes.mean(1), codes.std(1)
    z = np.repeat(centre[:, None], 2 * len(latents), axis=1)
    for i, latent in enumerate(latents):
        z[:, 2 * i, latent] += size[:, latent]
        z[:, 2 * i + 1, latent] -= size[:, latent]
    decoded = next(d for k, d in enumerate(run.decode(z)) if k == member)
    moved = {name: (values[::2] - values[1::2]) / 2 for name, values in decoded.items()}
    names = [latent_name(int(latent)) for latent in latents]
    figure, arrays = _drawn_modes(store, [v for v in store.variables if v.name in run.variables], moved, names)
    caption = (
        f"Spatial modes of {who}: what one standard deviation of a latent changes, others at their mean, the latents "
        "that capture most first."
    )
    largest = ", ".join(f"{name} {number(float(np.nanmax(np.abs(a))))}" for name, a in arrays.items())
    return Figure(figure, caption, f"Changes by {', '.join(names)}, at most: {largest}.")


def _drawn_modes(
    store: Store, learned: list[Variable], moved: Mapping[str, FloatArray], latents: list[str]
) -> tuple[Drawing, dict[str, FloatArray]]:
    """Modes of fields, a row each, or of curves, a line each; and what is drawn, (latents, ...), by its name."""
    drawn = planes(store, learned)
    if not drawn:
        lines = alike(learned)
        x, x_label = along(store, lines[0])
        titles, units, values = channels(lines, moved)
        return curves(values, titles, units, x, latents, x_label=x_label), dict(zip(titles, values, strict=True))
    arrays = {plane.title: plane.drawn(moved[plane.variable.name]) for plane in drawn}
    scales = ["signed" if a.ndim == 3 else "linear" for a in arrays.values()]
    units = [plane.variable.unit for plane in drawn]
    axes = drawn_axes(store, drawn[0].variable)
    return fields(list(arrays.values()), list(arrays), units, *axes, scales=scales, rows=latents), arrays


def _portraits(store: Store, evaluation: Evaluation, found: BesidePod, member: int, who: str) -> Figure:
    order = found.order[member][:SHOWN_MODES]
    codes = evaluation.codes[member][:SHOWN_CODES][:, order]
    names = [latent_name(int(i)) for i in order]
    known = store.factors[0] if store.factors else None
    colours = store.factor_values[evaluation.rows[:SHOWN_CODES], 0] if known else None
    figure = phase_portraits(codes, names, colours, known.symbol if known else "")
    caption = f"Phase portraits of {who}: the leading latents of held-out rows against each other."
    r = np.corrcoef(codes[:, :2].T)[0, 1] if np.ptp(codes[:, :2], axis=0).all() else 0.0
    return Figure(figure, caption, f"Correlation of {names[0]} and {names[1]}: {number(float(r))}.")
