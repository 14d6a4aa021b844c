"""What verbs say of a run that was judged: the answer in a sentence, verdicts with their reasons, a row a member."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beable.console.numbers import latent_name, many, number, span
from beable.console.tables import facts, table, tell
from beable.verdicts import Verdict, counted

if TYPE_CHECKING:
    from beable.analysis.agree import Agreed
    from beable.analysis.evaluation import Evaluation
    from beable.datasets.store import Store
    from beable.training.run import Run

MOST_MEMBERS = 32


def together(verdicts: Sequence[Verdict]) -> str:
    """How many members have each answer, and the reason of one that has the commonest.

    >>> together([Verdict(True, "error 0.1"), Verdict(True, "error 0.2"), Verdict(None, "too few rows")])
    '2 yes, 1 cannot be told; such as: error 0.1'
    """
    words = [v.word for v in verdicts]
    commonest = max(words, key=words.count)
    example = next(v.reason for v in verdicts if v.word == commonest)
    return f"{counted(verdicts)}; such as: {example}" if len(verdicts) > 1 else str(verdicts[0])


def say_evaluation(run: "Run", evaluation: "Evaluation", rows: str) -> None:
    """Print what an evaluation found.

    Args:
        run: the run.
        evaluation: of it.
        rows: which rows were judged, in words.
    """
    tell(answer(run, evaluation, rows))
    facts({"relative error": span(evaluation.relative_error)} | verdicts(run, evaluation))
    _members(evaluation)


def answer(run: "Run", evaluation: "Evaluation", rows: str) -> str:
    """The answer, in the words of the report, and what it rests on.

    Args:
        run: the run.
        evaluation: of it.
        rows: which rows were judged, in words.
    """
    from beable.report.run import answer_of

    latents = many(run.settings.model.latents, "latent")
    return f"{answer_of(run, evaluation)}\n{many(run.members, 'member')} with {latents}, judged on {rows}."


def _agree(found: "Agreed") -> str:
    """Whether trainings agree, in words."""
    words: dict[bool | None, str] = {
        True: "The trainings agree on the same latents",
        False: "The trainings disagree on the latents",
        None: "Whether the trainings agree on the latents cannot be told",
    }
    return words[found.agreement.axes.answer]


def verdicts(run: "Run", evaluation: "Evaluation") -> dict[str, str]:
    """Questions and answers, each with its reason."""
    from beable.report.labels import label_facts

    found: dict[str, str] = {}
    if (d := evaluation.disentanglement) is not None:
        found["each factor in a latent of its own"] = together(d.disentangled)
        if (score := span(d.s_d)) != number(None):
            context = f"best possible {number(d.s_d_ceiling)}, random rotations {number(d.s_d_chance)}"
            found["score S_D"] = f"{score}; {context}"
    for name, (error, constant) in label_facts(evaluation.labels).items():
        found[f"error of {name}, which had labels"] = f"{error}; constant guess {constant}"
    if (a := evaluation.agreed) is not None:
        found["trainings agree on the latents"] = str(a.agreement.axes)
        found["trust in the run"] = str(a.summary()["trust in the run"])
    if evaluation.over_regularised:
        found["rate keeps members from learning"] = together(evaluation.over_regularised)
    if evaluation.over_fitted:
        found["training rows learned by heart"] = together(evaluation.over_fitted)
    found["held-out rows are strangers"] = str(run.strangers)
    return found


def _members(evaluation: "Evaluation") -> None:
    """A row a member."""
    r, d = evaluation.regularisation, evaluation.disentanglement
    columns = ["member", "relative error", "of the median row"]
    cells: list[list[str]] = [
        [str(k), number(e), number(m)]
        for k, (e, m) in enumerate(zip(evaluation.relative_error, evaluation.median_row_error, strict=True))
    ]
    if r is not None:
        columns += ["rate (nats)", "active latents"]
        for row, rates, active in zip(cells, r.rate_per_latent, r.active, strict=True):
            row += [number(rates.sum()), str(int(active))]
    if d is not None:
        columns += ["angle to factors (°)", "factors alone"]
        for row, angle, verdict in zip(cells, d.angle, d.disentangled, strict=True):
            row += [number(angle), verdict.word]
    table(columns, cells[:MOST_MEMBERS])
    if len(cells) > MOST_MEMBERS:
        tell(f"  … and {len(cells) - MOST_MEMBERS} more members: see --json")


def say_agreed(found: "Agreed") -> None:
    """Print what trainings agree on."""
    a, t = found.agreement, found.trust
    tell(f"{_agree(found)}: {a.axes.reason}.")
    told = {name: value for name, value in found.summary().items() if isinstance(value, str)}
    facts(told)
    tell("Latents that most trainings found first:")
    for shared in a.shared:
        tell(f"  {latent_name(shared.latent)} of member {shared.member}: {shared.agreed}")
    trusts = zip(a.starts, t.members, t.latents, strict=True)
    cells = [[str(k), s, number(m), "  ".join(number(x) for x in z)] for k, (s, m, z) in enumerate(trusts)]
    table(["member", "start", "trust in the member", "trust in each latent"], cells, left=2)


def rows_in_words(run: "Run", store: "Store", count: int) -> str:
    """Which rows were judged."""
    if store.id == run.metadata["store"]:
        return f"{many(count, 'held-out row')} ({run.held_out})"
    return f"{many(count, 'row')} of {store.path.name}"


def beside(store: Path | None) -> list[object]:
    """A data set as the word of a command, where one was named."""
    return [] if store is None else [store]
