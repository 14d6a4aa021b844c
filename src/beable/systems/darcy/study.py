"""The parts of the Darcy studies: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.darcy import page
from beable.systems.darcy.parts.mixture import mixture
from beable.systems.darcy.parts.trust import trust

PARTS = {
    "mixture": Part(
        mixture,
        page.mixture_evidence,
        roles={"judged": "many"},
        counts=("disentangled", "over_regularised"),
        linear=True,
        of_runs=page.mixture_sections,
    ),
    "trust": Part(
        trust,
        page.trust_evidence,
        roles={"judged": "many"},
        options={"identified": ["mixture", "uniform"]},
    ),
}
