"""How the parts of the packing study are shown: the sentence that answers, what shows it, and the rest in folds."""

from beable.systems.packing.page.beds import beds, data_items
from beable.systems.packing.page.beta import beta
from beable.systems.packing.page.designs import design, design_limits
from beable.systems.packing.page.models import calibrated, decoded_rows
from beable.systems.packing.page.readings import at_zero, cross_entropy
from beable.systems.packing.page.unrelated import artefact
from beable.systems.packing.page.wide import wide

__all__ = [
    "artefact",
    "at_zero",
    "beds",
    "beta",
    "calibrated",
    "cross_entropy",
    "data_items",
    "decoded_rows",
    "design",
    "design_limits",
    "wide",
]
