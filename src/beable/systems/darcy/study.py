"""The part of the Darcy study: what it measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.darcy import page
from beable.systems.darcy.parts.mixture import mixture

PARTS = {
    "mixture": Part(
        mixture,
        page.mixture_items,
        roles={"judged": "many"},
        counts=("disentangled", "over_regularised"),
        linear=True,
        of_runs=page.mixture_sections,
    ),
}
