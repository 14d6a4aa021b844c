"""The parts of the packing study: what each measures, what it takes and how a page shows it."""

from beable.studies.part import Part
from beable.systems.packing import page
from beable.systems.packing.parts.artefact import artefact
from beable.systems.packing.parts.at_zero import at_zero
from beable.systems.packing.parts.beds import RATIOS, SPREADS, beds
from beable.systems.packing.parts.beta import beta
from beable.systems.packing.parts.calibrated import calibrated
from beable.systems.packing.parts.cross_entropy import cross_entropy
from beable.systems.packing.parts.decoded_rows import decoded_rows
from beable.systems.packing.parts.design import design
from beable.systems.packing.parts.design_limits import design_limits
from beable.systems.packing.parts.wide import wide
from beable.systems.packing.wide_sizes import RUNGS

CELLS = {"rows": 2000, "picked": 25, "recomputed": 25, "repeats": 199, "trees": 100}

PARTS = {
    "packing-beta": Part(
        beta,
        page.beta,
        roles={"judged": "many", "pictured": "one"},
        options=CELLS | {"sample": True, "trend_betas": [], "planes": [], "plane_rows": 600},
        long=True,
    ),
    "at-zero": Part(
        at_zero,
        page.at_zero,
        roles={"read": "many", "along": "many"},
        options={"rows": 2000, "picked": 25, "trees": 100, "betas": []},
    ),
    "cross-entropy": Part(
        cross_entropy,
        page.cross_entropy,
        roles={"judged": "many", "squared": "one"},
        options={"rows": 2000},
    ),
    "spread-artefact": Part(artefact, page.artefact, options={"draws": 40, "gap": 0.01, "studies": 20}),
    "decoded-rows": Part(
        decoded_rows,
        page.decoded_rows,
        roles={"without": "one", "with": "one"},
        options={"rows": 2000, "trees": 100},
    ),
    "calibrated": Part(calibrated, page.calibrated, roles={"judged": "many"}, options=CELLS),
    "beds": Part(
        beds,
        page.beds,
        options={"spheres": 20_000, "seeds": 4, "ratios": list(RATIOS), "spreads": list(SPREADS)},
    ),
    "wide-sizes": Part(
        wide,
        page.wide,
        options={
            "rungs": list(RUNGS),
            "held": 40.0,
            "wide": [60.0, 100.0, 200.0],
            "fine": [0.2, 0.27, 0.35],
            "beds": 2,
        },
    ),
    "packing-design": Part(
        design,
        page.design,
        options={
            "targets": [0.6, 0.62, 0.64, 0.66],
            "tolerance": 0.01,
            "calls": 40,
            "wanted": 8,
            "seeds": 1,
            "min_coarse_spheres": 40,
        },
        long=True,
    ),
    "design-limits": Part(
        design_limits,
        page.design_limits,
        options={
            "target": 0.66,
            "tolerance": 0.01,
            "calls": 40,
            "seeds": 1,
            "min_coarse_spheres": 40,
            "diversities": [0.0, 0.05, 0.2, 0.5, 1.0, 3.0],
            "prices": [1.0, 3.0, 12.0],
            "limits": [12.0, 5.0, 3.0, 2.0],
            "second": "bulk_volume_fraction.max",
            "within": [0.34, 0.5],
        },
        long=True,
    ),
}
