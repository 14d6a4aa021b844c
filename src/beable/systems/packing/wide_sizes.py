r"""Two sizes so far apart that no bed of them can be dropped: fine spheres in the voids of coarse ones, scale by scale.

A coarse sphere of diameter D among fine ones of d takes with it :math:`R^3 x/(1 - x)` of them, R = D/d, x their share
of the volume, so that a bed with enough coarse spheres is out of reach beyond R of about 40. What R does to the packing
fraction is not: seen from a coarse sphere, fine ones much smaller than it are a bed of their own, whose packing
fraction does not depend on their size. That bed is looser along a surface of the coarse ones, over a depth of about d,
and absent from wedges between two of them that are narrower than d. The volume of the first is the surface times d,
that of the second goes with the square of d, each over the volume D³ of a coarse sphere, so that

.. math:: \phi(R) = \phi_\infty + \frac{b}{R} + \frac{c}{R^2} + \dots

Beds of the same powder with the fine component enlarged to ratios within reach, the *rungs*, give the three numbers;
the difference from a straight line through all rungs but the lowest is what the next term may be, and counts as error
beside that of the beds. φ∞ is to be held against Furnas' limit (`close_packing.furnas_mixture`) with the packing
fraction of dropped equal spheres and the share of fine ones *in the bulk* of the widest bed: while they are too few to
fill the voids they trickle down, so that the bulk holds more of them than the powder.

C. C. Furnas, Ind. Eng. Chem. 23, 1052 (1931), for the limit; A. B. Yu and N. Standish, Powder Technol. 52, 233 (1987),
for the loosening at surfaces and in wedges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.checks import count
from beable.errors import UsageError
from beable.systems.packing.close_packing import furnas_binary
from beable.systems.packing.packed_beds import Measured
from beable.systems.packing.powders import Component, Powder
from beable.systems.packing.simulator import Packed, least_spheres, pack

Floats = NDArray[np.float64]

#: size ratios of the beds that are dropped, and the widest ratio that their law was checked for
RUNGS = (7.0, 10.0, 14.0, 20.0, 28.0)
WIDEST = 200.0
#: what dropped equal spheres fill (Jullien and Meakin 1987)
DROPPED = 0.5815


class Rung(NamedTuple):
    """Beds of one ratio.

    Args:
        ratio: R, of the medians.
        packing_fraction: mean over the beds.
        standard_error: of that.
        spheres: of each bed.
        fine: share of the bulk's solid volume that the fine component has, mean over the beds.
    """

    ratio: float
    packing_fraction: float
    standard_error: float
    spheres: int
    fine: float


class Wide(NamedTuple):
    """A packing fraction beyond what can be dropped.

    Args:
        packing_fraction: φ at the ratio asked for.
        standard_error: of the beds and of the law together.
        ratio: R.
        limit: φ of sizes infinitely far apart, with its error.
        furnas: the most that sizes infinitely far apart can fill with the share of fine ones that the bulk of the
            widest bed has, each size dropped for itself.
        rungs: the beds.
    """

    packing_fraction: float
    standard_error: float
    ratio: float
    limit: Measured
    furnas: float
    rungs: list[Rung]


def extrapolated(rungs: Sequence[Rung], ratio: float) -> Measured:
    """The packing fraction at a ratio, by the law in 1/R; infinite for the limit.

    Args:
        rungs: at least four, of different ratios.
        ratio: R.

    Raises:
        UsageError: too few rungs.

    >>> beds = [Rung(r, 0.78 - 0.5 / r + 0.3 / r**2, 0.001, 1, 0.3) for r in RUNGS]
    >>> found = extrapolated(beds, 100)
    >>> round(found.value, 4), found.standard_error < 0.005
    (0.775, True)
    """
    if len({rung.ratio for rung in rungs}) < 4:
        raise UsageError("the law in 1/R has three numbers and an error: give beds of at least four ratios")
    ordered = sorted(rungs, key=lambda rung: rung.ratio)
    bent, straight = _fit(ordered, 2, 1 / ratio), _fit(ordered[1:], 1, 1 / ratio)
    return Measured(bent.value, float(np.hypot(bent.standard_error, bent.value - straight.value)))


def _fit(rungs: Sequence[Rung], degree: int, at: float) -> Measured:
    """A polynomial in 1/R at one place, and its error by those of the rungs, larger where they scatter more."""
    x, y, s = (
        np.array([getattr(rung, name) for rung in rungs]) for name in ("ratio", "packing_fraction", "standard_error")
    )
    powers = np.vander(1 / x, degree + 1, increasing=True) / s[:, None]
    q, r = np.linalg.qr(powers)  # of full rank: the ratios differ
    solution = np.linalg.solve(r, q.T @ (y / s))
    left = powers @ solution - y / s
    scatter = max(1.0, float(left @ left) / max(len(rungs) - degree - 1, 1))
    place = at ** np.arange(degree + 1)
    spread = np.linalg.solve(r.T, place)
    return Measured(float(place @ solution), float(np.sqrt(scatter * (spread @ spread))))


def pack_wide(
    components: "Powder | Sequence[Component | Mapping[str, object]]",
    rng: int = 0,
    *,
    beds: int = 2,
    rungs: Sequence[float] = RUNGS,
    progress: Callable[[int, int], None] = lambda done, planned: None,
) -> Wide:
    """The packing fraction of two components too far apart to be dropped, from beds of ratios within reach.

    Args:
        components: a coarse and a fine one, in any order; see `powders.Component`.
        rng: seed of the first bed.
        beds: of each ratio.
        rungs: the ratios.
        progress: called after each bed with the spheres that were dropped and those that are to be in all.

    Raises:
        UsageError: other than two components; a ratio within reach of a bed, or beyond what the law was checked for.

    Source: after Furnas (1931) and Yu and Standish (1987), see the module.
    """
    powder = components if isinstance(components, Powder) else Powder(list(components))
    count("beds", beds, 1)
    coarse, fine = _two(powder)
    ratio = _median(powder, coarse) / _median(powder, fine)
    if not max(rungs) < ratio <= WIDEST:
        raise UsageError(
            f"sizes 1:{ratio:.4g} apart: the law in 1/R is for ratios above {max(rungs):g}, which can be dropped, up "
            f"to {WIDEST:g}, where it was checked; take pack below, and close_packing_estimate beyond"
        )
    powders, told = [_nearer(powder, fine, ratio / r) for r in rungs], list[int]()
    planned = beds * sum(map(least_spheres, powders))

    def tell(spheres: int) -> None:
        told.append(spheres)
        progress(min(sum(told), planned), planned)

    found = [dropped(near, r, beds, rng, tell) for near, r in zip(powders, rungs, strict=True)]
    value, limit = extrapolated(found, ratio), extrapolated(found, np.inf)
    return Wide(*value, ratio, limit, furnas_of(found), found)


def furnas_of(rungs: Sequence[Rung]) -> float:
    """Furnas' limit of dropped spheres for what lies in the bulk of the widest bed.

    Args:
        rungs: beds of one powder.

    >>> round(furnas_of([Rung(7.0, 0.72, 0.01, 1, 0.21), Rung(14.0, 0.74, 0.01, 1, 0.24)]), 3)
    0.765
    """
    return furnas_binary(max(rungs, key=lambda rung: rung.ratio).fine, DROPPED)


def _two(powder: Powder) -> tuple[int, int]:
    """Numbers of the coarse and of the fine component."""
    if len(powder.components) != 2:
        raise UsageError(
            f"the law in 1/R is for a coarse and a fine component, not for {len(powder.components)}: join those of "
            "like sizes into a histogram"
        )
    coarse = int(_median(powder, 1) > _median(powder, 0))
    return coarse, 1 - coarse


def _median(powder: Powder, component: int) -> float:
    """Diameter below which half of a component's mass lies."""
    return float(powder.sizes[component].quantiles(np.array([0.5]), 0)[0])


def dropped(
    powder: Powder, ratio: float, beds: int, rng: int, tell: Callable[[int], object] = lambda spheres: None
) -> Rung:
    """Beds of a powder whose ratio is known, with the error that beds show by themselves; tells of each its spheres."""
    packed, (_, fine) = list[Packed](), _two(powder)
    for k in range(beds):
        packed.append(pack(powder, None, rng + k))
        tell(len(packed[-1].radii))
    own = float(np.sqrt(np.mean([p.standard_error**2 for p in packed]) / beds))
    filled, share = np.mean([(p.packing_fraction, p.composition[fine]) for p in packed], axis=0)
    return Rung(ratio, float(filled), own, len(packed[0].radii), float(share))


def _nearer(powder: Powder, fine: int, factor: float) -> Powder:
    """The same powder with the fine component enlarged by a factor."""
    parts = list(powder.components)
    parts[fine] = _enlarged(parts[fine], factor)
    return Powder(parts)


def _enlarged(component: Component, factor: float) -> Component:
    if component.median is not None:
        return replace(component, median=component.median * factor)
    changed: dict[str, Any] = {"diameters": np.asarray(component.diameters, np.float64) * factor}
    return replace(component, **changed)
