"""Flows whose permeability has more and more modes (figure 2 of Jacobsen & Duraisamy)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.console.numbers import number
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.darcy.kle_fields import MODES, KleFields, kle_fields


@dataclass(frozen=True)
class FieldsOfModes:
    """One row for each number of modes.

    Args:
        fields: permeability, pressure and flux.
        roughness: root mean square of the slope of the logarithm of each permeability, per side of the square.
    """

    fields: KleFields
    roughness: NDArray[np.float64]

    def as_json(self) -> dict[str, Any]:
        """Modes and roughness."""
        return dict(plain({"modes": self.fields.modes, "roughness": self.roughness}))

    @property
    def claims(self) -> list[Claim]:
        """That fields gain detail with the number of modes."""
        rough = ", ".join(number(r) for r in self.roughness)
        rises = bool((np.diff(self.roughness) > 0).all())
        shown = f"{', '.join(f'{p:,}' for p in self.fields.modes)} modes"
        why = f"root mean square slope of log K per side: {rough}"
        words = "samples of 2, 10, 100 and 1,000 modes gain detail (figure 2)"
        return [Claim("2", words, shown, rough, None, REPRODUCED if rises else DIFFERS, why)]


def fields_of_modes(context: Context) -> FieldsOfModes:
    """The first row of normal factors with 2, 10, 100 and 1,000 modes, or as many as the grid has nodes."""
    settings = {k: v for k, v in context.study.data.settings.items() if k in ("grid", "scheme", "length")}
    grid = int(settings.get("grid", 65))
    found = kle_fields([p for p in MODES if p <= grid**2], **settings)
    return FieldsOfModes(found, np.array([_roughness(k, found.x) for k in np.log(found.permeability)]))


def _roughness(log_permeability: NDArray[np.floating], x: NDArray[np.floating]) -> float:
    slopes = np.gradient(log_permeability.astype(np.float64), x, x)
    return float(np.sqrt(sum((slope**2).mean() for slope in slopes)))
