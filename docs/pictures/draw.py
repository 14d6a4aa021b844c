"""Draw the pictures of README and documentation from the results of a study.

usage: python docs/pictures/draw.py demo-out/results.json
"""

import json
import sys
from pathlib import Path

import numpy as np

from beable.report.figures.scores import scores
from beable.report.figures.style import style


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    arms = results["arms"].values()
    first = next(iter(arms))
    figure = scores(
        {arm["label"]: np.array(arm["s_d"]) for arm in arms},
        first["s_d_ceiling"],
        first["s_d_chance"],
        tuple(first["s_d_chance_range"]),
        "$S_D$",
    )
    path = Path(__file__).with_name(f"{results['study']}-scores.svg")
    with style():
        figure.savefig(path, metadata={"Date": None})
    print(path)


if __name__ == "__main__":
    main()
