"""Anomalous configurations: which score notices which, how small a displacement is noticed, which particle it was."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.anomaly import AnomalyTable, anomaly_table
from beable.files import plain
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
from beable.training.run import Run

FloatArray = NDArray[np.floating]
SIZES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.83)
CURVES = ("distortion", "rate", "loss", "residual", "energy", "mahalanobis")


@dataclass(frozen=True)
class Anomaly:
    """Tables of every arm.

    Args:
        tables: scores against kinds of anomalous rows, by arm.
        curve: of the main arm, the first of the tables, against the size of a displacement.
        attribution: of the main arm, on the source's displacements.
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
        hidden = {f"{first}+{length}": m for (first, length), m in self.missing.items()}
        found: dict[str, object] = {
            "arms": self.tables,
            "curve": self.curve,
            "attribution": self.attribution,
            "missing": hidden,
            "main": self.main,
            "energy_better": self.energy_better,
        }
        return plain(found)

    @property
    def main(self) -> str:
        """Name of the main arm."""
        return next(iter(self.tables))

    @property
    def energy_better(self) -> int:
        """For how many kinds the energy has a larger AUC than the main arm's distortion."""
        kinds = self.tables[self.main].found.values()
        return sum(by_score["energy"].auc.score > by_score["distortion"].auc.score for by_score in kinds)


def anomaly(context: Context) -> Anomaly:
    """Scores by all arms; displacements and attribution by the main one, hidden blocks by that of matrices."""
    system, limit = fluid(context), context.option("rows")
    box, seed = system.boxes[0], context.study.data.seed
    judged = [context.arm("main"), *context.arms("others")]
    runs = {arm.name: context.run(arm) for arm in judged}
    main = runs[context.arm("main").name]
    normal, others = held(context, main, limit), held(context, main, limit, last=True)
    shifted = moved(others["positions"], source_size(box, system.dimensions), rng=seed)
    displaced = {**others, "positions": shifted.positions.astype(np.float32)}
    anomalous = {
        "γ = 3": first(context.dataset("unseen"), limit),
        "fake potential": first(context.dataset("fake"), limit),
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
    curve = displacement_curve(fitted[context.arm("main").name], normal, others, SIZES, seed=seed)
    found = attribution(main, displaced, shifted.moved)
    return Anomaly(
        tables,
        curve,
        found,
        {arm.name: arm.label for arm in judged},
        _missing(context, context.run(context.arm("matrices"))),
        {"ordinary": normal["positions"][0]} | {kind: rows["positions"][0] for kind, rows in anomalous.items()},
        shifted.moved[0],
        found.share.mean(0)[0],
        box,
    )


def _missing(context: Context, run: Run) -> dict[tuple[int, int], Missing]:
    """The source's blocks, taken from distance matrices."""
    rows = held(context, run, context.option("hidden_rows"))
    found = recover_blocks(run, rows, SOURCE_BLOCKS, trained(context, run, 4000))
    return dict(zip(SOURCE_BLOCKS, found, strict=True))
