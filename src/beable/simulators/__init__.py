"""The floor of the simulators: physics only. `SIMULATORS` holds them by name."""

from beable.simulators.darcy import Darcy
from beable.simulators.lennard_jones import LennardJones
from beable.simulators.packing import Packing
from beable.simulators.simulator import Factor, Simulator, Variable

SIMULATORS: dict[str, type[Simulator]] = {"darcy": Darcy, "lennard-jones": LennardJones, "packing": Packing}

__all__ = ["SIMULATORS", "Darcy", "Factor", "LennardJones", "Packing", "Simulator", "Variable"]
