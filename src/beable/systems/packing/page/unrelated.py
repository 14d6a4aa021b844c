"""What scores of agreement say of numbers that have nothing to do with each other."""

from typing import Any

import numpy as np

from beable.console.columns import fixed, percent
from beable.report.page import Evidence, Figure, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.trends import scores_against
from beable.systems.packing.nmi_spread import Artefact
from beable.systems.packing.parts.artefact import ArtefactAnswer


def artefact(a: ArtefactAnswer) -> Evidence:
    """Scores of unrelated numbers against their spread, and how often collapsed models look well."""
    n = a.as_json()
    return Evidence(findings.artefact(n), [_curves(a, n), _criteria(n)])


def _curves(a: ArtefactAnswer, n: findings.Numbers) -> Figure:
    apart = f"|t|, means {a.means_apart.gap:g} apart"
    panels = {
        "mutual information, as Hall & Sparks": _by_other(a.means_equal, a.means_equal.nmi),
        "adjusted for chance": _by_other(a.means_equal, a.means_equal.ami),
        apart: _by_other(a.means_apart, a.means_apart.t),
    }
    y = dict(zip(panels, ("normalised mutual information", "adjusted mutual information", "|t|"), strict=True))
    figure = scores_against(
        panels,
        x_label="standard deviation",
        y_label=y,
        fits=False,
        x_scale="log",
        references={apart: [(n["marks"]["critical_t"], "critical")]},
    )
    caption = (
        f"{a.means_equal.rows} pairs of unrelated numbers of three decimals, means of {a.means_equal.draws} draws: "
        "mutual information rises and t falls with their standard deviation alone. Colours: standard deviation of "
        "the other number of each pair."
    )
    return Figure(figure, caption, findings.spread_alone(n))


def _by_other(a: Artefact, values: Any) -> dict[str, Any]:
    """A curve for each standard deviation of the other column."""
    return {f"other: {s:g}": (np.asarray(a.deviations), np.asarray(values)[i]) for i, s in enumerate(a.others)}


def _criteria(n: findings.Numbers) -> Table:
    chance, words = n["chance"], findings.criteria(n)
    rows = [
        [
            words[name],
            percent(share, 1),
            fixed(chance["expected"][name], 1),
            percent(chance["at_least_one"][name]),
        ]
        for name, share in chance["per_cell"].items()
    ]
    studies = findings.counted(chance["studies"], "study", "studies")
    caption = (
        f"Collapsed models, whose reconstructions know nothing of the powder: {studies} of {chance['cells']} cells. "
        "The first criteria are those by which a cell looks well; the last asks what agreement is."
    )
    columns = ["what looks like agreement", "of single cells", "cells a study", "studies with one or more"]
    return Table(caption, columns, rows, "lrrr")
