r"""What is measured on a packed bed of spheres: density, composition, contacts, and whether it stands.

A bed stands on the floor z = 0 and is periodic in x and y, in a square of side L. Its bulk is a slab between two
heights, away from the order at the floor and from the loose top. A sphere of radius r with its centre at height z has
below height h the volume

.. math:: \tfrac{2}{3} \pi r^3 + F(u), \qquad F(u) = \pi (r^2 u - u^3 / 3), \qquad u = \min(\max(h - z, -r), r),

so that the solid volume between two heights is exact, spheres cut by the slab included; the packing fraction φ is this
volume over L² times the height of the slab. Lengths are in the unit of the radii.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from math import comb, pi
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.special import spherical_jn

from beable import checks as settings
from beable.console.records import readable
from beable.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Reach = Callable[[float, float], float]

#: largest radii that the slab stays away from floor and top, and that it is high at least
MARGIN, LEAST = 4.0, 4.0
#: share of the height that the top may take, and percentile of the centres that counts as the height
TOP, HIGHEST = 0.1, 99.0
#: gap of a contact, in radii of the smaller sphere
TOUCH = 1e-7
#: longest waves across the bed, in 2π/L
WAVES = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])
#: pairs that are looked up at once, about
PAIRS = 1_000_000


@readable
class Bed(NamedTuple):
    """Spheres at rest.

    Args:
        positions: centres, z up from the floor, (sphere, 3).
        radii: r, (sphere,).
        box: L, side of the periodic square.
        component: number of the component that each sphere is of, from 0, (sphere,).
    """

    positions: Floats
    radii: Floats
    box: float
    component: Ints

    @classmethod
    def of(cls, positions: ArrayLike, radii: ArrayLike, box: float, component: ArrayLike | None = None) -> "Bed":
        """A bed from what anyone has, checked; of one component unless said.

        Raises:
            DataError: wrong shapes, numbers that are not finite, radii that are not positive.

        >>> Bed.of([[5, -1, 2]], [1], box=8).positions.tolist()
        [[5.0, 7.0, 2.0]]
        """
        x, r = settings.array("positions", positions), settings.array("radii", radii)
        names = np.zeros(len(r), np.intp) if component is None else np.asarray(component)
        if r.ndim != 1 or not len(r) or x.shape != (len(r), 3) or names.shape != r.shape:
            shapes = f"{x.shape}, {r.shape} and {names.shape}"
            raise DataError(f"positions, radii and component must be (n, 3), (n) and (n) with n > 0, not {shapes}")
        if (r <= 0).any():
            first = int(np.argmax(r <= 0))
            raise DataError(f"radii must be greater than 0; index {first} is {r[first]:g}")
        if names.dtype.kind not in "iu" or (names < 0).any():
            raise DataError("component must be whole numbers from 0")
        side = settings.positive("box", box)
        return cls(_wrapped(x, side), r, side, names.astype(np.intp))


class Slab(NamedTuple):
    """The part of a bed between two heights."""

    low: float
    high: float


class Measured(NamedTuple):
    """A number and its standard error."""

    value: float
    standard_error: float


@readable
class HeightProfile(NamedTuple):
    """Packing fraction against height.

    Args:
        z: middles of the layers, (layer,).
        total: φ, (layer,).
        by_component: share of φ that each component has, (component, layer).
    """

    z: Floats
    total: Floats
    by_component: Floats


@readable
class Contacts(NamedTuple):
    """Pairs of spheres that touch.

    Args:
        pairs: numbers i < j of the spheres, (contact, 2).
        gaps: distance of the surfaces, negative where they overlap, (contact,).
        normals: unit vectors from j to i, (contact, 3).
    """

    pairs: Ints
    gaps: Floats
    normals: Floats


@readable
class RadialDistribution(NamedTuple):
    """How often pairs are found at a distance, beside spheres placed at random.

    Args:
        r: middles of the bins, (bin,).
        g: 1 for centres placed at random, (bin,).
        pairs: how many were found, (bin,).
    """

    r: Floats
    g: Floats
    pairs: NDArray[np.int64]


class Distance(NamedTuple):
    """A distance of two spheres, and the distance of their centres that belongs to an edge of it.

    Args:
        of: from distance of the centres and sum of the radii.
        back: distance of the centres, from an edge and a sum of radii.
    """

    of: Callable[[Floats, Floats], Floats]
    back: Callable[[float, Any], Any]


SUM = Polynomial([0.0, 1.0])
DISTANCES = {
    "centre": Distance(lambda d, s: d, lambda edge, s: edge + 0 * s),
    "gap": Distance(lambda d, s: d - s, lambda edge, s: edge + s),
    "reduced": Distance(lambda d, s: d / s, lambda edge, s: edge * s),
}


def bulk_slab(bed: Bed) -> Slab:
    """The bulk: four largest radii above the floor, and well below the top.

    The top is the 99th percentile of the centres; four largest radii or a tenth of the height are left out below it.

    Raises:
        DataError: less than four largest radii would be left.

    >>> z = np.arange(0.5, 40, 0.5)
    >>> bulk_slab(Bed.of(np.column_stack([0 * z, 0 * z, z]), 0 * z + 0.5, 3.0))
    Slab(low=2.0, high=35.199)
    """
    largest, height = float(bed.radii.max()), _height(bed)
    if (times := times_too_low(bed)) > 1:
        raise DataError(
            f"the bed is {height:.4g} high and its largest radius is {largest:.4g}: floor and top leave no bulk to "
            f"measure; drop at least {math.ceil(10 * times) / 10} times as many spheres, or narrow the box"
        )
    return Slab(MARGIN * largest, height - max(MARGIN * largest, TOP * height))


def times_too_low(bed: Bed) -> float:
    """How many times higher a bed must be to have a bulk; at most 1 for one that has.

    >>> z = np.arange(0.5, 4, 0.5)
    >>> round(times_too_low(Bed.of(np.column_stack([0 * z, 0 * z, z]), 0 * z + 0.5, 3.0)), 2)
    1.73
    """
    largest = float(bed.radii.max())
    return (2 * MARGIN + LEAST) * largest / max(_height(bed), largest)


def _height(bed: Bed) -> float:
    return float(np.percentile(bed.positions[:, 2], HIGHEST))


def solid_below(bed: Bed, heights: ArrayLike) -> Floats:
    """Volume of each sphere below each height, (height, sphere).

    >>> solid_below(Bed.of([[0, 0, 1]], [1], 9.0), [1, 3]).round(3).tolist()
    [[2.094], [4.189]]
    """
    h, r = np.atleast_1d(np.asarray(heights, np.float64))[:, None], bed.radii
    u = np.clip(h - bed.positions[:, 2], -r, r)
    return np.asarray(pi * (2 / 3 * r**3 + r**2 * u - u**3 / 3))


def packing_fraction(bed: Bed, slab: Slab | None = None) -> Measured:
    r"""Share of the slab that is solid, with the standard error that one bed shows by itself.

    The value is exact. The error, between beds dropped alike, is that of the longest lateral waves of the solid volume,

    .. math:: s^2 = \frac{1}{4} \sum_k \Bigl| \frac{1}{V} \sum_i v_i f(|k| r_i) e^{-i k \cdot x_i} \Bigr|^2, \qquad
        f(q) = 3 \, \frac{\sin q - q \cos q}{q^3} = 3 \, \frac{j_1(q)}{q},

    with the volumes v of the spheres in the slab and :math:`k L / 2 \pi` = (1, 0), (0, 1), (1, 1), (1, -1): the mean is
    the wave of infinite length. It is 1.0 to 1.5 times the spread over seeds for equal spheres, two sizes to 1:10,
    lognormal spreads to 0.5 and three components, in boxes at least three of the largest diameters wide; narrower ones
    order the bed. From one bed it has 8 degrees of freedom.

    Args:
        slab: the bulk unless said.

    Raises:
        DataError: a slab outside the bed, or see `bulk_slab`.

    >>> cubic = Bed.of(np.indices((4, 4, 20)).reshape(3, -1).T + 0.5, np.full(320, 0.5), 4.0)
    >>> round(packing_fraction(cubic, Slab(2, 12)).value, 4)
    0.5236
    """
    inside = slab or bulk_slab(bed)
    shares = _in_slab(bed, inside) / (bed.box**2 * (inside.high - inside.low))
    k = 2 * pi / bed.box * WAVES
    lengths, which = np.unique(np.linalg.norm(k, axis=1), return_inverse=True)
    q = lengths[:, None] * bed.radii
    waves = np.exp(-1j * k @ bed.positions[:, :2].T) * (3 * spherical_jn(1, q) / q)[which]
    return Measured(float(shares.sum()), float(np.sqrt(np.square(np.abs(waves @ shares)).mean())))


def packing_fraction_of_beds(beds: Sequence[Bed]) -> Measured:
    """Mean over beds, each in its bulk, and standard error from their spread.

    Raises:
        DataError: fewer than two beds, or see `bulk_slab`.

    >>> cubic = Bed.of(np.indices((4, 4, 20)).reshape(3, -1).T + 0.5, np.full(320, 0.5), 4.0)
    >>> packing_fraction_of_beds([cubic, cubic]).standard_error
    0.0
    """
    if len(beds) < 2:
        raise DataError(f"a spread over beds needs at least 2, not {len(beds)}: use packing_fraction for one")
    found = np.array([packing_fraction(bed).value for bed in beds])
    return Measured(float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))))


def composition(bed: Bed, slab: Slab | None = None) -> Floats:
    """Share of the solid volume in the slab that each component has, (component,).

    It drifts from what was dropped where small spheres sieve down through large ones.

    Args:
        slab: the bulk unless said.

    Raises:
        DataError: a slab outside the bed or without any solid, or see `bulk_slab`.

    >>> composition(Bed.of([[0, 0, 1], [4, 4, 2]], [1, 2], 9.0, [0, 1]), Slab(0, 4)).round(3).tolist()
    [0.111, 0.889]
    """
    inside = slab or bulk_slab(bed)
    volumes = np.bincount(bed.component, weights=_in_slab(bed, inside))
    if not volumes.sum() > 0:
        raise DataError(f"no sphere reaches into the slab from {inside.low:g} to {inside.high:g}: give another")
    return np.asarray(volumes / volumes.sum())


def height_profile(bed: Bed, layers: int) -> HeightProfile:
    """Packing fraction in layers of one thickness, from the floor to the highest point.

    Raises:
        UsageError: not a positive number of layers.

    >>> cubic = Bed.of(np.indices((4, 4, 20)).reshape(3, -1).T + 0.5, np.full(320, 0.5), 4.0)
    >>> height_profile(cubic, 20).total.round(4)[:2].tolist()
    [0.5236, 0.5236]
    """
    edges = np.linspace(0, (bed.positions[:, 2] + bed.radii).max(), settings.count("layers", layers, least=1) + 1)
    below = [np.bincount(bed.component, weights=solid_below(bed, h)[0]) for h in edges]
    shares = np.diff(below, axis=0).T / (bed.box**2 * np.diff(edges))
    return HeightProfile((edges[1:] + edges[:-1]) / 2, shares.sum(axis=0), shares)


def contacts(bed: Bed, tolerance: float = TOUCH) -> Contacts:
    """Pairs of spheres that touch or overlap, each once.

    Args:
        tolerance: largest gap, in radii of the smaller sphere.

    Raises:
        DataError: a box narrower than four largest radii, whose spheres would touch each other on two sides.

    >>> row = Bed.of([[1, 0, 1], [3, 0, 1], [6, 0, 1]], [1, 1, 1], box=8)
    >>> contacts(row).pairs.tolist()
    [[0, 1]]
    """
    found = []
    for i, j in _near(bed, lambda a, b: a + b + tolerance * min(a, b)):
        apart = _apart(bed, i, j)
        distance = np.maximum(np.linalg.norm(apart, axis=1), np.finfo(float).tiny)
        gaps = distance - bed.radii[i] - bed.radii[j]
        touch = gaps <= tolerance * np.minimum(bed.radii[i], bed.radii[j])
        found.append((np.column_stack([i, j])[touch], gaps[touch], apart[touch] / distance[touch, None]))
    pairs, gaps, normals = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Contacts(pairs, gaps, normals)


def coordination(bed: Bed, tolerance: float = TOUCH) -> Ints:
    """Contacts of each sphere, the floor included, (sphere,).

    Args, Raises: see `contacts`.

    >>> coordination(Bed.of([[1, 0, 1], [3, 0, 1], [6, 0, 1]], [1, 1, 1], box=8)).tolist()
    [2, 2, 1]
    """
    pairs = contacts(bed, tolerance).pairs
    return np.bincount(pairs.ravel(), minlength=len(bed.radii)) + _on_floor(bed, tolerance)


def radial_distribution(bed: Bed, slab: Slab, edges: ArrayLike, by: str = "centre") -> RadialDistribution:
    r"""How often pairs with both centres in the slab are found at a distance, beside centres placed at random there.

    Two random points in a slab of height H, periodic with side L, are within t of each other with the probability

    .. math:: \Bigl( \frac{4}{3} \pi t^3 - \frac{\pi t^4}{2 H} \Bigr) \Big/ (L^2 H), \qquad t \le H, \; t \le L/2,

    and g is the number of pairs over its sum over pairs: 1 on average for random centres, in each bin, exactly.

    Args:
        edges: of the bins, rising from 0 or more, (bin + 1,).
        by: what is binned, a key of ``DISTANCES``: "centre" the distance of the centres, "gap" that of the surfaces,
            "reduced" that of the centres over the sum of the radii, where contacts are at 1.

    Raises:
        DataError: edges that do not rise, or reach further than the slab is high or half a box.
        UsageError: an unknown kind of distance.

    >>> rng = np.random.default_rng(0)
    >>> gas = Bed.of(rng.random((2000, 3)) * 10, np.full(2000, 0.5), 10.0)
    >>> radial_distribution(gas, Slab(2, 8), [1, 2, 3, 4]).g.round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    bins, distance = settings.array("edges", edges), DISTANCES[settings.choice("distance", by, DISTANCES)]
    if bins.ndim != 1 or len(bins) < 2 or bins[0] < 0 or (np.diff(bins) <= 0).any():
        raise DataError("edges must be at least two numbers that rise from 0 or more")
    within, height = _centres_in(bed, slab), slab.high - slab.low
    if distance.back(float(bins[-1]), 2 * float(within.radii.max())) > height:
        raise DataError(f"edges reach further than the slab is high, {height:.4g}: give shorter ones or a higher slab")
    counts = np.zeros(len(bins) - 1, np.int64)
    for i, j in _near(within, lambda a, b: distance.back(float(bins[-1]), a + b) * (1 + TOUCH)):
        counts += np.histogram(distance.of(*_snapped(within, i, j)), bins)[0]
    random = np.diff([_pairs_within(within.radii, distance, edge, height) for edge in bins]) / within.box**2
    return RadialDistribution((bins[1:] + bins[:-1]) / 2, counts / np.maximum(random, 1e-300), counts)


def _centres_in(bed: Bed, slab: Slab) -> Bed:
    """The spheres whose centres lie in a slab."""
    inside = (bed.positions[:, 2] >= slab.low) & (bed.positions[:, 2] <= slab.high)
    if inside.sum() < 2:
        raise DataError(f"{int(inside.sum())} centres lie in the slab from {slab.low:g} to {slab.high:g}: 2 are needed")
    return Bed(bed.positions[inside], bed.radii[inside], bed.box, bed.component[inside])


def _snapped(bed: Bed, i: Ints, j: Ints) -> tuple[Floats, Floats]:
    """Distance of centres and sum of radii of pairs; those in contact by rounding are so exactly."""
    distance, sums = np.linalg.norm(_apart(bed, i, j), axis=1), bed.radii[i] + bed.radii[j]
    touch = np.abs(distance - sums) <= TOUCH * np.minimum(bed.radii[i], bed.radii[j])
    return np.where(touch, sums, distance), sums


def _pairs_within(radii: Floats, distance: Distance, edge: float, height: float) -> float:
    """Pairs of random centres within an edge, times L²: a polynomial in the sums of two radii."""
    t = distance.back(float(edge), SUM)
    within = 4 / 3 * pi * t**3 / height - pi * t**4 / (2 * height**2)
    powers = np.array([np.sum(radii**n) for n in range(5)])
    moments = [
        (sum(comb(n, k) * powers[k] * powers[n - k] for k in range(n + 1)) - 2**n * powers[n]) / 2 for n in range(5)
    ]
    return float(np.dot(within.coef, moments[: len(within.coef)]))


def largest_overlap(bed: Bed) -> float:
    """Deepest overlap of two spheres over the sum of their radii, or with the floor over the radius; 0 for none.

    Raises:
        DataError: see `contacts`.

    >>> largest_overlap(Bed.of([[1, 0, 1], [2.5, 0, 1]], [1, 1], box=8))
    0.25
    """
    touching = contacts(bed, 0.0)
    sums = bed.radii[touching.pairs].sum(axis=1)
    floor = (bed.radii - bed.positions[:, 2]) / bed.radii
    return max(0.0, float((-touching.gaps / sums).max(initial=0.0)), float(floor.max()))


def unsupported(bed: Bed, tolerance: float = 1e-6, *, earlier: bool = False) -> Ints:
    r"""Spheres that could move downwards if all others stayed where they are.

    A sphere rests where gravity is carried by its contacts, :math:`e_z = \sum_i \lambda_i n_i` with
    :math:`\lambda_i \ge 0` and the normals towards it. The residual of the best λ is the speed at which it would set
    off, 1 for a free fall.

    Args:
        tolerance: speed up to which a sphere counts as resting.
        earlier: whether only spheres with a smaller number carry: what was there when each one came to rest, in a bed
            in the order of release.

    Raises:
        DataError: see `contacts`.

    >>> unsupported(Bed.of([[1, 0, 1], [2, 0, 1 + 3**0.5]], [1, 1], box=8)).tolist()
    [1]
    """
    owner, normals = _carrying(bed, earlier)
    doubtful = np.flatnonzero(~(_surrounded(owner, normals, len(bed.radii)) | _on_floor(bed, TOUCH)))
    order = np.argsort(owner, kind="stable")
    first, last = (np.searchsorted(owner[order], doubtful, side) for side in ("left", "right"))
    speeds = [_speed(normals[order[a:b]]) for a, b in zip(first, last, strict=True)]
    return doubtful[np.array(speeds) > tolerance]


def _carrying(bed: Bed, earlier: bool) -> tuple[Ints, Floats]:
    """Every contact as seen from the sphere that it may carry: its number, and the normal towards it."""
    touching = contacts(bed)
    i, j = touching.pairs.T
    if earlier:
        return j, -touching.normals
    return np.concatenate([i, j]), np.concatenate([touching.normals, -touching.normals])


def _surrounded(owner: Ints, normals: Floats, spheres: int) -> NDArray[np.bool_]:
    """Spheres whose lower supports surely carry them: seen from above these lie on all sides."""
    lower = normals[:, 2] > 0
    who, angle = owner[lower], np.arctan2(normals[lower, 1], normals[lower, 0])
    order = np.lexsort((angle, who))
    who, angle = who[order], angle[order]
    names, first, count = np.unique(who, return_index=True, return_counts=True)
    steps = np.append(np.diff(angle), 0.0)
    last = first + count - 1
    steps[last] = angle[first] + 2 * pi - angle[last]
    found = np.zeros(spheres, np.bool_)
    if len(names):
        found[names] = np.maximum.reduceat(steps, first) < pi
    return found


def _speed(normals: Floats) -> float:
    """What is left of gravity by the contacts that carry it."""
    return float(scipy.optimize.nnls(normals.T, np.array([0.0, 0.0, 1.0]))[1]) if len(normals) else 1.0


def _on_floor(bed: Bed, tolerance: float) -> NDArray[np.bool_]:
    return np.asarray(bed.positions[:, 2] - bed.radii <= tolerance * bed.radii)


def _in_slab(bed: Bed, slab: Slab) -> Floats:
    """Volume of each sphere inside a slab, (sphere,)."""
    top = float((bed.positions[:, 2] + bed.radii).max())
    if not 0 <= slab.low < slab.high <= top:
        raise DataError(f"the slab from {slab.low:g} to {slab.high:g} is not within the bed, from 0 to {top:.4g}")
    low, high = solid_below(bed, [slab.low, slab.high])
    return np.asarray(high - low)


def _wrapped(positions: Floats, box: float) -> Floats:
    """With x and y in [0, L)."""
    wrapped = positions.copy()
    wrapped[:, :2] %= box
    wrapped[wrapped[:, 0] >= box, 0] = 0.0
    wrapped[wrapped[:, 1] >= box, 1] = 0.0
    return wrapped


def _apart(bed: Bed, i: Ints, j: Ints) -> Floats:
    """Vectors from spheres j to the nearest images of spheres i."""
    apart = bed.positions[i] - bed.positions[j]
    apart[:, :2] -= bed.box * np.round(apart[:, :2] / bed.box)
    return apart


def _near(bed: Bed, reach: Reach) -> Iterator[tuple[Ints, Ints]]:
    """Pairs i < j whose centres may be within a reach that rises with both radii, a part of them at a time.

    Spheres are searched by octaves of their radii, so that small ones do not pay for large ones.
    """
    octave = np.floor(np.log2(bed.radii / bed.radii.min()))
    groups = [np.flatnonzero(octave == k) for k in np.unique(octave)]
    largest = [float(bed.radii[group].max()) for group in groups]
    furthest = reach(largest[-1], largest[-1])
    if furthest > bed.box / 2 * (1 + 1e-6):
        raise DataError(
            f"box {bed.box:g} is too narrow for pairs {furthest:.4g} apart, which would meet on two sides: at least "
            f"{2 * furthest:.4g} is needed"
        )
    x = _wrapped(bed.positions, bed.box)
    trees = [_tree(x[group], bed.box) for group in groups]
    for a, small in enumerate(groups):
        for b in range(a, len(groups)):
            limit = reach(largest[a], largest[b])
            filled = min(1.0, 4 * limit**3 / (bed.box**2 * float(np.ptp(x[:, 2]) + limit)))
            for part in np.array_split(groups[b], 1 + int(filled * len(small) * len(groups[b]) / PAIRS)):
                found = _tree(x[part], bed.box).sparse_distance_matrix(trees[a], limit, output_type="ndarray")
                i, j = part[found["i"]], small[found["j"]]
                keep = i < j if a == b else i >= 0
                yield np.minimum(i, j)[keep], np.maximum(i, j)[keep]


def _tree(positions: Floats, box: float) -> Any:
    return cKDTree(positions, boxsize=(box, box, 0))
