"""Find the hidden factors behind simulation data with variational autoencoders, and say how far to trust them.

This is a table of contents: a name or module is imported when it is first used, so that ``import beable`` is quick.

    simulator  →  store  →  representation  →  ensemble of VAEs  →  run  →  measures  →  report
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beable.analysis.evaluation import Evaluation, evaluate
    from beable.analysis.imputation import impute
    from beable.datasets.generate import generate
    from beable.datasets.store import Store
    from beable.design.search import find_designs
    from beable.errors import BeableError
    from beable.metrics.context import score_in_context
    from beable.representations import Fields, Modes, Representation
    from beable.simulator import Factor, Simulator, Variable
    from beable.studies.run import run_study
    from beable.studies.study import Study
    from beable.system import SYSTEMS
    from beable.systems.darcy.simulator import Darcy
    from beable.systems.lennard_jones.simulator import LennardJones, pair_energy
    from beable.systems.packing.simulator import Packing, close_packing_estimate, pack
    from beable.training.run import Run, train
    from beable.training.settings import RunSettings, TrainingSettings
    from beable.vae.objectives import elbo
    from beable.vae.priors import Prior
    from beable.vae.settings import ModelSettings, ObjectiveSettings
    from beable.vae.vae import VAE

    __version__: str

_CONTENTS = {
    "beable.analysis.evaluation": ("Evaluation", "evaluate"),
    "beable.analysis.imputation": ("impute",),
    "beable.design.search": ("find_designs",),
    "beable.datasets.generate": ("generate",),
    "beable.datasets.store": ("Store",),
    "beable.errors": ("BeableError",),
    "beable.metrics.context": ("score_in_context",),
    "beable.vae.objectives": ("elbo",),
    "beable.vae.priors": ("Prior",),
    "beable.representations": ("Fields", "Modes", "Representation"),
    "beable.simulator": ("Factor", "Simulator", "Variable"),
    "beable.studies.run": ("run_study",),
    "beable.studies.study": ("Study",),
    "beable.system": ("SYSTEMS",),
    "beable.systems.darcy.simulator": ("Darcy",),
    "beable.systems.lennard_jones.simulator": ("LennardJones", "pair_energy"),
    "beable.systems.packing.simulator": ("Packing", "close_packing_estimate", "pack"),
    "beable.training.run": ("Run", "train"),
    "beable.training.settings": ("RunSettings", "TrainingSettings"),
    "beable.vae.settings": ("ModelSettings", "ObjectiveSettings"),
    "beable.vae.vae": ("VAE",),
}
_HOME = {name: module for module, names in _CONTENTS.items() for name in names}
_MODULES = (
    "analysis",
    "checks",
    "datasets",
    "design",
    "errors",
    "files",
    "memory",
    "metrics",
    "records",
    "references",
    "report",
    "representations",
    "settings",
    "simulator",
    "streams",
    "studies",
    "system",
    "systems",
    "training",
    "vae",
    "verdicts",
)

__all__ = [
    "SYSTEMS",
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
    "impute",
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
