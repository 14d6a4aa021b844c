"""What is known of a run without factors: how rows were held out, what members agree on, what each latent does."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from beable.analysis.agree import Agreed
from beable.analysis.evaluation import Evaluation
from beable.console.numbers import latent_name, number
from beable.datasets.store import Store
from beable.report.curves import alike, along, channels
from beable.report.figures.curves import curves
from beable.report.figures.fields import fields
from beable.report.page import Figure, Fold, Item, Section, Table, Text
from beable.report.planes import Plane, drawn_axes, planes
from beable.simulator import Variable
from beable.training.data import conditions, factors
from beable.training.run import Run

FloatArray = NDArray[np.floating]
REACH = (-2.0, -1.0, 0.0, 1.0, 2.0)
MOST_LATENTS, MOST_NUMBERS = 8, 12
MOST_FINDINGS = 8


def data_words(run: Run, evaluation: Evaluation) -> list[Text]:
    """How rows were held out, whether they are strangers, and what a look at the data found."""
    seen = [str(finding["line"]) for finding in run.metadata.get("look", [])]
    more = [f"and {len(seen) - MOST_FINDINGS} more."] if len(seen) > MOST_FINDINGS else []
    return [
        f"Held out: {run.held_out}; strangers to the training rows: {run.strangers}.",
        *(["A look at the data before training found:", *seen[:MOST_FINDINGS], *more] if seen else []),
    ]


def agreement_section(run: Run, store: Store, evaluation: Evaluation, member: int) -> Section:
    """How many latents there are, what trainings agree on, how far to trust them, and what each latent does."""
    a = evaluation.agreed
    words = [_too_few(run, evaluation)] if a is None else [agreement_words(a)]
    folds = [] if a is None else [Fold("Every question, with its reason", _answers(a))]
    tables, drawn = _latents(run, evaluation, member), _traverses(run, store, evaluation, member)
    return Section("Without labels: what do trainings agree on?", words, [*tables, *drawn], folds)


def agreement_words(a: Agreed) -> str:
    """What members agree on, in a few words."""
    found = a.agreement
    trusted = (
        "cannot be told" if a.trust.run is None else f"{a.trust.run:.2f} ({a.trust.low:.2f} to {a.trust.high:.2f})"
    )
    known = np.isfinite(found.dimensions)
    shared = (
        f"Trainings of different starts share {found.dimensions:g} latents" if known else "All trainings have one start"
    )
    return (
        f"{shared}. The same plane: {found.plane.word}; the same axes: {found.axes.word}; trust in the run: {trusted}."
    )


def _too_few(run: Run, evaluation: Evaluation) -> str:
    return (
        f"Cannot be told from {len(evaluation.rows)} held-out rows and {run.members} members: at least 32 rows and 2 "
        "members are needed."
    )


def _answers(a: Agreed) -> list[Text]:
    told = a.summary()
    asked = {
        "Do the data support the latents": told["latents that data support"],
        "Do members span the same plane": told["the same plane"],
        "Do members find the same axes": told["the same axes"],
        "Do the codes have axes of their own": told["axes in the codes"],
        "Does the objective hold the axes": told["axes held by the objective"],
        "Trust in the run, the share of members expected to hold one factor in each latent": told["trust in the run"],
    }
    return [f"{question}: {answer}." for question, answer in asked.items()]


def _latents(run: Run, evaluation: Evaluation, member: int) -> list[Table]:
    """Each latent of one member: its rate, who else found it, and trust; nothing without an answer."""
    a, r = evaluation.agreed, evaluation.regularisation
    if a is None or r is None:
        return []
    order = np.argsort(-r.rate_per_latent[member], kind="stable")
    rows = [
        [latent_name(i), number(r.rate_per_latent[member, i]), _found(a, member, i), _trusted(a, member, i)]
        for i in order
    ]
    caption = (
        f"Latents of member {member}: rate, how many members of other starts found the same latent (up to order, sign "
        "and monotone bending; beside it the share by chance), and trust, the probability that it is a factor."
    )
    return [Table(caption, ["latent", "rate (nats)", "found by", "trust"], rows, "lrrr")]


def _found(a: Agreed, member: int, latent: int) -> str:
    compared = int(a.agreement.compared[member])
    if not a.agreement.active[member, latent] or not compared:
        return "–"
    chance = a.agreement.chance[member, latent]
    return f"{int(a.agreement.found[member, latent])} of {compared} (chance {chance:.0%})"


def _trusted(a: Agreed, member: int, latent: int) -> str:
    trust = a.trust.latents[member, latent]
    return number(trust) if np.isfinite(trust) else "–"


# What each latent does


def _traverses(run: Run, store: Store, evaluation: Evaluation, member: int) -> list[Item]:
    """The first field or curve, or all numbers, decoded along each latent of one member."""
    learned = [v for v in store.variables if v.name in run.variables]
    codes = evaluation.codes[member]
    widest = sorted(int(i) for i in np.argsort(-codes.std(axis=0), kind="stable")[:MOST_LATENTS])
    if drawn := planes(store, learned):
        return [_maps(run, store, evaluation, member, drawn[0], widest)]
    if lines := alike(learned):
        return [_lines(run, store, evaluation, member, lines[0], widest)]
    numbers = [v for v in learned if not v.shape][:MOST_NUMBERS]
    return [_changes(run, store, evaluation, member, numbers, widest)] if numbers else []


def _decoded(
    run: Run, store: Store, evaluation: Evaluation, member: int, name: str, latents: Sequence[int]
) -> Iterator[FloatArray]:
    """A variable at the steps of ``REACH``, in deviations of the codes, along each latent; all else at its mean."""
    codes = evaluation.codes
    mean, spread = codes.mean(axis=1), codes.std(axis=1)
    known = conditions(factors(store, run.conditions, evaluation.rows), run.conditions)
    middle = None if known is None else np.repeat(known.mean(axis=0, keepdims=True), len(REACH), axis=0)
    for i in latents:
        z = np.repeat(mean[:, None], len(REACH), axis=1)
        z[:, :, i] += np.array(REACH) * spread[:, None, i]
        yield next(d for k, d in enumerate(run.decode(z, middle)) if k == member)[name]


def _maps(run: Run, store: Store, evaluation: Evaluation, member: int, plane: Plane, latents: Sequence[int]) -> Figure:
    v = plane.variable
    decoded = plane.drawn(np.stack(list(_decoded(run, store, evaluation, member, v.name, latents))))
    columns = [decoded[:, step] for step in range(len(REACH))]
    x, y = drawn_axes(store, v)
    rows = [latent_name(i) for i in latents]
    figure = fields(columns, _step_names(), [v.unit] * len(columns), x, y, rows=rows, shared=True)
    return _walks(figure, member, v.long_name or plane.title, plane.title, decoded, latents)


def _lines(run: Run, store: Store, evaluation: Evaluation, member: int, v: Variable, latents: Sequence[int]) -> Figure:
    decoded = list(_decoded(run, store, evaluation, member, v.name, latents))
    names, units, parts = channels([v], {v.name: np.stack(decoded)})
    x, x_label = along(store, v)
    titles = [latent_name(i) for i in latents]
    figure = curves(list(parts[0]), titles, units[:1] * len(titles), x, _step_names(), x_label=x_label, ordered=True,
                    shared=True)  # fmt: skip
    return _walks(figure, member, names[0], names[0], parts[0], latents)


def _step_names() -> list[str]:
    return [f"{step:+g} s".replace("-", "−").replace("+0 s", "mean") for step in REACH]


def _walks(drawn: Drawing, member: int, what: str, name: str, decoded: FloatArray, latents: Sequence[int]) -> Figure:
    """The figure of a variable along latents, (latents, steps, ...), with what it shows in words."""
    caption = (
        f"What each latent of member {member} does: {what} decoded with one latent moved by up to two "
        "deviations s of its codes, the others at their mean."
    )
    moved = np.sqrt(np.nanmean(((decoded[:, -1] - decoded[:, 0]) ** 2).reshape(len(latents), -1), axis=1))
    alt = ", ".join(f"{latent_name(i)} {number(m)}" for i, m in zip(latents, moved, strict=True))
    return Figure(drawn, caption, f"Root-mean-square change of {name} from end to end: {alt}.")


def _changes(
    run: Run, store: Store, evaluation: Evaluation, member: int, numbers: Sequence[Variable], latents: Sequence[int]
) -> Table:
    rows = [[latent_name(i)] for i in latents]
    for v in numbers:
        for row, values in zip(rows, _decoded(run, store, evaluation, member, v.name, latents), strict=True):
            ends = [v.classes[int(x)] if v.classes else number(x) for x in (values[0], values[-1])]
            row.append(" to ".join(ends))
    caption = (
        f"What each latent of member {member} does: numbers decoded from two deviations of its codes below their mean "
        "to two above, the other latents at their mean."
    )
    heads = [f"{v.name} ({v.unit})" if v.unit else v.name for v in numbers]
    return Table(caption, ["", *heads], rows, "l" + "r" * len(heads))
