"""What does the store cost per gigabyte, beside plain `np.save` and `np.load` in the same run?

usage: python benchmarks/store_io.py [ROWS] [FOLDER]

Prints CPU seconds per gigabyte (10⁹ bytes) of Darcy-like snapshots (permeability, pressure, flux on 65 × 65 nodes):
writing with sha256, crc32c and fsync, as a simulation does it; opening and reading for the first time, against
sha256 and crc32c; reading again, against crc32c; verifying. Then milliseconds of one call: one row of the flux,
256 rows of it in any order, all rows of a small table, opening.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from beable.datasets.store import Store


def timed(name: str, gigabytes: float, act: Callable[[], object]) -> None:
    cpu, wall = process_time(), perf_counter()
    act()
    cpu, wall = process_time() - cpu, perf_counter() - wall
    print(f"{name:32}{cpu / gigabytes:8.2f}{wall / gigabytes:8.2f}")


def timed_calls(name: str, calls: int, act: Callable[[], object]) -> None:
    cpu, wall = process_time(), perf_counter()
    for _ in range(calls):
        act()
    cpu, wall = process_time() - cpu, perf_counter() - wall
    print(f"{name:32}{1e3 * cpu / calls:8.2f}{1e3 * wall / calls:8.2f}")


def save(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())


def main(rows: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"permeability": (65, 65), "pressure": (65, 65), "flux": (2, 65, 65)}
    arrays = {name: rng.standard_normal((rows, *shape), dtype=np.float32) for name, shape in shapes.items()}
    gigabytes = sum(a.nbytes for a in arrays.values()) / 1e9
    print(f"{rows} rows, {gigabytes:.2f} GB".ljust(32) + "  CPU s   wall s  per GB")
    timed("np.save and fsync", gigabytes, lambda: save(folder, arrays))
    timed("np.load", gigabytes, lambda: [np.load(folder / f"{name}.npy") for name in arrays])
    path = folder / "store.zarr"
    timed("store: write", gigabytes, lambda: Store.from_arrays(path, arrays))
    store = Store.open(path)
    timed("store: open and read", gigabytes, lambda: [Store.open(path).read(name) for name in arrays])
    timed("store: read first", gigabytes, lambda: [store.read(name) for name in arrays])
    timed("store: read again", gigabytes, lambda: [store.read(name) for name in arrays])
    timed("store: verify", gigabytes, store.verify)
    print(" " * 32 + " CPU ms  wall ms  a call")
    table = Store.from_arrays(folder / "table.zarr", {"sizes": rng.standard_normal((6000, 9))})
    timed_calls("one row", 100, lambda: store.read("flux", [rng.integers(rows)]))
    timed_calls("256 rows in any order", 5, lambda: store.read("flux", rng.integers(0, rows, 256)))
    timed_calls("a table of 6000 × 9", 20, lambda: table.read("sizes"))
    timed_calls("open", 20, lambda: Store.open(path))


if __name__ == "__main__":
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    scratch = Path(tempfile.mkdtemp(dir=parent))
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4096, scratch)
    finally:
        shutil.rmtree(scratch)
