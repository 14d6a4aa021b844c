"""Readings of what a source leaves open: of its score at β = 0, and of its loss."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from beable.console.columns import fixed, percent
from beable.console.numbers import number
from beable.report.figures.style import FloatArray
from beable.report.figures.training import histories
from beable.report.page import Cell, Evidence, Figure, Fold, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.trends import scores_against
from beable.systems.packing.page.cells import Row, unbroken
from beable.systems.packing.parts.at_zero import AtZero, ZeroArm
from beable.systems.packing.parts.cross_entropy import CrossEntropy

#: readings of the score that are drawn
DRAWN = ("3 decimals, normalised", "1 decimal, normalised", "5 bins, normalised", "5 bins, bits")


def at_zero(a: AtZero) -> Evidence:
    """Which reading of model and score gives the number at β = 0, and what else holds of it."""
    n = a.as_json()
    folds = [Fold("Every reading of model and rate", [], [_models(a)])]
    return Evidence(findings.at_zero(n), [_against_spread(a, n), _scores(n)], folds)


def _against_spread(a: AtZero, n: findings.Numbers) -> Figure:
    shown = {name: a.names.index(name) for name in DRAWN if name in a.names}
    panels = {
        name: {
            model: (
                _of_model(a, model, lambda arm: arm.deviations),
                _of_model(a, model, partial(_score, i)),
            )
            for model in a.models
        }
        for name, i in shown.items()
    }
    low, high = n["reported"]
    figure = scores_against(
        panels,
        x_label="spread of reconstructions (standard deviation over mean)",
        y_label="mutual information",
        fits=False,
        x_scale="log",
        references={name: [(low, ""), (high, "reported")] for name in shown},
    )
    caption = (
        "Mutual information at β = 0 by four readings of it, against the spread of the reconstructions: every training "
        "a dot, colours are readings of the model. Lines: what Hall & Sparks report, "
        f"{low:g} to {high:g}."
    )
    return Figure(figure, caption, findings.at_zero(n))


def _of_model(a: AtZero, model: str, numbers: Callable[[ZeroArm], Any]) -> Any:
    """Numbers of all members of one reading of the model."""
    return np.concatenate([numbers(arm) for arm in a.arms.values() if arm.model == model])


def _score(place: int, arm: ZeroArm) -> Any:
    return arm.scores[place]


def _at_rate(rate: float, arm: ZeroArm) -> Any:
    return arm.deviations[arm.rates == rate]


def _scores(n: findings.Numbers) -> Table:
    rows: list[Row] = []
    for told in n["along"]:
        zero = told["at_zero"].values()
        held = sum(told["statements"].values())
        rows.append(
            [
                told["name"],
                findings.between(list(zero)) if zero else "none",
                percent(told["nearly_all"]),
                fixed(told["with_spread"], 2),
                f"{told['highest']:g}",
                Cell(f"{held} of {n['statements']}", "good" if held == n["statements"] else "neutral"),
            ]
        )
    marks, (low, high) = n["marks"], n["reported"]
    caption = (
        f"Every reading of the score of the same {n['cells']:,} cells of {n['picked']} pairs along β. Hall & Sparks "
        f"report: {low:g} to {high:g} at β = 0, nearly all of at least {marks['nearly_all']:g}, within 0 and 1, rising "
        f"with the spread, a line of t that meets its critical value at {marks['crossing']:g}, and the highest at β = "
        f"{marks['highest']:g}."
    )
    columns = [
        "reading of the score",
        "at β = 0",
        f"at least {marks['nearly_all']:g}",
        "rank correlation with the spread",
        "highest at β",
        "statements that hold",
    ]
    return Table(caption, columns, rows, "lrrrrr")


def _models(a: AtZero) -> Table:
    first = a.names[0]
    rows: list[Row] = []
    for model in a.models:
        for rate in a.rates:
            medians = a.medians(model, rate)
            fits = [name for m, r, name in a.fits if (m, r) == (model, rate)]
            spread = _of_model(a, model, partial(_at_rate, rate)).tolist()
            rows.append(
                [
                    unbroken(model),
                    f"{rate:g}",
                    findings.between(spread),
                    findings.between([float(v[0]) for v in medians.values()]),
                    ", ".join(fits) or "none",
                ]
            )
    caption = (
        f"Readings of the model at β = 0, medians over seeds and the range over tables: spread of the reconstructions, "
        f"the score of {first}, and the readings of the score that lie within what is reported in all tables."
    )
    return Table(caption, ["model", "learning rate", "spread", f"score, {first}", "readings that fit"], rows, "lrrrl")


def cross_entropy(a: CrossEntropy) -> Evidence:
    """What becomes of the cross entropy on every scaling."""
    n = a.as_json()
    return Evidence(findings.cross_entropy(n), [_losses(a, n), _ends(n)])


def _at(clock: FloatArray, steps: FloatArray, loss: FloatArray) -> FloatArray:
    """A history on the steps of all; NaN where it has no record."""
    whole = np.full((len(clock), loss.shape[1]), np.nan)
    whole[np.searchsorted(clock, steps)] = loss
    return whole


def _losses(a: CrossEntropy, n: findings.Numbers) -> Figure:
    clock = np.unique(np.concatenate([arm.steps for arm in a.arms.values()]))
    terms = {unbroken(arm.label): _at(clock, arm.steps, arm.loss) for arm in a.arms.values()}
    figure = histories(terms, clock, unit="nats", clock="step")
    caption = (
        "Cross entropy of training rows along the training, a line a member. Where columns leave 0 to 1 it has no "
        "lower bound; where they do not, it stays above the entropy of the columns."
    )
    return Figure(figure, caption, findings.cross_entropy(n))


def _ends(n: findings.Numbers) -> Table:
    rows: list[Row] = []
    for arm in [*n["arms"].values(), n["squared"]]:
        rows.append(
            [
                unbroken(arm["label"]),
                percent(arm["outside"]),
                number(arm["loss"]),
                "none" if arm["floor"] is None else number(arm["floor"]),
                "none" if arm["collapse"] is None else fixed(arm["collapse"], 2),
                f"{arm['alive']:g} and " + ("none" if arm["dead"] is None else f"{arm['dead']:g}"),
            ]
        )
    caption = (
        "Losses at the end of the training (medians), the least that any model can have, and the β beyond which a "
        "linear VAE has nothing left, beside the last β alive and the first dead. The last row is the squared error."
    )
    columns = ["loss", "outside 0 to 1", "at the end", "least possible", "predicted β", "alive and dead"]
    return Table(caption, columns, rows, "lrrrrr")
