r"""Darcy flow through a log-normal permeability between two wells.

.. math::
    \log K = m + \sigma \sum_{i=1}^p \sqrt{\lambda_i}\, \theta_i\, \phi_i, \qquad
    \nabla \cdot u = f, \quad u = -K \nabla p, \quad u \cdot n = 0, \quad \int p = 0

on the unit square. The factors are the coefficients θ of the Karhunen–Loève expansion (`karhunen_loeve`), drawn from
a law p(θ) (`factor_laws`). Fluid enters at the rate r per area in a square of width w at the corner (0, 0) and
leaves at the same rate at (1, 1). The equations are discretised by `finite_volumes` or, as in the source, by
`finite_differences`. All quantities are dimensionless.

C. Jacobsen and K. Duraisamy, *Disentangling generative factors of physical fields using variational autoencoders*,
Frontiers in Physics 10 (2022) 890910, section 3.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import ndtri

from beable import memory
from beable.checks import array
from beable.errors import DataError, UsageError
from beable.simulator import Factor, FloatArray, Simulator, Variable
from beable.streams import RowStreams
from beable.systems.darcy.factor_laws import FactorLaw, factor_law
from beable.systems.darcy.finite_differences import FiniteDifferences
from beable.systems.darcy.finite_volumes import FiniteVolumes, face_fluxes, outflow
from beable.systems.darcy.karhunen_loeve import KarhunenLoeve, karhunen_loeve
from beable.systems.darcy.settings import DarcySettings
from beable.systems.darcy.square_grid import Field, dual_norm, lengths, nodes, volumes
from beable.workers import one_thread


class Scheme(Protocol):
    """The discrete equations of one permeability field (n, n) and one source (n, n)."""

    def pressure(self) -> Field:
        """The solution p, (n, n)."""

    def flux(self, pressure: Field) -> Field:
        """The flux density u, (2, n, n)."""

    def imbalance(self, pressure: Field) -> Field:
        """What is left of the equations, integrated over control volumes, (n, n)."""


SCHEMES: dict[str, Callable[[Field, Field], Scheme]] = {
    "conservative": FiniteVolumes,
    "jacobsen": FiniteDifferences,
}

TOLERANCE = 1e-8
#: numbers per node that the factors of the equations take
SOLVER = 60
#: designs reach to 4.3 standard deviations
OUTERMOST = (1e-5, 1 - 1e-5)

HOPELESS = {"relative_residual": np.inf, "mass_balance_defect": np.inf}


def _whole_nodes(n: int, width: float) -> Field:
    """1 for each node in [0, width], 0 for the others."""
    return np.where(nodes(n) <= width * (1 + 1e-12), 1.0, 0.0)


def _shares(n: int, width: float) -> Field:
    """Share of the control interval of each node that lies in [0, width]."""
    h = 1 / (n - 1)
    return np.clip((width - np.maximum(nodes(n) - h / 2, 0)) / (h * lengths(n)), 0, 1)


WELL_EDGES: dict[str, Callable[[int, float], Field]] = {"nodes": _whole_nodes, "cells": _shares}


class Flow(NamedTuple):
    """The solution for one permeability field, in double precision.

    Args:
        pressure: p at the nodes, (n, n), with mean zero.
        flux: u at the nodes, (2, n, n).
        relative_residual: what is left of the discrete equations, as a share of the source; in the dual norm.
        mass_balance_defect: share of the injected fluid that is lost or made up on its way between control volumes.
    """

    pressure: Field
    flux: Field
    relative_residual: float
    mass_balance_defect: float


class Darcy(Simulator):
    """Darcy flow between two wells through a log-normal permeability field.

    Args:
        **settings: those of `DarcySettings`, by name.

    Raises:
        UsageError: a setting that is unknown or invalid.

    >>> simulator = Darcy(grid=17, factors="mixture")
    >>> streams = RowStreams(seed=0, start=0, rows=3)
    >>> snapshots = simulator.simulate(simulator.draw(streams), streams)
    >>> snapshots["flux"].shape
    (3, 2, 17, 17)
    >>> bool((snapshots["relative_residual"] < 1e-12).all())
    True
    """

    name = "darcy"

    Settings = DarcySettings
    settings: DarcySettings

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.modes, self.grid = self.settings.modes, self.settings.grid
        if self.modes > self.grid**2:
            raise UsageError(f"modes must be at most {self.grid**2} on a grid of {self.grid} nodes, not {self.modes}")
        memory.refuse(
            f"{self.modes:,} modes on {self.grid:,} x {self.grid:,} nodes",
            8 * self.grid**2 * (self.modes + SOLVER),
            "choose a smaller grid",
        )
        self.law: FactorLaw = factor_law(self.settings.factors, self.modes, self.settings.of_law)
        self.settle(**self.law.options())

    @property
    def factors(self) -> tuple[Factor, ...]:
        low, high = self.law.support
        return tuple(Factor(f"theta_{i}", rf"\theta_{{{i}}}", "1", low, high) for i in range(1, self.modes + 1))

    @property
    def design_dimensions(self) -> int:
        return self.modes

    def design(self, unit: FloatArray) -> FloatArray:
        """Normal quantiles where the law has no bounds, whatever the law: designs look beyond the data."""
        low, high = self.law.support
        if np.isfinite([low, high]).all():
            return np.asarray(low + (high - low) * unit)
        return np.asarray(ndtri(np.clip(unit, *OUTERMOST)))

    @property
    def variables(self) -> tuple[Variable, ...]:
        nodal, shape = ("x", "y"), (self.grid, self.grid)
        return (
            Variable("permeability", nodal, shape, long_name="permeability"),
            Variable("pressure", nodal, shape, long_name="pressure"),
            Variable("flux", ("component", *nodal), (2, *shape), long_name="Darcy flux", components=("x", "y")),
            Variable("relative_residual", (), (), long_name="relative residual", diagnostic=True, dtype="float64"),
            Variable("mass_balance_defect", (), (), long_name="mass-balance defect", diagnostic=True, dtype="float64"),
        )

    @property
    def coordinates(self) -> Mapping[str, tuple[FloatArray, str]]:
        return {"x": (nodes(self.grid), "1"), "y": (nodes(self.grid), "1")}

    @cached_property
    def expansion(self) -> KarhunenLoeve:
        """The modes of log K for mean 0 and variance 1."""
        s = self.settings
        return karhunen_loeve(s.modes, s.grid, s.length, s.quadrature, s.orientation)

    @cached_property
    def source(self) -> Field:
        """The source f at the nodes, (n, n)."""
        inside = WELL_EDGES[self.settings.well_edge](self.grid, self.settings.well)
        well = np.multiply.outer(inside, inside)
        return self.settings.rate * (well - well[::-1, ::-1])

    def constants(self) -> Mapping[str, FloatArray]:
        """Eigenvalues (p,), modes (p, x, y), their symmetry (p, 3) as the record of orientation, source (x, y).

        All in double precision: what the rows were computed from, to the last bit.
        """
        kle = self.expansion
        return {
            "eigenvalues": kle.eigenvalues,
            "modes": kle.modes,
            "symmetry": kle.symmetry,
            "source": self.source,
        }

    def draw(self, streams: RowStreams) -> FloatArray:
        return self.law.draw(streams)

    def permeability(self, theta: Field) -> Field:
        """The permeability K at the nodes (n, n) of one row of factors θ (p,); infinite where it overflows."""
        with np.errstate(over="ignore", under="ignore"):
            field: Field = np.exp(self.settings.mean + np.sqrt(self.settings.variance) * self.expansion.field(theta))
        return field

    def solve(self, permeability: Field) -> Flow:
        """The flow through a permeability field K > 0 at the nodes, (n, n), in double precision.

        Raises:
            DataError: the field has the wrong shape, is not finite and positive, or has contrasts too strong for
                floating-point numbers.
        """
        field = _shaped("permeability", permeability, (self.grid, self.grid))
        _check_positive(field)
        try:
            return self._solve(field)
        except np.linalg.LinAlgError as error:
            raise DataError(
                "permeability varies too strongly: the equations are singular in double precision"
            ) from error

    def _solve(self, permeability: Field) -> Flow:
        equations = SCHEMES[self.settings.scheme](permeability, self.source)
        pressure = equations.pressure()
        injected = self.source * volumes(self.grid)
        lost = outflow(face_fluxes(permeability, pressure)) - injected
        return Flow(
            pressure,
            equations.flux(pressure),
            dual_norm(equations.imbalance(pressure)) / dual_norm(injected),
            float(abs(lost).sum() / abs(injected).sum()),
        )

    def simulate(self, values: FloatArray, streams: RowStreams) -> dict[str, FloatArray]:
        """Snapshots of factors θ (rows, p); nothing is drawn.

        A row fails if its relative residual is above ``TOLERANCE`` or a number is beyond single precision.

        Raises:
            DataError: factors of the wrong shape, or not finite.
        """
        del streams
        theta = array("factors", values)
        if theta.ndim != 2 or theta.shape[1] != self.modes:
            raise DataError(f"factors must have shape (rows, {self.modes}), not {theta.shape}")
        snapshots: dict[str, FloatArray] = {
            variable.name: np.full((len(theta), *variable.shape), np.nan, variable.dtype) for variable in self.variables
        }
        with one_thread():
            for i, row in enumerate(theta):
                for name, numbers in self._snapshot(row).items():
                    snapshots[name][i] = numbers
        return snapshots

    def _snapshot(self, theta: Field) -> Mapping[str, FloatArray | float]:
        """Variables of one row; of a failed one the diagnostics alone."""
        permeability = self.permeability(theta)
        if not _single(permeability) or permeability.min() < np.finfo(np.float32).tiny:
            return HOPELESS
        try:
            flow = self._solve(permeability)
        except np.linalg.LinAlgError:
            return HOPELESS
        if not (_single(flow.pressure) and _single(flow.flux)):
            return HOPELESS
        diagnostics = {"relative_residual": flow.relative_residual, "mass_balance_defect": flow.mass_balance_defect}
        if not flow.relative_residual <= TOLERANCE:
            return diagnostics
        return {"permeability": permeability, "pressure": flow.pressure, "flux": flow.flux, **diagnostics}

    def residual(self, snapshot: Mapping[str, FloatArray]) -> float:
        r"""The larger of two relative violations: of the balance of mass by the pressure, and of u = -K ∇p by the flux.

        .. math:: \max\Big( \frac{\|\text{imbalance}(K, p)\|_{-1}}{\|f\|_{-1}},\;
                              \frac{\|u - u(K, p)\|}{\|u(K, p)\|} \Big)

        with the equations of the simulator's own scheme. Storing in single precision leaves a few millionths.

        Raises:
            DataError: a variable is missing, of the wrong shape, not finite, or a permeability not positive.
        """
        shapes = {variable.name: variable.shape for variable in self.variables if not variable.diagnostic}
        missing = [name for name in shapes if name not in snapshot]
        if missing:
            raise DataError(f"a snapshot must hold {', '.join(shapes)}; this one lacks {', '.join(missing)}")
        permeability, pressure, flux = (_shaped(name, snapshot[name], shape) for name, shape in shapes.items())
        _check_positive(permeability)
        with one_thread():
            equations = SCHEMES[self.settings.scheme](permeability, self.source)
            expected = equations.flux(pressure)
            left = dual_norm(equations.imbalance(pressure)) / dual_norm(self.source * volumes(self.grid))
        return max(left, float(np.linalg.norm(flux - expected) / (np.linalg.norm(expected) or 1.0)))


def _single(numbers: Field) -> bool:
    """Whether all numbers fit into single precision."""
    return bool(np.abs(numbers).max() <= np.finfo(np.float32).max)


def _shaped(name: str, values: FloatArray, shape: tuple[int, ...]) -> Field:
    field = array(name, values)
    if field.shape != shape:
        raise DataError(f"{name} must have shape {shape}, not {field.shape}")
    return field


def _check_positive(permeability: Field) -> None:
    if permeability.min() <= 0:
        raise DataError("permeability must be positive everywhere")
