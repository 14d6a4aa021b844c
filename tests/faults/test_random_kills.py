"""Kills at random moments, hundreds of them: the same command goes on, and ends with the bytes of one never killed.

How many is said by two variables of the environment, for a shorter or a longer trial.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from forked import Forked

from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.training.run import train
from beable.training.settings import RunSettings

PROGRAMS = Path(__file__).parents[1] / "programs"
sys.path.insert(0, str(PROGRAMS))  # workers import the simulator by name

from waves import Waves, main  # noqa: E402

KILLS = {"simulate": int(os.environ.get("BEABLE_KILLS_SIMULATE", "200")),
         "fit": int(os.environ.get("BEABLE_KILLS_FIT", "260"))}  # fmt: skip
ROWS, BLOCK, PAUSE = 42, 4, 0.01

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def contents(path, without=()):
    found = (p for p in sorted(path.rglob("*")) if p.is_file() and p.name not in (".lock", *without))
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in found}


def killed(start, finished, kills, longest, rng):
    """Start a command again and again and kill it; how often it came to its end in between.

    Args:
        start: gives the process, and whether it begins from nothing.
        finished: is called when a command came to its end, and makes room for the next.
        kills: how many.
        longest: seconds that a command may live.
        rng: of the moments.
    """
    done = ends = 0
    while done < kills:
        process = start(rng)
        with process:
            deadline = time.monotonic() + rng.uniform(0, longest)
            while time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.002)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                done += 1
            said = process.stdout.read() + process.stderr.read()
        if process.returncode != -signal.SIGKILL:
            assert (process.returncode, said) == (0, "")
            finished()
            ends += 1
    return ends


def test_a_data_set_under_random_kills(tmp_path):
    reference = contents(generate(Waves(), tmp_path / "whole.zarr", ROWS, workers=1, block=BLOCK).path)
    path, rng = tmp_path / "waves.zarr", random.Random(0)

    def start(rng):
        return Forked(main, str(path), str(ROWS), str(rng.choice([1, 1, 2])), json.dumps({"pause": PAUSE}))

    def finished():
        assert contents(path) == reference
        path.rename(tmp_path / f"done-{len(list(tmp_path.iterdir()))}")

    ends = killed(start, finished, KILLS["simulate"], 4 * BLOCK * PAUSE, rng)
    generate(Waves(), path, ROWS, workers=1, block=BLOCK)
    assert contents(path) == reference
    print(f"{KILLS['simulate']} kills, {ends + 1} whole data sets, 0 differences")


def test_a_training_under_random_kills(tmp_path):
    rng = np.random.default_rng(0)
    heat = (rng.normal(size=(80, 1, 1)) * np.sin(np.arange(30.0)).reshape(1, 5, 6)).astype(np.float32)
    store = Store.from_arrays(tmp_path / "heat.zarr", {"pressure": heat, "flux": np.stack([heat, heat**2], 1)})
    settings = RunSettings.model_validate_json((PROGRAMS / "killed_training.json").read_text())
    whole, path = tmp_path / "whole", tmp_path / "run"
    train(store, whole, settings)
    changing = ("manifest.json", "request.json", "run.json")  # which hold CPU seconds and places
    reference = contents(whole, changing)

    def once():
        train(Store.open(store.path), path, settings, save_every=0.02)
        return 0

    def finished():
        assert contents(path, changing) == reference
        path.rename(tmp_path / f"done-{len(list(tmp_path.iterdir()))}")

    ends = killed(lambda rng: Forked(once), finished, KILLS["fit"], 0.6, random.Random(1))
    train(store, path, settings)
    assert contents(path, changing) == reference
    print(f"{KILLS['fit']} kills, {ends + 1} whole trainings, 0 differences")
