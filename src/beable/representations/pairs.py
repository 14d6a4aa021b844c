r"""Chosen distances of particles: which pairs are meant, and a chain bent until its distances are the told ones.

Positions are the least of

.. math:: \sum_{(i,j)} w_{ij} (\|x_i - x_j\| - d_{ij})^2

over chosen pairs and those near each other along the chain, by majorisation (de Leeuw, 1977).
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from beable.errors import UsageError
from beable.representations.distance_geometry import laplacian_inverse

Floats = NDArray[np.float64]
Pairs = NDArray[np.int64]
#: pairs along the chain whose distances hold it together, weight of chosen ones beside them, and steps
NEAR, WEIGHT, STEPS = 3, 4.0, 60


def pairs_of(text: str, particles: int) -> Pairs:
    """Pairs of places in the list, (pairs, 2).

    Raises:
        UsageError: another form, a place that is not in the list, or a pair of one particle.

    >>> pairs_of("0-5, 12-3", 20).tolist()
    [[0, 5], [12, 3]]
    """
    found = [_places(part.strip(), particles) for part in text.split(",") if part.strip()]
    return np.array(found, np.int64).reshape(-1, 2)


def _places(part: str, particles: int) -> list[int]:
    ends = re.fullmatch(r"(\d{1,9})-(\d{1,9})", part)
    if ends is None:
        raise UsageError(f"distances {part!r}: give two places in the list of particles, from 0 on, such as 54-160")
    places = [int(ends[1]), int(ends[2])]
    if places[0] == places[1] or max(places) >= particles:
        raise UsageError(f"distances {part!r}: two different places from 0 to {particles - 1} are expected")
    return places


def in_places(text: str, words: Mapping[str, Sequence[object]]) -> str:
    """The same pairs with places in the list in place of names.

    A name is made of name and number of a residue and, behind a point, the name of an atom, as far as it takes to
    mean one particle: ``LEU82``, ``LEU82.CA`` or ``82.CA``.

    Args:
        text: pairs, a stroke between the ends and commas between the pairs.
        words: ``residue_names``, ``residue_numbers`` and ``atom_names`` of the particles, those that are known.

    Raises:
        UsageError: a name that means no particle, or several.

    >>> in_places("LEU82-3", {"residue_names": ["ALA", "LEU"], "residue_numbers": [81, 82]})
    '1-3'
    """
    known = _names(words)
    return ", ".join("-".join(_place(end, known) for end in part.split("-")) for part in text.split(","))


def _names(words: Mapping[str, Sequence[object]]) -> list[set[str]]:
    """By particle, the names that may mean it."""
    count = max((len(values) for values in words.values()), default=0)
    names, numbers, atoms = (
        [str(v) for v in words.get(kind, [""] * count)] for kind in ("residue_names", "residue_numbers", "atom_names")
    )
    residues = [{f"{a}{b}", b} for a, b in zip(names, numbers, strict=True)]  # a number alone is a place in the list
    return [{*own, *(f"{r}.{atom}" for r in own)} for own, atom in zip(residues, atoms, strict=True)]


def _place(end: str, known: Sequence[set[str]]) -> str:
    word = end.strip()
    if word.isdigit():
        return word
    found = [i for i, names in enumerate(known) if word in names]
    if len(found) != 1:
        many = f"means {len(found)} particles: add the atom, such as {word}.CA" if found else "means no particle"
        raise UsageError(f"distances: {word!r} {many}; give a place in the list from 0 on, or a name such as LEU82.CA")
    return str(found[0])


def lengths_of(positions: Floats, pairs: Pairs) -> Floats:
    """Distances of pairs, (rows, N, d) to (rows, pairs)."""
    return np.asarray(np.linalg.norm(positions[:, pairs[:, 0]] - positions[:, pairs[:, 1]], axis=2))


def bent(positions: Floats, pairs: Pairs, lengths: Floats) -> Floats:
    """A chain moved until the distances of pairs are the given ones, those along it kept as well as can be.

    Args:
        positions: (rows, N, d).
        pairs: (pairs, 2).
        lengths: (rows, pairs).

    Reference: J. de Leeuw, Applications of convex analysis to multidimensional scaling, in Recent Developments in
    Statistics (1977).

    >>> corner = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0]]])
    >>> moved = bent(corner, np.array([[0, 2]]), np.array([[1.5]]))
    >>> float(lengths_of(moved, np.array([[0, 2]]))[0, 0].round(2))
    1.48
    """
    n = positions.shape[1]
    near = np.array([(i, i + k) for k in range(1, NEAR + 1) for i in range(n - k)])
    every = np.concatenate([near, pairs])
    told = np.concatenate([lengths_of(positions, near), lengths], axis=1)
    weights = np.concatenate([np.ones(len(near)), np.full(len(pairs), WEIGHT)])
    ends = np.zeros((len(every), n))
    ends[np.arange(len(every)), every[:, 0]], ends[np.arange(len(every)), every[:, 1]] = 1.0, -1.0
    ties = np.zeros((n, n))
    np.add.at(ties, tuple(every.T), weights)
    back = laplacian_inverse((ties + ties.T)[None])[0] @ (ends.T * weights)  # pairs are few: `refine` takes all of N²
    x, centre = positions, positions.mean(1, keepdims=True)
    for _ in range(STEPS):
        between = x[:, every[:, 0]] - x[:, every[:, 1]]
        size = np.linalg.norm(between, axis=2)
        x = back @ (between * np.divide(told, size, out=np.zeros_like(size), where=size > 0)[..., None])
    return np.asarray(x + centre)
