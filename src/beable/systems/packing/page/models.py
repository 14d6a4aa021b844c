"""Calibrated models, and models that learned output of an auto-encoder."""

from collections.abc import Sequence

from beable.console.columns import fixed, percent
from beable.report.page import Evidence, Figure, Fold, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.parity_grid import parity_grid
from beable.systems.packing.page.cells import Row, unbroken
from beable.systems.packing.parts.calibrated import Calibrated, CalibratedArm
from beable.systems.packing.parts.decoded_rows import DecodedRowsAnswer

COMPONENTS = 5


def decoded_rows(a: DecodedRowsAnswer) -> Evidence:
    """What decoded rows look like, and what they do."""
    n = a.as_json()
    what = Fold("What the decoded rows are", [findings.decoded_table(n)], [_components(a)])
    return Evidence(findings.decoded_rows(n), [_with_and_without(n)], [what])


def _with_and_without(n: findings.Numbers) -> Table:
    rows: list[Row] = []
    for arm in n["arms"].values():
        m = arm["medians"]
        rows.append(
            [
                unbroken(arm["label"]),
                f"{arm['rows']:,}",
                fixed(m["rate"], 1),
                fixed(m["squared_error"], 4),
                fixed(m["r2"], 3),
                fixed(m["r2_decoded"], 3),
            ]
        )
    members = next(iter(n["arms"].values()))["members"]
    caption = (
        f"The same model with and without decoded rows, on {n['rows']:,} designed rows new to both; medians of "
        f"{findings.counted(members, 'training')}."
    )
    columns = ["trained on", "rows", "rate (nats)", "squared error", "R² on designed rows", "R² on decoded rows"]
    return Table(caption, columns, rows, "lrrrrr")


def _components(a: DecodedRowsAnswer) -> Table:
    shares = zip(a.found.variances[:COMPONENTS], a.found.designed_variances[:COMPONENTS], strict=True)
    rows = [[f"{i}", percent(float(x), 1), percent(float(y), 1)] for i, (x, y) in enumerate(shares, 1)]
    return Table(
        "Share of variance by principal component.", ["component", "decoded rows", "designed rows"], rows, "rrr"
    )


def calibrated(a: Calibrated) -> Evidence:
    """Parity on held-out rows, and what the prior makes."""
    n = a.as_json()
    arms = list(n["arms"].values())
    return Evidence(
        findings.calibrated(n),
        [_parity(list(a.arms.values()), n), _models(arms)],
        [Fold("Held-out rows and samples of the prior, by the forest and by the simulator", [], [_judges(arms)])],
    )


def _parity(arms: Sequence[CalibratedArm], n: findings.Numbers) -> Figure:
    """The member nearest the median and the worst of each arm, on the same axes."""
    members = max(len(arm.r2_of_row) for arm in arms)
    rows = row_names(members)
    cells = {
        row: {unbroken(arm.label): (arm.decoded[arm.shown[i]], arm.truth, None) for arm in arms if i < len(arm.shown)}
        for i, row in enumerate(rows)
    }
    notes = {
        row: {unbroken(arm.label): f"member {arm.shown[i] + 1}" for arm in arms if i < len(arm.shown)}
        for i, row in enumerate(rows)
    }
    figure = parity_grid(
        cells,
        notes=notes,
        x_label="decoded packing fraction",
        y_label="packing fraction of the row",
        column="",
    )
    which = {1: "the only training", 2: "both trainings"}.get(
        members, f"of {members} trainings the one nearest the median and the worst"
    )
    caption = (
        f"Packing fractions of held-out rows as decoded, {which}; R² is about the line. All panels have the same axes."
    )
    return Figure(figure, caption, findings.calibrated_figure(n))


def row_names(members: int) -> list[str]:
    """What the members that are drawn are among all.

    >>> row_names(1), row_names(2), row_names(8)
    (['only training'], ['better of 2', 'worse of 2'], ['nearest median', 'worst of 8'])
    """
    if members < 3:
        return [["only training"], ["better of 2", "worse of 2"]][members - 1]
    return ["nearest median", f"worst of {members}"]


def _models(arms: Sequence[findings.Numbers]) -> Table:
    rows: list[Row] = [
        [
            unbroken(arm["label"]),
            f"{fixed(arm['active'], 1)} of {arm['latents']}",
            fixed(arm["rate"], 1),
            f"{fixed(arm['r2_of_row'], 2)} ({fixed(arm['r2_of_row_low'], 2)})",
            fixed(arm["r2_of_oracle"], 2),
            fixed(arm["generated"]["r2"], 2),
        ]
        for arm in arms
    ]
    members = findings.between([arm["members"] for arm in arms])
    caption = (
        f"On held-out rows; medians of {members} trainings, the worst in brackets. R² of the packing fraction: about "
        "that of the row; about that of the powder decoded beside it, by a forest; and the same of samples of the "
        "prior."
    )
    columns = ["model", "active latents", "rate (nats)", "R², row", "R², decoded powder", "R², samples"]
    return Table(caption, columns, rows, "lrrrrr")


def _judges(arms: Sequence[findings.Numbers]) -> Table:
    names = ("reconstructed", "generated", "resimulated", "regenerated")
    rows: list[Row] = []
    for arm in arms:
        r2 = [fixed(arm[name].get("r2"), 2) for name in names]
        more = [percent(arm["spread"]), fixed(arm["r2_of_draws"], 2), fixed(arm["distance"], 2)]
        rows.append([unbroken(arm["label"]), *r2, *more])
    caption = (
        "R² of decoded packing fractions about those of the powders decoded beside them, on the rows of a cell: by a "
        "forest, the median of all members, and by the simulator, the first member. Spread: how much packing fractions "
        "of decoded powders vary, beside those of the rows. Drawn: R² of rows drawn around the decoded ones. Distance: "
        "that of Kolmogorov and Smirnov between packing fractions of samples and of rows."
    )
    columns = [
        "model",
        "held-out, forest",
        "samples, forest",
        "held-out, simulator",
        "samples, simulator",
        "spread",
        "drawn, forest",
        "distance",
    ]
    return Table(caption, columns, rows, "lrrrrrrr")
