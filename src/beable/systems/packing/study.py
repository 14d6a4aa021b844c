"""The parts of the packing study: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.packing import page
from beable.systems.packing.parts.artefact import artefact
from beable.systems.packing.parts.beds import beds
from beable.systems.packing.parts.beta import beta
from beable.systems.packing.parts.calibrated import calibrated
from beable.systems.packing.parts.decoded_rows import decoded_rows
from beable.systems.packing.parts.design import design

PARTS = {
    "packing-beta": Part(beta, page.beta_items),
    "spread-artefact": Part(artefact, page.artefact_items),
    "decoded-rows": Part(decoded_rows, page.decoded_rows_items),
    "calibrated": Part(calibrated, page.calibrated_items),
    "beds": Part(beds, page.beds_items),
    "packing-design": Part(design, page.design_items),
}
