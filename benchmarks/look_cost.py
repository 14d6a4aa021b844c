"""What a look at the data costs beside a short training: CPU seconds of both.

Run:  python benchmarks/look_cost.py [steps]
The training is of 4 members and so many steps, 200, a twentieth of the default ones: the share is an upper bound.
"""

import sys
import tempfile
import warnings
from pathlib import Path
from time import process_time

import numpy as np

from beable import RunSettings, Store, TrainingSettings, train
from beable.datasets.look import look

SHAPES = ((400, (2, 60, 50)), (300, (60000,)), (4000, (10,)), (1024, (3, 33, 33)))


def fields(rows: int, shape: tuple[int, ...]) -> np.ndarray:
    """Fields of three factors."""
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(3, int(np.prod(shape))))
    return (rng.uniform(-1, 1, (rows, 3)) @ modes).reshape(rows, *shape).astype(np.float32)


def seconds(rows: int, shape: tuple[int, ...], steps: int, folder: Path) -> tuple[float, float]:
    """CPU seconds of the look, and of the training with it."""
    store = Store.from_arrays(folder / "data.zarr", {"u": fields(rows, shape)})
    started = process_time()
    look(store)
    looked = process_time() - started
    run = train(store, folder / "run", RunSettings(training=TrainingSettings(members=4, steps=steps)))
    return looked, run.cpu_seconds


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for rows, shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            looked, trained = seconds(rows, shape, steps, Path(folder))
        share = looked / trained
        print(f"{rows} rows of {shape}: look {looked:.2f} s, {share:.1%} of {trained:.2f} s for 4 x {steps} steps")
