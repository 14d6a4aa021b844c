"""The parts of the Darcy studies: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.darcy import page
from beable.systems.darcy.pages import landscapes as lines
from beable.systems.darcy.pages import latents as shown
from beable.systems.darcy.pages import trainings
from beable.systems.darcy.parts.fields_of_modes import fields_of_modes
from beable.systems.darcy.parts.growth import growth
from beable.systems.darcy.parts.landscapes import landscapes
from beable.systems.darcy.parts.latents import latents
from beable.systems.darcy.parts.law import law
from beable.systems.darcy.parts.mixture import mixture
from beable.systems.darcy.parts.paths import paths
from beable.systems.darcy.parts.points import points
from beable.systems.darcy.parts.rotation import rotations
from beable.systems.darcy.parts.rows import rows
from beable.systems.darcy.parts.seeds import seeds
from beable.systems.darcy.parts.shipped_trust import shipped_trust
from beable.systems.darcy.parts.trust import trust

_LATENTS = Part(
    latents,
    shown.scatter_evidence,
    roles={"judged": "many"},
    options={"figure": "15", "gaps": False},
    counts=("disentangled", "over_regularised"),
    linear=True,
)

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
    "paths": Part(paths, lines.paths_evidence, roles={"drifting": "one", "others": "many"}),
    "points": Part(points, lines.points_evidence, roles={"points": "one"}),
    "rotation": Part(
        rotations,
        lines.rotation_evidence,
        roles={"invariant": "one", "anisotropic": "one", "hierarchical": "one", "mixture": "many"},
    ),
    "growth": Part(growth, trainings.growth_evidence, roles={"dense": "many", "modes": "one"}),
    "rows": Part(rows, trainings.rows_evidence, roles={"ours": "one", "theirs": "many", "feedback": "one"}),
    "reconstruction": _LATENTS._replace(section=shown.reconstruction_evidence),
    "posterior": _LATENTS._replace(section=shown.posterior_evidence),
    "scatter": _LATENTS,
    "turned": _LATENTS._replace(section=shown.turned_evidence),
    "law": Part(law, trainings.law_evidence, roles={"judged": "many"}, options={"members": 16}),
    "seeds": Part(seeds, trainings.seeds_evidence, roles={"judged": "many"}),
    "shipped-trust": Part(shipped_trust, trainings.shipped_trust_evidence, roles={"judged": "many"}),
}
