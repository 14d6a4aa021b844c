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
from beable.report.figures.particles import configurations
from beable.report.figures.scores import scores
from beable.report.figures.style import style
from beable.training.run import Run

GRAVITIES = (0.1, 0.4, 0.7, 1.0)


def members_between_chance_and_ceiling(out: Path) -> Figure:
    """S_D of every member of every arm of the Darcy study."""
    arms = json.loads((out / "results.json").read_text())["parts"]["mixture"]["arms"].values()
    first = next(iter(arms))
    return scores(
        {arm["label"]: np.array(arm["s_d"]) for arm in arms},
        first["s_d_ceiling"],
        first["s_d_chance"],
        tuple(first["s_d_chance_range"]),
        "$S_D$",
    )


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
    "darcy-mixture": ("darcy-mixture-scores.svg", members_between_chance_and_ceiling),
    "lj-fluid": ("lj-fluid-samples.svg", samples_beside_equilibrium),
}


def of_study(out: Path) -> Path:
    """The picture of a study."""
    name, draw = PICTURES[json.loads((out / "results.json").read_text())["study"]]
    path = Path(__file__).with_name(name)
    figure = draw(out)
    with style():
        figure.savefig(path, metadata={"Date": None})
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
