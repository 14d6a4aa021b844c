"""Spheres per CPU second of the deposition, against their number and against the ratio of their sizes.

    python benchmarks/packing_speed.py [--repeats 3] [--json]

One thread; the best of some repeats, after the first call has loaded the compiled code. Beds keep their shape when the
number grows, so that a cost per sphere that stays flat is the algorithm's. Two sizes hold 27 % of fine volume and at
least 160 coarse spheres. Beside the deposition stands what it costs to measure the bed: its packing fraction with
error, all contacts and overlaps, and whether every sphere is held. Every bed that is timed must stand without overlap.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import json
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from beable.systems.packing.deposition import deposit
from beable.systems.packing.packed_beds import Bed, Measured, largest_overlap, packing_fraction, unsupported

Array = np.ndarray
Found = TypeVar("Found")

NUMBERS = (5_000, 10_000, 20_000, 50_000, 100_000)
RATIOS = {1: 20_000, 2: 20_000, 5: 20_000, 10: 59_000}
FINE, COARSE = 0.27, 160
GOALS = {"spheres per second, 20,000 equal": 30_000, "seconds, 59,000 at 1:10": 6.0}


class Row(NamedTuple):
    """CPU seconds of one bed, to drop and to measure, and what it is."""

    ratio: int
    spheres: int
    seconds: float
    measuring: float
    fraction: float
    error: float

    @property
    def rate(self) -> float:
        return self.spheres / self.seconds


def radii(ratio: int, spheres: int) -> Array:
    """Two sizes in random order, the large one of diameter 1."""
    share = FINE * ratio**3 / (FINE * ratio**3 + 1 - FINE)
    coarse = spheres if ratio == 1 else max(COARSE, round(spheres * (1 - share)))
    mixed = np.repeat([0.5, 0.5 / ratio], [coarse, spheres - coarse])
    return np.random.default_rng(0).permutation(mixed)


def side(r: Array) -> float:
    """Of a bed about twice as high as wide, never narrower than four large spheres."""
    return max(4.0, float((4 / 3 * np.pi * (r**3).sum() / (0.6 * 2)) ** (1 / 3)))


def cpu(work: Callable[[], Found], repeats: int) -> tuple[float, Found]:
    """Least CPU seconds, and what came of it."""

    def once() -> tuple[float, Found]:
        start = time.process_time()
        found = work()
        return time.process_time() - start, found

    return min((once() for _ in range(repeats)), key=lambda run: run[0])


def measured(bed: Bed) -> Measured:
    """Packing fraction and its error, of a bed that stands and whose spheres do not overlap."""
    if largest_overlap(bed) > 1e-10 or len(unsupported(bed, earlier=True)):
        raise SystemExit("a bed overlaps or does not stand: its time means nothing")
    return packing_fraction(bed)


def row(ratio: int, spheres: int, repeats: int) -> Row:
    r = radii(ratio, spheres)
    box = side(r)
    seconds, dropped = cpu(lambda: deposit(r, box, 1), repeats)
    bed = Bed.of(dropped.positions, r, box)
    measuring, (fraction, error) = cpu(lambda: measured(bed), 1)
    return Row(ratio, spheres, seconds, measuring, fraction, error)


def rows(repeats: int) -> list[Row]:
    deposit(radii(2, 500), 6.0, 0)
    equal = [row(1, spheres, repeats) for spheres in NUMBERS]
    return equal + [row(ratio, spheres, repeats) for ratio, spheres in RATIOS.items() if ratio > 1]


def goals(found: list[Row]) -> dict[str, tuple[float, float, bool]]:
    """What each goal asks, what was measured, whether it is met."""
    rate = next(r.rate for r in found if (r.ratio, r.spheres) == (1, 20_000))
    wide = next(r.seconds for r in found if r.ratio == 10)
    first, second = GOALS
    return {
        first: (GOALS[first], rate, rate >= GOALS[first]),
        second: (GOALS[second], wide, wide <= GOALS[second]),
    }


def table(found: list[Row]) -> str:
    """The results as text."""
    lines = [" ratio   spheres   CPU s   spheres/s   µs/sphere   measuring, s   packing fraction"]
    for r in found:
        speed = f"{r.seconds:7.2f}   {r.rate:9,.0f}   {1e6 * r.seconds / r.spheres:9.1f}"
        lines.append(
            f"  1:{r.ratio:<3} {r.spheres:8,}   {speed}   {r.measuring:12.2f}   {r.fraction:.4f} ± {r.error:.4f}"
        )
    for goal, (wanted, got, met) in goals(found).items():
        lines.append(f"{goal}: {got:,.5g}, goal {wanted:,g}: {'met' if met else 'missed'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each bed, of which the best counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    found = rows(wanted.repeats)
    as_json = {"rows": [r._asdict() | {"rate": r.rate} for r in found], "goals": goals(found)}
    print(json.dumps(as_json, indent=1) if wanted.json else table(found))


if __name__ == "__main__":
    main()
