"""What the scores of Hall and Sparks (2023) say of numbers that have nothing to do with each other."""

from dataclasses import dataclass
from typing import Any

from beable.metrics.agreement import critical_t
from beable.records import fields, plain
from beable.studies.context import Context
from beable.systems.packing.nmi_spread import (
    HALF,
    HIGH,
    SMALL,
    Artefact,
    Chance,
    chance_of_good_parity,
    spread_artefact,
)
from beable.systems.packing.parity_cells import LEVEL


@dataclass(frozen=True)
class ArtefactAnswer:
    """Independent numbers, and collapsed models.

    Args:
        means_equal: scores against spread where both columns have one mean.
        means_apart: the same with means a gap apart.
        chance: how often cells of collapsed models look like agreement.
    """

    means_equal: Artefact
    means_apart: Artefact
    chance: Chance

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        marks = {"high": HIGH, "small": SMALL, "half": HALF, "level": LEVEL, "critical_t": self.critical}
        return plain(fields(self) | {"marks": marks})

    @property
    def critical(self) -> float:
        """t beyond which two samples of a cell differ."""
        return critical_t(2 * self.means_equal.rows - 2)


def artefact(context: Context) -> ArtefactAnswer:
    """Options of the part: draws (of each spread), studies (of 27 cells), gap (of the means)."""
    draws, gap, seed = context.option("draws"), context.option("gap"), context.study.data.seed
    return ArtefactAnswer(
        spread_artefact(draws=draws, rng=seed),
        spread_artefact(gap=gap, draws=draws, rng=seed),
        chance_of_good_parity(gap, studies=context.option("studies"), rng=seed),
    )
