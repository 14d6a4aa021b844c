"""Anomalous configurations: which score notices which, how small a displacement is noticed, which particle it was."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.anomaly import AnomalyTable, anomaly_table
from beable.studies.context import Context
from beable.systems.lennard_jones.anomaly import (
    Attribution,
    DisplacementCurve,
    attribution,
    detectors,
    displacement_curve,
)
from beable.systems.lennard_jones.corruptions import SOURCE_BLOCKS, moved, source_size, uniform
from beable.systems.lennard_jones.imputation import Missing, recover_blocks
from beable.systems.lennard_jones.parts.rows import first, fluid, held, trained

FloatArray = NDArray[np.floating]
SIZES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.83)
CURVES = ("distortion", "rate", "loss", "residual", "energy", "mahalanobis")


@dataclass(frozen=True)
class Anomaly:
    """Tables of every arm.

    Args:
        tables: scores against kinds of anomalous rows, by arm.
        curve: of the first arm, against the size of a displacement.
        attribution: of the first arm, on the source's displacements.
        labels: of the arms.
        missing: hidden blocks of distance matrices, by block (first, length), of the arm that learns distances.
        shown: one configuration of each kind.
        moved: which particles of the shown displaced one were moved.
        share: of the distortion, by each of its particles.
        box: L.
    """

    tables: dict[str, AnomalyTable]
    curve: DisplacementCurve
    attribution: Attribution
    labels: dict[str, str]
    missing: dict[tuple[int, int], Missing]
    shown: dict[str, FloatArray]
    moved: NDArray[np.bool_]
    share: FloatArray
    box: float

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        arms = {arm: table.as_json() for arm, table in self.tables.items()}
        hidden = {f"{first}+{length}": m.as_json() for (first, length), m in self.missing.items()}
        return {
            "arms": arms,
            "curve": self.curve.as_json(),
            "attribution": self.attribution.as_json(),
            "missing": hidden,
        }


def anomaly(context: Context) -> Anomaly:
    """Scores by every arm but the last; displacements and attribution by the first, hidden blocks by the last."""
    system, limit = fluid(context), context.option("rows", 2000)
    box, seed = system.boxes[0], context.study.data.seed
    *judged, matrices = context.arms
    runs = {arm.name: context.run(arm.name) for arm in judged}
    main = next(iter(runs.values()))
    normal, others = held(context, main, limit), held(context, main, limit, last=True)
    shifted = moved(others["positions"], source_size(box, system.dimensions), rng=seed)
    displaced = {**others, "positions": shifted.positions.astype(np.float32)}
    anomalous = {
        "γ = 3": first(context.further("unseen"), limit),
        "fake potential": first(context.further("fake"), limit),
        "uniform": {
            "positions": uniform(limit, system.particles, system.dimensions, box, seed).astype(np.float32),
            "gravity": others["gravity"][:limit],
        },
        "four particles moved": displaced,
    }
    tables, fitted = {}, {}
    for name, run in runs.items():
        fitted[name] = detectors(run, trained(context, run, limit))
        tables[name] = anomaly_table(fitted[name], normal, anomalous)
    curve = displacement_curve(next(iter(fitted.values())), normal, others, SIZES, seed=seed)
    found = attribution(main, displaced, shifted.moved)
    return Anomaly(
        tables,
        curve,
        found,
        {arm.name: arm.label for arm in context.arms},
        _missing(context, matrices.name),
        {"ordinary": normal["positions"][0]} | {kind: rows["positions"][0] for kind, rows in anomalous.items()},
        shifted.moved[0],
        found.share.mean(0)[0],
        box,
    )


def _missing(context: Context, arm: str) -> dict[tuple[int, int], Missing]:
    """The source's blocks, taken from distance matrices."""
    run = context.run(arm)
    rows = held(context, run, context.option("hidden_rows", 200))
    found = recover_blocks(run, rows, SOURCE_BLOCKS, trained(context, run, 4000))
    return dict(zip(SOURCE_BLOCKS, found, strict=True))
