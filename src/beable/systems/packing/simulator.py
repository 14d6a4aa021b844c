r"""Packings of powders: spheres of any sizes dropped under gravity, and how much of the bulk they fill.

A powder (`powders`) is drawn by number, dropped sphere by sphere (`deposition`) and measured in the bulk of the bed
(`packed_beds`):

.. math:: \phi = \frac{1}{L^2 (z_1 - z_0)} \sum_i |S_i \cap \{z_0 < z < z_1\}|

with the volume of each sphere between two heights in closed form. The instant companion is `close_packing_estimate`,
how dense the same sizes pack at random when shaken (Farr & Groot 2009); a bed dropped grain by grain is looser.

A run means something only if the bed holds enough of its coarsest spheres; one that does not is refused with the
number of spheres that would do. As `Simulator`, a row is a powder of a few lognormal components, and what it fills.
Hall & Sparks (2023) study such a table, made with a code that is not public and by a size rule that is not stated.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.checks import array, count, positive
from beable.console.records import readable
from beable.errors import BeableError, DataError, UsageError
from beable.simulator import Factor, FloatArray, Simulator, Variable
from beable.streams import RowStreams, sobol
from beable.systems.packing.close_packing import close_packing_estimate
from beable.systems.packing.packed_beds import (
    Bed,
    Measured,
    Slab,
    bulk_slab,
    composition,
    packing_fraction,
    times_too_low,
)
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.settings import COARSE, LEAST, MOST, PackingSettings

__all__ = ["Packed", "Packing", "close_packing_estimate", "least_spheres", "pack"]

#: largest radii that a box must be wide, and that it is wide at least if none is given
NARROWEST, WIDE = 6.0, 7.0
#: largest radii that a bed must be high: floor and top leave half of it to measure
HIGH = 18.0
#: height of a bed over its width where nothing forces another
ASPECT = 1.5
#: share of the volume that counts as coarse
COARSE_SHARE = 0.2
#: share of a bed that is measured, at least
MEASURED = 0.4
#: packing fraction that beds are planned with
PLANNED = 0.62
#: how much more than seems needed is dropped when a bed was too low
HIGHER = 1.1
#: sides that an error proposes are rounded to six digits
ROUNDING = 2e-5
#: a deposited bed is looser than close packing of its sizes, and denser than this share of it; 0.86 to 0.91 is found
LOOSEST = 0.8
#: the variables that are factors
DESCRIBED = ("median", "spread", "mass_fraction")


@readable
class Packed(NamedTuple):
    """A powder at rest, and what it fills.

    Args:
        packing_fraction: φ of the bulk.
        standard_error: of φ, as `packed_beds.packing_fraction` finds it from the bed itself.
        positions: centres, x and y in [0, L), (sphere, 3), in the unit of the sizes.
        radii: r, (sphere,).
        box: L, side of the periodic square.
        component: which component each sphere is of, (sphere,).
        slab: heights between which φ is measured.
        composition: share of the solid volume in the slab that each component has, (component,).
        close_packing: what Farr & Groot's estimate gives for random close packing of the same sizes.
        overlap: deepest overlap of two spheres over the sum of their radii; rounding.
    """

    packing_fraction: float
    standard_error: float
    positions: NDArray[np.float64]
    radii: NDArray[np.float64]
    box: float
    component: NDArray[np.intp]
    slab: Slab
    composition: FloatArray
    close_packing: float
    overlap: float

    @property
    def bed(self) -> Bed:
        """The spheres, for the measurements of `packed_beds`."""
        return Bed(self.positions, self.radii, self.box, self.component)


def pack(
    components: "Powder | Component | Mapping[str, object] | Sequence[Component | Mapping[str, object]]",
    spheres: int | None = None,
    rng: int | np.random.Generator = 0,
    *,
    box: float | None = None,
) -> Packed:
    """Drop a powder into a box with a floor and periodic sides, and measure the bulk.

    Args:
        components: sizes and fractions; see `powders.Component`.
        spheres: how many; the fewest that mean something if not given, more where their bed is too low to be measured.
        rng: of sizes, order and places of release.
        box: L, in the unit of the sizes; a bed higher than wide if not given.

    Raises:
        UsageError: an invalid powder.
        DataError: too few spheres, too narrow a box or too wide a range of sizes; the error says what would do.

    Source: after Visscher and Bolsterli, Nature 239, 504 (1972).

    >>> packed = pack([{"median": 1.0}], 2000, 0)
    >>> bool(0.55 < packed.packing_fraction < 0.6)
    True
    """
    powder = components if isinstance(components, Powder) else Powder(_listed(components))
    number = least_spheres(powder) if spheres is None else count("spheres", spheres, least=1)
    side = _side(powder, number) if box is None else positive("box", box)
    _check(powder, number, side)
    source = np.random.default_rng(rng)
    bed, overlap = _at_rest(powder, number, side, source)
    if spheres is None and (times := times_too_low(bed)) > 1:  # it is denser than planned
        bed, overlap = _at_rest(powder, ceil(HIGHER * times * number), side, source)
    slab = bulk_slab(bed)
    measured: Measured = packing_fraction(bed, slab)
    shares = np.zeros(len(powder.components))
    found = composition(bed, slab)
    shares[: len(found)] = found
    dense = close_packing_estimate(*powder.volume_classes())
    return Packed(*measured, bed.positions, bed.radii, side, bed.component, slab, shares, dense, overlap)


def _at_rest(powder: Powder, number: int, side: float, source: np.random.Generator) -> tuple[Bed, float]:
    """Spheres of a powder at rest, and the deepest overlap of two.

    Raises:
        DataError: some did not come to rest.
    """
    from beable.systems.packing.deposition import deposit

    drawn = powder.draw(number, source)
    deposited = deposit(drawn.radii, side, source)
    if len(deposited.stuck):
        raise DataError(
            f"{len(deposited.stuck)} of {number} spheres did not come to rest: give another rng, and report it"
        )
    return Bed(deposited.positions, drawn.radii, side, drawn.component), deposited.overlap


def _listed(components: Any) -> Any:
    return [components] if isinstance(components, Component | Mapping) else components


def least_spheres(powder: Powder, coarse: int = COARSE) -> int:
    """The fewest spheres whose packing means something.

    The bed must be high beside its largest sphere, and hold enough of the coarsest spheres, which carry a fifth of
    the volume, in the part that is measured.

    Args:
        powder: whose sizes matter.
        coarse: how many of the coarsest spheres must lie in the bulk.

    Raises:
        DataError: more than can be packed.

    >>> least_spheres(Powder([{"median": 1.0}]))
    2000
    """
    room = PLANNED * HIGH * WIDE**2 * (powder.largest / 2) ** 3 / powder.mean_volume
    enough = coarse / MEASURED / powder.coarse(COARSE_SHARE).number_fraction
    needed = max(LEAST, ceil(room), ceil(enough))
    if needed > MOST:
        raise DataError(
            f"sizes from {powder.smallest:.4g} to {powder.largest:.4g} would need {needed:.1e} spheres, more than "
            f"{MOST:.0e}: narrow the sizes, use close_packing_estimate, or take two components far apart from beds of "
            "closer sizes (pack_wide, --extrapolate)"
        )
    return needed


def _side(powder: Powder, spheres: int) -> float:
    """Side of a box of the usual shape, wide and low enough for the largest sphere."""
    volume, radius = spheres * powder.mean_volume / PLANNED, powder.largest / 2
    return float(min(max(WIDE * radius, (volume / ASPECT) ** (1 / 3)), (volume / (HIGH * radius)) ** 0.5))


def _check(powder: Powder, spheres: int, side: float) -> None:
    """Refuse what would mean nothing."""
    needed, narrowest = least_spheres(powder), NARROWEST * powder.largest / 2
    if spheres < needed:
        raise DataError(
            f"{spheres} spheres with diameters from {powder.smallest:.4g} to {powder.largest:.4g} hold too few coarse "
            f"ones, or fill too little, to mean anything: give at least {needed}"
        )
    if side < narrowest * (1 - ROUNDING):
        raise DataError(
            f"a box of {side:.4g} is too narrow for spheres of diameter {powder.largest:.4g}: give at least "
            f"{narrowest:.6g}"
        )
    height = spheres * powder.mean_volume / PLANNED / side**2
    if height < HIGH * powder.largest / 2 * (1 - ROUNDING):
        widest = (spheres * powder.mean_volume / PLANNED / (HIGH * powder.largest / 2)) ** 0.5
        raise DataError(
            f"a box of {side:.4g} would be filled to a height of {height:.4g} only: give a side of at most "
            f"{widest:.6g}, or more spheres"
        )


class Packing(Simulator):
    r"""Packing fractions of powders of a few lognormal components.

    A row is a powder: median diameter and spread of each component by mass, and mass fractions. The rule of sizes is
    that of `powders.Component`: lognormal by mass, cut at ``truncation`` spreads.

    Args:
        **settings: those of `PackingSettings`, by name.

    Raises:
        UsageError: a setting that is unknown or invalid.

    >>> simulator = Packing(median=(1, 1.5), spread=(0.0, 0.1))
    >>> streams = RowStreams(seed=0, start=0, rows=1)
    >>> values = simulator.draw(streams)
    >>> bool(np.isclose(values[0, -3:].sum(), 1))
    True
    >>> simulator.simulate(values, streams)["packing_fraction"].round(2)
    array([0.58])
    """

    name = "packing"
    block = 16
    errors = MappingProxyType({"packing_fraction": "standard_error"})

    Settings = PackingSettings
    settings: PackingSettings

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        s = self.settings
        self.components, self.median, self.spread = s.components, s.median, s.spread
        self.densities = s.densities * (s.components if len(s.densities) == 1 else 1)
        self.table = None if s.table is None else self._checked(array("table", s.table))
        Powder([self._component(self.median[1], self.spread[1], None, None)])
        self.settle(densities=self.densities, median=self.median, spread=self.spread)
        self._check_narrowest()

    def _checked(self, table: FloatArray) -> FloatArray:
        """A table each of whose rows is a powder; it is its own range."""
        if table.shape[1:] != (len(self.factors),):
            raise UsageError(f"a table must have rows of {len(self.factors)} columns, not shape {table.shape}")
        for i, row in enumerate(table):
            self._check_row(i, row)
        medians, spreads = (table[:, i : 2 * self.components : 2] for i in (0, 1))
        self.median = float(medians.min()), float(medians.max())
        self.spread = float(spreads.min()), float(spreads.max())
        return table

    def _check_narrowest(self) -> None:
        """Refuse ranges in which no row can be packed."""
        needed = least_spheres(
            Powder([self._component(self.median[1], self.spread[0], None, None)]), self.settings.min_coarse_spheres
        )
        if needed > self.settings.max_spheres:
            raise DataError(
                f"with a spread of at least {self.spread[0]:g} any row would need {needed} spheres, more than "
                f"{self.settings.max_spheres}: narrow the spread, or raise max_spheres (--max-spheres)"
            )

    def _check_row(self, i: int, row: FloatArray) -> None:
        try:
            self.powder(row)
        except BeableError as error:
            raise type(error)(f"table, row {i}: {error}") from None

    @property
    def factors(self) -> tuple[Factor, ...]:
        sizes = [
            factor
            for i in range(1, self.components + 1)
            for factor in (
                Factor(f"median_{i}", f"d_{{{i}}}", "um", *self.median),
                Factor(f"spread_{i}", f"s_{{{i}}}", "1", *self.spread),
            )
        ]
        shares = [Factor(f"mass_fraction_{i}", f"f_{{{i}}}", "1", 0.0, 1.0) for i in range(1, self.components + 1)]
        return (*sizes, *shares)

    @property
    def variables(self) -> tuple[Variable, ...]:
        k, each = (self.components,), ("component",)
        names = tuple(f"component_{i}" for i in range(1, self.components + 1))
        return (
            Variable("median", each, k, "um", "median diameter", names, dtype="float64"),
            Variable("spread", each, k, "1", "spread of ln d", names, dtype="float64"),
            Variable("mass_fraction", each, k, "1", "mass fraction", names, dtype="float64"),
            Variable("packing_fraction", (), (), "1", "packing fraction", dtype="float64"),
            Variable("standard_error", (), (), "1", "standard error", diagnostic=True, dtype="float64"),
            Variable("close_packing", (), (), "1", "estimate of close packing", diagnostic=True, dtype="float64"),
            Variable(
                "bulk_volume_fraction",
                each,
                k,
                "1",
                "volume fraction in the bulk",
                names,
                diagnostic=True,
                dtype="float64",
            ),
            Variable("spheres", (), (), "1", "number of spheres", diagnostic=True, dtype="float64"),
            Variable("overlap", (), (), "1", "deepest overlap", diagnostic=True, dtype="float64"),
        )

    @property
    def design_dimensions(self) -> int:
        return 3 * self.components - 1

    def design(self, unit: FloatArray) -> FloatArray:
        """Medians log-uniform, spreads uniform, fractions uniform on the simplex by breaking a stick."""
        u, k = np.asarray(unit, np.float64), self.components
        low, high = self.median
        values = np.empty((len(u), 3 * k))
        values[:, 0 : 2 * k : 2] = low * (high / low) ** u[:, :k]
        values[:, 1 : 2 * k : 2] = self.spread[0] + (self.spread[1] - self.spread[0]) * u[:, k : 2 * k]
        values[:, 2 * k :] = _broken_stick(u[:, 2 * k :])
        return values

    def features(self, values: FloatArray) -> FloatArray:
        """Close packing of the same sizes, and moments of their distribution: blind to order and scale."""
        values = np.asarray(values, np.float64)
        k = self.components
        sizes, spreads, shares = np.log(values[:, 0 : 2 * k : 2]), values[:, 1 : 2 * k : 2], values[:, 2 * k :]
        mean = (sizes * shares).sum(1, keepdims=True)
        moments = [(shares * (sizes - mean) ** n).sum(1) for n in (2, 3)]
        moments += [(shares * spreads).sum(1), (shares * spreads**2).sum(1)]
        moments += [-(shares * np.log(np.maximum(shares, 1e-12))).sum(1), np.ptp(sizes, axis=1)]
        dense = [close_packing_estimate(*self.powder(row).volume_classes(16), rods=1000) for row in values]
        return np.column_stack([dense, *moments])

    def powder(self, values: FloatArray) -> Powder:
        """The powder of one row of factor values, (factors,)."""
        k = self.components
        shares = np.asarray(values[2 * k :], np.float64)
        total = float(shares.sum())
        if not abs(total - 1) <= 1e-3:
            raise UsageError(f"mass fractions must sum to 1, not {total:g}: rescale them")
        sizes = zip(values[0 : 2 * k : 2], values[1 : 2 * k : 2], shares / total, self.densities, strict=True)
        return Powder([self._component(*map(float, each)) for each in sizes])

    def _component(self, median: float, spread: float, share: float | None, density: float | None) -> Component:
        return Component(
            median=median, spread=spread, truncation=self.settings.truncation, mass_fraction=share, density=density
        )

    def draw(self, streams: RowStreams) -> FloatArray:
        if self.table is not None:
            if streams.start + len(streams) > len(self.table):
                raise UsageError(
                    f"the table has {len(self.table)} rows, not {streams.start + len(streams)}: ask for less"
                )
            return self.table[streams.start : streams.start + len(streams)]
        if self.settings.sampling == "uniform":
            rows = [g.random(self.design_dimensions) for g in streams.generators("factors")]
            return self.design(np.array(rows).reshape(-1, self.design_dimensions))
        units = sobol(
            self.design_dimensions, len(streams), streams.start, scrambled=np.random.default_rng(streams.seed)
        )
        return self.design(units)

    def simulate(self, values: FloatArray, streams: RowStreams) -> dict[str, FloatArray]:
        """Beds of powders (rows, factors), each with as many spheres as it needs.

        Raises:
            DataError: factors of the wrong shape, or not finite.
            UsageError: a row that is no powder.
        """
        given, k = array("factors", values), self.components
        if given.ndim != 2 or given.shape[1] != 3 * k:
            raise DataError(f"factors must have shape (rows, {3 * k}), not {given.shape}")
        parts = (given[:, 0 : 2 * k : 2], given[:, 1 : 2 * k : 2], given[:, 2 * k :])
        found: dict[str, FloatArray] = dict(zip(DESCRIBED, map(np.copy, parts), strict=True))
        found |= {v.name: np.full((len(given), *v.shape), np.nan) for v in self.variables[len(DESCRIBED) :]}
        for i, rng in enumerate(streams.generators("simulation")):
            for name, value in self._row(given[i], rng).items():
                found[name][i] = value
        for name in DESCRIBED:
            found[name][np.isnan(found["packing_fraction"])] = np.nan
        return found

    def _row(self, values: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
        """What one powder fills; of one that cannot be packed only the spheres that it would need."""
        powder, spheres = self.powder(values), np.inf
        try:
            spheres = least_spheres(powder, self.settings.min_coarse_spheres)
            if spheres > self.settings.max_spheres:
                raise DataError(f"{spheres} spheres would be needed, more than {self.settings.max_spheres}")
            packed = pack(powder, int(spheres), rng)
        except DataError:
            return {"spheres": float(spheres)}
        return {
            "packing_fraction": packed.packing_fraction,
            "standard_error": packed.standard_error,
            "close_packing": packed.close_packing,
            "bulk_volume_fraction": packed.composition,
            "spheres": float(spheres),
            "overlap": packed.overlap,
        }

    def residual(self, snapshot: Mapping[str, FloatArray]) -> float:
        """The largest of three: the deepest overlap, errors of the close packing, and of φ beyond its limits.

        The stored close packing must be that of the sizes, and φ lie between ``LOOSEST`` of it and all of it. Within
        these limits φ is measured in a random bed that is not stored, and independent of all else in the row.

        Raises:
            DataError: a variable is missing, of the wrong shape or not finite.
        """
        shapes = {v.name: v.shape for v in self.variables if not v.diagnostic or v.name in ("close_packing", "overlap")}
        found = {name: _shaped(name, snapshot, shape) for name, shape in shapes.items()}
        sizes = np.column_stack([found["median"], found["spread"]]).ravel()
        dense = close_packing_estimate(*self.powder(np.append(sizes, found["mass_fraction"])).volume_classes())
        share = float(found["packing_fraction"]) / dense
        return max(float(found["overlap"]), abs(float(found["close_packing"]) / dense - 1), share - 1, LOOSEST - share)


def _broken_stick(unit: FloatArray) -> FloatArray:
    """Uniform points of the simplex, (rows, k), of points (rows, k - 1) of the unit cube."""
    left, parts, k = np.ones(len(unit)), [], unit.shape[1] + 1
    for j in range(k - 1):
        piece = left * (1 - (1 - unit[:, j]) ** (1 / (k - 1 - j)))
        parts.append(piece)
        left = left - piece
    return np.column_stack([*parts, left])


def _shaped(name: str, snapshot: Mapping[str, FloatArray], shape: tuple[int, ...]) -> FloatArray:
    if name not in snapshot:
        raise DataError(f"a snapshot needs {name}: give it")
    found = array(name, snapshot[name])
    if found.shape != shape:
        raise DataError(f"{name} must have shape {shape}, not {found.shape}")
    return found
