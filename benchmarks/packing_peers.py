"""The deposition beside other packings of spheres: what a sphere costs, and how dense the bed is.

    python benchmarks/packing_peers.py [--spheres 1000] [--voxels 120] [--skip-peers] [--json]

CPU seconds of one thread. porespy and spheropack are run if they can be imported (`pip install porespy spheropack`).
spheropack compresses moving spheres until they jam, without gravity: its density is that of close packing, and stands
beside the estimate of Farr and Groot (2009), as all densities do. porespy puts spheres of one size at the lowest free
voxel, one after the other, without rolling; its radius is 10 voxels, and its density that of the middle of the image.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import importlib.util
import json
import time
from typing import NamedTuple

import numpy as np

from beable.systems.packing.close_packing import close_packing_estimate
from beable.systems.packing.deposition import deposit
from beable.systems.packing.packed_beds import Bed, packing_fraction

Array = np.ndarray

RADIUS = 10
FINE = 0.27
OURS = 20_000
PEERS = ("porespy", "spheropack")


class Row(NamedTuple):
    """One packing: spheres, CPU seconds, packing fraction and its standard error, if there is one."""

    powder: str
    by: str
    spheres: int
    seconds: float
    fraction: float
    error: float | None

    @property
    def rate(self) -> float:
        return self.spheres / self.seconds


def equal(spheres: int) -> Array:
    return np.full(spheres, 0.5)


def two_sizes(spheres: int, ratio: float = 3.0) -> Array:
    fine = round(spheres * FINE * ratio**3 / (FINE * ratio**3 + 1 - FINE))
    return np.random.default_rng(0).permutation(np.repeat([0.5 / ratio, 0.5], [fine, spheres - fine]))


def lognormal(spheres: int, spread: float = 0.3) -> Array:
    return 0.5 * np.exp(spread * np.clip(np.random.default_rng(0).normal(size=spheres), -3, 3))


POWDERS = {"equal": equal, "1:3, 27 % fine": two_sizes, "lognormal 0.3": lognormal}


def ours(powder: str) -> Row:
    """A bed about twice as high as wide."""
    radii = POWDERS[powder](OURS)
    side = float((4 / 3 * np.pi * (radii**3).sum() / (0.6 * 2)) ** (1 / 3))
    start = time.process_time()
    bed = Bed.of(deposit(radii, side, 1).positions, radii, side)
    return Row(powder, "beable", OURS, time.process_time() - start, *packing_fraction(bed))


def estimate(powder: str) -> Row:
    """Random close packing, without any sphere."""
    sizes, number = np.unique(np.round(2 * POWDERS[powder](OURS), 3), return_counts=True)
    volumes = number * sizes**3
    start = time.process_time()
    fraction = close_packing_estimate(sizes, volumes / volumes.sum())
    return Row(powder, "Farr-Groot", 0, time.process_time() - start, fraction, None)


def jammed(powder: str, spheres: int) -> Row:
    """spheropack, until it jams."""
    import spheropack

    start = time.process_time()
    found = spheropack.pack(radii=POWDERS[powder](spheres), density="max", seed=1)
    return Row(powder, "spheropack", spheres, time.process_time() - start, float(found.density), None)


def voxels(side: int) -> Row:
    """porespy, in a cube of so many voxels; compiled beforehand."""
    import porespy

    porespy.generators.pseudo_gravity_packing([4 * RADIUS] * 3, r=RADIUS, maxiter=2, seed=0)
    start = time.process_time()
    image = porespy.generators.pseudo_gravity_packing([side] * 3, r=RADIUS, maxiter=100_000, seed=0)
    seconds = time.process_time() - start
    middle = image[(slice(2 * RADIUS, side - 2 * RADIUS),) * 3]
    spheres = round(float(image.sum()) / (4 / 3 * np.pi * RADIUS**3))
    return Row("equal", "porespy", spheres, seconds, float((middle > 0).mean()), None)


def rows(spheres: int, side: int, peers: list[str]) -> list[Row]:
    for powder in POWDERS:
        estimate(powder), ours(powder)
    found = []
    for powder in POWDERS:
        found += [ours(powder), estimate(powder)]
        found += [jammed(powder, spheres)] if "spheropack" in peers and powder != "1:3, 27 % fine" else []
        found += [voxels(side)] if "porespy" in peers and powder == "equal" else []
    return found


def table(found: list[Row], missing: list[str]) -> str:
    """The results as text."""
    lines = ["powder           by           spheres   CPU s   spheres/s   packing fraction"]
    for r in found:
        speed = f"{r.rate:9,.0f}" if r.spheres else " " * 9
        error = "" if r.error is None else f" ± {r.error:.4f}"
        lines.append(
            f"{r.powder:<16} {r.by:<10} {r.spheres or '':>9} {r.seconds:7.2f}   {speed}   {r.fraction:.4f}{error}"
        )
    return "\n".join(lines + [f"without {name}: it cannot be imported" for name in missing])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spheres", type=int, default=1000, help="of spheropack")
    parser.add_argument("--voxels", type=int, default=120, help="of porespy, along a side")
    parser.add_argument("--skip-peers", action="store_true", help="without porespy and spheropack")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    asked = [] if wanted.skip_peers else list(PEERS)
    peers = [name for name in asked if importlib.util.find_spec(name)]
    found = rows(wanted.spheres, wanted.voxels, peers)
    missing = [name for name in asked if name not in peers]
    as_json = {"rows": [r._asdict() | {"rate": r.rate if r.spheres else None} for r in found], "missing": missing}
    print(json.dumps(as_json, indent=1) if wanted.json else table(found, missing))


if __name__ == "__main__":
    main()
