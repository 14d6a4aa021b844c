"""The parts of the Darcy studies: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.darcy import page
from beable.systems.darcy.pages import beyond as further
from beable.systems.darcy.pages import landscapes as lines
from beable.systems.darcy.parts.beyond import beyond
from beable.systems.darcy.parts.fields_of_modes import fields_of_modes
from beable.systems.darcy.parts.isotropic import isotropic
from beable.systems.darcy.parts.landscapes import landscapes
from beable.systems.darcy.parts.mixture import mixture
from beable.systems.darcy.parts.paths import paths
from beable.systems.darcy.parts.points import points
from beable.systems.darcy.parts.rotation import rotations
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
    "fields-of-modes": Part(fields_of_modes, lines.modes_evidence),
    "landscapes": Part(landscapes, lines.landscapes_evidence, roles={"trained": "one"}, options={"directions": 1000}),
    "paths": Part(paths, lines.paths_evidence, roles={"good": "one", "other": "one", "drifting": "one"}),
    "points": Part(points, lines.points_evidence, roles={"points": "one"}),
    "rotation": Part(
        rotations,
        lines.rotation_evidence,
        roles={"invariant": "one", "anisotropic": "one", "hierarchical": "one", "mixture": "many"},
    ),
    "beyond": Part(
        beyond,
        further.beyond_evidence,
        roles={"judged": "many", "axes": "many"},
        options={"judged": ""},
        linear=True,
    ),
    "isotropic": Part(
        isotropic, further.isotropic_evidence, roles={"judged": "many"}, options={"draws": 8}, linear=True
    ),
}
