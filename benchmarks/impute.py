"""Cells of a table that are held back, filled by a run and by scikit-learn's iterative imputer.

    python benchmarks/impute.py [--seeds 5] [--shares 0.05 0.1] [--members 4] [--steps 400] [--json]

Of scikit-learn's wine (178 x 13) and diabetes (442 x 10) a share of the cells is held back at random. The error is the
squared error of these cells, each column in units of its deviation, over that of the columns' means. The peer is
``IterativeImputer`` with its own regression (BayesianRidge) on standardised columns, up to 30 rounds.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from beable import RunSettings, Store, impute, train

TABLES = ("wine", "diabetes")


class Found(NamedTuple):
    """One table with cells held back.

    Args:
        name, share, seed: which.
        error, peer: relative squared errors of beable and of the iterative imputer.
        within: share of the cells that lie within one stated deviation.
        weight: of the members beside the normal law.
        seconds: CPU seconds of training and filling.
    """

    name: str
    share: float
    seed: int
    error: float
    peer: float
    within: float
    weight: float
    seconds: float

    @property
    def ratio(self) -> float:
        """Error over that of the peer."""
        return self.error / self.peer


def table(name: str) -> np.ndarray:
    """One of scikit-learn's tables, (rows, columns)."""
    from sklearn import datasets

    return np.asarray(getattr(datasets, f"load_{name}")().data, np.float64)


def peer(table: np.ndarray) -> np.ndarray:
    """What the iterative imputer makes of a table with NaN."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    mean, deviation = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        filled = IterativeImputer(max_iter=30, random_state=0).fit_transform((table - mean) / deviation)
    return np.asarray(filled) * deviation + mean


def compare(name: str, share: float, seed: int, members: int, steps: int, folder: Path) -> Found:
    """Hold cells back, fill them twice and see how far off they are."""
    whole = table(name)
    held = np.random.default_rng(seed).random(whole.shape) < share
    shown = np.where(held, np.nan, whole)
    columns = [f"c{i}" for i in range(whole.shape[1])]
    store = Store.from_arrays(
        folder / f"{name}{seed}{share}.zarr", dict(zip(columns, shown.T, strict=True)), missing="keep"
    )
    settings = {"training": {"members": members, "steps": steps, "seed": seed}}
    began = time.process_time()
    run = train(store, folder / f"{name}{seed}{share}", RunSettings.model_validate(settings))
    found = impute(run, store, seed=seed)
    seconds = time.process_time() - began
    values, deviation = (np.stack([part[c] for c in columns], 1)[held] for part in (found.values, found.deviation))
    unit, mean = (np.broadcast_to(of(shown, axis=0), whole.shape)[held] for of in (np.nanstd, np.nanmean))
    truth = whole[held]

    def size(guess: np.ndarray) -> float:
        return float((((guess - truth) / unit) ** 2).sum())

    within = float((np.abs(values - truth) < deviation).mean())
    errors = size(values) / size(mean), size(peer(shown)[held]) / size(mean)
    return Found(name, share, seed, *errors, within, found.weight, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.05, 0.1])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    every = []
    warnings.simplefilter("ignore")
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for name in TABLES:
            for share in chosen.shares:
                found = [
                    compare(name, share, seed, chosen.members, chosen.steps, Path(folder))
                    for seed in range(chosen.seeds)
                ]
                every += found
                if not chosen.json:
                    print(summary(name, share, found), flush=True)
    if chosen.json:
        print(json.dumps([f._asdict() | {"ratio": f.ratio} for f in every]))


def summary(name: str, share: float, found: list[Found]) -> str:
    """Medians over seeds, in a line."""
    error, other, ratio, within, weight, seconds = (
        np.median([getattr(f, part) for f in found])
        for part in ("error", "peer", "ratio", "within", "weight", "seconds")
    )
    worst = max(f.ratio for f in found)
    return (
        f"{name}, {share:.0%} held back, {len(found)} seeds: error {error:.3f} (iterative imputer {other:.3f}), ratio "
        f"{ratio:.3f} (worst {worst:.3f}), within one deviation {within:.0%}, weight of members {weight:.2f}, "
        f"{seconds:.1f} CPU s"
    )


if __name__ == "__main__":
    main()
