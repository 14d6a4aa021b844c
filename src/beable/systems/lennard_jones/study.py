"""The parts of the Lennard-Jones study: what each measures, what it takes and how a page shows it."""

from beable.studies.part import Part
from beable.systems.lennard_jones import page, page_decks
from beable.systems.lennard_jones.parts.anomaly import anomaly
from beable.systems.lennard_jones.parts.conditional import conditional
from beable.systems.lennard_jones.parts.coordinates import coordinate_ways
from beable.systems.lennard_jones.parts.equilibrium import equilibrium
from beable.systems.lennard_jones.parts.exact import exact
from beable.systems.lennard_jones.parts.generation import generation
from beable.systems.lennard_jones.parts.grids import grids
from beable.systems.lennard_jones.parts.latent import latent
from beable.systems.lennard_jones.parts.matrices import matrices
from beable.systems.lennard_jones.parts.patterns import patterns
from beable.systems.lennard_jones.parts.probing import probing
from beable.systems.lennard_jones.parts.proposals import proposals
from beable.systems.lennard_jones.parts.reconstruction import reconstruction
from beable.systems.lennard_jones.parts.representations import representations
from beable.systems.lennard_jones.parts.size_beta import size_beta
from beable.systems.lennard_jones.parts.space import three_dimensions

PARTS = {
    "equilibrium": Part(equilibrium, page.equilibrium, options={"followed": 64}, datasets=("source-protocol",)),
    "matrices": Part(
        matrices,
        page.matrices,
        roles={"best": "one", "others": "many"},
        options={"rows": 1000, "probed_rows": 4000, "probes": ["logistic"]},
        long=True,
    ),
    "latent": Part(latent, page.latent, roles={"judged": "many"}, options={"rows": 4000, "probes": ["logistic"]}),
    "size-beta": Part(size_beta, page.size_beta, roles={"sizes": "many"}, options={"rows": 2000}),
    "representations": Part(
        representations,
        page.representations,
        roles={"judged": "many"},
        options={"rows": 2000, "samples": 500},
    ),
    "reconstruction": Part(
        reconstruction,
        page.reconstruction,
        roles={"matrices": "one", "decoded": "many"},
        options={"rows": 400},
    ),
    "anomaly": Part(
        anomaly,
        page.anomaly,
        roles={"main": "one", "others": "many", "matrices": "one", "images": "one"},
        options={"rows": 2000, "hidden_rows": 200},
        datasets=("unseen", "fake"),
        long=True,
    ),
    "patterns": Part(patterns, page.patterns, roles={"probed": "one"}, options={"rows": 1000, "samples": 200}),
    "probing": Part(probing, page.probing, roles={"probed": "one"}, options={"rows": 2000}),
    "generation": Part(
        generation,
        page.generation,
        libraries={"zuko": "flows"},
        roles={"main": "one", "others": "many"},
        options={"samples": 1000, "reference": 8000, "mixture_rows": 8000, "flow_steps": 600},
        long=True,
    ),
    "conditional": Part(
        conditional,
        page.conditional,
        roles={"main": "one"},
        options={"samples": 1000, "reference": 16000},
        datasets=("other-gravities",),
    ),
    "grids": Part(grids, page_decks.grids, roles={"judged": "many"}, options={"rows": 1000}),
    "coordinate-ways": Part(
        coordinate_ways,
        page_decks.coordinate_ways,
        roles={"matrices": "many", "heads": "many"},
        options={"rows": 400, "trained_rows": 8000, "steps": 2000},
    ),
    "three-dimensions": Part(
        three_dimensions,
        page_decks.three_dimensions,
        roles={"judged": "many"},
        options={"samples": 500, "reference": 1024},
    ),
    "proposals": Part(
        proposals,
        page_decks.proposals,
        libraries={"zuko": "flows"},
        roles={"proposals": "one"},
        options={
            "gravity": 0.4,
            "draws": 20000,
            "reference": 40000,
            "sizes": [5, 10, 20],
            "sweeps": 2500,
            "flow_rows": 10000,
            "flow_steps": 1500,
            "rounds": 100,
        },
        long=True,
    ),
    "exact": Part(
        exact,
        page.exact,
        roles={"proposals": "one"},
        options={
            "reference": 16000,
            "rounds": 100,
            "latent_rounds": 100,
            "annealed_at": 0.4,
            "annealing_steps": 100,
            "draws": 64,
        },
        long=True,
    ),
}
