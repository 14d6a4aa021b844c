"""Sections of a report, from a store, a run and its evaluation; pages put them together."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from beable.analysis.evaluation import Disentanglement, Evaluation
from beable.analysis.overfitting import overfitting
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.metrics.separation import LUCK, TOLERANCE
from beable.report.figures.codes import codes_against_factors, posterior_and_factors
from beable.report.figures.fields import fields, reconstruction
from beable.report.figures.particles import configurations, reconstructions
from beable.report.figures.scores import angles, errors
from beable.report.figures.training import histories
from beable.report.page import Figure, Fold, Item, Section, Table, Text
from beable.simulator import Variable
from beable.training.data import read
from beable.training.run import Run
from beable.verdicts import Verdict, counted

FloatArray = NDArray[np.floating]
SHOWN_CODES = 512
SHOWN_BOXES = 4
SHOWN_REASONS = 3


def data_section(store: Store, rows: Sequence[int], text: Sequence[Text] = ()) -> Section:
    """The snapshots themselves: every field of a few rows."""
    drawn = [v for v in store.variables if is_drawable(v)]
    failed = f", of which {len(store.failures)} failed and are left out" if store.failures else ""
    facts = f"{store.rows:,} snapshots{failed}."
    if not drawn:
        return Section("The data", [*text, facts], _configurations(store, rows))
    x, y = drawn_axes(store, drawn[0])
    same_grid = [v for v in drawn if v.shape[-2:] == (len(x), len(y))]
    arrays = [store.read(v.name, np.asarray(rows)) for v in same_grid]
    figure = fields(
        arrays,
        [v.name for v in same_grid],
        [v.unit for v in same_grid],
        x,
        y,
        scales=[_scale(a) for a in arrays],
        rows=[_row_label(store, row) for row in rows],
    )
    names = ", ".join(v.long_name or v.name for v in same_grid)
    beside = " with their factors" if 0 < len(store.factors) < 5 else ""
    caption = f"Snapshots {', '.join(str(r) for r in rows)}{beside}: {names}. Vectors: magnitude and lines along them."
    return Section("The data", [*text, facts], [Figure(figure, caption, f"Maps of {names} of {len(rows)} snapshots.")])


def _configurations(store: Store, rows: Sequence[int]) -> list[Item]:
    """Configurations of particles, if the store holds any; nothing otherwise."""
    return [_boxes(store, v.name, rows) for v in store.variables if _of_particles(v)]


def _of_particles(v: Variable) -> bool:
    return v.dims[:1] == ("particle",) and len(v.shape) == 2 and v.shape[1] in (2, 3)


def _boxes(store: Store, name: str, rows: Sequence[int]) -> Figure:
    positions = store.read(name, np.asarray(rows)).astype(np.float64)
    corner, side = _box_around(positions)
    figure = configurations(positions - corner, side, titles=[_row_label(store, row) for row in rows])
    caption = f"Configurations {', '.join(map(str, rows))}: {name}, discs of diameter 1."
    return Figure(figure, caption, "Configurations of particles.")


def _box_around(positions: FloatArray) -> tuple[float, float]:
    """Lower corner and side of a box that holds all particles, in whole units; a box from 0 where that will do."""
    corner = min(0.0, float(np.floor(positions.min())))
    return corner, max(1.0, float(np.ceil(positions.max() - corner)))


def _decoded_boxes(run: Run, store: Store, evaluation: Evaluation, member: int) -> list[Item]:
    """A few held-out configurations above what a member makes of them."""
    names = [v.name for v in store.variables if _of_particles(v) and v.name in run.variables]
    rows = evaluation.rows[:SHOWN_BOXES]
    truth = read(store, run.variables, rows, run.conditions)
    decoded = list(run.decode(evaluation.codes[:, : len(rows)], run.conditions_of(truth)))[member]
    ordered = run.representation.canonical({name: truth[name] for name in run.variables})
    return [_pair_of_boxes(ordered[name].astype(np.float64), decoded[name].astype(np.float64)) for name in names]


def _pair_of_boxes(truth: FloatArray, decoded: FloatArray) -> Figure:
    corner, side = _box_around(truth)
    figure = reconstructions(truth - corner, decoded - corner, side)
    caption = "Held-out configurations above their reconstruction by one member; lines lead from one to the other."
    return Figure(figure, caption, "Configurations and their reconstruction.")


def is_drawable(v: Variable) -> bool:
    """Whether a variable is a field on a plane, of one or two components."""
    plane = len(v.shape) == 2 or (len(v.shape) == 3 and v.shape[0] == 2)
    return not v.diagnostic and not _of_particles(v) and plane


def drawn_axes(store: Store, v: Variable) -> tuple[FloatArray, FloatArray]:
    """Coordinates of a field's grid; node numbers where the store has none."""
    pairs = zip(v.dims[-2:], v.shape[-2:], strict=True)
    x, y = (np.asarray(store.coordinates[d][0]) if d in store.coordinates else np.arange(float(n)) for d, n in pairs)
    return x, y


def _scale(values: FloatArray) -> str:
    """Logarithmic for positive values over more than a decade, signed for values of both signs."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > 10 * low:
        return "log"
    return "signed" if low < 0 < high and values.ndim == 3 else "linear"


def _row_label(store: Store, row: int) -> str:
    if not store.factors or len(store.factors) > 4:
        return f"row {row}"
    values = ", ".join(f"{value:.2f}" for value in store.factor_values[row]).replace("-", "−")
    return f"({values})"


def reconstruction_section(run: Run, store: Store, evaluation: Evaluation, member: int) -> Section:
    """One held-out row and its reconstruction by one member, and every member's errors."""
    row = int(evaluation.rows[0])
    truth = read(store, run.variables, np.array([row]), run.conditions)
    decoded = next(
        d for k, d in enumerate(run.decode(evaluation.codes[:, :1], run.conditions_of(truth))) if k == member
    )
    learned = [v for v in store.variables if v.name in run.variables]
    variables = [v for v in learned if len(v.shape) in (2, 3) and not _of_particles(v)]
    folds = [Fold("Errors by channel", [], [_channel_errors(evaluation)])]
    if residual := _residual_table(evaluation):
        folds.append(Fold("Do decoded snapshots obey the equations?", [], residual))
    items = _decoded_boxes(run, store, evaluation, member)
    if variables:
        names, fields, found = _planes(variables, truth, decoded)
        x, y = drawn_axes(store, variables[0])
        units = [v.unit for v in variables for _ in range(v.shape[0] if len(v.shape) == 3 else 1)]
        figure = reconstruction(fields, found, names, units, x, y, scales=[_scale(f[None]) for f in fields])
        caption = (
            f"Row {row}, which training never saw, its reconstruction by member {member}, and the error; "
            "the percentage is the norm of the error over that of the truth."
        )
        alt = f"{', '.join(names)}: {_percentages(fields, found)}."
        items.insert(0, Figure(figure, caption, f"Errors of one held-out row, as shares of the norm of {alt}"))
    return Section("Reconstruction", [_error_words(evaluation)], items, folds)


def _percentages(truth: Sequence[FloatArray], found: Sequence[FloatArray]) -> str:
    """Norm of each error over that of its truth."""
    sizes = [(float(np.linalg.norm(f - t)), float(np.linalg.norm(t))) for t, f in zip(truth, found, strict=True)]
    return ", ".join("not defined" if size == 0 else f"{number(100 * error / size)} %" for error, size in sizes)


def _channel_errors(evaluation: Evaluation) -> Figure:
    """The errors of every member by channel; those of constant channels, which have none, are named."""
    found = {name: e for name, e in evaluation.error_by_channel.items() if np.isfinite(e).all()}
    constant = [name for name in evaluation.error_by_channel if name not in found]
    caption = "Relative squared error of held-out rows by channel, a dot a member."
    if constant:
        caption += f" Constant in these rows, and so without a relative error: {', '.join(constant)}."
    return Figure(errors({"members": found}, "relative squared error"), caption, "Errors by channel.")


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
    rows = [[name, "–" if values is None else spread(values)] for name, values in members.items()]
    return [Table(caption, ["snapshots", "residual"], [["held-out rows", number(r.data)], *rows], "lr")]


def _planes(
    variables: Sequence[Variable], truth: Mapping[str, FloatArray], decoded: Mapping[str, FloatArray]
) -> tuple[list[str], list[FloatArray], list[FloatArray]]:
    """Each channel of one snapshot as a plane: names, truth, reconstruction."""
    names, fields, found = [], [], []
    for v in variables:
        parts = [()] if len(v.shape) == 2 else [(i,) for i in range(v.shape[0])]
        for part in parts:
            label = "" if not part else f" {v.components[part[0]] if v.components else part[0]}"
            names.append(v.name + label)
            fields.append(truth[v.name][0][part])
            found.append(decoded[v.name][0][part])
    return names, fields, found


def _error_words(evaluation: Evaluation) -> str:
    e, worst = evaluation.relative_error, evaluation.channels.worst
    return (
        f"Relative squared error of all outputs on {len(evaluation.rows):,} held-out rows: median over members "
        f"{number(np.median(e))}, best {number(e.min())}, worst {number(e.max())}; of the median row "
        f"{number(np.median(evaluation.median_row_error))}. The channel that is lost most is {worst}, "
        f"{number(np.median(evaluation.error_by_channel[worst]))}."
    )


def latent_section(run: Run, store: Store, evaluation: Evaluation, member: int, title: str = "The latents") -> Section:
    """One member's latents: against the factors, and their distribution beside factors and prior."""
    rows = evaluation.rows[:SHOWN_CODES]
    codes, std = evaluation.codes[member][:SHOWN_CODES], evaluation.code_std[member][:SHOWN_CODES]
    factors = store.factor_values[rows] if store.factors else None
    letters = [f.symbol for f in store.factors]
    items: list[Item] = []
    if factors is not None:
        scatter = codes_against_factors(codes, factors, letters, std)
        items.append(
            Figure(scatter, f"Latents of member {member} against the true factors.", "Latents against factors.")
        )
    prior = run.sample(SHOWN_CODES)[member]
    cloud = posterior_and_factors(codes, factors, letters, prior)
    caption = f"Aggregate posterior of member {member}, the distribution of the factors, and samples of the prior."
    items.append(Figure(cloud, caption, "Distribution of latents, factors and prior."))
    judged = {} if evaluation.disentanglement is None else {"members": evaluation.disentanglement}
    words = [_rate_words(evaluation), disentanglement_words(evaluation)]
    return Section(title, words, [*angle_figures(judged), *items])


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
    return [Figure(angles(found, mark, LUCK), caption, "Angles of all members and the angle that passes.")]


def disentanglement_words(evaluation: Evaluation) -> Text:
    """How many members are disentangled, and why those that are shown first are or are not."""
    d = evaluation.disentanglement
    if d is None:
        return ""
    reasons = dict.fromkeys(str(v) for v in sorted(d.disentangled, key=lambda v: v.answer is not True))
    few = "; ".join(list(reasons)[:SHOWN_REASONS])
    more = f"; and {len(reasons) - SHOWN_REASONS} more" if len(reasons) > SHOWN_REASONS else ""
    return f"Is each factor in a latent of its own? By member: {counted(d.disentangled)}. Reasons: {few}{more}."


def _rate_words(evaluation: Evaluation) -> Text:
    r = evaluation.regularisation
    if r is None:
        return ""
    rates = ", ".join(f"{x:.2f}" for x in np.median(r.rate_per_latent, axis=0))
    words = f"Rate of each latent, median over members: {rates} nats; {int(np.median(r.active))} latents active."
    return f"{words} Members over-regularised: {_with_a_reason(evaluation.over_regularised)}."


def _with_a_reason(verdicts: Sequence[Verdict]) -> str:
    """How many answers of each kind, and the reason of the first that is no plain no."""
    order = sorted(verdicts, key=lambda v: (v.answer is False, v.answer is None))
    return f"{counted(verdicts)} (such as: {order[0].reason})" if order else "none"


def history_section(run: Run) -> Section:
    """The terms of the objective during training."""
    steps = run.history["step"].astype(float)
    volume = run.representation.code.log_volume
    terms = {
        name.replace("/", " ", 1): run.history[name] + (volume if name.endswith("distortion") else 0.0)
        for name in sorted(run.history)
        if name not in ("step", "beta")
    }
    recon = run.settings.objective.reconstruction_steps
    phases = {"reconstruction only": 0.0, "with rate": float(recon)} if recon else None
    figure = histories(terms, steps, phases, clock="step")
    caption = "Terms of the objective during training, in nats a row: every member thin, their median thick."
    learned = overfitting(run.history, run.best_steps).verdicts
    words = f"Members that learned training rows by heart: {_with_a_reason(learned)}."
    kept = (
        f"Kept: of each member the parameters of its {run.settings.training.keep} record, step {_span(run.kept_steps)}."
    )
    return Section("Training", [words, kept], [Figure(figure, caption, "Training histories.")])


def _span(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def provenance(store: Store, command: str, runs: Mapping[str, Run]) -> dict[str, str]:
    """Where the numbers come from."""
    names = ("beable", "torch", "numpy", "scipy", "scikit-learn")
    facts = {
        "command": command,
        "versions": ", ".join(f"{name} {version(name)}" for name in names) + f", Python {platform.python_version()}",
        "data set": f"sha256 {store.id}, seed {store.seed}, {store.rows} rows",
    }
    for label, run in runs.items():
        seed = run.settings.training.seed
        facts[f"run: {label}"] = f"sha256 {run.id}, seed {seed}, {run.members} members, {run.metadata['steps']} steps"
    return facts


def best_member(evaluation: Evaluation) -> int:
    """The member to show: the least turned from the factors where that can be told, or the one of lowest error."""
    d = evaluation.disentanglement
    if d is not None and np.isfinite(d.angle).any():
        return int(np.nanargmin(d.angle))
    return int(evaluation.relative_error.argmin())


def median_member(values: FloatArray) -> int:
    """The member whose value is nearest the median."""
    return int(np.abs(values - np.median(values)).argmin())


def spread(values: FloatArray) -> str:
    """Median and range over members, for a table."""
    return f"{number(np.median(values))} ({number(values.min())} to {number(values.max())})"
