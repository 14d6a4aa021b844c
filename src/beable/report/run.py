"""The report of one run: what it reconstructs, what its latents are, how it was trained."""

from collections.abc import Sequence

from beable.analysis.evaluation import Evaluation
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.page import Page, Result, symbols
from beable.report.sections import (
    best_member,
    data_section,
    history_section,
    latent_section,
    provenance,
    reconstruction_section,
    spread,
)
from beable.report.unlabelled import agreement_section, data_words
from beable.training.run import Run
from beable.verdicts import Verdict, counted


def run_page(run: Run, store: Store, evaluation: Evaluation, title: str, command: str) -> Page:
    """The page of a run judged on rows of a store."""
    member = best_member(evaluation)
    shown = [int(row) for row in evaluation.rows[:2]]
    return Page(
        title,
        f"{run.members} members with {run.settings.model.latents} latents, trained on {len(run.train_rows):,} "
        f"snapshots, judged on {len(evaluation.rows):,} others.",
        [
            data_section(store, shown, data_words(run, evaluation)),
            reconstruction_section(run, store, evaluation, member),
            latent_section(run, store, evaluation, member),
            agreement_section(run, store, evaluation, member),
            history_section(run),
        ],
        provenance(store, command, {"this run": run}),
        _results(run, evaluation),
    )


def _results(run: Run, evaluation: Evaluation) -> list[Result]:
    results = [Result(spread(evaluation.relative_error), "relative squared error", "held-out rows, median (range)")]
    for name, verdicts in {"over-regularised": evaluation.over_regularised, "over-fit": evaluation.over_fitted}.items():
        if verdicts:
            results.append(Result(counted(verdicts), f"members {name}", "", _news(verdicts)))
    if (a := evaluation.agreed) is not None:
        results.append(Result(str(a.summary()["trust in the run"]), "trust in the latents", "without labels"))
    if (d := evaluation.disentanglement) is not None:
        verdict = "good" if any(v.answer for v in d.disentangled) else "neutral"
        results.append(Result(counted(d.disentangled), "each factor in a latent of its own", "members", verdict))
        note = f"ceiling {number(d.s_d_ceiling)}, chance {number(d.s_d_chance)}"
        results.append(Result(spread(d.s_d), symbols("S_D of the latents"), note))
    return results


def _news(verdicts: Sequence[Verdict]) -> str:
    """Good where every answer is no, bad where one is yes."""
    answers = {v.answer for v in verdicts}
    return "miss" if True in answers else "good" if answers == {False} else "neutral"
