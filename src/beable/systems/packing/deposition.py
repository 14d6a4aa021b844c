r"""Spheres dropped one after the other, each rolling down to a stable rest: event-driven drop and roll.

A sphere falls until it touches another, rolls down on one, then between two, until it rests on three or on the floor.
Its centre moves along lines, meridians and circles, whose ends have closed forms; there is no time step. Sides are
periodic, the floor is z = 0, nothing that has come to rest moves again.

At every event one rule decides what comes next. With normals :math:`n_i` of all contacts, the velocity is the
projection of gravity g on what the contacts allow,

.. math:: v = g + \sum_{i \in A} \lambda_i n_i, \qquad \lambda_i > 0, \qquad v \cdot n_i \ge 0 \text{ for all } i,

and the active set A has no contact (fall), one (roll on it), two (roll between them); otherwise the sphere rests.

The complete restructuring of Visscher & Bolsterli (1972) and Jullien & Meakin (1987); written from the geometry.
"""

from math import acos, atan2, cos, floor, pi, sin, sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from beable.checks import array, positive
from beable.errors import DataError
from beable.workers import interruptible

FloatArray = NDArray[np.float64]

#: events after which a sphere counts as stuck, and how many more a ratio of sizes allows: long ways are cut in pieces
EVENTS, MORE = 1000, 4
#: gap of a contact, in radii of the smaller sphere
TOUCH = 1e-7
#: how much a direction may point into a contact
FEASIBLE = 1e-10
#: longest piece of a path that is searched at once, in radii of the smaller of the spheres that touch
PIECE = 3.0
#: packing fraction that the height of the bed is at least planned for
LOOSEST = 0.35
GOLDEN = pi * (3 - sqrt(5))
FALL, ROLL, BETWEEN, REST = 0, 1, 2, 3
TOO_MANY = -1
CONTACTS = 64
#: cells of a size class, for each of its spheres at most; size ratio up to which all neighbours are kept at once
CELLS, WIDEST = 8, 300.0
#: below it a length or an angle counts as nothing; without the guard, an angle that a released contact is within
NOTHING, UNGUARDED = 1e-12, 1e-6


class Placed(NamedTuple):
    """Spheres at rest, in a grid of cells for each size class k, as linked lists.

    Args:
        spheres: x, y, z and radius, (sphere, 4).
        head: first sphere of each cell, -1 where there is none.
        following: next sphere in the cell of each, -1 at the end, (sphere,).
        top: highest layer in use, -1 where there is none, (class,).
        cells, layers: n cells along a side, and layers of them, (class,).
        edge, largest: edge of a cell, largest radius, (class,).
        first: number of the first cell, (class + 1,).
        side: L.
        images: whether the other side is seen across a periodic side.
    """

    spheres: Any
    head: Any
    following: Any
    top: Any
    cells: Any
    layers: Any
    edge: Any
    largest: Any
    first: Any
    side: float
    images: bool


class Near(NamedTuple):
    """Spheres near a path.

    Args:
        spheres: x, y, z, as seen from the path, and distance R at which their centres are touched, (near, 4).
        names: their numbers, (near,).
    """

    spheres: Any
    names: Any


class Work(NamedTuple):
    """What the kernel writes into: made outside of it, where Numba has nothing to compile for it.

    Args:
        centre, velocity: of the sphere that falls, (3,).
        circle: its normal, its centre and the two directions in its plane, (4, 3).
        touching, normals, names: of the contacts, as in `Near`, (contact, 4), (contact, 3), (contact,).
        events, stuck: as in `Deposit`, (sphere,).
    """

    centre: Any
    velocity: Any
    circle: Any
    touching: Any
    normals: Any
    names: Any
    events: Any
    stuck: Any


class Deposit(NamedTuple):
    """A bed of spheres at rest, in the order of release.

    Args:
        positions: centres, x and y in [0, L), (sphere, 3), in the unit of the radii.
        events: falls and rolls of each sphere, (sphere,).
        stuck: spheres that had not come to rest after very many events, (stuck,).
        overlap: deepest overlap of two spheres when the later one came to rest, over the sum of their radii.
    """

    positions: FloatArray
    events: NDArray[np.int32]
    stuck: NDArray[np.int64]
    overlap: float


def deposit(
    radii: ArrayLike,
    box: float,
    rng: int | np.random.Generator,
    *,
    guard: bool = True,
    images: bool = True,
) -> Deposit:
    """Drop spheres one after the other.

    Args:
        radii: r, in the order of release, (sphere,).
        box: L, side of the periodic square.
        rng: where each sphere is released.
        guard: whether a contact that has just let go is told from a new one; without it spheres get stuck.
        images: whether the other side is seen across a periodic side; without it spheres overlap there.

    Raises:
        DataError: radii that are not positive, or a box too narrow for them.

    >>> bed = deposit(np.full(50, 0.5), 4.0, 0)
    >>> bed.positions.shape, bool(bed.positions[:, 2].min() >= 0.5)
    ((50, 3), True)
    """
    r, side = array("radii", radii), positive("box", box)
    if r.ndim != 1 or not len(r) or (r <= 0).any():
        raise DataError(f"radii must be positive numbers, (sphere,), got shape {r.shape}, least {r.min(initial=0):g}")
    if side < 4 * r.max():
        raise DataError(f"box {side:g} is narrower than two of its largest spheres: give at least {4 * r.max():g}")
    draws = np.random.default_rng(rng).random((len(r), 3)) * (side, side, 2 * pi)
    classes, placed = _empty(r, side, images)
    ratio = r.max() / r.min()
    near, work, slack = _near(ratio), _work(len(r)), NOTHING if guard else UNGUARDED
    overlap = interruptible(_place, r, draws, classes, placed, near, work, int(EVENTS + MORE * ratio), slack)
    return Deposit(placed.spheres[:, :3].copy(), work.events, np.flatnonzero(work.stuck), max(0.0, overlap))


def _empty(r: FloatArray, side: float, images: bool) -> tuple[NDArray[np.int64], Placed]:
    """The size class of each sphere, an octave each, and cells for all of them."""
    octaves = np.floor(np.log2(r / r.min()) + NOTHING).astype(np.int64)
    used, classes = np.unique(octaves, return_inverse=True)
    largest = np.array([r[classes == k].max() for k in range(len(used))])
    height = (4 / 3) * pi * (r**3).sum() / (LOOSEST * side**2) + 8 * r.max()
    smallest = np.cbrt(side**2 * height / (CELLS * np.bincount(classes) + 64))
    cells = np.maximum(1, np.floor(side / np.maximum(2 * largest, smallest))).astype(np.int64)
    edge = side / cells
    layers = np.ceil(height / edge).astype(np.int64) + 1
    first = np.concatenate([[0], np.cumsum(cells**2 * layers)]).astype(np.int64)
    head, following = np.full(first[-1], -1, np.int32), np.full(len(r), -1, np.int32)
    top, spheres = np.full(len(used), -1, np.int64), np.zeros((len(r), 4))
    return classes, Placed(spheres, head, following, top, cells, layers, edge, largest, first, side, images)


def _near(ratio: float) -> Near:
    """Room for the spheres near a path, by the ratio of the largest to the smallest radius."""
    room = int(256 + 8 * min(ratio + 2, WIDEST) ** 2)
    return Near(np.empty((room, 4)), np.empty(room, np.int64))


def _work(spheres: int) -> Work:
    touching, normals, names = np.empty((CONTACTS, 4)), np.empty((CONTACTS, 3)), np.empty(CONTACTS, np.int64)
    events, stuck = np.zeros(spheres, np.int32), np.zeros(spheres, np.bool_)
    return Work(np.empty(3), np.empty(3), np.empty((4, 3)), touching, normals, names, events, stuck)


@njit(cache=True, error_model="numpy")
def _search(c: Any, reach: float, r: float, placed: Any, near: Any) -> int:
    """Spheres that one of radius r may touch with its centre within a distance of c; their number, or `TOO_MANY`."""
    count, xyzr, found = 0, placed.spheres, near.spheres
    for k in range(len(placed.cells)):
        n, e = placed.cells[k], placed.edge[k]
        far = reach + r + placed.largest[k]
        low, high = max(0, floor((c[2] - far) / e)), min(placed.top[k], floor((c[2] + far) / e))
        for ix in range(floor((c[0] - far) / e), floor((c[0] + far) / e) + 1):
            wx = ix % n
            sx = ((ix - wx) // n) * placed.side if placed.images else 0.0
            for iy in range(floor((c[1] - far) / e), floor((c[1] + far) / e) + 1):
                wy = iy % n
                sy = ((iy - wy) // n) * placed.side if placed.images else 0.0
                for iz in range(low, high + 1):
                    i = placed.head[placed.first[k] + (iz * n + wy) * n + wx]
                    while i >= 0:
                        dx, dy = xyzr[i, 0] + sx - c[0], xyzr[i, 1] + sy - c[1]
                        dz, touch = xyzr[i, 2] - c[2], r + xyzr[i, 3]
                        if dx * dx + dy * dy + dz * dz <= (reach + touch * (1 + TOUCH)) ** 2:
                            if count == len(found):
                                return TOO_MANY
                            found[count, 0], found[count, 1] = xyzr[i, 0] + sx, xyzr[i, 1] + sy
                            found[count, 2], found[count, 3] = xyzr[i, 2], touch
                            near.names[count] = i
                            count += 1
                        i = placed.following[i]
    return count


@njit(cache=True, error_model="numpy")
def _fall(c: Any, r: float, placed: Any, left: Any, leaving: int) -> None:
    """Fall to the first sphere below, or to the floor; the contacts that are left do not stop it."""
    best, xyzr = r, placed.spheres
    for k in range(len(placed.cells)):
        n, e = placed.cells[k], placed.edge[k]
        far = r + placed.largest[k]
        layer = min(placed.top[k], floor(c[2] / e))
        while layer >= 0 and (layer + 1) * e + far > best:
            for ix in range(floor((c[0] - far) / e), floor((c[0] + far) / e) + 1):
                wx = ix % n
                sx = ((ix - wx) // n) * placed.side if placed.images else 0.0
                for iy in range(floor((c[1] - far) / e), floor((c[1] + far) / e) + 1):
                    wy = iy % n
                    sy = ((iy - wy) // n) * placed.side if placed.images else 0.0
                    i = placed.head[placed.first[k] + (layer * n + wy) * n + wx]
                    while i >= 0:
                        dx, dy, touch = xyzr[i, 0] + sx - c[0], xyzr[i, 1] + sy - c[1], r + xyzr[i, 3]
                        square = touch * touch - dx * dx - dy * dy
                        if square > 0:
                            height = xyzr[i, 2] + sqrt(square)
                            if best < height <= c[2] and not _among(i, left, leaving):
                                best = height
                        i = placed.following[i]
            layer -= 1
    c[2] = best


@njit(cache=True, error_model="numpy")
def _among(name: int, names: Any, count: int) -> bool:
    found = False
    for m in range(count):
        found = found or names[m] == name
    return found


@njit(cache=True, error_model="numpy")
def _next(normals: Any, count: int, angle: float, velocity: Any) -> tuple[int, int, int]:
    """What the contacts allow: kind of motion and its active contacts; the unit velocity is written."""
    velocity[0], velocity[1], velocity[2] = 0.0, 0.0, -1.0
    no_contact: Any = np.int64(-1)  # for a number that is written out, Numba would compile once more
    if _allowed(normals, count, velocity, no_contact, no_contact):
        return FALL, -1, -1
    for i in range(count):
        if normals[i, 2] > 0:
            _down_one(normals[i], angle, velocity)
            if _allowed(normals, count, velocity, i, no_contact):
                return ROLL, i, -1
    for i in range(count):
        for j in range(i + 1, count):
            if _down_two(normals[i], normals[j], velocity) and _allowed(normals, count, velocity, i, j):
                return BETWEEN, i, j
    return REST, -1, -1


@njit(cache=True, error_model="numpy")
def _down_one(n: Any, angle: float, velocity: Any) -> None:
    """Steepest way down a sphere; at its very top any."""
    flat = sqrt(max(0.0, 1 - n[2] * n[2]))
    if flat < NOTHING:
        velocity[0], velocity[1], velocity[2] = cos(angle), sin(angle), 0.0
    else:
        velocity[0], velocity[1], velocity[2] = n[2] * n[0] / flat, n[2] * n[1] / flat, -flat


@njit(cache=True, error_model="numpy")
def _down_two(n: Any, m: Any, velocity: Any) -> bool:
    """Way down between two spheres, if both of them carry."""
    g = n[0] * m[0] + n[1] * m[1] + n[2] * m[2]
    a, b, det = n[2] - g * m[2], m[2] - g * n[2], 1 - g * g
    if a <= 0 or b <= 0 or det < NOTHING:
        return False
    for d in range(3):
        velocity[d] = (a * n[d] + b * m[d]) / det - (d == 2)
    length = sqrt(velocity[0] ** 2 + velocity[1] ** 2 + velocity[2] ** 2)
    for d in range(3):
        velocity[d] /= max(length, NOTHING)
    return length > NOTHING


@njit(cache=True, error_model="numpy")
def _into(velocity: Any, n: Any) -> float:
    return float(velocity[0] * n[0] + velocity[1] * n[1] + velocity[2] * n[2])


@njit(cache=True, error_model="numpy")
def _allowed(normals: Any, count: int, velocity: Any, i: int, j: int) -> bool:
    """Whether a direction points into no contact but those that it slides along."""
    free = True
    for m in range(count):
        free = free and (m in (i, j) or _into(velocity, normals[m]) >= -FEASIBLE)
    return free


@njit(cache=True, error_model="numpy")
def _entry(a: float, b: float, level: float, now: float, end: float, slack: float) -> float:
    """First angle s from now to the end at which a cos s + b sin s rises to a level; the end if it does not.

    A sphere that has just let go touches at a double root, of which the earlier one lies within rounding of now: what
    came before now by more than the slack is past.
    """
    size = sqrt(a * a + b * b)
    if abs(level) >= size:
        return end
    s = atan2(b, a) - acos(level / size)
    if s < now - slack:
        s += 2 * pi
    return max(now, min(s, end))


@njit(cache=True, error_model="numpy")
def _shorter(now: float, end: float) -> float:
    """Half of a piece, and nothing of it once it is as short as rounding."""
    return now if end - now < NOTHING else (now + end) / 2


@njit(cache=True, error_model="numpy")
def _down_to(level: float, now: float, end: float) -> float:
    """Angle from now to the end at which the cosine falls to a level; the end if it does not."""
    return min(end, max(now, acos(level))) if -1 < level < 1 else end


@njit(cache=True, error_model="numpy")
def _carries(near: Any, m: int, touching: Any, i: int, name: int, r: float) -> bool:
    """Whether a sphere near the path is the very one that is rolled on, and not another image of it."""
    apart = abs(near.spheres[m, 0] - touching[i, 0]) + abs(near.spheres[m, 1] - touching[i, 1])
    return bool(near.names[m] == name and apart < r)


@njit(cache=True, error_model="numpy")
def _roll(c: Any, r: float, touching: Any, names: Any, i: int, velocity: Any, slack: float,
          placed: Any, near: Any) -> int:  # fmt: skip
    """Roll down a meridian of sphere i, to what stops it or for a piece of the way; how many spheres are near."""
    p, big = touching[i], touching[i, 3]
    flat = sqrt((c[0] - p[0]) ** 2 + (c[1] - p[1]) ** 2)
    top = flat < NOTHING * big
    ux = velocity[0] if top else (c[0] - p[0]) / flat
    uy = velocity[1] if top else (c[1] - p[1]) / flat
    now = atan2(flat, c[2] - p[2])
    end = _down_to((r - p[2]) / big, now, min(pi / 2, now + PIECE * min(r, big - r) / big))
    while True:
        middle = (now + end) / 2
        c[0], c[1], c[2] = p[0] + big * sin(middle) * ux, p[1] + big * sin(middle) * uy, p[2] + big * cos(middle)
        count = _search(c, (end - now) * big / 2, r, placed, near)
        if count != TOO_MANY or end <= now:
            break
        end = _shorter(now, end)
    for m in range(count):
        if not _carries(near, m, touching, i, names[i], r):
            s = near.spheres[m]
            dx, dy, dz = s[0] - p[0], s[1] - p[1], s[2] - p[2]
            level = (big * big + dx * dx + dy * dy + dz * dz - s[3] ** 2) / (2 * big)
            end = _entry(dz, dx * ux + dy * uy, level, now, end, slack)
    c[0], c[1], c[2] = p[0] + big * sin(end) * ux, p[1] + big * sin(end) * uy, p[2] + big * cos(end)
    return count


@njit(cache=True, error_model="numpy")
def _let_go(p: Any, o: Any, g: float) -> float:
    """Height at which sphere o carries no longer while p does; far below everything if it always does."""
    slope = 1 / o[3] - g / p[3]
    return (o[2] / o[3] - g * p[2] / p[3]) / slope if slope > 0 else -1e300


@njit(cache=True, error_model="numpy")
def _between(c: Any, r: float, touching: Any, names: Any, i: int, j: int, slack: float,
             placed: Any, near: Any, circle: Any) -> int:  # fmt: skip
    """Roll down the circle around two spheres, to what stops it, to where one lets go, or for a piece of the way."""
    p, o, n, q, e1, e2 = touching[i], touching[j], circle[0], circle[1], circle[2], circle[3]
    for d in range(3):
        n[d] = o[d] - p[d]
    distance = sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
    along = (distance * distance + p[3] * p[3] - o[3] * o[3]) / (2 * distance)
    h = sqrt(p[3] * p[3] - along * along)
    for d in range(3):
        n[d] /= distance
        q[d] = p[d] + along * n[d]
    steep = sqrt(max(1e-300, 1 - n[2] * n[2]))
    e1[0], e1[1], e1[2] = -n[2] * n[0] / steep, -n[2] * n[1] / steep, steep
    e2[0], e2[1], e2[2] = n[1] * e1[2] - n[2] * e1[1], n[2] * e1[0] - n[0] * e1[2], n[0] * e1[1] - n[1] * e1[0]
    up = across = 0.0
    for d in range(3):
        up += (c[d] - q[d]) * e1[d]
        across += (c[d] - q[d]) * e2[d]
    for d in range(3):
        e2[d] *= 1.0 if across >= 0 else -1.0
    now = atan2(abs(across), up)
    end = min(pi, now + PIECE * min(r, p[3] - r, o[3] - r) / h)
    g = (p[3] ** 2 + o[3] ** 2 - distance * distance) / (2 * p[3] * o[3])
    for height in (_let_go(p, o, g), _let_go(o, p, g), r):
        end = _down_to((height - q[2]) / (h * e1[2]), now, end)
    while True:
        middle = (now + end) / 2
        for d in range(3):
            c[d] = q[d] + h * (cos(middle) * e1[d] + sin(middle) * e2[d])
        count = _search(c, (end - now) * h / 2, r, placed, near)
        if count != TOO_MANY or end <= now:
            break
        end = _shorter(now, end)
    for m in range(count):
        mine = _carries(near, m, touching, i, names[i], r) or _carries(near, m, touching, j, names[j], r)
        if not mine:
            a = b = square = 0.0
            for d in range(3):
                apart = near.spheres[m, d] - q[d]
                a, b, square = a + apart * e1[d], b + apart * e2[d], square + apart * apart
            end = _entry(a, b, (h * h + square - near.spheres[m, 3] ** 2) / (2 * h), now, end, slack)
    for d in range(3):
        c[d] = q[d] + h * (cos(end) * e1[d] + sin(end) * e2[d])
    return count


@njit(cache=True, error_model="numpy")
def _contacts(c: Any, r: float, near: Any, count: int, touching: Any, normals: Any, names: Any) -> int:
    """Those of the spheres near the path that are touched at its end."""
    contacts = 0
    for m in range(count):
        dx, dy, dz = c[0] - near.spheres[m, 0], c[1] - near.spheres[m, 1], c[2] - near.spheres[m, 2]
        distance, touch = sqrt(dx * dx + dy * dy + dz * dz), near.spheres[m, 3]
        if distance - touch < TOUCH * min(r, touch - r) and contacts < CONTACTS:
            for d in range(4):
                touching[contacts, d] = near.spheres[m, d]
            normals[contacts, 0], normals[contacts, 1], normals[contacts, 2] = (
                dx / distance,
                dy / distance,
                dz / distance,
            )
            names[contacts] = near.names[m]
            contacts += 1
    return contacts


@njit(cache=True, error_model="numpy")
def _deepest(c: Any, near: Any, count: int) -> float:
    """Deepest overlap with the spheres near by, over the sum of the radii; negative where all are apart."""
    deepest = -1.0
    for m in range(count):
        dx, dy, dz = c[0] - near.spheres[m, 0], c[1] - near.spheres[m, 1], c[2] - near.spheres[m, 2]
        deepest = max(deepest, 1 - sqrt(dx * dx + dy * dy + dz * dz) / near.spheres[m, 3])
    return deepest


@njit(cache=True, error_model="numpy")
def _insert(sphere: int, c: Any, r: float, k: int, placed: Any) -> None:
    """Put a sphere at rest into its cell."""
    n, e = placed.cells[k], placed.edge[k]
    for d in range(2):
        c[d] -= floor(c[d] / placed.side) * placed.side
        c[d] = c[d] if c[d] < placed.side else 0.0
    for d in range(3):
        placed.spheres[sphere, d] = c[d]
    placed.spheres[sphere, 3] = r
    ix, iy, iz = min(n - 1, int(c[0] / e)), min(n - 1, int(c[1] / e)), min(placed.layers[k] - 1, int(c[2] / e))
    cell = placed.first[k] + (iz * n + iy) * n + ix
    placed.following[sphere] = placed.head[cell]
    placed.head[cell] = sphere
    placed.top[k] = max(placed.top[k], iz)


@njit(cache=True, error_model="numpy", nogil=True)
def _place(radii: Any, draws: Any, classes: Any, placed: Any, near: Any, work: Any, limit: int, slack: float) -> float:
    """Drop all spheres; the deepest overlap."""
    c, velocity, touching, normals, names = work.centre, work.velocity, work.touching, work.normals, work.names
    summit, overlap = 0.0, -1.0
    nothing: Any = np.int64(0)  # for numbers that are written out, Numba would compile once more
    no_contact: Any = np.int64(-1)
    for sphere in range(len(radii)):
        r, contacts, motion, i, j, done = radii[sphere], nothing, FALL, no_contact, no_contact, 0
        c[0], c[1], c[2] = draws[sphere, 0], draws[sphere, 1], summit + 1.5 * r
        while motion != REST and done < limit:
            done += 1
            if motion == FALL:
                _fall(c, r, placed, names, contacts)
                count = _search(c, 0.0, r, placed, near)
            elif motion == ROLL:
                count = _roll(c, r, touching, names, i, velocity, slack, placed, near)
            else:
                count = _between(c, r, touching, names, i, j, slack, placed, near, work.circle)
            if c[2] <= r * (1 + NOTHING):
                c[2], motion = r, REST
            else:
                contacts = _contacts(c, r, near, count, touching, normals, names)
                motion, i, j = _next(normals, contacts, draws[sphere, 2] + done * GOLDEN, velocity)
        work.events[sphere], work.stuck[sphere] = done, motion != REST
        overlap = max(overlap, _deepest(c, near, count))
        _insert(sphere, c, r, classes[sphere], placed)
        summit = max(summit, c[2] + r)
    return float(overlap)
