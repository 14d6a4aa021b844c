"""The report of one run: what it found, what it reconstructs, what its latents are, how it was trained."""

import numpy as np

from beable.analysis.evaluation import Evaluation
from beable.console.numbers import many, number, span
from beable.datasets.store import Store
from beable.report.citations import citations
from beable.report.labels import label_rows, label_words
from beable.report.page import Cell, Item, Page, Section, Table, Text, symbols
from beable.report.pod import pod_section
from beable.report.sections import (
    chosen_members,
    data_section,
    disentanglement_words,
    history_section,
    latent_section,
    made_by,
    provenance,
    reconstruction_section,
)
from beable.report.slowness import slow_section
from beable.report.unlabelled import agreement_section, agreement_words, data_words
from beable.training.run import Run
from beable.verdicts import Verdict, counted


def run_page(run: Run, store: Store, evaluation: Evaluation, title: str, command: str) -> Page:
    """The page of a run judged on rows of a store."""
    shown = [int(row) for row in evaluation.rows[:2]]
    reconstruction = reconstruction_section(run, store, evaluation)
    latents = latent_section(run, store, evaluation)
    chosen = chosen_members(evaluation)
    alone = agreement_section(run, store, evaluation, chosen.middle)
    pod = pod_section(run, store, evaluation, chosen.middle, chosen.words[chosen.middle])
    slow = slow_section(evaluation.slow)
    opening: list[Item] = [*(latents.items[:1] or reconstruction.items[:1]), _numbers(run, evaluation)]
    return Page(
        title,
        answer_of(run, evaluation),
        scope_of(run, evaluation),
        opening,
        [
            _without(reconstruction, opening),
            _without(latents, opening),
            *([pod] if pod else []),
            *([slow] if slow else []),
            alone,
            history_section(run),
            data_section(store, shown, data_words(run, evaluation)),
        ],
        provenance(store, made_by(run, command), {"this run": run}),
        [reference.bibtex() for reference in citations(run.settings, systems=[store.simulator or ""])],
    )


def _without(section: Section, shown: list[Item]) -> Section:
    """A section without what the page opens with."""
    left = [item for item in section.items if item not in shown]
    return Section(section.title, section.text, left, section.folds)


def answer_of(run: Run, evaluation: Evaluation) -> str:
    """What the run found, in two or three sentences: failures first, then factors or agreement, then the error."""
    error = float(np.median(evaluation.relative_error))
    last = f"Relative squared error on held-out rows: {number(error)}{_over_members(run)}."
    return " ".join(filter(None, [*_warnings(evaluation), *_found(evaluation), label_words(run), last]))


def _warnings(evaluation: Evaluation) -> list[str]:
    """What makes members worth less than their number."""
    words = {"learned nothing, for want of a lower weight of the rate": evaluation.over_regularised}
    bad = {what: sum(v.answer is True for v in verdicts) for what, verdicts in words.items()}
    total = len(evaluation.relative_error)
    return [f"{count} of {total} members {what}." for what, count in bad.items() if count]


def _found(evaluation: Evaluation) -> list[str]:
    if told := disentanglement_words(evaluation):
        return [told]
    return [agreement_words(evaluation.agreed)] if evaluation.agreed is not None else []


def _over_members(run: Run) -> str:
    return "" if run.members == 1 else f", median over {run.members} members"


def scope_of(run: Run, evaluation: Evaluation) -> str:
    """What the answer rests on."""
    latents = many(run.settings.model.latents, "latent")
    return (
        f"{many(run.members, 'member')} with {latents}, trained on {len(run.train_rows):,} snapshots in "
        f"{run.metadata['steps']:,} steps, judged on {len(evaluation.rows):,} others."
    )


def _numbers(run: Run, evaluation: Evaluation) -> Table:
    """The few numbers of a run, with what each is to be compared with."""
    rows: list[list[Cell | Text]] = [["relative squared error of held-out rows", span(evaluation.relative_error), "0"]]
    for name, verdicts in {"over-regularised": evaluation.over_regularised, "over-fit": evaluation.over_fitted}.items():
        if verdicts:
            rows.append([f"members {name}", Cell(counted(verdicts), _news(verdicts)), "none"])
    if (a := evaluation.agreed) is not None:
        rows.append(["trust in the latents, without labels", str(a.summary()["trust in the run"]), "1"])
    if (d := evaluation.disentanglement) is not None:
        verdict = "good" if any(v.answer for v in d.disentangled) else "neutral"
        rows.append(["each factor in a latent of its own", Cell(counted(d.disentangled), verdict), "all"])
        if np.isfinite(d.s_d).any():
            note = f"ceiling {number(d.s_d_ceiling)}, chance {number(d.s_d_chance)}"
            rows.append([symbols("S_D of the latents"), span(d.s_d), note])
    rows += label_rows(evaluation.labels)
    over = "" if run.members == 1 else "; median over members, and range"
    return Table(f"The run in numbers{over}.", ["quantity", "this run", "to compare with"], rows, "lll")


def _news(verdicts: tuple[Verdict, ...]) -> str:
    """Good where every answer is no, bad where one is yes."""
    answers = {v.answer for v in verdicts}
    return "miss" if True in answers else "good" if answers == {False} else "neutral"
