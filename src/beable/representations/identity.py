"""Whether particles that nobody declared have names: what their order in the list tells.

Taken for identical, named particles are given to whichever site is nearest, and a decoded chain is scrambled; taken for
distinct, identical ones differ from row to row by what is only a matter of counting. Numbers can show that the order
means nothing, or leave it open; that it means something, as opposed to being kept by chance, they cannot.
"""

import numpy as np

from beable.representations.assignment import assigned, places, template
from beable.representations.orders import KEYS, sort
from beable.representations.representation import FloatArray
from beable.verdicts import Verdict

#: rows and particles that are looked at, evenly spaced
MOST_ROWS, MOST_PARTICLES = 24, 256
#: the own order counts for something where it costs less than so many times what an assignment costs
COST = 2.0
#: or where so many sites hold the same place of the list in every row
KEPT = 0.8
#: or where half of the particles keep their distance to one of so many neighbours in the list within this share
NEIGHBOURS, TIED = 4, 0.15


def are_identical(positions: FloatArray) -> Verdict:
    r"""Yes where the order of the list tells nothing, else undecided.

    With x the positions as listed, s the sites of their assignment and π the assignment, the order counts for something
    if :math:`\sum |x_i - \bar x_i|^2 < 2 \sum |x_{\pi(i)} - s_i|^2`, if most sites hold one place of the list in every
    row, or if neighbours in the list keep their distance, as atoms of a molecule do.

    Args:
        positions: rows, (rows, N, d).

    >>> gas = np.random.default_rng(0).uniform(size=(20, 30, 2))
    >>> are_identical(gas).answer, are_identical(gas[:1] + 0.01 * gas).answer
    (True, None)
    """
    rows = np.linspace(0, len(positions) - 1, min(len(positions), MOST_ROWS)).round().astype(int)
    listed = np.asarray(positions[rows], np.float64)
    if listed.shape[1] < 2 or len(listed) < 2:
        return Verdict(None, "too few particles or rows to tell")
    tied = _tied(listed)
    some = np.linspace(0, listed.shape[1] - 1, min(listed.shape[1], MOST_PARTICLES)).round().astype(int)
    few = listed[:, some]
    sites = template(sort(few, KEYS["lexicographic"]))
    own = float(np.square(few - few.mean(0)).sum())
    best = float(np.square(assigned(few, sites) - sites).sum())
    at = places(few, sites)
    kept = float((at == at[:1]).all(axis=0).mean())
    if own < COST * best:
        return Verdict(None, f"as listed they vary {own / max(best, 1e-300):.2g} times as much as assigned to sites")
    if kept > KEPT:
        return Verdict(None, f"{100 * kept:.0f} % of the sites hold one place of the list in every row")
    if tied > 0.5:
        return Verdict(None, f"{100 * tied:.0f} % of them keep their distance to a neighbour in the list")
    return Verdict(True, f"as listed they vary {own / max(best, 1e-300):.2g} times as much as assigned to sites")


def _tied(listed: FloatArray) -> float:
    """Share of particles whose distance to some neighbour in the list hardly varies."""
    kept = np.zeros(listed.shape[1], bool)
    for step in range(1, min(NEIGHBOURS, listed.shape[1] - 1) + 1):
        apart = np.linalg.norm(listed[:, step:] - listed[:, :-step], axis=2)
        close = apart.std(0) < TIED * apart.mean(0)
        kept[step:] |= close
        kept[:-step] |= close
    return float(kept.mean())
