r"""Pair potentials u(r²) in reduced units.

.. math:: u_\mathrm{LJ} = 4 (r^{-12} - r^{-6}), \qquad u_\mathrm{fake} = 4 (r^{-4} - r^{-2})

Both are :math:`4 q (q - 1)` with :math:`q = r^{-2p}`, p = 3 and 1, which is all that the kernel of `monte_carlo` needs
to know of them. The fake one is that of the Lennard-Jones study of LCP-B group 9, University of Padova (2023).

A potential of the user's own is a numba function of r². Numba makes vector instructions of 1/r2**6, not of r2**-6.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError, unknown

Floats = NDArray[np.float64]
#: least r² that a potential of the user is asked for: 1/r² must not overflow
NEAREST2 = 1e-12
PROBED = np.geomspace(NEAREST2, 1e4, 400)
OF_THE_USER = -1
#: seconds that two energies of a pair take in compiled code, roughly
PAIR_SECONDS = 2e-9


@dataclass(frozen=True)
class PairPotential:
    """A pair potential.

    Args:
        name: of a built-in one, or "module:function".
        exponent: p of the built-in ones, 0 for no interaction, ``OF_THE_USER``.
        energy: u of an array of r².
        pair: numba function of the user, of one r².
    """

    name: str
    exponent: int
    energy: Callable[[Floats], Floats]
    pair: Any = None


def _power(p: int) -> Callable[[Floats], Floats]:
    def energy(r2: Floats) -> Floats:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            q = 1 / (r2 if p == 1 else r2 * r2 * r2)  # a power would round differently at the end of an array
            return np.asarray(np.where(np.isinf(q), np.inf, 4 * q * (q - 1)))

    return energy


POTENTIALS = {
    "lennard-jones": PairPotential("lennard-jones", 3, _power(3)),
    "fake": PairPotential("fake", 1, _power(1)),
    "none": PairPotential("none", 0, np.zeros_like),
}


def pair_potential(choice: object) -> PairPotential:
    """The potential of a name in ``POTENTIALS``, of "module:function", or of a numba function itself.

    Raises:
        UsageError: neither, or a function that is not a number at some distance.

    >>> round(float(pair_potential("lennard-jones").energy(np.array(2 ** (1 / 3)))), 12)
    -1.0
    """
    if isinstance(choice, str) and choice in POTENTIALS:
        return POTENTIALS[choice]
    if isinstance(choice, str) and ":" not in choice:
        raise unknown("potential", choice, [*POTENTIALS, "module:function"])
    function = _imported(choice) if isinstance(choice, str) else choice
    return _users(function)


def _imported(name: str) -> object:
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"potential {name}: {error}: give the module and name of a numba function") from None


def _users(function: Any) -> PairPotential:
    from numba.extending import is_jitted

    plain = function.py_func if is_jitted(function) else function
    if not isinstance(plain, FunctionType):
        raise UsageError(f"potential must be a name or a numba function of r², not {function!r}")
    return _compiled(plain)


@cache
def _compiled(plain: Any) -> PairPotential:
    """The potential of a function, once, so that all its simulators share a kernel."""
    from numba import njit, vectorize

    name = f"{plain.__module__}:{plain.__qualname__}"
    if plain.__module__ == "__main__" or "<" in plain.__qualname__:
        raise UsageError(f"potential {name}: other processes cannot import it: put it at the top of a module")
    pair = njit(error_model="numpy")(plain)
    compiled: Any = vectorize
    energy = compiled(nopython=True)(plain)
    _check(name, energy)
    return PairPotential(name, OF_THE_USER, lambda r2: np.asarray(energy(np.maximum(r2, NEAREST2))), pair)


def _check(name: str, energy: Callable[[Floats], Floats]) -> None:
    """Refuse a potential that cannot be computed, or is not a number somewhere."""
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(energy(PROBED), np.float64)
    except Exception as error:
        raise UsageError(f"potential {name}: {_reason(error)}: numba must be able to compile it for all r²") from None
    bad = PROBED[np.isnan(values)]
    if bad.size:
        raise UsageError(f"potential {name} is not a number at r² = {bad[0]:.3g}: give one that is, or infinity")


def _reason(error: Exception) -> str:
    """The line of a message that says most: compilers put it second."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[1] if lines[0].startswith("Failed in") and len(lines) > 1 else lines[0]


@dataclass(frozen=True)
class Bonds:
    r"""Bonds between neighbours of a chain: a finitely extensible spring and a repulsive core.

    .. math:: u = -\tfrac12 k R^2 \ln(1 - r^2/R^2) + \big[4 (r^{-12} - r^{-6}) + 1\big]_{r < 2^{1/6}}

    Kremer and Grest (1990). Bonded neighbours do not feel the pair potential.

    Args:
        stiffness: k, in ε/σ².
        length: R, the length at which a bond breaks, in σ.
    """

    stiffness: float = 30.0
    length: float = 1.5

    def energy(self, r2: Floats) -> Floats:
        """u of an array of r²; infinite beyond R."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            spring = -0.5 * self.stiffness * self.length**2 * np.log(1 - r2 / self.length**2)
            core = np.where(r2 < 2 ** (1 / 3), _power(3)(r2) + 1, 0.0)
            return np.asarray(np.where(r2 < self.length**2, spring + core, np.inf))
