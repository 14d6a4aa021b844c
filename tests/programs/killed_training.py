"""Train in children that are killed at random moments; the last one is left to finish.

usage: killed_training.py STORE FOLDER STEPS NAME:THREADS:KILLS ...
Prints by run, NAME-THREADS, how the last child ended and the step that each killed one had reached on disk; and whether
PyTorch's class of Adam needs the compiler that a training does without.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from beable.datasets.store import Store
from beable.training.run import train
from beable.training.settings import RunSettings

COMPILED = 3  # exit code of a child that has imported PyTorch's compiler
SETTINGS = Path(__file__).with_name("killed_training.json")


def train_in_child(store: str, run: str, steps: int, threads: int, save_every: float = 0.04) -> int:
    """Start a child that trains; its process number."""
    child = os.fork()
    if child:
        return child
    tree = json.loads(SETTINGS.read_text())
    tree["training"]["steps"], tree["objective"]["reconstruction_steps"] = steps, steps // 2
    settings = RunSettings.model_validate_json(json.dumps(tree))
    train(Store.open(store), run, settings, threads=threads, save_every=save_every)
    os._exit(COMPILED if "torch._dynamo" in sys.modules else 0)


def newest(run: str) -> str:
    """Name of the newest checkpoint; empty before the first."""
    return max((p.name for p in Path(run).glob("checkpoints/step-*")), default="")


def wait_for_progress(run: str, reached: list[str], patience: float) -> None:
    """Wait until there is a newer checkpoint than at the last kill, but no longer than some seconds."""
    end = time.monotonic() + patience
    while newest(run) in ("", *reached[-1:]) and time.monotonic() < end:
        time.sleep(0.005)


def finish(store: str, run: str, steps: int, threads: int, kills: int, rng: random.Random) -> dict[str, object]:
    """Train with so many kills on the way."""
    reached: list[str] = []
    for _ in range(kills):
        child = train_in_child(store, run, steps, threads)
        wait_for_progress(run, reached, patience=rng.choice([0.1, 20.0, 20.0]))
        time.sleep(rng.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reached.append(newest(run))
    _, status = os.waitpid(train_in_child(store, run, steps, threads, save_every=60.0), 0)
    return {"status": os.waitstatus_to_exitcode(status), "reached": reached}


def class_needs_compiler() -> bool:
    """Whether PyTorch's class fails where its compiler cannot be imported, which is sooner found than importing it."""
    import torch

    sys.modules["torch._dynamo"] = None  # type: ignore[assignment]
    try:
        torch.optim.Adam([torch.ones(1, requires_grad=True)])
    except ImportError:
        return True
    return False


def main() -> None:
    store, folder, steps, *jobs = sys.argv[1:]
    answers = {}
    for name, threads, kills in (job.split(":") for job in jobs):
        run = f"{name}-{threads}"
        answers[run] = finish(store, f"{folder}/{run}", int(steps), int(threads), int(kills), random.Random(0))
    print(json.dumps({"runs": answers, "class": class_needs_compiler()}))


main()
