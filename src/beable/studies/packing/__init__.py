"""What the parts of the packing study measure. `MEASURES` holds them by name."""

from collections.abc import Callable

from beable.studies.context import Answer, Context
from beable.studies.packing.artefact import artefact
from beable.studies.packing.beds import beds
from beable.studies.packing.beta import beta
from beable.studies.packing.calibrated import calibrated
from beable.studies.packing.decoded_rows import decoded_rows
from beable.studies.packing.design import design

MEASURES: dict[str, Callable[[Context], Answer]] = {
    "packing-beta": beta,
    "spread-artefact": artefact,
    "decoded-rows": decoded_rows,
    "calibrated": calibrated,
    "beds": beds,
    "packing-design": design,
}
