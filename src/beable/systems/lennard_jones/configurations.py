r"""What sets of particles in a box look like: overlaps, contacts, pair correlation, profile, energies.

X (rows, N, d) are positions in [0, L]^d, in units of the particle diameter σ; the last dimension points up. One
number alone can be bought: a model that prints the same well-spaced configuration is always valid, has too few
contacts and too narrow a distribution of everything. Read validity beside `contacts`, `radial_distribution` and
`jensen_shannon`.

In a box with hard walls two ideal particles are at distance r with the density of a line picked in a square or a
cube, which falls off long before L: g(r) is normalised by that, not by the 2πr or 4πr² of periodic boundaries.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from beable.errors import DataError, UsageError
from beable.metrics.columns import Bools, Floats, Ints, Seed
from beable.representations.distance_geometry import as_positions


def smallest_distance(positions: ArrayLike) -> Floats:
    """Least distance of two particles, (rows,); infinite for one particle.

    Args:
        positions: X, (rows, N, d).

    Raises:
        DataError: shape, NaN or infinity.

    >>> smallest_distance([[[0, 0], [3, 4], [0, 9]]]).tolist()
    [5.0]
    """
    least: Floats = _pair_distances(as_positions(positions)).min(axis=1, initial=np.inf)
    return least


def inside(positions: ArrayLike, box: float) -> Bools:
    """Whether all particles are in [0, L]^d, walls included, (rows,).

    Args:
        positions: X, (rows, N, d).
        box: side L.

    Raises:
        DataError: shape, NaN or infinity.
        UsageError: box not positive.
    """
    x = as_positions(positions)
    within: Bools = np.all((x >= 0) & (x <= _side(box)), axis=(1, 2))
    return within


def valid(positions: ArrayLike, box: float | None = None, core: float = 0.8) -> Bools:
    """Whether no two particles overlap, all distances > core, and all are `inside` the box if one is given, (rows,).

    In equilibrium at temperature 0.75 hardly a pair of Lennard-Jones particles comes nearer than 0.85.

    Blind to: energy, density, whether the rows differ from each other.

    Args:
        positions: X, (rows, N, d).
        box: side L; None: only overlaps count.
        core: least distance in units of σ.

    Raises:
        DataError, UsageError: see `inside`.

    >>> valid([[[1, 1], [1, 2]], [[1, 1], [1, 1.5]], [[1, 1], [1, 12]]], 10).tolist()
    [True, False, False]
    """
    apart: Bools = smallest_distance(positions) > core
    return apart if box is None else apart & inside(positions, box)


def contacts(positions: ArrayLike, low: float = 1.0, high: float = 1.25) -> Ints:
    """Number of pairs with low < r < high, (rows,): around the minimum of Lennard-Jones, 1.12, by default.

    Args:
        positions: X, (rows, N, d).
        low, high: in units of σ.

    Raises:
        DataError: shape, NaN or infinity.
    """
    r = _pair_distances(as_positions(positions))
    touching: Ints = np.count_nonzero((low < r) & (r < high), axis=1)
    return touching


def gyration(positions: ArrayLike) -> Floats:
    r"""Radius of gyration :math:`\sqrt{\sum_i |x_i - \bar x|^2 / N}`, (rows,).

    Args:
        positions: X, (rows, N, d).

    Raises:
        DataError: shape, NaN or infinity.
    """
    x = as_positions(positions)
    squared: Floats = np.square(x - x.mean(axis=1, keepdims=True)).sum(axis=2).mean(axis=1)
    return np.sqrt(squared)


def matched_error(positions: ArrayLike, reference: ArrayLike) -> Floats:
    """Root mean square distance of a particle from its partner, the partners assigned as well as can be, (rows,).

    Does not depend on the order of the particles; is not aligned: turn and shift first where that is meant.

    Args:
        positions: X, (rows, N, d).
        reference: Y, (rows, N, d).

    Raises:
        DataError: shapes, NaN or infinity.

    Reference: H. W. Kuhn, Nav. Res. Logist. Q. 2, 83 (1955), for the assignment.

    >>> matched_error([[[0, 0], [5, 5]]], [[[5, 6], [0, 1]]]).tolist()
    [1.0]
    """
    x, y = as_positions(positions), as_positions(reference)
    if x.shape != y.shape:
        raise DataError(f"positions {x.shape} and reference {y.shape} must have one shape")
    return np.array([_matched(one, other) for one, other in zip(x, y, strict=True)], dtype=np.float64)


def _matched(one: Floats, other: Floats) -> float:
    squared = np.square(one[:, None] - other[None]).sum(axis=2)
    return float(np.sqrt(squared[scipy.optimize.linear_sum_assignment(squared)].mean()))


class RadialDistribution(NamedTuple):
    """Pair correlation.

    Args:
        r: middles of the bins, (bins,).
        g: 1 for points that are uniform in the box; NaN where the box has no pairs, beyond L√d, (bins,).
        standard_error: over the rows, (bins,); NaN for one row.
    """

    r: Floats
    g: Floats
    standard_error: Floats


def radial_distribution(positions: ArrayLike, box: float, edges: ArrayLike) -> RadialDistribution:
    r"""Pair correlation :math:`g = n(\text{bin}) / (n_\text{pairs} \int_\text{bin} p\,dr)` with p of uniform points.

    For two particles at low density g tends to exp(−u/T). Under gravity the profile alone makes g differ from 1:
    compare with that of equilibrium configurations, not with 1.

    Args:
        positions: X, (rows, N, d), d = 2 or 3; rows independent of each other.
        box: side L.
        edges: of the bins, ascending, (bins + 1,).

    Raises:
        DataError: shape, NaN or infinity, one particle, another d, edges that do not ascend from 0 or above.
        UsageError: box not positive.

    Reference: D. P. Robbins, Amer. Math. Monthly 85, 278 (1978), for the cube; see `pair_density`.

    >>> x = np.random.default_rng(0).uniform(0, 10, size=(2000, 30, 2))
    >>> radial_distribution(x, 10, [1, 2, 6, 12]).g.round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    x, sides = _several(positions), np.asarray(edges, dtype=np.float64)
    if sides.ndim != 1 or len(sides) < 2 or not (sides[0] >= 0 and (np.diff(sides) > 0).all()):
        raise DataError("edges must ascend from 0 or above, two or more")
    r = _pair_distances(x)
    expected = r.shape[1] * _pair_share(sides / _side(box), x.shape[2])
    counts = _counts(r, sides)
    each = np.divide(counts, expected, out=np.full(counts.shape, np.nan), where=expected > 0)
    return RadialDistribution((sides[1:] + sides[:-1]) / 2, *_mean_and_error(each))


def pair_density(r: ArrayLike, dimensions: int) -> Floats:
    """Density of the distance of two points that are uniform in the unit square or cube.

    Args:
        r: distances, any shape.
        dimensions: 2 or 3.

    Raises:
        DataError: other dimensions.

    Reference: D. P. Robbins, Amer. Math. Monthly 85, 278 (1978); A. M. Mathai, P. Moschopoulos and G. Pederzoli,
    Rend. Circ. Mat. Palermo 48, 163 (1999).

    >>> pair_density([0.0, 0.5, 1.5], 2).round(4).tolist()
    [0.0, 1.3916, 0.0]
    """
    if dimensions not in PAIR_DENSITIES:
        raise DataError(f"the distance of two points is known in 2 and 3 dimensions, got {dimensions}")
    x = np.asarray(r, dtype=np.float64)
    return np.where((x >= 0) & (x <= np.sqrt(dimensions)), PAIR_DENSITIES[dimensions](x), 0.0)


def _in_square(r: Floats) -> Floats:
    q = np.sqrt((r**2 - 1).clip(0))
    near = r**2 - 4 * r + np.pi
    far = 4 * q - (r**2 + 2 - np.pi) - 4 * np.arctan(q)
    density: Floats = 2 * r * np.where(r <= 1, near, far)
    return density


def _in_cube(r: Floats) -> Floats:
    q, p = np.sqrt((r**2 - 1).clip(0)), np.sqrt((r**2 - 2).clip(0))
    near = -(r**2) * ((r - 8) * r**2 + np.pi * (6 * r - 4))
    middle = 2 * r * ((r**2 - 8 * q + 3) * r**2 - 4 * q + 12 * r**2 * np.arctan(q) + np.pi * (3 - 4 * r) - 0.5)
    corner = 16 * r * (np.arctan(r * p) - np.arctan2(r, p)) - 24 * (r**2 + 1) * np.arctan(p)
    far = r * ((1 + r**2) * (6 * np.pi + 8 * p - 5 - r**2) + corner)
    return np.select([r <= 1, r <= np.sqrt(2)], [near, middle], far)


PAIR_DENSITIES = {2: _in_square, 3: _in_cube}


def _pair_share(edges: Floats, dimensions: int) -> Floats:
    """Share of the pairs in each bin, by Gauss's rule between edges and the kinks of the density."""
    knots = np.unique(np.concatenate([edges, np.sqrt(np.arange(1, dimensions + 1))]))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.diff(knots)[:, None] / 2
    pieces = (half * weights * pair_density(knots[:-1, None] + half * (1 + nodes), dimensions)).sum(axis=1)
    share: Floats = np.diff(np.concatenate([[0.0], pieces.cumsum()])[np.searchsorted(knots, edges)])
    return share


class HeightProfile(NamedTuple):
    """Particles by height.

    Args:
        height: y, middles of the bins, (bins,).
        density: particles per unit of height n(y), (bins,); its integral is N less those outside.
        standard_error: over the rows, (bins,); NaN for one row.
        outside: share of the particles below the floor or above the lid.
    """

    height: Floats
    density: Floats
    standard_error: Floats
    outside: float


def height_profile(positions: ArrayLike, box: float, bins: int = 40) -> HeightProfile:
    """Particles per unit of height.

    An ideal gas has n(y) ∝ exp(−γy/T); n(0) − n(L) = Nγ/T for every fluid between hard walls.

    Args:
        positions: X, (rows, N, d); rows independent of each other.
        box: side L.
        bins: of equal height.

    Raises:
        DataError: shape, NaN or infinity.
        UsageError: box not positive, no bins.
    """
    x = as_positions(positions)
    if bins < 1:
        raise UsageError(f"bins must be 1 or more, got {bins}")
    edges = np.linspace(0, _side(box), bins + 1)
    counts = _counts(x[:, :, -1], edges)
    outside = 1 - counts.sum() / max(1, x[:, :, -1].size)
    return HeightProfile((edges[1:] + edges[:-1]) / 2, *_mean_and_error(counts * bins / box), float(outside))


class JensenShannon(NamedTuple):
    """How far two samples are from one distribution.

    Args:
        distance: root of the divergence, natural logarithm; between 0 and √(ln 2) = 0.833.
        divergence: in nats.
        floor: mean distance of two samples of these sizes that come from one distribution.
        p: share of such samples at least as far apart; never 0.
        edges: between the cells; the first and the last cell are open.
        overflow: share of each sample outside the range; 0 for bins by quantiles.
    """

    distance: float
    divergence: float
    floor: float
    p: float
    edges: Floats
    overflow: tuple[float, float]


def jensen_shannon(
    first: ArrayLike,
    second: ArrayLike,
    bins: int = 50,
    *,
    range: tuple[float, float] | None = None,
    repeats: int = 199,
    rng: Seed = 0,
) -> JensenShannon:
    r"""Jensen-Shannon distance :math:`\sqrt{[D(p\|m) + D(q\|m)]/2}`, m = (p + q)/2, of two samples, and its floor.

    Histograms of finite samples always differ: with 100 rows and 50 bins the distance of two samples of one
    distribution is about 0.4. ``floor`` is its mean over random divisions of the pooled sample. By default the bins
    hold equal shares of the pooled sample, which no tail can spoil; with a range they are of equal width, and what
    lies outside is counted in two more, infinite values included.

    Args:
        first, second: numbers such as energies, (rows,), of any two lengths.
        bins: between edges.
        range: of bins of equal width; None: bins by quantiles.
        repeats: random divisions.
        rng: seed or generator.

    Raises:
        DataError: not columns, empty, NaN.
        UsageError: fewer than 2 bins, no repeats, empty range.

    Reference: J. Lin, IEEE Trans. Inf. Theory 37, 145 (1991); D. M. Endres and J. E. Schindelin, IEEE Trans. Inf.
    Theory 49, 1858 (2003), for its root.

    >>> draw = np.random.default_rng(0)
    >>> same = jensen_shannon(draw.normal(size=500), draw.normal(size=500))
    >>> other = jensen_shannon(draw.normal(size=500), 1 + draw.normal(size=500))
    >>> same.p > 0.05, other.p <= 0.01, round(other.floor, 1)
    (True, True, 0.2)
    """
    a, b = _column(first), _column(second)
    if bins < 2 or repeats < 1:
        raise UsageError(f"bins must be 2 or more and repeats positive, got {bins}, {repeats}")
    edges = _quantile_edges(np.concatenate([a, b]), bins) if range is None else _equal_edges(range, bins)
    counts = np.array([np.bincount(np.searchsorted(edges, x, "right"), minlength=len(edges) + 1) for x in (a, b)])
    seen = float(_divergence(counts[0], counts[1]))
    luck = np.random.default_rng(rng).multivariate_hypergeometric(counts.sum(axis=0), len(a), repeats)
    null = _divergence(luck, counts.sum(axis=0) - luck)
    p = (1 + np.sum(null >= seen * (1 - 1e-12))) / (1 + repeats)
    over = (0.0, 0.0) if range is None else tuple((counts[:, [0, -1]].sum(axis=1) / counts.sum(axis=1)).tolist())
    return JensenShannon(seen**0.5, seen, float(np.sqrt(null).mean()), float(p), edges, (over[0], over[1]))


def _divergence(a: NDArray[np.integer], b: NDArray[np.integer]) -> Floats:
    """Jensen-Shannon divergence of counts (..., cells)."""
    p, q = a / a.sum(axis=-1, keepdims=True), b / b.sum(axis=-1, keepdims=True)
    m = (p + q) / 2
    total: Floats = (rel_entr(p, m) + rel_entr(q, m)).sum(axis=-1) / 2
    return np.maximum(total, 0.0)


def _quantile_edges(pooled: Floats, bins: int) -> Floats:
    """Inner edges of cells with equal shares, fewer where values repeat; no interpolation, for infinite values."""
    return np.unique(np.quantile(pooled, np.arange(1, bins) / bins, method="higher"))


def _equal_edges(ends: tuple[float, float], bins: int) -> Floats:
    low, high = ends
    if not (low < high and np.isfinite([low, high]).all()):
        raise UsageError(f"range must be two finite numbers in order, got {ends}")
    edges = np.linspace(low, high, bins + 1)
    edges[-1] = np.nextafter(high, np.inf)
    return edges


def _column(values: ArrayLike) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise DataError(f"a column of numbers (rows,), one or more, is needed, got shape {x.shape}")
    if np.isnan(x).any():
        raise DataError(f"the column holds {np.isnan(x).sum()} NaN: leave those rows out")
    return x


def _several(positions: ArrayLike) -> Floats:
    x = as_positions(positions)
    if x.shape[1] < 2:
        raise DataError("one particle has no neighbours: at least 2 are needed")
    return x


def _side(box: float) -> float:
    if not (box > 0 and np.isfinite(box)):
        raise UsageError(f"box must be a positive length, got {box}")
    return box


def _pair_distances(x: Floats) -> Floats:
    """Every pair once, (rows, N(N − 1)/2)."""
    i, j = np.triu_indices(x.shape[1], 1)
    squared = np.zeros((len(x), len(i)))
    for axis in np.moveaxis(x, -1, 0):
        squared += np.square(axis[:, i] - axis[:, j])
    return np.sqrt(squared, out=squared)


def _counts(values: Floats, edges: Floats) -> Ints:
    """Histogram of each row, (rows, bins); the last bin includes its upper edge."""
    bins = len(edges) - 1
    cell = np.searchsorted(edges, values, "right") - 1
    cell[values == edges[-1]] = bins - 1
    row, column = np.nonzero((cell >= 0) & (cell < bins))
    return np.bincount(row * bins + cell[row, column], minlength=len(values) * bins).reshape(len(values), bins)


def _mean_and_error(each: Floats) -> tuple[Floats, Floats]:
    """Mean over the rows and its standard error, NaN for one row."""
    rows = len(each)
    if not rows:
        raise DataError("no rows")
    error = each.std(axis=0, ddof=1) / np.sqrt(rows) if rows > 1 else np.full(each.shape[1], np.nan)
    return each.mean(axis=0), error
