"""Draw the pictures of README and documentation from the folders of studies, and keep that of a packing.

usage: python docs/pictures/draw.py demo-out lj-fluid-full bed.png

bed.png is what the first command of docs/packing.md draws; it is kept with 256 colours, a third of its size.
"""

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from beable.datasets.store import Store
from beable.metrics.separation import LUCK
from beable.report.figures.particles import configurations
from beable.report.figures.scores import angles
from beable.report.pictures import saved
from beable.training.run import Run

GRAVITIES = (0.1, 0.4, 0.7, 1.0)


def angles_of_members(out: Path) -> Figure:
    """How far the latents of every member of every arm of the Darcy study are turned from the factors."""
    arms = json.loads((out / "results.json").read_text())["parts"]["mixture"]["arms"].values()
    turned = {arm["label"]: np.array(arm["angle"], float) for arm in arms}
    return angles(turned, float(np.median([arm["pass_angle"] for arm in arms])), LUCK)


def samples_beside_equilibrium(out: Path) -> Figure:
    """The first sample of the prior at each γ, above the first configuration of the data."""
    run, store = Run.load(out / "runs" / "told"), Store.open(out / "data.zarr")
    z = run.sample(len(GRAVITIES))
    samples = next(run.decode(z, np.array(GRAVITIES)[:, None]))["positions"]
    rows = [int(np.flatnonzero(store.factor_values[:, 0] == gravity)[0]) for gravity in GRAVITIES]
    titles = [f"decoded, γ = {g:g}" for g in GRAVITIES] + [f"Monte Carlo, γ = {g:g}" for g in GRAVITIES]
    positions = np.concatenate([samples, store.read("positions", rows)])
    return configurations(positions, 10.0, titles=titles, columns=len(GRAVITIES))


PICTURES = {
    "darcy-mixture": ("darcy-mixture-angles.svg", angles_of_members),
    "lj-fluid": ("lj-fluid-samples.svg", samples_beside_equilibrium),
}


def of_study(out: Path) -> Path:
    """The picture of a study."""
    name, draw = PICTURES[json.loads((out / "results.json").read_text())["study"]]
    path = Path(__file__).with_name(name)
    path.write_bytes(saved(draw(out), "svg"))
    return path


def of_packing(picture: Path) -> Path:
    """The picture of a packing, with 256 colours."""
    path = Path(__file__).with_name("packing.png")
    Image.open(picture).convert("RGB").quantize(256).save(path, optimize=True)
    return path


def main() -> None:
    for given in map(Path, sys.argv[1:]):
        print(of_packing(given) if given.suffix == ".png" else of_study(given))


if __name__ == "__main__":
    main()
