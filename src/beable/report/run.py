"""The report of one run: what it reconstructs, what its latents are, how it was trained."""

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
from beable.training.run import Run
from beable.verdicts import counted


def run_page(run: Run, store: Store, evaluation: Evaluation, title: str, command: str) -> Page:
    """The page of a run judged on rows of a store."""
    member = best_member(evaluation)
    shown = [int(row) for row in evaluation.rows[:2]]
    return Page(
        title,
        f"{run.members} members with {run.settings.model.latents} latents, trained on {len(run.train_rows):,} "
        f"snapshots, judged on {len(evaluation.rows):,} others.",
        [
            data_section(store, shown),
            reconstruction_section(run, store, evaluation, member),
            latent_section(run, store, evaluation, member),
            history_section(run),
        ],
        provenance(store, command, {"this run": run}),
        _results(run, evaluation),
    )


def _results(run: Run, evaluation: Evaluation) -> list[Result]:
    results = [Result(spread(evaluation.relative_error), "relative squared error", "held-out rows, median (range)")]
    if (r := evaluation.regularisation) is not None:
        bad = int(r.over_regularised.sum())
        verdict = "miss" if bad else "good"
        results.append(Result(f"{bad} of {run.members}", "members over-regularised", "", verdict))
    if (d := evaluation.disentanglement) is not None:
        verdict = "good" if any(v.answer for v in d.disentangled) else "neutral"
        results.append(Result(counted(d.disentangled), "each factor in a latent of its own", "members", verdict))
        note = f"ceiling {number(d.s_d_ceiling)}, chance {number(d.s_d_chance)}"
        results.append(Result(spread(d.s_d), symbols("S_D of the latents"), note))
    return results
