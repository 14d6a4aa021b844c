"""The parts of the Darcy studies: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.darcy import page
from beable.systems.darcy.pages import beyond as further
from beable.systems.darcy.pages import labels as labelled
from beable.systems.darcy.pages import landscapes as lines
from beable.systems.darcy.pages import latents as shown
from beable.systems.darcy.pages import priors, trainings
from beable.systems.darcy.parts.ablation import ablation
from beable.systems.darcy.parts.beyond import beyond
from beable.systems.darcy.parts.equation_28 import equation_28
from beable.systems.darcy.parts.fields_of_modes import fields_of_modes
from beable.systems.darcy.parts.growth import growth
from beable.systems.darcy.parts.isotropic import isotropic
from beable.systems.darcy.parts.labelled_posterior import labelled_posterior
from beable.systems.darcy.parts.labels import correlated_labels, label_limits, labels
from beable.systems.darcy.parts.landscapes import landscapes
from beable.systems.darcy.parts.latents import latents
from beable.systems.darcy.parts.law import law
from beable.systems.darcy.parts.mixture import mixture
from beable.systems.darcy.parts.over_regularisation import over_regularisation
from beable.systems.darcy.parts.paths import paths
from beable.systems.darcy.parts.points import points
from beable.systems.darcy.parts.rotation import rotations
from beable.systems.darcy.parts.rows import rows
from beable.systems.darcy.parts.seeds import seeds
from beable.systems.darcy.parts.shipped_trust import shipped_trust
from beable.systems.darcy.parts.three_factors import three_factors
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
        long=True,
    ),
    "trust": Part(
        trust,
        page.trust_evidence,
        roles={"judged": "many"},
        options={"identified": ["mixture", "uniform"]},
    ),
    "fields-of-modes": Part(fields_of_modes, lines.modes_evidence),
    "landscapes": Part(
        landscapes, lines.landscapes_evidence, roles={"trained": "one"}, options={"directions": 1000}, long=True
    ),
    "paths": Part(paths, lines.paths_evidence, roles={"drifting": "one", "others": "many"}),
    "points": Part(points, lines.points_evidence, roles={"points": "one"}),
    "rotation": Part(
        rotations,
        lines.rotation_evidence,
        roles={"invariant": "one", "anisotropic": "one", "hierarchical": "one", "mixture": "many"},
    ),
    "ablation": Part(
        ablation,
        priors.ablation_evidence,
        roles={
            "judged": "many",
            **dict.fromkeys(("first", "drifting", "hierarchical", "rectified", "standard"), "one"),
        },
        counts=("disentangled", "over_regularised"),
        long=True,
    ),
    "over-regularisation": Part(
        over_regularisation,
        priors.over_evidence,
        roles={"phases": "many", "starts": "many", "betas": "many", "source": "one", "restarted": "one"},
        counts=("over_regularised",),
    ),
    "three-factors": Part(
        three_factors,
        priors.three_evidence,
        roles={"hierarchical": "one", "gaussian": "one", "others": "many"},
        counts=("disentangled", "over_regularised"),
    ),
    "labels": Part(
        labels,
        labelled.label_evidence,
        roles={"anisotropic": "one", "standard": "one", "without": "one", "seen": "one"},
    ),
    "equation-28": Part(
        equation_28,
        labelled.equation_28_evidence,
        roles={"labels": "one"},
        options={"rates": [0.003, 0.001, 0.0003], "steps": 2000, "number": 64},
    ),
    "labelled-posterior": Part(
        labelled_posterior, labelled.posterior_evidence, roles={"trained": "one"}, options={"number": 6}
    ),
    "label-limits": Part(label_limits, labelled.limits_evidence, roles={"noise": "one", "one": "one"}),
    "correlated-labels": Part(correlated_labels, labelled.correlated_evidence, roles={"labelled": "one"}),
    "beyond": Part(
        beyond,
        further.beyond_evidence,
        roles={"judged": "many", "axes": "many"},
        options={"judged": ""},
        linear=True,
        long=True,
    ),
    "isotropic": Part(
        isotropic, further.isotropic_evidence, roles={"judged": "many"}, options={"draws": 8}, linear=True
    ),
    "growth": Part(growth, trainings.growth_evidence, roles={"dense": "many", "modes": "one"}),
    "rows": Part(rows, trainings.rows_evidence, roles={"ours": "one", "theirs": "many", "feedback": "one"}),
    "reconstruction": _LATENTS._replace(section=shown.reconstruction_evidence),
    "posterior": _LATENTS._replace(section=shown.posterior_evidence),
    "scatter": _LATENTS,
    "turned": _LATENTS._replace(section=shown.turned_evidence),
    "law": Part(law, trainings.law_evidence, roles={"judged": "many"}, options={"members": 16}, long=True),
    "seeds": Part(seeds, trainings.seeds_evidence, roles={"judged": "many"}),
    "shipped-trust": Part(shipped_trust, trainings.shipped_trust_evidence, roles={"judged": "many"}),
}
