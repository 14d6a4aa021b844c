"""What it costs to be refused: CPU seconds of commands whose output another process is writing, medians.

usage: python benchmarks/second_writer.py [--json] [--repeats 3]

Target: refused with exit code 75 within 1 s of CPU, before PyTorch is imported.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from beable.datasets.store import Store
from beable.files.disk import locked

COMMANDS = {
    "simulate": "simulate darcy --rows 4 -o OUT",
    "import": "import PLACE/mine.npz -o OUT",
    "fit": "fit PLACE/good.zarr -o OUT",
    "study run": "study run darcy-mixture -o OUT",
    "design": "design darcy --target pressure.max=0.3 -o OUT",
}
#: tells whether PyTorch was imported
PROGRAM = (
    "import sys; from beable.commands.cli import run\n"
    "code = run(sys.argv[1:]); print('torch' in sys.modules); sys.exit(code)"
)
SECONDS, LOCKED = 1.0, 75


def made(place):
    """The data that commands read."""
    heat = np.random.default_rng(0).normal(size=(40, 5, 5)).astype(np.float32)
    np.savez(place / "mine.npz", heat=heat)
    Store.from_arrays(place / "good.zarr", {"heat": heat})


def refused(line, place):
    """CPU seconds of a command whose output is held, its exit code, what it said, whether it imported PyTorch."""
    out = place / "held"
    words = line.replace("OUT", str(out)).replace("PLACE", str(place)).split()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with locked(out):
        done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.returncode, done.stderr.strip(), done.stdout.strip().endswith("True")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made(place)
        for name, line in COMMANDS.items():
            trials = [refused(line, place) for _ in range(options.repeats)]
            seconds = statistics.median(trial[0] for trial in trials)
            _, code, said, torch = trials[-1]
            met = seconds <= SECONDS and code == LOCKED and not torch
            found[name] = {"cpu_seconds": seconds, "exit_code": code, "pytorch": torch, "met": met, "said": said}
    if options.json:
        print(json.dumps(found))
        return
    for name, about in found.items():
        print(
            f"{name:10} {about['cpu_seconds']:5.2f} s  exit {about['exit_code']}  met: {about['met']}  {about['said']}"
        )


if __name__ == "__main__":
    main()
