"""What does one VAE of the Darcy mixture cost until its test relative error is 1e-3?

Each way trains on the same 512 snapshots and is judged on the same 512 others; the clock is CPU seconds of one
thread from the coded data on, the representation's fit included. The peer in the same run is a convolutional VAE
on the raw fields, trained on its own, the source's kind of network; it is stopped after ``--limit`` seconds.
The source's own code at its own settings: 26,000 CPU s (6,500 epochs at 4.0 CPU s).

usage: python benchmarks/training_cost.py [--json] [--limit SECONDS]
"""

import argparse
import json
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from time import process_time

import numpy as np
import torch

from beable.representations import Coded, make
from beable.streams import RowStreams
from beable.systems.darcy.simulator import Darcy
from beable.training.ensemble import Batches, as_tensors, per_member
from beable.training.fit import Fit
from beable.training.settings import TrainingSettings
from beable.training.start import initialise, linear_starts
from beable.vae.distributions import Noise
from beable.vae.settings import ModelSettings, ObjectiveSettings
from beable.vae.vae import VAE

TARGET, SOURCE_SECONDS, CHECK_EVERY = 1e-3, 26_000.0, 25
MODES = {"kind": "modes", "scaling": "none"}
FIELDS = {"kind": "fields", "scaling": "channel"}
WAYS = {
    "modes, ICA start, 16 stacked": (MODES, "ica", 16, ModelSettings()),
    "modes, random start, 16 stacked": (MODES, "random", 16, ModelSettings()),
    "modes, random start, one by one": (MODES, "random", 1, ModelSettings()),
    "fields, convolutions, one by one": (FIELDS, "random", 1, ModelSettings(network="conv", linear=False)),
}


def snapshots():
    darcy, streams = Darcy(modes=2, factors="mixture"), RowStreams(0, 0, 1024)
    arrays = darcy.simulate(darcy.draw(streams), streams)
    return {name: arrays[name] for name in ("pressure", "flux")}


def relative_error(fit, held):
    """Median over members on held-out rows, in code space."""
    with torch.no_grad():
        error = (fit.vae.decoder.location(fit.vae.encoder(held.values).mean) - held.values).square().sum((1, 2))
    energy = (held.values - held.values.mean(1, keepdim=True)).square().sum((1, 2))
    left = held.residual_energy.sum((1, 2))
    return float(((error + left) / (energy + left)).median())


def cost(data, representation, start, members, model, limit):
    """CPU seconds a member until the target, or None, and the error reached."""
    begun = process_time()
    fitted = make(**representation).fit({name: y[:512] for name, y in data.items()})
    train, held = (
        fitted.transform({name: y[part] for name, y in data.items()}) for part in (slice(512), slice(512, 1024))
    )
    numbers = range(members)
    settings = TrainingSettings(members=members, steps=4000, batch=64, start=start)
    vae = VAE(fitted.code, model, Noise(0, numbers, "start", 1))
    flat = Coded(train.values.reshape(512, -1), train.residual_energy)
    initialise(vae, linear_starts(start, flat.values, model.latents, numbers, 0))
    rows = per_member(as_tensors(held), members)
    fit = Fit(vae, Batches(flat, numbers, settings.batch, 0), rows, ObjectiveSettings(), settings)
    error = np.inf
    while error > TARGET and process_time() - begun < limit and fit.step < settings.steps:
        for _ in range(CHECK_EVERY):
            fit._advance()
        error = relative_error(fit, rows)
    seconds = (process_time() - begun) / members
    return {"cpu_seconds": seconds, "relative_error": error, "steps": fit.step, "reached": error <= TARGET}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--limit", type=float, default=60.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = snapshots()
    cost(data, MODES, "ica", 1, ModelSettings(), 1.0)
    results = {name: cost(data, *way, options.limit) for name, way in WAYS.items()}
    if options.json:
        print(json.dumps(results))
        return
    print(f"{'way':36} {'CPU s a VAE':>12} {'error':>9} {'steps':>6} {'source / this':>14}")
    for name, r in results.items():
        mark = "" if r["reached"] else f"  stopped short of {TARGET:g}"
        ratio = SOURCE_SECONDS / r["cpu_seconds"]
        print(f"{name:36} {r['cpu_seconds']:12.3f} {r['relative_error']:9.1e} {r['steps']:6d} {ratio:14.0f}{mark}")


if __name__ == "__main__":
    main()
