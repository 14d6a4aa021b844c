"""How much cheaper is a member trained in a stack than on its own?

The same 16 VAEs for the same number of steps, once stacked and once one after the other, in CPU seconds of one thread.

usage: python benchmarks/stacked_training.py [--json] [--members 16] [--steps 400]
"""

import argparse
import json
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from time import process_time

import numpy as np
import torch

from beable.representations import Coded, CodeSpec
from beable.training.ensemble import Batches, as_tensors, per_member
from beable.training.fit import Fit
from beable.training.settings import TrainingSettings
from beable.vae.distributions import Noise
from beable.vae.settings import ModelSettings, ObjectiveSettings
from beable.vae.vae import VAE

ROWS, M = 512, 20


def train(members, steps):
    """CPU seconds of one training."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, M)).astype(np.float32)
    coded = Coded(values, np.full((ROWS, 1), 1e-3, np.float32))
    code = CodeSpec((M,), np.zeros(M, np.int64), np.array([12675.0]), np.ones(M, np.float32), 4225, 0.0)
    settings = TrainingSettings(members=len(members), steps=steps, batch=64, start="random")
    vae = VAE(code, ModelSettings(), Noise(0, members, "start", 1))
    held = per_member(as_tensors(coded), len(members))
    fit = Fit(vae, Batches(coded, members, 64, 0), held, ObjectiveSettings(), settings)
    begun = process_time()
    fit.run()
    return process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train([0], 20)
    stacked = train(range(options.members), options.steps)
    single = sum(train([k], options.steps) for k in range(options.members))
    results = {"stacked": stacked, "one_by_one": single, "ratio": single / stacked}
    if options.json:
        print(json.dumps(results))
        return
    print(
        f"{options.members} members, {options.steps} steps: stacked {stacked:.2f} CPU s, one by one {single:.2f} CPU s"
    )
    print(f"a member in the stack costs 1/{results['ratio']:.1f} of one on its own")


if __name__ == "__main__":
    main()
