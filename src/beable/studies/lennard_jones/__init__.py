"""What the parts of the Lennard-Jones study measure. `MEASURES` holds them by name."""

from collections.abc import Callable

from beable.studies.context import Answer, Context
from beable.studies.lennard_jones.anomaly import anomaly
from beable.studies.lennard_jones.equilibrium import equilibrium
from beable.studies.lennard_jones.exact import exact
from beable.studies.lennard_jones.generation import generation
from beable.studies.lennard_jones.latent import latent
from beable.studies.lennard_jones.probing import probing
from beable.studies.lennard_jones.reconstruction import reconstruction
from beable.studies.lennard_jones.representations import representations
from beable.studies.lennard_jones.size_beta import size_beta

MEASURES: dict[str, Callable[[Context], Answer]] = {
    "equilibrium": equilibrium,
    "latent": latent,
    "size-beta": size_beta,
    "representations": representations,
    "reconstruction": reconstruction,
    "anomaly": anomaly,
    "probing": probing,
    "generation": generation,
    "exact": exact,
}
