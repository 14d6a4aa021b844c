r"""Lennard-Jones units and back: lengths in σ, energies in ε, masses in m.

.. math:: T^* = \frac{k_B T}{\varepsilon}, \qquad \gamma = \frac{m g \sigma}{\varepsilon}, \qquad
    \rho^* = \rho \sigma^3
"""

from dataclasses import dataclass

from scipy.constants import Boltzmann, atomic_mass, g

from beable.checks import number, positive


@dataclass(frozen=True)
class Substance:
    """A substance whose atoms attract each other as Lennard-Jones.

    Args:
        sigma: σ, in m.
        epsilon: ε, in J.
        mass: m of a particle, in kg.

    >>> f"{ARGON.gravity():.3g}", round(ARGON.temperature(0.75), 1)
    ('1.34e-13', 89.9)
    """

    sigma: float
    epsilon: float
    mass: float

    def __post_init__(self) -> None:
        for name in ("sigma", "epsilon", "mass"):
            positive(name, getattr(self, name))

    def gravity(self, acceleration: float = g) -> float:
        """γ of an acceleration in m/s²."""
        return self.mass * number("acceleration", acceleration) * self.sigma / self.epsilon

    def acceleration(self, gravity: float) -> float:
        """The acceleration of γ, in m/s²."""
        return gravity * self.epsilon / (self.mass * self.sigma)

    def temperature(self, reduced: float) -> float:
        """The temperature of T*, in K."""
        return float(reduced * self.epsilon / Boltzmann)

    def length(self, reduced: float) -> float:
        """A length of so many σ, in m."""
        return reduced * self.sigma

    def energy(self, reduced: float) -> float:
        """An energy of so many ε, in J."""
        return reduced * self.epsilon


#: argon, as in the textbooks
ARGON = Substance(sigma=3.405e-10, epsilon=119.8 * Boltzmann, mass=39.948 * atomic_mass)
