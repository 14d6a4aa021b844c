r"""A look at a data set before anything is learned from it: what sticks out, stands still, repeats or is rounded away.

One pass over the blocks. Of a channel (a variable, or a component of one) with values y of row i, the centre c is the
median of a few rows at every point, and

.. math:: \text{reach}_i = \max |y_i - c|, \qquad \text{size}_i = \sqrt{\langle (y_i - c)^2 \rangle}.

A row sticks out by its reach over the median reach. Rows are smooth in their order where neighbours differ much less
than rows far apart; a jump is a neighbour that differs much more than neighbours do.
"""

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.missing import Missing
from beable.datasets.readings import component_axes, component_names, guessed
from beable.datasets.store import Store
from beable.errors import MOST_LISTED, DataError
from beable.simulator import Variable

Floats = NDArray[np.float64]
#: rows that decide the centre, and bytes of a block of rows
SAMPLE, BLOCK_BYTES = 32, 1 << 25
#: sizes of rows by channel that are kept in double precision; more are kept in single
MOST_DOUBLE, LARGEST_SINGLE = 1 << 22, 1e30
#: a row sticks out from so many medians on, if no more than this share of the rows do
STICKS, FEW_ROWS = 100.0, 0.1
#: size of a row, in medians, from which float32 loses the squares of the others beside its own: the root of 2^24
HIDES = 4096.0
#: components of one variable differ by orders of magnitude
CHANNELS = 1000.0
#: neighbours are smooth below this share of the distance of any two rows; a jump is so many median steps
SMOOTH, JUMP, FEWEST_STEPS = 0.25, 10.0, 20
#: rounding of stored numbers, as a share of what varies, that is worth a word
ROUNDED = 1e-3
#: a channel is constant where it varies by no more than this share of its size
CONSTANT = 1e-12
#: what single numbers of a row are called together
COLUMNS = "columns"
ADVICE = "mend it, or make it NaN and import again with --drop-invalid (allow_failed=True)"


class Finding(NamedTuple):
    """Something to know of a data set.

    Args:
        kind: "row", "channel", "zero", "jump", "precision", "constant", "repeated", "twin" or "components".
        what: variable or channel.
        rows: numbers of the rows in the store; none where it is of all.
        line: the finding with its rows and what to do, in one line.
        hides: whether nothing else can be learned beside it.
    """

    kind: str
    what: str
    rows: tuple[int, ...]
    line: str
    hides: bool = False

    def as_json(self) -> dict[str, Any]:
        """Kind, what, the first rows, their number, and the line."""
        first = list(self.rows[:MOST_LISTED])
        return {"kind": self.kind, "what": self.what, "rows": first, "number": len(self.rows), "line": self.line}


class Channel(NamedTuple):
    """What is found of a channel.

    Args:
        name: of a variable or a component.
        variable: what it belongs to.
        reach, size: of each row, (rows), see the module.
        level: largest size of the centre.
    """

    name: str
    variable: str
    reach: Floats
    size: Floats
    level: float

    @property
    def constant(self) -> bool:
        return bool(self.reach.max() <= CONSTANT * max(self.level, float(np.finfo(float).tiny)))

    @property
    def typical(self) -> float:
        """Median size of a row."""
        return float(np.median(self.size))


class Seen(NamedTuple):
    """What one pass over the rows leaves.

    Args:
        rows: their numbers in the store.
        channels: of all variables.
        zero: by variable of several numbers, and for single numbers together, which rows hold nothing but zeros.
        steps: distance of each row from the one before it, in typical sizes, NaN for the first; (rows).
        repeated: which rows are equal to an earlier one.
        twins: pairs of variables with the same numbers.
    """

    rows: NDArray[np.int64]
    channels: list[Channel]
    zero: dict[str, NDArray[np.bool_]]
    steps: Floats
    repeated: NDArray[np.bool_]
    twins: list[tuple[str, str]]


def look(
    store: Store, names: Sequence[str] | None = None, say: Callable[[str], None] = lambda words: None
) -> list[Finding]:
    """What there is to know of the rows of a data set that succeeded, before a model sees them.

    Args:
        store: the data set.
        names: the variables to look at; by default all but diagnostics.
        say: is told how many rows have been looked at.

    >>> import tempfile
    >>> heat = np.random.default_rng(0).normal(size=(40, 8, 8))
    >>> heat[7, 2, 2] = 1e3
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/heat.zarr", {"heat": heat})
    >>> [(finding.kind, finding.rows) for finding in look(store)]
    [('row', (7,))]
    """
    variables = [v for v in store.variables if (v.name in names if names is not None else not v.diagnostic)]
    rows = np.asarray(store.valid_rows)
    empty = [v.name for v in variables if store.missing.get(v.name, Missing()).values == len(rows) * prod(v.shape)]
    notes = _components(variables, store)
    notes += [
        Finding("constant", name, (), f"{name} has no number in any row: leave it out (variables, --variables)")
        for name in empty
    ]
    if len(rows) < 2 or len(empty) == len(variables):
        return notes
    seen = _pass(store, [v for v in variables if v.name not in empty], rows, say)
    return [*notes, *_rows(seen), *_channels(seen, variables), *_zeros(seen), *_jumps(seen), *_repeats(seen)]


def refuse_hidden(findings: Sequence[Finding]) -> None:
    """Refuse data in which one row hides all others from sums in single precision.

    Raises:
        DataError: the line of the finding.
    """
    for finding in findings:
        if finding.hides:
            raise DataError(f"{finding.line}; beside it single precision loses the other rows")


def numbered(rows: Sequence[int]) -> str:
    """Row numbers for people, the first few where there are many.

    >>> numbered([3]), numbered(range(46))
    ('row 3', 'rows 0, 1, 2, 3, 4 and 41 more')
    """
    more = f" and {len(rows) - MOST_LISTED} more" if len(rows) > MOST_LISTED else ""
    return f"row{'s' * (len(rows) > 1)} {', '.join(map(str, rows[:MOST_LISTED]))}{more}"


class _Lens:
    """One variable as channels (rows, channels, points) about their centre, in units that squares can hold."""

    def __init__(self, store: Store, variable: Variable, axis: int | None, sample: NDArray[np.int64]) -> None:
        self.variable, self.axis = variable, axis
        self.names = component_names(variable, axis) if axis is not None else [variable.name]
        few = self.split(store.read(variable.name, sample))
        size = np.abs(np.where(np.isnan(few), 0.0, few)).max(axis=(0, 2))
        self.unit = np.ldexp(1.0, np.frexp(np.where(size > 0, size, 1.0))[1] - 1)
        scaled = few / self.unit[:, None]
        self.centre = median_there(scaled)
        typical = np.median(np.sqrt((self.about(scaled) ** 2).mean(2)), axis=0)
        self.typical = np.where(typical > 0, typical, 1.0)
        self.last: Floats | None = None

    def split(self, values: NDArray[Any]) -> Floats:
        """(rows, ...) to (rows, channels, points)."""
        moved = values if self.axis is None else np.moveaxis(values, self.axis + 1, 1)
        return moved.reshape(len(values), len(self.names), -1).astype(np.float64)

    def about(self, scaled: Floats) -> Floats:
        """Numbers about the centre; 0, as there, where one of the two is missing."""
        scaled -= self.centre
        scaled[np.isnan(scaled)] = 0.0
        return scaled

    def steps(self, about: Floats) -> Floats:
        """Mean squared distance of each row from the one before, in typical sizes; NaN for the first of all."""
        before = about[:1] * np.nan if self.last is None else self.last
        self.last = about[-1:].copy()
        change = np.diff(np.concatenate([before, about]), axis=0)
        squares = np.einsum("rcp,rcp->rc", change, change) / change.shape[2]
        return np.asarray((squares / self.typical**2).mean(1))


def _pass(store: Store, variables: Sequence[Variable], rows: NDArray[np.int64], say: Callable[[str], None]) -> Seen:
    axes = component_axes(variables, store.coordinates)
    sample = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round().astype(int)]
    lenses = [_Lens(store, v, axes.get(v.name), sample) for v in variables]
    alike = _alike(store, variables, sample)
    few = len(rows) * sum(len(lens.names) for lens in lenses) <= MOST_DOUBLE or any(
        lens.unit.max() > LARGEST_SINGLE for lens in lenses
    )
    found, kind = [], np.float64 if few else np.float32
    for part in _parts(variables, rows):
        reach, size, *others = _block(store, lenses, part, alike)
        found.append((reach.astype(kind), size.astype(kind), *others))
        say(f"looking at the data: {part[-1] + 1:,} of {store.rows:,} rows")
    reach, size, zero, steps, digests = (np.concatenate(part) for part in zip(*(f[:5] for f in found), strict=True))
    owners = [(name, lens) for lens in lenses for name in lens.names]
    levels = [float(x) for lens in lenses for x in np.abs(np.nan_to_num(lens.centre)).max(1) * lens.unit]
    channels = [
        Channel(name, lens.variable.name, reach[:, k], size[:, k], levels[k]) for k, (name, lens) in enumerate(owners)
    ]
    first = np.zeros(len(rows), bool)
    first[np.unique(digests, return_index=True)[1]] = True
    twins = [pair for pair, same in alike.items() if same]
    whole = {v.name: zero[:, k] for k, v in enumerate(variables) if prod(v.shape) > 1}
    columns = [k for k, v in enumerate(variables) if prod(v.shape) == 1]
    if len(columns) > 1:
        whole[COLUMNS] = np.asarray(zero[:, columns].all(axis=1))
    return Seen(rows, channels, whole, _consecutive(steps, rows), ~first, twins)


def median_there(values: Floats) -> Floats:
    """Median over rows of what is there, (rows, ...) to (...); NaN where nothing is."""
    if not np.isnan(values).any():
        return np.asarray(np.median(values, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing is there
        return np.asarray(np.nanmedian(values, axis=0))


def _parts(variables: Sequence[Variable], rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Rows in blocks that fit the memory."""
    size = max(1, BLOCK_BYTES // (8 * sum(max(1, int(np.prod(v.shape))) for v in variables)))
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _block(
    store: Store, lenses: Sequence[_Lens], rows: NDArray[np.int64], alike: dict[tuple[str, str], bool]
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats, NDArray[Any]]:
    """Reach and size (rows, channels), zeros (rows, variables), steps and digests (rows) of a block."""
    data = {lens.variable.name: store.read(lens.variable.name, rows) for lens in lenses}
    for one, two in alike:
        alike[one, two] = alike[one, two] and np.array_equal(data[one], data[two], equal_nan=True)
    parts = [_seen(lens, lens.split(data[lens.variable.name])) for lens in lenses]
    reach, size = (np.concatenate([part[i] for part in parts], axis=1) for i in (0, 1))
    zero = np.stack([part[2] for part in parts], axis=1)
    steps = np.sqrt(np.mean([part[3] for part in parts], axis=0))
    return reach, size, zero, steps, _digests(list(data.values()))


def _seen(lens: _Lens, values: Floats) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Reach, size, zeros and squared steps of a variable's rows."""
    zero = np.asarray((values == 0).any(axis=(1, 2)) & ~((values > 0) | (values < 0)).any(axis=(1, 2)))
    values /= lens.unit[:, None]
    values = lens.about(values)
    size = np.sqrt(np.einsum("rcp,rcp->rc", values, values) / values.shape[2])
    reach = np.maximum(values.max(axis=2), -values.min(axis=2))
    return reach * lens.unit, size * lens.unit, zero, lens.steps(values)


def _digests(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """A fingerprint of each row over all variables."""
    rows = len(arrays[0])
    plain = [np.ascontiguousarray(values).reshape(rows, -1).view(np.uint8) for values in arrays]
    packed = np.concatenate(plain, axis=1) if len(plain) > 1 else plain[0]
    sums = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in packed)
    return np.frombuffer(sums, np.uint64)


def _alike(store: Store, variables: Sequence[Variable], sample: NDArray[np.int64]) -> dict[tuple[str, str], bool]:
    """Pairs of variables that are equal in the sample, to be held against each other everywhere."""
    groups: dict[tuple[tuple[int, ...], bytes], list[str]] = defaultdict(list)
    for v in variables:
        values = store.read(v.name, sample).astype(np.float64) + 0.0  # -0 is 0
        values[np.isnan(values)] = np.nan
        groups[values.shape, values.tobytes()].append(v.name)
    return dict.fromkeys((pair for names in groups.values() for pair in combinations(names, 2)), True)


def _consecutive(steps: Floats, rows: NDArray[np.int64]) -> Floats:
    """Steps between rows that follow each other in the store; NaN elsewhere."""
    return np.where(np.diff(rows, prepend=-1) == 1, steps, np.nan)


def _components(variables: Sequence[Variable], store: Store) -> list[Finding]:
    notes = []
    shapes = {v.name: v for v in variables}
    for name, axis in guessed(variables, store.coordinates).items():
        v = shapes[name]
        dims = tuple("layer" if i == axis else dim for i, dim in enumerate(v.dims))
        line = (
            f"{name}: its axis {v.dims[axis]} of {v.shape[axis]} beside longer ones is taken for components, each on a "
            f"scale of its own; if it is an axis of the grid name it, such as --dims {name}={','.join(dims)} "
            f"(dims={{{name!r}: {dims}}})"
        )
        notes.append(Finding("components", name, (), line))
    return notes


def _rows(seen: Seen) -> list[Finding]:
    """Rows that stick out, those of a variable together."""
    worst: dict[str, tuple[float, float, NDArray[np.bool_]]] = {}
    for c in seen.channels:
        ratio = _over_median(c.reach)
        out = ratio >= STICKS
        if out.any() and out.mean() <= FEW_ROWS and not c.constant:
            before = worst.get(c.variable, (0.0, 0.0, np.zeros(len(out), bool)))
            largest = max(before[0], float(ratio.max())), max(before[1], float(_over_median(c.size).max()))
            worst[c.variable] = (*largest, before[2] | out)
    return [_sticking(name, *found, seen.rows) for name, found in worst.items()]


def _sticking(name: str, ratio: float, size: float, out: NDArray[np.bool_], rows: NDArray[np.int64]) -> Finding:
    numbers = tuple(rows[out].tolist())
    verb = "sticks" if len(numbers) == 1 else "stick"
    line = f"{name}: {numbered(numbers)} {verb} out, up to {ratio:.2g} times as far from the others as the median row"
    return Finding("row", name, numbers, f"{line}: {ADVICE}", size >= HIDES)


def _over_median(values: Floats) -> Floats:
    """Values in units of their median; 1 where it is 0."""
    middle = float(np.median(values))
    return values / middle if middle > 0 else np.ones(len(values))


def _channels(seen: Seen, variables: Sequence[Variable]) -> list[Finding]:
    found = [_constant(c, len(seen.rows), variables) for c in seen.channels if c.constant]
    kinds = {v.name: v.dtype for v in variables}
    rounded = [(c, float(np.finfo(kinds[c.variable]).eps) * c.level) for c in seen.channels if not c.constant]
    found += [_rounded(c, step, kinds[c.variable]) for c, step in rounded if 0 < ROUNDED * c.typical < step]
    for v in variables:
        own = [c for c in seen.channels if c.variable == v.name and not c.constant and c.typical > 0]
        if len(own) > 1:
            found += _apart(v.name, own)
    return found


def _constant(channel: Channel, rows: int, variables: Sequence[Variable]) -> Finding:
    advice = "it is kept as it is, and no relative error is given for it"
    if channel.name == channel.variable:
        advice = "leave it out (variables, --variables)"
        shapes = {v.name: v.shape for v in variables}
        beside = next((v for v, shape in shapes.items() if shape == shapes[channel.name] and v != channel.name), "")
        if beside and len(shapes[channel.name]) == 1:
            advice += (
                f", or make it the axis of the others, such as --dims {beside}={channel.name} "
                f"(dims={{{beside!r}: ({channel.name!r},)}})"
            )
    return Finding("constant", channel.name, (), f"{channel.name} is the same in all {rows} rows: {advice}")


def _rounded(channel: Channel, step: float, dtype: str) -> Finding:
    line = (
        f"{channel.name}: numbers up to {channel.level:.3g} vary by {channel.typical:.2g}, and {dtype} steps there by "
        f"{step:.1g}: take off the mean before{', or store float64' * (dtype != 'float64')}"
    )
    return Finding("precision", channel.name, (), line)


def _apart(name: str, channels: Sequence[Channel]) -> list[Finding]:
    """Components of one variable that differ in size by orders of magnitude."""
    small, large = (pick(channels, key=lambda c: c.typical) for pick in (min, max))
    if large.typical < CHANNELS * small.typical:
        return []
    ratio = large.typical / small.typical
    line = (
        f"{small.name} varies {ratio:.2g} times less than {large.name}: each is scaled on its own; "
        "representation.scaling = 'none' (--scaling none) would lose it"
    )
    return [Finding("channel", name, (), line)]


def _zeros(seen: Seen) -> list[Finding]:
    found = []
    for name, zero in seen.zero.items():
        rows, channels = tuple(seen.rows[zero].tolist()), seen.channels if name == COLUMNS else _of(seen, name)
        if rows and len(rows) <= FEW_ROWS * len(zero) and not all(c.constant for c in channels):
            line = f"{name}: {numbered(rows)} hold{'s' * (len(rows) == 1)} nothing but zeros: {ADVICE}"
            found.append(Finding("zero", name, rows, line))
    return found


def _of(seen: Seen, name: str) -> list[Channel]:
    return [c for c in seen.channels if c.variable == name]


def _jumps(seen: Seen) -> list[Finding]:
    steps = seen.steps[np.isfinite(seen.steps)]
    if len(steps) < FEWEST_STEPS or not 0 < np.median(steps) < SMOOTH * np.sqrt(2):
        return []
    ratio = np.nan_to_num(seen.steps) / float(np.median(steps))
    rows = tuple(seen.rows[ratio >= JUMP].tolist())
    if not rows or len(rows) > 2 * FEW_ROWS * len(steps):
        return []
    line = (
        f"{numbered(rows)} differ{'s' * (len(rows) == 1)} from the row before up to {ratio.max():.2g} times as much as "
        "neighbours do: where other trajectories begin, hold whole ones out (training.group, training.blocks)"
    )
    return [Finding("jump", "rows", rows, line)]


def _repeats(seen: Seen) -> list[Finding]:
    found = [
        Finding("twin", two, (), f"{two} holds the same numbers as {one}: leave one out (variables, --variables)")
        for one, two in seen.twins
    ]
    rows = tuple(seen.rows[seen.repeated].tolist())
    if rows and not all(c.constant for c in seen.channels):
        line = (
            f"{numbered(rows)} repeat{'s' * (len(rows) == 1)} an earlier row: leave copies out, or errors on held-out "
            "rows are those of rows that were learned"
        )
        found.append(Finding("repeated", "rows", rows, line))
    return found
