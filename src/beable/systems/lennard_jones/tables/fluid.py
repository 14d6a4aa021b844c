"""Tables of the fluid itself: data, equilibrium, samples beside it, exact averages."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from beable.console.columns import column
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.page import Cell, Table
from beable.systems.lennard_jones.findings import GROUP, PERCENT, many, minus, percent, way
from beable.systems.lennard_jones.parts.equilibrium import Equilibrium
from beable.systems.lennard_jones.parts.exact import Exact
from beable.systems.lennard_jones.parts.generation import ASKED, Drawn, Generated, enough
from beable.systems.lennard_jones.tables.columns import Row, by_columns, measured, over, percents

FAR = 1000.0  # ε off equilibrium from which on overlaps decide


# Data


def levels(store: Store) -> list[Table]:
    """The numbers of a data set by level; nothing where it was not assessed."""
    found = store.assessment.get("levels", [])
    if not found:
        return []
    rows = by_columns(
        [
            column(level["gravity"] for level in found),
            column(level["temperature"] for level in found),
            [f"{level['rows']:,}" for level in found],
            [f"{level['samples']:,.0f}" for level in found],
            _measured(found, "energy"),
            _measured(found, "height"),
        ]
    )
    columns = ["γ", "T", "rows", "independent samples", "mean U (ε)", "mean height ⟨y⟩ (σ)"]
    return [
        Table("The data, level by level; standard errors in brackets, in the last digits.", columns, rows, "rrrrrr")
    ]


def _measured(found: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return measured([level.get(name) for level in found], [level.get(f"{name}_error") for level in found])


# Equilibrium


def energies_by_protocol(a: Equilibrium) -> Table:
    """Mean energies and heights of both protocols."""
    ours = a.ours["levels"]
    by_gravity = {level["gravity"]: level for level in a.theirs["levels"]}
    theirs = [by_gravity.get(level["gravity"], {}) for level in ours]
    quantities = [_measured(side, name) for name in ("energy", "height") for side in (ours, theirs)]
    columns = [[f"{level['gravity']:g}" for level in ours], *quantities]
    heads = ["γ", "U, long runs (ε)", f"U, protocol of {GROUP}", "⟨y⟩, long runs (σ)", f"⟨y⟩, protocol of {GROUP}"]
    caption = "Mean energy and mean height of a particle; standard errors in brackets, in the last digits."
    return Table(caption, heads, by_columns(columns), "rrrrr")


def checks(a: Equilibrium) -> Table:
    """Every check of both protocols."""
    ours, theirs = a.ours["checks"], {_check_name(c): c for c in a.theirs["checks"]}
    rows = [_check_row(c, theirs.get(_check_name(c)), a.ours["threshold"], a.theirs["threshold"]) for c in ours]
    caption = (
        "Checks of equilibrium: what is found with its standard error in brackets, and how many standard errors that "
        f"is off what holds for any fluid in equilibrium; a check fails below p = {number(a.ours['threshold'])}; ? "
        "passed, but too vague to mean much."
    )
    heads = ["check", "holds", "long runs", "off by", f"protocol of {GROUP}", "off by"]
    return Table(caption, heads, rows, "lrrrrr")


def _check_name(check: Mapping[str, Any]) -> str:
    return f"{check['name']}, {' and '.join(level.split(',')[0] for level in check['levels'])}"


def _check_row(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None, level: float, other: float) -> Row:
    found = [*_judged(ours, level), *(_judged(theirs, other) if theirs else ["–", "–"])]
    return [_check_name(ours), minus(f"{ours['expected']:.4g}"), *found]


def _judged(check: Mapping[str, Any], threshold: float) -> Row:
    (value,) = measured([check["value"]], [check["error"]])
    verdict = "miss" if check["p"] < threshold else "good" if check["sharp"] else "unsure"
    return [value, Cell("–" if check["z"] is None else minus(f"{check['z']:.1f}"), verdict)]


def reasons(judged: Mapping[str, Any]) -> list[str]:
    """Why a set is not in equilibrium, or why it cannot be told."""
    return [minus(str(reason)) for reason in judged["reasons"]]


# Samples


def samples_table(a: Generated) -> Table:
    """Every way to draw samples beside equilibrium, by the worst γ and training."""
    worst = [d.worst for d in a.drawn.values()]
    rows = by_columns(
        [
            [*map(way, a.drawn), "Monte Carlo in equilibrium"],
            [*(_asked(w["apart"], w["rows"]) for w in worst), *percents([_least(a, "apart")])],
            [*(_asked(w["inside"], w["rows"]) for w in worst), *percents([_least(a, "inside")])],
            [*percents((w["contacts"] for w in worst), 0), "100"],
            *([*(_off(w["energy_off"][sweeps]) for w in worst), "0.0"] for sweeps in ("10", "100")),
        ]
    )
    caption = (
        f"Samples as decoded, {worst[0]['rows']:,} at each γ; the worst γ{_and_training(worst[0]['trainings'])}. "
        f"✓ above {percent(ASKED, 0)}, ? cannot be told. Contacts in percent of those in equilibrium; U: mean energy "
        "off equilibrium after sweeps of Monte Carlo."
    )
    columns = ["samples", "no overlap (%)", "in the box (%)", "contacts (%)", "U off, 10 sweeps (ε)", "100 sweeps (ε)"]
    return Table(caption, columns, rows, "lrrrrr")


def _and_training(trainings: int) -> str:
    return "" if trainings == 1 else f" and training of {trainings}"


def _off(energy: float) -> str:
    """A mean energy off equilibrium; where particles still overlap only how large it is at least."""
    return number(energy) if math.isnan(energy) else f"{energy:.1f}" if energy <= FAR else f"> {FAR:,.0f}"


def _asked(share: float, rows: int) -> Cell:
    verdict = {True: "good", False: "miss", None: "unsure"}[enough(share, rows).answer]
    return Cell(percent(share).removesuffix(PERCENT), verdict)


def _least(a: Generated, name: str) -> float:
    some = next(iter(a.drawn.values()))
    return min(float(getattr(members[0].equilibrium, name)) for members in some.judged.values())


def decoded_table(a: Generated) -> Table:
    """Samples as they are decoded, at each γ."""
    every = [(name, level) for name, d in a.drawn.items() for level in d.as_json()["levels"]]
    rows = by_columns(
        [
            [way(name) for name, _ in every],
            [f"{level['gravity']:g}" for _, level in every],
            percents(level["apart"] for _, level in every),
            percents(level["inside"] for _, level in every),
            [f"{level['contacts']:.1f}" for _, level in every],
            [f"{level['contacts_equilibrium']:.1f}" for _, level in every],
            [f"{level['height']:.2f}" for _, level in every],
            [f"{level['height_equilibrium']:.2f}" for _, level in every],
        ]
    )
    columns = [
        "samples",
        "γ",
        "no overlap (%)",
        "in box (%)",
        "contacts",
        "in equilibrium",
        "⟨y⟩ (σ)",
        "equilibrium ⟨y⟩",
    ]
    return Table(f"Samples as they are decoded; {_over(a)}.", columns, rows, "lrrrrrrr")


def relaxed_table(a: Generated) -> Table:
    """Samples after sweeps of Monte Carlo, at each γ."""
    every = [(name, level) for name, d in a.drawn.items() for level in d.as_json()["levels"]]
    rows = by_columns(
        [
            [way(name) for name, _ in every],
            [f"{level['gravity']:g}" for _, level in every],
            percents(level["apart_after"]["10"] for _, level in every),
            *([minus(f"{level['energy_difference_after'][s]:+,.2f}") for _, level in every] for s in ("10", "100")),
            [f"{level['jsd_after']['10']:.2f}" for _, level in every],
            [f"{level['jsd_floor']:.2f}" for _, level in every],
        ]
    )
    caption = (
        f"Samples after sweeps of Monte Carlo; {_over(a)}. Jensen–Shannon distance of the energies from equilibrium, "
        "and what two samples of this size from one law are apart."
    )
    columns = ["samples", "γ", "no overlap, 10 (%)", "U off, 10 (ε)", "U off, 100 (ε)", "energies, 10", "by chance"]
    return Table(caption, columns, rows, "lrrrrrr")


def _over(a: Generated) -> str:
    return over(trainings_of(next(iter(a.drawn.values()))))


def trainings_of(drawn: Drawn) -> int:
    return len(next(iter(drawn.judged.values())))


# Exact averages


def gains_table(a: Exact) -> Table:
    """What moves along the latents gain, at each γ."""
    found = a.as_json()["levels"]
    accepted = [level["walks"]["tuned moves, latent moves"]["accepted"] for level in found]
    rows = by_columns(
        [
            [f"{level['gravity']:g}" for level in found],
            percents(accepted, 0),
            [f"{level['ratio_to_tuned']:.2f}" for level in found],
            [f"{level['ratio_to_small']:.2f}" for level in found],
            [f"{level['fewer_rounds_than_small']:.2f}" for level in found],
            [Cell(f"{level['worst_z']:.1f}", _exact(level["worst_z"], a)) for level in found],
        ]
    )
    columns = [
        "γ",
        "accepted (%)",
        "per second, to tuned",
        "per second, to small",
        "fewer rounds than small",
        "off (s.e.)",
    ]
    caption = (
        "Moves along the latents: share accepted beside tuned moves; independent samples a CPU second over those of "
        "tuned and of small moves; times fewer rounds than small moves; the mean furthest off, in standard errors."
    )
    return Table(caption, columns, rows, "rrrrrr")


def _exact(z: float, a: Exact) -> str:
    return "good" if z <= a.as_json()["largest_z"] else "miss"


def walks_table(a: Exact) -> Table:
    """Every kind of chain at every γ."""
    every = [(g, name, walk) for g, walks in a.walks.items() for name, walk in walks.items()]
    rows = by_columns(
        [
            [f"{g:g}" for g, _, _ in every],
            [name for _, name, _ in every],
            [f"{w.height.time:.1f}{'' if w.height.reliable else ' *'}" for _, _, w in every],
            [f"{w.height.samples_per_second:,.0f}" for _, _, w in every],
            measured((w.height.mean for _, _, w in every), (w.height.mean_error for _, _, w in every)),
            [f"{a.means[g][2]:.3f}" for g, _, _ in every],
            measured((w.energy.mean for _, _, w in every), (w.energy.mean_error for _, _, w in every)),
            [minus(f"{a.means[g][0]:.2f}") for g, _, _ in every],
        ]
    )
    caption = (
        "Chains of rounds of ten sweeps, with and without five moves along the latents: rounds τ in which ⟨y⟩ "
        "decorrelates (* where the chains are too short to tell), independent samples a CPU second, and means beside "
        "those of the data."
    )
    columns = ["γ", "moves", "τ of ⟨y⟩", "samples a s", "⟨y⟩ (σ)", "data ⟨y⟩", "U (ε)", "data U"]
    return Table(caption, columns, rows, "llrrrrrr")


def annealed_table(a: Exact) -> Table:
    """The weighted draws beside the data."""
    found, means = a.annealed, a.means[a.gravity]
    energy, height = (measured([found[name]["mean"]], [found[name]["error"]])[0] for name in ("energy", "height"))
    row = [f"{a.gravity:g}", str(found["steps"]), f"{found['effective']:.0f} of {found['rows']}", energy,
           minus(f"{means[0]:.2f}"), height, f"{means[2]:.3f}"]  # fmt: skip
    caption = (
        f"Draws carried to the fluid along a path, with weights, and drawn anew by these on the way; they descend from "
        f"{many(found['ancestors'], 'first draw')}, so that their standard errors are too small."
    )
    columns = ["γ", "steps", "effective size", "U (ε)", "data U", "⟨y⟩ (σ)", "data ⟨y⟩"]
    return Table(caption, columns, [row], "rrrrrrr")
