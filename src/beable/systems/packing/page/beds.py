"""The simulated beds, and the powders of the study's table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beable.console.columns import bracketed, fixed, power, with_errors
from beable.datasets.store import Store
from beable.report.page import Evidence, Figure, Fold, Item, Table
from beable.systems.packing import findings
from beable.systems.packing.figures.beds import (
    close_packing,
    coordination_histogram,
    packing_profiles,
    size_distribution,
)
from beable.systems.packing.figures.spheres import packings
from beable.systems.packing.page.cells import Row, verdict_cell
from beable.systems.packing.parts.beds import FINE_SHARE, PUBLISHED, ROUNDING, Beds, RepeatedBed

PICTURED = (1.0, 2.0, 5.0, 10.0)
FINE = f"{FINE_SHARE:.0%}".replace("%", " %")


def data_items(store: Store) -> list[Item]:
    """The sizes of a powder of the middle of the table."""
    values = np.asarray(store.read("packing_fraction", store.valid_rows), float)
    middle = int(store.valid_rows[int(np.argsort(values)[len(values) // 2])])
    sizes, phi = _sizes(store, middle), float(np.sort(values)[len(values) // 2])
    shares = ", ".join(f"{100 * share:.0f} %" for share in store.read("mass_fraction", [middle])[0])
    return [
        Figure(
            size_distribution(sizes),
            f"Sizes of one of the {len(values):,} powders of the table (Hall & Sparks, figure 1); its packing fraction "
            f"is {phi:.3f}. A component is lognormal by mass, cut at two spreads.",
            f"A powder of {len(sizes)} components with {shares} of the mass packs to {phi:.3f}.",
        )
    ]


def _sizes(store: Store, row: int) -> dict[str, Any]:
    """Mass per ln d of each component of a row, at diameters."""
    median, spread, share = (store.read(name, [row])[0] for name in ("median", "spread", "mass_fraction"))
    z = np.linspace(-2, 2, 81)
    bell = np.exp(-(z**2) / 2)
    return {
        f"component {i + 1}": (m * np.exp(s * z), f * bell / (np.trapezoid(bell, z) * s))
        for i, (m, s, f) in enumerate(zip(median, spread, share, strict=True))
    }


def beds(a: Beds) -> Evidence:
    """Beds of powders that others know."""
    n = a.as_json()
    two = {f"1:{ratio:g}": bed for ratio, bed in a.two_sizes.items()}
    wide = _by_spread(a.lognormal)
    folds = [
        Fold("Pictures of beds", [], [_pictures(a)]),
        Fold("Packing fraction against height", [], [_profiles(a)]),
        Fold("Contacts of a sphere", [], [_contacts(two)]),
        Fold("All beds", [], [_two_sizes(two), _lognormal(wide)]),
        Fold("Beside published runs of the packing code of Hall & Sparks", [findings.published(n)], [_published(a)]),
    ]
    return Evidence(findings.beds(n), [_estimates(a, n), _checks(n)], folds)


def _estimates(a: Beds, n: findings.Numbers) -> Figure:
    beds = {
        "powders of the table": (a.table["close_packing"], a.table["packing_fraction"], None),
        "two sizes": _against(list(a.two_sizes.values())),
        "lognormal": _against(list(a.lognormal.values())),
    }
    caption = (
        "Dropped beds against the instant estimate of close packing for the same sizes (Farr and Groot, 2009); bars "
        f"are two standard errors. {findings.estimate(n['table'])}"
    )
    correlation = fixed(n["table"]["correlation"], 3)
    alt = f"Packing fractions of dropped beds against the estimate of close packing; correlation {correlation}."
    return Figure(close_packing(beds, simulated="packing fraction of the dropped bed"), caption, alt)


def _against(beds: Sequence[RepeatedBed]) -> tuple[Any, Any, Any]:
    dense = np.array([bed.packed[0].close_packing for bed in beds])
    return dense, np.array([bed.mean for bed in beds]), np.nan_to_num(np.array([bed.error for bed in beds]))


def _checks(n: findings.Numbers) -> Table:
    """What must hold of any bed of dropped spheres."""
    of, known, checks = n["beds"], n["known"], n["checks"]
    ours = bracketed(n["equal"]["packing_fraction"], n["equal"]["standard_error"])
    last = list(n["two_sizes"])[-1]
    rows: list[Row] = [
        ["packing fraction of equal spheres (Jullien and Meakin, 1987)", f"{known['equal']:g}", ours, "equal"],
        ["deepest overlap over the sum of the radii", f"below {power(ROUNDING)}", power(of["overlap"]), "overlap"],
        ["spheres that could still move down", "0", f"{of['unsupported']:,} of {of['spheres']:,}", "support"],
        [
            f"packing fraction rises with the ratio of two sizes, {FINE} fine by volume",
            "rises",
            f"{fixed(n['two_sizes']['1']['packing_fraction'], 3)} at 1:1, "
            f"{fixed(n['two_sizes'][last]['packing_fraction'], 3)} at 1:{last}",
            "rising",
        ],
    ]
    caption = "What is known of dropped spheres, and ours; standard errors of the last digits in brackets."
    told: list[Row] = [[*row[:3], verdict_cell(checks[str(row[3])])] for row in rows]
    return Table(caption, ["check", "known", "ours", "does it hold?"], told, "lrrl")


def _pictures(a: Beds) -> Figure:
    shown = {f"1:{r:g}": a.two_sizes[r] for r in a.two_sizes if r in PICTURED}
    phi = ", ".join(f"{name} packs to {fixed(bed.packed[0].packing_fraction, 3)}" for name, bed in shown.items())
    return Figure(
        packings(
            {name: bed.packed[0].bed for name, bed in shown.items()}, names=("fine", "coarse"), height=1, alike="boxes"
        ),
        f"Beds of two sizes, {FINE} fine by volume, cut to cubes; the first seed of each. Sides are periodic; bars are "
        "lengths in fine diameters.",
        f"Cubes cut from beds of two sizes: {phi}.",
    )


def _profiles(a: Beds) -> Figure:
    beds = {f"1:{r:g}": a.two_sizes[r] for r in a.two_sizes if r in PICTURED}
    figure = packing_profiles(
        {name: (bed.profile.z, bed.profile.total, _parts(bed)) for name, bed in beds.items()},
        slabs={name: (bed.packed[0].slab.low, bed.packed[0].slab.high) for name, bed in beds.items()},
        label="height (fine diameters)",
    )
    values = ", ".join(f"{fixed(bed.packed[0].packing_fraction, 3)} at {name}" for name, bed in beds.items())
    caption = (
        "Packing fraction against height, the first seed. It is measured between the dotted lines, away from floor and "
        "top."
    )
    return Figure(figure, caption, f"Between floor and top the packing fraction stays level: {values}.")


def _by_spread(beds: Mapping[float, RepeatedBed]) -> dict[str, RepeatedBed]:
    return {f"{spread:g}": bed for spread, bed in beds.items()}


def _parts(bed: RepeatedBed) -> dict[str, Any]:
    parts = bed.profile.by_component
    return {} if len(parts) < 2 else dict(zip(("fine", "coarse"), parts, strict=True))


def _contacts(two: Mapping[str, RepeatedBed]) -> Figure:
    few = {name: two[name].contacts.astype(float) for name in list(two)[:2]}
    means = ", ".join(f"{fixed(float(counts.mean()), 2)} at {name}" for name, counts in few.items())
    caption = "Contacts of a sphere. Each rests on three others, so that away from floor and top the mean is six."
    return Figure(coordination_histogram(few), caption, f"Mean contacts of a sphere: {means}.")


COLUMNS = ["packing fraction", "close packing, estimated", "spheres", "contacts of a sphere", "deepest overlap"]


def _rows(beds: Mapping[str, RepeatedBed]) -> list[list[str]]:
    values, errors = [bed.mean for bed in beds.values()], [bed.error for bed in beds.values()]
    means = with_errors(values, errors) if np.isfinite(errors).all() else [fixed(value, 4) for value in values]
    return [_row(name, mean, bed) for (name, bed), mean in zip(beds.items(), means, strict=True)]


def _row(name: str, mean: str, bed: RepeatedBed) -> list[str]:
    return [
        name,
        mean,
        fixed(bed.packed[0].close_packing, 4),
        f"{len(bed.packed[0].radii):,}",
        fixed(float(bed.contacts.mean()), 2),
        power(bed.overlap),
    ]


def _two_sizes(beds: Mapping[str, RepeatedBed]) -> Table:
    caption = f"Two sizes, {FINE} fine by volume; standard errors over beds in brackets."
    return Table(caption, ["ratio of sizes", *COLUMNS], _rows(beds), "rrrrrr")


def _lognormal(beds: Mapping[str, RepeatedBed]) -> Table:
    caption = "One lognormal component, by the deviation of ln d; standard errors over beds in brackets."
    return Table(caption, ["spread", *COLUMNS], _rows(beds), "rrrrrr")


def _published(a: Beds) -> Table:
    caption = (
        "One component by the size rule of Baird, Hall and Sparks (2022), beside published runs of the packing code of "
        "Hall & Sparks."
    )
    rows = [
        [row[0], fixed(PUBLISHED[s], 3), *row[1:3]]
        for s, row in zip(a.published, _rows(_by_spread(a.published)), strict=True)
    ]
    return Table(caption, ["spread", "code of Hall & Sparks", "ours", "close packing, estimated"], rows, "rrrr")
