"""The parts of the Lennard-Jones study: what each measures and how a page shows it."""

from beable.studies.part import Part
from beable.systems.lennard_jones import page
from beable.systems.lennard_jones.parts.anomaly import anomaly
from beable.systems.lennard_jones.parts.equilibrium import equilibrium
from beable.systems.lennard_jones.parts.exact import exact
from beable.systems.lennard_jones.parts.generation import generation
from beable.systems.lennard_jones.parts.latent import latent
from beable.systems.lennard_jones.parts.probing import probing
from beable.systems.lennard_jones.parts.reconstruction import reconstruction
from beable.systems.lennard_jones.parts.representations import representations
from beable.systems.lennard_jones.parts.size_beta import size_beta

PARTS = {
    "equilibrium": Part(equilibrium, page.equilibrium_items),
    "latent": Part(latent, page.latent_items),
    "size-beta": Part(size_beta, page.size_beta_items),
    "representations": Part(representations, page.representations_items),
    "reconstruction": Part(reconstruction, page.reconstruction_items),
    "anomaly": Part(anomaly, page.anomaly_items),
    "probing": Part(probing, page.probing_items),
    "generation": Part(generation, page.generation_items),
    "exact": Part(exact, page.exact_items),
}
