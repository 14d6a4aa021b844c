"""How CPU time and peak memory grow with the number of rows: import, and fit of 4 latents, 4 members, 1,000 steps.

Run:  python benchmarks/growth.py table 1000 10000 100000 1000000
      python benchmarks/growth.py fields 1000 5000 20000
      python benchmarks/growth.py fields 2000 --steps 200 --folder /tmp/here
A table is a text file of 30 columns, fields are HDF5 of 2 x 128 x 128 numbers in single precision: four factors through
smooth modes, and noise. Every step is a process of its own, whose peak is what the system says of it. What is made is
removed again.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")
COLUMNS, SIDE, PIECE = 30, 128, 500


def table(rows: int, folder: Path) -> Path:
    """Four factors through a smooth map to thirty columns, as text."""
    import numpy as np

    rng, path = np.random.default_rng(0), folder / "table.csv"
    mix = rng.normal(size=(8, COLUMNS))
    with path.open("w") as file:
        file.write(",".join(f"c{i}" for i in range(COLUMNS)) + "\n")
        for start in range(0, rows, PIECE):
            z = rng.uniform(-1, 1, (min(PIECE, rows - start), 4))
            numbers = np.hstack([z, z**2]) @ mix + 0.05 * rng.normal(size=(len(z), COLUMNS))
            file.writelines(",".join(f"{x:.5f}" for x in row) + "\n" for row in numbers)
    return path


def fields(rows: int, folder: Path) -> Path:
    """Four factors through eight smooth modes of two components, as HDF5."""
    import h5py
    import numpy as np

    rng, path = np.random.default_rng(0), folder / "fields.h5"
    x = np.linspace(0, 2 * np.pi, SIDE, dtype=np.float32)
    waves = [np.outer(np.sin((k % 4 + 1) * x + k), np.cos((k % 3 + 1) * x - k)) for k in range(16)]
    modes = np.array(waves, np.float32).reshape(8, -1)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("u", (rows, 2, SIDE, SIDE), "f4", chunks=(64, 2, SIDE, SIDE))
        for dimension, label in zip(data.dims, ("row", "component", "x", "y"), strict=True):
            dimension.label = label
        for start in range(0, rows, PIECE):
            z = rng.uniform(-1, 1, (min(PIECE, rows - start), 4))
            clean = np.hstack([z, 0.5 * z**2]).astype(np.float32) @ modes
            noise = rng.standard_normal(clean.shape, np.float32)
            data[start : start + len(z)] = (clean + 0.1 * noise).reshape(-1, 2, SIDE, SIDE)
    return path


MAKERS = {"table": table, "fields": fields}


def step(name: str, kind: str, rows: int, folder: Path, steps: int) -> None:
    """One step in this process, and what it took."""
    if name == "make":
        MAKERS[kind](rows, folder)
    elif name == "import":
        from beable.datasets.importing import import_file

        import_file(next(folder.glob("table.csv" if kind == "table" else "fields.h5")), folder / "data.zarr")
    else:
        fit(folder, steps)
    print(process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def fit(folder: Path, steps: int) -> None:
    from beable import RunSettings, Store
    from beable.analysis.evaluation import evaluate
    from beable.training.run import train

    choice = {"model": {"latents": 4}, "training": {"members": 4, "steps": steps}}
    store = Store.open(folder / "data.zarr")
    run = train(store, folder / "run", RunSettings.model_validate(choice))
    error = evaluate(run, store, agreement=True).relative_error
    size = sum(file.stat().st_size for file in (folder / "run").rglob("*") if file.is_file())
    print(f"{size / 1e6:.3g} MB, {run.representation.width} numbers a row, error {min(error):.4f} to {max(error):.4f}")


def measured(name: str, kind: str, rows: int, folder: Path, steps: int) -> str:
    """CPU seconds and peak memory of a step in a process of its own."""
    asked = [
        sys.executable,
        "-P",
        __file__,
        kind,
        str(rows),
        "--steps",
        str(steps),
        "--folder",
        str(folder),
        "--step",
        name,
    ]
    told = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    seconds, peak = map(float, told[-1].split())
    return f"{name} {seconds:.1f} CPU-s, {peak:.2f} GB" + "".join(f" ({line})" for line in told[:-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=MAKERS)
    parser.add_argument("rows", nargs="+", type=int)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--only", nargs="+", choices=("import", "fit"), default=("import", "fit"))
    parser.add_argument("--step", choices=("make", "import", "fit"))
    given = parser.parse_args()
    if given.step:
        step(given.step, given.kind, given.rows[0], given.folder, given.steps)
        return
    for rows in given.rows:
        given.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=given.folder))
        try:
            measured("make", given.kind, rows, folder, given.steps)
            for name in given.only:
                print(f"{rows:,} rows: {measured(name, given.kind, rows, folder, given.steps)}", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
