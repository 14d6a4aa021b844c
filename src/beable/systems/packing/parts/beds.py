"""Whether the simulator is to be believed: equal spheres, two sizes, many sizes, and what others say of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.records import plain
from beable.studies.context import Context
from beable.systems.packing.close_packing import furnas_binary
from beable.systems.packing.packed_beds import HeightProfile, coordination, height_profile, unsupported
from beable.systems.packing.parts.rows import Floats
from beable.systems.packing.powders import Component, Powder, lognormal_classes
from beable.systems.packing.simulator import Packed, least_spheres, pack
from beable.verdicts import Verdict

RATIOS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
FINE_SHARE = 0.27
SPREADS = (0.1, 0.2, 0.3, 0.4, 0.5)
#: packing fractions of one component by spread, of runs that Baird, Hall and Sparks (2022) have published
PUBLISHED = {0.1: 0.514, 0.3: 0.569, 0.51: 0.632, 0.66: 0.667, 0.71: 0.677}
#: equal spheres dropped and rolled to rest (Jullien and Meakin 1987), and how near ours must be
EQUAL_SPHERES, NEAR = 0.5815, 0.002
#: equal spheres poured and not shaken, as loosely as they stay
RANDOM_LOOSE = 0.55
#: deepest overlap of two spheres that is rounding, over the sum of their radii
ROUNDING = 1e-10
LAYERS = 60
MARGIN = 1.2


class RepeatedBed(NamedTuple):
    """One powder with its seeds.

    Args:
        packed: a bed for each seed.
        profile: of the first.
        contacts: of each sphere of the first, (sphere,).
        unsupported: spheres of all beds that what was there before them does not carry.
    """

    packed: list[Packed]
    profile: HeightProfile
    contacts: NDArray[np.integer]
    unsupported: int

    @property
    def mean(self) -> float:
        """φ over seeds."""
        return float(np.mean([p.packing_fraction for p in self.packed]))

    @property
    def error(self) -> float:
        """Standard error of that, by the spread of the seeds."""
        found = [p.packing_fraction for p in self.packed]
        return float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else float("nan")

    @property
    def overlap(self) -> float:
        """The deepest of all beds, over the sum of the two radii."""
        return max(p.overlap for p in self.packed)

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return {
            "packing_fraction": self.mean,
            "standard_error": self.error,
            "own_error": np.mean([p.standard_error for p in self.packed]),
            "close_packing": self.packed[0].close_packing,
            "spheres": len(self.packed[0].radii),
            "found": self.packed[0].composition,
            "contacts": self.contacts.mean(),
            "overlap": self.overlap,
            "unsupported": self.unsupported,
        }


@dataclass(frozen=True)
class Beds:
    """What the simulator makes of powders that others know.

    Args:
        two_sizes: beds by size ratio, 27 % fine by volume; the ratio 1 is equal spheres.
        lognormal: beds by spread.
        published: beds of the size rule of published runs, by spread, beside `PUBLISHED`.
        table: estimate of close packing, packing fraction and standard error of the study's own table, (rows) each.
    """

    two_sizes: dict[float, RepeatedBed]
    lognormal: dict[float, RepeatedBed]
    published: dict[float, RepeatedBed]
    table: dict[str, Floats]

    @property
    def all_beds(self) -> list[RepeatedBed]:
        """Those of two sizes, of a lognormal and of published runs."""
        return [*self.two_sizes.values(), *self.lognormal.values(), *self.published.values()]

    @property
    def rising(self) -> bool:
        """Whether two sizes pack denser the more they differ."""
        return bool(np.all(np.diff([bed.mean for bed in self.two_sizes.values()]) > 0))

    @property
    def checks(self) -> dict[str, Verdict]:
        """Whether each of what is known of dropped spheres holds."""
        beds = self.all_beds
        deepest, loose = max(bed.overlap for bed in beds), sum(bed.unsupported for bed in beds)
        return {
            "equal": _near(self.two_sizes[1.0]),
            "overlap": Verdict(deepest <= ROUNDING, f"deepest overlap {deepest:.1e}"),
            "support": Verdict(loose == 0, f"{loose} spheres could move down"),
            "rising": Verdict(self.rising, f"{len(self.two_sizes)} ratios of two sizes"),
        }

    def as_json(self) -> dict[str, Any]:
        """Every number; of the table how well close packing tells the packing fraction."""
        estimate, found = self.table["close_packing"], self.table["packing_fraction"]
        slope, offset = np.polyfit(estimate, found, 1)
        left = found - (slope * estimate + offset)
        ratios = [bed.mean for bed in self.two_sizes.values()]
        beds = self.all_beds
        theirs = np.array([PUBLISHED[s] for s in self.published])
        ours = np.array([bed.mean for bed in self.published.values()])
        numbers = {
            "equal": self.two_sizes[1.0],
            "two_sizes": {f"{ratio:g}": bed for ratio, bed in self.two_sizes.items()},
            "rising": float(self.rising),
            "beds": {
                "overlap": max(bed.overlap for bed in beds),
                "unsupported": sum(bed.unsupported for bed in beds),
                "spheres": sum(len(p.radii) for bed in beds for p in bed.packed),
                "seeds": len(beds[0].packed),
            },
            "checks": self.checks,
            "known": {"equal": EQUAL_SPHERES, "random_loose": RANDOM_LOOSE, "fine_share": FINE_SHARE},
            "furnas": {"10": furnas_binary(FINE_SHARE, ratios[0])},
            "lognormal": {f"{s:g}": bed for s, bed in self.lognormal.items()},
            "published": [bed.as_json() | {"spread": s, "theirs": PUBLISHED[s]} for s, bed in self.published.items()],
            "published_difference": {"narrow": ours[0] - theirs[0], "widest": ours[-1] - theirs[-1]},
            "table": {
                "rows": len(found),
                "low": found.min(),
                "high": found.max(),
                "standard_error": self.table["standard_error"].mean(),
                "correlation": np.corrcoef(estimate, found)[0, 1],
                "slope": slope,
                "offset": offset,
                "left_over": left.std(),
            },
        }
        return plain(numbers)


def _near(bed: RepeatedBed) -> Verdict:
    """Whether a packing fraction is that of equal spheres, two standard errors allowed for."""
    away, allowed = abs(bed.mean - EQUAL_SPHERES), 2 * bed.error
    reason = f"{away:.4f} away from {EQUAL_SPHERES}"
    if not np.isfinite(allowed):
        return Verdict(None if away <= NEAR else False, f"{reason}, one bed")
    return Verdict(False if away > NEAR + allowed else True if away <= NEAR else None, reason)


def beds(context: Context) -> Beds:
    """Options of the part: spheres (of each bed, at least), seeds, ratios, most (spheres of a bed)."""
    two, wide, public = {}, {}, {}
    for ratio in context.option("ratios"):
        two[float(ratio)] = _bed(context, _two_sizes(float(ratio)))
    for spread in context.option("spreads"):
        wide[spread] = _bed(context, Powder([Component(median=1.0, spread=spread)]))
    for spread in PUBLISHED:
        public[spread] = _bed(context, Powder([lognormal_classes(1.0, spread)]))
    rows, store = np.asarray(context.store.valid_rows), context.store
    names = ("close_packing", "packing_fraction", "standard_error")
    return Beds(two, wide, public, {name: np.asarray(store.read(name, rows)) for name in names})


def _two_sizes(ratio: float) -> Powder:
    if ratio == 1:
        return Powder([Component(median=1.0)])
    fine = Component(median=1.0, volume_fraction=FINE_SHARE, name="fine")
    return Powder([fine, Component(median=ratio, volume_fraction=1 - FINE_SHARE, name="coarse")])


def _bed(context: Context, powder: Powder) -> RepeatedBed:
    spheres = max(context.option("spheres"), int(MARGIN * least_spheres(powder)))
    seeds = range(context.option("seeds"))
    packed = [pack(powder, spheres, context.study.data.seed + k) for k in seeds]
    first, loose = packed[0].bed, sum(len(unsupported(p.bed, earlier=True)) for p in packed)
    return RepeatedBed(packed, height_profile(first, LAYERS), coordination(first), loose)
