"""The floor of the simulators: physics only. `SIMULATORS` holds them by name."""

from beable.simulators.darcy import Darcy
from beable.simulators.simulator import Factor, Simulator, Variable

SIMULATORS: dict[str, type[Simulator]] = {"darcy": Darcy}

__all__ = ["SIMULATORS", "Darcy", "Factor", "Simulator", "Variable"]
