"""Find the hidden factors behind simulation data with variational autoencoders, and say how far to trust them.

This is a table of contents: a name or module is imported when it is first used, so that ``import beable`` is quick.

    simulator  →  store  →  representation  →  ensemble of VAEs  →  run  →  measures  →  report
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beable.analysis.evaluation import Evaluation, evaluate
    from beable.analysis.inverse_design import find_designs
    from beable.datasets.generate import generate
    from beable.datasets.store import Store
    from beable.errors import BeableError
    from beable.metrics.context import score_in_context
    from beable.objectives import ObjectiveSettings, elbo
    from beable.priors import Prior
    from beable.representations import Fields, Modes, Representation
    from beable.simulators import SIMULATORS, Darcy, Factor, LennardJones, Packing, Simulator, Variable
    from beable.simulators.lennard_jones import pair_energy
    from beable.simulators.packing import close_packing_estimate, pack
    from beable.studies.run import run_study
    from beable.studies.study import Study
    from beable.training.fit import TrainingSettings
    from beable.training.run import Run, RunSettings, train
    from beable.vae import VAE, ModelSettings

    __version__: str

_CONTENTS = {
    "beable.analysis.evaluation": ("Evaluation", "evaluate"),
    "beable.analysis.inverse_design": ("find_designs",),
    "beable.datasets.generate": ("generate",),
    "beable.datasets.store": ("Store",),
    "beable.errors": ("BeableError",),
    "beable.metrics.context": ("score_in_context",),
    "beable.objectives": ("ObjectiveSettings", "elbo"),
    "beable.priors": ("Prior",),
    "beable.representations": ("Fields", "Modes", "Representation"),
    "beable.simulators": ("SIMULATORS", "Darcy", "Factor", "LennardJones", "Packing", "Simulator", "Variable"),
    "beable.simulators.lennard_jones": ("pair_energy",),
    "beable.simulators.packing": ("close_packing_estimate", "pack"),
    "beable.studies.run": ("run_study",),
    "beable.studies.study": ("Study",),
    "beable.training.fit": ("TrainingSettings",),
    "beable.training.run": ("Run", "RunSettings", "train"),
    "beable.vae": ("VAE", "ModelSettings"),
}
_HOME = {name: module for module, names in _CONTENTS.items() for name in names}
_MODULES = (
    "analysis",
    "datasets",
    "distributions",
    "errors",
    "files",
    "metrics",
    "nn",
    "objectives",
    "physical_terms",
    "priors",
    "report",
    "representations",
    "simulators",
    "streams",
    "studies",
    "training",
    "vae",
)

__all__ = [
    "SIMULATORS",
    "VAE",
    "BeableError",
    "Darcy",
    "Evaluation",
    "Factor",
    "Fields",
    "LennardJones",
    "ModelSettings",
    "Modes",
    "ObjectiveSettings",
    "Packing",
    "Prior",
    "Representation",
    "Run",
    "RunSettings",
    "Simulator",
    "Store",
    "Study",
    "TrainingSettings",
    "Variable",
    "close_packing_estimate",
    "elbo",
    "evaluate",
    "find_designs",
    "generate",
    "pack",
    "pair_energy",
    "run_study",
    "score_in_context",
    "train",
]


def __getattr__(name: str) -> object:
    """Import what is asked for, once."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("beable")
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        return import_module(f"beable.{name}")
    else:
        raise AttributeError(f"module 'beable' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
