"""What does one VAE of the Darcy mixture cost until its test relative error is 1e-3?

Each way trains on the same 512 snapshots and is judged on the same 512 others; the clock is CPU seconds of one
thread from the coded data on, the representation's fit included. The peer in the same run is a convolutional VAE
on the raw fields, trained on its own, and the source's dense network; each is stopped after ``--limit`` seconds. The
last column is what the others took to the least error that the dense network had by then. The source's own code at its
own settings: 26,000 CPU s (6,500 epochs at 4.0 CPU s).

usage: python benchmarks/training_cost.py [--json] [--limit SECONDS] [--modes 2]
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

DENSE = "fields, dense network, one by one"
TARGET, SOURCE_SECONDS, CHECK_EVERY = 1e-3, 26_000.0, 25
MODES = {"kind": "modes", "scaling": "channel"}
FIELDS = {"kind": "fields", "scaling": "channel"}


def ways(latents):
    """Representation, start, members and network by name."""
    modes = ModelSettings(latents=latents)
    plain = {"latents": latents, "linear": False}
    dense = {"variance": "pixel", "scaled": False, "bounded": False}
    return {
        DENSE: (FIELDS, "random", 1, ModelSettings(network="dense-conv", **plain, **dense)),
        "fields, convolutions, one by one": (FIELDS, "random", 1, ModelSettings(network="conv", **plain)),
        "modes, ICA start, 16 stacked": (MODES, "ica", 16, modes),
        "modes, random start, 16 stacked": (MODES, "random", 16, modes),
        "modes, random start, one by one": (MODES, "random", 1, modes),
    }


def snapshots(modes):
    darcy, streams = Darcy(modes=modes, factors="mixture"), RowStreams(0, 0, 1024)
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
    """CPU seconds a member until the target or the limit, and the error by then."""
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
    error, path = np.inf, []
    while error > TARGET and process_time() - begun < limit and fit.step < settings.steps:
        for _ in range(CHECK_EVERY):
            fit.advance()
        error = relative_error(fit, rows)
        path.append(((process_time() - begun) / members, error))
    return {"path": path, "steps": fit.step, "reached": error <= TARGET}


def seconds_to(error, result):
    """CPU seconds until an error, or None."""
    return next((seconds for seconds, found in result["path"] if found <= error), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--modes", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = snapshots(options.modes)
    cost(data, MODES, "ica", 1, ModelSettings(latents=options.modes), 1.0)
    results = {name: cost(data, *way, options.limit) for name, way in ways(options.modes).items()}
    dense = min(error for _, error in results[DENSE]["path"])
    if options.json:
        print(json.dumps(results))
        return
    print(f"{'way':36} {'CPU s a VAE':>12} {'error':>9} {'steps':>6} {'source / this':>14} {f'to {dense:.1e}':>11}")
    for name, r in results.items():
        mark = "" if r["reached"] else f"  stopped short of {TARGET:g}"
        (seconds, error), as_dense = r["path"][-1], seconds_to(dense, r)
        last = "never" if as_dense is None else f"{as_dense:.3f} s"
        print(
            f"{name:36} {seconds:12.3f} {error:9.1e} {r['steps']:6d} {SOURCE_SECONDS / seconds:14.0f} {last:>11}{mark}"
        )


if __name__ == "__main__":
    main()
