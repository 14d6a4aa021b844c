"""Sections of a report, from a store, a run and its evaluation; pages put them together."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.convergence import change, converged
from beable.analysis.evaluation import Disentanglement, Evaluation
from beable.analysis.overfitting import overfitting
from beable.console.made import command_line
from beable.console.numbers import latent_name, number, span
from beable.datasets.store import Store
from beable.metrics.separation import LUCK, TOLERANCE
from beable.report.columns import classes_of_factors, data_items, loadings, reconstructed
from beable.report.curves import alike, drawn_reconstruction, drawn_rows
from beable.report.figures.codes import codes_against_factors, posterior_and_factors
from beable.report.figures.fields import fields, reconstruction
from beable.report.figures.meshes import fields_on, reconstruction_on
from beable.report.figures.particles import configurations, reconstructions
from beable.report.figures.scores import angles, errors
from beable.report.figures.structures import apart, is_chain, structures
from beable.report.figures.training import histories
from beable.report.meshes import mesh_of, on_mesh, sizes
from beable.report.page import Figure, Fold, Item, Section, Table, Text
from beable.report.planes import Plane, drawn_axes, planes
from beable.simulator import Variable
from beable.training.data import read
from beable.training.run import Run
from beable.verdicts import Verdict, counted

FloatArray = NDArray[np.floating]
SHOWN_CODES = 512
SHOWN_BOXES = 4
SHOWN_REASONS = 3
MOST_LACKING = 4
#: held-out rows among which one is looked for that has numbers of every variable
LOOKED_AT = 64
DIGITS = 12  # of a sum, enough to tell runs apart


def data_section(store: Store, rows: Sequence[int], text: Sequence[Text] = ()) -> Section:
    """The snapshots themselves: every field of a few rows."""
    drawn = planes(store, store.variables)
    failed = f", of which {len(store.failures)} failed and are left out" if store.failures else ""
    facts = f"{store.rows:,} snapshots{failed}."
    lacking = [line for name, found in store.missing.items() for line in found.words(name, len(store.valid_rows))]
    facts = " ".join([facts, *(f"{line}." for line in lacking[:MOST_LACKING])])
    if len(lacking) > MOST_LACKING:
        facts += f" And {len(lacking) - MOST_LACKING} more variables that lack numbers."
    if not drawn:
        items = _configurations(store, rows) or _on_mesh(store, rows) or _curves(store, rows) or data_items(store)
        return Section("The data", [facts], items, _more(text))
    arrays = [plane.drawn(store.read(plane.variable.name, np.asarray(rows))) for plane in drawn]
    figure = fields(
        arrays,
        [plane.title for plane in drawn],
        [plane.variable.unit for plane in drawn],
        *drawn_axes(store, drawn[0].variable),
        scales=[_scale(a) for a in arrays],
        rows=[_row_label(store, row) for row in rows],
    )
    names = ", ".join(plane.variable.long_name or plane.title for plane in drawn)
    beside = " with their factors" if 0 < len(store.factors) < 5 else ""
    slices = f" Slices at {drawn[0].place}." if drawn[0].place else ""
    caption = (
        f"Snapshots {', '.join(map(str, rows))}{beside}: {names}.{slices} Vectors: magnitude and lines along them."
    )
    shown = Figure(figure, caption, f"{len(rows)} snapshots; {_ranges([plane.variable for plane in drawn], arrays)}.")
    return Section("The data", [facts], [shown], _more(text))


def _on_mesh(store: Store, rows: Sequence[int]) -> list[Item]:
    """Snapshots of fields on a flat mesh; nothing for other data."""
    variables = [v for v in store.variables if on_mesh(v) and not v.diagnostic]
    mesh = mesh_of(store, variables)
    if mesh is None:
        return []
    arrays = [sizes(v, store.read(v.name, np.asarray(rows))) for v in variables]
    figure = fields_on(
        mesh,
        arrays,
        [v.name for v in variables],
        [v.unit for v in variables],
        [v.dims[-1] == "cell" for v in variables],
        [_row_label(store, row) for row in rows],
        [_scale(a) for a in arrays],
    )
    names = ", ".join(v.long_name or v.name for v in variables)
    caption = f"Snapshots {', '.join(map(str, rows))} on their mesh: {names}. Vectors: magnitude."
    told = ", ".join(f"{v.name} {_from_to(a)}" for v, a in zip(variables, arrays, strict=True))
    return [Figure(figure, caption, f"{len(rows)} snapshots; {told}.")]


def _curves(store: Store, rows: Sequence[int]) -> list[Item]:
    """Snapshots of curves, those that share an axis; nothing for other data."""
    variables = alike(store.variables)
    if not variables:
        return []
    labels = [_row_label(store, row) for row in rows]
    figure, names, units, arrays = drawn_rows(store, variables, rows, labels)
    told = [f"{name} {_from_to(a, unit)}" for name, unit, a in zip(names, units, arrays, strict=True)]
    caption = f"Snapshots {', '.join(map(str, rows))}: {', '.join(names)} along {variables[0].dims[-1]}."
    return [Figure(figure, caption, f"{len(rows)} snapshots; {', '.join(told)}.")]


def _more(text: Sequence[Text]) -> list[Fold]:
    return [Fold("How rows were held out, and what a look at the data found", text)] if text else []


def _ranges(variables: Sequence[Variable], arrays: Sequence[FloatArray]) -> str:
    """The range of each variable with its unit, of vectors that of their magnitude."""
    found = []
    for v, values in zip(variables, arrays, strict=True):
        sizes = np.hypot(values[:, 0], values[:, 1]) if values.ndim == 4 else values
        found.append(f"{v.name} {_from_to(sizes, v.unit)}")
    return ", ".join(found)


def _from_to(values: FloatArray, unit: str = "") -> str:
    """The smallest and the largest of numbers of which some or all may be missing."""
    if np.isnan(values).all():
        return "missing"
    behind = "" if unit in ("", "1") else f" {unit}"
    return f"{number(np.nanmin(values))} to {number(np.nanmax(values))}{behind}"


def _configurations(store: Store, rows: Sequence[int]) -> list[Item]:
    """Configurations of particles, if the store holds any; nothing otherwise."""
    return [_boxes(store, v.name, rows) for v in store.variables if _of_particles(v)]


def _of_particles(v: Variable) -> bool:
    return v.dims[:1] == ("particle",) and len(v.shape) == 2 and v.shape[1] in (2, 3)


def _in_reduced_units(store: Store) -> bool:
    """Whether particles are a simulator's: discs of diameter 1 in a box with a floor."""
    return store.simulator is not None


def _has_weight(store: Store) -> bool:
    """Whether gravity is known to act on the particles."""
    return "gravity" in [f.name for f in store.factors] or store.settings.get("gravity") not in (
        None,
        0,
        0.0,
        [0.0],
        [0],
    )


def _structures(store: Store, name: str, rows: Sequence[int]) -> Figure:
    """Frames of particles of which neither a diameter nor a floor is known."""
    rows = rows[:SHOWN_BOXES]
    positions, unit = store.read(name, np.asarray(rows)).astype(np.float64), _unit_of(store, name)
    figure = structures(positions, unit, titles=[_row_label(store, row) for row in rows])
    what = "joined in the order of the list" if is_chain(positions) else "coloured by their place in the list"
    caption = f"Frames {', '.join(map(str, rows))}: {name}, particles {what}; the bar is the scale."
    return Figure(figure, caption, f"{positions.shape[1]} particles in each of {len(rows)} frames.")


def _unit_of(store: Store, name: str) -> str:
    return next(v.unit for v in store.variables if v.name == name)


def _pair_of_structures(truth: FloatArray, decoded: FloatArray, unit: str, who: str) -> Figure:
    """A few held-out frames under what a member makes of them."""
    left, words = apart(truth, decoded), "" if unit in ("", "1") else f" {unit}"
    titles = [f"root mean square {number(value, digits=2)}{words}" for value in left]
    figure = structures(decoded, unit, titles=titles, below=truth)
    caption = (
        f"Held-out frames (grey) and their reconstruction by {who}, particle by particle in the order of the list."
    )
    moved = number(float(np.sqrt(np.mean(left**2))))
    return Figure(figure, caption, f"Particles are decoded {moved}{words} from where they were (root mean square).")


def _boxes(store: Store, name: str, rows: Sequence[int]) -> Figure:
    if not _in_reduced_units(store):
        return _structures(store, name, rows)
    positions = store.read(name, np.asarray(rows)).astype(np.float64)
    corner, side = _box_around(positions)
    figure = configurations(
        positions - corner, side, titles=[_row_label(store, row) for row in rows], weight=_has_weight(store)
    )
    caption = f"Configurations {', '.join(map(str, rows))}: {name}, discs of diameter 1."
    return Figure(figure, caption, f"{positions.shape[1]} particles in each of {len(rows)} boxes.")


def _box_around(positions: FloatArray) -> tuple[float, float]:
    """Lower corner and side of a box that holds all particles, in whole units; a box from 0 where that will do."""
    corner = min(0.0, float(np.floor(positions.min())))
    return corner, max(1.0, float(np.ceil(positions.max() - corner)))


def _decoded_boxes(run: Run, store: Store, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """A few held-out configurations above what a member makes of them."""
    names = [v.name for v in store.variables if _of_particles(v) and v.name in run.variables]
    rows = evaluation.rows[:SHOWN_BOXES]
    truth = read(store, run.variables, rows, run.conditions)
    decoded = list(run.decode(evaluation.codes[:, : len(rows)], run.conditions_of(truth)))[member]
    ordered = run.representation.canonical({name: truth[name] for name in run.variables})
    decoded = run.representation.beside(decoded, ordered)
    pairs = [(name, ordered[name].astype(np.float64), decoded[name].astype(np.float64)) for name in names]
    if not _in_reduced_units(store):
        return [_pair_of_structures(x, y, _unit_of(store, name), who) for name, x, y in pairs]
    return [_pair_of_boxes(x, y, who, _has_weight(store)) for _, x, y in pairs]


def _pair_of_boxes(truth: FloatArray, decoded: FloatArray, who: str, weight: bool) -> Figure:
    corner, side = _box_around(truth)
    figure = reconstructions(truth - corner, decoded - corner, side, weight=weight)
    caption = f"Held-out configurations above their reconstruction by {who}; lines lead from one to the other."
    moved = number(float(np.sqrt(np.mean(np.sum((truth - decoded) ** 2, axis=-1)))))
    return Figure(figure, caption, f"Particles are decoded {moved} from where they were (root mean square).")


def _scale(values: FloatArray) -> str:
    """Logarithmic for positive values over more than a decade, signed for values of both signs."""
    if np.isnan(values).all():
        return "linear"
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high > 10 * low:
        return "log"
    return "signed" if low < 0 < high and values.ndim == 3 else "linear"


def _row_label(store: Store, row: int) -> str:
    if not store.factors or len(store.factors) > 4:
        return f"row {row}"
    pairs = zip(store.factors, store.factor_values[row], strict=True)
    values = ", ".join(f.classes[int(v)] if f.classes and v == v else f"{v:.2f}".replace("-", "−") for f, v in pairs)
    return f"factors ({values})"


def reconstruction_section(run: Run, store: Store, evaluation: Evaluation) -> Section:
    """Errors in words, a held-out row decoded by the member nearest the median, and by the worst; errors by channel."""
    chosen = chosen_members(evaluation)
    items = _decoded(run, store, evaluation, chosen.middle, chosen.words[chosen.middle])
    folds = [Fold("Errors by channel", [], [_channel_errors(evaluation)])]
    worst = _decoded(run, store, evaluation, chosen.worst, chosen.words[chosen.worst])
    if chosen.worst != chosen.middle and worst:
        folds.insert(0, Fold("The same row by the worst member", [], worst))
    if residual := _residual_table(evaluation):
        folds.append(Fold("Do decoded snapshots obey the equations?", [], residual))
    return Section("Reconstruction", [_error_words(evaluation)], items, folds)


def _decoded(run: Run, store: Store, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """One held-out row of fields, or a few configurations, and what a member makes of them."""
    learned = [v for v in store.variables if v.name in run.variables]
    drawn = planes(store, learned)
    boxes = _decoded_boxes(run, store, evaluation, member, who)
    if not drawn:
        on = _decoded_on_mesh(run, store, evaluation, member, who)
        lines = _decoded_curves(run, store, evaluation, member, who)
        return boxes or on or lines or reconstructed(store, run, evaluation, member, who)
    row, which, truth, decoded = _shown(run, store, evaluation, member)
    names = [name for plane in drawn for name in plane.names]
    true, made = (_channels_of(drawn, snapshot) for snapshot in (truth, decoded))
    units = [plane.variable.unit for plane in drawn for _ in plane.names]
    axes = drawn_axes(store, drawn[0].variable)
    figure = reconstruction(true, made, names, units, *axes, scales=[_scale(f[None]) for f in true])
    caption = (
        f"{which}, its reconstruction by {who}, and the error; the percentage is the norm of the error over that of "
        "the truth."
    )
    alt = f"Errors of row {row} as shares of the norm of {', '.join(names)}: {_percentages(true, made)}."
    return [Figure(figure, caption, alt), *boxes]


def _decoded_on_mesh(run: Run, store: Store, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """One held-out row of fields on a flat mesh and what a member makes of it; nothing for other data."""
    variables = [v for v in store.variables if v.name in run.variables and on_mesh(v)]
    mesh = mesh_of(store, variables)
    if mesh is None:
        return []
    row, which, truth, decoded = _shown(run, store, evaluation, member)
    true, made = ([sizes(v, np.asarray(given[v.name]))[0] for v in variables] for given in (truth, decoded))
    names, units = [v.name for v in variables], [v.unit for v in variables]
    figure = reconstruction_on(mesh, true, made, names, units, [v.dims[-1] == "cell" for v in variables])
    caption = f"{which}, on its mesh, its reconstruction by {who}, and the error."
    alt = f"Errors of row {row} as shares of the norm of {', '.join(names)}: {_percentages(true, made)}."
    return [Figure(figure, caption, alt)]


def _decoded_curves(run: Run, store: Store, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """One held-out row of curves and what a member makes of it; nothing for other data."""
    variables = alike([v for v in store.variables if v.name in run.variables])
    if not variables:
        return []
    row, which, truth, decoded = _shown(run, store, evaluation, member)
    figure, names, true, made = drawn_reconstruction(store, variables, truth, decoded)
    caption = (
        f"{which}, under its reconstruction by {who}, and the error; the percentage is the norm of the error over "
        "that of the truth."
    )
    alt = f"Errors of row {row} as shares of the norm of {', '.join(names)}: {_percentages(true, made)}."
    return [Figure(figure, caption, alt)]


class _Shown(NamedTuple):
    """A held-out row and what a member decodes of it, each variable (1, ...), and which row it is, in words."""

    row: int
    words: str
    truth: Mapping[str, FloatArray]
    decoded: Mapping[str, FloatArray]


def _shown(run: Run, store: Store, evaluation: Evaluation, member: int) -> _Shown:
    """The first held-out row that has numbers of every variable, or the first of all."""
    place = _place_of_a_whole_one(run, store, evaluation) if store.missing else 0
    row = int(evaluation.rows[place])
    truth = read(store, run.variables, np.array([row]), run.conditions)
    every = run.decode(evaluation.codes[:, place : place + 1], run.conditions_of(truth))
    words = f"Row {row}, the first of those held out" + (" that has numbers of every variable" if place else "")
    return _Shown(row, words, truth, next(d for k, d in enumerate(every) if k == member))


def _place_of_a_whole_one(run: Run, store: Store, evaluation: Evaluation) -> int:
    held = read(store, run.variables, evaluation.rows[:LOOKED_AT], run.conditions)
    known = [np.isfinite(values).reshape(len(values), -1).any(axis=1) for values in held.values()]
    return int(np.all(known, axis=0).argmax())


def _percentages(truth: Sequence[FloatArray], found: Sequence[FloatArray]) -> str:
    """Norm of each error over that of its truth."""
    pairs = [(t[~np.isnan(f - t)], f[~np.isnan(f - t)]) for t, f in zip(truth, found, strict=True)]
    sizes = [(float(np.linalg.norm(f - t)), float(np.linalg.norm(t))) for t, f in pairs]
    return ", ".join("not defined" if size == 0 else f"{number(100 * error / size)} %" for error, size in sizes)


def _channel_errors(evaluation: Evaluation) -> Figure:
    """The errors of every member by channel; those of constant channels, which have none, are named."""
    found = {name: e for name, e in evaluation.error_by_channel.items() if np.isfinite(e).all()}
    constant = [name for name in evaluation.error_by_channel if name not in found]
    caption = "Relative squared error of held-out rows by channel, a dot a member."
    if constant:
        caption += f" Constant in these rows, and so without a relative error: {', '.join(constant)}."
    middles = ", ".join(f"{name} {number(np.median(e))}" for name, e in found.items())
    return Figure(errors({"members": found}, "relative squared error"), caption, f"Median errors: {middles or 'none'}.")


def _residual_table(evaluation: Evaluation) -> list[Item]:
    """How far rows, reconstructions and samples violate the simulator's equations; nothing for data without."""
    r = evaluation.residuals
    if r is None:
        return []
    caption = (
        f"How far the simulator's equations are violated, relative, median over {r.rows} held-out rows or as many "
        "samples; of the members, median and range. What the run did not learn is taken from the row itself. A dash: "
        "the equations need a number that decoded snapshots do not have."
    )
    members = {"their reconstructions": r.reconstruction, "samples of the prior": r.samples}
    rows = [[name, "–" if values is None else span(values)] for name, values in members.items()]
    return [Table(caption, ["snapshots", "residual"], [["held-out rows", number(r.data)], *rows], "lr")]


def _channels_of(drawn: Sequence[Plane], snapshot: Mapping[str, FloatArray]) -> list[FloatArray]:
    """Each channel of one snapshot as a plane, (x, y)."""
    held = [(plane, plane.of(snapshot[plane.variable.name][0])) for plane in drawn]
    return [part for plane, values in held for part in (values if plane.component is not None else [values])]


def _error_words(evaluation: Evaluation) -> str:
    e, worst = evaluation.relative_error, evaluation.channels.worst
    over = "" if len(e) == 1 else f" (median over members; best {number(e.min())}, worst {number(e.max())})"
    row, lost = (number(np.median(x)) for x in (evaluation.median_row_error, evaluation.error_by_channel[worst]))
    return (
        f"Relative squared error of all outputs on {len(evaluation.rows):,} held-out rows: {number(np.median(e))}"
        f"{over}; of the median row {row}. The channel that is lost most is {worst}, {lost}."
    )


def latent_section(run: Run, store: Store, evaluation: Evaluation, title: str = "The latents") -> Section:
    """Latents of the member nearest the median against the factors; of the worst, and where they lie, folded."""
    chosen = chosen_members(evaluation)
    judged = {} if evaluation.disentanglement is None else {"members": evaluation.disentanglement}
    items = [
        *angle_figures(judged),
        *_against_factors(store, evaluation, chosen.middle, chosen.words[chosen.middle]),
        *classes_of_factors(store, evaluation, chosen.middle),
        *loadings(store, run, evaluation, chosen.middle),
    ]
    folds = [Fold("Where latents lie", [], [_cloud(run, store, evaluation, chosen.middle)])]
    if chosen.worst != chosen.middle:
        who = chosen.words[chosen.worst]
        worst = [*_against_factors(store, evaluation, chosen.worst, who), _cloud(run, store, evaluation, chosen.worst)]
        folds.append(Fold("The worst member", [], worst))
    text = [disentanglement_words(evaluation) or _rate_words(evaluation)]
    more = [Fold("Rates and reasons", [_rate_words(evaluation), _reasons(evaluation)], [])]
    return Section(title, text, items, [*more, *folds])


def _against_factors(store: Store, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """Latents of a member against the factors; nothing without factors."""
    asked = [i for i, factor in enumerate(store.factors) if not factor.classes]
    if not asked:
        return []
    known = np.isfinite(store.factor_values[evaluation.rows][:, asked]).all(axis=1)
    if not known.any():
        return []
    codes, std = (z[member][known][:SHOWN_CODES] for z in (evaluation.codes, evaluation.code_std))
    factors = store.factor_values[evaluation.rows[known][:SHOWN_CODES]][:, asked]
    letters = letters_of(store)
    figure = codes_against_factors(codes, factors, [letters[i] for i in asked], std)
    told = followed(codes, factors, [store.factors[i].symbol for i in asked])
    return [Figure(figure, f"Latents of {who}, against the true factors.", told)]


def letters_of(store: Store) -> list[str]:
    """Symbols of the factors as LaTeX; a name that stands for want of a symbol is no formula.

    >>> import tempfile
    >>> wave = np.random.default_rng(0).normal(size=(4, 8))
    >>> factors = {"lid_nmp": wave[:, 0], "a": wave[:, 1]}
    >>> letters_of(Store.from_arrays(f"{tempfile.mkdtemp()}/a.zarr", {"u": wave}, factors))
    ['\\\\mathrm{lid\\\\_nmp}', 'a']
    """
    return [f.symbol if f.symbol != f.name or len(f.name) == 1 else _upright(f.name) for f in store.factors]


def _upright(name: str) -> str:
    words = name.replace("_", r"\_")
    return rf"\mathrm{{{words}}}" if name.isascii() else name


def followed(codes: FloatArray, factors: FloatArray, letters: Sequence[str]) -> str:
    """Which factor each latent follows most, with its correlation, in words.

    >>> theta = np.random.default_rng(0).normal(size=(50, 2))
    >>> followed(-theta, theta, ["a", "b"])
    'z₁ follows a (r −1.00), z₂ follows b (r −1.00).'
    """
    k = codes.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.nan_to_num(np.corrcoef(codes.T, factors.T)[:k, k:])
    best = np.abs(r).argmax(axis=1)
    words = [f"{latent_name(i)} follows {letters[j]} (r {r[i, j]:.2f})" for i, j in enumerate(best)]
    return ", ".join(words).replace("-", "−") + "."


def _cloud(run: Run, store: Store, evaluation: Evaluation, member: int) -> Figure:
    """Where latents lie, beside the factors and the prior."""
    asked = [i for i, factor in enumerate(store.factors) if not factor.classes]
    known = np.asarray(np.isfinite(store.factor_values[evaluation.rows][:, asked]).all(axis=1))
    told = bool(asked and known.any())
    known = known if told else np.asarray(~known | known)
    codes = evaluation.codes[member][known][:SHOWN_CODES]
    factors = store.factor_values[evaluation.rows[known][:SHOWN_CODES]][:, asked] if told else None
    letters = letters_of(store)
    figure = posterior_and_factors(codes, factors, [letters[i] for i in asked], run.sample(SHOWN_CODES)[member])
    caption = f"Aggregate posterior of member {member}, the distribution of the factors, and samples of the prior."
    spreads = ", ".join(number(x) for x in codes.std(axis=0))
    return Figure(figure, caption, f"Standard deviations of the latents: {spreads}.")


def angle_figures(judged: Mapping[str, Disentanglement]) -> list[Item]:
    """How far every member's latents are turned from the factors, by arm; nothing where it cannot be told."""
    found = {arm: d.angle[np.isfinite(d.angle)] for arm, d in judged.items()}
    found = {arm: values for arm, values in found.items() if len(values)}
    if not found:
        return []
    mark = float(np.median([judged[arm].pass_angle for arm in found]))
    caption = (
        "How far the latents of every member are turned from the factors, by what each knows of a factor beyond the "
        f"others. Up to {mark:.1f}° is called disentangled, if each factor has its latent; beyond {TOLERANCE:g}°, its "
        "error allowed for, it is called not; between the two it cannot be told from luck."
    )
    passed = ", ".join(f"{arm}: {int((a <= mark).sum())} of {len(a)}" for arm, a in found.items())
    return [Figure(angles(found, mark, LUCK), caption, f"Members within {mark:.1f}° of the factors: {passed}.")]


def disentanglement_words(evaluation: Evaluation) -> str:
    """In how many members each factor is in a latent of its own; nothing without factors."""
    d = evaluation.disentanglement
    if d is None:
        return ""
    answers = [v.answer for v in d.disentangled]
    found, missed, n = answers.count(True), answers.count(False), len(answers)
    if not found and not missed:
        return f"Whether each factor is in a latent of its own cannot be told of any of {n} members."
    head = "Yes" if found == n else "No" if missed == n else "In part" if found else "Not as far as can be told"
    unsure = f"; of {answers.count(None)} it cannot be told" if None in answers else ""
    return f"{head}: in {found} of {n} members each factor is in a latent of its own{unsure}."


def _reasons(evaluation: Evaluation) -> str:
    """Why members that are shown first are, or are not, disentangled."""
    d = evaluation.disentanglement
    if d is None:
        return ""
    reasons = dict.fromkeys(str(v) for v in sorted(d.disentangled, key=lambda v: v.answer is not True))
    few = "; ".join(list(reasons)[:SHOWN_REASONS])
    more = f"; and {len(reasons) - SHOWN_REASONS} more" if len(reasons) > SHOWN_REASONS else ""
    return f"Is each factor in a latent of its own? {few}{more}."


def _rate_words(evaluation: Evaluation) -> Text:
    r = evaluation.regularisation
    if r is None:
        return ""
    rates = ", ".join(f"{latent_name(i)} {x:.2f}" for i, x in enumerate(np.median(r.rate_per_latent, axis=0)))
    over = "" if len(r.active) == 1 else ", median over members"
    words = f"Rate of each latent{over}: {rates} nats; {int(np.median(r.active))} latents active."
    return f"{words} Members over-regularised: {_with_a_reason(evaluation.over_regularised)}."


def _with_a_reason(verdicts: Sequence[Verdict]) -> str:
    """How many answers of each kind, and the reason of the first that is no plain no."""
    order = sorted(verdicts, key=lambda v: (v.answer is False, v.answer is None))
    return f"{counted(verdicts)} (such as: {order[0].reason})" if order else "none"


def history_section(run: Run) -> Section:
    """Whether trainings had come to their end, and the terms of the objective on the way."""
    steps = run.history["step"].astype(float)
    recon = run.settings.objective.reconstruction_steps
    phases = {"reconstruction only": 0.0, "with rate": float(recon)} if recon else None
    ended, moved = converged(run.history), change(run.history)
    figure = histories(_terms(run), steps, phases, unit="", clock="step")
    caption = (
        "Terms of the objective during training, in nats a row, on training rows and on rows held out: every member "
        "thin, their median thick. The rate is the sum over latents."
    )
    words = f"Trainings at their end: {counted(ended)}{_changed(moved)}."
    by_heart = overfitting(run.history, run.best_steps).verdicts
    learned = f"Members that learned training rows by heart: {_with_a_reason(by_heart)}."
    kept = (
        f"Kept: of each member the parameters of its {run.settings.training.keep} record, step {_span(run.kept_steps)}."
    )
    items = [Figure(figure, caption, f"Objective of {run.members} members over {run.metadata['steps']:,} steps.")]
    return Section("Training", [words], [], [Fold("Histories", [learned, kept], items)])


def _changed(moved: FloatArray) -> str:
    """By how much the last steps changed the distortion."""
    told = moved[np.isfinite(moved)]
    if not told.size:
        return ""
    low, high = (f"{100 * share:.2g}" for share in (np.abs(told).min(), np.abs(told).max()))
    share = low if low == high else f"{low} to {high}"
    return f"; the last fifth of the steps changed the distortion by {share} % of what training changed it by"


def _terms(run: Run) -> dict[str, FloatArray]:
    """Distortion and rate by name, on rows learned and held out."""
    volume = run.representation.code.log_volume
    names = {"train": "training rows", "held": "held-out rows"}
    terms = {}
    for key in sorted(run.history, key=lambda key: (key.split("/")[-1], key)):
        rows, _, term = key.partition("/")
        if rows in names:
            quantity, _, part = term.partition("/")
            label = quantity if part in ("", "z") else f"{quantity} of {part}"
            shown = "labelled rows" if quantity == "labels" else names[rows]
            offset = volume if quantity == "distortion" else 0.0
            terms[f"{label}, {shown} (nats)"] = run.history[key] + offset
    return terms


def _span(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def provenance(store: Store, made: Mapping[str, str], runs: Mapping[str, Run]) -> dict[str, str]:
    """Where the numbers come from: how the page was made, then versions, data and runs by their first digits."""
    names = ("beable", "torch", "numpy", "scipy", "scikit-learn")
    facts = {
        **made,
        "versions": ", ".join(f"{name} {version(name)}" for name in names) + f", Python {platform.python_version()}",
        "data set": f"sha256 {store.id[:DIGITS]}, seed {store.seed}, {store.rows} rows",
    }
    for label, run in runs.items():
        seed = run.settings.training.seed
        counts = f"{run.members} members, {run.metadata['steps']} steps"
        facts[f"run: {label}"] = f"sha256 {run.id[:DIGITS]}, seed {seed}, {counts}"
    return facts


def made_by(run: Run, command: str) -> dict[str, str]:
    """How the page of a run was made: its own command, that of the training, when, where and at what cost."""
    typed = command_line()
    fitted = {"fit": run.made["command"]} if run.made.get("command") not in (None, "", typed) else {}
    trained = {f"trained, {name}": run.made[name] for name in ("date", "machine") if name in run.made}
    return {"command": typed or command, **fitted, **trained, "trained, CPU time": f"{run.cpu_seconds:,.1f} s"}


class Chosen(NamedTuple):
    """The members that are drawn.

    Args:
        middle, worst: the member nearest the median, and the worst.
        words: what each is, for captions.
    """

    middle: int
    worst: int
    words: dict[int, str]


def chosen_members(evaluation: Evaluation) -> Chosen:
    """The members to draw: nearest the median, and the worst, by the angle off the factors or else by the error."""
    d = evaluation.disentanglement
    by_angle = d is not None and bool(np.isfinite(d.angle).all())
    values = d.angle if d is not None and by_angle else evaluation.relative_error
    middle, worst, n = median_member(values), int(values.argmax()), len(values)
    what = "angle off the factors" if by_angle else "error"
    words = {worst: f"member {worst}, the worst of {n} by its {what}"}
    words[middle] = f"member {middle}, nearest the median {what} of {n}" if n > 1 else "the one member"
    return Chosen(middle, worst, words)


def median_member(values: FloatArray) -> int:
    """The member whose value is nearest the median."""
    return int(np.abs(values - np.median(values)).argmin())
