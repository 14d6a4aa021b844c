"""What the questions without labels cost beside the training that they are asked of: CPU seconds of both.

Run:  python benchmarks/agreement_cost.py [steps]
Sixteen members on 1,024 snapshots of Darcy flow, 4,000 steps, the default ones; starts are mixed.
"""

import sys
import tempfile
import warnings
from pathlib import Path
from time import process_time

from beable import Darcy, RunSettings, TrainingSettings, generate, train
from beable.analysis.agree import agreed
from beable.training.data import read


def seconds(steps: int, folder: Path) -> tuple[float, float]:
    """CPU seconds of the questions, and of the training."""
    store = generate(Darcy(grid=33, factors="mixture"), folder / "data.zarr", rows=1024, workers=1)
    run = train(store, folder / "run", RunSettings(training=TrainingSettings(steps=steps, start="mixed")))
    snapshots = read(store, run.variables, run.held_rows)
    started = process_time()
    agreed(run, snapshots)
    return process_time() - started, run.cpu_seconds


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with tempfile.TemporaryDirectory() as folder:
        asked, trained = seconds(steps, Path(folder))
    print(f"agreement, axes, rotation and trust: {asked:.2f} s, {asked / trained:.1%} of {trained:.1f} s of training")
