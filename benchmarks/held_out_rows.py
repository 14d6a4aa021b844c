"""What do the looks at over-fitting and at held-out rows cost beside a training, and what do they save?

The data are a street of vortices of 400 rows and 60,000 numbers each, fitted with two latents and nothing else chosen;
the peer in the same run, with ``--whole``, is the same training to its last step. CPU seconds of one thread; the error
is that of held-out rows, beside that of two modes of the training rows.

usage: python benchmarks/held_out_rows.py [--json] [--rows N] [--members N] [--whole]
"""

import argparse
import json
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch

from beable.analysis.evaluation import evaluate
from beable.analysis.overfitting import overfitting
from beable.datasets.store import Store
from beable.settings import validated
from beable.training.data import prepare
from beable.training.run import representation_choice, settled, train
from beable.training.settings import RunSettings
from beable.training.strangers import strangers

NODES = (200, 150)


def wake(rows, seed=0, noise=0.1):
    """Velocity of a street of vortices at any phase, with noise; their spacing is the second factor."""
    rng = np.random.default_rng(seed)
    phase, spacing = rng.uniform(0, 1, rows), rng.uniform(1.2, 2.0, rows)
    x, y = np.meshgrid(np.linspace(0, 8, NODES[0]), np.linspace(-2, 2, NODES[1]), indexing="ij")
    velocity = rng.normal(scale=noise, size=(rows, 2, *NODES)).astype(np.float32)
    for i in range(rows):
        for k in range(14):
            place = (k // 2 + 0.5 * (k % 2) + phase[i]) * spacing[i]
            across, along = y - 0.35 * (-1) ** k, x - place
            square = along**2 + across**2
            swirl = (-1) ** k * min(place, 2.0) / 2 * -np.expm1(-square / 0.15) / np.maximum(square, 1e-9)
            velocity[i] += np.stack([-swirl * across, swirl * along])
    return velocity


def error_of_modes(velocity, run, count=2):
    """Relative error of so many modes of the training rows on held-out rows."""
    trained, held = (velocity[rows].reshape(len(rows), -1) for rows in (run.train_rows, run.held_rows))
    mean = trained.mean(0)
    energies, sides = np.linalg.eigh((trained - mean) @ (trained - mean).T)
    modes = (sides[:, -count:] / np.sqrt(energies[-count:])).T @ (trained - mean)
    left = held - mean - (held - mean) @ modes.T @ modes
    return float((left**2).sum() / ((held - held.mean(0)) ** 2).sum())


def seconds(question):
    """CPU seconds of a call, the least of three."""
    spent = []
    for _ in range(3):
        begun = process_time()
        question()
        spent.append(process_time() - begun)
    return min(spent)


def measured(velocity, folder, members, whole):
    store = Store.from_arrays(f"{folder}/wake.zarr", {"velocity": velocity})
    model = {"latents": 2}
    ways = {"default": {}} | ({"to the end": {"patience": "none"}} if whole else {})
    trees = {name: {"model": model, "training": {"members": members} | more} for name, more in ways.items()}
    runs = {name: train(store, f"{folder}/{name}", validated(RunSettings, tree)) for name, tree in trees.items()}
    settings = settled(validated(RunSettings, trees["default"]), store)
    data = prepare(store, ["velocity"], *representation_choice(settings), settings.training)
    run = runs["default"]
    looks = {
        "strangers": lambda: strangers(data.train, data.held, data.train_rows, data.held_rows, store.factor_values),
        "over-fitting": lambda: overfitting(run.history),
    }
    return {
        "cpu_seconds": {name: one.cpu_seconds for name, one in runs.items()},
        "steps": {name: one.metadata["steps"] for name, one in runs.items()},
        "looks": {name: seconds(look) for name, look in looks.items()},
        "error": evaluate(run, store).relative_error.tolist(),
        "error_of_two_modes": error_of_modes(velocity, run),
        "verdicts": [str(v) for v in overfitting(run.history).verdicts],
        "strangers": str(run.strangers),
        "modes": list(run.representation.code.shape),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--whole", action="store_true", help="train to the last step as well, the peer")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        found = measured(wake(options.rows), folder, options.members, options.whole)
    if options.json:
        print(json.dumps(found))
        return
    spent, looks = found["cpu_seconds"], found["looks"]
    print(f"training: {spent['default']:.1f} CPU s in {found['steps']['default']} steps, modes {found['modes']}")
    if options.whole:
        print(f"to the last step: {spent['to the end']:.1f} CPU s in {found['steps']['to the end']} steps")
    print(f"looks: {', '.join(f'{name} {s:.3f} s' for name, s in looks.items())}", end="; ")
    print(f"{sum(looks.values()) / spent['default']:.1%} of the training")
    print(f"errors {min(found['error']):.3f} to {max(found['error']):.3f}, two modes {found['error_of_two_modes']:.3f}")
    print(f"over-fits: {found['verdicts'][0]}\nstrangers: {found['strangers']}")


if __name__ == "__main__":
    main()
